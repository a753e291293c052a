"""Local partials: every reading of an equation, against differences of its right side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import pytest
from brute_force import Point, Value, Witness, central_difference, close
from random_networks import random_values

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Call,
    Expr,
    Index,
    Size,
    call,
    compare,
    iverson,
    junction,
    number,
    power,
    reduce,
    scalar,
    substitute,
    transform,
    where,
)
from symprop.algebra.functions import derivative
from symprop.declaration.network import Equation, Function, Network
from symprop.declaration.parser import parse
from symprop.derivation.local_partials import expand_functions, local_partial, readings
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import MissingRuleError

i, j, k, i_1 = map(Index, ("i", "j", "k", "i_1"))
N = Size("N")
x, y, z = map(scalar, "xyz")
two = number(2)

DECLARED = """
index  i = 1..N, k = 1..N, j = 0..M, t = 1..2*N + M
input  x[i], y[i]
parameter W[j,i], U[i,k], v[t], c
function bend(u, w) = u*sigmoid(w*u)
function tilt(u) = bend(u, 2) + c*u**2
"""

# One equation each: a[i] or a (no index) by every quantity that it reads.
EQUATIONS = (
    "a = c**2",
    "a = sum(i, x[i]*y[i])",
    "a = sum(i, x[i]**2) + x[1]",
    "a[i] = x[i]*y[i] + sum(k, U[i,k]*x[k])",
    "a[i] = U[i,i]*x[i]",
    "a[i] = sum(k, U[k,i]*U[i,k])",
    "a = sum(i, U[i,i])",
    "a[j] = tanh(sum(i, W[j,i]*x[i]) + c)",
    "a[i] = sum(k = 1..i, x[k]*y[k])",
    "a[i] = sum(k = i..N, x[k]*x[i])",
    "a[i] = sum(j, v[2*i + j]*W[j,i])",
    "a[i] = v[2*i]*v[2*i - 1]",
    "a = sum(i, k, v[i + k]*U[i,k])",
    "a[i] = prod(k, x[k] + y[i])",
    "a[i] = prod(k = 1..i, x[k])",
    "a = prod(i, k, U[i,k])",
    "a = sum(k_1, prod(k = 1..k_1, U[k_1,k]*x[k_1]))",  # the copy of k is not the k_1 that its body reads
    "a[i] = prod(k, prod(k_1 = 1..k, x[k]))",
    "a[i] = max(k, x[k]*y[i])",
    "a = min(i, k, U[i,k]*c)",
    "a[i] = max(k = 1..i, U[i,k])",
    "a = logsumexp(i, x[i]*c)",
    "a = logsumexp(i, k, U[i,k])",
    "a[k] = softmax(k, x[k]*c)",
    "a[i] = max(x[i], y[i], c)",
    "a[i] = min(x[i]*y[i], c)",
    "a[i] = where(i < N, x[i + 1], c)*y[i]",
    "a[i] = where(x[i] > 0, x[i]**3, y[i])",
    "a[i] = where(i == 1, c, x[i])*y[i]",
    "a[i] = sum(k, [k <= i]*x[k]*y[i])",
    "a[i] = bend(x[i], y[i])",
    "a[i] = tilt(x[i])*tilt(c)",
    "a[i] = bend(bend(x[i], c), x[i]**2)",
    "a[i] = swish(x[i], c) + elu(y[i], c)",
    "a[i] = atan2(x[i], y[i])",
    "a = sqrt(sum(i, x[i]**2))",
    "a[i] = x[i]/sqrt(sum(k, x[k]**2)/N + 1/10)",
    "a[i] = exp(sum(k, log(1 + exp(U[i,k])))) / (1 + max(k, U[i,k]**2))",
    "a[i] = sum(k, max(j, W[j,k])*U[k,i])",
    "a[i] = sum(k, sum(j, W[j,k]*sum(t = 1..k, v[t]*x[i])))",
)
SIZES = ({"N": 3, "M": 1}, {"N": 1, "M": 1}, {"N": 2, "M": 2})


def components(witness: Witness, name: str) -> Iterator[tuple[Access, Point]]:
    for point in witness.components(name):
        yield Access(name, tuple(number(value) for value in point)), point


@pytest.mark.parametrize("text", EQUATIONS)
def test_local_partials_are_central_differences(text: str) -> None:
    network = parse(DECLARED + text)
    (equation,) = network.equations
    for sizes in SIZES:
        witness = Witness(network, sizes, random_values(network, sizes, seed=len(text)))
        for name in sorted({reading.operand.name for reading in readings(equation, network)}):
            for operand, point in components(witness, name):
                formula = local_partial(equation, operand, network)
                for indices in witness.points(equation.bounds):
                    place = tuple(int(witness.of(index, indices)) for index in equation.target.indices)
                    found = witness.of(formula, indices)
                    wanted = central_difference(witness, ("a", place), (name, point))
                    assert close(found, wanted), f"P(a{list(place)}, {operand}) = {formula}: {found}, not {wanted}"


@pytest.mark.parametrize("text", EQUATIONS)
def test_the_component_may_keep_its_indices(text: str) -> None:
    """With free indices the formula holds for every component at once."""
    network = parse(DECLARED + text)
    (equation,) = network.equations
    sizes = SIZES[0]
    witness = Witness(network, sizes, random_values(network, sizes, seed=7))
    for name in sorted({reading.operand.name for reading in readings(equation, network)}):
        free = tuple(Index(f"m_{n}") for n in range(1, 1 + len(network.quantities[name].axes)))
        formula = local_partial(equation, Access(name, free), network)
        for operand, point in components(witness, name):
            component = {index: Fraction(value) for index, value in zip(free, point, strict=True)}
            special = local_partial(equation, operand, network)
            for indices in witness.points(equation.bounds):
                assert close(witness.of(formula, {**component, **indices}), witness.of(special, indices))


def one(expression: Expr, *bounds: Bound) -> Equation:
    return Equation(Access("a", tuple(bound.index for bound in bounds)), bounds, expression)


NOTHING = Network({}, ())


def forms(expression: Expr, network: Network = NOTHING) -> dict[Expr, Expr]:
    """Return the partial of each reading, summed where the same reading occurs twice."""
    found: dict[Expr, Expr] = {}
    for reading in readings(one(expression), network):
        found[reading.operand] = found.get(reading.operand, ZERO) + reading.partial
    return found


def at(name: str, *indices: Expr) -> Access:
    return Access(name, indices)


def test_readings_carry_their_loops_and_guards() -> None:
    loop = Bound(i, ONE, N)
    inner = where(compare("<", i, N), at("h", i + ONE), scalar("c"))
    found = readings(one(reduce("sum", (loop,), at("w", i) * inner)), NOTHING)
    assert [(str(r.operand), str(r.partial), r.bounds, str(r.guard)) for r in found] == [
        ("w[i]", "where(i < N, h[i + 1], c)", (loop,), str(TRUE)),
        ("h[i + 1]", "w[i]", (loop,), "i < N"),
        ("c", "w[i]", (loop,), "i >= N"),
    ]


def test_bound_indices_that_are_taken_are_renamed() -> None:
    expression = reduce("sum", (Bound(i, ONE, i),), at("w", i))  # up to the free i of the equation
    (reading,) = readings(one(expression, Bound(i, ONE, N)), NOTHING)
    assert reading.operand == at("w", i_1)
    assert reading.bounds == (Bound(i, ONE, N), Bound(i_1, ONE, i))


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (x * x, {x: 2 * x}),
        (call("stop", x) * x, {x: call("stop", x)}),
        (call("floor", x) * y, {y: call("floor", x)}),  # a slope that is 0 everywhere is no path
        (call("sign", x) + y, {y: ONE}),
        (call("step", x * y) + z, {z: ONE}),
        (call("sigmoid", x), {x: call("sigmoid", x, orders=(1,))}),
        (iverson(compare("<", x, y)) * z, {z: iverson(compare("<", x, y))}),
        (call("max", x, y), {x: iverson(compare(">=", x, y)), y: iverson(compare(">", y, x))}),
        (call("min", x, y), {x: iverson(compare("<=", x, y)), y: iverson(compare("<", y, x))}),
        (
            call("max", x, y, z),
            {
                x: iverson(junction("and", compare(">=", x, y), compare(">=", x, z))),
                y: iverson(junction("and", compare(">", y, x), compare(">=", y, z))),
                z: iverson(junction("and", compare(">", z, x), compare(">", z, y))),
            },
        ),
    ],
    ids=str,
)
def test_partials_of_scalars_in_a_table(expression: Expr, wanted: dict[Expr, Expr]) -> None:
    assert forms(expression) == wanted


VALUES: Mapping[str, Mapping[Point, Value]] = {
    "p": {(1,): Fraction(0), (2,): Fraction(3), (3,): Fraction(0), (4,): Fraction(5)},
    "q": {(1,): Fraction(0), (2,): Fraction(3), (3,): Fraction(-2), (4,): Fraction(5)},
    "r": {(1,): Fraction(1), (2,): Fraction(4), (3,): Fraction(4), (4,): Fraction(4)},
}


def partials_at(text: str, name: str) -> list[Value]:
    """Return the partials of the equation ``a = text`` by each component of a vector, at `VALUES`."""
    network = parse(f"index i = 1..4, k = 1..4\ninput p[i], q[i], r[i]\na = {text}")
    (equation,) = network.equations
    witness = Witness(network, {}, VALUES)
    formulas = (local_partial(equation, Access(name, (number(place),)), network) for place in range(1, 5))
    return [witness.of(transform(formula, atoms_by_the_catalogue)) for formula in formulas]


def atoms_by_the_catalogue(node: Expr) -> Expr:
    """At a kink relu' has the value that the catalogue states, which no difference can tell."""
    return derivative(node) if isinstance(node, Call) and node.orders else node


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        # A product with zeros: the product of the others, never a quotient.
        ("prod(i, p[i])", "p", [0, 0, 0, 0]),  # two zeros
        ("prod(i, q[i])", "q", [-30, 0, 0, 0]),  # one zero
        ("prod(i, p[i] + 1)", "p", [24, 6, 24, 4]),
        # Ties: the first index owns the extremum.
        ("max(i, r[i])", "r", [0, 1, 0, 0]),
        ("min(i, p[i])", "p", [1, 0, 0, 0]),
        ("max(i, max(r[i], p[i]))", "r", [0, 0, 0, 0]),
        ("max(i, max(r[i], p[i]))", "p", [0, 0, 0, 1]),
        ("max(i, k, r[i]*r[k])", "r", [0, 8, 0, 0]),
        ("max(i, -p[i]**2)", "p", [0, 0, 0, 0]),
        ("max(i = 3..4, r[i])", "r", [0, 0, 1, 0]),
        # Ties of scalars: the first argument owns them.
        ("max(r[2], r[3])", "r", [0, 1, 0, 0]),
        ("max(r[3], r[2])", "r", [0, 0, 1, 0]),
        ("min(r[2], r[3], r[4])", "r", [0, 1, 0, 0]),
        ("max(p[1], 0)", "p", [1, 0, 0, 0]),
        ("max(0, p[1])", "p", [0, 0, 0, 0]),
        # relu and abs have slope 0 at the kink.
        ("sum(i, relu(p[i]))", "p", [0, 1, 0, 1]),
        ("sum(i, abs(q[i]))", "q", [0, 1, -1, 1]),
        # Conditions choose; what is not chosen has no part.
        ("sum(i, where(p[i] > 0, p[i]**2, q[i]))", "p", [0, 6, 0, 10]),
        ("sum(i, where(p[i] > 0, p[i]**2, q[i]))", "q", [1, 0, 1, 0]),
        ("sum(i, where(i < 4, q[i + 1], 0))", "q", [0, 1, 1, 1]),
        ("sum(i, where(p[i] != 0, q[i]/p[i], 0))", "q", [0, Fraction(1, 3), 0, Fraction(1, 5)]),
        ("sum(i, stop(q[i])*q[i])", "q", [0, 3, -2, 5]),
    ],
)
def test_partials_at_zeros_and_ties(text: str, name: str, wanted: list[int]) -> None:
    assert partials_at(text, name) == wanted


def test_what_is_stopped_stays_in_a_difference() -> None:
    """The witness holds the argument of a stop where it was, also behind other equations: not 41."""
    network = parse("parameter p; a = p**2; b = stop(a)*p**3/2 + p")
    witness = Witness(network, {}, {"p": {(): Fraction(2)}})
    difference = central_difference(witness, ("b", ()), ("p", ()))
    assert close(difference, 4 * 3 * Fraction(2) ** 2 / 2 + 1)


def test_a_maximum_inside_a_sum_is_owned_in_every_row() -> None:
    network = parse("index i = 1..2, k = 1..3\ninput A[i,k]\na[i] = max(k, A[i,k])")
    (equation,) = network.equations
    values = {"A": {(row, column): Fraction(7 if column > row else 1) for row in (1, 2) for column in (1, 2, 3)}}
    witness = Witness(network, {}, values)
    owners = {(1, 2), (2, 3)}
    for operand, point in components(witness, "A"):
        for indices in witness.points(equation.bounds):
            found = witness.of(local_partial(equation, operand, network), indices)
            assert found == (point in owners and point[0] == indices[i])


def test_functions_of_the_network_are_written_out() -> None:
    inner = Function("f", ("u",), power(scalar("u"), two))
    outer = Function("g", ("u", "w"), call("f", scalar("u")) * scalar("w"))
    network = Network({}, (), functions={"f": inner, "g": outer, "h": Function("h", ("u",), None)})
    assert expand_functions(call("g", x + y, z), network) == power(x + y, two) * z
    assert expand_functions(call("f", x, orders=(1,)), network) == 2 * x
    assert expand_functions(call("g", x, y, orders=(1, 1)), network) == 2 * x
    assert expand_functions(call("h", call("f", x)), network) == call("h", power(x, two))
    assert forms(call("g", x, y), network) == {x: 2 * x * y, y: power(x, two)}
    assert forms(call("h", x * y), network) == {
        x: y * call("h", x * y, orders=(1,)),
        y: x * call("h", x * y, orders=(1,)),
    }


def test_parameters_of_functions_are_no_quantities_of_the_same_name() -> None:
    # w is bound in the function; the argument w is the network's.
    network = Network({}, (), functions={"f": Function("f", ("u", "w"), scalar("u") - scalar("w"))})
    w, u = scalar("w"), scalar("u")
    assert expand_functions(call("f", w, u), network) == w - u
    assert expand_functions(call("f", call("f", w, u), w), network) == w - u - w


def test_a_quantity_that_is_not_read_has_no_partial() -> None:
    network = parse("a = x + 0*y\nb = a*y")
    first, second = network.equations
    with pytest.raises(MissingRuleError, match="does not read 'b'"):
        local_partial(first, scalar("b"), network)
    assert local_partial(second, scalar("a"), network) == scalar("y")


def test_argmax_is_a_constant() -> None:
    network = parse("index i = 1..3\ninput p[i]\na = argmax(i, p[i])*p[1]")
    (equation,) = network.equations
    assert [str(reading.operand) for reading in readings(equation, network)] == ["p[1]"]


def test_a_maximum_passes_the_adjoint_on_to_its_owner() -> None:
    network = parse("index i = 1..3\nparameter p[i]\nm = max(i, p[i])\nL = m**2")
    derivation = backpropagate(network)
    values = {"p": {(1,): Fraction(2), (2,): Fraction(5), (3,): Fraction(5)}}
    witness = Witness(network, {}, values)
    gradient = derivation.gradients["p"]
    assert [witness.of(substitute(gradient.expression, {i: number(n)})) for n in (1, 2, 3)] == [0, 10, 0]
