"""What the team knows, passage by passage (tables `knowledge`, `knowledge_tag`)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EmbeddingField,
    ExactCharField,
    UpdatedAtField,
    UUIDKey,
)
from agi_site.lib.fulltext import SearchRow
from agi_site.lib.owned import SharedModel, SharedQuerySet

from ..importing.places import place_words
from .documents import KnowledgeDocument


class KnowledgeQuerySet(SharedQuerySet):
    """Reads of knowledge."""

    def tagged(self, tags: Iterable[str]) -> Self:
        """Rows that carry every one of `tags`."""
        rows = self
        for tag in tags:
            rows = rows.filter(pk__in=KnowledgeTag.objects.filter(tag=tag).values("knowledge_id"))
        return rows

    def narrowed(
        self, *, tags: Iterable[str], source: str, since: datetime | None, until: datetime | None
    ) -> Self:
        """Rows with all those tags and that very source, added from `since` on and before `until`."""
        rows = self.tagged(tags)
        if source:
            rows = rows.filter(source=source)
        if since is not None:
            rows = rows.filter(created_at__gte=since)
        return rows if until is None else rows.filter(created_at__lt=until)

    def light(self) -> Self:
        """Without the vectors, and with what a list shows of each row."""
        return self.defer("embedding").select_related("created_by").prefetch_related("tags")

    def listed(self) -> Self:
        """What stands alone, and of each document its first passage, which stands for it in a list."""
        rows = self.light().filter(models.Q(document=None) | models.Q(position=0))
        return rows.select_related("created_by", "document").defer("embedding", "document__shared_passages")


class Knowledge(SharedModel):
    """A passage the whole team knows (table `knowledge`, 5.5.1)."""

    shared_because = "the knowledge base is the team's; `created_by` says who wrote a row"

    id = UUIDKey()
    title = models.CharField(_("title"), max_length=255)
    content = models.TextField(_("content"))
    source = models.CharField(_("source"), max_length=255, null=True, blank=True, db_index=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)
    embedding = EmbeddingField(_("embedding"))
    metadata = models.JSONField(_("metadata"), null=True, blank=True)
    # Beyond the seed; the README says why.
    embedding_model = models.CharField(
        _("embedding model"), max_length=100, null=True, blank=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )

    document = models.ForeignKey(
        KnowledgeDocument,
        models.DB_CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="passages",
        verbose_name=_("knowledge document"),
    )
    position = models.PositiveIntegerField(_("position"), null=True, blank=True, editable=False)
    content_hash = ExactCharField(
        _("content hash"), max_length=64, null=True, blank=True, editable=False, db_index=True
    )

    objects = KnowledgeQuerySet.as_manager()

    class Meta:
        db_table = "knowledge"
        verbose_name = _("knowledge")
        verbose_name_plural = _("knowledge")
        indexes = [
            models.Index(fields=["embedding_model", "updated_at"], name="knowledge_vectors_idx"),
            models.Index(fields=["document", "position"], name="knowledge_document_place_idx"),
        ]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def tag_names(self) -> list[str]:
        """The tags, sorted; prefetch "tags" where there are many rows."""
        return sorted(tag.tag for tag in self.tags.all())

    @property
    def place(self) -> str:
        """Where in its document this stands, as "p. 3 · Leave"; "" for what stands alone."""
        return place_words(self.metadata)

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether `user` wrote this, or runs the house: enters the admin and may change knowledge there."""
        if user.has_perm("admin.access") and user.has_perm("knowledge.change_knowledge"):
            return True
        return self.created_by_id is not None and self.created_by_id == user.pk


class KnowledgeLock(SharedModel):
    """What is held while texts are stored, so that none is stored twice (table `knowledge_lock`, one row).

    The hash of a text cannot be unique: two sources may each look after a passage that says the same.
    """

    shared_because = "its one row says nothing; it is there to be held"

    name = models.CharField(_("name"), max_length=20, primary_key=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "knowledge_lock"
        verbose_name = _("lock of knowledge")
        verbose_name_plural = _("locks of knowledge")

    def __str__(self) -> str:
        return str(self.name)


class KnowledgeSearch(SearchRow, SharedModel):
    """The index terms of a knowledge row (table `knowledge_search`, beyond the seed)."""

    shared_because = "it mirrors shared knowledge"

    knowledge = models.OneToOneField(
        Knowledge, models.DB_CASCADE, related_name="search_row", verbose_name=_("knowledge")
    )

    class Meta:
        db_table = "knowledge_search"
        verbose_name = _("knowledge search row")
        verbose_name_plural = _("knowledge search rows")

    def __str__(self) -> str:
        return str(self.pk)


class KnowledgeTag(SharedModel):
    """A tag on a knowledge item (table `knowledge_tag`, 5.5.4)."""

    shared_because = "tags belong to shared knowledge"

    id = models.BigAutoField(_("id"), primary_key=True)
    knowledge = models.ForeignKey(
        Knowledge, models.DB_CASCADE, related_name="tags", verbose_name=_("knowledge")
    )
    tag = models.CharField(_("tag"), max_length=50, db_index=True)

    class Meta:
        db_table = "knowledge_tag"
        verbose_name = _("knowledge tag")
        verbose_name_plural = _("knowledge tags")
        constraints = [
            models.UniqueConstraint(fields=["knowledge", "tag"], name="knowledge_tag_knowledge_tag_unique"),
        ]

    def __str__(self) -> str:
        return str(self.tag)
