"""Right sides are recognised under other letters, and only where their equation holds."""

from __future__ import annotations

import pytest
from brute_force import close
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import LIMITS, Example, examples

from symprop.algebra.expressions import (
    ONE,
    Access,
    Bound,
    Expr,
    Index,
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
    where,
)
from symprop.declaration.network import Equation
from symprop.derivation.patterns import Names, match, transform_within

i, j, k, t, m = map(Index, "ijktm")
N, T = Size("N"), Size("T")
x, y = scalar("x"), scalar("y")
two, half = number(2), number("1/2")


def at(name: str, *indices: Expr | int) -> Access:
    return Access(name, tuple(number(index) if isinstance(index, int) else index for index in indices))


def total(index: Index, body: Expr, lower: Expr = ONE, upper: Expr = N) -> Expr:
    return reduce("sum", (Bound(index, lower, upper),), body)


# ---- match -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expr", "binding"),
    [
        (at("x", i), at("x", j), {i: j}),
        (at("x", i), at("x", 3), {i: number(3)}),
        (at("x", i + ONE), at("x", j + ONE), {i: j}),
        (at("W", i, i), at("W", j, j), {i: j}),
        (at("W", i, j), at("W", j, i), {i: j, j: i}),
        (call("exp", at("x", i)), call("exp", at("x", j)), {i: j}),
        (at("x", i) + at("y", i), at("y", j) + at("x", j), {i: j}),
        (at("x", i) * at("x", j), at("x", k) * at("x", m), {i: k, j: m}),
        (total(k, at("W", i, k)), total(m, at("W", j, m)), {i: j}),
        (total(k, at("W", i, k), ONE, i), total(m, at("W", j, m), ONE, j), {i: j}),
        (where(compare("<", i, N), at("x", i), x), where(compare("<", j, N), at("x", j), x), {i: j}),
        (power(at("x", i), two), power(at("x", j), two), {i: j}),
    ],
    ids=str,
)
def test_matches_bind_every_variable(pattern: Expr, expr: Expr, binding: dict[Index, Expr]) -> None:
    found = list(match(pattern, expr, {}, frozenset(binding)))
    assert binding in found
    for each in found:
        assert substitute(pattern, each) == expr


@pytest.mark.parametrize(
    ("pattern", "expr"),
    [
        (at("x", i), at("y", i)),
        (at("W", i, i), at("W", j, k)),
        (at("x", i) + at("y", i), at("x", j) + at("y", k)),
        (at("x", i) + x, at("x", i)),
        (call("exp", at("x", i)), call("sin", at("x", i))),
        (call("exp", at("x", i)), call("exp", at("x", i), orders=(1,))),
        (total(k, at("W", i, k)), total(k, at("W", k, i))),
        (total(k, at("W", i, k)), total(k, at("W", k, k))),  # a bound index is no value
        (total(k, at("W", i, k)), total(k, at("W", j, k), ONE, T)),
        (total(k, at("W", i, k)), reduce("max", (Bound(k, ONE, N),), at("W", j, k))),
        (compare("<", i, N), compare("<=", j, N)),
    ],
    ids=str,
)
def test_what_is_not_the_pattern_does_not_match(pattern: Expr, expr: Expr) -> None:
    assert not list(match(pattern, expr, {}, frozenset({i})))


# ---- folding ---------------------------------------------------------------------------------------------------


def equation(target: Access, expression: Expr, *bounds: Bound) -> Equation:
    return Equation(target, bounds, expression)


every = Bound(i, ONE, N)
Z = equation(at("z", i), call("sigmoid", at("a", i)), every)
A = equation(at("a", i), total(k, at("W", i, k) * at("x", k)), every)
U = equation(at("u", i), at("w", i) * call("exp", at("x", i)), Bound(i, two, N))  # u[1] is something else
H = equation(at("h", t), call("tanh", at("v", t - ONE)), Bound(t, ONE, T))
R = equation(scalar("r"), power(scalar("s") + scalar("eps"), number("-1/2")))
P = equation(scalar("q"), mul(number(3), x, power(y, two)))

FOLDED: tuple[tuple[tuple[Equation, ...], Expr, Expr], ...] = (
    ((Z,), call("sigmoid", at("a", j)) * x, at("z", j) * x),
    ((Z,), call("sigmoid", at("a", 1)), at("z", 1)),
    ((A,), total(m, at("W", j, m) * at("x", m)) + x, at("a", j) + x),
    ((A,), total(i, at("W", j, i) * at("x", i)), at("a", j)),  # the letters of the equation are no obstacle
    ((A, Z), call("sigmoid", total(m, at("W", j, m) * at("x", m))), at("z", j)),
    ((A,), total(j, total(m, at("W", j, m) * at("x", m)) * at("y", j)), total(j, at("a", j) * at("y", j))),
    # Powers and products.
    ((R,), power(scalar("s") + scalar("eps"), number("-3/2")), power(scalar("r"), number(3))),
    ((R,), power(scalar("s") + scalar("eps"), half), power(scalar("r"), number(-1))),
    ((P,), 3 * x * power(y, two), scalar("q")),
    ((P,), x * power(y, number(3)), number("1/3") * scalar("q") * y),
    ((P,), power(x, two) * power(y, number(4)), number("1/9") * power(scalar("q"), two)),
    # Inside the range of the equation, as ranges or conditions tell.
    ((U,), total(k, at("w", k) * call("exp", at("x", k)), two, N), total(k, at("u", k), two, N)),
    (
        (U,),
        where(compare(">=", j, two), at("w", j) * call("exp", at("x", j)), x),
        where(compare(">=", j, two), at("u", j), x),
    ),
    (
        (U,),
        where(compare("<", j, two), x, at("w", j) * call("exp", at("x", j))),
        where(compare("<", j, two), x, at("u", j)),
    ),
    (
        (H,),
        total(k, where(compare("<", k, T), call("tanh", at("v", k)), x), ONE, T),
        total(k, where(compare("<", k, T), at("h", k + ONE), x), ONE, T),
    ),
)
RANGES = (Bound(j, ONE, N), Bound(m, ONE, N))


@pytest.mark.parametrize(("equations", "expr", "wanted"), FOLDED, ids=lambda value: str(value)[:60])
def test_right_sides_get_their_names(equations: tuple[Equation, ...], expr: Expr, wanted: Expr) -> None:
    assert Names(equations).fold(expr, RANGES) == wanted


KEPT: tuple[tuple[Equation, Expr], ...] = (
    (U, at("w", j) * call("exp", at("x", j))),  # j may be 1
    (U, at("w", 1) * call("exp", at("x", 1))),
    (U, total(k, at("w", k) * call("exp", at("x", k)))),
    (U, where(compare("<", j, two), at("w", j) * call("exp", at("x", j)), x)),
    (H, call("tanh", at("v", j))),  # N may be more than T
    (H, total(k, call("tanh", at("v", k)), ONE, T)),  # there is no h[T + 1]
    (Z, call("sigmoid", at("a", Index("n")))),  # an index of unknown range
    (Z, call("sigmoid", at("a", N + ONE))),
    (P, x * y),
    (P, x / power(y, two)),
    (R, power(scalar("s") + scalar("eps"), number("-1/3"))),
    (R, scalar("s") + scalar("eps") + x),
    (equation(scalar("c"), x), x * y),  # a bare reading needs no other name
    (equation(scalar("c"), x * y), x * y),
)


@pytest.mark.parametrize(("rule", "expr"), KEPT, ids=str)
def test_what_the_equation_does_not_say_is_left(rule: Equation, expr: Expr) -> None:
    assert Names((rule,)).fold(expr, RANGES) is expr


def test_equations_are_solved_for_a_factor() -> None:
    h = equation(at("h", i), (at("x", i) - scalar("mu")) * scalar("r"), every)
    mu = equation(scalar("mu"), total(i, at("x", i)) / N)
    assert Names((h,)).solved(at("x", j) - scalar("mu"), RANGES) == at("h", j) / scalar("r")
    assert Names((h,)).solved(scalar("mu") - at("x", j), RANGES) == -at("h", j) / scalar("r")
    assert Names((mu,)).solved(total(k, at("x", k)), RANGES) == scalar("mu") * N
    late = equation(at("h", i), (at("x", i) - scalar("mu")) * scalar("r"), Bound(i, two, N))
    assert Names((late,)).solved(at("x", j) - scalar("mu"), RANGES) == at("x", j) - scalar("mu")


def test_rules_know_the_ranges_where_they_stand() -> None:
    seen: dict[Expr, tuple[Bound, ...]] = {}

    def rule(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        if isinstance(node, Access):
            seen[node] = ranges
        return node

    inner = where(compare("<", i, j), at("p", i), at("q", i))
    expr = total(i, inner, ONE, j) + where(compare("==", j, N), at("r", j), x)
    assert transform_within(expr, RANGES, rule) is expr
    assert seen[at("p", i)][-1] == Bound(i, ONE, j - ONE, True)
    assert seen[at("q", i)][-1] == Bound(i, j, j, True)
    assert seen[at("r", j)][0] == Bound(j, N, N)
    assert seen[x] == RANGES


# ---- property --------------------------------------------------------------------------------------------------


@st.composite
def instances(draw: st.DrawFn, example: Example) -> tuple[Expr, tuple[Bound, ...]]:
    """Return an expression that holds right sides of the network under other letters, and its ranges."""
    ranges = (Bound(Index("p"), ONE, N), Bound(Index("q"), number(0), Size("M")))
    parts = []
    for each in example.network.equations:
        choices: dict[Index, Expr] = {}
        for bound in each.bounds:
            lower, upper = LIMITS[bound.index]
            own = [r.index for r in ranges if (r.lower, r.upper) == (lower, upper)]
            choices[bound.index] = draw(st.sampled_from((*own, *own, lower, upper)))
        parts.append(substitute(each.expression, choices))
    expr = add(*parts[:1], mul(*parts[1:]), call("sin", mul(number(2), *parts)))
    return where(compare("<", Index("p"), N), expr, total(Index("p"), expr)), ranges


@given(st.data(), examples(depth=2))
@settings(max_examples=40)
def test_folding_keeps_the_value(data: st.DataObject, example: Example) -> None:
    expr, ranges = data.draw(instances(example))
    folded = Names(example.network.equations).fold(expr, ranges)
    witness = example.witness()
    for indices in witness.points(ranges):
        assert close(witness.of(folded, indices), witness.of(expr, indices))
