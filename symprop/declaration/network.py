"""A network: a straight line of equations, each defining one new quantity (or some components of one)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symprop.algebra.expressions import (
    Access,
    Bound,
    Call,
    Derivative,
    Expr,
    Index,
    Mul,
    Number,
    Reduction,
    free_indices,
    names_of,
    stem_of,
    walk,
)
from symprop.algebra.optimizers import Optimizer
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Quantity


@dataclass(frozen=True)
class Equation:
    """``target = expression`` for every value of the free indices of `target`.

    Attributes
    ----------
    target : Access
        What is defined. Its indices are either distinct `Index` objects or expressions without index (``u[1]``).
    bounds : tuple of Bound
        The free indices, in the order of the target, with their inclusive limits.
    expression : Expr
        The right side, as written.
    line : int
        Line of the text, counted from 1; 0 if made in Python.
    text : str
        The statement as written.
    """

    target: Access
    bounds: tuple[Bound, ...]
    expression: Expr
    line: int = 0
    text: str = ""

    @property
    def name(self) -> str:
        """Name of the quantity that is defined."""
        return self.target.name


@dataclass(frozen=True)
class Function:
    """``function name(parameters) = body``; without `body` it is any differentiable function.

    The scalars of the network that a body reads are `hidden` parameters, the last ones: a text does not write them
    where it calls the function, but every `Call` carries them, so that nothing is read behind its back.
    """

    name: str
    parameters: tuple[str, ...]
    body: Expr | None  # the parameters stand in it as scalars: Access(parameter, ())
    line: int = 0
    hidden: int = 0


@dataclass(frozen=True)
class Objective:
    """A scalar to be minimised or maximised, and by which parameters (None: all)."""

    name: str
    sense: str  # "minimize" or "maximize"
    over: tuple[str, ...] | None = None
    stated: bool = True  # False: the last scalar, by default


@dataclass(frozen=True)
class Fact:
    """``assume left = right`` for every value of `bounds`; ``assume onehot(k, t[k])`` has kind ``onehot``."""

    kind: str  # "equal" or "onehot"
    left: Expr
    right: Expr
    bounds: tuple[Bound, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Network:
    """A network as declared; every later stage starts from it.

    Attributes
    ----------
    quantities : mapping of str to Quantity
        Every name, in the order of first appearance.
    equations : tuple of Equation
        In an order in which each reads only what stands before it.
    indices : mapping of Index to Bound
        Range of each index name that was declared or used.
    sizes : mapping of str to Expr or None
        Size names in order of appearance; the expression of a size that is defined by others, else None.
    functions : mapping of str to Function
    objectives : tuple of Objective
        Empty if there is no scalar at all.
    facts : tuple of Fact
    predictions : tuple of str
        What ``predict`` names, else empty.
    batch : Index or None
        The index of the examples, if declared; otherwise a network describes one example.
    declares_roles : bool
        Whether any role was declared. If not, every undefined name is an input and may be differentiated by.
    text : str
        The text it was read from.
    derivatives : mapping of str to Derivative
        What the adjoints of a derivation that is a network of its own stand for: ``D(L, w)`` for ``w_bar``.
    optimizer : Optimizer or None
        The one that the text brings, which training uses unless another is asked for.
    """

    quantities: Mapping[str, Quantity]
    equations: tuple[Equation, ...]
    indices: Mapping[Index, Bound] = field(default_factory=dict)
    sizes: Mapping[str, Expr | None] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    facts: tuple[Fact, ...] = ()
    predictions: tuple[str, ...] = ()
    batch: Index | None = None
    declares_roles: bool = False
    text: str = ""
    derivatives: Mapping[str, Derivative] = field(default_factory=dict)
    optimizer: Optimizer | None = None

    @property
    def objective(self) -> Objective | None:
        """The first objective, or None."""
        return self.objectives[0] if self.objectives else None

    @cached_property
    def definitions(self) -> Mapping[str, tuple[Equation, ...]]:
        """The equations of each defined quantity (several if it is defined component by component)."""
        found: dict[str, list[Equation]] = {}
        for equation in self.equations:
            found.setdefault(equation.name, []).append(equation)
        return {name: tuple(equations) for name, equations in found.items()}

    @cached_property
    def notices(self) -> tuple[str, ...]:
        """What is no mistake and yet likely one, a sentence each.

        Target and prediction of a cross entropy that have changed places; a sum of what is the same at every index;
        inputs, targets and parameters that nothing reads.
        """
        read: set[str] = set()
        for equation in self.equations:
            read |= names_of(equation.expression)
        for fact in self.facts:
            read |= names_of(fact.left) | names_of(fact.right)
        idle = (
            f"the {quantity.role} '{quantity.name}' on line {quantity.line} is read by no equation"
            for quantity in self.of_role("input", "target", "parameter")
            if quantity.name not in read and quantity.name not in self.predictions
        )
        return (*self.turned_losses, *self.idle_sums, *self.shadowed, *idle)

    @cached_property
    def idle_sums(self) -> tuple[str, ...]:
        """A sentence for each sum over an index that what is summed does not have: a factor, and mostly a slip."""
        return tuple(
            f"line {equation.line} sums {node.body} over '{bound.index}', which it does not depend on"
            for equation in self.equations
            for node in walk(equation.expression)
            if isinstance(node, Reduction) and node.kind == "sum" and isinstance(node.body, Access)
            for bound in node.bounds
            if bound.index not in free_indices(node.body)
            and not any(bound.index in free_indices(limit) for other in node.bounds for limit in other[1:3])
        )

    @cached_property
    def shadowed(self) -> tuple[str, ...]:
        """A sentence for each ``a[i] = sum(i, ...)``: the sum has an i of its own, so that all components are equal."""
        return tuple(
            f"line {equation.line} defines {equation.target}, which is the same for every '{bound.index}': "
            f"the {node.kind} has a '{bound.index}' of its own"
            for equation in self.equations
            for bound in equation.bounds
            if bound.index not in free_indices(equation.expression)
            for node in walk(equation.expression)
            if isinstance(node, Reduction) and any(stem_of(own.index) == bound.index.name for own in node.bounds)
        )

    @cached_property
    def turned_losses(self) -> tuple[str, ...]:
        """A sentence for each equation that multiplies what is computed by the logarithm of a target.

        That is a cross entropy whose arguments have changed places; at a target of 0 it is not finite.
        """
        found = []
        for equation in self.equations:
            factors = (node.factors for node in walk(equation.expression) if isinstance(node, Mul))
            turned = (pair for each in factors if (pair := self._turned(each)) is not None)
            for target, prediction in turned:
                found.append(
                    f"line {equation.line} takes the logarithm of the target '{target}' and multiplies it by "
                    f"'{prediction}': losses take the target first, then the prediction"
                )
                break
        return tuple(found)

    def _turned(self, factors: tuple[Expr, ...]) -> tuple[str, str] | None:
        """Return a target under a logarithm among `factors`, and what is computed beside it."""
        targets = {quantity.name for quantity in self.of_role("target")}
        for factor in factors:
            names = names_of(factor)
            if not names or not names <= targets or not any(_is_logarithm(node) for node in walk(factor)):
                continue
            for other in factors:
                for name in sorted(names_of(other)):
                    if name in self.definitions:
                        return min(names), name
        return None

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The defined names in an order in which they can be computed; a recurrence's names form one group."""
        reads: dict[str, set[str]] = {}
        for equation in self.equations:
            reads.setdefault(equation.name, set()).update(names_of(equation.expression))
        return groups_in_order(reads)

    def is_recurrent(self, group: tuple[str, ...]) -> bool:
        """Whether the names of a group are defined through each other, or one through itself."""
        (first, *others) = group
        return bool(others) or any(
            first in names_of(equation.expression) for equation in self.definitions.get(first, ())
        )

    def place_of(self, name: str) -> dict[str, Any]:
        """Return where the text first names a quantity, as the exceptions take it; empty if no text does."""
        lines = self.text.splitlines()
        line = self.quantities[name].line
        found = re.search(rf"\b{re.escape(name)}\b", lines[line - 1]) if 0 < line <= len(lines) else None
        if found is None:  # made in Python, or written in another spelling
            return {}
        return {"text": self.text, "line": line, "column": found.start() + 1, "length": len(name)}

    def of_role(self, *roles: str) -> tuple[Quantity, ...]:
        """Return the quantities that have one of `roles`, in order of appearance."""
        return tuple(quantity for quantity in self.quantities.values() if quantity.role in roles)

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is trained: the parameters, or every given name if no role was declared."""
        if not self.declares_roles:
            return tuple(q.name for q in self.of_role("input"))
        return tuple(q.name for q in self.of_role("parameter"))

    def constant_values(self) -> dict[Expr, Expr]:
        """Return the constants as a mapping that `substitute` takes; hyperparameters stay symbols."""
        return {
            quantity.access: Number(quantity.value)
            for quantity in self.of_role("constant")
            if quantity.value is not None
        }


def _is_logarithm(node: Expr) -> bool:
    """Return whether a node is a logarithm of names, also as cross entropies of logits have it."""
    kinds = (isinstance(node, Call) and node.function in ("log", "log2", "log10", "softplus")) or (
        isinstance(node, Reduction) and node.kind == "logsumexp"
    )
    return kinds and bool(names_of(node))
