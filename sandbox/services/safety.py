"""How strongly a sandbox is locked down, in plain words: for pages and programs."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..engine.isolation import isolation_of
from ..models import Sandbox
from ..policy.network import NetworkPolicy, Rule, read_network_policy
from ..policy.syscalls import allowed_calls

NAMED_RULES = 10


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that is locked, or open: a slug for programs, a sentence for people."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Safety:
    """`level`: 1 shares the host's kernel, 2 has one in user space, 3 is a virtual machine, 0 is unknown."""

    level: int
    runtime: str
    text: str
    points: tuple[Point, ...]


def safety_of(sandbox: Sandbox) -> Safety:
    """What keeps a sandbox from its host, from other sandboxes and from the network.

    `Sandbox.objects.with_parts()` loads what is needed in one query.
    """
    found = isolation_of(_runtime(sandbox))
    security = getattr(sandbox, "security", None)
    points = (
        Point(
            "rights",
            _("Commands run as an ordinary user, without capabilities, and no program gains them rights."),
        ),
        Point("files", _("Only the workspace and the folders for temporary files can be written.")),
        Point("system_calls", _calls(getattr(security, "syscall_policy", None))),
        Point("network", _network(getattr(security, "network_policy", None))),
        Point("mounts", _mounts(getattr(security, "mount_policy", None))),
    )
    return Safety(found.level, found.runtime, found.text, points)


def _runtime(sandbox: Sandbox) -> str:
    """The runtime that the container has, or will have."""
    instance, template, host = getattr(sandbox, "instance", None), sandbox.template, sandbox.host
    chosen = [
        ((instance.spec if instance else None) or {}).get("runtime"),
        (sandbox.config or {}).get("runtime"),
        ((template.security_config if template else None) or {}).get("runtime"),
        ((host.info if host else None) or {}).get("default_runtime"),
    ]
    return next((name for name in chosen if isinstance(name, str) and name), "runc")


def _calls(policy: Any) -> str:
    try:
        count = len(allowed_calls(policy))
    except Invalid as problem:
        return str(problem.message)
    if (policy or {}).get("profile") == "strict":
        return _("A strict list lets %(count)d system calls through; all others are refused.") % {
            "count": count
        }
    return _("%(count)d system calls are let through; all others are refused.") % {"count": count}


def _network(given: Any) -> str:
    try:
        policy = read_network_policy(given)
    except Invalid as problem:
        return str(problem.message)
    if not policy.needs_network:
        return _("No network at all.")
    if policy.open:
        return _("The public internet can be reached; private addresses and the host cannot, unless named.")
    return _("Only this can be reached: %(places)s.") % {"places": _places(policy)}


def _places(policy: NetworkPolicy) -> str:
    named = ", ".join(_place(rule) for rule in policy.allow[:NAMED_RULES])
    return named + (" …" if len(policy.allow) > NAMED_RULES else "")


def _place(rule: Rule) -> str:
    where = rule.host or str(rule.network).removesuffix("/32").removesuffix("/128")
    if rule.first is None:
        return where
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    return f"{where}:{ports}"


def _mounts(policy: Any) -> str:
    mounts = (policy or {}).get("mounts") if isinstance(policy, dict) else None
    if not mounts:
        return _("No folder of the host is visible.")
    count = len(mounts)
    return _("Folders of the host that are visible: %(count)d.") % {"count": count}
