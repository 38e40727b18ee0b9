"""Programs of the image that give more rights than their caller has: setuid root, file capabilities."""

import os
import shutil
import subprocess

from kit import attempt

PROGRAMS = "/hostile"


def rights(program):
    """What `cat` says of itself; False without rights."""
    said = subprocess.run([program, "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    user, capabilities = int(status["Uid"].split()[1]), int(status["CapEff"], 16)
    return f"uid {user}, capabilities {capabilities:x}" if user == 0 or capabilities else False


def make_own():
    """A copy of one's own that is marked setuid belongs to oneself; given to root it would not."""
    shutil.copy("/bin/cat", "/tmp/own")
    os.chmod("/tmp/own", 0o4755)
    os.chown("/tmp/own", 0, 0)
    return "a setuid program of root"


attempt("setuid_root", rights, f"{PROGRAMS}/setuid-cat")
attempt("file_capability", rights, f"{PROGRAMS}/capable-cat")
attempt("make_one", make_own)
