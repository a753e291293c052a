"""Matrix notation: numpy on the same arrays is the witness, and the same network written with indices."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from symprop.algebra.expressions import Index, free_indices
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
