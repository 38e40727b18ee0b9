"""A sandbox as REST shows it."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agi_site.lib.api.fields import RowSerializer

from .. import states, words
from ..models import Sandbox


class SandboxSerializer(RowSerializer):
    verbs = serializers.SerializerMethodField(help_text=_("What may be asked for now."))
    events = serializers.SerializerMethodField(help_text=_("Where its states, usage and files stream."))
    running_seconds = serializers.SerializerMethodField(
        help_text=_("Seconds of running so far, the present run and its pauses included.")
    )

    class Meta:
        model = Sandbox
        fields = [
            "id",
            "user",
            "name",
            "template",
            "status",
            "verb",
            "verbs",
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
            "running_seconds",
            "config",
            "origin_type",
            "origin_id",
            "events",
        ]
        read_only_fields = [name for name in fields if name != "name"]

    def get_verbs(self, sandbox: Sandbox) -> list[str]:
        return states.verbs_of(sandbox)

    def get_running_seconds(self, sandbox: Sandbox) -> int:
        return words.running_of(sandbox)

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_events(self, sandbox: Sandbox) -> str:
        return f"/events/sandboxes/{sandbox.pk}/"
