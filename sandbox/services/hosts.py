"""Hosts, as operators steer them."""

from typing import Any

from ..models import SandboxHost


def drain_host(*, host: SandboxHost, by: Any) -> SandboxHost:
    """Place nothing new on a host and give up its warm instances; what people have there stays."""
    raise NotImplementedError


def activate_host(*, host: SandboxHost, by: Any) -> SandboxHost:
    """Use a drained host again."""
    raise NotImplementedError
