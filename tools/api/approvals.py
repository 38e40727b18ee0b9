"""REST of consent: what waits for one's word, and the word itself."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from agi_site.lib.api.json_fields import PlainJSONField
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet
from agi_site.lib.problems import Invalid

from .. import services
from ..models import Approval
from ..services.approvals import LONGEST_NOTE
from .rows import ApprovalSerializer

MINE = OpenApiParameter(
    "decidable", OpenApiTypes.BOOL, description="1: only what waits for the asking person's word."
)


class NoteSerializer(serializers.Serializer[Any]):
    """Why."""

    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_NOTE)


class ApproveSerializer(NoteSerializer):
    """Perhaps with other arguments, and why."""

    arguments = PlainJSONField(
        required=False, allow_null=True, default=None, help_text="In the place of those proposed."
    )


class DelegateSerializer(serializers.Serializer[Any]):
    """Who is to decide."""

    username = serializers.CharField(max_length=150)


class ApprovalViewSet(OwnedReadOnlyViewSet):
    """A question to a person that holds something up.

    Shown to whom it runs for, to whom it was handed, and, where an operator has to agree, to operators.
    """

    queryset = Approval.objects.order_by("-pk")
    serializer_class = ApprovalSerializer
    filterset_fields = {
        "status": ["exact"],
        "target_type": ["exact"],
        "target_id": ["exact"],
        "approver": ["exact"],
        "expires_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "expires_at"]
    list_parameters = [MINE.name]

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        mine = self.request.query_params.get("decidable") in ("1", "true")
        return rows.decidable_by(self.request.user) if mine and self.action == "list" else rows

    @extend_schema(parameters=[MINE])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The questions that this person may see, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=ApproveSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Agree, perhaps with other arguments; what waited goes on."""
        given = self._given(ApproveSerializer)
        return self._answer(services.approve(approval=self.get_object(), by=request.user, **given))

    @extend_schema(request=NoteSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Refuse; what waited ends as rejected."""
        given = self._given(NoteSerializer)
        return self._answer(services.reject(approval=self.get_object(), by=request.user, **given))

    @extend_schema(request=DelegateSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def delegate(self, request: Request, pk: str) -> Response:
        """Hand the question to somebody else, who alone decides from then on."""
        name = self._given(DelegateSerializer)["username"]
        delegate = User.objects.filter(username=User.normalize_username(name), is_active=True).first()
        if delegate is None:
            raise Invalid(errors={"username": [_("There is nobody of this name whose account is open.")]})
        row = services.delegate_to(approval=self.get_object(), by=request.user, delegate=delegate)
        return self._answer(row)

    def _given(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        given = serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        found: dict[str, Any] = given.validated_data
        return found

    def _answer(self, approval: Approval) -> Response:
        return Response(self.get_serializer(approval).data)
