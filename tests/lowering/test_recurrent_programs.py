"""Recurrences of every kind compute what the reference says: nested, two-sided, downwards, with far steps, by parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from random_networks import random_values
from test_schedule import assert_program_is_right

import symprop
from symprop.declaration.parser import parse
from symprop.errors import ShapeError

# By what is special about it: the text, and sizes.
RECURRENCES: dict[str, tuple[str, dict[str, int]]] = {
    "two running axes, layers and time": (
        """index l = 1..L, t = 1..T
input x[t,i]
target y
parameter W[l,j,m], V[l,j,m], A[j,i]
index i = 1..D, j, m = 1..H
h[0,t,j] = tanh(sum(i, A[j,i]*x[t,i])) for t = 1..T
h[l,0,j] = 0 for l = 0..L
h[l,t,j] = tanh(sum(m, V[l,j,m]*h[l,t-1,m]) + sum(m, W[l,j,m]*h[l-1,t,m])) for l = 1..L, t = 1..T
E = (sum(j, h[L,T,j]) - y)**2
minimize E
""",
        {"L": 2, "T": 3, "D": 2, "H": 2},
    ),
    "a sum over all earlier steps": (
        """index t = 1..T
input x[t]
parameter w, v
y[1] = w*x[1]
y[t] = tanh(v*sum(s = 1..t-1, y[s]) + w*x[t]) for t = 2..T
E = sum(t, y[t]**2)
minimize E
""",
        {"T": 4},
    ),
    "groups that only the order of components breaks": (
        """input x
parameter w, v
u[1] = w*x
p = sin(u[1])
u[2] = v*p + u[1]
q = u[2]*u[1]
u[3] = q*p
E = u[3] + u[2]
minimize E
""",
        {},
    ),
    "components over a range": (
        """index k = 1..3, j = 1..D
input x[j]
parameter w[k], v
u[1,j] = w[1]*x[j] for j = 1..D
p = sum(j, u[1,j]**2)
u[2,j] = v*p*u[1,j] for j = 1..D
q = sum(j, u[2,j]*u[1,j])
u[3,j] = tanh(q*u[2,j]) + w[3]*p for j = 1..D
E = sum(k, j, u[k,j]*w[k])
minimize E
""",
        {"D": 2},
    ),
    "one way up, one way down": (
        """index t = 1..T, j, m = 1..H
input x[t]
target y
parameter U[j,m], V[j,m], a[j], b[j], c[j]
f[0,j] = 0
f[t,j] = tanh(sum(m, U[j,m]*f[t-1,m]) + a[j]*x[t]) for t = 1..T
g[T+1,j] = 0
g[t,j] = tanh(sum(m, V[j,m]*g[t+1,m]) + b[j]*x[t]) for t = 1..T
o[t] = sum(j, c[j]*f[t,j]*g[t,j])
E = sum(t, (o[t] - y)**2)
minimize E
""",
        {"T": 3, "H": 2},
    ),
    "downwards with far steps": (
        """index t = 1..T
input x[t]
parameter w, v
r[T] = w*x[T]
r[T-1] = v*x[T-1] + r[T]**2
r[t] = tanh(w*r[t+1] + v*r[t+2] + x[t]) for t = 1..T-2
E = sum(t, r[t]*x[t])
minimize E
""",
        {"T": 5},
    ),
    "integers in a recurrence": (
        """index t = 1..T, j, m = 1..H
input integer tok[t] in 1..V
parameter E[v,j], U[j,m]
index v = 1..V
h[0,j] = 0
h[t,j] = tanh(E[tok[t],j] + sum(m, U[j,m]*h[t-1,m])*tok[t]) for t = 1..T
L = sum(t, log(sum(v, exp(sum(j, E[v,j]*h[t-1,j])))) - sum(j, E[tok[t],j]*h[t-1,j]))
minimize L
""",
        {"T": 3, "H": 2, "V": 3},
    ),
    "batch in a recurrence": (
        """batch n = 1..N
index t = 1..T, j, m = 1..H
input x[n,t]
parameter U[j,m], a[j]
h[n,0,j] = 0
s[n,t,j] = sum(m, U[j,m]*h[n,t-1,m]) + a[j]*x[n,t] for t = 1..T
mu[t,j] = mean(n, s[n,t,j])
h[n,t,j] = tanh(s[n,t,j] - mu[t,j]) for t = 1..T
L = mean(n, sum(j, h[n,T,j]**3 + h[n,T,j]))
minimize L
""",
        {"N": 3, "T": 3, "H": 2},
    ),
    "zero outside in a recurrence": (
        """index t = 1..T, p = 1..P
input x[t,p]
parameter k[q], w
index q = -1..1
zero outside h[t,p]
h[t,p] = tanh(sum(q, k[q]*h[t-1,p+q]) + w*x[t,p]) for t = 1..T
L = sum(p, h[T,p]**2)
minimize L
""",
        {"T": 3, "P": 4},
    ),
    "max in a recurrence": (
        """index t = 1..T, j, m = 1..H
input x[t,j]
parameter A[j,m]
v[0,j] = x[1,j]
v[t,j] = max(m, A[j,m] + v[t-1,m]) + x[t,j] for t = 1..T
L = max(j, v[T,j])
minimize L
""",
        {"T": 3, "H": 3},
    ),
    "logsumexp in a recurrence": (
        """index t = 1..T, j, m = 1..H
input x[t,j]
parameter A[j,m]
v[0,j] = x[1,j]
v[t,j] = logsumexp(m, A[j,m] + v[t-1,m]) + x[t,j] for t = 1..T
L = logsumexp(j, v[T,j])
minimize L
""",
        {"T": 3, "H": 2},
    ),
    "products in a recurrence": (
        """index t = 1..T, j = 1..H
input x[t,j]
parameter w[j]
c[0] = 1
c[t] = c[t-1]*prod(j, 1 + w[j]*x[t,j]*c[t-1]/4) for t = 1..T
L = c[T]
minimize L
""",
        {"T": 3, "H": 2},
    ),
    "a grid": (
        """index r = 1..R, c = 1..C
input x[r,c]
parameter a, b, d
zero outside g[r,c]
g[r,c] = tanh(a*g[r-1,c] + b*g[r,c-1] + d*g[r-1,c-1] + x[r,c])
L = g[R,C]
minimize L
""",
        {"R": 3, "C": 3},
    ),
    "attention over the past": (
        """index t = 1..T
input x[t]
parameter w, v
h[1] = w*x[1]
h[t] = tanh(sum(s = 1..t-1, h[s]*exp(v*h[s]*x[t])/sum(u = 1..t-1, exp(v*h[u]*x[t]))) + w*x[t]) for t = 2..T
L = sum(t, h[t]**2)
minimize L
""",
        {"T": 4},
    ),
    "a recurrence in each step of another": (
        """index t = 1..T, k = 1..K
input x[t]
parameter w, v
z[0] = w
y[t,0] = z[t-1]*x[t] for t = 1..T
y[t,k] = tanh(v*y[t,k-1] + x[t]) for t = 1..T, k = 1..K
z[t] = z[t-1] + y[t,K] for t = 1..T
L = z[T]**2
minimize L
""",
        {"T": 3, "K": 3},
    ),
}


@pytest.mark.parametrize("name", RECURRENCES)
def test_programs_of_recurrences_compute_values_and_gradients(name: str) -> None:
    text, sizes = RECURRENCES[name]
    network = parse(text)
    values = random_values(network, sizes, 5)
    for quantity in network.quantities.values():
        if quantity.integer:
            places = enumerate(values[quantity.name])
            values[quantity.name] = {point: Fraction(1 + number % sizes["V"]) for number, point in places}
    assert_program_is_right(network, sizes, values)


def test_each_of_several_objectives_has_gradients_of_its_own() -> None:
    text = """
input x, u; parameter a, b
g = tanh(a*u); p = sigmoid(b*x); q = sigmoid(b*g)
LD = -log(p) - log(1 - q); LG = -log(q)
minimize LD over b; minimize LG over a
"""
    data, at = {"x": np.array([0.3, -1.0]), "u": np.array([0.7, 0.2])}, {"a": 0.4, "b": -0.6}
    for of, by in (("LD", "b"), ("LG", "a")):
        functions = symprop.compile(text, of=of, wrt=[by], target="numpy")
        value, gradients = functions.gradient(at, data)
        assert value == pytest.approx(functions.forward(at, data)[of].mean(), rel=1e-14)
        step = 6e-6
        ends = [functions.objective({**at, by: at[by] + s * step}, data) for s in (1, -1)]
        assert list(gradients) == [by]
        assert gradients[by] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-8)


def test_a_component_that_sizes_leave_no_room_for_is_refused() -> None:
    text, _ = RECURRENCES["downwards with far steps"]
    functions = symprop.compile(text, target="numpy")
    with pytest.raises(ShapeError, match="outside its range"):
        functions.gradient({"w": 1.0, "v": 1.0}, {"x": np.ones((2, 1))})
