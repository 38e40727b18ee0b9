"""Recipes for sandboxes (the seed, 5.9.8), and the images they may be made of."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import SharedModel


class SandboxTemplate(SharedModel):
    """A recipe for sandboxes (table `sandbox_template`, 5.9.8)."""

    shared_because = "templates serve everyone"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), null=True, blank=True)
    image_name = models.CharField(_("image name"), max_length=255)
    image_tag = models.CharField(_("image tag"), max_length=50, default="latest", db_default="latest")
    config = models.JSONField(_("config"), null=True, blank=True)
    resource_config = models.JSONField(_("resource config"), null=True, blank=True)
    security_config = models.JSONField(_("security config"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )

    class Meta:
        db_table = "sandbox_template"
        verbose_name = _("sandbox template")
        verbose_name_plural = _("sandbox templates")

    def __str__(self) -> str:
        return str(self.name)


class SandboxImage(SharedModel):
    """An image that templates may use, by name and tag or by digest: the operators' allow-list."""

    shared_because = "which images are allowed is the team's decision"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=255)
    tag = models.CharField(_("tag"), max_length=50, default="latest", db_default="latest")
    digest = models.CharField(_("digest"), max_length=80, null=True, blank=True)
    description = models.CharField(_("description"), max_length=255, default="", db_default="", blank=True)
    is_active = models.BooleanField(_("is active"), default=True, db_default=True)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"))

    class Meta:
        db_table = "sandbox_image"
        verbose_name = _("sandbox image")
        verbose_name_plural = _("sandbox images")
        constraints = [
            models.UniqueConstraint(fields=["name", "tag"], name="sandbox_image_name_tag_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"


class BuildStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")


class SandboxImageBuild(SharedModel):
    """One build of an image from an operator's Dockerfile, with its log."""

    shared_because = "images are built by operators for everyone"

    id = UUIDKey()
    image = models.ForeignKey(
        SandboxImage, models.DB_CASCADE, related_name="builds", verbose_name=_("sandbox image")
    )
    dockerfile = models.TextField(_("Dockerfile"))
    status = EnumField(
        _("status"), choices=BuildStatus, default=BuildStatus.QUEUED, db_default=BuildStatus.QUEUED
    )
    log = models.TextField(_("log"), null=True, blank=True)
    digest = models.CharField(_("digest"), max_length=80, null=True, blank=True)
    built_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("built by"),
    )
    created_at = CreatedAtField(_("created at"))
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    class Meta:
        db_table = "sandbox_image_build"
        verbose_name = _("image build")
        verbose_name_plural = _("image builds")
        constraints = [enum_check("sandbox_image_build_status_enum", "status", BuildStatus)]

    def __str__(self) -> str:
        return str(self.pk)
