"""Stopped processes, and ones that wait for children that never end: they answer to nothing but SIGKILL."""

import os
import signal
import time

for _ in range(3):
    child = os.fork()
    if child == 0:
        os.setsid()
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)
        os._exit(0)
if os.fork() == 0:
    os.setsid()
    if (vforked := os.posix_spawn("/bin/sleep", ["sleep", "60"], {})) and os.waitpid(vforked, 0):
        os._exit(0)
print("ready", flush=True)
time.sleep(60)
