"""The keeper: one thread per working process that keeps its leases, hears cancellations, and sweeps."""

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from ..models import TaskQueue, TaskStatus
from ..services.health import give_sign_of_work
from .task_run import POLL_SECONDS, TaskRun

logger = logging.getLogger(__name__)

_running: dict[str, TaskRun] = {}
_lock = threading.Lock()


def stop_here(task_id: str) -> None:
    """Tell an attempt in this very process to stop, without waiting for the next look at the table."""
    with _lock:
        task = _running.get(task_id)
    if task is not None:
        task.stop.set()


def running() -> list[TaskRun]:
    """The attempts of this process."""
    with _lock:
        return list(_running.values())


@contextmanager
def unwatched(task: TaskRun) -> Iterator[None]:
    """Make the attempt known to this process, for the time it runs."""
    with _lock:
        _running[task.id] = task
    try:
        yield
    finally:
        with _lock:
            if _running.get(task.id) is task:
                del _running[task.id]


@contextmanager
def watching(task: TaskRun) -> Iterator[None]:
    """Keep the attempt's lease, and hear of its cancellation, for the time it runs."""
    keeper.start()
    with unwatched(task):
        yield


class Keeper:
    """Looks at this process's tasks every second, renews their leases every third of one, and sweeps."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stop = threading.Event()
        self._start_lock = threading.Lock()
        self.sweeps = False
        # A process that is one of several in a pool may die of a task that ignores its time limit.
        self.expendable = False

    def start(self, *, sweeps: bool = False, expendable: bool = False) -> None:
        """Start the thread if this process has none yet."""
        with self._start_lock:
            self.sweeps = self.sweeps or sweeps
            self.expendable = self.expendable or expendable
            if self._process == os.getpid() and self._thread is not None and self._thread.is_alive():
                return
            self._process = os.getpid()
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._keep, name="task-keeper", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 5) -> None:
        """End the thread; the leases of what still runs are then no longer renewed."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self.sweeps = False

    def _keep(self) -> None:
        renew_at = sweep_at = 0.0
        stop = self._stop
        while not stop.wait(POLL_SECONDS):
            now = time.monotonic()
            tasks = running()
            try:
                if tasks:
                    look_after(tasks)
                    if now >= renew_at:
                        renew(tasks)
                        renew_at = now + settings.TASK_LEASE_SECONDS / 3
                if self.sweeps and now >= sweep_at:
                    sweep_at = now + settings.TASK_SWEEP_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311
                    _sweep_in_turn()
            except Exception as error:  # the database or the broker is away: the next round tries again
                logger.warning("the keeper of the tasks could not do its round: %s", error)
                connections.close_all()
            if self.expendable:
                _die_if_hung(tasks)
            if not tasks:
                connections.close_all()
        connections.close_all()


keeper = Keeper()


def look_after(tasks: list[TaskRun]) -> None:
    """Tell those attempts to stop that were canceled, taken away, or are out of time."""
    held = dict(
        TaskQueue.objects.filter(
            pk__in=[task.id for task in tasks], status=TaskStatus.PROCESSING
        ).values_list("pk", "worker")
    )
    for task in tasks:
        if held.get(task.id) != task.worker or task.overdue:
            task.stop.set()


def renew(tasks: list[TaskRun]) -> None:
    """Renew the leases of the attempts that still have time."""
    lease = timezone.now() + timedelta(seconds=settings.TASK_LEASE_SECONDS)
    alive = [task for task in tasks if not task.overdue]
    TaskQueue.objects.filter(
        pk__in=[task.id for task in alive],
        worker__in=[task.worker for task in alive],
        status=TaskStatus.PROCESSING,
    ).update(lease_until=lease)


def _sweep_in_turn() -> None:
    """Sweep, unless another process of this site did so just now."""
    from .sweeping import sweep

    try:
        give_sign_of_work()
        ours = cache.add("system.queue.sweep", os.getpid(), timeout=settings.TASK_SWEEP_SECONDS * 0.8)
    except Exception:
        ours = True  # no cache, no turns: sweeping twice is harmless
    if ours:
        sweep()


def _die_if_hung(tasks: list[TaskRun]) -> None:
    for task in tasks:
        if time.monotonic() > task.deadline + settings.TASK_LEASE_SECONDS:
            logger.error("task %s (%s) ignores its time limit; its process ends", task.id, task.task_type)
            os.kill(os.getpid(), signal.SIGKILL)
