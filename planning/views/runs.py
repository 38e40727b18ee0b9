"""Runs: started, watched as they go, moved by verbs, looked into, compared."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.web import add_problem, back, buttons_of, form_page, page, paged

from .. import diffs, runs_view, services, words
from ..engine import moves
from ..forms import BudgetForm, InputsForm, SkipForm
from ..models import PlanExecution, PlanStepExecution, StepState
from ..services import runs
from ..services.checking import names_of_inputs
from .common import BUTTONS, execution_of, plan_of, plan_page

SKIPPABLE = (StepState.PENDING, StepState.READY, StepState.WAITING, StepState.FAILED)


@require_safe
def run_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The history of a plan's runs, the newest first; two of them can be compared."""
    plan = plan_of(request, pk)
    rows = PlanExecution.objects.for_user(request.user).filter(plan=plan).defer("result", "inputs")
    found = paged(request, rows, order=["-pk"], size=25)
    for row in found.rows:
        row.state = words.state_of_run(row)
    return plan_page(request, plan, "runs", "planning/runs.html", partial="rows", page=found)


@form_page
def start(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a run would do, with a field for each input; POST starts it."""
    plan = plan_of(request, pk)
    drafts = services.drafts_of(plan)
    names = list(dict.fromkeys([*(plan.inputs or {}), *names_of_inputs(drafts)]))
    given = request.POST if request.method == "POST" else None
    form = InputsForm(given, names=names, defaults={**(plan.inputs or {}), **_earlier(request)})
    budget = BudgetForm(given, budget=plan.budget)
    if given is not None and form.is_valid() and budget.is_valid():
        try:
            execution = services.start_plan(
                plan=plan, by=request.user, inputs=form.inputs(), budget=budget.budget(),
                language=get_language() or "en",
            )  # fmt: skip
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("planning:execution", execution.pk)
    return plan_page(
        request, plan, "detail", "planning/start.html",
        form=form, budget=budget, dry=services.dry_run(plan=plan), names=names,
        starting=True,
        status=400 if form.errors or budget.errors else 200,
    )  # fmt: skip


def _earlier(request: HttpRequest) -> dict[str, Any]:
    """The inputs of the run that is to be repeated (`?again=`)."""
    pk = request.GET.get("again", "")
    if not pk:
        return {}
    row = PlanExecution.objects.for_user(request.user).filter(pk=pk[:36]).only("inputs").first()
    return (row.inputs or {}) if row is not None else {}


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One run, live; `?state=` keeps the list to steps in that state."""
    return _shown(request, execution_of(request, pk))


def _shown(request: HttpRequest, execution: PlanExecution, budget: BudgetForm | None = None) -> HttpResponse:
    """A run's page; one that has used up its budget goes on with another."""
    view = runs_view.of_run(execution, state=request.GET.get("state", ""), cursor=request.GET.get("cursor"))
    verbs = list(view.verbs)
    if "retry" in verbs and execution.error_code == moves.BUDGET:
        budget = budget or BudgetForm(budget=execution.budget)
        verbs.remove("retry")
    return page(
        request, "planning/execution.html", "run",
        view=view, plan=execution.plan, script_words=words.script_words(), outputs=_outputs(execution),
        buttons=buttons_of(verbs, BUTTONS), budget=budget,
        status=400 if budget is not None and budget.errors else 200,
    )  # fmt: skip


def _outputs(execution: PlanExecution) -> dict[str, Any]:
    """What came of a run that has ended, by step."""
    if execution.status in runs_view.LIVE:
        return {}
    result = execution.result if isinstance(execution.result, dict) else {}
    outputs = result.get("outputs")
    if not isinstance(outputs, dict):
        return {}
    return dict([(key, value) for key, value in outputs.items() if value is not None][:20])


@require_POST
def verb(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """Ask for a verb of a run."""
    execution = execution_of(request, pk)
    verbs = {"pause": runs.pause_plan, "resume": runs.resume_plan, "cancel": runs.cancel_plan,
             "retry": runs.retry_plan}  # fmt: skip
    if name == "again":
        return redirect(f"{reverse('planning:start', args=[execution.plan_id])}?again={execution.pk}")
    if name not in verbs:
        raise NotFound
    values: dict[str, Any] = {}
    if name == "retry" and any(field.startswith("budget-") for field in request.POST):
        budget = BudgetForm(request.POST)
        if not budget.is_valid():
            return _shown(request, execution, budget)
        values["budget"] = budget.budget()
    try:
        verbs[name](execution=execution, by=request.user, **values)
    except Problem as problem:
        return back(request, "planning:execution", execution.pk, problem=problem)
    return redirect("planning:execution", execution.pk)


@require_safe
def step(request: HttpRequest, pk: UUID, step_pk: int) -> HttpResponse:
    """A step of a run: what it was given, what it gave, what went wrong."""
    execution = execution_of(request, pk)
    rows = PlanStepExecution.objects.filter(execution=execution).select_related(
        "tool_execution__tool", "step"
    )
    row = get_object_or_404(rows, pk=step_pk)
    items = None
    if (row.usage or {}).get("items"):
        of_row = PlanStepExecution.objects.filter(parent=row).defer("input", "spec", "dependents")
        items = paged(request, of_row, order=["item_index", "pk"], size=50)
        for item in items.rows:
            item.state = words.state_of_step(str(item.status))
    return page(
        request, "planning/step.html", "panel",
        execution=execution, plan=execution.plan, row=row, state=words.state_of_step(str(row.status)),
        seconds=_seconds(row),
        items=items, skip=SkipForm(), may_skip=row.status in SKIPPABLE and row.parent_id is None,
        may_retry=row.status == StepState.FAILED and execution.status not in runs_view.LIVE,
        tool_url=_tool_url(row),
    )  # fmt: skip


def _seconds(row: PlanStepExecution) -> float | None:
    if row.started_at is None or row.completed_at is None:
        return None
    return (row.completed_at - row.started_at).total_seconds()


def _tool_url(row: PlanStepExecution) -> str:
    """The page of the ledger row, where there is one."""
    if row.tool_execution_id is None:
        return ""
    try:
        return reverse("tools:execution", args=[row.tool_execution_id])
    except NoReverseMatch:
        return reverse("toolexecution-detail", args=[row.tool_execution_id])


@require_POST
def skip(request: HttpRequest, pk: UUID, step_pk: int) -> HttpResponse:
    """Leave a step out, with a reason."""
    execution = execution_of(request, pk)
    row = get_object_or_404(PlanStepExecution.objects.filter(execution=execution), pk=step_pk)
    form = SkipForm(request.POST)
    try:
        if not form.is_valid():
            raise Problem(_("Say why the step is left out."))
        services.skip_step(step=row, by=request.user, reason=form.cleaned_data["reason"])
    except Problem as problem:
        return back(request, "planning:execution_step", execution.pk, row.pk, problem=problem)
    return redirect("planning:execution", execution.pk)


@require_safe
def diff(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Two runs of a plan beside each other: `?a=` the earlier, `?b=` the later."""
    plan = plan_of(request, pk)
    rows = PlanExecution.objects.for_user(request.user).filter(plan=plan)
    chosen = [
        pk[:36]
        for pk in [*request.GET.getlist("run"), request.GET.get("a", ""), request.GET.get("b", "")]
        if pk
    ]
    found = list(rows.filter(pk__in=chosen[:2]).order_by("pk"))
    if len(found) != 2:
        return back(request, "planning:runs", plan.pk, problem=Problem(_("Choose two runs of this plan.")))
    steps = diffs.compare(*found)
    for row in found:
        row.state = words.state_of_run(row)
    changed = [step for step in steps if step.change != "same"]
    return plan_page(
        request, plan, "runs", "planning/diff.html",
        first=found[0], second=found[1], changed=changed, same=[s for s in steps if s.change == "same"],
        inputs_differ=found[0].inputs != found[1].inputs,
    )  # fmt: skip
