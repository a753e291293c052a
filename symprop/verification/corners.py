"""Points at the corners of two expressions: where a condition turns, and close by on both sides.

Random points miss a difference beyond a far kink, in a narrow strip, or at one value.  What a condition compares (the
argument of a kinked function included) is followed along one given component at a time to where both are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from symprop.algebra.expressions import Call, Compare, Expr, Index, Number, free_indices, walk
from symprop.algebra.functions import FUNCTIONS
from symprop.errors import SympropError
from symprop.verification.evaluate import Evaluator
from symprop.verification.sampling import Point

# How far beside a corner is looked, and how many corners, components and steps are followed at most.
BESIDE = (Fraction(0), Fraction(1, 1024), Fraction(-1, 1024), Fraction(1), Fraction(-1))
MOST_CORNERS = 6
MOST_COMPONENTS = 6
STEPS = 6


def corners(sides: Iterable[Expr]) -> tuple[Expr, ...]:
    """Return expressions that are 0 where something in `sides` turns."""
    found: dict[Expr, None] = {}
    for side in sides:
        for node in walk(side):
            found.update(dict.fromkeys(_differences(node)))
    return tuple(expr for expr in found if not isinstance(expr, Number))[:MOST_CORNERS]


def _differences(node: Expr) -> Iterator[Expr]:
    if isinstance(node, Compare):
        yield node.left - node.right
    elif isinstance(node, Call) and node.function in ("max", "min"):
        first, *others = node.arguments
        yield from (first - other for other in others)
    elif isinstance(node, Call):
        row = FUNCTIONS.get(node.function)
        if row is not None:
            yield from (node.arguments[0] - Number(kink.at) for kink in row.kinks)


def points_at(
    expr: Expr, base: Point, evaluator: Evaluator, indices: Mapping[Index, int], movable: Iterable[str]
) -> Iterator[Point]:
    """Yield points at which `expr` is 0, and close by, each with one component of `base` changed.

    Parameters
    ----------
    expr : Expr
    base : Point
    evaluator : Evaluator
        Of the network at `base`; others like it are made for the points on the way.
    indices : mapping of Index to int
        Values of the free indices of `expr`.
    movable : iterable of str
        Quantities that may be changed.
    """
    at = {index: indices[index] for index in free_indices(expr)}
    places = [(name, place) for name in movable for place in base.values[name]][:MOST_COMPONENTS]
    for name, place in places:
        zero = _zero(expr, base, evaluator, at, name, place)
        if zero is not None:
            yield from (_moved(base, name, place, zero + step) for step in BESIDE)


def _zero(
    expr: Expr, base: Point, evaluator: Evaluator, at: Mapping[Index, int], name: str, place: tuple[int, ...]
) -> Fraction | None:
    """Follow secants to where `expr` is 0; exact where it is piecewise linear."""

    def value(where: Fraction) -> Fraction:
        point = _moved(base, name, place, where)
        made = Evaluator(evaluator.network, point.sizes, dict(point.values))
        found = made.ball(expr, at)
        return found if isinstance(found, Fraction) else Fraction(float(found.mid()))

    try:
        before, here = base.values[name][place], base.values[name][place] + 1
        low, high = value(before), value(here)
        for _ in range(STEPS):
            if high == 0 or high == low:
                break
            before, here = here, (here - high * (here - before) / (high - low)).limit_denominator(10**9)
            low, high = high, value(here)
    except (SympropError, OverflowError, ValueError):
        return None
    return here if abs(high) < Fraction(1, 10**6) else None


def _moved(base: Point, name: str, place: tuple[int, ...], value: Fraction) -> Point:
    return replace(base, values={**base.values, name: {**base.values[name], place: value}})


__all__ = ["corners", "points_at"]
