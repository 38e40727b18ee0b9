"""How much of sandboxes a person may have at a time, and use in a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    DateTimeField,
    FloatField,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Conflict, TooMany

from ..lifecycle import leftovers
from ..models import Sandbox, SandboxRun, SandboxStatus

WINDOW = timedelta(hours=24)
RETRY_SECONDS = 600
GOING, GOING_SECONDS = "going", 2
RAN, LEFT = "ran", "left"
MOST_LEFT = 256  # of one person's
RUNS = (SandboxStatus.RUNNING, SandboxStatus.PAUSED)
STANDS = (SandboxStatus.CREATING, *RUNS, SandboxStatus.STOPPED, SandboxStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a person has and used, and the most of it: sandboxes, and seconds of running in 24 hours."""

    count: int
    most_count: int
    seconds: int
    most_seconds: int
    going: int = 0  # that are being deleted: they are not theirs any more
    left: int = 0  # containers that still wait to be removed, of those that are deleted


def quota_of(user: Any) -> Quota:
    """A person's quota and what is used of it, as of now."""
    now, count, going, left, seconds = timezone.now(), 0, 0, 0, 0.0
    since = now - WINDOW
    for kind, moment, ran in _used(user=user.pk, since=since):
        if kind == GOING:
            going += 1
        elif kind == LEFT:
            left += 1
        elif kind == RAN:  # counted only as far as it lies within the window
            seconds += min(ran, (moment - since).total_seconds()) if moment else ran
        else:
            count += 1
            seconds += _seconds(moment, now) if kind in RUNS else 0.0
    return Quota(
        count=count,
        most_count=settings.SANDBOX_QUOTA_COUNT,
        seconds=round(seconds),
        most_seconds=settings.SANDBOX_QUOTA_SECONDS,
        going=going,
        left=left,
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
    # made and deleted faster than a host can follow
    if quota.count + quota.going >= 2 * quota.most_count or quota.left >= MOST_LEFT:
        raise TooMany(
            _("Sandboxes of yours are still being removed. Try again in a moment."),
            retry_after=GOING_SECONDS,
            code="sandboxes_going",
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


@prepared(user=BigIntegerField(), since=DateTimeField())
def _used(user: Any, since: Any) -> QuerySet[Any, Any]:
    """All that counts, in one query, as (what it is, a moment, seconds)."""
    return _standing(user).union(*_runs(user, since), _left(user), all=True)


def _standing(user: Any) -> QuerySet[Any, Any]:
    """The sandboxes that a person has, as (status, start, nothing); GOING is the status of one that goes."""
    kind = Case(When(verb="delete", then=Value(GOING)), default=Cast("status", CharField()))
    return Sandbox.objects.filter(user=user, status__in=STANDS).values_list(
        kind, "started_at", Value(None, output_field=FloatField())
    )


def _runs(user: Any, since: Any) -> Iterator[QuerySet[Any, Any]]:
    """Runs that ended since a moment, as (RAN, end, seconds): those that began earlier, all others as one."""
    runs = SandboxRun.objects.filter(user=user, ended_at__gte=since).order_by()
    yield runs.filter(started_at__lt=since).values_list(Value(RAN), "ended_at", "seconds")
    others = runs.filter(started_at__gte=since).values("user").annotate(total=Sum("seconds"))
    yield others.values_list(Value(RAN), Value(None, DateTimeField()), "total")


def _left(user: Any) -> QuerySet[Any, Any]:
    """The containers that are left of a person's sandboxes, as (LEFT, nothing, nothing)."""
    nothing = Value(None, DateTimeField()), Value(None, FloatField())
    rows: QuerySet[Any, Any] = leftovers.left().filter(sandbox__user=user).order_by()
    return rows.values_list(Value(LEFT), *nothing)
