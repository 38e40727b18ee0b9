"""Programs that misbehave: contained in the product's own sandbox, and shown to succeed in a weak container.

The registry (tests/sandbox/hostile/registry.py) says of each program what it tries, and what is to be seen in
either place. The sandbox is the boundary: its executions share one user, so each can read and end the others
(docs/sandboxes.md).
"""

import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox import wire
from sandbox.policy.limits import MB, Limits
from sandbox.policy.network import read_network_policy, to_nft

from .fixtures_engine import own_site
from .hostile import archives, registry
from .hostile.boxes import Outcome, WeakBox, WeakRunnerBox, argv, docker, weak_box
from .hostile.registry import BY_NAME, PROGRAMS, RUNNER, Hostile

pytestmark = pytest.mark.docker_engine

NO_PROGRAMS = {"archives", "boxes", "kit", "naive_files", "product", "registry", "weak_runner"}
SAID = [program for program in PROGRAMS if not program.own_test]
SECRET = f"secret-of-another-{uuid.uuid4().hex}"
INTERPRETER = ["/.agi/lib/ld-linux-x86-64.so.2", "--library-path", "/.agi/lib", "/.agi/bin/python3"]


def names(programs: list[Hostile]) -> Any:
    return pytest.mark.parametrize("program", programs, ids=[program.name for program in programs])


# --- Where they run --------------------------------------------------------
@pytest.fixture(scope="module")
def site() -> str:
    return own_site()


@pytest.fixture(scope="module")
def host(docker_engine: str, site: str) -> Iterator[Any]:
    from sandbox.engine import DockerHost

    found = DockerHost("local", docker_engine, site)
    try:
        found.ensure_ready()
        yield found
    finally:
        found.remove_everything()


@pytest.fixture(scope="module")
def image(host: Any, make_sandbox_image: Callable[..., dict[str, str]]) -> str:
    """The image of the default template."""
    return make_sandbox_image("agi-sandbox-python")["agi-sandbox-python"]


@pytest.fixture(scope="module")
def boxes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def new_sandbox(host: Any, image: str, boxes: ExitStack) -> Callable[..., Any]:
    """A new sandbox of the default template; `start` goes to the engine's start, the rest to its spec."""
    from .hostile.product import product_box

    def make(image: str = image, **options: Any) -> Any:
        return boxes.enter_context(product_box(host, image, **options))

    return make


@pytest.fixture(scope="module")
def sandbox(new_sandbox: Callable[..., Any]) -> Any:
    """One for all the programs: each finds it as the one before left it."""
    return new_sandbox()


@pytest.fixture(scope="module")
def new_weak_runner(
    docker_engine: str, image: str, site: str, boxes: ExitStack
) -> Callable[[], WeakRunnerBox]:
    def make() -> WeakRunnerBox:
        box = WeakRunnerBox(docker_engine, image, site, secret=SECRET)
        boxes.callback(box.remove)
        return box

    return make


@pytest.fixture(scope="module")
def weak(
    docker_engine: str, image: str, site: str, boxes: ExitStack, new_weak_runner: Callable[[], WeakRunnerBox]
) -> Callable[[str], Any]:
    """The weak container of a kind."""
    made: dict[str, WeakBox | WeakRunnerBox] = {}

    def find(kind: str) -> WeakBox | WeakRunnerBox:
        if kind not in made:
            made[kind] = (
                new_weak_runner()
                if kind == RUNNER
                else boxes.enter_context(weak_box(docker_engine, image, kind, site))
            )
        return made[kind]

    return find


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
def image_with_rights(docker_engine: str, image: str, site: str) -> Iterator[str]:
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
    yield tag
    docker(docker_engine, "rmi", "-f", tag)


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


# --- Neighbours ------------------------------------------------------------
class Listener:
    """A service of the host, on all its addresses."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("0.0.0.0", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"the host's service")

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture(scope="module")
def host_service() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


LISTEN = (
    "import socket; s = socket.create_server(('0.0.0.0', 8000)); print('ready', flush=True)\n"
    "while True: c, a = s.accept(); c.sendall(b'a neighbour'); c.close()"
)
METADATA = "169.254.169.254"


def addresses_of(engine: str, container: str) -> list[tuple[str, str]]:
    """(address, gateway) of a container in each of its networks."""
    found = json.loads(
        docker(engine, "inspect", "-f", "{{json .NetworkSettings.Networks}}", container).stdout
    )
    return [(network["IPAddress"], network["Gateway"]) for network in found.values()]


def address_of_the_host() -> str:
    """The host's address to the outside."""
    links = psutil.net_if_addrs().items()
    return next(
        address.address
        for name, addresses in links
        if not name.startswith(("lo", "docker", "br-", "veth"))
        for address in addresses
        if address.family == socket.AF_INET
    )


def test_no_sandbox_reaches_the_host_the_metadata_service_or_its_neighbours(
    docker_engine: str, new_sandbox: Callable[..., Any], sandbox: Any, host_service: Listener
) -> None:
    """Neither without a network, nor with the whole internet allowed; what a policy names is reached."""
    policy: dict[str, Any] = {"default": "allow"}
    options = {"network_policy": policy, "start": {"nft_script": to_nft(read_network_policy(policy))}}
    one, other = new_sandbox(**options), new_sandbox(**options)
    listening = other.command("python3", "-c", LISTEN)
    assert listening.wait_for(b"ready")
    ((_own, gateway),) = addresses_of(docker_engine, one.container)
    ((neighbour, _gateway),) = addresses_of(docker_engine, other.container)
    targets = {
        "the gateway": (gateway, host_service.port),
        "the host": (address_of_the_host(), host_service.port),
        "the metadata service": (METADATA, 80),
        "a neighbour": (neighbour, 8000),
    }
    for box in (one, sandbox):
        outcome = box.run("network_reach", targets)
        assert set(outcome.attempts) == set(targets), outcome
        assert outcome.got() == []
    named = {"allow": [{"ip": gateway, "port": host_service.port}, {"ip": neighbour, "port": 8000}]}
    one.host.apply_network(one.instance, to_nft(read_network_policy(named)), None)
    # the neighbour's own rules let nothing in
    assert [line.partition(":")[0] for line in one.run("network_reach", targets).got()] == ["the gateway"]


def test_on_a_bridge_without_rules_all_of_them_answer(
    docker_engine: str, image: str, site: str, host_service: Listener, boxes: ExitStack
) -> None:
    network = f"{site}-metadata"
    made = docker(docker_engine, "network", "create", "--subnet", "169.254.169.0/24", network)
    assert made.returncode == 0, made.stderr
    boxes.callback(docker, docker_engine, "network", "rm", network)
    with (
        weak_box(
            docker_engine, image, registry.BRIDGE, site, f"--network={network}", f"--ip={METADATA}"
        ) as there,
        weak_box(docker_engine, image, registry.BRIDGE, site, f"--network={network}") as box,
    ):
        docker(docker_engine, "exec", "-d", there.name, "python3", "-c", LISTEN)
        ((_own, gateway),) = addresses_of(docker_engine, box.name)
        targets = {
            "the gateway": (gateway, host_service.port),
            "the host": (address_of_the_host(), host_service.port),
            "the metadata service": (METADATA, 8000),  # a neighbour too
        }
        outcome = box.run("network_reach", targets)
    assert outcome.not_got() == []
    assert set(outcome.attempts) == set(targets)


def test_a_sandbox_leaves_its_neighbours_their_share_of_the_users_limits(
    new_sandbox: Callable[..., Any], sandbox: Any
) -> None:
    greedy = new_sandbox().launch("starve_user_limits")
    assert greedy.wait_for(b"ready")
    outcome = sandbox.run("user_limits_left")
    greedy.cancel()
    assert outcome.attempts
    assert outcome.got() == []


def test_two_containers_of_one_user_share_the_users_limits(
    docker_engine: str, image: str, site: str, weak: Callable[[str], Any]
) -> None:
    with weak_box(docker_engine, image, registry.LIMITS, site) as greedy:
        begun = threading.Thread(target=greedy.run, args=("starve_user_limits",))
        begun.start()
        time.sleep(1.5)
        outcome: Outcome = weak(registry.LIMITS).run("user_limits_left")
        docker(docker_engine, "kill", greedy.name)
        begun.join()
    assert outcome.not_got(BY_NAME["user_limits_left"].elsewhere) == []


# --- Files, links and archives ---------------------------------------------
OUTSIDE = {
    "read": [
        "passwd",
        "up/etc/passwd",
        "../etc/passwd",
        "/etc/passwd",
        "root/etc/passwd",
        "chain/etc/passwd",
    ],
    "write": [
        "out/escaped-write",
        "../tmp/escaped-up",
        "/tmp/escaped-absolute-write",
        "chain/tmp/escaped-chained",
    ],
    "mkdir": ["out/escaped-folder", "../tmp/escaped-folder-up"],
}


def fault_of(ask: Callable[[], Any]) -> str:
    """The word with which the runner refuses, or "" if it does not."""
    from sandbox.agent.stream import RunnerFault

    try:
        ask()
    except RunnerFault as fault:
        return fault.code
    return ""


def escaped(sandbox: Any) -> str:
    """What stands in /tmp that was put there through the file API."""
    return sandbox.shell("ls -d /tmp/escaped* 2>/dev/null")


@pytest.fixture(scope="module")
def planted(new_sandbox: Callable[..., Any]) -> Any:
    """A sandbox whose workspace is full of traps."""
    box = new_sandbox()
    assert box.run("plant_links").exit_code == 0
    return box


def test_the_file_api_stays_in_the_workspace(planted: Any) -> None:
    stream = planted.attachment
    for path in OUTSIDE["read"]:
        fault = fault_of(lambda path=path: list(stream.download("read", path=path)))
        assert fault in {"outside", "not_allowed"}, (path, fault)
    for path in OUTSIDE["write"]:
        fault = fault_of(lambda path=path: stream.upload("write", [b"escaped"], path=path))
        assert fault == "outside", (path, fault)
    for path in OUTSIDE["mkdir"]:
        assert fault_of(lambda path=path: planted.request("mkdir", path=path)) == "outside", path
    assert fault_of(lambda: planted.request("move", path="note", to="out/escaped-move")) == "outside"
    assert fault_of(lambda: list(stream.download("list", path="out"))) in {"outside", "not_found"}
    assert escaped(planted) == ""


def test_it_neither_hangs_at_pipes_nor_goes_round_in_loops(planted: Any) -> None:
    stream = planted.attachment
    for path in ("pipe", "socket", "loop", "device", "environ", "cwd"):
        began = time.monotonic()
        assert fault_of(lambda path=path: list(stream.download("read", path=path))), path
        assert time.monotonic() - began < 2, path
    packed = b"".join(stream.download("archive", path="."))
    assert b"mine" in packed
    assert b"root:x:0" not in packed
    assert planted.works()


def test_a_link_is_replaced_or_deleted_not_what_it_points_to(planted: Any) -> None:
    planted.attachment.upload("write", [b"replaced"], path="passwd")
    assert planted.shell("cat passwd; head -c 5 /etc/passwd") == "replacedroot:"
    planted.request("delete", path="out", recursive=True)
    planted.request("delete", path="inside", recursive=True)
    planted.request("delete", path="deep", recursive=True)
    assert planted.shell("cat /tmp/kept; ls -d deep inside out 2>/dev/null") == "kept"


def test_no_race_of_folders_and_links_leads_out(new_sandbox: Callable[..., Any]) -> None:
    box = new_sandbox()
    running = box.launch("swap_links")
    assert running.wait_for(b"ready")
    seen = set()
    for _ in range(250):
        try:
            seen.add(b"".join(box.attachment.download("read", path="race/passwd")))
        except Exception as refused:
            seen.add(getattr(refused, "code", repr(refused)))
    running.cancel()
    assert b"inside" in seen
    assert seen <= {b"inside", "outside", "not_found"}


def test_a_plain_file_api_is_led_out(docker_engine: str, image: str, site: str) -> None:
    escapes = {name: found for name, (_members, found) in archives.HOSTILE.items()}
    packed = {
        name: base64.b64encode(archives.archive(members, "w:gz")).decode()
        for name, (members, _found) in archives.HOSTILE.items()
    }
    with weak_box(docker_engine, image, registry.ALL, site) as box:
        box.run("plant_links")
        outcome = box.run("naive_files", {**OUTSIDE, "escapes": escapes, "archives": packed})
        assert outcome.not_got() == []
        assert len(outcome.attempts) == sum(map(len, OUTSIDE.values())) + len(packed)
        docker(docker_engine, "exec", "-d", box.name, *argv("swap_links"))
        assert box.run("naive_files", {"race": "race/passwd"}).not_got() == []


@pytest.mark.parametrize("name", archives.HOSTILE)
def test_no_archive_leads_out(name: str, sandbox: Any) -> None:
    members, found = archives.HOSTILE[name]
    sandbox.shell("rm -rf /workspace/* /tmp/escaped*; echo kept > /tmp/kept")
    answer = sandbox.attachment.upload("extract", [archives.archive(members)], path=".")
    assert escaped(sandbox) == ""
    odd = sandbox.shell(
        r"find /workspace ! -type f ! -type d ! -type l -o -type f -perm /6000 -o -type f -links +1"
    )
    assert odd == ""
    if name != "setuid":  # the file is taken, without its bits
        assert answer["refused_count"] >= 1
        assert found != "/workspace/shared" or sandbox.shell("ls -d shared 2>/dev/null") == ""


def test_archives_that_fill_are_stopped_at_their_limits(sandbox: Any) -> None:
    sandbox.shell("rm -rf /workspace/*")
    stream = sandbox.attachment
    limit = 32 * 1024**2
    assert fault_of(lambda: stream.upload("extract", [archives.bomb()], max_bytes=limit)) == "too_large"
    assert fault_of(lambda: stream.upload("extract", [archives.many(5000)], max_files=1000)) == "too_many"
    files, size = sandbox.shell("find /workspace | wc -l; du -s -B1 /workspace | cut -f 1").split()
    assert int(files) <= 1100
    assert int(size) <= limit + 8 * 1024**2
    answer = stream.upload("extract", [archives.named()], path=".")
    assert answer["refused_count"] >= 3
    sandbox.shell("rm -rf /workspace/*")
    assert sandbox.works()


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
