"""A derivation as a network of its own: forward equations, then the adjoints as ordinary quantities.

Deriving it again gives second derivatives: the Jacobian of ``w_bar`` by ``w`` is the Hessian, and the gradient of
``sum(i, w_bar[i]*v[i])`` by ``w`` the Hessian-vector product with ``v``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from symprop.algebra.expressions import Access, Add, Bound, Call, Derivative, Expr, Index, Reduction, Where
from symprop.declaration.network import Equation, Network, Objective
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.simplify import with_denominators_last
from symprop.derivation.steps import Derivation as Derived
from symprop.errors import DeclarationError


def as_network(derivation: Derived) -> Network:
    """Return the network whose equations compute everything that `derivation` speaks of.

    Raises
    ------
    DeclarationError
        If the network has a quantity whose name an adjoint needs.
    """
    network = derivation.network
    quantities: dict[str, Quantity] = dict(network.quantities)
    equations = list(network.equations)
    derivatives: dict[str, Derivative] = {}
    for adjoint in derivation.adjoints.values():
        name = adjoint.access.name
        if name in network.quantities:
            raise DeclarationError(
                f"'{name}' is the name of an adjoint and of a quantity", hint=f"Rename '{name}' in the network."
            )
        axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in adjoint.bounds)
        quantities[name] = Quantity(name, "defined", axes)
        equations.append(Equation(adjoint.access, adjoint.bounds, with_denominators_last(adjoint.expression)))
        own = adjoint.access.indices[len(adjoint.access.indices) - len(network.quantities[adjoint.of].axes) :]
        derivatives[name] = Derivative("D", derivation.of, Access(adjoint.of, own))
    if derivation.mode == "forward" or any(gradient.of is not None for gradient in derivation.gradients.values()):
        derivatives = {}
    return replace(
        network,
        quantities=quantities,
        equations=tuple(equations),
        objectives=(),
        text="",
        derivatives={**network.derivatives, **derivatives},
    )


def with_arguments_named(network: Network) -> Network:
    """Return `network` with a name for each sum that a function on a right side is applied to: ``a`` in ``tanh(a)``.

    Derived twice, ``h = tanh(sum(...))`` has a product of matrices for every path through tanh'; with a name these
    paths meet in the adjoint of ``a``, and one product serves all of them.
    """
    quantities = dict(network.quantities)
    equations: list[Equation] = []
    for equation in network.equations:

        def named(node: Expr, equation: Equation = equation) -> Expr:
            if isinstance(node, (Access, Reduction, Where)):  # indices of their own, or no value everywhere
                return node
            if isinstance(node, Call) and not node.orders and len(node.arguments) == 1:
                (argument,) = node.arguments
                if isinstance(argument, (Add, Reduction)):
                    name = next(n for n in _names_for_argument(equation.name) if n not in quantities)
                    axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in equation.bounds)
                    target = Access(name, tuple(bound.index for bound in equation.bounds))
                    quantities[name] = Quantity(name, "defined", axes)
                    equations.append(Equation(target, equation.bounds, argument))
                    return Call(node.function, (target,), ())
            changed = tuple(map(named, node.children))
            same = all(a is b for a, b in zip(changed, node.children, strict=True))
            return node if same else node.rebuild(changed)

        expression = named(equation.expression)
        equations.append(equation if expression is equation.expression else replace(equation, expression=expression))
    return replace(network, quantities=quantities, equations=tuple(equations))


def _names_for_argument(name: str) -> Iterator[str]:
    yield f"{name}_argument"
    yield from (f"{name}_argument{number}" for number in count(2))


def with_direction(network: Network, of: str, direction: str, product: str) -> Network:
    """Return `network` with an input ``direction`` shaped like `of`, and ``product = sum(of*direction)`` to derive.

    The gradient of ``product`` by a parameter is the product of the Jacobian of `of`, transposed, with the direction:
    for ``of = w_bar`` the Hessian-vector product, at the cost of about two gradients.
    """
    from symprop.algebra.expressions import mul, reduce

    quantity = network.quantities[of]
    bounds = tuple(Bound(axis.index, axis.lower, axis.upper) for axis in quantity.axes)
    indices: tuple[Index, ...] = tuple(bound.index for bound in bounds)
    body = mul(Access(of, indices), Access(direction, indices))
    equation = Equation(Access(product, ()), (), reduce("sum", bounds, body))
    quantities = {
        **network.quantities,
        direction: Quantity(direction, "input", quantity.axes),
        product: Quantity(product, "defined"),
    }
    return replace(
        network,
        quantities=quantities,
        equations=(*network.equations, equation),
        objectives=(Objective(product, "minimize", stated=False),),
    )
