r"""Formulas as they stand in lecture notes, each with the network whose names it uses.

The mathematics is that of any course on neural networks; the layout (spacing commands, ``\left``, labels, bold letters,
text inside formulas) is what such notes have.  Claims are not all right: here it only matters that they are read.
"""

from __future__ import annotations

NETWORKS = {
    "logistic": """
        index i = 0..D
        input x[i]
        target t
        parameter theta[i]
        z = sum(i, theta[i]*x[i])
        y_hat = sigmoid(z)
        L = -t*log(y_hat) - (1 - t)*log(1 - y_hat)
    """,
    "hidden layer": """
        index i = 0..D, j = 1..H
        input x[i]
        target t
        parameter alpha[j,i], beta[j]
        a[j] = sum(i, alpha[j,i]*x[i])
        z[j] = sigmoid(a[j])
        b = sum(j, beta[j]*z[j])
        y = sigmoid(b)
        J = t*log(y) + (1 - t)*log(1 - y)
        maximize J
    """,
    "two layers": """
        index i = 1..D, j = 1..H, k = 1..K
        input x[i]
        target t[k]
        parameter W1[j,i], b1[j], W2[k,j], b2[k]
        z1[j] = sum(i, W1[j,i]*x[i]) + b1[j]
        a1[j] = tanh(z1[j])
        z2[k] = sum(j, W2[k,j]*a1[j]) + b2[k]
        y_hat[k] = softmax(k, z2[k])
        L = -sum(k, t[k]*log(y_hat[k]))
    """,
    "layers": """
        index l = 1..L, i = 1..N, j = 1..N, k = 1..N
        function f(u)
        input x[i], o[l,i]
        target y[i]
        parameter w[l,i,j], b[l,j]
        z[l,j] = sum(i, w[l,i,j]*o[l,i]) + b[l,j]
        a[l,j] = f(z[l,j])
        E = sum(l, sum(j, (a[l,j] - y[j])**2))/2
    """,
    "recurrent": """
        index t = 1..T, j = 1..H, m = 1..H, i = 1..D
        input x[t,i], g[t,j]
        target y[t]
        parameter W_xh[j,i], W_hh[j,m], b_h[j], w_hy[j]
        s[t,j] = sum(m, W_hh[j,m]*g[t,m]) + sum(i, W_xh[j,i]*x[t,i]) + b_h[j]
        h[t,j] = tanh(s[t,j])
        y_hat[t] = sum(j, w_hy[j]*h[t,j])
        L = sum(t, (y_hat[t] - y[t])**2)/2
    """,
    "lstm": """
        index t = 1..T
        input x[t], p[t], q[t]
        parameter w_f, u_f, b_f, w_i, u_i, b_i, w_o, u_o, b_o, w_c, u_c, b_c
        f[t] = sigmoid(w_f*x[t] + u_f*p[t] + b_f)
        i[t] = sigmoid(w_i*x[t] + u_i*p[t] + b_i)
        o[t] = sigmoid(w_o*x[t] + u_o*p[t] + b_o)
        c_tilde[t] = tanh(w_c*x[t] + u_c*p[t] + b_c)
        c[t] = f[t]*q[t] + i[t]*c_tilde[t]
        h[t] = o[t]*tanh(c[t])
        L = sum(t, h[t]**2)
    """,
    "convolution": """
        index r = 0..R-1, s = 0..S-1, p = 0..P-1, q = 0..Q-1
        input x[p,q]
        parameter K[r,s], b
        zero outside x[p,q]
        y[p,q] = sum(r, s, K[r,s]*x[p+r,q+s]) + b
        L = sum(p, q, y[p,q]**2)/2
    """,
    "batch norm": """
        index i = 1..m
        input x[i]
        parameter gamma, beta
        constant epsilon = 1/100000
        mu = sum(i, x[i])/m
        sigma2 = sum(i, (x[i] - mu)**2)/m
        x_hat[i] = (x[i] - mu)/sqrt(sigma2 + epsilon)
        y[i] = gamma*x_hat[i] + beta
        L = sum(i, y[i]**2)
    """,
    "attention": """
        index i = 1..n, j = 1..n, c = 1..d_k
        input Q[i,c], K[j,c], V[j,c]
        s[i,j] = sum(c, Q[i,c]*K[j,c])/sqrt(d_k)
        A[i,j] = softmax(j, s[i,j])
        O[i,c] = sum(j, A[i,j]*V[j,c])
        L = sum(i, c, O[i,c]**2)/2
    """,
    "ridge": """
        index n = 1..N, j = 0..D
        input x[n,j]
        target y[n]
        parameter w[j]
        hyperparameter lambda_ = 1/10
        f[n] = sum(j, w[j]*x[n,j])
        J = sum(n, (f[n] - y[n])**2)/(2*N)
    """,
}

# (network, formula)
FORMULAS: tuple[tuple[str, str], ...] = (
    ("logistic", r"\hat{y} = \sigma(\theta^\top \mathbf{x}) = \frac{1}{1 + e^{-\theta^\top \mathbf{x}}}"),
    ("logistic", r"\mathcal{L}(\theta) = -\Big[ t \log \hat{y} + (1-t) \log (1 - \hat{y}) \Big]"),
    ("logistic", r"\frac{\partial \mathcal{L}}{\partial \hat y} = -\frac{t}{\hat y} + \frac{1-t}{1-\hat y}"),
    ("logistic", r"\frac{\partial \hat y}{\partial z} = \hat{y} \, (1-\hat{y})"),
    ("logistic", r"\sigma'(z) = \sigma(z)\bigl(1 - \sigma(z)\bigr)"),
    ("logistic", r"\frac{\partial L(\theta)}{\partial \theta_j} = (\hat{y} - t) x_j, \qquad j = 0, 1, \ldots, D"),
    ("logistic", r"\theta_j := \theta_j - \alpha \, \frac{\partial}{\partial \theta_j} L(\theta)"),
    ("hidden layer", r"b = \sum_{j=1}^{H} \beta_j \, \sigma\!\left( \sum_{i=0}^{D} \alpha_{ji} x_i \right)"),
    ("hidden layer", r"\frac{\partial J}{\partial \alpha_{ji}} = \frac{\partial J}{\partial y} \cdot "
                     r"\frac{\partial y}{\partial b} \cdot \frac{\partial b}{\partial z_j} \cdot "
                     r"\frac{\partial z_j}{\partial a_j} \cdot \frac{\partial a_j}{\partial \alpha_{ji}}"),
    ("hidden layer", r"\dfrac{\partial J}{\partial \beta_j} = \left( \dfrac{t}{y} - \dfrac{1-t}{1-y} \right) y(1-y) "
                     r"z_j"),
    ("hidden layer", r"\frac{dJ}{db} = t - y"),
    ("hidden layer", r"\delta_j \equiv \frac{\partial J}{\partial a_j} = (t - y)\, \beta_j\, z_j (1 - z_j) \tag{4.12}"),
    ("hidden layer", r"\partial J/\partial x_i = \sum_j \delta_j \alpha_{ji}"),
    ("hidden layer", r"\frac{\partial a_k}{\partial \alpha_{ji}} = \delta_{kj} x_i"),
    ("hidden layer", r"\Delta \alpha_{ji} = \eta \, \frac{\partial J}{\partial \alpha_{ji}}"),
    ("two layers", r"\mathbf{z}^{[1]} = \mathbf{W}^{[1]} \mathbf{x} + \mathbf{b}^{[1]}, \quad "
                   r"\mathbf{a}^{[1]} = \tanh(\mathbf{z}^{[1]})"),
    ("two layers", r"\hat y_k = \frac{\exp(z^{(2)}_k)}{\sum_{m=1}^K \exp(z^{(2)}_m)}"),
    ("two layers", r"L = - \sum_{k} t_k \ln \hat{y}_k"),
    ("two layers", r"\frac{\partial \hat{y}_i}{\partial z_j^{(2)}} = \begin{cases} \hat y_i (1 - \hat y_i) & "
                   r"\text{if } "
                   r"i = j \\ -\hat y_i \hat y_j & \text{if } i \neq j \end{cases}"),
    ("two layers", r"\frac{\partial \hat{y}_k}{\partial z^{(2)}_m} = \hat{y}_k ( \mathbf{1}\{k = m\} - \hat{y}_m )"),
    ("two layers", r"\frac{\partial L}{\partial z_k^{(2)}} = \sum_{m} \frac{\partial L}{\partial \hat{y}_m} "
                   r"\frac{\partial \hat{y}_m}{\partial z_k^{(2)}} = \hat{y}_k - t_k"),
    ("two layers", r"\delta_j^{(1)} = \left( \sum_{k=1}^{K} W_{kj}^{(2)} \delta_k^{(2)} \right) "
                   r"\left(1 - (a_j^{(1)})^2\right)"),
    ("two layers", r"\frac{\partial L}{\partial W^{[2]}_{k,j}} = (\hat{y}_k - t_k)\,a^{[1]}_j"),
    ("two layers", r"dZ^{[2]} = \hat{Y} - T"),
    ("two layers", r"dz^{[1]} = W^{[2]T} (\hat y - t) \odot (1 - \tanh^2(z^{[1]}))"),
    ("two layers", r"\nabla_{W^{(2)}} L = (\hat{y} - t) \, {a^{(1)}}^{\top}"),
    ("layers", r"\frac{\partial E}{\partial w_{ij}^{(l)}} = \delta_j^{(l)} \, o_i^{(l)}"),
    ("layers", r"\delta_j^{(l)} \triangleq \frac{\partial E}{\partial z_j^{(l)}}"),
    ("layers", r"\delta^l_j = f'(z^l_j) \sum_k w^{l+1}_{jk} \delta^{l+1}_k"),
    ("layers", r"\frac{\partial E}{\partial b_j^{(l)}} = \frac{\partial E}{\partial a_j^{(l)}} f^{\prime}(z_j^{(l)})"),
    ("layers", r"w_{ij}^{(l)} \leftarrow w_{ij}^{(l)} - \eta \frac{\partial E}{\partial w_{ij}^{(l)}}"),
    ("layers", r"E = \frac{1}{2} \sum_{l=1}^{L} \sum_{j=1}^{N} \left( a_j^{(l)} - y_j \right)^2"),
    ("recurrent", r"h_{t,j} = \tanh\Bigl( \sum_m (W_{hh})_{jm} g_{t,m} + \sum_i (W_{xh})_{ji} x_{t,i} + (b_h)_j "
                  r"\Bigr)"),
    ("recurrent", r"h_j^{(t)} = \tanh\left(s_j^{(t)}\right)"),
    ("recurrent", r"\frac{\partial L}{\partial \hat{y}_t} = \hat y_t - y_t \quad \text{for } t = 1, \dots, T"),
    ("recurrent", r"\frac{\partial L}{\partial W_{hh,jm}} = \sum_{t=1}^{T} \frac{\partial L}{\partial s_{t,j}} "
                  r"g_{t,m}"),
    ("recurrent", r"\frac{\partial L}{\partial s_{tj}} = (\hat{y}_t - y_t)\, w_{hy,j} \, (1 - h_{tj}^2)"),
    ("recurrent", r"\frac{\partial L}{\partial b_{h,j}} = \sum_{t} \delta_{t,j}, \text{ where } "
                  r"\delta_{t,j} = \frac{\partial L}{\partial s_{t,j}}"),
    ("lstm", r"f_t = \sigma(w_f x_t + u_f p_t + b_f)"),
    ("lstm", r"\tilde{c}_t = \tanh(w_c x_t + u_c p_t + b_c)"),
    ("lstm", r"c_t = f_t \odot q_t + i_t \odot \tilde{c}_t"),
    ("lstm", r"\frac{\partial L}{\partial o_t} = \frac{\partial L}{\partial h_t} \circ \tanh (c_t)"),
    ("lstm", r"\frac{\partial L}{\partial c_t} = \frac{\partial L}{\partial h_t}\, o_t \left(1 - \tanh^2 (c_t) "
             r"\right)"),
    ("lstm", r"\frac{\partial L}{\partial u_f} = \sum_{t=1}^T \frac{\partial L}{\partial c_t} q_t f_t (1-f_t) p_t"),
    ("convolution", r"y_{p,q} = \sum_{r=0}^{R-1}\sum_{s=0}^{S-1} K_{r,s}\, x_{p+r,\,q+s} + b"),
    ("convolution", r"\frac{\partial L}{\partial K_{rs}} = \sum_{p,q} \frac{\partial L}{\partial y_{pq}} x_{p+r,q+s}"),
    ("convolution", r"\frac{\partial L}{\partial x_{p,q}} = \sum_{r}\sum_{s} \frac{\partial L}{\partial "
                    r"y_{p-r,q-s}} K_{r,s}"),
    ("batch norm", r"\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}"),
    ("batch norm", r"\sigma^2 = \frac{1}{m} \sum_{i=1}^{m} (x_i - \mu)^2"),
    ("batch norm", r"\frac{\partial L}{\partial \gamma} = \sum_{i=1}^{m} \frac{\partial L}{\partial y_i} \cdot "
                   r"\hat{x}_i"),
    ("batch norm", r"\frac{\partial L}{\partial \sigma^2} = -\frac{1}{2} \sum_{i=1}^m \frac{\partial L}{\partial "
                   r"\hat{x}_i} "
                   r"(x_i - \mu) (\sigma^2 + \epsilon)^{-3/2}"),
    ("batch norm", r"\frac{\partial L}{\partial x_i} = \frac{1}{m\sqrt{\sigma^2+\epsilon}} \left( m \frac{\partial L}"
                   r"{\partial \hat{x}_i} - \sum_{j=1}^m \frac{\partial L}{\partial \hat{x}_j} - \hat{x}_i "
                   r"\sum_{j=1}^m "
                   r"\frac{\partial L}{\partial \hat{x}_j}\hat{x}_j \right)"),
    ("attention", r"A_{ij} = \operatorname{softmax}_j\left( \frac{q_i^\top k_j}{\sqrt{d_k}} \right)"),
    ("attention", r"s_{ij} = \frac{\sum_c Q_{ic} K_{jc}}{\sqrt{d_k}}"),
    ("attention", r"\mathbf{O} = \mathbf{A} \mathbf{V}"),
    ("attention", r"\frac{\partial L}{\partial s_{ij}} = A_{ij} \Bigl( \frac{\partial L}{\partial A_{ij}} - "
                  r"\sum_{j'} A_{ij'} \frac{\partial L}{\partial A_{ij'}} \Bigr)"),
    ("attention", r"\frac{\partial L}{\partial V} = A^\top \frac{\partial L}{\partial O}"),
    ("ridge", r"J(\mathbf{w}) = \frac{1}{2N} \sum_{n=1}^{N} \bigl(\mathbf{w}^\top \mathbf{x}_n - y_n\bigr)^2"),
    ("ridge", r"\frac{\partial J}{\partial w_j} = \frac{1}{N}\sum_{n=1}^N \left(f_n - y_n\right) x_j^{(n)}"),
    ("ridge", r"R = \frac{\lambda}{2} \sum_{j \neq 0} w_j^2 + \frac{\lambda}{2} w_0^2"),
    ("ridge", r"w_j^{(t+1)} = w_j^{(t)} - \eta \left( \frac{\partial J}{\partial w_j} + \lambda w_j^{(t)} \right)"),
    ("ridge", r"\mathbf{w}^{\text{new}} = \mathbf{w}^{\text{old}} - \eta \nabla_{\mathbf{w}} J"),
    ("ridge", r"w_{j} \gets (1 - \eta\lambda) w_j - \frac{\eta}{N} \sum_{n} (f_n - y_n) x_{nj}"),
)  # fmt: skip
