"""The context of a session: what is carried from one message to the next, within a size and for a time."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from .. import options
from ..models import Context


def get_context(*, session: Any) -> dict[str, Any]:
    """What the session carries; empty when nothing was kept or it was kept too long ago."""
    row = Context.objects.filter(session=session).order_by("-pk").first()
    if row is None or row.expired:
        return {}
    return dict(row.data)


@transaction.atomic
def save_context(*, session: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Keep `data` for the session in place of what it carried; returns what was kept.

    What does not fit the size (CONTEXT_BYTES) goes, the largest value first: a turn never fails for it.
    """
    kept = _fitting(json.loads(json.dumps(dict(data), cls=DjangoJSONEncoder)))
    row = Context.objects.filter(session=session).order_by("-pk").first() or Context(session=session)
    row.data = kept
    row.save()
    return kept


def clear_context(*, session: Any) -> None:
    """Forget what the session carries."""
    Context.objects.filter(session=session).delete()


def remove_expired_contexts() -> int:
    """Delete what no session will carry on; returns how many rows went."""
    before = timezone.now() - timedelta(hours=options.context_hours())
    return int(Context.objects.filter(updated_at__lt=before).delete()[0])


def _fitting(data: dict[str, Any]) -> dict[str, Any]:
    sizes = {key: len(_json(key)) + len(_json(value)) + 4 for key, value in data.items()}
    while sizes and sum(sizes.values()) > options.context_bytes():
        largest = max(sizes, key=lambda key: sizes[key])
        del sizes[largest], data[largest]
    return data


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
