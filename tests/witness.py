"""A second opinion on expressions: mpmath at 60 digits, written without looking at the program's own evaluator.

Only primitives are known here; functions with a definition are followed to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath

from symprop.algebra.expressions import (
    Add,
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
    Where,
    substitute,
)
from symprop.algebra.functions import FUNCTIONS

mpmath.mp.dps = 60

# What each function is, said independently of its row.
FORMULAS: Mapping[str, Any] = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "exp2": lambda u: mpmath.mpf(2) ** u,
    "exp10": lambda u: mpmath.mpf(10) ** u,
    "expm1": mpmath.expm1,
    "log2": lambda u: mpmath.log(u, 2),
    "log10": lambda u: mpmath.log(u, 10),
    "log1p": lambda u: mpmath.log(1 + u),
    "cbrt": lambda u: mpmath.sign(u) * mpmath.cbrt(abs(u)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "sec": mpmath.sec,
    "csc": mpmath.csc,
    "cot": mpmath.cot,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "asec": mpmath.asec,
    "acsc": mpmath.acsc,
    "acot": lambda u: mpmath.pi / 2 - mpmath.atan(u),
    "atan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sech": mpmath.sech,
    "csch": mpmath.csch,
    "coth": mpmath.coth,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "asech": mpmath.asech,
    "acsch": mpmath.acsch,
    "acoth": mpmath.acoth,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "abs": abs,
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "max": max,
    "min": min,
    "step": lambda u: (1 + mpmath.sign(u)) / 2,
    "identity": lambda u: u,
    "piecewise_linear": lambda u: min(mpmath.mpf(1), max(mpmath.mpf(0), u + mpmath.mpf(1) / 2)),
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
    "relu": lambda u: max(mpmath.mpf(0), u),
    "leaky_relu": lambda u, slope: max(mpmath.mpf(0), u) + slope * min(mpmath.mpf(0), u),
    "elu": lambda u, alpha: u if u >= 0 else alpha * mpmath.expm1(u),
    "softplus": lambda u: mpmath.log1p(mpmath.exp(u)),
    "swish": lambda u, beta: u / (1 + mpmath.exp(-beta * u)),
    "silu": lambda u: u / (1 + mpmath.exp(-u)),
    "gelu": lambda u: u * mpmath.ncdf(u),
    "selu": lambda u: (
        mpmath.mpf("1.0507009873554804934193349852946")
        * (u if u > 0 else mpmath.mpf("1.6732632423543772848170429916717") * mpmath.expm1(u))
    ),
    "mish": lambda u: u * mpmath.tanh(mpmath.log1p(mpmath.exp(u))),
    "hard_sigmoid": lambda u: min(mpmath.mpf(6), max(mpmath.mpf(0), u + 3)) / 6,
    "hard_tanh": lambda u: min(mpmath.mpf(1), max(mpmath.mpf(-1), u)),
    "softsign": lambda u: u / (1 + abs(u)),
}

_COMPARISONS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def value(expr: Expr, names: Mapping[Expr, Any]) -> Any:
    """Return the value of `expr`; `names` says what accesses and indices are."""
    if expr in names:
        return names[expr]
    match expr:
        case Number(value=number):
            return mpmath.mpf(number.numerator) / number.denominator
        case Constant(name=name):
            return {"pi": mpmath.pi, "E": mpmath.e}[name] + 0
        case Add(terms=terms):
            return mpmath.fsum(value(term, names) for term in terms)
        case Mul(factors=factors):
            return mpmath.fprod(value(factor, names) for factor in factors)
        case Power(base=base, exponent=exponent):
            return value(base, names) ** value(exponent, names)
        case Where(condition=condition, then=then, otherwise=otherwise):
            return value(then if holds(condition, names) else otherwise, names)
        case Call(function=function, arguments=arguments, orders=()):
            row = FUNCTIONS[function]
            if row.definition is not None:
                return value(row.definition, dict(zip(row.symbols, (value(a, names) for a in arguments), strict=True)))
            return FORMULAS[function](*(value(argument, names) for argument in arguments))
        case Reduction(kind=kind, bounds=(bound,), body=body):
            places = range(int(value(bound.lower, names)), int(value(bound.upper, names)) + 1)
            values = [value(_at(body, bound.index, place), names) for place in places]
            if kind == "logsumexp":
                return mpmath.log(mpmath.fsum(map(mpmath.exp, values)))
            return {"sum": mpmath.fsum, "prod": mpmath.fprod, "max": max, "min": min}[kind](values)
    raise NotImplementedError(repr(expr))


def holds(condition: Expr, names: Mapping[Expr, Any]) -> bool:
    """Return whether a condition holds."""
    match condition:
        case Compare(operator=operator, left=left, right=right):
            return bool(_COMPARISONS[operator](value(left, names), value(right, names)))
        case Junction(operator="and", conditions=conditions):
            return all(holds(each, names) for each in conditions)
        case Junction(operator="or", conditions=conditions):
            return any(holds(each, names) for each in conditions)
    raise NotImplementedError(repr(condition))


def _at(body: Expr, index: Index, place: int) -> Expr:
    return substitute(body, {index: Number(Fraction(place))})
