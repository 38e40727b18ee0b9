"""Telling people's own programs what happened: any app emits, the app that keeps webhooks listens.

The listener registers itself, because it stands above this floor.
"""

from collections.abc import Callable, Iterable
from typing import Any

type Ear = Callable[[int, str], bool]
type Sink = Callable[[int, str, dict[str, Any]], None]

_listeners: list[tuple[Ear, Sink]] = []
_declared: dict[str, tuple[str, ...]] = {}


def listen(*, hears: Ear, takes: Sink) -> None:
    """Register who listens: `takes(user_id, event, data)` runs in the emitter's transaction.

    `hears(user_id, event)` says, without asking the database where it can, whether anybody wants that.
    """
    if (hears, takes) not in _listeners:
        _listeners.append((hears, takes))


def declare(what: str, kinds: Iterable[str]) -> None:
    """Say, when an app is ready, which events `<what>.<kind>` it emits: nobody can ask for others."""
    _declared[what] = tuple(str(kind) for kind in kinds)


def declared() -> dict[str, tuple[str, ...]]:
    """The kinds of events there are, by what they happen to."""
    return dict(_declared)


def is_heard(*, user_id: int | None, event: str) -> bool:
    """Whether anybody wants an event, for those to whom its data or a transaction costs something."""
    return user_id is not None and any(hears(user_id, event) for hears, _takes in _listeners)


def emit(*, user_id: int | None, event: str, data: dict[str, Any]) -> None:
    """Say that something of a person's happened: `event` as `<what>.<status>`, `data` plain JSON.

    In the caller's transaction: what is rolled back was never told. Nothing happens where nobody listens.
    """
    if user_id is None:
        return
    for _hears, takes in _listeners:
        takes(user_id, event, data)
