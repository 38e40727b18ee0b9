"""Kombu's broker in memory, for the embedded program, without its wait between two looks at the queues.

Kombu's own sleeps for its polling interval when nothing is there, so a message waits half of that on average;
and it acknowledges only every two seconds while nothing arrives, during which a worker whose threads were all
busy takes no more work. Here a message wakes the consumer, and it returns to the worker's loop often.
"""

import itertools
import threading
from queue import Empty
from typing import Any

from kombu.transport import memory

# So long may an acknowledgement wait for the worker's loop; nobody waits for a message.
LONGEST_WAIT_SECONDS = 0.05
_arrived = threading.Event()


class Channel(memory.Channel):
    """A channel whose messages wake whoever waits for them."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _arrived.set()


class Transport(memory.Transport):
    """The transport; one consumer per process, which is the embedded worker."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **_options: Any) -> None:
        """Deliver one message; raises TimeoutError when none came, soon enough for the loop's other work."""
        cycle: Any = self.cycle
        for look in itertools.count():
            _arrived.clear()  # before the look, so that no message falls between the two
            try:
                cycle.get(self._deliver, timeout=timeout)
                return
            except Empty:
                if look and timeout is not None:
                    raise TimeoutError from None
                _arrived.wait(LONGEST_WAIT_SECONDS)
