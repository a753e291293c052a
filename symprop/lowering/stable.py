"""Forms that stay finite and accurate in the tails: named rules over a network, applied before it is derived.

A network says ``y = sigmoid(b)`` and ``t*log(y)``; in float64 ``y`` is 0 from b = -746 on, its logarithm is minus
infinity and the adjoint ``t/y`` infinite.  Rewritten to ``-t*softplus(-b)``, value and gradient are finite for every b,
and the derivation of the rewritten network needs no rule of its own.  Both are equal wherever both are defined.

========================  =========================================================
`log_of_sigmoid`          ``log(sigmoid(u)) -> -softplus(-u)``
`log_of_complement`       ``log(1 - sigmoid(u)) -> -softplus(u)``
`log_of_exponential`      ``log(exp(u)) -> u``, and so of a softmax
`log_of_sum`              ``log(sum(k, exp(u))) -> logsumexp(k, u)``
`log_of_one_plus`         ``log(1 + exp(u)) -> softplus(u)``, ``log(1 + u) -> log1p(u)``
`log_of_product`          ``log(p*q) -> log(p) + log(q)`` if both are positive as written
`quotient_of_exponentials`  ``exp(u)/sum(k, exp(v)) -> exp(u - logsumexp(k, v))``
`logistic`                ``1/(1 + exp(-u)) -> sigmoid(u)``
`complement`              ``1 - sigmoid(u) -> sigmoid(-u)``, ``1 - tanh(u)**2 -> tanh'(u)``
`exponential_minus_one`   ``exp(u) - 1 -> expm1(u)``
========================  =========================================================

Names are looked through: ``log(y)`` counts as the logarithm of what defines ``y``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    Access,
    Add,
    Call,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    add,
    bound_apart,
    call,
    coefficient_and_rest,
    factors_of,
    free_indices,
    mul,
    negative,
    reduce,
    substitute,
    transform,
)
from symprop.declaration.network import Equation, Network
from symprop.derivation.steps import Step

Rule = Callable[[Expr, "Definitions"], "Expr | None"]

# A chain of names is followed this far; longer ones do not occur in formulas that people write.
LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Definitions:
    """What names stand for, where one equation defines the whole quantity.

    Attributes
    ----------
    network : Network
    kept : frozenset of str
        Names that are not looked through: those that somebody differentiates by.
    """

    network: Network
    kept: frozenset[str] = frozenset()

    def of(self, expr: Expr) -> Expr:
        """Return what `expr` stands for: a name's right side at its indices, anything else itself."""
        for _ in range(LONGEST_CHAIN):
            if not isinstance(expr, Access) or expr.name in self.kept:
                return expr
            equations = self.network.definitions.get(expr.name, ())
            if len(equations) != 1 or not all(isinstance(index, Index) for index in equations[0].target.indices):
                return expr
            (equation,) = equations
            taken = set(free_indices(expr))
            right = bound_apart(equation.expression, taken)
            expr = substitute(right, dict(zip(equation.target.indices, expr.indices, strict=True)))
        return expr


def as_exponential(expr: Expr, known: Definitions) -> Expr | None:
    """Return u if `expr` stands for ``exp(u)``."""
    expr = _unfolded(expr, known)
    return expr.arguments[0] if isinstance(expr, Call) and expr.function == "exp" and not expr.orders else None


def as_sigmoid(expr: Expr, known: Definitions) -> Expr | None:
    """Return u if `expr` stands for ``sigmoid(u)``."""
    expr = _unfolded(expr, known)
    return expr.arguments[0] if isinstance(expr, Call) and expr.function == "sigmoid" and not expr.orders else None


def _unfolded(expr: Expr, known: Definitions) -> Expr:
    expr = known.of(expr)
    for rule in (logistic, quotient_of_exponentials, complement):
        expr = rule(expr, known) or expr
    return expr


def _is_call(expr: Expr, function: str) -> bool:
    return isinstance(expr, Call) and expr.function == function and not expr.orders


def _logarithm(expr: Expr) -> Expr | None:
    return expr.arguments[0] if isinstance(expr, Call) and _is_call(expr, "log") else None


def log_of_sigmoid(expr: Expr, known: Definitions) -> Expr | None:
    """``log(sigmoid(u)) -> -softplus(-u)``."""
    inner = _logarithm(expr)
    u = as_sigmoid(inner, known) if inner is not None else None
    return None if u is None else negative(call("softplus", negative(u)))


def log_of_complement(expr: Expr, known: Definitions) -> Expr | None:
    """``log(1 - sigmoid(u)) -> -softplus(u)``."""
    inner = _logarithm(expr)
    rest = _one_minus(inner) if inner is not None else None
    u = as_sigmoid(rest, known) if rest is not None else None
    return None if u is None else negative(call("softplus", u))


def _one_minus(expr: Expr) -> Expr | None:
    """Return e if `expr` is ``1 - e``."""
    if isinstance(expr, Add) and ONE in expr.terms:
        return negative(add(*(term for term in expr.terms if term is not ONE)))
    return None


def log_of_exponential(expr: Expr, known: Definitions) -> Expr | None:
    """``log(exp(u)) -> u``."""
    inner = _logarithm(expr)
    return as_exponential(inner, known) if inner is not None else None


def log_of_sum(expr: Expr, known: Definitions) -> Expr | None:
    """``log(sum(k, exp(u))) -> logsumexp(k, u)``."""
    inner = _logarithm(expr)
    return None if inner is None else _log_of_sum_of_exponentials(inner, known)


def _log_of_sum_of_exponentials(expr: Expr, known: Definitions) -> Expr | None:
    expr = known.of(expr)
    if isinstance(expr, Reduction) and expr.kind == "sum":
        u = as_exponential(expr.body, known)
        if u is not None:
            return reduce("logsumexp", expr.bounds, u)
    return None


def log_of_one_plus(expr: Expr, known: Definitions) -> Expr | None:
    """``log(1 + exp(u)) -> softplus(u)``, and ``log(1 + u) -> log1p(u)`` of anything else."""
    inner = _logarithm(expr)
    rest = _one_minus(inner) if inner is not None else None
    if rest is None:
        return None
    u = as_exponential(negative(rest), known)
    return call("softplus", u) if u is not None else call("log1p", negative(rest))


def log_of_product(expr: Expr, known: Definitions) -> Expr | None:
    """``log(p**n*q) -> n*log(p) + log(q)`` if every factor is a sigmoid or an exponential, hence positive."""
    inner = _logarithm(expr)
    if inner is None or not isinstance(inner, (Mul, Power)):
        return None
    terms = []
    for factor in factors_of(inner):
        base, exponent = (factor.base, factor.exponent) if isinstance(factor, Power) else (factor, ONE)
        positive = as_sigmoid(base, known) is not None or as_exponential(base, known) is not None
        rest = _one_minus(base)
        if not positive and not (rest is not None and as_sigmoid(rest, known) is not None):
            return None
        logarithm: Expr = call("log", base)
        for rule in (log_of_sigmoid, log_of_complement, log_of_exponential):
            logarithm = rule(logarithm, known) or logarithm
        terms.append(mul(exponent, logarithm))
    return add(*terms)


def quotient_of_exponentials(expr: Expr, known: Definitions) -> Expr | None:
    """``exp(u)/sum(k, exp(v)) -> exp(u - logsumexp(k, v))``: exp overflows above 709 in float64."""
    if not isinstance(expr, Mul):
        return None
    for place, factor in enumerate(expr.factors):
        if not (isinstance(factor, Power) and factor.exponent is MINUS_ONE):
            continue
        below = _log_of_sum_of_exponentials(factor.base, known)
        if below is None:
            continue
        for other, above in enumerate(expr.factors):
            u = as_exponential(above, known) if other != place else None
            if u is not None:
                rest = (factor for n, factor in enumerate(expr.factors) if n not in (place, other))
                return mul(*rest, call("exp", u - below))
    return None


def logistic(expr: Expr, known: Definitions) -> Expr | None:
    """``1/(1 + exp(-u)) -> sigmoid(u)``."""
    if not (isinstance(expr, Power) and expr.exponent is MINUS_ONE):
        return None
    rest = _one_minus(expr.base)
    u = as_exponential(negative(rest), known) if rest is not None else None
    return None if u is None else call("sigmoid", negative(u))


def complement(expr: Expr, known: Definitions) -> Expr | None:
    """``1 - sigmoid(u) -> sigmoid(-u)`` and ``1 - tanh(u)**2 -> tanh'(u)``, as written, not through names."""
    rest = _one_minus(expr)
    if isinstance(rest, Call) and _is_call(rest, "sigmoid"):
        return call("sigmoid", negative(rest.arguments[0]))
    if isinstance(rest, Power) and rest.exponent == Number(ONE.value * 2) and _is_call(rest.base, "tanh"):
        return call("tanh", *rest.base.arguments, orders=(1,))  # type: ignore[attr-defined]
    return None


def exponential_minus_one(expr: Expr, known: Definitions) -> Expr | None:
    """``exp(u) - 1 -> expm1(u)``, with any common coefficient."""
    if not isinstance(expr, Add):
        return None
    numbers = [term for term in expr.terms if isinstance(term, Number)]
    if not numbers:
        return None
    for term in expr.terms:
        coefficient, rest = coefficient_and_rest(term)
        if _is_call(rest, "exp") and numbers[0].value == -coefficient:
            others = (other for other in expr.terms if other is not term and other is not numbers[0])
            return add(mul(Number(coefficient), call("expm1", *rest.arguments)), *others)  # type: ignore[attr-defined]
    return None


RULES: tuple[Rule, ...] = (
    log_of_sigmoid,
    log_of_complement,
    log_of_exponential,
    log_of_sum,
    log_of_one_plus,
    log_of_product,
    quotient_of_exponentials,
    logistic,
    complement,
    exponential_minus_one,
)


def stabilize(network: Network, kept: Iterable[str] = ()) -> tuple[Network, tuple[Step, ...]]:
    """Return the network with every right side in its stable form, and what was rewritten.

    Parameters
    ----------
    network : Network
    kept : iterable of str
        Names that somebody differentiates by. They are not looked through: cut loose from their equations, they
        must stay where they are read.

    Returns
    -------
    Network
        With the same names; each has the same value wherever the written formula can be computed.
    tuple of Step
        One per rewriting, the rule's name with spaces.
    """
    known = Definitions(network, frozenset(kept))
    steps: list[Step] = []

    def at_node(node: Expr) -> Expr:
        for rule in RULES:
            after = rule(node, known)
            if after is not None and after is not node:
                steps.append(Step(rule.__name__.replace("_", " "), node, after))
                node = after
        return node

    def equation(old: Equation) -> Equation:
        # Names inside may use the bound indices of this equation: keep every letter to one meaning.
        new = transform(old.expression, at_node)
        return old if new is old.expression else replace(old, expression=new)

    equations = tuple(map(equation, network.equations))
    if not steps:
        return network, ()
    return replace(network, equations=equations), tuple(steps)
