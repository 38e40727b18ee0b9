"""From the drafts of a source to rows of tools: new ones off, changed ones off again, lost ones off."""

from collections.abc import Sequence
from typing import Any

from tools.models import ExecEnv, SourceKind, Tool, ToolKind, ToolParameter, ToolSource

from .drafts import ParameterDraft, ToolDraft, local_name


def store(source: ToolSource, drafts: Sequence[ToolDraft]) -> dict[str, int]:
    """Bring the tools of a source in line, in the caller's transaction; counts of what happened.

    A tool is switched on by an operator who has seen what it says of itself; when it says something else, it
    waits for that again.
    """
    known = {row.remote_name: row for row in source.tools.all()}
    taken = {name.lower() for name in Tool.objects.exclude(source=source).values_list("name", flat=True)}
    taken |= {row.name.lower() for row in known.values()}
    counts = {"new": 0, "changed": 0, "same": 0, "gone": 0}
    seen: set[str] = set()
    for draft in drafts:
        if draft.remote_name in seen:
            continue
        seen.add(draft.remote_name)
        row = known.get(draft.remote_name)
        counts[_stored(source, row, draft, taken)] += 1
    for remote, row in known.items():
        details = row.details or {}
        if remote not in seen and not details.get("gone"):
            row.enabled, row.details = False, details | {"gone": True}
            row.save(update_fields=["enabled", "details", "updated_at"])
            counts["gone"] += 1
    return counts


def _stored(source: ToolSource, row: Tool | None, draft: ToolDraft, taken: set[str]) -> str:
    details = draft.details | {"fingerprint": draft.fingerprint}
    values = {"description": draft.description, "details": details}
    if row is None:
        row = Tool.objects.create(
            name=local_name(source.name, draft.remote_name, taken),
            category=source.name,
            kind=ToolKind.OPENAPI if source.kind == SourceKind.OPENAPI else ToolKind.MCP,
            exec_env=ExecEnv.SANDBOX if source.kind == SourceKind.MCP_STDIO else ExecEnv.HOST,
            source=source,
            remote_name=draft.remote_name,
            enabled=False,
            retry_safe=draft.retry_safe,
            **values,
        )
        _parameters(row, draft.parameters)
        return "new"
    before = row.details or {}
    if before.get("fingerprint") == draft.fingerprint and not before.get("gone"):
        return "same"
    changed = before.get("fingerprint") != draft.fingerprint
    row.description, row.details = draft.description, details
    if changed:
        row.enabled = False
    row.save(update_fields=["description", "details", "enabled", "updated_at"])
    row.parameters.all().delete()
    _parameters(row, draft.parameters)
    return "changed"


def _parameters(tool: Tool, drafts: Sequence[ParameterDraft]) -> None:
    ToolParameter.objects.bulk_create(parameter_row(tool, draft) for draft in drafts)


def parameter_row(tool: Tool, draft: ParameterDraft) -> Any:
    """The row of a parameter. Its default stays a remark in the schema: the source fills it in itself."""
    return ToolParameter(
        tool=tool,
        name=draft.name,
        type=draft.type,
        required=draft.required,
        description=draft.description,
        schema=draft.schema or None,
    )
