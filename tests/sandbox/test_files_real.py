"""Files in a real sandbox: what goes in comes out, and nothing hostile leads elsewhere."""

import hashlib
import io
import os
import tarfile
import time
import zipfile
from typing import Any

import pytest
from django.db import connection

from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem
from sandbox import files, gateway
from sandbox.files import mirror
from sandbox.models import Sandbox, SandboxFile, SandboxQuarantine
from sandbox.policy.limits import MB

from .fixtures_engine import MANY_FILES
from .fixtures_files import EICAR

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]


@pytest.fixture
def real(agent_world: Any) -> Sandbox:
    """Alice's sandbox with a real container."""
    sandbox = agent_world.sandbox(workspace="disk")
    agent_world.leading()
    gateway.attach(str(sandbox.instance.pk))
    return sandbox


@pytest.fixture
def sh(agent_world: Any, real: Sandbox) -> Any:
    """`sh("ls")` runs a command in it and gives its output."""

    def run(command: str, seconds: float = 60) -> str:
        row = agent_world.ended(agent_world.run(real, command), seconds)
        assert row.exit_code == 0, row.stderr
        return row.stdout or ""

    return run


def test_bytes_go_in_and_come_out_as_they_were(real, alice, sh):
    content = os.urandom(3_000_000)
    row = files.upload(sandbox=real, by=alice, path="데이터/x.bin", chunks=[content[:1000], content[1000:]])
    assert row.content_hash == hashlib.sha256(content).hexdigest()
    assert sh("sha256sum 데이터/x.bin; stat -c '%u %a' 데이터/x.bin").split() == [
        row.content_hash, "데이터/x.bin", "1000", "644"
    ]  # fmt: skip
    assert b"".join(files.download(sandbox=real, by=alice, path="데이터/x.bin")) == content
    entry = files.stat_file(sandbox=real, by=alice, path="데이터/x.bin")
    assert (entry.kind, entry.size) == ("file", 3_000_000)
    # What was put down at once is what a refresh finds: nothing has to be hashed or written again.
    assert mirror.refresh(real).changed == 0
    files.write_file(sandbox=real, by=alice, path="empty", content="")
    assert files.read_file(sandbox=real, by=alice, path="empty").text == ""


def test_folders_are_listed_moved_and_deleted(real, alice, sh):
    sh("mkdir -p a/b && echo 1 > a/b/one && ln -s /etc/passwd a/link")
    listing = files.list_files(sandbox=real, by=alice, path="a")
    assert [(entry.name, entry.kind) for entry in listing.entries] == [
        ("b", "directory"), ("link", "link")
    ]  # fmt: skip
    assert listing.entries[1].target == "/etc/passwd"
    files.move(sandbox=real, by=alice, source="a/b", target="c/d")
    assert sh("cat c/d/one") == "1\n"
    with pytest.raises(Conflict, match="has this name already"):
        files.move(sandbox=real, by=alice, source="a/link", target="c/d/one")
    files.make_directory(sandbox=real, by=alice, path="x/y")
    files.delete(sandbox=real, by=alice, path="a")
    assert sh("ls").split() == ["c", "x"]
    with pytest.raises(NotFound):
        files.delete(sandbox=real, by=alice, path="a")


@pytest.mark.parametrize(
    "made",
    ["ln -s /etc/passwd bad", "ln -s /proc/1/environ bad", "ln -s ../../etc/passwd bad",
     "ln -s /.agi/runner.py bad", "ln -s bad bad", "mkdir bad", "ln -s /dev/zero bad"],
)  # fmt: skip
def test_what_leads_out_or_is_no_file_cannot_be_read(made, real, alice, sh):
    sh(made)
    began = time.monotonic()
    for door in (files.read_file, files.download):
        with pytest.raises(Problem) as refused:
            door(sandbox=real, by=alice, path="bad")
        assert refused.value.status in {400, 409}
    assert time.monotonic() - began < 5


def test_links_as_folders_do_not_lead_out_on_any_way(real, alice, sh):
    sh("ln -s /tmp out; ln -s / root; ln -s /proc/self/root up; echo secret > /tmp/secret")
    for path in ("out/secret", "root/etc/passwd", "up/etc/passwd", "root/.agi/runner.py"):
        with pytest.raises(Problem):
            files.read_file(sandbox=real, by=alice, path=path)
        with pytest.raises(Problem):
            files.write_file(sandbox=real, by=alice, path=path, content="x")
        with pytest.raises(Problem):
            files.delete(sandbox=real, by=alice, path=path)
        with pytest.raises(Problem):
            files.extract(sandbox=real, by=alice, path=path.rpartition("/")[0], chunks=[tar_of({"x": b"1"})])
    assert sh("cat /tmp/secret; ls /tmp") == "secret\nsecret\n"
    with pytest.raises(Problem):
        files.list_files(sandbox=real, by=alice, path="out")


def test_pipes_and_sockets_are_shown_but_cannot_be_read_or_taken_along(agent_world, alice):
    sandbox = agent_world.sandbox(image="agi-sandbox-python:latest")
    agent_world.leading()
    gateway.attach(str(sandbox.instance.pk))
    made = "import os, socket; os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('socket')"
    assert agent_world.ended(agent_world.run(sandbox, f'python3 -c "{made}"')).exit_code == 0
    assert {entry.kind for entry in files.list_files(sandbox=sandbox, by=alice).entries} == {"other"}
    for name in ("pipe", "socket"):
        for door in (files.read_file, files.download):
            with pytest.raises(Invalid, match="not a file"):
                door(sandbox=sandbox, by=alice, path=name)
    data = b"".join(files.archive(sandbox=sandbox, by=alice, kind="tar"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == []
    mirror.refresh(sandbox)
    assert not SandboxFile.objects.filter(sandbox=sandbox).exists()


def test_writing_onto_a_link_replaces_the_link(real, alice, sh):
    sh("echo safe > /tmp/target; ln -s /tmp/target link")
    files.write_file(sandbox=real, by=alice, path="link", content="new")
    assert sh("cat link /tmp/target") == "newsafe\n"


def test_strange_names_made_inside_are_listed_and_can_be_deleted(real, alice, sh):
    sh("touch $'line\\nbreak' $'\\x1b[2J' '한글 이름' $'\\xff\\xfe' -- -rf; touch " + "x" * 255)
    names = {entry.name for entry in files.list_files(sandbox=real, by=alice).entries}
    assert {"line\nbreak", "\x1b[2J", "한글 이름", "-rf", "x" * 255} <= names
    done = mirror.refresh(real)
    assert done.left_out == 1  # not UTF-8
    for name in names:
        files.delete(sandbox=real, by=alice, path=name)
    assert sh("ls -A") == ""


def test_very_many_files_are_mirrored_listed_and_taken_along(real, alice, sh, agent_world):
    sh(f"mkdir many && cd many && seq {MANY_FILES} | xargs touch", 300)
    began = time.monotonic()
    done = mirror.refresh(real)
    mirrored = time.monotonic() - began
    began = time.monotonic()
    assert mirror.refresh(real).changed == 0
    again = time.monotonic() - began
    began = time.monotonic()
    listing = files.list_files(sandbox=real, by=alice, path="many", limit=100)
    listed = time.monotonic() - began
    began = time.monotonic()
    packed = sum(map(len, files.archive(sandbox=real, by=alice, path="many", kind="tar.gz")))
    taken = time.monotonic() - began
    print(f"{MANY_FILES:,} files: mirrored {mirrored:.1f} s, again {again:.1f} s, listed {listed:.1f} s, "
          f"archived {taken:.1f} s ({packed:,} bytes)")  # fmt: skip
    assert (done.files, listing.total) == (MANY_FILES + 1, MANY_FILES)
    assert SandboxFile.objects.filter(sandbox=real).count() == MANY_FILES + 1
    files.delete(sandbox=real, by=alice, path="many")
    assert sh("ls") == ""


def test_a_full_disk_is_said_and_leaves_no_half_file(agent_world, alice):
    small = agent_world.sandbox(workspace="disk", disk=64 * MB)
    agent_world.leading()
    gateway.attach(str(small.instance.pk))
    row = agent_world.ended(agent_world.run(small, "df -B1 --output=avail /workspace | tail -1"))
    size = int(row.stdout)
    assert size < 64 * MB
    with pytest.raises(Conflict, match="disk of this sandbox is full"):
        files.upload(
            sandbox=small, by=alice, path="big", chunks=(b"x" * (1 << 20) for _ in range((size >> 20) + 8))
        )
    assert agent_world.ended(agent_world.run(small, "ls -A")).stdout in {"", None}


# --- Archives ---------------------------------------------------------------------------------------------
def tar_of(members: dict[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def test_archives_of_every_kind_are_unpacked(real, alice, sh):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("보고서/한글.txt", "from a zip")
        archive.writestr("folder/", "")
    for number, given in enumerate(
        [tar_of({"a/b.txt": b"x"}), tar_of({"a/b.txt": b"x"}, "w:gz"), zipped.getvalue()]
    ):
        found = files.extract(sandbox=real, by=alice, path=f"to{number}", chunks=[given])
        assert found.files == 1
    assert (
        sh("cat to0/a/b.txt to1/a/b.txt to2/보고서/한글.txt; ls -d to2/folder") == "xxfrom a zipto2/folder\n"
    )


def test_an_archive_comes_out_with_its_links_and_without_what_is_elsewhere(real, alice, sh):
    sh("mkdir -p p/q && echo 1 > p/q/f && ln -s q/f p/l && ln -s /etc/passwd p/out && echo 2 > not")
    data = b"".join(files.archive(sandbox=real, by=alice, path="p", kind="tar"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = {member.name: (member.type, member.linkname) for member in tar}
    assert set(names) == {"p", "p/q", "p/q/f", "p/l", "p/out"}
    assert names["p/out"] == (tarfile.SYMTYPE, "/etc/passwd")
    data = b"".join(files.archive(sandbox=real, by=alice, path="p/q", kind="zip"))
    assert zipfile.ZipFile(io.BytesIO(data)).read("q/f") == b"1\n"


def test_unpacking_onto_links_stays_inside(real, alice, sh):
    sh("mkdir /tmp/elsewhere; ln -s /tmp/elsewhere d; ln -s /tmp/elsewhere/f f")
    answer = files.extract(sandbox=real, by=alice, chunks=[tar_of({"d/x": b"1", "f": b"2", "ok": b"3"})])
    assert any("d/x" in name for name in answer.skipped)
    assert sh("ls /tmp/elsewhere; cat f ok") == "23"


# --- The scanner ------------------------------------------------------------------------------------------
def test_a_bad_file_comes_neither_in_nor_out(real, alice, sh):
    with pytest.raises(files.Quarantined):
        files.write_file(sandbox=real, by=alice, path="in.com", content=EICAR)
    with pytest.raises(files.Quarantined):
        files.extract(sandbox=real, by=alice, chunks=[tar_of({"a/in.com": EICAR}, "w:gz")])
    assert sh("ls -A") == ""
    sh(f"mkdir d; printf '%s' '{EICAR.decode()}' > d/out.com")
    for door in (files.download, files.read_file):
        with pytest.raises(files.Quarantined):
            door(sandbox=real, by=alice, path="d/out.com")
    with pytest.raises(files.Quarantined, match=r"d/out\.com"):
        files.archive(sandbox=real, by=alice, path="d")
    rows = SandboxQuarantine.objects.order_by("pk")  # whatever was asked for three times is held once
    assert [(row.path, str(row.direction)) for row in rows] == [
        ("in.com", "in"),
        ("archive", "in"),
        ("d/out.com", "out"),
    ]
    assert all(row.size_bytes == 68 for row in rows if row.path != "archive")


def test_what_changes_is_seen_by_watching(real, alice, sh, agent_world):
    import threading

    def change_something() -> None:
        agent_world.run(real, "echo x > new.txt")
        connection.close()

    seen: list[Any] = []
    with files.watch(sandbox=real, by=alice) as changes:
        threading.Timer(1, change_something).start()
        for change in changes:
            seen.append(change)
            if change and change["path"] == "new.txt":
                break
    assert seen[-1]["event"] == "changed"


def test_a_silent_host_is_unavailable(agent_world, alice):
    sandbox = agent_world.sandbox()
    with pytest.raises(Problem) as refused:
        files.list_files(sandbox=sandbox, by=alice)
    assert refused.value.status == 503


def test_paths_refused_by_us_never_reach_the_sandbox(real, alice):
    for path in ("../etc/passwd", "a/../../b", "x\0y", "n" * 300):
        with pytest.raises(Invalid):
            files.write_file(sandbox=real, by=alice, path=path, content="x")
