"""Chat through any server that speaks OpenAI's /v1/chat/completions: vLLM, Ollama, llama.cpp, hosted ones.

One thread reads the server, the caller's generator takes from a queue. So the caller can stop at any
moment, even while the server is silent or the connection is still being made; the socket is then shut down,
which tells the server to stop generating.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai

from agi_site.lib.engines import config
from agi_site.lib.engines.base import ChatEvent, ChatRequest, Done, EngineError, TextDelta, ToolCalls
from agi_site.lib.engines.openai_errors import BROKEN, engine_error, error_text
from agi_site.lib.engines.openai_wire import (
    CallParts,
    Wire,
    WirePool,
    messages_for,
    sse_data,
    tool_choice_for,
    tools_for,
)
from agi_site.lib.engines.tokens import estimate_tokens
from agi_site.lib.engines.vision import Sight

logger = logging.getLogger(__name__)

ATTEMPTS = 3
STOP_POLL_SECONDS = 0.1
LONGEST_RETRY_WAIT = 10.0
JOIN_SECONDS = 2.0
ASK_SECONDS = 2.0


class OpenAIChat:
    """A chat engine behind an OpenAI-compatible address.

    `timeout` is the longest silence in seconds between two chunks; making the connection may take five.
    Failures before the first piece of text are tried again up to three times when trying again can help.
    """

    name = "openai"

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str = "",
        model: str = "",
        context_window: int = 8192,
        timeout: float = 60.0,
        vision: str = "off",
    ) -> None:
        self.base_url = base_url
        self.context_window = context_window
        self._model = model
        self._wires = WirePool(base_url=base_url, api_key=api_key, timeout=timeout)
        self._refused: set[str] = set()  # request fields this server has refused; learnt, then left out
        self._sight = Sight(vision, self._ask)
        self._model_lock = threading.Lock()
        self._readers: weakref.WeakSet[_Reader] = weakref.WeakSet()

    @classmethod
    def from_settings(cls) -> OpenAIChat:
        return cls(
            base_url=config.get("CHAT_BASE_URL"),
            api_key=config.get("CHAT_API_KEY"),
            model=config.get("CHAT_MODEL"),
            context_window=int(config.get("CHAT_CONTEXT_WINDOW")),
            timeout=float(config.get("CHAT_TIMEOUT")),
            vision=str(config.get("CHAT_VISION")),
        )

    @property
    def model(self) -> str:
        """The model's name as configured, else as the server named it when first asked; "" before that."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """An estimate, to the high side: the server's tokenizer is not known here."""
        return estimate_tokens(text)

    def sees(self) -> bool:
        """Whether the model takes pictures: as set, else as its server or its name says."""
        return self._sight.of(self._model)

    def _ask(self, path: str, body: Any) -> Any:
        wire = self._wires.take()
        try:
            told = wire.ask(path, body, seconds=ASK_SECONDS)
        except BaseException:
            wire.close()
            raise
        self._wires.give_back(wire)
        return told

    def close(self) -> None:
        """End the answers that are still being read, and let go of all connections."""
        for reader in list(self._readers):
            reader.cut(wait=JOIN_SECONDS)
        self._wires.close()

    def stream(self, request: ChatRequest) -> Iterator[ChatEvent]:
        """Yield TextDelta, at most one ToolCalls, then Done; raises EngineError. Stopping ends it with
        Done.
        """
        if request.stopped:
            yield Done("stopped", None, 0, self.model)
            return
        reader = _Reader(self, request)
        self._readers.add(reader)
        started = time.monotonic()
        reader.start()
        try:
            yield from reader.events()
        finally:
            reader.cut()
            logger.debug("chat stream of %s took %.2f s", self._model, time.monotonic() - started)

    def _resolve_model(self, client: openai.OpenAI) -> str:
        """The configured model, else the first that the server lists."""
        with self._model_lock:
            if not self._model:
                listed = [model.id for model in client.models.list().data]
                self._model = listed[0] if listed else "default"
            return self._model

    def _arguments(self, request: ChatRequest, client: openai.OpenAI) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._resolve_model(client),
            "messages": messages_for(request),
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": tools_for(request) or None,
            "tool_choice": tool_choice_for(request),
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if "max_tokens" in self._refused:
            arguments["max_completion_tokens"] = arguments.pop("max_tokens")
        return {
            key: value for key, value in arguments.items() if value is not None and key not in self._refused
        }

    def _learn_refusal(self, error: openai.APIStatusError, sent: dict[str, Any]) -> bool:
        """Whether the server refused a field we can do without; it is left out from now on."""
        if error.status_code not in (400, 422):
            return False
        text = error_text(error)
        if "max_completion_tokens" in text and "max_tokens" in sent:
            self._refused.add("max_tokens")
            return True
        signs = {
            "stream_options": ("stream_options", "include_usage"),
            "temperature": ("temperature",),
            "tool_choice": ("tool_choice",),
        }
        for name, words in (
            signs | {"tools": ("support tools", "support tool", "tools are not", "'tools'")}
        ).items():
            if name in sent and any(word in text for word in words):
                self._refused.add(name)
                return True
        return False


@dataclass(slots=True)
class _Answer:
    """What has been heard so far of one answer, besides its text."""

    model: str
    finish: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    parts: CallParts = field(default_factory=CallParts)


class _Reader:
    """One request: reads the server in its own thread and hands events over a queue."""

    def __init__(self, engine: OpenAIChat, request: ChatRequest) -> None:
        self._engine = engine
        self._request = request
        self._queue: queue.SimpleQueue[ChatEvent | EngineError] = queue.SimpleQueue()
        self._cut = threading.Event()
        self._wire: Wire | None = None
        self._finished = False
        self._spoken: list[str] = []
        self._thread = threading.Thread(target=self._run, name="chat-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cut(self, *, wait: float = 0.0) -> None:
        """Close the connection if the stream is still going on, and wait up to `wait` seconds for its end."""
        if not self._finished:
            self._cut.set()
            if self._wire is not None:
                self._wire.sever()
        if wait:
            self._thread.join(wait)

    def events(self) -> Iterator[ChatEvent]:
        """What arrives, until Done; ends with Done("stopped") soon after the person stops."""
        while True:
            if self._request.stopped:
                yield self._stopped()
                return
            try:
                event = self._queue.get(timeout=STOP_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(event, EngineError):
                raise event
            yield event
            if isinstance(event, Done):
                return

    def _stopped(self) -> Done:
        said = estimate_tokens("".join(self._spoken))
        return Done("stopped", None, said, self._engine.model, cited=self._cited())

    def _cited(self) -> tuple[int, ...]:
        known = {passage.number for passage in self._request.passages}
        found = (int(n) for n in re.findall(r"\[(\d{1,3})\]", "".join(self._spoken)))
        return tuple(dict.fromkeys(n for n in found if n in known))

    def _run(self) -> None:
        try:
            self._attempts()
        except EngineError as error:
            self._queue.put(error)
        except Exception as error:
            # A reader that dies in silence would leave the person waiting for ever.
            logger.exception("reading the model server failed")
            self._queue.put(engine_error(error))

    def _attempts(self) -> None:
        attempt = 1
        while not self._cut.is_set():
            wire = self._engine._wires.take()
            self._wire = wire
            sent: dict[str, Any] = {}
            try:
                sent = self._engine._arguments(self._request, wire.client)
                self._read(wire, sent)
            except (openai.OpenAIError, httpx2.TransportError) as error:
                wire.close()
                if self._finished:
                    return
                refused = isinstance(error, openai.APIStatusError) and self._engine._learn_refusal(
                    error, sent
                )
                if not refused:
                    self._wait_or_raise(error, attempt)
                    attempt += 1
            except BaseException:
                wire.close()
                raise
            else:
                self._engine._wires.give_back(wire)
                return

    def _wait_or_raise(self, error: Exception, attempt: int) -> None:
        """Sleep before the next attempt, or raise what the caller should see."""
        if self._spoken:
            raise EngineError("broken_stream", BROKEN, retryable=True) from None
        mapped = engine_error(error, pictures=self._request.has_pictures)
        slow = mapped.kind == "timeout"  # it has waited long enough; another wait would only double it
        if not mapped.retryable or slow or attempt >= ATTEMPTS:
            raise mapped from None
        self._cut.wait(_retry_wait(error, attempt))

    def _read(self, wire: Wire, sent: dict[str, Any]) -> None:
        answer = _Answer(sent["model"])
        # The client fits every message to its types, a tenth of a millisecond each; these are built to fit.
        body = {"messages": sent["messages"]}
        create = wire.client.chat.completions.with_streaming_response.create
        with create(**sent | {"messages": []}, extra_body=body) as response:
            lines = response.iter_lines()
            for data in sse_data(lines):
                self._hear(answer, data)
            if not answer.finish:
                # A broken connection can look like an end; a whole answer names its reason or says [DONE].
                raise httpx2.ReadError("the stream ended early")
            self._finish(answer)
            for _rest in lines:
                pass  # read to the end, so that the connection can serve the next request

    def _hear(self, answer: _Answer, data: dict[str, Any]) -> None:
        if data.get("error"):
            raise openai.APIError(str(data["error"]), request=httpx2.Request("POST", ""), body=data["error"])
        answer.usage = data.get("usage") or answer.usage
        answer.model = data.get("model") or answer.model
        for choice in (data.get("choices") or [])[:1]:
            answer.finish = choice.get("finish_reason") or answer.finish
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                self._spoken.append(text)
                self._queue.put(TextDelta(text))
            for fragment in delta.get("tool_calls") or ():
                answer.parts.add(fragment)

    def _finish(self, answer: _Answer) -> None:
        calls, broken = answer.parts.calls()
        notes: dict[str, Any] = {"broken_arguments": broken} if broken else {}
        if "tools" in self._engine._refused and self._request.tools:
            notes["tools_refused"] = True
        self._finished = True
        if calls:
            self._queue.put(ToolCalls(calls))
        finish = "tool_calls" if calls else answer.finish
        counts = (answer.usage.get("prompt_tokens"), answer.usage.get("completion_tokens"))
        self._queue.put(Done(finish, *counts, answer.model, cited=self._cited(), notes=notes))


def _retry_wait(error: Exception, attempt: int) -> float:
    """Seconds to wait: what the server asks for, else half a second, doubled each time; at most ten."""
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.5 * 2 ** (attempt - 1)
    return min(max(seconds, 0.0), LONGEST_RETRY_WAIT)
