"""Transfer of knowledge between domains (the seed's section 5.14)."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EnumField,
    ExactCharField,
    SealedJSONField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
    range_check,
)
from agi_site.lib.owned import SharedModel, SharedQuerySet

from .concepts import Concept, of_columns
from .reasons import because, told


def _by(name: Any, **more: Any) -> Any:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=name,
        **more,
    )


class Explained(models.Model):
    """A row with a `reason`: the sentence, in the language of the program, and what tells it in another."""

    reason: Any
    reason_code = models.CharField(
        _("reason's code"), max_length=50, blank=True, default="", db_default="", editable=False
    )
    reason_values = models.JSONField(_("reason's details"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def told_reason(self) -> str | None:
        """Why it is in its state, in the reader's language; None where there is nothing to say."""
        return told(self.reason_code, self.reason_values, self.reason) if self.reason else None

    def explain(self, fault: Exception | None) -> None:
        """Note why; None is for nothing to say."""
        self.reason_code, self.reason_values = because(fault)
        self.reason = told(self.reason_code, self.reason_values) or None


class SourceKind(models.TextChoices):
    FILE = "file", _("files")
    HTTP = "http", _("web address")
    SQL = "sql", _("database")
    INSTANCE = "instance", _("another instance")


class SourceStatus(models.TextChoices):
    IDLE = "idle", _("not yet read")
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("being read")
    COMPLETED = "completed", _("up to date")
    FAILED = "failed", _("failed")


class ReadEvery(models.TextChoices):
    ASKED = "asked", _("only when asked")
    HOUR = "hour", _("every hour")
    DAY = "day", _("every day")
    WEEK = "week", _("every week")


class Contents(models.TextChoices):
    PASSAGES = "passages", _("passages")
    ONTOLOGY = "ontology", _("concepts of an ontology")


class SourceQuerySet(SharedQuerySet):
    """Reads of sources."""

    def due(self, now: datetime) -> Self:
        """Those to be read by the clock now, the longest waiting first."""
        return self.filter(next_read_at__lte=now, is_active=True).order_by("next_read_at")


class KnowledgeSource(Explained, SharedModel):
    """Where knowledge of a domain comes from (table `knowledge_source`, 5.14.1)."""

    shared_because = "sources feed the team's knowledge"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    domain = models.CharField(_("domain"), max_length=100, db_index=True)
    description = models.TextField(_("description"), null=True, blank=True)
    connection_info = SealedJSONField(_("connection info"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    # Beyond the seed; the README says why.
    kind = EnumField(_("kind"), choices=SourceKind, default=SourceKind.FILE, db_default=SourceKind.FILE)
    status = EnumField(
        _("status"),
        choices=SourceStatus,
        default=SourceStatus.IDLE,
        db_default=SourceStatus.IDLE,
        editable=False,
    )
    reason = models.TextField(_("reason"), null=True, blank=True, editable=False)
    checkpoint = models.JSONField(_("checkpoint"), null=True, blank=True, editable=False)
    counts = models.JSONField(_("counts"), null=True, blank=True, editable=False)
    synced_at = models.DateTimeField(_("last read"), null=True, blank=True, editable=False)
    created_by = _by(_("created by"))
    contents = EnumField(
        _("is read as"), choices=Contents, default=Contents.PASSAGES, db_default=Contents.PASSAGES
    )
    # The database's own default is that of rows from before there was a clock.
    read_every = EnumField(_("is read"), choices=ReadEvery, default=ReadEvery.DAY, db_default=ReadEvery.ASKED)
    next_read_at = models.DateTimeField(
        _("next read at"), null=True, blank=True, db_index=True, editable=False
    )
    failures = models.PositiveSmallIntegerField(
        _("failures in a row"), default=0, db_default=0, editable=False
    )
    scheduled_by = _by(_("is read for"), editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_source"
        verbose_name = _("knowledge source")
        verbose_name_plural = _("knowledge sources")
        constraints = [
            enum_check("knowledge_source_kind_enum", "kind", SourceKind),
            enum_check("knowledge_source_status_enum", "status", SourceStatus),
            enum_check("knowledge_source_contents_enum", "contents", Contents),
            enum_check("knowledge_source_read_every_enum", "read_every", ReadEvery),
            models.CheckConstraint(
                condition=models.Q(next_read_at=None)
                | (models.Q(is_active=True) & ~models.Q(read_every=ReadEvery.ASKED)),
                name="knowledge_source_next_read",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def busy(self) -> bool:
        """Whether it waits to be read or is being read."""
        return self.status in (SourceStatus.WAITING, SourceStatus.RUNNING)


class KnowledgeSourceItem(Explained, SharedModel):
    """One thing read from a source, and its passage (table `knowledge_source_item`, beyond the seed)."""

    shared_because = "it belongs to a source of the team's knowledge"

    id = UUIDKey()
    source = models.ForeignKey(
        KnowledgeSource, models.DB_CASCADE, related_name="items", verbose_name=_("knowledge source")
    )
    key = ExactCharField(_("key"), max_length=64)
    external_id = models.CharField(_("external id"), max_length=500)
    content_hash = ExactCharField(_("content hash"), max_length=64)
    knowledge = models.ForeignKey(
        "knowledge.Knowledge",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("knowledge"),
    )
    round = ExactCharField(_("round"), max_length=36)
    reason = models.TextField(_("reason"), null=True, blank=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "knowledge_source_item"
        verbose_name = _("item of a knowledge source")
        verbose_name_plural = _("items of knowledge sources")
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="knowledge_source_item_key_unique")
        ]

    def __str__(self) -> str:
        return str(self.external_id)


class KnowledgeDomain(SharedModel):
    """A field of knowledge with concepts of its own (table `knowledge_domain`, beyond the seed)."""

    shared_because = "domains are the team's"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=255, null=True, blank=True)
    description = models.TextField(_("description"), null=True, blank=True)
    iri = models.CharField(_("address"), max_length=500, null=True, blank=True)
    concept_count = models.IntegerField(_("concepts"), default=0, db_default=0, editable=False)
    created_by = _by(_("created by"))
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "knowledge_domain"
        verbose_name = _("knowledge domain")
        verbose_name_plural = _("knowledge domains")

    def __str__(self) -> str:
        return str(self.name)


class MappingStatus(models.TextChoices):
    CANDIDATE = "candidate", _("proposed")
    ACCEPTED = "accepted", _("accepted")
    REJECTED = "rejected", _("rejected")


RELATION_TYPES: dict[str, Any] = {
    "is_equivalent_to": _("is the same as"),
    "is_similar_to": _("is similar to"),
    "is_broader_than": _("is broader than"),
    "is_narrower_than": _("is narrower than"),
    "is_related_to": _("is related to"),
}


class MappingQuerySet(SharedQuerySet):
    """Reads of mappings."""

    def between(self, source: str, target: str) -> Self:
        """Those from one domain to another."""
        return self.filter(source_domain=source, target_domain=target)

    def accepted(self) -> Self:
        """Those that may be used."""
        return self.filter(status=MappingStatus.ACCEPTED)


class KnowledgeMapping(SharedModel):
    """Two concepts of two domains that correspond (table `knowledge_mapping`, 5.14.2)."""

    shared_because = "mappings relate domains, not people"

    id = UUIDKey()
    source_concept = models.CharField(_("source concept"), max_length=255, db_index=True)
    target_concept = models.CharField(_("target concept"), max_length=255, db_index=True)
    source_domain = models.CharField(_("source domain"), max_length=100)
    target_domain = models.CharField(_("target domain"), max_length=100)
    relation_type = models.CharField(_("relation type"), max_length=100, db_index=True)
    confidence = models.DecimalField(_("confidence"), max_digits=5, decimal_places=4, db_index=True)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    # Beyond the seed; the README says why.
    status = EnumField(
        _("status"),
        choices=MappingStatus,
        default=MappingStatus.CANDIDATE,
        db_default=MappingStatus.CANDIDATE,
    )
    parts = models.JSONField(_("explanation"), null=True, blank=True, editable=False)
    reviewed_by = _by(_("reviewed by"))
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True, editable=False)

    objects = MappingQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_mapping"
        verbose_name = _("knowledge mapping")
        verbose_name_plural = _("knowledge mappings")
        indexes = [
            models.Index(fields=["source_domain", "target_domain"], name="knowledge_mapping_source_d_idx"),
        ]
        constraints = [
            range_check("knowledge_mapping_confidence_range", "confidence", 0, 1),
            enum_check("knowledge_mapping_status_enum", "status", MappingStatus),
        ]

    def __str__(self) -> str:
        return f"{self.source_concept} → {self.target_concept}"

    @property
    def relation_words(self) -> str:
        """The relation in words."""
        return str(RELATION_TYPES.get(self.relation_type, self.relation_type))


class TransferTaskStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


class TransferTask(SharedModel):
    """One use of mappings to carry knowledge from a source to a target (table `transfer_task`, 5.14.3)."""

    shared_because = "transfer works on the team's knowledge"

    id = UUIDKey()
    source_id = models.CharField(_("source id"), max_length=36, db_index=True)
    target_id = models.CharField(_("target id"), max_length=36, db_index=True)
    task_type = models.CharField(_("task type"), max_length=100, db_index=True)
    status = EnumField(
        _("status"),
        choices=TransferTaskStatus,
        null=True,
        blank=True,
        db_index=True,
        default=TransferTaskStatus.PENDING,
        db_default=TransferTaskStatus.PENDING,
    )
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    # Beyond the seed; the README says why.
    error_message = models.TextField(_("error message"), null=True, blank=True)
    created_by = _by(_("created by"))

    class Meta:
        db_table = "transfer_task"
        verbose_name = _("transfer task")
        verbose_name_plural = _("transfer tasks")
        constraints = [
            enum_check("transfer_task_status_enum", "status", TransferTaskStatus),
        ]

    def __str__(self) -> str:
        return str(self.task_type)


class ConceptQuerySet(SharedQuerySet):
    """Reads of concepts."""

    def of_domain(self, domain: str) -> Self:
        """The concepts of one domain."""
        return self.filter(domain=domain)


class DomainOntology(SharedModel):
    """A concept of a domain, its relationships and attributes (table `domain_ontology`, 5.14.4)."""

    shared_because = "ontologies describe domains, not people"

    id = UUIDKey()
    domain = models.CharField(_("domain"), max_length=100)
    concept = models.CharField(_("concept"), max_length=255, db_index=True)
    definition = models.TextField(_("definition"))
    relationships = models.JSONField(_("relationships"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    objects = ConceptQuerySet.as_manager()

    class Meta:
        db_table = "domain_ontology"
        verbose_name = _("domain ontology")
        verbose_name_plural = _("domain ontologies")
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "concept"], name="domain_ontology_domain_concept_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.concept)

    @property
    def as_concept(self) -> Concept:
        """The row as the matcher and the formats know it."""
        return of_columns(
            concept=self.concept,
            definition=self.definition,
            relationships=self.relationships,
            attributes=self.attributes,
        )


class ConceptRelation(SharedModel):
    """A relationship of a concept, found from its other end (table `concept_relation`, beyond the seed).

    It mirrors the column `relationships`, which is the truth.
    """

    shared_because = "it mirrors the team's ontologies"

    id = UUIDKey()
    concept = models.ForeignKey(
        DomainOntology, models.DB_CASCADE, related_name="links", verbose_name=_("concept")
    )
    domain = models.CharField(_("domain"), max_length=100)
    type = models.CharField(_("type"), max_length=255)
    target = models.CharField(_("target"), max_length=255)

    class Meta:
        db_table = "concept_relation"
        verbose_name = _("relation of a concept")
        verbose_name_plural = _("relations of concepts")
        indexes = [models.Index(fields=["domain", "target"], name="concept_relation_target_idx")]

    def __str__(self) -> str:
        return f"{self.type} {self.target}"


class TransferMetric(SharedModel):
    """A figure measured for a transfer task (table `transfer_metric`, 5.14.5)."""

    shared_because = "figures of a shared task"

    id = UUIDKey()
    transfer_task = models.ForeignKey(
        TransferTask, models.DB_CASCADE, related_name="metrics", verbose_name=_("transfer task")
    )
    metric_name = models.CharField(_("metric name"), max_length=100, db_index=True)
    metric_value = models.DecimalField(_("metric value"), max_digits=10, decimal_places=6)
    timestamp = CreatedAtField(_("timestamp"))

    class Meta:
        db_table = "transfer_metric"
        verbose_name = _("transfer metric")
        verbose_name_plural = _("transfer metrics")

    def __str__(self) -> str:
        return str(self.metric_name)
