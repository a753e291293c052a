"""Networks that the tests print: the lectures' examples, and what is hard to lay out."""

from __future__ import annotations

from dataclasses import replace

from symprop.algebra.expressions import ONE, ZERO, Access, Bound, Expr, Index, Size, call, reduce, scalar
from symprop.declaration.network import Equation, Network, Objective
from symprop.declaration.parser import parse
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.forward_sweep import propagate
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation

SHARED = """
t = x**2
u1 = sin(t)
u2 = 3*t
u = u1 + u2
J = cos(u)
"""

HIDDEN_LAYER = """
index     i = 0..D, j = 0..H
input     x[i]
target    t
parameter alpha[j,i], beta[j]
a[j] = sum(i, alpha[j,i]*x[i])
z[j] = sigmoid(a[j])
b    = sum(j, beta[j]*z[j])
y    = sigmoid(b)
J    = t*log(y) + (1 - t)*log(1 - y)
maximize J
"""

SOFTMAX = """
index     i = 1..D, j = 1..H, k = 1..K
input     x[i]
target    t[k]
assume sum(k, t[k]) = 1
parameter W1[j,i], b1[j], W2[k,j], b2[k]
a1[j] = sum(i, W1[j,i]*x[i]) + b1[j]
h[j]  = relu(a1[j])
a2[k] = sum(j, W2[k,j]*h[j]) + b2[k]
p[k]  = softmax(k, a2[k])
L     = cross_entropy(k, t[k], p[k])
minimize L
"""

ATTENTION = """
index n, m = 1..N
index d = 1..D, c = 1..C
input x[n,d]
target t[n,c]
parameter Wq[d,c], Wk[d,c], Wv[d,c]
q[n,c] = sum(d, x[n,d]*Wq[d,c])
k[n,c] = sum(d, x[n,d]*Wk[d,c])
v[n,c] = sum(d, x[n,d]*Wv[d,c])
s[n,m] = sum(c, q[n,c]*k[m,c])/sqrt(C)
p[n,m] = softmax(m, s[n,m])
o[n,c] = sum(m, p[n,m]*v[m,c])
L = sum(n, c, (o[n,c] - t[n,c])**2)/2
minimize L
"""

NORMALISATION = """
index i = 1..N
input x[i]
target t[i]
parameter g[i], b[i]
constant eps = 1e-5
mu = mean(i, x[i])
var = mean(i, (x[i] - mu)**2)
r = 1/sqrt(var + eps)
h[i] = (x[i] - mu)*r
y[i] = g[i]*h[i] + b[i]
L = sum(i, (y[i] - t[i])**2)/2
minimize L
"""

CONVOLUTION = """
index p = 0..P, q = 0..2*P+2
index k = 0..2
input x[q]
target t[p]
parameter w[k]
y[p] = relu(sum(k, w[k]*x[2*p + k]))
L = mse(p, t[p], y[p])
minimize L
"""

JACOBIAN = """
index i = 1..D, k = 1..K
input x[i]
parameter W[k,i]
a[k] = sum(i, W[k,i]*x[i])
p[k] = softmax(k, a[k])
"""

# Nothing that anybody would train: names with decorations, cases, powers, extrema, long products.
CURIOUS = """
index i = 1..N
input x[i], t
parameter w_hh[i], alpha_1, lr_2, kappa
function g(u)
u = max(sum(i, w_hh[i]*x[i]), alpha_1)
v = where(u > 0, u*g(u)/(1 + abs(u)), leaky_relu(u, kappa))
y_hat = gelu(v)*exp(-(v**2 + kappa**2)/(2*alpha_1**2))*sqrt(1 + v**2)**3*sin(v)**2
z = log(1 + exp(-t*y_hat)) + lr_2*sum(i, w_hh[i]**2)/2 + prod(i, 1 + w_hh[i]) + max(i, w_hh[i]*x[i])
minimize z
"""


def deep(layers: int) -> str:
    """Return the text of a network of equal layers."""
    parameters = ", ".join(f"W{n}[i,j], b{n}[i]" for n in range(1, layers + 1))
    lines = ["index i, j = 1..n", "input x[i]", "target t[i]", f"parameter {parameters}"]
    before = "x"
    for n in range(1, layers + 1):
        lines.append(f"a{n}[i] = sum(j, W{n}[i,j]*{before}[j]) + b{n}[i]")
        lines.append(f"h{n}[i] = tanh(a{n}[i])")
        before = f"h{n}"
    return "\n".join([*lines, f"L = sum(i, ({before}[i] - t[i])**2)/2", "minimize L"])


def recurrent() -> Network:
    """Return a recurrent network: ``h[0,j] = 0``, and each step reads the one before."""
    i, j, m, t = map(Index, "ijmt")
    ranges = {index: Bound(index, ONE, Size(size)) for index, size in zip((i, j, m, t), "DHHT", strict=True)}

    def total(index: Index, body: Expr) -> Expr:
        return reduce("sum", (ranges[index],), body)

    def quantity(name: str, role: str, *indices: Index) -> Quantity:
        axes = (Axis(index, ranges[index].lower, ranges[index].upper) for index in indices)
        return Quantity(name, role, tuple(axes))

    def at(name: str, *indices: Expr) -> Access:
        return Access(name, indices)

    state = quantity("h", "defined", t, j)
    state = replace(state, axes=(Axis(t, ZERO, Size("T")), state.axes[1]))
    quantities = (
        *(quantity("x", "input", t, i), quantity("y", "target")),
        *(quantity("V", "parameter", j, m), quantity("W", "parameter", j, i), quantity("u", "parameter", j)),
        *(state, quantity("p", "defined"), quantity("L", "defined")),
    )
    before = total(m, at("V", j, m) * at("h", t - ONE, m))
    y, p = scalar("y"), scalar("p")
    equations = (
        Equation(at("h", ZERO, j), (ranges[j],), ZERO),
        Equation(at("h", t, j), (ranges[t], ranges[j]), call("tanh", before + total(i, at("W", j, i) * at("x", t, i)))),
        Equation(p, (), call("sigmoid", total(j, at("u", j) * at("h", Size("T"), j)))),
        Equation(scalar("L"), (), -y * call("log", p) - (1 - y) * call("log", 1 - p)),
    )
    return Network(
        {quantity.name: quantity for quantity in quantities},
        equations,
        ranges,
        objectives=(Objective("L", "minimize"),),
        declares_roles=True,
    )


def derivations() -> dict[str, Derivation]:
    """Return a derivation of every network here, by name."""
    normalised = parse(NORMALISATION)
    return {
        "shared": backpropagate(parse(SHARED)),
        "hidden_layer": backpropagate(parse(HIDDEN_LAYER), wrt=("alpha", "beta", "x")),
        "softmax": backpropagate(parse(SOFTMAX)),
        "attention": backpropagate(parse(ATTENTION)),
        "normalisation": backpropagate(normalised, wrt=("x", *normalised.parameters)),
        "convolution": backpropagate(parse(CONVOLUTION), wrt=("w", "x")),
        "jacobian": backpropagate(parse(JACOBIAN), of="p", wrt=("x", "W")),
        "curious": backpropagate(parse(CURIOUS)),
        "deep": backpropagate(parse(deep(6))),
        "recurrent": backpropagate(recurrent()),
        "forward": propagate(parse(SHARED)),
        "forward_by_two": propagate(parse(HIDDEN_LAYER)),
    }
