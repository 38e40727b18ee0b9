"""REST verbs of signing up, in and out, and of passwords. A token is a session's, and ends with it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agi_site.lib.api.schema import problems

from . import services
from .api import UserSerializer
from .devices import address_of, user_agent_of


class PasswordField(serializers.CharField):
    """A password as it was typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1000, trim_whitespace=False, write_only=True, **kwargs)


class TokenRequestSerializer(serializers.Serializer[Any]):
    """Who wants a token."""

    username = serializers.CharField(max_length=100)
    password = PasswordField()


class TokenSerializer(serializers.Serializer[Any]):
    """A token, told this once."""

    token = serializers.CharField(help_text="Send it as `Authorization: Bearer <token>`.")
    expires_at = serializers.DateTimeField(source="session.expires_at")
    session = serializers.CharField(source="session.pk", help_text="The id of its session.")


class SignUpSerializer(serializers.Serializer[Any]):
    """A new account."""

    username = serializers.CharField(max_length=100)
    email = serializers.EmailField(max_length=100)
    nickname = serializers.CharField(max_length=50, required=False, allow_blank=True, default="")
    password = PasswordField()


class PasswordChangeSerializer(serializers.Serializer[Any]):
    """The current password and a new one."""

    current = PasswordField()
    new = PasswordField()


class PasswordResetSerializer(serializers.Serializer[Any]):
    """Where to send the link."""

    email = serializers.EmailField(max_length=100)


class PasswordResetConfirmSerializer(serializers.Serializer[Any]):
    """The two parts of the link, and the new password."""

    uid = serializers.CharField(max_length=100)
    token = serializers.CharField(max_length=100)
    new = PasswordField()


def _given(serializer_class: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class _OpenView(APIView):
    """For those who are not signed in; a stale token in the request does not stand in their way."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class TokenView(APIView):
    """Tokens of programs."""

    def get_authenticators(self) -> list[Any]:
        """Nobody needs a token to ask for one."""
        return [] if self._asks_for_one() else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        """Anyone may ask for a token; who ends one has to show it."""
        return [AllowAny()] if self._asks_for_one() else [IsAuthenticated()]

    @extend_schema(
        request=TokenRequestSerializer, responses={201: TokenSerializer, **problems(400, 429)}, auth=[]
    )
    def post(self, request: Request) -> Response:
        """Sign a program in by name and password; the token works until it expires or is revoked."""
        signed_in = services.issue_token(
            **_given(TokenRequestSerializer, request),
            address=address_of(request._request),
            user_agent=user_agent_of(request._request),
        )
        return Response(TokenSerializer(signed_in).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None, **problems(401, 403, 429)})
    def delete(self, request: Request) -> Response:
        """Sign out: the token that asks stops working."""
        session = getattr(request, "session_row", None)
        if session is not None:
            services.sign_out(session=session)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _asks_for_one(self) -> bool:
        return self.request is not None and self.request.method == "POST"


class SignUpView(_OpenView):
    """New accounts."""

    @extend_schema(request=SignUpSerializer, responses={201: UserSerializer, **problems(400, 403, 429)})
    def post(self, request: Request) -> Response:
        """Make an account with the role `user`; 403 where sign-up is closed."""
        given = _given(SignUpSerializer, request)
        user = services.sign_up(**given, address=address_of(request._request))
        return Response(UserSerializer(user).data, status=status.HTTP_201_CREATED)


class PasswordView(APIView):
    """One's own password."""

    @extend_schema(request=PasswordChangeSerializer, responses={204: None, **problems(400, 401, 403, 429)})
    def post(self, request: Request) -> Response:
        """Change it; all sessions end but the one that asks."""
        keep = getattr(request, "session_row", None)
        services.change_password(user=request.user, keep=keep, **_given(PasswordChangeSerializer, request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetView(_OpenView):
    """A link by e-mail for those who forgot their password."""

    @extend_schema(request=PasswordResetSerializer, responses={202: None, **problems(400, 429)})
    def post(self, request: Request) -> Response:
        """Send it, if an account has this address; the answer does not tell."""
        services.request_password_reset(
            **_given(PasswordResetSerializer, request),
            base_url=f"{request.scheme}://{request.get_host()}",
            address=address_of(request._request),
        )
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(_OpenView):
    """A new password by the link from the e-mail."""

    @extend_schema(request=PasswordResetConfirmSerializer, responses={204: None, **problems(400, 429)})
    def post(self, request: Request) -> Response:
        """Set it; all sessions end, and the link works no more."""
        services.reset_password(**_given(PasswordResetConfirmSerializer, request))
        return Response(status=status.HTTP_204_NO_CONTENT)
