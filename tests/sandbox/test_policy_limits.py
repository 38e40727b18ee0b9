"""Limits: what is given is checked against what is possible, and each fault names its field."""

import pytest

from agi_site.lib.problems import Invalid
from sandbox.policy.limits import CEILING, FLOOR, GB, MB, NAMES, Limits, changed, read_limits


def test_nothing_given_is_the_default() -> None:
    assert read_limits(None) == Limits()


def test_what_is_given_stands_over_the_base() -> None:
    found = read_limits({"cpu_limit": 250}, base=Limits(memory_limit=2 * GB))
    assert (found.cpu_limit, found.memory_limit, found.processors) == (250, 2 * GB, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_has_a_floor_and_a_ceiling(name: str) -> None:
    for value in (getattr(FLOOR, name) - 1, getattr(CEILING, name) + 1, "12", 1.5, True):
        with pytest.raises(Invalid) as refused:
            read_limits({name: value})
        assert list(refused.value.errors) == [name]


def test_the_site_may_allow_less() -> None:
    site = Limits(memory_limit=1 * GB)
    assert read_limits({"memory_limit": 1 * GB}, ceiling=site).memory_limit == 1 * GB
    with pytest.raises(Invalid):
        read_limits({"memory_limit": 1 * GB + 1}, ceiling=site)


def test_no_end_is_possible_only_where_the_site_has_none() -> None:
    assert read_limits({"timeout": None}, ceiling=Limits(timeout=None)).timeout is None
    for name in ("timeout", "cpu_limit"):
        with pytest.raises(Invalid):
            read_limits({name: None})


def test_an_unknown_limit_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        read_limits({"gpu_limit": 1, "cpu_limit": 0})
    assert set(refused.value.errors) == {"gpu_limit", "cpu_limit"}


def test_what_lies_in_memory_fits_into_it() -> None:
    with pytest.raises(Invalid) as refused:
        read_limits({"memory_limit": 64 * MB})
    assert list(refused.value.errors) == ["memory_limit"]


def test_a_change_says_what_wants_a_restart() -> None:
    after = read_limits({"cpu_limit": 200, "disk_limit": 2 * GB, "pids_limit": 64})
    assert changed(Limits(), after) == (["cpu_limit", "pids_limit"], ["disk_limit"])
