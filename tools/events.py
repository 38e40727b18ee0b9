"""The live stream of a run."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.streams import stream_of_row

from .channels import execution_channel
from .models import ToolExecution


# Not the sign-in page: an EventSource can do nothing with it. The view itself refuses strangers.
@login_not_required
@require_safe
async def execution_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/tool-executions/<id>/`: `started`, the tool's `output` as it comes, and `ended`."""
    return await stream_of_row(request, model=ToolExecution, pk=pk, channel=execution_channel(pk))
