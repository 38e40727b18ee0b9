"""Another instance of this system: its knowledge, over its REST, with a token of somebody there."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from agi_site.lib import outbound
from agi_site.lib.problems import Problem

from ..reasons import SourceFault
from .base import Item, Position, Reader, Stop, passages
from .web import fault_of, get

PAGE = 100


class InstanceReader(Reader):
    """All passages there, or those with a tag, oldest first."""

    needed = frozenset({"url", "token"})
    optional = frozenset({"tag"})

    def check(self) -> None:
        try:
            outbound.checked_url(self.text("url"))
        except Problem as problem:
            raise fault_of(problem, self.text("url")) from problem
        if not self.text("token"):
            raise SourceFault("missing", name="token")

    def items(self, position: Position | None, stop: Stop) -> Iterator[tuple[Item, Position]]:
        cursor, done = (position or {}).get("cursor", ""), (position or {}).get("done", 0)
        while True:
            stop()
            page = self._page(cursor)
            number = 0
            for row in page["results"]:
                for item in self._items(row):
                    number += 1
                    if number > done:
                        yield item, {"cursor": cursor, "done": number}
            cursor, done = page.get("next") or "", 0
            if not cursor:
                return

    def _page(self, cursor: str) -> dict[str, Any]:
        asked = {"ordering": "id", "page_size": str(PAGE)}
        asked |= {"cursor": cursor} if cursor else {}
        asked |= {"tags__tag": self.text("tag")} if self.text("tag") else {}
        url = f"{self.text('url').rstrip('/')}/api/v1/knowledge/?{urlencode(asked)}"
        answer = get(url, {"authorization": f"Bearer {self.text('token')}", "accept": "application/json"})
        try:
            page = json.loads(answer.body)
            if isinstance(page["results"], list):
                return dict(page)
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise SourceFault("not_instance")

    def _items(self, row: Any) -> list[Item]:
        if not isinstance(row, dict) or not row.get("id"):
            return []
        title, content = str(row.get("title") or "-"), str(row.get("content") or "")
        return passages(str(row["id"]), title, content, str(row.get("source") or self.text("url")))
