# ruff: noqa: E501 - what the model is told is read whole, line by line
"""What a message says about its author, as the configured chat engine reads it, held to a JSON schema.

The engine is made to call one function (`tool_choice`) whose parameters are the schema. It may say what the
message says, and how that bears on what is remembered already; the write gate decides all the same.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatMessage, ChatRequest, EngineError, ToolCall, ToolCalls, ToolSpec

from .extraction import LONGEST_MESSAGE, Bearing, Candidate
from .models import Memory, MemoryType, RelationType

NAME = "remember"
VERSION = 1
MOST = 8  # memories of one message
MAX_TOKENS = 1200
# These do not read a message as a model does: the guide works by rules itself, the demonstration model
# invents, the fake of the tests repeats.
BY_RULES = frozenset({"guide", "local", "fake"})
INSTRUCTIONS = """You keep an assistant's memory of a person. Read the person's message and call the function {name} once.
Write down only what the message itself says about its author, or asks to be kept, and what will matter in later conversations:
- semantic: lasting facts (name, work, family, home, health, projects); episodic: what happened or is planned, with its time;
- procedural: how things are done, and how the assistant should always behave; preference: likes and dislikes.
Each `content` is one short sentence, in the language and nearly in the words of the message, from its author's view ("I …", "나는 …").
Add nothing: no name, number or reason that the message does not hold. Keep dates as they are said.
Write nothing for questions, requests for this moment, greetings, thanks, quotes, code, suppositions, or what is known already.
`importance`: 0 trivial … 1 vital (health, names). `confidence`: how sure you are that the message says it.
If a memory bears on one of those known already, say so in `relations` with its number; "contradicts" if both cannot hold.
Known already:
{known}
An empty list is the usual answer."""


def can_ask() -> bool:
    """Whether the configured chat engine reads messages at all."""
    return engines.chat().name not in BY_RULES


def schema() -> dict[str, Any]:
    """The form of the answer."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    relation = {
        "type": "object",
        "properties": {
            "to": {"type": "integer", "minimum": 1},
            "type": {"type": "string", "enum": list(RelationType.values)},
            "strength": share,
        },
        "required": ["to", "type", "strength"],
        "additionalProperties": False,
    }
    memory = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": list(MemoryType.values)},
            "content": {"type": "string", "minLength": 1, "maxLength": 300},
            "importance": share,
            "confidence": share,
            "relations": {"type": "array", "items": relation, "maxItems": 5},
        },
        "required": ["type", "content", "importance", "confidence"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"memories": {"type": "array", "items": memory, "maxItems": MOST}},
        "required": ["memories"],
        "additionalProperties": False,
    }


def extract(text: str, *, known: Sequence[Memory] = (), language: str = "en") -> list[Candidate]:
    """What the engine finds in a message; raises EngineError, also for an answer that has not the form."""
    engine = engines.chat()
    listed = "\n".join(f"{number}. {row.content}" for number, row in enumerate(known, 1)) or "(nothing)"
    request = ChatRequest(
        messages=[
            ChatMessage("system", INSTRUCTIONS.format(name=NAME, known=listed)),
            ChatMessage("user", text[:LONGEST_MESSAGE]),
        ],
        tools=[ToolSpec(NAME, "Write down what to remember of the message.", schema())],
        language=language,
        max_tokens=MAX_TOKENS,
        temperature=0.0,
        tool_choice=NAME,
    )
    calls: list[ToolCall] = []
    for event in engine.stream(request):
        if isinstance(event, ToolCalls):
            calls += event.calls
    call = next((call for call in calls if call.name == NAME), None)
    if call is None or not Draft202012Validator(schema()).is_valid(call.arguments):
        raise EngineError("server", "the answer has not the form that was asked for")
    extractor = f"engine/{VERSION} {re.sub(r'\\s+', ' ', engine.model)}"[:100]
    return [_candidate(one, known, extractor) for one in call.arguments["memories"]]


def _candidate(told: dict[str, Any], known: Sequence[Memory], extractor: str) -> Candidate:
    bearings = tuple(
        Bearing(known[one["to"] - 1].pk, one["type"], Decimal(str(round(one["strength"], 2))))
        for one in told.get("relations", [])
        if one["to"] <= len(known)
    )
    return Candidate(
        type=told["type"],
        content=told["content"].strip(),
        importance=Decimal(str(round(told["importance"], 2))),
        confidence=round(float(told["confidence"]), 2),
        reason="read",
        extractor=extractor,
        bearings=bearings,
    )
