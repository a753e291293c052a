"""Powers whose exponent is an index or a size: where the base is 0 their derivatives are those of the polynomial that
they write in short, and the power rule keeps its textbook form where no exponent can be 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symprop
from symprop.derivation.extended import as_network
from symprop.derivation.reverse_sweep import backpropagate

# A text, the same written out, and values: at each the base of a power with exponent 0 or 1 is 0.
WRITTEN_OUT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("L = sum(n = 0..2, c[n]*w**n)", "L = c[0] + c[1]*w + c[2]*w**2", {"w": 0, "c": [2, 3, 5]}),
    ("L = sum(n = 1..3, c[n]*w**(n-1))", "L = c[1] + c[2]*w + c[3]*w**2", {"w": 0, "c": [2, 3, 5]}),
    ("L = sum(n = 0..2, c[n]*(w - 1)**(2*n))", "L = c[0] + c[1]*(w-1)**2 + c[2]*(w-1)**4", {"w": 1, "c": [2, 3, 5]}),
    ("L = sum(n = 0..2, c[n]*exp(2*w**n)*w)", "L = w*(c[0]*exp(2) + c[1]*exp(2*w) + c[2]*exp(2*w**2))",
     {"w": 0, "c": [2, 3, 5]}),
    ("index n = 0..2\na[n] = w**n\nL = sum(n, c[n]*a[n]**2)", "L = c[0] + c[1]*w**2 + c[2]*w**4",
     {"w": 0, "c": [2, 3, 5]}),
    ("index n = 0..2\nL = prod(n, w**n + c[n])", "L = (1 + c[0])*(w + c[1])*(w**2 + c[2])", {"w": 0, "c": [2, 3, 5]}),
    ("L = c[0] + sum(n = 0..3, c[n]*diff(w**n, w))", "L = c[0] + c[1] + 2*c[2]*w + 3*c[3]*w**2",
     {"w": 0, "c": [2, 3, 5, 7]}),
    ("index n = 0..2, m = 0..2\nL = sum(n, m, c[n]*w**(n + m))",
     "L = c[0] + (c[0] + c[1])*w + (c[0] + c[1] + c[2])*w**2 + (c[1] + c[2])*w**3 + c[2]*w**4",
     {"w": 0, "c": [2, 3, 5]}),
    ("size K = 1\nL = c[0]*w**K + c[1]*w**(K - 1) + c[2]*w**(2*K)", "L = c[0]*w + c[1] + c[2]*w**2",
     {"w": 0, "c": [2, 3, 5]}),
)  # fmt: skip


ROLES = "parameter w, c[n]\n"


def slopes(equations: str, at: dict[str, Any]) -> dict[str, Any]:
    """Return the first derivatives as evaluated and as printed, and the second by w, in exact numbers."""
    network = symprop.parse(ROLES + equations)
    printed = str(symprop.derive(network).gradients["w"])
    evaluated = symprop.evaluate(network, at, show=[printed])
    twice = backpropagate(as_network(backpropagate(network)), of="w_bar", wrt=["w"]).network
    second = symprop.evaluate(twice, at, show=["D(w_bar, w)"]).shown
    return {"w": evaluated.adjoints["w"], "printed": evaluated.shown[printed], "second": second["D(w_bar, w)"]}


@pytest.mark.parametrize(("text", "written_out", "at"), WRITTEN_OUT, ids=lambda part: str(part)[:30])
def test_derivatives_at_0_are_those_of_the_polynomial(text: str, written_out: str, at: dict[str, Any]) -> None:
    found, wanted = slopes(text, at), slopes(written_out, at)
    assert found == wanted
    assert found["w"] == found["printed"]


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        ("index n = 1..3\nL = sum(n, c[n]*w**n)", "sum(n, n*w**(n - 1)*c[n])"),
        ("index n = 0..3\nL = sum(n, c[n]*w**n)", "sum(n = 1..3, n*w**(n - 1)*c[n])"),
        ("L = w**K", "K*w**(K - 1)"),
        ("index n = 0..3\nL = sum(n, c[n]*w**(n + 1))", "sum(n, (n + 1)*w**n*c[n])"),
    ],
)
def test_the_power_rule_is_guarded_only_where_an_exponent_can_be_0(text: str, gradient: str) -> None:
    roles = "size K\n" + ROLES if "K" in text else ROLES
    assert str(symprop.derive(symprop.parse(roles + text)).gradients["w"]) == gradient


def test_each_component_may_have_its_own_exponent() -> None:
    network = symprop.parse("index n = 0..3\nparameter w[n]\nL = sum(n, w[n]**n)")
    assert [str(symprop.evaluate(network, {"w": [0] * 4}).adjoints["w"][n]) for n in range(4)] == ["0", "1", "0", "0"]


def test_compiled_functions_have_the_value_at_0() -> None:
    functions = symprop.compile(symprop.parse(ROLES + WRITTEN_OUT[0][0]), target="numpy")
    _, gradients = functions.gradient({"w": np.array(0.0), "c": np.array([2.0, 3.0, 5.0])}, {})
    assert gradients["w"] == 3
    assert gradients["c"].tolist() == [1, 0, 0]


def test_a_claim_may_begin_its_sum_at_either_end() -> None:
    network = symprop.parse(ROLES + WRITTEN_OUT[0][0])
    claims = "dL/dw = sum(n = 0..2, n*w**(n-1)*c[n])\ndL/dw = c[1] + 2*c[2]*w\ndL/dw = sum(n = 0..2, w**(n-1)*c[n])"
    assert [line.verdict for line in symprop.check(network, claims).lines] == ["proved", "proved", "refuted"]


def test_an_integer_input_is_an_exponent_like_an_index() -> None:
    text = "index s = 1..S; input integer k[s] in 0..5; parameter w\nL = sum(s, w**k[s])"
    # 1 + w + w**3 has the slope 1 + 3*w**2.
    for w, value, slope in ((0, "1", "1"), ("-1/2", "3/8", "7/4")):
        found = symprop.evaluate(text, {"k": [0, 1, 3], "w": w}, show=["D(L,w)"])
        assert (str(found["L"]), str(found["D(L,w)"])) == (value, slope)
    loss, gradients = symprop.compile(text, target="numpy").gradient({"w": 0.0}, {"k": [[0, 1, 3]]})
    assert (loss, gradients["w"]) == (1, 1)
