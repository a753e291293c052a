"""The sizes of a network, solved from the shapes of arrays and from the sizes that are given.

Every axis says ``upper - lower + 1 = length`` and every defined size ``P = expression``.  As long as one of these has
a single unknown, and is linear in it, it is solved; what has none left must hold.

A size that differs from layer to layer, ``n(l)``, is a list whose position 0 is the least ``l`` that occurs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from symprop.algebra.expressions import (
    ZERO,
    Bound,
    Call,
    Expr,
    Number,
    Size,
    free_indices,
    number,
    substitute,
    transform,
    walk,
)
from symprop.algebra.indices import at_least, extremes, polynomial
from symprop.declaration.network import Network
from symprop.declaration.quantity import Axis, Quantity
from symprop.errors import DeclarationError, ShapeError, nearest

SizeValue = int | Sequence[int]

_FOLDED = {
    "floor": lambda value: Fraction(floor(value)),
    "ceil": lambda value: Fraction(-floor(-value)),
    "abs": abs,
    "max": max,
    "min": min,
}


@dataclass(frozen=True)
class _Condition:
    """``difference = 0``, from one axis of an array or from the definition of a size."""

    difference: Expr
    quantity: Quantity | None  # None: the definition of `size`
    size: str = ""


def solve_sizes(
    network: Network,
    shapes: Mapping[str, tuple[int, ...]],
    sizes: Mapping[str, SizeValue] | None = None,
    greatest: Mapping[str, tuple[int, ...]] | None = None,
    *,
    complete: bool = True,
    whole: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, SizeValue]:
    """Return the value of every size name: an integer, or the tuple of a size that differs from layer to layer.

    Parameters
    ----------
    network : Network
        Without a batch index its quantities describe one example: shapes come without the axis of the examples.
    shapes : mapping of str to tuple of int
        Shapes of given arrays by name of the quantity; of a ragged one (a list of arrays) the leading regular axes.
    sizes : mapping of str to int or sequence of int, optional
        Sizes that are given, dimensionless.
    greatest : mapping of str to tuple of int, optional
        For quantities given component by component: the greatest index given along each axis. It decides only what
        shapes leave open, as the least size that has room for it.
    complete : bool
        Whether a size that cannot be found is an error; otherwise it is left out.
    whole : mapping of str to tuple of int, optional
        Shapes with the axis of the examples, where messages should show them so.

    Raises
    ------
    ShapeError
        If shapes contradict each other or the declared axes, or a size is missing.
    DeclarationError
        If a size is given that the network does not have.
    """
    return _Solver(network, dict(shapes), dict(sizes or {}), dict(greatest or {}), dict(whole or {})).solve(complete)


def fold(expr: Expr, known: Mapping[Expr, Expr]) -> Expr:
    """Return an expression of sizes with `known` ones put in, a number if nothing else is left."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in _FOLDED and not node.orders:
            values = [argument.value for argument in node.arguments if isinstance(argument, Number)]
            if len(values) == len(node.arguments):
                return Number(_FOLDED[node.function](*values))  # type: ignore[operator]
        # n(L) becomes n(2) only once L is put in.
        return known.get(node, node) if isinstance(node, Size) and node.arguments else node

    return transform(substitute(expr, known), rule)


def size_names(network: Network) -> tuple[str, ...]:
    """Return the names of all sizes, in order of appearance."""
    names = dict.fromkeys(network.sizes)
    ranges: list[Axis | Bound] = [axis for quantity in network.quantities.values() for axis in quantity.axes]
    ranges += network.indices.values()
    limits = (limit for each in ranges for limit in (each.lower, each.upper))
    for limit in limits:
        names.update(dict.fromkeys(node.name for node in walk(limit) if isinstance(node, Size)))
    return tuple(names)


def layers_of(network: Network, name: str) -> tuple[Expr, Expr] | None:
    """Return the least and the greatest ``l`` of a size ``n(l)``, in other sizes; None for an ordinary size.

    Raises
    ------
    ShapeError
        If they cannot be told for all sizes.
    """
    found: list[tuple[Expr, Expr]] = []
    for quantity in network.quantities.values():
        bounds = [Bound(axis.index, axis.lower, axis.upper) for axis in quantity.axes]
        for bound in bounds:
            for node in (node for limit in (bound.lower, bound.upper) for node in walk(limit)):
                if isinstance(node, Size) and node.name == name and node.arguments:
                    found.append(extremes(node.arguments[0], bounds))
    if not found:
        return None
    least = [low for low, _ in found if all(at_least(other, low) for other, _ in found)]
    greatest = [high for _, high in found if all(at_least(high, other) for _, other in found)]
    if not least or not greatest:
        raise ShapeError(f"the first and the last {name}(...) cannot be told")
    return least[0], greatest[0]


class _Solver:
    def __init__(
        self,
        network: Network,
        shapes: dict[str, tuple[int, ...]],
        sizes: dict[str, SizeValue],
        greatest: dict[str, tuple[int, ...]],
        whole: dict[str, tuple[int, ...]],
    ) -> None:
        self.network = network
        self.whole = whole
        self.shapes = shapes
        self.greatest = greatest
        self.names = size_names(network)
        self.known: dict[Expr, Expr] = dict(network.constant_values())
        self.values: dict[Size, int] = {}
        self.origins: dict[Size, str] = {}
        self.layers = {name: layers for name in self.names if (layers := layers_of(network, name)) is not None}
        self.lists: list[tuple[str, int]] = []
        for name, value in sizes.items():
            if name not in self.names:
                guess = nearest(name, self.names)
                hint = f"Did you mean '{guess}'?" if guess else f"Its sizes are {', '.join(self.names) or 'none'}."
                raise DeclarationError(f"the network has no size '{name}'", hint=hint)
            self.give(name, value)

    def give(self, name: str, value: SizeValue) -> None:
        layers = self.layers.get(name)
        if layers is None:
            if not isinstance(value, int) and not hasattr(value, "__index__"):
                raise ShapeError(f"the size {name} is one integer, not {value!r}")
            self.settle(Size(name), Fraction(int(value)), "is given")
            return
        if not isinstance(value, Sequence) or not isinstance(layers[0], Number):
            raise ShapeError(
                f"{name} differs from layer to layer", hint=f"Give a list, position 0 being {name}({layers[0]})."
            )
        first = int(layers[0].value)
        for place, each in enumerate(value):
            self.settle(Size(name, (number(first + place),)), Fraction(each), "is given")
        self.lists.append((name, len(value)))

    def settle(self, size: Size, value: Fraction, origin: str) -> None:
        if value.denominator != 1 or value < 1:
            raise ShapeError(
                f"the size {size} would be {value}, and a size is a positive integer", hint=f"{size} {origin}."
            )
        self.values[size] = int(value)
        self.origins[size] = origin
        self.known[size] = number(value)

    def solve(self, complete: bool) -> dict[str, SizeValue]:
        conditions = [*self.definitions(), *self.lengths(), *self.axes()]
        while True:
            conditions = self.propagate(conditions)
            if not self.make_room():
                break
        solved: dict[str, SizeValue] = {}
        missing: list[Size] = []
        for name in self.names:
            wanted = self.wanted(name)
            unknown = [size for size in wanted if size not in self.values]
            if unknown:
                missing.append(unknown[0])
            elif name in self.layers:
                solved[name] = tuple(self.values[size] for size in wanted)
            else:
                solved[name] = self.values[Size(name)]
        if missing and complete:
            raise self.missing(missing)
        return solved

    def wanted(self, name: str) -> list[Size]:
        """Return the sizes that have this name, as far as the number of layers is known."""
        if name not in self.layers:
            return [Size(name)]
        low, high = (fold(limit, self.known) for limit in self.layers[name])
        if not isinstance(low, Number) or not isinstance(high, Number):
            return [Size(name, (low,))]
        return [Size(name, (number(layer),)) for layer in range(int(low.value), int(high.value) + 1)]

    def lengths(self) -> Iterable[_Condition]:
        for name, length in self.lists:
            low, high = self.layers[name]
            yield _Condition(high - low + number(1 - length), None, name)

    def definitions(self) -> Iterable[_Condition]:
        for name, expression in self.network.sizes.items():
            # A plain number is a default: `size H = 8` may be given as 16.
            if expression is not None and not (isinstance(expression, Number) and Size(name) in self.values):
                yield _Condition(Size(name) - expression, None, name)

    def axes(self) -> Iterable[_Condition]:
        for name, shape in self.shapes.items():
            quantity = self.network.quantities[name]
            regular = [axis for axis in quantity.axes if not free_indices(axis.extent)]
            if len(shape) > len(quantity.axes) or len(shape) < min(len(regular), len(quantity.axes)):
                raise ShapeError(
                    f"{name} has shape {self.shown(name)}; the network declares {quantity.access}, "
                    f"which has {_count(len(quantity.axes), 'axis', 'axes')}"
                    f"{' for each example' if name in self.whole else ''}"
                )
            for axis, length in zip(quantity.axes, shape, strict=False):
                if not free_indices(axis.extent):
                    yield _Condition(axis.extent - number(length), quantity)

    def propagate(self, conditions: list[_Condition]) -> list[_Condition]:
        """Solve until nothing more follows; return what is still open."""
        while True:
            rest = []
            for condition in conditions:
                if not self.decided(condition):
                    rest.append(condition)
            if len(rest) == len(conditions):
                return rest
            conditions = rest

    def decided(self, condition: _Condition) -> bool:
        difference = fold(condition.difference, self.known)
        if isinstance(difference, Number):
            if difference is not ZERO:
                raise self.contradiction(condition)
            return True
        solution = only_unknown(difference)
        if solution is None:
            return False
        size, value = solution
        if condition.quantity is None:
            origin = f"follows from {self.stated(condition.size)}"
            if isinstance(self.network.sizes.get(size.name), Number):
                origin = "is declared in the network"
        else:
            name_of_array = condition.quantity.name
            origin = f"follows from the shape {self.shown(name_of_array)} of {name_of_array}"
        self.settle(size, value, origin)
        return True

    def stated(self, name: str) -> str:
        """Return what the definition of a size, or the length of its list, says."""
        if name in self.layers:
            return f"the {dict(self.lists)[name]} values of {name}"
        return f"size {name} = {self.network.sizes[name]}"

    def shown(self, name: str) -> str:
        """Return the shape of an array as it was given."""
        return _tuple(self.whole.get(name, self.shapes[name]))

    def make_room(self) -> bool:
        """Settle the sizes that only components speak of: the least that have room for all of them."""
        least: dict[Size, tuple[Fraction, str]] = {}
        for name, indices in self.greatest.items():
            for axis, index in zip(self.network.quantities[name].axes, indices, strict=True):
                if free_indices(axis.upper):
                    continue
                solution = only_unknown(fold(axis.upper - number(index), self.known))
                if solution is not None and (solution[0] not in least or least[solution[0]][0] < solution[1]):
                    least[solution[0]] = (max(solution[1], Fraction(1)), f"follows from the components of {name}")
        for size, (value, origin) in least.items():
            self.settle(size, value, origin)
        return bool(least)

    def contradiction(self, condition: _Condition) -> ShapeError:
        if condition.quantity is None and condition.size in self.layers:
            low, high = (fold(limit, self.known) for limit in self.layers[condition.size])
            return ShapeError(
                f"{condition.size} has {dict(self.lists)[condition.size]} values; "
                f"the network reads {condition.size}({low}) to {condition.size}({high})"
            )
        if condition.quantity is None:
            stated = fold(self.network.sizes[condition.size] or ZERO, self.known)
            size = Size(condition.size)
            return ShapeError(
                f"the size {size} would be both {self.values[size]} and {stated}",
                hint=f"{size} {self.origins[size]}; it is defined as {self.network.sizes[condition.size]}.",
            )
        quantity = condition.quantity
        shape = self.shapes[quantity.name]
        extents = [fold(axis.extent, self.known) for axis in quantity.axes]
        expected = "(" + ", ".join(map(str, extents)) + ("," if len(extents) == 1 else "") + ")"
        if len(shape) == 2 and [number(length) for length in reversed(shape)] == extents:
            turned = f"{quantity.name}[{', '.join(str(axis.index) for axis in reversed(quantity.axes))}]"
            hint = f"Pass {quantity.name}.T, or declare {turned}."
        else:
            found = dict.fromkeys(
                node for axis in quantity.axes for node in walk(axis.extent) if isinstance(node, Size)
            )
            reasons = [f"{size} = {self.values[size]} {self.origins[size]}" for size in found if size in self.values]
            hint = "; ".join(reasons) + "." if reasons else ""
            default = next((size for size in found if isinstance(self.network.sizes.get(size.name), Number)), None)
            if default is not None:
                lengths = [length for axis, length in zip(quantity.axes, shape, strict=True) if axis.extent is default]
                value = lengths[0] if lengths else "..."
                hint += f' Another value: --size {default}={value}, or sizes={{"{default}": {value}}}.'
        return ShapeError(
            f"{quantity.name} has shape {self.shown(quantity.name)}; the network declares {quantity.access} "
            f"with extents {expected}{' for each example' if quantity.name in self.whole else ''}",
            hint=hint or None,
        )

    def missing(self, sizes: list[Size]) -> ShapeError:
        size = sizes[0]
        carriers = [
            str(quantity.access)
            for quantity in self.network.quantities.values()
            if quantity.is_given and any(size in walk(axis.extent) for axis in quantity.axes)
        ]
        through = f", or give {carriers[0]} as an array" if carriers else ""
        others = f" (nor {', '.join(map(str, sizes[1:]))})" if len(sizes) > 1 else ""
        if size.arguments:
            hint = f'Give the sizes of all layers, sizes={{"{size.name}": [4, 16, 1]}}.'
        else:
            hint = f'Give it, sizes={{"{size}": 16}} or --size {size}=16{through}.'
        return ShapeError(f"the size {size} is not known{others}", hint=hint)


def only_unknown(difference: Expr) -> tuple[Size, Fraction] | None:
    """Return the one size that makes a linear `difference` zero and its value, or None."""
    coefficient, offset, size = Fraction(0), Fraction(0), None
    for monomial, factor in polynomial(difference).items():
        if not monomial:
            offset = factor
        elif len(monomial) == 1 and isinstance(monomial[0][0], Size) and monomial[0][1] == 1 and size is None:
            size, coefficient = monomial[0][0], factor
        else:
            return None
    return None if size is None else (size, -offset / coefficient)


def _tuple(shape: tuple[int, ...]) -> str:
    return repr(tuple(map(int, shape)))


def _count(number_of: int, one: str, several: str) -> str:
    return f"{number_of} {one if number_of == 1 else several}"
