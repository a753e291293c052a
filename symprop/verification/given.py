"""Values that a caller gives to a quantity: arrays, nested lists, or some components."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from symprop.algebra.expressions import free_indices
from symprop.declaration.network import Network
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    ShapeError,
    ValueOutsideDomainError,
    listed,
    nearest,
)
from symprop.verification.arithmetic import Inner, exact_number


def written(name: str, indices: tuple[int, ...]) -> str:
    """Return a component as it is written, ``w[0,1]``."""
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


class Given:
    """A value that a caller gave to a quantity: an array, or some components.

    Attributes
    ----------
    quantity : Quantity
    cells : dict of tuple of int to number, optional
        The components by their indices, if they were given one by one.
    shape : tuple of int, optional
        The shape of the array, of a ragged one the leading regular axes.
    greatest : tuple of int, optional
        The greatest index along each axis among the components.

    Raises
    ------
    DeclarationError
        If the name is unknown, or has a value already.
    IndexNotationError
        If a component has the wrong number of indices.
    ShapeError
        If rows have different lengths and no axis is declared ragged.
    """

    def __init__(self, network: Network, name: str, value: Any) -> None:
        quantity = network.quantities.get(name)
        if quantity is None:
            guess = nearest(name, network.quantities)
            raise DeclarationError(
                f"the network has no quantity '{name}'",
                hint=f"Did you mean '{guess}'?" if guess else f"It has {listed(name, network.quantities)}.",
            )
        if quantity.role == "constant" or (quantity.role == "defined" and name in network.definitions):
            raise DeclarationError(
                f"'{name}' has a value already: it is {'a constant' if quantity.role == 'constant' else 'defined'}",
                hint="Give values to inputs, targets, parameters and hyperparameters only.",
            )
        if value is None:
            hint = f"Give {quantity.access} numbers, or leave it out."
            raise ShapeError(f"{name} has no value: it is None", hint=hint)
        self.quantity = quantity
        self.cells: dict[tuple[int, ...], Any] | None = None
        self.array: Any = None
        self.shape: tuple[int, ...] | None = None
        self.greatest: tuple[int, ...] | None = None
        rank = len(quantity.axes)
        if isinstance(value, Mapping):
            self.cells = {(key if isinstance(key, tuple) else (key,)): each for key, each in value.items()}
            for key in self.cells:
                if not all(hasattr(index, "__index__") for index in key):
                    raise IndexNotationError(
                        f"a component of {name} is given at {key[0] if len(key) == 1 else key!r}, which is no index",
                        hint=f"Write {quantity.access} with integers for its indices.",
                    )
                if len(key) != rank:
                    raise IndexNotationError(
                        f"{written(name, key)} has {len(key)} indices, and {quantity.access} has {rank}"
                    )
            if self.cells:
                self.greatest = tuple(map(max, zip(*self.cells, strict=True)))
        else:
            self.array = value.tolist() if hasattr(value, "tolist") else value
            self.shape = self._shape(self.array)

    def _shape(self, array: Any) -> tuple[int, ...]:
        """Return the shape of nested lists, as far as they are regular."""
        if not isinstance(array, (list, tuple)):
            return ()
        inner = [self._shape(each) for each in array]
        common = inner[0] if inner else ()
        for before, after in pairwise(inner):
            if before != after:
                if not any(free_indices(axis.extent) for axis in self.quantity.axes):
                    raise ShapeError(f"the rows of {self.quantity.name} have different lengths")
                while common != after[: len(common)]:
                    common = common[:-1]
        return (len(array), *common)

    def at(self, indices: tuple[int, ...], first: tuple[int, ...]) -> Inner | None:
        """Return the component at `indices`; `first` are the first values of the axes."""
        if self.cells is not None:
            return self._number(indices, self.cells[indices]) if indices in self.cells else None
        cell = self.array
        for n, lower in zip(indices, first, strict=True):
            if not isinstance(cell, (list, tuple)) or not 0 <= n - lower < len(cell):
                return None
            cell = cell[n - lower]
        return self._number(indices, cell)

    def _number(self, indices: tuple[int, ...], value: Any) -> Inner:
        try:
            return exact_number(value)
        except ValueOutsideDomainError as error:
            raise ValueOutsideDomainError(
                f"the value of {written(self.quantity.name, indices)} cannot be used: {error.message}",
                line=0,  # in no line of the network
                hint='A number, or a text such as "1/3" or "0.1", is exact.',
            ) from None
