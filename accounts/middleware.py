"""Who is asking: the session row named by the cookie decides, on every request."""

from django.contrib.auth.middleware import AuthenticationMiddleware


class SessionRowMiddleware(AuthenticationMiddleware):
    """Sets `request.user` and `request.session_row`."""

    def process_request(self, request):
        super().process_request(request)
        request.session_row = None
