"""A graph as shapes: boxes, lines and texts in pixels, for a template to write down as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .layout import layout_of
from .order import WaitsFor, layers

WIDTH, HEIGHT = 168, 48
GAP_X, GAP_Y = 24, 40
MARGIN = 12
MOST_STEPS = 200
MOST_BANDS = 60  # a condensed drawing has no more boxes: they then stand for several layers
LABEL = 18  # letters that fit into a box; Korean ones count double


@dataclass(frozen=True, slots=True)
class Box:
    """A step, or (`count` > 1) a whole layer. `states` counts the states of a layer's steps."""

    key: str
    x: float
    y: float
    label: str
    title: str
    state: str
    critical: bool = False
    count: int = 1
    states: Sequence[tuple[str, int, float, float]] = ()  # state, number, x and width of its part of the bar

    @property
    def middle(self) -> float:
        """Half way down."""
        return self.y + HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Line:
    """An edge, as the `d` of an SVG path."""

    d: str
    start: str
    end: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything a template needs; sizes in pixels."""

    width: int
    height: int
    boxes: Sequence[Box] = field(default_factory=list)
    lines: Sequence[Line] = field(default_factory=list)
    condensed: bool = False
    box_width: int = WIDTH
    box_height: int = HEIGHT


def draw(
    waits_for: WaitsFor[str],
    *,
    states: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
    critical: Sequence[str] = (),
) -> Drawing:
    """The drawing of a graph without rings; beyond `MOST_STEPS` steps a layer is one box."""
    if len(waits_for) > MOST_STEPS:
        return _condensed(waits_for, states or {})
    plan = layout_of(waits_for)
    on_path = set(critical)
    path_edges = set(pairwise(critical))
    boxes = [
        Box(
            key=key,
            x=_left(place.x),
            y=_top(place.layer),
            label=fitting((titles or {}).get(key, "") or key),
            title=(titles or {}).get(key, "") or key,
            state=(states or {}).get(key, ""),
            critical=key in on_path,
        )
        for key, place in plan.places.items()
    ]
    lines = [
        Line(d=_way(points), start=start, end=end, critical=(start, end) in path_edges)
        for (start, end), points in plan.edges.items()
    ]
    return Drawing(
        width=round(_left(plan.width - 1) + WIDTH + MARGIN),
        height=round(_top(max(plan.depth - 1, 0)) + HEIGHT + MARGIN),
        boxes=boxes,
        lines=sorted(lines, key=lambda line: line.critical),
    )


def fitting(text: str, room: int = LABEL) -> str:
    """As much of a text as a box has room for."""
    used = 0
    for at, letter in enumerate(text):
        used += 2 if letter >= "ᄀ" else 1
        if used > room:
            return text[: max(at - 1, 1)] + "…"
    return text


def _left(x: float) -> float:
    return round(MARGIN + x * (WIDTH + GAP_X), 1)


def _top(layer: float) -> float:
    return MARGIN + layer * (HEIGHT + GAP_Y)


def _way(points: Sequence[tuple[float, int]]) -> str:
    """A smooth line from the bottom of a box to the top of another, straight down where it passes a layer."""
    (x, layer), *rest = points
    at = (_left(x) + WIDTH / 2, _top(layer) + HEIGHT)
    parts = [f"M{_number(at[0])} {_number(at[1])}"]
    for place, (x, layer) in enumerate(rest, 1):
        to = (_left(x) + WIDTH / 2, _top(layer))
        half = (at[1] + to[1]) / 2
        numbers = (at[0], half, to[0], half, to[0], to[1])
        parts.append("C" + " ".join(map(_number, numbers)))
        at = to
        if place < len(rest):
            at = (to[0], to[1] + HEIGHT)
            parts.append(f"V{_number(at[1])}")
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _condensed(waits_for: WaitsFor[str], states: Mapping[str, str]) -> Drawing:
    """One box a layer, with a bar of its steps' states."""
    found = layers(waits_for)
    some = -(-len(found) // MOST_BANDS)
    bands = [found[at : at + some] for at in range(0, len(found), some or 1)]
    rows = [[key for layer in band for key in layer] for band in bands]
    boxes = []
    for at, row in enumerate(rows):
        counts: dict[str, int] = {}
        for key in row:
            counts[states.get(key, "")] = counts.get(states.get(key, ""), 0) + 1
        label = fitting(row[0]) if len(row) == 1 else ""
        boxes.append(
            Box(
                key=row[0] if len(row) == 1 else f"layer-{at}",
                x=MARGIN,
                y=_top(at),
                label=label,
                title=", ".join(row[:12]) + (" …" if len(row) > 12 else ""),
                state=_shared_state(counts),
                count=len(row),
                states=_bar(counts, len(row)),
            )
        )
    lines = [
        Line(d=_way([(0, at), (0, at + 1)]), start=boxes[at].key, end=boxes[at + 1].key)
        for at in range(len(rows) - 1)
    ]
    height = round(_top(max(len(rows) - 1, 0)) + HEIGHT + MARGIN)
    return Drawing(WIDTH + 2 * MARGIN, height, boxes, lines, condensed=True)


ORDER = ("failed", "running", "waiting", "ready", "pending", "skipped", "completed", "")


def _shared_state(counts: Mapping[str, int]) -> str:
    """What a layer as a whole is: the state that most wants to be seen."""
    return next((state for state in ORDER if counts.get(state)), "")


def _bar(counts: Mapping[str, int], total: int) -> list[tuple[str, int, float, float]]:
    room, x = WIDTH - 20.0, 10.0
    parts: list[tuple[str, int, float, float]] = []
    for state in reversed(ORDER):
        if counts.get(state):
            width = room * counts[state] / total
            parts.append((state, counts[state], round(x, 1), round(width, 1)))
            x += width
    return parts
