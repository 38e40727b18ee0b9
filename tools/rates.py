"""How often and how many at a time: the limits of a tool's row, refused before anything is written."""

import re
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.limits import Limit
from agi_site.lib.problems import Invalid, TooMany

from .models import Tool, ToolExecution, ToolExecutionStatus

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RATE = re.compile(r"([1-9]\d{0,5})/(\d{0,4})([smhd])")


def parse_rate(text: str) -> tuple[int, int] | None:
    """Calls and seconds of "30/m", "5/10s", "1000/d"; None for "". Raises Invalid for anything else."""
    if not text:
        return None
    found = _RATE.fullmatch(text)
    if found is None or int(found[2] or 1) == 0:
        fault = _("Write calls per time, such as 30/m, 5/10s or 1000/d.")
        raise Invalid(errors={"rate_limit": [fault]})
    return int(found[1]), int(found[2] or 1) * SECONDS[found[3]]


def check_rate(*, tool: Tool, user: Any) -> None:
    """Count a call of this person; raises TooMany when they have made too many of this tool."""
    rate = parse_rate(tool.rate_limit)
    if rate is not None:
        Limit(f"tool:{tool.pk}", *rate).count(str(user.pk))


def check_room(*, tool: Tool, wanted: int = 1) -> int:
    """How many of `wanted` calls may start now; raises TooMany when none may.

    Called in the transaction that writes their rows: it holds the tool's row, so that two callers count one
    after the other.
    """
    if not tool.max_concurrent:
        return wanted
    Tool.objects.select_for_update().filter(pk=tool.pk).values_list("pk").first()
    running = ToolExecution.objects.filter(tool=tool, status=ToolExecutionStatus.RUNNING)
    now = timezone.now()
    live = running.exclude(deadline_at__lt=now).count()
    room = int(tool.max_concurrent) - live
    if room <= 0:
        raise busy(tool)
    return min(room, wanted)


def busy(tool: Tool) -> TooMany:
    """That a tool runs as often at once as it may."""
    message = ngettext(
        "The tool “%(name)s” runs %(count)d time already, and no more at once. Try again shortly.",
        "The tool “%(name)s” runs %(count)d times already, and no more at once. Try again shortly.",
        int(tool.max_concurrent or 0),
    )
    told = message % {"name": tool.name, "count": tool.max_concurrent}
    return TooMany(told, retry_after=5, code="tool_busy")
