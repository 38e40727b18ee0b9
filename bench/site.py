"""A running site to measure: its process tree, and a client that posts messages and listens to the stream.

Each kind of site is started once per run, at its first use, on fresh data and with a model that answers at
once (`bench.upstream`); `close()` ends them all.
"""

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
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from bench import parts

ROOT = Path(__file__).resolve().parent.parent
# The trained heads of the analysis: their name tells what they were trained on, so every run may use them.
MODELS = ROOT / "var" / "bench" / "models"
FIRST_PORT = 18900
PASSWORD = "correct horse battery"
KEPT_SECONDS = 3.0  # the server closes a connection that was silent for five
_started = contextlib.ExitStack()


# --- Processes --------------------------------------------------------------------------------------------
def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports on which nobody listens."""
    places = range(FIRST_PORT, FIRST_PORT + 95, 5)
    own = os.getpid() % len(places)  # two runs at once begin at different places: a site takes its ports late
    for first in [*places[own:], *places[:own]]:
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probe = probes.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise OSError("no free ports")


def wait_for(port: int, path: str = "/", *, process: subprocess.Popen[bytes], seconds: float = 240) -> None:
    """Return when the port answers; raises RuntimeError when its process has ended, or after `seconds`."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise RuntimeError(f"the process for port {port} ended with {process.returncode}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        time.sleep(0.2)
    raise RuntimeError(f"nothing answers on port {port}")


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
            running.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)


def tree_memory(pid: int) -> float:
    """Resident memory of a process and all its descendants, in MB."""
    parent = psutil.Process(pid)
    return float(sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)]) / 1e6)


# --- Sites ------------------------------------------------------------------------------------------------
@dataclass
class Site:
    """Where the site and its model answer, and the token of a person who signed up there."""

    kind: str
    port: int
    upstream_port: int
    pid: int
    settings: dict[str, str]
    token: str = ""
    _connection: http.client.HTTPConnection | None = None
    _used: float = 0.0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request over the kept connection; raises RuntimeError for an error answer."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = self._connected()
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        text = response.read()
        self._used = time.monotonic()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None or time.monotonic() - self._used > KEPT_SECONDS:
            if self._connection is not None:
                self._connection.close()
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        return self._connection

    def join(self) -> None:
        """Sign up and keep the token."""
        person = {"username": "bench", "email": "bench@example.com", "password": PASSWORD}
        self.call("POST", "/api/v1/auth/sign-up/", person)
        told = self.call("POST", "/api/v1/auth/token/", {"username": "bench", "password": PASSWORD})
        self.token = told["token"]

    def conversation(self) -> str:
        """The id of a new conversation."""
        return str(self.call("POST", "/api/v1/conversations/", {"title": "bench"})["id"])

    def post(self, conversation: str, content: str) -> dict[str, Any]:
        """Send a message; returns the ids of the message, of its answer and of the task that writes it."""
        sent: dict[str, Any] = self.call(
            "POST", f"/api/v1/conversations/{conversation}/messages/", {"content": content}
        )
        return sent

    def warm_up(self) -> None:
        """One whole turn, so that every process has loaded what it needs; waits for late ones."""
        reader = Reader(self, self.conversation())
        reader.open(seconds=120)
        self.post(reader.conversation, "Hello, this one warms up.")
        if not reader.done.wait(180):
            raise RuntimeError("the first answer did not come")

    def django(self, code: str, *arguments: str) -> None:
        """Run Python code in a process of its own, with this site's settings and database."""
        subprocess.run(
            [sys.executable, "-c", "import django; django.setup()\n" + code, *arguments],
            cwd=ROOT,
            env=os.environ | self.settings,
            check=True,
        )


def close() -> None:
    """End every site that was started."""
    _started.close()


@cache
def upstream() -> int:
    """The port of the model that answers at once."""
    port = free_ports(1)
    running = _started.enter_context(process(sys.executable, "-m", "bench.upstream", str(port)))
    wait_for(port, process=running)
    return port


def _settings(data_dir: str) -> dict[str, str]:
    MODELS.mkdir(parents=True, exist_ok=True)
    return {
        "DATA_DIR": data_dir,
        "MODELS_DIR": str(MODELS),
        "CHAT_ENGINE": "openai",
        "CHAT_BASE_URL": f"http://127.0.0.1:{upstream()}/v1",
        "CHAT_MODEL": "bench",
        "CHAT_API_KEY": "bench",
        "EMBEDDING_ENGINE": "packaged",
        "SANDBOX_SITE": f"bench{os.getpid()}x{uuid.uuid4().hex[:6]}",  # each site has an engine to itself
        "API_RATE": "1000000/min",  # the throttle counts, and lets everything pass
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


def remove_sandboxes(settings: dict[str, str]) -> None:
    """Sandboxes outlive their site: remove what the sites of this run have made."""
    code = (
        "import os, django; django.setup()\n"
        "from django.conf import settings\n"
        "from sandbox.engine import DockerHost\n"
        "DockerHost('local', os.environ.get('DOCKER_HOST', ''), settings.SANDBOX_SITE).remove_everything()\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | settings,
        stderr=subprocess.DEVNULL,  # without an engine there is nothing to remove
        check=False,
    )


@contextlib.contextmanager
def running_embedded(**environment: str) -> Iterator[Site]:
    """Everything in one process on SQLite, as `make run` has it."""
    with tempfile.TemporaryDirectory() as data_dir:
        settings, port = _settings(data_dir), free_ports(1)
        settings |= {
            "PORT": str(port),
            "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{data_dir}/agi.sqlite3",
        }
        try:
            with process(sys.executable, "manage.py", "serve", **settings | environment) as server:
                wait_for(port, "/accounts/sign-in/", process=server)
                site = Site("embedded", port, upstream(), server.pid, settings)
                site.join()
                site.warm_up()
                yield site
        finally:
            remove_sandboxes(settings)


@contextlib.contextmanager
def running_full_stack() -> Iterator[Site]:
    """The processes of `scripts/full-stack` on real MariaDB and Redis; raises Skipped if one is missing."""
    servers = parts.full_stack()
    parts.empty(servers)
    with tempfile.TemporaryDirectory() as data_dir:
        settings, port = _settings(data_dir), free_ports(3)
        settings |= {
            "PORT": str(port),
            "FULL_STACK_DIR": data_dir,
            "FULL_STACK_DB": parts.DATABASE,
            "FULL_STACK_REDIS_URL": servers.redis_url,
        }
        # a process that only stores rows reads no secrets of the site
        beside = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "SECRET_KEY": "bench",
            "ENCRYPTION_KEYS": "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoYmU=",
        }
        try:
            with process(str(ROOT / "scripts" / "full-stack"), **settings) as script:
                wait_for(port, "/accounts/sign-in/", process=script)
                site = Site("full stack", port, upstream(), script.pid, settings | beside)
                site.join()
                site.warm_up()
                yield site
        finally:
            remove_sandboxes(settings | beside)


@cache
def embedded() -> Site:
    """The embedded site of this run."""
    return _started.enter_context(running_embedded())


@cache
def full_stack() -> Site:
    """The full stack of this run; raises Skipped."""
    return _started.enter_context(running_full_stack())


KINDS = (embedded, full_stack)


def each_kind() -> Iterator[Site]:
    """Each kind of site; one that lacks a real part says so and is left out."""
    for kind in KINDS:
        try:
            yield kind()
        except parts.Skipped as reason:
            print(f"  skipped: {kind.__name__.replace('_', ' ')}: {reason}", flush=True)


# --- Readers ----------------------------------------------------------------------------------------------
@dataclass(eq=False)
class Reader:
    """Listens to a conversation's stream; notes when the first text came, and collects all of it.

    `texts` holds the pieces of each answer as (offset, text); `resets` counts how often it had to begin anew.
    """

    site: Site
    conversation: str
    done: threading.Event = field(default_factory=threading.Event)
    first_at: float = 0.0
    resets: int = 0
    texts: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def open(self, seconds: float = 30) -> None:
        """Return when the stream is open, and go on reading it in a thread of its own."""
        limit = time.monotonic() + seconds
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=120)
            headers = {"Authorization": f"Bearer {self.site.token}", "Accept": "text/event-stream"}
            connection.request("GET", f"/events/conversations/{self.conversation}/", headers=headers)
            response = connection.getresponse()
            if response.status == 200:
                break
            if time.monotonic() > limit:
                raise RuntimeError(f"the stream answers {response.status}")
            time.sleep(0.2)
        response.readline()  # the stream's own first line: from here on it follows
        threading.Thread(target=self._read, args=[connection, response], daemon=True).start()

    def _read(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        name = ""
        for raw in response:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                self._hear(name, json.loads(line[6:]))
            if self.done.is_set():
                break
        connection.close()

    def _hear(self, name: str, data: dict[str, Any]) -> None:
        if name == "message.delta":
            self.first_at = self.first_at or time.perf_counter()
            self.texts.setdefault(data["message_id"], []).append((data["offset"], data["text"]))
        elif name in ("reset", "message.reset"):
            self.resets += 1
        elif name in ("message.done", "turn.failed", "turn.stopped"):
            self.done.set()


def open_readers(site: Site, conversation: str, count: int = 1) -> Sequence[Reader]:
    """So many readers of one conversation, each with its own connection, all listening."""
    readers = [Reader(site, conversation) for _ in range(count)]
    for reader in readers:
        reader.open()
    return readers
