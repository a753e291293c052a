"""Names that a person gives to parts of right sides: ``b = sum(i, w[i]*x[i]) + w0`` where a network has it unnamed.

A derivative by such a name, ``dL/db``, is one of the network in which the part has an equation of its own and is read
by its name.  That network computes the same, and is judged in its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from symprop.algebra.expressions import (
    Access,
    Add,
    Bound,
    Derivative,
    Expr,
    Index,
    Mul,
    add,
    mul,
    names_of,
    negative,
    walk,
)
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Quantity
from symprop.derivation.patterns import Names, Rewriting, rewriting, transform_within
from symprop.verification.claims import Claim

# Choices of terms of a longer sum, or factors of a longer product, that are tried.
MOST_CHOICES = 200


def named_parts(text: str, claims: Iterable[Claim], network: Network) -> tuple[Network, dict[str, Equation]]:
    """Return the network with the parts that a text names, and their equations, if it has derivatives of or by one.

    A part is a definition of the text in forward values alone.  If nothing in the network reads it, its equation
    stands there all the same: it has derivatives, but none is taken by it.
    """
    definitions = [(claim, claim.equation) for claim in claims if claim.kind == "definition" and claim.equation]
    times = Counter(equation.name for _, equation in definitions)
    parts: dict[str, Equation] = {}
    if not any(_is_differentiated(name, text) for name in times):
        return network, parts
    for claim, equation in definitions:
        is_whole = times[equation.name] == 1 and all(isinstance(index, Index) for index in equation.target.indices)
        if is_whole and not claim.free_scalars and _is_forward(equation.expression, network):
            parts[equation.name] = equation
            network = _with_part(network, equation, Quantity(equation.name, "defined", claim.axes))
    return network, parts


def _is_forward(expr: Expr, network: Network) -> bool:
    names = names_of(expr)
    return bool(names) and names <= network.quantities.keys() and not any(isinstance(n, Derivative) for n in walk(expr))


def _is_differentiated(name: str, text: str) -> bool:
    """Return whether a text has a derivative of or by a name, in any of its spellings."""
    word = re.escape(name)
    spelled = rf"(?:[d∂]|\\partial)[\s{{\\]*{word}(?![A-Za-z0-9])|\b{word}_bar\b|\\bar[\s{{\\]*{word}(?![A-Za-z0-9])"
    return re.search(rf"{spelled}|\b[DP]\s*\([^()]*(?<!\w){word}(?!\w)", text) is not None


def _with_part(network: Network, part: Equation, quantity: Quantity) -> Network:
    """Return the network with an equation for a part, before the first that reads it by its name."""
    needed = names_of(part.expression)
    places = [place for place, equation in enumerate(network.equations) if equation.name in needed]
    first = max(places, default=-1) + 1
    read = tuple(replace(equation, expression=_reading(part, equation)) for equation in network.equations)
    changed = [n for n, (old, new) in enumerate(zip(network.equations, read, strict=True)) if old != new]
    # A part of a recurrence is one of its equations; what computes what a part reads keeps it otherwise.
    recurrent = {name for group in network.groups if network.is_recurrent(group) for name in group}
    early = [place for place in changed if place < first]
    if early and all(network.equations[place].name in recurrent for place in early):
        first = early[0]
    equations = (*network.equations[:first], part, *read[first:])
    return replace(network, quantities={**network.quantities, part.name: quantity}, equations=equations)


def other_readers(network: Network, part: Equation) -> tuple[str, ...]:
    """Return what else is computed from all that a part reads, once the part stands by its name where it was seen.

    There the part may stand in another form, ``2*w0 + 2*v`` for ``w0 + v``: what a derivative by it means is then open.
    """
    needed = names_of(part.expression)
    return tuple(
        dict.fromkeys(
            equation.name
            for equation in network.equations
            if equation.name != part.name and needed <= names_of(equation.expression)
        )
    )


def _reading(part: Equation, equation: Equation) -> Expr:
    """Return the right side of an equation with a part by its name, wherever it is seen."""
    expression = Names((part,)).fold(equation.expression, equation.bounds)
    rules = (
        rewriting(part.expression, part.target, part.bounds),
        rewriting(_turned(part.expression), negative(part.target), part.bounds),
    )

    def at_node(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        for rule in rules:
            while (found := _called(rule, node, ranges)) is not None and found is not node:
                node = found
        return node

    return transform_within(expression, equation.bounds, at_node)


def _turned(expr: Expr) -> Expr:
    """Return the negative of an expression as it is written: ``y - t`` for ``t - y``."""
    return add(*map(negative, expr.terms)) if isinstance(expr, Add) else negative(expr)


def _called(rule: Rewriting, node: Expr, ranges: tuple[Bound, ...]) -> Expr | None:
    """Return a node that is the part, or a sum or product of it and others, by its name; None if it is neither."""
    pattern = rule.pattern
    if type(node) is not type(pattern) or (isinstance(node, Access) and node.name != getattr(pattern, "name", None)):
        return None
    for binding in rule.bindings(pattern, node, ranges):
        return rule.at(rule.result, binding)
    joined = add if isinstance(node, Add) else mul if isinstance(node, Mul) else None
    if joined is None or len(node.children) <= len(pattern.children):
        return None
    for tried, chosen in enumerate(combinations(range(len(node.children)), len(pattern.children))):
        if tried >= MOST_CHOICES:
            return None
        some = joined(*(node.children[place] for place in chosen))
        for binding in rule.bindings(pattern, some, ranges):
            rest = (child for place, child in enumerate(node.children) if place not in chosen)
            return joined(rule.at(rule.result, binding), *rest)
    return None
