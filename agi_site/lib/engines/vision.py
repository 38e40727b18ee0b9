"""Finds out whether a model takes pictures: by setting, by what its server says of it, by its family."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

ON, OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")
KNOWN_SECONDS = 600.0  # a server may be restarted with another model under the same name
UNKNOWN_SECONDS = 60.0
_SEES = re.compile(
    r"gpt-4o|gpt-4\.[15]|gpt-4-turbo|gpt-5|\bo[134](?!-mini-2024)\b|claude-(?:3|4|opus|sonnet|haiku)|gemini-[1-9]"
    r"|gemma-?3(?!n?[:-](?:270m|1b))|llava|moondream|minicpm-?[vo]|[-_]vl\b|\bvl[-_]|\d-?vl\b|-omni|internvl|pixtral"
    r"|llama-?4|mistral-small-?3\.[12]|mistral-medium-3|vision|smolvlm|glm-4(?:\.\d)?v|molmo|idefics|grok-4|multimodal",
    re.IGNORECASE,
)


class Sight:
    """What is known of a model's sight, asked of its server at most every few minutes.

    `ask(path, body)` gives the JSON of a GET (or, with a body, a POST) to the server, or raises.
    """

    def __init__(self, setting: str, ask: Callable[[str, Any], Any]) -> None:
        self._setting = setting.strip().lower()
        self._ask = ask
        self._lock = threading.Lock()
        self._found: bool | None = None
        self._until = 0.0

    def of(self, model: str) -> bool:
        """Whether `model` ("" is the first that the server lists) takes pictures; False if nobody knows."""
        if self._setting in ON:
            return True
        if self._setting in OFF:
            return False
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._look(model)
                known = self._found is not None
                self._until = time.monotonic() + (KNOWN_SECONDS if known else UNKNOWN_SECONDS)
            return bool(self._found)

    def _look(self, model: str) -> bool | None:
        """What the server says, else what the name says; None where the server could not be asked."""
        try:
            listed = self._ask("/models", None)
        except Exception:
            return True if _SEES.search(model) else None
        rows = [row for row in _rows(listed) if not model or row.get("id", row.get("name")) == model]
        name = model or str(next((row.get("id", "") for row in rows), ""))
        said = [found for row in rows if (found := declared(row)) is not None]
        if not said and any(row.get("owned_by") == "library" for row in rows):  # Ollama tells elsewhere
            try:
                shown = self._ask("/../api/show", {"model": name})
            except Exception:
                shown = {}
            said = [found] if (found := declared(shown)) is not None else []
        return any(said) if said else bool(_SEES.search(name))


def declared(row: Any) -> bool | None:
    """Whether what a server says of a model names pictures; None where it says nothing of the kind.

    OpenRouter: `architecture.input_modalities`; Mistral: `capabilities.vision`; Ollama and llama.cpp:
    `capabilities: [...]`; LM Studio: `type: "vlm"`; LiteLLM: `supports_vision`.
    """
    if not isinstance(row, Mapping):
        return None
    if row.get("type") in ("vlm", "llm"):
        return bool(row["type"] == "vlm")
    for told in (row, row.get("architecture"), row.get("model_info")):
        if not isinstance(told, Mapping):
            continue
        for name in ("input_modalities", "modalities", "capabilities"):
            value = told.get(name)
            if isinstance(value, list) and value:
                return any(str(word) in ("image", "vision", "multimodal") for word in value)
            if isinstance(value, Mapping) and "vision" in value:
                return bool(value["vision"])
        if isinstance(told.get("supports_vision"), bool):
            return bool(told["supports_vision"])
    return None


def _rows(listed: Any) -> Iterator[Mapping[str, Any]]:
    """The models of a list; llama.cpp has a second one, which says more."""
    if isinstance(listed, Mapping):
        for name in ("data", "models"):
            given = listed.get(name)
            yield from (row for row in given if isinstance(row, Mapping)) if isinstance(given, list) else ()
