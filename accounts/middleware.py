"""Who is asking: the session row named by the cookie decides, on every request."""

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from . import cookies
from .models import User


class SessionRowMiddleware(AuthenticationMiddleware):
    """Sets `request.user`, `request.auser` and `request.session_row`.

    All three come from one query, made when the user is first looked at; every page that needs sign-in has
    done so before its view runs. `session_row` is None for visitors and until then.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Prepare to find out who is asking, without asking the database yet."""
        super().process_request(request)
        request.session_row = None
        request.user = SimpleLazyObject(lambda: cookies.load(request))

        async def auser() -> User | AnonymousUser:
            return await sync_to_async(cookies.load)(request)

        request.auser = auser
