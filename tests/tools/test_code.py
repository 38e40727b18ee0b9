"""Code and files in a conversation's sandbox, as tools: with a real container."""

from collections.abc import Callable
from typing import Any

import pytest

from conversations.models import Conversation
from sandbox.models import Sandbox, SandboxImage, SandboxTemplate
from tools import results, services
from tools.models import ToolExecution

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]


@pytest.fixture
def run(real: Any, alice: Any) -> Callable[..., ToolExecution]:
    """`run("python", code=…)` is the ledger's row of a tool that Alice's conversation ran."""
    SandboxImage.objects.get_or_create(name="agi-sandbox-python")
    real.recipe = SandboxTemplate.objects.create(
        name="Python",
        image_name="agi-sandbox-python",
        resource_config={"disk_limit": 64 << 20},
    )
    real.fill(1)
    real.recipe.config |= {"languages": ["python"]}
    real.recipe.save()
    services.sync_registry()
    conversation = Conversation.objects.create(user=alice, title="sums")

    def run_tool(
        name: str, *, conversation_id: str | None = conversation.pk, **arguments: Any
    ) -> ToolExecution:
        return services.run_tool(
            user=alice, name=name, arguments=arguments, conversation_id=conversation_id, language="en"
        )

    return run_tool


def test_python_keeps_its_variables_and_shares_its_files_with_the_shell(run: Any) -> None:
    first = run("python", code="x = 2 ** 100\nopen('x.txt', 'w').write(str(x))\nx")
    assert (first.status, first.error_message) == ("completed", None)
    assert "1267650600228229401496703205376" in first.result["stdout"]
    assert "633825300114114700748351602688" in run("python", code="print(x // 2)").result["stdout"]
    assert run("shell", command="cat x.txt").result["stdout"] == "1267650600228229401496703205376"
    assert run("read_file", path="x.txt").result["content"].startswith("12676")
    assert run("write_file", path="notes/a.txt", content="안녕").result["size_bytes"] == 6
    assert run("shell", command="cat notes/a.txt").result["stdout"] == "안녕"
    sandbox = Sandbox.objects.get()
    assert (sandbox.origin_type, sandbox.name) == ("conversation", "sums")


def test_what_goes_wrong_is_told_and_not_raised(run: Any) -> None:
    failed = run("python", code="1 / 0")
    assert failed.status == "completed"
    assert "ZeroDivisionError" in failed.result["stderr"]
    assert failed.result["exit_code"] == 1
    assert run("read_file", path="missing.txt").status == "failed"
    assert run("read_file", path="../etc/passwd").status == "failed"


def test_a_long_output_is_whole_in_the_result_and_its_beginning_and_end_in_the_row(run: Any) -> None:
    assert run("shell", command="seq 5000").result["stdout"] == "".join(f"{n}\n" for n in range(1, 5001))
    row = run("shell", command="seq 100000; exit 3")
    assert results.read(row.result_file)["stdout"] == "".join(f"{n}\n" for n in range(1, 100_001))
    shown = results.outline(row.result)
    assert shown["exit_code"] == 3
    assert shown["stdout"].startswith("1\n2\n")
    assert shown["stdout"].rstrip().endswith("100000")
    assert "characters left out" in shown["stdout"]
    assert len(shown["stdout"]) < 6000


def test_without_a_conversation_a_person_has_one_sandbox_for_tools(run: Any, alice: Any) -> None:
    run("shell", command="true", conversation_id=None)
    run("shell", command="true", conversation_id=None)
    assert Sandbox.objects.get().origin_id == str(alice.pk)
