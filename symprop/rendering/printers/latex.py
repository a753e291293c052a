r"""Boxes as LaTeX that needs ``amsmath`` and nothing else.

Brackets have fixed sizes (``\bigl(``) instead of ``\left(``, so that TeX may break a line inside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from symprop.algebra.expressions import Derivative, Expr
from symprop.rendering.document import Document, Formula, Line, Sentence, Simplification
from symprop.rendering.printers.boxes import (
    Accent,
    Big,
    Box,
    Cases,
    Fence,
    Fraction,
    Mark,
    Paragraph,
    Product,
    Root,
    Row,
    Scripts,
    edge,
    height,
    narrowed,
    width,
)
from symprop.rendering.printers.layout import Names, Typesetter, relation, words
from symprop.rendering.printers.text import plain

# A blank that does not end the name of a command before a letter.
_BLANK = re.compile(r"(?<![A-Za-z\\]) +| +(?![A-Za-z ])|(?<=[^A-Za-z\\][A-Za-z]) +|(?<=^[A-Za-z]) +")

_SIZES = (("", ""), (r"\bigl", r"\bigr"), (r"\biggl", r"\biggr"), (r"\Biggl", r"\Biggr"))
_BRACKETS = {
    "()": ("(", ")"),
    "[]": ("[", "]"),
    "||": (r"\lvert", r"\rvert"),
    "floor": (r"\lfloor", r"\rfloor"),
    "ceil": (r"\lceil", r"\rceil"),
}


def latex(box: Box, *, display: bool = True, breakable: bool = False) -> str:
    r"""Return a box as LaTeX.

    Parameters
    ----------
    box : Box
    display : bool
        Whether it stands in display style; in running text fractions are smaller, and so are their brackets.
    breakable : bool
        Whether to allow line breaks between factors (``\*``, which prints a multiplication sign at a break); TeX breaks
        at operators anyhow where a formula stands in a paragraph.
    """
    return _Latex(breakable).write(box, display)


class _Latex:
    def __init__(self, breakable: bool) -> None:
        self.breakable = breakable

    def write(self, box: Box, display: bool) -> str:
        method: Callable[[Any, bool], str] = getattr(self, f"_write_{type(box).__name__}")
        return method(box, display)

    def _write_Mark(self, box: Mark, display: bool) -> str:
        return box.latex

    def _write_Row(self, box: Row, display: bool) -> str:
        text = ""
        before: Box | None = None
        for part in box.parts:
            written = self.write(part, display)
            text += ("" if _clings(before, part) else " ") + written
            before = part
        return text.lstrip()

    def _write_Product(self, box: Product, display: bool) -> str:
        text = self.write(box.factors[0], display)
        for before, factor in zip(box.factors, box.factors[1:], strict=False):
            left, right = edge(before, -1), edge(factor, 0)
            if right is not None and right.kind == "number":
                text += r" \cdot"
            elif self.breakable and display:
                text += r" \*"
            elif "upright" in (left.kind if left else "", right.kind if right else ""):
                text += r" \,"
            text += f" {self.write(factor, display)}"
        return text

    def _write_Scripts(self, box: Scripts, display: bool) -> str:
        text = self.write(box.base, display)
        if isinstance(box.base, (Scripts, Accent)) and isinstance(box.base, Scripts):
            text = f"{{{text}}}"
        if box.below is not None:
            text += f"_{{{self._small(box.below)}}}"
        if box.above is not None:
            text += f"^{{{self._small(box.above)}}}"
        return text

    def _small(self, box: Box) -> str:
        """Return a box as a subscript, superscript or limit, without the blanks that TeX does not need."""
        text = self.write(box, False)
        return text if r"\text" in text else _BLANK.sub("", text)

    def _write_Accent(self, box: Accent, display: bool) -> str:
        wide = isinstance(box.base, Mark) and len(box.base.unicode) > 1
        command = {"bar": "overline", "hat": "widehat", "tilde": "widetilde"}.get(box.kind) if wide else None
        return f"\\{command or box.kind}{{{self.write(box.base, display)}}}"

    def _write_Fraction(self, box: Fraction, display: bool) -> str:
        return f"\\frac{{{self.write(box.numerator, False)}}}{{{self.write(box.denominator, False)}}}"

    def _write_Root(self, box: Root, display: bool) -> str:
        degree = f"[{self.write(box.degree, False)}]" if box.degree else ""
        return f"\\sqrt{degree}{{{self.write(box.body, display)}}}"

    def _write_Fence(self, box: Fence, display: bool) -> str:
        if self.breakable and display and width(box) <= _UNDIVIDED[box.kind == "[]"]:
            return f"{{{_Latex(False).write(box, display)}}}"  # TeX breaks no line inside a group
        left, right = _BRACKETS[box.kind]
        big_left, big_right = _SIZES[min(height(box.body, display), len(_SIZES) - 1)]
        body = self.write(box.body, display)
        space = " " if left.startswith("\\") else ""
        return f"{big_left}{left}{space}{body}{space}{big_right}{right}"

    def _write_Big(self, box: Big, display: bool) -> str:
        above = f"^{{{self._small(box.above)}}}" if box.above is not None else ""
        return f"{box.operator.latex}_{{{self._small(box.below)}}}{above}"

    def _write_Paragraph(self, box: Paragraph, display: bool) -> str:
        body = _Latex(True).write(box.body, True)
        # Rather before a plus than between two factors: TeX's own penalties are the other way round.
        style = r"\raggedright\hangindent=2em\binoppenalty=10\hyphenpenalty=1000"
        return f"\\parbox[t]{{{box.room:.1f}em}}{{{style} $\\displaystyle {body}$}}"

    def _write_Cases(self, box: Cases, display: bool) -> str:
        rows = []
        for value, condition in box.rows:
            when = f"\\text{{if }} {self.write(condition, False)}" if condition is not None else r"\text{otherwise}"
            rows.append(f"{self.write(value, False)} & {when}")
        body = r" \\ ".join(rows)
        return f"\\begin{{cases}} {body} \\end{{cases}}"


def _clings(before: Box | None, part: Box) -> bool:
    """Whether no space is written between two parts: sign and number, function and bracket, comma."""
    if before is None or (isinstance(part, Mark) and part.kind == "punctuation"):
        return True
    if isinstance(before, Mark) and before.kind == "sign":
        return not before.latex.startswith("\\")
    if isinstance(part, Fence):
        name = before.base if isinstance(before, Scripts) else before
        return isinstance(name, Mark) and name.kind == "function"
    return False


# What special characters of running text become.
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "#$%&_{}"},
}

# Room for formulas in em of 10 pt: A4 with margins of one inch, and the article class without changes.
_DOCUMENT_WIDTH, _FRAGMENT_WIDTH = 43.0, 33.0

# Between two columns of a table, a sign with the space around it, and the narrowest paragraph, in em.
_GAP, _SIGN, _NARROWEST = 1.8, 1.4, 8.0

# Brackets up to this width, in em, stay on one line; the second holds for those of a condition.
_UNDIVIDED = 12.0, 24.0

# A column of rules is at least this wide, in em, if any of them needs it; longer ones are wrapped.
_RULE_WIDTH = 8.5


class LatexPage:
    r"""A document as LaTeX, for the templates.

    Formulas stand in ``align*``; one that is too wide for its place becomes a paragraph, ``\parbox``, in which TeX
    breaks the lines.

    Parameters
    ----------
    document : Document
    names : Names
        The names of the network.
    fragment : bool
        Whether the page goes into somebody's own document, whose lines may be shorter.
    """

    def __init__(self, document: Document, names: Names, fragment: bool = False) -> None:
        self.document = document
        self.typesetter = Typesetter(names)
        self.available = _FRAGMENT_WIDTH if fragment else _DOCUMENT_WIDTH

    # Running text.

    def sentence(self, sentence: Sentence) -> str:
        """Return a sentence with its formulas between dollar signs."""
        return "".join(escaped(part) if isinstance(part, str) else f"${self._in_text(part)}$" for part in sentence)

    def math(self, part: Expr | Formula, before: str = "") -> str:
        """Return a formula in display style between dollar signs, after a sign such as ``"= "``."""
        return rf"$\displaystyle {before}{latex(self._whole(part))}$"

    def ranges(self) -> str:
        """Return the ranges of the indices between dollar signs."""
        return ", ".join(f"${latex(self.typesetter.range(bound))}$" for bound in self.document.ranges)

    # Displays.

    def equations(self, formulas: Sequence[Formula]) -> str:
        """Return formulas one below the other, aligned at their signs."""
        left = max(width(self._left(formula)) for formula in formulas)
        beside = max((width(ranges) + _GAP for ranges in map(self._ranges, formulas) if ranges), default=0.0)
        room = self.available - left - _SIGN
        rows = []
        for formula in formulas:
            ranges, right = self._ranges(formula), self._right(formula)
            cell = self._cell(right, room - beside) if ranges else self._reaching(right, room - beside, room)
            row = f"{latex(self._left(formula))} &{self._sign(formula)} {cell}"
            rows.append(f"{row} && {latex(ranges)}" if ranges else row)
        return aligned(rows)

    def row(self, formula: Formula) -> str:
        """Return a formula as a row of an alignment, on one line, its ranges after it."""
        ranges = self._ranges(formula)
        tail = rf" \quad {latex(ranges)}" if ranges else ""
        return f"{latex(self._left(formula))} &{self._sign(formula)} {latex(self._right(formula))}{tail}"

    def chain(self, simplification: Simplification) -> str:
        """Return the forms of an adjoint one below the other, the rule that made each at the right."""
        left = self.box(simplification.left)
        remark = min(max(text_width(plain(rule)) for rule, _ in simplification.steps), _RULE_WIDTH)
        whole = self.available - width(left) - _SIGN
        room = whole - _GAP - remark
        rows = [f"{latex(left)} &= {self._reaching(self.box(simplification.first), room, whole)}"]
        for rule, form in simplification.steps:
            right = remarked(self.sentence(rule), plain(rule), remark)
            rows.append(f"&= {self._cell(self.box(form), room)} && {right}")
        return aligned(rows)

    def backward(self) -> str:
        """Return the backward lines: with the forward equations in the first column if there is room for all, else
        under their forward equations."""
        columns = self._columns(range(len(self.document.lines)))
        rule = self.available - sum(columns[:3]) - 3 * _GAP
        if rule >= min(columns[3], _RULE_WIDTH):
            return aligned(self._table(min(columns[3], rule)))
        return aligned_under(self._under())

    def _columns(self, places: Iterable[int]) -> tuple[float, float, float, float]:
        """Return how wide the columns of some lines are: forward, backward, partial, rule."""
        lines = [self.document.lines[place] for place in places]

        def widest(formulas: Iterable[Formula | None]) -> float:
            known = [formula for formula in formulas if formula is not None]
            left = max((width(self._left(formula)) for formula in known), default=0.0)
            forms = [form for formula in known for form in self._forms(formula)]
            return left + _SIGN + max(map(width, forms)) if forms else 0.0

        return (
            widest(line.forward for line in lines),
            widest(line.backward for line in lines),
            widest(line.partial for line in lines),
            max((text_width(line.rule) for line in lines), default=0.0),
        )

    def _table(self, rule: float) -> Iterator[str]:
        before: Formula | None = None
        for line in self.document.lines:
            forward = "&" if line.forward is None or line.forward == before else self._pair(line.forward)[0]
            before = line.forward or before
            for place, row in enumerate(self._beside(line, rule)):
                yield f"{forward if place == 0 else '&'} & {row}"

    def _beside(self, line: Line, rule: float) -> Iterator[str]:
        """Yield a backward line with its partial and its rules beside it; further forms stand in further rows."""
        backward = self._pair(line.backward)
        partial = ["&"] if line.partial is None else self._pair(line.partial)
        yield f"{backward[0]} & {partial[0]} && {remarked(escaped(line.rule), line.rule, rule)}"
        for place in range(1, max(len(backward), len(partial))):
            yield " & ".join(pair[place] if place < len(pair) else "&" for pair in (backward, partial))

    def _pair(self, formula: Formula) -> list[str]:
        """Return a formula as ``left &= form`` and a further pair for each further form."""
        forms = [latex(form) for form in self._forms(formula)]
        first = f"{latex(self._left(formula))} &{self._sign(formula)} {forms[0]}"
        return [first, *(f"&= {form}" for form in forms[1:])]

    def _under(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each forward equation, as a heading, with the rows of the lines that come from it."""
        lines = self.document.lines
        beside = self._places_beside()
        rule = max(_RULE_WIDTH, self.available - 2 * _GAP - self._together(beside))
        longest = max(width(self._left(line.backward)) for line in lines)
        start = 0
        while start < len(lines):
            stop = start + 1
            while stop < len(lines) and lines[stop].forward in (None, lines[start].forward):
                stop += 1
            rows: list[str] = []
            for place in range(start, stop):
                if place in beside:
                    rows.extend(self._beside(lines[place], rule))
                else:
                    rows.extend(self._below(lines[place], longest))
            forward = lines[start].forward
            yield (f"From {self._paragraph(forward)}:" if forward else "", rows)
            start = stop

    def _places_beside(self) -> frozenset[int]:
        """Return the lines that have their partial beside them: as many as fit into common columns."""
        places = range(len(self.document.lines))
        single = {place: self._columns([place]) for place in places}
        room = self.available - _RULE_WIDTH - 2 * _GAP
        best: frozenset[int] = frozenset()
        for limit in sorted({columns[1] for columns in single.values()}):
            chosen = frozenset(n for n in places if single[n][1] <= limit and single[n][2] <= room - limit)
            while chosen and self._together(chosen) > room:  # alignment at the signs costs some more
                chosen -= {max(chosen, key=lambda place: sum(single[place][1:3]))}
            best = max(best, chosen, key=len)
        return best

    def _together(self, beside: Iterable[int]) -> float:
        """Return how wide the columns of backward lines and partials are, if these lines have theirs beside them and
        all others below, where a left side may need more of the first column."""
        beside = frozenset(beside)
        others = [line for place, line in enumerate(self.document.lines) if place not in beside]
        lefts = [self._left(self.document.lines[place].backward) for place in beside]
        below = [self._left(part) for line in others for part in (line.backward, line.partial) if part is not None]
        longest, other = (max(map(width, boxes), default=0.0) for boxes in (lefts, below))
        return sum(self._columns(beside)[1:3]) + max(other - longest, 0.0)

    def _below(self, line: Line, left: float) -> Iterator[str]:
        """Yield the partial with its rules first, then the backward line, as one writes them on paper."""
        room = self.available - left - _SIGN
        remark = rf"\text{{\small ({escaped(line.rule)})}}"
        first, *others = self._forms(line.backward)
        head = f"{latex(self._left(line.backward))} &{self._sign(line.backward)}"
        if line.partial is not None:
            space = room - max(width(self._left(line.partial)) - left, 0)
            head_of_partial = f"{latex(self._left(line.partial))} &{self._sign(line.partial)}"
            forms = self._forms(line.partial)
            for place, form in enumerate(forms):
                opening = head_of_partial if place == 0 else "&="
                last = place == len(forms) - 1
                if last and width(form) + text_width(line.rule) + 2 <= space:
                    yield f"{opening} \\rlap{{$\\displaystyle {latex(form)} \\quad {remark}$}}"
                else:
                    yield f"{opening} {self._reaching(form, 0, space)}"
                    if last:
                        yield f"& \\rlap{{{remark}}}"
        for place, form in enumerate((first, *others)):
            yield f"{head if place == 0 else '&='} {self._reaching(form, 0, room)}"

    # Pieces.

    def _in_text(self, part: Expr | Formula) -> str:
        if isinstance(part, Derivative):
            return rf"\partial {latex(self.box(part.of))} / \partial {latex(self.box(part.by))}"
        return latex(self._whole(part), display=False)

    def box(self, expr: Expr) -> Box:
        """Return an expression as a box."""
        return self.typesetter.box(expr)

    def _left(self, formula: Formula) -> Box:
        left = self.box(formula.left)
        return Row((words("via "), left)) if formula.sign == "via" else left

    def _sign(self, formula: Formula) -> str:
        return r"\colon" if formula.sign == "via" else relation(formula.sign).latex

    def _forms(self, formula: Formula) -> list[Box]:
        """Return the right sides, the condition and the ranges with the last."""
        forms = self._bare_forms(formula)
        ranges = self._ranges(formula)
        if ranges is not None:
            forms[-1] = Row((forms[-1], Mark(r"\quad", "\u2003", "words"), ranges))
        return forms

    def _bare_forms(self, formula: Formula) -> list[Box]:
        forms = [self.box(form) for form in formula.forms]
        if formula.condition is not None:
            forms[-1] = Row((forms[-1], words(" if "), self.box(formula.condition)))
        return forms

    def _right(self, formula: Formula) -> Box:
        """Return the right sides on one line, with equal signs between them."""
        return separated(self._bare_forms(formula), relation("="))

    def _whole(self, part: Expr | Formula) -> Box:
        """Return a formula on one line."""
        if isinstance(part, Expr):
            return self.box(part)
        sign = Mark(r"\colon\ ", ": ", "punctuation") if part.sign == "via" else relation(part.sign)
        ranges = self._ranges(part)
        tail = (Mark(r"\quad", "\u2003", "words"), ranges) if ranges else ()
        return Row((self._left(part), sign, self._right(part), *tail))

    def _ranges(self, formula: Formula) -> Box | None:
        """Return what stands beside a formula: the ranges of its indices, or its shape."""
        if formula.shape and not formula.ranges:
            return self.typesetter.shape(formula.shape)
        comma = Mark(r",\ ", ", ", "punctuation")
        ranges = [self.typesetter.range(bound) for bound in formula.ranges]
        return separated(ranges, comma) if ranges else None

    def _cell(self, box: Box, room: float) -> str:
        """Return a box as it stands in a column; as a paragraph if it is wider than its room."""
        if width(box) <= room:
            return latex(box)
        room = max(room, _NARROWEST)
        return latex(Paragraph(narrowed(box, room - 2), room))

    def _reaching(self, box: Box, column: float, room: float) -> str:
        """Return a box that may reach over the columns at its right, up to `room`."""
        cell = self._cell(box, room)
        if width(box) <= column:
            return cell
        return f"\\rlap{{$\\displaystyle {cell}$}}"

    def _paragraph(self, formula: Formula) -> str:
        whole = self._whole(formula)
        if width(whole) <= self.available - 4:
            return f"$\\displaystyle {latex(whole)}$"
        return f"$\\displaystyle {latex(narrowed(whole, self.available - 4), breakable=True)}$"


def remarked(text: str, shown: str, room: float) -> str:
    """Return small running text for a column; wrapped if it is wider than its room."""
    if not text:
        return ""
    if text_width(shown) <= room:
        return f"\\text{{\\small {text}}}"
    return f"\\parbox[t]{{{room:.1f}em}}{{\\raggedright\\small {text}}}"


def separated(boxes: Sequence[Box], separator: Mark) -> Box:
    """Return boxes in a row with a mark between them."""
    parts: list[Box] = []
    for box in boxes:
        parts.extend(([separator] if parts else []) + [box])
    return parts[0] if len(parts) == 1 else Row(tuple(parts))


def aligned(rows: Iterable[str]) -> str:
    r"""Return rows as one ``align*``."""
    return f"\\begin{{align*}}\n{_stacked(list(rows))}\n\\end{{align*}}"


def aligned_under(groups: Iterable[tuple[str, list[str]]]) -> str:
    r"""Return groups of rows, each under a line of text, as one ``align*``: their columns are the same."""
    parts = [f"  \\intertext{{{heading}}}\n{_stacked(rows)}" if heading else _stacked(rows) for heading, rows in groups]
    body = " \\\\\n".join(parts)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _stacked(rows: Sequence[str]) -> str:
    r"""Return rows of an alignment; no page ends before a short row that only goes on with ``= form``."""
    text = ""
    for row in rows:
        if text:
            goes_on = row.lstrip("& ").startswith("=") and r"\parbox" not in row
            text += " \\\\*\n" if goes_on else " \\\\\n"
        text += f"  {row}"
    return text


def escaped(text: str) -> str:
    """Return running text with the characters escaped that TeX reads as commands."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def text_width(text: str) -> float:
    """Return about how wide small running text is, in em of the normal size."""
    return 0.44 * len(text)
