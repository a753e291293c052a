"""A derivation as a document: text, LaTeX, Markdown, HTML, or a plain dictionary for JSON."""

from __future__ import annotations

from typing import Any

from symprop.algebra.expressions import Bound, Expr
from symprop.derivation.steps import Adjoint, Derivation
from symprop.errors import OptionError, nearest
from symprop.rendering.document import Document, document, rule
from symprop.rendering.environment import environment
from symprop.rendering.matrix import in_matrices
from symprop.rendering.printers.html import HtmlPage
from symprop.rendering.printers.latex import LatexPage, latex
from symprop.rendering.printers.layout import Names, Typesetter
from symprop.rendering.printers.markdown import MarkdownPage
from symprop.rendering.printers.text import TextPage, plain

NOTATIONS = ("index", "matrix", "scalar")
DETAILS = ("final", "steps", "full")
NARROWEST = 40


def to_text(derivation: Derivation, notation: str = "index", detail: str = "steps", width: int = 80) -> str:
    """Return a derivation as plain text, in which every expression reads back.

    Parameters
    ----------
    derivation : Derivation
    notation : str
        ``index``; ``matrix`` and ``scalar`` are not there yet.
    detail : str
        ``final``: only the gradients; ``steps``: forward equations and every backward line with its local partial;
        ``full``: every simplification with its rule as well.
    width : int
        Columns of the page, in characters.

    Raises
    ------
    OptionError
        If an option has a value that cannot be used.
    """
    if width < NARROWEST:
        raise OptionError(f"a page of {width} columns is too narrow", hint=f"Use at least {NARROWEST}.")
    content = _document(derivation, notation, detail)
    page = TextPage(content, width)
    return _render("text/derivation.txt.jinja", title=plain(content.title), document=content, page=page)


def to_latex(derivation: Derivation, notation: str = "index", detail: str = "steps", fragment: bool = False) -> str:
    r"""Return a derivation as a LaTeX document; it needs ``amsmath`` and nothing else.

    Parameters
    ----------
    derivation, notation, detail
        As in `to_text`.
    fragment : bool
        Whether to return only what stands between ``\begin{document}`` and ``\end{document}``, for a line of 345 pt or
        wider (the default of the article class).
    """
    content = _document(derivation, notation, detail)
    page = LatexPage(content, Names.of(derivation.network), fragment=fragment)
    return _render("latex/derivation.tex.jinja", document=content, page=page, fragment=fragment)


def to_markdown(derivation: Derivation, notation: str = "index", detail: str = "steps") -> str:
    """Return a derivation as Markdown with LaTeX between dollar signs, as notebooks and code hosts read it."""
    content = _document(derivation, notation, detail)
    page = MarkdownPage(content, Names.of(derivation.network))
    return _render("markdown/derivation.md.jinja", document=content, page=page)


def to_html(derivation: Derivation, notation: str = "index", detail: str = "steps", fragment: bool = False) -> str:
    """Return a derivation as one HTML page; formulas are MathML, so no script and no network is needed.

    Parameters
    ----------
    derivation, notation, detail
        As in `to_text`.
    fragment : bool
        Whether to return one ``<div>`` with its own style, as for a cell of a notebook.
    """
    content = _document(derivation, notation, detail)
    page = HtmlPage(content, Names.of(derivation.network))
    title = plain(content.title)
    return _render("html/derivation.html.jinja", title=title, document=content, page=page, fragment=fragment)


def latex_of(expr: Expr, names: Names | None = None) -> str:
    r"""Return one expression as LaTeX for display style: ``\frac{1}{2} \sum_{k=1}^{K} (y_{k} - t_{k})^{2}``.

    Parameters
    ----------
    expr : Expr
    names : Names, optional
        The names of the network, which decide whether ``z1`` may be written as z with subscript 1.
    """
    return latex(Typesetter(names).box(expr))


def to_dict(derivation: Derivation) -> dict[str, Any]:
    """Return a derivation as nested dictionaries of strings, ready for JSON; every expression reads back.

    Returns
    -------
    dict
        ``of``, ``objective``, ``wrt``; ``gradients`` and ``adjoints`` by name of the quantity, each with ``indices``,
        ``ranges`` and ``expression``; ``steps``, every rewriting in order with ``of``, ``rule``, ``before``, ``after``.
    """
    objective = derivation.objective
    return {
        "of": str(derivation.of),
        "objective": None
        if objective is None
        else {"name": objective.name, "sense": objective.sense, "stated": objective.stated},
        "wrt": list(derivation.wrt),
        "gradients": {
            name: {
                "indices": [str(index) for index in gradient.indices],
                "ranges": _ranges(gradient.bounds),
                "expression": str(gradient.expression),
            }
            for name, gradient in derivation.gradients.items()
        },
        "adjoints": {name: _adjoint(adjoint) for name, adjoint in derivation.adjoints.items()},
        "steps": [
            {"of": name, "rule": step.rule, "before": str(step.before), "after": str(step.after)}
            for name, adjoint in derivation.adjoints.items()
            for step in adjoint.steps
        ],
    }


def _adjoint(adjoint: Adjoint) -> dict[str, Any]:
    return {
        "name": adjoint.access.name,
        "indices": [str(index) for index in adjoint.access.indices],
        "ranges": _ranges(adjoint.bounds),
        "terms": [
            {
                "equation": f"{term.equation.target} = {term.equation.expression}",
                "operand": str(term.operand),
                "rule": rule(term),
                "partial": str(term.partial),
                "adds": str(term.gathered),
            }
            for term in adjoint.terms
        ],
        "expression": str(adjoint.textbook),
    }


def _ranges(bounds: tuple[Bound, ...]) -> dict[str, list[str]]:
    return {bound.index.name: [str(bound.lower), str(bound.upper)] for bound in bounds}


def _document(derivation: Derivation, notation: str, detail: str) -> Document:
    _choose("notation", notation, NOTATIONS)
    _choose("detail", detail, DETAILS)
    found = document(derivation, detail)
    return in_matrices(found, derivation) if notation == "matrix" else found


def _choose(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        close = nearest(str(value), known)
        meant = f"Did you mean '{close}'? " if close else ""
        raise OptionError(f"unknown {option} {value!r}", hint=f"{meant}Known: {', '.join(known)}.")


def _render(template: str, **context: Any) -> str:
    return environment().get_template(f"report/{template}").render(**context).rstrip() + "\n"
