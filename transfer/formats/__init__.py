"""Ontologies in files: which format it is, reading and writing it."""

from pathlib import PurePath

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..concepts import Ontology
from . import csv_table, limits

__all__ = ["ENDINGS", "WRITTEN", "format_of", "limits", "read", "write"]

# Name for people and programs: (media type, ending)
WRITTEN: dict[str, tuple[str, str]] = {
    "owl": ("application/rdf+xml", "owl"),
    "turtle": ("text/turtle", "ttl"),
    "skos": ("text/turtle", "skos.ttl"),
    "csv": ("text/csv", "csv"),
}
_ENDINGS = {
    ".owl": "xml",
    ".rdf": "xml",
    ".xml": "xml",
    ".ttl": "turtle",
    ".nt": "nt",
    ".csv": "csv",
    ".tsv": "csv",
}
ENDINGS = sorted(_ENDINGS)


def format_of(name: str, data: bytes) -> str:
    """The format of a file: what its first bytes say, or else its ending; raises Invalid."""
    head = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"<?xml", b"<rdf:", b"<!DOCTYPE", b"<RDF")):
        return "xml"
    if head.startswith((b"@prefix", b"@base", b"PREFIX", b"prefix")):
        return "turtle"
    found = _ENDINGS.get(PurePath(name.lower()).suffix)
    if found is None:
        raise Invalid(_("This format is not known. Take one of: %(known)s.") % {"known": ", ".join(ENDINGS)})
    return found


def read(name: str, data: bytes) -> Ontology:
    """The ontology in a file; raises Invalid or TooLarge, saying what is wrong with it."""
    syntax = format_of(name, data)
    if syntax == "csv":
        return csv_table.read(data)
    from . import rdf  # rdflib takes a third of a second to import

    return rdf.read(data, syntax)


def write(ontology: Ontology, to: str) -> bytes:
    """The ontology in one of the formats of `WRITTEN`; raises Invalid for another."""
    if to not in WRITTEN:
        raise Invalid(_("This format is not known. Take one of: %(known)s.") % {"known": ", ".join(WRITTEN)})
    if to == "csv":
        return csv_table.write(ontology)
    from . import rdf

    if to == "skos":
        return rdf.write_skos(ontology, "turtle")
    return rdf.write_owl(ontology, "xml" if to == "owl" else "turtle")
