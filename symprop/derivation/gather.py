"""From scatter to gather: the sum over all loops that hit one component.

A reading ``u[f(y)]`` with partial c(y) contributes ``u_bar[f(y)] += c(y)`` for all y (scatter).  `gather` writes the
same as a formula for one component m: the sum of c(y) over the y that solve ``f(y) = m``.  It solves by integer
elimination, and says with a bracket what cannot be solved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from symprop.algebra.expressions import (
    FALSE,
    MINUS_ONE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Mul,
    Number,
    Size,
    add,
    compare,
    divide,
    factors_of,
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
    extremes,
    is_integral,
    isolate,
    normal,
    tighten,
    within,
    without_fractions,
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


class _Pivot(NamedTuple):
    """One way to drop a loop: its value, the conditions for that, and the loops that are left."""

    loop: Index
    solution: Expr
    guards: list[Expr]
    loops: list[Bound]


def in_order(loops: list[Bound]) -> list[Bound]:
    """Return loops such that limits use only the loops before them, otherwise in the given order."""
    result: list[Bound] = []
    waiting = list(loops)
    while waiting:
        names = {bound.index for bound in waiting}
        first = next(b for b in waiting if not (free_indices(b.lower) | free_indices(b.upper)) & names)
        waiting.remove(first)
        result.append(first)
    return result


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
            coefficients, _ = affine(index)
        except ValueError:  # an integer input as an index, E[tok[s], d]: the bracket is all that can be said
            self.conditions.append(compare("==", position, index))
            return None
        index, position = without_fractions(index, position)
        coefficients, offset = affine(index)
        mine = {bound.index: bound for bound in self.loops}
        unknowns = [loop for loop in coefficients if loop in mine]
        pivots: list[_Pivot] = []
        for loop in unknowns:
            coefficient = coefficients[loop]
            if coefficient not in (ONE, MINUS_ONE):
                continue
            rest = add(*(mul(factor, other) for other, factor in coefficients.items() if other is not loop), offset)
            solution = normal(mul(coefficient, position - rest))
            pivots.extend(self.pivot(loop, solution, self.guards_of(mine[loop], solution)))
        if not pivots and len(unknowns) == 1:
            # a*y + rest = m has at most one solution: y = (m - rest)/a, if a divides. A stride such as H - 1 may be 0.
            (loop,) = unknowns
            coefficient = coefficients[loop]
            rest = add(*(mul(factor, other) for other, factor in coefficients.items() if other is not loop), offset)
            difference = normal(position - rest)
            if at_least(MINUS_ONE, coefficient):
                coefficient, difference = normal(-coefficient), normal(-difference)
            if at_least(coefficient, ONE):
                low, high = mine[loop].lower, mine[loop].upper
                guards = [
                    compare("divides", coefficient, difference),
                    compare("<=", normal(mul(coefficient, low)), difference),
                    compare("<=", difference, normal(mul(coefficient, high))),
                ]
                pivots.extend(self.pivot(loop, divide(difference, coefficient), guards))
        if not pivots:
            condition = isolate(decide(compare("==", position, index), self.ranges()))
            self.conditions.append(condition)
            return None
        pivot = min(pivots, key=lambda pivot: len(pivot.guards))
        mapping: dict[Expr, Expr] = {pivot.loop: pivot.solution}
        self.loops = pivot.loops
        self.value = substitute(self.value, mapping)
        self.conditions = pivot.guards + [substitute(condition, mapping) for condition in self.conditions]
        return mapping

    def pivot(self, loop: Index, solution: Expr, guards: list[Expr]) -> list[_Pivot]:
        """Return what solving for `loop` leaves, or nothing if that cannot be written.

        Where the limits of another loop use this one, they come to use the solution.  If that would use the other
        loop in turn, or is no integer everywhere, the loop gets the widest limits instead, and a condition.
        """
        (own,) = (bound for bound in self.loops if bound.index is loop)
        others = [bound for bound in self.loops if bound.index is not loop]
        uses = {bound.index: free_indices(bound.lower) | free_indices(bound.upper) for bound in others}
        needed = set(free_indices(solution))
        for bound in reversed(others):  # limits use the loops before them alone
            if bound.index in needed:
                needed |= uses[bound.index]
        mapping: dict[Expr, Expr] = {loop: solution}
        loops: list[Bound] = []
        guards = list(guards)
        for bound in others:
            lower, upper = substitute(bound.lower, mapping), substitute(bound.upper, mapping)
            if loop in uses[bound.index] and (bound.index in needed or not is_integral(solution)):
                guards += [compare("<=", lower, bound.index), compare("<=", bound.index, upper)]
                try:
                    lower, upper = extremes(bound.lower, (own,))[0], extremes(bound.upper, (own,))[1]
                except ValueError:
                    return []
            loops.append(bound._replace(lower=lower, upper=upper))
        return [_Pivot(loop, solution, guards, in_order(loops))]

    def guards_of(self, bound: Bound, solution: Expr) -> list[Expr]:
        condition = within(solution, bound.lower, bound.upper, self.ranges(without=bound.index))
        return [part for part in conditions_of(condition) if part is not TRUE]

    def ranges(self, without: Index | None = None) -> tuple[Bound, ...]:
        return (*self.outer, *(bound for bound in self.loops if bound.index is not without))

    def assemble(self) -> Expr:
        # What reads a quantity may do so only where the indices are known to be in range.
        conditions = sorted(self.conditions, key=reads_a_value)
        condition = decide_together(junction("and", *conditions), self.ranges())
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
            parts = sorted((*others, *conditions_of(left)), key=reads_a_value)
            condition = decide_together(junction("and", *parts), (*self.outer, *loops))
        names = {bound.index for bound in loops}
        inner = [
            part
            for part in conditions_of(condition)
            if free_indices(part) & names or (loops and not may_leave_a_loop(part))
        ]
        around = [part for part in conditions_of(condition) if part not in inner]
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


def reads_a_value(condition: Expr) -> bool:
    """Return whether a condition looks at more than indices and sizes."""
    return any(isinstance(node, Access) for node in walk(condition))


def sum_over(bounds: tuple[Bound, ...], body: Expr) -> Expr:
    """Return ``sum(bounds, body)`` with the factors that no bound index concerns taken out.

    A sum over an index that the body lacks is the body times the extent.
    """
    if body is ZERO or not bounds:
        return body
    *outer, bound = bounds
    if normal(bound.upper - bound.lower) is ZERO:  # one term
        return sum_over(tuple(outer), substitute(body, {bound.index: bound.lower}))
    if bound.index not in free_indices(body):
        extent = normal(bound.upper - bound.lower + ONE)
        # An empty range must not count as a negative number.
        if at_least(extent, ONE, outer) or (at_least(extent, ZERO, outer) and may_leave_a_loop(body)):
            return sum_over(tuple(outer), mul(extent, body))
    constants, dependent = split_constants(body, bound.index)
    if not (all(map(may_leave_a_loop, constants)) or at_least(bound.upper, bound.lower, outer)):
        constants = [factor for factor in constants if may_leave_a_loop(factor)]
        dependent = mul(*(factor for factor in factors_of(body) if factor not in constants))
    inner = reduce("sum", (bound,), dependent)
    return sum_over(tuple(outer), mul(*constants, inner))


def may_leave_a_loop(expr: Expr) -> bool:
    """Return whether `expr` can be evaluated where a loop around it may run not once.

    A reading such as ``x[m + 1]`` may be outside the range then; ``x[m]`` and ``x[N]`` are inside wherever they stand.
    """
    return all(
        isinstance(index, (Index, Number, Size))
        for node in walk(expr)
        if isinstance(node, Access)
        for index in node.indices
    )


def split_constants(body: Expr, index: Index) -> tuple[list[Expr], Expr]:
    """Split a product into the factors without `index` and the product of the rest."""
    if not isinstance(body, Mul):
        return [], body
    constants = [factor for factor in body.factors if index not in free_indices(factor)]
    if not constants:
        return [], body
    return constants, mul(*(factor for factor in body.factors if index in free_indices(factor)))
