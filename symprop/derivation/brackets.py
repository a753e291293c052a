"""Rules for conditions: what ranges and declared domains decide, and what brackets say together.

Each is a rule of `simplify.RULES`.  A bracket is ``where(condition, then, 0)``; ``[condition]`` has ``then = 1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Compare,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    coefficient_and_rest,
    compare,
    factors_of,
    free_indices,
    mul,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.indices import conditions_of, decide, normal
from symprop.declaration.quantity import Quantity
from symprop.derivation.gather import may_leave_a_loop, sum_over
from symprop.derivation.patterns import transform_within

if TYPE_CHECKING:
    from symprop.derivation.simplify import Context


def is_bracket(node: Expr) -> bool:
    """Whether a node is 0 where its condition does not hold."""
    return isinstance(node, Where) and node.otherwise is ZERO


def decided(expr: Expr, context: Context) -> Expr:
    """Decide conditions by the ranges of indices and the declared domains of integers: ``0 <= label <= K - 1``."""
    if not any(isinstance(node, Where) for node in walk(expr)):
        return expr
    quantities = context.network.quantities

    def rule(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        if not isinstance(node, Where):
            return node
        condition = at_the_ends(decide_in_domains(node.condition, ranges, quantities), ranges)
        return node if condition is node.condition else where(condition, node.then, node.otherwise)

    return transform_within(expr, context.bounds, rule)


def decide_in_domains(condition: Expr, ranges: tuple[Bound, ...], quantities: Mapping[str, Quantity]) -> Expr:
    """Return a condition decided over `ranges`, and over the domains ``integer label in 0..K-1`` of what it reads."""
    stands_for: dict[Expr, Expr] = {}
    bounds: list[Bound] = []
    for node in walk(condition):
        quantity = quantities.get(node.name) if isinstance(node, Access) else None
        if quantity is None or not quantity.integer or quantity.domain is None or node in stands_for:
            continue
        lower, upper = quantity.domain.lower, quantity.domain.upper
        if lower is not None and upper is not None:
            index = Index(f"?{len(bounds)}")
            stands_for[node] = index
            bounds.append(Bound(index, lower, upper))
    if not bounds:
        return decide(condition, ranges)
    found = decide(substitute(condition, stands_for), (*bounds, *ranges))
    return substitute(found, {index: access for access, index in stands_for.items()})


def at_the_ends(condition: Expr, ranges: tuple[Bound, ...]) -> Expr:
    """Return ``k == 1`` for ``k <= 1`` where k begins at 1, and likewise at the end of a range."""
    ends = {bound.index: bound for bound in ranges}

    def rule(node: Expr) -> Expr:
        if isinstance(node, Compare) and isinstance(node.left, Index) and node.left in ends:
            bound = ends[node.left]
            end = {"<=": bound.lower, ">=": bound.upper}.get(node.operator)
            if end is not None and normal(node.right - end) is ZERO:
                return compare("==", node.left, node.right)
        return node

    return transform(condition, rule)


def joined(expr: Expr, context: Context) -> Expr:
    """Write terms under one condition as one term: ``where(c, a, 0) + where(c, b, 0)`` is ``where(c, a + b, 0)``."""

    def rule(node: Expr) -> Expr:
        if not isinstance(node, Add):
            return node
        found: dict[Expr, Expr] = {}
        for term in node.terms:
            coefficient, rest = coefficient_and_rest(term)
            key = rest.condition if isinstance(rest, Where) and abs(coefficient) == 1 else term
            if isinstance(rest, Where) and key is not term:
                sign = Number(coefficient)
                term = where(rest.condition, mul(sign, rest.then), mul(sign, rest.otherwise))
                before = found.get(key)
                if isinstance(before, Where) and isinstance(term, Where):
                    term = where(key, add(before.then, term.then), add(before.otherwise, term.otherwise))
            found[key] = term
        return node if len(found) == len(node.terms) else add(*found.values())

    return transform(expr, rule)


def numbers_out(expr: Expr, context: Context) -> Expr:
    """Write a number in front of a bracket: ``-[k == label]`` for ``where(k == label, -1, 0)``."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Where) and node.otherwise is ZERO and isinstance(node.then, Number):
            return mul(node.then, where(node.condition, ONE, ZERO))
        return node

    return transform(expr, rule)


def factors_out(expr: Expr, context: Context) -> Expr:
    """Write what neither a condition nor the sum over it concerns in front of the sum: ``sum(s, [v == word[s]])*h[d]``
    for ``sum(s, where(v == word[s], h[d], 0))``."""

    def rule(node: Expr) -> Expr:
        if not (isinstance(node, Reduction) and node.kind == "sum"):
            return node
        for bracket in factors_of(node.body):
            if not (isinstance(bracket, Where) and is_bracket(bracket)):
                continue
            concerned = free_indices(bracket.condition).union(bound.index for bound in node.bounds)
            inside = factors_of(bracket.then)
            leaving = [f for f in inside if not free_indices(f) & concerned and _has_a_value(f)]
            if any(not isinstance(factor, (Number, Power)) for factor in leaving):
                rest = where(bracket.condition, mul(*(f for f in inside if f not in leaving)), ZERO)
                others = [factor for factor in factors_of(node.body) if factor is not bracket]
                return mul(*leaving, sum_over(node.bounds, mul(*others, rest)))
        return node

    return transform(expr, rule)


def _has_a_value(factor: Expr) -> bool:
    return _is_defined_everywhere(factor) or (isinstance(factor, Power) and isinstance(factor.base, Size))


def equation_used(expr: Expr, context: Context) -> Expr:
    """Use the equation in a bracket on the factors beside it: ``p[k]*where(k == c, -1/p[c], 0)`` is ``-[k == c]``."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            for place, bracket in enumerate(node.factors):
                if isinstance(bracket, Where) and is_bracket(bracket):
                    others = node.factors[:place] + node.factors[place + 1 :]
                    inside = bracket.then
                    for part in conditions_of(bracket.condition):
                        if isinstance(part, Compare) and part.operator == "==" and isinstance(part.left, Index):
                            inside = _read_at(inside, part.right, part.left)
                    met, apart = _meeting(inside, others)
                    if met is not None:
                        return mul(*apart, where(bracket.condition, met, ZERO))
        return node

    return transform(expr, rule)


def _read_at(expr: Expr, value: Expr, index: Index) -> Expr:
    return substitute(expr, {value: index}) if isinstance(value, Access) else expr


def _meeting(inside: Expr, others: tuple[Expr, ...]) -> tuple[Expr | None, tuple[Expr, ...]]:
    """Return `inside` times those factors that meet their inverse there, None if none does, and the other factors."""
    below = [factor.base for factor in factors_of(inside) if isinstance(factor, Power) and _is_inverse(factor)]
    meeting = tuple(factor for factor in others if factor in below)
    apart = tuple(factor for factor in others if factor not in below)
    return (mul(inside, *meeting), apart) if meeting else (None, others)


def _is_inverse(factor: Power) -> bool:
    return isinstance(factor.exponent, Number) and factor.exponent.value < 0


def zero_anyway(expr: Expr, context: Context) -> Expr:
    """Leave out a condition outside which a factor is 0 by its own definition, as those of a causal softmax."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Where) and node.otherwise is ZERO and _is_defined_everywhere(node.then):
            for factor in factors_of(node.then):
                if isinstance(factor, Access) and _own_condition(factor, context) == node.condition:
                    return node.then
        return node

    return transform(expr, rule)


def _own_condition(access: Access, context: Context) -> Expr | None:
    """Return the condition outside which a quantity is defined to be 0, at the indices where it is read."""
    equations = context.network.definitions.get(access.name, ())
    if len(equations) != 1 or not is_bracket(equations[0].expression):
        return None
    (equation,) = equations
    assert isinstance(equation.expression, Where)
    if not all(isinstance(index, Index) for index in equation.target.indices):
        return None
    return substitute(equation.expression.condition, dict(zip(equation.target.indices, access.indices, strict=True)))


def _is_defined_everywhere(expr: Expr) -> bool:
    """Whether an expression has a value for all indices in their ranges: sums and products of plain readings."""
    return may_leave_a_loop(expr) and all(
        isinstance(node, (Access, Add, Index, Mul, Number, Size))
        or (isinstance(node, Power) and isinstance(node.exponent, Number) and node.exponent.value > 0)
        or (isinstance(node, Reduction) and node.kind == "sum")
        for node in walk(expr)
    )
