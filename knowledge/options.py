"""What an installation may set about knowledge and memory (see the README); each has a default."""

from django.conf import settings

# Hybrid search: the share of the text's score where the query's words are found well; measured in bench/search_bench.py.
TEXT_WEIGHT = 0.65
# Below this share of the query's words found, the text's weight falls with the square: no shared words, no say.
FULL_SAY_AT = 0.2
# Hits below this score are no better than a row picked blindly.
LEAST_SCORE = 0.15

LONGEST_QUERY = 1_000  # characters
LONGEST_CONTENT = 100_000
LONGEST_MEMORY = 1_000
MOST_TAGS = 20


def memory_weights() -> tuple[float, float, float]:
    """How much relevance, importance and recency count when memories are ranked: MEMORY_WEIGHTS, "1,0.3,0.2"."""
    relevance, importance, recency = getattr(settings, "MEMORY_WEIGHTS", (1.0, 0.3, 0.2))
    return float(relevance), float(importance), float(recency)


def memory_half_life_days() -> float:
    """After how many days without use a memory's recency has halved: MEMORY_HALF_LIFE_DAYS, 30."""
    return float(getattr(settings, "MEMORY_HALF_LIFE_DAYS", 30.0))


def context_bytes() -> int:
    """How large a session's context may be as JSON: CONTEXT_BYTES, 16 KiB."""
    return int(getattr(settings, "CONTEXT_BYTES", 16 * 1024))


def context_hours() -> float:
    """After how many hours without a message a session's context is forgotten: CONTEXT_HOURS, 24."""
    return float(getattr(settings, "CONTEXT_HOURS", 24.0))
