"""The queue: the table `task_queue` is the truth, Celery carries wake-ups.

`enqueue` stores a row in the caller's transaction and wakes a worker after the commit. A woken worker
claims the most urgent due task of its queue (not the one the wake-up was sent for), runs the handler that
an app registered with `task_type`, and writes the end, fenced by its claim. What gets lost on the way (a
wake-up, a worker, the broker, the database for a while) the sweep finds again in the table.
"""

from .control import cancel, retry
from .outbox import announce, enqueue
from .registry import UnknownTaskType, on_event, periodic, task_type
from .residents import resident, start_residents, stop_residents
from .sweeping import reopen_dead, sweep, wake_all
from .task_run import Stopped, TaskRun, TimeLimitReached
from .worker import run, run_pending, work

__all__ = [
    "Stopped",
    "TaskRun",
    "TimeLimitReached",
    "UnknownTaskType",
    "announce",
    "cancel",
    "enqueue",
    "on_event",
    "periodic",
    "reopen_dead",
    "resident",
    "retry",
    "run",
    "run_pending",
    "start_residents",
    "stop_residents",
    "sweep",
    "task_type",
    "wake_all",
    "work",
]
