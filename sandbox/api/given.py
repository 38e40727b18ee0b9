"""What verbs of sandboxes are given, as serializers: limits, policies, environments, ports."""

from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agi_site.lib.api.fields import OwnKeyField
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.prepared import prepared

from ..models import Protocol, SandboxSnapshot, SandboxTemplate
from ..policy.limits import CEILING, FLOOR, NAMES

LONGEST_CODE = 200_000
LONGEST_INPUT = 1_000_000
LONGEST_NUMBER = 2**31 - 1


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it has no field for: a limit with a typing slip would be no limit."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name)[:100] for name in data if name not in self.fields)
            if unknown:
                names = {"names": ", ".join(sorted(self.fields))}
                fault = gettext("There is no such field here. Those there are: %(names)s.") % names
                raise serializers.ValidationError({name: [fault] for name in unknown})
        return super().to_internal_value(data)


class LimitsSerializer(StrictSerializer):
    """Limits in the table's units: percent of a processor, bytes, seconds. What is left out stays."""

    def get_fields(self) -> dict[str, Any]:
        return {
            name: serializers.IntegerField(
                required=False,
                min_value=getattr(FLOOR, name),
                max_value=getattr(CEILING, name),
            )
            for name in NAMES
        }


class PolicySerializer(StrictSerializer):
    """What a sandbox may do; what is left out stays, and null is the default of the site."""

    network_policy = JSONObjectField(
        required=False,
        allow_null=True,
        help_text='{"default": "deny", "allow": [{"host" | "ip" | "cidr": "…", "port": 443, '
        '"protocol": "tcp"}], "deny": […]}; nothing is no network.',
    )
    syscall_policy = JSONObjectField(
        required=False,
        allow_null=True,
        help_text='{"profile": "default" | "strict", "allow": […], "deny": […]}',
    )
    mount_policy = JSONObjectField(
        required=False, allow_null=True, help_text="Folders of the host, below what its operators allow."
    )
    runtime = serializers.CharField(
        required=False, allow_blank=True, max_length=50, help_text="A runtime of the host: runc, runsc, …"
    )


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class EnvironmentField(JSONObjectField):
    """Environment variables: names and texts."""

    default_error_messages = {"not_a_text": _("The value of %(name)s is not a text.")}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        values = super().to_internal_value(data)
        for name, value in values.items():
            if not isinstance(value, str):
                message = self.error_messages["not_a_text"] % {"name": name[:100]}
                raise serializers.ValidationError([message])
        return values


@extend_schema_field({"type": "string", "description": "The id of a template, or its name."})
class TemplateField(OwnKeyField):
    """A template by its id or by its name, among those that are offered."""

    default_error_messages = {
        "does_not_exist": _("There is no template “{pk_value}”. /api/v1/sandbox-templates/ lists them."),
        "incorrect_type": _("A template is named by a text: its id, or its name."),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=SandboxTemplate.objects.all(), **options)

    def to_internal_value(self, data: Any) -> SandboxTemplate:
        if not isinstance(data, str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        if "\0" in data or len(data) > 100 or any("\ud800" <= letter <= "\udfff" for letter in data):
            self.fail("does_not_exist", pk_value=data[:100].encode(errors="replace").decode())
        # templates are the team's: one sees all of them, or none
        found: SandboxTemplate | None = None
        if not self.get_queryset().query.is_empty():
            found = _offered.first(key=data)
        if found is None:
            self.fail("does_not_exist", pk_value=data)
        return found


@prepared(key=CharField())
def _offered(key: Any) -> QuerySet[Any, Any]:
    rows = SandboxTemplate.objects.filter(Q(pk=key) | Q(name=key), is_active=True)
    return rows.order_by("pk")[:1]


class PortGivenSerializer(StrictSerializer):
    """A port to be reached from outside."""

    container_port = serializers.IntegerField(min_value=1, max_value=65_535)
    protocol = serializers.ChoiceField(choices=Protocol.choices, required=False, default=Protocol.TCP)
    description = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)


class PublishedPortGivenSerializer(PortGivenSerializer):
    """A port named when the sandbox is made: only such ones can be published on loopback of the host."""

    published = serializers.BooleanField(required=False, default=False)


class CreateSandboxSerializer(StrictSerializer):
    """What a sandbox is to be; all but the template may be left out."""

    template = TemplateField()
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    limits = LimitsSerializer(required=False)
    security = PolicySerializer(required=False)
    env = EnvironmentField(required=False)
    ports = serializers.ListField(child=PublishedPortGivenSerializer(), required=False, max_length=50)
    expires_in = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_NUMBER, help_text="Seconds from now."
    )
    snapshot = OwnKeyField(
        queryset=SandboxSnapshot.objects.all(),
        required=False,
        allow_null=True,
        help_text="One whose files it begins with; it may outlive its own sandbox.",
    )


class RenameSerializer(StrictSerializer):
    """What of a sandbox or a snapshot may be written directly; the rest changes by verbs."""

    name = serializers.CharField(max_length=100, allow_blank=True, required=False)


class ExtendSerializer(StrictSerializer):
    """Until when it may stand."""

    seconds = serializers.IntegerField(
        allow_null=True, min_value=1, max_value=LONGEST_NUMBER, help_text="From now on; null is for ever."
    )


class EnvironmentSerializer(StrictSerializer):
    """The whole environment: what is not in it is gone."""

    env = EnvironmentField()


class _WorkSerializer(StrictSerializer):
    working_dir = serializers.CharField(
        max_length=255, required=False, default="", allow_blank=True, help_text="Below the workspace."
    )
    env = EnvironmentField(required=False)


class _BoundedWorkSerializer(_WorkSerializer):
    timeout = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_NUMBER, help_text="Seconds."
    )
    output_limit = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62, help_text="Bytes."
    )


class CommandSerializer(_BoundedWorkSerializer):
    """A command for the shell."""

    command = serializers.CharField(max_length=LONGEST_CODE, trim_whitespace=False)
    stdin = serializers.CharField(
        max_length=LONGEST_INPUT, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    stdin_open = serializers.BooleanField(
        required=False, default=False, help_text="Leave stdin open for the verb `input`."
    )


class CellSerializer(_BoundedWorkSerializer):
    """Python code; cells of one session share their variables, without a name each begins afresh."""

    code = serializers.CharField(max_length=LONGEST_CODE, trim_whitespace=False)
    session = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)


class OnceSerializer(_BoundedWorkSerializer):
    """Python code or a shell command for a sandbox of its own."""

    template = TemplateField()
    code = serializers.CharField(
        max_length=LONGEST_CODE, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    command = serializers.CharField(
        max_length=LONGEST_CODE, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    stdin = serializers.CharField(
        max_length=LONGEST_INPUT, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    limits = LimitsSerializer(required=False)
    security = PolicySerializer(required=False)


class TerminalSerializer(_WorkSerializer):
    """An interactive terminal; without a command it is a shell."""

    command = serializers.CharField(
        max_length=LONGEST_CODE, required=False, default="", allow_blank=True, trim_whitespace=False
    )


class InputSerializer(StrictSerializer):
    """What is typed."""

    data = serializers.CharField(
        max_length=LONGEST_INPUT, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    eof = serializers.BooleanField(required=False, default=False, help_text="Close stdin after it.")
