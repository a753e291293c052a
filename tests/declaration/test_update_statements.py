"""An optimiser that a text brings takes the steps that its lines say, checked against steps written in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.algebra.optimizers import OPTIMIZERS
from symprop.declaration.parser import parse
from symprop.errors import SympropError
from symprop.runtime.load import compile

BOWL = "J = 1.5*w1**2 + 0.5*w2**2"
SLOPE = np.array([3.0, 1.0])  # of the bowl: its gradient is SLOPE*theta


def momentum(theta: np.ndarray) -> Iterator[np.ndarray]:
    v = np.zeros(2)
    while True:
        v = 0.8 * v - 0.1 * SLOPE * theta
        theta = theta + v
        yield theta


def nesterov(theta: np.ndarray) -> Iterator[np.ndarray]:
    """The textbook's two lines, of which the text keeps the point that is looked ahead to."""
    v = np.zeros(2)
    while True:
        v = 0.9 * v - 0.1 * SLOPE * (theta + 0.9 * v)
        theta = theta + v
        yield theta + 0.9 * v


def adam(theta: np.ndarray) -> Iterator[np.ndarray]:
    m, v, step = np.zeros(2), np.zeros(2), 0
    while True:
        step += 1
        g = SLOPE * theta
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        theta = theta - 0.05 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
        yield theta


def clipped(theta: np.ndarray) -> Iterator[np.ndarray]:
    while True:
        g = SLOPE * theta
        length = np.sqrt(np.sum(g**2))
        theta = theta - 0.1 * (g / length if length > 1 else g)
        yield theta


TEXTS: dict[str, tuple[Callable[[np.ndarray], Iterator[np.ndarray]], str]] = {
    "momentum": (
        momentum,
        "optimizer heavy_ball; hyperparameter lr = 0.1, beta = 0.8; state v = 0; "
        "v <- beta*v - lr*g; theta <- theta + v",
    ),
    "nesterov": (
        nesterov,
        "optimizer ahead\nhyperparameter lr = 0.1, beta = 0.9\nstate v = 0\n"
        "v <- beta*v - lr*g\ntheta <- theta + beta*v - lr*g",
    ),
    "adam": (
        adam,
        "optimiser adaptive\nhyperparameter lr = 0.05, beta1 = 0.9, beta2 = 0.99, eps = 1e-8\nstate m = 0, v = 0\n"
        "m <- beta1*m + (1 - beta1)*g\nv <- beta2*v + (1 - beta2)*g**2\n"
        "mh <- m/(1 - beta1**step)\nvh <- v/(1 - beta2^step)\nθ ← θ - lr*mh/(sqrt(vh) + eps)",
    ),
    "clipping": (
        clipped,
        "optimizer clipped\nhyperparameter lr = 0.1, most = 1\n"
        "g <- where(norm(g) > most, g*most/norm(g), g)\ntheta <- theta - lr*g",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_steps_are_those_of_numpy(name: str) -> None:
    by_hand, text = TEXTS[name]
    functions = compile(f"{BOWL}\n{text}", target="numpy")
    training = functions.start({"w1": 1.0, "w2": -0.7}, {})
    wanted = by_hand(np.array([1.0, -0.7]))
    for _ in range(12):
        functions.run(training, 1)
        np.testing.assert_allclose(training.flat, next(wanted), rtol=1e-12)


LINE = "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i], beta\ny = sum(i, w[i]*x[i]) + beta\nL = (y - t)**2\n"


def trained(text: str, **options: Any) -> Any:
    chance = np.random.default_rng(3)
    x = chance.normal(size=(24, 2))
    data = {"x": x, "t": x @ np.array([2.0, -1.0]) + 0.5}
    return symprop.fit(text, data, epochs=3, batch_size=8, validation=0.0, seed=1, target="numpy", **options)


def test_fit_takes_the_optimizer_of_the_network_and_its_rate() -> None:
    own = trained(f"{LINE}{TEXTS['momentum'][1]}\nminimize L")
    assert (own.options["optimizer"], own.options["learning_rate"]) == ("heavy_ball", 0.1)
    catalogue = trained(f"{LINE}minimize L", optimizer="momentum", learning_rate=0.1, hyperparameters={"beta": 0.8})
    for name in ("w", "beta"):  # the network's beta is not the optimizer's
        np.testing.assert_allclose(own.parameters[name], catalogue.parameters[name], rtol=1e-12)


def test_another_optimizer_may_be_asked_for() -> None:
    asked = trained(f"{LINE}{TEXTS['momentum'][1]}\nminimize L", optimizer="sgd")
    plain = trained(f"{LINE}minimize L", optimizer="sgd")
    np.testing.assert_array_equal(asked.parameters["w"], plain.parameters["w"])
    assert trained(f"{LINE}minimize L").options["optimizer"] == "adam"


def test_a_trained_network_with_its_own_optimizer_is_saved_and_loaded(tmp_path: Any) -> None:
    run = trained(f"{LINE}{TEXTS['clipping'][1]}\nminimize L\npredict y")
    again = symprop.load(run.save(tmp_path / "model.npz"))
    data = {"x": [[1.0, 2.0]]}
    np.testing.assert_array_equal(again.predict(data), run.predict(data))


def test_a_row_of_the_catalogue_can_be_written_as_text() -> None:
    row = OPTIMIZERS["momentum"]
    lines = "".join(f"{target} <- {expression}\n" for target, expression in row.updates)
    read = parse(f"{BOWL}\noptimizer momentum\nhyperparameter lr = 0.01, beta = 0.9\nstate v = 0\n{lines}")
    assert read.optimizer is not None
    assert (read.optimizer.updates, read.optimizer.state) == (row.updates, row.state)
    assert read.optimizer.hyperparameters == row.hyperparameters


def test_the_block_is_no_part_of_the_network() -> None:
    network = parse(f"{LINE}{TEXTS['adam'][1]}\nminimize L")
    assert list(network.quantities) == ["x", "t", "w", "beta", "y", "L"]
    assert not parse(f"{BOWL}\n{TEXTS['momentum'][1]}").declares_roles
    assert parse("state = 3*w; optimizer = state**2").optimizer is None  # names like any other
    assert symprop.check(network, "beta <- beta - eta*D(L, beta)").verdict == "proved"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer a", "the optimizer 'a' never changes theta"),
        ("optimizer a; theta <- theta - g", "the optimizer 'a' has no lr, the size of a step"),
        ("theta <- theta - g", "an update belongs to an optimizer"),
        ("state v = 0", "a state belongs to an optimizer"),
        ("optimizer a; hyperparameter lr = 1; theta <- theta - mu*g", "the optimizer has no 'mu'"),
        ("optimizer a; hyperparameter lr = 1; theta <- theta - w1", "the optimizer has no 'w1'"),
        ("optimizer a; hyperparameter lr = 1; q = 3; theta <- theta - g", "an update belongs to an optimizer"),
        ("optimizer a; hyperparameter g = 1", "'g' is given"),
        ("optimizer a; state step = 1", "'step' is given"),
        ("optimizer a; hyperparameter lr = 1; state v; v <- g; theta <- theta - v", "the state 'v' needs a number"),
        ("optimizer a; hyperparameter lr = 1; state lr = 2", "'lr' is declared twice"),
        ("optimizer a; hyperparameter lr = 1; lr <- lr/2; theta <- theta - lr*g", "'lr' is the same in every step"),
        ("optimizer a; hyperparameter lr = 1; theta <- theta - g[1]", "'g' has no index, not 1"),
        ("optimizer a; hyperparameter lr = 1; theta <- theta - g; optimizer b", "there are two optimizers"),
        ("w3[1] <- 2", "an update changes one scalar of an optimizer"),
    ],
)
def test_what_an_optimizer_cannot_say_is_refused_at_its_place(text: str, message: str) -> None:
    with pytest.raises(SympropError) as caught:
        parse(f"{BOWL}\n{text}")
    assert caught.value.message == message
    assert caught.value.line == 2
    assert "^" in str(caught.value)
