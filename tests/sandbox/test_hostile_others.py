"""Programs that misbehave towards others: the host, their neighbours, whoever reads and writes their files.

What they do within their own sandbox is in test_hostile.py.
"""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from sandbox.policy.network import read_network_policy, to_nft

from .hostile import archives, registry
from .hostile.boxes import Outcome, argv, docker, weak_box
from .hostile.places import (
    boxes,
    host,
    image,
    new_sandbox,
    new_weak_runner,
    sandbox,
    site,
    weak,
)
from .hostile.registry import BY_NAME

pytestmark = pytest.mark.docker_engine

__all__ = ["boxes", "host", "image", "new_sandbox", "new_weak_runner", "sandbox", "site", "weak"]  # fixtures


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
