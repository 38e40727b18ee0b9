"""Transfer tasks: using accepted mappings, and measuring what that gives.

Each kind of task runs three ways on the same questions. "before": the target domain by itself. "control":
the source's knowledge as it is, without mappings. "after": with them. What "after" has over "control" is due
to the mappings; what "control" has over "before" is due to there being more knowledge.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid
from system import queue

from ..models import KnowledgeDomain, TransferMetric, TransferTask, TransferTaskStatus
from .arms import ARMS, RUNS, Run
from .ontologies import check_may

TASK_TYPES: dict[str, Any] = {
    "answer": gettext_lazy("Answer questions"),
    "label": gettext_lazy("Label texts"),
    "carry": gettext_lazy("Carry rules, tools and intents across"),
}
MOST_ITEMS = 200
LONGEST_TEXT = 4_000
ITEM_KINDS = ("rule", "tool", "intent", "text")


@transaction.atomic
def start_transfer(
    *,
    by: Any,
    task_type: str,
    source: KnowledgeDomain,
    target: KnowledgeDomain,
    parameters: Mapping[str, Any],
) -> TransferTask:
    """Queue a transfer from one domain to another.

    `parameters` of "answer": questions [{"question", "expected": [id, title or external id, …]}], limit; of
    "label": items [{"text", "expected"}] and examples [{"text", "label"}] in the source's concepts; of
    "carry": items [{"kind", "name", "text"}] in the source's words. Raises Forbidden or Invalid.
    """
    check_may(by, "add_transfertask")
    if task_type not in TASK_TYPES:
        raise Invalid(
            errors={"task_type": [_("This is one of: %(known)s.") % {"known": ", ".join(TASK_TYPES)}]}
        )
    if source.pk == target.pk:
        raise Invalid(errors={"target_id": [_("Take two different domains.")]})
    task: TransferTask = TransferTask.objects.create(
        source_id=source.pk,
        target_id=target.pk,
        task_type=task_type,
        parameters=_checked(task_type, parameters),
        created_by=by,
    )
    queue.enqueue(task_type="transfer.run", payload={"transfer_id": task.pk}, key=f"transfer.run:{task.pk}")
    return task


@transaction.atomic
def delete_transfer(*, task: TransferTask, by: Any) -> None:
    """Remove a task with its figures."""
    check_may(by, "delete_transfertask")
    task.delete()


def run_transfer(
    *, task: TransferTask, stop: Callable[[], None], told: Callable[[dict[str, Any]], None]
) -> None:
    """Do what is left of a task, question by question, then store its figures.

    Raises EngineError and Problem; `fail_transfer` says so in the row.
    """
    domains = KnowledgeDomain.objects.in_bulk([task.source_id, task.target_id])
    if len(domains) < 2:
        raise Invalid(_("One of the two domains is gone."))
    if task.status == TransferTaskStatus.PENDING:
        task.status, task.started_at = TransferTaskStatus.RUNNING, timezone.now()
        task.save(update_fields=["status", "started_at"])
    run: Run = RUNS[task.task_type](task, domains[task.source_id], domains[task.target_id])
    done: list[dict[str, Any]] = list((task.result or {}).get("rows", []))
    for item in run.items[len(done) :]:
        stop()
        done.append(run.row(item))
        TransferTask.objects.filter(pk=task.pk).update(result={"rows": done})
        told({"done": len(done), "of": len(run.items)})
    _finish(task, {"rows": done, "mappings": run.mapping_count}, run.figures(done))


@transaction.atomic
def _finish(task: TransferTask, result: dict[str, Any], figures: Mapping[str, float]) -> None:
    TransferMetric.objects.filter(transfer_task=task).delete()
    TransferMetric.objects.bulk_create(
        TransferMetric(transfer_task=task, metric_name=name, metric_value=Decimal(str(round(value, 6))))
        for name, value in figures.items()
    )
    task.status, task.completed_at, task.result = TransferTaskStatus.COMPLETED, timezone.now(), result
    task.save(update_fields=["status", "completed_at", "result"])


def fail_transfer(*, task_id: str, reason: str) -> None:
    """End a task that cannot be done, with the reason."""
    TransferTask.objects.filter(pk=task_id).exclude(status=TransferTaskStatus.COMPLETED).update(
        status=TransferTaskStatus.FAILED, completed_at=timezone.now(), error_message=reason
    )


def compared(metrics: Sequence[TransferMetric]) -> list[dict[str, Any]]:
    """The figures side by side: for each measure its three arms, and what mappings added over the control."""
    found: dict[str, dict[str, float]] = {}
    for metric in metrics:
        measure, _dot, arm = metric.metric_name.rpartition(".")
        if arm in ARMS:
            found.setdefault(measure, {})[arm] = float(metric.metric_value)
    return [
        {"measure": measure, **arms, "gain": arms.get("after", 0) - arms.get("control", 0)}
        for measure, arms in found.items()
    ]


# --- Parameters --------------------------------------------------------------------------------------------
def _checked(task_type: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    plain_json.check(dict(parameters), field="parameters")
    if task_type == "answer":
        limit = parameters.get("limit", 5)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 20:
            _refuse(_("“limit” is a whole number from 1 to 20."))
        rows = _rows(parameters, "questions", "question")
        return {"limit": limit, "questions": [_question(row) for row in rows]}
    if task_type == "label":
        items = [_plain(row, "text", "expected") for row in _rows(parameters, "items", "text")]
        examples = [_plain(row, "text", "label") for row in _rows(parameters, "examples", "text")]
        if not all(row["label"] for row in examples):
            _refuse(_("Each example needs a “label”."))
        return {"items": items, "examples": examples}
    rows = [_plain(row, "text", "kind", "name") for row in _rows(parameters, "items", "text")]
    if not all(row["kind"] in ITEM_KINDS for row in rows):
        _refuse(_("Each item is of one of these kinds: %(known)s.") % {"known": ", ".join(ITEM_KINDS)})
    return {"items": rows}


def _rows(parameters: Mapping[str, Any], name: str, text: str) -> list[dict[str, Any]]:
    rows = parameters.get(name)
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ITEMS:
        _refuse(_("“%(name)s” is a list of 1 to %(most)s rows.") % {"name": name, "most": MOST_ITEMS})
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get(text), str) or not row[text].strip():
            _refuse(_("Each row of “%(name)s” has a “%(text)s”.") % {"name": name, "text": text})
        if len(row[text]) > LONGEST_TEXT:
            _refuse(_("At most %(most)s characters.") % {"most": LONGEST_TEXT})
    return list(rows)


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    expected = row.get("expected", [])
    expected = [expected] if isinstance(expected, str) else expected
    if not isinstance(expected, list) or not all(isinstance(one, str) for one in expected):
        _refuse(_("“expected” names the passages that answer the question."))
    return {"question": row["question"].strip(), "expected": [one for one in expected if one]}


def _plain(row: Mapping[str, Any], *names: str) -> dict[str, str]:
    if not all(isinstance(row.get(name, ""), str) for name in names):
        _refuse(_("Each of these is text: %(names)s.") % {"names": ", ".join(names)})
    return {name: row.get(name, "").strip() for name in names}


def _refuse(fault: str) -> NoReturn:
    raise Invalid(errors={"parameters": [fault]})
