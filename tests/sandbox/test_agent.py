"""The agent with real containers: executions from their rows to their ends, and everything that gets in between."""

import time

import pytest

from sandbox import gateway
from sandbox.models import ExecutionCause, ExecutionKind, ExecutionStatus, SandboxExecution

from .fixtures_agent import wait_until

pytestmark = [pytest.mark.docker_engine]


def test_a_command_runs_and_its_readers_and_its_row_get_the_same(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "echo out; echo err >&2; echo 안녕; exit 3")
    agent_world.ended(row)
    assert (row.status, row.cause, row.exit_code) == (ExecutionStatus.ENDED, ExecutionCause.EXIT, 3)
    assert (row.stdout, row.stderr) == ("out\n안녕\n", "err\n")
    assert (row.stdout_bytes, row.stderr_bytes) == (11, 4)
    assert row.resource_usage["wall_seconds"] > 0
    assert row.started_at >= row.submitted_at
    wait_until(lambda: agent_world.events(row, "ended"))
    assert [event.name for event in agent_world.events(row)][0] == "started"
    assert [event.name for event in agent_world.events(row)][-1] == "ended"
    assert agent_world.said(row) == row.stdout
    assert agent_world.said(row, "stderr") == row.stderr
    assert agent_world.events(row, "ended")[0].data["exit_code"] == 3
    sandbox.refresh_from_db()
    assert sandbox.last_active is not None


def test_a_lost_poke_is_made_up_for_by_the_sweep(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "echo found", poke=False)
    assert agent_world.ended(row, 5).stdout == "found\n"
