"""`v_bar` is the derivative of the objective by v; what a line only defines is no evidence for anything."""

from __future__ import annotations

import pytest

from symprop.declaration.parser import parse
from symprop.verification.report import Session

HIDDEN = """
size H = 8
index i = 1..D, j = 1..H
input x[i]
target t
parameter W[j,i], v[j]
a[j] = sum(i, W[j,i]*x[i])
z[j] = sigmoid(a[j])
y = sum(j, v[j]*z[j])
L = (y - t)**2/2
"""


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(parse(HIDDEN))


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("L_bar = 1", "proved"),
        ("L_bar = 2", "refuted"),
        ("y_bar = y - t", "proved"),
        ("y_bar = 5*t", "refuted"),
        (r"\bar{y} = y - t", "proved"),
        (r"\bar y = 5 t", "refuted"),
        ("ȳ = y - t", "proved"),
        ("z\u0304[j] = (y - t)*v[j]", "proved"),
        ("z_bar_j = (y - t)*v_j", "proved"),
        ("a_bar[j] = z_bar[j]*z[j]*(1 - z[j])", "proved"),
        ("a_bar[j] = z_bar[j]*z[j]", "refuted"),
        ("W_bar[j,i] = a_bar[j]*x[i]", "proved"),
        ("W_bar = outer(a_bar, x)", "proved"),
        ("W_bar = outer(x, a_bar)", "refuted"),
        ("x_bar[i] = sum(j, W[j,i]*a_bar[j])", "proved"),
    ],
)
def test_v_bar_is_the_derivative_by_v_on_both_sides(session: Session, line: str, verdict: str) -> None:
    (found,) = session.check(line).lines
    assert found.verdict == verdict, found
    assert "is the derivative of L by" in found.note


def test_the_meaning_of_a_name_on_the_right_is_told_once(session: Session) -> None:
    first, second = session.check("W_bar[j,i] = a_bar[j]*x[i]\nx_bar[i] = sum(j, W[j,i]*a_bar[j])").lines
    assert "a_bar is the derivative of L by a" in first.note
    assert second.note == "x_bar is the derivative of L by x"


@pytest.mark.parametrize("line", ["x_bar = mean(i, x[i])", "W_bar[i] = mean(j, W[j,i])"])
def test_a_mean_may_be_called_bar_as_statistics_do(session: Session, line: str) -> None:
    (found,) = session.check(line).lines
    assert found.defines == line.split("_")[0] + "_bar"


def test_a_name_of_the_network_that_ends_in_bar_stays_what_it_is() -> None:
    session = Session(parse("input x\nparameter x_bar\nL = (x - x_bar)**2"))
    assert session.check("x_bar = 3*x").lines[0].verdict == "refuted"
    assert session.check("dL/dx_bar = 2*(x_bar - x)").verdict == "proved"


def test_definitions_count_neither_as_right_nor_as_proved(session: Session) -> None:
    report = session.check("delta[j] = (y - t)*v[j]\ndL/dz[j] = delta[j]\ndL/da[j] = delta[j]")
    assert [line.defines for line in report.lines] == ["delta", "", ""]
    assert len(report.claims) == 2
    assert report.score == 0.5
    assert "1 of 2 lines right (1 proved)" in report.to_text()
    assert "1 definition" in report.to_text()
    assert "· line 1: definition" in report.to_text()


def test_a_text_of_definitions_alone_proves_nothing(session: Session) -> None:
    report = session.check("p = 5*t\nq[j] = p*z[j]")
    assert report.verdict is None
    assert report.score is None
    assert report.exit_status == 3
    assert "proved" not in report.to_text()
    assert "nothing is claimed" in report.to_text()


def test_a_chain_that_starts_with_a_definition_is_judged(session: Session) -> None:
    (line,) = session.check("delta = y - t = 2*(y - t)").lines
    assert line.verdict == "refuted"
    assert not line.defines


def test_a_name_cannot_be_defined_by_itself(session: Session) -> None:
    (line,) = session.check("q = q + 1").lines
    assert line.verdict is None
    assert "defined by itself" in (line.error or "")


def test_a_misspelt_adjoint_is_told_from_a_definition() -> None:
    session = Session(parse("input alpha\nL = alpha**2"))
    assert "alpha_bar" in session.check("alpa_bar = 2*alpha").lines[0].note


def test_the_loss_may_be_meant_where_a_likelihood_is_maximised() -> None:
    session = Session(parse("input a, t\ny = sigmoid(a)\nJ = t*log(y) + (1 - t)*log(1 - y)\nmaximize J"))
    (line,) = session.check("a_bar = y - t").lines
    assert line.verdict == "proved"
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "convention"


def test_a_slip_is_named_beside_the_convention(session: Session) -> None:
    maximised = Session(parse(HIDDEN.replace("L = (y - t)**2/2", "L = -(y - t)**2/2\nmaximize L")))
    (line,) = maximised.check("dv[j] = (y - t)*a[j]").lines
    assert line.diagnosis is not None
    assert line.diagnosis.kind == "wrong-quantity"
    assert len(line.diagnosis.slips) == 1
    assert "minimised" in line.diagnosis.message


# Sizes: a default of the file is a default.


def test_a_witness_has_small_sizes_where_the_file_gives_defaults(session: Session) -> None:
    witness = session.check("dL/dz[j] = (y - t)*z[j]").lines[0].witness
    assert witness is not None
    assert witness.sizes["H"] <= 2


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dL/dv[8] = (y - t)*z[8]", None),
        ("dL/dv[j] = (sum(m = 1..H, v[m]*z[m]) - t)*z[j]", None),
        # Right at the size stated, which --size H=... replaces.
        ("dL/dv[j] = (y - t)*z[j]*8/H", "condition"),
        ("dL/dv[j] = (y - t)*z[j]*64/H**2", "condition"),
        ("dL/dv[8] = (y - t)*z[8]*H/8", "condition"),
        ("dL/dv[j] = (sum(m = 1..8, v[m]*z[m]) - t)*z[j]", "condition"),
        # Wrong at the size stated as well.
        ("dL/dv[j] = 8*(y - t)*z[j]", "constant-factor"),
        ("dL/dv[j] = (t - y)*z[j]*H/8", "sign"),
        ("dL/dv[j] = (y - t)*z[j]*7/H", "constant-factor"),
        ("dL/dv[j] = (sum(m = 1..7, v[m]*z[m]) - t)*z[j]", ""),  # by any slip
    ],
)
def test_a_default_is_no_fact(session: Session, line: str, kind: str | None) -> None:
    (found,) = session.check(line).lines
    assert (found.verdict in ("proved", "agrees")) is (kind is None), found
    said = found.diagnosis
    assert not kind or (said is not None and said.kind == kind), said
    assert kind != "condition" or (said is not None and "only if H = 8" in said.message)


def test_an_unknown_name_is_offered_the_known_one(session: Session) -> None:
    (line,) = session.check("dL/dy = y - T").lines
    assert line.verdict == "refuted"
    assert line.diagnosis is not None
    assert "With t for T the line is right" in line.diagnosis.message
    assert "not t" in line.note


def test_a_factor_left_out_of_one_term_is_said_to_be_of_that_term() -> None:
    session = Session(parse("index i = 1..D\ninput x[i]\nparameter w[i]\nhyperparameter lam = 0.1\n"
                            "y = sum(i, w[i]*x[i])\nL = y**2 + lam*sum(i, w[i]**2)"))  # fmt: skip
    (line,) = session.check("dL/dw[i] = 2*y*x[i] + 2*w[i]").lines
    assert line.diagnosis is not None
    assert "The factor lam of the term 2*lam*w[i] is left out" in line.diagnosis.message
