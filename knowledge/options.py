"""Limits of this app, and what an operator may set while it runs (categories memory and context)."""

from system.services.settings import declare, get_setting

# Hybrid search (README, "Search"): the say of the words where they are found well, measured by the bench.
TEXT_WEIGHT = 0.65
# Where the best row holds less than this share of the query's words, their say falls with the square.
FULL_SAY_AT = 0.2
# Hits below this score are hardly better than any other row.
LEAST_SCORE = 0.15

LONGEST_QUERY = 1_000  # characters
LONGEST_CONTENT = 100_000
LONGEST_MEMORY = 1_000
MOST_TAGS = 20

_WEIGHTS = {"relevance": 1.0, "importance": 0.3, "recency": 0.2}

for _name, _weight in _WEIGHTS.items():
    declare(
        category="memory",
        key=f"weight_{_name}",
        default=_weight,
        description=f"How much {_name} counts when memories are ranked.",
        least=0,
    )
declare(
    category="memory",
    key="half_life_days",
    default=30.0,
    description="After how many days without use a memory's recency has halved.",
    least=0.01,
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


def memory_weights() -> tuple[float, float, float]:
    """How much relevance, importance and recency count when memories are ranked."""
    relevance, importance, recency = (
        float(get_setting(category="memory", key=f"weight_{name}", default=weight))
        for name, weight in _WEIGHTS.items()
    )
    return relevance, importance, recency


def memory_half_life_days() -> float:
    """After how many days without use a memory's recency has halved."""
    return max(0.01, float(get_setting(category="memory", key="half_life_days", default=30.0)))


def context_bytes() -> int:
    """How large a session's context may be, as JSON."""
    return int(get_setting(category="context", key="kibibytes", default=16)) * 1024


def context_hours() -> float:
    """After how many hours without a message a session's context is forgotten."""
    return float(get_setting(category="context", key="hours", default=24.0))
