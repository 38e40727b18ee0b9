"""Why what ran in a sandbox ended with it, as sentences: by the verb that ended it, and what that was for.

Rows and events have them in English, whoever asked and in whatever language; pages translate them.
"""

from django.utils.translation import gettext_noop

REASONS = {
    ("stop", ""): gettext_noop("The sandbox was stopped."),
    ("stop", "idle"): gettext_noop("The sandbox was stopped because nothing happened in it for a while."),
    ("stop", "timeout"): gettext_noop(
        "The sandbox was stopped because it ran for as long as its limit allows."
    ),
    ("stop", "operator"): gettext_noop("An operator stopped the sandbox."),
    ("restart", ""): gettext_noop("The sandbox was restarted."),
    ("change", ""): gettext_noop("The sandbox was restarted to apply its new limits or policies."),
    ("delete", ""): gettext_noop("The sandbox was deleted."),
    ("delete", "expired"): gettext_noop("The sandbox was deleted because its time was up."),
    ("delete", "done"): gettext_noop("The sandbox was deleted because what it was made for had ended."),
    ("delete", "made_room"): gettext_noop("The sandbox was deleted to make room: nothing was in it."),
    ("delete", "operator"): gettext_noop("An operator deleted the sandbox."),
}
# What engines say of a change that people may well ask for, as it is said to them.
ENGINES_SAY = {
    "unable to set memory limit": gettext_noop("More memory is in use now than the new limit allows."),
    "the files do not fit into a disk": gettext_noop("The files do not fit into a disk of this size."),
}
# The verbs that may have a cause which says who or what wanted them.
HAVE_CAUSES = {verb for verb, cause in REASONS if cause}


def why(verb: str, cause: str | None = None) -> str:
    """The sentence for a verb, under way or done, and its cause (a slug), if that is one of its own."""
    return REASONS.get((verb, cause or "")) or REASONS[verb, ""]


def cause_of(verb: str, cause: str | None) -> str:
    """The cause if it is one of this verb's, else ""."""
    return cause if cause and (verb, cause) in REASONS else ""


def plainly(said: str) -> str:
    """An engine's words as a sentence for people, where there is one for them."""
    return next((plain for part, plain in ENGINES_SAY.items() if part in said), said)
