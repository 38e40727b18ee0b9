"""A ring of requests, which go past a filter of system calls."""

import ctypes

from kit import attempt, call

attempt("ring", call, "io_uring_setup", 4, ctypes.create_string_buffer(120))
