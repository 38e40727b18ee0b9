"""Something run in a sandbox of its own: one call makes it, runs, and deletes it when that has ended."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..models import ONCE, SandboxExecution, SandboxTemplate
from ..policy.limits import read_limits
from .executions import run_cell, run_command
from .sandboxes import create_sandbox
from .templates import defaults_of

# Its host's agent deletes it. Where that dies between, it is gone so long after the execution's time.
LEFT_SECONDS = 120
PYTHON = "python"  # among a template's languages, where it names any


def run_once(
    *,
    owner: Any,
    template: SandboxTemplate,
    code: str = "",
    command: str = "",
    stdin: str = "",
    limits: Mapping[str, Any] | None = None,
    security: Mapping[str, Any] | None = None,
    **given: Any,
) -> SandboxExecution:
    """Run Python code or a shell command (one of both) in a fresh sandbox of `template`, which then goes.

    `given` is what `run_cell` and `run_command` take: working_dir, env, timeout, output_limit. The sandbox
    and the execution are stored together or not at all; raises what making and running one raise.
    """
    if bool(code) == bool(command):
        raise Invalid(errors={"code": [_("Give either code or a command.")]})
    if code and stdin:
        raise Invalid(errors={"stdin": [_("Only a command reads what is typed.")]})
    languages = (template.config or {}).get("languages")
    if code and languages and PYTHON not in languages:
        fault = _("The template “%(name)s” has no Python. Choose one that has, or give a command.")
        raise Invalid(errors={"code": [fault % {"name": template.name}]})
    seconds = read_limits(limits, base=defaults_of(template).limits).execution_timeout
    begun: list[SandboxExecution] = []

    def then(sandbox: Any) -> None:
        sandbox.live_executions = 0
        if code:
            row = run_cell(sandbox=sandbox, by=owner, code=code, **given)
        else:
            row = run_command(sandbox=sandbox, by=owner, command=command, stdin=stdin, **given)
        begun[:] = [row]

    create_sandbox(
        owner=owner,
        template=template,
        limits=limits,
        security=security,
        expires_in=seconds + LEFT_SECONDS,
        origin=(ONCE, ""),
        then=then,
    )
    return begun[0]
