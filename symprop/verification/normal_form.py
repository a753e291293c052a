"""A normal form for index expressions: when the difference of two vanishes, they are equal for all sizes and values.

An expression becomes a sum of terms; a term is a rational coefficient, bound indices with their ranges, and powers of
atoms.  Products of sums are multiplied out with bound indices kept apart, functions are written in exponentials and
logarithms where they are rational in them, brackets that fix a bound index pick its term, and bound indices get the
names that make the term smallest.  What is left of a difference is tested once more over common denominators.

Rules hold wherever both sides are defined: log(x*y) is log(x) + log(y), x/x is 1.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import permutations, product
from math import inf
from typing import Any

from symprop.algebra.expressions import (
    FALSE,
    MINUS_ONE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    call,
    canonical,
    compare,
    free_indices,
    iverson,
    mul,
    power,
    reduce,
    substitute,
    walk,
)
from symprop.algebra.functions import FUNCTIONS, derivative
from symprop.algebra.indices import affine, at_least, decide, linear_in, normal, within

# Beyond this many terms the numbers decide; nothing is claimed.
MOST_TERMS = 600
LARGEST_POWER = 6
MOST_BOUNDS = 6
MOST_EXPLICIT = 6


class TooLarge(Exception):
    """The normal form would have too many terms."""


@dataclass(frozen=True)
class Term:
    """``coefficient * sum(bounds, product of atom**exponent)``."""

    coefficient: Fraction
    factors: Mapping[Expr, Fraction]
    bounds: tuple[Bound, ...] = ()

    @property
    def body(self) -> Expr:
        """The product of the factors, without coefficient and sums."""
        ordered = sorted(self.factors.items(), key=lambda item: text(item[0]))
        return mul(*(power(atom, Number(exponent)) for atom, exponent in ordered))

    @property
    def identity(self) -> tuple[frozenset[tuple[Expr, Fraction]], tuple[Bound, ...]]:
        """Equal for terms with the same atoms and bounds."""
        return frozenset(self.factors.items()), self.bounds

    @property
    def rank(self) -> tuple[tuple[str, Fraction], ...]:
        """By which terms are put in order, whatever their coefficients."""
        limits = tuple((text(bound.lower) + text(bound.upper), Fraction(0)) for bound in self.bounds)
        return tuple(sorted((text(atom), exponent) for atom, exponent in self.factors.items())) + limits

    @property
    def key(self) -> Expr:
        """Equal for terms that differ in the coefficient only."""
        return reduce("sum", self.bounds, self.body)


@lru_cache(maxsize=100_000)
def text(expr: Expr) -> str:
    """Return a text that is the same for equal expressions; for putting them in order."""
    return repr(canonical(expr))


Terms = list[Term]

_SIGNED_LOG = "signed log"  # of what may be negative, in integer powers whose exponent is no number
_POSITIVE_CALLS = ("exp", "exp2", "exp10", "sigmoid", "softplus", "cosh", "abs")


def is_positive(expr: Expr) -> bool:
    """Return whether the form of an expression shows that it is positive, or 0 at single points."""
    match expr:
        case Number(value=value):
            return value > 0
        case Constant() | Size():
            return True
        case Call(function=function, orders=orders):
            return function in _POSITIVE_CALLS and not any(orders) and not _has_signed_log(expr)
        case Add(terms=parts) | Mul(factors=parts):
            return all(map(is_positive, parts))
        case Power(base=base, exponent=Number(value=value)):
            # An even power; and a root has a value only where it is not negative.
            return value.numerator % 2 == 0 or value.denominator % 2 == 0 or is_positive(base)
        case Power(base=base):
            return is_positive(base)
        case Reduction(kind="sum" | "prod" | "max" | "min", body=body):
            return is_positive(body)
        case Where(then=then, otherwise=otherwise):
            return is_positive(then) and is_positive(otherwise)
    return False


def _has_signed_log(expr: Expr) -> bool:
    return any(isinstance(node, Call) and node.function == _SIGNED_LOG for node in walk(expr))


def one(coefficient: Fraction = Fraction(1)) -> Terms:
    return [Term(coefficient, {})] if coefficient else []


class Normalizer:
    """Brings expressions into normal form. `ranges` are those of the free indices."""

    def __init__(self, ranges: Iterable[Bound] = (), deadline: float = inf, atoms: bool = False) -> None:
        self.ranges = tuple(ranges)
        self.atoms = atoms  # whether functions stay atoms that are not written in exponentials: cheaper, proves less
        self.deadline = deadline  # of time.thread_time(); beyond, nothing is proved
        self.explicit = 1  # sums over at most so many known values are written term by term
        self.count = 0
        self.memo: dict[Expr, Terms] = {}

    # -- from expressions to terms -------------------------------------------------------------------------------

    def terms(self, expr: Expr) -> Terms:
        known = self.memo.get(canonical(expr))
        if known is None:
            known = self.memo[canonical(expr)] = self.collected(self._terms(expr))
        return known

    def _terms(self, expr: Expr) -> Terms:
        match expr:
            case Number(value=value):
                return one(value)
            case Add(terms=terms):
                return [term for part in terms for term in self.terms(part)]
            case Mul(factors=factors):
                result = one()
                for factor in factors:
                    result = self.times(result, self.terms(factor))
                return result
            case Power(base=base, exponent=exponent):
                return self.power(base, exponent)
            case Call():
                return self.call(expr)
            case Reduction(kind="sum", bounds=bounds, body=body):
                return self.summed(bounds, body)
            case Reduction(kind="logsumexp", bounds=bounds, body=body):
                return self.terms(call("log", reduce("sum", bounds, call("exp", body))))
            case Where(condition=condition, then=then, otherwise=otherwise):
                return self.where(condition, then, otherwise)
            case _:
                return [Term(Fraction(1), {self.atom(expr): Fraction(1)})]

    def atom(self, expr: Expr) -> Expr:
        """An expression that is not taken apart, its inside in normal form."""
        match expr:
            case Access(name=name, indices=indices):
                return Access(name, tuple(normal(index) for index in indices))
            case Call(function=function, arguments=arguments, orders=orders):
                return Call(function, tuple(self.expression(argument) for argument in arguments), orders)
            case Reduction(kind=kind, bounds=bounds, body=body):
                plain = tuple(Bound(b.index, normal(b.lower), normal(b.upper)) for b in bounds)
                return canonical(reduce(kind, plain, self.expression(body)))
            case Compare(operator=operator, left=left, right=right):
                return canonical(compare(operator, self.expression(left), self.expression(right)))
            case Junction(operator=operator, conditions=conditions):
                return canonical(Junction(operator, tuple(self.atom(condition) for condition in conditions)))
            case Index() | Size() | Constant():
                return expr
            case _:
                return canonical(expr)

    def expression(self, expr: Expr) -> Expr:
        """Return `expr` rebuilt from its normal form: equal for expressions with equal normal forms."""
        return self.rebuilt(self.terms(expr))

    def rebuilt(self, terms: Terms) -> Expr:
        ordered = sorted(terms, key=lambda term: term.rank)
        return canonical(add(*(mul(Number(term.coefficient), term.key) for term in ordered)))

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def times(self, left: Terms, right: Terms) -> Terms:
        if len(left) * len(right) > MOST_TERMS:
            raise TooLarge
        return [self.product(a, b) for a, b in product(left, right)]

    def product(self, left: Term, right: Term) -> Term:
        right = self.apart(right, left)
        factors = dict(left.factors)
        for atom, exponent in right.factors.items():
            factors[atom] = factors.get(atom, Fraction(0)) + exponent
        return self.cleaned(Term(left.coefficient * right.coefficient, factors, (*left.bounds, *right.bounds)))

    def apart(self, term: Term, other: Term) -> Term:
        """Rename the bound indices of `term` that `other` uses too."""
        if not term.bounds:
            return term
        renamed: dict[Expr, Expr] = {}
        for bound in term.bounds:
            self.count += 1
            renamed[bound.index] = Index(f"#{self.count}")
        return self.renamed(term, renamed)

    def renamed(self, term: Term, names: Mapping[Expr, Expr]) -> Term:
        bounds = tuple(
            Bound(
                names.get(bound.index, bound.index),  # type: ignore[arg-type]
                substitute(bound.lower, names),
                substitute(bound.upper, names),
            )
            for bound in term.bounds
        )
        factors = {canonical(substitute(atom, names)): exponent for atom, exponent in term.factors.items()}
        return Term(term.coefficient, factors, bounds)

    def cleaned(self, term: Term) -> Term:
        """Drop atoms of exponent 0; brackets are idempotent."""
        factors = {
            atom: (Fraction(1) if isinstance(atom, Where) else exponent)
            for atom, exponent in term.factors.items()
            if exponent
        }
        return replace(term, factors=factors)

    def power(self, base: Expr, exponent: Expr) -> Terms:
        if not isinstance(exponent, Number):
            if is_positive(base):
                return self.call(call("exp", mul(exponent, call("log", base))))
            # (x**2)**(1/2) is abs(x): what may be negative has a logarithm of its own, which is taken apart by no rule.
            own = [Term(Fraction(1), {canonical(call(_SIGNED_LOG, self.expression(base))): Fraction(1)})]
            return self.exponential(self.times(self.terms(exponent), own))
        value, inner = exponent.value, self.terms(base)
        if not inner:
            return []
        if len(inner) == 1 and not inner[0].bounds:
            single = self.power_of_term(inner[0], value)
            if single is not None:
                return single
        if value.denominator == 1 and 0 < value <= LARGEST_POWER:
            result = one()
            for _ in range(int(value)):
                result = self.times(result, inner)
            return result
        content, common, rest = self.primitive(inner)
        if value.denominator == 1:
            outside = self.power_of_term(Term(content, common), value) or []
        elif content > 0 and not common:
            outside = [Term(Fraction(1), {Number(content): value})] if content != 1 else one()
        else:
            rest, outside = inner, one()
        return self.times(outside, [Term(Fraction(1), {self.rebuilt(rest): value})])

    def power_of_term(self, term: Term, value: Fraction) -> Terms | None:
        """A power of one product: distributed over its factors, for a root only if nothing is lost by it."""
        if value.denominator == 1:
            if value < 0 and not term.coefficient:
                return None
            coefficient = term.coefficient ** int(value) if abs(value) <= 64 else None
            if coefficient is None:
                return None
            return [self.cleaned(Term(coefficient, {a: e * value for a, e in term.factors.items()}))]
        if any(exponent.denominator == 1 and exponent % 2 == 0 for exponent in term.factors.values()):
            return None  # sqrt(x**2) is abs(x)
        if any(_has_signed_log(atom) for atom in term.factors):
            if len(term.factors) > 1 or term.coefficient != 1:
                return None
            # Nor is sqrt(x**y) always x**(y/2); a root has a value where its base is its own absolute value.
            return [Term(Fraction(1), {canonical(call("abs", a)): e * value for a, e in term.factors.items()})]
        if len(term.factors) == 1 and term.coefficient == 1:
            return [Term(Fraction(1), {a: e * value for a, e in term.factors.items()})]
        if not term.factors and term.coefficient > 0:
            return [Term(Fraction(1), {Number(term.coefficient): value})]
        return None

    def primitive(self, terms: Terms) -> tuple[Fraction, dict[Expr, Fraction], Terms]:
        """Split a sum into coefficient, common atoms and the rest, so that multiples of one sum look alike."""
        common = dict(terms[0].factors)
        for term in terms[1:]:
            common = {atom: min(exponent, term.factors.get(atom, Fraction(0))) for atom, exponent in common.items()} | {
                atom: exponent for atom, exponent in term.factors.items() if exponent < 0 and atom not in common
            }
        for atom in list(common):
            lowest = min(term.factors.get(atom, Fraction(0)) for term in terms)
            common[atom] = lowest
        bound = {b.index for term in terms for b in term.bounds}
        common = {a: e for a, e in common.items() if e and not (free_indices(a) & bound) and not isinstance(a, Where)}
        rest = [
            replace(
                term,
                factors={a: e - common.get(a, Fraction(0)) for a, e in term.factors.items()}
                | {a: -e for a, e in common.items() if a not in term.factors},
            )
            for term in terms
        ]
        rest = self.collected([self.cleaned(term) for term in rest])
        leading = min(rest, key=lambda term: term.rank).coefficient
        return leading, common, [replace(term, coefficient=term.coefficient / leading) for term in rest]

    # -- functions -----------------------------------------------------------------------------------------------

    def call(self, expr: Call) -> Terms:
        function, arguments = expr.function, expr.arguments
        if function == "stop":
            return self.terms(arguments[0])
        if expr.orders:
            if function in FUNCTIONS:
                return self.terms(derivative(expr))
            return [Term(Fraction(1), {self.atom(expr): Fraction(1)})]
        if function == "exp":
            return self.exponential(self.terms(arguments[0]))
        if function == "log":
            return self.logarithm(self.terms(arguments[0]))
        if self.atoms and function in FUNCTIONS:
            return self.with_parity(expr)
        written = in_exponentials(function, arguments)
        if written is not None:
            return self.terms(written)
        return self.with_parity(expr)

    def exponential(self, terms: Terms) -> Terms:
        """exp of a sum is the product of the exponentials; exp(c*log(x)) is x**c if x is positive or c even.

        A logarithm stands for that of the absolute value, of which log(x**2) = 2*log(x) and log(x*y) = log(x) + log(y)
        are true on both sides of 0; so exp(log(x**2)/2) does not become x.
        """
        result = one()
        for term in terms:
            if not term.bounds and len(term.factors) == 1:
                ((atom, exponent),) = term.factors.items()
                is_log = isinstance(atom, Call) and atom.function == "log" and exponent == 1
                is_signed = isinstance(atom, Call) and atom.function == _SIGNED_LOG and exponent == 1
                if is_signed or (is_log and (is_positive(atom.children[0]) or term.coefficient % 2 == 0)):
                    result = self.times(result, self.power(atom.children[0], Number(term.coefficient)))
                    continue
            base = call("exp", canonical(replace(term, coefficient=Fraction(1)).key))
            result = self.times(result, [Term(Fraction(1), {canonical(base): term.coefficient})])
        return result

    def logarithm(self, terms: Terms) -> Terms:
        """log of a product is the sum of the logarithms, wherever those are defined."""
        if not terms:
            return [Term(Fraction(1), {call("log", ZERO): Fraction(1)})]
        content, common, rest = self.primitive(terms)
        if content < 0:
            content, rest = -content, [replace(term, coefficient=-term.coefficient) for term in rest]
        result: Terms = []
        if content != 1:
            result += self.log_of_number(content)
        for atom, exponent in common.items():
            result += [replace(t, coefficient=t.coefficient * exponent) for t in self.log_of_atom(atom)]
        if len(rest) == 1 and not rest[0].bounds:
            if rest[0].coefficient != 1:
                return [*result, Term(Fraction(1), {call("log", self.rebuilt(rest)): Fraction(1)})]
            for atom, exponent in rest[0].factors.items():
                result += [replace(t, coefficient=t.coefficient * exponent) for t in self.log_of_atom(atom)]
            return result
        return [*result, Term(Fraction(1), {canonical(call("log", self.rebuilt(rest))): Fraction(1)})]

    def log_of_atom(self, atom: Expr) -> Terms:
        if isinstance(atom, Call) and atom.function == "exp" and not atom.orders:
            return self.terms(atom.arguments[0])
        if isinstance(atom, Number):
            return self.log_of_number(atom.value)
        return [Term(Fraction(1), {canonical(call("log", atom)): Fraction(1)})]

    def log_of_number(self, value: Fraction) -> Terms:
        """Logarithms of integers in those of primes, as far as trial division by small ones goes."""
        result: Terms = []
        for part, sign in ((value.numerator, 1), (value.denominator, -1)):
            rest = part
            for prime in (2, 3, 5, 7, 11, 13):
                count = 0
                while rest % prime == 0 and rest > 1:
                    rest //= prime
                    count += 1
                if count:
                    result.append(Term(Fraction(sign * count), {call("log", Number(Fraction(prime))): Fraction(1)}))
            if rest > 1:
                result.append(Term(Fraction(sign), {call("log", Number(Fraction(rest))): Fraction(1)}))
        return result

    def with_parity(self, expr: Call) -> Terms:
        """Write odd and even functions at an argument whose leading coefficient is positive."""
        parity = _PARITY.get(expr.function)
        inner = self.terms(expr.arguments[0]) if len(expr.arguments) == 1 else []
        if parity is not None and inner:
            leading = min(inner, key=lambda term: term.rank).coefficient
            if leading < 0:
                positive = self.rebuilt([replace(term, coefficient=-term.coefficient) for term in inner])
                return [Term(Fraction(parity), {canonical(call(expr.function, positive)): Fraction(1)})]
        return [Term(Fraction(1), {self.atom(expr): Fraction(1)})]

    # -- conditions and sums -------------------------------------------------------------------------------------

    def where(self, condition: Expr, then: Expr, otherwise: Expr) -> Terms:
        holds = self.bracket(condition)
        fails = self.minus(one(), holds)
        return self.times(holds, self.terms(then)) + self.times(fails, self.terms(otherwise))

    def minus(self, left: Terms, right: Terms) -> Terms:
        return left + [replace(term, coefficient=-term.coefficient) for term in right]

    def bracket(self, condition: Expr) -> Terms:
        """A bracket as a polynomial in brackets of single comparisons: and is the product, not is 1 minus it."""
        condition = decide(condition, self.ranges)
        if condition is TRUE:
            return one()
        if condition is FALSE:
            return []
        if isinstance(condition, Junction):
            if condition.operator == "not":
                return self.minus(one(), self.bracket(condition.conditions[0]))
            if condition.operator == "and":
                result = one()
                for part in condition.conditions:
                    result = self.times(result, self.bracket(part))
                return result
            result = one()
            for part in condition.conditions:
                result = self.times(result, self.minus(one(), self.bracket(part)))
            return self.minus(one(), result)
        if isinstance(condition, Compare):
            return self.comparison(condition)
        return [Term(Fraction(1), {canonical(iverson(condition)): Fraction(1)})]

    def comparison(self, condition: Compare) -> Terms:
        operator = condition.operator
        if operator == "!=":
            return self.minus(one(), self.bracket(compare("==", condition.left, condition.right)))
        if operator in (">", ">="):
            mirrored = compare("<" if operator == ">" else "<=", condition.right, condition.left)
            return self.bracket(mirrored)
        if operator == "divides":
            atom = compare("divides", normal(condition.left), normal(condition.right))
            return [Term(Fraction(1), {canonical(iverson(atom)): Fraction(1)})]
        difference = self.expression(condition.right - condition.left)
        if operator == "<" and _is_integer(condition):
            # Over integers a < b is a + 1 <= b.
            difference, operator = self.expression(difference - ONE), "<="
        if operator == "==" and _first_is_negative(difference):
            difference = self.expression(-difference)
        return [Term(Fraction(1), {canonical(iverson(compare(operator, ZERO, difference))): Fraction(1)})]

    def summed(self, bounds: tuple[Bound, ...], body: Expr) -> Terms:
        renamed: dict[Expr, Expr] = {}
        fresh: list[Bound] = []
        for bound in bounds:
            self.count += 1
            index = Index(f"#{self.count}")
            lower, upper = (normal(substitute(limit, renamed)) for limit in (bound.lower, bound.upper))
            renamed[bound.index] = index
            fresh.append(Bound(index, lower, upper))
        outer = self.ranges
        self.ranges = (*outer, *fresh)
        try:
            inner = self.terms(substitute(body, renamed))
        finally:
            self.ranges = outer
        result: Terms = []
        for term in inner:
            result += self.over(tuple(fresh), term)
        return result

    def over(self, bounds: tuple[Bound, ...], term: Term) -> Terms:
        """The sum of one term over `bounds`: brackets that fix an index pick its term, unused indices count."""
        pending = list(bounds) + list(term.bounds)
        factors = dict(term.factors)
        scale = one(term.coefficient)
        changed = True
        while changed:
            changed = False
            for place, bound in enumerate(pending):
                solution = _solution(bound, factors)
                if solution is None:
                    continue
                bracket, value = solution
                del factors[bracket]
                mapping: dict[Expr, Expr] = {bound.index: value}
                rest = [
                    other._replace(
                        lower=normal(substitute(other.lower, mapping)), upper=normal(substitute(other.upper, mapping))
                    )
                    for other in pending[:place] + pending[place + 1 :]
                ]
                replaced: Terms = one()
                for atom, exponent in factors.items():
                    replaced = self.times(replaced, self.power(substitute(atom, mapping), Number(exponent)))
                guard = self.bracket(within(value, bound.lower, bound.upper, (*self.ranges, *rest)))
                parts = self.times(self.times(scale, guard), replaced)
                return [t for part in parts for t in self.over(tuple(rest), part)]
            for place, bound in enumerate(pending):
                length = normal(bound.upper - bound.lower + ONE)
                if isinstance(length, Number) and length.value <= self.explicit:
                    rest_ = pending[:place] + pending[place + 1 :]
                    return [t for part in self.written_term_by_term(bound, length, rest_, factors, scale)
                            for t in part]  # fmt: skip
            for place, bound in enumerate(pending):
                used = any(bound.index in free_indices(atom) for atom in factors) or any(
                    bound.index in free_indices(other.lower) | free_indices(other.upper) for other in pending
                )
                extent = normal(bound.upper - bound.lower + ONE)
                outer = (*self.ranges, *(o for o in pending if o is not bound))
                if not used and at_least(extent, ZERO, outer):
                    pending.pop(place)
                    factor = self.terms(extent)
                    base = Term(Fraction(1), factors, ())
                    parts = self.times(self.times(scale, factor), [base])
                    return [t for part in parts for t in self.over(tuple(pending), part)]
        return [Term(scale[0].coefficient, factors, tuple(pending))] if scale else []

    def written_term_by_term(
        self, bound: Bound, length: Number, rest: list[Bound], factors: Mapping[Expr, Fraction], scale: Terms
    ) -> Iterator[Terms]:
        """The terms of a sum over a few values that are known."""
        for n in range(int(length.value)):
            value = normal(bound.lower + n)
            mapping: dict[Expr, Expr] = {bound.index: value}
            others = tuple(
                other._replace(
                    lower=normal(substitute(other.lower, mapping)), upper=normal(substitute(other.upper, mapping))
                )
                for other in rest
            )
            replaced: Terms = scale
            for atom, exponent in factors.items():
                replaced = self.times(replaced, self.power(substitute(atom, mapping), Number(exponent)))
            yield [t for part in replaced for t in self.over(others, part)]

    def joined(self, found: dict[Any, Term]) -> None:
        """Join sums over neighbouring ranges, and single terms that continue a sum."""
        changed = True
        while changed:
            changed = False
            for key, term in list(found.items()):
                if not term.coefficient or not term.bounds or key not in found:
                    continue
                for place, bound in enumerate(term.bounds):
                    longer = self.longer(found, key, term, place, bound)
                    if longer is not None:
                        changed = True
                        break
                if changed:
                    break

    def longer(self, found: dict[Any, Term], key: Any, term: Term, place: int, bound: Bound) -> Term | None:
        """Join one sum with what continues its range on either side, if that is there with the same coefficient."""
        if not self.reads_plainly(term, bound.index) and not at_least(bound.upper, bound.lower, self.ranges):
            return None
        others = term.bounds[:place] + term.bounds[place + 1 :]
        if any(bound.index in free_indices(o.lower) | free_indices(o.upper) for o in others):
            return None
        for end, value in ((False, normal(bound.lower - ONE)), (True, normal(bound.upper + ONE))):
            single = self.renamed(replace(term, bounds=others), {bound.index: value})
            named = self.named(replace(single, factors=self.cleaned(single).factors))
            if named.identity == key:
                continue
            other = found.get(named.identity)
            if other is None or other.coefficient != term.coefficient:
                continue
            wider = bound._replace(upper=value) if end else bound._replace(lower=value)
            joined = self.named(replace(term, bounds=(*term.bounds[:place], wider, *term.bounds[place + 1 :])))
            del found[key], found[named.identity]
            before = found.get(joined.identity)
            total = joined.coefficient + (before.coefficient if before else 0)
            found[joined.identity] = replace(joined, coefficient=total)
            return joined
        # A whole range that starts where this one ends.
        for other_key, other in list(found.items()):
            if other_key == key or other.coefficient != term.coefficient or len(other.bounds) != len(term.bounds):
                continue
            for other_place, following in enumerate(other.bounds):
                if following.lower != normal(bound.upper + ONE):
                    continue
                wider = bound._replace(upper=following.upper)
                mine = self.named(replace(term, bounds=(*others, wider)))
                stretched = following._replace(lower=bound.lower)
                rest = other.bounds[:other_place] + other.bounds[other_place + 1 :]
                theirs = self.named(replace(other, bounds=(*rest, stretched)))
                if mine.identity == theirs.identity:
                    del found[key], found[other_key]
                    before = found.get(mine.identity)
                    total = mine.coefficient + (before.coefficient if before else 0)
                    found[mine.identity] = replace(mine, coefficient=total)
                    return mine
        return None

    def reads_plainly(self, term: Term, index: Index) -> bool:
        """Whether a term reads a quantity at an index itself: then its values lie in that quantity's range."""
        return any(isinstance(node, Access) and index in node.indices for atom in term.factors for node in walk(atom))

    # -- canonical names and collecting --------------------------------------------------------------------------

    def collected(self, terms: Terms) -> Terms:
        if len(terms) > MOST_TERMS or time.thread_time() > self.deadline:
            raise TooLarge
        found: dict[Any, Term] = {}
        for term in self.without_squares_of_sines(terms):
            named = self.named(term)
            key = named.identity
            before = found.get(key)
            total = named.coefficient + (before.coefficient if before else 0)
            found[key] = replace(named, coefficient=total)
        found = {key: term for key, term in found.items() if term.coefficient}
        if len({(b.lower, b.upper) for term in found.values() for b in term.bounds}) > 0 and len(found) > 1:
            self.joined(found)
        return [term for term in found.values() if term.coefficient]

    def without_squares_of_sines(self, terms: Terms) -> Terms:
        """sin(x)**2 = 1 - cos(x)**2, so that only one of the two has higher powers."""
        result: Terms = []
        for term in terms:
            for atom, exponent in term.factors.items():
                if isinstance(atom, Call) and atom.function == "sin" and exponent >= 2:
                    cosine = call("cos", *atom.arguments)
                    rest = {**term.factors, atom: exponent - 2}
                    other = {**rest, cosine: rest.get(cosine, Fraction(0)) + 2}
                    split = [replace(term, factors=rest), replace(term, coefficient=-term.coefficient, factors=other)]
                    result += self.without_squares_of_sines([self.cleaned(part) for part in split])
                    break
            else:
                result.append(term)
        return result

    def named(self, term: Term) -> Term:
        """Name bound indices by the order that makes the term's text smallest."""
        if not term.bounds:
            return term
        if len(term.bounds) > MOST_BOUNDS:
            raise TooLarge
        best: tuple[Any, Term] | None = None
        for ordering in permutations(range(len(term.bounds))):
            names: dict[Expr, Expr] = {
                term.bounds[place].index: Index(f"@{rank}") for rank, place in enumerate(ordering)
            }
            renamed = self.renamed(term, names)
            bounds = tuple(sorted(renamed.bounds, key=lambda bound: bound.index.name))
            rank = replace(renamed, bounds=bounds).rank
            if best is None or rank < best[0]:
                best = rank, replace(renamed, bounds=bounds)
        assert best is not None
        return best[1]

    # -- the test ------------------------------------------------------------------------------------------------

    def vanishes(self, expr: Expr) -> bool:
        """Return whether `expr` is proved to be 0 for all sizes and values; False means not proved."""
        if self.is_zero(expr):
            return True
        if not any(
            isinstance(node, Reduction)
            and any(isinstance(normal(bound.upper - bound.lower), Number) for bound in node.bounds)
            for node in walk(expr)
        ):
            return False
        # Ranges that are known numbers: sums can be compared term by term.
        self.explicit, kept = MOST_EXPLICIT, self.memo
        self.memo = {}
        try:
            return self.is_zero(expr)
        finally:
            self.explicit, self.memo = 1, kept

    def is_zero(self, expr: Expr) -> bool:
        try:
            terms = self.without_denominators(self.terms(expr), inside_sums=False)
            groups: dict[tuple[tuple[Expr, Expr], ...], Terms] = {}
            for term in terms:
                groups.setdefault(tuple((b.lower, b.upper) for b in term.bounds), []).append(term)
            return not any(self.without_denominators(group, inside_sums=True) for group in groups.values())
        except TooLarge:
            return False

    def without_denominators(self, terms: Terms, inside_sums: bool) -> Terms:
        """Multiply terms by the denominators that are sums, until none is left; [] means that they add up to 0.

        A denominator with a bound index can be cleared among terms under the same sums (`inside_sums`); one without,
        among all.
        """
        for _ in range(8):
            denominators: dict[Expr, Fraction] = {}
            for term in terms:
                bound = {b.index for b in term.bounds}
                for atom, exponent in term.factors.items():
                    if not (isinstance(atom, (Add, Reduction)) and exponent.denominator == 1 and exponent < 0):
                        continue
                    if inside_sums or not (free_indices(atom) & bound):
                        denominators[atom] = max(denominators.get(atom, Fraction(0)), -exponent)
            if not denominators:
                return terms
            cleared: Terms = []
            for term in terms:
                parts = [Term(term.coefficient, {}, ())]
                left = dict(term.factors)
                for atom, most in denominators.items():
                    exponent = most + left.pop(atom, Fraction(0))
                    if exponent:
                        parts = self.times(parts, self.power(atom, Number(exponent)))
                parts = [self.product(replace(term, coefficient=Fraction(1), factors=left), part) for part in parts]
                cleared += parts
            terms = self.collected(cleared)
        return terms


_PARITY = {
    "sin": -1, "tan": -1, "cot": -1, "csc": -1, "asin": -1, "atan": -1, "erf": -1, "sign": -1, "asinh": -1,
    "cbrt": -1, "cos": 1, "sec": 1, "abs": 1,
}  # fmt: skip


def in_exponentials(function: str, arguments: tuple[Expr, ...]) -> Expr | None:
    """Return a function in exp, log, sin, cos and brackets, or None if it stays an atom."""
    u = arguments[0]
    match function:
        case "sinh":
            return (call("exp", u) - call("exp", -u)) / 2
        case "cosh":
            return (call("exp", u) + call("exp", -u)) / 2
        case "tanh":
            return (call("exp", 2 * u) - ONE) / (call("exp", 2 * u) + ONE)
        case "coth":
            return (call("exp", 2 * u) + ONE) / (call("exp", 2 * u) - ONE)
        case "sech":
            return 2 / (call("exp", u) + call("exp", -u))
        case "csch":
            return 2 / (call("exp", u) - call("exp", -u))
        case "sigmoid":
            return 1 / (1 + call("exp", -u))
        case "expm1":
            return call("exp", u) - ONE
        case "log1p":
            return call("log", u + ONE)
        case "log2" | "log10":
            return call("log", u) / call("log", Number(Fraction(int(function[3:]))))
        case "exp2" | "exp10":
            return call("exp", u * call("log", Number(Fraction(int(function[3:])))))
        case "tan":
            return call("sin", u) / call("cos", u)
        case "cot":
            return call("cos", u) / call("sin", u)
        case "sec":
            return 1 / call("cos", u)
        case "csc":
            return 1 / call("sin", u)
        case "atanh":
            return (call("log", 1 + u) - call("log", 1 - u)) / 2
        case "asinh":
            return call("log", u + power(power(u, Number(Fraction(2))) + ONE, Number(Fraction(1, 2))))
        case "abs" | "sign" | "max" | "min" | "floor" | "ceil" | "cbrt" | "atan2":
            return None
    row = FUNCTIONS.get(function)
    if row is None or row.definition is None:
        return None
    return substitute(row.definition, dict(zip(row.symbols, arguments, strict=True)))


def _is_integer(condition: Compare) -> bool:
    try:
        affine(condition.left - condition.right)
    except ValueError:
        return False
    return not any(isinstance(node, Access) for node in _leaves(condition))


def _leaves(expr: Expr) -> Iterator[Expr]:
    if not expr.children:
        yield expr
    for child in expr.children:
        yield from _leaves(child)


def _first_is_negative(expr: Expr) -> bool:
    first = expr.terms[0] if isinstance(expr, Add) else expr
    if isinstance(first, Number):
        return first.value < 0 and not isinstance(expr, Add)
    return isinstance(first, Mul) and isinstance(first.factors[0], Number) and first.factors[0].value < 0


def _solution(bound: Bound, factors: Mapping[Expr, Fraction]) -> tuple[Expr, Expr] | None:
    """Return a bracket that fixes a bound index, and the value it fixes it to."""
    for atom in factors:
        if not (isinstance(atom, Where) and isinstance(atom.condition, Compare)):
            continue
        if atom.condition.operator != "==" or bound.index not in free_indices(atom):
            continue
        try:
            coefficient, rest = linear_in(atom.condition.left - atom.condition.right, bound.index)
        except ValueError:
            continue
        if coefficient in (ONE, MINUS_ONE):
            return atom, normal(mul(MINUS_ONE, coefficient, rest))
    return None
