"""For tests of files: a workspace that is a folder of this machine, behind a gateway as the real one is."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from agi_site.lib.problems import Conflict, NotFound
from sandbox import gateway
from sandbox.models import (
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxHost,
    SandboxInstance,
    SandboxStatus,
    SandboxWorkspace,
)

EICAR = bytes.fromhex(
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553"
    "542d46494c452124482b482a"
)


class FakeStream:
    """As gateway.ByteStream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    answer: dict[str, Any] | None = None

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class FakeWorkspace:
    """The runner's file operations on a folder; `asked` has their names, `before` may break one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.hashed = 0
        self.before: Callable[[str, dict[str, Any]], None] = lambda _op, _args: None

    def put(self, path: str, content: bytes | str = b"") -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def tree(self) -> dict[str, bytes]:
        """Every file and its content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }

    def _at(self, path: str) -> Path:
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        return self.root / path

    def _there(self, path: str) -> Path:
        found = self._at(path)
        if not os.path.lexists(found):
            raise NotFound("There is no such file.", code="not_found")
        return found

    def _entry(self, path: Path) -> dict[str, Any]:
        stat = path.lstat()
        kind = "link" if path.is_symlink() else "directory" if path.is_dir() else "file"
        return {
            "path": str(path.relative_to(self.root)),
            "type": "folder" if kind == "directory" else kind,
            "size": stat.st_size,
            "mode": stat.st_mode & 0o777,
            "mtime_ns": stat.st_mtime_ns,
            "target": str(path.readlink()) if kind == "link" else "",
        }

    def ask(self, op: str, **args: Any) -> Any:
        self.asked.append(op)
        self.before(op, args)
        return getattr(self, f"_{op}")(**args)

    def _stat(self, path: str) -> dict[str, Any]:
        return self._entry(self._there(path))

    def _list(self, path: str, limit: int) -> list[dict[str, Any]]:
        return [self._entry(each) for each in self._there(path).iterdir()]

    def _mkdir(self, path: str) -> None:
        self._at(path).mkdir(parents=True, exist_ok=True)

    def _delete(self, path: str, recursive: bool) -> None:
        assert recursive
        found = self._there(path)
        shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink()

    def _move(self, path: str, to: str, overwrite: bool) -> None:
        found, place = self._there(path), self._at(to)
        if os.path.lexists(place) and not overwrite:
            raise Conflict("Something is there already.", code="exists")
        place.parent.mkdir(parents=True, exist_ok=True)
        found.replace(place)

    def _manifest(self, path: str, known: bool, told: list[Any]) -> list[dict[str, Any]]:
        assert known == bool(told)
        already = {each[0]: each[1:] for each in told}
        entries = []
        for each in sorted(self._there(path).rglob("*")):
            entry = self._entry(each)
            if entry["type"] == "file":
                before = already.get(entry["path"])
                if before and before[:2] == [entry["size"], entry["mtime_ns"]]:
                    entry["sha256"] = before[2]
                else:
                    self.hashed += 1
                    entry["sha256"] = hashlib.sha256(each.read_bytes()).hexdigest()
            entries.append(entry)
        return entries

    # --- Bytes ---
    def read(self, path: str, length: int | None = None) -> Iterator[bytes]:
        with self._there(path).open("rb") as file:
            yield file.read() if length is None else file.read(length)

    def archive(self, path: str, paths: list[str]) -> Iterator[bytes]:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for each in sorted(self._there(paths[0]).rglob("*")):
                tar.add(each, str(each.relative_to(self.root)), recursive=False)
        yield target.getvalue()

    def write(self, path: str, chunks: Iterable[bytes]) -> dict[str, Any]:
        return self._entry(self.put(path, b"".join(chunks)))

    def extract(self, path: str, chunks: Iterable[bytes]) -> dict[str, Any]:
        self._at(path).mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            tar.extractall(self._at(path), filter="tar")
        return {}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    """The workspace of every sandbox of this test."""
    root = tmp_path / "workspace"
    root.mkdir()
    fake = FakeWorkspace(root)

    def streamed(op: str) -> Callable[..., FakeStream]:
        def ask(_instance: Any, path: str = "", **args: Any) -> FakeStream:
            fake.asked.append(op)
            fake.before(op, {"path": path, **args})
            return FakeStream(getattr(fake, op)(path, **args))

        return ask

    def sent(op: str) -> Callable[..., dict[str, Any]]:
        def ask(_instance: Any, path: str, chunks: Iterable[bytes], **args: Any) -> Any:
            fake.asked.append(op)
            fake.before(op, {"path": path, **args})
            return getattr(fake, op)(path, chunks)

        return ask

    def call(_instance: Any, op: str, *, timeout: float = 30, **args: Any) -> Any:
        return fake.ask(op, **args) or {}

    def lines(_instance: Any, op: str, *, told: Iterable[bytes] = (), **args: Any) -> Iterator[Any]:
        heard = [json.loads(line) for line in b"".join(told).splitlines()]
        return iter(fake.ask(op, **args, **({"told": heard} if op == "manifest" else {})))

    @contextmanager
    def watch(_instance: Any, path: str = "", **_args: Any) -> Iterator[Iterator[Any]]:
        yield iter([{"path": "a.txt", "change": "written"}, None])

    monkeypatch.setattr(gateway, "call", call)
    monkeypatch.setattr(gateway, "lines", lines)
    monkeypatch.setattr(gateway, "watch", watch)
    for op in ("read", "archive"):
        monkeypatch.setattr(gateway, op, streamed(op))
    for op in ("write", "extract"):
        monkeypatch.setattr(gateway, op, sent(op))
    return fake


@pytest.fixture
def new_sandbox(db: None, workspace: FakeWorkspace) -> Callable[..., Sandbox]:
    """`new_sandbox(alice)` is a running sandbox of hers whose files are `workspace`."""
    host = SandboxHost.objects.create(name="files", status=HostStatus.ACTIVE)

    def make(owner: Any, **values: Any) -> Sandbox:
        sandbox = Sandbox.objects.create(
            **{"user": owner, "image_name": "python", "host": host, "status": SandboxStatus.RUNNING} | values
        )
        SandboxWorkspace.objects.create(sandbox=sandbox, root_path="/workspace")
        SandboxInstance.objects.create(
            host=host, sandbox=sandbox, profile="x", status=InstanceStatus.CLAIMED, container_id="c" * 12
        )
        return sandbox

    return make


@pytest.fixture
def box(alice: Any, new_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """Alice's running sandbox, over `workspace`."""
    return new_sandbox(alice)
