"""Templates, with forms that say what is wrong with a limit or a policy at its field."""

from copy import copy
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from agi_site.lib.admin import TableAdmin

from .. import services
from ..models import InstanceStatus, SandboxTemplate
from ..policy.limits import NAMES
from .common import ServiceForm

COLUMNS = [
    "name",
    "description",
    "image_name",
    "image_tag",
    "config",
    "resource_config",
    "security_config",
    "is_active",
]
POLICIES = ("network_policy", "syscall_policy", "mount_policy", "runtime")


class SandboxTemplateForm(ServiceForm):
    class Meta:
        model = SandboxTemplate
        fields = COLUMNS
        help_texts = {
            "image_name": _("An image on the allow-list."),
            "config": _("{“env”: {…}, “workspace”: “disk” or “memory”, “pool”: {“min”: 1, “max”: 8}, …}"),
            "resource_config": _("Limits by name: {“memory_limit”: 536870912, “cpu_limit”: 100, …}"),
            "security_config": _(
                "{“network_policy”: …, “syscall_policy”: …, “mount_policy”: …, “runtime”: …}"
            ),
        }

        widgets = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "font-mono"})
            for name in ("config", "resource_config", "security_config")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self._meta.widgets:
            self.initial[name] = self.initial.get(name) or {}

    def attempt(self, values: dict[str, Any]) -> None:
        given = {name: values[name] for name in COLUMNS if name in values}
        if self.instance._state.adding:
            services.add_template(by=None, values=given)
        else:
            services.change_template(template=copy(self.instance), by=None, values=given)

    def column_of(self, field: str) -> str | None:
        if field in NAMES:
            return "resource_config"
        if field in POLICIES:
            return "security_config"
        return "config" if field == "env" else super().column_of(field)


@admin.register(SandboxTemplate)
class SandboxTemplateAdmin(TableAdmin):
    form = SandboxTemplateForm
    list_display = ["name", "image_name", "image_tag", "pool", "claimed", "is_active", "updated_at"]
    list_filter = ["is_active"]
    search_fields = ["id", "name", "image_name", "image_tag"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                warm_count=Count("instances", filter=Q(instances__status=InstanceStatus.WARM)),
                claimed_count=Count("instances", filter=Q(instances__status=InstanceStatus.CLAIMED)),
            )
        )

    @display(description=_("pool: warm, of at least to at most"))
    def pool(self, template: Any) -> str:
        given = (template.config or {}).get("pool")
        bounds = given if isinstance(given, dict) else {}
        return f"{template.warm_count} ({bounds.get('min', 1)}–{bounds.get('max', 8)})"

    @display(description=_("claimed"))
    def claimed(self, template: Any) -> int:
        return int(template.claimed_count)

    def save_model(self, request: HttpRequest, obj: SandboxTemplate, form: Any, change: bool) -> None:
        """Store by the service, which checks and leaves an audit record."""
        values = {name: form.cleaned_data[name] for name in COLUMNS if name in form.cleaned_data}
        if change:
            services.change_template(template=obj, by=request.user, values=values)
        else:
            obj.pk = services.add_template(by=request.user, values=values).pk
