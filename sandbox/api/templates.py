"""REST of templates, by permission."""

from typing import Any

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import SharedViewSet

from .. import services
from ..models import SandboxTemplate


class SandboxTemplateSerializer(RowSerializer):
    config = JSONObjectField(
        required=False,
        allow_null=True,
        help_text='{"env": {…}, "workspace": "disk" | "memory", "pool": {"min": 1, "max": 8}, '
        '"languages": […]}',
    )
    resource_config = JSONObjectField(required=False, allow_null=True, help_text="Limits by name.")
    security_config = JSONObjectField(
        required=False,
        allow_null=True,
        help_text='"network_policy", "syscall_policy", "mount_policy", "runtime"',
    )

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

    def create(self, validated_data: dict[str, Any]) -> SandboxTemplate:
        return services.add_template(by=self.context["request"].user, values=validated_data)

    def update(self, instance: SandboxTemplate, validated_data: dict[str, Any]) -> SandboxTemplate:
        by = self.context["request"].user
        return services.change_template(template=instance, by=by, values=validated_data)


class SandboxTemplateViewSet(SharedViewSet):
    """Recipes for sandboxes, of images on the allow-list; sandboxes that stand keep what they have."""

    queryset = SandboxTemplate.objects.order_by("-pk")
    serializer_class = SandboxTemplateSerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "is_active", "created_at"]
