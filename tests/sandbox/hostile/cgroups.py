"""Its own limits, and the classic way out by the release agent: opened for writing, never written."""

import glob
import os

from kit import attempt, opens


def any_of(*patterns):
    refusal = FileNotFoundError(2, "none of them", patterns[0])
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern, recursive=True))):
        try:
            return opens(path)
        except OSError as error:
            refusal = error
    raise refusal


def make_group():
    for folder in (*glob.glob("/sys/fs/cgroup/*/"), "/sys/fs/cgroup/"):
        path = os.path.join(folder, "made-inside")
        try:
            os.mkdir(path)
        except OSError as error:
            refusal = error
            continue
        os.rmdir(path)
        return path
    raise refusal


attempt("memory_limit", any_of, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max")
attempt("pids_limit", any_of, "/sys/fs/cgroup/pids/**/pids.max", "/sys/fs/cgroup/pids.max")
attempt("devices", any_of, "/sys/fs/cgroup/devices/devices.allow", "/sys/fs/cgroup/cgroup.subtree_control")
attempt("members", any_of, "/sys/fs/cgroup/*/cgroup.procs", "/sys/fs/cgroup/cgroup.procs")
attempt("new_group", make_group)
