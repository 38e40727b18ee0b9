"""REST resources of people, roles and sessions; signing in and passwords hang below `auth/` (auth_api)."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.permissions import RolePermissions
from agi_site.lib.api.schema import problems
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, SharedReadOnlyViewSet, SharedViewSet
from agi_site.lib.problems import Forbidden

from . import services
from .models import Permission, Role, RolePermission, Session, User, UserRole
from .webhooks.api import router_entries as webhook_entries


class UserSerializer(serializers.ModelSerializer[User]):
    """A person; others see them only with the permission to."""

    roles = serializers.SlugRelatedField[Role](slug_field="name", many=True, read_only=True)
    last_login_at = serializers.DateTimeField(source="last_login", read_only=True, allow_null=True)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "nickname",
            "language",
            "is_active",
            "roles",
            "created_at",
            "updated_at",
            "last_login_at",
        ]
        read_only_fields = ["id", "username", "is_active", "created_at", "updated_at"]


class RoleSerializer(serializers.ModelSerializer[Role]):
    class Meta:
        model = Role
        fields = ["id", "name", "description"]


class PermissionSerializer(serializers.ModelSerializer[Permission]):
    class Meta:
        model = Permission
        fields = ["id", "name", "description"]


class UserRoleSerializer(RowSerializer):
    class Meta:
        model = UserRole
        fields = ["id", "user", "role", "assigned_at"]

    def owner(self) -> dict[str, Any]:
        """Nobody: the row names its person, whom the one who grants the role chooses."""
        return {}

    def create(self, validated_data: dict[str, Any]) -> UserRole:
        request = self.context["request"]
        keep = getattr(request, "session_row", None)
        return services.grant_role(**validated_data, by=request.user, keep=keep)


class RolePermissionSerializer(RowSerializer):
    class Meta:
        model = RolePermission
        fields = ["id", "role", "permission", "assigned_at"]

    def create(self, validated_data: dict[str, Any]) -> RolePermission:
        role, permission = validated_data["role"], validated_data["permission"]
        by = self.context["request"].user
        services.set_role_permissions(role=role, permissions={*role.permissions.all(), permission}, by=by)
        return RolePermission.objects.get(role=role, permission=permission)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A signed-in device or token; the token itself is told once, when it is made."""

    device = serializers.CharField(read_only=True, help_text="The program, as people say it.")
    is_current = serializers.SerializerMethodField(help_text="Whether this request uses it.")

    class Meta:
        model = Session
        fields = [
            "id",
            "user",
            "ip_address",
            "user_agent",
            "device",
            "is_current",
            "created_at",
            "last_active",
            "expires_at",
        ]
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        row = getattr(self.context["request"], "session_row", None)
        return row is not None and bool(row.pk == session.pk)


class RevokedSerializer(serializers.Serializer[Any]):
    """How many sessions ended."""

    revoked = serializers.IntegerField()


class UserViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet[User],
):
    """People: oneself, and everybody for those whose role shows them."""

    queryset = User.objects.order_by("-pk")
    serializer_class = UserSerializer
    filterset_fields = {"username": ["exact"], "is_active": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "username", "created_at"]
    http_method_names = ["get", "post", "patch", "head", "options"]

    def get_queryset(self) -> models.QuerySet[User]:
        """Those the person may see, with their roles."""
        return User.objects.for_user(self.request.user).order_by("-pk").prefetch_related("roles")

    def perform_update(self, serializer: Any) -> None:
        """Change one's own profile; another's takes a permission."""
        user, by = serializer.instance, self.request.user
        assert isinstance(by, User)
        if user.pk == by.pk:
            services.update_profile(user=user, changes=serializer.validated_data)
            return
        if not by.has_perm("accounts.change_user"):
            raise Forbidden
        for name, value in serializer.validated_data.items():
            setattr(user, name, value)
        services.update_user(user=user, by=by)

    @extend_schema(request=None, responses={200: UserSerializer, **problems(401, 403, 429)})
    @action(detail=False, methods=["get"], pagination_class=None, filter_backends=[])
    def me(self, request: Request) -> Response:
        """The person who asks."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(request=None, responses={200: UserSerializer, **problems(401, 403, 404, 409, 429)})
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Keep a person out; their sessions end."""
        return self._steer(services.deactivate_user)

    @extend_schema(request=None, responses={200: UserSerializer, **problems(401, 403, 404, 409, 429)})
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Let a person in again."""
        return self._steer(services.activate_user)

    def _steer(self, service: Any) -> Response:
        user = self.get_object()
        if not self.request.user.has_perm("accounts.change_user"):
            raise Forbidden
        service(user=user, by=self.request.user)
        return Response(self.get_serializer(user).data)


class RoleViewSet(SharedViewSet):
    """Named sets of permissions."""

    queryset = Role.objects.order_by("-pk")
    serializer_class = RoleSerializer
    filterset_fields = {"name": ["exact"]}
    ordering_fields = ["id", "name"]

    def perform_create(self, serializer: Any) -> None:
        """Store a new role, with no permissions yet."""
        serializer.instance = services.save_role(role=Role(**serializer.validated_data), by=self.request.user)

    def perform_update(self, serializer: Any) -> None:
        """Change its name or description."""
        role = serializer.instance
        for name, value in serializer.validated_data.items():
            setattr(role, name, value)
        services.save_role(role=role, by=self.request.user)

    def perform_destroy(self, instance: Role) -> None:
        """Delete it; who held it is signed out."""
        services.delete_role(role=instance, by=self.request.user)


class PermissionViewSet(SharedReadOnlyViewSet):
    """The rights that roles hand out; the program defines them."""

    queryset = Permission.objects.order_by("-pk")
    serializer_class = PermissionSerializer
    filterset_fields = {"name": ["exact", "startswith"]}
    ordering_fields = ["id", "name"]


class UserRoleViewSet(
    mixins.CreateModelMixin,
    OwnedListReadDestroyViewSet,
):
    """Who holds which role; granting and taking away ends the person's sessions."""

    queryset = UserRole.objects.order_by("-pk")
    serializer_class = UserRoleSerializer
    filterset_fields = {"user": ["exact"], "role": ["exact"]}
    ordering_fields = ["id"]

    def get_permissions(self) -> list[Any]:
        """Everyone may read their own; granting and revoking want a permission."""
        writes = self.action in ("create", "destroy")
        return [IsAuthenticated(), RolePermissions()] if writes else [IsAuthenticated()]

    def get_queryset(self) -> models.QuerySet[UserRole]:
        """One's own, or everybody's with the permission to see them."""
        user = self.request.user
        if user.is_authenticated and user.has_perm("accounts.view_userrole"):
            return UserRole.objects.order_by("-pk")
        return super().get_queryset()

    def perform_destroy(self, instance: UserRole) -> None:
        """Take the role away."""
        keep = getattr(self.request, "session_row", None)
        services.revoke_role(user=instance.user, role=instance.role, by=self.request.user, keep=keep)


class RolePermissionViewSet(SharedViewSet):
    """Which role hands out which permission."""

    queryset = RolePermission.objects.order_by("-pk")
    serializer_class = RolePermissionSerializer
    filterset_fields = {"role": ["exact"], "permission": ["exact"]}
    ordering_fields = ["id"]
    http_method_names = ["get", "post", "delete", "head", "options"]

    def perform_destroy(self, instance: RolePermission) -> None:
        """Take the permission from the role."""
        rest = set(instance.role.permissions.exclude(pk=instance.permission_id))
        services.set_role_permissions(role=instance.role, permissions=rest, by=self.request.user)


@extend_schema_view(destroy=extend_schema(summary="End the session: its device or token is signed out."))
class SessionViewSet(OwnedListReadDestroyViewSet):
    """The devices and tokens that are signed in as oneself."""

    queryset = Session.objects.order_by("-pk")
    serializer_class = SessionSerializer
    filterset_fields = {"created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at", "expires_at"]

    def perform_destroy(self, instance: Session) -> None:
        """End it."""
        services.revoke_session(session=instance, by=self.request.user)

    @extend_schema(request=None, responses={200: RevokedSerializer, **problems(401, 403, 429)})
    @action(detail=False, methods=["post"], url_path="revoke-all")
    def revoke_all(self, request: Request) -> Response:
        """End all sessions but the one that asks."""
        keep = getattr(request, "session_row", None)
        ended = services.revoke_all_sessions(user=request.user, by=request.user, keep=keep)
        return Response({"revoked": ended})


router_entries = [
    ("users", UserViewSet),
    ("roles", RoleViewSet),
    ("permissions", PermissionViewSet),
    ("user-roles", UserRoleViewSet),
    ("role-permissions", RolePermissionViewSet),
    ("sessions", SessionViewSet),
    *webhook_entries,
]
