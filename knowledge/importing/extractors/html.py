"""Pages of the web: their main part as text under its headings, without menus, scripts and styles."""

from pathlib import PurePosixPath
from typing import Any

import lxml.etree
import lxml.html

from ..reasons import Unreadable
from .base import Builder, Extracted, Headings, Stop

# fmt: off
_SKIPPED = frozenset({
    "script", "style", "template", "noscript", "nav", "footer", "aside", "form", "button", "svg", "iframe",
    "head", "select", "dialog", "object", "canvas",
})
_BLOCKS = frozenset({
    "p", "div", "li", "ul", "ol", "tr", "table", "section", "article", "main", "header", "blockquote", "pre",
    "dt", "dd", "dl", "hr", "figure", "figcaption", "details", "summary", "address", "caption",
    "thead", "tbody",
})
# fmt: on
_LEVELS = {f"h{level}": level for level in range(1, 7)}


def page(name: str, content: str, stop: Stop) -> Extracted:
    """The text of an HTML page; its title is that of the page, or else its first heading."""
    try:
        root = lxml.html.document_fromstring(
            content.encode(),
            parser=lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True),
        )
    except (lxml.etree.LxmlError, ValueError, AssertionError) as error:
        raise Unreadable("no_text") from error
    walk = _Walk()
    walk.into(_main(root))
    walk.flush()
    titled = root.find(".//title")
    title = " ".join((titled.text_content() if titled is not None else "").split())
    title = title or walk.headings.title or PurePosixPath(name).stem
    return Extracted(title, walk.built.text, walk.built.sections, "text/html")


def _main(root: Any) -> Any:
    """The one element that holds what the page is about, if it says so; else its body."""
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = root.findall(path)
        if len(found) == 1 and len(" ".join(found[0].itertext()).split()) > 20:
            return found[0]
    body = root.find(".//body")
    return root if body is None else body


class _Walk:
    def __init__(self) -> None:
        self.built, self.headings = Builder(), Headings()
        self._words: list[str] = []

    def into(self, element: Any, as_is: bool = False) -> None:
        """Take in the text of an element; libxml2 reads at most 256 levels, so this ends."""
        tag = element.tag if isinstance(element.tag, str) else ""
        if tag in _SKIPPED or element.get("hidden") is not None or element.get("aria-hidden") == "true":
            return
        if tag in _LEVELS:
            self.flush()
            self.headings.enter(_LEVELS[tag], element.text_content())
            return
        as_is = as_is or tag == "pre"
        if tag in _BLOCKS and tag != "tr":
            self.flush()
        if tag == "li":
            self._words.append("- ")
        self._say(element.text, as_is)
        for child in element:
            self.into(child, as_is)
            if child.tag in ("td", "th") and child.getnext() is not None:
                self._words.append(" | ")
            self._say(child.tail, as_is)
        if tag in ("br", "tr"):
            self._words.append("\n")
        elif tag in _BLOCKS:
            self.flush(as_is)

    def flush(self, as_is: bool = False) -> None:
        """What was gathered is a paragraph."""
        words, self._words = "".join(self._words), []
        if not as_is:
            words = "\n".join(line for line in (" ".join(line.split()) for line in words.split("\n")) if line)
        if words.strip(" -|\n"):
            self.built.add(words, heading=self.headings.words)

    def _say(self, words: str | None, as_is: bool) -> None:
        if words:
            self._words.append(words if as_is else words.replace("\n", " "))
