"""Templates: what their columns mean, and which images they may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..models import SandboxImage, SandboxImageBuild, SandboxTemplate
from ..policy.limits import Limits


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a sandbox of a template gets when nothing else is asked for."""

    limits: Limits
    security: dict[str, Any]
    env: dict[str, str]
    pool_min: int
    pool_max: int


def defaults_of(template: SandboxTemplate) -> Defaults:
    """Read a template's three configs; raises Invalid when an operator stored something impossible.

    `resource_config` has limits by name; `security_config` has "network_policy", "syscall_policy",
    "mount_policy", "runtime"; `config` has {"env": {name: value}, "workspace": "disk" | "memory",
    "pool": {"min": 1, "max": 8}, "languages": ["python", …]}.
    """
    raise NotImplementedError


def add_template(*, by: Any, values: Mapping[str, Any]) -> SandboxTemplate:
    """Store a template, `values` by the columns' names; raises Forbidden or Invalid (an image not allowed)."""
    raise NotImplementedError


def change_template(*, template: SandboxTemplate, by: Any, values: Mapping[str, Any]) -> SandboxTemplate:
    """Change what is given; sandboxes that stand keep what they have. Raises Forbidden or Invalid."""
    raise NotImplementedError


def allow_image(
    *, by: Any, name: str, tag: str = "latest", digest: str = "", description: str = ""
) -> SandboxImage:
    """Put an image on the allow-list, by name and tag or by digest; raises Forbidden or Invalid."""
    raise NotImplementedError


def set_image_active(*, image: SandboxImage, by: Any, active: bool) -> SandboxImage:
    """Allow an image, or no longer; raises Forbidden."""
    raise NotImplementedError


def build_image(*, image: SandboxImage, by: Any, dockerfile: str) -> SandboxImageBuild:
    """Queue a build on a host; its log comes on `channels.build_channel(id)`. Raises Forbidden or Invalid."""
    raise NotImplementedError
