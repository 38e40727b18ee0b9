"""A claim: a warm instance changes hands by one row. No engine is called, and no two claims get the same.

Where none waits, one that is being made for the pool is taken: whoever makes it then finishes the sandbox.
"""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from ..engine.spec import InstanceSpec
from ..lifecycle.pool import MAKING
from ..models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance


def claim(*, sandbox: Sandbox, spec: InstanceSpec, hosts: Sequence[SandboxHost]) -> SandboxInstance | None:
    """Bind a warm instance of the spec's profile on one of `hosts` to a stored sandbox; None when none waits.

    In the caller's transaction. Rows that another claim has locked are skipped where the database can do
    that; the compare-and-set decides everywhere.
    """
    found = _take(InstanceStatus.WARM, sandbox, spec, hosts)
    return found or _take(InstanceStatus.WARMING, sandbox, spec, hosts)


def _take(
    status: InstanceStatus, sandbox: Sandbox, spec: InstanceSpec, hosts: Sequence[SandboxHost]
) -> SandboxInstance | None:
    by_id = {host.pk: host for host in hosts}
    while True:
        waiting = SandboxInstance.objects.filter(
            profile=spec.profile, status=status, host__in=list(by_id)
        ).order_by("pk")
        if status == InstanceStatus.WARMING:  # its maker lives
            waiting = waiting.filter(created_at__gte=timezone.now() - MAKING)
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        row: SandboxInstance | None = waiting.first()
        if row is None:
            return None
        now = timezone.now()
        taken = SandboxInstance.objects.filter(pk=row.pk, status=status, sandbox__isnull=True).update(
            status=InstanceStatus.CLAIMED, sandbox=sandbox, claimed_at=now
        )
        if taken:
            row.status, row.sandbox, row.claimed_at = InstanceStatus.CLAIMED, sandbox, now
            row.host = by_id[row.host_id]
            return row


def order(*, sandbox: Sandbox, spec: InstanceSpec, host: SandboxHost) -> SandboxInstance:
    """Store the instance that a worker is to make for a sandbox; its container comes later."""
    row: SandboxInstance = SandboxInstance.objects.create(
        host=host,
        template=sandbox.template,
        sandbox=sandbox,
        profile=spec.profile,
        status=InstanceStatus.CLAIMED,
        claimed_at=timezone.now(),
        spec=spec.as_json(),
    )
    return row
