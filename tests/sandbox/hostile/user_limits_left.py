"""What is left of what the kernel counts per user, while another sandbox takes all it can."""

import ctypes
import errno
import fcntl
import os
import struct

from kit import LIBC, call, say

number = LIBC.inotify_init1(0)
say("no_watcher_left", number < 0, number)
reader, writer = os.pipe()
try:
    fcntl.fcntl(writer, 1031, 1 << 19)
    size = fcntl.fcntl(writer, 1032)
except OSError as error:
    size = str(error)
say("no_pipes_left", not isinstance(size, int) or size < 1 << 19, size)
attributes = ctypes.create_string_buffer(struct.pack("8q", 0, 10, 8192, 0, 0, 0, 0, 0))
try:
    found = call("mq_open", b"mine", os.O_CREAT | os.O_RDWR, 0o600, attributes)
    call("mq_unlink", b"mine")
    say("no_queue_left", False, found)
except OSError as error:
    say(
        "no_queue_left", error.errno == errno.EMFILE, error
    )  # refused to everybody is nothing to be taken away
