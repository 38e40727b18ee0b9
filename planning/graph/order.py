"""The order in which steps can be done: rings, layers, and the way through them that takes longest.

`waits_for` maps each step to those it waits for; all of them are keys of the mapping.
"""

from collections.abc import Hashable, Mapping, Sequence

type WaitsFor[K: Hashable] = Mapping[K, Sequence[K]]


def find_ring[K: Hashable](waits_for: WaitsFor[K]) -> list[K]:
    """Steps that wait for each other in a ring, in order; empty when there is none."""
    done = {key for layer in layers(waits_for) for key in layer}
    left = [key for key in waits_for if key not in done]
    if not left:
        return []
    # Each of them waits for another of them, so going on among them must come back.
    trail: list[K] = [left[0]]
    seen = {left[0]: 0}
    while True:
        following = next(other for other in waits_for[trail[-1]] if other not in done)
        if following in seen:
            return trail[seen[following] :]
        seen[following] = len(trail)
        trail.append(following)


def layers[K: Hashable](waits_for: WaitsFor[K]) -> list[list[K]]:
    """The steps in layers: each stands right below the lowest that it waits for.

    Within a layer they keep the order of the mapping. Steps of a ring, and those behind it, are left out.
    """
    open_for = {key: len(set(others)) for key, others in waits_for.items()}
    followers = followers_of(waits_for)
    depth: dict[K, int] = {}
    ready = [key for key, count in open_for.items() if not count]
    for key in ready:
        depth[key] = 0
    while ready:
        key = ready.pop()
        for other in followers[key]:
            depth[other] = max(depth.get(other, 0), depth[key] + 1)
            open_for[other] -= 1
            if not open_for[other]:
                ready.append(other)
    found: list[list[K]] = [[] for _layer in range(max(depth.values(), default=-1) + 1)]
    for key in waits_for:
        if not open_for[key]:
            found[depth[key]].append(key)
    return [layer for layer in found if layer]


def followers_of[K: Hashable](waits_for: WaitsFor[K]) -> dict[K, list[K]]:
    """Who waits for each step."""
    followers: dict[K, list[K]] = {key: [] for key in waits_for}
    for key, others in waits_for.items():
        for other in dict.fromkeys(others):
            followers[other].append(key)
    return followers


def critical_path[K: Hashable](waits_for: WaitsFor[K], seconds: Mapping[K, float]) -> tuple[float, list[K]]:
    """How long the steps take, done together wherever they may be, and the steps that decide it."""
    ends: dict[K, float] = {}
    before: dict[K, K | None] = {}
    for layer in layers(waits_for):
        for key in layer:
            latest = max(waits_for[key], key=lambda other: ends[other], default=None)
            before[key] = latest
            ends[key] = (ends[latest] if latest is not None else 0.0) + seconds.get(key, 0.0)
    if not ends:
        return 0.0, []
    last: K | None = max(ends, key=lambda key: ends[key])
    path: list[K] = []
    total = ends[last]  # type: ignore[index]  # `ends` is not empty
    while last is not None:
        path.append(last)
        last = before[last]
    return total, path[::-1]
