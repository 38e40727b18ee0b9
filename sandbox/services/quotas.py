"""How much of sandboxes a person may have at a time, and use in a day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, TooMany

from ..lifecycle.trail import RAN
from ..models import Sandbox, SandboxEvent, SandboxStatus

WINDOW = timedelta(hours=24)
RETRY_SECONDS = 600
RUNS = (SandboxStatus.RUNNING, SandboxStatus.PAUSED)
STANDS = (SandboxStatus.CREATING, *RUNS, SandboxStatus.STOPPED, SandboxStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a person has and used, and the most of it: sandboxes, and seconds of running in 24 hours."""

    count: int
    most_count: int
    seconds: int
    most_seconds: int


def quota_of(user: Any) -> Quota:
    """A person's quota and what is used of it, as of now."""
    now = timezone.now()
    standing = list(Sandbox.objects.filter(user=user, status__in=STANDS).values_list("status", "started_at"))
    running = sum(_seconds(started, now) for status, started in standing if status in RUNS)
    return Quota(
        count=len(standing),
        most_count=settings.SANDBOX_QUOTA_COUNT,
        seconds=round(running + _ended_seconds(user, now)),
        most_seconds=settings.SANDBOX_QUOTA_SECONDS,
    )


def check_room(user: Any) -> None:
    """Raise Conflict or TooMany, with the figures, unless the person may have one more sandbox and run it.

    Call it in the transaction that makes the sandbox, with the person's row locked: two at once both count.
    """
    quota = quota_of(user)
    if quota.count >= quota.most_count:
        raise Conflict(
            _("You have %(count)d sandboxes, and %(most)d is the most. Delete one first.")
            % {"count": quota.count, "most": quota.most_count},
            code="too_many_sandboxes",
        )
    _check_seconds(quota)


def check_seconds(user: Any) -> None:
    """Raise TooMany, with the figures, unless the person has time left to run a sandbox."""
    _check_seconds(quota_of(user))


def _check_seconds(quota: Quota) -> None:
    if quota.seconds >= quota.most_seconds:
        raise TooMany(
            _("Your sandboxes ran %(used)s hours in the last 24, and %(most)s is the most. Try again later.")
            % {"used": f"{quota.seconds / 3600:.1f}", "most": f"{quota.most_seconds / 3600:.1f}"},
            retry_after=RETRY_SECONDS,
            code="quota_used_up",
        )


def _seconds(started: datetime | None, now: datetime) -> float:
    """Seconds since a start, as far as they lie within the window."""
    return max(0.0, (now - max(started, now - WINDOW)).total_seconds()) if started else 0.0


def _ended_seconds(user: Any, now: datetime) -> float:
    """Seconds of runs that ended within the window, each counted only as far as it lies within it."""
    since = now - WINDOW
    runs = SandboxEvent.objects.filter(sandbox__user=user, kind=RAN, created_at__gte=since).values_list(
        "created_at", "data"
    )
    within = (
        min(float((data or {}).get("seconds", 0)), (ended - since).total_seconds()) for ended, data in runs
    )
    return float(sum(within))
