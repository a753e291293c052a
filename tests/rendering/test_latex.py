"""Expressions and derivations as LaTeX: spelled as on paper, unambiguous, and accepted by TeX and by another reader."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import networks
import pytest
from brute_force import Witness, mp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symprop.algebra.expressions import (
    ONE,
    Access,
    Bound,
    Call,
    Expr,
    Index,
    call,
    number,
    power,
    reduce,
    scalar,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression
from symprop.declaration.quantity import Axis, Quantity
from symprop.derivation.steps import Derivation
from symprop.rendering.printers.layout import Names
from symprop.rendering.report import latex_of, to_latex, to_math

DERIVATIONS = networks.derivations()
DETAILS = ("final", "steps", "full")

NETWORK = parse("""
index i = 0..D, j = 1..H
input x[i], z1, z0, beta0, gamma1, beta_j, alpha_0, t, y, y_hat, p_star, lr, w_prime, e1, a_1, h_tilde, phi
parameter alpha[j,i], z[j], beta[j], gamma[j], W_hh[j], tok, Theta2[i,j]
function g(u)
L = t*g(y)
""")

SPELLINGS = [
    # names
    ("alpha[j,i]*x[i]", r"\alpha_{ji} x_{i}"),
    ("a_1*phi", r"a_{1} \phi"),
    ("e1*tok*lr", r"e_{1} \, \mathrm{tok} \, \mathrm{lr}"),
    ("W_hh[j]", r"W_{\mathrm{hh},j}"),
    ("Theta2[i,j]", r"\Theta_{2,ij}"),
    ("y_hat", r"\hat{y}"),
    ("h_tilde**2", r"\tilde{h}^{2}"),
    ("p_star**2", r"(p^{*})^{2}"),
    ("w_prime*t", r"w^{\prime} t"),
    ("z[j]**2", r"z_{j}^{2}"),
    ("x[2*j+1]*z[j-1]", r"x_{2j+1} z_{j-1}"),
    ("z1*z[1]", r"\mathrm{z1} \, z_{1}"),  # z with subscript 1 would be either
    ("z0*z[1]", r"z_{0} z_{1}"),  # there is no z[0]
    ("beta0*beta[j]", r"\beta_{0} \beta_{j}"),
    ("gamma1*gamma[j]", r"{\gamma\mathrm{1}} \, \gamma_{j}"),
    ("beta_j", r"\beta_{\mathrm{j}}"),  # upright: j is no index here
    ("alpha_0", r"\alpha_{0}"),  # one of two indices would be missing
    # arithmetic
    ("-t", "-t"),
    ("t - (y - lr)", r"t - y + \mathrm{lr}"),
    ("-(t - y)**2/2", r"-\frac{1}{2} (t - y)^{2}"),
    ("t*(1 - y)", "t (1 - y)"),
    ("y/(1 - y)", r"\frac{y}{1 - y}"),
    ("(1 - t)/(1 - y)", r"\frac{1 - t}{1 - y}"),
    ("t/(2*y)", r"\frac{t}{2 y}"),
    ("t**-2", r"\frac{1}{t^{2}}"),
    ("sqrt(1 + t)", r"\sqrt{1 + t}"),
    ("t**(3/2)", "t^{3/2}"),
    ("t**(-1/2)", r"\frac{1}{\sqrt{t}}"),
    ("(t + 1)**(y - 1)", "(t + 1)^{y-1}"),
    ("2*3**t", r"2 \cdot 3^{t}"),
    ("3/4*t", r"\frac{3}{4} t"),
    ("0.1*t", "0.1 t"),
    ("-0.25*t", r"-\frac{1}{4} t"),
    ("t + 1e-7", "t + 10^{-7}"),
    # functions
    ("sigmoid(t)*(1 - sigmoid'(t))", r"\sigma(t) (1 - \sigma'(t))"),
    ("log(1 - y)", r"\log(1 - y)"),
    ("1/(1 + exp(-t))", r"\frac{1}{1 + \mathrm{e}^{-t}}"),
    ("exp(t/y)", r"\exp\biggl(\frac{t}{y}\biggr)"),
    ("exp(t)**2", r"(\mathrm{e}^{t})^{2}"),
    ("sin(t)**2", r"\sin^{2}(t)"),
    ("asinh(t) + atan(y)", r"\operatorname{arsinh}(t) + \arctan(y)"),
    ("relu'(t)", r"\operatorname{ReLU}'(t)"),
    ("leaky_relu(t) + leaky_relu(t, 0.3)", r"\operatorname{leaky\_relu}(t) + \operatorname{leaky\_relu}(t, 0.3)"),
    ("g(t)*g''(t)", r"g(t) g''(t)"),
    ("abs(t)", r"\lvert t \rvert"),
    ("floor(t/y)", r"\biggl\lfloor \frac{t}{y} \biggr\rfloor"),
    ("cbrt(t)", r"\sqrt[3]{t}"),
    ("log2(t) - log1p(-y)", r"\log_{2}(t) - \log(1 - y)"),
    ("2*expm1(t)", r"2 (\mathrm{e}^{t} - 1)"),
    ("max(t, y)", r"\max(t, y)"),
    # reductions
    ("sum(i, x[i])", r"\sum_{i=0}^{D} x_{i}"),
    ("t*sum(i, x[i])", r"t \sum_{i=0}^{D} x_{i}"),
    ("sum(i, x[i])*t", r"\biggl(\sum_{i=0}^{D} x_{i}\biggr) t"),
    ("sum(i, x[i]) + t", r"\sum_{i=0}^{D} x_{i} + t"),
    ("sum(i, x[i] + t)", r"\sum_{i=0}^{D} (x_{i} + t)"),
    ("sum(i, -x[i])", r"\sum_{i=0}^{D} (-x_{i})"),
    ("sum(i, x[i])**2", r"\biggl(\sum_{i=0}^{D} x_{i}\biggr)^{2}"),
    ("mean(i, x[i])", r"\frac{1}{D + 1} \sum_{i=0}^{D} x_{i}"),
    ("1/sum(i, x[i])", r"\frac{1}{\sum_{i=0}^{D} x_{i}}"),
    ("sum(j, sum(i = 0..j, alpha[j,i]))", r"\sum_{j=1}^{H} \sum_{i=0}^{j} \alpha_{ji}"),
    ("prod(i, 1 + x[i])", r"\prod_{i=0}^{D} (1 + x_{i})"),
    ("max(j, z[j])", r"\max_{1\le j\le H} z_{j}"),
    ("logsumexp(j, z[j])", r"\log \sum_{j=1}^{H} \mathrm{e}^{z_{j}}"),
    ("softmax(j, z[j])", r"\operatorname{softmax}_{j}(z_{j})"),
    # conditions
    ("[i == j]*t", "[i = j] t"),
    ("where(t > 0, t, y)", r"\begin{cases} t & \text{if } t > 0 \\ y & \text{otherwise} \end{cases}"),
    ("t + where(t != 0, y, 0)", r"t + [t \ne 0] y"),
    # derivatives
    ("D(L, x[i])", r"\frac{\partial L}{\partial x_{i}}"),
    ("D(L, alpha[j,i])*z[j]", r"\frac{\partial L}{\partial \alpha_{ji}} z_{j}"),
]


@pytest.mark.parametrize(("text", "latex"), SPELLINGS)
def test_an_expression_is_spelled_as_on_paper(text: str, latex: str) -> None:
    assert latex_of(parse_expression(text, NETWORK), Names.of(NETWORK)) == latex


def test_a_fresh_index_has_a_prime_and_an_adjoint_has_a_bar() -> None:
    k = Index("k_1")
    assert latex_of(k) == "k'"
    assert latex_of(Index("k_2")) == "k''"
    assert latex_of(scalar("z1_bar")) == r"\bar{z}_{1}"
    assert latex_of(scalar("y_hat_bar")) == r"\bar{\hat{y}}"
    assert latex_of(scalar("tok_bar")) == r"\overline{\mathrm{tok}}"


def test_two_names_are_never_spelled_alike() -> None:
    network = parse("index i = 1..3\ninput z[i], z1, z_1, z11, zi, z_i\nL = z1")
    names = Names.of(network)
    texts = ["z[1]", "z1", "z_1", "z11", "zi", "z_i", "z[i]"]
    spelled = [latex_of(parse_expression(text, network), names) for text in texts]
    assert len(set(spelled)) == len(texts)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_the_catalogue_has_a_spelling(name: str) -> None:
    row = FUNCTIONS[name]
    arguments = tuple(scalar(letter) for letter, _ in zip("tyx", row.parameters, strict=False))
    for orders in ((), (1, *(0 for _ in arguments[1:])), tuple(1 for _ in arguments)):
        _check(latex_of(Call(name, arguments, orders)))


# Another reader: what a person reads from the page, by the conventions of print, has the value of the expression.

Value = Callable[[dict[str, Any]], Any]
_TOKENS = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|[a-zA-Z]|[{}()^_+\-=,/]")
_FUNCTIONS = (r"\log", r"\sin", r"\cos", r"\exp", r"\tanh")
_OPENING = {"(", r"\frac", r"\sqrt", r"\mathrm", r"\lvert", r"\sum", r"\prod", *_FUNCTIONS}
_IGNORED = re.compile(r"\\[bB]igg?[lr]|\\,|\\cdot")


class _Reader:
    """Reads LaTeX: a product is what stands side by side, and a sum sign reaches over the product that follows it."""

    def __init__(self, latex: str) -> None:
        self.tokens = [token for token in _TOKENS.findall(latex) if not _IGNORED.fullmatch(token)]
        self.place = 0

    @property
    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.next
        assert token
        assert expected in ("", token)
        self.place += 1
        return token

    def group(self) -> Value:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def sum(self) -> Value:
        sign = -1 if self.next == "-" else 1
        if sign < 0:
            self.take()
        terms = [(sign, self.product())]
        while self.next in ("+", "-"):
            sign = -1 if self.take() == "-" else 1
            terms.append((sign, self.product()))
        return lambda values: sum(sign * term(values) for sign, term in terms)

    def product(self) -> Value:
        value = self.factor()
        while self.next in _OPENING or re.match(r"[a-zA-Z\d]", self.next):
            left, right = value, self.factor()
            value = lambda values, left=left, right=right: left(values) * right(values)  # noqa: E731
        if self.next == "/":
            self.take()
            left, right = value, self.factor()
            return lambda values: left(values) / right(values)
        return value

    def factor(self) -> Value:
        base = self.atom()
        if self.next != "^":
            return base
        self.take()
        exponent = self.group()
        return lambda values: mp.power(base(values), exponent(values))

    def atom(self) -> Value:
        token = self.take()
        match token:
            case "(":
                value = self.sum()
                self.take(")")
                return value
            case r"\frac":
                above, below = self.group(), self.group()
                return lambda values: above(values) / below(values)
            case r"\sqrt":
                body = self.group()
                return lambda values: mp.sqrt(body(values))
            case r"\lvert":
                body = self.sum()
                self.take(r"\rvert")
                return lambda values: abs(body(values))
            case r"\mathrm":
                assert [self.take() for _ in range(3)] == ["{", "e", "}"]
                return lambda values: mp.e
            case r"\sum" | r"\prod":
                return self.big(mp.fsum if token == r"\sum" else mp.fprod)
        if token in _FUNCTIONS:
            return self.function(getattr(mp, token[1:]))
        if token[0].isdigit():
            return lambda values: mp.mpf(token)
        indices = self.indices() if self.next == "_" else ()
        if not indices:
            return lambda values: values[token]
        return lambda values: values[token][tuple(int(index(values)) for index in indices)]

    def function(self, apply: Callable[[Any], Any]) -> Value:
        exponent = None
        if self.next == "^":
            self.take()
            exponent = self.group()
        self.take("(")
        argument = self.sum()
        self.take(")")
        if exponent is None:
            return lambda values: apply(argument(values))
        return lambda values: mp.power(apply(argument(values)), exponent(values))

    def big(self, join: Callable[[list[Any]], Any]) -> Value:
        self.take("_")
        self.take("{")
        name = self.take()
        self.take("=")
        lower = self.sum()
        self.take("}")
        self.take("^")
        upper = self.group()
        body = self.product()
        return lambda values: join(
            [body({**values, name: n}) for n in range(int(lower(values)), int(upper(values)) + 1)]
        )

    def indices(self) -> tuple[Value, ...]:
        self.take("_")
        self.take("{")
        found = []
        while self.next != "}":
            if self.next == ",":
                self.take()
            # Letters side by side are several indices; an index that is computed stands between commas.
            alone = self.tokens[self.place + 1] in (",", "}") or re.match(r"[a-z]", self.tokens[self.place + 1])
            found.append(self.atom() if alone and self.next.isalpha() else self.sum())
        self.take("}")
        return tuple(found)


def _read(latex: str) -> Value:
    reader = _Reader(latex)
    value = reader.sum()
    assert not reader.next
    return value


ROW, COLUMN = Index("i"), Index("j")
RANGES = {ROW: Bound(ROW, number(0), number(2)), COLUMN: Bound(COLUMN, number(1), number(3))}
SMALL = Network(
    {
        "v": Quantity("v", "input", (Axis(ROW, number(0), number(3)),)),
        "w": Quantity("w", "input", (Axis(COLUMN, number(1), number(3)), Axis(ROW, number(0), number(3)))),
        **{name: Quantity(name, "input") for name in "txy"},
    },
    (),
    RANGES,
)
POINT: dict[str, Any] = {
    "t": {(): Fraction(3, 7)},
    "x": {(): Fraction(5, 3)},
    "y": {(): Fraction(-4, 9)},
    "v": {(i,): Fraction(2 * i - 3, i + 2) for i in range(4)},
    "w": {(j, i): Fraction(j - 2 * i, 3) for j in range(1, 4) for i in range(4)},
}


def _expressions() -> st.SearchStrategy[Expr]:
    numbers = st.sampled_from(["1", "2", "3", "1/2", "2/3", "-1", "-5/4", "0.1"]).map(number)
    reads = [*map(scalar, "txy"), Access("v", (ROW,)), Access("v", (ROW + ONE,)), Access("w", (COLUMN, ROW))]
    leaves = st.one_of(st.sampled_from(reads), numbers)

    def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda pair: pair[0] + pair[1]),
            pairs.map(lambda pair: pair[0] - pair[1]),
            pairs.map(lambda pair: pair[0] * pair[1]),
            pairs.map(lambda pair: pair[0] / pair[1]),
            st.tuples(inner, st.sampled_from(["2", "3", "-1", "-2"])).map(lambda pair: power(pair[0], number(pair[1]))),
            inner.map(lambda expr: power(1 + expr * expr, number("1/2"))),
            st.tuples(st.sampled_from(["sin", "cos", "tanh", "exp", "abs"]), inner).map(lambda pair: call(*pair)),
            st.tuples(st.sampled_from(["sum", "prod"]), st.sampled_from([ROW, COLUMN]), inner).map(
                lambda parts: reduce(parts[0], (RANGES[parts[1]],), parts[2])
            ),
        )

    return st.recursive(leaves, grow, max_leaves=8)


@settings(max_examples=300)
@given(_expressions())
def test_a_person_reads_the_value_of_the_expression_from_the_page(expr: Expr) -> None:
    outer = {ROW: Fraction(1), COLUMN: Fraction(2)}
    try:
        expected = mp.mpmathify(Witness(SMALL, {}, POINT).of(expr, outer))
    except (ArithmeticError, ValueError):
        assume(False)
    # What overflows or cancels to nothing compares to nothing.
    assume(mp.mpf(10) ** -20 < abs(expected) < mp.mpf(10) ** 20)
    numbers = {name: {at: mp.mpmathify(value) for at, value in entries.items()} for name, entries in POINT.items()}
    values: dict[str, Any] = {name: entries.get((), entries) for name, entries in numbers.items()}
    read = _read(latex_of(expr, Names.of(SMALL)))({**values, "i": 1, "j": 2})
    # 60 digits, of which nested powers of at most 8 leaves lose some.
    assert abs(read - expected) <= mp.mpf(10) ** -30 * max(1, abs(expected))


# Structure.

_ENVIRONMENT = re.compile(r"\\(begin|end)\{([a-z*]+)\}")


def _check(latex: str) -> None:
    """Assert that braces, environments and sized brackets are balanced, and that only amsmath is needed."""
    depth = 0
    for mark in re.findall(r"\\[{}]|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        assert depth >= 0
    assert depth == 0
    stack: list[str] = []
    for kind, name in _ENVIRONMENT.findall(latex):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    for size in ("big", "Big", "bigg", "Bigg"):
        assert len(re.findall(rf"\\{size}l(?![a-z])", latex)) == len(re.findall(rf"\\{size}r(?![a-z])", latex))
    assert not re.search(r"[^\x00-\x7f]", latex)
    assert r"\left" not in latex  # TeX could not break a line inside
    assert set(re.findall(r"\\usepackage(?:\[.*?\])?\{(.*?)\}", latex)) <= {"amsmath"}


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("derivation", DERIVATIONS.values(), ids=DERIVATIONS.keys())
def test_a_document_is_balanced_and_needs_amsmath_alone(derivation: Derivation, detail: str) -> None:
    _check(to_latex(derivation, detail=detail))
    fragment = to_latex(derivation, detail=detail, fragment=True)
    _check(fragment)
    assert r"\documentclass" not in fragment


@pytest.mark.parametrize("derivation", DERIVATIONS.values(), ids=DERIVATIONS.keys())
def test_what_a_notebook_shows_is_mathematics_alone(derivation: Derivation) -> None:
    """MathJax knows no sections, no paragraphs and no boxes."""
    text = to_math(derivation)
    assert text.startswith("$$\\begin{aligned}")
    assert text.endswith("\\end{aligned}$$")
    assert not re.search(r"section|parbox|rlap|intertext|align\*|\\begingroup|\n\n", text)
    _check(text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("fragment", [False, True])
@pytest.mark.parametrize("name", DERIVATIONS)
def test_tex_accepts_a_document_and_no_line_is_overfull(name: str, detail: str, fragment: bool, tmp_path: Path) -> None:
    text = to_latex(DERIVATIONS[name], detail=detail, fragment=fragment)
    if fragment:
        text = f"\\documentclass{{article}}\n\\usepackage{{amsmath}}\n\\begin{{document}}\n{text}\\end{{document}}\n"
    (tmp_path / "derivation.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert not re.findall(r"^Overfull .*", result.stdout, re.MULTILINE)
