"""What every page of a plan needs: the plan of the person who asks, its head, its tabs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from agi_site.lib.problems import Problem
from agi_site.lib.web import flash, page

from .. import words
from ..models import Plan, PlanExecution

form_page = require_http_methods(["GET", "HEAD", "POST"])

TABS = (
    ("detail", _("Overview")),
    ("steps", _("Steps")),
    ("runs", _("Runs")),
    ("schedules", _("Schedules")),
)
# Icon and label of each verb's button, and whether it is the one to be seen first.
BUTTONS = {
    "pause": ("pause", _("Pause"), False),
    "resume": ("play", _("Resume"), True),
    "cancel": ("stop", _("Cancel"), False),
    "retry": ("retry", _("Go on from the failed steps"), True),
    "again": ("play", _("Run again"), False),
}


def plan_of(request: HttpRequest, pk: UUID) -> Plan:
    """The plan, if it is the asking person's; 404 otherwise."""
    return get_object_or_404(Plan.objects.for_user(request.user), pk=str(pk))


def execution_of(request: HttpRequest, pk: UUID) -> PlanExecution:
    """The run with its plan, if it is the asking person's; 404 otherwise."""
    rows = PlanExecution.objects.for_user(request.user).select_related("plan")
    return get_object_or_404(rows.defer("result"), pk=str(pk))


def plan_page(
    request: HttpRequest,
    plan: Plan,
    tab: str,
    template: str,
    *,
    partial: str = "",
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """One tab of a plan's page; HTMX gets `partial` alone."""
    return page(
        request,
        template,
        partial,
        status=status,
        plan=plan,
        plan_state=words.state_of_plan(plan),
        tab=tab,
        tabs=TABS,
        **context,
    )


def buttons_of(verbs: Any) -> list[dict[str, Any]]:
    """The buttons of a run's verbs."""
    return [
        {"verb": verb, "icon": BUTTONS[verb][0], "label": BUTTONS[verb][1], "primary": BUTTONS[verb][2]}
        for verb in verbs
        if verb in BUTTONS
    ]


def back(request: HttpRequest, name: str, *args: Any, problem: Problem | None = None) -> HttpResponse:
    """After a plain form: on to a page, with the refusal as a message; HTMX gets it as a toast instead."""
    if problem is not None:
        if request.htmx:
            raise problem
        flash(request, problem)
    return redirect(name, *args)
