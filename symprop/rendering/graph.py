"""The computational graph of a network: quantities as nodes, an edge from each one that an equation reads.

=============  ====================  ======================
quantity       Graphviz              Mermaid
=============  ====================  ======================
input          box                   rectangle
target         hexagon               hexagon
parameter      ellipse               stadium
constant       plain text            parallelogram
defined        rounded box           rounded rectangle
objective      rounded box, double   rectangle, double sides
=============  ====================  ======================

An edge within a recurrence that reads another step is dashed, leads back, and carries the indices that are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symprop.algebra.expressions import Access, Expr, Index, free_indices, walk
from symprop.declaration.network import Equation, Network
from symprop.rendering.environment import environment

FORMS = ("dot", "mermaid")

DOT = {
    "input": "shape=box",
    "target": "shape=hexagon",
    "parameter": "shape=ellipse",
    "constant": "shape=plaintext",
    "defined": "shape=box, style=rounded",
    "objective": "shape=box, style=rounded, peripheries=2",
}
MERMAID = {
    "input": ("[", "]"),
    "target": ("{{", "}}"),
    "parameter": ("([", "])"),
    "constant": ("[/", "/]"),
    "defined": ("(", ")"),
    "objective": ("[[", "]]"),
}


@dataclass(frozen=True)
class Node:
    """A quantity.

    Attributes
    ----------
    name : str
    kind : str
        A key of the tables of shapes.
    lines : tuple of str
        What stands in it: the quantity, or the equations that define it.
    """

    name: str
    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Edge:
    """`source` is read by an equation of `target`; `label` has the indices of another step, else it is empty."""

    source: str
    target: str
    label: str = ""


def graph(network: Network) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Return the quantities of `network` and who reads whom, in the order in which they can be computed."""
    read = {name: None for equation in network.equations for name in _names(equation.expression)}
    nodes = [
        Node(name, _kind(network, name), (str(quantity.access), *map(_written, network.definitions.get(name, ()))))
        for name, quantity in network.quantities.items()
        if quantity.role != "defined" and (name in read or quantity.role in ("input", "target", "parameter"))
    ]
    given = {node.name for node in nodes}
    edges: dict[Edge, None] = {}
    for group in network.groups:
        for name in group:
            equations = network.definitions[name]
            if name not in given:  # of an input, equations fix components
                nodes.append(Node(name, _kind(network, name), tuple(map(_written, equations))))
            for equation in equations:
                edges |= dict.fromkeys(_edges(network, equation, group))
    return tuple(nodes), tuple(edges)


def _edges(network: Network, equation: Equation, group: tuple[str, ...]) -> Iterator[Edge]:
    recurrent = network.is_recurrent(group)
    own = dict.fromkeys(index for part in equation.target.indices for index in free_indices(part))
    for node in walk(equation.expression):
        if not isinstance(node, Access) or node.name not in network.quantities:
            continue
        # Within a recurrence, h[t-1] is another step than the one that is defined.
        steps = [str(part) for part in node.indices if not isinstance(part, Index) and set(free_indices(part)) & {*own}]
        back = recurrent and node.name in group and steps
        yield Edge(node.name, equation.name, ", ".join(steps) if back else "")


def _names(expression: Expr) -> Iterator[str]:
    return (node.name for node in walk(expression) if isinstance(node, Access))


def _kind(network: Network, name: str) -> str:
    quantity = network.quantities[name]
    if quantity.role == "defined":
        return "objective" if any(objective.name == name for objective in network.objectives) else "defined"
    return quantity.role if quantity.role in DOT else "constant"


def _written(equation: Equation) -> str:
    return f"{equation.target} = {equation.expression}"


def to_dot(network: Network) -> str:
    """Return the graph in the language of Graphviz."""
    return _render(network, "dot", DOT)


def to_mermaid(network: Network) -> str:
    """Return the graph as a Mermaid flowchart."""
    return _render(network, "mermaid", MERMAID)


def _render(network: Network, form: str, shapes: object) -> str:
    nodes, edges = graph(network)
    numbers = {node.name: number for number, node in enumerate(nodes, start=1)}
    env = environment()
    env.filters.setdefault("dot", _dot)
    env.filters.setdefault("mermaid", _mermaid)
    return env.get_template(f"graph/{form}.jinja").render(nodes=nodes, edges=edges, shapes=shapes, numbers=numbers)


def _dot(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _mermaid(text: str) -> str:
    for character, name in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(character, name)
    return text
