"""The Docker SDK, for several threads and without surprises: errors translated, streams as plain sockets."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, cast
from urllib.parse import urlencode, urlsplit

import docker
import docker.errors
import requests
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from docker.utils import kwargs_from_env

from .errors import EngineError, EngineUnavailable, ImageMissing, NoSuchInstance

TIMEOUT = 120  # seconds of one call; an engine under load may need long to start a container
MAX_HEAD = 16_384


@contextmanager
def translated() -> Iterator[None]:
    """Docker's errors as this package's own."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise ImageMissing(_words(error)) from error
    except docker.errors.NotFound as error:
        raise NoSuchInstance(_words(error)) from error
    except docker.errors.APIError as error:
        raise EngineError(_words(error)) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineUnavailable(str(error)) from error


def _words(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def status_of(error: BaseException | None) -> int:
    """The HTTP status under a translated error, 0 for none."""
    cause = error.__cause__ if isinstance(error, EngineError) else error
    return int(getattr(cause, "status_code", 0) or 0)


class _Connection(UnixHTTPConnection):
    """The SDK's, which leaves a socket behind when nobody listens."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.unix_socket)
        except OSError:
            self.sock.close()
            raise


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        return _Connection(self.base_url, self.socket_path, cast("int", self.timeout))


class _API(docker.APIClient):
    """The SDK's client, whose connections are closed when they fail."""

    def mount(self, prefix: Any, adapter: Any) -> None:
        if isinstance(adapter, UnixHTTPAdapter):
            pool = _Pool(prefix, adapter.socket_path, adapter.timeout, maxsize=adapter.max_pool_size)
            vars(adapter)["get_connection"] = lambda _url, _proxies=None: pool
        super().mount(prefix, adapter)


class Client:
    """One engine's API: `api` is this thread's client of the SDK."""

    def __init__(self, url: str) -> None:
        self.settings: dict[str, Any] = dict(kwargs_from_env(environment=dict(os.environ)))
        if url:
            self.settings["base_url"] = url
        self._version = ""
        self._local = threading.local()

    @property
    def api(self) -> docker.APIClient:
        """The SDK's client of this thread and process."""
        if getattr(self._local, "pid", None) != os.getpid():
            with translated():
                self._local.api = _API(**self.settings, version=self._version or "auto", timeout=TIMEOUT)
            self._local.pid = os.getpid()
            self._version = self._local.api.api_version
        found: docker.APIClient = self._local.api
        return found

    def close(self) -> None:
        """Close this thread's connections."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.api.close()
            del self._local.pid

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """A call the SDK has no method for, or one that says less; the answer's JSON."""
        api = self.api
        with translated():
            answer = api.request(
                method,
                f"{api.base_url}/v{api.api_version}{path}",
                json=body,
                params={name: value for name, value in query.items() if value is not None},
                timeout=TIMEOUT,
            )
            try:
                answer.raise_for_status()
            except requests.HTTPError as error:
                docker.errors.create_api_error_from_http_exception(error)
        return answer.json() if answer.content else None

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of an image, or None."""
        try:
            found: dict[str, Any] = self.call("GET", f"/images/{name}/json")
        except (ImageMissing, NoSuchInstance):
            return None
        return found

    def tag_image(self, name: str, tag: str) -> None:
        """Give an image a further name."""
        repository, _colon, version = tag.rpartition(":")
        self.call("POST", f"/images/{name}/tag", repo=repository, tag=version)

    def import_image(self, archive: IO[bytes], tag: str, changes: Sequence[str]) -> None:
        """Make an image of a tar archive."""
        name, _colon, version = tag.rpartition(":")
        with translated():
            self.api.import_image(src=archive, repository=name, tag=version, changes=list(changes))

    def put_archive(self, container: str, place: str, archive: IO[bytes]) -> None:
        """Unpack a tar archive in a container, running or not."""
        with translated():
            self.api.put_archive(container, place, archive)

    def remove_container(self, name: str) -> None:
        """Remove a container whatever it does; one that is gone is fine, and one that is going is waited
        for.
        """
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            try:
                self.call("DELETE", f"/containers/{name}", force="1", v="1")
            except NoSuchInstance:
                return
            except EngineError as error:
                if status_of(error) != 409:  # another one removes it just now
                    raise
                time.sleep(0.05)
            else:
                return
        raise EngineError(f"The container {name} is being removed without end.")

    def remove_volume(self, name: str) -> None:
        """Remove a volume; one that is gone is fine."""
        with suppress(NoSuchInstance):
            self.call("DELETE", f"/volumes/{name}")

    def stream(self, path: str, query: Mapping[str, Any]) -> socket.socket:
        """A call that is upgraded to a plain stream both ways; the SDK may lose its first bytes."""
        with translated():
            connection = self._connect()
            try:
                connection.settimeout(TIMEOUT)
                head = (
                    f"POST /v{self.api.api_version}{path}?{urlencode(query)} HTTP/1.1\r\nHost: docker\r\n"
                    "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
                )
                connection.sendall(head.encode())
                status, words = _read_head(connection)
                connection.settimeout(None)
            except BaseException:
                connection.close()
                raise
        if status not in (101, 200):
            connection.close()
            raise (NoSuchInstance if status == 404 else EngineError)(words)
        return connection

    def _connect(self) -> socket.socket:
        url = self.settings.get("base_url") or "unix:///var/run/docker.sock"
        parts = urlsplit(url)
        if parts.scheme in ("unix", "http+unix", ""):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(TIMEOUT)
                connection.connect(parts.path)
            except BaseException:
                connection.close()
                raise
            return connection
        if parts.scheme not in ("tcp", "http", "https"):
            raise EngineUnavailable(f"{parts.scheme}:// cannot be attached to")
        plain = socket.create_connection((parts.hostname or "localhost", parts.port or 2375), TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self.settings.get("tls")
        if not tls and parts.scheme != "https":
            return plain
        return _wrapped(plain, tls, parts.hostname or "")


def _wrapped(plain: socket.socket, tls: Any, host: str) -> socket.socket:
    context = ssl.create_default_context(cafile=getattr(tls, "ca_cert", None) or None)
    if certificate := getattr(tls, "cert", None):
        context.load_cert_chain(*certificate)
    if tls is not None and not getattr(tls, "verify", True):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


def _read_head(connection: socket.socket) -> tuple[int, str]:
    """The status of an answer, and of a refusal its body; nothing behind the head is read of a stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(head) > MAX_HEAD:
            raise ConnectionError("the engine ended the connection")
        head += byte
    status = int(head.split(None, 2)[1])
    words = ""
    if status not in (101, 200):
        connection.settimeout(5)
        words = connection.recv(4096).decode(errors="replace")
    return status, words
