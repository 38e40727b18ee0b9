"""Sandboxes for tests: with an engine of notes, quick and without Docker; and with the real parts."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
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
from sandbox.policy.limits import GB, MB


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

    def remove(self, instance_id: str, *, keep_disk: bool = False, container_id: str = "") -> None:
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
        left = str(getattr(instance, "pk", instance))
        self.attached = [attached for attached in self.attached if attached != left]
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
    from sandbox.lifecycle import building, containers, engines, hosts, names, pool, reconcile, verbs

    engine = PaperEngine()
    engine.gateway = PaperGateway(engine)  # type: ignore[attr-defined]
    for module in (building, containers, engines, hosts, names, pool, reconcile, verbs):
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


# --- Real parts ----------------------------------------------------------------------------------------
class RealWorld:
    """A host with the real engine, an agent in this process, and the work done when the test says so."""

    def __init__(self, engine: Any, owner: Any, image: str) -> None:
        from sandbox.agent.agent import Agent
        from sandbox.lifecycle import hosts

        self.engine, self.owner = engine, owner
        self.host = SandboxHost.objects.create(name="local")
        assert hosts.look(self.host), SandboxHost.objects.get().detail
        SandboxImage.objects.create(name=image)
        self.recipe = SandboxTemplate.objects.create(
            name="A recipe",
            image_name=image,
            config={"pool": {"min": 0, "max": 0}},
            resource_config={"disk_limit": 64 * MB, "memory_limit": 128 * MB, "tmp_limit": 16 * MB},
        )
        self.agent = Agent("local", engine)
        self._stop = self.agent.start()
        assert self.agent.leading.wait(15)
        self.host.refresh_from_db()

    def make(self, **given: Any) -> Sandbox:
        """A sandbox that runs."""
        sandbox = services.create_sandbox(owner=self.owner, template=self.recipe, **given)
        self.work()
        return self.now(sandbox)

    def do(self, sandbox: Sandbox, verb: str, **options: Any) -> Sandbox:
        """A verb, done."""
        services.do_verb(sandbox=sandbox, verb=verb, by=self.owner, **options)
        self.work()
        return self.now(sandbox)

    def say(self, sandbox: Sandbox, command: str, *, seconds: float = 20) -> str:
        """What a command says, and how it ended unless well."""
        row = services.run_command(sandbox=sandbox, by=self.owner, command=command)
        row = services.wait_for(execution=row, timeout=seconds)
        assert row.status == "ended", row.status
        good = (row.cause, row.exit_code) == ("exit", 0)
        return str(row.stdout or "").strip() if good else f"{row.cause} {row.exit_code} {row.stderr}"

    def fill(self, number: int) -> None:
        """Let so many wait in the pool."""
        from sandbox.lifecycle import pool

        self.recipe.config = {"pool": {"min": number, "max": number}}
        self.recipe.save()
        pool.refill(self.host)

    @staticmethod
    def work() -> None:
        from system import queue

        queue.run_pending()

    @staticmethod
    def now(sandbox: Sandbox) -> Sandbox:
        return Sandbox.objects.with_parts().get(pk=sandbox.pk)

    def recover(self) -> None:
        """What follows a killed worker: its tasks are opened again and done, the host reconciled."""
        from sandbox.lifecycle import reconcile
        from system import queue
        from system.models import TaskQueue, TaskStatus

        queue.reopen_dead()
        TaskQueue.objects.filter(status=TaskStatus.PENDING).update(available_at=timezone.now())
        self.work()
        reconcile.reconcile(self.host)
        self.work()

    def is_true(self) -> None:
        """Rows and containers say the same, and nothing of the host belongs to nobody."""
        rows = SandboxInstance.objects.standing().select_related("sandbox")
        found = {item.instance_id: item for item in self.engine.list_instances()}
        assert set(found) == {row.pk for row in rows}
        states = {"running": {"running"}, "paused": {"paused"}, "stopped": {"exited"}, "failed": {"exited"}}
        for row in rows:
            if row.sandbox is None:
                assert (row.status, found[row.pk].state) == ("warm", "running")
            else:
                assert row.sandbox.verb is None
                assert found[row.pk].state in states[row.sandbox.status], row.sandbox.status
                assert row.container_id == row.sandbox.container_id == found[row.pk].container_id
        assert self.engine.leftovers() == []

    def is_empty(self) -> None:
        """Nothing is left on the host, and no row says otherwise."""
        assert self.engine.list_instances() == []
        assert self.engine.leftovers() == []
        assert not SandboxInstance.objects.standing().exists()
        assert not Sandbox.objects.exclude(status="deleted").exists()

    def end(self) -> None:
        self._stop()
        for found in self.engine.list_instances():
            self.engine.remove(found.instance_id)


@pytest.fixture
def real(
    transactional_db: None, docker_host: Any, engine_site: str, settings: Any, alice: Any
) -> Iterator[RealWorld]:
    """The real engine and an agent in this process; `real.make()` is Alice's running sandbox."""
    from sandbox.lifecycle import engines

    settings.SANDBOX_HOSTS = {"local": docker_host.url}
    settings.SANDBOX_SITE = engine_site
    settings.SANDBOX_QUOTA_COUNT = 10_000
    engines._engine.cache_clear()
    world = RealWorld(docker_host, alice, "agi-sandbox-shell")
    yield world
    world.end()
    engines._engine.cache_clear()


class DyingWorker:
    """A worker that does single tasks, each in a process of its own that is killed at a step."""

    def __init__(self, settings: Any) -> None:
        from tests.sandbox.fixtures_agent import database_url

        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker_program.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "agi_site.settings",
                "PYTHONPATH": str(settings.BASE_DIR),
                "DATABASE_URL": database_url(),
                "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
                "SANDBOX_SITE": settings.SANDBOX_SITE,
                "SANDBOX_HOSTS": ",".join(f"{name}={url}" for name, url in settings.SANDBOX_HOSTS.items()),
            },
        )

    def work(self, *, die_at: str) -> bool:
        """Do every waiting task until the step; whether a process was killed there."""
        from system.models import TaskQueue, TaskStatus

        for task_id in TaskQueue.objects.filter(status=TaskStatus.PENDING, queue="sandbox.local").values_list(
            "pk", flat=True
        ):
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps({"task": task_id, "die_at": die_at}) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
            assert answer["code"] == 0, answer
            if answer["signal"] == 9:
                return True
        return False

    def end(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(10)
        self._process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def dying_worker(real: RealWorld, settings: Any) -> Iterator[DyingWorker]:
    """A worker to be killed at named steps."""
    worker = DyingWorker(settings)
    yield worker
    worker.end()
