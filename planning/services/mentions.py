"""What a step's texts refer to: the steps whose outputs they take, and the plan's inputs.

`{{ steps.fetch.output.title }}` in an argument, or an expression (JMESPath) as condition or for-each.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

REFERENCE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# Other double braces may stay open, as they mean something in many languages.
_OPENED = re.compile(r"\{\{\s*(?:steps|inputs|item|index)\b.*", re.DOTALL)


@dataclass(slots=True)
class Mentions:
    """Names in the order of their first mention; `broken` are expressions that cannot be read."""

    steps: dict[str, None] = field(default_factory=dict)
    inputs: dict[str, None] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def add(self, expressions: Iterable[str]) -> None:
        """Read expressions and remember what they name."""
        for expression in expressions:
            found = _names(expression.strip())
            if found is None:
                self.broken.append(expression.strip())
                continue
            for root, name in found:
                (self.steps if root == "steps" else self.inputs).setdefault(name)


def mentions_of(*, arguments: Any = None, condition: str = "", for_each: str = "") -> Mentions:
    """Everything a step refers to."""
    found = Mentions()
    found.add(expressions_in(arguments))
    found.add(text for text in (condition, for_each) if text.strip())
    return found


def expressions_in(value: Any) -> Iterator[str]:
    """The expressions between double braces, anywhere in a JSON value."""
    for text in _texts_in(value):
        yield from REFERENCE.findall(text)


def _texts_in(value: Any) -> Iterator[str]:
    waiting = [value]  # no recursion: what people give may be nested deeper than Python goes
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += reversed(one.values())
        elif isinstance(one, list | tuple):
            waiting += reversed(one)


def never_closed(value: Any) -> str:
    """The first reference anywhere in a JSON value whose braces are never closed; "" if there is none."""
    for text in _texts_in(value):
        if found := _OPENED.search(text.rpartition("}}")[2]):
            return found[0]
    return ""


def has_reference(value: Any) -> bool:
    """Whether a value is known only when the step runs."""
    return next(expressions_in(value), None) is not None


@lru_cache(maxsize=4096)
def _names(expression: str) -> tuple[tuple[str, str], ...] | None:
    """The pairs (steps or inputs, name) an expression begins its paths with; None if it cannot be read."""
    try:
        return tuple(_paths(jmespath.compile(expression).parsed))
    except (JMESPathError, ValueError, RecursionError):  # its parser recurses at every bracket
        return None


def _paths(node: Any) -> Iterator[tuple[str, str]]:
    children = [child for child in node.get("children", []) if isinstance(child, dict)]
    if node.get("type") == "subexpression" and len(children) > 1:
        first, second = children[:2]
        if first["type"] == second["type"] == "field" and first["value"] in ("steps", "inputs"):
            yield first["value"], second["value"]
    for child in children:
        yield from _paths(child)
