"""Ranges: what a quantity's axes are when only its use tells, what is read outside them, and who reads whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    ONE,
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Size,
    add,
    free_indices,
    names_of,
    substitute,
    transform,
    walk,
)
from symprop.algebra.indices import affine, conditions_of, extremes, limit_of, normal, polynomial, sign
from symprop.declaration.quantity import Axis, Domain

MOST_DEFINITIONS = 16  # of sizes by others that are followed one after another

# Inclusive limits, in sizes; where they differ from layer to layer `position` stands in them.
Interval = tuple[Expr, Expr]
Box = tuple[Interval | None, ...]  # the components that an access reaches, axis by axis; None: unknown


def position(axis: int) -> Index:
    """Return the index that stands for the position along an axis in the limits of another: ``1..n(position(0))``."""
    return Index(f"axis {axis}")


def free_outside_layers(limit: Expr) -> frozenset[Index]:
    """Return the indices that a limit depends on otherwise than by sizes of layers, ``n(l)``."""

    def rule(node: Expr) -> Expr:
        return Size(node.name) if isinstance(node, Size) else node

    return free_indices(transform(limit, rule))


def reached(indices: tuple[Expr, ...], bounds: tuple[Bound, ...], domains: Mapping[str, Domain]) -> Box:
    """Return which components an access reaches.

    Along an axis whose extent differs from layer to layer the limits depend on the position along another axis.
    """
    found = tuple(reach(index, bounds, domains) for index in indices)
    if None not in found:
        return found
    return tuple(
        _layered_reach(indices, axis, bounds) if interval is None else interval for axis, interval in enumerate(found)
    )


def _layered_reach(indices: tuple[Expr, ...], axis: int, bounds: tuple[Bound, ...]) -> Interval | None:
    layers: dict[Expr, Expr] = {}
    for other, index in enumerate(indices):
        try:
            coefficients, offset = affine(index)
        except ValueError:
            continue
        if other != axis and list(coefficients.values()) == [ONE]:
            layers.setdefault(next(iter(coefficients)), position(other) - offset)
    inner = [bound for bound in bounds if bound.index in free_indices(indices[axis])]
    try:
        low, high = extremes(indices[axis], inner)
    except ValueError:
        return None
    if (free_outside_layers(low) | free_outside_layers(high)) or not free_indices(low) | free_indices(high) <= set(
        layers
    ):
        return None
    return normal(substitute(low, layers)), normal(substitute(high, layers))


def is_layered(interval: Interval) -> bool:
    """Return whether limits depend on the position along another axis."""
    return bool(free_indices(interval[0]) | free_indices(interval[1]))


def reach(index: Expr, bounds: Iterable[Bound], domains: Mapping[str, Domain]) -> Interval | None:
    """Return the least and the greatest value of an index expression, or None if that cannot be told.

    Integer inputs reach what their domains say.
    """
    if isinstance(index, Number):
        return index, index
    bounds = tuple(bounds)
    if isinstance(index, Index):
        own = next((bound for bound in reversed(bounds) if bound.index is index), None)
        if own is None:
            return None
        if not free_indices(own.lower) and not free_indices(own.upper):
            return own.lower, own.upper
    mapping: dict[Expr, Expr] = {}
    extra: list[Bound] = []
    for node in walk(index):
        if isinstance(node, Access) and node not in mapping:
            domain = domains.get(node.name)
            if domain is None or domain.lower is None or domain.upper is None:
                return None
            mapping[node] = Index(str(node))
            extra.append(Bound(Index(str(node)), domain.lower, domain.upper))
    try:
        return _affine_reach(substitute(index, mapping) if mapping else index, (*bounds, *extra))
    except ValueError:
        return None


def _affine_reach(index: Expr, bounds: tuple[Bound, ...]) -> Interval | None:
    coefficients, offset = affine(index)
    ends: list[list[Expr]] = [[offset], [offset]]
    for one, stride in coefficients.items():
        own = next((bound for bound in reversed(bounds) if bound.index is one), None)
        if own is None:
            return None
        if not isinstance(stride, Number) or free_indices(own.lower) or free_indices(own.upper):
            break  # limits depend on each other, or the sign of a stride on sizes
        near, far = (own.lower, own.upper) if stride.value > 0 else (own.upper, own.lower)
        ends[0].append(stride * near)
        ends[1].append(stride * far)
    else:
        return normal(add(*ends[0])), normal(add(*ends[1]))
    low, high = extremes(index, bounds)
    if free_indices(low) or free_indices(high):
        return None
    return low, high


def _ratio(expr: Number) -> int | Fraction:
    # Comparing integers is ten times faster than comparing fractions, and indices are integers.
    value = expr.value
    return value.numerator if value.denominator == 1 else value


def is_below(left: Expr, right: Expr) -> bool:
    """Return whether ``left < right`` is proved for all sizes."""
    if isinstance(left, Number) and isinstance(right, Number):
        return _ratio(left) < _ratio(right)
    return sign(right - left - ONE) == "nonnegative"


def is_at_most(left: Expr, right: Expr) -> bool:
    """Return whether ``left <= right`` is proved for all sizes."""
    if isinstance(left, Number) and isinstance(right, Number):
        return _ratio(left) <= _ratio(right)
    return left is right or sign(right - left) == "nonnegative"


def hull(intervals: Sequence[Interval]) -> Interval | tuple[Interval, Interval]:
    """Return the smallest interval that holds all; if sizes leave it open, two that cannot be compared.

    A constant, or a single value, that cannot be compared with a limit in sizes gives way: that it fits is checked
    when sizes are known.
    """
    ordered = sorted(
        dict.fromkeys(intervals),
        key=lambda pair: (pair[0] is pair[1], isinstance(pair[0], Number) + isinstance(pair[1], Number)),
    )
    low, high = ordered[0]
    for interval in ordered[1:]:
        single = interval[0] is interval[1] and ordered[0][0] is not ordered[0][1]
        # That no interval is empty tells more: 1..T-2 ends before T-1, so it begins before T-1.
        if is_at_most(interval[0], low) or is_at_most(interval[1], low):
            low = interval[0]
        elif not is_at_most(low, interval[0]) and not isinstance(interval[0], Number) and not single:
            return ordered[0], interval
        if is_at_most(high, interval[1]) or is_at_most(high, interval[0]):
            high = interval[1]
        elif not is_at_most(interval[1], high) and not isinstance(interval[1], Number) and not single:
            return ordered[0], interval
    return low, high


def hull_along(axis: int, boxes: Sequence[Box]) -> Interval | tuple[Interval, Interval]:
    """Return the hull of boxes along an axis that all know, as `hull` does; limits may differ from layer to layer."""
    column = [interval for box in boxes if (interval := box[axis]) is not None]
    layered = next((interval for interval in column if is_layered(interval)), None)
    if layered is None:
        return hull(column)
    for interval, box in zip(column, boxes, strict=True):
        layer: dict[Any, Expr] = {
            position(other): ends[0] for other, ends in enumerate(box) if ends is not None and ends[0] is ends[1]
        }
        low, high = (normal(substitute(limit, layer)) for limit in layered)
        if not (is_at_most(low, interval[0]) and is_at_most(interval[1], high)):
            return layered, interval
    return layered


def may_leave(
    index: Expr,
    bounds: tuple[Bound, ...],
    interval: Interval,
    conditions: Iterable[Expr],
    sizes: Mapping[str, Expr | None],
) -> Interval | None:
    """Return what a subscript reaches if that is not proved to lie within an axis and has nothing to do with it.

    Nothing to do with it: one limit is not proved to be at most the other although both are made of sizes of which no
    definition tells the value. That they fit would be luck. Only a single index, plain or shifted, is judged: where
    several sizes meet (``p*S + k``), or a number meets a size, the arrays tell.

    Parameters
    ----------
    index : Expr
        The subscript.
    bounds : tuple of Bound
        Ranges of the indices that may stand in it.
    interval : Interval
        The limits of the axis.
    conditions : iterable of Expr
        What holds where the subscript is read; limits that follow from it count.
    sizes : mapping of str to Expr or None
        The definitions of sizes.
    """
    try:
        coefficients, _ = affine(index)
    except ValueError:
        return None
    ((one, stride),) = coefficients.items() if len(coefficients) == 1 else ((None, None),)
    whole_range = reach(index, bounds, {})
    if one is None or stride is not ONE or whole_range is None:
        return None
    lows, highs = [whole_range[0]], [whole_range[1]]
    for part in (part for condition in conditions for part in conditions_of(condition)):
        if one not in free_indices(part):
            if free_indices(part) or names_of(part):
                continue
            return None  # a condition on sizes: they may be made to agree by it
        found = limit_of(one, part)
        if found is None and names_of(part):
            continue  # a condition on values limits no index
        if found is None:
            return None
        is_lower, value = found
        try:
            ends = extremes(substitute(index, {one: value}), [bound for bound in bounds if bound.index is not one])
        except ValueError:
            return None
        (lows if is_lower else highs).append(ends[0] if is_lower else ends[1])
    if all(_may_exceed(interval[0] - low, low, sizes) for low in lows) or all(
        _may_exceed(high - interval[1], high, sizes) for high in highs
    ):
        return whole_range
    return None


def _may_exceed(excess: Expr, limit: Expr, sizes: Mapping[str, Expr | None]) -> bool:
    """Return whether a limit may lie beyond another by `excess`, as far as sizes without a definition tell."""
    if isinstance(limit, Number):
        return sign(-excess) == "negative"
    room = _known(-excess, sizes)
    atoms = [atom for monomial in polynomial(room) for atom, _ in monomial]
    return sign(room) != "nonnegative" and all(isinstance(atom, Size) and not atom.arguments for atom in atoms)


def _known(expr: Expr, sizes: Mapping[str, Expr | None]) -> Expr:
    """Return an expression with sizes that others define written in those."""
    for _ in range(MOST_DEFINITIONS):
        mapping: dict[Expr, Expr] = {
            node: value
            for node in walk(expr)
            if isinstance(node, Size) and not node.arguments and (value := sizes.get(node.name)) is not None
        }
        if not mapping:
            break
        expr = substitute(expr, mapping)
    return expr


def are_disjoint(left: Sequence[Interval | None], right: Sequence[Interval | None]) -> bool:
    """Return whether two boxes of components are proved to have none in common."""
    for one, other in zip(left, right, strict=True):
        if one is not None and other is not None and (is_below(one[1], other[0]) or is_below(other[1], one[0])):
            return True
    return False


def do_meet(left: Sequence[Interval | None], right: Sequence[Interval | None]) -> bool:
    """Return whether two boxes of components are proved to have one in common, sizes being 1 or more."""
    for one, other in zip(left, right, strict=True):
        if one is None or other is None:
            return False
        if not (is_at_most(one[0], other[1]) and is_at_most(other[0], one[1])):
            return False
    return True


def gap(intervals: Sequence[Interval], wanted: Interval) -> Expr | None:
    """Return a value inside `wanted` that is proved to lie in none of the intervals along one axis, or None.

    That `wanted` is not empty is taken for granted.
    """
    low = wanted[0]
    # In ascending order one pass is enough; limits in sizes, which have no order, may take more.
    ordered = sorted(intervals, key=lambda pair: pair[0].value if isinstance(pair[0], Number) else Fraction(0))
    waiting, moved = ordered, True
    while moved:
        moved, left = False, []
        for lower, upper in waiting:
            after = Number(upper.value + 1) if isinstance(upper, Number) else normal(upper + ONE)
            if not is_below(low, lower) and not is_at_most(after, low):
                low, moved = after, True  # each moves it once: 3 and T + 1 have no order, and would take turns
            else:
                left.append((lower, upper))
        waiting = left
    proved = all(is_below(low, lower) or is_below(upper, low) for lower, upper in ordered)
    return low if proved and (low is wanted[0] or is_at_most(low, wanted[1])) else None


class Definitions:
    """Who defines what: the boxes of components that each of several equations defines."""

    def __init__(self, parts: Iterable[tuple[str, Box]]) -> None:
        self._of: dict[str, list[tuple[int, Box]]] = {}
        for number, (name, box) in enumerate(parts):
            self._of.setdefault(name, []).append((number, box))
        self._known: dict[tuple[str, Box], tuple[int, ...]] = {}

    def of(self, name: str, box: Box) -> tuple[int, ...]:
        """Return the numbers of the equations that may define components of `name` within `box`."""
        found = self._known.get((name, box))
        if found is None:
            parts = self._of.get(name, [])
            found = tuple(number for number, defined in parts if len(parts) == 1 or not are_disjoint(defined, box))
            self._known[name, box] = found
        return found


def axis_of(index: Index, interval: Interval) -> Axis:
    """Return an axis with these limits."""
    return Axis(index, interval[0], interval[1])
