"""What a line limits itself to, steps that are no gradient steps, and names such as dZ that a text makes its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import Session

CONVOLUTION = """
size K = 3
index p = 1..P, k = 1..K, q = 1..P+K-1
input x[q]
parameter w[k]
target t[p]
a[p] = sum(k, w[k]*x[p+k-1])
L = sum(p, (a[p] - t[p])**2)/2
"""
LINEAR = """
batch n = 1..N
index i = 1..D
input x[n,i]
target t[n]
parameter w[i], b
y[n] = sum(i, w[i]*x[n,i]) + b
L = sum(n, (y[n] - t[n])**2)/N
"""
PRODUCT = """
input X: (N,D)
target Y: (N,K)
parameter W: (D,K)
O = X @ W
L = sum((O - Y)**2)/(2*N)
"""
RIGHT = ("proved", "agrees")
TRUE_B = "2*sum(n, y[n] - t[n])/N"


@pytest.fixture(scope="module")
def convolution() -> Session:
    return Session(parse(CONVOLUTION))


@pytest.fixture(scope="module")
def linear() -> Session:
    return Session(parse(LINEAR))


@pytest.fixture(scope="module")
def product() -> Session:
    return Session(parse(PRODUCT))


@pytest.mark.parametrize(
    ("line", "verdicts"),
    [
        ("dL/dx[q] = sum(k, w[k]*(a[q-k+1] - t[q-k+1])) if q >= K and q <= P", RIGHT),
        ("dL/dx[q] = sum(k, w[k]*(a[q-k+1] - t[q-k+1])) if K <= q <= P", RIGHT),
        ("dL/dx[q] = w[1]*(a[1] - t[1]) if q == 1", RIGHT),
        ("dL/dx[q] = w[1]*(a[q] - t[q]) if q == 1", RIGHT),
        ("dL/dx[q] = w[2]*(a[q] - t[q]) if q == 1", ("refuted",)),
        ("dL/dx[q] = sum(k, w[k]*(a[q-k+1] - t[q-k+1])) if q >= K", ("refuted",)),
    ],
)
def test_beyond_its_limits_a_line_says_nothing(convolution: Session, line: str, verdicts: tuple[str, ...]) -> None:
    (found,) = convolution.check(line).lines
    assert found.verdict in verdicts, found


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("dL/dw[i] = sum(n, 2*(y[n] - t[n])*x[n,i]) if N == 1", "proved"),
        ("dL/dw[i] = 2*(y[1] - t[1])*x[1,i] if N == 1", "proved"),
        ("dL/dw[i] = sum(n, (y[n] - t[n])*x[n,i]) if N == 2", "proved"),
        ("dL/dw[i] = sum(n, (y[n] - t[n])*x[n,i]) if N == 1", "refuted"),
        ("dL/db = 5 if b > 2000", "refuted"),
        ("dL/db = 5 if 1 == 2", "undecided"),
        ("dL/dw[i] = 5 if i != i", "undecided"),
        ("dL/dw[i] = 5 if i > D", "undecided"),
        ("dL/dw[i] = 5 for i = D+1..D", "undecided"),
        ("dL/db = 5 if N < 1", "undecided"),
        ("dL/db = 5 if b != b", "undecided"),
    ],
)
def test_limits_on_sizes_and_values_are_met_or_said_to_be_empty(linear: Session, line: str, verdict: str) -> None:
    (found,) = linear.check(line).lines
    assert found.verdict == verdict, found
    assert (verdict == "undecided") is ("the line claims anything" in found.reason)


@pytest.mark.parametrize(
    "condition",
    [
        "b > 1000",
        "b == 1000",
        "b > 1000 and w[1] > 1000",
        "not (b < 1000 or w[1] > -1000)",
        "b > w[1]**2 + 500",
        "sum(i, w[i]**2) > 10**6",
        "exp(b) > 10**6",
        "b*w[1] < -10**6",
        "y[1] > 10000",
        "max(b, 0) > 1000",
        "N > 100",
    ],
)
def test_a_difference_beyond_a_threshold_is_found(linear: Session, condition: str) -> None:
    nested = f"where(w[1] < 1000, {TRUE_B}, where({condition}, 0, {TRUE_B}))"
    found = linear.check(f"dL/db = where({condition}, 0, {TRUE_B})\ndL/db = {nested}").lines[0]
    assert found.verdict == "refuted", found
    assert not found.follows


def test_a_difference_in_a_branch_of_a_branch_is_found(linear: Session) -> None:
    inner = f"where(w[1] > 1000, 0, {TRUE_B})"
    assert linear.check(f"dL/db = where(b > 1000, {inner}, {TRUE_B})").verdict == "refuted"
    assert linear.check(f"dL/db = where(b > 1000, {TRUE_B}, {TRUE_B})").verdict in RIGHT


def test_a_threshold_that_only_the_network_has_is_looked_beyond() -> None:
    session = Session(parse("input x\nparameter w\na = w*x\ny = where(a > 1000, 2*a, a)\nL = y**2/2"))
    assert session.check("dL/da = y").verdict == "refuted"
    assert session.check("dL/da = y*where(a > 1000, 2, 1)").verdict in RIGHT


# Steps.


@pytest.mark.parametrize(
    ("line", "verdicts", "kind"),
    [
        ("w[i] <- w[i] - eta*dL/dw[i]", ("proved",), None),
        ("w[i] <- w[i] - eta*sum(n, (y[n] - t[n])*x[n,i])", RIGHT, None),
        ("w[i] <- w[i] - eta*i*dL/dw[i]", ("agrees",), "extra-factor"),
        ("w[i] <- w[i] - eta*exp(w[i])*dL/dw[i]", ("agrees",), "extra-factor"),
        ("w_new = w + eta*dL/dw", ("refuted",), "update-direction"),
        ("w_new[i] = w[i] - eta*dL/dw[i]", ("proved",), None),
        ("w' = w - eta*dL/dw", ("proved",), None),
        ("b_plus = b + eta*2*sum(n, y[n] - t[n])/N", ("refuted",), "update-direction"),
        ("w_next = w - eta*dw", ("proved",), None),
    ],
)
def test_a_step_is_told_from_one_along_the_gradient(
    linear: Session, line: str, verdicts: tuple[str, ...], kind: str | None
) -> None:
    (found,) = linear.check(line).lines
    assert found.verdict in verdicts, found
    assert not found.defines
    assert (found.diagnosis.kind if found.diagnosis else None) == kind


def test_a_new_value_may_be_used_after_its_update(linear: Session) -> None:
    lines = linear.check("b_new = b - eta*dL/db\nb_new - b = -eta*2*sum(n, y[n] - t[n])/N").lines
    assert [line.verdict for line in lines] == ["proved", "proved"]


def test_what_is_built_on_a_wrong_gradient_follows(linear: Session) -> None:
    wrong = "2*sum(n, y[n] + t[n])/N"
    lines = linear.check(f"dL/db = {wrong}\nb <- b - eta*{wrong}\nb <- b + eta*{wrong}").lines
    assert [line.verdict for line in lines] == ["refuted"] * 3
    assert [line.follows for line in lines] == [False, True, False]


def test_one_slip_in_a_line_that_was_skipped_is_counted_once() -> None:
    session = Session(
        parse(
            "index i = 1..D, j = 1..H\ninput x[i]\ntarget t\nparameter W[j,i], c[j], v[j], b\n"
            "z[j] = tanh(sum(i, W[j,i]*x[i]) + c[j])\ny = sum(j, v[j]*z[j]) + b\nL = (y - t)**2/2"
        )
    )
    text = (
        "dL/db = y + t\ndL/dv[j] = dL/db*z[j]\ndL/dv[j] = (y + t)*z[j]\n"
        "dL/dc[j] = (y + t)*v[j]*(1 - z[j]**2)\ndL/dW[j,i] = dL/dc[j]*x[i]\ndL/db = y + 2*t"
    )
    assert [line.follows for line in session.check(text).lines] == [False, True, True, True, True, False]


# The habit of courses: dZ = A - Y, and the mean over the examples in the lines after.


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("dO = O - Y\ndW = X.T @ dO/N", ["proved", "proved"]),
        ("dO = O - Y\ndW = 1/N * X.T @ dO\nW <- W - eta*dW", ["proved", "proved", "proved"]),
        ("dO = O - Y\ndL/dO = dO/N\ndL/dW = X.T @ dO/N", ["proved", "proved", "proved"]),
        ("dO = (O - Y)/N\ndW = X.T @ dO", ["proved", "proved"]),
        ("dO = O - Y\ndW = X.T @ dO", ["refuted", "proved"]),
        ("dO = O - Y", ["refuted"]),
        ("dO = O - Y\ndW = X.T @ dO/K", ["refuted", "refuted"]),
        # One slip more in the first line costs that line alone.
        ("dO = O + Y\ndW = X.T @ dO/N", ["refuted", "proved"]),
        ("dO = Y - O\ndW = X.T @ dO/N", ["refuted", "proved"]),
        ("dO = O + Y\ndW = X.T @ dO", ["refuted", "proved"]),
        ("dO = O + Y\ndW = -X.T @ dO/N", ["refuted", "refuted"]),
    ],
)
def test_the_mean_may_be_taken_a_line_later(product: Session, text: str, verdicts: list[str]) -> None:
    assert [line.verdict for line in product.check(text).lines] == verdicts


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv_net", "transformer", "variational_autoencoder"])
def test_every_line_about_a_heavy_network_is_judged_in_time(name: str) -> None:
    network = parse((Path(__file__).parents[2] / f"examples/networks/{name}.net").read_text())
    session = Session(network)
    session.check("dL/dL = 1")
    from symprop import derive

    names = [n for n, q in network.quantities.items() if q.role in ("parameter", "defined") and n != "L"]
    for of, gradient in derive(network, wrt=names).gradients.items():
        access = network.quantities[of].access
        indices = f"[{','.join(map(str, gradient.indices))}]" if gradient.indices else ""
        assert access.name == of
        for factor, verdicts in ((1, RIGHT), (2, ("refuted",))):
            start = time.thread_time()
            (line,) = session.check(f"dL/d{of}{indices} = {factor}*({gradient.expression})").lines
            assert line.verdict in verdicts, line
            assert time.thread_time() - start < 10  # five on a quiet machine
