"""REST of what sessions carry between messages."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet

from .. import services
from ..models import Context


class ContextSerializer(RowSerializer):
    class Meta:
        model = Context
        fields = ["id", "session", "data", "created_at", "updated_at"]
        read_only_fields = fields


class ContextViewSet(OwnedListReadDestroyViewSet):
    """What a session carries between messages; deleting it clears it."""

    queryset = Context.objects.order_by("-pk")
    serializer_class = ContextSerializer
    filterset_fields = {"session": ["exact"], "updated_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(
        request=None,
        responses={204: None},
        parameters=[OpenApiParameter("key", str, OpenApiParameter.PATH, description="What is carried.")],
    )
    @action(detail=True, methods=["delete"], url_path=r"keys/(?P<key>[^/]+)")
    def drop(self, request: Request, pk: str, key: str) -> Response:
        """Forget one thing that the session carries."""
        services.drop_from_context(session=self.get_object().session, key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)
