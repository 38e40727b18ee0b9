"""More processors than the sandbox may have: by affinity, and by spinning in many processes."""

import contextlib
import os
import resource
import time

from kit import attempt

SECONDS = 1.5


def affinity():
    os.sched_setaffinity(0, range(64))
    return len(os.sched_getaffinity(0)) > 1 and f"{len(os.sched_getaffinity(0))} processors"


def where():
    """The number of the processor this runs on."""
    with open("/proc/self/stat") as text:
        return int(text.read().rpartition(")")[2].split()[36])


def spin():
    begun = time.monotonic()
    children = []
    seen = set()
    for _ in range(6):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {len(children) % os.cpu_count()})
            while time.monotonic() - begun < SECONDS:
                pass
            os._exit(where())
        children.append(child)
    for child in children:
        seen.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    share = (used.ru_utime + used.ru_stime) / (time.monotonic() - begun)
    return (share > 1.2 or len(seen) > 1) and f"{share:.2f} of the time, on processors {seen}"


attempt("affinity", affinity)
attempt("spinning", spin)
