"""What the writer writes reads back, and looks as people write it."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import GIVEN, LIMITS, Free, expressions

from symprop.algebra.expressions import (
    FALSE,
    ONE,
    PI,
    TRUE,
    ZERO,
    Access,
    Bound,
    Derivative,
    Expr,
    Index,
    Power,
    Size,
    Where,
    as_expr,
    call,
    compare,
    divide,
    iverson,
    junction,
    mul,
    negative,
    number,
    power,
    reduce,
    scalar,
    walk,
    where,
)
from symprop.algebra.writer import as_softmax, infix, is_negative, split_fraction
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression

i, j, k, k_1 = map(Index, ("i", "j", "k", "k_1"))
N, M = Size("N"), Size("M")
x, y, z = map(scalar, "xyz")
two, half = number(2), number("1/2")

NETWORK = """
index i = 1..N, k = 1..N, j = 0..M, t = 1..2*N + M
input x, y, z, v[i], W[i,k], A[j,i], E[t]
input integer s[i] in 1..N
function g(u)
function h(u, w)
L = sum(i, v[i]*x) + sum(i, k, W[i,k]*y) + z*sum(j, i, A[j,i]) + sum(t, E[t]) + sum(i, v[s[i]])
"""


def at(name: str, *indices: Expr | int) -> Access:
    return Access(name, tuple(map(as_expr, indices)))


def over(
    kind: str, index: Index, body: Expr, lower: Expr | int = 1, upper: Expr | int = N, written: bool = False
) -> Expr:
    return reduce(kind, (Bound(index, as_expr(lower), as_expr(upper), written),), body)


SPELLINGS: tuple[tuple[Expr, str], ...] = (
    # Signs and sums.
    (x - y, "x - y"),
    (x - (y - z), "x - y + z"),
    (-(x - y), "-(x - y)"),
    (-x - y, "-x - y"),
    (-(x * y) - z, "-x*y - z"),
    (ONE - x, "1 - x"),
    (-2 * (x + y), "-2*(x + y)"),
    (x + number(-3), "x - 3"),
    (x * negative(y + z), "-x*(y + z)"),
    # Products and fractions.
    (x / (y * z), "x/(y*z)"),
    (x / y / z, "x/(y*z)"),
    (ONE / x, "1/x"),
    (ONE / (x / y), "1/x*y"),
    (-x / y, "-x/y"),
    (half * x, "x/2"),
    (number("3/2") * x, "3*x/2"),
    (number("-1/2") * x / y, "-x/(2*y)"),
    ((x + y) / two, "(x + y)/2"),
    (x / (y + z), "x/(y + z)"),
    (x * power(y, number(-2)), "x/y**2"),
    (number("2/3"), "2/3"),
    (number("-2/3"), "-2/3"),
    (number("1e-5") * x, "x/100000"),
    # Powers and roots.
    (power(-x, two), "x**2"),
    (-power(x, two), "-x**2"),
    (power(x, -y), "x**(-y)"),
    (power(power(x, y), z), "(x**y)**z"),
    (power(x, power(y, z)), "x**(y**z)"),
    (power(x + y, two), "(x + y)**2"),
    (power(x, half), "sqrt(x)"),
    (power(x * y, half), "sqrt(x*y)"),
    (power(x, number("-1/2")), "1/sqrt(x)"),
    (power(x, number("3/2")), "x**(3/2)"),
    (power(half, x), "(1/2)**x"),
    (power(number(-2), x), "(-2)**x"),
    (power(two, half), "sqrt(2)"),
    (power(power(x, two), half), "sqrt(x**2)"),
    (power(x / y, half), "sqrt(x/y)"),
    (number(9) ** power(number(9), number(9) ** number(9)), "9**(9**387420489)"),
    # Calls and their derivatives.
    (call("sigmoid", x), "sigmoid(x)"),
    (call("sigmoid", x, orders=(1,)), "sigmoid'(x)"),
    (call("g", x, orders=(2,)), "g''(x)"),
    (call("h", x, y), "h(x, y)"),
    (call("h", x, y, orders=(1, 0)), "h'(x, y)"),
    (call("h", x, y, orders=(2, 0)), "h''(x, y)"),
    (call("h", x, y, orders=(0, 1)), "h'2(x, y)"),
    (call("h", x, y, orders=(1, 1)), "h'1'2(x, y)"),
    (call("h", x, y, orders=(2, 1)), "h''1'2(x, y)"),
    (call("h", x, y, orders=(0, 3)), "h'''2(x, y)"),
    (call("swish", x, y, orders=(0, 1)), "swish'2(x, y)"),
    (call("swish", x, ONE, orders=(0, 1)), "swish'2(x)"),
    (call("max", x, y, z, orders=(0, 0, 1)), "max'3(x, y, z)"),
    (call("swish", x, y), "swish(x, y)"),
    (call("swish", x, ONE), "swish(x)"),  # the default
    (call("leaky_relu", x, number("1/10")), "leaky_relu(x)"),
    (call("leaky_relu", x, number("1/5")), "leaky_relu(x, 1/5)"),
    (call("max", x, y, z), "max(x, y, z)"),
    (call("stop", x), "stop(x)"),
    (PI * x, "pi*x"),
    # Readings.
    (at("v", i - ONE), "v[i - 1]"),
    (at("E", 2 * i + j), "E[2*i + j]"),
    (at("v", divide(i - k, two)), "v[(i - k)/2]"),
    (at("v", at("s", i)), "v[s[i]]"),
    (at("W", 1, N), "W[1,N]"),
    # Reductions: limits where they were given on the spot.
    (over("sum", i, at("v", i)), "sum(i, v[i])"),
    (over("sum", i, at("v", i) + x), "sum(i, v[i] + x)"),
    (over("sum", k, at("v", k), 1, i, True), "sum(k = 1..i, v[k])"),
    (over("sum", i, at("v", i), k + ONE, N, True), "sum(i = k+1..N, v[i])"),
    (over("max", i, at("v", i)), "max(i, v[i])"),
    (over("argmax", i, at("v", i)), "argmax(i, v[i])"),
    (over("sum", i, over("sum", k, at("W", i, k))), "sum(i, k, W[i,k])"),
    (over("sum", i, at("v", i)) * y, "sum(i, v[i])*y"),
    (power(over("sum", i, at("v", i)), two), "sum(i, v[i])**2"),
    (over("logsumexp", i, at("v", i)), "logsumexp(i, v[i])"),
    # softmax by its name.
    (call("exp", at("v", k) - over("logsumexp", k_1, at("v", k_1))), "softmax(k, v[k])"),
    (at("v", k) - over("logsumexp", k_1, at("v", k_1)), "v[k] - logsumexp(k_1, v[k_1])"),
    (
        call("exp", 2 * at("v", k) + x - over("logsumexp", k_1, 2 * at("v", k_1) + x)),
        "softmax(k, 2*v[k] + x)",
    ),
    (
        call("exp", at("W", i, k) - over("logsumexp", k_1, at("W", i, k_1))),
        "softmax(k, W[i,k])",
    ),
    # Another row, other limits, or nothing free: no softmax of this index.
    (
        call("exp", at("v", 1) - over("logsumexp", k_1, at("v", k_1))),
        "exp(v[1] - logsumexp(k_1, v[k_1]))",
    ),
    (
        call("exp", at("v", k) - over("logsumexp", k_1, at("v", k_1), 1, i, True)),
        "exp(v[k] - logsumexp(k_1 = 1..i, v[k_1]))",
    ),
    # Conditions.
    (where(compare("<", i, k), x, y), "where(i < k, x, y)"),
    (iverson(compare("==", i, k)), "[i == k]"),
    (iverson(junction("and", compare("<=", ONE, i), compare("<", i, k))), "[1 <= i < k]"),
    (where(compare("divides", two, i), x, y), "where(divides(2, i), x, y)"),
    (
        where(junction("or", junction("and", compare("<", i, k), compare("<", x, y)), compare("==", i, ONE)), x, y),
        "where(i < k and x < y or i == 1, x, y)",
    ),
    (
        where(junction("and", junction("or", compare("<", i, k), compare("<", x, y)), compare("==", i, ONE)), x, y),
        "where((i < k or x < y) and i == 1, x, y)",
    ),
    (
        Where(junction("not", junction("and", compare("<", i, k), compare("<", x, y))), x, y),
        "where(not (i < k and x < y), x, y)",
    ),
    (where(compare("<", x, y), ZERO, ONE), "where(x < y, 0, 1)"),
    # Derivatives as operators.
    (Derivative("D", scalar("L"), at("v", i)), "D(L, v[i])"),
    (Derivative("P", scalar("L"), x), "P(L, x)"),
)


@pytest.fixture(scope="module")
def network() -> Network:
    return parse(NETWORK)


@pytest.mark.parametrize(("expr", "text"), SPELLINGS, ids=[text for _, text in SPELLINGS])
def test_spellings(expr: Expr, text: str, network: Network) -> None:
    assert infix(expr) == str(expr) == text
    assert parse_expression(text, network) == expr


def test_sizes_with_arguments_and_decided_conditions_have_a_spelling() -> None:
    assert str(Size("n", (Index("l") - ONE,))) == "n(l - 1)"
    assert str(TRUE) == "0 == 0"
    assert str(FALSE) == "0 != 0"
    assert str(junction("not", compare("divides", two, i))) == "not divides(2, i)"


@pytest.mark.parametrize(
    ("expr", "negative_first"), [(number(-1), True), (-x, True), (x - y, False), (-2 * (x - y), True), (ZERO, False)]
)
def test_what_is_written_with_a_minus_sign(expr: Expr, negative_first: bool) -> None:
    assert is_negative(expr) == negative_first
    assert str(expr).startswith("-") == negative_first


def test_fractions_are_split_in_order() -> None:
    expr = mul(number("-3/2"), x, power(y, number(-1)), power(z, number(-2)))
    assert split_fraction(expr) == (
        -1,
        [(number(3), False), (x, False), (two, True), (Power(y, ONE), True), (power(z, two), True)],
    )


def test_softmax_is_seen_for_the_row_that_is_normalised() -> None:
    row = call("exp", at("W", i, k) - over("logsumexp", k_1, at("W", i, k_1)))
    assert as_softmax(row) == (k, at("W", i, k))
    column = call("exp", at("W", i, k) - over("logsumexp", Index("i_1"), at("W", Index("i_1"), k)))
    assert as_softmax(column) == (i, at("W", i, k))
    assert as_softmax(call("exp", x - y)) is None
    assert as_softmax(x) is None


GENERATED = """
index i = 1..N, k = 1..N, j = 0..M, t = 1..2*N + M
input x[i]
parameter W[j,i], U[i,k], v[t], c
function bend(u, w) = u*sigmoid(w*u)
L = sum(i, x[i]*c) + sum(j, i, W[j,i]) + sum(i, k, U[i,k]) + sum(t, v[t])
"""
FREE = Free(tuple(Bound(index, *LIMITS[index]) for index in (i, j, k)), 4)


@cache
def generated() -> Network:
    return parse(GENERATED)


@given(expressions(GIVEN, FREE))
@settings(max_examples=80)
def test_random_expressions_read_back(expr: Expr) -> None:
    network = generated()
    assert parse_expression(str(expr), network) == expr
    assert str(parse_expression(str(expr), network)) == str(expr)


ORDERS = st.sampled_from(((), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 1)))
SCALARS = st.recursive(
    st.sampled_from((x, y, z, two, half, number(-3), number("-2/7"), N, PI)),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] / pair[1]),
        st.tuples(inner, inner).map(lambda pair: power(*pair)),
        st.tuples(inner, st.sampled_from((two, half, number(-1), number("-3/2")))).map(lambda pair: power(*pair)),
        st.tuples(inner, st.sampled_from(((), (1,), (2,)))).map(lambda pair: call("sigmoid", pair[0], orders=pair[1])),
        st.tuples(st.sampled_from(("h", "swish", "atan2")), inner, inner, ORDERS).map(
            lambda four: call(*four[:3], orders=four[3])
        ),
        st.tuples(inner, inner).map(lambda pair: iverson(compare("<", *pair))),
    ),
    max_leaves=10,
)


@given(SCALARS)
@settings(max_examples=300)
def test_random_arithmetic_reads_back(expr: Expr) -> None:
    if any(isinstance(node, Power) and node.base is ZERO for node in walk(expr)):
        return  # a division by the number 0 is refused by the reader
    network = parse("function h(u, w)\ninput x, y, z\nindex i = 1..N\ninput v[i]\nL = x*y*z*sum(i, v[i])")
    assert parse_expression(str(expr), network) == expr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/1000", "0.001"),
        ("0.000001", "1e-6"),
        ("-0.0000015", "-1.5e-6"),
        ("3/2000", "0.0015"),
        ("1.001", "1.001"),
        ("1/3000", "1/3000"),
        ("1/1024", "1/1024"),
        ("1/100", "1/100"),
        ("0.15", "3/20"),
    ],
)
def test_small_decimals_are_written_as_such_and_read_back(value: str, text: str) -> None:
    expression = parse(f"input x; y = x + {value}").equations[0].expression
    assert str(expression) in (f"x + {text}", f"x - {text[1:]}")
    assert parse(f"input x; y = {expression}").equations[0].expression == expression
