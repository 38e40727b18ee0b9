"""REST of the tools themselves: the catalogue, and running one."""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.permissions import RoleMayChange, RolePermissions
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet
from agi_site.lib.problems import Invalid, NotFound

from .. import schemas, scripts, services
from ..models import RanIn, Tool, ToolExecution, ToolKind, ToolParameter
from .rows import ToolExecutionSerializer, ToolParameterSerializer, ToolSerializer

LONGEST_KEY = 100
WAIT = OpenApiParameter(
    "wait", OpenApiTypes.BOOL, description="0: a worker runs it, and the answer comes at once."
)
KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Names this call: the same key again gives the same execution, unless it failed.",
)


class RunSerializer(serializers.Serializer[Any]):
    """The arguments of a call, by name, and how it is to be made."""

    arguments = JSONObjectField(default=dict)
    timeout = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0.1,
        max_value=86_400,
        help_text="Seconds; can only shorten the tool's own limit.",
    )
    exec_env = serializers.ChoiceField(
        choices=RanIn.choices,
        required=False,
        allow_null=True,
        help_text="Where a tool of both runs, unless the policy says so.",
    )
    unattended = serializers.BooleanField(
        default=False, help_text="Nobody is there to consent: what needs consent is denied."
    )


class ToolLimitsSerializer(serializers.Serializer[Any]):
    """What operators decide of a tool."""

    timeout_seconds = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    retry_safe = serializers.BooleanField(required=False)
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=10)
    max_concurrent = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=1_000_000
    )
    rate_limit = serializers.CharField(
        required=False, allow_blank=True, max_length=20, help_text="Of each person: 30/m, 5/10s, 1000/d."
    )


class ToolScriptSerializer(serializers.Serializer[Any]):
    """What a script tool is made of; what is not given stays as it is."""

    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    script = serializers.CharField(max_length=scripts.LONGEST_SCRIPT, required=False, trim_whitespace=False)
    interpreter = serializers.ChoiceField(
        choices=[(name, name) for name in scripts.INTERPRETERS], required=False
    )
    parameters = JSONObjectField(
        required=False,
        help_text="A JSON Schema object with properties: all arguments, in place of those before.",
    )
    version = serializers.CharField(read_only=True, help_text="Counts up with each change.")


class ScriptPermissions(RolePermissions):
    """As the pages of scripts: those who may change where tools come from."""

    perms_map = RolePermissions.perms_map | {
        verb: ["tools.change_toolsource"] for verb in ("GET", "HEAD", "PATCH")
    }


class ToolViewSet(SharedReadOnlyViewSet):
    """Something that can be run by name."""

    queryset = Tool.objects.with_parameters().order_by("-pk")
    serializer_class = ToolSerializer
    filterset_fields = {
        "name": ["exact"],
        "category": ["exact"],
        "enabled": ["exact"],
        "exec_env": ["exact"],
        "kind": ["exact"],
        "source": ["exact"],
    }
    ordering_fields = ["id", "name", "category", "created_at"]

    @extend_schema(
        request=RunSerializer,
        parameters=[WAIT, KEY],
        responses={201: ToolExecutionSerializer, 202: ToolExecutionSerializer},
    )
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def run(self, request: Request, pk: str) -> Response:
        """Run the tool; the answer is its line in the ledger.

        201: it has ended (completed, failed, or denied by the policy). 202: it waits for consent (see
        `approval`), for something else (`awaits_type`), or with `?wait=0` for a worker.
        """
        given = RunSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked: dict[str, Any] = {
            **given.validated_data,
            "user": request.user,
            "name": self.get_object().name,
            "language": translation.get_language() or "en",
            "attended_by": "api",
            "idempotency_key": _key(request),
        }
        waits = request.query_params.get("wait", "1") not in ("0", "false")
        execution = services.run_tool(**asked) if waits else services.start_tool(**asked)
        return self._answer(execution)

    @extend_schema(request=None, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def enable(self, request: Request, pk: str) -> Response:
        """Switch the tool on for everyone."""
        return self._switched(enabled=True)

    @extend_schema(request=None, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def disable(self, request: Request, pk: str) -> Response:
        """Switch the tool off for everyone."""
        return self._switched(enabled=False)

    @extend_schema(request=ToolLimitsSerializer, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def limits(self, request: Request, pk: str) -> Response:
        """Change how long it may run, how often and how many at a time, and whether it may run again."""
        given = ToolLimitsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        tool = services.change_limits(tool=self.get_object(), by=request.user, **given.validated_data)
        return Response(self.get_serializer(tool).data)

    @extend_schema(responses=ToolScriptSerializer, filters=False)
    @action(detail=True, methods=["get"], permission_classes=[ScriptPermissions], pagination_class=None)
    def script(self, request: Request, pk: str) -> Response:
        """The script of a script tool, with its parameters; 404 for tools of another kind."""
        return self._scripted(self._script_tool())

    @extend_schema(request=ToolScriptSerializer, responses=ToolScriptSerializer, filters=False)
    @script.mapping.patch
    def change_script(self, request: Request, pk: str) -> Response:
        """Change its script, interpreter, description or parameters; the next call runs the new one."""
        tool, given = self._script_tool(), ToolScriptSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data:
            scripts.change_script(tool=tool, by=request.user, **given.validated_data)
        return self._scripted(tool)

    def _script_tool(self) -> Tool:
        tool: Tool = self.get_object()
        if tool.kind != ToolKind.SCRIPT:
            raise NotFound(_("Only scripts can be changed like this."), code="not_a_script")
        return tool

    @staticmethod
    def _scripted(tool: Tool) -> Response:
        parts = {name: getattr(tool, name) for name in ("description", "script", "interpreter", "version")}
        parameters = schemas.json_schema(tool.parameters.order_by("pk"))
        return Response(ToolScriptSerializer({**parts, "parameters": parameters}).data)

    def _switched(self, *, enabled: bool) -> Response:
        tool = services.set_enabled(tool=self.get_object(), enabled=enabled, by=self.request.user)
        return Response(self.get_serializer(tool).data)

    def _answer(self, execution: ToolExecution) -> Response:
        body = ToolExecutionSerializer(execution, context=self.get_serializer_context()).data
        code = status.HTTP_201_CREATED if execution.ended else status.HTTP_202_ACCEPTED
        return Response(body, status=code)


class ToolParameterViewSet(SharedReadOnlyViewSet):
    """An argument that a tool takes."""

    queryset = ToolParameter.objects.order_by("-pk")
    serializer_class = ToolParameterSerializer
    filterset_fields = {"tool": ["exact"], "name": ["exact"], "type": ["exact"], "required": ["exact"]}
    ordering_fields = ["id", "name"]


def _key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable() and key.isascii()):
        fault = _("From 1 to %(most)d printable ASCII characters.") % {"most": LONGEST_KEY}
        raise Invalid(errors={"Idempotency-Key": [fault]})
    return key
