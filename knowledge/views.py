"""The pages of the knowledge base."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from agi_site.lib import markdown
from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, form_page, page, paged

from . import options, services
from .forms import KnowledgeForm, initial_of_knowledge
from .models import Knowledge
from .search import by_meaning_alone, search_knowledge
from .tags import common_tags

LIST_PAGE = "knowledge/list.html"
FOUND = 20


@require_safe
def knowledge_list(request: HttpRequest) -> HttpResponse:
    """All passages, newest first; with `?q=` the best matches.

    `?tag=` and `?source=` keep those of a tag and a source, `?since=` and `?until=` those added from a day on
    and up to a day; what cannot be understood keeps all.
    """
    query = request.GET.get("q", "").strip()[: options.LONGEST_QUERY]
    tag = request.GET.get("tag", "").strip()[:50]
    source = request.GET.get("source", "").strip()[:255]
    since, until = (_day(request.GET.get(name, "")) for name in ("since", "until"))
    narrow: dict[str, Any] = {
        "tags": [tag] if tag else [],
        "source": source,
        "since": _midnight(since),
        "until": _midnight(until, days=1),
    }
    context: dict[str, Any] = {
        "query": query,
        "tag": tag,
        "source": source,
        "since": since,
        "until": until,
        "narrowed": bool(tag or source or since or until),
        "may_add": request.user.has_perm("knowledge.add_knowledge"),
        "tags": common_tags(),
    }
    if query:
        context["hits"] = search_knowledge(
            user=request.user, query=query, limit=FOUND, as_typed=True, **narrow
        )
        context["by_meaning_alone"] = by_meaning_alone(context["hits"])
    else:
        rows = Knowledge.objects.for_user(request.user).narrowed(**narrow).listed()
        context["page"] = paged(request, rows, order=["-pk"])
    return page(request, LIST_PAGE, partial="rows", **context)


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One passage."""
    row = _row(request, pk)
    return page(
        request,
        "knowledge/detail.html",
        row=row,
        content=markdown.render(row.content),
        may_change=row.may_be_changed_by(request.user),
    )


@form_page
def add(request: HttpRequest) -> HttpResponse:
    """Write a new passage."""
    if not request.user.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    form = KnowledgeForm(request.POST or None, initial={"tags": request.GET.get("tag", "")})
    if request.method == "POST" and form.is_valid():
        try:
            row = services.add_knowledge(author=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Added. The assistant can use it now."))
            return redirect("knowledge:detail", pk=row.pk)
    return page(request, "knowledge/form.html", form=form, row=None, status=400 if form.errors else 200)


@form_page
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a passage."""
    row = _changeable(request, pk)
    form = KnowledgeForm(request.POST or None, current=initial_of_knowledge(row))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_knowledge(knowledge=row, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("knowledge:detail", pk=row.pk)
    return page(request, "knowledge/form.html", form=form, row=row, status=400 if form.errors else 200)


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and on POST delete a passage."""
    row = _changeable(request, pk)
    if request.method != "POST":
        return page(request, "knowledge/delete.html", row=row)
    services.delete_knowledge(knowledge=row, by=request.user)
    messages.success(request, _("Deleted."))
    return redirect("knowledge:list")


def _day(text: str) -> date | None:
    """The day a date field sent, if it is one."""
    with suppress(ValueError):
        return parse_date(text)
    return None


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """When that day begins here, so many days later; in UTC, where the calendar may have ended by then."""
    with suppress(OverflowError):
        begins = day and timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min))
        return begins and begins.astimezone(UTC)
    return None


def _row(request: HttpRequest, pk: UUID) -> Knowledge:
    rows = Knowledge.objects.for_user(request.user).light().select_related("document")
    return get_object_or_404(rows.defer("document__shared_passages", "embedding"), pk=str(pk))


def _changeable(request: HttpRequest, pk: UUID) -> Knowledge:
    row = _row(request, pk)
    if not row.may_be_changed_by(request.user):
        raise Forbidden(_("Only its author or an operator may change this."))
    return row
