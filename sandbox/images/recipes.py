"""What is in each image: a small system like Debian's, with one person, uid 1000, at home in /workspace."""

import importlib.util
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from .tree import MERGED, Tree

USER = 1000
SHELL = """
    bash sh cat ls cp mv rm mkdir rmdir ln chmod touch head tail wc sort uniq cut tr tee seq sleep date
    env echo printf true false test expr basename dirname readlink realpath stat du df find xargs grep
    sed tar gzip gunzip md5sum sha256sum od id whoami uname nproc ps kill timeout mktemp dd truncate
    sync diff yes base64 comm paste tac nl fold split shuf stty tty which
""".split()  # noqa: SIM905
EXTRA = """
    awk mawk less vi nano git curl zstd xz unzip zip jq file patch free top
""".split()  # noqa: SIM905
HELPER = """
    bash sh cat ls rm mkdir stat truncate cp sync nsenter realpath mke2fs e2fsck debugfs resize2fs losetup
    ip tc nft
""".split()  # noqa: SIM905
PASSWD = f"root:x:0:0:root:/root:/bin/bash\nsandbox:x:{USER}:{USER}:sandbox:/workspace:/bin/bash\n"
GROUP = f"root:x:0:\ntty:x:5:\nsandbox:x:{USER}:\n"
# What is shared by programs of every kind, where this machine has it.
DATA = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/services",
    "/etc/protocols",
    "/lib/terminfo/x/xterm",
    "/lib/terminfo/x/xterm-256color",
    "/lib/terminfo/l/linux",
    "/lib/terminfo/d/dumb",
    "/usr/share/zoneinfo/UTC",
    "/usr/share/zoneinfo/Asia/Seoul",
    "/usr/share/zoneinfo/Europe/Berlin",
    "/usr/share/zoneinfo/America/New_York",
)


def _base() -> Tree:
    tree = Tree()
    for name in MERGED:
        tree.folder(f"usr/{name}")
        tree.link(name, f"usr/{name}")
    for place in ("root", "var", "etc", "run", "proc", "sys", "dev"):
        tree.folder(place)
    tree.folder("tmp", 0o1777)
    tree.folder("workspace", 0o755, USER)
    tree.text("etc/passwd", PASSWD)
    tree.text("etc/group", GROUP)
    tree.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    tree.text("etc/os-release", 'NAME="Sandbox"\nID=sandbox\nID_LIKE=debian\n')
    for path in map(Path, DATA):
        if path.is_file():
            tree.file(str(path) if not str(path).startswith("/lib/") else f"usr{path}", path)
    return tree


def _locale(tree: Tree) -> None:
    """C.UTF-8, where this machine has it: without it shells take what people type byte by byte, so that
    Korean is lost or shown as numbers. As one archive it is read in a third of the time of its files.
    """
    source = Path("/usr/lib/locale/C.utf8")
    if not source.is_dir():
        return
    with tempfile.TemporaryDirectory() as made:
        archive = Path(made, "usr/lib/locale/locale-archive")
        archive.parent.mkdir(parents=True)
        command = ["localedef", f"--prefix={made}", "--add-to-archive", str(source)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):  # no such program, or one of another version
            tree.folder_of("usr/lib/locale/C.utf8", source)
        else:
            tree.text("usr/lib/locale/locale-archive", archive.read_bytes())


def shell() -> Tree:
    """A shell and the usual small programs."""
    tree = _base()
    _locale(tree)
    tree.program(*SHELL)
    tree.program(*EXTRA, required=False)
    return tree


def python() -> Tree:
    """The shell's programs, and Python."""
    tree = shell()
    tree.python("usr/local")
    return tree


def data() -> Tree:
    """Python with packages for data: the wheels in SANDBOX_WHEELS, else numpy and pandas if installed."""
    tree = python()
    stdlib = next(place.removesuffix("/os.py") for place in tree.entries if place.endswith("/os.py"))
    packages = f"{stdlib}/site-packages"
    if unpacked := _unpacked_wheels():
        tree.folder_of(packages, unpacked, without=("__pycache__", "tests"))
        return tree
    for name in ("numpy", "pandas", "dateutil", "pytz", "tzdata", "six"):
        found = importlib.util.find_spec(name)
        if found is None or not found.origin:
            continue
        path = Path(found.origin)
        if path.name != "__init__.py":
            tree.file(f"{packages}/{path.name}", path)
            continue
        tree.folder_of(f"{packages}/{name}", path.parent, without=("__pycache__", "tests"))
        if (path.parent.parent / f"{name}.libs").is_dir():
            tree.folder_of(f"{packages}/{name}.libs", path.parent.parent / f"{name}.libs")
    return tree


def _unpacked_wheels() -> Path | None:
    """The folder of what is in the wheels, unpacked once beside them; None where there are none."""
    given = os.environ.get("SANDBOX_WHEELS", "")
    wheels = sorted(Path(given).glob("*.whl")) if given else []
    if not wheels:
        return None
    name = sha256("\n".join(wheel.name for wheel in wheels).encode()).hexdigest()[:12]
    unpacked = Path(given, f"unpacked-{name}")
    if not unpacked.is_dir():
        unready = Path(tempfile.mkdtemp(dir=given))
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unready)
        unready.rename(unpacked)
    return unpacked


def node() -> Tree:
    """The shell's programs, and Node."""
    tree = shell()
    tree.program("node")
    return tree


def helper() -> Tree:
    """What the engine's helper works with: file systems, network rules. See `DockerHost.info` on what is
    absent.
    """
    tree = _base()
    tree.program(*HELPER, required=False)
    return tree


RECIPES: dict[str, Callable[[], Tree]] = {
    "agi-sandbox-shell": shell,
    "agi-sandbox-python": python,
    "agi-sandbox-data": data,
    "agi-sandbox-node": node,
    "agi-sandbox-helper": helper,
}
