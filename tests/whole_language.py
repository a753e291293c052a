"""Random small networks over the whole language, written as text.

A network is a chain of pieces, each of which makes a new vector of those before it: dense layers in both notations,
softmax, norms, convolutions with padding, recurrences up and down, triangular sums, extrema, integer inputs,
components, conditions, stopped parts, functions of one's own and functions without a body; on demand two objectives.
`random_networks` has wilder expressions of fewer kinds; here the kinds are many and meet each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st
from random_networks import Example, random_values

from symprop.algebra.expressions import (
    Compare,
    Expr,
    Reduction,
    Where,
    call,
    factors_of,
    free_indices,
    mul,
    scalar,
    walk,
)
from symprop.algebra.indices import conditions_of
from symprop.declaration.network import Function, Network
from symprop.declaration.parser import parse

HEAD = """index j, m = 1..H, q = -1..1, t, s = 1..T
function bend(u, w) = u*sigmoid(w*u)
function g(u)
"""
BATCH = "batch n = 1..N\n"

# {o} is the new vector, {a} and {b} are older ones, {n} is "n," under a batch, {1} is the number of the piece: its
# parameters, which stand first, are its own.
PIECES: tuple[tuple[str, str], ...] = (
    ("W{1}[j,m], b{1}[j]", "{o}[{n}j] = tanh(sum(m, W{1}[j,m]*{a}[{n}m]) + b{1}[j])"),
    ("W{1}[j,m]", "{o}[{n}j] = sum(m, W{1}[m,j]*{a}[{n}m]*{b}[{n}j])"),
    ("", "{o}[{n}j] = softmax(j, {a}[{n}j] + {b}[{n}j])"),
    ("", "{o}[{n}j] = {a}[{n}j]*log_softmax(j, {b}[{n}j])"),
    ("", "{o}[{n}j] = {a}[{n}j] - mean(m, {b}[{n}m])"),
    ("c{1}", "{o}[{n}j] = {a}[{n}j]/sqrt(mean(m, {a}[{n}m]**2) + 1/2) + c{1}"),
    ("W{1}[j,m]", "{o}[{n}j] = max(m, W{1}[j,m]*{a}[{n}m])"),
    ("", "{o}[{n}j] = {a}[{n}j] + logsumexp(m, {a}[{n}m] + {b}[{n}j])"),
    ("", "{o}[{n}j] = {a}[{n}j]*prod(m, 1 + {b}[{n}m]/4)"),
    ("c{1}", "{o}[{n}1] = c{1}*{a}[{n}1]; {o}[{n}j] = tanh({o}[{n}j-1]*{a}[{n}j] + {b}[{n}j]) for j = 2..H"),
    ("c{1}", "{o}[{n}H] = c{1}*{a}[{n}H]; {o}[{n}j] = sin({o}[{n}j+1] + c{1}*{a}[{n}j]) for j = 1..H-1"),
    ("", "{o}[{n}1] = {a}[{n}1]; {o}[{n}j] = {a}[{n}j] + sum(m = 1..j-1, {o}[{n}m])/3 for j = 2..H"),
    ("k{1}[q]", "zero outside {a}[{n}j]; {o}[{n}j] = sum(q, k{1}[q]*{a}[{n}j+q])"),
    ("", "{o}[{n}j] = {a}[{n}H+1-j] + {b}[{n}j]**2"),
    ("W{1}[j,m]", "{o}[{n}j] = sum(m = 1..j, W{1}[j,m]*{a}[{n}m])"),
    ("W{1}[j,m]", "{o}[{n}j] = sum(m = j..H, W{1}[m,j]*{a}[{n}m]) + {b}[{n}j]"),
    ("", "{o}[{n}j] = where(j == 1, {a}[{n}j]*{b}[{n}j], {a}[{n}j])"),
    ("", "{o}[{n}j] = where(j > 1, {a}[{n}j] - {b}[{n}j], cos({a}[{n}j]))"),
    ("", "{o}[{n}j] = where({a}[{n}j] > 1/7, {a}[{n}j], {b}[{n}j]**3)"),
    ("", "{o}[{n}j] = sum(m, [j == m]*{a}[{n}m]*{b}[{n}j]) + sum(m, [m < j]*{a}[{n}m])"),
    ("", "{o}[{n}j] = {a}[{n}pick[{n}j]]*{b}[{n}j]"),
    ("E{1}[j,m]", "{o}[{n}j] = E{1}[pick[{n}j],j]*{a}[{n}j]"),
    ("c{1}", "{o}[{n}j] = bend({a}[{n}j], c{1}) + g({b}[{n}j])"),
    ("", "{o}[{n}j] = g({a}[{n}j])*{b}[{n}j]"),
    ("c{1}", "{o}[{n}j] = max(c{1}*{a}[{n}j], {b}[{n}j]) + leaky_relu({a}[{n}j], slope=1/5)"),
    ("", "{o}[{n}j] = stop({a}[{n}j])*{b}[{n}j] + sin({a}[{n}j])"),
    ("W{1}[j,m]", "{o}[{n}j] = sum(m, softmax(m, stop(W{1}[j,m]*{b}[{n}m]))*W{1}[m,j]*{a}[{n}m])"),
    ("c{1}", "{o}[{n}j] = {a}[{n}j]/(1 + stop(sum(m, {a}[{n}m]**2))) + g(c{1}*stop({b}[{n}j]))"),
    (
        "r{1}",
        "h{1}[{n}0,j] = {a}[{n}j]; h{1}[{n}t,j] = tanh(r{1}*h{1}[{n}t-1,j] + stop(h{1}[{n}t-1,j])*{b}[{n}j]) "
        "for t = 1..T; {o}[{n}j] = h{1}[{n}T,j]",
    ),
    (
        "R{1}[j,m]",
        "h{1}[{n}0,j] = {b}[{n}j]; h{1}[{n}t,j] = tanh(sum(m, R{1}[j,m]*h{1}[{n}t-1,m]) + {a}[{n}j]) for t = 1..T; "
        "{o}[{n}j] = h{1}[{n}T,j]",
    ),
    (
        "r{1}[t]",
        "h{1}[{n}T+1,j] = 0; h{1}[{n}t,j] = softplus(r{1}[t]*h{1}[{n}t+1,j] + {a}[{n}j]) for t = 1..T; "
        "{o}[{n}j] = sum(t, r{1}[t]*h{1}[{n}t,j])",
    ),
    (
        "v{1}[t]",
        "h{1}[{n}t,j] = {a}[{n}j]*v{1}[t]; "
        "{o}[{n}j] = sum(t, sum(s = 1..t, softmax(s = 1..t, h{1}[{n}t,j]*h{1}[{n}s,j])*h{1}[{n}s,j]))",
    ),
)
# These speak of whole arrays or of all examples.
MATRICES: tuple[tuple[str, str], ...] = (
    ("A{1}: (H, H)", "{o} = tanh(A{1} @ {a} + {b})"),
    ("A{1}: (H, H)", "{o} = A{1}.T @ ({a} * {b})"),
    ("", "{o} = softmax({a}) - {b}*norm({a})**2"),
    ("", "{o} = ({a}.T @ {b})*{a}"),
    ("A{1}: (H, H)", "{o} = stop(A{1} @ {a})*{b} + {a}"),
)
EXAMPLES: tuple[tuple[str, str], ...] = (
    ("", "{o}[n,j] = {a}[n,j] - mean(n, {b}[n,j])"),
    ("c{1}[j]", "{o}[n,j] = c{1}[j]*{a}[n,j]/sqrt(mean(n, {a}[n,j]**2) + 1/2)"),
)
ENDS = (
    "L = sum(j, {a}[{n}j]**2)/2",
    "L = half_squared_error(1/3, sum(j, {a}[{n}j]*{b}[{n}j]))",
    "L = max(j, {a}[{n}j]) + sum(j, sin({b}[{n}j]))",
    "L = cross_entropy(j, softmax(j, {b}[{n}j]), softmax(j, {a}[{n}j]))",
    "L = binary_cross_entropy(1/4, sigmoid(sum(j, {a}[{n}j])))",
    "L = logsumexp(j, {a}[{n}j]*{b}[{n}j])",
)


@dataclass(frozen=True, repr=False)
class Written(Example):
    """A network as text, with sizes and values; `derived` is the same with functions that have no body."""

    text: str = ""
    derived: Network | None = None

    def __repr__(self) -> str:
        return f"{self.text}\nsizes {self.sizes}"


@st.composite
def written(draw: st.DrawFn, most: int = 4, rivals: bool = False) -> Written:
    """Return a network of up to `most` pieces; `rivals` have two objectives, each over parameters of its own."""
    batch = draw(st.integers(0, 3)) == 0
    n = "n," if batch else ""
    pieces = PIECES + (EXAMPLES if batch else MATRICES)
    vectors = ["x"]
    parameters: list[str] = []
    lines: list[str] = []
    for count in range(1, draw(st.integers(1, most)) + 1):
        declared, text = draw(st.sampled_from(pieces))
        put = {"o": f"z{count}", "a": vectors[-1], "b": draw(st.sampled_from(vectors)), "n": n, "1": str(count)}
        parameters += [_filled(declared, put)] if declared else []
        lines.append(_filled(text, put))
        vectors.append(put["o"])
    put = {"a": vectors[-1], "b": draw(st.sampled_from(vectors)), "n": n}
    end = _filled(draw(st.sampled_from(ENDS)), put)
    lines.append(end.replace("L = ", "L = mean(n, ", 1) + ")" if batch else end)
    axes = "n,j" if batch else "j"
    head = (BATCH if batch else "") + HEAD
    scalars = ["scale", "shift"] if rivals else ["scale"]
    given = f"input x[{axes}]\ninteger pick[{axes}] in 1..H\nparameter {', '.join(scalars + parameters)}\n"
    lines[-1] += " + scale**2*scale"
    goal = "minimize L"
    if rivals:
        names = [name for declared in parameters for name in _names(declared)]
        share = draw(st.integers(0, len(names)))
        rival = _filled(draw(st.sampled_from(ENDS)), put).replace("L = ", "K = mean(n, " if batch else "K = ", 1)
        lines.append(rival + (")" if batch else "") + " + shift**2*scale")
        own, others = ("scale", *names[:share]), ("shift", *names[share:])
        goal = f"minimize L over {', '.join(own)}\nmaximize K over {', '.join(others)}"
    text = head + given + "\n".join(lines) + f"\n{goal}"
    sizes = draw(st.sampled_from(({"H": 2, "T": 3}, {"H": 3, "T": 1}, {"H": 2, "T": 2}))) | ({"N": 2} if batch else {})
    network = parse(text)
    sizes = {name: sizes[name] for name in network.sizes if name in sizes}
    bodies = dict(network.functions)
    if "g" in bodies:
        bodies["g"] = Function("g", ("u",), mul(scalar("u"), call("sin", scalar("u"))))
    seed = draw(st.integers(0, 10**6))
    values = random_values(network, sizes, seed)
    for place, point in enumerate(values["pick"]):
        values["pick"][point] = Fraction(1 + (seed + place) % sizes["H"])
    return Written(replace(network, functions=bodies), sizes, values, text, network)


def _names(declared: str) -> list[str]:
    """Return the names in ``W1[j,m], b1[j]`` or ``A1: (H, H)``."""
    return re.findall(r"\w+", re.sub(r"\[.*?\]|: \(.*?\)", "", declared))


def _filled(text: str, put: dict[str, str]) -> str:
    for name, value in put.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def leftover_delta(expr: Expr) -> Expr | None:
    """Return a sum that a delta inside it should have ended: ``sum(j, [j == k]*a[j])``; None if there is none."""
    for node in walk(expr):
        if isinstance(node, Reduction) and node.kind == "sum":
            bound = {b.index for b in node.bounds}
            for factor in factors_of(node.body):
                conditions = conditions_of(factor.condition) if isinstance(factor, Where) else ()
                for part in conditions:
                    if isinstance(part, Compare) and part.operator == "==":
                        for one, other in ((part.left, part.right), (part.right, part.left)):
                            if one in bound and one not in free_indices(other):
                                return node
    return None
