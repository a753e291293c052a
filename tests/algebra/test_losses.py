"""One walk over every loss: the lectures' numbers, the stated derivative, kinks, logits in the tails."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy
import witness
import yaml

from symprop.algebra.expressions import (
    Access,
    Bound,
    Expr,
    Index,
    Size,
    call,
    compare,
    iverson,
    number,
    scalar,
    substitute,
    transform,
)
from symprop.algebra.losses import LOSSES, Loss, log_softmax

CASES = Path(__file__).parents[1] / "lecture_cases.yaml"
CATALOGUE = yaml.load(CASES.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["catalogues"]["losses"]
# Names of the lectures for ours, and the factor between them.
NAMES = {
    "half_squared_error": ("half_squared_error", 1),
    "l2": ("squared_error", 1),
    "l1": ("absolute_error", 1),
    "zero_one": ("zero_one", 1),
    "hinge": ("hinge", 1),
    "binary_cross_entropy": ("binary_cross_entropy", 1),
    "log_likelihood": ("binary_cross_entropy", -1),
    "mse": ("mse", 1),
    "mae": ("mae", 1),
    "categorical_cross_entropy": ("cross_entropy", 1),
}

k = Index("k")
t, y = scalar("t"), scalar("y")
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)


def bounds(extent: int) -> tuple[Bound, ...]:
    return (Bound(k, number(1), number(extent)),)


def with_values(expr: Expr, targets: list[str], predictions: list[str], place: int | None = None) -> mpmath.mpf:
    """Return the value of `expr`, its ``t[k]`` and ``y[k]`` being lists, at ``k = place`` if k is free."""
    columns = {"t": targets, "y": predictions}

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access) and node.indices:
            (index,) = node.indices
            places = enumerate(columns[node.name], 1)
            return sum((number(value) * iverson(compare("==", index, number(n))) for n, value in places), number(0))
        return node

    # A list cannot be written as a scalar, so it is written as a sum over its places.
    names = {k: mpmath.mpf(place)} if place else {}
    return witness.value(transform(expr, rule), names)


def test_every_loss_of_the_lectures_is_there() -> None:
    assert {entry["name"] for entry in CATALOGUE} == set(NAMES)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry["name"])
def test_values_and_slopes_are_those_of_the_lecture(entry: dict[str, Any]) -> None:
    name, sign = NAMES[entry["name"]]
    loss = LOSSES[name]
    if not loss.reduces:
        value, slope = sign * loss.build((), t, y), sign * loss.slope((), t, y)
        for (target, prediction), wanted, wanted_slope in zip(
            entry["points"], entry["values"], entry["derivatives"], strict=True
        ):
            names = {t: mpmath.mpf(target), y: mpmath.mpf(prediction)}
            assert abs(witness.value(value, names) - mpmath.mpf(wanted)) < 1e-15
            assert abs(witness.value(slope, names) - mpmath.mpf(wanted_slope)) < 1e-15
        return
    samples = entry.get("rows") or [
        {
            "y": [pair[0] for pair in entry["points"]],
            "yhat": [pair[1] for pair in entry["points"]],
            "value": entry["value"],
            "derivatives": entry["derivatives"],
        }
    ]
    for row in samples:
        over = bounds(len(row["y"]))
        tk, yk = Access("t", (k,)), Access("y", (k,))
        assert abs(with_values(loss.build(over, tk, yk), row["y"], row["yhat"]) - mpmath.mpf(row["value"])) < 1e-15
        for n, wanted in enumerate(row["derivatives"], 1):
            slope = with_values(loss.slope(over, tk, yk), row["y"], row["yhat"], n)
            assert abs(slope - mpmath.mpf(wanted)) < 1e-15


@losses
def test_the_stated_derivative_is_the_numerical_one(loss: Loss) -> None:
    targets, predictions = ["1/8", "5/8", "1/4"], ["3/8", "1/2", "1/16"]
    step = Fraction(1, 10**20)  # the error of a central difference is of order step**2
    over = bounds(3) if loss.reduces else ()
    tk, yk = (Access("t", (k,)), Access("y", (k,))) if loss.reduces else (t, y)
    value, slope = loss.build(over, tk, yk), loss.slope(over, tk, yk)
    for n in range(3) if loss.reduces else range(1):
        ends = []
        for side in (1, -1):
            moved = list(predictions)
            moved[n] = str(Fraction(moved[n]) + side * step)
            if loss.reduces:
                ends.append(with_values(value, targets, moved))
            else:
                named = {t: number(targets[0]), y: number(moved[0])}
                ends.append(witness.value(substitute(value, named), {}))
        wanted = (ends[0] - ends[1]) / (2 * mpmath.mpf(step.numerator) / step.denominator)
        if loss.reduces:
            found = with_values(slope, targets, predictions, n + 1)
        else:
            found = witness.value(substitute(slope, {t: number(targets[0]), y: number(predictions[0])}), {})
        assert abs(found - wanted) < 1e-25


@losses
def test_a_loss_says_whether_it_reduces_and_where_it_is_from(loss: Loss) -> None:
    assert loss.source
    with pytest.raises(AssertionError):
        loss.build(() if loss.reduces else bounds(3), t, y)


@pytest.mark.parametrize(
    ("name", "target", "prediction"),
    [("absolute_error", "2", "2"), ("hinge", "1", "1"), ("hinge", "-1", "-1"), ("zero_one", "1", "1")],
)
def test_the_slope_at_a_kink_is_0_and_said_to_be(name: str, target: str, prediction: str) -> None:
    loss = LOSSES[name]
    assert "slope 0" in loss.kink
    assert witness.value(loss.slope((), t, y), {t: mpmath.mpf(target), y: mpmath.mpf(prediction)}) == 0


def test_binary_cross_entropy_with_logits_is_that_of_the_sigmoid() -> None:
    target, logit = sympy.symbols("t a", real=True)
    probability = 1 / (1 + sympy.exp(-logit))
    wanted = -target * sympy.log(probability) - (1 - target) * sympy.log(1 - probability)
    found = LOSSES["binary_cross_entropy_with_logits"].build((), t, y)
    for a, b in ((0, -3), (1, "7/2"), ("1/4", "1/8")):
        point = {target: sympy.Rational(a), logit: sympy.Rational(b)}
        names = {t: mpmath.mpf(str(sympy.N(a, 30))), y: mpmath.mpf(str(sympy.N(sympy.Rational(b), 30)))}
        assert abs(witness.value(found, names) - mpmath.mpf(str(sympy.N(wanted.subs(point), 30)))) < 1e-25


def test_cross_entropy_with_logits_is_that_of_the_softmax() -> None:
    logits, targets = ["2", "-1", "1/2"], ["1/4", "1/4", "1/2"]
    total = mpmath.fsum(mpmath.exp(mpmath.mpf(a)) for a in ("2", "-1", "0.5"))
    wanted = -mpmath.fsum(
        w * mpmath.log(mpmath.exp(mpmath.mpf(a)) / total)
        for w, a in zip((0.25, 0.25, 0.5), ("2", "-1", "0.5"), strict=True)
    )
    loss = LOSSES["cross_entropy_with_logits"].build(bounds(3), Access("t", (k,)), Access("y", (k,)))
    assert abs(with_values(loss, targets, logits) - wanted) < 1e-50


def test_the_mean_divides_by_the_extent_also_of_a_range_from_0() -> None:
    over = (Bound(k, number(0), Size("K")),)
    assert str(LOSSES["mse"].build(over, Access("t", (k,)), Access("y", (k,)))) == "sum(k, (y[k] - t[k])**2)/(K + 1)"


def test_the_bound_index_of_a_log_softmax_is_fresh() -> None:
    over = (Bound(k, number(1), Size("K")),)
    assert str(log_softmax(over, Access("a", (k,)))) == "a[k] - logsumexp(k_1, a[k_1])"
    crowded = call("exp", Access("a", (k,))) * Access("b", (Index("k_1"),))
    assert "logsumexp(k_2," in str(log_softmax(over, crowded))
