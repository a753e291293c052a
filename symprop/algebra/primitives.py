"""What a function of scalars is, and the elementary functions of the language.

A function is a row here (or in `activations`) and nothing else.  Printers, evaluators and code targets know the
primitives, the rows without `definition`; every other row says what it is in them.  Users of the table read it from
`symprop.algebra.functions`, where the rows of both modules stand together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    PI,
    ZERO,
    Access,
    Expr,
    call,
    compare,
    iverson,
    junction,
    number,
    power,
    scalar,
    substitute,
)

OUTPUT = scalar("output")  # stands for the function's own value in `in_output`
HALF = number("1/2")


@dataclass(frozen=True)
class Kink:
    """A point without a derivative, or with a jump.

    Attributes
    ----------
    at : Fraction
        The argument.
    value : Fraction
        The function's value there.
    left, right : Expr
        One-sided derivatives.
    used : Expr
        The derivative that is used there.
    """

    at: Fraction
    value: Fraction
    left: Expr
    right: Expr
    used: Expr


@dataclass(frozen=True)
class ScalarFunction:
    """A function of real scalars.

    Attributes
    ----------
    name : str
        Its name in the language.
    parameters : tuple of str
        Names of the arguments; in `definition` and `derivatives` they stand as scalars.
    defaults : tuple of Fraction or None
        Default of each argument; a `Call` always carries every argument.
    definition : Expr, optional
        In other functions; None for a primitive.
    derivatives : tuple of Expr
        By each argument, in the textbook form and without derivative atoms. May call the function itself.
    in_output : Expr, optional
        The derivative by the first argument in terms of the function's own value `OUTPUT` (and the arguments):
        ``output*(1 - output)`` for the sigmoid.
    stable : Expr, optional
        A form that is accurate everywhere, for code, if the definition is not.
    stable_derivatives : tuple of Expr
        The derivatives in a form that keeps its relative accuracy in the tails; empty if `derivatives` does.
    variadic : callable, optional
        For a function of any number of arguments: from the arguments and a position to the derivative by that one.
        `derivatives` is then empty, and `parameters` names as many arguments as a call must have at least.
    kinks : tuple of Kink
    kinks_at_integers : bool
        Whether every integer is a jump (`floor`); `kinks` is then empty.
    sympy_name : str, optional
        Name of the function in sympy, for smooth functions that sympy knows with the same values and that are no
        activation: those stay atoms in a derivation.
    source : str
        Where the formula is from.
    """

    name: str
    parameters: tuple[str, ...] = ("u",)
    defaults: tuple[Fraction | None, ...] = (None,)
    definition: Expr | None = None
    derivatives: tuple[Expr, ...] = ()
    in_output: Expr | None = None
    stable: Expr | None = None
    stable_derivatives: tuple[Expr, ...] = ()
    variadic: Callable[[tuple[Expr, ...], int], Expr] | None = None
    kinks: tuple[Kink, ...] = ()
    kinks_at_integers: bool = False
    sympy_name: str | None = None
    source: str = ""

    @property
    def symbols(self) -> tuple[Access, ...]:
        """The arguments as they stand in the definition."""
        return tuple(scalar(name) for name in self.parameters)

    @property
    def is_primitive(self) -> bool:
        """Whether printers and code targets must know the function themselves."""
        return self.definition is None

    def at(self, form: Expr, arguments: tuple[Expr, ...]) -> Expr:
        """Return a `form` of this row (its definition, a derivative, ...) at `arguments`."""
        return substitute(form, dict(zip(self.symbols, arguments, strict=True)))


def _c(function: str) -> Callable[..., Expr]:
    return lambda *arguments: call(function, *arguments)


u, v = scalar("u"), scalar("v")
exp, log, sin, cos, tan = map(_c, ("exp", "log", "sin", "cos", "tan"))
sinh, cosh, tanh, sign, absolute = map(_c, ("sinh", "cosh", "tanh", "sign", "abs"))
two, ten = number(2), number(10)


def sqrt(expr: Expr) -> Expr:
    """Return the square root of an expression, as the language writes it."""
    return power(expr, HALF)


def _own_the_tie(operator: str) -> Callable[[tuple[Expr, ...], int], Expr]:
    """Return the derivative of a maximum (operator ``>``) or minimum (``<``): 1 for the first that attains it."""

    def derivative(arguments: tuple[Expr, ...], position: int) -> Expr:
        own = arguments[position]
        before = (compare(operator, own, other) for other in arguments[:position])
        after = (compare(f"{operator}=", own, other) for other in arguments[position + 1 :])
        return iverson(junction("and", *before, *after))

    return derivative


_DLMF = "DLMF, NIST Digital Library of Mathematical Functions, "
_TIE = "The first argument that attains the value owns the tie."


def _smooth(name: str, derivative: Expr, definition: Expr | None = None, **rest: object) -> ScalarFunction:
    """Return the row of a smooth function of one argument that sympy calls by the same name."""
    return ScalarFunction(
        name,
        definition=definition,
        derivatives=(derivative,),
        **{"sympy_name": name, **rest},  # type: ignore[arg-type]
    )


_SQUARE = power(u, two)
_ROWS: tuple[ScalarFunction, ...] = (
    # Exponentials and logarithms; log is the natural logarithm.
    _smooth("exp", exp(u), in_output=OUTPUT, source=_DLMF + "eq. 4.7.4"),
    _smooth("log", ONE / u, source=_DLMF + "eq. 4.7.1"),
    _smooth("exp2", log(two) * call("exp2", u), in_output=log(two) * OUTPUT, sympy_name=None, source=_DLMF + "4.7.8"),
    _smooth(
        "exp10",
        log(ten) * call("exp10", u),
        power(ten, u),
        in_output=log(ten) * OUTPUT,
        sympy_name=None,
        source=_DLMF + "eq. 4.7.8",
    ),
    _smooth("expm1", exp(u), in_output=OUTPUT + ONE, sympy_name=None, source="exp(u) - 1; " + _DLMF + "eq. 4.7.4"),
    _smooth("log2", ONE / (u * log(two)), sympy_name=None, source=_DLMF + "eq. 4.2.20"),
    _smooth("log10", ONE / (u * log(ten)), sympy_name=None, source=_DLMF + "eq. 4.2.22"),
    _smooth("log1p", ONE / (ONE + u), sympy_name=None, source="log(1 + u); " + _DLMF + "eq. 4.7.1"),
    # The real cube root, odd; sympy's is the principal complex one.
    _smooth(
        "cbrt",
        ONE / (3 * power(call("cbrt", u), two)),
        in_output=ONE / (3 * power(OUTPUT, two)),
        sympy_name=None,
        source="real cube root, cbrt(-u) = -cbrt(u)",
    ),
    # Circular functions, in radians.
    _smooth("sin", cos(u), source=_DLMF + "eq. 4.20.1"),
    _smooth("cos", -sin(u), source=_DLMF + "eq. 4.20.2"),
    _smooth("tan", ONE + power(tan(u), two), in_output=ONE + power(OUTPUT, two), source=_DLMF + "eq. 4.20.3"),
    _smooth("csc", -call("csc", u) * call("cot", u), ONE / sin(u), source=_DLMF + "eq. 4.20.4"),
    _smooth("sec", call("sec", u) * tan(u), ONE / cos(u), source=_DLMF + "eq. 4.20.5"),
    _smooth(
        "cot",
        -ONE - power(call("cot", u), two),
        cos(u) / sin(u),
        in_output=-ONE - power(OUTPUT, two),
        source=_DLMF + "eq. 4.20.6",
    ),
    _smooth("asin", ONE / sqrt(ONE - _SQUARE), source=_DLMF + "eq. 4.24.7"),
    _smooth("acos", MINUS_ONE / sqrt(ONE - _SQUARE), source=_DLMF + "eq. 4.24.8"),
    _smooth("atan", ONE / (ONE + _SQUARE), source=_DLMF + "eq. 4.24.9"),
    _smooth(
        "acsc",
        MINUS_ONE / (absolute(u) * sqrt(_SQUARE - ONE)),
        call("asin", ONE / u),
        source=_DLMF + "eq. 4.24.10",
    ),
    _smooth("asec", ONE / (absolute(u) * sqrt(_SQUARE - ONE)), call("acos", ONE / u), source=_DLMF + "eq. 4.24.11"),
    # The angle of (u, 1): continuous at 0 with values in (0, pi). sympy's jumps at 0.
    _smooth(
        "acot",
        MINUS_ONE / (ONE + _SQUARE),
        call("atan2", ONE, u),
        sympy_name=None,
        source=_DLMF + "eq. 4.24.12, on the branch pi/2 - atan(u)",
    ),
    ScalarFunction(
        "atan2",  # atan2(y, x), the angle of the point (x, y) in (-pi, pi]
        ("u", "v"),
        (None, None),
        derivatives=(v / (_SQUARE + power(v, two)), -u / (_SQUARE + power(v, two))),
        sympy_name="atan2",
        source=_DLMF + "section 4.23(iv); atan2(y, x)",
    ),
    # Hyperbolic functions; tanh is an activation.
    _smooth("sinh", cosh(u), source=_DLMF + "eq. 4.34.1"),
    _smooth("cosh", sinh(u), source=_DLMF + "eq. 4.34.2"),
    _smooth("csch", -call("csch", u) * call("coth", u), ONE / sinh(u), source=_DLMF + "eq. 4.34.4"),
    _smooth("sech", -call("sech", u) * tanh(u), ONE / cosh(u), source=_DLMF + "eq. 4.34.5"),
    _smooth(
        "coth",
        ONE - power(call("coth", u), two),
        ONE / tanh(u),
        in_output=ONE - power(OUTPUT, two),
        stable_derivatives=(-power(call("csch", u), two),),
        source=_DLMF + "eq. 4.34.6",
    ),
    _smooth("asinh", ONE / sqrt(_SQUARE + ONE), source=_DLMF + "eq. 4.38.9"),
    _smooth("acosh", ONE / (sqrt(u - ONE) * sqrt(u + ONE)), source=_DLMF + "eq. 4.38.10"),
    _smooth("atanh", ONE / (ONE - _SQUARE), source=_DLMF + "eq. 4.38.11"),
    _smooth(
        "acsch",
        MINUS_ONE / (absolute(u) * sqrt(ONE + _SQUARE)),
        call("asinh", ONE / u),
        source=_DLMF + "eq. 4.38.12",
    ),
    _smooth("asech", MINUS_ONE / (u * sqrt(ONE - _SQUARE)), call("acosh", ONE / u), source=_DLMF + "eq. 4.38.13"),
    _smooth("acoth", ONE / (ONE - _SQUARE), call("atanh", ONE / u), source=_DLMF + "eq. 4.38.14"),
    # The error function.
    _smooth("erf", two / sqrt(PI) * exp(-_SQUARE), source=_DLMF + "eq. 7.2.1"),
    _smooth("erfc", -two / sqrt(PI) * exp(-_SQUARE), source=_DLMF + "eq. 7.2.2"),
    # Functions with kinks and jumps.
    ScalarFunction(
        "abs",
        derivatives=(sign(u),),
        kinks=(Kink(Fraction(0), Fraction(0), MINUS_ONE, ONE, ZERO),),
        source="0 at the kink, the middle of [-1, 1]",
    ),
    ScalarFunction(
        "sign",
        derivatives=(ZERO,),
        kinks=(Kink(Fraction(0), Fraction(0), ZERO, ZERO, ZERO),),
        source="value 0 and slope 0 at the jump",
    ),
    ScalarFunction("floor", derivatives=(ZERO,), kinks_at_integers=True, source="slope 0 at the jumps"),
    ScalarFunction(
        "ceil",
        definition=-call("floor", -u),
        derivatives=(ZERO,),
        kinks_at_integers=True,
        source="slope 0 at the jumps",
    ),
    ScalarFunction("max", ("u", "v"), (None, None), variadic=_own_the_tie(">"), source=_TIE),
    ScalarFunction("min", ("u", "v"), (None, None), variadic=_own_the_tie("<"), source=_TIE),
)

PRIMITIVES: dict[str, ScalarFunction] = {row.name: row for row in _ROWS}

# Other spellings of the same functions, as numpy, sympy and C write them.
SPELLINGS: dict[str, str] = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arccot": "acot",
    "arcsec": "asec",
    "arccsc": "acsc",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "arccoth": "acoth",
    "arcsech": "asech",
    "arccsch": "acsch",
    "arsinh": "asinh",
    "arcosh": "acosh",
    "artanh": "atanh",
    "Abs": "abs",
    "ceiling": "ceil",
    "maximum": "max",
    "minimum": "min",
    "Max": "max",
    "Min": "min",
}
