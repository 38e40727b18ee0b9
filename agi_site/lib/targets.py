"""References of the kind (`target_type`, `target_id`), which the schema uses where no foreign key can stand.

An app registers the types it owns in its `AppConfig.ready()`; every app may then refer to them by name.
"""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from .problems import Invalid, NotFound

_registry: dict[str, Callable[[], type[models.Model]]] = {}
_addresses: dict[str, Callable[[Any], str]] = {}


def register(
    target_type: str, model: Callable[[], type[models.Model]], address: Callable[[Any], str] | None = None
) -> None:
    """Make `target_type` known; `model` is called late, so that apps need not be loaded yet.

    `address` gives the path of a row's page.
    """
    _registry[target_type] = model
    if address is not None:
        _addresses[target_type] = address


def types() -> list[str]:
    """The names of all registered types, sorted."""
    return sorted(_registry)


def model_of(target_type: str) -> type[models.Model]:
    """The model behind a type; raises Invalid, naming the known ones, if there is none."""
    if target_type not in _registry:
        message = _("Unknown type “%(type)s”. Known types: %(known)s.")
        raise Invalid(
            message % {"type": target_type, "known": ", ".join(types())}, code="unknown_target_type"
        )
    return _registry[target_type]()


def resolve(*, target_type: str, target_id: str, user: Any) -> models.Model:
    """The row referred to, if `user` may see it; raises Invalid (unknown type) or NotFound."""
    model = model_of(target_type)
    try:
        row = model._default_manager.for_user(user).filter(pk=target_id).first()  # type: ignore[attr-defined]
    except (ValueError, TypeError):
        row = None
    if row is None:
        raise NotFound(
            _("There is no %(type)s with id “%(id)s” that you may see.")
            % {"type": target_type, "id": target_id},
            code="target_not_found",
        )
    found: models.Model = row
    return found


def address(*, target_type: str, target_id: str, user: Any) -> str:
    """The path of the row's page; "" for one that has none, is gone, or is hidden from `user`."""
    try:
        row = resolve(target_type=target_type, target_id=target_id, user=user)
    except (Invalid, NotFound):
        return ""
    return _addresses[target_type](row) if target_type in _addresses else ""


def label(*, target_type: str, target_id: str, user: Any) -> str:
    """The row's text for a page; a row that is gone, or hidden from `user`, shows as deleted."""
    try:
        return str(resolve(target_type=target_type, target_id=target_id, user=user))
    except (Invalid, NotFound):
        return _("deleted")
