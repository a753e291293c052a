"""From scatter to gather: the sum over all loops that hit one component.

A reading ``u[f(y)]`` with partial c(y) contributes ``u_bar[f(y)] += c(y)`` for all y (scatter).  `gather` writes the
same as a formula for one component m: the sum of c(y) over the y that solve ``f(y) = m``.  It solves by integer
elimination, and says with a bracket what cannot be solved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symprop.algebra.expressions import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Mul,
    Number,
    add,
    compare,
    divide,
    free_indices,
    fresh_index,
    junction,
    mul,
    reduce,
    stem_of,
    substitute,
    walk,
)
from symprop.algebra.indices import (
    affine,
    at_least,
    conditions_of,
    conditions_to_where,
    decide,
    decide_together,
    isolate,
    normal,
    sign,
    tighten,
    within,
)


def gather(
    operand: Access,
    value: Expr,
    loops: Sequence[Bound],
    guard: Expr,
    component: Sequence[Expr],
    outer: Iterable[Bound] = (),
) -> Expr:
    """Return the sum of `value` over the loops for which `operand` is the given component.

    Parameters
    ----------
    operand : Access
        The reading, in the indices of the loops.
    value : Expr
        What each iteration contributes.
    loops : sequence of Bound
        The loops; limits may use the indices before them.
    guard : Expr
        Condition for an iteration to contribute.
    component : sequence of Expr
        Index expressions of the component, free in the result.
    outer : iterable of Bound
        Ranges of the indices of `component` and of other indices that stay free.

    Returns
    -------
    Expr
        A sum over the loops that are left, guarded where a solution may not exist.
    """
    return _Elimination(operand, value, loops, guard, component, tuple(outer)).result()


class _Elimination:
    def __init__(
        self,
        operand: Access,
        value: Expr,
        loops: Sequence[Bound],
        guard: Expr,
        component: Sequence[Expr],
        outer: tuple[Bound, ...],
    ) -> None:
        # Loops get names that nothing else has; the nice names come back at the end.
        taken: set[Index] = {bound.index for bound in outer}
        for expr in (*component, *operand.indices, value, guard):
            taken |= {node for node in walk(expr) if isinstance(node, Index)}
        taken |= {bound.index for bound in loops}
        renamed: dict[Expr, Expr] = {}
        self.loops: list[Bound] = []
        self.wanted: dict[Index, Index] = {}
        for bound in loops:
            index = fresh_index(bound.index, taken)
            taken.add(index)
            self.loops.append(
                Bound(index, substitute(bound.lower, renamed), substitute(bound.upper, renamed), bound.written)
            )
            renamed[bound.index] = index
            self.wanted[index] = bound.index
        self.value = substitute(value, renamed)
        self.conditions: list[Expr] = list(conditions_of(substitute(guard, renamed)))
        self.pairs = [
            (normal(substitute(index, renamed)), position)
            for index, position in zip(operand.indices, component, strict=True)
        ]
        self.outer = outer
        self.component = tuple(component)

    def result(self) -> Expr:
        pairs = self.pairs
        while pairs:
            pairs.sort(key=self.difficulty)  # stable: plain indices first
            (index, position), *rest = pairs
            pairs = rest
            mapping = self.solve(index, position)
            if mapping:
                pairs = [(normal(substitute(other, mapping)), place) for other, place in pairs]
        return self.assemble()

    def difficulty(self, pair: tuple[Expr, Expr]) -> int:
        if isinstance(pair[0], Index):
            return 0
        return len(free_indices(pair[0]))

    def solve(self, index: Expr, position: Expr) -> dict[Expr, Expr] | None:
        """Use the equation ``index = position`` to drop a loop; return the substitution made, if any."""
        try:
            coefficients, offset = affine(index)
        except ValueError:  # an integer input as an index, E[tok[s], d]: the bracket is all that can be said
            self.conditions.append(compare("==", position, index))
            return None
        mine = {bound.index: bound for bound in self.loops}
        pivots = [
            (loop, coefficient)
            for loop, coefficient in coefficients.items()
            if loop in mine and isinstance(coefficient, Number) and abs(coefficient.value) == 1
        ]
        candidates = []
        for loop, coefficient in pivots:
            rest = add(*(mul(factor, other) for other, factor in coefficients.items() if other is not loop), offset)
            solution = normal(mul(coefficient, position - rest))
            candidates.append((self.guards_of(mine[loop], solution), loop, solution))
        if not candidates and len([loop for loop in coefficients if loop in mine]) == 1:
            # a*y + rest = m has at most one solution: y = (m - rest)/a, if a divides.
            ((loop, coefficient),) = [(loop, c) for loop, c in coefficients.items() if loop in mine]
            rest = add(*(mul(factor, other) for other, factor in coefficients.items() if other is not loop), offset)
            difference = normal(position - rest)
            if sign(coefficient) == "negative":
                coefficient, difference = normal(-coefficient), normal(-difference)
            solution = divide(difference, coefficient)
            low, high = mine[loop].lower, mine[loop].upper
            guard = [
                compare("divides", coefficient, difference),
                compare("<=", normal(mul(coefficient, low)), difference),
                compare("<=", difference, normal(mul(coefficient, high))),
            ]
            candidates.append((guard, loop, solution))
        if not candidates:
            condition = isolate(decide(compare("==", position, index), self.ranges()))
            self.conditions.append(condition)
            return None
        guards, loop, solution = min(candidates, key=lambda candidate: len(candidate[0]))
        mapping: dict[Expr, Expr] = {loop: solution}
        self.loops = [
            bound._replace(lower=substitute(bound.lower, mapping), upper=substitute(bound.upper, mapping))
            for bound in self.loops
            if bound.index is not loop
        ]
        self.value = substitute(self.value, mapping)
        self.conditions = [substitute(condition, mapping) for condition in self.conditions] + guards
        return mapping

    def guards_of(self, bound: Bound, solution: Expr) -> list[Expr]:
        condition = within(solution, bound.lower, bound.upper, self.ranges(without=bound.index))
        return [part for part in conditions_of(condition) if part is not TRUE]

    def ranges(self, without: Index | None = None) -> tuple[Bound, ...]:
        return (*self.outer, *(bound for bound in self.loops if bound.index is not without))

    def assemble(self) -> Expr:
        condition = decide_together(junction("and", *self.conditions), self.ranges())
        if condition is FALSE or self.value is ZERO:
            return ZERO
        loops = list(self.loops)
        for place in reversed(range(len(loops))):
            # Later loops may not be used in the limits of earlier ones.
            later = {bound.index for bound in loops[place + 1 :]}
            here = [
                part
                for part in conditions_of(condition)
                if loops[place].index in free_indices(part) and not (free_indices(part) & later)
            ]
            others = [part for part in conditions_of(condition) if part not in here]
            loops[place], left = tighten(loops[place], junction("and", *here), (*self.outer, *loops[:place]))
            condition = decide_together(junction("and", *others, left), (*self.outer, *loops))
        names = {bound.index for bound in loops}
        inner = [part for part in conditions_of(condition) if free_indices(part) & names]
        around = [part for part in conditions_of(condition) if not (free_indices(part) & names)]
        body = conditions_to_where(junction("and", *inner), self.value)
        loops, body = self.nice_names(loops, body)
        return conditions_to_where(isolate(junction("and", *around)), sum_over(tuple(loops), body))

    def nice_names(self, loops: list[Bound], body: Expr) -> tuple[list[Bound], Expr]:
        """Give the loops that are left their own names back, where nothing else has them."""
        taken = set().union(*(free_indices(expr) for expr in self.component), {b.index for b in self.outer})
        taken |= free_indices(body) - {bound.index for bound in loops}
        for bound in loops:
            taken |= (free_indices(bound.lower) | free_indices(bound.upper)) - {b.index for b in loops}
        renamed: dict[Expr, Expr] = {}
        result: list[Bound] = []
        for bound in loops:
            wanted = self.wanted[bound.index]
            if wanted in taken:
                wanted = fresh_index(Index(stem_of(wanted)), taken)
            taken.add(wanted)
            result.append(
                Bound(wanted, substitute(bound.lower, renamed), substitute(bound.upper, renamed), bound.written)
            )
            renamed[bound.index] = wanted
        return result, substitute(body, renamed)


def sum_over(bounds: tuple[Bound, ...], body: Expr) -> Expr:
    """Return ``sum(bounds, body)`` with the factors that no bound index concerns taken out.

    A sum over an index that the body lacks is the body times the extent.
    """
    if body is ZERO or not bounds:
        return body
    *outer, bound = bounds
    if bound.index not in free_indices(body):
        extent = normal(bound.upper - bound.lower + ONE)
        if at_least(extent, ZERO, outer):  # an empty range must not count as a negative number
            return sum_over(tuple(outer), mul(extent, body))
    constants, dependent = split_constants(body, bound.index)
    inner = reduce("sum", (bound,), dependent)
    return sum_over(tuple(outer), mul(*constants, inner))


def split_constants(body: Expr, index: Index) -> tuple[list[Expr], Expr]:
    """Split a product into the factors without `index` and the product of the rest."""
    if not isinstance(body, Mul):
        return [], body
    constants = [factor for factor in body.factors if index not in free_indices(factor)]
    if not constants:
        return [], body
    return constants, mul(*(factor for factor in body.factors if index in free_indices(factor)))

