"""Sandboxes: containers, their limits, policies, files and executions (the seed's section 5.9)."""

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
)
from agi_site.lib.owned import OwnedModel, SharedModel


class SandboxStatus(models.TextChoices):
    CREATING = "creating", _("creating")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")
    DELETED = "deleted", _("deleted")


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

    class Meta:
        db_table = "sandbox"
        verbose_name = _("sandbox")
        verbose_name_plural = _("sandboxes")
        constraints = [
            enum_check("sandbox_status_enum", "status", SandboxStatus),
        ]

    def __str__(self) -> str:
        return str(self.status)


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


class SandboxExecution(OwnedModel):
    """One command run in a sandbox (table `sandbox_execution`, 5.9.3)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(
        Sandbox, models.DB_CASCADE, related_name="executions", verbose_name=_("sandbox")
    )
    command = models.TextField(_("command"))
    working_dir = models.CharField(_("working dir"), max_length=255, null=True, blank=True)
    started_at = CreatedAtField(_("started at"), null=True, db_index=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    exit_code = models.IntegerField(_("exit code"), null=True, blank=True)
    stdout = models.TextField(_("stdout"), null=True, blank=True)
    stderr = models.TextField(_("stderr"), null=True, blank=True)
    resource_usage = models.JSONField(_("resource usage"), null=True, blank=True)

    class Meta:
        db_table = "sandbox_execution"
        verbose_name = _("sandbox execution")
        verbose_name_plural = _("sandbox executions")

    def __str__(self) -> str:
        return str(self.command)


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


class SandboxFile(OwnedModel):
    """A file in a sandbox (table `sandbox_file`, 5.9.6)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="files", verbose_name=_("sandbox"))
    path = ExactCharField(_("path"), max_length=255)
    content_hash = ExactCharField(_("content hash"), max_length=64, null=True, blank=True, db_index=True)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True, default=0, db_default=0)
    mime_type = models.CharField(_("mime type"), max_length=100, null=True, blank=True)
    is_directory = models.BooleanField(
        _("is directory"), null=True, blank=True, default=False, db_default=False
    )
    created_at = CreatedAtField(_("created at"), null=True)
    last_modified = UpdatedAtField(_("last modified"), null=True)

    class Meta:
        db_table = "sandbox_file"
        verbose_name = _("sandbox file")
        verbose_name_plural = _("sandbox files")
        constraints = [
            models.UniqueConstraint(fields=["sandbox", "path"], name="sandbox_file_sandbox_path_unique"),
        ]

    def __str__(self) -> str:
        return str(self.path)


class Protocol(models.TextChoices):
    TCP = "tcp", _("tcp")
    UDP = "udp", _("udp")


class SandboxPort(OwnedModel):
    """A port of a sandbox made reachable (table `sandbox_port`, 5.9.7)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="ports", verbose_name=_("sandbox"))
    container_port = models.IntegerField(_("container port"))
    host_port = models.IntegerField(_("host port"))
    protocol = EnumField(
        _("protocol"), choices=Protocol, null=True, blank=True, default=Protocol.TCP, db_default=Protocol.TCP
    )
    description = models.CharField(_("description"), max_length=255, null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)

    class Meta:
        db_table = "sandbox_port"
        verbose_name = _("sandbox port")
        verbose_name_plural = _("sandbox ports")
        constraints = [
            models.UniqueConstraint(
                fields=["sandbox", "container_port", "protocol"],
                name="sandbox_port_sandbox_container_port_protocol_unique",
            ),
            enum_check("sandbox_port_protocol_enum", "protocol", Protocol),
        ]

    def __str__(self) -> str:
        return str(self.container_port)


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
