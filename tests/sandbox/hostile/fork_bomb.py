"""More processes than the sandbox may have; each sleeps, and all are taken away at the end."""

import os
import signal
import time

from kit import say

MOST = 600
children = []
refused = ""
try:
    while len(children) < MOST:
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        children.append(child)
except OSError as error:
    refused = str(error)
for child in children:
    os.kill(child, signal.SIGKILL)
for child in children:
    os.waitpid(child, 0)
say("more_processes", not refused, f"{len(children)} {refused}")
