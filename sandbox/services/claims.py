"""A claim: a warm instance changes hands by one row. No engine is called, and no two claims get the same.

Where none waits, one that is being made for the pool is taken: whoever makes it then finishes the sandbox.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import or_
from typing import Any

from django.db import OperationalError, connection
from django.db.models import CharField, DateTimeField, Q, QuerySet
from django.utils import timezone

from agi_site.lib.prepared import prepared

from ..engine.spec import InstanceSpec
from ..lifecycle.pool import MAKING
from ..models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance

DEADLOCKS = {1205, 1213}  # of MySQL and MariaDB


class Taken(Exception):
    """Somebody else bound the instance between look and claim: look again."""


@contextmanager
def tried_again() -> Iterator[None]:
    """Around a transaction in a loop: what another claim caused ends it quietly, to be done once more."""
    try:
        yield
    except Taken:
        pass
    except OperationalError as error:
        # inside of somebody's larger transaction, that one is lost as a whole
        if connection.in_atomic_block or not error.args or error.args[0] not in DEADLOCKS:
            raise


def pick(*, spec: InstanceSpec, hosts: Sequence[SandboxHost]) -> SandboxInstance | None:
    """A warm instance of the spec's profile on one of `hosts`, or one in the making; None when there is none.

    In the transaction that binds it. Rows that another claim has locked are skipped where the database can do
    that; the compare-and-set in `bind` decides everywhere.
    """
    by_id = {host.pk: host for host in hosts}
    wanted = {"profile": spec.profile, "hosts": list(by_id)}
    row: SandboxInstance | None = _warm.first(**wanted)
    row = row or _in_the_making.first(**wanted, since=timezone.now() - MAKING)
    if row is not None:
        row.host = by_id[row.host_id]
    return row


def bind(*, instance: SandboxInstance, sandbox: Sandbox) -> None:
    """Give a picked instance to a stored sandbox, for good; raises Taken."""
    now = timezone.now()
    ours = SandboxInstance.objects.filter(
        pk=instance.pk, status=instance.status, sandbox__isnull=True
    ).update(status=InstanceStatus.CLAIMED, sandbox=sandbox, claimed_at=now)
    if not ours:
        raise Taken
    instance.status, instance.sandbox, instance.claimed_at = InstanceStatus.CLAIMED, sandbox, now


@prepared(profile=CharField(), hosts=[CharField()])
def _warm(profile: Any, hosts: list[Any]) -> QuerySet[Any, Any]:
    return _waiting(InstanceStatus.WARM, profile, hosts)[:1]


@prepared(profile=CharField(), hosts=[CharField()], since=DateTimeField())
def _in_the_making(profile: Any, hosts: list[Any], since: Any) -> QuerySet[Any, Any]:
    """One whose maker lives: it was begun after `since`."""
    return _waiting(InstanceStatus.WARMING, profile, hosts).filter(created_at__gte=since)[:1]


def _waiting(status: InstanceStatus, profile: Any, hosts: list[Any]) -> QuerySet[Any, Any]:
    on_one_of_them = reduce(or_, (Q(host=host) for host in hosts))
    rows = SandboxInstance.objects.filter(
        on_one_of_them, profile=profile, status=status, sandbox__isnull=True
    ).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return rows


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
