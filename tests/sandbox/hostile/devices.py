"""Devices: made, or opened where they stand; nothing is read or written."""

import glob
import os
import stat

from kit import attempt, opens


def make(kind, major, minor):
    path = f"/tmp/device-{major}-{minor}"
    os.mknod(path, kind | 0o600, os.makedev(major, minor))
    try:
        return opens(path, os.O_RDONLY)
    finally:
        os.unlink(path)


def any_of(*patterns):
    refusal = FileNotFoundError(2, "none of them", patterns[0])
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern))):
        try:
            return opens(path, os.O_RDONLY)
        except OSError as error:
            refusal = error
    raise refusal


attempt("make_kmsg", make, stat.S_IFCHR, 1, 11)
attempt("make_loop", make, stat.S_IFBLK, 7, 0)
attempt("kernel_log", opens, "/dev/kmsg", os.O_RDONLY)
attempt("disks", any_of, "/dev/vd?", "/dev/sd?", "/dev/nvme?n?", "/dev/xvd?")
attempt("loop", any_of, "/dev/loop-control", "/dev/loop*")
attempt("tunnel", any_of, "/dev/net/tun")
attempt("fuse", any_of, "/dev/fuse")
attempt("virtual_machines", any_of, "/dev/kvm")
attempt("consoles", any_of, "/dev/tty0", "/dev/ttyS*", "/dev/hvc*")
