"""The seccomp profile: what a policy asks for, what it can never have, and that the engine obeys it."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from sandbox.policy.calls import DEFAULT, ESSENTIAL, NEVER, ON_DEMAND, STRICT_LESS
from sandbox.policy.syscalls import allowed_calls, seccomp_json

from .runner_box import empty_image


def actions(policy: dict[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    rules: dict[str, list[dict[str, Any]]] = {}
    for rule in json.loads(seccomp_json(policy))["syscalls"]:
        for name in rule["names"]:
            rules.setdefault(name, []).append(rule)
    return rules


def test_the_lists_of_calls_do_not_contradict_each_other() -> None:
    assert not DEFAULT & NEVER
    assert not ON_DEMAND & (DEFAULT | NEVER)
    assert ESSENTIAL <= DEFAULT
    assert STRICT_LESS <= DEFAULT - ESSENTIAL


def test_what_is_not_allowed_is_refused() -> None:
    profile = json.loads(seccomp_json(None))
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not set(actions(None)) & NEVER


def test_the_same_policy_gives_the_same_text() -> None:
    assert seccomp_json({"deny": ["chmod", "link"]}) == seccomp_json({"deny": ["link", "chmod"]})


def test_no_32_bit_calls_whose_arguments_a_filter_cannot_see() -> None:
    assert all(not arch["subArchitectures"] for arch in json.loads(seccomp_json(None))["archMap"])


def test_threads_and_processes_but_no_namespaces() -> None:
    (rule,) = actions(None)["clone"]
    (argument,) = rule["args"]
    assert (argument["op"], argument["valueTwo"]) == ("SCMP_CMP_MASKED_EQ", 0)
    assert all(argument["value"] & flag for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000))
    assert not argument["value"] & 0x00010000  # CLONE_THREAD
    assert actions(None)["clone3"][0]["errnoRet"] == 38  # the C library falls back to clone


def test_the_limit_of_core_dumps_is_asked_for_and_never_set() -> None:
    rules = actions(None)
    for name, place in (("setrlimit", 0), ("prlimit64", 1)):
        kinds = {a["value"] for rule in rules[name] for a in rule["args"] if a["index"] == place}
        assert kinds == set(range(16)) - {4}
        assert all(a["op"] == "SCMP_CMP_EQ" for rule in rules[name] for a in rule["args"])


def test_no_large_pages_which_no_limit_counts() -> None:
    for name, place, bit in (("mmap", 3, 0x40000), ("memfd_create", 1, 4), ("shmget", 2, 0o4000)):
        (rule,) = actions(None)[name]
        (argument,) = rule["args"]
        assert (argument["index"], argument["value"], argument["valueTwo"]) == (place, bit, 0)
        assert argument["op"] == "SCMP_CMP_MASKED_EQ"
    assert "shmget" not in actions({"deny": ["shmget"]})


def test_deny_wins_over_allow() -> None:
    assert "chmod" not in allowed_calls({"allow": ["chmod"], "deny": ["chmod"]})


def test_strict_is_less_and_may_be_given_back_in_part() -> None:
    strict = allowed_calls({"profile": "strict", "allow": ["mknod"]})
    assert "msgget" not in strict
    assert "mknod" in strict
    assert strict >= ESSENTIAL


def test_what_the_machine_counts_for_all_must_be_asked_for() -> None:
    assert not ON_DEMAND & allowed_calls(None)
    assert "io_setup" in allowed_calls({"allow": ["io_setup"]})


@pytest.mark.parametrize(
    "policy",
    [
        {"allow": ["bpf"]},
        {"allow": ["ptrace", "chmod"]},
        {"deny": ["execve"]},
        {"deny": ["no_such_call"]},
        {"profile": "none"},
        {"allow": "chmod"},
        {"allow": [1]},
        {"mode": "strict"},
    ],
)
def test_an_impossible_policy_is_refused_by_name(policy: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        seccomp_json(policy)
    assert list(refused.value.errors) == ["syscall_policy"]


PROBE = r"""
import ctypes, os, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    libc.syscall(number, *args); return ctypes.get_errno()
def kind(family, type, protocol=0):
    try: socket.socket(family, type, protocol).close(); return "yes"
    except OSError as error: return error.errno
t = threading.Thread(target=lambda: None); t.start(); t.join()
assert subprocess.run(["/bin/true"]).returncode == 0
print(call(101, 0, 0, 0, 0), call(272, 0x10000000), call(321, 0, 0, 0), call(425, 1, 0), call(250, 0, 0),
      kind(2, 1), kind(2, 3, 1), kind(17, 3), kind(16, 3, 0), kind(16, 3, 9), kind(40, 1))
"""


@pytest.mark.docker_engine
def test_the_engine_obeys_the_profile(docker_engine: str) -> None:
    """Python runs; ptrace, unshare, bpf, io_uring, keyctl and raw, packet, audit and vsock sockets do not."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as profile:
        profile.write(seccomp_json({"profile": "strict"}))
        profile.flush()
        said = in_container(docker_engine, ["--security-opt", f"seccomp={profile.name}"])
    assert said == "1 1 1 1 1 yes 1 1 yes 1 1"


@pytest.mark.docker_engine
def test_without_a_profile_the_same_program_gets_through(docker_engine: str) -> None:
    """So the test above can fail."""
    said = in_container(
        docker_engine,
        ["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined"],
    )
    assert said.split()[:2] == ["0", "0"]


def in_container(engine: str, options: list[str]) -> str:
    """What the probe prints in a container made of this machine's own system, read-only."""
    home = str(Path(sys.base_prefix).resolve())
    folders = [folder for folder in ("/usr", "/bin", "/lib", "/lib64", "/etc", home) if Path(folder).exists()]
    mounts = [option for folder in folders for option in ("-v", f"{folder}:{folder}:ro")]
    image = empty_image(engine)
    python = str(Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}").resolve())
    command = ["docker", "-H", engine, "run", "--rm", "--network", "none", *options, *mounts, image]
    command += [python, "-I", "-c", PROBE]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
