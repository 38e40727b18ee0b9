"""Feedback, training data, training jobs, model versions and evaluations (the seed's section 5.7)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UUIDKey, enum_check, range_check
from agi_site.lib.owned import OwnedModel, SharedModel


class Feedback(OwnedModel):
    """What a person thought of an answer, a tool run or any other row (table `feedback`, 5.7.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="feedback", verbose_name=_("user")
    )
    entity_id = models.CharField(_("entity id"), max_length=36)
    entity_type = models.CharField(_("entity type"), max_length=50)
    rating = models.IntegerField(_("rating"), null=True, blank=True, db_index=True)
    comment = models.TextField(_("comment"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)

    class Meta:
        db_table = "feedback"
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        indexes = [
            models.Index(fields=["entity_id", "entity_type"], name="feedback_entity_entity_typ_idx"),
        ]
        constraints = [
            range_check("feedback_rating_range", "rating", 1, 5),
        ]

    def __str__(self) -> str:
        return f"{self.entity_type}: {self.rating or '–'}"


class LearningData(SharedModel):
    """One example a model can learn from (table `learning_data`, 5.7.2)."""

    shared_because = "models learn from everyone's examples"

    id = UUIDKey()
    type = models.CharField(_("type"), max_length=50, db_index=True)
    input_data = models.JSONField(_("input data"))
    output_data = models.JSONField(_("output data"))
    created_at = CreatedAtField(_("created at"), db_index=True)
    metadata = models.JSONField(_("metadata"), null=True, blank=True)

    class Meta:
        db_table = "learning_data"
        verbose_name = _("learning data")
        verbose_name_plural = _("learning data")

    def __str__(self) -> str:
        return str(self.type)


class ModelVersion(SharedModel):
    """A trained model as it was stored (table `model_version`, 5.7.3)."""

    shared_because = "models serve everyone"

    id = UUIDKey()
    model_name = models.CharField(_("model name"), max_length=100)
    version = models.CharField(_("version"), max_length=50)
    path = models.CharField(_("path"), max_length=512)
    performance = models.JSONField(_("performance"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=False, db_default=False
    )

    class Meta:
        db_table = "model_version"
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(
                fields=["model_name", "version"], name="model_version_model_name_version_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_name} {self.version}"


class TrainingJobStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


# The only moves a training job may make; a finished one never changes again.
LEGAL_MOVES: dict[str, frozenset[str]] = {
    TrainingJobStatus.PENDING: frozenset({TrainingJobStatus.RUNNING, TrainingJobStatus.FAILED}),
    TrainingJobStatus.RUNNING: frozenset({TrainingJobStatus.COMPLETED, TrainingJobStatus.FAILED}),
    TrainingJobStatus.COMPLETED: frozenset(),
    TrainingJobStatus.FAILED: frozenset(),
}


class TrainingJob(SharedModel):
    """One training of a model (table `training_job`, 5.7.4)."""

    shared_because = "models serve everyone"

    id = UUIDKey()
    model_name = models.CharField(_("model name"), max_length=100, db_index=True)
    status = EnumField(
        _("status"),
        choices=TrainingJobStatus,
        null=True,
        blank=True,
        db_index=True,
        default=TrainingJobStatus.PENDING,
        db_default=TrainingJobStatus.PENDING,
    )
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    result_model_id = models.CharField(_("result model id"), max_length=36, null=True, blank=True)
    metrics = models.JSONField(_("metrics"), null=True, blank=True)

    class Meta:
        db_table = "training_job"
        verbose_name = _("training job")
        verbose_name_plural = _("training jobs")
        constraints = [
            enum_check("training_job_status_enum", "status", TrainingJobStatus),
        ]

    def __str__(self) -> str:
        return str(self.model_name)


class EvaluationResult(SharedModel):
    """How a model version did on a data set (table `evaluation_result`, 5.7.5)."""

    shared_because = "models serve everyone"

    id = UUIDKey()
    model_version = models.ForeignKey(
        ModelVersion, models.DB_CASCADE, related_name="evaluation_results", verbose_name=_("model version")
    )
    dataset_name = models.CharField(_("dataset name"), max_length=100, db_index=True)
    metrics = models.JSONField(_("metrics"))
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "evaluation_result"
        verbose_name = _("evaluation result")
        verbose_name_plural = _("evaluation results")

    def __str__(self) -> str:
        return str(self.dataset_name)
