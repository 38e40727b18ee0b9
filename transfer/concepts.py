"""What a concept is outside of the tables: read from files, compared by the matcher, written to files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import models
from django.utils.translation import gettext_lazy as _

type Kind = Literal["class", "relation", "attribute", "individual"]

LONGEST_NAME = 255
LONGEST_DEFINITION = 20_000
MOST_RELATIONSHIPS = 2_000
MOST_LABELS = 50


class ConceptKind(models.TextChoices):
    CLASS = "class", _("class")
    RELATION = "relation", _("relation")
    ATTRIBUTE = "attribute", _("attribute")
    INDIVIDUAL = "individual", _("individual")


# The relationships that formats share; every other type is the name of a relation of the domain itself.
RELATIONSHIP_NAMES: dict[str, Any] = {
    "is_a": _("is a"),
    "part_of": _("is part of"),
    "instance_of": _("is an instance of"),
    "domain": _("belongs to"),
    "range": _("leads to"),
    "inverse_of": _("is the inverse of"),
    "disjoint_with": _("is never"),
    "equivalent_to": _("is the same as"),
    "related_to": _("is related to"),
}


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of a domain. `name` is unique in the domain; `relationships` are (type, name of the other).

    `labels` are its other names in any language; `attributes` whatever else is said of it.
    """

    name: str
    kind: Kind = "class"
    definition: str = ""
    labels: tuple[str, ...] = ()
    iri: str = ""
    relationships: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def targets(self, kind: str) -> list[str]:
        """The names at the other end of the relationships of one type."""
        return [target for type_, target in self.relationships if type_ == kind]


@dataclass(frozen=True, slots=True)
class Ontology:
    """The concepts of a domain as a file tells them, and what the file says of itself."""

    concepts: tuple[Concept, ...]
    title: str = ""
    description: str = ""
    iri: str = ""
    format: str = ""
    notes: tuple[str, ...] = ()


def stored_attributes(concept: Concept) -> dict[str, Any]:
    """What the column `attributes` holds of a concept besides its own attributes."""
    kept: dict[str, Any] = {"kind": concept.kind}
    if concept.iri:
        kept["iri"] = concept.iri
    if concept.labels:
        kept["labels"] = list(concept.labels)
    return {**{name: value for name, value in concept.attributes.items() if name not in kept}, **kept}


def stored_relationships(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """What the column `relationships` holds."""
    return [{"type": type_, "target": target} for type_, target in pairs]


def of_columns(*, concept: str, definition: str, relationships: Any, attributes: Any) -> Concept:
    """The concept that a row's columns tell; what is not in our form is left out."""
    rest = dict(attributes) if isinstance(attributes, dict) else {}
    kind = rest.pop("kind", "class")
    labels, iri = rest.pop("labels", []), rest.pop("iri", "")
    pairs = relationships if isinstance(relationships, list) else []
    return Concept(
        name=concept,
        kind=kind if kind in ConceptKind.values else "class",
        definition=definition,
        labels=tuple(map(str, labels)) if isinstance(labels, list) else (),
        iri=str(iri),
        relationships=tuple(
            (str(pair["type"]), str(pair["target"]))
            for pair in pairs
            if isinstance(pair, dict) and "type" in pair and "target" in pair
        ),
        attributes=rest,
    )
