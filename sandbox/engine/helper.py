"""The helper: one container with rights of this site on each host, for what Docker itself cannot do.

It makes disks and network rules (`helper_program/`). Workers speak with it over its attached stream, which
takes
some milliseconds, where an exec takes sixty. Where it cannot be had, `why_not` says why in a sentence.
"""

import json
import os
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .client import Client, status_of
from .containers import HOME
from .errors import EngineError, EngineUnavailable, NoSuchInstance
from .runner_volume import python_command

IMAGE = "agi-sandbox-helper:latest"
# Not all that root may do: loop devices, other containers' network, the folders of the host.
RIGHTS = [
    *("DAC_OVERRIDE", "DAC_READ_SEARCH", "MKNOD", "NET_ADMIN", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"),
]
LINE = 2000  # bytes of text in one line, far below what a pipe writes at once
AGAIN = 3.0  # seconds after which a request is sent once more
PATIENCE = 60.0


def helper_config(
    image: str,
    runner_volume: str,
    disks: str,
    docker_root: str,
    roots: Sequence[str],
    labels: Mapping[str, str],
    *,
    raise_limits: bool,
) -> dict[str, Any]:
    """The body of `POST /containers/create`; `roots` are the folders that policies may mount.

    `raise_limits`: it raises what the machine's kernel counts per user, when it starts.
    """
    seen = [
        {"Type": "bind", "Source": root, "Target": f"/host{root}", "ReadOnly": True,
         "BindOptions": {"Propagation": "rprivate"}}
        for root in roots
    ]  # fmt: skip
    return {
        "Image": image,
        "Entrypoint": python_command("helper.py"),
        "Cmd": ["--raise-host-limits"] if raise_limits else [],
        "User": "0:0",
        "WorkingDir": "/",
        "OpenStdin": True,
        "StdinOnce": False,
        "Tty": False,
        "Labels": dict(labels),
        "HostConfig": {
            "CapDrop": ["ALL"],
            "CapAdd": RIGHTS,
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
            "DeviceCgroupRules": ["b 7:* rwm", "c 10:237 rwm"],  # loop devices, and their control
            "ReadonlyPaths": [],  # /proc/sys, for what the kernel counts per user
            "PidMode": "host",
            "NetworkMode": "host",
            "Binds": [
                "/dev:/dev",
                f"{docker_root}/containers:/containers",
                f"{disks}:/disks",
                f"{runner_volume}:{HOME}:ro",
            ],
            "Mounts": seen,
            "LogConfig": {"Type": "none", "Config": {}},
            "RestartPolicy": {"Name": "unless-stopped"},
            "Memory": 256 * 1024**2,
        },
    }


class Helper:
    """This process's line to a host's helper; a stream that broke is opened anew."""

    def __init__(self, client: Client, container: str, prepare: Callable[[], None]) -> None:
        """`prepare` makes the helper when it is not there."""
        self._client, self._container, self._prepare = client, container, prepare
        self._lock = threading.Lock()
        self._answers: dict[str, dict[str, Any] | None] = {}
        self._news = threading.Condition()
        self._stream: socket.socket | None = None
        self._pid = 0

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """Have something done; the answer. Raises EngineError in the helper's words, or EngineUnavailable."""
        key = uuid.uuid4().hex
        text = json.dumps({"op": op, **request})
        pieces = [text[at : at + LINE] for at in range(0, len(text), LINE)]
        lines = [
            b"\n" + json.dumps({"id": key, "part": n, "parts": len(pieces), "text": piece}).encode() + b"\n"
            for n, piece in enumerate(pieces)
        ]
        until = time.monotonic() + PATIENCE
        self._answers[key] = None
        try:
            while time.monotonic() < until:
                stream = self._send(lines)
                if (answer := self._wait(key, stream)) is not None:
                    return _checked(answer)
        finally:
            self._answers.pop(key, None)
        raise EngineUnavailable("The helper does not answer.")

    def close(self) -> None:
        """Give the stream up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
            stream.close()

    def _send(self, lines: list[bytes]) -> socket.socket:
        for attempt in (1, 2, 3):
            stream = None
            try:
                with self._lock:
                    stream = self._connected()
                    for line in lines:
                        stream.sendall(line)
                return stream
            except OSError:
                self._lost(stream)
            except EngineError as error:
                # not made yet, or stopped: 404, and 409 of one that is not running
                if attempt == 3 or not (isinstance(error, NoSuchInstance) or status_of(error) in (0, 409)):
                    raise
                self._prepare()
        raise EngineUnavailable("The helper's stream breaks again and again.")

    def _connected(self) -> socket.socket:
        if self._stream is not None and self._pid == os.getpid():
            return self._stream
        state = self._client.call("GET", f"/containers/{self._container}/json")["State"]
        if not state["Running"]:
            raise NoSuchInstance("The helper does not run.")
        stream = self._client.stream(
            f"/containers/{self._container}/attach", {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        self._stream, self._pid = stream, os.getpid()
        threading.Thread(target=self._read, args=(stream,), daemon=True, name="sandbox-helper").start()
        return stream

    def _lost(self, stream: socket.socket | None) -> None:
        with self._news:
            if stream is not None and self._stream is stream:
                self._stream = None
            self._news.notify_all()

    def _wait(self, key: str, stream: socket.socket) -> dict[str, Any] | None:
        until = time.monotonic() + AGAIN
        with self._news:
            while self._answers[key] is None and self._stream is stream:
                left = until - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    break
            return self._answers[key]

    def _read(self, stream: socket.socket) -> None:
        """Keep the answers to this process's requests; frames have Docker's own head of eight bytes."""
        line = b""
        try:
            with stream.makefile("rb") as content:
                while len(head := content.read(8)) == 8:
                    kind, size = struct.unpack(">BxxxL", head)
                    piece = content.read(size)
                    if kind != 1:
                        continue
                    *whole, line = (line + piece).split(b"\n")
                    for found in whole:
                        self._take(found)
        except (OSError, ValueError):
            pass
        self._lost(stream)
        stream.close()

    def _take(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
            key = answer["id"]
        except (ValueError, KeyError, TypeError):
            return
        with self._news:
            if key in self._answers:
                self._answers[key] = answer
                self._news.notify_all()


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("ok"):
        raise EngineError(str(answer.get("fault")))
    return answer
