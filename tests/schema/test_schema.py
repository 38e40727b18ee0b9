"""The migrated database against the reference schema, and migrations forward, back and forward again."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import database
from tests.schema import check_schema

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.schema


def run(database_url: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of this project on a database of its own."""
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def migrate(database_url: str) -> None:
    migrated = run(database_url, "manage.py", "migrate", "--skip-checks", "--verbosity=0")
    assert migrated.returncode == 0, migrated.stderr


def differences(database_url: str) -> list[str]:
    """What the reference schema has and a database has not."""
    at = urlsplit(database_url)
    connection = check_schema.driver.connect(
        host=at.hostname,
        port=at.port,
        user=at.username,
        password=at.password,
        database=at.path[1:],
        charset="utf8mb4",
    )
    try:
        _version, maria, tables = check_schema.introspect(connection, at.path[1:])
    finally:
        connection.close()
    found = check_schema.check(check_schema.reference(), tables, maria)
    assert len(found) == 72
    return [f"{table}: {line}" for table, (bad, _notes) in found.items() for line in bad]


def assert_nothing_is_lost(database_url: str) -> None:
    walked = run(database_url, "-m", "tests.schema.back_and_forth")
    assert walked.returncode == 0, walked.stdout[-4000:] + walked.stderr[-4000:]


@pytest.mark.mariadb
def test_a_freshly_migrated_mariadb_has_the_reference_schema(mariadb_url):
    migrate(mariadb_url)
    assert differences(mariadb_url) == []


@pytest.mark.mariadb
def test_the_checker_sees_a_missing_index_and_a_wrong_default(mariadb_url):
    database.copy_on_server(mariadb_url, mariadb_url.rsplit("/", 1)[1])
    assert differences(mariadb_url) == []
    at = urlsplit(mariadb_url)
    connection = check_schema.driver.connect(
        host=at.hostname, port=at.port, user=at.username, password=at.password, database=at.path[1:]
    )
    connection.query("ALTER TABLE task_queue ALTER COLUMN max_retries SET DEFAULT 4")
    connection.query("DROP TABLE inspiration_source")
    connection.close()
    assert differences(mariadb_url) == [
        "task_queue: column max_retries: database default 4, expected 3",
        "inspiration_source: table missing",
    ]


def test_migrations_lose_no_row_on_sqlite(tmp_path):
    database.copy_sqlite(tmp_path / "walk.sqlite3")
    assert_nothing_is_lost(f"sqlite:///{tmp_path}/walk.sqlite3")


@pytest.mark.mariadb
def test_migrations_lose_no_row_on_mariadb(mariadb_url):
    database.copy_on_server(mariadb_url, mariadb_url.rsplit("/", 1)[1])
    assert_nothing_is_lost(mariadb_url)


@pytest.mark.mysql
def test_a_freshly_migrated_mysql_has_the_reference_schema(mysql_url):
    migrate(mysql_url)
    assert differences(mysql_url) == []


@pytest.mark.mysql
def test_migrations_lose_no_row_on_mysql(mysql_url):
    database.copy_on_server(mysql_url, mysql_url.rsplit("/", 1)[1])
    assert_nothing_is_lost(mysql_url)
