"""Pages of tool sources and scripts, for operators."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged
from tools import scripts
from tools.models import SourceKind, Tool, ToolKind, ToolSource

from . import services
from .forms import ScriptForm, SourceForm


def needs(verb: str) -> Callable[[Any], Any]:
    """Let only those in whose roles may `verb` sources; others are told so."""

    def wrap(view: Any) -> Any:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(f"tools.{verb}_toolsource"):
                raise Forbidden
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer

        return guarded

    return wrap


@require_safe
@needs("view")
def source_list(request: HttpRequest) -> HttpResponse:
    """The servers and documents, and the scripts."""
    sources = paged(
        request, ToolSource.objects.for_user(request.user).defer("document"), order=["name", "pk"]
    )
    own = Tool.objects.for_user(request.user).filter(kind=ToolKind.SCRIPT).order_by("name")[:200]
    return page(
        request, "tools/sources/list.html", "rows", sources=sources, scripts=own, kinds=SourceKind.choices
    )


@form_page
@needs("add")
def source_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Add a source of a kind."""
    if kind not in SourceKind.values:
        raise Http404
    form = SourceForm(request.POST or None, request.FILES or None, kind=kind)
    return _saved_or_shown(
        request, form, lambda: services.add_source(by=request.user, **form.values()), kind=SourceKind(kind)
    )


@form_page
@needs("change")
def source_change(request: HttpRequest, pk: str) -> HttpResponse:
    """Change a source."""
    source = _source(request, pk)
    form = SourceForm(request.POST or None, request.FILES or None, kind=source.kind, source=source)
    return _saved_or_shown(
        request,
        form,
        lambda: services.change_source(source=source, by=request.user, **form.values()),
        kind=SourceKind(source.kind),
        source=source,
    )


@require_safe
@needs("view")
def source_detail(request: HttpRequest, pk: str) -> HttpResponse:
    """A source and its tools, each to be switched on by itself."""
    source = _source(request, pk)
    tools = paged(request, source.tools.all(), order=["name", "pk"], size=50)
    may_change = request.user.has_perm("tools.change_toolsource")
    return page(
        request, "tools/sources/detail.html", "rows", source=source, tools=tools, may_change=may_change
    )


@require_POST
@needs("change")
def source_sync(request: HttpRequest, pk: str) -> HttpResponse:
    """Read anew what it offers."""
    services.sync_soon(source=_source(request, pk))
    messages.success(request, _("A worker reads what it offers. Reload in a moment."))
    return redirect("tools:source", pk)


@require_POST
@needs("change")
def source_switch(request: HttpRequest, pk: str, tool: str) -> HttpResponse:
    """Switch one of its tools on or off."""
    try:
        services.switch_tool(
            source=_source(request, pk), tool_id=tool, enabled=request.POST.get("on") == "1", by=request.user
        )
    except Problem as problem:
        flash(request, problem)
    return redirect("tools:source", pk)


@require_POST
@needs("delete")
def source_delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Let it go; its tools are switched off."""
    services.remove_source(source=_source(request, pk), by=request.user)
    messages.success(request, _("The source is removed."))
    return redirect("tools:sources")


@form_page
@needs("add")
def script_new(request: HttpRequest) -> HttpResponse:
    """Make a tool of a script."""
    form = ScriptForm(request.POST or None)
    return _script_saved_or_shown(
        request, form, lambda: scripts.create_script(by=request.user, **form.cleaned_data)
    )


@form_page
@needs("change")
def script_change(request: HttpRequest, pk: str) -> HttpResponse:
    """Change a script tool."""
    tool = get_object_or_404(Tool.objects.for_user(request.user), pk=pk, kind=ToolKind.SCRIPT)
    form = ScriptForm(request.POST or None, tool=tool)
    return _script_saved_or_shown(
        request,
        form,
        lambda: scripts.change_script(tool=tool, by=request.user, **form.cleaned_data),
        tool=tool,
    )


def _source(request: HttpRequest, pk: str) -> ToolSource:
    found: ToolSource = get_object_or_404(ToolSource.objects.for_user(request.user), pk=pk)
    return found


def _saved_or_shown(
    request: HttpRequest, form: SourceForm, save: Callable[[], ToolSource], **context: Any
) -> HttpResponse:
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            source = save()
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            messages.success(request, _("The source is saved; a worker reads what it offers."))
            return redirect("tools:source", source.pk)
    return page(request, "tools/sources/form.html", form=form, status=status, **context)


def _script_saved_or_shown(
    request: HttpRequest, form: ScriptForm, save: Callable[[], Tool], **context: Any
) -> HttpResponse:
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            save()
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            messages.success(request, _("The script is saved."))
            return redirect("tools:sources")
    return page(request, "tools/sources/script.html", form=form, status=status, **context)
