"""Sizes that differ from layer to layer: each ragged array is a box of the greatest extents, filled in part.

``w[l,j,i]`` with ``j = 1..n(l)`` and ``i = 1..n(l-1)`` lies in memory as an array of ``L`` by the greatest ``n(l)`` by
the greatest ``n(l-1)``.  Loops run over what exists; what lies beside it is neither read nor written.  The sizes
``n(l)`` themselves are an array of integers.  Users give and get lists of arrays: see `Parts`.
"""

from __future__ import annotations

from collections.abc import Iterable

from symprop.algebra.expressions import ONE, Access, Bound, Expr, Index, Number, Size, free_indices, transform, walk
from symprop.algebra.indices import polynomial
from symprop.declaration.network import Network
from symprop.declaration.quantity import Axis
from symprop.declaration.sizes import layers_of, size_names
from symprop.errors import MissingRuleError
from symprop.lowering.memo import extent, extremes, minus
from symprop.lowering.program import Greatest, Layered, Parts


class Boxes:
    """The layered sizes of a network, and the greatest values that have been asked for.

    Parameters
    ----------
    network : Network
    taken : set of str
        Names that new sizes must not have; theirs are added.

    Raises
    ------
    ShapeError
        If the first and the last layer of a size cannot be told.
    """

    def __init__(self, network: Network, taken: set[str]) -> None:
        self.taken = taken
        self.layers = {name: found for name in size_names(network) if (found := layers_of(network, name)) is not None}
        self.found: dict[tuple[str, Expr, Expr], Size] = {}
        for name, (first, _) in self.layers.items():
            if not isinstance(first, Number):
                raise MissingRuleError(
                    f"the first layer of {name} is {first}, and compiled functions need to know its number",
                    hint=f"Let the layers start at a number, such as {name}(0).",
                )

    @property
    def layered(self) -> tuple[Layered, ...]:
        """The layered sizes, in order of appearance."""
        return tuple(Layered(name, *limits) for name, limits in self.layers.items())

    @property
    def greatest(self) -> tuple[Greatest, ...]:
        """The greatest values that boxes need."""
        return tuple(
            Greatest(size.name, name, minus(low, self.layers[name][0]), minus(high, self.layers[name][0]))
            for (name, low, high), size in self.found.items()
        )

    def axes(self) -> dict[str, Axis]:
        """Return the axis of the array of each layered size."""
        return {name: Axis(Index(f"({name})"), *limits) for name, limits in self.layers.items()}

    def box(self, axes: Iterable[Axis]) -> tuple[Axis, ...]:
        """Return axes whose limits depend on no other axis and that have room for all values.

        Raises
        ------
        ValueError
            If a limit is not affine.
        """
        before: list[Bound] = []
        result = []
        for axis in axes:
            lower, upper = axis.lower, axis.upper
            if free_indices(lower) | free_indices(upper):
                lower = extremes(self.outermost(lower, before, least=True), before)[0]
                upper = extremes(self.outermost(upper, before, least=False), before)[1]
            before.append(Bound(axis.index, axis.lower, axis.upper))
            result.append(Axis(axis.index, lower, upper))
        return tuple(result)

    def outermost(self, limit: Expr, bounds: list[Bound], least: bool) -> Expr:
        """Return a limit with every ``n(l)`` replaced by a size that is beyond it for all l, or the least of all, 1."""
        nodes = [n for n in walk(limit) if isinstance(n, Size) and n.arguments and free_indices(n)]
        for node in nodes:
            coefficient = polynomial(limit).get(((node, 1),))
            if coefficient is None:
                raise ValueError("a limit is not linear in a size of layers")
            limit = _with(limit, node, ONE if (coefficient > 0) == least else self.greatest_of(node, bounds))
        return limit

    def greatest_of(self, size: Size, bounds: list[Bound]) -> Size:
        """Return the size that is the greatest of a layered one over the ranges of its layer."""
        low, high = extremes(size.arguments[0], bounds)
        if free_indices(low) | free_indices(high):
            raise ValueError("the range of layers is not known")
        key = (size.name, low, high)
        found = self.found.get(key)
        if found is None:
            stem = f"{size.name}_greatest"
            names = (stem, *(f"{stem}_{count}" for count in range(2, 10**6)))
            name = next(name for name in names if name not in self.taken)
            self.taken.add(name)
            found = self.found[key] = Size(name)
        return found

    def placed(self, expr: Expr) -> Expr:
        """Return `expr` with every ``n(l)`` as an element of the array of sizes."""

        def rule(node: Expr) -> Expr:
            if isinstance(node, Size) and node.arguments:
                return Access(node.name, (minus(node.arguments[0], self.layers[node.name][0]),))
            return node

        return transform(expr, rule) if self.layers else expr

    def parts(self, name: str, axes: tuple[Axis, ...]) -> Parts | None:
        """Return how an array with these axes is a list of arrays; None for one that is not ragged.

        Raises
        ------
        MissingRuleError
            If its axes depend on several others, or do not start at the same value.
        """
        lists = [n for n, axis in enumerate(axes) if any(axis.index in _depends(other) for other in axes)]
        if not lists:
            return None
        shown = f"{name}, whose axes are {', '.join(f'{a.index} = {a.lower}..{a.upper}' for a in axes)}"
        if len(lists) > 1 or any(free_indices(axis.lower) for axis in axes):
            raise MissingRuleError(
                f"compiled functions have no array for {shown}",
                hint="One index may decide how long other axes are; each of these starts at the same value throughout.",
            )
        (place,) = lists
        shape = tuple(extent(axis.lower, axis.upper) for n, axis in enumerate(axes) if n != place)
        return Parts(place, axes[place].index, axes[place].lower, tuple(map(self.placed, shape)))


def _depends(axis: Axis) -> frozenset[Index]:
    return free_indices(axis.lower) | free_indices(axis.upper)


def _with(expr: Expr, old: Expr, new: Expr) -> Expr:
    return transform(expr, lambda node: new if node is old else node)
