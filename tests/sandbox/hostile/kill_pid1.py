"""Every signal that could end or stop PID 1, and then an end of its own to see what is left."""

import contextlib
import os
import signal

FIRST = (signal.SIGSTOP, signal.SIGKILL)
for number in [*FIRST, *(signal.valid_signals() - set(FIRST) - {signal.SIGINT}), signal.SIGINT]:
    with contextlib.suppress(OSError):
        os.kill(1, number)
