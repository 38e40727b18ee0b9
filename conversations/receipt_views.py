"""What an answer used, and what a person does about it from there: correct, pin, forget."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.web import page
from knowledge import services as knowledge
from knowledge.models import Memory
from knowledge.options import LONGEST_MEMORY

from .forgetting import take_out
from .models import Message, RecalledKind
from .receipts import grouped, lines, lines_of, seen_pictures

RECEIPTS = "conversations/receipts.html"


@require_safe
def receipts(request: Any, pk: Any, message_pk: Any) -> HttpResponse:
    """What was cited, used and only retrieved for an answer."""
    message = _message(request, pk, message_pk)
    groups = grouped(lines_of(message, user=request.user))
    pictures = seen_pictures(message, user=request.user)
    return page(request, RECEIPTS, "panel", **_context(message), groups=groups, pictures=pictures)


@require_POST
def change_receipt(request: Any, pk: Any, message_pk: Any, receipt_pk: int) -> HttpResponse:
    """Do with the memory of a receipt what `do` says: correct (to `content`), pin, unpin or forget."""
    message = _message(request, pk, message_pk)
    receipt = get_object_or_404(message.receipts, pk=receipt_pk, kind=RecalledKind.MEMORY)
    memories = Memory.objects.for_user(request.user).defer("embedding")
    memory = get_object_or_404(memories, pk=receipt.row_id)
    fault, said = "", ""
    try:
        said = _do(request, memory)
    except Problem as problem:
        fault = " ".join(str(text) for some in problem.errors.values() for text in some)
        fault = fault or str(problem.message)
    if request.htmx:
        (line,) = lines([receipt], user=request.user)
        told: dict[str, Any] = {
            "line": line,
            "fault": fault,
            "said": said,
            "typed": request.POST.get("content", ""),
        }
        return page(request, RECEIPTS, "line", **_context(message), **told)
    if fault:
        messages.error(request, fault)
    else:
        messages.success(request, said)
    return redirect("conversations:receipts", pk=pk, message_pk=message_pk)


def _do(request: Any, memory: Memory) -> str:
    """Carry out what was asked, and say so; raises a Problem."""
    match request.POST.get("do"):
        case "correct":
            content = request.POST.get("content", "")
            knowledge.change_memory(memory=memory, by=request.user, content=content)
            return _("Corrected. The next answer goes by it.")
        case "pin":
            knowledge.change_memory(memory=memory, by=request.user, pinned=True)
            return _("Pinned. It comes to mind before others, and never fades.")
        case "unpin":
            knowledge.change_memory(memory=memory, by=request.user, pinned=False)
            return _("No longer pinned.")
        case "forget":
            ids = [memory.pk]
            knowledge.forget_memory(memory=memory, by=request.user)
            # The next turn is not to wait for the task that does it, too.
            take_out(user_id=request.user.pk, ids=ids)
            return _("Forgotten. No answer will draw on it again.")
    raise NotFound


def _context(message: Message) -> dict[str, Any]:
    return {"message": message, "conversation": message.conversation, "longest": LONGEST_MEMORY}


def _message(request: Any, pk: Any, message_pk: Any) -> Message:
    rows = Message.objects.for_user(request.user).light().select_related("conversation")
    found: Message = get_object_or_404(rows, pk=str(message_pk), conversation_id=str(pk), role="assistant")
    return found
