"""Streams in the full stack, everything when embedded, served by ASGI.

Ports of sandboxes are hosts of their own and terminals are WebSockets: both are answered before Django.
"""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
django_application = get_asgi_application()

from sandbox.proxy import is_for_a_port, port_proxy  # noqa: E402 - Django has to be set up first
from sandbox.ws import terminal_socket  # noqa: E402


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Give a request to the one who answers it."""
    if scope["type"] in ("http", "websocket") and is_for_a_port(scope):
        await port_proxy(scope, receive, send)
    elif scope["type"] == "websocket":
        await terminal_socket(scope, receive, send)
    else:
        await django_application(scope, receive, send)
