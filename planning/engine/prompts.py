"""A step that asks the assistant: one question to the chat engine, its answer as text."""

import threading
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatMessage, ChatRequest, Done, EngineError, TextDelta
from agi_site.lib.plain_json import repaired

from ..models import StepState
from .moves import Outcome

MOST_CHARACTERS = 200_000


def messages_of(arguments: Mapping[str, Any]) -> list[ChatMessage]:
    """What the engine is given."""
    system = str(arguments.get("system") or "")
    asked = ChatMessage("user", _as_text(arguments.get("prompt")))
    return [ChatMessage("system", system), asked] if system else [asked]


def tokens_of(arguments: Mapping[str, Any]) -> int:
    """How many tokens the question has, by the engine's count."""
    engine = engines.chat()
    return sum(engine.count_tokens(message.content) for message in messages_of(arguments))


def _as_text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def ask(
    arguments: Mapping[str, Any], *, language: str, stop: threading.Event, tokens: float | None = None
) -> Outcome:
    """Ask and collect the answer. `tokens` is what question and answer may have together."""
    if not _as_text(arguments.get("prompt") or "").strip():
        return Outcome(StepState.FAILED, error=_("Write what the assistant is asked."), code="invalid")
    engine = engines.chat()
    messages = messages_of(arguments)
    asked = sum(engine.count_tokens(message.content) for message in messages)
    most = arguments.get("max_tokens")
    if tokens is not None:
        room = int(tokens) - asked
        if room < 1:
            text = _("The question alone needs more tokens than the budget has left.")
            return Outcome(StepState.FAILED, error=text, code="budget")
        most = min(int(most), room) if most else room
    request = ChatRequest(messages, language=language, max_tokens=most, stop=stop)
    said: list[str] = []
    done: Done | None = None
    try:
        for event in engine.stream(request):
            if isinstance(event, TextDelta):
                said.append(event.text)
            elif isinstance(event, Done):
                done = event
            if stop.is_set():
                break
    except EngineError as error:
        used = {"tokens": asked + engine.count_tokens("".join(said))}
        return Outcome(
            StepState.FAILED, error=error.message, code=error.kind, used=used, again=error.retryable
        )
    text = repaired("".join(said))[:MOST_CHARACTERS]
    used = {"tokens": _used(engine, done, asked, text)}
    if stop.is_set() or (done is not None and done.finish_reason == "stopped"):
        return Outcome(StepState.FAILED, error=_("The step was stopped."), code="canceled", used=used)
    return Outcome(StepState.COMPLETED, output=text, used=used)


def _used(engine: Any, done: Done | None, asked: int, text: str) -> int:
    """The engine's own count, where it gives one."""
    if done is None or done.completion_tokens is None:
        return int(asked + engine.count_tokens(text))
    return int((done.prompt_tokens if done.prompt_tokens is not None else asked) + done.completion_tokens)
