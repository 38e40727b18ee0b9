"""The terminal tab: xterm.js over a WebSocket, or a shell for one line at a time."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import flash

from .. import services, xterm
from ..models import ExecutionKind, Sandbox, SandboxExecution
from ..word_lines import LINE_SHELL
from .common import sandbox_of, sandbox_page
from .executions import shown


@require_safe
def terminal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`GET …/<id>/`: the open terminals, one of them shown; `?lines` shows the shell for lines."""
    sandbox = sandbox_of(request, pk)
    live = SandboxExecution.objects.filter(sandbox=sandbox).live().without_output()
    terminals = list(live.filter(kind=ExecutionKind.TERMINAL).order_by("pk"))
    wanted = request.GET.get("t")
    chosen = next((row for row in terminals if str(row.pk) == wanted), terminals[-1] if terminals else None)
    by_lines = "lines" in request.GET or not xterm.is_there()
    shell = (
        live.filter(kind=ExecutionKind.COMMAND, command=LINE_SHELL, stdin_open=True).order_by("-pk").first()
    )
    return sandbox_page(
        request,
        sandbox,
        "terminal",
        terminals=terminals,
        chosen=chosen,
        by_lines=by_lines,
        opens_at_once="closed" not in request.GET,
        has_xterm=xterm.is_there(),
        shell=shown(shell) if shell else None,
    )


@require_POST
def open_terminal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Start another terminal and show it."""
    sandbox = sandbox_of(request, pk)
    try:
        opened = services.open_terminal(sandbox=sandbox, by=request.user)
    except Problem as problem:
        if request.htmx:
            raise
        flash(request, problem)
        return _terminal_tab(sandbox, "closed")
    return _terminal_tab(sandbox, f"t={opened.pk}")


@require_POST
def close_terminal(request: HttpRequest, pk: UUID, execution_pk: UUID) -> HttpResponse:
    """End a terminal with all that runs in it."""
    sandbox = sandbox_of(request, pk)
    row = get_object_or_404(
        SandboxExecution.objects.filter(sandbox=sandbox, kind=ExecutionKind.TERMINAL), pk=str(execution_pk)
    )
    services.cancel_execution(execution=row, by=request.user)
    services.wait_for(execution=row, timeout=1.5)  # so that the page shows it gone
    return _terminal_tab(sandbox, "closed")


@require_POST
def open_lines(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Start the shell that takes one line at a time."""
    sandbox = sandbox_of(request, pk)
    try:
        services.run_command(sandbox=sandbox, by=request.user, command=LINE_SHELL, stdin_open=True)
    except Problem as problem:
        flash(request, problem)
    return _terminal_tab(sandbox, "lines")


def _terminal_tab(sandbox: Sandbox, query: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('sandbox:detail', args=[sandbox.pk])}?{query}")
