"""BM25 with additions: words side by side, Korean spans, long Korean rows, feedback from the best rows."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from .terms import terms

K1, B = 1.2, 0.75
# BM25 lets a word in a long row count for less and less, so that a short row with half of the query stands
# before a long one that has all of it. So to hold a term at all is worth this much more (BM25+, Lv & Zhai
# 2011). For Hangul only: English gains nothing by it, and feedback would bring in too much.
HELD = 1.0
# Two words of the query side by side in the row, too: worth this share of a term as rare as the two.
# Korean has spans for that.
SIDE_BY_SIDE = 0.4
# Korean writes compounds with spaces and without, and a bigram says little. So the best rows are ranked again
# by the query's spans of three characters, over stems and without spaces, at this share of a term as rare
# among these rows.
SPAN, SPAN_SHARE, MOST_SPANS = 3, 0.6, 64
# Feedback (RM3, Abdul-Jaleel et al. 2004): where the best rows answer about equally well, the query is about
# a topic, and words that these rows share find more of it. Where one stands out, it is the answer, and its
# words would only lead away. So the share of the new words grows from 0 to FEEDBACK_SHARE as the mean score
# of the second to fifth row, over that of the first, goes from FEEDBACK_FROM to FEEDBACK_FULL. None for
# queries of Hangul bigrams.
FEEDBACK_ROWS, FEEDBACK_TERMS = 5, 30
FEEDBACK_SHARE, FEEDBACK_FROM, FEEDBACK_FULL = 0.5, 0.7, 0.9
RANKED_AGAIN = 200
LONG = 2  # times the usual length


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that was looked up: its key, its terms in order, and its score."""

    key: Any
    terms: list[str]
    length: int
    score: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Scorer:
    """The query: what each term weighs, which pairs stand side by side, and other forms of its terms."""

    weights: Mapping[str, float]
    average_length: float
    pairs: Mapping[tuple[str, str], float]
    prefix: str = ""
    forms: Mapping[str, str] = field(default_factory=dict)

    def scored(self, row: Candidate) -> Candidate:
        """The row with its score, and with the share of the most that terms alone could give."""
        counts, near = self._counted(row.terms)
        norm = _norm(row.length, self.average_length)
        score = sum(
            self.weights[term] * (_grown(count, norm) + (0.0 if term[0].isascii() else HELD))
            for term, count in counts.items()
        )
        beside = sum(self.pairs[pair] * _grown(count, norm) for pair, count in near.items())
        return replace(row, score=score + beside, share=self._share(counts, row.length))

    def share_written(self, row: Candidate, text: str) -> float:
        """The row's share where words of the query stand in `text`, its joined stems, as parts of others.

        "출입카드" is as good as found where "출입 카드" stands, and "민준" where "김민준" does.
        """
        stems = [term[:-2] for term in self.weights if _is_stem(term) and term[:-2] in text]
        if not stems:
            return row.share
        counts, _near = self._counted(row.terms)
        for term in {part for stem in stems for part in (f"{stem}__", *terms(stem))} & self.weights.keys():
            counts[term] = max(1, counts[term])
        return max(row.share, self._share(counts, row.length))

    def _share(self, counts: Mapping[str, int], length: int) -> float:
        """How much of the query such a row holds. What is very long holds a word no less for that."""
        norm = _norm(min(length, LONG * self.average_length), self.average_length)
        held = sum(self.weights[term] * _grown(count, norm) for term, count in counts.items())
        asked = sum(weight for term, weight in self.weights.items() if term != self.prefix)
        return min(1.0, held / ((K1 + 1) * (asked or self.weights[self.prefix])))

    def _counted(self, held: Sequence[str]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        counts: Counter[str] = Counter()
        near: Counter[tuple[str, str]] = Counter()
        before = ""
        for said in held:
            term = self.forms.get(said, said)
            if term in self.weights:
                counts[term] += 1
                if (before, term) in self.pairs:
                    near[before, term] += 1
            before = term
        if self.prefix and (starting := sum(map(self._starts, set(held)))):
            counts[self.prefix] = starting
        return counts, near

    def _starts(self, term: str) -> bool:
        return term.startswith(self.prefix) and term not in self.weights


def _is_stem(term: str) -> bool:
    return term.endswith("__") and not term[0].isascii()


def _norm(length: float, average: float) -> float:
    return K1 * (1 - B + B * length / average)


def _grown(count: int, norm: float) -> float:
    return count * (K1 + 1) / (count + norm)


def side_by_side(said: Sequence[str], weights: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """What the query's neighbouring terms weigh as pairs."""
    return {
        (one, other): SIDE_BY_SIDE * (weights[one] + weights[other]) / 2
        for one, other in pairwise(said)
        if one in weights and other in weights and one[0].isascii() and other[0].isascii()
    }


def with_spans(found: Sequence[Candidate], said: Sequence[str], scorer: Scorer) -> list[Candidate]:
    """The rows, best first, ranked again by the spans of the query, whose terms are `said`."""
    if all(term[0].isascii() for term in said):
        return list(found)
    text = _joined(said)
    spans = [text[at : at + SPAN] for at in range(len(text) - SPAN + 1)]
    spans = [span for span in dict.fromkeys(spans) if not span.isascii()][:MOST_SPANS]
    again, rest = found[:RANKED_AGAIN], found[RANKED_AGAIN:]
    texts = [_joined(row.terms) for row in again]
    counts = [[held.count(span) for span in spans] for held in texts]
    rarities = [rarity(len(again), len(again) - held.count(0)) for held in zip(*counts, strict=True)]
    added = []
    for row, whole, held in zip(again, texts, counts, strict=True):
        norm = _norm(row.length, scorer.average_length)
        more = sum(
            weight * (HELD + _grown(count, norm))
            for weight, count in zip(rarities, held, strict=True)
            if count
        )
        share = scorer.share_written(row, whole)
        added.append(replace(row, score=row.score + SPAN_SHARE * more, share=share))
    return best_first(added) + list(rest)


def _joined(held: Sequence[str]) -> str:
    """The stems of a text one after the other: those of Hangul words end in "__", other words are ASCII."""
    return "".join(term.rstrip("_") for term in held if term.endswith("__") or term[0].isascii())


def best_first(rows: Iterable[Candidate]) -> list[Candidate]:
    """The rows by their scores; equally good ones in order of their keys."""
    return sorted(rows, key=lambda row: (-row.score, str(row.key)))


def rarity(rows: int, holding: int) -> float:
    """BM25's inverse document frequency of what `holding` of `rows` rows hold; always above 0."""
    return math.log(1 + (rows - holding + 0.5) / (holding + 0.5))


def with_feedback(
    found: Sequence[Candidate], scorer: Scorer, weight: Callable[[str], float]
) -> Sequence[Candidate]:
    """The rows, best first, ranked again with what the best of them have in common; `found` is best first.

    `weight` gives a term's inverse document frequency. The shares stay those of the query as it was asked.
    """
    share = _share_of_feedback([row.score for row in found[:FEEDBACK_ROWS]])
    if not share or _in_bigrams(scorer.weights):
        return found
    added = _in_common(found[:FEEDBACK_ROWS], weight)
    asked = len(scorer.weights)
    weights = {term: (1 - share) * kept for term, kept in scorer.weights.items()}
    for term, part in added.items():
        weights[term] = weights.get(term, 0.0) + share * asked * part * weight(term)
    pairs = {pair: (1 - share) * kept for pair, kept in scorer.pairs.items()}
    anew = replace(scorer, weights=weights, pairs=pairs)
    again = [replace(row, score=anew.scored(row).score) for row in found[:RANKED_AGAIN]]
    # The rest keep their order behind: brought to the scale of those ranked again.
    least = min(row.score for row in again)
    top = found[len(again) - 1].score or 1.0
    return [*again, *(replace(row, score=least * row.score / top) for row in found[RANKED_AGAIN:])]


def _in_bigrams(asked: Collection[str]) -> bool:
    """Whether a query is mostly Hangul bigrams: of those, rows share endings more often than a topic."""
    return 2 * sum(term[0].isascii() for term in asked) < len(asked)


def _share_of_feedback(scores: Sequence[float]) -> float:
    if len(scores) < FEEDBACK_ROWS or scores[0] <= 0:
        return 0.0
    alike = sum(scores[1:]) / (len(scores) - 1) / scores[0]
    return FEEDBACK_SHARE * min(1.0, max(0.0, (alike - FEEDBACK_FROM) / (FEEDBACK_FULL - FEEDBACK_FROM)))


def _in_common(rows: Sequence[Candidate], weight: Callable[[str], float]) -> dict[str, float]:
    """The terms of at least two of these rows that say most about them, with parts that sum to 1."""
    total = sum(row.score for row in rows)
    said: dict[str, float] = {}
    holding: Counter[str] = Counter()
    for row in rows:
        counts = Counter(row.terms)
        holding.update(counts.keys())
        for term, count in counts.items():
            said[term] = said.get(term, 0.0) + row.score / total * count / max(1, row.length)
    said = {term: part * weight(term) for term, part in said.items() if holding[term] > 1}
    best = sorted(said.items(), key=lambda one: (-one[1], one[0]))[:FEEDBACK_TERMS]
    whole = sum(part for _term, part in best) or 1.0
    return {term: part / whole for term, part in best}
