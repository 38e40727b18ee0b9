"""The agent when the database is away, when Redis is, and how little it asks of the database otherwise."""

import statistics
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from agi_site.lib import events
from sandbox import gateway
from sandbox.models import ExecutionCause, ExecutionStatus

from .fixtures_agent import wait_until
from .test_agent_takeover import COUNT, COUNTED

pytestmark = [pytest.mark.docker_engine]


@contextmanager
def database_away(monkeypatch):
    """For the agent's threads the database is gone; the test itself still sees the rows."""
    execute = CursorWrapper.execute

    def refuse(self, *args, **kwargs):
        if threading.current_thread().name.startswith("sandbox-"):
            raise OperationalError(2006, "Server has gone away")
        return execute(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", refuse)
        yield


def test_while_the_database_is_away_output_goes_on_and_nothing_is_lost(agent_world, monkeypatch):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, COUNT)
    wait_until(lambda: agent_world.said(row).count("\n") >= 3)
    with database_away(monkeypatch):
        time.sleep(1)
        before = agent_world.said(row).count("\n")
        time.sleep(3)
        assert agent_world.said(row).count("\n") > before
        late = agent_world.run(sandbox, "echo late")
        time.sleep(3)  # the execution ends meanwhile
        assert agent_world.status(row) == ExecutionStatus.RUNNING
    agent_world.ended(row)
    assert (row.stdout, row.exit_code) == (COUNTED, 0)
    assert agent_world.ended(late).stdout == "late\n"
    assert agent_world.said(row) == COUNTED


def test_a_flood_waits_for_the_database(agent_world, monkeypatch):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "sleep 1; seq 1 150000")
    agent_world.running(row)
    with database_away(monkeypatch):
        time.sleep(4)
    agent_world.ended(row)
    everything = "".join(f"{number}\n" for number in range(1, 150_001))
    assert row.stdout == everything[: 1 << 20]
    assert row.stdout_bytes == len(everything)


def test_an_agent_that_cannot_renew_its_lease_lets_go_and_comes_back(agent_world, monkeypatch):
    for name, seconds in (
        ("lease.LEASE_SECONDS", 4),
        ("lease.MARGIN_SECONDS", 1),
        ("agent.RENEW_SECONDS", 0.5),
        ("agent.SWEEP_SECONDS", 0.2),
    ):
        monkeypatch.setattr(f"sandbox.agent.{name}", seconds)
    sandbox = agent_world.sandbox()
    agent = agent_world.leading()
    row = agent_world.run(sandbox, "for i in $(seq 1 20); do echo $i; sleep 0.4; done")
    agent_world.running(row)
    with database_away(monkeypatch):
        wait_until(lambda: not agent.leading.is_set(), 20)
    assert agent_world.status(row) == ExecutionStatus.RUNNING
    agent_world.ended(row, 40)
    assert agent.leading.is_set()
    assert (row.cause, row.detail) == ("exit", None)
    assert row.stdout == "".join(f"{number}\n" for number in range(1, 21))
    assert row.cause == ExecutionCause.EXIT


def test_without_redis_executions_run_and_end_all_the_same(agent_world, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.ended(agent_world.run(sandbox, "echo quiet"))
    assert row.stdout == "quiet\n"


def test_a_command_costs_few_queries(agent_world, monkeypatch):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    agent_world.ended(agent_world.run(sandbox, "echo first"))
    time.sleep(1)
    asked = []
    execute = CursorWrapper.execute

    def note(self, sql, *args, **kwargs):
        if threading.current_thread().name.startswith("sandbox-db"):
            asked.append(sql)
        return execute(self, sql, *args, **kwargs)

    monkeypatch.setattr(CursorWrapper, "execute", note)
    row = agent_world.run(sandbox, "echo second")
    agent_world.ended(row)
    wait_until(lambda: agent_world.events(row, "ended"))
    about = [sql for sql in asked if "sandbox_execution" in sql]
    assert len(about) <= 3, about  # read it, take it, end it


def test_the_first_output_is_published_within_milliseconds(agent_world, monkeypatch, capsys):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    published = {}
    publish = events.publish

    def note(channel, name, data):
        published.setdefault((channel, name), time.perf_counter())
        return publish(channel, name, data)

    monkeypatch.setattr(events, "publish", note)
    took = []
    for _round in range(40):
        row = agent_world.run(sandbox, "echo hello", poke=False)
        began = time.perf_counter()
        gateway.poke(agent_world.host, execution=str(row.pk))
        key = (f"execution:{row.pk}", "output")
        wait_until(lambda key=key: key in published)
        took.append((published[key] - began) * 1000)
        agent_world.ended(row)
    took.sort()
    with capsys.disabled():
        print(f"\npoke to first output: p50 {statistics.median(took):.1f} ms, p95 {took[37]:.1f} ms")
    assert took[3] < 60  # the quiet moments of a busy machine
