"""Knowledge, memory and the context of a session (the seed's section 5.5)."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EmbeddingField,
    EnumField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
    range_check,
)
from agi_site.lib.fulltext import SearchRow
from agi_site.lib.owned import OwnedModel, OwnedQuerySet, SharedModel, SharedQuerySet

from . import options


def shorten(text: str, length: int) -> str:
    """The first line of `text`, at most `length` characters."""
    line = next(iter(text.strip().splitlines()), "")
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


class KnowledgeQuerySet(SharedQuerySet):
    """Reads of knowledge."""

    def tagged(self, tags: Iterable[str]) -> Self:
        """Rows that carry every one of `tags`."""
        rows = self
        for tag in tags:
            rows = rows.filter(pk__in=KnowledgeTag.objects.filter(tag=tag).values("knowledge_id"))
        return rows

    def light(self) -> Self:
        """Without the vectors, and with what a list shows of each row."""
        return self.defer("embedding").select_related("created_by").prefetch_related("tags")


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

    objects = KnowledgeQuerySet.as_manager()

    class Meta:
        db_table = "knowledge"
        verbose_name = _("knowledge")
        verbose_name_plural = _("knowledge")
        indexes = [models.Index(fields=["embedding_model", "updated_at"], name="knowledge_vectors_idx")]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def tag_names(self) -> list[str]:
        """The tags, sorted; prefetch "tags" where there are many rows."""
        return sorted(tag.tag for tag in self.tags.all())

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether `user` wrote this, or runs the house: enters the admin and may change knowledge there."""
        if user.has_perm("admin.access") and user.has_perm("knowledge.change_knowledge"):
            return True
        return self.created_by_id is not None and self.created_by_id == user.pk


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


class MemoryType(models.TextChoices):
    EPISODIC = "episodic", _("episodic")
    SEMANTIC = "semantic", _("semantic")
    PROCEDURAL = "procedural", _("procedural")
    PREFERENCE = "preference", _("preference")


class MemoryQuerySet(OwnedQuerySet):
    """Reads of memories."""

    def of_type(self, kind: str) -> Self:
        """Only one type, or all of them for ""."""
        return self.filter(type=kind) if kind in MemoryType.values else self


class Memory(OwnedModel):
    """Something the assistant remembers about a person (table `memory`, 5.5.2)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="memories", verbose_name=_("user")
    )
    type = EnumField(_("type"), choices=MemoryType)
    content = models.TextField(_("content"))
    importance = models.DecimalField(
        _("importance"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        db_index=True,
        default=Decimal("0.50"),
        db_default=Decimal("0.50"),
    )
    created_at = CreatedAtField(_("created at"), db_index=True)
    last_accessed = models.DateTimeField(_("last accessed"), null=True, blank=True, db_index=True)
    access_count = models.IntegerField(_("access count"), null=True, blank=True, default=0, db_default=0)
    embedding = EmbeddingField(_("embedding"))
    # Beyond the seed; the README says why.
    embedding_model = models.CharField(
        _("embedding model"), max_length=100, null=True, blank=True, editable=False
    )
    metadata = models.JSONField(_("metadata"), null=True, blank=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    objects = MemoryQuerySet.as_manager()

    class Meta:
        db_table = "memory"
        verbose_name = _("memory")
        verbose_name_plural = _("memories")
        indexes = [
            models.Index(fields=["user", "type"], name="memory_user_type_idx"),
            models.Index(fields=["embedding_model", "updated_at"], name="memory_vectors_idx"),
        ]
        constraints = [
            enum_check("memory_type_enum", "type", MemoryType),
            range_check("memory_importance_range", "importance", 0, 1),
        ]

    def __str__(self) -> str:
        return shorten(self.content, 60)

    @property
    def pinned(self) -> bool:
        """Whether the person wants this kept in mind before all else."""
        return bool((self.metadata or {}).get("pinned"))

    @property
    def source_message(self) -> str:
        """The id of the message this was learnt from, "" when the person wrote it down themselves."""
        return str((self.metadata or {}).get("source_message", ""))

    @property
    def source_conversation(self) -> str:
        """The id of that message's conversation, "" when unknown."""
        return str((self.metadata or {}).get("source_conversation", ""))


class MemorySearch(SearchRow, OwnedModel):
    """The index terms of a memory (table `memory_search`, beyond the seed)."""

    owner_path = "memory__user"

    memory = models.OneToOneField(
        Memory, models.DB_CASCADE, related_name="search_row", verbose_name=_("memory")
    )

    class Meta:
        db_table = "memory_search"
        verbose_name = _("memory search row")
        verbose_name_plural = _("memory search rows")

    def __str__(self) -> str:
        return str(self.pk)


class Context(OwnedModel):
    """What a session carries from message to message (table `context`, 5.5.3)."""

    owner_path = "session__user"

    id = UUIDKey()
    session = models.ForeignKey(
        "accounts.Session", models.DB_CASCADE, related_name="contexts", verbose_name=_("session")
    )
    data = models.JSONField(_("data"))
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "context"
        verbose_name = _("context")
        verbose_name_plural = _("contexts")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def expired(self) -> bool:
        """Whether the session has been silent for so long that it starts anew."""
        kept = timedelta(hours=options.context_hours())
        return bool((self.updated_at or self.created_at) < timezone.now() - kept)


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


class RelationType(models.TextChoices):
    """How memories bear on each other; the seed leaves the words open."""

    RELATED_TO = "related_to", _("related to")
    SIMILAR_TO = "similar_to", _("similar to")
    CAUSES = "causes", _("causes")
    PRECEDES = "precedes", _("precedes")
    SUPPORTS = "supports", _("supports")
    CONTRADICTS = "contradicts", _("contradicts")
    SUPERSEDES = "supersedes", _("supersedes")
    PART_OF = "part_of", _("part of")


class MemoryRelation(OwnedModel):
    """How one memory bears on another (table `memory_relation`, 5.5.5)."""

    owner_path = "source_memory__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    source_memory = models.ForeignKey(
        Memory, models.DB_CASCADE, related_name="outgoing_relations", verbose_name=_("source memory")
    )
    target_memory = models.ForeignKey(
        Memory, models.DB_CASCADE, related_name="incoming_relations", verbose_name=_("target memory")
    )
    relation_type = models.CharField(_("relation type"), max_length=50, db_index=True)
    strength = models.DecimalField(
        _("strength"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal("0.50"),
        db_default=Decimal("0.50"),
    )

    class Meta:
        db_table = "memory_relation"
        verbose_name = _("memory relation")
        verbose_name_plural = _("memory relations")
        constraints = [
            models.UniqueConstraint(
                fields=["source_memory", "target_memory", "relation_type"],
                name="memory_relation_source_memory_target_memory_relation_type_unique",
            ),
            range_check("memory_relation_strength_range", "strength", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def kind_label(self) -> str:
        """The relation in the reader's language; an unknown one as it is stored."""
        known = dict(RelationType.choices)
        return str(known.get(self.relation_type, self.relation_type))
