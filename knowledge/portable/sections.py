"""Parts of the file that apps above this one write: they register what they keep of a person's memory."""

from collections.abc import Callable, Iterable
from typing import Any

type Section = Callable[[Any], Iterable[dict[str, Any]]]

_sections: dict[str, Section] = {}


def register_section(name: str, rows: Section) -> None:
    """Add `name` to the file; `rows(user)` gives what stands under it, as plain JSON objects."""
    _sections[name] = rows


def written_sections(user: Any) -> dict[str, list[dict[str, Any]]]:
    """What the registered sections hold of this person."""
    return {name: list(rows(user)) for name, rows in sorted(_sections.items())}
