"""Signals to whoever holds the sandbox: PID 1 and every process that is not this person's own."""

import os
import signal

from kit import attempt, processes, status_of


def reach(pid, number=0):
    os.kill(pid, number)
    return pid


def reach_any_helper():
    reached = []
    for pid in processes():
        try:
            if pid != 1 and status_of(pid)["Uid"].split()[0] != "1000":
                os.kill(pid, 0)
                reached.append(pid)
        except (OSError, KeyError):
            continue
    return reached or False


def reach_by_handle():
    signal.pidfd_send_signal(os.pidfd_open(1), 0)
    return "pidfd"


attempt("pid1", reach, 1)
attempt("pid1_by_handle", reach_by_handle)
attempt("helpers_of_another_user", reach_any_helper)
