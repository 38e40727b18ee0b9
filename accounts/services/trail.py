"""Every change of people, roles and sessions leaves a line in the log."""

from typing import Any


def audit(message: str, *, by: Any) -> None:
    """Record `message`; `by` is the person who acted, None for the system itself."""
    try:
        from system.services import audit as write
    except ImportError:
        return
    write(component="accounts", message=message, by=by)
