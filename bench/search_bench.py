"""How well search finds: Cranfield (English), KorQuAD passages (Korean), paraphrases, with the real model.

AGI_DATA names the folder with `cranfield/` and `korquad/` (dev parts); without it only the paraphrases are
measured. Everything runs over the same rows, Cranfield's with their titles: BM25 over words cut at white
space; BM25 as textbooks have it (k1 1.2, b 0.75, exact statistics) over the product's terms, without function
words and endings, which is the baseline that counts; our own text leg; vectors alone; reciprocal rank fusion.
"no shared words" drops from each question's text leg every word whose terms stand in its passage.

`paraphrases.<language>.tsv` hold 100 questions each, with the passage that answers. They were written for
this bench, by one author, about everyday matters and an imagined company; no question shares a term with its
passage, which the bench checks. Nothing was fitted to them. All 200 passages are searched together.

BENCH_CACHE names a folder that keeps vectors of texts from one run to the next: embedding Cranfield takes
minutes.
"""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.report import Figure, percentiles, table

QUESTIONS = 300  # of KorQuAD, evenly spread
type Ranking = list[str]
type Relevant = set[str]


# --- Data --------------------------------------------------------------------------------------------------
def cranfield(folder: Path) -> tuple[dict[str, str], list[tuple[str, Relevant]]]:
    """1,400 abstracts by number, "title\nabstract", and every other query with those that answer it."""
    texts: dict[str, str] = {}
    for block in (folder / "cran.all.1400").read_text().split("\n.I "):
        number = re.search(r"\d+", block)
        title = re.search(r"\.T\n(.*?)\.A\n", block, re.DOTALL)
        body = re.search(r"\.W\n(.*)", block, re.DOTALL)
        if number and title:
            words = " ".join((body[1] if body else "").split())
            texts[number[0]] = f"{' '.join(title[1].split())}\n{words or title[1]}"
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


def paraphrases() -> tuple[dict[str, str], list[tuple[str, Relevant]]]:
    """200 passages in two languages, and a question for each that shares no term with it; English first."""
    from agi_site.lib import fulltext

    texts: dict[str, str] = {}
    questions: list[tuple[str, Relevant]] = []
    for language in ("en", "ko"):
        file = Path(__file__).with_name(f"paraphrases.{language}.tsv")
        for at, line in enumerate(file.read_text().splitlines()):
            question, passage = line.split("\t")
            if shared := set(fulltext.terms(question)) & set(fulltext.terms(passage)):
                raise ValueError(f"{file.name}, line {at + 1}: question and passage share {shared}")
            texts[f"{language}{at}"] = passage
            questions.append((question, {f"{language}{at}"}))
    return texts, questions


# --- Measures and baselines --------------------------------------------------------------------------------
def ndcg(found: Ranking, relevant: Relevant, most: int = 10) -> float:
    """Normalised discounted cumulative gain at 10, binary relevance."""
    gain = sum(1 / math.log2(at + 2) for at, key in enumerate(found[:most]) if key in relevant)
    ideal = sum(1 / math.log2(at + 2) for at in range(min(most, len(relevant))))
    return gain / ideal if ideal else 0.0


def recall(most: int) -> Callable[[Ranking, Relevant], float]:
    """The share of questions whose passage is among the first `most`."""
    return lambda found, relevant: float(bool(relevant & set(found[:most])))


def white_space(text: str) -> list[str]:
    """Lower-cased words cut at white space and punctuation."""
    return re.findall(r"\w+", text.lower())


class BM25:
    """BM25 with the usual k1 1.2 and b 0.75 and exact statistics, over whatever `cut` makes of a text."""

    def __init__(self, texts: dict[str, str], cut: Callable[[str], list[str]]) -> None:
        self.cut = cut
        self.rows = {key: Counter(cut(text)) for key, text in texts.items()}
        self.sizes = {key: sum(row.values()) for key, row in self.rows.items()}
        self.average = sum(self.sizes.values()) / len(self.rows)
        self.holding = Counter(word for row in self.rows.values() for word in row)

    def ranked(self, query: str) -> Ranking:
        """All rows that share a word, best first."""
        scores: dict[str, float] = {}
        words = set(self.cut(query))
        for key, row in self.rows.items():
            norm = 1.2 * (0.25 + 0.75 * self.sizes[key] / self.average)
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
def load(texts: dict[str, str], *, titled: bool) -> None:
    """Fill the knowledge table of this run, with terms and vectors; `titled`: the first line is the title."""
    from agi_site.lib import engines, fulltext
    from knowledge import indexing
    from knowledge.models import Knowledge, KnowledgeSearch

    Knowledge.objects.all().delete()
    parts = {key: text.partition("\n") if titled else ("", "", text) for key, text in texts.items()}
    rows = [
        Knowledge(title=title[:255] or "-", content=body, source=key)
        for key, (title, _line, body) in parts.items()
    ]
    Knowledge.objects.bulk_create(rows)
    terms = [(row, fulltext.terms(_text_of(row))) for row in rows]
    KnowledgeSearch.objects.bulk_create(
        KnowledgeSearch(knowledge=row, grams=" ".join(found), length=len(found)) for row, found in terms
    )
    indexing.text_of = _text_of  # type: ignore[assignment]
    remember(engines.embedding())
    indexing.embed(Knowledge, [row.pk for row in rows], engines.embedding())
    fulltext.forget_statistics()


def _text_of(row: Any) -> str:
    """As the product has it, but for rows without a title."""
    return str(row.content) if row.title == "-" else f"{row.title}\n{row.content}"


def remember(engine: Any) -> None:
    """Keep vectors of texts in BENCH_CACHE, if that is set."""
    folder = os.environ.get("BENCH_CACHE", "")
    if not folder or getattr(engine, "remembers", False):
        return
    import numpy as np

    place, real = Path(folder), engine.embed_documents
    place.mkdir(parents=True, exist_ok=True)

    def embed_documents(texts: Sequence[str]) -> Any:
        rows = []
        for text in texts:
            path = place / f"{hashlib.sha256(f'{engine.name} {text}'.encode()).hexdigest()[:32]}.npy"
            if not path.exists():
                np.save(path, real([text])[0])
            rows.append(np.load(path))
        return np.stack(rows)

    engine.embed_documents, engine.remembers = embed_documents, True


class Run:
    """The rankings of every way to search, over one corpus."""

    def __init__(
        self, texts: dict[str, str], queries: list[tuple[str, Relevant]], *, titled: bool = False
    ) -> None:
        from accounts.models import User
        from agi_site.lib import fulltext

        load(texts, titled=titled)
        self.texts, self.queries = texts, queries
        self.user = User.objects.get(username="bench")
        self.plain = BM25(texts, white_space)
        self.textbook = BM25(texts, fulltext.terms)
        self.seconds: list[float] = []
        self.rankings: dict[str, list[Ranking]] = defaultdict(list)
        for query, relevant in queries:
            self._rank(query, relevant)

    def _rank(self, query: str, relevant: Relevant) -> None:
        from agi_site.lib import engines
        from knowledge.models import Knowledge, KnowledgeSearch
        from knowledge.search import search_knowledge
        from knowledge.search.fusion import by_meaning, by_words, fuse

        vector = engines.embedding().embed_queries([query])[0]
        started = time.perf_counter()
        hits = search_knowledge(user=self.user, query=query, vector=vector, limit=10)
        self.seconds.append(time.perf_counter() - started)
        text = by_words(KnowledgeSearch.objects.all(), query, "knowledge__source", False)
        sources = dict(Knowledge.objects.values_list("pk", "source"))
        shares = by_meaning(Knowledge, query, vector, [])
        meaning = {sources[key]: share for key, share in shares.items()}
        by_meaning = list(meaning)
        kept = self._without(query, relevant)
        noise = by_words(KnowledgeSearch.objects.all(), kept, "knowledge__source", False) if kept else []
        lost = len(kept.split()) / max(1, len(query.split()))
        noise = [match.__class__(match.key, match.score, match.share * lost) for match in noise]
        for name, ranking in {
            "white space BM25": self.plain.ranked(query),
            "BM25": self.textbook.ranked(query),
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

    def mean(self, name: str, measure: "Measure", chosen: Sequence[int] | None = None) -> float:
        """The mean of a measure over all queries, or over those chosen."""
        of = range(len(self.queries)) if chosen is None else chosen
        return sum(measure(self.rankings[name][at], self.queries[at][1]) for at in of) / len(of)


WAYS = ["white space BM25", "text", "vectors", "reciprocal rank", "hybrid"]
NO_WORDS = ["reciprocal, no shared words", "hybrid, no shared words"]
type Measure = Callable[[Ranking, Relevant], float]


def figures(data: Path | None) -> list[Figure]:
    """Each way against BM25; the promises are those of hybrid search."""
    told = of_paraphrases()
    corpora: list[tuple[str, Any, list[tuple[str, Measure, list[str], str, str]]]] = [
        ("Cranfield", cranfield, [("nDCG@10", ndcg, WAYS, "BM25", "at least 1.10 ×")]),
        (
            "KorQuAD",
            korquad,
            [
                ("recall@1", recall(1), WAYS, "BM25", "at least 0.92"),
                ("recall@5", recall(5), WAYS, "BM25", ""),
                ("recall@5, no shared words", recall(5), NO_WORDS, "vectors", "near vectors alone"),
            ],
        ),
    ]
    for name, read, measures in corpora:
        folder = (data or Path("/nowhere")) / name.lower()
        if not folder.is_dir():
            print(f"search, {name}: skipped: no data (AGI_DATA names its folder)")
            continue
        run = Run(*read(folder), titled=read is cranfield)
        for title, measure, ways, against, promise in measures:
            base = run.mean(against, measure)
            for way in ways:
                kept = promise if way.startswith("hybrid") else ""
                told.append(_figure(f"{name} {title}: {way}", run.mean(way, measure), base, against, kept))
        middle, high = percentiles(run.seconds)
        rows = f"{len(run.texts)} rows"
        told.append(Figure(f"{name}: search, vector given", f"{middle:.0f} / {high:.0f} ms", rows, "–", ""))
    return told


def of_paraphrases() -> list[Figure]:
    """Recall where no word of the question stands in its passage."""
    run = Run(*paraphrases())
    told = []
    for language, name in (("en", "English"), ("ko", "Korean")):
        chosen = [
            at for at, (_q, wanted) in enumerate(run.queries) if next(iter(wanted)).startswith(language)
        ]
        for most in (1, 5):
            base = run.mean("BM25", recall(most), chosen)
            for way in ("vectors", "hybrid"):
                promise = "at least 0.90" if (way, most) == ("hybrid", 5) else ""
                value = run.mean(way, recall(most), chosen)
                told.append(
                    _figure(f"{name} paraphrases, recall@{most}: {way}", value, base, "BM25", promise)
                )
    return told


def _figure(what: str, value: float, base: float, against: str, promise: str) -> Figure:
    ratio = f"{value / base:.2f} ×" if base else "–"
    return Figure(what, f"{value:.3f}", f"{base:.3f} {against}", ratio, promise)


def measure() -> list[Figure]:
    """Run in a process and a database of its own."""
    command = [sys.executable, "-m", "bench.search_bench", "--json"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print("\n".join(out.splitlines()[:-1]))
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure on a fresh SQLite database with the packaged model."""
    data = os.environ.get("AGI_DATA", "")
    with site_of_its_own():
        found = figures(Path(data) if data else None)
    if "--json" in sys.argv:
        print(json.dumps([asdict(one) for one in found]))
    else:
        print(table(found))


@contextmanager
def site_of_its_own() -> Iterator[None]:
    """Django on a fresh SQLite database, with the user `bench`; once in a process."""
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
        yield


if __name__ == "__main__":
    main()
