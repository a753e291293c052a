r"""Whole networks as notes typeset them: alignments, shapes in ``\in \mathbb{R}``, vector lines for each step."""

from __future__ import annotations

import pytest

from symprop.algebra.expressions import canonical
from symprop.declaration.latex import network_text
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.errors import SympropError

# (LaTeX, the same in the infix spelling, written by hand)
NETWORKS = {
    "a layer with shapes": (
        r"""
\begin{align}
\mathbf{z} &= \mathbf{W}\mathbf{x} + \mathbf{b}, \label{eq:z} \\
\mathbf{h} &= \sigma(\mathbf{z}), \nonumber \\
\hat{y} &= \mathbf{v}^\top \mathbf{h} + c, \tag{3} \\
L &= \tfrac{1}{2} (\hat{y} - y)^2,
\end{align}
where $\mathbf{W} \in \mathbb{R}^{H \times D}$, $\mathbf{b}, \mathbf{v} \in \mathbb{R}^H$
and $\mathbf{x} \in \mathbb{R}^D$. % a comment
""",
        """
        parameter W: (H, D), b: (H), v: (H), x: (D), c, y
        z = W @ x + b
        h = sigmoid(z)
        y_hat = v.T @ h + c
        L = (y_hat - y)**2/2
        """,
    ),
    "a recurrent network": (
        r"""
W_{xh} \in \mathbb{R}^{H \times D}, \quad W_{hh} \in \mathbb{R}^{H \times H}, \quad b_h \in \mathbb{R}^H
x_t \in \mathbb{R}^D
h_0 = 0
h_t = \tanh(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \quad t = 1, \dots, T
L = \sum_{t=1}^{T} \|h_t\|^2
""",
        """
        index t = 1..T
        parameter W_xh: (H, D), W_hh: (H, H), b_h: (H), x[t]: (D)
        h[0] = 0
        h[t] = tanh(W_xh @ x[t] + W_hh @ h[t-1] + b_h) for t = 1..T
        L = sum(t, norm(h[t])**2)
        """,
    ),
    "columns of an alignment": (
        r"""
\text{parameter } \alpha_{ji}, \beta_j
\text{input } x_i
\text{target } t
\begin{align*}
a_j &= \sum_{i=0}^{D} \alpha_{ji} x_i & j &= 1, \dots, H \\
z_j &= \frac{1}{1 + e^{-a_j}} \\
y &= \sigma\Bigl( \sum_{j=1}^{H} \beta_j z_j \Bigr), & J &= t \log y + (1-t) \log(1-y).
\end{align*}
""",
        """
        index i = 0..D, j = 1..H
        parameter alpha[j,i], beta[j]
        input x[i]
        target t
        a[j] = sum(i, alpha[j,i]*x[i])
        z[j] = 1/(1 + exp(-a[j]))
        y = sigmoid(sum(j, beta[j]*z[j]))
        J = t*log(y) + (1 - t)*log(1 - y)
        """,
    ),
    "lines that are split": (
        r"""
\begin{equation}
\begin{split}
z_j &= \sum_{i=1}^{D} w_{ji} x_i \\
    &\quad + b_j, \qquad j = 1, \dots, H
\end{split}
\end{equation}
\[ p_j = \frac{\exp(z_j)}{\sum_{k=1}^H \exp(z_k)} \]
$$ L = - \sum_{j=1}^{H} y_j \log p_j $$
""",
        """
        index i = 1..D, j = 1..H, k = 1..H
        z[j] = sum(i, w[j,i]*x[i]) + b[j]
        p[j] = exp(z[j])/sum(k, exp(z[k]))
        L = -sum(j, y[j]*log(p[j]))
        """,
    ),
    "roles with shapes": (
        r"""
\text{parameter } W \in \mathbb{R}^{H \times D}, v \in \mathbb{R}^{H}
\text{input } x \in \mathbb{R}^{D}
\text{target } y
h = \tanh(W x)
L = (v^\top h - y)^2
""",
        """
        parameter W: (H, D), v: (H)
        input x: (D)
        target y
        h = tanh(W @ x)
        L = (v.T @ h - y)**2
        """,
    ),
}


def shape(network: Network) -> dict[str, int]:
    return {name: len(quantity.axes) for name, quantity in network.quantities.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_in_latex_is_the_one_written_by_hand(name: str) -> None:
    written, expected = NETWORKS[name]
    network, other = parse(network_text(written)), parse("\n".join(map(str.strip, expected.splitlines())))
    assert shape(network) == shape(other)
    for one, two in zip(network.equations, other.equations, strict=True):
        assert one.name == two.name
        assert str(canonical(one.expression)).translate(LETTERS) == str(canonical(two.expression)).translate(LETTERS)


# Axes that no text names get letters of the program's own choice, in another order.
LETTERS = str.maketrans(dict.fromkeys("ijkl", "i"))


def test_a_transpose_of_what_has_no_shape_is_refused() -> None:
    with pytest.raises(SympropError, match="transposes what is no array"):
        network_text(r"y = \mathbf{v}^\top \mathbf{h}" + "\n" + r"L = y^2")


def test_a_name_without_a_stated_shape_has_the_indices_at_which_it_is_read() -> None:
    network = parse("W \\in \\mathbb{R}^{H \\times D}\na_j = \\sum_i W_{ji} x_i\nL = \\sum_j a_j^2")
    plain = parse("parameter W: (H, D), x[i]\na[j] = sum(i, W[j,i]*x[i])\nL = sum(j, a[j]**2)")
    assert [(e.target, e.expression) for e in network.equations] == [(e.target, e.expression) for e in plain.equations]
