"""A real engine for tests: images made once on a machine, a site of this test process's own, all of it
removed.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import DockerHost, EngineError, InstanceSpec

LOCK = Path(tempfile.gettempdir()) / "agi-sandbox-images.lock"
WHEELS = Path(__file__).parents[2] / "var" / "sandbox-wheels"
IMAGES = ("agi-sandbox-helper", "agi-sandbox-shell", "agi-sandbox-python")
SHELL, PYTHON = "agi-sandbox-shell:latest", "agi-sandbox-python:latest"
# SANDBOX_LONG=1 (scripts/test-sandboxes) takes 100,000 files, and every hostile program by the whole way.
LONG = os.environ.get("SANDBOX_LONG") == "1"
MANY_FILES = 100_000 if LONG else 5_000


def own_site() -> str:
    """A site's name that says which process it belongs to, so that what a killed one left can be told."""
    return f"t{os.getpid()}x{uuid.uuid4().hex[:6]}"


def sweep_dead(host: DockerHost) -> None:
    """Remove what test processes left that are no more."""
    found = host.client.call("GET", "/containers/json", all="1", filters='{"label":["agi.site"]}')
    found += host.client.call("GET", "/volumes", filters='{"label":["agi.site"]}')["Volumes"] or []
    for site in {entry["Labels"]["agi.site"] for entry in found}:
        pid = site.removeprefix("t").partition("x")[0]
        if site.startswith("t") and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            with suppress(EngineError):
                DockerHost("left", host.url, site).remove_everything()


@pytest.fixture(scope="session")
def engine_site() -> str:
    """The label of all that this test process makes: `settings.SANDBOX_SITE` of its tests."""
    return own_site()


@pytest.fixture(scope="session")
def make_sandbox_image(docker_engine: str) -> Callable[..., dict[str, str]]:
    """`make_sandbox_image("agi-sandbox-node")` makes further images of this machine's files; one process at
    a time.
    """

    def make(*names: str) -> dict[str, str]:
        from sandbox.images.make import make_images

        os.environ.setdefault("SANDBOX_WHEELS", str(WHEELS))  # as scripts/sandbox-image has it
        host = DockerHost("images", docker_engine, "images")
        with LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = make_images(host, names)
        host.close()
        return made

    return make


@pytest.fixture(scope="session")
def docker_host(
    docker_engine: str, engine_site: str, make_sandbox_image: Callable[..., Any]
) -> Iterator[DockerHost]:
    """The engine with its images, runner and helper, for this test process alone; nothing of it is left."""
    make_sandbox_image(*IMAGES)
    host = DockerHost("local", docker_engine, engine_site)
    sweep_dead(host)
    try:
        host.ensure_ready()
        yield host
    finally:
        host.remove_everything()


@pytest.fixture
def new_instance(docker_host: DockerHost) -> Iterator[Callable[..., str]]:
    """`new_instance(image=…, **spec)` is the id of a started container, removed with the test."""
    made: list[str] = []

    def make(
        *,
        host: DockerHost | None = None,
        start: bool = True,
        network: dict[str, Any] | None = None,
        **spec: Any,
    ) -> str:
        host = host or docker_host
        instance_id = str(uuid.uuid4())
        made.append(instance_id)
        host.create(instance_id, InstanceSpec(**{"image": SHELL, "workspace": "memory"} | spec))
        if start:
            host.start(instance_id, **(network or {}))
        return instance_id

    yield make
    for instance_id in made:
        docker_host.remove(instance_id)


@pytest.fixture
def run_inside(docker_host: DockerHost) -> Callable[..., tuple[int, str]]:
    """`run_inside(instance_id, "nproc")` runs a shell's line as the sandbox's person; (exit code, output)."""

    def run(
        instance_id: str, line: str, *, host: DockerHost | None = None, user: str = "1000"
    ) -> tuple[int, str]:
        return execute(host or docker_host, instance_id, line, user=user)

    return run


def execute(host: DockerHost, instance_id: str, line: str, *, user: str = "1000") -> tuple[int, str]:
    """Run a shell's line in a container by the engine's own exec."""
    found = host.find(instance_id)
    assert found is not None
    api = host.client.api
    command = api.exec_create(found.container_id, ["sh", "-c", line], user=user, workdir="/workspace")
    output = api.exec_start(command["Id"]).decode(errors="replace")
    return api.exec_inspect(command["Id"])["ExitCode"], output.strip()


class PrivateEngine:
    """A Docker engine of one test's own, beside the machine's: it may be killed and started again."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.socket = place / "s"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; containers that ran when it was killed are found again."""
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    # in a network of its own: an engine takes the bridge and the firewall for its property
                    *(
                        "unshare",
                        "--net",
                        "dockerd",
                        "--host",
                        self.url,
                        "--data-root",
                        str(self.place / "data"),
                    ),
                    *("--exec-root", str(self.place / "run"), "--pidfile", str(self.place / "pid")),
                    *("--bridge=none", "--iptables=false", "--ip6tables=false", "--live-restore"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, (self.place / "log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.1)

    def _answers(self) -> bool:
        host = DockerHost("private", self.url, "private")
        try:
            host.client.call("GET", "/info")
        except EngineError:
            return False
        finally:
            host.close()
        return True

    def kill(self) -> None:
        """As if it had crashed; containers go on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        # its containerd goes with it; where nobody reaps that one, the next daemon would wait for it
        for name in ("pid", "run/containerd/containerd.pid"):
            (self.place / name).unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, its containerd, and what it has mounted."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
        pid_file = self.place / "run" / "containerd" / "containerd.pid"
        if pid_file.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid_file.read_text()), signal.SIGTERM)
        self._end_what_runs()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{self.place}/")]):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.place, ignore_errors=True)

    def _end_what_runs(self) -> None:
        """Containers that a failed test left: their shims name this engine's folder."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if f"{self.place}/run" in entry.read_text() and "shim" in entry.read_text():
                    shim = int(entry.parent.name)
                    children = (entry.parent / "task" / str(shim) / "children").read_text().split()
                    for pid in (*map(int, children), shim):
                        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start_private_engine(docker_engine: str) -> Iterator[Callable[[], PrivateEngine]]:
    """`start_private_engine()` is a running engine of this test's own; it needs root and `dockerd`."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("only root may start a Docker engine")
    started: list[PrivateEngine] = []

    def start() -> PrivateEngine:
        engine = PrivateEngine(Path(tempfile.mkdtemp(prefix="agi-engine-")))
        started.append(engine)
        engine.start()
        return engine

    yield start
    for engine in started:
        engine.stop()
