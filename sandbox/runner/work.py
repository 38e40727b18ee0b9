"""What a forked process does: it waits for one task, does it, and ends."""

from __future__ import annotations

import os

from sandbox.runner import fileops, kernel, messages, nest, supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket


def serve(sock: socket.socket, waiting: socket.socket | None, *, privileged: bool) -> None:
    """Wait for the task on `sock` and do it; returns when it is done, or the runner is gone.

    On `waiting` a process forked ahead waits for a command, to become it at once.
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    hand = supervise.fork_hand(sock, waiting, privileged) if waiting is not None else None
    inbox = messages.Inbox(sock)
    while (task := inbox.next()) is None:
        if not inbox.receive():
            os._exit(0)
    if "exec" in task:
        supervise.supervise(sock, inbox, task, hand, privileged)
    elif "file" in task:
        fileops.serve(sock, inbox, task, privileged)
    elif "nest" in task:
        nest.serve(sock, inbox, task["nest"], privileged)
