"""Several objectives train by alternating steps: the same steps by hand, and games whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.errors import OptionError
from symprop.runtime import table as tables
from symprop.runtime.fit_table import fit_table, report

EXAMPLES = Path(__file__).parents[2] / "examples"

# A generative adversarial network on numbers. Generator and discriminator are declared in the order in which they do
# not move, and their parameters are mixed.
GAN = """
index k = 1..2
input x, noise
parameter g0, d[k], g1, e[k]
fake   = g0 + g1*noise
p_real = sigmoid(sum(k, d[k]*tanh(x - e[k])))
p_fake = sigmoid(sum(k, d[k]*tanh(fake - e[k])))
LD     = -log(p_real) - log(1 - p_fake)
LG     = -log(p_fake)
JD     = -LD
{objectives}
predict fake
"""
START = {"g0": 0.3, "d": np.array([0.8, -0.5]), "g1": 0.7, "e": np.array([0.2, -0.4])}

Values = dict[str, Any]
Objective = Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], float]


def logistic(b: Any) -> Any:
    return 1 / (1 + np.exp(-b))


def losses(p: Mapping[str, Any], data: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """The two losses of `GAN`, each the mean over the examples, as one writes them in numpy."""

    def score(values: np.ndarray) -> np.ndarray:
        return logistic(np.tanh(values[:, None] - p["e"]) @ p["d"])

    real, fake = score(data["x"]), score(p["g0"] + p["g1"] * data["noise"])
    return float(np.mean(-np.log(real) - np.log(1 - fake))), float(np.mean(-np.log(fake)))


def slopes(objective: Objective, p: Values, names: list[str], data: Mapping[str, np.ndarray]) -> np.ndarray:
    """The derivatives by all elements of `names`, by differences of order four."""
    found, h = [], 1e-3  # errs by some h**4/30 = 3e-14 of the fifth derivative, and 1e-16/h = 1e-13 of rounding
    for name in names:
        for place in np.ndindex(np.shape(p[name])):
            value = {}
            for steps in (-2, -1, 1, 2):
                moved = np.array(p[name], float)
                moved[place] += steps * h
                value[steps] = objective({**p, name: moved}, data)
            found.append((value[-2] - 8 * value[-1] + 8 * value[1] - value[2]) / (12 * h))
    return np.array(found)


class ByHand:
    """An optimiser as its paper has it, on the elements of `names` alone."""

    def __init__(self, kind: str, names: list[str], p: Values) -> None:
        self.kind, self.names = kind, names
        count = sum(np.size(p[name]) for name in names)
        self.m, self.v, self.steps = np.zeros(count), np.zeros(count), 0

    def step(self, p: Values, gradient: np.ndarray, lr: float) -> None:
        self.steps += 1
        if self.kind == "sgd":
            change = -lr * gradient
        elif self.kind == "momentum":
            change = self.v = 0.9 * self.v - lr * gradient
        else:
            self.m = 0.9 * self.m + 0.1 * gradient
            self.v = 0.999 * self.v + 0.001 * gradient**2
            m, v = self.m / (1 - 0.9**self.steps), self.v / (1 - 0.999**self.steps)
            change = -lr * m / (np.sqrt(v) + 1e-8)
        at = 0
        for name in self.names:
            size = np.size(p[name])
            p[name] = p[name] + change[at : at + size].reshape(np.shape(p[name]))
            at += size


D, G = ["d", "e"], ["g0", "g1"]
GAMES: dict[str, list[tuple[Objective, float, list[str]]]] = {
    # objectives as written: what is to become small is sign*objective
    "minimize LD over d, e; minimize LG over g0, g1": [
        (lambda p, x: losses(p, x)[0], 1, D),
        (lambda p, x: losses(p, x)[1], 1, G),
    ],
    "minimize LG over g0, g1; maximize JD over e, d": [
        (lambda p, x: losses(p, x)[1], 1, G),
        (lambda p, x: -losses(p, x)[0], -1, D),
    ],
    # One value, minimised by one player and maximised by the other (Goodfellow and others, equation 1).
    "maximize JD over d, e; minimize JD over g0, g1": [
        (lambda p, x: -losses(p, x)[0], -1, D),
        (lambda p, x: -losses(p, x)[0], 1, G),
    ],
    # A parameter that both change, and one that none does.
    "minimize LD over d, g1; minimize LG over g0, g1": [
        (lambda p, x: losses(p, x)[0], 1, ["d", "g1"]),
        (lambda p, x: losses(p, x)[1], 1, G),
    ],
    # One objective over a part of the parameters.
    "minimize LG over g0": [(lambda p, x: losses(p, x)[1], 1, ["g0"])],
}


def examples(count: int = 7) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    return {"x": random.normal(1, 0.5, count), "noise": random.normal(size=count)}


def assert_trains_as_by_hand(game: str, optimizer: str, reduction: str, target: str) -> None:
    players = GAMES[game]
    data, lr, size = examples(), 0.05, 3
    functions = symprop.compile(GAN.format(objectives=game), target=target, optimizer=optimizer, reduction=reduction)
    training = functions.start(START, data, batch_size=size, seed=1)
    p: Values = dict(START)
    optimizers = [ByHand(optimizer, names, p) for _, _, names in players]
    for step in range(7):  # two epochs of 3, 3 and 1 examples, and one step more
        outcome = functions.run(training, 1, learning_rate=lr)
        first = step % 3 * size
        rows = training.order[first : first + size]
        batch = {name: values[rows] for name, values in data.items()}
        number = len(rows) if reduction == "sum" else 1
        for place, ((objective, sign, names), own) in enumerate(zip(players, optimizers, strict=True)):
            value = outcome.losses[0] if len(players) == 1 else outcome.losses[0, place]
            assert value == pytest.approx(number * objective(p, batch), abs=1e-8)
            own.step(p, sign * number * slopes(objective, p, names, batch), lr)
        for name, value in training.parameters.items():
            np.testing.assert_allclose(value, p[name], rtol=0, atol=1e-8, err_msg=f"{name} after step {step + 1}")
    assert training.step == 7


@pytest.mark.parametrize(
    ("game", "optimizer", "reduction"),
    [
        *((game, "sgd", "mean") for game in GAMES),
        *((game, "adam", "mean") for game in GAMES),
        (next(iter(GAMES)), "momentum", "mean"),
        (next(iter(GAMES)), "sgd", "sum"),
    ],
)
def test_each_minibatch_is_a_step_of_each_objective_in_turn(game: str, optimizer: str, reduction: str) -> None:
    assert_trains_as_by_hand(game, optimizer, reduction, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_numba_takes_the_same_steps(game: str) -> None:
    assert_trains_as_by_hand(game, "adam", "mean", "numba")


@pytest.mark.parametrize(
    ("objectives", "answer"),
    [
        # Each player's best answer to the other's: a = 1 + b/2 and b = a/2.
        ("F = (a - b/2 - x)**2; H = (b - a/2)**2; minimize F over a; minimize H over b", (4 / 3, 2 / 3)),
        # The saddle of V: its derivatives a - 1 + b and a - b are 0.
        ("V = (a - x)**2/2 + a*b - b**2/2; minimize V over a; maximize V over b", (1 / 2, 1 / 2)),
        ("V = (a - x)**2/2 + a*b - b**2/2; maximize V over b; minimize V over a", (1 / 2, 1 / 2)),
    ],
)
def test_a_game_with_a_known_answer_finds_it(objectives: str, answer: tuple[float, float]) -> None:
    text = f"input x; parameter b, a; {objectives}"
    run = symprop.fit(
        text, {"x": np.ones(4)}, optimizer="sgd", learning_rate=0.2, epochs=200, batch_size=None, target="numpy"
    )
    assert float(run.parameters["a"]) == pytest.approx(answer[0], abs=1e-10)
    assert float(run.parameters["b"]) == pytest.approx(answer[1], abs=1e-10)


def test_alternating_steps_keep_what_simultaneous_ones_lose() -> None:
    """Of ``V = a*b``, minimised over a and maximised over b, alternating steps keep ``a**2 + b**2 - lr*a*b``.

    They are the symplectic Euler method for the harmonic oscillator; steps taken at once spiral outwards.
    """
    functions = symprop.compile(
        "input x; parameter a, b; V = x*a*b; minimize V over a; maximize V over b", target="numpy", optimizer="sgd"
    )
    lr, kept = 0.3, []
    training = functions.start({"a": 1.0, "b": 0.5}, {"x": [1.0]})
    for _ in range(50):
        a, b = (float(training.parameters[name]) for name in "ab")
        kept.append(a**2 + b**2 - lr * a * b)
        functions.run(training, 1, learning_rate=lr)
    np.testing.assert_allclose(kept, kept[0], rtol=1e-12)


def test_gradients_belong_to_their_names_in_whatever_order_objectives_come() -> None:
    functions = symprop.compile(GAN.format(objectives=list(GAMES)[1]), target="numpy")
    data = examples()
    value, gradients = functions.gradient(START, data)
    of = {name: objective for objective, _, names in GAMES[list(GAMES)[1]] for name in names}
    for name, gradient in gradients.items():
        wanted = slopes(of[name], START, [name], data).reshape(np.shape(gradient))
        np.testing.assert_allclose(gradient, wanted, rtol=1e-8, err_msg=name)
    loss, other = losses(START, data)
    assert value == pytest.approx(other, rel=1e-13)
    assert functions.objectives(START, data) == pytest.approx({"LG": other, "JD": -loss}, rel=1e-13)


def test_what_is_defined_and_differentiated_by_keeps_its_place() -> None:
    functions = symprop.compile("input x; parameter b, a; u = a*x; L = (b*u)**3", target="numpy", wrt=("b", "u"))
    _, gradients = functions.gradient({"a": 2.0, "b": 3.0}, {"x": [1.0]})
    assert float(gradients["b"]) == pytest.approx(3 * 3**2 * 2**3)
    assert gradients["u"].tolist() == pytest.approx([3 * 3**3 * 2**2])


def test_the_record_has_each_objective_and_every_epoch_is_run(tmp_path: Path) -> None:
    data = examples(12)
    run = symprop.fit(
        GAN.format(objectives=next(iter(GAMES))),
        data,
        validation={name: values[:4] for name, values in data.items()},
        parameters=START,
        optimizer="sgd",
        learning_rate=1e-300,  # changes nothing, so the mean of all batches is that of all examples
        epochs=25,
        batch_size=5,
        early_stopping=3,
        target="numpy",
    )
    assert list(run.history) == ["objective", "objective LG", "validation", "validation LG"]
    for kind, part in (("objective", data), ("validation", {name: values[:4] for name, values in data.items()})):
        loss, other = losses(START, part)
        np.testing.assert_allclose(run.history[kind], 25 * [loss], rtol=1e-12)
        np.testing.assert_allclose(run.history[f"{kind} LG"], 25 * [other], rtol=1e-12)
    assert (run.kept, run.steps) == (25, 75)
    assert symprop.load(run.save(tmp_path / "gan.npz")).objectives(data) == run.objectives(data)


def test_a_run_of_two_objectives_that_diverges_goes_back_to_finite_parameters() -> None:
    text = "input x; parameter a, b; F = (a - b)**4; H = (b + a)**4 + x; minimize F over a; minimize H over b"
    with pytest.raises(symprop.DivergenceError, match="no longer finite at step") as caught:
        symprop.fit(
            text,
            {"x": np.ones(3)},
            optimizer="sgd",
            learning_rate=10,
            target="numpy",
            validation=0,
            parameters={"a": 1, "b": 2},
        )
    assert all(np.isfinite(value) for value in caught.value.run.parameters.values())


def test_an_objective_over_an_input_is_refused_when_it_is_to_be_trained() -> None:
    text = "input x; parameter a; F = (a - x)**2; H = (a + x)**2; minimize F over a; minimize H over x"
    with pytest.raises(symprop.OptionError, match="H is to be minimized over x") as caught:
        symprop.fit(text, {"x": np.ones(5)}, target="numpy")
    assert "parameter x" in str(caught.value)
    with pytest.raises(symprop.DeclarationError, match="no parameters to train"):
        symprop.fit("input x; target t; L = (2*x - t)**2", {"x": np.ones(5), "t": np.ones(5)}, target="numpy")


@pytest.mark.usefixtures("in_plain_python")
def test_a_table_trains_a_generative_adversarial_network(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = ["a", "b", "n1", "n2"]
    path = tmp_path / "points.csv"
    rows = ("{:.6f},{:.6f},{:.6f},{:.6f}".format(*row) for row in random.normal(size=(20, 4)))
    path.write_text("\n".join([",".join(names), *rows]))
    result = fit_table(
        symprop.read(EXAMPLES / "networks" / "gan.net"),
        tables.read(path),
        sizes={"H": 2, "G": 2},
        columns={"x": names[:2], "noise": names[2:]},
        epochs=2,
    )
    page = report(result, "gan.net", None, 0.0)
    words = " ".join(page.split())
    assert "with each batch a step for LD over A, a, u, c, then LG over B, b, V" in words
    for part, values in result.values.items():
        assert list(values) == ["LD", "LG"]
        assert result.objectives[part] == values["LD"]
    for name in ("LD", "LG"):
        line = next(line for line in page.splitlines() if line.startswith(f"  {name} (to minimize)"))
        assert float(line.split()[-2]) == pytest.approx(result.values["training"][name], rel=1e-3)
    assert all(len(line) <= 80 for line in page.splitlines())


def test_a_parameter_that_two_objectives_move_has_a_derivative_of_each() -> None:
    text = "input x; parameter a, d\nLD = (a*x - d)**2\nLG = (d - 1)**2*a\nminimize LD over d\nminimize LG over a, d"
    with pytest.raises(OptionError, match="'d' is moved by LD and by LG") as caught:
        symprop.derive(text)
    assert "of='LD'" in str(caught.value)
    assert str(symprop.derive(text, of="LD").gradients["d"]) == "2*(d - a*x)"
    assert str(symprop.derive(text, of="LG").gradients["d"]) == "2*a*(d - 1)"
