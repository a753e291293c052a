"""Data that violate what a network assumes are refused with the example."""

from __future__ import annotations

import numpy as np
import pytest

import symprop
from symprop.errors import ValueOutsideDomainError

SOFTMAX = (
    "index k = 1..K; input x; target t[k]; parameter w[k]\n{fact}\n"
    "p[k] = softmax(k, w[k]*x); L = cross_entropy(k, t[k], p[k])"
)
HALVES = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
X = [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("fact", "targets", "words"),
    [
        ("assume onehot(k, t[k])", HALVES, "example 2 (counted from 0) of t is [0.5, 0.5]"),
        ("assume onehot(k, t[k])", [[1, 0], [1, 1], [0, 1]], "example 1 (counted from 0) of t is [1, 1]"),
        ("assume sum(k, t[k]) = 1", [[1, 0], [0.5, 0.6], [0, 1]], "it adds up to 1"),
        ("assume sum(k, t[k]) = 1", HALVES, None),
        ("assume onehot(k, t[k])", [[1, 0], [0, 1], [0, 1]], None),
        ("assume sum(k = 1..1, t[k]) = 1", [[1, 0], [1, 1], [1, 1]], None),
        ("", [[1, 0], [1, 1], [0, 1]], None),
    ],
)
@pytest.mark.parametrize("read", [str, symprop.parse], ids=["text", "network"])
def test_a_target_that_violates_a_fact_is_shown(fact: str, targets: object, words: str | None, read: object) -> None:
    network = read(SOFTMAX.format(fact=fact))  # type: ignore[operator]
    data = {"x": X, "t": np.array(targets, float)}
    if words is None:
        assert symprop.fit(network, data, epochs=1, validation=0, target="numpy").steps == 1
        return
    with pytest.raises(ValueOutsideDomainError) as caught:
        symprop.fit(network, data, epochs=1, validation=0, target="numpy")
    assert words in str(caught.value)
    assert f"line 2 | {fact}" in str(caught.value)


def test_a_batch_index_may_stand_anywhere() -> None:
    network = symprop.parse(
        "batch n = 1..N; index k = 1..K; input x[n]; target t[k,n]; parameter w[k]; assume sum(k, t[k,n]) = 1; "
        "p[n,k] = softmax(k, w[k]*x[n]); L = -mean(n, sum(k, t[k,n]*log(p[n,k])))"
    )
    with pytest.raises(ValueOutsideDomainError, match=r"example 2 .* is \[0.5, 0.6\]"):
        symprop.fit(network, {"x": X, "t": [[1, 0, 0.5], [0, 1, 0.6]]}, target="numpy")
