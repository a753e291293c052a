r"""Formulas in the LaTeX in which published courses, books and papers typeset them, each with the network it is about.

Each row is (network, source, lines before it, formula, factor, altered factor).  The lines before it define what the
formula uses.  All formulas are right, as published; with the altered factor each is wrong (None: a definition, or a
rule of descent, of which no factor says anything).
"""

from __future__ import annotations

NETWORKS = {
    "nielsen": """
        index l = 2..L
        input x: (N), y: (N)
        parameter w[l]: (N, N), b[l]: (N)
        a[1] = x
        z[l] = w[l] @ a[l-1] + b[l]
        a[l] = sigmoid(z[l])
        C = norm(y - a[L])**2/2
    """,
    "cs231n": """
        index k = 1..K, j = 1..K
        input x: (D)
        target integer y in 1..K
        parameter W[k,i], b[k]
        index i = 1..D
        f[k] = sum(i, W[k,i]*x[i]) + b[k]
        p[k] = exp(f[k])/sum(j, exp(f[j]))
        L = -log(p[y])
    """,
    "wikipedia": """
        index i = 1..I, j = 1..J
        input o_in[i]
        target t[j]
        parameter w[i,j]
        function phi(u) = 1/(1 + exp(-u))
        net[j] = sum(i, w[i,j]*o_in[i])
        o[j] = phi(net[j])
        E = sum(j, (t[j] - o[j])**2)/2
    """,
    "coursera": """
        input x: (n0)
        target y
        parameter W1: (n1, n0), b1: (n1), W2: (1, n1), b2: (1)
        function g1(u)
        z1 = W1 @ x + b1
        a1 = g1(z1)
        z2 = W2 @ a1 + b2
        a2 = sigmoid(z2)
        L = -sum(y*log(a2) + (1 - y)*log(1 - a2))
    """,
    "goodfellow": """
        index t = 1..tau
        input x[t]: (D)
        target y[t]: (K)
        parameter U: (H, D), W: (H, H), V: (K, H), b: (H), c: (K)
        h[0] = 0
        a[t] = b + W @ h[t-1] + U @ x[t]
        h[t] = tanh(a[t])
        o[t] = c + V @ h[t]
        y_hat[t] = softmax(o[t])
        L = -sum(t, sum(y[t]*log(y_hat[t])))
        assume onehot(y)
    """,
    "lstm": """
        index t = 1..T
        input x[t]: (D)
        parameter W_f: (H, D), U_f: (H, H), b_f: (H), W_i: (H, D), U_i: (H, H), b_i: (H)
        parameter W_o: (H, D), U_o: (H, H), b_o: (H), W_c: (H, D), U_c: (H, H), b_c: (H)
        h[0] = 0
        c[0] = 0
        f[t] = sigmoid(W_f @ x[t] + U_f @ h[t-1] + b_f)
        i[t] = sigmoid(W_i @ x[t] + U_i @ h[t-1] + b_i)
        o[t] = sigmoid(W_o @ x[t] + U_o @ h[t-1] + b_o)
        c_tilde[t] = tanh(W_c @ x[t] + U_c @ h[t-1] + b_c)
        c[t] = f[t]*c[t-1] + i[t]*c_tilde[t]
        h[t] = o[t]*tanh(c[t])
        L = sum(t, norm(h[t])**2)
    """,
    "gru": """
        index t = 1..T
        input x[t]: (D)
        parameter W_z: (H, D), U_z: (H, H), b_z: (H), W_r: (H, D), U_r: (H, H), b_r: (H)
        parameter W_h: (H, D), U_h: (H, H), b_h: (H)
        h[0] = 0
        z[t] = sigmoid(W_z @ x[t] + U_z @ h[t-1] + b_z)
        r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
        h_hat[t] = tanh(W_h @ x[t] + U_h @ (r[t]*h[t-1]) + b_h)
        h[t] = (1 - z[t])*h[t-1] + z[t]*h_hat[t]
        L = sum(t, norm(h[t])**2)
    """,
    "bishop": """
        index i = 0..D, j = 1..M, k = 1..K
        input x[i]
        target t[k]
        parameter w1[j,i], w2[k,j]
        function h(u)
        a[j] = sum(i, w1[j,i]*x[i])
        z[j] = h(a[j])
        y[k] = sum(j, w2[k,j]*z[j])
        E = sum(k, (y[k] - t[k])**2)/2
    """,
    "cs229": """
        index i = 1..n, j = 1..d
        input x[i,j]
        target y[i]
        parameter theta[j]
        h[i] = sigmoid(sum(j, theta[j]*x[i,j]))
        ell = sum(i, y[i]*log(h[i]) + (1 - y[i])*log(1 - h[i]))
        maximize ell
    """,
    "least squares": """
        input X: (n, d), y: (n)
        parameter theta: (d)
        J = norm(X @ theta - y)**2/2
    """,
    "gaussian": """
        input x
        parameter mu, sigma
        p = exp(-(x - mu)**2/(2*sigma**2))/(sqrt(2*pi)*sigma)
        L = log(p)
    """,
    "batch norm": """
        index i = 1..m, j = 1..m
        input x[i]
        parameter gamma, beta
        constant epsilon = 1/100000
        mu_B = sum(i, x[i])/m
        sigma_B2 = sum(i, (x[i] - mu_B)**2)/m
        x_hat[i] = (x[i] - mu_B)/sqrt(sigma_B2 + epsilon)
        y[i] = gamma*x_hat[i] + beta
        ell = sum(i, y[i]**3)
    """,
    "layer norm": """
        index i = 1..H
        input a[i]
        parameter g[i], b[i]
        mu = sum(i, a[i])/H
        sigma = sqrt(sum(i, (a[i] - mu)**2)/H)
        h[i] = g[i]/sigma*(a[i] - mu) + b[i]
        L = sum(i, h[i]**2)
    """,
    "attention": """
        input Q: (n, d_k), K: (m, d_k), V: (m, d_v)
        S = Q @ K.T/sqrt(d_k)
        A = softmax(S)
        O = A @ V
        L = sum(O**2)/2
    """,
    "d2l": """
        input x: (d)
        target y: (q)
        parameter W1: (h_1, d), W2: (q, h_1)
        hyperparameter lambda_ = 1/10
        function phi(u)
        z = W1 @ x
        h = phi(z)
        o = W2 @ h
        l = norm(o - y)**2/2
        s = lambda_/2*(norm(W1)**2 + norm(W2)**2)
        J = l + s
    """,
    "softmax": """
        input z: (n)
        target y: (n)
        p = softmax(z)
        L = -sum(y*log(p))
        assume sum(k, y[k]) = 1
    """,
    "perceptron": """
        input x: (d)
        target y
        parameter w: (d), b
        f = w.T @ x + b
        L = max(0, 1 - y*f)
    """,
}

_DELTA = r"\delta^l = \frac{\partial C}{\partial z^l}"

PUBLISHED: tuple[tuple[str, str, str, str, str, str | None], ...] = (
    # Nielsen, Neural Networks and Deep Learning, ch. 2
    ("nielsen", "Nielsen (23)", "", r"a^{l}_j = \sigma\left( \sum_k w^{l}_{jk} a^{l-1}_k + b^l_j \right),",
     r"w^{l}_{jk}", r"w^{l}_{kj}"),
    ("nielsen", "Nielsen (25)", "", r"a^{l} = \sigma(w^l a^{l-1}+b^l).", r"a^{l-1}", r"a^{l}"),
    ("nielsen", "Nielsen (27)", "", r"C = \frac{1}{2} \|y-a^L\|^2 = \frac{1}{2} \sum_j (y_j-a^L_j)^2,",
     r"= \frac{1}{2} \sum", r"= \sum"),
    ("nielsen", "Nielsen (29)", "", r"\delta^l_j \equiv \frac{\partial C}{\partial z^l_j}.", "", None),
    ("nielsen", "Nielsen (BP1)", _DELTA, r"\delta^L_j = \frac{\partial C}{\partial a^L_j} \sigma'(z^L_j).",
     r"\sigma'", r"\sigma"),
    ("nielsen", "Nielsen (BP1a)", _DELTA, r"\delta^L = \nabla_a C \odot \sigma'(z^L).", "", None),
    ("nielsen", "Nielsen (30)", _DELTA, r"\delta^L = (a^L-y) \odot \sigma'(z^L).", "(a^L-y)", "(y-a^L)"),
    ("nielsen", "Nielsen (BP2)", _DELTA, r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l),",
     r"\sigma'(z^l)", r"\sigma'(z^{l+1})"),
    ("nielsen", "Nielsen (BP3)", _DELTA, r"\frac{\partial C}{\partial b^l_j} = \delta^l_j.", r"= ", r"= 2 "),
    ("nielsen", "Nielsen (BP4)", _DELTA, r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j.",
     r"a^{l-1}_k \delta^l_j", r"a^{l-1}_j \delta^l_k"),
    ("nielsen", "Nielsen (42)", _DELTA, r"\delta^l_j = \sum_k w^{l+1}_{kj}  \delta^{l+1}_k \sigma'(z^l_j).",
     r"w^{l+1}_{kj}", r"w^{l+1}_{jk}"),
    ("nielsen", "Nielsen (44)", "",
     r"\frac{\partial z^{l+1}_k}{\partial z^l_j} = w^{l+1}_{kj} \sigma'(z^l_j).", r"(z^l_j)", r"(z^{l+1}_k)"),
    # Stanford CS231n
    ("cs231n", "CS231n, case study", "", r"p_k = \frac{e^{f_k}}{ \sum_j e^{f_j} } \hspace{1in}", r"\sum_j e^{f_j}",
     r"e^{f_k}"),
    ("cs231n", "CS231n, case study", "", r"L = -\log\left(p_{y}\right)", r"-\log", r"\log"),
    ("cs231n", "CS231n, linear classification", "",
     r"L = -\log\left(\frac{e^{f_{y}}}{ \sum_j e^{f_j} }\right) \hspace{0.5in} \text{or equivalently} \hspace{0.5in} "
     r"L = -f_{y} + \log\sum_j e^{f_j}", r"-f_{y}", r"f_{y}"),
    ("cs231n", "CS231n, case study", "", r"\frac{\partial L }{ \partial f_k } = p_k - \mathbb{1}(y = k)", r"p_k -",
     r"p_k +"),
    # Wikipedia, Backpropagation
    ("wikipedia", "Wikipedia", "",
     r"o_j = \varphi(\text{net}_j) = \frac{1}{1 + e^{-\text{net}_j}}", "1 + e", "2 + e"),
    ("wikipedia", "Wikipedia", "",
     r"\frac{\partial E}{\partial w_{ij}} = \frac{\partial E}{\partial o_j} \frac{\partial o_j}{\partial w_{ij}} = "
     r"\frac{\partial E}{\partial o_j} \frac{\partial o_j}{\partial \text{net}_j} "
     r"\frac{\partial \text{net}_j}{\partial w_{ij}}", r"\frac{\partial o_j}{\partial \text{net}_j} ", ""),
    ("wikipedia", "Wikipedia", "",
     r"\frac{\partial o_j}{\partial\text{net}_j} = o_j(1 - o_j)", r"o_j(1", r"o_j(2"),
    ("wikipedia", "Wikipedia", r"\delta_j = \frac{\partial E}{\partial o_j} \frac{\partial o_j}{\partial\text{net}_j}",
     r"\delta_j = (o_j - t_j) o_{j}(1-o_{j})", r"(o_j - t_j)", r"(t_j - o_j)"),
    ("wikipedia", "Wikipedia", "",
     r"\Delta w_{ij} = - \eta \frac{\partial E}{\partial w_{ij}}", r"- \eta", r"\eta"),
    # Ng, Deep Learning Specialization
    ("coursera", "Ng, course 1 week 3", "", r"z^{[1]} = W^{[1]} x + b^{[1]}", r"x +", r"x -"),
    ("coursera", "Ng, course 1 week 3", "", r"dz^{[2]} = a^{[2]} - y", "- y", "+ y"),
    ("coursera", "Ng, course 1 week 3", r"dz^{[2]} = a^{[2]} - y", r"dW^{[2]} = dz^{[2]} {a^{[1]}}^{T}",
     r"{a^{[1]}}", r"{z^{[1]}}"),
    ("coursera", "Ng, course 1 week 3", r"dz^{[2]} = a^{[2]} - y", r"db^{[2]} = dz^{[2]}", "= ", "= 2"),
    ("coursera", "Ng, course 1 week 3", r"dz^{[2]} = a^{[2]} - y",
     r"dz^{[1]} = W^{[2]T} dz^{[2]} \ast g^{[1]\prime}(z^{[1]})", r"W^{[2]T}", r"2W^{[2]T}"),
    ("coursera", "Ng, course 1 week 3", r"dz^{[1]} = \nabla_{z^{[1]}} L", r"dW^{[1]} = dz^{[1]} x^T", "x^T", "2x^T"),
    # Goodfellow, Bengio, Courville, Deep Learning, ch. 10
    ("goodfellow", "Goodfellow (10.8)", "",
     r"\boldsymbol{a}^{(t)} = \boldsymbol{b} + \boldsymbol{W} \boldsymbol{h}^{(t-1)} + \boldsymbol{U} "
     r"\boldsymbol{x}^{(t)},", "(t-1)", "(t)"),
    ("goodfellow", "Goodfellow (10.9)", "", r"\boldsymbol{h}^{(t)} = \tanh(\boldsymbol{a}^{(t)}),", r"\tanh", r"\cosh"),
    ("goodfellow", "Goodfellow (10.11)", "", r"\hat{\boldsymbol{y}}^{(t)} = \mathrm{softmax}(\boldsymbol{o}^{(t)}),",
     r"\boldsymbol{o}^{(t)})", r"2\boldsymbol{o}^{(t)})"),
    ("goodfellow", "Goodfellow (10.19)", "",
     r"\nabla_{\boldsymbol{h}^{(\tau)}} L = \boldsymbol{V}^\top \nabla_{\boldsymbol{o}^{(\tau)}} L.",
     r"\boldsymbol{V}^\top", r"2\boldsymbol{V}^\top"),
    ("goodfellow", "Goodfellow (10.22)", "",
     r"\nabla_{\boldsymbol{c}} L = \sum_t \left( \frac{\partial \boldsymbol{o}^{(t)}}{\partial \boldsymbol{c}} "
     r"\right)^\top \nabla_{\boldsymbol{o}^{(t)}} L = \sum_t \nabla_{\boldsymbol{o}^{(t)}} L,",
     r"= \sum_t \nabla", r"= 2\sum_t \nabla"),
    ("goodfellow", "Goodfellow (10.23)", "",
     r"\nabla_{\boldsymbol{b}} L = \sum_t \mathrm{diag}\left( 1 - \left( \boldsymbol{h}^{(t)} \right)^2 \right) "
     r"\nabla_{\boldsymbol{h}^{(t)}} L,", r"1 - \left", r"1 + \left"),
    ("goodfellow", "Goodfellow (10.24)", "",
     r"\nabla_{\boldsymbol{V}} L = \sum_t ( \nabla_{\boldsymbol{o}^{(t)}} L ) \boldsymbol{h}^{(t)^\top},",
     r"\boldsymbol{h}^{(t)", r"\boldsymbol{h}^{(t-1)"),
    ("goodfellow", "Goodfellow (10.26)", "",
     r"\nabla_{\boldsymbol{W}} L = \sum_t \mathrm{diag}\left( 1 - \left( \boldsymbol{h}^{(t)} \right)^2 \right) "
     r"(\nabla_{\boldsymbol{h}^{(t)}} L) \boldsymbol{h}^{(t-1)^\top},", "(t-1)", "(t)"),
    # Wikipedia, Long short-term memory; Gated recurrent unit
    ("lstm", "Wikipedia", "", r"f_t = \sigma(W_{f} x_t + U_{f} h_{t-1} + b_f)", r"U_{f}", r"U_{i}"),
    ("lstm", "Wikipedia", "", r"c_t = f_t \odot c_{t-1} + i_t \odot \tilde{c}_t", r"i_t", r"o_t"),
    ("lstm", "Wikipedia", "", r"h_t = o_t \odot \tanh(c_t)", r"o_t", r"i_t"),
    ("lstm", "Arras et al.", "",
     r"\frac{\partial L}{\partial \mathbf{o}_t} = \frac{\partial L}{\partial \mathbf{h}_t} \odot \tanh(\mathbf{c}_t)",
     r"\tanh", r"\sigma"),
    ("gru", "Wikipedia", "", r"\hat{h}_t = \tanh(W_{h} x_t + U_{h} (r_t \odot h_{t-1}) + b_h)", r"r_t", r"z_t"),
    ("gru", "Wikipedia", "", r"h_t = (1-z_t) \odot h_{t-1} + z_t \odot \hat{h}_t", r"(1-z_t)", r"(2-z_t)"),
    # Bishop, PRML, ch. 5
    ("bishop", "PRML (5.48)", "", r"a_j = \sum_i w_{ji}^{(1)} x_i", r"x_i", r"2 x_i"),
    ("bishop", "PRML (5.54)", r"\delta_k = \frac{\partial E}{\partial y_k}", r"\delta_k = y_k - t_k", "- t", "+ t"),
    ("bishop", "PRML (5.56)", r"\delta^{(2)}_k = \frac{\partial E}{\partial y_k}, \quad "
     r"\delta^{(1)}_j \equiv \frac{\partial E}{\partial a_j}",
     r"\delta^{(1)}_j = h'(a_j) \sum_k w^{(2)}_{kj} \delta^{(2)}_k", r"h'", "h"),
    ("bishop", "PRML (5.53)", r"\delta_j \equiv \frac{\partial E}{\partial a_j}",
     r"\frac{\partial E}{\partial w_{ji}^{(1)}} = \delta_j x_i.", r"x_i", r"x_i^2"),
    # Stanford CS229
    ("cs229", "CS229, part V", "",
     r"\frac{\partial}{\partial \theta_j} \ell(\theta) = \sum_{i=1}^{n} (y^{(i)} - h^{(i)}) x_j^{(i)}",
     r"y^{(i)} -", r"y^{(i)} +"),
    ("cs229", "CS229, part V", "",
     r"h^{(i)} = \frac{1}{1 + e^{-\theta^T x^{(i)}}}", r"e^{-", r"e^{"),
    ("cs229", "CS229, part V", "",
     r"\ell(\theta) = \sum_{i=1}^{n} \Big[ y^{(i)} \log h^{(i)} + (1 - y^{(i)}) \log (1 - h^{(i)}) \Big]",
     r"(1 - y^{(i)})", r"(2 - y^{(i)})"),
    ("least squares", "CS229, part II", "",
     r"\nabla_\theta J(\theta) = X^T X \theta - X^T \vec{y}", r"X^T X", r"2 X^T X"),
    ("least squares", "CS229, part II", "",
     r"J(\theta) = \frac{1}{2} (X\theta - \vec{y})^T (X\theta - \vec{y})", r"\frac{1}{2}", ""),
    # Densities
    ("gaussian", "Wikipedia, Murphy", "",
     r"p = \frac{1}{\sqrt{2\pi}\sigma} \exp\left(-\frac{(x-\mu)^2}{2\sigma^2}\right)", r"{2\sigma^2}", r"{\sigma^2}"),
    ("gaussian", "CS229", "", r"\frac{\partial L}{\partial \mu} = \frac{x - \mu}{\sigma^2}", r"^2}", r"}"),
    # Ioffe and Szegedy, 2015
    ("batch norm", "batch norm paper", "", r"\frac{\partial \ell}{\partial \widehat{x}_i} = "
     r"\frac{\partial \ell}{\partial y_i} \cdot \gamma", r"\gamma", r"\beta"),
    ("batch norm", "batch norm paper", "",
     r"\frac{\partial \ell}{\partial \sigma_{\mathcal{B}}^2} = \sum_{i=1}^m "
     r"\frac{\partial \ell}{\partial \widehat{x}_i} \cdot (x_i - \mu_{\mathcal{B}}) "
     r"\cdot \frac{-1}{2} (\sigma_{\mathcal{B}}^2 + \epsilon)^{-3/2}",
     r"-3/2", r"-1/2"),
    ("batch norm", "batch norm paper", "",
     r"\frac{\partial \ell}{\partial x_i} = \frac{\partial \ell}{\partial \widehat{x}_i} \cdot "
     r"\frac{1}{\sqrt{\sigma_{\mathcal{B}}^2 + \epsilon}} + \frac{\partial \ell}{\partial \sigma_{\mathcal{B}}^2} "
     r"\cdot \frac{2 (x_i - \mu_{\mathcal{B}})}{m} + \frac{\partial \ell}{\partial \mu_{\mathcal{B}}} "
     r"\cdot \frac{1}{m}",
     r"\frac{1}{m}", r"\frac{2}{m}"),
    # Ba, Kiros, Hinton, 2016
    ("layer norm", "layer norm paper", "",
     r"\mu = \frac{1}{H} \sum_{i=1}^{H} a_i \qquad \sigma = \sqrt{ \frac{1}{H} \sum_{i=1}^{H} ( a_i - \mu )^2 }",
     r"\sqrt{ \frac{1}{H}", r"\sqrt{ \frac{2}{H}"),
    # Vaswani et al., 2017
    ("attention", "Attention is all you need", "",
     r"O = \mathrm{softmax}\left( \frac{QK^T}{\sqrt{d_k}} \right) V", r"\sqrt{d_k}", "d_k"),
    ("attention", "notes on attention", "",
     r"\frac{\partial L}{\partial Q} = \frac{1}{\sqrt{d_k}} \frac{\partial L}{\partial S} K",
     r"\frac{1}{\sqrt{d_k}}", r"\sqrt{d_k}"),
    # Zhang et al., Dive into Deep Learning, 5.3
    ("d2l", "d2l (5.3.5)", "",
     r"s = \frac{\lambda}{2} \left( \| \mathbf{W}^{(1)} \|_\textrm{F}^2 + \| \mathbf{W}^{(2)} \|_\textrm{F}^2 \right),",
     r"\frac{\lambda}{2}", r"\lambda"),
    ("d2l", "d2l (5.3.11)", "",
     r"\frac{\partial J}{\partial \mathbf{W}^{(2)}} = \frac{\partial J}{\partial \mathbf{o}} \mathbf{h}^\top + \lambda "
     r"\mathbf{W}^{(2)}.", r"+ \lambda", r"- \lambda"),
    ("d2l", "d2l (5.3.12)", "",
     r"\frac{\partial J}{\partial \mathbf{h}} = {\mathbf{W}^{(2)}}^\top \frac{\partial J}{\partial \mathbf{o}}.",
     r"{\mathbf{W}^{(2)}}^\top", r"2{\mathbf{W}^{(2)}}^\top"),
    ("d2l", "d2l (5.3.13)", "",
     r"\frac{\partial J}{\partial \mathbf{z}} = \frac{\partial J}{\partial \mathbf{h}} \odot \phi'\left( \mathbf{z} "
     r"\right).", r"\phi'", r"\phi"),
    # The derivative of the softmax, as everybody writes it
    ("softmax", "Bendersky", "", r"\frac{\partial p_i}{\partial z_j} = p_i (\delta_{ij} - p_j)", r"\delta_{ij} -",
     r"\delta_{ij} +"),
    ("softmax", "Bendersky", "",
     r"\frac{\partial p_i}{\partial z_j} = \begin{cases} p_i(1-p_j) & i = j \\ -p_j p_i & i \neq j \end{cases}",
     r"-p_j p_i", r"p_j p_i"),
    ("softmax", "course notes", "",
     r"\frac{\partial \mathbf{p}}{\partial \mathbf{z}} = \operatorname{diag}(\mathbf{p}) - "
     r"\mathbf{p}\mathbf{p}^\top",
     r") - ", r") + "),
    ("softmax", "course notes", "", r"\nabla_{\mathbf{z}} L = \mathbf{p} - \mathbf{y}", " - ", " + "),
    # The hinge loss
    ("perceptron", "course notes", "", r"f = \langle w, x \rangle + b", r"+ b", r"- b"),
    ("perceptron", "course notes", "",
     r"\frac{\partial L}{\partial w} = \begin{cases} -y\,x & \text{if } y f < 1 \\ 0 & \text{otherwise} \end{cases}",
     r"-y\,x", r"y\,x"),
)  # fmt: skip

# Refused: nabla_a means the layer L, which nothing says; the star is a convolution to some.
UNREAD = (
    r"\delta^L = \nabla_a C \odot \sigma'(z^L).",
    r"dz^{[1]} = W^{[2]T} dz^{[2]} \ast g^{[1]\prime}(z^{[1]})",
)
