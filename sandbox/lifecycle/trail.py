"""What is told of a sandbox: rows of `sandbox_event`, live events, the cached state; rows come first."""

import logging
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from agi_site.lib import events

from ..channels import execution_channel, sandbox_channel
from ..models import ALIVE, ExecutionCause, ExecutionStatus, Sandbox, SandboxEvent, SandboxExecution

logger = logging.getLogger(__name__)

CACHED_SECONDS = 3600
# An event of this kind says how many seconds a sandbox ran, each time it ends to run: the quotas add them up.
RAN = "ran"


def note(sandbox: Sandbox, kind: str, /, **data: Any) -> SandboxEvent:
    """Write down what happened, in the caller's transaction; told as `event` after the commit.

    `kind` is a past participle ("created", "stopped", "failed", …), `data` plain JSON: cause, detail, by.
    """
    row: SandboxEvent = SandboxEvent.objects.create(sandbox=sandbox, kind=kind, data=data or None)
    said = {"id": row.pk, "kind": kind, "data": data, "created_at": row.created_at.isoformat()}
    transaction.on_commit(partial(_publish, sandbox_channel(str(sandbox.pk)), "event", said), robust=True)
    return row


def tell(sandbox: Sandbox) -> None:
    """Tell the state of a sandbox, as the row in hand has it, after the commit: `status`, and the cache."""
    state = state_of(sandbox)
    transaction.on_commit(partial(_tell, str(sandbox.pk), state), robust=True)


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
    """Under which the state of an active sandbox is cached (the seed, 6.3); it is never the truth."""
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


def _tell(sandbox_id: str, state: dict[str, Any]) -> None:
    try:
        if state["status"] in ALIVE:
            cache.set(cache_key(sandbox_id), state, CACHED_SECONDS)
        else:
            cache.delete(cache_key(sandbox_id))
    except Exception:  # a cache that is away must not stop the work
        logger.warning("the state of sandbox %s was not cached", sandbox_id, exc_info=True)
    _publish(sandbox_channel(sandbox_id), "status", state)


def _publish(channel: str, name: str, data: dict[str, Any]) -> None:
    try:
        events.publish(channel, name, data)
    except Exception:
        logger.warning("an event on %s was not told", channel, exc_info=True)
