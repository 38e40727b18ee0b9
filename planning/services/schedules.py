"""When plans run by themselves: times of cron expressions in a place's own clock, each run started once.

Where the clock is put forward, a run in the hour that is left out happens right after it; where it is put
back, a run at a fixed time happens once. A run missed while nothing ran here is made up for once.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid, Problem
from system import queue

from ..models import Plan, PlanExecution, PlanSchedule
from .checking import check_object

START_TASK = "planning.start_scheduled"
AT_ONCE = 200  # schedules looked at in one round


def next_time(*, cron: str, time_zone: str, after: datetime) -> datetime:
    """The first time of the expression after a moment; raises Invalid (`cron`, `time_zone`)."""
    return upcoming(cron=cron, time_zone=time_zone, after=after, count=1)[0]


def upcoming(*, cron: str, time_zone: str, after: datetime, count: int) -> list[datetime]:
    """The next times of an expression, in its own zone; raises Invalid."""
    zone = _zone(time_zone)
    if len(cron.split()) != 5:
        message = _("Write five fields: minute, hour, day, month, weekday. 0 9 * * 1-5 is 9:00 on weekdays.")
        raise Invalid(errors={"cron": [message]})
    try:
        found = list(islice(CronSim(cron, after.astimezone(zone)), count))
    except (CronSimError, ValueError, OverflowError) as error:
        message = _("This is no cron expression: %(reason)s.")
        raise Invalid(errors={"cron": [message % {"reason": str(error)[:100]}]}) from error
    if len(found) < count:
        raise Invalid(errors={"cron": [_("No day fits this expression.")]})
    return found


@transaction.atomic
def create_schedule(
    *,
    plan: Plan,
    by: Any,
    cron: str,
    time_zone: str = "UTC",
    inputs: Mapping[str, Any] | None = None,
    enabled: bool = True,
) -> PlanSchedule:
    """Let a plan run at the times of `cron`; raises Invalid."""
    row = PlanSchedule(plan=plan, user=by)
    _set(row, cron=cron, time_zone=time_zone, inputs=inputs, enabled=enabled)
    row.save(force_insert=True)
    return row


@transaction.atomic
def update_schedule(*, schedule: PlanSchedule, by: Any, **changes: Any) -> PlanSchedule:
    """Change `cron`, `time_zone`, `inputs` or `enabled`; the next run is counted from now. Raises Invalid."""
    now = {name: getattr(schedule, name) for name in ("cron", "time_zone", "inputs", "enabled")}
    _set(schedule, **{name: changes.get(name, value) for name, value in now.items()})
    schedule.save(
        update_fields=[*now, "next_run_at", "error_message", "updated_at"],
    )
    return schedule


def delete_schedule(*, schedule: PlanSchedule, by: Any) -> None:
    """Forget a schedule; runs that it started stay."""
    schedule.delete()


def queue_due(*, now: datetime | None = None) -> int:
    """Queue a start for every schedule whose time has come, and return how many.

    The next time and the start are one transaction, so two rounds at once start nothing twice. However many
    times were missed, there is one start.
    """
    moment = now or timezone.now()
    queued = 0
    for row in PlanSchedule.objects.due(moment)[:AT_ONCE]:
        with transaction.atomic():
            due = row.next_run_at
            try:
                following: datetime | None = next_time(cron=row.cron, time_zone=row.time_zone, after=moment)
            except Problem:
                following = None  # a zone that is gone, or no further day
            claimed = PlanSchedule.objects.filter(pk=row.pk, enabled=True, next_run_at=due).update(
                next_run_at=following
            )
            if claimed:
                queue.enqueue(
                    task_type=START_TASK,
                    payload={"schedule_id": row.pk, "due": due.isoformat()},
                    key=f"{START_TASK}:{row.pk}",
                )
                queued += 1
    return queued


def start_scheduled(*, schedule_id: str) -> str | None:
    """Start the plan of a schedule, and return the run's id; what is in the way is told on the schedule.

    A run that would overlap the one before is left out. Called in a transaction (the task's).
    """
    rows = PlanSchedule.objects.select_for_update()
    row = rows.filter(pk=schedule_id, enabled=True).first()
    if row is None:
        return None
    execution, obstacle = _started(row)
    row.error_message = obstacle
    if execution is not None:
        row.last_execution = execution
    row.save(update_fields=["error_message", "last_execution", "updated_at"])
    return None if execution is None else str(execution.pk)


def _started(row: PlanSchedule) -> tuple[PlanExecution | None, str]:
    from . import runs

    if not row.user.is_active:
        row.enabled = False
        row.save(update_fields=["enabled"])
        return None, _("The account is closed, so the schedule was switched off.")
    if PlanExecution.objects.filter(trigger_type="plan_schedule", trigger_id=row.pk).live().exists():
        return None, _("The run before was still going on, so this one was left out.")
    try:
        with transaction.atomic():
            execution = runs.start_plan(
                plan=row.plan,
                by=row.user,
                inputs=row.inputs,
                unattended=True,
                trigger=("plan_schedule", row.pk),
                language=row.user.language or "en",
            )
    except Problem as problem:
        faults = [str(fault) for some in problem.errors.values() for fault in some]
        return None, " ".join(faults) or str(problem.message)
    return execution, ""


def _set(row: PlanSchedule, *, cron: str, time_zone: str, inputs: Any, enabled: bool) -> None:
    row.cron = " ".join(str(cron).split())
    row.time_zone = str(time_zone)
    row.inputs = check_object(inputs, field="inputs")
    row.enabled = enabled
    row.error_message = ""
    following = next_time(cron=row.cron, time_zone=row.time_zone, after=timezone.now())
    row.next_run_at = following if enabled else None


def _zone(name: str) -> ZoneInfo:
    try:
        if name in available_timezones():
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        pass
    message = _("There is no time zone “%(name)s”. Write one such as Asia/Seoul.")
    raise Invalid(errors={"time_zone": [message % {"name": name[:64]}]})
