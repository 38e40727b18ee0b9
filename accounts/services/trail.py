"""Every change of people, roles and sessions leaves a line in the log."""

from typing import Any

from system import services as system_services


def audit(message: str, *, by: Any) -> None:
    """Record `message`; `by` is the person who acted, None for the system itself."""
    system_services.audit(component="accounts", message=message, by=by)
