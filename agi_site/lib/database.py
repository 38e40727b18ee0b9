"""A database that is just restarting: telling so, and asking it again."""

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

ATTEMPTS = 6
# The server is not there, goes away, or has closed the connection.
GONE = frozenset({1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031})


def lost_connection(error: BaseException) -> bool:
    """Whether the server went away: then nobody knows what became of the last transaction."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError) or connection.vendor != "mysql" or not error.args:
        return False
    code = error.args[0]  # from 2000 on the client's own
    return code in GONE or (isinstance(code, int) and 2000 <= code < 2100)


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
            logger.warning("the database could not be reached yet")
            connection.close()
            time.sleep(min(0.25 * 2**attempt, 5))
    raise AssertionError("unreachable")
