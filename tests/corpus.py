"""Networks of every shape that lowering has to treat, with sizes: recurrences, strides, padding, triangles, extrema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A network as text, and sizes that tell its axes apart."""

    text: str
    sizes: Mapping[str, int]


_ATTENTION = """
index t, u = 1..T, d, e = 1..D
input x[t,d]
target y[t,d]
parameter Wq[e,d], Wk[e,d], Wv[e,d]
q[t,e] = sum(d, Wq[e,d]*x[t,d])
k[t,e] = sum(d, Wk[e,d]*x[t,d])
v[t,e] = sum(d, Wv[e,d]*x[t,d])
s[t,u] = sum(e, q[t,e]*k[u,e])/sqrt(D)
p[t,u] = softmax({}, s[t,u])
o[t,e] = sum(u, p[t,u]*v[u,e])
L = sum(t, d, (o[t,d] - y[t,d])**2)
minimize L
"""

_GATE = "{0}[t,j] = {1}(sum(i, U{0}[j,i]*x[t,i]) + sum(m, V{0}[j,m]*h[t-1,m]) + b{0}[j]) for t = 1..T\n"
_GATES = (("gi", "sigmoid"), ("gf", "sigmoid"), ("go", "sigmoid"), ("gg", "tanh"))


def deep(layers: int) -> str:
    """Return a network of equal tanh layers, each with sizes of its own, and one logistic output."""
    lines = [
        "index " + ", ".join(f"j{n} = 1..H{n}" for n in range(layers + 1)),
        "input x[j0]",
        "target t",
        "parameter " + ", ".join(f"W{n}[j{n},j{n - 1}], b{n}[j{n}]" for n in range(1, layers + 1)) + f", v[j{layers}]",
    ]
    for n in range(1, layers + 1):
        below = "x[j0]" if n == 1 else f"z{n - 1}[j{n - 1}]"
        lines.append(f"a{n}[j{n}] = sum(j{n - 1}, W{n}[j{n},j{n - 1}]*{below}) + b{n}[j{n}]")
        lines.append(f"z{n}[j{n}] = tanh(a{n}[j{n}])")
    lines += [f"y = sigmoid(sum(j{layers}, v[j{layers}]*z{layers}[j{layers}]))", "L = binary_cross_entropy(t, y)"]
    return "\n".join((*lines, "minimize L", "predict y"))


CORPUS: dict[str, Case] = {
    "logistic": Case(
        """
index i = 1..D
input x[i]
target t
parameter w[i], c
b = sum(i, w[i]*x[i]) + c
y = 1/(1 + exp(-b))
J = t*log(y) + (1 - t)*log(1 - y)
maximize J
predict y
""",
        {"D": 3},
    ),
    "two layers": Case(
        """
index i = 1..D, j = 1..H, k = 1..K
input x[i]
target t[k]
parameter W1[j,i], b1[j], W2[k,j], b2[k]
a[j] = sum(i, W1[j,i]*x[i]) + b1[j]
z[j] = tanh(a[j])
o[k] = sum(j, W2[k,j]*z[j]) + b2[k]
y[k] = softmax(k, o[k])
L = cross_entropy(k, t[k], y[k])
minimize L
predict y
""",
        {"D": 3, "H": 4, "K": 5},
    ),
    "activations without names": Case(
        """
index i = 1..D, j = 1..H
input x[i]
target t
parameter W[j,i], b[j], v[j]
hyperparameter lam = 0.1
z[j] = sigmoid(sum(i, W[j,i]*x[i]) + b[j])
y = sum(j, v[j]*z[j])
R = sum(j, i, W[j,i]**2)
L = (y - t)**2 + lam*R
minimize L
""",
        {"D": 3, "H": 4},
    ),
    "recurrence": Case(
        """
index i = 1..D, j, m = 1..H, t = 1..T
input x[t,i]
target y[t]
parameter U[j,i], V[j,m], b[j], c[j], h0[j]
h[0,j] = h0[j]
a[t,j] = sum(i, U[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m]) + b[j] for t = 1..T
h[t,j] = tanh(a[t,j]) for t = 1..T
p[t] = sum(j, c[j]*h[t,j]) for t = 1..T
L = sum(t, (p[t] - y[t])**2)
minimize L
""",
        {"D": 3, "H": 4, "T": 5},
    ),
    "recurrence without names": Case(
        """
index i = 1..D, j, m = 1..H, t = 1..T
input x[t,i]
target y
parameter U[j,i], V[j,m], b[j], c[j]
h[0,j] = 0
h[t,j] = tanh(sum(i, U[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m]) + b[j]) for t = 1..T
p = sum(j, c[j]*h[T,j])
L = (p - y)**2
minimize L
""",
        {"D": 3, "H": 4, "T": 5},
    ),
    "lstm": Case(
        "index i = 1..D, j, m = 1..H, t = 1..T\ninput x[t,i]\ntarget y\nparameter w[j], "
        + ", ".join(f"U{name}[j,i], V{name}[j,m], b{name}[j]" for name, _ in _GATES)
        + "\nh[0,j] = 0\nc[0,j] = 0\n"
        + "".join(_GATE.format(*gate) for gate in _GATES)
        + """c[t,j] = gf[t,j]*c[t-1,j] + gi[t,j]*gg[t,j] for t = 1..T
h[t,j] = go[t,j]*tanh(c[t,j]) for t = 1..T
p = sum(j, w[j]*h[T,j])
L = (p - y)**2
minimize L
""",
        {"D": 2, "H": 3, "T": 4},
    ),
    "layers as an index": Case(
        """
index i, j = 1..H, l = 1..Q
input x[i]
target t
parameter w[l,j,i], b[l,j]
z[0,j] = x[j]
z[l,j] = tanh(sum(i, w[l,j,i]*z[l-1,i]) + b[l,j]) for l = 1..Q
L = sum(j, (z[Q,j] - t)**2)
minimize L
""",
        {"H": 3, "Q": 4},
    ),
    "attention": Case(_ATTENTION.format("u"), {"T": 4, "D": 3}),
    "causal attention": Case(_ATTENTION.format("u = 1..t"), {"T": 4, "D": 3}),
    "strided convolution with padding": Case(
        """
index f = 1..F, r, c = 0..R-1, u, v = 0..2, pr, pc = 0..P-1, k = 1..K
size R = 2*P - 1
input x[r,c]
target y[k]
parameter w[f,u,v], b[f], W[k,f,pr,pc]
zero outside x[r,c]
a[f,pr,pc] = sum(u, v, w[f,u,v]*x[2*pr + u - 1, 2*pc + v - 1]) + b[f]
z[f,pr,pc] = relu(a[f,pr,pc])
o[k] = sum(f, pr, pc, W[k,f,pr,pc]*z[f,pr,pc])
p[k] = softmax(k, o[k])
L = cross_entropy(k, y[k], p[k])
minimize L
""",
        {"F": 2, "P": 3, "R": 5, "K": 4},
    ),
    "embedding": Case(
        """
index s = 1..S, d = 1..D, v = 0..V-1, k = 1..K
integer tok[s] in 0..V-1
target y[k]
parameter E[v,d], W[k,d]
m[d] = mean(s, E[tok[s],d])
o[k] = sum(d, W[k,d]*m[d])
p[k] = softmax(k, o[k])
L = cross_entropy(k, y[k], p[k])
minimize L
""",
        {"S": 4, "D": 3, "V": 6, "K": 5},
    ),
    "pooling and a product": Case(
        """
index p = 0..P-1, q = 0..1, i = 0..2*P-1
input x[i]
target y
parameter w[i], c[p]
a[i] = w[i]*x[i]
m[p] = max(q, a[2*p + q])
g = prod(p, m[p] + c[p])
L = (g - y)**2
minimize L
""",
        {"P": 3},
    ),
    "batch normalisation": Case(
        """
batch n = 1..N
index i = 1..D, j = 1..H
input x[n,i]
target y[n]
parameter W[j,i], gamma[j], beta[j], v[j]
constant eps = 1e-5
a[n,j] = sum(i, W[j,i]*x[n,i])
mu[j] = mean(n, a[n,j])
s2[j] = mean(n, (a[n,j] - mu[j])**2)
h[n,j] = gamma[j]*(a[n,j] - mu[j])/sqrt(s2[j] + eps) + beta[j]
z[n,j] = relu(h[n,j])
p[n] = sum(j, v[j]*z[n,j])
L = mean(n, (p[n] - y[n])**2)
minimize L
""",
        {"N": 6, "D": 3, "H": 4},
    ),
    "components": Case(
        """
index i = 1..2
input x[i]
target t
parameter w, v
u[1] = w*x[1]
u[2] = v*u[1] + x[2]
y = u[1]*u[2]
L = (y - t)**2
minimize L
""",
        {},
    ),
    "no roles": Case("J = w*x**2 + sin(w)", {}),
    "three layers": Case(deep(3), {"H0": 3, "H1": 4, "H2": 4, "H3": 4}),
}
