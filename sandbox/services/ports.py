"""Ports of sandboxes that may be reached from outside."""

from typing import Any

from ..models import Sandbox, SandboxPort


def add_port(
    *, sandbox: Sandbox, by: Any, container_port: int, protocol: str = "tcp", description: str = ""
) -> SandboxPort:
    """Let a port be reached through the site's proxy, from now on; raises Invalid or Conflict.

    Ports published on loopback are named when the sandbox is made, and only then.
    """
    raise NotImplementedError


def remove_port(*, port: SandboxPort, by: Any) -> None:
    """Close the way to a port; raises Conflict for a published one, which is the container's own."""
    raise NotImplementedError
