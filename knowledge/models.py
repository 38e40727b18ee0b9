"""Knowledge, memory and the context of a session (the seed's section 5.5)."""

from decimal import Decimal

from django.conf import settings
from django.db import models
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
from agi_site.lib.owned import OwnedModel, SharedModel


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

    class Meta:
        db_table = "knowledge"
        verbose_name = _("knowledge")
        verbose_name_plural = _("knowledge")

    def __str__(self) -> str:
        return str(self.title)


class MemoryType(models.TextChoices):
    EPISODIC = "episodic", _("episodic")
    SEMANTIC = "semantic", _("semantic")
    PROCEDURAL = "procedural", _("procedural")
    PREFERENCE = "preference", _("preference")


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

    class Meta:
        db_table = "memory"
        verbose_name = _("memory")
        verbose_name_plural = _("memories")
        indexes = [
            models.Index(fields=["user", "type"], name="memory_user_type_idx"),
        ]
        constraints = [
            enum_check("memory_type_enum", "type", MemoryType),
            range_check("memory_importance_range", "importance", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.type)


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
