"""What a derivation consists of: adjoints, the terms they are sums of, and the steps that shaped them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from symprop.algebra.expressions import Access, Bound, Expr, Index
from symprop.declaration.network import Equation, Network, Objective


@dataclass(frozen=True)
class Step:
    """One rewriting: the rule in words, and the expression before and after."""

    rule: str
    before: Expr
    after: Expr


@dataclass(frozen=True)
class Term:
    """One path of the chain rule: what one reading of a quantity in one equation adds to its adjoint.

    Attributes
    ----------
    equation : Equation
        The equation that reads the quantity.
    operand : Access
        The reading, in the indices of that equation: ``x[2*p + k]``.
    bounds : tuple of Bound
        Every index of that equation and of the reductions around the reading: the loops of the scatter.
    guard : Expr
        Condition under which the reading happens (inside ``where``); `TRUE` mostly.
    partial : Expr
        The local partial derivative beside the reading, times nothing else: ``w[k]``.
    value : Expr
        Cotangent times partial: the scatter is ``operand_bar += value`` for every value of `bounds`.
    gathered : Expr
        The same sum in the adjoint's own indices: ``sum(p, a_bar[p]*w[m - 2*p])``.
    """

    equation: Equation
    operand: Access
    bounds: tuple[Bound, ...]
    guard: Expr
    partial: Expr
    value: Expr
    gathered: Expr


@dataclass(frozen=True)
class Adjoint:
    """The derivative of the objective by a quantity that is cut loose from its own equation.

    Attributes
    ----------
    of : str
        The quantity.
    access : Access
        The adjoint at its own indices, ``z_bar[j]``. If the objective has free indices they come first.
    bounds : tuple of Bound
        Those indices with their limits.
    terms : tuple of Term
        One per reading; the seed of the objective itself is an adjoint without terms.
    expression : Expr
        Their sum, simplified. Derivatives of functions stand as atoms, ``sigmoid'(a[j])``.
    textbook : Expr
        The same as people write it: ``z[j]*(1 - z[j])`` for the atom, other adjoints by name.
    steps : tuple of Step
        How `textbook` came from the sum of the terms.
    """

    of: str
    access: Access
    bounds: tuple[Bound, ...]
    terms: tuple[Term, ...]
    expression: Expr
    textbook: Expr
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return str(self.textbook)


@dataclass(frozen=True)
class Gradient:
    """The derivative of the objective by a parameter (or any quantity named in ``wrt``), in final form.

    Attributes
    ----------
    name : str
        The quantity.
    indices : tuple of Index
        Its indices, as they stand in `expression`; free indices of a vector objective come first.
    bounds : tuple of Bound
        Those indices with their limits.
    expression : Expr
        Final form: forward names, and adjoints by name (``z_bar``) where inlining would make it longer.
    of : Access, optional
        What is differentiated, if the derivation has several objectives; None means `Derivation.of`.
    """

    name: str
    indices: tuple[Index, ...]
    bounds: tuple[Bound, ...]
    expression: Expr
    of: Access | None = None

    def __str__(self) -> str:
        return str(self.expression)


@dataclass(frozen=True)
class Derivation:
    """The whole backward pass.

    Attributes
    ----------
    network : Network
    of : Access
        What is differentiated.
    objective : Objective or None
        The objective, if `of` is one.
    wrt : tuple of str
        By what.
    adjoints : mapping of str to Adjoint
        By name of the quantity, in the order in which they can be computed (from the objective back).
    gradients : mapping of str to Gradient
        One for each name in `wrt`.
    mode : str
        ``reverse``, or ``forward``: then `adjoints` are tangents, in the order of the equations.
    parts : mapping of str to Derivation
        By name of the objective, if there are several: the derivation of each by the names that it is over, its
        adjoints being those of the whole.
    """

    network: Network
    of: Access
    objective: Objective | None
    wrt: tuple[str, ...]
    adjoints: Mapping[str, Adjoint] = field(default_factory=dict)
    gradients: Mapping[str, Gradient] = field(default_factory=dict)
    mode: str = "reverse"
    parts: Mapping[str, Derivation] = field(default_factory=dict)


def adjoint_name(name: str, taken: Container[str] = ()) -> str:
    """Return the name of the adjoint of a quantity: ``z_bar``, or ``z_bar2`` and so on if that is `taken`."""
    return spare_name(f"{name}_bar", taken)


def tangent_name(name: str, by: str | None = None, taken: Container[str] = ()) -> str:
    """Return the name of the tangent of a quantity: ``z_dot``, or ``z_dot_w`` if it must say by what."""
    return spare_name(f"{name}_dot" if by is None else f"{name}_dot_{by}", taken)


def spare_name(stem: str, taken: Container[str]) -> str:
    """Return `stem`, or with a number, `stem2` and so on, if that is `taken`."""
    if stem not in taken:
        return stem
    return next(name for name in (f"{stem}{count}" for count in range(2, 10**6)) if name not in taken)
