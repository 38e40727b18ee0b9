"""Forks without end at the limit of processes: whoever is killed makes room for the next."""

import contextlib
import os
import signal
import time

from kit import given

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
end = time.monotonic() + given().get("seconds", 25)  # not for ever where nothing stops it
while time.monotonic() < end:
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            os.setsid()
    time.sleep(0.001)
