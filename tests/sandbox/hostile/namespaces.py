"""Namespaces of its own, in every way there is: each gives rights inside it that open more of the kernel."""

import ctypes
import os
import signal
import struct

from kit import attempt, call, in_child

FLAGS = {
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}


def clone(flags):
    child = call("clone", flags | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def clone3(flags):
    packed = struct.pack("8Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = call("clone3", ctypes.create_string_buffer(packed), len(packed))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def join(path):
    return call("setns", os.open(path, os.O_RDONLY), 0)


for name, flag in FLAGS.items():
    attempt(f"unshare_{name}", in_child, call, "unshare", flag)
attempt("clone_user", in_child, clone, FLAGS["user"])
attempt("clone_net_and_user", in_child, clone, FLAGS["net"] | FLAGS["user"])
attempt("clone3_user", in_child, clone3, FLAGS["user"])
attempt("setns_own", in_child, join, "/proc/self/ns/uts")
attempt("setns_pid1", in_child, join, "/proc/1/ns/net")
