"""Programs of this project, started as a person would, on addresses and directories of the test's own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_ports(count: int = 1) -> int:
    """The first of `count` consecutive free ports on loopback."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        with ExitStack() as others, suppress(OSError):
            for number in range(port, port + count):
                others.enter_context(socket.create_server(("127.0.0.1", number)))
            return port


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """What the program is started with: a first start's defaults, quick engines, not the tests' settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name
        not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "DJANGO_SETTINGS_MODULE"}
    }
    engines = dict.fromkeys(("CHAT_ENGINE", "EMBEDDING_ENGINE", "LANGUAGE_ENGINE"), "fake")
    # Its pool of sandboxes would outlive the program; tests of sandboxes name an engine, and clean up.
    no_engine = {"DOCKER_HOST": f"unix://{data_dir}/no-engine.sock"}
    return kept | {"DATA_DIR": str(data_dir), **engines, **no_engine} | more


def status_of(url: str) -> int:
    """The HTTP status at `url`, 0 when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_until(condition: object, seconds: float) -> float:
    """Seconds until `condition()` is true; raises TimeoutError."""
    assert callable(condition)
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, output in `log`; killed at the end if it has not ended by then."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def serve(env: dict[str, str], log: Path):  # type: ignore[no-untyped-def]
    """`manage.py serve` as make run starts it."""
    return running([sys.executable, "manage.py", "serve"], env, log)
