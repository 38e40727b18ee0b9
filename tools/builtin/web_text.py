"""What a person would read on a web page: its text, without what only programs need."""

import re
from html.parser import HTMLParser

_HIDDEN = {"script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas"}
_BREAKS = {
    "p", "div", "br", "li", "ul", "ol", "tr", "table", "section", "article", "header", "footer", "main",
    "aside", "nav", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
    "blockquote", "dt", "dd", "figure", "figcaption", "hr",
    "form", "option",
}  # fmt: skip
_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "source", "col", "area", "base", "embed", "track"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.parts: list[str] = []
        self._hidden: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        if tag in _HIDDEN and tag not in _VOID:
            self._hidden.append(tag)
        if tag in _BREAKS:
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in self._hidden:
            # what was left open inside of it ends with it
            del self._hidden[self._hidden.index(tag) :]
        if tag == "body":
            self._hidden.clear()
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def readable(html: str) -> tuple[str, str]:
    """The title and the text of a page, in lines; broken markup gives what can be read of it."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    text = "\n".join(lines)
    return " ".join(reader.title.split())[:300], re.sub(r"\n{3,}", "\n\n", text).strip()
