"""Code of a conversation, run by a person in the conversation's sandbox."""

from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid
from sandbox import services as sandboxes
from sandbox.models import SandboxExecution

from ..models import Conversation

LONGEST_CODE = 100_000
PYTHON = frozenset({"python", "python3", "py"})
SHELL = frozenset({"bash", "sh", "shell", "zsh"})
SECONDS = 300


def run_code(*, conversation: Conversation, by: Any, code: str, language: str) -> SandboxExecution:
    """Queue code in the sandbox of the conversation, which is made at the first use.

    Python cells share their variables with those the assistant runs. Raises Invalid, and what making a
    sandbox raises (a quota, no Docker engine).
    """
    code, language = code.strip("\n"), language.strip().lower()
    if not code.strip() or len(code) > LONGEST_CODE:
        message = _("Give between 1 and %(most)d characters of code.")
        raise Invalid(message % {"most": LONGEST_CODE}, errors={"code": [message % {"most": LONGEST_CODE}]})
    if language not in PYTHON | SHELL:
        message = _("Only Python and shell commands can be run here.")
        raise Invalid(message, errors={"language": [message]})
    sandbox = sandboxes.sandbox_of(
        owner=by, origin=("conversation", str(conversation.pk)), name=(conversation.title or "")[:100]
    )
    if language in PYTHON:
        return sandboxes.run_cell(sandbox=sandbox, by=by, code=code, session="chat", timeout=SECONDS)
    return sandboxes.run_command(sandbox=sandbox, by=by, command=code, timeout=SECONDS)
