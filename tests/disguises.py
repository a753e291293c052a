"""Fifteen networks with gradients derived by hand, and what people (and their mistakes) make of those gradients.

`Disguise` rewrites an expression into an equal one; `mutant` makes one that mostly differs, often in one place only.
Neither knows how claims are judged.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Derivative,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    add,
    call,
    compare,
    free_indices,
    mul,
    negative,
    number,
    power,
    reduce,
    scalar,
    substitute,
    transform,
    walk,
    where,
)
from symprop.declaration.network import Equation, Network
from symprop.declaration.parser import parse, parse_expression

LARGEST = 120  # nodes of a form in which definitions are written out


@dataclass(frozen=True)
class Example:
    """A network and the gradients of its parameters, by hand.

    Attributes
    ----------
    text : str
    gradients : mapping of str to str
        ``w[i]`` -> the derivative of the objective by it.
    rational : bool
        Whether everything is a rational function.
    """

    text: str
    gradients: Mapping[str, str]
    rational: bool = False


EXAMPLES: dict[str, Example] = {
    "one hidden layer": Example(
        """index i = 0..D, j = 1..H
input x[i]
target t
parameter alpha[j,i], beta[j]
z[j] = sigmoid(sum(i, alpha[j,i]*x[i]))
y = sum(j, beta[j]*z[j])
J = (y - t)**2/2""",
        {"alpha[j,i]": "(y - t)*beta[j]*z[j]*(1 - z[j])*x[i]", "beta[j]": "(y - t)*z[j]"},
    ),
    "softmax": Example(
        """index i = 1..D, k = 1..K
input x[i]
target t[k]
parameter W[k,i], b[k]
a[k] = sum(i, W[k,i]*x[i]) + b[k]
p[k] = softmax(k, a[k])
L = -sum(k, t[k]*log(p[k]))
assume sum(k, t[k]) = 1""",
        {"W[k,i]": "(p[k] - t[k])*x[i]", "b[k]": "exp(a[k])/sum(k_1, exp(a[k_1])) - t[k]"},
    ),
    "least squares": Example(
        """index i = 1..D, n = 1..N
input x[n,i]
target t[n]
parameter w[i], c
y[n] = sum(i, w[i]*x[n,i]) + c
L = sum(n, (y[n] - t[n])**2)/(2*N)""",
        {"w[i]": "sum(n, (y[n] - t[n])*x[n,i])/N", "c": "sum(n, y[n] - t[n])/N"},
        True,
    ),
    "tanh": Example(
        """index i = 1..D, j = 1..H
input x[i]
target t
parameter W[j,i], v[j]
h[j] = tanh(sum(i, W[j,i]*x[i]))
y = sum(j, v[j]*h[j])
L = (y - t)**2/2""",
        {"W[j,i]": "(y - t)*v[j]*(1 - h[j]**2)*x[i]", "v[j]": "(y - t)*h[j]"},
    ),
    "relu": Example(
        """index i = 1..D, j = 1..H
input x[i]
target t
parameter W[j,i], v[j]
a[j] = sum(i, W[j,i]*x[i])
h[j] = relu(a[j])
y = sum(j, v[j]*h[j])
L = (y - t)**2/2""",
        {"W[j,i]": "(y - t)*v[j]*[a[j] > 0]*x[i]", "v[j]": "(y - t)*h[j]"},
    ),
    "quadratic form": Example(
        """index i = 1..D, j = 1..D
input A[i,j]
parameter x[i]
f = sum(i, sum(j, x[i]*A[i,j]*x[j]))""",
        {"x[i]": "sum(j, (A[i,j] + A[j,i])*x[j])"},
        True,
    ),
    "ridge": Example(
        """index i = 1..D, n = 1..N
input X[n,i]
target y[n]
parameter w[i]
hyperparameter lam = 0.1
r[n] = sum(i, X[n,i]*w[i]) - y[n]
L = sum(n, r[n]**2) + lam*sum(i, w[i]**2)""",
        {"w[i]": "2*sum(n, r[n]*X[n,i]) + 2*lam*w[i]"},
        True,
    ),
    "logistic regression": Example(
        """index i = 1..D
input x[i]
target t
parameter w[i]
a = sum(i, w[i]*x[i])
L = log(1 + exp(a)) - t*a""",
        {"w[i]": "(sigmoid(a) - t)*x[i]"},
    ),
    "two linear layers": Example(
        """index i = 1..D, j = 1..H, k = 1..K
input x[i]
parameter A[j,i], B[k,j]
h[j] = sum(i, A[j,i]*x[i])
y[k] = sum(j, B[k,j]*h[j])
L = sum(k, y[k]**2)""",
        {"A[j,i]": "2*sum(k, y[k]*B[k,j])*x[i]", "B[k,j]": "2*y[k]*h[j]"},
        True,
    ),
    "scalars": Example(
        """input x
target t
parameter w1, w2
z = sigmoid(w1*x)
y = w2*z
L = (y - t)**2""",
        {"w1": "2*(y - t)*w2*z*(1 - z)*x", "w2": "2*(y - t)*z"},
    ),
    "quotient": Example(
        """input x
parameter a, b
y = (a*x + 1)/(b*x**2 + 2)
L = y**2""",
        {"a": "2*y*x/(b*x**2 + 2)", "b": "-2*y**2*x**2/(b*x**2 + 2)"},
        True,
    ),
    "gaussian": Example(
        """index i = 1..D
input x[i]
parameter m[i], s
L = sum(i, (x[i] - m[i])**2)/(2*s**2) + D*log(s)""",
        {"m[i]": "(m[i] - x[i])/s**2", "s": "D/s - sum(i, (x[i] - m[i])**2)/s**3"},
        True,
    ),
    "softplus": Example(
        """index i = 1..D
input x[i]
target t
parameter w[i]
y = softplus(sum(i, w[i]*x[i]))
L = (y - t)**2""",
        {"w[i]": "2*(y - t)*sigmoid(sum(i_1, w[i_1]*x[i_1]))*x[i]"},
    ),
    "two layers": Example(
        """index i = 1..D, j = 1..H, k = 1..K
input x[i]
target t[k]
parameter W[j,i], V[k,j]
h[j] = sigmoid(sum(i, W[j,i]*x[i]))
y[k] = sum(j, V[k,j]*h[j])
L = sum(k, (y[k] - t[k])**2)/2""",
        {"W[j,i]": "sum(k, (y[k] - t[k])*V[k,j])*h[j]*(1 - h[j])*x[i]", "V[k,j]": "(y[k] - t[k])*h[j]"},
    ),
    "centred": Example(
        """index i = 1..D
input g[i]
parameter x[i]
m = sum(i, x[i])/D
L = sum(i, g[i]*(x[i] - m)**2)""",
        {"x[i]": "2*g[i]*(x[i] - m) - 2*sum(i_1, g[i_1]*(x[i_1] - m))/D"},
        True,
    ),
}


@dataclass(frozen=True)
class Gradient:
    """One derivative of one example: the operator, and what it is, in several forms."""

    example: str
    network: Network
    left: Derivative
    forms: tuple[Expr, ...]


def gradients() -> Iterator[Gradient]:
    """Yield every gradient of every example."""
    for name, example in EXAMPLES.items():
        network = parse(example.text)
        assert network.objective is not None
        for by, right in example.gradients.items():
            left = parse_expression(f"D({network.objective.name}, {by})", network)
            assert isinstance(left, Derivative)
            yield Gradient(name, network, left, tuple(_forms(parse_expression(right, network), network)))


def _forms(expr: Expr, network: Network) -> Iterator[Expr]:
    """Yield an expression with more and more definitions written out."""
    yield expr
    for equation in reversed(network.equations):
        written = transform(expr, partial(_written_out, equation))
        if written is not expr and sum(1 for _ in walk(written)) < LARGEST:
            expr = written
            yield expr


def _written_out(equation: Equation, node: Expr) -> Expr:
    if not isinstance(node, Access) or node.name != equation.name:
        return node
    return substitute(equation.expression, dict(zip(equation.target.indices, node.indices, strict=True)))


class Disguise:
    """Rewrites expressions: re-associated, expanded, dummies renamed, sums split and swapped, functions spelled out."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def of(self, expr: Expr) -> Expr:
        """Return an equal expression."""
        if isinstance(expr, (Access, Number, Index, Size)):
            return expr
        if isinstance(expr, Reduction):
            return self.sum(expr)
        if isinstance(expr, Mul):
            return self.product([self.of(factor) for factor in expr.factors])
        if isinstance(expr, Add):
            terms = [self.of(term) for term in expr.terms]
            self.random.shuffle(terms)
            return add(*terms)
        if isinstance(expr, Power) and isinstance(expr.exponent, Number):
            base = self.of(expr.base)
            if expr.exponent == 2 and isinstance(base, Add) and self.random.random() < 0.5:
                return add(*(mul(one, base) for one in base.terms))
            return power(base, expr.exponent)
        if isinstance(expr, Call) and not any(expr.orders):
            return self.function(expr.function, tuple(self.of(argument) for argument in expr.arguments))
        return expr.rebuild(tuple(self.of(child) for child in expr.children))

    def sum(self, expr: Reduction) -> Expr:
        body, bounds, chance = self.of(expr.body), expr.bounds, self.random.random()
        if expr.kind != "sum":
            return reduce(expr.kind, bounds, body)
        if chance < 0.3 and not any(free_indices(b.lower) | free_indices(b.upper) for b in bounds):
            self.count += 1
            renamed = {bound.index: Index(f"q{self.count}_{n}") for n, bound in enumerate(bounds)}
            fresh = tuple(Bound(renamed[b.index], b.lower, b.upper, True) for b in bounds)
            return reduce("sum", fresh, substitute(body, dict(renamed)))
        if chance < 0.5 and isinstance(body, Add):
            return add(*(reduce("sum", bounds, term) for term in body.terms))
        # A declared range has a first value; a part of it may have none.
        if chance < 0.7 and len(bounds) == 1 and isinstance(bounds[0].upper, Size) and bounds[0].lower in (ZERO, ONE):
            (bound,) = bounds
            first = reduce("sum", (Bound(bound.index, bound.lower, bound.lower, True),), body)
            return first + reduce("sum", (Bound(bound.index, bound.lower + 1, bound.upper, True),), body)
        if chance < 0.8:
            constant = number(self.random.randint(2, 5))
            return reduce("sum", bounds, body * constant) / constant
        return reduce("sum", bounds, body)

    def product(self, factors: list[Expr]) -> Expr:
        self.random.shuffle(factors)
        chance = self.random.random()
        for place, factor in enumerate(factors):
            rest = mul(*factors[:place], *factors[place + 1 :])
            if chance < 0.4 and isinstance(factor, Add):
                return add(*(mul(rest, term) for term in factor.terms))
            if isinstance(factor, Reduction) and factor.kind == "sum" and 0.4 <= chance < 0.6:
                bound = {each.index for each in factor.bounds}
                if not bound & free_indices(rest):
                    return reduce("sum", factor.bounds, mul(rest, factor.body))
        return mul(*factors)

    def function(self, name: str, arguments: tuple[Expr, ...]) -> Expr:
        u, plain = arguments[0], call(name, *arguments)
        spellings: dict[str, list[Expr]] = {
            "sigmoid": [
                1 / (1 + call("exp", -u)),
                call("exp", u) / (1 + call("exp", u)),
                ONE - call("sigmoid", -u),
                (1 + call("tanh", u / 2)) / 2,
            ],
            "tanh": [
                (call("exp", u) - call("exp", -u)) / (call("exp", u) + call("exp", -u)),
                2 * call("sigmoid", 2 * u) - 1,
                call("sinh", u) / call("cosh", u),
            ],
            "log": [-call("log", 1 / u)],
            "exp": [1 / call("exp", -u)],
        }
        return self.random.choice([plain, *spellings.get(name, ())])


MUTATIONS = (
    "sign", "dropped factor", "dropped term", "power", "constant", "swapped indices", "other quantity", "rate",
    "at a boundary", "one in a million", "from three on", "shifted", "on one side",
)  # fmt: skip


def mutant(expr: Expr, gradient: Gradient, dice: random.Random) -> tuple[str, Expr] | None:
    """Return an expression that is changed in one place, and how; None if it has no such place."""
    kind = dice.choice(MUTATIONS)
    free = sorted(free_indices(gradient.left), key=lambda index: index.name)
    quantities = gradient.network.quantities
    axes = dict(zip(gradient.left.by.indices, quantities[gradient.left.by.name].axes, strict=True))
    places = list(_places(expr))
    found: list[Expr] = []
    if kind == "one in a million":
        return kind, expr * Number(Fraction(1_000_001, 1_000_000))
    if kind == "rate":
        return kind, scalar("eta") * expr
    if kind == "constant":
        return kind, expr * Number(dice.choice([Fraction(2), Fraction(1, 2), Fraction(3)]))
    if kind == "at a boundary" and free:
        index = dice.choice(free)
        edge = dice.choice([axes[index].lower, axes[index].upper])
        return kind, where(compare("==", index, edge), expr * 2, expr)
    if kind == "from three on" and free:
        return kind, where(compare(">=", dice.choice(free), number(3)), negative(expr), expr)
    if kind == "on one side":
        read = [node for node in walk(expr) if isinstance(node, Access) and free_indices(node) <= set(free)]
        read = [node for node in read if quantities[node.name].role == "input" or node.name == "a"]
        if read:
            return kind, where(compare("<", dice.choice(read), ZERO), expr * 2, expr)
        return None
    for path, node in places:
        if isinstance(node, Add) and kind in ("sign", "dropped term"):
            for n, term in enumerate(node.terms):
                others = (*node.terms[:n], *node.terms[n + 1 :])
                found.append(_put(expr, path, add(*others, *([negative(term)] if kind == "sign" else []))))
        if isinstance(node, Mul) and kind == "dropped factor":
            for n, factor in enumerate(node.factors):
                if not isinstance(factor, Number):
                    found.append(_put(expr, path, mul(*node.factors[:n], *node.factors[n + 1 :])))
        if kind == "power" and isinstance(node, Access):
            found.append(_put(expr, path, power(node, number(2))))
        if not isinstance(node, Access) or not node.indices:
            continue
        if kind == "swapped indices" and len(node.indices) == 2:
            found.append(_put(expr, path, Access(node.name, node.indices[::-1])))
        if kind == "shifted":
            found.append(_put(expr, path, Access(node.name, (*node.indices[:-1], node.indices[-1] - 1))))
        if kind == "other quantity":
            mine = quantities[node.name].axes
            for name, other in quantities.items():
                if name != node.name and [a.extent for a in other.axes] == [a.extent for a in mine]:
                    found.append(_put(expr, path, Access(name, node.indices)))
    return (kind, dice.choice(found)) if found else None


def _places(expr: Expr, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Expr]]:
    yield path, expr
    if not isinstance(expr, Access):
        for place, child in enumerate(expr.children):
            yield from _places(child, (*path, place))


def _put(expr: Expr, path: tuple[int, ...], new: Expr) -> Expr:
    if not path:
        return new
    children = list(expr.children)
    children[path[0]] = _put(children[path[0]], path[1:], new)
    return expr.rebuild(tuple(children))
