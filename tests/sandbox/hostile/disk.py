"""More disk than the workspace, /tmp and /dev/shm may have: claimed at once, then written to the end."""

import errno
import os

from kit import attempt

MB = 1024**2


def fill(folder, size):
    path = os.path.join(folder, "full")
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.posix_fallocate(file, 0, size)
        return os.fstat(file).st_size
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            block = b"\x01" * MB
            for _ in range(size // MB):
                os.write(file, block)
        raise
    finally:
        os.close(file)
        os.unlink(path)


attempt("workspace", fill, "/workspace", 1100 * MB)
attempt("tmp", fill, "/tmp", 160 * MB)
attempt("shm", fill, "/dev/shm", 96 * MB)
