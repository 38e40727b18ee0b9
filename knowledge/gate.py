"""The write gate: what is not worth remembering, and why.

An assistant's memory fills with junk unless something refuses it: restated prompts, what was recalled a
moment ago, small talk, invented profiles, what is known already. Each refusal has a code for programs
(`RefusalReason`) and a sentence for people.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib import fulltext
from agi_site.lib.problems import Invalid

from . import likeness, options, rules
from .models import Memory, MemorySearch

LEAST_SAID = 0.65  # this part of a memory's words has to stand in the message it comes from
SAME_MEANING = 0.93  # from this cosine on, words may differ a little and two texts still say the same
COPIED = 20  # characters that stand in both word for word are a copy
DUPLICATES_LOOKED_AT = 8
SMALL_WORDS = 8  # a longer sentence says something else, too


class Duplicate(Invalid):
    """What is remembered already; `memory` is the row that says it."""

    memory: Memory | None = None


def normalised(text: str) -> str:
    """The text without control characters and doubled spaces, as it is stored."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def check_form(content: str) -> None:
    """Refuse what no memory can be, whoever writes it: "empty", "too_long"."""
    if not content:
        raise _refusal("empty", _("Write what is to be remembered."))
    if len(content) > options.LONGEST_MEMORY:
        message = _("A memory has at most %(most)s characters. Longer texts belong in knowledge.")
        raise _refusal("too_long", message % {"most": options.LONGEST_MEMORY})


def check_worth(content: str) -> None:
    """Refuse what conversations are full of and nobody wants kept: small talk, questions, one-off wishes."""
    known = rules.load()
    bare = content.strip(" .!~,…")
    weighs = known.weighed.search(bare)
    if known.small_talk.match(bare) or (_only_small_words(bare) and not weighs):
        raise _refusal("small_talk", _("This is small talk."))
    if known.machine.search(content):
        raise _refusal("machine", _("This is code, a log or other machine text."))
    short = len(set(fulltext.terms(content))) < 2 or known.fragments.match(bare)
    if short and not known.short_facts.match(bare):
        raise _refusal("too_short", _("This is too short to mean something later."))
    if known.restated.search(bare):
        raise _refusal("restated", _("This tells a prompt in other words, not something about the person."))
    if known.questions.search(bare):
        raise _refusal("question", _("This is a question, not a fact."))
    if known.supposed.search(bare):
        raise _refusal("supposed", _("This is supposed, quoted or played, not meant."))
    lasting = known.lasting.search(bare)
    if known.demands.search(bare) and not lasting:
        raise _refusal("demand", _("This is a wish for now, not for later."))
    if known.passing.search(bare) and not lasting:
        raise _refusal("passing", _("This is true for a moment only."))


def _only_small_words(text: str) -> bool:
    """Whether nothing but the words of greetings, thanks and praise stands there, and no "I"."""
    found = re.findall(r"[^\W_]+", text)
    return len(found) <= SMALL_WORDS and all(map(rules.load().small_words.fullmatch, found))


def check_source(content: str, *, message: str, told: Sequence[str] = ()) -> None:
    """Refuse what the person has not said in `message`: "recalled" from `told`, or "invented".

    `told` is what the assistant said before, and what was recalled for its answer. What the person says in
    their own words is theirs, also where the assistant knew it; a copy of the assistant's words is not.
    """
    said = likeness.share_said(content, message)
    bare = _bare(content)
    copied = any(len(bare) >= COPIED and bare in _bare(one) for one in told)
    unsaid = _unsaid(content, message)
    if copied or ((said < LEAST_SAID or unsaid) and _told_before(content, told)):
        raise _refusal("recalled", _("The assistant itself said or recalled this; the message does not."))
    if said < LEAST_SAID or unsaid:
        raise _refusal("invented", _("The message does not say this."))


def _unsaid(content: str, message: str) -> bool:
    """Whether `content` names a number or a name that the message does not."""
    there = message.lower()
    if any(name not in there for name in likeness.names(content)):
        return True
    return bool(likeness.numbers(content) - likeness.numbers(message))


def _told_before(content: str, told: Sequence[str]) -> bool:
    return bool(told) and likeness.share_said(content, "\n".join(told)) >= LEAST_SAID


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def check_duplicate(
    content: str, *, owner: Any, besides: str = "", near: Mapping[str, float] | None = None
) -> None:
    """Refuse what is remembered of `owner` already, in these or nearly these words, or as is meant.

    `near` holds cosines of `content` with memories by key, if the caller has them. Replaced and archived
    memories do not count: what was true once may be true again, and what nobody recalls is not known.
    """
    own = Memory.objects.filter(user=owner, valid_until__isnull=True, archived_at__isnull=True)
    own = own.exclude(pk=besides)
    rows = MemorySearch.objects.filter(memory__in=own.values("pk"))
    found = fulltext.match(rows, content, key="memory_id", limit=DUPLICATES_LOOKED_AT)
    keys = {match.key for match in found} | (near or {}).keys()
    equal = own.filter(content=content).defer("embedding").first()
    for row in [equal] if equal else own.filter(pk__in=keys).defer("embedding"):
        if row is equal or says_the_same(row.content, content, (near or {}).get(row.pk, 0.0)):
            raise _duplicate(row)


def says_the_same(one: str, other: str, cosine: float = 0.0) -> bool:
    """Whether two texts say the same, in nearly the same words, or by a cosine near 1 and half of them."""
    if likeness.same(one, other):
        return True
    if cosine < SAME_MEANING or likeness.numbers(one) != likeness.numbers(other):
        return False
    if likeness.negated(one) != likeness.negated(other) or likeness.names(one) ^ likeness.names(other):
        return False
    if likeness.of_another(one, other):
        return False
    mine, theirs = likeness.words(one), likeness.words(other)
    alone = [word for word in mine if not any(likeness.alike(word, there) for there in theirs)]
    missing = [word for word in theirs if not any(likeness.alike(word, there) for there in mine)]
    # Something else on both sides is another fact; more on one side only, the same fact with a word more.
    return not (alone and missing) and len(alone) + len(missing) <= 1


def _duplicate(row: Memory) -> Duplicate:
    message = _("This is remembered already.")
    problem = Duplicate(message, code="duplicate", errors={"content": [message]})
    problem.memory = row
    return problem


def _refusal(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"content": [message]})
