"""What is left of sandboxes that were for one run: nobody's at once, and removed when its host has time.

Nothing runs in such a container any more, but to remove one costs its host more than a claim and a short
program together. So while others claim, it waits: for SO_LONG at most, and with no more of its kind than fit
into a share of the host's memory. Where the worker that would remove it dies, the reconciler does.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from system import queue

from ..engine import EngineError
from ..models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance
from . import containers, ending, keeping, placement, pool

logger = logging.getLogger(__name__)

DONE = "done"
NOT_REMOVED = "not_removed"
SO_LONG = timedelta(seconds=20)
MEMORY_SHARE = 4
FEWEST = 8  # may wait on any host
TASK = "sandbox.sweep"


def let_go(sandbox: Sandbox) -> None:
    """Delete a sandbox in which nothing runs any more; its container is nobody's, and waits to be removed."""
    with transaction.atomic():
        SandboxInstance.objects.filter(sandbox=sandbox, status=InstanceStatus.CLAIMED).update(
            status=InstanceStatus.ENDING, cause=DONE
        )
        ending.delete_rows(sandbox, cause=DONE)
        transaction.on_commit(partial(keeping.forget, sandbox), robust=True)


def left() -> Any:
    """The instances that wait to be removed, the oldest first."""
    return SandboxInstance.objects.filter(status=InstanceStatus.ENDING, cause=DONE).order_by("pk")


def left_on(host: SandboxHost) -> Any:
    """Those of one host."""
    return left().filter(host=host)


def may_wait(instance: SandboxInstance) -> bool:
    """Whether an ending instance is left over, and has not waited for too long."""
    sandbox = instance.sandbox
    return (
        instance.cause == DONE
        and sandbox is not None
        and sandbox.ended_at is not None
        and timezone.now() - sandbox.ended_at < SO_LONG
    )


def are_due(host: SandboxHost) -> bool:
    """Whether one should be removed now."""
    if not pool.is_busy(host):
        return left_on(host).exists()
    late = Q(sandbox__isnull=True) | Q(sandbox__ended_at__lt=timezone.now() - SO_LONG)
    most = max(FEWEST, host.memory_bytes // MEMORY_SHARE // placement.WARM_BYTES)
    return left_on(host).filter(late).exists() or left_on(host)[most : most + 1].exists()


def sweep_soon(host: SandboxHost) -> None:
    """Queue a sweep of the host, unless one waits or is under way."""
    queue.enqueue(
        task_type=TASK,
        payload={"host_id": host.pk},
        queue=host.queue,
        max_retries=0,
        key=f"{TASK}:{host.pk}",
    )


def sweep(host: SandboxHost) -> int:
    """Remove what is left, one after the other, as long as that is due; returns how many.

    One that cannot be removed is the reconciler's from then on, so that it is not tried again each second.
    """
    removed = 0
    while are_due(host) and (instance := left_on(host).select_related("host").first()):
        containers.leave(instance)
        try:
            pool.remove_instance(instance, cause=DONE)
        except EngineError as error:
            logger.warning("what is left of instance %s is removed later: %s", instance.pk, error)
            left().filter(pk=instance.pk).update(cause=NOT_REMOVED)
            break
        removed += 1
    return removed
