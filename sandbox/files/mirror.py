"""The table `sandbox_file` as a mirror of the workspace."""

from ..models import Sandbox


def refresh_soon(sandbox: Sandbox | str) -> None:
    """Let a worker bring the mirror up to date in about a second; many calls become one refresh."""
    raise NotImplementedError
