"""The activation functions against the tables of the lectures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import pytest
import witness
import yaml

from symprop.algebra.expressions import Bound, Call, Expr, Index, call, compare, iverson, number, reduce, scalar
from symprop.algebra.functions import ALIASES, FUNCTIONS, derivative

CASES = Path(__file__).parents[1] / "lecture_cases.yaml"
CATALOGUE = yaml.load(CASES.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["catalogues"]["activations"]
# Entries that are expressions of catalogue functions, and not functions of their own.
COMPOSED = {"elu_half", "maxout", "e_swish", "softmax"}
LISTED = [entry for entry in CATALOGUE if entry["name"] not in COMPOSED]

entries = pytest.mark.parametrize("entry", LISTED, ids=lambda entry: entry["name"])
u = scalar("u")


def written(name: str) -> tuple[Expr, Expr]:
    """Return a function at `u` with its defaults, and its derivative."""
    name = ALIASES.get(name, name)
    row = FUNCTIONS[name]
    arguments = (u, *(number(default) for default in row.defaults[1:] if default is not None))
    orders = tuple(int(n == 0) for n in range(len(arguments)))
    return call(name, *arguments), derivative(Call(name, arguments, orders))


def at(expr: Expr, point: str) -> mpmath.mpf:
    return witness.value(expr, {u: mpmath.mpf(point)})


def test_every_activation_of_the_lectures_is_in_the_catalogue() -> None:
    assert len(LISTED) >= 10
    for entry in LISTED:
        assert ALIASES.get(entry["name"], entry["name"]) in FUNCTIONS


@entries
def test_values_and_slopes_are_those_of_the_lecture(entry: dict[str, Any]) -> None:
    value, slope = written(entry["name"])
    for point, wanted, wanted_slope in zip(entry["points"], entry["values"], entry["derivatives"], strict=True):
        # 17 digits are given.
        assert abs(at(value, point) - mpmath.mpf(wanted)) <= 1e-16 * max(1, abs(float(wanted)))
        assert abs(at(slope, point) - mpmath.mpf(wanted_slope)) <= 1e-16


@entries
def test_kinks_are_those_of_the_lecture(entry: dict[str, Any]) -> None:
    value, slope = written(entry["name"])
    row = FUNCTIONS[ALIASES.get(entry["name"], entry["name"])]
    assert [kink.at for kink in row.kinks] == [Fraction(kink["at"]) for kink in entry["kinks"]]
    for kink, listed in zip(row.kinks, entry["kinks"], strict=True):
        assert kink.value == Fraction(listed["value"])
        assert at(value, listed["at"]) == mpmath.mpf(listed["value"])
        defaults = {
            symbol: mpmath.mpf(default.numerator) / default.denominator
            for symbol, default in zip(row.symbols, row.defaults, strict=True)
            if default is not None
        }
        for stated, key in ((kink.left, "left"), (kink.right, "right"), (kink.used, "used")):
            wanted = entry["parameters"][listed[key]] if listed[key] in entry.get("parameters", {}) else listed[key]
            assert abs(witness.value(stated, defaults) - mpmath.mpf(wanted)) < 1e-16
        assert abs(at(slope, listed["at"]) - mpmath.mpf(listed["used"])) < 1e-16


@pytest.mark.parametrize(
    ("name", "expr"),
    [
        ("elu_half", call("elu", u, number("1/2"))),
        ("e_swish", number("5/4") * call("silu", u)),
        ("maxout", call("max", u, 1 - u)),
    ],
)
def test_other_entries_of_the_lectures_are_expressions_of_the_catalogue(name: str, expr: Expr) -> None:
    (entry,) = (entry for entry in CATALOGUE if entry["name"] == name)
    for point, wanted in zip(entry["points"], entry["values"], strict=True):
        assert abs(at(expr, point) - mpmath.mpf(wanted)) <= 1e-15


def test_elu_with_another_alpha_keeps_the_slope_of_its_right_branch_at_0() -> None:
    slope = derivative(Call("elu", (u, number("1/2")), (1, 0)))
    assert at(slope, "0") == 1
    assert abs(at(slope, "-1e-30") - mpmath.mpf("0.5")) < 1e-29


def test_softmax_is_a_shifted_exponential() -> None:
    k = Index("k")
    (entry,) = (entry for entry in CATALOGUE if entry["name"] == "softmax")
    for row in entry["rows"]:
        z = [number(value) for value in row["z"]]
        picked = sum((z[n] * _indicator(k, n) for n in range(3)), number(0))
        total = reduce("logsumexp", (Bound(k, number(0), number(2)),), picked)
        for n in range(3):
            found = witness.value(call("exp", z[n] - total), {})
            assert abs(found - mpmath.mpf(row["p"][n])) < 1e-16


def _indicator(k: Index, n: int) -> Expr:
    return iverson(compare("==", k, number(n)))
