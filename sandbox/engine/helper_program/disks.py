"""Disks of sandboxes: one file each, with ext4, on a loop device; the link /dev/agi/<name> says which."""

import fcntl
import os
import re
import sys
import threading
from pathlib import Path

from .doing import Answer, Fault, run

DISKS = Path("/disks")
LINKS = Path("/dev/agi")
LOOP_CONTROL = Path("/dev/loop-control")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
LOOP_SET_FD, LOOP_CLR_FD, LOOP_CTL_GET_FREE = 0x4C00, 0x4C01, 0x4C82
SPARE_SIZES = 4
loops, spares = threading.Lock(), threading.Lock()


def disk_make(name: str, size: int) -> Answer:
    """Put a disk of `size` bytes on a loop device, made where there is none, resized where it differs."""
    image = disk(name)
    if not image.exists():
        try:
            spare(size).rename(image)
        except FileNotFoundError:
            format_disk(image.with_suffix(".new"), size)
            image.with_suffix(".new").rename(image)
        later = threading.Timer(1.0, make_spare, (size,))  # not beside the start of this one
        later.daemon = True
        later.start()
    elif image.stat().st_size != size:
        disk_resize(name, image, size)
    return disk_attach(name)


def format_disk(file: Path, size: int) -> None:
    """An empty file system of the sandbox's person in a sparse file."""
    with file.open("wb") as content:
        content.truncate(size)
    run(
        *("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-i", "8192"),
        *("-E", "root_owner=1000:1000,lazy_itable_init=1,nodiscard"),
        str(file),
    )
    run("debugfs", "-w", "-R", "rmdir lost+found", str(file))


def spare(size: int) -> Path:
    """Where the disk of a size lies that nobody has yet."""
    return DISKS / f"{size}.spare"


def make_spare(size: int) -> None:
    """Make one disk ahead of time, so that the next of this size only wants a name; old sizes go."""
    if not spares.acquire(blocking=False):
        return
    try:
        if not spare(size).exists():
            unready = spare(size).with_suffix(".unready")
            format_disk(unready, size)
            unready.rename(spare(size))
        found = sorted(DISKS.glob("*.spare"), key=lambda path: path.stat().st_mtime)
        for old in found[:-SPARE_SIZES]:
            old.unlink(missing_ok=True)
    except (Fault, OSError):
        pass  # the next disk is made when it is asked for
    finally:
        spares.release()


def disk_resize(name: str, image: Path, size: int) -> None:
    """Make a disk that nobody uses larger or smaller; its files stay, and must fit."""
    disk_detach(name)
    if loop_of(image) is not None:
        raise Fault("the disk is in use")
    run("e2fsck", "-f", "-p", str(image), timeout=600, fine=(0, 1, 2))
    run("debugfs", "-w", "-R", "rmdir lost+found", str(image), fine=(0, 1))  # the check has made it again
    if size > image.stat().st_size:
        os.truncate(image, size)
    try:
        run("resize2fs", str(image), f"{size // 1024}K", timeout=600)
    except Fault as fault:
        reason = "" if "smaller than minimum" in str(fault) else f" ({fault})"
        raise Fault(f"the files do not fit into a disk of this size{reason}") from fault
    os.truncate(image, size)


def disk_attach(name: str) -> Answer:
    """Put a disk that stands on a loop device again, as after the machine's start."""
    image, link = disk(name), LINKS / name
    if not image.exists():
        raise Fault(f"there is no disk {name}")
    with loops:
        device = loop_of(image)
        if device is None:
            if was_used(image):
                run("e2fsck", "-p", str(image), timeout=600, fine=(0, 1, 2))
            device = new_loop(image)
        LINKS.mkdir(exist_ok=True)
        if not link.is_symlink() or str(link.readlink()) != device:
            link.unlink(missing_ok=True)
            link.symlink_to(device)
    return {"device": str(link)}


def disk_detach(name: str) -> Answer:
    """Take a disk that nobody uses off its loop device; it stays."""
    with loops:
        if (device := loop_of(disk(name))) is not None:
            drop_loop(device)
        (LINKS / name).unlink(missing_ok=True)
    return {}


def disk_drop(name: str) -> Answer:
    """Remove a disk for good."""
    image, link = disk(name), LINKS / name
    with loops:
        if (device := loop_of(image)) is not None:
            drop_loop(device)
        link.unlink(missing_ok=True)
        image.unlink(missing_ok=True)
        image.with_suffix(".new").unlink(missing_ok=True)
    return {}


def disk_unmount(name: str) -> Answer:
    """Unmount a disk that the engine lost count of, as it does when restarted under running containers."""
    ending = f"/volumes/{name}/_data"
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text() != "dockerd\n":
                continue
            mounts = [line.split()[4] for line in (comm.parent / "mountinfo").read_text().splitlines()]
        except OSError:
            continue
        for place in mounts:
            if place.endswith(ending):
                run("nsenter", f"--mount={comm.parent}/ns/mnt", "--", "umount", place)
    return {}


def disk_list() -> Answer:
    """The names of the disks, and how many bytes they take."""
    return {"disks": {path.stem: path.stat().st_blocks * 512 for path in DISKS.glob("*.img")}}


def disk(name: str) -> Path:
    if not NAME.fullmatch(name):
        raise Fault("this is not a disk's name")
    return DISKS / f"{name}.img"


def was_used(image: Path) -> bool:
    """Whether the file system was mounted since it was made (ext4's count of mounts)."""
    with image.open("rb") as file:
        file.seek(1024 + 52)
        return int.from_bytes(file.read(2), "little") > 0


def loop_of(image: Path) -> str | None:
    """The loop device that has a file, or None."""
    status = image.stat() if image.exists() else None
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            backing = path.read_text().strip()
        except OSError:
            continue
        # the kernel names the file as some mount sees it: the name is ours alone, and the inode proves it
        if status is not None and backing.endswith("/" + image.name):
            device = f"/dev/{path.parent.parent.name}"
            if loop_inode(device) in (None, status.st_ino):
                return device
    return None


def loop_inode(device: str) -> int | None:
    """The inode of a loop device's file (LOOP_GET_STATUS64: lo_device, lo_inode, ...)."""
    found = bytearray(232)
    try:
        with Path(device).open("rb") as file:
            fcntl.ioctl(file, 0x4C05, found)
    except OSError:
        return None
    return int.from_bytes(found[8:16], sys.byteorder)


def new_loop(image: Path) -> str:
    """Put a file on a free loop device; others on this machine may take the same one first."""
    for _attempt in range(20):
        with LOOP_CONTROL.open("rb") as control:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        device = f"/dev/loop{number}"
        if not Path(device).exists():
            os.mknod(device, 0o600 | 0o060000, os.makedev(7, number))
        with image.open("r+b") as file, Path(device).open("r+b") as loop:
            try:
                fcntl.ioctl(loop, LOOP_SET_FD, file.fileno())
            except OSError as error:
                if error.errno == 16:  # EBUSY: taken meanwhile
                    continue
                raise
        return device
    raise Fault("no loop device is free")


def drop_loop(device: str) -> None:
    with Path(device).open("rb") as loop:
        try:
            fcntl.ioctl(loop, LOOP_CLR_FD)
        except OSError as error:
            if error.errno != 6:  # ENXIO: it has no file any more
                raise
