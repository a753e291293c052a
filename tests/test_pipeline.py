"""What users hold: derivations, values and their sympy forms, composed from the stages."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import symprop
from symprop.algebra.expressions import ONE, ZERO, Access, Bound, Index, Size, scalar
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Axis, Quantity
from symprop.errors import DeclarationError, MissingRuleError, NotationError, OptionError
from symprop.rendering.sympy_form import to_sympy, written_out

TWO_LAYERS = """
index     i = 0..D, j = 0..H
input     x[i]
target    t
parameter alpha[j,i], beta[j]
a[j] = sum(i, alpha[j,i]*x[i])
z[j] = sigmoid(a[j])
b    = sum(j, beta[j]*z[j])
y    = sigmoid(b)
J    = t*log(y) + (1 - t)*log(1 - y)
maximize J
predict y
"""


def test_a_gradient_reads_back_and_is_written_as_latex() -> None:
    net = symprop.parse(TWO_LAYERS)
    gradient = symprop.derive(net).gradients["alpha"]
    assert [str(index) for index in gradient.indices] == ["j", "i"]
    assert symprop.expression(str(gradient), net) is gradient.expression
    assert "\\alpha" not in gradient.latex()
    assert "\\beta" in gradient.latex()
    assert gradient._repr_latex_().startswith("$")


def test_a_written_out_gradient_is_what_sympy_derives_of_the_written_out_objective() -> None:
    written_out = symprop.derive(TWO_LAYERS).gradients["alpha"].sympy(expand=True)
    sizes = {sympy.Symbol("D"): 1, sympy.Symbol("H"): 1}
    alpha, beta, x = map(sympy.IndexedBase, ("alpha", "beta", "x"))
    t = sympy.Symbol("t")

    def sigmoid(u: sympy.Expr) -> sympy.Expr:
        return 1 / (1 + sympy.exp(-u))

    y = sigmoid(sum(beta[j] * sigmoid(sum(alpha[j, i] * x[i] for i in (0, 1))) for j in (0, 1)))
    objective = t * sympy.log(y) + (1 - t) * sympy.log(1 - y)
    point = {t: 1, x[0]: 1, x[1]: -2, beta[0]: sympy.Rational(1, 2), beta[1]: 3}
    point |= {alpha[j, i]: sympy.Rational(j - 2 * i, 3) for j in (0, 1) for i in (0, 1)}
    for j in (0, 1):
        for i in (0, 1):
            own = written_out.subs(sizes).subs({sympy.Symbol("j"): j, sympy.Symbol("i"): i}).doit()
            difference = (own - objective.diff(alpha[j, i])).subs(point)
            # 30 digits of both, which are of order 0.1.
            assert abs(difference.evalf(30)) < 1e-25


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(i, w[i]*x[i])", "Sum(w[i]*x[i], (i, 1, n))"),
        ("prod(i, x[i])", "Product(x[i], (i, 1, n))"),
        ("logsumexp(i, x[i])", "log(Sum(exp(x[i]), (i, 1, n)))"),
        ("max(x[1], x[2])", "Max(x[1], x[2])"),
        ("max(i = 1..3, x[i])", "Max(x[1], x[2], x[3])"),
        ("where(a > 0, a, exp(a))", "Piecewise((a, a > 0), (exp(a), True))"),
        ("relu(a)", "Piecewise((a, a > 0), (0, True))"),
        ("log1p(a) + expm1(a) + exp2(a)", "2**a + exp(a) + log(a + 1) - 1"),
        ("abs(a) + sqrt(a)", "sqrt(a) + Abs(a)"),
        ("[k == 2]*x[k]", "KroneckerDelta(2, k)*x[k]"),
        ("pi*E", "E*pi"),
        ("g(a)", "g(a)"),
        ("f(a)", "a**3"),
    ],
)
def test_every_kind_of_expression_has_a_sympy_form(text: str, expected: str) -> None:
    net = symprop.parse(
        "index i, k = 1..n; input x[i], a; parameter w[i]; function g(u); function f(u) = u**3; L = sum(i, w[i]*x[i])"
    )
    assert str(to_sympy(symprop.expression(text, net), net.functions)) == expected


def test_what_sympy_cannot_say_is_refused() -> None:
    net = symprop.parse("index i = 1..n; input x[i]; parameter w; L = w*max(i, x[i])")
    with pytest.raises(MissingRuleError, match=r"no max over i = 1\.\.n"):
        symprop.derive(net).gradients["w"].sympy(expand=True)


def test_a_recurrence_is_not_written_out() -> None:
    t, T = Index("t"), Size("T")
    before = Access("h", (t - ONE,))
    network = Network(
        {"h": Quantity("h", "defined", (Axis(t, ZERO, T),)), "v": Quantity("v", "parameter")},
        (
            Equation(Access("h", (ZERO,)), (), ZERO),
            Equation(Access("h", (t,)), (Bound(t, ONE, T),), scalar("v") * before),
        ),
    )
    with pytest.raises(MissingRuleError, match="'h' is a recurrence"):
        written_out(Access("h", (T,)), network, {})
    assert written_out(Access("h", (ZERO,)), network, {}) is ZERO


def test_a_derivation_holds_gradients_adjoints_and_steps() -> None:
    derivation = symprop.derive(TWO_LAYERS)
    assert list(derivation.gradients) == ["alpha", "beta"]
    assert {"z", "b", "y"} <= set(derivation.adjoints)
    assert all(step.rule for step in derivation.steps)
    assert derivation.steps
    assert derivation.to_dict()["gradients"]["alpha"]["indices"] == ["j", "i"]
    assert str(derivation) == derivation.to_text(detail="final")
    assert derivation._repr_html_().lstrip().startswith("<")
    assert derivation._repr_latex_()


def test_forward_and_reverse_mode_agree() -> None:
    net = symprop.parse("input x; parameter w; y = tanh(w*x); L = y**2")
    results = [symprop.derive(net, mode=mode).gradients["w"].sympy(expand=True) for mode in ("reverse", "forward")]
    assert sympy.simplify(results[0] - results[1]) == 0
    with pytest.raises(OptionError, match="mode is 'sideways'; it must be one of reverse, forward"):
        symprop.derive(net, mode="sideways")


def test_names_to_differentiate_may_be_one_text_and_a_component() -> None:
    net = symprop.parse("index k = 1..2; input x[k]; parameter w; y[k] = w*x[k]**2; L = sum(k, y[k])")
    assert list(symprop.derive(net, wrt="x").gradients) == ["x"]
    gradient = symprop.derive(net, wrt="w", of="y[2]").gradients["w"]
    assert gradient.sympy(expand=True) == sympy.IndexedBase("x")[2] ** 2


def test_exact_numbers_stay_exact_and_are_found_by_text() -> None:
    values = symprop.evaluate(
        "index i = 0..1; input x[i]; parameter w[i]; y = sum(i, w[i]*x[i]); L = y**2/3",
        {"x": [1, 2], "w": ["1/2", 3]},
        show=["D(L, w[1])", "[y == 13/2]"],
    )
    assert values.values["y"] == Fraction(13, 2)
    assert values.values["x"][1] == 2
    assert values.values["x"].tolist() == [1, 2]
    assert values.adjoints["w"][1] == values.shown["D(L, w[1])"] == values["D(L,w[1])"] == Fraction(26, 3)
    assert isinstance(values.values["L"], Fraction)
    assert values.to_dict()["values"]["w"] == ["1/2", "3"]
    assert "w_bar[1]" in str(values)
    with pytest.raises(KeyError):
        values["nonsense"]


@pytest.mark.parametrize("eta", [0.125, "1/8", "0.125", Fraction(1, 8)])
def test_a_network_without_roles_may_be_shown_with_further_scalars(eta: object) -> None:
    values = symprop.evaluate("y = w*x; L = y**2", {"w": 2, "x": 3, "eta": eta}, show=["w - eta*D(L,w)"])
    assert values.shown["w - eta*D(L,w)"] == 2 - Fraction(1, 8) * 2 * 6 * 3


def test_numbers_that_are_not_rational_are_floats() -> None:
    value = symprop.evaluate("J = exp(x)", {"x": 1}).values["J"]
    assert value == float(sympy.E)


READS_AT_A_MAXIMUM = """
index k = 1..K, i = 1..D
input s[k], x[k,i]
parameter v[i], w
m = max(k, s[k] + w*sum(i, v[i]*x[k,i]))
y = sum(i, v[i]*x[argmax(k, s[k]),i])
L = m*y
"""
AT_A_MAXIMUM = {"v": [1, 2], "w": 3, "s": [1, 50, 2], "x": [[1, 2], [3, 4], [5, 6]]}


def test_the_place_of_a_maximum_indexes_and_is_always_in_range() -> None:
    derivation = symprop.derive(READS_AT_A_MAXIMUM)
    # Row 2 wins both times: m = 50 + 3*(3 + 8) = 83 and y = 11.
    values = symprop.evaluate(READS_AT_A_MAXIMUM, AT_A_MAXIMUM)
    assert values.adjoints["v"].tolist() == [11 * 3 * 3 + 83 * 3, 11 * 3 * 4 + 83 * 4]
    assert values.adjoints["w"] == 11 * 11
    assert "where" not in str(derivation.gradients["v"])
    for target in ("numpy", "numba"):
        functions = symprop.compile(READS_AT_A_MAXIMUM, target=target)
        data = {name: [AT_A_MAXIMUM[name]] for name in ("s", "x")}
        _, gradients = functions.gradient({"v": [1, 2], "w": 3}, data)
        assert gradients["v"].tolist() == [348, 464]
        assert gradients["w"] == 121


@pytest.mark.parametrize(
    "net", [READS_AT_A_MAXIMUM, *sorted(map(str, (Path(__file__).parents[1] / "examples" / "networks").glob("*.net")))]
)
def test_every_printed_gradient_reads_back_in_the_names_of_the_network(net: str) -> None:
    network = symprop.parse(net) if "\n" in net else symprop.read(net)
    for gradient in symprop.derive(network).gradients.values():
        assert symprop.expression(str(gradient), network) == gradient.expression


def test_an_adjoint_of_something_unknown_is_an_unknown_name() -> None:
    with pytest.raises(DeclarationError, match="unknown name 'q_bar'"):
        symprop.expression("2*q_bar", symprop.parse("input x; parameter w; L = w*x"))


def test_a_file_that_is_no_text_is_refused(tmp_path: object) -> None:
    with pytest.raises(OptionError, match="there is no file"):
        symprop.read("nowhere/none.net")
    with pytest.raises(NotationError, match="line 2, is not UTF-8"):
        symprop.pipeline.decode(b"a\n\xff", "text")


def test_a_product_with_the_hessian_is_the_change_of_the_gradient_along_the_direction() -> None:
    # The pre-activation gets a name on the way, in the recurrence and after it; from t = 1 on.
    net = symprop.parse(
        "index i = 1..2, t = 0..3; input x[i]; parameter w[i], v; h[0] = 0\n"
        "h[t] = tanh(sum(i, w[i]*x[i]) + v*h[t-1]) for t = 1..3; p = sigmoid(v*h[3] + sum(i, w[i])); L = p**2"
    )
    x, w, v, step = [0.3, -0.7], np.array([0.4, 0.9]), 0.6, 1e-5
    along = np.array([0.8, -0.5])

    def gradient(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        shown = symprop.evaluate(net, {"x": x, "w": list(at), "v": v}, show=["D(L, w[1])", "D(L, w[2])"]).shown
        return np.array([float(value) for value in shown.values()])

    product = symprop.derive(net, wrt="w").hessian_vector_product("w")
    assert "h_argument" in product.network.quantities
    point = {"x": x, "w": list(w), "v": v, "direction": list(along)}
    objective = product.network.objective
    assert objective is not None
    asked = [f"D({objective.name}, w[{place}])" for place in (1, 2)]
    found = [float(value) for value in symprop.evaluate(product.network, point, show=asked).shown.values()]
    # Central differences: the error is of the order of step**2, far below 1e-8.
    assert found == pytest.approx((gradient(w + step * along) - gradient(w - step * along)) / (2 * step), abs=1e-8)
