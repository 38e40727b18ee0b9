"""What is left of what the kernel counts per user, while another sandbox takes all it can."""

import fcntl
import os

from kit import LIBC, say

number = LIBC.inotify_init1(0)
say("no_watcher_left", number < 0, number)
reader, writer = os.pipe()
try:
    fcntl.fcntl(writer, 1031, 1 << 19)
    size = fcntl.fcntl(writer, 1032)
except OSError as error:
    size = str(error)
say("no_pipes_left", not isinstance(size, int) or size < 1 << 19, size)
