"""Sandboxes as people ask for them: made, moved by verbs, changed, extended. No engine is called here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..models import Sandbox, SandboxSnapshot, SandboxTemplate


def create_sandbox(
    *,
    owner: Any,
    template: SandboxTemplate,
    name: str = "",
    limits: Mapping[str, Any] | None = None,
    security: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    ports: Sequence[Mapping[str, Any]] = (),
    expires_in: int | None = None,
    origin: tuple[str, str] | None = None,
) -> Sandbox:
    """Make a sandbox of a template: `running` at once when a warm instance waits, else `creating`.

    `limits` by the names of policy.limits; `security` has "network_policy", "syscall_policy", "mount_policy",
    "runtime"; `ports` are {"container_port", "protocol", "published", "description"}; `expires_in` is seconds
    from now; `origin` is what it was made for, as (type, id). Raises Invalid, Conflict (the person's quota),
    TooMany (seconds of running), NotFound (a template that is switched off) or Unavailable (no host).
    """
    raise NotImplementedError


def do_verb(*, sandbox: Sandbox, verb: str, by: Any, **options: Any) -> Sandbox:
    """Ask for `start`, `pause`, `resume`, `stop`, `restart` or `delete`; a worker does it, `sandbox.verb` says so.

    Raises Conflict, which names what is possible now. `by` is None for the system itself.
    Deleting works at any time, and again and again.
    """
    raise NotImplementedError


def extend_sandbox(*, sandbox: Sandbox, by: Any, seconds: int | None) -> datetime | None:
    """Let it expire `seconds` from now, or (None) never; returns when. Raises Invalid or Conflict."""
    raise NotImplementedError


def rename_sandbox(*, sandbox: Sandbox, by: Any, name: str) -> Sandbox:
    """Give it another name; raises Invalid."""
    raise NotImplementedError


def change_limits(*, sandbox: Sandbox, by: Any, limits: Mapping[str, Any]) -> Sandbox:
    """Change limits of a running or stopped sandbox; what Docker cannot change live takes a restart.

    The restart keeps the workspace, and an event `restarted` says so. Raises Invalid or Conflict.
    """
    raise NotImplementedError


def change_policy(*, sandbox: Sandbox, by: Any, security: Mapping[str, Any]) -> Sandbox:
    """Change `network_policy`, `syscall_policy`, `mount_policy` or `runtime`, as `change_limits`."""
    raise NotImplementedError


def change_environment(*, sandbox: Sandbox, by: Any, env: Mapping[str, str]) -> Sandbox:
    """Replace the environment of what will be run from now on; values are sealed. Raises Invalid."""
    raise NotImplementedError


def clone_sandbox(
    *, sandbox: Sandbox, by: Any, name: str = "", snapshot: SandboxSnapshot | None = None
) -> Sandbox:
    """Another sandbox of the same recipe, with a copy of the workspace (as of now, or of a snapshot)."""
    raise NotImplementedError
