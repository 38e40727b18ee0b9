"""The eight emotions the system answers to, and the finer ones that belong to each.

The eight are those of the offline language engine; the finer names are the 27 of GoEmotions (Demszky et al.,
2020), which other engines may give.
"""

NEUTRAL = "neutral"

_FAMILIES: dict[str, tuple[str, ...]] = {
    "joy": ("amusement", "excitement", "optimism", "pride", "relief", "admiration", "approval"),
    "sadness": ("disappointment", "grief", "remorse", "embarrassment"),
    "anger": ("annoyance", "disapproval"),
    "fear": ("nervousness",),
    "surprise": ("confusion", "curiosity", "realization"),
    "disgust": (),
    "love": ("gratitude", "caring", "desire"),
}
EMOTIONS = (*_FAMILIES, NEUTRAL)
FAMILY_OF = {fine: family for family, members in _FAMILIES.items() for fine in members}


def names_for(emotion: str) -> list[str]:
    """The emotion's own name, then that of its family."""
    return [emotion, *([FAMILY_OF[emotion]] if emotion in FAMILY_OF else [])]
