"""Two hosts with an engine each: where sandboxes go, one that is drained, one whose engine is killed."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from sandbox import services
from sandbox.agent.agent import Agent
from sandbox.engine import DockerHost
from sandbox.images.make import make_images
from sandbox.lifecycle import hosts, reconcile
from sandbox.models import HostStatus, Sandbox, SandboxHost

from .fixtures_agent import wait_until
from .fixtures_engine import PrivateEngine

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other(real: Any, settings: Any, start_private_engine: Callable[[], PrivateEngine]) -> Iterator[Any]:
    """A second host: its row, its engine, and the daemon behind it."""
    daemon = start_private_engine()
    settings.SANDBOX_HOSTS = {**settings.SANDBOX_HOSTS, "other": daemon.url}
    engine = DockerHost("other", daemon.url, settings.SANDBOX_SITE)
    make_images(engine, ["agi-sandbox-shell", "agi-sandbox-helper"])
    row = SandboxHost.objects.create(name="other")
    assert hosts.look(row, ready=True), SandboxHost.objects.get(name="other").detail
    agent = Agent("other", engine)
    stop = agent.start()
    assert agent.leading.wait(15)
    yield row, engine, daemon
    stop()
    engine.remove_everything()


def test_sandboxes_spread_a_host_is_drained_and_a_killed_engine_is_survived(
    real: Any, other: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, engine, daemon = other
    made = [real.make(), real.make()]
    assert {str(sandbox.host.name) for sandbox in made} == {"local", "other"}
    there = next(sandbox for sandbox in made if sandbox.host.name == "other")
    assert real.say(there, "echo kept > note; cat note") == "kept"

    services.drain_host(host=SandboxHost.objects.get(name="local"), by=operator)
    assert real.make().host.name == "other"
    services.activate_host(host=SandboxHost.objects.get(name="local"), by=operator)

    daemon.kill()
    monkeypatch.setattr(hosts, "LOST_AFTER", timedelta(0))
    row = SandboxHost.objects.get(name="other")
    assert not hosts.look(row)
    row.refresh_from_db()
    assert not hosts.look(row)
    assert SandboxHost.objects.get(name="other").status == HostStatus.LOST
    assert (real.now(there).status, real.now(there).cause) == ("failed", "host_lost")
    assert real.make().host.name == "local"
    cache.clear()  # what is cached is never the truth

    daemon.start()
    row.refresh_from_db()
    assert hosts.look(row)
    reconcile.reconcile(row)
    assert (real.now(there).status, real.now(there).cause) == ("running", None)
    wait_until(lambda: real.say(real.now(there), "cat note") == "kept", 30)

    for sandbox in Sandbox.objects.exclude(status="deleted"):
        services.do_verb(sandbox=sandbox, verb="delete", by=real.owner)
    real.work()
    assert engine.list_instances() == []
    # an engine that was killed under a container keeps its empty volume, by Docker's own count, until it is
    # started again
    daemon.kill()
    daemon.start()
    assert hosts.look(row)
    reconcile.reconcile(row)
    assert engine.leftovers() == []
    real.is_empty()
