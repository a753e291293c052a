"""Boxes: what stands above, below and beside what on a page, before a language of pages is chosen.

`width` and `height` estimate what a box needs; `narrowed` writes one otherwise that is too wide for its place.
"""

from __future__ import annotations

from dataclasses import dataclass


class Box:
    """Something with a place on the page."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Mark(Box):
    """A letter, number, operator or word that is not taken apart, in LaTeX and in Unicode.

    `kind` is one of ``letter upright number binary relation sign function punctuation words``.
    """

    latex: str
    unicode: str
    kind: str


@dataclass(frozen=True, slots=True)
class Row(Box):
    """Boxes side by side."""

    parts: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Product(Box):
    """Factors side by side."""

    factors: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Scripts(Box):
    """A base with something below right, above right, or both."""

    base: Box
    below: Box | None = None
    above: Box | None = None


@dataclass(frozen=True, slots=True)
class Accent(Box):
    """A base with ``bar``, ``hat``, ``tilde``, ``dot`` or ``vec`` over it."""

    kind: str
    base: Box


@dataclass(frozen=True, slots=True)
class Fraction(Box):
    """Numerator over denominator."""

    numerator: Box
    denominator: Box


@dataclass(frozen=True, slots=True)
class Root(Box):
    """A root; without `degree` a square root."""

    body: Box
    degree: Box | None = None


@dataclass(frozen=True, slots=True)
class Fence(Box):
    """A body in brackets; `kind` is one of ``() [] || floor ceil``."""

    kind: str
    body: Box


@dataclass(frozen=True, slots=True)
class Big(Box):
    """A large operator with limits: a sum from below to above, or ``max`` with its range below."""

    operator: Mark
    below: Box
    above: Box | None = None


@dataclass(frozen=True, slots=True)
class Paragraph(Box):
    """A body that may take several lines, `room` em wide."""

    body: Box
    room: float


@dataclass(frozen=True, slots=True)
class Cases(Box):
    """Values with their conditions; the last condition may be missing (otherwise)."""

    rows: tuple[tuple[Box, Box | None], ...]


# Widths in em of a 10 pt Computer Modern, as the printed estimate needs them: letters by count, operators with
# the space around them.
_LETTER, _DIGIT, _BINARY, _RELATION, _SCRIPT = 0.56, 0.5, 1.25, 1.35, 0.72

# No paragraph inside a formula is narrower, in em.
_NARROWEST = 8.0


# Dots with the blanks around them, and the space before ranges.
_WIDE = {"…": 1.35, "\u2003": 1.0}


def width(box: Box) -> float:
    """Return about how wide a box is on the page, in em; rather too much than too little."""
    match box:
        case Mark(unicode=text, kind=kind):
            if kind == "binary":
                return _BINARY
            if kind == "relation":
                return _RELATION
            if kind == "function":
                return _DIGIT * len(text) + 0.17
            if text in _WIDE:
                return _WIDE[text]
            return (_DIGIT if kind == "number" else _LETTER) * max(len(text), 1)
        case Row(parts=parts):
            return sum(map(width, parts))
        case Product(factors=factors):
            return sum(map(width, factors)) + 0.17 * (len(factors) - 1)
        case Scripts(base=base, below=below, above=above):
            return width(base) + _SCRIPT * max((width(part) for part in (below, above) if part), default=0) + 0.05
        case Accent(base=base):
            return width(base)
        case Fraction(numerator=numerator, denominator=denominator):
            return max(width(numerator), width(denominator)) + 0.25
        case Root(body=body):
            return width(body) + 0.9
        case Fence(body=body):
            return width(body) + 0.8 + 0.12 * height(body)
        case Big(operator=operator, below=below, above=above):
            limits = _SCRIPT * max(width(part) for part in (below, above) if part)
            return max(1.5 if operator.kind == "sign" else width(operator), limits) + 0.2
        case Paragraph(room=room):
            return room
        case Cases(rows=rows):
            values = max(width(value) for value, _ in rows)
            conditions = max(width(condition) + 1.2 if condition else 4.5 for _, condition in rows)
            return values + conditions + 2
    raise AssertionError(box)


def height(box: Box, display: bool = True) -> int:
    """Return how tall a box is: 0 one line, 1 somewhat more, 2 a fraction or a sum, 3 and more fractions in it."""
    match box:
        case Row(parts=parts) | Product(factors=parts):
            return max((height(part, display) for part in parts), default=0)
        case Scripts(base=base, above=above):
            return max(height(base, display), 1 if above and height(above, False) else 0)
        case Accent(base=base):
            return height(base, display)
        case Fraction(numerator=numerator, denominator=denominator):
            inner = max(height(numerator, False), height(denominator, False))
            return (2 if display else 1) + (inner > 0)
        case Root(body=body) | Fence(body=body):
            return height(body, display)
        case Big(operator=operator):
            return (2 if display else 1) if operator.kind == "sign" else 0
        case Cases(rows=rows):
            return 3 if len(rows) > 1 else 2
        case Paragraph():
            return 3
    return 0


def edge(box: Box, place: int) -> Mark | None:
    """Return the mark at the left (0) or right (-1) edge of a box, if what stands there has letters on the line."""
    match box:
        case Mark():
            return box
        case Row(parts=parts) | Product(factors=parts):
            return edge(parts[place], place)
        case Scripts(base=base) if place == 0 or (box.below is None and box.above is None):
            return edge(base, place)
        case Accent(base=base):
            return edge(base, place)
    return None


def narrowed(box: Box, room: float) -> Box:
    """Return a box with everything that no line break can divide and that is wider than `room` written otherwise:
    a fraction as a quotient with a stroke, a root as a power, the cases of a definition in several lines."""
    match box:
        case Row(parts=parts):
            return Row(tuple(narrowed(part, room) for part in parts))
        case Product(factors=factors):
            return Product(tuple(narrowed(factor, room) for factor in factors))
        case Fence(kind=kind, body=body):
            return Fence(kind, narrowed(body, room))
        case Scripts(base=Fence() as base, below=below, above=above):
            return Scripts(narrowed(base, room), below, above)
        case Fraction(numerator=numerator, denominator=denominator) if width(box) > room:
            upper, lower = narrowed(numerator, room), narrowed(denominator, room)
            stroke = Mark("/", "/", "binary")
            return Row((_bracketed(upper, Product), stroke, _bracketed(lower)))
        case Root(body=body, degree=degree) if width(box) > room:
            exponent = Row((digits("1"), Mark("/", "/", "punctuation"), degree or digits("2")))
            return Scripts(Fence("()", narrowed(body, room)), None, exponent)
        case Cases(rows=rows) if width(box) > room:
            conditions = max(width(condition) + 1.2 if condition else 4.5 for _, condition in rows)
            own = max(room - conditions - 2, _NARROWEST)
            return Cases(
                tuple(
                    (Paragraph(narrowed(value, own), own) if width(value) > own else value, condition)
                    for value, condition in rows
                )
            )
    return box


def _bracketed(box: Box, *bare: type[Box]) -> Box:
    return box if isinstance(box, (Mark, Scripts, Accent, Fence, *bare)) else Fence("()", box)


def digits(text: str) -> Mark:
    """Return a number by its digits."""
    return Mark(text, text, "number")
