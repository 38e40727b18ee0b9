"""Sandboxes, what belongs to them and what happened to them; operators destroy them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agi_site.lib.admin import for_each, link_to

from .. import services, snapshots
from ..models import (
    Sandbox,
    SandboxEvent,
    SandboxFile,
    SandboxPort,
    SandboxResource,
    SandboxRun,
    SandboxSecurity,
    SandboxSnapshot,
    SandboxStatus,
    SandboxWorkspace,
)
from ..services.safety import safety_of
from .common import COLOURS, PartAdmin, link, names_only


@admin.register(Sandbox)
class SandboxAdmin(PartAdmin):
    """Its row stays after its end, so that its history can be read; clean-up takes it later."""

    list_display = [
        "shown_name",
        link_to("user"),
        "shown_status",
        "verb",
        "cause",
        "image_name",
        link_to("host"),
        "created_at",
        "last_active",
        "expires_at",
    ]
    list_filter = ["status", "host", "created_at"]
    search_fields = ["id", "name", "container_id", "image_name", "image_tag"]
    readonly_fields = ["isolation", "history"]
    actions = ["stop", "destroy"]

    @display(description=_("name"), ordering="name")
    def shown_name(self, sandbox: Sandbox) -> str:
        return str(sandbox)

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, sandbox: Sandbox) -> tuple[str, str]:
        return str(sandbox.status), str(sandbox.get_status_display())

    @display(description=_("isolation"))
    def isolation(self, sandbox: Sandbox) -> str:
        found = safety_of(sandbox)
        points = " ".join(point.text for point in found.points)
        return f"{found.runtime}: {found.text} {points}"

    @display(description=_("history"))
    def history(self, sandbox: Sandbox) -> str:
        pages = [
            (_("sandbox events"), "sandboxevent"),
            (_("sandbox executions"), "sandboxexecution"),
            (_("sandbox files"), "sandboxfile"),
            (_("sandbox snapshots"), "sandboxsnapshot"),
        ]
        links = [
            link(f"{reverse(f'admin:sandbox_{page}_changelist')}?sandbox__id__exact={sandbox.pk}", name)
            for name, page in pages
        ]
        return format_html(" · ".join(["{}"] * len(links)), *links)

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        """Who may end other people's sandboxes: those whose role may delete them."""
        return bool(request.user.has_perm("sandbox.delete_sandbox"))

    @admin.action(description=_("Stop the selected sandboxes"), permissions=["destroy"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Sandbox]) -> None:
        """End what runs in them; their workspaces stay."""
        for_each(request, queryset, lambda row: _end(request, row, "stop"))

    @admin.action(
        description=_("Destroy the selected sandboxes with all that is in them"), permissions=["destroy"]
    )
    def destroy(self, request: HttpRequest, queryset: QuerySet[Sandbox]) -> None:
        """Destroy them, whatever they are doing."""
        rows = queryset.exclude(status=SandboxStatus.DELETED)
        for_each(request, rows, lambda row: _end(request, row, "delete"))


def _end(request: HttpRequest, sandbox: Sandbox, verb: str) -> Sandbox:
    """Its owner is told that it was an operator."""
    return services.do_verb(sandbox=sandbox, verb=verb, by=request.user, cause="operator")


@admin.register(SandboxWorkspace)
class SandboxWorkspaceAdmin(PartAdmin):
    list_display = [link_to("sandbox"), "root_path", "size_bytes", "created_at", "last_modified"]
    search_fields = ["id", "sandbox__id", "root_path"]


@admin.register(SandboxResource)
class SandboxResourceAdmin(PartAdmin):
    list_display = [
        link_to("sandbox"),
        "cpu_limit",
        "memory_limit",
        "disk_limit",
        "network_limit",
        "pids_limit",
        "timeout",
        "created_at",
    ]
    search_fields = ["id", "sandbox__id"]


@admin.register(SandboxSecurity)
class SandboxSecurityAdmin(PartAdmin):
    list_display = [link_to("sandbox"), "created_at", "updated_at"]
    search_fields = ["id", "sandbox__id"]
    exclude = ["env_variables"]  # nobody reads people's secrets here
    readonly_fields = ["environment"]

    @display(description=_("env variables"))
    def environment(self, security: SandboxSecurity) -> str:
        return names_only(security.env_variables)


@admin.register(SandboxFile)
class SandboxFileAdmin(PartAdmin):
    list_display = [
        "path",
        link_to("sandbox"),
        "content_hash",
        "size_bytes",
        "mime_type",
        "is_directory",
        "last_modified",
    ]
    list_filter = ["is_directory"]
    search_fields = ["id", "sandbox__id", "path", "mime_type", "content_hash"]


@admin.register(SandboxPort)
class SandboxPortAdmin(PartAdmin):
    list_display = [
        "container_port",
        link_to("sandbox"),
        "protocol",
        "published",
        "host_port",
        "description",
        "created_at",
    ]
    list_filter = ["protocol", "published"]
    search_fields = ["id", "sandbox__id", "description"]


@admin.register(SandboxRun)
class SandboxRunAdmin(PartAdmin):
    list_display = ["started_at", link_to("sandbox"), link_to("user"), "ended_at", "seconds"]
    list_display_links = ["started_at"]
    list_filter = ["ended_at"]
    search_fields = ["id", "sandbox__id"]


@admin.register(SandboxEvent)
class SandboxEventAdmin(PartAdmin):
    list_display = ["created_at", link_to("sandbox"), "kind", "shown_data"]
    list_display_links = ["created_at"]
    list_filter = ["kind", "created_at"]
    search_fields = ["id", "sandbox__id", "kind"]

    @display(description=_("data"))
    def shown_data(self, event: SandboxEvent) -> str:
        return str(event.data or "–")[:120]


@admin.register(SandboxSnapshot)
class SandboxSnapshotAdmin(PartAdmin):
    list_display = [
        "shown_name",
        link_to("user"),
        link_to("sandbox"),
        "kind",
        "shown_status",
        "file_count",
        "size",
        "stored",
        "created_at",
    ]
    list_filter = ["status", "kind", "created_at"]
    search_fields = ["id", "name", "sandbox__id"]
    actions = ["remove"]

    @display(description=_("name"), ordering="name")
    def shown_name(self, snapshot: SandboxSnapshot) -> str:
        return str(snapshot)

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, snapshot: SandboxSnapshot) -> tuple[str, str]:
        return str(snapshot.status), str(snapshot.get_status_display())

    @display(description=_("size"), ordering="size_bytes")
    def size(self, snapshot: SandboxSnapshot) -> str:
        return filesizeformat(snapshot.size_bytes)

    @display(description=_("stored"), ordering="stored_bytes")
    def stored(self, snapshot: SandboxSnapshot) -> str:
        return filesizeformat(snapshot.stored_bytes)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Who may delete what people kept: only those whose role says so."""
        return bool(request.user.has_perm("sandbox.delete_sandboxsnapshot"))

    @admin.action(description=_("Delete the selected snapshots with their archives"), permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete rows and archives."""
        for_each(request, queryset, lambda row: snapshots.delete_snapshot(snapshot=row, by=request.user))
