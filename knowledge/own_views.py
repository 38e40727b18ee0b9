"""The pages on which people steer their memory as a whole: switch, file, forgetting all, and the session."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import targets
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, form_page, page

from . import options, portable, services
from .forms import ForgetEverythingForm, MemoryFileForm
from .models import Context, MemoryImport

IMPORTS_SHOWN = 5


@form_page
def settings(request: Any) -> HttpResponse:
    """Whether one is remembered at all, and the ways out and in; POST turns memory on or off."""
    if request.method == "POST":
        enabled = request.POST.get("enabled") == "1"
        services.set_memory(user=request.user, enabled=enabled)
        said = (
            _("Memory is on.")
            if enabled
            else _("Memory is off: nothing is recalled, and nothing remembered.")
        )
        messages.success(request, said)
        return redirect("memory:settings")
    return _settings(request, MemoryFileForm())


def _settings(request: Any, form: MemoryFileForm, *, status: int = 200) -> HttpResponse:
    return page(
        request,
        "memory/settings.html",
        memory=services.memory_of(user=request.user),
        imports=MemoryImport.objects.for_user(request.user).defer("document").order_by("-pk")[:IMPORTS_SHOWN],
        form=form,
        status=status,
    )


@require_safe
def export(request: Any) -> HttpResponse:
    """Everything one is remembered by, as a file."""
    told = portable.export_memory(user=request.user)
    text = json.dumps(told, cls=portable.Encoder, ensure_ascii=False, indent=1)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    name = f"memory-{timezone.localdate():%Y-%m-%d}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
def import_file(request: Any) -> HttpResponse:
    """Take in such a file."""
    form = MemoryFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            row = portable.accept_import(
                user=request.user,
                data=form.cleaned_data["file"].read(portable.MOST_BYTES + 1),
                session=request.session_row,
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("memory:import", pk=row.pk)
    return _settings(request, form, status=400)


@require_safe
def imported(request: Any, pk: UUID) -> HttpResponse:
    """What came of a file, or how far it is."""
    rows = MemoryImport.objects.for_user(request.user).defer("document")
    return page(request, "memory/import.html", partial="state", row=get_object_or_404(rows, pk=str(pk)))


@form_page
def forget_everything(request: Any) -> HttpResponse:
    """Ask for one's username, and on POST forget everything for good."""
    form = ForgetEverythingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.forget_everything(user=request.user, typed=form.cleaned_data["confirm"])
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Everything is forgotten."))
            return redirect("memory:list")
    status = 400 if form.errors else 200
    return page(request, "memory/forget_everything.html", form=form, status=status)


# --- The session -------------------------------------------------------------------------------------
@require_safe
def context(request: Any) -> HttpResponse:
    """What this session carries between messages: each part with its size, and how long it stays."""
    session = request.session_row
    parts = services.context_parts(session=session) if session else []
    row = Context.objects.for_user(request.user).filter(session=session).order_by("-pk").first()
    open_one = next((part.value for part in parts if part.key == "conversation_id"), None)
    used, most = sum(part.size for part in parts), options.context_bytes()
    return page(
        request,
        "memory/context.html",
        parts=parts,
        conversation=_conversation(request, open_one) if open_one else None,
        row=row if parts else None,
        used=used,
        most=most,
        share=min(100, round(100 * used / most)),
        hours=options.context_hours(),
    )


def _conversation(request: Any, pk: Any) -> Any:
    """The conversation that the session has open, if it is still there."""
    try:
        return targets.resolve(target_type="conversation", target_id=str(pk), user=request.user)
    except Problem:
        return None


@form_page
def context_clear(request: Any) -> HttpResponse:
    """Ask, and on POST forget what this session carries."""
    if request.method != "POST":
        return page(request, "memory/context_clear.html")
    if request.session_row is not None:
        services.clear_context(session=request.session_row)
    messages.success(request, _("The session starts anew."))
    return redirect("memory:context")


@require_POST
def context_drop(request: Any) -> HttpResponse:
    """Forget one thing that this session carries: `key`."""
    if request.session_row is not None:
        services.drop_from_context(session=request.session_row, key=request.POST.get("key", ""))
    messages.success(request, _("It is no longer carried on."))
    return redirect("memory:context")
