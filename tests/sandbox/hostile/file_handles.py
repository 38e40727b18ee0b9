"""Files of the host by their handle, past every mount; and watching all of a file system's files."""

import ctypes
import os
import struct

from kit import attempt, call

AT_FDCWD = -100


def open_by_handle():
    buffer = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount_id = ctypes.c_int()
    call("name_to_handle_at", AT_FDCWD, b"/dev/shm", buffer, ctypes.byref(mount_id), 0)
    return call("open_by_handle_at", os.open("/dev/shm", os.O_RDONLY), buffer, os.O_RDONLY)


attempt("by_handle", open_by_handle)
attempt("watch_all", call, "fanotify_init", 0, os.O_RDONLY)
