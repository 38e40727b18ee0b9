"""Adding tool servers and documents, reading what they offer, and letting them go."""

import re
from typing import Any
from urllib.parse import urljoin

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import outbound, plain_json
from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem
from sandbox.models import SandboxTemplate
from system import queue
from system.services import audit
from tools.models import SourceKind, Tool, ToolSource

from . import mcp_client, openapi, rows
from .drafts import ToolDraft

SYNC_TASK = "tools.sync_source"
MOST_SECRETS = 30
LONGEST_SECRET = 8000
MOST_FILES = 20
LARGEST_PROGRAM = 200_000
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
FIELDS = ("name", "kind", "url", "document_url", "command", "document", "secrets", "enabled")


@transaction.atomic
def add_source(*, by: Any, **values: Any) -> ToolSource:
    """Store a source and let a worker read what it offers. Raises Invalid, naming the fields.

    `name`, `kind`; `url` (mcp_http: the server; openapi: where calls go, if the document does not say);
    `command` (mcp_stdio: {"argv": […], "files": {name: text}, "template": name of a sandbox template});
    `document_url` or `document` (openapi);
    `secrets` (headers, `?name` for a query parameter, or environment variables of a program).
    """
    source = ToolSource(created_by=by, **values)
    _check(source)
    source.save()
    audit(component="tools", message=f"tool source {source.name} ({source.kind}) was added", by=by)
    sync_soon(source=source)
    return source


@transaction.atomic
def change_source(*, source: ToolSource, by: Any, **values: Any) -> ToolSource:
    """Change a source and read it anew; its name and kind stay. Raises Invalid."""
    for name in ("name", "kind"):
        if name in values and values[name] != getattr(source, name):
            raise Invalid(errors={name: [_("This stays as it is. Add another source instead.")]})
    for name, value in values.items():
        setattr(source, name, value)
    _check(source)
    source.save()
    audit(component="tools", message=f"tool source {source.name} was changed", by=by)
    if set(values) - {"enabled", "name", "kind"}:
        sync_soon(source=source)
    return source


@transaction.atomic
def remove_source(*, source: ToolSource, by: Any) -> None:
    """Let a source go: its tools are switched off; those that have run stay for the ledger."""
    source.tools.update(enabled=False, updated_at=timezone.now())
    source.tools.filter(executions=None).delete()
    audit(component="tools", message=f"tool source {source.name} was removed", by=by)
    source.delete()


def sync_soon(*, source: ToolSource) -> None:
    """Let a worker read what the source offers."""
    queue.enqueue(task_type=SYNC_TASK, payload={"source_id": source.pk}, key=f"{SYNC_TASK}:{source.pk}")


def sync_source(*, source_id: str) -> dict[str, int]:
    """Ask the source and bring its tools in line; what goes wrong is kept with the source."""
    source = ToolSource.objects.select_related("created_by").filter(pk=source_id).first()
    if source is None:
        return {}
    try:
        drafts = _asked(source)
    except Problem as problem:
        faults = " ".join(str(fault) for some in problem.errors.values() for fault in some)
        ToolSource.objects.filter(pk=source.pk).update(
            error_message=(faults or str(problem.message))[:2000], synced_at=timezone.now()
        )
        return {}
    with transaction.atomic():
        held = ToolSource.objects.select_for_update().filter(pk=source.pk).first()
        if held is None:
            return {}
        counts = rows.store(held, drafts)
        values: dict[str, Any] = {"error_message": None, "synced_at": timezone.now()}
        if source.kind == SourceKind.OPENAPI and source.document_url:
            values["document"] = source.document
        ToolSource.objects.filter(pk=source.pk).update(**values)
    return counts


def switch_tool(*, source: ToolSource, tool_id: str, enabled: bool, by: Any) -> Tool:
    """Switch one tool of a source on or off; raises NotFound, or Conflict where the source lost it."""
    from tools.services import set_enabled

    tool: Tool | None = source.tools.filter(pk=tool_id).first()
    if tool is None:
        raise NotFound
    if enabled and (tool.details or {}).get("gone"):
        raise Conflict(_("The source does not offer this tool any more."), code="tool_gone")
    return set_enabled(tool=tool, enabled=enabled, by=by)


def _asked(source: ToolSource) -> list[ToolDraft]:
    """What the source offers; for a document by address, also its text on the row in memory."""
    if source.kind != SourceKind.OPENAPI:
        return mcp_client.list_tools(source)
    read_from = source.url or ""
    if source.document_url:
        answer = outbound.fetch(
            "GET",
            source.document_url,
            headers={"accept": "application/json, application/yaml, */*;q=0.5"},
            max_bytes=openapi.LARGEST_DOCUMENT,
        )
        if answer.status != 200:
            message = _("The document's address answers %(status)d.")
            raise Conflict(message % {"status": answer.status}, code="no_document")
        source.document, read_from = openapi.parse(answer.text), answer.url
    document: Any = source.document
    openapi.check(document)
    server = openapi.server_of(document, given=source.url or "", read_from=urljoin(read_from, "/"))
    outbound.checked_url(server)
    drafts = list(openapi.operations(document))
    for draft in drafts:
        draft.details["server"] = server
    return drafts


# --- Checks -----------------------------------------------------------------------------------------------
def _check(source: ToolSource) -> None:
    """Raise Invalid for a source that cannot work, naming the fields."""
    try:
        source.full_clean(
            exclude=["created_by", "secrets", "command", "document"], validate_constraints=False
        )
    except ValidationError as error:
        raise Invalid(errors=error.message_dict) from error
    faults: dict[str, list[Any]] = {}
    for name in ("url", "document_url"):
        if address := getattr(source, name):
            try:
                outbound.checked_url(address)
            except Problem as problem:
                faults[name] = [problem.message]
    faults |= _faults_in_secrets(source)
    if source.kind == SourceKind.MCP_HTTP and not source.url:
        faults["url"] = [_("Give the address of the server.")]
    if source.kind == SourceKind.MCP_STDIO:
        faults |= _faults_in_command(source)
    if source.kind == SourceKind.OPENAPI and not (source.document or source.document_url):
        faults["document"] = [_("Give the document, or its address.")]
    if faults:
        raise Invalid(errors=faults)
    if source.kind == SourceKind.OPENAPI and source.document:
        openapi.check(source.document)


def _faults_in_secrets(source: ToolSource) -> dict[str, list[Any]]:
    secrets = source.secrets or {}
    form = _VARIABLE if source.kind == SourceKind.MCP_STDIO else _HEADER
    for name, value in secrets.items():
        plain = name[1:] if source.kind == SourceKind.OPENAPI and name.startswith("?") else name
        if not form.match(plain):
            return {"secrets": [_("“%(name)s” is no name for this.") % {"name": name[:100]}]}
        if not isinstance(value, str) or len(value) > LONGEST_SECRET or not value.isprintable():
            return {"secrets": [_("“%(name)s” has to be one line of text.") % {"name": name[:100]}]}
    if len(secrets) > MOST_SECRETS:
        return {"secrets": [_("At most %(most)d.") % {"most": MOST_SECRETS}]}
    return {}


def recipes() -> list[str]:
    """The names of the sandbox templates that a program may run in."""
    return list(
        SandboxTemplate.objects.filter(is_active=True).order_by("name").values_list("name", flat=True)
    )


def _faults_in_command(source: ToolSource) -> dict[str, list[Any]]:
    given = source.command
    wanted = _('A JSON object: {"argv": ["python3", "server.py"], "files": {"server.py": "…"}}.')
    if not isinstance(given, dict) or set(given) - {"argv", "files", "template"}:
        return {"command": [wanted]}
    argv, files = given.get("argv"), given.get("files") or {}
    if not isinstance(argv, list) or not argv or not all(isinstance(one, str) and one for one in argv):
        return {"command": [wanted]}
    if not isinstance(files, dict) or len(files) > MOST_FILES:
        return {"command": [wanted]}
    if (template := given.get("template")) and template not in recipes():
        said = _("There is no template “%(name)s” of sandboxes, or it is switched off.")
        return {"command": [said % {"name": str(template)[:100]}]}
    if not all(_FILE.match(name) and isinstance(text, str) for name, text in files.items()):
        return {"command": [_("Files have plain names without folders, and hold text.")]}
    if sum(map(len, [*argv, *files.values()])) > LARGEST_PROGRAM:
        return {"command": [_("At most %(most)d characters in all.") % {"most": LARGEST_PROGRAM}]}
    plain_json.check(given, field="command", max_text=LARGEST_PROGRAM * 2)
    return {}
