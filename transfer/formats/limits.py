"""How much of an ontology is taken at once."""

import unicodedata

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid, TooLarge

MOST_BYTES = 8 * 1024 * 1024
MOST_TRIPLES = 300_000
MOST_CONCEPTS = 20_000
MOST_ATTRIBUTES = 100  # of one concept


def check_size(data: bytes) -> None:
    """Raise TooLarge for more bytes than are read."""
    if len(data) > MOST_BYTES:
        raise TooLarge(_("A file may have at most %(most)s MB.") % {"most": MOST_BYTES // 1024 // 1024})


def check_concepts(count: int) -> None:
    """Raise Invalid for more concepts than one domain takes."""
    if count > MOST_CONCEPTS:
        message = _("Too many concepts: a domain may have at most %(most)s.")
        raise Invalid(message % {"most": MOST_CONCEPTS})


def folded(name: str) -> str:
    """A name as MySQL's collation compares it: without case, accents and trailing spaces."""
    plain = unicodedata.normalize("NFKD", name.rstrip())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
