"""Web addresses: pages, texts, tables and JSON. Private addresses are refused by the way out."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from agi_site.lib import outbound
from agi_site.lib.problems import Problem

from . import records
from .base import Item, Position, Reader, SourceFault, Stop

MOST_URLS = 500
MOST_BYTES = 8 * 1024 * 1024


def get(url: str, headers: dict[str, str]) -> outbound.Answer:
    """Ask an address; raises SourceFault for one that is refused, does not answer, or says no."""
    try:
        answer = outbound.fetch("GET", url, headers=headers, max_bytes=MOST_BYTES)
    except Problem as problem:
        raise SourceFault(f"{url[:200]}: {problem.message}") from problem
    if answer.status != 200:
        message = _("%(url)s answered with status %(status)s.")
        raise SourceFault(message % {"url": url[:200], "status": answer.status})
    return answer


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
            raise SourceFault(_("“urls” is a list of at most %(most)s addresses.") % {"most": MOST_URLS})
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise SourceFault(_("“headers” is an object of names and values."))
        for url in urls:
            try:
                outbound.checked_url(url)
            except Problem as problem:
                raise SourceFault(f"{url[:200]}: {problem.message}") from problem

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
            for number, item in enumerate(self._items(url), 1):
                if number > skip:
                    yield item, {"at": index, "done": number}

    def whole(self, stop: Stop) -> tuple[str, bytes]:
        url = self.urls[0]
        answer = get(url, dict(self.connection.get("headers") or {}))
        return PurePosixPath(urlsplit(url).path).name or "ontology", answer.body

    def _items(self, url: str) -> Iterator[Item]:
        path = unquote(urlsplit(url).path)
        name = PurePosixPath(path).name or urlsplit(url).netloc
        try:
            answer = get(url, dict(self.connection.get("headers") or {}))
            ending = records.ending_of(answer.media_type, path)
            if ending not in records.READABLE:
                message = _("“%(name)s” is of a type that is not read (%(type)s).")
                raise SourceFault(message % {"name": name, "type": answer.media_type or ending or "?"})
            yield from records.items_of(url, name, ending, answer.body, url, self.connection)
        except SourceFault as fault:
            if len(self.urls) == 1:
                raise
            yield Item(url, name[:255], "", url[:255], fault=str(fault))
