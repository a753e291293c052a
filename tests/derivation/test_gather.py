"""The gathered formula at every component is the sum over the loops that hit it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import pytest
from brute_force import Witness, no_network
from hypothesis import given, settings
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Size,
    add,
    compare,
    free_indices,
    junction,
    mul,
    number,
    walk,
)
from symprop.derivation.gather import gather, sum_over

i, j, k, m = map(Index, "ijkm")
N, H = Size("N"), Size("H")
NAMES = (i, j, k)
COMPONENTS = (i, m, j, k)  # those of an array may be called like the loops


@dataclass(frozen=True)
class Case:
    """One scatter: what is read, in which loops, and under which names its components go."""

    operand: Access
    value: Expr
    loops: tuple[Bound, ...]
    guard: Expr
    axes: tuple[Bound, ...]

    @cached_property
    def gathered(self) -> Expr:
        return gather(
            self.operand, self.value, self.loops, self.guard, tuple(axis.index for axis in self.axes), self.axes
        )

    def __str__(self) -> str:
        loops = ", ".join(f"{b.index} = {b.lower}..{b.upper}" for b in self.loops)
        axes = ", ".join(f"{b.index} = {b.lower}..{b.upper}" for b in self.axes)
        return f"for {loops} if {self.guard}: {self.operand} += {self.value}; components {axes}\n -> {self.gathered}"


def value_at(point: tuple[int, ...]) -> Fraction:
    """Return a number that no sum of few others equals by chance."""
    return Fraction(1 + sum((7919 + 104729 * place) ** (1 + n) % 99991 for n, place in enumerate(point)), 97)


def disagreements(case: Case, sizes: dict[str, int]) -> Iterator[str]:
    """Yield every component at which gather and scatter differ. Nothing that the loops do not reach may be read."""
    witness = Witness(no_network(), sizes, {})
    read = {node for node in (*walk(case.value), *walk(case.guard)) if isinstance(node, Access)}
    values: dict[str, dict[tuple[int, ...], Fraction]] = {access.name: {} for access in read}
    for access in read:
        last = max(n for n, loop in enumerate(case.loops) if loop.index in free_indices(access))
        for indices in witness.points(case.loops[: last + 1]):
            point = tuple(int(witness.of(index, indices)) for index in access.indices)
            values[access.name][point] = value_at(point) * (-1) ** (sum(point) % 2)
    iterations = list(witness.points(case.loops))
    witness = Witness(no_network(), sizes, values)
    scattered: dict[tuple[int, ...], Fraction] = {}
    for indices in iterations:
        if witness.holds(case.guard, indices):
            point = tuple(int(witness.of(index, indices)) for index in case.operand.indices)
            scattered[point] = scattered.get(point, Fraction(0)) + witness.of(case.value, indices)
    for indices in witness.points(case.axes):
        point = tuple(int(indices[axis.index]) for axis in case.axes)
        found = witness.of(case.gathered, indices)
        if found != scattered.get(point, Fraction(0)):
            yield f"{list(point)}: {found} instead of {scattered.get(point, 0)}"


def assert_gather_is_scatter(case: Case, more: bool = True) -> None:
    for sizes in ({"N": 3, "H": 2}, {"N": 1, "H": 1}, {"N": 2, "H": 4})[: 3 if more else 2]:
        found = list(disagreements(case, sizes))
        assert not found, f"{case}\n{sizes}: {found}"


@st.composite
def affine_indices(draw: st.DrawFn, loops: tuple[Index, ...]) -> Expr:
    coefficients = st.sampled_from((0, 0, 0, 1, 1, 1, 1, -1, 2, -2, 3))
    terms = [draw(coefficients) * loop for loop in loops]
    if draw(st.integers(0, 9)) == 0:
        terms.append(mul(draw(st.sampled_from((N, N + ONE, N - ONE, 2 * N))), draw(st.sampled_from(loops))))
    offsets = (ZERO, ZERO, ZERO, ONE, number(-1), number(2), N, -N, N - ONE, H)
    return add(*terms, draw(st.sampled_from(offsets)))


@st.composite
def limits(draw: st.DrawFn, before: tuple[Index, ...]) -> tuple[Expr, Expr]:
    lower: list[Expr] = [ONE, ONE, ZERO, number(-1)]
    upper: list[Expr] = [N, N, H, number(2), N - ONE, N + ONE]
    if before:
        last = draw(st.sampled_from(before))
        lower += [last, last + ONE, last - ONE]
        upper += [last, last - ONE, N - last, last + ONE, 2 * last]
    return draw(st.sampled_from(lower)), draw(st.sampled_from(upper))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = NAMES[: draw(st.integers(1, 3))]
    loops = tuple(Bound(name, *draw(limits(names[:n]))) for n, name in enumerate(names))
    indices = tuple(draw(affine_indices(names)) for _ in range(draw(st.integers(1, 3))))
    value: Expr = Access("c", names)
    if draw(st.booleans()):
        value = value * Access("w", (draw(st.sampled_from(names)),))
    guards: tuple[Expr, ...] = (
        TRUE,
        TRUE,
        compare("<", names[0], names[-1] + ONE),
        compare("!=", names[-1], ONE),
        junction("and", compare(">", Access("c", names), ZERO), compare("<=", names[0], H)),
        junction("or", compare("==", names[0], ONE), compare("==", names[-1], N)),
    )
    guard = draw(st.sampled_from(guards))
    ends = st.sampled_from((N, N + H, number(3), 2 * N))
    axes = tuple(Bound(COMPONENTS[n], number(draw(st.integers(-1, 1))), draw(ends)) for n in range(len(indices)))
    return Case(Access("x", indices), value, loops, guard, axes)


@given(cases())
@settings(max_examples=320)
def test_gather_is_scatter_whatever_is_read(case: Case) -> None:
    assert_gather_is_scatter(case, more=False)


@pytest.mark.slow
@given(cases())
@settings(max_examples=5000)
def test_gather_is_scatter_in_many_more_cases(case: Case) -> None:
    assert_gather_is_scatter(case)


# ---- single forms ----------------------------------------------------------------------------------------------

T = Size("T")
i_1 = Index("i_1")


def at(name: str, *indices: Expr) -> Access:
    return Access(name, indices)


def rectangle(*indices: Index) -> tuple[Bound, ...]:
    return tuple(Bound(index, ONE, N) for index in indices)


FORMS: tuple[tuple[str, Case, str], ...] = (
    (
        "a plain reading drops its loops",
        Case(at("W", j, i), at("c", j) * at("x", i), rectangle(i, j), TRUE, rectangle(j, i)),
        "c[j]*x[i]",
    ),
    (
        "a loop that the reading lacks is a sum",
        Case(at("x", i), at("c", j) * at("W", j, i), rectangle(j, i), TRUE, rectangle(i)),
        "sum(j, c[j]*W[j,i])",
    ),
    (
        "the names of the array and of the loops may be swapped",
        Case(at("x", i), at("c", j) * at("W", j, i), rectangle(j, i), TRUE, rectangle(j)),
        "sum(j_1, c[j_1]*W[j_1,j])",
    ),
    (
        "a shared weight at a fixed place collects everything",
        Case(at("v", ONE), at("c", i), rectangle(i), TRUE, rectangle(m)),
        "where(m == 1, sum(i, c[i]), 0)",
    ),
    (
        "a diagonal is where both are equal",
        Case(at("W", i, i), at("c", i), rectangle(i), TRUE, rectangle(j, k)),
        "where(k == j, c[j], 0)",
    ),
    (
        "a shift is a guard",
        Case(at("h", i - ONE), at("c", i), (Bound(i, ONE, N),), TRUE, (Bound(m, ZERO, N),)),
        "where(m <= N - 1, c[m + 1], 0)",
    ),
    (
        "a stride is a guard and a division",
        Case(at("x", 2 * i), at("c", i), rectangle(i), TRUE, (Bound(m, ONE, 2 * N),)),
        "where(divides(2, m) and m >= 2, c[m/2], 0)",
    ),
    (
        "a triangular sum turns round",
        Case(at("x", j), at("c", i), (Bound(i, ONE, N), Bound(j, ONE, i)), TRUE, rectangle(m)),
        "sum(i = m..N, c[i])",
    ),
    (
        "a reversed axis is reversed again",
        Case(at("x", N + ONE - i), at("c", i), rectangle(i), TRUE, rectangle(m)),
        "c[-m + N + 1]",
    ),
    (
        "nothing outside the range of the array",
        Case(at("x", i + N), at("c", i), rectangle(i), TRUE, rectangle(m)),
        "0",
    ),
    (
        "no loop of coefficient one leaves a bracket",
        Case(at("x", 2 * i + 3 * j), at("c", i, j), rectangle(i, j), TRUE, (Bound(m, ONE, 5 * N),)),
        "sum(i, j, where(m == 2*i + 3*j, c[i,j], 0))",
    ),
    (
        "an integer input as an index leaves a bracket",
        Case(at("E", at("s", i), j), at("c", i, j), rectangle(i, j), TRUE, rectangle(k, m)),
        "sum(i, where(k == s[i], c[i,m], 0))",
    ),
)


@pytest.mark.parametrize(("case", "text"), [(case, text) for _, case, text in FORMS], ids=[name for name, *_ in FORMS])
def test_forms(case: Case, text: str) -> None:
    assert str(case.gathered) == text


# What went wrong once.
ONCE: tuple[tuple[str, Case], ...] = (
    (
        "a solved loop stood in the limits of the loop that it was solved with",
        Case(at("x", i + 2 * j), at("c", i, j), (Bound(i, ONE, N), Bound(j, ONE, i)), TRUE, (Bound(m, ONE, 3 * N),)),
    ),
    (
        "... or of one before that",
        Case(
            at("x", i + k),
            at("c", i, j, k),
            (Bound(i, ONE, N), Bound(j, ONE, i), Bound(k, ONE, j)),
            TRUE,
            (Bound(m, ONE, 2 * N),),
        ),
    ),
    (
        "a stride of H - 1 is 0 where H is 1",
        Case(at("x", (H - ONE) * i), at("c", i), rectangle(i), TRUE, (Bound(m, ZERO, N * H),)),
    ),
    (
        "a condition read a value before the range was known",
        Case(at("x", i), at("c", i), rectangle(i), compare(">", at("c", i), ZERO), (Bound(m, ZERO, N + ONE),)),
    ),
    (
        "... and before the loop that gives the range",
        Case(
            at("x", 2 * j),
            at("c", i, j),
            (Bound(i, ONE, N), Bound(j, ONE, i)),
            compare(">", at("w", j), ZERO),
            (Bound(m, ZERO, 3 * N),),
        ),
    ),
    (
        "a factor left a loop that may be empty",
        Case(
            at("x", j - ONE),
            at("c", i) * at("w", j),
            (Bound(i, ONE, N), Bound(j, ONE, i)),
            TRUE,
            (Bound(m, ZERO, N),),
        ),
    ),
    (
        "a limit was half a number",
        Case(
            at("x", 2 * i),
            at("c", i, j),
            (Bound(i, ONE, N), Bound(j, ONE, i)),
            TRUE,
            (Bound(m, ONE, 2 * N + ONE),),
        ),
    ),
)


@pytest.mark.parametrize("case", [case for _, case in ONCE], ids=[name for name, _ in ONCE])
def test_what_went_wrong_once(case: Case) -> None:
    assert_gather_is_scatter(case)


def test_free_indices_of_the_equation_stay_free() -> None:
    """With `outer` the equation's own indices are not summed over, as in a local partial."""
    loops = (Bound(j, ONE, N),)
    outer = (Bound(i, ONE, N), Bound(m, ONE, N))
    assert str(gather(at("x", j), at("W", i, j), loops, TRUE, (m,), outer)) == "W[i,m]"
    assert str(gather(at("x", i), at("c", i), (), TRUE, (m,), outer)) == "where(m == i, c[i], 0)"
    assert str(gather(at("x", j), at("W", i, j), loops, TRUE, (N,), outer)) == "W[i,N]"
    assert gather(at("x", j), at("W", i, j), loops, TRUE, (N + ONE,), outer) is ZERO


@pytest.mark.parametrize(
    ("bounds", "body", "text"),
    [
        (rectangle(i), at("a", i) * at("b", j), "b[j]*sum(i, a[i])"),
        (rectangle(i, j), at("a", i) * at("b", j), "sum(j, b[j])*sum(i, a[i])"),
        (rectangle(i), at("b", j), "N*b[j]"),
        (rectangle(i, j), ONE, "N**2"),
        ((Bound(i, ONE, j),), at("b", k), "sum(i = 1..j, b[k])"),  # j may be 0
        ((Bound(i, ONE, N), Bound(j, ONE, i)), at("b", k), "b[k]*sum(i, i)"),
        ((Bound(i, j, N),), at("a", i) * at("b", j + ONE), "sum(i = j..N, a[i]*b[j + 1])"),
        (rectangle(i), at("a", i) * at("b", j + ONE), "b[j + 1]*sum(i, a[i])"),
        (rectangle(i), ZERO, "0"),
        ((), at("b", j), "b[j]"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_sums_let_out_what_does_not_concern_them(bounds: tuple[Bound, ...], body: Expr, text: str) -> None:
    bounds = tuple(bound._replace(written=bound.upper is not N or bound.lower is not ONE) for bound in bounds)
    assert str(sum_over(bounds, body)) == text
