"""What a step's texts refer to, put in their place: outputs of steps, inputs of the run, the item at hand.

`{{ steps.fetch.output.title }}` stands in arguments; conditions and for-each are bare expressions. Inside is
JMESPath over `{"steps": {key: {"output", "status"}}, "inputs", "item", "index"}`.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jmespath
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from ..services.mentions import REFERENCE, mentions_of
from . import gaps

_ITEM = re.compile(r"\b(item|index)\b")
type Values = Mapping[str, Any]


class Scope(dict[str, Any]):
    """What expressions see; `cut` where places in it are marked as forgotten (`gaps`)."""

    cut = False


class BadReference(Exception):
    """An expression cannot be evaluated; the text says which, for people."""

    code = "bad_reference"


def keys_in(spec: Mapping[str, Any]) -> set[str]:
    """The keys of the steps whose outputs a step refers to."""
    arguments = spec.get("arguments")
    texts = spec.get("condition", ""), spec.get("for_each", "")
    if not any(texts) and (not arguments or "{{" not in json.dumps(arguments)):
        return set()
    return set(mentions_of(arguments=arguments, condition=texts[0], for_each=texts[1]).steps)


def is_about_items(expression: str) -> bool:
    """Whether an expression has to be asked for each item anew."""
    return bool(_ITEM.search(expression))


def evaluated(expression: str, scope: Values, *, items: bool = False) -> Any:
    """The value of a bare expression; raises BadReference, and Forgotten (`gaps.searched` says when)."""
    try:
        compiled = _compiled(expression.strip())
        if isinstance(scope, Scope) and scope.cut:
            return gaps.searched(expression, compiled.parsed, scope, items=items)
        return compiled.search(scope)
    except gaps.Forgotten:
        raise
    except TypeError:
        message = _(
            "The expression “%(text)s” compares what cannot be compared, such as a text with a number."
        )
        raise BadReference(message % {"text": expression.strip()[:200]}) from None
    except Exception as error:  # functions fail in whatever way the values at hand do
        message = _("The expression “%(text)s” cannot be evaluated: %(error)s")
        lines = str(error).splitlines() or [type(error).__name__]
        told = {"text": expression.strip()[:200], "error": lines[0][:200]}
        raise BadReference(message % told) from None


def holds(condition: str, scope: Values) -> bool:
    """Whether a condition is true, in JMESPath's sense: null, false and empty values are not."""
    value = evaluated(condition, scope)
    return not (value is None or value is False or value in ("", [], {}))


def resolved(value: Any, scope: Values) -> Any:
    """A JSON value with its references replaced; a text that is one reference becomes what it refers to."""
    if isinstance(value, str):
        return _text(value, scope) if "{{" in value else value
    if isinstance(value, dict):
        return {name: resolved(inner, scope) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(inner, scope) for inner in value]
    return value


def _text(text: str, scope: Values) -> Any:
    whole = REFERENCE.fullmatch(text.strip())
    if whole and "{{" not in whole[1]:
        return evaluated(whole[1], scope)
    return REFERENCE.sub(lambda found: _shown(evaluated(found[1], scope)), text)


def _shown(value: Any) -> str:
    """A value within a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)
