"""Perceive: what a message is made of (intent, entities, sentiment, emotion), from one embedding."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from django.db import transaction

from agi_site.lib import engines
from agi_site.lib.engines.base import Analysis, EmbeddingEngine, Vector

from ..models import Entity, Intent, Message, Sentiment
from .state import State


def perceive(state: State) -> None:
    """Analyse the question and store what was found, once per message; the vector serves recall as well."""
    with state.stage("perceive"):
        question, embedding = state.question, engines.embedding()
        seen_before = question.embedding_model is not None
        vector, fresh = _vector_of(question, embedding)
        state.vector = vector
        state.analysis = engines.language().analyse(question.content, vector)
        with transaction.atomic():
            if fresh:
                question.embedding = np.asarray(vector, "<f4").tobytes()
                question.embedding_model = embedding.name
                question.save(update_fields=["embedding", "embedding_model"])
            if not seen_before:
                _store(state, question, state.analysis)


def _vector_of(question: Message, embedding: EmbeddingEngine) -> tuple[Vector, bool]:
    """The query embedding of the message, and whether it was made just now."""
    if question.embedding and question.embedding_model == embedding.name:
        return np.frombuffer(bytes(question.embedding), "<f4").astype(np.float32), False
    vector: Vector = embedding.embed_queries([question.content])[0]
    return vector, True


def _store(state: State, question: Message, found: Analysis) -> None:
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
    from emotions import services as emotions

    emotions.record(user=state.user, target_type="message", target_id=question.pk, analysis=found)


def _four(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")
