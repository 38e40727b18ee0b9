"""What runs when an imported tool is called; importing this registers it."""

from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from tools.models import SourceKind, Tool, ToolSource
from tools.registry import Implementation, Result, ToolContext, ToolFailure, resolver

TIMEOUT_SECONDS = 60.0
_PASSING = {"timeout", "unreachable", "source_failed", "too_many"}


@resolver("mcp")
@resolver("openapi")
def imported(row: Tool) -> Implementation | None:
    """The implementation of an imported row; None where its source has gone."""
    details = row.details or {}
    if row.source_id is None or details.get("gone"):
        return None
    return Implementation(
        name=row.name,
        run=partial(_run, row.source_id, row.remote_name or "", details),
        description=row.description or "",
        category=row.category or "",
        exec_env="sandbox" if row.exec_env == "sandbox" else "host",
        timeout=TIMEOUT_SECONDS,
        default_effect="ask",
    )


def _run(
    source_id: str, remote_name: str, details: dict[str, Any], call: ToolContext, **arguments: Any
) -> Result:
    source = ToolSource.objects.select_related("created_by").filter(pk=source_id).first()
    if source is None or not source.enabled:
        raise ToolFailure(_("The source of this tool is switched off. An operator can switch it on."))
    try:
        if source.kind == SourceKind.OPENAPI:
            from .openapi_call import call_operation

            return call_operation(call, source, details, arguments)
        return _called(call, source, remote_name, arguments)
    except Problem as problem:
        raise ToolFailure(str(problem.message), passing=problem.code in _PASSING) from problem


def _called(call: ToolContext, source: ToolSource, remote_name: str, arguments: dict[str, Any]) -> Result:
    from .mcp_client import call_tool

    worked, answer = call_tool(
        source,
        remote_name,
        arguments,
        seconds=max(1.0, call.remaining() - 0.5),
        stopped=call.cancelled,
        progress=call.progress,
    )
    if not worked:
        raise ToolFailure(answer["text"][:2000] or _("The tool failed and did not say why."))
    return answer
