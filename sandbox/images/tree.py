"""A file tree gathered from this machine's files, with the shared libraries they need, as a tar archive."""

import io
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO

# Parts of the standard library that nobody runs here, and those that need a desktop.
UNUSED = frozenset(
    """
    __pycache__ config-3 ensurepip idlelib lib2to3 site-packages dist-packages test tests tkinter
    turtledemo turtle.py pydoc_data
    """.split()  # noqa: SIM905
)
FOUND_LIBRARY = re.compile(r"(?:(\S+) => )?(/\S+) \(0x")
MERGED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the tree: a file of this machine, bytes, a link or a folder."""

    source: Path | None = None
    data: bytes | None = None
    link: str = ""
    mode: int = 0o755
    owner: int = 0


class Tree:
    """Files by their place, to be hashed and written as a tar archive."""

    def __init__(self, *, libraries: str = "") -> None:
        """`libraries`: the folder for shared libraries; "" is where the loader looks by itself."""
        self.entries: dict[str, Entry] = {}
        self.libraries = libraries or f"usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}".rstrip("/")
        self.loader = ""
        self._binaries: list[Path] = []

    def folder(self, place: str, mode: int = 0o755, owner: int = 0) -> None:
        """An empty folder."""
        self.entries[place.strip("/")] = Entry(mode=mode, owner=owner)

    def link(self, place: str, target: str) -> None:
        """A symbolic link."""
        self.entries[place.strip("/")] = Entry(link=target)

    def text(self, place: str, content: str | bytes, mode: int = 0o644) -> None:
        """A file of this content."""
        data = content.encode() if isinstance(content, str) else content
        self.entries[place.strip("/")] = Entry(data=data, mode=mode)

    def file(self, place: str, source: Path) -> None:
        """A file of this machine; of a program or library, what it is linked to comes as well."""
        source = source.resolve()
        mode = 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644
        self.entries[place.strip("/")] = Entry(source=source, mode=mode)
        if _is_elf(source):
            self._binaries.append(source)

    def program(self, *names: str, required: bool = True) -> list[str]:
        """Programs found on this machine's PATH, into /usr/bin; the names that are not there."""
        absent = []
        for name in names:
            found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            if found is None:
                absent.append(name)
            else:
                self.file(f"usr/bin/{name}", Path(found))
        if absent and required:
            raise FileNotFoundError(", ".join(absent))
        return absent

    def folder_of(self, place: str, source: Path, *, without: Iterable[str] = ()) -> None:
        """A folder of this machine with all that is in it, but for some names; links that leave it are
        followed.
        """
        left_out = frozenset(without)
        for path in sorted(source.iterdir()):
            if path.name in left_out or path.name.startswith("config-3"):
                continue
            inside = f"{place.strip('/')}/{path.name}"
            if path.is_symlink() and _stays(path, source):
                self.link(inside, str(path.readlink()))
            elif path.is_dir():
                self.folder_of(inside, path, without=left_out)
            elif path.is_file():
                self.file(inside, path)

    def python(self, prefix: str) -> None:
        """This process's own Python, without its tests, as `<prefix>/bin/python3`."""
        prefix = f"{prefix.strip('/')}/".lstrip("/")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        self.file(f"{prefix}bin/{version}", executable)
        self.link(f"{prefix}bin/python3", version)
        self.link(f"{prefix}bin/python", version)
        stdlib = Path(sysconfig.get_path("stdlib"))
        self.folder_of(f"{prefix}lib/{version}", stdlib, without=UNUSED)
        for place in [name for name in self.entries if "/_tkinter." in name or "/_test" in name]:
            self._forget(place)
        self._byte_code(f"{prefix}lib/{version}", stdlib)

    def _byte_code(self, place: str, stdlib: Path) -> None:
        """What this machine has compiled already; it holds as long as the source keeps its time."""
        tag = f".{sys.implementation.cache_tag}.pyc"
        for inside in [name for name in self.entries if name.startswith(place) and name.endswith(".py")]:
            source = self.entries[inside].source
            if source is None or not source.is_relative_to(stdlib):
                continue
            compiled = source.parent / "__pycache__" / (source.stem + tag)
            if compiled.is_file():
                parent = PurePosixPath(inside).parent
                self.entries[f"{parent}/__pycache__/{compiled.name}"] = Entry(source=compiled, mode=0o644)

    def _forget(self, place: str) -> None:
        source = self.entries.pop(place).source
        if source in self._binaries:
            self._binaries.remove(source)

    def close(self) -> None:
        """Add the libraries and the loader that the programs need."""
        if not self._binaries:
            return
        done = subprocess.run(  # ldd fails for one that is static, and still lists the others
            ["ldd", *map(str, dict.fromkeys(self._binaries))], capture_output=True, text=True, check=False
        )
        inside = {entry.source for entry in self.entries.values()}
        for soname, path in FOUND_LIBRARY.findall(done.stdout):
            source = Path(path)
            if source.resolve() in inside and not soname:
                continue
            if "/ld-" in path:
                self.loader = path
                if self.libraries.startswith("usr/"):
                    self.entries[_merged(path)] = Entry(source=source.resolve())
                    continue
            place = f"{self.libraries}/{soname.rsplit('/', 1)[-1] or source.name}"
            self.entries.setdefault(place, Entry(source=source.resolve()))
        self._binaries = []

    def digest(self) -> str:
        """A hash of what the archive will hold: places, contents written here, sizes and times of files."""
        found = sha256()
        for place, entry in sorted(self.entries.items()):
            found.update(f"{place}\0{entry.link}\0{entry.mode}\0{entry.owner}\0".encode())
            if entry.data is not None:
                found.update(entry.data)
            if entry.source is not None:
                status = entry.source.stat()
                found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
        return found.hexdigest()

    def write(self, stream: IO[bytes]) -> None:
        """The tree as a tar archive; folders on the way are made."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for place in sorted(self._with_parents()):
                self._add(archive, place, self.entries.get(place, Entry()))

    def _with_parents(self) -> set[str]:
        places = set(self.entries)
        for place in self.entries:
            places.update(str(parent) for parent in PurePosixPath(place).parents if str(parent) != ".")
        return places

    @staticmethod
    def _add(archive: tarfile.TarFile, place: str, entry: Entry) -> None:
        member = tarfile.TarInfo(place)
        member.mode, member.uid, member.gid = entry.mode, entry.owner, entry.owner
        if entry.link:
            member.type, member.linkname = tarfile.SYMTYPE, entry.link
            archive.addfile(member)
        elif entry.source is not None:
            status = entry.source.stat()
            member.size, member.mtime = status.st_size, int(status.st_mtime)
            with entry.source.open("rb") as content:
                archive.addfile(member, content)
        elif entry.data is not None:
            member.size = len(entry.data)
            archive.addfile(member, io.BytesIO(entry.data))
        else:
            member.type = tarfile.DIRTYPE
            archive.addfile(member)


def _merged(path: str) -> str:
    """Where a path of a merged /usr really lies."""
    first, _slash, rest = path.strip("/").partition("/")
    return f"usr/{first}/{rest}" if first in MERGED else path.strip("/")


def _stays(link: Path, root: Path) -> bool:
    return not link.readlink().is_absolute() and link.resolve().is_relative_to(root.resolve())


def _is_elf(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"
