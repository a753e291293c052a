"""Arrays given as lists of numbers: each entry is judged at the point, to the digits it shows."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import Session

SQUARES = "index i = 1..D\nparameter w[i]\nJ = sum(i, w[i]**2)"
MATRICES = """
input x: (D), y: (H)
parameter W: (H, D), b: (H)
a = W @ x + b
L = sum((a - y)**2)
"""
# The gradients by hand: dJ/dw = 2 w; a = (4, 5), dL/da = 2 a, dL/dW = outer(2 a, x).
AT_W = "at w = [1, 2, 3]"
AT_MATRICES = "at W = [[1, 0, 1], [0, 1, 1]], x = [1, 2, 3], b = [0, 0], y = [0, 0]\n"


@pytest.fixture(scope="module")
def squares() -> Session:
    return Session(parse(SQUARES))


@pytest.fixture(scope="module")
def matrices() -> Session:
    return Session(parse(MATRICES))


@pytest.mark.parametrize(
    "line",
    [
        f"dJ/dw = [2, 4, 6] {AT_W}",
        f"dJ/dw[i] = [2, 4, 6] {AT_W}",
        f"dJ/dw = (2, 4, 6) {AT_W}",
        f"dJ/dw = [2, 4, 6]^T {AT_W}",
        f"dJ/dw = [[2], [4], [6]] {AT_W}",
        f"dJ/dw = [2. 4. 6.] {AT_W}",
        f"dw = [2*w[1], 8/2, exp(0) + 5] {AT_W}",
        f"[2, 4, 6] = dJ/dw {AT_W}",
        "dw = [2.47, 4.0, 6] at w = [1.2345, 2, 3]",
    ],
)
def test_a_vector_is_right_if_every_entry_is(squares: Session, line: str) -> None:
    (found,) = squares.check(line).lines
    assert found.verdict == "agrees", found


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        (f"dw = [2, 4, 7] {AT_W}", "unrecognised", "Entry [3] is 6, not 7."),
        (f"dw = [2. 4. 6.5] {AT_W}", "unrecognised", "Entry [3] is 6, not 6.5."),
        ("dw = [2.48, 4., 6] at w = [1.22, 2, 3]", "unrecognised", "Entry [1] is 61/25, not 2.48."),
        (f"dw = [-2, -4, -6] {AT_W}", "sign", "Entry [1] is 2, not -2. 3 of 3 entries are wrong."),
    ],
)
def test_a_wrong_entry_is_named(squares: Session, line: str, kind: str, message: str) -> None:
    (found,) = squares.check(line).lines
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == kind
    assert found.diagnosis.message.startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"dw = [2, 4] {AT_W}", "dJ/dw has 3 entries, and the list has 2"),
        ("dw = [2, 4]", "how many entries dJ/dw has is not known: it depends on D"),
        (f"J = [1, 2] {AT_W}", "J is one number"),
        (f"dw = [[1, 2], [3]] {AT_W}", "the rows of the list have different lengths"),
        (f"dw = [i, 4, 6] {AT_W}", "the entry i of the list is no number"),
        (f"dw = [2, 4, 6] = w {AT_W}", "a list stands for an array"),
    ],
)
def test_a_list_of_another_shape_is_an_error(squares: Session, line: str, message: str) -> None:
    (found,) = squares.check(line).lines
    assert found.verdict is None
    assert message in (found.error or "")


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("dL/dW = [[8, 16, 24], [10, 20, 30]]", True),
        ("dW = [8 16 24; 10 20 30]", True),
        ("dW = [[8. 16. 24.]\n [10. 20. 30.]]", True),
        ("dW = [[8, 10], [16, 20], [24, 30]].T", True),
        ("a = [4, 5]", True),
        ("db = [8, 11]", False),
        ("dW = [[8, 16, 24], [10, 30, 20]]", False),
    ],
)
def test_matrices_are_lists_of_rows(matrices: Session, line: str, is_right: bool) -> None:
    (found,) = matrices.check(AT_MATRICES + line).lines
    assert found.verdict == ("agrees" if is_right else "refuted"), found


def test_the_transpose_of_a_matrix_has_another_shape(matrices: Session) -> None:
    (found,) = matrices.check(AT_MATRICES + "dW = [[8, 10], [16, 20], [24, 30]]").lines
    assert "dL/dW has shape (2, 3), and the list has shape (3, 2)" in (found.error or "")


def test_a_point_within_a_line_ends_with_it(squares: Session) -> None:
    lines = squares.check(f"at w = [1, 2]\ndw = [2, 4, 6] {AT_W}\ndw = [2, 4]").lines
    assert [line.verdict for line in lines] == ["agrees", "agrees"]
