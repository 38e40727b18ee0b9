"""A tool as its source describes it, and the way from JSON Schema to parameter rows."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agi_site.lib.plain_json import repaired

LONGEST_NAME = 64  # what model servers take
LONGEST_DESCRIPTION = 4000
MOST_PARAMETERS = 100
DEEPEST = 12
LARGEST_SCHEMA = 60_000
_TYPES = ("string", "integer", "number", "boolean", "array", "object")
# A property that says nothing of its type may be anything; the row says the widest.
ANYTHING = [*_TYPES, "null"]


@dataclass(frozen=True, slots=True)
class ParameterDraft:
    """An argument: `schema` is everything its JSON Schema says beside type and description."""

    name: str
    type: str
    required: bool
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolDraft:
    """A tool of a source; `details` is what its call needs to know."""

    remote_name: str
    description: str
    parameters: tuple[ParameterDraft, ...]
    details: dict[str, Any] = field(default_factory=dict)
    retry_safe: bool = False

    @property
    def fingerprint(self) -> str:
        """Changes whenever what the tool says of itself changes."""
        said = [
            self.description,
            [[p.name, p.type, p.required, p.description, p.schema] for p in self.parameters],
        ]
        told = json.dumps([said, self.details], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:20]


def local_name(source: str, remote: str, taken: set[str]) -> str:
    """The name a tool gets here: the source's name, then its own; adds to `taken` (small letters)."""
    own = re.sub(r"[^A-Za-z0-9_-]+", "_", remote).strip("_") or "tool"
    name = f"{source}_{own}"
    if len(name) > LONGEST_NAME or name.lower() in taken:
        mark = hashlib.sha256(remote.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_NAME - 9]}_{mark}"
    taken.add(name.lower())
    return name


def parameters_of(schema: Mapping[str, Any], root: Any = None) -> tuple[ParameterDraft, ...]:
    """The parameters of an object schema; `$ref`s inside are replaced by what they name in `root`.

    Names that differ in nothing but the case of letters are one column value to MySQL: the first stays.
    """
    whole = inlined(schema, schema if root is None else root)
    properties = whole.get("properties") if isinstance(whole, dict) else None
    if not isinstance(properties, dict):
        return ()
    listed = whole.get("required")
    required = set(map(str, listed)) if isinstance(listed, list) else set()
    found: dict[str, ParameterDraft] = {}
    for name, about in list(properties.items())[:MOST_PARAMETERS]:
        if 0 < len(name) <= 100 and name.lower() not in found:
            found[name.lower()] = parameter(name, about, required=name in required)
    return tuple(found.values())


def parameter(name: str, about: Any, *, required: bool, description: str = "") -> ParameterDraft:
    """One parameter from its (resolved) schema."""
    schema = dict(about) if isinstance(about, dict) else {}
    said = description or str(schema.pop("description", "") or schema.get("title", ""))
    schema.pop("description", None)
    if len(json.dumps(schema)) > LARGEST_SCHEMA:
        schema = {"type": ANYTHING}
    kind = schema.get("type")
    if kind in _TYPES:
        schema.pop("type")
    elif isinstance(kind, list) and kind and all(one in ANYTHING for one in kind):
        kind = next((one for one in kind if one != "null"), "object")
    else:
        schema["type"], kind = ANYTHING, "object"
    return ParameterDraft(name, str(kind), required, repaired(said)[:LONGEST_DESCRIPTION], schema)


def inlined(schema: Any, root: Any, depth: int = 0, within: tuple[str, ...] = ()) -> Any:
    """A schema with every local `$ref` replaced; one that contains itself allows anything there."""
    if depth > DEEPEST:
        return {}
    if isinstance(schema, list):
        return [inlined(item, root, depth + 1, within) for item in schema]
    if not isinstance(schema, dict):
        return repaired(schema) if isinstance(schema, str) else schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in within:
            return {}
        named = resolved(reference, root)
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = inlined(named, root, depth + 1, (*within, reference))
        return {**target, **beside} if isinstance(target, dict) else beside
    dropped = ("$defs", "definitions", "$schema", "$id")
    return {
        key: inlined(value, root, depth + 1, within) for key, value in schema.items() if key not in dropped
    }


def resolved(reference: str, root: Any) -> Any:
    """What a local reference (`#/…`) names in its document; {} where it names nothing in it."""
    if not reference.startswith("#"):
        return {}
    found = root
    for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else []:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return {}
    return found
