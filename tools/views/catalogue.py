"""The catalogue of tools, and a tool's own page with a form to try it."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, page, paged

from .. import policy, registry, services
from ..forms import ArgumentsForm
from ..models import Tool, ToolExecution, ToolKind, ToolSource
from ..schemas import json_schema
from ..services import Lookup
from .executions import part_of_run

SIZE = 40


@require_safe
def tool_list(request: HttpRequest) -> HttpResponse:
    """All tools, by name: search, and filters for category, source and what is switched on."""
    query = request.GET.get("q", "").strip()[:100]
    category, source = request.GET.get("category", "")[:50], request.GET.get("source", "")[:36]
    state = request.GET.get("state", "")
    rows = Tool.objects.for_user(request.user).select_related("source")
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(description__icontains=query))
    if category:
        rows = rows.filter(category=category)
    if source:
        rows = rows.filter(kind=source) if source in ToolKind.values else rows.filter(source=source)
    if state in ("on", "off"):
        rows = rows.filter(enabled=state == "on")
    found = paged(request, rows, order=["name"], size=SIZE)
    _note_access(request.user, found.rows)
    return page(
        request,
        "tools/list.html",
        partial="rows",
        page=found,
        query=query,
        category=category,
        source=source,
        state=state,
        categories=_categories(),
        sources=[*ToolKind.choices, *ToolSource.objects.order_by("name").values_list("pk", "name")],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A tool: what it does, who may run it, a form to try it, and what one has run. POST runs it."""
    tool = get_object_or_404(Tool.objects.for_user(request.user).with_parameters(), pk=str(pk))
    schema = json_schema(tool.parameters.all())
    form = ArgumentsForm(request.POST or None, schema=schema, given=_again(request, tool))
    if request.method == "POST":
        execution = _run(request, tool, ArgumentsForm(request.POST, schema=schema))
        if isinstance(execution, ToolExecution):
            if request.htmx:
                return part_of_run(request, execution)
            return redirect("tools:execution", execution.pk)
        form = execution
    _note_access(request.user, [tool])
    mine = ToolExecution.objects.for_user(request.user).filter(tool=tool, user=request.user.pk)
    response = page(
        request,
        "tools/detail.html",
        partial="form" if request.method == "POST" else "history",
        tool=tool,
        form=form,
        page=paged(request, mine.defer("result").select_related("tool"), order=["-pk"], size=10),
        may_change=request.user.has_perm("tools.change_tool"),
        status=400 if form.errors and not request.htmx else 200,
    )
    if request.htmx and form.errors:  # the form comes back in its own place
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#try-form", "outerHTML"
    return response


def _run(request: HttpRequest, tool: Tool, form: ArgumentsForm) -> ToolExecution | ArgumentsForm:
    """The run that was started, or the form with what is wrong."""
    if not form.is_valid():
        return form
    try:
        started: ToolExecution = services.start_tool(
            user=request.user,
            name=tool.name,
            arguments=form.arguments(),
            language=get_language() or "en",
            attended_by="page",
        )
    except Problem as problem:
        add_problem(form, problem)
        return form
    return started


def _again(request: HttpRequest, tool: Tool) -> Any:
    """The arguments of an earlier run (`?again=`), to be changed and run anew."""
    pk = request.GET.get("again", "")[:36]
    if not pk:
        return None
    rows = ToolExecution.objects.for_user(request.user).filter(tool=tool, pk=pk)
    return rows.values_list("parameters", flat=True).first()


@require_POST
def switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch a tool on or off for everyone."""
    tool = get_object_or_404(Tool.objects.for_user(request.user), pk=str(pk))
    if not request.user.has_perm("tools.change_tool"):
        raise Forbidden
    services.set_enabled(tool=tool, enabled=request.POST.get("enabled") == "1", by=request.user)
    return redirect("tools:detail", tool.pk)


def _note_access(user: Any, tools: list[Tool]) -> None:
    """Put on each tool what the policy says to this person (`access`); three queries for any number."""
    lookup = Lookup()
    rules, roles = lookup.rules(), lookup.roles(user)
    for tool in tools:
        implementation = registry.of_row(tool)
        if implementation is None or not tool.enabled:
            tool.access = "unavailable" if tool.enabled else "off"
            continue
        decided = policy.decide(
            rules, tool=tool, role_ids=roles, default_effect=implementation.default_effect
        )
        tool.access, tool.access_reason = str(decided.effect), decided.reason


def _categories() -> list[str]:
    rows = Tool.objects.exclude(category=None).order_by("category")
    return list(rows.values_list("category", flat=True).distinct()[:100])
