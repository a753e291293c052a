"""Partials of scalar expressions are derivatives, and rewritings keep the value."""

from __future__ import annotations

from fractions import Fraction

import pytest
from brute_force import Point, UndefinedError, Value, Witness, central_difference, close, no_network
from hypothesis import given, settings
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    EULER,
    ONE,
    PI,
    ZERO,
    Access,
    Add,
    Bound,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Size,
    add,
    call,
    compare,
    mul,
    number,
    power,
    reduce,
    scalar,
    substitute,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.algebra.scalars import differentiate, opaque_nodes, partial, rewritings, scalar_template
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Quantity

x, y, z = map(scalar, "xyz")
i, j = Index("i"), Index("j")
N = Size("N")
two, three, half = number(2), number(3), number("1/2")


def sqrt(expr: Expr) -> Expr:
    return power(expr, half)


def given_values(*values: str) -> dict[str, dict[Point, Value]]:
    return {name: {(): Fraction(value)} for name, value in zip("xyz", values, strict=False)}


def network_of(expression: Expr) -> Network:
    quantities = {name: Quantity(name, "input") for name in "xyz"} | {"L": Quantity("L", "defined")}
    return Network(quantities, (Equation(scalar("L"), (), expression),))


def assert_partials_are_derivatives(expression: Expr, point: tuple[str, ...]) -> None:
    witness = Witness(network_of(expression), {"N": 3}, given_values(*point))
    for name in "xyz"[: len(point)]:
        found = witness.of(partial(expression, scalar(name)))
        assert close(found, central_difference(witness, ("L", ()), (name, ()))), (
            f"d({expression})/d{name} = {partial(expression, scalar(name))}"
        )


# Points inside the domain, on both sides of kinks.
DOMAINS: dict[str, tuple[str, ...]] = {
    "acosh": ("5/2", "9/8"),
    "asec": ("5/2", "-7/3"),
    "acsc": ("5/2", "-7/3"),
    "acoth": ("5/2", "-7/3"),
    "asech": ("2/5", "6/7"),
    "log": ("2/5", "7/3"),
    "log2": ("2/5", "7/3"),
    "log10": ("2/5", "7/3"),
    "log1p": ("-2/5", "7/3"),
    "asin": ("2/5", "-6/7"),
    "acos": ("2/5", "-6/7"),
    "atanh": ("2/5", "-6/7"),
    "hard_sigmoid": ("-4", "1/3", "22/7"),
    "hard_tanh": ("-4", "1/3", "22/7"),
    "piecewise_linear": ("-4", "1/3", "22/7"),
}
SINGLE = [
    (name, point)
    for name, row in FUNCTIONS.items()
    if row.variadic is None
    for point in DOMAINS.get(name, ("3/7", "-11/5"))
]


@pytest.mark.parametrize(("name", "point"), SINGLE)
def test_partials_of_every_function_of_the_catalogue(name: str, point: str) -> None:
    others = (number("4/3"),) * (len(FUNCTIONS[name].parameters) - 1)
    assert_partials_are_derivatives(call(name, x, *others), (point,))
    assert_partials_are_derivatives(y * power(call(name, x * ONE, *others), two) + x, (point, "5/7"))


COMPOSED: tuple[tuple[Expr, tuple[str, ...]], ...] = (
    (x * y * z, ("2/3", "-5/7", "3")),
    (x * x + x * y, ("2/3", "-5/7")),
    (x / y, ("2/3", "-5/7")),
    (ONE / (ONE + call("exp", -x)), ("2/3",)),
    (power(x, three) - 2 * power(x, two) + x - number(7), ("-3/4",)),
    (power(x, number(-3)), ("-3/4",)),
    (sqrt(x), ("3/4",)),
    (power(x, number("-3/2")), ("3/4",)),
    (power(x, y), ("3/4", "-5/2")),
    (power(two, x), ("-5/2",)),
    (power(EULER, x), ("-5/2",)),
    (power(x, x), ("7/5",)),
    (power(x * y, half), ("-3/4", "-5/2")),
    (sqrt(power(x, two)), ("-3/4",)),
    (sqrt(power(x, two) + power(y, two)), ("-3/4", "4/5")),
    (sqrt(power(x, two) - 2 * x * y + power(y, two)), ("-3/4", "4/5")),
    (call("exp", -power(x - y, two) / (2 * power(z, two))), ("2/3", "-5/7", "3/2")),
    (call("log", call("exp", x) + call("exp", y)), ("2/3", "-5/7")),
    (call("log", power(x, two)), ("-2/3",)),
    (call("log", x * y), ("-2/3", "-5/7")),
    (call("exp", call("log", x) * y), ("2/3", "-5/7")),
    (-(y * call("log", call("sigmoid", x))) - (ONE - y) * call("log", ONE - call("sigmoid", x)), ("2/3", "1/7")),
    (call("sigmoid", call("tanh", x * y) + z), ("2/3", "-5/7", "1/9")),
    (call("tanh", x) * call("sigmoid", x) * call("relu", x), ("2/3",)),
    (call("swish", x, y), ("2/3", "-5/7")),
    (call("elu", x, y), ("-2/3", "5/7")),
    (call("leaky_relu", x, y), ("-2/3", "5/7")),
    (call("swish", x * y, x + y), ("2/3", "-5/7")),
    (call("atan2", x, y), ("2/3", "-5/7")),
    (call("atan2", x * y, x - y), ("2/3", "-5/7")),
    (call("atan2", x, ONE), ("-2/3",)),
    (call("sin", x) / call("cos", x) - call("tan", x), ("2/3",)),
    (call("acosh", x) + call("asech", ONE / x), ("7/2",)),
    (call("abs", x * y), ("2/3", "-5/7")),
    (call("sign", x) * x, ("-2/3",)),
    (call("floor", x) * power(x, two), ("17/3",)),
    (call("erf", x / sqrt(two * PI)), ("2/3",)),
    (call("cbrt", x - y), ("2/3", "5/7")),
    (call("gelu", x) + call("mish", y) + call("silu", z), ("2/3", "-5/7", "1/3")),
    (call("softplus", -x) - call("softplus", x) + x, ("2/3",)),
    (call("log1p", call("expm1", x)), ("2/3",)),
    (x * N / power(N, half), ("2/3",)),
    (PI * x + EULER * y, ("2/3", "-5/7")),
    (power(power(x, two), y), ("-2/3", "3/4")),
    (call("sigmoid", x, orders=(1,)), ("2/3",)),
    (call("sigmoid", x * y, orders=(2,)) * x, ("2/3", "1/3")),
    (call("swish", x, y, orders=(1, 0)), ("2/3", "1/3")),
    (call("relu", x, orders=(1,)) * x, ("2/3",)),
    (call("sech", x) + call("csch", y) + call("coth", z), ("2/3", "1/3", "4/7")),
)
OPAQUE: tuple[Expr, ...] = (
    call("stop", x) * x,
    call("max", x, y) * z,
    where(compare("<", x, y), x, y) * z,
)


@pytest.mark.parametrize(("expression", "point"), COMPOSED, ids=str)
def test_partials_of_composed_expressions(expression: Expr, point: tuple[str, ...]) -> None:
    assert_partials_are_derivatives(expression, point)


def test_the_tables_are_long_enough() -> None:
    assert len({name for name, _ in SINGLE}) + len(COMPOSED) > 60
    assert {name for name, _ in SINGLE} >= FUNCTIONS.keys() - {"max", "min"}


def test_the_opaque_nodes_are_what_the_scalar_layer_reads() -> None:
    total = reduce("sum", (Bound(i, ONE, N),), Access("w", (i,)) * Access("x", (i,)))
    chosen = where(compare("<", x, ZERO), x, y)
    extremum = call("max", x, y)
    expr = call("sigmoid", total + x) * chosen + power(x, two) * N * extremum + i
    assert opaque_nodes(expr) == (total, x, chosen, N, extremum, i)
    template, nodes = scalar_template(expr)
    assert substitute(template, {scalar(f"#{n}"): node for n, node in enumerate(nodes)}) is expr


def test_reductions_are_read_as_a_whole() -> None:
    total = reduce("sum", (Bound(i, ONE, N),), Access("w", (i,)))
    same = reduce("sum", (Bound(j, ONE, N),), Access("w", (j,)))
    assert partial(power(total, two), same) == 2 * total
    assert partial(call("exp", total) * same, total) == call("exp", total) * total + call("exp", total)


@pytest.mark.parametrize(
    ("expression", "by", "wanted"),
    [
        (x * y, x, y),
        (2 * x + y, x, two),
        (x, x, ONE),
        (call("sigmoid", x), x, call("sigmoid", x, orders=(1,))),  # an atom
        (call("sigmoid", x * y), x, y * call("sigmoid", x * y, orders=(1,))),
        (call("swish", x, y), y, call("swish", x, y, orders=(0, 1))),
        (Access("w", (i,)) * Access("x", (i,)), Access("w", (i,)), Access("x", (i,))),
        (Access("w", (i,)) * Access("w", (j,)), Access("w", (j,)), Access("w", (i,))),
        (call("stop", x) * x, x, call("stop", x)),
        (call("max", x, y) * z, z, call("max", x, y)),
        (y * z, x, ZERO),
        (call("g", x), x, call("g", x, orders=(1,))),  # an abstract function
        (call("g", x, orders=(1,)), x, call("g", x, orders=(2,))),
        (call("exp", x), x, call("exp", x)),
        (call("log", x), x, power(x, number(-1))),
    ],
    ids=str,
)
def test_forms_of_partials(expression: Expr, by: Expr, wanted: Expr) -> None:
    assert partial(expression, by) == wanted


def test_numbers_that_are_no_real_numbers_do_no_harm() -> None:
    """sympy writes sqrt(-1) and 1/0 in ways of its own; they stay what the text says."""
    undefined = [sqrt(number(-1)), sqrt(number(-2)), power(ZERO, number(-1))]
    undefined += [call("log", ZERO), call("log", number(-2)), call("asin", two), call("acosh", ZERO)]
    for strange in undefined:
        assert strange in set(walk(partial(strange * power(x, two), x)))
        for _, form in rewritings(strange * (x + y) + strange * x):
            assert strange in set(walk(form))
    # Where sympy only finds out on the way, what comes out is undefined too, but no error.
    for expression in (power(number(-2), x), power(sqrt(-x * x - ONE), x), call("log", -power(x, two)) * x):
        witness = Witness(no_network(), {}, given_values("2/3"))
        with pytest.raises(UndefinedError):
            witness.of(partial(expression, x))


def test_huge_powers_cost_no_time() -> None:
    tower = power(number(9), power(number(9), number(9**9)))
    assert partial(tower * power(x, two), x) == tower * 2 * x
    assert partial(power(x, number(10**6)), x) == number(10**6) * power(x, number(10**6 - 1))
    assert rewritings(power(x + y, number(10**6)) + x) == ()


def test_a_variable_inside_a_reduction_or_condition_is_refused() -> None:
    assert differentiate(power(x, two) + y, x) == 2 * x
    assert differentiate(y, x) is ZERO
    for hidden in (reduce("sum", (Bound(i, ONE, N),), x * Access("w", (i,))), where(compare("<", x, ZERO), x, y)):
        with pytest.raises(ValueError, match="inside"):
            differentiate(x * hidden, x)


REWRITTEN = (
    x * y + x * z,
    (power(x, two) - power(y, two)) / (x - y),
    x / (x + y) + y / (x + y),
    ONE / x + ONE / y,
    call("sigmoid", x) * (ONE - call("sigmoid", x)) / call("sigmoid", x),
    (x + y) * (x - y) + power(y, two),
    power(x + y, number(-1)) * z - z,
    call("exp", x) * y + call("exp", 2 * x),
    power(x, half) * y + power(x, half) * z,
    call("softplus", x) * x / y - x * z / y,
)


@pytest.mark.parametrize("expr", [*REWRITTEN, *OPAQUE, *(case[0] for case in COMPOSED)], ids=str)
def test_rewritings_keep_the_value(expr: Expr) -> None:
    tried = 0
    for point in (("2/3", "5/7", "3/4"), ("9/4", "1/3", "8/5"), ("7/5", "3/4", "5/4")):
        witness = Witness(no_network(), {"N": 3}, given_values(*point))
        try:
            wanted = witness.of(expr)
        except UndefinedError:
            continue
        tried += 1
        for name, form in rewritings(expr):
            assert close(witness.of(form), wanted), f"{name}: {form}"
    assert tried


SCALARS = st.recursive(
    st.sampled_from((x, y, z, two, half, number(-3), ONE)),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: add(*pair)),
        st.tuples(inner, inner).map(lambda pair: mul(*pair)),
        st.tuples(inner, inner).map(lambda pair: pair[0] / (ONE + power(pair[1], two))),
        st.tuples(st.sampled_from(("sigmoid", "tanh", "softplus", "atan", "silu")), inner).map(lambda p: call(*p)),
        st.tuples(inner, st.sampled_from((two, three))).map(lambda pair: power(*pair)),
    ),
    max_leaves=8,
)


@given(SCALARS)
@settings(max_examples=60)
def test_partials_and_rewritings_of_random_expressions(expression: Expr) -> None:
    point = ("2/3", "-5/7", "3/4")
    assert_partials_are_derivatives(expression, point)
    witness = Witness(no_network(), {}, given_values(*point))
    for name, form in rewritings(expression):
        assert close(witness.of(form), witness.of(expression)), f"{name}: {form}"


def test_equal_templates_are_differentiated_once() -> None:
    from symprop.algebra.scalars import _differentiate

    before = _differentiate.cache_info().misses
    for name in ("p", "q", "r"):
        a = Access(name, (i,))
        assert partial(call("sin", a) * call("exp", 3 * a) / (ONE + a), a) is not ZERO
    assert _differentiate.cache_info().misses == before + 1


def test_partials_keep_numbers_exact() -> None:
    numbers = {
        node
        for node in walk(partial(power(x, number("1/10")) * number("1e-5"), x))
        if isinstance(node, (Number, Add, Mul, Power))
    }
    assert number("1e-6") in numbers
