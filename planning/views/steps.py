"""The editor: steps in their order, what each does, and what it waits for. Works as plain forms, too."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem
from agi_site.lib.web import back, form_page, page
from tools.models import Tool

from .. import runs_view, services
from ..forms import StepForm
from ..models import Plan, PlanStep, StepKind
from ..services.authoring import free_key
from ..services.checking import names_of_inputs
from ..services.drafts import StepDraft
from .common import plan_of, plan_page

# A page shows no more; of larger plans the graph is condensed, and the steps come by REST or JSON.
SHOWN = 500
ID_DIGITS = 18  # every number of so many digits fits a key


@require_safe
def step_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All steps with their graph."""
    return _editor(request, plan_of(request, pk))


def _editor(request: HttpRequest, plan: Plan) -> HttpResponse:
    drafts = services.drafts_of(plan)
    return plan_page(
        request, plan, "steps", "planning/steps.html",
        partial="editor", steps=drafts[:SHOWN], hidden=max(0, len(drafts) - SHOWN),
        drawing=runs_view.drawing_of(drafts), kinds=StepKind.choices, inputs=names_of_inputs(drafts),
    )  # fmt: skip


@form_page
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new step of the kind `?kind=`; of a tool, `?tool=`."""
    plan = plan_of(request, pk)
    kind = request.GET.get("kind", StepKind.TOOL)
    if kind not in StepKind.values:
        raise NotFound
    return _step(request, plan, kind=kind, row=None)


@form_page
def edit(request: HttpRequest, pk: UUID, step_pk: int) -> HttpResponse:
    """Change a step; `?kind=` and `?tool=` show it with another kind or tool."""
    plan = plan_of(request, pk)
    row = get_object_or_404(plan.steps.all(), pk=step_pk)
    kind = request.GET.get("kind", str(row.kind))
    if kind not in StepKind.values:
        raise NotFound
    return _step(request, plan, kind=kind, row=row)


def _step(request: HttpRequest, plan: Plan, *, kind: str, row: PlanStep | None) -> HttpResponse:
    drafts = services.drafts_of(plan)
    draft = next((one for one in drafts if row is not None and one.id == row.pk), None)
    others = [one for one in drafts if draft is None or one.id != draft.id]
    tool = _tool(request, draft) if kind == StepKind.TOOL else None
    choosing = "choose" in request.POST
    form = StepForm(
        request.POST if request.method == "POST" and not choosing else None,
        kind=kind, owner=request.user, others=others, draft=_shown(request, draft, kind, choosing),
        tool=tool, plan=plan,
    )  # fmt: skip
    if request.method == "POST" and not choosing and form.is_valid():
        values = form.values()
        values["key"] = values["key"] or (draft.key if draft is not None else free_key(drafts))
        try:
            if row is None:
                services.add_step(plan=plan, by=request.user, step=StepDraft(**values))
            else:
                services.update_step(step=row, by=request.user, **values)
        except Problem as problem:
            tell_step(form, problem, key=values["key"])
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:steps", plan.pk)
    return page(
        request, "planning/step_form.html", "fields" if choosing else "",
        plan=plan, form=form, kind=kind, kinds=StepKind.choices, row=row, tool=tool,
        references=_references(others, drafts, plan),
        status=400 if form.errors else 200,
    )  # fmt: skip


def _tool(request: HttpRequest, draft: StepDraft | None) -> Tool | None:
    """The tool that was chosen on the page, or that the step has."""
    old = draft.tool_name if draft is not None else ""
    name = request.POST.get("tool_name") or request.GET.get("tool") or old
    return Tool.objects.filter(name=name[:100]).with_parameters().first() if name else None


def _shown(request: HttpRequest, draft: StepDraft | None, kind: str, choosing: bool) -> StepDraft | None:
    """While a tool is being chosen, what was written already stays in its fields."""
    if not choosing:
        return draft
    old = draft or StepDraft(key="")
    return StepDraft(
        key=request.POST.get("key", old.key)[:50],
        description=request.POST.get("description", old.description),
        kind=kind,
        tool_name=old.tool_name,
        arguments=old.arguments,
        depends_on=request.POST.getlist("depends_on"),
        id=old.id,
    )


def _references(others: list[StepDraft], drafts: list[StepDraft], plan: Plan) -> list[tuple[str, str]]:
    """What the step may refer to: (reference, what it is)."""
    inputs = dict.fromkeys([*(plan.inputs or {}), *names_of_inputs(drafts)])
    return [
        *((f"{{{{ inputs.{name} }}}}", _("input")) for name in inputs),
        *((f"{{{{ steps.{step.key}.output }}}}", step.description or step.key) for step in others[:40]),
    ]


def tell_step(form: Any, problem: Problem, *, key: str) -> None:
    """Show what the service refuses at the fields of the form; what concerns other steps, above them."""
    names = {"sub_plan": "sub_plan", "arguments": None}
    told: set[str] = set()
    for place, faults in sorted(
        problem.errors.items(), key=lambda one: not one[0].startswith(f"steps.{key}.")
    ):
        parts = place.split(".")
        field: str | None = None
        if parts[0] == "steps" and len(parts) > 2 and parts[1] in (key, "?"):
            field = f"argument-{parts[3]}" if parts[2] == "arguments" and len(parts) > 3 else parts[2]
            field = names.get(field, field)
        for fault in faults:
            known = field in form.fields
            if not known and fault in told:
                continue  # a ring is told at each of its steps
            told.add(fault)
            form.add_error(field if known else None, fault if known else f"{_label(parts)}{fault}")
    if not problem.errors:
        form.add_error(None, str(problem.message))


def _label(parts: list[str]) -> str:
    return f"{parts[1]}: " if parts[0] == "steps" and len(parts) > 2 else ""


@require_POST
def move(request: HttpRequest, pk: UUID, step_pk: int, direction: str) -> HttpResponse:
    """One place up or down."""
    plan = plan_of(request, pk)
    ids = list(plan.steps.order_by("order_index", "pk").values_list("pk", flat=True))
    if step_pk not in ids:
        raise NotFound
    at = ids.index(step_pk)
    to = at - 1 if direction == "up" else at + 1
    if 0 <= to < len(ids):
        ids[at], ids[to] = ids[to], ids[at]
        services.reorder(plan=plan, by=request.user, ids=ids)
    return _done(request, plan)


@require_POST
def order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The order after dragging: `steps`, once for each id."""
    plan = plan_of(request, pk)
    words = [word for word in request.POST.getlist("steps") if word.isascii() and word.isdigit()]
    ids = [int(word) for word in words if len(word) <= ID_DIGITS]
    try:
        services.reorder(plan=plan, by=request.user, ids=ids)
    except Invalid:
        message = _("The steps were changed meanwhile. They are shown as they are now; move it again.")
        problem = Conflict(message, code="steps_changed")
        return back(request, "planning:steps", plan.pk, problem=problem)
    return _done(request, plan)


@require_POST
def remove(request: HttpRequest, pk: UUID, step_pk: int) -> HttpResponse:
    """Take a step away; those that waited for it wait for what it waited for."""
    plan = plan_of(request, pk)
    row = get_object_or_404(plan.steps.all(), pk=step_pk)
    row.plan = plan
    try:
        services.remove_step(step=row, by=request.user)
    except Problem as problem:
        faults = [fault for some in problem.errors.values() for fault in some]
        text = Problem(" ".join(map(str, faults)) or problem.message)
        return back(request, "planning:steps", plan.pk, problem=text)
    return _done(request, plan)


def _done(request: HttpRequest, plan: Plan) -> HttpResponse:
    return _editor(request, plan) if request.htmx else redirect("planning:steps", plan.pk)
