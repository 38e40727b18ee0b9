"""Taking out of the records of runs what was forgotten, and what people who are gone leave behind."""

import json
from contextlib import suppress
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict
from knowledge.services import Traces

from .. import results
from ..models import Approval, ApprovalStatus, ToolExecution, ToolExecutionStatus
from . import ending
from .approvals import close

BATCH = 200


def take_out_memories(*, user_id: int, traces: Traces) -> int:
    """Take copies of memories out of one person's runs and the questions about them: how many changed.

    Out of what was given to a tool, too: the model, or a plan, may have put a memory there. What has not
    begun, or waits for an answer, ends then: nothing is done with arguments of which a part is missing.
    """
    asked = Q(created_at__gte=traces.since) | Q(completed_at__gte=traces.since) | Q(completed_at=None)
    runs = ToolExecution.objects.filter(asked, user=user_id).order_by("pk")
    changed = sum(_take_out_of(run, traces) for run in runs.iterator(chunk_size=BATCH))
    questions = Approval.objects.filter(user=user_id, created_at__gte=traces.since).select_related("user")
    for question in questions.order_by("pk").iterator(chunk_size=BATCH):
        changed += _take_out_of_question(question, traces)
    return changed


def _take_out_of_question(question: Approval, traces: Traces) -> bool:
    found = {name: traces.out_of(getattr(question, name)) for name in ("arguments", "edited_arguments")}
    values = {name: value for name, (value, gone) in found.items() if gone}
    if not values:
        return False
    with transaction.atomic(), translation.override(question.user.language or None):
        if question.status == ApprovalStatus.PENDING:
            with suppress(Conflict):  # decided just now
                close(question, to=ApprovalStatus.CANCELED, note=ending.forgotten_text())
        Approval.objects.filter(pk=question.pk).update(**values)
    return True


def _take_out_of(run: ToolExecution, traces: Traces) -> bool:
    values: dict[str, Any] = {}
    for name in ("parameters", "result"):
        value, gone = traces.out_of(getattr(run, name))
        if gone:
            values[name] = value
    error, gone = traces.out_of(run.error_message)
    if gone:
        values["error_message"] = error
    if run.result_file:
        values |= _whole_without(run, traces)
    if "result" in values:
        values["result_forgotten"] = True
    if values:
        _keep(run, values)
    if values.get("result_file", run.result_file) != run.result_file:
        results.discard(run.result_file)
    return bool(values)


@transaction.atomic
def _keep(run: ToolExecution, values: dict[str, Any]) -> None:
    if "parameters" in values:
        values["arguments_forgotten"] = True
        ending.call_off_forgotten(run)
    ToolExecution.objects.filter(pk=run.pk).update(**values)


def _whole_without(run: ToolExecution, traces: Traces) -> dict[str, Any]:
    """The columns of a large result whose file holds copies; {} where it holds none, or is gone."""
    try:
        with default_storage.open(run.result_file) as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return {}
    kept, gone = traces.out_of_text(text)
    if not gone:
        return {}
    whole = json.loads(kept) if run.result_file.endswith(".json") else kept
    return results.stored(whole, name=run.pk).columns()


def forget_the_gone() -> int:
    """Empty the runs of people whose account was deleted; returns how many.

    Their rows stay, as the ledger counts runs: without what was asked, what came of it, and the files of
    large results. What still waits ends first, as nobody is there for whom it could run.
    """
    _end_what_waits()
    said = Q(parameters__isnull=False) | Q(result__isnull=False) | Q(error_message__isnull=False)
    kept = said | Q(idempotency_key__isnull=False) | ~Q(result_file="")
    ended = [ToolExecutionStatus.COMPLETED, ToolExecutionStatus.FAILED]
    left = ToolExecution.objects.filter(kept, user=None, status__in=ended).order_by("pk")
    emptied = 0
    while found := dict(left.values_list("pk", "result_file")[:BATCH]):
        for file in found.values():  # before its name: what breaks off between the two is done again
            results.discard(file)
        ToolExecution.objects.filter(pk__in=found).update(
            parameters=None,
            result=None,
            result_file="",
            result_size=None,
            error_message=None,
            idempotency_key=None,
        )
        emptied += len(found)
    return emptied


def _end_what_waits() -> None:
    """End what has not begun, or waits for something else; what runs comes to its end by itself."""
    waiting = Q(status=ToolExecutionStatus.PENDING)
    waiting |= Q(status=ToolExecutionStatus.RUNNING) & ~Q(awaits_type="")
    rows = ToolExecution.objects.filter(waiting, user=None).select_related("tool").order_by("pk")
    for row in rows[:BATCH]:
        with translation.override(row.language or None):
            text = _("This account is closed, so no tool runs for it.")
            ending.fail(row, code="account_closed", text=text)
