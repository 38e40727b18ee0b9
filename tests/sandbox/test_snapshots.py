"""Snapshots: made with a manifest, verified before anything is touched, swapped in, backed up, cloned."""

import contextlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import zstandard
from django.utils import timezone

from agi_site.lib.problems import Conflict, Invalid, NotFound, Unavailable
from sandbox import files, snapshots
from sandbox.files import storing
from sandbox.models import (
    Sandbox,
    SandboxEvent,
    SandboxExecution,
    SandboxFile,
    SandboxQuarantine,
    SandboxSnapshot,
    SandboxStatus,
    SnapshotKind,
    SnapshotStatus,
)
from sandbox.snapshots import backups, restoring
from system.services import set_setting

from .fixtures_files import EICAR

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(workspace: Any) -> dict[str, bytes]:
    """A workspace with something in it."""
    workspace.put("main.py", "print(1)\n")
    workspace.put("데이터/표.csv", "a,b\n" * 10_000)
    workspace.put("data/random.bin", os.urandom(100_000))
    (workspace.root / "empty").mkdir()
    (workspace.root / "link").symlink_to("/usr/bin/python3")
    (workspace.root / "main.py").chmod(0o755)
    found: dict[str, bytes] = workspace.tree()
    return found


@pytest.fixture
def snapshot(box: Sandbox, alice: Any, filled: Any, run_tasks: Callable[..., None]) -> SandboxSnapshot:
    made = snapshots.create_snapshot(sandbox=box, by=alice, name="before")
    run_tasks()
    made.refresh_from_db()
    return made


def replace_stored(snapshot: SandboxSnapshot, change: Callable[[bytearray], Any]) -> None:
    """Let somebody who can write to the storage change what is in it."""
    with storing.open_stored(str(snapshot.storage_path)) as file:
        data = bytearray(file.read())
    changed = change(data)
    storing.discard(snapshot.storage_path)
    storing.storage().save(
        str(snapshot.storage_path), io.BytesIO(bytes(data if changed is None else changed))
    )


def events_of(box: Sandbox) -> list[str]:
    return list(SandboxEvent.objects.filter(sandbox=box).order_by("pk").values_list("kind", flat=True))


# --- Making -----------------------------------------------------------------------------------------------
def test_a_snapshot_says_what_is_in_it(snapshot, box, filled):
    assert snapshot.status == SnapshotStatus.READY
    assert (snapshot.file_count, snapshot.size_bytes) == (3, sum(map(len, filled.values())))
    assert len(snapshot.content_hash) == len(snapshot.manifest_hash) == 64
    assert 100_000 < snapshot.stored_bytes < 110_000
    assert events_of(box) == ["snapshot_made"]


def test_what_is_stored_opens_with_ordinary_tools(snapshot, filled):
    with storing.open_stored(snapshot.storage_path) as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        with tarfile.open(fileobj=io.BytesIO(reader.read())) as tar:
            assert {info.name for info in tar if info.isreg()} == set(filled)
            assert tar.getmember("link").linkname == "/usr/bin/python3"
            assert tar.getmember("main.py").mode == 0o755


def test_a_snapshot_that_cannot_be_made_says_why(box, alice, workspace, run_tasks):
    def fail(op: str, _args: Any) -> None:
        raise Unavailable("The worker of this sandbox's host does not answer.")

    workspace.before = fail
    made = snapshots.create_snapshot(sandbox=box, by=alice)
    run_tasks()
    made.refresh_from_db()
    assert (made.status, made.detail) == ("failed", "The worker of this sandbox's host does not answer.")
    assert events_of(box) == ["snapshot_failed"]


def test_a_snapshot_deleted_while_it_is_made_leaves_nothing(box, alice, workspace, run_tasks, filled):
    made = snapshots.create_snapshot(sandbox=box, by=alice)
    workspace.before = lambda _op, _args: SandboxSnapshot.objects.all().delete()
    run_tasks()
    assert storing.names_in(storing.SNAPSHOTS) == [] or not any(
        made.pk in name for name in storing.names_in(storing.SNAPSHOTS)
    )


def test_one_keeps_only_so_many(box, alice, admin_user):
    set_setting(category="sandbox", key="snapshots_per_person", value=2, by=admin_user)
    for _time in range(2):
        snapshots.create_snapshot(sandbox=box, by=alice)
    with pytest.raises(Conflict, match="2 snapshots"):
        snapshots.create_snapshot(sandbox=box, by=alice)
    snapshots.create_snapshot(sandbox=box, by=None, kind=SnapshotKind.BACKUP)


def test_others_find_no_snapshot(snapshot, box, bob, new_sandbox):
    theirs = new_sandbox(bob)
    for door, args in (
        (snapshots.restore_snapshot, {"sandbox": theirs}), (snapshots.fill_sandbox, {"sandbox": theirs}),
        (snapshots.rename_snapshot, {"name": "x"}), (snapshots.delete_snapshot, {}),
        (snapshots.download_snapshot, {}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            door(snapshot=snapshot, by=bob, **args)
    with pytest.raises(NotFound):
        snapshots.create_snapshot(sandbox=box, by=bob)


def test_a_name_is_checked(snapshot, alice):
    assert snapshots.rename_snapshot(snapshot=snapshot, by=alice, name="  전  후 ").name == "전 후"
    with pytest.raises(Invalid):
        snapshots.rename_snapshot(snapshot=snapshot, by=alice, name="x" * 101)


# --- Restoring --------------------------------------------------------------------------------------------
def test_a_restore_brings_back_exactly_what_was_there(snapshot, box, alice, workspace, filled, run_tasks):
    workspace.put("main.py", "broken")
    workspace.put("new/file", "later")
    (workspace.root / "link").unlink()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    assert box.verb == "restore"
    run_tasks()
    assert workspace.tree() == filled
    assert (workspace.root / "link").readlink().as_posix() == "/usr/bin/python3"
    assert (workspace.root / "empty").is_dir()
    assert not (workspace.root / ".agi-restore").exists()
    box.refresh_from_db()
    assert box.verb is None
    assert events_of(box)[-1] == "restored"


def flipped(at: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[at] ^= 0xFF

    return change


def repacked(data: bytearray) -> bytes:
    """The same file but for one byte of one file in it, everything else as it should be."""
    frame = 8 + int.from_bytes(data[4:8], "little")
    plain = bytearray(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data[frame:])).read())
    at = plain.index(b"print(1)")
    plain[at : at + 8] = b"print(2)"
    return bytes(data[:frame]) + zstandard.compress(bytes(plain))


@pytest.mark.parametrize(
    ("change", "said"),
    [(repacked, "main.py"), (flipped(20), "manifest"), (flipped(-200), "damaged"),
     (lambda data: data[:-1000], ""), (lambda data: b"", ""), (lambda data: bytes(data) + b"more", ""),
     (lambda data: b"x" * len(data), "manifest")],
    ids=["one file", "manifest", "a byte", "cut", "empty", "longer", "other"],
)  # fmt: skip
def test_a_snapshot_that_was_changed_is_refused_and_the_workspace_left_alone(
    change, said, snapshot, box, alice, workspace, run_tasks
):
    replace_stored(snapshot, change)
    workspace.put("main.py", "today's work")
    before = workspace.tree()
    workspace.asked.clear()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    run_tasks()
    assert workspace.tree() == before
    assert not {"write", "move", "delete", "extract", "mkdir"} & set(workspace.asked)
    event = SandboxEvent.objects.filter(sandbox=box).latest("pk")
    assert event.kind == "restore_failed"
    assert said in event.data["detail"]
    box.refresh_from_db()
    assert box.verb is None
    with pytest.raises(Conflict):
        snapshots.download_snapshot(snapshot=snapshot, by=alice)


def test_a_snapshot_that_is_missing_in_the_storage_is_refused(snapshot, box, alice, workspace, run_tasks):
    storing.discard(snapshot.storage_path)
    before = workspace.tree()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    run_tasks()
    assert workspace.tree() == before
    assert "missing" in SandboxEvent.objects.filter(sandbox=box).latest("pk").data["detail"]


def test_what_arrives_otherwise_than_it_was_sent_is_refused(
    snapshot, box, alice, workspace, run_tasks, monkeypatch
):
    real = workspace.extract

    def meddled(path: str, chunks: Any) -> Any:
        answer = real(path, chunks)
        workspace.put(f"{path}/main.py", "print(6)\n")
        return answer

    monkeypatch.setattr(workspace, "extract", meddled)
    before = workspace.tree()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    run_tasks()
    assert workspace.tree() == before
    assert "main.py" in SandboxEvent.objects.filter(sandbox=box).latest("pk").data["detail"]


@pytest.mark.parametrize("breaks_at", [1, 10, 15, 20, 40])
def test_a_restore_that_breaks_anywhere_is_all_or_nothing(
    breaks_at, snapshot, box, alice, workspace, filled, run_tasks
):
    """The way to the sandbox is lost for good at some call; what comes next undoes what was half done."""
    workspace.put("main.py", "today's work")
    workspace.put("today/new", "x")
    before, calls = workspace.tree(), 0

    def lose(_op: str, _args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= breaks_at:
            raise Unavailable("lost")

    workspace.before = lose
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    run_tasks()
    workspace.before = lambda _op, _args: None
    whole = calls < breaks_at
    restoring.undo(box.instance)
    assert workspace.tree() in ((filled,) if whole else (before, filled))
    assert not (workspace.root / ".agi-restore").exists()


def test_a_restore_that_breaks_and_whose_undoing_breaks_loses_nothing(snapshot, box, workspace, filled):
    workspace.put("main.py", "today's work")
    workspace.put("today/new", "x")
    before = workspace.tree()

    def break_after(count: int) -> None:
        left = count

        def lose(_op: str, _args: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Unavailable("lost")

        workspace.before = lose

    seen = set()
    for swapping in range(8, 30, 3):
        for undoing in range(24):
            break_after(swapping)
            with contextlib.suppress(Unavailable):
                restoring.replace_workspace(box.instance, snapshot)
            break_after(undoing)
            with contextlib.suppress(Unavailable):
                restoring.undo(box.instance)
            workspace.before = lambda _op, _args: None
            restoring.undo(box.instance)
            after = workspace.tree()
            assert after in (before, filled), (swapping, undoing)
            seen.add(after == filled)
            if after == filled:
                shutil.rmtree(workspace.root)
                for path, content in before.items():
                    workspace.put(path, content)
    assert seen == {True, False}


def test_what_an_interrupted_restore_left_is_not_in_lists_snapshots_or_the_mirror(
    box, alice, workspace, run_tasks, filled
):
    from sandbox.files import mirror

    workspace.put(".agi-restore/old/main.py", "x")
    mirror.refresh(box)
    assert not SandboxFile.objects.filter(path__startswith=".agi").exists()
    made = snapshots.create_snapshot(sandbox=box, by=alice)
    run_tasks()
    made.refresh_from_db()
    assert made.file_count == len(filled)


def test_a_restore_refuses_while_something_runs_unless_it_may_end_it(
    snapshot, box, alice, workspace, run_tasks, monkeypatch
):
    SandboxExecution.objects.create(sandbox=box, command="sleep", status="running")
    with pytest.raises(Conflict, match="still runs") as refused:
        snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    assert refused.value.code == "executions_run"
    cancelled: list[Any] = []

    def cancel(*, execution: Any, by: Any) -> Any:
        cancelled.append((execution.pk, by))
        SandboxExecution.objects.filter(pk=execution.pk).update(status="ended")

    monkeypatch.setattr("sandbox.services.cancel_execution", cancel)
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice, end_executions=True)
    run_tasks()
    assert len(cancelled) == 1
    assert events_of(box)[-1] == "restored"


def test_a_restore_waits_for_what_was_told_to_end_but_not_for_ever(
    snapshot, box, alice, run_tasks, monkeypatch, workspace
):
    monkeypatch.setattr(restoring, "PATIENCE", 0.2)
    monkeypatch.setattr("sandbox.services.cancel_execution", lambda **_args: None)
    SandboxExecution.objects.create(sandbox=box, command="sleep", status="running")
    before = workspace.tree()
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice, end_executions=True)
    run_tasks()
    assert (events_of(box)[-1], workspace.tree()) == ("restore_failed", before)


def test_two_restores_at_once_are_refused(snapshot, box, alice):
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    with pytest.raises(Conflict):
        snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)


def test_a_restore_whose_task_is_gone_is_undone_and_ended(snapshot, box, alice, workspace):
    from system.models import TaskQueue

    snapshots.restore_snapshot(snapshot=snapshot, sandbox=box, by=alice)
    assert restoring.end_lost() == 0
    before = workspace.tree()
    workspace.put(".agi-restore/new/main.py", "x")
    TaskQueue.objects.update(status="failed")
    assert restoring.end_lost() == 1
    box.refresh_from_db()
    assert (box.verb, workspace.tree(), events_of(box)[-1]) == (None, before, "restore_failed")


def test_an_unready_snapshot_is_refused(box, alice):
    made = snapshots.create_snapshot(sandbox=box, by=alice)
    with pytest.raises(Conflict) as refused:
        snapshots.restore_snapshot(snapshot=made, sandbox=box, by=alice)
    assert refused.value.code == "not_ready"


# --- Clones -----------------------------------------------------------------------------------------------
def test_a_clone_gets_the_files_and_leaves_no_snapshot(box, alice, new_sandbox, workspace, filled, run_tasks):
    target = new_sandbox(alice)  # over the same folder: what matters is that it is restored
    snapshots.clone_workspace(source=box, target=target, by=alice)
    run_tasks()
    assert workspace.tree() == filled
    assert events_of(target) == ["restored"]
    assert not SandboxSnapshot.objects.exists()


def test_a_clone_waits_until_its_sandbox_runs(
    box, alice, new_sandbox, workspace, filled, run_tasks, monkeypatch
):
    from sandbox.snapshots import filling
    from system.models import TaskQueue

    monkeypatch.setattr(filling, "AT_ONCE", 0)
    target = new_sandbox(alice, status=SandboxStatus.CREATING)
    snapshots.clone_workspace(source=box, target=target, by=alice)
    run_tasks()
    assert events_of(target) == []
    Sandbox.objects.filter(pk=target.pk).update(status=SandboxStatus.RUNNING)
    TaskQueue.objects.filter(status="pending").update(available_at=timezone.now() - timedelta(seconds=1))
    run_tasks()
    assert events_of(target) == ["restored"]


def test_a_clone_whose_sandbox_is_gone_leaves_no_snapshot(box, alice, new_sandbox, filled, run_tasks):
    target = new_sandbox(alice)
    snapshots.clone_workspace(source=box, target=target, by=alice)
    Sandbox.objects.filter(pk=target.pk).update(status=SandboxStatus.DELETED)
    run_tasks()
    assert not SandboxSnapshot.objects.exists()


# --- Downloads and deletion -------------------------------------------------------------------------------
def test_a_snapshot_is_downloaded_as_it_is_stored(snapshot, alice):
    download = snapshots.download_snapshot(snapshot=snapshot, by=alice)
    data = b"".join(download)
    assert (download.name, len(data)) == ("before.tar.zst", snapshot.stored_bytes)
    assert data[:4] == b"\x50\x2a\x4d\x18"


def test_a_bad_file_in_a_snapshot_is_held_back_on_its_way_out(box, alice, workspace, run_tasks):
    workspace.put("x/bad.com", EICAR)
    made = snapshots.create_snapshot(sandbox=box, by=alice)
    run_tasks()
    made.refresh_from_db()
    assert made.status == SnapshotStatus.READY  # it is the workspace as it was
    with pytest.raises(files.Quarantined):
        snapshots.download_snapshot(snapshot=made, by=alice)
    assert SandboxQuarantine.objects.get().path == "x/bad.com"


def test_deleting_a_snapshot_deletes_what_is_stored(snapshot, alice, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        snapshots.delete_snapshot(snapshot=snapshot, by=alice)
    assert not storing.storage().exists(snapshot.storage_path)
    with pytest.raises(NotFound):
        snapshots.delete_snapshot(snapshot=snapshot, by=alice)


# --- Backups ----------------------------------------------------------------------------------------------
@pytest.fixture
def old_box(box: Sandbox, alice: Any, workspace: Any) -> Sandbox:
    """A sandbox of two days ago with a file."""
    files.write_file(sandbox=box, by=alice, path="a", content="x")
    two_days_ago = timezone.now() - timedelta(days=2)
    Sandbox.objects.filter(pk=box.pk).update(created_at=two_days_ago, last_active=timezone.now())
    return box


def age(snapshot: SandboxSnapshot, hours: int) -> None:
    SandboxSnapshot.objects.filter(pk=snapshot.pk).update(created_at=timezone.now() - timedelta(hours=hours))


def test_backups_are_made_when_they_are_due_and_something_happened(old_box, run_tasks):
    assert (backups.back_up(), backups.back_up()) == (1, 0)
    run_tasks()
    backup = SandboxSnapshot.objects.get()
    assert (backup.kind, backup.status) == (SnapshotKind.BACKUP, SnapshotStatus.READY)
    age(backup, 25)
    Sandbox.objects.update(last_active=timezone.now() - timedelta(hours=30))
    assert backups.back_up() == 0
    Sandbox.objects.update(last_active=timezone.now())
    assert backups.back_up() == 1


def test_no_backups_of_young_stopped_or_empty_sandboxes_or_when_they_are_off(old_box, settings):
    for values in ({"created_at": timezone.now()}, {"status": SandboxStatus.STOPPED}, {"verb": "restore"}):
        before = Sandbox.objects.filter(pk=old_box.pk).values(*values).get()
        Sandbox.objects.update(**values)
        assert backups.back_up() == 0
        Sandbox.objects.update(**before)
    settings.SANDBOX_BACKUP_HOURS = 0
    assert backups.back_up() == 0
    settings.SANDBOX_BACKUP_HOURS = 24
    SandboxFile.objects.all().delete()
    assert backups.back_up() == 0


def test_only_the_newest_backups_are_kept(old_box, admin_user, run_tasks):
    set_setting(category="sandbox", key="backups_kept", value=2, by=admin_user)
    made = []
    for number in range(4):
        one = snapshots.create_snapshot(sandbox=old_box, by=None, kind=SnapshotKind.BACKUP)
        run_tasks()
        age(one, 100 - number)
        made.append(one.pk)
    by_hand = snapshots.create_snapshot(sandbox=old_box, by=old_box.user)
    assert backups.prune() == 2
    assert set(SandboxSnapshot.objects.values_list("pk", flat=True)) == {*made[2:], by_hand.pk}
