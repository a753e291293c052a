"""Points at the corners of two expressions: where a condition turns, and close by on both sides.

Random points miss a difference beyond a far kink, in a narrow strip, or at one value.  What a condition compares (the
argument of a kinked function included) is followed along one given component at a time to where both are equal; of a
condition inside the branch of another, from a point in that branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from symprop.algebra.expressions import (
    Call,
    Compare,
    Expr,
    Index,
    Junction,
    Number,
    Power,
    Size,
    Where,
    names_of,
    substitute,
    walk,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.declaration.network import Network
from symprop.errors import SympropError
from symprop.verification.evaluate import Evaluator
from symprop.verification.normal_form import is_positive
from symprop.verification.probe import Probe
from symprop.verification.sampling import Point

# How far beside a corner is looked, and how many corners, components and steps are followed at most.
BESIDE = (Fraction(0), Fraction(1, 1024), Fraction(-1, 1024), Fraction(1), Fraction(-1))
MOST_PATHS = 12
MOST_ALTERNATIVES = 8
MOST_COMPONENTS = 6
LOOKED_AT = 60  # components whose influence is tried
STEPS = 6
HALVINGS = 3
ROOT_STEPS = 8  # each narrows 32 times
NO_JUMP = 1e-6  # how small a continuous difference is beside its values at the ends of a bracket

# How far along a component a corner is looked for: thresholds of a million lie within.
FAR = tuple(sign * Fraction(4) ** power for power in range(-1, 13) for sign in (1, -1))


@dataclass(frozen=True)
class Corner:
    """One comparison: ``difference`` is 0 where it turns.

    Attributes
    ----------
    difference : Expr
    operator : str
        How it stands to 0 where the condition holds; empty for the kink of a function.
    holds : bool
        Whether the branch is that in which it holds.
    """

    difference: Expr
    operator: str = ""
    holds: bool = True

    def is_met(self, value: float) -> bool:
        """Whether a value of the difference lies in the branch."""
        if not self.operator:
            return True
        return _HOLDS[self.operator](value) is self.holds


Path = tuple[Corner, ...]

_HOLDS = {
    "==": lambda value: value == 0,
    "!=": lambda value: value != 0,
    "<": lambda value: value < 0,
    "<=": lambda value: value <= 0,
    ">": lambda value: value > 0,
    ">=": lambda value: value >= 0,
}


def paths(sides: Iterable[Expr]) -> tuple[Path, ...]:
    """Return the corners in `sides`, each after the conditions of the branches in which it lies."""
    found: dict[Path, None] = {}
    for side in sides:
        for path in _paths(side, ()):
            found.setdefault(path)
            if len(found) == MOST_PATHS:
                return tuple(found)
    return tuple(found)


def _paths(node: Expr, within: Path) -> Iterator[Path]:
    if isinstance(node, Where):
        yield from _paths_of_condition(node.condition, within)
        for holds, branch in ((True, node.then), (False, node.otherwise)):
            if any(isinstance(inner, (Compare, Call)) for inner in walk(branch)):
                for conditions in _alternatives(node.condition, holds):
                    yield from _paths(branch, (*within, *conditions))
        return
    if isinstance(node, (Compare, Junction)):
        yield from _paths_of_condition(node, within)
        return
    if isinstance(node, Call):
        for difference in _kinks(node):
            if not isinstance(difference, Number):
                yield (*within, Corner(difference))
    for child in node.children:
        yield from _paths(child, within)


def _paths_of_condition(condition: Expr, within: Path) -> Iterator[Path]:
    """Yield a path to each comparison of a condition: one that is joined to others by ``and`` turns where they hold."""
    for holds in (True, False):
        for conditions in _alternatives(condition, holds):
            if conditions:
                yield (*within, *conditions)
                if len(conditions) > 1:
                    yield (*within, *conditions[::-1])
    for node in walk(condition):
        if isinstance(node, Call):
            yield from _paths(node, within)


def _kinks(node: Call) -> Iterator[Expr]:
    if node.function in ("max", "min"):
        first, *others = node.arguments
        yield from (first - other for other in others)
    row = FUNCTIONS.get(node.function)
    if row is not None:
        yield from (node.arguments[0] - Number(kink.at) for kink in row.kinks)


def _alternatives(condition: Expr, holds: bool) -> list[Path]:
    """Return how a condition can come to hold, or not to; comparisons of indices and sizes are taken as given."""
    if isinstance(condition, Compare):
        if condition.operator not in _HOLDS or not names_of(condition):
            return [()]
        return [(Corner(condition.left - condition.right, condition.operator, holds),)]
    if not isinstance(condition, Junction):
        return [()]
    if condition.operator == "not":
        return _alternatives(condition.conditions[0], not holds)
    parts = [_alternatives(part, holds) for part in condition.conditions]
    if (condition.operator == "and") is holds:
        joined = [sum(choice, ()) for choice in product(*parts)]
    else:
        joined = [path for part in parts for path in part]
    return joined[:MOST_ALTERNATIVES]


class Corners:
    """Finds points at corners.

    Parameters
    ----------
    network : Network
    indices : mapping of Index to int
        Values of the free indices.
    movable : sequence of str
        Quantities that may be changed.
    """

    def __init__(self, network: Network, indices: Mapping[Index, int], movable: Sequence[str]) -> None:
        self.network = network
        self.indices: dict[Expr, Expr] = {index: Number(Fraction(n)) for index, n in indices.items()}
        self.movable = movable

    def points(self, path: Path, base: Point) -> Iterator[Point]:
        """Yield points at which the last corner of a path turns, and close by; those before are met where they can."""
        *before, last = (replace(one, difference=substitute(one.difference, self.indices)) for one in path)
        here = base
        for place, corner in enumerate(before):
            if corner.is_met(self.values(corner.difference, [here])[0]):
                continue
            moved = self.moved_into(corner, here, before[:place])
            if moved is None:
                return
            here = moved
        for name, at, zero in self.zeros(last.difference, here):
            yield from (_moved(here, name, at, zero + step) for step in BESIDE)

    def moved_into(self, corner: Corner, base: Point, before: Sequence[Corner]) -> Point | None:
        """Return a point in the branch of a corner, that keeps to the branches before."""
        for name, at, zero in self.zeros(corner.difference, base):
            for step in (Fraction(0), Fraction(1), Fraction(-1), abs(zero), -abs(zero)):
                point = _moved(base, name, at, zero + step)
                if all(each.is_met(self.values(each.difference, [point])[0]) for each in (*before, corner)):
                    return point
        return None

    def zeros(self, expr: Expr, base: Point) -> Iterator[tuple[str, tuple[int, ...], Fraction]]:
        """Yield components of `base`, each with a value at which `expr` is 0, exactly so where that is rational."""
        places = [(name, at) for name in self.movable for at in base.values[name]][:LOOKED_AT]
        here, *tried = self.values(expr, [base, *(_moved(base, n, at, base.values[n][at] + 1) for n, at in places)])
        moving = [place for place, value in zip(places, tried, strict=True) if value != here][:MOST_COMPONENTS]
        far = [(n, at, base.values[n][at] + step) for n, at in moving for step in FAR]
        values = self.values(expr, [base, *(_moved(base, *where) for where in far)])
        known = dict(zip(far, values[1:], strict=True))
        for name, at in moving:
            start = base.values[name][at]
            if here == 0:
                yield name, at, start
                continue
            found = False
            for sign in (1, -1):
                low = start
                for step in FAR:
                    if (step > 0) is not (sign > 0):
                        continue
                    high = start + step
                    value = known[name, at, high]
                    if value != value or (value > 0) is not (here > 0) or value == 0:
                        if value == value:
                            yield name, at, self.narrowed(expr, base, (name, at), low, high)
                            found = True
                        break
                    low = high
            if not found:
                zero = self.by_secants(expr, base, (name, at), start, start + 1)
                if zero is not None:
                    yield name, at, zero

    def roots(self, difference: Expr, base: Point) -> Iterator[tuple[str, tuple[int, ...], Point]]:
        """Yield points next to ones at which `difference` is 0, though perhaps at no rational number: ``exp(x) == 3``.

        It has opposite signs on both sides, as close as doubles tell, and is no jump: there is a point between.
        """
        expr = substitute(difference, self.indices)
        for name, at, zero in self.zeros(expr, base):
            low, high = zero - BESIDE[1], zero + BESIDE[1]
            ends = self.values(expr, [_moved(base, name, at, low), _moved(base, name, at, high)])
            if not ends[0] * ends[1] < 0:
                continue
            for _ in range(ROOT_STEPS):
                inside = [low + (high - low) * Fraction(n, 32) for n in range(33)]
                values = self.values(expr, [_moved(base, name, at, where) for where in inside])
                turn = next((n for n in range(1, 33) if (values[n] > 0) is not (values[0] > 0)), 32)
                low, high = inside[turn - 1], inside[turn]
            near = _moved(base, name, at, high.limit_denominator(10**15))
            if abs(self.values(expr, [near])[0]) < NO_JUMP * max(map(abs, ends)):
                yield name, at, near

    def narrowed(
        self, expr: Expr, base: Point, place: tuple[str, tuple[int, ...]], low: Fraction, high: Fraction
    ) -> Fraction:
        """Return where `expr` is 0 between two values of a component at which it has opposite signs."""
        exact = self.by_secants(expr, base, place, low, high)
        if exact is not None and min(low, high) <= exact <= max(low, high):
            return exact
        for _ in range(HALVINGS):
            inside = [low + (high - low) * Fraction(n, 32) for n in range(33)]
            values = self.values(expr, [_moved(base, *place, where) for where in inside])
            turn = next((n for n in range(1, 33) if (values[n] > 0) is not (values[0] > 0)), 32)
            low, high = inside[turn - 1], inside[turn]
        exact = self.by_secants(expr, base, place, low, high)
        if exact is not None and min(low, high) <= exact <= max(low, high):
            return exact
        return high

    def by_secants(
        self, expr: Expr, base: Point, place: tuple[str, tuple[int, ...]], before: Fraction, here: Fraction
    ) -> Fraction | None:
        """Follow secants to where `expr` is 0; exact where it is piecewise linear."""
        try:
            low, high = self.exact(expr, _moved(base, *place, before)), self.exact(expr, _moved(base, *place, here))
            for _ in range(STEPS):
                if high == 0 or high == low:
                    break
                before, here = here, (here - high * (here - before) / (high - low)).limit_denominator(10**9)
                low, high = high, self.exact(expr, _moved(base, *place, here))
        except (SympropError, OverflowError, ValueError):
            return None
        return here if abs(high) < Fraction(1, 10**6) else None

    def exact(self, expr: Expr, point: Point) -> Fraction:
        found = Evaluator(self.network, point.sizes, dict(point.values)).ball(expr, {})
        return found if isinstance(found, Fraction) else Fraction(float(found.mid()))

    def values(self, expr: Expr, points: Sequence[Point]) -> list[float]:
        """Return the values of an expression at points that share their sizes, in double precision."""
        probe = Probe(self.network, points[0].sizes, [point.values for point in points])
        return [float(value) for value in probe.entries(expr, ())]


def thresholds(sides: Iterable[Expr]) -> tuple[Compare, ...]:
    """Return the comparisons of indices and sizes that the usual sizes do not meet: large numbers, and sizes alone."""
    found: dict[Compare, None] = {}
    for side in sides:
        for node in walk(side):
            if isinstance(node, Compare) and not names_of(node):
                inner = list(walk(node))
                is_large = any(isinstance(each, Number) and abs(each.value) > 2 for each in inner)
                indices = any(isinstance(each, Index) for each in inner)
                if (indices and is_large) or (not indices and any(isinstance(each, Size) for each in inner)):
                    found.setdefault(node)
    return tuple(found)


def jumps(sides: Iterable[Expr]) -> bool:
    """Return whether whole numbers are special in `sides`: what rounds, and powers whose exponent is no number."""
    for side in sides:
        for node in walk(side):
            if isinstance(node, Call) and node.function in ("floor", "ceil"):
                return True
            if isinstance(node, Power) and not isinstance(node.exponent, Number) and not is_positive(node.base):
                return True
    return False


def _moved(base: Point, name: str, place: tuple[int, ...], value: Fraction) -> Point:
    return replace(base, values={**base.values, name: {**base.values[name], place: value}})


__all__ = ["Corner", "Corners", "Path", "jumps", "paths", "thresholds"]
