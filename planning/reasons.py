"""Why a step was left out or a run ended, as data: each reader is told in their own language.

A reason is stored as `{"reason": name, …}` with what its sentence fills in; beside it stands the sentence
in the language of the run, for those who read the table itself.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

TEXTS = {
    "condition": gettext_noop("Skipped, because its condition does not hold."),
    "dependency": gettext_noop("Skipped, because it waits for “%(key)s”, which has failed."),
    "forgotten": gettext_noop(
        "It did not begin: a part of what “%(expression)s” gives was forgotten meanwhile. "
        "Run the plan again, or go on without this step."
    ),
    "not_a_list": gettext_noop("“%(text)s” gives no list, so there is nothing to go through."),
    "items_failed": gettext_noop(
        "%(count)d of %(all)d items failed. The first, number %(number)d: %(error)s"
    ),
    "run_ended_within": gettext_noop("The run ended in its middle."),
    "run_ended_before": gettext_noop("The run ended before this step began."),
    "canceled": gettext_noop("The run was canceled."),
    "stuck": gettext_noop("The steps that are left wait for each other."),
    "step_failed": gettext_noop("The step “%(key)s” failed: %(error)s"),
    "budget_steps": gettext_noop("The budget of steps is used up."),
    "budget_seconds": gettext_noop("The budget of seconds is used up."),
    "budget_tokens": gettext_noop("The budget of tokens does not suffice for the next step."),
    "budget_sandbox_seconds": gettext_noop(
        "The budget of seconds in sandboxes does not suffice for the next step."
    ),
}


def because(name: str, **params: Any) -> dict[str, Any]:
    """A reason to be stored; `params` is plain JSON, by the names that its sentence fills in."""
    assert name in TEXTS
    return {"reason": name, **params}


def text_of(why: Mapping[str, Any] | None, otherwise: str) -> str:
    """A stored reason in the language of now; `otherwise` where it is none, or one of another version."""
    sentence = TEXTS.get(str((why or {}).get("reason")))
    try:
        return _(sentence) % why if sentence and why else otherwise
    except KeyError:
        return otherwise
