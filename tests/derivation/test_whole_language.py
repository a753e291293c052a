"""Random networks over the whole language: derived without a crash, a wrong gradient or a delta that is left over."""

from __future__ import annotations

from contextlib import suppress

import pytest
from brute_force import UndefinedError
from hypothesis import given, settings
from test_reverse_sweep_by_differences import assert_adjoints_are_right
from whole_language import Written, leftover_delta, written

from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate


def assert_derivation_is_right(example: Written) -> None:
    assert example.derived is not None
    derivation = backpropagate(example.derived)
    for adjoint in derivation.adjoints.values():
        assert leftover_delta(adjoint.textbook) is None, f"{adjoint.access} = {adjoint.textbook}"
    for gradient in derivation.gradients.values():
        assert leftover_delta(gradient.expression) is None, f"d/d{gradient.name} = {gradient}"
    with suppress(UndefinedError):
        assert_adjoints_are_right(example, derivation)


@given(written(most=3))
@settings(max_examples=25)
def test_networks_over_the_whole_language_are_derived(example: Written) -> None:
    assert_derivation_is_right(example)


@given(written(most=2, rivals=True))
@settings(max_examples=15)
def test_each_of_two_objectives_is_derived_by_its_own_parameters(example: Written) -> None:
    assert_derivation_is_right(example)


@pytest.mark.slow
@given(written(rivals=True))
@settings(max_examples=400)
def test_two_objectives_of_larger_networks_are_derived_by_their_own_parameters(example: Written) -> None:
    assert_derivation_is_right(example)


@pytest.mark.slow
@given(written())
@settings(max_examples=2000)
def test_two_thousand_networks_over_the_whole_language_are_derived(example: Written) -> None:
    assert_derivation_is_right(example)


def test_the_place_of_an_extremum_is_one_of_those_summed_over() -> None:
    network = parse("index j = 1..H; input x[j]; parameter c; z[j] = x[j] + c; L = max(j, z[j]); minimize L")
    assert str(backpropagate(network).gradients["c"]) == "1"
