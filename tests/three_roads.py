"""Three roads to each derivative of a network.

The formula of the reverse sweep, the evaluator's own forward derivatives, and a central difference of the objective by
an evaluator that shares no code with the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from brute_force import Witness, central_difference, mp, real

from symprop.algebra.expressions import Access, Derivative, Expr, number, substitute
from symprop.declaration.network import Network, Objective
from symprop.declaration.sizes import layers_of, solve_sizes
from symprop.derivation.reverse_sweep import backpropagate
from symprop.verification.evaluate import Evaluator
from symprop.verification.sampling import Sampler

# The step is 1e-30, so a difference errs by 1e-60 times a third derivative; balls are asked for 40 digits.
TOLERANCE = mp.mpf(10) ** -25
DIGITS = 40


class Example:
    """A network at one point, and one of its objectives."""

    def __init__(self, network: Network, sizes: Mapping[str, Any], objective: Objective, seed: int) -> None:
        self.network = network
        self.objective = Access(objective.name, ())
        self.derivation = backpropagate(network, objective.name, objective.over)
        solved = solve_sizes(network, {}, sizes)
        values = {**Sampler(network, seed).point(solved, (Fraction(-1), Fraction(1))).values}
        for equation in network.equations:  # x[0] = 1 fixes a component of an input
            if equation.name in values:
                at = tuple(int(str(index)) for index in equation.target.indices)
                values[equation.name] = {**values[equation.name], at: Fraction(str(equation.expression))}
        self.evaluator = Evaluator(network, sizes, values, digits=DIGITS)
        self.evaluator.include(self.derivation)
        self.witness = Witness(network, {name: by_layer(network, name, solved[name]) for name in solved}, values)

    def formulas(self) -> Iterator[tuple[Access, dict[str, Expr]]]:
        """Yield every component of every quantity with an adjoint, and what its derivative is said to be."""
        for name, adjoint in self.derivation.adjoints.items():
            forms = {"expression": adjoint.expression, "textbook": adjoint.textbook}
            if name in self.derivation.gradients:
                forms["final"] = self.derivation.gradients[name].expression
            own = adjoint.access.indices
            for point in self.witness.components(name):
                places = tuple(map(number, point))
                at = dict(zip(own, places, strict=True))
                component = Access(name, places)
                found = {form: substitute(expression, at) for form, expression in forms.items()}
                yield component, {**found, "forwards": Derivative("D", self.objective, component)}

    def check(self) -> None:
        """Assert that every formula has the value of the central difference."""
        for component, formulas in self.formulas():
            wanted = self.difference(component)
            for form, formula in formulas.items():
                distance = self.distance(formula, wanted)
                assert distance <= TOLERANCE * max(1, abs(wanted)), (
                    f"{form}: d{self.objective}/d{component} = {formula}"
                )

    def difference(self, component: Access) -> Any:
        """Return the central difference of the objective by one component, cut loose from its own equation."""
        point = tuple(int(str(place)) for place in component.indices)
        return central_difference(self.witness, (self.objective.name, ()), (component.name, point))

    def distance(self, expression: Expr, wanted: Any) -> Any:
        """Return the greatest distance that the certified value of an expression may have from a number."""
        value = self.evaluator.value(expression)
        if isinstance(value, Fraction):
            return abs(real(value) - wanted)
        return abs(exactly(value.mid()) - wanted) + exactly(value.rad())


def exactly(ball: Any) -> Any:
    """Return a ball without radius as a number of the witness."""
    mantissa, exponent = ball.man_exp()
    return mp.ldexp(mp.mpf(int(mantissa)), int(exponent))


def by_layer(network: Network, name: str, value: Any) -> Any:
    """Return the value of a size, or the values of the layers by layer."""
    if isinstance(value, int):
        return value
    layers = layers_of(network, name)
    assert layers is not None
    first = int(str(layers[0]))
    return {first + place: size for place, size in enumerate(value)}
