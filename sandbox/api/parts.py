"""REST of what belongs to a sandbox and is read: workspace, limits, policies, and what happened to it."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from ..models import SandboxEvent, SandboxResource, SandboxRun, SandboxSecurity, SandboxWorkspace


class SandboxWorkspaceSerializer(RowSerializer):
    class Meta:
        model = SandboxWorkspace
        fields = ["id", "sandbox", "root_path", "size_bytes", "created_at", "last_modified"]
        read_only_fields = fields


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
        read_only_fields = fields


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
        read_only_fields = fields


class SandboxEventSerializer(RowSerializer):
    class Meta:
        model = SandboxEvent
        fields = ["id", "sandbox", "kind", "data", "created_at"]
        read_only_fields = fields


class SandboxRunSerializer(RowSerializer):
    class Meta:
        model = SandboxRun
        fields = ["id", "sandbox", "started_at", "ended_at", "seconds"]
        read_only_fields = fields


class SandboxWorkspaceViewSet(OwnedReadOnlyViewSet):
    """The working directory of a sandbox."""

    queryset = SandboxWorkspace.objects.order_by("-pk")
    serializer_class = SandboxWorkspaceSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxResourceViewSet(OwnedReadOnlyViewSet):
    """The limits of a sandbox; its verb `limits` changes them."""

    queryset = SandboxResource.objects.order_by("-pk")
    serializer_class = SandboxResourceSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxSecurityViewSet(OwnedReadOnlyViewSet):
    """The policies of a sandbox, the values of its environment hidden; its verb `policy` changes them."""

    queryset = SandboxSecurity.objects.order_by("-pk")
    serializer_class = SandboxSecuritySerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]


class SandboxEventViewSet(OwnedReadOnlyViewSet):
    """What happened to a sandbox, and why."""

    queryset = SandboxEvent.objects.order_by("-pk")
    serializer_class = SandboxEventSerializer
    filterset_fields = {"sandbox": ["exact"], "kind": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]


class SandboxRunViewSet(OwnedReadOnlyViewSet):
    """The runs of sandboxes that are over: what the quota of seconds adds up."""

    queryset = SandboxRun.objects.order_by("-pk")
    serializer_class = SandboxRunSerializer
    filterset_fields = {"sandbox": ["exact"], "ended_at": ["gte", "lt"]}
    ordering_fields = ["id", "ended_at"]
