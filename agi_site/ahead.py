"""What a process of the web does before it answers, so that its first request is no slower than the next."""

import logging

from django.db import DatabaseError, connection
from django.urls import get_resolver, reverse

from system.queue import registry

from .lib import prepared

logger = logging.getLogger(__name__)


def load() -> None:
    """Load all kinds of tasks, and all views with their addresses.

    Kinds of tasks now, and not inside the transaction of the first request that stores a task.
    """
    registry.load()
    get_resolver().url_patterns  # noqa: B018 - reads every module of addresses
    reverse("home")  # the index of their names


def write_queries() -> None:
    """Write the hot queries (ADR 0023), in a thread that answers no request.

    Some depend on the database's version. One that is not there yet is no fault: they are written when asked.
    """
    try:
        prepared.write_all()
    except DatabaseError as error:
        logger.info("hot queries are written later: %s", error)
    finally:
        connection.close()
