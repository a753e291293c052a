"""Sizes that differ from layer to layer, compiled: lists of arrays in, lists of arrays out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.errors import IndexNotationError, ShapeError
from symprop.runtime.fit import split
from symprop.runtime.fit_table import slots_of
from symprop.runtime.load import Functions

LAYERS = """
input x[i]; target y[j]; parameter w[l,j,i], b[l,j]
z[0,i] = x[i] for i = 1..n(0)
s[l,j] = sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]) + b[l,j] for l = 1..L, j = 1..n(l)
z[l,j] = tanh(s[l,j]) for l = 1..L, j = 1..n(l)
E = sum(j = 1..n(L), (z[L,j] - y[j])**2)/2
minimize E; predict z
"""
SIZES = ([3, 2], [3, 5, 2], [4, 3, 5, 2, 6, 1])  # 1, 2 and 5 layers

# Each layer is centred and scaled, and its activation is a softmax: reductions over a ragged axis that leave l free.
NORMALIZED = """
input x[i]; target y[j]; parameter w[l,j,i]
z[0,i] = x[i] for i = 1..n(0)
s[l,j] = sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]) for l = 1..L, j = 1..n(l)
mu[l] = sum(j = 1..n(l), s[l,j])/n(l) for l = 1..L
c[l,j] = s[l,j] - mu[l] for l = 1..L, j = 1..n(l)
v[l] = sum(j = 1..n(l), c[l,j]**2)/n(l) + 1/2 for l = 1..L
z[l,j] = exp(c[l,j]/sqrt(v[l]))/sum(m = 1..n(l), exp(c[l,m]/sqrt(v[l]))) for l = 1..L, j = 1..n(l)
E = sum(j = 1..n(L), (z[L,j] - y[j])**2)/2
minimize E
"""

# An input that is ragged too, with examples, read at the greatest element.
PYRAMID = """
input x[l,i]; parameter w[l,i]
index l = 1..L, i = 1..m(l)
p[l] = sum(i = 1..m(l), w[l,i]*x[l,i]) for l = 1..L
q[l] = max(i = 1..m(l), w[l,i]*x[l,i]) for l = 1..L
E = sum(l, p[l]*q[l])
minimize E
"""


def weights(sizes: list[int], seed: int = 0) -> dict[str, list[np.ndarray]]:
    random = np.random.default_rng(seed)
    return {
        "w": [random.standard_normal((after, before)) for before, after in pairwise(sizes)],
        "b": [random.standard_normal(after) for after in sizes[1:]],
    }


def examples(sizes: list[int], count: int = 7) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {"x": random.standard_normal((count, sizes[0])), "y": random.standard_normal((count, sizes[-1]))}


def plain(parameters: Any, data: Any) -> tuple[float, list[np.ndarray]]:
    """The same network as one writes it in numpy."""
    values = [data["x"]]
    for w, b in zip(parameters["w"], parameters["b"], strict=True):
        values.append(np.tanh(values[-1] @ w.T + b))
    return float(((values[-1] - data["y"]) ** 2).sum() / 2 / len(data["x"])), values


def assert_gradients_are_differences(gradients: Any, parameters: Any, objective: Callable[[Any], float]) -> None:
    step = 6e-6  # eps**(1/3): the difference errs by some 1e-10
    for name, parts in gradients.items():
        assert [part.shape for part in parts] == [part.shape for part in parameters[name]]
        for part, values in zip(parts, parameters[name], strict=True):
            for place in np.ndindex(part.shape):
                ends = []
                for moved in (values[place] + step, values[place] - step):
                    kept, values[place] = values[place], moved
                    ends.append(objective(parameters))
                    values[place] = kept
                assert part[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-8), name


@pytest.mark.parametrize("sizes", SIZES)
def test_layers_of_different_sizes_agree_with_plain_numpy_and_with_differences(sizes: list[int]) -> None:
    functions = symprop.compile(LAYERS, target="numpy")
    parameters, data = weights(sizes), examples(sizes)
    value, gradients = functions.gradient(parameters, data)
    wanted, values = plain(parameters, data)
    assert value == pytest.approx(wanted, rel=1e-13)
    for found, layer in zip(functions.forward(parameters, data)["z"], values, strict=True):
        np.testing.assert_allclose(found, layer, rtol=1e-12, atol=1e-14)
    assert_gradients_are_differences(gradients, parameters, lambda p: plain(p, data)[0])
    found_sizes = functions.sizes_of(parameters, data)
    assert (found_sizes["L"], found_sizes["n"]) == (len(sizes) - 1, tuple(sizes))


@pytest.mark.slow
def test_numba_computes_the_same_for_layers_of_different_sizes() -> None:
    compiled, reference = (symprop.compile(LAYERS, target=target) for target in ("numba", "numpy"))
    for sizes in SIZES:
        parameters, data = weights(sizes), examples(sizes)
        value, gradients = compiled.gradient(parameters, data)
        other, others = reference.gradient(parameters, data)
        assert value == pytest.approx(other, rel=1e-13)
        for name, parts in gradients.items():
            for part, wanted in zip(parts, others[name], strict=True):
                np.testing.assert_allclose(part, wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sizes", SIZES)
def test_reductions_over_a_ragged_axis_have_the_extent_of_their_layer(sizes: list[int]) -> None:
    functions = symprop.compile(NORMALIZED, target="numpy")
    parameters, data = {"w": weights(sizes)["w"]}, examples(sizes)

    def objective(parameters: Any) -> float:
        z = data["x"]
        for w in parameters["w"]:
            s = z @ w.T
            scaled = (s - s.mean(1, keepdims=True)) / np.sqrt(s.var(1, keepdims=True) + 0.5)
            z = np.exp(scaled) / np.exp(scaled).sum(1, keepdims=True)
        return float(((z - data["y"]) ** 2).sum() / 2 / len(z))

    value, gradients = functions.gradient(parameters, data)
    assert value == pytest.approx(objective(parameters), rel=1e-12)
    assert_gradients_are_differences(gradients, parameters, objective)


def test_a_ragged_input_is_a_list_of_arrays_with_the_examples_first() -> None:
    functions = symprop.compile(PYRAMID, target="numpy", optimizer="sgd")
    random = np.random.default_rng(3)
    extents = (4, 1, 3)
    parameters = {"w": [random.standard_normal(m) for m in extents]}
    data = {"x": [random.standard_normal((5, m)) for m in extents]}

    def objective(parameters: Any) -> float:
        products = [x * w for x, w in zip(data["x"], parameters["w"], strict=True)]
        return float(sum(p.sum(1) * p.max(1) for p in products).mean())

    value, gradients = functions.gradient(parameters, data)
    assert value == pytest.approx(objective(parameters), rel=1e-13)
    assert_gradients_are_differences(gradients, parameters, objective)
    training = functions.start(parameters, data, batch_size=2, shuffle=False)
    assert training.batches == 3
    first = functions.run(training, 1, learning_rate=0.1).losses[0]
    assert first == pytest.approx(functions.objective(parameters, {"x": [x[:2] for x in data["x"]]}), rel=1e-13)


def test_initial_parts_have_the_spread_of_their_own_fans() -> None:
    start = symprop.compile(LAYERS, {"n": [50, 400, 10]}, target="numpy").initialize(0)
    assert [part.shape for part in start["w"]] == [(400, 50), (10, 400)]
    assert not any(part.any() for part in start["b"])
    for part in start["w"]:  # variance of a uniform distribution in +-sqrt(6/(fan_in + fan_out))
        assert part.var() == pytest.approx(2 / sum(part.shape), rel=0.1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_moves_every_part_and_nothing_beside_them(optimizer: str) -> None:
    functions = symprop.compile(LAYERS, target="numpy", optimizer=optimizer)
    parameters, data = weights(SIZES[2]), examples(SIZES[2], 12)
    training = functions.start(parameters, data, batch_size=5)
    losses = functions.run(training, 60, learning_rate=0.02).losses
    assert losses[-3:].mean() < losses[:3].mean()
    inside = sum(part.size for parts in training.parameters.values() for part in parts)
    assert np.count_nonzero(training.flat) == inside < training.flat.size


def test_a_trained_network_of_layers_is_saved_and_predicts_again(tmp_path: Path) -> None:
    data = examples(SIZES[1], 40)
    run = symprop.fit(LAYERS, data, sizes={"n": SIZES[1]}, epochs=3, target="numpy", progress=False)
    again = symprop.load(run.save(tmp_path / "layers.npz"))
    assert list(again.sizes["n"]) == SIZES[1]
    _, values = plain(run.parameters, data)
    for predicted, wanted in zip(again.predict({"x": data["x"]}), values, strict=True):
        np.testing.assert_allclose(predicted, wanted, rtol=1e-12, atol=1e-14)


def test_a_module_with_layers_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    path.write_text(symprop.generate(LAYERS, target="numpy", sizes={"n": SIZES[1]}))
    spec = importlib.util.spec_from_file_location("layers_alone", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parameters, data = module.initialize(0), examples(SIZES[1])
    value, gradients = module.gradient(parameters, data)
    assert value == pytest.approx(plain(parameters, data)[0], rel=1e-13)
    assert [part.shape for part in gradients["w"]] == [(5, 3), (2, 5)]


# ---- what users get wrong -------------------------------------------------------------------------------------------


def layers() -> tuple[Functions, Any, Any]:
    return symprop.compile(LAYERS, target="numpy"), weights(SIZES[1]), examples(SIZES[1])


def test_a_part_that_does_not_fit_is_named() -> None:
    functions, parameters, data = layers()
    parameters["w"][1] = parameters["w"][1].T
    with pytest.raises(ShapeError, match=r"w\[1\] has shape \(5, 2\); the network declares"):
        functions.gradient(parameters, data)


def test_a_missing_part_is_a_shape_error() -> None:
    functions, parameters, data = layers()
    with pytest.raises(ShapeError, match="b has 2 parts; the network declares 1"):
        functions.gradient({**parameters, "w": parameters["w"][:1]}, data)


def test_rows_of_different_lengths_are_no_array() -> None:
    functions, parameters, data = layers()
    with pytest.raises(ShapeError, match="the rows of x differ in length"):
        functions.gradient(parameters, {**data, "x": [[1.0, 2.0, 3.0], [1.0]]})


def test_one_integer_for_all_layers_is_refused() -> None:
    with pytest.raises(ShapeError, match="n differs from layer to layer"):
        symprop.compile(LAYERS, {"n": 3}, target="numpy")


def test_a_list_of_the_wrong_length_is_refused() -> None:
    functions = symprop.compile(LAYERS, {"n": [3, 5]}, target="numpy")
    with pytest.raises(ShapeError):
        functions.gradient(weights(SIZES[1]), examples(SIZES[1]))


def test_sizes_of_layers_that_nothing_tells_are_asked_for() -> None:
    with pytest.raises(ShapeError, match="n"):
        symprop.compile(LAYERS, target="numpy").initialize(0, examples(SIZES[1]))


def test_an_array_that_is_ragged_in_two_ways_is_refused() -> None:
    text = """
input x[l,i,k,j] ; parameter w
index l = 1..L, i = 1..n(l), k = 1..K, j = 1..m(k)
E = w*sum(l, sum(i = 1..n(l), sum(k, sum(j = 1..m(k), x[l,i,k,j]))))
minimize E
"""
    with pytest.raises(symprop.MissingRuleError, match="no array for x"):
        symprop.compile(text, target="numpy")


# ---- training on ragged inputs --------------------------------------------------------------------------------------

# Examples of different lengths: the list stands for the examples. Each has the mean of its own terms.
LENGTHS = """
batch n = 1..N
input x[n,t]; target y[n]; parameter v, c
p[n] = c + sum(t = 1..T(n), sin(v*x[n,t]))/T(n)
L = mean(n, (p[n] - y[n])**2)
minimize L; predict p
"""


def sequences(lengths: tuple[int, ...] = (3, 1, 4, 2, 6, 3, 5)) -> dict[str, Any]:
    random = np.random.default_rng(2)
    return {"x": [random.standard_normal(length) for length in lengths], "y": random.standard_normal(len(lengths))}


def pyramids() -> dict[str, Any]:
    random = np.random.default_rng(3)
    return {"x": [random.standard_normal((7, extent)) for extent in (4, 1, 3)]}


def step_of_lengths(p: dict[str, Any], data: dict[str, Any], rows: np.ndarray) -> tuple[float, dict[str, Any]]:
    """The loss of some examples and its derivatives, derived by hand."""
    loss, by_v, by_c = 0.0, 0.0, 0.0
    for row in rows:
        x = data["x"][row]
        error = p["c"] + np.sin(p["v"] * x).mean() - data["y"][row]
        loss += error**2 / len(rows)
        by_v += 2 * error * (x * np.cos(p["v"] * x)).mean() / len(rows)
        by_c += 2 * error / len(rows)
    return loss, {"v": by_v, "c": by_c}


def step_of_pyramids(p: dict[str, Any], data: dict[str, Any], rows: np.ndarray) -> tuple[float, dict[str, Any]]:
    loss, slopes = 0.0, []
    for w, whole in zip(p["w"], data["x"], strict=True):
        x = whole[rows]
        products = x * w
        total, place = products.sum(1), products.argmax(1)
        greatest = products.max(1)
        loss += float((total * greatest).mean())
        slope = x * greatest[:, None]
        slope[np.arange(len(rows)), place] += total * x[np.arange(len(rows)), place]
        slopes.append(slope.mean(0))
    return loss, {"w": slopes}


@pytest.mark.parametrize("target", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("text", "data", "start", "step"),
    [
        (LENGTHS, sequences(), {"v": 0.7, "c": 0.2}, step_of_lengths),
        (PYRAMID, pyramids(), {"w": [np.array([0.5, -1, 2, 0.3]), np.array([0.4]), np.ones(3)]}, step_of_pyramids),
    ],
    ids=["examples of different lengths", "parts of different sizes"],
)
def test_minibatches_of_ragged_inputs_are_the_steps_done_by_hand(
    text: str, data: dict[str, Any], start: dict[str, Any], step: Callable[..., Any], target: str
) -> None:
    functions = symprop.compile(text, target=target, optimizer="sgd")
    training = functions.start(start, data, batch_size=3, seed=5)
    assert training.batches == 3
    p = {
        name: [np.array(part) for part in value] if isinstance(value, list) else value for name, value in start.items()
    }
    for number in range(7):
        loss = functions.run(training, 1, learning_rate=0.05).losses[0]
        first = number % 3 * 3
        wanted, slopes = step(p, data, training.order[first : first + 3])
        assert loss == pytest.approx(wanted, rel=1e-12)
        for name, slope in slopes.items():
            found = training.parameters[name]
            if not isinstance(slope, list):
                p[name] = p[name] - 0.05 * slope
                assert float(found) == pytest.approx(p[name], rel=1e-11)
                continue
            p[name] = [value - 0.05 * part for value, part in zip(p[name], slope, strict=True)]
            for part, value in zip(found, p[name], strict=True):
                np.testing.assert_allclose(part, value, rtol=1e-11)


@pytest.mark.parametrize(
    ("text", "data", "sizes"), [(LENGTHS, sequences(), {}), (PYRAMID, pyramids(), {"L": 3, "m": (4, 1, 3)})]
)
def test_fit_holds_examples_of_ragged_inputs_out(text: str, data: Any, sizes: Any, tmp_path: Path) -> None:
    run = symprop.fit(text, data, epochs=4, batch_size=2, validation=0.3, seed=1, target="numpy")
    assert run.steps == 4 * 3  # 5 of 7 examples, two at a time
    assert run.sizes == sizes  # how long each example is belongs to the data
    _, held_out = split(7, 0.3, 1)
    if text is LENGTHS:
        chosen = {"x": [data["x"][row] for row in held_out], "y": data["y"][held_out]}
    else:
        chosen = {"x": [part[held_out] for part in data["x"]]}
    assert run.kept >= 1
    assert min(run.history["validation"]) == pytest.approx(run.objective(chosen), rel=1e-12)
    again = symprop.load(run.save(tmp_path / "run.npz"))
    assert again.objective(data) == run.objective(data)
    if text is LENGTHS:
        others = [np.ones(9), np.zeros(2)]
        wanted = [run.parameters["c"] + np.sin(run.parameters["v"] * x).mean() for x in others]
        np.testing.assert_allclose(again.predict({"x": others}), wanted, rtol=1e-12)


def test_parts_may_be_plain_lists_or_one_array_if_they_are_equally_long() -> None:
    functions = symprop.compile(PYRAMID, target="numpy")
    parts = [np.arange(6.0).reshape(3, 2) - k for k in range(2)]
    w = [np.array([1.0, -2.0]), np.array([0.5, 3.0])]
    wanted = functions.objective({"w": w}, {"x": parts})
    boxed = np.stack(parts, axis=1)  # examples first, then the parts
    assert functions.objective({"w": np.array(w)}, {"x": boxed}) == wanted
    assert functions.objective({"w": w}, {"x": [part.tolist() for part in parts]}) == wanted
    held = np.empty(2, object)
    held[:] = parts
    assert functions.objective({"w": w}, {"x": held}) == wanted


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (PYRAMID, {"x": []}, "no examples"),
        (PYRAMID, {"x": 3.0}, "x is 3.0; it must be a list of arrays"),
        (PYRAMID, {"x": [np.ones((7, 4)), np.ones((2, 1)), np.ones((7, 3))]}, r"x\[0\] 7, x\[1\] 2, x\[2\] 7"),
        (
            PYRAMID,
            {"x": [np.ones(4), np.ones(1)]},
            r"x\[0\] has shape \(4,\); an array over n, i is expected\s+The examples",
        ),
        (PYRAMID, {"x": np.ones((7, 3))}, "arrays of different lengths"),
        (PYRAMID, {"x": [np.full((7, 2), np.nan)]}, r"nan at x\[0\], position \(0, 0\)"),
        (LENGTHS, {"y": np.ones(3)}, "different numbers of examples: x 7, y 3"),
        (LENGTHS, {"sizes": {"T": [3, 1, 4, 2, 6, 3, 5]}}, "T differs from example to example"),
    ],
)
def test_ragged_inputs_that_cannot_be_used_are_refused(text: str, change: Any, message: str) -> None:
    data = {**(sequences() if text is LENGTHS else pyramids()), **change}
    with pytest.raises(symprop.SympropError, match=message):
        symprop.fit(text, data, sizes=data.pop("sizes", None), target="numpy")


def test_what_a_network_assumes_is_held_against_every_part() -> None:
    text = LENGTHS.replace("minimize", "assume sum(t = 1..T(n), x[n,t]) = 1\nminimize")
    data = {"x": [np.ones(1), np.array([0.25, 0.75]), np.ones(3)], "y": np.ones(3)}
    with pytest.raises(symprop.ValueOutsideDomainError, match=r"example 2 \(counted from 0\) of x is \[1, 1, 1\]"):
        symprop.fit(text, data, target="numpy")
    text = PYRAMID.replace("minimize", "assume sum(i = 1..m(l), x[l,i]) = 1\nminimize")
    parts = [np.ones((2, 1)), np.array([[0.5, 0.5], [0.5, 0.25]])]
    with pytest.raises(symprop.ValueOutsideDomainError, match=r"example 1 \(counted from 0\) of x is \[0.5, 0.25\]"):
        symprop.fit(text, {"x": parts}, target="numpy")


def test_a_table_cannot_fill_a_list_of_arrays() -> None:
    with pytest.raises(symprop.DeclarationError, match=r"cannot fill x\[n,t\]: .* length T\(n\) differs") as caught:
        slots_of(symprop.parse(LENGTHS), {})
    assert "symprop.fit" in str(caught.value)


LAYERED = """
input x[d]
target t[k]
parameter W[l,j,i]
z[0,d] = x[d]
z[l,j] = tanh(sum(i = 1..n(l-1), W[l,j,i]*z[l-1,i])) for l = 1..L, j = 1..n(l)
"""


@pytest.mark.parametrize(
    "outputs",
    [
        "E = sum(k, half_squared_error(t[k], z[L,k]))",
        "y[k] = sigmoid(z[L,k]); E = sum(k, half_squared_error(t[k], y[k]))",
        "p[k] = softmax(k, z[L,k]); E = -sum(k, t[k]*log(p[k]))",
    ],
)
def test_outputs_of_layers_of_different_sizes_have_gradients(outputs: str) -> None:
    text = f"index l = 1..L, d = 1..n(0), k = 1..n(L)\n{LAYERED}{outputs}"
    functions = symprop.compile(text, sizes={"L": 2, "n": [3, 5, 2]}, target="numpy")
    parameters = functions.initialize(seed=1)
    assert [part.shape for part in parameters["W"]] == [(5, 3), (2, 5)]
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(4, 3)), "t": random.random((4, 2))}
    slope = functions.gradient(parameters, data)[1]["W"][1][1, 4]

    def moved(step: float) -> float:
        first, last = (part.copy() for part in parameters["W"])
        last[1, 4] += step
        return float(functions.gradient({"W": [first, last]}, data)[0])

    assert slope == pytest.approx((moved(1e-5) - moved(-1e-5)) / 2e-5, rel=1e-7)


def test_an_axis_of_one_length_is_not_read_as_far_as_each_layer_goes() -> None:
    text = f"index l = 1..L, d = 1..n(0), k = 1..n(L), i = 1..n(0)\n{LAYERED}E = sum(k, z[L,k]*t[k])"
    with pytest.raises(IndexNotationError, match=r"'W' was declared as W\[l,j,i\] \(i = 1..n\(0\)\)"):
        symprop.parse(text)
