"""Boxes as MathML, which browsers show without scripts and screen readers read, and a document as HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from symprop.algebra.expressions import Derivative, Expr
from symprop.rendering.document import Document, Formula, Sentence
from symprop.rendering.printers.boxes import (
    Accent,
    Big,
    Box,
    Cases,
    Fence,
    Fraction,
    Mark,
    Product,
    Root,
    Row,
    Scripts,
    edge,
    height,
    width,
)
from symprop.rendering.printers.layout import Names, Typesetter, relation

_BRACKETS = {"()": ("(", ")"), "[]": ("[", "]"), "||": ("|", "|"), "floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉")}
_ACCENTS = {"bar": "¯", "hat": "^", "tilde": "~", "dot": "˙", "vec": "→"}
_TIMES = "<mo>&#x2062;</mo>"  # an invisible multiplication sign
_APPLY = "<mo>&#x2061;</mo>"  # an invisible function application


def mathml(box: Box) -> str:
    """Return a box as the content of a ``<math>`` element."""
    method: Callable[[Any], str] = _WRITERS[type(box)]
    return method(box)


def _mark(box: Mark) -> str:
    text = escape(box.unicode, quote=False)
    match box.kind:
        case "number":
            return f"<mn>{text}</mn>"
        case "binary" | "relation":
            return f'<mo form="infix">{text}</mo>'
        case "sign":
            return f'<mo form="prefix">{text}</mo>'
        case "punctuation":
            return f'<mo separator="true">{text}</mo>'
        case "words":
            return f"<mtext>{text.replace(' ', '&#160;')}</mtext>"
    name = text.rstrip("′")
    # One upright letter must be told so; several are upright by themselves.
    variant = ' mathvariant="normal"' if len(name) == 1 and box.kind == "upright" else ""
    primes = f'<mo form="postfix" lspace="0" rspace="0">{text[len(name) :]}</mo>' if name != text else ""
    return f"<mrow><mi{variant}>{name}</mi>{primes}</mrow>" if primes else f"<mi{variant}>{name}</mi>"


def _row(box: Row) -> str:
    text = ""
    before: Box | None = None
    for part in box.parts:
        if isinstance(part, Fence) and before is not None and _is_function(before):
            text += _APPLY
        text += mathml(part)
        before = part
    return f"<mrow>{text}</mrow>"


def _is_function(box: Box) -> bool:
    name = box.base if isinstance(box, Scripts) else box
    return isinstance(name, Mark) and name.kind == "function"


def _product(box: Product) -> str:
    text = mathml(box.factors[0])
    for before, factor in zip(box.factors, box.factors[1:], strict=False):
        left, right = edge(before, -1), edge(factor, 0)
        if right is not None and right.kind == "number":
            text += "<mo>⋅</mo>"
        else:
            wide = {left.kind if left else "", right.kind if right else ""} & {"upright", "function"}
            text += _TIMES + ('<mspace width="0.17em"/>' if wide else "")
        text += mathml(factor)
    return f"<mrow>{text}</mrow>"


def _scripts(box: Scripts) -> str:
    parts = [mathml(part) for part in (box.base, box.below, box.above) if part is not None]
    name = "msubsup" if len(parts) == 3 else "msub" if box.below is not None else "msup"
    return f"<{name}>{''.join(parts)}</{name}>"


def _accent(box: Accent) -> str:
    # As an accent the bar would touch its letter in some browsers.
    kind = ' accent="true"' if box.kind != "bar" else ""
    return f'<mover{kind}>{mathml(box.base)}<mo stretchy="true">{_ACCENTS[box.kind]}</mo></mover>'


def _fraction(box: Fraction) -> str:
    return f"<mfrac>{mathml(box.numerator)}{mathml(box.denominator)}</mfrac>"


def _root(box: Root) -> str:
    if box.degree is None:
        return f"<msqrt>{mathml(box.body)}</msqrt>"
    return f"<mroot>{mathml(box.body)}{mathml(box.degree)}</mroot>"


def _fence(box: Fence) -> str:
    left, right = _BRACKETS[box.kind]
    stretchy = "true" if height(box.body) else "false"
    opening = f'<mo fence="true" form="prefix" stretchy="{stretchy}">{left}</mo>'
    closing = f'<mo fence="true" form="postfix" stretchy="{stretchy}">{right}</mo>'
    return f"<mrow>{opening}{mathml(box.body)}{closing}</mrow>"


def _big(box: Big) -> str:
    operator = mathml(box.operator)
    if box.operator.kind == "sign":
        operator = f'<mo largeop="true" movablelimits="false">{box.operator.unicode}</mo>'
    if box.above is None:
        return f"<munder>{operator}{mathml(box.below)}</munder>"
    return f"<munderover>{operator}{mathml(box.below)}{mathml(box.above)}</munderover>"


def _cases(box: Cases) -> str:
    rows = ""
    for value, condition in box.rows:
        when = "<mtext>otherwise</mtext>" if condition is None else f"<mtext>if&#160;</mtext>{mathml(condition)}"
        rows += f'<mtr><mtd class="case">{mathml(value)}</mtd><mtd class="case">{when}</mtd></mtr>'
    table = f"<mtable>{rows}</mtable>"
    return f'<mrow><mo fence="true" form="prefix">{{</mo>{table}</mrow>'


_WRITERS: dict[type[Box], Callable[..., str]] = {
    Mark: _mark,
    Row: _row,
    Product: _product,
    Scripts: _scripts,
    Accent: _accent,
    Fraction: _fraction,
    Root: _root,
    Fence: _fence,
    Big: _big,
    Cases: _cases,
}


@dataclass(frozen=True, slots=True)
class _Bracket(Box):
    """One bracket of a pair between which lines are broken, with the height of what stands in it."""

    mark: str
    size: int


def _bracket(box: _Bracket) -> str:
    size = f' minsize="{1 + 0.7 * box.size}em"' if box.size else ""
    return f'<mo fence="true" stretchy="true" symmetric="true" lspace="0" rspace="0"{size}>{box.mark}</mo>'


_WRITERS[_Bracket] = _bracket

# A formula wider than this many em may be divided inside brackets and between factors as well.
_LONG = 24.0

# ... and one that has a column of a table for itself.
_LONG_IN_TABLE = 18.0

# Forward equations have a column beside the backward lines if all columns are no wider than this together, in em.
_TABLE = 44.0


class HtmlPage:
    """A document as HTML, for the templates.

    A browser does not break lines inside a ``<math>`` element, so a long formula is several of them, divided at the
    operators outside of all brackets.

    Parameters
    ----------
    document : Document
    names : Names
        The names of the network.
    """

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.typesetter = Typesetter(names)

    @property
    def forward_beside(self) -> bool:
        """Whether there is room for the forward equations beside the backward lines; else each stands above its own."""
        columns = [[line.forward, line.backward, line.partial] for line in self.document.lines]
        return sum(max(map(self._width, column)) for column in zip(*columns, strict=True)) <= _TABLE

    def _width(self, formula: Formula | None) -> float:
        if formula is None:
            return 0.0
        forms = max(width(self.typesetter.box(form)) for form in formula.forms)
        return width(self.typesetter.box(formula.left)) + forms + 6 * len(formula.ranges)

    def sentence(self, sentence: Sentence) -> str:
        """Return a sentence with its formulas."""
        return "".join(escape(part) if isinstance(part, str) else self._in_text(part) for part in sentence)

    def words(self, text: str) -> str:
        """Return running text."""
        return escape(text)

    def left(self, formula: Formula) -> str:
        """Return the left side and the sign of a formula."""
        box = self.typesetter.box(formula.left)
        if formula.sign == "via":
            return f"via {element(box)}:"
        return element(Row((box, relation(formula.sign))))

    def forms(self, formula: Formula, table: bool = False) -> list[str]:
        """Return the right sides of a formula, every one but the first with an equal sign; then the condition, and in
        the columns of a table the ranges."""
        forms = []
        for place, form in enumerate(formula.forms):
            box = self.typesetter.box(form)
            last = place == len(formula.forms) - 1
            tail = ""
            if last and formula.condition is not None:
                tail = f" if {element(self.typesetter.box(formula.condition))}"
            if last and table and formula.ranges:
                tail += f'&ensp;<span class="range">for {self.ranges(formula)}</span>'
            elif last and table and formula.shape:
                tail += f"&emsp;{self.beside(formula)}"
            forms.append(divided(box, relation("=") if place else None, _LONG_IN_TABLE if table else _LONG) + tail)
        return forms

    def ranges(self, formula: Formula | None = None) -> str:
        """Return the ranges of a formula, or of the whole page."""
        bounds = self.document.ranges if formula is None else formula.ranges
        return ", ".join(element(self.typesetter.range(bound)) for bound in bounds)

    def beside(self, formula: Formula) -> str:
        """Return what stands beside a formula: the ranges of its indices, or its shape."""
        if formula.shape and not formula.ranges:
            return f'<span class="shape">{element(self.typesetter.shape(formula.shape))}</span>'
        return self.ranges(formula)

    def box(self, expr: Expr) -> str:
        """Return an expression."""
        return divided(self.typesetter.box(expr))

    def _in_text(self, part: Expr | Formula) -> str:
        if isinstance(part, Derivative):
            of, by = map(self.typesetter.box, (part.of, part.by))
            partial, stroke = Mark("", "∂", "letter"), Mark("", "/", "punctuation")
            return element(Row((partial, of, stroke, partial, by)), display=False)
        if isinstance(part, Expr):
            return element(self.typesetter.box(part), display=False)
        ranges = f" for {self.ranges(part)}" if part.ranges else ""
        return f"{self.left(part)}{''.join(self.forms(part))}{ranges}"


def element(box: Box, display: bool = True) -> str:
    """Return a box as a ``<math>`` element; in running text sums and fractions are smaller."""
    style = ' displaystyle="true"' if display else ""
    return f"<math{style}>{mathml(box)}</math>"


def divided(box: Box, sign: Mark | None = None, long: float = _LONG) -> str:
    """Return a box, after a sign, as several ``<math>`` elements between which a browser may break the line; inside
    brackets only if it is wider than `long`, in em."""
    pieces = list(_pieces(box, long if width(box) > long else None))
    if sign is not None:
        pieces[0] = [sign, *pieces[0]]
    return "<wbr>".join(element(Row(tuple(parts))) for parts in pieces)


def _pieces(box: Box, deep: float | None) -> Iterator[list[Box]]:
    """Yield the parts of a box between which a line may be broken: before binary operators, and if `deep` is a width
    also between factors and inside brackets of half that width."""
    match box:
        case Row(parts=parts):
            piece: list[Box] = []
            for part in parts:
                if isinstance(part, Mark) and part.kind == "binary" and piece:
                    yield piece
                    piece = []
                first, *others = _pieces(part, deep) if deep else [[part]]
                piece.extend(first)
                for other in others:
                    yield piece
                    piece = other
            yield piece
        case Product(factors=factors) if deep and width(box) > deep / 3:
            number: list[Box] = []  # stays with what it multiplies
            for factor in factors:
                first, *others = _pieces(factor, deep)
                if number:
                    first = [Product((number[0], *first))] if len(first) == 1 else [*number, *first]
                number = [factor] if not others and isinstance(factor, Mark) and factor.kind == "number" else []
                if not number:
                    yield first
                    yield from others
            if number:
                yield number
        case Fence(kind=kind, body=body) if deep and width(box) > deep / 2:
            left, right = (_Bracket(mark, height(body)) for mark in _BRACKETS[kind])
            pieces = list(_pieces(body, deep))
            pieces[0].insert(0, left)
            pieces[-1].append(right)
            yield from pieces
        case Scripts(base=Fence() as base, below=below, above=above) if deep and width(box) > deep / 2:
            *before, last = _pieces(base, deep)
            yield from before
            yield [*last[:-1], Scripts(last[-1], below, above)]
        case _:
            yield [box]
