r"""Published formulas are right, and judged so; with one factor altered they are wrong, and judged so."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "declaration"))
import latex_published

from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.verification.report import Line, check

RIGHT = ("proved", "agrees")
SLOW = ("nielsen", "goodfellow", "lstm", "gru")  # recurrences: a slip in them is looked for longer
ROWS = [row for row in latex_published.PUBLISHED if row[3] not in latex_published.UNREAD]


@cache
def network(name: str) -> Network:
    return parse(dedent(latex_published.NETWORKS[name]))


def judged(name: str, before: str, formula: str) -> tuple[Line, ...]:
    count = len(check(network(name), before).lines) if before else 0
    return check(network(name), f"{before}\n{formula}").lines[count:]


def altered(formula: str, factor: str, other: str) -> str:
    head, tail = formula.rsplit(factor, 1)
    return head + other + tail


def parameters(rows: list[tuple[str, str, str, str, str, str | None]]) -> list[object]:
    return [
        pytest.param(*row, marks=pytest.mark.slow if row[0] in SLOW else (), id=f"{row[0]}: {row[3][:50]}")
        for row in rows
    ]


@pytest.mark.parametrize(("name", "source", "before", "formula", "factor", "other"), parameters(ROWS))
def test_a_published_formula_is_right(
    name: str, source: str, before: str, formula: str, factor: str, other: str | None
) -> None:
    for line in judged(name, before, formula):
        assert line.error is None
        assert line.verdict in RIGHT or (formula in latex_published.UNDECIDED and line.verdict == "undecided")


@pytest.mark.parametrize(
    ("name", "source", "before", "formula", "factor", "other"), parameters([row for row in ROWS if row[5] is not None])
)
def test_with_one_factor_altered_it_is_wrong(
    name: str, source: str, before: str, formula: str, factor: str, other: str
) -> None:
    lines = judged(name, before, altered(formula, factor, other))
    assert not any(line.error for line in lines)
    assert any(line.verdict == "refuted" and line.witness is not None for line in lines)
