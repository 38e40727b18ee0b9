"""How much of sandboxes a person may have at a time, and use in a day."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Quota:
    """What a person has and used, and the most of it: sandboxes, and seconds of running in 24 hours."""

    count: int
    most_count: int
    seconds: int
    most_seconds: int


def quota_of(user: Any) -> Quota:
    """A person's quota and what is used of it, as of now."""
    raise NotImplementedError
