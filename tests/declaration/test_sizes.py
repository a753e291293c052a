"""Sizes from shapes, from given sizes, from definitions and from components."""

from __future__ import annotations

from typing import Any

import pytest

from symprop.algebra.expressions import Number, Size, number
from symprop.declaration.parser import parse
from symprop.declaration.sizes import fold, size_names, solve_sizes
from symprop.errors import DeclarationError, ShapeError, SympropError

BIASED = "index i = 0..D, j = 1..H\ninput x[i]\nparameter w[j,i]\na[j] = sum(i, w[j,i]*x[i])"
CONVOLUTION = """size P = floor((R + 2*pad - K)/S) + 1
constant integer S = 2
constant integer pad = 1
index p = 0..P-1, r = 0..R-1, k = 0..K-1
input x[r]
parameter w[k]
zero outside x[r]
y[p] = sum(k, w[k]*x[S*p + k - pad])"""

SOLVED = [
    (BIASED, {"x": (4,), "w": (2, 4)}, {}, {"D": 3, "H": 2}),
    (BIASED, {"x": (4,)}, {"H": 5}, {"D": 3, "H": 5}),
    (CONVOLUTION, {"x": (7,), "w": (3,)}, {}, {"P": 4, "R": 7, "K": 3}),
    ("index j = 1..H, d = 1..D, k = 1..H+D\ninput x[d], h[j]\nparameter W[k]\ny = sum(k, W[k])",
     {"x": (3,), "W": (5,)}, {}, {"H": 2, "D": 3}),
    ("input x[i]\nL = sum(i, x[i])", {"x": (6,)}, {}, {"n_i": 6}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shapes", "sizes", "wanted"), SOLVED)
def test_sizes_follow_from_shapes(text: str, shapes: dict[str, Any], sizes: dict[str, int], wanted: dict) -> None:
    assert solve_sizes(parse(text), shapes, sizes) == wanted


def test_components_leave_room_for_the_greatest_index_of_all() -> None:
    greatest = {"x": (2,), "w": (1, 4)}
    assert solve_sizes(parse(BIASED), {}, None, greatest) == {"D": 4, "H": 1}
    assert solve_sizes(parse(BIASED), {"x": (6,)}, None, greatest) == {"D": 5, "H": 1}


def test_what_is_missing_may_be_left_out() -> None:
    assert solve_sizes(parse(BIASED), {"x": (4,)}, complete=False) == {"D": 3}


REFUSED = [
    (BIASED, {"x": (4,), "w": (4, 2)}, {"H": 2}, ShapeError,
     "ShapeError: w has shape (4, 2); the network declares w[j,i] with extents (2, 4)\n"
     "  Pass w.T, or declare w[i, j]."),
    (BIASED, {"x": (4,), "w": (2, 5)}, {}, ShapeError,
     "ShapeError: w has shape (2, 5); the network declares w[j,i] with extents (2, 4)\n"
     "  H = 2 follows from the shape (2, 5) of w; D = 3 follows from the shape (4,) of x."),
    (BIASED, {"x": (1,), "w": (2, 1)}, {}, ShapeError,
     "ShapeError: the size D would be 0, and a size is a positive integer\n"
     "  D follows from the shape (1,) of x."),
    (BIASED, {"x": (4, 1)}, {"H": 2}, ShapeError,
     "ShapeError: x has shape (4, 1); the network declares x[i], which has 1 axis"),
    (CONVOLUTION, {"x": (7,), "w": (3,)}, {"P": 5}, ShapeError,
     "ShapeError: the size P would be both 5 and 4\n  P is given; it is defined as floor(1/2*(R - K + 2)) + 1."),
    (BIASED, {}, {"DD": 3}, DeclarationError,
     "DeclarationError: the network has no size 'DD'\n  Did you mean 'D'?"),
    (BIASED, {}, {}, ShapeError,
     'ShapeError: the size D is not known (nor H)\n'
     '  Give it, sizes={"D": 16} or --size D=16, or give x[i] as an array.'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shapes", "sizes", "kind", "message"), REFUSED)
def test_what_does_not_fit_is_refused(
    text: str, shapes: dict[str, Any], sizes: dict[str, int], kind: type[SympropError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        solve_sizes(parse(text), shapes, sizes)
    first, _, hint = str(caught.value).partition("\n")
    wanted, _, wanted_hint = message.partition("\n")
    assert first == wanted
    if "defined as" not in wanted_hint:  # how a definition is spelled is the writer's matter
        assert hint == wanted_hint


def test_names_are_listed_in_order_of_appearance() -> None:
    assert size_names(parse(BIASED)) == ("D", "H")


def test_rounding_is_folded_when_its_argument_is_a_number() -> None:
    from symprop.algebra.expressions import call

    half = call("floor", Size("R") / 2) + call("ceil", Size("R") / 2)
    assert fold(half, {Size("R"): number(7)}) is number(7)
    assert not isinstance(fold(half, {}), Number)
