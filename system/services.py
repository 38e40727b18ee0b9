"""The public face of the system app: settings, audit, measurements, health."""

import logging
from typing import Any

audit_logger = logging.getLogger("audit")


def audit(*, component: str, message: str, by: Any) -> None:
    """Leave an audit record: who did what to which part."""
    extra = {"component": component, "user_id": getattr(by, "pk", None)}
    audit_logger.info("%s (by %s)", message, by or "the system", extra=extra)
