"""Tool sources, as operators see them: added and changed on their own pages, read anew and switched here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin
from sandbox.admin.common import names_only

from ..models import ToolSource
from ..sources import services


@admin.register(ToolSource)
class ToolSourceAdmin(HistoryAdmin):
    list_display = ["name", "kind", "url", "enabled", "synced_at", "error_message"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name", "url"]
    exclude = ["secrets", "document"]
    readonly_fields = ["names_of_secrets"]
    actions = ["sync"]

    @admin.display(description=_("secrets"))
    def names_of_secrets(self, source: ToolSource) -> SafeString:
        return names_only(source.secrets)

    @admin.action(description=_("Read anew what the selected sources offer"), permissions=["delete"])
    def sync(self, request: HttpRequest, queryset: QuerySet[ToolSource]) -> None:
        for source in queryset.only("pk"):
            services.sync_soon(source=source)
