"""Recognising the right side of a forward equation inside an expression, and calling it by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from symprop.algebra.expressions import (
    MINUS_ONE,
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
    Number,
    Power,
    Reduction,
    Where,
    add,
    base_and_exponent,
    factors_of,
    free_indices,
    junction,
    mul,
    names_of,
    negative,
    power,
    substitute,
)
from symprop.algebra.indices import conditions_of, linear_in, normal, tighten, within
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
    if isinstance(pattern, Access):
        if len(pattern.children) != len(expr.children):
            return
        # Plain indices first: they bind what the others need.
        pairs = sorted(zip(pattern.children, expr.children, strict=True), key=lambda pair: type(pair[0]) is not Index)
        yield from _match_indices(pairs, binding, variables)
        return
    yield from _match_in_order(pattern.children, expr.children, binding, variables)


def _match_indices(pairs: list[tuple[Expr, Expr]], binding: Binding, variables: frozenset[Index]) -> Iterator[Binding]:
    """Match index expressions by their value: ``h[t - 1]`` is ``h[s]`` for t = s + 1."""
    if not pairs:
        yield binding
        return
    (pattern, expr), *rest = pairs
    pattern = substitute(pattern, binding) if not isinstance(pattern, Index) else pattern
    unknown = free_indices(pattern) & variables - binding.keys()
    found: Iterable[Binding] = ()
    if isinstance(pattern, Index):
        found = match(pattern, expr, binding, variables)
    elif not unknown:
        found = (binding,) if normal(pattern) == normal(expr) else ()
    elif len(unknown) == 1 and (solution := _solved(pattern, expr, *unknown)) is not None:
        found = ({**binding, **solution},)
    else:
        found = match(pattern, expr, binding, variables)
    for each in found:
        yield from _match_indices(rest, each, variables)


def _solved(pattern: Expr, expr: Expr, variable: Index) -> Binding | None:
    """Return the value of `variable` that makes a pattern an index expression, if its coefficient is 1 or -1."""
    try:
        coefficient, rest = linear_in(pattern, variable)
    except ValueError:
        return None
    return {variable: normal(coefficient * (expr - rest))} if coefficient in (ONE, MINUS_ONE) else None


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
            inner for outer in found for inner in _match_in_order(limits, (other.lower, other.upper), outer, variables)
        ]
    bound = {other.index for other in expr.bounds}
    for outer in found:
        for inner in match(substitute(pattern.body, renamed), expr.body, outer, variables - bound):
            if not any(free_indices(value) & bound for key, value in inner.items() if key not in bound):
                yield inner


@dataclass(frozen=True)
class Rewriting:
    """``pattern -> result`` for every value of the variables within `bounds`."""

    pattern: Expr
    result: Expr
    bounds: tuple[Bound, ...]

    @property
    def variables(self) -> frozenset[Index]:
        """The indices that stand for any index expression in their range."""
        return frozenset(bound.index for bound in self.bounds)

    def at(self, form: Expr, binding: Binding) -> Expr:
        """Return a form of the pattern's variables, such as the result, for their values."""
        return substitute(form, binding)

    def bindings(self, pattern: Expr, node: Expr, ranges: tuple[Bound, ...]) -> Iterator[Binding]:
        """Yield the values of all variables that make `pattern` a node and are proved to be in range there."""
        for binding in match(pattern, node, {}, self.variables):
            if self.holds(binding, ranges):
                yield binding

    def holds(self, binding: Binding, ranges: tuple[Bound, ...]) -> bool:
        """Return whether every variable has a value and each is in its range, wherever `ranges` hold.

        An equation says nothing outside its range: ``h[t] = ...`` for t from 1 on does not tell what h[0] is.
        """
        return all(
            bound.index in binding
            and _holds(
                within(
                    binding[bound.index], substitute(bound.lower, binding), substitute(bound.upper, binding), ranges
                ),
                ranges,
            )
            for bound in self.bounds
        )


class Place(tuple[Bound, ...]):
    """The ranges of the indices at a place, and conditions that hold there besides: ``0 <= p - k``."""

    known: tuple[Expr, ...] = ()

    @classmethod
    def where(cls, ranges: Iterable[Bound], known: tuple[Expr, ...]) -> Place:
        """Return the place of these ranges and conditions."""
        place = cls(ranges)
        place.known = known
        return place


def _holds(condition: Expr, ranges: tuple[Bound, ...]) -> bool:
    """Whether every part of a condition is decided, or known to hold at a place."""
    if condition is TRUE:
        return True
    known = ranges.known if isinstance(ranges, Place) else ()
    if not known:
        return False
    gaps = {normal(part.right - part.left) for part in known if isinstance(part, Compare) and part.operator == "<="}
    return all(
        isinstance(part, Compare) and part.operator == "<=" and normal(part.right - part.left) in gaps
        for part in conditions_of(condition)
    )


@lru_cache(maxsize=4096)
def rewriting(pattern: Expr, result: Expr, bounds: tuple[Bound, ...]) -> Rewriting:
    """Return a rewriting whose variables have names that no expression has."""
    apart: dict[Expr, Expr] = {}
    renamed: list[Bound] = []
    for bound in bounds:
        lower, upper = substitute(bound.lower, apart), substitute(bound.upper, apart)
        index = Index(f"?{bound.index.name}")
        apart[bound.index] = index
        renamed.append(Bound(index, lower, upper))
    return Rewriting(substitute(pattern, apart), substitute(result, apart), tuple(renamed))


class Names:
    """Forward equations as rewriting rules: ``right side -> name``.

    At a node those equations are tried that read nothing but what the node reads: each is filed under the quantity in
    it that the fewest others have. Those whose right side is hardly longer than a name are left out,
    unless `worth` is false.
    """

    def __init__(self, equations: Iterable[Equation], worth: bool = True) -> None:
        self.rewritings = [
            rewriting(pattern, equation.target, bounds)
            for equation in equations
            for pattern, bounds in _right_sides(equation)
            if not worth or _is_worth_a_name(pattern)
        ]
        reads = [names_of(rule.pattern) for rule in self.rewritings]
        count = Counter(name for names in reads for name in names)
        self.filed: dict[str, list[int]] = {}
        for place, names in enumerate(reads):
            rarest = min(names, key=lambda name: (count[name], name), default="")
            self.filed.setdefault(rarest, []).append(place)

    def fold(self, expr: Expr, ranges: tuple[Bound, ...]) -> Expr:
        """Replace every occurrence of a right side by its name; `ranges` are those of the free indices."""
        return transform_within(expr, ranges, self.at_node) if self.rewritings else expr

    def at_node(self, node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        """Return the name of a node, or the node if it has none."""
        done = -1
        while True:
            filed = (self.filed.get(name, ()) for name in ("", *names_of(node)))
            for place in sorted(place for places in filed for place in places if place > done):
                done, before = place, node
                node = self.once(self.rewritings[place], node, ranges)
                if node is not before:
                    break  # it reads something else now
            else:
                return node

    def once(self, rule: Rewriting, node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        pattern = rule.pattern
        if type(pattern) is type(node):
            for binding in rule.bindings(pattern, node, ranges):
                return rule.at(rule.result, binding)
        if isinstance(pattern, Power) and isinstance(node, Power):
            folded = _fold_power(pattern, node, rule, ranges)
            if folded is not None:
                return folded
        if isinstance(node, Mul) and isinstance(pattern, Mul):
            return _fold_factors(pattern, node, rule, ranges)
        return node

    def solved(self, expr: Expr, ranges: tuple[Bound, ...]) -> Expr:
        """Return what the last step of `solving` makes of an expression."""
        steps = tuple(self.solving(expr, ranges))
        return steps[-1][1] if steps else expr

    def solving(self, expr: Expr, ranges: tuple[Bound, ...]) -> Iterator[tuple[str, Expr]]:
        """Replace factors of right sides by the name divided by the other factors; yield each name and its result.

        With ``h[j] = (x[j] - mu)*r``, ``x[j] - mu`` becomes ``h[j]/r``; with ``mu = sum(j, x[j])/n`` the sum becomes
        ``mu*n``; with ``p[k] = e[k]/Z``, ``e[k]`` becomes ``p[k]*Z``.  Shorter only together with other rules, so it is
        tried, not always done.
        """
        for rule in self.rewritings:
            factors = factors_of(rule.pattern)
            for place, factor in enumerate(factors):
                others = factors[:place] + factors[place + 1 :]
                # A plain reading only where that divides by nothing.
                if others and (
                    isinstance(factor, (Add, Reduction)) or (isinstance(factor, Access) and all(map(_is_below, others)))
                ):
                    after = _solve_for(rule, place, factor, expr, ranges)
                    if after is not expr:
                        assert isinstance(rule.result, Access)
                        yield rule.result.name, after
                        expr = after


def _is_below(factor: Expr) -> bool:
    return isinstance(factor, Power) and isinstance(factor.exponent, Number) and factor.exponent.value < 0


def _solve_for(rule: Rewriting, place: int, factor: Expr, expr: Expr, ranges: tuple[Bound, ...]) -> Expr:
    factors = factors_of(rule.pattern)
    others = mul(*(factors[:place] + factors[place + 1 :]))
    solution = mul(rule.result, power(others, MINUS_ONE))
    signed = [(ONE, factor)]
    if isinstance(factor, Add):  # mu - x[j] is known as well as x[j] - mu
        signed.append((MINUS_ONE, add(*(negative(term) for term in factor.terms))))

    def at_node(node: Expr, here: tuple[Bound, ...]) -> Expr:
        if type(node) is not type(factor):
            return node
        for sign, form in signed:
            for binding in rule.bindings(form, node, here):
                return mul(sign, rule.at(solution, binding))
        return node

    return transform_within(expr, ranges, at_node)


def transform_within(expr: Expr, ranges: tuple[Bound, ...], rule: Callable[[Expr, tuple[Bound, ...]], Expr]) -> Expr:
    """Apply `rule` to every node and the ranges of the indices there, children first.

    A reduction adds the ranges of its indices, a ``where`` narrows them by what its condition says.
    """
    return _Within(ranges if isinstance(ranges, Place) else Place(ranges), rule).visit(expr)


class _Within:
    """One place from which the ranges are the same."""

    def __init__(self, ranges: Place, rule: Callable[[Expr, tuple[Bound, ...]], Expr]) -> None:
        self.ranges = ranges
        self.rule = rule
        self.memo: dict[int, Expr] = {}

    def visit(self, node: Expr) -> Expr:
        found = self.memo.get(id(node))
        if found is None:
            children = node.children
            changed = self.below(node)
            same = all(a is b for a, b in zip(changed, children, strict=True))
            found = self.memo[id(node)] = self.rule(node if same else node.rebuild(changed), self.ranges)
        return found

    def below(self, node: Expr) -> tuple[Expr, ...]:
        if isinstance(node, Reduction):
            here, children = self, []
            for bound in node.bounds:
                children += [here.visit(bound.lower), here.visit(bound.upper)]
                outer = tuple(other for other in here.ranges if not _concerns(other, bound.index))
                known = tuple(part for part in here.ranges.known if bound.index not in free_indices(part))
                here = _Within(Place.where((*outer, bound), known), self.rule)
            return (*children, here.visit(node.body))
        if isinstance(node, Where):
            return (
                self.visit(node.condition),
                self.where(node.condition).visit(node.then),
                self.where(junction("not", node.condition)).visit(node.otherwise),
            )
        return tuple(map(self.visit, node.children))

    def where(self, condition: Expr) -> _Within:
        """The same with the ranges narrowed by what `condition` says."""
        ranges = list(self.ranges)
        for place, bound in enumerate(ranges):
            before = ranges[:place]
            names = {other.index for other in before}
            for part in conditions_of(condition):
                if bound.index in free_indices(part) and free_indices(part) <= {*names, bound.index}:
                    bound = _narrowed(bound, part, before)
            ranges[place] = bound
        known = tuple(dict.fromkeys((*self.ranges.known, *conditions_of(condition))))
        return _Within(Place.where(ranges, known), self.rule)


def _concerns(bound: Bound, index: Index) -> bool:
    return bound.index is index or index in free_indices(bound.lower) | free_indices(bound.upper)


def _narrowed(bound: Bound, part: Expr, before: list[Bound]) -> Bound:
    if isinstance(part, Compare) and part.operator == "==" and part.left is bound.index:
        return bound._replace(lower=part.right, upper=part.right)
    return tighten(bound, part, before)[0]


def _right_sides(equation: Equation) -> Iterator[tuple[Expr, tuple[Bound, ...]]]:
    """Yield the right side of an equation, and what it is where its condition holds, each with the ranges for that."""
    yield equation.expression, equation.bounds
    if isinstance(equation.expression, Where) and equation.expression.otherwise is ZERO:
        bounds: list[Bound] = []
        left = equation.expression.condition
        for bound in equation.bounds:
            names = {other.index for other in bounds} | {bound.index}
            here = [part for part in conditions_of(left) if free_indices(part) <= names]
            others = [part for part in conditions_of(left) if part not in here]
            tightened, kept = tighten(bound, junction("and", *here), bounds)
            bounds.append(tightened)
            left = junction("and", *others, kept)
        if left is TRUE:
            yield equation.expression.then, tuple(bounds)


def _is_worth_a_name(expr: Expr) -> bool:
    """Whether an expression is longer than a name; a bare reading or number is not."""
    if isinstance(expr, (Access, Number, Index)):
        return False
    return not (isinstance(expr, Mul) and all(isinstance(factor, (Access, Number)) for factor in expr.factors))


def _fold_power(pattern: Power, node: Power, rule: Rewriting, ranges: tuple[Bound, ...]) -> Expr | None:
    """With ``r = s**(-1/2)``: ``s**(-3/2)`` is ``r**3``."""
    if not (isinstance(pattern.exponent, Number) and isinstance(node.exponent, Number)):
        return None
    ratio = node.exponent.value / pattern.exponent.value
    if ratio.denominator != 1:
        return None
    for binding in rule.bindings(pattern.base, node.base, ranges):
        return power(rule.at(rule.result, binding), Number(Fraction(ratio)))
    return None


def _fold_factors(pattern: Mul, node: Mul, rule: Rewriting, ranges: tuple[Bound, ...]) -> Expr:
    """Replace as many whole copies of the pattern's factors as the product holds."""
    coefficient = pattern.factors[0].value if isinstance(pattern.factors[0], Number) else Fraction(1)
    wanted = [base_and_exponent(factor) for factor in pattern.factors if not isinstance(factor, Number)]
    held = [base_and_exponent(factor) for factor in node.factors]
    for binding, places in _assign(wanted, held, {}, rule.variables, ()):
        if not rule.holds(binding, ranges):
            continue
        copies = min(
            (_copies(held[place][1], exponent) for place, (_, exponent) in zip(places, wanted, strict=True)),
            default=0,
        )
        if copies < 1:
            continue
        name = rule.at(rule.result, binding)
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
