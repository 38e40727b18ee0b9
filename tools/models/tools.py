"""Tools and their parameters (the seed's sections 5.3.1 and 5.3.2)."""

from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import SharedModel, SharedQuerySet

from .sources import ToolSource


class ExecEnv(models.TextChoices):
    HOST = "host", _("host")
    SANDBOX = "sandbox", _("sandbox")
    BOTH = "both", _("both")


class ToolKind(models.TextChoices):
    """What runs when the tool is called."""

    PROGRAM = "program", _("part of this program")
    SCRIPT = "script", _("script in a sandbox")
    MCP = "mcp", _("MCP server")
    OPENAPI = "openapi", _("OpenAPI operation")


class ToolQuerySet(SharedQuerySet):
    """Tools, by who may run them."""

    def runnable_by(self, user: Any) -> Self:
        """The tools switched on for `user`; running is for everyone who is signed in."""
        return self.filter(enabled=True) if user is not None and user.is_authenticated else self.none()

    def with_parameters(self) -> Self:
        """Load the parameters too, in the order in which they were declared."""
        return self.prefetch_related(
            models.Prefetch("parameters", queryset=ToolParameter.objects.order_by("pk"))
        )


class Tool(SharedModel):
    """Something the assistant, a person or a plan can run by name (table `tool`, 5.3.1)."""

    shared_because = "the registry of tools serves everyone"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), null=True, blank=True)
    category = models.CharField(_("category"), max_length=50, null=True, blank=True, db_index=True)
    version = models.CharField(_("version"), max_length=20, null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), null=True, blank=True, default=True, db_default=True)
    exec_env = EnumField(
        _("exec env"),
        choices=ExecEnv,
        null=True,
        blank=True,
        db_index=True,
        default=ExecEnv.HOST,
        db_default=ExecEnv.HOST,
    )
    created_at = CreatedAtField(_("created at"), null=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)
    # Beyond the seed; the README says why.
    kind = EnumField(_("kind"), choices=ToolKind, default=ToolKind.PROGRAM, db_default=ToolKind.PROGRAM)
    source = models.ForeignKey(
        ToolSource,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="tools",
        verbose_name=_("source"),
    )
    remote_name = models.CharField(_("name at the source"), max_length=200, null=True, blank=True)
    details = models.JSONField(_("details"), null=True, blank=True)
    script = models.TextField(_("script"), null=True, blank=True)
    interpreter = models.CharField(_("interpreter"), max_length=20, null=True, blank=True)
    timeout_seconds = models.PositiveIntegerField(_("timeout (seconds)"), null=True, blank=True)
    retry_safe = models.BooleanField(_("safe to run again"), default=False, db_default=False)
    max_retries = models.PositiveSmallIntegerField(_("max retries"), default=0, db_default=0)
    max_concurrent = models.PositiveIntegerField(_("at a time"), null=True, blank=True)
    rate_limit = models.CharField(
        _("rate limit per person"), max_length=20, blank=True, default="", db_default=""
    )

    objects = ToolQuerySet.as_manager()

    class Meta:
        db_table = "tool"
        verbose_name = _("tool")
        verbose_name_plural = _("tools")
        constraints = [
            enum_check("tool_exec_env_enum", "exec_env", ExecEnv),
            enum_check("tool_kind_enum", "kind", ToolKind),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ToolParameter(SharedModel):
    """An argument that a tool takes (table `tool_parameter`, 5.3.2)."""

    shared_because = "parameters belong to a shared tool"

    id = models.BigAutoField(_("id"), primary_key=True)
    tool = models.ForeignKey(Tool, models.DB_CASCADE, related_name="parameters", verbose_name=_("tool"))
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), null=True, blank=True)
    type = models.CharField(_("type"), max_length=50)
    required = models.BooleanField(_("required"), null=True, blank=True, default=False, db_default=False)
    default_value = models.CharField(_("default value"), max_length=255, null=True, blank=True)
    # Beyond the seed; the README says why.
    schema = models.JSONField(_("schema"), null=True, blank=True)

    class Meta:
        db_table = "tool_parameter"
        verbose_name = _("tool parameter")
        verbose_name_plural = _("tool parameters")
        constraints = [
            models.UniqueConstraint(fields=["tool", "name"], name="tool_parameter_tool_name_unique"),
        ]

    def __str__(self) -> str:
        return str(self.name)
