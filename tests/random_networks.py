"""Random small networks for the sweeps: shared weights, diagonals, strides, triangular sums, guards, extrema, products.

Every reading is inside its axes by construction, or guarded; functions are smooth, so that a central difference is a
derivative wherever no two arguments of an extremum happen to be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from brute_force import Point, Value, Witness
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Size,
    add,
    call,
    compare,
    iverson,
    mul,
    number,
    power,
    reduce,
    scalar,
    where,
)
from symprop.algebra.indices import normal
from symprop.declaration.network import Equation, Function, Network, Objective
from symprop.declaration.quantity import Axis, Quantity

N, M = Size("N"), Size("M")
i, j, k, t = map(Index, "ijkt")
LIMITS: Mapping[Index, tuple[Expr, Expr]] = {
    i: (ONE, N),
    j: (ZERO, M),
    k: (ONE, N),
    t: (ONE, 2 * N + M),
}
i_1 = Index("i_1")


def axis(index: Index, stem: Index | None = None) -> Axis:
    """Return an axis with the range of an index."""
    return Axis(index, *LIMITS[stem or index])


GIVEN: tuple[Quantity, ...] = (
    Quantity("x", "input", (axis(i),)),
    Quantity("W", "parameter", (axis(j), axis(i))),
    Quantity("U", "parameter", (axis(i), axis(i_1, i))),
    Quantity("v", "parameter", (axis(t),)),
    Quantity("c", "parameter", ()),
)
HALF_SQUARE = Function("bend", ("u", "w"), mul(scalar("u"), call("sigmoid", mul(scalar("w"), scalar("u")))))


@dataclass(frozen=True)
class Free:
    """The indices that may stand in an expression, and how deep it may still become."""

    bounds: tuple[Bound, ...]
    depth: int

    def names(self) -> set[Index]:
        return {bound.index for bound in self.bounds}

    def like(self, lower: Expr, upper: Expr) -> list[Index]:
        """The indices whose whole range is inside these limits. (Triangular ones are inside their rectangle.)"""
        found = []
        for bound in self.bounds:
            declared = LIMITS[Index(bound.index.name[0])]
            if declared == (lower, upper):
                found.append(bound.index)
        return found


@st.composite
def readings(draw: st.DrawFn, quantities: tuple[Quantity, ...], free: Free) -> Expr:
    quantity = draw(st.sampled_from(quantities))
    indices: list[Expr] = []
    guards: list[Expr] = []
    for place in quantity.axes:
        own = free.like(place.lower, place.upper)
        choices: list[Expr] = [place.lower, place.upper]
        choices += own * 4
        if place.index is t:
            rows = free.like(ONE, N)
            columns = free.like(ZERO, M)
            choices += [normal(2 * row) for row in rows]
            choices += [normal(2 * row - ONE) for row in rows]
            choices += [normal(2 * row + column) for row in rows for column in columns] * 2
            choices += [normal(row + other) for row in rows for other in rows]
            choices += [normal(N + M + ONE - column) for column in columns]
        elif own and draw(st.integers(0, 4)) == 0:
            shifted = draw(st.sampled_from(own))
            if draw(st.booleans()):
                choices = [normal(shifted + ONE)]
                guards.append(compare("<", shifted, place.upper))
            else:
                choices = [normal(shifted - ONE)]
                guards.append(compare(">=", shifted - ONE, place.lower))
        elif own and draw(st.integers(0, 5)) == 0:
            choices = [normal(place.upper + place.lower - draw(st.sampled_from(own)))]
        indices.append(draw(st.sampled_from(choices)))
    reading: Expr = Access(quantity.name, tuple(indices))
    for guard in guards:
        reading = where(guard, reading, draw(st.sampled_from((ZERO, scalar("c")))))
    return reading


KINDS = (
    *("reading", "add", "mul", "mul", "call", "call", "power", "fraction", "where", "bracket", "function"),
    *("sum", "sum", "sum", "extremum", "product", "logsumexp"),
    *("pair", "stop"),
)


@st.composite
def expressions(draw: st.DrawFn, quantities: tuple[Quantity, ...], free: Free) -> Expr:
    if free.depth <= 0:
        return draw(readings(quantities, free))

    def inner(fewer: int = 1) -> Expr:
        return draw(expressions(quantities, Free(free.bounds, free.depth - fewer)))

    kind = draw(st.sampled_from(KINDS))
    match kind:
        case "reading":
            return draw(readings(quantities, free))
        case "add":
            return add(inner(), draw(st.sampled_from((ONE, number(-1), number("1/2")))) * inner())
        case "mul":
            return mul(inner(), inner())
        case "call":
            # No relu: its zeros are equal, and an extremum of equal values has no derivative.
            function = draw(st.sampled_from(("sigmoid", "tanh", "sin", "softplus", "atan", "leaky_relu")))
            return call(function, inner(), *((number("1/10"),) if function == "leaky_relu" else ()))
        case "power":
            return power(inner(), draw(st.sampled_from((number(2), number(3)))))
        case "fraction":
            return inner(2) / (ONE + power(inner(2), number(2)))
        case "where":
            if free.bounds and draw(st.booleans()):
                index = draw(st.sampled_from(sorted(free.names(), key=lambda index: index.name)))
                condition = compare(draw(st.sampled_from(("==", "!=", "<", ">="))), index, ONE)
            else:
                condition = compare(">", inner(2), number("1/9"))
            return where(condition, inner(), inner())
        case "bracket":
            if len(free.bounds) < 2:
                return inner()
            left, right = free.bounds[-1].index, free.bounds[-2].index
            return mul(iverson(compare(draw(st.sampled_from(("==", "<=", "!="))), left, right)), inner())
        case "function":
            return call("bend", inner(2), inner(2))
        case "stop":
            return call("stop", inner())
        case "pair":
            return call(draw(st.sampled_from(("max", "min"))), inner(), inner())
    # A reduction.
    stem = draw(st.sampled_from((i, j, k)))
    names = free.names()
    index = stem
    count = 0
    while index in names:
        count += 1
        index = Index(f"{stem.name}_{count}")
    lower, upper = LIMITS[stem]
    written = False
    rows = free.like(ONE, N)
    if stem in (i, k) and rows and draw(st.booleans()):  # triangular
        upper, written = draw(st.sampled_from(rows)), True
        if draw(st.booleans()):
            lower, upper = upper, N
    bound = Bound(index, lower, upper, written)
    body = draw(expressions(quantities, Free((*free.bounds, bound), free.depth - 1)))
    reduction = {"sum": "sum", "product": "prod", "logsumexp": "logsumexp"}.get(kind) or draw(
        st.sampled_from(("max", "min"))
    )
    return reduce(reduction, (bound,), body)


@dataclass(frozen=True, repr=False)
class Example:
    """A network with sizes and values."""

    network: Network
    sizes: Mapping[str, int]
    values: Mapping[str, Mapping[Point, Value]]

    def witness(self, adjoints: tuple[tuple[Access, tuple[Bound, ...], Expr], ...] = ()) -> Witness:
        return Witness(self.network, self.sizes, self.values, adjoints)

    def __repr__(self) -> str:  # what a failing test shows
        lines = [
            f"{e.target} = {e.expression}   for {', '.join(f'{b.index} = {b.lower}..{b.upper}' for b in e.bounds)}"
            for e in self.network.equations
        ]
        values = {name: {p: str(v) for p, v in row.items()} for name, row in self.values.items()}
        return "\n".join((*lines, f"sizes {self.sizes}", f"values {values}"))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@st.composite
def examples(draw: st.DrawFn, depth: int = 3) -> Example:
    quantities = GIVEN
    equations: list[Equation] = []
    for name in ("a", "b", "d")[: draw(st.integers(1, 3))]:
        indices = draw(st.sampled_from(((i,), (j,), (j, i), (i, k), ())))
        bounds = tuple(Bound(index, *LIMITS[index]) for index in indices)
        # What was defined last is read most, so that chains form.
        pool = quantities + quantities[len(GIVEN) :][-1:] * 4
        expression = draw(expressions(pool, Free(bounds, depth)))
        equations.append(Equation(Access(name, indices), bounds, expression))
        quantities += (Quantity(name, "defined", tuple(map(axis, indices))),)
    last = quantities[-1]
    total: Expr = last.access
    for place in reversed(last.axes):
        total = reduce("sum", (Bound(place.index, place.lower, place.upper),), power(total, number(2)))
    extra = draw(expressions(quantities, Free((), 2)))
    equations.append(Equation(Access("L", ()), (), add(total, extra)))
    quantities += (Quantity("L", "defined"),)
    network = Network(
        {quantity.name: quantity for quantity in quantities},
        tuple(equations),
        {index: Bound(index, *limits) for index, limits in LIMITS.items()},
        {"N": None, "M": None},
        {HALF_SQUARE.name: HALF_SQUARE},
        (Objective("L", "minimize"),),
        declares_roles=True,
    )
    sizes = draw(st.sampled_from(({"N": 3, "M": 1}, {"N": 2, "M": 2}, {"N": 1, "M": 1}, {"N": 2, "M": 1})))
    return Example(network, sizes, random_values(network, sizes, draw(st.integers(0, 10**6))))


def random_values(network: Network, sizes: Mapping[str, int], seed: int) -> dict[str, dict[Point, Value]]:
    """Return values between -2 and 2 for everything given, no two alike."""
    witness = Witness(network, sizes, {})
    values: dict[str, dict[Point, Value]] = {}
    state = seed + 1
    for quantity in network.quantities.values():
        if quantity.role in ("input", "target", "parameter", "hyperparameter"):
            values[quantity.name] = {}
            for point in witness.components(quantity.name):
                state = (state * 48271 + 11) % (2**31 - 1)
                values[quantity.name][point] = Fraction(state % 8009 - 4004, 2003)
    return values
