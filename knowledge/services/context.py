"""The context of a session: what is carried from one message to the next, within a size and for a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from agi_site.lib.problems import NotFound

from .. import options
from ..models import Context


def get_context(*, session: Any) -> dict[str, Any]:
    """What the session carries; empty when nothing was kept or it was kept too long ago."""
    row = Context.objects.filter(session=session).order_by("-pk").first()
    if row is None or row.expired:
        return {}
    return dict(row.data)


def hold_context(*, session: Any) -> dict[str, Any]:
    """What the session carries, for a caller that will change it: no other does before it commits.

    The session's row is what is locked, for there may be no context yet.
    """
    list(Session.objects.select_for_update().filter(pk=session.pk).values_list("pk"))
    return get_context(session=session)


@transaction.atomic
def save_context(*, session: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Keep `data` for the session in place of what it carried; returns what was kept.

    What does not fit the size (CONTEXT_BYTES) goes, the largest value first: a turn never fails for it.
    """
    hold_context(session=session)
    kept = _fitting(json.loads(json.dumps(dict(data), cls=DjangoJSONEncoder)))
    row = Context.objects.filter(session=session).order_by("-pk").first() or Context(session=session)
    row.data = kept
    row.save()
    return kept


@transaction.atomic
def clear_context(*, session: Any) -> None:
    """Forget what the session carries."""
    hold_context(session=session)
    Context.objects.filter(session=session).delete()


_LABELS = {
    "conversation_id": _("The open conversation"),
    "topic": _("Topic"),
    "language": _("Language"),
    "entities": _("Names and times you spoke of"),
}


@dataclass(frozen=True, slots=True)
class ContextPart:
    """One thing a session carries; `size` in bytes of JSON, `words` for people."""

    key: str
    value: Any
    size: int

    @property
    def label(self) -> str:
        """What the part is called; one that is not known, by its key."""
        return str(_LABELS.get(self.key, self.key))

    @property
    def words(self) -> list[str]:
        """The value as lines that people read."""
        if self.key == "language":
            return [str(dict(settings.LANGUAGES).get(str(self.value), self.value))]
        return _lines(self.value)


def context_parts(*, session: Any) -> list[ContextPart]:
    """What the session carries, part by part, largest first."""
    data = get_context(session=session)
    parts = [ContextPart(key, value, _size(key, value)) for key, value in data.items()]
    return sorted(parts, key=lambda part: (-part.size, part.key))


@transaction.atomic
def drop_from_context(*, session: Any, key: str) -> None:
    """Forget one thing that the session carries; raises NotFound where it carries none of that name."""
    hold_context(session=session)
    row = Context.objects.filter(session=session).order_by("-pk").first()
    if row is None or row.expired or key not in row.data:
        raise NotFound
    rest = {name: value for name, value in row.data.items() if name != key}
    if rest:
        row.data = rest
        # What is left stays as fresh as it was.
        Context.objects.filter(pk=row.pk).update(data=rest)
    else:
        clear_context(session=session)


def remove_expired_contexts() -> int:
    """Delete what no session will carry on; returns how many rows went."""
    before = timezone.now() - timedelta(hours=options.context_hours())
    return int(Context.objects.filter(updated_at__lt=before).delete()[0])


def _fitting(data: dict[str, Any]) -> dict[str, Any]:
    sizes = {key: _size(key, value) for key, value in data.items()}
    while sizes and sum(sizes.values()) > options.context_bytes():
        largest = max(sizes, key=lambda key: sizes[key])
        del sizes[largest], data[largest]
    return data


def _size(key: str, value: Any) -> int:
    return len(_json(key)) + len(_json(value)) + 4


def _lines(value: Any) -> list[str]:
    if isinstance(value, list):
        return [" ".join(_lines(one)) for one in value]
    if isinstance(value, dict):
        if {"name", "value"} <= value.keys():  # an entity
            without_year = str(value["value"]).startswith("--")  # "--05-04": told as the person wrote it
            return [str(value["name"] if without_year else value["value"])]
        return [f"{name}: {' '.join(_lines(one))}" for name, one in value.items()]
    return [] if value in (None, "") else [str(value)]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
