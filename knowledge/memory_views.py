"""The pages on which people see, correct and forget what is remembered of them."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, page, paged

from . import options, services
from .forms import MemoryForm, initial_of_memory
from .models import Context, Memory, MemoryRelation, MemoryType
from .search import search_memory

form_page = require_http_methods(["GET", "HEAD", "POST"])
FOUND = 20
RELATIONS_SHOWN = 50


@require_safe
def memory_list(request: Any) -> HttpResponse:
    """One's own memories, newest first; `?type=` keeps a type, `?q=` finds the best matches."""
    query = request.GET.get("q", "").strip()[: options.LONGEST_QUERY]
    kind = request.GET.get("type", "")
    kind = kind if kind in MemoryType.values else ""
    context: dict[str, Any] = {"query": query, "kind": kind, "kinds": MemoryType.choices}
    if query:
        context["hits"] = search_memory(
            user=request.user, query=query, kind=kind, limit=FOUND, as_typed=True, recalled=False
        )
    else:
        rows = Memory.objects.for_user(request.user).of_type(kind).defer("embedding")
        context["page"] = paged(request, rows, order=["-pk"])
    return page(request, "memory/list.html", partial="rows", **context)


@require_safe
def detail(request: Any, pk: UUID) -> HttpResponse:
    """One memory: where it comes from, how it is used, what it relates to."""
    row = _row(request, pk)
    relations = MemoryRelation.objects.select_related("source_memory", "target_memory").order_by("pk")
    return page(
        request,
        "memory/detail.html",
        row=row,
        outgoing=relations.filter(source_memory=row)[:RELATIONS_SHOWN],
        incoming=relations.filter(target_memory=row)[:RELATIONS_SHOWN],
    )


@form_page
def add(request: Any) -> HttpResponse:
    """Write down what the assistant should keep in mind."""
    form = MemoryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        pinned = given.pop("pinned")
        try:
            row = services.remember(
                owner=request.user, gated=False, metadata={"extractor": "person", "pinned": pinned}, **given
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("The assistant will keep this in mind."))
            return redirect("memory:detail", pk=row.pk)
    return page(request, "memory/form.html", form=form, row=None, status=400 if form.errors else 200)


@form_page
def edit(request: Any, pk: UUID) -> HttpResponse:
    """Correct a memory."""
    row = _row(request, pk)
    form = MemoryForm(request.POST or None, initial=initial_of_memory(row))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_memory(memory=row, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("memory:detail", pk=row.pk)
    return page(request, "memory/form.html", form=form, row=row, status=400 if form.errors else 200)


@form_page
def forget(request: Any, pk: UUID) -> HttpResponse:
    """Ask, and on POST forget a memory for good."""
    row = _row(request, pk)
    if request.method != "POST":
        return page(request, "memory/forget.html", row=row)
    services.forget_memory(memory=row, by=request.user)
    messages.success(request, _("Forgotten."))
    return redirect("memory:list")


@require_POST
def pin(request: Any, pk: UUID) -> HttpResponse:
    """Pin a memory, or let it go; HTMX gets the button back."""
    row = _row(request, pk)
    row = services.change_memory(memory=row, by=request.user, pinned=not row.pinned)
    if request.htmx:
        return page(request, "memory/detail.html", partial="pin", row=row)
    return redirect("memory:detail", pk=row.pk)


@require_safe
def context(request: Any) -> HttpResponse:
    """What this session carries from one message to the next."""
    data = services.get_context(session=request.session_row) if request.session_row else {}
    shown = [(name, _readable(value)) for name, value in data.items()]
    row = Context.objects.for_user(request.user).filter(session=request.session_row).order_by("-pk").first()
    size = len(json.dumps(data, ensure_ascii=False).encode()) if data else 0
    return page(
        request,
        "memory/context.html",
        shown=shown,
        row=row if data else None,
        size=size,
        most=options.context_bytes(),
        hours=options.context_hours(),
    )


@form_page
def context_clear(request: Any) -> HttpResponse:
    """Ask, and on POST forget what this session carries."""
    if request.method != "POST":
        return page(request, "memory/context_clear.html")
    if request.session_row is not None:
        services.clear_context(session=request.session_row)
    messages.success(request, _("The session starts anew."))
    return redirect("memory:context")


def _row(request: Any, pk: UUID) -> Memory:
    return get_object_or_404(Memory.objects.for_user(request.user).defer("embedding"), pk=str(pk))


def _readable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
