"""The list of plans, a plan's own page, and what is done with a whole plan."""

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import events
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, back, buttons_of, form_page, page, paged

from .. import runs_view, services, words
from ..forms import BudgetForm, PlanForm
from ..forms.plans import input_lines
from ..models import Plan, PlanExecution, PlanStatus
from ..services.proposals import plan_channel
from .common import BUTTONS, plan_of, plan_page

STATES = ("running", "completed", "failed", "canceled", "pending")


@require_safe
def plan_list(request: HttpRequest) -> HttpResponse:
    """A person's plans, the newest first; `?q=` looks in titles, `?state=` keeps a state, `?templates=1`."""
    query = request.GET.get("q", "").strip()[:200]
    state = request.GET.get("state", "")
    templates = "templates" in request.GET
    rows = Plan.objects.for_user(request.user).filter(is_template=templates).defer("budget", "description")
    if query:
        rows = rows.filter(title__icontains=query)
    if state in STATES:
        rows = rows.filter(status=state)
    found = paged(request, rows, order=["-pk"])
    for row in found.rows:
        row.state = words.state_of_plan(row)
    chips = [(name, PlanStatus(name).label if name != "pending" else _("not run yet")) for name in STATES]
    return page(
        request, "planning/list.html", "rows",
        page=found, query=query, state=state, templates=templates, states=chips,
    )  # fmt: skip


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A plan: its newest run, live; or what it would do; or the proposal that waits for consent."""
    after = events.last_id(plan_channel(str(pk)))
    plan = plan_of(request, pk)
    if plan.draft:
        return _proposal(request, plan, after)
    newest = PlanExecution.objects.for_user(request.user).filter(plan=plan).order_by("-pk").first()
    if newest is not None:
        newest.plan = plan
    view = runs_view.of_run(newest) if newest is not None else runs_view.of_plan(plan)
    dry = None
    if newest is None and view.lines:
        dry = services.dry_run(plan=plan)
    return plan_page(
        request, plan, "detail", "planning/detail.html",
        partial="run" if request.headers.get("HX-Target") == "run" else "",
        view=view, dry=dry, buttons=buttons_of(view.verbs, BUTTONS), script_words=words.script_words(),
        outdated=newest is not None and newest.version != plan.version,
    )  # fmt: skip


def _proposal(request: HttpRequest, plan: Plan, after: str) -> HttpResponse:
    steps, drawing = [], None
    draft = plan.draft or {}
    if draft.get("state") == "ready":
        try:
            steps = services.drafts_from_json(draft["steps"])
        except Problem:
            steps = []
        drawing = runs_view.drawing_of(steps)
    return plan_page(
        request, plan, "detail", "planning/proposal.html",
        partial="proposal", draft=draft, steps=steps, drawing=drawing, after=after,
    )  # fmt: skip


@require_POST
def proposal_verb(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """Accept the proposal, have another made, or throw it away."""
    plan = plan_of(request, pk)
    try:
        if name == "accept":
            services.accept_proposal(plan=plan, by=request.user)
            messages.success(request, _("The plan is yours now. Run it, or change it first."))
        elif name == "again":
            services.propose_again(plan=plan, by=request.user, goal=request.POST.get("goal", ""))
        elif name == "discard":
            services.delete_plan(plan=plan, by=request.user)
            return redirect("planning:list")
    except Problem as problem:
        return back(request, "planning:detail", plan.pk, problem=problem)
    return redirect("planning:detail", plan.pk)


@form_page
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a plan's head."""
    plan = plan_of(request, pk)
    initial = {"title": plan.title, "description": plan.description, "inputs": input_lines(plan.inputs)}
    form = PlanForm(request.POST or None, initial=initial)
    budget = BudgetForm(request.POST or None, budget=plan.budget)
    if request.method == "POST" and form.is_valid() and budget.is_valid():
        try:
            services.update_plan(plan=plan, by=request.user, **form.cleaned_data, budget=budget.budget())
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:detail", plan.pk)
    return page(
        request, "planning/form.html",
        form=form, budget=budget, title=_("Edit the plan"), verb=_("Save"), crumb=plan.title,
        back_url=reverse("planning:detail", args=[plan.pk]),
        status=400 if form.errors or budget.errors else 200,
    )  # fmt: skip


@require_POST
def duplicate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Another plan with the same steps; with `template`, one to make plans from."""
    plan = plan_of(request, pk)
    as_template = "template" in request.POST
    title = plan.title if as_template else ""
    copy = services.duplicate_plan(plan=plan, by=request.user, title=title, is_template=as_template)
    messages.success(request, _("Saved as a template.") if as_template else _("The copy is made."))
    return redirect("planning:detail", copy.pk)


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and on POST delete a plan with its runs."""
    plan = plan_of(request, pk)
    if request.method != "POST":
        return page(request, "planning/delete.html", plan=plan)
    try:
        services.delete_plan(plan=plan, by=request.user)
    except Problem as problem:
        return back(request, "planning:detail", plan.pk, problem=problem)
    messages.success(request, _("Deleted."))
    return redirect("planning:list")


@require_safe
def export(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The plan as a file that can be imported again."""
    plan = plan_of(request, pk)
    text = json.dumps(services.plan_as_json(plan), ensure_ascii=False, indent=2)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    name = slugify(plan.title)[:60] or "plan"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response
