"""What the assistant remembers about each person (tables `memory`, `memory_relation`)."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
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
from agi_site.lib.owned import OwnedModel, OwnedQuerySet


def shorten(text: str, length: int) -> str:
    """The first line of `text`, at most `length` characters."""
    line = next(iter(text.strip().splitlines()), "")
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def moment(text: str) -> datetime | None:
    """A time with its zone; None for what is none, or lies where not every zone has a calendar."""
    try:
        found = parse_datetime(text)
    except ValueError:  # in form only, as the 45th of a month
        return None
    return found if found and timezone.is_aware(found) and 1000 < found.year < 9999 else None


def sentence(entry: dict[str, Any]) -> str:
    """An entry of a memory's history in the reader's language. Entries hold numbers and ids, never texts."""
    form = _HISTORY.get(str(entry.get("what")))
    return str(form) % {"from": "", "to": "", "days": "", "number": "", **entry} if form else ""


_HISTORY = {
    "faded": _("Not used for %(days)s days: its importance faded from %(from)s to %(to)s."),
    "archived": _("Not used for %(days)s days and of little importance: archived, and no longer recalled."),
    "restored": _("Taken back: it is recalled again."),
    "merged": _("Another memory that said nearly the same was merged into this one."),
    "replaced": _("A newer memory says otherwise and replaced this one."),
    "replaces": _("It replaced an earlier memory that said otherwise."),
    "kept_old": _("You chose to keep the earlier memory instead of this one."),
    "kept_both": _("You chose to keep both this and a memory that seems to say otherwise."),
    "successor_forgotten": _("The memory that replaced this one was forgotten; this one stays replaced."),
    "successor_forgotten_restored": _(
        "The memory that replaced this one was forgotten, and you chose to recall this one again."
    ),
}


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

    def current(self) -> Self:
        """What holds now: neither replaced, nor archived, nor past its time, nor of a time to come."""
        now = timezone.now()
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=now),
            Q(valid_until__isnull=True) | Q(valid_until__gt=now),
            archived_at__isnull=True,
        )

    def past(self) -> Self:
        """What does not hold any more: replaced, past its time, or archived."""
        return self.filter(Q(valid_until__lte=timezone.now()) | Q(archived_at__isnull=False))

    def not_past(self) -> Self:
        """What holds now or from a later time."""
        return self.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gt=timezone.now()), archived_at__isnull=True
        )


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
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True)

    objects = MemoryQuerySet.as_manager()

    class Meta:
        db_table = "memory"
        verbose_name = _("memory")
        verbose_name_plural = _("memories")
        indexes = [
            models.Index(fields=["user", "type"], name="memory_user_type_idx"),
            models.Index(fields=["embedding_model", "updated_at"], name="memory_vectors_idx"),
            models.Index(fields=["user", "archived_at", "valid_until"], name="memory_user_current_idx"),
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

    @property
    def extractor(self) -> str:
        """What found it, with its version ("rules/6", "engine/1 <model>"); "person" for what they wrote."""
        return str((self.metadata or {}).get("extractor", ""))

    @property
    def found_by(self) -> str:
        """The extractor as people read it; one that is not known, by its code."""
        name, _sep, version = self.extractor.partition("/")
        if name == "rules":
            return gettext("rules, version %(version)s") % {"version": version}
        number, _sep, model = version.partition(" ")
        if name == "engine" and model:
            given = {"model": model, "version": number}
            return gettext("%(model)s, asked by version %(version)s of the instructions") % given
        return self.extractor

    @property
    def confidence(self) -> float | None:
        """How sure the extractor was, in [0, 1]; None for what a person wrote down."""
        told = (self.metadata or {}).get("confidence")
        return float(told) if isinstance(told, int | float) else None

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The messages of the memories that were merged into this one, oldest first."""
        return list((self.metadata or {}).get("sources", []))

    @property
    def state(self) -> str:
        """ "current", "replaced" (or past its time), "archived", or "coming" (it holds from a later time)."""
        now = timezone.now()
        if self.valid_until is not None and self.valid_until <= now:
            return "replaced"
        if self.archived_at is not None:
            return "archived"
        return "coming" if self.valid_from is not None and self.valid_from > now else "current"

    @property
    def history(self) -> list[tuple[datetime | None, str]]:
        """What was done to it by the clock or by other memories: when, and a sentence; oldest first."""
        entries = (self.metadata or {}).get("history", [])
        return [(moment(str(entry.get("at", ""))), sentence(entry)) for entry in entries]


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


class RefusalReason(models.TextChoices):
    """Why the write gate kept something out."""

    EMPTY = "empty", _("empty")
    TOO_LONG = "too_long", _("too long")
    TOO_SHORT = "too_short", _("too short to mean something later")
    SMALL_TALK = "small_talk", _("small talk")
    QUESTION = "question", _("a question")
    DEMAND = "demand", _("a wish for now")
    RESTATED = "restated", _("a prompt in other words")
    RECALLED = "recalled", _("what the assistant itself said or recalled")
    INVENTED = "invented", _("not said in the message")
    PASSING = "passing", _("true for a moment only")
    SUPPOSED = "supposed", _("supposed, quoted or played")
    MACHINE = "machine", _("code, a log or other machine text")
    DUPLICATE = "duplicate", _("remembered already")


class MemoryRefusal(OwnedModel):
    """What the write gate kept out, and why (table `memory_refusal`, beyond the seed)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="memory_refusals", verbose_name=_("user")
    )
    type = EnumField(_("type"), choices=MemoryType)
    content = models.TextField(_("content"))
    reason = EnumField(_("reason"), choices=RefusalReason)
    # What it repeats, which so holds its text: forgotten together.
    memory = models.ForeignKey(
        Memory,
        models.DB_CASCADE,
        null=True,
        blank=True,
        related_name="refusals",
        verbose_name=_("memory"),
    )
    source_message = models.CharField(_("source message"), max_length=36, blank=True, db_index=True)
    source_conversation = models.CharField(_("source conversation"), max_length=36, blank=True)
    extractor = models.CharField(_("extractor"), max_length=100, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)

    class Meta:
        db_table = "memory_refusal"
        verbose_name = _("memory refusal")
        verbose_name_plural = _("memory refusals")
        indexes = [models.Index(fields=["user", "created_at"], name="memory_refusal_user_idx")]
        constraints = [
            enum_check("memory_refusal_type_enum", "type", MemoryType),
            enum_check("memory_refusal_reason_enum", "reason", RefusalReason),
        ]

    def __str__(self) -> str:
        return shorten(self.content, 60)


class QuestionAnswer(models.TextChoices):
    """What a person says to two memories that seem to contradict each other."""

    KEEP_NEW = "keep_new", _("keep the newer one")
    KEEP_OLD = "keep_old", _("keep the earlier one")
    KEEP_BOTH = "keep_both", _("keep both")


class MemoryQuestionQuerySet(OwnedQuerySet):
    """Reads of questions."""

    def pending(self) -> Self:
        """Those that nobody has answered yet, and that two memories still raise: both are recalled."""
        sides = ("newer__valid_until", "newer__archived_at", "older__valid_until", "older__archived_at")
        return self.filter(answer__isnull=True, **{f"{side}__isnull": True for side in sides})


class MemoryQuestion(OwnedModel):
    """Two memories of a person that may contradict each other (table `memory_question`, beyond the seed)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="memory_questions", verbose_name=_("user")
    )
    newer = models.ForeignKey(
        Memory, models.DB_CASCADE, related_name="questions_as_newer", verbose_name=_("newer memory")
    )
    older = models.ForeignKey(
        Memory, models.DB_CASCADE, related_name="questions_as_older", verbose_name=_("earlier memory")
    )
    answer = EnumField(_("answer"), choices=QuestionAnswer, null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    objects = MemoryQuestionQuerySet.as_manager()

    class Meta:
        db_table = "memory_question"
        verbose_name = _("memory question")
        verbose_name_plural = _("memory questions")
        indexes = [models.Index(fields=["user", "answer"], name="memory_question_user_idx")]
        constraints = [
            models.UniqueConstraint(fields=["newer", "older"], name="memory_question_pair_unique"),
            enum_check("memory_question_answer_enum", "answer", QuestionAnswer),
        ]

    def __str__(self) -> str:
        return str(self.pk)
