"""Numbers that processes raise together, in the cache: so many requests of a person, so many attempts."""

from functools import cache, cached_property
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends import redis


class CountingRedisCache(redis.RedisCache):
    """Django's cache in Redis, with one pool of connections per process, and counting in one round trip.

    Django makes a cache for each request of an event loop, each with a new connection; its `incr` first asks
    whether the key is there.
    """

    @cached_property
    def _cache(self) -> Any:
        options = tuple(sorted(self._options.items()))  # type: ignore[attr-defined]
        return _client(self._class, tuple(self._servers), options)  # type: ignore[attr-defined]

    def raise_by_one(self, key: str, seconds: int) -> int:
        """The number after one more; it is gone `seconds` after the first."""
        made = self.make_and_validate_key(key)
        client = self._cache.get_client(made, write=True)
        number = int(client.incr(made))
        if number == 1:
            client.expire(made, seconds)
        return number


@cache
def _client(kind: Any, servers: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> Any:
    return kind(servers, **dict(options))


def raise_by_one(key: str, seconds: int) -> int:
    """The number under a key of the cache after one more, atomically; gone `seconds` after the first."""
    store = caches[DEFAULT_CACHE_ALIAS]
    if isinstance(store, CountingRedisCache):
        return store.raise_by_one(key, seconds)
    store.add(key, 0, seconds)
    try:
        return int(store.incr(key))
    except ValueError:  # it fell out of the cache between the two calls
        store.set(key, 1, seconds)
        return 1
