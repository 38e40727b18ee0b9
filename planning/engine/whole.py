"""Outputs too large for a row: whole, out of their files, for the steps that refer to them.

The row has `{"truncated": true, "execution": id, …}` in their place (`tools.results`), wherever that stands:
in the output of a step, in the list of a for-each, in the outputs of a sub-plan.
"""

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from tools import results
from tools.models import ToolExecution

from .gaps import marked
from .references import BadReference

# What one step may refer to of such outputs together: one that is as long as a sandbox lets it be fits.
MOST_BYTES = 32 * 1024**2
# Arguments beyond this are written alone: a batch of them would be more than a database takes at once.
LARGE_CHARACTERS = 64 * 1024
DEEPEST = 40


class TooLarge(BadReference):
    """The outputs are more than a step takes."""

    code = "outputs_too_large"


def named_in(value: Any) -> set[str]:
    """The ids of the executions whose results stand shortened in a JSON value."""
    found: set[str] = set()
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if execution := _execution_of(one):
            found.add(execution)
        elif isinstance(one, dict | list) and depth < DEEPEST:
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(each, depth + 1) for each in inner if isinstance(each, dict | list)]
    return found


def load(executions: set[str], *, user: Any, known: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The whole results by id, of those of `user`, and whether places in them are marked (`gaps`).

    What is `known` is not read again. Raises BadReference.
    """
    rows = list(ToolExecution.objects.filter(pk__in=executions, user=user).order_by("pk"))
    size = sum(row.result_size or 0 for row in rows)
    if size > MOST_BYTES:
        message = _("This step refers to outputs of %(size)s in all. At most %(most)s are taken.")
        raise TooLarge(message % {"size": filesizeformat(size), "most": filesizeformat(MOST_BYTES)})
    try:
        found = {row.pk: known[row.pk] if row.pk in known else _read(row) for row in rows}
    except OSError as gone:
        raise BadReference(_("The file of an output that this step refers to is gone.")) from gone
    return found, any(row.result_forgotten for row in rows)


def filled(value: Any, wholes: Mapping[str, Any], depth: int = 0) -> Any:
    """The value with the whole results in their places."""
    if execution := _execution_of(value):
        return wholes.get(execution, value)
    if depth > DEEPEST or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        return {name: filled(each, wholes, depth + 1) for name, each in value.items()}
    return [filled(each, wholes, depth + 1) for each in value]


def is_large(value: Any) -> bool:
    """Whether the texts of a JSON value are long."""
    size, waiting = 0, [value]
    while waiting and size <= LARGE_CHARACTERS:
        one = waiting.pop()
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return size > LARGE_CHARACTERS


def _execution_of(value: Any) -> str:
    if isinstance(value, dict) and value.get("truncated") is True and "head" in value:
        return str(value.get("execution") or "")
    return ""


def _read(row: ToolExecution) -> Any:
    result = results.read(row.result_file) if row.result_file else row.result
    return marked(result) if row.result_forgotten else result
