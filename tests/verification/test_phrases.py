r"""What people write around their formulas, and beside the spelling of the language, says what it says plainly.

Each row has the same lines in the plain spelling beside it; what could mean two things is refused with both.
"""

from __future__ import annotations

import unicodedata

import pytest

from symprop.declaration.parser import parse
from symprop.verification.claims import Claim, read_claims
from symprop.verification.report import check

NETWORKS = {
    "scalar": parse("input x, t; parameter w\ny = w*x; L = (y - t)**2/2"),
    "softmax": parse(
        "index i = 1..D, k = 1..K, m = 1..K\ninput x[i]\ntarget t[k]\nparameter W[k,i]\n"
        "a[k] = sum(i, W[k,i]*x[i])\np[k] = softmax(k, a[k])\nL = -sum(k, t[k]*log(p[k]))\n"
        "assume sum(k, t[k]) = 1"
    ),
    "recurrent": parse(
        "index t = 1..T\ninput x[t], y[t]\nparameter w, u\nh[0] = 0\nh[t] = tanh(w*x[t] + u*h[t-1]) for t = 1..T\n"
        "L = sum(t, (h[t] - y[t])**2)/2"
    ),
    "whole arrays": parse(
        "input x: (D)\nparameter W: (H, D)\ntarget t: (H)\nz = W @ x\nh = tanh(z)\nL = sum((h - t)**2)/2"
    ),
    "batch": parse(
        "input X: (N, D)\ntarget y: (N)\nparameter w: (D), b\nz = X @ w + b*ones(N)\nr = z - y\nL = r.T @ r/2"
    ),
    "hat": parse("input x, y; parameter w\ny_hat = w*x; L = (y_hat - y)**2/2"),
}

DW = "dL/dw = (y - t)*x"
DA = "dL/da[k] = p[k] - t[k]"
LATEX_DW = r"\frac{\partial L}{\partial w} = (y - t) x"
LATEX_DA = r"\frac{\partial L}{\partial a_k} = p_k - t_k"
OFF = "P(p[k], a[m]) = -p[k]*p[m] if k != m"

# (network, as people write it, plainly)
READ = [
    # What stands before a line.
    ("scalar", f"1. dL/dy = y - t\n2. {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"1) dL/dy = y - t\n2) {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"(1) dL/dy = y - t\n(2) {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"(a) dL/dy = y - t\n(b) {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"a) dL/dy = y - t\nb) {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"Step 1: dL/dy = y - t\nStep 2: {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"- dL/dy = y - t\n- {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"* dL/dy = y - t\n* {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"• dL/dy = y - t\n• {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", "-dL/dw = (t - y)*x", "-D(L, w) = (t - y)*x"),
    # Headings, and sentences that claim nothing.
    *(("scalar", f"dL/dy = y - t\n{heading}\n{DW}", f"dL/dy = y - t\n{DW}")
      for heading in ("Backward pass:", "Step 2 - the gradient of w", "- Gradient w.r.t. w", "Now the weight:",
                      "(b) Output layer (chain rule)", "We are done with y!", "1. Weights")),
    ("scalar", f"Output layer: dL/dy = y - t\nThe weight: {DW}", f"dL/dy = y - t\n{DW}"),
    # Sums with their index below reach over a product; a prime at an array is a transpose.
    *(("softmax", f"dL/dx[i] = {sum_} (p_k - t_k)", "dL/dx[i] = sum(k, W[k,i]*(p[k] - t[k]))")
      for sum_ in ("∑_k W_ki", "Σ_k W[k,i]*", "sum_k W_ki", "∑ₖ W_ki", "∑_{k} W_ki")),
    ("softmax", "L = -∑_{k=1}^K t_k log(p_k)", "L = -sum(k = 1..K, t[k]*log(p[k]))"),
    ("softmax", "L = 2 - ∑_k t_k log(p_k) - 2", "L = 2 - sum(k, t[k]*log(p[k])) - 2"),
    ("softmax", "dL/dx[i] = ∑_k W_ki p_k - ∑_k W_ki t_k", "dL/dx[i] = sum(k, W[k,i]*p[k]) - sum(k, W[k,i]*t[k])"),
    ("softmax", "L = -∑_k t_k ∑_m [k==m]*log(p_m)", "L = -sum(k, t[k]*sum(m, [k==m]*log(p[m])))"),
    ("softmax", "L = -∑_k t_k a_k + logsumexp(k, a[k])", "L = -sum(k, t[k]*a[k]) + logsumexp(k, a[k])"),
    # Components before a bracket or an exponent, and the Kronecker delta.
    ("softmax", "P(p_k, a_m) = p_k([k==m] - p_m)", "P(p[k], a[m]) = p[k]*([k==m] - p[m])"),
    ("softmax", "P(p_k, a_m) = p_k ([k==m] - p_m)", "P(p[k], a[m]) = p[k]*([k==m] - p[m])"),
    ("softmax", "∂p_k/∂a_m = p_k (δ_km - p_m)", "D(p[k], a[m]) = p[k]*([k==m] - p[m])"),
    ("softmax", "q_k = p_k² - t_k^2", "q[k] = p[k]**2 - t[k]**2"),
    ("recurrent", "dw = ∑_t dh_t (1 - h_t²) x_t", "D(L, w) = sum(t, D(L, h[t])*(1 - h[t]**2)*x[t])"),
    ("whole arrays", "dW = (x @ ((h - t)*(1 - h**2))')'", "dW = (x @ ((h - t)*(1 - h**2)).T).T"),
    ("whole arrays", "dx = W'((h - t)*(1 - h**2))", "dx = W.T @ ((h - t)*(1 - h**2))"),
    ("whole arrays", "dz = (h - t)*(1 - h**2)\ndW = dz x'", "dz = (h - t)*(1 - h**2)\ndW = dz @ x.T"),
    ("whole arrays", "dx = W' @ dL/dz", "dx = W.T @ dL/dz"),
    ("batch", "dw = X’ r", "dw = X.T @ r"),
    *(("scalar", f"dL/dy = y - t\n{word} {DW}", f"dL/dy = y - t\n{DW}")
      for word in ("=>", "⇒", "∴", "therefore", "Thus,", "so", "Hence", "and", "Then we have", "it follows that")),
    ("softmax", "Let delta[k] = p[k] - t[k]\nThen dL/da[k] = delta[k]", "delta[k] = p[k] - t[k]\ndL/da[k] = delta[k]"),
    ("softmax", r"\text{Let } \delta_k = p_k - t_k", "delta[k] = p[k] - t[k]"),
    ("softmax", f"(a) {LATEX_DA}", DA),
    ("softmax", f"1. {LATEX_DA}", DA),
    ("softmax", f"- {LATEX_DA}\n- {LATEX_DA}", f"{DA}\n{DA}"),
    ("softmax", f"Hence {LATEX_DA}", DA),
    ("scalar", rf"\because {LATEX_DW}", DW),
    ("scalar", rf"\therefore {LATEX_DW}", DW),
    ("scalar", rf"\Rightarrow {LATEX_DW}", DW),
    # Several on one line.
    ("scalar", f"dL/dy = y - t; {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"dL/dy = y - t => {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"dL/dy = y - t, so {DW}", f"dL/dy = y - t\n{DW}"),
    ("scalar", f"{DW} because dy/dw = x", f"{DW}\nD(y, w) = x"),
    ("scalar", r"\frac{\partial L}{\partial y} = y - t \because y = w x", "dL/dy = y - t\ny = w*x"),
    ("scalar", "at w = 1; x = 2; t = 1; dL/dw = 2", "at w = 1, x = 2, t = 1\ndL/dw = 2"),
    # What stands behind it.
    *(("scalar", f"{DW}{remark}", DW)
      for remark in (" (chain rule)", " [by the chain rule]", " by (3)", ", by the chain rule", " using (1) and (2)",
                     "   (3)", ".", " from line 2", " (softmax)", " (by eq. 3.2)")),
    *(("scalar", f"{LATEX_DW}{remark}", DW)
      for remark in (r" \tag{3}", r" \label{eq:w}", r" \quad (\text{chain rule})", r" \quad \text{(chain rule)}",
                     r" \qquad (3)", r" \quad [\text{by (3)}]", r" \text{ by } (3)", r" \text{ by the chain rule}")),
    # Where it holds.
    ("softmax", f"{DA} for all k", DA),
    ("softmax", f"{DA} ∀ k", DA),
    ("softmax", f"{DA} (k = 1..K)", f"{DA} for k = 1..K"),
    ("softmax", "P(p[k], a[m]) = -p[k]*p[m] (k != m)", OFF),
    ("softmax", "P(p[k], a[m]) = -p[k]*p[m], k ≠ m", OFF),
    ("softmax", "P(p[k], a[m]) = -p[k]*p[m] for k != m", OFF),
    ("softmax", "P(p[k], a[m]) = -p[k]*p[m] (k = m)", OFF.replace("!=", "==")),
    ("softmax", r"\frac{\partial p_k}{\partial a_m} = -p_k p_m \quad (k \neq m)", OFF.replace("P(", "D(")),
    ("softmax", r"\frac{\partial p_k}{\partial a_m} = -p_k p_m (k \neq m)", OFF.replace("P(", "D(")),
    ("softmax", rf"{LATEX_DA} \quad (k=1,\dots,K)", DA),
    ("softmax", rf"{LATEX_DA} \quad \forall k", DA),
    ("softmax", rf"{LATEX_DA} \quad \forall k \in \{{1, \dots, K\}}", DA),
    ("softmax", rf"{LATEX_DA} \text{{ for all }} k", DA),
    ("recurrent", r"\frac{\partial L}{\partial h_t} = (h_t - y_t)"
     r" + \frac{\partial L}{\partial h_{t+1}} u (1 - h_{t+1}^2) for t = 1..T-1",
     "D(L, h[t]) = (h[t] - y[t]) + D(L, h[t+1])*u*(1 - h[t+1]**2) for t = 1..T-1"),
    # A point, of one line or of those that follow.
    ("scalar", "dL/dw = (x - t)*x at w = 1", "at w = 1\ndL/dw = (x - t)*x"),
    ("scalar", "dL/dw = 2 (w = 1, x = 2, t = 1)", "at w = 1, x = 2, t = 1\ndL/dw = 2"),
    ("scalar", r"\frac{\partial L}{\partial w} = (x - t) x \text{ at } w = 1", "at w = 1\ndL/dw = (x - t)*x"),
    ("scalar", r"\left. \frac{\partial L}{\partial w} \right|_{w=1} = (x - t) x", "at w = 1\ndL/dw = (x - t)*x"),
    ("scalar", r"\frac{\partial L}{\partial w}\Big|_{w=1,\, x=2,\, t=1} = 2", "at w = 1, x = 2, t = 1\ndL/dw = 2"),
    ("scalar", "\\text{at } w = 1, x = 2\n" + LATEX_DW, f"at w = 1, x = 2\n{DW}"),
    # Names and updates.
    ("softmax", f"{DA} =: delta[k]", f"{DA}\ndelta[k] = p[k] - t[k]"),
    ("softmax", rf"{LATEX_DA} =: \delta_k", f"{DA}\ndelta[k] = p[k] - t[k]"),
    ("softmax", r"\delta_k := p_k - t_k", "delta[k] = p[k] - t[k]"),
    ("scalar", "w -= eta*dL/dw", "w <- w - (eta*D(L, w))"),
    ("scalar", "w += eta*(t - y)*x", "w <- w + (eta*(t - y)*x)"),
    ("scalar", "w -= eta*x + 1", "w <- w - (eta*x + 1)"),
    # Products without a sign.
    ("scalar", "dL/dw = (y - t) x", DW),
    ("scalar", "dL/dw = x (y - t)", "dL/dw = x*(y - t)"),
    ("scalar", "dL/dw = w x^2 - 2 t x", "dL/dw = w*x**2 - 2*t*x"),
    ("scalar", "dL/dw = 1/2 x", "dL/dw = (1/2)*x"),
    ("scalar", "dL/dw = dL/dy dy/dw", "dL/dw = dL/dy*D(y, w)"),
    ("scalar", "dL/dw = eta x", "dL/dw = eta*x"),
    ("softmax", "dL/dW[k,i] = (p[k] - t[k])x[i]", "dL/dW[k,i] = (p[k] - t[k])*x[i]"),
    ("softmax", "L = -sum(k, t[k] log(p[k]))", "L = -sum(k, t[k]*log(p[k]))"),
    ("whole arrays", "dL/dW = ((h - t)⊙(1 - h⊙h)) xᵀ", "dL/dW = ((h - t)*(1 - h*h)) @ x.T"),
    ("whole arrays", "dL/dx = W.T (2 h)", "dL/dx = W.T @ (2*h)"),
    ("whole arrays", "dL/dh = 2 h - 2 t", "dL/dh = 2*h - 2*t"),
    # Unicode.
    ("scalar", "∂L/∂w = (y − t)·x", DW),
    ("scalar", "∂L/∂w = (y − t) × x", DW),
    ("softmax", "∂L/∂W_ki = (p_k − t_k)·x_i", "dL/dW[k,i] = (p[k] - t[k])*x[i]"),
    *(("hat", unicodedata.normalize(form, "dL/dw = (ŷ - y)*x"), "dL/dw = (y_hat - y)*x") for form in ("NFC", "NFD")),
    ("whole arrays", "∂L/∂z = (h − t)⊙(1 − h²)", "dL/dz = (h - t)*(1 - h**2)"),
    ("softmax", "∂L/∂W[k,i] = ∑(m, (p[m] − t[m])·[m == k])·x[i]", "dL/dW[k,i] = sum(m, (p[m] - t[m])*[m == k])*x[i]"),
    ("whole arrays", r"\frac{\partial L}{\partial z} = (h - t) \odot (1 - h^{\odot 2})", "dL/dz = (h - t)*(1 - h**2)"),
    # A vector of ones, and 1 where a condition holds.
    ("batch", r"\frac{\partial L}{\partial b} = \mathbf{1}^\top r", "dL/db = ones(N).T @ r"),
    ("batch", r"\frac{\partial L}{\partial b} = \mathbb{1}_N^\top (z - y)", "dL/db = ones(N).T @ (z - y)"),
    ("batch", r"\frac{\partial L}{\partial w} = X^\top \mathbf{1}", "dL/dw = X.T @ ones(N)"),
    *(("softmax", rf"\frac{{\partial p_k}}{{\partial a_m}} = p_k ({one} - p_m)",
       "D(p[k], a[m]) = p[k]*([k == m] - p[m])")
      for one in (r"\mathbf{1}[k = m]", r"\mathbb{1}_{k = m}", r"\mathbf{1}\{k = m\}", r"\mathbb{1}(k = m)")),
]  # fmt: skip

# (network, line, what the message offers)
REFUSED = [
    ("scalar", "the gradient of w is x", ("two things are equal",)),
    ("scalar", "dw is zero", ("two things are equal",)),
    ("scalar", "y - t", ("two things are equal",)),
    ("whole arrays", "dW = dz h'", ("h.T", "derivative of tanh")),
    ("softmax", "dL/dx[i] = ∑_k W_ki p_k - W_ki t_k", ("sum(k, W_ki p_k - W_ki t_k)", "sum(k, W_ki p_k) - W_ki t_k")),
    ("softmax", "L = -∑_k", ("sum(k, ...)",)),
    ("softmax", "dL/da[k] = p_k - W_k", ("W has 2 indices", "W[k, i]")),
    ("scalar", "- dL/dw = (t - y)*x", ("item of a list", "Write -dL/dw")),
    ("scalar", "(x) dL/dw = 1", ("x)", "x*...")),
    ("scalar", "dL/dw = x (3)", ("number of this line", "*3")),
    ("scalar", "dL/dw = y/w x", ("a/b*c", "a/(b*c)")),
    ("scalar", "dL/dw = x^2y", ("x^2*y", "x^(2*y)")),
    ("scalar", "dL/dw = x foo(y)", ("unknown function",)),
    ("scalar", "dL/dw = gain x", ("operator is missing",)),
    ("scalar", "y += x", ("changes a parameter",)),
    ("softmax", "dL/da[k] = p(k) - t[k]", ("p*(...)", "p[...]")),
    ("whole arrays", "dL/dz = (h - t) (1 - h²)", ("inner product",)),
    ("batch", r"\frac{\partial L}{\partial b} = \mathbf{1} r", (r"\mathbf{1}_N",)),
    ("scalar", r"\frac{\partial L}{\partial w} = y x \big|_{w = 2}", ("right side alone",)),
    ("scalar", r"\frac{\partial L}{\partial w}|_{w = 2} = \frac{\partial L}{\partial w}|_{w = 1}", ("one point",)),
]


def meaning(claim: Claim) -> tuple[object, ...]:
    point = {name: str(value) for name, value in claim.point.items()}
    limits = tuple((str(bound.index), str(bound.lower), str(bound.upper)) for bound in claim.bounds)
    return claim.kind, tuple(map(str, claim.sides)), limits, str(claim.condition), point, claim.free_scalars


@pytest.mark.parametrize(("name", "written", "plainly"), READ, ids=[row[1] for row in READ])
def test_a_line_says_what_it_says_plainly(name: str, written: str, plainly: str) -> None:
    found, wanted = (read_claims(text, NETWORKS[name]) for text in (written, plainly))
    assert [claim.error for claim in (*found, *wanted)] == [None] * len((*found, *wanted))
    assert list(map(meaning, found)) == list(map(meaning, wanted))


@pytest.mark.parametrize(("name", "line", "offered"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_could_mean_two_things_is_refused(name: str, line: str, offered: tuple[str, ...]) -> None:
    (claim,) = read_claims(line, NETWORKS[name])
    assert claim.kind == "error"
    for words in offered:
        assert words in str(claim.error)


def test_the_report_shows_a_line_as_it_was_written() -> None:
    report = check(NETWORKS["scalar"], f"(a) dL/dy = y - t\n(b) Hence {DW} (chain rule)")
    assert [line.claim for line in report.lines] == ["(a) dL/dy = y - t", f"(b) Hence {DW} (chain rule)"]
    assert report.verdict == "proved"


def test_a_word_that_is_a_name_is_no_word() -> None:
    network = parse("input so, at; L = so*at")
    lines = check(network, "dL/dso = at\nso dL/dso = so*at").lines
    assert [line.verdict for line in lines] == ["proved", "proved"]


def test_a_mark_of_a_product_points_to_no_place_of_its_own() -> None:
    (claim,) = read_claims("dL/dw = (y - t) x foo(y)", NETWORKS["scalar"])
    assert claim.error is not None
    assert (claim.error.column, claim.error.length) == (19, 3)
    assert "\u2062" not in str(claim.error)
    (claim,) = read_claims("dL/dw = x\u2062y", NETWORKS["scalar"])
    assert claim.kind == "error"
