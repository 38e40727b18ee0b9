"""What was imported: files and web addresses, and the passages they became (tables beyond the seed)."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EnumField,
    ExactCharField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
)
from agi_site.lib.owned import SharedModel, SharedQuerySet

from ..importing.reasons import OF_THE_ADDRESS, OF_THE_FILE, told


class DocumentKind(models.TextChoices):
    FILE = "file", _("file")
    URL = "url", _("web address")


class DocumentStatus(models.TextChoices):
    WAITING = "waiting", _("waiting")
    READING = "reading", _("being read")
    INDEXING = "indexing", _("being indexed")
    READY = "ready", _("ready")
    SKIPPED = "skipped", _("known already")
    FAILED = "failed", _("failed")


BUSY = (DocumentStatus.WAITING, DocumentStatus.READING, DocumentStatus.INDEXING)

# The only moves a document may make. An attempt that broke off begins again with reading.
DOCUMENT_MOVES: dict[str, frozenset[str]] = {
    DocumentStatus.WAITING: frozenset(
        {DocumentStatus.WAITING, DocumentStatus.READING, DocumentStatus.FAILED}
    ),
    DocumentStatus.READING: frozenset(
        {
            DocumentStatus.WAITING,
            DocumentStatus.READING,
            DocumentStatus.INDEXING,
            DocumentStatus.READY,
            DocumentStatus.SKIPPED,
            DocumentStatus.FAILED,
        }
    ),
    DocumentStatus.INDEXING: frozenset(
        {DocumentStatus.WAITING, DocumentStatus.READING, DocumentStatus.READY, DocumentStatus.FAILED}
    ),
    DocumentStatus.READY: frozenset({DocumentStatus.WAITING}),
    DocumentStatus.SKIPPED: frozenset({DocumentStatus.WAITING, DocumentStatus.FAILED}),
    DocumentStatus.FAILED: frozenset({DocumentStatus.WAITING}),
}


class KnowledgeImport(SharedModel):
    """Several documents brought in at once (table `knowledge_import`, beyond the seed)."""

    shared_because = "what is imported is the team's knowledge; `created_by` says who brought it in"

    id = UUIDKey()
    total = models.PositiveIntegerField(_("documents"), default=0, db_default=0)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "knowledge_import"
        verbose_name = _("knowledge import")
        verbose_name_plural = _("knowledge imports")

    def __str__(self) -> str:
        return str(self.pk)


class DocumentQuerySet(SharedQuerySet):
    """Reads of documents, and the one way their state moves."""

    def move(self, *, pk: str, to: str, **values: Any) -> bool:
        """Set the state and `values` of one row in one statement; False if the move is not legal now."""
        sources = [state for state, targets in DOCUMENT_MOVES.items() if to in targets]
        moved = self.filter(pk=pk, status__in=sources)
        return bool(moved.update(status=to, updated_at=timezone.now(), **values))

    def busy(self) -> Self:
        """Waiting, or being worked on."""
        return self.filter(status__in=BUSY)

    def worth_trying(self) -> Self:
        """Failed for a reason that may be another the next time."""
        same = Q(reason_code__in=OF_THE_ADDRESS) | Q(kind=DocumentKind.FILE, reason_code__in=OF_THE_FILE)
        gone = Q(kind=DocumentKind.FILE, stored="")
        return self.filter(status=DocumentStatus.FAILED).exclude(same | gone)


class KnowledgeDocument(SharedModel):
    """A file or a web address that was imported (table `knowledge_document`, beyond the seed)."""

    shared_because = "documents are the team's knowledge; `created_by` says who brought one in"

    id = UUIDKey()
    batch = models.ForeignKey(
        KnowledgeImport,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="documents",
        verbose_name=_("knowledge import"),
    )
    kind = EnumField(_("kind"), choices=DocumentKind, default=DocumentKind.FILE, db_default=DocumentKind.FILE)
    title = models.CharField(_("title"), max_length=255)
    source = models.CharField(_("source"), max_length=2000)
    media_type = models.CharField(_("media type"), max_length=100, blank=True, default="", db_default="")
    size = models.PositiveBigIntegerField(_("bytes"), default=0, db_default=0)
    # The bytes this row stands for: at most one document holds them; none where they are known already.
    sha256 = ExactCharField(_("SHA-256"), max_length=64, null=True, blank=True, unique=True)
    source_key = ExactCharField(_("source key"), max_length=64)
    status = EnumField(
        _("status"),
        choices=DocumentStatus,
        default=DocumentStatus.WAITING,
        db_default=DocumentStatus.WAITING,
        db_index=True,
        editable=False,
    )
    reason_code = models.CharField(
        _("reason"), max_length=50, blank=True, default="", db_default="", editable=False
    )
    reason_values = models.JSONField(_("reason's details"), null=True, blank=True, editable=False)
    passage_count = models.PositiveIntegerField(_("passages"), default=0, db_default=0, editable=False)
    done_count = models.PositiveIntegerField(_("passages done"), default=0, db_default=0, editable=False)
    counts = models.JSONField(_("counts"), null=True, blank=True, editable=False)
    shared_passages = models.JSONField(_("passages of others"), null=True, blank=True, editable=False)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    stored = models.CharField(_("stored file"), max_length=255, blank=True, default="", db_default="")
    rescues = models.PositiveSmallIntegerField(_("rescues"), default=0, db_default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    read_at = models.DateTimeField(_("last read"), null=True, blank=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_document"
        verbose_name = _("knowledge document")
        verbose_name_plural = _("knowledge documents")
        indexes = [
            models.Index(fields=["batch", "status"], name="knowledge_document_batch_idx"),
            models.Index(fields=["source_key"], name="knowledge_document_source_idx"),
        ]
        constraints = [
            enum_check("knowledge_document_kind_enum", "kind", DocumentKind),
            enum_check("knowledge_document_status_enum", "status", DocumentStatus),
        ]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def reason(self) -> str:
        """Why it is in its state, in the reader's language; "" where there is nothing to say."""
        return told(self.reason_code, self.reason_values or {})

    @property
    def is_busy(self) -> bool:
        """Whether it waits or is being worked on."""
        return self.status in BUSY

    @property
    def can_be_read_again(self) -> bool:
        """Whether its bytes can still be had: from the store, or from its address."""
        return bool(self.stored) or self.kind == DocumentKind.URL

    @property
    def is_worth_trying(self) -> bool:
        """Whether it can be read again, and may say something else then."""
        hopeless = OF_THE_ADDRESS if self.kind == DocumentKind.URL else OF_THE_FILE
        return self.can_be_read_again and self.reason_code not in hopeless

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether `user` brought this in, or runs the house."""
        if user.has_perm("admin.access") and user.has_perm("knowledge.change_knowledge"):
            return True
        return self.created_by_id is not None and self.created_by_id == user.pk
