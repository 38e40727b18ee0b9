"""The nest: the supervisor of all Python cells."""

import socket

from sandbox.runner import messages


def serve(sock: socket.socket, inbox: messages.Inbox, imports: list[str], privileged: bool) -> None:
    """Not yet."""
