"""Finds the sentences of the recalled passages that answer a question, and how well they are supported."""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agi_site.lib.engines.base import EmbeddingEngine, Matrix, Passage, Vector
from agi_site.lib.engines.guide import asking
from agi_site.lib.engines.guide.people import of_somebody_else
from agi_site.lib.engines.guide.words import content_words, overlap, sentences

_HANGUL = re.compile("[가-힣]")
CACHED_ROWS = 6_000
MOST_SENTENCES = 80


class RowCache:
    """Document vectors by text, the newest 6,000 (about 9 MB), so that a passage recalled again costs
    nothing.
    """

    def __init__(self, embedding: EmbeddingEngine) -> None:
        self._embedding = embedding
        self._rows: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, texts: Sequence[str]) -> Matrix:
        """One row per text, in order."""
        with self._lock:
            missing = list(dict.fromkeys(text for text in texts if text not in self._rows))
        if missing:
            fresh = self._embedding.embed_documents(missing)
            with self._lock:
                self._rows.update(zip(missing, fresh, strict=True))
        with self._lock:
            found = [self._rows[text] for text in texts]
            for text in texts:
                self._rows.move_to_end(text)
            while len(self._rows) > CACHED_ROWS:
                self._rows.popitem(last=False)
        return np.stack(found)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence as an answer to a question, with what speaks for it.

    `rank` orders sentences; `support` is the probability that it answers. `near` is the similarity to the
    question, `words` the share of the question's words spelled in it, `fit` whether it holds the kind of
    thing asked for, `lead` how far it is ahead of the next. `gain` and `drift`: most and mean nearness won
    by leaving one word of the question out; a gain means that the sentence does not speak of that word.
    `across`: question and sentence are in two languages.
    """

    passage: Passage
    sentence: str
    place: int
    near: float
    passage_near: float
    words: float
    passage_words: float
    fit: float
    rank: float
    across: bool = False
    lead: float = 1.0
    gain: float = 0.0
    drift: float = 0.0
    support: float = 0.0


class Finder:
    """Scores every sentence of the passages against a question."""

    def __init__(self, embedding: EmbeddingEngine) -> None:
        self._embedding = embedding
        self._cache = RowCache(embedding)
        self._e5 = "e5" in embedding.name

    def find(
        self, question: str, vector: Vector, passages: Sequence[Passage], *, before: str = ""
    ) -> list[Evidence]:
        """Evidence for the question, best first; empty when there are no passages.

        `before` is what a question that cannot stand alone follows on; `vector` is then of both together.
        """
        asked_for, question = question, f"{before} {question}".strip()
        places = [(p, at, text) for p in passages for at, text in enumerate(sentences(p.content))][
            :MOST_SENTENCES
        ]
        if not places:
            return []
        kind = asking.kind_of(asked_for)
        asked = content_words(question)
        near = self._cache.rows([_in_context(p, text) for p, _, text in places]) @ vector
        wholes = {p.number: f"{p.title}\n{p.content}" for p in passages}
        whole_near = dict(zip(wholes, self._cache.rows(list(wholes.values())) @ vector, strict=True))
        words = {number: content_words(text) for number, text in wholes.items()}
        found = []
        for (passage, at, text), similarity in zip(places, near, strict=True):
            own = content_words(f"{passage.title} {text}")
            fit = _fit(question, asked_for, kind, passage, text)
            found.append(
                Evidence(
                    passage,
                    text,
                    at,
                    near=float(similarity),
                    passage_near=float(whole_near[passage.number]),
                    words=_words(kind, passage, fit, _share(asked, own)),
                    passage_words=_share(asked, words[passage.number]),
                    fit=fit,
                    rank=0.0,
                    across=bool(_HANGUL.search(question)) != bool(_HANGUL.search(text)),
                )
            )
        ranked = sorted((replace(item, rank=_rank(item)) for item in found), key=lambda item: -item.rank)
        second = ranked[1].rank if len(ranked) > 1 else ranked[0].rank - 1
        best = replace(ranked[0], lead=ranked[0].rank - second)
        return [self._probed(question, best), *ranked[1:]]

    def _probed(self, question: str, item: Evidence) -> Evidence:
        """Leave each content word out of the question in turn: a word the sentence answers to costs
        nearness.
        """
        tokens = question.split()
        chosen = [at for at, token in enumerate(tokens) if content_words(token)][:8]
        if len(chosen) < 2:
            return replace(item, support=_support(item, e5=self._e5))
        shorter = [" ".join(tokens[:at] + tokens[at + 1 :]) for at in chosen]
        row = self._cache.rows([_in_context(item.passage, item.sentence)])[0]
        change = self._embedding.embed_queries(shorter) @ row - item.near
        item = replace(item, gain=float(change.max()), drift=float(change.mean()))
        return replace(item, support=_support(item, e5=self._e5))


def _in_context(passage: Passage, sentence: str) -> str:
    """The sentence as it is embedded: behind its title, which tells what a pronoun stands for."""
    return f"{passage.title}: {sentence}" if passage.title else sentence


def _fit(question: str, asked_for: str, kind: str, passage: Passage, sentence: str) -> float:
    context = f"{passage.title}\n{passage.content}"
    if asking.contradicts(question, f"{passage.title} {sentence}", context):
        return -1.0
    if asking.is_other_row(content_words(question), sentence):
        return -1.0
    if passage.kind == "knowledge" and asking.is_personal(question):
        return -1.0
    if passage.kind == "memory" and (
        of_somebody_else(question, sentence) or asking.is_past(asked_for, sentence)
    ):
        return -1.0
    return asking.fit(asked_for, kind, sentence)


def _words(kind: str, passage: Passage, fit: float, share: float) -> float:
    """The share of words; of an age or a job nobody tells in the words in which it is asked for."""
    told = kind in ("age", "job") and passage.kind == "memory" and fit > 0
    return max(share, 0.9) if told else share


def _share(asked: Sequence[str], held: Sequence[str]) -> float:
    """The share of the asked words that are spelled among the held ones; 0 when nothing is asked."""
    return sum(overlap(word, held) for word in asked) / len(asked) if asked else 0.0


def _rank(item: Evidence) -> float:
    """The order of sentences: nearness first, then shared words and whether the kind of thing asked for is
    there.
    """
    near = 10 * item.near + 4 * item.passage_near + (14 * _ACROSS if item.across else 0)
    return near + item.words + 0.3 * item.passage_words + 0.6 * item.fit


def features(item: Evidence) -> Vector:
    """What the support classifier reads, shape (8,)."""
    near, words = np.array([item.near, item.passage_near]), np.array([item.words, item.passage_words])
    if item.across:
        near, words = near + _ACROSS, np.maximum(words, _MEAN[2:4])
    full = 1.0 if item.words > 0.95 else 0.0
    return np.array([*near, *words, full, min(item.lead, 1.5), item.gain, item.drift], np.float32)


# Logistic regression on `features`, fitted by bench/guide_eval.py --fit on the even-numbered development
# questions and the same questions with their answering sentence taken away.
_MEAN = np.array([0.8535, 0.8535, 0.4042, 0.4232, 0.0560, 0.5445, 0.0091, -0.0084])
_SCALE = np.array([0.0314, 0.0306, 0.2577, 0.2589, 0.2299, 0.4685, 0.0116, 0.0105])
_WEIGHTS = np.array([2.5143, -0.2791, 0.3120, 0.2525, 0.8750, 0.5650, -0.0861, -0.3773])
_BIAS = -0.2044
# The knee of right answers against refusals on the same half.
SUPPORTED = 0.4
# E5 puts texts of two languages further apart than texts of one that say the same; measured on
# bench/guide_questions.
_ACROSS = 0.05


def _support(item: Evidence, *, e5: bool) -> float:
    """Probability that the sentence answers the question; 0 when it lacks the kind of thing asked for.

    The fitted weights hold for E5's similarities alone; with another embedding engine only shared words
    decide.
    """
    if item.fit < 0:
        return 0.0
    if not e5:
        logit = 8 * (0.7 * item.words + 0.3 * item.passage_words) - 4.5 + 0.5 * min(item.lead, 1.0)
        return 1.0 / (1.0 + math.exp(-logit))
    logit = float(((features(item) - _MEAN) / _SCALE) @ _WEIGHTS + _BIAS)
    return 1.0 / (1.0 + math.exp(-logit))
