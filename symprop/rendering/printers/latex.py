r"""Boxes as LaTeX that needs ``amsmath`` and nothing else.

Brackets have fixed sizes (``\bigl(``) instead of ``\left(``, so that TeX may break a line inside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symprop.rendering.printers.layout import (
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
    height,
)

_SIZES = (("", ""), (r"\bigl", r"\bigr"), (r"\biggl", r"\biggr"), (r"\Biggl", r"\Biggr"))
_BRACKETS = {
    "()": ("(", ")"),
    "[]": ("[", "]"),
    "||": (r"\lvert", r"\rvert"),
    "floor": (r"\lfloor", r"\rfloor"),
    "ceil": (r"\lceil", r"\rceil"),
}


def latex(box: Box, *, breakable: bool = False) -> str:
    r"""Return a box as LaTeX for display style.

    Parameters
    ----------
    box : Box
    breakable : bool
        Whether to allow line breaks between factors (``\*``, which prints a multiplication sign at a break); TeX breaks
        at operators anyhow where a formula stands in a paragraph.
    """
    return _Latex(breakable).write(box, True)


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
            left, right = _edge(before, -1), _edge(factor, 0)
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
            text += f"_{{{self.write(box.below, False)}}}"
        if box.above is not None:
            text += f"^{{{self.write(box.above, False)}}}"
        return text

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
        left, right = _BRACKETS[box.kind]
        big_left, big_right = _SIZES[min(height(box.body, display), len(_SIZES) - 1)]
        body = self.write(box.body, display)
        space = " " if left.startswith("\\") else ""
        return f"{big_left}{left}{space}{body}{space}{big_right}{right}"

    def _write_Big(self, box: Big, display: bool) -> str:
        above = f"^{{{self.write(box.above, False)}}}" if box.above is not None else ""
        return f"{box.operator.latex}_{{{self.write(box.below, False)}}}{above}"

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


def _edge(box: Box, place: int) -> Mark | None:
    """Return the mark at the left (0) or right (-1) edge of a box, if what stands there has letters on the line."""
    match box:
        case Mark():
            return box
        case Row(parts=parts) | Product(factors=parts):
            return _edge(parts[place], place)
        case Scripts(base=base) if place == 0 or box.below is None and box.above is None:
            return _edge(base, place)
        case Accent(base=base):
            return _edge(base, place)
    return None


class LatexPage:
    def __init__(self, document, names, fragment=False): pass
