"""Deltas that a person defines from the last step or layer backwards, as backpropagation by hand is done."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import Session

RECURRENT = """
index t = 0..T, j, m = 1..H, i = 1..D
input x[t,i]
target y[t,j]
parameter V[j,m], W[j,i]
h[0,j] = 0
h[t,j] = tanh(sum(m, V[j,m]*h[t-1,m]) + sum(i, W[j,i]*x[t,i])) for t = 1..T
L = sum(t = 1..T, sum(j, (h[t,j] - y[t,j])**2))/2
"""
BASE = "g[T,j] = (1 - h[T,j]**2)*(h[T,j] - y[T,j])"
STEP = "g[t,j] = (1 - h[t,j]**2)*(h[t,j] - y[t,j] + sum(m, V[m,j]*g[t+1,m]))"
LAYERS = """
index l = 0..L
size n(l)
input x[i]
parameter w[l,j,i]
z[0,i] = x[i] for i = 1..n(0)
a[l,j] = sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]) for l = 1..L, j = 1..n(l)
z[l,j] = tanh(a[l,j]) for l = 1..L, j = 1..n(l)
J = sum(j = 1..n(L), z[L,j]**2)/2
"""
DELTAS = """delta[L,j] = z[L,j]*(1 - z[L,j]**2)
delta[l,j] = (1 - z[l,j]**2)*sum(m, delta[l+1,m]*w[l+1,m,j])
"""
RIGHT = ("proved", "agrees")


@pytest.fixture(scope="module")
def recurrent() -> Session:
    return Session(parse(RECURRENT))


@pytest.fixture(scope="module")
def layered() -> Session:
    return Session(parse(LAYERS))


@pytest.mark.parametrize(
    "definition",
    [
        f"{BASE}\n{STEP} for t = 1..T-1",
        f"{BASE}\n{STEP}",
        f"{STEP} for t = 1..T-1\n{BASE}",
        "g[t,j] = (1 - h[t,j]**2)*(h[t,j] - y[t,j] + where(t < T, sum(m, V[m,j]*g[t+1,m]), 0)) for t = 1..T",
    ],
)
def test_base_and_step_are_one_definition(recurrent: Session, definition: str) -> None:
    report = recurrent.check(f"{definition}\ndL/dV[j,m] = sum(t = 1..T, g[t,j]*h[t-1,m])")
    *defining, claim = report.lines
    assert [line.defines for line in defining] == ["g"] * len(defining)
    assert claim.verdict in RIGHT, claim


@pytest.mark.parametrize(
    ("step", "claim"),
    [
        (STEP, "dL/dW[j,i] = sum(t = 1..T, g[t,j]*x[t-1,i])"),
        (STEP.replace("V[m,j]", "V[j,m]"), "dL/dW[j,i] = sum(t = 1..T, g[t,j]*x[t,i])"),
        (STEP.replace("- y[t,j] +", "- y[t,j] -"), "dL/dW[j,i] = sum(t = 1..T, g[t,j]*x[t,i])"),
    ],
)
def test_a_wrong_recursion_gives_a_wrong_gradient(recurrent: Session, step: str, claim: str) -> None:
    report = recurrent.check(f"{BASE}\n{step} for t = 1..T-1\n{claim}")
    assert [line.verdict for line in report.lines] == ["proved", "proved", "refuted"]


@pytest.mark.parametrize(
    ("claim", "is_right"),
    [
        ("dJ/dw[l,j,i] = delta[l,j]*z[l-1,i]", True),
        ("dJ/da[l,j] = delta[l,j] for l = 1..L", True),
        ("dJ/dw[l,j,i] = delta[l,j]*z[l,i]", False),
    ],
)
def test_deltas_run_backwards_over_layers(layered: Session, claim: str, is_right: bool) -> None:
    found = layered.check(DELTAS + claim).lines[-1]
    assert (found.verdict in RIGHT) is is_right, found


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("dh[t,j] = h[t,j] - y[t,j] + sum(m, V[m,j]*dh[t+1,m]*(1 - h[t+1,m]**2)) for t = 1..T-1", True),
        ("dh[t,j] = h[t,j] - y[t,j] + sum(m, V[j,m]*dh[t+1,m]*(1 - h[t+1,m]**2)) for t = 1..T-1", False),
        ("dL/dV[j,m] = sum(t = 1..T, dh[t,j]*(1 - h[t,j]**2)*h[t-1,m])", True),
        ("D(h[t,j], h[t-1,m]) = (1 - h[t,j]**2)*V[j,m]", True),
        ("D(h[t,j], h[t-1,m]) = (1 - h[t,j]**2)*V[m,j]", False),
        ("D(h[t,j], h[t,k]) = 0 if j != k", True),
    ],
)
def test_adjoints_may_stand_on_both_sides_without_an_earlier_line(
    recurrent: Session, line: str, is_right: bool
) -> None:
    (found,) = recurrent.check(line).lines
    assert (found.verdict in RIGHT) is is_right, found


@pytest.mark.parametrize("line", ["q = q + 1", "q[t] = q[t] + 1", "q[t] = 2*q[t] + q[t-1]"])
def test_what_is_defined_by_its_own_value_is_refused(recurrent: Session, line: str) -> None:
    (found,) = recurrent.check(line).lines
    assert found.verdict is None
    assert "defined by itself" in (found.error or "")


def test_a_second_line_about_the_same_components_is_a_claim(recurrent: Session) -> None:
    lines = recurrent.check(f"{BASE}\ng[T,j] = h[T,j] - y[T,j]").lines
    assert [line.verdict for line in lines] == ["proved", "refuted"]


ONE_OUTPUT = """
index t = 1..T, j, m = 1..H, i = 1..D
input x[t,i]
target y
parameter W[j,i], V[j,m], v[j]
h[0,j] = 0
h[t,j] = tanh(sum(i, W[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m])) for t = 1..T
o = sum(j, v[j]*h[T,j])
L = (o - y)**2/2
"""
LAST = "delta[T,j] = (o - y)*v[j]\n"
NEXT = "delta[t,j] = sum(m, delta[t+1,m]*(1 - h[t+1,m]**2)*V[m,j])\n"
SLOPE = "g[t,j] = 1 - h[t+1,j]**2"
BY_SLOPE = "dL/dh[t,j] = sum(m, g[t,m]*V[m,j]*dL/dh[t+1,m])"


@pytest.fixture(scope="module")
def one_output() -> Session:
    return Session(parse(ONE_OUTPUT))


@pytest.mark.parametrize(
    ("lines", "is_right", "note"),
    [
        (f"{SLOPE}\n{BY_SLOPE}", True, "t = 1..T - 1, where both sides exist"),
        (f"{SLOPE} for t = 1..T\n{BY_SLOPE}", True, "t = 1..T - 1, where both sides exist"),
        (f"{SLOPE}\nk[t,j] = 2*g[t,j]\n{BY_SLOPE.replace('g[t,m]', 'k[t,m]/2')}", True, "t = 1..T - 1"),
        (f"{SLOPE}\n{BY_SLOPE.replace('V[m,j]', 'V[j,m]')}", False, "t = 1..T - 1"),
        (f"{SLOPE} for t = 1..T\n{BY_SLOPE.replace('g[t,m]', 'g[t+1,m]')} for t = 1..T-2", False, ""),
        (f"{LAST}{NEXT}dL/dV[j,m] = sum(t, delta[t,j]*(1 - h[t,j]**2)*h[t-1,m])", True, ""),
        (f"{LAST}{NEXT}dL/dV[j,m] = sum(t, delta[t,j]*(1 - h[t,j]**2)*h[t,m])", False, ""),
    ],
)
def test_a_line_claims_where_what_it_reads_exists(one_output: Session, lines: str, is_right: bool, note: str) -> None:
    found = one_output.check(lines).lines[-1]
    assert (found.verdict in RIGHT) is is_right, found
    assert note in found.note
