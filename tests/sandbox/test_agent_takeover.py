"""Agents die and others go on: nothing that ran is lost, and no two ever follow the same."""

import signal
import time
from datetime import timedelta

import pytest
import redis as redis_client
from django.utils import timezone

from sandbox.agent.executions import end_row
from sandbox.agent.lease import Lease
from sandbox.models import ExecutionCause, ExecutionKind, ExecutionStatus, SandboxExecution, SandboxHost

from .fixtures_agent import wait_until

pytestmark = [pytest.mark.docker_engine]

COUNT = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.1; done"
COUNTED = "".join(f"line {number}\n" for number in range(1, 61))


def lines_in_row(row, at_least):
    text = SandboxExecution.objects.values_list("stdout", flat=True).get(pk=row.pk)
    return (text or "").count("\n") >= at_least


def test_an_agent_killed_in_the_middle_of_an_execution_is_replaced_and_no_output_is_lost(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.process()
    wait_until(agent_world.leads)
    row = agent_world.run(sandbox, COUNT)
    wait_until(lambda: lines_in_row(row, 10))
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    began = time.monotonic()
    agent_world.leading()
    assert time.monotonic() - began < 5  # a dead process of this machine need not be waited for
    agent_world.ended(row, 30)
    assert (row.cause, row.exit_code) == (ExecutionCause.EXIT, 0)
    assert row.stdout == COUNTED
    assert row.stdout_bytes == len(COUNTED)
    assert agent_world.events(row, "reset")


def test_agents_killed_again_and_again_lose_nothing_with_redis_flushed_too(agent_world, redis_url, settings):
    settings.REDIS_URL = redis_url
    sandbox = agent_world.sandbox()
    process = agent_world.process(REDIS_URL=redis_url)
    wait_until(agent_world.leads)
    row = agent_world.run(
        sandbox, COUNT.replace("echo", "echo 비밀이-긴-값"), environment={"S": "비밀이-긴-값"}
    )
    wait_until(lambda: lines_in_row(row, 3))
    with redis_client.Redis.from_url(redis_url) as client:
        for _round in range(3):
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            client.flushdb()
            process = agent_world.process(REDIS_URL=redis_url)
            have = (SandboxExecution.objects.values_list("stdout", flat=True).get(pk=row.pk) or "").count(
                "\n"
            )
            wait_until(lambda have=have: lines_in_row(row, min(have + 3, 60)), 30)
    agent_world.ended(row, 30)
    assert row.stdout == COUNTED.replace("line", "•••••••• line")


def test_what_ended_while_no_agent_was_there_is_told_by_the_next(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.process()
    wait_until(agent_world.leads)
    row = agent_world.run(sandbox, "echo before; sleep 2; echo after; exit 5")
    wait_until(lambda: lines_in_row(row, 1))
    first.kill()
    first.wait(10)
    time.sleep(2.5)
    agent_world.leading()
    agent_world.ended(row)
    assert (row.stdout, row.exit_code) == ("before\nafter\n", 5)
    assert row.completed_at is not None


def test_an_agent_that_stops_in_good_order_hands_over_at_once(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.leading()
    row = agent_world.run(sandbox, COUNT)
    wait_until(lambda: lines_in_row(row, 5))
    began = time.monotonic()
    first.stop()
    agent_world.agents.remove(first)
    second = agent_world.agent()
    assert second.leading.wait(3)
    assert time.monotonic() - began < 6
    assert agent_world.ended(row, 30).stdout == COUNTED


def test_of_two_agents_one_holds_the_lease_and_the_other_stands_by(agent_world):
    first, second = agent_world.agent(), agent_world.agent()
    wait_until(lambda: first.leading.is_set() or second.leading.is_set())
    time.sleep(2.5)
    assert first.leading.is_set() != second.leading.is_set()
    leader, other = (first, second) if first.leading.is_set() else (second, first)
    leader.stop()
    agent_world.agents.remove(leader)
    assert other.leading.wait(5)
    agent_world.host.refresh_from_db()
    assert agent_world.host.agent == other.holder


def test_an_agent_whose_lease_was_taken_lets_go(agent_world):
    sandbox = agent_world.sandbox()
    agent = agent_world.leading()
    row = agent_world.run(sandbox, "sleep 4; echo done")
    agent_world.running(row)
    SandboxHost.objects.filter(pk=agent_world.host.pk).update(
        agent="another:1:x", agent_until=timezone.now() + timedelta(seconds=4)
    )
    wait_until(lambda: not agent.leading.is_set())
    wait_until(lambda: not any(container.attached for container in agent.containers.values()))
    assert agent_world.status(row) == ExecutionStatus.RUNNING
    wait_until(agent.leading.is_set)  # the other one's lease ran out
    assert agent_world.ended(row).stdout == "done\n"


def test_a_lease_is_not_taken_from_one_that_lives(agent_world):
    mine, other = Lease(agent_world.host.name), Lease(agent_world.host.name)
    assert mine.acquire()
    assert other.acquire() is None
    assert mine.renew(gateway="127.0.0.1:1")
    mine.release()
    assert other.acquire()
    assert not mine.renew(gateway="127.0.0.1:1")


def test_a_terminal_survives_its_agent(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.process()
    wait_until(agent_world.leads)
    row = agent_world.run(sandbox, "", kind=ExecutionKind.TERMINAL, stdin_open=True)
    from sandbox import gateway

    gateway.send_input(row, b"X=still; echo ready\n")
    wait_until(lambda: lines_in_row(row, 2))
    first.kill()
    first.wait(10)
    agent_world.leading()
    wait_until(lambda: agent_world.events(row, "reset"))
    gateway.send_input(row, b"echo $X-here; exit\n")
    assert "still-here" in agent_world.ended(row).stdout


def taken_and_dropped(agent_world, row):
    """An agent is killed after it took an execution, before the runner hears of it."""
    process = agent_world.process(SANDBOX_DIE_AT="execution:taken")
    wait_until(lambda: process.poll() is not None, 30)
    assert agent_world.status(row) == ExecutionStatus.RUNNING


def test_what_was_taken_and_never_reached_the_runner_starts_once_with_the_next_agent(agent_world):
    sandbox = agent_world.sandbox()
    attached(agent_world, sandbox)
    row = agent_world.run(sandbox, "echo once >> times; cat times", poke=False)
    taken_and_dropped(agent_world, row)
    agent_world.leading()
    agent_world.ended(row, 30)
    assert (row.cause, row.stdout, row.detail) == (ExecutionCause.EXIT, "once\n", None)


def attached(agent_world, sandbox):
    """An execution after which the container's boot is known; its agent hands over."""
    first = agent_world.leading()
    row = agent_world.run(sandbox, "true")
    agent_world.ended(row)
    first.stop()
    agent_world.agents.remove(first)
    return row


@pytest.mark.long
def test_what_was_taken_twice_in_vain_is_lost(agent_world):
    sandbox = agent_world.sandbox()
    attached(agent_world, sandbox)
    row = agent_world.run(sandbox, "echo never > never", poke=False)
    taken_and_dropped(agent_world, row)
    taken_and_dropped(agent_world, row)
    agent_world.leading()
    agent_world.ended(row, 30)
    assert row.cause == ExecutionCause.LOST
    assert agent_world.ended(agent_world.run(sandbox, "ls")).stdout is None


@pytest.mark.long
def test_what_was_taken_before_another_start_of_the_container_is_lost(agent_world):
    sandbox = agent_world.sandbox()
    attached(agent_world, sandbox)
    row = agent_world.run(sandbox, "echo never", poke=False)
    taken_and_dropped(agent_world, row)
    agent_world.engine.stop(str(sandbox.instance.pk), kill=True)
    agent_world.engine.start(str(sandbox.instance.pk))
    agent_world.leading()
    agent_world.ended(row, 30)
    assert (row.cause, row.stdout) == (ExecutionCause.LOST, None)


LONG = "echo begun; while true; do date +%s%N > alive; sleep 0.1; done"
ALIVE = "cat alive; sleep 0.5; cat alive"


def is_still(agent_world, sandbox):
    before, after = agent_world.ended(agent_world.run(sandbox, ALIVE)).stdout.split()
    return before == after


def test_what_was_given_up_for_lost_is_killed_when_the_host_returns(agent_world):
    sandbox = agent_world.sandbox()
    first = agent_world.leading()
    row = agent_world.run(sandbox, LONG)
    wait_until(lambda: lines_in_row(row, 1))
    first.stop()
    agent_world.agents.remove(first)
    end_row(str(row.pk), ExecutionCause.LOST, "The host is lost.")
    agent_world.leading()
    assert is_still(agent_world, sandbox)
    row.refresh_from_db()
    assert (row.cause, row.detail) == (ExecutionCause.LOST, "The host is lost.")


@pytest.mark.long
def test_what_was_given_up_while_its_agent_followed_it_is_killed_too(agent_world):
    sandbox = agent_world.sandbox()
    agent = agent_world.leading()
    row = agent_world.run(sandbox, LONG)
    wait_until(lambda: lines_in_row(row, 1))
    end_row(str(row.pk), ExecutionCause.LOST, "The host is lost.")
    wait_until(lambda: str(row.pk) not in agent.live)
    wait_until(lambda: is_still(agent_world, sandbox))
    row.refresh_from_db()
    assert (row.status, row.cause) == (ExecutionStatus.ENDED, ExecutionCause.LOST)


@pytest.mark.long
def test_an_execution_that_talks_is_given_up_with_its_next_word(agent_world):
    sandbox = agent_world.sandbox()
    agent = agent_world.leading()
    row = agent_world.run(sandbox, LONG.replace("sleep", "echo word; sleep"))
    wait_until(lambda: lines_in_row(row, 3))
    end_row(str(row.pk), ExecutionCause.LOST, "The host is lost.")
    wait_until(lambda: str(row.pk) not in agent.live, 2)
    wait_until(lambda: is_still(agent_world, sandbox))
