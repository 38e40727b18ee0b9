"""How well and how fast search finds: Cranfield (English), KorQuAD passages (Korean), dev parts, real model.

AGI_DATA names the folder with `cranfield/` and `korquad/`; without it the bench says so and measures nothing.
The baselines run over the same rows: BM25 over words cut at white space, our own text leg, vectors alone,
reciprocal rank fusion. "no shared words" drops from each question's text leg every word whose terms stand in
its passage: what paraphrases do to a search.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.report import Figure, percentiles, table

QUESTIONS = 300  # of KorQuAD, evenly spread
type Ranking = list[str]
type Relevant = set[str]


# --- Data --------------------------------------------------------------------------------------------------
def cranfield(folder: Path) -> tuple[dict[str, str], list[tuple[str, Relevant]]]:
    """1,400 abstracts by number, and every other query with the abstracts that answer it."""
    texts: dict[str, str] = {}
    for block in (folder / "cran.all.1400").read_text().split("\n.I "):
        number = re.search(r"\d+", block)
        title = re.search(r"\.T\n(.*?)\.A\n", block, re.DOTALL)
        body = re.search(r"\.W\n(.*)", block, re.DOTALL)
        if number and title:
            words = " ".join((body[1] if body else title[1]).split())
            texts[number[0]] = words or title[1]
    blocks = re.split(r"^\.I ", (folder / "cran_dev.qry").read_text(), flags=re.MULTILINE)[1:]
    relevant: dict[int, Relevant] = defaultdict(set)
    for line in (folder / "cranqrel_dev").read_text().splitlines():
        query, document, *_grade = line.split()
        relevant[int(query)].add(document)
    queries = [" ".join(block.split(".W\n")[1].split()) for block in blocks]
    # The judgements count queries by their position in the whole file: 1, 3, 5 …
    return texts, [(query, relevant[2 * at + 1] & texts.keys()) for at, query in enumerate(queries)]


def korquad(folder: Path) -> tuple[dict[str, str], list[tuple[str, Relevant]]]:
    """Half of KorQuAD 1.0 dev: passages by number, questions with the one passage that answers each."""
    texts: dict[str, str] = {}
    questions: list[tuple[str, Relevant]] = []
    for article in json.loads((folder / "dev_half.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            key = str(len(texts))
            texts[key] = paragraph["context"]
            questions += [(one["question"], {key}) for one in paragraph["qas"]]
    step = max(1, len(questions) // QUESTIONS)
    return texts, questions[::step][:QUESTIONS]


# --- Measures and baselines --------------------------------------------------------------------------------
def ndcg(found: Ranking, relevant: Relevant, most: int = 10) -> float:
    """Normalised discounted cumulative gain at 10, binary relevance."""
    gain = sum(1 / math.log2(at + 2) for at, key in enumerate(found[:most]) if key in relevant)
    ideal = sum(1 / math.log2(at + 2) for at in range(min(most, len(relevant))))
    return gain / ideal if ideal else 0.0


def recall(most: int) -> Callable[[Ranking, Relevant], float]:
    """The share of questions whose passage is among the first `most`."""
    return lambda found, relevant: float(bool(relevant & set(found[:most])))


class WhiteSpaceBM25:
    """BM25 over lower-cased words cut at white space and punctuation: the plainest baseline."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.rows = {key: Counter(re.findall(r"\w+", text.lower())) for key, text in texts.items()}
        self.average = sum(sum(row.values()) for row in self.rows.values()) / len(self.rows)
        self.holding = Counter(word for row in self.rows.values() for word in row)

    def ranked(self, query: str) -> Ranking:
        """All rows that share a word, best first."""
        scores: dict[str, float] = {}
        words = set(re.findall(r"\w+", query.lower()))
        for key, row in self.rows.items():
            norm = 1.2 * (0.25 + 0.75 * sum(row.values()) / self.average)
            score = sum(self._idf(word) * row[word] * 2.2 / (row[word] + norm) for word in words & row.keys())
            if score:
                scores[key] = score
        return sorted(scores, key=lambda key: -scores[key])

    def _idf(self, word: str) -> float:
        found = self.holding[word]
        return math.log(1 + (len(self.rows) - found + 0.5) / (found + 0.5))


def reciprocal(one: Sequence[str], other: Sequence[str]) -> Ranking:
    """Reciprocal rank fusion, k = 60."""
    scores: Counter[str] = Counter()
    for ranking in (one, other):
        for at, key in enumerate(ranking):
            scores[key] += 1 / (61 + at)  # type: ignore[assignment]
    return [key for key, _score in scores.most_common()]


# --- The run -----------------------------------------------------------------------------------------------
def load(texts: dict[str, str]) -> None:
    """Fill the knowledge table of this run, with terms and vectors."""
    from agi_site.lib import engines, fulltext
    from knowledge import indexing
    from knowledge.models import Knowledge, KnowledgeSearch

    Knowledge.objects.all().delete()
    rows = [Knowledge(title="-", content=text, source=key) for key, text in texts.items()]
    Knowledge.objects.bulk_create(rows)
    terms = [(row, fulltext.terms(row.content)) for row in rows]
    KnowledgeSearch.objects.bulk_create(
        KnowledgeSearch(knowledge=row, grams=" ".join(found), length=len(found)) for row, found in terms
    )
    indexing.text_of = lambda row: row.content  # type: ignore[assignment]
    indexing.embed(Knowledge, [row.pk for row in rows], engines.embedding())
    fulltext.forget_statistics()


class Run:
    """The rankings of every way to search, over one corpus."""

    def __init__(self, texts: dict[str, str], queries: list[tuple[str, Relevant]]) -> None:
        from accounts.models import User

        load(texts)
        self.texts, self.queries = texts, queries
        self.user = User.objects.get(username="bench")
        self.plain = WhiteSpaceBM25(texts)
        self.seconds: list[float] = []
        self.rankings: dict[str, list[Ranking]] = defaultdict(list)
        for query, relevant in queries:
            self._rank(query, relevant)

    def _rank(self, query: str, relevant: Relevant) -> None:
        from agi_site.lib import engines
        from knowledge.models import Knowledge, KnowledgeSearch
        from knowledge.search import _by_meaning, _by_words, fuse, search_knowledge

        vector = engines.embedding().embed_queries([query])[0]
        started = time.perf_counter()
        hits = search_knowledge(user=self.user, query=query, vector=vector, limit=10)
        self.seconds.append(time.perf_counter() - started)
        text = _by_words(KnowledgeSearch.objects.all(), query, "knowledge__source", False)
        sources = dict(Knowledge.objects.values_list("pk", "source"))
        shares = _by_meaning(Knowledge, query, vector, [])
        meaning = {sources[key]: share for key, share in shares.items()}
        by_meaning = list(meaning)
        kept = self._without(query, relevant)
        noise = _by_words(KnowledgeSearch.objects.all(), kept, "knowledge__source", False) if kept else []
        lost = len(kept.split()) / max(1, len(query.split()))
        noise = [match.__class__(match.key, match.score, match.share * lost) for match in noise]
        for name, ranking in {
            "white space BM25": self.plain.ranked(query),
            "text": [match.key for match in text],
            "vectors": by_meaning,
            "reciprocal rank": reciprocal([match.key for match in text], by_meaning),
            "hybrid": [hit.source for hit in hits],
            "text, no shared words": [match.key for match in noise],
            "reciprocal, no shared words": reciprocal([match.key for match in noise], by_meaning),
            "hybrid, no shared words": list(fuse(noise, meaning)),
        }.items():
            self.rankings[name].append(ranking)

    def _without(self, query: str, relevant: Relevant) -> str:
        """The query's words that share no term with the passages that answer it."""
        from agi_site.lib import fulltext

        there = {term for key in relevant for term in fulltext.terms(self.texts[key])}
        return " ".join(word for word in query.split() if not there & set(fulltext.terms(word)))

    def mean(self, name: str, measure: Callable[[Ranking, Relevant], float]) -> float:
        """The mean of a measure over all queries."""
        values = [
            measure(found, wanted)
            for found, (_q, wanted) in zip(self.rankings[name], self.queries, strict=True)
        ]
        return sum(values) / len(values)


WAYS = ["text", "vectors", "reciprocal rank", "hybrid"]
NO_WORDS = ["vectors", "reciprocal, no shared words", "hybrid, no shared words"]


def figures(data: Path) -> list[Figure]:
    """Each way against BM25 at white space; hybrid also against its better leg."""
    told: list[Figure] = []
    corpora: list[tuple[str, Any, list[tuple[str, Callable[[Ranking, Relevant], float], list[str], str]]]] = [
        ("Cranfield", cranfield, [("nDCG@10", ndcg, WAYS, "at least BM25")]),
        (
            "KorQuAD",
            korquad,
            [
                ("recall@1", recall(1), WAYS, "at least BM25"),
                ("recall@5", recall(5), WAYS, ""),
                ("recall@5, no shared words", recall(5), NO_WORDS, "near vectors alone"),
            ],
        ),
    ]
    for name, read, measures in corpora:
        folder = data / name.lower()
        if not folder.is_dir():
            print(f"search, {name}: skipped: no data")
            continue
        run = Run(*read(folder))
        for title, measure, ways, promise in measures:
            base = run.mean("vectors" if ways is NO_WORDS else "white space BM25", measure)
            for way in ways:
                value = run.mean(way, measure)
                ratio = f"{value / base:.2f} ×" if base else "–"
                told.append(Figure(f"{name} {title}: {way}", f"{value:.3f}", f"{base:.3f}", ratio, promise))
        middle, high = percentiles(run.seconds)
        rows = f"{len(run.texts)} rows"
        told.append(Figure(f"{name}: search, vector given", f"{middle:.0f} / {high:.0f} ms", rows, "–", ""))
    return told


def measure() -> list[Figure]:
    """Run in a process and a database of its own."""
    data = os.environ.get("AGI_DATA", "")
    if not data or not Path(data).is_dir():
        print("search: skipped: no data (AGI_DATA names its folder)")
        return []
    command = [sys.executable, "-m", "bench.search_bench", "--json"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure on a fresh SQLite database with the packaged model."""
    data = os.environ.get("AGI_DATA", "")
    if not data or not Path(data).is_dir():
        print("skipped: no data (AGI_DATA names its folder)")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
            "REDIS_URL": "",
        }
        os.environ["DJANGO_SETTINGS_MODULE"] = "agi_site.settings"
        import django

        django.setup()
        from django.core.management import call_command

        from accounts.models import User

        call_command("migrate", verbosity=0)
        User.objects.create_superuser("bench", "bench@example.com", "no password is needed")
        found = figures(Path(data))
    if "--json" in sys.argv:
        print(json.dumps([asdict(one) for one in found]))
    else:
        print(table(found))


if __name__ == "__main__":
    main()
