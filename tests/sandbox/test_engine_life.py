"""The life of a container on a real engine: made, started, attached to, stopped, removed; and what is
locked.
"""

import json
import socket
import uuid
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from sandbox.engine import (
    DockerHost,
    EngineError,
    EngineUnavailable,
    ImageMissing,
    InstanceSpec,
    NoSuchInstance,
    isolation_of,
)
from sandbox.engine.containers import container_config
from sandbox.policy.limits import MB, Limits

from .fixtures_engine import PYTHON, SHELL

pytestmark = pytest.mark.docker_engine

Instance = Callable[..., str]
Inside = Callable[..., tuple[int, str]]


def inspected(host: DockerHost, instance_id: str) -> dict[str, Any]:
    return host.client.call("GET", f"/containers/agi-{host.site}-{instance_id}/json")


def test_making_twice_gives_the_same_container(docker_host: DockerHost, new_instance: Instance) -> None:
    instance_id = new_instance(start=False)
    first = docker_host.find(instance_id)
    spec = InstanceSpec(SHELL, workspace="memory")
    assert first is not None
    assert first.state == "created"
    assert docker_host.create(instance_id, spec) == first.container_id


def test_every_verb_may_be_repeated(docker_host: DockerHost, new_instance: Instance) -> None:
    instance_id = new_instance()
    for verb, state in (
        (docker_host.start, "running"),
        (docker_host.pause, "paused"),
        (docker_host.unpause, "running"),
        (docker_host.stop, "exited"),
    ):
        verb(instance_id)
        verb(instance_id)
        found = docker_host.find(instance_id)
        assert found is not None
        assert found.state == state
    docker_host.remove(instance_id)
    docker_host.remove(instance_id)
    assert docker_host.find(instance_id) is None


def test_a_paused_container_can_be_stopped_and_removed(
    docker_host: DockerHost, new_instance: Instance
) -> None:
    for end in (docker_host.stop, docker_host.remove):
        instance_id = new_instance(workspace="disk")
        docker_host.pause(instance_id)
        end(instance_id)
        found = docker_host.find(instance_id)
        assert found is None or found.state == "exited"


def test_limits_of_a_stopped_container_hold_from_its_next_start(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(limits=Limits(cpu_limit=200))
    docker_host.stop(instance_id)
    docker_host.update_limits(instance_id, Limits(cpu_limit=100))
    docker_host.start(instance_id)
    assert run_inside(instance_id, "nproc")[1] == "1"


def test_a_container_that_is_not_there_is_told_apart_from_an_engine_that_is_not(
    docker_host: DockerHost,
) -> None:
    with pytest.raises(NoSuchInstance):
        docker_host.start(str(uuid.uuid4()))
    with pytest.raises(NoSuchInstance):
        docker_host.pause(str(uuid.uuid4()))
    nobody = DockerHost("nobody", "unix:///tmp/nobody-listens-here.sock", "nobody")
    with pytest.raises(EngineUnavailable):
        nobody.info()


def test_one_whose_network_the_helper_cannot_look_at_does_not_stay_running(
    docker_host: DockerHost, new_instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(op: str, **_request: Any) -> dict[str, Any]:
        assert op == "terminals"
        raise EngineUnavailable("The helper does not answer.")

    instance_id = new_instance(start=False)
    with monkeypatch.context() as patch:
        patch.setattr(docker_host.helper, "ask", silent)
        with pytest.raises(EngineUnavailable, match="could not be checked: The helper does not answer"):
            docker_host.start(instance_id)
    assert docker_host.find(instance_id).state == "exited"  # type: ignore[union-attr]
    docker_host.start(instance_id)
    assert docker_host.find(instance_id).state == "running"  # type: ignore[union-attr]


def test_one_that_the_engine_left_in_the_hosts_network_does_not_stay_running(
    docker_host: DockerHost, new_instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_the_hosts(instance_id: str, spec: InstanceSpec, parts: Any) -> dict[str, Any]:
        body = container_config(instance_id, spec, parts)
        body["HostConfig"]["NetworkMode"] = "host"
        return body | {"NetworkDisabled": False, "Hostname": ""}

    monkeypatch.setattr("sandbox.engine.host.container_config", in_the_hosts)
    instance_id = new_instance(start=False)
    with pytest.raises(EngineError, match="no network of its own"):
        docker_host.start(instance_id)
    assert docker_host.find(instance_id).state == "exited"  # type: ignore[union-attr]


def test_a_missing_image_is_said_to_be_missing(docker_host: DockerHost) -> None:
    with pytest.raises(ImageMissing):
        docker_host.create(str(uuid.uuid4()), InstanceSpec("agi-no-such-image:1", workspace="memory"))


def test_nothing_is_left_of_a_removed_instance(docker_host: DockerHost, new_instance: Instance) -> None:
    instance_id = new_instance(workspace="disk")
    docker_host.remove(instance_id)
    assert not any(instance_id in name for name in docker_host.helper.ask("disk_list")["disks"])
    volumes = docker_host.client.call("GET", "/volumes")["Volumes"]
    assert not any(instance_id in volume["Name"] for volume in volumes)
    assert instance_id not in {found.instance_id for found in docker_host.list_instances()}


def test_all_that_may_be_locked_is_locked(docker_host: DockerHost, new_instance: Instance) -> None:
    host_config = inspected(docker_host, new_instance(start=False))["HostConfig"]
    assert host_config["CapDrop"] == ["ALL"]
    assert set(host_config["CapAdd"]) <= {f"{name}" for name in ("SETUID", "SETGID", "KILL", "SETPCAP")}
    assert host_config["ReadonlyRootfs"] is True
    assert host_config["Privileged"] is False
    assert host_config["NetworkMode"] == "none"
    assert host_config["IpcMode"] == "private"
    assert host_config["PidMode"] == ""
    assert "no-new-privileges" in host_config["SecurityOpt"]
    seccomp = next(option for option in host_config["SecurityOpt"] if option.startswith("seccomp="))
    assert json.loads(seccomp.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"


def test_commands_have_no_rights_and_write_only_where_they_may(
    new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance()
    assert run_inside(instance_id, "id -u")[1] == "1000"
    status = run_inside(instance_id, "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status")[1]
    assert status.split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]
    assert run_inside(instance_id, "touch /etc/x /usr/x /.agi/x")[0] != 0
    assert run_inside(instance_id, "touch /workspace/x /tmp/x /dev/shm/x") == (0, "")
    assert run_inside(instance_id, "ls -A /workspace")[1] == "x"


def test_the_stream_is_attached_before_the_start_and_loses_nothing(
    docker_host: DockerHost, new_instance: Instance
) -> None:
    instance_id = new_instance(start=False)
    found = docker_host.find(instance_id)
    assert found is not None
    stream = docker_host.attach(found.container_id)
    assert isinstance(stream, socket.socket)
    docker_host.start(instance_id)
    docker_host.stop(instance_id)
    stream.settimeout(10)
    while stream.recv(4096):
        pass
    stream.close()


def test_a_disk_outlives_stop_and_a_new_container(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(workspace="disk")
    assert run_inside(instance_id, "echo kept > note && ls -A") == (0, "note")
    docker_host.stop(instance_id)
    docker_host.start(instance_id)
    assert run_inside(instance_id, "cat note")[1] == "kept"
    docker_host.remove(instance_id, keep_disk=True)
    docker_host.create(instance_id, InstanceSpec(SHELL, Limits(pids_limit=64)))
    docker_host.start(instance_id)
    assert run_inside(instance_id, "cat note")[1] == "kept"


def test_a_disk_that_lost_its_loop_device_comes_back(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    """As after the machine was started anew."""
    instance_id = new_instance(workspace="disk")
    run_inside(instance_id, "echo kept > note")
    docker_host.stop(instance_id)
    docker_host.helper.ask("disk_detach", name=f"agi-{docker_host.site}-{instance_id}")
    docker_host.start(instance_id)
    assert run_inside(instance_id, "cat note")[1] == "kept"


def test_a_disk_grows_and_shrinks_with_its_limit_as_far_as_its_files_fit(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(workspace="disk", limits=Limits(disk_limit=32 * MB))
    run_inside(instance_id, "head -c 20000000 /dev/zero > big")

    def remade(megabytes: int) -> int:
        docker_host.remove(instance_id, keep_disk=True)
        docker_host.create(instance_id, InstanceSpec(SHELL, Limits(disk_limit=megabytes * MB)))
        docker_host.start(instance_id)
        assert run_inside(instance_id, "stat -c %s big")[1] == "20000000"
        return int(run_inside(instance_id, "df -Pm . | tail -1 | tr -s ' ' | cut -d' ' -f2")[1])

    assert 80 < remade(96) <= 96
    assert 40 < remade(48) <= 48
    assert run_inside(instance_id, "ls -A")[1] == "big"
    with pytest.raises(EngineError, match=r"do not fit into a disk of this size$"):
        remade(16)
    assert 40 < remade(48) <= 48
    assert run_inside(instance_id, "ls -A")[1] == "big"
    assert 80 < remade(96) <= 96


def test_leftovers_are_found_and_removed(docker_host: DockerHost, new_instance: Instance) -> None:
    instance_id = new_instance(start=False, workspace="disk")
    docker_host.remove(instance_id, keep_disk=True)
    assert instance_id not in {left.instance_id for left in docker_host.leftovers(known=[instance_id])}
    left = [found for found in docker_host.leftovers() if found.instance_id == instance_id]
    assert left
    for found in left:
        docker_host.remove_leftover(found)
    assert instance_id not in {left.instance_id for left in docker_host.leftovers()}


def test_events_say_how_a_container_ended(docker_host: DockerHost, new_instance: Instance) -> None:
    stop, seen, ended = Event(), [], Event()

    def listen() -> None:
        for event in docker_host.events(stop):
            seen.append(event)
            if event.action == "die":
                stop.set()
        ended.set()

    listener = Thread(target=listen)
    listener.start()
    instance_id = new_instance()
    docker_host.stop(instance_id)
    assert ended.wait(10)
    listener.join()
    mine = [event for event in seen if event.instance_id == instance_id]
    assert [event.action for event in mine] == ["create", "start", "kill", "die"]
    assert mine[-1].exit_code == 137


def test_a_listener_is_stopped_while_nothing_happens(docker_host: DockerHost) -> None:
    stop = Event()
    listener = Thread(target=lambda: list(docker_host.events(stop)))
    listener.start()
    stop.set()
    listener.join(5)
    assert not listener.is_alive()


def test_folders_of_the_host_are_seen_read_only_and_only_below_the_roots(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, tmp_path: Any, settings: Any
) -> None:
    settings.SANDBOX_MOUNT_ROOTS = [str(tmp_path / "open")]
    (tmp_path / "open" / "books").mkdir(parents=True)
    (tmp_path / "open" / "books" / "one").write_text("read me")
    (tmp_path / "open" / "out").symlink_to("/etc")
    policy = {"mounts": [{"source": str(tmp_path / "open" / "books"), "target": "/books"}]}
    instance_id = new_instance(mount_policy=policy)
    assert run_inside(instance_id, "cat /books/one")[1] == "read me"
    assert run_inside(instance_id, "touch /books/two")[0] != 0
    with pytest.raises(Invalid):
        new_instance(mount_policy={"mounts": [{"source": "/etc", "target": "/books"}]})
    with pytest.raises(Exception, match="leads out"):
        new_instance(
            mount_policy={"mounts": [{"source": str(tmp_path / "open" / "out"), "target": "/books"}]}
        )


def test_the_engine_says_what_it_can(docker_host: DockerHost) -> None:
    info = docker_host.info()
    assert info["cpus"] >= 1
    assert info["memory"] > 0
    assert info["runtimes"]["runc"]["level"] == 1
    assert info["can"] == {"disk": True, "network": True, "rate": True, "mounts": True}
    assert isolation_of("runsc").level == 2
    assert isolation_of("kata-runtime").level == 3
    assert isolation_of("something").level == 0


def test_what_an_image_declares_as_a_volume_has_a_limit(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    tag = f"agi-{docker_host.site}-volumes:1"
    log: list[str] = []
    built = docker_host.build_image(f"FROM {SHELL}\nVOLUME /data\n", tag, log.append)
    assert built.image_id, log
    try:
        instance_id = new_instance(image=tag)
        assert run_inside(instance_id, "df -P /data | tail -1")[1].startswith("tmpfs")
        docker_host.remove(instance_id)
    finally:
        docker_host.remove_image(tag)


def test_an_image_is_built_with_its_log(docker_host: DockerHost) -> None:
    tag = f"agi-{docker_host.site}-built:1"
    log: list[str] = []
    try:
        built = docker_host.build_image(
            f'FROM {PYTHON}\nLABEL a="b"\nRUN echo built in here\n', tag, log.append
        )
        assert built.image_id.startswith("sha256:")
        assert docker_host.images()[tag] == built.image_id
        assert "built in here" in log
        failed = docker_host.build_image(
            f"FROM {SHELL}\nRUN exit 3\n", f"agi-{docker_host.site}-no:1", log.append
        )
        assert not failed.image_id
        assert "3" in failed.fault
    finally:
        docker_host.remove_image(tag)


def test_a_spec_survives_its_column_and_its_profile_knows_what_is_fixed() -> None:
    spec = InstanceSpec(
        SHELL, Limits(pids_limit=99), {"default": "allow"}, published=((8000, "tcp"),), labels={"a": "b"}
    )
    again = InstanceSpec.from_json(json.loads(json.dumps(spec.as_json())))
    assert again == spec
    assert again.profile == spec.profile
    assert InstanceSpec(SHELL).profile == InstanceSpec(SHELL, Limits(pids_limit=99, timeout=11)).profile
    assert InstanceSpec(SHELL).profile != InstanceSpec(SHELL, Limits(tmp_limit=2**24)).profile
    assert InstanceSpec(SHELL).profile != InstanceSpec(PYTHON).profile
