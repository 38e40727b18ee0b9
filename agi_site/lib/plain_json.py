"""JSON from outside, checked before it reaches a column: what every database takes, of a size we choose."""

import math
from typing import Any

from django.utils.translation import gettext as _

from .problems import Invalid

MAX_DEPTH = 32
MAX_VALUES = 10_000
MAX_TEXT = 1_000_000
_LARGEST = 2**63 - 1


def check(value: Any, *, field: str, max_text: int = MAX_TEXT) -> None:
    """Raise Invalid, naming `field`, if `value` is too deep, too big, or holds what JSON cannot say.

    Refused: numbers that are not finite or beyond 64 bits, NUL characters, half surrogates, more than
    `MAX_DEPTH` levels, `MAX_VALUES` values or `max_text` characters in all.
    """
    fault = _fault(value, max_text)
    if fault:
        raise Invalid(errors={field: [fault]})


def fault_in_text(text: str) -> str:
    """What makes a text unfit for a column, "" when nothing does."""
    if "\0" in text:
        return _("Text may not hold NUL characters.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return _("Text holds half a character (a lone surrogate).")
    return ""


def _fault(value: Any, max_text: int) -> str:
    values, text = 0, 0
    open_values: list[tuple[Any, int]] = [(value, 1)]
    while open_values:
        current, depth = open_values.pop()
        values += 1
        if depth > MAX_DEPTH:
            return _("Nested too deeply: at most %(most)s levels.") % {"most": MAX_DEPTH}
        if isinstance(current, dict):
            open_values += [(key, depth) for key in current]
            open_values += [(item, depth + 1) for item in current.values()]
        elif isinstance(current, list | tuple):
            open_values += [(item, depth + 1) for item in current]
        elif isinstance(current, str):
            text += len(current)
            if fault := fault_in_text(current):
                return fault
        elif fault := _fault_in_number(current):
            return fault
        if values + len(open_values) > MAX_VALUES:
            return _("Too many values: at most %(most)s.") % {"most": MAX_VALUES}
        if text > max_text:
            return _("Too much text: at most %(most)s characters.") % {"most": max_text}
    return ""


def _fault_in_number(value: Any) -> str:
    if isinstance(value, int) and abs(value) > _LARGEST:
        return _("Whole numbers may have at most 64 bits.")
    if isinstance(value, float) and not math.isfinite(value):
        return _("Numbers must be finite.")
    return ""


def repaired(text: str) -> str:
    """A text from an engine without NUL characters and half characters, which a column cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
