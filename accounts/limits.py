"""How often something may be tried: a sliding window in the cache, which the full stack's processes share."""

import hashlib
import math
import time
from dataclasses import dataclass

from django.core.cache import cache
from django.utils.translation import ngettext

from agi_site.lib.counting import raise_by_one
from agi_site.lib.problems import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `attempts` within any `seconds`, for each key (an account, an address) of this `name`."""

    name: str
    attempts: int
    seconds: int

    def count(self, key: str) -> None:
        """Count an attempt for `key`; raises TooMany, and counts nothing, when the window is full.

        Two fixed windows approximate the sliding one: the earlier weighs as much as it still overlaps. Each
        is one number, raised atomically before the attempt is made, so attempts at once cannot slip through.
        """
        window, elapsed = divmod(time.time(), self.seconds)
        current = self._slot(key, int(window))
        earlier = int(cache.get(self._slot(key, int(window) - 1), 0))
        counted = raise_by_one(current, 2 * self.seconds)
        if counted + earlier * (1 - elapsed / self.seconds) <= self.attempts:
            return
        self._lower(current)
        raise _too_many(self._seconds_to_wait(counted - 1, earlier, elapsed))

    def forgive(self, key: str) -> None:
        """Take back the newest attempt of `key`: it turned out to be a good one."""
        self._lower(self._slot(key, int(time.time() // self.seconds)))

    def clear(self, key: str) -> None:
        """Forget all attempts of `key`."""
        window = int(time.time() // self.seconds)
        cache.delete_many([self._slot(key, window), self._slot(key, window - 1)])

    def _slot(self, key: str, window: int) -> str:
        # Hashed: what people type may hold anything, and cache keys may not.
        digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:32]
        return f"limit:{self.name}:{digest}:{window}"

    def _lower(self, slot: str) -> None:
        try:
            if cache.decr(slot) < 0:
                cache.delete(slot)
        except ValueError:  # the window has passed meanwhile
            pass

    def _seconds_to_wait(self, counted: int, earlier: int, elapsed: float) -> int:
        """Until one more attempt fits: within this window as the earlier one fades, or else in the next."""
        room = self.attempts - 1 - counted
        if room >= 0 and earlier:
            wait = self.seconds * (1 - room / earlier) - elapsed
        else:
            fade = 1 - (self.attempts - 1) / counted if counted else 0.0
            wait = self.seconds - elapsed + self.seconds * max(0.0, fade)
        return max(1, math.ceil(wait))


def _too_many(seconds: int) -> TooMany:
    message = ngettext(
        "Too many attempts. Wait %(seconds)d second, then try again.",
        "Too many attempts. Wait %(seconds)d seconds, then try again.",
        seconds,
    ) % {"seconds": seconds}
    return TooMany(message, retry_after=seconds)
