"""How well concepts of two domains are matched before anybody reviews: OAEI's conference track, F1.

AGI_DATA names the folder with `oaei_conference/` (ontologies as RDF/XML, reference alignments `a-b.rdf`);
without it the bench says so. F1 is over all mappings of all pairs together. The baselines run on the same
files: equal normalised labels, and overlap of token sets (Jaccard) with its best threshold, each one to one.

Weights of features, and the threshold, were fitted to these very pairs. So two figures are told: the packaged
model's, and that of models fitted without an ontology, on the pairs with it ("left out"): each ontology is
left out once, and weights and threshold are chosen anew on the pairs without it. The second is what to expect
of ontologies nobody has fitted to.

    AGI_DATA=<folder> python -m bench.transfer [--fit]     --fit writes transfer/matching/model.json anew
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from bench.report import Figure, table

PROMISE = 0.66
MODEL = Path(__file__).resolve().parent.parent / "transfer" / "matching" / "model.json"
THRESHOLDS = [n / 50 for n in range(10, 31)]
_ALIGN = "{http://knowledgeweb.semanticweb.org/heterogeneity/alignment}"
_RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
type Cells = set[tuple[str, str]]


@dataclass
class Case:
    """Two ontologies and what corresponds in them, as pairs of addresses."""

    one: str
    other: str
    concepts: tuple[Any, Any]
    reference: Cells


def cases(folder: Path) -> list[Case]:
    """Every reference alignment with its two ontologies."""
    from transfer.formats import rdf

    files = {path.stem.lower(): path for path in folder.glob("*.owl")}
    read: dict[str, Any] = {name: rdf.read(path.read_bytes(), "xml").concepts for name, path in files.items()}
    found = []
    for path in sorted(folder.glob("*-*.rdf")):
        one, other = path.stem.lower().split("-")
        cells = {
            (cell.find(f"{_ALIGN}entity1").get(_RESOURCE), cell.find(f"{_ALIGN}entity2").get(_RESOURCE))
            for cell in ET.parse(path).iter(f"{_ALIGN}Cell")
        }
        found.append(Case(one, other, (read[one], read[other]), cells))
    return found


def f1(told: Sequence[Cells], wanted: Sequence[Cells]) -> tuple[float, float, float]:
    """Precision, recall and F1 over all pairs together."""
    right = sum(len(a & b) for a, b in zip(told, wanted, strict=True))
    said, there = sum(map(len, told)), sum(map(len, wanted))
    precision, recall = right / max(said, 1), right / max(there, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


# --- Baselines --------------------------------------------------------------------------------------------
def _tokens(name: str) -> list[str]:
    return [piece.lower() for piece in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def one_to_one(case: Case, like: Callable[[str, str], float], least: float) -> Cells:
    """The pairs of one kind that are alike, each concept in one, the most alike first."""
    plain = {"class": 0, "individual": 0}
    scored = sorted(
        (
            (-score, a.iri, b.iri)
            for a in case.concepts[0]
            for b in case.concepts[1]
            if plain.get(a.kind, 1) == plain.get(b.kind, 1) and (score := like(a.name, b.name)) >= least
        ),
    )
    used: set[str] = set()
    found: Cells = set()
    for _score, a, b in scored:
        if not {a, b} & used:
            used |= {a, b}
            found.add((a, b))
    return found


def equal_labels(one: str, other: str) -> float:
    """1 where the names are the same without case and separators."""
    return float(re.sub(r"\W|_", "", one).lower() == re.sub(r"\W|_", "", other).lower())


def token_sets(one: str, other: str) -> float:
    """The share of words in common."""
    a, b = set(_tokens(one)), set(_tokens(other))
    return len(a & b) / len(a | b) if a | b else 0.0


# --- Fitting ----------------------------------------------------------------------------------------------
class Fitted:
    """All cases with their features, computed once."""

    def __init__(self, all_cases: list[Case]) -> None:
        from agi_site.lib import engines
        from transfer.matching.features import Comparison

        self.cases, self.rows, self.pairs = all_cases, [], []
        self.engine = _Remembering(engines.multilingual())
        for case in all_cases:
            compared = Comparison(*case.concepts, self.engine)
            self.pairs.append(compared.pairs)
            self.rows.append(compared.features())

    def cells(self, at: int, confidence: Any, least: float) -> Cells:
        from transfer.matching.match import one_to_one as solve

        one, other = self.cases[at].concepts
        chosen = (self.pairs[at][n] for n in solve(self.pairs[at], confidence, least))
        return {(one[a].iri, other[b].iri) for a, b in chosen}

    def model(self, some: Sequence[int]) -> Any:
        """Weights by maximum likelihood (L2), and the threshold with the best F1, on these cases."""
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        from transfer.matching.match import Model

        rows = np.concatenate([self.rows[at] for at in some])
        wanted = np.concatenate([self._wanted(at) for at in some])
        means, scales = rows.mean(axis=0), rows.std(axis=0) + 1e-9
        fitted = LogisticRegression(C=STRENGTH, max_iter=5000).fit((rows - means) / scales, wanted)
        model = Model(means, scales, fitted.coef_[0], float(fitted.intercept_[0]), 0.5)
        told = {at: model.confidence(self.rows[at]) for at in some}
        best = max(
            THRESHOLDS,
            key=lambda least: f1(
                [self.cells(at, told[at], least) for at in some], [self.cases[at].reference for at in some]
            )[2],
        )
        return Model(means, scales, model.weights, model.intercept, best)

    def told(self, model: Any, some: Sequence[int]) -> list[Cells]:
        return [self.cells(at, model.confidence(self.rows[at]), model.threshold) for at in some]

    def _wanted(self, at: int) -> list[bool]:
        one, other = self.cases[at].concepts
        return [(one[a].iri, other[b].iri) in self.cases[at].reference for a, b in self.pairs[at]]


STRENGTH = 0.1


class _Remembering:
    """The engine, asked once for each text: the same ontology stands in several pairs."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.dimension, self.name = engine, engine.dimension, engine.name
        self._known: dict[str, Any] = {}

    def embed_queries(self, texts: Sequence[str]) -> Any:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= dict(zip(new, self.engine.embed_queries(new), strict=True)) if new else {}
        return np.stack([self._known[text] for text in texts])


def left_out(fitted: Fitted) -> tuple[float, float, float]:
    """Each ontology's pairs by a model that has not seen it; F1 over all of them together."""
    told: list[Cells] = []
    wanted: list[Cells] = []
    for name in sorted({name for case in fitted.cases for name in (case.one, case.other)}):
        test = [at for at, case in enumerate(fitted.cases) if name in (case.one, case.other)]
        model = fitted.model([at for at in range(len(fitted.cases)) if at not in test])
        told += fitted.told(model, test)
        wanted += [fitted.cases[at].reference for at in test]
    return f1(told, wanted)


# --- The run ----------------------------------------------------------------------------------------------
def figures(folder: Path, *, fit: bool = False) -> list[Figure]:
    """F1 of baselines, of the packaged model, and of models that had not seen an ontology."""
    from transfer.matching.match import packaged

    fitted = Fitted(cases(folder))
    everything = range(len(fitted.cases))
    wanted = [case.reference for case in fitted.cases]
    if fit:
        MODEL.write_text(json.dumps(fitted.model(everything).as_json(), indent=1) + "\n")
        packaged.cache_clear()
    equal = f1([one_to_one(case, equal_labels, 1.0) for case in fitted.cases], wanted)
    sets = max(
        (f1([one_to_one(case, token_sets, least) for case in fitted.cases], wanted) for least in THRESHOLDS),
        key=lambda figure: figure[2],
    )
    base = f"{equal[2]:.3f} equal labels, {sets[2]:.3f} token sets"
    return [
        Figure(f"OAEI conference, F1: {name}", _told(value), base, f"{value[2] / sets[2]:.2f} ×", promise)
        for name, value, promise in (
            (
                "mappings before review",
                f1(fitted.told(packaged(), everything), wanted),
                f"at least {PROMISE}",
            ),
            ("ontology left out when fitting", left_out(fitted), f"at least {PROMISE}"),
        )
    ]


def _told(value: tuple[float, float, float]) -> str:
    return f"{value[2]:.3f} (precision {value[0]:.3f}, recall {value[1]:.3f})"


def _folder() -> Path | None:
    data = os.environ.get("AGI_DATA", "")
    folder = Path(data) / "oaei_conference"
    return folder if data and folder.is_dir() else None


def measure() -> list[Figure]:
    """Run in a process of its own."""
    if _folder() is None:
        print("transfer: skipped: no data (AGI_DATA names its folder)")
        return []
    out = subprocess.run(
        [sys.executable, "-m", "bench.transfer", "--json"], capture_output=True, text=True, check=True
    ).stdout
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure with the packaged embedding model."""
    folder = _folder()
    if folder is None:
        print("skipped: no data (AGI_DATA names its folder)")
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"DATA_DIR": place, "DATABASE_URL": f"sqlite:///{place}/bench.sqlite3", "REDIS_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "agi_site.settings"
        import django

        django.setup()
        found = figures(folder, fit="--fit" in sys.argv)
    print(json.dumps([asdict(one) for one in found]) if "--json" in sys.argv else table(found))


if __name__ == "__main__":
    main()
