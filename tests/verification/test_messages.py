"""What a diagnosis says is so at every size, in the letters of the person, and no more than is known."""

from __future__ import annotations

import re
from functools import cache

import pytest

from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.verification.report import Line, check

NETWORKS = {
    "attention": """
index t = 1..T, u = 1..T, d = 1..M
input q[t,d], k[u,d], g[t]
parameter v[u]
e[t,u] = sum(d, q[t,d]*k[u,d])/sqrt(M)
p[t,u] = softmax(u, e[t,u])
y[t] = sum(u, p[t,u]*v[u])
L = sum(t, (y[t] - g[t])**2)/2
""",
    "mean squares": """
index n = 1..N, i = 0..D
input x[n,i], t[n]
parameter w[i]
y[n] = sum(i, w[i]*x[n,i])
L = mean(n, (y[n] - t[n])**2)
""",
    "classes": """
index i = 1..D, k = 1..K, m = 1..K
input x[i]
target t[k]
parameter W[k,i]
a[k] = sum(i, W[k,i]*x[i])
p[k] = softmax(k, a[k])
L = -sum(k, t[k]*log(p[k]))
assume sum(k, t[k]) = 1
""",
    "one letter": """
index i = 1..m
input x[i], c[i]
mu = mean(i, x[i])
s = sqrt(mean(i, (x[i] - mu)**2) + 1/10)
n[i] = (x[i] - mu)/s
L = sum(i, c[i]*n[i])
""",
    "recurrence": """
index t = 1..T
input x[t], y[t]
parameter w, u
a[t] = w*x[t] + u*h[t-1] for t = 1..T
h[0] = 0
h[t] = tanh(a[t]) for t = 1..T
L = sum(t, (h[t] - y[t])**2)/2
""",
    "scalar": "input x, t; parameter w\ny = w*x; L = (y - t)**2/2",
}


@cache
def network(name: str) -> Network:
    return parse(NETWORKS[name])


def judged(name: str, text: str) -> Line:
    return check(network(name), text).lines[-1]


# A right line of each network, in which some factor stands for `{}`; the factor is what the claim is wrong by.
DV = ("attention", "dL/dv[u] = sum(t, (y[t] - g[t])*p[t,u])*{}")
DW = ("mean squares", "dL/dw[i] = 2*sum(n, (y[n] - t[n])*x[n,i])/N*{}")

FACTORS = [
    (*DV, "3", "constant-factor", "This is 3 times"),
    (*DV, "-1", "sign", "The sign is the wrong way round"),
    (*DV, "sqrt(M)", "constant-factor", "This is sqrt(M) times"),
    (*DV, "1/sqrt(M)", "constant-factor", "This is 1/sqrt(M) times"),
    (*DV, "1/T", "averaged", "This is divided by T: the sum over the T terms"),
    (*DV, "M**2", "constant-factor", "This is M**2 times"),
    (*DV, "2*sqrt(T)", "constant-factor", "This is 2*sqrt(T) times"),
    (*DV, "T/M", "constant-factor", "This is T/M times"),
    (*DW, "N", "averaged", "This is multiplied by N: the sum over the N terms"),
    (*DW, "N/2", "averaged", "This is N/2 times"),
    (*DW, "1/2", "constant-factor", "This is 1/2 times"),
    (*DW, "1/(D + 1)", "averaged", "This is divided by (D + 1)."),
    (*DW, "-N", "averaged", "This is multiplied by N"),
]


@pytest.mark.parametrize(("name", "line", "factor", "kind", "beginning"), FACTORS, ids=[row[2] for row in FACTORS])
def test_a_factor_is_told_as_it_is_at_every_size(name: str, line: str, factor: str, kind: str, beginning: str) -> None:
    assert judged(name, line.format("1")).verdict in ("proved", "agrees")
    found = judged(name, line.format(factor)).diagnosis
    assert found is not None
    assert found.kind == kind
    assert found.message.startswith(beginning)


@pytest.mark.parametrize("factor", ["(1 + M)", "log(M)", "(T + N)/N"])
def test_a_factor_in_sizes_that_is_no_power_is_no_constant(factor: str) -> None:
    name, line = DW if "N" in factor else DV
    found = judged(name, line.format(factor.replace("T", "D"))).diagnosis
    assert found is not None
    assert not re.match(r"This is [-\d/]+ times", found.message)


WRONG = [
    ("attention", "D(L, e[t,u]) = (y[t] - g[t])*p[t,u]*(1 - p[t,u])*v[u]"),
    ("classes", "dL/da[k] = p[k]*(1 - p[k])*(p[k] - t[k])"),
    ("classes", "dL/dW[k,i] = (p[k] - t[k])*x[i]/p[k]"),
    ("one letter", "dL/dx[i] = (c[i] - mean(i, c[i]))/s"),
    ("one letter", "dL/dx[i] = c[i]/s"),
    ("recurrence", "dL/du = sum(t, D(L, a[t])*h[t])"),
]


@pytest.mark.parametrize(("name", "line"), WRONG, ids=[row[1] for row in WRONG])
def test_no_message_has_an_index_that_nobody_wrote(name: str, line: str) -> None:
    found = judged(name, line)
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    copies = [f"{index.name}_" for index in network(name).indices]
    assert not [one for one in copies if re.search(rf"(?<!\w){one}\d", found.diagnosis.message)]


def test_a_gradient_that_stops_at_the_first_step_is_named_so() -> None:
    found = judged("recurrence", "dL/du = sum(t, (h[t] - y[t])*(1 - h[t]**2)*h[t-1])").diagnosis
    assert found is not None
    assert found.kind == "stopped-early"
    assert "The direct part h[t] - y[t] stands for D(L, h[t])" in found.message
    assert "Compare the line D(L, a[t]) = D(L, h[t])*(1 - h[t]**2)." in found.message


def test_what_is_right_is_said_without_conditions_that_always_hold() -> None:
    expected = judged("recurrence", "D(L, h[t]) = u*h[t] - y[t]").expected
    assert expected == "h[t] - y[t] + where(t <= T - 1, D(L, a[t + 1])*u, 0)"


@pytest.mark.parametrize(("said", "right"), [("-0.6662", "-0.6667"), ("-0.665", "-0.667"), ("-0.66617", "-0.66667")])
def test_a_number_that_is_off_in_its_last_digits_was_rounded(said: str, right: str) -> None:
    found = judged("scalar", f"at w = 1/3, x = 2, t = 1\ndL/dw = {said}")
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert "rounded" in found.diagnosis.message
    assert found.diagnosis.message.endswith(f"Right is {right}.")


def test_a_number_of_the_wrong_sign_was_not_rounded() -> None:
    found = judged("scalar", "at w = 1/3, x = 2, t = 1\ndL/dw = 0.6667").diagnosis
    assert found is not None
    assert found.kind == "sign"
