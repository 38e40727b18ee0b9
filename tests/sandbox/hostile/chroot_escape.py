"""Out of a changed root, by the classic way."""

import os

from kit import attempt, in_child


def escape():
    os.makedirs("/tmp/jail/inner", exist_ok=True)
    os.chroot("/tmp/jail")
    outside = os.open("/", os.O_RDONLY)
    os.chroot("/inner")
    os.fchdir(outside)
    for _ in range(10):
        os.chdir("..")
    os.chroot(".")
    return os.path.exists("/proc/self") and "outside again"


attempt("chroot", in_child, escape)
