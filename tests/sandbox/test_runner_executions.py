"""Commands in a real container, locked down: what they get, what comes back, how they end and what dies."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.agent.stream import Attachment, Ended, Faulted, Started

from .runner_box import Box, Watched, launch, run

pytestmark = pytest.mark.docker_engine

LEAVES = r"""
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if not os.fork():
        os.environ.clear(); os.closerange(0, 64)
        while True: time.sleep(1)
    os._exit(0)
os.wait()
print("left", flush=True)
time.sleep(60)
"""
BOMB = r"""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("boom", flush=True)
while True:
    try:
        if not os.fork(): os.setsid()
    except OSError: pass
"""


@pytest.fixture(scope="module")
def box(docker_engine: str) -> Iterator[Box]:
    box = Box(docker_engine)
    box.start()
    yield box
    box.close()


@pytest.fixture
def sandbox(box: Box) -> Attachment:
    return box.attachments[-1]


def users_processes(box: Box) -> list[str]:
    """Command lines of the processes that are not root's, the warmed interpreter aside."""
    lines = box.docker("top", box.name, "-o", "pid,uid,args").splitlines()[1:]
    return [line for line in lines if line.split()[1] == "1000" and "fdopen(3)" not in line]


def wait_until(true: object, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def test_output_and_exit_code_come_back_apart(sandbox: Attachment) -> None:
    done = run(sandbox, shell="echo out; echo err >&2; exit 3")
    assert (bytes(done.out), bytes(done.err), done.end.exit_code, done.end.cause) == (
        *(b"out\n", b"err\n", 3, "exit"),
    )
    assert done.end.usage["wall_seconds"] > 0
    assert done.end.usage["peak_memory"] > 1_000_000


def test_commands_run_as_the_user_without_any_right(sandbox: Attachment) -> None:
    status = run(sandbox, argv=["cat", "/proc/self/status"]).out.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["1000"] * 4
    assert fields["Gid"].split() == ["1000"] * 4
    assert fields["Groups"].strip() == ""
    assert [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert int(fields["SigBlk"], 16) == int(fields["SigIgn"], 16) == 0


def test_a_command_inherits_no_descriptor(sandbox: Attachment) -> None:
    assert run(sandbox, argv=["ls", "/proc/self/fd"]).out.split() == [b"0", b"1", b"2", b"3"]  # 3 is ls's own


def test_output_comes_while_it_runs_and_input_goes_in(sandbox: Attachment) -> None:
    echo = launch(sandbox, argv=["cat"], stdin="open")
    assert echo.channel
    for line in (b"one\n", b"two\n"):
        echo.channel.send(line)
        wait_until(lambda line=line: echo.out.endswith(line))
    echo.channel.eof()
    assert echo.channel.wait(5).exit_code == 0  # type: ignore[union-attr]


def test_much_input_passes_through_the_window(sandbox: Attachment) -> None:
    data = os.urandom(3_000_000)
    through = launch(sandbox, argv=["cat"], stdin="open")
    assert through.channel
    through.channel.send(data, timeout=20)
    through.channel.eof()
    through.channel.wait(20)
    assert through.out == data


def test_input_that_nobody_reads_does_not_block(sandbox: Attachment) -> None:
    deaf = launch(sandbox, shell="exec 0<&-; sleep 0.3", stdin="open")
    assert deaf.channel
    deaf.channel.send(bytes(2_000_000), timeout=10)
    assert deaf.channel.wait(5).exit_code == 0  # type: ignore[union-attr]


def test_folder_and_environment_are_as_asked(sandbox: Attachment) -> None:
    done = run(
        sandbox, shell="pwd; echo $NAME-$HOME; ulimit -n", cwd="/tmp", env={"NAME": "값"}, open_files=77
    )
    assert done.out.decode() == "/tmp\n값-/workspace\n77\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"argv": ["no-such-program"]}, "not_found"),
        ({"argv": ["/etc/passwd"]}, "not_allowed"),
        ({"argv": ["ls"], "cwd": "/nowhere"}, "not_found"),
        ({"argv": "ls"}, "bad_request"),
        ({"argv": ["a\0b"]}, "not_started"),
    ],
)
def test_what_cannot_be_started_is_told(sandbox: Attachment, args: dict[str, object], code: str) -> None:
    started = launch(sandbox, **args)  # type: ignore[arg-type]
    assert started.channel
    end = started.channel.wait(5)
    assert isinstance(end, Faulted)
    assert end.code == code


def test_a_signal_is_told_as_one(sandbox: Attachment) -> None:
    one = launch(sandbox, argv=["sleep", "60"])
    wait_until(lambda: any(isinstance(event, Started) for event in one.events))
    assert one.channel
    one.channel.signal(signal.SIGTERM)
    one.channel.wait(5)
    assert (one.end.exit_code, one.end.signal, one.end.cause) == (None, signal.SIGTERM, "exit")


def test_it_dies_with_all_it_started(box: Box, sandbox: Attachment) -> None:
    one = launch(sandbox, argv=["python3", "-c", LEAVES])
    wait_until(lambda: one.out)
    assert len(users_processes(box)) >= 2
    assert one.channel
    one.channel.kill()
    one.channel.wait(5)
    assert (one.end.cause, one.end.signal) == ("cancelled", 9)
    assert users_processes(box) == []


def test_what_a_command_leaves_behind_ends_with_it(box: Box, sandbox: Attachment) -> None:
    done = run(sandbox, shell="setsid sleep 1000 & (setsid nohup sleep 1000 >/dev/null 2>&1 &); sleep 0.2")
    assert done.end.cause == "exit"
    assert "2" in done.end.detail
    assert users_processes(box) == []


def test_of_several_only_the_one_is_killed(box: Box, sandbox: Attachment) -> None:
    several = [launch(sandbox, argv=["python3", "-c", LEAVES]) for _ in range(4)]
    wait_until(lambda: all(one.out for one in several))
    before = len(users_processes(box))
    assert several[1].channel
    several[1].channel.kill()
    several[1].channel.wait(5)
    assert len(users_processes(box)) == before * 3 // 4
    assert not any(one.channel.ended.is_set() for one in several if one is not several[1] and one.channel)
    assert sandbox.request("kill_all")["killed"] == 3
    for one in several:
        assert one.channel
        one.channel.wait(5)
    assert users_processes(box) == []


def test_a_fork_bomb_at_the_limit_of_processes_is_ended_alone(box: Box, sandbox: Attachment) -> None:
    bystander = launch(sandbox, shell="while read line; do echo $line; done", stdin="open")
    bomb = launch(sandbox, argv=["python3", "-c", BOMB])
    wait_until(lambda: sandbox.request("usage")["pids"] >= 90, 10)
    assert sandbox.request("stat", path=".")["type"] == "folder"  # by a process kept ready for it
    began = time.monotonic()
    assert bomb.channel
    assert bystander.channel
    bomb.channel.kill()
    bomb.channel.wait(10)
    assert time.monotonic() - began < 5
    assert bomb.end.cause == "cancelled"
    bystander.channel.send(b"alive\n")
    wait_until(lambda: bystander.out == b"alive\n")
    bystander.channel.kill()
    bystander.channel.wait(5)
    assert users_processes(box) == []
    assert run(sandbox, argv=["echo", "again"]).out == b"again\n"


def test_a_fork_bomb_is_ended_by_its_timeout(box: Box, sandbox: Attachment) -> None:
    assert run(sandbox, argv=["python3", "-c", BOMB], timeout=1, within=20).end.cause == "timeout"
    assert users_processes(box) == []


def test_a_timeout_ends_it(sandbox: Attachment) -> None:
    done = run(sandbox, argv=["sleep", "60"], timeout=0.3)
    assert (done.end.cause, done.end.signal) == ("timeout", 9)
    assert 0.25 < done.end.usage["wall_seconds"] < 3


def test_too_much_output_ends_it_exactly_at_the_limit(sandbox: Attachment) -> None:
    done = run(sandbox, argv=["yes"], output_limit=1_000_000)
    assert (len(done.out), done.end.cause) == (1_000_000, "output_limit")


def test_too_much_memory_is_the_cause(docker_engine: str) -> None:
    box = Box(docker_engine, memory="64m")
    try:
        sandbox = box.start()
        kills = [0]

        def count_kills() -> None:
            """Each is counted; the kernel may take a bystander besides, such as the warmed interpreter."""
            kills.append(sandbox.request("usage")["oom_kills"])
            assert 1 <= kills[-1] - kills[-2] <= 2

        done = run(sandbox, argv=["python3", "-c", "b = bytearray(200_000_000)"])
        assert (done.end.cause, done.end.signal) == ("oom", 9)
        count_kills()
        child = (
            "import subprocess as s; print(s.run(['python3', '-c', 'b = bytearray(200_000_000)']).returncode)"
        )
        done = run(sandbox, argv=["python3", "-c", child])
        assert (done.out, done.end.cause, done.end.exit_code) == (b"-9\n", "exit", 0)
        assert "memory" in done.end.detail
        count_kills()
        done = run(sandbox, "cell", code="b = bytearray(200_000_000)")
        assert done.end.cause == "oom"
        count_kills()
        assert run(sandbox, argv=["echo", "alive"]).out == b"alive\n"
    finally:
        box.close()


def test_when_its_supervisor_is_killed_an_execution_ends_with_all_its_processes(
    box: Box, sandbox: Attachment
) -> None:
    one = launch(sandbox, argv=["python3", "-c", LEAVES])
    other = launch(sandbox, argv=["sleep", "60"])
    wait_until(lambda: one.out and any(isinstance(event, Started) for event in other.events))
    lines = box.docker("top", box.name, "-o", "pid,ppid,args").splitlines()[1:]
    parents = {line.split()[1] for line in lines if "SIG_IGN" in line}
    (supervisor,) = [parent for parent in parents if "Uid:\t0" in Path(f"/proc/{parent}/status").read_text()]
    os.kill(int(supervisor), signal.SIGKILL)
    assert one.channel
    assert other.channel
    one.channel.wait(5)
    assert one.end.cause == "lost"
    wait_until(lambda: len(users_processes(box)) == 1)
    other.channel.kill()
    other.channel.wait(5)


def test_a_hundred_at_once_all_end(docker_engine: str) -> None:
    box = Box(docker_engine, pids=400)
    try:
        sandbox = box.start()
        many = [launch(sandbox, shell=f"echo {number}; sleep 0.2; exit {number}") for number in range(100)]
        for number, one in enumerate(many):
            assert one.channel
            one.channel.wait(30)
            assert (one.end.exit_code, one.out) == (number, f"{number}\n".encode())
    finally:
        box.close()


def test_usage_tells_what_the_container_uses(sandbox: Attachment) -> None:
    run(sandbox, shell="head -c 3000000 /dev/zero > big")
    usage = sandbox.request("usage")
    assert usage["disk_total"] == 64 * 1024**2
    assert usage["disk_used"] >= 3_000_000
    assert 1_000_000 < usage["memory"] < 256 * 1024**2
    assert usage["cpu_seconds"] > 0
    assert json.dumps(usage)


def test_one_key_is_never_run_twice(sandbox: Attachment) -> None:
    first = Watched()
    first.channel = sandbox.open("exec", key="the-same", on_event=first, shell="echo one; sleep 60")
    again = sandbox.open("exec", key="the-same", shell="echo two").wait(5)
    assert isinstance(again, Faulted)
    assert again.code == "known"
    first.channel.kill()
    first.channel.wait(5)
    # also when it is over: until its row says so, and the channel is closed
    assert sandbox.open("exec", key="the-same", shell="echo two").wait(5) == again
    first.channel.close()
    assert isinstance(sandbox.open("exec", key="the-same", shell="true").wait(5), Ended)
