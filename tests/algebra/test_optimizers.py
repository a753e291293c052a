"""The optimisers take the steps that the lectures' tables list, through the code that training uses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from symprop.algebra.expressions import call, compare, number, scalar, where
from symprop.algebra.optimizers import OPTIMIZERS, Optimizer, optimizer
from symprop.errors import DeclarationError, MissingRuleError, OptionError
from symprop.lowering.updates import lower_update
from symprop.runtime.load import compile

LECTURES = yaml.safe_load((Path(__file__).parents[1] / "lecture_cases.yaml").read_text(encoding="utf-8"))
TABLE = {row["name"]: row for row in LECTURES["catalogues"]["optimisers"]}

# Name in the lectures' table: our row, and how the table calls its hyperparameters.
ROWS: dict[str, tuple[str, dict[str, str]]] = {
    "gradient_descent": ("sgd", {}),
    "momentum": ("momentum", {}),
    "momentum_undamped": ("momentum", {}),
    "adagrad": ("adagrad", {}),
    "adagrad_eps": ("adagrad", {}),
    "rmsprop": ("rmsprop", {"a": "rho"}),
    "adadelta": ("adadelta", {}),
    "adam": ("adam", {}),
    "amsgrad": ("amsgrad", {}),
    "adam_short_memory": ("adam", {}),
    "amsgrad_short_memory": ("amsgrad", {}),
}

# f(w) = 1.5*w1**2 + 0.5*w2**2, the function that the table minimises.
BOWL = "J = 1.5*w1**2 + 0.5*w2**2"


def trajectory(row: str | Optimizer, steps: int, hyperparameters: dict[str, float]) -> tuple[Any, Any]:
    functions = compile(BOWL, target="numpy", optimizer=row)
    training = functions.start({"w1": 1.0, "w2": 1.0}, {})
    points, values = [training.flat.copy()], []
    for _ in range(steps):
        values.append(float(functions.run(training, 1, **hyperparameters).losses[0]))
        points.append(training.flat.copy())
    return np.array(points), np.array(values)


@pytest.mark.parametrize("name", ROWS)
def test_steps_are_those_of_the_lectures(name: str) -> None:
    row, names = ROWS[name]
    case = TABLE[name]
    hyperparameters = {names.get(key, key): float(value) for key, value in case["hyperparameters"].items()}
    if name == "adagrad":  # the notes have no epsilon
        hyperparameters["eps"] = 0.0
    if name == "momentum_undamped":  # nor a decay
        hyperparameters["beta"] = 1.0
    wanted = np.array(case["trajectory"], float)
    points, values = trajectory(row, len(wanted) - 1, hyperparameters)
    # The table is printed with 17 digits; each step rounds some ten operations.
    np.testing.assert_allclose(points, wanted, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(values, case["f"][:-1], rtol=1e-12)


def test_nesterov_is_momentum_with_the_gradient_taken_ahead() -> None:
    lr, beta = 0.1, 0.9
    theta, v = np.array([1.0, 1.0]), np.zeros(2)
    slope = np.array([3.0, 1.0])
    points, _ = trajectory("nesterov", 5, {"lr": lr, "beta": beta})
    # The program keeps the point looked ahead to: theta + beta*v of the textbook's theta and v.
    for point in points:
        np.testing.assert_allclose(point, theta + beta * v, rtol=1e-13)
        v = beta * v - lr * slope * (theta + beta * v)
        theta = theta + v


def test_adamw_is_adam_plus_a_decay_of_the_parameter() -> None:
    plain, _ = trajectory("adam", 1, {"lr": 0.1})
    decayed, _ = trajectory("adamw", 1, {"lr": 0.1, "decay": 0.01})
    np.testing.assert_allclose(decayed[1], plain[1] - 0.1 * 0.01 * plain[0], rtol=1e-14)


def test_norms_are_taken_over_all_parameters() -> None:
    g, theta, lr = map(scalar, ("g", "theta", "lr"))
    norm = call("norm", g)
    clipped = Optimizer(
        "clipped",
        {"lr": Fraction(1, 10)},
        {},
        (("g", where(compare(">", norm, number(1)), g / norm, g)), ("theta", theta - lr * g)),
    )
    points, _ = trajectory(clipped, 1, {})
    np.testing.assert_allclose(points[1], 1 - 0.1 * np.array([3.0, 1.0]) / np.sqrt(10.0), rtol=1e-14)


def test_a_number_that_a_norm_separates_from_its_use_must_be_a_state() -> None:
    g, theta, d = map(scalar, ("g", "theta", "d"))
    lost = Optimizer("lost", {}, {}, (("d", 2 * g), ("theta", theta - d / call("norm", g))))
    with pytest.raises(MissingRuleError, match="'d' of optimizer lost"):
        lower_update(lost)


def test_unknown_names_in_an_optimizer_are_refused() -> None:
    with pytest.raises(DeclarationError, match="'mu'"):
        lower_update(Optimizer("odd", {}, {}, (("theta", scalar("theta") - scalar("mu")),)))


def test_an_unknown_optimizer_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match="Did you mean 'adam'"):
        optimizer("adaam")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_names_its_source_and_has_a_rate(name: str) -> None:
    assert OPTIMIZERS[name].source
    assert "lr" in OPTIMIZERS[name].hyperparameters
