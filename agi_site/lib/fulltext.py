"""Text search that finds the same rows on MySQL, MariaDB and SQLite, in Korean and in English.

A searchable table has a companion: one row per text with its *grams*, the text cut into index terms here, in
Python. The database only looks terms up (InnoDB FULLTEXT, or FTS5 on SQLite); which rows come first is decided
here too (BM25), so every engine agrees.

Terms: Hangul words give their bigrams and, as one term more, the whole word without its particle; Han and kana
give bigrams; other words are lower-cased, freed of accents and of plural, -ing and -ed, and English function words are left
out. Each term ends in "_", which lifts it over InnoDB's shortest token (3) and past its stop words.
"""

import math
import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.migrations.operations.base import Operation
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:  # the field is generic for the type checker only
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField

LONGEST_TERM = 80  # InnoDB keeps tokens of at most 84 characters
MOST_QUERY_TERMS = 64
MOST_CANDIDATES = 1_000
SAMPLE = 2_000
SAMPLE_SECONDS = 60.0
K1, B = 1.2, 0.75

_WORD = re.compile(r"[가-힣]+|[぀-ヿ㐀-鿿]+|[^\W가-힣぀-ヿ㐀-鿿_]+")
_FUNCTION_WORDS = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its may"
    " more most no not of on or s so such than that the their them then there these they this those to was we were"
    " what when where which who why will with would you your".split()
)
_PARTICLES = sorted(
    "은 는 이 가 을 를 의 에 에서 에게 으로 로 와 과 도 만 까지 부터 라는 이라는 라고 인 한 하는 했다 하여 에는 에서는 으로는 이다 였다"
    " 이었다 하다 된 되는 되었다 들 들은 들이 들의 들을".split(),
    key=len,
    reverse=True,
)


# --- Terms ------------------------------------------------------------------------------------------------
def terms(text: str) -> list[str]:
    """The index terms of `text`, in order and with repeats; only letters a-z, digits, "_" and CJK in them."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if "가" <= word[0] <= "힣":
            found += _bigrams(word)
            stem = without_particle(word)
            if len(stem) > 1:
                found.append(f"{stem[: LONGEST_TERM - 2]}__")
        elif "぀" <= word[0] <= "鿿":
            found += _bigrams(word)
        elif word not in _FUNCTION_WORDS:
            found.append(_term(english_stem(_plain(word))))
    return found


def grams(text: str) -> str:
    """The terms of `text` as they are stored, separated by spaces."""
    return " ".join(terms(text))


def without_particle(word: str) -> str:
    """A Korean word without the particle or ending it carries; at least two syllables stay."""
    for particle in _PARTICLES:
        if word.endswith(particle) and len(word) - len(particle) >= 2:
            return word[: -len(particle)]
    return word


def english_stem(word: str) -> str:
    """An English word without plural, -ing, -ed and final e; lighter than Porter, so that prefixes still match."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and any(letter in "aeiouy" for letter in stem):
            word = stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem
            break
    return word[:-1] if len(word) > 3 and word[-1] == "e" else word


def _bigrams(word: str) -> list[str]:
    return [_term(word[at : at + 2]) for at in range(max(1, len(word) - 1))]


def _plain(word: str) -> str:
    """The word without accents; letters that an engine's tokeniser may not know become their number."""
    if word.isascii():
        return word
    letters = (letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return "".join(
        letter if letter.isascii() else f"x{ord(letter):x}" for letter in letters if letter.isalnum()
    )


def _term(word: str) -> str:
    return f"{word[:LONGEST_TERM]}_".ljust(3, "_")


# --- The companion table ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Terms:
    """What to look up: rows that hold any of `terms` (or every one of them). `prefix` may start a term, too."""

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
class Matches(models.Lookup):  # type: ignore[type-arg]
    """`grams__matches=Terms(...)`: the rows the full-text index finds. Wants `AddFullText` in a migration."""

    lookup_name = "matches"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Terms, connection: Any) -> tuple[str, list[str]]:
        return "%s", [value.for_innodb() if connection.vendor == "mysql" else value.for_fts5()]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column: Any = self.lhs
        _rhs, params = self.process_rhs(compiler, connection)
        quote = connection.ops.quote_name
        if connection.vendor == "mysql":
            sql, _params = self.process_lhs(compiler, connection)
            return f"MATCH ({sql}) AGAINST (%s IN BOOLEAN MODE)", list(params)
        model = column.target.model
        index = quote(fts5_name(model._meta.db_table))
        key = f"{compiler.quote_name(column.alias)}.{quote(model._meta.pk.column)}"
        return f"{key} IN (SELECT rowid FROM {index} WHERE {index} MATCH %s)", list(params)


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


# --- Finding and ranking ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Match:
    """A row found. `score` is its BM25 sum; `share` is that sum over the most the query could reach, in [0, 1]."""

    key: Any
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """How common terms are, counted over the newest `rows` of `total` companion rows."""

    rows: int = 0
    total: int = 0
    average_length: float = 1.0
    containing: Counter[str] = field(default_factory=Counter)

    def weight(self, term: str) -> float:
        """BM25's inverse document frequency, always above 0."""
        found = self.containing[term]
        return math.log(1 + (self.rows - found + 0.5) / (found + 0.5))

    def expected(self, term: str) -> float:
        """About how many rows of the table hold `term`."""
        return self.containing[term] * self.total / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class _Query:
    weights: dict[str, float]
    prefix: str

    def scored(self, key: Any, grams: str, length: int, statistics: Statistics) -> Match:
        counts = Counter(term for term in grams.split(" ") if term in self.weights)
        if self.prefix and (starting := sum(map(self._starts, set(grams.split(" "))))):
            counts[self.prefix] = starting
        norm = K1 * (1 - B + B * length / statistics.average_length)
        score = sum(self.weights[term] * count * (K1 + 1) / (count + norm) for term, count in counts.items())
        asked = sum(weight for term, weight in self.weights.items() if term != self.prefix)
        most = (K1 + 1) * (asked or self.weights[self.prefix])
        return Match(key, score, min(1.0, score / most))

    def _starts(self, term: str) -> bool:
        return term.startswith(self.prefix) and term not in self.weights


def match(
    rows: "models.QuerySet[Any, Any]", query: str, *, key: str, limit: int, prefix: bool = False
) -> list[Match]:
    """The best `limit` companion rows of `rows` for `query`, best first; `key` names the column to return.

    With `prefix`, the query's last word may be the beginning of a word (search as you type). Rows that share no
    term are not found. Where a query's terms are held by more than about 1,000 rows, its most common terms no
    longer find rows, but still rank them.
    """
    asked = list(dict.fromkeys(terms(query)))
    start = _beginning(query) if prefix else ""
    if not asked and not start:
        return []
    statistics = _statistics_of(rows.model)
    asked = sorted(asked, key=lambda term: (statistics.containing[term], term))[:MOST_QUERY_TERMS]
    weights = {term: statistics.weight(term) for term in asked}
    if start and start not in weights:
        weights[start] = max(weights.values(), default=1.0)
    wanted = _candidates(asked, start, statistics)
    found = rows.filter(grams__matches=wanted).order_by("-pk").values_list(key, "grams", "length")
    scorer = _Query(weights, start)
    matches = [scorer.scored(*row, statistics) for row in found[:MOST_CANDIDATES]]
    return sorted(matches, key=lambda hit: (-hit.score, str(hit.key)))[:limit]


def _beginning(query: str) -> str:
    """The last word as typed so far, if it is one in Latin letters that goes to the query's end."""
    word = re.search(r"[a-z0-9]{2,}$", query.lower())
    return word[0][:LONGEST_TERM] if word else ""


def _candidates(asked: Sequence[str], prefix: str, statistics: Statistics) -> Terms:
    """The rarest terms that together are held by at most MOST_CANDIDATES rows."""
    chosen: list[str] = []
    room = float(MOST_CANDIDATES)
    for term in asked:
        room -= statistics.expected(term)
        if room < 0 and (chosen or prefix):
            break
        if room < 0:
            return Terms(tuple(asked), every=True)
        chosen.append(term)
    return Terms(tuple(chosen), prefix=prefix)


_statistics: dict[str, tuple[float, Statistics]] = {}
_lock = threading.Lock()


def _statistics_of(model: type[models.Model]) -> Statistics:
    """Counted at most once a minute. A term too new to be counted passes for rare and is found all the same."""
    table = model._meta.db_table
    now = time.monotonic()
    with _lock:
        until, known = _statistics.get(table, (0.0, Statistics()))
    if now < until:
        return known
    known = _count(model)
    # A small table changes its shape with every row, and is counted in no time.
    kept = SAMPLE_SECONDS if known.total >= SAMPLE else SAMPLE_SECONDS * known.total / SAMPLE
    with _lock:
        _statistics[table] = (now + kept, known)
    return known


def _count(model: type[models.Model]) -> Statistics:
    rows = model._default_manager.order_by("-pk").values_list("grams", "length")
    containing: Counter[str] = Counter()
    counted = length = 0
    for text, size in rows[:SAMPLE]:
        containing.update(set(text.split(" ")))
        counted, length = counted + 1, length + size
    total = counted if counted < SAMPLE else model._default_manager.count()
    return Statistics(counted, total, max(1.0, length / max(1, counted)), containing)


def forget_statistics() -> None:
    """Count again at the next search."""
    with _lock:
        _statistics.clear()


# --- Showing ----------------------------------------------------------------------------------------------
def highlights(text: str, query: str, *, around: int = 60, most: int = 3) -> list[list[tuple[str, bool]]]:
    """Up to `most` excerpts of `text`, each as pieces (words, whether they answer the query)."""
    pattern = _query_pattern(query)
    if pattern is None:
        return []
    excerpts: list[list[tuple[str, bool]]] = []
    end = -1
    for found in pattern.finditer(text):
        if found.start() < end:
            continue
        if len(excerpts) == most:
            break
        start, end = max(0, found.start() - around, end), min(len(text), found.end() + around)
        excerpts.append(list(_pieces(text, start, end, pattern)))
    return excerpts


def _query_pattern(query: str) -> re.Pattern[str] | None:
    stems: set[str] = set()
    for word in _WORD.findall(unicodedata.normalize("NFKC", query).lower()):
        if "가" <= word[0] <= "힣":
            stems.add(re.escape(without_particle(word)))
        elif word not in _FUNCTION_WORDS:
            stems.add(r"\b" + re.escape(english_stem(word)) + r"\w*" if word.isascii() else re.escape(word))
    longest = sorted(stems, key=len, reverse=True)[:MOST_QUERY_TERMS]
    return re.compile("|".join(longest), re.IGNORECASE) if longest else None


def _pieces(text: str, start: int, end: int, pattern: re.Pattern[str]) -> Iterable[tuple[str, bool]]:
    if start > 0:
        yield "…", False
    at = start
    for found in pattern.finditer(text, start, end):
        if found.start() > at:
            yield text[at : found.start()], False
        yield found[0], True
        at = found.end()
    if at < end:
        yield text[at:end], False
    if end < len(text):
        yield "…", False


# --- Migrations -------------------------------------------------------------------------------------------
class AddFullText(Operation):
    """Index the grams of a companion model: FULLTEXT on MySQL and MariaDB, FTS5 with triggers on SQLite.

    Reversible. On SQLite, Django remakes a table to alter it and its triggers go: after altering the companion
    table, remove and add the index again.
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
    gone = f"INSERT INTO {fts}({fts}, rowid, grams) VALUES ('delete', old.id, old.grams);"
    come = f"INSERT INTO {fts}(rowid, grams) VALUES (new.id, new.grams);"
    return [
        f"CREATE VIRTUAL TABLE {fts} USING fts5(grams, content='{table}', content_rowid='id', detail=none,"
        " tokenize=\"unicode61 remove_diacritics 0 tokenchars '_'\")",
        f"INSERT INTO {fts}({fts}) VALUES ('rebuild')",
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
