"""Errors that people and programs can act on; a service raises them, a door presents them (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _


class Problem(Exception):
    """Something that stops a request, said so that its reader knows what to do.

    `code` is a slug for programs, `message` a sentence for people, `errors` maps a field to its faults.
    """

    status = 400
    code = "invalid"
    title: Any = _("The request cannot be carried out.")

    def __init__(
        self, message: Any = "", *, code: str = "", errors: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        self.message = message or self.title
        self.code = code or self.code
        self.errors = {field: list(faults) for field, faults in (errors or {}).items()}
        super().__init__(str(self.message))


class Invalid(Problem):
    """The input breaks a rule."""

    status, code, title = 400, "invalid", _("Please correct the input and try again.")


class Forbidden(Problem):
    """The person is known but may not do this."""

    status, code, title = 403, "forbidden", _("Your roles do not allow this. Ask an administrator.")


class NotFound(Problem):
    """There is no such row for this person."""

    status, code, title = 404, "not_found", _("This does not exist, or it is not yours.")


class Conflict(Problem):
    """The row is in a state that does not allow this now."""

    status, code, title = 409, "conflict", _("This changed meanwhile. Reload and try again.")


class TooLarge(Problem):
    """The input is larger than what is taken at once."""

    status, code, title = 413, "too_large", _("This is too large to be taken at once.")


class TooMany(Problem):
    """A limit was reached; `retry_after` says in how many seconds to try again."""

    status, code, title = 429, "too_many", _("Too many attempts. Wait a moment and try again.")

    def __init__(self, message: Any = "", *, retry_after: int = 60, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Unavailable(Problem):
    """A part the request needs does not answer."""

    status, code, title = 503, "unavailable", _("A part of the system does not answer. Try again shortly.")
