"""What the pages of this app share."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from agi_site.lib.problems import Forbidden
from agi_site.lib.web import page


def row_of(request: HttpRequest, model: Any, pk: UUID) -> Any:
    """The row, if this person may see it; otherwise 404."""
    return get_object_or_404(model.objects.for_user(request.user), pk=str(pk))


def need(request: HttpRequest, permission: str) -> None:
    """Raise Forbidden unless the person holds the permission."""
    if not request.user.has_perm(f"transfer.{permission}"):
        raise Forbidden


def ask_to_delete(request: HttpRequest, **context: Any) -> HttpResponse:
    """The page that asks before something is deleted: title, name, text, back."""
    return page(request, "transfer/delete.html", **context)
