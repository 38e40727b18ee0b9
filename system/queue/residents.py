"""Services that live in a worker for as long as it does, because they belong to a queue it takes."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import connections

from . import registry

logger = logging.getLogger(__name__)

# Starts the service for one queue and returns how to stop it; both come back soon.
type Start = Callable[[str], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Resident:
    """A service, and the beginning of the names of the queues whose workers run it, once for each queue."""

    name: str
    queues: str
    start: Start


_known: dict[str, Resident] = {}
_stops: dict[tuple[str, str], Callable[[], None]] = {}
_lock = threading.Lock()


def resident(name: str, *, queues: str) -> Callable[[Start], Start]:
    """Register `start(queue) -> stop` to be run in each worker that takes a queue whose name begins so.

    It runs in the worker's own process, in threads that it starts itself.
    """

    def register(start: Start) -> Start:
        _known[name] = Resident(name, queues, start)
        return start

    return register


def start_residents(taken: Iterable[str]) -> None:
    """Start what belongs to the queues that this worker takes and does not run yet."""
    registry.load()
    for queue in taken:
        for service in list(_known.values()):
            key = (service.name, queue)
            with _lock:
                if not queue.startswith(service.queues) or key in _stops:
                    continue
                try:
                    _stops[key] = service.start(queue)
                except Exception:  # the worker's tasks go on without it
                    logger.exception("%s could not be started for the queue %s", *key)
                else:
                    logger.info("%s runs for the queue %s", *key)


def stop_residents(seconds: float = 5) -> None:
    """Stop all of them, side by side; comes back after `seconds` even if one does not."""
    with _lock:
        stops = dict(_stops)
        _stops.clear()
    threads = [threading.Thread(target=_stop, args=item, daemon=True) for item in stops.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _stop(key: tuple[str, str], stop: Callable[[], None]) -> None:
    try:
        stop()
    except Exception:
        logger.exception("%s of the queue %s did not stop in good order", *key)
    finally:
        connections.close_all()
