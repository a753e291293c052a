"""A derivation as a document: text, LaTeX, Markdown, HTML, or a plain dictionary for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symprop.algebra.expressions import Access, Bound, Expr, free_indices
from symprop.declaration.network import Network
from symprop.declaration.sizes import SizeValue
from symprop.declaration.written_out import solved, write_out
from symprop.derivation.forward_sweep import propagate
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Adjoint, Derivation
from symprop.errors import OptionError, nearest
from symprop.rendering.document import Document, Formula, document, listed, rule
from symprop.rendering.environment import environment
from symprop.rendering.matrix_page import in_matrices
from symprop.rendering.printers.html import HtmlPage
from symprop.rendering.printers.latex import LatexPage, latex
from symprop.rendering.printers.layout import Names, Typesetter
from symprop.rendering.printers.markdown import MarkdownPage
from symprop.rendering.printers.text import TextPage, plain

NOTATIONS = ("index", "matrix", "scalar")
DETAILS = ("final", "steps", "full")
NARROWEST = 40


def to_text(
    derivation: Derivation,
    notation: str = "index",
    detail: str = "steps",
    width: int = 80,
    sizes: Mapping[str, SizeValue] | None = None,
) -> str:
    """Return a derivation as plain text, in which every expression reads back.

    Parameters
    ----------
    derivation : Derivation
    notation : str
        ``index``; ``matrix``: with whole arrays, as far as a line has such a form; ``scalar``: every component written
        out, for small sizes.
    detail : str
        ``final``: only the gradients; ``steps``: forward equations and every backward line with its local partial;
        ``full``: every simplification with its rule as well.
    width : int
        Columns of the page, in characters.
    sizes : mapping of str to int or sequence of int, optional
        For scalar notation: the sizes that the network does not define, dimensionless.

    Raises
    ------
    OptionError
        If an option has a value that cannot be used.
    """
    if width < NARROWEST:
        raise OptionError(f"a page of {width} columns is too narrow", hint=f"Use at least {NARROWEST}.")
    content, _ = _document(derivation, notation, detail, sizes)
    page = TextPage(content, width)
    return _render("text/derivation.txt.jinja", title=plain(content.title), document=content, page=page)


def to_latex(
    derivation: Derivation,
    notation: str = "index",
    detail: str = "steps",
    fragment: bool = False,
    sizes: Mapping[str, SizeValue] | None = None,
) -> str:
    r"""Return a derivation as a LaTeX document; it needs ``amsmath`` and nothing else.

    Parameters
    ----------
    derivation, notation, detail, sizes
        As in `to_text`.
    fragment : bool
        Whether to return only what stands between ``\begin{document}`` and ``\end{document}``, for a line of 345 pt or
        wider (the default of the article class).
    """
    content, network = _document(derivation, notation, detail, sizes)
    page = LatexPage(content, Names.of(network), fragment=fragment)
    return _render("latex/derivation.tex.jinja", document=content, page=page, fragment=fragment)


def to_markdown(
    derivation: Derivation,
    notation: str = "index",
    detail: str = "steps",
    sizes: Mapping[str, SizeValue] | None = None,
) -> str:
    """Return a derivation as Markdown with LaTeX between dollar signs, as notebooks and code hosts read it."""
    content, network = _document(derivation, notation, detail, sizes)
    page = MarkdownPage(content, Names.of(network))
    return _render("markdown/derivation.md.jinja", document=content, page=page)


def to_html(
    derivation: Derivation,
    notation: str = "index",
    detail: str = "steps",
    fragment: bool = False,
    sizes: Mapping[str, SizeValue] | None = None,
) -> str:
    """Return a derivation as one HTML page; formulas are MathML, so no script and no network is needed.

    Parameters
    ----------
    derivation, notation, detail, sizes
        As in `to_text`.
    fragment : bool
        Whether to return one ``<div>`` with its own style, as for a cell of a notebook.
    """
    content, network = _document(derivation, notation, detail, sizes)
    page = HtmlPage(content, Names.of(network))
    title = plain(content.title)
    return _render("html/derivation.html.jinja", title=title, document=content, page=page, fragment=fragment)


def to_math(derivation: Derivation) -> str:
    r"""Return the results of a derivation as one formula between ``$$``, as MathJax and KaTeX take it."""
    content, network = _document(derivation, "index", "final", None)
    page = LatexPage(content, Names.of(network))
    rows = " \\\\\n".join(page.row(formula) for formula in (*content.results, *content.definitions))
    return f"$$\\begin{{aligned}}\n{rows}\n\\end{{aligned}}$$"


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


def _document(
    derivation: Derivation, notation: str, detail: str, sizes: Mapping[str, SizeValue] | None
) -> tuple[Document, Network]:
    """Return the document and the network whose names it uses."""
    _choose("notation", notation, NOTATIONS)
    _choose("detail", detail, DETAILS)
    if notation == "scalar":
        return _in_scalars(derivation, detail, sizes)
    if sizes:
        raise OptionError(f"{notation} notation is for all sizes", hint="Only scalar notation needs sizes.")
    content = document(derivation, detail)
    return in_matrices(content, derivation) if notation == "matrix" else content, derivation.network


def _in_scalars(derivation: Derivation, detail: str, sizes: Mapping[str, SizeValue] | None) -> tuple[Document, Network]:
    """Write the network out, derive it anew, and say for which sizes that was."""
    if free_indices(derivation.of):
        axes = derivation.network.quantities[derivation.of.name].axes
        first = Access(derivation.of.name, tuple(axis.lower for axis in axes))
        raise OptionError(
            f"scalar notation prints the derivatives of one number, and {derivation.of} is many",
            hint=f'Differentiate one component, of="{first}".',
        )
    written = write_out(derivation.network, sizes)
    wrt = tuple(name for quantity in derivation.wrt for name in written.names[quantity].values())
    of = None if derivation.objective is not None else written.component(derivation.of)
    if of is None and derivation.objective is None:
        raise OptionError(f"there is no {derivation.of} for these sizes", hint="Choose larger sizes.")
    derive = propagate if derivation.mode == "forward" else backpropagate
    scalars = derive(written.network, of=of, wrt=wrt)
    content = document(scalars, detail)
    values = [Formula(size, "=", (value,)) for size, value in solved(derivation.network, sizes).items()]
    title = document(derivation, "final").title
    said = (("Every component is written out, for ", *listed(values, " and "), "."),) if values else ()
    return replace(content, title=title, introduction=(*content.introduction, *said)), written.network


def _choose(option: str, value: str, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        close = nearest(str(value), known)
        meant = f"Did you mean '{close}'? " if close else ""
        raise OptionError(f"unknown {option} {value!r}", hint=f"{meant}Known: {', '.join(known)}.")


def _render(template: str, **context: Any) -> str:
    return environment().get_template(f"report/{template}").render(**context).rstrip() + "\n"
