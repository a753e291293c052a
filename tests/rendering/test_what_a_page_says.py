"""A page says what a reader must know before the formulas, and names things alike throughout."""

from __future__ import annotations

import symprop
from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate
from symprop.rendering.printers.text import wrapped
from symprop.rendering.report import to_latex, to_text

RECURRENT = """
index t = 1..T, j, m = 1..H, i = 1..D
input x[t,i], y[t]
parameter W[j,i], V[j,m], u[j], b[j]
h[0,j] = 0
h[t,j] = tanh(b[j] + sum(i, W[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m])) for t = 1..T
o[t] = sum(j, u[j]*h[t,j])
L = sum(t, (o[t] - y[t])**2)
minimize L
"""
PADDED = """
index p = 1..P, k = 0..2
input x[p], t[p]
parameter w[k]
zero outside x[p]
y[p] = sum(k, w[k]*x[p + k - 1])
L = sum(p, (y[p] - t[p])**2)
minimize L
"""
LOGISTIC = """
index n = 1..N, j = 1..D
input X[n,j], t[n]
parameter w[j]
a[n] = sum(j, X[n,j]*w[j])
p[n] = sigmoid(a[n])
L = sum(n, -t[n]*log(p[n]) - (1 - t[n])*log(1 - p[n]))
minimize L
"""


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_padding_is_said() -> None:
    assert "Outside its range x[p] is 0 (padding)." in to_text(backpropagate(parse(PADDED)))


def test_a_recurrence_says_its_direction_and_its_start() -> None:
    text = one_line(to_text(backpropagate(parse(RECURRENT))))
    assert "h_bar is a recurrence: it is computed from t = T down to 1, starting" in text
    assert "starting with h_bar[T,j] = o_bar[T]*u[j]." in text


def test_a_recurrence_that_runs_backwards_has_an_adjoint_that_runs_upwards() -> None:
    text = "index t = 1..T\ninput x[t]\nparameter w\ng[T+1] = 0\ng[t] = tanh(w*g[t+1] + x[t]) for t = 1..T\nL = g[1]**2"
    page = one_line(to_text(backpropagate(parse(text))))
    assert "computed from t = 1 up to T, starting with g_bar[1] = 2*g[1]." in page


def test_components_that_a_constant_fixes_get_no_adjoint() -> None:
    text = to_text(backpropagate(parse(RECURRENT)))
    assert "h_bar[0,j]" not in text
    assert "t = 0.." not in text
    assert "h_bar[0,j] = " in to_text(backpropagate(parse(RECURRENT), wrt=("W", "h")))
    learned = RECURRENT.replace("b[j]\nh[0,j] = 0", "b[j], s[j]\nh[0,j] = s[j]")
    assert "h_bar[0,j]" in to_text(backpropagate(parse(learned)))


def test_terms_stand_in_the_order_of_the_network() -> None:
    text = to_text(backpropagate(parse(RECURRENT)))
    assert "tanh'(sum(" not in text
    assert text.count("tanh'(b[j] + sum(i") == 4


def test_an_adjoint_that_is_named_once_is_named_everywhere() -> None:
    result = to_text(backpropagate(parse(RECURRENT)), detail="final")
    assert "dL/du[j]   = sum(t, o_bar[t]*h[t,j])" in result
    assert "o_bar[t]     = 2*(o[t] - y[t])" in result


def test_a_common_number_stands_in_front_of_a_partial() -> None:
    assert "dL/do[t] = 2*(o[t] - y[t])" in to_text(backpropagate(parse(RECURRENT)))


def test_a_page_of_second_derivatives_says_so() -> None:
    hessian = symprop.derive(symprop.parse(LOGISTIC)).hessian("w")
    text = hessian.to_text()
    assert text.startswith("Second derivatives of L by w\n")
    assert "w_bar[j] is dL/dw[j]; its derivatives are the second derivatives of L, the Hessian." in one_line(text)
    assert "L_bar" not in text
    assert r"\bar{w}^{(2)}" in hessian.to_latex()
    assert "X.T @ diag(p*(1 - p)) @ X" in hessian.to_text(notation="matrix", detail="final")


def test_many_parameters_are_counted_as_parameters() -> None:
    names = [f"w{n}" for n in range(1, 12)]
    text = f"input x\nparameter {', '.join(names)}\nL = x*({' + '.join(names)})**2"
    assert to_text(backpropagate(parse(text))).startswith("Derivatives of L by all 11 parameters\n")
    some = backpropagate(parse(text), wrt=names[:10])
    assert to_text(some).startswith("Derivatives of L by w1, w2, w3, w4, ... (10 in all)\n")


def test_a_comparison_is_not_torn() -> None:
    text = "sum(k, where(0 <= p - k <= S - 1, z_bar[p - k]*(1 - z[p - k]**2)*v[k], 0))"
    for width in range(40, 79):
        assert any("0 <= p - k <= S - 1," in line for line in wrapped(text, width)), width


def test_full_detail_names_the_fact_that_was_used() -> None:
    text = """
    index k = 1..K
    input t[k]
    assume onehot(k, t[k])
    parameter a[k]
    p[k] = softmax(k, a[k])
    L = cross_entropy(k, t[k], p[k])
    """
    page = to_text(backpropagate(parse(text)), detail="full")
    assert "t[k] is one-hot; in particular sum(k, t[k]) = 1." in one_line(page)
    assert "stated fact" in page
    assert "p_bar written out, factor" not in page
    assert r"\text" in to_latex(backpropagate(parse(text)), detail="full")


def test_a_causal_softmax_is_shown_as_it_was_written() -> None:
    line = "p[t,u] = softmax(u = 1..t, s[t,u])"
    text = f"""
    index t, u = 1..T
    parameter s[t,u], v[u]
    {line}
    L = sum(t, sum(u, p[t,u]*v[u])**2)
    """
    network = parse(text)
    page = to_text(backpropagate(network))
    assert page.count(line) == 2  # among the forward equations and above its backward lines
    assert "logsumexp" not in page
    assert "-p[t,u]*p[t,u_1] if u <= t" in page
    assert "(chain rule through softmax)" in page
    assert r"\operatorname{softmax}_{1\le u\le t}" in to_latex(backpropagate(network))
    (equation,) = network.definitions["p"]
    (again,) = parse(text.replace(line, f"p[t,u] = {equation.expression}")).definitions["p"]
    assert again.expression == equation.expression


def test_a_condition_that_is_not_that_of_the_limits_is_shown() -> None:
    text = "index t, u = 1..T\nparameter s[t,u]\np[t,u] = where(u < t, exp(s[t,u] - logsumexp(u = 1..t, s[t,u])), 0)"
    page = to_text(backpropagate(parse(f"{text}\nL = sum(t, u, p[t,u]**2)")))
    assert "softmax(u = 1..t" not in page


def test_a_product_with_the_hessian_says_what_it_is() -> None:
    text = "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i]\ny = tanh(sum(i, w[i]*x[i]))\nL = (y - t)**2/2"
    page = one_line(symprop.derive(symprop.parse(text)).hessian_vector_product("w").to_text())
    assert page.startswith("Hessian of L by w times direction =")
    assert "w_bar[i] is dL/dw[i]" in page
    assert "the derivatives below are the product of the Hessian of L by w with direction" in page
    assert "y_argument stands for what tanh is applied to in the equation of y." in page
    assert "y_bar is dL/dy." in page
    assert "is minimized" not in page
    assert "no objective is named" not in page


def test_a_fact_that_would_make_a_result_simpler_is_offered() -> None:
    text = """
    index i = 1..D, k = 1..K
    input x[i]
    target t[k]
    parameter W[k,i]
    p[k] = softmax(k, sum(i, W[k,i]*x[i]))
    L = cross_entropy(k, t[k], p[k])
    """
    hint = "With 'assume sum(k, t[k]) = 1' in the network, W_bar[k,i] would be x[i]*(p[k] - t[k])."
    assert hint in one_line(to_text(backpropagate(parse(text)), detail="final"))
    stated = text.replace("parameter", "assume sum(k, t[k]) = 1\n    parameter")
    gradient = backpropagate(parse(stated)).gradients["W"].expression
    assert str(gradient) == "(p[k] - t[k])*x[i]"
    batch = "index n = 1..N, k = 1..K\ntarget t[n,k]\nparameter a[n,k]\np[n,k] = softmax(k, a[n,k])\n"
    page = one_line(to_text(backpropagate(parse(f"{batch}L = -sum(n, k, t[n,k]*log(p[n,k]))"))))
    assert "With 'assume sum(k, t[n,k]) = 1' in the network, a_bar[n,k] would be p[n,k] - t[n,k]." in page
    # Stated, or of no use: nothing is said.
    assert "would be" not in to_text(backpropagate(parse(stated)))
    assert "would be" not in to_text(backpropagate(parse(text.replace("cross_entropy(k, t[k], p[k])", "p[1]"))))
    assert "would be" not in to_text(backpropagate(parse("target t[k]\nparameter w\nL = w*sum(k, t[k])")))


def test_a_sum_of_an_adjoint_beside_a_softmax_is_no_fact_about_targets() -> None:
    text = """
    index k = 1..K
    input x
    parameter a[k]
    w[k] = softmax(k, a[k]*x + 1)
    q[k] = log(w[k]) - x*k
    L = -logsumexp(k, q[k])
    """
    assert "would be" not in to_text(backpropagate(parse(text)))


def test_a_continuation_stands_under_its_bracket_where_another_break_allows_it() -> None:
    text = "sum(s_1 = s..S, P[a,s_1,s]*Q[a,s_1,c]*(B[a,s_1,s] - sum(u = 1..s_1, B[a,s_1,u]*P[a,s_1,u])))/sqrt(dk)"
    assert "".join(line.strip() for line in wrapped(text, 80, 18)).replace(" ", "") == text.replace(" ", "")
    first, second, *_ = wrapped(text, 80, 18)
    assert first == "sum(s_1 = s..S, P[a,s_1,s]*Q[a,s_1,c]"
    assert second.startswith(" " * len("                  sum(") + "*(B[a,s_1,s]")


def test_both_objectives_are_seeds() -> None:
    text = "input x\nparameter a, b\nD = (a*x - b)**2\nG = (b*x + 1)**2*a\nminimize D over a\nminimize G over b"
    page = to_text(backpropagate(parse(text)))
    assert "not read" not in page
    assert page.count("(seed)") == 2


def test_the_hessian_of_softmax_regression_has_the_shape_of_the_book() -> None:
    """Bishop (2006), equation 4.110, with the Kronecker delta as a bracket."""
    text = """
    index i = 1..D, k = 1..K
    input x[i]
    target t[k]
    parameter W[k,i]
    assume sum(k, t[k]) = 1
    p[k] = softmax(k, sum(i, W[k,i]*x[i]))
    L = -sum(k, t[k]*log(p[k]))
    """
    page = symprop.derive(symprop.parse(text)).hessian("W").to_text(detail="final")
    assert "dW_bar[k,i]/dW[k_1,i_1] = p[k_1]*x[i_1]*x[i]*([k_1 == k] - p[k])" in page
