"""Containers with the runner as PID 1, locked down as the product's are, made of this machine's system."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import docker

from sandbox import runner
from sandbox.agent.stream import Attachment, Channel, Ended, Output, Started
from sandbox.policy.syscalls import seccomp_json

IMAGE = "agi-site-test-empty:1"
CAPABILITIES = ("SETUID", "SETGID", "KILL", "SETPCAP")


def empty_image(engine: str) -> str:
    """An image without anything, made once: importing it anew would leave the one before without a name."""
    docker_of = ["docker", "-H", engine]
    if subprocess.run([*docker_of, "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        with tempfile.TemporaryFile() as empty:
            empty.write(b"\0" * 10240)
            empty.seek(0)
            subprocess.run([*docker_of, "import", "-", IMAGE], stdin=empty, check=True, capture_output=True)
    return IMAGE


class Box:
    """One container; `attach()` as often as wanted."""

    def __init__(self, engine: str, *, memory: str = "256m", pids: int = 96, weak: bool = False) -> None:
        self.engine = engine
        self._agi = tempfile.TemporaryDirectory(prefix="agi-runner-")
        for name, content in runner.files().items():
            path = Path(self._agi.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        Path(self._agi.name).chmod(0o755)
        self.name = f"agi-runner-test-{uuid.uuid4().hex[:12]}"
        self._create(memory, pids, weak)
        self.attachments: list[Attachment] = []
        self._first = True

    def _create(self, memory: str, pids: int, weak: bool) -> None:
        empty_image(self.engine)
        home = str(Path(sys.base_prefix).resolve())
        folders = [f for f in ("/usr", "/bin", "/lib", "/lib64", "/etc", home) if Path(f).exists()]
        python = str(Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info)).resolve())
        locked: dict[str, Any] = {
            "cap_drop": ["ALL"],
            "cap_add": list(CAPABILITIES),
            "security_opt": ["no-new-privileges", "seccomp=" + seccomp_json({"profile": "strict"})],
        }
        if weak:
            locked = {"cap_add": ["SYS_PTRACE"], "security_opt": ["seccomp=unconfined"]}
        client = docker.DockerClient(base_url=self.engine, version="auto")
        with contextlib.closing(client):
            client.containers.create(
                IMAGE, [python, "-I", "-S", "/.agi/runner.py"], name=self.name,
                labels={"agi.site": "runner-test"}, network_mode="none", read_only=True, **locked,
                mem_limit=memory, memswap_limit=memory, pids_limit=pids,
                ulimits=[docker.types.Ulimit(name="nofile", soft=1024, hard=4096)],
                log_config={"type": "none"}, ipc_mode="private",
                tmpfs={
                    "/workspace": "size=64m,uid=1000,gid=1000,mode=755,exec", "/tmp": "size=16m,mode=1777",
                },
                volumes=[f"{self._agi.name}:/.agi:ro", *(f"{folder}:{folder}:ro" for folder in folders)],
                stdin_open=True, detach=True,  # else the engine closes the input with the first caller
            )  # fmt: skip

    def docker(self, *args: str, stdin: Any = None, check: bool = True) -> str:
        """What the docker client prints."""
        done = subprocess.run(
            ["docker", "-H", self.engine, *args],
            stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def start(self) -> Attachment:
        """Attach, start, greet."""
        sock = self.socket()
        self.docker("start", self.name)
        return self._greet(sock)

    def attach(self) -> Attachment:
        """Another caller."""
        return self._greet(self.socket())

    def _greet(self, sock: "AttachedSocket") -> Attachment:
        attachment = Attachment(sock, self._first, name=self.name)
        self._first = False
        self.attachments.append(attachment)
        attachment.sync = attachment.hello(5)  # type: ignore[attr-defined]
        return attachment

    def socket(self) -> "AttachedSocket":
        """The raw attached stream."""
        return AttachedSocket(self.engine, self.name)

    def pid(self) -> int:
        """PID 1, as the host sees it."""
        return int(self.docker("inspect", "-f", "{{.State.Pid}}", self.name))

    def state(self) -> dict[str, Any]:
        """What the engine says of it."""
        return json.loads(self.docker("inspect", "-f", "{{json .State}}", self.name))

    def close(self) -> None:
        """Nothing is left."""
        for attachment in self.attachments:
            attachment.close()
        self.docker("rm", "-f", "-v", self.name, check=False)
        self._agi.cleanup()


class AttachedSocket:
    """POST /containers/…/attach over the engine's socket."""

    def __init__(self, engine: str, name: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(engine.removeprefix("unix://"))
        path = f"/containers/{name}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        self.sock.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            piece = self.sock.recv(1)
            if not piece:
                raise http.client.HTTPException(answer)
            answer += piece
        if b" 101 " not in answer and b" 200 " not in answer:
            raise http.client.HTTPException(answer)

    def sendall(self, data: bytes) -> None:
        self.sock.sendall(data)

    def recv(self, size: int) -> bytes:
        return self.sock.recv(size)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Watched:
    """An execution and what came of it."""

    def __init__(self, *, ack: bool = True) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.events: list[Any] = []
        self.ack = ack
        self.channel: Channel | None = None

    def __call__(self, event: Any) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            (self.out if event.stream == "stdout" else self.err).extend(event.data)
            if self.ack and self.channel is not None:
                self.channel.ack(event.offset + len(event.data))

    @property
    def pid(self) -> int:
        return next(event.pid for event in self.events if isinstance(event, Started))

    @property
    def end(self) -> Ended:
        found = self.events[-1]
        assert isinstance(found, Ended), found
        return found


def launch(attachment: Attachment, op: str = "exec", *, ack: bool = True, **args: Any) -> Watched:
    """Begin an execution."""
    watched = Watched(ack=ack)
    watched.channel = attachment.open(op, on_event=watched, key=uuid.uuid4().hex, **args)
    return watched


def run(attachment: Attachment, op: str = "exec", *, within: float = 20, **args: Any) -> Watched:
    """An execution to its end."""
    watched = launch(attachment, op, **args)
    assert watched.channel is not None
    watched.channel.wait(within)
    watched.channel.close()
    assert watched.end
    return watched
