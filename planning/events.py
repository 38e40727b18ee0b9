"""The live streams of runs, and of plans that are being drafted."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.streams import stream_of_row

from .engine.telling import channel_of
from .models import Plan, PlanExecution
from .services.proposals import plan_channel


# Not the sign-in page: an EventSource can do nothing with it. The views themselves refuse strangers.
@login_not_required
@require_safe
async def execution_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/plan-executions/<id>/`: `steps` that moved, and how the `execution` stands."""
    return await stream_of_row(request, model=PlanExecution, pk=pk, channel=channel_of(pk))


@login_not_required
@require_safe
async def plan_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/plans/<id>/`: `draft`, when a proposal is there or cannot be made."""
    return await stream_of_row(request, model=Plan, pk=pk, channel=plan_channel(pk))
