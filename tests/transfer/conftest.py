"""Two small domains, and servers and files to read from."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from transfer import services
from transfer.concepts import Concept, Ontology

SHOP = (
    Concept("Customer", definition="Who buys.", labels=("고객",)),
    Concept("Order", definition="What a customer asks for."),
    Concept("places", "relation", relationships=(("domain", "Customer"), ("range", "Order"))),
    Concept("phone number", "attribute", relationships=(("domain", "Customer"),)),
)
CLINIC = (
    Concept("Client", definition="Who comes.", labels=("환자",)),
    Concept("Appointment", definition="When a client comes."),
    Concept("telephone", "attribute", relationships=(("domain", "Client"),)),
)


@pytest.fixture
def shop(db: None, operator: Any) -> Any:
    """The domain "shop", read by the operator."""
    return services.import_ontology(by=operator, domain="shop", ontology=Ontology(SHOP)).domain


@pytest.fixture
def clinic(db: None, operator: Any) -> Any:
    """The domain "clinic"."""
    return services.import_ontology(by=operator, domain="clinic", ontology=Ontology(CLINIC)).domain


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """The folder that file sources are read from."""
    settings.DATA_DIR = tmp_path
    place = tmp_path / "sources"
    place.mkdir()
    return place


class Web(ThreadingHTTPServer):
    """Answers with what stands in `pages` by path: (media type, body); remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put_json(self, path: str, value: Any) -> None:
        self.pages[path] = ("application/json", json.dumps(value).encode())


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *args: Any) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        kind, body = self.server.pages.get(self.path) or self.server.pages.get(
            self.path.partition("?")[0], ("text/plain", b"")
        )
        self.send_response(200 if body else 404)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    """A real HTTP server on loopback, which the way out may reach."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    server = Web()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
