"""More open files than a process may have, and the limit itself raised."""

import os
import resource

from kit import attempt


def raise_limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 8000))
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def open_many():
    opened = []
    try:
        while len(opened) < 3000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
        return len(opened)
    finally:
        for number in opened:
            os.close(number)


attempt("raise_limit", raise_limit)
attempt("open_many", open_many)
