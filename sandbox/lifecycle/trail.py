"""What is told of a sandbox: rows of `sandbox_event`, live events, the cached state; rows come first."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from agi_site.lib import events
from system.services import webhooks

from ..channels import execution_channel, sandbox_channel
from ..models import ALIVE, ExecutionCause, ExecutionStatus, Sandbox, SandboxEvent, SandboxExecution

logger = logging.getLogger(__name__)

CACHED_SECONDS = 3600


def note(sandbox: Sandbox, kind: str, /, **data: Any) -> SandboxEvent:
    """Write down what happened, in the caller's transaction; live as `event` after the commit.

    `kind` is a past participle ("created", "stopped", "failed", …), `data` plain JSON: cause, detail, by.
    """
    row, said = _noted(sandbox, kind, data)
    transaction.on_commit(partial(_publish, sandbox_channel(str(sandbox.pk)), "event", said), robust=True)
    return row


def note_names(sandbox: Sandbox, told: Mapping[str, Sequence[str]]) -> None:
    """`note` what is so of host names in its policy: kinds of events, each with its names."""
    for kind, names in told.items():
        note(sandbox, kind, hosts=list(names))


def note_and_tell(sandbox: Sandbox, kind: str, /, **data: Any) -> SandboxEvent:
    """`note`, and `tell` of the state that followed: both events in one round trip."""
    row, said = _noted(sandbox, kind, data)
    transaction.on_commit(partial(_tell, str(sandbox.pk), state_of(sandbox), said), robust=True)
    return row


def tell(sandbox: Sandbox) -> None:
    """Tell the state of a sandbox, as the row in hand has it, after the commit: `status`, and the cache."""
    state = state_of(sandbox)
    transaction.on_commit(partial(_tell, str(sandbox.pk), state), robust=True)


def _noted(sandbox: Sandbox, kind: str, data: dict[str, Any]) -> tuple[SandboxEvent, dict[str, Any]]:
    row: SandboxEvent = SandboxEvent.objects.create(sandbox=sandbox, kind=kind, data=data or None)
    said = {"id": row.pk, "kind": kind, "data": data, "created_at": row.created_at.isoformat()}
    webhooks.emit(
        user_id=sandbox.user_id, event=f"sandbox.{kind}", data={"sandbox_id": str(sandbox.pk), **said}
    )
    return row, said


def state_of(sandbox: Sandbox) -> dict[str, Any]:
    """The state as events and the cache have it."""
    return {
        "id": sandbox.pk,
        "user": sandbox.user_id,
        "status": str(sandbox.status),
        "verb": sandbox.verb,
        "cause": sandbox.cause,
        "detail": sandbox.detail,
        "container_id": sandbox.container_id,
        "started_at": sandbox.started_at.isoformat() if sandbox.started_at else None,
        "expires_at": sandbox.expires_at.isoformat() if sandbox.expires_at else None,
    }


def cache_key(sandbox_id: str) -> str:
    """Under which the state of an active sandbox is cached (the seed, 6.3); it is never the truth.

    For readers who want many states at once and can do with one that is a little old, such as a board of all
    sandboxes. Doors and workers decide by the row, so no code here reads it.
    """
    return f"sandbox:active:{sandbox_id}"


def end_executions(sandbox: Sandbox, *, cause: ExecutionCause, detail: str) -> int:
    """End everything that waits or runs in a sandbox whose processes are gone; returns how many.

    Its agent may have ended some in the same moment: whoever comes first has said it.
    """
    ended = 0
    for row in SandboxExecution.objects.filter(sandbox=sandbox).live().only("pk"):
        now = timezone.now()
        changed = (
            SandboxExecution.objects.filter(pk=row.pk)
            .live()
            .update(
                status=ExecutionStatus.ENDED, cause=cause, detail=detail, completed_at=now, lease_until=None
            )
        )
        if changed:
            ended += 1
            tell_end(str(row.pk), cause=cause, detail=detail)
    return ended


def tell_end(execution_id: str, *, cause: ExecutionCause, detail: str) -> None:
    """Tell, after the commit, that an execution ended by other than its agent's hand."""
    said = {"status": "ended", "cause": str(cause), "detail": detail, "exit_code": None, "signal": None}
    transaction.on_commit(partial(_publish, execution_channel(execution_id), "ended", said), robust=True)


def _tell(sandbox_id: str, state: dict[str, Any], noted: dict[str, Any] | None = None) -> None:
    try:
        if state["status"] in ALIVE:
            cache.set(cache_key(sandbox_id), state, CACHED_SECONDS)
        else:
            cache.delete(cache_key(sandbox_id))
    except Exception:  # a cache that is away must not stop the work
        logger.warning("the state of sandbox %s was not cached", sandbox_id, exc_info=True)
    told = [("event", noted)] if noted is not None else []
    _publish_all(sandbox_channel(sandbox_id), [*told, ("status", state)])


def _publish(channel: str, name: str, data: dict[str, Any]) -> None:
    _publish_all(channel, [(name, data)])


def _publish_all(channel: str, told: Sequence[tuple[str, dict[str, Any]]]) -> None:
    try:
        events.publish_all(channel, told)
    except Exception:
        logger.warning("an event on %s was not told", channel, exc_info=True)
