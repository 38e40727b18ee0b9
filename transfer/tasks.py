"""Work of this app outside of requests: reading sources, matching domains, running transfers."""

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from agi_site.lib.engines.base import EngineError
from agi_site.lib.problems import Problem
from system import queue
from system.queue import Stopped, TaskRun, TimeLimitReached

from .models import KnowledgeSource, TransferTask, TransferTaskStatus
from .reasons import SourceFault
from .services import mappings, sources, transfers


@queue.task_type("transfer.sync", time_limit=3600, max_retries=5)
def sync(task: TaskRun, *, source_id: str, contents: str, by: int | None) -> dict[str, Any]:
    """Read a source; an attempt that broke off goes on after the last item that was stored."""
    source = KnowledgeSource.objects.filter(pk=source_id).first()
    if source is None:
        return {"gone": source_id}
    reader = get_user_model()._default_manager.filter(pk=by).first() if by is not None else None
    if by is not None and reader is None:  # without a reader the program itself would read
        sources.give_up(source_id=source_id, fault=SourceFault("nobody"))
        return {"failed": "nobody"}
    try:
        return sources.read_source(
            source=source, by=reader, contents=contents, stop=task.check, told=task.progress
        )
    except Stopped:
        sources.give_up(source_id=source_id, fault=SourceFault("stopped_reading"))
        raise
    except Exception as error:
        if task.last_attempt:
            sources.give_up(source_id=source_id, fault=_fault(error))
        raise


@queue.periodic("transfer.read_due", every=60)
def read_due() -> int:
    """Queue the reading of sources whose time has come."""
    return sources.queue_due()


@queue.task_type("transfer.match", time_limit=3600)
def match(task: TaskRun, *, source_domain: str, target_domain: str) -> dict[str, Any]:
    """Find mappings between two domains."""
    return dict(
        mappings.find_mappings(source_domain=source_domain, target_domain=target_domain, stop=task.check)
    )


@queue.task_type("transfer.run", time_limit=3600)
def run(task: TaskRun, *, transfer_id: str) -> dict[str, Any]:
    """Run a transfer task; questions that were answered stay answered."""
    row = TransferTask.objects.select_related("created_by").filter(pk=transfer_id).first()
    if row is None or row.status in (TransferTaskStatus.COMPLETED, TransferTaskStatus.FAILED):
        return {"ended": transfer_id}
    try:
        transfers.run_transfer(task=row, stop=task.check, told=task.progress)
    except (Stopped, Problem) as error:
        reason = _("It was stopped.") if isinstance(error, Stopped) else str(error)
        transfers.fail_transfer(task_id=transfer_id, reason=reason)
        if isinstance(error, Stopped):
            raise
    except Exception as error:
        if task.last_attempt:
            transfers.fail_transfer(task_id=transfer_id, reason=_broken(error))
        raise
    return {"transfer_id": transfer_id}


def _broken(error: Exception) -> str:
    if isinstance(error, EngineError):
        return error.message
    if isinstance(error, TimeLimitReached):
        return _("It took too long. Start it again to go on from there.")
    return _("It broke off with an error (%(error)s). The log has the details.") % {
        "error": type(error).__name__
    }


def _fault(error: Exception) -> Exception:
    if isinstance(error, EngineError):
        return SourceFault("said", text=error.message)
    if isinstance(error, TimeLimitReached):
        return SourceFault("slow_reading")
    return SourceFault("broken", error=type(error).__name__)
