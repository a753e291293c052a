"""An array with its first indices alone, ``h[t]``, is the array of its other axes: vector lines for each step."""

from __future__ import annotations

from textwrap import dedent

import pytest

from symprop.algebra.expressions import canonical
from symprop.declaration.parser import parse
from symprop.errors import SympropError
from symprop.verification.report import check

RECURRENT = """
    index t = 1..T
    input x: (T, D), y[t]: (K)
    parameter W: (H, D), U: (H, H), b: (H), V: (K, H), c: (K)
    h[0] = 0
    s[t] = W @ x[t] + U @ h[t-1] + b
    h[t] = tanh(s[t])
    y_hat[t] = V @ h[t] + c
    L = sum(t, norm(y_hat[t] - y[t])**2)/2
"""
# The same with all indices written.
WRITTEN_OUT = """
    index t = 1..T, i = 1..D, k = 1..H, l = 1..H, j = 1..K
    input x[t,i], y[t,j]
    parameter W[k,i], U[k,l], b[k], V[j,k], c[j]
    h[0,k] = 0
    s[t,k] = sum(i, W[k,i]*x[t,i]) + sum(l, U[k,l]*h[t-1,l]) + b[k]
    h[t,k] = tanh(s[t,k])
    y_hat[t,j] = sum(k, V[j,k]*h[t,k]) + c[j]
    L = sum(t, sum(j, (y_hat[t,j] - y[t,j])**2))/2
"""


def test_vector_lines_for_each_step_are_the_lines_with_all_indices() -> None:
    network, expected = parse(dedent(RECURRENT)), parse(dedent(WRITTEN_OUT))
    ranges = {name: [str(axis.upper) for axis in one.axes] for name, one in network.quantities.items()}
    assert ranges == {name: [str(axis.upper) for axis in one.axes] for name, one in expected.quantities.items()}
    later = [one for one in expected.equations if "0" not in str(one.target)]
    report = check(network, "\n".join(f"{one.target} = {one.expression}" for one in later))
    assert [line.verdict in ("proved", "agrees") for line in report.lines] == [True] * 4


def test_layers_read_each_others_shapes() -> None:
    network = parse("index l = 1..M\ninput x: (N)\nparameter W: (M, N, N)\na[0] = x\na[l] = sigmoid(W[l] @ a[l-1])")
    one = parse("index l = 1..M, i = 1..N, j = 1..N\ninput x[i]\nparameter W[l,i,j]\na[0,i] = x[i]\n"
                "a[l,i] = sigmoid(sum(j, W[l,i,j]*a[l-1,j]))")  # fmt: skip
    assert [canonical(each.expression) for each in network.equations] == [
        canonical(each.expression) for each in one.equations
    ]


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("D(L, V) = sum(t, (y_hat[t] - y[t]) @ h[t].T)", True),
        ("D(L, V) = sum(t, h[t] @ (y_hat[t] - y[t]).T)", False),
        ("D(L, V) = (y_hat[t] - y[t]) @ h[t].T", False),
        ("D(L, h[t]) = V.T @ (y_hat[t] - y[t]) + U.T @ D(L, s[t+1]) if t < T", True),
        ("D(L, h[t]) = V.T @ (y_hat[t] - y[t]) + U @ D(L, s[t+1]) if t < T", False),
        ("D(L, s[t]) = D(L, h[t])*(1 - h[t]**2)", True),
        ("D(L, U) = sum(t, (D(L, h[t])*(1 - h[t]**2)) @ h[t-1].T)", True),
        ("D(L, U) = sum(t, (D(L, h[t])*(1 - h[t]**2)) @ h[t].T)", False),
    ],
)
def test_claims_in_vector_lines_are_judged(line: str, is_right: bool) -> None:
    verdict = check(parse(dedent(RECURRENT)), line).lines[0].verdict
    assert verdict in (("proved", "agrees") if is_right else ("refuted",))


def test_a_letter_that_nobody_named_has_the_range_of_where_it_stands() -> None:
    network = parse("input x: (D), y: (K)\nparameter W: (H, D), V: (K, H)\nh = tanh(W @ x)\nL = norm(V @ h - y)**2/2")
    for letter in "ijkq":
        claim = f"D(L, h[m]) = sum({letter}, V[{letter},m]*(sum(n, V[{letter},n]*h[n]) - y[{letter}]))"
        assert check(network, claim).verdict == "proved", letter


def test_a_missing_index_is_still_an_error() -> None:
    with pytest.raises(SympropError, match="'x' has 1 index, not none"):
        parse("index i = 1..D\ninput x[i]\na[i] = 2*x")


def test_a_line_about_neighbours_says_where_they_exist() -> None:
    network = parse(dedent(RECURRENT))
    line = check(network, "D(L, h[t]) = V.T @ (y_hat[t] - y[t]) + U.T @ D(L, s[t+1])").lines[0]
    assert line.verdict in ("proved", "agrees")
    assert "for t = 1..T - 1, where both sides exist" in line.note
