"""Files of sandboxes over a workspace that is a folder: the services. The real one: test_files_real."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agi_site.lib import events
from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem
from sandbox import files, services
from sandbox.channels import sandbox_channel
from sandbox.files import mirror, paths
from sandbox.files.mime import mime_type
from sandbox.files.spool import TooLarge
from sandbox.models import Sandbox, SandboxFile, SandboxStatus
from system.services import set_setting

pytestmark = pytest.mark.django_db


def mirrored(box: Sandbox) -> set[str]:
    return set(SandboxFile.objects.filter(sandbox=box).values_list("path", flat=True))


def follow_up(run_tasks: Any) -> None:
    """Do what was queued for a second from now."""
    from system.models import TaskQueue

    TaskQueue.objects.filter(status="pending").update(available_at=timezone.now() - timedelta(seconds=1))
    run_tasks()


# --- In and out -------------------------------------------------------------------------------------------
def test_what_is_written_can_be_read_listed_and_downloaded(box, alice, workspace):
    row = files.write_file(sandbox=box, by=alice, path="src/hello.py", content="print('안녕')\n")
    assert workspace.tree() == {"src/hello.py": "print('안녕')\n".encode()}
    assert (row.path, row.size_bytes, row.mime_type) == ("src/hello.py", 16, "text/x-python")
    content = files.read_file(sandbox=box, by=alice, path="/workspace/src/hello.py")
    assert (content.text, content.complete) == ("print('안녕')\n", True)
    listing = files.list_files(sandbox=box, by=alice, path="src")
    assert [(entry.name, entry.kind, entry.size) for entry in listing.entries] == [("hello.py", "file", 16)]
    assert b"".join(files.download(sandbox=box, by=alice, path="src/hello.py")) == "print('안녕')\n".encode()
    assert mirrored(box) == {"src", "src/hello.py"}


def test_only_the_beginning_of_a_long_file_is_read(box, alice, workspace):
    workspace.put("long.txt", "가" * 1000)
    content = files.read_file(sandbox=box, by=alice, path="long.txt", limit=100)
    assert (content.size, content.complete, content.text) == (3000, False, "가" * 33)


def test_bytes_that_are_no_text_have_none(box, alice, workspace):
    workspace.put("x.bin", b"\x00\x01\xff")
    assert files.read_file(sandbox=box, by=alice, path="x.bin").text is None


def test_a_file_of_any_size_is_uploaded_in_chunks(box, alice, workspace):
    chunks = (bytes([number]) * 100_000 for number in range(50))
    row = files.upload(sandbox=box, by=alice, path="big.bin", chunks=chunks, size=5_000_000)
    assert row.size_bytes == 5_000_000
    assert workspace.tree()["big.bin"][4_900_000:] == bytes([49]) * 100_000


def test_an_upload_that_ends_early_is_refused(box, alice, workspace):
    with pytest.raises(Invalid) as refused:
        files.upload(sandbox=box, by=alice, path="x", chunks=[b"abc"], size=10)
    assert refused.value.code == "incomplete"
    assert workspace.tree() == {}


def test_an_upload_beyond_the_limit_is_refused_before_it_is_read(box, alice, admin_user):
    set_setting(category="sandbox", key="transfer_megabytes", value=1, by=admin_user)

    def never() -> Any:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(TooLarge, match="1 MiB"):
        files.upload(sandbox=box, by=alice, path="x", chunks=never(), size=2 << 20)
    with pytest.raises(TooLarge):
        files.upload(sandbox=box, by=alice, path="x", chunks=[b"x" * (1 << 20), b"x"])


def test_a_download_beyond_the_limit_is_refused(box, alice, admin_user, workspace):
    set_setting(category="sandbox", key="transfer_megabytes", value=1, by=admin_user)
    workspace.put("big", b"x" * ((1 << 20) + 1))
    with pytest.raises(TooLarge):
        files.download(sandbox=box, by=alice, path="big")


def test_a_folder_is_no_file(box, alice, workspace):
    workspace.put("folder/x")
    with pytest.raises(Invalid, match="not a file"):
        files.download(sandbox=box, by=alice, path="folder")


def test_moving_and_deleting_change_the_mirror(box, alice, workspace):
    files.write_file(sandbox=box, by=alice, path="a/one.txt", content="1")
    files.write_file(sandbox=box, by=alice, path="a/b/two.txt", content="2")
    files.write_file(sandbox=box, by=alice, path="ab.txt", content="3")
    files.move(sandbox=box, by=alice, source="a", target="c/d")
    assert mirrored(box) == {"c", "c/d", "c/d/one.txt", "c/d/b", "c/d/b/two.txt", "ab.txt"}
    files.delete(sandbox=box, by=alice, path="c/d/b")
    assert mirrored(box) == {"c", "c/d", "c/d/one.txt", "ab.txt"}
    assert set(workspace.tree()) == {"c/d/one.txt", "ab.txt"}


def test_moving_onto_something_needs_to_be_asked_for(box, alice, workspace):
    for name in ("a", "b"):
        files.write_file(sandbox=box, by=alice, path=name, content=name)
    with pytest.raises(Conflict):
        files.move(sandbox=box, by=alice, source="a", target="b")
    files.move(sandbox=box, by=alice, source="a", target="b", overwrite=True)
    assert workspace.tree() == {"b": b"a"}
    assert mirrored(box) == {"b"}


def test_a_folder_is_made_with_those_above_it(box, alice, workspace):
    files.make_directory(sandbox=box, by=alice, path="x/y/z")
    assert (workspace.root / "x/y/z").is_dir()
    assert mirrored(box) == {"x", "x/y", "x/y/z"}


def test_a_listing_has_folders_first_and_goes_on(box, alice, workspace):
    for name in ("b.txt", "a.txt", "z/x", "c.txt"):
        workspace.put(name)
    first = files.list_files(sandbox=box, by=alice, limit=2)
    assert ([entry.name for entry in first.entries], first.total, first.more) == (["z", "a.txt"], 4, True)
    rest = files.list_files(sandbox=box, by=alice, offset=2, limit=2)
    assert ([entry.name for entry in rest.entries], rest.more) == (["b.txt", "c.txt"], False)


# --- Whose ------------------------------------------------------------------------------------------------
DOORS = {
    "list_files": {},
    "read_file": {"path": "a"},
    "write_file": {"path": "a", "content": "x"},
    "upload": {"path": "a", "chunks": [b"x"]},
    "download": {"path": "a"},
    "make_directory": {"path": "a"},
    "move": {"source": "a", "target": "b"},
    "delete": {"path": "a"},
    "archive": {},
    "extract": {"chunks": [b""]},
    "stat_file": {"path": "a"},
}


@pytest.mark.parametrize("door", DOORS)
def test_another_persons_sandbox_does_not_exist(door, box, bob, workspace):
    with pytest.raises(NotFound):
        getattr(files, door)(sandbox=box, by=bob, **DOORS[door])
    assert workspace.asked == []


@pytest.mark.parametrize("door", DOORS)
def test_a_sandbox_that_does_not_run_says_so(door, box, alice, workspace):
    box.status = SandboxStatus.STOPPED
    with pytest.raises(Conflict) as refused:
        getattr(files, door)(sandbox=box, by=alice, **DOORS[door])
    assert refused.value.code == "not_running"
    assert workspace.asked == []


def test_nothing_is_written_while_a_snapshot_is_restored(box, alice):
    box.verb = "restore"
    with pytest.raises(Conflict) as refused:
        files.write_file(sandbox=box, by=alice, path="a", content="x")
    assert refused.value.code == "busy"


# --- Paths ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("", ""),
        ("/", ""),
        ("/workspace", ""),
        ("a//b/./c/", "a/b/c"),
        ("/workspace/a", "a"),
        ("..a/b..", "..a/b.."),
    ],
)
def test_paths_are_below_the_workspace_however_they_are_written(given, cleaned):
    assert paths.clean(given) == cleaned


@pytest.mark.parametrize(
    "path",
    ["..", "../x", "a/../b", "/workspace/../etc/passwd", "a\0b", "x" * 256, "가" * 86, "/".join(["d"] * 65),
     "/".join(["n" * 200] * 30)],
)  # fmt: skip
def test_paths_that_escape_or_are_too_long_are_refused(path, box, alice, workspace):
    with pytest.raises(Invalid) as refused:
        files.read_file(sandbox=box, by=alice, path=path)
    assert "path" in refused.value.errors
    assert workspace.asked == []


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "safe\u202egpj.exe", "a\ud800", "x\u2028y"])
def test_new_names_that_mislead_are_refused_but_old_ones_can_be_deleted(name, box, alice, workspace):
    with pytest.raises(Invalid):
        files.write_file(sandbox=box, by=alice, path=name, content="x")
    assert paths.clean(name) == name  # as it stands inside


@pytest.mark.parametrize(
    "name", ["한글 파일.txt", "é.txt", "😀👩‍👩‍👧.png", "a\u202fb.png", "전\u3000각", "-rf", "a'b\"c;$(x)"]
)
def test_ordinary_names_of_the_world_are_welcome(name, box, alice, workspace):
    row = files.write_file(sandbox=box, by=alice, path=f"폴더/{name}", content="x")
    assert (row.path, workspace.tree()) == (f"폴더/{name}", {f"폴더/{name}": b"x"})


def test_a_path_too_long_for_the_table_is_written_but_not_mirrored(box, alice, workspace):
    path = "/".join(["a" * 100] * 3)
    row = files.write_file(sandbox=box, by=alice, path=path, content="x")
    assert row._state.adding
    assert path in workspace.tree()
    assert path not in mirrored(box)


def test_a_strange_name_made_inside_can_be_listed_and_deleted(box, alice, workspace):
    workspace.put("line\nbreak")
    assert [entry.name for entry in files.list_files(sandbox=box, by=alice).entries] == ["line\nbreak"]
    files.delete(sandbox=box, by=alice, path="line\nbreak")
    assert workspace.tree() == {}


# --- The mirror -------------------------------------------------------------------------------------------
def test_the_mirror_follows_what_happened_inside(box, alice, workspace, run_tasks):
    files.write_file(sandbox=box, by=alice, path="kept.txt", content="1")
    files.write_file(sandbox=box, by=alice, path="gone.txt", content="2")
    (workspace.root / "gone.txt").unlink()
    workspace.put("한글/새.md", "# new")
    (workspace.root / "link").symlink_to("/etc/passwd")
    files.refresh_soon(box)
    follow_up(run_tasks)
    rows = {row.path: row for row in SandboxFile.objects.filter(sandbox=box)}
    assert set(rows) == {"kept.txt", "한글", "한글/새.md", "link"}
    assert rows["한글"].is_directory
    assert (rows["한글/새.md"].size_bytes, rows["한글/새.md"].mime_type) == (5, "text/markdown")
    assert (rows["link"].mime_type, rows["link"].content_hash) == ("inode/symlink", None)
    box.refresh_from_db()
    assert box.workspaces.get().size_bytes == 6


def test_a_refresh_keeps_the_key_of_a_file_that_changed(box, alice, workspace):
    before = files.write_file(sandbox=box, by=alice, path="a.txt", content="1")
    workspace.put("a.txt", "22")
    assert mirror.refresh(box).changed == 1
    after = SandboxFile.objects.get(sandbox=box, path="a.txt")
    assert (after.pk, after.size_bytes) == (before.pk, 2)
    assert after.content_hash != before.content_hash
    assert mirror.refresh(box).changed == 0


def test_the_time_of_a_row_is_that_of_the_file(box, workspace):
    import os

    path = workspace.put("old.txt", "x")
    os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    mirror.refresh(box)
    row = SandboxFile.objects.get(sandbox=box)
    assert (row.modified_ns, int(row.last_modified.timestamp())) == (1_500_000_000_123_456_789, 1_500_000_000)


def test_a_large_file_that_did_not_change_is_not_hashed_again(box, workspace):
    workspace.put("large.bin", b"x" * 100_000)
    mirror.refresh(box)
    assert workspace.hashed == 1
    mirror.refresh(box)
    assert workspace.hashed == 1


def test_many_changes_are_one_refresh(box):
    from system.models import TaskQueue

    for _time in range(10):
        files.refresh_soon(box.pk)
    assert TaskQueue.objects.filter(task_type="sandbox.files.refresh").count() == 1
    assert TaskQueue.objects.get().queue == "sandbox.files"


def test_a_change_during_a_refresh_is_not_forgotten(box):
    from system.models import TaskQueue

    files.refresh_soon(box)
    TaskQueue.objects.update(status="processing")
    files.refresh_soon(box)
    files.refresh_soon(box)
    assert TaskQueue.objects.filter(task_type="sandbox.files.refresh", status="pending").count() == 1


def test_the_end_of_an_execution_brings_a_refresh(box, workspace, run_tasks):
    from sandbox.agent.agent import Agent
    from system.models import TaskQueue

    agent = Agent.__new__(Agent)  # without its threads
    agent._looked_after = {}
    workspace.put("made.txt", "by code")
    for _execution in range(3):
        agent._look_at_files(box.pk)
    assert TaskQueue.objects.filter(task_type="sandbox.files.refresh").count() == 1
    follow_up(run_tasks)
    assert mirrored(box) == {"made.txt"}


def test_a_start_brings_a_refresh_for_what_the_last_stop_killed(alice, mine, run_tasks):
    from system.models import TaskQueue

    refreshes = TaskQueue.objects.filter(task_type="sandbox.files.refresh")
    for verb, expected in (("stop", 0), ("start", 1)):
        services.do_verb(sandbox=mine, verb=verb, by=alice)
        run_tasks()
        assert refreshes.count() == expected


def test_what_the_table_cannot_hold_is_left_out_and_counted(box, workspace):
    workspace.put("fine.txt")
    workspace.put("/".join(["a" * 100] * 3).lstrip("/"))
    (workspace.root / b"\xff\xfe".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    done = mirror.refresh(box)
    assert "fine.txt" in mirrored(box)
    assert done.left_out == 2


def test_ten_thousand_files_are_mirrored_in_few_statements(
    box, workspace, monkeypatch, django_assert_max_num_queries
):
    entries = [
        {
            "path": f"d/{number:06}.txt",
            "type": "file",
            "size": 3,
            "mode": 0o644,
            "mtime_ns": number,
            "sha256": f"{number:064x}",
        }
        for number in range(10_000)
    ]
    monkeypatch.setattr(workspace, "_manifest", lambda path, known, told: entries)
    with django_assert_max_num_queries(200):
        assert mirror.refresh(box).files == 10_000
    entries[:] = entries[:5_000]
    with django_assert_max_num_queries(60):
        assert mirror.refresh(box).removed == 5_000
    assert SandboxFile.objects.filter(sandbox=box).count() == 5_000


def test_a_stopped_sandbox_keeps_its_mirror(box, workspace, alice):
    files.write_file(sandbox=box, by=alice, path="a", content="x")
    box.status = SandboxStatus.STOPPED
    assert mirror.refresh(box) is None
    assert mirrored(box) == {"a"}


def test_changes_are_told_on_the_sandboxs_channel(box, alice, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        files.write_file(sandbox=box, by=alice, path="a.txt", content="x")
    told = [event for event in events.read(sandbox_channel(box.pk)) if event.name == "files"]
    assert told[-1].data == {"changed": 1, "removed": 0, "paths": ["a.txt"]}


def test_watching_brings_refreshes(box, alice):
    from system.models import TaskQueue

    with files.watch(sandbox=box, by=alice) as changes:
        assert [bool(change) for change in changes] == [True, False]
    assert TaskQueue.objects.filter(task_type="sandbox.files.refresh").exists()


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a.py", None, "text/x-python"),
        ("a.tar.gz", None, "application/gzip"),
        ("noext", b"hello", "text/plain"),
        ("noext", "한".encode()[:2], "application/octet-stream"),
        ("noext", "a한".encode()[:3], "text/plain"),
        ("noext", b"\x7fELF\x02", "application/x-executable"),
        ("a.ipynb", None, "application/x-ipynb+json"),
    ],
)
def test_types_come_from_the_name_then_from_the_first_bytes(path, head, expected):
    assert mime_type(path, head) == expected


def test_every_refusal_is_a_sentence(box, alice):
    for path in ("..", "x" * 300, ""):
        with pytest.raises(Problem) as refused:
            files.read_file(sandbox=box, by=alice, path=path)
        assert str(refused.value.message).endswith(".")
