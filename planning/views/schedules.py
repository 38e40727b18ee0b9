"""When plans run by themselves."""

from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import back, form_page, page

from .. import services
from ..forms import InputsForm, ScheduleForm
from ..forms.schedules import initial_of
from ..models import Plan, PlanSchedule
from ..services.checking import names_of_inputs
from .common import plan_of, plan_page

MOST = 50
PREVIEWED = 3


@require_safe
def schedule_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A plan's schedules with their next and last runs."""
    plan = plan_of(request, pk)
    rows = PlanSchedule.objects.for_user(request.user).filter(plan=plan).select_related("last_execution")
    found = list(rows.order_by("-pk")[:MOST])
    for row in found:
        row.coming = _coming(row.cron, row.time_zone) if row.enabled else []
    return plan_page(request, plan, "schedules", "planning/schedules.html", rows=found)


def _coming(cron: str, time_zone: str) -> list[object]:
    try:
        return list(services.upcoming(cron=cron, time_zone=time_zone, after=timezone.now(), count=PREVIEWED))
    except Problem:
        return []


@form_page
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new schedule."""
    return _form(request, plan_of(request, pk), None)


@form_page
def edit(request: HttpRequest, pk: UUID, schedule_pk: UUID) -> HttpResponse:
    """Change a schedule."""
    plan = plan_of(request, pk)
    return _form(request, plan, _schedule(request, plan, schedule_pk))


def _form(request: HttpRequest, plan: Plan, row: PlanSchedule | None) -> HttpResponse:
    given = request.POST if request.method == "POST" else None
    initial = {"time_zone": settings.TIME_ZONE} if row is None else initial_of(row.cron, row.time_zone)
    form = ScheduleForm(given, initial=initial)
    drafts = services.drafts_of(plan)
    names = list(dict.fromkeys([*(plan.inputs or {}), *names_of_inputs(drafts)]))
    defaults = {**(plan.inputs or {}), **((row.inputs or {}) if row else {})}
    inputs = InputsForm(given, names=names, defaults=defaults)
    if given is not None and form.is_valid() and inputs.is_valid():
        values = {"cron": form.cleaned_data["expression"], "time_zone": form.cleaned_data["time_zone"],
                  "inputs": inputs.inputs() or None}  # fmt: skip
        try:
            if row is None:
                services.create_schedule(plan=plan, by=request.user, **values)
            else:
                services.update_schedule(schedule=row, by=request.user, **values)
        except Problem as problem:
            _tell(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:schedules", plan.pk)
    return page(
        request, "planning/schedule_form.html",
        plan=plan, row=row, form=form, inputs=inputs, zones=sorted(available_timezones()),
        status=400 if form.errors or inputs.errors else 200,
    )  # fmt: skip


def _tell(form: ScheduleForm, problem: Problem) -> None:
    for field, faults in problem.errors.items():
        for fault in faults:
            form.add_error(field if field in form.fields else None, fault)
    if not problem.errors:
        form.add_error(None, str(problem.message))


@require_POST
def verb(request: HttpRequest, pk: UUID, schedule_pk: UUID, name: str) -> HttpResponse:
    """Switch a schedule on or off, or forget it."""
    plan = plan_of(request, pk)
    row = _schedule(request, plan, schedule_pk)
    try:
        if name == "delete":
            services.delete_schedule(schedule=row, by=request.user)
        else:
            services.update_schedule(schedule=row, by=request.user, enabled=name == "enable")
    except Problem as problem:
        return back(request, "planning:schedules", plan.pk, problem=problem)
    return redirect("planning:schedules", plan.pk)


def _schedule(request: HttpRequest, plan: Plan, pk: UUID) -> PlanSchedule:
    rows = PlanSchedule.objects.for_user(request.user).filter(plan=plan)
    return get_object_or_404(rows, pk=str(pk))
