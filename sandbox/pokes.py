"""The connections that pokes keep: a new one for each would cost an agent a thread and a millisecond."""

import atexit
import os
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable

# The agent keeps an idle one for longer (`agent/gateway_requests.py`), so it never closes one that is in use.
KEPT_SECONDS = 20.0
_idle: dict[tuple[int, str], list[tuple[float, socket.socket]]] = defaultdict(list)
_lock = threading.Lock()


def send(address: str, line: bytes, connect: Callable[[], socket.socket]) -> None:
    """Send a line over a kept connection to `address`, or over a new one; raises OSError."""
    connection = _take(address) or connect()
    try:
        connection.sendall(line)
    except BaseException:
        connection.close()
        raise
    with _lock:
        _idle[_place(address)].append((time.monotonic(), connection))


@atexit.register
def close() -> None:
    """Close what is kept."""
    with _lock:
        kept = [connection for connections in _idle.values() for _used, connection in connections]
        _idle.clear()
    for connection in kept:
        connection.close()


def _take(address: str) -> socket.socket | None:
    while True:
        with _lock:
            kept = _idle[_place(address)]
            if not kept:
                return None
            used, connection = kept.pop()
        # one that can be read was closed by the agent, or carries its refusal
        if time.monotonic() - used < KEPT_SECONDS and not select.select([connection], [], [], 0)[0]:
            return connection
        connection.close()


def _place(address: str) -> tuple[int, str]:
    return os.getpid(), address
