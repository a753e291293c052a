"""Questions about index expressions that lowering asks again and again, remembered while one network is lowered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symprop.algebra import indices
from symprop.algebra.expressions import ONE, ZERO, Bound, Expr, Number, call

# Keys are identities, since equal nodes are the same object; the nodes are kept alive beside the answer.
_KNOWN: dict[tuple[Any, ...], tuple[Any, Any]] = {}


def forget() -> None:
    """Drop all answers."""
    _KNOWN.clear()


def _ranges(bounds: Iterable[Bound]) -> tuple[tuple[int, int, int], ...]:
    return tuple((id(b.index), id(b.lower), id(b.upper)) for b in bounds)


def normal(expr: Expr) -> Expr:
    """Return `indices.normal` of an index expression."""
    key = ("normal", id(expr))
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = (expr, indices.normal(expr))
    result: Expr = found[1]
    return result


def minus(left: Expr, right: Expr) -> Expr:
    """Return ``left - right`` in normal form."""
    key = ("minus", id(left), id(right))
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = ((left, right), indices.normal(left - right))
    result: Expr = found[1]
    return result


def extent(lower: Expr, upper: Expr) -> Expr:
    """Return how many integers lie between inclusive limits: none rather than fewer, if all of it is known."""
    key = ("extent", id(lower), id(upper))
    found = _KNOWN.get(key)
    if found is None:
        count = indices.normal(upper - lower + ONE)
        found = _KNOWN[key] = ((lower, upper), ZERO if isinstance(count, Number) and count.value < 0 else count)
    result: Expr = found[1]
    return result


def room(lower: Expr, upper: Expr) -> Expr:
    """Return how many elements an axis has: as `extent`, and none where sizes leave fewer (``1..T-2`` at T = 1)."""
    count = extent(lower, upper)
    return count if at_least(count, ZERO) else call("max", ZERO, count)


def extremes(expr: Expr, bounds: Iterable[Bound]) -> tuple[Expr, Expr]:
    """Return `indices.extremes`; raises ValueError as that does."""
    bounds = tuple(bounds)
    key = ("extremes", id(expr), *_ranges(bounds))
    found = _KNOWN.get(key)
    if found is None:
        try:
            answer: Any = indices.extremes(expr, bounds)
        except ValueError as error:
            answer = error
        found = _KNOWN[key] = ((expr, bounds), answer)
    if isinstance(found[1], ValueError):
        raise ValueError(*found[1].args)
    result: tuple[Expr, Expr] = found[1]
    return result


def at_least(left: Expr, right: Expr, bounds: Iterable[Bound] = ()) -> bool:
    """Return `indices.at_least`."""
    if left is right:
        return True
    bounds = tuple(bounds)
    key = ("at_least", id(left), id(right), *_ranges(bounds))
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = ((left, right, bounds), indices.at_least(left, right, bounds))
    return bool(found[1])
