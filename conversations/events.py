"""The live stream of a conversation."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.streams import stream_of_row

from .models import Conversation
from .querysets import channel_of


# Not the sign-in page: an EventSource can do nothing with it. The view itself refuses strangers.
@login_not_required
@require_safe
async def conversation_events(request: HttpRequest, pk: str) -> HttpResponseBase:
    """`GET /events/conversations/<id>/`: the conversation's events as they happen, for its owner only.

    Resumes after `Last-Event-ID` or `?after=`.
    """
    return await stream_of_row(request, model=Conversation, pk=pk, channel=channel_of(pk))
