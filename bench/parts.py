"""The real servers of the full stack, and what is said when one cannot be had."""

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "services"
DATABASE = "agi_bench"
REDIS_DATABASE = 61


class Skipped(Exception):
    """A bench cannot run here; the text names the missing part."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where MariaDB and Redis answer, with the bench's own database in each."""

    database_url: str
    redis_url: str


def full_stack() -> Servers:
    """Start what the full stack needs; raises Skipped with the reason of the first part that is missing."""
    found = subprocess.run(
        [str(SCRIPT), "start", "mariadb", "redis", "caddy"], capture_output=True, text=True, check=False
    )
    lines = (line.partition("=") for line in found.stdout.splitlines())
    told = {name: "".join(shlex.split(value)) for name, _, value in lines}
    for name, why in told.items():
        if name.startswith("MISSING_"):
            raise Skipped(f"{name.removeprefix('MISSING_').lower()}: {why}")
    if found.returncode:
        raise Skipped(f"the services do not start: {found.stderr.strip()[-200:]}")
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        raise Skipped("mysqlclient is not installed") from None
    return Servers(
        database_url=told["TEST_MARIADB_URL"].rpartition("/")[0] + f"/{DATABASE}",
        redis_url=told["TEST_REDIS_URL"].rpartition("/")[0] + f"/{REDIS_DATABASE}",
    )


def empty(servers: Servers) -> None:
    """Drop what an earlier run has left."""
    import MySQLdb
    import redis

    at = urlsplit(servers.database_url)
    server = MySQLdb.connect(host=at.hostname, port=at.port, user=at.username, password=at.password)
    server.query(f"DROP DATABASE IF EXISTS `{DATABASE}`")
    server.close()
    redis.Redis.from_url(servers.redis_url).flushdb()
