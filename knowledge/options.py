"""Limits of this app, and what an operator may set while it runs (categories memory and context)."""

from typing import Any

from system.services.settings import declare, get_setting

# Hybrid search (README, "Search"): the say of the words where they are found well, measured by the bench.
TEXT_WEIGHT = 0.65
# Where the best row holds less than this share of the query's words, their say falls with the square.
FULL_SAY_AT = 0.2
# So much of what all rows have in common is left out of a query's vector; of so few rows half of that.
MIDDLE_SHARE = 0.35
FEW_FOR_A_MIDDLE = 50
# Hits below this score are hardly better than any other row.
LEAST_SCORE = 0.15

LONGEST_QUERY = 1_000  # characters
LONGEST_TITLE = 255
LONGEST_CONTENT = 100_000
LONGEST_MEMORY = 1_000
MOST_TAGS = 20
MOST_PASSAGES = 50_000  # of one document
MOST_FILES = 100  # of one upload: more are refused before they reach us
MOST_URLS = 500  # of one list
LONGEST_URL = 2_000

_WEIGHTS = {"relevance": 1.0, "importance": 0.3, "recency": 0.2, "use": 0.1}

for _name, _weight in _WEIGHTS.items():
    declare(
        category="memory",
        key=f"weight_{_name}",
        default=_weight,
        description=f"How much {_name} counts when memories are ranked.",
        least=0,
    )
_UPKEEP: dict[str, tuple[Any, str, float | None]] = {
    "refusal_days": (30, "For how many days people can see what the write gate refused.", 0),
    "fade_days": (60.0, "After how many days without use a memory fades, each time; 0: never.", 0),
    "fade_factor": (0.9, "What the importance of a fading memory is multiplied with.", 0),
    "fade_floor": (0.2, "Below this importance a fading memory is archived.", 0),
    "archive": (True, "Whether faded memories are archived, and so no longer recalled.", None),
    "merge": (True, "Whether memories that say the same are merged.", None),
}
for _name, (_default, _description, _least) in _UPKEEP.items():
    declare(category="memory", key=_name, default=_default, description=_description, least=_least)
declare(
    category="memory",
    key="half_life_days",
    default=30.0,
    description="After how many days without use a memory's recency has halved.",
    least=0.01,
)
declare(
    category="knowledge",
    key="file_megabytes",
    default=25,
    description="How large a file or page may be that is imported as knowledge.",
    least=1,
)
declare(
    category="context",
    key="kibibytes",
    default=16,
    description="How large the context of a session may be, as JSON.",
    least=1,
)
declare(
    category="context",
    key="hours",
    default=24.0,
    description="After how many hours without a message the context of a session is forgotten.",
    least=0.01,
)


def memory_weights() -> tuple[float, ...]:
    """How much relevance, importance, recency and use count when memories are ranked."""
    return tuple(
        float(get_setting(category="memory", key=f"weight_{name}", default=weight))
        for name, weight in _WEIGHTS.items()
    )


def refusal_days() -> float:
    """For how many days refusals are kept."""
    return float(_upkeep("refusal_days"))


def fade_days() -> float:
    """After how many days without use a memory fades; 0 for never."""
    return float(_upkeep("fade_days"))


def fade_factor() -> float:
    """What the importance of a fading memory is multiplied with, from 0 to 1."""
    return min(1.0, float(_upkeep("fade_factor")))


def fade_floor() -> float:
    """Below this importance a fading memory is archived."""
    return float(_upkeep("fade_floor"))


def archives() -> bool:
    """Whether faded memories are archived at all."""
    return bool(_upkeep("archive"))


def merges() -> bool:
    """Whether memories that say the same are merged."""
    return bool(_upkeep("merge"))


def _upkeep(name: str) -> Any:
    return get_setting(category="memory", key=name, default=_UPKEEP[name][0])


def memory_half_life_days() -> float:
    """After how many days without use a memory's recency has halved."""
    return max(0.01, float(get_setting(category="memory", key="half_life_days", default=30.0)))


def file_bytes() -> int:
    """How large a document may be that is imported."""
    return int(get_setting(category="knowledge", key="file_megabytes", default=25)) * 1_000_000


def context_bytes() -> int:
    """How large a session's context may be, as JSON."""
    return int(get_setting(category="context", key="kibibytes", default=16)) * 1024


def context_hours() -> float:
    """After how many hours without a message a session's context is forgotten."""
    return float(get_setting(category="context", key="hours", default=24.0))
