"""The helper on a real engine: asked by several processes at once, lost, and found again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import DockerHost, EngineError
from sandbox.policy.network import read_network_policy, to_nft

pytestmark = pytest.mark.docker_engine

# There is no such process, and the answer names the one that was asked for; the script fills several lines.
ASKING = """
import sys
from django.conf import settings
settings.configure(SANDBOX_MOUNT_ROOTS=[], SANDBOX_RAISE_HOST_LIMITS=True)
from sandbox.engine import DockerHost, EngineError
host = DockerHost("x", sys.argv[1], sys.argv[2])
for number in range(50):
    try:
        host.helper.ask(
            "network", pid=int(sys.argv[3]), container="x", script="y" * 9000, rate=None, ports=[]
        )
    except EngineError as error:
        assert sys.argv[3] in str(error), error
host.close()
"""


def test_several_processes_ask_at_once_and_each_keeps_to_its_own_answers(docker_host: DockerHost) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", ASKING, docker_host.url, docker_host.site, str(number)])
        for number in range(9_000_001, 9_000_005)
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0, 0]


def test_a_helper_that_was_killed_is_started_again(docker_host: DockerHost) -> None:
    name = f"agi-{docker_host.site}-helper"
    assert docker_host.helper.ask("about")["can"]["disk"]
    docker_host.client.call("POST", f"/containers/{name}/kill")
    assert docker_host.helper.ask("about")["can"]["disk"]
    docker_host.client.remove_container(name)
    assert docker_host.helper.ask("about")["can"]["disk"]


def test_rules_never_reach_this_machines_own_network(docker_host: DockerHost) -> None:
    """Whatever process is named: it is not the container's any more, or never was."""
    with pytest.raises(EngineError, match="no net namespace of its own"):
        docker_host.helper.ask(
            "network", pid=os.getpid(), container="", script="flush ruleset", rate=None, ports=[]
        )


def test_what_cannot_be_done_is_said_in_words(docker_host: DockerHost) -> None:
    with pytest.raises(EngineError, match="there is no disk"):
        docker_host.helper.ask("disk_attach", name="nobody")
    with pytest.raises(EngineError, match="not a disk's name"):
        docker_host.helper.ask("disk_drop", name="../etc")


def test_the_machines_own_limits_are_raised_unless_the_site_says_no(
    docker_host: DockerHost, settings: Any
) -> None:
    name = f"agi-{docker_host.site}-helper"
    before = docker_host.client.call("GET", f"/containers/{name}/json")
    assert before["Args"][-1] == "--raise-host-limits"
    settings.SANDBOX_RAISE_HOST_LIMITS = False
    docker_host.ensure_ready()
    after = docker_host.client.call("GET", f"/containers/{name}/json")
    assert after["Id"] != before["Id"]
    assert "--raise-host-limits" not in after["Args"]
    assert docker_host.helper.ask("about")["raised"] == {}


def test_what_was_raised_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sandbox.engine.helper_program import main

    for name, value in (("few", 100), ("enough", 5000), ("bounded", 7), ("free", 0)):
        (tmp_path / name).write_text(f"{value}\n")
    wanted = {"few": 1000, "enough": 1000, "bounded": 0, "free": 0, "of/another/kernel": 9}
    monkeypatch.setattr(main, "ROOM", {f"{tmp_path}/{name}": value for name, value in wanted.items()})
    monkeypatch.setattr(main, "raised", {})
    main.make_room()
    assert {name.rpartition(".")[2]: said for name, said in main.raised.items()} == {
        "few": [100, 1000],
        "bounded": [7, 0],
    }
    assert (tmp_path / "few").read_text() == "1000"


def test_where_terminals_cannot_be_limited_it_is_told_all_the_same_whether_it_is_apart(
    docker_host: DockerHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.engine.helper_program import terminals

    def fails(*_args: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(terminals, "limit_terminals", fails)
    monkeypatch.setattr(terminals, "is_apart", lambda *_args: True)
    assert terminals.terminals(1, "x", 9) == {"apart": True, "fault": "not here"}
    monkeypatch.undo()
    for pid, container in ((os.getpid(), "0" * 64), (os.getpid(), ""), (9_000_001, "x")):
        with pytest.raises(EngineError, match="the container has ended"):
            docker_host.helper.ask("terminals", pid=pid, container=container, most=9)


def test_a_kernel_that_cannot_count_connections_takes_the_other_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sandbox.engine.helper_program import network
    from sandbox.engine.helper_program.doing import Fault
    from sandbox.policy.network import read_network_policy, to_nft

    taken: list[str] = []

    def run(*_argv: str, given: str = "", **_options: Any) -> str:
        taken.append(given)
        if "ct count" in given or "nonsense" in given:
            raise Fault("nft: Could not process rule: No such file or directory")
        return ""

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(network, "own_namespace", lambda *_args: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(network, "shape", lambda *_args: None)
    script = to_nft(read_network_policy({"allow": [{"ip": "1.1.1.1"}]}))
    network.network(1, "x", script, None, ())
    asked, done = taken
    lines = [line for line in asked.splitlines() if "ct count" not in line]
    assert done.splitlines() == lines
    assert "limit rate over" in done
    with pytest.raises(Fault):
        network.network(1, "x", "nonsense", None, ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# by hand\nnameserver 10.0.0.2\nsearch lan\nnameserver fd00::53\n", ["10.0.0.2", "fd00::53"]),
        ("nameserver 127.0.0.53\noptions edns0\n", []),
        ("nameserver\nnameserver fe80::1%eth0\nnameserver x;y\n", []),
        (None, []),
    ],
)
def test_where_all_is_open_the_machines_resolvers_may_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, found: list[str]
) -> None:
    from sandbox.engine.helper_program import network

    if text is not None:
        (tmp_path / "resolv.conf").write_text(text)
    monkeypatch.setattr(network, "RESOLV_CONF", tmp_path / "resolv.conf")
    assert network.resolvers() == found
    rules = network.with_resolvers(to_nft(read_network_policy({"default": "allow"})))
    assert rules.count("dport 53 accept") == 2 * len(found)
    some = to_nft(read_network_policy({"allow": [{"ip": "1.1.1.1"}]}))
    assert "dport 53 accept" not in network.with_resolvers(some)
