"""What tests of knowledge borrow: a real HTTP server on loopback."""

from tests.transfer.conftest import web

__all__ = ["web"]
