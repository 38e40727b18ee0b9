"""Settings that operators change while the system runs: typed, cached, secrets encrypted and masked."""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import crypto
from agi_site.lib.problems import Invalid, NotFound

from ..models import Setting
from .audit import audit

logger = logging.getLogger(__name__)

# Other processes see a change after this long at the latest, where the cache is not shared.
CACHED_SECONDS = 30
_ABSENT = "\0absent"
_MASKED = "\0masked"


@dataclass(frozen=True, slots=True)
class Known:
    """A setting the program reads: its default (whose type it keeps) and the least value it may have."""

    category: str
    key: str
    default: Any
    description: str
    least: float | None = None


_known: dict[tuple[str, str], Known] = {}


def declare(*, category: str, key: str, default: Any, description: str, least: float | None = None) -> Known:
    """Make a setting known: it gets a starter row, a default, and its values are checked."""
    known = Known(category, key, default, description, least)
    _known[category, key] = known
    return known


def declared() -> list[Known]:
    """Every declared setting."""
    return list(_known.values())


def get_setting(*, category: str, key: str, default: Any = None) -> Any:
    """The value, of the type of its default; the default where none is stored or the stored one is broken.

    A secret shows as its mask; `reveal_setting` gives it.
    """
    known = _known.get((category, key))
    default = known.default if known and default is None else default
    text = _stored(category, key)
    if text == _ABSENT:
        return default
    if text == _MASKED:
        return crypto.MASK
    try:
        return _parse(text, default)
    except ValueError:
        logger.warning(
            "setting %s.%s holds no %s; its default is used", category, key, type(default).__name__
        )
        return default


@transaction.atomic
def set_setting(
    *,
    category: str,
    key: str,
    value: Any,
    by: Any,
    description: str | None = None,
    is_encrypted: bool | None = None,
) -> Setting:
    """Store a value; raises Invalid if it breaks the rules of a declared setting.

    A secret stays one unless `is_encrypted` says otherwise. The audit trail never holds a secret's value.
    """
    text = check_setting(category=category, key=key, value=value)
    row = Setting.objects.select_for_update().filter(category=category, key=key).first()
    row = row or Setting(category=category, key=key)
    secret = bool(row.is_encrypted if is_encrypted is None else is_encrypted)
    row.value, row.is_encrypted = crypto.encrypt(text) if secret else text, secret
    if description is not None:
        row.description = description
    row.updated_at = timezone.now()
    row.full_clean(validate_unique=False, validate_constraints=False)
    row.save()
    _forget(category, key)
    shown = crypto.MASK if secret else json.dumps(text[:200], ensure_ascii=False)
    audit(component="settings", message=f"setting {category}.{key} was set to {shown}", by=by)
    return row


@transaction.atomic
def remove_setting(*, category: str, key: str, by: Any) -> None:
    """Go back to the default; raises NotFound if nothing is stored."""
    count, _kinds = Setting.objects.filter(category=category, key=key).delete()
    if not count:
        raise NotFound
    _forget(category, key)
    audit(component="settings", message=f"setting {category}.{key} was removed", by=by)


@transaction.atomic
def reveal_setting(*, category: str, key: str, by: Any) -> str:
    """The text of a secret, for the one who asks; leaves an audit record. Raises NotFound."""
    row = Setting.objects.filter(category=category, key=key).first()
    if row is None:
        raise NotFound
    if not row.is_encrypted:
        return str(row.value)
    audit(component="settings", message=f"secret setting {category}.{key} was read", by=by)
    return crypto.decrypt(row.value)


def _stored(category: str, key: str) -> str:
    """The stored text, `_ABSENT`, or `_MASKED`: neither cache nor caller gets to see a secret."""
    name = _cache_key(category, key)
    try:
        text = cache.get(name)
    except Exception:  # a cache that is away must not take the settings with it
        return _read(category, key)
    if text is None:
        text = _read(category, key)
        cache.set(name, text, CACHED_SECONDS)
    return str(text)


def _read(category: str, key: str) -> str:
    row = Setting.objects.filter(category=category, key=key).values_list("value", "is_encrypted").first()
    return _ABSENT if row is None else _MASKED if row[1] else str(row[0])


def _forget(category: str, key: str) -> None:
    name = _cache_key(category, key)
    with suppress(Exception):  # where the cache is away, its entry is as old as CACHED_SECONDS at most
        cache.delete(name)
    transaction.on_commit(lambda: cache.delete(name), robust=True)


def _cache_key(category: str, key: str) -> str:
    # Hexadecimal, because a cache key may not hold spaces and a setting's name may.
    return f"system.setting.{category.encode().hex()}.{key.encode().hex()}"


def as_text(value: Any) -> str:
    """A value as the column holds it: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parse(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        lowered = text.strip().lower()
        if lowered not in {"true", "false"}:
            raise ValueError(text)
        return lowered == "true"
    if isinstance(default, int | float):
        return type(default)(text)
    if isinstance(default, list | dict):
        value = json.loads(text)
        if not isinstance(value, type(default)):
            raise ValueError(text)
        return value
    return text


def check_setting(*, category: str, key: str, value: Any) -> str:
    """The text a value is stored as; raises Invalid if it breaks the rules of a declared setting."""
    text = as_text(value)
    known = _known.get((category, key))
    if known is None:
        return text
    try:
        parsed = _parse(text, known.default)
    except ValueError as error:
        kind = type(known.default).__name__
        raise Invalid(
            errors={"value": [_("This has to be of the type %(type)s.") % {"type": kind}]}
        ) from error
    if known.least is not None and parsed < known.least:
        raise Invalid(errors={"value": [_("This has to be at least %(least)s.") % {"least": known.least}]})
    return text


def keep_secret(category: str, key: str) -> str:
    """The text of a secret that is about to be stored again unchanged; nobody gets to see it."""
    return crypto.decrypt(Setting.objects.get(category=category, key=key, is_encrypted=True).value)
