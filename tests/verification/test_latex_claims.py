r"""Published formulas are right, and judged so; with one factor altered they are wrong, and judged so."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "declaration"))
import latex_published

from symprop.declaration.latex import network_text
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.verification.report import Line, check

RIGHT = ("proved", "agrees")
SLOW = ("nielsen", "goodfellow", "lstm", "gru")  # recurrences: a slip in them is looked for longer
ROWS = [row for row in latex_published.PUBLISHED if row[3] not in latex_published.UNREAD]


@cache
def network(name: str) -> Network:
    return parse(dedent(latex_published.NETWORKS[name]))


def judged(name: str, before: str, formula: str) -> tuple[Line, ...]:
    count = len(check(network(name), before).lines) if before else 0
    return check(network(name), f"{before}\n{formula}").lines[count:]


def altered(formula: str, factor: str, other: str) -> str:
    head, tail = formula.rsplit(factor, 1)
    return head + other + tail


def parameters(rows: list[tuple[str, str, str, str, str, str | None]]) -> list[object]:
    return [
        pytest.param(*row, marks=pytest.mark.slow if row[0] in SLOW else (), id=f"{row[0]}: {row[3][:50]}")
        for row in rows
    ]


@pytest.mark.parametrize(("name", "source", "before", "formula", "factor", "other"), parameters(ROWS))
def test_a_published_formula_is_right(
    name: str, source: str, before: str, formula: str, factor: str, other: str | None
) -> None:
    for line in judged(name, before, formula):
        assert line.error is None
        assert line.verdict in RIGHT


@pytest.mark.parametrize(
    ("name", "source", "before", "formula", "factor", "other"), parameters([row for row in ROWS if row[5] is not None])
)
def test_with_one_factor_altered_it_is_wrong(
    name: str, source: str, before: str, formula: str, factor: str, other: str
) -> None:
    lines = judged(name, before, altered(formula, factor, other))
    assert not any(line.error for line in lines)
    assert any(line.verdict == "refuted" and line.witness is not None for line in lines)


# Whole pages, as a student types them, with one slip in the middle: (network, page, the line that is wrong).

LAYER = r"""
\begin{align}
\mathbf{z} &= \mathbf{W}\mathbf{x} + \mathbf{b}, \\
\mathbf{h} &= \sigma(\mathbf{z}), \\
\hat{y} &= \mathbf{v}^\top \mathbf{h} + c, \\
L &= \tfrac{1}{2} (\hat{y} - y)^2,
\end{align}
where $\mathbf{W} \in \mathbb{R}^{H \times D}$, $\mathbf{b}, \mathbf{v} \in \mathbb{R}^H$
and $\mathbf{x} \in \mathbb{R}^D$.
"""
COURSE = """
index i = 0..D, j = 1..H
parameter alpha[j,i], beta[j]
input x[i]
target t
a[j] = sum(i, alpha[j,i]*x[i])
z[j] = sigmoid(a[j])
y = sigmoid(sum(j, beta[j]*z[j]))
J = t*log(y) + (1 - t)*log(1 - y)
maximize J
"""
STEPS = r"""
\text{input } x_t \in \mathbb{R}^{D}
\text{target } y_t \in \mathbb{R}^{K}
\text{parameter } W \in \mathbb{R}^{H \times D}, U \in \mathbb{R}^{H \times H}
\text{parameter } V \in \mathbb{R}^{K \times H}, b \in \mathbb{R}^H
h_0 = 0
a_t = W x_t + U h_{t-1} + b, \quad t = 1, \dots, T
h_t = \tanh(a_t)
\hat{y}_t = V h_t
L = \frac{1}{2} \sum_{t=1}^T \|\hat{y}_t - y_t\|^2
"""
PAGES = {
    "backpropagation through time": (
        STEPS,
        r"""
\begin{align*}
\frac{\partial L}{\partial \hat{y}_t} &= \hat{y}_t - y_t \\
\frac{\partial L}{\partial V} &= \sum_{t=1}^T (\hat{y}_t - y_t) h_t^\top \\
\frac{\partial L}{\partial h_T} &= V^\top (\hat{y}_T - y_T) \\
\delta_t &= \frac{\partial L}{\partial a_t} \\
\delta_t &= \frac{\partial L}{\partial h_t} \odot (1 - h_t^2) \\
\frac{\partial L}{\partial h_t} &= V^\top (\hat{y}_t - y_t) + U \delta_{t+1} \\
\frac{\partial L}{\partial U} &= \sum_{t=1}^T \delta_t h_{t-1}^\top \\
\frac{\partial L}{\partial W} &= \sum_{t=1}^T \delta_t x_t^\top \\
\frac{\partial L}{\partial b} &= \sum_{t=1}^T \delta_t
\end{align*}
""",
        r"U \delta",
    ),
    "a LaTeX document": (
        LAYER,
        r"""
\documentclass{article}
\begin{document}
\section{Backpropagation}
We start from the loss $L = \frac12(\hat y - y)^2$. Its derivative is
\begin{equation} \frac{\partial L}{\partial \hat{y}} = \hat{y} - y. \label{a} \end{equation}
By the chain rule,
\begin{align}
\nabla_{\mathbf{v}} L &= (\hat{y} - y)\,\mathbf{h}, & \frac{\partial L}{\partial c} &= \hat{y} - y, \\
\nabla_{\mathbf{h}} L &= (\hat{y} - y)\,\mathbf{v}. \nonumber
\end{align}
Now let $\boldsymbol\delta = \nabla_{\mathbf{z}} L$. Then
\[ \boldsymbol\delta = (\hat{y} - y)\, \mathbf{v} \odot \mathbf{h} \odot (1 + \mathbf{h}), \]  % the slip
\begin{gather}
\frac{\partial L}{\partial \mathbf{W}} = \boldsymbol\delta\, \mathbf{x}^\top, \\
\frac{\partial L}{\partial \mathbf{b}} = \boldsymbol\delta, \qquad
\frac{\partial L}{\partial \mathbf{x}} = \mathbf{W}^\top \boldsymbol\delta .
\end{gather}
\end{document}
""",
        "(1 + ",
    ),
    "Markdown": (
        COURSE,
        r"""
# Derivation

The output error is
$$\frac{\partial J}{\partial y} = \frac{t}{y} - \frac{1-t}{1-y}$$

and with $b = \sum_j \beta_j z_j$:

\begin{multline}
\frac{\partial J}{\partial \beta_j} = \left(\frac{t}{y} - \frac{1-t}{1-y}\right) \\ \times y(1-y) z_j
\end{multline}

```math
\frac{\partial J}{\partial a_j} = (y - t) \beta_j z_j (1-z_j)
```

$$
\begin{aligned}
\frac{\partial J}{\partial \alpha_{ji}} &= \frac{\partial J}{\partial a_j} x_i \\
 &= (t - y) \beta_j z_j (1 - z_j) x_i
\end{aligned}
$$
""",
        "(y - t)",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_one_slip_of_a_page_is_found(name: str) -> None:
    text, page, slip = PAGES[name]
    lines = check(parse(network_text(text) if "\\" in text else text), page).lines
    assert len(lines) >= 6
    for line in lines:
        assert line.verdict == "refuted" if slip in line.claim else line.verdict in RIGHT, line.claim
    assert sum(slip in line.claim for line in lines) == 1


RECURRENT = """
size T = 4, D = 3, H = 2, K = 3
index t = 1..T
input x[t]: (D), y[t]: (K)
parameter W: (H, D), U: (H, H), V: (K, H)
h[0] = zeros(H)
a[t] = W @ x[t] + U @ h[t-1]
h[t] = tanh(a[t])
o[t] = V @ h[t]
L = sum(t, 1/2*norm(o[t] - y[t])**2)
"""


@pytest.mark.parametrize(
    "claim",
    [
        r"\frac{\partial L}{\partial a_t} = (1 - h_t^2) \odot \frac{\partial L}{\partial h_t}",
        r"\frac{\partial L}{\partial a_{t+1}} = (1 - h_{t+1}^2) \odot \frac{\partial L}{\partial h_{t+1}}"
        r" \text{ for } t = 1..T-1",
        r"\frac{\partial L}{\partial a_T} = (1 - h_T^2) \odot V^\top (o_T - y_T)",
    ],
)
def test_the_square_of_a_state_is_elementwise_at_every_step(claim: str) -> None:
    network = parse(RECURRENT)
    assert check(network, claim).verdict in ("proved", "agrees")
    assert check(network, claim.replace("1 - h", "2 - h")).verdict == "refuted"


@pytest.mark.parametrize("between", ["this cost me 5$ of coffee", "$$", "$$$"])
def test_lone_dollars_lose_no_line(between: str) -> None:
    network = parse("input x, t; parameter w; y = w*x; L = (y - t)**2")
    report = check(network, f"dL/dy = 2*(y - t)\n{between}\ndL/dw = 7")
    assert [line.verdict for line in report.lines] == ["proved", None, "refuted"]
