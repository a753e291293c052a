r"""Derivations as people post them, right and wrong, in index, matrix and LaTeX form.

The mistakes are those that course notes warn of and question sites are asked about.  The truth of each line is found by
central differences in numpy, from the loss and the claimed gradient written out here by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.verification.report import check

Array = np.ndarray
Point = dict[str, Array]


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum()


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


# Name of a network: its text, the shapes of what may vary, and its loss.
NETWORKS: dict[str, tuple[str, dict[str, tuple[int, ...]], Callable[[Point], float]]] = {
    "softmax regression": (
        """input x: (D), y: (K)
parameter W: (K, D), b: (K)
z = W @ x + b
p = softmax(z)
L = -sum(y*log(p))
assume sum(k, y[k]) = 1""",
        {"W": (3, 2), "b": (3,), "x": (2,)},
        lambda v: float(-(Y @ np.log(softmax(v["W"] @ v["x"] + v["b"])))),
    ),
    "squared error": (
        """index i = 1..D, j = 1..H
input x[i]
target t
parameter w[j,i], v[j]
a[j] = sum(i, w[j,i]*x[i])
h[j] = tanh(a[j])
y = sigmoid(sum(j, v[j]*h[j]))
E = (y - t)**2/2""",
        {"w": (3, 2), "v": (3,), "x": (2,)},
        lambda v: float((sigmoid(v["v"] @ np.tanh(v["w"] @ v["x"])) - T) ** 2 / 2),
    ),
    "ridge": (
        """input X: (N, D), y: (N)
parameter w: (D)
hyperparameter lam = 1/10
J = norm(X @ w - y)**2/N + lam*norm(w)**2""",
        {"w": (2,)},
        lambda v: float(np.mean((XS @ v["w"] - YS) ** 2) + 0.1 * v["w"] @ v["w"]),
    ),
    "normalisation": (
        """index i = 1..m, j = 1..m
input x[i], c[i]
mu = mean(i, x[i])
s2 = mean(i, (x[i] - mu)**2)
n[i] = (x[i] - mu)/sqrt(s2 + 1/10)
L = sum(i, c[i]*n[i])""",
        {"x": (3,)},
        lambda v: float(C @ ((v["x"] - v["x"].mean()) / np.sqrt(v["x"].var() + 0.1))),
    ),
    "logistic regression": (
        """input X: (m, n), y: (m)
parameter w: (n), b
A = sigmoid(X @ w + b*ones(m))
J = -mean(y*log(A) + (1 - y)*log(1 - A))""",
        {"w": (2,), "b": ()},
        lambda v: float(-np.mean(Y * np.log(rates(v)) + (1 - Y) * np.log(1 - rates(v)))),
    ),
    "attention": (
        """index i = 1..S, j = 1..S, d = 1..D
input K[i,d], v[i]
target t
parameter q[d]
s[i] = sum(d, K[i,d]*q[d])/sqrt(D)
p[i] = softmax(i, s[i])
o = sum(i, p[i]*v[i])
L = (o - t)**2/2""",
        {"q": (2,), "v": (3,)},
        lambda v: float((weights(v) @ v["v"] - T) ** 2 / 2),
    ),
    "memory cell": (
        """input a_u, a_f, a_o, a_g, c_0
target t
u = sigmoid(a_u)
f = sigmoid(a_f)
o = sigmoid(a_o)
g = tanh(a_g)
c = f*c_0 + u*g
h = o*tanh(c)
L = (h - t)**2/2""",
        dict.fromkeys(("a_u", "a_f", "a_o", "a_g", "c_0"), ()),
        lambda v: float((cell(v)[5] - T) ** 2 / 2),
    ),
    "negative sampling": (
        """index k = 1..K, d = 1..D
parameter v[d], o[d], u[k,d]
s[k] = sum(d, u[k,d]*v[d])
r = sum(d, o[d]*v[d])
J = -log(sigmoid(r)) - sum(k, log(sigmoid(-s[k])))""",
        {"v": (2,), "o": (2,), "u": (3, 2)},
        lambda v: float(-np.log(sigmoid(v["o"] @ v["v"])) - np.log(sigmoid(-v["u"] @ v["v"])).sum()),
    ),
}
Y = np.array([0.2, 0.5, 0.3])
T = 0.3
XS = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]])
YS = np.array([1.0, -0.5, 0.25])
C = np.array([0.7, -1.3, 0.4])


def p(v: Point) -> Array:
    return softmax(v["W"] @ v["x"] + v["b"])


def h(v: Point) -> Array:
    return np.tanh(v["w"] @ v["x"])


def y(v: Point) -> float:
    return float(sigmoid(v["v"] @ h(v)))


def delta(v: Point) -> Array:
    return (y(v) - T) * y(v) * (1 - y(v)) * v["v"] * (1 - h(v) ** 2)


def residual(v: Point) -> Array:
    return XS @ v["w"] - YS


def n(v: Point) -> Array:
    return (v["x"] - v["x"].mean()) / np.sqrt(v["x"].var() + 0.1)


def root(v: Point) -> float:
    return float(np.sqrt(v["x"].var() + 0.1))


def rates(v: Point) -> Array:
    return np.asarray(sigmoid(XS @ v["w"] + v["b"]))


def weights(v: Point) -> Array:
    return softmax(XS @ v["q"] / np.sqrt(2))


def outcome(v: Point) -> float:
    return float(weights(v) @ v["v"])


def scores(v: Point) -> Array:
    return (outcome(v) - T) * weights(v) * (v["v"] - outcome(v))


def cell(v: Point) -> tuple[Array, ...]:
    u, f, o, g = sigmoid(v["a_u"]), sigmoid(v["a_f"]), sigmoid(v["a_o"]), np.tanh(v["a_g"])
    c = f * v["c_0"] + u * g
    return u, f, o, g, c, o * np.tanh(c)


def to_cell(v: Point) -> Array:
    _, _, o, _, c, h = cell(v)
    return (h - T) * o * (1 - np.tanh(c) ** 2)


# (network, by what, line, what the line says the derivative is)
LINES: tuple[tuple[str, str, str, Callable[[Point], Array]], ...] = (
    ("softmax regression", "b", "dL/db[k] = p[k] - y[k]", lambda v: p(v) - Y),
    ("softmax regression", "b", "dL/db[k] = y[k] - p[k]", lambda v: Y - p(v)),
    ("softmax regression", "b", r"\frac{\partial L}{\partial b} = p - y", lambda v: p(v) - Y),
    ("softmax regression", "b", r"\frac{\partial L}{\partial b_k} = -\frac{y_k}{p_k}", lambda v: -Y / p(v)),
    ("softmax regression", "b", r"\frac{\partial L}{\partial b_k} = -y_k (1 - p_k)", lambda v: -Y * (1 - p(v))),
    ("softmax regression", "b", "db = (p - y)*p*(1 - p)", lambda v: (p(v) - Y) * p(v) * (1 - p(v))),
    ("softmax regression", "W", "dW = outer(p - y, x)", lambda v: np.outer(p(v) - Y, v["x"])),
    ("softmax regression", "W", "dW = (p - y) @ x.T", lambda v: np.outer(p(v) - Y, v["x"])),
    ("softmax regression", "W", "dW = outer(y - p, x)", lambda v: np.outer(Y - p(v), v["x"])),
    ("softmax regression", "W", r"\nabla_W L = (p - y) x^\top", lambda v: np.outer(p(v) - Y, v["x"])),
    ("softmax regression", "W", r"\frac{\partial L}{\partial W_{ki}} = (p_k - y_k) x_i",
     lambda v: np.outer(p(v) - Y, v["x"])),
    ("softmax regression", "W", r"\frac{\partial L}{\partial W_{ki}} = p_k (1 - p_k) x_i",
     lambda v: np.outer(p(v) * (1 - p(v)), v["x"])),
    ("softmax regression", "x", r"\frac{\partial L}{\partial x} = W^T (p - y)", lambda v: v["W"].T @ (p(v) - Y)),
    ("softmax regression", "x", r"\frac{\partial L}{\partial x} = W^T (p - 2y)", lambda v: v["W"].T @ (p(v) - 2 * Y)),
    ("squared error", "v", "dE/dv[j] = (y - t)*y*(1 - y)*h[j]", lambda v: (y(v) - T) * y(v) * (1 - y(v)) * h(v)),
    ("squared error", "v", "dE/dv[j] = (y - t)*h[j]", lambda v: (y(v) - T) * h(v)),
    ("squared error", "v", "dE/dv[j] = (t - y)*y*(1 - y)*h[j]", lambda v: (T - y(v)) * y(v) * (1 - y(v)) * h(v)),
    ("squared error", "v", r"\frac{\partial E}{\partial v_j} = 2(y-t)\,y(1-y)\,h_j",
     lambda v: 2 * (y(v) - T) * y(v) * (1 - y(v)) * h(v)),
    ("squared error", "w", "dE/dw[j,i] = (y - t)*y*(1 - y)*v[j]*(1 - h[j]**2)*x[i]",
     lambda v: np.outer(delta(v), v["x"])),
    ("squared error", "w", "dE/dw[j,i] = (y - t)*y*(1 - y)*v[j]*h[j]*(1 - h[j])*x[i]",
     lambda v: np.outer((y(v) - T) * y(v) * (1 - y(v)) * v["v"] * h(v) * (1 - h(v)), v["x"])),
    ("squared error", "w", r"\frac{\partial E}{\partial w_{ji}} = (y-t)\,y(1-y)\,v_j\,(1-\tanh^2 a_j)\,x_i",
     lambda v: np.outer(delta(v), v["x"])),
    ("squared error", "w", r"\frac{\partial E}{\partial w_{ji}} = (y-t)\,y(1-y)\,(1-h_j^2)\,x_i",
     lambda v: np.outer(delta(v) / v["v"], v["x"])),
    ("squared error", "w", r"\frac{\partial E}{\partial w_{ji}} = (y-t)\,y(1-y)\,v_j\,(1-h_j)\,x_i",
     lambda v: np.outer(delta(v) / (1 + h(v)), v["x"])),
    ("squared error", "x", "dE/dx[i] = sum(j, (y - t)*y*(1 - y)*v[j]*(1 - h[j]**2)*w[j,i])",
     lambda v: v["w"].T @ delta(v)),
    ("squared error", "x", r"\frac{\partial E}{\partial x_i} = \sum_j (y-t)\,y(1-y)\,v_j\,w_{ji}",
     lambda v: v["w"].T @ (delta(v) / (1 - h(v) ** 2))),
    ("ridge", "w", "dw = 2/N*X.T @ (X @ w - y) + 2*lam*w", lambda v: 2 / 3 * XS.T @ residual(v) + 0.2 * v["w"]),
    ("ridge", "w", "dw = 2*X.T @ (X @ w - y) + 2*lam*w", lambda v: 2 * XS.T @ residual(v) + 0.2 * v["w"]),
    ("ridge", "w", "dw = 2/N*X.T @ (X @ w - y) + lam*w", lambda v: 2 / 3 * XS.T @ residual(v) + 0.1 * v["w"]),
    ("ridge", "w", r"\nabla_w J = \frac{2}{N} (X^\top X w - X^\top y) + 2 \cdot lam \cdot w",
     lambda v: 2 / 3 * XS.T @ residual(v) + 0.2 * v["w"]),
    ("ridge", "w", r"\nabla_w J = \frac{2}{N} X^\top (y - X w) + 2 \cdot lam \cdot w",
     lambda v: -2 / 3 * XS.T @ residual(v) + 0.2 * v["w"]),
    ("normalisation", "x", "dL/dx[i] = (c[i] - mean(j, c[j]) - n[i]*mean(j, c[j]*n[j]))/sqrt(s2 + 1/10)",
     lambda v: (C - C.mean() - n(v) * np.mean(C * n(v))) / root(v)),
    ("normalisation", "x", "dL/dx[i] = c[i]/sqrt(s2 + 1/10)", lambda v: C / root(v)),
    ("normalisation", "x", "dL/dx[i] = (c[i] - mean(j, c[j]))/sqrt(s2 + 1/10)", lambda v: (C - C.mean()) / root(v)),
    ("normalisation", "x", r"\frac{\partial L}{\partial x_i} = \frac{1}{m\sqrt{s2 + 1/10}} \Bigl( m c_i - \sum_j c_j - "
     r"n_i \sum_j c_j n_j \Bigr)", lambda v: (C - C.mean() - n(v) * np.mean(C * n(v))) / root(v)),
    ("normalisation", "x", r"\frac{\partial L}{\partial x_i} = \frac{1}{m\sqrt{s2 + 1/10}} \Bigl( m c_i - \sum_j c_j + "
     r"n_i \sum_j c_j n_j \Bigr)", lambda v: (C - C.mean() + n(v) * np.mean(C * n(v))) / root(v)),
    ("logistic regression", "w", "dw = (1/m) X.T (A - y)", lambda v: XS.T @ (rates(v) - Y) / 3),
    ("logistic regression", "w", "2) dw = 1/m*X.T @ (A - y)   (chain rule)", lambda v: XS.T @ (rates(v) - Y) / 3),
    ("logistic regression", "w", "dw = X.T @ (A - y)", lambda v: XS.T @ (rates(v) - Y)),
    ("logistic regression", "w", "dw = 1/m*X.T @ (y - A)", lambda v: XS.T @ (Y - rates(v)) / 3),
    ("logistic regression", "w", "dw = 1/m*X.T @ ((A - y)*A*(1 - A))",
     lambda v: XS.T @ ((rates(v) - Y) * rates(v) * (1 - rates(v))) / 3),
    ("logistic regression", "w", r"\frac{\partial J}{\partial w} = \frac{1}{m} X^\top (A - y) \tag{7}",
     lambda v: XS.T @ (rates(v) - Y) / 3),
    ("logistic regression", "b", "db = mean(A - y)", lambda v: np.mean(rates(v) - Y)),
    ("logistic regression", "b", r"\frac{\partial J}{\partial b} = \frac{1}{m} \mathbf{1}^\top (A - y)",
     lambda v: np.mean(rates(v) - Y)),
    ("logistic regression", "b", r"\frac{\partial J}{\partial b} = \mathbf{1}_m^\top (A - y)",
     lambda v: np.sum(rates(v) - Y)),
    ("attention", "v", "dL/dv[i] = (o - t) p[i]", lambda v: (outcome(v) - T) * weights(v)),
    ("attention", "v", "dL/dv[i] = (o - t) p[i] (1 - p[i])",
     lambda v: (outcome(v) - T) * weights(v) * (1 - weights(v))),
    ("attention", "q", r"\frac{\partial L}{\partial q_d} = \frac{o - t}{\sqrt{D}} \sum_i p_i (v_i - o) K_{id}",
     lambda v: XS.T @ scores(v) / np.sqrt(2)),
    ("attention", "q", r"\frac{\partial L}{\partial q_d} = (o - t) \sum_i p_i (v_i - o) K_{id}",
     lambda v: XS.T @ scores(v)),
    ("attention", "q", r"\frac{\partial L}{\partial q_d} = \frac{o - t}{\sqrt{D}} \sum_i p_i (1 - p_i) v_i K_{id}",
     lambda v: (outcome(v) - T) * XS.T @ (weights(v) * (1 - weights(v)) * v["v"]) / np.sqrt(2)),
    ("attention", "q", "dL/dq[d] = (o - t)*sum(i, p[i]*(v[i] - o)*K[i,d])/sqrt(D) [softmax and scale]",
     lambda v: XS.T @ scores(v) / np.sqrt(2)),
    ("memory cell", "a_o", "dL/da_o = (h - t) tanh(c) o (1 - o)",
     lambda v: (cell(v)[5] - T) * np.tanh(cell(v)[4]) * cell(v)[2] * (1 - cell(v)[2])),
    ("memory cell", "a_o", "dL/da_o = (h - t) c o (1 - o)",
     lambda v: (cell(v)[5] - T) * cell(v)[4] * cell(v)[2] * (1 - cell(v)[2])),
    ("memory cell", "a_f", "dL/da_f = (h - t) o (1 - tanh(c)²) c_0 f (1 - f)",
     lambda v: to_cell(v) * v["c_0"] * cell(v)[1] * (1 - cell(v)[1])),
    ("memory cell", "a_f", "dL/da_f = (h - t) o (1 - h²) c_0 f (1 - f)",
     lambda v: (cell(v)[5] - T) * cell(v)[2] * (1 - cell(v)[5] ** 2) * v["c_0"] * cell(v)[1] * (1 - cell(v)[1])),
    ("memory cell", "a_g", "Hence dL/da_g = (h - t) o (1 - tanh(c)²) u (1 - g²)",
     lambda v: to_cell(v) * cell(v)[0] * (1 - cell(v)[3] ** 2)),
    ("memory cell", "a_g", "dL/da_g = (h - t) o (1 - tanh(c)²) u g (1 - g)",
     lambda v: to_cell(v) * cell(v)[0] * cell(v)[3] * (1 - cell(v)[3])),
    ("memory cell", "a_u", "dL/da_u = (h - t) o (1 - tanh(c)²) g u (1 - u)",
     lambda v: to_cell(v) * cell(v)[3] * cell(v)[0] * (1 - cell(v)[0])),
    ("memory cell", "c_0", "dL/dc_0 = (h - t) o (1 - tanh(c)²) f", lambda v: to_cell(v) * cell(v)[1]),
    ("memory cell", "c_0", "dL/dc_0 = (h - t) o f", lambda v: (cell(v)[5] - T) * cell(v)[2] * cell(v)[1]),
    ("negative sampling", "v", r"\frac{\partial J}{\partial v_d} = (\sigma(r) - 1) o_d + \sum_k \sigma(s_k) u_{kd}",
     lambda v: (sigmoid(v["o"] @ v["v"]) - 1) * v["o"] + v["u"].T @ sigmoid(v["u"] @ v["v"])),
    ("negative sampling", "v", r"\frac{\partial J}{\partial v_d} = (\sigma(r) - 1) o_d - \sum_k \sigma(-s_k) u_{kd}",
     lambda v: (sigmoid(v["o"] @ v["v"]) - 1) * v["o"] - v["u"].T @ sigmoid(-v["u"] @ v["v"])),
    ("negative sampling", "u", "dJ/du[k,d] = sigmoid(s[k]) v[d] for all k",
     lambda v: np.outer(sigmoid(v["u"] @ v["v"]), v["v"])),
    ("negative sampling", "u", "dJ/du[k,d] = (1 - sigmoid(s[k])) v[d]",
     lambda v: np.outer(1 - sigmoid(v["u"] @ v["v"]), v["v"])),
    ("negative sampling", "o", "dJ/do[d] = -(1 - sigmoid(r)) v[d]", lambda v: (sigmoid(v["o"] @ v["v"]) - 1) * v["v"]),
    ("negative sampling", "o", "dJ/do[d] = sigmoid(r) (1 - sigmoid(r)) v[d]",
     lambda v: sigmoid(v["o"] @ v["v"]) * (1 - sigmoid(v["o"] @ v["v"])) * v["v"]),
)  # fmt: skip


@cache
def network(name: str) -> Network:
    return parse(NETWORKS[name][0])


def is_true(name: str, by: str, claimed: Callable[[Point], Array]) -> bool:
    """Return whether a claimed gradient is that of central differences, at a generic point."""
    _, shapes, loss = NETWORKS[name]
    random = np.random.default_rng(3)
    point = {one: random.normal(size=shape) for one, shape in shapes.items()}
    true = np.zeros(shapes[by])
    for entry in np.ndindex(*shapes[by]):
        ends = []
        for step in (1e-5, -1e-5):
            moved = {one: value.copy() for one, value in point.items()}
            moved[by][entry] += step
            ends.append(loss(moved))
        true[entry] = (ends[0] - ends[1]) / 2e-5
    error = float(np.abs(claimed(point) - true).max())
    assert error < 1e-8 or error > 1e-4, "neither right nor clearly wrong"
    return error < 1e-8


@pytest.mark.parametrize(("name", "by", "line", "claimed"), LINES, ids=[row[2][:60] for row in LINES])
def test_a_posted_line_is_judged_as_differences_say(
    name: str, by: str, line: str, claimed: Callable[[Point], Array]
) -> None:
    found = check(network(name), line).lines[0]
    assert found.error is None
    assert found.verdict in (("proved", "agrees") if is_true(name, by, claimed) else ("refuted",))


def test_the_posted_lines_are_right_and_wrong_ones() -> None:
    right = [is_true(name, by, claimed) for name, by, _, claimed in LINES]
    assert right.count(True) >= 12
    assert right.count(False) >= 12
