"""One walk over every function of the language: values, derivatives, stable forms, kinks."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
import witness

from symprop.algebra.expressions import (
    ZERO,
    Access,
    Add,
    Call,
    Constant,
    Expr,
    Mul,
    Number,
    Power,
    Where,
    call,
    compare,
    iverson,
    junction,
    scalar,
    walk,
)
from symprop.algebra.functions import ALIASES, FUNCTIONS, OUTPUT, ScalarFunction, derivative, expand
from symprop.errors import MissingRuleError

# Points inside the domain and off the kinks; everything else is tried at these.
EVERYWHERE = ("-13/4", "-9/8", "-5/16", "3/16", "7/8", "13/4")
POSITIVE = ("1/16", "3/4", "5/2", "40")
BEYOND_ONE = ("9/8", "3", "20")
DOMAINS = {
    **dict.fromkeys(("log", "log2", "log10"), POSITIVE),
    "log1p": ("-7/8", *POSITIVE),
    **dict.fromkeys(("asin", "acos", "atanh"), ("-15/16", "-1/8", "3/16", "7/8")),
    "acosh": BEYOND_ONE,
    "asech": ("1/8", "3/4"),
    **dict.fromkeys(("asec", "acsc", "acoth"), ("-20", "-9/8", *BEYOND_ONE)),
}
# Second and later arguments.
OTHERS = {
    "atan2": ("5/4",),
    "max": ("1/3",),
    "min": ("1/3",),
    "leaky_relu": ("1/4",),
    "elu": ("3/4",),
    "swish": ("3/2",),
}
TAILS = ("-700", "-100", "-40", "40", "100", "700")

rows = pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)


def points(row: ScalarFunction) -> list[tuple[Fraction, ...]]:
    return [(Fraction(first), *map(Fraction, OTHERS.get(row.name, ()))) for first in DOMAINS.get(row.name, EVERYWHERE)]


def at(expr: Expr, row: ScalarFunction, point: tuple[Fraction, ...]) -> mpmath.mpf:
    return witness.value(expr, dict(zip(row.symbols, map(real, point), strict=True)))


def real(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def agree(left: mpmath.mpf, right: mpmath.mpf, digits: int) -> bool:
    return bool(abs(left - right) <= mpmath.mpf(10) ** -digits * max(1, abs(right)))


def atom(row: ScalarFunction, *orders: int) -> Call:
    return Call(row.name, row.symbols, orders)


def orders(row: ScalarFunction, position: int, order: int = 1) -> tuple[int, ...]:
    return tuple(order if n == position else 0 for n in range(len(row.parameters)))


@rows
def test_a_row_is_complete(row: ScalarFunction) -> None:
    assert len(row.parameters) == len(row.defaults)
    assert row.variadic is not None or len(row.derivatives) == len(row.parameters)
    assert row.stable_derivatives == () or len(row.stable_derivatives) == len(row.parameters)
    for form in (row.definition, row.stable, *row.derivatives, *row.stable_derivatives):
        for node in walk(form) if form is not None else ():
            assert not isinstance(node, Access) or node in row.symbols
            assert not isinstance(node, Call) or (node.function in FUNCTIONS and not node.orders)


@rows
def test_the_definition_is_the_function_of_the_textbook(row: ScalarFunction) -> None:
    for point in points(row):
        wanted = witness.FORMULAS[row.name](*map(real, point))
        for form in (row.definition, row.stable):
            if form is not None:
                assert agree(at(form, row, point), wanted, 50)


@rows
def test_derivatives_agree_with_numerical_differentiation(row: ScalarFunction) -> None:
    formula = witness.FORMULAS[row.name]
    for position in range(len(row.parameters)):
        for point in points(row):

            def along(value: mpmath.mpf, point=point, position=position) -> mpmath.mpf:  # type: ignore[no-untyped-def]
                changed = [*map(real, point)]
                changed[position] = value
                return formula(*changed)

            wanted = mpmath.diff(along, real(point[position]))
            for stable in (False, True):
                found = at(derivative(atom(row, *orders(row, position)), stable=stable), row, point)
                assert agree(found, wanted, 25), (position, point)


@rows
def test_second_derivatives_agree_with_numerical_differentiation_of_the_first(row: ScalarFunction) -> None:
    for position in range(len(row.parameters)):
        first = derivative(atom(row, *orders(row, position)))
        for point in points(row):

            def along(value: mpmath.mpf, point=point, first=first) -> mpmath.mpf:  # type: ignore[no-untyped-def]
                return witness.value(first, dict(zip(row.symbols, (value, *map(real, point[1:])), strict=True)))

            mixed = tuple(order + (n == 0) for n, order in enumerate(orders(row, position)))
            wanted = mpmath.diff(along, real(point[0]))
            for stable in (False, True):
                found = at(derivative(atom(row, *mixed), stable=stable), row, point)
                assert agree(found, wanted, 25), (position, point)


@pytest.mark.parametrize("row", [row for row in FUNCTIONS.values() if row.sympy_name], ids=lambda row: row.name)
def test_sympy_has_the_same_values_and_derivatives(row: ScalarFunction) -> None:
    symbols = sympy.symbols(row.parameters)
    function = getattr(sympy, row.sympy_name or "")(*symbols)
    for point in points(row):
        values = {s: sympy.Rational(p.numerator, p.denominator) for s, p in zip(symbols, point, strict=True)}
        value = sympy.N(function.subs(values), 50)
        assert agree(at(Call(row.name, row.symbols, ()), row, point), mpmath.mpf(str(value)), 40)
        for n, symbol in enumerate(symbols):
            slope = sympy.N(function.diff(symbol).subs(values), 50)
            assert agree(at(derivative(atom(row, *orders(row, n))), row, point), mpmath.mpf(str(slope)), 40)


@rows
def test_the_derivative_in_the_own_value_is_the_derivative(row: ScalarFunction) -> None:
    if row.in_output is None:
        return
    for point in points(row):
        names = dict(zip(row.symbols, map(real, point), strict=True))
        names[OUTPUT] = witness.FORMULAS[row.name](*map(real, point))
        slope = at(derivative(atom(row, *orders(row, 0))), row, point)
        assert agree(witness.value(row.in_output, names), slope, 50)


@rows
def test_kinks_have_the_stated_values_and_slopes(row: ScalarFunction) -> None:
    step = mpmath.mpf(10) ** -30
    for kink in row.kinks:
        others = tuple(map(Fraction, OTHERS.get(row.name, ())))
        parameters = dict(zip(row.symbols[1:], map(real, others), strict=True))
        point = (kink.at, *others)
        assert agree(at(call(row.name, *row.symbols), row, point), real(kink.value), 50)
        slope = derivative(atom(row, *orders(row, 0)))
        assert agree(at(slope, row, point), witness.value(kink.used, parameters), 50)
        for side, stated in ((-1, kink.left), (1, kink.right)):
            beside = dict(parameters)
            beside[row.symbols[0]] = real(kink.at) + side * step
            assert agree(witness.value(slope, beside), witness.value(stated, parameters), 25)


@rows
def test_there_is_no_kink_that_is_not_stated(row: ScalarFunction) -> None:
    """Where numerical slopes from both sides differ, a kink is listed."""
    if row.kinks_at_integers or row.variadic is not None or row.name in DOMAINS or row.name in ("cot", "csc"):
        return
    if row.name in ("coth", "csch", "acsch", "cbrt"):  # not defined, or vertical, at 0
        return
    stated = {kink.at for kink in row.kinks}
    step = mpmath.mpf(10) ** -25
    formula = witness.FORMULAS[row.name]
    for eighths in range(-32, 33):
        place = Fraction(eighths, 8)
        others = tuple(map(real, map(Fraction, OTHERS.get(row.name, ()))))
        left, middle, right = (formula(real(place) + side * step, *others) for side in (-1, 0, 1))
        smooth = abs((right - middle) - (middle - left)) < step**2 * 10**6
        assert smooth or place in stated


@pytest.mark.parametrize(
    "row",
    [row for row in FUNCTIONS.values() if row.stable is not None or row.stable_derivatives],
    ids=lambda row: row.name,
)
@pytest.mark.parametrize("tail", TAILS)
def test_stable_forms_are_accurate_in_float64_where_the_textbook_form_is_not(row: ScalarFunction, tail: str) -> None:
    """Relative error of at most 4 units per operation; values below the smallest normal number may round to 0."""
    point = (Fraction(tail), *map(Fraction, OTHERS.get(row.name, ())))
    forms = [
        (row.stable or row.definition, call(row.name, *row.symbols)),
        *(
            (derivative(atom(row, *orders(row, n)), stable=True), derivative(atom(row, *orders(row, n))))
            for n in range(len(row.parameters))
        ),
    ]
    for stable, textbook in forms:
        if stable is None:
            continue
        names = dict(zip(row.symbols, map(float, point), strict=True))
        found = in_float64(stable, names)
        with mpmath.workdps(1000):  # the textbook form cancels hundreds of digits
            wanted = witness.value(textbook, {name: mpmath.mpf(value) for name, value in names.items()})
            # An argument of 700 is exact, yet exp turns one rounding before it into 700 units.
            assert abs(found - wanted) <= 5000 * 2.0**-52 * abs(wanted) + 1e-300, (str(stable), found, wanted)


def in_float64(expr: Expr, names: dict[Expr, float]) -> float:
    """Return what code in double precision makes of an expression: every operation rounded, overflow infinite."""
    functions = {
        "exp": np.exp,
        "expm1": np.expm1,
        "log": np.log,
        "log1p": np.log1p,
        "tanh": np.tanh,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "abs": abs,
        "max": max,
        "erfc": math.erfc,
        "erf": math.erf,
        "sin": np.sin,
        "cos": np.cos,
    }

    def visit(node: Expr) -> float:
        if node in names:
            return np.float64(names[node])
        match node:
            case Number(value=value):
                return np.float64(float(value))
            case Constant(name=name):
                return np.float64({"pi": math.pi, "E": math.e}[name])
            case Add(terms=terms):
                return sum(map(visit, terms), np.float64(0))
            case Mul(factors=factors):
                return math.prod(map(visit, factors), start=np.float64(1))
            case Power(base=base, exponent=exponent):
                return visit(base) ** visit(exponent)
            case Where(condition=condition, then=then, otherwise=otherwise):
                return visit(then if witness.holds(condition, names) else otherwise)
            case Call(function=function, arguments=arguments):
                row = FUNCTIONS[function]
                form = row.stable or row.definition
                if form is not None:
                    return in_float64(form, dict(zip(row.symbols, map(visit, arguments), strict=True)))
                return np.float64(functions[function](*map(visit, arguments)))
        raise NotImplementedError(repr(node))

    with np.errstate(over="ignore", under="ignore"):
        return visit(expr)


def test_max_and_min_give_a_tie_to_the_first_argument_that_attains_it() -> None:
    a, b, c = map(scalar, "abc")
    found = [derivative(Call("max", (a, b, c), tuple(int(n == m) for m in range(3)))) for n in range(3)]
    conditions = [
        (compare(">=", a, b), compare(">=", a, c)),
        (compare(">", b, a), compare(">=", b, c)),
        (compare(">", c, a), compare(">", c, b)),
    ]
    assert found == [iverson(junction("and", *each)) for each in conditions]
    for values in ((1, 1, 1), (0, 2, 2), (1, 0, 1), (0, 1, 2)):
        names = dict(zip((a, b, c), map(mpmath.mpf, values), strict=True))
        slopes = [witness.value(slope, names) for slope in found]
        assert slopes == [int(n == values.index(max(values))) for n in range(3)]


def test_acot_is_continuous_at_0_and_lies_between_0_and_pi() -> None:
    row = FUNCTIONS["acot"]
    assert row.sympy_name is None  # sympy's jumps at 0
    near, value = (at(call("acot", *row.symbols), row, (Fraction(n, 10**9),)) for n in (-1, 1))
    assert abs(near - value) < 1e-8
    for point in (-1000, -1, 0, 1, 1000):
        assert 0 < at(call("acot", *row.symbols), row, (Fraction(point),)) < mpmath.pi


@dataclass(frozen=True)
class Defined:
    """A function of a network, as `derivative` needs to see it."""

    name: str
    parameters: tuple[str, ...]
    body: Expr | None


def test_a_function_that_a_network_defines_is_differentiated_through_its_body() -> None:
    u, a, beta = scalar("u"), scalar("a"), scalar("beta")
    gated = Defined("gated", ("u",), u * call("sigmoid", beta * u))
    found = derivative(Call("gated", (a,), (1,)), {"gated": gated})
    names = {a: mpmath.mpf("0.7"), beta: mpmath.mpf("1.5")}
    wanted = mpmath.diff(lambda x: x / (1 + mpmath.exp(-1.5 * x)), mpmath.mpf("0.7"))
    assert agree(witness.value(found, names), wanted, 25)


def test_a_parameter_of_a_function_never_captures_a_quantity_of_the_same_name() -> None:
    """g reads the quantity beta; f calls its own parameter beta."""
    u, beta, x = scalar("u"), scalar("beta"), scalar("x")
    functions = {
        "g": Defined("g", ("u",), u * u * beta),
        "f": Defined("f", ("beta",), call("g", beta)),
    }
    found = derivative(Call("f", (x,), (1,)), functions)
    assert agree(witness.value(found, {x: mpmath.mpf(3), beta: mpmath.mpf(5)}), mpmath.mpf(30), 50)


def test_the_derivative_of_a_function_without_body_stays_an_atom() -> None:
    u, x = scalar("u"), scalar("x")
    abstract = Defined("g", ("u",), None)
    atom = Call("g", (x,), (1,))
    assert derivative(atom, {"g": abstract}) is atom
    around = {"g": abstract, "f": Defined("f", ("u",), call("g", u * u))}
    assert derivative(Call("f", (x,), (1,)), around) is 2 * (Call("g", (x * x,), (1,)) * x)


def test_an_unknown_function_has_no_derivative() -> None:
    with pytest.raises(MissingRuleError, match="'sort' has no derivative"):
        derivative(Call("sort", (scalar("x"),), (1,)))


def test_a_constant_for_derivation_has_derivative_0() -> None:
    assert derivative(Call("stop", (scalar("x"),), (1,))) is ZERO


def test_expanding_goes_one_level_deep() -> None:
    x = scalar("x")
    assert expand(call("silu", x)) is x * call("sigmoid", x)  # type: ignore[arg-type]
    assert expand(call("exp", x)) is call("exp", x)
    assert expand(call("twice", x), {"twice": Defined("twice", ("u",), 2 * scalar("u"))}) is 2 * x


def test_every_alias_names_a_function_and_hides_none() -> None:
    for alias, name in ALIASES.items():
        assert name in FUNCTIONS
        assert alias not in FUNCTIONS


def test_the_table_has_every_function_of_the_language() -> None:
    listed = """exp cbrt log exp2 exp10 expm1 log2 log10 log1p sin cos tan sec csc cot asin acos atan asec acsc acot
    sinh cosh tanh sech csch coth asinh acosh atanh asech acsch acoth atan2 erf erfc abs sign floor min max
    step identity piecewise_linear sigmoid relu leaky_relu elu softplus swish silu gelu selu mish hard_sigmoid
    hard_tanh softsign"""
    assert set(listed.split()) <= set(FUNCTIONS)
    for name, parameters, defaults in (
        ("leaky_relu", ("u", "slope"), (None, Fraction(1, 10))),
        ("elu", ("u", "alpha"), (None, Fraction(1))),
        ("swish", ("u", "beta"), (None, Fraction(1))),
    ):
        assert (FUNCTIONS[name].parameters, FUNCTIONS[name].defaults) == (parameters, defaults)


def test_derivatives_need_no_sympy() -> None:
    code = (
        "import sys\n"
        "from symprop.algebra.expressions import Call, scalar\n"
        "from symprop.algebra.functions import FUNCTIONS, derivative\n"
        "for row in FUNCTIONS.values():\n"
        "    derivative(Call(row.name, row.symbols, (2,) + (0,)*(len(row.symbols) - 1)))\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
