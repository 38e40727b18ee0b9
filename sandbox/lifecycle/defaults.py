"""What a template gives a sandbox, read from its columns: limits, policies, environment, and its pool."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid

from ..engine.spec import DISK, MEMORY, InstanceSpec
from ..models import SandboxTemplate
from ..policy.limits import Limits, read_limits
from ..policy.mounts import read_mounts
from ..policy.network import read_network_policy
from ..policy.syscalls import allowed_calls
from . import specs

SECURITY_FIELDS = ("network_policy", "syscall_policy", "mount_policy", "runtime")
MOST_WARM = 256
LONGEST_LIFE = 366 * 24 * 3600  # seconds
MOST_VARIABLES, LONGEST_VALUE = 100, 32_768
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a sandbox of a template gets when nothing else is asked for."""

    limits: Limits
    security: dict[str, Any]
    env: dict[str, str]
    workspace: str
    expires_in: int | None
    pool_min: int
    pool_max: int

    def spec(self, template: SandboxTemplate) -> InstanceSpec:
        """What the pool keeps warm for the template."""
        return specs.spec_of_template(template, self.limits, self.security, self.workspace)


def defaults_of(template: SandboxTemplate) -> Defaults:
    """Read a template's three configs; raises Invalid when an operator stored something impossible.

    `resource_config` has limits by name; `security_config` has "network_policy", "syscall_policy",
    "mount_policy", "runtime"; `config` has {"env": {name: value}, "workspace": "disk" | "memory",
    "pool": {"min": 1, "max": 8}, "languages": ["python", …], "expires_in": seconds}.
    """
    config = dict(template.config or {})
    workspace = config.get("workspace") or DISK
    if workspace not in (DISK, MEMORY):
        raise Invalid(errors={"config": [_("The workspace is “disk” or “memory”.")]})
    expires_in = config.get("expires_in")
    if expires_in is not None and not (type(expires_in) is int and 1 <= expires_in <= LONGEST_LIFE):
        raise Invalid(errors={"config": [_("“expires_in” is a number of seconds.")]})
    languages = config.get("languages") or []
    if not isinstance(languages, list) or not all(isinstance(name, str) for name in languages):
        raise Invalid(errors={"config": [_("“languages” is a list of names.")]})
    pool_min, pool_max = _pool(config.get("pool"))
    return Defaults(
        limits=read_limits(template.resource_config),
        security=checked_security(template.security_config),
        env=checked_env(config.get("env")),
        workspace=workspace,
        expires_in=expires_in,
        pool_min=pool_min,
        pool_max=pool_max,
    )


def checked_security(
    given: Mapping[str, Any] | None, *, base: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The policies in `given` over those in `base`, each read once; raises Invalid."""
    values = {**(base or {}), **(given or {})}
    if unknown := sorted(set(values) - set(SECURITY_FIELDS)):
        raise Invalid(errors={name: [_("There is no such policy.")] for name in unknown})
    for name in SECURITY_FIELDS[:3]:
        if values.get(name) is not None and not isinstance(values[name], dict):
            raise Invalid(errors={name: [_("A policy is a JSON object.")]})
        plain_json.check(values.get(name), field=name, max_text=100_000)
    read_network_policy(values.get("network_policy"))
    allowed_calls(values.get("syscall_policy"))
    read_mounts(values.get("mount_policy"), roots=settings.SANDBOX_MOUNT_ROOTS)
    runtime = values.get("runtime") or ""
    if not isinstance(runtime, str) or len(runtime) > 50:
        raise Invalid(errors={"runtime": [_("A runtime is given by its name.")]})
    return {name: values.get(name) or ({} if name != "runtime" else "") for name in SECURITY_FIELDS}


def checked_env(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Environment variables as text; raises Invalid. Values never stand in an error."""
    values = dict(given or {})
    faults = []
    if len(values) > MOST_VARIABLES:
        faults.append(_("At most %(most)d variables.") % {"most": MOST_VARIABLES})
    for name, value in values.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            faults.append(_("“%(name)s” cannot be the name of a variable.") % {"name": str(name)[:100]})
        elif not isinstance(value, str) or len(value) > LONGEST_VALUE or plain_json.fault_in_text(value):
            faults.append(
                _("The value of “%(name)s” is no text, or too long.") % {"name": name, "most": LONGEST_VALUE}
            )
    if faults:
        raise Invalid(_("This environment is not possible."), code="bad_env", errors={"env": faults})
    return values


def _pool(given: Any) -> tuple[int, int]:
    values: Any = {} if given is None else given
    known = isinstance(values, dict) and not set(values) - {"min", "max"}
    low, high = (values.get("min", 1), values.get("max", 8)) if known else (-1, -1)
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= MOST_WARM for n in (low, high)):
        raise Invalid(
            errors={"config": [_("The pool has “min” and “max” from 0 to %(most)d.") % {"most": MOST_WARM}]}
        )
    return low, max(low, high)
