"""Rules keep the value, and what comes out is what textbooks print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import pytest
from brute_force import Point, Value, Witness, central_difference, close
from hypothesis import given, settings
from random_networks import Example, examples, random_values

import symprop
from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Size,
    add,
    as_expr,
    call,
    compare,
    iverson,
    mul,
    number,
    power,
    reduce,
    scalar,
    where,
)
from symprop.declaration.network import Equation, Network, Objective
from symprop.declaration.parser import parse, parse_expression
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.simplify import (
    RULES,
    Context,
    Rule,
    candidates,
    cheapest,
    content,
    cost,
    in_order_of,
    near,
    shared_factors_out,
    split_sums,
    with_definitions,
    write_out,
)
from symprop.derivation.steps import Derivation

i, j, k, t, m, d = map(Index, "ijktmd")
N, T, H, D = map(Size, "NTHD")
x, y, z = map(scalar, "xyz")


def at(name: str, *indices: Expr | int) -> Access:
    return Access(name, tuple(map(as_expr, indices)))


# ---- every rule keeps the value --------------------------------------------------------------------------------

ONE_HIDDEN_LAYER = """
index     i = 0..D, j = 0..H
input     x[i]
target    t
parameter alpha[j,i], beta[j]
a[j] = sum(i, alpha[j,i]*x[i])
z[j] = sigmoid(a[j])
b    = sum(j, beta[j]*z[j])
y    = sigmoid(b)
L    = -t*log(y) - (1 - t)*log(1 - y)
minimize L
"""
SOFTMAX = """
index     i = 1..D, k = 1..K
input     x[i]
target    t[k]
parameter W[k,i], c[k]
assume    sum(k, t[k]) = 1
o[k] = sum(i, W[k,i]*x[i]) + c[k]
p[k] = softmax(k, o[k])
L    = cross_entropy(k, t[k], p[k])
minimize L
"""
LAYER_NORM = """
index     j = 1..n
input     x[j]
target    y[j]
parameter gain[j], shift[j]
constant  eps = 1/100
mu   = sum(j, x[j])/n
v    = sum(j, (x[j] - mu)**2)/n
r    = 1/sqrt(v + eps)
h[j] = (x[j] - mu)*r
u[j] = gain[j]*h[j] + shift[j]
L    = sum(j, (u[j] - y[j])**3)
minimize L
"""
ATTENTION = """
index     s = 1..S, u = 1..S, d = 1..E
input     Q[s,d], K[u,d], V[u,d]
target    y[s,d]
a[s,u] = sum(d, Q[s,d]*K[u,d])
p[s,u] = softmax(u, a[s,u])
o[s,d] = sum(u, p[s,u]*V[u,d])
L      = sum(s, d, (o[s,d] - y[s,d])**2)/2
minimize L
"""
TEXTS: Mapping[str, tuple[str, Mapping[str, int], tuple[str, ...]]] = {
    "one hidden layer": (ONE_HIDDEN_LAYER, {"D": 2, "H": 1}, ("alpha", "beta", "x")),
    "softmax": (SOFTMAX, {"D": 2, "K": 3}, ("W", "c", "x")),
    "layer norm": (LAYER_NORM, {"n": 3}, ("x", "gain", "shift")),
    "attention": (ATTENTION, {"S": 2, "E": 2}, ("Q", "K", "V")),
}


def values_of(network: Network, sizes: Mapping[str, int]) -> dict[str, dict[Point, Value]]:
    values = random_values(network, sizes, seed=5)
    if network.facts:  # targets that add up to 1
        targets = values["t"]
        last = max(targets)
        targets[last] = 1 - sum((value for point, value in targets.items() if point != last), Fraction(0))
    elif "t" in values:
        values["t"] = {(): Fraction(2, 7)}
    return values


def assert_same_value(before: Expr, after: Expr, witness: Witness, bounds: tuple[Bound, ...], what: str) -> None:
    for indices in witness.points(bounds):
        found, wanted = witness.of(after, indices), witness.of(before, indices)
        assert close(found, wanted), f"{what}: {before}\n became {after}\n{float(found)} instead of {float(wanted)}"


def check_rules(derivation: Derivation, witness: Witness) -> None:
    """Apply every rule to every sum of terms, and to what the rules before it made of it."""
    network = derivation.network
    by_access = {adjoint.access.name: adjoint for adjoint in derivation.adjoints.values()}
    for adjoint in derivation.adjoints.values():
        total = add(*(term.gathered for term in adjoint.terms))
        context = Context(network, adjoint.bounds, by_access, near(total, adjoint.terms, network))
        expr = total
        for name, rule in RULES:
            assert_same_value(total, rule(total, context), witness, adjoint.bounds, name)
            after = rule(expr, context)
            assert_same_value(expr, after, witness, adjoint.bounds, name)
            expr = after
        others: list[tuple[str, Expr]] = [("split sums", split_sums(expr, context))]
        steps = list(adjoint.steps)
        for form, way in (*candidates(expr, context), *with_definitions(expr, context)):
            others.append((", ".join(step.rule for step in way), form))
            steps.extend(way)
        others += [("cheapest", cheapest(expr, context)), ("in order", in_order_of((), expr))]
        others += [(f"{a.access.name} written out", write_out(expr, a.access, a)) for a in by_access.values()]
        for name, form in others:
            assert_same_value(expr, form, witness, adjoint.bounds, name)
        for step in dict.fromkeys(steps):
            assert_same_value(step.before, step.after, witness, adjoint.bounds, step.rule)


@pytest.mark.parametrize("name", TEXTS)
def test_every_rule_keeps_the_value(name: str) -> None:
    text, sizes, wrt = TEXTS[name]
    network = parse(text)
    derivation = backpropagate(network, wrt=wrt)
    adjoints = tuple((a.access, a.bounds, a.expression) for a in derivation.adjoints.values())
    check_rules(derivation, Witness(network, sizes, values_of(network, sizes), adjoints))


@given(examples(depth=2))
@settings(max_examples=20)
def test_every_rule_keeps_the_value_in_random_networks(example: Example) -> None:
    derivation = backpropagate(example.network)
    adjoints = tuple((a.access, a.bounds, a.expression) for a in derivation.adjoints.values())
    check_rules(derivation, example.witness(adjoints))


def test_rules_are_recorded_as_steps() -> None:
    used = {
        step.rule
        for text, _, wrt in TEXTS.values()
        for adjoint in backpropagate(parse(text), wrt=wrt).adjoints.values()
        for step in adjoint.steps
    }
    assert {"derivative in the function's own value", "forward value by its name", "common factor"} <= used


# ---- textbook forms --------------------------------------------------------------------------------------------

# Network, what is differentiated by, adjoint or gradient, and the form as the named book or lecture prints it.
GOLDEN: tuple[tuple[str, str, str, str], ...] = (
    # Bishop (2006), eq. 4.91: the error signal of the logistic unit.
    (ONE_HIDDEN_LAYER, "adjoint", "b", "y - t"),
    # Bishop, eq. 5.53 to 5.56 with one output.
    (ONE_HIDDEN_LAYER, "gradient", "beta", "(y - t)*z[j]"),
    (ONE_HIDDEN_LAYER, "adjoint", "a", "z_bar[j]*z[j]*(1 - z[j])"),
    (ONE_HIDDEN_LAYER, "gradient", "alpha", "(y - t)*beta[j]*z[j]*(1 - z[j])*x[i]"),
    # Bishop, eq. 4.109: softmax with cross-entropy.
    (SOFTMAX, "adjoint", "o", "p[k] - t[k]"),
    (SOFTMAX, "gradient", "W", "(p[k] - t[k])*x[i]"),
    (SOFTMAX, "gradient", "c", "p[k] - t[k]"),
    # Ba, Kiros, Hinton (2016): layer normalisation, in the normalised values.
    (LAYER_NORM, "adjoint", "x", "r*(n*h_bar[j] - h[j]*sum(j_1, h_bar[j_1]*h[j_1]) - sum(j_1, h_bar[j_1]))/n"),
    (LAYER_NORM, "adjoint", "h", "u_bar[j]*gain[j]"),
    # The softmax in front of a further layer: p*(dp - sum(dp*p)).
    (ATTENTION, "adjoint", "a", "p[s,u]*(p_bar[s,u] - sum(u_1, p_bar[s,u_1]*p[s,u_1]))"),
    (ATTENTION, "adjoint", "o", "o[s,d] - y[s,d]"),
    (ATTENTION, "gradient", "V", "sum(s, o_bar[s,d]*p[s,u])"),  # that of Q names o_bar too
    (ATTENTION, "gradient", "Q", "sum(u, a_bar[s,u]*K[u,d])"),
    # ... and one product further: with sum(u, p[s,u]) = 1 the factors of K meet under one sum (Vaswani et al. 2017).
    (
        "index s, u = 1..S, d = 1..D\ninput K[u,d], y[s]\nparameter Q[s,d], v[u]\n"
        "p[s,u] = softmax(u, sum(d, Q[s,d]*K[u,d]))\no[s] = sum(u, p[s,u]*v[u])\nL = sum(s, (o[s] - y[s])**2)/2",
        "adjoint",
        "Q",
        "sum(u, p[s,u]*K[u,d]*(p_bar[s,u] - sum(u_1, p_bar[s,u_1]*p[s,u_1])))",
    ),
    # Weight decay (Krogh, Hertz 1991): each term has its own number, and there is no common denominator.
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\ny = sum(i, w[i]*x[i])\n"
        "L = (y - t)**2/2 + 0.01*sum(i, w[i]**2)",
        "gradient",
        "w",
        "w[i]/50 + (y - t)*x[i]",
    ),
    # ... with an adjoint that is a constant, lambda/2.
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\nhyperparameter lambda = 0.1\n"
        "y = sum(i, w[i]*x[i])\nR = sum(i, w[i]**2)\nL = (y - t)**2/2 + lambda/2*R",
        "gradient",
        "w",
        "lambda*w[i] + (y - t)*x[i]",
    ),
    # A number under a root stays where it is.
    ("input s\nparameter w\nJ = sqrt(s*w + 1/10)", "gradient", "w", "s/(2*sqrt(s*w + 1/10))"),
    # The logistic unit at every step of a recurrence: its error is p - y under a sum and beside the recurrent term.
    (
        "index t = 1..T\ninput x[t]\ntarget y[t]\nparameter a, b, u\nh[0] = 0\n"
        "h[t] = tanh(a*h[t-1] + b*x[t]) for t = 1..T\np[t] = sigmoid(u*h[t])\n"
        "L = -sum(t, y[t]*log(p[t]) + (1 - y[t])*log(1 - p[t]))",
        "gradient",
        "u",
        "sum(t, (p[t] - y[t])*h[t])",
    ),
    # Linear regression, half square: the delta rule of Widrow and Hoff.
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i], b\ny = sum(i, w[i]*x[i]) + b\nL = (y - t)**2/2",
        "gradient",
        "w",
        "(y - t)*x[i]",
    ),
    # Rumelhart, Hinton, Williams (1986): squared error of a sigmoid unit.
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\na = sum(i, w[i]*x[i])\ny = sigmoid(a)\nL = (y - t)**2/2",
        "gradient",
        "w",
        "(y - t)*y*(1 - y)*x[i]",
    ),
    # A likelihood that is maximised has the opposite sign (Hastie, Tibshirani, Friedman (2009), eq. 4.24).
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\nb = sum(i, w[i]*x[i])\ny = sigmoid(b)\n"
        "J = t*log(y) + (1 - t)*log(1 - y)\nmaximize J",
        "gradient",
        "w",
        "(t - y)*x[i]",
    ),
    # tanh: 1 - h**2.
    (
        "index i = 1..D, j = 1..H\ninput x[i]\ntarget t\nparameter W[j,i], v[j]\na[j] = sum(i, W[j,i]*x[i])\n"
        "h[j] = tanh(a[j])\ny = sum(j, v[j]*h[j])\nL = (y - t)**2/2",
        "gradient",
        "W",
        "(y - t)*v[j]*(1 - h[j]**2)*x[i]",
    ),
    # A mean over examples keeps its factor in front.
    (
        "index n = 1..N, i = 1..D\ninput x[n,i]\ntarget t[n]\nparameter w[i]\ny[n] = sum(i, w[i]*x[n,i])\n"
        "L = sum(n, (y[n] - t[n])**2)/N",
        "gradient",
        "w",
        "2*sum(n, (y[n] - t[n])*x[n,i])/N",
    ),
    # Weight decay (Bishop, eq. 3.27 and 3.28).
    (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\nhyperparameter lam = 1/10\ny = sum(i, w[i]*x[i])\n"
        "L = (y - t)**2/2 + lam*sum(i, w[i]**2)/2",
        "gradient",
        "w",
        "(y - t)*x[i] + lam*w[i]",
    ),
    # The derivative of logsumexp is the softmax; of an exponential itself.
    ("index i = 1..N\nparameter v[i]\nL = logsumexp(i, v[i])", "gradient", "v", "softmax(i, v[i])"),
    ("parameter w\ninput x\ns = exp(w*x)\nL = s", "gradient", "w", "s*x"),
    # Euclidean norm: the unit vector.
    ("index i = 1..N\nparameter v[i]\nr = sqrt(sum(i, v[i]**2))\nL = r", "gradient", "v", "v[i]/r"),
    # A quadratic form (Petersen, Pedersen, The Matrix Cookbook, eq. 81).
    (
        "index i = 1..N, k = 1..N\ninput A[i,k]\nparameter v[i]\nL = sum(i, k, v[i]*A[i,k]*v[k])",
        "gradient",
        "v",
        "sum(k, v[k]*(A[i,k] + A[k,i]))",
    ),
    # A convolution's weight: the correlation of input and output adjoint.
    (
        "index p = 0..P-1, q = 0..R-1\nindex s = 0..P+R-2\ninput x[s]\ntarget t[p]\nparameter w[q]\n"
        "a[p] = sum(q, w[q]*x[p + q])\nL = sum(p, (a[p] - t[p])**2)/2",
        "gradient",
        "w",
        "sum(p, (a[p] - t[p])*x[p + q])",
    ),
)


@pytest.mark.parametrize(
    ("text", "kind", "name", "form"), GOLDEN, ids=[f"{name}: {form}" for _, _, name, form in GOLDEN]
)
def test_textbook_forms(text: str, kind: str, name: str, form: str) -> None:
    network = parse(text)
    wrt = {LAYER_NORM: ("x", "gain"), ATTENTION: ("Q", "K", "V")}.get(text)
    derivation = backpropagate(network, wrt=wrt)
    found = derivation.adjoints[name].textbook if kind == "adjoint" else derivation.gradients[name].expression
    # The book's adjoints are ours by another name; they are read as inputs of the same shape.
    assert found == parse_expression(form, with_adjoints(network, derivation))


def with_adjoints(network: Network, derivation: Derivation) -> Network:
    """Return the network with its adjoints as names that an expression may use."""
    quantities = dict(network.quantities)
    for adjoint in derivation.adjoints.values():
        axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in adjoint.bounds)
        quantities[adjoint.access.name] = Quantity(adjoint.access.name, "input", axes)
    return Network(
        quantities, network.equations, network.indices, network.sizes, network.functions, declares_roles=True
    )


def recurrent_network() -> Network:
    """A recurrent network: h[t] = tanh(V h[t-1] + U x[t]), read off after the last step."""

    def axes(*bounds: tuple[Index, int, Size]) -> tuple[Axis, ...]:
        return tuple(Axis(index, as_expr(lower), upper) for index, lower, upper in bounds)

    def ranges(*bounds: tuple[Index, int, Size]) -> tuple[Bound, ...]:
        return tuple(Bound(index, as_expr(lower), upper) for index, lower, upper in bounds)

    quantities = (
        Quantity("x", "input", axes((t, 1, T), (d, 1, D))),
        Quantity("y", "target"),
        Quantity("V", "parameter", axes((j, 1, H), (m, 1, H))),
        Quantity("U", "parameter", axes((j, 1, H), (d, 1, D))),
        Quantity("w", "parameter", axes((j, 1, H))),
        Quantity("h", "defined", axes((t, 0, T), (j, 1, H))),
        Quantity("o", "defined"),
        Quantity("L", "defined"),
    )
    inner = reduce("sum", ranges((m, 1, H)), at("V", j, m) * at("h", t - ONE, m))
    outside = reduce("sum", ranges((d, 1, D)), at("U", j, d) * at("x", t, d))
    equations = (
        Equation(at("h", 0, j), ranges((j, 1, H)), ZERO),
        Equation(at("h", t, j), ranges((t, 1, T), (j, 1, H)), call("tanh", inner + outside)),
        Equation(scalar("o"), (), reduce("sum", ranges((j, 1, H)), at("w", j) * at("h", T, j))),
        Equation(scalar("L"), (), power(scalar("o") - scalar("y"), number(2)) / number(2)),
    )
    return Network(
        {quantity.name: quantity for quantity in quantities},
        equations,
        {b.index: b for b in ranges((t, 0, T), (j, 1, H), (m, 1, H), (d, 1, D))},
        {"T": None, "H": None, "D": None},
        objectives=(Objective("L", "minimize"),),
        declares_roles=True,
    )


def test_backpropagation_through_time() -> None:
    """Goodfellow, Bengio, Courville (2016), eq. 10.18 to 10.28, with the state written in."""
    network = recurrent_network()
    derivation = backpropagate(network)
    h, h_bar, j_1 = (lambda *i: at("h", *i)), (lambda *i: at("h_bar", *i)), Index("j_1")

    def over(index: Index, upper: Size, body: Expr) -> Expr:
        return reduce("sum", (Bound(index, ONE, upper),), body)

    before = h_bar(t + ONE, j_1) * (ONE - power(h(t + ONE, j_1), number(2))) * at("V", j_1, j)
    assert derivation.adjoints["h"].textbook == add(
        where(compare("==", t, T), scalar("o_bar") * at("w", j), ZERO),
        where(compare("<=", t, T - ONE), over(j_1, H, before), ZERO),
    )
    slope = ONE - power(h(t, j), number(2))
    assert derivation.gradients["V"].expression == over(t, T, h_bar(t, j) * slope * h(t - ONE, m))
    assert derivation.gradients["U"].expression == over(t, T, h_bar(t, j) * slope * at("x", t, d))
    assert derivation.gradients["w"].expression == mul(scalar("o_bar"), h(T, j))
    sizes = {"T": 3, "H": 2, "D": 1}
    values = random_values(network, sizes, seed=3)
    for form in ("expression", "textbook"):
        adjoints = tuple((a.access, a.bounds, getattr(a, form)) for a in derivation.adjoints.values())
        witness = Witness(network, sizes, values, adjoints)
        for adjoint in derivation.adjoints.values():
            for indices in witness.points(adjoint.bounds):
                point = tuple(int(indices[bound.index]) for bound in adjoint.bounds)
                wanted = central_difference(Witness(network, sizes, values), ("L", ()), (adjoint.of, point))
                assert close(witness.read(adjoint.access.name, point), wanted), (form, adjoint.of, point)


def test_states_that_depend_on_each_other_get_every_path() -> None:
    """Two states, each from the other's last value: both get adjoints although neither is first."""
    quantities = (
        Quantity("w", "parameter"),
        Quantity("h", "defined", (Axis(t, ZERO, T),)),
        Quantity("c", "defined", (Axis(t, ZERO, T),)),
        Quantity("L", "defined"),
    )
    steps = (Bound(t, ONE, T),)
    equations = (
        Equation(at("h", 0), (), ONE),
        Equation(at("c", 0), (), scalar("w")),
        Equation(at("h", t), steps, call("tanh", at("c", t - ONE) + ONE)),
        Equation(at("c", t), steps, scalar("w") * at("h", t)),
        Equation(scalar("L"), (), at("h", T)),
    )
    network = Network(
        {quantity.name: quantity for quantity in quantities},
        equations,
        {t: Bound(t, ZERO, T)},
        {"T": None},
        objectives=(Objective("L", "minimize"),),
        declares_roles=True,
    )
    values = {"w": {(): Fraction(3, 7)}}
    for steps_taken in (1, 2, 4):
        derivation = backpropagate(network)
        adjoints = tuple((a.access, a.bounds, a.textbook) for a in derivation.adjoints.values())
        witness = Witness(network, {"T": steps_taken}, values, adjoints)
        wanted = central_difference(Witness(network, {"T": steps_taken}, values), ("L", ()), ("w", ()))
        assert close(witness.of(derivation.gradients["w"].expression), wanted)


def test_an_equation_names_only_what_it_defines() -> None:
    """u[1] is 5; so w[1]*exp(x[1]) has no name although w[i]*exp(x[i]) is u[i] from 2 on."""
    network = parse(
        "index i = 1..N, s = 2..N\ninput c[i]\nparameter w[i], x[i]\nu[1] = 5\nu[s] = w[s]*exp(x[s])\n"
        "L = sum(i, c[i]*w[i]*exp(x[i])) + sum(i, u[i])"
    )
    gradient = backpropagate(network).gradients["x"]
    assert gradient.expression == add(
        at("c", i) * at("w", i) * call("exp", at("x", i)), where(compare(">=", i, number(2)), at("u", i), ZERO)
    )


def test_the_jacobian_of_a_layer_keeps_its_letters_apart() -> None:
    """The letters of the source and those that an equation sums over may be the same."""
    network = parse(
        "index j = 1..H, k = 1..K\ninput x[k]\nparameter V[j,k], W[k,j]\nz[j] = tanh(sum(k, V[j,k]*x[k]))\n"
        "y[k] = sum(j, W[k,j]*z[j])\nL = sum(k, y[k])"
    )
    derivation = backpropagate(network, of="y", wrt=("x",))
    sizes = {"H": 2, "K": 3}
    values = random_values(network, sizes, seed=2)
    adjoints = tuple((a.access, a.bounds, a.textbook) for a in derivation.adjoints.values())
    witness = Witness(network, sizes, values, adjoints)
    gradient = derivation.gradients["x"]
    assert len(gradient.indices) == 2
    for indices in witness.points(gradient.bounds):
        row, column = (int(indices[index]) for index in gradient.indices)
        wanted = central_difference(Witness(network, sizes, values), ("y", (row,)), ("x", (column,)))
        assert close(witness.of(gradient.expression, indices), wanted)


# ---- single rules ----------------------------------------------------------------------------------------------

NOTHING = Context(Network({}, ()), (), {}, ())
NAMED: Mapping[str, Rule] = dict(RULES)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("common factor", x * y + x * z, x * (y + z)),
        ("common factor", 2 * x - number(4), 2 * (x - number(2))),
        ("common factor", x / y + z / y, (x + z) / y),
        ("common factor", x * y + z, x * y + z),
        (
            "constant factor out of the sum",
            reduce("sum", (Bound(i, ONE, N),), x * at("a", i) / y),
            x / y * reduce("sum", (Bound(i, ONE, N),), at("a", i)),
        ),
        ("constant factor out of the sum", reduce("sum", (Bound(i, ONE, N),), x), N * x),
        ("constant factor out of the sum", reduce("sum", (Bound(i, ZERO, N),), x), (N + ONE) * x),
        (  # perhaps empty: N - 1 terms are not always more than none, but x may be taken out
            "constant factor out of the sum",
            reduce("sum", (Bound(i, k, N),), x * at("a", i)),
            x * reduce("sum", (Bound(i, k, N),), at("a", i)),
        ),
        (  # ... and what is read at k + 1 may not exist then
            "constant factor out of the sum",
            reduce("sum", (Bound(i, k + ONE, N),), at("b", k + ONE) * at("a", i)),
            reduce("sum", (Bound(i, k + ONE, N),), at("b", k + ONE) * at("a", i)),
        ),
        (
            "delta picks one term",
            reduce("sum", (Bound(i, ONE, N),), at("a", i) * iverson(compare("==", i, N))),
            at("a", N),
        ),
        ("denominators last", mul(power(y, number(-1)), x), x / y),
    ],
    ids=str,
)
def test_single_rules(rule: str, before: Expr, after: Expr) -> None:
    assert NAMED[rule](before, NOTHING) == after


def test_signs_are_written_as_people_do() -> None:
    rule = NAMED["fewest signs"]
    assert str(rule(-(y - x), NOTHING)) == "x - y"
    assert str(rule(-x + y, NOTHING)) == "y - x"
    assert str(rule(-x * (y - z), NOTHING)) == "x*(z - y)"


def test_the_content_of_a_sum_is_what_divides_all_coefficients() -> None:
    sums = {2 * x - number(4): "2", x / number(2) + y / number(2): "1/2", 6 * x + 9 * y: "3", x + 2 * y: "1"}
    for expr, value in sums.items():
        assert content(expr) == Fraction(value)  # type: ignore[arg-type]
        assert shared_factors_out(expr) == mul(
            number(value),
            add(
                *(  # type: ignore[arg-type]
                    mul(number(1 / Fraction(value)), term) for term in expr.children
                )
            ),
        )


def test_longer_expressions_cost_more() -> None:
    costs = [x, x + y, x - y * z, x - y * z + call("exp", x), (x - y * z + call("exp", x)) / (y + z)]
    assert list(map(cost, costs)) == sorted(map(cost, costs))
    assert cost(x) < cost(-x + ZERO - ONE)


def test_a_forward_name_brings_no_divisor_that_may_be_0() -> None:
    """The sum is h/g, which has no value where g is 0."""
    import symprop

    network = "index i = 1..2; input x[i]; parameter w[i], g; h = sum(i, w[i]*x[i])*g; L = h**2"
    gradient = symprop.derive(network).gradients["g"].expression
    shown = symprop.evaluate(network, {"x": [1, 2], "w": [3, 4], "g": 0}, show=[str(gradient)]).shown
    assert list(shown.values()) == [0]  # 2*h*11, and h is 0


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        ("o = w*x; L = binary_cross_entropy_with_logits(t, o)", "(sigmoid(o) - t)*x"),
        ("L = binary_cross_entropy_with_logits(t, w*x)", "x*(sigmoid(w*x) - t)"),
        ("L = t*log(1 + exp(-w*x)) + (1 - t)*log(1 + exp(w*x))", None),  # no name of the catalogue in it
    ],
)
def test_the_two_sigmoids_of_a_loss_of_logits_become_one(loss: str, gradient: str | None) -> None:
    derivation = symprop.derive(f"input x; target t; parameter w\n{loss}")
    if gradient is not None:
        assert str(derivation.gradients["w"]) == gradient
    for w, x, t in ((0.3, -2.0, 0.25), (-1.5, 0.7, 1.0)):
        values = symprop.evaluate(derivation.network, {"w": w, "x": x, "t": t}, show=["D(L,w)"])
        assert float(values["D(L,w)"]) == pytest.approx(x * (1 / (1 + math.exp(-w * x)) - t), rel=1e-14)
