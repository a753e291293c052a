"""Networks from sympy objects mean what sympy means, and go back to it."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import sympy
from brute_force import Point, Value, Witness, close
from sympy import (
    Abs,
    And,
    Derivative,
    Dummy,
    E,
    Eq,
    Float,
    Function,
    Heaviside,
    Idx,
    IndexedBase,
    Integral,
    KroneckerDelta,
    MatrixSymbol,
    Max,
    Min,
    Mod,
    Or,
    Piecewise,
    Product,
    Rational,
    Sum,
    Symbol,
    Trace,
    atan2,
    cos,
    exp,
    log,
    oo,
    pi,
    sin,
    sqrt,
    symbols,
    tanh,
)

import symprop
from symprop.declaration.from_sympy import from_sympy
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.errors import DeclarationError, NotationError, SympropError
from symprop.rendering.sympy_form import to_sympy

i, j, k, m, s, d, p, t = symbols("i j k m s d p t")
n, C, D, H, K, S, T, V = symbols("n C D H K S T V")
u, v, y, c, L, J, g_0 = symbols("u v y c L J g_0")
a, b, h, w, x, z = map(IndexedBase, "abhwxz")
A, B, R, W = map(IndexedBase, "ABRW")
table, tok = IndexedBase("table"), IndexedBase("tok")
sigmoid, softmax, cross_entropy, g = map(Function, ("sigmoid", "softmax", "cross_entropy", "g"))

TEXTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "scalars, no roles": ([Eq(y, tanh(u * v)), Eq(L, y**2)], {}, "y = tanh(u*v)\nL = y**2"),
    "a mapping": ({y: u * v}, {"maximize": y}, "y = u*v\nmaximize y"),
    "roles, range of a sum": (
        [Eq(y, Sum(w[i] * x[i], (i, 0, D))), Eq(L, (y - u) ** 2)],
        {"parameters": w, "targets": u},
        "index i = 0..D\ninput x[i]\ntarget u\nparameter w[i]\ny = sum(i, w[i]*x[i])\nL = (y - u)**2",
    ),
    "Idx of a length counts from 0": (
        [Eq(y, Sum(w[Idx("i", n)], (Idx("i", n), 0, n - 1)))],
        {"parameters": [w]},
        "index i = 0..n - 1\nparameter w[i]\ny = sum(i, w[i])",
    ),
    "Idx with limits": (
        [Eq(a[Idx("j", (1, H))], Sum(W[Idx("j", (1, H)), Idx("i", (0, D))], (Idx("i", (0, D)), 0, D)))],
        {},
        "index j = 1..H, i = 0..D\na[j] = sum(i, W[j,i])",
    ),
    "a shape counts from 0": (
        [Eq(a[i], 2 * IndexedBase("x", shape=(n,))[i])],
        {"parameters": [], "inputs": IndexedBase("x", shape=(n,))},
        "index i = 0..n - 1\ninput x[i]\na[i] = 2*x[i]",
    ),
    "a shape, read from 1": (
        [Eq(y, Sum(IndexedBase("x", shape=(n,))[i], (i, 1, n)))],
        {"inputs": IndexedBase("x", shape=(n,))},
        "index i = 1..n\ninput x[i]\ny = sum(i, x[i])",
    ),
    "no range at all": ([Eq(a[j], exp(x[j]))], {"inputs": x}, "input x[j]\na[j] = exp(x[j])"),
    "ranges by name": (
        [Eq(a[j], x[j] ** 2)],
        {"inputs": x, "ranges": {j: (2, H)}},
        "index j = 2..H\ninput x[j]\na[j] = x[j]**2",
    ),
    "a bound index that is free outside": (
        [Eq(a[i], x[i] * Sum(x[i], (i, 1, n)))],
        {},
        "index i = 1..n\na[i] = x[i]*sum(i_1, x[i_1])",
    ),
    "a triangular sum": (
        [Eq(a[i], Sum(x[j], (j, 1, i)))],
        {"ranges": {i: n}},
        "index i = 1..n\na[i] = sum(j = 1..i, x[j])",
    ),
    "the first limits of a sum are the innermost": (
        [Eq(y, Sum(A[i, j], (i, 1, j), (j, 1, n)))],
        {},
        "index j = 1..n\ny = sum(j, i = 1..j, A[i,j])",
    ),
    "a product": ([Eq(y, Product(1 + x[i], (i, 1, n)))], {}, "index i = 1..n\ny = prod(i, 1 + x[i])"),
    "hull of a convolution": (
        [Eq(a[p], Sum(w[k] * x[2 * p + k], (k, 0, 2)))],
        {"parameters": w, "ranges": {p: (0, T)}},
        "index p = 0..T, k = 0..2, i = 0..2*T + 2\ninput x[i]\nparameter w[k]\na[p] = sum(k, w[k]*x[2*p + k])",
    ),
    "an integer constant as stride": (
        [Eq(a[p], x[S * p])],
        {"inputs": x, "constants": {S: 3}, "ranges": {p: (0, T)}},
        "index p = 0..T, i = 0..3*T\nconstant integer S = 3\ninput x[i]\na[p] = x[S*p]",
    ),
    "an integer input indexes": (
        [(a[s, d], table[tok[s], d]), (L, Sum(a[s, d] ** 2, (d, 1, D), (s, 1, S)))],
        {"integers": {tok: (0, V - 1)}, "parameters": table},
        "index s = 1..S, d = 1..D, i = 0..V - 1\ninteger tok[s] in 0..V - 1\nparameter table[i,d]\n"
        "a[s,d] = table[tok[s],d]\nL = sum(s, d, a[s,d]**2)",
    ),
    "a recurrence": (
        [(h[0, j], 0), (h[t, j], tanh(h[t - 1, j] + x[t, j]))],
        {"inputs": x, "ranges": {t: T, j: H}},
        "index t = 1..T, j = 1..H\ninput x[t,j]\nh[0,j] = 0\nh[t,j] = tanh(h[t - 1,j] + x[t,j])",
    ),
    "limits of an equation": (
        [(h[0], c), (h[t], h[t - 1] * u, (t, 1, T))],
        {},
        "index t = 1..T\nh[0] = c\nh[t] = u*h[t - 1]",
    ),
    "limits that differ from the range": (
        [(h[1], c), (h[t], h[t - 1] * u, (t, 2, T))],
        {"ranges": {t: T}},
        "index t = 1..T\nh[1] = c\nh[t] = u*h[t - 1] for t = 2..T",
    ),
    "components": ([(a[1], u), (a[2], sin(a[1])), (y, a[1] * a[2])], {}, "a[1] = u\na[2] = sin(a[1])\ny = a[1]*a[2]"),
    "functions of the catalogue by name": (
        [Eq(y, sigmoid(u) + Function("leaky_relu")(v, Rational(1, 5)) + Function("relu")(u))],
        {},
        "y = leaky_relu(v, 1/5) + relu(u) + sigmoid(u)",
    ),
    "softmax and loss by name": (
        [Eq(z[k], softmax(k, a[k])), Eq(L, cross_entropy(k, b[k], z[k]))],
        {"parameters": a, "targets": b, "ranges": {k: K}},
        "index k = 1..K\ntarget b[k]\nparameter a[k]\nz[k] = softmax(k, a[k])\nL = cross_entropy(k, b[k], z[k])",
    ),
    "an abstract function and its derivative": (
        [Eq(y, g(u) + g(u).diff(u) + g(v**2).diff(v))],
        {},
        "function g(u)\ny = 2*v*g'(v**2) + g(u) + g'(u)",
    ),
    "a function of one's own": (
        [Eq(Function("bend")(u), u * sigmoid(c * u)), Eq(y, Function("bend")(v))],
        {"hyperparameters": {c: 1.5}},
        "hyperparameter c = 3/2\ninput v\nfunction bend(u) = u*sigmoid(c*u)\ny = bend(v)",
    ),
    "cases": (
        [Eq(y, Piecewise((u, u > v), (0, And(u < -1, v >= 2)), (v, True)))],
        {},
        "y = where(u > v, u, where(u < -1 and v >= 2, 0, v))",
    ),
    "steps": (
        [Eq(y, Heaviside(u) + Heaviside(v, 0) + Heaviside(c, 1))],
        {},
        "y = where(c > 0, 1, where(c < 0, 0, 1)) + step(u) + [v > 0]",
    ),
    "an extremum with an index in it": (
        [Eq(y, Sum(Max(i, u) + Min(u, v, 3), (i, 1, n)))],
        {},
        "index i = 1..n\ny = sum(i, max(u, i) + min(3, u, v))",
    ),
    "deltas": (
        [Eq(a[i], Sum(KroneckerDelta(i, j) * x[j], (j, 1, n)))],
        {"ranges": {i: n}},
        "index i, j = 1..n\na[i] = sum(j, [i == j]*x[j])",
    ),
    "divisibility": (
        [Eq(a[i], Piecewise((x[i / 2], Eq(Mod(i, 2), 0)), (0, True)))],
        {"ranges": {i: n}, "parameters": b, "inputs": x} | {"parameters": (), "inputs": ()},
        "index i = 1..n\na[i] = where(divides(2, i), x[i/2], 0)",
    ),
    "numbers": (
        [Eq(y, u / 10 + 0.1 * v + pi + E + Rational(1, 3) + sqrt(c))],
        {},
        "y = sqrt(c) + u/10 + v/10 + 1/3 + E + pi",
    ),
    "a derivative that stays": ([Eq(y, Derivative(c * u**2, u))], {}, "y = diff(c*u**2, u)"),
    "an objective that is an expression": ({y: u * v}, {"minimize": y**2 + u}, "y = u*v\nL = u + y**2\nminimize L"),
    "several objectives": (
        [Eq(L, u * v), Eq(J, u + v)],
        {"parameters": [u, v], "minimize": {L: u, J: [v]}},
        "parameter u, v\nL = u*v\nJ = u + v\nminimize L over u\nminimize J over v",
    ),
    "predictions": ([Eq(y, u), Eq(L, y**2)], {"predict": y, "minimize": L}, "y = u\nL = y**2\nminimize L\npredict y"),
    "Greek": ([Eq(y, Symbol("σ") * Symbol("ŷ"))], {}, "y = sigma*y_hat"),
}


@pytest.mark.parametrize(("equations", "options", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_equations_become_a_text(equations: Any, options: dict[str, Any], text: str) -> None:
    network, wanted = from_sympy(equations, **options), parse(text)
    # Equal expressions may differ in the order of terms, which sympy chooses.
    assert network.quantities.keys() == wanted.quantities.keys()
    for name, quantity in wanted.quantities.items():
        own = network.quantities[name]
        assert (own.role, own.axes, own.value, own.domain, own.integer) == (
            quantity.role,
            quantity.axes,
            quantity.value,
            quantity.domain,
            quantity.integer,
        )
    assert [(e.target, e.bounds, e.expression) for e in network.equations] == [
        (e.target, e.bounds, e.expression) for e in wanted.equations
    ]
    assert (network.objectives, network.predictions) == (wanted.objectives, wanted.predictions)
    assert {line for line in text.splitlines() if " = " not in line} <= set(network.text.splitlines())


# Networks in sympy, with small sizes for which they can be written out.

GRADIENTS: dict[str, tuple[list[Any], dict[str, Any], dict[Symbol, int]]] = {
    "a neuron": (
        [Eq(y, tanh(Sum(w[i] * x[i], (i, 1, n)))), Eq(L, (y - c) ** 2)],
        {"parameters": w, "targets": c},
        {n: 3},
    ),
    "two layers": (
        [
            Eq(a[j], tanh(Sum(W[j, i] * x[i], (i, 0, D)))),
            Eq(y, 1 / (1 + exp(-Sum(w[j] * a[j], (j, 1, H))))),
            Eq(L, -c * log(y) - (1 - c) * log(1 - y)),
        ],
        {"parameters": [W, w], "targets": c},
        {D: 1, H: 2},
    ),
    "a diagonal, a shift and a product": (
        [
            Eq(y, Sum(W[i, i] * W[i, 1] * x[i + 1], (i, 1, n)) + Product(1 + x[i] ** 2, (i, 1, n))),
            Eq(L, sin(y) + sqrt(1 + y**2)),
        ],
        {"parameters": [W, x]},
        {n: 3},
    ),
    "a triangle": (
        [Eq(a[i], cos(Sum(w[j] * x[i], (j, 1, i)))), Eq(L, Sum(a[i] ** 3, (i, 1, n)))],
        {"parameters": [w, x], "ranges": {i: n}},
        {n: 3},
    ),
    "softmax, spelled out": (
        [
            Eq(z[k], exp(a[k]) / Sum(exp(a[m]), (m, 1, K))),
            Eq(L, -Sum(b[k] * log(z[k]), (k, 1, K))),
        ],
        {"parameters": a, "targets": b, "ranges": {k: K}},
        {K: 3},
    ),
    "deltas": (
        [Eq(L, Sum(KroneckerDelta(i, j) * w[i] * x[j] ** 2 + w[i] * w[j], (i, 1, n), (j, 1, n)))],
        {"parameters": [w, x]},
        {n: 2},
    ),
    "atan2 and powers": ([Eq(L, atan2(u, v) + u**v + Abs(u * v))], {"parameters": [u, v]}, {}),
}


def written_out(expr: Any, sizes: Mapping[Any, int]) -> Any:
    """Return an expression without sums and indices: every component is a symbol of its own, made by sympy alone."""
    expr = sympy.sympify(expr.subs(sizes)).doit()
    return expr.replace(lambda node: isinstance(node, sympy.Indexed), component)


def component(access: Any) -> Any:
    return Symbol("_".join([str(access.base), *map(str, access.indices)]))


def objective_written_out(pairs: list[Any], ranges: Mapping[Any, tuple[int, int]], sizes: Mapping[Any, int]) -> Any:
    values: dict[Any, Any] = {}
    for equation in pairs:
        left = equation.lhs
        free = left.indices if isinstance(left, sympy.Indexed) else ()
        for point in product(*(range(ranges[index][0], ranges[index][1] + 1) for index in free)):
            here = dict(zip(free, point, strict=True))
            target = component(left.subs(here)) if free else left
            values[target] = written_out(equation.rhs.subs(here), sizes).subs(values)
    return values[pairs[-1].lhs]


@pytest.mark.parametrize(("equations", "options", "sizes"), GRADIENTS.values(), ids=GRADIENTS.keys())
def test_gradients_are_those_of_sympy_written_out(
    equations: list[Any], options: dict[str, Any], sizes: dict[Symbol, int]
) -> None:
    network = from_sympy(equations, **options)
    derivation = symprop.derive(network)
    ranges = {
        Symbol(bound.index.name): tuple(int(to_sympy(end).subs(sizes)) for end in (bound.lower, bound.upper))
        for bound in network.indices.values()
    }
    written = objective_written_out(equations, ranges, sizes)
    places = {
        symbol: Rational(17 + 8 * count, 31) for count, symbol in enumerate(sorted(written.free_symbols, key=str))
    }
    # Without the assumption sympy splits the derivative of abs into real and imaginary parts.
    real = {symbol: Symbol(symbol.name, real=True) for symbol in places}
    real_places = {real[symbol]: value for symbol, value in places.items()}
    for name, gradient in derivation.gradients.items():
        expanded = gradient.sympy(expand=True)
        quantity = network.quantities[name]
        limits = [tuple(int(to_sympy(e).subs(sizes)) for e in (axis.lower, axis.upper)) for axis in quantity.axes]
        for point in product(*(range(low, high + 1) for low, high in limits)):
            here = {Symbol(index.name): value for index, value in zip(gradient.indices, point, strict=True)}
            by = Symbol("_".join([name, *map(str, point)]))
            found = written_out(expanded.subs(here), sizes).subs(places).evalf(30)
            wanted = sympy.diff(written.subs(real), by.subs(real)).subs(real_places).evalf(30)
            assert abs(found - wanted) < Float("1e-25") * (1 + abs(wanted)), f"{name}{list(point)}: {gradient}"


# There and back: texts, through sympy, to networks of the same value.

ROUND_TRIPS = {
    "mlp": """
        index i = 0..D, j = 1..H, k = 1..K
        input x[i]; target t[k]; parameter W[j,i], V[k,j], c[k]
        h[j] = tanh(sum(i, W[j,i]*x[i]))
        a[k] = sum(j, V[k,j]*h[j]) + c[k]
        q[k] = softmax(k, a[k])
        L = cross_entropy(k, t[k], q[k])
        minimize L
    """,
    "attention": """
        index s, r = 1..S; index d = 1..D
        input x[s,d]; parameter W[d,d]
        q[s,d] = sum(d_1, W[d,d_1]*x[s,d_1])
        p[s,r] = softmax(r = 1..s, sum(d, q[s,d]*x[r,d])/sqrt(D))
        o[s,d] = sum(r, p[s,r]*x[r,d])
        L = sum(s, d, s*o[s,d]**2)
    """,
    "cases": """
        index i, j = 1..N
        input x[i]; parameter w[i], c
        constant eps = 1e-3
        function bend(u) = u*sigmoid(c*u)
        a[i] = where(i == 1, w[i], where(x[i] > 0, bend(x[i]), atan(x[i]/(1 + eps))))
        b[i] = sum(j, [i != j]*a[j]*max(w[i], w[j], c)) + abs(a[i]) + floor(x[i]) + step(c)
        L = sum(i, i*b[i]) + prod(i, 1 + w[i]**2)
    """,
    "a convolution": """
        index p = 0..P, k = 0..2, q = 0..2*P + 2
        input x[q]; parameter w[k]
        y[p] = softplus(sum(k, w[k]*x[2*p + k]))
        L = mean(p, y[p]**2)
    """,
    "a recurrence": """
        index t = 1..T, j, m = 1..H
        input x[t]; parameter V[j,m], w[j]
        h[0,j] = 0
        h[t,j] = tanh(sum(m, V[j,m]*h[t-1,m]) + w[j]*x[t]) for t = 1..T
        L = sum(j, j*h[T,j])
    """,
}
SIZES = {"D": 2, "H": 2, "K": 3, "S": 3, "N": 3, "P": 1, "T": 3}


def through_sympy(network: Network) -> Network:
    pairs = [
        (to_sympy(equation.target), to_sympy(equation.expression, network.functions)) for equation in network.equations
    ]
    by_role = {role: [q.name for q in network.of_role(role)] for role in ("parameter", "input", "target")}
    return from_sympy(
        pairs,
        parameters=by_role["parameter"],
        inputs=by_role["input"],
        targets=by_role["target"],
        constants={q.name: q.value for q in network.of_role("constant")},
        ranges={
            Symbol(bound.index.name): (to_sympy(bound.lower), to_sympy(bound.upper))
            for bound in network.indices.values()
        },
        minimize=network.objective.name if network.objective else None,
    )


@pytest.mark.parametrize("text", ROUND_TRIPS.values(), ids=ROUND_TRIPS.keys())
def test_a_network_that_went_through_sympy_has_the_same_value(text: str) -> None:
    network = parse(text)
    again = through_sympy(network)
    assert {q.name: (q.role, len(q.axes)) for q in again.quantities.values()} == {
        q.name: (q.role, len(q.axes)) for q in network.quantities.values()
    }
    sizes = {name: SIZES[name] for name in network.sizes}
    plain = Witness(network, sizes, {})
    values: dict[str, dict[Point, Value]] = {}
    for quantity in network.quantities.values():
        if quantity.is_given:
            own = values.setdefault(quantity.name, {})
            for place in plain.components(quantity.name):
                own[place] = Fraction(hash((quantity.name[0] < "n", len(own), *place)) % 97 - 48, 61)
    objective = network.objective
    assert objective is not None
    assert close(
        Witness(network, sizes, values).read(objective.name, ()), Witness(again, sizes, values).read(objective.name, ())
    )


def test_a_derivation_of_sympy_equations_goes_back_to_sympy() -> None:
    derivation = symprop.derive(from_sympy([Eq(L, tanh(u * v) ** 2)]))
    found = derivation.gradients["u"].sympy(expand=True)
    assert sympy.simplify(found - sympy.diff(tanh(u * v) ** 2, u)) == 0


def test_assumptions_become_domains() -> None:
    positive, nonnegative = Symbol("p", positive=True), Symbol("q", nonnegative=True)
    network = from_sympy([Eq(y, log(positive) * sqrt(nonnegative))], inputs=[positive, nonnegative])
    assert network.text.splitlines()[0] == "input p in (0, inf), q in [0, inf)"


def test_dummies_get_names_of_their_own() -> None:
    one, other = Dummy("u"), Dummy("u")
    network = from_sympy([Eq(y, one + 2 * other + u)])
    assert len(network.parameters) == 3


def test_shared_parts_are_not_written_out_without_end() -> None:
    expr: Any = u
    for _ in range(60):
        expr = sin(expr) + cos(expr)
    with pytest.raises(NotationError, match="too long when written out"):
        from_sympy([Eq(y, expr)])


def test_deep_nesting_is_refused() -> None:
    expr: Any = u
    for _ in range(3000):
        expr = sympy.sin(expr, evaluate=False)
    with pytest.raises(NotationError):
        from_sympy([(y, expr)])


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "text": (
        lambda: from_sympy("y = u"),
        "NotationError: y = u is no list of equations\n  Text is read by symprop.parse.",
    ),
    "text as a side": (
        lambda: from_sympy([(y, "__import__('os').abort()")]),
        "NotationError: __import__('os').abort() is nothing of sympy's\n  Text is read by symprop.parse.",
    ),
    "statements in a name": (
        lambda: from_sympy([Eq(y, Symbol("u; minimize y"))]),
        "DeclarationError: 'u; minimize y' is no name in the language\n  Letters, digits and _ can stand in one.",
    ),
    "a word that begins a statement": (
        lambda: from_sympy([Eq(y, Symbol("input"))]),
        "DeclarationError: 'input' begins a statement of the language\n  Choose another name.",
    ),
    "no equations": (
        lambda: from_sympy([]),
        "NotationError: there are no equations\n  Write [Eq(y, ...), ...].",
    ),
    "an equation that is decided": (
        lambda: from_sympy([Eq(u, u)]),
        "NotationError: True is no equation that defines something\n"
        "  sympy decided it by itself; write the pair (left, right).",
    ),
    "an expression on the left": (
        lambda: from_sympy([Eq(u + v, c)]),
        "NotationError: the left side u + v is no quantity\n"
        "  An equation defines one quantity: Eq(y, ...) or Eq(a[j], ...).",
    ),
    "a matrix": (
        lambda: from_sympy([Eq(y, MatrixSymbol("M", 2, 2)[0, 1])]),
        "NotationError: matrices of sympy are not read (MatrixElement M[0, 1])\n"
        "  Write with indices, IndexedBase('W')[j, i], or as text: symprop.parse('a = W @ x + b').\n"
        "  It stands in y = M[0, 1].",
    ),
    "a trace": (
        lambda: from_sympy([Eq(y, Trace(MatrixSymbol("M", 2, 2)))]),
        "NotationError: matrices of sympy are not read (Trace Trace(M))\n"
        "  Write with indices, IndexedBase('W')[j, i], or as text: symprop.parse('a = W @ x + b').\n"
        "  It stands in y = Trace(M).",
    ),
    "an integral": (
        lambda: from_sympy([Eq(y, Integral(u, u))]),
        "NotationError: sympy's Integral has no form in the language: Integral(u, u)\n"
        "  Write a sum, or name the integral as an input.\n  It stands in y = Integral(u, u).",
    ),
    "an imaginary number": (
        lambda: from_sympy([Eq(y, sympy.I * u)]),
        "NotationError: I is no real number\n  It stands in y = I*u.",
    ),
    "an infinite sum": (
        lambda: from_sympy([Eq(y, Sum(x[i], (i, 1, oo)))]),
        "NotationError: oo is no real number",
    ),
    "cases without an end": (
        lambda: from_sympy([Eq(y, Piecewise((u, u > 0), (v, u < -1)))]),
        "NotationError: a Piecewise does not say what holds otherwise\n  End it with a case (..., True).\n"
        "  It stands in y = Piecewise((u, u > 0), (v, u < -1)).",
    ),
    "two symbols of one name": (
        lambda: from_sympy([Eq(y, Symbol("u", positive=True) + u)]),
        "DeclarationError: two different symbols are called 'u'\n"
        "  They differ in their assumptions: positive=True and none.",
    ),
    "two indices of one name": (
        lambda: from_sympy([Eq(y, x[Idx("i", 3)] + x[Idx("i", 5)])]),
        "DeclarationError: two different indices are called 'i'\n  Their ranges are 0..2 and 0..4.",
    ),
    "a symbol like a number": (
        lambda: from_sympy([Eq(y, Symbol("E") * u)]),
        "DeclarationError: the symbol 'E' would be read as the number\n  Give it a role: inputs=[E].",
    ),
    "a symbol and a number of one name": (
        lambda: from_sympy([Eq(y, Symbol("pi") * pi)], inputs=Symbol("pi")),
        "DeclarationError: a symbol is called 'pi', and the number stands in pi*pi\n  Call the symbol otherwise.",
    ),
    "a role of nothing": (
        lambda: from_sympy([Eq(y, Symbol("weight") * u)], parameters=Symbol("wieght")),
        "DeclarationError: the parameter 'wieght' stands in no equation\n  Did you mean 'weight'?",
    ),
    "no role": (
        lambda: from_sympy([Eq(y, u * v)], parameters=u, inputs=u),
        "DeclarationError: 'u' is input and parameter",
    ),
    "a name without a role": (
        lambda: from_sympy([Eq(y, u * v * c)], parameters=u, inputs=v),
        "DeclarationError: 'c' has no role, others have one\n  Name it: inputs=[..., c].",
    ),
    "an index that is defined": (
        lambda: from_sympy([Eq(a[i], x[i]), Eq(i, u)]),
        "DeclarationError: 'i' is an index and cannot be defined\n  A name is never both an index and a quantity.",
    ),
    "a constant that is no number": (
        lambda: from_sympy([Eq(y, u * c)], constants={c: v}),
        "NotationError: v is no rational number\n  Write such as 3, 0.1 or Rational(1, 3).",
    ),
    "a constant without a value": (
        lambda: from_sympy([Eq(y, u * c)], constants=[c]),
        "OptionError: constants are given with their values\n  Write constants={symbol: value}.",
    ),
}


@pytest.mark.parametrize(("make", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_told_in_our_words(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SympropError) as caught:
        make()
    assert str(caught.value) == message


def test_what_the_parser_refuses_is_shown_in_the_text_of_the_network() -> None:
    with pytest.raises(DeclarationError) as caught:
        from_sympy([Eq(u, v), Eq(v, u)])
    assert "line 1 | u = v" in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    [None, 3, object(), [1], [None], [(y,)], [Eq(y, u).lhs], [(y, object())], [(y, u > v)], [(y, [1, 2])], {y: Or},
     [(y, sympy.Matrix([1]))], [(y, sympy.Array([1]))], [(Function("f")(2), u)], [(a[u + v], v)], [(y, sympy.nan)],
     [(y, True)], [(a[i, i], x[i])], [(y, sympy.gamma(u))], [(y, sympy.Lambda(u, u))], [(y, sympy.Interval(0, 1))]],
)  # fmt: skip
def test_whatever_is_given_errors_are_ours(odd: Any) -> None:
    with suppress(SympropError):
        from_sympy(odd)


def test_examples_of_the_docstrings_hold() -> None:
    module = importlib.import_module("symprop.declaration.from_sympy")
    assert doctest.testmod(module).failed == 0


def test_the_verb_is_public() -> None:
    assert symprop.from_sympy is from_sympy
