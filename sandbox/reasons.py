"""Why what ran in a sandbox ended with it, as sentences: by the verb that ended it, and what that was for.

Rows and events have them in English, whoever asked and in whatever language; pages translate them.
"""

import re

from django.utils.translation import gettext, gettext_noop

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
# What the program inside of a sandbox (`runner/`, which knows no catalogue) says of an execution.
RUNNERS_SAY = (
    gettext_noop("This image has no Python."),
    gettext_noop("This session is running another cell."),
    gettext_noop("There are too many sessions in this sandbox."),
    gettext_noop("The interpreter could not start another cell."),
    gettext_noop("The session did not take its code, so it was ended."),
    gettext_noop("There are too many processes in the sandbox to start another."),
    gettext_noop("A process of the sandbox was killed meanwhile: no memory left."),
    gettext_noop("The process that watches over it was killed."),
    gettext_noop("The process that did it was ended; perhaps there was no memory left."),
)
# The same where it names something.
RUNNERS_NAME = (
    (
        re.compile(r"Processes it left behind were ended: (?P<count>\d+)\."),
        gettext_noop("Processes it left behind were ended: %(count)s."),
    ),
    (
        re.compile(r"(?P<path>.+): No such file or directory", re.DOTALL),
        gettext_noop("There is no “%(path)s” in the sandbox."),
    ),
    (re.compile(r"(?P<path>.+): Not a directory", re.DOTALL), gettext_noop("“%(path)s” is not a folder.")),
    (
        re.compile(r"(?P<path>.+): Permission denied", re.DOTALL),
        gettext_noop("Commands of this sandbox may not use “%(path)s”."),
    ),
)
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


def told(detail: str | None) -> str:
    """The detail of an execution in the reader's language, where there are words for it."""
    for shape, text in RUNNERS_NAME:
        if found := shape.fullmatch(detail or ""):
            return gettext(text) % found.groupdict()
    return gettext(detail) if detail else ""
