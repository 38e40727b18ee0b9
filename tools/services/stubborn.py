"""Asking the database again while it is just restarting."""

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

ATTEMPTS = 6


def stubbornly[T](ask: Callable[[], T]) -> T:
    """What `ask` returns; it is asked again, for some ten seconds, while the database is away.

    Inside a transaction it is asked once: what came before in the transaction would be lost.
    """
    for attempt in range(ATTEMPTS):
        try:
            return ask()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or attempt == ATTEMPTS - 1:
                raise
            logger.warning("the ledger could not be reached yet")
            connection.close()
            time.sleep(min(0.25 * 2**attempt, 5))
    raise AssertionError("unreachable")
