"""Differences that random points miss: beyond a far kink, in a narrow strip, at one value; ranges beyond counting."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest

from symprop.declaration.parser import parse
from symprop.verification.judge import close, differ
from symprop.verification.report import Session, equal


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sign(x)**2", "1"),
        ("max(x, -100)", "x"),
        ("x + max(0, x - 10)", "x"),
        ("where(abs(x) < 1/100, 0, x)", "x"),
        ("[x == 0]", "0"),
        ("where(x == 1, 2, x)", "x"),
        # At values that are no rational numbers.
        ("where(exp(x) == 3, 0, x)", "x"),
        ("where(x**2 != 2, x, 0)", "x"),
        ("x", "where(sin(x) == 1/3, 0, x)"),
        ("where(x >= 0, 1, 0)", "where(x > 0, 1, 0)"),
        ("max(x, y) + [x == y]", "max(x, y)"),
        ("relu(3*x - 50)", "0"),
        ("where(x*y > 70, x + 1, x)", "x"),
    ],
)
def test_a_difference_at_a_corner_is_found(left: str, right: str) -> None:
    found = equal(left, right)
    assert found.verdict == "refuted", found
    assert found.witness is not None
    assert found.witness.claimed != found.witness.true


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("max(x, y)", "(x + y + abs(x - y))/2"),
        ("relu(x)", "(x + abs(x))/2"),
        ("abs(x)", "max(x, -x)"),
        ("sign(x)*abs(x)", "x"),
        ("min(x, y)", "-max(-x, -y)"),
        ("where(x > 3, x, 3)", "max(x, 3)"),
        ("diff(relu(x), x)", "where(x >= 0, 1, 0)"),
        ("x/abs(x)", "sign(x)"),
        ("cbrt(x)**3", "x"),
        ("tan(atan(x))", "x"),
        ("acosh(cosh(x))", "abs(x)"),
        ("sin(asin(x))", "x"),
        ("log(exp(x))", "x"),
    ],
)
def test_what_is_equal_at_every_corner_is_right(left: str, right: str) -> None:
    assert equal(left, right).is_right


BOUNDED = """
input x[i]
index i = 1..D
target t[i] in [0, 1]
input c in [-2, 5)
parameter w[i]
p[i] = sigmoid(w[i]*x[i])
L = sum(i, (p[i] - t[i])**2)/2 + 0*c
"""
DP = "(p[i] - t[i])"


@pytest.fixture(scope="module")
def bounded() -> Session:
    return Session(parse(BOUNDED))


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        (f"dL/dp[i] = {DP}*[t[i] != 1]", False),
        (f"dL/dp[i] = {DP}*[t[i] > 0]", False),
        (f"dL/dp[i] = {DP} + [t[i] == 1/2]", False),
        (f"dL/dp[i] = {DP} + [c == -2]", False),
        (f"dL/dp[i] = where(exp(w[i]) == 2, 1, {DP})", False),
        (f"dL/dp[i] = where(p[i] == 1/3, 1, {DP})", False),
        # Beyond the ends of a domain there is nothing, nor where no value is taken.
        (f"dL/dp[i] = {DP} + [t[i] > 1]", True),
        (f"dL/dp[i] = {DP}*[t[i] >= 0]", True),
        (f"dL/dp[i] = {DP} + [c == 5]", True),
        (f"dL/dp[i] = where(p[i] == t[i], 0, {DP})", True),
        (f"dL/dp[i] = where(p[i] == 2, 1, {DP})", True),
    ],
)
def test_a_difference_at_single_values_of_a_domain_is_found(bounded: Session, line: str, is_right: bool) -> None:
    (found,) = bounded.check(line).lines
    assert (found.verdict in ("proved", "agrees")) is is_right, found
    assert not is_right or found.diagnosis is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dL/dx = [x >= y]", None),
        ("dL/dx = [x > y]", "convention"),
        ("dM/dw = 2*w*x**2*[w*x >= 0]", None),  # 0 at the kink on both sides
    ],
)
def test_a_tie_is_a_kink_whichever_way_it_is_left(line: str, kind: str | None) -> None:
    network = parse("input x, y\nparameter w\nM = relu(w*x)**2\nL = max(x, y)")
    (found,) = Session(network).check(line).lines
    assert found.verdict in ("proved", "agrees"), found
    assert (found.diagnosis.kind if found.diagnosis else None) == kind


def test_numbers_that_are_no_binary_fractions_are_compared_with_all_digits() -> None:
    from flint import arb, ctx, fmpq

    with ctx.workprec(200):
        third, near = arb(fmpq(1, 3)), arb(fmpq(1, 3)) + arb(fmpq(1, 10**20))
    assert close(third, Fraction(1, 3))
    assert not differ(third, Fraction(1, 3))
    assert differ(near, Fraction(1, 3))


def test_a_claim_that_is_wrong_beyond_a_far_kink_only_is_refuted() -> None:
    session = Session(parse("input x, t\nparameter w\ny = w*x\nL = (y - t)**2"))
    assert session.check("dL/dw = 2*(y - t)*x + max(0, x - 1000)").verdict == "refuted"


def test_the_value_at_a_kink_of_a_derivative_is_a_convention() -> None:
    session = Session(parse("input x\nparameter w\na = w*x\nL = relu(a)"))
    (line,) = session.check("dL/dw = where(a >= 0, x, 0)").lines
    assert line.verdict in ("proved", "agrees")
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "convention"


@pytest.mark.parametrize(
    "claim",
    [
        "dL/dy = sum(k = 1..10**100, sin(k)*y)",
        "dL/dy = (y - t)*sum(k = 1..10**20, [k == 10**19])",
        "dL/dy = (y - t)*sum(k = 1..2**64 + 1, 1)",
        "dL/dy = (y - t)*sum(k = 2**64..2**64 + 1, [k == 2**64])",
        "dL/dy = sum(k = -10**30..10**30, y)",
    ],
)
def test_a_sum_too_long_to_be_counted_takes_no_time(claim: str) -> None:
    session = Session(parse("input x, t\nparameter w\ny = w*x\nL = (y - t)**2"))
    session.check("dL/dy = 2*(y - t)")
    start = time.thread_time()
    report = session.check(f"{claim}\ndL/dy = 2*(y - t)")
    assert time.thread_time() - start < 5
    assert report.lines[0].verdict not in ("proved", "agrees")
    assert report.lines[1].verdict == "proved"


def test_layers_with_sizes_of_their_own_are_judged() -> None:
    session = Session(
        parse(
            "input x[i]\nparameter w[l,j,i], b[l,j]\nz[0,i] = x[i] for i = 1..n(0)\n"
            "z[l,j] = tanh(sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]) + b[l,j]) for l = 1..L, j = 1..n(l)\n"
            "E = sum(j = 1..n(L), z[L,j]**2)/2"
        )
    )
    assert session.check("dE/db[l,j] = D(E, z[l,j])*(1 - z[l,j]**2)").lines[0].verdict in ("proved", "agrees")
    assert session.check("dE/db[l,j] = D(E, z[l,j])*(1 - z[l,j])").lines[0].verdict == "refuted"


@pytest.mark.slow
def test_where_tables_are_too_large_smaller_sizes_are_taken_that_hide_nothing() -> None:
    text = (Path(__file__).parents[2] / "examples/networks/conv_net.net").read_text()
    session = Session(parse(text))
    a = "sum(c_2, a_2, b_2, U[f,c_2,a_2,b_2]*x[c_2,2*p + a_2 - 1,2*q + b_2 - 1]) + ub[f]"
    right = f"sum(p, q, D(L, y[f,p,q])*sigmoid({a})*x[c,2*p + a - 1,2*q + b - 1])"
    claims = [right, f"-{right}", f"{right}*(1 + [c == C]/10**4)", f"where(a == A - 1, 2*{right}, {right})"]
    verdicts = [line.verdict for line in session.check("\n".join(f"dL/dU[f,c,a,b] = {one}" for one in claims)).lines]
    assert verdicts[0] != "refuted"
    assert verdicts[1:] == ["refuted"] * 3
