"""REST of who may do what, and by which rule."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from agi_site.lib.problems import Forbidden, Invalid

from .. import services

MAY_ASK_OF_OTHERS = "tools.view_toolpolicy"


class ExplainView(APIView):
    """Whether somebody may run a tool, or holds a permission, and what decided it."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        operation_id="access_explain",
        parameters=[
            OpenApiParameter("tool", OpenApiTypes.STR, description="A tool, by name."),
            OpenApiParameter("permission", OpenApiTypes.STR, description="Or a permission, by name."),
            OpenApiParameter(
                "user", OpenApiTypes.STR, description="Of whom, by name; others than oneself for operators."
            ),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Name the rule that decided and all that fitted."""
        tool = request.query_params.get("tool", "")
        permission = request.query_params.get("permission", "")
        if bool(tool) == bool(permission):
            raise Invalid(errors={"tool": [_("Name a tool or a permission: ?tool=… or ?permission=…")]})
        person = _person(request)
        return Response(services.explain_access(user=person, tool=tool, permission=permission))


class BareExplainView(ExplainView):
    """The same without the slash at the end, as people type it; not in the OpenAPI document."""

    schema = None


def _person(request: Request) -> Any:
    name = request.query_params.get("user", "")
    if name in ("", request.user.username):
        return request.user
    if not request.user.has_perm(MAY_ASK_OF_OTHERS):
        raise Forbidden
    found = User.objects.filter(username=User.normalize_username(name)).first()
    if found is None:
        raise Invalid(errors={"user": [_("There is nobody of this name.")]})
    return found
