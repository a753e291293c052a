"""Whole reports: the lecture's lines, what follows from what, updates, conventions, conditions, missing results."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

from symprop.declaration.parser import parse  # noqa: E402
from symprop.verification.report import Report, Session, check, equal  # noqa: E402

CASES = yaml.load((Path(__file__).parents[1] / "lecture_cases.yaml").read_text(), Loader=yaml.BaseLoader)["cases"]
RIGHT = ("proved", "agrees")

# The lecture file's words for slips, in ours; words that name no slip (a cell in the wrong place) are not here.
KINDS = {
    "update-sign": ("update-direction",),
    "missing-minus": ("update-direction", "sign"),
    "missing-square": ("power",),
    "index": ("wrong-index",),
    "missing-line": ("dropped-term",),
    "sign": ("sign",),
    "sum-misplaced": ("sum-misplaced",),
    "missing-factor": ("missing-factor",),
    "free-index": ("free-index",),
    "learning-rate-in-gradient": ("learning-rate-in-gradient",),
}

HIDDEN = """
index i = 1..D, j = 1..H
input x[i]
target t
parameter W[j,i], v[j]
a[j] = sum(i, W[j,i]*x[i])
z[j] = sigmoid(a[j])
y = sum(j, v[j]*z[j])
L = (y - t)**2/2
"""


def network_of(case: dict[str, Any], forward: list[str] | None = None) -> str:
    lines = [f"index {name} = {low}..{high}" for name, (low, high) in (case.get("ranges") or {}).items()]
    lines += [f"function {head} = {body}" for head, body in (case.get("functions") or {}).items()]
    return "\n".join([*lines, *(forward or case["forward"])])


def claims_of(case: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the lines of a case that claim something, and what the file says of each."""
    text: list[str] = []
    rows: list[dict[str, Any]] = []
    for row in case.get("backward", []):
        if "claimed" in row:
            text.append("at " + ", ".join(f"{name} = {value}" for name, value in row.get("at", {}).items()))
            text.append(f"{row['quantity']} = {row['claimed']}")
            rows.append(row)
    for row in case.get("updates", []):
        text += ["at", f"{row['variable']} <- {row['claimed']}"]
        rows.append(row)
    return "\n".join(text), rows


@pytest.fixture(scope="module")
def reports() -> dict[str, tuple[Report, list[dict[str, Any]]]]:
    found = {}
    for case in CASES:
        text, rows = claims_of(case)
        if rows:
            found[case["id"]] = check(parse(network_of(case)), text), rows
    return found


def test_every_line_of_the_lectures_is_judged_as_the_file_says(reports: Any) -> None:
    wrong = []
    for case, (report, rows) in reports.items():
        assert len(report.lines) == len(rows)
        for line, row in zip(report.lines, rows, strict=True):
            wanted = ("refuted",) if row["verdict"] == "wrong" else RIGHT
            if line.verdict not in wanted:
                wrong.append((case, line.claim, line.verdict))
    assert not wrong


def test_each_reading_of_a_line_that_depends_on_convention_is_judged_by_its_own_network() -> None:
    for case in CASES:
        for row in case.get("backward", []):
            for reading in row.get("readings", []):
                report = check(parse(network_of(case, reading.get("forward"))), f"{row['quantity']} = {row['claimed']}")
                wanted = ("refuted",) if reading["verdict"] == "wrong" else RIGHT
                assert report.lines[0].verdict in wanted, (case["id"], row["quantity"], reading["reading"])


def test_the_slips_of_the_lectures_are_named(reports: Any) -> None:
    missed, count = [], 0
    for case, (report, rows) in reports.items():
        for line, row in zip(report.lines, rows, strict=True):
            if row["verdict"] == "wrong" and row["error"] in KINDS:
                count += 1
                if line.diagnosis is None or line.diagnosis.kind not in KINDS[row["error"]]:
                    missed.append((case, line.claim, row["error"], line.diagnosis))
    assert count >= 24
    assert not missed


def test_absent_lines_of_the_lectures_are_reported_as_missing(reports: Any) -> None:
    for case in CASES:
        for row in case.get("backward", []):
            if row["verdict"] == "absent":
                given = "".join(row["quantity"].split())
                assert given in ["".join(text.split()) for text in reports[case["id"]][0].missing]


def test_one_slip_costs_one_line() -> None:
    report = check(
        parse(HIDDEN),
        """
        dL/dy = t - y
        dL/dz[j] = (t - y)*v[j]
        dL/da[j] = (t - y)*v[j]*z[j]*(1 - z[j])
        dL/dW[j,i] = (y - t)*v[j]*z[j]*(1 - z[j])*x[i]
        """,
    )
    assert [line.verdict for line in report.lines] == ["refuted", "refuted", "refuted", "proved"]
    assert [line.follows for line in report.lines] == [False, True, True, False]
    assert report.first_wrong is report.lines[0]
    assert report.score == 0.75


def test_a_second_slip_is_not_hidden_by_the_first() -> None:
    report = check(
        parse(HIDDEN),
        """
        dL/dy = t - y
        dL/dz[j] = (t - y)*z[j]
        """,
    )
    assert [line.follows for line in report.lines] == [False, False]


def test_definitions_hold_for_the_lines_that_follow() -> None:
    report = check(
        parse(HIDDEN),
        """
        delta[j] = (y - t)*v[j]*z[j]*(1 - z[j])
        dL/dW[j,i] = delta[j]*x[i]
        dL/dx[i] = sum(j, delta[j]*W[j,i])
        """,
    )
    assert [line.verdict for line in report.lines] == ["proved"] * 3


def test_course_code_writes_dZ_for_the_derivative_of_the_objective() -> None:
    report = check(parse(HIDDEN), "da[j] = (y - t)*v[j]*z[j]*(1 - z[j])\ndW[j,i] = da[j]*x[i]")
    assert [line.verdict for line in report.lines] == ["proved", "proved"]
    assert "derivative of L by a" in report.lines[0].note


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("W[j,i] <- W[j,i] - eta*D(L,W[j,i])", RIGHT),
        ("W[j,i] <- W[j,i] + eta*D(L,W[j,i])", ("refuted",)),
        ("v[j] := v[j] - eta*(y - t)*z[j]", RIGHT),
        ("v[j] <- v[j] - eta*(t - y)*z[j]", ("refuted",)),
        ("v[j] <- v[j] - D(L,v[j])/sqrt(D(L,v[j])**2)", RIGHT),
    ],
)
def test_an_update_is_right_if_it_descends(line: str, verdict: tuple[str, ...]) -> None:
    found = check(parse(HIDDEN), line).lines[0]
    assert found.verdict in verdict
    if verdict == ("refuted",):
        assert found.diagnosis is not None
        assert found.diagnosis.kind == "update-direction"


def test_under_maximize_an_update_ascends() -> None:
    report = check(
        parse("input x\nparameter w\nJ = -(w*x - 1)**2\nmaximize J"), "w <- w + eta*D(J,w)\nw <- w - eta*D(J,w)"
    )
    assert [line.verdict for line in report.lines] == ["proved", "refuted"]


def test_a_local_partial_in_place_of_the_derivative_is_a_convention() -> None:
    line = check(parse("input x; parameter w; u = w*x; L = u*w"), "D(L, w) = u").lines[0]
    assert line.verdict == "proved"
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "convention"


def test_the_value_at_a_kink_is_a_convention() -> None:
    line = check(parse("input x; parameter w; L = relu(w*x)"), "dL/dw = [w*x >= 0]*x").lines[0]
    assert line.verdict in RIGHT
    assert line.diagnosis is None or line.diagnosis.kind == "convention"


def test_the_other_side_of_a_kink_is_wrong() -> None:
    line = check(parse("input x; parameter w; L = relu(w*x)"), "dL/dw = [w*x < 0]*x").lines[0]
    assert line.verdict == "refuted"


SOFTMAX = """
index i = 1..D, k = 1..K
input x[i]
target t[k]
parameter W[k,i]
a[k] = sum(i, W[k,i]*x[i])
p[k] = softmax(k, a[k])
L = -sum(k, t[k]*log(p[k]))
"""


def test_a_claim_that_needs_a_fact_is_refuted_until_the_fact_is_stated() -> None:
    line = check(parse(SOFTMAX), "dL/da[k] = p[k] - t[k]").lines[0]
    assert line.verdict == "refuted"
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "condition"
    assert "assume sum(k, t[k]) = 1" in line.diagnosis.message
    stated = check(parse(SOFTMAX + "assume sum(k, t[k]) = 1"), "dL/da[k] = p[k] - t[k]").lines[0]
    assert stated.verdict in RIGHT


def test_twice_the_product_is_the_gradient_of_a_quadratic_form_only_if_it_is_symmetric() -> None:
    text = "index i = 1..N, j = 1..N\ninput A[i,j]\nparameter x[i]\nf = sum(i, sum(j, x[i]*A[i,j]*x[j]))"
    line = check(parse(text), "df/dx[i] = 2*sum(j, A[i,j]*x[j])").lines[0]
    assert line.verdict == "refuted"
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "condition"
    assert "symmetric" in line.diagnosis.message


def test_numbers_pass_within_one_unit_of_their_last_digit() -> None:
    network = parse("input W, X; L = exp(-W*X)")
    report = check(network, "at W = 3, X = 3\nD(L,W) = -0.00037\nD(L,W) = -0.00040\nD(L,W) = 0.00037\nL = exp(-9)")
    assert [line.verdict for line in report.lines] == ["agrees", "refuted", "refuted", "agrees"]
    assert report.lines[2].diagnosis is not None
    assert report.lines[2].diagnosis.kind == "sign"


def test_reading_outside_a_range_is_refuted() -> None:
    text = "index j = 0..H, k = 1..H\nparameter v[j]\ninput z[k]\nL = v[0]**2 + sum(k, v[k]*z[k])"
    line = check(parse(text), "dL/dv[j] = z[j]").lines[0]
    assert line.verdict == "refuted"
    assert line.diagnosis is not None
    assert line.diagnosis.kind in ("condition", "wrong-index")


def test_chains_are_judged_link_by_link() -> None:
    report = check(parse(HIDDEN), "dL/dv[j] = D(L,y)*z[j] = (y - t)*z[j]\ndL/dv[j] = (y - t)*z[j] = (y - t)*a[j]")
    assert [line.verdict for line in report.lines] == ["proved", "refuted"]


def test_conditions_limit_a_claim() -> None:
    text = "index k = 1..K, i = 1..K\ninput a[k]\np[k] = softmax(k, a[k])\nL = sum(k, p[k]**2)"
    report = check(
        parse(text),
        """
        D(p[k], a[i]) = p[k]*(1 - p[k]) if i == k
        D(p[k], a[i]) = -p[k]*p[i] if i != k
        D(p[k], a[i]) = p[k]*([i == k] - p[i])
        D(p[k], a[i]) = p[k]*(1 - p[i])
        """,
    )
    assert [line.verdict in RIGHT for line in report.lines] == [True, True, True, False]


def test_a_line_that_cannot_be_read_does_not_stop_the_others() -> None:
    report = check(parse(HIDDEN), "dL/dy = ((\ndL/dy = y - t\ndL/dq = 1\n")
    assert [line.verdict for line in report.lines] == [None, "proved", None]
    assert "line 1" in (report.lines[0].error or "")
    assert "^" in (report.lines[0].error or "")
    assert report.exit_status == 2


def test_the_dictionary_is_plain_and_has_the_documented_fields() -> None:
    report = check(parse(HIDDEN), "dL/dy = t - y")
    found = json.loads(json.dumps(report.to_dict()))
    assert found["verdict"] == "refuted"
    (line,) = found["lines"]
    assert set(line) == {"line", "claim", "verdict", "expected", "diagnosis", "witness", "follows", "error"}
    assert set(line["diagnosis"]) == {"kind", "message"}
    assert set(line["witness"]) == {"sizes", "values", "entry", "claimed", "true"}


def test_a_report_is_shown_in_every_form() -> None:
    report = check(parse(HIDDEN), "dL/dy = t - y\ndL/dv[j] = <b>")
    assert "sign" in report.to_text()
    assert "\033[" not in report.to_text()
    assert "\033[" in report.to_text(colour=True)
    assert all(len(row) <= 80 for row in report.to_text().splitlines())
    assert "`dL/dy = t - y`" in report.to_markdown()
    assert "<b>" not in report.to_html()
    assert "&lt;b&gt;" in report.to_html()


def test_the_same_text_gives_the_same_report() -> None:
    text = "dL/dy = t - y\ndL/dW[j,i] = (y - t)*v[j]*z[j]*x[i]"
    assert check(parse(HIDDEN), text).to_dict() == check(parse(HIDDEN), text).to_dict()


def test_texts_of_one_session_do_not_see_each_others_definitions() -> None:
    session = Session(parse(HIDDEN))
    assert session.check("delta[j] = v[j]\ndL/dz[j] = (y - t)*delta[j]").verdict == "proved"
    assert session.check("dL/dz[j] = (y - t)*delta[j]").lines[0].verdict is None


@pytest.mark.parametrize(
    ("left", "right", "verdicts"),
    [
        ("1/(1+exp(-x))", "(1+tanh(x/2))/2", ("proved",)),
        ("sqrt(x**2)", "abs(x)", RIGHT),
        ("sqrt(x**2)", "x", ("refuted",)),
        ("(x**2-1)/(x-1)", "x+1", ("proved",)),
        ("sin(2*x)", "2*sin(x)*cos(x)", RIGHT),
        ("x", "x + 1e-6*x", ("refuted",)),
        ("x", "x + 1e-20", ("refuted",)),
        ("max(x, y)", "(x + y + abs(x - y))/2", RIGHT),
        ("relu(x)", "x", ("refuted",)),
        ("atan(x) + atan(1/x)", "pi/2", ("refuted",)),
    ],
)
def test_scalar_expressions_are_compared(left: str, right: str, verdicts: tuple[str, ...]) -> None:
    assert equal(left, right).verdict in verdicts


def test_a_domain_that_differs_is_a_message() -> None:
    verdict = equal("log(x*y)", "log(x) + log(y)")
    assert verdict.verdict in RIGHT
    assert "is not" in verdict.message


@pytest.mark.parametrize("line", ["z[0] = 1", "dL/dv[0] = (y - t)*z[1]"])
def test_a_component_that_does_not_exist_is_refuted(line: str) -> None:
    (found,) = check(parse(HIDDEN), line).lines
    assert found.verdict == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == "wrong-index"
    assert "has only j = 1..H" in found.diagnosis.message
    assert found.witness is not None
    assert found.witness.true.startswith("not defined")


def test_lines_follow_from_a_wrong_forward_value() -> None:
    report = check(
        parse(HIDDEN),
        """
        z[j] = tanh(a[j])
        y = sum(j, v[j]*tanh(a[j]))
        dL/dv[j] = (y - t)*tanh(a[j])
        dL/dy = y - t
        y = sum(j, v[j]*sigmoid(a[j]))
        """,
    )
    assert [line.verdict in RIGHT for line in report.lines] == [False, False, False, True, True]
    assert [line.follows for line in report.lines] == [False, True, True, True, False]


def test_numbers_follow_from_a_wrong_number_at_the_same_point() -> None:
    network = parse("y = w*x + b\nz = y**2\nL = z - t")
    claims = "at w = 2, x = 3, b = 1, t = 4\ny = 8\nz = 64\nL = 60\ndL/dy = 16\nat w = 1\nz = 16\nz = 81"
    report = check(network, claims)
    assert [line.verdict for line in report.lines] == ["refuted"] * 4 + ["agrees", "refuted"]
    assert [line.follows for line in report.lines] == [False, True, True, True, True, False]


def test_gradients_that_nobody_asked_for_are_not_missing() -> None:
    claims = "dL/dz = 1\ndL/dy = 2*y*D(L, z)"
    assert check(parse("y = w*x + b\nz = y**2\nL = z - t"), claims).missing == ()
    claims_by_w = f"{claims}\nP(y, w) = x"
    assert check(parse("y = w*x + b\nz = y**2\nL = z - t"), claims_by_w).missing == ("D(L, w)",)
    asked = parse("input x; target t; parameter w, b; y = w*x + b; z = y**2; L = z - t")
    assert check(asked, claims).missing == ("D(L, w)", "D(L, b)")


def test_no_witness_lies_at_a_kink() -> None:
    network = parse(
        "index i = 1..D, j = 1..H; input x[i]; target t; parameter W[j,i], v[j]\na[j] = sum(i, W[j,i]*x[i])\n"
        "h[j] = relu(a[j])\ny = sum(j, v[j]*h[j])\nL = (y - t)**2/2"
    )
    (line,) = check(network, "D(L, W[j,i]) = (y - t)*v[j]*[v[j] > 0]*x[i]").lines
    assert line.verdict == "refuted"
    assert line.witness is not None
    weights, inputs = line.witness.values["W"], line.witness.values["x"]
    row = weights[line.witness.entry["j"] - 1]
    assert sum(Fraction(one) * Fraction(other) for one, other in zip(row, inputs, strict=True)) != 0
