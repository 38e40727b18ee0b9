"""What a program sees over REST: a claim, the first output, and how fast output streams."""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.parts import Skipped
from bench.report import Figure, percentiles, told
from bench.site import Site, each_kind, tree_memory

from .docker_itself import DockerItself, alternating

CLAIMS, COMMANDS = 60, 40
FLOOD_BYTES = 12 << 20
READY_SECONDS = 300


def measure() -> list[Figure]:
    """Each kind of site beside Docker itself."""
    figures = []
    for site in each_kind():
        plain = DockerItself(site.settings.get("DOCKER_HOST", ""))
        try:
            person = Person(site)
            figures += [*_claims(person, plain), *_commands(person, plain), *_streaming(person)]
        finally:
            plain.close()
    return figures


class Person:
    """Somebody with a token, a template, and a pool of so many warm instances."""

    def __init__(self, site: Site, *, pool: int = 8) -> None:
        self.site = site
        site.django(PREPARE, str(pool))
        self.template = self._template()
        self.await_warm(pool)

    def _template(self) -> str:
        limit = time.monotonic() + READY_SECONDS
        while time.monotonic() < limit:
            found = self.site.call("GET", "/api/v1/sandbox-templates/?name=Python")["results"]
            hosts = self.site.call("GET", "/api/v1/sandbox-hosts/")["results"]
            if found and any(host["status"] == "active" for host in hosts):
                return str(found[0]["id"])
            time.sleep(0.5)
        raise Skipped("docker: no host of the site became active")

    def warm(self) -> int:
        """How many warm instances wait, as an operator sees it."""
        return len(self.site.call("GET", "/api/v1/sandbox-instances/?status=warm&page_size=200")["results"])

    def await_warm(self, count: int) -> None:
        """Return when so many wait."""
        limit = time.monotonic() + READY_SECONDS
        while self.warm() < count:
            if time.monotonic() > limit:
                raise RuntimeError(f"{self.warm()} of {count} warm instances after {READY_SECONDS} s")
            time.sleep(0.2)

    def create(self) -> dict[str, Any]:
        """A sandbox of the template."""
        made: dict[str, Any] = self.site.call("POST", "/api/v1/sandboxes/", {"template": self.template})
        return made

    def delete(self, sandbox: str) -> None:
        """Ask for its end."""
        self.site.call("DELETE", f"/api/v1/sandboxes/{sandbox}/")

    def run(self, sandbox: str, command: str, **more: Any) -> str:
        """The id of a command's execution."""
        return str(
            self.site.call("POST", f"/api/v1/sandboxes/{sandbox}/run/", {"command": command, **more})["id"]
        )

    def events(self, execution: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """An execution's events from its beginning, until it has ended."""
        return self._events("GET", f"/events/sandbox-executions/{execution}/?after=0-0")

    def run_and_follow(
        self, sandbox: str, verb: str, body: dict[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of a command (`run`) or a cell (`cells`), in one request."""
        return self._events("POST", f"/events/sandboxes/{sandbox}/{verb}/", body)

    def run_once(self, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of something run in a sandbox of its own, which then goes: one request."""
        return self._events("POST", "/events/sandboxes/once/", {"template": self.template, **body})

    def _events(self, method: str, path: str, body: Any = None) -> Iterator[tuple[str, dict[str, Any]]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.site.token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        name = ""
        try:
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {answer.read()[:300]!r}")
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])
                    if name == "ended" and method == "GET":  # the others end by themselves
                        return
        finally:
            connection.close()


# The person becomes an operator, who may see the pool; the pool becomes as large as this bench wants.
PREPARE = """
import sys
from accounts.models import Role, User
from sandbox.models import SandboxTemplate
user = User.objects.get(username="bench")
user.roles.add(Role.objects.get(name="admin"))
template = SandboxTemplate.objects.get(name="Python")
template.config = (template.config or {}) | {"pool": {"min": int(sys.argv[1]), "max": int(sys.argv[1])}}
template.save()
"""


def _claims(person: Person, plain: DockerItself) -> list[Figure]:
    left: list[str] = []

    def claim() -> float:
        began = time.perf_counter()
        made = person.create()
        seconds = time.perf_counter() - began
        if made["status"] != "running":
            raise RuntimeError(f"the claim gave {made['status']}: no warm instance waited")
        person.delete(made["id"])
        person.await_warm(2)
        return seconds

    def by_sdk() -> float:
        began = time.perf_counter()
        left.append(plain.create_and_start())
        seconds = time.perf_counter() - began
        plain.api.remove_container(left.pop(), force=True)
        return seconds

    ours, sdk = alternating(CLAIMS, claim, by_sdk)
    high = percentiles(ours)[1] / percentiles(sdk)[1]
    what = f"claim of a warm sandbox over REST, {person.site.kind}"
    return [
        Figure(
            what, told(ours), f"{told(sdk)} (SDK create, start)", f"{high:.3f} × at p95", "p95 40 ms, 0.15 ×"
        )
    ]


def _commands(person: Person, plain: DockerItself) -> list[Figure]:
    sandbox, other = person.create()["id"], plain.create_and_start()

    def first(follow: Callable[[], Iterator[tuple[str, dict[str, Any]]]]) -> float:
        began, seconds = time.perf_counter(), 0.0
        for name, _data in follow():
            if name == "output" and not seconds:
                seconds = time.perf_counter() - began
        return seconds

    one, two, docker = alternating(
        COMMANDS,
        lambda: first(lambda: person.run_and_follow(sandbox, "run", {"command": "echo hi"})),
        lambda: first(lambda: person.events(person.run(sandbox, "echo hi"))),
        lambda: plain.first_output("exec", other, "/bin/echo", "hi"),
    )
    person.delete(sandbox)
    return [
        Figure(
            f"REST call to first output, {ways}, {person.site.kind}",
            told(ours),
            f"{told(docker)} (docker exec)",
            f"{statistics.median(ours) / statistics.median(docker):.3f} × at p50",
            "at most 0.35 ×",
        )
        for ways, ours in (("in one request", one), ("in two", two))
    ]


def _streaming(person: Person) -> list[Figure]:
    """How fast stdout reaches a reader, and how the memory of the site's processes moves meanwhile."""
    sandbox = person.create()["id"]
    before = tree_memory(person.site.pid)
    seconds, received, first = _flood(person, sandbox)
    _seconds, _received, second = _flood(person, sandbox)
    person.delete(sandbox)
    return [
        Figure(
            f"stdout to a reader, {person.site.kind}",
            f"{received / seconds / 1e6:.1f} MB/s",
            f"{FLOOD_BYTES / 1e6:.1f} MB written, {received / 1e6:.1f} MB received",
            f"{first - before:+.0f} MB of memory, {second - first:+.0f} MB by another time",
            "stated, with flat memory",
        )
    ]


def _flood(person: Person, sandbox: str) -> tuple[float, int, float]:
    """FLOOD_BYTES to stdout: seconds, bytes received, and the most memory in MB meanwhile."""
    highest, done = [tree_memory(person.site.pid)], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            highest[0] = max(highest[0], tree_memory(person.site.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    execution = person.run(sandbox, f"head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x")
    received = sum(len(data.get("text", "")) for name, data in person.events(execution) if name == "output")
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return seconds, received, highest[0]
