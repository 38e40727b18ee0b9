"""The live streams of sandboxes and of what runs in them."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.streams import stream_of_row

from .channels import build_channel, execution_channel, sandbox_channel
from .models import Sandbox, SandboxExecution, SandboxImageBuild


# Not the sign-in page: an EventSource can do nothing with it. The views themselves refuse strangers.
@login_not_required
@require_safe
async def sandbox_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandboxes/<id>/`: states, usage, executions and files of a sandbox as they change."""
    return await stream_of_row(request, model=Sandbox, pk=pk, channel=sandbox_channel(pk))


@login_not_required
@require_safe
async def execution_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandbox-executions/<id>/`: the output of an execution as it comes, and its end."""
    return await stream_of_row(request, model=SandboxExecution, pk=pk, channel=execution_channel(pk))


@login_not_required
@require_safe
async def build_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandbox-image-builds/<id>/`: the log of a build, for those who may see builds."""
    return await stream_of_row(request, model=SandboxImageBuild, pk=pk, channel=build_channel(pk))
