"""States, causes, events and figures of sandboxes, as people read them."""

from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from .models import ExecutionCause, ExecutionStatus, Sandbox, SandboxEvent, SandboxExecution, SandboxStatus
from .policy.limits import NAMES, OPTIONAL, Limits


@dataclass(frozen=True, slots=True)
class State:
    """How a state is shown: a word, the tag's class, whether something is under way."""

    word: str
    tag: str = ""
    busy: bool = False


UNDER_WAY = {
    "create": gettext_lazy("being created"),
    "start": gettext_lazy("starting"),
    "pause": gettext_lazy("pausing"),
    "resume": gettext_lazy("resuming"),
    "stop": gettext_lazy("stopping"),
    "restart": gettext_lazy("restarting"),
    "change": gettext_lazy("being changed"),
    "restore": gettext_lazy("being restored"),
    "delete": gettext_lazy("being deleted"),
}
TAGS = {
    SandboxStatus.RUNNING: "tag-success",
    SandboxStatus.FAILED: "tag-danger",
    SandboxStatus.PAUSED: "tag-warning",
    SandboxStatus.CREATING: "tag-accent",
}
# Why a sandbox is where it is, by the slug in its row.
CAUSES = {
    "oom": gettext_lazy("It ran out of memory."),
    "killed": gettext_lazy("Its container was killed from outside."),
    "died": gettext_lazy("Its container ended by itself."),
    "container_lost": gettext_lazy("Its container is gone."),
    "host_lost": gettext_lazy("The machine it ran on is lost."),
    "image_missing": gettext_lazy("Its image is not on any host."),
    "idle": gettext_lazy("It was stopped because nothing happened in it for a while."),
    "timeout": gettext_lazy("It was stopped because it ran for as long as its limit allows."),
    "expired": gettext_lazy("It expired."),
    "done": gettext_lazy("What it was made for has ended."),
    "made_room": gettext_lazy("It made room for another one: nothing was in it."),
    "operator": gettext_lazy("An operator ended it."),
    "changed": gettext_lazy("So that a change takes effect; the files were kept."),
    "create_failed": gettext_lazy("It could not be created."),
    "start_failed": gettext_lazy("It could not be started."),
    "pause_failed": gettext_lazy("It could not be paused."),
    "resume_failed": gettext_lazy("It could not be resumed."),
    "stop_failed": gettext_lazy("It could not be stopped."),
    "restart_failed": gettext_lazy("It could not be restarted."),
    "change_failed": gettext_lazy("The change could not be applied."),
}
# The engine's own words say the same again.
SAID_BY_DETAIL = {"oom", "container_lost", "host_lost"}
EVENTS = {
    "created": gettext_lazy("Created"),
    "claimed": gettext_lazy("Created, from the warm pool"),
    "started": gettext_lazy("Started"),
    "paused": gettext_lazy("Paused"),
    "resumed": gettext_lazy("Resumed"),
    "stopped": gettext_lazy("Stopped"),
    "restarted": gettext_lazy("Restarted"),
    "deleted": gettext_lazy("Deleted"),
    "failed": gettext_lazy("Failed"),
    "renamed": gettext_lazy("Renamed"),
    "extended": gettext_lazy("Expiry changed"),
    "expired": gettext_lazy("Expired"),
    "changed": gettext_lazy("Changed"),
    "applied": gettext_lazy("Change took effect"),
    "names_closed": gettext_lazy("Names without an address that may be reached"),
    "network_shut": gettext_lazy("No network yet: denied names are looked up"),
    "network_opened": gettext_lazy("Network open: denied names are known"),
    "port_opened": gettext_lazy("Port opened"),
    "port_closed": gettext_lazy("Port closed"),
    "cloned": gettext_lazy("Cloned"),
    "restored": gettext_lazy("Files restored"),
    "restore_failed": gettext_lazy("Files could not be restored"),
    "snapshot_made": gettext_lazy("Snapshot made"),
    "snapshot_failed": gettext_lazy("Snapshot could not be made"),
    "snapshot_deleted": gettext_lazy("Snapshot deleted"),
    "quarantined": gettext_lazy("A file was held back"),
    "quarantine_released": gettext_lazy("A held file was released"),
    "quarantine_removed": gettext_lazy("A held file was destroyed"),
    "marked": gettext_lazy("The scanner noticed something"),
    "delete_failed": gettext_lazy("Could not be deleted yet"),
    "ran": gettext_lazy("Ran"),
    "adopted": gettext_lazy("Taken up again"),
}
EVENT_TAGS = {
    "failed": "tag-danger",
    "delete_failed": "tag-danger",
    "marked": "tag-warning",
    "names_closed": "tag-warning",
    "network_shut": "tag-warning",
    "network_opened": "tag-success",
    "quarantined": "tag-warning",
    "restore_failed": "tag-danger",
    "snapshot_failed": "tag-danger",
    "expired": "tag-warning",
    "stopped": "tag-warning",
    "started": "tag-success",
    "created": "tag-success",
    "claimed": "tag-success",
    "resumed": "tag-success",
    "restarted": "tag-success",
}
DATA_NAMES = {
    "name": gettext_lazy("name"),
    "path": gettext_lazy("path"),
    "rule": gettext_lazy("rule"),
    "port": gettext_lazy("port"),
    "limits": gettext_lazy("limits"),
    "host": gettext_lazy("host"),
    "hosts": gettext_lazy("names"),
    "expires_at": gettext_lazy("expires"),
    "exit_code": gettext_lazy("exit code"),
    "policies": gettext_lazy("policies"),
    "environment": gettext_lazy("environment"),
    "protocol": gettext_lazy("protocol"),
    "rules": gettext_lazy("rules"),
    "seconds": pgettext_lazy("how long", "seconds"),
    "by": gettext_lazy("by"),
    "template": gettext_lazy("template"),
}
LIMITS = {
    "cpu_limit": gettext_lazy("Processor"),
    "memory_limit": gettext_lazy("Memory, swap included"),
    "disk_limit": gettext_lazy("Files"),
    "network_limit": gettext_lazy("Network, each way"),
    "timeout": gettext_lazy("Runs at most"),
    "pids_limit": gettext_lazy("Processes and threads"),
    "open_files": gettext_lazy("Open files of a process"),
    "tmp_limit": gettext_lazy("Temporary files, counted as memory"),
    "shm_limit": gettext_lazy("Shared memory, counted as memory"),
    "execution_timeout": gettext_lazy("One execution at most"),
    "output_limit": gettext_lazy("Output of one execution"),
    "idle_timeout": gettext_lazy("Stops when idle for"),
}

POLICIES = {
    "network_policy": gettext_lazy("Network"),
    "syscall_policy": gettext_lazy("System calls"),
    "mount_policy": gettext_lazy("Folders of the host"),
    "runtime": gettext_lazy("Isolation"),
}


def size(value: float) -> str:
    """Bytes with a unit, without a fraction that says nothing."""
    return str(filesizeformat(value)).replace(".0\xa0", "\xa0").replace(",0\xa0", "\xa0")


# --- A sandbox --------------------------------------------------------------
def title_of(sandbox: Sandbox) -> str:
    """The name a person gave it, or what it is made of with the end of its key, to tell two apart."""
    if sandbox.name:
        return str(sandbox.name)
    made_of = sandbox.template.name if sandbox.template else sandbox.image_name
    return f"{made_of} · {str(sandbox.pk)[-4:]}"


def state_of(sandbox: Sandbox) -> State:
    """The state, or the verb that is under way."""
    if sandbox.verb:
        return State(str(UNDER_WAY.get(sandbox.verb, sandbox.verb)), "tag-accent", busy=True)
    busy = sandbox.status == SandboxStatus.CREATING
    return State(str(sandbox.get_status_display()), TAGS.get(sandbox.status, ""), busy=busy)


def cause_of(sandbox: Sandbox) -> str:
    """Why it is not running, as a sentence; "" while all is well or where a person wanted it so."""
    if sandbox.status not in (SandboxStatus.FAILED, SandboxStatus.STOPPED, SandboxStatus.PAUSED):
        return ""
    said = _why(sandbox.cause, sandbox.detail)
    if sandbox.status == SandboxStatus.FAILED and not said:
        return _("It failed, and nobody knows why.")
    return said


def _why(cause: Any, detail: Any) -> str:
    """A cause and the words that came with it, without saying the same twice."""
    said = str(CAUSES.get(cause or "", cause or ""))
    # a worker wrote it, in English
    detail = _(str(detail)) if detail else ""
    if cause in SAID_BY_DETAIL and detail:
        return detail
    return " ".join(part for part in (said, detail) if part)


def expiry_of(sandbox: Sandbox) -> str:
    """When it expires, as a choice that leaves it so; "" for never."""
    if sandbox.expires_at is None:
        return ""
    when = date_format(timezone.localtime(sandbox.expires_at), "DATETIME_FORMAT")
    return _("As now: %(when)s") % {"when": when}


def running_of(sandbox: Sandbox) -> int:
    """Seconds it has run so far, all its starts together."""
    now = 0
    if sandbox.status in (SandboxStatus.RUNNING, SandboxStatus.PAUSED) and sandbox.started_at:
        now = int((timezone.now() - sandbox.started_at).total_seconds())
    return int(sandbox.running_seconds or 0) + max(now, 0)


def event_of(row: SandboxEvent) -> dict[str, Any]:
    """What happened as a title, its tag's class, and what there is to say about it."""
    data = dict(row.data or {})
    cause, detail = data.pop("cause", None), data.pop("detail", None)
    title = str(EVENTS.get(row.kind, row.kind.replace("_", " ").replace(".", " ").capitalize()))
    why = _why(cause, detail)
    facts = [
        (str(name), _fact(key, data[key]))
        for key, name in DATA_NAMES.items()
        if data.get(key) not in (None, "", [], {}) or (key == "expires_at" and key in data)
    ]
    return {"title": title, "tag": EVENT_TAGS.get(row.kind, ""), "why": why, "facts": facts}


def _fact(key: str, value: Any) -> str:
    """What an event says under a key; limits and policies by the names that their forms have."""
    if key == "expires_at":
        when = parse_datetime(value) if isinstance(value, str) else None
        return date_format(timezone.localtime(when), "DATETIME_FORMAT") if when else _("Never")
    if key == "limits" and isinstance(value, dict):
        return ", ".join(f"{LIMITS.get(name, name)} {limit_text(name, most)}" for name, most in value.items())
    if key == "policies" and isinstance(value, list):
        return ", ".join(str(POLICIES.get(name, name)) for name in value)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(found)}" for key, found in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


# --- Limits -----------------------------------------------------------------
def limit_text(name: str, value: int | None) -> str:
    """A limit with its unit."""
    if value is None:
        return _("no limit") if name in OPTIONAL else _("the default")
    if name == "cpu_limit":
        count = f"{value / 100:g}"
        return ngettext("%(count)s processor", "%(count)s processors", 1 if value == 100 else 2) % {
            "count": count
        }
    if name in ("timeout", "execution_timeout", "idle_timeout"):
        return duration(value)
    if name == "network_limit":
        return _("%(size)s a second") % {"size": size(value)}
    if name in ("pids_limit", "open_files"):
        return str(value)
    return size(value)


def figures_of(limits: Limits) -> list[str]:
    """The three figures that a template's card shows."""
    return [
        limit_text("cpu_limit", limits.cpu_limit),
        _("%(size)s memory") % {"size": size(limits.memory_limit)},
        _("%(size)s for files") % {"size": size(limits.disk_limit)},
    ]


def limits_of(sandbox: Sandbox) -> list[tuple[str, str]]:
    """All limits of a sandbox by their names for people."""
    row = getattr(sandbox, "resource", None)
    return [(str(LIMITS[name]), limit_text(name, getattr(row, name, None))) for name in NAMES]


def isolation_of(level: int) -> State:
    """How strong a runtime's isolation is, by the level that `engine.isolation` gives it."""
    return (
        State(_("unknown isolation"), "tag-warning"),
        State(_("usual isolation"), "tag-accent"),
        State(_("strong isolation"), "tag-success"),
        State(_("strongest isolation"), "tag-success"),
    )[level if 0 <= level <= 3 else 0]


def duration(seconds: float) -> str:
    """`90` is "1 min 30 s"; the two largest units that are not zero."""
    if 0 < seconds < 10 and seconds != int(seconds):
        return _("%(count)s s") % {"count": f"{seconds:.2f}"}
    left, parts = int(seconds), []
    for size, unit in (
        (86400, _("%(count)s d")),
        (3600, _("%(count)s h")),
        (60, _("%(count)s min")),
        (1, _("%(count)s s")),
    ):
        count, left = divmod(left, size)
        if count:
            parts.append(unit % {"count": count})
    return " ".join(parts[:2]) or _("%(count)s s") % {"count": 0}


def hours(seconds: int) -> str:
    """Hours, with one digit where there are few."""
    found = seconds / 3600
    return _("%(count)s h") % {"count": f"{found:.0f}" if found >= 10 or found < 0.05 else f"{found:.1f}"}


# --- An execution -----------------------------------------------------------
def outcome_of(row: SandboxExecution) -> State:
    """How it ended, or where it stands, with the tag's class."""
    if row.cancel_requested_at and row.status != ExecutionStatus.ENDED:
        return State(_("being cancelled"), "tag-warning", busy=True)
    if row.status == ExecutionStatus.QUEUED:
        return State(_("waiting"), "tag-accent", busy=True)
    if row.status == ExecutionStatus.RUNNING:
        return State(_("running"), "tag-accent", busy=True)
    if row.cause not in (None, ExecutionCause.EXIT):
        return State(
            str(row.get_cause_display()),
            "tag-danger" if row.cause != ExecutionCause.CANCELLED else "tag-warning",
        )
    if row.signal:
        return State(_("signal %(number)d") % {"number": row.signal}, "tag-danger")
    if row.exit_code:
        return State(_("exit code %(code)d") % {"code": row.exit_code}, "tag-danger")
    return State(_("done"), "tag-success")


def usage_of(row: SandboxExecution) -> list[tuple[str, str]]:
    """What it used, as names and figures."""
    used = row.resource_usage or {}
    shown = []
    for key, name, text in (
        ("wall_seconds", pgettext("how long", "Time"), duration),
        ("cpu_seconds", _("Processor"), duration),
        ("peak_memory", _("Most memory"), size),
        ("read_bytes", _("Read"), size),
        ("write_bytes", _("Written"), size),
    ):
        value = used.get(key)
        if isinstance(value, int | float):
            shown.append((name, str(text(value))))
    return shown
