"""Where something was forgotten out of what a step takes: told, so that it does not run with what is left.

A record says that something was taken out of it (`output_forgotten`, `inputs_forgotten`, …). Its places are
marked before expressions see it, and an expression that looks at one of them has no value.
"""

from typing import Any

from jmespath.visitor import TreeInterpreter

from knowledge.services import LEFT

from ..reasons import because, text_of


class Forgotten(Exception):
    """An expression gives something of which a part was forgotten; `why` is the reason for people."""

    code = "forgotten"

    def __init__(self, expression: str) -> None:
        self.why = because("forgotten", expression=expression.strip()[:200])
        super().__init__(text_of(self.why, ""))


class _Gap(Exception):
    """Raised where an expression comes to a marked place."""


class CutText(str):
    """A text of which a part was forgotten."""

    __slots__ = ()


class CutObject(dict[str, Any]):
    """What stands for a memory that was forgotten."""

    __slots__ = ()


class CutList(list[Any]):
    """A list out of which whole memories are gone; those that are left are as they were."""

    __slots__ = ()


def marked(value: Any) -> Any:
    """A JSON value from a record out of which something was taken, with those places marked."""
    if isinstance(value, str):
        return CutText(value) if LEFT in value else value
    if isinstance(value, list):
        return [marked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("forgotten") is True and "results" not in value:
        return CutObject(value)
    found = {name: marked(one) for name, one in value.items()}
    if value.get("forgotten") is True and isinstance(found["results"], list):
        found["results"] = CutList(found["results"])
    return found


def has_gap(value: Any) -> bool:
    """Whether a value holds a marked place; the rest of a list out of which some are gone is whole."""
    if isinstance(value, list):
        return any(has_gap(one) for one in value)
    if isinstance(value, dict) and not isinstance(value, CutObject):
        return any(has_gap(one) for one in value.values())
    return isinstance(value, CutText | CutObject)


def searched(expression: str, parsed: dict[str, Any], scope: Any, *, items: bool = False) -> Any:
    """What a parsed expression gives; raises Forgotten where it takes a marked place.

    The list of a for-each may hold some: its `items` are looked at one by one.
    """
    try:
        value = _Watching().visit(parsed, scope)
    except _Gap:
        raise Forgotten(expression) from None
    if has_gap(value) and not (items and isinstance(value, list)):
        raise Forgotten(expression)
    return value


# Functions to which it makes no difference what stands in an object or a list.
_COUNTING = frozenset({"keys", "length", "type"})


class _Watching(TreeInterpreter):
    """Evaluates as always, and stops at a marked place."""

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        if isinstance(value, CutText):
            raise _Gap
        return value

    def visit_field(self, node: Any, value: Any) -> Any:
        if isinstance(value, CutObject):
            raise _Gap
        return super().visit_field(node, value)

    def visit_index(self, node: Any, value: Any) -> Any:
        found = super().visit_index(node, value)
        if found is None and isinstance(value, CutList):
            raise _Gap
        return found

    def visit_comparator(self, node: Any, value: Any) -> Any:
        self._stop_at_gaps(node, value)
        return super().visit_comparator(node, value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        if node["value"] not in _COUNTING:
            self._stop_at_gaps(node, value)
        return super().visit_function_expression(node, value)

    def _stop_at_gaps(self, node: Any, value: Any) -> None:
        if any(has_gap(self.visit(child, value)) for child in node["children"]):
            raise _Gap
