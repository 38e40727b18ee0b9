"""Conversations and what is understood of each message (the seed's section 5.2)."""

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
from agi_site.lib.owned import OwnedModel


class ConversationStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    ARCHIVED = "archived", _("archived")
    DELETED = "deleted", _("deleted")


class Conversation(OwnedModel):
    """A dialogue between a person and the assistant (table `conversation`, 5.2.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="conversations", verbose_name=_("user")
    )
    title = models.CharField(_("title"), max_length=200, null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)
    status = EnumField(
        _("status"),
        choices=ConversationStatus,
        null=True,
        blank=True,
        db_index=True,
        default=ConversationStatus.ACTIVE,
        db_default=ConversationStatus.ACTIVE,
    )
    metadata = models.JSONField(_("metadata"), null=True, blank=True)

    class Meta:
        db_table = "conversation"
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            enum_check("conversation_status_enum", "status", ConversationStatus),
        ]

    def __str__(self) -> str:
        return str(self.title)


class MessageRole(models.TextChoices):
    USER = "user", _("user")
    ASSISTANT = "assistant", _("assistant")
    SYSTEM = "system", _("system")
    TOOL = "tool", _("tool")


class Message(OwnedModel):
    """One utterance in a conversation (table `message`, 5.2.2)."""

    owner_path = "conversation__user"

    id = UUIDKey()
    conversation = models.ForeignKey(
        Conversation, models.DB_CASCADE, related_name="messages", verbose_name=_("conversation")
    )
    role = EnumField(_("role"), choices=MessageRole, db_index=True)
    content = models.TextField(_("content"))
    created_at = CreatedAtField(_("created at"), db_index=True)
    embedding = EmbeddingField(_("embedding"))
    metadata = models.JSONField(_("metadata"), null=True, blank=True)
    # Beyond the seed; the README says why.
    embedding_model = models.CharField(
        _("embedding model"), max_length=100, null=True, blank=True, editable=False
    )
    superseded_at = models.DateTimeField(_("superseded at"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "message"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["conversation", "id"], name="message_page_idx"),
        ]
        constraints = [
            enum_check("message_role_enum", "role", MessageRole),
        ]

    def __str__(self) -> str:
        return str(self.role)


class Intent(OwnedModel):
    """What a message wants, with a confidence (table `intent`, 5.2.3)."""

    owner_path = "message__conversation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    message = models.ForeignKey(Message, models.DB_CASCADE, related_name="intents", verbose_name=_("message"))
    name = models.CharField(_("name"), max_length=100, db_index=True)
    confidence = models.DecimalField(_("confidence"), max_digits=5, decimal_places=4)
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "intent"
        verbose_name = _("intent")
        verbose_name_plural = _("intents")
        constraints = [
            range_check("intent_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.name)


class Entity(OwnedModel):
    """A thing named in a message, with its place in the text (table `entity`, 5.2.4)."""

    owner_path = "message__conversation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    message = models.ForeignKey(
        Message, models.DB_CASCADE, related_name="entities", verbose_name=_("message")
    )
    name = models.CharField(_("name"), max_length=100, db_index=True)
    value = models.CharField(_("value"), max_length=255)
    type = models.CharField(_("type"), max_length=50, db_index=True)
    start_pos = models.IntegerField(_("start pos"), null=True, blank=True)
    end_pos = models.IntegerField(_("end pos"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "entity"
        verbose_name = _("entity")
        verbose_name_plural = _("entities")

    def __str__(self) -> str:
        return str(self.name)


class SentimentLabel(models.TextChoices):
    POSITIVE = "positive", _("positive")
    NEGATIVE = "negative", _("negative")
    NEUTRAL = "neutral", _("neutral")
    MIXED = "mixed", _("mixed")


class Sentiment(OwnedModel):
    """The polarity of a message (table `sentiment`, 5.2.5)."""

    owner_path = "message__conversation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    message = models.ForeignKey(
        Message, models.DB_CASCADE, related_name="sentiments", verbose_name=_("message")
    )
    score = models.DecimalField(_("score"), max_digits=5, decimal_places=4)
    label = EnumField(_("label"), choices=SentimentLabel, db_index=True)
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "sentiment"
        verbose_name = _("sentiment")
        verbose_name_plural = _("sentiments")
        constraints = [
            enum_check("sentiment_label_enum", "label", SentimentLabel),
            range_check("sentiment_score_range", "score", -1, 1),
        ]

    def __str__(self) -> str:
        return str(self.label)
