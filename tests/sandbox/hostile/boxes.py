"""Where hostile programs run: weak containers by Docker's command line, and the product's sandboxes."""

import contextlib
import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .registry import RUNNER, WEAK

FOLDER = Path(__file__).parent
LOAD = (
    "import sys, types; kit = types.ModuleType('kit'); exec(sys.argv.pop(1), kit.__dict__); "
    "sys.modules['kit'] = kit; exec(compile(sys.argv.pop(1), 'hostile', 'exec'), {'__name__': '__main__'})"
)


def argv(name: str, given: Any = None) -> list[str]:
    """The command that runs a program with the kit, whatever files the container has."""
    kit, program = (FOLDER / f"{part}.py" for part in ("kit", name))
    return ["python3", "-c", LOAD, kit.read_text(), program.read_text(), json.dumps(given or {})]


def cell_code(name: str, given: Any = None) -> str:
    """The same as the code of a Python cell."""
    _python, _c, load, *rest = argv(name, given)
    return f"import sys\nsys.argv = {['cell', *rest]!r}\n{load}"


@dataclass(slots=True)
class Outcome:
    """What a program printed and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = None
    signal: int | None = None
    cause: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    @property
    def attempts(self) -> dict[str, tuple[bool | None, str]]:
        """{attempt: (got, detail)} as the program said."""
        found = {}
        for line in self.stdout.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                found[said["attempt"]] = (said["got"], said["detail"])
        return found

    def got(self) -> list[str]:
        """What was gained."""
        return [f"{name}: {detail}" for name, (got, detail) in self.attempts.items() if got]

    def not_got(self, elsewhere: frozenset[str] = frozenset()) -> list[str]:
        """What was not gained, but for what not every machine can show."""
        return [
            f"{name}: {detail}"
            for name, (got, detail) in self.attempts.items()
            if not got and name not in elsewhere
        ]


def docker(
    engine: str, *arguments: str, timeout: float = 60, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["docker", "-H", engine, *arguments], capture_output=True, timeout=timeout, check=False, **options
    )


class WeakBox:
    """A weak container that sleeps, and programs run in it by `docker exec`."""

    def __init__(self, engine: str, image: str, kind: str, site: str, *options: str) -> None:
        self.engine, self.kind = engine, kind
        self.name = f"{site}-weak-{uuid.uuid4().hex[:8]}"
        made = docker(
            engine, "run", "-d", "--rm", "--name", self.name, "--label", f"agi.test={site}", *WEAK[kind],
            *options, image, "sleep", "300",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        prepare = "mkdir -p /.agi /workspace && touch /.agi/runner.py && chown 1000 /workspace"
        if "--read-only" not in options:
            self.exec("sh", "-c", prepare, user="0")

    def exec(self, *command: str, user: str = "", timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        as_user = ["--user", user] if user else []
        return docker(self.engine, "exec", *as_user, self.name, *command, timeout=timeout)

    def run(self, name: str, given: Any = None, timeout: float = 60) -> Outcome:
        ended = self.exec(*argv(name, given), timeout=timeout)
        return Outcome(ended.stdout, ended.stderr, ended.returncode, cause="exit")

    def remove(self) -> None:
        docker(self.engine, "rm", "-f", "-v", self.name)


class WeakRunnerBox:
    """A container whose PID 1 is weak_runner.py; its raw stream is kept as the agent would see it."""

    def __init__(self, engine: str, image: str, site: str, *, secret: str = "") -> None:
        self.engine = engine
        self.name = f"{site}-weak-{uuid.uuid4().hex[:8]}"
        program = (FOLDER / "weak_runner.py").read_text()
        self.process = subprocess.Popen(
            ["docker", "-H", engine, "run", "-i", "--rm", "--name", self.name, "--label", f"agi.test={site}",
             *WEAK[RUNNER], "-e", f"SECRET={secret}", image, "python3", "-c", program, secret],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.stream = bytearray()
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(b'"ready"', 30)

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read1(1 << 16):
            with self._news:
                self.stream += data
                self._news.notify_all()

    def wait_for(self, text: bytes, timeout: float, start: int = 0) -> bool:
        with self._news:
            return self._news.wait_for(lambda: text in self.stream[start:], timeout)

    def send(self, name: str, given: Any = None, limit: float = 20) -> int:
        """Have a program run; where its output begins in the stream."""
        start = len(self.stream)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"argv": argv(name, given), "limit": limit}).encode() + b"\n")
        self.process.stdin.flush()
        return start

    def run(self, name: str, given: Any = None, limit: float = 20) -> Outcome:
        start = self.send(name, given, limit)
        assert self.wait_for(b'{"ended"', limit + 10, start), bytes(self.stream[start:])
        return Outcome(bytes(self.stream[start:]), cause="exit")

    def processes(self) -> list[str]:
        """The commands of its processes, seen from the host, but for PID 1."""
        return processes_of(self.engine, self.name)[1:]

    def raw(self, start: int = 0) -> bytes:
        """What its reader got."""
        with self._news:
            return bytes(self.stream[start:])

    def gone(self, timeout: float = 5) -> bool:
        """Whether the container ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        return self.process.poll() is not None

    def remove(self) -> None:
        docker(self.engine, "rm", "-f", self.name)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(20)
        self._reader.join(5)
        self.process.stdout.close()


def processes_of(engine: str, container: str) -> list[str]:
    """The command lines of a container's processes, in order of their start."""
    listed = docker(engine, "top", container, "-eo", "pid,stat,uid,args")
    return [line for line in listed.stdout.decode(errors="replace").splitlines()[1:] if line.strip()]


@contextlib.contextmanager
def weak_box(engine: str, image: str, kind: str, site: str, *options: str) -> Iterator[WeakBox]:
    box = WeakBox(engine, image, kind, site, *options)
    try:
        yield box
    finally:
        box.remove()
