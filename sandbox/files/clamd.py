"""ClamAV's daemon as a second scanner, by its INSTREAM command over TCP or a Unix socket."""

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib.problems import Unavailable

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0
CHUNK = 64 << 10
LONGEST_ANSWER = 4096
DEFAULT_PORT = 3310


class ScannerUnavailable(Unavailable):
    """A scanner that is configured does not answer: nothing passes unscanned."""

    code = "scanner"
    title = gettext_lazy("The virus scanner does not answer. Try again shortly.")


def scan(url: str, chunks: Iterable[bytes]) -> str:
    """The signature that clamd found in the bytes, "" for none; raises ScannerUnavailable.

    `url` is tcp://host:3310 or unix:///path/to/clamd.ctl.
    """
    try:
        with _connect(url) as connection:
            _send(connection, chunks)
            answer = _receive(connection)
    except (OSError, ValueError) as error:
        raise ScannerUnavailable from error
    return _signature(answer)


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect(parts.path)
        except OSError:
            connection.close()
            raise
    elif parts.scheme == "tcp" and parts.hostname:
        connection = socket.create_connection((parts.hostname, parts.port or DEFAULT_PORT), CONNECT_SECONDS)
    else:
        raise ValueError(f"CLAMD_URL is tcp://host:port or unix:///path, not {url!r}")
    connection.settimeout(ANSWER_SECONDS)
    return connection


def _send(connection: socket.socket, chunks: Iterable[bytes]) -> None:
    try:
        connection.sendall(b"zINSTREAM\0")
        for chunk in chunks:
            for at in range(0, len(chunk), CHUNK):
                piece = chunk[at : at + CHUNK]
                connection.sendall(len(piece).to_bytes(4) + piece)
        connection.sendall(bytes(4))
    except (BrokenPipeError, ConnectionResetError):
        pass  # it stopped reading (a size limit); its answer says why


def _receive(connection: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < LONGEST_ANSWER:
        piece = connection.recv(LONGEST_ANSWER)
        if not piece:
            break
        answer += piece
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")


def _signature(answer: str) -> str:
    """Answers are "stream: OK", "stream: <signature> FOUND" and "<reason> ERROR"."""
    said = answer.removeprefix("stream:").strip()
    if said == "OK":
        return ""
    if said.endswith(" FOUND"):
        return said.removesuffix(" FOUND").strip() or "unnamed"
    if "size limit" in said:
        raise ScannerUnavailable(
            _("The virus scanner takes no file of this size. An operator can raise its StreamMaxLength.")
        )
    raise ScannerUnavailable(_("The virus scanner answered: %(answer)s") % {"answer": said[:200] or "-"})
