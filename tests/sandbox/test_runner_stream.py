"""The stream to the runner: callers that die, floods, forgery, attacks on PID 1. In real containers."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import wire
from sandbox.agent.stream import Attachment, Ended, Output, RunnerFault, StreamLost

from .runner_box import Box, Watched, launch, run

pytestmark = pytest.mark.docker_engine


@pytest.fixture
def box(docker_engine: str) -> Iterator[Box]:
    box = Box(docker_engine)
    yield box
    box.close()


def ended(watched: Watched, within: float = 10) -> Ended:
    assert watched.channel
    watched.channel.wait(within)
    return watched.end


def test_another_caller_finds_what_runs_and_misses_nothing(box: Box) -> None:
    first = box.start()
    key = uuid.uuid4().hex
    count = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exit 7"
    before = Watched(ack=False)
    before.channel = first.open("exec", key=key, on_event=before, shell=count)
    while len(before.out) < 500:
        time.sleep(0.01)
    before.channel.ack(200)
    kept = bytes(before.out[:300])
    first.sock.close()
    time.sleep(0.3)
    second = box.attach()
    (known,) = second.sync.channels  # type: ignore[attr-defined]
    assert (known.key, known.op, known.state, known.acked) == (key, "exec", "running", 200)
    after = Watched()
    after.channel = second.adopt(known, after, after=len(kept))
    assert ended(after).exit_code == 7
    assert kept + after.out == b"".join(b"line %d\n" % number for number in range(300))


def test_an_execution_that_ended_meanwhile_is_told_until_it_is_closed(box: Box) -> None:
    first = box.start()
    one = launch(first, ack=False, shell="sleep 0.2; echo done")
    first.sock.close()
    time.sleep(0.6)
    for _ in range(2):
        again = box.attach()
        (known,) = again.sync.channels  # type: ignore[attr-defined]
        assert known.id == one.channel.id  # type: ignore[union-attr]
        found = Watched(ack=False)
        found.channel = again.adopt(known, found)
        assert ended(found).cause == "exit"
        assert found.out == b"done\n"
        again.sock.close()
    last = box.attach()
    channel = last.adopt(last.sync.channels[0], lambda _event: None)  # type: ignore[attr-defined]
    channel.close()
    last.sock.close()
    assert box.attach().sync.channels == []  # type: ignore[attr-defined]


def test_a_caller_that_died_within_a_frame_or_sent_garbage_does_no_harm(box: Box) -> None:
    sandbox = box.start()
    running = launch(sandbox, argv=["cat"], stdin="open")
    payload = bytes(30_000) + wire.json_frames(wire.OPEN, 900, {"op": "exec", "shell": "echo forged > f"})
    whole = wire.frame(wire.DATA, running.channel.id, payload)  # type: ignore[union-attr]
    for cut in (1, 2, 14, 15, 500, len(whole) - 1):
        sandbox.sock.sendall(whole[:cut])
        sandbox.sock.close()
        sandbox = box.attach()
        assert [known.state for known in sandbox.sync.channels] == ["running"]  # type: ignore[attr-defined]
    with contextlib.suppress(OSError):  # it may be closed before all of it is sent
        sandbox.sock.sendall(os.urandom(300_000))
    assert sandbox.closed.wait(5)  # it learns that it is out of step
    sandbox = box.attach()
    found = Watched()
    found.channel = sandbox.adopt(sandbox.sync.channels[0], found)  # type: ignore[attr-defined]
    found.channel.send(b"still here\n")
    found.channel.eof()
    assert ended(found).exit_code == 0
    assert found.out.endswith(b"still here\n")
    with pytest.raises(RunnerFault):
        sandbox.request("stat", path="f")


def test_two_callers_that_send_at_once_learn_of_it_and_one_gets_through(box: Box) -> None:
    first = box.start()
    with contextlib.suppress(StreamLost):
        for _ in range(150):
            first.send(wire.frame(wire.PART, 5000, bytes(wire.MAX_PAYLOAD)))
    for _ in range(10):
        try:
            assert box.attach().request("info", timeout=10)["version"] == 1
            break
        except StreamLost:
            continue
    else:
        pytest.fail("nobody got through")


def test_a_second_caller_takes_over_from_the_first(box: Box) -> None:
    first = box.start()
    second = box.attach()
    assert first.closed.wait(5)
    with pytest.raises(StreamLost):
        first.request("info")
    assert run(second, argv=["echo", "mine"]).out == b"mine\n"


def test_frames_that_make_no_sense_are_answered_and_nothing_breaks(box: Box) -> None:
    sandbox = box.start()
    for kind in range(64):
        if kind not in {wire.HELLO, wire.PART}:
            for payload in (b"", b"{}", b"[]", b"\xff" * 50, b'{"op": 5}', b'{"op": "exec"'):
                sandbox.send(wire.frame(kind, 1000 + kind, payload))
    for _ in range(100):
        sandbox.send(wire.frame(wire.PART, 5000, bytes(wire.MAX_PAYLOAD)))
    sandbox.sock.close()
    time.sleep(1)
    sandbox = box.attach()  # numbers are not used again
    with pytest.raises(RunnerFault, match="no operation"):
        sandbox.request("reboot")
    channel = sandbox.open("exec", argv=["sleep", "60"])
    for kind in (wire.ACK, wire.SIGNAL, wire.RESIZE, wire.KILL, wire.RESUME):
        sandbox.send(wire.frame(kind, channel.id, b"\x00"))
    assert sandbox.request("info")["version"] == 1


def test_a_flood_that_nobody_reads_stays_flat_in_memory(box: Box) -> None:
    sandbox = box.start()
    floods = [launch(sandbox, ack=False, shell="yes flood") for _ in range(4)]
    time.sleep(1)
    assert all(wire.WINDOW <= len(one.out) <= wire.WINDOW + wire.MAX_PAYLOAD for one in floods)
    assert resident(box) < 40_000
    began = time.monotonic()
    assert run(sandbox, argv=["echo", "heard"]).out == b"heard\n"
    assert time.monotonic() - began < 1
    sandbox.sock.close()  # nobody at all
    time.sleep(0.5)
    again = box.attach()
    assert len(again.sync.channels) == 5 - 1  # type: ignore[attr-defined]
    assert resident(box) < 40_000


def test_a_flood_that_is_read_is_fast_and_others_are_heard_meanwhile(box: Box) -> None:
    sandbox = box.start()
    flood = launch(sandbox, argv=["head", "-c", "100000000", "/dev/zero"])
    began = time.monotonic()
    worst = 0.0
    while not flood.channel.ended.is_set():  # type: ignore[union-attr]
        asked = time.monotonic()
        sandbox.request("info")
        worst = max(worst, time.monotonic() - asked)
        time.sleep(0.05)
    taken = time.monotonic() - began
    print(f"\n100 MB in {taken:.2f} s = {100 / taken:.0f} MB/s; others waited {worst * 1000:.0f} ms at most")
    assert ended(flood).cause == "exit"
    assert len(flood.out) == 100_000_000
    assert worst < 1
    assert resident(box) < 40_000


def resident(box: Box) -> int:
    """kB of PID 1."""
    text = Path(f"/proc/{box.pid()}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


ATTACKS = r"""
import ctypes, glob, os, signal, sys
def tried(what, call):
    try: call(); print("open", what)
    except OSError as error: pass
for fd in range(3, 64):
    try: os.fstat(fd); print("open inherited", fd)
    except OSError: pass
others = [p for p in glob.glob("/proc/[0-9]*") if int(p.split("/")[2]) not in {os.getpid()}]
for process in others:
    uid = os.stat(process).st_uid
    pid = int(process.split("/")[2])
    for name in ("mem", "maps", "environ", "fd", "fd/0", "fd/1", "fd/3", "map_files", "cwd", "root", "exe",
                 "stack", "syscall", "auxv", "io", "ns/net"):
        for mode in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            tried(f"{process}/{name} {mode} {uid}", lambda: os.close(os.open(f"{process}/{name}", mode)))
        tried(f"{process}/{name} list", lambda: os.listdir(f"{process}/{name}"))
    for name in ("oom_score_adj", "oom_adj", "comm", "coredump_filter", "clear_refs", "autogroup",
                 "timerslack_ns", "attr/current", "setgroups", "uid_map"):
        tried(f"{process}/{name}", lambda: os.write(os.open(f"{process}/{name}", os.O_WRONLY), b"1"))
    for number in range(1, 65):
        if uid != os.getuid(): tried(f"kill {pid} {number}", lambda: os.kill(pid, number))
    for call in (lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.sched_setaffinity(pid, {0})):
        if uid != os.getuid(): tried(f"priority {pid}", call)
    libc = ctypes.CDLL(None, use_errno=True)
    for number, args in ((101, (16, pid, 0, 0)), (310, (pid, 0, 0, 0, 0, 0)), (311, (pid, 0, 0, 0, 0, 0)),
                         (302, (pid, 7, 0, 0))):
        buffer = ctypes.create_string_buffer(64)
        if number == 302: args = (pid, 7, buffer, 0)
        if libc.syscall(number, *args) == 0 and uid != os.getuid(): print("open call", number, pid)
    pidfd = libc.syscall(434, pid, 0)
    if pidfd >= 0:
        for fd in range(8):
            if libc.syscall(438, pidfd, fd, 0) >= 0: print("open pidfd_getfd", pid, fd)
os.write(1, b"\xa6\x91" + bytes(100)); os.write(2, b"\xa6\x91 \0\0\0\1" * 1000)
os.kill(-1, 9) if "all" in sys.argv else None
print("tried", len(others))
"""


def test_code_reaches_neither_pid_1_nor_its_descriptors_nor_the_supervisors(box: Box) -> None:
    sandbox = box.start()
    run(sandbox, "cell", code="1")
    watched = run(sandbox, argv=["python3", "-c", ATTACKS], within=60)
    said = watched.out.split(bytes(100))
    assert b"open" not in watched.out, watched.out.decode(errors="replace")
    assert said[-1].startswith(b"tried ")
    assert int(said[-1].split()[1]) >= 4
    assert run(sandbox, argv=["echo", "alive"]).out == b"alive\n"


def test_a_command_that_kills_everyone_kills_itself_and_its_like_only(box: Box) -> None:
    sandbox = box.start()
    run(sandbox, "cell", code="x = 1", session="kept")
    bystander = launch(sandbox, argv=["sleep", "60"])
    time.sleep(0.2)
    done = run(sandbox, argv=["python3", "-c", "import os; os.kill(-1, 9)"])
    assert done.end.cause == "exit"
    assert ended(bystander).signal == 9
    assert run(sandbox, "cell", code="x", session="kept").err.decode().count("NameError")
    assert run(sandbox, argv=["echo", "alive"]).out == b"alive\n"
    assert box.state()["Running"]


def test_output_that_looks_like_frames_is_only_output(box: Box) -> None:
    sandbox = box.start()
    forged = wire.json_frames(wire.END, 1, {"exit_code": 0}) + wire.frame(wire.SYNC, 0, b"{}")
    code = f"import os\nfor fd in (1, 2): os.write(fd, {forged!r} * 50)"
    done = run(sandbox, argv=["python3", "-c", code + "\nraise SystemExit(5)"])
    assert (bytes(done.out), bytes(done.err), done.end.exit_code) == (forged * 50, forged * 50, 5)


def test_in_a_weak_container_the_same_attacks_get_through(docker_engine: str) -> None:
    """So the tests above can fail: as root with every right, PID 1's memory opens."""
    box = Box(docker_engine, weak=True)
    try:
        box.start()
        code = "import os; os.close(os.open('/proc/1/mem', os.O_RDWR)); print('open')"
        assert box.docker("exec", "-u", "0", box.name, "python3", "-c", code) == "open"
    finally:
        box.close()


def test_events_come_in_order_with_offsets_without_gaps(box: Box) -> None:
    sandbox: Attachment = box.start()
    done = run(sandbox, shell="for i in $(seq 200); do echo $i; echo $i >&2; done")
    place = 0
    for event in done.events:
        if isinstance(event, Output):
            assert event.offset == place
            place += len(event.data)
