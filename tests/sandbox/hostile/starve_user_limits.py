"""All of what the kernel counts per user, whatever the container: watches of files, room in pipes."""

import ctypes
import fcntl
import os
import time

from kit import LIBC, say

F_SETPIPE_SZ = 1031
watchers = 0
held = []
while watchers < 900:
    number = LIBC.inotify_init1(0)
    if number < 0:
        break
    held.append(number)
    watchers += 1
say("watchers", True, watchers)
pipes = 0
for _ in range(30):
    reader, writer = os.pipe()
    held += [reader, writer]
    try:
        fcntl.fcntl(writer, F_SETPIPE_SZ, 1 << 20)
    except OSError:
        break
    pipes += 1
say("pipes", True, pipes)
print("ready", ctypes.sizeof(ctypes.c_int), flush=True)
time.sleep(20)
