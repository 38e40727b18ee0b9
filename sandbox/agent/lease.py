"""Which process is the agent of a host: a lease on the host's row, changed only by comparing."""

import logging
import os
import secrets
import time
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from system.queue.worker import place

from ..models import HostStatus, SandboxHost

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
RENEW_SECONDS = 3.0
# Before others may take the lease by their clock, this one has let go by its own.
MARGIN_SECONDS = 3.0


class Lease:
    """The right to hold the streams of a host's containers; `holder` is this process's name in it."""

    def __init__(self, host_name: str) -> None:
        self.host_name = host_name
        self.holder = f"{place()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether it is surely ours now, by this process's own clock."""
        return time.monotonic() < self._until - MARGIN_SECONDS

    def acquire(self) -> SandboxHost | None:
        """Take it if it is free, run out, or held by a process of this machine that has died."""
        host = SandboxHost.objects.filter(name=self.host_name).first()
        if host is None:
            return None
        now, began = timezone.now(), time.monotonic()
        free = Q(agent=None) | Q(agent_until=None) | Q(agent_until__lt=now)
        if host.agent and _is_dead(host.agent):
            free |= Q(agent=host.agent)
        taken = SandboxHost.objects.filter(free, pk=host.pk).update(
            agent=self.holder, agent_until=now + timedelta(seconds=LEASE_SECONDS), gateway=None
        )
        if not taken:
            return None
        self._until = began + LEASE_SECONDS
        logger.info("this worker is the agent of the sandbox host %s", self.host_name)
        return host

    def renew(self, *, gateway: str) -> bool:
        """Keep it for another while; False if another process has it by now."""
        now, began = timezone.now(), time.monotonic()
        kept = self._mine().update(
            agent_until=now + timedelta(seconds=LEASE_SECONDS), last_seen=now, gateway=gateway
        )
        self._until = began + LEASE_SECONDS if kept else 0.0
        return bool(kept)

    def release(self) -> None:
        """Give it back, so that the next need not wait."""
        self._until = 0.0
        self._mine().update(agent=None, agent_until=None, gateway=None)

    def _mine(self) -> QuerySet[SandboxHost]:
        return SandboxHost.objects.filter(name=self.host_name, agent=self.holder)


def ensure_host(name: str) -> SandboxHost:
    """The row of a host that the settings name."""
    host, _made = SandboxHost.objects.get_or_create(name=name, defaults={"status": HostStatus.LOST})
    return host


def _is_dead(holder: str) -> bool:
    """Whether the process of that name was one of this machine, seen from here, and is gone."""
    where, _colon, rest = holder.partition(":")
    if where != place():
        return False
    try:
        os.kill(int(rest.split(":", 1)[0]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False
