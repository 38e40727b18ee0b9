"""JSON messages with open files between the runner and the processes it forked: a length (u32), then the text."""

import array
import json
import os
import socket
import struct
from typing import Any

LENGTH = struct.Struct("!I")
MAX_MESSAGE = 5 * 1024 * 1024
MAX_FILES = 8


def send(sock: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Write one message whole; OSError if the other side is gone."""
    data = json.dumps(message).encode()
    data = LENGTH.pack(len(data)) + data
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    sent = sock.sendmsg([data], rights)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


class Inbox:
    """The messages that arrive on a socket, with their files."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.files: list[int] = []
        self._buffer = bytearray()

    def receive(self) -> bool:
        """Take what is there (blocks if nothing is); False at the end of the stream."""
        try:
            data, rights, _flags, _address = self.sock.recvmsg(
                262144, socket.CMSG_SPACE(MAX_FILES * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return True
        except OSError:
            return False
        for level, kind, value in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(value[: len(value) - len(value) % found.itemsize])
                self.files += found
        self._buffer += data
        return bool(data)

    def next(self) -> dict[str, Any] | None:
        """The next whole message; ValueError if it is none of ours."""
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > MAX_MESSAGE:
            raise ValueError("A message is too long.")
        end = LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = json.loads(bytes(self._buffer[LENGTH.size : end]))
        del self._buffer[:end]
        if not isinstance(message, dict):
            raise ValueError("A message is no object.")
        return message

    def take_files(self, count: int) -> list[int]:
        """The files that came with the message just read."""
        taken, self.files = self.files[:count], self.files[count:]
        return taken


def close_all(files: list[int] | tuple[int, ...]) -> None:
    """Close descriptors, whichever of them are open."""
    for fd in files:
        try:
            os.close(fd)
        except OSError:
            continue
