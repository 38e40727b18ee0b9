"""The pages of sources."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged

from .. import services
from ..forms import SOURCE_FORMS, SourceForm
from ..models import KnowledgeSource, SourceKind
from .common import ask_to_delete, need, row_of

# What each state looks like: tag's class and icon.
LOOKS = {
    "idle": ("", "clock"),
    "waiting": ("tag-accent", "clock"),
    "running": ("tag-accent", "running"),
    "completed": ("tag-success", "check"),
    "failed": ("tag-danger", "warning"),
}


@require_safe
def source_list(request: HttpRequest) -> HttpResponse:
    """All sources, newest first, each with its state."""
    rows = KnowledgeSource.objects.for_user(request.user).defer("connection_info", "checkpoint")
    found = paged(request, rows, order=["-pk"])
    for row in found.rows:
        row.look, row.symbol = LOOKS[row.status]
    return page(
        request,
        "transfer/sources.html",
        partial="rows",
        page=found,
        busy=any(row.busy for row in found.rows),
        kinds=SourceKind.choices,
        may_add=request.user.has_perm("transfer.add_knowledgesource"),
    )


@form_page
def add(request: HttpRequest, kind: str) -> HttpResponse:
    """A new source of one kind."""
    need(request, "add_knowledgesource")
    if kind not in SOURCE_FORMS:
        raise Http404
    form = SOURCE_FORMS[kind](request.POST or None, initial={"domain": request.GET.get("domain", "")})
    if request.method == "POST" and form.is_valid():
        try:
            source = services.add_source(
                by=request.user, kind=kind, connection=form.connection() or {}, **form.about()
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("transfer:source", pk=source.pk)
    title = _("New source: %(kind)s") % {"kind": SourceKind(kind).label}
    return page(request, "transfer/form.html", form=form, title=title, back="transfer:sources", back_args=())


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A source: its state and reason, what it gave, and what could not be taken."""
    source = row_of(request, KnowledgeSource, pk)
    source.look, source.symbol = LOOKS[source.status]
    items = source.items.select_related("knowledge").defer("knowledge__embedding", "knowledge__content")
    only_faults = "faults" in request.GET
    return page(
        request,
        "transfer/source.html",
        partial="state",
        source=source,
        counts=_counts(source.counts),
        page=paged(request, items.exclude(reason=None) if only_faults else items, order=["-pk"]),
        only_faults=only_faults,
        reads_ontology=source.kind in (SourceKind.FILE, SourceKind.HTTP),
        may_change=request.user.has_perm("transfer.change_knowledgesource"),
        may_delete=request.user.has_perm("transfer.delete_knowledgesource"),
    )


def _counts(counts: Any) -> list[tuple[str, int]]:
    words = {
        "added": _("added"),
        "changed": _("changed"),
        "unchanged": _("as before"),
        "removed": _("removed"),
        "failed": _("not taken"),
    }
    return [(word, counts[name]) for name, word in words.items() if name in (counts or {})]


@form_page
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a source; an empty connection stays as it was."""
    source = row_of(request, KnowledgeSource, pk)
    need(request, "change_knowledgesource")
    initial = {name: getattr(source, name) for name in SourceForm.base_fields}
    form = SOURCE_FORMS[source.kind](request.POST or None, initial=initial, existing=True)
    if request.method == "POST" and form.is_valid():
        given = form.about() | {"connection": form.connection()}
        try:
            services.change_source(source=source, by=request.user, **given)
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("transfer:source", pk=source.pk)
    context = {"form": form, "title": _("Edit source"), "back": "transfer:source", "back_args": [source.pk]}
    return page(request, "transfer/form.html", **context)


@require_POST
def sync(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read a source now."""
    source = row_of(request, KnowledgeSource, pk)
    need(request, "change_knowledgesource")
    try:
        services.sync_source(source=source, by=request.user, contents=request.POST.get("contents"))
    except Problem as problem:
        flash(request, problem)
    else:
        messages.success(request, _("It will be read now."))
    return redirect("transfer:source", pk=source.pk)


@require_POST
def switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch a source off, or on again."""
    source = row_of(request, KnowledgeSource, pk)
    need(request, "change_knowledgesource")
    services.change_source(source=source, by=request.user, is_active=request.POST.get("active") == "on")
    return redirect("transfer:source", pk=source.pk)


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a source, after asking; its passages stay unless the person wants them gone."""
    source = row_of(request, KnowledgeSource, pk)
    need(request, "delete_knowledgesource")
    if request.method == "POST":
        services.delete_source(source=source, by=request.user, with_passages="with_passages" in request.POST)
        return redirect("transfer:sources")
    return ask_to_delete(
        request,
        title=_("Delete this source?"),
        name=source.name,
        text=_("It is not read any more."),
        back="transfer:source",
        pk=source.pk,
        choice=("with_passages", _("Delete the passages that came from it, too")),
    )
