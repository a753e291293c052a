"""Formulas by cases: where an index stands at its start, in between, or at its end.

The adjoint of a recurrence is one formula with conditions, ``where(t <= T - 1, ...) + where(t == T, ...)``; a reader
wants ``t = T: ...`` and ``t = 1..T-1: ...``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symprop.algebra.expressions import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Compare,
    Expr,
    Index,
    Reduction,
    Where,
    free_indices,
    substitute,
    transform,
    walk,
)
from symprop.algebra.indices import at_least, conditions_of, decide_together, normal

# A formula of more cases than this is printed with its conditions.
MOST_PARTS = 4


@dataclass(frozen=True)
class Part:
    """One case: the ranges of the indices that still run, the values of those that are fixed, and the formula."""

    bounds: tuple[Bound, ...]
    fixed: tuple[tuple[Index, Expr], ...]
    expression: Expr


def parts(expression: Expr, bounds: Iterable[Bound]) -> tuple[Part, ...]:
    """Return `expression` by cases of one of its indices, last case first; one part if nothing can be told apart.

    Only conditions that compare one of `bounds` with its own ends (or one less) split it.
    """
    ranges = tuple(bounds)
    whole = Part(ranges, (), expression)
    for place, bound in enumerate(ranges):
        cuts = _cuts(expression, bound, ranges[:place])
        if cuts:
            split = tuple(_part(expression, ranges, bound, low, high) for low, high in _intervals(bound, cuts))
            if len(split) <= MOST_PARTS and not any(_still_conditional(part, bound.index) for part in split):
                # The start of a recurrence first; of a triangle what is not 0.
                triangle = any(free_indices(cut) for cut in cuts)
                last_first = split[::-1]
                return tuple(sorted(last_first, key=lambda part: triangle and part.expression is ZERO))
    return (whole,)


def _cuts(expression: Expr, bound: Bound, before: tuple[Bound, ...]) -> tuple[Expr, ...]:
    """The values c such that the formula may differ between index <= c and index >= c + 1.

    They may use the indices of `before`: a triangle, ``j <= i - 1``.
    """
    found: dict[Expr, None] = {}
    outer = {other.index for other in before}
    for node in walk(expression):
        if not isinstance(node, Where):
            continue
        for part in conditions_of(node.condition):
            if isinstance(part, Compare) and part.left is bound.index and free_indices(part.right) <= outer:
                value = part.right
                match part.operator:
                    case "==" | "!=" if not free_indices(value):  # a diagonal is a bracket: [j == i]
                        found[normal(value - ONE)] = None
                        found[normal(value)] = None
                    case "<=" | ">":
                        found[normal(value)] = None
                    case "<" | ">=":
                        found[normal(value - ONE)] = None
    inside = [cut for cut in found if at_least(cut, bound.lower) and at_least(bound.upper - ONE, cut)]
    # Of a triangle a part may be empty in its first or last row, which is no harm.
    inside += [
        cut
        for cut in found
        if free_indices(cut) and at_least(cut, bound.lower - ONE, before) and at_least(bound.upper, cut, before)
    ]
    last = [cut for cut in found if not at_least(cut, bound.lower) and _is_last_but_one(cut, bound)]
    # For a recurrence that runs backwards: the first value apart. Nobody knows whether that is also the last but one.
    first = [cut for cut in found if normal(cut - bound.lower) is ZERO and cut not in inside and not last]
    return tuple(dict.fromkeys((*inside, *last, *first)))


def _is_last_but_one(cut: Expr, bound: Bound) -> bool:
    # T - 1 for a range 1..T: the part before it is empty if T is 1, which is no harm.
    return normal(bound.upper - cut) is ONE


def _intervals(bound: Bound, cuts: tuple[Expr, ...]) -> list[tuple[Expr, Expr]]:
    ordered: list[Expr] = []
    for cut in cuts:
        place = next((n for n, other in enumerate(ordered) if at_least(other, cut)), len(ordered))
        ordered.insert(place, cut)
    lows = [bound.lower, *(normal(cut + ONE) for cut in ordered)]
    return list(zip(lows, [*ordered, bound.upper], strict=True))


def _part(expression: Expr, ranges: tuple[Bound, ...], bound: Bound, low: Expr, high: Expr) -> Part:
    if normal(high - low) is normal(ONE - ONE):
        fixed: dict[Expr, Expr] = {bound.index: low}
        rest = tuple(
            other._replace(lower=substitute(other.lower, fixed), upper=substitute(other.upper, fixed))
            for other in ranges
            if other is not bound
        )
        return Part(rest, ((bound.index, low),), settled(substitute(expression, fixed), rest))
    narrowed = tuple(bound._replace(lower=low, upper=high, written=True) if o is bound else o for o in ranges)
    return Part(narrowed, (), settled(expression, narrowed))


def settled(expression: Expr, bounds: tuple[Bound, ...]) -> Expr:
    """Return `expression` with the conditions that hold always or never over `bounds` taken away."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Where):
            condition = decide_together(node.condition, bounds)
            if condition is TRUE:
                return node.then
            if condition is FALSE:
                return node.otherwise
        return node

    return transform(expression, rule)


def _still_conditional(part: Part, index: Index) -> bool:
    def outside_reductions(expr: Expr) -> bool:
        if isinstance(expr, Where) and index in free_indices(expr.condition):
            return True
        if isinstance(expr, (Reduction, Access)):
            return False
        return any(outside_reductions(child) for child in expr.children)

    return outside_reductions(part.expression)
