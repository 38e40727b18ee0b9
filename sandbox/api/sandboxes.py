"""REST of sandboxes themselves: made, moved by verbs, changed, and set to work."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.schema import problems

from .. import services
from ..models import Sandbox, SandboxStatus
from ..services.safety import safety_of
from ..usage_samples import samples_of
from .bodies import asked
from .executions import SandboxExecutionSerializer
from .files import FilesOfSandbox
from .given import (
    CellSerializer,
    CommandSerializer,
    CreateSandboxSerializer,
    EnvironmentSerializer,
    ExtendSerializer,
    LimitsSerializer,
    OnceSerializer,
    PolicySerializer,
    PortGivenSerializer,
    RenameSerializer,
    TerminalSerializer,
)
from .ports import SandboxPortSerializer
from .rows import SandboxSerializer
from .snapshots import SnapshotsOfSandbox


class PointSerializer(serializers.Serializer[Any]):
    """One thing that is locked, or open."""

    name = serializers.CharField(help_text="rights, files, system_calls, network or mounts")
    text = serializers.CharField()


class SafetySerializer(serializers.Serializer[Any]):
    """How strong the isolation is, in plain words."""

    level = serializers.IntegerField(
        help_text="1 shares the host's kernel, 2 has one in user space, 3 is a virtual machine, 0 unknown."
    )
    runtime = serializers.CharField()
    text = serializers.CharField()
    points = PointSerializer(many=True)


class UsageSerializer(serializers.Serializer[Any]):
    """What it used at one moment; null where that is not known."""

    when = serializers.DateTimeField()
    cpu = serializers.FloatField(allow_null=True, help_text="Percent of one processor.")
    memory = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    disk = serializers.IntegerField(allow_null=True, help_text="Bytes of the workspace.")
    rx = serializers.FloatField(allow_null=True, help_text="Bytes received in a second.")
    tx = serializers.FloatField(allow_null=True, help_text="Bytes sent in a second.")
    pids = serializers.IntegerField(allow_null=True, help_text="Processes and threads.")


class QuotaSerializer(serializers.Serializer[Any]):
    """What one has and used, and the most of it."""

    count = serializers.IntegerField(help_text="Sandboxes one has.")
    most_count = serializers.IntegerField()
    seconds = serializers.IntegerField(help_text="Seconds of running in the last 24 hours.")
    most_seconds = serializers.IntegerField()


ACCEPTED = extend_schema(request=None, responses={202: SandboxSerializer})


class SandboxViewSet(FilesOfSandbox, SnapshotsOfSandbox):
    """Locked-down containers of one's own. Verbs are accepted at once and done by a worker: follow `verb`,
    `status` and `events`. The list leaves deleted ones out unless `?status=deleted` asks for them.
    """

    queryset = Sandbox.objects.order_by("-pk")
    serializer_class = SandboxSerializer
    filterset_fields = {
        "status": ["exact"],
        "template": ["exact"],
        "container_id": ["exact"],
        "origin_type": ["exact"],
        "origin_id": ["exact"],
        "created_at": ["gte", "lt"],
        "expires_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "container_id", "created_at", "expires_at"]

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        if self.action == "list" and self.request.query_params.get("status") != SandboxStatus.DELETED:
            return rows.shown()
        # The verbs need its parts, which come in the same query.
        return rows.with_parts() if self.detail and self.action != "retrieve" else rows

    @extend_schema(
        request=CreateSandboxSerializer, responses={201: SandboxSerializer} | problems(503), filters=False
    )
    def create(self, request: Request) -> Response:
        """Make a sandbox of a template. It is `running` at once when a warm one waits, else `creating`."""
        given = asked(CreateSandboxSerializer, request)
        snapshot = given.pop("snapshot", None)
        if snapshot is not None:
            sandbox = services.sandbox_of_snapshot(snapshot=snapshot, by=request.user, **given)
        else:
            sandbox = services.create_sandbox(owner=request.user, **given)
        return self._answer(sandbox, status.HTTP_201_CREATED)

    @extend_schema(request=RenameSerializer, responses=SandboxSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Give it another name."""
        given, sandbox = asked(RenameSerializer, request), self.get_object()
        if "name" in given:
            sandbox = services.rename_sandbox(sandbox=sandbox, by=request.user, name=given["name"])
        return self._answer(sandbox, status.HTTP_200_OK)

    @ACCEPTED
    def destroy(self, request: Request, pk: str) -> Response:
        """Destroy it and all that is in it, whatever it is doing; the row stays a while, as `deleted`."""
        return self._verb("delete")

    @ACCEPTED
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Start a stopped or failed one."""
        return self._verb("start")

    @ACCEPTED
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Freeze all that runs in it."""
        return self._verb("pause")

    @ACCEPTED
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let a paused one go on."""
        return self._verb("resume")

    @ACCEPTED
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End all that runs in it; the workspace stays."""
        return self._verb("stop")

    @ACCEPTED
    @action(detail=True, methods=["post"])
    def restart(self, request: Request, pk: str) -> Response:
        """Stop and start it."""
        return self._verb("restart")

    @extend_schema(request=ExtendSerializer, responses=SandboxSerializer)
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, pk: str) -> Response:
        """Let it expire later, earlier, or never."""
        sandbox, given = self.get_object(), asked(ExtendSerializer, request)
        sandbox.expires_at = services.extend_sandbox(sandbox=sandbox, by=request.user, **given)
        return self._answer(sandbox, status.HTTP_200_OK)

    @extend_schema(request=LimitsSerializer, responses={202: SandboxSerializer})
    @action(detail=True, methods=["post"])
    def limits(self, request: Request, pk: str) -> Response:
        """Change limits; some want a restart, which keeps the workspace and is told as an event."""
        sandbox, given = self.get_object(), asked(LimitsSerializer, request)
        return self._answer(services.change_limits(sandbox=sandbox, by=request.user, limits=given))

    @extend_schema(request=PolicySerializer, responses={202: SandboxSerializer})
    @action(detail=True, methods=["post"])
    def policy(self, request: Request, pk: str) -> Response:
        """Change what it may do, by a restart that keeps the files and is told as an event, or without one.

        The rules of a network that it has change at once, for open connections too. Its first network, all of
        the internet and no network any more need the restart, as all but the network does.
        """
        sandbox, given = self.get_object(), asked(PolicySerializer, request)
        return self._answer(services.change_policy(sandbox=sandbox, by=request.user, security=given))

    @extend_schema(request=EnvironmentSerializer, responses=SandboxSerializer)
    @action(detail=True, methods=["post"])
    def environment(self, request: Request, pk: str) -> Response:
        """Replace the environment of what is run from now on; its values are kept sealed."""
        sandbox, given = self.get_object(), asked(EnvironmentSerializer, request)
        row = services.change_environment(sandbox=sandbox, by=request.user, **given)
        return self._answer(row, status.HTTP_200_OK)

    @extend_schema(responses=SafetySerializer)
    @action(detail=True, methods=["get"])
    def isolation(self, request: Request, pk: str) -> Response:
        """How strongly it is locked down, in plain words."""
        return Response(SafetySerializer(safety_of(self.get_object())).data)

    @extend_schema(responses=UsageSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def usage(self, request: Request, pk: str) -> Response:
        """What it used in the last minutes, oldest first; new samples come as `usage` at `events`."""
        return Response(UsageSerializer(samples_of(self.get_object()), many=True).data)

    @extend_schema(responses=QuotaSerializer, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def quota(self, request: Request) -> Response:
        """How many sandboxes one has and how long they ran, and the most of both."""
        return Response(QuotaSerializer(services.quota_of(request.user)).data)

    # --- Work -----------------------------------------------------------------------------------------
    @extend_schema(request=CommandSerializer, responses={202: SandboxExecutionSerializer})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Run a shell command; its output streams at `events`."""
        sandbox, given = self._to_run(pk), asked(CommandSerializer, request)
        return self._begun(services.run_command(sandbox=sandbox, by=request.user, **given))

    @extend_schema(request=CellSerializer, responses={202: SandboxExecutionSerializer})
    @action(detail=True, methods=["post"])
    def cells(self, request: Request, pk: str) -> Response:
        """Run Python code, as in a notebook."""
        sandbox, given = self._to_run(pk), asked(CellSerializer, request)
        return self._begun(services.run_cell(sandbox=sandbox, by=request.user, **given))

    @extend_schema(
        request=OnceSerializer, responses={202: SandboxExecutionSerializer} | problems(503), filters=False
    )
    @action(detail=False, methods=["post"])
    def once(self, request: Request) -> Response:
        """Run code or a command in a fresh sandbox, which is deleted when that has ended."""
        return self._begun(services.run_once(owner=request.user, **asked(OnceSerializer, request)))

    @extend_schema(request=TerminalSerializer, responses={202: SandboxExecutionSerializer})
    @action(detail=True, methods=["post"])
    def terminals(self, request: Request, pk: str) -> Response:
        """Open a terminal; a WebSocket carries what is typed and shown."""
        sandbox, given = self._to_run(pk), asked(TerminalSerializer, request)
        return self._begun(services.open_terminal(sandbox=sandbox, by=request.user, **given))

    @extend_schema(request=PortGivenSerializer, responses={201: SandboxPortSerializer})
    @action(detail=True, methods=["post"])
    def ports(self, request: Request, pk: str) -> Response:
        """Let a port be reached through the site's proxy; `DELETE /sandbox-ports/<id>/` closes the way."""
        sandbox, given = self.get_object(), asked(PortGivenSerializer, request)
        port = services.add_port(sandbox=sandbox, by=request.user, **given)
        body = SandboxPortSerializer(port, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)

    # --- Answers --------------------------------------------------------------------------------------
    def _verb(self, verb: str) -> Response:
        return self._answer(services.do_verb(sandbox=self.get_object(), verb=verb, by=self.request.user))

    def _answer(self, sandbox: Sandbox, code: int = status.HTTP_202_ACCEPTED) -> Response:
        body = SandboxSerializer(sandbox, context=self.get_serializer_context()).data
        return Response(body, status=code)

    def _to_run(self, pk: str) -> Sandbox:
        return services.sandbox_to_run(user=self.request.user, pk=pk)

    def _begun(self, execution: Any) -> Response:
        body = SandboxExecutionSerializer(execution, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)


class RunViewSet(SandboxViewSet):
    """What runs, for those who read its events and not the row: only its id is told."""

    def _begun(self, execution: Any) -> Response:
        return Response({"id": execution.pk}, status=status.HTTP_202_ACCEPTED)
