"""Python cells and terminals in real containers: warmed, isolated, cancelled, remembered; and tunnels."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.agent.stream import Answered, Attachment, Faulted

from .runner_box import Box, Watched, launch, run

pytestmark = pytest.mark.docker_engine


@pytest.fixture(scope="module")
def box(docker_engine: str) -> Iterator[Box]:
    box = Box(docker_engine)
    box.start()
    yield box
    box.close()


@pytest.fixture
def sandbox(box: Box) -> Attachment:
    return box.attachments[-1]


def wait_until(true: object, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def nest_and_zygote(box: Box) -> tuple[int, int]:
    """The processes that look after cells, as the host numbers them."""
    lines = [line.split() for line in box.docker("top", box.name, "-o", "pid,ppid,args").splitlines()[1:]]
    runner = str(box.pid())
    parents = {pid: parent for pid, parent, *_args in lines}
    alike = [
        pid for pid, parent, *args in lines if "fdopen(3)" in " ".join(args) and parents[parent] == runner
    ]
    zygote = min(alike, key=_started)  # its forks are the nest's children, too; numbers begin anew one day
    return int(parents[zygote]), int(zygote)


def _started(process: str) -> int:
    """Ticks of the kernel's clock from its boot to a process's start."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])


def interpreters(box: Box) -> list[int]:
    """The warmed one, and the sessions, which are its forks."""
    lines = [line.split() for line in box.docker("top", box.name, "-o", "pid,args").splitlines()[1:]]
    return [int(pid) for pid, *args in lines if "fdopen(3)" in " ".join(args)]


def test_the_last_expression_is_shown(sandbox: Attachment) -> None:
    done = run(sandbox, "cell", code="import sys\nprint('out')\nprint('err', file=sys.stderr)\n'값' * 2")
    assert (done.out.decode(), done.err.decode(), done.end.exit_code) == ("out\n'값값'\n", "err\n", 0)
    assert run(sandbox, "cell", code="1;").out == b""
    assert run(sandbox, "cell", code="None").out == b""


def test_a_failure_shows_the_cells_own_lines(sandbox: Attachment) -> None:
    done = run(sandbox, "cell", code="def f():\n    return 1 / 0\nf()")
    assert done.end.exit_code == 1
    assert b"return 1 / 0" in done.err
    assert b"runner" not in done.err
    unread = run(sandbox, "cell", code="print(1)\nprint(2").err.decode()
    assert unread.startswith('  File "<cell 1>", line 2\n')
    assert "SyntaxError: '(' was never closed" in unread
    awaited = run(sandbox, "cell", code="await 1").err.decode()
    assert awaited.splitlines()[:2] == [
        "Traceback (most recent call last):",
        '  File "<cell 1>", line 1, in <module>',
    ]
    assert run(sandbox, "cell", code="raise SystemExit(7)").end.exit_code == 7


def test_a_fresh_cell_knows_nothing_of_the_one_before(sandbox: Attachment) -> None:
    run(sandbox, "cell", code="x = 1; import os; os.environ['A'] = 'b'; os.chdir('/tmp')")
    done = run(sandbox, "cell", code="import os\n'x' in globals(), os.environ.get('A'), os.getcwd()")
    assert done.out == b"(False, None, '/workspace')\n"


def test_a_session_keeps_its_variables_apart_from_others(sandbox: Attachment) -> None:
    run(sandbox, "cell", code="def f(): return x + 1\nx = 1", session="a")
    run(sandbox, "cell", code="x = 10", session="b")
    assert run(sandbox, "cell", code="f()", session="a").out == b"2\n"
    assert run(sandbox, "cell", code="await __import__('asyncio').sleep(0, x)", session="b").out == b"10\n"
    sandbox.request("end_session", session="a")
    time.sleep(0.2)
    assert b"NameError" in run(sandbox, "cell", code="x", session="a").err


def test_a_cell_that_comes_while_its_session_dies_begins_a_new_one(box: Box, sandbox: Attachment) -> None:
    run(sandbox, "cell", code="kept = bytearray(150 << 20)", session="heavy")  # slow to be freed
    os.kill(max(interpreters(box), key=_started), signal.SIGKILL)
    assert run(sandbox, "cell", code="'kept' in globals()", session="heavy").out == b"False\n"


def test_a_session_runs_one_cell_at_a_time(sandbox: Attachment) -> None:
    first = launch(sandbox, "cell", code="import time; print(1, flush=True); time.sleep(60)", session="busy")
    wait_until(lambda: first.out)
    second = sandbox.open("cell", code="2", session="busy").wait(5)
    assert isinstance(second, Faulted)
    assert second.code == "busy"
    assert first.channel
    first.channel.kill()
    first.channel.wait(5)


def test_a_cancelled_session_keeps_its_variables(sandbox: Attachment) -> None:
    run(sandbox, "cell", code="x = 41", session="c")
    long = launch(sandbox, "cell", code="import time\nprint(1, flush=True)\ntime.sleep(60)", session="c")
    wait_until(lambda: long.out)
    assert long.channel
    long.channel.kill()
    long.channel.wait(2)
    assert long.end.cause == "cancelled"
    assert b"KeyboardInterrupt" in long.err
    assert run(sandbox, "cell", code="x + 1", session="c").out == b"42\n"
    done = run(sandbox, "cell", code="import time; time.sleep(60)", session="c", timeout=0.3)
    assert done.end.cause == "timeout"
    assert run(sandbox, "cell", code="x + 1", session="c").out == b"42\n"


SESSIONS = ("a", "b", "busy", "c", "stubborn", "deaf", "forging")  # of these tests
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
print(os.getpid(), flush=True)
while True: time.sleep(1)
"""


@pytest.mark.parametrize("session", ["", "stubborn"])
def test_a_cell_that_will_not_stop_is_killed_with_all_it_started(
    box: Box, sandbox: Attachment, session: str
) -> None:
    other = launch(sandbox, "cell", code="import time; print(1, flush=True); time.sleep(60)")
    one = launch(sandbox, "cell", code=STUBBORN, session=session)
    wait_until(lambda: one.out.count(b"\n") == 2 and other.out)
    assert one.channel
    assert other.channel
    one.channel.kill()
    one.channel.wait(6)
    assert (one.end.cause, one.end.signal) == ("cancelled", 9)
    assert ("variables are gone" in one.end.detail) == bool(session)
    inside = {process.decode() for process in one.out.split()}
    alive = run(sandbox, shell="ls /proc").out.decode().split()
    assert not inside & set(alive)
    assert not other.channel.ended.is_set()
    other.channel.kill()
    other.channel.wait(5)


def test_when_the_nest_or_the_warmed_interpreter_is_killed_cells_end_and_new_ones_start(
    box: Box, sandbox: Attachment
) -> None:
    for which in (1, 0):
        one = launch(sandbox, "cell", code="import time; print(1, flush=True); time.sleep(60)")
        wait_until(lambda one=one: one.out)
        os.kill(nest_and_zygote(box)[which], signal.SIGKILL)
        if which == 1:  # the interpreter: running cells are not its business
            time.sleep(0.3)
            assert one.channel
            assert not one.channel.ended.is_set()
            one.channel.kill()
        assert one.channel
        one.channel.wait(5)
        assert one.end.cause == ("cancelled" if which == 1 else "lost")
        assert run(sandbox, "cell", code="6 * 7").out == b"42\n"


def test_an_interpreter_that_was_stopped_or_killed_is_replaced_within_the_same_cell(
    box: Box, sandbox: Attachment
) -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for session in SESSIONS:
            sandbox.request("end_session", session=session)
        wait_until(lambda: len(interpreters(box)) == 1)
        os.kill(interpreters(box)[0], number)
        began = time.monotonic()
        assert run(sandbox, "cell", code="6 * 7").out == b"42\n"
        assert time.monotonic() - began < 3


STOP_THE_INTERPRETER = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        try:
            if b"fdopen(3)" in open(f"/proc/{name}/cmdline", "rb").read():
                os.kill(int(name), signal.SIGSTOP)
        except OSError: pass
"""


def test_code_that_stops_the_interpreter_stops_no_other_cell(box: Box, sandbox: Attachment) -> None:
    for _round in range(3):
        run(sandbox, argv=["python3", "-c", STOP_THE_INTERPRETER])
        assert run(sandbox, "cell", code="6 * 7").out == b"42\n"


def test_a_session_that_does_not_read_holds_up_nobody_and_is_ended(box: Box, sandbox: Attachment) -> None:
    run(sandbox, "cell", code="x = 1", session="deaf")
    process = run(sandbox, "cell", code="import os; os.getpid()", session="deaf").out.decode().strip()
    run(sandbox, shell=f"kill -STOP {process}")
    long = launch(sandbox, "cell", code="#" + "x" * 4_000_000, session="deaf")
    began = time.monotonic()
    assert run(sandbox, "cell", code="6 * 7").out == b"42\n"
    assert time.monotonic() - began < 2
    assert long.channel
    ended = long.channel.wait(10)
    assert isinstance(ended, Faulted)
    assert ended.code == "not_started"
    long.channel.close()
    assert b"NameError" in run(sandbox, "cell", code="x", session="deaf").err


def test_the_runner_waits_for_no_nest_that_does_not_read(box: Box, sandbox: Attachment) -> None:
    run(sandbox, "cell", code="1")
    os.kill(nest_and_zygote(box)[0], signal.SIGSTOP)
    cells = [launch(sandbox, "cell", code="#" + "x" * 3_000_000) for _ in range(3)]
    began = time.monotonic()
    assert sandbox.request("info", timeout=5)["channels"]
    assert run(sandbox, shell="echo here").out == b"here\n"
    assert time.monotonic() - began < 3
    for cell in cells:
        assert cell.channel
        cell.channel.wait(12)
        assert cell.events[-1] if isinstance(cell.events[-1], Faulted) else cell.end.cause == "lost"
        cell.channel.close()
    assert run(sandbox, "cell", code="6 * 7").out == b"42\n"


def test_a_long_code_and_much_output_pass(sandbox: Attachment) -> None:
    code = "x = '" + "y" * 1_000_000 + "'\nprint(x * 3)"
    assert len(run(sandbox, "cell", code=code).out) == 3_000_001


def test_code_that_writes_to_its_sessions_socket_ends_that_session_only(sandbox: Attachment) -> None:
    code = """
import os, struct
for fd in range(3, 20):
    try: os.write(fd, struct.pack("!I", 1 << 31) + b"x" * 100)
    except OSError: pass
"""
    for text in (code, code.replace("1 << 31", "5"), code.replace("1 << 31", "2")):
        done = run(sandbox, "cell", code=text, session="forging")
        assert done.end.cause == "exit"
    assert run(sandbox, "cell", code="1 + 1").out == b"2\n"


def test_a_first_print_of_a_fresh_cell_is_quick(sandbox: Attachment) -> None:
    taken = []
    for _ in range(40):
        began = time.perf_counter()
        done = run(sandbox, "cell", code="print(1)")
        taken.append(time.perf_counter() - began)
        assert done.out == b"1\n"
        time.sleep(0.02)
    taken.sort()
    print(f"\nprint(1) to its end: p50 {taken[20] * 1000:.1f} ms, p95 {taken[37] * 1000:.1f} ms")
    assert taken[0] < 0.05  # the bench holds the median to its bound, alone on a machine


def test_a_terminal_has_its_size_its_signals_and_its_history(box: Box) -> None:
    sandbox = box.attachments[-1]
    terminal = launch(
        sandbox, "terminal", argv=["bash", "--norc", "-i"], cols=100, rows=30, env={"PS1": "> "}
    )
    channel = terminal.channel
    assert channel
    channel.send(b"stty size; tty; test -w $(tty) && echo writable\n")
    wait_until(lambda: b"30 100" in terminal.out and b"\nwritable" in terminal.out)
    channel.resize(120, 40)
    channel.send(b"stty size; sleep 60\n")
    wait_until(lambda: b"40 120" in terminal.out)
    time.sleep(0.2)
    channel.send(b"\x03echo inter''rupted\n")
    wait_until(lambda: b"interrupted" in terminal.out)
    sandbox.sock.close()
    again = box.attach()
    known = next(found for found in again.sync.channels if found.op == "terminal")  # type: ignore[attr-defined]
    found = Watched()
    found.channel = again.adopt(known, found, after=0)
    wait_until(lambda: b"interrupted" in found.out)
    assert found.out.startswith(terminal.out[:50])
    found.channel.send(b"exit 5\n")
    found.channel.wait(5)
    assert found.end.exit_code == 5
    found.channel.close()


SERVER = """
import socket, sys
listening = socket.socket(socket.AF_INET6 if sys.argv[2:] else socket.AF_INET)
listening.bind(("::1" if sys.argv[2:] else "127.0.0.1", int(sys.argv[1]))); listening.listen()
print("up", flush=True)
while True:
    taken, _ = listening.accept()
    while data := taken.recv(65536): taken.sendall(data.upper())
    taken.sendall(b"!"); taken.close()
"""


@pytest.mark.parametrize("six", [[], ["6"]])
def test_a_tunnel_reaches_a_port_inside_and_half_closes(box: Box, six: list[str]) -> None:
    sandbox = box.attachments[-1]
    server = launch(sandbox, argv=["python3", "-c", SERVER, "8123", *six])
    wait_until(lambda: server.out or server.err)
    if six and server.err:
        pytest.skip("no IPv6 inside")
    for _ in range(3):
        tunnel = launch(sandbox, "tunnel", port=8123)
        assert tunnel.channel
        data = os.urandom(700_000)
        tunnel.channel.send(data, timeout=10)
        tunnel.channel.eof()
        assert isinstance(tunnel.channel.wait(10), Answered)
        assert tunnel.out == data.upper() + b"!"
        tunnel.channel.close()
    assert server.channel
    server.channel.kill()
    server.channel.wait(5)
    refused = sandbox.open("tunnel", port=8123).wait(5)
    assert isinstance(refused, Faulted)
    assert refused.code == "refused"


def test_an_idle_runner_is_small(docker_engine: str) -> None:
    box = Box(docker_engine)
    try:
        sandbox = box.start()
        sandbox.request("warm")
        time.sleep(0.5)
        total = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
        for process in box.docker("top", box.name, "-o", "pid").split()[1:]:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if (name := line.split(":")[0]) in total:
                    total[name] += int(line.split()[1])
        print(f"\nidle, with a warmed interpreter: {total} kB; cgroup {sandbox.request('usage')['memory']}")
        assert total["Private_Dirty"] < 20_000
    finally:
        box.close()
