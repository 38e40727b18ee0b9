"""Streams in the full stack, everything when embedded, served by ASGI.

Ports of sandboxes are hosts of their own, terminals are WebSockets, /mcp/ speaks MCP: all three are answered
before Django.
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
django.setup(set_prefix=False)

from agi_site import ahead  # noqa: E402 - Django has to be set up first
from agi_site.asgi_threads import ThreadedHandler  # noqa: E402
from agi_site.mcp_server import is_for_mcp, mcp_server  # noqa: E402
from sandbox.proxy import is_for_a_port, port_proxy  # noqa: E402
from sandbox.ws import terminal_socket  # noqa: E402

ahead.load()
django_application = ThreadedHandler()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Give a request to the one who answers it."""
    if scope["type"] in ("http", "websocket") and is_for_a_port(scope):
        await port_proxy(scope, receive, send)
    elif scope["type"] == "websocket":
        await terminal_socket(scope, receive, send)
    elif is_for_mcp(scope):
        await mcp_server(scope, receive, send)
    else:
        await django_application(scope, receive, send)
