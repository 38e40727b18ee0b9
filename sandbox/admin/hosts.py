"""Hosts and the pools of warm containers on them."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from agi_site.lib.admin import for_each, link_to

from .. import services
from ..models import InstanceStatus, SandboxHost, SandboxInstance
from .common import COLOURS, PartAdmin


@admin.register(SandboxHost)
class SandboxHostAdmin(PartAdmin):
    list_display = [
        "name",
        "shown_status",
        "detail",
        "cpu_count",
        "memory",
        "warm",
        "claimed",
        "agent",
        "last_seen",
    ]
    list_filter = ["status"]
    search_fields = ["id", "name"]
    actions = ["drain", "activate"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                warm_count=Count("instances", filter=Q(instances__status=InstanceStatus.WARM)),
                claimed_count=Count("instances", filter=Q(instances__status=InstanceStatus.CLAIMED)),
            )
        )

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, host: SandboxHost) -> tuple[str, str]:
        return str(host.status), str(host.get_status_display())

    @display(description=pgettext_lazy("computer", "memory"), ordering="memory_bytes")
    def memory(self, host: SandboxHost) -> str:
        return filesizeformat(host.memory_bytes)

    @display(description=_("warm"))
    def warm(self, host: Any) -> int:
        return int(host.warm_count)

    @display(description=_("claimed"))
    def claimed(self, host: Any) -> int:
        return int(host.claimed_count)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Who may drain and activate: those whose role may change hosts."""
        return bool(request.user.has_perm("sandbox.change_sandboxhost"))

    @admin.action(description=_("Drain: place nothing new on the selected hosts"), permissions=["steer"])
    def drain(self, request: HttpRequest, queryset: QuerySet[SandboxHost]) -> None:
        """Place nothing new on them; what people have there stays."""
        for_each(request, queryset, lambda row: services.drain_host(host=row, by=request.user))

    @admin.action(description=_("Use the selected hosts again"), permissions=["steer"])
    def activate(self, request: HttpRequest, queryset: QuerySet[SandboxHost]) -> None:
        """Use drained ones again."""
        for_each(request, queryset, lambda row: services.activate_host(host=row, by=request.user))


class Standing(admin.SimpleListFilter):
    """The list begins with what stands: the pool and what is claimed; the rest is history."""

    title = _("whether it stands")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("pool", _("the pool")), ("claimed", _("claimed")), ("all", _("gone ones too"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield first | {"display": _("what stands")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "pool":
            return queryset.filter(status__in=[InstanceStatus.WARMING, InstanceStatus.WARM])
        if self.value() == "claimed":
            return queryset.filter(status=InstanceStatus.CLAIMED)
        return queryset if self.value() == "all" else queryset.exclude(status=InstanceStatus.GONE)


@admin.register(SandboxInstance)
class SandboxInstanceAdmin(PartAdmin):
    list_display = [
        "created_at",
        link_to("host"),
        link_to("template"),
        "shown_profile",
        "shown_status",
        link_to("sandbox"),
        "container_id",
        "cause",
        "warm_at",
        "claimed_at",
    ]
    list_display_links = ["created_at"]
    list_filter = [Standing, "host", "template"]
    search_fields = ["id", "container_id", "profile", "sandbox__id"]

    @display(description=_("profile"), ordering="profile")
    def shown_profile(self, instance: SandboxInstance) -> str:
        return str(instance.profile)[:12]

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, instance: SandboxInstance) -> tuple[str, str]:
        return str(instance.status), str(instance.get_status_display())
