"""A claim: a warm instance changes hands by one row. No engine is called, and no two claims get the same."""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from ..engine.spec import InstanceSpec
from ..models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance


def claim(*, sandbox: Sandbox, spec: InstanceSpec, hosts: Sequence[SandboxHost]) -> SandboxInstance | None:
    """Bind a warm instance of the spec's profile on one of `hosts` to a stored sandbox; None when none waits.

    In the caller's transaction. Rows that another claim has locked are skipped where the database can do
    that; the compare-and-set decides everywhere.
    """
    by_id = {host.pk: host for host in hosts}
    while True:
        waiting = SandboxInstance.objects.warm(profile=spec.profile).filter(host__in=list(by_id))
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        row: SandboxInstance | None = waiting.first()
        if row is None:
            return None
        now = timezone.now()
        taken = SandboxInstance.objects.filter(
            pk=row.pk, status=InstanceStatus.WARM, sandbox__isnull=True
        ).update(status=InstanceStatus.CLAIMED, sandbox=sandbox, claimed_at=now)
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
