"""What the kernel tells of the host: its memory, its log, its symbols, its firmware."""

from kit import attempt, call


def read(path):
    with open(path, "rb") as file:
        return len(file.read(64)) or False


def symbols():
    with open("/proc/kallsyms") as file:
        return int(file.readline().split()[0], 16) or False


attempt("kcore", read, "/proc/kcore")
attempt("kmsg", lambda: open("/proc/kmsg", "rb").close() or "opened")
attempt("kernel_log", call, "syslog", 10, 0, 0)
attempt("kernel_addresses", symbols)
attempt("timer_list", read, "/proc/timer_list")
attempt("keys", read, "/proc/keys")
