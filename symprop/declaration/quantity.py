"""A quantity: a name, its role, its axes and what is known of its values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from symprop.algebra.expressions import ONE, Access, Expr, Index

ROLES = ("input", "target", "parameter", "constant", "hyperparameter", "defined")


@dataclass(frozen=True)
class Axis:
    """One axis of a quantity: the index name it is printed with, and its inclusive limits.

    Array position 0 is `lower`; the extent is ``upper - lower + 1``.
    """

    index: Index
    lower: Expr
    upper: Expr

    @property
    def extent(self) -> Expr:
        """The number of values, dimensionless."""
        return self.upper - self.lower + ONE


@dataclass(frozen=True)
class Domain:
    """Where the values of a quantity lie: an interval (open or closed at each end) or a finite set."""

    lower: Expr | None = None
    upper: Expr | None = None
    lower_open: bool = False
    upper_open: bool = False
    members: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A named array or scalar of a network.

    Attributes
    ----------
    name : str
        The name in the text.
    role : str
        One of `ROLES`; ``defined`` means that equations define it.
    axes : tuple of Axis
        One per index; a scalar has none.
    value : Fraction, optional
        Value of a constant, default of a hyperparameter; dimensionless.
    domain : Domain, optional
        Declared domain of every component.
    integer : bool
        Whether it may stand inside an index.
    zero_outside : bool
        Whether reading outside the axes gives 0 (padding) instead of being an error.
    line : int
        Line of the text that declares it or uses it first, counted from 1; 0 if it comes from Python.
    """

    name: str
    role: str
    axes: tuple[Axis, ...] = ()
    value: Fraction | None = None
    domain: Domain | None = None
    integer: bool = False
    zero_outside: bool = False
    line: int = 0

    @property
    def access(self) -> Access:
        """The quantity read at its own axis indices, as it is printed: ``alpha[j, i]``."""
        return Access(self.name, tuple(axis.index for axis in self.axes))

    @property
    def is_given(self) -> bool:
        """Whether its values come from outside: an input, a target or a parameter."""
        return self.role in ("input", "target", "parameter")
