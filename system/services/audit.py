"""The audit trail: who did what. It stands in the log, written in the transaction of the deed itself."""

from typing import Any

from agi_site.lib.request_context import origin

from ..models import Log, LogLevel
from ..redact import redact


def audit(*, component: str, message: str, by: Any) -> Log:
    """Record a deed, with which it commits or not at all; `by` is who did it, None for the system."""
    here = origin()
    actor = getattr(by, "pk", None)
    said = f"{message} (by {by})" if actor is not None else f"{message} (by the system)"
    line: Log = Log.objects.create(
        level=LogLevel.INFO,
        component=component[:100],
        message=redact(said),
        user_id=actor if actor is not None else here.user_id,
        session_id=here.session_id,
        request_id=here.request_id,
    )
    return line
