"""Who may follow a live stream: who may see the row it is about, signed in by cookie or bearer token."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from agi_site.lib.api.errors import problem_response
from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.sse import sse_response

from .services import authenticate_token


class SignIn(Problem):
    """A stranger asks; an EventSource could do nothing with the sign-in page."""

    status, code = 401, "not_authenticated"


async def stream_of_row(request: HttpRequest, *, model: Any, pk: str, channel: str) -> HttpResponseBase:
    """The events of `channel` for whoever may see that row of `model`; 401 for strangers, 404 for others."""
    # In a thread, and once: who asks, and whether that person sees the row, are questions to the database.
    user, seen = await sync_to_async(_who_sees, thread_sensitive=True)(request, model, pk)
    if user is None:
        return problem_response(request, SignIn(_("Sign in first.")))
    if not seen:
        return problem_response(request, NotFound())
    return sse_response(request, channel)


def _who_sees(request: HttpRequest, model: Any, pk: str) -> tuple[Any, bool]:
    """Who asks (None for a stranger), and whether that person may see the row."""
    user = person_who_asks(request)
    return user, user is not None and model.objects.for_user(user).filter(pk=pk).exists()


def person_who_asks(request: HttpRequest) -> Any:
    """Who asks: the page's session, or a program's token; None for a stranger."""
    if request.user.is_authenticated:
        return request.user
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    session = authenticate_token(token.strip()) if scheme.lower() == "bearer" else None
    return session.user if session else None
