"""Integer expressions over indices and sizes: polynomials, affine forms, ranges, and what can be proved of them.

Sizes are positive integers and nothing else is known of them, so a statement is proved only if it holds for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import lcm

from symprop.algebra.expressions import (
    FALSE,
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
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    compare,
    free_indices,
    junction,
    mul,
    power,
    substitute,
    transform,
    walk,
)

# A monomial is a sorted tuple of (atom, exponent); a polynomial maps monomials to coefficients.
Monomial = tuple[tuple[Expr, int], ...]
Polynomial = dict[Monomial, Fraction]

LARGEST_POLYNOMIAL = 256  # terms; beyond, an expression is taken as it stands


@lru_cache(maxsize=8192)
def polynomial(expr: Expr) -> Mapping[Monomial, Fraction]:
    """Return `expr` expanded; anything but sums, products and small powers is an atom."""
    if isinstance(expr, Number):
        return {(): expr.value} if expr.value else {}
    if isinstance(expr, Add):
        result: Mapping[Monomial, Fraction] = {}
        for term in expr.terms:
            result = _sum(result, polynomial(term))
        return result
    if isinstance(expr, Mul):
        result = {(): Fraction(1)}
        for factor in expr.factors:
            result = _product(result, polynomial(factor))
            if len(result) > LARGEST_POLYNOMIAL:
                return {((expr, 1),): Fraction(1)}
        return result
    if isinstance(expr, Power) and isinstance(expr.exponent, Number):
        exponent = expr.exponent.value
        if exponent.denominator == 1 and 0 < exponent <= 8:
            base = polynomial(expr.base)
            result = {(): Fraction(1)}
            for _ in range(int(exponent)):
                result = _product(result, base)
                if len(result) > LARGEST_POLYNOMIAL:
                    return {((expr, 1),): Fraction(1)}
            return result
    return {((expr, 1),): Fraction(1)}


def _sum(left: Mapping[Monomial, Fraction], right: Mapping[Monomial, Fraction], factor: int = 1) -> Polynomial:
    result = dict(left)
    for monomial, coefficient in right.items():
        result[monomial] = result.get(monomial, Fraction(0)) + factor * coefficient
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def _product(left: Mapping[Monomial, Fraction], right: Mapping[Monomial, Fraction]) -> Polynomial:
    result: Polynomial = {}
    for one, a in left.items():
        for other, b in right.items():
            exponents = dict(one)
            for atom, exponent in other:
                exponents[atom] = exponents.get(atom, 0) + exponent
            monomial = tuple(sorted(exponents.items(), key=lambda item: repr(item[0])))
            result[monomial] = result.get(monomial, Fraction(0)) + a * b
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def from_polynomial(terms: Mapping[Monomial, Fraction]) -> Expr:
    """Return the expression of a polynomial: indices first, then sizes, then the number."""
    ordered = sorted(terms.items(), key=lambda item: (_rank(item[0]), item[1] < 0, repr(item[0])))
    return add(
        *(
            mul(Number(coefficient), *(power(atom, Number(Fraction(exponent))) for atom, exponent in monomial))
            for monomial, coefficient in ordered
        )
    )


def _rank(monomial: Monomial) -> int:
    if any(free_indices(atom) for atom, _ in monomial):
        return 0
    return 1 if monomial else 2


def normal(expr: Expr) -> Expr:
    """Return an index expression or limit in expanded form, ``2*p + k - 1``; equal ones come out equal."""
    return from_polynomial(polynomial(expr))


def affine(expr: Expr) -> tuple[dict[Index, Expr], Expr]:
    """Return the coefficients by index and the offset of an affine index expression.

    Raises
    ------
    ValueError
        If an index is multiplied by an index or stands inside anything but sums and products.
    """
    coefficients: dict[Index, Polynomial] = {}
    offset: Polynomial = {}
    for monomial, coefficient in polynomial(expr).items():
        indices = [(atom, exponent) for atom, exponent in monomial if isinstance(atom, Index)]
        if any(free_indices(atom) for atom, _ in monomial if not isinstance(atom, Index)):
            raise ValueError("an index stands inside a function")
        if not indices:
            offset[monomial] = coefficient
        elif len(indices) == 1 and indices[0][1] == 1:
            index = indices[0][0]
            rest = tuple(item for item in monomial if item[0] is not index)
            coefficients.setdefault(index, {})[rest] = coefficient
        else:
            raise ValueError("an index is multiplied by an index")
    return {index: from_polynomial(terms) for index, terms in coefficients.items()}, from_polynomial(offset)


def sign(expr: Expr) -> str | None:
    """Return "negative" or "nonnegative" if `expr` is so for all sizes of 1 or more, else None.

    Every size is written as 1 plus a natural number; then equal signs of all coefficients decide.
    """
    return _sign(polynomial(expr))


def _sign(terms: Mapping[Monomial, Fraction]) -> str | None:
    shifted: Polynomial = {(): Fraction(0)}
    for monomial, coefficient in terms.items():
        factor: Mapping[Monomial, Fraction] = {(): coefficient}
        for atom, exponent in monomial:
            if not isinstance(atom, Size):
                return None
            for _ in range(exponent):
                factor = _product(factor, {(): Fraction(1), ((atom, 1),): Fraction(1)})
        for key, value in factor.items():
            shifted[key] = shifted.get(key, Fraction(0)) + value
    if all(value >= 0 for value in shifted.values()):
        return "nonnegative"
    if all(value <= 0 for value in shifted.values()) and shifted[()] < 0:
        return "negative"
    return None


def at_least(left: Expr, right: Expr, bounds: Iterable[Bound] = ()) -> bool:
    """Return whether ``left >= right`` is proved for all values of the indices in `bounds` and all sizes."""
    try:
        return _sign(_over(_sum(polynomial(left), polynomial(right), -1), bounds, least=True)) == "nonnegative"
    except ValueError:
        return False


def extremes(expr: Expr, bounds: Iterable[Bound]) -> tuple[Expr, Expr]:
    """Return the least and the greatest value of an affine expression over ranges, in terms of sizes.

    The limits of a bound may use the indices of the bounds before it.  Indices that no bound names stay.

    Raises
    ------
    ValueError
        If the expression is not affine, or a coefficient's sign depends on sizes.
    """
    bounds = tuple(bounds)
    terms = polynomial(expr)
    low, high = _over(terms, bounds, least=True), _over(terms, bounds, least=False)
    return from_polynomial(low), from_polynomial(high)


def _over(terms: Mapping[Monomial, Fraction], bounds: Iterable[Bound], least: bool) -> Mapping[Monomial, Fraction]:
    for bound in reversed(tuple(bounds)):
        terms = _extreme(terms, bound, least)
    return terms


def linear_in(expr: Expr, index: Index) -> tuple[Expr, Expr]:
    """Return coefficient and rest of an expression that is linear in `index`.

    Raises
    ------
    ValueError
        If it is not.
    """
    coefficient, rest = _linear_in(polynomial(expr), index)
    return from_polynomial(coefficient), from_polynomial(rest)


def _linear_in(terms: Mapping[Monomial, Fraction], index: Index) -> tuple[Polynomial, Polynomial]:
    coefficient: Polynomial = {}
    rest: Polynomial = {}
    for monomial, value in terms.items():
        degree = sum(exponent for atom, exponent in monomial if atom is index)
        if any(atom is not index and index in free_indices(atom) for atom, _ in monomial) or degree > 1:
            raise ValueError(f"not linear in {index.name}")
        if degree:
            coefficient[tuple(item for item in monomial if item[0] is not index)] = value
        else:
            rest[monomial] = value
    return coefficient, rest


def _extreme(terms: Mapping[Monomial, Fraction], bound: Bound, least: bool) -> Mapping[Monomial, Fraction]:
    if not any(bound.index in free_indices(atom) for monomial in terms for atom, _ in monomial):
        return terms
    coefficient, rest = _linear_in(terms, bound.index)
    signed = _sign(coefficient)
    if signed is None:
        raise ValueError("the sign of a stride depends on sizes")
    limit = bound.lower if (signed == "nonnegative") == least else bound.upper
    result = _sum(_product(coefficient, polynomial(limit)), rest)
    if any(isinstance(atom, Power) for monomial in result for atom, _ in monomial):
        return polynomial(from_polynomial(result))  # N*(m/N) is m
    return result


def decide_together(condition: Expr, bounds: Iterable[Bound]) -> Expr:
    """Like `decide`, also using what the other parts of a conjunction say: with ``l == L`` a range up to n(l) is one
    up to n(L)."""
    condition = decide(condition, bounds)
    fixed: dict[Expr, Expr] = {
        part.left: part.right
        for part in conditions_of(condition)
        if isinstance(part, Compare) and part.operator == "==" and isinstance(part.left, Index)
    }
    if not fixed:
        return condition
    ranges = [
        bound._replace(lower=substitute(bound.lower, fixed), upper=substitute(bound.upper, fixed)) for bound in bounds
    ]
    return junction(
        "and",
        *(
            part if isinstance(part, Compare) and part.operator == "==" else decide(part, ranges)
            for part in conditions_of(condition)
        ),
    )


def decide(condition: Expr, bounds: Iterable[Bound]) -> Expr:
    """Return `condition` with every part that holds always (or never) over `bounds` replaced by true (or false)."""
    ranges = tuple(bounds)
    places = {
        node: Bound(Index(f"place~{number}"), node.bounds[0].lower, node.bounds[0].upper)
        for number, node in enumerate(walk(condition))
        if isinstance(node, Reduction) and node.kind in ("argmax", "argmin")
    }
    # The place of an extremum is one of those that it was sought at.
    sought = {place: bound.index for place, bound in places.items()}
    ranges = (*ranges, *places.values())

    def rule(node: Expr) -> Expr:
        if not isinstance(node, Compare):
            return node
        left, right = normal(substitute(node.left, sought)), normal(substitute(node.right, sought))
        match node.operator:
            case "<=" | ">=":
                low, high = (left, right) if node.operator == "<=" else (right, left)
                if at_least(high, low, ranges):
                    return TRUE
                if at_least(low - ONE, high, ranges):
                    return FALSE
            case "<" | ">":
                low, high = (left, right) if node.operator == "<" else (right, left)
                if at_least(high - ONE, low, ranges):
                    return TRUE
                if at_least(low, high, ranges):
                    return FALSE
            case "==" | "!=":
                equal = node.operator == "=="
                if normal(left - right) is ZERO:
                    return TRUE if equal else FALSE
                if at_least(left - ONE, right, ranges) or at_least(right - ONE, left, ranges):
                    return FALSE if equal else TRUE
            case "divides":
                quotient = [
                    isinstance(left, Number) and (c / left.value).denominator == 1 for c in polynomial(right).values()
                ]
                if left is ONE or (quotient and all(quotient) and is_integral(right)) or right is ZERO:
                    return TRUE
        return compare(node.operator, node.left, node.right)

    return transform(condition, rule)


def is_integral(expr: Expr) -> bool:
    """Return whether an index expression is an integer for all indices and sizes, as its coefficients show."""
    return all(
        coefficient.denominator == 1 and all(isinstance(atom, (Index, Size)) for atom, _ in monomial)
        for monomial, coefficient in polynomial(expr).items()
    )


def without_fractions(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Return both sides of an equation times the least number that makes all coefficients integers."""
    coefficients = (*polynomial(left).values(), *polynomial(right).values())
    factor = lcm(*(coefficient.denominator for coefficient in coefficients))
    return (left, right) if factor == 1 else (normal(factor * left), normal(factor * right))


def within(expr: Expr, lower: Expr, upper: Expr, bounds: Iterable[Bound] = ()) -> Expr:
    """Return the condition ``lower <= expr <= upper``, without the parts that are proved over `bounds`."""
    bounds = tuple(bounds)
    if any(bound.index is expr and bound.lower is lower and bound.upper is upper for bound in bounds):
        return TRUE
    return decide(junction("and", compare("<=", lower, expr), compare("<=", expr, upper)), bounds)


def tighten(bound: Bound, condition: Expr, outer: Iterable[Bound]) -> tuple[Bound, Expr]:
    """Move conditions that are linear in a bound index with unit coefficient into its limits.

    ``sum(t, [s <= t]*c[t])`` becomes ``sum(t = s..T, c[t])``.  A limit replaces the old one only if it is proved to
    be the tighter; otherwise the condition stays.  Returns the new bound and the conditions that are left.
    """
    outer = tuple(outer)
    kept: list[Expr] = []
    for part in conditions_of(condition):
        limit = limit_of(bound.index, part)
        if limit is None:
            kept.append(part)
            continue
        is_lower, value = limit
        if is_lower and at_least(value, bound.lower, outer):
            bound = Bound(bound.index, value, bound.upper, True)
        elif not is_lower and at_least(bound.upper, value, outer):
            bound = Bound(bound.index, bound.lower, value, True)
        else:
            kept.append(part)
    return bound, junction("and", *kept)


def conditions_of(condition: Expr) -> tuple[Expr, ...]:
    """Return the parts of a conjunction, or the condition alone."""
    if isinstance(condition, Junction) and condition.operator == "and":
        return condition.conditions
    return (condition,)


def isolate(condition: Expr) -> Expr:
    """Return `condition` with comparisons solved for their index, if they have one and it has no factor: t <= T - 1."""

    def rule(node: Expr) -> Expr:
        if not (isinstance(node, Compare) and node.operator in ("==", "!=", "<", "<=", ">", ">=")):
            return node
        indices = free_indices(node)
        if len(indices) != 1 or any(isinstance(inner, (Access, Call)) for inner in walk(node)):
            return node
        try:
            coefficients, offset = affine(node.left - node.right)
        except ValueError:
            return node
        ((index, coefficient),) = coefficients.items() if len(coefficients) == 1 else ((None, None),)
        if index is None or not isinstance(coefficient, Number) or abs(coefficient.value) != 1:
            return node
        operator = node.operator if coefficient.value == 1 else _MIRRORED.get(node.operator, node.operator)
        return compare(operator, index, normal(mul(Number(-coefficient.value), offset)))

    return transform(condition, rule)


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def limit_of(index: Index, part: Expr) -> tuple[bool, Expr] | None:
    """Return the limit that a condition sets to an index with unit coefficient: whether it is a lower one, and which.

    None if the condition is no such comparison.
    """
    if not (isinstance(part, Compare) and part.operator in ("<", "<=", ">", ">=")):
        return None
    difference = part.right - part.left if part.operator in ("<", "<=") else part.left - part.right
    if part.operator in ("<", ">"):
        difference = difference - ONE
    try:
        coefficients, offset = affine(difference)
    except ValueError:
        return None
    coefficient = coefficients.pop(index, None)
    if not (isinstance(coefficient, Number) and abs(coefficient.value) == 1):
        return None
    rest = add(*(mul(factor, other) for other, factor in coefficients.items()), offset)
    if not is_integral(rest):  # m/2 is a limit only where 2 divides m
        return None
    return (True, normal(-rest)) if coefficient.value == 1 else (False, normal(rest))


def extent(bound: Bound) -> Expr:
    """Return how many values a bound index takes."""
    return normal(bound.upper - bound.lower + ONE)


def ranges_of(bounds: Iterable[Bound]) -> Mapping[Index, Bound]:
    """Return bounds by index."""
    return {bound.index: bound for bound in bounds}


def conditions_to_where(condition: Expr, then: Expr) -> Expr:
    """Return ``then`` guarded by `condition`: ``[condition]*then``, evaluated lazily."""
    if condition is TRUE:
        return then
    return Where(condition, then, ZERO) if condition is not FALSE else ZERO
