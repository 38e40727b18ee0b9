"""How alike two concepts of two domains are, in parts: names, meaning, structure, attributes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from math import log

import numpy as np
import numpy.typing as npt

from agi_site.lib.engines.base import EmbeddingEngine, Matrix

from ..concepts import Concept
from .names import Words, acronyms, alike, expanded, joined, plain, synonyms, words_of

type Pair = tuple[int, int]
type Rows = npt.NDArray[np.float64]
type Stop = Callable[[], None]

# What a pair is judged by, each in [0, 1] but `meaning`. The flags say where a part could be measured at all.
FEATURES = (
    "label",  # the names are the same but for order, case, separators, endings
    "words",  # weighted share of words in common, synonyms and spellings included
    "spelling",  # how alike the names are spelled
    "head",  # the last words mean the same
    "meaning",  # cosine of the names' vectors, over what is usual near either of them
    "parents",
    "children",
    "attributes",  # what belongs to the classes
    "ends",  # where relations begin and lead
    "same_kind",
    "is_class",
    "has_parents",
    "has_children",
    "has_attributes",
    "has_ends",
)
NEAREST = 10  # candidates by meaning, of each concept
USUAL = 5  # how many of the nearest say what is usual
BATCH = 32


@dataclass(frozen=True, slots=True)
class Side:
    """One domain prepared for comparison: concepts, the words of all their names, and who is next to whom."""

    concepts: Sequence[Concept]
    words: list[list[Words]]
    next_to: dict[str, list[list[int]]] = field(default_factory=dict)


def prepare(source: Sequence[Concept], target: Sequence[Concept]) -> tuple[Side, Side]:
    """Both domains, the acronyms in each spelled out by what either of them says."""
    short = acronyms(name for c in (*source, *target) for name in (c.name, *c.labels))
    return _side(source, short), _side(target, short)


def _side(concepts: Sequence[Concept], short: dict[str, Words]) -> Side:
    words = []
    for concept in concepts:
        names = dict.fromkeys(
            expanded(words_of(name), short) for name in (concept.name, *concept.labels[:10])
        )
        words.append([name for name in names if name] or [(concept.name.lower(),)])
    places = {concept.name: at for at, concept in enumerate(concepts)}

    def ends(at: int, kinds: Iterable[str]) -> list[int]:
        return [places[name] for kind in kinds for name in concepts[at].targets(kind) if name in places]

    parents = [ends(at, ("is_a", "part_of", "instance_of")) for at in range(len(concepts))]
    children: list[list[int]] = [[] for _ in concepts]
    attributes: list[list[int]] = [[] for _ in concepts]
    for at in range(len(concepts)):
        for other in parents[at]:
            children[other].append(at)
        for other in ends(at, ("domain",)):
            attributes[other].append(at)
    return Side(
        concepts,
        words,
        {
            "parents": parents,
            "children": children,
            "attributes": attributes,
            "domain": [ends(at, ("domain",)) for at in range(len(concepts))],
            "range": [ends(at, ("range",)) for at in range(len(concepts))],
        },
    )


class Comparison:
    """Two domains side by side: which pairs are worth a look, and the features of each."""

    def __init__(
        self,
        source: Sequence[Concept],
        target: Sequence[Concept],
        engine: EmbeddingEngine,
        stop: Stop = lambda: None,
    ) -> None:
        self.source, self.target = prepare(source, target)
        self.stop = stop
        self._weights = _weights((self.source, self.target))
        self._overlaps: dict[Pair, float] = {}
        self._vectors = (_embedded(source, engine, stop), _embedded(target, engine, stop))
        self._usual, near = _nearest(*self._vectors)
        self.pairs = sorted(pair for pair in near | self._sharing() if self._fit(*pair))

    def _fit(self, one: int, other: int) -> bool:
        """Classes and individuals go together, relations and attributes do."""
        things = ("class", "individual")
        return (self.source.concepts[one].kind in things) == (self.target.concepts[other].kind in things)

    def _sharing(self) -> set[Pair]:
        """Pairs whose names share a word, synonyms included; a word that most names hold does not count."""
        holders: dict[str, list[int]] = defaultdict(list)
        for at, names in enumerate(self.target.words):
            for word in {word for name in names for word in name}:
                holders[word].append(at)
        most = max(50, len(self.target.words) // 5)
        found: set[Pair] = set()
        for one, names in enumerate(self.source.words):
            for word in {word for name in names for word in name}:
                like = [word] if word in holders else []
                like += [other for other in holders if other != word and synonyms(word, other)]
                for other_word in like:
                    if len(holders[other_word]) <= most:
                        found |= {(one, other) for other in holders[other_word]}
        return found

    # --- Features ------------------------------------------------------------------------------------------
    def features(self) -> Rows:
        """One row a pair, in the order of `pairs`, one column a feature."""
        rows = np.zeros((len(self.pairs), len(FEATURES)))
        for at, (one, other) in enumerate(self.pairs):
            if at % 2000 == 0:
                self.stop()
            rows[at] = self._row(one, other)
        return rows

    def _row(self, one: int, other: int) -> list[float]:
        names = [(x, y) for x in self.source.words[one] for y in self.target.words[other]]
        label = max(float(sorted(x) == sorted(y) or joined(x) == joined(y)) for x, y in names)
        spelling = max(
            SequenceMatcher(None, joined(x), joined(y), autojunk=False).ratio() for x, y in names[:16]
        )
        head = max(alike(x[-1], y[-1]) for x, y in names[:16])
        structure = {kind: self._around(kind, one, other) for kind in ("parents", "children", "attributes")}
        ends = [self._around(kind, one, other) for kind in ("domain", "range")]
        known = [value for value in ends if value is not None]
        structure["ends"] = sum(known) / len(known) if known else None
        kinds = self.source.concepts[one].kind, self.target.concepts[other].kind
        cosine = float(self._vectors[0][one] @ self._vectors[1][other])
        meaning = 10 * (2 * cosine - self._usual[0][one] - self._usual[1][other])
        return [
            label,
            self.overlap(one, other),
            spelling,
            head,
            meaning,
            *(value or 0.0 for value in structure.values()),
            float(kinds[0] == kinds[1]),
            float(kinds[0] == kinds[1] == "class"),
            *(float(value is not None) for value in structure.values()),
        ]

    def overlap(self, one: int, other: int) -> float:
        """The weighted share of words that the names have in common (Dice), 0 to 1; remembered."""
        pair = (one, other)
        if pair not in self._overlaps:
            names = [(x, y) for x in self.source.words[one] for y in self.target.words[other]]
            self._overlaps[pair] = max(soft_overlap(x, y, self._weights) for x, y in names)
        return self._overlaps[pair]

    def _around(self, kind: str, one: int, other: int) -> float | None:
        """How well the neighbours of one kind fit each other; None where one of the two has none."""
        ours, theirs = self.source.next_to[kind][one][:30], self.target.next_to[kind][other][:30]
        if not ours or not theirs:
            return None
        grid = np.array([[self.overlap(x, y) for y in theirs] for x in ours])
        return float(grid.max(axis=1).mean() + grid.max(axis=0).mean()) / 2


def soft_overlap(one: Words, other: Words, weight: Callable[[str], float]) -> float:
    """The weighted share of words in common, synonyms and near spellings counting by how alike they are."""
    if one == other:
        return 1.0
    if synonyms(" ".join(one), " ".join(other)):
        return 0.95
    total = sum(map(weight, one)) + sum(map(weight, other))
    left, shared = list(other), 0.0
    for word in one:
        best = max(left, key=lambda o: alike(word, o), default=None)
        if best is None or not (share := alike(word, best)):
            continue
        left.remove(best)
        shared += share * (weight(word) + weight(best))
    return shared / total if total else 0.0


def _weights(sides: Iterable[Side]) -> Callable[[str], float]:
    """How much a word says: the rarer among the names of both domains, the more."""
    count: Counter[str] = Counter()
    total = 0
    for side in sides:
        total += len(side.concepts)
        count.update(word for names in side.words for word in set(names[0]))
    return lambda word: log(1 + total / (1 + count[word]))


def _embedded(concepts: Sequence[Concept], engine: EmbeddingEngine, stop: Stop) -> Matrix:
    texts = [plain(concept.name) for concept in concepts]
    rows = []
    for at in range(0, len(texts), BATCH):
        stop()
        batch = texts[at : at + BATCH]
        rows += list(engine.embed_queries(batch))
    return np.stack(rows) if rows else np.zeros((0, engine.dimension), np.float32)


def _nearest(one: Matrix, other: Matrix) -> tuple[tuple[Rows, Rows], set[Pair]]:
    """What cosine is usual near each row, in both directions, and the pairs of nearest rows."""
    usual, pairs = [], set()
    for ours, theirs, turned in ((one, other, False), (other, one, True)):
        means = np.zeros(len(ours))
        for at in range(0, len(ours), 1000):
            cosines = ours[at : at + 1000] @ theirs.T
            count = min(NEAREST, cosines.shape[1])
            if not count:
                continue
            best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
            top = -np.sort(-np.take_along_axis(cosines, best, axis=1), axis=1)
            means[at : at + 1000] = top[:, :USUAL].mean(axis=1)
            for row, columns in enumerate(best, at):
                pairs |= {(int(c), row) if turned else (row, int(c)) for c in columns}
        usual.append(means)
    return (usual[0], usual[1]), pairs
