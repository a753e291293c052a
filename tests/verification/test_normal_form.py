"""Identities that the normal form proves, and near misses that it must not."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse, parse_expression
from symprop.verification.normal_form import Normalizer

NETWORK = parse("index i = 1..D, j = 1..H, k = 1..D\ninput x[i], y[i], W[j,i], s, t\nL = sum(i, x[i]*y[i])")

IDENTITIES = [
    ("(s + t)**2", "s**2 + 2*s*t + t**2"),
    ("sum(i, x[i]*y[i])", "sum(k, y[k]*x[k])"),
    ("sum(i, x[i])*sum(i, y[i])", "sum(i, sum(k, x[i]*y[k]))"),
    ("sum(i, sum(j, W[j,i]*x[i]))", "sum(j, sum(i, x[i]*W[j,i]))"),
    ("sum(i, x[i])", "x[1] + sum(i = 2..D, x[i])"),
    ("sum(i, x[i])", "sum(i = 1..D-1, x[i]) + x[D]"),
    ("sum(i, s)", "D*s"),
    ("sum(i, [i == 1]*x[i])", "x[1]"),
    ("tanh(s)", "2*sigmoid(2*s) - 1"),
    ("sigmoid(-s)", "1 - sigmoid(s)"),
    ("1/cosh(s)**2", "1 - tanh(s)**2"),
    ("exp(s + t)", "exp(s)*exp(t)"),
    ("log(s*t)", "log(s) + log(t)"),
    ("s/(s + t) + t/(s + t)", "1"),
    ("1/s + 1/t", "(s + t)/(s*t)"),
    ("sin(s)**2 + cos(s)**2", "1"),
    ("softplus(s) - softplus(-s)", "s"),
]
DIFFERENT = [
    ("sum(i, x[i]*y[i])", "sum(i, x[i])*sum(i, y[i])"),
    ("sum(i, x[i])", "sum(i = 2..D, x[i])"),
    ("sqrt(s**2)", "s"),
    ("exp(s)*exp(t)", "exp(s*t)"),
    ("(s + t)**2", "s**2 + t**2"),
    ("sum(i, i)", "sum(i = 3..D, i) + 3"),  # equal for D >= 2 only
    ("sum(i, s)", "s"),
    ("abs(s)", "s"),
]


@pytest.mark.parametrize(("left", "right"), IDENTITIES)
def test_an_identity_is_proved(left: str, right: str) -> None:
    one, other = (parse_expression(text, NETWORK) for text in (left, right))
    assert Normalizer().vanishes(one - other)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_differs_is_not_proved(left: str, right: str) -> None:
    one, other = (parse_expression(text, NETWORK) for text in (left, right))
    assert not Normalizer().vanishes(one - other)
