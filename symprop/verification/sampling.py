"""Random exact points at which two expressions are compared: sizes that hide nothing, values inside every domain.

Sizes are drawn distinct: a size of 1 hides transposed indices, 2 hides identities of 2x2 matrices, equal sizes hide
swapped indices.  Values are rationals with a small binary denominator, so that witnesses can be read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    Access,
    Bound,
    Call,
    Expr,
    Index,
    Number,
    Reduction,
    Size,
    Where,
    add,
    call,
    free_indices,
    mul,
    names_of,
    power,
    substitute,
    walk,
)
from symprop.algebra.indices import normal
from symprop.declaration.network import Fact, Network
from symprop.declaration.quantity import Domain, Quantity
from symprop.declaration.sizes import fold, layers_of, size_names, solve_sizes
from symprop.errors import SympropError
from symprop.verification.arithmetic import to_float

Components = dict[tuple[int, ...], Fraction]
SizeValue = int | Sequence[int]
Interval = tuple[Fraction, Fraction]
Drawing = Callable[[Domain | None, Mapping[Expr, Expr]], Fraction]

# Where values lie, point after point: on both sides of 0, where logarithms and roots are defined, beyond the corners
# of piecewise functions (hard_sigmoid has them at -3 and 3), and where inverse functions and probabilities are.
RANGES: tuple[Interval, ...] = (
    (Fraction(-2), Fraction(2)),
    (Fraction(0), Fraction(2)),
    (Fraction(-2), Fraction(2)),
    (Fraction(-9), Fraction(9)),
    (Fraction(0), Fraction(1)),
    (Fraction(-1), Fraction(1)),
    (Fraction(1), Fraction(5)),
    (Fraction(-4), Fraction(0)),
)

# Where no function is flat: of what comes out in double precision, most digits are right.
GENTLE: tuple[Interval, ...] = (
    (Fraction(-1), Fraction(1)),
    (Fraction(0), Fraction(1)),
    (Fraction(-1, 2), Fraction(1, 2)),
    (Fraction(-1), Fraction(0)),
    (Fraction(1, 2), Fraction(3, 2)),
)

# Sizes are drawn from here; beyond, tables of values grow and witnesses cannot be read.
SMALLEST_SIZE, LARGEST_SIZE = 3, 6
DENOMINATOR = 8
ATTEMPTS = 60
MOST_COMPONENTS = 100_000  # along one axis
ROUNDING = 1e-12  # two sides of a fact that are no fractions are equal if they differ by less


@dataclass(frozen=True)
class Point:
    """Concrete sizes, and the components of every given quantity."""

    sizes: Mapping[str, SizeValue]
    values: Mapping[str, Components]


class Sampler:
    """Draws points of a network. Reproducible: the same seed draws the same points.

    Parameters
    ----------
    network : Network
    seed : int
    loose : collection of str
        Sizes for which the network states a number that is a default (`size H = 8`), and that are drawn all the same.
    """

    def __init__(self, network: Network, seed: int = 0, loose: Container[str] = ()) -> None:
        self.network = network
        self.random = random.Random(seed)
        self.loose = loose
        self.found: dict[Any, tuple[tuple[int, ...], ...]] = {}

    def draw(
        self,
        count: int,
        spread: int = 2,
        sizes: Mapping[str, SizeValue] | None = None,
        ranges: Sequence[Interval] = RANGES,
    ) -> tuple[Point, ...]:
        """Return `count` points that share their sizes and differ in the range of their values."""
        shared = self.sizes(spread) if sizes is None else sizes
        return tuple(self.point(shared, ranges[number % len(ranges)]) for number in range(count))

    def point(self, sizes: Mapping[str, SizeValue], interval: Interval) -> Point:
        """Return one point: values of quantities without a domain lie in `interval`."""
        return self.filled(sizes, lambda domain, known: self.value(domain, interval, known))

    def simple_point(self, sizes: Mapping[str, SizeValue], choices: Sequence[Fraction]) -> Point:
        """Return a point for people: values of quantities without a domain are among `choices`."""

        def value(domain: Domain | None, known: Mapping[Expr, Expr]) -> Fraction:
            if domain is None:
                return self.random.choice(choices)
            inside = [number for number in choices if self.lies_in(number, domain, known)]
            return self.random.choice(inside) if inside else self.value(domain, RANGES[0], known)

        return self.filled(sizes, value)

    def filled(self, sizes: Mapping[str, SizeValue], value: Drawing) -> Point:
        known = size_values(sizes, self.network)
        values: dict[str, Components] = {}
        for quantity in self.network.quantities.values():
            if quantity.is_given or quantity.role == "hyperparameter":
                values[quantity.name] = self.components(quantity, known, value)
        made = [self.obey(fact, values, known) for fact in self.network.facts]
        point = Point(sizes, values)
        named = [name for fact in self.network.facts for name in names_of(fact.left) | names_of(fact.right)]
        for fact, is_made in zip(self.network.facts, made, strict=True):
            # What one fact makes may be unmade by another about the same quantity.
            if not is_made or any(named.count(name) > 1 for name in names_of(fact.left) | names_of(fact.right)):
                self.check(fact, point)
        return point

    # Sizes

    def sizes(self, spread: int) -> Mapping[str, SizeValue]:
        """Return distinct sizes, from `SMALLEST_SIZE` on; a larger `spread` leaves more of a choice."""
        names = self.free_sizes()
        for attempt in range(ATTEMPTS):
            pool = list(range(SMALLEST_SIZE, SMALLEST_SIZE + len(names) + spread + attempt // 8))
            self.random.shuffle(pool)
            found = self.complete({name: pool.pop() for name in names})
            if found is not None:
                return found
        raise SympropError("no sizes were found that fit the ranges", hint="Give sizes that fit each other.")

    def free_sizes(self) -> list[str]:
        """The names of the sizes that no other sizes define."""
        stated = self.network.sizes
        return [name for name in size_names(self.network) if stated.get(name) is None or name in self.loose]

    def complete(self, drawn: Mapping[str, int]) -> Mapping[str, SizeValue] | None:
        """Return all sizes that follow from `drawn`, or None if they do not fit each other."""
        sizes: dict[str, SizeValue] = dict(drawn)
        known: dict[Expr, Expr] = {Size(name): Number(Fraction(value)) for name, value in drawn.items()}
        try:
            for name, value in drawn.items():
                layers = layers_of(self.network, name)
                if layers is not None:  # a size that differs from layer to layer
                    low, high = (int(self.number(limit, known)) for limit in layers)
                    sizes[name] = tuple(2 + (value + place) % 3 for place in range(high - low + 1))
            return solve_sizes(self.network, {}, sizes)
        except SympropError:
            return None  # a stride that does not fit

    # Values

    def components(self, quantity: Quantity, known: Mapping[Expr, Expr], value: Drawing) -> Components:
        result: Components = {}
        for indices in self.indices_of(quantity, known):
            if quantity.integer:
                result[indices] = self.integer(quantity, known)
            else:
                result[indices] = value(quantity.domain, known)
        return result

    def indices_of(self, quantity: Quantity, known: Mapping[Expr, Expr]) -> tuple[tuple[int, ...], ...]:
        """Return the indices of every component; points that share their sizes share them."""
        key = quantity.name, tuple(known.items())
        if key not in self.found:
            self.found[key] = tuple(self.all_indices(quantity, known))
        return self.found[key]

    def all_indices(self, quantity: Quantity, known: Mapping[Expr, Expr]) -> Iterator[tuple[int, ...]]:
        def extend(prefix: tuple[int, ...], at: dict[Expr, Expr]) -> Iterator[tuple[int, ...]]:
            if len(prefix) == len(quantity.axes):
                yield prefix
                return
            axis = quantity.axes[len(prefix)]
            low, high = (self.number(limit, at) for limit in (axis.lower, axis.upper))
            if high - low >= MOST_COMPONENTS:
                count = high - low + 1
                raise SympropError(f"'{quantity.name}' has {count} values along one axis, too many to be drawn")
            for value in range(int(low), int(high) + 1):
                yield from extend((*prefix, value), {**at, axis.index: Number(Fraction(value))})

        return extend((), dict(known))

    def number(self, expr: Expr, known: Mapping[Expr, Expr]) -> Fraction:
        value = normal(fold(expr, known))
        if not isinstance(value, Number):
            raise SympropError(f"'{expr}' has no value at this point")
        return value.value

    def value(self, domain: Domain | None, interval: Interval, known: Mapping[Expr, Expr]) -> Fraction:
        if domain is not None and domain.members:
            return self.number(self.random.choice(domain.members), known)
        low, high = self.limits_of(domain, known)
        if low is None and high is None:
            low, high = interval
        elif low is None:
            assert high is not None
            low = high - 2
        elif high is None:
            high = low + 2
        steps = 16 * DENOMINATOR
        numerator = self.random.randint(1, steps - 1)
        # Odd numerators keep clear of the round numbers where kinks and zeros are.
        return low + (high - low) * Fraction(2 * numerator + 1, 2 * steps + 2)

    def limits_of(self, domain: Domain | None, known: Mapping[Expr, Expr]) -> tuple[Fraction | None, Fraction | None]:
        if domain is None:
            return None, None
        low, high = (None if limit is None else self.number(limit, known) for limit in (domain.lower, domain.upper))
        return low, high

    def lies_in(self, value: Fraction, domain: Domain, known: Mapping[Expr, Expr]) -> bool:
        if domain.members:
            return any(self.number(member, known) == value for member in domain.members)
        low, high = self.limits_of(domain, known)
        above = low is None or value > low or (value == low and not domain.lower_open)
        below = high is None or value < high or (value == high and not domain.upper_open)
        return above and below

    def at_end(self, point: Point, upper: bool) -> Point | None:
        """Return a point with the values of every interval at its upper (or lower) end, if the end belongs to one."""
        known = size_values(point.sizes, self.network)
        facts = {name for fact in self.network.facts for name in names_of(fact.left) | names_of(fact.right)}
        values = dict(point.values)
        for name, components in point.values.items():
            domain = self.network.quantities[name].domain
            if domain is None or domain.members or name in facts:
                continue
            end = self.limits_of(domain, known)[upper]
            if end is not None and self.lies_in(end, domain, known):
                values[name] = dict.fromkeys(components, end)
        return Point(point.sizes, values) if values != dict(point.values) else None

    def integer(self, quantity: Quantity, known: Mapping[Expr, Expr]) -> Fraction:
        domain = quantity.domain
        if domain is None or domain.lower is None or domain.upper is None:
            return Fraction(self.random.randint(0, 2))
        low, high = self.number(domain.lower, known), self.number(domain.upper, known)
        return Fraction(self.random.randint(int(low), int(high)))

    # Facts

    def obey(self, fact: Fact, values: dict[str, Components], known: Mapping[Expr, Expr]) -> bool:
        """Change drawn values so that a fact holds; return whether it is of a shape for which that is known."""
        left, right = fact.left, fact.right
        if fact.kind == "onehot":
            return self.obey_sum(left, {right}, Fraction(1), values, onehot=True)
        if isinstance(left, Reduction) and left.kind == "sum" and not names_of(right):
            summed = {bound.index for bound in left.bounds}
            return self.obey_sum(left.body, summed, self.number(right, known), values, onehot=False)
        if isinstance(left, Access) and isinstance(right, Access) and left.name == right.name:
            return self.obey_symmetry(left, right, values)
        return self.obey_definition(left, right, values, known) or self.obey_definition(right, left, values, known)

    def check(self, fact: Fact, point: Point) -> None:
        """Refuse a point at which a fact does not hold: nothing can be said of a network there."""
        from symprop.verification.evaluate import Evaluator

        if fact.kind != "equal":
            return
        evaluator = Evaluator(self.network, point.sizes, point.values)
        known = size_values(point.sizes, self.network)
        indices = free_indices(fact.left) | free_indices(fact.right)
        bounds = [self.network.indices[index] for index in sorted(indices, key=str) if index in self.network.indices]
        for at in free_components(bounds, known):
            left, right = (evaluator.value(side, at) for side in (fact.left, fact.right))
            exact = isinstance(left, Fraction) and isinstance(right, Fraction)
            if left != right if exact else abs(to_float(left) - to_float(right)) > ROUNDING:
                raise SympropError(
                    f"no point was found at which {fact.left} = {fact.right}, as line {fact.line} assumes"
                )

    def obey_definition(
        self, left: Expr, right: Expr, values: dict[str, Components], known: Mapping[Expr, Expr]
    ) -> bool:
        """Give ``a`` the value of ``2*b``, and ``a[i]`` that of ``2*b[i]``, by rational arithmetic."""
        if not isinstance(left, Access) or left.name not in values or left.name in names_of(right):
            return False
        if not names_of(right) <= values.keys() or not all(isinstance(index, Index) for index in left.indices):
            return False
        if any(isinstance(node, (Call, Reduction, Where)) for node in walk(right)):
            return False
        drawn: dict[Expr, Expr] = {
            Access(name, tuple(Number(Fraction(place)) for place in places)): Number(number)
            for name in names_of(right)
            for places, number in values[name].items()
        }
        for places in values[left.name]:
            at = {index: Number(Fraction(place)) for index, place in zip(left.indices, places, strict=True)}
            value = normal(substitute(fold(right, {**known, **at}), drawn))
            if not isinstance(value, Number):
                return False
            values[left.name][places] = value.value
        return True

    def obey_sum(
        self, access: Expr, summed: Collection[Expr], total: Fraction, values: dict[str, Components], onehot: bool
    ) -> bool:
        if not isinstance(access, Access) or access.name not in values:
            return False
        positions = [place for place, index in enumerate(access.indices) if index in summed]
        components = values[access.name]
        groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for indices in components:
            groups.setdefault(tuple(v for n, v in enumerate(indices) if n not in positions), []).append(indices)
        for members in groups.values():
            if onehot:
                chosen = self.random.choice(members)
                components.update({indices: Fraction(indices == chosen) for indices in members})
                continue
            # Positive parts of the whole, so that probabilities stay probabilities.
            weights = [Fraction(self.random.randint(1, 9)) for _ in members]
            scale = total / sum(weights)
            components.update({indices: weight * scale for indices, weight in zip(members, weights, strict=True)})
        return True

    def obey_symmetry(self, left: Access, right: Access, values: dict[str, Components]) -> bool:
        components = values.get(left.name)
        if components is None or not all(isinstance(index, Index) for index in (*left.indices, *right.indices)):
            return False
        order = [left.indices.index(index) for index in right.indices]
        for indices in list(components):
            other = tuple(indices[place] for place in order)
            if other in components and other > indices:
                components[other] = components[indices]
        return True


def size_values(sizes: Mapping[str, SizeValue], network: Network) -> dict[Expr, Expr]:
    """Return sizes, those that differ from layer to layer one by one, as a mapping that `substitute` takes."""
    known: dict[Expr, Expr] = {
        Size(name): Number(Fraction(number)) for name, number in sizes.items() if isinstance(number, int)
    }
    for name, listed in sizes.items():
        if not isinstance(listed, int):
            layers = layers_of(network, name)
            low = normal(fold(layers[0], known)) if layers else Number(Fraction(0))
            assert isinstance(low, Number)
            for place, number in enumerate(listed):
                known[Size(name, (Number(low.value + place),))] = Number(Fraction(number))
    return known


def with_bodies(network: Network, seed: int = 0) -> Network:
    """Return `network` with a body for each function that has none: an arbitrary smooth one."""
    if all(function.body is not None for function in network.functions.values()):
        return network
    draw = random.Random(seed)
    functions = dict(network.functions)
    for name, function in functions.items():
        if function.body is None:
            symbols = [Access(parameter, ()) for parameter in function.parameters]
            weights = [Number(Fraction(draw.randint(9, 31), 16)) for _ in symbols]
            inner = add(*(mul(weight, symbol) for weight, symbol in zip(weights, symbols, strict=True)))
            wave = call("sin", inner + Number(Fraction(draw.randint(1, 15), 16)))
            body = add(wave, mul(Number(Fraction(draw.randint(3, 9), 8)), power(inner, Number(Fraction(2)))), inner)
            functions[name] = replace(function, body=body)
    return replace(network, functions=functions)


def free_components(bounds: Iterable[Bound], known: Mapping[Expr, Expr]) -> Iterator[dict[Index, int]]:
    """Yield every value of the indices of `bounds` at concrete sizes; limits may use indices before them."""
    bounds = tuple(bounds)

    def extend(place: int, at: dict[Index, int]) -> Iterator[dict[Index, int]]:
        if place == len(bounds):
            yield dict(at)
            return
        bound = bounds[place]
        here: dict[Expr, Expr] = {**known, **{index: Number(Fraction(value)) for index, value in at.items()}}
        low, high = normal(fold(bound.lower, here)), normal(fold(bound.upper, here))
        assert isinstance(low, Number)
        assert isinstance(high, Number)
        for value in range(int(low.value), int(high.value) + 1):
            yield from extend(place + 1, {**at, bound.index: value})

    return extend(0, {})


def default_sizes(network: Network) -> frozenset[str]:
    """Return the sizes whose number is a default (``size H = 8``) that nothing else in a network relies on."""
    defaults = {name for name, value in network.sizes.items() if isinstance(value, Number)}
    sides = [side for equation in network.equations for side in (equation.target, equation.expression)]
    limits = [limit for equation in network.equations for bound in equation.bounds for limit in bound[1:3]]
    limits += [
        limit
        for quantity in network.quantities.values()
        for axis in quantity.axes
        for limit in (axis.lower, axis.upper)
    ]
    if not defaults or any(map(reads_places, sides)) or any(map(is_place, limits)):
        return frozenset()
    return frozenset(defaults)


def reads_places(expr: Expr) -> bool:
    """Whether an expression reads components, or sums to limits, that a number fixes beyond 1: they must be there."""
    for node in walk(expr):
        if isinstance(node, Access) and any(map(is_place, node.indices)):
            return True
        if isinstance(node, Reduction) and any(is_place(limit) for bound in node.bounds for limit in bound[1:3]):
            return True
    return False


def is_place(expr: Expr) -> bool:
    """Whether a number beyond 1 stands in an index or a limit."""
    return any(isinstance(node, Number) and abs(node.value) > 1 for node in walk(expr))


__all__ = [
    "GENTLE",
    "RANGES",
    "Components",
    "Point",
    "Sampler",
    "default_sizes",
    "free_components",
    "reads_places",
    "with_bodies",
]
