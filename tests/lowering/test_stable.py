"""Stable forms equal what was written, and stay finite and accurate where that does not."""

from __future__ import annotations

import mpmath
import pytest
from brute_force import Witness, mp, real

from symprop.declaration.parser import parse, parse_expression
from symprop.derivation.reverse_sweep import backpropagate
from symprop.lowering.interpreter import interpret
from symprop.lowering.schedule import lower
from symprop.lowering.stable import RULES, stabilize

NAMES = """
index k = 1..K
input u, v, a[k]
p = sigmoid(u)
q = 1/(1 + exp(-u))
e[k] = exp(a[k])
Z = sum(k, e[k])
s[k] = e[k]/Z
w = {}
"""

TABLE = (
    ("log of sigmoid", "log(p)", "-softplus(-u)"),
    ("log of sigmoid", "log(q)", "-softplus(-u)"),
    ("log of complement", "log(1 - p)", "-softplus(u)"),
    ("log of exponential", "log(exp(u*v))", "u*v"),
    ("log of exponential", "log(s[1])", "a[1] - logsumexp(k, a[k])"),
    ("log of sum", "log(Z)", "logsumexp(k, a[k])"),
    ("log of one plus", "log(1 + exp(u))", "softplus(u)"),
    ("log of one plus", "log(1 + u**2)", "log1p(u**2)"),
    ("log of product", "log(p**v*(1 - p)**(1 - v))", "-v*softplus(-u) - (1 - v)*softplus(u)"),
    ("quotient of exponentials", "exp(a[1])/Z", "exp(a[1] - logsumexp(k, a[k]))"),
    ("logistic", "1/(1 + exp(-u*v))", "sigmoid(u*v)"),
    ("complement", "1 - sigmoid(u)", "sigmoid(-u)"),
    ("exponential minus one", "2*exp(u) - 2", "2*expm1(u)"),
)


@pytest.mark.parametrize(("rule", "written", "stable"), TABLE, ids=lambda text: text)
def test_each_rule_makes_the_stable_form_and_says_so(rule: str, written: str, stable: str) -> None:
    network = parse(NAMES.format(written))
    result, steps = stabilize(network)
    assert result.definitions["w"][0].expression == parse_expression(stable, network)
    assert rule in {step.rule for step in steps}


@pytest.mark.parametrize(("rule", "written", "stable"), TABLE, ids=lambda text: text)
def test_both_forms_have_the_same_value(rule: str, written: str, stable: str) -> None:
    network = parse(NAMES.format(written))
    values = {"u": {(): mp.mpf("0.7")}, "v": {(): mp.mpf("0.3")}, "a": {(1,): mp.mpf(-1), (2,): mp.mpf("0.5")}}
    before = Witness(network, {"K": 2}, values).read("w", ())
    after = Witness(stabilize(network)[0], {"K": 2}, values).read("w", ())
    assert mpmath.almosteq(real(before), real(after), 1e-50)


def test_the_table_has_every_rule() -> None:
    assert {rule.__name__.replace("_", " ") for rule in RULES} == {rule for rule, _, _ in TABLE}


def test_a_name_that_is_differentiated_by_is_not_looked_through() -> None:
    network = parse(NAMES.format("log(p)"))
    assert stabilize(network, kept=("p",))[0].definitions["w"] == network.definitions["w"]


def test_a_network_without_anything_to_improve_stays_the_same_object() -> None:
    network = parse("J = w*x**2")
    assert stabilize(network) == (network, ())


LOSSES = {
    "log of a sigmoid": "y = sigmoid(b)\nL = -t*log(y) - (1 - t)*log(1 - y)",
    "binary cross-entropy": "y = sigmoid(b)\nL = binary_cross_entropy(t, y)",
    "written out": "y = 1/(1 + exp(-b))\nL = -(t*log(y) + (1 - t)*log(1 - y))",
    "likelihood": "y = sigmoid(b)\nL = -log(y**t*(1 - y)**(1 - t))",
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("logit", "target"), [(800, 0), (800, 1), (-800, 0), (-800, 1), (40, 0), (-40, 1)])
def test_logistic_losses_are_accurate_in_the_tails(name: str, logit: int, target: int) -> None:
    network = parse(f"input x\ntarget t\nparameter w\nb = w*x\n{LOSSES[name]}\nminimize L")
    program = lower(backpropagate(stabilize(network)[0], simplify=False))
    assert program.gradient is not None
    found = interpret(program, program.gradient, {"x": [float(logit)], "t": [float(target)], "w": [1.0]}, {"N": 1})
    sign = 1 if target == 0 else -1
    with mp.workdps(60):
        loss = mp.log1p(mp.exp(sign * logit)) if sign * logit < 0 else sign * logit + mp.log1p(mp.exp(-sign * logit))
        slope = sign * logit / (1 + mp.exp(-sign * logit))  # dL/dw = x*dL/db
    # 4 units in the last place, and subnormal numbers have fewer places.
    assert found[program.objective_buffer][1][0] == pytest.approx(float(loss), rel=1e-15, abs=1e-320)
    assert found["w_bar"][1][0] == pytest.approx(float(slope), rel=1e-15, abs=1e-320)


@pytest.mark.parametrize("form", ["softmax(k, a[k])", "exp(a[k])/sum(k_1, exp(a[k_1]))"])
def test_cross_entropy_of_a_softmax_is_finite_and_accurate_in_the_tails(form: str) -> None:
    text = f"""
index k = 1..3
input x[k]
target t[k]
parameter w
a[k] = w*x[k]
y[k] = {form}
L = -sum(k, t[k]*log(y[k]))
minimize L
"""
    program = lower(backpropagate(stabilize(parse(text))[0], simplify=False))
    assert program.gradient is not None
    given = {"x": [800.0, -800.0, 760.0], "t": [1.0, 0.0, 0.0], "w": [1.0]}
    found = interpret(program, program.gradient, given, {"N": 1})
    # log(1 + exp(-40) + exp(-1600)) = exp(-40) within its square; a sum with the 1 would round it to 0.
    assert found[program.objective_buffer][1][0] == pytest.approx(4.248354255291589e-18, rel=1e-14)
    assert all(abs(value) < 1e-10 for value in found["w_bar"][1])
