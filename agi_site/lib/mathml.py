"""TeX formulas as MathML, which browsers draw by themselves: no script, no fonts from elsewhere."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element, tostring

from django.utils.html import escape
from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

LONGEST_FORMULA = 4_000  # characters; what is longer is shown as it was written
_PAIRS = {"$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_OPENING = re.compile(
    r"\$\$|\\\[|\\begin\{((?:equation|align|alignat|gather|multline|eqnarray|array|cases|[pbBvV]?matrix)\*?)\}"
)
TAGS = frozenset(
    {
        *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle", "merror"),
        *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "none"),
        *("mtable", "mtr", "mtd", "mpadded", "mphantom", "menclose"),
    }
)
ATTRIBUTES = frozenset(
    {
        *("display", "displaystyle", "scriptlevel", "mathvariant", "mathcolor", "width", "height", "depth"),
        *("stretchy", "fence", "form", "separator", "symmetric", "movablelimits", "accent", "accentunder"),
        *("lspace", "rspace", "minsize", "maxsize", "linethickness", "columnalign", "rowspacing"),
        *("columnspacing", "columnlines", "rowlines", "frame", "notation"),
    }
)


def mathml(tex: str, *, block: bool) -> str:
    """The MathML of a formula; what is no TeX, or no end of it, is shown as it was written."""
    made = _converted(tex.strip(), block) if len(tex) <= LONGEST_FORMULA else ""
    return made or f"<code>{escape(tex)}</code>"


def add_math(parser: MarkdownIt) -> None:
    r"""Formulas in `$…$`, `$$…$$`, `\(…\)`, `\[…\]` and `\begin{align}…`; prices in dollars stay text."""
    parser.inline.ruler.before("escape", "formula", _in_line)
    parser.block.ruler.before(
        "fence", "formula_block", _on_lines, {"alt": ["paragraph", "list", "blockquote"]}
    )
    for name in ("formula", "formula_shown", "formula_block"):
        parser.add_render_rule(name, _draw)


def _draw(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    drawn = mathml(token.content, block=token.type != "formula")
    if token.block:
        # A formula wider than the page scrolls by itself, also by keyboard.
        return f'<div class="formula" tabindex="0">{drawn}</div>\n'
    return f'<span class="formula">{drawn}</span>' if token.type == "formula_shown" else drawn


def _in_line(state: StateInline, silent: bool) -> bool:
    """A formula within a paragraph."""
    opening = state.src[state.pos : state.pos + 2]
    pair = _PAIRS.get(opening) or ("$" if opening.startswith("$") else None)
    if pair is None:
        return False
    begin = state.pos + len(pair)
    end = state.src.find(pair, begin, state.posMax)
    if end <= begin or (pair == "$" and not _is_formula(state.src, state.pos, end)):
        return False
    if not silent:
        kind = "formula" if pair in ("$", r"\)") else "formula_shown"
        state.push(kind, "math", 0).content = state.src[begin:end]
    state.pos = end + len(pair)
    return True


def _is_formula(source: str, begin: int, end: int) -> bool:
    """Whether two dollar signs enclose a formula: no prices, no blanks at its ends."""
    before, after = source[begin - 1 : begin], source[end + 1 : end + 2]
    is_price = (before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum())
    inside = source[begin + 1 : end]
    return not is_price and inside == inside.strip() and not inside.endswith("\\")


def _on_lines(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula on lines of its own."""
    begin = state.bMarks[first] + state.tShift[first]
    found = _OPENING.match(state.src, begin, state.eMarks[first])
    if found is None or state.is_code_block(first):
        return False
    closing = _PAIRS.get(found[0]) or f"\\end{{{found[1]}}}"
    end = state.src.find(closing, found.end())
    # One that opens again before it closes would be looked for from each of its openings.
    if end <= found.end() or (closing != "$$" and state.src.find(found[0], found.end(), end) >= 0):
        return False
    end += len(closing)
    line = bisect_left(state.eMarks, end, first, last)
    if line >= last or state.src[end : state.eMarks[line]].strip() or _leaves(state, first, line):
        return False
    if not silent:
        text = state.getLines(first, line + 1, state.blkIndent, False).strip()
        token = state.push("formula_block", "math", 0)
        token.block, token.map = True, [first, line + 1]
        token.content = text if found[1] else text[2:-2]
    state.line = line + 1
    return True


def _leaves(state: StateBlock, first: int, last: int) -> bool:
    """Whether a blank line, or the end of the quote or list around it, comes before the last line."""
    return any(state.isEmpty(line) or state.sCount[line] < state.blkIndent for line in range(first, last + 1))


@lru_cache(maxsize=512)
def _converted(tex: str, block: bool) -> str:
    """Asked for again with each piece of an answer that is being written."""
    try:
        element = convert_to_element(tex, display="block" if block else "inline")
        _clean(element)
    except Exception:  # the converter fails in many ways: by wrong TeX, and by faults of its own
        return ""
    return tostring(element, encoding="unicode")


def _clean(element: Element) -> None:
    """The converter writes texts as HTML and lets links through: plain texts and known attributes only."""
    element.text, element.tail = unescape(element.text or ""), unescape(element.tail or "")
    for name in set(element.attrib) - ATTRIBUTES:
        del element.attrib[name]
    for child in element:
        _clean(child)
