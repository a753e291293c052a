"""Random exact points at which two expressions are compared: sizes that hide nothing, values inside every domain.

Sizes are drawn distinct: a size of 1 hides transposed indices, 2 hides identities of 2x2 matrices, equal sizes hide
swapped indices.  Values are rationals with a small binary denominator, so that witnesses can be read.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from symprop.algebra.expressions import (
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Reduction,
    Size,
    walk,
)
from symprop.algebra.indices import normal
from symprop.declaration.network import Fact, Network
from symprop.declaration.quantity import Domain, Quantity
from symprop.declaration.sizes import fold, size_names, solve_sizes
from symprop.errors import SympropError

Components = dict[tuple[int, ...], Fraction]

# Sizes are drawn from here; beyond, tables of values grow and witnesses cannot be read.
SMALLEST_SIZE, LARGEST_SIZE = 3, 6
DENOMINATOR = 8
ATTEMPTS = 60


@dataclass(frozen=True)
class Point:
    """Concrete sizes, and the components of every given quantity."""

    sizes: Mapping[str, int | tuple[int, ...]]
    values: Mapping[str, Components]


class Sampler:
    """Draws points of a network. Reproducible: the same seed draws the same points."""

    def __init__(self, network: Network, extra: Iterable[str] = (), seed: int = 0) -> None:
        self.network = network
        self.extra = tuple(extra)  # free real scalars that claims use, such as eta
        self.random = random.Random(seed)

    def points(self, count: int, small_first: bool = False) -> Iterator[Point]:
        """Yield `count` points; with `small_first` the first ones have the smallest sizes that still differ."""
        for number in range(count):
            yield self.point(spread=0 if small_first and number < count // 2 else 2, positive=number % 3 == 2)

    def point(self, spread: int = 2, positive: bool = False) -> Point:
        sizes = self.sizes(spread)
        known: dict[Expr, Expr] = {
            Size(name): Number(Fraction(value)) for name, value in sizes.items() if isinstance(value, int)
        }
        values: dict[str, Components] = {}
        for quantity in self.network.quantities.values():
            if quantity.is_given:
                values[quantity.name] = self.components(quantity, known, positive)
        for fact in self.network.facts:
            self.obey(fact, values, known)
        for name in self.extra:
            values[name] = {(): self.value(None, positive=True)}
        return Point(sizes, values)

    # Sizes

    def sizes(self, spread: int) -> Mapping[str, int | tuple[int, ...]]:
        names = [name for name in size_names(self.network) if self.network.sizes.get(name) is None]
        for attempt in range(ATTEMPTS):
            drawn = self.draw_sizes(names, spread + attempt // 8)
            try:
                return solve_sizes(self.network, {}, drawn)
            except SympropError:
                continue  # a stride that does not fit: draw again
        raise SympropError("no sizes were found that fit the ranges", hint="Give sizes that fit each other.")

    def draw_sizes(self, names: list[str], spread: int) -> dict[str, int | tuple[int, ...]]:
        pool = list(range(SMALLEST_SIZE, SMALLEST_SIZE + len(names) + spread))
        self.random.shuffle(pool)
        layered = {
            node.name for axis in self.limits() for node in walk(axis) if isinstance(node, Size) and node.arguments
        }
        drawn: dict[str, int | tuple[int, ...]] = {}
        for name in names:
            value = pool.pop()
            drawn[name] = tuple(2 + (value + n) % 3 for n in range(12)) if name in layered else value
        return drawn

    def limits(self) -> Iterator[Expr]:
        for quantity in self.network.quantities.values():
            for axis in quantity.axes:
                yield axis.lower
                yield axis.upper

    # Values

    def components(self, quantity: Quantity, known: Mapping[Expr, Expr], positive: bool) -> Components:
        result: Components = {}
        for indices in self.indices_of(quantity, known):
            if quantity.integer:
                result[indices] = self.integer(quantity, known)
            else:
                result[indices] = self.value(quantity.domain, positive, known)
        return result

    def indices_of(self, quantity: Quantity, known: Mapping[Expr, Expr]) -> Iterator[tuple[int, ...]]:
        def extend(prefix: tuple[int, ...], at: dict[Expr, Expr]) -> Iterator[tuple[int, ...]]:
            if len(prefix) == len(quantity.axes):
                yield prefix
                return
            axis = quantity.axes[len(prefix)]
            low, high = (self.number(limit, at) for limit in (axis.lower, axis.upper))
            for value in range(int(low), int(high) + 1):
                yield from extend((*prefix, value), {**at, axis.index: Number(Fraction(value))})

        return extend((), dict(known))

    def number(self, expr: Expr, known: Mapping[Expr, Expr]) -> Fraction:
        value = normal(fold(expr, known))
        if not isinstance(value, Number):
            raise SympropError(f"'{expr}' has no value at this point")
        return value.value

    def value(self, domain: Domain | None, positive: bool, known: Mapping[Expr, Expr] | None = None) -> Fraction:
        if domain is not None and domain.members:
            return self.number(self.random.choice(domain.members), known or {})
        low = high = None
        if domain is not None:
            low = None if domain.lower is None else self.number(domain.lower, known or {})
            high = None if domain.upper is None else self.number(domain.upper, known or {})
        if low is None and high is None:
            low, high = (Fraction(1, DENOMINATOR), Fraction(2)) if positive else (Fraction(-2), Fraction(2))
        elif low is None:
            assert high is not None
            low = high - 2
        elif high is None:
            high = low + 2
        assert low is not None and high is not None
        steps = 16 * DENOMINATOR
        numerator = self.random.randint(1, steps - 1)
        # Odd numerators keep clear of the round numbers where kinks and zeros are.
        return low + (high - low) * Fraction(2 * numerator + 1, 2 * steps + 2)

    def integer(self, quantity: Quantity, known: Mapping[Expr, Expr]) -> Fraction:
        domain = quantity.domain
        if domain is None or domain.lower is None or domain.upper is None:
            return Fraction(self.random.randint(0, 2))
        low, high = self.number(domain.lower, known), self.number(domain.upper, known)
        return Fraction(self.random.randint(int(low), int(high)))

    # Facts

    def obey(self, fact: Fact, values: dict[str, Components], known: Mapping[Expr, Expr]) -> None:
        """Change drawn values so that a fact holds; facts of other shapes are checked, not made, by the judge."""
        if fact.kind == "onehot":
            self.obey_sum(fact.left, fact.right, values, known, onehot=True)
        elif isinstance(fact.left, Reduction) and fact.left.kind == "sum":
            self.obey_sum(fact.left, fact.right, values, known, onehot=False)
        elif isinstance(fact.left, Access) and isinstance(fact.right, Access) and fact.left.name == fact.right.name:
            self.obey_symmetry(fact.left, fact.right, values)

    def obey_sum(
        self, left: Expr, right: Expr, values: dict[str, Components], known: Mapping[Expr, Expr], onehot: bool
    ) -> None:
        access = left.body if isinstance(left, Reduction) else left
        if not isinstance(access, Access) or access.name not in values:
            return
        summed = {bound.index for bound in left.bounds} if isinstance(left, Reduction) else set()
        positions = [n for n, index in enumerate(access.indices) if index in summed or (onehot and not summed)]
        components = values[access.name]
        total = Fraction(1) if onehot else self.number(right, known)
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

    def obey_symmetry(self, left: Access, right: Access, values: dict[str, Components]) -> None:
        components = values.get(left.name)
        if components is None or not all(isinstance(index, Index) for index in (*left.indices, *right.indices)):
            return
        order = [left.indices.index(index) for index in right.indices]
        for indices in list(components):
            other = tuple(indices[place] for place in order)
            if other in components and other > indices:
                components[other] = components[indices]


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
        assert isinstance(low, Number) and isinstance(high, Number)
        for value in range(int(low.value), int(high.value) + 1):
            yield from extend(place + 1, {**at, bound.index: value})

    return extend(0, {})


__all__ = ["Components", "Point", "Sampler", "free_components", "itertools"]
