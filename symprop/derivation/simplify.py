"""Textbook form by small named rules, each a recorded step.

The rules run in the order of `RULES`; then adjoints that this one reads are written out where that makes it shorter,
and sympy's cancel and factor are asked, the cheapest form by `cost` winning.  Nothing is simplified blindly: a rule
says in its name what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, cast

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Expr,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    bound_apart,
    call,
    coefficient_and_rest,
    factors_of,
    free_indices,
    junction,
    mul,
    names_of,
    negative,
    power,
    reduce,
    substitute,
    terms_of,
    transform,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS, OUTPUT, derivative
from symprop.algebra.indices import affine, conditions_of
from symprop.algebra.scalars import common_number, rewritings, scalar_template
from symprop.algebra.writer import is_negative
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Quantity
from symprop.derivation.brackets import decided, equation_used, factors_out, joined, numbers_out, zero_anyway
from symprop.derivation.gather import gather, sum_over
from symprop.derivation.patterns import Names, Rewriting, rewriting, transform_within
from symprop.derivation.steps import Adjoint, Step, Term
from symprop.derivation.templates import Renaming, Templates, UnlikeError, Watched

# sympy is asked about expressions of at most this cost; beyond, its answer would not be read either.
LARGEST_FOR_SYMPY = 60.0

# ... in at most this many symbols: the cost of factoring grows quickly with them.
MOST_SYMBOLS = 9

# A gradient in forward names alone may cost this much, about a line of print; beyond, adjoints keep their names.
LARGEST_FINAL = 32.0

# How the step of writing an adjoint out is called, after the name of the adjoint.
WRITTEN_OUT = " written out"

# ... and the step of solving one, before the name of what it defines.
DEFINITION = "definition of "

# So many adjoints are written out in turn, to see whether they meet their inverses.
MOST_WRITTEN_OUT = 4

# What a form may cost more if it does without the adjoints of statistics (mean, variance): their lines are saved.
SAVED_LINES = 8.0


def cost(expr: Expr) -> float:
    """Return how long an expression is to a reader, dimensionless: symbols and operations, with signs and
    fractions dearer."""
    total = 0.0
    stack = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, Access):
            total += 1
            continue  # what stands in square brackets is read at a glance
        if isinstance(node, Number):
            total += 1 if node.value.denominator == 1 else 1.5
        elif isinstance(node, Mul):
            total += 0.5 * (len(node.factors) - 1)
            if node.factors[0] is MINUS_ONE:
                total -= 0.5
        elif isinstance(node, Add):
            # From the fourth term on a sum in brackets is hard to follow.
            total += 0.75 * (len(node.terms) - 1) + 3 * max(0, len(node.terms) - 3)
            total += 0.5 if is_negative(node.terms[0]) else 0
        elif isinstance(node, Power):
            total += 1 if isinstance(node.exponent, Number) and node.exponent.value < 0 else 0.5
        elif isinstance(node, Call):
            total += 2
        elif isinstance(node, Reduction):
            total += 3
            stack.append(node.body)
            continue
        elif isinstance(node, Where):
            total += 2
            if node.otherwise is ZERO:  # a bracket: only one branch is read
                stack.extend((node.condition,) if node.then is ONE else (node.condition, node.then))
                continue
        else:
            total += 1
        stack.extend(node.children)
    return total


@dataclass
class Context:
    """What the rules may use: the network, nearby forward equations, adjoints by access name, and the ranges."""

    network: Network
    bounds: tuple[Bound, ...]
    adjoints: Mapping[str, Adjoint]
    near: tuple[Equation, ...]
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.names = Names(self.near)


Rule = Callable[[Expr, Context], Expr]


def constants_out_of_sums(expr: Expr, context: Context) -> Expr:
    """Take factors that a bound index does not concern out of its sum."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Reduction) and node.kind == "sum":
            return sum_over(node.bounds, node.body)
        return node

    return transform(expr, rule)


def delta_picks_one_term(expr: Expr, context: Context) -> Expr:
    """Replace a sum in which a bracket fixes a bound index by its one term."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Reduction) and node.kind == "sum":
            names = {bound.index for bound in node.bounds}
            for factor in factors_of(node.body):
                if not (isinstance(factor, Where) and factor.otherwise is ZERO):
                    continue
                parts = conditions_of(factor.condition)
                for part in parts:
                    if isinstance(part, Compare) and part.operator == "==" and free_indices(part) & names:
                        picked = _pick(node, factor, part, context)
                        if picked is not None:
                            return picked
        return node

    return transform(expr, rule)


def _pick(node: Reduction, bracket: Where, equation: Compare, context: Context) -> Expr | None:
    alone = _place_of_extremum(node, bracket, equation)
    if alone is not None:
        return alone
    difference = equation.left - equation.right
    try:
        affine(difference)
    except ValueError:
        return None
    others = [factor for factor in factors_of(node.body) if factor is not bracket]
    guard = junction("and", *(part for part in conditions_of(bracket.condition) if part is not equation))
    picked = gather(Access("#", (difference,)), mul(*others, bracket.then), node.bounds, guard, (ZERO,), context.bounds)
    return picked if depth_of_sums(picked) < depth_of_sums(node) or cost(picked) < cost(node) else None


def _place_of_extremum(node: Reduction, bracket: Where, equation: Compare) -> Expr | None:
    """``sum(j, [j == argmax(j, a[j])]*b)`` is ``b``: the place of an extremum is one of those summed over."""
    for bound in node.bounds:
        place = equation.right if equation.left is bound.index else equation.left
        if not (isinstance(place, Reduction) and place.kind in ("argmax", "argmin")):
            continue
        if place.bounds[0].lower != bound.lower or place.bounds[0].upper != bound.upper:
            continue
        rest = junction("and", *(part for part in conditions_of(bracket.condition) if part is not equation))
        body = mul(*(f for f in factors_of(node.body) if f is not bracket), where(rest, bracket.then, ZERO))
        others = tuple(other for other in node.bounds if other is not bound)
        used = free_indices(body).union(*(free_indices(other.lower) | free_indices(other.upper) for other in others))
        if bound.index not in used | free_indices(place):
            return reduce("sum", others, body) if others else body
    return None


def own_values(expr: Expr, context: Context) -> Expr:
    """Write a function's derivative in the function's own value: s*(1 - s) for the sigmoid."""

    def rule(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        if not (isinstance(node, Call) and node.orders and node.function in FUNCTIONS):
            return node
        row = FUNCTIONS[node.function]
        if node.orders == (1,) + (0,) * (len(node.arguments) - 1) and row.in_output is not None:
            value = context.names.at_node(Call(node.function, node.arguments, ()), ranges)
            mapping: dict[Expr, Expr] = dict(zip(row.symbols, node.arguments, strict=True))
            in_value = substitute(row.in_output, {**mapping, OUTPUT: value})
            in_argument = derivative(node)
            return in_value if cost(in_value) < cost(in_argument) else in_argument
        return derivative(node)

    return transform_within(expr, context.bounds, rule)


def forward_names(expr: Expr, context: Context) -> Expr:
    """Call the right side of a forward equation by its name."""
    return context.names.fold(expr, context.bounds)


def stated_facts(expr: Expr, context: Context) -> Expr:
    """Use what the network assumes, such as sum(k, t[k]) = 1."""
    for stated in facts(expr, context):

        def rule(node: Expr, ranges: tuple[Bound, ...], stated: Rewriting = stated) -> Expr:
            if type(node) is type(stated.pattern):
                for binding in stated.bindings(stated.pattern, node, ranges):
                    return stated.at(stated.result, binding)
                if isinstance(node, Reduction) and node.kind == "sum" and len(node.bounds) > 1:
                    return by_one_bound(node, ranges)
            return node

        def by_one_bound(node: Reduction, ranges: tuple[Bound, ...], stated: Rewriting = stated) -> Expr:
            """Use what is known of a sum over one index inside a sum over several: sum(k, n, t[n,k]) is sum(n, 1)."""
            for bound in node.bounds:
                others = tuple(other for other in node.bounds if other is not bound)
                if any(bound.index in free_indices(limit) for other in others for limit in other[1:3]):
                    continue
                inner = reduce("sum", (bound,), node.body)
                for binding in stated.bindings(stated.pattern, inner, (*ranges, *others)):
                    return sum_over(others, stated.at(stated.result, binding))
            return node

        expr = transform_within(expr, context.bounds, rule)
    return expr


def facts(expr: Expr, context: Context) -> Iterable[Rewriting]:
    """Yield what the network states, and that the outputs of a softmax add up to 1, as rewritings."""
    for fact in context.network.facts:
        left, right, bounds = fact.left, fact.right, fact.bounds
        if fact.kind == "onehot":  # in particular the components add up to 1
            left = reduce("sum", tuple(bound for bound in bounds if bound.index is fact.right), left)
            bounds, right = tuple(bound for bound in bounds if bound.index is not fact.right), ONE
        if cost(right) < cost(left):
            yield rewriting(left, right, bounds)
    summed = {
        factor.name
        for node in walk(expr)
        if isinstance(node, Reduction) and node.kind == "sum"
        for factor in factors_of(node.body)
        if isinstance(factor, Access)
    }
    for name in sorted(summed):
        for equation in context.network.definitions.get(name, ()):
            yield from _total_of_softmax(equation, ONE)
        adjoint = context.adjoints.get(name)
        if adjoint is not None:  # that of what a logsumexp is over is a softmax
            coefficient, rest = coefficient_and_rest(adjoint.expression)
            yield from _total_of_softmax(Equation(adjoint.access, adjoint.bounds, rest), Number(coefficient))


def _total_of_softmax(equation: Equation, total: Expr) -> Iterable[Rewriting]:
    """Yield what the components of an equation's target add up to, if its right side is a softmax."""
    bound = softmax_bound(equation)
    if bound is not None:
        others = tuple(other for other in equation.bounds if other.index is not bound.index)
        yield rewriting(reduce("sum", (bound,), equation.target), total, others)


def softmax_bound(equation: Equation) -> Bound | None:
    """Return the index over which the components of a softmax add up to 1, and its range; None for other equations."""
    expr = equation.expression
    if isinstance(expr, Where) and expr.otherwise is ZERO:  # 0 beyond the limits of its own
        expr = expr.then
    if not (isinstance(expr, Call) and expr.function == "exp" and not expr.orders):
        return None
    for term in terms_of(expr.arguments[0]):
        total = negative(term)
        if isinstance(total, Reduction) and total.kind == "logsumexp" and len(total.bounds) == 1:
            (bound,) = total.bounds
            rest = add(expr.arguments[0], total)
            for own in equation.bounds:
                if substitute(total.body, {bound.index: own.index}) == rest:
                    return bound._replace(index=own.index)
    return None


def common_factors(expr: Expr, context: Context) -> Expr:
    """Take a factor that all terms of a sum share out of it."""

    def rule(node: Expr) -> Expr:
        return shared_factors_out(node) if isinstance(node, Add) else _fraction_into_sum(node)

    return transform(expr, rule)


def _fraction_into_sum(node: Expr) -> Expr:
    """Return a sum over a number term by term where that is no longer: ``w/50 + x*y`` for ``(w + 50*x*y)/50``."""
    if isinstance(node, Mul) and len(node.factors) == 2:
        number, terms = node.factors
        if isinstance(number, Number) and isinstance(terms, Add) and not _reads_well_over(number.value, terms):
            return add(*(mul(number, term) for term in terms.terms))
    return node


def _reads_well_over(number: Fraction, terms: Add) -> bool:
    """Whether ``number*(terms)`` reads better than a sum of fractions: always if no term is multiplied up for it."""
    if number.denominator == 1 or all(abs(coefficient_and_rest(term)[0]) == 1 for term in terms.terms):
        return True
    return cost(mul(Number(number), terms)) < cost(add(*(mul(Number(number), term) for term in terms.terms)))


def sums_joined(expr: Expr, context: Context) -> Expr:
    """Write sums over the same indices with a common factor as one: ``sum(i, y[i]*c[i]) - sum(i, x[i]*c[i])``."""

    def rule(node: Expr) -> Expr:
        if not isinstance(node, Add):
            return node
        terms: list[Expr] = []
        sums: list[int] = []  # the places of those that are sums over indices
        for term in node.terms:
            is_sum = any(True for _ in _sums_among(factors_of(coefficient_and_rest(term)[1])))
            for place in sums if is_sum else ():
                one = _joined_sum(terms[place], term)
                if one is not None:
                    terms[place] = one
                    break
            else:
                if is_sum:
                    sums.append(len(terms))
                terms.append(term)
        return node if len(terms) == len(node.terms) else add(*terms)

    return transform(expr, rule)


def _joined_sum(left: Expr, right: Expr) -> Expr | None:
    """Return the sum of two terms as one, if each has a sum over the same indices and these differ in few factors.

    What stands beside the sums is equal in both terms, or goes into the new sum where that is shorter:
    ``sum(m, p[m]*g[m]*v[m]) - sum(m, g[m]*p[m])*sum(m, p[m]*v[m])`` is ``sum(m, p[m]*v[m]*(g[m] - sum(...)))``.
    """
    (number, one), (other_number, other) = coefficient_and_rest(left), coefficient_and_rest(right)
    shortest: Expr | None = None
    for first in _sums_among(factors_of(one)):
        for second in _sums_among(factors_of(other)):
            found = _one_sum((number, one, first), (other_number, other, second))
            if found is not None and (shortest is None or cost(found) < cost(shortest)):
                shortest = found
    return shortest


def _one_sum(left: tuple[Fraction, Expr, Reduction], right: tuple[Fraction, Expr, Reduction]) -> Expr | None:
    """Return two terms, each given as a number, what it multiplies, and a sum among its factors, as one sum."""
    (number, one, first), (other_number, other, second) = left, right
    if abs(number) != abs(other_number) or len(first.bounds) != len(second.bounds):
        return None
    pairs = zip(second.bounds, first.bounds, strict=True)
    letters: dict[Expr, Expr] = {mine.index: yours.index for mine, yours in pairs}
    renamed = reduce("sum", first.bounds, substitute(second.body, letters))
    if renamed != second or not isinstance(renamed, Reduction):
        return None  # over other ranges, or a letter of one is free in the other
    outside = [mul(*(f for f in factors_of(e) if f is not s)) for e, s in ((one, first), (other, second))]
    ratio = Number(other_number / number)
    if outside[0] == outside[1]:
        body = add(first.body, mul(ratio, renamed.body))
        body = shared_factors_out(body) if isinstance(body, Add) else body
        if isinstance(body, Add):
            return None  # nothing in common: two sums read better
        return mul(Number(number), outside[0], sum_over(first.bounds, body))
    reached = free_indices(first) | free_indices(renamed)
    own = {bound.index for bound in first.bounds}
    if any(free_indices(factor) - reached or free_indices(factor) & own for factor in outside):
        return None  # h[n]*sum(m, g[m]*h[m]) + sum(m, g[m]) gains nothing from h[n] at every m
    inside = [bound_apart(factor, own) for factor in outside]
    body = add(mul(inside[0], first.body), mul(ratio, inside[1], renamed.body))
    body = shared_factors_out(body) if isinstance(body, Add) else body
    if isinstance(body, Add):
        return None
    joint = mul(Number(number), sum_over(first.bounds, body))
    apart = add(mul(Number(number), one), mul(Number(other_number), other))
    return joint if cost(joint) < cost(apart) else None


def _sums_among(factors: tuple[Expr, ...]) -> Iterable[Reduction]:
    return (factor for factor in factors if isinstance(factor, Reduction) and factor.kind == "sum")


def content(node: Add) -> Fraction:
    """Return the rational number that divides all coefficients of a sum: 2 for 2*x - 4, 1/2 for x/2 + y/2."""
    return common_number(node)[0]


def shared_factors_out(node: Add) -> Expr:
    """Return a sum with the factors that stand in every term written once, in front."""
    number, rest = common_number(node)
    # s + 1/10 stays: a common denominator that makes a sum longer is none.
    if number != 1 and not (isinstance(rest, Add) and not _reads_well_over(number, rest)):
        return mul(Number(number), shared_factors_out(rest) if isinstance(rest, Add) else rest)
    # What stands under a condition in some terms has a value there if it stands without one in others.
    terms = sorted(node.terms, key=lambda term: _conditional(term) is not None)
    shared = [factor for factor in factors_of(terms[0]) if not isinstance(factor, Number)]
    for term in terms[1:]:
        factors = factors_of(term)
        bracket = _conditional(term)
        if bracket is not None and bracket is not _conditional(terms[0]):
            factors = (*factors, *factors_of(bracket.then))
        shared = [factor for factor in shared if factor in factors]
    if not shared:
        return node
    return mul(*shared, add(*(_without(term, shared) for term in node.terms)))


def _conditional(term: Expr) -> Where | None:
    """Return the bracket among the factors of a term, if there is one."""
    return next((f for f in factors_of(term) if isinstance(f, Where) and f.otherwise is ZERO), None)


def _without(term: Expr, shared: Iterable[Expr]) -> Expr:
    """Return a term without factors that it has, beside its bracket or in it."""
    factors = list(factors_of(term))
    bracket = _conditional(term)
    for factor in shared:
        if factor in factors:
            term = mul(term, power(factor, MINUS_ONE))
        elif bracket is not None:
            inside = mul(bracket.then, power(factor, MINUS_ONE))
            others = [other for other in factors_of(term) if other is not bracket]
            bracket = cast("Where", where(bracket.condition, inside, ZERO))
            term = mul(*others, bracket)
    return term


def fewest_signs(expr: Expr, context: Context) -> Expr:
    """Write differences so that the fewest minus signs stand: y - t for -(t - y)."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            return _absorb_sign(node)
        if isinstance(node, Add) and is_negative(node.terms[0]):
            node = _positive_first(node)
        return _number_last(node) if isinstance(node, Add) else node

    return transform(expr, rule)


def _number_last(node: Add) -> Expr:
    """Return a sum with a number that is taken away at its end: ``p + q - 1``, not ``p - 1 + q``."""
    taken = [term for term in node.terms if isinstance(term, Number) and term.value < 0]
    if not taken or node.terms[-1] is taken[0]:
        return node
    return Add((*(term for term in node.terms if term is not taken[0]), *taken))


def _positive_first(node: Add) -> Expr:
    positive = [term for term in node.terms if not is_negative(term)]
    return Add((*positive, *(term for term in node.terms if is_negative(term))))


def _absorb_sign(node: Mul) -> Expr:
    coefficient, rest = coefficient_and_rest(node)
    if coefficient >= 0:
        return node
    factors = list(factors_of(rest))
    for place, factor in enumerate(factors):
        if isinstance(factor, Add) and any(is_negative(term) for term in factor.terms) and not _is_complement(factor):
            flipped = add(*(negative(term) for term in factor.terms))
            if isinstance(flipped, Add):
                flipped = _positive_first(flipped)
            factors[place] = flipped
            return mul(Number(-coefficient), *factors)
    for place, factor in enumerate(factors):
        alone = all(isinstance(other, (Size, Power)) for other in factors if other is not factor)
        if isinstance(factor, Reduction) and factor.kind == "sum" and alone:
            body = negative(factor.body)
            flipped = _absorb_sign(body) if isinstance(body, Mul) else body
            # Only where the difference leads: sum(t, (p[t] - y[t])*f[t]).
            if flipped is not body and isinstance(factors_of(flipped)[0], Add):
                factors[place] = reduce("sum", factor.bounds, flipped)
                return mul(Number(-coefficient), *factors)
    return node


def _is_complement(node: Add) -> bool:
    """Whether a sum reads ``1 - z``, which nobody writes as -(z - 1)."""
    return any(isinstance(term, Number) and term.value > 0 for term in node.terms)


def denominators_last(expr: Expr, context: Context) -> Expr:
    """Write the denominators of a product at its end."""
    return with_denominators_last(expr)


def with_denominators_last(expr: Expr) -> Expr:
    """Return an expression with the denominators of each product at its end: ``t/y`` for ``1/y*t``."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            below = [factor for factor in node.factors if _is_below(factor)]
            if below:
                return Mul((*(factor for factor in node.factors if not _is_below(factor)), *below))
        return node

    return transform(expr, rule)


def _is_below(factor: Expr) -> bool:
    return isinstance(factor, Power) and isinstance(factor.exponent, Number) and factor.exponent.value < 0


# The order matters: atoms are opened before names are looked for, and signs come last.
RULES: tuple[tuple[str, Rule], ...] = (
    ("derivative in the function's own value", own_values),
    ("forward value by its name", forward_names),
    ("delta picks one term", delta_picks_one_term),
    ("condition decided", decided),
    ("equation of the bracket used", equation_used),
    ("terms under one condition joined", joined),
    ("common factor", common_factors),
    ("0 beyond the condition anyway", zero_anyway),
    ("number out of the bracket", numbers_out),
    ("factor out of the condition", factors_out),
    ("constant factor out of the sum", constants_out_of_sums),
    ("sums over the same index joined", sums_joined),
    ("stated fact", stated_facts),
    ("fewest signs", fewest_signs),
    ("denominators last", denominators_last),
)


def apply_rules(expr: Expr, context: Context, steps: list[Step] | None = None) -> Expr:
    """Return `expr` after every rule in order; changes are appended to `steps`."""
    for name, rule in RULES:
        after = rule(expr, context)
        if after is not expr:
            if steps is not None and after != expr:
                steps.append(Step(name, expr, after))
            expr = after
    return expr


def simplified(
    total: Expr,
    terms: tuple[Term, ...],
    bounds: tuple[Bound, ...],
    network: Network,
    adjoints: Mapping[str, Adjoint],
    templates: Templates[Simplified] | None = None,
) -> Simplified:
    """Return (expression with derivative atoms, textbook form, steps) of the sum of an adjoint's terms.

    `adjoints` are those found so far, by the name of the adjoint: ``z_bar``. With `templates`, what was found for an
    equal layer is found again.
    """
    if templates is None:
        return _simplified(total, terms, bounds, network, adjoints)
    question = (total, bounds, tuple(Access(term.equation.name, ()) for term in terms))
    sources: Mapping[str, Mapping[str, object]] = {
        "definitions": network.definitions,
        "quantity": network.quantities,
        "adjoint": adjoints,
    }
    found = templates.recall(question, lambda kind, name: sources[kind].get(name))
    if found is not None:
        return found
    seen: dict[tuple[str, str], object] = {}
    watched = replace(network, quantities=Watched(network.quantities, seen, "quantity"))
    watched.__dict__["definitions"] = Watched(network.definitions, seen, "definitions")
    answer = _simplified(total, terms, bounds, watched, Watched(adjoints, seen, "adjoint"))
    return templates.keep(question, seen, answer)


Simplified = tuple[Expr, Expr, tuple[Step, ...]]


def templates_of(network: Network) -> Templates[Simplified]:
    """Return a memory for one sweep over a network, in which equal layers share what `simplified` finds."""
    objectives = {objective.name for objective in network.objectives}
    stated = [node for fact in network.facts for side in (fact.left, fact.right) for node in walk(side)]
    fixed: set[Hashable] = {node.name for node in stated if isinstance(node, Access)}
    for fact in network.facts:
        limits = (limit for bound in fact.bounds for limit in (bound.lower, bound.upper))
        stated.extend(node for limit in limits for node in walk(limit))
    fixed.update(("size", node.name) for node in stated if isinstance(node, Size))

    def sort(name: Hashable) -> Hashable:
        return name in objectives, name if name in fixed else None  # a fact is about its own names

    return Templates(_renamed, _lay, sort)


def _renamed(renaming: Renaming, answer: Simplified) -> Simplified:
    expression, textbook, steps = answer
    return (
        renaming.apply(expression),
        renaming.apply(textbook),
        tuple(Step(_rule(renaming, s.rule), renaming.apply(s.before), renaming.apply(s.after)) for s in steps),
    )


def _rule(renaming: Renaming, rule: str) -> str:
    return renaming.words(rule) if rule.endswith(WRITTEN_OUT) or rule.startswith(DEFINITION) else rule


def _lay(renaming: Renaming, old: Any, new: Any) -> None:
    """Lay what was looked up for an answer beside what would be looked up now."""
    if type(old) is not type(new):
        raise UnlikeError
    if isinstance(old, Adjoint):
        renaming.lay((old.access, old.bounds, old.textbook), (new.access, new.bounds, new.textbook))
        names = [tuple(Access(term.equation.name, ()) for term in adjoint.terms) for adjoint in (old, new)]
        renaming.lay(*names)
    elif isinstance(old, Quantity):
        limits = [(q.integer, None if q.domain is None else (q.domain.lower, q.domain.upper)) for q in (old, new)]
        renaming.lay(*limits)
    elif isinstance(old, tuple):
        sides = [tuple((e.target, e.bounds, e.expression) for e in equations) for equations in (old, new)]
        renaming.lay(*sides)


def _simplified(
    total: Expr,
    terms: tuple[Term, ...],
    bounds: tuple[Bound, ...],
    network: Network,
    adjoints: Mapping[str, Adjoint],
) -> Simplified:
    context = Context(network, bounds, adjoints, near(total, terms, network))
    steps: list[Step] = []
    free = {bound.index for bound in bounds}
    total = bound_apart(total, free)
    atoms = constants_out_of_sums(common_factors(total, context), context)
    plain = apply_rules(total, context, steps)
    best: Expr = plain
    way: Way = ()
    for candidate, rules in candidates(plain, context):
        candidate = bound_apart(candidate, free)
        if cost(candidate) < cost(best) - least_gain(candidate, rules, best, context):
            best, way = candidate, rules
    statistics = without_statistics(best, bounds, terms, context)
    if statistics is not None and cost(statistics) <= cost(best) + SAVED_LINES:
        steps.append(Step("adjoints of the statistics written out", best, statistics))
        return (best if way else atoms), statistics, tuple(steps)
    if way:
        steps.extend(step for step in way if step.before != step.after)
        steps[-1] = replace(steps[-1], after=best)  # in its final order
        # The atoms have met their inverses: what is left is also the form for code.
        return best, best, tuple(steps)
    return atoms, best, tuple(steps)


Way = tuple[Step, ...]


def least_gain(candidate: Expr, way: Way, best: Expr, context: Context) -> float:
    """Return what a form must cost less than the best one so far, to be worth its steps."""
    written_out = sum(step.rule.endswith(WRITTEN_OUT) for step in way)
    if not written_out:
        # A common denominator alone is no gain to a reader; a sum that a definition makes 0 is.
        return 1.0 if any(step.rule.startswith(DEFINITION) for step in way) else 0.4 * cost(best)
    if adjoint_accesses(best, context.adjoints) and not adjoint_accesses(candidate, context.adjoints):
        return -1.3  # p[k] - t[k] says more than e_bar[k]*e[k]
    return 0.2


def candidates(expr: Expr, context: Context) -> Iterable[tuple[Expr, Way]]:
    """Yield rewritings of an adjoint that may be cheaper, each with the steps to it: sympy's, with definitions of
    forward values, and with the adjoints that it reads written out one after the other."""
    yield from _sympy_forms(expr, (), context)
    one_sided = sigmoids_on_one_side(expr)
    if one_sided is not expr:
        cancelled = _products_cancelled(one_sided, Add)
        steps = (Step("sigmoid(-a) = 1 - sigmoid(a)", expr, one_sided), Step("cancel", one_sided, cancelled))
        yield _by_rules(cancelled, steps, context)
    yield from with_definitions(expr, context)
    written: Expr = expr
    way: Way = ()
    for _ in range(MOST_WRITTEN_OUT):
        access = next((a for a in adjoint_accesses(written, context.adjoints) if _is_open(a, context)), None)
        if access is None:
            return
        adjoint = context.adjoints[access.name]
        # What an adjoint is made of is known by the names that its own equations define.
        context = replace(context, near=tuple(dict.fromkeys((*context.near, *adjoint_equations(adjoint, context)))))
        before, written = written, write_out(written, access, adjoint)
        if cost(written) > LARGEST_FOR_SYMPY:
            return
        way = (*way, Step(f"{access.name}{WRITTEN_OUT}", before, written))
        written, way = _by_rules(written, way, context)
        yield written, way
        cancelled = _products_cancelled(written)
        if cancelled is not written:
            yield _by_rules(cancelled, (*way, Step("cancel", written, cancelled)), context)
        yield from _sympy_forms(written, way, context)
        for solved, there in _solved(written, way, context):
            yield solved, there
            yield from _sympy_forms(solved, there, context)


def sigmoids_on_one_side(expr: Expr) -> Expr:
    """Return `expr` with ``1 - sigmoid(a)`` for ``sigmoid(-a)`` where both sigmoids stand, as in losses of logits."""
    arguments = {
        node.arguments[0]
        for node in walk(expr)
        if isinstance(node, Call) and node.function == "sigmoid" and not node.orders
    }

    def rule(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function == "sigmoid" and not node.orders:
            other = negative(node.arguments[0])
            if other in arguments and coefficient_and_rest(node.arguments[0])[0] < 0:
                return ONE - call("sigmoid", other)
        return node

    return transform(expr, rule) if len(arguments) > 1 else expr


def _is_open(access: Access, context: Context) -> bool:
    adjoint = context.adjoints.get(access.name)
    return adjoint is not None and _may_meet_inverse(adjoint.textbook)


def adjoint_equations(adjoint: Adjoint, context: Context) -> tuple[Equation, ...]:
    """Return the forward equations that an adjoint's terms come from, as the network has them."""
    names = dict.fromkeys(term.equation.name for term in adjoint.terms)
    objectives = {objective.name for objective in context.network.objectives}
    return tuple(e for name in names if name not in objectives for e in context.network.definitions.get(name, ()))


def _by_rules(expr: Expr, way: Way, context: Context) -> tuple[Expr, Way]:
    """Return `expr` after every rule, and the way to there."""
    steps = list(way)
    expr = apply_rules(expr, context, steps)
    return expr, tuple(steps)


def _solved(expr: Expr, way: Way, context: Context) -> Iterable[tuple[Expr, Way]]:
    """Yield `expr` with factors of right sides replaced by the name over the other factors, if that changes it."""
    solved, steps = expr, list(way)
    for name, after in context.names.solving(expr, context.bounds):
        steps.append(Step(f"{DEFINITION}{name} solved", solved, after))
        solved = after
    if solved is not expr:
        result = _by_rules(solved, tuple(steps), context)
        # h/g for sum(i, w[i]*x[i]) has no value where g is 0, and the sum has one.
        if result[0] != expr and _divisors(result[0]) <= _divisors(expr):
            yield result


def _divisors(expr: Expr) -> set[Expr]:
    """Return what an expression divides by, sizes and numbers apart."""
    return {node.base for node in walk(expr) if isinstance(node, Power) and _is_below(node) and names_of(node.base)}


def without_statistics(expr: Expr, bounds: tuple[Bound, ...], terms: tuple[Term, ...], context: Context) -> Expr | None:
    """Return an adjoint in which those of fewer indices (of a mean, a variance) are written out, if it reads any.

    Layer norm is the case in point: r*(n*dh - h*sum(dh*h) - sum(dh))/n has no place for their names.
    """
    if len(terms) < 3:
        return None
    free = {bound.index for bound in bounds}
    written, seen = expr, False
    while True:
        waiting = [
            access
            for access in adjoint_accesses(written, context.adjoints)
            if len(access.indices) < len(bounds) and _is_statistic(context.adjoints.get(access.name))
        ]
        if not waiting:
            break
        seen = True
        written = bound_apart(write_out(written, waiting[0], context.adjoints[waiting[0].name]), free)
        if cost(written) > LARGEST_FOR_SYMPY:
            return None
        written = bound_apart(cheapest(written, context), free)
    return written if seen else None


def _is_statistic(adjoint: Adjoint | None) -> bool:
    return adjoint is not None and bool(adjoint.terms)


def _sympy_forms(expr: Expr, way: Way, context: Context) -> Iterable[tuple[Expr, Way]]:
    """Yield what sympy's factor and cancel make of `expr`, in the order of its symbols, and the way to there."""
    if cost(expr) > LARGEST_FOR_SYMPY or not may_cancel(expr):
        return
    if len(scalar_template(expr)[1]) > MOST_SYMBOLS:
        return
    nodes = scalar_template(expr)[1]
    for name, form in rewritings(expr):
        ordered = in_order_of(nodes, form)
        yield _by_rules(ordered, (*way, Step(name, expr, ordered)), context)


def _products_cancelled(expr: Expr, kind: type[Expr] = Mul) -> Expr:
    """Return `expr` with every product that cancelling makes shorter cancelled where it stands, in a sum over an index
    or beside other terms: ``sum(t, ((1 - y[t])/(1 - p[t]) - y[t]/p[t])*p[t]*(1 - p[t])*f[t])``."""

    def rule(node: Expr) -> Expr:
        if not (isinstance(node, kind) and may_cancel(node) and cost(node) <= LARGEST_FOR_SYMPY):
            return node
        nodes = scalar_template(node)[1]
        if len(nodes) > MOST_SYMBOLS:
            return node
        forms = (in_order_of(nodes, form) for _, form in rewritings(node))
        best = min(forms, key=cost, default=node)
        return best if cost(best) < 0.93 * cost(node) else node

    return transform(expr, rule)


def may_cancel(expr: Expr) -> bool:
    """Whether cancelling or factoring could change anything: a sum with products, or a sum over a denominator."""
    has_sum = any(isinstance(node, Add) for node in walk(expr))
    if isinstance(expr, Add):
        return len(expr.terms) > 1 and any(isinstance(term, (Mul, Power)) for term in expr.terms)
    return has_sum and isinstance(expr, Mul) and any(_is_below(node) for node in walk(expr))


def _may_meet_inverse(expr: Expr) -> bool:
    """Whether an adjoint has a denominator that a factor may cancel, or is hardly longer than a name."""
    return cost(expr) <= 3 or any(_is_below(node) for node in walk(expr) if not isinstance(node, Access))


def adjoint_accesses(expr: Expr, names: Container[str]) -> tuple[Access, ...]:
    """Return one reading of each adjoint or tangent in `expr` (`names` are theirs), in order of appearance."""
    found: dict[str, Access] = {}
    for node in walk(expr):
        if isinstance(node, Access) and node.name in names:
            found.setdefault(node.name, node)
    return tuple(found.values())


def write_out(expr: Expr, access: Access, adjoint: Adjoint) -> Expr:
    """Return `expr` with every reading of an adjoint replaced by its textbook form, wherever it stands."""
    own = adjoint.access.indices

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access) and node.name == access.name:
            return substitute(adjoint.textbook, dict(zip(own, node.indices, strict=True)))
        return node

    return transform(expr, rule)


def all_written_out(expr: Expr, adjoints: Mapping[str, Adjoint]) -> Expr:
    """Return `expr` with every reading of one of `adjoints`, by access name, replaced by its textbook form."""

    def rule(node: Expr) -> Expr:
        adjoint = adjoints.get(node.name) if isinstance(node, Access) else None
        if adjoint is None or not isinstance(node, Access):
            return node
        return substitute(adjoint.textbook, dict(zip(adjoint.access.indices, node.indices, strict=True)))

    return transform(expr, rule)


def near(expr: Expr, terms: Iterable[Term], network: Network) -> tuple[Equation, ...]:
    """Return the forward equations that a rule should try on an adjoint: those of its terms, and those of what it
    reads.  Only these, so that the cost stays linear in the number of equations."""
    objectives = {objective.name for objective in network.objectives}  # not y' = exp(x) in terms of y
    names = [*(term.equation.name for term in terms), *sorted(names_of(expr))]
    return tuple(
        equation
        for name in dict.fromkeys(names)
        for equation in network.definitions.get(name, ())
        if name not in objectives or _is_known_by_name(equation.expression)
    )


def _is_known_by_name(expr: Expr) -> bool:
    """Whether the derivative of an objective may speak of the objective: y*(1 - y) for a sigmoid; exp(x) stays."""
    return isinstance(expr, Call) and expr.function != "exp"


def in_order_of(nodes: tuple[Expr, ...], expr: Expr) -> Expr:
    """Return `expr` with factors and terms in the order in which their symbols stood before sympy sorted them."""
    position = {node: place for place, node in enumerate(nodes)}
    last = len(nodes)

    def first(node: Expr) -> int:
        known = position.get(node)
        if known is not None:
            return known
        return min((first(child) for child in node.children), default=last)

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            numbers = [factor for factor in node.factors if isinstance(factor, Number)]
            others = [factor for factor in node.factors if not isinstance(factor, Number)]
            return Mul((*numbers, *sorted(others, key=lambda factor: (_place_in_product(factor), first(factor)))))
        if isinstance(node, Add):
            return Add(tuple(sorted(node.terms, key=lambda term: (is_negative(term), first(term)))))
        return node

    return transform(expr, rule)


def _place_in_product(factor: Expr) -> int:
    """Sizes first, then readings, then sums over an index, then bracketed sums: n*h[j]*sum(...)*(x - y)."""
    if isinstance(factor, Add):
        return 3 if cost(factor) > 4 else 1
    return 0 if isinstance(factor, Size) else 2 if isinstance(factor, Reduction) else 1


def split_sums(expr: Expr, context: Context) -> Expr:
    """Write the sum of a sum of terms as several sums."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Reduction) and node.kind == "sum":
            body = expand_product(node.body)
            if isinstance(body, Add):
                return add(*(sum_over(node.bounds, term) for term in body.terms))
        return node

    return transform(expr, rule)


def sums_by_definition(expr: Expr, context: Context) -> Expr:
    """Write out those sums of sums that definitions make shorter: ``sum(j, x[j] - mu)`` is 0 by that of the mean."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Reduction) and node.kind == "sum" and isinstance(node.body, Add):
            ranges = (*context.bounds, *node.bounds)
            found = add(*(context.names.solved(sum_over(node.bounds, term), ranges) for term in node.body.terms))
            if cost(found) < cost(node):
                return found
        return node

    return transform(expr, rule)


def _multiplied_by_inverse(node: Expr) -> Expr:
    """Return a product with a factor multiplied into a sum that divides by it.

    ``(u/s**3 - 1/s)*s`` becomes ``u/s**2 - 1``.
    """
    if not isinstance(node, Mul):
        return node
    for sums in node.factors:
        if not isinstance(sums, Add):
            continue
        for factor in node.factors:
            inverse = [any(_divides_by(f, factor) for f in factors_of(term)) for term in sums.terms]
            if factor is not sums and all(inverse):
                others = [other for other in node.factors if other is not factor]
                inner = add(*(mul(term, factor) for term in sums.terms))
                return mul(*(inner if other is sums else other for other in others))
    return node


def _divides_by(factor: Expr, base: Expr) -> bool:
    return isinstance(factor, Power) and _is_below(factor) and factor.base == base


def expand_product(expr: Expr) -> Expr:
    """Return a product with one sum among its factors multiplied out."""
    if isinstance(expr, Mul):
        for place, factor in enumerate(expr.factors):
            if isinstance(factor, Add):
                others = expr.factors[:place] + expr.factors[place + 1 :]
                return add(*(mul(*others[:place], term, *others[place:]) for term in factor.terms))
    return expr


def final_forms(adjoints: Mapping[str, Adjoint], network: Network) -> dict[str, Expr]:
    """Return each adjoint as it is handed in: in forward names alone if that takes about a line, else as it stands.

    `adjoints` come in the order in which they can be computed, so each form is made from those before it once.
    """
    names = frozenset(adjoint.access.name for adjoint in adjoints.values())
    written_out: dict[str, Adjoint] = {}
    result: dict[str, Expr] = {}
    for key, adjoint in adjoints.items():
        context = Context(network, adjoint.bounds, {}, near(adjoint.textbook, adjoint.terms, network))
        expr = _in_forward_names(adjoint, names, written_out, context)
        if expr is not None:
            written_out[adjoint.access.name] = replace(adjoint, textbook=expr)
        result[key] = adjoint.textbook if expr is None else expr
    return result


def consistent(
    final: Mapping[str, Expr], wanted: Iterable[str], adjoints: Mapping[str, Adjoint], network: Network
) -> dict[str, Expr]:
    """Return the final forms of the `wanted` adjoints, in which an adjoint that one has to name is named by all.

    If ``h_bar`` cannot be written out and reads ``o_bar``, a gradient says ``o_bar[t]``, not ``2*(o[t] - y[t])``.
    """
    by_access = {adjoint.access.name: adjoint for adjoint in adjoints.values()}
    named: set[str] = set()
    waiting = [final[name] for name in wanted]
    while waiting:
        for name in (names_of(waiting.pop()) & by_access.keys()) - named:
            named.add(name)
            waiting.append(by_access[name].textbook)
    result = dict(final)
    for key in wanted if named else ():
        adjoint, expr = adjoints[key], adjoints[key].textbook
        others = [access for access in adjoint_accesses(expr, by_access) if access.name not in named]
        while others and cost(expr) <= 2 * LARGEST_FINAL:
            expr = write_out(expr, others[0], by_access[others[0].name])
            others = [access for access in adjoint_accesses(expr, by_access) if access.name not in named]
        if others or not names_of(expr) & named:
            continue
        context = Context(network, adjoint.bounds, {}, near(expr, adjoint.terms, network))
        expr = apply_rules(bound_apart(expr, {bound.index for bound in adjoint.bounds}), context)
        if cost(expr) <= cost(final[key]):
            result[key] = expr
    return result


def _in_forward_names(
    adjoint: Adjoint, names: Container[str], written_out: Mapping[str, Adjoint], context: Context
) -> Expr | None:
    """Return an adjoint without other adjoints, or None if that is too long to read."""
    reads = adjoint_accesses(adjoint.textbook, names)
    if not reads:
        return adjoint.textbook
    if any(access.name not in written_out for access in reads):
        return None
    expr = all_written_out(adjoint.textbook, written_out)
    # Rules shorten by little: what is far too long needs no closer look, and depth costs no more than length.
    if cost(expr) > 1.5 * LARGEST_FINAL or depth_of_sums(expr) > 1 + depth_of_sums(adjoint.textbook):
        return None
    expr = cheapest(bound_apart(expr, {bound.index for bound in adjoint.bounds}), context)
    return expr if cost(expr) <= LARGEST_FINAL else None


def with_definitions(expr: Expr, context: Context) -> Iterable[tuple[Expr, Way]]:
    """Yield what solving forward equations for a factor makes of `expr`, as it stands and with sums split.

    ``sum(j, x[j] - mu)`` is 0 by the definition of mu, ``(x[j] - mu)*r`` is ``h[j]``.
    """
    if not any(isinstance(node, (Add, Reduction)) for node in walk(expr)):
        return
    yield from _solved(expr, (), context)
    shorter = sums_by_definition(expr, context)
    if shorter is not expr:
        yield _by_rules(shorter, (Step("sum by the definitions of its terms", expr, shorter),), context)
        return
    split = split_sums(expr, context)
    if split is not expr:
        way = (Step("sum of a sum split", expr, split),)
        for once, there in _solved(split, way, context):
            yield once, there
            yield from _solved(once, there, context)


def depth_of_sums(expr: Expr) -> int:
    """Return how many reductions stand inside each other."""
    if isinstance(expr, Access):
        return 0
    inner = max((depth_of_sums(child) for child in expr.children), default=0)
    return inner + (1 if isinstance(expr, Reduction) else 0)


def cheapest(expr: Expr, context: Context) -> Expr:
    """Return the cheapest form of an expression in which adjoints have been written out."""
    nearby = Context(context.network, context.bounds, context.adjoints, near(expr, (), context.network) + context.near)
    plain = apply_rules(expr, nearby)
    if not any(isinstance(node, Add) for node in walk(plain)):
        return plain
    forms = [plain, *(form for form, _ in with_definitions(plain, nearby))]
    multiplied = transform(plain, _multiplied_by_inverse)
    if multiplied != plain:
        forms.append(apply_rules(multiplied, nearby))
    rearranged = [other for form in forms for other, _ in _sympy_forms(form, (), nearby)]
    best = min(forms, key=cost)
    # A rearrangement tears products apart that a reader knows, (1 - h**2)*x: it must be clearly shorter.
    return min((other for other in rearranged if cost(other) < 0.93 * cost(best)), key=cost, default=best)
