"""The template of the tests' databases: what it is made of, and that a copy is like it."""

import re
from pathlib import PurePath

import pytest

from tests import database
from tests.infra.processes import ROOT


def test_what_migrations_import_is_in_the_digest():
    """Or a template would stay when it should be made anew."""
    for path in ROOT.glob("*/migrations/*.py"):
        for module in re.findall(
            r"^(?:from|import) ((?:agi_site|\w+)\.[\w.]+)", path.read_text(), re.MULTILINE
        ):
            place = module.replace(".", "/")
            if (ROOT / place.split("/")[0] / "__init__.py").exists():
                names = (f"{place}.py", f"{place}/__init__.py")
                found = [PurePath(name) for name in names if (ROOT / name).exists()]
                assert found, module
                assert any(name.match(source) for name in found for source in database.SOURCES), module


@pytest.mark.mariadb
def test_a_copy_on_a_server_has_the_tables_and_rows_of_the_template(mariadb_url):
    database.copy_on_server(mariadb_url, mariadb_url.rsplit("/", 1)[1])
    with database.server_template(mariadb_url) as (cursor, source):
        copied, template = (content(cursor, name) for name in (mariadb_url.rsplit("/", 1)[1], source))
    assert template.pop(database.WHOLE)
    assert copied == template
    assert len(copied) > 72
    assert copied["django_migrations"][1] > 30


def content(cursor, name):
    """The definition of each table of a database, and its number of rows."""
    cursor.execute(f"SHOW TABLES FROM {name}")
    found = {}
    for (table,) in cursor.fetchall():
        cursor.execute(f"SHOW CREATE TABLE {name}.`{table}`")
        made = re.sub(r" AUTO_INCREMENT=\d+", "", cursor.fetchone()[1])
        cursor.execute(f"SELECT COUNT(*) FROM {name}.`{table}`")
        found[table] = (made, cursor.fetchone()[0])
    return found


def test_a_copy_of_the_file_is_migrated(tmp_path):
    import sqlite3

    database.copy_sqlite(tmp_path / "copy.sqlite3")
    connection = sqlite3.connect(tmp_path / "copy.sqlite3")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    applied = set(connection.execute("SELECT app, name FROM django_migrations"))
    connection.close()
    ours = {(path.parts[-3], path.stem) for path in ROOT.glob("*/migrations/0*.py")}
    assert ours <= applied
