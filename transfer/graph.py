"""A concept and what is next to it, laid out to be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from .models import ConceptRelation, DomainOntology

WIDTH, NODE_WIDTH, NODE_HEIGHT, ROW_GAP, GAP = 720, 164, 40, 84, 16
MOST = 12  # of each side; the lists beside the drawing have all
LONGEST = 20  # characters of a name that are drawn


@dataclass(frozen=True, slots=True)
class Node:
    """A box, its upper left corner, and the concept it links to."""

    name: str
    key: str
    x: float
    y: float
    kind: str = ""

    @property
    def short(self) -> str:
        """The name as far as it fits."""
        return self.name if len(self.name) <= LONGEST else f"{self.name[: LONGEST - 1]}…"

    @property
    def middle(self) -> float:
        """Where the text's middle lies."""
        return self.x + NODE_WIDTH / 2

    @property
    def baseline(self) -> float:
        """Where the text stands."""
        return self.y + NODE_HEIGHT / 2 + 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two boxes."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything an SVG needs."""

    nodes: list[Node]
    lines: list[Line]
    centre: Node
    height: float
    width: int = WIDTH
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT


def neighbours(row: DomainOntology) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the concept says of others, and they of it: type, name, key ("" if unknown) of the other."""
    said = row.as_concept.relationships
    names = {target for _type, target in said}
    keys = dict(
        DomainOntology.objects.of_domain(row.domain).filter(concept__in=names).values_list("concept", "pk")
    )
    out = [{"type": type_, "name": target, "key": keys.get(target, "")} for type_, target in said]
    links = ConceptRelation.objects.filter(domain=row.domain, target=row.concept).select_related("concept")
    back = [
        {"type": link.type, "name": link.concept.concept, "key": link.concept_id}
        for link in links.only("type", "concept__concept").order_by("type", "concept__concept")[:200]
    ]
    return out, back


def draw(
    row: DomainOntology, out: Sequence[dict[str, Any]], back: Sequence[dict[str, Any]]
) -> Drawing | None:
    """What the concept points to above it, what points to it below; None for a lone concept."""
    above, below = _distinct(out), _distinct(back)
    if not above and not below:
        return None
    fits = (WIDTH + GAP) // (NODE_WIDTH + GAP)
    upper_rows = ceil(len(above) / fits)
    top = upper_rows * ROW_GAP
    centre = Node(row.concept, row.pk, (WIDTH - NODE_WIDTH) / 2, top + 4)
    nodes = _rows(above, 4, fits) + _rows(below, top + ROW_GAP + 4, fits)
    lines = [
        Line(node.middle, node.y + NODE_HEIGHT, centre.middle, centre.y)
        if node.y < centre.y
        else Line(node.middle, node.y, centre.middle, centre.y + NODE_HEIGHT)
        for node in nodes
    ]
    last = max([centre.y, *(node.y for node in nodes)])
    return Drawing(nodes, lines, centre, last + NODE_HEIGHT + 8)


def _distinct(links: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {link["name"]: link for link in links if link["key"]}
    return list(found.values())[:MOST]


def _rows(links: Sequence[dict[str, Any]], top: float, fits: int) -> list[Node]:
    nodes = []
    for at, link in enumerate(links):
        line, column = divmod(at, fits)
        here = min(fits, len(links) - line * fits)
        left = (WIDTH - here * (NODE_WIDTH + GAP) + GAP) / 2
        nodes.append(
            Node(
                link["name"],
                link["key"],
                left + column * (NODE_WIDTH + GAP),
                top + line * ROW_GAP,
                link["type"],
            )
        )
    return nodes
