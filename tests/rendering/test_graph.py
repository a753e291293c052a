"""The computational graph is valid text for Graphviz and Mermaid, and has the edges of the equations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lark import Lark, Tree

from symprop.declaration.parser import parse
from symprop.errors import OptionError
from symprop.pipeline import graph, read
from symprop.rendering.graph import to_dot, to_mermaid

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.net"))

# The part of the language of Graphviz that a digraph of quoted names needs.
DOT = Lark(
    r"""
    start: "digraph" NAME "{" statement* "}"
    statement: assignment ";" | "node" attributes ";" | QUOTED attributes ";" | QUOTED "->" QUOTED attributes? ";"
    assignment: NAME "=" (NAME | QUOTED | NUMBER)
    attributes: "[" assignment ("," assignment)* "]"
    NAME: /[A-Za-z_]\w*/
    NUMBER: /\d+/
    QUOTED: /"(\\.|[^"\\\n])*"/
    %ignore /\s+/
    """,
    parser="lalr",
)
MERMAID = re.compile(
    r"flowchart LR\n( {2}n\d+(\[|\{\{|\(\[|\[/|\(|\[\[)\"[^\"\n]+\"(\]|\}\}|\]\)|/\]|\)|\]\])\n)+"
    r"( {2}n\d+ (-->|-\. \"[^\"\n]+\" \.->) n\d+\n)*"
)

RECURRENT = """
index t = 1..T
input x[t]
target y
parameter u, v
h[0] = 0
h[t] = tanh(u*h[t-1] + v*x[t]) for t = 1..T
L = (h[T] - y)**2
"""


def parsed(text: str) -> tuple[dict[str, str], set[tuple[str, str, str]]]:
    """The attributes of each node, and the edges with their labels, of a text in the language of Graphviz."""
    nodes, edges = {}, set()
    for statement in DOT.parse(text).children:
        assert not isinstance(statement, str) or statement == "network"
        if isinstance(statement, Tree):
            names = [part.strip('"') for part in statement.children if not isinstance(part, Tree)]
            pairs = [part.children for node in statement.find_data("attributes") for part in node.children]
            given = {str(name): str(value).strip('"') for name, value in pairs}  # type: ignore[misc]
            if len(names) == 2:
                edges.add((names[0], names[1], given.get("label", "")))
            elif names:
                nodes[names[0]] = given["shape"]
    return nodes, edges


def test_an_edge_leads_from_each_quantity_that_an_equation_reads() -> None:
    text = "input x; target t; parameter w, b; constant c = 2; z = w*x + b; y = tanh(z)*c; L = (y - t)**2"
    nodes, edges = parsed(to_dot(parse(text)))
    assert nodes == {
        "x": "box", "t": "hexagon", "w": "ellipse", "b": "ellipse", "c": "plaintext",
        "z": "box", "y": "box", "L": "box",
    }  # fmt: skip
    pairs = ["wz", "xz", "bz", "zy", "cy", "yL", "tL"]
    assert edges == {(source, target, "") for source, target in pairs}


def test_a_recurrence_is_an_edge_that_says_which_step_it_reads() -> None:
    _, edges = parsed(to_dot(parse(RECURRENT)))
    assert ("h", "h", "t - 1") in edges
    assert {edge for edge in edges if edge[2]} == {("h", "h", "t - 1")}
    assert {(source, target) for source, target, _ in edges} == {
        ("u", "h"), ("v", "h"), ("x", "h"), ("h", "h"), ("h", "L"), ("y", "L")
    }  # fmt: skip


def test_a_component_that_is_fixed_stands_in_its_input() -> None:
    text = to_dot(parse("index i = 0..2; input x[i]; parameter w[i]; x[0] = 1; y = sum(i, w[i]*x[i])"))
    assert r'"x" [label="x[i]\nx[0] = 1", shape=box];' in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_graph_of_every_example_can_be_read(path: Path) -> None:
    net = read(path)
    nodes, edges = parsed(to_dot(net))
    assert {name for edge in edges for name in edge[:2]} <= set(nodes)
    assert set(net.definitions) <= set(nodes)
    assert MERMAID.fullmatch(to_mermaid(net))


def test_signs_that_mean_something_elsewhere_are_escaped() -> None:
    net = parse("input x; y = where(x < 2, x, 0)")
    parsed(to_dot(net))
    assert "x #lt; 2" in to_mermaid(net)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(OptionError, match="one of dot, mermaid"):
        graph("y = x", form="svg")
