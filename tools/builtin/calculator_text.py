"""From what people write ("15% of 200", "3만 5천의 10%", "2×(3+4)²") to an expression Python can parse.

The numbers are taken out as exact decimals and stand in the expression as names `n0`, `n1`, ….
"""

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from tools.registry import ToolFailure

MAX_CHARACTERS = 500
MAX_TOKENS = 250
MAX_NESTING = 40
PERCENT = "@percent"

_SYMBOLS = {
    "×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "—": "-",
    "²": "**2", "³": "**3", "√": " sqrt ", "π": " pi ", "τ": " tau ", "^": "**",
    "$": " ", "₩": " ", "€": " ", "£": " ", "¥": " ",
}  # fmt: skip
_PHRASES = {
    "to the power of": "**", "multiplied by": "*", "divided by": "/", "square root of": "sqrt", "plus": "+",
    "minus": "-", "times": "*", "over": "/", "mod": " mod ", "percent": "%", "squared": "**2", "cubed": "**3",
    "dollars": "", "dollar": "", "won": "", "what is": "", "calculate": "", "compute": "",
    "나누기": "/", "나눈": "/", "곱하기": "*", "더하기": "+", "빼기": "-", "플러스": "+", "마이너스": "-",
    "퍼센트": "%", "프로": "%", "제곱근": " sqrt ", "루트": " sqrt ", "세제곱": "**3", "제곱": "**2",
    "달러": "", "원": "", "계산해줘": "", "계산": "", "얼마": "",
}  # fmt: skip
_PHRASE = re.compile(
    "|".join(
        rf"\b{re.escape(words)}\b" if words.isascii() else re.escape(words)
        for words in sorted(_PHRASES, key=len, reverse=True)
    )
)
_KOREAN_SMALL = {"천": 1000, "백": 100, "십": 10}
_KOREAN_LARGE = {"조": 10**12, "억": 10**8, "만": 10**4}
_KOREAN_NUMBER = re.compile(
    r"\d[\d,]*(?:\.\d+)?\s*[조억만천백십](?:\s*\d[\d,]*(?:\.\d+)?|\s*[조억만천백십])*"
)
_KOREAN_PART = re.compile(r"\d[\d,]*(?:\.\d+)?|[조억만천백십]")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)"
    r"|(?P<word>[a-z_][a-z0-9_]*|의)|(?P<sign>\*\*|//|[-+*/%(),]))"
)
_PLAIN_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?")
_ENDS_OPERAND = re.compile(r"n\d+$|\)$|[a-z]\w*$")


@dataclass(slots=True)
class Expression:
    """The tokens so far, the numbers taken out, and the open brackets (start, whether of a function)."""

    tokens: list[str] = field(default_factory=list)
    numbers: dict[str, Decimal] = field(default_factory=dict)
    open_brackets: list[tuple[int, bool]] = field(default_factory=list)
    operand_start: int = 0

    @property
    def text(self) -> str:
        """What Python's parser gets."""
        return " ".join(self.tokens)

    @property
    def ends_operand(self) -> bool:
        """Whether the last token ends something that can be multiplied or made a percentage."""
        return bool(self.tokens) and bool(_ENDS_OPERAND.match(self.tokens[-1]))


def parse(text: str, functions: frozenset[str]) -> Expression:
    """The expression in `text`; raises ToolFailure if it holds something that is no arithmetic."""
    if len(text) > MAX_CHARACTERS:
        message = _("The expression is too long: at most %(most)s characters.")
        raise ToolFailure(message % {"most": MAX_CHARACTERS})
    source, found = _plain(text), Expression()
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            message = _("“%(part)s” is not part of an arithmetic expression.")
            raise ToolFailure(message % {"part": source[position : position + 20].strip()})
        position = match.end()
        _add(found, match, source, functions)
        if len(found.tokens) > MAX_TOKENS or len(found.open_brackets) > MAX_NESTING:
            raise ToolFailure(_("The expression is too complex."))
        if found.open_brackets and found.open_brackets[-1][1] and match["number"] and "," in match["number"]:
            position = _first_argument(found, match)
    return found


def _plain(text: str) -> str:
    for symbol, plain in _SYMBOLS.items():
        text = text.replace(symbol, plain)
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"([\d.,]+)\s*의\s*제곱근", r" sqrt(\1) ", text)
    text = re.sub(r"의\s*(?=세?제곱)", "", text)
    text = _PHRASE.sub(lambda match: _PHRASES[match[0]], text)
    text = _KOREAN_NUMBER.sub(lambda match: _korean_number(match[0]), text)
    return re.sub(r"(?:\s*(?:=|\?|은|는))+\s*$", "", text).strip()


def _korean_number(text: str) -> str:
    """`1억 2천만 500` as digits."""
    total = section = Decimal(0)
    number: Decimal | None = None
    for part in _KOREAN_PART.findall(text):
        if part in _KOREAN_SMALL:
            section += (Decimal(1) if number is None else number) * _KOREAN_SMALL[part]
            number = None
        elif part in _KOREAN_LARGE:
            section += number or 0
            total += (section or Decimal(1)) * _KOREAN_LARGE[part]
            section, number = Decimal(0), None
        else:
            section += number or 0
            number = Decimal(part.replace(",", ""))
    return f"{total + section + (number or 0):f}"


def _add(found: Expression, match: re.Match[str], source: str, functions: frozenset[str]) -> None:
    if match["number"]:
        _add_number(found, match["number"].replace(",", ""))
    elif match["word"]:
        _add_word(found, match["word"], source[match.end() :].lstrip(), functions)
    elif match["sign"] == "%":
        _add_percent(found, source[match.end() :].lstrip())
    else:
        _add_sign(found, match["sign"], functions)


def _add_number(found: Expression, digits: str) -> None:
    name = f"n{len(found.numbers)}"
    found.numbers[name] = Decimal(digits)
    found.operand_start = len(found.tokens)
    if found.tokens and found.tokens[-1] == "sqrt":  # √16, 루트 16
        found.operand_start -= 1
        found.tokens += ["(", name, ")"]
    else:
        found.tokens.append(name)


def _add_word(found: Expression, word: str, rest: str, functions: frozenset[str]) -> None:
    if word in ("of", "의"):
        found.tokens.append("*")
        return
    if word == "mod":
        found.tokens.append("%")
        return
    if found.ends_operand:
        found.tokens.append("*")
    if word not in functions and rest.startswith("("):
        raise ToolFailure(
            _("There is no function “%(name)s”. Known: %(known)s.")
            % {"name": word[:40], "known": ", ".join(sorted(functions))}
        )
    found.operand_start = len(found.tokens)
    found.tokens.append(word)


def _add_percent(found: Expression, rest: str) -> None:
    """`%` with an operand behind it is the remainder, otherwise it makes a percentage."""
    remainder = re.match(r"[\d.(]", rest) or (re.match(r"[a-z]", rest) and not re.match(r"of\b|mod\b", rest))
    if remainder or not found.ends_operand:
        found.tokens.append("%")
        return
    found.tokens.insert(found.operand_start, "(")
    found.tokens += [PERCENT[0], PERCENT[1:], ")"]


def _add_sign(found: Expression, sign: str, functions: frozenset[str]) -> None:
    if sign == "(":
        of_function = bool(found.tokens) and found.tokens[-1] in functions
        if found.ends_operand and not of_function:
            found.tokens.append("*")
        found.open_brackets.append((len(found.tokens) - of_function, of_function))
    elif sign == ")" and found.open_brackets:
        found.operand_start = found.open_brackets.pop()[0]
    found.tokens.append(sign)


def _first_argument(found: Expression, match: re.Match[str]) -> int:
    """Between a function's brackets a comma parts the arguments: `max(1,200)` has two."""
    first = _PLAIN_NUMBER.match(match["number"])
    assert first is not None  # a number with separators starts with digits
    found.numbers[f"n{len(found.numbers) - 1}"] = Decimal(first[0])
    return match.start("number") + first.end()
