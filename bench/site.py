"""A running site to measure: its process tree, and a client that posts messages and listens to the stream."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, path: str = "/", seconds: float = 90) -> None:
    """Return when something answers HTTP on the port."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            connection.getresponse().read()
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


@contextlib.contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with its children when the block is left."""
    running = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)


@dataclass
class Site:
    """Where the site and its model answer, and the token of a person who signed up there."""

    port: int
    upstream_port: int
    pid: int
    data_dir: Path
    token: str = ""
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request over the kept connection; raises RuntimeError for an error answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        if not self.token:
            del headers["Authorization"]
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def join(self) -> None:
        """Sign up and keep the token."""
        person = {"username": "bench", "email": "bench@example.com", "password": PASSWORD}
        self.call("POST", "/api/v1/auth/sign-up/", person)
        self.token = self.call("POST", "/api/v1/auth/token/", {"username": "bench", "password": PASSWORD})[
            "token"
        ]

    def conversation(self) -> str:
        """The id of a new conversation."""
        return str(self.call("POST", "/api/v1/conversations/", {"title": "bench"})["id"])

    def post(self, conversation: str, content: str) -> dict[str, Any]:
        """Send a message; returns the ids of both messages."""
        sent: dict[str, Any] = self.call(
            "POST", f"/api/v1/conversations/{conversation}/messages/", {"content": content}
        )
        return sent


class Reader(threading.Thread):
    """Listens to a conversation's stream; notes when the first text came, and collects all of it."""

    def __init__(self, site: Site, conversation: str) -> None:
        super().__init__(daemon=True)
        self.site, self.conversation = site, conversation
        self.connected, self.first, self.done = threading.Event(), threading.Event(), threading.Event()
        self.first_at = 0.0
        self.texts: dict[str, list[tuple[int, str]]] = {}

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.site.token}", "Accept": "text/event-stream"}
        connection.request("GET", f"/events/conversations/{self.conversation}/", headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"the stream answers {response.status}")
        self.connected.set()
        name = ""
        for raw in response:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                self.heard(name, json.loads(line[6:]))
            if self.done.is_set():
                connection.close()
                return

    def heard(self, name: str, data: dict[str, Any]) -> None:
        """Take one event."""
        if name == "message.delta":
            if not self.first.is_set():
                self.first_at = time.perf_counter()
                self.first.set()
            self.texts.setdefault(data["message_id"], []).append((data["offset"], data["text"]))
        elif name in ("message.done", "turn.failed", "turn.stopped"):
            self.done.set()


@contextlib.contextmanager
def running_site(**environment: str) -> Iterator[Site]:
    """The embedded site on fresh data, with a model that answers at once, and one person signed up."""
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as data_dir:
        settings = {
            "DATA_DIR": data_dir,
            "PORT": str(port),
            "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{data_dir}/agi.sqlite3",
            "CHAT_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
            "CHAT_MODEL": "bench",
            "CHAT_API_KEY": "bench",
            "API_RATE": "1000000/min",
            "DJANGO_SETTINGS_MODULE": "bench.settings",
        } | environment
        with (
            process(sys.executable, "-m", "bench.upstream", str(upstream_port)),
            process(sys.executable, "manage.py", "serve", **settings) as server,
        ):
            wait_for(upstream_port)
            wait_for(port)
            site = Site(port, upstream_port, server.pid, Path(data_dir))
            site.join()
            yield site
