"""Which system calls a sandbox may make: the seccomp profile of its container, made from `syscall_policy`.

The list of allowed calls is our own; everything else answers EPERM, as with Docker's own profile. Some
calls can never be allowed: each is a way to the host's kernel, to other processes, or to more rights.
Policy: `{"profile": "default" | "strict", "allow": [names], "deny": [names]}`; deny wins.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from .calls import DEFAULT, ESSENTIAL, NEVER, ON_DEMAND, STRICT_LESS

EPERM, ENOSYS = 1, 38
# CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET: clone makes threads and processes
NAMESPACE_FLAGS = 0x7E020000
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_RAW = 3
SOCK_TYPE_MASK = 0xF
NETLINK_ROUTE = 0
RLIMIT_CORE, RLIMITS = 4, 16
# Large pages come from a pool of the machine's that no container's memory limit counts: which argument of the
# call asks for them, with which bit (MAP_HUGETLB, MFD_HUGETLB, SHM_HUGETLB).
LARGE_PAGES = {"mmap": (3, 0x40000), "memfd_create": (1, 0x4), "shmget": (2, 0o4000)}
# personality(2): what a process may ask of itself is only to be plain Linux, or to say what it is
PERSONALITIES = (0x0, 0xFFFFFFFF)
# No 32-bit calls: their `socketcall` keeps its arguments in memory, where a filter cannot look at them.
ARCHITECTURES: list[dict[str, Any]] = [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
]
PROFILES = ("default", "strict")
MAX_NAMES = 400


def seccomp_json(policy: Mapping[str, Any] | None) -> str:
    """The profile as text for Docker's `seccomp=`; the same policy gives the same text. Raises Invalid."""
    allowed = allowed_calls(policy)
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": ARCHITECTURES,
        "syscalls": [
            {"names": sorted(allowed - _CONDITIONAL), "action": "SCMP_ACT_ALLOW"},
            # glibc then falls back to clone, whose flags can be looked at
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            *_conditions(allowed),
        ],
    }
    return json.dumps(profile, sort_keys=True, separators=(",", ":"))


def allowed_calls(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """The names of the calls that a policy leaves; raises Invalid, naming what is wrong."""
    given = dict(policy or {})
    faults = [
        _("There is no field “%(name)s” here.") % {"name": name}
        for name in sorted(set(given) - {"profile", "allow", "deny"})
    ]
    profile = given.get("profile") or "default"
    if profile not in PROFILES:
        faults.append(_("The profile is “default” or “strict”."))
    allow, deny = _names(given.get("allow"), faults), _names(given.get("deny"), faults)
    if never := sorted(allow & NEVER):
        faults.append(_("These calls can never be allowed: %(names)s.") % {"names": ", ".join(never)})
    if unknown := sorted((allow | deny) - DEFAULT - ON_DEMAND - NEVER):
        faults.append(_("There are no such calls: %(names)s.") % {"names": ", ".join(unknown)})
    if needed := sorted(deny & ESSENTIAL):
        faults.append(_("Nothing can run without these calls: %(names)s.") % {"names": ", ".join(needed)})
    if faults:
        raise Invalid(
            _("This policy of system calls is not possible."),
            code="bad_syscall_policy",
            errors={"syscall_policy": faults},
        )
    base = DEFAULT - STRICT_LESS if profile == "strict" else DEFAULT
    return frozenset((base | allow) - deny - NEVER)


_CONDITIONAL = frozenset({"clone", "socket", "personality", "setrlimit", "prlimit64", *LARGE_PAGES})


def _names(value: Any, faults: list[str]) -> set[str]:
    if value is None:
        return set()
    if not isinstance(value, list) or len(value) > MAX_NAMES or not all(isinstance(n, str) for n in value):
        faults.append(_("Names of calls stand in a list of texts."))
        return set()
    return set(value)


def _conditions(allowed: frozenset[str]) -> list[dict[str, Any]]:
    """Rules for calls that depend on their arguments."""
    rules: list[dict[str, Any]] = []
    if "clone" in allowed:
        rules.append(_when("clone", _argument(0, NAMESPACE_FLAGS, "SCMP_CMP_MASKED_EQ", 0)))
    if "personality" in allowed:
        rules += [_when("personality", _argument(0, value, "SCMP_CMP_EQ")) for value in PERSONALITIES]
    # 1 is the one limit with which the kernel starts no program of the host's for a crash: it stays so
    for name, place in (("setrlimit", 0), ("prlimit64", 1)):
        if name in allowed:
            rules += [
                _when(name, _argument(place, kind, "SCMP_CMP_EQ"))
                for kind in range(RLIMITS)
                if kind != RLIMIT_CORE
            ]
    rules += [
        _when(name, _argument(place, bit, "SCMP_CMP_MASKED_EQ", 0))
        for name, (place, bit) in LARGE_PAGES.items()
        if name in allowed
    ]
    if "prlimit64" in allowed:
        rules.append(_when("prlimit64", _argument(2, 0, "SCMP_CMP_EQ")))  # only asks
    if "socket" in allowed:
        rules.append(_when("socket", _argument(0, AF_UNIX, "SCMP_CMP_EQ")))
        rules += [
            _when(
                "socket",
                _argument(0, family, "SCMP_CMP_EQ"),
                _argument(1, SOCK_TYPE_MASK, "SCMP_CMP_MASKED_EQ", kind),
            )
            for family in (AF_INET, AF_INET6)
            for kind in (1, 2)  # SOCK_STREAM, SOCK_DGRAM
        ]
        # the list of interfaces (getifaddrs) comes from here; changing them would need a capability
        rules.append(
            _when(
                "socket", _argument(0, AF_NETLINK, "SCMP_CMP_EQ"), _argument(2, NETLINK_ROUTE, "SCMP_CMP_EQ")
            )
        )
    return rules


def _when(name: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": list(arguments)}


def _argument(index: int, value: int, operator: str, second: int = 0) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": second, "op": operator}
