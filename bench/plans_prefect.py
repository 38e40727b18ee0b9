"""1 → 998 → 1 by Prefect 3, with the server and the database that it brings; prints seconds.

Run by the Python of an environment of its own, which needs nothing else.
"""

import os
import tempfile
import time

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="bench-prefect-"))
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def nothing() -> int:
    """One step."""
    return 0


@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def fan(count: int) -> int:
    """One, then all but two, then one."""
    first = nothing.submit()
    middle = [nothing.submit(wait_for=[first]) for _number in range(count - 2)]
    return nothing.submit(wait_for=middle).result()


if __name__ == "__main__":
    fan(10)  # the server starts
    began = time.perf_counter()
    fan(1000)
    print(time.perf_counter() - began)
