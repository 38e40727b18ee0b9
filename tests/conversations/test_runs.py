"""Code blocks of a conversation, run in its sandbox from the page."""

from typing import Any

import pytest

from conversations import services
from conversations.models import Conversation
from sandbox.models import Sandbox, SandboxExecution

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(filled: Any, recipe: Any, alice: Any) -> Conversation:
    """Alice's conversation, on a site whose pool waits and whose template offers Python."""
    recipe.config = (recipe.config or {}) | {"languages": ["python"]}
    recipe.save()
    return services.start_conversation(owner=alice)


def run(client: Any, talk: Conversation, **given: str) -> Any:
    return client.post(f"/conversations/{talk.pk}/runs/", given, headers={"HX-Request": "true"})


def test_a_code_block_runs_in_the_conversation_s_sandbox(
    alice: Any, client_of: Any, talk: Conversation
) -> None:
    answer = run(client_of(alice), talk, code="print(1)", language="python")
    execution = SandboxExecution.objects.get()
    assert answer.status_code == 202
    assert f"/events/sandbox-executions/{execution.pk}/" in answer.text
    assert (execution.kind, execution.command, execution.python_session) == ("cell", "print(1)", "chat")
    run(client_of(alice), talk, code="ls", language="sh")
    assert Sandbox.objects.get().origin_id == talk.pk
    assert SandboxExecution.objects.filter(kind="command", command="ls").exists()


@pytest.mark.parametrize(
    ("code", "language"), [("", "python"), ("   ", "sh"), ("x" * 100_001, "python"), ("class A {}", "java")]
)
def test_what_cannot_be_run_is_refused_with_a_sentence(
    alice: Any, client_of: Any, talk: Conversation, code: str, language: str
) -> None:
    answer = run(client_of(alice), talk, code=code, language=language)
    assert answer.status_code == 400
    assert answer.headers["X-Problem"]
    assert not Sandbox.objects.exists()


def test_a_run_belongs_to_its_person_and_its_conversation(
    alice: Any, bob: Any, client_of: Any, talk: Conversation
) -> None:
    run(client_of(alice), talk, code="print(1)", language="python")
    card = f"/conversations/{talk.pk}/runs/{SandboxExecution.objects.get().pk}/"
    assert client_of(alice).get(card).status_code == 200
    assert client_of(bob).get(card).status_code == 404
    assert client_of(bob).post(card + "stop/").status_code == 404
    assert run(client_of(bob), talk, code="print(1)", language="python").status_code == 404
    other = services.start_conversation(owner=alice)
    assert client_of(alice).get(card.replace(str(talk.pk), str(other.pk))).status_code == 404


def test_a_run_can_be_stopped(alice: Any, client_of: Any, talk: Conversation) -> None:
    run(client_of(alice), talk, code="while True: pass", language="python")
    execution = SandboxExecution.objects.get()
    client_of(alice).post(
        f"/conversations/{talk.pk}/runs/{execution.pk}/stop/", headers={"HX-Request": "true"}
    )
    execution.refresh_from_db()
    assert execution.cancel_requested_at or execution.cause == "cancelled"


def test_the_button_stands_only_on_code_that_can_be_run() -> None:
    from agi_site.lib.markdown import render

    assert 'data-run="python"' in render("```python\nprint(1)\n```")
    assert "data-run" not in render("```java\nclass A {}\n```")
    assert "data-run" not in render("```\nplain\n```")
