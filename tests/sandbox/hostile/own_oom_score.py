"""Less likely than others to be killed when memory runs out, and more important for the scheduler."""

import os

from kit import attempt


def lower():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-900")
    return open("/proc/self/oom_score_adj").read()


def nicer():
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    return os.getpriority(os.PRIO_PROCESS, 0)


def real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return "SCHED_FIFO"


attempt("oom_score", lower)
attempt("priority", nicer)
attempt("real_time", real_time)
