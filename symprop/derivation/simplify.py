"""Textbook form by small named rules, each a recorded step.

The rules run in the order of `RULES`; then adjoints that this one reads are written out where that makes it shorter,
and sympy's cancel and factor are asked, the cheapest form by `cost` winning.  Nothing is simplified blindly: a rule
says in its name what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm

from symprop.algebra.expressions import (
    MINUS_ONE,
    Access,
    Add,
    Bound,
    Call,
    Expr,
    Mul,
    Number,
    Power,
    Reduction,
    Where,
    add,
    bound_apart,
    coefficient_and_rest,
    factors_of,
    mul,
    names_of,
    negative,
    power,
    substitute,
    transform,
    walk,
)
from symprop.algebra.functions import FUNCTIONS, OUTPUT, derivative
from symprop.algebra.scalars import rewritings, scalar_template
from symprop.algebra.writer import is_negative
from symprop.declaration.network import Equation, Network
from symprop.derivation.gather import sum_over
from symprop.derivation.patterns import Names, match
from symprop.derivation.steps import Adjoint, Step, Term

# sympy is asked about expressions of at most this cost; beyond, its answer would not be read either.
LARGEST_FOR_SYMPY = 60.0

# An adjoint is written out in the final form if that adds at most this much to the cost of a gradient.
INLINE_ALLOWANCE = 9.0

# ... and never beyond this, about one line of print.
LARGEST_FINAL = 40.0


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
            total += 0.75 * (len(node.terms) - 1) + (0.5 if is_negative(node.terms[0]) else 0)
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


def own_values(expr: Expr, context: Context) -> Expr:
    """Write a function's derivative in the function's own value: s*(1 - s) for the sigmoid."""

    def rule(node: Expr) -> Expr:
        if not (isinstance(node, Call) and node.orders and node.function in FUNCTIONS):
            return node
        row = FUNCTIONS[node.function]
        if node.orders == (1,) + (0,) * (len(node.arguments) - 1) and row.in_output is not None:
            value = Call(node.function, node.arguments, ())
            named = context.names.at_node(value)
            if named is not value or cost(row.in_output) <= 4:
                mapping: dict[Expr, Expr] = dict(zip(row.symbols, node.arguments, strict=True))
                return substitute(row.in_output, {**mapping, OUTPUT: named})
        return derivative(node)

    return transform(expr, rule)


def forward_names(expr: Expr, context: Context) -> Expr:
    """Call the right side of a forward equation by its name."""
    return context.names.fold(expr)


def stated_facts(expr: Expr, context: Context) -> Expr:
    """Use what the network assumes, such as sum(k, t[k]) = 1."""
    for fact in context.network.facts:
        variables = frozenset(bound.index for bound in fact.bounds)
        left, right = fact.left, fact.right
        if fact.kind != "equal" or cost(right) >= cost(left):
            continue

        def rule(node: Expr, left: Expr = left, right: Expr = right, variables: frozenset = variables) -> Expr:  # type: ignore[type-arg]
            if type(node) is type(left):
                for binding in match(left, node, {}, variables):
                    if len(binding) == len(variables):
                        return substitute(right, binding)
            return node

        expr = transform(expr, rule)
    return expr


def common_factors(expr: Expr, context: Context) -> Expr:
    """Take a factor that all terms of a sum share out of it."""

    def rule(node: Expr) -> Expr:
        return shared_factors_out(node) if isinstance(node, Add) else node

    return transform(expr, rule)


def content(node: Add) -> Fraction:
    """Return the rational number that divides all coefficients of a sum: 2 for 2*x - 4, 1/2 for x/2 + y/2."""
    coefficients = [coefficient_and_rest(term)[0] for term in node.terms]
    numerator = gcd(*(abs(c.numerator) for c in coefficients))
    return Fraction(numerator, lcm(*(c.denominator for c in coefficients)))


def shared_factors_out(node: Add) -> Expr:
    """Return a sum with the factors that stand in every term written once, in front."""
    number = content(node)
    if number != 1:
        rest = add(*(mul(Number(1 / number), term) for term in node.terms))
        return mul(Number(number), shared_factors_out(rest) if isinstance(rest, Add) else rest)
    shared = [factor for factor in factors_of(node.terms[0]) if not isinstance(factor, Number)]
    for term in node.terms[1:]:
        factors = factors_of(term)
        shared = [factor for factor in shared if factor in factors]
    if not shared:
        return node
    rest = [mul(term, *(power(factor, MINUS_ONE) for factor in shared)) for term in node.terms]
    return mul(*shared, add(*rest))


def fewest_signs(expr: Expr, context: Context) -> Expr:
    """Write differences so that the fewest minus signs stand: y - t for -(t - y)."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            return _absorb_sign(node)
        if isinstance(node, Add) and is_negative(node.terms[0]):
            return _positive_first(node)
        return node

    return transform(expr, rule)


def _positive_first(node: Add) -> Expr:
    positive = [term for term in node.terms if not is_negative(term)]
    return Add((*positive, *(term for term in node.terms if is_negative(term))))


def _absorb_sign(node: Mul) -> Expr:
    coefficient, rest = coefficient_and_rest(node)
    if coefficient >= 0:
        return node
    factors = list(factors_of(rest))
    for place, factor in enumerate(factors):
        if isinstance(factor, Add) and any(is_negative(term) for term in factor.terms):
            flipped = add(*(negative(term) for term in factor.terms))
            if isinstance(flipped, Add):
                flipped = _positive_first(flipped)
            factors[place] = flipped
            return mul(Number(-coefficient), *factors)
    return node


def denominators_last(expr: Expr, context: Context) -> Expr:
    """Write the denominators of a product at its end."""

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
    ("constant factor out of the sum", constants_out_of_sums),
    ("stated fact", stated_facts),
    ("common factor", common_factors),
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
) -> tuple[Expr, Expr, tuple[Step, ...]]:
    """Return (expression with derivative atoms, textbook form, steps) of the sum of an adjoint's terms."""
    by_access = {adjoint.access.name: adjoint for adjoint in adjoints.values()}
    context = Context(network, bounds, by_access, near(total, terms, network))
    steps: list[Step] = []
    free = {bound.index for bound in bounds}
    total = bound_apart(total, free)
    atoms = constants_out_of_sums(total, context)
    plain = apply_rules(total, context, steps)
    best, how = plain, ""
    for name, candidate in candidates(plain, context):
        candidate = bound_apart(candidate, free)
        # A common denominator alone is no gain to a reader; with an adjoint written out, any saving is.
        saving = 0.2 if "written out" in name else 3
        if cost(candidate) < cost(best) - saving:
            best, how = candidate, name
    if how:
        steps.append(Step(how, plain, best))
        # The atoms have met their inverses: what is left is also the form for code.
        return best, best, tuple(steps)
    return atoms, best, tuple(steps)


def candidates(expr: Expr, context: Context) -> Iterable[tuple[str, Expr]]:
    """Yield named rewritings of an adjoint that may be cheaper: sympy's, and with read adjoints written out."""
    if may_cancel(expr):
        yield from _sympy_forms("", expr, context)
    written = expr
    for access in adjoint_accesses(expr):
        adjoint = context.adjoints.get(access.name)
        if adjoint is None or not _may_meet_inverse(adjoint.textbook):
            continue
        written = write_out(written, access, adjoint)
        label = f"{access.name} written out"
        inlined = apply_rules(written, context)
        yield label, inlined
        yield from _sympy_forms(label, inlined, context)
        solved = apply_rules(context.names.solved(inlined), context)
        if solved != inlined:
            yield label, solved
            yield from _sympy_forms(label, solved, context)


def _sympy_forms(label: str, expr: Expr, context: Context) -> Iterable[tuple[str, Expr]]:
    if cost(expr) > LARGEST_FOR_SYMPY or not may_cancel(expr):
        return
    nodes = scalar_template(expr)[1]
    for name, form in rewritings(expr):
        ordered = in_order_of(nodes, form)
        rules = f"{label}, {name}" if label else name
        yield rules, apply_rules(ordered, context)


def may_cancel(expr: Expr) -> bool:
    """Whether cancelling or factoring could change anything: a sum with products, or a sum over a denominator."""
    has_sum = any(isinstance(node, Add) for node in walk(expr))
    if isinstance(expr, Add):
        return len(expr.terms) > 1 and any(isinstance(term, (Mul, Power)) for term in expr.terms)
    return has_sum and isinstance(expr, Mul) and any(_is_below(node) for node in walk(expr))


def _may_meet_inverse(expr: Expr) -> bool:
    """Whether an adjoint has a denominator that a factor may cancel, or is hardly longer than a name."""
    return cost(expr) <= 2.5 or any(_is_below(node) for node in walk(expr) if not isinstance(node, Access))


def adjoint_accesses(expr: Expr) -> tuple[Access, ...]:
    """Return the adjoints that `expr` reads, in order of appearance."""
    return tuple(
        dict.fromkeys(node for node in walk(expr) if isinstance(node, Access) and node.name.endswith("_bar"))
    )


def write_out(expr: Expr, access: Access, adjoint: Adjoint) -> Expr:
    """Return `expr` with every reading of an adjoint replaced by its textbook form, wherever it stands."""
    own = adjoint.access.indices

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access) and node.name == access.name:
            return substitute(adjoint.textbook, dict(zip(own, node.indices, strict=True)))
        return node

    return transform(expr, rule)


def near(expr: Expr, terms: Iterable[Term], network: Network) -> tuple[Equation, ...]:
    """Return the forward equations that a rule should try on an adjoint: those of its terms, and those of what it
    reads.  Only these, so that the cost stays linear in the number of equations."""
    found: dict[int, Equation] = {}
    for term in terms:
        for equation in network.definitions.get(term.equation.name, ()):
            found[id(equation)] = equation
    for name in sorted(names_of(expr)):
        for equation in network.definitions.get(name, ()):
            found[id(equation)] = equation
    return tuple(found.values())


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
            return Mul((*numbers, *sorted(others, key=lambda factor: (isinstance(factor, Add), first(factor)))))
        if isinstance(node, Add):
            return Add(tuple(sorted(node.terms, key=lambda term: (is_negative(term), first(term)))))
        return node

    return transform(expr, rule)


def split_sums(expr: Expr, context: Context) -> Expr:
    """Write the sum of a sum of terms as several sums."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Reduction) and node.kind == "sum":
            body = expand_product(node.body)
            if isinstance(body, Add):
                return add(*(sum_over(node.bounds, term) for term in body.terms))
        return node

    return transform(expr, rule)


def expand_product(expr: Expr) -> Expr:
    """Return a product with one sum among its factors multiplied out."""
    if isinstance(expr, Mul):
        for place, factor in enumerate(expr.factors):
            if isinstance(factor, Add):
                others = expr.factors[:place] + expr.factors[place + 1 :]
                return add(*(mul(*others[:place], term, *others[place:]) for term in factor.terms))
    return expr


def final_form(adjoint: Adjoint, adjoints: Mapping[str, Adjoint], network: Network) -> Expr:
    """Return a gradient as it is handed in: adjoints written out as long as that costs little."""
    by_access = {other.access.name: other for other in adjoints.values() if other.of != adjoint.of}
    context = Context(network, adjoint.bounds, by_access, near(adjoint.textbook, adjoint.terms, network))
    expr = adjoint.textbook
    kept: set[str] = set()
    while True:
        waiting = [access for access in adjoint_accesses(expr) if access.name in by_access and access.name not in kept]
        if not waiting:
            return expr
        access = waiting[0]
        written = bound_apart(write_out(expr, access, by_access[access.name]), {b.index for b in adjoint.bounds})
        candidate = _cheapest(written, context, by_access)
        if cost(candidate) <= min(cost(expr) + INLINE_ALLOWANCE, LARGEST_FINAL):
            expr = candidate
        else:
            kept.add(access.name)


def _cheapest(expr: Expr, context: Context, adjoints: Mapping[str, Adjoint]) -> Expr:
    nearby = Context(context.network, context.bounds, adjoints, near(expr, (), context.network) + context.near)
    plain = apply_rules(expr, nearby)
    forms = [plain]
    solved = apply_rules(split_sums(nearby.names.solved(plain), nearby), nearby)
    solved = apply_rules(nearby.names.solved(solved), nearby)
    if solved != plain:
        forms.append(solved)
    for form in tuple(forms):
        forms.extend(form for _, form in _sympy_forms("", form, nearby))
    return min(forms, key=cost)

