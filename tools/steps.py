"""Named steps of a run, where tests let its process die: what follows must not be needed to be true."""

import os
import signal

# "<step>" as in `reach("run:opened")`; set for the processes of tests only.
DIE_AT = "TOOLS_DIE_AT"


def reach(step: str) -> None:
    """Say that a step is done; a test may have chosen this as the last thing its process does."""
    if DIE_AT in os.environ and os.environ[DIE_AT] == step:
        os.kill(os.getpid(), signal.SIGKILL)
