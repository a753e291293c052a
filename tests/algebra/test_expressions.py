"""Expressions: what constructors fold, what counts as the same, and substitution that never captures."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Mapping
from fractions import Fraction
from itertools import product

import pytest
from brute_force import Witness, no_network
from hypothesis import given, settings
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    EULER,
    FALSE,
    MINUS_ONE,
    ONE,
    PI,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Derivative,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    as_expr,
    bound_apart,
    call,
    canonical,
    compare,
    divide,
    free_indices,
    fresh_index,
    iverson,
    junction,
    mul,
    names_of,
    negative,
    number,
    power,
    reduce,
    scalar,
    stem_of,
    substitute,
    transform,
    walk,
    where,
)

i, j, k, m = map(Index, "ijkm")
i_1, j_1, k_1 = map(Index, ("i_1", "j_1", "k_1"))
N = Size("N")
x, y, z = map(scalar, "xyz")
two, three, half = number(2), number(3), number("1/2")


def at(name: str, *indices: Expr | int) -> Access:
    return Access(name, tuple(map(as_expr, indices)))


def total(index: Index, body: Expr, lower: Expr | int = 1, upper: Expr | int = N) -> Expr:
    return reduce("sum", (Bound(index, as_expr(lower), as_expr(upper)),), body)


# ---- constructors ----------------------------------------------------------------------------------------------

FOLDED: tuple[tuple[Expr, Expr], ...] = (
    (add(), ZERO),
    (add(x), x),
    (add(x, ZERO), x),
    (add(x, x), Mul((two, x))),
    (add(x, mul(MINUS_ONE, x)), ZERO),
    (add(mul(two, x, y), mul(three, y, x)), Mul((number(5), x, y))),
    (add(add(x, y), add(y, z)), Add((x, Mul((two, y)), z))),
    (add(ONE, x, two), Add((three, x))),
    (x - (y - z), Add((x, Mul((MINUS_ONE, y)), z))),
    (total(i, at("x", i)) - total(j, at("x", j)), ZERO),
    (mul(), ONE),
    (mul(x), x),
    (mul(x, ONE), x),
    (mul(x, ZERO), ZERO),
    (mul(two, x, half), x),
    (mul(x, two), Mul((two, x))),
    (mul(x, y, x), Mul((Power(x, two), y))),
    (mul(x, power(x, MINUS_ONE)), ONE),
    (mul(power(x, half), power(x, half)), x),
    (mul(power(x, y), power(x, -y)), ONE),
    (mul(power(two, half), power(two, half)), two),
    (mul(mul(x, y), mul(z, x)), Mul((Power(x, two), y, z))),
    # Roots that add up to a whole power give factors, which meet the others.
    (mul(three, power(two * x, half), power(two * x, half), x), Mul((number(6), Power(x, two)))),
    (mul(x, power(power(x, two), half), power(power(x, two), half)), Power(x, three)),
    (power(x, ONE), x),
    (power(x, ZERO), ONE),
    (power(ONE, x), ONE),
    (power(ZERO, two), ZERO),
    (power(two, number(10)), number(1024)),
    (power(number("2/3"), number(-2)), number("9/4")),
    (power(power(x, two), three), Power(x, number(6))),
    (power(power(x, half), two), x),
    (power(mul(two, x), two), Mul((number(4), Power(x, two)))),
    (power(mul(x, y), MINUS_ONE), Mul((Power(x, MINUS_ONE), Power(y, MINUS_ONE)))),
    (divide(x, two), Mul((half, x))),
    (negative(negative(x)), x),
    (reduce("sum", (), x), x),
    (total(i, ZERO), ZERO),
    (where(TRUE, x, y), x),
    (where(FALSE, x, y), y),
    (where(compare("<", i, j), x, x), x),
    (iverson(compare("==", i, i)), ONE),
    (compare("<", i, i), FALSE),
    (compare("<=", two, three), TRUE),
    (compare("divides", two, number(6)), TRUE),
    (compare("divides", two, number(7)), FALSE),
    (junction("and"), TRUE),
    (junction("or"), FALSE),
    (junction("and", compare("<", i, j), TRUE), Compare("<", i, j)),
    (junction("and", compare("<", i, j), FALSE), FALSE),
    (junction("or", compare("<", i, j), TRUE), TRUE),
    (junction("and", compare("<", i, j), compare("<", i, j)), Compare("<", i, j)),
    (junction("not", TRUE), FALSE),
    (junction("not", compare("<", i, j)), Compare(">=", i, j)),
    (junction("not", junction("not", compare("divides", two, i))), Compare("divides", two, i)),
    (call("sigmoid", x, orders=(0,)), Call("sigmoid", (x,), ())),
)


@pytest.mark.parametrize(("folded", "wanted"), FOLDED, ids=lambda expr: str(expr))
def test_constructors_fold_what_no_reader_would_miss(folded: Expr, wanted: Expr) -> None:
    assert folded is wanted


KEPT: tuple[tuple[Expr, Expr], ...] = (
    (mul(two, add(x, y)), Mul((two, Add((x, y))))),
    (mul(x, add(x, y)), Mul((x, Add((x, y))))),
    (negative(x - y), Mul((MINUS_ONE, Add((x, Mul((MINUS_ONE, y))))))),
    (power(add(x, y), two), Power(Add((x, y)), two)),
    (power(power(x, two), half), Power(Power(x, two), half)),  # abs(x), not x
    (power(mul(x, y), half), Power(Mul((x, y)), half)),
    (power(two, half), Power(two, half)),
    (divide(x, ZERO), Mul((x, Power(ZERO, MINUS_ONE)))),
    (reduce("max", (Bound(i, ONE, N),), ZERO), Reduction("max", (Bound(i, ONE, N),), ZERO)),
    (compare(">", x, y), Compare(">", x, y)),
    (mul(EULER, PI), Mul((EULER, PI))),
)


@pytest.mark.parametrize(("made", "wanted"), KEPT, ids=lambda expr: str(expr))
def test_constructors_leave_the_rest_as_it_was_written(made: Expr, wanted: Expr) -> None:
    assert made is wanted


def test_huge_powers_cost_nothing() -> None:
    start = time.perf_counter()
    tower = power(number(9), power(number(9), power(number(9), number(9))))
    nested = power(power(power(x, number(10**300)), number(10**300)), number(10**300))
    product_of_powers = mul(power(number(7), number(10**50)), power(number(7), number(10**50)))
    assert time.perf_counter() - start < 0.05
    assert any(isinstance(node, Power) for node in walk(tower))
    assert any(isinstance(node, Power) for node in walk(nested))
    assert product_of_powers == power(number(7), number(2 * 10**50))


def test_nested_reductions_of_one_kind_are_one() -> None:
    inner = total(j, at("W", i, j))
    assert total(i, inner) is Reduction("sum", (Bound(i, ONE, N), Bound(j, ONE, N)), at("W", i, j))
    assert total(i, total(j, at("W", i, j), upper=i)).bounds[1].upper is i  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "apart",
    [
        total(i, total(i, at("x", i))),  # two indices of one name
        total(i, total(j, at("W", i, j)), upper=j),  # the outer limit means another j
        reduce("max", (Bound(i, ONE, N),), total(j, at("W", i, j))),
        reduce("argmax", (Bound(i, ONE, N),), reduce("argmax", (Bound(j, ONE, N),), at("W", i, j))),
    ],
    ids=str,
)
def test_reductions_stay_nested_where_joining_would_change_the_meaning(apart: Expr) -> None:
    assert isinstance(apart, Reduction)
    assert len(apart.bounds) == 1


def test_nodes_are_interned_and_immutable() -> None:
    assert Mul((x, y)) is Mul((x, y))
    assert Mul((x, y)) is not Mul((y, x))
    assert number("0.5") is number(Fraction(1, 2))
    with pytest.raises(AttributeError):
        x.name = "y"


# ---- the same up to order and bound names ----------------------------------------------------------------------

SAME: tuple[tuple[Expr, Expr], ...] = (
    (add(x, y, z), add(z, x, y)),
    (mul(x, add(y, z)), mul(add(z, y), x)),
    (total(i, at("x", i)), total(k, at("x", k))),
    (total(i, at("a", i) * at("b", i)), total(j, at("b", j) * at("a", j))),
    (total(i, total(j, at("W", i, j), upper=i)), total(k, total(m, at("W", k, m), upper=k))),
    (total(i, at("x", i) * total(j, at("y", j))), total(j, total(i, at("y", i)) * at("x", j))),
    (
        reduce("sum", (Bound(i, ONE, N, True),), at("x", i)),
        reduce("sum", (Bound(i, ONE, N, False),), at("x", i)),
    ),
    (
        total(i, reduce("max", (Bound(j, ONE, i),), at("x", j))) + total(i, at("x", i)),
        total(j, at("x", j)) + total(k, reduce("max", (Bound(i, ONE, k),), at("x", i))),
    ),
    (compare("==", i, j), compare("==", j, i)),
    (compare(">", x, y), compare("<", y, x)),
    (compare(">=", x, y), compare("<=", y, x)),
    (junction("and", compare("<", i, j), compare("<", j, k)), junction("and", compare("<", j, k), compare(">", j, i))),
    (where(compare("==", i, j), x + y, ZERO), where(compare("==", j, i), y + x, ZERO)),
    (call("sigmoid", x + y), call("sigmoid", y + x)),
    (power(x + y, two), power(y + x, two)),
    (total(i, at("x", i), 1, i), total(j, at("x", j), 1, i)),  # a limit is outside the scope of its own index
)


@pytest.mark.parametrize(("left", "right"), SAME, ids=str)
def test_equality_ignores_order_and_bound_names(left: Expr, right: Expr) -> None:
    assert left == right
    assert hash(left) == hash(right)
    assert canonical(left) is canonical(right)
    assert canonical(canonical(left)) is canonical(left)


DIFFERENT: tuple[tuple[Expr, Expr], ...] = (
    (total(i, at("W", i, j)), total(j, at("W", i, j))),
    (total(i, at("x", i)), total(i, at("x", i), 0)),
    (total(i, total(j, at("W", i, j))), total(i, total(j, at("W", j, i)))),
    (total(i, at("x", j)), total(i, at("x", i))),
    (total(i, total(j, at("W", i, j), upper=m)), total(i, total(j, at("W", i, j), upper=i))),
    (total(i, total(j, at("W", i, j), upper=two), upper=j), total(i, total(j, at("W", i, j), upper=two), upper=k)),
    (x - y, y - x),
    (compare("<", x, y), compare("<", y, x)),
    (compare("divides", two, i), compare("divides", i, two)),
    (call("sigmoid", x), call("sigmoid", x, orders=(1,))),
    (call("atan2", x, y), call("atan2", y, x)),
    (Index("N"), Size("N")),
    (scalar("N"), Size("N")),
    (Size("n", (i,)), Size("n", (j,))),
    (Derivative("D", x, y), Derivative("P", x, y)),
)


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=str)
def test_equality_sees_everything_else(left: Expr, right: Expr) -> None:
    assert left != right


def test_expressions_are_unlike_numbers_of_python() -> None:
    assert ONE != 1
    assert x != "x"


@pytest.mark.parametrize("expr", [expr for pair in (*FOLDED, *KEPT, *SAME, *DIFFERENT) for expr in pair], ids=str)
def test_pickles_and_copies_are_the_same_node(expr: Expr) -> None:
    assert pickle.loads(pickle.dumps(expr)) is expr
    assert copy.deepcopy(expr) is copy.copy(expr) is expr


# ---- indices and names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "free"),
    [
        (at("W", i, j + ONE), {i, j}),
        (total(i, at("W", i, j)), {j}),
        (total(i, at("x", i), upper=i), {i}),
        (reduce("sum", (Bound(i, ONE, N), Bound(j, ONE, i)), at("W", i, j)), set()),
        (reduce("sum", (Bound(i, ONE, j), Bound(j, ONE, i)), at("W", i, j)), {j}),
        (Size("n", (i - ONE,)), {i}),
        (where(compare("<", i, j), at("x", k), ZERO), {i, j, k}),
        (Derivative("D", at("y", i), at("x", j)), {i, j}),
    ],
    ids=lambda value: " ".join(sorted(map(str, value))) if isinstance(value, set) else str(value),
)
def test_free_indices_are_those_that_nothing_binds(expr: Expr, free: set[Index]) -> None:
    assert free_indices(expr) == free


def test_names_are_found_below_everything() -> None:
    expr = where(compare("<", at("a", 1), ZERO), total(i, at("x", i)), call("exp", y)) + reduce(
        "max", (Bound(i, ONE, scalar("q")),), at("E", at("tok", i))
    )
    assert names_of(expr) == {"a", "x", "y", "q", "E", "tok"}


def test_walk_goes_from_parents_to_children_in_written_order() -> None:
    expr = add(mul(two, x), y)
    assert list(walk(expr)) == [expr, mul(two, x), two, x, y]


@pytest.mark.parametrize(
    ("index", "taken", "fresh"),
    [(k, (), k), (k, (k,), k_1), (k, (k, k_1), Index("k_2")), (k_1, (k_1,), Index("k_2")), (k_1, (k,), k_1)],
)
def test_fresh_indices_count_up(index: Index, taken: tuple[Index, ...], fresh: Index) -> None:
    # k_1 in the second last case: its stem k, then the first number that is not taken.
    expected = fresh if fresh not in taken else None
    assert fresh_index(index, set(taken)) is expected
    assert stem_of(fresh) == "k"


def test_rules_see_children_first_and_their_results_are_not_visited_again() -> None:
    seen: list[Expr] = []

    def rule(node: Expr) -> Expr:
        seen.append(node)
        return mul(two, x) if node is x else node

    assert transform(add(x, mul(x, y)), rule) is add(mul(two, x), mul(two, x, y))
    assert seen.count(x) == 1  # shared nodes once
    assert seen[-1] is add(mul(two, x), mul(two, x, y))


@pytest.mark.parametrize(
    ("expr", "taken", "wanted"),
    [
        (total(i, at("x", i)), {i}, total(i_1, at("x", i_1))),
        (total(i, at("x", i)), {j}, total(i, at("x", i))),
        (total(i, at("W", i, i_1)), {i}, total(Index("i_2"), at("W", Index("i_2"), i_1))),
        (
            reduce("sum", (Bound(i, ONE, N), Bound(j, ONE, i)), at("W", i, j)),
            {i},
            reduce("sum", (Bound(i_1, ONE, N), Bound(j, ONE, i_1)), at("W", i_1, j)),
        ),
        # A limit may name what would be the fresh index.
        (
            reduce("sum", (Bound(i, ONE, N), Bound(j, ONE, i_1)), at("W", i, j)),
            {i},
            reduce("sum", (Bound(Index("i_2"), ONE, N), Bound(j, ONE, i_1)), at("W", Index("i_2"), j)),
        ),
        (total(i, at("x", i), upper=i), {i}, total(i_1, at("x", i_1), upper=i)),
    ],
    ids=str,
)
def test_bound_apart_renames_what_is_taken(expr: Expr, taken: set[Index], wanted: Expr) -> None:
    found = bound_apart(expr, taken)
    assert found is wanted
    assert found == expr


# ---- substitution ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "mapping", "wanted"),
    [
        (at("W", i, j), {i: j, j: i}, at("W", j, i)),
        (total(i, at("W", i, j)), {j: i}, total(i_1, at("W", i_1, i))),
        (total(i, at("W", i, j)), {i: k}, total(i, at("W", i, j))),
        (total(i, at("x", i), upper=i), {i: three}, total(i, at("x", i), upper=3)),
        (
            reduce("sum", (Bound(i, ONE, j), Bound(j, ONE, N)), at("W", i, j)),
            {j: three},
            reduce("sum", (Bound(i, ONE, three), Bound(j, ONE, N)), at("W", i, j)),
        ),
        (
            reduce("sum", (Bound(i, ONE, N), Bound(j, ONE, i_1)), at("A", i, j, k)),
            {k: i},
            reduce("sum", (Bound(Index("i_2"), ONE, N), Bound(j, ONE, i_1)), at("A", Index("i_2"), j, i)),
        ),
        (at("z", i) + z, {z: x}, at("z", i) + x),
        (at("z", i) + at("z", j), {at("z", i): x}, x + at("z", j)),
        (total(i, at("z", i)), {at("z", i): x}, total(i, at("z", i))),  # another i
        (add(x, y), {add(y, x): z}, z),
        (power(x, two), {x: ZERO}, ZERO),
        (Size("n", (i,)), {i: i - ONE}, Size("n", (i - ONE,))),
    ],
    ids=str,
)
def test_substitution_in_a_table(expr: Expr, mapping: Mapping[Expr, Expr], wanted: Expr) -> None:
    assert substitute(expr, mapping) is wanted


FREE = (i, j, k)
NAMES = (i, j, k, i_1, j_1)


@st.composite
def index_expressions(draw: st.DrawFn, names: tuple[Index, ...]) -> Expr:
    index = draw(st.sampled_from(names))
    return draw(st.sampled_from((index, index, index, index + ONE, 2 * index, index - draw(st.sampled_from(names)))))


@st.composite
def bodies(draw: st.DrawFn, names: tuple[Index, ...], depth: int = 3) -> Expr:
    """Return an expression over the free indices `names`, with reductions whose limits use them too."""
    kinds = ("add", "mul", "where", "call", "reading", "reduction", "reduction", "reduction", "reduction")
    kind = draw(st.sampled_from(kinds)) if depth else "reading"
    if kind == "reading":
        return at(draw(st.sampled_from("xy")), draw(index_expressions(names)), draw(index_expressions(names)))
    if kind == "reduction":
        bounds: tuple[Bound, ...] = ()
        inside = names
        for index in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)):
            lower = draw(st.sampled_from((ZERO, ONE, *inside)))
            upper = draw(st.sampled_from((two, two, *inside, inside[0] + ONE)))
            bounds += (Bound(index, lower, upper),)
            inside = tuple(dict.fromkeys((*inside, index)))
        body = draw(bodies(inside, depth - 1))
        return reduce(draw(st.sampled_from(("sum", "sum", "sum", "prod"))), bounds, body)
    one, other = draw(bodies(names, depth - 1)), draw(bodies(names, depth - 1))
    if kind == "where":
        return where(compare("<", draw(index_expressions(names)), draw(index_expressions(names))), one, other)
    return {"add": add, "mul": mul}[kind](one, other) if kind != "call" else add(call("identity", one), other)


class Anything(dict[tuple[int, ...], Fraction]):
    """Values of an array without limits."""

    def __init__(self, salt: int) -> None:
        super().__init__()
        self.salt = salt

    def __missing__(self, point: tuple[int, ...]) -> Fraction:
        first, second = point
        return Fraction((first * 31 + second * 17 + first * second * 7 + self.salt) % 13 - 6, 5)


EVERYWHERE = Witness(no_network(), {"N": 2}, {"x": Anything(1), "y": Anything(5)})
POINTS = [dict(zip(FREE, map(Fraction, values), strict=True)) for values in product((0, 1, 2), (-1, 1), (0, 2))]


def assert_substitution_is_simultaneous(expr: Expr, mapping: dict[Index, Expr]) -> None:
    """The value after is the value before, with the indices given the values of what was put in for them."""
    after = substitute(expr, mapping)
    for point in POINTS:
        before = {**point, **{index: EVERYWHERE.of(value, point) for index, value in mapping.items()}}
        assert EVERYWHERE.of(after, point) == EVERYWHERE.of(expr, before)


@given(bodies(FREE), st.dictionaries(st.sampled_from(FREE), index_expressions(FREE), min_size=1, max_size=3))
@settings(max_examples=150)
def test_substitution_never_captures(expr: Expr, mapping: dict[Index, Expr]) -> None:
    assert_substitution_is_simultaneous(expr, mapping)


@given(bodies(FREE))
@settings(max_examples=60)
def test_swaps_and_shifts_never_capture(expr: Expr) -> None:
    for mapping in ({i: j, j: i}, {i: j, j: k, k: i}, {i: i + ONE}, {i: i + j, j: i - j}):
        assert_substitution_is_simultaneous(expr, mapping)


@given(bodies(FREE))
@settings(max_examples=100)
def test_renaming_bound_indices_changes_no_value_and_no_identity(expr: Expr) -> None:
    renamed = bound_apart(expr, set(NAMES))
    bound = {b.index for node in walk(renamed) if isinstance(node, Reduction) for b in node.bounds}
    assert not bound & set(NAMES)
    for point in POINTS:
        assert EVERYWHERE.of(renamed, point) == EVERYWHERE.of(expr, point)
        assert EVERYWHERE.of(canonical(expr), point) == EVERYWHERE.of(expr, point)
    assert free_indices(renamed) == free_indices(expr) == free_indices(canonical(expr))


@given(bodies(FREE), bodies(FREE))
@settings(max_examples=100)
def test_what_is_equal_has_equal_values(left: Expr, right: Expr) -> None:
    assert add(left, right) == add(right, left)
    assert mul(left, right) == mul(right, left)
    if left == right:
        assert all(EVERYWHERE.of(left, point) == EVERYWHERE.of(right, point) for point in POINTS)
    else:
        assert canonical(left) is not canonical(right)


SCALARS = st.recursive(
    st.sampled_from((x, y, z, two, half, number(-3), ONE, ZERO)),
    lambda inner: st.one_of(
        st.tuples(st.just(add), inner, inner),
        st.tuples(st.just(mul), inner, inner),
        st.tuples(st.just(negative), inner),
        st.tuples(st.just(divide), inner, inner),
        st.tuples(st.just(power), inner, st.sampled_from((two, three, MINUS_ONE, number(-2)))),
    ),
    max_leaves=12,
)
WHERE = Witness(
    no_network(),
    {},
    {"x": {(): Fraction(3, 7)}, "y": {(): Fraction(-5, 3)}, "z": {(): Fraction(11, 4)}},
)


@given(SCALARS)
@settings(max_examples=300)
def test_folding_changes_no_value(tree: object) -> None:
    def plain(node: object) -> Fraction | None:
        """The value without any constructor; None where it is undefined."""
        if isinstance(node, Expr):
            return WHERE.of(node)
        operation, *arguments = node  # type: ignore[misc]
        numbers = [plain(argument) for argument in arguments]
        if any(value is None for value in numbers):
            return None
        if operation is add:
            return numbers[0] + numbers[1]
        if operation is mul:
            return numbers[0] * numbers[1]
        if operation is negative:
            return -numbers[0]
        if operation is divide:
            return None if numbers[1] == 0 else numbers[0] / numbers[1]
        return None if numbers[0] == 0 and numbers[1] < 0 else numbers[0] ** int(numbers[1])

    def built(node: object) -> Expr:
        if isinstance(node, Expr):
            return node
        operation, *arguments = node  # type: ignore[misc]
        return operation(*map(built, arguments))

    value, expr = plain(tree), built(tree)
    if value is not None:
        assert WHERE.of(expr) == value
    assert_is_folded(expr)


def assert_is_folded(expr: Expr) -> None:
    """Sums and products are flat, with one number at most and no two equal rests or bases."""
    for node in walk(expr):
        if isinstance(node, Add):
            assert len(node.terms) > 1
            assert not any(isinstance(term, Add) or term is ZERO for term in node.terms)
            assert sum(isinstance(term, Number) for term in node.terms) <= 1
        if isinstance(node, Mul):
            assert len(node.factors) > 1
            assert not any(isinstance(factor, Mul) for factor in node.factors)
            assert not any(isinstance(factor, Number) for factor in node.factors[1:])
            bases = [factor.base if isinstance(factor, Power) else factor for factor in node.factors]
            assert len(set(map(canonical, bases))) == len(bases)
        if isinstance(node, (Where, Junction)):
            assert TRUE not in node.children
            assert FALSE not in node.children
