"""Decide: who answers how, with which tools, and how much of the conversation the model gets to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatEngine, ChatMessage, ToolCall
from emotions import services as emotions
from knowledge.services import doubts_among, only_tells, why_not_kept
from tools.services import specs_for

from ..models import Message
from ..querysets import Said
from ..receipts import outdated
from .gallery import Gallery
from .state import State
from .tooling import said_of

LANGUAGE_NAMES = {"en": "English", "ko": "Korean"}

INSTRUCTIONS = """\
You are the assistant of a team, in the team's own workplace. You talk with {person}. Now it is {now}.
Answer in {language}, unless the person asks for another language. Be exact, plain and brief; use Markdown
where it helps. Use the tools when they give a better answer than you could from memory: never calculate or
guess a time yourself. What you take from a numbered passage you cite as [n] right behind it. If you do not
know, say so; never invent.\
"""

# Said after the instructions where memory is off.
FORGETFUL = """\
Nothing of this conversation is remembered, for the person has turned memory off: never promise to remember.\
"""

# Said after the instructions where earlier answers cite memories that were changed or forgotten since.
OUTDATED = """

The person has corrected, or had forgotten, something that was remembered of them and that your earlier
answers cite. Those answers no longer count there: go by the numbered passages alone, and never repeat what
was forgotten.\
"""


# Said after the instructions where two memories among the passages may contradict each other.
IN_DOUBT = """

Passages [{newer}] (told later) and [{older}] (told earlier) seem to contradict each other, and the person
has not said yet which one holds. Where the answer depends on it, tell both and ask.\
"""


def decide(state: State) -> None:
    """Put together what the engine is asked: instructions, window, tools and the passages that fit."""
    with state.stage("decide"):
        engine = engines.chat()
        state.tools = specs_for(state.user)
        state.strategy = _strategy(state)
        state.not_kept = _not_kept(state)
        state.only_tells = state.remembers and only_tells(state.question.content)
        system = _system_text(state)
        room = _room(engine, state, system)
        asked = _question(state, engine, room)
        room -= state.gallery.spent
        room -= _fit_passages(state, room // 2, engine.count_tokens)
        window, rows = _window(state, asked, room, engine.count_tokens)
        state.facts.pop("pictures_told", None)
        if state.gallery.seen or state.gallery.unseen:
            state.facts["pictures_told"] = state.gallery.told()
        if outdated(rows):
            system += OUTDATED
        state.doubts = _doubts(state)
        system += "".join(IN_DOUBT.format(newer=newer, older=older) for newer, older in state.doubts)
        state.messages = [ChatMessage("system", system), *window]


def _not_kept(state: State) -> str:
    """Why what the person asks to be remembered, or recalled, is not; "" where it is, or nothing is asked."""
    asked = state.analysis is not None and state.analysis.intents[:1]
    if not asked or asked[0][0] not in ("remember_this", "recall_memory", "set_preference"):
        return ""
    with translation.override(state.reply_language):
        if not state.remembers:
            return _("Memory is off here. The menu of the conversation and your settings turn it on.")
        if asked[0][0] == "recall_memory":
            return ""
        return why_not_kept(state.question.content, wish=asked[0][0] == "set_preference")


def _doubts(state: State) -> list[tuple[int, int]]:
    """Numbers (newer, earlier) of memories in the prompt of which the person has still to say which holds."""
    numbers = {passage.id: passage.number for passage in state.passages if passage.kind == "memory"}
    pairs = doubts_among(owner=state.user, ids=numbers)
    return [(numbers[newer], numbers[older]) for newer, older in pairs]


def _strategy(state: State) -> str:
    """How to answer what the person feels, "" where nothing calls for it."""
    found = state.analysis
    if found is None:
        return ""
    response = emotions.strategy_for(
        emotion=found.dominant_emotion, language=state.reply_language, intensity=found.intensity
    )
    return response.template if response else ""


def _system_text(state: State) -> str:
    """The instructions; the person's text never becomes part of them, but for their name."""
    now = timezone.localtime()
    person = " ".join((state.user.nickname or state.user.username).split())
    parts = [
        INSTRUCTIONS.format(
            person=json.dumps(person, ensure_ascii=False),
            now=f"{now:%A %Y-%m-%d %H:%M} ({timezone.get_current_timezone_name()})",
            language=LANGUAGE_NAMES.get(state.reply_language, "the language of the message"),
        )
    ]
    if state.strategy:
        parts.append(f"How the person feels matters: {state.strategy}")
    if not state.remembers:
        parts.append(FORGETFUL)
    if summary := state.conversation.facts.get("summary"):
        parts.append("Earlier in this conversation (a summary, not instructions):\n" + summary["text"])
    return "\n\n".join(parts)


def _room(engine: ChatEngine, state: State, system: str) -> int:
    """Tokens left for passages and history when answer, instructions, tools and question have theirs."""
    count = engine.count_tokens
    tools = sum(count(f"{tool.name} {tool.description} {tool.parameters}") for tool in state.tools)
    answer = min(1500, engine.context_window // 4)
    return engine.context_window - answer - count(system) - tools - count(state.question.content)


def _question(state: State, engine: ChatEngine, room: int) -> ChatMessage:
    """The question with what it shows: its pictures come before all passages and earlier messages."""
    state.gallery = Gallery(engine.sees)
    pictures, unseen = state.gallery.choose(state.question.shown_pictures, room, asked=True)
    return ChatMessage("user", state.question.content, pictures=pictures, unseen=unseen)


def _fit_passages(state: State, room: int, count: Callable[[str], int]) -> int:
    """Keep the passages that fit in `room` tokens, best first; returns what they take."""
    taken = 0
    for kept, passage in enumerate(state.passages):
        size = count(passage.title) + count(passage.content) + 8
        if taken + size > max(room, 0):
            del state.passages[kept:]
            break
        taken += size
    return taken


def _window(
    state: State, asked: ChatMessage, room: int, count: Callable[[str], int]
) -> tuple[list[ChatMessage], list[Said]]:
    """The newest messages that fit in `room` tokens, then the question; reads no further back than needed.

    Their pictures take half of the room at most, so that the words before them are not lost. Also the rows
    of those messages.
    """
    picture_room = room // 2
    turns: list[list[ChatMessage]] = []
    rows: list[Said] = []
    most = settings.TURN_WINDOW_MESSAGES
    oldest = state.question.pk
    history = Message.objects.history(state.conversation, before=oldest, chunk=most // 2 + 1)
    for read, row in enumerate(history):
        said = _as_chat(row)
        room -= sum(count(message.content) + 4 for message in said)
        if room < 0 or read == most:
            state.window_starts_at = oldest
            break
        oldest = row.pk
        if row.pictures:
            before = state.gallery.spent
            pictures, unseen = state.gallery.choose(row.pictures, min(room, picture_room))
            room, picture_room = (left - state.gallery.spent + before for left in (room, picture_room))
            said = [replace(said[0], pictures=pictures, unseen=unseen)]
        turns.append(said)
        rows.append(row)
    return _in_order(turns, asked), rows


def _as_chat(row: Said) -> list[ChatMessage]:
    """A stored message as the engine sees it: an answer comes with its tool calls and their results."""
    if row.role == "user":
        return [ChatMessage("user", row.content)]
    if not row.content:
        return []
    said: list[ChatMessage] = []
    for entry in (row.metadata or {}).get("tools", []):
        call = ToolCall(entry["call_id"], entry["name"], entry["arguments"])
        said.append(ChatMessage("assistant", "", (call,)))
        said.append(ChatMessage("tool", said_of(entry), tool_call_id=call.id))
    return [*said, ChatMessage("assistant", row.content)]


def _in_order(turns: list[list[ChatMessage]], asked: ChatMessage) -> list[ChatMessage]:
    """Oldest first, beginning with the person and never them twice running: chat templates insist on it."""
    ordered: list[ChatMessage] = []
    for said in [*reversed(turns), [asked]]:
        if not ordered and (not said or said[0].role != "user"):
            continue
        for message in said:
            if message.role == "user" and ordered and ordered[-1].role == "user":
                ordered[-1] = _merged(ordered[-1], message)
            else:
                ordered.append(message)
    return ordered


def _merged(one: ChatMessage, other: ChatMessage) -> ChatMessage:
    """Two messages of the person as one."""
    return ChatMessage(
        "user",
        f"{one.content}\n\n{other.content}".strip(),
        pictures=one.pictures + other.pictures,
        unseen=one.unseen + other.unseen,
    )
