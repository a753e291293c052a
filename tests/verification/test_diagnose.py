"""Slips made by hand: each is named, and the message says where the paths part."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import Session

HIDDEN = """
index i = 1..D, j = 1..H, n = 1..N
input x[n,i]
target t[n]
parameter W[j,i], v[j], c
a[n,j] = sum(i, W[j,i]*x[n,i])
z[n,j] = tanh(a[n,j])
y[n] = sum(j, v[j]*z[n,j]) + c
L = sum(n, (y[n] - t[n])**2)/N
"""
DEEP = """
input x
target t
parameter w1, w2, w3
a1 = w1*x
h1 = sigmoid(a1)
a2 = w2*h1
h2 = sigmoid(a2)
y = w3*h2
L = (y - t)**2/2
"""


@pytest.fixture(scope="module")
def hidden() -> Session:
    return Session(parse(HIDDEN))


@pytest.fixture(scope="module")
def deep() -> Session:
    return Session(parse(DEEP))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dL/dc = -2*sum(n, y[n] - t[n])/N", "sign"),
        ("dL/dc = sum(n, y[n] - t[n])/N", "constant-factor"),
        ("dL/dc = 2*sum(n, y[n] - t[n])", "averaged"),
        ("dL/dv[j] = 2*sum(n, (y[n] - t[n])*a[n,j])/N", "wrong-quantity"),
        ("dL/dv[j] = 2*sum(n, y[n]*z[n,j])/N", "dropped-term"),
        ("dL/dv[j] = 2*sum(n, (y[n] - t[n])**2*z[n,j])/N", "power"),
        ("dL/dv[j] = eta*2*sum(n, (y[n] - t[n])*z[n,j])/N", "learning-rate-in-gradient"),
        ("dL/dv[j] = 2*sum(n, y[n] - t[n])*sum(n, z[n,j])/N", "sum-misplaced"),
        ("dL/dv[j] = 2*(y[n] - t[n])*z[n,j]/N", "free-index"),
        ("dL/dW[j,i] = 2*sum(n, (y[n] - t[n])*v[j]*x[n,i])/N", "activation-derivative"),
        ("dL/dW[j,i] = 2*sum(n, (y[n] - t[n])*v[j]*z[n,j]*(1 - z[n,j])*x[n,i])/N", "activation-derivative"),
        ("dL/dW[j,i] = 2*sum(n, (y[n] - t[n])*(1 - z[n,j]**2)*x[n,i])/N", "missing-factor"),
        ("dL/dx[n,i] = 2*(y[n] - t[n])*sum(j, v[j]*(1 - z[n,j]**2)*W[i,j])/N", "transposed"),
        ("dL/dx[n,i] = 2*(y[n] - t[n])*sum(j, v[j]*(1 - z[n,j]**2))*W[j,i]/N", "free-index"),
        ("dL/dv[j] = 2*sum(n, (y[n] - t[n])*z[n,j-1])/N", "index-shift"),
        ("P(a[n,j], x[n,i]) = sum(j, W[j,i])", "sum-misplaced"),
    ],
)
def test_a_slip_in_index_notation_is_named(hidden: Session, line: str, kind: str) -> None:
    found = hidden.check(line).lines[0]
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == kind, found.diagnosis


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*h1*(1 - h1)*w1", "wrong-quantity"),
        ("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*h2*(1 - h2)*x", "wrong-layer"),
        ("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*x", "activation-derivative"),
        ("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*a1*(1 - a1)*x", "activation-derivative"),
        ("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*(1 - h1**2)*x", "activation-derivative"),
        ("dL/dw2 = (y - t)*w3*h2*(1 - h2)*a1", "wrong-quantity"),
        ("dL/dw3 = (y - t)", "missing-factor"),
    ],
)
def test_a_slip_in_a_chain_of_scalars_is_named(deep: Session, line: str, kind: str) -> None:
    found = deep.check(line).lines[0]
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert kind in (found.diagnosis.kind, *found.diagnosis.also), found.diagnosis


def test_the_message_shows_the_line_where_the_paths_part(deep: Session) -> None:
    found = deep.check("dL/dw1 = (y - t)*w3*h2*(1 - h2)*w2*x").lines[0]
    assert found.diagnosis is not None
    assert "D(L, a1) = " in found.diagnosis.message


def test_two_slips_are_both_said(deep: Session) -> None:
    found = deep.check("dL/dw1 = -(y - t)*w3*w2*h1*(1 - h1)*x").lines[0]
    assert found.diagnosis is not None
    assert len(found.diagnosis.slips) == 2
    assert "First" in found.diagnosis.message
    assert "Second" in found.diagnosis.message


def test_what_no_slip_explains_is_said_to_be_unknown(deep: Session) -> None:
    found = deep.check("dL/dw1 = cos(x)**3*exp(w2) + 17/19").lines[0]
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == "unrecognised"


def test_a_witness_is_small_and_simple(hidden: Session) -> None:
    witness = hidden.check("dL/dc = -2*sum(n, y[n] - t[n])/N").lines[0].witness
    assert witness is not None
    assert set(witness.sizes.values()) == {1}
    transposed = hidden.check("dL/dx[n,i] = 2*(y[n] - t[n])*sum(j, v[j]*(1 - z[n,j]**2)*W[i,j])/N").lines[0]
    assert transposed.witness is not None
    assert max(transposed.witness.sizes.values()) == 2


RECURRENT = """
index j, m = 1..H, i = 1..D
input x[t,i]
target y[t]
parameter U[j,i], V[j,m], w[j]
h[0,j] = 0
a[t,j] = sum(i, U[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m]) for t = 1..T
h[t,j] = tanh(a[t,j]) for t = 1..T
o[t] = sum(j, w[j]*h[t,j]) for t = 1..T
L = sum(t = 1..T, (o[t] - y[t])**2)/2
"""
AVERAGE = """
index i = 1..T
input x[i], t
parameter w, g
h[0] = 0
h[i] = g*h[i-1] + w*x[i] for i = 1..T
y = h[T]
L = (y - t)**2/2
"""
PAIRS = """
index d = 1..D
input l, a[d]
parameter b[d], g
s = g*sum(d, a[d]*b[d])
L = log(1 + exp(-l*s))
"""
BATCHED = """
batch n = 1..N
index j = 1..H
input x[n,j]
target t[n]
parameter v[j]
y[n] = sum(j, v[j]*x[n,j])
L = mean(n, (y[n] - t[n])**2)
"""


@pytest.mark.parametrize(
    ("network", "line", "kind"),
    [
        (RECURRENT, "dL/dV[j,m] = sum(t, D(L, h[t,j])*(1 - h[t,j]**2)*h[t-1,m])*w[j]", "extra-factor"),
        (RECURRENT, "dL/da[t,j] = D(L, h[t,j])*(1 - h[t,j]**2)*y[t]", "extra-factor"),
        (RECURRENT, "dL/dV[j,m] = sum(t, D(L, h[t,m])*(1 - h[t,j]**2)*h[t-1,m])", "wrong-index"),
        (RECURRENT, "dL/dV[j,m] = sum(t, D(L, h[t,j])*(1 - h[t,j]**2)*h[t-1,m])/T", "averaged"),
        (RECURRENT, "dL/dV[j,m] = sum(t, D(L, h[t,j])*(1 - h[t,j]**2)*h[t-1,j])", "wrong-index"),
        (AVERAGE, "dL/dx[i] = (y - t)*w*g**T", "power"),
        (AVERAGE, "dL/dx[i] = -t*w*g**(T - i)", "dropped-term"),
        (PAIRS, "dL/ds = -1/(1 + exp(l*s))", "missing-factor"),
        (PAIRS, "dL/dg = -l*(sum(d, a[d])*sum(d, b[d]))/(1 + exp(l*s))", "sum-misplaced"),
    ],
)
def test_one_slip_is_one_slip_in_other_networks_too(network: str, line: str, kind: str) -> None:
    found = Session(parse(network)).check(line).lines[0]
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == kind, found.diagnosis
    assert len(found.diagnosis.slips) <= 1


@pytest.mark.parametrize("line", ["dL/db[d] = -l/(1 + exp(l*s))", "dL/db[d] = -l*a[d+1]/(1 + exp(l*s))"])
def test_what_is_right_only_where_both_sides_are_0_is_not_right_under_a_condition(line: str) -> None:
    found = Session(parse(PAIRS)).check(line).lines[0]
    assert found.diagnosis is not None
    assert found.diagnosis.kind != "condition"


def test_conditions_are_tried_on_quantities_of_a_batch() -> None:
    found = Session(parse(BATCHED)).check("dL/dv[j] = mean(n, y[n]*x[n,j]*t[n])").lines[0]
    assert found.verdict == "refuted"
    assert found.diagnosis is not None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dL/dx[n,j] = 2*(y[n+1] - t[n])*v[j]/N", "y[4] is read"),
        ("dL/dv[j] = sum(n, D(L, y[n-1])*x[n,j])", "dL/dy[0] is read"),
    ],
)
def test_a_read_outside_a_range_is_said_in_the_names_of_the_network(line: str, said: str) -> None:
    found = Session(parse(BATCHED)).check(line).lines[0]
    assert found.diagnosis is not None
    assert said.split("[")[0] in found.diagnosis.message
    assert "D(L)" not in found.diagnosis.message
    assert found.diagnosis.message.startswith("Here ")
