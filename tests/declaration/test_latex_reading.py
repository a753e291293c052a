r"""LaTeX read into the infix spelling: a golden list that was read by eye, what our own printer prints, refusals."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import latex_formulas

from symprop.algebra.expressions import canonical
from symprop.declaration.latex import (
    LatexLine,
    looks_like_latex,
    network_text,
    read_latex,
    read_network,
    split_subscript,
)
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import IndexNotationError, NotationError, ShapeError, SympropError
from symprop.rendering.printers.latex import latex
from symprop.rendering.printers.layout import Names, Typesetter

GOLDEN = Path(__file__).parent / "golden" / "latex_readings.txt"
NETWORKS: dict[str, Network] = {name: parse(dedent(text)) for name, text in latex_formulas.NETWORKS.items()}


def line_of(formula: str, network: str) -> LatexLine:
    lines = read_latex(formula, NETWORKS[network]).lines
    assert len(lines) == 1, lines
    return lines[0]


def reading_of(formula: str, network: str) -> str:
    line = line_of(formula, network)
    assert line.error is None, line.error
    return line.text


def refusal_of(formula: str, network: str) -> SympropError:
    line = line_of(formula, network)
    assert line.error is not None, line.text
    return line.error


# The list.


def test_formulas_of_lecture_notes_are_read_as_the_golden_file_says() -> None:
    """After a change set REFRESH_GOLDEN=1, and read the file again, by eye."""
    blocks = []
    for network, formula in latex_formulas.FORMULAS:
        rows = [f"[{network}]  {formula}"]
        for line in read_latex(formula, NETWORKS[network]).lines:
            rows.append(f"    {line.text}" if line.error is None else f"    refused: {line.error.message}")
            rows.extend(f"        ({note})" for note in line.notes)
        blocks.append("\n".join(rows))
    text = "\n\n".join(blocks) + "\n"
    if os.environ.get("REFRESH_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_at_least_sixty_formulas_are_read_and_at_most_two_refused() -> None:
    refused = [
        formula
        for network, formula in latex_formulas.FORMULAS
        if any(line.error for line in read_latex(formula, NETWORKS[network]).lines)
    ]
    assert len(latex_formulas.FORMULAS) >= 60
    assert len(refused) <= 2, refused


# Single readings, written down by hand.


@pytest.mark.parametrize(
    ("network", "formula", "reading"),
    [
        ("layers", r"\frac{\partial E}{\partial w_{ij}^{(l)}} = 0", "D(E, w[l,i,j]) = 0"),
        ("hidden layer", r"\frac{\partial J}{\partial \alpha_{ji}} = 0", "D(J, alpha[j,i]) = 0"),
        ("hidden layer", r"dJ/d\alpha_{ji} = 0", "D(J, alpha[j,i]) = 0"),
        ("hidden layer", r"y = \frac12 b_{}", "y = 1/2*b"),
        ("hidden layer", r"y = \sum_i x_i + b", "y = sum(i, x[i]) + b"),
        ("hidden layer", r"y = b \sum_{i,j} \alpha_{ji} x_i - t", "y = b*sum(i, j, alpha[j,i]*x[i]) - t"),
        ("hidden layer", r"y = \sum_{i \neq j} x_i", "y = sum(i, where(i != j, x[i], 0))"),
        ("hidden layer", r"y = \prod_{j=1}^{H} z_j", "y = prod(j = 1..H, z[j])"),
        ("hidden layer", r"y = \max_j z_j", "y = max(j, z[j])"),
        ("hidden layer", r"y = \max\left\{0, b\right\}", "y = max(0, b)"),
        ("hidden layer", r"y = \lvert b \rvert + |t| - |b| |t|", "y = abs(b) + abs(t) - abs(b)*abs(t)"),
        ("hidden layer", r"y = \sqrt[3]{b} + \lfloor t \rfloor", "y = b**(1/3) + floor(t)"),
        ("hidden layer", r"y = \sin 2b \cos b", "y = sin(2*b)*cos(b)"),
        ("hidden layer", r"y = \log \frac{b}{t}", "y = log(b/t)"),
        ("hidden layer", r"y = \tanh^2 b", "y = tanh(b)**2"),
        ("hidden layer", r"y = \tanh(b)^2", "y = tanh(b)**2"),
        ("hidden layer", r"y = e^{-b} + \pi", "y = exp(-b) + pi"),
        ("hidden layer", r"y = 1[b > 0] + \mathbb{1}_{t \le 0}", "y = [b > 0] + [t <= 0]"),
        ("hidden layer", r"y = \begin{cases} b & b > 0 \\ 0 & b \le 0 \end{cases}", "y = where(b > 0, b, 0)"),
        ("hidden layer", r"y := \text{ReLU}(b)", "y = relu(b)"),
        ("hidden layer", r"\beta_j \mathrel{-}= \eta z_j", "beta[j] <- beta[j] - eta*z[j]"),
        ("hidden layer", r"y = b \quad \text{if } t = 1", "y = b if t == 1"),
        ("hidden layer", r"\frac{\partial}{\partial b} \sigma(b) = y(1-y)", "diff(sigma(b), b) = y*(1 - y)"),
        ("hidden layer", r"\nabla_{\beta_j} J = (t-y) z_j", "D(J, beta[j]) = (t - y)*z[j]"),
        ("hidden layer", r"x_0 = 1", "x[0] = 1"),
        ("hidden layer", r"{\bf x}_{0} = 1", "x[0] = 1"),
        ("two layers", r"z_j^1 = z^{(1)}_j + z^{[1]}_j", "z1[j] = z1[j] + z1[j]"),
        ("two layers", r"\frac{dL}{dW_2} = \frac{dL}{dz_2} a_1^T", "D(L, W2) = D(L, z2) @ a1.T"),
        ("two layers", r"\delta_1 = W_2^T z_2 \odot (1 - a_1^2)", "delta_1 = (W2.T @ z2)*(1 - a1**2)"),
        ("two layers", r"\frac{\partial L}{\partial W_{1,ji}} = \delta_{1,j} x_i", "D(L, W1[j,i]) = delta_1[j]*x[i]"),
        ("two layers", r"db^{[1]}_j = dz^{[1]}_j", "db1[j] = dz1[j]"),
        ("two layers", r"L = -\mathbf{t}^\top \log \hat{\mathbf{y}}", "L = -t.T @ log(y_hat)"),
        ("logistic", r"\frac{\mathrm{d}\sigma}{\mathrm{d}z} = \sigma(z)", "sigma'(z) = sigma(z)"),
        ("logistic", r"\theta_i = \theta_i - \eta (\hat{y} - t) x_i", "theta[i] <- theta[i] - eta*(y_hat - t)*x[i]"),
        ("layers", r"\delta_j^{(l)} = \sum_{k=1}^{n_{l+1}} w_{jk}^{(l+1)}", "delta[l,j] = sum(k, w[l+1,j,k])"),
        ("batch norm", r"\sigma_B^2 = \frac1m \sum_i (x_i-\mu)^2", "sigma_B_2 = 1/m*sum(i, (x[i] - mu)**2)"),
        ("attention", r"A = \text{softmax}\left(\frac{QK^\top}{\sqrt{d_k}}\right)", "A = softmax(Q @ K.T/sqrt(d_k))"),
        ("two layers", r"z_{1,j} = b_{2,k}", "z1[j] = b2[k]"),
        ("recurrent", r"h_{t-1,j} = h^{(t-1)}_j", "h[t-1,j] = h[t-1,j]"),
        ("recurrent", r"W_{hh} = W_{hh}^\top", "W_hh = W_hh.T"),
        ("recurrent", r"y^*_t = w' + \bar{x}", "y_star[t] = w_prime + x_bar"),
        ("attention", r"A_{i j} = \text{softmax}(s_i)_j", "A[i,j] = softmax(j, s[i,j])"),
        ("attention", r"O = A\,V \odot (2 Q)", "O = (A @ V)*(2*Q)"),
        ("attention", r"O = Q \odot A V", "O = Q*(A @ V)"),
    ],
)  # fmt: skip
def test_a_formula_reads_as_a_person_reads_it(network: str, formula: str, reading: str) -> None:
    line = line_of(formula, network)
    assert (line.text, line.error) == (reading, None)


@pytest.mark.parametrize(
    ("network", "formula", "first", "second"),
    [
        ("hidden layer", r"y = \log b t", r"\log(b) t", r"\log(b t)"),
        ("hidden layer", r"y = b/2t\,", r"\frac{b}{2} t", r"\frac{b}{2 t}"),
        ("hidden layer", r"y = \phi(b)", r"\phi \cdot (b)", "function phi(u)"),
        ("hidden layer", r"y = \log(b)^2", r"(\log(...))^2", r"\log((...)^2)"),
        ("hidden layer", r"y = b_ij\,", "_{ij}", "_{i} j"),
        ("hidden layer", r"y = x^10\,", "^{10}", "^{1} 0"),
        ("hidden layer", r"y = \frac{\partial}{\partial b} (b) t", "(b)", "all that follows"),
    ],
)
def test_what_reads_in_two_ways_is_refused_with_both(network: str, formula: str, first: str, second: str) -> None:
    error = refusal_of(formula, network)
    assert first in str(error.hint)
    assert second in str(error.hint)


def test_a_total_derivative_is_not_taken_for_a_partial_one() -> None:
    error = refusal_of(r"\frac{\partial}{\partial \beta_j} (t - y)^2 = 0", "hidden layer")
    assert "depends on beta[j] through y" in error.message


def test_an_unknown_matrix_is_not_taken_for_a_number() -> None:
    assert "'X' is unknown" in refusal_of(r"J = \lVert X w - y \rVert^2", "ridge").message


def test_the_kronecker_delta_gives_way_to_a_delta_of_the_text() -> None:
    net = NETWORKS["recurrent"]
    lines = read_latex("b_{h,j} = \\sum_t \\delta_{tj}\n\\delta_{tj} = h_{tj}", net).lines
    assert [line.text for line in lines] == ["b_h[j] = sum(t, delta[t,j])", "delta[t,j] = h[t,j]"]


def test_an_own_name_is_known_after_it_was_defined() -> None:
    text = "\\delta_j = (t - y)\\beta_j z_j(1-z_j)\n\\frac{\\partial J}{\\partial \\alpha_{ji}} = \\delta_j (x_i)"
    lines = read_latex(text, NETWORKS["hidden layer"]).lines
    assert [line.text for line in lines] == [
        "delta[j] = (t - y)*beta[j]*z[j]*(1 - z[j])",
        "D(J, alpha[j,i]) = delta[j]*(x[i])",
    ]


# Our own printer.


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("layers", "lstm")])
def test_what_our_printer_prints_is_read_back(name: str) -> None:
    network = NETWORKS[name]
    derivation = backpropagate(network)
    typesetter = Typesetter(Names.of(network))
    for equation in derivation.network.equations:
        printed = latex(typesetter.box(equation.expression))
        line = read_latex(f"\\xi = {printed} \\;", network).lines[0]
        assert line.error is None, line.error
        back = parse_expression(line.text.removeprefix("xi = "), network)
        assert canonical(back) is canonical(equation.expression), (printed, line.text)


# Texts.

ALIGNED = r"""
\begin{align*}
  \frac{\partial J}{\partial b} &= \frac{\partial J}{\partial y} \, y(1-y) \label{eq:one} \\
      &= t(1-y) \\ % a comment
      &\quad - (1-t) y \\[2pt]
      &= t - y.
\end{align*}
"""


def test_the_lines_of_an_alignment_go_on_with_their_left_side() -> None:
    lines = read_latex(ALIGNED, NETWORKS["hidden layer"]).lines
    assert [(line.line, line.text) for line in lines] == [
        (3, "D(J, b) = D(J, y)*y*(1 - y)"),
        (4, "D(J, b) = t*(1 - y) - (1 - t)*y"),
        (6, "D(J, b) = t - y"),
    ]


MARKDOWN = r"""# My derivation

We write $\delta_j = \frac{\partial J}{\partial a_j}$ and note that $\sum_j z_j = 3$ once.

$$
\frac{\partial J}{\partial \beta_j}
  = (t - y) z_j
$$

```python
x = 1   # not a claim
```

- $\frac{\partial J}{\partial b} = t - y$

```math
\frac{\partial J}{\partial x_i} = \sum_j \delta_j \alpha_{ji}
```
"""


def test_formulas_are_found_in_markdown_and_prose_is_passed_over() -> None:
    lines = read_latex(MARKDOWN, NETWORKS["hidden layer"]).lines
    assert [(line.line, line.text) for line in lines if line.text] == [
        (3, "delta[j] = D(J, a[j])"),
        (6, "D(J, beta[j]) = (t - y)*z[j]"),
        (14, "D(J, b) = t - y"),
        (17, "D(J, x[i]) = sum(j, delta[j]*alpha[j,i])"),
    ]
    mentioned = [line for line in lines if not line.text and line.error is None]
    assert mentioned[0].notes == ("mentioned in a sentence, not judged: sum(j, z[j]) = 3",)


def test_lines_in_the_infix_spelling_stay_as_they_are() -> None:
    text = "at t = 1, y = 1/2\n\\frac{dJ}{db} = \\frac12\nD(J, b) = t - y"
    lines = read_latex(text, NETWORKS["hidden layer"]).lines
    assert [line.text for line in lines] == ["at t = 1, y = 1/2", "D(J, b) = 1/2", "D(J, b) = t - y"]


def test_one_unreadable_line_does_not_stop_the_others() -> None:
    text = "y = \\frac{b}{\n\\frac{dJ}{db} = t - y\ny = \\unknown b\nb = \\sum_j \\beta_j z_j"
    lines = read_latex("y = \\unknown b\n" + text.split("\n", 1)[1], NETWORKS["hidden layer"]).lines
    assert [line.error is None for line in lines] == [False, True, False, True]


def test_a_shape_is_a_note_that_is_checked() -> None:
    net = NETWORKS["two layers"]
    shapes = (r"H \times D", "H")
    good, wrong = (read_latex(rf"W^{{(1)}} \in \mathbb{{R}}^{{{shape}}}", net).lines[0] for shape in shapes)
    assert good.notes == ("W1 in R^(H x D)",)
    assert isinstance(wrong.error, ShapeError)


def test_an_error_points_into_the_latex_text() -> None:
    error = refusal_of(r"y = b + \foo", "hidden layer")
    assert str(error) == dedent(r"""
        NotationError: '\foo' is no command that is read
          line 1 | y = b + \foo
                 |         ^^^^
          Write out what it stands for.
        """).strip()  # fmt: skip


def test_an_error_about_the_infix_spelling_is_carried_back() -> None:
    text = "\n" + r"y = \sum_j \gamma_j z_j"
    reading = read_latex(text, NETWORKS["hidden layer"])
    (line,) = reading.lines
    column = line.text.index("gamma") + 1
    error = reading.relocate(NotationError("unknown", text=line.text, line=1, column=column, length=5), line)
    assert (error.line, error.column, error.length) == (2, text.splitlines()[1].index(r"\gamma") + 1, len(r"\gamma"))


# Networks.


def test_a_network_in_latex_is_the_one_in_the_infix_spelling() -> None:
    text = r"""
        a_j = \sum_{i=0}^{D} \alpha_{ji} x_i
        z_j = \sigma(a_j)
        b = \sum_{j=1}^{H} \beta_j z_j
        y = \sigma(b)
        J = t \log y + (1-t)\log(1-y)
        \text{maximize } J
    """
    network, expected = parse(network_text(text)), NETWORKS["hidden layer"]
    assert {one.name: one.access for one in network.quantities.values()} == {
        one.name: one.access for one in expected.quantities.values()
    }
    for one, other in zip(network.equations, expected.equations, strict=True):
        assert canonical(one.expression) is canonical(other.expression)
    assert network.objective is not None
    assert network.objective.sense == "maximize"


def test_a_mistake_in_a_network_points_into_the_latex_text() -> None:
    text = "y = \\sigma(a)\nL = \\frac{1}{2} L + y"
    reading = read_network(text)
    with pytest.raises(SympropError) as caught:
        parse(reading.text)
    error = reading.relocate(caught.value)
    assert error.line == 2
    assert error.text == text


def test_labels_are_told_from_indices_by_what_a_sum_binds() -> None:
    text = r"h_t = \tanh(w_x x_t + w_h h_{t-1} + b), \quad t = 1, \dots, T" + "\nh_0 = 0\n" + r"L = \sum_{t=1}^T h_t^2"
    assert network_text(text).splitlines() == [
        "index t = 1..T; h[t] = tanh(w_x*x[t] + w_h*h[t-1] + b)",
        "h[0] = 0",
        "L = sum(t = 1..T, h[t]**2)",
    ]


# Subscripts in plain text.


@pytest.mark.parametrize(
    ("network", "name", "reading"),
    [
        ("hidden layer", "alpha_ji", "alpha[j,i]"),
        ("hidden layer", "α_ji", "alpha[j,i]"),
        ("hidden layer", "alpha_12", "alpha[1,2]"),
        ("hidden layer", "x_i", "x[i]"),
        ("hidden layer", "x_10", "x[10]"),
        ("hidden layer", "alpha_j_i", "alpha[j,i]"),
        ("recurrent", "W_hh", None),
        ("recurrent", "W_hh_jm", "W_hh[j,m]"),
        ("two layers", "y_hat_k", "y_hat[k]"),
        ("two layers", "y_hat", None),
        ("hidden layer", "eta", None),
        ("hidden layer", "eta_1", None),
        ("layers", "w_lij", "w[l,i,j]"),
    ],
)
def test_a_name_with_a_subscript_splits_into_indices(network: str, name: str, reading: str | None) -> None:
    assert split_subscript(name, NETWORKS[network]) == reading


def test_a_subscript_that_splits_in_two_ways_is_refused_with_both() -> None:
    with pytest.raises(NotationError) as caught:
        split_subscript("alpha_111", NETWORKS["hidden layer"])
    assert "alpha[1,11] or alpha[11,1]" in str(caught.value.hint)
    with pytest.raises(IndexNotationError):
        split_subscript("x_ji", NETWORKS["hidden layer"])


@pytest.mark.parametrize(
    ("text", "answer"),
    [(r"\frac{1}{2}", True), ("x_{i} = 1", True), ("$x$", True), ("y = w*x + b", False), ("x_i = 1  # a_b", False)],
)
def test_latex_is_told_from_the_infix_spelling(text: str, answer: bool) -> None:
    assert looks_like_latex(text) is answer


# Hostile texts.

HOSTILE = {
    "a file": r"\input{/etc/passwd}",
    "a shell": r"\immediate\write18{touch /tmp/x}",
    "a macro": r"\def\a{\a\a} y = \a",
    "a file in a document": "\\documentclass{article}\n\\begin{document}\n\\input{x}\n\\end{document}",
    "a name of a command": r"\csname input\endcsname{/etc/passwd} = 1",
    "100,000 braces": "y = \\frac12" + "{" * 100_000 + "b" + "}" * 100_000,
    "angles": "y = " + r"\langle \alpha, " * 1000,
    "columns": r"\begin{align}" + "y &= b & " * 2000 + r"\end{align}",
    "shapes": (r"b_{i} \in \mathbb{R}^{D} " + "\n") * 1000,
    "braces": "y = \\frac{1}{2}" + "{" * 3000 + "b" + "}" * 3000,
    "brackets": r"y = \beta" + "(" * 5000,
    "fractions": "y = " + r"\frac{1}{" * 1500 + "b" + "}" * 1500,
    "powers": "y = \\beta" + "^{b" * 3000 + "}" * 3000,
    "accents": r"y = " + r"\hat" * 4000 + " b",
    "logarithms": "y = " + r"\log " * 3000 + "b",
    "sums": "y = " + r"\sum_i " * 2000 + "x_i",
    "5 MB": r"y = \frac12 " + "b + " * 1_250_000,
    "a long product": r"y = \beta_1 " + "b " * 12_000,
    "dollars": "$" * 300_000,
    "environments": r"\begin{align}" * 20_000,
    "words": r"y = \text{" + "a$" * 9000 + "}",
    "bars": r"y = \frac12 " + "|" * 15_000,
    "NUL": "y = \\beta\x00",
    "bidi": "y = \\beta\u202e",
    "formats": r"y = \frac12 {0.__class__} %s {x!r}",
    "a tower": r"y = 10^{10^{10^{10}}}",
    "a number": r"y = \frac12 " + "9" * 15_000,
    "a range": "y = \\sum_{i = 1, 9" + "9" * 5000 + ", \\dots, n} x_i",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_answered_in_time(text: str) -> None:
    start = time.monotonic()
    for network in (NETWORKS["hidden layer"], None):
        with contextlib.suppress(SympropError):
            for line in read_latex(text, network).lines[:20]:
                str(line.error)
    assert time.monotonic() - start < 10  # two readings, each allowed 5 s


@pytest.mark.parametrize("name", ["a file", "a shell", "a macro", "a file in a document", "braces", "powers", "sums"])
def test_a_hostile_formula_is_refused_with_a_sentence(name: str) -> None:
    lines = read_latex(HOSTILE[name], NETWORKS["hidden layer"]).lines
    assert lines[0].error is not None
    assert lines[0].error.line is not None
