"""The time, anywhere."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tools.registry import Parameter, ToolContext, ToolFailure, tool

from .cities import CITIES

_WEEKDAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)


@tool(
    "current_time",
    category="time",
    description=gettext_lazy("Tell the current date, weekday and time, here or in a city or time zone."),
    parameters=[
        Parameter(
            "timezone",
            "string",
            gettext_lazy("A time zone (Asia/Seoul) or a city in Korean or English (서울, New York)."),
            schema={"maxLength": 64},
        )
    ],
    timeout=5,
)
def current_time(call: ToolContext, *, timezone: str = "") -> dict[str, Any]:
    """`{"timezone", "iso", "date", "time", "weekday", "utc_offset"}`, the weekday in words."""
    zone = zone_of(timezone)
    return told(now().astimezone(zone), zone.key)


def told(moment: datetime, zone: str) -> dict[str, Any]:
    """The parts of a moment as people say them."""
    return {
        "timezone": zone,
        "iso": moment.isoformat(timespec="seconds"),
        "date": f"{moment:%Y-%m-%d}",
        "time": f"{moment:%H:%M:%S}",
        "weekday": str(_WEEKDAYS[moment.weekday()]),
        "utc_offset": f"{moment:%:z}",
    }


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name or a city; "" is the installation's own; raises ToolFailure if unknown."""
    wanted = " ".join(name.split())
    if not wanted:
        return ZoneInfo(settings.TIME_ZONE)
    known = CITIES.get(wanted.casefold().replace("_", " "))
    try:
        return ZoneInfo(known or _iana(wanted))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = _(
            "I don't know the time zone of “%(name)s”. Give a zone such as Asia/Seoul or Europe/Paris."
        )
        raise ToolFailure(message % {"name": wanted}) from error


def _iana(name: str) -> str:
    """The name as the time zone database spells it: `asia/seoul` and `Asia/New york` are meant kindly."""
    if name.upper() in ("UTC", "GMT", "KST"):
        return "Asia/Seoul" if name.upper() == "KST" else name.upper()
    return "/".join(
        "_".join(word[:1].upper() + word[1:] for word in part.split()) for part in name.split("/")
    )
