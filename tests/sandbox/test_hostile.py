"""Programs that misbehave: contained in the product's own sandbox, and shown to succeed in a weak container.

The registry (tests/sandbox/hostile/registry.py) says of each program what it tries, and what is to be seen in
either place. The sandbox is the boundary: its executions share one user, so each can read and end the others
(docs/sandboxes.md).
"""

import base64
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox import wire
from sandbox.policy.limits import MB, Limits

from .hostile import registry
from .hostile.boxes import WeakRunnerBox, docker, weak_box
from .hostile.places import (
    SECRET,
    boxes,
    host,
    image,
    new_sandbox,
    new_weak_runner,
    sandbox,
    site,
    weak,
)
from .hostile.registry import BY_NAME, PROGRAMS, RUNNER, Hostile

pytestmark = pytest.mark.docker_engine

__all__ = ["boxes", "host", "image", "new_sandbox", "new_weak_runner", "sandbox", "site", "weak"]  # fixtures
NO_PROGRAMS = {"archives", "boxes", "kit", "naive_files", "places", "product", "registry", "weak_runner"}
SAID = [program for program in PROGRAMS if not program.own_test]
INTERPRETER = ["/.agi/lib/ld-linux-x86-64.so.2", "--library-path", "/.agi/lib", "/.agi/bin/python3"]


def names(programs: list[Hostile]) -> Any:
    return pytest.mark.parametrize("program", programs, ids=[program.name for program in programs])


# --- What they say themselves ----------------------------------------------
def test_every_program_stands_in_the_registry() -> None:
    files = {path.stem for path in Path(registry.__file__).parent.glob("*.py")}
    assert files - NO_PROGRAMS == set(BY_NAME)
    assert len(BY_NAME) == len(PROGRAMS)


@names(SAID)
def test_it_is_contained(program: Hostile, sandbox: Any) -> None:
    outcome = sandbox.run(program.name, program.given | {"secret": SECRET, "interpreter": INTERPRETER})
    assert outcome.got() == []
    assert outcome.cause in program.ends
    if program.ends == ("exit",):
        assert outcome.attempts, outcome  # it did run
        assert outcome.exit_code == 0, outcome.stderr
    assert sandbox.works()
    assert sandbox.left() == []


@names(SAID)
def test_it_succeeds_where_a_protection_is_missing(program: Hostile, weak: Callable[[str], Any]) -> None:
    outcome = weak(program.weak).run(
        program.name, program.given | {"secret": SECRET, "interpreter": ["python3"]}
    )
    assert outcome.attempts, outcome
    assert outcome.not_got(program.elsewhere) == []


FEW = {"most": {"/workspace": 10_000, "/tmp": 4_000, "/dev/shm": 10_000}}


def test_small_disks_have_room_for_few_files(new_sandbox: Callable[..., Any]) -> None:
    """The default ones, with room for more, are filled in test_hostile_services.py."""
    limits = Limits(disk_limit=64 * MB, tmp_limit=16 * MB)
    outcome = new_sandbox(limits=limits).run("inodes", FEW)
    assert outcome.got() == []
    assert set(outcome.attempts) == {"workspace", "tmp", "shared_memory"}


def test_disks_without_such_a_limit_take_them_all(weak: Callable[[str], Any]) -> None:
    assert weak(registry.LIMITS).run("inodes", FEW).not_got() == []


# --- Rights of the image's own programs ------------------------------------
MAKE_PROGRAMS = """
import os, shutil, struct
os.makedirs("/hostile")
for name in ("setuid-cat", "capable-cat"):
    shutil.copy("/bin/cat", f"/hostile/{name}")
os.chmod("/hostile/setuid-cat", 0o6755)
every = (1 << 32) - 1
some = 1 << 6 | 1 << 7  # SETUID and SETGID: what every container here may have
os.setxattr("/hostile/capable-cat", "security.capability", struct.pack("<5I", 0x02000001, some, 0, 0, 0))
"""


@pytest.fixture(scope="module")
def image_with_rights(docker_engine: str, image: str, site: str, boxes: ExitStack) -> str:
    """The default image, with programs that are setuid root and that have capabilities."""
    name, tag = f"{site}-made", f"{site}:rights"
    made = docker(
        docker_engine,
        "run",
        "--name",
        name,
        "--user",
        "0",
        "--network",
        "none",
        image,
        "python3",
        "-c",
        MAKE_PROGRAMS,
    )
    assert made.returncode == 0, made.stderr
    docker(docker_engine, "commit", name, tag)
    docker(docker_engine, "rm", name)
    # after the containers that are made of it, or it would stay without a name
    boxes.callback(docker, docker_engine, "rmi", "-f", tag)
    return tag


def test_the_images_setuid_programs_give_no_rights(
    new_sandbox: Callable[..., Any], image_with_rights: str
) -> None:
    outcome = new_sandbox(image=image_with_rights).run("setuid_files")
    assert outcome.got() == []
    assert {"setuid_root", "file_capability"} <= set(outcome.attempts)


def test_without_no_new_privileges_they_give_rights(
    docker_engine: str, image_with_rights: str, site: str
) -> None:
    with weak_box(docker_engine, image_with_rights, registry.RIGHTS, site) as box:
        assert box.run("setuid_files").not_got(BY_NAME["setuid_files"].elsewhere) == []


# --- The runner ------------------------------------------------------------
def test_no_signal_ends_or_stops_pid_1(sandbox: Any) -> None:
    boot = sandbox.request("info")
    sandbox.run("kill_pid1")
    assert sandbox.works()
    assert sandbox.request("info")["version"] == boot["version"]


def test_a_signal_ends_a_pid_1_of_the_same_user(new_weak_runner: Callable[[], WeakRunnerBox]) -> None:
    box = new_weak_runner()
    box.send("kill_pid1")
    assert box.gone()


def test_who_kills_everyone_kills_its_own_user_only(sandbox: Any) -> None:
    """Other executions of the same sandbox are within its reach; how they ended is told truly."""
    other = sandbox.command("sh", "-c", "echo ready; exec sleep 60")
    assert other.wait_for(b"ready")
    assert sandbox.left()  # so that what the tests say of nothing left can fail
    outcome = sandbox.run("kill_everyone")
    assert (outcome.cause, outcome.signal) == ("exit", 9)
    ended = other.outcome(10)
    assert (ended.cause, ended.signal) == ("exit", 9)
    assert sandbox.works()


def test_where_the_runners_helpers_share_the_user_they_die(
    new_weak_runner: Callable[[], WeakRunnerBox],
) -> None:
    box = new_weak_runner()
    assert len(box.processes()) == 1
    box.run("kill_everyone")
    assert box.processes() == []


def test_who_stops_everyone_is_cancelled_like_others(sandbox: Any) -> None:
    running = sandbox.launch("stop_everyone")
    time.sleep(0.5)
    assert sandbox.works()
    running.cancel()
    assert running.outcome(10).cause == "cancelled"
    assert sandbox.left_after() == []


def test_where_the_runners_helpers_share_the_user_they_are_stopped(
    new_weak_runner: Callable[[], WeakRunnerBox],
) -> None:
    box = new_weak_runner()
    box.run("stop_everyone", limit=2)
    (helper,) = box.processes()
    assert helper.split()[1].startswith("T")


def forged_frames() -> bytes:
    """Whatever the runner may say, for every channel there may be."""
    end = {"exit_code": 99, "signal": None, "cause": "exit", "detail": "forged", "usage": {}}
    sync = {"nonce": "0" * 32, "boot": "forged", "channels": [], "last_channel": 0, "info": {}}
    frames = [
        frame
        for channel in range(60)
        for frame in (
            wire.frame(wire.OUT, channel, wire.OFFSET.pack(0) + b"forged output"),
            wire.json_frames(wire.END, channel, end),
            wire.json_frames(wire.FAULT, channel, {"code": "forged", "message": "forged"}),
            wire.json_frames(wire.SYNC, channel, sync),
            wire.json_frames(wire.KILL, channel, {"cause": "forged"}),
        )
    ]
    return wire.json_frames(wire.HELLO, 0, {"nonce": "0" * 32}) + b"".join(frames)


def given_frames() -> dict[str, str]:
    return {"frames": base64.b64encode(forged_frames()).decode()}


def test_forged_frames_are_output_like_any_other(sandbox: Any) -> None:
    """Neither the execution that prints them nor its neighbour ends otherwise than it does."""
    other = sandbox.command("sh", "-c", "sleep 1; echo mine; exit 7")
    outcome = sandbox.run("forged_frames", given_frames())
    assert outcome.stdout.startswith(b"\n" + forged_frames() + b"\n")
    assert outcome.stderr == b"\n" + forged_frames() + b"\n"
    assert outcome.got() == []
    assert outcome.exit_code == 0
    ended = other.outcome()
    assert (ended.stdout, ended.exit_code) == (b"mine\n", 7)
    assert sandbox.works()


def test_on_a_shared_stream_forged_frames_are_frames(weak: Callable[[str], Any]) -> None:
    box = weak(RUNNER)
    outcome = box.run("forged_frames", given_frames())
    found = list(
        wire.Parser().feed(outcome.stdout[outcome.stdout.index(wire.MAGIC) :][: len(forged_frames())])
    )
    assert wire.END in {kind for kind, _channel, _payload in found}
    assert [name for name, (got, _detail) in outcome.attempts.items() if got] == ["write_to_the_stream"]


def test_executions_of_one_sandbox_are_no_secret_to_each_other(
    sandbox: Any, new_sandbox: Callable[..., Any]
) -> None:
    """One user, so one environment is readable from the other; it ends at the sandbox's edge."""
    with_secret = sandbox.command("sh", "-c", "echo ready; exec sleep 30", env={"TOKEN": SECRET})
    assert with_secret.wait_for(b"ready")
    near = sandbox.run("environment_of_others", {"secret": SECRET})
    far = new_sandbox().run("environment_of_others", {"secret": SECRET})
    with_secret.cancel()
    assert [found.partition(":")[0] for found in near.got()] == ["environment"]
    assert far.got() == []
    assert with_secret.outcome().cause == "cancelled"


SURVIVORS = ["survive_setsid", "survive_exit", "survive_at_the_limit", "survive_stopped"]


@pytest.mark.parametrize("name", SURVIVORS)
def test_nothing_survives_its_execution(name: str, sandbox: Any) -> None:
    running = sandbox.launch(name)
    assert running.wait_for(b"ready")
    if name != "survive_exit":
        time.sleep(0.5)
        assert sandbox.left()
        running.cancel()
    outcome = running.outcome(15)
    # so many processes may have met the limit of memory too, before they were cancelled
    also = {"oom"} if name == "survive_at_the_limit" else set()
    assert outcome.cause in {"exit" if name == "survive_exit" else "cancelled"} | also
    assert sandbox.left_after() == []
    assert sandbox.works()


@pytest.mark.parametrize("name", SURVIVORS)
def test_something_survives_where_only_the_main_process_is_killed(
    name: str, new_weak_runner: Callable[[], WeakRunnerBox]
) -> None:
    box = new_weak_runner()
    start = box.send(name, {"seconds": 5}, limit=1.5)
    assert box.wait_for(b'{"ended"', 20, start)
    assert len(box.processes()) > 1  # one is the runner's helper
    box.remove()


# --- Cells -----------------------------------------------------------------
AS_CELLS = [
    BY_NAME[name]
    for name in ("pid1_files", "signal_others", "helper_sockets", "more_rights", "ptrace", "namespaces")
]


@names(AS_CELLS)
def test_it_is_contained_as_a_cell(program: Hostile, sandbox: Any) -> None:
    outcome = sandbox.cell(program.name, program.given | {"secret": SECRET}).outcome()
    assert outcome.attempts, outcome
    assert outcome.got() == []
    assert sandbox.works()


def test_a_cell_that_forges_its_end_is_ended(sandbox: Any) -> None:
    sandbox.cell("more_rights").outcome()
    warmed = sandbox.left()
    assert len(warmed) == 1  # the interpreter whose forks are cells
    outcome = sandbox.cell("forged_end").outcome(10)
    assert (outcome.cause, outcome.signal) == ("exit", 9)
    end = time.monotonic() + 3
    while sandbox.left() != warmed and time.monotonic() < end:
        time.sleep(0.05)
    assert sandbox.left() == warmed


def test_a_session_that_reads_nothing_holds_nobody_up(sandbox: Any) -> None:
    """It says that it is done, and never takes the next code, which is more than its socket holds."""
    assert sandbox.cell("forged_end", session="deaf").outcome(10).exit_code == 0
    assert len(sandbox.left()) == 2  # the warmed interpreter; and the session, whose word is taken, goes on
    unheard = sandbox.code("x = 1\n" * 120_000, session="deaf")
    assert sandbox.works()
    assert sandbox.cell("more_rights").outcome(10).attempts
    assert unheard.outcome(10).cause == "not_started"
    assert sandbox.code("print(x)", session="deaf").outcome(10).exit_code == 1  # a new one of that name


def test_a_cell_that_kills_everyone_does_not_end_the_cells_after_it(sandbox: Any) -> None:
    outcome = sandbox.cell("kill_everyone").outcome(20)
    assert (outcome.cause, outcome.signal) == ("exit", 9)
    assert sandbox.cell("more_rights").outcome(20).attempts
    assert sandbox.works()


def test_a_cell_that_stops_everyone_is_cancelled_and_cells_go_on(sandbox: Any) -> None:
    running = sandbox.cell("stop_everyone")
    time.sleep(0.5)
    running.cancel()
    assert running.outcome(15).cause == "cancelled"
    outcomes = [sandbox.cell("more_rights").outcome(20) for _ in range(2)]
    assert all(outcome.attempts for outcome in outcomes), outcomes  # the stopped interpreter is replaced
    assert sandbox.works()


def test_frames_that_a_cell_forges_are_output(sandbox: Any) -> None:
    outcome = sandbox.cell("forged_frames", given_frames()).outcome()
    assert forged_frames() in outcome.stdout
    assert outcome.got() == []
    assert outcome.exit_code == 0
    assert sandbox.works()
