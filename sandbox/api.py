"""REST resources of sandboxes."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, SharedReadOnlyViewSet, SharedViewSet

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


class SandboxSerializer(RowSerializer):
    class Meta:
        model = Sandbox
        fields = [
            "id",
            "user",
            "name",
            "template",
            "status",
            "verb",
            "cause",
            "detail",
            "container_id",
            "image_name",
            "image_tag",
            "created_at",
            "started_at",
            "last_active",
            "expires_at",
            "ended_at",
            "config",
            "origin_type",
            "origin_id",
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
            "user",
            "kind",
            "command",
            "python_session",
            "working_dir",
            "environment",
            "status",
            "submitted_at",
            "started_at",
            "completed_at",
            "exit_code",
            "signal",
            "cause",
            "detail",
            "stdout",
            "stderr",
            "stdout_bytes",
            "stderr_bytes",
            "timeout",
            "output_limit",
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
            "pids_limit",
            "open_files",
            "tmp_limit",
            "shm_limit",
            "execution_timeout",
            "output_limit",
            "idle_timeout",
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
        fields = [
            "id",
            "sandbox",
            "container_port",
            "host_port",
            "protocol",
            "published",
            "description",
            "created_at",
        ]


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


class SandboxEventSerializer(RowSerializer):
    class Meta:
        model = SandboxEvent
        fields = ["id", "sandbox", "kind", "data", "created_at"]


class SandboxSnapshotSerializer(RowSerializer):
    class Meta:
        model = SandboxSnapshot
        fields = [
            "id",
            "user",
            "sandbox",
            "name",
            "kind",
            "status",
            "detail",
            "content_hash",
            "manifest_hash",
            "size_bytes",
            "stored_bytes",
            "file_count",
            "created_at",
        ]


class SandboxQuarantineSerializer(RowSerializer):
    class Meta:
        model = SandboxQuarantine
        fields = [
            "id",
            "user",
            "sandbox",
            "path",
            "direction",
            "scanner",
            "rule",
            "content_hash",
            "size_bytes",
            "status",
            "created_at",
            "decided_at",
        ]


class SandboxHostSerializer(RowSerializer):
    class Meta:
        model = SandboxHost
        fields = [
            "id",
            "name",
            "status",
            "detail",
            "cpu_count",
            "memory_bytes",
            "info",
            "last_seen",
            "created_at",
        ]


class SandboxInstanceSerializer(RowSerializer):
    class Meta:
        model = SandboxInstance
        fields = [
            "id",
            "host",
            "template",
            "sandbox",
            "profile",
            "status",
            "container_id",
            "cause",
            "created_at",
            "warm_at",
            "claimed_at",
            "gone_at",
        ]


class SandboxImageSerializer(RowSerializer):
    class Meta:
        model = SandboxImage
        fields = ["id", "name", "tag", "digest", "description", "is_active", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]


class SandboxImageBuildSerializer(RowSerializer):
    class Meta:
        model = SandboxImageBuild
        fields = [
            "id",
            "image",
            "dockerfile",
            "status",
            "log",
            "digest",
            "built_by",
            "created_at",
            "completed_at",
        ]


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


class SandboxEventViewSet(OwnedReadOnlyViewSet):
    """What happened to a sandbox."""

    queryset = SandboxEvent.objects.order_by("-pk")
    serializer_class = SandboxEventSerializer
    filterset_fields = {"sandbox": ["exact"], "kind": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]


class SandboxSnapshotViewSet(OwnedReadOnlyViewSet):
    """A workspace as it was at one moment."""

    queryset = SandboxSnapshot.objects.order_by("-pk")
    serializer_class = SandboxSnapshotSerializer
    filterset_fields = {"sandbox": ["exact"], "status": ["exact"], "kind": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxQuarantineViewSet(OwnedReadOnlyViewSet):
    """A file that the scanner held back."""

    queryset = SandboxQuarantine.objects.order_by("-pk")
    serializer_class = SandboxQuarantineSerializer
    filterset_fields = {"sandbox": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxHostViewSet(SharedReadOnlyViewSet):
    """A Docker engine that sandboxes run on."""

    queryset = SandboxHost.objects.order_by("-pk")
    serializer_class = SandboxHostSerializer
    filterset_fields = {"name": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]


class SandboxInstanceViewSet(SharedReadOnlyViewSet):
    """A container with its disk, of the pool or of a sandbox."""

    queryset = SandboxInstance.objects.order_by("-pk")
    serializer_class = SandboxInstanceSerializer
    filterset_fields = {"host": ["exact"], "sandbox": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxImageViewSet(SharedViewSet):
    """An image that templates may use."""

    queryset = SandboxImage.objects.order_by("-pk")
    serializer_class = SandboxImageSerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]


class SandboxImageBuildViewSet(SharedReadOnlyViewSet):
    """A build of an image."""

    queryset = SandboxImageBuild.objects.order_by("-pk")
    serializer_class = SandboxImageBuildSerializer
    filterset_fields = {"image": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "created_at"]


router_entries = [
    ("sandboxes", SandboxViewSet),
    ("sandbox-workspaces", SandboxWorkspaceViewSet),
    ("sandbox-executions", SandboxExecutionViewSet),
    ("sandbox-resources", SandboxResourceViewSet),
    ("sandbox-securities", SandboxSecurityViewSet),
    ("sandbox-files", SandboxFileViewSet),
    ("sandbox-ports", SandboxPortViewSet),
    ("sandbox-templates", SandboxTemplateViewSet),
    ("sandbox-events", SandboxEventViewSet),
    ("sandbox-snapshots", SandboxSnapshotViewSet),
    ("sandbox-quarantine", SandboxQuarantineViewSet),
    ("sandbox-hosts", SandboxHostViewSet),
    ("sandbox-instances", SandboxInstanceViewSet),
    ("sandbox-images", SandboxImageViewSet),
    ("sandbox-image-builds", SandboxImageBuildViewSet),
]
