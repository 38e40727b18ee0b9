"""Turns a sum in words, Korean or English, into an expression a calculator reads."""

from __future__ import annotations

import re

from agi_site.lib.engines.numbers import find_numbers, written

_N = r"(\d+(?:\.\d+)?)"
_J = r"\s?(?:을|를|은|는|에|에다|의|와|과|이랑|랑|하고)?\s?"
_UNIT = r"(?:\s?(?:원|달러|개|명|시간|유로|dollars?|euros?|won|hours?|people))?"

# Whole shapes, tried in order on the text with its numbers in digits; {0}, {1} ... are the numbers.
_SHAPES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.IGNORECASE), form)
    for pattern, form in (
        (
            rf"{_N}\s?(?:%|percent|per cent)\s?(?:off|discount on)\s?(?:of\s)?[$€£₩]?{_N}",
            "{1} * (100 - {0}) / 100",
        ),
        (
            rf"{_N}{_UNIT}{_J}(?:에서)?\s?{_N}\s?(?:%|퍼센트|프로)\s?(?:할인|세일|깎)",
            "{0} * (100 - {1}) / 100",
        ),
        (rf"{_N}\s?(?:%|percent|per cent)\s(?:of|tip on)\s[$€£₩]?{_N}", "{1} * {0} / 100"),
        (rf"{_N}{_UNIT}\s?(?:의|에서)\s?{_N}\s?(?:%|퍼센트|프로)", "{0} * {1} / 100"),
        (rf"(?:square root of|sqrt\s?\(?)\s?{_N}", "{0} ** 0.5"),
        (rf"{_N}\s?의?\s?제곱근|루트\s?{_N}", "{0} ** 0.5"),
        (rf"{_N}\s?의\s?{_N}\s?제곱|{_N}\s(?:to the power of|raised to)\s{_N}", "{0} ** {1}"),
        (rf"{_N}\s?(?:의\s?제곱|squared)", "{0} ** 2"),
        (rf"{_N}\s?cubed|{_N}\s?의\s?세제곱", "{0} ** 3"),
        (rf"half of\s{_N}|{_N}{_UNIT}\s?의\s?(?:절반|반)", "{0} / 2"),
        (rf"{_N}\s?의\s?{_N}\s?분의\s?{_N}", "{0} * {2} / {1}"),
        (rf"{_N}\s?/\s?{_N}\sof\s{_N}", "{2} * {0} / {1}"),
        (rf"subtract\s{_N}\sfrom\s{_N}", "{1} - {0}"),
        (rf"(?:increase|raise)\s{_N}\sby\s{_N}\s?(?:%|percent)", "{0} * (100 + {1}) / 100"),
        (rf"(?:decrease|reduce|lower)\s{_N}\sby\s{_N}\s?(?:%|percent)", "{0} * (100 - {1}) / 100"),
        (rf"(?:increase|raise)\s{_N}\sby\s{_N}", "{0} + {1}"),
        (rf"(?:decrease|reduce|lower)\s{_N}\sby\s{_N}", "{0} - {1}"),
        (rf"\b(?:double|twice)\s{_N}|{_N}{_UNIT}(?:의|를|을)?\s?(?:두|2) ?배", "{0} * 2"),
        (rf"\btriple\s{_N}|{_N}{_UNIT}(?:의|를|을)?\s?(?:세|3) ?배", "{0} * 3"),
        (rf"\bhalve\s{_N}", "{0} / 2"),
        (rf"\bsquare\s{_N}|{_N}\s?(?:을|를)\s?제곱", "{0} ** 2"),
        (rf"(?:divide|split)\s{_N}{_UNIT}\s(?:by|among|between)\s{_N}", "{0} / {1}"),
        (rf"multiply\s{_N}\s(?:by|and|with)\s{_N}", "{0} * {1}"),
        (rf"{_N}{_UNIT}\s?에서\s?{_N}{_UNIT}{_J}(?:빼|뺀|차감)", "{0} - {1}"),
        (rf"{_N}{_UNIT}(?:\s?(?:을|를)\s?|\s){_N}{_UNIT}\s?(?:으로|로)\s?(?:나누|나눈|나눠)", "{0} / {1}"),
        (rf"{_N}(?:\s?(?:에다?|과|와|이랑|하고)\s?|\s){_N}{_J}(?:곱하(?!기)|곱해|곱한)", "{0} * {1}"),
        (rf"{_N}\shours?\sat\s[$€£]?{_N}", "{0} * {1}"),
        (rf"시급\s?{_N}{_UNIT}\s?(?:으로|에|로)?\s?{_N}\s?시간", "{0} * {1}"),
    )
]
_OPERATORS: list[tuple[str, str]] = [
    (r"(?:multiplied by|times|곱하기|×|(?<=[\d)])\s?[xX]\s?(?=[\d(]))", " * "),
    (r"(?:divided by|나누기|÷)", " / "),
    (r"(?:plus|더하기)", " + "),
    (r"(?:minus|빼기|less)", " - "),
    (r"\^", " ** "),
]
_LIST = re.compile(r"\b(?:sum|total|add)\b|합계|의 합|더하(?!기)|더해|더한|총합|모두 더", re.IGNORECASE)
_MEAN = re.compile(r"\b(?:average|mean)\b|평균", re.IGNORECASE)
# All whole numbers of a range; "add 5 to 10" is none.
_RANGE = re.compile(
    rf"(?<![\d.]){_N}\s?(?:부터|에서)\s?{_N}\s?까지"
    rf"|\b(?:from|of|numbers|integers)\s{_N}\s(?:up\s)?(?:to|through)\s{_N}",
    re.IGNORECASE,
)
# What leaves some of them out, or makes others of them, is more than a formula.
_SOME = re.compile(
    r"\b(?:even|odd|primes?|multiples?|divisible|squares?|squared|cubes?|every|except)\b"
    r"|짝수|홀수|소수|배수|제곱|나누어|나눠|제외|빼",
    re.IGNORECASE,
)
_PURE = re.compile(r"(?<![\w.])\(*-?\d+(?:\.\d+)?\)*(?:\s*(?:\*\*|[-+*/%])\s*\(*-?\d+(?:\.\d+)?\)*)+")


def expression_of(text: str) -> str | None:
    """The sum of the text as an expression of digits, + - * / ** and brackets; None when there is none to
    see.
    """
    digits = _in_digits(text)
    for shape, form in _SHAPES:
        if match := shape.search(digits):
            return form.format(*[group for group in match.groups() if group is not None])
    spaced = digits
    for words, sign in _OPERATORS:
        spaced = re.sub(words, sign, spaced, flags=re.IGNORECASE)
    if match := _PURE.search(re.sub(r"\s+", " ", spaced)):
        found = match.group().strip()
        if found.count("(") == found.count(")") and not _is_date(found):
            return found
    numbers = re.findall(_N, digits)
    if _RANGE.search(digits):
        return _of_range(digits, numbers)
    if len(numbers) >= 2 and _MEAN.search(digits):
        return f"({' + '.join(numbers)}) / {len(numbers)}"
    if len(numbers) >= 2 and _LIST.search(digits):
        return " + ".join(numbers)
    return None


def _of_range(text: str, numbers: list[str]) -> str | None:
    """The sum or the mean of all whole numbers from the first to the last; None where it asks for more."""
    if len(numbers) != 2 or not all(map(str.isdigit, numbers)) or _SOME.search(text):
        return None
    first, last = numbers
    if int(first) > int(last):
        return None
    if _MEAN.search(text):
        return f"({first} + {last}) / 2"
    return f"({first} + {last}) * ({last} - {first} + 1) // 2" if _LIST.search(text) else None


def _is_date(expression: str) -> bool:
    """2026-11-22 and 11/22/2026 are dates, 010-1234-5678 a telephone number: no sums."""
    return bool(re.fullmatch(r"\d{1,4}([-/])\d{1,4}\1\d{1,4}", expression))


def _in_digits(text: str) -> str:
    """The text with every number in plain digits."""
    parts, end = [], 0
    for number in find_numbers(text):
        parts += [text[end : number.start], written(number.value)]
        end = number.end
    return "".join([*parts, text[end:]])
