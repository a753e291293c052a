"""Programs compute what the reference says, in as few kernels as there are different loops."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from brute_force import UndefinedError, Witness, central_difference, real
from corpus import CORPUS, Case, deep
from hypothesis import given, settings
from random_networks import Example, examples, random_values
from whole_language import Written, written

from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import MissingRuleError
from symprop.lowering.interpreter import interpret
from symprop.lowering.program import ONES, Invoke, Loop, Product, Program, statements
from symprop.lowering.schedule import lower
from symprop.lowering.stable import stabilize

# Programs compute in float64: rounding of 1e-16 for each of at most some hundred operations, times condition numbers
# that these small networks do not let exceed 1e5.
TOLERANCE = 1e-9


def program_of(text: str, **options: Any) -> Program:
    return lower(backpropagate(stabilize(parse(text))[0], simplify=False), **options)


def assert_program_is_right(network: Network, sizes: dict[str, int], values: Any) -> None:
    """Compare every value of the forward pass with the reference, and every gradient with a central difference."""
    stable, _ = stabilize(network)
    program = lower(backpropagate(stable, simplify=False))
    witness = Witness(network, sizes, values)
    all_sizes = dict(sizes)
    if network.batch is None and program.examples:
        all_sizes[program.examples] = 1
    arrays = {
        given.name: [float(real(witness.read(given.name, point))) for point in sorted(witness.components(given.name))]
        for given in program.given
    }
    arrays |= {name: [float(real(witness.read(name, ())))] for name, _ in program.hyperparameters}
    found = interpret(program, program.forward, arrays, all_sizes)
    for name, _, _ in program.defined:
        for value, point in zip(found[name][1], sorted(witness.components(name)), strict=True):
            assert value == pytest.approx(float(real(witness.read(name, point))), rel=TOLERANCE, abs=TOLERANCE), name
    assert program.gradient is not None
    found = interpret(program, program.gradient, arrays, all_sizes)
    objective = (program.objective, ())
    assert found[program.objective_buffer][1][0] == pytest.approx(float(real(witness.read(*objective))), rel=TOLERANCE)
    for of, buffer in zip(program.wrt, program.gradient.outputs[1:], strict=True):
        for value, point in zip(found[buffer][1], sorted(witness.components(of)), strict=True):
            wanted = float(central_difference(Witness(network, sizes, values), objective, (of, point)))
            assert value == pytest.approx(wanted, rel=1e-7, abs=1e-7), f"{of}{list(point)}"


@pytest.mark.parametrize("name", [name for name in CORPUS if name != "embedding"])
def test_programs_of_the_corpus_compute_values_and_gradients(name: str) -> None:
    network = parse(CORPUS[name].text)
    sizes = dict.fromkeys(CORPUS[name].sizes, 2)
    if name == "strided convolution with padding":
        sizes["R"] = 3
    assert_program_is_right(network, sizes, random_values(network, sizes, 7))


@given(examples(depth=2))
@settings(max_examples=25)
def test_programs_of_random_networks_compute_values_and_gradients(example: Example) -> None:
    with suppress(UndefinedError):
        assert_program_is_right(example.network, dict(example.sizes), example.values)


@pytest.mark.slow
@given(examples(depth=3))
@settings(max_examples=400)
def test_programs_of_deeper_random_networks_compute_values_and_gradients(example: Example) -> None:
    with suppress(UndefinedError):
        assert_program_is_right(example.network, dict(example.sizes), example.values)


@given(written(most=3))
@settings(max_examples=15)
def test_programs_over_the_whole_language_compute_values_and_gradients(example: Written) -> None:
    with suppress(UndefinedError):
        assert_program_is_right(example.network, dict(example.sizes), example.values)


def test_equal_layers_share_their_kernels() -> None:
    assert len(program_of(deep(20)).kernels) == len(program_of(deep(3)).kernels)


def test_a_layer_is_one_product_of_matrices_and_its_backward_pass_two() -> None:
    program = program_of(CORPUS["two layers"].text)
    products = [s for s in statements(program.gradient.body) if isinstance(s, Product)]  # type: ignore[union-attr]
    of_matrices = [p for p in products if ONES not in (p.left.array, p.right.array)]
    # W1 x and its gradient; W2 z, its gradient and z_bar.
    assert [p.out.array for p in of_matrices] == ["a", "o", "z_bar", "W1_bar", "W2_bar"]


def test_a_bias_is_added_where_the_product_stands() -> None:
    program = program_of(CORPUS["two layers"].text)
    assert program.gradient is not None
    assert not any(buffer.name.startswith("sum_W") for buffer in program.gradient.buffers)


def test_forward_values_are_computed_once() -> None:
    program = program_of(CORPUS["activations without names"].text)
    assert program.gradient is not None
    products = [s for s in statements(program.gradient.body) if isinstance(s, Product)]
    assert sum("W" in (p.left.array, p.right.array) for p in products) == 1


def test_only_what_a_gradient_needs_is_computed() -> None:
    text = CORPUS["two layers"].text
    derivation = backpropagate(stabilize(parse(text))[0], wrt=("b2",), simplify=False)
    program = lower(derivation)
    assert program.gradient is not None
    names = {buffer.name for buffer in program.gradient.buffers}
    assert "b2_bar" in names
    assert not {"a_bar", "z_bar", "W1_bar", "W2_bar"} & names


def test_a_recurrence_runs_forwards_and_its_adjoint_backwards() -> None:
    program = program_of(CORPUS["recurrence"].text)
    assert program.gradient is not None
    loops = [s for s in program.gradient.body if isinstance(s, Loop) and s.index.name == "t"]
    assert [loop.descending for loop in loops] == [False, True]
    # What comes from the inputs is no part of the recurrence: one product for all times.
    before = program.gradient.body.index(loops[0])
    assert any(isinstance(s, Product) and "x" in (s.left.array, s.right.array) for s in program.gradient.body[:before])


def test_elementwise_equations_share_one_loop() -> None:
    program = program_of(CORPUS["logistic"].text)
    assert program.gradient is not None
    kernels = {s.function for s in statements(program.gradient.body) if isinstance(s, Invoke)}
    # One for everything that happens to an example, one for means: of the objective, and of b_bar for the bias.
    assert len(kernels) == 2


def test_a_function_without_a_body_cannot_be_computed() -> None:
    with pytest.raises(MissingRuleError, match="'g' has no body"):
        program_of("input x; parameter w; function g(u); L = g(w*x); minimize L")


def test_a_circle_that_no_index_resolves_is_refused() -> None:
    text = """
index t, u = 1..T
input x[t]
parameter w
h[0] = w
h[t] = x[t] + h[T-t] for t = 1..T
L = h[T]
minimize L
"""
    try:
        network = parse(text)
    except Exception:
        pytest.skip("refused by the parser already")
    with pytest.raises(MissingRuleError, match="depend on each other"):
        lower(backpropagate(network, simplify=False))


def test_cases_have_sizes_for_all_their_names() -> None:
    for case in CORPUS.values():
        assert isinstance(case, Case)
        assert set(case.sizes) >= {name for name in parse(case.text).sizes if name.isidentifier()} - {"n"}
