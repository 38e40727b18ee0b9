"""A map for programs in the kernel."""

import ctypes
import struct

from kit import attempt, call

BPF_MAP_CREATE, ARRAY = 0, 2
attributes = struct.pack("5I", ARRAY, 4, 8, 1, 0).ljust(120, b"\0")
attempt("map", call, "bpf", BPF_MAP_CREATE, ctypes.create_string_buffer(attributes, 120), 72)
