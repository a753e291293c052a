"""Conditions and sums come out as people write them, and every gradient keeps the value of a central difference."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from three_roads import Example

from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation

SOFTMAX_BY_HAND = """
index i = 1..D, k = 1..K
input x[i], t[k]
parameter W[k,i], b[k]
a[k] = sum(i, W[k,i]*x[i]) + b[k]
e[k] = exp(a[k])
Z = sum(k, e[k])
p[k] = e[k]/Z
L = -sum(k, t[k]*log(p[k]))
minimize L
"""
SQUARES_BY_HAND = SOFTMAX_BY_HAND.replace("-sum(k, t[k]*log(p[k]))", "sum(k, (p[k] - t[k])**2)")
CAUSAL = """
index t, u = 1..T, c = 1..C
input x[t,c], y[t,c]
parameter Wq[c], Wk[c], Wv[c]
q[t] = sum(c, x[t,c]*Wq[c])
k[t] = sum(c, x[t,c]*Wk[c])
v[t,c] = x[t,c]*Wv[c]
s[t,u] = q[t]*k[u]
p[t,u] = softmax(u = 1..t, s[t,u])
o[t,c] = sum(u, p[t,u]*v[u,c])
L = sum(t, c, (o[t,c] - y[t,c])**2)/2
minimize L
"""
SUMS = """
index i = 1..D
input x[i], y[i]
parameter C[i]
h[i] = C[i]**2
M = sum(i, y[i]*h[i]) - sum(i, x[i]*h[i])
J = M**2
minimize J
"""
ONE_TERM = """
index k = 1..K
input t[k]
parameter a[k]
p[k] = softmax(k, a[k])
s = sum(k, p[k])
L = s*a[1] + sum(k = 1..1, a[k]**2)
minimize L
"""
CONVOLUTIONS = """
index q = 0..Q+3, k = 0..2, p = 0..Q+1, s = 0..Q-1
input x[q], t[s]
parameter w[k], v[k]
y[p] = tanh(sum(k, w[k]*x[p + k]))
z[s] = tanh(sum(k, v[k]*y[s + k]))
L = sum(s, (z[s] - t[s])**2)/2
minimize L
"""
LAST = """
index t = 1..T
input y, x[t]
parameter w, v
h[0] = 0
h[t] = tanh(w*h[t-1] + x[t]) for t = 1..T
L = (h[T] - y)**2 + v*h[T]
minimize L
"""
CENTRED = """
index j = 1..H
input x[j], t[j]
parameter g[j]
a[j] = g[j]*x[j]
mu = mean(j, a[j])
s = mean(j, (a[j] - mu)**2)
h[j] = (a[j] - mu)/sqrt(s + 1)
L = sum(j, (h[j] - t[j])**3)
minimize L
"""
NETWORKS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "squares of a softmax by hand": (SQUARES_BY_HAND, {"D": 2, "K": 3}),
    "softmax by hand": (SOFTMAX_BY_HAND, {"D": 2, "K": 3}),
    "causal softmax": (CAUSAL, {"T": 3, "C": 2}),
    "sums": (SUMS, {"D": 3}),
    "one term": (ONE_TERM, {"K": 3}),
    "two convolutions": (CONVOLUTIONS, {"Q": 3}),
    "last state": (LAST, {"T": 3}),
    "centred": (CENTRED, {"H": 3}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_formula_has_the_value_of_a_central_difference(name: str) -> None:
    text, sizes = NETWORKS[name]
    network = parse(text)
    for objective in network.objectives:
        Example(network, sizes, objective, 7).check()


def derived(text: str) -> Derivation:
    return backpropagate(parse(text))


def with_fact(fact: str) -> str:
    return SOFTMAX_BY_HAND.replace("parameter W", f"assume {fact}\nparameter W")


@pytest.mark.parametrize("fact", ["sum(k, t[k]) = 1", "onehot(k, t[k])"])
def test_a_softmax_written_by_hand_meets_its_cross_entropy(fact: str) -> None:
    derivation = backpropagate(parse(with_fact(fact)))
    assert str(derivation.adjoints["a"]) == "p[k] - t[k]"
    assert str(derivation.gradients["W"]) == "(p[k] - t[k])*x[i]"


def test_a_causal_softmax_is_called_by_its_name_without_a_guard() -> None:
    adjoint = derived(CAUSAL).adjoints["s"]
    assert str(adjoint) == "p[t,u]*(p_bar[t,u] - sum(u_1 = 1..t, p_bar[t,u_1]*p[t,u_1]))"


def test_the_domain_of_a_label_decides_its_range() -> None:
    text = """
    index i = 1..D, k = 0..K-1
    input x[i]
    integer label in 0..K-1
    parameter W[k,i]
    a[k] = sum(i, W[k,i]*x[i])
    p[k] = softmax(k, a[k])
    L = -log(p[label])
    minimize L
    """
    assert str(derived(text).adjoints["a"]) == "p[k] - [k == label]"


def test_sums_over_one_index_are_joined() -> None:
    assert str(derived(SUMS).adjoints["M"]) == "2*M"
    text = SUMS.replace("J = M**2", "N = sum(i, y[i]*h[i])\nJ = M**2")
    assert str(backpropagate(parse(text)).adjoints["h"]) == "M_bar*(y[i] - x[i])"


def test_the_components_of_a_softmax_add_up_to_1() -> None:
    assert str(derived(ONE_TERM).gradients["a"]) == "where(k == 1, s + 2*a[k], 0)"


def test_a_second_convolution_reads_the_first_one_by_name() -> None:
    adjoint = str(derived(CONVOLUTIONS).adjoints["y"])
    assert "tanh" not in adjoint
    assert "1 - z[p - k]**2" in adjoint


def test_terms_for_one_value_of_an_index_are_joined() -> None:
    assert str(derived(LAST).adjoints["h"]).count("t == T") == 1


def test_a_sum_of_deviations_from_the_mean_is_left_out() -> None:
    assert str(derived(CENTRED).adjoints["mu"]) == "-sum(j, h_bar[j])/sqrt(s + 1)"


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_follow_each_other(name: str) -> None:
    """Each step begins where the last one ended, so that nothing happens unseen."""
    for adjoint in derived(NETWORKS[name][0]).adjoints.values():
        for before, after in zip(adjoint.steps, adjoint.steps[1:], strict=False):
            assert before.after == after.before
        if adjoint.steps:
            assert adjoint.steps[-1].after == adjoint.textbook
