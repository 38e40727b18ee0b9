"""Transactions of the engine: each holds the run's row, and is tried again when the database asks for it.

Moves of steps share the row, so that drivers do not wait for each other; what people do to a run, and its
end, hold it alone. Rows of steps are locked in the order of their ids.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction

from agi_site.lib.database import lost_connection

from ..models import PlanExecution, PlanExecutionStatus

logger = logging.getLogger(__name__)

DEADLOCK, LOCK_TIMEOUT = 1213, 1205
ATTEMPTS = 8
# So long the database may be away before a driver gives up; another attempt of its task then goes on.
LONGEST_ABSENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the engine has to know of a run before each move."""

    status: str
    paused_at: datetime | None

    @property
    def running(self) -> bool:
        """Begun, and not ended."""
        return self.status == PlanExecutionStatus.RUNNING

    @property
    def moving(self) -> bool:
        """Whether further steps may be begun."""
        return self.running and self.paused_at is None


@contextmanager
def sharing(execution_id: str) -> Iterator[Standing]:
    """A transaction in which nobody ends, pauses or changes the run; other drivers go on."""
    with transaction.atomic():
        yield _standing(execution_id, "LOCK IN SHARE MODE")


@contextmanager
def holding(execution_id: str) -> Iterator[PlanExecution]:
    """A transaction that has the run to itself; raises PlanExecution.DoesNotExist."""
    with transaction.atomic():
        yield PlanExecution.objects.select_for_update().get(pk=execution_id)


def standing(execution_id: str) -> Standing:
    """How a run stands, without a lock."""
    return _standing(execution_id, "")


def _standing(execution_id: str, lock: str) -> Standing:
    lock = lock if connection.vendor == "mysql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT status, paused_at FROM plan_execution WHERE id = %s {lock}",  # noqa: S608 - two constants
            [execution_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise PlanExecution.DoesNotExist
    return Standing(row[0], row[1])


def again(error: BaseException) -> bool:
    """Whether the database rolled the transaction back and asks to try it again."""
    if not isinstance(error, DatabaseError):
        return False
    if connection.vendor == "mysql":
        return bool(error.args) and error.args[0] in (DEADLOCK, LOCK_TIMEOUT)
    return "locked" in str(error)


def transact[T](work: Callable[[], T], *, after_loss: Callable[[], tuple[bool, T]] | None = None) -> T:
    """`work()`, which is one transaction, until it is through.

    A deadlock is tried again. When the server went away it is waited for, and `after_loss` looks whether
    the transaction had been committed: (True, its result), or (False, anything) to do it again. Inside of
    another transaction nothing can be tried again.
    """
    if connection.in_atomic_block:
        return work()
    deadline = time.monotonic() + LONGEST_ABSENCE_SECONDS
    attempt, lost = 0, False
    while True:
        try:
            if lost and after_loss is not None:
                through, result = after_loss()
                if through:
                    return result
                lost = False
            return work()
        except (DatabaseError, InterfaceError) as error:
            attempt += 1
            if again(error):
                if attempt >= ATTEMPTS:
                    raise
                time.sleep(0.02 * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - not a secret
                continue
            if not lost_connection(error) or time.monotonic() > deadline:
                raise
            logger.warning("the database is away, the plan waits for it: %s", error)
            lost = True
            connection.close()
            time.sleep(min(0.1 * 2**attempt, 1.0))
