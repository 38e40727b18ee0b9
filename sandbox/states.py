"""The states of a sandbox and its legal moves, as data: which verb may be asked for in which state.

A verb is asked for by a person and done by a worker; while it is under way it stands in `sandbox.verb`. What
the engine does by itself (a container dies, a host is lost) are moves of the reconciler.
"""

from dataclasses import dataclass

from .models import Sandbox, SandboxStatus

CREATING, RUNNING, PAUSED, STOPPED, FAILED, DELETED = SandboxStatus


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb starts from, and where it ends when it went well."""

    name: str
    starts_from: frozenset[SandboxStatus]
    ends_in: SandboxStatus
    # whether it may be asked for while another verb is under way: a sandbox can always be destroyed
    any_time: bool = False


def _verb(
    name: str, starts_from: set[SandboxStatus], ends_in: SandboxStatus, *, any_time: bool = False
) -> Verb:
    return Verb(name, frozenset(starts_from), ends_in, any_time)


VERBS = {
    verb.name: verb
    for verb in (
        _verb("create", {CREATING}, RUNNING),
        _verb("start", {STOPPED, FAILED}, RUNNING),
        _verb("pause", {RUNNING}, PAUSED),
        _verb("resume", {PAUSED}, RUNNING),
        _verb("stop", {RUNNING, PAUSED}, STOPPED),
        _verb("restart", {RUNNING, PAUSED, STOPPED, FAILED}, RUNNING),
        # changes of limits and policy: live where Docker can, else a restart that keeps the workspace
        _verb("change", {RUNNING, STOPPED}, RUNNING),
        _verb("restore", {RUNNING}, RUNNING),
        _verb("delete", {CREATING, RUNNING, PAUSED, STOPPED, FAILED}, DELETED, any_time=True),
    )
}

# What the reconciler may find, and what it then writes.
FOUND = {
    CREATING: {RUNNING, FAILED},
    RUNNING: {STOPPED, PAUSED, FAILED},
    PAUSED: {RUNNING, STOPPED, FAILED},
    STOPPED: {RUNNING, FAILED},
    FAILED: {RUNNING, PAUSED, STOPPED},
    DELETED: set(),
}


def may(sandbox: Sandbox, verb: str) -> bool:
    """Whether `verb` may be asked for now."""
    rule = VERBS[verb]
    return sandbox.status in rule.starts_from and (rule.any_time or not sandbox.verb)


def verbs_of(sandbox: Sandbox) -> list[str]:
    """The verbs a person may ask for now, in the order in which a page shows them."""
    return [name for name in VERBS if name not in {"create", "restore"} and may(sandbox, name)]
