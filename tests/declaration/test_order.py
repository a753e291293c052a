"""Groups come after all that they read, and hold exactly what reads each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from symprop.declaration.order import circle_in, groups_in_order

graphs = st.integers(1, 8).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, count - 1), max_size=3, unique=True), min_size=count, max_size=count
    ).map(lambda rows: dict(enumerate(rows)))
)


def reached_from(graph: dict[int, list[int]], node: int) -> set[int]:
    found: set[int] = set()
    waiting = list(graph[node])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(graph[other])
    return found


@given(graphs)
def test_nodes_share_a_group_if_and_only_if_they_reach_each_other(graph: dict[int, list[int]]) -> None:
    groups = groups_in_order(graph)
    assert sorted(node for group in groups for node in group) == sorted(graph)
    group_of = {node: group for group in groups for node in group}
    reach = {node: reached_from(graph, node) for node in graph}
    for one in graph:
        for other in graph:
            together = one == other or (other in reach[one] and one in reach[other])
            assert (group_of[one] is group_of[other]) == together


@given(graphs)
def test_a_group_stands_after_all_that_it_reads(graph: dict[int, list[int]]) -> None:
    seen: set[int] = set()
    for group in groups_in_order(graph):
        seen.update(group)
        assert all(other in seen for node in group for other in graph[node])


@given(graphs)
def test_a_circle_is_named_where_there_is_one(graph: dict[int, list[int]]) -> None:
    for group in groups_in_order(graph):
        circle = circle_in(graph, group)
        assert bool(circle) == (len(group) > 1 or group[0] in graph[group[0]])
        for one, following in zip(circle, [*circle[1:], *circle[:1]], strict=True):
            assert following in graph[one]


def test_where_the_order_is_free_it_is_that_of_the_text() -> None:
    assert groups_in_order({"c": ["a"], "b": [], "a": [], "d": ["given"]}) == (("b",), ("a",), ("c",), ("d",))
