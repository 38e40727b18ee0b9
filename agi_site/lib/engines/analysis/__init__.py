"""The offline language engine: linear heads for intent, sentiment and emotion, rules for language and
entities.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

from agi_site.lib.engines import config
from agi_site.lib.engines.analysis.entities import find_entities
from agi_site.lib.engines.analysis.heads import Heads, load_or_train
from agi_site.lib.engines.base import Analysis, EmbeddingEngine, Vector

__all__ = ["OfflineLanguage", "language_of"]

_HANGUL = re.compile(r"[\uac00-\ud7a3\u3131-\u318e\u1100-\u11ff]")
_LATIN = re.compile(r"[A-Za-z]")
# Code and addresses are in nobody's language: who shows them speaks by the words around them.
_UNSPOKEN = re.compile(r"(`{3,}|~{3,}).*?(?:\1|\Z)|`[^`\n]+`|https?://\S+", re.DOTALL)
_LOUD = re.compile(r"!|[A-Z]{4,}|ㅠ|ㅜ|정말|너무|진짜|매우|엄청|so |very |really |extremely ")
READ_CHARACTERS = 2_000


def language_of(text: str) -> str:
    """ "ko" when at least a fifth of the letters are Hangul (a Hangul syllable says more than a Latin
    letter), "en" for other Latin text, "und" when there is too little of either. Code and addresses count
    only where there is nothing else."""
    said = _by_letters(_UNSPOKEN.sub(" ", text))
    return _by_letters(text) if said == "und" else said


def _by_letters(text: str) -> str:
    hangul, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    if hangul and hangul * 4 >= latin:
        return "ko"
    return "en" if latin else "und"


class OfflineLanguage:
    """Analyses a message in this process. The heads are read, or trained once, at the first message.

    Only the first 2,000 characters of a longer text are read.
    """

    def __init__(self, *, embedding: EmbeddingEngine, directory: Path | None = None) -> None:
        self.name = f"offline/{embedding.name}"
        self._embedding = embedding
        self._directory = directory
        self._heads: Heads | None = None
        self._lock = threading.Lock()

    def prepare(self) -> Heads:
        """Read the heads, training them when they are missing (seconds; set-up calls this)."""
        with self._lock:
            if self._heads is None:
                self._heads = load_or_train(self._embedding, self._directory or config.models_dir())
            return self._heads

    def analyse(self, text: str, vector: Vector | None = None) -> Analysis:
        """Analyse one message; `vector` is its query embedding by the same engine."""
        heads = self._heads or self.prepare()
        text = text[:READ_CHARACTERS]
        if not text.strip():
            return Analysis("und", [], [], 0.0, "neutral", {"neutral": 1.0}, "neutral", 0.0)
        if vector is None or vector.shape != heads.features.mean.shape:
            vector = self._embedding.embed_queries([text])[0]
        features = heads.features([text], vector.reshape(1, -1))[0]
        sentiment = heads.sentiment.probabilities(features)
        emotions = heads.emotions.probabilities(features)
        dominant = next(iter(emotions))
        loud = min(len(_LOUD.findall(text)), 3) * 0.1
        felt = 1.0 - emotions["neutral"]
        return Analysis(
            language=language_of(text),
            intents=[
                (name, round(score, 4)) for name, score in heads.intents.probabilities(features).items()
            ][:5],
            entities=find_entities(text),
            sentiment_score=round(sentiment["positive"] - sentiment["negative"], 4),
            sentiment_label=next(iter(sentiment)),
            emotions={name: round(score, 4) for name, score in emotions.items()},
            dominant_emotion=dominant,
            intensity=round(min(1.0, felt * (0.7 + loud)), 4)
            if dominant != "neutral"
            else round(felt * 0.3, 4),
        )
