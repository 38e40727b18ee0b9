"""Why a source or an item is in its state: a code and its values in the table, told in the reader's language.

Beside them stands the sentence in the language of the program, for those who read the table itself.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from knowledge.importing.reasons import REASONS as REASONS_OF_DOCUMENTS

# What keeps a document from being read keeps an item from it, too.
REASONS: dict[str, Any] = REASONS_OF_DOCUMENTS | {
    "no_connection": _("This source has no connection yet. Edit it and say where it reads from."),
    "missing": _("“%(name)s” is missing."),
    "bad_path": _("This path cannot be read."),
    "path_outside": _("The path leads out of the folder for sources."),
    "no_path": _("There is no “%(path)s” in the folder for sources."),
    "one_file": _("An ontology is one file; the path names none."),
    "file_unread": _("“%(name)s” cannot be read (%(error)s)."),
    "not_valid": _("This is not valid %(format)s: %(fault)s"),
    "no_records": _("“%(name)s” holds no list of records there."),
    "type_unread": _("“%(name)s” is of a type that is not read (%(type)s)."),
    "url_fault": "%(url)s: %(fault)s",
    "private_address": _(
        "The address is private or reserved. An operator can allow it by the setting OUTBOUND_PRIVATE_HOSTS."
    ),
    "url_status": _("%(url)s answered with status %(status)s."),
    "urls_list": _("“urls” is a list of at most %(most)s addresses."),
    "headers_object": _("“headers” is an object of names and values."),
    "not_instance": _("The address does not answer like an instance of this system."),
    "one_select": _("The query has to be one SELECT."),
    "one_statement": _("The query may hold neither a second statement nor comments."),
    "only_reads": _("The query may not use “%(word)s”: it only reads."),
    "one_column": _("“id” is the name of one column."),
    "url_scheme": _("The address begins with sqlite://, mysql:// or mariadb://."),
    "no_value": _("A row has no value in the column “%(name)s”."),
    "no_column": _("The query gives no column “%(name)s”."),
    "query_refused": _("The database refuses the query: %(error)s"),
    "no_driver": _("The driver for MySQL and MariaDB is not installed."),
    "no_database": _("The database cannot be reached: %(error)s"),
    "too_many_items": _("Too many items: at most %(most)s."),
    "some_failed": ngettext_lazy(
        "%(count)s item could not be taken; the list below says why.",
        "%(count)s items could not be taken; the list below says why.",
        "count",
    ),
    "nobody": _(
        "It was not read by the clock: the person it is read for is gone, or may no longer change sources. "
        "Edit and save it, and it is read for you."
    ),
    "stopped_reading": _("It was stopped. Read it again to go on from there."),
    "slow_reading": _("It took too long. Start it again to go on from there."),
    "said": "%(text)s",  # by another part, in words of its own
}


def told(code: str, values: Mapping[str, Any] | None, otherwise: str | None = None) -> str:
    """The sentence; `otherwise` where the code is none of these, as in rows of before."""
    sentence = REASONS.get(code)
    values = dict(values or {})
    if "fault_code" in values:
        values["fault"] = told(values["fault_code"], values.get("fault_values"), str(values.get("fault", "")))
    try:
        return str(sentence % values) if sentence else otherwise or ""
    except (KeyError, TypeError, ValueError):
        return otherwise or ""


class SourceFault(Exception):
    """A source or an item cannot be read; `code` is one of REASONS, and the text says what to do."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values

    def __str__(self) -> str:
        return told(self.code, self.values, self.code)


def because(fault: Exception | None) -> tuple[str, dict[str, Any] | None]:
    """A fault as data: its code and values; what has no code of ours is kept as it was said."""
    if fault is None:
        return "", None
    if isinstance(fault, SourceFault):
        return fault.code, fault.values or None
    errors: Mapping[str, Any] = getattr(fault, "errors", {})
    text = " ".join(str(one) for some in errors.values() for one in some) or str(fault)
    return "said", {"text": text}
