"""Where tools come from that this program does not bring itself: MCP servers and OpenAPI documents."""

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
from agi_site.lib.owned import SharedModel


class SourceKind(models.TextChoices):
    MCP_HTTP = "mcp_http", _("MCP server (streamable HTTP)")
    MCP_STDIO = "mcp_stdio", _("MCP server (a program in a sandbox)")
    OPENAPI = "openapi", _("OpenAPI document")


class ToolSource(SharedModel):
    """A server whose tools an operator has added (table `tool_source`, beyond the seed).

    `name` becomes the prefix of its tools' names. `url` is an MCP server, or where the calls of an API go
    when its document does not say; `document_url` is read at each sync, `document` is what was read or
    given. `secrets` are headers (`?name`: query parameters) or environment variables (programs), encrypted
    at rest and never shown. A program runs in a sandbox of `created_by`.
    """

    shared_because = "operators add servers for the whole team"

    id = UUIDKey()
    name = models.SlugField(_("name"), max_length=30, unique=True)
    kind = EnumField(_("kind"), choices=SourceKind)
    url = models.CharField(_("URL"), max_length=500, null=True, blank=True)
    document_url = models.CharField(_("document URL"), max_length=500, null=True, blank=True)
    command = models.JSONField(_("command"), null=True, blank=True)
    document = models.JSONField(_("document"), null=True, blank=True)
    secrets = SealedJSONField(_("secrets"), null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    synced_at = models.DateTimeField(_("synced at"), null=True, blank=True, editable=False)
    error_message = models.TextField(_("error message"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "tool_source"
        verbose_name = _("tool source")
        verbose_name_plural = _("tool sources")
        constraints = [
            enum_check("tool_source_kind_enum", "kind", SourceKind),
        ]

    def __str__(self) -> str:
        return str(self.name)
