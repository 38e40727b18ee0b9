"""Prints what the runner says to the agent, and writes it to every stream of others that it can open."""

import base64
import contextlib
import os

from kit import given, processes, say


def write_all(file, data):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


forged = base64.b64decode(given()["frames"])
for stream in (1, 2):
    write_all(stream, b"\n" + forged + b"\n")
own = set()
for number in (0, 1, 2):
    with contextlib.suppress(OSError):
        own.add(os.readlink(f"/proc/self/fd/{number}"))
reached = []
for pid in [1, *processes()]:
    for number in range(16):
        path = f"/proc/{pid}/fd/{number}"
        with contextlib.suppress(OSError):
            target = os.readlink(path)
            if pid == 1 or (target.startswith(("pipe:", "socket:")) and target not in own):
                file = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                write_all(file, forged)
                os.close(file)
                reached.append(path)
os.write(1, b"\n")
say("write_to_the_stream", bool(reached), reached)
