"""The page's cookie: signed by Django, and carrying no more than the token of a session row.

The row decides who is asking (docs/adr/0003-sessions-are-rows.md).
"""

from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token

from . import services
from .devices import address_of, user_agent_of
from .models import Session, User

TOKEN_KEY = "token"  # noqa: S105 - the name under which the cookie carries it


def remember(request: HttpRequest, signed_in: services.SignedIn) -> None:
    """Make this browser the device of `signed_in`; whatever an anonymous visitor had there is dropped."""
    request.session.flush()
    request.session[TOKEN_KEY] = signed_in.token
    rotate_token(request)
    _act_as(request, signed_in.session.user, signed_in.session)


def forget(request: HttpRequest) -> None:
    """Make this browser a visitor's again."""
    request.session.flush()
    _act_as(request, AnonymousUser(), None)


def load(request: HttpRequest) -> User | AnonymousUser:
    """Find out who is asking, in one query; also sets `request.session_row`."""
    if not hasattr(request, "_cached_user"):
        token = request.session.get(TOKEN_KEY)
        row = services.authenticate_token(token, slide=True) if isinstance(token, str) else None
        if row is not None and row.moved:  # so that the cookie lasts as long as its row
            request.session.modified = True
        request.session_row = row
        request._cached_user = row.user if row else AnonymousUser()
    user: User | AnonymousUser = request._cached_user
    return user


def has_ended(request: HttpRequest) -> bool:
    """Whether this visitor's browser still carries a session that ended without a sign-out here."""
    return not request.user.is_authenticated and TOKEN_KEY in request.session


def keep_row_of_django_login(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    """Make a row for a sign-in that did not come through our own page (Django's `login()`)."""
    if request is None:
        return
    signed_in = services.open_session(
        user=user,
        address=address_of(request),
        user_agent=user_agent_of(request),
        seconds=settings.SESSION_COOKIE_AGE,
    )
    for key in (auth.SESSION_KEY, auth.BACKEND_SESSION_KEY, auth.HASH_SESSION_KEY):
        request.session.pop(key, None)
    request.session[TOKEN_KEY] = signed_in.token
    request.session_row = signed_in.session


def end_row_of_django_logout(sender: Any, request: HttpRequest | None, **_: Any) -> None:
    """End the row of a sign-out that did not come through our own page (Django's `logout()`)."""
    token = request.session.get(TOKEN_KEY) if request is not None else None
    row = services.authenticate_token(token) if isinstance(token, str) else None
    if row is not None:
        services.sign_out(session=row)


def _act_as(request: HttpRequest, user: User | AnonymousUser, row: Session | None) -> None:
    request.user = request._cached_user = user
    request.session_row = row


def set_language_cookie(response: HttpResponse, language: str) -> None:
    """Show pages in the person's language from now on; "" leaves it to the browser."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )
