"""The companion table of a searchable one; terms are looked up by InnoDB's FULLTEXT or SQLite's FTS5."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.migrations.operations.base import Operation
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:  # these are generic for the type checker only
    TextField = models.TextField[Any, Any]
    Lookup = models.Lookup[Any]
else:
    TextField, Lookup = models.TextField, models.Lookup

logger = logging.getLogger(__name__)

REBUILT_AT_MOST = 100_000  # rows of a table that InnoDB rebuilds while people wait to write to it
LOCK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What to look up: rows that hold any of `terms` (or every one); `prefix` may start a term, too."""

    terms: tuple[str, ...]
    every: bool = False
    prefix: str = ""

    def for_innodb(self) -> str:
        """The search in InnoDB's boolean mode."""
        sign = "+" if self.every else ""
        return " ".join(
            [*(sign + term for term in self.terms), *([f"{self.prefix}*"] if self.prefix else [])]
        )

    def for_fts5(self) -> str:
        """The search in FTS5's language."""
        parts = [f'"{term}"' for term in self.terms]
        if self.prefix:
            parts.append(f'"{self.prefix}"*')
        return (" AND " if self.every else " OR ").join(parts)


class GramsField(TextField):
    """The grams; compared byte by byte, so that MySQL's collations cannot make different terms equal."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


@GramsField.register_lookup
class Matches(Lookup):
    """`grams__matches=Terms(...)`: the rows the full-text index finds. Wants `AddFullText` in a migration."""

    lookup_name = "matches"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [value.for_innodb() if connection.vendor == "mysql" else value.for_fts5()]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column: Any = self.lhs
        _rhs, params = self.process_rhs(compiler, connection)
        quote = connection.ops.quote_name
        if connection.vendor == "mysql":
            sql, _params = self.process_lhs(compiler, connection)
            return f"MATCH ({sql}) AGAINST (%s IN BOOLEAN MODE)", list(params)
        model = column.target.model
        index = quote(fts5_name(model._meta.db_table))
        key = f"{compiler.quote_name(column.alias)}.{quote(model._meta.pk.column)}"
        return f"{key} IN (SELECT rowid FROM {index} WHERE {index} MATCH %s)", list(params)  # noqa: S608 - names of tables


class SearchRow(models.Model):
    """Base of a companion table; the concrete model adds a one-to-one key to its text with ON DELETE CASCADE.

    The key of its own is a number, because FTS5 refers to rows by number and SQLite may renumber others.
    """

    id = models.BigAutoField(_("id"), primary_key=True)
    grams = GramsField(_("grams"))
    length = models.PositiveIntegerField(_("number of terms"))

    class Meta:
        abstract = True


def fts5_name(table: str) -> str:
    """The name of the FTS5 table behind `table` on SQLite."""
    return f"{table}_fts"


def drop_deleted_terms(model: type[SearchRow]) -> bool:
    """Rewrite a companion table's index, which keeps terms of deleted rows until then; not in a transaction.

    InnoDB rebuilds the table for that, which nobody may write to meanwhile (100,000 rows take some seconds):
    going through the index alone (`innodb_optimize_fulltext_only`) passes over rows that a foreign key has
    deleted. False for a table that is too large to be rebuilt by the way. Raises OperationalError where
    others hold the table for long.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    if connection.vendor == "sqlite":
        fts = fts5_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {fts}({fts}) VALUES ('optimize')")  # noqa: S608 - a name of ours
        return True
    if model._base_manager.all()[: REBUILT_AT_MOST + 1].count() > REBUILT_AT_MOST:
        logger.warning("terms of deleted rows stay in the index of %s: it is large", table)
        return False
    with connection.cursor() as cursor:
        # While it waits for the table, all who come later wait behind it.
        cursor.execute("SET SESSION lock_wait_timeout = %s", [LOCK_SECONDS])
        try:
            cursor.execute(f"ALTER TABLE {table} FORCE")
        finally:
            cursor.execute("SET SESSION lock_wait_timeout = DEFAULT")
    return True


class AddFullText(Operation):
    """Index the grams of a companion model: FULLTEXT on MySQL and MariaDB, FTS5 with triggers on SQLite.

    Reversible. On SQLite, Django remakes a table to alter it, and its triggers go: after altering the
    companion table, remove and add the index again.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state stays as it is."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._run(_full_text_sql, app_label, schema_editor, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._run(_no_full_text_sql, app_label, schema_editor, from_state)

    def describe(self) -> str:
        return f"Full-text index on the grams of {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.model_name.lower()}_fulltext"

    def _run(self, statements: Any, app_label: str, schema_editor: Any, state: Any) -> None:
        model = state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            for statement in statements(model._meta.db_table, schema_editor.connection.vendor):
                schema_editor.execute(statement, params=None)


def _full_text_sql(table: str, vendor: str) -> list[str]:
    if vendor == "mysql":
        return [f"ALTER TABLE `{table}` ADD FULLTEXT INDEX `{table}_grams_fulltext` (`grams`)"]
    fts = fts5_name(table)
    tokenizer = "unicode61 remove_diacritics 0 tokenchars '_'"
    columns = f"grams, content='{table}', content_rowid='id', detail=none, tokenize=\"{tokenizer}\""
    # Tables and triggers are named by our own models, never by input.
    gone = f"INSERT INTO {fts}({fts}, rowid, grams) VALUES ('delete', old.id, old.grams);"  # noqa: S608
    come = f"INSERT INTO {fts}(rowid, grams) VALUES (new.id, new.grams);"  # noqa: S608
    return [
        f"CREATE VIRTUAL TABLE {fts} USING fts5({columns})",
        f"INSERT INTO {fts}({fts}) VALUES ('rebuild')",  # noqa: S608
        f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {come} END",
        f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {gone} END",
        f"CREATE TRIGGER {fts}_update AFTER UPDATE OF id, grams ON {table} BEGIN {gone} {come} END",
    ]


def _no_full_text_sql(table: str, vendor: str) -> list[str]:
    if vendor == "mysql":
        return [f"ALTER TABLE `{table}` DROP INDEX `{table}_grams_fulltext`"]
    fts = fts5_name(table)
    triggers = [f"DROP TRIGGER {fts}_{event}" for event in ("insert", "delete", "update")]
    return [*triggers, f"DROP TABLE {fts}"]
