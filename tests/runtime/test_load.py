"""Compiled functions agree with the reference in every target and precision, and come back from the cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import CORPUS, deep

from symprop.errors import DeclarationError, OptionError, ShapeError
from symprop.pipeline import compile as pipeline_compile
from symprop.runtime import load
from symprop.runtime.load import Functions, compile


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMPROP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def arrays(functions: Functions, sizes: Mapping[str, int], examples: int, seed: int = 1) -> tuple[Any, Any]:
    """Return random parameters and data for a network."""
    random = np.random.default_rng(seed)
    known = dict.fromkeys(functions.metadata.sizes, examples) | dict(sizes)
    parameters, data = {}, {}
    for name, role in functions.metadata.roles.items():
        shape = functions.module.SHAPES[name](known)
        if name in functions.module.INTEGERS:
            data[name] = random.integers(0, known["V"], shape)
        elif role == "parameter":
            parameters[name] = 0.7 * random.standard_normal(shape)
        elif role == "target":
            data[name] = random.uniform(0.1, 0.9, shape)
        else:
            data[name] = random.standard_normal(shape)
    return parameters, data


@pytest.mark.parametrize("name", CORPUS)
def test_gradients_are_central_differences_of_the_objective(name: str) -> None:
    functions = compile(CORPUS[name].text, target="numpy")
    parameters, data = arrays(functions, CORPUS[name].sizes, 6)
    value, gradients = functions.gradient(parameters, data)
    assert value == pytest.approx(functions.objective(parameters, data), rel=1e-12)
    # Step eps**(1/3): the error is h**2 times a third derivative plus eps/h, some 1e-10; values here are near 1.
    step = 6e-6
    for key, gradient in gradients.items():
        for place in np.ndindex(np.shape(gradient)):
            ends = []
            for sign in (1, -1):
                moved = {k: np.array(v) for k, v in parameters.items()}
                moved[key][place] += sign * step
                ends.append(functions.objective(moved, data))
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-7), key


# Compiling takes seconds, so the usual run takes the shapes that differ most.
COMPILED = ["two layers", "recurrence without names", "strided convolution with padding"]
REST = [pytest.param(name, marks=pytest.mark.slow) for name in CORPUS if name not in COMPILED]


@pytest.mark.parametrize("name", [*COMPILED, *REST])
def test_numba_computes_what_plain_python_computes(name: str) -> None:
    compiled, plain = (compile(CORPUS[name].text, target=target) for target in ("numba", "numpy"))
    parameters, data = arrays(plain, CORPUS[name].sizes, 6)
    value, gradients = compiled.gradient(parameters, data)
    other, others = plain.gradient(parameters, data)
    # The same operations in another order: rounding of some hundred terms.
    assert value == pytest.approx(other, rel=1e-12)
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, others[key], rtol=1e-9, atol=1e-12)
    forward, reference = compiled.forward(parameters, data), plain.forward(parameters, data)
    assert forward.keys() == reference.keys()
    for key, array in forward.items():
        np.testing.assert_allclose(array, reference[key], rtol=1e-9, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("target", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def test_single_precision_stays_single(target: str) -> None:
    double = compile(CORPUS["two layers"].text, target="numpy")
    single = compile(CORPUS["two layers"].text, target=target, dtype="float32")
    parameters, data = arrays(double, CORPUS["two layers"].sizes, 6)
    _, wanted = double.gradient(parameters, data)
    _, found = single.gradient(parameters, data)
    for key, gradient in found.items():
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, wanted[key], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("logit", [800.0, -800.0, 88.0, -104.0])
def test_a_logistic_loss_is_finite_in_the_tails(dtype: str, logit: float) -> None:
    functions = compile(CORPUS["logistic"].text, dtype=dtype)
    parameters = {"w": np.array([1.0, 0.0, 0.0]), "c": 0.0}
    for target in (0.0, 1.0):
        data = {"x": np.array([[logit, 0.0, 0.0]]), "t": np.array([target])}
        value, gradients = functions.gradient(parameters, data)
        wrong = (logit > 0) != (target == 1)
        assert value == pytest.approx(-abs(logit) if wrong else 0.0, rel=1e-6, abs=1e-30)
        assert gradients["c"] == pytest.approx(target - (logit > 0), abs=1e-30)
        assert np.isfinite(gradients["w"]).all()


def test_the_second_process_neither_derives_nor_compiles(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import numpy as np
from symprop.runtime.load import compile
f = compile({CORPUS["logistic"].text!r})
data = {{"x": np.ones((4, 3)), "t": np.ones(4)}}
value, gradients = f.gradient(f.initialize(0, data), data)
hits = sum(f.module.gradient_pass.stats.cache_hits.values())
print(value, hits, "sympy" in sys.modules, "lark" in sys.modules, "symprop.lowering.schedule" in sys.modules)
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"SYMPROP_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0]
    assert runs[0][1] == "0"
    assert runs[1][1:] == ["1", "False", "False", "False"]


def test_options_have_modules_of_their_own() -> None:
    paths = {
        compile("J = w*x**2", target="numpy").path,
        compile("J = w*x**2", target="numpy", dtype="float32").path,
        compile("J = w*x**2", target="numpy", reduction="sum").path,
        compile("J = w*x**2", target="numpy", wrt=["w"]).path,
        compile("J = w*x**2", target="numpy", optimizer="sgd").path,
        compile("J = w*x**3", target="numpy").path,
    }
    assert len(paths) == 6


def test_sizes_do_not_need_another_module() -> None:
    text = CORPUS["two layers"].text
    small, large = compile(text, {"H": 2}, target="numpy"), compile(text, {"H": 30}, target="numpy")
    assert small.module is large.module
    data = {"x": np.zeros((1, 3)), "t": np.zeros((1, 5))}
    assert small.initialize(0, data)["W1"].shape == (2, 3)
    assert large.initialize(0, data)["W1"].shape == (30, 3)


def test_a_sum_over_examples_is_the_mean_times_their_number() -> None:
    text = CORPUS["activations without names"].text
    mean, total = (compile(text, target="numpy", reduction=how) for how in ("mean", "sum"))
    parameters, data = arrays(mean, CORPUS["activations without names"].sizes, 6)
    value, gradients = mean.gradient(parameters, data)
    larger, sums = total.gradient(parameters, data)
    assert larger == pytest.approx(6 * value, rel=1e-12)
    for key, gradient in gradients.items():
        np.testing.assert_allclose(sums[key], 6 * gradient, rtol=1e-12)


def test_the_derivative_by_an_input_is_that_of_the_mean() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy", wrt=["x"])
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 4)
    _, gradients = functions.gradient(parameters, data)
    moved = {**data, "x": data["x"].copy()}
    moved["x"][2, 1] += 1e-6
    slope = (functions.objective(parameters, moved) - functions.objective(parameters, data)) / 1e-6
    assert gradients["x"].shape == data["x"].shape
    assert gradients["x"][2, 1] == pytest.approx(slope, rel=1e-4)


def test_predicting_needs_no_targets() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy")
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 6)
    values = functions.forward(parameters, {"x": data["x"]})
    assert set(values) == {"a", "z", "o", "y"}
    np.testing.assert_allclose(values["y"].sum(axis=1), 1)


def test_hyperparameters_have_defaults_and_can_be_given() -> None:
    functions = compile(CORPUS["activations without names"].text, target="numpy")
    parameters, data = arrays(functions, CORPUS["activations without names"].sizes, 6)
    penalty = 0.1 * (parameters["W"] ** 2).sum()
    without = functions.objective(parameters, {**data, "lam": 0.0})
    assert functions.objective(parameters, data) == pytest.approx(without + penalty, rel=1e-12)


def test_initial_parameters_break_symmetry_and_repeat() -> None:
    functions = compile(CORPUS["two layers"].text, {"D": 50, "H": 40, "K": 10}, target="numpy")
    start = functions.initialize(3)
    assert (start["b1"] == 0).all()
    # Variance of a uniform distribution in +-sqrt(6/90); 2000 draws spread by 1/sqrt(2000) of it, times 4.
    assert start["W1"].var() == pytest.approx(6 / 90 / 3, rel=0.1)
    assert len(np.unique(start["W1"])) == start["W1"].size
    np.testing.assert_array_equal(start["W1"], functions.initialize(3)["W1"])
    assert (start["W1"] != functions.initialize(4)["W1"]).all()


# ---- what users get wrong -------------------------------------------------------------------------------------------


def two_layers() -> tuple[Functions, Any, Any]:
    functions = compile(CORPUS["two layers"].text, target="numpy")
    return functions, *arrays(functions, CORPUS["two layers"].sizes, 6)


def test_a_transposed_weight_is_a_shape_error_that_says_so() -> None:
    functions, parameters, data = two_layers()
    parameters["W1"] = parameters["W1"].T
    with pytest.raises(ShapeError, match="W1 has shape"):
        functions.gradient(parameters, data)


def test_different_numbers_of_examples_are_a_shape_error() -> None:
    functions, parameters, data = two_layers()
    with pytest.raises(ShapeError, match="different numbers of examples: x 6, t 4"):
        functions.gradient(parameters, {**data, "t": data["t"][:4]})


def test_an_unknown_array_is_refused_with_the_nearest_name() -> None:
    functions, parameters, data = two_layers()
    with pytest.raises(DeclarationError, match="no array 'W3'"):
        functions.gradient({**parameters, "W3": 1.0}, data)


def test_missing_arrays_are_named() -> None:
    functions, parameters, data = two_layers()
    del parameters["b2"]
    with pytest.raises(ShapeError, match="'b2'"):
        functions.gradient(parameters, data)


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(DeclarationError, match="no size 'J'"):
        compile(CORPUS["two layers"].text, {"J": 3}, target="numpy")


def test_a_given_size_is_held_against_its_definition_unless_that_is_a_plain_number() -> None:
    text = "size K = P + 1, H = 3\nindex p = 1..P, k = 1..K, h = 1..H\ninput x[p]\nparameter w[k], b[h]\n"
    text += "L = sum(p, w[p]*x[p]) + sum(k, w[k]**2) + sum(h, b[h]**2)"
    data = {"x": np.ones((4, 2))}
    given = compile(text, sizes={"H": 5}, target="numpy")
    assert {name: array.shape for name, array in given.initialize(data=data).items()} == {"w": (3,), "b": (5,)}
    given = compile(text, sizes={"K": 4, "P": 2}, target="numpy")
    with pytest.raises(ShapeError, match="the size K would be both 4 and 3"):
        given.initialize(data=data)


@pytest.mark.parametrize(
    ("text", "zeros"),
    [
        ("y = sigmoid(sum(i, w[i]*x[i]) + b); L = binary_cross_entropy(t, y)", True),
        ("y = swish(sum(i, w[i]*x[i]) + b); L = (y - t)**2", True),
        ("a = sum(i, w[i]*x[i]) + b; y = tanh(a); L = -t*log(sigmoid(y)) + b - b", True),
        ("y = exp(-(sum(i, w[i]*x[i]) - b)**2); L = (y - t)**2", False),  # a centre
        ("y = sum(i, w[i]*x[i])*b; L = (y - t)**2", False),  # a scale
        ("y = sum(i, w[i]*x[i]) + b; L = (y - t)**2 + b**2", False),
        ("y = (w[1] + b)*x[1]; L = (y - t)**2", False),  # beside parameters alone
    ],
)
def test_a_bias_starts_at_zero_however_it_is_spelled(text: str, zeros: bool) -> None:
    functions = compile("index i = 1..D; input x[i]; target t; parameter w[i], b\n" + text, {"D": 2}, target="numpy")
    assert (functions.initialize(seed=0)["b"] == 0) == zeros


def test_a_size_that_nothing_tells_is_asked_for() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy")
    with pytest.raises(ShapeError, match="H"):
        functions.initialize(0, {"x": np.zeros((4, 3)), "t": np.zeros((4, 5))})


def test_a_read_beyond_an_axis_is_shown_where_the_network_has_it() -> None:
    text = "size D = 12, P = 6\nindex r = 1..D, p = 1..P, k = 1..3\ninput x[r]\nparameter w[k]\n"
    functions = compile(text + "L = sum(p, sum(k, w[k]*x[2*p + k - 2])**2)", target="numpy")
    with pytest.raises(ShapeError) as caught:
        functions.gradient({"w": np.ones(3)}, {"x": np.ones((4, 12))})
    assert caught.value.message == "x[2*p + k - 2] is read from 1 to 13, outside its range 1 to 12"
    assert (caught.value.line, caught.value.hint) == (5, "Shift the limits, or write 'zero outside x'.")


def test_an_array_of_examples_is_shown_with_its_whole_shape() -> None:
    functions = compile("index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\nL = (sum(i, w[i]*x[i]) - t)**2")
    with pytest.raises(ShapeError, match=r"D = 2 follows from the shape \(50, 2\) of x"):
        functions.gradient({"w": np.ones(3)}, {"x": np.ones((50, 2)), "t": np.ones(50)})


def test_an_index_outside_its_range_is_a_shape_error() -> None:
    functions = compile(CORPUS["embedding"].text, target="numpy")
    parameters, data = arrays(functions, CORPUS["embedding"].sizes, 6)
    data["tok"][0, 0] = 6
    with pytest.raises(ShapeError, match="tok holds"):
        functions.gradient(parameters, data)


# ---- training -------------------------------------------------------------------------------------------------------


def plain_descent(functions: Functions, parameters: Any, data: Any, batches: list[Any], rate: float) -> Any:
    parameters = {key: np.array(value, float) for key, value in parameters.items()}
    losses = []
    for rows in batches:
        value, gradients = functions.gradient(parameters, {key: array[rows] for key, array in data.items()})
        losses.append(value)
        parameters = {key: value - rate * gradients[key] for key, value in parameters.items()}
    return parameters, losses


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_a_run_does_the_steps_of_plain_gradient_descent(target: str) -> None:
    functions = compile(CORPUS["two layers"].text, target=target, optimizer="sgd")
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 10)
    training = functions.start(parameters, data, batch_size=4, shuffle=False)
    assert training.batches == 3
    outcome = functions.run(training, 5, learning_rate=0.1)
    wanted, losses = plain_descent(
        functions, parameters, data, [slice(0, 4), slice(4, 8), slice(8, 10), slice(0, 4), slice(4, 8)], 0.1
    )
    np.testing.assert_allclose(outcome.losses, losses, rtol=1e-12)
    for key, value in training.parameters.items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-10)


def test_a_run_cut_into_slices_is_the_same_run() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy", optimizer="adam")
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 10)
    whole, cut = (functions.start(parameters, data, batch_size=4, seed=5) for _ in range(2))
    losses = functions.run(whole, 8).losses
    parts = [functions.run(cut, count).losses for count in (1, 3, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), losses)
    np.testing.assert_array_equal(cut.flat, whole.flat)


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own() -> None:
    functions = compile("input x; parameter w; L = w*x; minimize L", target="numpy", optimizer="sgd")
    data = {"x": 2.0 ** np.arange(8)}
    training = functions.start({"w": 1.0}, data, batch_size=1, seed=2)
    first, second = (functions.run(training, 8, learning_rate=1e-300).losses for _ in range(2))
    np.testing.assert_array_equal(np.sort(first), data["x"])
    np.testing.assert_array_equal(np.sort(second), data["x"])
    assert (first != second).any()
    again = functions.start({"w": 1.0}, data, batch_size=1, seed=2)
    np.testing.assert_array_equal(functions.run(again, 8, learning_rate=1e-300).losses, first)


def test_maximising_ascends() -> None:
    functions = compile(CORPUS["logistic"].text, target="numpy", optimizer="sgd")
    parameters, data = arrays(functions, CORPUS["logistic"].sizes, 10)
    training = functions.start(parameters, data)
    losses = functions.run(training, 20, learning_rate=0.5).losses
    assert (np.diff(losses) > 0).all()


@pytest.mark.parametrize("slices", [(40,), (10, 30), (1,) * 40])
def test_a_diverging_run_stops_at_the_last_finite_objective(slices: tuple[int, ...]) -> None:
    functions = compile("input x; parameter w; L = w**4*x; minimize L", target="numpy", optimizer="sgd")
    data = {"x": np.ones(3)}
    training = functions.start({"w": 3.0}, data)
    outcome = None
    for count in slices:
        outcome = functions.run(training, count, learning_rate=1.0)
        if outcome.diverged is not None:
            break
    assert outcome is not None
    assert outcome.diverged is not None
    assert np.isfinite(functions.objective(training.parameters, data))
    w = np.float64(3.0)
    with np.errstate(all="ignore"):
        for _ in range(outcome.diverged - 1):
            w = w - 4 * w**3
        assert not np.isfinite((w - 4 * w**3) ** 4)
    assert training.parameters["w"] == pytest.approx(w, rel=1e-9)


def test_a_copy_of_a_run_is_independent_and_can_be_restored() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy", optimizer="momentum")
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 10)
    training = functions.start(parameters, data, batch_size=4)
    functions.run(training, 3)
    kept = training.copy()
    after = functions.run(training, 4).losses
    training.restore(kept)
    assert training.step == 3
    np.testing.assert_array_equal(functions.run(training, 4).losses, after)


def test_training_without_an_optimizer_is_refused() -> None:
    functions, parameters, data = two_layers()
    with pytest.raises(OptionError, match="without an optimizer"):
        functions.start(parameters, data)


def test_an_unknown_hyperparameter_of_the_optimizer_is_refused() -> None:
    functions = compile(CORPUS["two layers"].text, target="numpy", optimizer="sgd")
    parameters, data = arrays(functions, CORPUS["two layers"].sizes, 10)
    training = functions.start(parameters, data)
    with pytest.raises(OptionError, match="'beta'"):
        functions.run(training, 1, beta=0.9)


def test_a_minibatch_of_a_declared_batch_index_is_cut_along_it() -> None:
    functions = compile(CORPUS["batch normalisation"].text, target="numpy", optimizer="sgd")
    parameters, data = arrays(functions, CORPUS["batch normalisation"].sizes, 6)
    training = functions.start(parameters, data, batch_size=3, shuffle=False)
    losses = functions.run(training, 1, learning_rate=0.1).losses
    half = {key: array[:3] for key, array in data.items()}
    assert losses[0] == pytest.approx(functions.objective(parameters, half), rel=1e-12)


def test_a_broken_module_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "symprop_generated_broken.py"
    path.write_text("raise RuntimeError")
    with pytest.raises(RuntimeError):
        load.load(path)
    assert "symprop_generated_broken" not in sys.modules


@pytest.mark.slow
def test_twenty_layers_train() -> None:
    functions = compile(deep(20), {f"H{n}": 4 for n in range(1, 21)}, optimizer="adam")
    random = np.random.default_rng(0)
    data = {"x": random.standard_normal((64, 4)), "t": random.integers(0, 2, 64).astype(float)}
    training = functions.start(functions.initialize(0, data), data)
    losses = functions.run(training, 300, learning_rate=0.01).losses
    assert losses[-1] < losses[0]


MASKED = (
    (
        "a recurrence that stands still",
        "index t = 1..3; input x[t]; parameter a; h[0] = 1; L = h[3];"
        " h[t] = where(x[t] > 0, a*h[t-1] + x[t], h[t-1]) for t = 1..3",
        {"a": 0.5},
        {"x": [[1.0, -1.0, 2.0]]},
        {"a": 2.0},  # h = 1, a + 1, a + 1, a*(a + 1) + 2
    ),
    (
        "neighbours",
        "index t = 1..4; input x[t]; parameter w[t]; L = sum(t = 1..3, where(x[t] > 0, (w[t+1] - w[t])**2, 0))",
        {"w": [1.0, 2.0, 4.0, 8.0]},
        {"x": [[1.0, -1.0, 2.0, 1.0]]},
        {"w": [-2.0, 2.0, -8.0, 8.0]},  # of (w2 - w1)**2 + (w4 - w3)**2
    ),
    (
        "a part of the range",
        "index k = 1..4, j = 2..3; input x[j]; parameter b[k]; L = sum(j, where(x[j] > 0, b[j], 0)*x[j])",
        {"b": [1.0, 2.0, 4.0, 8.0]},
        {"x": [[1.0, 2.0]]},
        {"b": [0.0, 1.0, 2.0, 0.0]},
    ),
)


@pytest.mark.parametrize(
    ("text", "parameters", "data", "expected"), [row[1:] for row in MASKED], ids=[r[0] for r in MASKED]
)
def test_conditions_on_values_may_stand_around_shifts(
    text: str, parameters: dict[str, Any], data: dict[str, Any], expected: dict[str, Any]
) -> None:
    arrays = {name: np.asarray(value) for name, value in parameters.items()}
    _, gradients = compile(text, target="numpy").gradient(arrays, data)
    for name, gradient in expected.items():
        np.testing.assert_allclose(gradients[name], gradient)


def test_a_condition_on_values_keeps_no_reading_inside_its_range() -> None:
    functions = compile(
        "index k = 1..K, t = 1..2*K; input x[k]; parameter b[k]; L = sum(k, where(x[k] > 0, b[2*k], 0))", target="numpy"
    )
    with pytest.raises(ShapeError, match="outside its range"):
        functions.gradient({"b": np.ones(2)}, {"x": np.ones((1, 2))})


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_an_intermediate_of_an_empty_sum_has_no_element(length: int) -> None:
    """A sum up to T - 2 is empty at T = 1, where its terms, kept in an array of their own, are not minus one."""
    text = """
    size T; index t = 1..T; parameter x[t], q
    a[t] = sum(s = 1..T-2, prod(n = 1..3, x[t]*x[s+n-1])); L = q*sum(t, (a[t] + x[t])**2)
    """

    def value(x: np.ndarray, q: float) -> float:
        a = [sum(np.prod([x[t] * x[s + k] for k in range(3)]) for s in range(length - 2)) for t in range(length)]
        return float(q * ((a + x) ** 2).sum())

    x = np.arange(1.0, length + 1) / 3
    functions = compile(text, sizes={"T": length}, target="numpy")
    loss, gradients = functions.gradient({"x": x, "q": 2.0}, {})
    assert loss == pytest.approx(value(x, 2.0), rel=1e-13)
    assert gradients["q"] == pytest.approx(value(x, 1.0), rel=1e-13)
    slopes = [(value(x + step, 2.0) - value(x - step, 2.0)) / 2e-5 for step in 1e-5 * np.eye(length)]
    np.testing.assert_allclose(gradients["x"], slopes, rtol=1e-7)


def test_a_hostile_size_is_refused_before_anything_is_allocated() -> None:
    text = "index i = 1..D; parameter w[i]; L = sum(i, w[i]**2)"
    for target in ("numpy", "numba"):
        with pytest.raises(ShapeError, match="not enough memory"):
            pipeline_compile(text, sizes={"D": 10**12}, target=target).initialize()
