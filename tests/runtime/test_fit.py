"""Training reaches what independent programs reach, and says what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.errors import DeclarationError, DivergenceError, OptionError, ShapeError, ValueOutsideDomainError
from symprop.runtime import table as tables
from symprop.runtime.fit import load, split
from symprop.runtime.fit_table import fit_table, prediction_of, predicts_probability, slots_of

EXAMPLES = Path(__file__).parents[2] / "examples"
HEART = EXAMPLES / "data" / "heart.csv"

LINE = "input x; target t; parameter w, b; y = w*x + b; L = half_squared_error(t, y); minimize L; predict y"


def line_data(count: int = 40) -> dict[str, np.ndarray]:
    x = np.linspace(-1, 1, count)
    return {"x": x, "t": 3 * x - 1}


@pytest.fixture(scope="module")
def heart() -> tables.Table:
    return tables.read(HEART)


def test_logistic_regression_reaches_the_optimum_that_scikit_learn_finds(heart: tables.Table) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    result = fit_table(
        symprop.read(EXAMPLES / "heart_logistic.net"),
        heart,
        validation=0,
        optimizer="sgd",
        batch_size=None,
        learning_rate=1.0,
        epochs=3000,
    )
    arrays, rows, _ = result.preparation.encode(heart, result.training)
    assert len(rows) == 297
    features = arrays["x"][:, 1:]  # without the bias
    witness = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-12, max_iter=1000).fit(features, arrays["t"])
    optimum = log_loss(arrays["t"], witness.predict_proba(features))
    # The optimum is a minimum: nothing finds less, up to the rounding of a mean of 297 terms.
    assert -1e-12 < result.objectives["training"] - optimum < 1e-6


def test_a_network_that_maximises_ascends_to_the_same_optimum(heart: tables.Table) -> None:
    text = (EXAMPLES / "heart_logistic.net").read_text()
    climbing = text.replace("L = binary_cross_entropy(t, y)", "J = t*log(y) + (1 - t)*log(1 - y)").replace(
        "minimize L", "maximize J"
    )
    options: dict[str, Any] = {"validation": 0, "optimizer": "sgd", "batch_size": None, "epochs": 200}
    down = fit_table(symprop.parse(text), heart, learning_rate=0.5, **options)
    up = fit_table(symprop.parse(climbing), heart, learning_rate=0.5, **options)
    # The same steps with opposite signs; 200 steps of rounding differences stay far below 1e-9.
    assert up.objectives["training"] == pytest.approx(-down.objectives["training"], abs=1e-9)
    np.testing.assert_allclose(up.run.parameters["theta"], down.run.parameters["theta"], atol=1e-9)


@pytest.mark.parametrize("hidden", [8, 16])
def test_the_hidden_layer_scores_well_on_rows_that_it_has_not_seen(hidden: int, heart: tables.Table) -> None:
    result = fit_table(symprop.read(EXAMPLES / "heart.net"), heart, sizes={} if hidden == 8 else {"H": hidden})
    assert result.run.sizes == {"H": hidden, "D": 16}
    assert result.run.parameters["alpha"].shape == (hidden, 17)
    score = result.scores["validation"]
    # 0.54 of the patients are well; networks in the literature reach 0.77 to 0.87 on this table.
    assert score.kind == "accuracy"
    assert score.value > 0.75
    assert score.baseline < 0.65
    assert len(result.held_out) == 59


@pytest.mark.parametrize(
    ("batch_size", "optimizer", "learning_rate", "epochs"),
    [
        (None, "sgd", 0.5, 400),
        (1, "sgd", 0.05, 60),
        (8, "sgd", 0.2, 100),
        (None, "momentum", 0.1, 400),
        (8, "adam", 0.05, 200),
    ],
)
def test_a_straight_line_is_found(batch_size: int | None, optimizer: str, learning_rate: float, epochs: int) -> None:
    run = symprop.fit(
        LINE,
        line_data(),
        optimizer=optimizer,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        validation=0,
    )
    # Noise-free targets: the optimum is exact, and every step of these is a contraction towards it.
    assert float(run.parameters["w"]) == pytest.approx(3, abs=1e-3)
    assert float(run.parameters["b"]) == pytest.approx(-1, abs=1e-3)
    assert run.steps == epochs * {None: 1, 1: 40, 8: 5}[batch_size]


def test_full_batch_descent_takes_the_steps_of_the_formula() -> None:
    data = line_data()
    start = {"w": np.array(0.25), "b": np.array(-0.5)}
    run = symprop.fit(
        LINE, data, optimizer="sgd", learning_rate=0.1, epochs=7, batch_size=None, validation=0, parameters=start
    )
    w, b, history = 0.25, -0.5, []
    for _ in range(7):
        residual = w * data["x"] + b - data["t"]
        history.append(np.mean(residual**2) / 2)
        w, b = w - 0.1 * np.mean(residual * data["x"]), b - 0.1 * np.mean(residual)
    # Seven steps of a few dozen roundings each.
    assert float(run.parameters["w"]) == pytest.approx(w, rel=1e-12)
    assert float(run.parameters["b"]) == pytest.approx(b, rel=1e-12)
    np.testing.assert_allclose(run.history["objective"], history, rtol=1e-12)


def test_the_objective_of_an_epoch_weighs_a_short_last_batch_by_its_examples() -> None:
    data = line_data(10)
    start = {"w": np.array(0.0), "b": np.array(0.0)}
    # The learning rate is too small to change anything, so every batch is scored at the start.
    run = symprop.fit(
        LINE, data, optimizer="sgd", learning_rate=1e-300, epochs=1, batch_size=4, validation=0, parameters=start
    )
    assert run.history["objective"][0] == pytest.approx(np.mean(data["t"] ** 2) / 2, rel=1e-12)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first, second, other = (symprop.fit(LINE, line_data(), epochs=3, seed=seed) for seed in (5, 5, 6))
    assert first.history == second.history
    assert first.parameters["w"] == second.parameters["w"]
    assert other.history != first.history


def test_early_stopping_keeps_the_parameters_of_the_best_epoch() -> None:
    rng = np.random.default_rng(0)
    noise = {"x": rng.normal(size=30), "t": rng.normal(size=30)}
    run = symprop.fit(LINE, noise, optimizer="sgd", learning_rate=0.3, epochs=500, batch_size=1, early_stopping=5)
    validation = run.history["validation"]
    assert len(validation) < 500
    assert run.kept == 1 + int(np.argmin(validation))
    assert len(validation) == run.kept + 5
    _, rows = split(30, 0.2, 0)
    held_out = {name: array[rows] for name, array in noise.items()}
    assert run.objective(held_out) == pytest.approx(min(validation), rel=1e-12)


def test_held_out_examples_may_be_given() -> None:
    run = symprop.fit(LINE, line_data(), epochs=3, validation=line_data(11))
    assert run.objective(line_data(11)) == pytest.approx(run.history["validation"][-1], rel=1e-12)


def test_a_diverging_run_ends_with_its_step_and_the_last_good_parameters() -> None:
    with pytest.raises(DivergenceError, match=r"not? longer finite at step \d+ \(epoch \d+\)") as caught:
        symprop.fit(LINE, line_data(), optimizer="sgd", learning_rate=1e3, epochs=2000, batch_size=None, validation=0)
    run = caught.value.run  # type: ignore[attr-defined]
    assert np.isfinite(run.objective(line_data()))
    assert 1 < run.steps < 2000


def test_a_run_predicts_without_targets_and_survives_its_file(tmp_path: Path) -> None:
    data = line_data()
    run = symprop.fit(LINE, data, epochs=5)
    predicted = run.predict({"x": data["x"]})
    np.testing.assert_allclose(predicted, run.parameters["w"] * data["x"] + run.parameters["b"], rtol=1e-12)
    loaded = symprop.load(run.save(tmp_path / "line.npz"))
    assert loaded == run
    assert np.array_equal(loaded.predict({"x": data["x"]}), predicted)
    assert load is symprop.load


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, OptionError, "epochs is 0"),
        ({"batch_size": 0}, OptionError, "batch_size is 0"),
        ({"batch_size": 2.5}, OptionError, "batch_size is 2.5"),
        ({"learning_rate": -1.0}, OptionError, "learning_rate"),
        ({"learning_rate": float("nan")}, OptionError, "learning_rate"),
        ({"learning_rate": "fast"}, OptionError, "learning_rate is 'fast'"),
        ({"validation": "half"}, OptionError, "validation is 'half'"),
        ({"optimizer": "momentum", "hyperparameters": {"bta": 0.5}}, OptionError, "no hyperparameter 'bta'"),
        ({"optimizer": "adam", "hyperparameters": {"beta1": 2}}, OptionError, "beta1 is 2; .* less than 1"),
        ({"optimizer": "nag", "hyperparameters": {"beta": -0.1}}, OptionError, "beta is -0.1; .* at least 0"),
        ({"validation": 1.0}, OptionError, "validation is 1"),
        ({"validation": 0.999}, OptionError, "leaves none to train"),
        ({"optimizer": "adma"}, OptionError, "adam"),
        ({"seed": -1}, OptionError, "seed"),
        ({"parameters": {"v": 0.0}}, DeclarationError, "no parameter 'v'"),
        ({"sizes": {"H": 3}}, DeclarationError, "no size 'H'"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        symprop.fit(LINE, line_data(), **options)


def test_arrays_that_cannot_be_used_are_refused() -> None:
    data = line_data()
    with pytest.raises(ShapeError, match="different numbers of examples: x 40, t 39"):
        symprop.fit(LINE, {**data, "t": data["t"][1:]})
    with pytest.raises(ShapeError, match="there are no examples"):
        symprop.fit(LINE, {name: array[:0] for name, array in data.items()})
    with pytest.raises(ShapeError, match=r"expected axes \(N,\): the examples first"):
        symprop.fit(LINE, {"x": 1.0, "t": 2.0})
    with pytest.raises(ShapeError, match="without an axis for the examples"):
        symprop.fit("index k = 1..2; input x[k]; parameter w[k]; L = sum(k, w[k]*x[k])**2", {"x": 3.0}, target="numpy")
    with pytest.raises(ShapeError, match="lack 't'"):
        symprop.fit(LINE, {"x": data["x"]})
    with pytest.raises(ValueOutsideDomainError, match=r"x is masked at position \(2,\)"):
        symprop.fit(LINE, {**data, "x": np.ma.masked_array(data["x"], np.arange(40) == 2)})
    with pytest.raises(ValueOutsideDomainError, match=r"x has the value nan at position \(3,\)"):
        symprop.fit(LINE, {**data, "x": np.where(np.arange(40) == 3, np.nan, data["x"])})
    with pytest.raises(ValueOutsideDomainError, match="real numbers"):
        symprop.fit(LINE, {**data, "x": np.array(["a"] * 40)})


def test_a_split_is_a_partition_of_the_size_that_was_asked_for() -> None:
    chosen, held_out = split(297, 0.2, 0)
    assert len(held_out) == 59  # 59.4 rounded
    assert sorted([*chosen, *held_out]) == list(range(297))
    assert not np.array_equal(split(297, 0.2, 1)[1], held_out)


@pytest.mark.parametrize(
    ("text", "prediction", "probability"),
    [
        (LINE, "y", False),
        ("input x; target t; parameter w; y = sigmoid(w*x); L = binary_cross_entropy(t, y)", "y", True),
        ("input x; target t; parameter w; y = 1/(1 + exp(-w*x)); L = binary_cross_entropy(t, y)", "y", True),
        ("input x; target t; parameter w; a = w*x; u = 2*w; L = (t - a*u)**2", None, False),
    ],
)
def test_the_prediction_is_what_stands_beside_the_target(text: str, prediction: str | None, probability: bool) -> None:
    network = symprop.parse(text)
    assert prediction_of(network) == prediction
    assert predicts_probability(network) == probability


def test_slots_tell_what_columns_have_to_fill() -> None:
    network = symprop.parse(
        "index i = 0..D, k = 1..3; input x[i]; target y[k] in {-1, 1}; parameter w[k,i]; x[0] = 1; "
        "s[k] = sum(i, w[k,i]*x[i]); L = sum(k, hinge(y[k], s[k]))"
    )
    x, y = slots_of(network, {})
    assert (x.name, x.shape, dict(x.fixed)) == ("x", (None,), {0: 1.0})
    assert (y.name, y.role, y.shape, y.members) == ("y", "target", (3,), (-1.0, 1.0))
    assert slots_of(network, {"D": 4})[0].shape == (5,)
    with pytest.raises(DeclarationError, match="no parameters"):
        slots_of(symprop.parse("input x; L = x**2"), {})


def test_an_objective_that_is_not_finite_from_the_start_is_no_matter_of_the_learning_rate() -> None:
    net = "index k = 1..2; input x; target t[k]; parameter w[k]; p[k] = softmax(k, w[k]*x); L = {loss}"
    data = {"x": [1.0, 2.0], "t": [[0, 1], [1, 0]]}
    with pytest.raises(DivergenceError, match="at the initial parameters") as caught:
        symprop.fit(net.format(loss="cross_entropy(k, p[k], t[k])"), data, target="numpy", validation=0)
    words = " ".join(str(caught.value).split())
    assert "L is inf in example 0" in words
    assert "losses take the target first" in words
    assert "smaller learning rate" not in words
    with pytest.raises(DivergenceError) as caught:
        symprop.fit(net.format(loss="sum(k, log(x - 1)*p[k])"), data, target="numpy", validation=0)
    assert "L is -inf in example 0" in str(caught.value)
