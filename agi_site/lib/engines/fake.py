"""Deterministic engines for tests: scripted where a test wants a certain answer, sensible where it does not
care.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from agi_site.lib.engines.base import (
    Analysis,
    ChatEvent,
    ChatRequest,
    Done,
    EngineError,
    Matrix,
    TextDelta,
    ToolCall,
    ToolCalls,
    Vector,
)
from agi_site.lib.engines.embeddings import normalised
from agi_site.lib.engines.tokens import estimate_tokens


@dataclass(frozen=True, slots=True)
class Script:
    """One scripted answer: its pieces, then tool calls, then an error or a Done.

    `delay` seconds pass before each piece; `error` is raised after `tokens`, so a break in mid-answer is a
    script with both.
    """

    tokens: Sequence[str] = ()
    calls: Sequence[ToolCall] = ()
    error: EngineError | None = None
    delay: float = 0.0
    cited: tuple[int, ...] = ()
    finish_reason: str = "stop"


@dataclass
class FakeChat:
    """Plays its scripts in order, then echoes. `requests` keeps what it was asked.

    Unscripted: quotes the first passage with its citation, else repeats the person's words.
    """

    scripts: Iterable[Script] = ()
    name: str = "fake"
    model: str = "fake-1"
    context_window: int = 8192
    vision: bool = False
    requests: list[ChatRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scripts = deque(self.scripts)

    def script(self, *scripts: Script) -> None:
        """Add answers to the end of the list."""
        self._scripts.extend(scripts)

    def say(self, text: str, *, delay: float = 0.0) -> None:
        """Add an answer of this text, streamed word by word."""
        self.script(Script(tokens=words(text), delay=delay))

    def stream(self, request: ChatRequest) -> Iterator[ChatEvent]:
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else self._default(request)
        said = []
        for token in script.tokens:
            if not _pause(script.delay, request):
                break
            said.append(token)
            yield TextDelta(token)
        if request.stopped:
            yield self._done(request, "stopped", said, ())
            return
        if script.error is not None:
            raise script.error
        if script.calls:
            yield ToolCalls(tuple(script.calls))
        reason = "tool_calls" if script.calls else script.finish_reason
        yield self._done(request, reason, said, script.cited)

    def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    def sees(self) -> bool:
        return self.vision

    def _default(self, request: ChatRequest) -> Script:
        if request.passages:
            first = request.passages[0]
            return Script(tokens=words(f"{first.content} [{first.number}]"), cited=(first.number,))
        return Script(tokens=words(f"You said: {request.last_user_text}"))

    def _done(self, request: ChatRequest, reason: str, said: list[str], cited: tuple[int, ...]) -> Done:
        prompt = sum(self.count_tokens(message.content) for message in request.messages)
        return Done(reason, prompt, self.count_tokens("".join(said)), self.model, cited=cited)


class FakeEmbedding:
    """Bags of hashed words: texts that share words are near, the rest is near zero. No model, no state."""

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension
        self.name = f"fake/{dimension}"

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.01
            for word in text.lower().split():
                row[
                    int.from_bytes(
                        hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4).digest(), "little"
                    )
                    % len(row)
                ] += 1
        return normalised(rows)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        return self.embed_documents(texts)


class FakeLanguage:
    """Language by Hangul, everything else neutral, unless a test has scripted the text in `answers`."""

    name = "fake"

    def __init__(self, answers: dict[str, Analysis] | None = None) -> None:
        self.answers = dict(answers or {})

    def analyse(self, text: str, vector: Vector | None = None) -> Analysis:
        if text in self.answers:
            return self.answers[text]
        hangul = any("가" <= letter <= "힣" for letter in text)
        known = hangul or any(letter.isalpha() for letter in text)
        return Analysis(
            language="ko" if hangul else "en" if known else "und",
            intents=[("question", 0.9)] if "?" in text else [("small_talk", 0.9)],
            entities=[],
            sentiment_score=0.0,
            sentiment_label="neutral",
            emotions={"neutral": 1.0},
            dominant_emotion="neutral",
            intensity=0.0,
        )


def words(text: str) -> list[str]:
    """The text in pieces of one word each, with the space before it; joined they are the text again."""
    parts = text.split(" ")
    return [part if at == 0 else f" {part}" for at, part in enumerate(parts) if part or at]


def _pause(seconds: float, request: ChatRequest) -> bool:
    """Wait, unless the person stops; False when they have."""
    if seconds and request.stop is not None:
        request.stop.wait(seconds)
    elif seconds:
        time.sleep(seconds)
    return not request.stopped
