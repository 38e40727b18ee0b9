"""Why a document is in its state: a code and its values in the table, a sentence in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Any] = {
    "empty": _("The file is empty."),
    "no_text": _("There is no text in it."),
    "scanned": _(
        "Its pages hold no text, only pictures. Run text recognition (OCR) over it and import it again."
    ),
    "locked": _("It is protected by a password. Save it without one and import it again."),
    "damaged": _("It is damaged, or not what its name says: it cannot be read as %(format)s."),
    "binary": _("It holds no text: its bytes are of some other kind of file."),
    "encoding": _("Its letters cannot be read. Save it as UTF-8 and import it again."),
    "type": _("Files of the type “%(type)s” are not read. What is read: %(readable)s."),
    "old_office": _("Word files of the old kind (.doc) are not read. Save it as .docx and import it again."),
    "too_large": _("It is too large: at most %(most)s MB are taken."),
    "too_long": _("It is too long: at most %(most)s passages are taken. Split it into several files."),
    "unpacks": _("Unpacked it would be far larger than a document can be."),
    "duplicate": _("The same file is known already: “%(title)s”."),
    "twin_failed": _("It is the same file as “%(title)s”, which could not be read."),
    "unchanged": _("Nothing changed since it was last read."),
    "not_fetched": _("The address could not be read: %(fault)s"),
    "busy": _("It was being imported at this moment already."),
    "bad_scheme": _("Only http:// and https:// addresses are opened."),
    "user_info": _("An address may not hold a user name or password."),
    "odd_address": _("Write an IP address as four decimal numbers."),
    "bad_address": _("This is not an address that can be opened."),
    "url_private": _("This address is in a private network, which is not read."),
    "url_timeout": _("The address took too long to answer."),
    "url_unreachable": _("The address does not answer."),
    "url_unknown": _("There is no such host. Check the address."),
    "url_redirects": _("The address leads in circles, from one to the next."),
    "url_bad_answer": _("The address answers in a way that is not understood."),
    "http_status": _("The address answered with status %(status)s."),
    "gone": _("The file is not kept any more. Import it again."),
    "stopped": _("It was stopped. Try again to go on from there."),
    "too_slow": _("It took too long. Try again to go on from there."),
    "lost": _("The work on it broke off several times. Try again to go on from there."),
    "broken": _("It broke off with an error (%(error)s). The log has the details."),
    "no_meaning": _("It is found by its words; by its meaning as soon as the embedding engine answers."),
}

# What the bytes of a file, or the letters of an address, will say again however often they are read.
OF_THE_FILE = frozenset({
    "empty", "no_text", "scanned", "locked", "damaged", "binary", "encoding", "type", "old_office",
    "too_long", "unpacks",
})  # fmt: skip
OF_THE_ADDRESS = frozenset({"bad_scheme", "user_info", "odd_address", "bad_address"})


def told(code: str, values: Mapping[str, Any]) -> str:
    """The sentence; a code that nobody knows any more stands for itself."""
    if not code:
        return ""
    sentence = str(REASONS.get(code, code))
    try:
        return sentence % values
    except (KeyError, TypeError, ValueError):
        return sentence


class Unreadable(Exception):
    """A document cannot be taken; `code` is one of REASONS."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values
