"""The baselines: the same image, as locked down, by the Docker SDK and by the docker program."""

import subprocess
import time
from collections.abc import Callable

import docker

from sandbox.policy.syscalls import seccomp_json

IMAGE = "agi-sandbox-python:latest"
LABEL = "agi-bench"


class DockerItself:
    """Plain containers of the same image, hardened by the same means; `close` removes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = docker.APIClient(base_url=url or None, version="auto", timeout=120)
        self._profile = seccomp_json(None)

    def create_and_start(self) -> str:
        """By the SDK; the container's id."""
        options = self.api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges", f"seccomp={self._profile}"],
            log_config={"Type": "none"},
            ipc_mode="private",
            mem_limit="512m",
            memswap_limit="512m",
            cpu_quota=100_000,
            pids_limit=256,
            shm_size="64m",
            tmpfs={"/tmp": "size=128m", "/workspace": "size=512m,uid=1000"},
        )
        made = self.api.create_container(
            IMAGE, ["/bin/sleep", "3600"], user="1000", host_config=options, labels=[LABEL]
        )
        self.api.start(made["Id"])
        return str(made["Id"])

    def create_start_exec(self) -> float:
        """Seconds from nothing to the first output of `echo`, by the SDK; its removal is not timed."""
        began = time.perf_counter()
        made = self.create_and_start()
        call = self.api.exec_create(made, ["/bin/echo", "hi"])
        next(self.api.exec_start(call["Id"], stream=True))
        seconds = time.perf_counter() - began
        self.api.remove_container(made, force=True)
        return seconds

    def first_output(self, *command: str) -> float:
        """Seconds until the docker program prints the first byte of `docker <command>`."""
        began = time.perf_counter()
        with subprocess.Popen(self._docker(*command), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            return time.perf_counter() - began

    def run(self, *command: str, text: str = "") -> tuple[float, int]:
        """Seconds and exit code of `docker <command>` with `text` on its standard input."""
        began = time.perf_counter()
        done = subprocess.run(
            self._docker(*command),
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return time.perf_counter() - began, done.returncode

    def run_program(self, code: str) -> tuple[float, int]:
        """`docker run --rm` of a Python program, locked down the same way."""
        locked = [
            "--network",
            "none",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
        ]
        limits = ["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "256"]
        rest = ["--log-driver", "none", "--user", "1000", "--tmpfs", "/tmp:size=128m"]
        return self.run("run", "--rm", "-i", *locked, *limits, *rest, IMAGE, "python3", "-", text=code)

    def processes(self, container: str) -> list[int]:
        """The process ids, on this machine, of all that runs in a container."""
        return [int(row[1]) for row in self.api.top(container)["Processes"]]

    def remove_labelled(self, label: str) -> None:
        """Remove containers, networks and volumes with a label."""
        kept = {"label": label}
        for found in self.api.containers(all=True, filters=kept):
            self.api.remove_container(found["Id"], force=True)
        for found in self.api.networks(filters=kept):
            self.api.remove_network(found["Id"])
        for found in self.api.volumes(filters=kept)["Volumes"] or ():
            self.api.remove_volume(found["Name"])

    def close(self) -> None:
        """Remove every container made here."""
        for found in self.api.containers(all=True, filters={"label": LABEL}):
            self.api.remove_container(found["Id"], force=True)
        self.api.close()

    def _docker(self, *command: str) -> list[str]:
        return ["docker", *(["-H", self.url] if self.url else []), *command]


def alternating(count: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Each measure `count` times, by turns, so that what the machine does meanwhile meets all alike."""
    found: list[list[float]] = [[] for _ in measures]
    for one in measures:
        one()  # once for nothing
    for _ in range(count):
        for seconds, one in zip(found, measures, strict=True):
            seconds.append(one())
    return found
