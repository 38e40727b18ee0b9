"""JSON messages with open files between the runner and what it forked: a length (u32), then the text."""

from __future__ import annotations

import errno
import os
import struct

from sandbox import wire
from sandbox.runner.small import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LENGTH = struct.Struct("!I")
FILE = struct.Struct("i")
MAX_MESSAGE = 5 * 1024 * 1024
MAX_FILES = 8
MAX_WAITING = 2 * MAX_MESSAGE
MSG_DONTWAIT = 0x40


def send(sock: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Write one message whole; OSError if the other side is gone."""
    data = _packed(message, len(files))
    sent = sock.sendmsg([data], _rights(files))
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def _packed(message: dict[str, Any], files: int) -> bytes:
    data = wire.to_json(message | {"files": files})
    return LENGTH.pack(len(data)) + data


def _rights(files: tuple[int, ...] | list[int]) -> list[tuple[int, int, bytes]]:
    if not files:
        return []
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(files)}i", *files))]


class Outbox:
    """Messages to one that may not read: nothing waits for it. What it does not take is kept, bounded."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.size = 0  # bytes that wait
        self._waiting: list[tuple[memoryview, list[int]]] = []

    def put(self, message: dict[str, Any], files: tuple[int, ...] | list[int] = ()) -> None:
        """Send it, or what of it goes now; OSError if the other side is gone, or too much waits for it."""
        data = _packed(message, len(files))
        if self.size + len(data) > MAX_WAITING:
            raise OSError(errno.ENOBUFS, "It does not read what it is sent.")
        self._waiting.append((memoryview(data), [os.dup(fd) for fd in files]))
        self.size += len(data)
        self.flush()

    def flush(self) -> None:
        """Send on; OSError if the other side is gone."""
        while self._waiting:
            data, files = self._waiting[0]
            try:
                sent = self.sock.sendmsg([data], _rights(files), MSG_DONTWAIT)
            except BlockingIOError:
                return
            close_all(files)
            self.size -= sent
            if sent < len(data):
                self._waiting[0] = (data[sent:], [])
            else:
                del self._waiting[0]

    def close(self) -> None:
        """Give up what waits."""
        for _data, files in self._waiting:
            close_all(files)
        self._waiting.clear()
        self.size = 0


class Inbox:
    """The messages that arrive on a socket, with their files; `trusted`: files are taken at all."""

    def __init__(self, sock: socket.socket, *, trusted: bool = True) -> None:
        self.sock = sock
        self._trusted = trusted
        self._files: list[int] = []
        self._buffer = bytearray()

    def receive(self) -> bool:
        """Take what is there (blocks if nothing is); False at the end of the stream."""
        try:
            data, rights, _flags, _address = self.sock.recvmsg(
                262144, socket.CMSG_SPACE(MAX_FILES * FILE.size), socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return True
        except OSError:
            return False
        for level, kind, value in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                whole = value[: len(value) - len(value) % FILE.size]
                self._files += (fd for (fd,) in FILE.iter_unpack(whole))
        if self._files and not self._trusted:
            close_all(self._files)
            self._files.clear()
        self._buffer += data
        return bool(data)

    def next(self) -> dict[str, Any] | None:
        """The next whole message, its "files" open; ValueError if it is none of ours."""
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > MAX_MESSAGE:
            raise ValueError("A message is too long.")
        end = LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = wire.from_json(bytes(self._buffer[LENGTH.size : end]))
        del self._buffer[:end]
        if not isinstance(message, dict):
            raise ValueError("A message is no object.")
        count = message.get("files", 0) if self._trusted else 0
        message["files"], self._files = self._files[:count], self._files[count:]
        return message


def close_all(files: list[int] | tuple[int, ...]) -> None:
    """Close descriptors, whichever of them are open."""
    for fd in files:
        try:
            os.close(fd)
        except OSError:
            continue
