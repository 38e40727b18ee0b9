"""What is forgotten is in no table and in no file: every column of every table is looked through."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.fake import FakeChat, Script
from conversations.models import Message
from knowledge import services as knowledge
from knowledge.services.memory import upkeep
from knowledge.services.traces import Traces, marks_of
from planning import services as planning
from planning.models import PlanExecution, PlanStepExecution
from planning.services import StepDraft
from system import queue
from system.models import TaskQueue
from tests.planning.conftest import make_tool
from tools.models import ToolExecution
from tools.registry import Parameter, ToolFailure
from tools.services import run_tool, sync_registry

__all__ = ["make_tool"]

pytestmark = pytest.mark.django_db(transaction=True)

ODD = ("zebrawood", "얼룩나무")
SECRET = 'Keeps "zebrawood" and 얼룩나무\nin the green tea drawer'
OTHER = "Drinks green tea from the drawer each morning"


def tables_that_tell() -> list[str]:
    """The columns, of every table, in which one of the odd words stands in some form."""
    escaped = [json.dumps(word)[1:-1] for word in ODD]
    forms = [form.encode() for form in {*ODD, *escaped, *(one.replace("\\", "\\\\") for one in escaped)}]
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    said = value if isinstance(value, bytes) else str(value).encode()
                    if any(form in said for form in forms):
                        found.append(f"{table}.{name}")
    return sorted(set(found))


def words_leave_indexes() -> None:
    """Indexes are gone through a little later, once for much that was deleted: that time has come."""
    waiting = TaskQueue.objects.filter(task_type="system.drop_terms", status="pending")
    assert waiting.update(available_at=timezone.now())
    queue.run_pending()


def files_that_tell() -> list[str]:
    words = [word.encode() for word in ODD]
    folder = Path(settings.MEDIA_ROOT) / "tool-results"
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes() for word in words)]


@pytest.fixture
def memories(alice: Any, run_tasks: Callable[..., None], make_tool: Callable[..., None]) -> list[Any]:
    def keep(_call: Any, value: str) -> dict[str, Any]:
        return {"value": value}

    def refuse(_call: Any, value: str) -> dict[str, Any]:
        raise ToolFailure(f"Not this: {value}")

    def swell(_call: Any, value: str) -> dict[str, Any]:
        return {"value": [value] * 2000}

    text = [Parameter("value", "string", "a text", required=True)]
    for name, run in (("keep", keep), ("refuse", refuse), ("swell", swell)):
        make_tool(name, run, parameters=text)
    sync_registry()
    rows = [
        knowledge.remember(owner=alice, type="semantic", content=text, gated=False)
        for text in (SECRET, OTHER)
    ]
    run_tasks()
    return rows


def test_a_forgotten_memory_is_in_no_table_after_a_conversation(
    alice: Any,
    memories: list[Any],
    chat: FakeChat,
    ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:
    chat.script(
        Script(calls=(ToolCall("1", "memory_search", {"query": "green tea drawer"}),)),
        Script(calls=(ToolCall("2", "keep", {"value": f"Note: {memories[0].content}!"}),)),
        Script(calls=(ToolCall("3", "refuse", {"value": memories[0].content}),)),
        Script(tokens=("Something [1].",)),
    )
    answer = ask("What lies in the drawer with the green tea?")
    assert answer.content == "Something [1]."
    before = tables_that_tell()
    assert {"memory.content", "message.metadata", "message.content"} < set(before)
    assert {"tool_execution.parameters", "tool_execution.result", "tool_execution.error_message"} < set(
        before
    )
    knowledge.forget_memory(memory=memories[0], by=alice)
    assert not set(tables_that_tell()) & {"memory.content", "task_queue.payload"}
    run_tasks()
    words_leave_indexes()
    assert tables_that_tell() == []
    kept = ToolExecution.objects.get(tool__name="keep")
    assert (kept.parameters, kept.result) == ({"value": "Note: […]!"}, {"value": "Note: […]!"})
    search = ToolExecution.objects.get(tool__name="memory_search").result
    assert [one["snippet"] for one in search["results"]] == [OTHER]


def test_a_forgotten_memory_is_in_no_table_after_a_run_of_a_plan(
    alice: Any, memories: list[Any], chat: FakeChat, run_tasks: Callable[..., None]
) -> None:
    inner = planning.create_plan(
        owner=alice,
        title="inner",
        steps=[StepDraft("again", kind="tool", tool_name="keep", arguments={"value": "{{ inputs.given }}"})],
    )
    first = "{{ steps.found.output.results[0].snippet }} / {{ steps.found.output.results[1].snippet }}"
    after = ("found",)
    search = {"query": "green tea drawer"}
    steps = [
        StepDraft("found", kind="tool", tool_name="memory_search", arguments=search),
        StepDraft("letter", after, kind="prompt", arguments={"prompt": "Write: {{ steps.found.output }}"}),
        StepDraft("line", after, kind="prompt", arguments={"prompt": f"In a line: {first}"}),
        StepDraft(
            "each", after, kind="tool", tool_name="keep",
            for_each="steps.found.output.results", arguments={"value": "{{ item.snippet }}"},
        ),
        StepDraft("large", after, kind="tool", tool_name="swell", arguments={"value": first}),
        StepDraft("sub", after, kind="plan", sub_plan_id=inner.pk, arguments={"given": first}),
    ]  # fmt: skip
    plan = planning.create_plan(owner=alice, title="outer", steps=steps)
    chat.script(Script(tokens=("A letter.",)), Script(tokens=("A line.",)))
    execution = planning.start_plan(plan=plan, by=alice)
    run_tasks()
    execution.refresh_from_db()
    assert execution.status == "completed", execution.error_details
    before = set(tables_that_tell())
    columns = ("input", "output", "spec")
    assert {f"plan_step_execution.{name}" for name in columns} | {"plan_execution.inputs"} < before
    assert len(files_that_tell()) == 1
    knowledge.forget_memory(memory=memories[0], by=alice)
    run_tasks()
    words_leave_indexes()
    assert tables_that_tell() == []
    assert files_that_tell() == []
    asked = PlanStepExecution.objects.get(execution=execution, key="line").input["prompt"]
    assert asked in (f"In a line: […] / {OTHER}", f"In a line: {OTHER} / […]")
    assert sorted(PlanStepExecution.objects.filter(kind="prompt").values_list("output", flat=True)) == [
        "A letter.",
        "A line.",
    ]
    swollen = ToolExecution.objects.get(tool__name="swell")
    with default_storage.open(swollen.result_file) as file:
        assert json.load(file)["value"].count(asked.removeprefix("In a line: ")) == 2000
    assert PlanExecution.objects.filter(status="completed").count() == 2


def test_everything_forgotten_is_in_no_table(
    alice: Any,
    memories: list[Any],
    chat: FakeChat,
    ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:
    chat.script(
        Script(calls=(ToolCall("1", "keep", {"value": memories[0].content}),)), Script(tokens=("Done.",))
    )
    ask("Keep what lies in the green tea drawer")
    assert "tool_execution.parameters" in tables_that_tell()
    knowledge.forget_everything(user=alice, typed=alice.username)
    run_tasks()
    words_leave_indexes()
    assert tables_that_tell() == []


def test_what_went_into_another_memory_leaves_its_own_words_in_no_table(
    alice: Any, memories: list[Any], run_tasks: Callable[..., None]
) -> None:
    run_tool(user=alice, name="keep", arguments={"value": memories[0].content})
    goes, stays = ((row.pk, row.type, row.content) for row in memories)
    assert upkeep._merge(alice.pk, stays, goes) == 1
    run_tasks()
    words_leave_indexes()
    assert tables_that_tell() == []


def test_what_another_person_has_stays(
    alice: Any, bob: Any, memories: list[Any], run_tasks: Callable[..., None]
) -> None:
    theirs = run_tool(user=bob, name="keep", arguments={"value": SECRET})
    knowledge.forget_memory(memory=memories[0], by=alice)
    run_tasks()
    theirs.refresh_from_db()
    assert theirs.result == {"value": SECRET}


def test_marks_tell_a_text_and_do_not_hold_it() -> None:
    marks = marks_of([SECRET, "I like tea", "tea"])
    assert not any(word in json.dumps(marks) + json.dumps(marks, ensure_ascii=False) for word in ODD)
    traces = Traces(["x"], json.loads(json.dumps(marks)))
    nested = {"a": [f"<{SECRET}>", json.dumps({"b": SECRET})], "c": 7, "d": None, "e": "te a"}
    assert traces.out_of(nested) == ({"a": ["<[…]>", '{"b": "[…]"}'], "c": 7, "d": None, "e": "te a"}, True)
    others = {"kind": "memory", "id": "y", "snippet": "I like tea and cake"}
    assert traces.out_of([others]) == ([others], False)
    assert traces.out_of(others | {"id": "x"}) == ({"kind": "memory", "forgotten": True}, True)


def test_what_a_search_cut_from_a_long_memory_goes_too() -> None:
    found = {"results": [{"kind": "memory", "id": "x", "snippet": "the end of a long one"}]}
    told = {"found": found, "prompt": "Say that: the end of a long one."}
    kept, gone = Traces(["x"]).out_of(told)
    assert (kept["prompt"], kept["found"]["results"], gone) == ("Say that: […].", [], True)
