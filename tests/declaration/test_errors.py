"""Every mistake is told whole: what happened, where with a caret, and how to mend it.

The cases stand in ``errors.txt``, to be read as prose: a text that follows the declarations below, ``>>>``, and the
error.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from symprop.declaration.parser import parse, parse_expression, parse_point
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    MissingRuleError,
    NotationError,
    SympropError,
)

DECLARATIONS = """\
index i = 0..D, j = 0..H
input x[i]
target t
parameter alpha[j,i], beta[j]
"""


def cases() -> list[tuple[str, str]]:
    text = (Path(__file__).parent / "errors.txt").read_text(encoding="utf-8")
    found = []
    for case in text.split("\n====\n"):
        if case.strip():
            written, _, error = case.partition("\n>>>\n")
            found.append((written, error))
    return found


@pytest.mark.parametrize(("text", "expected"), cases(), ids=lambda part: part.splitlines()[0])
def test_an_error_says_what_where_and_how_to_mend_it(text: str, expected: str) -> None:
    with pytest.raises(SympropError) as caught:
        parse(DECLARATIONS + text)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ("a = q", DeclarationError, 5, 5),
        ("a = t; b = q", DeclarationError, 5, 12),
        ("# first\n\n  a = t  ;;  b = q  # last", DeclarationError, 7, 18),
        ("a = (t +\n  # between\n  q)", DeclarationError, 7, 3),
        ("a = t\r\nb = q", DeclarationError, 6, 5),
        ("a = α[0,0] + q", DeclarationError, 5, 14),
        ("a = x[k]", IndexNotationError, 5, 5),
        ("a = t +* 2", NotationError, 5, 8),
        ("a = eig(alpha)", MissingRuleError, 5, 5),
    ],
)
def test_line_and_column_are_those_of_the_text(text: str, kind: type[SympropError], line: int, column: int) -> None:
    with pytest.raises(kind) as caught:
        parse(DECLARATIONS + text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("J + q", "unknown name 'q'"),
        ("D(J, 2)", "a derivative is taken of a quantity by a quantity"),
        ("D(J)", "'D' takes 2 arguments, not 1"),
        ("x[0]*sum(i, x)", "'x' has 1 index, not none"),
        ("a = b", "there is one '=' in an equation"),
        ("", "there is no expression"),
        ("sum(q, 1)", "the range of index 'q' is not known"),
        ("x[t]", "'t' is a quantity and not an index"),
    ],
)
def test_expressions_about_a_network_are_checked(text: str, message: str) -> None:
    network = parse(DECLARATIONS + "J = sum(i, x[i])*t")
    with pytest.raises(SympropError) as caught:
        parse_expression(text, network)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q = 1", "the network has no 'q'"),
        ("t = 1, t = 2", "'t' is given twice"),
        ("x[0] = 1, x[0] = 2", "'x' is given twice"),
        ("x[0] = 1, x = [1]", "'x' is given twice"),
        ("x[0,1] = 1", "'x' has other indices"),
        ("t = pi", "this is not a rational number"),
        ("t = x[0]", "this is not a rational number"),
        ("x[1/2] = 1", "1/2 is not an integer"),
        ("t = [1", "'[' is never closed"),
        ("t", "the point ends too early"),
    ],
)
def test_points_are_checked(text: str, message: str) -> None:
    network = parse(DECLARATIONS + "J = sum(i, x[i])*t")
    with pytest.raises(SympropError) as caught:
        parse_point(text, network)
    assert caught.value.message == message


def test_two_undeclared_indices_share_no_axis_unless_one_is_a_mere_name() -> None:
    with pytest.raises(IndexNotationError, match=r"'b' was declared as b\[k\] .*, read here with j"):
        parse("parameter b[k], W[k,j]; L = sum(j, b[j])")
    assert [str(axis.upper) for axis in parse("parameter b[k]; L = sum(j, b[j])").quantities["b"].axes] == ["n_j"]


def test_a_text_without_roles_has_its_own_errors() -> None:
    with pytest.raises(IndexNotationError, match="shifted or scaled and has no declared range"):
        parse("y[t] = x[t-1]")
    with pytest.raises(IndexNotationError, match=r"'x' is read at 1..n_i and at 1..n_k"):
        parse("y = sum(i, x[i])*sum(k, x[k])")
    with pytest.raises(IndexNotationError, match="'x' has 1 index, not 2"):
        parse("y = x[1] + x[1,2]")


@pytest.mark.parametrize(
    "text",
    [
        "y = beta[3]",  # a number: whether it fits is known with the sizes
        "index k = 0..H\ny = sum(k, beta[k])",
        "index k = 1..H\ny = sum(k, beta[k] - beta[k-1])",
        "index m = 0..M\ny = sum(m, where(m <= H, beta[m], 0))",
        "index m = 0..M\ny = sum(m, where(m > H, 0, beta[m]))",
        "index m = 0..M\ny = sum(m, where(m <= H and t > 0, beta[m], 0))",
        "index m = 0..M\ny = sum(m, where(M == H, beta[m], 0))",  # the sizes agree where it is read
        "index m = 0..M\nzero outside beta[j]\ny = sum(m, beta[m])",
        "index m = 0..M\na[m] = beta[m] for m = 0..H\ny = sum(m = 0..H, a[m])",
        "index m = 0..M\na[m] = 2*t for m = 0..M\ny = sum(m = 0..M, a[m])",
        "size P = 2*H + 1\nindex p = 0..P\nparameter v[p]\ny = sum(j, v[j]) + sum(j, v[j+1])",
        "size P = floor((D - H)/2) + 1\nindex p = 0..P-1\ny = sum(p, j, x[2*p + j])",  # what `floor` leaves open
        "index k = 0..D+H\nc[k] = where(k <= D, x[k], beta[k-D])\ny = sum(k, c[k])",
        "y = sum(m, beta[m])",  # an undeclared index takes the range of the axis
    ],
)
def test_what_guards_limits_and_sizes_prove_is_read(text: str) -> None:
    assert parse(DECLARATIONS + text).equations


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("y = t \N{MINUS SIGN} 1", "y = t - 1"),
        ("y\t=\tt", "y = t"),
        ("a = t\r\ny = a\r\n", "a = t\ny = a"),
        ("y = \N{N-ARY SUMMATION}(i, x[i])", "y = sum(i, x[i])"),
        ("y = sum(i in 0..D, x[i])", "y = sum(i = 0..D, x[i])"),
        ("y = x_1", "y = x[1]"),
        ("y = ln(t)", "y = log(t)"),
        ("y = e^t", "y = exp(t)"),
        ("y = \N{GREEK SMALL LETTER SIGMA}(t)", "y = sigmoid(t)"),
        ("y = t\N{SUPERSCRIPT TWO}", "y = t**2"),
        ("a = alpha^T", "a[i,j] = alpha[j,i]"),
        ("y = x.T @ x", "y = sum(i, x[i]*x[i])"),
        ("index k in 1..K\ny = t", "index k = 1..K\ny = t"),
    ],
)
def test_what_students_write_in_other_signs_is_read(text: str, plain: str) -> None:
    found, wanted = (parse(DECLARATIONS + each).equations for each in (text, plain))
    assert [(one.target, one.expression) for one in found] == [(one.target, one.expression) for one in wanted]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input x[j]; parameter b[k]; L = sum(j, where(x[j] > 0, b[j], 0))", "'b' was declared as b[k]"),
        ("input x[j]; parameter b[k]; L = sum(j, where(x[j] > 0 or j <= K, b[j], 0))", "'b' was declared as b[k]"),
        ("parameter b[k], k_2; L = sum(k, b[k]**2)*k_2", "'k_2' is a copy of the index 'k'"),
        ("size k_2 = 3; parameter b[k]; L = sum(k, b[k]**2)*k_2", "'k_2' is a copy of the index 'k'"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(text: str, told: str) -> None:
    with pytest.raises(SympropError, match=re.escape(told)):
        parse(f"index k = 1..K, j = 1..H\n{text}")


def test_a_comment_does_not_make_a_text_latex() -> None:
    assert (
        parse("parameter w  # C:\\name, \\alpha\nL = w**2  # \\n").equations[0].expression
        == parse("L = w**2").equations[0].expression
    )


@pytest.mark.parametrize("name", ["sigma", "mean", "step", "product", "mse", "e", "E", "pi", "S", "N"])
def test_usual_names_of_quantities_may_be_declared(name: str) -> None:
    network = parse(f"input x\nparameter {name}\nL = ({name} - x)**2")
    assert network.quantities[name].role == "parameter"
