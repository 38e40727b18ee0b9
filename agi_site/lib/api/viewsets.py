"""View sets whose every query starts from the rows its person may see."""

from collections.abc import Sequence
from typing import Any

from django.db import models
from rest_framework import mixins, viewsets

from .permissions import RolePermissions


class _ForUser:
    """Every query of a resource starts from the rows its person may see."""

    request: Any
    queryset: Any
    list_parameters: Sequence[str] = ()  # of a list, beside its filters

    def get_queryset(self) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = self.queryset.for_user(self.request.user)
        return rows


class OwnedReadOnlyViewSet(_ForUser, viewsets.ReadOnlyModelViewSet[Any]):
    """List and read of a person's own rows."""


class OwnedViewSet(_ForUser, viewsets.ModelViewSet[Any]):
    """List, read, create, change and delete of a person's own rows."""

    http_method_names: Sequence[str] = ["get", "post", "patch", "delete", "head", "options"]


class SharedReadOnlyViewSet(_ForUser, viewsets.ReadOnlyModelViewSet[Any]):
    """List and read of the team's rows, by permission."""

    permission_classes: Sequence[Any] = [RolePermissions]


class SharedViewSet(_ForUser, viewsets.ModelViewSet[Any]):
    """List, read, create, change and delete of the team's rows, by permission."""

    permission_classes: Sequence[Any] = [RolePermissions]
    http_method_names: Sequence[str] = ["get", "post", "patch", "delete", "head", "options"]


class OwnedListReadDestroyViewSet(
    _ForUser,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Any],
):
    """List, read and delete of a person's own rows, where they are made and changed by verbs."""
