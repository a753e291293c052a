"""A measured target is trained in standard units exactly where that is the same problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symprop.errors import TableError
from symprop.pipeline import parse
from symprop.runtime import table as tables
from symprop.runtime.fit_table import fit_table, predict_table
from symprop.runtime.table import Table

pytestmark = pytest.mark.usefixtures("in_plain_python")

EXAMPLES = Path(__file__).parents[2] / "examples"

HIDDEN = (
    "size H = 4; index i = 1..D, j = 1..H; input x[i]; target t; parameter W[j,i], c[j], v[j], b; "
    "z[j] = tanh(sum(i, W[j,i]*x[i]) + c[j]); "
)
AFFINE = "y = sum(j, v[j]*z[j]) + b; "
RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(60, 2))
T = 3 + X[:, 0] - 2 * X[:, 1] ** 2 + 0.1 * RANDOM.normal(size=60)


def table_of(targets: np.ndarray) -> Table:
    rows = [[*map(repr, x.tolist()), repr(float(t))] for x, t in zip(X, targets, strict=True)]
    columns = dict(zip(["a", "b", "t"], zip(*rows, strict=True), strict=True))
    return Table("made", columns, tuple(range(2, 62)))


def trained(end: str, targets: np.ndarray, **options: Any) -> Any:
    return fit_table(parse(HIDDEN + end), table_of(targets), target="t", **{"epochs": 20, **options})


@pytest.mark.parametrize(
    ("end", "same"),
    [
        (AFFINE + "L = squared_error(t, y)", True),
        (AFFINE + "L = 3*(y - t)**2 + 1", True),
        (AFFINE + "L = absolute_error(t, y)", True),
        (AFFINE + "J = -half_squared_error(t, y); maximize J", True),
        ("a = sum(j, v[j]*z[j]) + b; y = a; L = squared_error(t, y); predict y", True),
        (AFFINE + "L = squared_error(t, y) + sum(j, v[j]**2)", False),  # decay knows the units
        (AFFINE + "L = where(abs(t - y) < 1, (t - y)**2/2, abs(t - y) - 1/2)", False),  # so does Huber's corner
        ("y = exp(sum(j, v[j]*z[j]) + b); L = y - t*log(y); predict y", False),  # Poisson
        ("y = sum(j, v[j]*z[j]); L = squared_error(t, y) + 0*b", False),  # nothing to add the mean to
    ],
)
def test_only_the_same_problem_is_trained_in_standard_units(end: str, same: bool) -> None:
    result = trained(end, T + 5, epochs=1)
    assert (result.scaling is not None) == same


@pytest.mark.parametrize(("loss", "power"), [("squared_error", 2), ("absolute_error", 1)])
def test_the_units_of_the_target_do_not_matter(loss: str, power: int) -> None:
    end = f"{AFFINE}L = {loss}(t, y); predict y"
    plain, large = trained(end, T), trained(end, 1000 * T - 7)
    inputs = {"a": X[:, 0], "b": X[:, 1]}
    # What is done in one unit is done in the other: every number is the same but for rounding.
    np.testing.assert_allclose(large.run.predict(inputs), 1000 * plain.run.predict(inputs) - 7, rtol=1e-6, atol=1e-3)
    for kind in ("objective", "validation"):
        np.testing.assert_allclose(large.run.history[kind], 1000**power * np.array(plain.run.history[kind]), rtol=1e-6)


def test_the_parameters_are_those_of_the_network_as_it_is_written() -> None:
    result = trained(AFFINE + "L = squared_error(t, y)", 1000 * T)
    arrays, _, _ = result.preparation.encode(result.table, result.training)
    p = result.run.parameters
    hidden = np.tanh(arrays["x"] @ p["W"].T + p["c"])
    residual = hidden @ p["v"] + p["b"] - arrays["t"]
    assert result.objectives["training"] == pytest.approx(np.mean(residual**2), rel=1e-9)
    assert result.scores["training"].value == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-9)


def test_a_default_training_beats_the_mean_clearly() -> None:
    table = tables.read(EXAMPLES / "data" / "auto_mpg.csv")
    result = fit_table(parse(HIDDEN + AFFINE + "L = squared_error(t, y)"), table, target="mpg")
    for score in result.scores.values():
        assert score.value < 0.6 * score.baseline


def test_a_run_on_a_table_predicts_from_columns_what_the_command_predicts(tmp_path: Path) -> None:
    network = parse((EXAMPLES / "heart.net").read_text(encoding="utf-8"))
    whole = tables.read(EXAMPLES / "data" / "heart.csv")
    result = fit_table(network, whole, epochs=2)
    run = result.run
    rows, _ = whole.complete(result.preparation.names("input"))
    columns: dict[str, Any] = {name: [texts[row] for row in rows] for name, texts in whole.columns.items()}
    numbers = {name: list(map(float, texts)) if name == "Age" else texts for name, texts in columns.items()}
    small = tmp_path / "new.csv"
    small.write_text("\n".join([",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]))
    printed, complaints = predict_table(run, network, tables.read(small))
    assert not complaints
    expected = [float(line.split(",")[-1]) for line in printed.splitlines()[1:]]

    class Frame:
        columns = tuple(numbers)

        def __getitem__(self, name: str) -> Any:
            return np.array(numbers[name])

    for given in (columns, numbers, Frame(), small, str(small)):
        np.testing.assert_allclose(run.predict(given), expected, rtol=1e-5)  # six digits are printed
    prepared, _, _ = result.preparation.encode(whole, rows, roles=["input"])
    np.testing.assert_allclose(run.forward(prepared)["y"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"x": X}, 'Give them by name as they stand there, {"a": [...], "b": [...]}'),
        (X, "run.forward"),
        ({"a": [1.0]}, "no column 'b'"),
        ({"a": [1.0], "b": [1.0, 2.0]}, "different numbers of rows: a 1, b 2"),
        ({"a": [1.0, None], "b": [1.0, 2.0]}, "row 2: a is missing\n  Leave out the rows"),
        ({"a": [1.0], "b": ["much"]}, "row 1: b has 'much', which is not a number"),
        ({"a": 1.0, "b": [1.0]}, "it must be a sequence"),
    ],
)
def test_what_is_no_table_for_the_model_is_said(data: Any, words: str) -> None:
    run = trained(AFFINE + "L = squared_error(t, y); predict y", T, epochs=1).run
    with pytest.raises(TableError) as caught:
        run.predict(data)
    assert words in str(caught.value)
