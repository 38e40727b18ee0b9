"""The words of deleted texts leave the full-text indexes, which keep them past the rows."""

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection
from django.utils import timezone

from agi_site.lib import fulltext

from .. import queue

SOON_SECONDS = 5  # SQLite merges its index in no time, but not once for each row


def drop_terms_later(model: type[fulltext.SearchRow]) -> None:
    """Whoever deletes texts calls this in the same transaction; `model` is the companion that found them.

    Their words go once for however many rows: on SQLite in some seconds, on MySQL and MariaDB at the next
    full hour, as nobody may write to the companion meanwhile.
    """
    queue.announce("texts.deleted", {"table": model._meta.db_table})


@queue.on_event("texts.deleted")
def plan_drop(task: queue.TaskRun, *, table: str) -> None:
    """Plan it, in a task of its own: who deletes at the same moment does not wait for the key."""
    now = timezone.now()
    if connection.vendor == "sqlite":
        when = now + timedelta(seconds=SOON_SECONDS)
    else:
        when = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    queue.enqueue(
        task_type="system.drop_terms",
        payload={"table": table},
        priority=-5,
        run_at=when,
        # With the time: one that runs already may have come too early for what has gone now.
        key=f"system.drop_terms:{table}:{when:%Y%m%d%H%M%S}",
    )


@queue.task_type("system.drop_terms", time_limit=600, max_retries=8)
def drop_terms(task: queue.TaskRun, *, table: str) -> dict[str, Any]:
    """Take the words of deleted rows out of a table's index."""
    return {"done": fulltext.drop_deleted_terms(_companion(table))}


def _companion(table: str) -> type[fulltext.SearchRow]:
    for model in apps.get_models():
        if issubclass(model, fulltext.SearchRow) and model._meta.db_table == table:
            return model
    raise LookupError(f"no companion table is called {table!r}")
