"""Tools from a real MCP server process over streamable HTTP: read, switched on one by one, called, lost."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agi_site.lib.problems import Conflict, Invalid
from tests.infra.processes import free_ports, running, status_of, wait_until
from tools import services as tools
from tools.models import PolicyEffect, Tool, ToolExecution, ToolPolicy, ToolSource
from tools.services import stops
from tools.sources import services

PROGRAM = Path(__file__).with_name("mcp_program.py")
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports()


@contextmanager
def serving(port: int, folder: Path, stage: str) -> Iterator[str]:
    import os

    command = [sys.executable, str(PROGRAM), str(port), stage]
    with running(command, dict(os.environ), folder / f"{stage}.log"):
        url = f"http://127.0.0.1:{port}/mcp"
        wait_until(lambda: status_of(url) != 0, 60)
        yield url


@pytest.fixture(scope="module")
def server(port: int, tmp_path_factory: Any) -> Iterator[str]:
    """The address of the running server."""
    with serving(port, tmp_path_factory.mktemp("mcp"), "first") as url:
        yield url


@pytest.fixture
def source(server: str, operator: Any, settings: Any, run_tasks: Any) -> ToolSource:
    """The server as an operator added it, and what it offers."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    added = services.add_source(
        by=operator, name="weather", kind="mcp_http", url=server, secrets={"Authorization": "Bearer s3cret"}
    )
    run_tasks()
    added.refresh_from_db()
    assert added.error_message is None
    return added


@pytest.fixture
def call(source: ToolSource, alice: Any, operator: Any) -> Callable[..., ToolExecution]:
    """`call("add", a=1)` switches a tool on, allows it, and runs it for Alice."""

    def run(name: str, timeout: float | None = None, **arguments: Any) -> ToolExecution:
        tool = source.tools.get(remote_name=name)
        services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
        ToolPolicy.objects.get_or_create(tool=tool, effect=PolicyEffect.ALLOW)
        return tools.run_tool(user=alice, name=tool.name, arguments=arguments, timeout=timeout)

    return run


def test_its_tools_come_as_rows_that_are_off_with_their_parameters(source: ToolSource, alice: Any) -> None:
    rows = {row.remote_name: row for row in source.tools.with_parameters()}

    assert set(rows) == {"add", "about", "slow", "broken", "endless", "headers", "passing"}
    assert not any(row.enabled for row in rows.values())
    assert rows["add"].name == "weather_add"
    assert {p.name: (p.type, p.required) for p in rows["add"].parameters.all()} == {
        "a": ("integer", True),
        "b": ("integer", False),
    }
    place = rows["about"].parameters.get(name="place")
    assert place.schema["properties"]["city"]["type"] == "string"  # the reference is resolved
    assert [spec.name for spec in tools.specs_for(alice) if spec.name.startswith("weather_")] == []


def test_a_call_goes_through_policy_and_ledger_and_gives_the_answer(call: Any, alice: Any) -> None:
    done = call("add", a=2, b=40)

    assert (done.status, done.error_message) == ("completed", None)
    assert done.result["text"] == "42"
    assert call("about", place={"city": "Seoul", "tags": ["a", "b"]}).result["structured"]["count"] == 2
    assert call("headers").result["text"] == "Bearer s3cret"


def test_without_a_rule_an_imported_tool_asks_first(source: ToolSource, alice: Any, operator: Any) -> None:
    tool = source.tools.get(remote_name="add")
    services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
    waiting = tools.run_tool(user=alice, name=tool.name, arguments={"a": 1})
    assert waiting.status == "pending"
    assert waiting.approval.status == "pending"


def test_arguments_are_checked_against_what_the_server_said(call: Any) -> None:
    with pytest.raises(Invalid) as refused:
        call("about", place={"tags": []})
    assert list(refused.value.errors) == ["place"]


def test_an_error_of_the_server_is_told(call: Any) -> None:
    failed = call("broken")
    assert (failed.status, failed.error_code) == ("failed", "failed")
    assert "sky is falling" in failed.error_message


def test_progress_is_heard_while_it_runs(
    source: ToolSource, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agi_site.lib import events

    done = call("slow", steps=3)
    assert done.result["text"] == "done"
    said = "".join(
        event.data["text"] for event in events.read(f"tool-execution:{done.pk}") if event.name == "output"
    )
    assert "step 3" in said


def test_the_ledger_is_looked_at_from_within_the_event_loop(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)  # which the browser's tests set
    monkeypatch.setattr(stops, "LOOK_SECONDS", 0.0)  # as whoever comes first does each second
    done = call("slow", steps=10)
    assert (done.status, done.error_message) == ("completed", None)


def test_a_call_without_an_end_ends_with_its_time(call: Any) -> None:
    began = time.monotonic()
    failed = call("endless", timeout=2)
    assert failed.status == "failed"
    assert time.monotonic() - began < 15


def test_a_call_is_stopped_in_mid_run(source: ToolSource, call: Any, alice: Any, operator: Any) -> None:
    call("add", a=1)
    tool = source.tools.get(remote_name="endless")
    services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
    ToolPolicy.objects.create(tool=tool, effect=PolicyEffect.ALLOW)
    stop = threading.Event()
    threading.Timer(0.7, stop.set).start()
    began = time.monotonic()
    ended = tools.run_tool(user=alice, name=tool.name, arguments={}, stopped=stop.is_set)
    assert ended.status == "failed"
    assert time.monotonic() - began < 10


def test_what_changed_is_switched_off_and_what_is_gone_too(
    source: ToolSource, operator: Any, run_tasks: Any, tmp_path: Path
) -> None:
    for name in ("add", "about", "passing"):
        tool = source.tools.get(remote_name=name)
        services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
    other = free_ports()
    later: AbstractContextManager[str] = serving(other, tmp_path, "second")
    with later as url:
        services.change_source(source=source, by=operator, url=url)
        run_tasks()
    rows = {row.remote_name: row for row in Tool.objects.filter(source=source)}
    assert rows["about"].enabled
    assert not rows["add"].enabled  # it says something else of itself
    assert "sends them away" in rows["add"].description
    assert not rows["passing"].enabled
    with pytest.raises(Conflict):
        services.switch_tool(source=source, tool_id=rows["passing"].pk, enabled=True, by=operator)


def test_a_server_that_is_away_says_so_at_the_source_and_at_the_call(
    source: ToolSource, call: Any, operator: Any, run_tasks: Any
) -> None:
    call("add", a=1)
    services.change_source(source=source, by=operator, url="http://127.0.0.1:1/mcp")
    run_tasks()
    source.refresh_from_db()
    assert source.error_message
    assert source.tools.get(remote_name="add").enabled  # nothing is known of its tools
    failed = call("add", a=1)
    assert failed.status == "failed"
    assert failed.error_message


def test_private_servers_are_refused_where_the_setting_does_not_name_them(
    source: ToolSource, call: Any, settings: Any
) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []
    failed = call("add", a=1)
    assert "OUTBOUND_PRIVATE_HOSTS" in failed.error_message


def test_a_source_that_is_switched_off_runs_nothing(source: ToolSource, call: Any, operator: Any) -> None:
    services.change_source(source=source, by=operator, enabled=False)
    assert call("add", a=1).status == "failed"


def test_a_removed_source_leaves_the_ledger_whole(source: ToolSource, call: Any, operator: Any) -> None:
    done = call("add", a=1)
    services.remove_source(source=source, by=operator)
    assert ToolExecution.objects.get(pk=done.pk).tool.enabled is False
    assert Tool.objects.filter(name__startswith="weather_").count() == 1
