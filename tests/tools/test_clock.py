"""The clock: here, or in any city people name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.test import override_settings
from django.utils import translation

from tools.builtin import clock
from tools.builtin.cities import CITIES
from tools.registry import ToolFailure


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("서울", "Asia/Seoul"),
        ("Seoul", "Asia/Seoul"),
        ("한국", "Asia/Seoul"),
        ("KST", "Asia/Seoul"),
        ("뉴욕", "America/New_York"),
        ("new  york", "America/New_York"),
        ("New_York", "America/New_York"),
        ("Europe/Paris", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("utc", "UTC"),
    ],
)
def test_a_city_or_a_zone_is_found(name: str, zone: str) -> None:
    assert clock.zone_of(name).key == zone


@override_settings(TIME_ZONE="Asia/Seoul")
def test_no_name_means_here() -> None:
    assert clock.zone_of("").key == "Asia/Seoul"


@pytest.mark.parametrize("name", ["Atlantis", "../../etc/passwd", "/etc/passwd", "a\0b", "달나라", "Asia"])
def test_an_unknown_place_is_said_to_be_unknown(name: str) -> None:
    with pytest.raises(ToolFailure, match="Asia/Seoul"):
        clock.zone_of(name)


def test_a_moment_is_told_in_full_and_the_weekday_in_the_language() -> None:
    moment = datetime(2026, 3, 1, 15, 4, 5, tzinfo=UTC).astimezone(ZoneInfo("Asia/Seoul"))
    told = clock.told(moment, "Asia/Seoul")
    assert told["iso"] == "2026-03-02T00:04:05+09:00"
    assert (told["date"], told["time"], told["weekday"]) == ("2026-03-02", "00:04:05", "Monday")
    assert told["utc_offset"] == "+09:00"
    with translation.override("ko"):
        assert clock.told(moment, "Asia/Seoul")["weekday"] in ("월요일", "Monday")


def test_every_city_leads_to_a_real_zone() -> None:
    assert set(CITIES.values()) <= available_timezones()
    assert all(name == name.casefold() for name in CITIES)
