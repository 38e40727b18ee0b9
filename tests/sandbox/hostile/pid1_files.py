"""PID 1 by way of /proc: its memory, files, environment, OOM score; the same for the runner's helpers."""

import os

from kit import attempt, processes, status_of


def first_of(folder):
    names = os.listdir(folder)
    return os.readlink(os.path.join(folder, names[0]))


def helper_memory():
    found = []
    for pid in processes():
        try:
            if pid != 1 and status_of(pid)["Uid"].split()[0] != "1000":
                os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
                found.append(pid)
        except (OSError, KeyError):
            continue
    return found or False


def read(path):
    with open(path, "rb") as file:
        return len(file.read(100_000)) or False


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return text


def reopen_stream():
    with open("/proc/1/fd/1", "wb", buffering=0) as stream:
        stream.write(b"")
    return "its stdout"


attempt("memory", lambda: os.close(os.open("/proc/1/mem", os.O_RDWR)) or "open for writing")
attempt("map", read, "/proc/1/maps")
attempt("environment", read, "/proc/1/environ")
attempt("open_files", first_of, "/proc/1/fd")
attempt("stdout", reopen_stream)
attempt("root", os.listdir, "/proc/1/root")
attempt("folder", os.readlink, "/proc/1/cwd")
attempt("stack_of_calls", read, "/proc/1/syscall")
attempt("oom_score", write, "/proc/1/oom_score_adj", "900")
attempt("helpers_memory", helper_memory)
