"""Web addresses: pages, documents, texts, tables and JSON. The way out refuses private addresses."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from agi_site.lib import outbound
from agi_site.lib.problems import Problem
from knowledge.importing.fetching import CODES
from knowledge.importing.reading import parts_of_type
from knowledge.options import file_bytes

from ..formats.limits import MOST_BYTES
from ..reasons import REASONS, SourceFault
from . import records
from .base import Item, Position, Reader, Stop

MOST_URLS = 500
_NEVER_TEXT = ("image/", "audio/", "video/", "font/")


def get(url: str, headers: dict[str, str], most: int | None = None) -> outbound.Answer:
    """Ask an address; raises SourceFault for one that is refused, does not answer, or says no."""
    most = most or file_bytes()
    try:
        answer = outbound.fetch("GET", url, headers=headers, max_bytes=most)
    except Problem as problem:
        if problem.code == "too_large":
            given = {"fault_code": "too_large", "fault_values": {"most": most // 1_000_000}}
            raise SourceFault("url_fault", url=url[:200], **given) from problem
        raise fault_of(problem, url) from problem
    if answer.status != 200:
        raise SourceFault("url_status", url=url[:200], status=answer.status)
    return answer


def fault_of(problem: Problem, url: str) -> SourceFault:
    """What the way out says of an address."""
    code = problem.code if problem.code in REASONS else CODES.get(problem.code, "")
    return SourceFault("url_fault", url=url[:200], fault=str(problem.message), fault_code=code)


class WebReader(Reader):
    """One address or several, in their order."""

    needed = frozenset({"urls"})
    optional = frozenset({"headers", "id", "title", "content", "records"})

    def check(self) -> None:
        urls, headers = self.connection["urls"], self.connection.get("headers", {})
        urls = [urls] if isinstance(urls, str) else urls
        if (
            not isinstance(urls, list)
            or not all(isinstance(url, str) for url in urls)
            or len(urls) > MOST_URLS
        ):
            raise SourceFault("urls_list", most=MOST_URLS)
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise SourceFault("headers_object")
        for url in urls:
            try:
                outbound.checked_url(url)
            except Problem as problem:
                raise fault_of(problem, url) from problem

    @property
    def urls(self) -> list[str]:
        """The addresses."""
        urls = self.connection["urls"]
        return [urls] if isinstance(urls, str) else list(urls)

    def items(self, position: Position | None, stop: Stop) -> Iterator[tuple[Item, Position]]:
        at, done = (position or {}).get("at", 0), (position or {}).get("done", 0)
        for index, url in enumerate(self.urls):
            stop()
            if index < at:
                continue
            skip = done if index == at else 0
            for number, item in enumerate(self._items(url, stop), 1):
                if number > skip:
                    yield item, {"at": index, "done": number}

    def whole(self, stop: Stop) -> tuple[str, bytes]:
        url = self.urls[0]
        answer = get(url, dict(self.connection.get("headers") or {}), MOST_BYTES)
        return PurePosixPath(urlsplit(url).path).name or "ontology", answer.body

    def _items(self, url: str, stop: Stop) -> Iterator[Item]:
        path = unquote(urlsplit(url).path)
        name = PurePosixPath(path).name or urlsplit(url).netloc
        try:
            answer = get(url, dict(self.connection.get("headers") or {}))
            kind, charset = parts_of_type(answer.headers.get("content-type", ""))
            if kind.startswith(_NEVER_TEXT):
                raise SourceFault("type_unread", name=name, type=kind)
            said = {"media_type": kind, "charset": charset}
            yield from records.items_of(url, name, answer.body, url, self.connection, stop=stop, **said)
        except SourceFault as fault:
            if len(self.urls) == 1:
                raise
            yield Item(url, name[:255], "", url[:255], fault=fault)
