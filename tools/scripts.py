"""Script tools: a bash or Python script that an operator wrote, run in the sandbox of whoever calls it.

What the caller gives never becomes part of the script or of a shell's text: the script is laid into a file,
and the arguments come as JSON on its input and as environment variables `ARG_<NAME>`.
"""

import base64
import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Conflict, Invalid
from sandbox import services as sandboxes
from system.services import audit

from .builtin.code import run_in_sandbox, seconds_left
from .models import ExecEnv, Tool, ToolKind, ToolParameter
from .registry import Implementation, Result, ToolContext, ToolFailure, resolver
from .sources.drafts import parameters_of
from .sources.rows import parameter_row

INTERPRETERS = {"bash": ("bash", "sh"), "python": ("python3", "py")}
LONGEST_SCRIPT = 200_000
LONGEST_VARIABLE = 30_000  # the kernel takes 128 KiB for one; longer ones come by the input only
TIMEOUT_SECONDS = 120.0
_NAME = re.compile(r"[a-z][a-z0-9_]{1,63}\Z")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


@transaction.atomic
def create_script(
    *,
    by: Any,
    name: str,
    script: str,
    interpreter: str = "bash",
    description: str = "",
    parameters: dict[str, Any] | None = None,
    timeout_seconds: int | None = None,
) -> Tool:
    """Store a script as a tool; `parameters` is the JSON Schema object of its arguments. Raises Invalid.

    It is switched on: whoever may add one has just written it.
    """
    faults = _faults(name=name, script=script, interpreter=interpreter, parameters=parameters)
    if "name" not in faults and Tool.objects.filter(name=name).exists():
        faults["name"] = [_("There is a tool of this name already.")]
    if faults:
        raise Invalid(errors=faults)
    tool: Tool = Tool.objects.create(
        name=name,
        description=description[:4000],
        category="script",
        version="1",
        kind=ToolKind.SCRIPT,
        exec_env=ExecEnv.SANDBOX,
        script=script,
        interpreter=interpreter,
        timeout_seconds=timeout_seconds,
    )
    _store_parameters(tool, parameters)
    audit(component="tools", message=f"script tool {name} was added", by=by)
    return tool


@transaction.atomic
def change_script(*, tool: Tool, by: Any, **values: Any) -> Tool:
    """Change `script`, `interpreter`, `description` or `parameters`; the version counts up."""
    if tool.kind != ToolKind.SCRIPT:
        raise Conflict(_("Only scripts can be changed like this."), code="not_a_script")
    parameters = values.pop("parameters", None)
    faults = _faults(
        name=tool.name,
        script=values.get("script", tool.script or ""),
        interpreter=values.get("interpreter", tool.interpreter or ""),
        parameters=parameters,
    )
    if faults:
        raise Invalid(errors=faults)
    for name, value in values.items():
        setattr(tool, name, value)
    tool.version = str(int(tool.version or 0) + 1)
    tool.save()
    if parameters is not None:
        tool.parameters.all().delete()
        _store_parameters(tool, parameters)
    audit(component="tools", message=f"script tool {tool.name} was changed", by=by)
    return tool


@resolver("script")
def scripted(row: Tool) -> Implementation | None:
    """The implementation of a script's row."""
    if not row.script or row.interpreter not in INTERPRETERS:
        return None
    return Implementation(
        name=row.name,
        run=partial(_run, row.script, row.interpreter),
        description=row.description or "",
        category=row.category or "",
        exec_env="sandbox",
        version=row.version or "1",
        timeout=TIMEOUT_SECONDS,
    )


def command_line(script: str, interpreter: str) -> str:
    """The shell text that lays the script into a file and becomes it; nothing of a caller is in it."""
    program, ending = INTERPRETERS[interpreter]
    packed = base64.b64encode(script.encode()).decode()
    file = f'"$d/tool.{ending}"'
    return f"d=$(mktemp -d) && printf %s {packed} | base64 -d > {file} && exec {program} {file}"


def variables(arguments: dict[str, Any]) -> dict[str, str]:
    """The arguments as environment variables: text as it is, everything else as JSON."""
    texts = {
        f"ARG_{name.upper()}": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in arguments.items()
    }
    return {name: text for name, text in texts.items() if len(text.encode()) <= LONGEST_VARIABLE}


def _run(script: str, interpreter: str, call: ToolContext, **arguments: Any) -> Result:
    """What the script wrote; `output` is that read as JSON, where it can be. Exit codes other than 0 fail."""
    found = run_in_sandbox(call, lambda sandbox: sandboxes.run_command(
        sandbox=sandbox, by=call.user, command=command_line(script, interpreter),
        env=variables(arguments), stdin=json.dumps(arguments, ensure_ascii=False) + "\n",
        timeout=seconds_left(call),
    ))  # fmt: skip
    if found["exit_code"] != 0:
        said = (found["stderr"] or found["stdout"] or found["detail"])[-1500:]
        message = _("The script ended with %(code)s. %(said)s")
        raise ToolFailure(message % {"code": found["exit_code"], "said": said})
    try:
        return found | {"output": json.loads(found["stdout"])}
    except ValueError:
        return found


def _store_parameters(tool: Tool, parameters: dict[str, Any] | None) -> Sequence[ToolParameter]:
    rows = [parameter_row(tool, draft) for draft in parameters_of(parameters or {})]
    stored: Sequence[ToolParameter] = ToolParameter.objects.bulk_create(rows)
    return stored


def _faults(*, name: str, script: str, interpreter: str, parameters: Any) -> dict[str, list[Any]]:
    faults: dict[str, list[Any]] = {}
    if not _NAME.match(name):
        faults["name"] = [_("Small letters, digits and _; a letter first.")]
    if not script.strip() or len(script) > LONGEST_SCRIPT or plain_json.fault_in_text(script):
        faults["script"] = [_("Write a script of at most %(most)d characters.") % {"most": LONGEST_SCRIPT}]
    if interpreter not in INTERPRETERS:
        faults["interpreter"] = [_("Choose one of: %(known)s.") % {"known": ", ".join(INTERPRETERS)}]
    if parameters:
        properties = parameters.get("properties") if isinstance(parameters, dict) else None
        if not isinstance(properties, dict) or not all(_ARGUMENT.match(str(name)) for name in properties):
            faults["parameters"] = [
                _("A JSON Schema object with properties; their names are letters, digits, _.")
            ]
        else:
            plain_json.check(parameters, field="parameters")
    return faults
