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
from symprop.pipeline import equal

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
