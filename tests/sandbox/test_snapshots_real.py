"""Snapshots of real sandboxes: what comes back is what was there, and what fails leaves what is there."""

import io
import time
from typing import Any

import pytest

from sandbox import files, gateway, snapshots
from sandbox.files import storing
from sandbox.models import Sandbox, SandboxEvent, SandboxSnapshot, SnapshotStatus
from sandbox.policy.limits import MB

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]

STATE = (
    "find . -mindepth 1 -printf '%p %y %m %l\\n' | sort;"
    " find . -type f -print0 | sort -z | xargs -0 sha256sum"
)


@pytest.fixture
def real(agent_world: Any) -> Sandbox:
    """Alice's sandbox with a real container and a real, small disk."""
    sandbox = agent_world.sandbox(workspace="disk", disk=64 * MB)
    agent_world.leading()
    gateway.attach(str(sandbox.instance.pk))
    return sandbox


@pytest.fixture
def sh(agent_world: Any, real: Sandbox) -> Any:
    """`sh("ls")` runs a command in it and gives its output."""

    def run(command: str, seconds: float = 120) -> str:
        row = agent_world.ended(agent_world.run(real, command), seconds)
        assert row.exit_code == 0, row.stderr
        return row.stdout or ""

    return run


@pytest.fixture
def make(real: Sandbox, alice: Any, run_tasks: Any) -> Any:
    """`make()` is a ready snapshot of it."""

    def made() -> SandboxSnapshot:
        row = snapshots.create_snapshot(sandbox=real, by=alice)
        run_tasks()
        row.refresh_from_db()
        assert row.status == SnapshotStatus.READY, row.detail
        return row

    return made


def restore(snapshot: SandboxSnapshot, sandbox: Sandbox, by: Any, run_tasks: Any) -> SandboxEvent:
    sandbox.refresh_from_db()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=sandbox, by=by)
    run_tasks()
    return SandboxEvent.objects.filter(sandbox=sandbox, kind__startswith="restore").latest("pk")


def test_a_workspace_comes_back_with_modes_links_and_names(real, alice, sh, make, run_tasks):
    sh(
        "mkdir -p src/한글 venv/bin empty; echo 'print(1)' > src/main.py; chmod 750 src/main.py;"
        " ln -s /usr/bin/python3 venv/bin/python; ln -s ../src venv/up;"
        " head -c 3000000 /dev/urandom > src/한글/r.bin;"
        " touch 'with space' $'new\\nline' -- -dash; chmod 700 empty"
    )
    before = sh(STATE)
    snapshot = make()
    assert snapshot.file_count == 5
    sh(
        "rm -rf src; echo changed > 'with space'; mkdir more; touch more/x;"
        " rm venv/bin/python; touch venv/bin/python"
    )
    assert restore(snapshot, real, alice, run_tasks).kind == "restored"
    assert sh(STATE) == before
    # and once more over the same: nothing of the last one is in the way
    assert restore(snapshot, real, alice, run_tasks).kind == "restored"
    assert sh(STATE) == before


def test_a_mismatch_is_refused_and_nothing_changes(real, alice, sh, make, run_tasks):
    sh("echo precious > a; mkdir b; echo 2 > b/c")
    snapshot = make()
    sh("echo today > a")
    before = sh(STATE)
    with storing.open_stored(snapshot.storage_path) as file:
        data = bytearray(file.read())
    data[-30] ^= 0xFF
    storing.discard(snapshot.storage_path)
    storing.storage().save(snapshot.storage_path, io.BytesIO(bytes(data)))
    assert restore(snapshot, real, alice, run_tasks).kind == "restore_failed"
    assert sh(STATE) == before


def test_a_disk_without_room_for_both_keeps_what_is_there(real, alice, sh, make, run_tasks):
    free = int(sh("df -B1 --output=avail . | tail -1"))
    sh(f"head -c {free * 2 // 3} /dev/urandom > big")
    snapshot = make()
    before = sh(STATE)
    event = restore(snapshot, real, alice, run_tasks)
    assert (event.kind, "no room" in event.data["detail"]) == ("restore_failed", True)
    assert sh(STATE) == before


def test_two_thousand_files_make_the_round_trip(real, alice, sh, make, run_tasks):
    sh("mkdir many; cd many; for i in $(seq 2000); do echo $i > $i; done")
    began = time.monotonic()
    snapshot = make()
    made = time.monotonic() - began
    sh("rm -rf many")
    began = time.monotonic()
    assert restore(snapshot, real, alice, run_tasks).kind == "restored"
    print(f"2,000 files: snapshot {made:.1f} s, restore {time.monotonic() - began:.1f} s,"
          f" stored {snapshot.stored_bytes:,} bytes")  # fmt: skip
    assert sh("ls many | wc -l; cat many/777") == "2000\n777\n"


def test_a_clone_is_filled_from_a_running_sandbox(real, alice, sh, agent_world, run_tasks):
    sh("mkdir d; echo cloned > d/file")
    target = agent_world.sandbox(workspace="disk")
    gateway.attach(str(target.instance.pk))
    snapshots.clone_workspace(source=real, target=target, by=alice)
    run_tasks()
    assert files.read_file(sandbox=target, by=alice, path="d/file").text == "cloned\n"
    assert not SandboxSnapshot.objects.exists()
