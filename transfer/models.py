"""Transfer of knowledge between domains (the seed's section 5.14)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EnumField,
    SealedJSONField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
    range_check,
)
from agi_site.lib.owned import SharedModel


class KnowledgeSource(SharedModel):
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

    class Meta:
        db_table = "knowledge_source"
        verbose_name = _("knowledge source")
        verbose_name_plural = _("knowledge sources")

    def __str__(self) -> str:
        return str(self.name)


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

    class Meta:
        db_table = "knowledge_mapping"
        verbose_name = _("knowledge mapping")
        verbose_name_plural = _("knowledge mappings")
        indexes = [
            models.Index(fields=["source_domain", "target_domain"], name="knowledge_mapping_source_d_idx"),
        ]
        constraints = [
            range_check("knowledge_mapping_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.target_concept)


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

    class Meta:
        db_table = "transfer_task"
        verbose_name = _("transfer task")
        verbose_name_plural = _("transfer tasks")
        constraints = [
            enum_check("transfer_task_status_enum", "status", TransferTaskStatus),
        ]

    def __str__(self) -> str:
        return str(self.task_type)


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
