"""Explain, remember, and the end of a turn, whichever it is."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from agi_site.lib import events
from explanations import services as explanations
from knowledge.services import hold_context, save_context
from system import queue
from system.services import webhooks

from ..models import AnswerStatus, Message
from ..querysets import channel_of
from ..receipts import keep_receipts
from ..waiting import cancel_calls
from .state import State
from .why import confidence, features, sentence

KEPT_ENTITIES = 8
SUMMARISE_FROM = 6  # messages that have left the window without being in the summary


def explain(state: State) -> None:
    """Keep why the answer is as it is: what it was read as, what was recalled, cited and run."""
    with state.stage("explain"):
        explanations.explain(
            user=state.user,
            target_type="message",
            target_id=state.answer.pk,
            summary=sentence(state),
            algorithm=f"{state.facts.get('engine', '')}:{state.facts.get('model', '')}",
            confidence=confidence(state),
            features=features(state),
        )


def remember(state: State) -> None:
    """Carry the topic on in the session's context; memories and summary are made by tasks of their own."""
    with state.stage("remember"):
        if state.session is not None:
            _carry_on(state)
        if _needs_summary(state):
            start = state.window_starts_at
            queue.enqueue(
                task_type="conversations.summarise",
                payload={"conversation_id": state.conversation.pk, "before": start},
                key=f"conversations.summarise:{state.conversation.pk}:{start}",
            )


def conclude(state: State, status: AnswerStatus, *, code: str = "", text: str = "") -> None:
    """Close the answer with what was written, and tell the open pages in exactly one event."""
    state.draft.flush()
    state.write_down()
    if status != AnswerStatus.COMPLETE:
        cancel_calls(state.answer, by=state.user)
    for name in ("recalled", "receipts", "waits"):
        state.facts.pop(name, None)
    state.facts["status"] = status
    if code:
        state.facts["error"] = {"code": code, "text": text}
    with transaction.atomic():
        state.save()
        _keep_receipts(state)
        queue.enqueue(task_type="conversations.follow_up", payload={"answer_id": state.answer.pk})
        if status == AnswerStatus.COMPLETE:
            told = {"message_id": state.answer.pk, "conversation_id": state.conversation.pk}
            webhooks.emit(user_id=state.user.pk, event="message.completed", data=told)
    data: dict[str, Any] = {"message_id": state.answer.pk}
    match status:
        case AnswerStatus.STOPPED:
            name = "turn.stopped"
        case AnswerStatus.FAILED:
            name, data = "turn.failed", data | {"code": code, "text": text}
        case _:
            name, data = "message.done", data | {"status": status}
    channel = channel_of(state.conversation.pk)
    transaction.on_commit(lambda: events.publish(channel, name, data))


def _keep_receipts(state: State) -> None:
    """What was retrieved, used and cited, as rows that outlive the turn."""
    keep_receipts(
        state.answer,
        state.receipts,
        numbers={(passage.kind, passage.id): passage.number for passage in state.passages},
        cited=[cited["n"] for cited in state.facts.get("citations", [])],
    )


@transaction.atomic
def _carry_on(state: State) -> None:
    """Add to what the session carries now: the person may have removed things since the turn began."""
    held = hold_context(session=state.session)
    save_context(session=state.session, data=held | _carried(state, held))


def _carried(state: State, held: dict[str, Any]) -> dict[str, Any]:
    found = state.analysis
    entities = [{"name": e.name, "value": e.value, "type": e.type} for e in found.entities] if found else []
    both: list[dict[str, Any]] = []
    for one in (*entities, *held.get("entities", [])):
        if one not in both:
            both.append(one)
    return {
        "conversation_id": state.conversation.pk,
        "topic": state.conversation.title or "",
        "language": state.reply_language,
        "entities": both[:KEPT_ENTITIES],
    }


def _needs_summary(state: State) -> bool:
    if state.window_starts_at is None:
        return False
    rows = Message.objects.of(state.conversation).visible().filter(pk__lt=state.window_starts_at)
    if summary := state.conversation.facts.get("summary"):
        rows = rows.filter(pk__gt=summary["upto"])
    return len(rows.values_list("pk")[:SUMMARISE_FROM]) == SUMMARISE_FROM
