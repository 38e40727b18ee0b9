"""The limits of a sandbox: names, defaults and ceilings (tables `sandbox_resource`, `sandbox_template`)."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

MB = 1024**2
GB = 1024**3
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use. None, where it may stand, means that there is no such limit."""

    cpu_limit: int = 100  # percent of one processor
    memory_limit: int = 512 * MB  # bytes, swap included
    disk_limit: int = 1 * GB  # bytes of the workspace
    network_limit: int | None = 10 * MB  # bytes per second, each way
    timeout: int | None = 12 * HOUR  # seconds after a start
    pids_limit: int = 256  # processes and threads
    open_files: int = 1024  # of one process
    tmp_limit: int = 128 * MB  # bytes of /tmp, counted as memory
    shm_limit: int = 64 * MB  # bytes of /dev/shm, counted as memory
    execution_timeout: int = 600  # seconds of one execution
    output_limit: int = 16 * MB  # bytes of one execution, stdout and stderr together
    idle_timeout: int | None = 1800  # seconds without work

    @property
    def processors(self) -> int:
        """How many processors are to be seen inside: what `nproc` says."""
        return max(1, math.ceil(self.cpu_limit / 100))

    def as_dict(self) -> dict[str, int | None]:
        """The limits by name, as the tables keep them."""
        return asdict(self)


FLOOR = Limits(
    cpu_limit=5,
    memory_limit=32 * MB,
    disk_limit=16 * MB,
    network_limit=1024,
    timeout=10,
    pids_limit=16,
    open_files=64,
    tmp_limit=1 * MB,
    shm_limit=1 * MB,
    execution_timeout=1,
    output_limit=1024,
    idle_timeout=60,
)
CEILING = Limits(
    cpu_limit=6400,
    memory_limit=256 * GB,
    disk_limit=1024 * GB,
    network_limit=10 * GB,
    timeout=30 * 24 * HOUR,
    pids_limit=16_384,
    open_files=65_536,
    tmp_limit=64 * GB,
    shm_limit=64 * GB,
    execution_timeout=7 * 24 * HOUR,
    output_limit=1 * GB,
    idle_timeout=30 * 24 * HOUR,
)
NAMES = tuple(field.name for field in fields(Limits))
OPTIONAL = frozenset({"network_limit", "timeout", "idle_timeout"})
# What changes while the sandbox runs; the rest wants a restart, which keeps the workspace.
LIVE = frozenset(NAMES) - {"disk_limit", "open_files", "tmp_limit", "shm_limit"}


def read_limits(
    given: Mapping[str, Any] | None, *, base: Limits | None = None, ceiling: Limits = CEILING
) -> Limits:
    """The limits `given` by name over `base`; raises Invalid, naming each field that is wrong.

    `ceiling` is what the site allows, itself never above CEILING.
    """
    base = base or Limits()
    values = dict(given or {})
    faults = {name: [_("There is no such limit.")] for name in sorted(set(values) - set(NAMES))}
    for name in NAMES:
        if name in values and (fault := _fault(name, values[name], ceiling)):
            faults[name] = [fault]
    if faults:
        raise Invalid(_("Some limits are not possible."), code="bad_limits", errors=faults)
    found = replace(base, **values)
    if found.tmp_limit + found.shm_limit > found.memory_limit:
        fault = _("The limits of tmp and of shared memory count as memory: together they may not be larger.")
        raise Invalid(_("Some limits are not possible."), code="bad_limits", errors={"memory_limit": [fault]})
    return found


def changed(before: Limits, after: Limits) -> tuple[list[str], list[str]]:
    """The names of the limits that differ: those that change live, and those that want a restart."""
    names = [name for name in NAMES if getattr(before, name) != getattr(after, name)]
    return [name for name in names if name in LIVE], [name for name in names if name not in LIVE]


def _fault(name: str, value: Any, ceiling: Limits) -> str:
    """What is wrong with a limit, or ""."""
    if value is None:
        allowed = name in OPTIONAL and getattr(ceiling, name) is None
        return "" if allowed else _("This limit is needed here.")
    if isinstance(value, bool) or not isinstance(value, int):
        return _("This is not a whole number.")
    low, high = getattr(FLOOR, name), getattr(CEILING, name)
    high = min(high, getattr(ceiling, name) or high)
    if low <= value <= high:
        return ""
    return _("Choose a number from %(low)d to %(high)d.") % {"low": low, "high": high}
