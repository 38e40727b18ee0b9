"""Mounts: new ones, the root made writable, masks taken away, by the old calls and by the new ones."""

import os

from kit import attempt, call, in_child

MS_REMOUNT, MS_BIND, MS_PRIVATE, MNT_DETACH = 32, 4096, 1 << 18, 2


PLACE = b"/tmp/place"


def mount(kind, flags=0, source=b"none"):
    call("mount", source, PLACE, kind, flags, 0)
    return call("umount2", PLACE, MNT_DETACH)


os.makedirs(PLACE, exist_ok=True)
attempt("tmpfs", in_child, mount, b"tmpfs")
attempt("proc", in_child, mount, b"proc")
attempt("bind", in_child, mount, 0, MS_BIND, b"/")
attempt("remount", in_child, call, "mount", b"none", b"/dev/shm", 0, MS_REMOUNT, 0)
attempt("fsopen", in_child, call, "fsopen", b"tmpfs", 0)
attempt("open_tree", in_child, call, "open_tree", -100, b"/tmp", 1)
attempt("unmount", in_child, call, "umount2", b"/dev/pts", MNT_DETACH)
attempt("private", in_child, call, "mount", b"none", b"/", 0, MS_PRIVATE, 0)
