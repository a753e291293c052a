"""Forward mode agrees with reverse mode on every example network; products with a Hessian cost three gradients."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from brute_force import mp, real
from test_example_networks import SIZES, network_of
from three_roads import Example, exactly

from symprop.algebra.expressions import Access, Call, Expr, Index, Number, Power, Size, number, substitute, walk
from symprop.declaration.parser import parse
from symprop.derivation.extended import as_network, with_arguments_named, with_direction
from symprop.derivation.forward_sweep import propagate
from symprop.derivation.reverse_sweep import backpropagate
from symprop.lowering.program import Accumulate, Assign, If, Invoke, Loop, Product, Program, Statement
from symprop.lowering.schedule import lower
from symprop.lowering.stable import stabilize


def number_of(value: Any) -> Any:
    return real(value) if isinstance(value, Fraction) else exactly(value.mid())


@pytest.mark.parametrize("name", SIZES)
def test_tangents_of_the_objective_are_its_gradients(name: str) -> None:
    network = network_of(name)
    for objective in network.objectives:
        example = Example(network, SIZES[name][0], objective, seed=len(name))
        forwards = propagate(network, Access(objective.name, ()), objective.over)
        example.evaluator.include(forwards)
        assert forwards.gradients.keys() == example.derivation.gradients.keys()
        for parameter, gradient in forwards.gradients.items():
            backwards = example.derivation.gradients[parameter]
            for point in example.witness.components(parameter):
                found, wanted = (
                    number_of(example.evaluator.value(substitute(each.expression, _at(each.indices, point))))
                    for each in (gradient, backwards)
                )
                # Both have 40 correct digits.
                assert abs(found - wanted) <= mp.mpf(10) ** -30 * max(1, abs(wanted)), f"d/d{parameter}{list(point)}"


def _at(indices: tuple[Index, ...], point: tuple[int, ...]) -> dict[Expr, Expr]:
    return dict(zip(indices, map(number, point), strict=True))


# ---- costs ----------------------------------------------------------------------------------------------------------


def operations(program: Program, sizes: Mapping[str, int]) -> int:
    """Return how many additions, multiplications and functions the gradient of a program does."""
    kernels = {kernel.name: kernel for kernel in program.kernels}

    def integer(expr: Expr, at: Mapping[str, int]) -> int:
        values: dict[Expr, Expr] = {
            node: number(at[node.name]) for node in walk(expr) if isinstance(node, (Size, Index))
        }
        found = substitute(expr, values)
        assert isinstance(found, Number), expr
        return int(found.value)

    def inside(expr: Expr) -> int:
        if isinstance(expr, Access):
            return 0
        own = len(expr.children) - 1 if len(expr.children) > 1 else isinstance(expr, (Call, Power))
        return own + sum(map(inside, expr.children))

    def count(body: tuple[Statement, ...], at: Mapping[str, int]) -> int:
        total = 0
        for statement in body:
            match statement:
                case Assign(value=value):
                    total += inside(value)
                case Accumulate(value=value):
                    total += 1 + inside(value)
                case Loop(index=index, start=start, stop=stop, body=inner):
                    places = range(integer(start, at), integer(stop, at))
                    total += sum(count(inner, {**at, index.name: place}) for place in places)
                case If(then=then, otherwise=otherwise):
                    total += max(count(then, at), count(otherwise, at))
                case Product(rows=rows, columns=columns, inner=inner_size):
                    total += 2 * integer(rows, at) * integer(columns, at) * integer(inner_size, at)
                case Invoke(function=function, integers=integers):
                    kernel = kernels[function]
                    values = [integer(e, at) for e in integers]
                    total += count(kernel.body, dict(zip(kernel.integers, values, strict=True)))
        return total

    assert program.gradient is not None
    return count(program.gradient.body, sizes)


COSTS = {
    # 1 example: a product with the Hessian by one weight matrix, beside the gradient by it.
    "mlp_matrix": ("W1", {"D": 20, "H": 30, "M": 20, "K": 5}),
    "rnn": ("V", {"T": 6, "D": 10, "H": 20, "K": 5}),
    "layer_norm": ("W", {"D": 20, "H": 30}),
    "lstm": ("Ui", {"T": 4, "D": 6, "H": 10}),
    "softmax_regression": ("W", {"D": 20, "K": 6}),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_product_with_the_hessian_costs_at_most_three_gradients(name: str) -> None:
    by, sizes = COSTS[name]
    stable, _ = stabilize(parse(network_of(name).text))
    gradient = backpropagate(stable, None, (by,), simplify=False)
    of = gradient.adjoints[by].access.name
    named = backpropagate(with_arguments_named(stable), None, (by,), simplify=False)
    extended = with_direction(as_network(named), of, "direction", "product")
    product = backpropagate(extended, None, (by,), simplify=False)
    counts = []
    for derivation in (gradient, product):
        program = lower(derivation)
        counts.append(operations(program, {**sizes, program.examples: 1}))
    assert counts[1] <= 3 * counts[0], counts
