"""The live streams of sandboxes and of what runs in them; and running something, answered by its stream."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.streams import SignIn, answer_of_row, person_who_asks
from agi_site.lib import events
from agi_site.lib.api.errors import problem_response
from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.sse import sse_response

from .channels import build_channel, execution_channel, sandbox_channel
from .file_events import watch_response
from .models import Sandbox, SandboxExecution, SandboxImageBuild


# Not the sign-in page: an EventSource can do nothing with it. The views themselves refuse strangers.
@login_not_required
@require_safe
def sandbox_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandboxes/<id>/`: states, usage, executions and files of a sandbox as they change."""
    return answer_of_row(request, model=Sandbox, pk=pk, channel=sandbox_channel(pk))


@login_not_required
@require_safe
def file_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandboxes/<id>/files/?path=`: what changes below a folder of a running sandbox."""
    user = person_who_asks(request)
    if user is None:
        return problem_response(request, SignIn(_("Sign in first.")))
    sandbox = Sandbox.objects.for_user(user).filter(pk=pk).first()
    try:
        if sandbox is None:
            raise NotFound
        return watch_response(sandbox=sandbox, by=user, path=request.GET.get("path", ""))
    except Problem as problem:
        return problem_response(request, problem)


@login_not_required
@require_safe
def execution_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandbox-executions/<id>/`: the output of an execution as it comes, and its end."""
    return answer_of_row(request, model=SandboxExecution, pk=pk, channel=execution_channel(pk))


@login_not_required
@require_safe
def build_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/sandbox-image-builds/<id>/`: the log of a build, for those who may see builds."""
    return answer_of_row(request, model=SandboxImageBuild, pk=pk, channel=build_channel(pk))


# The REST view behind it checks who asks, and the CSRF token of those who ask with a cookie.
@csrf_exempt
@login_not_required
@require_POST
def run_events(request: HttpRequest, verb: str, **place: str) -> HttpResponseBase:
    """`POST /events/sandboxes/<id>/run/` (or `<id>/cells/`, or `once/`): REST's verb, answered by events.

    One request less before the first output; the answer ends with the execution. `Location` and `X-Execution`
    name it; a reader that was cut off goes on at its own stream with `Last-Event-ID`. What REST refuses is
    answered as there.
    """
    from .api.sandboxes import RunViewSet

    answer = RunViewSet.as_view({"post": verb})(request, **place)
    if answer.status_code != 202:
        return answer.render()
    execution = str(answer.data["id"])
    stream = sse_response(request, execution_channel(execution), after=events.START, last="ended")
    stream.headers["X-Execution"] = execution
    stream.headers["Location"] = reverse("sandboxexecution-detail", args=[execution])
    return stream
