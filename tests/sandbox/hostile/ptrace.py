"""Looks into other processes: traces a child, reads its memory, takes its open files, is traced itself."""

import ctypes
import os
import signal
import time

from kit import attempt, call, in_child

PTRACE_TRACEME, PTRACE_SEIZE = 0, 0x4206
secret = ctypes.create_string_buffer(b"of the child")
child = os.fork()
if child == 0:
    time.sleep(20)
    os._exit(0)


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def read_memory():
    mine = ctypes.create_string_buffer(16)
    local, remote = Span(ctypes.addressof(mine), 12), Span(ctypes.addressof(secret), 12)
    call("process_vm_readv", child, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return mine.value


def take_file():
    return call("pidfd_getfd", call("pidfd_open", child, 0), 1, 0)


attempt("seize_a_child", call, "ptrace", PTRACE_SEIZE, child, 0, 0)
attempt("read_its_memory", read_memory)
attempt("take_its_files", take_file)
attempt("be_traced", in_child, call, "ptrace", PTRACE_TRACEME, 0, 0, 0)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
