"""Where in its document a passage stands: what the metadata hold, and how it is said."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

LONGEST_HEADING = 200
NAMES = frozenset({"page", "row", "entry", "heading", "line", "last_line", "start", "end"})


def placed(metadata: Any, place: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata with `place` for the place that they held."""
    held = metadata if isinstance(metadata, dict) else {}
    return {name: value for name, value in held.items() if name not in NAMES} | dict(place)


def place_words(metadata: Any) -> str:
    """ "p. 3 · Leave" of {"page": 3, "heading": "Leave"}; "" where nothing is known of the place."""
    if not isinstance(metadata, dict):
        return ""
    page, row, entry = (metadata.get(name) for name in ("page", "row", "entry"))
    line, last = metadata.get("line"), metadata.get("last_line")
    parts: list[str] = []
    if isinstance(page, int):
        parts.append(_("p. %(page)s") % {"page": page})
    if isinstance(row, int):
        parts.append(_("row %(row)s") % {"row": row})
    if isinstance(entry, int | str):
        parts.append(_("entry %(entry)s") % {"entry": entry})
    if isinstance(line, int) and isinstance(last, int) and last > line:
        parts.append(_("lines %(first)s–%(last)s") % {"first": line, "last": last})
    elif isinstance(line, int):
        parts.append(_("line %(line)s") % {"line": line})
    heading = metadata.get("heading")
    if isinstance(heading, str) and heading:
        parts.append(heading)
    return " · ".join(parts)
