"""Named steps of a driver's work, where tests let its process die: what follows must not be needed."""

import contextlib
import os
import signal
from pathlib import Path

# "<step>" as in `reach("flush:committed")`, or "<step>#3" for the third time; for the processes of tests. Of
# several processes only the first dies, which makes the file that DIE_MARK names.
DIE_AT, DIE_MARK = "PLANS_DIE_AT", "PLANS_DIE_MARK"
_reached: dict[str, int] = {}


def reach(step: str) -> None:
    """Say that a step is done; a test may have chosen this as the last thing its process does."""
    if DIE_AT not in os.environ:
        return
    wanted, _hash, times = os.environ[DIE_AT].partition("#")
    if wanted == step:
        _reached[step] = _reached.get(step, 0) + 1
        if _reached[step] == int(times or 1):
            with contextlib.suppress(FileExistsError):
                Path(os.environ[DIE_MARK]).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
