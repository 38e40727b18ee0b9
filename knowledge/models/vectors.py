"""Which engine's vectors answer, and the vectors of the one that is to follow (beyond the seed)."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import EmbeddingField, UpdatedAtField
from agi_site.lib.owned import OwnedModel, SharedModel

from .knowledge import Knowledge
from .memory import Memory


class VectorSet(SharedModel):
    """Whose vectors answer, by table, and whose are being made beside them (table `vector_set`).

    Changing `embedding_model` is the one atomic step from an old engine to a new one.
    """

    shared_because = "it describes the tables as a whole; no row of a person is in it"

    name = models.CharField(_("table"), max_length=64, primary_key=True)
    embedding_model = models.CharField(_("embedding model"), max_length=100)
    next_model = models.CharField(
        _("next embedding model"), max_length=100, default="", db_default="", blank=True
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    switched_at = models.DateTimeField(_("switched at"), null=True, blank=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "vector_set"
        verbose_name = _("set of vectors")
        verbose_name_plural = _("sets of vectors")

    def __str__(self) -> str:
        return str(self.name)


class NextVector(models.Model):
    """Base of a table with the vectors of the engine that follows, until they move into the rows."""

    embedding = EmbeddingField(_("embedding"))
    embedding_model = models.CharField(_("embedding model"), max_length=100)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class KnowledgeNextVector(NextVector, SharedModel):
    """A passage's vector by the engine that follows (table `knowledge_next_vector`)."""

    shared_because = "it mirrors shared knowledge"

    row: Any = models.OneToOneField(
        Knowledge,
        models.DB_CASCADE,
        primary_key=True,
        related_name="next_vector",
        verbose_name=_("knowledge"),
    )

    class Meta(NextVector.Meta):
        abstract = False
        db_table = "knowledge_next_vector"
        verbose_name = _("next vector of knowledge")
        verbose_name_plural = _("next vectors of knowledge")
        indexes = [models.Index(fields=["embedding_model", "updated_at"], name="knowledge_next_vectors_idx")]


class MemoryNextVector(NextVector, OwnedModel):
    """A memory's vector by the engine that follows (table `memory_next_vector`)."""

    owner_path = "row__user"

    row: Any = models.OneToOneField(
        Memory, models.DB_CASCADE, primary_key=True, related_name="next_vector", verbose_name=_("memory")
    )

    class Meta(NextVector.Meta):
        abstract = False
        db_table = "memory_next_vector"
        verbose_name = _("next vector of a memory")
        verbose_name_plural = _("next vectors of memories")
        indexes = [models.Index(fields=["embedding_model", "updated_at"], name="memory_next_vectors_idx")]
