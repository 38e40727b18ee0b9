"""How strongly a container runtime keeps a sandbox from its host, in plain words."""

from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Isolation:
    """`level`: 1 shares the host's kernel, 2 a kernel of its own in user space, 3 a virtual machine, 0
    unknown.
    """

    runtime: str
    level: int
    text: str


def isolation_of(runtime: str) -> Isolation:
    """What a runtime's name, as the engine reports it, means for safety."""
    name = runtime.lower()
    if "kata" in name or "firecracker" in name:
        return Isolation(runtime, 3, _("A virtual machine of its own: the host's kernel is out of reach."))
    if "runsc" in name or "gvisor" in name:
        return Isolation(
            runtime, 2, _("A kernel of its own in user space (gVisor): few calls reach the host's kernel.")
        )
    if name in {"runc", "crun", "youki"} or "runc" in name:
        return Isolation(
            runtime,
            1,
            _("Shares the host's kernel, with filtered system calls, without capabilities, with limits."),
        )
    return Isolation(runtime, 0, _("Nothing is known about this runtime."))
