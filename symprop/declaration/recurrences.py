"""Which equations that read each other can be computed all the same: those of a recurrence.

In ``h[t] = tanh(v*h[t-1])`` every value reads an earlier one.  Several equations form a recurrence if there is an axis
for each of their names along which every reading within the group is of an earlier position, or of the same; those of
the same position must not form a circle, or be a recurrence along another axis in turn (layers and time).  Backwards
recurrences are the same with later for earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from symprop.algebra.expressions import ONE, Bound, Expr, Index, free_indices
from symprop.algebra.indices import at_least
from symprop.declaration.order import circle_in, groups_in_order


class Link(NamedTuple):
    """Equation `reader` reads what equation `read` defines.

    Attributes
    ----------
    reader, read : int
        Numbers of the equations.
    name : str
        The quantity that is read.
    indices : tuple of Expr
        Where, in the indices of the reader.
    bounds : tuple of Bound
        Their ranges.
    """

    reader: int
    read: int
    name: str
    indices: tuple[Expr, ...]
    bounds: tuple[Bound, ...]


Target = tuple[str, tuple[Expr, ...]]  # name and indices of what an equation defines


def schedule(targets: Sequence[Target], links: Sequence[Link]) -> tuple[list[int], list[int]]:
    """Return the equations so that each stands after those it needs, in text order where that is free.

    Parameters
    ----------
    targets : sequence of (str, tuple of Expr)
        Name and indices of what each equation defines.
    links : sequence of Link
        Who reads whom.

    Returns
    -------
    tuple of list of int
        The equations of a recurrence stand together, those of one position in their order. The second list names a
        circle that is no recurrence, each equation needing the next and the last the first; [] if there is none.
    """
    return _scheduled(range(len(targets)), links, targets)


def _scheduled(
    equations: Iterable[int], links: Sequence[Link], targets: Sequence[Target]
) -> tuple[list[int], list[int]]:
    reads: dict[int, dict[int, None]] = {equation: {} for equation in equations}
    for link in links:
        reads[link.reader][link.read] = None
    found: list[int] = []
    of_reader: dict[int, list[Link]] = {}  # only where there is a circle at all
    for group in groups_in_order(reads):
        circle = circle_in(reads, group)
        if not circle:
            found.extend(group)
            continue
        if not of_reader:
            for link in links:
                of_reader.setdefault(link.reader, []).append(link)
        members = set(group)
        inside = [link for reader in group for link in of_reader[reader] if link.read in members]
        # Whatever axis does it first: with fewer links nothing gets harder, so no other need be tried.
        rest = next(_along_each_axis(inside, targets), None)
        if rest is None:
            return found, circle
        order, left = _scheduled(group, rest, targets)
        if left:
            return found, left
        found.extend(order)
    return found, []


def _along_each_axis(links: list[Link], targets: Sequence[Target]) -> Iterator[list[Link]]:
    """Yield, for each way to run through the equations, the links within one position; some link is always gone."""
    first = links[0].reader
    for axis in range(len(targets[first][1])):
        for step in (1, -1):
            rest = _within_a_position(links, targets, {targets[first][0]: axis}, step)
            if rest is not None and len(rest) < len(links):
                yield rest


def _within_a_position(
    links: list[Link], targets: Sequence[Target], axes: dict[str, int], step: int
) -> list[Link] | None:
    """Return the links that are not of an earlier position (a later one for ``step = -1``); None if some go against.

    `axes` holds the running axis of one name; those of the others follow from where the running index stands.
    """
    of_reader: dict[str, list[Link]] = {}
    for link in links:
        of_reader.setdefault(targets[link.reader][0], []).append(link)
    rest: list[Link] = []
    waiting = list(axes)
    while waiting:
        name = waiting.pop()
        for link in of_reader.get(name, ()):
            running = targets[link.reader][1][axes[name]]
            if not isinstance(running, Index):
                return None
            found = _match(running, link, axes.get(link.name), step)
            if found is None:
                return None
            if link.name not in axes:
                waiting.append(link.name)
            axes[link.name], relation = found
            if relation == "same":
                rest.append(link)
    return rest


def _match(running: Index, link: Link, axis: int | None, step: int) -> tuple[int, str] | None:
    """Return the axis (that known, if it is) along which a reading keeps up with the running index, and how."""
    places = range(len(link.indices)) if axis is None else (axis,)
    for place in sorted(places, key=lambda place: running not in free_indices(link.indices[place])):
        relation = _relation(running, link.indices[place], link.bounds, step)
        if relation is not None:
            return place, relation
    return None


def _relation(running: Index, index: Expr, bounds: tuple[Bound, ...], step: int) -> str | None:
    """Return whether a reading is ``before`` the running position or at most the ``same``, or None."""
    low, high = (index, running) if step > 0 else (running, index)
    if at_least(high - ONE, low, bounds):
        return "before"
    return "same" if at_least(high, low, bounds) else None
