"""Twenty networks with lines of a derivation by hand: difference quotients confirm each line before it is used.

None of them served to build the diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from paper import Claim, Network, read


@dataclass(frozen=True)
class Derivation:
    """A network and lines that a person derived.

    Attributes
    ----------
    name, text : str
    lines : tuple of str
        ``W[j,i] = ...`` for the derivative of the objective by ``W[j,i]``.
    positive : bool
        Whether the numbers must be positive.
    """

    name: str
    text: str
    lines: tuple[str, ...]
    positive: bool = False

    @cached_property
    def network(self) -> Network:
        return Network(self.text, positive=self.positive)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        sides = (line.split(" = ", 1) for line in self.lines)
        return tuple(Claim(read(left), read(right), self.network.objective) for left, right in sides)


DERIVATIONS = [
    Derivation(
        "tied autoencoder",
        """
index i = 1..D, j = 1..H
input x[i]
parameter W[j,i], b[j], c[i]
a[j] = sum(i, W[j,i]*x[i]) + b[j]
h[j] = sigmoid(a[j])
r[i] = sum(j, W[j,i]*h[j]) + c[i]
L = sum(i, (r[i] - x[i])**2)/2
minimize L
""",
        (
            "r[i] = r[i] - x[i]",
            "c[i] = r[i] - x[i]",
            "h[j] = sum(i, (r[i] - x[i])*W[j,i])",
            "a[j] = sum(i, (r[i] - x[i])*W[j,i])*h[j]*(1 - h[j])",
            "b[j] = sum(i, (r[i] - x[i])*W[j,i])*h[j]*(1 - h[j])",
            "W[j,i] = (r[i] - x[i])*h[j] + D(L, a[j])*x[i]",
        ),
    ),
    Derivation(
        "poisson regression",
        """
index f = 1..F
input x[f]
target k
parameter w[f], c
eta0 = sum(f, w[f]*x[f]) + c
rate = exp(eta0)
J = k*log(rate) - rate
maximize J
""",
        ("rate = k/rate - 1", "eta0 = k - rate", "w[f] = (k - rate)*x[f]", "c = k - rate"),
    ),
    Derivation(
        "mean and variance",
        """
index i = 1..D
input x[i]
target t
parameter w[i], u[i]
m = sum(i, w[i]*x[i])
s = sum(i, u[i]*x[i])
v = exp(s)
L = s/2 + (t - m)**2/(2*v)
minimize L
""",
        (
            "m = -(t - m)/v",
            "v = -(t - m)**2/(2*v**2)",
            "s = 1/2 - (t - m)**2/(2*v)",
            "w[i] = (m - t)/v*x[i]",
            "u[i] = (1/2 - (t - m)**2/(2*v))*x[i]",
        ),
    ),
    Derivation(
        "rectifier with two outputs",
        """
index p = 1..P, q = 1..Q, o = 1..O
input x[p]
target t[o]
parameter A[q,p], B[o,q], d[o]
u[q] = sum(p, A[q,p]*x[p])
r[q] = relu(u[q])
y[o] = sum(q, B[o,q]*r[q]) + d[o]
E = sum(o, (y[o] - t[o])**2)
minimize E
""",
        (
            "y[o] = 2*(y[o] - t[o])",
            "d[o] = 2*(y[o] - t[o])",
            "B[o,q] = 2*(y[o] - t[o])*r[q]",
            "r[q] = 2*sum(o, B[o,q]*(y[o] - t[o]))",
            "u[q] = 2*sum(o, B[o,q]*(y[o] - t[o]))*step(u[q])",
            "A[q,p] = 2*sum(o, B[o,q]*(y[o] - t[o]))*step(u[q])*x[p]",
            "x[p] = 2*sum(q, sum(o, B[o,q]*(y[o] - t[o]))*step(u[q])*A[q,p])",
        ),
    ),
    Derivation(
        "classes in a batch",
        """
index n = 1..N, i = 1..D, k = 1..K
input x[n,i]
target t[n,k]
parameter W[k,i], b[k]
s[n,k] = sum(i, W[k,i]*x[n,i]) + b[k]
p[n,k] = softmax(k, s[n,k])
L = -sum(n, sum(k, t[n,k]*log(p[n,k])))/N
assume sum(k, t[n,k]) = 1
minimize L
""",
        (
            "p[n,k] = -t[n,k]/p[n,k]/N",
            "b[k] = sum(n, p[n,k] - t[n,k])/N",
            "W[k,i] = sum(n, (p[n,k] - t[n,k])*x[n,i])/N",
            "x[n,i] = sum(k, (p[n,k] - t[n,k])*W[k,i])/N",
        ),
    ),
    Derivation(
        "recurrent net",
        """
index i = 1..D, j = 1..H, m = 1..H, t = 1..T
input x[t,i], y[t]
parameter U[j,i], V[j,m], w[j]
h[0,j] = 0
a[t,j] = sum(i, U[j,i]*x[t,i]) + sum(m, V[j,m]*h[t-1,m])
h[t,j] = tanh(a[t,j]) for t = 1..T
o[t] = sum(j, w[j]*h[t,j])
L = sum(t, (o[t] - y[t])**2)/2
minimize L
""",
        (
            "o[t] = o[t] - y[t]",
            "w[j] = sum(t, (o[t] - y[t])*h[t,j])",
            "U[j,i] = sum(t, D(L, h[t,j])*(1 - h[t,j]**2)*x[t,i])",
            "V[j,m] = sum(t, D(L, h[t,j])*(1 - h[t,j]**2)*h[t-1,m])",
            "a[t,j] = D(L, h[t,j])*(1 - h[t,j]**2)",
        ),
    ),
    Derivation(
        "convolution with mean",
        """
index p = 1..P, k = 1..K
input x[r]
target t
parameter w[k], b, v
index r = 1..P+K-1
c[p] = sum(k, w[k]*x[p+k-1]) + b
z[p] = tanh(c[p])
y = v*sum(p, z[p])/P
L = (y - t)**2/2
minimize L
""",
        (
            "y = y - t",
            "v = (y - t)*sum(p, z[p])/P",
            "z[p] = (y - t)*v/P",
            "c[p] = (y - t)*v*(1 - z[p]**2)/P",
            "w[k] = (y - t)*v*sum(p, (1 - z[p]**2)*x[p+k-1])/P",
            "b = (y - t)*v*sum(p, 1 - z[p]**2)/P",
        ),
    ),
    Derivation(
        "factorisation",
        """
index u = 1..M, v = 1..N, k = 1..K
input X[u,v]
parameter P[u,k], Q[v,k]
hyperparameter lam
r[u,v] = sum(k, P[u,k]*Q[v,k])
L = sum(u, sum(v, (X[u,v] - r[u,v])**2))/2 + lam*(sum(u, sum(k, P[u,k]**2)) + sum(v, sum(k, Q[v,k]**2)))
minimize L
""",
        (
            "r[u,v] = -(X[u,v] - r[u,v])",
            "P[u,k] = sum(v, (r[u,v] - X[u,v])*Q[v,k]) + 2*lam*P[u,k]",
            "Q[v,k] = sum(u, (r[u,v] - X[u,v])*P[u,k]) + 2*lam*Q[v,k]",
        ),
    ),
    Derivation(
        "pairs by their product",
        """
index d = 1..D
input l
parameter a[d], b[d], g
s = g*sum(d, a[d]*b[d])
L = log(1 + exp(-l*s))
minimize L
""",
        (
            "s = -l/(1 + exp(l*s))",
            "a[d] = -l*g*b[d]/(1 + exp(l*s))",
            "b[d] = -l*g*a[d]/(1 + exp(l*s))",
            "g = -l*sum(d, a[d]*b[d])/(1 + exp(l*s))",
        ),
    ),
    Derivation(
        "radial units",
        """
index i = 1..D, j = 1..M
input x[i]
target t
parameter c[j,i], v[j], s
r[j] = sum(i, (x[i] - c[j,i])**2)
f[j] = exp(-r[j]/(2*s**2))
y = sum(j, v[j]*f[j])
L = (t - y)**2/2
minimize L
""",
        (
            "y = -(t - y)",
            "v[j] = (y - t)*f[j]",
            "r[j] = -(y - t)*v[j]*f[j]/(2*s**2)",
            "c[j,i] = (y - t)*v[j]*f[j]*(x[i] - c[j,i])/s**2",
            "s = (y - t)*sum(j, v[j]*f[j]*r[j])/s**3",
        ),
    ),
    Derivation(
        "gated unit",
        """
index i = 1..D, j = 1..H
input x[i]
target t
parameter G[j,i], C[j,i], o[j]
g[j] = sigmoid(p[j])
p[j] = sum(i, G[j,i]*x[i])
q[j] = sum(i, C[j,i]*x[i])
c[j] = tanh(q[j])
h[j] = g[j]*c[j]
y = sum(j, o[j]*h[j])
L = (y - t)**2/2
minimize L
""",
        (
            "o[j] = (y - t)*h[j]",
            "h[j] = (y - t)*o[j]",
            "g[j] = (y - t)*o[j]*c[j]",
            "c[j] = (y - t)*o[j]*g[j]",
            "p[j] = (y - t)*o[j]*c[j]*g[j]*(1 - g[j])",
            "G[j,i] = (y - t)*o[j]*c[j]*g[j]*(1 - g[j])*x[i]",
            "C[j,i] = (y - t)*o[j]*g[j]*(1 - c[j]**2)*x[i]",
        ),
    ),
    Derivation(
        "scalar chain of three layers",
        """
input x, t
parameter w1, w2, w3, b1, b2
a1 = w1*x + b1
z1 = tanh(a1)
a2 = w2*z1 + b2
z2 = softplus(a2)
a3 = w3*z2
y = sigmoid(a3)
J = t*log(y) + (1 - t)*log(1 - y)
maximize J
""",
        (
            "y = t/y - (1 - t)/(1 - y)",
            "a3 = t - y",
            "w3 = (t - y)*z2",
            "z2 = (t - y)*w3",
            "a2 = (t - y)*w3*sigmoid(a2)",
            "w2 = (t - y)*w3*sigmoid(a2)*z1",
            "b1 = (t - y)*w3*sigmoid(a2)*w2*(1 - z1**2)",
            "w1 = (t - y)*w3*sigmoid(a2)*w2*(1 - z1**2)*x",
        ),
    ),
    Derivation(
        "ridge",
        """
index n = 1..N, i = 1..D
input x[n,i], t[n]
parameter w[i], b
hyperparameter lam
y[n] = sum(i, x[n,i]*w[i]) + b
L = sum(n, (y[n] - t[n])**2)/N + lam*sum(i, w[i]**2)
minimize L
""",
        (
            "y[n] = 2*(y[n] - t[n])/N",
            "w[i] = 2*sum(n, (y[n] - t[n])*x[n,i])/N + 2*lam*w[i]",
            "b = 2*sum(n, y[n] - t[n])/N",
        ),
    ),
    Derivation(
        "bilinear form",
        """
index i = 1..M, j = 1..N
input x[i], u[j]
target t
parameter A[i,j], g
s = sum(i, sum(j, x[i]*A[i,j]*u[j]))
y = g*s**2
L = (y - t)**2/2
minimize L
""",
        (
            "g = (y - t)*s**2",
            "s = 2*(y - t)*g*s",
            "A[i,j] = 2*(y - t)*g*s*x[i]*u[j]",
            "x[i] = 2*(y - t)*g*s*sum(j, A[i,j]*u[j])",
            "u[j] = 2*(y - t)*g*s*sum(i, x[i]*A[i,j])",
        ),
    ),
    Derivation(
        "factorisation machine",
        """
index i = 1..D, f = 1..F
input x[i]
target t
parameter w[i], v[i,f]
q[f] = sum(i, v[i,f]*x[i])
y = sum(i, w[i]*x[i]) + (sum(f, q[f]**2) - sum(f, sum(i, v[i,f]**2*x[i]**2)))/2
L = (y - t)**2
minimize L
""",
        (
            "y = 2*(y - t)",
            "w[i] = 2*(y - t)*x[i]",
            "q[f] = 2*(y - t)*q[f]",
            "v[i,f] = 2*(y - t)*(x[i]*q[f] - v[i,f]*x[i]**2)",
        ),
    ),
    Derivation(
        "unit vectors",
        """
index j = 1..H
input z[j]
target t
parameter v[j], g
e = sum(j, z[j]**2)
n = sqrt(e)
u[j] = z[j]/n
y = g*sum(j, v[j]*u[j])
L = (y - t)**2/2
minimize L
""",
        (
            "u[j] = (y - t)*g*v[j]",
            "v[j] = (y - t)*g*u[j]",
            "g = (y - t)*sum(j, v[j]*u[j])",
            "n = -(y - t)*y/n",
            "e = -(y - t)*y/(2*n**2)",
            "z[j] = (y - t)*(g*v[j] - y*u[j])/n",
        ),
    ),
    Derivation(
        "residual block",
        """
index i = 1..D, l = 1..D, j = 1..H
input x[i]
target t[i]
parameter A[j,i], B[i,j]
a[j] = sum(i, A[j,i]*x[i])
h[j] = sin(a[j])
f[i] = sum(j, B[i,j]*h[j])
y[i] = x[i] + f[i]
L = sum(i, (y[i] - t[i])**2)/D
minimize L
""",
        (
            "y[i] = 2*(y[i] - t[i])/D",
            "B[i,j] = 2*(y[i] - t[i])*h[j]/D",
            "h[j] = 2*sum(i, (y[i] - t[i])*B[i,j])/D",
            "a[j] = 2*sum(i, (y[i] - t[i])*B[i,j])*cos(a[j])/D",
            "A[j,i] = 2*sum(l, (y[l] - t[l])*B[l,j])*cos(a[j])*x[i]/D",
            "x[i] = 2*(y[i] - t[i])/D + sum(j, D(L, a[j])*A[j,i])",
        ),
    ),
    Derivation(
        "attention",
        """
index s = 1..T, u = 1..T, d = 1..M
input q[d], k[s,d], v[s]
target t
parameter g
e[s] = g*sum(d, q[d]*k[s,d])
p[s] = softmax(s, e[s])
y = sum(s, p[s]*v[s])
L = (y - t)**2/2
minimize L
""",
        (
            "v[s] = (y - t)*p[s]",
            "p[s] = (y - t)*v[s]",
            "e[s] = (y - t)*p[s]*(v[s] - y)",
            "k[s,d] = (y - t)*p[s]*(v[s] - y)*g*q[d]",
            "q[d] = (y - t)*g*sum(s, p[s]*(v[s] - y)*k[s,d])",
            "g = (y - t)*sum(s, p[s]*(v[s] - y)*sum(d, q[d]*k[s,d]))",
        ),
    ),
    Derivation(
        "two hidden layers in a batch",
        """
index n = 1..N, i = 1..D, j = 1..H, k = 1..K
input x[n,i]
target t[n]
parameter W1[j,i], W2[k,j], w3[k]
a1[n,j] = sum(i, W1[j,i]*x[n,i])
z1[n,j] = tanh(a1[n,j])
a2[n,k] = sum(j, W2[k,j]*z1[n,j])
z2[n,k] = sigmoid(a2[n,k])
y[n] = sum(k, w3[k]*z2[n,k])
L = sum(n, (y[n] - t[n])**2)/(2*N)
minimize L
""",
        (
            "y[n] = (y[n] - t[n])/N",
            "w3[k] = sum(n, (y[n] - t[n])*z2[n,k])/N",
            "a2[n,k] = (y[n] - t[n])*w3[k]*z2[n,k]*(1 - z2[n,k])/N",
            "W2[k,j] = sum(n, (y[n] - t[n])*w3[k]*z2[n,k]*(1 - z2[n,k])*z1[n,j])/N",
            "z1[n,j] = sum(k, (y[n] - t[n])*w3[k]*z2[n,k]*(1 - z2[n,k])*W2[k,j])/N",
            "a1[n,j] = sum(k, D(L, a2[n,k])*W2[k,j])*(1 - z1[n,j]**2)",
            "W1[j,i] = sum(n, sum(k, D(L, a2[n,k])*W2[k,j])*(1 - z1[n,j]**2)*x[n,i])",
        ),
    ),
    Derivation(
        "moving average",
        """
index i = 1..T
input x[i]
target t
parameter g, w
h[0] = 0
h[i] = g*h[i-1] + w*x[i] for i = 1..T
y = h[T]
L = (y - t)**2/2
minimize L
""",
        (
            "w = sum(i, D(L, h[i])*x[i])",
            "g = sum(i, D(L, h[i])*h[i-1])",
            "y = y - t",
            "x[i] = (y - t)*w*g**(T - i)",
        ),
    ),
]

# Only for disguises and mutants: normalisation, masks, padding, causal sums, table look-ups.
FURTHER = [
    Derivation(
        "batch norm",
        """
index n = 1..N, m = 1..N, j = 1..H
input a[n,j], t[n]
parameter gam[j], bet[j], w[j]
mu[j] = sum(n, a[n,j])/N
c[n,j] = a[n,j] - mu[j]
v[j] = sum(n, c[n,j]**2)/N
s[j] = sqrt(v[j] + 0.001)
h[n,j] = c[n,j]/s[j]
o[n,j] = gam[j]*h[n,j] + bet[j]
y[n] = sum(j, w[j]*o[n,j])
L = sum(n, (y[n] - t[n])**2)/(2*N)
minimize L
""",
        (
            "w[j] = sum(n, (y[n] - t[n])*o[n,j])/N",
            "gam[j] = w[j]*sum(n, (y[n] - t[n])*h[n,j])/N",
            "bet[j] = w[j]*sum(n, y[n] - t[n])/N",
            "h[n,j] = (y[n] - t[n])*w[j]*gam[j]/N",
            "a[n,j] = (D(L, h[n,j]) - sum(m, D(L, h[m,j]))/N - h[n,j]*sum(m, D(L, h[m,j])*h[m,j])/N)/s[j]",
        ),
    ),
    Derivation(
        "masked units",
        """
index i = 1..D, j = 1..H
input x[i], m[j]
target t
parameter W[j,i], v[j]
a[j] = sum(i, W[j,i]*x[i])
z[j] = tanh(a[j])
r[j] = m[j]*z[j]
y = sum(j, v[j]*r[j])/(1 + sum(j, m[j]**2))
L = (y - t)**2/2
minimize L
""",
        (
            "v[j] = (y - t)*r[j]/(1 + sum(j, m[j]**2))",
            "z[j] = (y - t)*v[j]*m[j]/(1 + sum(j, m[j]**2))",
            "W[j,i] = (y - t)*v[j]*m[j]*(1 - z[j]**2)*x[i]/(1 + sum(j, m[j]**2))",
        ),
    ),
    Derivation(
        "causal attention",
        """
index t = 1..T, u = 1..T, d = 1..M
input q[t,d], k[u,d], g[t]
parameter v[u]
e[t,u] = sum(d, q[t,d]*k[u,d])
p[t,u] = softmax(u = 1..t, e[t,u])
y[t] = sum(u, p[t,u]*v[u])
L = sum(t, (y[t] - g[t])**2)/2
minimize L
""",
        (
            "v[u] = sum(t, (y[t] - g[t])*p[t,u])",
            "e[t,u] = (y[t] - g[t])*p[t,u]*(v[u] - y[t])",
            "q[t,d] = (y[t] - g[t])*sum(u, p[t,u]*(v[u] - y[t])*k[u,d])",
            "k[u,d] = sum(t, (y[t] - g[t])*p[t,u]*(v[u] - y[t])*q[t,d])",
        ),
    ),
    Derivation(
        "embedding",
        """
index s = 1..S, d = 1..M, w = 1..V
integer tok[s] in 1..V
target y
parameter E[w,d], c[d]
e[s,d] = E[tok[s],d]
h[d] = sum(s, e[s,d])/S
z[d] = tanh(h[d])
o = sum(d, c[d]*z[d])
L = (o - y)**2/2
minimize L
""",
        (
            "c[d] = (o - y)*z[d]",
            "e[s,d] = (o - y)*c[d]*(1 - z[d]**2)/S",
            "E[w,d] = (o - y)*c[d]*(1 - z[d]**2)*sum(s, [tok[s] == w])/S",
        ),
    ),
    Derivation(
        "padded convolution with stride",
        """
index p = 1..P, k = 1..3, r = 1..2*P
input x[r]
target t
parameter w[k], v[p]
zero outside x[r]
c[p] = sum(k, w[k]*x[2*p+k-2])
z[p] = relu(c[p])
y = sum(p, v[p]*z[p])
L = (y - t)**2/2
minimize L
""",
        (
            "v[p] = (y - t)*z[p]",
            "c[p] = (y - t)*v[p]*step(c[p])",
            "w[k] = (y - t)*sum(p, v[p]*step(c[p])*x[2*p+k-2])",
        ),
    ),
]
