"""Sandboxes for tests: with an engine of notes, quick and without Docker; and with the real parts."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from sandbox import services
from sandbox.engine import EngineUnavailable, Found, ImageMissing, InstanceSpec, Leftover, NoSuchInstance
from sandbox.models import (
    HostStatus,
    Sandbox,
    SandboxHost,
    SandboxImage,
    SandboxInstance,
    SandboxTemplate,
)
from sandbox.policy.limits import GB


class PaperEngine:
    """An engine that only writes down what it has: what `DockerHost` promises, without containers."""

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.containers: dict[str, dict[str, Any]] = {}
        self.disks: set[str] = set()
        self.known_images = {"agi-sandbox-python:latest": "sha256:1", "agi-sandbox-shell:latest": "sha256:2"}
        self.calls: list[tuple[str, str]] = []
        self.away = False
        self.faults: dict[str, Exception] = {}

    def _called(self, what: str, instance_id: str = "") -> None:
        if self.away:
            raise EngineUnavailable("no engine answers")
        self.calls.append((what, instance_id))
        if what in self.faults:
            raise self.faults[what]

    def info(self) -> dict[str, Any]:
        self._called("info")
        return {"cpus": 2, "memory": 8 * GB, "runtimes": {"runc": ""}, "can": {}, "missing": []}

    def ensure_ready(self) -> None:
        self._called("ensure_ready")

    def images(self) -> dict[str, str]:
        self._called("images")
        return self.known_images

    def create(self, instance_id: str, spec: InstanceSpec, *, volume: str | None = None) -> str:
        self._called("create", instance_id)
        if spec.image not in self.known_images:
            raise ImageMissing(f"no image {spec.image}")
        found = self.containers.setdefault(
            instance_id,
            {
                "id": uuid.uuid4().hex,
                "state": "created",
                "spec": spec,
                "at": timezone.now(),
                "files": {},
                "oom": False,
                "code": None,
            },
        )
        self.disks.add(instance_id)
        return str(found["id"])

    def start(self, instance_id: str, *, nft_script: Any = None, rate: Any = None, hosts: Any = None) -> None:
        self._called("start", instance_id)
        self._of(instance_id).update(state="running", nft=nft_script, rate=rate)

    def pause(self, instance_id: str) -> None:
        self._called("pause", instance_id)
        self._of(instance_id)["state"] = "paused"

    def unpause(self, instance_id: str) -> None:
        self._called("unpause", instance_id)
        self._of(instance_id)["state"] = "running"

    def stop(self, instance_id: str, *, kill: bool = True) -> None:
        self._called("stop", instance_id)
        if instance_id in self.containers:
            self.containers[instance_id]["state"] = "exited"
            if self.containers[instance_id]["spec"].workspace == "memory":
                self.containers[instance_id]["files"] = {}

    def remove(self, instance_id: str, *, keep_disk: bool = False) -> None:
        self._called("remove", instance_id)
        self.containers.pop(instance_id, None)
        if not keep_disk:
            self.disks.discard(instance_id)

    def update_limits(self, instance_id: str, limits: Any) -> None:
        self._called("update_limits", instance_id)
        self._of(instance_id)["limits"] = limits

    def apply_network(self, instance_id: str, nft_script: Any, rate: Any, *, hosts: Any = None) -> None:
        self._called("apply_network", instance_id)
        self._of(instance_id).update(nft=nft_script, rate=rate)

    def published_ports(self, instance_id: str) -> dict[tuple[int, str], int]:
        return {key: 40_000 + key[0] % 1000 for key in self._of(instance_id)["spec"].published}

    def list_instances(self) -> list[Found]:
        self._called("list_instances")
        return [found for key in self.containers if (found := self.find(key))]

    def find(self, instance_id: str) -> Found | None:
        if self.away:
            raise EngineUnavailable("no engine answers")
        row = self.containers.get(instance_id)
        if row is None:
            return None
        return Found(instance_id, row["id"], row["state"], row["oom"], row["code"], created_at=row["at"])

    def leftovers(self, known: Any = ()) -> list[Leftover]:
        return [Leftover("disk", key, key) for key in sorted(self.disks - set(known) - set(self.containers))]

    def remove_leftover(self, leftover: Leftover) -> None:
        self.disks.discard(leftover.instance_id)

    def _of(self, instance_id: str) -> dict[str, Any]:
        if instance_id not in self.containers:
            raise NoSuchInstance(instance_id)
        return self.containers[instance_id]

    # --- What only tests do ---
    def die(self, instance_id: str, *, oom: bool = False, code: int = 137) -> None:
        self._of(instance_id).update(state="exited", oom=oom, code=code)

    def age(self, seconds: float) -> None:
        for row in self.containers.values():
            row["at"] -= timedelta(seconds=seconds)


class PaperGateway:
    """The gateway of hosts whose engine is of paper."""

    def __init__(self, engine: PaperEngine) -> None:
        self.engine, self.pokes, self.attached = engine, [], []

    def attach(self, instance: Any, **_options: Any) -> dict[str, Any]:
        self.attached.append(str(getattr(instance, "pk", instance)))
        return {"boot": "boot-1"}

    def detach(self, instance: Any, **_options: Any) -> dict[str, Any]:
        return {}

    def poke(self, host: Any, **about: Any) -> bool:
        self.pokes.append(about)
        return True

    def archive(self, instance: Any, path: str = "", **_args: Any) -> Iterator[bytes]:
        files = self.engine.containers[str(getattr(instance, "pk", instance))]["files"]
        yield repr(files).encode()

    def extract(self, instance: Any, path: str, chunks: Any, **_args: Any) -> dict[str, Any]:
        import ast

        files = ast.literal_eval(b"".join(chunks).decode())
        self.engine.containers[str(getattr(instance, "pk", instance))]["files"] = files
        return {}

    def call(self, instance: Any, op: str, **_args: Any) -> dict[str, Any]:
        return {"cpu_seconds": 1.5, "memory": 1000, "pids": 3, "rx_bytes": 0, "tx_bytes": 0, "disk_used": 7}


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, db: None) -> PaperEngine:
    """An engine of notes in the place of Docker, with its gateway (`paper.gateway`)."""
    from sandbox import gateway
    from sandbox.lifecycle import building, containers, engines, hosts, pool, reconcile, verbs

    engine = PaperEngine()
    engine.gateway = PaperGateway(engine)  # type: ignore[attr-defined]
    for module in (building, containers, engines, hosts, pool, reconcile, verbs):
        monkeypatch.setattr(module, "engine_of", lambda _host: engine)
    for name in ("attach", "detach", "poke", "archive", "extract", "call"):
        monkeypatch.setattr(gateway, name, getattr(engine.gateway, name))  # type: ignore[attr-defined]
    return engine


@pytest.fixture
def host(paper: PaperEngine) -> SandboxHost:
    """A host in use, with the starter's images."""
    from sandbox.lifecycle import hosts

    row = SandboxHost.objects.create(name="local", status=HostStatus.LOST)
    assert hosts.look(row, ready=True)
    return row


@pytest.fixture
def recipe(db: None) -> SandboxTemplate:
    """A template whose pool keeps two waiting."""
    SandboxImage.objects.create(name="agi-sandbox-python")
    return SandboxTemplate.objects.create(
        name="Python",
        image_name="agi-sandbox-python",
        config={"pool": {"min": 2, "max": 6}, "env": {"LANG": "C.UTF-8"}},
    )


@pytest.fixture
def filled(host: SandboxHost, recipe: SandboxTemplate) -> list[SandboxInstance]:
    """The pool of the host, filled."""
    from sandbox.lifecycle import pool

    pool.refill(host)
    return list(SandboxInstance.objects.order_by("pk"))


@pytest.fixture
def mine(alice: Any, filled: list[SandboxInstance], recipe: SandboxTemplate) -> Sandbox:
    """Alice's running sandbox."""
    return services.create_sandbox(owner=alice, template=recipe, name="mine")


@pytest.fixture
def fresh() -> Callable[[Sandbox], Sandbox]:
    """`fresh(sandbox)` is its row as it is now, with its parts."""
    return lambda sandbox: Sandbox.objects.with_parts().get(pk=sandbox.pk)
