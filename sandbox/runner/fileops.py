"""File operations."""

import socket
from typing import Any

from sandbox.runner import messages


def serve(sock: socket.socket, task: dict[str, Any], files: list[int], privileged: bool) -> None:
    """Not yet."""
    messages.send(sock, {"fault": "no_such_op", "message": "Not yet."})
