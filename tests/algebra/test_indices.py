"""What is proved of index expressions holds for every size from 1 to 6."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import pytest
from brute_force import Indices, Witness, no_network
from hypothesis import given, settings
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Where,
    add,
    call,
    compare,
    divide,
    free_indices,
    junction,
    mul,
    number,
    power,
    scalar,
)
from symprop.algebra.indices import (
    affine,
    at_least,
    conditions_of,
    conditions_to_where,
    decide,
    decide_together,
    extent,
    extremes,
    from_polynomial,
    is_integral,
    isolate,
    linear_in,
    normal,
    polynomial,
    ranges_of,
    sign,
    tighten,
    within,
    without_fractions,
)

i, j, k, layer = map(Index, ("i", "j", "k", "l"))
N, H = Size("N"), Size("H")
two, three = number(2), number(3)
INDICES = (i, j, k)
ALL_SIZES = [{"N": n, "H": h} for n, h in product(range(1, 7), (1, 2, 3, 6))]
SIZES = [{"N": n, "H": h} for n, h in ((1, 1), (2, 1), (3, 2), (4, 6))]


def witness(sizes: dict[str, int]) -> Witness:
    return Witness(no_network(), sizes, {})


def iterations(bounds: tuple[Bound, ...], sizes: dict[str, int]) -> Iterator[Indices]:
    return witness(sizes).points(bounds)


# ---- tables ----------------------------------------------------------------------------------------------------

NORMAL: tuple[tuple[Expr, str], ...] = (
    (i + ONE - ONE, "i"),
    (2 * (i + j) - i, "i + 2*j"),
    (N - (i + ONE) + ONE, "-i + N"),
    ((i + N) * two - N, "2*i + N"),
    (power(N + ONE, two), "2*N + N**2 + 1"),
    ((N - ONE) * (N + ONE), "N**2 - 1"),
    (i - i, "0"),
    (ONE + i, "i + 1"),
    (N * i + H * j, "i*N + j*H"),
    (mul(number("1/2"), 2 * i + two), "i + 1"),
)


@pytest.mark.parametrize(("expr", "text"), NORMAL, ids=lambda value: str(value))
def test_the_normal_form_is_expanded_and_in_a_fixed_order(expr: Expr, text: str) -> None:
    found = normal(expr)
    assert str(found) == text
    assert found is from_polynomial(polynomial(expr))
    for sizes in SIZES:
        for values in iterations((Bound(i, ONE, three), Bound(j, ZERO, two)), sizes):
            assert witness(sizes).of(found, values) == witness(sizes).of(expr, values)


def test_equal_index_expressions_have_one_normal_form() -> None:
    assert normal(2 * (i + N) - N) is normal(N + i + i)
    assert normal(power(N + H, two)) is normal(N * N + 2 * N * H + H * H)
    assert normal((N + H) - (H + N)) is ZERO


def test_large_powers_are_left_alone() -> None:
    assert normal(power(N + ONE, number(1000))) is power(N + ONE, number(1000))
    assert normal(power(power(N + ONE, number(8)), call("f", N))) is power(power(N + ONE, number(8)), call("f", N))


@pytest.mark.parametrize(
    ("expr", "coefficients", "offset"),
    [
        (i, {i: ONE}, ZERO),
        (2 * i + j - ONE, {i: two, j: ONE}, number(-1)),
        (N - i, {i: number(-1)}, N),
        (N * i + j + H, {i: N, j: ONE}, H),
        ((N - ONE) * i, {i: N - ONE}, ZERO),
        (i - i + three, {}, three),
        (N * (i + j), {i: N, j: N}, ZERO),
        (divide(i, two), {i: number("1/2")}, ZERO),
    ],
    ids=str,
)
def test_affine_parts_in_a_table(expr: Expr, coefficients: dict[Index, Expr], offset: Expr) -> None:
    found, rest = affine(expr)
    assert {index: normal(value) for index, value in found.items()} == coefficients
    assert rest == offset


@pytest.mark.parametrize(
    "expr", [i * j, i * i, power(i, two), call("floor", i), Access("tok", (i,)), N * i * j], ids=str
)
def test_what_is_not_affine_is_refused(expr: Expr) -> None:
    with pytest.raises(ValueError, match="index"):
        affine(expr)


def test_linear_in_one_index_lets_the_others_be() -> None:
    assert linear_in(i * j + Size("n", (k,)), i) == (j, Size("n", (k,)))
    with pytest.raises(ValueError, match="not linear"):
        linear_in(Size("n", (i,)) + i, i)
    with pytest.raises(ValueError, match="not linear"):
        linear_in(i * i, i)


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (ZERO, "nonnegative"),
        (ONE, "nonnegative"),
        (number(-1), "negative"),
        (N, "nonnegative"),
        (-N, "negative"),
        (N - ONE, "nonnegative"),
        (ONE - N, None),
        (N - two, None),
        (N - H, None),
        (N * H - ONE, "nonnegative"),
        (N * H - N, "nonnegative"),
        (-N * H - ONE, "negative"),
        (2 * N - H, None),
        (N * N - 2 * N + ONE, "nonnegative"),
        (Size("n", (layer,)) - ONE, "nonnegative"),
        (i, None),
        (scalar("x"), None),
    ],
    ids=str,
)
def test_signs_in_a_table(expr: Expr, wanted: str | None) -> None:
    assert sign(expr) == wanted


@pytest.mark.parametrize(
    ("expr", "bounds", "low", "high"),
    [
        (i, (Bound(i, ONE, N),), ONE, N),
        (N - i, (Bound(i, ONE, N),), ZERO, N - ONE),
        (2 * i + k - ONE, (Bound(i, ZERO, N), Bound(k, ONE, three)), ZERO, 2 * N + two),
        (j, (Bound(i, ONE, N), Bound(j, ONE, i)), ONE, N),
        (i - j, (Bound(i, ONE, N), Bound(j, ONE, i)), ZERO, N - ONE),
        (i + k, (Bound(i, ONE, N),), k + ONE, k + N),
        (N * i, (Bound(i, ONE, H),), N, N * H),
    ],
    ids=str,
)
def test_extremes_in_a_table(expr: Expr, bounds: tuple[Bound, ...], low: Expr, high: Expr) -> None:
    assert extremes(expr, bounds) == (normal(low), normal(high))


def test_a_stride_of_unknown_sign_has_no_extremes() -> None:
    with pytest.raises(ValueError, match="sign"):
        extremes((N - two) * i, (Bound(i, ONE, H),))


@pytest.mark.parametrize(
    ("condition", "bounds", "wanted"),
    [
        (compare("<=", ONE, i), (Bound(i, ONE, N),), TRUE),
        (compare("<=", i, N), (Bound(i, ONE, N),), TRUE),
        (compare("<", N, i), (Bound(i, ONE, N),), FALSE),
        (compare("==", i, i + ONE - ONE), (), TRUE),
        (compare("==", i, i + ONE), (), FALSE),
        (compare("!=", i, N + ONE), (Bound(i, ONE, N),), TRUE),
        (compare("<=", j, i), (Bound(i, ONE, N), Bound(j, ONE, i)), TRUE),
        (compare("<=", i, H), (Bound(i, ONE, N),), compare("<=", i, H)),
        (compare("divides", two, 2 * i + 4 * N), (), TRUE),
        (compare("divides", ONE, i), (), TRUE),
        (compare("divides", two, i), (), compare("divides", two, i)),
        (compare("divides", two, 2 * scalar("x")), (), compare("divides", two, 2 * scalar("x"))),
        (compare("<", scalar("x"), scalar("x") + ONE), (), TRUE),
        (compare("<", scalar("x"), ZERO), (), compare("<", scalar("x"), ZERO)),
    ],
    ids=str,
)
def test_decisions_in_a_table(condition: Expr, bounds: tuple[Bound, ...], wanted: Expr) -> None:
    assert decide(condition, bounds) == wanted


def test_a_fixed_layer_fixes_the_sizes_of_that_layer() -> None:
    n = Size("n", (layer,))
    condition = junction("and", compare("==", layer, N), compare("<=", j, Size("n", (N,))))
    assert decide_together(condition, (Bound(layer, ONE, N), Bound(j, ONE, n))) == compare("==", layer, N)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (compare("<=", i + ONE, N), compare("<=", i, N - ONE)),
        (compare("<", ZERO, N - i), compare("<", i, N)),
        (compare("==", N, i - ONE), compare("==", i, N + ONE)),
        (compare("<=", i, j), compare("<=", i, j)),
        (compare("<=", 2 * i, N), compare("<=", 2 * i, N)),
        (compare("<=", Access("x", (i,)), ZERO), compare("<=", Access("x", (i,)), ZERO)),
    ],
    ids=str,
)
def test_comparisons_are_solved_for_their_index(condition: Expr, wanted: Expr) -> None:
    assert isolate(condition) == wanted


def test_equations_lose_their_fractions() -> None:
    assert without_fractions(divide(i - j, two), divide(k, three)) == (normal(3 * i - 3 * j), normal(2 * k))
    assert without_fractions(i, j) == (i, j)


@pytest.mark.parametrize(
    ("expr", "integral"),
    [(2 * i - N, True), (divide(i, two), False), (i / N, False), (scalar("x"), False), (N * N * i, True)],
    ids=str,
)
def test_integrality_shows_in_the_coefficients(expr: Expr, integral: bool) -> None:
    assert is_integral(expr) == integral


def test_small_things() -> None:
    assert extent(Bound(i, ZERO, N - ONE)) is N
    assert ranges_of((Bound(i, ONE, N),)) == {i: Bound(i, ONE, N)}
    assert conditions_of(junction("and", compare("<", i, j), compare("<", j, k))) == (
        compare("<", i, j),
        compare("<", j, k),
    )
    assert conditions_of(compare("<", i, j)) == (compare("<", i, j),)
    assert conditions_to_where(TRUE, i) is i
    assert conditions_to_where(FALSE, i) is ZERO
    assert conditions_to_where(compare("<", i, j), i) is Where(compare("<", i, j), i, ZERO)


# ---- properties ------------------------------------------------------------------------------------------------


@st.composite
def forms(draw: st.DrawFn, names: tuple[Index, ...] = INDICES) -> Expr:
    """Return an affine index expression; now and then with a coefficient that holds sizes."""
    terms: list[Expr] = [draw(st.integers(-2, 2)) * index for index in names]
    terms += [draw(st.integers(-2, 2)) * draw(st.sampled_from((N, H, N * H)))]
    if names and draw(st.integers(0, 4)) == 0:
        terms.append(mul(draw(st.sampled_from((N, N - ONE, -H))), draw(st.sampled_from(names))))
    return add(*terms, number(draw(st.integers(-3, 3))))


@st.composite
def ranges(draw: st.DrawFn) -> tuple[Bound, ...]:
    bounds: list[Bound] = []
    for n, index in enumerate(INDICES[: draw(st.integers(1, 3))]):
        before = INDICES[:n]
        lower = draw(st.sampled_from((ZERO, ONE, ONE, *before, *(b + ONE for b in before))))
        upper = draw(st.sampled_from((N, N, H, three, N - ONE, *before, *(N - b for b in before))))
        bounds.append(Bound(index, lower, upper))
    return tuple(bounds)


@st.composite
def conditions(draw: st.DrawFn, names: tuple[Index, ...]) -> Expr:
    kind = draw(st.sampled_from(("compare",) * 4 + ("and", "or", "not", "divides")))
    if kind == "compare":
        operator = draw(st.sampled_from(("==", "!=", "<", "<=", ">", ">=")))
        return compare(operator, draw(forms(names)), draw(forms(names)))
    if kind == "divides":
        return compare("divides", draw(st.sampled_from((ONE, two, three))), draw(forms(names)))
    parts = [draw(conditions(names)) for _ in range(1 if kind == "not" else 2)]
    return junction(kind, *parts)


@given(
    st.recursive(
        forms(),
        lambda inner: st.tuples(st.sampled_from((add, mul)), inner, inner).map(
            lambda parts: parts[0](parts[1], parts[2])
        ),
        max_leaves=4,
    )
)
@settings(max_examples=80)
def test_polynomials_have_the_value_of_the_expression(expr: Expr) -> None:
    point = {i: Fraction(2), j: Fraction(-3), k: Fraction(5)}
    for sizes in SIZES[1:3]:
        evaluate = witness(sizes)
        wanted = evaluate.of(expr, point)
        assert evaluate.of(normal(expr), point) == wanted
        monomials = (
            coefficient * evaluate.of(mul(*(power(atom, number(exponent)) for atom, exponent in monomial)), point)
            for monomial, coefficient in polynomial(expr).items()
        )
        assert sum(monomials, Fraction(0)) == wanted
    assert normal(normal(expr)) is normal(expr)


@given(forms())
@settings(max_examples=150)
def test_affine_parts_add_up_to_the_expression(expr: Expr) -> None:
    coefficients, offset = affine(expr)
    assert not free_indices(offset)
    assert not any(free_indices(coefficient) for coefficient in coefficients.values())
    assert normal(add(*(mul(c, index) for index, c in coefficients.items()), offset) - expr) is ZERO


@given(forms(()))
@settings(max_examples=200)
def test_a_sign_that_is_told_holds_for_all_sizes(expr: Expr) -> None:
    told = sign(expr)
    values = [witness(sizes).of(expr) for sizes in ALL_SIZES]
    if told is not None:
        assert all((value >= 0) == (told == "nonnegative") for value in values)


@given(forms(), ranges())
@settings(max_examples=200)
def test_extremes_hold_everywhere_and_are_attained_in_rectangles(expr: Expr, bounds: tuple[Bound, ...]) -> None:
    try:
        low, high = extremes(expr, bounds)
    except ValueError:
        return
    names = {bound.index for bound in bounds}
    outer = {index: Fraction(2) for index in INDICES if index not in names}
    rectangular = not any(free_indices(limit) for bound in bounds for limit in (bound.lower, bound.upper))
    for sizes in SIZES:
        evaluate = witness(sizes)
        values = [evaluate.of(expr, {**outer, **point}) for point in iterations(bounds, sizes)]
        if values:
            least, greatest = evaluate.of(low, outer), evaluate.of(high, outer)
            assert least <= min(values)
            assert max(values) <= greatest
            if rectangular:
                assert (least, greatest) == (min(values), max(values))


@given(forms(), forms(), ranges())
@settings(max_examples=80)
def test_at_least_holds_in_every_iteration(left: Expr, right: Expr, bounds: tuple[Bound, ...]) -> None:
    names = {bound.index for bound in bounds}
    if at_least(left, right, bounds):
        for sizes in ALL_SIZES:
            for point in iterations(bounds, sizes):
                values = {**{index: Fraction(0) for index in INDICES if index not in names}, **point}
                assert witness(sizes).of(left, values) >= witness(sizes).of(right, values)


@given(st.data(), ranges())
@settings(max_examples=100)
def test_deciding_changes_no_truth_value(data: st.DataObject, bounds: tuple[Bound, ...]) -> None:
    names = tuple(bound.index for bound in bounds)
    condition = data.draw(conditions(names))
    for decided in (decide(condition, bounds), decide_together(condition, bounds), isolate(condition)):
        for sizes in SIZES:
            evaluate = witness(sizes)
            for point in iterations(bounds, sizes):
                assert evaluate.holds(decided, point) == evaluate.holds(condition, point)


@given(st.data(), ranges())
@settings(max_examples=60)
def test_within_is_the_condition_that_it_says(data: st.DataObject, bounds: tuple[Bound, ...]) -> None:
    names = tuple(bound.index for bound in bounds)
    expr, lower, upper = (data.draw(forms(names)) for _ in range(3))
    condition = within(expr, lower, upper, bounds)
    for sizes in SIZES:
        evaluate = witness(sizes)
        for point in iterations(bounds, sizes):
            wanted = evaluate.of(lower, point) <= evaluate.of(expr, point) <= evaluate.of(upper, point)
            assert evaluate.holds(condition, point) == wanted


@given(st.data(), ranges())
@settings(max_examples=120)
def test_tightening_keeps_the_set_of_iterations(data: st.DataObject, bounds: tuple[Bound, ...]) -> None:
    *outer, last = bounds
    condition = data.draw(conditions(tuple(bound.index for bound in bounds)))
    tightened, left = tighten(last, condition, outer)
    for limit in (tightened.lower, tightened.upper):
        assert last.index not in free_indices(limit)
        assert is_integral(limit)
    for sizes in SIZES:
        evaluate = witness(sizes)
        before = [point for point in iterations(bounds, sizes) if evaluate.holds(condition, point)]
        after = [point for point in iterations((*outer, tightened), sizes) if evaluate.holds(left, point)]
        assert before == after


def test_tightening_takes_what_is_linear_with_a_unit_coefficient() -> None:
    t, s, T = Index("t"), Index("s"), Size("T")
    found, left = tighten(Bound(t, ONE, T), compare("<=", s, t), (Bound(s, ONE, T),))
    assert (found, left) == (Bound(t, s, T, True), TRUE)
    condition = compare("<=", s, 2 * t)
    assert tighten(Bound(t, ONE, T), condition, (Bound(s, ONE, T),)) == (Bound(t, ONE, T), condition)
    half = compare("<=", 2 * t, s)
    assert tighten(Bound(t, ONE, T), compare("<=", t, divide(s, two)), (Bound(s, ONE, T),)) == (
        Bound(t, ONE, T),
        compare("<=", t, divide(s, two)),
    )
    assert tighten(Bound(t, ONE, T), half, (Bound(s, ONE, T),))[1] == half


def test_nodes_that_polynomials_do_not_open_are_atoms() -> None:
    atom = Power(N, number(-1))
    assert polynomial(mul(i, atom)) == {tuple(sorted(((i, 1), (atom, 1)), key=lambda item: repr(item[0]))): Fraction(1)}
    assert isinstance(normal(mul(two, call("f", i))), Mul)
    assert normal(Number(Fraction(3))) is three
