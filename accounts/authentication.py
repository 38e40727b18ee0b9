"""Who is asking over REST: a bearer token, or the page's own session."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from . import services


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`; the token is a session's."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        session = services.authenticate_token(token.strip())
        if session is None:
            raise exceptions.AuthenticationFailed(
                _("This token is unknown, revoked or expired. Sign in again.")
            )
        request._request.session_row = session
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class PageSessionAuthentication(authentication.SessionAuthentication):
    """The signed-in page's cookie, with its CSRF token."""
