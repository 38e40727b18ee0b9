"""Perceive: what a message is made of (intent, entities, sentiment, emotion), from one embedding."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from django.db import transaction

from agi_site.lib import engines
from agi_site.lib.engines.base import Analysis, EmbeddingEngine, Vector
from emotions import services as emotions

from ..models import Entity, Intent, Message, Sentiment
from .state import State


def perceive(state: State) -> None:
    """Analyse the question and store what was found, once per message; the vector serves recall as well."""
    with state.stage("perceive"):
        question, embedding = state.question, engines.embedding()
        state.vector = vector = _vector_of(question, embedding)
        state.analysis = found = engines.language().analyse(question.content, vector)
        # Nobody needs the rows before the answer has begun, and a person waits for that.
        state.later.append(lambda: _store(state, question, embedding.name, vector, found))


def _vector_of(question: Message, embedding: EmbeddingEngine) -> Vector:
    """The query embedding of the message, made now unless this engine has made it before."""
    if question.embedding and question.embedding_model == embedding.name:
        return np.frombuffer(bytes(question.embedding), "<f4").astype(np.float32)
    vector: Vector = embedding.embed_queries([question.content])[0]
    return vector


@transaction.atomic
def _store(state: State, question: Message, engine: str, vector: Vector, found: Analysis) -> None:
    """Write down what was found, unless an earlier answer to the same message did."""
    seen_before = question.embedding_model is not None
    if question.embedding_model != engine:
        question.embedding, question.embedding_model = np.asarray(vector, "<f4").tobytes(), engine
        question.save(update_fields=["embedding", "embedding_model"])
    if seen_before:
        return
    Intent.objects.bulk_create(
        Intent(message=question, name=name[:100], confidence=_four(confidence))
        for name, confidence in found.intents
    )
    Entity.objects.bulk_create(
        Entity(
            message=question,
            name=entity.name[:100],
            value=entity.value[:255],
            type=entity.type[:50],
            start_pos=entity.start,
            end_pos=entity.end,
        )
        for entity in found.entities
    )
    Sentiment.objects.create(
        message=question, score=_four(found.sentiment_score), label=found.sentiment_label
    )
    emotions.record(user=state.user, target_type="message", target_id=question.pk, analysis=found)


def _four(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")
