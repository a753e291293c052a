"""What a network assumes holds at every point that decides about a claim: none is refuted where it does not hold."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse
from symprop.pipeline import check, derive

SOFTMAX = """
index k, m = 1..K, i = 1..D
input x[i]
target t[k]
parameter W[k,i]
a[k] = sum(i, W[k,i]*x[i])
p[k] = softmax(k, a[k])
L = -sum(k, t[k]*log(p[k]))
"""
ONE_HOT = SOFTMAX + "assume onehot(k, t[k])"
ADDS_UP = SOFTMAX + "assume sum(k, t[k]) = 1"
BATCH = """
batch n = 1..N
index k = 1..K
target t[n,k]
parameter a[k]
assume onehot(k, t[n,k])
p[k] = softmax(k, a[k])
L = -mean(n, sum(k, t[n,k]*log(p[k])))
"""
STEPS = """
index t = 1..T, k = 1..K
target y[t,k]
parameter a[t,k]
assume onehot(k, y[t,k])
p[t,k] = softmax(k, a[t,k])
L = -sum(t, sum(k, y[t,k]*log(p[t,k])))
"""
SYMMETRIC = """
index i, j = 1..D
parameter W[i,j]
input x[i]
assume W[i,j] = W[j,i]
L = sum(i, j, x[i]*W[i,j]*x[j])
"""
DOUBLE = "input a, b, x; parameter w; assume a = 2*b; L = w*a*x"
EACH = "index i = 1..D; input a[i], b[i]; parameter w[i]; assume b[i]/2 = a[i]; L = sum(i, w[i]*a[i])"

# Each right claim follows from the fact by the line of algebra that stands beside it.
RIGHT = [
    (ONE_HOT, "dL/da[k] = p[k] - [t[k] == 1]"),  # t is 0 or 1
    (ONE_HOT, "dL/da[k] = p[k] - [t[k] > 0]"),
    (ONE_HOT, "dL/da[k] = p[k] - abs(t[k])"),
    (ONE_HOT, "dL/da[k] = p[k] - step(t[k] - 1/2)"),
    (ONE_HOT, "dL/da[k] = where(t[k] == 1, p[k] - 1, p[k])"),
    (ONE_HOT, "dL/da[k] = p[k] - floor(t[k])"),
    (ONE_HOT, "L = sum(k, where(t[k] == 1, -log(p[k]), 0))"),
    (ADDS_UP, "dL/da[k] = p[k] - t[k] + abs(sum(m = 1..K, t[m]) - 1)"),  # the bars hold 0
    (ADDS_UP, "dL/da[k] = p[k] - t[k] + where(t[1] > 1/2, sum(m = 1..K, t[m]) - 1, 0)"),
    (BATCH, "dL/da[k] = p[k] - mean(n, t[n,k])"),
    (STEPS, "sum(k, dL/da[t,k]) = 0"),  # sum(p) - sum(y) is 1 - 1
    (STEPS, "dL/da[t,k] = p[t,k] - y[t,k]"),
    (SYMMETRIC, "dL/dx[i] = 2*sum(j, W[i,j]*x[j]) + abs(W[1,D] - W[D,1])"),
    (SYMMETRIC, "dL/dx[i] = 2*sum(j, W[i,j]*x[j]) + where(W[1,D] > W[D,1], 1, 0)"),
    (DOUBLE, "dL/dw = 2*b*x"),
    (EACH, "dL/dw[i] = b[i]/2"),
]
WRONG = [
    (ONE_HOT, "dL/da[k] = p[k] + abs(t[k])"),
    (ONE_HOT, "dL/da[k] = p[k] - [t[k] == 0]"),
    (ADDS_UP, "dL/da[k] = p[k] - [t[k] == 1]"),
    (BATCH, "dL/da[k] = p[k] - sum(n, t[n,k])"),
    (STEPS, "sum(t, dL/da[t,k]) = 0"),
    (SYMMETRIC, "dL/dx[i] = sum(j, W[i,j]*x[j])"),
    (DOUBLE, "dL/dw = b*x"),
    (EACH, "dL/dw[i] = 2*b[i]"),
]


@pytest.mark.parametrize(("network", "claim"), RIGHT)
def test_a_claim_that_needs_the_fact_is_right(network: str, claim: str) -> None:
    assert check(network, claim).lines[0].verdict in ("proved", "agrees")


@pytest.mark.parametrize(("network", "claim"), WRONG)
def test_a_claim_that_the_fact_does_not_save_is_refuted(network: str, claim: str) -> None:
    assert check(network, claim).lines[0].verdict == "refuted"


def test_a_fact_that_no_drawn_point_meets_leaves_every_claim_open() -> None:
    network = "index i = 1..D; input x[i]; parameter w[i]; assume sum(i, w[i]**2) = 1; L = sum(i, w[i]*x[i])"
    (line,) = check(network, "dL/dw[i] = x[i]*sum(j = 1..D, w[j]**2)").lines
    assert line.verdict == "undecided"
    assert "line 1 assumes" in line.reason


def test_a_fact_about_each_example_is_used_in_sums_over_examples() -> None:
    gradient = derive(parse(BATCH)).gradients["a"]
    assert str(gradient) in ("p[k] - sum(n, t[n,k])/N", "(N*p[k] - sum(n, t[n,k]))/N", "p[k] - mean(n, t[n,k])")
