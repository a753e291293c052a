"""Reading networks, expressions and points: what is written means what it says."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    EULER,
    ONE,
    PI,
    ZERO,
    Access,
    Add,
    Bound,
    Derivative,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Where,
    add,
    call,
    compare,
    divide,
    iverson,
    junction,
    mul,
    number,
    power,
    reduce,
    scalar,
    where,
)
from symprop.algebra.losses import LOSSES
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression, parse_point
from symprop.declaration.quantity import Domain
from symprop.errors import SympropError

i, j, k = Index("i"), Index("j"), Index("k")
D, H, K = Size("D"), Size("H"), Size("K")
x, w, v, t = scalar("x"), scalar("w"), scalar("v"), scalar("t")

HIDDEN_LAYER = """
# One hidden layer, two classes
index     i = 0..D, j = 0..H           # inclusive limits
input     x[i]
target    t
parameter alpha[j,i], beta[j]

a[j] = sum(i, alpha[j,i]*x[i])
z[j] = sigmoid(a[j])
b    = sum(j, beta[j]*z[j])
y    = sigmoid(b)
J    = t*log(y) + (1 - t)*log(1 - y)

maximize J                             # or: minimize L.  Without it the last scalar is minimised
predict y
"""


def right_side(text: str) -> Expr:
    """Return the right side of the last equation of a text."""
    return parse(text).equations[-1].expression


def value_of(expr: Expr, values: dict[str, Fraction]) -> Fraction:
    """Evaluate an expression of sums, products and integer powers: the plainest reading there is."""
    match expr:
        case Number(value=value):
            return value
        case Access(name=name, indices=()):
            return values[name]
        case Add(terms=terms):
            return sum((value_of(term, values) for term in terms), Fraction(0))
        case Mul(factors=factors):
            result = Fraction(1)
            for factor in factors:
                result *= value_of(factor, values)
            return result
        case Power(base=base, exponent=exponent):
            return value_of(base, values) ** int(value_of(exponent, values))
    raise AssertionError(expr)


# --- expressions


@pytest.mark.parametrize(
    "text",
    [
        "a - b - c",
        "a/b/c",
        "a/b*c",
        "-a**2",
        "(-a)**2",
        "2**-1*a",
        "2**3**2",
        "a - -b",
        "-a*b",
        "-(a - b) - (c - a)",
        "a - (b - (c - a))",
        "a*(b + c)/(a*b)",
        "a/(b/c)",
        "+a - +b",
        "2*a**2*b - 3*a/4 + b**-2",
        "1/3 + 1/6",
        "a**2/2**2",
        "(a - b)**2 - (a + b)*(a - b)",
    ],
)
def test_arithmetic_has_the_precedence_of_python(text: str) -> None:
    values = {"a": Fraction(7, 3), "b": Fraction(-5, 2), "c": Fraction(11)}
    # Python is the witness; integers of the text become fractions so that `/` is exact.
    exact = "".join(f"Fraction({piece})" if piece.isdigit() else piece for piece in _pieces(text))
    expected = eval(exact, {"Fraction": _Exact}, {name: _Exact(value) for name, value in values.items()})
    assert value_of(right_side(f"y = {text}"), values) == expected.value


def _pieces(text: str) -> list[str]:
    import re

    return re.findall(r"\d+|\w+|\*\*|\s+|.", text)


class _Exact:
    """A fraction whose exponents may be fractions with an integer value."""

    def __init__(self, value: Fraction | int) -> None:
        self.value = Fraction(value)

    def __add__(self, other: _Exact) -> _Exact:
        return _Exact(self.value + other.value)

    def __sub__(self, other: _Exact) -> _Exact:
        return _Exact(self.value - other.value)

    def __mul__(self, other: _Exact) -> _Exact:
        return _Exact(self.value * other.value)

    def __truediv__(self, other: _Exact) -> _Exact:
        return _Exact(self.value / other.value)

    def __pow__(self, other: _Exact) -> _Exact:
        return _Exact(self.value ** int(other.value))

    def __neg__(self) -> _Exact:
        return _Exact(-self.value)

    def __pos__(self) -> _Exact:
        return self


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w*x", mul(w, x)),
        ("w^2", power(w, number(2))),
        ("0.1*x", mul(number("1/10"), x)),
        ("1e-5 + .5 + 2.", number("250001/100000")),
        ("pi*x + E", add(mul(PI, x), EULER)),
        ("e**x", call("exp", x)),
        ("sqrt(x)", power(x, number("1/2"))),
        ("exp(x) - ln(w)", add(call("exp", x), -call("log", w))),
        ("Abs(x) + arctan(w)", add(call("abs", x), call("atan", w))),
        ("sigma(x)", call("sigmoid", x)),
        ("leaky_relu(x)", call("leaky_relu", x, number("1/10"))),
        ("leaky_relu(x, slope=0.2)", call("leaky_relu", x, number("1/5"))),
        ("leaky_relu(x, 0.2)", call("leaky_relu", x, number("1/5"))),
        ("max(x, w)", call("max", x, w)),
        ("where(x > 0, x, 0)", where(compare(">", x, ZERO), x, ZERO)),
        ("[x == w]", iverson(compare("==", x, w))),
        ("[0 < x <= 1]", iverson(junction("and", compare("<", ZERO, x), compare("<=", x, ONE)))),
        (
            "[not (x > 0 or x < w) and w != 1]",
            iverson(
                junction(
                    "and",
                    junction("not", junction("or", compare(">", x, ZERO), compare("<", x, w))),
                    compare("!=", w, ONE),
                )
            ),
        ),
        ("stop(x)", call("stop", x)),
        ("diff(x**3, x)", mul(number(3), power(x, number(2)))),
        ("squared_error(t, x)", LOSSES["squared_error"].build((), t, x)),
        ("pow(x, 3)", power(x, number(3))),
    ],
)
def test_expressions_of_scalars(text: str, expected: Expr) -> None:
    assert right_side(f"y = {text}") is expected


def of_vector(kind: str, body: Expr, lower: Expr = ZERO, upper: Expr = D, written: bool = False) -> Expr:
    return reduce(kind, (Bound(i, lower, upper, written),), body)


x_i, w_i = Access("x", (i,)), Access("w", (i,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(i, w[i]*x[i])", of_vector("sum", mul(w_i, x_i))),
        ("prod(i, x[i])", of_vector("prod", x_i)),
        ("max(i, x[i])", of_vector("max", x_i)),
        ("min(i, x[i])", of_vector("min", x_i)),
        ("logsumexp(i, x[i])", of_vector("logsumexp", x_i)),
        ("mean(i, x[i])", divide(of_vector("sum", x_i), D + ONE)),
        ("sum(i = 1..D, x[i])", of_vector("sum", x_i, ONE, D, True)),
        ("sum(i, 1, D, x[i])", of_vector("sum", x_i, ONE, D, True)),
        ("sum(i in 1..D, x[i])", of_vector("sum", x_i, ONE, D, True)),
        ("Sum(x[i], i)", of_vector("sum", x_i)),
        ("Sum(x[i], (i, 0, D))", of_vector("sum", x_i, ZERO, D, True)),
        ("Product(x[i], (i, 1, D))", of_vector("prod", x_i, ONE, D, True)),
        ("Σ(i, x[i]²)", of_vector("sum", power(x_i, number(2)))),
        ("∑(i, x[i])", of_vector("sum", x_i)),
        ("sum(i, i*x[i])", of_vector("sum", mul(i, x_i))),
        ("sum(i, [i > 0]*x[i])", of_vector("sum", mul(iverson(compare(">", i, ZERO)), x_i))),
        (
            "sum(i, k = 0..i, x[k]*w[i])",
            reduce("sum", (Bound(i, ZERO, D, False), Bound(k, ZERO, i, True)), mul(Access("x", (k,)), w_i)),
        ),
        ("mse(i, w[i], x[i])", LOSSES["mse"].build((Bound(i, ZERO, D),), w_i, x_i)),
        ("sum(i = 0..D-1, x[i+1])", of_vector("sum", Access("x", (i + ONE,)), ZERO, D - ONE, True)),
        (
            "sum(i, where(i > 0, x[i-1], 0))",
            of_vector("sum", Where(compare(">", i, ZERO), Access("x", (i - ONE,)), ZERO)),
        ),
        ("x[0] + x[D]", add(Access("x", (ZERO,)), Access("x", (D,)))),
    ],
)
def test_reductions(text: str, expected: Expr) -> None:
    assert right_side(f"index i = 0..D; input x[i], w[i]; y = {text}") is expected


def test_softmax_is_the_exponential_of_a_difference() -> None:
    text = "index k = 1..K; input a[k]; p[k] = softmax(k, a[k])"
    other = Index("k_1")
    total = reduce("logsumexp", (Bound(other, ONE, K),), Access("a", (other,)))
    assert right_side(text) is call("exp", Access("a", (k,)) - total)
    assert right_side(text.replace("softmax", "log_softmax")) is Access("a", (k,)) - total


def test_a_causal_softmax_is_0_beyond_its_limit() -> None:
    text = "index q = 1..T, u = 1..T; input s[q,u]; p[q,u] = softmax(u = 1..q, s[q,u])"
    expression = right_side(text)
    assert isinstance(expression, Where)
    assert expression.condition is compare("<=", Index("u"), Index("q"))
    assert expression.otherwise is ZERO


@pytest.mark.parametrize(
    ("fancy", "plain"),
    [
        ("α·x − β", "alpha*x - beta"),
        ("σ(α)", "sigma(alpha)"),
        ("x² + α₁", "x**2 + alpha_1"),
        ("x⁻¹", "x**-1"),
        ("ŷ − ỹ", "y_hat - y_tilde"),
        ("2·π", "2*pi"),
        ("[x ≤ 1]*[x ≠ 0]*[x ≥ 0]", "[x <= 1]*[x != 0]*[x >= 0]"),
        ("√(x)", "sqrt(x)"),
        ("𝑥 + ｗ", "x + w"),
        ("w′", "w'"),
        ("x\u00a0+\u2009w", "x + w"),
    ],
)
def test_unicode_reads_as_its_plain_spelling(fancy: str, plain: str) -> None:
    assert right_side(f"Y = {fancy}") is right_side(f"Y = {plain}")


@pytest.mark.parametrize(
    "name", ["lambda", "print", "list", "for", "in", "over", "class", "None", "S", "N", "Q", "exp"]
)
def test_words_of_python_are_names(name: str) -> None:
    network = parse(f"y = 2*{name}")
    assert [quantity.name for quantity in network.of_role("input")] == [name]


def test_names_that_are_constants_may_be_defined() -> None:
    network = parse("e = (h - 1)**2/2; L = 3*e")
    assert network.equations[1].expression is mul(number(3), scalar("e"))


# --- networks


def test_the_network_of_the_contract() -> None:
    network = parse(HIDDEN_LAYER)
    assert {name: (q.role, str(q.access)) for name, q in network.quantities.items()} == {
        "x": ("input", "x[i]"),
        "t": ("target", "t"),
        "alpha": ("parameter", "alpha[j,i]"),
        "beta": ("parameter", "beta[j]"),
        "a": ("defined", "a[j]"),
        "z": ("defined", "z[j]"),
        "b": ("defined", "b"),
        "y": ("defined", "y"),
        "J": ("defined", "J"),
    }
    assert [(str(e.target), e.line) for e in network.equations] == [
        ("a[j]", 8),
        ("z[j]", 9),
        ("b", 10),
        ("y", 11),
        ("J", 12),
    ]
    assert network.equations[0].text == "a[j] = sum(i, alpha[j,i]*x[i])"
    assert network.equations[0].bounds == (Bound(j, ZERO, H),)
    assert dict(network.sizes) == {"D": None, "H": None}
    assert network.objective is not None
    assert (network.objective.name, network.objective.sense, network.objective.stated) == ("J", "maximize", True)
    assert network.predictions == ("y",)
    assert network.declares_roles
    assert network.parameters == ("alpha", "beta")


def lecture_networks() -> list[tuple[str, str]]:
    path = Path(__file__).parents[1] / "lecture_cases.yaml"
    cases = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["cases"]
    texts = []
    for case in cases:
        ranges = ", ".join(f"{name} = {low}..{high}" for name, (low, high) in case.get("ranges", {}).items())
        lines = [f"index {ranges}"] if ranges else []
        lines += [f"function {head} = {body}" for head, body in case.get("functions", {}).items()]
        texts.append((case["id"], "\n".join([*lines, *case["forward"]])))
    return texts


@pytest.mark.parametrize(("name", "text"), lecture_networks())
def test_the_networks_of_the_lectures_are_read(name: str, text: str) -> None:
    network = parse(text)
    written = [line for line in text.splitlines() if not line.startswith(("index", "function"))]
    assert [equation.text for equation in network.equations] == written  # they stand in order
    assert not network.declares_roles


AXES = [
    ("L = w*x", {"w": "w", "x": "x"}),
    ("y = sum(i, w[i]*x[i])", {"w": "w[i = 1..n_i]", "x": "x[i = 1..n_i]"}),
    ("index i = 0..D; y = sum(i, x[i])", {"x": "x[i = 0..D]"}),
    ("index i = 0..D; y = sum(i, x[i]) + x[0]", {"x": "x[i = 0..D]"}),
    ("u[1] = x[1]*x[2]; u[2] = x[3]; y = u[1]*u[2]", {"u": "u[i = 1..2]", "x": "x[j = 1..3]"}),
    (
        "index j = 1..3; s[j] = w[j]; z[0] = 1; z[j] = s[j]; y = sum(j, 0, 3, v[j]*z[j])",
        {"z": "z[j = 0..3]", "v": "v[j = 0..3]", "s": "s[j = 1..3]"},
    ),
    ("y = s[1]*w[2,1]; s[1] = 3", {"s": "s[i = 1..1]", "w": "w[j = 2..2,i = 1..1]"}),
    ("index i = 1..n; y = sum(i, W[i,i])", {"W": "W[i = 1..n,i_1 = 1..n]"}),
    ("index t = 1..T; d[t] = x[t+1] - x[t]", {"x": "x[t = 1..T + 1]", "d": "d[t = 1..T]"}),
    ("index p = 0..P-1, k = 0..K-1; y[p] = sum(k, w[k]*x[2*p + k])", {"x": "x[i = 0..K + 2*P - 3]"}),
    ("index i = 0..D; input x[i]; y = sum(m, x[m])", {"x": "x[i = 0..D]"}),
    ("input x[i]; y = x[1]*x[2]", {"x": "x[i = 1..2]"}),
    ("index i = 0..D; x[0] = 1; y = sum(i, w[i]*x[i])", {"x": "x[i = 0..D]"}),
    (
        "index s = 1..T, d = 1..M; integer tok[s] in 0..V-1; parameter E[v, d]; h[s,d] = E[tok[s], d]",
        {"E": "E[v = 0..V - 1,d = 1..M]", "tok": "tok[s = 1..T]"},
    ),
    ("index t = 1..T; g[t] = where(t > 1, h[t-1], 0) + h[t]", {"h": "h[t = 1..T]"}),
    ("index j, m = 1..H; y = sum(j, m, W[j,m])", {"W": "W[j = 1..H,m = 1..H]"}),
    ("index k = 1..H+D; input x[k]; y = sum(k, x[k])", {"x": "x[k = 1..D + H]"}),
]


@pytest.mark.parametrize(("text", "expected"), AXES)
def test_axes_are_the_hull_of_what_is_read_or_defined(text: str, expected: dict[str, str]) -> None:
    network = parse(text)
    for name, written in expected.items():
        quantity = network.quantities[name]
        axes = [f"{axis.index} = {axis.lower}..{axis.upper}" for axis in quantity.axes]
        assert (f"{name}[{','.join(axes)}]" if axes else name) == written


def test_every_axis_index_has_a_range() -> None:
    for text, _ in AXES:
        network = parse(text)
        for quantity in network.quantities.values():
            assert {axis.index for axis in quantity.axes} <= set(network.indices)


def test_equations_are_sorted_and_keep_their_order_where_it_is_free() -> None:
    network = parse("L = a + b; c = x; a = 2*c; d = 3; b = a + d")
    assert [equation.name for equation in network.equations] == ["c", "a", "d", "b", "L"]


def test_components_depend_on_components_and_not_on_names() -> None:
    network = parse("u[2] = 3*u[1]; u[1] = x; y = u[2]")
    assert [str(equation.target) for equation in network.equations] == ["u[1]", "u[2]", "y"]


def test_without_an_objective_the_last_scalar_is_minimised() -> None:
    objective = parse("b = a; c = b; a = x").objective
    assert objective is not None
    assert (objective.name, objective.sense, objective.stated) == ("a", "minimize", False)
    assert parse("y[1] = x; y[2] = 2*x").objective is None


def test_several_objectives_name_their_parameters() -> None:
    network = parse("input x; parameter wd, wg; LD = wd*x; LG = wg*x - LD; minimize LD over wd; maximise LG over wg")
    assert [(o.name, o.sense, o.over) for o in network.objectives] == [
        ("LD", "minimize", ("wd",)),
        ("LG", "maximize", ("wg",)),
    ]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("(0, 1)", Domain(ZERO, ONE, True, True)),
        ("[0, 1]", Domain(ZERO, ONE, False, False)),
        ("(0, 1]", Domain(ZERO, ONE, True, False)),
        ("[0, 1)", Domain(ZERO, ONE, False, True)),
        ("(0, inf)", Domain(ZERO, None, True, True)),
        ("(-∞, 0]", Domain(None, ZERO, True, False)),
        ("{-1, 1}", Domain(members=(number(-1), ONE))),
        ("0..V-1", Domain(ZERO, Size("V") - ONE)),
    ],
)
def test_domains(domain: str, expected: Domain) -> None:
    assert parse(f"input p in {domain}, q; y = p*q").quantities["p"].domain == expected


def test_constants_hyperparameters_and_integers() -> None:
    network = parse(
        "constant eps = 1e-5, two = 1/eps/50000; hyperparameter lr = 0.1, mu; constant integer S = 2\n"
        "index i = 0..D; input x[i]; target integer c in 0..S*D; y = x[S]*eps + c*lr + S"
    )
    values = {name: quantity.value for name, quantity in network.quantities.items()}
    assert values == {
        "eps": Fraction(1, 100000),
        "two": Fraction(2),
        "lr": Fraction(1, 10),
        "mu": None,
        "S": Fraction(2),
        "x": None,
        "c": None,
        "y": None,
    }
    assert network.quantities["c"].integer
    assert network.equations[0].expression is add(
        mul(Access("x", (number(2),)), scalar("eps")), mul(scalar("c"), scalar("lr")), scalar("S")
    )


def test_sizes_may_define_each_other() -> None:
    network = parse("size P = floor((R + 2*pad - K)/2) + 1, R; index p = 0..P-1; input h[p]; y = sum(p, h[p])")
    assert list(network.sizes) == ["P", "R", "pad", "K"]
    assert network.sizes["R"] is None
    assert str(network.sizes["P"]) == "floor((R + 2*pad - K)/2) + 1"


@pytest.mark.parametrize("padded", ["x[t]", "x"])
def test_padding_is_a_property_of_the_quantity(padded: str) -> None:
    network = parse(f"index t = 1..T; input x[t]; zero outside {padded}; y[t] = x[t-1] + x[t+1]")
    assert network.quantities["x"].zero_outside
    assert not network.quantities["y"].zero_outside


def test_functions_carry_what_their_bodies_read() -> None:
    network = parse(
        "parameter beta; input u; function sw(v) = v*sigmoid(beta*v); function g(a, b); y = sw(u) + g'(u, 2)"
    )
    assert network.functions["sw"].parameters == ("v", "beta")
    assert network.functions["sw"].hidden == 1
    assert network.functions["g"].body is None
    u, beta = scalar("u"), scalar("beta")
    assert network.equations[0].expression is add(call("sw", u, beta), call("g", u, number(2), orders=(1, 0)))


def test_a_function_of_the_text_comes_before_the_catalogue() -> None:
    network = parse("function sigma(z) = 1/(1 + exp(-z)); y = sigma(x)")
    assert network.equations[0].expression is call("sigma", x)


def test_facts() -> None:
    network = parse(
        "index n = 1..N, k = 1..K; input t[n,k], W[n,k]; y = sum(n, k, t[n,k]*W[n,k])\n"
        "assume sum(k, t[n,k]) = 1; assume onehot(k, t[n,k]); assume W[n,k] = W[k,n]"
    )
    assert [(fact.kind, fact.line) for fact in network.facts] == [("equal", 2), ("onehot", 2), ("equal", 2)]
    assert [bound.index.name for bound in network.facts[0].bounds] == ["n"]
    assert network.facts[1].left is Access("t", (Index("n"), k))
    assert network.facts[1].right is k


def test_a_component_of_an_input_may_be_fixed() -> None:
    network = parse("index i = 0..D; input x[i]; x[0] = 1; y = sum(i, x[i])")
    assert network.quantities["x"].role == "input"
    assert str(network.equations[0].target) == "x[0]"


def test_brackets_continue_a_statement_over_lines_and_comments() -> None:
    network = parse("a = (x +   # first\n     w)\r\nb = sum(i,\n  v[i])  ; c = a*b")
    assert [(equation.name, equation.line) for equation in network.equations] == [("a", 1), ("b", 3), ("c", 4)]


def test_an_empty_text_is_an_empty_network() -> None:
    assert parse("  # nothing\n;;\n").equations == ()


# --- expressions about a network


@pytest.fixture(scope="module")
def network() -> Network:
    return parse(
        HIDDEN_LAYER
        + "function g(u)\nsoft[j] = softmax(j, a[j])\nc = g(b) + sum(j, soft[j]*leaky_relu(z[j]))\nmu = mean(i, x[i])"
    )


def test_derivatives_are_operators_in_claims(network: Network) -> None:
    alpha = Access("alpha", (j, i))
    assert parse_expression("D(J, alpha[j,i])", network) is Derivative("D", scalar("J"), alpha)
    assert parse_expression("P(b, z[j])", network) is Derivative("P", scalar("b"), Access("z", (j,)))


def test_an_index_of_a_claim_takes_the_range_that_it_reads(network: Network) -> None:
    expected = reduce("sum", (Bound(Index("m"), ZERO, D),), Access("x", (Index("m"),)))
    assert parse_expression("sum(m, x[m])", network) is expected


def test_a_fresh_index_has_the_range_of_its_stem(network: Network) -> None:
    copy = Index("j_1")
    assert parse_expression("sum(j_1, 2)", network) is reduce("sum", (Bound(copy, ZERO, H),), number(2))


def test_what_a_network_prints_reads_back(network: Network) -> None:
    for equation in network.equations:
        assert parse_expression(str(equation.expression), network) == equation.expression


def leaves() -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.fractions(-3, 3, max_denominator=4).map(Number),
        st.sampled_from(
            [
                PI,
                EULER,
                i,
                j,
                D,
                scalar("t"),
                scalar("b"),
                Access("x", (i,)),
                Access("alpha", (j, i)),
                Access("x", (ZERO,)),
            ]
        ),
        st.sampled_from([Derivative("D", scalar("J"), Access("beta", (j,))), Access("a", (j + ONE,))]),
    )


def branches(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    conditions = st.builds(compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner, inner)
    joined = st.one_of(
        conditions,
        st.builds(lambda a, b: junction("and", a, b), conditions, conditions),
        st.builds(lambda a, b: junction("or", a, b), conditions, conditions),
        conditions.map(lambda a: junction("not", a)),
    )
    bounds = st.sampled_from(
        [
            Bound(i, ZERO, D),
            Bound(j, ZERO, H),
            Bound(i, ONE, D, True),
            Bound(Index("i_1"), ZERO, D),
            Bound(k, ONE, D, True),
        ]
    )
    exponents = st.sampled_from([number(2), number(-1), number("1/2"), number("-3/2"), scalar("t"), -scalar("t")])
    return st.one_of(
        st.builds(add, inner, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(mul, inner, inner),
        st.builds(lambda a, b: divide(a, b) if b is not ZERO else a, inner, inner),
        st.builds(lambda a, b: power(a, b) if a not in (EULER, ZERO) else a, inner, exponents),
        inner.map(lambda a: -a),
        st.builds(lambda name, a: call(name, a), st.sampled_from(["exp", "sigmoid", "tanh", "g", "stop"]), inner),
        st.builds(lambda name, a: call(name, a, orders=(1,)), st.sampled_from(["sigmoid", "g"]), inner),
        st.builds(lambda a, b: call("leaky_relu", a, b), inner, inner),
        st.builds(lambda a, b: call("max", a, b), inner, inner),
        st.builds(
            lambda kind, bound, a: reduce(kind, (bound,), a),
            st.sampled_from(["sum", "prod", "max", "logsumexp"]),
            bounds,
            inner,
        ),
        st.builds(where, joined, inner, inner),
        joined.map(iverson),
    )


@given(st.recursive(leaves(), branches, max_leaves=12))
def test_the_text_of_an_expression_reads_back_to_it(expr: Expr) -> None:
    about = parse(HIDDEN_LAYER + "function g(u)")
    assert parse_expression(str(expr), about) == expr


# --- points


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t = 1/2", {"t": Fraction(1, 2)}),
        ("x = [1, -0.5], t = 3", {"x": [1, Fraction(-1, 2)], "t": 3}),
        ("alpha = [[1, 2], [3, 4]]", {"alpha": [[1, 2], [3, 4]]}),
        ("x[0] = 1, x[1] = 2**-3; alpha[0,1] = 5", {"x": {(0,): 1, (1,): Fraction(1, 8)}, "alpha": {(0, 1): 5}}),
        ("H = 2\n, D = 3,", {"H": 2, "D": 3}),
        ("", {}),
    ],
)
def test_points(text: str, expected: dict[str, object], network: Network) -> None:
    assert parse_point(text, network) == expected


# --- the machine


def test_reading_a_network_imports_neither_sympy_nor_numba() -> None:
    program = (
        "import sys\n"
        "from symprop.declaration.parser import parse\n"
        f"parse({HIDDEN_LAYER!r})\n"
        "assert not {'sympy', 'numba', 'numpy'} & set(sys.modules), 'too much is imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_reading_does_not_need_a_place_for_the_grammar_tables(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    program = "from symprop.declaration.parser import parse; parse('y = x')"
    environment = {"SYMPROP_CACHE": str(blocked), "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_damaged_grammar_tables_are_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "symprop"
    folder.mkdir()
    (folder / f"grammar-{sys.version_info[0]}.{sys.version_info[1]}.lark").write_bytes(b"not a table")
    program = "from symprop.declaration.parser import parse; parse('y = x')"
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True)
    assert not done.stderr


def test_errors_are_the_only_exceptions_of_readers(network: Network) -> None:
    with pytest.raises(SympropError):
        parse_expression("", network)
    with pytest.raises(SympropError):
        parse_point("x = ", network)


def test_a_sum_over_the_index_on_the_left_is_noticed() -> None:
    text = "index i = 1..D, k = 1..K; input x[i]; parameter w[i]\n{} = sum(i, w[i]*x[i])\nL = sum({}, {}**2)"
    (notice,) = parse(text.format("a[i]", "i", "a[i]")).notices
    assert notice == "line 2 defines a[i], which is the same for every 'i': the sum has a 'i' of its own"
    assert parse(text.format("a[k]", "k", "a[k]")).notices == ()  # meant so: one for each k


@pytest.mark.parametrize(
    ("text", "notices"),
    [
        ("input x\nparameter w\ny = w*x", ()),
        ("input x\nparameter w, u\ny = w*x", ("the parameter 'u' on line 2 is read by no equation",)),
        ("input x, q\ntarget t\nparameter w\ny = w*x", ("q", "t")),
        ("index v = 1..V, s = 1..S\ninteger tok[s] in 1..V\nparameter E[v]\ny = sum(s, E[tok[s]])", ()),
        ("input x\nparameter w\nfunction f(u) = w*u\ny = f(x)", ()),
        ("index k = 1..K\ninput x[k]\ntarget t[k]\nassume onehot(k, t[k])\ny = sum(k, x[k])", ()),
        ("y = w*x", ()),
        ("index i = 1..D, j = 1..H\ninput x[i]\ny[i] = sum(j, x[i])", ("line 3 sums x[i] over 'j'",)),
        ("index i = 1..D, j = 1..H\ninput x[i]\ny = sum(i, j, x[i]*[i <= j])", ()),
        ("index i = 1..D\ninput x[i]\ny[i] = sum(s = 1..i, x[s])", ()),
    ],
)
def test_what_nothing_reads_is_noticed(text: str, notices: tuple[str, ...]) -> None:
    found = parse(text).notices
    assert len(found) == len(notices)
    assert all(notice in told for notice, told in zip(notices, found, strict=True))


CLASSES = "index k = 1..3\ninput x[k]\ntarget t[k]\nparameter w\np[k] = softmax(k, w*x[k])\nL = "


@pytest.mark.parametrize(
    ("loss", "noticed"),
    [
        ("cross_entropy(k, p[k], t[k])", True),
        ("-sum(k, p[k]*log(t[k]))", True),
        ("sum(k, binary_cross_entropy(p[k], t[k]))", True),
        ("cross_entropy_with_logits(k, p[k], t[k])", True),
        ("sum(k, binary_cross_entropy_with_logits(p[k], t[k]))", True),
        ("cross_entropy(k, t[k], p[k])", False),
        ("sum(k, binary_cross_entropy(t[k], p[k]))", False),
        ("cross_entropy_with_logits(k, t[k], p[k])", False),
        ("mse(k, p[k], t[k])", False),
        # The divergence of distributions, in two spellings.
        ("sum(k, t[k]*log(t[k]/p[k]))", False),
        ("sum(k, t[k]*log(t[k]) - t[k]*log(p[k]))", False),
    ],
)
def test_a_target_and_a_prediction_that_changed_places_are_noticed(loss: str, noticed: bool) -> None:
    (*found,) = parse(CLASSES + loss).notices
    assert bool(found) == noticed
    assert all("line 6 takes the logarithm of the target 't' and multiplies it by 'p'" in each for each in found)
