"""Commands and code cells: run, watched as they write, cancelled, and what has been."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib import events
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, back, form_page, page, paged

from .. import services, words
from ..channels import execution_channel
from ..forms import RunForm
from ..models import ExecutionStatus, Sandbox, SandboxExecution
from .common import head_of, sandbox_of, sandbox_page

# A command this short is done before its page would be shown, so the page shows its end at once.
GLANCE_SECONDS = 0.4
# Of each stream this much text is kept (agent/output.py).
KEPT_BYTES = 1 << 20


@form_page
def execution_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: the form and what has been run; POST: run something. Its output comes live."""
    sandbox = sandbox_of(request, pk)
    form = RunForm(request.POST or None, languages=(sandbox.config or {}).get("languages") or ())
    if request.method == "POST" and form.is_valid():
        try:
            row = _run(request, sandbox, form.cleaned_data)
        except Problem as problem:
            if request.htmx:
                raise
            add_problem(form, problem)
        else:
            return _started(request, sandbox, row)
    rows = SandboxExecution.objects.filter(sandbox=sandbox).without_output()
    found = paged(request, rows, order=["-pk"], size=20)
    for row in found.rows:
        row.outcome = words.outcome_of(row)
    return sandbox_page(
        request,
        sandbox,
        "executions",
        parts=("history",),
        form=form,
        page=found,
        status=400 if form.errors else 200,
    )


def _run(request: HttpRequest, sandbox: Sandbox, given: dict[str, Any]) -> SandboxExecution:
    common = {
        "sandbox": sandbox,
        "by": request.user,
        "working_dir": given["working_dir"],
        "timeout": given["timeout"],
        "env": given["env"] or None,
    }
    if given["kind"] == "cell":
        return services.run_cell(code=given["text"], session=given["session"], **common)
    return services.run_command(
        command=given["text"], stdin=given["stdin"], stdin_open=given["stdin_open"], **common
    )


def _started(request: HttpRequest, sandbox: Sandbox, row: SandboxExecution) -> HttpResponse:
    if not request.htmx:
        services.wait_for(execution=row, timeout=GLANCE_SECONDS)
        return redirect("sandbox:execution", sandbox.pk, row.pk)
    return _part(request, sandbox, row)


@require_safe
def detail(request: HttpRequest, pk: UUID, execution_pk: UUID) -> HttpResponse:
    """One execution: what it was, what it wrote, how it ended, what it used."""
    sandbox = sandbox_of(request, pk)
    row = _execution(sandbox, execution_pk)
    if request.htmx:
        return _part(request, sandbox, row)
    return page(request, "sandbox/execution.html", tab="executions", run=shown(row), **head_of(sandbox))


@require_POST
def cancel(request: HttpRequest, pk: UUID, execution_pk: UUID) -> HttpResponse:
    """End it, with all its children."""
    sandbox = sandbox_of(request, pk)
    row = _execution(sandbox, execution_pk)
    services.cancel_execution(execution=row, by=request.user)
    if request.htmx:
        return _part(request, sandbox, row)
    services.wait_for(execution=row, timeout=1.5)
    return redirect("sandbox:execution", sandbox.pk, row.pk)


@require_POST
def send_input(request: HttpRequest, pk: UUID, execution_pk: UUID) -> HttpResponse:
    """Write a line to its standard input, or (`eof`) close that."""
    sandbox = sandbox_of(request, pk)
    row = _execution(sandbox, execution_pk)
    then = (
        ("sandbox:detail", sandbox.pk)
        if "lines" in request.POST
        else ("sandbox:execution", sandbox.pk, row.pk)
    )
    closes = "eof" in request.POST
    line = b"" if closes else request.POST.get("line", "").encode() + b"\n"
    try:
        services.send_input(execution=row, by=request.user, data=line, eof=closes)
    except Problem as problem:
        return back(request, *then, problem=problem)
    if request.htmx:
        return HttpResponse(status=204)
    services.wait_for(execution=row, timeout=0.8)  # its answer is then on the page
    answer = redirect(*then)
    if "lines" in request.POST:
        answer.headers["Location"] += "?lines"
    return answer


def shown(row: SandboxExecution) -> dict[str, Any]:
    """An execution as its part of a page shows it, with the place in the stream to follow it from."""
    after = ""
    if row.status != ExecutionStatus.ENDED:
        after = events.last_id(execution_channel(str(row.pk)))
        row.refresh_from_db()  # read after that place, so that nothing falls between
    return {
        "row": row,
        "after": after,
        "is_live": row.status != ExecutionStatus.ENDED,
        "outcome": words.outcome_of(row),
        "usage": words.usage_of(row),
        "is_cut": max(row.stdout_bytes, row.stderr_bytes) > KEPT_BYTES,
    }


def _part(request: HttpRequest, sandbox: Sandbox, row: SandboxExecution) -> HttpResponse:
    response = page(request, "sandbox/includes/execution.html", sandbox=sandbox, run=shown(row))
    response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
    return response


def _execution(sandbox: Sandbox, pk: UUID) -> SandboxExecution:
    return get_object_or_404(SandboxExecution.objects.filter(sandbox=sandbox), pk=str(pk))
