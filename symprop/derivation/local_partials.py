"""The local partial derivatives of one equation: the chain rule inside a right side.

A right side is pushed through from the outside in: a scalar function contributes its partial, as sympy finds it; a sum
contributes 1 under a fresh bound index; ``max`` and ``min`` let through what owns the extremum; a product contributes
the product of the others (never the quotient by the factor, which may be 0).  What arrives at a reading is its partial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Expr,
    Index,
    Mul,
    Power,
    Reduction,
    Where,
    call,
    compare,
    factors_of,
    free_indices,
    fresh_index,
    iverson,
    junction,
    mul,
    names_of,
    reduce,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS, derivative
from symprop.algebra.indices import at_least, conditions_of, decide, is_integral, isolate, tighten
from symprop.algebra.scalars import opaque_nodes, partial
from symprop.declaration.network import Equation, Network
from symprop.errors import MissingRuleError

# The partials of one equation may have so many nodes together, and so many for each node of its right side: a product
# of a thousand factors has a thousand partials of 999.
LARGEST_PARTIALS = 20_000
LARGEST_GROWTH = 20


@dataclass(frozen=True)
class Reading:
    """One place where an equation reads a quantity, and the local partial derivative there.

    `bounds` are the indices of the equation and of the reductions around the place; `guard` is the condition of the
    ``where`` branches around it.
    """

    operand: Access
    partial: Expr
    bounds: tuple[Bound, ...]
    guard: Expr


def readings(equation: Equation, network: Network) -> tuple[Reading, ...]:
    """Return every reading in the right side of `equation` whose partial is not 0, outermost first.

    Readings of the same components in one scalar expression are one: ``x*x`` reads ``x`` once, with partial ``2*x``.

    Raises
    ------
    MissingRuleError
        If the partials are too long to be written.
    """
    expression, integers = _with_integers_as_indices(expand_functions(equation.expression, network), network)
    most = LARGEST_PARTIALS + LARGEST_GROWTH * sum(1 for _ in walk(expression))
    found: list[Reading] = []
    # Told beforehand: sympy takes minutes for what is refused in the end.
    length = expected_length(expression)
    if length <= most:
        length = 0
        for reading in through(expression, ONE, equation.bounds, TRUE):
            if integers:
                parts = (substitute(part, integers) for part in (reading.partial, reading.guard))
                reading = Reading(reading.operand, next(parts), reading.bounds, next(parts))
            found.append(reading)
            length += sum(1 for _ in walk(reading.partial))
            if length > most:
                break
    if length > most:
        raise MissingRuleError(
            f"the partial derivatives of '{equation.name}' are too long together: more than {most:,} symbols",
            text=network.text or None,
            line=equation.line or None,
            hint="Each repeats almost the whole right side. Give parts of it names by equations of their own, or "
            "write\na product over an index, prod(i, ...).",
        )
    return tuple(found)


def _with_integers_as_indices(expr: Expr, network: Network) -> tuple[Expr, dict[Expr, Expr]]:
    """Return `expr` with integer inputs in exponents as indices, and the way back.

    As for an index, ``w**k[s]`` has the slope 0 where k[s] is 0, also at w = 0, and none by k[s].
    """
    integers = {name for name, quantity in network.quantities.items() if quantity.integer}
    back: dict[Expr, Expr] = {}

    def rule(node: Expr) -> Expr:
        if isinstance(node, Power) and integers & names_of(node.exponent) and names_of(node.exponent) <= integers:
            reads = {inner: Index(str(inner)) for inner in walk(node.exponent) if isinstance(inner, Access)}
            back.update({index: inner for inner, index in reads.items()})
            return Power(node.base, substitute(node.exponent, dict(reads)))
        return node

    return (transform(expr, rule), back) if integers else (expr, back)


def expected_length(expr: Expr) -> int:
    """Return how many symbols the partials of an expression by all that it reads have together, before they are made.

    Equal factors and terms count once, since they become powers and multiples; nothing else is simplified.
    """
    seen: dict[int, tuple[int, int, frozenset[str]]] = {}

    def measured(node: Expr) -> tuple[int, int, frozenset[str]]:
        """Return the length of the partials, the one of the node, and what it reads."""
        known = seen.get(id(node))
        if known is not None:
            return known
        if isinstance(node, Access):
            found = 1, 1, frozenset({str(node)})
        else:
            parts = [measured(child) for child in {id(child): child for child in node.children}.values()]
            length = 1 + sum(part[1] for part in parts)
            reads = frozenset().union(*(part[2] for part in parts))
            partials = sum(part[0] for part in parts)
            if isinstance(node, Mul):
                partials += sum(len(part[2]) * (length - part[1]) for part in parts)
            elif not isinstance(node, Add):
                partials += len(reads) * length
            found = partials, length, reads
        seen[id(node)] = found
        return found

    return measured(expr)[0]


def expand_functions(expr: Expr, network: Network) -> Expr:
    """Return `expr` with the functions that the network defines written out."""
    bodies = {name: function for name, function in network.functions.items() if function.body is not None}
    if not bodies:
        return expr

    def rule(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in bodies:
            function = bodies[node.function]
            body = function.body
            assert body is not None
            parameters = tuple(Access(name, ()) for name in function.parameters)
            for parameter, count in zip(parameters, node.orders, strict=False):
                for _ in range(count):
                    body = partial(expand_functions(body, network), parameter)
            value = substitute(body, dict(zip(parameters, node.arguments, strict=True)))
            return expand_functions(value, network)
        return node

    return transform(expr, rule)


def through(expr: Expr, so_far: Expr, bounds: tuple[Bound, ...], guard: Expr) -> Iterator[Reading]:
    """Push the partial `so_far` through a scalar expression down to what it reads."""
    for node in opaque_nodes(expr):
        slope, condition = _apart_from_conditions(settle(partial(expr, node)), bounds, guard)
        factor = mul(so_far, slope)
        if factor is ZERO:
            continue
        here = junction("and", guard, condition)
        if isinstance(node, Access):
            yield Reading(node, factor, bounds, here)
        else:
            yield from _inside(node, factor, bounds, here)


def _apart_from_conditions(slope: Expr, bounds: tuple[Bound, ...], guard: Expr) -> tuple[Expr, Expr]:
    """Return a partial without the conditions on indices that are its factors, as of ``w**n`` by w, and these.

    What the ranges decide is no condition, and ``n != 0`` for n from 0 on is the limit ``n >= 1``.
    """
    if not any(isinstance(node, Where) for node in walk(slope)):
        return slope, TRUE
    ranges = _narrowed(bounds, guard)
    factors: list[Expr] = []
    conditions: list[Expr] = []
    for factor in factors_of(transform(slope, lambda node: _not_zero(node, ranges))):
        if isinstance(factor, Where) and factor.otherwise is ZERO and not names_of(factor.condition):
            conditions.extend(conditions_of(factor.condition))
            factor = factor.then
        factors.append(factor)
    for _ in conditions[1:]:  # n >= 1 makes n >= 2 of n != 1
        ranges = _narrowed(ranges, junction("and", *conditions))
        conditions = [_not_zero(condition, ranges) for condition in conditions]
    return mul(*factors), junction("and", *conditions)


def _narrowed(bounds: tuple[Bound, ...], condition: Expr) -> tuple[Bound, ...]:
    parts = (_not_zero(part, bounds) for part in conditions_of(condition))
    condition = junction("and", *parts)
    return tuple(tighten(bound, condition, bounds[:place])[0] for place, bound in enumerate(bounds))


def _not_zero(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
    """Return ``e != 0``, an exponent being no 0, as what is left of it over `ranges`: n >= 1, or nothing."""
    if not (isinstance(node, Compare) and node.operator == "!=") or names_of(node):
        return node
    difference = node.left - node.right
    decided = decide(node, ranges)
    if decided is not node or not free_indices(node):
        return decided
    if is_integral(difference) and at_least(difference, ZERO, ranges):
        return isolate(compare(">=", difference, ONE))
    return isolate(node)


def _inside(node: Expr, factor: Expr, bounds: tuple[Bound, ...], guard: Expr) -> Iterator[Reading]:
    """Push a partial into what sympy sees as a symbol: a condition, an extremum or a reduction."""
    if isinstance(node, Where):
        yield from through(node.then, factor, bounds, junction("and", guard, node.condition))
        yield from through(node.otherwise, factor, bounds, junction("and", guard, junction("not", node.condition)))
    elif isinstance(node, Call) and node.function in ("max", "min"):
        for place, argument in enumerate(node.arguments):
            yield from through(argument, mul(factor, iverson(_owns(node, place))), bounds, guard)
    elif isinstance(node, Reduction) and not node.kind.startswith("arg"):
        yield from _into_reduction(node, factor, bounds, guard)


def _into_reduction(node: Reduction, factor: Expr, bounds: tuple[Bound, ...], guard: Expr) -> Iterator[Reading]:
    if node.kind in ("max", "min") and len(node.bounds) > 1:
        # One index at a time: the first of each that attains the extremum, in written order.
        nested = Reduction(node.kind, node.bounds[:1], Reduction(node.kind, node.bounds[1:], node.body))
        yield from _into_reduction(nested, factor, bounds, guard)
        return
    taken = {bound.index for bound in bounds}
    renamed: dict[Expr, Expr] = {}
    fresh: list[Bound] = []
    for bound in node.bounds:
        index = fresh_index(bound.index, taken)
        taken.add(index)
        lower, upper = substitute(bound.lower, renamed), substitute(bound.upper, renamed)
        renamed[bound.index] = index
        fresh.append(Bound(index, lower, upper, bound.written))
    body = substitute(node.body, renamed)
    weight = _weight(node, tuple(fresh), body)
    yield from through(body, mul(factor, weight), (*bounds, *fresh), guard)


def _weight(node: Reduction, fresh: tuple[Bound, ...], body: Expr) -> Expr:
    """Return the partial of a reduction by its body at the bound indices `fresh`."""
    if node.kind == "sum":
        return ONE
    if node.kind == "logsumexp":
        return call("exp", body - node)
    if node.kind == "prod":
        copy, others = _other_copy(node, fresh)
        unequal = [compare("!=", bound.index, outer.index) for bound, outer in zip(copy.bounds, fresh, strict=True)]
        return reduce("prod", copy.bounds, where(junction("or", *unequal), others, ONE))
    (bound,) = fresh
    return iverson(compare("==", bound.index, reduce(f"arg{node.kind}", node.bounds, node.body)))


def _other_copy(node: Reduction, fresh: tuple[Bound, ...]) -> tuple[Reduction, Expr]:
    """Return a product whose bound indices are not those of the loops it stands in, and its body."""
    taken = {bound.index for bound in (*fresh, *node.bounds)} | free_indices(node)  # its body may read loops outside
    renamed: dict[Expr, Expr] = {}
    bounds: list[Bound] = []
    for bound in node.bounds:
        index = fresh_index(bound.index, taken)
        taken.add(index)
        lower, upper = substitute(bound.lower, renamed), substitute(bound.upper, renamed)
        renamed[bound.index] = index
        bounds.append(Bound(index, lower, upper, bound.written))
    body = substitute(node.body, renamed)
    return Reduction(node.kind, tuple(bounds), body), body


def _owns(node: Call, place: int) -> Expr:
    """Return the condition that argument `place` attains the extremum, and none before it does."""
    own = node.arguments[place]
    strict, weak = (">", ">=") if node.function == "max" else ("<", "<=")
    return junction(
        "and",
        *(
            compare(strict if other < place else weak, own, argument)
            for other, argument in enumerate(node.arguments)
            if other != place
        ),
    )


def settle(expr: Expr) -> Expr:
    """Replace derivative atoms whose value is a number, as that of ``floor``; the others stay atoms."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Call) and node.orders and node.function in FUNCTIONS:
            value = derivative(node)
            if not free_indices(value) and not any(isinstance(inner, Access) for inner in walk(value)):
                return value
        return node

    return transform(expr, rule)


def local_partial(equation: Equation, operand: Access, network: Network) -> Expr:
    """Return ``P(target, operand)``: the partial of the right side of `equation` by one component of a quantity.

    The operand's indices are free in the result, or expressions such as numbers.

    Raises
    ------
    MissingRuleError
        If the equation does not read the quantity at all: then nothing can be meant.
    """
    from symprop.derivation.gather import gather

    total: Expr = ZERO
    own = {bound.index for bound in equation.bounds}
    for reading in readings(equation, network):
        if reading.operand.name == operand.name:
            loops = tuple(bound for bound in reading.bounds if bound.index not in own)
            outer = tuple(bound for bound in reading.bounds if bound.index in own)
            total = total + gather(reading.operand, reading.partial, loops, reading.guard, operand.indices, outer)
    # In y = x - x nothing is left of x, but the text names it.
    reads = names_of(equation.expression) | set(re.findall(r"\w+", equation.text.partition("=")[2]))
    if total is ZERO and operand.name not in reads:
        raise MissingRuleError(f"'{equation.name}' does not read '{operand.name}', so it has no partial by it")
    return total
