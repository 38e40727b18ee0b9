"""Root again, or capabilities, by the calls that give them."""

import ctypes
import os
import struct

from kit import attempt, call, in_child, status_of


def as_root():
    os.setresuid(0, 0, 0)
    return os.geteuid() == 0 and "uid 0"


def groups():
    os.setgroups([0])
    return os.getgroups()


def capabilities():
    head = struct.pack("Ii", 0x20080522, 0)
    body = struct.pack("6I", 1 << 21, 1 << 21, 0, 0, 0, 0)  # CAP_SYS_ADMIN
    call("capset", ctypes.create_string_buffer(head), ctypes.create_string_buffer(body))
    return status_of()["CapEff"]


def bounding():
    return int(status_of()["CapBnd"], 16) or False


def may_gain():
    return status_of()["NoNewPrivs"] == "0" and "no_new_privs is not set"


def unfiltered():
    return status_of()["Seccomp"] != "2" and "no filter"


attempt("root", in_child, as_root)
attempt("groups", in_child, groups)
attempt("capabilities", in_child, capabilities)
attempt("bounding_set", bounding)
attempt("new_privileges", may_gain)
attempt("no_filter", unfiltered)
attempt("is_root", lambda: os.geteuid() == 0 and "uid 0")
