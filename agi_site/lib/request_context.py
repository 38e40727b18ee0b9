"""Which request is being answered, for those who are not handed it: the log and the audit trail."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something happened; each part is None where it is not known."""

    request_id: str | None = None
    user_id: int | None = None
    session_id: str | None = None


def origin() -> Origin:
    """The present request, its person and session. Asks no database: who is not known yet stays unknown."""
    request = current_request.get()
    if request is None:
        return Origin()
    user: Any = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        user = None
    session = request.__dict__.get("session_row")
    return Origin(
        request_id=request.__dict__.get("id"),
        user_id=getattr(user, "pk", None),
        session_id=getattr(session, "pk", None),
    )
