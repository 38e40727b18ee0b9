"""Serializers that keep to the rows their person may see and to the rules of their table."""

from copy import copy, deepcopy
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from agi_site.lib import targets
from agi_site.lib.fields import SealedJSONField, masked
from agi_site.lib.problems import Problem

from .json_fields import PlainJSONField


class OwnKeyField(serializers.PrimaryKeyRelatedField[Any]):
    """A reference to a row, looked up among those that the asking person may see."""

    def get_queryset(self) -> models.QuerySet[Any]:
        rows: Any = super().get_queryset()
        request = self.context.get("request")
        visible: models.QuerySet[Any] = rows.for_user(request.user if request else None)
        return visible


class TimeField(serializers.DateTimeField):
    """A time that there is in UTC, too: near the ends of the calendar other zones have more."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            time = super().to_internal_value(value)
            time.astimezone(UTC)
        except OverflowError as error:
            raise serializers.ValidationError(_("This time is out of range.")) from error
        return time


class MaskedJSONField(PlainJSONField):
    """A sealed object: it can be written, and is read with every value hidden."""

    def to_representation(self, value: Any) -> Any:
        return masked(value)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("invalid")
        return super().to_internal_value(data)


def broken_rules(row: models.Model, *, touched: set[str], unknown: set[str]) -> dict[str, list[Any]]:
    """The faults of `row` by field: the table's constraints that the fields `touched` can break, are broken.

    A rule about one of the fields `unknown`, which have no value yet, is left to the database.
    """
    faults: dict[str, list[Any]] = {}
    for model, constraints in row.get_constraints():
        for rule in constraints:
            about = _fields_of(rule) & touched
            if not about:
                continue
            try:
                rule.validate(model, row, exclude=unknown)
            except ValidationError as error:
                name = about.pop() if len(about) == 1 else "non_field_errors"
                faults.setdefault(name, []).extend(error.messages)
    return faults


def _fields_of(rule: models.BaseConstraint) -> set[str]:
    """The columns a constraint speaks of."""
    if isinstance(rule, models.UniqueConstraint):
        condition = rule.condition.referenced_base_fields if rule.condition else set()
        return {*rule.fields, *condition}
    if isinstance(rule, models.CheckConstraint) and isinstance(rule.condition, models.Q):
        return set(rule.condition.referenced_base_fields)
    return set()


_made: dict[type[Any], dict[str, Any]] = {}  # each RowSerializer's fields, unbound, to copy


class RowSerializer(serializers.ModelSerializer[Any]):
    """A row of a table. References are to visible rows; the table's constraints are checked before saving.

    `target` names the pair of fields (type, id) of a reference without a foreign key, if there is one.
    """

    target: ClassVar[tuple[str, str] | None] = None
    serializer_related_field = OwnKeyField
    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: TimeField,
        models.JSONField: PlainJSONField,
        SealedJSONField: MaskedJSONField,
    }

    def get_fields(self) -> dict[str, Any]:
        """The fields, worked out of the model once per class: doing so takes longer than an insert."""
        made = _made.get(type(self))
        if made is None:
            made = _made[type(self)] = super().get_fields()
        return deepcopy(made)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.target:
            self._check_target(attrs, *self.target)
        row: Any = copy(self.instance) if self.instance else self._model()(**self.owner())
        for name, value in attrs.items():
            setattr(row, name, value)
        touched = set(attrs) if self.instance else {*attrs, *self.owner()}
        faults = broken_rules(row, touched=touched, unknown=self._unknown(row, attrs))
        if faults:
            raise serializers.ValidationError(faults)
        return attrs

    def owner(self) -> dict[str, Any]:
        """What a new row is stamped with: its person, where the table says so itself."""
        owned = getattr(self._model(), "owner_path", "") == "user"
        return {"user": self.context["request"].user} if owned else {}

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create(validated_data | self.owner())

    def _model(self) -> Any:
        return self.Meta.model

    def _unknown(self, row: models.Model, attrs: dict[str, Any]) -> set[str]:
        if self.instance:
            return set()
        known = {*attrs, *self.owner()}
        return {f.name for f in row._meta.concrete_fields if f.name not in known and not f.has_default()}

    def _check_target(self, attrs: dict[str, Any], type_field: str, id_field: str) -> None:
        kind, key = (attrs.get(name, getattr(self.instance, name, None)) for name in (type_field, id_field))
        try:
            targets.resolve(target_type=str(kind), target_id=str(key), user=self.context["request"].user)
        except Problem as problem:
            field = type_field if problem.code == "unknown_target_type" else id_field
            raise serializers.ValidationError({field: [str(problem.message)]}) from problem
