"""The sliding window that counts attempts."""

import threading
from typing import Any

import pytest

from accounts import limits
from accounts.limits import Limit
from agi_site.lib.counting import CountingRedisCache
from agi_site.lib.problems import TooMany

LIMIT = Limit("test", attempts=4, seconds=100)


class Clock:
    """A clock that tests move by hand; it starts at the beginning of a window."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def attempts(count: int, key: str = "alice") -> list[bool]:
    """Which of so many attempts at this moment are let through."""
    return [let_through(key) for _ in range(count)]


def let_through(key: str = "alice") -> bool:
    try:
        LIMIT.count(key)
    except TooMany:
        return False
    return True


def test_so_many_attempts_are_let_through_and_no_more(clock: Clock) -> None:
    assert attempts(6) == [True] * 4 + [False] * 2
    assert attempts(1, "bob") == [True]


def test_waiting_as_long_as_told_is_enough_and_less_is_not(clock: Clock) -> None:
    for moment in (0, 37, 99):
        clock.now = 1_000_000 + 1000 * (moment + 1) + moment
        attempts(4)
        with pytest.raises(TooMany) as refused:
            LIMIT.count("alice")
        wait = refused.value.retry_after
        clock.now += wait - 2
        assert not let_through()
        clock.now += 2
        assert let_through()


def test_the_window_slides(clock: Clock) -> None:
    clock.now += 90
    attempts(4)
    clock.now += 11  # a new window has begun, but the four are only 11 seconds old
    assert not let_through()
    clock.now += 49  # of the four, two count by now
    assert attempts(3) == [True, True, False]


def test_after_two_windows_all_is_forgotten(clock: Clock) -> None:
    attempts(4)
    clock.now += 200
    assert attempts(5) == [True] * 4 + [False]


def test_being_refused_does_not_lengthen_the_wait(clock: Clock) -> None:
    attempts(100)
    clock.now += 130
    assert let_through()


def test_a_forgiven_attempt_does_not_count(clock: Clock) -> None:
    attempts(4)
    LIMIT.forgive("alice")
    assert attempts(2) == [True, False]
    LIMIT.clear("alice")
    assert attempts(5) == [True] * 4 + [False]


def test_forgiving_what_was_never_counted_is_harmless(clock: Clock) -> None:
    LIMIT.forgive("alice")
    assert attempts(5) == [True] * 4 + [False]


@pytest.mark.parametrize("key", ["", "x" * 10_000, "\x00\n", "한글", "\ud800"])
def test_any_text_is_a_key(clock: Clock, key: str) -> None:
    assert attempts(5, key) == [True] * 4 + [False]


def test_attempts_at_once_cannot_slip_through() -> None:
    results: list[bool] = []
    start = threading.Barrier(12)

    def attempt() -> None:
        start.wait()
        results.append(let_through("crowd"))

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) <= LIMIT.attempts


@pytest.mark.redis
def test_the_limit_works_on_redis(redis_url: str, settings: Any, clock: Clock) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "agi_site.lib.counting.CountingRedisCache", "LOCATION": redis_url}
    }
    assert attempts(6) == [True] * 4 + [False] * 2
    LIMIT.clear("alice")
    assert attempts(1) == [True]


@pytest.mark.redis
def test_each_request_counts_over_the_same_connections(redis_url: str) -> None:
    one, other = (CountingRedisCache(redis_url, {"KEY_PREFIX": "counting"}) for _ in range(2))
    one.clear()
    assert [one.raise_by_one("key", 60), other.raise_by_one("key", 60)] == [1, 2]
    pools = {id(store._cache.get_client(write=True).connection_pool) for store in (one, other)}
    assert len(pools) == 1
    assert 0 < one._cache.get_client().ttl(one.make_key("key")) <= 60
