"""Conversations as files, and new ones that go on from a place in an old one."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, flash, page

from . import services
from .forms import ImportForm
from .models import Conversation, Message
from .services.transcript_formats import MOST_BYTES


@require_safe
def export(request: Any, pk: Any, kind: str) -> HttpResponse:
    """One conversation as a file: `json` to be taken in again, `md` to be read."""
    row: Conversation = get_object_or_404(Conversation.objects.for_user(request.user), pk=str(pk))
    if kind == "md":
        text, content_type = services.markdown_of(conversation=row, by=request.user), "text/markdown"
    else:
        told = services.export_conversation(conversation=row, by=request.user)
        text, content_type = json.dumps(told, ensure_ascii=False, indent=1), "application/json"
    name = slugify(str(row), allow_unicode=True)[:60] or "conversation"
    headers = {"Cache-Control": "no-store"}
    response = HttpResponse(text, content_type=f"{content_type}; charset=utf-8", headers=headers)
    response.headers["Content-Disposition"] = content_disposition_header(True, f"{name}.{kind}") or ""
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: Any) -> HttpResponse:
    """Take in the conversations of a file."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(MOST_BYTES + 1)
        try:
            made = services.import_conversations(owner=request.user, data=data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            said = ngettext(
                "%(n)d conversation was taken in.", "%(n)d conversations were taken in.", len(made)
            )
            messages.success(request, said % {"n": len(made)})
            return (
                redirect("conversations:chat", pk=made[0].pk)
                if len(made) == 1
                else redirect("conversations:list")
            )
    return page(request, "conversations/import.html", form=form, status=400 if form.errors else 200)


@require_POST
def branch(request: Any, pk: Any, message_pk: Any) -> HttpResponse:
    """Go on from a message in a new conversation."""
    rows = Message.objects.for_user(request.user).light().select_related("conversation")
    row: Message = get_object_or_404(rows, pk=str(message_pk), conversation_id=str(pk))
    try:
        made = services.branch_off(message=row, by=request.user)
    except Problem as problem:
        flash(request, problem)
        return redirect("conversations:chat", pk=pk)
    messages.success(request, _("This is a new conversation with what was said up to there."))
    return redirect("conversations:chat", pk=made.pk)
