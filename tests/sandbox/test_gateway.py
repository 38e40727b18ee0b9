"""The gateway: what comes through it, and who is refused."""

import asyncio
import io
import json
import socket
import tarfile
import time

import pytest
from django.core import signing

from agi_site.lib.problems import Conflict, NotFound, Problem, Unavailable
from sandbox import gateway
from sandbox.models import ExecutionKind, InstanceStatus, SandboxInstance

from .fixtures_agent import wait_until

pytestmark = [pytest.mark.docker_engine]

ECHO_SERVER = """python3 -c "
import socketserver
class H(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line.upper())
socketserver.ThreadingTCPServer.allow_reuse_address = True
s = socketserver.ThreadingTCPServer(('127.0.0.1', 8080), H)
print('listening', flush=True)
s.serve_forever()
" """


def raw(host, line, seconds=5):
    """What the gateway answers to a line that this test made itself."""
    name, _colon, port = host.gateway.rpartition(":")
    with socket.create_connection((name, int(port)), timeout=seconds) as connection:
        connection.sendall(line)
        with connection.makefile("rb") as reader:
            return json.loads(reader.readline())


@pytest.fixture
def led(agent_world):
    """A sandbox whose container is attached."""
    agent_world.led = agent_world.sandbox()
    agent = agent_world.leading()
    wait_until(lambda: agent.container(agent_world.led.instance.pk).attached)
    return agent_world


# --- Who is refused -----------------------------------------------------------------------------------------
def test_what_is_not_signed_or_signed_for_something_else_is_refused(led):
    asked = {"op": "call", "call": "info", "instance": led.led.instance.pk, "nonce": "1"}
    for line in (
        b"hello\n",
        b"\xff\xfe\n",
        json.dumps(asked).encode() + b"\n",
        signing.dumps(asked, salt="something else").encode() + b"\n",
        signing.dumps(asked, key="another key", salt=gateway.SALT).encode() + b"\n",
        signing.dumps([1], salt=gateway.SALT).encode() + b"\n",
    ):
        answer = raw(led.host, line)
        assert (answer["ok"], answer["code"]) == (False, "forbidden")


def test_a_request_that_was_changed_on_the_way_is_refused(led):
    line = gateway.signed(op="call", call="info", instance=led.led.instance.pk)
    assert raw(led.host, line[:10] + bytes([line[10] ^ 1]) + line[11:])["code"] == "forbidden"


def test_a_request_is_good_once(led):
    line = gateway.signed(op="call", call="info", instance=led.led.instance.pk)
    assert raw(led.host, line)["ok"]
    assert raw(led.host, line)["code"] == "forbidden"


def test_a_request_is_good_for_a_minute(led, monkeypatch):
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now - 61)
    line = gateway.signed(op="call", call="info", instance=led.led.instance.pk)
    monkeypatch.undo()
    assert raw(led.host, line)["code"] == "forbidden"


def test_other_instances_than_the_hosts_are_not_reached(led):
    with pytest.raises(Unavailable):
        gateway._call(
            gateway._Target(led.host, (("instance", "01900000-0000-7000-8000-000000000000"),)),
            3,
            op="attach",
            timeout=1,
        )
    with pytest.raises(Problem):
        gateway._call(gateway._of_instance(led.led.instance), 3, op="no such thing")


def test_without_an_agent_it_is_said_so(agent_world):
    sandbox = agent_world.sandbox()
    began = time.monotonic()
    with pytest.raises(Unavailable) as said:
        gateway.call(sandbox.instance, "info")
    assert said.value.code == "no_agent"
    assert gateway.poke(agent_world.host, execution="x") is False
    agent_world.host.gateway = "127.0.0.1:9"
    agent_world.host.save()
    with pytest.raises(Unavailable):
        gateway.call(sandbox.instance.pk, "info")
    assert gateway.poke(agent_world.host) is False
    assert time.monotonic() - began < 3
    with pytest.raises(NotFound):
        gateway.call("01900000-0000-7000-8000-000000000000", "info")


# --- What comes through -------------------------------------------------------------------------------------
def test_requests_files_and_archives(led):
    instance = led.led.instance
    big = bytes(range(256)) * 8000
    gateway.write(instance, "folder/big.bin", [big[:1_000_000], big[1_000_000:]])
    assert gateway.call(instance, "stat", path="folder/big.bin")["size"] == len(big)
    with gateway.read(instance, "folder/big.bin") as stream:
        assert b"".join(stream) == big
    with gateway.archive(instance, "folder") as stream:
        packed = b"".join(stream)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert [name for name in tar.getnames() if name.endswith("big.bin")]
    gateway.call(instance, "mkdir", path="other")
    gateway.extract(instance, "other", [packed])
    assert gateway.call(instance, "usage")["memory"] > 0
    entries = gateway.call(instance, "list", path="")["entries"]
    assert {entry["path"] for entry in entries} >= {"folder", "other"}
    with pytest.raises(NotFound):
        gateway.call(instance, "stat", path="nothing")
    with pytest.raises(NotFound), gateway.read(instance, "nothing") as stream:
        list(stream)
    with pytest.raises(Problem):
        gateway.write(instance, "../outside", [b"x" * 100_000] * 50)


def test_a_stream_that_is_left_early_is_no_harm(led):
    instance = led.led.instance
    gateway.write(instance, "big", [bytes(1 << 20)] * 20)
    with gateway.read(instance, "big") as stream:
        next(iter(stream))
    assert gateway.call(instance, "stat", path="big")["size"] == 20 << 20


def test_attach_and_detach_are_for_those_who_start_and_stop_containers(led):
    instance = led.led.instance
    boot = gateway.attach(instance)["boot"]
    assert gateway.attach(instance)["boot"] == boot
    gateway.detach(instance)
    with pytest.raises(Unavailable):
        gateway.call(instance, "info")
    led.engine.stop(instance.pk)
    with pytest.raises(Unavailable):
        gateway.attach(instance, timeout=1)
    led.engine.start(instance.pk)
    again = gateway.attach(instance)["boot"]
    assert again != boot
    assert SandboxInstance.objects.get(pk=instance.pk).boot_id == again
    assert gateway.call(instance, "info")


def test_a_warm_instance_is_attached_and_serves_whoever_claims_it(led):
    other = led.sandbox()
    SandboxInstance.objects.filter(pk=other.instance.pk).update(sandbox=None, status=InstanceStatus.WARM)
    assert gateway.attach(other.instance.pk)["boot"]
    SandboxInstance.objects.filter(pk=other.instance.pk).update(sandbox=other, status=InstanceStatus.CLAIMED)
    assert led.ended(led.run(other, "echo mine")).stdout == "mine\n"


def test_changes_of_files_are_watched(led):
    instance = led.led.instance
    with gateway.watch(instance) as changes:
        seen = []
        gateway.write(instance, "new.txt", [b"x"])
        for change in changes:
            if change:
                seen.append(change)
            if "new.txt" in json.dumps(seen):
                break
    assert seen


# --- Both ways ----------------------------------------------------------------------------------------------
def test_a_tunnel_reaches_a_port_inside(led):
    sandbox = led.sandbox(image="agi-sandbox-python:latest")
    server = led.run(sandbox, ECHO_SERVER)
    wait_until(lambda: "listening" in led.said(server))

    async def talk():
        reader, writer = await gateway.open_tunnel(sandbox.instance, 8080)
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        big = b"x" * 500_000 + b"\n"
        writer.write(big)
        assert len(await reader.readexactly(len(big))) == len(big)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(Conflict) as refused:
            await gateway.open_tunnel(sandbox.instance, 8081)
        assert refused.value.code == "refused"

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_two_look_at_one_terminal_and_one_comes_back(led):
    row = led.run(led.led, "", kind=ExecutionKind.TERMINAL, stdin_open=True)

    async def until(terminal, text):
        seen, at = b"", 0
        while text not in seen:
            frame = await terminal.receive()
            assert frame.kind in {"data", "gap"}, frame
            seen, at = seen + frame.data, frame.at
        return at

    async def look():
        first, second = await gateway.open_terminal(row), await gateway.open_terminal(row)
        await first.resize(100, 30)
        await first.send(b"echo a$((1+1))b; stty size\n")
        at = await until(first, b"a2b")
        await until(second, b"30 100")
        await second.close()
        await first.send(b"echo c$((2+2))d\n")
        again = await gateway.open_terminal(row, at)
        frame = await again.receive()
        assert b"a2b" not in frame.data
        await first.send(b"exit 7\n")
        while (frame := await again.receive()).kind != "end":
            pass
        assert frame.ended["exit_code"] == 7
        await first.close()
        await again.close()

    asyncio.run(asyncio.wait_for(look(), 20))
    with pytest.raises(Conflict):
        gateway.send_input(led.ended(row), b"x")
