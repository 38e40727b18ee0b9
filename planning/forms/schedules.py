"""The form of a schedule: a usual rhythm with a time, or a cron expression for everything else."""

from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

RHYTHMS = [
    ("hourly", _("Every hour")),
    ("daily", _("Every day")),
    ("weekdays", _("Monday to Friday")),
    ("weekly", _("Every week")),
    ("monthly", _("Every month")),
    ("cron", _("Cron expression")),
]
DAYS = [
    ("1", _("Monday")),
    ("2", _("Tuesday")),
    ("3", _("Wednesday")),
    ("4", _("Thursday")),
    ("5", _("Friday")),
    ("6", _("Saturday")),
    ("0", _("Sunday")),
]


class ScheduleForm(forms.Form):
    """When a plan runs by itself."""

    rhythm = forms.ChoiceField(label=_("How often"), choices=RHYTHMS, initial="daily")
    at = forms.TimeField(
        label=_("At"),
        required=False,
        initial="09:00",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("Of an hourly rhythm only the minutes count."),
    )
    weekday = forms.ChoiceField(label=_("Weekday"), choices=DAYS, required=False, initial="1")
    day = forms.IntegerField(
        label=_("Day of the month"), required=False, min_value=1, max_value=31, initial=1
    )
    cron = forms.CharField(
        label=_("Cron expression"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"class": "mono", "placeholder": "0 9 * * 1-5"}),
        help_text=_("Minute, hour, day, month, weekday."),
    )
    time_zone = forms.CharField(
        label=_("Time zone"), max_length=64, widget=forms.TextInput(attrs={"list": "time-zones"})
    )

    def clean(self) -> dict[str, Any]:
        """The expression under `expression`."""
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        rhythm, at = given["rhythm"], given.get("at") or time(9)
        if rhythm == "cron" and not given["cron"].strip():
            self.add_error("cron", gettext("Write a cron expression."))
        clock = f"{at.minute} {at.hour}"
        given["expression"] = {
            "hourly": f"{at.minute} * * * *",
            "daily": f"{clock} * * *",
            "weekdays": f"{clock} * * 1-5",
            "weekly": f"{clock} * * {given.get('weekday') or 1}",
            "monthly": f"{clock} {given.get('day') or 1} * *",
            "cron": given["cron"],
        }[rhythm]
        return given


def initial_of(cron: str, time_zone: str) -> dict[str, Any]:
    """What the form shows of an expression: the rhythm that it is, or the expression itself."""
    found: dict[str, Any] = {"cron": cron, "time_zone": time_zone, "rhythm": "cron"}
    fields = cron.split()
    if len(fields) != 5 or not fields[0].isdigit() or fields[3] != "*":
        return found
    minute, hour, day, _month, weekday = fields
    if (hour, day, weekday) == ("*", "*", "*"):
        return found | {"rhythm": "hourly", "at": f"00:{int(minute):02d}"}
    if not hour.isdigit():
        return found
    found["at"] = f"{int(hour):02d}:{int(minute):02d}"
    if (day, weekday) == ("*", "*"):
        return found | {"rhythm": "daily"}
    if (day, weekday) == ("*", "1-5"):
        return found | {"rhythm": "weekdays"}
    if day == "*" and weekday in dict(DAYS):
        return found | {"rhythm": "weekly", "weekday": weekday}
    if day.isdigit() and weekday == "*":
        return found | {"rhythm": "monthly", "day": int(day)}
    return found
