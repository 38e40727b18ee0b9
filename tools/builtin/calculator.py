"""Arithmetic, exact in decimals: an evaluator over Python's syntax tree that knows numbers only."""

import ast
import math
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tools.registry import Parameter, ToolContext, ToolFailure, tool

from . import calculator_text

# Whole numbers stay exact up to MAX_DIGITS digits; roots and logarithms are computed to 50 and told to 30.
MAX_DIGITS = 1000
_TRAPS = [DivisionByZero, InvalidOperation, Overflow]
_EXACT = Context(prec=MAX_DIGITS + 200, Emax=MAX_DIGITS, Emin=-MAX_DIGITS, traps=_TRAPS)
_INEXACT = Context(prec=50, Emax=MAX_DIGITS, Emin=-MAX_DIGITS, traps=_TRAPS)
_TOLD = Context(prec=30, Emax=MAX_DIGITS, Emin=-MAX_DIGITS)
_MOST_FACTORIAL = 400

type Number = Decimal


def evaluate(text: str) -> Decimal:
    """The value of an expression as people write it; raises ToolFailure saying what is wrong with it."""
    parsed = calculator_text.parse(text, frozenset(_FUNCTIONS))
    if not parsed.tokens:
        raise ToolFailure(_("There is nothing to calculate. Give an expression such as 2 * (3 + 4)."))
    try:
        tree = ast.parse(parsed.text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ToolFailure(
            _("This is not a complete expression. Check its operators and brackets.")
        ) from error
    with localcontext(_EXACT):
        try:
            return _value(tree.body, parsed.numbers)
        except ZeroDivisionError as error:
            raise ToolFailure(_("Division by zero has no result.")) from error
        except (Overflow, OverflowError) as error:
            raise ToolFailure(_too_big()) from error
        except (InvalidOperation, ValueError) as error:
            raise ToolFailure(_("This has no real result.")) from error


def told(value: Decimal) -> str:
    """The value as digits, without exponent where that stays readable, and without idle zeros."""
    if value == value.to_integral_value() and value.adjusted() < MAX_DIGITS:
        return f"{value.to_integral_value():f}" if value else "0"
    rounded = _TOLD.plus(value)
    small = rounded.adjusted() < -12
    return f"{rounded.normalize(_TOLD):{'E' if small else 'f'}}"


@tool(
    "calculator",
    category="math",
    description=gettext_lazy(
        # xgettext:no-python-format
        "Calculate an arithmetic expression exactly: + - * / // % **, brackets, percentages (15% of 200), "
        "sqrt, abs, round, floor, ceil, min, max, sum, mean, log (base 10), ln, exp, sin, cos, tan, "
        "factorial, pi, e."
    ),
    parameters=[
        Parameter(
            "expression",
            "string",
            # xgettext:no-python-format
            gettext_lazy("The expression, such as 2 * (3 + 4), 15% of 200 or 3만 5천의 10%."),
            required=True,
            schema={"minLength": 1, "maxLength": calculator_text.MAX_CHARACTERS},
        )
    ],
    timeout=5,
)
def calculator(call: ToolContext, *, expression: str) -> dict[str, Any]:
    """`{"expression", "result", "value"}`: exact text, and a JSON number (None if none can hold it)."""
    value = evaluate(expression)
    number: int | float | None = float(value)
    if not math.isfinite(float(value)):
        number = None
    elif value == value.to_integral_value():
        number = int(value) if abs(value) < 2**53 else float(value)
    return {"expression": expression, "result": told(value), "value": number}


def _too_big() -> str:
    return _("The result is too big: at most %(most)s digits.") % {"most": MAX_DIGITS}


def _value(node: ast.expr, numbers: dict[str, Decimal]) -> Decimal:
    match node:
        case ast.Name(id=name):
            return _named(name, numbers)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, numbers)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, numbers)
        case ast.BinOp(left=left, op=operator, right=right):
            return _binary(left, operator, right, numbers)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _call(name, [_value(argument, numbers) for argument in arguments])
    # xgettext:no-python-format
    raise ToolFailure(_("Only numbers, + - * / // % **, brackets and known functions can be calculated."))


def _named(name: str, numbers: dict[str, Decimal]) -> Decimal:
    if name in numbers:
        return _bounded(numbers[name])
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    message = _("“%(name)s” is not a number. Known names: %(known)s.")
    raise ToolFailure(message % {"name": name[:40], "known": ", ".join(sorted(_CONSTANTS))})


def _binary(left: ast.expr, operator: ast.operator, right: ast.expr, numbers: dict[str, Decimal]) -> Decimal:
    first = _value(left, numbers)
    if isinstance(operator, ast.MatMult):  # what calculator_text makes of a percent sign
        return first / 100
    second = _value(right, numbers)
    if isinstance(right, ast.BinOp) and isinstance(right.op, ast.MatMult):
        # 200 + 15% means 15% of the 200, as on every pocket calculator.
        if isinstance(operator, ast.Add):
            return first * (1 + second)
        if isinstance(operator, ast.Sub):
            return first * (1 - second)
    return _bounded(_OPERATORS[type(operator)](first, second))


def _bounded(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise InvalidOperation
    if value and value.adjusted() >= MAX_DIGITS:
        raise OverflowError
    return value if value.adjusted() >= -MAX_DIGITS else Decimal(0)


def _floor_divided(first: Decimal, second: Decimal) -> Decimal:
    return (first / second).to_integral_value(ROUND_FLOOR)


def _remainder(first: Decimal, second: Decimal) -> Decimal:
    return first - second * _floor_divided(first, second)


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if base == 0 and exponent < 0:
        raise ZeroDivisionError
    if exponent == 0:
        return Decimal(1)
    if base and abs(base) != 1:
        digits = exponent * _INEXACT.log10(abs(base))  # checked first: the power itself could take for ever
        if digits > MAX_DIGITS:
            raise OverflowError
        if digits < -MAX_DIGITS:
            return Decimal(0)
    whole = exponent == exponent.to_integral_value()
    return base**exponent if whole and exponent > 0 else _INEXACT.power(base, exponent)


_OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda first, second: first + second,
    ast.Sub: lambda first, second: first - second,
    ast.Mult: lambda first, second: first * second,
    ast.Div: lambda first, second: first / second,
    ast.FloorDiv: _floor_divided,
    ast.Mod: _remainder,
    ast.Pow: _power,
}


def _of_float(function: Callable[[float], float]) -> Callable[[Decimal], Decimal]:
    """A function of the machine's own precision; the last, doubtful digits are cut, so that sin(pi) is 0."""
    return lambda value: round(Decimal(function(float(value))), 15)


def _round(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    if not -50 <= places <= 50:
        raise ToolFailure(_("round() takes from -50 to 50 places."))
    return value.quantize(Decimal(1).scaleb(-int(places)), rounding=ROUND_HALF_UP)


def _log(value: Decimal, base: Decimal = Decimal(10)) -> Decimal:
    if value <= 0 or base <= 0:
        raise InvalidOperation
    return _INEXACT.divide(_INEXACT.log10(value), _INEXACT.log10(base))


def _factorial(value: Decimal) -> Decimal:
    if value != value.to_integral_value() or value < 0:
        raise InvalidOperation
    if value > _MOST_FACTORIAL:
        raise OverflowError
    return Decimal(math.factorial(int(value)))


_CONSTANTS = {
    "pi": Decimal("3.14159265358979323846264338327950288419716939937511"),
    "tau": Decimal("6.28318530717958647692528676655900576839433879875021"),
    "e": Decimal("2.71828182845904523536028747135266249775724709369996"),
}
# Name -> (function, fewest and most arguments)
_FUNCTIONS: dict[str, tuple[Callable[..., Decimal], int, int]] = {
    "sqrt": (_INEXACT.sqrt, 1, 1),
    "cbrt": (_of_float(math.cbrt), 1, 1),
    "abs": (abs, 1, 1),
    "round": (_round, 1, 2),
    "floor": (lambda value: value.to_integral_value(ROUND_FLOOR), 1, 1),
    "ceil": (lambda value: value.to_integral_value(ROUND_CEILING), 1, 1),
    "min": (min, 1, 100),
    "max": (max, 1, 100),
    "sum": (lambda *values: sum(values, Decimal(0)), 1, 100),
    "mean": (lambda *values: sum(values, Decimal(0)) / len(values), 1, 100),
    "average": (lambda *values: sum(values, Decimal(0)) / len(values), 1, 100),
    "exp": (_INEXACT.exp, 1, 1),
    "ln": (_INEXACT.ln, 1, 1),
    "log": (_log, 1, 2),
    "log10": (_INEXACT.log10, 1, 1),
    "log2": (lambda value: _log(value, Decimal(2)), 1, 1),
    "factorial": (_factorial, 1, 1),
    "pow": (_power, 2, 2),
    "mod": (_remainder, 2, 2),
    "sin": (_of_float(math.sin), 1, 1),
    "cos": (_of_float(math.cos), 1, 1),
    "tan": (_of_float(math.tan), 1, 1),
    "asin": (_of_float(math.asin), 1, 1),
    "acos": (_of_float(math.acos), 1, 1),
    "atan": (_of_float(math.atan), 1, 1),
    "radians": (_of_float(math.radians), 1, 1),
    "degrees": (_of_float(math.degrees), 1, 1),
}


def _call(name: str, arguments: list[Decimal]) -> Decimal:
    function, fewest, most = _FUNCTIONS[name]
    if not fewest <= len(arguments) <= most:
        message = _("%(name)s() takes from %(fewest)s to %(most)s values.")
        raise ToolFailure(message % {"name": name, "fewest": fewest, "most": most})
    return _bounded(function(*arguments))
