"""The live stream of a conversation."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.services import authenticate_token
from agi_site.lib.api.errors import problem_response
from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.sse import sse_response

from .models import Conversation
from .querysets import channel_of


class _SignIn(Problem):
    status, code = 401, "not_authenticated"


# Not the sign-in page: an EventSource can do nothing with it. The view itself refuses strangers.
@login_not_required
@require_safe
async def conversation_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/conversations/<id>/`: the conversation's events as they happen, for its owner only.

    Signed in by cookie or bearer token. Resumes after `Last-Event-ID` or `?after=`.
    """
    user = await sync_to_async(_person, thread_sensitive=True)(request)
    if user is None:
        return problem_response(request, _SignIn(_("Sign in first.")))
    if not await Conversation.objects.for_user(user).filter(pk=pk).aexists():
        return problem_response(request, NotFound())
    return sse_response(request, channel_of(pk))


def _person(request: HttpRequest):  # type: ignore[no-untyped-def]
    """Who asks: the page's session, or a program's token; None for a stranger."""
    if request.user.is_authenticated:
        return request.user
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    session = authenticate_token(token.strip()) if scheme.lower() == "bearer" else None
    return session.user if session else None
