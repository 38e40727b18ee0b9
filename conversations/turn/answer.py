"""Answer: the chat engine's stream, and the tools it asks for, until it has said what it has to say."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from agi_site.lib import engines
from agi_site.lib.engines.base import (
    ChatEngine,
    ChatRequest,
    Done,
    EngineError,
    Passage,
    TextDelta,
    ToolCall,
    ToolCalls,
)

from .pump import Pump
from .state import State
from .tooling import run_round

STOP_GRACE_SECONDS = 0.2
FIRST_LOOK_SECONDS = 0.002
_CITED = re.compile(r"\[(\d{1,3})\]")
_CODE = re.compile(r"```.*?(```|\Z)|`[^`\n]*`", re.DOTALL)


@dataclass(slots=True)
class Heard:
    """One round of the engine: the text it gave, the tools it wants, and how it ended."""

    text: list[str] = field(default_factory=list)
    calls: tuple[ToolCall, ...] = ()
    done: Done | None = None


def answer(state: State) -> None:
    """Stream the answer into the draft; raises EngineError, Stopped or Waiting.

    There are at most so many rounds of tools; the round after the last may call none, so it has to answer.
    """
    engine = engines.chat()
    with state.stage("answer"):
        rounds = settings.TURN_MAX_ROUNDS
        for number in range(state.rounds, rounds + 1):
            heard = _listen(state, engine, tools_allowed=number < rounds)
            if not heard.calls:
                break
            run_round(state, "".join(heard.text), heard.calls, number=number + 1)
            state.draft.new_paragraph()
        state.draft.flush()
        if state.draft.is_empty:
            text = _("The model gave no answer. Try again, or ask in other words.")
            raise EngineError("server", text, retryable=True)


def _listen(state: State, engine: ChatEngine, *, tools_allowed: bool) -> Heard:
    request = ChatRequest(
        messages=list(state.messages),
        tools=state.tools if tools_allowed else (),
        passages=list(state.passages),
        language=state.reply_language,
        vector=state.vector,
        not_kept=state.not_kept,
        only_tells=state.only_tells,
        doubts=list(state.doubts),
        stop=state.task.stop,
    )
    heard, pump = Heard(), Pump(engine, request)
    try:
        while not pump.ended:
            if state.stop_requested():
                _drain(state, pump, heard)
                state.check_stop()
            # Until the first words are out, the wait is short: the model's thinking time is there to be used.
            event = pump.next(FIRST_LOOK_SECONDS if state.later else state.draft.idle_seconds())
            if event is not None:
                _take(state, event, heard)
            if event is None or state.draft.first_at is not None:
                state.write_down()
                state.draft.tick()
    finally:
        pump.abandon()
        _note(state, engine, heard)
    if heard.done is not None and heard.done.finish_reason == "stopped":
        state.check_stop()
    if heard.done is None and not heard.calls:
        raise EngineError("broken_stream", _("The answer broke off. Try again."), retryable=True)
    return heard


def _take(state: State, event: TextDelta | ToolCalls | Done, heard: Heard) -> None:
    match event:
        case TextDelta(text):
            heard.text.append(text)
            state.draft.write(text)
        case ToolCalls(calls):
            heard.calls = calls
        case Done():
            heard.done = event


def _drain(state: State, pump: Pump, heard: Heard) -> None:
    """What the engine had said before it heard of the stop; it gets a moment to end, and no more."""
    deadline = time.monotonic() + STOP_GRACE_SECONDS
    while not pump.ended and (left := deadline - time.monotonic()) > 0:
        event = pump.next(left)
        if event is not None:
            _take(state, event, heard)


def _citation(passage: Passage) -> dict[str, Any]:
    """A citation as it is kept: of a memory without its text, which it would outlive."""
    title = "" if passage.kind == "memory" else passage.title
    return {"n": passage.number, "kind": passage.kind, "id": passage.id, "title": title}


def _note(state: State, engine: ChatEngine, heard: Heard) -> None:
    """Engine, model, tokens and citations, as far as they are known; tokens add up over the rounds."""
    facts, done = state.facts, heard.done
    facts["engine"], facts["model"] = engine.name, (done.model if done else "") or engine.model
    if done is not None:
        facts["finish_reason"] = done.finish_reason
        usage = facts.setdefault("usage", {"prompt_tokens": 0, "completion_tokens": 0})
        usage["prompt_tokens"] += done.prompt_tokens or 0
        usage["completion_tokens"] += done.completion_tokens or 0
        if done.notes:
            facts["notes"] = done.notes
    said = _CODE.sub("", "".join(heard.text))
    cited = {int(number) for number in _CITED.findall(said)} | set(done.cited if done else ())
    known = {passage["n"] for passage in facts.get("citations", [])}
    facts["citations"] = facts.get("citations", []) + [
        _citation(passage)
        for passage in state.passages
        if passage.number in cited and passage.number not in known
    ]
