"""A document as Markdown: tables, and LaTeX between dollar signs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from symprop.algebra.expressions import Expr
from symprop.rendering.document import Document, Formula, Sentence
from symprop.rendering.printers.latex import LatexPage
from symprop.rendering.printers.layout import Names


class MarkdownPage:
    """A document as Markdown, for the templates. Formulas are those of `LatexPage`, without any line breaks.

    Parameters
    ----------
    document : Document
    names : Names
        The names of the network.
    """

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.page = LatexPage(document, names)

    def sentence(self, sentence: Sentence) -> str:
        """Return a sentence with its formulas between dollar signs."""
        return "".join(marked_down(part) if isinstance(part, str) else self.page.sentence((part,)) for part in sentence)

    def math(self, part: Expr | Formula) -> str:
        """Return a formula in display style between dollar signs."""
        return self.page.math(part)

    def ranges(self) -> str:
        """Return the ranges of the indices between dollar signs."""
        return self.page.ranges()

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a table; no cell may hold a bar outside of a formula, and no formula has one."""
        lines = [f"| {' | '.join(head)} |", f"|{'|'.join(':--' for _ in head)}|"]
        lines.extend(f"| {' | '.join(row)} |" for row in rows)
        return "\n".join(re.sub(r" +(?=\|)", " ", line) for line in lines)

    def forward(self, formulas: Sequence[Formula]) -> str:
        """Return formulas one below the other."""
        return "\n\n".join(self.math(formula) for formula in formulas)

    def backward(self) -> str:
        """Return the backward lines as the table of the lecture."""
        rows: list[tuple[str, ...]] = []
        before: Formula | None = None
        for line in self.document.lines:
            shown = "" if line.forward is None or line.forward == before else self.math(line.forward)
            before = line.forward or before
            partial = "" if line.partial is None else self.math(line.partial)
            rows.append((shown, self.math(line.backward), partial, marked_down(line.rule)))
        return self.table(("Forward", self.document.heading, "Local partial", "Rule"), rows)

    def simplifications(self) -> str:
        """Return every simplification as a row: the expression and the rule that made it."""
        rows: list[tuple[str, ...]] = []
        for simplification in self.document.simplifications:
            rows.append((self.math(Formula(simplification.left, "=", (simplification.first,))), ""))
            rows.extend((self.page.math(form, "= "), self.sentence(rule)) for rule, form in simplification.steps)
        return self.table(("Expression", "Rule"), rows)


def marked_down(text: str) -> str:
    """Return running text with the characters escaped that Markdown reads as marks."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", text)
