"""What every page of a plan needs: the plan of the person who asks, its head, its tabs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from agi_site.lib.web import page

from .. import words
from ..models import Plan, PlanExecution

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
