"""Reference values: the lectures' numbers, exactness, certified digits, derivatives, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import yaml
from flint import arb

from symprop.algebra.expressions import Access, Bound, Call, Expr, Index, Size, call, number, reduce, scalar
from symprop.declaration.network import Equation, Function, Network
from symprop.declaration.parser import parse, parse_expression
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    MissingRuleError,
    ShapeError,
    SympropError,
    ValueOutsideDomainError,
)
from symprop.verification.evaluate import Evaluator, evaluate, format_number, to_float

CASES = yaml.load(
    (Path(__file__).parents[1] / "lecture_cases.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)["cases"]


def value(network: str | Network, text: str, values: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Return the value of an expression that is written in the names of a network."""
    net = parse(network) if isinstance(network, str) else network
    return Evaluator(net, options.pop("sizes", None), values, **options).value(parse_expression(text, net))


def recurrence(step: Expr, backwards: bool = False) -> Network:
    """Return ``h[0] = x``, ``h[t] = step for t = 1..T``, or from ``h[T] = x`` down; ``w`` may stand in the step."""
    t, end = Index("t"), Size("T")
    start, low, high = (end, number(0), end - 1) if backwards else (number(0), number(1), end)
    axis = Axis(t, number(0), end)
    quantities = {
        "x": Quantity("x", "input"),
        "w": Quantity("w", "input"),
        "h": Quantity("h", "defined", (axis,)),
    }
    equations = (
        Equation(Access("h", (start,)), (), scalar("x")),
        Equation(Access("h", (t,)), (Bound(t, low, high, True),), step),
    )
    return Network(quantities, equations, {t: Bound(t, number(0), end)}, {"T": None})


def h(shift: int) -> Expr:
    return Access("h", (Index("t") + shift,))


def constant(text: str) -> Any:
    return value("y = x", text, {"x": 1})


def digits(found: Any) -> str:
    return format_number(found, 17)


# The lectures.


def declared(case: Mapping[str, Any]) -> Network:
    ranges = [f"index {name} = {low}..{high}" for name, (low, high) in case.get("ranges", {}).items()]
    functions = [f"function {head} = {body}" for head, body in case.get("functions", {}).items()]
    return parse("\n".join([*ranges, *functions, *case["forward"]]))


def point(net: Network, at: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text, number_text in at.items():
        name, _, rest = text.partition("[")
        if name not in net.quantities or name in net.definitions:
            continue  # a few cases list the learning rate, which no equation reads
        if rest:
            found.setdefault(name, {})[tuple(map(int, rest.rstrip("]").split(",")))] = number_text
        else:
            found[name] = number_text
    return found


EXAMPLES = [
    pytest.param(case, example, id=f"{case['id']}-{n}")
    for case in CASES
    for n, example in enumerate(case.get("examples") or ())
]
examples = pytest.mark.parametrize(("case", "example"), EXAMPLES)


@examples
def test_values_and_derivatives_are_those_of_the_lectures(case: dict[str, Any], example: dict[str, Any]) -> None:
    """The tables were computed with 60 digits by another program; 17 are given."""
    net = declared(case)
    evaluator = Evaluator(net, None, point(net, example["at"]))
    for text, wanted in example["expected"].items():
        if "eta" in text and "eta" not in net.quantities:
            continue
        found = evaluator.value(parse_expression(text, net))
        assert abs(to_float(found) - float(wanted)) <= 1e-15 * max(1, abs(float(wanted))), text


@examples
def test_adjoints_of_the_reverse_sweep_equal_derivatives_found_forwards(
    case: dict[str, Any], example: dict[str, Any]
) -> None:
    net = declared(case)
    if net.objective is None:
        return
    derivation = backpropagate(net, None, [name for name, q in net.quantities.items() if q.is_given])
    evaluator = Evaluator(net, None, point(net, example["at"]))
    evaluator.include(derivation)
    for name, adjoint in derivation.adjoints.items():
        for indices, found in evaluator.components(adjoint.access.name).items():
            place = f"[{','.join(map(str, indices))}]" if indices else ""
            wanted = evaluator.value(parse_expression(f"D({net.objective.name},{name}{place})", net))
            assert abs(to_float(found) - to_float(wanted)) <= 1e-15 * max(1, abs(to_float(wanted)))


# Exactness.

EXACT = [
    ("1/3 + 1/6", "1/2"),
    ("(2/3)**-3", "27/8"),
    ("sqrt(9/4)", "3/2"),
    ("(8/27)**(2/3)", "4/9"),
    ("cbrt(-8)", "-2"),
    ("exp(0)", "1"),
    ("log(1)", "0"),
    ("sin(0) + cos(0)", "1"),
    ("sigmoid(0)", "1/2"),
    ("tanh(0)", "0"),
    ("log2(1/8)", "-3"),
    ("log10(1000)", "3"),
    ("exp2(-3)", "1/8"),
    ("floor(-7/2)", "-4"),
    ("abs(-7/2)", "7/2"),
    ("sign(-7/2)", "-1"),
    ("max(1/3, 1/2, -4)", "1/2"),
    ("min(1/3, 1/2, -4)", "-4"),
    ("relu(-3)", "0"),
    ("leaky_relu(-3)", "-3/10"),
    ("step(0)", "1/2"),
    ("0*pi", "0"),
    ("0.1 + 0.2", "3/10"),
    ("(-1)**1000000001", "-1"),
    ("where(1 < 2, 5, 1/(x - 1))", "5"),
    ("[1 == 1] + [1 != 1]", "1"),
    ("floor(pi)", "3"),
]


@pytest.mark.parametrize(("text", "wanted"), EXACT)
def test_rational_values_stay_exact(text: str, wanted: str) -> None:
    found = constant(text)
    assert isinstance(found, Fraction)
    assert format_number(found) == wanted


CERTIFIED = [
    ("exp(1)", lambda: mpmath.e),
    ("sqrt(2)", lambda: mpmath.sqrt(2)),
    ("2**(1/3)", lambda: mpmath.cbrt(2)),
    ("pi**2", lambda: mpmath.pi**2),
    ("log(10)", lambda: mpmath.log(10)),
    ("gelu(1)", lambda: mpmath.ncdf(1)),
    ("softplus(-800)", lambda: mpmath.exp(-800)),
    ("sigmoid(-800)", lambda: mpmath.exp(-800)),
    ("1 - tanh(400)**2", lambda: 4 * mpmath.exp(-800)),  # cancels 347 digits
    ("log(1 - sigmoid(800))", lambda: mpmath.mpf(-800)),
    ("sin(10**30)", lambda: mpmath.sin(mpmath.mpf(10) ** 30)),
    ("acot(-1)", lambda: 3 * mpmath.pi / 4),
    ("atan2(0, -1)", lambda: mpmath.pi),
    ("cbrt(-2)", lambda: -mpmath.cbrt(2)),
    ("exp(1)**-50", lambda: mpmath.exp(-50)),
    ("erfc(30)", lambda: mpmath.erfc(30)),
]


@pytest.mark.parametrize(("text", "wanted"), CERTIFIED)
def test_other_values_have_the_digits_that_are_asked_for(text: str, wanted: Any) -> None:
    net = parse("y = x")
    found = Evaluator(net, None, {"x": 1}, digits=40).value(parse_expression(text, net))
    assert isinstance(found, arb)
    with mpmath.workdps(60):
        true = wanted() + 0
        written = mpmath.mpf(format_number(found, 40))
        assert abs(written - true) <= mpmath.mpf(10) ** -39 * abs(true)


def test_every_digit_that_is_written_is_right() -> None:
    assert format_number(constant("exp(1)"), 6) == "2.71828"
    assert format_number(constant("1 + exp(-30)"), 5) == "1.0"
    assert format_number(constant("exp(100)"), 4) == "2.688e+43"
    assert format_number(constant("sin(pi)")) == "0.0"
    assert format_number(arb("0.5", "0.01"), 17) == "0.5"  # the ball decides no more
    assert format_number(Fraction(-3, 4)) == "-3/4"


def test_a_value_that_no_precision_tells_from_0_is_taken_as_equal_and_counted() -> None:
    net = parse("y = x")
    evaluator = Evaluator(net, None, {"x": 1})
    assert evaluator.value(parse_expression("relu(sin(pi))", net)) == 0
    assert evaluator.arithmetic.assumed_equal > 0
    evaluator = Evaluator(net, None, {"x": 1})
    assert evaluator.value(parse_expression("relu(exp(-5000) + sin(pi))", net)) > 0  # seen with 8192 bits
    assert evaluator.arithmetic.assumed_equal == 0


def test_exact_comparisons_need_no_assumption() -> None:
    net = parse("y = relu(x - 1/3)")
    evaluator = Evaluator(net, None, {"x": "1/3"})
    assert evaluator.value(scalar("y")) == 0
    assert evaluator.value(parse_expression("D(y, x)", net)) == 0  # the catalogue's slope at the kink
    assert evaluator.arithmetic.assumed_equal == 0


def test_numerators_that_double_in_length_turn_into_balls() -> None:
    net = recurrence(h(-1) ** number(2) + number("1/3"))
    found = value(net, "h[T]", {"x": "1/7"}, sizes={"T": 30})
    assert isinstance(found, arb)
    with mpmath.workdps(60):
        wanted = mpmath.mpf(1) / 7
        for _ in range(30):
            wanted = wanted**2 + mpmath.mpf(1) / 3
        assert abs(mpmath.mpf(format_number(found, 20)) - wanted) < 1e-18 * abs(wanted)


# Hostile numbers.


@pytest.mark.parametrize("text", ["9**9**9**9", "exp(exp(exp(10)))", "-10**10**10**10**10"])
def test_a_number_that_is_too_large_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueOutsideDomainError, match="too large"):
        constant(text)


def test_a_number_with_many_digits_is_written_with_an_exponent() -> None:
    assert format_number(constant("9**9**9"), 10) == "4.281247732e+369693099"
    assert constant("0**9**9**9") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(-1/2)", "log is not defined at -1/2"),
        ("log(0)", "log is not defined at 0"),
        ("sqrt(-1)", "the power 1/2 of the negative number -1 is not real"),
        ("1/(1 - x)", "division by zero"),
        ("0**(x - 2)", "division by zero"),
        ("asin(2)", "asin is not defined at 2"),
        ("acosh(1/2)", "acosh is not defined at 1/2"),
        ("atanh(1)", "atanh is not defined at 1"),
        ("atan2(0, 0)", "atan2 is not defined at 0, 0"),
        ("tan(pi/2)", "tan at 1.57080 is not defined"),
    ],
)
def test_a_value_outside_a_domain_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueOutsideDomainError) as caught:
        constant(text)
    assert caught.value.message.startswith(message)


def test_a_refusal_names_the_line_of_the_network() -> None:
    with pytest.raises(ValueOutsideDomainError) as caught:
        value("a = x - 1\nL = log(a)", "L", {"x": 0})
    assert str(caught.value) == "ValueOutsideDomainError: log is not defined at -1\n  line 2 | L = log(a)"


# Arrays and sizes.

LAYER = "input x[i]\nparameter W[j,i], b[j]\na[j] = sum(i, W[j,i]*x[i]) + b[j]\nL = sum(j, a[j]**2)"


def test_values_may_be_lists_arrays_texts_or_components() -> None:
    lists = {"x": [1, "1/2", 2.5], "W": [[1, 0, 1], [0, 1, 0]], "b": [Fraction(1, 3), 0]}
    arrays = {"x": np.array([1, 0.5, 2.5]), "W": np.array([[1, 0, 1], [0, 1, 0]]), "b": ["1/3", "0"]}
    components = {
        "x": {(1,): 1, 2: "0.5", 3: "5/2"},
        "W": {(j, i): int((j + i) % 2 == 0) for j in (1, 2) for i in (1, 2, 3)},
        "b": {1: "1/3", 2: 0},
    }
    wanted = Fraction(23, 6) ** 2 + Fraction(1, 4)
    assert [value(LAYER, "L", each) for each in (lists, arrays, components)] == [wanted] * 3


def test_floats_are_taken_exactly() -> None:
    assert value("y = x", "y", {"x": 0.1}) == Fraction(0.1) != Fraction("0.1")


def test_position_0_of_an_array_is_the_first_value_of_the_range() -> None:
    net = parse("index i = 3..5\ninput x[i]\ny = x[3] + 10*x[5]")
    assert value(net, "y", {"x": [1, 2, 7]}) == 71


def test_sizes_are_solved_from_arrays_and_given_ones() -> None:
    text = """size P = floor((R + 2*pad - K)/S) + 1
    constant integer S = 2
    constant integer pad = 1
    index p = 0..P-1, r = 0..R-1, k = 0..K-1
    input x[r]
    parameter w[k]
    zero outside x[r]
    y[p] = sum(k, w[k]*x[S*p + k - pad])
    L = sum(p, y[p])"""
    net = parse(text)
    evaluator = Evaluator(net, None, {"x": [1, 2, 3, 4, 5], "w": [1, 10, 100]})
    assert evaluator.sizes["P"] == 3
    assert [evaluator.value(parse_expression(f"y[{p}]", net)) for p in range(3)] == [210, 432, 54]
    slope = parse_expression("D(L, x[r])", net)
    found = [evaluator.value(slope, {Index("r"): r}) for r in range(5)]
    assert found == [10, 101, 10, 101, 10]


def test_sizes_follow_from_the_greatest_component() -> None:
    net = parse("index i = 0..D\ninput x[i]\nparameter w[i]\ny = sum(i, w[i]*x[i])")
    evaluator = Evaluator(net, None, {"x": {0: 1, 2: 3}, "w": {0: 1, 1: 1}})
    assert evaluator.sizes == {"D": 2}
    with pytest.raises(ValueOutsideDomainError, match=r"x\[1\] has no value"):
        evaluator.value(scalar("y"))


def test_contradicting_shapes_are_refused_with_the_transposed_array() -> None:
    text = """index i = 1..N0, j = 1..N1
    input x[i]
    parameter W1[j,i], b[j]
    a[j] = sum(i, W1[j,i]*x[i]) + b[j]"""
    net = parse(text)
    with pytest.raises(ShapeError) as caught:
        Evaluator(net, None, {"x": np.zeros(3), "b": np.zeros(2), "W1": np.zeros((3, 2))})
    assert str(caught.value) == (
        "ShapeError: W1 has shape (3, 2); the network declares W1[j,i] with extents (2, 3)\n"
        "  Pass W1.T, or declare W1[i, j]."
    )


def test_a_missing_size_is_named_with_the_way_to_give_it() -> None:
    with pytest.raises(ShapeError) as caught:
        Evaluator(parse("index i = 1..D\ninput x[i]\nL = sum(i, x[i])"))
    assert caught.value.message == "the size D is not known"
    assert caught.value.hint == 'Give it, sizes={"D": 16} or --size D=16, or give x[i] as an array.'


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"x": [1, 2], "W": [[1, 2, 3]], "b": [1]}, ShapeError, "W has shape (1, 3)"),
        ({"x": [[1, 2]], "W": [[1, 2]], "b": [1]}, ShapeError, "x has shape (1, 2)"),
        ({"x": [1, 2], "W": [[1, 2], [3]], "b": [1]}, ShapeError, "the rows of W have different lengths"),
        ({"x": [1, 2], "W": {(1, 1, 1): 1}, "b": [1]}, IndexNotationError, "W[1,1,1] has 3 indices"),
        ({"x": [1, 2], "W": {(1, 3): 1}, "b": [1]}, ShapeError, "W[1,3] lies outside the range"),
        ({"x": ["a", 2], "W": [[1, 2]], "b": [1]}, ValueOutsideDomainError, "'a' is not a finite number"),
        ({"x": [float("nan"), 2], "W": [[1, 2]], "b": [1]}, ValueOutsideDomainError, "'nan' is not a finite"),
        ({"x": ["1e999999999", 2], "W": [[1, 2]], "b": [1]}, ValueOutsideDomainError, "'1e999999999' is not"),
        ({"X": [1, 2]}, DeclarationError, "the network has no quantity 'X'"),
        ({"a": [1, 2]}, DeclarationError, "'a' has a value already"),
        ({"x": [1, 2], "W": [[1, 2]]}, ValueOutsideDomainError, "b[1] has no value"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, Any], kind: type[SympropError], message: str) -> None:
    with pytest.raises(kind) as caught:
        value(LAYER, "L", values)
    assert message in caught.value.message


def test_reading_outside_a_range_is_refused_and_says_what_would_help() -> None:
    net = parse("index i = 1..3\ninput x[i]\ny = x[1]")
    with pytest.raises(ShapeError) as caught:
        Evaluator(net, None, {"x": [1, 2, 3]}).value(Access("x", (number(4),)))
    assert caught.value.message == "x[4] lies outside the range of x[i]: i = 1..3"


def test_guards_protect_what_they_stand_before() -> None:
    net = parse("index i = 1..3\ninput x[i]\ny[i] = where(i > 1, x[i], 7)")
    x0 = Access("x", (Index("i") - 1,))
    guarded = parse_expression("where(i > 1, 1, 0)", net) * 0 + 1
    evaluator = Evaluator(net, None, {"x": [5, 6, 7]})
    assert evaluator.value(guarded, {Index("i"): 1}) == 1
    with pytest.raises(ShapeError):
        evaluator.value(x0, {Index("i"): 1})


def test_networks_that_are_too_large_are_refused() -> None:
    net = parse("index i = 1..N, j = 1..N\ninput x[i]\na[i,j] = x[i]*x[j]\nL = a[1,1]")
    with pytest.raises(ShapeError, match="small sizes"):
        Evaluator(net, {"N": 2000})


def test_a_long_recurrence_needs_no_deep_stack() -> None:
    net = recurrence(call("sin", h(-1)))
    wanted = 1.0
    for _ in range(3000):
        wanted = np.sin(wanted)
    found = value(net, "h[T]", {"x": 1}, sizes={"T": 3000})
    assert abs(to_float(found) - wanted) < 1e-12
    slope = value(net, "D(h[T], x)", {"x": 1}, sizes={"T": 400})
    product, state = 1.0, 1.0
    for _ in range(400):
        product, state = product * np.cos(state), np.sin(state)
    assert abs(to_float(slope) - product) < 1e-12


def test_a_backward_recurrence_is_evaluated_in_its_own_order() -> None:
    net = recurrence(Index("t") + h(1) / 2, backwards=True)
    # h = 8, then 2 + 4, 1 + 3, 0 + 2
    assert evaluate(net, {"x": 8}, {"T": 3}).values["h"] == {(0,): 2, (1,): 4, (2,): 6, (3,): 8}


def layered() -> Network:
    """Return ``z[0,i] = x[i]``, ``z[l,j] = tanh(sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]))`` for ``l = 1..L``."""
    l, i, j = map(Index, "lij")  # noqa: E741
    here, below = Size("n", (l,)), Size("n", (l - 1,))
    layers, inner = Bound(l, number(1), Size("L"), True), Bound(i, number(1), below, True)
    inputs = Bound(i, number(1), Size("n", (number(0),)), True)
    step = call("tanh", reduce("sum", (inner,), Access("w", (l, j, i)) * Access("z", (l - 1, i))))
    quantities = {
        "x": Quantity("x", "input", (Axis(i, inputs.lower, inputs.upper),)),
        "w": Quantity(
            "w", "parameter", (Axis(l, number(1), Size("L")), Axis(j, number(1), here), Axis(i, number(1), below))
        ),
        "z": Quantity("z", "defined", (Axis(l, number(0), Size("L")), Axis(j, number(1), here))),
    }
    equations = (
        Equation(Access("z", (number(0), i)), (inputs,), Access("x", (i,))),
        Equation(Access("z", (l, j)), (layers, Bound(j, number(1), here, True)), step),
    )
    return Network(quantities, equations, {}, {"n": None, "L": None}, declares_roles=True)


def test_sizes_may_differ_from_layer_to_layer() -> None:
    weights = [np.array([[1, -1, 0.5], [0.25, 0, 1]]), np.array([[2, -0.5]])]
    x = np.array([0.5, 1, -1])
    evaluator = Evaluator(layered(), {"n": [3, 2, 1]}, {"x": x, "w": [w.tolist() for w in weights]})
    assert evaluator.sizes == {"n": (3, 2, 1), "L": 2}
    hidden = np.tanh(weights[0] @ x)
    found = evaluator.components("z")
    assert list(found) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)]
    assert [to_float(found[1, j]) for j in (1, 2)] == pytest.approx(hidden, abs=1e-15)
    assert to_float(found[2, 1]) == pytest.approx(np.tanh(weights[1] @ hidden).item(), abs=1e-15)
    with pytest.raises(ShapeError, match="lies outside"):
        evaluator.value(Access("z", (number(1), number(3))))


def test_a_list_of_layer_sizes_must_fit_the_layers() -> None:
    with pytest.raises(ShapeError, match=r"n has 2 values; the network reads n\(0\) to n\(2\)"):
        Evaluator(layered(), {"n": [3, 2], "L": 2})
    with pytest.raises(ShapeError, match="differs from layer to layer"):
        Evaluator(layered(), {"n": 3, "L": 2})
    with pytest.raises(ShapeError, match=r"x has shape \(4,\)"):
        Evaluator(layered(), {"n": [3, 2, 1]}, {"x": [1, 2, 3, 4]})
    with pytest.raises(ShapeError) as caught:
        Evaluator(layered(), {"L": 2})
    assert caught.value.hint == 'Give the sizes of all layers, sizes={"n": [4, 16, 1]}.'


# Derivatives.


def test_p_sees_one_equation_and_d_all_paths() -> None:
    net = parse("u = x**2\nv = x*u\nL = u + v*u")
    values = {"x": 3}
    found = [value(net, text, values) for text in ("P(L,u)", "D(L,u)", "D(L,x)", "P(v,x)", "D(v,x)", "D(L,L)")]
    # L = x**2 + x**5: dL/dx = 2x + 5x**4; cutting u loose, L = u + x*u**2.
    assert found == [28, 1 + 2 * 3 * 9, 6 + 5 * 81, 9, 27, 1]


def test_a_local_partial_of_a_recurrence_stops_at_the_step_before() -> None:
    net = recurrence(scalar("w") * h(-1) + h(-1) ** number(2))
    values = {"x": 2, "w": 3}
    # h = 2, 10, 130
    wanted = {"P(h[2],h[1])": 23, "P(h[2],w)": 10, "D(h[2],w)": 10 + 23 * 2, "P(h[2],h[0])": 0}
    assert {text: value(net, text, values, sizes={"T": 2}) for text in wanted} == wanted


REDUCTIONS = {
    "sum": (4 + 9 + 1, [2 * 2, 2 * -3, 2 * 1]),
    "prod": (4 * 9 * 1, [2 * 2 * 9, 2 * -3 * 4, 2 * 36]),
    "max": (9, [0, -6, 0]),
    "min": (1, [0, 0, 2]),
}


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_reductions_have_their_values_and_slopes(kind: str) -> None:
    net = parse(f"index i = 1..3\ninput x[i]\nL = {kind}(i, x[i]**2)")
    evaluator = Evaluator(net, None, {"x": [2, -3, 1]})
    wanted, slopes = REDUCTIONS[kind]
    assert evaluator.value(scalar("L")) == wanted
    assert [evaluator.value(parse_expression(f"D(L,x[{n}])", net)) for n in (1, 2, 3)] == slopes


def test_the_slope_of_a_product_with_a_factor_0_is_the_product_of_the_others() -> None:
    net = parse("index i = 1..3\ninput x[i]\nL = prod(i, x[i])")
    evaluator = Evaluator(net, None, {"x": [0, 5, 7]})
    assert [evaluator.value(parse_expression(f"D(L,x[{n}])", net)) for n in (1, 2, 3)] == [35, 0, 0]


def test_the_first_index_owns_a_tie() -> None:
    net = parse("index i = 1..3\ninput x[i]\nL = max(i, x[i])\nM = max(x[3], x[2])")
    evaluator = Evaluator(net, None, {"x": [1, 4, 4]})
    assert [evaluator.value(parse_expression(f"D(L,x[{n}])", net)) for n in (1, 2, 3)] == [0, 1, 0]
    assert [evaluator.value(parse_expression(f"D(M,x[{n}])", net)) for n in (1, 2, 3)] == [0, 0, 1]


def test_softmax_is_evaluated_without_overflow() -> None:
    net = parse("index k = 1..3\ninput a[k]\np[k] = softmax(k, a[k])\nL = -log(p[1])")
    evaluator = Evaluator(net, None, {"a": [0, 5000, 4999]})
    assert abs(to_float(evaluator.value(scalar("L"))) - 5000.31326168751822) < 1e-11
    total = sum(to_float(evaluator.value(parse_expression(f"D(L,a[{n}])", net))) for n in (1, 2, 3))
    assert abs(total) < 1e-15


def test_a_reduction_over_an_empty_range_is_its_unit_or_refused() -> None:
    i = Index("i")
    net = parse("y = x")
    evaluator = Evaluator(net, None, {"x": 1})
    empty = (Bound(i, number(1), number(0)),)
    assert evaluator.value(reduce("sum", empty, i)) == 0
    assert evaluator.value(reduce("prod", empty, i)) == 1
    for kind in ("max", "min", "logsumexp"):
        with pytest.raises(ValueOutsideDomainError, match="of no value"):
            evaluator.value(reduce(kind, empty, i))


def test_a_quantity_that_a_function_reads_counts_for_its_derivative() -> None:
    net = parse("function gated(u) = u*exp(beta*u)\nparameter beta\ninput x\nL = gated(x)")
    found = to_float(value(net, "D(L,beta)", {"x": 2, "beta": "1/2"}))
    assert abs(found - 4 * np.e) < 1e-14


def test_derivatives_of_functions_are_evaluated_as_atoms() -> None:
    net = parse("function g(u) = u**3\ny = x")
    evaluator = Evaluator(net, None, {"x": 2})
    x = scalar("x")
    assert evaluator.value(Call("g", (x,), (1,))) == 12
    assert evaluator.value(Call("g", (x,), (2,))) == 12
    assert evaluator.value(Call("g", (x,), (3,))) == 6
    assert evaluator.value(Call("relu", (x,), (1,))) == 1
    with mpmath.workdps(40):
        wanted = mpmath.sech(400) ** 2
        found = mpmath.mpf(format_number(Evaluator(net, None, {"x": 400}).value(Call("tanh", (x,), (1,)))))
        assert abs(found / wanted - 1) < 1e-15


def test_a_function_without_body_has_no_value_until_it_is_given_one() -> None:
    net = parse("function g(u)\ny = g(x)")
    with pytest.raises(MissingRuleError, match="'g' has no body"):
        value(net, "y", {"x": 2})
    cubed = replace(net, functions={"g": Function("g", ("u",), scalar("u") ** number(3))})
    assert value(cubed, "D(y,x)", {"x": 2}) == 12


def test_stop_is_a_constant_for_derivation() -> None:
    net = parse("y = x*stop(x)")
    assert value(net, "D(y,x)", {"x": 3}) == 3


def test_integer_inputs_index() -> None:
    net = parse(
        "index s = 1..S, v = 0..V-1\ninteger tok[s] in 0..V-1\nparameter E1[v]\nh[s] = E1[tok[s]]\nL = sum(s, s*h[s])"
    )
    evaluator = Evaluator(net, None, {"tok": [2, 0, 2], "E1": [5, 6, 7]})
    assert evaluator.value(scalar("L")) == 7 + 10 + 21
    assert [evaluator.value(parse_expression(f"D(L,E1[{n}])", net)) for n in range(3)] == [2, 0, 4]


def test_a_component_of_an_input_may_be_fixed_by_an_equation() -> None:
    net = parse("index i = 0..2\ninput x[i]\nparameter w[i]\nx[0] = 1\ny = sum(i, w[i]*x[i])")
    assert value(net, "y", {"x": {1: 2, 2: 3}, "w": [10, 1, 1]}) == 15


def test_hyperparameters_have_their_default_unless_given() -> None:
    net = parse("input x\nhyperparameter lam = 0.1\nconstant eps = 1e-5\ny = lam*x + eps")
    assert value(net, "y", {"x": 1}) == Fraction("0.10001")
    assert value(net, "y", {"x": 1, "lam": 2}) == Fraction("2.00001")


# The whole network at once.


def test_everything_is_evaluated_at_once() -> None:
    net = parse(LAYER)
    values = {"x": [1, 2], "W": [[1, 0], [0, 1], [1, 1]], "b": [0, 0, -1]}
    found = evaluate(
        net,
        values,
        show={text: parse_expression(text, net) for text in ("D(L,x[1])", "a[j]**2", "2*L")},
        derivation=backpropagate(net),
    )
    assert found.sizes == {"n_i": 2, "n_j": 3}
    assert found.values["a"] == {(1,): 1, (2,): 2, (3,): 2}
    assert found.values["L"] == {(): 9}
    assert found.adjoints["b"] == {(1,): 2, (2,): 4, (3,): 4}
    assert found.adjoints["W"][2, 2] == 8
    assert found.shown == {"D(L,x[1])": 6, "a[j]**2": {(1,): 1, (2,): 4, (3,): 4}, "2*L": 18}
    assert found.assumed_equal == 0


def test_components_of_a_definition_by_components_are_listed() -> None:
    net = parse("u[1] = x\nu[2] = x**2\ny = u[1] + u[2]")
    assert evaluate(net, {"x": 3}).values == {"x": {(): 3}, "u": {(1,): 3, (2,): 9}, "y": {(): 12}}


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(DeclarationError) as caught:
        Evaluator(parse("alpha = x"), None, {"x": 1}).value(scalar("alhpa"))
    assert caught.value.hint == "Did you mean 'alpha'?"
