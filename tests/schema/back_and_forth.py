"""Takes the database of DATABASE_URL forward, back and forward, with rows in place; prints what was lost.

A program of its own, since migrations cannot run inside a test's transaction:
`python -m tests.schema.back_and_forth`. Exit code 0 when nothing was lost.
"""

import sys
from typing import Any

import django

Rows = dict[str, list[dict[str, Any]]]


def snapshot() -> Rows:
    """Every row of every table but Django's own list of migrations, as the database holds it now."""
    from django.db import connection

    rows: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table == "django_migrations":
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            rows[table] = sorted((dict(zip(names, row, strict=True)) for row in cursor.fetchall()), key=repr)
    return rows


def made_by(plan: list[Any]) -> tuple[set[str], set[tuple[str, str]]]:
    """The tables and the columns that the migrations of a plan make: what going back may take along."""
    from django.apps import apps
    from django.db.migrations.operations import AddField, CreateModel

    tables: set[str] = set()
    columns: set[tuple[str, str]] = set()
    for migration, _backwards in plan:
        for operation in migration.operations:
            if isinstance(operation, CreateModel):
                options = operation.options
                tables.add(options.get("db_table") or f"{migration.app_label}_{operation.name_lower}")
            elif isinstance(operation, AddField):
                model = apps.get_model(migration.app_label, operation.model_name)
                columns.add((model._meta.db_table, model._meta.get_field(operation.name).column))
    return tables, columns


def lost(before: Rows, after: Rows, tables: set[str], columns: set[tuple[str, str]]) -> list[str]:
    """What stood in `before` and no longer in `after`, but for what may go."""
    found = []
    for table, rows in before.items():
        if table in tables or _made_by_database(table):
            continue

        def kept(row: dict[str, Any], table: str = table) -> dict[str, Any]:
            return {name: value for name, value in row.items() if (table, name) not in columns}

        if [kept(row) for row in rows] != [kept(row) for row in after.get(table, [])]:
            found.append(f"{table}: {rows} became {after.get(table, 'nothing')}")
    return found


def _made_by_database(table: str) -> bool:
    """Whether a table is a full-text index's own (SQLite keeps those beside the index)."""
    return table.endswith(("_data", "_idx", "_content", "_docsize", "_config")) and "fts" in table


def main() -> int:
    """Walk all later migrations back and forth, then everything to zero and back again."""
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from tests.schema.fill import fill_every_table

    def executor() -> MigrationExecutor:
        return MigrationExecutor(connection)

    latest = executor().loader.graph.leaf_nodes()
    executor().migrate(latest)
    tables_at_first = set(snapshot())
    filled = fill_every_table()
    problems: list[str] = []

    before, firsts = snapshot(), _first_of_each(executor())
    plan = executor().migration_plan(firsts)
    executor().migrate(firsts)
    executor().migrate(latest)
    problems += lost(before, snapshot(), *made_by(plan))
    fill_every_table()

    executor().migrate([(app, None) for app, _name in latest])
    left = {table for table, rows in snapshot().items()}
    if left:
        problems.append(f"left behind at zero: {sorted(left)}")
    executor().migrate(latest)
    if set(snapshot()) != tables_at_first:
        problems.append(f"other tables the second time: {sorted(set(snapshot()) ^ tables_at_first)}")
    fill_every_table()

    print("\n".join(problems))
    print(
        f"{connection.vendor}: {filled} tables with rows, {len(plan)} migrations back and forth, "
        f"{len(problems)} problems"
    )
    return 1 if problems else 0


def _first_of_each(executor: Any) -> list[tuple[str, str]]:
    """The first migration of each of our apps that has later ones."""
    from django.apps import apps

    graph = executor.loader.graph
    found = []
    for leaf in graph.leaf_nodes():
        if apps.get_app_config(leaf[0]).name.startswith("django."):
            continue
        chain = [key for key in graph.forwards_plan(leaf) if key[0] == leaf[0]]
        found += chain[:1] if len(chain) > 1 else []
    return found


if __name__ == "__main__":
    sys.exit(main())
