"""The engine that runs plans: states in rows, work in drivers, every move in one short transaction.

`begin` lays a run's steps out as rows. A **driver** (`driver`) claims ready steps, does them (`kinds`) and
writes their ends in group commits (`moves`), which make ready what waited for them. `recovery` takes over
what a dead driver held; `control` is what people do to a run; `endings` ends it. docs/adr/0013 says why.
"""

from .begin import begin
from .control import cancel, pause, resume, retry, skip
from .database import transact
from .driver import drive
from .settling import look_at_clocks, rescue, settle
from .starting import create
from .telling import channel_of

__all__ = [
    "begin",
    "cancel",
    "channel_of",
    "create",
    "drive",
    "look_at_clocks",
    "pause",
    "rescue",
    "resume",
    "retry",
    "settle",
    "skip",
    "transact",
]
