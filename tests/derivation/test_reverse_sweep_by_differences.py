"""Every adjoint of random networks is what a central difference of the objective says."""

from __future__ import annotations

import pytest
from brute_force import UndefinedError, central_difference, close
from hypothesis import assume, given, settings
from networks import Example, examples

from symprop.derivation.reverse_sweep import backpropagate


def assert_adjoints_are_right(example: Example) -> None:
    derivation = backpropagate(example.network)
    for form in ("expression", "textbook"):
        adjoints = tuple((a.access, a.bounds, getattr(a, form)) for a in derivation.adjoints.values())
        witness = example.witness(adjoints)
        for adjoint in derivation.adjoints.values():
            for indices in witness.points(adjoint.bounds):
                point = tuple(int(indices[bound.index]) for bound in adjoint.bounds)
                found = witness.read(adjoint.access.name, point)
                wanted = central_difference(example.witness(), ("L", ()), (adjoint.of, point))
                assert close(found, wanted), f"{example}\n{form}: {adjoint.access} = {getattr(adjoint, form)}\n" + (
                    f"at {point}: {float(found)} instead of {float(wanted)}"
                )
    for gradient in derivation.gradients.values():
        for indices in witness.points(gradient.bounds):
            point = tuple(int(indices[bound.index]) for bound in gradient.bounds)
            found = witness.of(gradient.expression, indices)
            wanted = central_difference(example.witness(), ("L", ()), (gradient.name, point))
            assert close(found, wanted), f"{example}\nfinal: {gradient.name} = {gradient}"


@given(examples())
@settings(max_examples=60)
def test_adjoints_are_central_differences(example: Example) -> None:
    assert_adjoints_are_right(example)


@pytest.mark.slow
@given(examples(depth=4))
@settings(max_examples=1000)
def test_adjoints_of_deeper_networks_are_central_differences(example: Example) -> None:
    assert_adjoints_are_right(example)
