"""The runner's own program and interpreter, started by this user: it gives no more rights than it has."""

import os
import subprocess

from kit import attempt, given

runner = given().get("interpreter") or ["/.agi/bin/python3"]


def rights():
    code = "print(open('/proc/self/status').read())"
    command = [*runner, "-I", "-S", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if said.returncode:
        raise OSError(1, said.stderr[-100:])
    status = dict(line.split(":\t", 1) for line in said.stdout.splitlines() if ":\t" in line)
    more = (
        int(status["Uid"].split()[1]) == 0
        or int(status["CapEff"], 16)
        or int(status["CapBnd"], 16)
        or status["NoNewPrivs"] == "0"
    )
    return bool(more) and f"uid {status['Uid']}, capabilities {status['CapEff']}"


def replace():
    for path in ("/.agi/bin/python3", "/.agi/runner.py", "/.agi"):
        if os.access(path, os.W_OK):
            return path
    return False


attempt("more_rights", rights)
attempt("replace_it", replace)
