"""What a search for memories has said, without those that were forgotten since."""

import json
from collections.abc import Collection
from typing import Any


def without_memories(text: str, ids: Collection[str]) -> str:
    """A tool's result as text, without the memories `ids`; a text that was cut and names one goes whole."""
    if not any(one in text for one in ids):
        return text
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    kept, changed = without_memories_in(told, ids)
    return json.dumps(kept if changed else {"results": [], "forgotten": True}, ensure_ascii=False)


def without_memories_in(told: Any, ids: Collection[str]) -> tuple[Any, bool]:
    """The same for a result as an object, however deep in others; also whether anything was taken out."""
    if isinstance(told, list):
        parts = [without_memories_in(one, ids) for one in told]
        return [part for part, _changed in parts], any(changed for _part, changed in parts)
    if not isinstance(told, dict):
        return told, False
    kept, gone = dict(told), False
    if isinstance(results := told.get("results"), list):
        kept["results"] = [one for one in results if not (isinstance(one, dict) and one.get("id") in ids)]
        if gone := len(kept["results"]) < len(results):
            kept["forgotten"] = True
    found = {name: without_memories_in(value, ids) for name, value in kept.items()}
    changed = gone or any(inner for _value, inner in found.values())
    return ({name: value for name, (value, _changed) in found.items()}, True) if changed else (told, False)
