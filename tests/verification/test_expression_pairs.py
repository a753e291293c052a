"""Pairs of expressions: no right one is refuted, no wrong one accepted, few are undecided, and fast."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner
from expression_pairs import differing, number, pairs, value

from symprop.command_line import main
from symprop.pipeline import check, equal

ALL = list(pairs())
RIGHT = ("proved", "agrees")
SECONDS = 0.3  # the median


def judged(chosen: list[tuple[str, str, str, bool]]) -> None:
    found = Counter[str]()
    wrong: list[Any] = []
    seconds = []
    for _, left, right, is_equal in chosen:
        start = time.process_time()
        verdict = equal(left, right)
        seconds.append(time.process_time() - start)
        found[verdict.verdict] += 1
        if verdict.verdict == "refuted":
            assert verdict.witness is not None
            point = {name: number(str(given)) for name, given in verdict.witness.values.items()}
            one, other = value(left, point), value(right, point)
            if is_equal or one is None or other is None or abs(one - other) <= 1e-40 * max(1, abs(one)):
                wrong.append((left, right, verdict.verdict, point, one, other))
        elif verdict.verdict in RIGHT and not is_equal:
            wrong.append((left, right, verdict.verdict, verdict.reason))
    assert not wrong
    assert found["undecided"] <= math.ceil(len(chosen) / 50), found
    assert statistics.median(seconds) < SECONDS


@pytest.mark.parametrize("chosen", [ALL[::9], pytest.param(ALL, marks=pytest.mark.slow)], ids=["some", "all"])
def test_the_truth_of_a_pair_is_seen_in_numbers(chosen: list[tuple[str, str, str, bool]]) -> None:
    for _, left, right, is_equal in chosen:
        point, count = differing(left, right, 5 if is_equal else 2000)
        assert (point is None) == is_equal, (left, right, point)
        assert count >= 1 if is_equal else point is not None


def test_a_sample_of_pairs_is_judged_as_it_is() -> None:
    judged([pair for pair in ALL if pair[0] != "in one place only"][1::8])


@pytest.mark.slow
def test_every_pair_is_judged_as_it_is() -> None:
    judged(ALL)


@pytest.mark.slow
def test_every_pair_is_judged_the_other_way_round() -> None:
    judged([(family, right, left, is_equal) for family, left, right, is_equal in ALL])


@pytest.mark.parametrize(
    ("left", "right", "verdict", "status"),
    [
        ("sin(x)**2", "1 - cos(x)**2", RIGHT, 0),
        ("sqrt(x**2)", "x", ("refuted",), 1),
        ("log(x**2)", "2*log(x)", RIGHT, 0),
        ("x +", "x", (), 2),
    ],
)
def test_the_command_line_says_the_same(left: str, right: str, verdict: tuple[str, ...], status: int) -> None:
    result = CliRunner().invoke(main, ["equal", left, right, "--format", "json"])
    assert result.exit_code == status
    if verdict:
        assert json.loads(result.stdout)["verdict"] in verdict


# Laws of powers and logarithms that hold for positive numbers alone, each with a point at which it does not.
ONLY_FOR_POSITIVE = [
    ("(x**y)**z", "x**(y*z)", {"x": -1, "y": 2, "z": 0.5}),
    ("(x**2)**x", "x**(2*x)", {"x": -0.5}),
    ("(x**y)**(1/y)", "x", {"x": -2, "y": 2}),
    ("sqrt(x**y)", "x**(y/2)", {"x": -1, "y": 2}),
    ("sqrt((x**y)**2)", "x**y", {"x": -2, "y": 1}),
    ("((-1)**y)**z", "(-1)**(y*z)", {"y": 2, "z": 0.5}),
    ("exp(log(x**2)/2)", "x", {"x": -1}),
    ("exp(z*log(x**2))", "x**(2*z)", {"x": -1, "z": 0.5}),
    ("exp(log(x*y)/2 - log(x/y)/2)", "y", {"x": -1, "y": -2}),
    ("floor(x) + floor(-x)", "-1", {"x": 2}),
    ("-floor(-x) - floor(x)", "1", {"x": 1}),
]


@pytest.mark.parametrize(("left", "right", "point"), ONLY_FOR_POSITIVE)
def test_what_holds_for_most_numbers_alone_is_refuted(left: str, right: str, point: dict[str, float]) -> None:
    # Python's own arithmetic is the witness that both sides are defined there, and differ.
    a, b = (eval(side, vars(math) | point) for side in (left, right))
    assert not isinstance(a, complex)
    assert not isinstance(b, complex)
    assert abs(a - b) > 0.1
    assert equal(left, right).verdict == "refuted"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x**(y + z)", "x**y*x**z"),
        ("(x**y)**2", "x**(2*y)"),
        ("exp(x)**y", "exp(x*y)"),
        ("2**(x + 1)", "2*2**x"),
        ("log(x**2)", "2*log(x)"),
        ("log(x*y)", "log(x) + log(y)"),
        ("(1 + x**2)**y*(1 + x**2)", "(1 + x**2)**(y + 1)"),
        ("x**y/x", "x**(y - 1)"),
        ("exp(2*log(x))", "x**2"),
    ],
)
def test_what_holds_wherever_both_sides_are_defined_is_proved(left: str, right: str) -> None:
    assert equal(left, right).verdict == "proved"


@pytest.mark.parametrize(
    ("network", "claim"),
    [
        ("hyperparameter p = 2; parameter w; L = (w**p)**(1/p)", "L = w"),
        ("hyperparameter c = 1/2; index j = 1..J; parameter w[j]; L = sum(j, (w[j]**2)**c)",
         "dL/dw[j] = 2*c*w[j]**(2*c - 1)"),
        ("index j = 1..J; parameter w[j]; L = sum(j, w[j]**2)", "dL/dw[j] = 2*w[j] + [J == 1]"),
        ("index j = 1..J; parameter w[j]; L = sum(j, w[j]**2)", "dL/dw[j] = 2*w[j]*where(J < 3, 2, 1)"),
    ],
)  # fmt: skip
def test_a_claim_that_fails_at_special_values_alone_is_refuted(network: str, claim: str) -> None:
    assert check(network, claim).lines[0].verdict == "refuted"


def test_numbers_beyond_the_range_of_doubles_are_compared_exactly() -> None:
    net = "index i = 1..2; input x[i]; parameter w[i]; y = sum(i, w[i]*x[i])"
    lines = check(net, "at x = [1e200, 2], w = [1e200, 1]\ny = 1e400 + 2\ny = 1e400 + 3").lines
    assert [line.verdict for line in lines] == ["agrees", "refuted"]
