"""The ledger: read by operators, who can stop what runs and start what failed once more."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin, for_each, link_to

from .. import results, services
from ..models import ToolExecution


@admin.register(ToolExecution)
class ToolExecutionAdmin(HistoryAdmin):
    list_display = [
        "id",
        link_to("tool"),
        link_to("user"),
        "status",
        "error_code",
        "policy_effect",
        "ran_in",
        "created_at",
        "seconds",
        "error_message",
    ]
    list_filter = ["status", "error_code", "policy_effect", "tool", "created_at"]
    search_fields = ["id", "trigger_id", "awaits_id"]
    actions = ["cancel", "retry"]

    @admin.display(description=_("seconds"))
    def seconds(self, execution: ToolExecution) -> str:
        return "–" if execution.duration is None else f"{execution.duration:.2f}"

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Who may stop and repeat other people's runs: those who decide on them."""
        return bool(request.user.has_perm("tools.approve"))

    @admin.action(description=_("Stop the selected runs"), permissions=["stop"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[ToolExecution]) -> None:
        """Stop what waits or runs."""
        for_each(request, queryset, lambda row: services.cancel_execution(execution=row, by=request.user))

    @admin.action(description=_("Run the selected failed ones once more"), permissions=["stop"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ToolExecution]) -> None:
        """Start each anew, for the person it was for."""
        for_each(request, queryset, lambda row: services.repeat_execution(execution=row, by=request.user))

    def delete_model(self, request: HttpRequest, obj: ToolExecution) -> None:
        """With the file of a large result."""
        super().delete_model(request, obj)
        results.discard(obj.result_file)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ToolExecution]) -> None:
        """With the files of large results."""
        files = list(queryset.exclude(result_file="").values_list("result_file", flat=True))
        super().delete_queryset(request, queryset)
        for file in files:
            results.discard(file)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the rows whose names the list shows."""
        return super().get_queryset(request).select_related("tool", "user")
