"""The short names of a page: deltas and inner values stand for what they are said to, and results keep their value."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from three_roads import TOLERANCE, Example

from symprop.algebra.expressions import Access, Derivative, number, substitute
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.extended import with_arguments_named
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.simplify import softmax_bound
from symprop.rendering.abbreviations import abbreviated
from symprop.rendering.report import to_latex, to_text
from symprop.verification.evaluate import to_float

FOLDER = Path(__file__).parents[2] / "examples" / "networks"

# Sizes at which the brute force of the witness takes little, no two alike where that is cheap.
SIZES = {
    "attention": {"S": 2, "D": 3, "A": 1, "dk": 2},
    "batch_norm": {"N": 3, "D": 1, "H": 2},
    "conv_net": {"C": 1, "R": 5, "A": 3, "F": 1, "B": 2, "G": 1, "K": 2},
    "gru": {"D": 1, "H": 2, "K": 3, "T": 2},
    "lstm": {"D": 1, "H": 2, "T": 3},
    "mixture_density": {"D": 1, "H": 2, "K": 3},
    "mlp": {"D": 1, "H": 2, "M": 3, "K": 2},
    "mlp_matrix": {"D": 1, "H": 2, "M": 3, "K": 4},
    "rnn": {"D": 1, "H": 2, "K": 3, "T": 3},
    "weight_decay": {"D": 2, "H": 3},
}


@cache
def network_of(name: str) -> Network:
    return parse((FOLDER / f"{name}.net").read_text(encoding="utf-8"))


class Short(Example):
    """An example whose evaluator knows the short names of its page as well."""

    def __init__(self, name: str) -> None:
        network = network_of(name)
        (objective,) = network.objectives
        super().__init__(network, SIZES[name], objective, seed=len(name))
        self.short = abbreviated(self.derivation)
        inner = [Quantity(e.name, "defined", tuple(Axis(*b[:3]) for b in e.bounds)) for e in self.short.values]
        self.evaluator.network = replace(
            network, quantities={**network.quantities, **{quantity.name: quantity for quantity in inner}}
        )
        for equation in self.short.values:
            self.evaluator._assign(equation.target, equation.bounds, equation.expression, 0)
        for delta in self.short.deltas:
            adjoint = next(a for a in self.short.derivation.adjoints.values() if a.access.name == delta)
            self.evaluator._assign(adjoint.access, adjoint.bounds, adjoint.textbook, 0)


@pytest.mark.parametrize("name", SIZES)
def test_results_in_short_names_are_central_differences(name: str) -> None:
    example = Short(name)
    adjoints = example.short.derivation.adjoints
    names = {adjoint.access.name: adjoint.of for adjoint in example.derivation.adjoints.values()}
    formulas = [(g.name, g.indices, g.expression) for g in example.short.derivation.gradients.values()]
    formulas += [(a.of, a.access.indices, a.textbook) for a in adjoints.values() if a.access.name in names]
    for quantity, indices, expression in formulas:
        for point in example.witness.components(quantity):
            places = tuple(map(number, point))
            component = Access(quantity, places)
            wanted = example.difference(component)
            distance = example.distance(substitute(expression, dict(zip(indices, places, strict=True))), wanted)
            assert distance <= TOLERANCE * max(1, abs(wanted)), f"d{example.objective}/d{component} = {expression}"


@pytest.mark.parametrize("name", ["gru", "lstm", "mlp", "mlp_matrix", "mixture_density", "batch_norm", "conv_net"])
def test_a_delta_is_the_derivative_by_the_argument_given_a_name(name: str) -> None:
    """The witness derives another network, in which the argument is a quantity."""
    example = Short(name)
    apart = with_arguments_named(network_of(name))
    sizes, values = example.evaluator.sizes, example.witness.values
    other = type(example.evaluator)(apart, sizes, values, digits=40)
    found = 0
    for delta, equation in example.short.deltas.items():
        argument = f"{equation.name}_argument"
        if softmax_bound(equation) is not None:
            continue  # there the argument is what remains after the logsumexp
        adjoint = next(a for a in example.short.derivation.adjoints.values() if a.access.name == delta)
        first = {b.index: b.lower for b in adjoint.bounds}
        at = substitute(adjoint.access, first)
        assert isinstance(at, Access)
        wanted = other.value(Derivative("D", example.objective, Access(argument, at.indices)))
        here = example.evaluator.value(substitute(adjoint.textbook, first))
        assert float(to_float(here)) == pytest.approx(float(to_float(wanted)), rel=1e-14, abs=1e-300)
        found += 1
    assert found


RESULTS = {
    # Bishop (2006), equations 5.53, 5.54 and 5.56.
    "mlp": [
        "dE/dU[j,i] = delta_h[j]*x[i] for j = 1..H",
        "dE/dV[m,j] = delta_g[m]*h[j] for m = 1..M",
        "dE/dW[k,m] = delta_y[k]*g[m]",
        "delta_y[k] = (y[k] - t[k])*y[k]*(1 - y[k])",
        "delta_g[m] = g[m]*(1 - g[m])*sum(k, delta_y[k]*W[k,m]) for m = 1..M",
        "delta_h[j] = h[j]*(1 - h[j])*sum(m = 1..M, delta_g[m]*V[m,j]) for j = 1..H",
    ],
    # Goodfellow, Bengio, Courville, Deep Learning (2016), equations 10.18 to 10.28.
    "rnn": [
        "dL/dV[j,m] = sum(t, delta_h[t,j]*h[t - 1,m])",
        "h_bar[t,j] = sum(j_1, delta_h[t + 1,j_1]*V[j_1,j]) for t = 1..T-1",
        "delta_h[t,j] = h_bar[t,j]*(1 - h[t,j]**2)",
    ],
    "attention": [
        "delta_P[a,s,u] = P[a,s,u]*(P_bar[a,s,u] - sum(u_1 = 1..s, P_bar[a,s,u_1]*P[a,s,u_1]))",
        "K_bar[a,s,c] = sum(s_1 = s..S, delta_P[a,s_1,s]*Q[a,s_1,c])/sqrt(dk)",
        "Q_bar[a,s,c] = sum(u = 1..s, delta_P[a,s,u]*K[a,u,c])/sqrt(dk)",
        "P_bar[a,s,u] = sum(c, H_bar[a,s,c]*V[a,u,c]) for u = 1..s",
        "P_bar[a,s,u] = 0 for u = s+1..S",
    ],
    # Bishop, Mixture density networks (1994), equations 32, 36 and 37; q_bar is minus the posterior.
    "mixture_density": [
        "delta_weight[k] = weight[k] + q_bar[k]",
        "delta_sigma[k] = q_bar[k]*((t - mu[k])**2/sigma[k]**2 - 1)",
        "mu_bar[k] = q_bar[k]*(t - mu[k])/sigma[k]**2",
    ],
    "masked_autoregressive": ["dL/dW[i,j] = -u[i]*exp(-alpha[i])*x[j] for j = 1..i-1", "dL/dW[i,j] = 0 for j = i..D"],
    # Mikolov and others, Distributed representations of words and phrases (2013), section 2.2.
    "word2vec": [
        "dJ/dIn[v,d] = (1 - sigmoid(score))*Out[context,d] - sum(k, (1 - sigmoid(-wrong[k]))*Out[noise[k],d]) "
        "if v == centre",
        "dJ/dIn[v,d] = 0 if v != centre",
    ],
    "embedding": ["dL/dE[v,d] = sum(k, (p[k] - [k == label])*W[k,d])*sum(s, [v == word[s]])/S"],
    "gan": ["dLD/dc = p_fake + p_real - 1", "dLD/du[j] = p_fake*p_fake_tanh[j] - (1 - p_real)*p_real_tanh[j]"],
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_page_has_the_formulas_of_the_books(name: str) -> None:
    network = network_of(name)
    page = " ".join(to_text(backpropagate(network), detail="final").split())
    for line in RESULTS[name]:
        assert line in page
    assert "where(" not in page or name == "word2vec"


def test_a_delta_has_a_name_of_its_own_and_a_greek_letter() -> None:
    text = (FOLDER / "mlp_matrix.net").read_text(encoding="utf-8").replace("b1", "delta_h")
    page = to_text(backpropagate(parse(text)), detail="final")
    assert "dL/ddelta_h[i] = delta_h2[i]" in page
    assert r"\delta_{h" in to_latex(backpropagate(network_of("rnn")), detail="final")


def test_what_is_read_once_has_no_name_of_its_own() -> None:
    text = "input x\ntarget t\nparameter w\ny = sigmoid(w*x)\nL = (y - t)**2/2"
    page = to_text(backpropagate(parse(text)), detail="final")
    assert "dL/dw = (y - t)*x*y*(1 - y)" in page
    assert "delta" not in page
