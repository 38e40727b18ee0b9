"""Consent: operators agree and refuse where their word is wanted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin, for_each, link_to

from .. import services
from ..models import Approval


@admin.register(Approval)
class ApprovalAdmin(HistoryAdmin):
    list_display = [
        "created_at",
        "title",
        link_to("user"),
        "approver",
        link_to("delegate"),
        "status",
        "expires_at",
        "decided_at",
        link_to("decided_by"),
    ]
    list_display_links = ["created_at", "title"]
    list_filter = ["status", "approver", "target_type", "created_at"]
    search_fields = ["id", "target_id", "title"]
    actions = ["approve", "reject"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may decide at all; of each question the service says whether it is theirs."""
        return bool(request.user.has_perm("tools.approve"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what waits for it would wait for ever

    @admin.action(description=_("Approve the selected questions"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Agree to each, as proposed."""
        for_each(request, queryset, lambda row: services.approve(approval=row, by=request.user))

    @admin.action(description=_("Reject the selected questions"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Refuse each."""
        for_each(request, queryset, lambda row: services.reject(approval=row, by=request.user))
