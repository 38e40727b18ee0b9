"""Counters of the processor, which tell of others too."""

import ctypes
import struct

from kit import attempt, call

SOFTWARE, TASK_CLOCK, EXCLUDE_KERNEL = 1, 1, 1 << 5 | 1 << 6
attributes = struct.pack("IIQQQQQ", SOFTWARE, 112, TASK_CLOCK, 0, 0, 0, EXCLUDE_KERNEL).ljust(112, b"\0")
attempt("counter", call, "perf_event_open", ctypes.create_string_buffer(attributes, 112), 0, -1, -1, 0)
