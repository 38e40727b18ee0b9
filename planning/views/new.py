"""A new plan: blank, from a goal, from a template, from JSON."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import engines
from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.web import add_problem, back, form_page, page

from .. import services, starters
from ..forms import GoalForm, JSONForm, PlanForm
from ..models import Plan


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """The ways to a new plan, and the templates: those that come along, and one's own."""
    own = (
        Plan.objects.for_user(request.user)
        .filter(is_template=True)
        .order_by("-pk")
        .only("title", "description")
    )
    return page(
        request,
        "planning/new.html",
        goal=GoalForm(),
        templates=starters.templates(get_language() or "en"),
        own=list(own[:30]),
        offline=engines.chat().name == "guide",
    )


@form_page
def blank(request: HttpRequest) -> HttpResponse:
    """A plan without steps; they are added on its page."""
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = services.create_plan(owner=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("planning:steps", plan.pk)
    return _form(request, form, _("Blank plan"), _("Create"))


@form_page
def goal(request: HttpRequest) -> HttpResponse:
    """Have steps proposed for a goal; a worker does it, and the plan's page shows how far it is."""
    form = GoalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = services.propose_plan(
                owner=request.user, goal=form.cleaned_data["goal"], language=get_language() or "en"
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("planning:detail", plan.pk)
    lead = _("The steps are proposed first; nothing runs before you agree.")
    return _form(request, form, _("Plan from a goal"), _("Propose steps"), lead)


@form_page
def from_json(request: HttpRequest) -> HttpResponse:
    """Take a plan as it was exported, or an instance of WfCommons."""
    form = JSONForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = services.import_document(owner=request.user, document=form.cleaned_data["document"])
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("planning:detail", plan.pk)
    lead = _("A plan as it was exported here, or a workflow instance of WfCommons (wfformat).")
    return _form(request, form, _("Plan from JSON"), _("Import"), lead)


@require_POST
def from_starter(request: HttpRequest, slug: str) -> HttpResponse:
    """A plan from a template that comes along."""
    template = starters.template(slug, get_language() or "en")
    if template is None:
        raise NotFound
    try:
        plan = services.import_document(owner=request.user, document=template.document)
    except Problem as problem:
        return back(request, "planning:new", problem=problem)
    return redirect("planning:detail", plan.pk)


@require_POST
def from_template(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A plan from a template of one's own."""
    rows = Plan.objects.for_user(request.user).filter(is_template=True)
    plan = services.duplicate_plan(plan=get_object_or_404(rows, pk=str(pk)), by=request.user)
    return redirect("planning:detail", plan.pk)


def _form(request: HttpRequest, form: object, title: str, verb: str, lead: str = "") -> HttpResponse:
    return page(
        request,
        "planning/form.html",
        form=form,
        title=title,
        verb=verb,
        lead=lead,
        crumb=_("New plan"),
        back_url=reverse("planning:new"),
        status=400 if form.errors else 200,
    )
