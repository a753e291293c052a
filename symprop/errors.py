"""The family of exceptions: what happened, where in the user's text, how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

WIDEST_EXCERPT = 100


class SympropError(Exception):
    """A mistake in what the user gave. Its text is meant for people.

    Parameters
    ----------
    message : str
        What happened, in one sentence without a full stop.
    text : str, optional
        The whole text that the mistake stands in.
    line, column : int, optional
        Where it stands, both counted from 1.
    length : int
        How many characters the caret underlines.
    hint : str, optional
        How to mend it.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str | None = None,
        line: int | None = None,
        column: int | None = None,
        length: int = 1,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.text = text
        self.line = line
        self.column = column
        self.length = length
        self.hint = hint
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.text, self.line, self.column, self.length, self.hint)

    def __str__(self) -> str:
        parts = [f"{type(self).__name__}: {self.message}"]
        if self.text is not None and self.line is not None:
            parts.append(excerpt(self.text, self.line, self.column, self.length))
        if self.hint:
            parts.append("\n".join(f"  {line}" for line in self.hint.splitlines()))
        return "\n".join(parts)


def _rebuild(
    kind: type[SympropError],
    message: str,
    text: str | None,
    line: int | None,
    column: int | None,
    length: int,
    hint: str | None,
) -> SympropError:
    return kind(message, text=text, line=line, column=column, length=length, hint=hint)


class NotationError(SympropError):
    """The text cannot be read as statements and expressions."""


class IndexNotationError(SympropError):
    """An index is free, repeated, undeclared or runs outside a range."""


class DeclarationError(SympropError):
    """A name is unknown, declared twice, of the wrong role, or equations depend on each other in a circle."""


class UnknownNameError(DeclarationError, KeyError):
    """A result was asked for under a name that it does not have; a KeyError too, as of any mapping."""


class ShapeError(SympropError):
    """Arrays or sizes do not fit the declared axes."""


class MissingRuleError(SympropError):
    """Something has no derivative, or is outside what symprop derives."""


class ValueOutsideDomainError(SympropError):
    """A value lies where a quantity or function is not defined."""


class DivergenceError(SympropError):
    """Training ended because the objective is no longer finite; `run` holds the last good parameters."""

    run: object | None = None


class TableError(SympropError):
    """A table of data cannot be used for this network."""


class OptionError(SympropError):
    """An option or argument has a value that cannot be used."""


def excerpt(text: str, line: int, column: int | None, length: int = 1) -> str:
    """Return the line of `text` with a caret under the place; long lines are cut around it."""
    lines = text.splitlines() or [""]
    row = lines[line - 1] if 0 < line <= len(lines) else ""
    row = "".join(character if character.isprintable() else "�" for character in row.expandtabs(1))
    head = f"  line {line} | "
    start = (column or 1) - 1
    length = max(1, min(length, len(row) - start, WIDEST_EXCERPT))
    if len(row) > WIDEST_EXCERPT:
        first = max(0, min(start - WIDEST_EXCERPT // 3, len(row) - WIDEST_EXCERPT))
        left, right = "..." if first else "", "..." if first + WIDEST_EXCERPT < len(row) else ""
        row, start = left + row[first : first + WIDEST_EXCERPT] + right, start - first + len(left)
        length = max(1, min(length, len(row) - start))
    if column is None:
        return f"{head}{row}"
    return f"{head}{row}\n{' ' * (len(head) - 2)}| {' ' * start}{'^' * length}"


MOST_NAMES_TOLD = 20


def listed(name: str, known: Iterable[str]) -> str:
    """Return the known names for a message: all if they are few, else those spelled most like `name`, and how many."""
    names = list(dict.fromkeys(known))
    if len(names) <= MOST_NAMES_TOLD:
        return ", ".join(names)
    first = get_close_matches(name, names, n=MOST_NAMES_TOLD, cutoff=0.0)
    return f"{', '.join(first)} and {len(names) - len(first)} more"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelled most like `name`, or None."""
    matches = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
