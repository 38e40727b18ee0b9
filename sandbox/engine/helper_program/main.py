"""The helper's program: what a host must do for its sandboxes that Docker cannot, asked line by line.

It runs in a privileged container (host's processes, network and devices) with the standard library alone.
Several workers may be attached at once: each reads all answers and keeps its own. A request is
`{"id", "part", "parts", "text"}`, cut so that lines do not mix; the text is `{"op", ...}` once joined. The
answer is
`{"id", "ok": true, ...}` or `{"id", "ok": false, "fault"}`. Every request may be sent twice.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .disks import (
    DISKS,
    LOOP_CONTROL,
    disk_attach,
    disk_detach,
    disk_drop,
    disk_list,
    disk_make,
    disk_unmount,
)
from .doing import Answer, Fault
from .network import names, network
from .terminals import terminals

HOST = "/host"  # the machine's files, read-only
PROGRAMS = {
    "disk": ("mke2fs", "e2fsck", "debugfs", "resize2fs"),
    "network": ("nft", "nsenter", "ip"),
    "rate": ("tc", "nsenter"),
}
KEPT = 256
# The kernel counts these per user, and all sandboxes share one: without room, one that takes all it can
# leaves no watcher and only tiny pipes to the others. What each takes is charged to its own memory.
ROOM = {
    "fs/inotify/max_user_instances": 1 << 24,
    "fs/inotify/max_user_watches": 1 << 24,
    "fs/pipe-user-pages-soft": 0,  # no limit
    "kernel/pty/max": 1 << 16,  # of the machine: each sandbox has a limit of its own (`terminals`)
}
RAISE = "--raise-host-limits"
raised: dict[str, list[int]] = {}  # the kernel's settings that were changed: before, after


# --- Questions ----------------------------------------------------------------------------------------
REAL_PATH = "import os, sys; os.chroot(sys.argv[1]); print(os.path.realpath(sys.argv[2]), end='')"


def real_path(path: str) -> Answer:
    """Where a folder of the machine really lies, links followed."""
    mine = Path("/proc/self/cmdline").read_text().split("\0")  # with the loader in front of the interpreter
    argv = [*mine[: mine.index("-I")], "-I", "-S", "-c", REAL_PATH, HOST, path]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return {"path": done.stdout}


def make_room() -> None:
    """Raise what the kernel counts per user, where it is less; `raised` says what was changed."""
    for name, wanted in ROOM.items():
        place = Path("/proc/sys", name)
        with contextlib.suppress(OSError, ValueError):
            found = int(place.read_text())
            if found < wanted or (found and not wanted):
                place.write_text(str(wanted))
                raised[name.replace("/", ".")] = [found, wanted]


def about() -> Answer:
    """What the helper can do here, and which programs are missing."""
    missing = sorted({name for group in PROGRAMS.values() for name in group if not shutil.which(name)})
    can = {what: not set(group) & set(missing) for what, group in PROGRAMS.items()}
    can["disk"] = can["disk"] and LOOP_CONTROL.exists()
    status = os.statvfs(DISKS)
    return {
        "can": can,
        "missing": missing,
        "loop": LOOP_CONTROL.exists(),
        "disk_free": status.f_bavail * status.f_frsize,
        "raised": raised,
    }


OPS: dict[str, Callable[..., Answer]] = {
    "about": about,
    "disk_attach": disk_attach,
    "disk_detach": disk_detach,
    "disk_drop": disk_drop,
    "disk_list": disk_list,
    "disk_make": disk_make,
    "disk_unmount": disk_unmount,
    "names": names,
    "network": network,
    "real_path": real_path,
    "terminals": terminals,
}


# --- Lines --------------------------------------------------------------------------------------------
class Desk:
    """Takes requests, does each once, and answers as often as it is asked."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out, self.lock = out, threading.Lock()
        self.parts: OrderedDict[str, dict[int, str]] = OrderedDict()
        self.answers: OrderedDict[str, Answer | None] = OrderedDict()

    def take(self, line: bytes) -> None:
        try:
            part = json.loads(line)
            key, number, total = part["id"], part["part"], part["parts"]
        except (ValueError, KeyError, TypeError):
            return
        with self.lock:
            if key in self.answers:
                if (known := self.answers[key]) is not None:
                    self.say(known)
                return
            found = self.parts.setdefault(key, {})
            found[number] = part["text"]
            if len(found) < total:
                while len(self.parts) > KEPT:
                    self.parts.popitem(last=False)
                return
            del self.parts[key]
            self.answers[key] = None
            while len(self.answers) > KEPT:
                self.answers.popitem(last=False)
        text = "".join(found[number] for number in range(total))
        threading.Thread(target=self.do, args=(key, text), daemon=True).start()

    def do(self, key: str, text: str) -> None:
        try:
            request = json.loads(text)
            answer = {"ok": True, **OPS[request.pop("op")](**request)}
        except Fault as fault:
            answer = {"ok": False, "fault": str(fault)}
        except Exception as error:
            answer = {"ok": False, "fault": f"{type(error).__name__}: {error}"}
        with self.lock:
            self.answers[key] = answer = {"id": key, **answer}
            self.say(answer)

    def say(self, answer: Answer) -> None:
        self.out.write(b"\n" + json.dumps(answer).encode() + b"\n")
        self.out.flush()


def main() -> None:
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    if RAISE in sys.argv[1:]:
        make_room()
    desk = Desk(sys.stdout.buffer)
    for line in sys.stdin.buffer:
        desk.take(line)
