"""Prices as expressions, for the last per cent that tables can't say: arithmetic over named quantities, in Decimal.

An expression can compute and nothing else: + - * / and unary minus, min and max, comparisons, `and`, `or`, `not`, and
`a if condition else b`. Its length, depth and number of parts are bounded, so it always ends and always gives the same.
Conditions count as 1 and 0. What it gives is rounded to six decimals, as prices in tariffs have at most.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, DecimalException, localcontext

NAMES = {
    "price": "the component's own price, in the tariff's price basis",
    "spot": "the spot price per kWh after multiplier, adder, floor and cap, in the tariff's price basis",
    "kwh": "energy of the session before the period",
    "minutes": "elapsed since the start of charging",
    "hour": "local hour, 0 to 23",
    "weekday": "Monday 0 to Sunday 6",
    "month": "1 to 12",
    "min_power": "least power in the period, kW",
    "max_power": "highest power in the period, kW",
}
"""The quantities that an expression may name. Each is as of the start of the period."""

_LONGEST = 300
_DEEPEST = 16
_MOST_PARTS = 80
_LARGEST = Decimal(10) ** 12
_STEP = Decimal("1e-6")
_PRECISION = 50

_BINARY: dict[type[ast.AST], tuple[str, Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}
_COMPARE: dict[type[ast.AST], tuple[str, Callable[[Decimal, Decimal], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_BINARY_BY_SIGN = dict(_BINARY.values())
_COMPARE_BY_SIGN = dict(_COMPARE.values())


class FormulaError(ValueError):
    """The expression is not allowed, or has no value for these quantities. The text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A node of an expression: a number, the name of a quantity, or an operator with its operands."""

    sign: str
    parts: tuple["Part", ...] = ()
    value: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression: its text, the quantities that it names, and how it is computed."""

    text: str
    names: frozenset[str]
    root: Part


def parse(text: str) -> Formula:
    """Read an expression.

    Raises:
        FormulaError: it is too long or too deep, or holds anything but arithmetic over known quantities.
    """
    if len(text) > _LONGEST:
        raise FormulaError(f"is longer than {_LONGEST} characters")
    if not text.isascii() or not text.isprintable():
        raise FormulaError("has a character that is not printable ASCII")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError("is not an expression") from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_PARTS:
        raise FormulaError(f"has more than {_MOST_PARTS} parts")
    names: set[str] = set()
    root = _part(tree.body, text.strip(), names, _DEEPEST)
    return Formula(text, frozenset(names), root)


def evaluate(formula: Formula, values: Mapping[str, Decimal | None]) -> Decimal:
    """Compute a price.

    Args:
        formula: the expression.
        values: the quantities that it names; None where unknown.

    Raises:
        FormulaError: a quantity is unknown, a divisor is 0, or the value has more than 12 digits before the point.
    """
    with localcontext(prec=_PRECISION):
        try:
            result = _value(formula.root, values)
        except DecimalException as error:
            raise FormulaError("divides by 0 or leaves the range of numbers") from error
        if abs(result) >= _LARGEST:
            raise FormulaError("leaves the range of numbers")
        return result.quantize(_STEP, ROUND_HALF_UP).normalize()


def _part(node: ast.expr, text: str, names: set[str], depth: int) -> Part:
    if depth == 0:
        raise FormulaError(f"is nested more than {_DEEPEST} deep")
    below = depth - 1
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return Part("number", value=_number(ast.get_source_segment(text, node) or ""))
        case ast.Name(id=name):
            if name not in NAMES:
                raise FormulaError(f"names {name!r}, which is not one of {', '.join(NAMES)}")
            names.add(name)
            return Part(name)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            return Part("neg" if isinstance(node.op, ast.USub) else "not", (_part(operand, text, names, below),))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return Part(_BINARY[type(op)][0], (_part(left, text, names, below), _part(right, text, names, below)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return Part(_COMPARE[type(op)][0], (_part(left, text, names, below), _part(right, text, names, below)))
        case ast.BoolOp(op=op, values=values):
            sign = "and" if isinstance(op, ast.And) else "or"
            return Part(sign, tuple(_part(value, text, names, below) for value in values))
        case ast.IfExp(test=test, body=body, orelse=other):
            return Part("if", tuple(_part(value, text, names, below) for value in (test, body, other)))
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, *_] as args, keywords=[]) if not any(
            isinstance(arg, ast.Starred) for arg in args
        ):
            return Part(name, tuple(_part(arg, text, names, below) for arg in args))
    raise FormulaError(f"holds {ast.get_source_segment(text, node)!r}, which is not arithmetic")


def _number(text: str) -> Decimal:
    plain = text.replace("_", "")
    if not plain.replace(".", "", 1).isdigit() or len(plain) > 20:
        raise FormulaError(f"holds {text!r}, write numbers in digits with a point")
    return Decimal(plain)


def _value(part: Part, values: Mapping[str, Decimal | None]) -> Decimal:
    sign, parts = part.sign, part.parts
    if sign == "number":
        return part.value
    if sign in NAMES:
        value = values.get(sign)
        if value is None:
            raise FormulaError(f"needs {sign}, which is not known")
        return value
    if sign == "if":
        return _value(parts[1] if _value(parts[0], values) else parts[2], values)
    if sign in ("and", "or"):
        holds = all if sign == "and" else any
        return Decimal(holds(_value(p, values) != 0 for p in parts))
    operands = [_value(p, values) for p in parts]
    if sign in ("min", "max"):
        return min(operands) if sign == "min" else max(operands)
    if sign == "neg":
        return -operands[0]
    if sign == "not":
        return Decimal(operands[0] == 0)
    if sign in _COMPARE_BY_SIGN:
        return Decimal(_COMPARE_BY_SIGN[sign](*operands))
    return _BINARY_BY_SIGN[sign](*operands)
