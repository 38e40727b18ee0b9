"""What the kernel counts for the whole machine: requests of the old asynchronous input and output."""

import ctypes

from kit import attempt, call

context = ctypes.c_ulong(0)
attempt("asynchronous_requests", call, "io_setup", 1000, ctypes.byref(context))
