"""The gateway of a host's agent: a TCP port for signed requests, one each (see `sandbox/gateway.py`).

It gives no access to the engine, only to what the runners inside the containers do, and each request names
the one instance or execution it is about.
"""

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from django.db import connections

from .gateway_requests import Nonces, Request

if TYPE_CHECKING:
    from .agent import Agent

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0  # for the request's line to arrive
MOST_CONNECTIONS = 1000
PORTS_TRIED = 20


class GatewayServer:
    """Listens while its agent leads; `address` is what stands in the host's row."""

    def __init__(self, agent: "Agent", bind: str, name: str) -> None:
        self.agent, self._bind, self._name = agent, bind, name
        self.address = ""
        self._nonces = Nonces()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Listen."""
        host, _colon, port = self._bind.rpartition(":")
        self._listener = _listen(host.strip("[]"), int(port))
        bound = self._listener.getsockname()[1]
        shown = self._name or host.strip("[]")
        if shown in {"", "0.0.0.0", "::"}:  # noqa: S104 - what the settings say
            shown = socket.gethostname()
        self.address = f"[{shown}]:{bound}" if ":" in shown else f"{shown}:{bound}"
        threading.Thread(
            target=self._accept, args=[self._listener], name="sandbox-gateway", daemon=True
        ).start()

    def stop(self) -> None:
        """Listen no more, and end what is open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                connection, _address = listener.accept()
            except OSError:
                if self._listener is listener:
                    time.sleep(0.1)  # no file descriptors left
                continue
            with self._lock:
                full = len(self._open) >= MOST_CONNECTIONS
                if not full:
                    self._open.add(connection)
            if full:
                connection.close()
                continue
            threading.Thread(
                target=self._serve, args=[connection], name="sandbox-gateway-request", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(REQUEST_SECONDS)
            with connection, connection.makefile("rb") as reader:
                Request(self.agent, connection, reader, self._nonces).serve()
        except (OSError, ValueError) as error:
            logger.debug("a gateway connection ended: %s", error)
        except Exception:
            logger.exception("a gateway request failed")
        finally:
            with self._lock:
                self._open.discard(connection)
            connections.close_all()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for offset in range(PORTS_TRIED if port else 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port + offset))
            listener.listen(128)
        except OSError:
            listener.close()
            if offset == PORTS_TRIED - 1 or not port:
                raise
        else:
            return listener
    raise OSError("no port is free")
