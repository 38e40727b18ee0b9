"""What was forgotten while a call waited: the call does not run with what is left of its arguments."""

from typing import Any

import pytest
from django.utils import timezone

from agi_site.lib.problems import Conflict
from knowledge.services import Traces, forget_memory, remember
from knowledge.services.traces import marks_of
from system import queue
from tools import services
from tools.models import Approval, ToolExecution
from tools.registry import Parameter, ToolFailure
from tools.services import take_out_memories
from tools.services.approvals import ask

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "The spare key hangs behind the clock"
TEXT = (Parameter("text", "string", "A text.", required=True),)


@pytest.fixture
def memory(alice: Any) -> Any:
    return remember(owner=alice, type="semantic", content=SAID)


@pytest.fixture
def probe(make_tool: Any) -> Any:
    """Makes the tool with options; what it has been run with."""
    ran: list[str] = []

    def note(_call: Any, *, text: str) -> str:
        ran.append(text)
        return text

    def make(**options: Any) -> list[str]:
        make_tool(note, TEXT, **options)
        return ran

    return make


def asked(user: Any, **more: Any) -> dict[str, Any]:
    return {"user": user, "name": "probe", "arguments": {"text": f"Note: {SAID}."}, "language": "en"} | more


def take_out(memory: Any) -> None:
    """As the event of the forgetting does, before whatever waits in the queue."""
    take_out_memories(user_id=memory.user_id, traces=Traces([memory.pk], marks_of([SAID])))


def check_not_run(row: ToolExecution) -> None:
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.error_code) == ("failed", "forgotten")
    assert row.error_message == (
        "It did not run: a part of what it was given was forgotten meanwhile. Ask again without that."
    )
    assert row.parameters == {"text": "Note: […]."}


def test_what_waits_for_consent_is_called_off(alice: Any, memory: Any, probe: Any) -> None:
    ran = probe(default_effect="ask")
    row = services.run_tool(**asked(alice))
    forget_memory(memory=memory, by=alice)
    queue.run_pending()
    check_not_run(row)
    approval = Approval.objects.get(target_id=row.pk)
    assert (approval.status, approval.arguments) == ("canceled", {"text": "Note: […]."})
    assert "forgotten" in approval.note
    with pytest.raises(Conflict):
        services.approve(approval=approval, by=alice)
    queue.run_pending()
    assert ran == []


def test_what_was_agreed_to_and_has_not_begun_is_called_off(alice: Any, memory: Any, probe: Any) -> None:
    ran = probe(default_effect="ask")
    row = services.run_tool(**asked(alice))
    services.approve(approval=Approval.objects.get(target_id=row.pk), by=alice)
    take_out(memory)
    queue.run_pending()
    check_not_run(row)
    assert ran == []


def test_what_waits_for_a_worker_is_called_off(alice: Any, memory: Any, probe: Any) -> None:
    ran = probe()
    row = services.start_tool(**asked(alice))
    take_out(memory)
    queue.run_pending()
    check_not_run(row)
    assert ran == []


def test_an_attempt_whose_process_died_is_not_made_again(alice: Any, memory: Any, probe: Any) -> None:
    ran = probe(retry_safe=True)
    row = services.start_tool(**asked(alice))
    ToolExecution.objects.filter(pk=row.pk).update(status="running", attempt=1, started_at=timezone.now())
    take_out(memory)
    assert ToolExecution.objects.get(pk=row.pk).status == "running"  # it began with them whole
    services.run_execution(execution_id=row.pk)
    check_not_run(row)
    assert ran == []


def test_what_it_was_given_cannot_be_given_again(
    alice: Any, memory: Any, make_tool: Any, client_of: Any
) -> None:
    def refuse(_call: Any, *, text: str) -> str:
        raise ToolFailure("No.")

    make_tool(refuse, TEXT)
    row = services.run_tool(**asked(alice))
    page = f"/tools/executions/{row.pk}/"
    assert "Repeat as it was" in client_of(alice).get(page).content.decode()
    take_out(memory)
    row.refresh_from_db()
    with pytest.raises(Conflict) as refusal:
        services.repeat_execution(execution=row, by=alice)
    assert refusal.value.code == "arguments_forgotten"
    assert "Repeat as it was" not in client_of(alice).get(page).content.decode()


def test_another_question_that_holds_it_is_withdrawn_and_says_why(alice: Any, memory: Any) -> None:
    texts = {"holds": {"text": SAID}, "other": {"text": "Another text"}}
    questions = {
        name: ask(user=alice, target_type="plan_step_execution", target_id="1", title=name, arguments=told)
        for name, told in texts.items()
    }
    take_out(memory)
    for question in questions.values():
        question.refresh_from_db()
    assert (questions["holds"].status, questions["other"].status) == ("canceled", "pending")
    assert "forgotten" in questions["holds"].note
