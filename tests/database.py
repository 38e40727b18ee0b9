"""The database of the tests: migrated once, then copied for each process that wants one.

Migrating costs seconds of computing, a copy a fraction of one. The template stays between runs: a file in
var/test-databases for SQLite, a database of its own on a server. Its name holds a digest of SOURCES, so that
any change of them makes a new one. Whoever comes first makes it, the others wait; scripts/test begins it
early (`python -m tests.database`, for DATABASE_URL). Old ones go after a day.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import parts

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / "var" / "test-databases"
# Everything that says how a migrated database looks: migrations, what they import, models (content types and
# permissions are made of those), and the versions of what is installed.
SOURCES = (
    "*/migrations/*.py",
    "*/models.py",
    "*/models/*.py",
    "agi_site/settings.py",
    "agi_site/lib/*.py",
    "agi_site/lib/fulltext/*.py",
    "requirements.txt",
)
WHOLE = "template_is_whole"  # the last table of a template on a server: without it, it was never finished
KEPT = 24 * 3600  # seconds that a template of other sources stays


@cache
def digest() -> str:
    """Of the content of SOURCES, and of the Python that reads them."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def migrate(database_url: str) -> None:
    """Bring an empty database to the newest migration, as a program of its own."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=True,
        timeout=540,
    )


# --- SQLite ----------------------------------------------------------------
def sqlite_template() -> Path:
    """A migrated SQLite file, to be copied and never opened."""
    template = FILES / f"{digest()}.sqlite3"
    FILES.mkdir(parents=True, exist_ok=True)
    with (FILES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            for old in FILES.glob("*.sqlite3*"):
                if time.time() - old.stat().st_mtime > KEPT:
                    old.unlink()
            unfinished = FILES / f"{template.name}.part"
            unfinished.unlink(missing_ok=True)
            migrate(f"sqlite:///{unfinished}")
            _fold_journal(unfinished)
            unfinished.rename(template)
    return template


def _fold_journal(path: Path) -> None:
    """Bring what stands in the journal beside a SQLite file into the file."""
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def copy_sqlite(path: Path) -> None:
    """A migrated database at `path`, whose folder may be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sqlite_template(), path)


# --- MySQL and MariaDB -----------------------------------------------------
@contextmanager
def server_template(server_url: str) -> Iterator[tuple[Any, str]]:
    """A cursor on the server and the name of a migrated database there."""
    name = f"test_template_{digest()}"
    server = parts.mysql_connection(server_url, charset="utf8mb4", autocommit=True)
    with server.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 540)", [name])
        if not _is_whole(cursor, name):
            _drop_old(cursor)
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            migrate(server_url.rsplit("/", 1)[0] + "/" + name)
            cursor.execute(f"CREATE TABLE {name}.{WHOLE} (id INT)")
        cursor.execute("SELECT RELEASE_LOCK(%s)", [name])
        yield cursor, name
    server.close()


def _is_whole(cursor: Any, name: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s", [name, WHOLE]
    )
    return bool(cursor.fetchone())


def _drop_old(cursor: Any) -> None:
    cursor.execute(
        "SELECT table_schema FROM information_schema.tables WHERE table_schema LIKE 'test\\_template\\_%%'"
        " GROUP BY table_schema HAVING MAX(create_time) < NOW() - INTERVAL %s SECOND",
        [KEPT],
    )
    for (old,) in cursor.fetchall():
        cursor.execute(f"DROP DATABASE IF EXISTS {old}")


def copy_on_server(server_url: str, target: str) -> None:
    """Everything of the template in the empty database `target` of the server."""
    with server_template(server_url) as (cursor, source):
        for kind in (
            "triggers WHERE trigger_schema",
            "routines WHERE routine_schema",
            "views WHERE table_schema",
        ):
            cursor.execute(f"SELECT 1 FROM information_schema.{kind} = %s", [source])
            assert not cursor.fetchone(), f"copying databases does not know about {kind.split()[0]} yet"
        cursor.execute(f"USE {target}")
        cursor.execute("SET foreign_key_checks = 0")
        cursor.execute(f"SHOW TABLES FROM {source}")
        for (table,) in cursor.fetchall():
            if table != WHOLE:
                _copy_table(cursor, source, table)
        cursor.execute("SET foreign_key_checks = 1")


def _copy_table(cursor: Any, source: str, table: str) -> None:
    cursor.execute(f"SHOW CREATE TABLE {source}.`{table}`")
    cursor.execute(cursor.fetchone()[1])
    cursor.execute(f"SELECT 1 FROM {source}.`{table}` LIMIT 1")
    if not cursor.fetchone():
        return
    cursor.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND COALESCE(generation_expression, '') = ''",
        [source, table],
    )
    columns = ", ".join(f"`{name}`" for (name,) in cursor.fetchall())
    cursor.execute(f"INSERT INTO `{table}` ({columns}) SELECT {columns} FROM {source}.`{table}`")


# --- Django's own ----------------------------------------------------------
@contextmanager
def in_use() -> Iterator[None]:
    """Django's default database is a copy of the template, under the name that the settings give to tests."""
    from django.apps import apps
    from django.conf import settings
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    real = connection.settings_dict["NAME"]
    name = connection.creation._create_test_db(verbosity=0, autoclobber=True)
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    if connection.vendor == "sqlite":
        copy_sqlite(Path(name))
    else:
        copy_on_server(os.environ["DATABASE_URL"], name)
    ContentType.objects.get_for_models(*apps.get_models())  # known from here on, as after migrating
    yield
    connection.creation.destroy_test_db(real, verbosity=0)


if __name__ == "__main__":
    if urlsplit(os.environ.get("DATABASE_URL", "sqlite://")).scheme == "mysql":
        with server_template(os.environ["DATABASE_URL"]):
            pass
    else:
        sqlite_template()
