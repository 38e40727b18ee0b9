"""Watching the workspace with inotify: lines that say which paths changed, gathered for a moment."""

from __future__ import annotations

import ctypes
import os
import select
import stat
import struct
import time

from sandbox.runner.fileops import PART, Task
from sandbox.runner.small import suppress
from sandbox.runner.tree import Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
CREATE, DELETE, Q_OVERFLOW, IGNORED, ISDIR = 0x100, 0x200, 0x4000, 0x8000, 0x40000000
ONLYDIR, DONT_FOLLOW = 0x01000000, 0x02000000
MASK = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | ONLYDIR | DONT_FOLLOW
EVENT = struct.Struct("iIII")
MAX_WATCHES = 8192
GATHER = 0.05  # seconds


class Watcher:
    """All folders below one."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.folders: dict[int, str] = {}
        self.partial = False

    def add(self, path: str) -> list[str]:
        """Watch a folder, and those in it; what was there already."""
        os.fchdir(self.task.root)
        self._add(path)
        there = []
        with suppress(OSError):
            for found, about, _target, _folder in Walk(self.task, path, limit=MAX_WATCHES * 16):
                there.append(found)
                if stat.S_ISDIR(about.st_mode):
                    self._add(found)
        return there

    def _add(self, path: str) -> None:
        if len(self.folders) >= MAX_WATCHES:
            self.partial = True
            return
        number = self.libc.inotify_add_watch(self.fd, os.fsencode(path), ctypes.c_uint32(MASK))
        if number >= 0:
            self.folders[number] = path
        elif ctypes.get_errno() == 28:  # ENOSPC: the user's watches are used up
            self.partial = True

    def events(self) -> dict[str, str]:
        """What changed: path -> "changed" or "deleted"; "" stands for all, when too much happened."""
        found: dict[str, str] = {}
        data = os.read(self.fd, 65536)
        place = 0
        while place < len(data):
            number, mask, _cookie, length = EVENT.unpack_from(data, place)
            place += EVENT.size
            name = os.fsdecode(data[place : place + length].rstrip(b"\0"))
            place += length
            if mask & Q_OVERFLOW:
                found[""] = "changed"
            elif mask & IGNORED:
                self.folders.pop(number, None)
            elif name and not name.startswith(PART) and number in self.folders:
                folder = self.folders[number]
                path = name if folder == "." else f"{folder}/{name}"
                found[path] = "deleted" if mask & (DELETE | MOVED_FROM) else "changed"
                if mask & ISDIR and mask & (CREATE | MOVED_TO):
                    # written before anybody watched
                    found |= dict.fromkeys(self.add(path), "changed")
        return found


def op_watch(task: Task) -> dict[str, Any]:
    """{"path"="."}: lines {"path", "event": "changed" | "deleted"} until closed; the first says "ready"."""
    watcher = Watcher(task)
    watcher.add(task.path(default="."))
    task.line({"path": "", "event": "ready", "partial": watcher.partial})
    poll = select.poll()
    poll.register(watcher.fd, select.POLLIN)
    poll.register(task.out, 0)  # an error there: nobody listens any more
    while True:
        ready = poll.poll()
        if any(fd == task.out for fd, _events in ready):
            return {}
        gathered: dict[str, str] = {}
        until = time.monotonic() + GATHER
        while (left := until - time.monotonic()) > 0:
            if any(fd == watcher.fd for fd, _events in poll.poll(left * 1000)):
                gathered.update(watcher.events())
                time.sleep(0.005)
        for path, event in gathered.items():
            task.line({"path": path, "event": event})
