"""The housekeeping of one host, in a worker that holds its engine: looked at, reconciled, its pool filled.

A thread of the worker does it, on a lease of its own, so that it costs no rows and waits for no queue.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.cache import cache
from django.db import close_old_connections, connections, transaction

from ..engine import EngineError, EngineEvent
from ..models import SandboxHost
from . import hosts, names, pool, reconcile
from .engines import engine_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
RECONCILE_SECONDS = 30.0
# After something happened to a container: soon, but once for many.
SOON_SECONDS = 1.0
TELLING = {"die", "oom", "destroy", "pause", "unpause"}
RENEW_SECONDS = 60.0


class Housekeeper:
    """Looks after one host until it is stopped."""

    def __init__(self, host_name: str) -> None:
        self.host_name = host_name
        self._stop, self._wake = threading.Event(), threading.Event()
        self._renewed: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=target, name=f"sandbox-{name}-{host_name}", daemon=True)
            for name, target in (("keeper", self._keep), ("events", self._follow))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; the thread of events ends with its next event or with the process."""
        self._stop.set()
        self._wake.set()
        self._threads[0].join(5)

    def _keep(self) -> None:
        look_at = reconcile_at = renew_at = 0.0
        ready = False
        while not self._stop.is_set():
            try:
                host, now = _row(self.host_name), time.monotonic()
                woken, answers = self._wake.is_set(), ready
                self._wake.clear()
                if now >= look_at:
                    look_at = now + LOOK_SECONDS
                    answers = hosts.look(host, ready=not ready)
                if answers and (woken or now >= reconcile_at):
                    thorough = now >= reconcile_at
                    self._reconcile(host, first=not ready, thorough=thorough)
                    ready = True
                    reconcile_at = now + RECONCILE_SECONDS if thorough else reconcile_at
                elif answers and pool.is_due(host):
                    with transaction.atomic():
                        pool.refill_soon(host)
                if answers and now >= renew_at:
                    renew_at = time.monotonic() + RENEW_SECONDS
                    self._renewed = names.renew(host, self._renewed)
            except Exception as error:  # database or engine are away for a while
                logger.warning("the housekeeping of %s could not be done: %s", self.host_name, error)
            finally:
                connections.close_all()
            if self._wake.wait(LOOK_SECONDS):
                self._stop.wait(SOON_SECONDS)

    def _reconcile(self, host: SandboxHost, *, first: bool, thorough: bool) -> None:
        """In turn with the other workers of the host, which would find the same."""
        name = f"sandbox.reconcile.{host.pk}"
        with suppress(Exception):  # without a cache everybody does it: that is harmless
            if not first and not cache.add(name, True, SOON_SECONDS):
                return
        report = reconcile.reconcile(host, thorough=thorough)
        if any((report.orphans, report.instances, report.sandboxes, report.leftovers, report.verbs)):
            logger.info("reconciled the sandbox host %s: %s", host.name, report)
        with transaction.atomic():
            pool.refill_soon(host)

    def _follow(self) -> None:
        """Let what happens to containers be looked at soon."""
        while not self._stop.is_set():
            try:
                for event in engine_of(self.host_name).events(self._stop):
                    self._heard(event)
            except EngineError as error:
                logger.info("the events of %s are not heard: %s", self.host_name, error)
            self._stop.wait(5)
        connections.close_all()

    def _heard(self, event: EngineEvent) -> None:
        close_old_connections()  # one that still serves is kept: events come by the dozen
        if event.action in TELLING and reconcile.is_unexpected(event.instance_id):
            self._wake.set()


def keep_house(queue_name: str) -> Callable[[], None]:
    """Look after the host of a queue `sandbox.<host>` for as long as its worker lives; how to stop it."""
    keeper = Housekeeper(queue_name.partition(".")[2])
    keeper.start()
    return keeper.stop


def _row(name: str) -> SandboxHost:
    row: Any = SandboxHost.objects.get_or_create(name=name)[0]
    found: SandboxHost = row
    return found
