"""Admin of sandboxes."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import (
    Sandbox,
    SandboxEvent,
    SandboxExecution,
    SandboxFile,
    SandboxHost,
    SandboxImage,
    SandboxImageBuild,
    SandboxInstance,
    SandboxPort,
    SandboxQuarantine,
    SandboxResource,
    SandboxSecurity,
    SandboxSnapshot,
    SandboxTemplate,
    SandboxWorkspace,
)


@admin.register(Sandbox)
class SandboxAdmin(HistoryAdmin):
    list_display = [
        "name",
        "user",
        "status",
        "verb",
        "cause",
        "image_name",
        "host",
        "created_at",
        "started_at",
    ]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "image_name", "image_tag"]


@admin.register(SandboxWorkspace)
class SandboxWorkspaceAdmin(HistoryAdmin):
    list_display = ["sandbox", "root_path", "size_bytes", "created_at", "last_modified"]
    search_fields = ["id", "root_path"]


@admin.register(SandboxExecution)
class SandboxExecutionAdmin(HistoryAdmin):
    list_display = ["sandbox", "kind", "status", "cause", "exit_code", "started_at", "completed_at"]
    list_filter = ["status", "kind", "cause", "started_at"]
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


@admin.register(SandboxEvent)
class SandboxEventAdmin(HistoryAdmin):
    list_display = ["created_at", "sandbox", "kind"]
    list_filter = ["created_at"]
    search_fields = ["id", "kind"]


@admin.register(SandboxSnapshot)
class SandboxSnapshotAdmin(HistoryAdmin):
    list_display = ["name", "user", "sandbox", "kind", "status", "size_bytes", "created_at"]
    list_filter = ["status", "kind"]
    search_fields = ["id", "name"]


@admin.register(SandboxQuarantine)
class SandboxQuarantineAdmin(HistoryAdmin):
    list_display = ["created_at", "user", "path", "direction", "scanner", "rule", "status"]
    list_filter = ["status", "direction"]
    search_fields = ["id", "path", "rule"]


@admin.register(SandboxHost)
class SandboxHostAdmin(HistoryAdmin):
    list_display = ["name", "status", "detail", "cpu_count", "memory_bytes", "last_seen"]
    list_filter = ["status"]
    search_fields = ["id", "name"]


@admin.register(SandboxInstance)
class SandboxInstanceAdmin(HistoryAdmin):
    list_display = ["created_at", "host", "template", "sandbox", "status", "container_id", "cause"]
    list_filter = ["status"]
    search_fields = ["id", "container_id"]


@admin.register(SandboxImage)
class SandboxImageAdmin(TableAdmin):
    list_display = ["name", "tag", "digest", "description", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["id", "name"]


@admin.register(SandboxImageBuild)
class SandboxImageBuildAdmin(HistoryAdmin):
    list_display = ["created_at", "image", "status", "built_by", "completed_at"]
    list_filter = ["status"]
    search_fields = ["id"]
