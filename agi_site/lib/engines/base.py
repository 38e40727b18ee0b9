"""What the rest of the product knows about models: plain messages in, a stream of small events out.

Nothing here imports an engine. The engines of this folder fulfil the Protocols; `agi_site.lib.engines`
picks one by settings.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

type Vector = npt.NDArray[np.float32]
type Matrix = npt.NDArray[np.float32]
type Role = Literal["system", "user", "assistant", "tool"]
type ErrorKind = Literal[
    "unreachable",
    "timeout",
    "auth",
    "rate_limited",
    "bad_request",
    "context_length",
    "broken_stream",
    "server",
]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One wish of the model to run a tool; `arguments` is already parsed JSON."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it goes to a model: the bytes of a JPEG. No log and no error may show them."""

    id: str
    name: str
    width: int
    height: int
    data: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the conversation; a `tool` message answers the call named by `tool_call_id`.

    `unseen` names pictures that the person put into the message and that the engine does not get.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    pictures: tuple[Picture, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Passage:
    """A recalled text. `number` is the n of the [n] that cites it."""

    number: int
    kind: Literal["knowledge", "memory"]
    id: str
    title: str
    content: str
    score: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Everything an engine may use for one answer. `vector` is the query embedding of the last user
    message; `tool_choice` names the tool that the answer has to be a call of; `not_kept` says why what the
    person asks to be remembered, or recalled, is not, "" where it is; `only_tells`, that they say something
    that is remembered, and ask for nothing; `doubts`, the numbers (newer, earlier) of memories that may
    contradict each other.
    """

    messages: Sequence[ChatMessage]
    tools: Sequence[ToolSpec] = ()
    passages: Sequence[Passage] = ()
    language: str = "en"
    vector: Vector | None = field(default=None, compare=False)
    max_tokens: int | None = None
    temperature: float | None = None
    tool_choice: str = ""
    not_kept: str = ""
    only_tells: bool = False
    doubts: Sequence[tuple[int, int]] = ()
    stop: threading.Event | None = field(default=None, compare=False)

    @property
    def last_user_text(self) -> str:
        """The newest words of the person, "" when there are none."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def last_unseen(self) -> tuple[str, ...]:
        """The names of the pictures in the person's newest message that the engine does not get."""
        return next((m.unseen for m in reversed(self.messages) if m.role == "user"), ())

    @property
    def has_pictures(self) -> bool:
        """Whether a message holds a picture."""
        return any(message.pictures for message in self.messages)

    @property
    def stopped(self) -> bool:
        """Whether the person has asked to stop."""
        return self.stop is not None and self.stop.is_set()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """The model wants these tools run; the stream ends with Done("tool_calls") after it."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a stream. `finish_reason`: stop, length, tool_calls, or stopped (the person stopped it)."""

    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    cited: tuple[int, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


type ChatEvent = TextDelta | ToolCalls | Done


class EngineError(Exception):
    """An engine could not do its work. `message` tells a person what to do and never holds a key."""

    def __init__(self, kind: ErrorKind, message: object, *, retryable: bool = False) -> None:
        super().__init__(kind, message)
        self.kind: ErrorKind = kind
        self._message = message
        self.retryable = retryable

    @property
    def message(self) -> str:
        """The text, translated into the language active now."""
        return str(self._message)

    def __str__(self) -> str:
        return self.message


@runtime_checkable
class ChatEngine(Protocol):
    """Answers a request as a stream of events ending in exactly one Done, or raises EngineError."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def context_window(self) -> int: ...

    def stream(self, request: ChatRequest) -> Iterator[ChatEvent]: ...

    def count_tokens(self, text: str) -> int: ...

    def sees(self) -> bool:
        """Whether it can be shown pictures; it may ask its server, for a second or two."""


@runtime_checkable
class EmbeddingEngine(Protocol):
    """Turns texts into L2-normalised float32 rows, shape (n, dimension). `name` is stored beside vectors."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed_documents(self, texts: Sequence[str]) -> Matrix: ...

    def embed_queries(self, texts: Sequence[str]) -> Matrix: ...


@runtime_checkable
class Composed(EmbeddingEngine, Protocol):
    """An embedding engine whose rows hold those of a multilingual one and more.

    `multilingual_part` leaves of its rows, shape (…, dimension), what that one gave, with length one.
    `in_common` leaves of an average of rows what can be left out of a query.
    """

    @property
    def multilingual(self) -> EmbeddingEngine: ...

    def multilingual_part(self, rows: Matrix) -> Matrix: ...

    def in_common(self, query: Vector, middle: Vector) -> Vector: ...


@runtime_checkable
class RerankingEngine(Protocol):
    """Says how well each text answers a query: float32, shape (n,), in [0, 1]; raises EngineError."""

    @property
    def name(self) -> str: ...

    def scores(self, query: str, texts: Sequence[str]) -> Vector: ...


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing named in a text: `text[start:end] == name`; `value` is its normal form (ISO date, plain
    number).
    """

    name: str
    value: str
    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a message says besides its words. Scores of `intents` are probabilities, best first, summing to
    <= 1.
    """

    language: str
    intents: list[tuple[str, float]]
    entities: list[Entity]
    sentiment_score: float
    sentiment_label: str
    emotions: dict[str, float]
    dominant_emotion: str
    intensity: float


@runtime_checkable
class LanguageEngine(Protocol):
    """Analyses one message. `vector` is its query embedding, when the caller already has it."""

    @property
    def name(self) -> str: ...

    def analyse(self, text: str, vector: Vector | None = None) -> Analysis: ...
