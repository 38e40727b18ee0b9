"""The pages of transfer tasks."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, form_page, page, paged

from .. import services
from ..forms import TransferForm
from ..models import KnowledgeDomain, TransferTask, TransferTaskStatus
from ..services.arms import ARMS
from ..services.transfers import TASK_TYPES
from .common import ask_to_delete, need, row_of

LOOKS = {
    "pending": ("tag-accent", "clock"),
    "running": ("tag-accent", "running"),
    "completed": ("tag-success", "check"),
    "failed": ("tag-danger", "warning"),
}
MEASURES: dict[str, Any] = {
    "recall": gettext_lazy("found"),
    "mrr": gettext_lazy("how far up (MRR)"),
    "accuracy": gettext_lazy("labelled right"),
    "coverage": gettext_lazy("concepts understood"),
}


@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    """All transfers, newest first."""
    rows = (
        TransferTask.objects.for_user(request.user).defer("parameters", "result").select_related("created_by")
    )
    found = paged(request, rows, order=["-pk"])
    _named(found.rows)
    return page(
        request,
        "transfer/tasks.html",
        page=found,
        kinds=TASK_TYPES.items(),
        may_add=request.user.has_perm("transfer.add_transfertask"),
    )


def _named(rows: list[Any]) -> None:
    """Give each row the names of its domains, in one query, and its look."""
    keys = {row.source_id for row in rows} | {row.target_id for row in rows}
    names = dict(KnowledgeDomain.objects.filter(pk__in=keys).values_list("pk", "name"))
    for row in rows:
        row.source_name, row.target_name = (
            names.get(key, _("deleted")) for key in (row.source_id, row.target_id)
        )
        row.look, row.symbol = LOOKS.get(row.status, ("", "circle"))
        row.kind = TASK_TYPES.get(row.task_type, row.task_type)
        row.busy = row.status in (TransferTaskStatus.PENDING, TransferTaskStatus.RUNNING)


@form_page
def add(request: HttpRequest, task_type: str) -> HttpResponse:
    """A new transfer of one kind."""
    need(request, "add_transfertask")
    if task_type not in TASK_TYPES:
        raise Http404
    form = TransferForm(request.POST or None, user=request.user, task_type=task_type)
    if request.method == "POST" and form.is_valid():
        try:
            task = services.start_transfer(
                by=request.user,
                task_type=task_type,
                source=form.cleaned_data["source"],
                target=form.cleaned_data["target"],
                parameters=form.parameters(),
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("transfer:task", pk=task.pk)
    lead = _(
        "What the first domain knows is used in the second, by the mappings you have accepted. "
        "The team sees it."
    )
    context = {
        "form": form,
        "title": TASK_TYPES[task_type],
        "lead": lead,
        "back": "transfer:tasks",
        "back_args": (),
    }
    return page(request, "transfer/form.html", **context)


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A transfer: its figures before, without mappings and after, and each item."""
    task = row_of(request, TransferTask, pk)
    _named([task])
    figures = services.compared(list(task.metrics.order_by("pk")))
    for figure in figures:
        figure["word"] = MEASURES.get(figure["measure"], figure["measure"])
        figure["bars"] = [
            {"arm": word, "value": f"{figure.get(arm, 0):.3f}", "percent": round(100 * figure.get(arm, 0))}
            for arm, word in zip(ARMS, (_("before"), _("without mappings"), _("after")), strict=True)
        ]
        figure["gain"] = f"{figure['gain']:+.3f}"
    result = task.result or {}
    return page(
        request,
        "transfer/task.html",
        partial="state",
        task=task,
        figures=figures,
        rows=result.get("rows", []),
        mappings=result.get("mappings"),
        of=len(next((v for k, v in (task.parameters or {}).items() if k in ("questions", "items")), [])),
        may_delete=request.user.has_perm("transfer.delete_transfertask"),
    )


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a transfer with its figures, after asking."""
    task = row_of(request, TransferTask, pk)
    need(request, "delete_transfertask")
    if request.method == "POST":
        services.delete_transfer(task=task, by=request.user)
        return redirect("transfer:tasks")
    return ask_to_delete(
        request,
        title=_("Delete this transfer?"),
        name=str(TASK_TYPES.get(task.task_type, task.task_type)),
        text=_("Its figures go with it."),
        back="transfer:task",
        pk=task.pk,
    )
