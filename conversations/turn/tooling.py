"""The tools an answer asks for: noted, run, told to the pages, stored, and their passages made citable.

Each call has an entry in the answer's metadata, written before it begins. A turn that is taken up again,
after a wait or a worker's death, finds there what was done, and does only the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Literal

from django.db import transaction

from agi_site.lib.engines.base import ChatMessage, Passage, ToolCall
from agi_site.lib.problems import Problem
from tools import results
from tools.models import ToolExecution, ToolExecutionStatus
from tools.services import run_tool

from ..models import Message, MessageRole
from .state import State, Waiting

RESULT_FOR_MODEL = 6000
RESULT_KEPT = 6000
RESULT_SHOWN = 300
TITLE_CHARACTERS = 200
_KEPT = ("call_id", "name", "arguments", "round", "status", "execution_id")

type Entry = dict[str, Any]


def run_round(state: State, said: str, calls: Sequence[ToolCall], *, number: int) -> None:
    """Run the calls of one round and put them and their results among the messages of the engine.

    Raises Waiting when one of them waits for a person or for something it started. A failing tool is told
    to the engine as such, never raised.
    """
    state.check_stop()
    state.draft.flush()
    at = len(state.draft.text)
    entries: list[Entry] = [
        {
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
            "round": number,
            "at": at,
            "status": "running",
        }
        for call in calls
    ]
    state.facts.setdefault("tools", []).extend(entries)
    state.keep_recalled()
    state.save()
    for entry in entries:
        _run(state, entry)
    _tell_engine(state, said, entries)


def take_up(state: State) -> None:
    """What this turn's tools did before is told to the engine, what they had not done is done.

    Raises Waiting as long as something has not ended.
    """
    begins = 0
    for _number, group in groupby(state.facts.get("tools", []), key=lambda entry: entry["round"]):
        entries = list(group)
        for entry in entries:
            if entry["status"] == "waiting":
                _look_again(state, entry)
            elif entry["status"] == "running":
                _run(state, entry)
        ends = entries[0]["at"]
        _tell_engine(state, state.draft.text[begins:ends].strip(), entries)
        begins = ends
        state.rounds = entries[0]["round"]


def key_of(answer_id: str, entry: Entry, entries: Sequence[Entry]) -> str:
    """The idempotency key of a call: the same however often the turn is taken up."""
    same_round = [one for one in entries if one["round"] == entry["round"]]
    place = next(at for at, one in enumerate(same_round) if one is entry)
    return f"turn:{answer_id}:{entry['round']}:{place}"


def said_of(entry: Entry) -> str:
    """What the engine is told of a call: its result, or that it failed and why."""
    result = str(entry.get("result", ""))
    return json.dumps({"error": result}, ensure_ascii=False) if entry["status"] == "failed" else result


def _tell_engine(state: State, said: str, entries: Sequence[Entry]) -> None:
    if any(entry["status"] == "waiting" for entry in entries):
        raise Waiting
    calls = tuple(ToolCall(entry["call_id"], entry["name"], entry["arguments"]) for entry in entries)
    state.messages.append(ChatMessage("assistant", said, calls))
    state.messages.extend(
        ChatMessage("tool", said_of(entry), tool_call_id=entry["call_id"]) for entry in entries
    )


def _run(state: State, entry: Entry) -> None:
    """Run a call, or find what became of it when it was run before."""
    state.check_stop()
    state.publish("tool.started", **{name: entry[name] for name in ("call_id", "name", "arguments")})
    began = time.monotonic()
    try:
        execution = _left_behind(state, entry) or run_tool(
            user=state.user,
            name=entry["name"],
            arguments=entry["arguments"],
            conversation_id=state.conversation.pk,
            message_id=state.answer.pk,
            language=state.reply_language,
            stopped=state.stop_requested,
            attended_by="chat",
            idempotency_key=key_of(state.answer.pk, entry, state.facts["tools"]),
            heard=_listener(state, entry),
        )
    except Problem as problem:
        faults = "; ".join(f"{name}: {', '.join(map(str, found))}" for name, found in problem.errors.items())
        _finish(state, entry, f"{problem.message} {faults}".strip(), "failed")
        return
    entry["ms"] = round((time.monotonic() - began) * 1000)
    _note(state, entry, execution)


def _listener(state: State, entry: Entry) -> Callable[[ToolExecution, str, dict[str, Any]], None]:
    """Tells the open pages what a tool says while it runs."""

    def hear(execution: ToolExecution, name: str, data: dict[str, Any]) -> None:
        if name == "output":
            state.publish("tool.output", call_id=entry["call_id"], text=data["text"])

    return hear


def _left_behind(state: State, entry: Entry) -> ToolExecution | None:
    """The execution of a call that an earlier attempt of the turn began; its ledger row tells it.

    The key would find it, too, unless it has failed: a failed call gives its key back.
    """
    if state.facts["attempt"] == 1:
        return None
    taken = [one["execution_id"] for one in state.facts["tools"] if one.get("execution_id")]
    rows = ToolExecution.objects.for_user(state.user).filter(
        trigger_type="message", trigger_id=state.answer.pk, tool__name=entry["name"]
    )
    key = key_of(state.answer.pk, entry, state.facts["tools"])
    keyed: ToolExecution | None = rows.filter(idempotency_key=key).first()
    if keyed is not None:
        return keyed
    failed = rows.filter(status=ToolExecutionStatus.FAILED).exclude(pk__in=taken).order_by("pk")
    begun: ToolExecution | None = failed.first()
    return begun


def _look_again(state: State, entry: Entry) -> None:
    """What a call waited for may have ended."""
    execution = ToolExecution.objects.for_user(state.user).filter(pk=entry["execution_id"]).first()
    if execution is None:
        _finish(state, entry, "The record of this call is gone.", "failed")
        return
    approval = execution.approval if execution.policy_effect == "ask" else None
    if approval is not None and approval.edited_arguments is not None:
        entry |= {"arguments": approval.edited_arguments, "edited": True}
    if execution.duration is not None:
        entry["ms"] = round(execution.duration * 1000)
    _note(state, entry, execution)


def _note(state: State, entry: Entry, execution: ToolExecution) -> None:
    """Write down where a call stands: it has ended, or waits."""
    entry |= {"execution_id": execution.pk, "ran_in": execution.ran_in}
    match execution.status:
        case ToolExecutionStatus.COMPLETED:
            found = _with_numbers(state, results.outline(execution.result), tool=entry["name"])
            _finish(state, entry, _as_text(results.shortened(found, RESULT_FOR_MODEL)), "completed")
        case ToolExecutionStatus.FAILED:
            _finish(state, entry, execution.error_message or str(execution.status), "failed")
        case _:
            entry["status"] = "waiting"
            entry.pop("ms", None)
            state.save()
            state.publish("tool.waiting", call_id=entry["call_id"], name=entry["name"])


def _finish(state: State, entry: Entry, text: str, status: str) -> None:
    entry |= {"status": status, "result": text[:RESULT_KEPT]}
    entry.setdefault("execution_id", None)
    state.keep_recalled()
    with transaction.atomic():
        Message.objects.create(
            conversation=state.conversation,
            role=MessageRole.TOOL,
            content=text,
            metadata={"answer": state.answer.pk, **{name: entry[name] for name in _KEPT}},
        )
        state.save()
    state.publish(
        "tool.finished",
        call_id=entry["call_id"],
        name=entry["name"],
        status=status,
        result=text[:RESULT_SHOWN],
    )


def _with_numbers(state: State, result: Any, *, tool: str) -> Any:
    """Passages that a tool has found get the numbers by which the answer can cite them."""
    if not (isinstance(result, dict) and isinstance(result.get("results"), list)):
        return result
    return result | {"results": [_numbered(state, found, tool) for found in result["results"]]}


def _numbered(state: State, found: Any, tool: str) -> Any:
    if not (isinstance(found, dict) and {"id", "snippet"} <= found.keys()):
        return found
    kind: Literal["knowledge", "memory"] = "memory" if found.get("kind") == "memory" else "knowledge"
    if kind == "knowledge" and "title" not in found:
        return found
    passage = next((one for one in state.passages if one.id == found["id"]), None)
    if passage is None:
        passage = Passage(
            number=state.next_number,
            kind=kind,
            id=str(found["id"]),
            title=str(found.get("title") or found["snippet"])[:TITLE_CHARACTERS],
            content=str(found["snippet"]),
            score=float(found.get("score", 0.0)),
        )
        state.passages.append(passage)
        _note_found(state, passage, found.get("parts"), tool)
    return {"n": passage.number, **found}


def _note_found(state: State, passage: Passage, parts: Any, tool: str) -> None:
    """What a tool has found has a receipt, too; what the recall had found keeps the one it has."""
    if any(one["id"] == passage.id for one in state.receipts):
        return
    state.receipts.append(
        {
            "kind": passage.kind,
            "id": passage.id,
            "score": passage.score,
            "parts": dict(parts) if isinstance(parts, dict) else {},
            "tool": tool,
        }
    )


def _as_text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
