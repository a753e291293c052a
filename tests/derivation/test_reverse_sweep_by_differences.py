"""Every adjoint of random networks is what a central difference of the objective says."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import pytest
from brute_force import Point, Value, Witness, central_difference, close, has_kink
from hypothesis import assume, given, settings
from random_networks import Example, examples

from symprop.algebra.expressions import Bound
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation


def assert_adjoints_are_right(example: Example, derivation: Derivation | None = None) -> None:
    derivation = derivation or backpropagate(example.network)
    plain = example.witness()
    difference = cache(lambda objective, by: central_difference(plain, objective, by))

    def compare(found: Value, by: tuple[str, Point], formula: str, of: str = "L") -> None:
        objective = of, ()
        wanted = difference(objective, by)
        if not close(found, wanted, plain.read(*objective)):
            assume(not has_kink(plain, objective, by))
            raise AssertionError(f"{formula}\nat {by[1]}: {found} instead of {wanted}")

    for form in ("expression", "textbook"):
        adjoints = tuple((a.access, a.bounds, getattr(a, form)) for a in derivation.adjoints.values())
        witness = example.witness(adjoints)
        # Of several objectives, whose adjoint it is shows in the gradients that are made of it.
        alone = derivation.adjoints.values() if len(example.network.objectives) == 1 else ()
        for adjoint in alone:
            for point in points_of(witness, adjoint.bounds):
                found = witness.read(adjoint.access.name, point)
                compare(found, (adjoint.of, point), f"{form}: {adjoint.access} = {getattr(adjoint, form)}")
    for gradient in derivation.gradients.values():
        of = (gradient.of or derivation.of).name
        for point in points_of(witness, gradient.bounds):
            found = witness.of(gradient.expression, dict(zip(gradient.indices, map(Fraction, point), strict=True)))
            compare(found, (gradient.name, point), f"final: {gradient.name} = {gradient}", of)


def points_of(witness: Witness, bounds: tuple[Bound, ...]) -> Iterator[Point]:
    for indices in witness.points(bounds):
        yield tuple(int(indices[bound.index]) for bound in bounds)


@given(examples())
@settings(max_examples=60)
def test_adjoints_are_central_differences(example: Example) -> None:
    assert_adjoints_are_right(example)


@pytest.mark.slow
@given(examples(depth=4))
@settings(max_examples=1000)
def test_adjoints_of_deeper_networks_are_central_differences(example: Example) -> None:
    assert_adjoints_are_right(example)
