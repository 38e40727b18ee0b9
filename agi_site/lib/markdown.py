"""Markdown of messages as safe HTML: tables, formulas, coloured code with a copy button, links, citations.

What comes out may be put on a page as it is: raw HTML in the text is shown, not obeyed, and
everything made here goes through a sanitiser as well. Half a text renders too, so that an answer can be shown
while it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from agi_site.lib import mathml

LONGEST_COLOURED = 50_000  # characters of code; beyond this colours cost more than they help
_CITATION = re.compile(r"\[(\d{1,3})\]")
# Code that a page may offer to run; whether it does is up to the page (its style sheet shows the button).
RUNNABLE = frozenset({"python", "python3", "py", "bash", "sh", "shell", "zsh"})
_LANGUAGE = re.compile(r"[^A-Za-z0-9+#.-]")
# An address in running text. Letters of other scripts belong to it only where a part of its path begins:
# Korean puts its particles right behind an address.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|(?<=[/=_%+-]|[^\x00-\x7f])(?![\x00-\x7f])\w)+"
)
_AFTER_ADDRESS = ".,;:!?'*"
_FENCE = re.compile(r" {0,3}(`{3,})([^`]*)$")
_TASK = re.compile(r"\[([ xX])\] +")
_DIRECTED = frozenset({"paragraph", "heading", "bullet_list", "ordered_list", "blockquote"})

_TAGS = {
    *("a", "blockquote", "br", "button", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"),
    *("ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {
    "a": {"href", "title", "class", "data-n", "target"},
    **{name: {"dir"} for name in ("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "ul")},
    **{name: set(mathml.ATTRIBUTES) for name in mathml.TAGS},
    "button": {"type", "class", "data-copy", "data-run"},
    "code": {"class"},
    "div": {"class", "data-language", "tabindex", "role", "aria-label"},
    "li": {"class"},
    "ol": {"start", "dir"},
    "pre": {"tabindex"},
    "span": {"class"},
    "td": {"class", "dir"},
    "th": {"class", "dir"},
}


def render(text: str, citations: Iterable[Mapping[str, Any]] = (), *, streaming: bool = False) -> SafeString:
    """The HTML of a message.

    `citations` are mappings with `n`, `title` and `url` ("" for none): an [n] that is among them becomes a
    link, any other stays as it is. With `streaming`, a marker shows at the end that more is to come.
    """
    known = {int(cited["n"]): cited for cited in citations}
    html = _parser().render(text, {"citations": known})
    clean = nh3.clean(
        html,
        tags=_TAGS | mathml.TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    caret = '<span class="caret"></span>' if streaming else ""
    return mark_safe(clean + caret)  # noqa: S308 - cleaned just now


def as_typed(text: str) -> SafeString:
    """The HTML of a person's own text: as it was typed, but for its blocks of code."""
    shown: list[str] = []
    plain: list[str] = []
    block: list[str] = []  # the lines of a block that has not ended yet, after its fence
    opened: re.Match[str] | None = None
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if opened is None and fence is None:
            plain.append(line)
        elif opened is None:
            opened, block = fence, []
        elif fence and not fence[2].strip() and len(fence[1]) >= len(opened[1]):
            code = _code_block("\n".join([*block, ""]), opened[2])
            shown += [escape("\n".join(plain)), code]
            opened, plain = None, []
        else:
            block.append(line)
    if opened is not None:
        plain += [opened[0], *block]
    return mark_safe("".join([*shown, escape("\n".join(plain))]))  # noqa: S308 - escaped, or made here


def styles(*, light: str = "default", dark: str = "github-dark") -> str:
    """The CSS of the code's colours, for the light and the dark look; for building the style sheet."""
    day: str = HtmlFormatter(style=light).get_style_defs(".code")
    night: str = HtmlFormatter(style=dark).get_style_defs(".code")
    return f"{day}\n@media (prefers-color-scheme: dark) {{\n{night}\n}}\n"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    mathml.add_math(parser)
    parser.core.ruler.after("inline", "citations", _cite)
    parser.core.ruler.after("inline", "addresses", _link_addresses)
    parser.core.ruler.push("looks", _looks)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("code_block", _fence)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    parser.add_render_rule("link_open", _link_open)
    return parser


def _cite(state: StateCore) -> None:
    """Turn [n] in running text into links; code and link texts are left alone."""
    known = state.env.get("citations") or {}
    if not known:
        return
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = list(_with_links(block.children, known))


def _with_links(tokens: Sequence[Token], known: Mapping[int, Mapping[str, Any]]) -> Iterable[Token]:
    in_link = 0
    for token in tokens:
        in_link += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type != "text" or in_link or not _CITATION.search(token.content):
            yield token
            continue
        at = 0
        for found in _CITATION.finditer(token.content):
            cited = known.get(int(found[1]))
            if cited is None:
                continue
            yield _text(token.content[at : found.start()])
            yield _html(_citation_link(cited))
            at = found.end()
        yield _text(token.content[at:])


def _citation_link(cited: Mapping[str, Any]) -> str:
    number, title, url = int(cited["n"]), str(cited.get("title", "")), str(cited.get("url") or "")
    if not url:
        return format_html('<span class="citation">[{}]</span>', number)
    link = '<a class="citation" data-n="{}" href="{}" title="{}">[{}]</a>'
    return format_html(link, number, url, title, number)


def _link_addresses(state: StateCore) -> None:
    """Make links of addresses in running text; code and link texts are left alone."""
    for block in state.tokens:
        if block.type == "inline" and block.children and "://" in block.content:
            block.children = list(_with_addresses(block.children))


def _with_addresses(tokens: Sequence[Token]) -> Iterable[Token]:
    in_link = 0
    for token in tokens:
        in_link += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type != "text" or in_link:
            yield token
            continue
        at = 0
        for found in _ADDRESS.finditer(token.content):
            address = _without_closing(found[0])
            yield _text(token.content[at : found.start()])
            yield Token("link_open", "a", 1, attrs={"href": address})
            yield _text(address)
            yield Token("link_close", "a", -1)
            at = found.start() + len(address)
        yield _text(token.content[at:])


def _without_closing(address: str) -> str:
    """An address without what closes the sentence or the bracket it stands in."""
    while address[-1] in _AFTER_ADDRESS or any(
        address[-1] == closing and address.count(closing) > address.count(opening)
        for opening, closing in ("()", "[]")
    ):
        address = address[:-1]
    return address


def _looks(state: StateCore) -> None:
    """Texts run in the direction of their own script; columns keep their side; [x] becomes a ticked box."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.nesting == 1 and token.level == 0 and token.type.removesuffix("_open") in _DIRECTED:
            token.attrSet("dir", "auto")
        elif token.type in ("td_open", "th_open"):
            side = str(token.attrs.pop("style", "")).removeprefix("text-align:")
            token.attrs |= {"dir": "auto"} | ({"class": f"align-{side}"} if side else {})
        elif token.type == "list_item_open" and index + 2 < len(tokens):
            _tick(token, tokens[index + 2])


def _tick(item: Token, inline: Token) -> None:
    first = inline.children[0] if inline.type == "inline" and inline.children else None
    found = _TASK.match(first.content) if first is not None and first.type == "text" else None
    if first is not None and found:
        item.attrSet("class", "task")
        first.content = ("☐ " if found[1] == " " else "☑ ") + first.content[found.end() :]


def _image(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A link to a picture: to show it would tell its server who reads this."""
    token = tokens[index]
    address, words = str(token.attrs.get("src", "")), escape(token.content or _("Picture"))
    in_link = sum(one.nesting for one in tokens[:index] if one.type in ("link_open", "link_close"))
    return words if in_link or not address else f'<a href="{escape(address)}" target="_blank">{words}</a>'


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _html(content: str) -> Token:
    return Token("html_inline", "", 0, content=content)


def _fence(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return _code_block(tokens[index].content, tokens[index].info)


def _code_block(content: str, info: str) -> str:
    """A block of code, coloured, with its buttons; `info` is what stands behind the fence."""
    named = info.strip().split(maxsplit=1)[0] if info.strip() else ""
    language = _LANGUAGE.sub("", named)[:30].lower()
    code = _coloured(content, language)
    run = f'<button type="button" class="code-run" data-run="{language}">{escape(_("Run"))}</button>'
    return (
        f'<div class="code" data-language="{escape(language)}">{run if language in RUNNABLE else ""}'
        f'<button type="button" class="code-copy" data-copy="">{escape(_("Copy"))}</button>'
        f'<pre tabindex="0"><code class="language-{escape(language or "text")}">{code}</code></pre></div>\n'
    )


def _coloured(code: str, language: str) -> str:
    if not language or len(code) > LONGEST_COLOURED:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    coloured: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return coloured


def _table_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    label = escape(_("Table"))
    return f'<div class="table-scroll" tabindex="0" role="region" aria-label="{label}"><table>\n'


def _table_close(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _link_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Links to elsewhere open beside the conversation, which goes on."""
    token = tokens[index]
    if re.match(r"https?:", str(token.attrs.get("href", ""))):
        token.attrSet("target", "_blank")
    rendered: str = self.renderToken(tokens, index, options, env)
    return rendered
