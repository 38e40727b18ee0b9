"""Code blocks of a conversation, run in its sandbox: the card below the block."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import events
from agi_site.lib.web import page
from sandbox import services as sandboxes
from sandbox.channels import execution_channel
from sandbox.models import ExecutionStatus, SandboxExecution

from .models import Conversation
from .services import run_code

CARD = "conversations/run.html"


@require_POST
def run(request: HttpRequest, pk: Any) -> HttpResponse:
    """Run `code` in `language`; answers with the card that follows it."""
    conversation = get_object_or_404(Conversation.objects.for_user(request.user), pk=pk)
    execution = run_code(
        conversation=conversation,
        by=request.user,
        code=request.POST.get("code", ""),
        language=request.POST.get("language", ""),
    )
    return _card(request, conversation.pk, execution, status=202)


@require_safe
def run_card(request: HttpRequest, pk: Any, execution_pk: Any) -> HttpResponse:
    """The card as things are now."""
    return _card(request, pk, _execution(request, pk, execution_pk))


@require_POST
def stop_run(request: HttpRequest, pk: Any, execution_pk: Any) -> HttpResponse:
    """End it, with all it started."""
    execution = _execution(request, pk, execution_pk)
    sandboxes.cancel_execution(execution=execution, by=request.user)
    if request.headers.get("HX-Request"):
        return _card(request, pk, execution)
    return redirect("conversations:chat", pk=pk)


def _execution(request: HttpRequest, pk: Any, execution_pk: Any) -> SandboxExecution:
    rows = SandboxExecution.objects.for_user(request.user).filter(
        sandbox__origin_type="conversation", sandbox__origin_id=str(pk)
    )
    return get_object_or_404(rows, pk=str(execution_pk))


def _card(
    request: HttpRequest, conversation_pk: Any, execution: SandboxExecution, status: int = 200
) -> HttpResponse:
    # read before the row's output is shown, so that the stream tells everything that comes after it
    after = events.last_id(execution_channel(str(execution.pk)))
    if status == 200:
        execution.refresh_from_db()
    return page(
        request,
        CARD,
        conversation_pk=conversation_pk,
        execution=execution,
        after=after if status == 200 else events.START,
        ended=execution.status == ExecutionStatus.ENDED,
        status=status,
    )
