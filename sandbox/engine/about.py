"""What an engine is and can do, in figures and plain sentences: for operators, and for placing sandboxes."""

import platform
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from .errors import EngineError
from .isolation import isolation_of

if TYPE_CHECKING:
    from .host import DockerHost

# Docker lists the shims of its own runtime beside those one can choose.
SHIMS = ("io.containerd.",)


def about_engine(host: "DockerHost") -> dict[str, Any]:
    """See `DockerHost.info`."""
    info = host.client.call("GET", "/info")
    missing = []
    if not any("seccomp" in option for option in info.get("SecurityOptions") or ()):
        missing.append(_("This engine filters no system calls (seccomp)."))
    missing += [
        _("This engine does not limit %(what)s.") % {"what": what}
        for name, what in (
            ("MemoryLimit", pgettext("computer", "memory")), ("SwapLimit", _("swap")),
            ("CpuCfsQuota", _("processor time")), ("CPUSet", _("processors")), ("PidsLimit", _("processes")),
        )
        if info.get(name) is False
    ]  # fmt: skip
    if (machine := platform.machine()) != info["Architecture"]:
        missing.append(
            _("The engine's machine is %(theirs)s and the worker's %(ours)s: the runner cannot run there.")
            % {"theirs": info["Architecture"], "ours": machine}
        )
    can, words = _helper(host)
    if any(name in option for option in info.get("SecurityOptions") or () for name in ("userns", "rootless")):
        can["disk"] = False
        words.append(_("This engine moves user numbers (userns), so workspaces live in memory."))
    return {
        "cpus": info["NCPU"],
        "memory": info["MemTotal"],
        "version": info["ServerVersion"],
        "storage": info["Driver"],
        "cgroup": str(info.get("CgroupVersion") or "1"),
        "kernel": info["KernelVersion"],
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "default_runtime": info["DefaultRuntime"],
        "runtimes": _runtimes(info),
        "can": can,
        "missing": missing + words,
    }


def _runtimes(info: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in sorted(info["Runtimes"]):
        if not name.startswith(SHIMS):
            isolation = isolation_of(name)
            found[name] = {"level": isolation.level, "text": isolation.text}
    return found


def _helper(host: "DockerHost") -> tuple[dict[str, bool], list[str]]:
    """What the helper makes possible, and sentences on what is missing."""
    nothing = {"disk": False, "network": False, "rate": False, "mounts": False}
    try:
        host.ensure_ready()
        answer = host.helper.ask("about")
    except EngineError as error:
        return nothing, [
            _("The helper does not run, so there are no disks and no networks: %(why)s") % {"why": error}
        ]
    can = nothing | answer["can"] | {"mounts": True}
    sentences = {
        "disk": _(
            "Workspaces live in memory, and end with a stop: the helper has no loop devices or no e2fsprogs."
        ),
        "network": _("Sandboxes have no network: the helper has no nftables."),
        "rate": _("The rate of networks has no limit: the helper has no iproute2."),
        "mounts": _("Folders of the host cannot be mounted."),
    }
    return can, [text for name, text in sentences.items() if not can[name]]
