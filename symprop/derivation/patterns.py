"""Recognising the right side of a forward equation inside an expression, and calling it by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    Access,
    Add,
    Call,
    Compare,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    add,
    base_and_exponent,
    factors_of,
    free_indices,
    mul,
    negative,
    power,
    substitute,
    transform,
)
from symprop.declaration.network import Equation

Binding = dict[Index, Expr]


def match(pattern: Expr, expr: Expr, binding: Binding, variables: frozenset[Index]) -> Iterator[Binding]:
    """Yield every way to choose `variables` such that `pattern` becomes `expr`."""
    if isinstance(pattern, Index) and pattern in variables:
        known = binding.get(pattern)
        if known is None:
            yield {**binding, pattern: expr}
        elif known == expr:
            yield binding
        return
    if not (free_indices(pattern) & variables):
        if pattern == expr:
            yield binding
        return
    if type(pattern) is not type(expr):
        return
    if isinstance(pattern, (Add, Mul)):
        yield from _match_in_any_order(pattern.children, expr.children, binding, variables)
        return
    if isinstance(pattern, Reduction) and isinstance(expr, Reduction):
        yield from _match_reduction(pattern, expr, binding, variables)
        return
    if isinstance(pattern, (Call, Compare, Access)) and _head(pattern) != _head(expr):
        return
    yield from _match_in_order(pattern.children, expr.children, binding, variables)


def _head(expr: Expr) -> object:
    if isinstance(expr, Call):
        return expr.function, expr.orders
    if isinstance(expr, Access):
        return expr.name
    return expr.operator if isinstance(expr, Compare) else None


def _match_in_order(
    patterns: tuple[Expr, ...], exprs: tuple[Expr, ...], binding: Binding, variables: frozenset[Index]
) -> Iterator[Binding]:
    if len(patterns) != len(exprs):
        return
    if not patterns:
        yield binding
        return
    for found in match(patterns[0], exprs[0], binding, variables):
        yield from _match_in_order(patterns[1:], exprs[1:], found, variables)


def _match_in_any_order(
    patterns: tuple[Expr, ...], exprs: tuple[Expr, ...], binding: Binding, variables: frozenset[Index]
) -> Iterator[Binding]:
    if len(patterns) != len(exprs):
        return
    if not patterns:
        yield binding
        return
    for place, expr in enumerate(exprs):
        rest = exprs[:place] + exprs[place + 1 :]
        for found in match(patterns[0], expr, binding, variables):
            yield from _match_in_any_order(patterns[1:], rest, found, variables)


def _match_reduction(
    pattern: Reduction, expr: Reduction, binding: Binding, variables: frozenset[Index]
) -> Iterator[Binding]:
    if pattern.kind != expr.kind or len(pattern.bounds) != len(expr.bounds):
        return
    # The pattern's bound indices take the names of the expression's, so that bodies can be compared.
    renamed = {own.index: other.index for own, other in zip(pattern.bounds, expr.bounds, strict=True)}
    found: Iterable[Binding] = (binding,)
    for own, other in zip(pattern.bounds, expr.bounds, strict=True):
        limits = (substitute(own.lower, renamed), substitute(own.upper, renamed))
        found = [
            inner
            for outer in found
            for inner in _match_in_order(limits, (other.lower, other.upper), outer, variables)
        ]
    bound = {other.index for other in expr.bounds}
    for outer in found:
        for inner in match(substitute(pattern.body, renamed), expr.body, outer, variables - bound):
            if not any(free_indices(value) & bound for key, value in inner.items() if key not in bound):
                yield inner


class Names:
    """Forward equations as rewriting rules: ``right side -> name``.

    `equations` should be the few that are near; each is tried at every node.
    """

    def __init__(self, equations: Iterable[Equation]) -> None:
        self.equations = [equation for equation in equations if _is_worth_a_name(equation.expression)]

    def fold(self, expr: Expr) -> Expr:
        """Replace every occurrence of a right side by its name."""
        return transform(expr, self.at_node) if self.equations else expr

    def at_node(self, node: Expr) -> Expr:
        for equation in self.equations:
            node = self.once(equation, node)
        return node

    def once(self, equation: Equation, node: Expr) -> Expr:
        pattern, variables = equation.expression, _variables(equation)
        if type(pattern) is type(node):
            for binding in match(pattern, node, {}, variables):
                if len(binding) == len(variables):
                    return substitute(equation.target, binding)
        if isinstance(pattern, Power) and isinstance(node, Power):
            folded = _fold_power(pattern, node, equation, variables)
            if folded is not None:
                return folded
        if isinstance(node, Mul) and isinstance(pattern, Mul):
            return _fold_factors(pattern, node, equation, variables)
        return node

    def solved(self, expr: Expr) -> Expr:
        """Replace a factor of a right side by the name divided by the other factors.

        With ``h[j] = (x[j] - mu)*r``, ``x[j] - mu`` becomes ``h[j]/r``; with ``mu = sum(j, x[j])/n`` the sum becomes
        ``mu*n``.  Shorter only together with other rules, so it is tried, not always done.
        """
        for equation in self.equations:
            for place, factor in enumerate(factors_of(equation.expression)):
                if isinstance(factor, (Add, Reduction)) and len(factors_of(equation.expression)) > 1:
                    expr = self.solve_for(equation, place, factor, expr)
        return expr

    def solve_for(self, equation: Equation, place: int, factor: Expr, expr: Expr) -> Expr:
        factors = factors_of(equation.expression)
        others = mul(*(factors[:place] + factors[place + 1 :]))
        variables = _variables(equation)
        solution = mul(equation.target, power(others, MINUS_ONE))
        signed = [(ONE, factor)]
        if isinstance(factor, Add):  # mu - x[j] is known as well as x[j] - mu
            signed.append((MINUS_ONE, add(*(negative(term) for term in factor.terms))))

        def rule(node: Expr) -> Expr:
            if type(node) is not type(factor):
                return node
            for sign, form in signed:
                for binding in match(form, node, {}, variables):
                    if len(binding) == len(variables):
                        return mul(sign, substitute(solution, binding))
            return node

        return transform(expr, rule)


def _variables(equation: Equation) -> frozenset[Index]:
    return frozenset(bound.index for bound in equation.bounds)


def _is_worth_a_name(expr: Expr) -> bool:
    """Whether an expression is longer than a name; a bare reading or number is not."""
    if isinstance(expr, (Access, Number, Index)):
        return False
    return not (isinstance(expr, Mul) and all(isinstance(factor, (Access, Number)) for factor in expr.factors))


def _fold_power(
    pattern: Power, node: Power, equation: Equation, variables: frozenset[Index]
) -> Expr | None:
    """With ``r = s**(-1/2)``: ``s**(-3/2)`` is ``r**3``."""
    if not (isinstance(pattern.exponent, Number) and isinstance(node.exponent, Number)):
        return None
    ratio = node.exponent.value / pattern.exponent.value
    if ratio.denominator != 1:
        return None
    for binding in match(pattern.base, node.base, {}, variables):
        if len(binding) == len(variables):
            return power(substitute(equation.target, binding), Number(Fraction(ratio)))
    return None


def _fold_factors(pattern: Mul, node: Mul, equation: Equation, variables: frozenset[Index]) -> Expr:
    """Replace as many whole copies of the pattern's factors as the product holds."""
    coefficient = pattern.factors[0].value if isinstance(pattern.factors[0], Number) else Fraction(1)
    wanted = [base_and_exponent(factor) for factor in pattern.factors if not isinstance(factor, Number)]
    held = [base_and_exponent(factor) for factor in node.factors]
    for binding, places in _assign(wanted, held, {}, variables, ()):
        if len(binding) != len(variables):
            continue
        copies = min(
            (_copies(held[place][1], exponent) for place, (_, exponent) in zip(places, wanted, strict=True)),
            default=0,
        )
        if copies < 1:
            continue
        name = substitute(equation.target, binding)
        left = mul(
            *(
                power(base, exponent - _taken(place, places, wanted, copies))
                for place, (base, exponent) in enumerate(held)
            )
        )
        first = min(places)
        before = mul(*(power(*held[n]) for n in range(first)))
        if isinstance(left, Mul) and first:
            rest = mul(left, power(before, MINUS_ONE))
            return mul(Number(1 / coefficient**copies), before, power(name, Number(Fraction(copies))), rest)
        return mul(Number(1 / coefficient**copies), power(name, Number(Fraction(copies))), left)
    return node


def _copies(held: Expr, wanted: Expr) -> int:
    if isinstance(held, Number) and isinstance(wanted, Number):
        ratio = held.value / wanted.value
        return int(ratio) if ratio >= 1 else 0
    return 1 if held == wanted else 0


def _taken(place: int, places: tuple[int, ...], wanted: list[tuple[Expr, Expr]], copies: int) -> Expr:
    if place not in places:
        return ONE - ONE
    exponent = wanted[places.index(place)][1]
    return mul(Number(Fraction(copies)), exponent)


def _assign(
    wanted: list[tuple[Expr, Expr]],
    held: list[tuple[Expr, Expr]],
    binding: Binding,
    variables: frozenset[Index],
    places: tuple[int, ...],
) -> Iterator[tuple[Binding, tuple[int, ...]]]:
    if not wanted:
        yield binding, places
        return
    base, exponent = wanted[0]
    for place, (other, count) in enumerate(held):
        if place in places or _copies(count, exponent) < 1:
            continue
        for found in match(base, other, binding, variables):
            yield from _assign(wanted[1:], held, found, variables, (*places, place))

