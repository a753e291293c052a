"""Derivations as text, Markdown, HTML and JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import networks
import pytest

from symprop.algebra.expressions import Access, Expr, names_of
from symprop.declaration.parser import parse, parse_expression
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation
from symprop.errors import OptionError
from symprop.rendering.document import document
from symprop.rendering.printers.text import wrapped
from symprop.rendering.report import to_dict, to_html, to_latex, to_markdown, to_text

GOLDEN = Path(__file__).parent / "golden"
DERIVATIONS = networks.derivations()
DETAILS = ("final", "steps", "full")

every_derivation = pytest.mark.parametrize("derivation", DERIVATIONS.values(), ids=DERIVATIONS.keys())


@pytest.mark.parametrize(
    ("name", "write", "ending"),
    [
        ("shared", to_text, "txt"),
        ("hidden_layer", to_text, "txt"),
        ("softmax", lambda derivation: to_text(derivation, detail="full"), "txt"),
        ("recurrent", to_text, "txt"),
        ("forward", to_text, "txt"),
        ("shared", to_latex, "tex"),
        ("hidden_layer", to_latex, "tex"),
        ("hidden_layer", to_markdown, "md"),
        ("shared", to_html, "html"),
    ],
)
def test_a_report_is_the_one_that_was_read_as_prose(name: str, write: Callable[[Derivation], str], ending: str) -> None:
    """Golden files; after a change set REFRESH_GOLDEN=1, and read them again."""
    path = GOLDEN / f"{name}.{ending}"
    report = write(DERIVATIONS[name])
    if os.environ.get("REFRESH_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(report, encoding="utf-8")
    assert report == path.read_text(encoding="utf-8")


# Every line of the table of the lecture (ISA-18), the one that the slide lacks included; blanks do not matter.
LECTURE_TABLE = """
J=cos(u)|u_bar=-sin(u)|dJ/du=-sin(u)
u=u1+u2|u1_bar=u_bar|du/du1=1
|u2_bar=u_bar|du/du2=1
u1=sin(t)|t_bar+=u1_bar*cos(t)|du1/dt=cos(t)
u2=3*t|t_bar+=3*u2_bar|du2/dt=3
t=x**2|x_bar=2*t_bar*x|dt/dx=2*x
"""


def test_the_table_of_the_lecture_has_all_its_lines() -> None:
    lines = document(DERIVATIONS["shared"], "steps").lines
    found: dict[str, set[tuple[str, str]]] = {}
    for line in lines:
        if line.forward is not None and line.partial is not None:
            forward = f"{line.forward.left}={line.forward.forms[0]}"
            partial = f"d{line.partial.left.of}/d{line.partial.left.by}={line.partial.forms[0]}"  # type: ignore[attr-defined]
            backward = f"{line.backward.left}{line.backward.sign}{line.backward.forms[0]}"
            found.setdefault(forward.replace(" ", ""), set()).add((backward.replace(" ", ""), partial.replace(" ", "")))
    expected: dict[str, set[tuple[str, str]]] = {}
    before = ""
    for row in LECTURE_TABLE.strip().splitlines():
        forward, backward, partial = row.split("|")
        before = forward or before
        expected.setdefault(before, set()).add((backward, partial))
    assert found == expected


@every_derivation
@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("width", [80, 60])
def test_no_line_of_text_is_wider_than_the_page(derivation: Derivation, detail: str, width: int) -> None:
    too_wide = [line for line in to_text(derivation, detail=detail, width=width).splitlines() if len(line) > width]
    assert not too_wide


@every_derivation
@pytest.mark.parametrize("detail", DETAILS)
def test_text_has_no_trailing_blanks_and_no_double_gaps(derivation: Derivation, detail: str) -> None:
    text = to_text(derivation, detail=detail)
    assert text.isascii()
    assert not re.search(r"[ \t]\n|\n\n\n", text)
    assert text.endswith("\n")


@pytest.mark.parametrize("width", [20, 30, 45, 70])
@every_derivation
def test_a_wrapped_expression_is_the_same_without_the_breaks(derivation: Derivation, width: int) -> None:
    for adjoint in derivation.adjoints.values():
        lines = wrapped(str(adjoint.textbook), width, start=4)
        assert "".join("".join(lines).split()) == "".join(str(adjoint.textbook).split())
        for line in lines[1:]:
            assert line.startswith("    ")
            assert line.lstrip()[0] not in ")]"


@every_derivation
def test_plus_equals_stands_exactly_where_a_quantity_is_read_more_than_once(derivation: Derivation) -> None:
    signs: dict[str, set[str]] = {}
    for line in document(derivation, "steps").lines:
        if line.partial is not None:
            assert isinstance(line.backward.left, Access)
            signs.setdefault(line.backward.left.name, set()).add(line.backward.sign)
    several = {adjoint.access.name: len(adjoint.terms) > 1 for adjoint in derivation.adjoints.values()}
    for name, found in signs.items():
        assert found == {"+=" if several[name] else "="}


@pytest.mark.parametrize("name", [name for name in DERIVATIONS if name != "recurrent"])
def test_every_adjoint_is_complete_before_a_line_reads_it(name: str) -> None:
    derivation = DERIVATIONS[name]
    adjoints = {adjoint.access.name for adjoint in derivation.adjoints.values()}
    complete: set[str] = set()
    for line in document(derivation, "steps").lines:
        for form in line.backward.forms:
            assert names_of(form) & adjoints <= complete
        if line.backward.sign == "=":
            complete |= names_of(line.backward.left)
    assert complete == adjoints


@every_derivation
def test_every_equation_and_every_term_is_printed(derivation: Derivation) -> None:
    content = document(derivation, "full")
    defined = [name for formula in content.forward for name in names_of(formula.left)]
    equations = [name for name in defined if name in derivation.network.quantities]  # the others are inner values
    assert equations == [equation.name for equation in derivation.network.equations]
    lines = [line for line in content.lines if line.partial is not None]
    assert len(lines) == sum(len(adjoint.terms) for adjoint in derivation.adjoints.values())
    shown = sum(len(simplification.steps) for simplification in content.simplifications)
    assert shown >= sum(len(adjoint.steps) for adjoint in derivation.adjoints.values())


@every_derivation
def test_the_final_form_defines_every_adjoint_that_it_names(derivation: Derivation) -> None:
    content = document(derivation, "final")
    assert not content.lines
    assert not content.forward
    adjoints = {adjoint.access.name for adjoint in derivation.adjoints.values()}
    defined = frozenset().union(*(names_of(formula.left) for formula in content.definitions))
    for formula in (*content.results, *content.definitions):
        for form in formula.forms:
            assert names_of(form) & adjoints <= defined


@pytest.mark.parametrize(
    ("equation", "rule"),
    [
        ("J = cos(w)", "chain rule through cos"),
        ("J = w + x", "sum rule"),
        ("J = 3*w", "constant factor"),
        ("J = w*x", "product rule"),
        ("J = x/w", "quotient rule"),
        ("J = w**2", "power rule"),
        ("J = x**w", "exponential rule"),
        ("J = sqrt(w)", "chain rule through sqrt"),
        ("J = -w", "identity"),
        ("J = (x - w)**2/2", "sum and power rule, constant factor"),
        ("J = x*log(sigmoid(w))", "product rule, chain rule through log and sigmoid"),
        ("J = where(x > 0, w, 2*w)", "case by case, constant factor"),
        ("J = sum(i, v[i]*w)", "sum and product rule"),
        ("J = prod(i, v[i] + w)", "sum and product rule"),
    ],
)
def test_the_rules_of_differentiation_are_named(equation: str, rule: str) -> None:
    network = parse(f"index i = 1..N\ninput x, v[i]\nparameter w\n{equation}")
    lines = document(backpropagate(network), "steps").lines
    assert next(line.rule for line in lines if line.partial is not None) == rule


def test_each_of_several_readings_names_the_rules_of_its_own_way() -> None:
    text = "index i = 1..N\ninput x\nparameter v[i]\nL = sum(i, v[i]**2) + sum(i, x*log(v[i])) + v[1]/x"
    lines = [line for line in document(backpropagate(parse(text)), "steps").lines if line.partial is not None]
    assert [line.rule for line in lines] == [
        "sum and power rule",
        "sum and product rule, chain rule through log",
        "sum and product rule",
    ]


@pytest.mark.parametrize(
    ("text", "note", "stated"),
    [
        ("input x\nparameter w\nL = relu(w*x)\nminimize L", "relu'(0) = 0", True),
        ("input x\nparameter w\nL = abs(w*x)\nminimize L", "abs'(0) = 0", True),
        ("input x\nparameter w\nL = leaky_relu(w*x, 0.2)\nminimize L", "leaky_relu'(0, 1/5) = 1/5", True),
        ("input x\nparameter w\nL = tanh(w*x)\nminimize L", "kinks", False),
        ("input x\nparameter w\nL = max(w, x)\nminimize L", "In a tie the first argument", True),
        ("input x\nparameter w\nL = log(w*x)\nminimize L", "Logarithms are natural", True),
        ("input x\nparameter w\nL = w*x\nminimize L", "Logarithms", False),
        ("input x\nparameter w\nL = w*x\nmaximize L", "L is maximized.", True),
        ("input x\nparameter w\nL = w*x\nmaximize L", "makes it larger", True),
        ("input x\nparameter w\nL = w*x\nminimize L", "makes it larger", False),
        ("input x\nparameter w\nL = w*x", "the last scalar is it", True),
        ("input x\nparameter w\nL = w*x\nminimize L", "the last scalar is it", False),
        ("input x\nparameter w\nL = w*x\nminimize L", "over a batch the objective is the mean", True),
    ],
)
def test_conventions_are_stated_where_they_matter_and_nowhere_else(text: str, note: str, stated: bool) -> None:
    report = " ".join(to_text(backpropagate(parse(text))).split())
    assert (note in report) is stated


def test_the_adjoint_of_an_unread_parameter_is_zero_and_says_so() -> None:
    report = to_text(backpropagate(parse("input x\nparameter w, b\nL = w*x\nminimize L")))
    assert "b_bar = 0" in report.replace("  ", " ")
    assert "not read" in report
    assert "dL/db = 0" in report


@every_derivation
def test_the_dictionary_is_json_and_its_gradients_read_back(derivation: Derivation) -> None:
    data = json.loads(json.dumps(to_dict(derivation)))
    assert set(data) == {"of", "objective", "wrt", "gradients", "adjoints", "steps"}
    assert set(data["gradients"]) == set(derivation.wrt)
    for name, gradient in derivation.gradients.items():
        entry = data["gradients"][name]
        assert entry["indices"] == [index.name for index in gradient.indices]
        if _reads_back(gradient.expression, derivation):
            assert parse_expression(entry["expression"], derivation.network) == gradient.expression
    for entry in data["steps"]:
        assert set(entry) == {"of", "rule", "before", "after"}


def _reads_back(expr: Expr, derivation: Derivation) -> bool:
    """Whether the network alone has all the names: adjoints have none there."""
    return names_of(expr) <= set(derivation.network.quantities)


def test_the_dictionary_has_the_indices_in_the_order_of_the_parameter() -> None:
    data = to_dict(DERIVATIONS["hidden_layer"])
    assert data["gradients"]["alpha"]["indices"] == ["j", "i"]
    assert data["gradients"]["alpha"]["ranges"] == {"j": ["0", "H"], "i": ["0", "D"]}
    assert data["objective"] == {"name": "J", "sense": "maximize", "stated": True}
    assert data["adjoints"]["z"]["terms"][0] == {
        "equation": "b = sum(j, beta[j]*z[j])",
        "operand": "z[j]",
        "rule": "sum and product rule",
        "partial": "beta[j]",
        "adds": "b_bar*beta[j]",
    }


@pytest.mark.parametrize("write", [to_text, to_latex, to_markdown, to_html])
def test_options_that_cannot_be_used_are_refused_with_a_hint(write: Callable[..., str]) -> None:
    derivation = DERIVATIONS["shared"]
    with pytest.raises(OptionError, match="unknown detail 'stepps'") as caught:
        write(derivation, detail="stepps")
    assert caught.value.hint == "Did you mean 'steps'? Known: final, steps, full."
    with pytest.raises(OptionError, match="unknown notation 'indices'"):
        write(derivation, notation="indices")
    for notation in ("index", "matrix"):
        with pytest.raises(OptionError, match=f"{notation} notation is for all sizes"):
            write(derivation, notation=notation, sizes={"D": 2})


def test_a_page_that_is_too_narrow_is_refused() -> None:
    with pytest.raises(OptionError, match="20 columns is too narrow"):
        to_text(DERIVATIONS["shared"], width=20)


# How many parts each element of MathML has that has a fixed number.
PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munderover": 3, "munder": 2, "mover": 2, "mroot": 2}


class _Balance(HTMLParser):
    """Remembers open tags; every tag must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "wbr", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@every_derivation
@pytest.mark.parametrize("detail", DETAILS)
def test_html_closes_its_tags_and_its_formulas_are_xml(derivation: Derivation, detail: str) -> None:
    page = to_html(derivation, detail=detail)
    balance = _Balance()
    balance.feed(page)
    assert not balance.open
    for formula in re.findall(r"<math.*?</math>", page, re.DOTALL):
        root = ElementTree.fromstring(formula)
        for node in root.iter():
            assert len(node) == PARTS.get(node.tag, len(node))


@pytest.mark.parametrize(
    ("equation", "beside"),
    [("y = tanh(a*x)", True), (f"y = tanh({' + '.join(f'a*sin({n}*x)' for n in range(9))})", False)],
)
def test_forward_equations_stand_beside_the_backward_lines_of_html_where_there_is_room(
    equation: str, beside: bool
) -> None:
    page = to_html(backpropagate(parse(f"input x\nparameter a\n{equation}\nL = y**2")))
    assert ("<th>forward</th>" in page) is beside
    assert ('<td colspan="5">' in page) is not beside


def test_an_html_fragment_is_one_element_without_a_document_around_it() -> None:
    fragment = to_html(DERIVATIONS["shared"], fragment=True)
    assert fragment.startswith('<div class="symprop">')
    assert fragment.rstrip().endswith("</div>")
    assert "<html" not in fragment


@every_derivation
@pytest.mark.parametrize("detail", DETAILS)
def test_markdown_tables_have_equally_many_cells_in_each_row(derivation: Derivation, detail: str) -> None:
    counts: set[int] = set()
    for line in to_markdown(derivation, detail=detail).splitlines():
        if line.startswith("|"):
            counts.add(line.count("|"))
        else:
            assert len(counts) <= 1
            counts = set()
        assert line.count("$") % 2 == 0


def test_printing_imports_no_sympy() -> None:
    code = "import sys, symprop.rendering.report; assert 'sympy' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
