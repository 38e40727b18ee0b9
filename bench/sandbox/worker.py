"""What a worker does: commands and cells over the runner, a container from nothing, and its end."""

import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.parts import Skipped
from bench.report import Figure, told

from .docker_itself import IMAGE, DockerItself, alternating

COMMANDS, CELLS, COLD, DELETED = 60, 60, 20, 20


def measure() -> list[Figure]:
    """The figures of a worker; raises Skipped without an engine."""
    with tempfile.TemporaryDirectory() as folder, here(folder) as (host, plain):
        return [*_commands(host, plain), *_from_nothing(host, plain)]


@contextmanager
def here(folder: str) -> Iterator[tuple[Any, DockerItself]]:
    """An engine with this bench's own label, its images made, and the plain Docker beside it."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "bench.settings", "DATA_DIR": folder, "REDIS_URL": ""}
    import django

    django.setup()
    from sandbox.engine import DockerHost, EngineUnavailable
    from sandbox.images.make import make_images

    url = os.environ.get("DOCKER_HOST", "")
    host = DockerHost("bench", url, f"bench{os.getpid()}")
    try:
        host.info()
    except EngineUnavailable as error:
        raise Skipped(f"docker: {error}") from error
    make_images(host, ["agi-sandbox-python", "agi-sandbox-helper"])
    host.ensure_ready()
    plain = DockerItself(url)
    try:
        yield host, plain
    finally:
        for found in host.list_instances():
            host.remove(found.instance_id)
        host.close()
        plain.remove_labelled(f"agi.site={host.site}")
        plain.close()


@contextmanager
def standing(host: Any) -> Iterator[tuple[str, Any]]:
    """A running instance and the stream into it."""
    from sandbox.agent.stream import Attachment
    from sandbox.engine import InstanceSpec

    key = str(uuid.uuid4())
    container = host.create(key, InstanceSpec(image=IMAGE))
    host.start(key)
    attachment = Attachment(host.attach(container), first=True)
    attachment.hello()
    try:
        yield key, attachment
    finally:
        attachment.close()
        host.remove(key)


def first_output(attachment: Any, op: str, **args: Any) -> float:
    """Seconds until the first output of an execution; returns when it has ended."""
    from sandbox.agent.stream import Ended, Faulted, Output

    first, ended, fault = [], threading.Event(), []

    def hear(event: Any) -> None:
        if isinstance(event, Output) and not first:
            first.append(time.perf_counter())
        elif isinstance(event, Faulted):
            fault.append(event.message)
            ended.set()
        elif isinstance(event, Ended):
            ended.set()

    began = time.perf_counter()
    channel = attachment.open(op, key=str(uuid.uuid4()), on_event=hear, **args)
    if not ended.wait(60) or not first:
        raise RuntimeError(f"{op} printed nothing: {fault}")
    channel.close()
    return first[0] - began


def _commands(host: Any, plain: DockerItself) -> list[Figure]:
    other = plain.create_and_start()
    with standing(host) as (key, attachment):
        echo, echo_docker = alternating(
            COMMANDS,
            lambda: first_output(attachment, "exec", argv=["/bin/echo", "hi"]),
            lambda: plain.first_output("exec", other, "/bin/echo", "hi"),
        )
        cell, cell_docker = alternating(
            CELLS,
            lambda: first_output(attachment, "cell", code="print(1)", session=""),
            lambda: plain.first_output("exec", other, "python3", "-c", "print(1)"),
        )
        memory = Figure(
            "memory of an idle sandbox, beyond what runs in it",
            f"{memory_of(plain.processes(str(host.find(key).container_id))) / 1e6:.1f} MB",
            "none (plain Docker has no runner)",
            "",
            "stated",
        )
    return [
        against("first output of echo, in the worker", echo, echo_docker, "docker exec", 0.08),
        against("print(1) in a fresh Python cell", cell, cell_docker, "docker exec python3 -c", 0.15),
        memory,
    ]


def _from_nothing(host: Any, plain: DockerItself) -> list[Figure]:
    from sandbox.agent.stream import Attachment
    from sandbox.engine import InstanceSpec

    left: list[str] = []

    def cold() -> float:
        key = str(uuid.uuid4())
        began = time.perf_counter()
        container = host.create(key, InstanceSpec(image=IMAGE))
        host.start(key)
        attachment = Attachment(host.attach(container), first=True)
        attachment.hello()
        first = first_output(attachment, "exec", argv=["/bin/echo", "hi"])
        seconds = time.perf_counter() - began
        assert first < seconds
        attachment.close()
        left.append(key)
        return seconds

    def remove() -> float:
        key = left.pop()
        began = time.perf_counter()
        host.remove(key)
        return time.perf_counter() - began

    def remove_plain() -> float:
        made = plain.create_and_start()
        return plain.run("rm", "-f", made)[0]

    ours, by_sdk = alternating(COLD, cold, plain.create_start_exec)
    gone, gone_docker = alternating(min(DELETED, len(left) - 1), remove, remove_plain)
    for key in left:
        host.remove(key)
    return [
        against("from nothing to first output", ours, by_sdk, "SDK create, start, exec", 1.15),
        against("delete until nothing is left", gone, gone_docker, "docker rm -f", 1.2),
    ]


def against(what: str, ours: list[float], theirs: list[float], name: str, most: float) -> Figure:
    """A figure as the median of the pairs' ratios, with both sides' p50 and p95."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    return Figure(what, told(ours), f"{told(theirs)} ({name})", f"{ratio:.3f} × at p50", f"at most {most} ×")


def memory_of(pids: list[int]) -> float:
    """Bytes (proportional set size) of these processes, once they have come to rest."""
    time.sleep(2)
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return float(total)
