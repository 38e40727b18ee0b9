"""What the scanner held back: operators look into it, release it or remove it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agi_site.lib.admin import for_each, link_to, tell_problems

from .. import files
from ..files import scan
from ..models import QuarantineStatus, SandboxQuarantine
from ..sending import send
from .common import COLOURS, PartAdmin, link

MAY_DECIDE = "sandbox.change_sandboxquarantine"


@admin.register(SandboxQuarantine)
class SandboxQuarantineAdmin(PartAdmin):
    list_display = [
        "created_at",
        link_to("user"),
        link_to("sandbox"),
        "path",
        "direction",
        "scanner",
        "rule",
        "size_bytes",
        "shown_status",
        "decided_at",
    ]
    list_display_links = ["created_at", "path"]
    list_filter = ["status", "direction", "scanner", "created_at"]
    search_fields = ["id", "path", "rule", "content_hash", "sandbox__id"]
    readonly_fields = ["content"]
    exclude = ["storage_path"]
    actions = ["release", "remove"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with what keeps an operator's own rules from being used."""
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse):
            for place, fault in scan.broken_rules().items():
                text = _("The scanner does not use the rules in %(place)s: %(fault)s")
                messages.warning(request, text % {"place": place, "fault": fault.strip().partition("\n")[0]})
        return response

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, row: SandboxQuarantine) -> tuple[str, str]:
        return str(row.status), str(row.get_status_display())

    @display(description=_("content"))
    def content(self, row: SandboxQuarantine) -> str:
        if row.status == QuarantineStatus.REMOVED or not row.storage_path:
            return "–"
        address = reverse("admin:sandbox_sandboxquarantine_content", args=[row.pk])
        return link(address, _("Download it (this is recorded)"))

    def get_urls(self) -> list[Any]:
        address = path(
            "<path:object_id>/content/",
            self.admin_site.admin_view(self.content_view),
            name="sandbox_sandboxquarantine_content",
        )
        return [address, *super().get_urls()]

    def content_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The held bytes, for those who may decide on them."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        row = get_object_or_404(SandboxQuarantine, pk=object_id)
        return tell_problems(
            request, lambda _request: send(request, files.open_quarantined(quarantined=row, by=request.user))
        )

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may decide: those whose role may change what is quarantined."""
        return bool(request.user.has_perm(MAY_DECIDE))

    @admin.action(
        description=_("Release: this content is harmless, and passes from now on"), permissions=["decide"]
    )
    def release(self, request: HttpRequest, queryset: QuerySet[SandboxQuarantine]) -> None:
        """Let the content pass."""
        for_each(request, queryset, lambda row: files.release_quarantined(quarantined=row, by=request.user))

    @admin.action(description=_("Remove: destroy the held copies"), permissions=["decide"])
    def remove(self, request: HttpRequest, queryset: QuerySet[SandboxQuarantine]) -> None:
        """Destroy what is held."""
        for_each(request, queryset, lambda row: files.remove_quarantined(quarantined=row, by=request.user))
