"""Runs what is queued in a process of its own, and kills it with -9 before the given batch of vectors."""

import os
import signal
import sys


def main(batch: int) -> None:
    """Work until the batch comes up; then the process is gone, as if somebody had pulled the plug."""
    import django

    django.setup()
    from knowledge import indexing
    from system import queue

    real, seen = indexing.embed, 0

    def embed(*args: object, **kwargs: object) -> int:
        nonlocal seen
        seen += 1
        if seen == batch:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    indexing.embed = embed  # type: ignore[assignment]
    queue.run_pending()


if __name__ == "__main__":
    main(int(sys.argv[1]))
