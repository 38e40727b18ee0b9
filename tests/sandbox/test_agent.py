"""The agent with real containers: executions from their rows to their ends, whatever gets in between."""

import time
from pathlib import Path

import pytest

from sandbox import gateway
from sandbox.agent import executions
from sandbox.lifecycle import trail
from sandbox.models import ExecutionCause, ExecutionKind, ExecutionStatus, Sandbox, SandboxExecution
from system.models import TaskQueue

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
    names = [event.name for event in agent_world.events(row)]
    assert (names[0], names[-1]) == ("started", "ended")
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


# --- Kinds of executions, input, limits -----------------------------------------------------------------
def test_stdin_is_given_at_once_and_later(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    once = agent_world.run(sandbox, "wc -c", stdin="x" * 300_000)
    assert agent_world.ended(once).stdout.strip() == "300000"
    later = agent_world.run(sandbox, "while read line; do echo got $line; done", stdin_open=True)
    gateway.send_input(later, b"one\n")
    wait_until(lambda: agent_world.said(later) == "got one\n")
    gateway.send_input(later, b"two\n", eof=True)
    assert agent_world.ended(later).stdout == "got one\ngot two\n"


def test_variables_and_directory_are_those_of_the_sandbox_and_the_execution(agent_world):
    sandbox = agent_world.sandbox(env={"A": "of the sandbox", "B": "b"})
    agent_world.leading()
    row = agent_world.run(sandbox, "echo $A, $B; pwd", environment={"A": "a"}, working_dir="/tmp")
    assert agent_world.ended(row).stdout == "a, b\n/tmp\n"


def test_a_cancelled_command_ends_with_its_children(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "setsid sleep 77 & sleep 78 & echo there; wait")
    wait_until(lambda: agent_world.said(row))
    agent_world.cancel(row)
    gateway.poke(agent_world.host, execution=str(row.pk))
    agent_world.ended(row)
    assert (row.cause, row.stdout) == (ExecutionCause.CANCELLED, "there\n")
    look = agent_world.ended(agent_world.run(sandbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
    assert "sleep 7" not in look.stdout


def test_a_cancelled_one_that_waits_does_not_start(agent_world):
    sandbox = agent_world.sandbox()
    row = agent_world.run(sandbox, "touch started; echo no", poke=False)
    agent_world.cancel(row)
    agent_world.leading()
    agent_world.ended(row)
    assert (row.cause, row.stdout, row.started_at) == (ExecutionCause.CANCELLED, None, None)


def test_time_and_output_have_limits(agent_world):
    sandbox = agent_world.sandbox(limits={"output_limit": 50_000})
    agent_world.leading()
    late = agent_world.run(sandbox, "echo begun; sleep 60", timeout=1)
    much = agent_world.run(sandbox, "yes")
    assert agent_world.ended(late).cause == ExecutionCause.TIMEOUT
    assert late.stdout == "begun\n"
    assert agent_world.ended(much).cause == ExecutionCause.OUTPUT_LIMIT
    assert (much.stdout_bytes, len(much.stdout)) == (50_000, 50_000)


def test_what_cannot_be_started_says_why(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.ended(agent_world.run(sandbox, "echo no", working_dir="/nowhere"))
    assert row.cause == ExecutionCause.ERROR
    assert row.detail


def test_secrets_do_not_show(agent_world):
    sandbox = agent_world.sandbox(env={"TOKEN": "s3cr3t-of-the-sandbox", "SHORT": "abc"})
    agent_world.leading()
    row = agent_world.run(
        sandbox,
        "printf 'my s3cr3t-of-'; sleep 0.3; printf \"the-sandbox, $MINE $SHORT\\n\"; echo $TOKEN >&2",
        environment={"MINE": "another-secret"},
    )
    agent_world.ended(row)
    assert (row.stdout, row.stderr) == ("my ••••••••, •••••••• abc\n", "••••••••\n")
    assert agent_world.said(row) == row.stdout
    # the counts are those of what the program said
    assert row.stdout_bytes == len("my s3cr3t-of-the-sandbox, another-secret abc\n")


def test_more_than_is_kept_is_counted_and_memory_stays_flat(agent_world):
    sandbox = agent_world.sandbox(limits={"output_limit": 200 << 20})
    agent_world.leading()

    def memory():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    agent_world.ended(agent_world.run(sandbox, "head -c 3000000 /dev/zero | tr '\\0' x"))
    before, most = memory(), 0
    row = agent_world.run(sandbox, "head -c 100000000 /dev/zero | tr '\\0' y")
    deadline = time.monotonic() + 60
    while agent_world.status(row) != ExecutionStatus.ENDED and time.monotonic() < deadline:
        most = max(most, memory() - before)
        time.sleep(0.05)
    agent_world.ended(row)
    assert (row.stdout_bytes, row.cause) == (100_000_000, ExecutionCause.EXIT)
    assert len(row.stdout) == 1 << 20
    assert most < 24 << 20
    assert any(event.data.get("omitted") for event in agent_world.events(row, "output"))


# --- When something ends --------------------------------------------------------------------------------
def test_a_container_that_dies_takes_its_executions_along_and_says_so(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "echo there; sleep 60")
    wait_until(lambda: agent_world.said(row))
    agent_world.engine.stop(sandbox.instance.pk)
    agent_world.ended(row)
    assert (row.cause, row.stdout) == (ExecutionCause.LOST, "there\n")
    wait_until(lambda: agent_world.events(row, "ended"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"verb": "delete", "cause": "expired"}, "The sandbox was deleted because its time was up."),
        (
            {"status": "stopped", "cause": "idle"},
            "The sandbox was stopped because nothing happened in it for a while.",
        ),
    ],
)
def test_what_a_verb_ends_says_why_with_all_it_wrote(agent_world, row, said):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    runs = agent_world.run(sandbox, "echo there; sleep 60")
    wait_until(lambda: agent_world.said(runs))
    Sandbox.objects.update(**row)
    agent_world.engine.stop(sandbox.instance.pk)
    agent_world.ended(runs)
    assert (runs.cause, runs.detail, runs.stdout) == (ExecutionCause.CANCELLED, said, "there\n")


def test_what_a_verb_ends_in_the_row_first_still_gets_its_last_output(agent_world, monkeypatch):
    monkeypatch.setattr(executions, "CHECKPOINT_SECONDS", 1.0)
    sandbox = agent_world.sandbox()
    agent_world.leading()
    runs = agent_world.run(sandbox, "echo there; sleep 60")
    wait_until(lambda: agent_world.said(runs))
    trail.end_executions(sandbox, cause=ExecutionCause.CANCELLED, detail="Stopped.")
    runs.refresh_from_db()
    assert runs.stdout is None, "it was not saved yet"
    agent_world.engine.stop(sandbox.instance.pk)
    wait_until(lambda: SandboxExecution.objects.get(pk=runs.pk).stdout == "there\n")
    runs.refresh_from_db()
    assert (runs.cause, runs.detail, runs.stdout_bytes) == (ExecutionCause.CANCELLED, "Stopped.", 6)


def test_an_execution_the_runner_does_not_know_is_lost(agent_world):
    sandbox = agent_world.sandbox()
    row = SandboxExecution.objects.create(
        sandbox=sandbox,
        command="sleep 60",
        status=ExecutionStatus.RUNNING,
        worker="somebody:1:x",
        stdout="so far",
    )
    agent_world.leading()
    agent_world.ended(row)
    assert (row.cause, row.stdout) == (ExecutionCause.LOST, "so far")
    wait_until(lambda: agent_world.events(row, "ended"))


def test_executions_wait_while_something_is_done_to_their_sandbox(agent_world):
    sandbox = agent_world.sandbox()
    type(sandbox).objects.filter(pk=sandbox.pk).update(verb="change")
    agent_world.leading()
    row = agent_world.run(sandbox, "echo then")
    time.sleep(2)
    assert agent_world.status(row) == ExecutionStatus.QUEUED
    type(sandbox).objects.filter(pk=sandbox.pk).update(verb=None)
    assert agent_world.ended(row).stdout == "then\n"


def test_a_terminal_is_an_execution_too(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "", kind=ExecutionKind.TERMINAL, stdin_open=True)
    gateway.send_input(row, b"echo $((6*7)); exit 4\n")
    agent_world.ended(row)
    assert "42" in row.stdout
    assert row.exit_code == 4


def test_what_is_typed_into_a_terminal_is_looked_at_before_its_end(agent_world, monkeypatch):
    monkeypatch.setattr("sandbox.agent.agent.RENEW_EXECUTIONS_SECONDS", 0.1)
    sandbox = agent_world.sandbox()
    agent_world.leading()
    row = agent_world.run(sandbox, "", kind=ExecutionKind.TERMINAL, stdin_open=True)
    refreshes = TaskQueue.objects.filter(task_type="sandbox.files.refresh")
    wait_until(lambda: agent_world.status(row) == ExecutionStatus.RUNNING)
    assert not refreshes.exists()
    gateway.send_input(row, b"echo 1 > made.txt\n")
    wait_until(refreshes.exists)
    assert agent_world.status(row) == ExecutionStatus.RUNNING


def test_many_at_once_all_end_with_their_own_output(agent_world):
    sandboxes = [agent_world.sandbox(), agent_world.sandbox()]
    agent_world.leading()
    rows = [
        agent_world.run(
            sandboxes[number % 2], f"echo begin {number}; sleep 0.2; echo end {number}; exit {number}"
        )
        for number in range(40)
    ]
    for number, row in enumerate(rows):
        agent_world.ended(row, 60)
        said = f"begin {number}\nend {number}\n"
        assert (row.cause, row.detail, row.stdout, row.exit_code) == ("exit", None, said, number), row.detail


def test_cells_of_a_session_share_their_variables(agent_world):
    sandbox = agent_world.sandbox(image="agi-sandbox-python:latest")
    agent_world.leading()
    cell = {"kind": ExecutionKind.CELL, "python_session": "one"}
    agent_world.ended(agent_world.run(sandbox, "x = 6 * 7", **cell))
    assert agent_world.ended(agent_world.run(sandbox, "x", **cell)).stdout == "42\n"
    fresh = agent_world.ended(agent_world.run(sandbox, "x", kind=ExecutionKind.CELL))
    assert fresh.exit_code == 1
    assert "NameError" in fresh.stderr


def test_a_paused_sandbox_keeps_what_runs_in_it_through_a_change_of_agents(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.leading()
    row = agent_world.run(sandbox, "for i in 1 2 3 4; do echo $i; sleep 1; done")
    wait_until(lambda: agent_world.said(row))
    agent_world.engine.pause(sandbox.instance.pk)
    type(sandbox).objects.filter(pk=sandbox.pk).update(status="paused")
    first.stop()
    agent_world.agents.remove(first)
    agent_world.leading()
    time.sleep(2)
    assert agent_world.status(row) == ExecutionStatus.RUNNING
    agent_world.engine.unpause(sandbox.instance.pk)
    type(sandbox).objects.filter(pk=sandbox.pk).update(status="running")
    assert agent_world.ended(row).stdout == "1\n2\n3\n4\n"
