"""Lines about whole arrays: read in the shapes of the network, judged in its layout, and in the other one by name."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from symprop.declaration.parser import parse
from symprop.verification.claims import read_claims
from symprop.verification.report import Session

HIDDEN = """
parameter W: (H, D), b: (H), v: (H)
input x: (D)
target t
a = W @ x + b
h = tanh(a)
y = v.T @ h
L = (y - t)**2/2
"""
BATCH = """
parameter W: (D, K), b: (K)
input X: (N, D)
target T: (N, K)
A = X @ W + outer(ones(N), b)
P = softmax(A)
L = -sum(T*log(P))/N
assume sum(T, axis=1) = ones(N)
"""
SQUARE = "parameter W: (H, H); input x: (H), s; a = W @ x; L = a.T @ a/2"
DELTA = "delta = D(L, a)\n"

RIGHT = [
    (HIDDEN, "D(L, W) = D(L, a) @ x.T"),
    (HIDDEN, "dL/dW = outer(D(L, a), x)"),
    (HIDDEN, DELTA + "dW = outer(delta, x)"),
    (HIDDEN, DELTA + "D(L, b) = delta"),
    (HIDDEN, DELTA + "dx = W.T @ delta"),
    (HIDDEN, "D(L, W) = ((y - t)*v*(1 - h**2)) @ x.T"),
    (HIDDEN, "D(L, v) = D(L, y)*h = (y - t)*h"),
    (HIDDEN, "D(a, x) = W"),
    (HIDDEN, "D(h, a) = diag(1 - h**2)"),
    (HIDDEN, "D(L, v).T = (y - t)*h.T"),
    (HIDDEN, "g = D(L, a).T\nD(L, x).T = g @ W"),
    (HIDDEN, "g = D(L, a).T\nD(L, x) = (g @ W).T"),
    (HIDDEN, "W <- W - eta*D(L, W)"),
    (BATCH, "dA = (P - T)/N\ndW = X.T @ dA\ndb = sum(dA, axis=0)\ndX = dA @ W.T\nW <- W - eta*dW"),
    (BATCH, "dA = (P - T)/N\ndb = dA.T @ ones(N)\ndb[k] = sum(n, dA[n,k])"),
    (SQUARE, "dW = a @ x.T\ndx = W.T @ a\nD(L, s) = 0"),
]
CONVENTIONS = [
    (HIDDEN, "D(a, x) = W.T"),
    (HIDDEN, "D(L, x) = D(L, a).T @ W"),
    (HIDDEN, "D(L, b) = D(L, a).T"),
    (SQUARE, "D(a, x) = W.T"),
]
WRONG = [
    (HIDDEN, DELTA + "dW = x @ delta.T", "transposed"),
    (HIDDEN, DELTA + "D(L, x) = W @ delta", "shape"),
    (HIDDEN, "D(h, a) = 1 - h**2", "shape"),
    (HIDDEN, "D(L, y) = (y - t)*ones(H)", "shape"),
    (HIDDEN, "D(L, W) = D(L, a)", "shape"),
    (HIDDEN, "D(L, W) = -D(L, a) @ x.T", "sign"),
    (HIDDEN, "D(L, W) = eta*D(L, a) @ x.T", "learning-rate-in-gradient"),
    (HIDDEN, "D(L, W) = ((y - t)*v*h) @ x.T", "activation-derivative"),
    (HIDDEN, "D(L, v) = (y - t)*a", "wrong-quantity"),
    (HIDDEN, "W <- W + eta*D(L, W)", "update-direction"),
    (HIDDEN, "h = tanh(a).T", "transposed"),
    (HIDDEN, "D(L, W) = 0", "dropped-term"),
    (BATCH, "dW = X.T @ (P - T)", "averaged"),
    (BATCH, "dW = (P - T).T @ X/N", "transposed"),
    (BATCH, "dX = (P - T)/N @ W", "shape"),
    (SQUARE, "dW = x @ a.T", "transposed"),
    (SQUARE, "dx = W @ a", "transposed"),
    (SQUARE, "D(L, s) = x", "shape"),
]


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {text: Session(parse(text)) for text in (HIDDEN, BATCH, SQUARE)}


@pytest.mark.parametrize(("network", "text"), RIGHT)
def test_right_lines_about_whole_arrays_are_right(sessions: dict[str, Session], network: str, text: str) -> None:
    for line in sessions[network].check(text).lines:
        assert line.verdict in ("proved", "agrees"), line
        assert line.diagnosis is None


@pytest.mark.parametrize(("network", "text"), CONVENTIONS)
def test_the_other_layout_of_a_derivative_by_a_vector_is_a_convention(
    sessions: dict[str, Session], network: str, text: str
) -> None:
    (line,) = sessions[network].check(text).lines
    assert line.verdict in ("proved", "agrees")
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "convention"
    assert line.follows


@pytest.mark.parametrize(("network", "text", "kind"), WRONG)
def test_wrong_lines_about_whole_arrays_are_refuted(
    sessions: dict[str, Session], network: str, text: str, kind: str
) -> None:
    line = sessions[network].check(text).lines[-1]
    assert line.verdict == "refuted"
    assert line.witness is not None
    assert line.diagnosis is not None
    assert line.diagnosis.kind == kind, line.diagnosis
    assert line.expected or kind == "update-direction"


def test_the_transpose_of_a_gradient_is_answered_with_both_shapes_and_the_layout(sessions: dict[str, Session]) -> None:
    line = sessions[HIDDEN].check(DELTA + "dW = x @ delta.T").lines[-1]
    assert line.diagnosis is not None
    assert "has shape (H, D), and this has shape (D, H)" in line.diagnosis.message
    assert "layout" in line.diagnosis.message
    assert line.witness is not None
    sizes = line.witness.sizes
    assert line.witness.true == f"an array of shape ({sizes['H']}, {sizes['D']})"
    assert line.witness.claimed == f"an array of shape ({sizes['D']}, {sizes['H']})"
    assert sizes["H"] != sizes["D"]


def as_array(values: Any) -> np.ndarray:
    if isinstance(values, list):
        return np.array([as_array(value) for value in values])
    return np.array(float(Fraction(values)))


def test_numpy_confirms_the_witness_of_a_wrong_matrix_line(sessions: dict[str, Session]) -> None:
    line = sessions[HIDDEN].check("D(L, W) = ((y - t)*v*h) @ x.T").lines[0]
    witness = line.witness
    assert witness is not None
    w, b, v, x, t = (as_array(witness.values[name]) for name in ("W", "b", "v", "x", "t"))
    h = np.tanh(w @ x + b)
    claimed = np.outer((v @ h - t) * v * h, x)
    true = np.outer((v @ h - t) * v * (1 - h**2), x)
    entry = tuple(position - 1 for position in witness.entry.values())
    assert claimed[entry] == pytest.approx(float(witness.claimed), rel=1e-12)
    assert true[entry] == pytest.approx(float(witness.true), rel=1e-12)
    assert claimed[entry] != pytest.approx(true[entry], rel=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D(L, W) = D(L, a[j])*x[i]", "free index"),
        ("D(L, a[i]) = (y - t)*v*(1 - h**2)", "free index"),
        ("D(L, W) = D(L, a) @ x", "two columns"),
        ("W <- W - eta*D(L, W).T", "arrays combine with their own shape"),
        ("W <- x @ D(L, a).T", "has shape (H, D), and what it becomes has shape (D, H)"),
        ("q[i] = h", "is one component"),
        ("D(L, W) = nothing @ x.T", "product of arrays"),
    ],
)
def test_a_line_that_mixes_notations_is_an_error_of_that_line(
    sessions: dict[str, Session], text: str, message: str
) -> None:
    report = sessions[HIDDEN].check(f"{text}\nD(L, y) = y - t")
    assert report.lines[0].verdict is None
    assert message in (report.lines[0].error or "")
    assert report.lines[1].verdict == "proved"


def test_one_number_for_every_component_is_said(sessions: dict[str, Session]) -> None:
    (line,) = sessions[HIDDEN].check("D(L, b) = y - t").lines
    assert line.verdict == "refuted"
    assert "every component" in line.note
    network = "parameter b: (H); L = sum(b)"
    assert Session(parse(network)).check("D(L, b) = 1").lines[0].verdict == "proved"


def test_latex_lines_about_whole_arrays_are_judged() -> None:
    network = parse("parameter w: (D); input X: (N, D); target t: (N); r = X @ w - t; L = r.T @ r/(2*N)")
    text = r"""
\begin{align}
\frac{\partial L}{\partial w} &= \frac{1}{N} X^\top (X w - t) \\
\frac{\partial L}{\partial w} &= \frac{1}{N} X^\top r^2
\end{align}
"""
    right, wrong = Session(network).check(text).lines
    assert right.verdict == "proved"
    assert wrong.verdict == "refuted"
    assert wrong.diagnosis is not None
    assert wrong.diagnosis.kind == "power"


def test_arrays_are_read_in_the_indices_of_the_left_side() -> None:
    (claim,) = read_claims("D(L, W) = D(L, a) @ x.T", parse(HIDDEN))
    left, right = claim.sides
    assert (str(left), str(right)) == ("D(L, W[i,j])", "D(L, a[i])*x[j]")
    assert [str(bound.index) for bound in claim.bounds] == ["i", "j"]


CONVOLUTION = """
index p, q = 0..P-1, a, b = 0..A-1, r, s = 0..P+A-2, f = 1..F, c = 1..C
input x[c,r,s]
parameter U[f,c,a,b]
y[f,p,q] = tanh(sum(c, a, b, U[f,c,a,b]*x[c,p+a,q+b]))
"""


@pytest.mark.parametrize(
    ("slope", "is_right"), [("(1 - y[f,p,q]**2)", True), ("(1 - y[f,p,q])", False), ("(1 - y[f,q,p]**2)", False)]
)
def test_jacobians_of_six_indices_are_judged(slope: str, is_right: bool) -> None:
    session = Session(parse(CONVOLUTION))
    (found,) = session.check(f"D(y[f,p,q], x[c,r,s]) = {slope}*sum(a, b, U[f,c,a,b]*[p + a == r]*[q + b == s])").lines
    assert found.verdict == ("proved" if is_right else "refuted"), found
