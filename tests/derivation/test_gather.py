"""The gathered formula at every component is the sum over the loops that hit it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from brute_force import Witness, no_network

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Mul,
    Power,
    Reduction,
    Size,
    add,
    compare,
    free_indices,
    junction,
    mul,
    number,
    walk,
    where,
)
from symprop.derivation.gather import gather, sum_over

I, J, K, M = map(Index, "ijkm")
N, H = Size("N"), Size("H")
NAMES = (I, J, K)
COMPONENTS = (I, M, J, K)  # those of an array may be called like the loops


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


def assert_gather_is_scatter(case: Case) -> None:
    for sizes in ({"N": 3, "H": 2}, {"N": 1, "H": 1}, {"N": 2, "H": 4}):
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
@settings(max_examples=400)
def test_gather_is_scatter_whatever_is_read(case: Case) -> None:
    assert_gather_is_scatter(case)


@pytest.mark.slow
@given(cases())
@settings(max_examples=5000)
def test_gather_is_scatter_in_many_more_cases(case: Case) -> None:
    assert_gather_is_scatter(case)
