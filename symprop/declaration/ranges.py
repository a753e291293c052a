"""Ranges: what a quantity's axes are when only its use tells, what is read outside them, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush

from symprop.algebra.expressions import ONE, Access, Bound, Expr, Index, Number, add, free_indices, substitute, walk
from symprop.algebra.indices import affine, extremes, normal, sign
from symprop.declaration.quantity import Axis, Domain

Interval = tuple[Expr, Expr]  # inclusive, in sizes


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

    A constant that cannot be compared with a limit in sizes gives way: that it fits is checked when sizes are known.
    """
    ordered = sorted(
        dict.fromkeys(intervals), key=lambda pair: isinstance(pair[0], Number) + isinstance(pair[1], Number)
    )
    low, high = ordered[0]
    for interval in ordered[1:]:
        if is_below(interval[0], low):
            low = interval[0]
        elif not is_at_most(low, interval[0]) and not isinstance(interval[0], Number):
            return ordered[0], interval
        if is_below(high, interval[1]):
            high = interval[1]
        elif not is_at_most(interval[1], high) and not isinstance(interval[1], Number):
            return ordered[0], interval
    return low, high


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
    """Return a value inside `wanted` that is proved to lie in none of the intervals along one axis, or None."""
    low = wanted[0]
    # In ascending order one pass is enough; limits in sizes, which have no order, may take more.
    ordered = sorted(intervals, key=lambda pair: pair[0].value if isinstance(pair[0], Number) else Fraction(0))
    moved = True
    while moved:
        moved = False
        for lower, upper in ordered:
            after = Number(upper.value + 1) if isinstance(upper, Number) else normal(upper + ONE)
            if not is_below(low, lower) and not is_at_most(after, low):
                low, moved = after, True
        if all(isinstance(lower, Number) and isinstance(upper, Number) for lower, upper in ordered):
            break
    proved = all(is_below(low, lower) or is_below(upper, low) for lower, upper in ordered)
    return low if proved and is_at_most(low, wanted[1]) else None


@dataclass(frozen=True)
class Part:
    """What one equation needs for the order: which components it defines, and which it reads."""

    name: str
    box: tuple[Interval | None, ...]
    reads: tuple[tuple[str, tuple[Interval | None, ...]], ...]


def dependencies(parts: Sequence[Part]) -> list[list[int]]:
    """Return for each equation the equations that define what it reads."""
    definitions: dict[str, list[int]] = {}
    for place, part in enumerate(parts):
        definitions.setdefault(part.name, []).append(place)
    known: dict[tuple[str, tuple[Interval | None, ...]], list[int]] = {}
    found: list[list[int]] = []
    for part in parts:
        needed: dict[int, None] = {}
        for read in part.reads:
            if read not in known:
                name, box = read
                places = definitions.get(name, [])
                alone = len(places) == 1
                known[read] = [place for place in places if alone or not are_disjoint(parts[place].box, box)]
            needed.update(dict.fromkeys(known[read]))
        found.append(list(needed))
    return found


def order(needed: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return the equations so that each stands after those it needs, in text order where that is free.

    The second list names a circle, each needing the next and the last the first; it is empty if there is none.
    """
    waiting = [len(set(places)) for places in needed]
    users: list[list[int]] = [[] for _ in needed]
    for place, places in enumerate(needed):
        for other in set(places):
            users[other].append(place)
    ready = [place for place, count in enumerate(waiting) if not count]
    heapify(ready)
    found: list[int] = []
    while ready:
        place = heappop(ready)
        found.append(place)
        for user in users[place]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, user)
    if len(found) == len(needed):
        return found, []
    # Walking on among equations that still wait must come back to one that was visited.
    place = next(place for place, count in enumerate(waiting) if count)
    path: list[int] = []
    seen: dict[int, int] = {}
    while place not in seen:
        seen[place] = len(path)
        path.append(place)
        place = next(other for other in needed[place] if waiting[other])
    return found, path[seen[place] :]


def shifts_itself(target: Access, reading: tuple[Expr, ...]) -> bool:
    """Return whether an equation reads its own target at shifted indices: a recurrence."""
    for left, right in zip(target.indices, reading, strict=True):
        try:
            coefficients, offset = affine(right - left)
        except ValueError:
            continue
        if not coefficients and isinstance(offset, Number) and offset.value != Fraction(0):
            return True
    return False


def axis_of(index: Index, interval: Interval) -> Axis:
    """Return an axis with these limits."""
    return Axis(index, interval[0], interval[1])
