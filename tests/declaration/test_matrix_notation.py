"""Matrix notation: numpy on the same arrays is the witness, and the same network written with indices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.algebra.expressions import Index, Size, free_indices
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression, parse_shaped
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import SympropError
from symprop.verification.arithmetic import to_float
from symprop.verification.evaluate import Evaluator

# Distinct, so that no exchange of two axes goes unseen.
SIZES = {"H": 3, "D": 4, "N": 2}
DECLARATIONS = """
input W: (H, D), V: (H, D), S: (H, H), X: (N, D), C: (D, H)
input b: (H), h: (H), x: (D), r: (N), eta
"""
SHAPES = {
    "W": "HD", "V": "HD", "S": "HH", "X": "ND", "C": "DH", "b": "H", "h": "H", "x": "D", "r": "N", "eta": "",
}  # fmt: skip


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Return positive sixteenths: exact in binary, and inside the domain of every function here."""
    random = np.random.default_rng(seed)
    return {name: random.integers(1, 32, [SIZES[size] for size in sizes]) / 16 for name, sizes in SHAPES.items()}


def softmax(a: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def column(a: np.ndarray) -> np.ndarray:
    return a[:, None]


Numpy = Callable[[Any], Any]
EXPRESSIONS: list[tuple[str, Numpy]] = [
    # Products
    ("W @ x", lambda v: v.W @ v.x),
    ("W @ x + b", lambda v: v.W @ v.x + v.b),
    ("b + W @ x", lambda v: v.b + v.W @ v.x),
    ("W.T @ b", lambda v: v.W.T @ v.b),
    ("Wᵀ @ b", lambda v: v.W.T @ v.b),
    ("W^T @ b", lambda v: v.W.T @ v.b),
    ("transpose(W) @ b", lambda v: v.W.T @ v.b),
    ("W.T.T @ x", lambda v: v.W @ v.x),
    ("W @ C", lambda v: v.W @ v.C),
    ("C @ W", lambda v: v.C @ v.W),
    ("(W @ C).T", lambda v: (v.W @ v.C).T),
    ("W @ C @ W", lambda v: v.W @ v.C @ v.W),
    ("W @ C @ b", lambda v: v.W @ v.C @ v.b),
    ("S @ S", lambda v: v.S @ v.S),
    ("S @ S @ S @ b", lambda v: v.S @ v.S @ v.S @ v.b),
    ("S.T @ S", lambda v: v.S.T @ v.S),
    ("X @ W.T", lambda v: v.X @ v.W.T),
    ("X @ W.T + outer(ones(N), b)", lambda v: v.X @ v.W.T + v.b),
    ("X @ W.T + ones(N) @ b.T", lambda v: v.X @ v.W.T + v.b),
    ("b.T @ h", lambda v: v.b @ v.h),
    ("b.T @ S @ h", lambda v: v.b @ v.S @ v.h),
    ("(b.T @ W).T", lambda v: v.b @ v.W),
    ("(b.T + h.T).T", lambda v: v.b + v.h),
    ("b @ h.T", lambda v: np.outer(v.b, v.h)),
    ("b @ x.T @ x", lambda v: v.b * (v.x @ v.x)),
    ("b @ x.T @ C", lambda v: np.outer(v.b, v.x) @ v.C),
    ("2*W @ x * 3", lambda v: 6 * v.W @ v.x),
    ("-W @ x / 2", lambda v: -v.W @ v.x / 2),
    ("eta*W @ x", lambda v: v.eta * v.W @ v.x),
    ("dot(b, h)", lambda v: v.b @ v.h),
    ("dot(W, x)", lambda v: v.W @ v.x),
    ("outer(b, x)", lambda v: np.outer(v.b, v.x)),
    ("outer(b, x) @ x", lambda v: np.outer(v.b, v.x) @ v.x),
    ("outer(b.T, x)", lambda v: np.outer(v.b, v.x)),
    # Diagonals
    ("diag(b)", lambda v: np.diag(v.b)),
    ("diag(S)", lambda v: np.diag(v.S)),
    ("diag(b) @ W", lambda v: np.diag(v.b) @ v.W),
    ("W @ diag(x)", lambda v: v.W @ np.diag(v.x)),
    ("X.T @ diag(r*(1 - r)) @ X", lambda v: v.X.T @ np.diag(v.r * (1 - v.r)) @ v.X),
    ("diag(b) @ diag(h)", lambda v: np.diag(v.b * v.h)),
    ("diag(b) - b @ b.T", lambda v: np.diag(v.b) - np.outer(v.b, v.b)),
    ("eye(H)", lambda v: np.eye(3)),
    ("eye(H) @ W", lambda v: v.W),
    ("S + eta*eye(H)", lambda v: v.S + v.eta * np.eye(3)),
    ("eye(3) @ eye(3)", lambda v: np.eye(3)),
    ("trace(S)", lambda v: np.trace(v.S)),
    ("trace(W @ C)", lambda v: np.trace(v.W @ v.C)),
    ("trace(W @ V.T)", lambda v: np.trace(v.W @ v.V.T)),
    ("trace(eye(H))", lambda v: 3),
    ("trace(diag(b))", lambda v: v.b.sum()),
    # Element by element
    ("b*h", lambda v: v.b * v.h),
    ("b/h", lambda v: v.b / v.h),
    ("1/b", lambda v: 1 / v.b),
    ("W*V - V/W + 1", lambda v: v.W * v.V - v.V / v.W + 1),
    ("W**2", lambda v: v.W**2),
    ("W^2", lambda v: v.W**2),
    ("2**b", lambda v: 2**v.b),
    ("b**h", lambda v: v.b**v.h),
    ("1/W", lambda v: 1 / v.W),
    ("W - C.T", lambda v: v.W - v.C.T),
    ("b - (h - (b - 1))", lambda v: v.b - (v.h - (v.b - 1))),
    ("-(b - h)", lambda v: -(v.b - v.h)),
    ("eta*b - b*2", lambda v: v.eta * v.b - v.b * 2),
    ("tanh(W @ x)", lambda v: np.tanh(v.W @ v.x)),
    ("exp(-b)*log(h)", lambda v: np.exp(-v.b) * np.log(v.h)),
    ("sqrt(S)", lambda v: np.sqrt(v.S)),
    ("leaky_relu(b - 1, slope=0.25)", lambda v: np.where(v.b > 1, v.b - 1, 0.25 * (v.b - 1))),
    ("max(b, h)", lambda v: np.maximum(v.b, v.h)),
    ("max(W, 1)", lambda v: np.maximum(v.W, 1)),
    ("min(b, eta)", lambda v: np.minimum(v.b, v.eta)),
    ("where(b > h, b, 2*h)", lambda v: np.where(v.b > v.h, v.b, 2 * v.h)),
    ("where(eta > 1, b, h)", lambda v: v.b if v.eta > 1 else v.h),
    ("where(b > 1 and h > 1, 1, 0)", lambda v: ((v.b > 1) & (v.h > 1)) * 1),
    ("[b > 1]*h", lambda v: (v.b > 1) * v.h),
    ("b ⊙ h", lambda v: v.b * v.h),
    ("stop(b)*h", lambda v: v.b * v.h),
    # Reductions
    ("sum(b)", lambda v: v.b.sum()),
    ("sum(W)", lambda v: v.W.sum()),
    ("sum(W, axis=0)", lambda v: v.W.sum(0)),
    ("sum(W, axis=1)", lambda v: v.W.sum(1)),
    ("sum(W, axis=-1)", lambda v: v.W.sum(1)),
    ("sum(W*V)", lambda v: (v.W * v.V).sum()),
    ("sum(W @ x)", lambda v: (v.W @ v.x).sum()),
    ("sum(ones(H))", lambda v: 3),
    ("mean(W)", lambda v: v.W.mean()),
    ("mean(W, axis=0)", lambda v: v.W.mean(0)),
    ("mean(A(W), axis=1)", lambda v: (v.W**2).mean(1)),
    ("max(W)", lambda v: v.W.max()),
    ("max(W, axis=1)", lambda v: v.W.max(1)),
    ("min(b)", lambda v: v.b.min()),
    ("prod(b)", lambda v: v.b.prod()),
    ("logsumexp(b)", lambda v: np.log(np.exp(v.b).sum())),
    ("logsumexp(W, axis=1)", lambda v: np.log(np.exp(v.W).sum(1))),
    ("argmax(x)", lambda v: v.x.argmax() + 1),
    ("argmax(W, axis=1)", lambda v: v.W.argmax(1) + 1),
    ("norm(b)", lambda v: np.linalg.norm(v.b)),
    ("norm(W)", lambda v: np.linalg.norm(v.W)),
    ("norm(W @ x - b)**2", lambda v: np.linalg.norm(v.W @ v.x - v.b) ** 2),
    ("b/norm(b)", lambda v: v.b / np.linalg.norm(v.b)),
    ("softmax(b)", lambda v: softmax(v.b)),
    ("softmax(W)", lambda v: softmax(v.W)),
    ("softmax(W, axis=0)", lambda v: softmax(v.W, 0)),
    ("log_softmax(W @ x)", lambda v: np.log(softmax(v.W @ v.x))),
    ("softmax(X @ X.T/sqrt(D)) @ X", lambda v: softmax(v.X @ v.X.T / 2) @ v.X),
    ("softmax(softmax(S) @ b)", lambda v: softmax(softmax(v.S) @ v.b)),
    # Making and joining
    ("ones(H) + b", lambda v: 1 + v.b),
    ("ones(H, D)*W", lambda v: v.W),
    ("zeros(N)", lambda v: np.zeros(2)),
    ("zeros(H, D) + W", lambda v: v.W),
    ("ones(H + D) + concat(b, x)", lambda v: 1 + np.concatenate([v.b, v.x])),
    ("concat(b, x)", lambda v: np.concatenate([v.b, v.x])),
    ("concat(b, h, x)", lambda v: np.concatenate([v.b, v.h, v.x])),
    ("concat(W, V)", lambda v: np.concatenate([v.W, v.V])),
    ("concat(W, S, axis=1)", lambda v: np.concatenate([v.W, v.S], 1)),
    ("concat(W, S, axis=1) @ concat(x, b)", lambda v: np.concatenate([v.W, v.S], 1) @ np.concatenate([v.x, v.b])),
    # Losses
    ("cross_entropy(b, softmax(h))", lambda v: -(v.b * np.log(softmax(v.h))).sum()),
    ("cross_entropy(W, softmax(V))", lambda v: -(v.W * np.log(softmax(v.V))).sum()),
    ("cross_entropy_with_logits(b, h)", lambda v: -(v.b * np.log(softmax(v.h))).sum()),
    ("mse(b, h)", lambda v: ((v.b - v.h) ** 2).mean()),
    ("mse(W, V)", lambda v: ((v.W - v.V) ** 2).mean()),
    ("mae(W @ x, b)", lambda v: np.abs(v.W @ v.x - v.b).mean()),
    ("squared_error(b, h)", lambda v: (v.b - v.h) ** 2),
    ("sum(half_squared_error(b, W @ x))", lambda v: ((v.b - v.W @ v.x) ** 2).sum() / 2),
    ("mean(binary_cross_entropy(b, h/4))", lambda v: -(v.b * np.log(v.h / 4) + (1 - v.b) * np.log(1 - v.h / 4)).mean()),
    # Both notations
    ("sum(j, W[2,j]*x[j]) + b", lambda v: v.W[1] @ v.x + v.b),
    ("x[2]*b + norm(x)", lambda v: v.x[1] * v.b + np.linalg.norm(v.x)),
    ("sum(j, x[j]*sum(b))", lambda v: v.x.sum() * v.b.sum()),
    ("sum(j, norm(b)*x[j]) + b.T @ h", lambda v: np.linalg.norm(v.b) * v.x.sum() + v.b @ v.h),
]  # fmt: skip


def values_of(network: Network, name: str, values: dict[str, Any]) -> np.ndarray:
    """Return a defined array of a network as the reference evaluator has it."""
    components = Evaluator(network, SIZES, values).components(name)
    array = np.zeros([1 + max(place) - min(place) for place in zip(*components, strict=True)])
    first = [min(place) for place in zip(*components, strict=True)]
    for place, value in components.items():
        array[tuple(one - start for one, start in zip(place, first, strict=True))] = to_float(value)
    return array


@pytest.mark.parametrize(("text", "numpy"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_an_expression_is_what_numpy_makes_of_it(text: str, numpy: Numpy) -> None:
    values = arrays()
    network = parse(f"{DECLARATIONS}\nfunction A(u) = u**2\nE = {text}\n")
    expected = np.asarray(numpy(SimpleNamespace(**values)))
    found = values_of(network, "E", values)
    assert found.shape == expected.shape
    # Both are rounded: some thirty operations of float64 on numpy's side, none on ours before the last.
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


# One network in two spellings: matrices, and indices.
TWINS: dict[str, tuple[str, str]] = {
    "hidden layer": (
        """
        parameter W1: (H, D), b1: (H), W2: (K, H), b2: (K)
        input x: (D)
        target t: (K)
        z = tanh(W1 @ x + b1)
        p = softmax(W2 @ z + b2)
        L = cross_entropy(t, p)
        minimize L
        """,
        """
        index i = 1..D, j = 1..H, k = 1..K
        parameter W1[j,i], b1[j], W2[k,j], b2[k]
        input x[i]
        target t[k]
        z[j] = tanh(sum(i, W1[j,i]*x[i]) + b1[j])
        s[k] = sum(j, W2[k,j]*z[j]) + b2[k]
        p[k] = softmax(k, s[k])
        L = cross_entropy(k, t[k], p[k])
        minimize L
        """,
    ),
    "least squares": (
        """
        input X: (N, D)
        target y: (N)
        parameter w: (D)
        r = X @ w - y
        L = r.T @ r/2 + norm(w)**2/10
        minimize L
        """,
        """
        index n = 1..N, i = 1..D
        input X[n,i]
        target y[n]
        parameter w[i]
        L = sum(n, (sum(i, X[n,i]*w[i]) - y[n])**2)/2 + sum(i, w[i]**2)/10
        minimize L
        """,
    ),
    "logistic regression over a batch": (
        """
        batch n = 1..N
        input X: (N, D)
        target t: (N)
        parameter w: (D), b
        p = sigmoid(X @ w + b)
        L = mean(binary_cross_entropy(t, p))
        minimize L
        """,
        """
        index n = 1..N, i = 1..D
        input X[n,i]
        target t[n]
        parameter w[i], b
        p[n] = sigmoid(sum(i, X[n,i]*w[i]) + b)
        L = mean(n, -t[n]*log(p[n]) - (1 - t[n])*log(1 - p[n]))
        minimize L
        """,
    ),
    "softmax regression": (
        """
        input X: (N, D)
        target T: (N, K)
        parameter W: (K, D), b: (K)
        P = softmax(X @ W.T + outer(ones(N), b))
        L = cross_entropy(T, P)/N
        minimize L
        """,
        """
        index n = 1..N, i = 1..D, k = 1..K
        input X[n,i]
        target T[n,k]
        parameter W[k,i], b[k]
        P[n,k] = softmax(k, sum(i, W[k,i]*X[n,i]) + b[k])
        L = mean(n, -sum(k, T[n,k]*log(P[n,k])))
        minimize L
        """,
    ),
    "attention": (
        """
        input X: (N, D)
        target Y: (N, K)
        parameter Wq: (D, H), Wk: (D, H), Wv: (D, K)
        P = softmax((X @ Wq) @ (X @ Wk).T/sqrt(H))
        O = P @ (X @ Wv)
        L = norm(O - Y)**2/2
        minimize L
        """,
        """
        index n = 1..N, m = 1..N, i = 1..D, h = 1..H, k = 1..K
        input X[n,i]
        target Y[n,k]
        parameter Wq[i,h], Wk[i,h], Wv[i,k]
        q[n,h] = sum(i, X[n,i]*Wq[i,h])
        c[n,h] = sum(i, X[n,i]*Wk[i,h])
        v[n,k] = sum(i, X[n,i]*Wv[i,k])
        P[n,m] = softmax(m, sum(h, q[n,h]*c[m,h])/sqrt(H))
        L = sum(n, k, (sum(m, P[n,m]*v[m,k]) - Y[n,k])**2)/2
        minimize L
        """,
    ),
    "both notations": (
        """
        parameter W: (H, D), v: (H)
        input x: (D)
        target t
        a = W @ x
        z[j] = tanh(a[j]) + sum(i, W[j,i])
        y = v.T @ z
        L = squared_error(t, y)
        """,
        """
        index i = 1..D, j = 1..H
        parameter W[j,i], v[j]
        input x[i]
        target t
        a[j] = sum(i, W[j,i]*x[i])
        z[j] = tanh(a[j]) + sum(i, W[j,i])
        y = sum(j, v[j]*z[j])
        L = (y - t)**2
        """,
    ),
}
TWIN_SIZES = {"N": 2, "D": 4, "H": 3, "K": 5}


def gradients(network: Network, values: dict[str, Any], sizes: dict[str, int]) -> dict[str, list[float]]:
    evaluator = Evaluator(network, sizes, values)
    derivation = backpropagate(network)
    evaluator.include(derivation)
    return {
        name: [to_float(value) for value in evaluator.components(derivation.adjoints[name].access.name).values()]
        for name in network.parameters
    }


@pytest.mark.parametrize(("matrices", "indices"), TWINS.values(), ids=TWINS)
def test_gradients_are_those_of_the_same_network_with_indices(matrices: str, indices: str) -> None:
    one, other = parse(matrices), parse(indices)
    assert {name: q.role for name, q in one.quantities.items() if q.is_given} == {
        name: q.role for name, q in other.quantities.items() if q.is_given
    }
    random = np.random.default_rng(1)
    values: dict[str, Any] = {}
    sizes = {name: size for name, size in TWIN_SIZES.items() if name in one.sizes}
    assert set(sizes) == set(other.sizes)
    for name, quantity in one.quantities.items():
        if quantity.is_given:
            shape = [sizes[str(axis.upper)] for axis in quantity.axes]
            values[name] = random.integers(1, 16, shape) / 16
    found, expected = gradients(one, values, sizes), gradients(other, values, sizes)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-14)


def test_axes_take_declared_indices_of_equal_length_first() -> None:
    network = parse(
        "index n = 0..N-1, j = 0..H; input X: (N, D), c: (H); y = X.T @ ones(N); z[j] = where(j > 0, c[j], 1)"
    )
    assert str(network.quantities["X"].access) == "X[n,i]"  # 0..H has another length than H
    assert str(network.quantities["c"].access) != "c[j]"
    assert str(network.equations[0].expression) == "sum(n, X[n,i])"


def test_letters_are_none_that_the_text_uses() -> None:
    network = parse("input i, k, W: (H, D), x: (D); j = i*k; a = W @ x*j; s = sum(l, a[l])")
    # i, j and k are quantities, and l is the text's own index for the rows.
    assert str(network.quantities["W"].access) == "W[l,m]"
    assert [str(equation.expression) for equation in network.equations] == [
        "i*k", "sum(m, W[l,m]*x[m])*j", "sum(l, a[l])",
    ]  # fmt: skip
    assert network.indices[Index("l")].upper is Size("H")


def test_an_equation_may_stand_before_what_it_reads() -> None:
    network = parse("L = z.T @ z; z = tanh(a); a = W @ x; parameter W: (H, D); input x: (D)")
    assert [equation.name for equation in network.equations] == ["a", "z", "L"]


def test_lengths_may_be_numbers_expressions_and_sizes_that_others_define() -> None:
    network = parse(
        "size M = H + D; input h: (H), x: (D), u: (3,), v: (2*H + 1); parameter W: (K, M), U: (3, 2*H + 1)\n"
        "a = W @ concat(h, x); b = u.T @ U @ v"
    )
    assert [str(axis.extent) for axis in network.quantities["W"].axes] == ["K", "M"]
    assert [len(equation.target.indices) for equation in network.equations] == [1, 0]
    values: dict[str, Any] = {"h": [1, 2], "x": [3], "u": [1, 2, 3], "v": [1] * 5, "U": [[1] * 5] * 3}
    evaluator = Evaluator(network, {"H": 2, "D": 1, "K": 1}, values | {"W": [[1, 10, 100]]})
    assert evaluator.value(network.equations[0].target, {Index(str(network.equations[0].target.indices[0])): 1}) == 321
    assert evaluator.value(network.equations[1].target) == 30


def test_components_of_arrays_in_a_text_without_roles_make_arrays() -> None:
    network = parse("index i = 1..D; y = sum(i, w[i]*x[i]); L = (y - 1)**2 + norm(w)**2")
    assert str(network.equations[1].expression) == "(y - 1)**2 + sum(i, w[i]**2)"


def test_facts_may_be_about_arrays() -> None:
    text = "parameter W: (H, H); input x: (H); target T: (N, K); L = x.T @ W @ x*sum(T)\n"
    symmetric, ones, one_hot = parse(f"{text}assume W = W.T; assume sum(T, axis=1) = ones(N); assume onehot(T)").facts
    assert f"{symmetric.left} = {symmetric.right}" == "W[i,j] = W[j,i]"
    assert [str(bound.index) for bound in symmetric.bounds] == ["i", "j"]
    assert f"{ones.left} = {ones.right} for {ones.bounds[0].index}" == "sum(l, T[k,l]) = 1 for k"
    assert (one_hot.kind, str(one_hot.left), str(one_hot.right)) == ("onehot", "T[k,l]", "l")


CLAIMS = [
    ("D(L, W)", "(H, D)", "D(L, W[i,j])"),
    ("D(L, a)", "(H)", "D(L, a[i])"),
    ("D(L, a) @ x.T", "(H, D)", "D(L, a[i])*x[j]"),
    ("D(L, a).T @ W", "(1, D)", "sum(i, D(L, a[i])*W[i,j])"),
    ("D(a, x)", "(H, D)", "D(a[i], x[j])"),
    ("P(z, a)", "(H, H)", "P(z[i], a[k])"),
    ("diag(1 - z**2)", "(H, H)", "(1 - z[i]**2)*[i == k]"),
    ("outer(D(L, a), x)", "(H, D)", "D(L, a[i])*x[j]"),
    ("D(L, a[i])*x[j]", "()", "D(L, a[i])*x[j]"),
    ("W[1,2]", "()", "W[1,2]"),
]


@pytest.mark.parametrize(("text", "shape", "expression"), CLAIMS)
def test_claims_are_read_with_their_shapes(text: str, shape: str, expression: str) -> None:
    network = parse("parameter W: (H, D); input x: (D); a = W @ x; z = tanh(a); Z = z @ z.T; L = sum(Z)")
    shaped = parse_shaped(text, network)
    assert (shaped.shape, str(shaped.expression)) == (shape, expression)
    assert set(shaped.indices) <= free_indices(shaped.expression)
    assert parse_expression(text, network) is shaped.expression
    # What is printed reads back.
    assert parse_expression(expression, network) == shaped.expression


def errors() -> list[tuple[str, str]]:
    text = (Path(__file__).parent / "errors_matrix.txt").read_text(encoding="utf-8")
    return [tuple(case.split("\n>>>\n")) for case in text.split("\n====\n") if case.strip()]  # type: ignore[misc]


@pytest.mark.parametrize(("text", "expected"), errors(), ids=lambda part: part.splitlines()[0])
def test_an_error_shows_both_shapes_and_how_to_mend_it(text: str, expected: str) -> None:
    with pytest.raises(SympropError) as caught:
        parse(
            "parameter W: (H, D), b: (H), S: (H, H)\ninput x: (D), h: (H), X: (N, D), eta\n"
            "index k = 1..K\ntarget t[k]\n" + text
        )
    assert str(caught.value) == expected


def test_a_sum_over_joined_columns_says_its_limits_and_reads_back() -> None:
    network = parse("parameter b: (3)\nL = norm(concat(b, b))")
    gradient = symprop.derive(network).gradients["b"]
    assert "j = 1..6" in str(gradient)
    assert symprop.expression(str(gradient), network) == gradient.expression
    # |(b, b)| is sqrt(2)*|b|, whose slope is sqrt(2)*b/|b|: 2/sqrt(28) for b = (1, 2, 3).
    shown = symprop.evaluate(network, {"b": [1, 2, 3]}, show=[str(gradient).replace("[i]", "[1]")]).shown
    assert next(iter(shown.values())) == pytest.approx(2 / 28**0.5, rel=1e-15)
    assert symprop.check(network, f"dL/db[i] = {gradient}").verdict in ("proved", "agrees")
