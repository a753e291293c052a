"""Expressions and a document as plain text: every expression reads back, and no line is wider than the page if that
can be helped."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace

from symprop.algebra.expressions import Bound, Derivative, Expr
from symprop.rendering.document import Document, Formula, Line, Sentence, Simplification
from symprop.rendering.matrix import spelled

# What a break costs: how deep in brackets it is, what it divides, how much of the line it leaves empty, and if hardly
# anything stands on it.
_DEPTH, _EMPTY, _STUB = 15.0, 20.0, 10.0

# What a break inside a comparison costs besides: ``p - k <= S - 1`` is read at one glance.
_TORN = 40.0
_OPERATORS = (
    *((" + ", 0.0), (" - ", 0.0), (" or ", 0.0), (" and ", 1.0)),
    *((", ", 4.0), (" @ ", 9.0), ("*", 10.0), ("/", 11.0)),
)

# A continuation stands under the bracket it is in, unless that is beyond this part of the line.
_DEEPEST_INDENT = 0.5

# How bad a layout is: per line, for each line that does not stand under its bracket, and if a line is too long.
_LINE, _MISPLACED, _TOO_LONG = 25.0, 25.0, 1000.0

# Another first line must be better by this much, and longer expressions are laid out line by line.
_MUCH_BETTER, _MOST_TRIED = 45.0, 400


def spell(expr: Expr) -> str:
    """Return an expression in the infix language, a derivative as ``dJ/dw[i]``."""
    if isinstance(expr, Derivative):
        return f"d{spelled(expr.of)}/d{spelled(expr.by)}"
    return spelled(expr)


def wrapped(text: str, width: int, start: int = 0, indent: int | None = None) -> list[str]:
    """Return an expression broken into lines at its operators, outermost first.

    Parameters
    ----------
    text : str
        The expression in the infix language.
    width : int
        Last column, in characters.
    start : int
        Column at which the first line begins.
    indent : int, optional
        Column of the lines that follow at bracket depth 0; `start` if not given. Deeper lines stand further right.

    Returns
    -------
    list of str
        The first line without indentation, the others indented.
    """
    indent = start if indent is None else indent
    lines, badness = _laid_out(text, width, start, indent, None)
    if len(lines) > 2 and len(text) <= _MOST_TRIED:
        # The best first line may leave a bad rest: another break there is worth a trial.
        for place in _breaks(text, width - start):
            other, worse = _laid_out(text, width, start, indent, place)
            if worse < badness - _MUCH_BETTER:
                lines, badness = other, worse
    return lines


def _laid_out(text: str, width: int, start: int, indent: int, first: int | None) -> tuple[list[str], float]:
    """Return an expression in lines, the first of which ends at `first` if that is given, and how bad they are."""
    lines: list[str] = []
    brackets: list[int] = []  # the column of each bracket that is open where the line begins
    column = start
    badness = 0.0
    while len(text) > width - column:
        place = _best_break(text, width - column, len(brackets)) if lines or first is None else first
        if place is None:
            break
        badness += _kind(text, place - 1 if text[place - 1] == "," else place) or 0.0
        line, text = text[:place].rstrip(), text[place:].lstrip()
        lines.append(line if not lines else " " * column + line)
        brackets = _open_brackets(line, column, brackets)
        deepest = int(start + _DEEPEST_INDENT * (width - start))
        column = min(brackets[-1] + 1, deepest) if brackets else indent
        badness += _DEPTH * len(brackets) + (_MISPLACED if brackets and brackets[-1] + 1 > deepest else 0)
    lines.append(text if not lines else " " * column + text)
    longest = max(start + len(lines[0]), *map(len, lines))
    return lines, badness + _LINE * len(lines) + (_TOO_LONG if longest > width else 0.0)


def _breaks(text: str, room: int) -> list[int]:
    """Return the places within the first `room` letters at which an operator or an argument ends a line."""
    inside_access = 0
    found = []
    compared = _compared(text)
    for place, character in enumerate(text[: room + 1]):
        if character in "([":
            inside_access += inside_access > 0 or (character == "[" and place > 0 and _is_name(text[place - 1]))
        elif character in ")]":
            inside_access -= inside_access > 0
        elif place and not inside_access and _kind(text, place) is not None:
            end = place + 1 if character == "," else place
            if end <= room and (character == "," or not compared[place]):
                found.append(end)
    return found


def _best_break(text: str, room: int, depth: int) -> int | None:
    """Return where the line ends that costs least, or None if nothing can be divided."""
    best: int | None = None
    least = float("inf")
    inside_access = 0
    compared = _compared(text)
    for place, character in enumerate(text):
        if character in "([":
            depth += 1
            inside_access += inside_access > 0 or (character == "[" and place > 0 and _is_name(text[place - 1]))
        elif character in ")]":
            depth -= 1
            inside_access -= inside_access > 0
        elif place and not inside_access:
            kind = _kind(text, place)
            if kind is None:
                continue
            end = place + 1 if character == "," else place
            over = end > room
            if over and best is not None:
                break
            cost = _DEPTH * depth + kind + _EMPTY * abs(room - end) / max(room, 1)
            cost += _STUB if end < 0.15 * room else 0
            cost += _TORN if compared[place] and character != "," else 0
            if cost < least:
                best, least = end, cost
            if over:
                break
    return best


def _compared(text: str) -> list[bool]:
    """Tell of every place whether it stands in an argument that is a comparison: between two commas or brackets."""
    result = [False] * len(text)
    if not any(sign in text for sign in _COMPARISONS):
        return result
    starts = [0]

    def close(end: int) -> None:
        start = starts.pop()
        if any(sign in _at_depth_0(text[start:end]) for sign in _COMPARISONS):
            result[start:end] = [True] * (end - start)

    for place, character in enumerate(text):
        if character in "([":
            starts.append(place + 1)
        elif character in ",)]":
            if character == "," or len(starts) > 1:
                close(place)
            if character == ",":
                starts.append(place + 1)
    while starts:
        close(len(text))
    return result


_COMPARISONS = (" <= ", " >= ", " < ", " > ", " == ", " != ")


def _at_depth_0(text: str) -> str:
    """Return what stands in a text outside of brackets."""
    depth, result = 0, []
    for character in text:
        depth += character in "(["
        if not depth:
            result.append(character)
        depth -= character in ")]"
    return "".join(result)


def _kind(text: str, place: int) -> float | None:
    """Return what it costs to break before `place` (after a comma), or None where no operator begins."""
    for operator, cost in _OPERATORS:
        if text.startswith(operator, place) and text[place - 1] != "*" and not text.startswith("**", place):
            return cost
    return None


def _is_name(character: str) -> bool:
    return character.isalnum() or character in "_'"


def _open_brackets(line: str, column: int, before: Sequence[int]) -> list[int]:
    brackets = list(before)
    for place, character in enumerate(line):
        if character in "([":
            brackets.append(column + place)
        elif character in ")]":
            brackets.pop()
    return brackets


def columns(rows: Sequence[Sequence[str]], gap: int = 3) -> list[str]:
    """Return rows with their cells in aligned columns; trailing blanks are cut."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        (" " * gap).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def plain(sentence: Sentence) -> str:
    """Return a sentence as one line of text."""
    return "".join(part if isinstance(part, str) else _in_line(part) for part in sentence)


# Stands for a blank at which a paragraph is not divided, until it is laid out.
_TIE = "\0"

# A formula of at most so many letters stays on one line of a paragraph.
_TIED = 24


def _tied(formula: str) -> str:
    return formula.replace(" ", _TIE) if len(formula) <= _TIED else formula


def _untied(text: str) -> str:
    return text.replace(_TIE, " ")


class TextPage:
    """A document as lines of at most `width` columns, for the templates."""

    def __init__(self, document: Document, width: int) -> None:
        self.document = document
        self.width = width

    def sentence(self, sentence: Sentence, indent: int = 0) -> str:
        """Return a sentence, wrapped; its formulas are not taken apart."""
        parts = (part if isinstance(part, str) else _tied(_in_line(part)) for part in sentence)
        return self.paragraph("".join(parts), indent)

    def paragraph(self, text: str, indent: int = 0) -> str:
        """Return running text, wrapped."""
        filled = textwrap.fill(
            text,
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return _untied(filled)

    def ranges(self) -> str:
        """Return the ranges of the indices as one wrapped line."""
        return self.paragraph("Ranges: " + ", ".join(_tied(_range(bound)) for bound in self.document.ranges) + ".")

    def equations(self, formulas: Sequence[Formula]) -> str:
        """Return formulas one below the other, aligned at their signs."""
        left = _common_width([spell(formula.left) for formula in formulas])
        blocks = [_formula(replace(formula, condition=None), left, 2, self.width) for formula in formulas]
        # Shapes stand below each other, as far as they fit beside the formulas.
        shaped = [
            (len(block[-1]) + 3, len(_beside(formula)))
            for formula, block in zip(formulas, blocks, strict=True)
            if formula.shape
        ]
        widest = max((shape for _, shape in shaped), default=0)
        column = max((stop for stop, _ in shaped if stop + widest <= self.width), default=0)
        lines: list[str] = []
        for formula, block in zip(formulas, blocks, strict=True):
            if formula.shape:
                block = [*block[:-1], block[-1].ljust(column - 3)]
            lines.extend(line.rstrip() for line in _with_ranges(block, formula, 2, self.width))
        return "\n".join(lines)

    def _equation(self, formula: Formula, left: int, indent: int, width: int) -> list[str]:
        return _with_ranges(_formula(replace(formula, condition=None), left, indent, width), formula, indent, width)

    def backward(self) -> str:
        """Return the backward lines: a table if each fits on one line, else blocks headed by the forward equations."""
        rows = self._rows()
        if all(len(cell) <= self.width for row in rows for cell in row):
            table = self._table(rows)
            if max(map(len, table)) <= self.width:
                return "\n".join(table)
        return "\n".join(self._blocks())

    def _rows(self) -> list[list[str]]:
        lines = self.document.lines
        left = max(len(spell(line.backward.left)) for line in lines)
        plus = any(line.backward.sign == "+=" for line in lines)
        rows = [["Forward", self.document.heading, "Local partial", "Rule"]]
        before = None
        for line in lines:
            forward = "" if line.forward is None or line.forward == before else " ".join(_formula(line.forward, 0, 0))
            before = line.forward or before
            partial = "" if line.partial is None else _in_line(line.partial)
            cells = _backward(line.backward, left, plus, 0, None)
            rows.append([forward, cells[0], partial, line.rule.replace(" rule", "")])
            rows.extend(["", cell, "", ""] for cell in cells[1:])
        return rows

    def _table(self, rows: list[list[str]]) -> list[str]:
        table = columns(rows, 2)
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        return [table[0], "  ".join("-" * width for width in widths), *table[1:]]

    def _blocks(self) -> list[str]:
        known: dict[tuple[int, bool], list[str]] = {}

        def below(line: Line, plus: bool) -> list[str]:
            key = id(line), plus  # not the line: equal ones may be written in another order
            if key not in known:
                known[key] = self._below(line, plus)
            return known[key]

        lengths = [len(text) for line in self.document.lines for text in _backward(line.backward, 0, True, 2, None)]
        middles = sorted({min(max(length + 3, self.width // 3), 2 * self.width // 3) for length in lengths})

        # The column of the partials is where most of them have room; a line without room costs as much as four.
        def length(middle: int) -> int:
            without_room = sum(self._beside(line, False, middle) is None for line in self.document.lines)
            return len(self._blocks_at(middle, below)) + 4 * without_room

        return self._blocks_at(min(middles, key=length), below)

    def _blocks_at(self, middle: int, below: Callable[[Line, bool], list[str]]) -> list[str]:
        result: list[str] = []
        before = None
        summed: Expr | None = None  # the adjoint that the last lines added to
        for line in self.document.lines:
            if line.forward is not None and line.forward != before:
                result.append("")
                result.extend(self._equation(line.forward, 0, 0, self.width))
                before = line.forward
            plus = line.backward.sign == "+=" or line.backward.left is summed
            result.extend(self._beside(line, plus, middle) or below(line, plus))
            summed = line.backward.left
        return result if result[0] else result[1:]

    def _beside(self, line: Line, plus: bool, middle: int) -> list[str] | None:
        """Return a backward line with its partial beside it, or None if a formula had to be divided for that."""
        room = self.width - middle
        backward = _backward(line.backward, len(spell(line.backward.left)), plus, 2, None)
        if max(map(len, backward)) > middle - 2:
            return None
        if line.backward.shape:  # shapes end below each other
            shape = _beside(line.backward)
            backward[-1] = backward[-1][: -len(shape)].ljust(middle - 2 - len(shape)) + shape
        right = [] if line.partial is None else _formula(line.partial, 0, 0, room)
        if line.partial is not None and (len(right) > len(line.partial.forms) or max(map(len, right)) > room):
            return None
        remark = f"({line.rule})" if line.rule else ""
        if right and len(right[-1]) + 2 + len(remark) <= room:
            right[-1] = f"{right[-1]}  {remark}".rstrip()
        else:
            right.extend(textwrap.wrap(remark, room))
        return _side_by_side(backward, right, middle)

    def _below(self, line: Line, plus: bool) -> list[str]:
        """Return a backward line with its partial and the rules below it."""
        remark = f"({line.rule})" if line.rule else ""
        backward = _backward(line.backward, len(spell(line.backward.left)), plus, 2, self.width)
        below = [] if line.partial is None else _formula(line.partial, 0, 6, self.width)
        if below and len(below[-1]) + 2 + len(remark) <= self.width:
            below[-1] = f"{below[-1]}  {remark}".rstrip()
        else:
            below.extend(textwrap.wrap(remark, self.width - 6, initial_indent=" " * 6, subsequent_indent=" " * 6))
        return [*backward, *below]

    def simplification(self, simplification: Simplification) -> str:
        """Return the forms of an adjoint one below the other, the rule that made each at the right."""
        left = spell(simplification.left)
        start = 2 + len(left) + 3
        rows = [(wrapped(spelled(simplification.first), self.width, start), "")]
        rows.extend((wrapped(spelled(form), self.width, start), plain(rule)) for rule, form in simplification.steps)
        lines: list[str] = []
        rules = max(len(rule) for _, rule in rows)
        shown = [start + len(text[0]) for text, rule in rows if rule and len(text) == 1]
        column = max((length for length in shown if length + 3 + rules <= self.width), default=0) + 3
        for place, (text, rule) in enumerate(rows):
            head = f"  {left} = " if place == 0 else " " * (start - 2) + "= "
            own = [head + text[0], *text[1:]]
            stop = max(column, len(own[-1]) + 3)
            if rule and stop + len(rule) <= self.width:
                own[-1] = f"{own[-1].ljust(stop)}{rule}"
            elif rule:
                own.extend(_right(rule, self.width))
            lines.extend(own)
        return "\n".join(lines)


def _range(bound: Bound) -> str:
    limits = (spelled(limit).replace(" ", "") for limit in (bound.lower, bound.upper))
    return f"{bound.index.name} = {'..'.join(limits)}"


def _in_line(part: Expr | Formula) -> str:
    if not isinstance(part, Formula):
        return spell(part)
    text = " ".join(line.strip() for line in _formula(part, 0, 0))
    ranges = ", ".join(_range(bound) for bound in part.ranges)
    return f"{text} for {ranges}" if ranges else text


def _formula(formula: Formula, left: int, indent: int, width: int | None = None) -> list[str]:
    """Return ``left = form = form`` with `left` padded; later forms go on where they fit, or on lines of their own."""
    name = spell(formula.left)
    head = f"via {name}: " if formula.sign == "via" else f"{name.ljust(left)} {formula.sign} "
    start = indent + len(head)
    condition = "" if formula.condition is None else f" if {spelled(formula.condition)}"
    forms = [spelled(form) for form in formula.forms]
    whole = " = ".join(forms) + condition
    if width is None or start + len(whole) <= width:
        return [" " * indent + head + whole]
    lines = []
    for place, form in enumerate(forms):
        last = place == len(forms) - 1
        text = wrapped(form + (condition if last else ""), width, start)
        opening = " " * indent + head if place == 0 else " " * (start - 2) + "= "
        lines.extend([opening + text[0], *text[1:]])
    return lines


def _backward(formula: Formula, left: int, plus: bool, indent: int, width: int | None) -> list[str]:
    """Return a backward line, every form on a line of its own with the equal signs below each other."""
    sign = formula.sign.rjust(2 if plus else 1)
    head = f"{' ' * indent}{spell(formula.left).ljust(left)} {sign} "
    lines: list[str] = []
    for place, form in enumerate(formula.forms):
        opening = head if place == 0 else " " * (len(head) - 2) + "= "
        text = [spelled(form)] if width is None else wrapped(spelled(form), width, len(head))
        lines.extend([opening + text[0], *text[1:]])
    return _with_ranges(lines, formula, indent, width)


def _with_ranges(lines: list[str], formula: Formula, indent: int, width: int | None) -> list[str]:
    """Return lines with the ranges and the condition or the shape of a formula after the last, or on a line of their
    own."""
    ranges = _beside(formula)
    if not ranges:
        return lines
    if width is None or len(lines[-1]) + 3 + len(ranges) <= width:
        return [*lines[:-1], f"{lines[-1]}   {ranges}"]
    return [*lines, " " * (indent + 4) + ranges]


def _beside(formula: Formula) -> str:
    limits = [f"for {', '.join(_range(bound) for bound in formula.ranges)}"] if formula.ranges else []
    if formula.condition is not None:
        limits.append(f"if {spelled(formula.condition)}")
    if limits:
        return " ".join(limits)
    return f"({', '.join(map(spelled, formula.shape))})" if formula.shape else ""


def _common_width(names: Sequence[str]) -> int:
    """Return the width to which most names are padded; one very long name does not push all others."""
    return max((len(name) for name in names if len(name) <= 24), default=0)


def _side_by_side(left: Sequence[str], right: Sequence[str], middle: int) -> list[str]:
    count = max(len(left), len(right))
    pairs = zip([*left, *[""] * (count - len(left))], [*right, *[""] * (count - len(right))], strict=True)
    return [f"{one.ljust(middle)}{other}".rstrip() for one, other in pairs]


def _right(text: str, width: int) -> list[str]:
    return [line.rjust(width) for line in textwrap.wrap(text, width)]
