"""Admin of sandboxes."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import (
    Sandbox,
    SandboxExecution,
    SandboxFile,
    SandboxPort,
    SandboxResource,
    SandboxSecurity,
    SandboxTemplate,
    SandboxWorkspace,
)


@admin.register(Sandbox)
class SandboxAdmin(HistoryAdmin):
    list_display = ["user", "status", "container_id", "image_name", "image_tag", "created_at", "started_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "image_name", "image_tag"]


@admin.register(SandboxWorkspace)
class SandboxWorkspaceAdmin(HistoryAdmin):
    list_display = ["sandbox", "root_path", "size_bytes", "created_at", "last_modified"]
    search_fields = ["id", "root_path"]


@admin.register(SandboxExecution)
class SandboxExecutionAdmin(HistoryAdmin):
    list_display = ["sandbox", "working_dir", "started_at", "completed_at", "exit_code"]
    list_filter = ["started_at"]
    search_fields = ["id", "working_dir"]


@admin.register(SandboxResource)
class SandboxResourceAdmin(HistoryAdmin):
    list_display = [
        "sandbox",
        "cpu_limit",
        "memory_limit",
        "disk_limit",
        "network_limit",
        "timeout",
        "created_at",
    ]
    search_fields = ["id"]


@admin.register(SandboxSecurity)
class SandboxSecurityAdmin(HistoryAdmin):
    list_display = ["sandbox", "created_at", "updated_at"]
    search_fields = ["id"]


@admin.register(SandboxFile)
class SandboxFileAdmin(HistoryAdmin):
    list_display = [
        "sandbox",
        "path",
        "content_hash",
        "size_bytes",
        "mime_type",
        "is_directory",
        "created_at",
    ]
    list_filter = ["is_directory"]
    search_fields = ["id", "mime_type"]


@admin.register(SandboxPort)
class SandboxPortAdmin(HistoryAdmin):
    list_display = ["sandbox", "container_port", "host_port", "protocol", "description", "created_at"]
    list_filter = ["protocol"]
    search_fields = ["id", "description"]


@admin.register(SandboxTemplate)
class SandboxTemplateAdmin(TableAdmin):
    list_display = ["name", "image_name", "image_tag", "created_at", "updated_at", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["id", "name", "image_name", "image_tag"]
