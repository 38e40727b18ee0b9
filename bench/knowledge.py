"""Knowledge: how well search finds (bench/search_bench.py), and how fast among 100,000 and 1,000,000 rows.

Vectors for speed are made up: mixtures of three vectors of real sentences (the questions and passages of
`paraphrases.*.tsv`; Dirichlet 0.3, so that one of the three mostly leads) plus Gaussian noise of length 0.1,
which gives them about the intrinsic dimension of real questions. Queries are made the same way. Exact search
is a matrix product over the same vectors in memory, with numpy. Both run in one thread.

The million is left out with BENCH_MILLION=0: it takes some minutes and 4 GB of disk.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench import search_bench
from bench.report import Figure, percentiles, table, told

HUNDRED_THOUSAND, MILLION = 100_000, 1_000_000
ASKED, NEIGHBOURS, WARM = 200, 10, 20
CHUNK = 50_000
NOISE, ONE_LEADS = 0.1, 0.3
ENGINE = "bench/made-up"
WORDS = 40  # in each made-up passage


def made_up(real: Any, count: int, seed: int) -> Any:
    """`count` vectors like those of real sentences, shape (count, d)."""
    random = np.random.default_rng(seed)
    rows = np.empty((count, real.shape[1]), np.float32)
    for at in range(0, count, CHUNK):
        part = rows[at : at + CHUNK]
        shares = random.dirichlet([ONE_LEADS] * 3, len(part)).astype(np.float32)
        chosen = random.integers(0, len(real), (len(part), 3))
        part[:] = np.einsum("nk,nkd->nd", shares, real[chosen])
        part += random.standard_normal(part.shape, np.float32) * np.float32(NOISE / np.sqrt(real.shape[1]))
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def real_sentences() -> Any:
    """Vectors of the sentences of the paraphrases, shape (400, d)."""
    from agi_site.lib import engines

    texts, questions = search_bench.paraphrases()
    engine = engines.embedding()
    search_bench.remember(engine)
    return engine.embed_documents([*texts.values(), *(question for question, _wanted in questions)])


def timed(search: Callable[[Any], Any], queries: Any) -> tuple[list[float], list[Any]]:
    """How long each query took, and what it found; the first ones only warm up."""
    seconds, found = [], []
    for query in [*queries[:WARM], *queries]:
        started = time.perf_counter()
        answer = search(query)
        seconds.append(time.perf_counter() - started)
        found.append(answer)
    return seconds[WARM:], found[WARM:]


def exactly(matrix: Any) -> Callable[[Any], Any]:
    """Exact search by numpy: the places of the nearest."""

    def search(query: Any) -> Any:
        cosines = matrix @ query
        best = np.argpartition(-cosines, NEIGHBOURS)[:NEIGHBOURS]
        return best[np.argsort(-cosines[best])]

    return search


class Built:
    """An index over made-up vectors, built as the product builds it."""

    def __init__(self, real: Any, count: int, folder: Path) -> None:
        from agi_site.lib.vectors import building, files
        from agi_site.lib.vectors.large import KEY

        self.matrix, self.queries = made_up(real, count, 1), made_up(real, ASKED, 2)
        place = folder / "build"
        place.mkdir(parents=True)
        keys = np.array([f"{at:036d}".encode() for at in range(count)], KEY)
        keys.tofile(place / "keys.s36")
        np.zeros(count, np.int64).tofile(place / "owners.i8")
        np.arange(count).tofile(place / "order.i8")
        self.matrix.tofile(place / "vectors.f4")
        started = time.perf_counter()
        told = building.finish(folder, "build", count, real.shape[1], newest="2026-01-01T00:00:00+00:00")
        self.seconds, self.probes = time.perf_counter() - started, told["probes"]
        self.large = files.opened(folder)

    def measured(self) -> tuple[list[float], list[float], float]:
        """Seconds of the index, seconds of numpy, and recall@10."""
        from agi_site.lib.vectors.comparison import Comparison, View
        from agi_site.lib.vectors.recent import Recent

        view = View(Recent.empty(self.matrix.shape[1]), self.large)
        exact, right = timed(exactly(self.matrix), self.queries)
        ours, found = timed(lambda query: Comparison(view, query).nearest(NEIGHBOURS), self.queries)
        hits = sum(
            len({int(key) for key in keys} & set(best.tolist()))
            for keys, best in zip(found, right, strict=True)
        )
        return ours, exact, hits / (NEIGHBOURS * len(found))


def of_vectors() -> list[Figure]:
    """The index beside exact search, among a hundred thousand and a million."""
    real = real_sentences()
    figures: list[Figure] = []
    medians: dict[int, float] = {}
    sizes = [HUNDRED_THOUSAND, *([MILLION] if os.environ.get("BENCH_MILLION", "1") != "0" else [])]
    for count in sizes:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DISK")) as folder:
            built = Built(real, count, Path(folder) / "index")
            ours, exact, recall = built.measured()
        medians[count] = percentiles(ours)[0]
        ratio = f"{medians[count] / percentiles(exact)[0]:.3f} ×"
        what = f"nearest 10 of {count:,} vectors"
        promise = "at most 0.3 ×" if count == HUNDRED_THOUSAND else ""
        figures += [
            Figure(what, told(ours), f"{told(exact)} exact numpy", ratio, promise),
            Figure(f"{what}, recall@10", f"{recall:.4f}", "1 exact", "–", "at least 0.98"),
            Figure(f"{what}, built in", f"{built.seconds:.0f} s", f"{built.probes} lists looked at", "–", ""),
        ]
    if MILLION in medians:
        ratio = f"{medians[MILLION] / medians[HUNDRED_THOUSAND]:.2f} ×"
        ours, base = (f"{medians[count]:.2f} ms" for count in (MILLION, HUNDRED_THOUSAND))
        figures.append(Figure("p50 among 1,000,000 over 100,000", ours, base, ratio, "at most 2 ×"))
    return figures


# --- The whole way ----------------------------------------------------------------------------------------
def of_the_product() -> list[Figure]:
    """`search_knowledge` over 100,000 rows in a database; their words are made up, as skewed as real ones."""
    from accounts.models import User
    from agi_site.lib import engines, fulltext, vectors
    from knowledge import vector_sets
    from knowledge.models import Knowledge
    from knowledge.search import search_knowledge

    user, engine, random = User.objects.get(username="bench"), engines.embedding(), np.random.default_rng(3)
    matrix = made_up(real_sentences(), HUNDRED_THOUSAND, 1)
    queries = made_up(real_sentences(), ASKED, 2)
    _fill(matrix, engine.name, random)
    fulltext.forget_statistics()
    vectors.forget()
    vector_sets.build_indexes()
    texts = [" ".join(_words(random, 6)) for _query in queries]
    seconds, _found = timed(
        lambda asked: search_knowledge(user=user, query=asked[0], vector=asked[1]),
        list(zip(texts, queries, strict=True)),
    )
    exact, _right = timed(exactly(matrix), queries)
    rows = f"{Knowledge.objects.count():,} rows"
    what = f"search_knowledge over {rows} (SQLite), words and vectors"
    base = f"{told(exact)} exact numpy, vectors only"
    ratio = f"{percentiles(seconds)[0] / percentiles(exact)[0]:.2f} ×"
    return [Figure(what, told(seconds), base, ratio, "stated")]


def _fill(matrix: Any, name: str, random: Any) -> None:
    from agi_site.lib import fulltext, vectors
    from knowledge.models import Knowledge, KnowledgeSearch

    for at in range(0, len(matrix), 5_000):
        rows = [
            Knowledge(
                title=f"row {at + number}",
                content=" ".join(_words(random, WORDS)),
                embedding=vectors.pack(vector),
                embedding_model=name,
            )
            for number, vector in enumerate(matrix[at : at + 5_000])
        ]
        Knowledge.objects.bulk_create(rows, batch_size=500)
        terms = [(row, fulltext.terms(row.content)) for row in rows]
        KnowledgeSearch.objects.bulk_create(
            [KnowledgeSearch(knowledge=row, grams=" ".join(of), length=len(of)) for row, of in terms],
            batch_size=500,
        )


def _words(random: Any, count: int) -> Sequence[str]:
    """Words by Zipf's law, from a vocabulary of 50,000."""
    return [f"w{min(int(number), 50_000)}x" for number in random.zipf(1.3, count)]


def measure() -> list[Figure]:
    """Quality, then speed, each in a process of its own."""
    return search_bench.measure() + _run("--vectors") + _run("--product")


def _run(part: str) -> list[Figure]:
    command = [sys.executable, "-m", "bench.knowledge", part, "--json"]
    single = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=single).stdout
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure the parts named: --vectors, --product."""
    with search_bench.site_of_its_own():
        found = of_vectors() if "--vectors" in sys.argv else []
        found += of_the_product() if "--product" in sys.argv else []
    print(json.dumps([asdict(one) for one in found]) if "--json" in sys.argv else table(found))


if __name__ == "__main__":
    main()
