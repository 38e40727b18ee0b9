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
    """`answer_of_row` for views that are coroutines."""
    # in a thread, and once: who asks, and whether that person sees the row, are questions to the database
    answer = sync_to_async(answer_of_row, thread_sensitive=True)
    return await answer(request, model=model, pk=pk, channel=channel)


def answer_of_row(request: HttpRequest, *, model: Any, pk: str, channel: str) -> HttpResponseBase:
    """The events of `channel` for whoever may see that row of `model`; 401 for strangers, 404 for others."""
    user = person_who_asks(request)
    if user is None:
        return problem_response(request, SignIn(_("Sign in first.")))
    if not model.objects.for_user(user).filter(pk=pk).exists():
        return problem_response(request, NotFound())
    return sse_response(request, channel)


def person_who_asks(request: HttpRequest) -> Any:
    """Who asks: the page's session, or a program's token; None for a stranger."""
    if request.user.is_authenticated:
        return request.user
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    session = authenticate_token(token.strip()) if scheme.lower() == "bearer" else None
    return session.user if session else None
