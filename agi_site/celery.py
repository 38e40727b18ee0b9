"""Celery, the transport of the task queue: in memory when embedded, Redis in the full stack."""

import logging
import os
from typing import Any

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

# `memory://` is our own: a message there wakes the worker at once.
TRANSPORT_ALIASES["memory"] = "system.queue.memory_broker:Transport"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

logger = logging.getLogger(__name__)

app = Celery("agi_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_logging(**_kwargs: Any) -> None:
    """Leave logging as the settings have it: a receiver keeps Celery from setting up its own."""


@signals.beat_init.connect
def schedule(sender: Any, **_kwargs: Any) -> None:
    """Give the scheduler every periodic job that an app registered."""
    from system.queue import registry

    sender.scheduler.merge_inplace(
        {
            name: {
                "task": "system.tasks.run_periodic",
                "schedule": every,
                "args": [name],
                "options": {"expires": every},
            }
            for name, (every, _job) in registry.periodic_jobs().items()
        }
    )


@signals.worker_init.connect
def open_abandoned(**_kwargs: Any) -> None:
    """Before it works, let a worker open again what dead processes of this machine left."""
    from django.conf import settings
    from django.db import connections

    from system.queue import reopen_dead, wake_all

    reopen_dead()
    if settings.EMBEDDED:  # its broker began empty, so nothing that waits has a wake-up
        wake_all()
    connections.close_all()


@signals.worker_process_init.connect
def keep_in_child(**_kwargs: Any) -> None:
    """Watch and sweep from each process of a pool; the parent, which forks, stays free of threads."""
    from system.queue.keeper import keeper

    keeper.start(sweeps=True, expendable=True)


@signals.worker_ready.connect
def keep_in_worker(sender: Any, **_kwargs: Any) -> None:
    """Watch and sweep from the worker itself where its tasks run in threads of it."""
    from system.queue.keeper import keeper

    if "prefork" not in type(sender.pool).__module__:
        keeper.start(sweeps=True)


@signals.worker_ready.connect
def start_services(sender: Any, **_kwargs: Any) -> None:
    """Start what lives in the workers of certain queues, such as the agent of a host of sandboxes."""
    from system.queue import start_residents

    taken = list(sender.app.amqp.queues.consume_from)
    if "prefork" in type(sender.pool).__module__:
        if any(queue.startswith("sandbox.") for queue in taken):
            logger.error("workers of sandboxes need --pool threads; this one has no agent")
        return
    start_residents(taken)


@signals.worker_shutdown.connect
def stop_services(**_kwargs: Any) -> None:
    """Stop them with their worker."""
    from system.queue import stop_residents

    stop_residents()


@signals.worker_shutdown.connect
def stop_keeping(**_kwargs: Any) -> None:
    """End the keeper's thread with its worker."""
    from system.queue.keeper import keeper

    keeper.stop()
