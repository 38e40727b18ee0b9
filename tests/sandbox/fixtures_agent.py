"""A host with an agent, real containers, and rows of sandboxes in them; agents to be killed."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agi_site.lib import events
from sandbox import gateway
from sandbox.agent.agent import Agent
from sandbox.channels import execution_channel
from sandbox.engine import DockerHost
from sandbox.models import (
    ExecutionStatus,
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxExecution,
    SandboxHost,
    SandboxInstance,
    SandboxResource,
    SandboxSecurity,
    SandboxStatus,
)
from sandbox.policy.limits import Limits

PROGRAM = Path(__file__).with_name("agent_program.py")


def wait_until(true: Callable[[], Any], seconds: float = 15) -> Any:
    """What `true` returns as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return found


class AgentWorld:
    """A host, its containers and executions in them."""

    def __init__(self, engine: DockerHost, new_instance: Callable[..., str], owner: Any) -> None:
        self.engine, self._new_instance, self.owner = engine, new_instance, owner
        self.host = SandboxHost.objects.create(name=f"h{uuid.uuid4().hex[:8]}", status=HostStatus.ACTIVE)
        self.agents: list[Agent] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    # --- Containers ---
    def sandbox(
        self,
        *,
        env: dict[str, str] | None = None,
        limits: dict[str, int] | None = None,
        disk: int | None = None,
        **spec: Any,
    ) -> Sandbox:
        """A running sandbox with a container of its own; its disk may have another size."""
        if disk:
            spec["limits"] = Limits(disk_limit=disk)
        sandbox = Sandbox.objects.create(
            user=self.owner, image_name="agi-sandbox-shell", host=self.host, status=SandboxStatus.RUNNING
        )
        SandboxResource.objects.create(sandbox=sandbox, **(limits or {}))
        SandboxSecurity.objects.create(sandbox=sandbox, env_variables=env)
        instance_id = self._new_instance(**spec)
        SandboxInstance.objects.create(
            pk=instance_id,
            host=self.host,
            sandbox=sandbox,
            profile="x",
            status=InstanceStatus.CLAIMED,
            container_id=self.engine.find(instance_id).container_id,
        )
        return Sandbox.objects.with_parts().get(pk=sandbox.pk)

    # --- Agents ---
    def agent(self, **options: Any) -> Agent:
        """An agent in this process, leading."""
        agent = Agent(self.host.name, self.engine, **options)
        self.agents.append(agent)
        agent.start()
        return agent

    def leading(self, **options: Any) -> Agent:
        """The same, once it leads."""
        agent = self.agent(**options)
        assert agent.leading.wait(10)
        self.host.refresh_from_db()
        return agent

    def process(self, **environment: str) -> subprocess.Popen[bytes]:
        """An agent as a process, not waited for."""
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), self.host.name, self.engine.url, self.engine.site],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "agi_site.settings",
                "PYTHONPATH": str(settings.BASE_DIR),
                "DATABASE_URL": database_url(),
                "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
                **environment,
            },
        )
        self.processes.append(process)
        return process

    def leads(self) -> bool:
        """Whether some agent leads and answers."""
        self.host.refresh_from_db()
        return bool(self.host.agent and self.host.gateway)

    # --- Executions ---
    def run(self, sandbox: Sandbox, command: str, *, poke: bool = True, **values: Any) -> SandboxExecution:
        """Queue a command and poke the agent."""
        row = SandboxExecution.objects.create(
            sandbox=sandbox, user=self.owner, command=command, started_at=None, **values
        )
        if poke:
            self.host.refresh_from_db()
            gateway.poke(self.host, execution=str(row.pk))
        return row

    def ended(self, row: SandboxExecution, seconds: float = 20) -> SandboxExecution:
        """The row once it has ended."""
        wait_until(lambda: self.status(row) == ExecutionStatus.ENDED, seconds)
        row.refresh_from_db()
        return row

    def running(self, row: SandboxExecution, seconds: float = 15) -> None:
        """Wait until it runs."""
        wait_until(lambda: self.status(row) == ExecutionStatus.RUNNING, seconds)

    @staticmethod
    def status(row: SandboxExecution) -> str:
        return SandboxExecution.objects.values_list("status", flat=True).get(pk=row.pk)

    @staticmethod
    def cancel(row: SandboxExecution) -> None:
        SandboxExecution.objects.filter(pk=row.pk).update(cancel_requested_at=timezone.now())

    @staticmethod
    def events(row: SandboxExecution, name: str = "") -> list[events.Event]:
        """What was published about it."""
        found = events.read(execution_channel(str(row.pk)))
        return [event for event in found if not name or event.name == name]

    def said(self, row: SandboxExecution, stream: str = "stdout") -> str:
        """Its live output so far."""
        return "".join(e.data["text"] for e in self.events(row, "output") if e.data["stream"] == stream)

    def end(self) -> None:
        for agent in self.agents:
            agent.stop()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def database_url() -> str:
    """The tests' own database, for another process."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    return f"mysql://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


@pytest.fixture
def agent_world(
    transactional_db: None, docker_host: DockerHost, new_instance: Callable[..., str], alice: Any
) -> Iterator[AgentWorld]:
    """A host without an agent yet: `agent_world.leading()` starts one here, `.process()` one to be killed."""
    world = AgentWorld(docker_host, new_instance, alice)
    yield world
    world.end()
