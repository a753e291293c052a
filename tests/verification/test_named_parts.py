"""A person who names a part of a right side, as people do on paper, may differentiate by it and take derivatives of it.

The truths are those of the same network with an equation for the part.
"""

from __future__ import annotations

import pytest

import symprop

LOGISTIC = """
index i = 1..D
input x[i]
target t
parameter w[i], w0
y = sigmoid(sum(i, w[i]*x[i]) + w0)
L = binary_cross_entropy(t, y)
minimize L
"""

SOFTMAX = """
index i = 1..D, h = 1..H, k = 1..K, m = 1..K
input x[i]
target t[k]
parameter U[h,i], b[h], V[k,h], c[k]
assume sum(k, t[k]) = 1
z[h] = tanh(sum(i, U[h,i]*x[i]) + b[h])
p[k] = softmax(k, sum(h, V[k,h]*z[h]) + c[k])
L = -sum(k, t[k]*log(p[k]))
minimize L
"""

SQUARES = """
input X: (N, D)
target y: (N)
parameter w: (D)
L = norm(X @ w - y)**2/(2*N)
minimize L
"""

LINE = """
input x
target t
parameter w, b
y = w*x + b
L = (y - t)^2
minimize L
"""

# network, the parts a person names, a line, and whether it is right
LINES = [
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "dL/da = y - t", True),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "dL/da = t - y", False),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "dy/da = y*(1 - y)", True),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "da/dw[i] = x[i]", True),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "da/dw[i] = w[i]", False),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "dL/dw[i] = dL/da*da/dw[i]", True),
    (LOGISTIC, "a = sum(i, w[i]*x[i]) + w0", "a_bar = y - t", True),
    (LOGISTIC, "a = w0 + sum(i, x[i]*w[i])", "dL/da = y - t", True),
    (LOGISTIC, "s = sum(i, w[i]*x[i])\na = s + w0", "dL/ds = dL/da = y - t", True),
    (LOGISTIC, "z = \\sum_i w_i x_i + w_0", "\\frac{\\partial L}{\\partial z} = y - t", True),
    (LOGISTIC, "z = \\sum_i w_i x_i + w_0", "\\frac{\\partial L}{\\partial z} = y + t", False),
    (SOFTMAX, "a[h] = sum(i, U[h,i]*x[i]) + b[h]", "dz[h]/da[h] = 1 - z[h]^2", True),
    (SOFTMAX, "a[h] = sum(i, U[h,i]*x[i]) + b[h]", "dz[h]/da[h] = z[h]*(1 - z[h])", False),
    (SOFTMAX, "o[k] = sum(h, V[k,h]*z[h]) + c[k]", "dL/do[k] = p[k] - t[k]", True),
    (SOFTMAX, "o[k] = sum(h, V[k,h]*z[h]) + c[k]", "dp[k]/do[m] = p[k]*([k == m] - p[m])", True),
    (SOFTMAX, "o[k] = sum(h, V[k,h]*z[h]) + c[k]", "dL/dz[h] = sum(k, dL/do[k]*V[k,h])", True),
    (SQUARES, "r = X @ w - y", "dL/dr = r/N", True),
    (SQUARES, "r = y - X @ w", "dL/dr = r/N", True),
    (SQUARES, "r = X @ w - y", "dL/dr = r", False),
    (SQUARES, "r = X @ w - y", "dL/dw = X.T @ dL/dr", True),
    (LINE, "e = y - t", "dL/de = 2*e", True),
    (LINE, "e = t - y", "dL/de = 2*e", True),
    (LINE, "e = t - y", "dL/dy = -dL/de", True),
    (LINE, "e = t - y", "dL/de = -2*e", False),
    (LINE, "u = w*x", "dL/du = 2*(y - t)", True),
    (LINE, "v = y", "dL/dv = 2*(y - t)", True),
    ("input x, t; parameter w, b, c; L = (w*x + b + c - t)^2", "y = w*x + b", "dL/dy = 2*(y + c - t)", True),
    ("input x, t; parameter w, b; L = (w*x*b - t)^2", "q = x*b", "dL/dq = 2*(w*q - t)*w", True),
]  # fmt: skip


@pytest.mark.parametrize(("network", "parts", "line", "right"), LINES, ids=lambda value: str(value)[:40])
def test_a_derivative_by_a_named_part_is_judged_as_if_the_part_had_an_equation(
    network: str, parts: str, line: str, right: bool
) -> None:
    report = symprop.check(network, f"{parts}\n{line}")
    *definitions, last = report.lines
    assert all(one.defines or one.verdict == "proved" for one in definitions)
    assert last.error is None
    assert last.verdict in (("proved", "agrees") if right else ("refuted",))


def test_what_the_network_has_of_a_part_is_said() -> None:
    report = symprop.check(LOGISTIC, "a = sum(i, w[i]*x[i]) + w0\ndL/da = y - t")
    assert "the network has it in the equation of y" in str(report.lines[0].note)


def test_there_is_no_derivative_by_what_no_equation_has() -> None:
    report = symprop.check(LOGISTIC, "e = 2*t - y\nf = e**2\ndL/df = y - t\ndf/dy = -2*e\ndL/dw[i] = (y - t)*x[i]")
    idle, own, gradient = report.lines[2:]
    assert idle.verdict is None
    assert "no equation of the network has what 'f' stands for" in str(idle.error)
    assert (own.verdict, gradient.verdict) == ("proved", "proved")


RECURRENT = """
index t = 1..T
input x[t]
parameter v
h[0] = 0
h[t] = tanh(v*h[t-1] + x[t]) for t = 1..T
L = sum(t, h[t]**2)
"""

# Parts that stand in other forms as well: exp(b) + b*b, exp(b) + 4*b**2, exp(b) + 1/b.
ELSEWHERE = [
    ("parameter w, v; y = exp(w*v) + w*v*w*v", "b = w*v", "dy/db = exp(b) + 2*b", "dy/db = exp(b)"),
    ("parameter w, v; y = exp(w + v) + (2*w + 2*v)**2", "b = w + v", "dy/db = exp(b) + 8*b", "dy/db = exp(b)"),
    ("parameter w, v; y = exp(w*v) + 1/(w*v)", "b = w*v", "dy/db = exp(b) - 1/b**2", "dy/db = exp(b)"),
]


@pytest.mark.parametrize(("network", "part", "right", "wrong"), ELSEWHERE)
def test_a_part_that_may_stand_in_another_form_is_no_ground_for_a_verdict(
    network: str, part: str, right: str, wrong: str
) -> None:
    lines = symprop.check(network, f"{part}\n{right}\n{wrong}").lines
    assert lines[1].verdict in (None, "proved", "agrees")
    assert lines[2].verdict in (None, "refuted")


def test_a_part_of_a_recurrence_is_one_of_its_equations() -> None:
    lines = "a[t] = v*h[t-1] + x[t]\ndL/da[t] = dL/dh[t]*(1 - h[t]**2)\ndL/dv = sum(t, dL/da[t]*h[t-1])\n"
    report = symprop.check(RECURRENT, lines + "dL/da[t] = 2*h[t]*(1 - h[t]**2)")
    assert [line.verdict for line in report.lines[1:]] == ["proved", "proved", "refuted"]


def test_every_factor_of_a_double_sum_is_a_part() -> None:
    network = "index i = 1..D, j = 1..D; input x[i]; parameter w[i]\ny = sum(i, sum(j, w[i]*w[j]*x[i]*x[j]))"
    report = symprop.check(network, "p[i] = w[i]*x[i]\ndy/dp[i] = 2*sum(j, p[j])\ndy/dp[i] = sum(j, p[j])")
    assert [line.verdict for line in report.lines[1:]] == ["proved", "refuted"]
