"""What all of the helper's work is made of: programs that are run, and namespaces of containers."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

type Answer = dict[str, Any]


class Fault(Exception):
    """What could not be done, in words."""


def run(
    *argv: str,
    given: str | None = None,
    timeout: float = 60,
    pass_fds: Sequence[int] = (),
    fine: Sequence[int] = (0,),
) -> str:
    """Run a program; its output. Raises Fault with what it said when its exit code is not among `fine`."""
    try:
        done = subprocess.run(
            argv, input=given, capture_output=True, text=True, timeout=timeout, pass_fds=pass_fds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Fault(f"{argv[0]}: {error}") from error
    if done.returncode not in fine:
        raise Fault(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def own_namespace(pid: int, container: str, kind: str = "net") -> int:
    """A namespace of the container, open; never the host's, even when the process is another by now."""
    namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    if container not in groups or os.fstat(namespace).st_ino == Path(f"/proc/self/ns/{kind}").stat().st_ino:
        os.close(namespace)
        raise Fault(f"the container has ended, or has no {kind} namespace of its own")
    return namespace
