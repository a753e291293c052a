"""What a network assumes of its data, held against the data: a derivation that used a fact is wrong where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symprop.algebra.expressions import Access, Index, Number, Reduction, free_indices
from symprop.declaration.network import Fact, Network
from symprop.declaration.quantity import Quantity
from symprop.errors import ValueOutsideDomainError

if TYPE_CHECKING:
    import numpy as np

# Components that add up in the arithmetic of their precision.
ROUNDING = 1e-4


@dataclass(frozen=True)
class _Total:
    """Components of a given quantity along an axis add up to a number, and may have to be 0 or 1."""

    name: str
    axis: int
    total: float
    onehot: bool
    line: int


def obey(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse data that violate ``assume onehot(k, t[k])`` or ``assume sum(k, t[k]) = 1``.

    Parameters
    ----------
    network : Network
    arrays : mapping of str to array (a list of arrays for a ragged one)
        Inputs and targets, the examples as first axis unless the network has a batch index.

    Raises
    ------
    ValueOutsideDomainError
        With the first example that violates a fact.
    """
    import numpy as np

    for fact in filter(None, (_total(fact, network) for fact in network.facts)):
        if fact.name not in arrays:
            continue
        value = arrays[fact.name]
        # Which axis of the network each one of an array is; None is that of the examples.
        axes = [None if axis.index == network.batch else n for n, axis in enumerate(network.quantities[fact.name].axes)]
        if network.batch is None:
            axes.insert(0, None)
        ragged = _list_axis(network.quantities[fact.name]) if isinstance(value, list) else None
        for number, part in enumerate(value) if ragged is not None else [(0, value)]:
            own = list(axes)
            if ragged is not None:
                own.pop(ragged + (network.batch is None))
            if fact.axis not in own:
                break  # the components that are added up stand in different arrays
            array = np.moveaxis(np.asarray(part), own.index(fact.axis), -1)
            own.remove(fact.axis)
            wrong = np.abs(array.sum(axis=-1) - fact.total) > ROUNDING
            if fact.onehot:
                wrong |= ((array != 0) & (array != 1)).any(axis=-1)
            if not wrong.any():
                continue
            place = tuple(int(position) for position in np.argwhere(wrong)[0])
            example = place[own.index(None)] if None in own else number
            values = ", ".join(f"{value:.4g}" for value in array[place][:6]) + (", ..." if array.shape[-1] > 6 else "")
            stated = "is one-hot" if fact.onehot else f"adds up to {fact.total:g}"
            raise ValueOutsideDomainError(
                f"example {example} (counted from 0) of {fact.name} is [{values}], and the network assumes that "
                f"it {stated}",
                text=network.text or None,
                line=fact.line or None,
                hint="Mend the data, or leave the assumption out.",
            )


def _list_axis(quantity: Quantity) -> int:
    """Return the axis of a ragged quantity that its list of arrays stands for."""
    deciding = {index for axis in quantity.axes for index in free_indices(axis.lower) | free_indices(axis.upper)}
    return next(n for n, axis in enumerate(quantity.axes) if axis.index in deciding)


def _total(fact: Fact, network: Network) -> _Total | None:
    """Return the fact as a total along one whole axis of what is given, or None if it is of another kind."""
    if fact.kind == "onehot" and isinstance(fact.left, Access) and isinstance(fact.right, Index):
        access, index, total = fact.left, fact.right, 1.0
    elif (
        isinstance(fact.left, Reduction)
        and fact.left.kind == "sum"
        and len(fact.left.bounds) == 1
        and isinstance(fact.left.body, Access)
        and isinstance(fact.right, Number)
    ):
        access, index, total = fact.left.body, fact.left.bounds[0].index, float(fact.right.value)
    else:
        return None
    # Only if every index runs over the whole axis does the sum along it say it all.
    if not all(isinstance(each, Index) for each in access.indices) or index not in access.indices:
        return None
    axis = network.quantities[access.name].axes[access.indices.index(index)]
    bounds = (*fact.bounds, *(fact.left.bounds if isinstance(fact.left, Reduction) else ()))
    if any(bound.index == index and (bound.lower, bound.upper) != (axis.lower, axis.upper) for bound in bounds):
        return None
    return _Total(access.name, access.indices.index(index), total, fact.kind == "onehot", fact.line)
