"""Which folders of a host a sandbox may see: `mount_policy`, held against the roots that the site allows.

And its capabilities: none.

    {"mounts": [{"source": "/srv/data/books", "target": "/data/books", "read_only": true}]}

Read-only unless `"read_only": false` is said. Sources lie below one of SANDBOX_MOUNT_ROOTS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

MAX_MOUNTS = 16
# Where the container keeps its own.
TAKEN = ("/.agi", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/var")
# Folders with a limit of their own: below them a folder of the host may stand.
COVERED = ("/", "/tmp", "/workspace")  # noqa: S108


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the host at `source`, seen at `target`."""

    source: str
    target: str
    read_only: bool = True


def read_mounts(given: Mapping[str, Any] | None, *, roots: Sequence[str]) -> tuple[Mount, ...]:
    """The mounts of a policy; raises Invalid that says which one is wrong."""
    policy = dict(given or {})
    faults = [
        _("There is no field “%(name)s” here.") % {"name": name} for name in sorted(set(policy) - {"mounts"})
    ]
    listed = policy.get("mounts") or []
    if not isinstance(listed, list) or len(listed) > MAX_MOUNTS:
        faults.append(_("The mounts stand in a list of at most %(most)d.") % {"most": MAX_MOUNTS})
        listed = []
    found = []
    for number, entry in enumerate(listed, 1):
        try:
            found.append(_mount(entry, roots))
        except ValueError as error:
            faults.append(_("Mount %(number)d: %(fault)s") % {"number": number, "fault": error})
    if len({mount.target for mount in found}) < len(found):
        faults.append(_("Two mounts have the same target."))
    if faults:
        raise Invalid(
            _("This mount policy is not possible."), code="bad_mount_policy", errors={"mount_policy": faults}
        )
    return tuple(found)


def read_capabilities(given: Any) -> list[str]:
    """The capabilities of a sandbox: an empty list, whatever the policy; raises Invalid for anything else."""
    if given is None or given == []:
        return []
    raise Invalid(
        _("Sandboxes have no capabilities."),
        code="bad_capabilities",
        errors={"capabilities": [_("Only an empty list is possible: each capability opens the host.")]},
    )


def _mount(given: Any, roots: Sequence[str]) -> Mount:
    """One mount; raises ValueError with a sentence."""
    if not isinstance(given, dict) or set(given) - {"source", "target", "read_only"}:
        raise ValueError(_("A mount has “source” and “target”, and may have “read_only”."))
    source, target = _path(given.get("source")), _path(given.get("target"))
    if not any(source.is_relative_to(root) for root in roots):
        raise ValueError(_("This folder is not below one that the site allows."))
    if str(target) in COVERED or any(target.is_relative_to(taken) for taken in TAKEN):
        raise ValueError(_("A folder of the host cannot stand there."))
    read_only = given.get("read_only", True)
    if not isinstance(read_only, bool):
        raise ValueError(_("“read_only” is true or false."))
    return Mount(str(source), str(target), read_only)


def _path(value: Any) -> PurePosixPath:
    if not isinstance(value, str) or not value.startswith("/") or len(value) > 255:
        raise ValueError(_("Source and target are absolute paths."))
    path = PurePosixPath(value)
    if ".." in path.parts or any(not letter.isprintable() or letter in ":,\\" for letter in value):
        raise ValueError(_("Source and target are plain paths, without “..”, colons or commas."))
    return path
