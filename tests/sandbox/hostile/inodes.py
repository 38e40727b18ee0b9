"""More files than a disk has room for, all empty: what runs out are inodes, not bytes."""

import os

from kit import attempt, given

MOST = given()["most"]  # of each folder


def fill(folder):
    made = 0
    home = os.path.join(folder, "many")
    os.mkdir(home)
    where = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while made < MOST[folder]:
            os.mknod(str(made), 0o100600, dir_fd=where)
            made += 1
        return made
    finally:
        for number in range(made):
            os.unlink(str(number), dir_fd=where)
        os.close(where)
        os.rmdir(home)


attempt("workspace", fill, "/workspace")
attempt("tmp", fill, "/tmp")
attempt("shared_memory", fill, "/dev/shm")
