"""The order in which quantities can be computed: groups that depend on themselves (recurrences) stay together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def groups_in_order(reads: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the names of `reads` in groups, each after all that it reads; names that read each other share a group.

    Parameters
    ----------
    reads : mapping of str to iterable of str
        What each defined name reads; names that are not keys are given and count for nothing.

    Returns
    -------
    tuple of tuple of str
        Strongly connected components in topological order. Where the order is free it is that of `reads`.

    References
    ----------
    Tarjan, Depth-first search and linear graph algorithms (1972); here without recursion, as depth is unbounded.
    """
    place = {name: number for number, name in enumerate(reads)}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    groups: list[tuple[str, ...]] = []

    def neighbours(name: str) -> list[str]:
        return sorted({other for other in reads[name] if other in place}, key=place.__getitem__)

    for root in reads:
        if root in number:
            continue
        work = [(root, iter(neighbours(root)))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, rest = work[-1]
            for other in rest:
                if other not in number:
                    number[other] = lowest[other] = len(number)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(neighbours(other))))
                    break
                if other in on_stack:
                    lowest[name] = min(lowest[name], number[other])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
                if lowest[name] == number[name]:
                    start = stack.index(name)
                    members = stack[start:]
                    del stack[start:]
                    on_stack.difference_update(members)
                    groups.append(tuple(sorted(members, key=place.__getitem__)))
    return tuple(groups)
