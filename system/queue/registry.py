"""What can be queued: task types, listeners and periodic jobs, each named by the app that does the work."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.module_loading import autodiscover_modules

type Handler = Callable[..., dict[str, Any] | None]

DEFAULT_QUEUE = "default"


class UnknownTaskType(LookupError):
    """No app registered this task type."""


@dataclass(frozen=True, slots=True)
class TaskType:
    """How one kind of work is done; `time_limit` in seconds for one attempt."""

    name: str
    handler: Handler
    queue: str = DEFAULT_QUEUE
    time_limit: float = 600
    transactional: bool = False
    max_retries: int = 3


_types: dict[str, TaskType] = {}
_listeners: dict[str, list[str]] = {}
_periodic: dict[str, tuple[float, Callable[[], Any]]] = {}


def task_type(
    name: str,
    *,
    queue: str = DEFAULT_QUEUE,
    time_limit: float = 600,
    transactional: bool = False,
    max_retries: int = 3,
) -> Callable[[Handler], Handler]:
    """Register `handler(task: TaskRun, **payload) -> dict | None` as the way to do tasks of this name.

    A handler may run more than once, so it is idempotent. With `transactional=True` it runs in one
    transaction with the task's completion, so what it writes to the database is written exactly once;
    such a handler calls nothing outside of the database.
    """

    def register(handler: Handler) -> Handler:
        if name in _types and _types[name].handler.__qualname__ != handler.__qualname__:
            raise ValueError(f"task type {name!r} is registered twice")
        _types[name] = TaskType(name, handler, queue, time_limit, transactional, max_retries)
        return handler

    return register


def on_event(event: str, *, name: str = "", **options: Any) -> Callable[[Handler], Handler]:
    """Register a handler that is told of another app's event, as a task of its own.

    `name` is its task type (default: the event, then app and function); `options` as for `task_type`.
    """

    def register(handler: Handler) -> Handler:
        app = handler.__module__.partition(".")[0]
        listener = name or f"{event}>{app}.{handler.__name__}"
        task_type(listener, **options)(handler)
        listeners = _listeners.setdefault(event, [])
        if listener not in listeners:
            listeners.append(listener)
        return handler

    return register


def periodic(name: str, *, every: float) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a job that the scheduler starts every so many seconds.

    It needs no row in the queue: one that is lost is repeated by the clock. Two may overlap.
    """

    def register(job: Callable[[], Any]) -> Callable[[], Any]:
        _periodic[name] = (every, job)
        return job

    return register


def find(name: str) -> TaskType:
    """The task type of this name; raises UnknownTaskType."""
    if name not in _types:
        load()
    if name not in _types:
        raise UnknownTaskType(f"no app registered the task type {name!r}; known: {', '.join(sorted(_types))}")
    return _types[name]


def names() -> list[str]:
    """All task types, sorted."""
    load()
    return sorted(_types)


def listeners(event: str) -> list[str]:
    """The task types to be queued when `event` is announced."""
    load()
    return list(_listeners.get(event, []))


def periodic_jobs() -> dict[str, tuple[float, Callable[[], Any]]]:
    """Every periodic job: its interval in seconds and its function, by name."""
    load()
    return dict(_periodic)


@cache
def load() -> None:
    """Import every app's `tasks` module, where work is registered; web processes do so at their start."""
    autodiscover_modules("tasks")
