"""How rated rows become examples: each app says so for its own target types.

An app that stands above or beside `learning` registers from `AppConfig.ready()`; `learning` never imports it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """What a model can learn from a row: `type` names the kind (conversation, tool_usage)."""

    type: str
    input_data: dict[str, Any]
    output_data: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)


type Maker = Callable[[Any], Example | None]

_makers: dict[str, Maker] = {}


def example_of(target_type: str) -> Callable[[Maker], Maker]:
    """Register `fn(row) -> Example | None` for a target type; None when the row teaches nothing."""

    def register(maker: Maker) -> Maker:
        _makers[target_type] = maker
        return maker

    return register


def make(target_type: str, row: Any) -> Example | None:
    """The example in a row; None for types nobody has registered."""
    maker = _makers.get(target_type)
    return maker(row) if maker else None
