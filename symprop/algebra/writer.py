"""The infix spelling of expressions. What it writes reads back to the same expression.

Factors and terms stand in their own order. Limits of a bound index are written where they were given on the spot,
and left to the declaration of the index otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Derivative,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    free_indices,
    negative,
    stem_of,
    substitute,
)

# Fractions are written as decimals, 1e-6, up to so many digits.
LONGEST_DECIMAL = 18
LONGEST_PLAIN = 7  # characters: 0.00001, but 1e-6

# Binding strengths; an operand weaker than its place asks for gets brackets.
OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(9)


def infix(expr: Expr) -> str:
    """Return `expr` in the infix language."""
    return _write(expr)[0]


def _write(expr: Expr) -> tuple[str, int]:
    return _WRITERS[type(expr)](expr)


def _inside(expr: Expr, strength: int) -> str:
    text, own = _write(expr)
    return text if own >= strength else f"({text})"


def decimal(value: Fraction) -> str | None:
    """Return a small fraction such as 1/1000000 as ``1e-6``, if it is exactly that and no longer; else None."""
    if value.denominator < 1000 or (10**LONGEST_DECIMAL) % value.denominator:
        return None
    digits = LONGEST_DECIMAL
    scaled = value * 10**digits
    while scaled.numerator % 10 == 0:
        scaled, digits = scaled / 10, digits - 1
    whole = str(abs(scaled.numerator))
    plain = f"0.{whole.rjust(digits, '0')}" if abs(value) < 1 else f"{whole[:-digits]}.{whole[-digits:]}"
    mantissa = f"{whole[0]}.{whole[1:]}".rstrip(".")
    is_plain = len(plain) <= LONGEST_PLAIN or abs(value) > Fraction(1, 1000)
    text = plain if is_plain else f"{mantissa}e{len(whole) - 1 - digits}"
    if len(text) > len(f"{abs(value.numerator)}/{value.denominator}"):
        return None
    return f"-{text}" if value < 0 else text


def _number(expr: Number) -> tuple[str, int]:
    value = expr.value
    short = decimal(value)
    if short is not None:
        return short, ATOM if value >= 0 else SUM
    if value.denominator != 1:
        return f"{value.numerator}/{value.denominator}", PRODUCT if value > 0 else SUM
    return str(value.numerator), ATOM if value >= 0 else SUM


def _named(expr: Constant | Index) -> tuple[str, int]:
    return expr.name, ATOM


def _size(expr: Size) -> tuple[str, int]:
    if not expr.arguments:
        return expr.name, ATOM
    return f"{expr.name}({', '.join(infix(argument) for argument in expr.arguments)})", ATOM


def _access(expr: Access) -> tuple[str, int]:
    if not expr.indices:
        return expr.name, ATOM
    return f"{expr.name}[{','.join(infix(index) for index in expr.indices)}]", ATOM


def is_negative(expr: Expr) -> bool:
    """Return whether `expr` is written with a minus sign in front."""
    if isinstance(expr, Number):
        return expr.value < 0
    return isinstance(expr, Mul) and is_negative(expr.factors[0])


def _add(expr: Add) -> tuple[str, int]:
    parts = [_inside(expr.terms[0], SUM)]
    for term in expr.terms[1:]:
        if is_negative(term):
            parts.append(f" - {_inside(negative(term), PRODUCT)}")
        else:
            parts.append(f" + {_inside(term, PRODUCT)}")
    return "".join(parts), SUM


def split_fraction(expr: Mul | Power) -> tuple[int, list[tuple[Expr, bool]]]:
    """Return numerator and denominator factors in order: the sign, and (factor, stands below the bar) pairs."""
    factors = expr.factors if isinstance(expr, Mul) else (expr,)
    sign, below_at_end = 1, None
    parts: list[tuple[Expr, bool]] = []
    if isinstance(factors[0], Number):
        value = factors[0].value
        sign = -1 if value < 0 else 1
        if abs(value.numerator) != 1:
            parts.append((Number(abs(value.numerator) * ONE.value), False))
        if value.denominator != 1:
            below_at_end = Number(value.denominator * ONE.value)
        factors = factors[1:]
    for factor in factors:
        if isinstance(factor, Power) and isinstance(factor.exponent, Number) and factor.exponent.value < 0:
            parts.append((Power(factor.base, Number(-factor.exponent.value)), True))
        else:
            parts.append((factor, False))
    if below_at_end is not None:
        # The number stands first in a trailing denominator: x/(2*n).
        place = len(parts)
        while place and parts[place - 1][1]:
            place -= 1
        parts.insert(place, (below_at_end, True))
    return sign, parts


def _product(expr: Mul | Power) -> tuple[str, int]:
    sign, parts = split_fraction(expr)
    text = ""
    position = 0
    while position < len(parts):
        below = parts[position][1]
        run = position
        while run < len(parts) and parts[run][1] == below:
            run += 1
        factors = [_factor(factor) for factor, _ in parts[position:run]]
        if not below:
            text += ("*" if text else "") + "*".join(factors)
        else:
            text = text or "1"
            text += f"/({'*'.join(factors)})" if len(factors) > 1 else f"/{factors[0]}"
        position = run
    return (f"-{text}", SUM) if sign < 0 else (text, PRODUCT)


def _factor(factor: Expr) -> str:
    if isinstance(factor, Power):  # split_fraction makes exponents of 1 that `power` would fold
        return _inside(factor.base, POWER) if factor.exponent is ONE else _inside_power(factor)
    return _inside(factor, POWER)


def _inside_power(expr: Power) -> str:
    text, own = _root_or_power(expr)
    return text if own >= POWER else f"({text})"


def _root_or_power(expr: Power) -> tuple[str, int]:
    if isinstance(expr.exponent, Number) and expr.exponent.value * 2 == 1:
        return f"sqrt({infix(expr.base)})", ATOM
    # The exponent binds a sign without brackets in Python; brackets read better.
    return f"{_inside(expr.base, ATOM)}**{_inside(expr.exponent, ATOM)}", POWER


def _power(expr: Power) -> tuple[str, int]:
    if isinstance(expr.exponent, Number) and expr.exponent.value < 0:
        return _product(expr)
    return _root_or_power(expr)


def _call(expr: Call) -> tuple[str, int]:
    softmax = as_softmax(expr)
    if softmax is not None:
        index, body = softmax
        return f"softmax({index.name}, {infix(body)})", ATOM
    arguments = list(expr.arguments)
    defaults = defaults_of(expr.function)
    while len(arguments) > 1 and len(arguments) <= len(defaults):
        default = defaults[len(arguments) - 1]
        if default is None or arguments[-1] is not default:
            break
        arguments.pop()
    return f"{expr.function}{_primes(expr.orders)}({', '.join(infix(argument) for argument in arguments)})", ATOM


def _primes(orders: tuple[int, ...]) -> str:
    """Return the primes of a derivative; those by a later argument than the first bear its number: ``h''1'2``."""
    if not any(orders[1:]):
        return "'" * sum(orders)
    return "".join("'" * order + str(place) for place, order in enumerate(orders, start=1) if order)


def defaults_of(function: str) -> tuple[Number | None, ...]:
    """Return the defaults of a catalogue function's arguments, () for other functions."""
    from symprop.algebra.functions import FUNCTIONS

    row = FUNCTIONS.get(function)
    if row is None:
        return ()
    return tuple(None if value is None else Number(value) for value in row.defaults)


def as_limited_softmax(expr: Where) -> tuple[Bound, Expr] | None:
    """Return bound and argument if `expr` is ``softmax(u = 1..t, e)``: 0 beyond its limits, as a causal softmax is."""
    softmax = as_softmax(expr.then, limits=True) if expr.otherwise is ZERO else None
    if softmax is None:
        return None
    index, body = softmax
    totals = map(_logsumexp, expr.then.children[0].children)
    (bound,) = next(total.bounds for total in totals if total is not None)
    known = {Compare("<=", index, bound.upper), Compare(">=", index, bound.lower)}
    conditions = expr.condition.children if isinstance(expr.condition, Junction) else (expr.condition,)
    if not bound.written or not known.issuperset(conditions):
        return None
    return bound._replace(index=index), body


def _logsumexp(term: Expr) -> Reduction | None:
    total = negative(term)
    return total if isinstance(total, Reduction) and total.kind == "logsumexp" and len(total.bounds) == 1 else None


def as_softmax(expr: Expr, limits: bool = False) -> tuple[Index, Expr] | None:
    """Return index and argument if `expr` is ``exp(e - logsumexp(k', e))``, which is softmax(k, e).

    With `limits` the sum may have limits of its own; then `expr` is a softmax only within them.
    """
    if not (isinstance(expr, Call) and expr.function == "exp" and not expr.orders):
        return None
    terms = expr.arguments[0].terms if isinstance(expr.arguments[0], Add) else ()
    if len(terms) < 2:
        return None
    for place, term in enumerate(terms):
        total = _logsumexp(term)
        if total is not None:
            (bound,) = total.bounds
            rest = terms[:place] + terms[place + 1 :]
            body = rest[0] if len(rest) == 1 else Add(rest)
            if bound.written and not limits:
                continue
            for index in sorted(free_indices(body), key=lambda index: index.name):
                if stem_of(index) == stem_of(bound.index) and substitute(total.body, {bound.index: index}) == body:
                    return index, body
    return None


def _bound(bound: Bound) -> str:
    if not bound.written:
        return bound.index.name
    lower, upper = (_inside(limit, SUM).replace(" ", "") for limit in (bound.lower, bound.upper))
    return f"{bound.index.name} = {lower}..{upper}"


def _reduction(expr: Reduction) -> tuple[str, int]:
    inside = [_bound(bound) for bound in expr.bounds]
    return f"{expr.kind}({', '.join(inside)}, {infix(expr.body)})", ATOM


def _where(expr: Where) -> tuple[str, int]:
    if expr.then is ONE and expr.otherwise is ZERO:
        return f"[{infix(expr.condition)}]", ATOM
    softmax = as_limited_softmax(expr)
    if softmax is not None:
        return f"softmax({_bound(softmax[0])}, {infix(softmax[1])})", ATOM
    return f"where({infix(expr.condition)}, {infix(expr.then)}, {infix(expr.otherwise)})", ATOM


def _compare(expr: Compare) -> tuple[str, int]:
    if expr.operator == "divides":
        return f"divides({infix(expr.left)}, {infix(expr.right)})", ATOM
    return f"{_inside(expr.left, SUM)} {expr.operator} {_inside(expr.right, SUM)}", COMPARISON


def _junction(expr: Junction) -> tuple[str, int]:
    if not expr.conditions:
        return ("0 == 0" if expr.operator == "and" else "0 != 0"), COMPARISON
    if expr.operator == "not":
        return f"not {_inside(expr.conditions[0], NOT)}", NOT
    strength = AND if expr.operator == "and" else OR
    parts: list[str] = []
    end: Expr | None = None  # right side of a chain that may go on: 0 <= i <= n
    for condition in expr.conditions:
        chained = isinstance(condition, Compare) and condition.operator in ("<", "<=")
        if expr.operator == "and" and chained and isinstance(condition, Compare) and condition.left is end:
            parts[-1] += f" {condition.operator} {_inside(condition.right, SUM)}"
        else:
            parts.append(_inside(condition, strength + 1))
        end = condition.right if chained and isinstance(condition, Compare) else None
    if len(parts) == 1:
        return parts[0], COMPARISON
    return f" {expr.operator} ".join(parts), strength


def _derivative(expr: Derivative) -> tuple[str, int]:
    return f"{expr.kind}({infix(expr.of)}, {infix(expr.by)})", ATOM


_WRITERS: dict[type[Expr], Callable[..., tuple[str, int]]] = {
    Number: _number,
    Constant: _named,
    Index: _named,
    Size: _size,
    Access: _access,
    Add: _add,
    Mul: _product,
    Power: _power,
    Call: _call,
    Reduction: _reduction,
    Where: _where,
    Compare: _compare,
    Junction: _junction,
    Derivative: _derivative,
}
