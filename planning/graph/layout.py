"""Where the steps of a graph stand: layers from top to bottom, with few crossings, and ways for the edges.

After Sugiyama, Tagawa and Toda (1981): layers by longest path, stand-ins where an edge passes a layer, the
order within a layer by barycentres in both directions, places by the mean of the neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from .order import WaitsFor, layers

SWEEPS = 12
PLACINGS = 8
MANY = 800  # nodes with their stand-ins from which on fewer rounds have to do
type Node = str | tuple[str, str, int]  # a step, or the stand-in of an edge in a layer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands: its layer from the top, and its middle in units of one step's width."""

    layer: int
    x: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of steps and points of edges, in (x, layer); `width` counts steps, `depth` layers."""

    places: dict[str, Place]
    edges: dict[tuple[str, str], list[tuple[float, int]]]
    width: float
    depth: int


def layout_of(waits_for: WaitsFor[str]) -> Layout:
    """Places for the steps of a graph without rings; those of recent graphs are remembered."""
    return _laid_out(tuple((key, tuple(dict.fromkeys(others))) for key, others in waits_for.items()))


@lru_cache(maxsize=128)
def _laid_out(graph: tuple[tuple[str, tuple[str, ...]], ...]) -> Layout:
    waits_for = dict(graph)
    found = layers(waits_for)
    level = {key: at for at, layer in enumerate(found) for key in layer}
    rows: list[list[Node]] = [list(layer) for layer in found]
    links: list[tuple[Node, Node]] = []
    ways: dict[tuple[str, str], list[Node]] = {}
    for key, others in waits_for.items():
        for other in others:
            way: list[Node] = [other]
            for between in range(level[other] + 1, level[key]):
                stand_in = (other, key, between)
                rows[between].append(stand_in)
                way.append(stand_in)
            way.append(key)
            ways[other, key] = way
            links += pairwise(way)
    above, below = _neighbours(rows, links)
    rows = _untangled(rows, above, below)
    x = _placed(rows, above, below)
    left = min(x.values(), default=0.0)
    depth_of = {node: at for at, row in enumerate(rows) for node in row}
    return Layout(
        places={key: Place(at, x[key] - left) for key, at in level.items()},
        edges={edge: [(x[node] - left, depth_of[node]) for node in way] for edge, way in ways.items()},
        width=max((value - left for value in x.values()), default=0.0) + 1,
        depth=len(rows),
    )


type Neighbours = dict[Node, list[Node]]


def _neighbours(
    rows: Sequence[Sequence[Node]], links: Sequence[tuple[Node, Node]]
) -> tuple[Neighbours, Neighbours]:
    above: Neighbours = {node: [] for row in rows for node in row}
    below: Neighbours = {node: [] for row in rows for node in row}
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _untangled(rows: list[list[Node]], above: Neighbours, below: Neighbours) -> list[list[Node]]:
    """The rows in the order with the fewest crossings that the sweeps find."""
    best, fewest = rows, crossings(rows, below)
    current = [list(row) for row in rows]
    for sweep in range(SWEEPS if len(above) < MANY else SWEEPS // 3):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = above if down else below
        order = range(1, len(current)) if down else range(len(current) - 2, -1, -1)
        for at in order:
            fixed = {node: place for place, node in enumerate(current[at - 1 if down else at + 1])}
            current[at] = _by_barycentre(current[at], neighbours, fixed)
        found = crossings(current, below)
        if found < fewest:
            best, fewest = [list(row) for row in current], found
    return best


def _by_barycentre(row: list[Node], neighbours: Neighbours, fixed: dict[Node, int]) -> list[Node]:
    """The row ordered by the mean place of each one's neighbours; who has none stays where it stands."""
    centre: dict[Node, float] = {}
    for at, node in enumerate(row):
        near = [fixed[other] for other in neighbours[node] if other in fixed]
        centre[node] = sum(near) / len(near) if near else float(at)
    return sorted(row, key=lambda node: centre[node])


def crossings(rows: Sequence[Sequence[Node]], below: Neighbours) -> int:
    """How many pairs of edges cross, counted layer by layer."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {node: at for at, node in enumerate(lower)}
        ends = [at for node in upper for at in sorted(place[other] for other in below[node])]
        total += _inversions(ends, len(lower))
    return total


def _inversions(numbers: Sequence[int], size: int) -> int:
    """The pairs that stand in the wrong order, by a Fenwick tree."""
    tree = [0] * (size + 1)
    found = 0
    for seen, number in enumerate(numbers):
        smaller_or_equal, at = 0, number + 1
        while at:
            smaller_or_equal += tree[at]
            at -= at & -at
        found += seen - smaller_or_equal
        at = number + 1
        while at <= size:
            tree[at] += 1
            at += at & -at
    return found


def _placed(rows: Sequence[Sequence[Node]], above: Neighbours, below: Neighbours) -> dict[Node, float]:
    """The middle of each node: near its neighbours', with the order kept and room between."""
    x: dict[Node, float] = {}
    for row in rows:
        x |= {node: at - (len(row) - 1) / 2 for at, node in enumerate(row)}
    for sweep in range(PLACINGS if len(x) < MANY else PLACINGS // 2):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = above if down else below
            wished = [_mean([x[other] for other in near[node]], x[node]) for node in row]
            x |= zip(row, _apart(wished, [_room(a, b) for a, b in pairwise(row)]), strict=True)
    return x


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _room(left: Node, right: Node) -> float:
    """How far apart two neighbours stand at least: an edge that passes wants less room than a step."""
    passing = isinstance(left, tuple) + isinstance(right, tuple)
    return (1.0, 0.7, 0.4)[passing]


def _apart(wished: Sequence[float], rooms: Sequence[float]) -> list[float]:
    """The places nearest to those wished for (least squares) that keep the order and the room between.

    By pooling adjacent violators: a block of nodes that stand shoulder to shoulder moves to its mean.
    """
    offset = [0.0]
    for room in rooms:
        offset.append(offset[-1] + room)
    blocks: list[tuple[float, int]] = []  # mean of (wish - offset), number of nodes
    for wish, shift in zip(wished, offset, strict=True):
        mean, count = wish - shift, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean = (mean * count + before * many) / (count + many)
            count += many
        blocks.append((mean, count))
    flat = [mean for mean, count in blocks for _node in range(count)]
    return [mean + shift for mean, shift in zip(flat, offset, strict=True)]
