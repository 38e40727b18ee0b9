"""The ledger as a person sees it: one's own runs, with arguments, output, and why they were allowed."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import events
from agi_site.lib.problems import Problem
from agi_site.lib.web import flash, page, paged

from .. import services, words
from ..channels import execution_channel
from ..models import Tool, ToolExecution, ToolExecutionStatus
from ..sending import send_result

SIZE = 30


@require_safe
def execution_list(request: HttpRequest) -> HttpResponse:
    """One's own runs, the newest first; `?status=` and `?tool=` keep some of them."""
    rows = ToolExecution.objects.for_user(request.user).filter(user=request.user.pk)
    status, tool = request.GET.get("status", ""), request.GET.get("tool", "")[:100]
    if status in ToolExecutionStatus.values:
        rows = rows.filter(status=status)
    if tool:
        rows = rows.filter(tool__name=tool)
    found = paged(request, rows.defer("result").select_related("tool"), order=["-pk"], size=SIZE)
    return page(
        request,
        "tools/executions.html",
        partial="rows",
        page=found,
        status_chosen=status,
        tool_chosen=tool,
        statuses=ToolExecutionStatus.choices,
        names=Tool.objects.for_user(request.user).order_by("name").values_list("name", flat=True)[:300],
    )


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One run; HTMX gets its changing part."""
    execution = execution_of(request, pk)
    if request.htmx:
        return part_of_run(request, execution)
    return page(request, "tools/execution.html", **shown(execution))


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop it."""
    execution = execution_of(request, pk)
    try:
        services.cancel_execution(execution=execution, by=request.user)
    except Problem as problem:
        if request.htmx:
            raise
        flash(request, problem)
    if request.htmx:
        return part_of_run(request, execution_of(request, pk))
    return redirect("tools:execution", pk)


@require_POST
def repeat(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Run what has failed once more, as a new run."""
    try:
        fresh = services.repeat_execution(execution=execution_of(request, pk), by=request.user)
    except Problem as problem:
        flash(request, problem)
        return redirect("tools:execution", pk)
    return redirect("tools:execution", fresh.pk)


@require_safe
def result(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The whole result, as a download."""
    return send_result(request, execution_of(request, pk))


def part_of_run(request: HttpRequest, execution: ToolExecution) -> HttpResponse:
    """The part of the page that changes while the tool runs."""
    response = page(request, "tools/includes/run.html", **shown(execution))
    response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
    return response


def shown(execution: ToolExecution) -> dict[str, Any]:
    """A run as its page shows it, with the place in the stream from which it is followed."""
    after = ""
    if not execution.ended:
        after = events.last_id(execution_channel(execution.pk))
        execution = ToolExecution.objects.select_related("tool", "policy__role", "sandbox").get(
            pk=execution.pk
        )
    approval = execution.approval
    return {
        "execution": execution,
        "after": after,
        "is_live": not execution.ended,
        "outcome": words.outcome_of(execution),
        "approval": approval,
        "awaits_url": _address(execution),
        "again_url": f"{reverse('tools:detail', args=[execution.tool_id])}?again={execution.pk}",
    }


def _address(execution: ToolExecution) -> str:
    """The page of what a run waits for or came from, where it has one."""
    return words.address_of(execution.awaits_type, execution.awaits_id)


def execution_of(request: HttpRequest, pk: UUID) -> ToolExecution:
    """The person's own run, or 404."""
    rows = ToolExecution.objects.for_user(request.user).select_related("tool", "policy__role", "sandbox")
    found: ToolExecution = get_object_or_404(rows, pk=str(pk))
    return found
