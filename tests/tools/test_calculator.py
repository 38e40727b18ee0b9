"""The calculator: what people write, exactly, in both languages, and nothing but arithmetic."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.builtin.calculator import evaluate, told
from tools.registry import ToolFailure


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ** 10", "1024"),
        ("2^100", "1267650600228229401496703205376"),
        ("17 // 5", "3"),
        ("-17 // 5", "-4"),
        ("17 % 5", "2"),
        ("-17 % 5", "3"),
        ("1/3", "0.333333333333333333333333333333"),
        ("2/3*3", "2"),
        ("2**-1", "0.5"),
        ("2(3+4)", "14"),
        ("1,234,567.5 * 2", "2469135"),
        ("max(1,200)", "200"),
        ("min(3, 1, 2)", "1"),
        ("sqrt(2)**2", "2"),
        ("√16", "4"),
        ("sin(pi)", "0"),
        ("log(100)", "2"),
        ("log(8, 2)", "3"),
        ("ln(e)", "1"),
        ("round(2.345, 2)", "2.35"),
        ("abs(-3)", "3"),
        ("factorial(20)", "2432902008176640000"),
        ("mean(1, 2, 6)", "3"),
        ("what is 12 times 12?", "144"),
        ("10 divided by 4 =", "2.5"),
    ],
)
def test_what_people_write_is_calculated(expression: str, result: str) -> None:
    assert told(evaluate(expression)) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("15% of 200", "30"),
        ("200의 15%", "30"),
        ("200 + 15%", "230"),
        ("200 - 15%", "170"),
        ("200 / 50%", "400"),
        ("(10 + 5)% of 200", "30"),
        ("50퍼센트", "0.5"),
    ],
)
def test_percentages_mean_what_a_pocket_calculator_means(expression: str, result: str) -> None:
    assert told(evaluate(expression)) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("3만 5천의 10%", "3500"),
        ("1억 2천만 나누기 3", "40000000"),
        ("12 곱하기 12는?", "144"),
        ("루트 16 더하기 3", "7"),
        ("10,000원의 5%", "500"),
        ("5의 제곱", "25"),
        ("2의 세제곱 더하기 1", "9"),
        ("16의 제곱근", "4"),
    ],
)
def test_korean_words_and_numbers_are_understood(expression: str, result: str) -> None:
    assert told(evaluate(expression)) == result


def test_money_is_exact() -> None:
    assert told(evaluate("0.1 + 0.2")) == "0.3"
    assert told(evaluate("19.99 * 3")) == "59.97"
    assert told(evaluate("1000000000000.01 + 0.02")) == "1000000000000.03"


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("1/0", "zero"),
        ("5 % 0", "zero"),
        ("0 ** -1", "zero"),
        ("log(10, 1)", "zero"),
        ("9**9**9", "too big"),
        ("factorial(500)", "too big"),
        ("exp(100000)", "too big"),
        ("1e400 * 1e700", "too big"),
        ("sqrt(-1)", "no real result"),
        ("(-8) ** (1/3)", "no real result"),
        ("ln(0)", "no real result"),
        ("asin(2)", "no real result"),
        ("1 +", "not a complete expression"),
        ("2 3", "not a complete expression"),
        ("((1)", "not a complete expression"),
        ("ten + 1", "not a number"),
        ("nosuch(1)", "There is no function"),
        ("__import__('os')", "There is no function"),
        ("().__class__", "not part of an arithmetic expression"),
        ("[1, 2]", "not part of an arithmetic expression"),
        ("1 if 2 else 3", "not"),
        ("min()", "takes from 1"),
        ("round(1, 99)", "places"),
        ("", "nothing to calculate"),
        ("1" * 501, "too long"),
        ("(" * 60 + "1" + ")" * 60, "too complex"),
    ],
)
def test_what_cannot_be_calculated_is_said_clearly(expression: str, part: str) -> None:
    with pytest.raises(ToolFailure, match=part):
        evaluate(expression)


@given(
    st.text(max_size=60)
    | st.text(alphabet="0123456789.,+-*/%^()e 만천억의sqrtmaxlog√²", max_size=80)
    | st.text(alphabet="9*()%!^-.", max_size=40)
)
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_the_calculator_or_keeps_it_busy(text: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(ToolFailure):
        told(evaluate(text))
    assert time.monotonic() - began < 2
