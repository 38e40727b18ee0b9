"""Several engines, and one that is killed and started again."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.engine import DockerHost, EngineUnavailable, InstanceSpec
from sandbox.images.make import make_images
from sandbox.policy.limits import MB, Limits

from .fixtures_engine import SHELL, PrivateEngine, execute

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]


def test_two_engines_know_nothing_of_each_other_and_one_survives_its_daemon(
    docker_host: DockerHost, start_private_engine: Callable[[], PrivateEngine]
) -> None:
    engine = start_private_engine()
    other = DockerHost("other", engine.url, docker_host.site)
    make_images(other, ["agi-sandbox-shell", "agi-sandbox-helper"])
    instance_id = str(uuid.uuid4())
    spec = InstanceSpec(SHELL, Limits(disk_limit=16 * MB))
    try:
        assert other.info()["can"]["disk"]
        for host in (docker_host, other):
            host.create(instance_id, spec)
        other.start(instance_id)
        assert {found.state for found in other.list_instances()} == {"running"}
        found = docker_host.find(instance_id)
        assert found is not None
        assert found.state == "created"
        _the_daemon_is_killed(engine, other, instance_id)
    finally:
        docker_host.remove(instance_id)
        other.remove(instance_id)
        assert other.helper.ask("disk_list")["disks"] == {}
        other.remove_everything()
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if instance_id in line]
    assert not Path(f"/dev/agi/agi-{other.site}-{instance_id}").is_symlink()


def _the_daemon_is_killed(engine: PrivateEngine, host: DockerHost, instance_id: str) -> None:
    """The container goes on, the engine is said to be away, and all is as before when it is back."""
    execute(host, instance_id, "echo kept > note")
    before = host.find(instance_id)
    engine.kill()
    with pytest.raises(EngineUnavailable):
        host.find(instance_id)
    engine.start()
    after = host.find(instance_id)
    assert after == before
    assert execute(host, instance_id, "cat note") == (0, "kept")
    assert host.helper.ask("about")["can"]["disk"]
    host.stop(instance_id)
    host.start(instance_id)
    assert execute(host, instance_id, "cat note") == (0, "kept")
