"""Conversations and what is understood of each message (the seed's section 5.2)."""

from typing import Any

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
from agi_site.lib.fulltext import SearchRow
from agi_site.lib.owned import OwnedModel

from .querysets import (
    ConversationQuerySet,
    MessagePictureQuerySet,
    MessageQuerySet,
    MessageSearchQuerySet,
    RecallReceiptQuerySet,
)


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
    # Beyond the seed; the README says why.
    memory_enabled = models.BooleanField(_("memory is on"), default=True, db_default=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "conversation"
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes = [
            models.Index(fields=["user", "-updated_at"], name="conversation_newest_idx"),
        ]
        constraints = [
            enum_check("conversation_status_enum", "status", ConversationStatus),
        ]

    def __str__(self) -> str:
        return self.title or str(_("New conversation"))

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept beside the columns: the summary of what no longer fits the model's window."""
        return self.metadata or {}

    def running_answer(self) -> "Message | None":
        """The answer that is being written now."""
        newest: Message | None = Message.objects.newest_answer(self)
        return newest if newest is not None and newest.is_running else None


class MessageRole(models.TextChoices):
    USER = "user", _("user")
    ASSISTANT = "assistant", _("assistant")
    SYSTEM = "system", _("system")
    TOOL = "tool", _("tool")


class AnswerStatus(models.TextChoices):
    """How far an answer is; kept in the answer's metadata."""

    STREAMING = "streaming", _("being written")
    WAITING = "waiting", _("waiting")
    COMPLETE = "complete", _("complete")
    INCOMPLETE = "incomplete", _("incomplete")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class Message(OwnedModel):
    """One utterance in a conversation (table `message`, 5.2.2)."""

    owner_path = "conversation__user"
    # What the person thought of it; `attach_ratings` fills it in for a page.
    rating = ""
    comment = ""
    # What an answer used, the first words of the memories it cites, and whether one of them may contradict
    # another; `attach_receipts` fills them in.
    recalled: Any = None
    memory_titles: dict[str, str] | None = None
    in_doubt = False

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

    objects = MessageQuerySet.as_manager()

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
        return self.content[:60] or str(self.get_role_display())

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept beside the columns; for an answer: status, engine, citations, tools, timings."""
        return self.metadata or {}

    @property
    def status(self) -> str:
        """An AnswerStatus; "" for anything but an answer."""
        return str(self.facts.get("status", ""))

    @property
    def is_running(self) -> bool:
        """Whether it is an answer still being written."""
        return self.status in (AnswerStatus.STREAMING, AnswerStatus.WAITING)

    @property
    def is_waiting(self) -> bool:
        """Whether it goes on when somebody has decided, or something that it started has ended."""
        return self.status == AnswerStatus.WAITING

    @property
    def can_retry(self) -> bool:
        """Whether it is an answer that did not come to its end."""
        return self.status in (AnswerStatus.FAILED, AnswerStatus.INCOMPLETE, AnswerStatus.STOPPED)

    @property
    def error(self) -> dict[str, str] | None:
        """`code` and `text` of what went wrong with an answer."""
        found: dict[str, str] | None = self.facts.get("error")
        return found

    @property
    def citations(self) -> list[dict[str, Any]]:
        """The passages an answer cites: `n`, `kind`, `id`, `title` ("" for a memory: read when shown)."""
        return list(self.facts.get("citations", []))

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools run for an answer, in order."""
        return list(self.facts.get("tools", []))

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens of an answer: `prompt_tokens`, `completion_tokens`."""
        return dict(self.facts.get("usage", {}))

    @property
    def engine(self) -> str:
        """The chat engine that wrote it."""
        return str(self.facts.get("engine", ""))

    @property
    def model(self) -> str:
        """The model behind that engine."""
        return str(self.facts.get("model", ""))

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds per stage of the turn."""
        return dict(self.facts.get("timings", {}))

    @property
    def shown_pictures(self) -> "list[MessagePicture]":
        """The pictures of a person's message, in order; no query for a message that has none."""
        if not self.facts.get("pictures"):
            return []
        return sorted(self.pictures.all(), key=lambda picture: picture.place)

    @property
    def pictures_told(self) -> dict[str, Any]:
        """What an answer's model got to see: ids of images `seen` and `unseen`, and `why` not."""
        return dict(self.facts.get("pictures_told", {}))

    @property
    def version_count(self) -> int:
        """1, and one more for each edit or new answer before it."""
        return 1 + len(self.facts.get("versions", []))

    @property
    def length(self) -> int:
        """Code points of the content: the offset at which the next delta begins."""
        return len(self.content)

    def citation_links(self) -> list[dict[str, Any]]:
        """The citations with title and address as they are now, for `agi_site.lib.markdown.render`."""
        from .links import address_of

        links = []
        for cited in self.citations:
            address, title = address_of(cited["kind"], cited["id"]), cited["title"]
            if cited["kind"] == "memory":
                gone = self.memory_titles is not None and cited["id"] not in self.memory_titles
                title = (self.memory_titles or {}).get(cited["id"], "")
                title = title or str(_("a forgotten memory") if gone else _("a memory of you"))
                address = "" if gone else address
            links.append(cited | {"title": title, "url": address})
        return links


class MessagePicture(OwnedModel):
    """An image that a person's message shows (table `message_picture`, beyond the seed).

    `image` is empty once it was deleted. The size is that of its small copy, upright, in pixels.
    """

    owner_path = "message__conversation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    message = models.ForeignKey(
        Message, models.DB_CASCADE, related_name="pictures", verbose_name=_("message")
    )
    image = models.ForeignKey(
        "media.ImageMetadata",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="message_pictures",
        verbose_name=_("image"),
    )
    place = models.PositiveSmallIntegerField(_("place"))
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))

    objects = MessagePictureQuerySet.as_manager()

    class Meta:
        db_table = "message_picture"
        verbose_name = _("picture of a message")
        verbose_name_plural = _("pictures of messages")
        constraints = [
            models.UniqueConstraint(fields=["message", "place"], name="message_picture_place_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return str(self.image.filename) if self.image else str(_("a picture that was deleted since"))


class MessageSearch(SearchRow, OwnedModel):
    """The words of a message, for finding it (beyond the seed)."""

    owner_path = "message__conversation__user"

    message = models.OneToOneField(
        Message, models.DB_CASCADE, related_name="search_row", verbose_name=_("message")
    )

    objects = MessageSearchQuerySet.as_manager()

    class Meta:
        db_table = "message_search"
        verbose_name = _("message search row")
        verbose_name_plural = _("message search rows")

    def __str__(self) -> str:
        return str(self.message_id)


class RecalledKind(models.TextChoices):
    """What a receipt is about."""

    KNOWLEDGE = "knowledge", _("knowledge")
    MEMORY = "memory", _("memory")


class RecallReceipt(OwnedModel):
    """A memory or passage that was retrieved for an answer (table `recall_receipt`, beyond the seed).

    It names the row and holds none of its text: what is forgotten or deleted leaves an honest gap.
    """

    owner_path = "message__conversation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    message = models.ForeignKey(
        Message, models.DB_CASCADE, related_name="receipts", verbose_name=_("message")
    )
    kind = EnumField(_("kind"), choices=RecalledKind)
    row_id = models.CharField(_("row"), max_length=36, db_index=True)
    number = models.PositiveSmallIntegerField(_("citation number"), null=True, blank=True)
    rank = models.PositiveSmallIntegerField(_("rank"))
    score = models.FloatField(_("score"))
    parts = models.JSONField(_("score parts"), default=dict)
    used = models.BooleanField(_("used in the prompt"))
    cited = models.BooleanField(_("cited"), default=False, db_default=False)
    # The tool that found it; "" for the recall before the answer.
    tool = models.CharField(_("tool"), max_length=100, blank=True, default="", db_default="")

    objects = RecallReceiptQuerySet.as_manager()

    class Meta:
        db_table = "recall_receipt"
        verbose_name = _("receipt of recall")
        verbose_name_plural = _("receipts of recall")
        constraints = [
            models.UniqueConstraint(fields=["message", "kind", "row_id"], name="recall_receipt_row_unique"),
            enum_check("recall_receipt_kind_enum", "kind", RecalledKind),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. {self.get_kind_display()}"


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
