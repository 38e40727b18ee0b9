"""The drawing of memories and how they bear on each other: places computed here, drawn as SVG by a template.

Each connected group stands for itself: the memory with most relations in its middle, the others on rings
around it, each ring wide enough for its labels. Groups are laid in rows, the largest first.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import east_asian_width

from .models import Memory, MemoryRelation, MemoryType

MOST_RELATIONS = 120
WIDTH = 900.0
LABEL_WIDTH = 132.0
LINE_HEIGHT = 16.0
RADIUS = 13.0
RING = 120.0
_WIDE, _NARROW = 12.5, 6.9  # pixels of a letter, at the size of the labels


@dataclass(slots=True)
class Node:
    """A memory in the drawing; x and y are its middle, in pixels."""

    memory: Memory
    label: list[str]
    x: float = 0.0
    y: float = 0.0

    @property
    def type_label(self) -> str:
        """The memory's type in the reader's language."""
        return str(MemoryType(self.memory.type).label)


@dataclass(slots=True)
class Edge:
    """A relation in the drawing, from the rim of one circle to that of the other."""

    relation: MemoryRelation
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def middle(self) -> tuple[float, float]:
        """Where its name stands."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def weight(self) -> float:
        """The width of the line: 1 to 3 pixels, by strength."""
        return 1.0 + 2.0 * float(self.relation.strength or 0)


@dataclass(slots=True)
class Drawing:
    """Nodes and edges with their places, and the size of the whole."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def relations_of(user: Any, *, around: Memory | None = None) -> list[MemoryRelation]:
    """The newest relations of a person, or those of one memory and its neighbours; one or two queries."""
    rows = MemoryRelation.objects.for_user(user).select_related("source_memory", "target_memory")
    rows = rows.defer("source_memory__embedding", "target_memory__embedding").order_by("-pk")
    if around is None:
        return list(rows[:MOST_RELATIONS])
    near: set[str] = {around.pk}
    for ends in ("source_memory", "target_memory"):
        other = "target_memory" if ends == "source_memory" else "source_memory"
        found = MemoryRelation.objects.filter(**{ends: around}).values_list(f"{other}_id", flat=True)
        near.update(found[:MOST_RELATIONS])
    return list(rows.filter(source_memory__in=near, target_memory__in=near)[:MOST_RELATIONS])


def draw(relations: Sequence[MemoryRelation], *, middle: Memory | None = None) -> Drawing:
    """Place the memories that the relations name; `middle` stands in the middle of its group."""
    memories = {row.pk: row for one in relations for row in (one.source_memory, one.target_memory)}
    neighbours: dict[str, set[str]] = defaultdict(set)
    for one in relations:
        neighbours[one.source_memory_id].add(one.target_memory_id)
        neighbours[one.target_memory_id].add(one.source_memory_id)
    nodes = {pk: Node(row, _lines(row.content)) for pk, row in memories.items()}
    drawing = Drawing(list(nodes.values()))
    x = y = row_height = 0.0
    for group in _groups(neighbours):
        centre = middle.pk if middle is not None and middle.pk in group else _most_related(group, neighbours)
        width, height = _place(group, centre, neighbours, nodes)
        if x and x + width > WIDTH:
            x, y, row_height = 0.0, y + row_height, 0.0
        for pk in group:
            nodes[pk].x += x
            nodes[pk].y += y
        x, row_height = x + width, max(row_height, height)
        drawing.width = max(drawing.width, x)
        drawing.height = max(drawing.height, y + row_height)
    drawing.edges = [
        _edge(one, nodes[one.source_memory_id], nodes[one.target_memory_id]) for one in relations
    ]
    return drawing


def _groups(neighbours: dict[str, set[str]]) -> list[list[str]]:
    """The connected groups, largest first, each in the order in which it is reached."""
    seen: set[str] = set()
    groups: list[list[str]] = []
    for start in sorted(neighbours):
        if start in seen:
            continue
        group, waiting = [], [start]
        seen.add(start)
        while waiting:
            pk = waiting.pop(0)
            group.append(pk)
            fresh = sorted(neighbours[pk] - seen)
            seen.update(fresh)
            waiting += fresh
        groups.append(group)
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _most_related(group: Iterable[str], neighbours: dict[str, set[str]]) -> str:
    return max(group, key=lambda pk: (len(neighbours[pk]), pk))


def _place(
    group: Sequence[str], centre: str, neighbours: dict[str, set[str]], nodes: dict[str, Node]
) -> tuple[float, float]:
    """Put a group on its rings, its upper left corner at 0, 0; returns its width and height."""
    rings = _rings(centre, neighbours)
    if len(group) == 2:  # a pair stands side by side
        other = next(pk for pk in group if pk != centre)
        nodes[other].x = RING * 1.6
    else:
        radius = 0.0
        for ring in rings[1:]:
            radius = max(radius + RING, len(ring) * LABEL_WIDTH * 1.05 / math.tau)
            for pk, angle in zip(ring, _angles(len(ring)), strict=True):
                nodes[pk].x, nodes[pk].y = radius * math.cos(angle), radius * math.sin(angle)
    left = min(nodes[pk].x for pk in group) - LABEL_WIDTH / 2
    top = min(nodes[pk].y for pk in group) - RADIUS - 8
    for pk in group:
        nodes[pk].x -= left
        nodes[pk].y -= top
    width = max(nodes[pk].x for pk in group) + LABEL_WIDTH / 2
    height = max(nodes[pk].y for pk in group) + RADIUS + 3 * LINE_HEIGHT
    return width, height


def _angles(number: int) -> list[float]:
    """Where so many stand on a ring: evenly, and no even number straight above and below."""
    if number == 2:
        return [math.radians(25), math.radians(155)]
    start = -math.pi / 2 + (math.pi / number if number % 2 == 0 else 0.0)
    return [start + math.tau * at / number for at in range(number)]


def _rings(centre: str, neighbours: dict[str, set[str]]) -> list[list[str]]:
    """The group by its distance from the middle; on a ring, what hangs on the same memory stands together."""
    rings, seen = [[centre]], {centre}
    while True:
        ring: list[str] = []
        for pk in rings[-1]:
            fresh = sorted(neighbours[pk] - seen)
            seen.update(fresh)
            ring += fresh
        if not ring:
            return rings
        rings.append(ring)


def _edge(relation: MemoryRelation, source: Node, target: Node) -> Edge:
    dx, dy = target.x - source.x, target.y - source.y
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    return Edge(
        relation,
        round(source.x + ux * RADIUS, 1),
        round(source.y + uy * RADIUS, 1),
        round(target.x - ux * (RADIUS + 5), 1),
        round(target.y - uy * (RADIUS + 5), 1),
    )


def _lines(text: str) -> list[str]:
    """The beginning of a text in at most two lines that fit a label."""
    lines, width = [""], 0.0
    for letter in " ".join(text.split()):
        step = _WIDE if east_asian_width(letter) in "WF" else _NARROW
        if width + step > LABEL_WIDTH:
            if len(lines) == 2:
                lines[-1] = lines[-1][:-1].rstrip() + "…"
                break
            head, space, tail = lines[-1].rpartition(" ")
            lines[-1], rest = (head, tail) if space and letter != " " else (lines[-1], "")
            lines.append(rest)
            width = sum(_WIDE if east_asian_width(one) in "WF" else _NARROW for one in rest)
        lines[-1] += letter
        width += step
    return [line.strip() for line in lines if line.strip()]
