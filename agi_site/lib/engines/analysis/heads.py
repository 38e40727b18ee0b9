"""Linear heads over sentence vectors: trained from the shipped sentences, kept as .npz (never as pickles)."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agi_site.lib.engines.base import EmbeddingEngine, Matrix, Vector
from agi_site.lib.engines.embeddings import HashedEmbedding

logger = logging.getLogger(__name__)

DATA = Path(__file__).parent / "data"
HEADS = ("intents", "sentiment", "emotions")
VERSION = "2"  # raise it when the features or the recipe below change

_FEELING = {
    "joy": "positive", "love": "positive",
    "sadness": "negative", "anger": "negative", "fear": "negative",
    "disgust": "negative", "neutral": "neutral",
    "praise": "positive", "thanks": "positive", "complaint": "negative",
}  # fmt: skip
_PLAIN_INTENTS = {
    "question", "search_knowledge", "calculate", "ask_time", "recall_memory", "create_plan", "run_code",
    "create_work",
    "set_preference", "ask_capabilities", "ask_help", "greeting", "goodbye",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled sentence of the shipped data."""

    text: str
    label: str
    language: str


@dataclass(frozen=True, slots=True)
class Head:
    """softmax(features @ weights + bias) over labels; `weights` has shape (features, labels)."""

    labels: tuple[str, ...]
    weights: Matrix
    bias: Vector

    def probabilities(self, features: Vector) -> dict[str, float]:
        """Probability per label, best first."""
        logits = features @ self.weights + self.bias
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        order = np.argsort(-odds)
        return {self.labels[at]: float(odds[at]) for at in order}


class Features:
    """A sentence vector, centred and scaled on the training sentences, beside hashed letter n-grams of the
    text.

    E5's vectors all point much the same way; without centring, a linear head learns mostly that direction.
    The n-grams add what the vector blurs: endings, function words, exclamations.
    """

    def __init__(self, mean: Vector, scale: float) -> None:
        self.mean = mean
        self.scale = scale
        self._hashed = HashedEmbedding(2048)

    def __call__(self, texts: Sequence[str], vectors: Matrix) -> Matrix:
        dense = (vectors - self.mean) * self.scale
        return np.hstack([dense, self._hashed.embed_documents(texts)]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Heads:
    """The three trained heads and the features they read."""

    features: Features
    intents: Head
    sentiment: Head
    emotions: Head


def read_rows(name: str) -> list[Row]:
    """The shipped sentences of one file."""
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Row(**json.loads(line)) for line in lines if line.strip()]


def training_rows(name: str) -> list[Row]:
    """The sentences a head learns from: its own file, and rows of others whose label says the same."""
    rows = read_rows(name)
    if name == "intents":
        return rows
    plain = [
        Row(row.text, "neutral", row.language)
        for at, row in enumerate(read_rows("intents"))
        if row.label in _PLAIN_INTENTS and at % 5 == 0
    ]
    if name == "sentiment":
        others = read_rows("emotions") + [row for row in read_rows("intents") if row.label in _FEELING]
        rows += [Row(r.text, _FEELING[r.label], r.language) for r in others if r.label in _FEELING]
    return rows + plain


def fingerprint(engine_name: str) -> str:
    """Changes with the sentences, the recipe or the embedding engine."""
    digest = hashlib.sha256(f"{VERSION}|{engine_name}".encode())
    for name in HEADS:
        digest.update((DATA / f"{name}.jsonl").read_bytes())
    return digest.hexdigest()[:16]


def train(embedding: EmbeddingEngine) -> Heads:
    """Train all heads: a few seconds, most of it embedding about 1,600 sentences."""
    rows = {name: training_rows(name) for name in HEADS}
    texts = sorted({row.text for group in rows.values() for row in group})
    vectors = embedding.embed_queries(texts)
    at = {text: number for number, text in enumerate(texts)}
    mean = vectors.mean(0)
    scale = 4.0 / (float((vectors - mean).std()) * vectors.shape[1] ** 0.5)
    features = Features(mean, scale)
    trained = {}
    for name, group in rows.items():
        chosen = vectors[[at[row.text] for row in group]]
        trained[name] = _fit(features([row.text for row in group], chosen), [row.label for row in group])
    return Heads(features, **trained)


def _fit(features: Matrix, labels: Sequence[str]) -> Head:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=500, class_weight="balanced")
    model.fit(features, list(labels))
    weights: npt.NDArray[np.float64] = model.coef_.T
    return Head(
        tuple(str(label) for label in model.classes_), weights.astype("f4"), model.intercept_.astype("f4")
    )


def save(heads: Heads, path: Path) -> None:
    """Write the heads; readers see the old file or the new one, never half of it."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "mean": heads.features.mean,
        "scale": np.array(heads.features.scale),
    }
    for name in HEADS:
        head: Head = getattr(heads, name)
        arrays |= {
            f"{name}_labels": np.array(head.labels),
            f"{name}_weights": head.weights,
            f"{name}_bias": head.bias,
        }
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    Path(temporary).replace(path)


def load(path: Path) -> Heads:
    """Read heads written by `save`; raises OSError, ValueError or KeyError when the file is not such a
    one.
    """
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        heads = {
            name: Head(tuple(map(str, file[f"{name}_labels"])), file[f"{name}_weights"], file[f"{name}_bias"])
            for name in HEADS
        }
        return Heads(Features(file["mean"], float(file["scale"])), **heads)


_lock = threading.Lock()


def load_or_train(embedding: EmbeddingEngine, directory: Path) -> Heads:
    """The heads for this embedding engine from `directory`, trained and stored there when missing or
    damaged.
    """
    path = directory / f"language-{fingerprint(embedding.name)}.npz"
    with _lock:
        try:
            return load(path)
        except FileNotFoundError:
            logger.info("Training the language heads for %s.", embedding.name)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            logger.warning("The stored language heads cannot be read; training them again.")
        heads = train(embedding)
        save(heads, path)
        return heads
