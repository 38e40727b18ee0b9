"""The tools an answer asks for: run, told to the pages, stored, and their passages made citable."""

from __future__ import annotations

import json
import time
from typing import Any

from agi_site.lib.engines.base import ChatMessage, Passage, ToolCall
from agi_site.lib.problems import Problem
from tools.models import ToolExecution
from tools.services import run_tool

from ..models import Message, MessageRole
from .state import State

RESULT_FOR_MODEL = 6000
RESULT_KEPT = 6000
RESULT_SHOWN = 300


def run_call(state: State, call: ToolCall, *, round_number: int) -> ChatMessage:
    """Run one tool and return what the model is told of it; a failing tool is told as such, never raised."""
    state.check_stop()
    entry: dict[str, Any] = {
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "round": round_number,
        "status": "running",
    }
    state.facts.setdefault("tools", []).append(entry)
    state.draft.flush()
    state.save()
    state.publish("tool.started", call_id=call.id, name=call.name, arguments=call.arguments)
    began = time.monotonic()
    text, entry["status"], execution = _run(state, call)
    entry["ms"] = round((time.monotonic() - began) * 1000)
    entry |= {"result": text[:RESULT_KEPT], "execution_id": execution.pk if execution else None}
    Message.objects.create(
        conversation=state.conversation,
        role=MessageRole.TOOL,
        content=text,
        metadata={"answer": state.answer.pk, **{name: entry[name] for name in _KEPT}},
    )
    state.save()
    state.publish(
        "tool.finished",
        call_id=call.id,
        name=call.name,
        status=entry["status"],
        result=text[:RESULT_SHOWN],
    )
    return ChatMessage("tool", text, tool_call_id=call.id)


_KEPT = ("call_id", "name", "arguments", "round", "status", "execution_id")


def _run(state: State, call: ToolCall) -> tuple[str, str, ToolExecution | None]:
    """What came of it: text for the model, completed or failed, and the ledger row if it got that far."""
    try:
        execution = run_tool(
            user=state.user,
            name=call.name,
            arguments=call.arguments,
            conversation_id=state.conversation.pk,
            message_id=state.answer.pk,
            language=state.reply_language,
            stopped=state.stop_requested,
        )
    except Problem as problem:
        faults = "; ".join(f"{name}: {', '.join(map(str, found))}" for name, found in problem.errors.items())
        return f"{problem.message} {faults}".strip(), "failed", None
    if execution.status != "completed":
        return execution.error_message or str(execution.status), "failed", execution
    return _as_text(_with_numbers(state, execution.result)), "completed", execution


def _with_numbers(state: State, result: Any) -> Any:
    """Passages that a tool has found get the numbers by which the answer can cite them."""
    if not (isinstance(result, dict) and isinstance(result.get("results"), list)):
        return result
    return result | {"results": [_numbered(state, found) for found in result["results"]]}


def _numbered(state: State, found: Any) -> Any:
    if not (isinstance(found, dict) and {"id", "title", "snippet"} <= found.keys()):
        return found
    passage = next((one for one in state.passages if one.id == found["id"]), None)
    if passage is None:
        passage = Passage(
            number=len(state.passages) + 1,
            kind="knowledge",
            id=str(found["id"]),
            title=str(found["title"]),
            content=str(found["snippet"]),
            score=float(found.get("score", 0.0)),
        )
        state.passages.append(passage)
    return {"n": passage.number, **found}


def _as_text(result: Any) -> str:
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return text if len(text) <= RESULT_FOR_MODEL else text[:RESULT_FOR_MODEL] + " …"
