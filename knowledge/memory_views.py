"""The pages on which people see, correct and forget what is remembered of them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import targets
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged

from . import options, services
from .forms import MemoryForm, initial_of_memory
from .memory_graph import draw, relations_of
from .models import Memory, MemoryQuestion, MemoryRefusal, MemoryType, RefusalReason
from .search import by_meaning_alone, search_memory
from .versions import versions_of

FOUND = 20
MOST_COUNTED = 50


@require_safe
def memory_list(request: Any) -> HttpResponse:
    """One's own memories as a timeline; `?type=` keeps a type, `?q=` finds, `?state=past` shows what was."""
    query = request.GET.get("q", "").strip()[: options.LONGEST_QUERY]
    kind = request.GET.get("type", "")
    kind = kind if kind in MemoryType.values else ""
    past = request.GET.get("state", "") == "past"
    context: dict[str, Any] = {"query": query, "kind": kind, "kinds": MemoryType.choices, "past": past}
    if not request.htmx:
        context["memory"] = services.memory_of(user=request.user)
        context["questions"] = len(MemoryQuestion.objects.for_user(request.user).pending()[:MOST_COUNTED])
    if query:
        context["hits"] = search_memory(
            user=request.user,
            query=query,
            kind=kind,
            limit=FOUND,
            as_typed=True,
            recalled=False,
            state="past" if past else "current",
        )
        context["by_meaning_alone"] = by_meaning_alone(context["hits"])
    else:
        mine = Memory.objects.for_user(request.user).of_type(kind).defer("embedding")
        rows = mine.past() if past else mine.not_past()
        context["page"] = paged(request, rows, order=["-created_at"])
    return page(request, "memory/list.html", partial="rows", **context)


@require_safe
def detail(request: Any, pk: UUID) -> HttpResponse:
    """One memory: where it comes from, how it is used, what it relates to."""
    row = _row(request, pk)
    relations = relations_of(request.user, around=row)
    return page(
        request,
        "memory/detail.html",
        row=row,
        relations=[one for one in relations if row.pk in (one.source_memory_id, one.target_memory_id)],
        drawing=draw(relations, middle=row) if len(relations) > 1 else None,
        chain=versions_of(row),
        source=_source(request, row),
    )


@require_safe
def graph(request: Any) -> HttpResponse:
    """How one's memories bear on each other, drawn and told."""
    relations = relations_of(request.user)
    return page(request, "memory/graph.html", relations=relations, drawing=draw(relations))


@require_safe
def refused(request: Any) -> HttpResponse:
    """What the write gate did not keep, and why; `?reason=` keeps one reason."""
    reason = request.GET.get("reason", "")
    rows = MemoryRefusal.objects.for_user(request.user).select_related("memory").defer("memory__embedding")
    rows = rows.filter(reason=reason) if reason in RefusalReason.values else rows
    shown = paged(request, rows, order=["-pk"])
    reasons = RefusalReason.choices
    return page(request, "memory/refused.html", partial="rows", page=shown, reason=reason, reasons=reasons)


@form_page
def questions(request: Any) -> HttpResponse:
    """Memories that seem to contradict each other: which holds? POST answers one."""
    rows = MemoryQuestion.objects.for_user(request.user).pending().select_related("newer", "older")
    rows = rows.defer("newer__embedding", "older__embedding")
    if request.method == "POST":
        row = get_object_or_404(rows, pk=request.POST.get("question", ""))
        try:
            services.answer_question(question=row, by=request.user, answer=request.POST.get("answer", ""))
        except Problem as problem:
            flash(request, problem)
        else:
            messages.success(request, _("Thank you. The assistant goes by it from now on."))
        return redirect("memory:questions")
    return page(request, "memory/questions.html", rows=rows.order_by("-pk")[:MOST_COUNTED])


@form_page
def add(request: Any) -> HttpResponse:
    """Write down what the assistant should keep in mind."""
    kind = request.GET.get("type", "")
    given = {"content": request.GET.get("content", "")[: options.LONGEST_MEMORY]}
    given |= {"type": kind} if kind in MemoryType.values else {}
    form = MemoryForm(request.POST or None, initial=given if given["content"] else None)
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
    form = MemoryForm(request.POST or None, current=initial_of_memory(row))
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
        return page(request, "memory/forget.html", row=row, earlier=services.earlier_of(row))
    services.forget_memory(memory=row, by=request.user, earlier=request.POST.get("earlier", "keep"))
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


@require_POST
def restore(request: Any, pk: UUID) -> HttpResponse:
    """Take an archived memory back."""
    row = services.restore_memory(memory=_row(request, pk), by=request.user)
    messages.success(request, _("It is recalled again."))
    return redirect("memory:detail", pk=row.pk)


def _row(request: Any, pk: UUID) -> Memory:
    return get_object_or_404(Memory.objects.for_user(request.user).defer("embedding"), pk=str(pk))


def _source(request: Any, row: Memory) -> dict[str, str]:
    """The conversation in which it was learnt, if that still exists."""
    if not row.source_conversation:
        return {}
    try:
        targets.resolve(target_type="conversation", target_id=row.source_conversation, user=request.user)
    except Problem:
        return {}
    return {"conversation": row.source_conversation, "message": row.source_message}
