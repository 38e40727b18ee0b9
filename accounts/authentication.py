"""Who is asking over REST: a bearer token, or the page's own session."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from . import services


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`; the token is a session's."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The token's person and session; None when the request carries no bearer token."""
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
        """The challenge of a 401 answer."""
        return self.keyword


class PageSessionAuthentication(authentication.SessionAuthentication):
    """The signed-in page's cookie, with its CSRF token."""


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the bearer token."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme object."""
        return {"type": "http", "scheme": "bearer", "description": "A token from POST /api/v1/auth/token/."}


class PageSessionScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the page's cookie."""

    target_class = "accounts.authentication.PageSessionAuthentication"
    name = "page"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme object."""
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
