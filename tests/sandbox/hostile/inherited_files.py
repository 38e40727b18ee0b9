"""Open files and sockets left over by whoever started this program."""

import os

from kit import attempt


def left_over():
    found = []
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if number > 2 and not target.startswith(f"/proc/{os.getpid()}/"):
            found.append(f"{number} {target}")
    return found or False


def tty():
    os.close(os.open("/dev/tty", os.O_RDWR))
    return "a terminal"


def other_group():
    return (os.getsid(0) == 0 or os.getsid(0) == os.getsid(1)) and "in PID 1's session"


attempt("files", left_over)
attempt("session", other_group)
