"""Training in standard units of the target, where that is the same problem, and back to the parameters of its own.

A prediction such as ``y = sum(j, v[j]*z[j]) + b`` is affine in parameters that nothing else reads.  Training it to
standardised targets ``(t - mean)/deviation`` and then taking ``deviation*v`` and ``deviation*b + mean`` gives the very
network that the user wrote, in the units of the target; only the path of the optimiser is another, and it no longer
depends on the units.  Whether a network is of that kind is not guessed from its loss: at random parameters the
prediction must change as said, and the objective by one affine map.  A Poisson or log loss, a penalty of the
weights or a bounded output fail this, and are then trained as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symprop.algebra.expressions import Access, Add, Expr, walk

if TYPE_CHECKING:
    import numpy as np

    from symprop.declaration.network import Network
    from symprop.runtime.load import Functions

# Examples and random parameters that the two problems are compared at.
EXAMPLES, DRAWS = 32, 5


@dataclass(frozen=True)
class Scaling:
    """How a problem in standard units and the user's own are related.

    Attributes
    ----------
    target : str
        The target that is standardised.
    mean, deviation : float
        Of the target, in its units; population form.
    scaled : tuple of str
        Parameters that are multiplied by `deviation` on the way back.
    shifted : str
        The one of them that `mean` is added to.
    slope, offset : float
        The objective in the user's units is ``slope*objective + offset``.
    """

    target: str
    mean: float
    deviation: float
    scaled: tuple[str, ...]
    shifted: str
    slope: float = 1.0
    offset: float = 0.0

    def standard(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return arrays with the target in standard units, dimensionless."""
        return {**arrays, self.target: (arrays[self.target] - self.mean) / self.deviation}

    def own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that predict in the units of the target what `parameters` predict in standard ones."""
        result = dict(parameters)
        for name in self.scaled:
            result[name] = self.deviation * parameters[name] + (self.mean if name == self.shifted else 0.0)
        return result


def scaling(
    network: Network, functions: Functions, prediction: str, target: str, arrays: Mapping[str, np.ndarray]
) -> Scaling | None:
    """Return how to train in standard units, or None if that would be another problem.

    Parameters
    ----------
    network : Network
    functions : Functions
        Of the network.
    prediction, target : str
        What is predicted for the target.
    arrays : mapping of str to array
        The training examples, the target in its units.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        mean, deviation = float(np.mean(arrays[target])), float(np.std(arrays[target]))
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        return None
    names = _affine(network, prediction)
    if names is None:
        return None
    candidate = Scaling(target, mean, deviation, *names)
    few = {
        name: array if (axis := functions.metadata.example_axis(name)) is None else array.take(_some(array, axis), axis)
        for name, array in arrays.items()
    }
    random = np.random.default_rng(0)
    tolerance = 1e-3 if functions.metadata.dtype == "float32" else 1e-7
    start = functions.initialize(0, few)
    pairs = []
    with np.errstate(all="ignore"):
        for draw in range(DRAWS):
            standard = {name: _disturbed(value, 0.3 * (draw + 1), random) for name, value in start.items()}
            own = candidate.own(standard)
            expected = mean + deviation * np.asarray(functions.forward(standard, few)[prediction])
            found = np.asarray(functions.forward(own, few)[prediction])
            if not np.allclose(found, expected, rtol=tolerance, atol=tolerance * (abs(mean) + deviation)):
                return None
            pairs.append((functions.objective(standard, candidate.standard(few)), functions.objective(own, few)))
    values = np.array(pairs)
    if not np.isfinite(values).all() or np.ptp(values[:, 0]) <= tolerance * np.abs(values[:, 0]).max():
        return None
    slope, offset = np.polyfit(values[:, 0], values[:, 1], 1)
    fitted = slope * values[:, 0] + offset
    if slope <= 0 or not np.allclose(values[:, 1], fitted, rtol=0, atol=10 * tolerance * np.abs(values[:, 1]).max()):
        return None
    return Scaling(target, mean, deviation, *names, slope=float(slope), offset=float(offset))


def _some(array: np.ndarray, axis: int) -> np.ndarray:
    """Return places of a few examples, spread over all."""
    import numpy as np

    count = array.shape[axis]
    return np.unique(np.linspace(0, count - 1, min(count, EXAMPLES)).astype(int))


def _disturbed(value: Any, size: float, random: np.random.Generator) -> Any:
    if isinstance(value, list | tuple):
        return [_disturbed(part, size, random) for part in value]
    return value + size * random.standard_normal(value.shape).astype(value.dtype)


def _affine(network: Network, prediction: str) -> tuple[tuple[str, ...], str] | None:
    """Return the parameters that only the prediction reads, and the one that is added to it; None without one."""
    name = prediction
    while True:
        equations = network.definitions.get(name, ())
        if len(equations) != 1:
            return None
        expression = equations[0].expression
        if not (isinstance(expression, Access) and network.quantities[expression.name].role == "defined"):
            break
        name = expression.name  # y = b stands for b
    if not isinstance(expression, Add):
        return None
    elsewhere = {
        node for equation in network.equations if equation is not equations[0] for node in _read(equation.expression)
    }
    own = [
        quantity.name
        for quantity in network.of_role("parameter")
        if quantity.name in _read(expression) and quantity.name not in elsewhere
    ]
    terms = [term.name for term in expression.terms if isinstance(term, Access) and term.name in own]
    return (tuple(own), terms[0]) if len(terms) == 1 else None


def _read(expression: Expr) -> set[str]:
    return {node.name for node in walk(expression) if isinstance(node, Access)}
