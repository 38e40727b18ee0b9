"""Sandboxes, their limits, policies and workspaces (the seed, 5.9.1, 5.9.2, 5.9.4, 5.9.5)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EnumField,
    SealedJSONField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
)
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .hosts import SandboxHost
from .templates import SandboxTemplate


class SandboxStatus(models.TextChoices):
    CREATING = "creating", _("creating")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")
    DELETED = "deleted", _("deleted")


# The `origin_type` of a sandbox that is for one execution, and deleted when that has ended.
ONCE = "once"
# A sandbox in one of these has a container, or is about to have one.
ALIVE = (SandboxStatus.CREATING, SandboxStatus.RUNNING, SandboxStatus.PAUSED, SandboxStatus.STOPPED)


class SandboxQuerySet(OwnedQuerySet):
    """Sandboxes, by where they are in their life."""

    def alive(self) -> Self:
        """Those that have a container, or are about to have one."""
        return self.filter(status__in=ALIVE)

    def shown(self) -> Self:
        """Those a person still has: all but the deleted ones."""
        return self.exclude(status=SandboxStatus.DELETED)

    def with_parts(self) -> Self:
        """Load what a page or a worker needs of a sandbox in one query."""
        return self.select_related("template", "host", "resource", "security", "instance")

    def for_running(self) -> Self:
        """Load what somebody who runs something needs: its limits, where its agent is, what that is told."""
        parts = self.select_related("host", "resource", "security", "template", "instance")
        return parts.only(
            "user",
            "status",
            "verb",
            "origin_type",
            "host",
            "host__gateway",
            "resource__sandbox",
            "resource__execution_timeout",
            "resource__output_limit",
            "resource__open_files",
            "security__sandbox",
            "security__env_variables",
            "template",
            "template__config",
            "instance__host",
            "instance__sandbox",
        )


class Sandbox(OwnedModel):
    """A locked-down container that belongs to a person (table `sandbox`, 5.9.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="sandboxes", verbose_name=_("user")
    )
    status = EnumField(
        _("status"),
        choices=SandboxStatus,
        null=True,
        blank=True,
        db_index=True,
        default=SandboxStatus.CREATING,
        db_default=SandboxStatus.CREATING,
    )
    container_id = models.CharField(_("container id"), max_length=64, null=True, blank=True, db_index=True)
    image_name = models.CharField(_("image name"), max_length=255)
    image_tag = models.CharField(_("image tag"), max_length=50, default="latest", db_default="latest")
    created_at = CreatedAtField(_("created at"), null=True, db_index=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    last_active = models.DateTimeField(_("last active"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True, db_index=True)
    config = models.JSONField(_("config"), null=True, blank=True)
    # beyond the seed (see the app's README)
    name = models.CharField(_("name"), max_length=100, default="", db_default="", blank=True)
    template = models.ForeignKey(
        SandboxTemplate,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="sandboxes",
        verbose_name=_("template"),
    )
    host = models.ForeignKey(
        SandboxHost,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="sandboxes",
        verbose_name=_("host"),
    )
    verb = models.CharField(_("verb under way"), max_length=20, null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=50, null=True, blank=True)
    detail = models.TextField(_("detail"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    # seconds it ran up to its last stop, for the person's quota
    running_seconds = models.BigIntegerField(_("running seconds"), default=0, db_default=0)
    origin_type = models.CharField(_("origin type"), max_length=50, null=True, blank=True)
    origin_id = models.CharField(_("origin id"), max_length=36, null=True, blank=True)

    objects = SandboxQuerySet.as_manager()
    live_executions: int  # that wait or run in it, where a query asked for them

    class Meta:
        db_table = "sandbox"
        indexes = [
            models.Index(fields=["origin_type", "origin_id"], name="idx_sandbox_origin"),
            # the quota's question at each claim, beside many deleted ones
            models.Index(fields=["user", "status"], name="idx_sandbox_user_status"),
        ]
        verbose_name = _("sandbox")
        verbose_name_plural = _("sandboxes")
        constraints = [
            enum_check("sandbox_status_enum", "status", SandboxStatus),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class SandboxWorkspace(OwnedModel):
    """The working directory of a sandbox (table `sandbox_workspace`, 5.9.2)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(
        Sandbox, models.DB_CASCADE, related_name="workspaces", verbose_name=_("sandbox")
    )
    root_path = models.CharField(_("root path"), max_length=255)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True, default=0, db_default=0)
    created_at = CreatedAtField(_("created at"), null=True)
    last_modified = UpdatedAtField(_("last modified"), null=True)

    class Meta:
        db_table = "sandbox_workspace"
        verbose_name = _("sandbox workspace")
        verbose_name_plural = _("sandbox workspaces")

    def __str__(self) -> str:
        return str(self.pk)


class SandboxResource(OwnedModel):
    """The limits of a sandbox (table `sandbox_resource`, 5.9.4)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.OneToOneField(
        Sandbox, models.DB_CASCADE, related_name="resource", verbose_name=_("sandbox")
    )
    cpu_limit = models.IntegerField(_("cpu limit"), null=True, blank=True)
    memory_limit = models.BigIntegerField(_("memory limit"), null=True, blank=True)
    disk_limit = models.BigIntegerField(_("disk limit"), null=True, blank=True)
    network_limit = models.BigIntegerField(_("network limit"), null=True, blank=True)
    timeout = models.IntegerField(_("timeout"), null=True, blank=True)
    # beyond the seed (see the app's README)
    pids_limit = models.IntegerField(_("pids limit"), null=True, blank=True)
    open_files = models.IntegerField(_("open files"), null=True, blank=True)
    tmp_limit = models.BigIntegerField(_("tmp limit"), null=True, blank=True)
    shm_limit = models.BigIntegerField(_("shared memory limit"), null=True, blank=True)
    execution_timeout = models.IntegerField(_("execution timeout"), null=True, blank=True)
    output_limit = models.BigIntegerField(_("output limit"), null=True, blank=True)
    idle_timeout = models.IntegerField(_("idle timeout"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "sandbox_resource"
        verbose_name = _("sandbox resource")
        verbose_name_plural = _("sandbox resources")

    def __str__(self) -> str:
        return str(self.pk)


class SandboxSecurity(OwnedModel):
    """The policies of a sandbox (table `sandbox_security`, 5.9.5)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.OneToOneField(
        Sandbox, models.DB_CASCADE, related_name="security", verbose_name=_("sandbox")
    )
    network_policy = models.JSONField(_("network policy"), null=True, blank=True)
    syscall_policy = models.JSONField(_("syscall policy"), null=True, blank=True)
    mount_policy = models.JSONField(_("mount policy"), null=True, blank=True)
    env_variables = SealedJSONField(_("env variables"), null=True, blank=True)
    capabilities = models.JSONField(_("capabilities"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "sandbox_security"
        verbose_name = _("sandbox security")
        verbose_name_plural = _("sandbox security policies")

    def __str__(self) -> str:
        return str(self.pk)


class SandboxRun(OwnedModel):
    """A run of a sandbox that is over, from its start to its stop or end: what the quotas add up."""

    owner_path = "user"

    id = UUIDKey()
    # The sandbox's person, here too: a claim adds up a day of theirs from the index alone.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="+", verbose_name=_("user")
    )
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="runs", verbose_name=_("sandbox"))
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        db_table = "sandbox_run"
        verbose_name = _("sandbox run")
        verbose_name_plural = _("sandbox runs")
        indexes = [
            models.Index(
                fields=["user", "ended_at", "started_at", "seconds"], name="idx_sandbox_run_user_ended"
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S}, {self.seconds:.1f} s"


class SandboxEvent(OwnedModel):
    """What happened to a sandbox, in order: made, stopped, killed, cleaned up, and why."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="events", verbose_name=_("sandbox"))
    kind = models.CharField(_("kind"), max_length=50)
    data = models.JSONField(_("data"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)

    class Meta:
        db_table = "sandbox_event"
        verbose_name = _("sandbox event")
        verbose_name_plural = _("sandbox events")

    def __str__(self) -> str:
        return str(self.kind)
