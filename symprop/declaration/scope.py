"""What the names of a text mean, and where a text reads what: shared by all statements of one network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from symprop.algebra.expressions import Bound, Expr, Index, Size, stem_of
from symprop.declaration.network import Function, Network
from symprop.declaration.quantity import Axis
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import Syntax

_WORD = re.compile(r"[^\W\d]\w*")


class Statement(NamedTuple):
    """One statement: where it stands, and what is written."""

    span: Span
    syntax: Syntax
    line: int


class Reading(NamedTuple):
    """One access on a right side (or in a fact): which components it reaches, and where it is written."""

    name: str
    indices: tuple[Expr, ...]
    bounds: tuple[Bound, ...]
    conditions: tuple[Expr, ...]  # of the branches of `where` around it, which may never be evaluated
    span: Span

    @property
    def guarded(self) -> bool:
        """Whether it stands inside a branch of ``where``."""
        return bool(self.conditions)


@dataclass
class Known:
    """What is known of a quantity before its ranges are.

    Attributes
    ----------
    rank : int
        Number of indices.
    written : str
        How it was first written, ``alpha[j,i]``, for messages.
    verb : str
        ``declared``, ``defined`` or ``used``.
    line : int
        Where.
    """

    rank: int
    written: str
    verb: str
    line: int

    def __str__(self) -> str:
        where = f" on line {self.line}" if self.line else ""
        return f"was {self.verb} as {self.written}{where}"


@dataclass
class Scope:
    """The names of a network.

    Attributes
    ----------
    source : Source
    indices : dict of str to Bound
        Range of each index.
    stated : set of str
        The indices whose range is declared, or follows from a declared axis: they may be shifted.
    sizes : dict of str to Expr or None
    defined_sizes : set of str
        The sizes that others define, while that is not read yet.
    default_sizes : set of str
        Those of them that are plain numbers.
    layered : set of str
        The sizes that differ from layer to layer, ``n(l)``.
    functions : dict of str to Function
    occurrences : dict of str to dict of str to int
        How long each function is when written out, and how often its parameters occur.
    quantities : dict of str to Known
    axes : dict of str to tuple of Axis
        Where they are known already.
    constants : dict of str to Fraction
        Values of constants.
    integers : set of str
        Quantities that may stand in an index.
    shifted : int
        How many subscripts so far are more than a name or a number.
    undefined_are_inputs : bool
        In a text without roles every undefined name is an input.
    invented : frozenset of str
        Indices that no text names: letters given to the axes of arrays. Whoever writes one means an index of his own.
    subscripts : frozenset of str
        In claims: names that stand in a subscript somewhere on the line, and are indices in ``[i == j]`` too.
    in_claims : bool
        Whether ``D(U, V)`` is an operator, and indices need no declaration.
    """

    source: Source
    indices: dict[str, Bound] = field(default_factory=dict)
    stated: set[str] = field(default_factory=set)
    sizes: dict[str, Expr | None] = field(default_factory=dict)
    defined_sizes: set[str] = field(default_factory=set)
    default_sizes: set[str] = field(default_factory=set)
    layered: set[str] = field(default_factory=set)
    functions: dict[str, Function] = field(default_factory=dict)
    occurrences: dict[str, dict[str, int]] = field(default_factory=dict)  # see resolve._written_out
    quantities: dict[str, Known] = field(default_factory=dict)
    axes: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    constants: dict[str, Fraction] = field(default_factory=dict)
    integers: set[str] = field(default_factory=set)
    shifted: int = 0
    undefined_are_inputs: bool = False
    invented: frozenset[str] = frozenset()
    subscripts: frozenset[str] = frozenset()
    in_claims: bool = False

    @classmethod
    def of(cls, network: Network, source: Source) -> Scope:
        """Return the scope in which an expression about `network` is read."""
        scope = cls(source, in_claims=True)
        for quantity in network.quantities.values():
            for axis in quantity.axes:
                scope.indices.setdefault(axis.index.name, Bound(axis.index, axis.lower, axis.upper))
            scope.quantities[quantity.name] = Known(len(quantity.axes), str(quantity.access), "declared", quantity.line)
            scope.axes[quantity.name] = quantity.axes
            if quantity.role == "constant" and quantity.value is not None:
                scope.constants[quantity.name] = quantity.value
            if quantity.integer:
                scope.integers.add(quantity.name)
        scope.indices.update({index.name: bound for index, bound in network.indices.items()})
        scope.stated = set(scope.indices)
        if network.text:
            scope.invented = frozenset(scope.indices) - set(_WORD.findall(network.text))
        scope.sizes = dict(network.sizes)
        limits = [(bound.lower, bound.upper) for bound in scope.indices.values()]
        limits += [(axis.lower, axis.upper) for quantity in network.quantities.values() for axis in quantity.axes]
        for lower, upper in limits:
            scope.add_sizes(lower)
            scope.add_sizes(upper)
        scope.functions = dict(network.functions)
        return scope

    def add_sizes(self, limit: Expr) -> None:
        """Note the size names in a limit."""
        from symprop.algebra.expressions import walk

        for node in walk(limit):
            if isinstance(node, Size):
                self.sizes.setdefault(node.name, None)
                if node.arguments:
                    self.layered.add(node.name)

    def range_of(self, name: str) -> Bound | None:
        """Return the range of an index; ``k_1`` has that of ``k``."""
        bound = self.indices.get(name)
        if bound is None:
            index = Index(name)
            stem = self.indices.get(stem_of(index))
            if stem is not None and name not in self.quantities and name not in self.sizes:
                bound = stem._replace(index=index)
        return bound

    def names(self) -> tuple[str, ...]:
        """Return every name that may stand in an expression, for the nearest one."""
        return (*self.quantities, *self.indices, *self.sizes)
