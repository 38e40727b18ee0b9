"""Tools from an MCP server that is a program in a real sandbox, spoken to over its input and output."""

from pathlib import Path
from typing import Any

import pytest

from agi_site.lib import events
from sandbox.models import Sandbox, SandboxExecution, SandboxImage, SandboxTemplate
from tools import scripts
from tools import services as tools
from tools.models import PolicyEffect, ToolExecution, ToolPolicy
from tools.sources import services

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]
SAY = """python3 -c 'import json, os, sys
said = {"in": json.load(sys.stdin), "n": os.environ["ARG_N"], "env": os.environ["ARG_TEXT"]}
print(json.dumps(said))'
ls /workspace >&2
"""
PROGRAM = Path(__file__).with_name("plain_mcp_program.py").read_text()


@pytest.fixture
def sandboxes(real: Any) -> Any:
    """Real sandboxes with Python."""
    SandboxImage.objects.get_or_create(name="agi-sandbox-python")
    real.recipe = SandboxTemplate.objects.create(
        name="Python", image_name="agi-sandbox-python", resource_config={"disk_limit": 64 << 20}
    )
    real.fill(1)
    real.recipe.config |= {"languages": ["python"]}
    real.recipe.save()
    return real


def call(tool: Any, user: Any, **arguments: Any) -> ToolExecution:
    ToolPolicy.objects.get_or_create(tool=tool, effect=PolicyEffect.ALLOW)
    return tools.run_tool(user=user, name=tool.name, arguments=arguments)


def test_a_program_in_a_sandbox_offers_its_tools_and_answers_calls(
    sandboxes: Any, operator: Any, alice: Any
) -> None:
    named = SandboxTemplate.objects.create(
        name="For tools", image_name="agi-sandbox-python", resource_config={"disk_limit": 64 << 20}
    )
    source = services.add_source(
        by=operator,
        name="plain",
        kind="mcp_stdio",
        command={
            "argv": ["python3", "server.py"],
            "files": {"server.py": PROGRAM},
            "template": named.name,
        },
        secrets={"API_KEY": "a very secret key"},
    )
    services.sync_source(source_id=source.pk)
    source.refresh_from_db()
    assert source.error_message is None
    rows = {row.remote_name: row for row in source.tools.all()}
    assert set(rows) == {"word_count", "where", "crash"}
    for row in rows.values():
        services.switch_tool(source=source, tool_id=row.pk, enabled=True, by=operator)

    counted = call(rows["word_count"], alice, text="하나 둘 셋")
    assert (counted.status, counted.error_message) == ("completed", None)
    assert counted.result["text"] == "3"
    said = [
        event.data["text"] for event in events.read(f"tool-execution:{counted.pk}") if event.name == "output"
    ]
    assert "half" in "".join(said)
    assert "key=17" in call(rows["where"], alice).result["text"]
    # the sandbox and its secrets are the operator's: Alice sees nothing of it
    made = Sandbox.objects.get(origin_type="tool_source")
    assert (made.user, made.template) == (operator, named)
    assert not Sandbox.objects.for_user(alice).filter(origin_type="tool_source").exists()

    crashed = call(rows["crash"], alice)
    assert crashed.status == "failed"
    assert "out of cheese" in crashed.error_message
    assert not SandboxExecution.objects.exclude(status="ended").filter(sandbox__user=operator).exists()


def test_a_script_gets_its_arguments_and_never_as_shell_text(
    sandboxes: Any, operator: Any, alice: Any
) -> None:
    evil = '"; touch /workspace/owned; echo "$(touch /workspace/owned)`touch /workspace/owned`\n$HOME'
    schema = {"properties": {"text": {"type": "string"}, "n": {"type": "integer"}}, "required": ["text"]}
    bash = scripts.create_script(
        by=operator,
        name="say",
        parameters=schema,
        script=SAY,
    )
    done = call(bash, alice, text=evil, n=7)
    assert (done.status, done.error_message) == ("completed", None)
    assert done.result["output"] == {"in": {"text": evil, "n": 7}, "n": "7", "env": evil}
    assert "owned" not in done.result["stderr"]

    python = scripts.create_script(
        by=operator, name="broken_script", interpreter="python", script="import sys; sys.exit('그만')"
    )
    failed = call(python, alice)
    assert failed.status == "failed"
    assert "그만" in failed.error_message
    assert Sandbox.objects.get().user == alice
