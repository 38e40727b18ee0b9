"""Outlives its execution in sessions of its own, by double forks, with every signal ignored."""

import contextlib
import os
import signal
import time

for number in range(1, 32):
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_IGN)
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 256)
        with contextlib.suppress(OSError):
            os.chdir("/")
        while True:
            time.sleep(0.2)
            os.fork() == 0 or os._exit(0)  # the process is never the same for long
print("ready", flush=True)
time.sleep(60)
