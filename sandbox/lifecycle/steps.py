"""Named steps of the work, where tests let a worker die: what follows must not be needed to be true."""

import os
import signal

# "<step>" as in `reach("create:started")`; set for the processes of tests only.
DIE_AT = "SANDBOX_DIE_AT"


def reach(step: str) -> None:
    """Say that a step is done; a test may have chosen this as the last thing its worker does."""
    if os.environ.get(DIE_AT) == step:
        os.kill(os.getpid(), signal.SIGKILL)
