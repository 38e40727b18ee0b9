"""What the hostile programs share: it travels with them into the container, so the standard library only.

A program makes attempts and says of each what came of it, a JSON line each on stdout:
`{"attempt": name, "got": true | false | null, "detail": text}`. null: this kernel does not have the thing.
"""

import ctypes
import errno
import json
import os
import platform
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
# ENOENT is for files, ENOSYS for calls, the others for sockets and devices
ABSENT = {errno.ENOENT, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENODEV, errno.ENXIO}
NUMBERS = {  # x86_64, aarch64
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "clone3": (435, 435),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "chroot": (161, 51),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "acct": (163, 89),
    "swapon": (167, 224),
    "quotactl": (179, 60),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "settimeofday": (164, 170),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "prctl": (157, 167),
    "capset": (126, 91),
    "setresuid": (117, 147),
    "setrlimit": (160, 164),
    "mmap": (9, 222),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "prlimit64": (302, 261),
    "io_setup": (206, 0),
    "renameat2": (316, 276),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}


def call(name, *arguments):
    """Makes a system call by its number, past the C library; raises OSError."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    ctypes.set_errno(0)
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    answer = LIBC.syscall(ctypes.c_long(number), *given)
    if answer == -1:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return answer


def say(name, got, detail=""):
    line = json.dumps({"attempt": name, "got": got, "detail": str(detail)[:200]})
    os.write(1, line.encode() + b"\n")


def attempt(name, act, *arguments):
    """Tries one thing: what `act` returns is what was gained; an exception, or False, is that it was not."""
    try:
        gained = act(*arguments)
    except OSError as error:
        say(name, None if error.errno in ABSENT else False, f"{errno.errorcode.get(error.errno)} {error}")
        return None
    except Exception as error:
        say(name, False, repr(error))
        return None
    say(name, gained is not False, gained)
    return gained


def in_child(act, *arguments):
    """Does something in a process of its own and returns its text, or raises its OSError here."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = [0, str(act(*arguments))]
        except OSError as error:
            answer = [error.errno or errno.EIO, str(error)]
        except BaseException as error:
            answer = [errno.EIO, repr(error)]
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        text = answers.read()
    status = os.waitpid(child, 0)[1]
    if not text:
        raise OSError(errno.EIO, f"ended with status {status}")
    number, said = json.loads(text)
    if number:
        raise OSError(number, said)
    return said


def reaches(name, *arguments):
    """Whether a call gets to the kernel: any error but EPERM means that it did. Nothing is to come of it."""
    try:
        return f"{name} gave {call(name, *arguments)}"
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
        return f"{name} was looked at: {errno.errorcode.get(error.errno)}"


def opens(path, flags=os.O_WRONLY):
    """Opens and closes: nothing is written."""
    os.close(os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK))
    return path


def given():
    """What the test told the program, as JSON."""
    return json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def status_of(pid="self"):
    """/proc/<pid>/status as a dictionary."""
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def processes():
    """Every process that is to be seen, but for this one."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
