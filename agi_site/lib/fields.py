"""Columns as the seed specifies them, on MySQL, MariaDB and SQLite alike."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import crypto
from .ids import uuid7

if TYPE_CHECKING:  # the fields are generic for the type checker only
    CharField = models.CharField[Any, Any]
    DateTimeField = models.DateTimeField[Any, Any]
    BinaryField = models.BinaryField[Any, Any]
    JSONField = models.JSONField[Any, Any]
else:
    CharField, DateTimeField = models.CharField, models.DateTimeField
    BinaryField, JSONField = models.BinaryField, models.JSONField


class UUIDKey(CharField):
    """VARCHAR(36) primary key holding a UUIDv7: inserts stay local in the clustered index."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("verbose_name", _("id"))
        kwargs.update(primary_key=True, max_length=36, default=uuid7, editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for implied in ("primary_key", "max_length", "default", "editable", "verbose_name"):
            kwargs.pop(implied, None)
        return name, path, args, kwargs


class EnumField(CharField):
    """A real ENUM on MySQL and MariaDB, varchar elsewhere; pair it with `enum_check`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("choices"):
            values = [value for value, _label in models.Field(choices=kwargs["choices"]).flatchoices]
            kwargs.setdefault("max_length", max(map(len, values)))
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str | None:
        if connection.vendor != "mysql":
            return super().db_type(connection)
        quoted = ("'" + str(value).replace("'", "''") + "'" for value, _label in self.flatchoices)
        return f"enum({','.join(quoted)})"

    def cast_db_type(self, connection: Any) -> str | None:
        if connection.vendor != "mysql":
            return super().cast_db_type(connection)
        return f"char({self.max_length})"

    @property
    def non_db_attrs(self) -> tuple[str, ...]:  # type: ignore[override]
        # Here the choices are the column's type, so a change of choices has to reach the database.
        return tuple(name for name in super().non_db_attrs if name != "choices")


class ExactCharField(CharField):
    """Text compared byte by byte on every engine (paths, hashes, tokens): MySQL folds case by default."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class CreatedAtField(DateTimeField):
    """When the row was made (UTC). The default stands in Python and in the database:

    without the first, MySQL leaves an expression on the instance after `create()`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(default=timezone.now, db_default=Now(), editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for implied in ("default", "db_default", "editable"):
            kwargs.pop(implied, None)
        return name, path, args, kwargs


class UpdatedAtField(DateTimeField):
    """When the row last changed (UTC), moved by every `save()`; `QuerySet.update()` has to name it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(auto_now=True, db_default=Now())
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for implied in ("auto_now", "db_default", "editable", "blank"):
            kwargs.pop(implied, None)
        return name, path, args, kwargs


class EmbeddingField(BinaryField):
    """A vector as float32 little-endian bytes; the engine that made it stands in `embedding_model`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(null=True, blank=True, editable=False)
        super().__init__(*args, **kwargs)


def enum_check(name: str, field: str, choices: type[models.TextChoices]) -> models.CheckConstraint:
    """The rule that `field` holds one of `choices` (or NULL); `name` is unique over the whole project."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)


def range_check(name: str, field: str, low: float, high: float) -> models.CheckConstraint:
    """The rule that `field` lies between `low` and `high`, both included (or is NULL)."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__range": (low, high)}), name=name)


class SealedJSONField(JSONField):
    """A JSON object encrypted at rest: the column holds `{"sealed": "<token>"}`, Python sees the object.

    Doors show it through `masked`, which keeps the names and hides the values.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not prepared:
            value = {"sealed": crypto.encrypt(json.dumps(value))}
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        stored = super().from_db_value(value, expression, connection)
        if isinstance(stored, dict) and set(stored) == {"sealed"}:
            return json.loads(crypto.decrypt(stored["sealed"]))
        return stored


def masked(secrets: dict[str, Any] | None) -> dict[str, str] | None:
    """The names of a sealed object with every value hidden."""
    return None if secrets is None else dict.fromkeys(secrets, crypto.MASK)
