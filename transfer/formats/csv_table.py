"""Ontologies as a table, one concept a row: concept, kind, definition, labels, is_a, …, attributes."""

import csv
import io

from django.utils.translation import gettext as _

from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Invalid

from ..concepts import (
    LONGEST_DEFINITION,
    LONGEST_NAME,
    MOST_LABELS,
    RELATIONSHIP_NAMES,
    Concept,
    ConceptKind,
    Ontology,
)
from . import limits

SEPARATOR = "|"  # between several values of one cell
OTHERS = "relationships"  # "type: target | type: target"


def read(data: bytes) -> Ontology:
    """The ontology in a CSV of UTF-8, with commas, semicolons or tabs; raises Invalid, naming the line."""
    limits.check_size(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(_("The file is not UTF-8 text.")) from error
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [(name or "").strip().lower() for name in rows.fieldnames or []]
    if "concept" not in names:
        raise Invalid(_("The first line has to name the columns, “concept” among them."))
    rows.fieldnames = names
    concepts: dict[str, Concept] = {}
    try:
        for row in rows:
            concept = _concept(row, rows.line_num)
            if limits.folded(concept.name) in concepts:
                message = _("Line %(line)s: the concept “%(name)s” is there twice.")
                raise Invalid(message % {"line": rows.line_num, "name": concept.name})
            concepts[limits.folded(concept.name)] = concept
            limits.check_concepts(len(concepts))
    except csv.Error as error:
        message = _("Line %(line)s is not valid CSV: %(fault)s")
        raise Invalid(message % {"line": rows.line_num, "fault": str(error)}) from error
    if not concepts:
        raise Invalid(_("No concepts in this file."))
    return Ontology(concepts=tuple(concepts.values()), format="CSV")


def _concept(row: dict[str | None, object], line: int) -> Concept:
    if None in row:
        raise Invalid(_("Line %(line)s has more cells than there are columns.") % {"line": line})
    cells = {str(name): repaired(str(value or "")).strip() for name, value in row.items()}
    name, kind = " ".join(cells.pop("concept").split()), cells.pop("kind", "").lower() or "class"
    if not name or len(name) > LONGEST_NAME:
        message = _("Line %(line)s: a concept needs a name of at most %(most)s characters.")
        raise Invalid(message % {"line": line, "most": LONGEST_NAME})
    if kind not in ConceptKind.values:
        message = _("Line %(line)s: “%(kind)s” is no kind; there are %(known)s.")
        raise Invalid(message % {"line": line, "kind": kind[:40], "known": ", ".join(ConceptKind.values)})
    links = [(type_, target) for type_ in RELATIONSHIP_NAMES for target in _several(cells.pop(type_, ""))]
    for pair in _several(cells.pop(OTHERS, "")):
        type_, _colon, target = pair.partition(":")
        if not target.strip():
            raise Invalid(_("Line %(line)s: write relationships as “type: target”.") % {"line": line})
        links.append((type_.strip(), target.strip()))
    return Concept(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        definition=cells.pop("definition", "")[:LONGEST_DEFINITION],
        labels=tuple(_several(cells.pop("labels", "")))[:MOST_LABELS],
        iri=cells.pop("iri", ""),
        relationships=tuple(dict.fromkeys(links)),
        attributes={
            key: found if len(found) > 1 else found[0]
            for key, cell in cells.items()
            if key and (found := _several(cell))
        },
    )


def _several(cell: str) -> list[str]:
    return [piece.strip() for piece in cell.split(SEPARATOR) if piece.strip()]


def write(ontology: Ontology) -> bytes:
    """The ontology as CSV that `read` understands; cells that a spreadsheet would run are quoted."""
    attributes = sorted({name for concept in ontology.concepts for name in concept.attributes})
    known = list(RELATIONSHIP_NAMES)
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(["concept", "kind", "definition", "labels", *known, OTHERS, "iri", *attributes])
    for concept in ontology.concepts:
        others = [f"{type_}: {target}" for type_, target in concept.relationships if type_ not in known]
        cells: list[object] = [concept.name, concept.kind, concept.definition, concept.labels]
        cells += [concept.targets(type_) for type_ in known]
        cells += [others, concept.iri, *(concept.attributes.get(name, "") for name in attributes)]
        table.writerow([_cell(cell) for cell in cells])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    text = f" {SEPARATOR} ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # A leading space keeps spreadsheets from taking the text for a formula; reading strips it.
    return f" {text}" if text[:1] in "=+-@" and text else text
