"""The write gate: what is not worth remembering, and why.

An assistant's memory fills with junk unless something refuses it: restated questions, small talk, what is
known already. Each refusal has a code for programs and a sentence for people.
"""

import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib import fulltext
from agi_site.lib.problems import Invalid

from . import options, rules
from .models import Memory, MemorySearch

SAME = 0.85  # two texts that share this part of their terms (Jaccard) say the same


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
    if known.small_talk.match(bare):
        raise _refusal("small_talk", _("This is small talk."))
    if len(set(fulltext.terms(content))) < 2:
        raise _refusal("too_short", _("This is too short to mean something later."))
    if known.questions.search(bare):
        raise _refusal("question", _("This is a question, not a fact."))
    if known.demands.search(bare) and not known.lasting.search(bare):
        raise _refusal("demand", _("This is a wish for now, not for later."))


def check_duplicate(content: str, *, owner: Any, besides: str = "") -> None:
    """Refuse what is remembered of `owner` already, in these or nearly these words."""
    own = Memory.objects.filter(user=owner).exclude(pk=besides)
    message = _("This is remembered already.")
    if own.filter(content=content).exists():
        raise _refusal("duplicate", message)
    rows = MemorySearch.objects.filter(memory__user=owner).exclude(memory=besides)
    near = [match.key for match in fulltext.match(rows, content, key="memory_id", limit=5)]
    for text in own.filter(pk__in=near).values_list("content", flat=True):
        if _say_the_same(text, content):
            raise _refusal("duplicate", message)


def _say_the_same(one: str, other: str) -> bool:
    """Whether nearly all terms are shared; another number, or a "not" in only one, makes a difference."""
    mine, theirs = set(fulltext.terms(one)), set(fulltext.terms(other))
    if len(mine & theirs) < SAME * len(mine | theirs):
        return False
    numbers = {term for term in mine ^ theirs if any(letter.isdigit() for letter in term)}
    negated = rules.load().negated
    return not numbers and bool(negated.search(one)) == bool(negated.search(other))


def _refusal(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"content": [message]})
