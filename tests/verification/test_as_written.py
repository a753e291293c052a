"""What people write around their lines: values of a point, definitions after use, names with hats, names in words."""

from __future__ import annotations

import pytest

import symprop

LINE = """
input x
target t
parameter w, b
yhat = w*x + b
L = (yhat - t)**2/2
minimize L
"""


def verdicts(text: str) -> list[str | None]:
    return [line.verdict for line in symprop.check(LINE, text).lines if not line.defines]


def test_a_line_that_gives_numbers_to_what_is_given_is_a_point() -> None:
    # yhat = 2/2 - 1/2, L = (1/2)**2/2, and the slopes are (yhat - t)*x and yhat - t.
    text = "x = 2, w = 0.5, b = -0.5, t = 1\nyhat = 0.5\nL = 0.125\ndL/dw = -1\ndL/db = 0.5"
    assert verdicts(text) == ["agrees", "agrees", "agrees", "refuted"]
    assert verdicts("x = 2\nw = 0.5\nb = -0.5\nt = 1\ndL/dw = -1") == ["agrees"]


@pytest.mark.parametrize(
    "text",
    [
        "dL/dw = delta*x\nwhere delta = yhat - t",
        "dL/dw = delta*x, where delta = yhat - t",
        "dL/dw = delta*x (with delta = yhat - t)",
        "delta = yhat - t\ndL/dw = delta*x",
    ],
)
def test_a_name_may_be_explained_after_its_use(text: str) -> None:
    assert verdicts(text) == ["proved"]


@pytest.mark.parametrize(
    "text",
    [
        "dL/db = y_hat - t",
        "dL/db = ŷ - t",
        "∂L/∂w = (ŷ − t)*x",
        "$\\frac{\\partial L}{\\partial b} = \\hat{y} - t$",
        "$\\frac{\\partial L}{\\partial \\hat y} = \\hat y - t$",
    ],
)
def test_a_letter_with_a_hat_is_the_name_that_code_has_for_it(text: str) -> None:
    assert verdicts(text) == ["proved"]


def test_a_name_that_nothing_defines_is_no_ground_for_calling_a_line_wrong() -> None:
    (line,) = symprop.check(LINE, "dL/dw = q*x").lines
    assert line.verdict is None
    assert "'q' is defined nowhere" in str(line.error)
    assert verdicts("dL/dw = eta*(yhat - t)*x") == ["refuted"]  # a rate may have any value


def test_what_a_line_that_cannot_be_read_changes_is_not_judged_as_before() -> None:
    network = "input X: (N, D); target Y: (N, K); parameter W: (D, H), V: (H, K)\n"
    network += "hidden = relu(X @ W)\nscores = hidden @ V\nL = sum((scores - Y)**2)/2"
    lines = "dscores = scores - Y\ndhidden = dscores @ V.T\ndhidden[hidden <= 0] = 0\ndW = X.T @ dhidden"
    report = symprop.check(network, lines)
    assert [line.verdict for line in report.lines] == ["proved", "proved", None, None]
    assert "line 3 changes 'dhidden'" in str(report.lines[3].error)


@pytest.mark.parametrize("name", ["e", "r", "\\epsilon", "\\pi"])
def test_any_letter_may_be_defined_in_a_sentence(name: str) -> None:
    text = f"The error is ${name} = \\hat{{y}} - t$, so\n\\[ \\frac{{\\partial L}}{{\\partial w}} = {name} x \\]"
    definition, claim = symprop.check(LINE, text).lines
    assert definition.defines
    assert claim.verdict == "proved"
