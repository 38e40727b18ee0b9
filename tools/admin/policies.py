"""The rules of the policy, with forms that say what is wrong with one."""

from copy import copy
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agi_site.lib.admin import TableAdmin, link_to
from sandbox.admin.common import ServiceForm

from .. import services
from ..models import ToolPolicy

COLUMNS = [
    "tool",
    "category",
    "role",
    "effect",
    "approver",
    "unattended",
    "expires_seconds",
    "exec_env",
    "reason",
]


class ToolPolicyForm(ServiceForm):
    class Meta:
        model = ToolPolicy
        fields = COLUMNS

    def attempt(self, values: dict[str, Any]) -> None:
        given = {name: values[name] for name in COLUMNS if name in values}
        if self.instance._state.adding:
            services.create_policy(by=None, **given)
        else:
            services.change_policy(policy=copy(self.instance), by=None, **given)


@admin.register(ToolPolicy)
class ToolPolicyAdmin(TableAdmin):
    form = ToolPolicyForm
    list_display = [
        "id",
        link_to("tool"),
        "category",
        link_to("role"),
        "effect",
        "approver",
        "unattended",
        "exec_env",
        "reason",
        "updated_at",
    ]
    list_filter = ["effect", "approver", "role"]
    search_fields = ["category", "reason", "tool__name"]

    def save_model(self, request: HttpRequest, obj: ToolPolicy, form: Any, change: bool) -> None:
        """Store by the service, which checks and leaves an audit record."""
        given = {name: form.cleaned_data[name] for name in COLUMNS if name in form.cleaned_data}
        if change:
            services.change_policy(policy=obj, by=request.user, **given)
        else:
            obj.pk = services.create_policy(by=request.user, **given).pk

    def delete_model(self, request: HttpRequest, obj: ToolPolicy) -> None:
        """Remove by the service."""
        services.remove_policy(policy=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ToolPolicy]) -> None:
        """Remove each by the service."""
        for policy in queryset:
            services.remove_policy(policy=policy, by=request.user)
