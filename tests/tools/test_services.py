"""Running tools: arguments checked, every run in the ledger, no failure that escapes it."""

import json
import re
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext

from agi_site.lib import targets
from agi_site.lib.problems import Conflict, Invalid, NotFound
from system.models import Log
from tools import registry, results, services, starter
from tools.models import LEGAL_MOVES, Tool, ToolExecution, ToolExecutionStatus, ToolParameter
from tools.registry import Parameter, ToolContext, ToolFailure


def run(user: Any, name: str = "probe", **arguments: Any) -> ToolExecution:
    return services.run_tool(user=user, name=name, arguments=arguments)


def test_a_run_is_kept_with_arguments_result_and_times(alice: Any) -> None:
    starter.load()
    execution = run(alice, "calculator", expression="15% of 200")
    stored = ToolExecution.objects.get(pk=execution.pk)
    assert (stored.status, stored.error_message) == ("completed", None)
    assert stored.parameters == {"expression": "15% of 200"}
    assert stored.result == {"expression": "15% of 200", "result": "30", "value": 30}
    assert stored.user == alice
    assert stored.created_at <= stored.started_at <= stored.completed_at
    assert (execution.status, execution.result) == (stored.status, stored.result)


def test_the_ledger_has_the_run_before_it_starts(alice: Any, make_tool: Any) -> None:
    seen: list[str] = []

    def probe(call: ToolContext) -> str:
        seen.append(ToolExecution.objects.get(pk=call.execution_id).status)
        return "done"

    make_tool(probe)
    assert run(alice).result == "done"
    assert seen == ["running"]


def test_a_tool_that_refuses_fails_with_its_own_words(alice: Any) -> None:
    starter.load()
    execution = run(alice, "calculator", expression="1/0")
    assert (execution.status, execution.result) == ("failed", None)
    assert execution.error_message == "Division by zero has no result."


def test_a_tool_that_breaks_fails_without_telling_its_secrets(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        raise KeyError("password=hunter2")

    make_tool(probe)
    execution = run(alice)
    assert execution.status == "failed"
    assert "KeyError" in execution.error_message
    assert "hunter2" not in execution.error_message


@pytest.mark.parametrize("result", [{"a": object()}, {"a": float("nan")}, {1, 2}])
def test_a_result_that_is_no_json_is_a_failure(result: Any, alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: result)
    assert run(alice).status == "failed"


def test_an_unknown_tool_is_refused_before_anything_is_written(alice: Any) -> None:
    with pytest.raises(NotFound, match="no tool called"):
        run(alice, "nosuch")
    assert not ToolExecution.objects.exists()


def test_a_tool_that_is_switched_off_is_refused(alice: Any, make_tool: Any) -> None:
    services.set_enabled(tool=make_tool(lambda call: "x"), enabled=False)
    with pytest.raises(Conflict) as refusal:
        run(alice)
    assert refusal.value.code == "tool_disabled"
    assert not ToolExecution.objects.exists()


def test_a_row_without_implementation_is_refused_and_not_offered(alice: Any) -> None:
    Tool.objects.create(name="ghost")
    with pytest.raises(Conflict) as refusal:
        run(alice, "ghost")
    assert refusal.value.code == "tool_unavailable"
    assert "ghost" not in [spec.name for spec in services.specs_for(alice)]


PARAMETERS = (
    Parameter("text", "string", "Words.", required=True, schema={"minLength": 1, "maxLength": 5}),
    Parameter("count", "integer", "How many.", default=3, schema={"minimum": 1, "maximum": 9}),
    Parameter("mood", "enum", "Which.", enum=("calm", "wild")),
    Parameter("tags", "array", "Words.", schema={"items": {"type": "string"}, "maxItems": 2}),
)


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        ({}, {"text": ["This argument is required."]}),
        ({"text": 5}, {"text": ["Must be of type string."]}),
        ({"text": ""}, {"text": ["Must have at least 1 characters."]}),
        ({"text": "abcdef"}, {"text": ["Must have at most 5 characters."]}),
        ({"text": "a", "count": "3"}, {"count": ["Must be of type integer."]}),
        ({"text": "a", "count": 0}, {"count": ["Must be at least 1."]}),
        ({"text": "a", "count": 10}, {"count": ["Must be at most 9."]}),
        ({"text": "a", "mood": "sad"}, {"mood": ["Must be one of: calm, wild."]}),
        ({"text": "a", "tags": ["x", 1]}, {"tags": ["[1]: Must be of type string."]}),
        ({"text": "a", "tags": ["x"] * 3}, {"tags": ["Must have at most 2 entries."]}),
        (
            {"text": "a", "nosuch": 1},
            {"nosuch": ["There is no such argument. Known: text, count, mood, tags."]},
        ),
    ],
)
def test_an_argument_that_does_not_fit_is_named(
    arguments: dict[str, Any], faults: dict[str, list[str]], alice: Any, make_tool: Any
) -> None:
    make_tool(lambda call, **given: given, PARAMETERS)
    with pytest.raises(Invalid) as refusal:
        run(alice, **arguments)
    assert refusal.value.code == "bad_arguments"
    assert {name: sorted(map(str, found)) for name, found in refusal.value.errors.items()} == faults
    assert not ToolExecution.objects.exists()


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", float("inf"), float("nan"), 10**30, [[[[]]]] * 20_000, "x" * 200_000]
)
def test_what_a_column_cannot_hold_is_refused(value: Any, alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, **given: "x", (Parameter("value", "object", "Anything.", schema={"type": []}),))
    with pytest.raises(Invalid):
        run(alice, value=value)


def test_defaults_are_filled_in_and_kept(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, **given: given, PARAMETERS)
    assert run(alice, text="a").result == {"text": "a", "count": 3}
    assert ToolExecution.objects.get().parameters == {"text": "a", "count": 3}


def test_a_model_sees_the_schema_of_every_enabled_tool(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, **given: given, PARAMETERS)
    spec = next(spec for spec in services.specs_for(alice) if spec.name == "probe")
    assert spec.description == "Probes."
    assert spec.parameters["required"] == ["text"]
    assert spec.parameters["additionalProperties"] is False
    assert spec.parameters["properties"]["count"] == {
        "type": "integer",
        "description": "How many.",
        "minimum": 1,
        "maximum": 9,
        "default": 3,
    }
    assert spec.parameters["properties"]["mood"]["enum"] == ["calm", "wild"]


def test_specs_take_three_queries_however_many_tools(
    alice: Any, make_tool: Any, django_assert_num_queries: Any
) -> None:
    starter.load()
    make_tool(lambda call, **given: given, PARAMETERS)
    with django_assert_num_queries(3):
        assert len(services.specs_for(alice)) == len(registry.implementations())


def test_syncing_again_changes_nothing_and_keeps_what_operators_chose(db: None) -> None:
    starter.load()
    services.set_enabled(tool=Tool.objects.get(name="calculator"), enabled=False)
    before = set(ToolParameter.objects.values_list("pk", flat=True))
    starter.load()
    assert not Tool.objects.get(name="calculator").enabled
    assert set(ToolParameter.objects.values_list("pk", flat=True)) == before


def test_syncing_forgets_parameters_that_are_gone(make_tool: Any) -> None:
    make_tool(lambda call, **given: given, PARAMETERS)
    tool = make_tool(lambda call, **given: given, PARAMETERS[:1])
    assert [row.name for row in tool.parameters.all()] == ["text"]


def test_a_large_result_keeps_its_head(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: {"lines": ["기억"] * 50_000})
    result = run(alice).result
    assert result["truncated"] is True
    assert result["size"] > results.MAX_BYTES
    assert result["head"].startswith('{"lines": ["기억"')
    assert len(result["head"]) == results.HEAD_CHARACTERS
    assert results.outline(result)["lines"].endswith('"기억"]')


@pytest.mark.parametrize(
    "result",
    ["x" * 7000, {"a": "x" * 7000, "code": 0}, {"rows": [1] * 9000}, {str(n): "y" * 90 for n in range(900)}],
)
def test_a_shortened_result_says_how_much_is_left_out(result: Any) -> None:
    kept = results.shortened(result)
    said = kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False)
    assert len(said) <= results.EXCERPT_CHARACTERS
    whole, text = result, kept
    if isinstance(kept, dict):
        name = next(name for name, value in kept.items() if value != result[name])
        whole, text = result[name], kept[name]
    whole = whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)
    begin, note, end = re.split(r"\n… (\d+) characters left out …\n", text)
    assert (whole.startswith(begin), whole.endswith(end)) == (True, True)
    assert len(begin) + int(note) + len(end) == len(whole)


@pytest.mark.parametrize("text", ["a\ud800b", "a\0b", "🙂 기억"])
def test_odd_text_in_a_result_is_stored(text: str, alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: {"text": text})
    execution = run(alice)
    assert execution.status == "completed"
    assert ToolExecution.objects.get().result == execution.result


def test_messages_come_in_the_callers_language(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        raise ToolFailure(call.language)

    make_tool(probe)
    execution = services.run_tool(user=alice, name="probe", arguments={}, language="ko")
    assert execution.error_message == "ko"


@pytest.mark.django_db(transaction=True)
def test_a_tool_that_takes_too_long_is_given_up(alice: Any, make_tool: Any) -> None:
    told = threading.Event()

    def probe(call: ToolContext) -> str:
        while not call.cancelled():
            time.sleep(0.01)
        told.set()
        return "too late"

    make_tool(probe, timeout=0.2)
    execution = run(alice)
    assert execution.status == "failed"
    assert "longer than 0.2 seconds" in execution.error_message
    assert told.wait(5)
    assert ToolExecution.objects.get().result is None


@pytest.mark.django_db(transaction=True)
def test_a_person_can_stop_a_running_tool(alice: Any, make_tool: Any) -> None:
    stop = threading.Event()
    make_tool(lambda call: stop.set() or time.sleep(1) or "x")
    execution = services.run_tool(user=alice, name="probe", arguments={}, stopped=stop.is_set)
    assert (execution.status, execution.error_message) == ("failed", "The tool was stopped.")


@pytest.mark.django_db(transaction=True)
def test_a_tool_in_its_own_thread_reads_the_database(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: str(Tool.objects.filter(name="probe").count()))
    assert run(alice).result == "1"


@pytest.mark.django_db(transaction=True)
def test_a_tool_in_its_own_thread_speaks_the_callers_language(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: gettext("Conversation"))
    execution = services.run_tool(user=alice, name="probe", arguments={}, language="ko")
    assert execution.result == "대화"


def test_what_asked_for_a_run_is_kept_and_has_to_be_ones_own(
    alice: Any, bob: Any, make_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(targets._registry, "message", lambda: ToolExecution)
    make_tool(lambda call: call.conversation_id or "none")
    first = run(alice)
    again = services.run_tool(user=alice, name="probe", arguments={}, message_id=first.pk)
    assert (again.trigger_type, again.trigger_id) == ("message", first.pk)
    with pytest.raises(NotFound):
        services.run_tool(user=bob, name="probe", arguments={}, message_id=first.pk)


def test_an_execution_moves_only_forwards(alice: Any) -> None:
    tool = Tool.objects.create(name="probe")
    for state in ToolExecutionStatus.values:
        for target in ToolExecutionStatus.values:
            row = ToolExecution.objects.create(tool=tool, user=alice, status=state)
            assert ToolExecution.objects.move(pk=row.pk, to=target) == (target in LEGAL_MOVES[state])


def test_what_a_dead_process_left_open_is_closed(alice: Any) -> None:
    tool = Tool.objects.create(name="probe")
    long_ago = timezone.now() - timedelta(hours=1)
    dead = ToolExecution.objects.create(tool=tool, user=alice, status="running", created_at=long_ago)
    young = ToolExecution.objects.create(tool=tool, user=alice, status="running")
    done = ToolExecution.objects.create(tool=tool, user=alice, status="completed", created_at=long_ago)
    assert services.close_abandoned() == 1
    states = {row.pk: row.status for row in ToolExecution.objects.all()}
    assert states == {dead.pk: "failed", young.pk: "running", done.pk: "completed"}


def test_a_repetition_that_is_refused_leaves_no_line_in_the_audit(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        raise ToolFailure("No.")

    tool = make_tool(probe)
    first = run(alice)
    services.set_enabled(tool=tool, enabled=False)
    with pytest.raises(Conflict):
        services.repeat_execution(execution=first, by=alice)
    assert not Log.objects.filter(message__contains="was repeated").exists()


def test_of_a_person_who_is_gone_no_words_results_or_files_stay(alice: Any, bob: Any, make_tool: Any) -> None:
    text = (Parameter("text", "string", "A text.", default="x"),)
    tool = make_tool(lambda call, *, text: text * 70_000, text)
    done, kept = run(alice, text="a"), run(bob, text="b")
    waiting = services.start_tool(user=alice, name="probe", arguments={}, idempotency_key="mine")
    later = ToolExecution.objects.create(
        tool=tool, user=alice, status="running", awaits_type="plan_execution"
    )
    alice.delete()
    assert default_storage.exists(done.result_file)
    assert services.forget_the_gone() == 3
    assert services.forget_the_gone() == 0
    assert not default_storage.exists(done.result_file)
    for row in ToolExecution.objects.filter(pk__in=[done.pk, waiting.pk, later.pk]):
        assert row.tool == tool
        assert (row.parameters, row.result, row.result_file, row.error_message) == (None, None, "", None)
        assert (row.status, row.error_code) in {("completed", ""), ("failed", "account_closed")}
    kept.refresh_from_db()
    assert (kept.parameters, default_storage.exists(kept.result_file)) == ({"text": "b"}, True)
