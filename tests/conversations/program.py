"""A client of the site as a program of its own: `python -m tests.conversations.program`.

A line `["post", text]` sends a message in a new conversation, `["look", answer id]` reads an answer,
`["stop", answer id]` stops the turn that writes it, `["events", answer id]` gives what the stream has told;
each is answered by one line of JSON.
"""

import json
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

import django

django.setup()

from django.db import close_old_connections  # noqa: E402

from accounts.models import User  # noqa: E402
from agi_site.lib import events  # noqa: E402
from conversations import services  # noqa: E402
from conversations.models import Message  # noqa: E402
from conversations.querysets import channel_of  # noqa: E402


def post(text: str) -> list[str]:
    user = User.objects.filter(username="alice").first() or User.objects.create_user(
        "alice", "alice@example.com"
    )
    conversation = services.start_conversation(owner=user)
    turn = services.post_message(conversation=conversation, author=user, content=text)
    return [conversation.pk, turn.assistant_message.pk]


def look(answer_id: str) -> dict[str, Any]:
    row = Message.objects.get(pk=answer_id)
    return {"status": row.status, "content": row.content, "facts": row.facts}


def stop(answer_id: str) -> None:
    row = Message.objects.select_related("conversation__user").get(pk=answer_id)
    services.stop_turn(conversation=row.conversation, by=row.conversation.user)


def told(answer_id: str) -> list[list[Any]]:
    row = Message.objects.get(pk=answer_id)
    return [[event.name, event.data] for event in events.read(channel_of(row.conversation_id))]


if __name__ == "__main__":
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        close_old_connections()
        verb, argument = json.loads(line)
        answer = {"post": post, "look": look, "stop": stop, "events": told}[verb](argument)
        print(json.dumps(answer), flush=True)
