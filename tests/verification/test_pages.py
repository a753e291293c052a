r"""Whole pages as people write them, in LaTeX, Markdown and plain text: right as they are, and with one slip in them.

``⟨right|slip⟩`` marks the slip. What stands around the formulas is prose, and claims nothing.
"""

from __future__ import annotations

import re

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import check

CLASSES = """
index i = 1..D, j = 1..H, k = 1..K, m = 1..K
input x[i]
target t[k]
parameter W[j,i], b[j], V[k,j]
a[j] = sum(i, W[j,i]*x[i]) + b[j]
h[j] = tanh(a[j])
o[k] = sum(j, V[k,j]*h[j])
p[k] = softmax(k, o[k])
L = -sum(k, t[k]*log(p[k]))
assume sum(k, t[k]) = 1
"""
LINE = "input x, t; parameter w, b\nz = w*x + b; y = sigmoid(z); L = (y - t)**2/2"
RECURRENT = """
index t = 1..T
input x[t], y[t]
parameter w, u
a[t] = w*x[t] + u*h[t-1] for t = 1..T
h[0] = 0
h[t] = tanh(a[t]) for t = 1..T
L = sum(t, (h[t] - y[t])**2)/2
"""
WHOLE = """
input X: (N, D), y: (N)
parameter W: (D, H), v: (H), c
A = X @ W
Z = tanh(A)
f = Z @ v + c*ones(N)
r = f - y
J = r.T @ r/N
"""
NORMAL = """
index i = 1..m, j = 1..m
input x[i], g[i]
mu = mean(i, x[i])
s = sqrt(mean(i, (x[i] - mu)**2) + 1/100)
n[i] = (x[i] - mu)/s
L = sum(i, g[i]*n[i])
"""

PAGES = {
    "a numbered list": (LINE, """
# Backpropagation of one sigmoid
1. dL/dy = y - t
2. dy/dz = y (1 - y)                 (derivative of the sigmoid)
3. dL/dz = dL/dy dy/dz = (y - t) y ⟨(1 - y)|(1 + y)⟩     [chain rule]
4. dz/dw = x, so dL/dw = dL/dz x     by (3)
5. Hence dL/db = dL/dz
6. w -= eta*dL/dw; b -= eta*dL/db
""", 8),
    "bullets and dashes": (CLASSES, """
- dL/dp[k] = -t[k]/p[k]
- P(p[k], o[m]) = -p[k] p[m]   (k != m)
- P(p[k], o[k]) = p[k] (1 - p[k])
- dL/do[k] = ⟨p[k] - t[k]|t[k] - p[k]⟩ =: delta[k]
- dL/dV[k,j] = (p[k] - t[k]) h[j] for all k
- dL/dh[j] = sum(k, (p[k] - t[k]) V[k,j])
- dL/da[j] = dL/dh[j] (1 - h[j]²)
- ∂L/∂W_ji = ∂L/∂a_j · x_i
- ∂L/∂b_j = ∂L/∂a_j
""", 9),
    "a document": (CLASSES, r"""
\section{Backward pass}
Let $t$ be one-hot. The derivative of the softmax is
\begin{equation}
  \frac{\partial p_k}{\partial o_m} = p_k (\mathbf{1}\{k = m\} - p_m) \tag{1}
\end{equation}
and therefore, with (1),
\begin{align*}
  \frac{\partial L}{\partial o_k} &= p_k - t_k \quad \forall k \\
  \frac{\partial L}{\partial V_{kj}} &= (p_k - t_k)\, h_j \qquad (k = 1, \dots, K) \\
  \frac{\partial L}{\partial h_j} &= \sum_k (p_k - t_k) V_{kj} \quad \text{(chain rule)} \\
  \frac{\partial L}{\partial a_j} &= ⟨(1 - h_j^2)|(1 - h_j)⟩ \sum_k (p_k - t_k) V_{kj}
\end{align*}
For the first layer this gives
\[
  \frac{\partial L}{\partial W_{ji}} = \frac{\partial L}{\partial a_j} x_i, \qquad
  \frac{\partial L}{\partial b_j} = \frac{\partial L}{\partial a_j}.
\]
""", 7),
    "lines of LaTeX": (CLASSES, r"""
\text{Let } \delta_k = p_k - t_k
\Rightarrow \frac{\partial L}{\partial o_k} = \delta_k
(a) \frac{\partial L}{\partial V_{kj}} = \delta_k ⟨h_j|a_j⟩
(b) \frac{\partial L}{\partial h_j} = \sum_k \delta_k V_{kj} \label{eq:h}
\therefore \frac{\partial L}{\partial a_j} = (1 - h_j^2) \sum_k \delta_k V_{kj} \quad (3)
\frac{\partial L}{\partial W_{ji}} = (1 - h_j^2) x_i \sum_k \delta_k V_{kj} \text{ for all } j
""", 5),
    "through time": (RECURRENT, r"""
At the last step $\frac{\partial L}{\partial h_T} = h_T - y_T$. Before it,
$$\frac{\partial L}{\partial h_t} = (h_t - y_t) + u (1 - h_{⟨t+1|t⟩}^2) \frac{\partial L}{\partial h_{t+1}}
  \quad \text{for } t = 1, \dots, T-1$$
With $\delta_t = \frac{\partial L}{\partial h_t} (1 - h_t^2)$ for $t = 1, \dots, T$:
\begin{align}
  \frac{\partial L}{\partial a_t} &= \delta_t \\
  \frac{\partial L}{\partial w} &= \sum_{t=1}^T \delta_t x_t \\
  \frac{\partial L}{\partial u} &= \sum_{t=1}^T \delta_t h_{t-1}
\end{align}
""", 5),
    "whole arrays": (WHOLE, r"""
$$\frac{\partial J}{\partial r} = \frac{2}{N} r$$
$$\frac{\partial J}{\partial c} = \frac{2}{N} \mathbf{1}^\top r$$
$$\frac{\partial J}{\partial v} = \frac{2}{N} ⟨Z^\top r|A^\top r⟩$$
$$\frac{\partial J}{\partial Z} = \frac{2}{N} r v^\top$$
$$\frac{\partial J}{\partial A} = \frac{2}{N} (r v^\top) \odot (1 - Z^{\odot 2})$$
$$\frac{\partial J}{\partial W} = \frac{2}{N} X^\top \left( (r v^\top) \odot (1 - Z \odot Z) \right)$$
""", 6),
    "normalisation": (NORMAL, """
dL/dn[i] = g[i]
dL/ds = -sum(i, g[i] n[i])/s
dL/dmu = -sum(i, g[i])/s because sum(i, n[i]) = 0
So dL/dx[i] = (g[i] - mean(j, g[j]) - n[i] ⟨mean|sum⟩(j, g[j] n[j]))/s
""", 5),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_right_and_its_slip_is_found(name: str) -> None:
    text, page, claims = PAGES[name]
    network = parse(text)
    right, wrong = (re.sub(r"⟨([^|]*)\|([^⟩]*)⟩", rf"\{choice}", page) for choice in (1, 2))
    lines = [line for line in check(network, right).lines if not line.defines]
    assert {line.verdict for line in lines} <= {"proved", "agrees"}, [line for line in lines if line.verdict is None]
    assert len(lines) >= claims
    found = [line for line in check(network, wrong).lines if not line.defines]
    changed = [one.claim for one, other in zip(found, lines, strict=True) if one.claim != other.claim]
    refuted = [line for line in found if line.verdict == "refuted"]
    assert refuted
    assert refuted[0].claim == changed[0]
    for line in found:
        assert line.verdict in ("proved", "agrees") or line is refuted[0] or line.follows, line
