"""Words about plans in templates: `{% load planning_words %}`."""

import json
from typing import Any

from django import template

from .. import words

register = template.Library()


@register.filter
def lasting(seconds: float | None) -> str:
    """Seconds with their units, or a dash."""
    return words.duration(seconds)


@register.filter
def step_state(state: str) -> words.State:
    """A step's state as a page shows it."""
    return words.state_of_step(state)


@register.filter
def kind_icon(kind: str) -> str:
    """The icon of a kind of step."""
    return {str(name): icon for name, icon in words.KIND_ICONS.items()}.get(kind, "tag")


@register.filter
def pretty_json(value: Any) -> str:
    """A JSON value as people read it: text as it stands, everything else with its lines."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def plus(value: float, other: float) -> str:
    """A sum as SVG writes numbers, in every language."""
    return f"{value + other:.1f}".removesuffix(".0")


@register.filter
def unlocalized(value: float) -> str:
    """A number as SVG writes it."""
    return plus(value, 0)
