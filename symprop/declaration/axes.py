"""Axes of arrays: shaped expressions, and the index that each axis gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from symprop.algebra.expressions import (
    ONE,
    Bound,
    Expr,
    Index,
    Reduction,
    free_indices,
    fresh_index,
    reduce,
    stem_of,
    substitute,
    walk,
)
from symprop.algebra.indices import normal
from symprop.declaration.quantity import Axis
from symprop.declaration.ranges import Interval
from symprop.declaration.scope import Scope

# Names for axes that no index names, in the order in which they are given out.
LETTERS = "ijklmnpqrstuvw"
MARK = "·"  # begins the names of indices that no text can contain


@dataclass(frozen=True)
class Shaped:
    """An array in index form.

    Attributes
    ----------
    axes : tuple of Bound
        One index with its range for each axis; distinct. A scalar has none.
    expression : Expr
        A component, with those indices free; dimensionless.
    is_row : bool
        Whether it is a transposed column: one axis, and an array of shape (1, n).
    """

    axes: tuple[Bound, ...]
    expression: Expr
    is_row: bool = False

    @property
    def extents(self) -> tuple[Expr, ...]:
        """The lengths of the axes, in sizes."""
        return tuple(normal(axis.upper - axis.lower + ONE) for axis in self.axes)

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices of the axes, in order."""
        return tuple(axis.index for axis in self.axes)

    @property
    def shape(self) -> str:
        """The shape as people write it: ``(H, D)``, a column ``(H)``, a row ``(1, H)``, a scalar ``()``."""
        return shape_of((ONE, *self.extents) if self.is_row else self.extents)


def shape_of(extents: Iterable[Expr]) -> str:
    """Return extents as a shape is written."""
    return f"({', '.join(map(str, extents))})"


def whole(axes: Sequence[Axis]) -> tuple[Interval, ...]:
    """Return the limits of axes."""
    return tuple((axis.lower, axis.upper) for axis in axes)


class AxisNames:
    """Gives each axis an index: one that has its range already, else a letter that the text does not use.

    Parameters
    ----------
    scope : Scope
        Whose indices are taken first; letters that are given out become indices of it.
    used : collection of str
        Names that a letter must not have.
    closed : bool
        Whether the indices of the scope are final (in claims): copies, ``i_1``, are given out instead of letters.
    """

    def __init__(self, scope: Scope, used: Collection[str] = (), *, closed: bool = False) -> None:
        self.scope = scope
        self.used = used
        self.closed = closed
        self._of_range: dict[Interval, list[Index]] = {}
        self._seen = 0  # how many indices of the scope are in it
        self._known: dict[int, tuple[Expr, bool]] = {}

    def index(self, interval: Interval, avoid: Collection[Index]) -> Index:
        """Return an index for an axis with these limits that is none of `avoid`."""
        for bound in islice(self.scope.indices.values(), self._seen, None):
            self._of_range.setdefault((bound.lower, bound.upper), []).append(bound.index)
        self._seen = len(self.scope.indices)
        equal = self._of_range.get(interval, ())
        for index in equal:
            if index not in avoid:
                return index
        if self.closed and equal:
            return fresh_index(equal[0], {*avoid, *map(Index, self.used)})
        taken = {*self.used, *self.scope.names(), *self.scope.functions, *(index.name for index in avoid)}
        letter = next((letter for letter in LETTERS if letter not in taken), "")
        count = 1
        while not letter:
            letter = f"i{count}" if f"i{count}" not in taken else ""
            count += 1
        if not self.closed:
            self.scope.indices[letter] = Bound(Index(letter), *interval)
            self.scope.stated.add(letter)
        return Index(letter)

    def axes(self, intervals: Sequence[Interval], leading: Sequence[Index] = ()) -> tuple[Axis, ...]:
        """Return axes with these limits, each with an index of its own; the first have those of `leading`."""
        found = [Axis(index, *interval) for index, interval in zip(leading, intervals, strict=False)]
        for interval in intervals[len(found) :]:
            index = self.index(interval, [axis.index for axis in found])
            found.append(Axis(index, *interval))
        return tuple(found)

    def settled(self, shaped: Shaped, axes: Sequence[Axis] | None = None, *, avoid: Collection[Index] = ()) -> Shaped:
        """Return a shaped expression in letters: its axes as in `axes` if given, bound indices by their range.

        None of the letters is in `avoid`.
        """
        free = {index for index in (*free_indices(shaped.expression), *avoid) if not is_own(index)}
        if axes is None:
            chosen: list[Bound] = []
            for axis in shaped.axes:
                index = self.index((axis.lower, axis.upper), {*free, *(bound.index for bound in chosen)})
                chosen.append(axis._replace(index=index))
        else:
            chosen = [Bound(axis.index, axis.lower, axis.upper) for axis in axes]
        mapping = {own.index: new.index + (own.lower - new.lower) for own, new in zip(shaped.axes, chosen, strict=True)}
        expression = substitute(shaped.expression, mapping)
        names = frozenset(free).union(bound.index for bound in chosen)
        letters = {own.index.name: new.index for own, new in zip(shaped.axes, chosen, strict=True)}
        return Shaped(tuple(chosen), self._bound(expression, names, letters), shaped.is_row)

    def _has_own(self, expr: Expr) -> bool:
        """Return whether an index in an expression has no letter yet."""
        known = self._known.get(id(expr))
        if known is None:
            found = any(map(self._has_own, expr.children)) or (
                isinstance(expr, Reduction) and any(is_own(bound.index) for bound in expr.bounds)
            )
            known = self._known[id(expr)] = (expr, found)
        return known[1]

    def _bound(self, expr: Expr, names: frozenset[Index], letters: Mapping[str, Index]) -> Expr:
        """Return `expr` with letters for the bound indices; a copy of an index becomes a copy of its letter."""
        if not self._has_own(expr):
            return expr
        if isinstance(expr, Reduction):
            inside = {
                bound.index
                for node in walk(expr)
                if isinstance(node, Reduction)
                for bound in node.bounds
                if not is_own(bound.index)
            }
            bounds: list[Bound] = []
            renamed: dict[Expr, Expr] = {}
            for bound in expr.bounds:
                index = bound.index
                if is_own(index):
                    original = letters.get(stem_of(index))
                    if original is not None:
                        index = fresh_index(original, names | inside)
                    else:
                        index = self.index((bound.lower, bound.upper), names | inside)
                    renamed[bound.index] = index
                    letters = {**letters, bound.index.name: index}
                # A letter that is no index of the network has no range but the one that is written.
                written = bound.written or (is_own(bound.index) and self.scope.range_of(index.name) is None)
                bounds.append(Bound(index, substitute(bound.lower, renamed), substitute(bound.upper, renamed), written))
                names |= {index}
            body = substitute(expr.body, renamed)
            return reduce(expr.kind, tuple(bounds), self._bound(body, names, letters))
        return expr.rebuild(tuple(self._bound(child, names, letters) for child in expr.children))


def is_own(index: Index) -> bool:
    return index.name.startswith(MARK)
