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
