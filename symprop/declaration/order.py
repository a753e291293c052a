"""The order in which things can be computed: groups that depend on themselves (recurrences) stay together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def groups_in_order(reads: Mapping[Node, Iterable[Node]]) -> tuple[tuple[Node, ...], ...]:
    """Return the nodes of `reads` in groups, each after all that it reads; nodes that read each other share a group.

    Parameters
    ----------
    reads : mapping of node to iterable of node
        What each node reads; nodes that are not keys are given and count for nothing.

    Returns
    -------
    tuple of tuple of node
        Strongly connected components in topological order. Where the order is free it is that of `reads`.
    """
    groups = _components(reads)
    group_of = {node: number for number, group in enumerate(groups) for node in group}
    place = {node: number for number, node in enumerate(reads)}
    needed = [
        {group_of[other] for node in group for other in reads[node] if other in group_of} - {number}
        for number, group in enumerate(groups)
    ]
    users: list[list[int]] = [[] for _ in groups]
    for number, others in enumerate(needed):
        for other in others:
            users[other].append(number)
    waiting = [len(others) for others in needed]
    ready = [(place[groups[number][0]], number) for number, count in enumerate(waiting) if not count]
    heapify(ready)
    found: list[tuple[Node, ...]] = []
    while ready:
        _, number = heappop(ready)
        found.append(groups[number])
        for user in users[number]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, (place[groups[user][0]], user))
    return tuple(found)


def circle_in(reads: Mapping[Node, Iterable[Node]], group: Iterable[Node]) -> list[Node]:
    """Return nodes of a group of `groups_in_order` that each read the next, and the last the first; [] if there are
    none, which is so for a node alone that does not read itself."""
    members = dict.fromkeys(group)
    node = next(iter(members))
    path: list[Node] = []
    seen: dict[Node, int] = {}
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        following = next((other for other in reads[node] if other in members), None)
        if following is None:
            return []
        node = following
    return path[seen[node] :]


def _components(reads: Mapping[Node, Iterable[Node]]) -> list[tuple[Node, ...]]:
    """Return the strongly connected components, the nodes of each in the order of `reads`.

    References
    ----------
    Tarjan, Depth-first search and linear graph algorithms (1972); here without recursion, as depth is unbounded.
    """
    place = {node: number for number, node in enumerate(reads)}
    number: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    stack: list[Node] = []
    on_stack: set[Node] = set()
    groups: list[tuple[Node, ...]] = []

    def neighbours(node: Node) -> list[Node]:
        return [other for other in dict.fromkeys(reads[node]) if other in place]

    for root in reads:
        if root in number:
            continue
        work = [(root, iter(neighbours(root)))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in number:
                    number[other] = lowest[other] = len(number)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(neighbours(other))))
                    break
                if other in on_stack:
                    lowest[node] = min(lowest[node], number[other])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[node])
                if lowest[node] == number[node]:
                    members: list[Node] = []
                    while not members or members[-1] != node:
                        members.append(stack.pop())
                    on_stack.difference_update(members)
                    groups.append(tuple(sorted(members, key=place.__getitem__)))
    return groups
