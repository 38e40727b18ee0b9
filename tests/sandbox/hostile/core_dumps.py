"""Another limit of core dumps than 1: with 0 too, the kernel starts a core_pattern's program on the host."""

import ctypes
import resource
import struct

from kit import attempt, call

NOTHING = struct.pack("QQ", 0, 0)


def lower():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return resource.getrlimit(resource.RLIMIT_CORE)


def lower_by_prlimit():
    resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))
    return resource.getrlimit(resource.RLIMIT_CORE)


attempt("lower", lower)
attempt("lower_by_prlimit", lower_by_prlimit)
# the kernel looks at 32 bits of the number, a filter at 64
for name, before in (("setrlimit", ()), ("prlimit64", (ctypes.c_long(0),))):
    attempt(name, call, name, *before, ctypes.c_ulong(1 << 32 | resource.RLIMIT_CORE), NOTHING, None)
