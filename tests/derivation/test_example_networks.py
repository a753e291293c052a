"""The networks of ``examples/networks`` parse, and every adjoint is right.

Three roads lead to each derivative: the formula of the reverse sweep, the evaluator's own forward derivatives, and a
central difference of the objective by an evaluator that shares no code with the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from three_roads import Example

from symprop.declaration.network import Network
from symprop.declaration.parser import parse

FOLDER = Path(__file__).parents[2] / "examples" / "networks"

# Two sets for each network: none has all sizes equal, and where it means something one of them is 1.
SIZES: dict[str, tuple[dict[str, Any], ...]] = {
    "attention": ({"S": 2, "D": 3, "A": 2, "dk": 1}, {"S": 3, "D": 1, "A": 1, "dk": 2}),
    "attention_matrix": ({"S": 2, "D": 3, "dk": 1, "dv": 2}, {"S": 3, "D": 1, "dk": 2, "dv": 1}),
    "autoregressive": ({"T": 4, "K": 2}, {"T": 3, "K": 4}),
    "batch_norm": ({"N": 3, "D": 1, "H": 2}, {"N": 2, "D": 2, "H": 1}),
    "bidirectional_rnn": ({"D": 1, "H": 2, "T": 2}, {"D": 2, "H": 1, "T": 3}),
    "conv_net": (
        {"C": 1, "R": 7, "A": 3, "F": 1, "B": 2, "G": 1, "K": 2},
        {"C": 2, "R": 6, "A": 2, "F": 1, "B": 1, "G": 2, "K": 2},
    ),
    "embedding": ({"S": 3, "D": 2, "K": 3, "V": 4}, {"S": 2, "D": 3, "K": 2, "V": 3}),
    "gan": ({"D": 2, "H": 2, "Z": 1, "G": 2}, {"D": 3, "H": 1, "Z": 2, "G": 1}),
    "gru": ({"D": 1, "H": 2, "K": 2, "T": 2}, {"D": 2, "H": 1, "K": 3, "T": 3}),
    "layer_norm": ({"D": 2, "H": 3}, {"D": 1, "H": 4}),
    "layers": ({"L": 1, "n": [2, 3]}, {"L": 2, "n": [2, 3, 2]}, {"L": 5, "n": [1, 2, 1, 2, 1, 2]}),
    "logistic_matrix": ({"N": 2, "D": 3}, {"N": 3, "D": 1}),
    "logistic_regression": ({"D": 2}, {"D": 3}),
    "lstm": ({"D": 1, "H": 2, "T": 2}, {"D": 2, "H": 1, "T": 3}),
    "masked_autoregressive": ({"D": 3}, {"D": 4}),
    "matrix_factorisation": ({"U": 2, "I": 3, "F": 2}, {"U": 3, "I": 2, "F": 1}),
    "maxout": ({"D": 2, "H": 3, "P": 2, "K": 2}, {"D": 1, "H": 2, "P": 3, "K": 3}),
    "mixture_density": ({"D": 2, "H": 2, "K": 3}, {"D": 1, "H": 3, "K": 2}),
    "mlp": ({"D": 1, "H": 2, "M": 3, "K": 2}, {"D": 2, "H": 3, "M": 1, "K": 1}),
    "mlp_matrix": ({"D": 1, "H": 2, "M": 3, "K": 2}, {"D": 2, "H": 3, "M": 1, "K": 3}),
    "rbf": ({"D": 2, "H": 3, "K": 1}, {"D": 3, "H": 2, "K": 2}),
    "rnn": ({"D": 2, "H": 2, "K": 1, "T": 3}, {"D": 1, "H": 3, "K": 2, "T": 2}),
    "siamese": ({"D": 2, "H": 2, "K": 3}, {"D": 3, "H": 1, "K": 2}),
    "softmax_regression": ({"D": 2, "K": 3}, {"D": 3, "K": 2}),
    "transformer": ({"S": 2, "D": 2, "A": 1, "dk": 2, "F": 1}, {"S": 3, "D": 2, "A": 1, "dk": 1, "F": 1}),
    "variational_autoencoder": ({"D": 2, "H": 2, "Z": 1}, {"D": 3, "H": 1, "Z": 2}),
    "weight_decay": ({"D": 2, "H": 3}, {"D": 3, "H": 1}),
    "word2vec": ({"D": 2, "K": 3, "V": 4}, {"D": 3, "K": 2, "V": 2}),
}


@cache
def network_of(name: str) -> Network:
    return parse((FOLDER / f"{name}.net").read_text(encoding="utf-8"))


def test_every_network_of_the_folder_is_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.net")} == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_network_says_what_it_is_and_where_it_is_from(name: str) -> None:
    what, source = (FOLDER / f"{name}.net").read_text(encoding="utf-8").splitlines()[:2]
    assert what.startswith("# ")
    assert source.startswith("# ")
    assert any(str(year) in source for year in range(1970, 2030))


@pytest.mark.parametrize(("name", "sizes"), [(name, sizes) for name, several in SIZES.items() for sizes in several])
def test_adjoints_are_forward_derivatives_and_central_differences(name: str, sizes: Mapping[str, Any]) -> None:
    for objective in network_of(name).objectives:
        Example(network_of(name), sizes, objective, seed=len(name)).check()
