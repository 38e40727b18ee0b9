"""Answers that wait for a person's word or for a plan: taken up where they stopped, no tool run twice."""

from collections.abc import Callable
from typing import Any

import pytest

from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.fake import FakeChat, Script, words
from conversations import services
from conversations.models import Conversation, Message
from conversations.settle import settle, settle_abandoned
from system.models import TaskQueue
from tools import registry
from tools import services as tools
from tools.models import Approval, Tool, ToolExecution, ToolPolicy
from tools.registry import Later, Parameter, ToolContext, tool

from .conftest import fresh, seen, streamed

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ran() -> list[str]:
    """What the tools of these tests have done."""
    return []


@pytest.fixture
def loud(ran: list[str]) -> Any:
    """Tools: `shout` asks first, `whisper` does not, `begin` waits for something else."""
    text = [Parameter("text", "string", "What.", required=True)]

    @tool("shout", category="testing", description="Shout.", parameters=text, default_effect="ask")
    def shout(call: ToolContext, *, text: str) -> dict[str, str]:
        ran.append(text)
        return {"said": text.upper()}

    @tool("whisper", category="testing", description="Whisper.", parameters=text)
    def whisper(call: ToolContext, *, text: str) -> dict[str, str]:
        ran.append(text)
        call.progress(f"({text})")
        return {"said": text.lower()}

    @tool("begin", category="testing", description="Begin.", parameters=text)
    def begin(call: ToolContext, *, text: str) -> Later:
        ran.append(text)
        return Later("testing", text)

    tools.sync_registry()
    yield
    for name in ("shout", "whisper", "begin"):
        registry.unregister(name)


def call(name: str, text: str, call_id: str = "c1") -> ToolCall:
    return ToolCall(call_id, name, {"text": text})


def approve(user: Any, **options: Any) -> None:
    for approval in Approval.objects.decidable_by(user):
        tools.approve(approval=approval, by=user, **options)


def test_an_answer_waits_for_consent_and_goes_on_after_it(
    told: None, loud: None, ran: list[str], alice: Any, chat: FakeChat, conversation: Conversation,
    ask: Callable[..., Message], run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    chat.script(Script(tokens=["Let me."], calls=[call("shout", "hey")]), Script(tokens=words("It is done.")))
    answer = ask("Shout hey")
    assert (answer.status, answer.content, answer.tools[0]["status"]) == ("waiting", "Let me.", "waiting")
    assert ran == []
    assert conversation.running_answer() == answer
    assert not TaskQueue.objects.filter(status__in=["pending", "processing"]).exists()
    assert "turn.waiting" in [name for name, _data in seen(conversation)]
    approve(alice)
    run_tasks()
    answer = fresh(answer)
    assert (answer.status, answer.content) == ("complete", "Let me.\n\nIt is done.")
    assert (answer.tools[0]["status"], answer.tools[0]["result"]) == ("completed", '{"said": "HEY"}')
    assert ran == ["hey"]
    assert streamed(conversation, answer) == answer.content
    names = [name for name, _data in seen(conversation)]
    assert "message.reset" not in names
    assert names.count("message.done") == 1
    assert {"waits", "recalled"}.isdisjoint(answer.facts)


def test_the_engine_hears_its_own_call_and_the_result_as_if_nothing_had_happened(
    loud: None, alice: Any, chat: FakeChat, ask: Callable[..., Message], run_tasks: Callable[..., None]
) -> None:
    chat.script(
        Script(tokens=["First."], calls=[call("whisper", "a", "x")]),
        Script(tokens=["Second."], calls=[call("shout", "b", "x")]),
        Script(tokens=["Done."]),
    )
    ask("Do both")
    approve(alice)
    run_tasks()
    last = chat.requests[-1].messages
    assert [message.role for message in last] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert [message.content for message in last[2:]] == [
        "First.",
        '{"said": "a"}',
        "Second.",
        '{"said": "B"}',
    ]


def test_calls_of_one_round_are_asked_for_together(
    loud: None, ran: list[str], alice: Any, chat: FakeChat, ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    calls = [call("shout", "one", "a"), call("whisper", "two", "b"), call("shout", "three", "c")]
    chat.script(Script(tokens=[], calls=calls), Script(tokens=["Done."]))
    answer = ask("Three things")
    assert [entry["status"] for entry in answer.tools] == ["waiting", "completed", "waiting"]
    first, second = Approval.objects.decidable_by(alice).order_by("pk")
    tools.approve(approval=first, by=alice)
    run_tasks()
    assert fresh(answer).status == "waiting"
    tools.reject(approval=second, by=alice, note="not that")
    run_tasks()
    answer = fresh(answer)
    assert (answer.status, answer.content, ran) == ("complete", "Done.", ["two", "one"])
    assert [entry["status"] for entry in answer.tools] == ["completed", "completed", "failed"]
    assert "not that" in chat.requests[-1].messages[-1].content


def test_edited_arguments_are_what_the_engine_and_the_card_are_told(
    loud: None, ran: list[str], alice: Any, chat: FakeChat, ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    chat.script(Script(calls=[call("shout", "rude")]), Script(tokens=["Done."]))
    answer = ask("Shout")
    approve(alice, arguments={"text": "polite"})
    run_tasks()
    entry = fresh(answer).tools[0]
    assert (entry["arguments"], entry["edited"], ran) == ({"text": "polite"}, True, ["polite"])
    assert chat.requests[-1].messages[-2].tool_calls[0].arguments == {"text": "polite"}


def test_an_answer_waits_for_what_a_tool_has_started(
    loud: None, chat: FakeChat, ask: Callable[..., Message], run_tasks: Callable[..., None]
) -> None:
    chat.script(Script(calls=[call("begin", "thing")]), Script(tokens=["It ended."]))
    answer = ask("Begin")
    assert answer.status == "waiting"
    tools.finish_execution(execution_id=answer.tools[0]["execution_id"], result={"x": 1})
    run_tasks()
    assert (fresh(answer).status, fresh(answer).content) == ("complete", "It ended.")


def test_a_worker_that_dies_after_a_tool_has_run_does_not_run_it_again(
    told: None, loud: None, ran: list[str], chat: FakeChat, conversation: Conversation,
    post: Callable[..., services.Turn], run_tasks: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Killed(BaseException):
        pass

    monkeypatch.setattr("conversations.turn.draft.SAVE_SECONDS", 0.0)
    dies = Script(tokens=words("This is lost"), delay=0.04, error=Killed())  # type: ignore[arg-type]
    chat.script(Script(tokens=["Once."], calls=[call("whisper", "once")]), dies)
    begun = post("Do it")
    with pytest.raises(Killed):
        run_tasks()
    TaskQueue.objects.filter(pk=begun.task_id).update(status="pending", worker=None, retry_count=1)
    chat.say("Here it is.")
    run_tasks()
    answer = fresh(begun.assistant_message)
    assert (answer.status, answer.content) == ("complete", "Once.\n\nHere it is.")
    assert ran == ["once"]
    assert answer.facts["drafts"] == ["\n\nThis is lost"]
    assert ToolExecution.objects.count() == 1
    assert streamed(conversation, answer) == answer.content


def test_a_worker_that_dies_before_the_end_of_a_tool_finds_its_ledger_row(
    loud: None, ran: list[str], chat: FakeChat, post: Callable[..., services.Turn],
    run_tasks: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Killed(BaseException):
        pass

    from conversations.turn import tooling

    note = tooling._note
    monkeypatch.setattr(tooling, "_note", lambda *_given: (_ for _ in ()).throw(Killed()))
    chat.script(Script(calls=[call("whisper", "once")]))
    begun = post("Do it")
    with pytest.raises(Killed):
        run_tasks()
    monkeypatch.setattr(tooling, "_note", note)
    TaskQueue.objects.filter(pk=begun.task_id).update(status="pending", worker=None, retry_count=1)
    chat.say("Done.")
    run_tasks()
    assert (fresh(begun.assistant_message).content, ran) == ("Done.", ["once"])


def test_stopping_ends_what_waits(
    told: None, loud: None, ran: list[str], alice: Any, chat: FakeChat, conversation: Conversation,
    ask: Callable[..., Message], run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    chat.script(Script(tokens=["Hm."], calls=[call("shout", "hey")]))
    answer = ask("Shout")
    services.stop_turn(conversation=conversation, by=alice)
    answer = fresh(answer)
    assert (answer.status, answer.content, answer.tools[0]["status"]) == ("stopped", "Hm.", "failed")
    assert Approval.objects.get().status == "canceled"
    assert ToolExecution.objects.get().error_code == "canceled"
    run_tasks()
    assert fresh(answer).status == "stopped"
    assert [name for name, _data in seen(conversation)].count("turn.stopped") == 1
    chat.say("Yes?")
    assert ask("Hello again").status == "complete"


def test_while_an_answer_waits_nothing_else_is_sent(
    loud: None, chat: FakeChat, ask: Callable[..., Message], post: Callable[..., services.Turn]
) -> None:
    from agi_site.lib.problems import Conflict

    chat.script(Script(calls=[call("shout", "hey")]))
    answer = ask("Shout")
    with pytest.raises(Conflict, match="Decide what it asks"):
        post("And another thing")
    assert settle_abandoned() == 0
    assert settle(fresh(answer)).status == "waiting"


def test_an_end_that_nobody_told_is_found_when_somebody_writes(
    loud: None, alice: Any, chat: FakeChat, ask: Callable[..., Message], run_tasks: Callable[..., None]
) -> None:
    chat.script(Script(calls=[call("shout", "hey")]), Script(tokens=["Done."]))
    answer = ask("Shout")
    approve(alice)
    TaskQueue.objects.filter(task_type__startswith="tool_execution.ended").delete()
    run_tasks()
    TaskQueue.objects.filter(task_type__startswith="tool_execution.ended").delete()
    if fresh(answer).status == "waiting":
        settle(fresh(answer))
        run_tasks()
    assert fresh(answer).status == "complete"


def test_a_deleted_conversation_takes_its_questions_along(
    loud: None, alice: Any, chat: FakeChat, conversation: Conversation, ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    chat.script(Script(calls=[call("shout", "hey")]))
    ask("Shout")
    services.delete_conversation(conversation=conversation, by=alice)
    run_tasks()
    assert Approval.objects.get().status == "canceled"
    assert not Conversation.objects.filter(pk=conversation.pk).exists()


def test_what_a_tool_says_while_it_runs_is_told_to_the_pages(
    told: None, loud: None, chat: FakeChat, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    chat.script(Script(calls=[call("whisper", "psst")]), Script(tokens=["Done."]))
    answer = ask("Whisper")
    told_output = [data for name, data in seen(conversation) if name == "tool.output"]
    assert told_output == [{"message_id": answer.pk, "call_id": "c1", "text": "(psst)"}]


def test_a_denied_tool_is_not_offered(loud: None, chat: FakeChat, ask: Callable[..., Message]) -> None:
    ToolPolicy.objects.create(tool=Tool.objects.get(name="shout"), effect="deny")
    ask("Shout")
    assert "shout" not in [spec.name for spec in chat.requests[-1].tools]


# --- On the page -------------------------------------------------------------
def test_the_card_asks_and_is_answered_with_a_plain_form(
    loud: None, alice: Any, bob: Any, client_of: Any, chat: FakeChat, conversation: Conversation,
    ask: Callable[..., Message], run_tasks: Callable[..., None],
) -> None:  # fmt: skip
    chat.script(Script(calls=[call("shout", "hey")]), Script(tokens=["Done."]))
    answer = ask("Shout")
    approval = Approval.objects.get()
    address = f"/conversations/{conversation.pk}/"
    page = client_of(alice).get(address).text
    assert f'action="/approvals/{approval.pk}/approve/"' in page
    assert f'action="/approvals/{approval.pk}/reject/"' in page
    assert f'name="arg-{approval.pk}-text"' in page
    assert f"/events/tool-executions/{answer.tools[0]['execution_id']}/" in page
    assert client_of(bob).post(f"/approvals/{approval.pk}/approve/").status_code == 404
    client_of(alice).post(f"/approvals/{approval.pk}/approve/", {"next": address})
    run_tasks()
    part = client_of(alice).get(f"{address}messages/{answer.pk}/", headers=HTMX).text
    assert "Done." in part
    assert "approve/" not in part


def test_a_waiting_answer_costs_a_bounded_number_of_queries(
    loud: None, alice: Any, client_of: Any, chat: FakeChat, conversation: Conversation,
    ask: Callable[..., Message], django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    chat.script(Script(calls=[call("shout", "hey")]))
    ask("Shout")
    client = client_of(alice)
    client.get(f"/conversations/{conversation.pk}/")
    with django_assert_max_num_queries(18):
        client.get(f"/conversations/{conversation.pk}/")
