"""REST resources of sandboxes."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, SharedViewSet

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


class SandboxSerializer(RowSerializer):
    class Meta:
        model = Sandbox
        fields = [
            "id",
            "user",
            "status",
            "container_id",
            "image_name",
            "image_tag",
            "created_at",
            "started_at",
            "last_active",
            "expires_at",
            "config",
        ]


class SandboxWorkspaceSerializer(RowSerializer):
    class Meta:
        model = SandboxWorkspace
        fields = ["id", "sandbox", "root_path", "size_bytes", "created_at", "last_modified"]


class SandboxExecutionSerializer(RowSerializer):
    class Meta:
        model = SandboxExecution
        fields = [
            "id",
            "sandbox",
            "command",
            "working_dir",
            "started_at",
            "completed_at",
            "exit_code",
            "stdout",
            "stderr",
            "resource_usage",
        ]


class SandboxResourceSerializer(RowSerializer):
    class Meta:
        model = SandboxResource
        fields = [
            "id",
            "sandbox",
            "cpu_limit",
            "memory_limit",
            "disk_limit",
            "network_limit",
            "timeout",
            "created_at",
            "updated_at",
        ]


class SandboxSecuritySerializer(RowSerializer):
    class Meta:
        model = SandboxSecurity
        fields = [
            "id",
            "sandbox",
            "network_policy",
            "syscall_policy",
            "mount_policy",
            "env_variables",
            "capabilities",
            "created_at",
            "updated_at",
        ]


class SandboxFileSerializer(RowSerializer):
    class Meta:
        model = SandboxFile
        fields = [
            "id",
            "sandbox",
            "path",
            "content_hash",
            "size_bytes",
            "mime_type",
            "is_directory",
            "created_at",
            "last_modified",
        ]


class SandboxPortSerializer(RowSerializer):
    class Meta:
        model = SandboxPort
        fields = ["id", "sandbox", "container_port", "host_port", "protocol", "description", "created_at"]


class SandboxTemplateSerializer(RowSerializer):
    class Meta:
        model = SandboxTemplate
        fields = [
            "id",
            "name",
            "description",
            "image_name",
            "image_tag",
            "config",
            "resource_config",
            "security_config",
            "created_at",
            "updated_at",
            "is_active",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class SandboxViewSet(OwnedReadOnlyViewSet):
    """A locked-down container that belongs to a person."""

    queryset = Sandbox.objects.order_by("-pk")
    serializer_class = SandboxSerializer
    filterset_fields = {
        "status": ["exact"],
        "container_id": ["exact"],
        "created_at": ["gte", "lt"],
        "expires_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "container_id", "created_at", "expires_at"]


class SandboxWorkspaceViewSet(OwnedReadOnlyViewSet):
    """The working directory of a sandbox."""

    queryset = SandboxWorkspace.objects.order_by("-pk")
    serializer_class = SandboxWorkspaceSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxExecutionViewSet(OwnedReadOnlyViewSet):
    """One command run in a sandbox."""

    queryset = SandboxExecution.objects.order_by("-pk")
    serializer_class = SandboxExecutionSerializer
    filterset_fields = {"sandbox": ["exact"], "started_at": ["gte", "lt"]}
    ordering_fields = ["id", "started_at"]


class SandboxResourceViewSet(OwnedReadOnlyViewSet):
    """The limits of a sandbox."""

    queryset = SandboxResource.objects.order_by("-pk")
    serializer_class = SandboxResourceSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxSecurityViewSet(OwnedReadOnlyViewSet):
    """The policies of a sandbox."""

    queryset = SandboxSecurity.objects.order_by("-pk")
    serializer_class = SandboxSecuritySerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxFileViewSet(OwnedReadOnlyViewSet):
    """A file in a sandbox."""

    queryset = SandboxFile.objects.order_by("-pk")
    serializer_class = SandboxFileSerializer
    filterset_fields = {"sandbox": ["exact"], "content_hash": ["exact"]}
    ordering_fields = ["id", "content_hash", "created_at"]


class SandboxPortViewSet(OwnedReadOnlyViewSet):
    """A port of a sandbox made reachable."""

    queryset = SandboxPort.objects.order_by("-pk")
    serializer_class = SandboxPortSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxTemplateViewSet(SharedViewSet):
    """A recipe for sandboxes."""

    queryset = SandboxTemplate.objects.order_by("-pk")
    serializer_class = SandboxTemplateSerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "is_active", "created_at"]


router_entries = [
    ("sandboxes", SandboxViewSet),
    ("sandbox-workspaces", SandboxWorkspaceViewSet),
    ("sandbox-executions", SandboxExecutionViewSet),
    ("sandbox-resources", SandboxResourceViewSet),
    ("sandbox-securities", SandboxSecurityViewSet),
    ("sandbox-files", SandboxFileViewSet),
    ("sandbox-ports", SandboxPortViewSet),
    ("sandbox-templates", SandboxTemplateViewSet),
]
