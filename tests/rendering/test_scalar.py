"""Scalar notation: a network written out has the values of the one that it was made from, and reads like a page."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import networks
import pytest

from symprop.algebra.expressions import Access, Expr, Index, Reduction, number, walk
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.declaration.written_out import MOST_SCALARS, write_out
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation
from symprop.errors import DeclarationError, OptionError
from symprop.rendering.report import to_html, to_latex, to_markdown, to_text
from symprop.verification.evaluate import Evaluator, to_float

GOLDEN = Path(__file__).parent / "golden"

EMBEDDING = """
index s = 1..S, d = 1..D
integer tok[s] in 0..V-1
parameter E[v,d], w[d]
index v = 0..V-1
h[d] = sum(s, E[tok[s],d])
L = sum(d, w[d]*h[d])**2
minimize L
"""

EXTREMA = """
index i = 1..N, k = 1..K
input x[i]
parameter W[k,i]
a[k] = sum(i, W[k,i]*x[i])
L = max(k, a[k]) + min(k, a[k]**2) + prod(k, 1 + a[k]) + logsumexp(k, a[k])
minimize L
"""

TRIANGLE = """
index i, k = 1..N
input x[i]
parameter A[i,k]
y[i] = sum(k = 1..i, A[i,k]*x[k]) + where(i > 1, x[i-1], 0)
L = mean(i, y[i]**2)
minimize L
"""

CASES: dict[str, tuple[Network, dict[str, Any]]] = {
    "hidden_layer": (parse(networks.HIDDEN_LAYER), {"D": 1, "H": 2}),
    "softmax": (parse(networks.SOFTMAX), {"D": 2, "H": 2, "K": 3}),
    "attention": (parse(networks.ATTENTION), {"N": 2, "D": 2, "C": 1}),
    "normalisation": (parse(networks.NORMALISATION), {"N": 3}),
    "convolution": (parse(networks.CONVOLUTION), {"P": 2}),
    "recurrent": (networks.recurrent(), {"T": 3, "D": 2, "H": 2}),
    "extrema": (parse(EXTREMA), {"N": 2, "K": 3}),
    "triangle": (parse(TRIANGLE), {"N": 3}),
    "embedding": (parse(EMBEDDING), {"S": 2, "D": 2, "V": 3}),
}


def values_for(network: Network, names: Mapping[str, Mapping[tuple[int, ...], str]]) -> dict[str, Any]:
    """Return a value for every given component, no two alike and between 0 and 1."""
    values: dict[str, Any] = {}
    count = 0
    for quantity in network.quantities.values():
        if quantity.is_given:
            cells: dict[tuple[int, ...], Any] = {}
            for place in names[quantity.name]:
                count += 1
                cells[place] = count % 2 if quantity.integer else Fraction(count * 29 % 97, 97)
            values[quantity.name] = cells if quantity.axes else cells[()]
    return values


@pytest.mark.parametrize("name", CASES)
def test_a_network_written_out_has_the_same_values_and_adjoints(name: str) -> None:
    network, sizes = CASES[name]
    written = write_out(network, sizes)
    values = values_for(network, written.names)
    scalars: dict[str, Any] = {}
    for quantity, cells in values.items():
        for place, scalar in written.names[quantity].items():
            scalars[scalar] = cells[place] if isinstance(cells, dict) else cells
    given = [quantity.name for quantity in network.quantities.values() if quantity.is_given and not quantity.integer]
    derivation = backpropagate(network, wrt=given)
    whole = Evaluator(network, sizes, values)
    whole.include(derivation)
    small = backpropagate(written.network, wrt=[s for q in given for s in written.names[q].values()])
    parts = Evaluator(written.network, {}, scalars)
    parts.include(small)
    for quantity, components in written.names.items():
        adjoint = derivation.adjoints.get(quantity)
        for place, scalar in components.items():
            indices = tuple(number(n) for n in place)
            expected = whole.value(Access(quantity, indices))
            assert to_float(parts.value(Access(scalar, ()))) == pytest.approx(to_float(expected), rel=1e-12)
            if adjoint is not None and scalar in small.adjoints:
                slope = to_float(whole.value(Access(adjoint.access.name, indices)))
                found = to_float(parts.value(small.adjoints[scalar].access))
                assert found == pytest.approx(slope, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_no_index_and_no_sum_is_left(name: str) -> None:
    network, sizes = CASES[name]
    for equation in write_out(network, sizes).network.equations:
        for side in (equation.target, equation.expression):
            assert not any(
                isinstance(node, (Index, Reduction)) or (isinstance(node, Access) and node.indices)
                for node in walk(side)
            )


@pytest.mark.parametrize(
    ("text", "sizes", "equations"),
    [
        (
            "index i = 0..D, j = 1..H\ninput x[i]\nparameter w[j,i]\na[j] = sum(i, w[j,i]*x[i])\nL = sum(j, a[j]**2)",
            {"D": 1, "H": 2},
            ["a_1 = w_10*x_0 + w_11*x_1", "a_2 = w_20*x_0 + w_21*x_1", "L = a_1**2 + a_2**2"],
        ),
        (
            "index i = 9..10\nparameter w[i,i_1]\nL = sum(i, w[i,i])",
            {},
            ["L = w_9_9 + w_10_10"],  # two digits: kept apart
        ),
        (
            "index i = 1..2\nparameter w[i], w_1\nL = sum(i, w[i])*w_1",
            {},
            ["L = (w__1 + w__2)*w_1"],  # w_1 is somebody else's name
        ),
        (
            "index k = 1..2\nparameter a[k]\nL = sum(k, k*softmax(k, a[k]))",
            {},
            ["Z = exp(a_1) + exp(a_2)", "L = exp(a_1)/Z + 2*exp(a_2)/Z"],
        ),
        (
            "index k = 1..3\nparameter a[k]\nL = max(k, a[k])",
            {},
            ["L = max(max(a_1, a_2), a_3)"],
        ),
        (
            "index i = 0..2\ninput x[i]\nparameter w[i]\nx[0] = 1\nL = sum(i, w[i]*x[i])",
            {},
            ["x_0 = 1", "L = w_0*x_0 + w_1*x_1 + w_2*x_2"],
        ),
    ],
)
def test_components_are_named_and_sums_written_as_one_does_by_hand(
    text: str, sizes: dict[str, int], equations: list[str]
) -> None:
    network = write_out(parse(text), sizes).network
    assert [f"{equation.target} = {equation.expression}" for equation in network.equations] == equations


def test_the_gradient_of_a_softmax_with_cross_entropy_is_the_difference() -> None:
    network, sizes = CASES["softmax"]
    derivation = backpropagate(write_out(network, sizes).network)
    assert {name: str(derivation.adjoints[name].textbook) for name in ("a2_1", "a2_3")} == {
        "a2_1": "p_1 - t_1",
        "a2_3": "p_3 - t_3",
    }


def test_sizes_that_are_missing_are_asked_for_by_name() -> None:
    with pytest.raises(OptionError, match="needs to know D, H and K") as caught:
        to_text(backpropagate(CASES["softmax"][0]), notation="scalar")
    assert caught.value.hint == (
        'Give small numbers: --size D=2 --size H=3 --size K=4, or sizes={"D": 2, "H": 3, "K": 4}.'
    )
    with pytest.raises(OptionError, match="needs to know K"):
        to_text(backpropagate(CASES["softmax"][0]), notation="scalar", sizes={"D": 2, "H": 2})


def test_a_size_that_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(DeclarationError, match="no size 'Q'"):
        to_text(backpropagate(CASES["normalisation"][0]), notation="scalar", sizes={"Q": 2})


@pytest.mark.parametrize("size", [100, 10**9])
def test_more_scalars_than_one_reads_are_refused(size: int) -> None:
    with pytest.raises(OptionError, match=f"at most {MOST_SCALARS} scalars|would take {size} values") as caught:
        to_text(backpropagate(CASES["normalisation"][0]), notation="scalar", sizes={"N": size})
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Choose smaller sizes")


def test_the_derivatives_of_a_vector_are_refused_with_the_first_component() -> None:
    derivation = backpropagate(parse(networks.JACOBIAN), of="p", wrt=("x",))
    with pytest.raises(OptionError, match=re.escape("p[k] is many")) as caught:
        to_text(derivation, notation="scalar", sizes={"D": 2, "K": 2})
    assert caught.value.hint == 'Differentiate one component, of="p[1]".'
    component: Expr = Access("p", (number(1),))
    assert isinstance(component, Access)
    one = backpropagate(parse(networks.JACOBIAN), of=component, wrt=("x",))
    assert "dp_1/dx_2 = " in to_text(one, notation="scalar", sizes={"D": 2, "K": 2})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("detail", ["final", "steps", "full"])
def test_a_page_in_scalar_notation_keeps_to_its_form(name: str, detail: str) -> None:
    network, sizes = CASES[name]
    sizes = {size: min(value, 2) for size, value in sizes.items()}
    derivation = backpropagate(network)
    text = to_text(derivation, notation="scalar", detail=detail, sizes=sizes)
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert "Every component is written out" in text
    writers: list[Callable[..., str]] = [to_latex, to_html, to_markdown]
    for write in writers:
        assert not re.search(r"\\sum|∑|sum\(", write(derivation, notation="scalar", detail=detail, sizes=sizes))


@pytest.mark.parametrize(
    ("name", "case", "sizes", "write", "ending"),
    [
        ("scalar_hidden_layer", "hidden_layer", {"D": 1, "H": 1}, to_text, "txt"),
        ("scalar_softmax", "softmax", {"D": 1, "H": 1, "K": 2}, to_text, "txt"),
        ("scalar_hidden_layer", "hidden_layer", {"D": 1, "H": 1}, to_latex, "tex"),
    ],
)
def test_a_report_in_scalar_notation_is_the_one_that_was_read_as_prose(
    name: str, case: str, sizes: dict[str, int], write: Callable[..., str], ending: str
) -> None:
    derivation: Derivation = backpropagate(CASES[case][0])
    path = GOLDEN / f"{name}.{ending}"
    report = write(derivation, notation="scalar", sizes=sizes)
    if os.environ.get("REFRESH_GOLDEN"):
        path.write_text(report, encoding="utf-8")
    assert report == path.read_text(encoding="utf-8")
