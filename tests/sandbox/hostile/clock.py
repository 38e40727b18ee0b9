"""The machine's clock: set to nothing, its speed to what it is. Nothing changes where this gets through."""

import ctypes
import struct

from kit import attempt, call

ADJ_TICK, REALTIME = 0x4000, 0


def speed():
    # struct timex: modes at 0, tick at byte 88
    now = ctypes.create_string_buffer(208)
    LIBC_adjtimex(now)
    tick = struct.unpack_from("q", now.raw, 88)[0]
    again = ctypes.create_string_buffer(208)
    struct.pack_into("I", again, 0, ADJ_TICK)
    struct.pack_into("q", again, 88, tick or 10_000)
    call("clock_adjtime", REALTIME, again)
    return tick


def LIBC_adjtimex(buffer):
    ctypes.CDLL(None, use_errno=True).adjtimex(buffer)


attempt("set_time", call, "settimeofday", 0, 0)
attempt("set_speed", speed)
