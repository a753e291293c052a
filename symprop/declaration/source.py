"""A text and its places: refuse what cannot be shown, cut it into statements, and point at mistakes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from symprop.declaration.names import is_bidi, is_forbidden, plain
from symprop.errors import NotationError, SympropError

# Limits that no text of a person meets; they keep hostile ones from costing time.
LONGEST_TEXT = 100_000  # characters
MOST_STATEMENTS = 5_000
DEEPEST_NESTING = 100  # brackets in brackets, and operations in operations
LONGEST_QUOTED = 120  # characters

_STRUCTURE = re.compile(r"#[^\n]*|[\n;()\[\]{}]")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_INTERVAL = re.compile(r"(?:\bin|∈)\s*$")


class Span(NamedTuple):
    """A piece of a text, by offsets."""

    start: int
    end: int


class Source:
    """A text with its line ends made equal.

    Attributes
    ----------
    text : str
        As given; line ends are ``\\n``.
    plain : str
        The same length, with characters that only look different made equal.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise NotationError(f"a network is read from text, not from {type(text).__name__}")
        if len(text) > LONGEST_TEXT:
            raise NotationError(
                f"the text has {len(text)} characters; at most {LONGEST_TEXT} are read",
                hint="Write repeated equations once, with an index.",
            )
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._refuse_invisible()
        self.plain = plain(text)

    def _refuse_invisible(self) -> None:
        bad = {character for character in set(self.text) if is_forbidden(character)}
        if not bad:
            return
        place = next(place for place, character in enumerate(self.text) if character in bad)
        character = self.text[place]
        what = "changes the direction of the text" if is_bidi(character) else "is a control character"
        raise self.error(
            NotationError, f"U+{ord(character):04X} {what}, which is not allowed", Span(place, place + 1), "Remove it."
        )

    def line_of(self, offset: int) -> int:
        """Return the line of an offset, counted from 1."""
        return bisect_right(self._starts, offset)

    def written(self, span: Span) -> str:
        """Return a piece as it is written, on one line and not too long, for messages."""
        text = " ".join(self.text[span.start : span.end].split())
        return text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 3]}..."

    def error(
        self, kind: type[SympropError], message: str, span: Span | None = None, hint: str | None = None
    ) -> SympropError:
        """Return an error that points at `span`."""
        if span is None:
            return kind(message, hint=hint)
        line = self.line_of(span.start)
        start = self._starts[line - 1]
        return kind(
            message,
            text=self.text,
            line=line,
            column=span.start - start + 1,
            length=max(1, span.end - span.start),
            hint=hint,
        )

    def statements(self) -> Iterator[Span]:
        """Yield the statements: a line or what `;` separates; brackets continue over line ends.

        Raises
        ------
        NotationError
            If brackets do not match or are nested too deeply, or there are too many statements.
        """
        for count, span in enumerate(self._pieces(), start=1):
            if count > MOST_STATEMENTS:
                raise self.error(
                    NotationError,
                    f"more than {MOST_STATEMENTS} statements",
                    span,
                    "Write repeated equations once, with an index.",
                )
            yield span

    def whole(self) -> Span:
        """Return the whole text as one piece, after looking at its brackets."""
        for _ in self._pieces(separators=""):
            pass
        return self._stripped(0, len(self.text)) or Span(0, 0)

    def _pieces(self, separators: str = "\n;") -> Iterator[Span]:
        text = self.plain
        start = 0
        opened: list[tuple[str, int, bool]] = []  # the bracket, where, and whether it opens an interval
        for match in _STRUCTURE.finditer(text):
            mark, place = match[0], match.start()
            if mark in "([{":
                if len(opened) == DEEPEST_NESTING:
                    raise self.error(
                        NotationError,
                        f"brackets are nested more than {DEEPEST_NESTING} deep",
                        Span(place, place + 1),
                        "Give inner expressions a name by an equation of their own.",
                    )
                opened.append((mark, place, _INTERVAL.search(text, max(start, place - 20), place) is not None))
            elif mark in ")]}":
                self._close(mark, place, opened)
            elif mark == ";" and opened and ";" in separators:
                raise self._unclosed(opened[-1][1])
            elif (mark == "\n" and not opened) or mark == ";":
                if mark in separators:
                    if (span := self._stripped(start, place)) is not None:
                        yield span
                    start = match.end()
            elif mark[0] == "#" and not opened and separators:
                # The rest of the line is no part of the statement.
                if (span := self._stripped(start, place)) is not None:
                    yield span
                start = match.end()
        if opened:
            raise self._unclosed(opened[-1][1])
        if (span := self._stripped(start, len(text))) is not None:
            yield span

    def _stripped(self, start: int, end: int) -> Span | None:
        piece = self.plain[start:end]
        left = len(piece) - len(piece.lstrip())
        right = len(piece.rstrip())
        return Span(start + left, start + right) if left < right else None

    def _close(self, mark: str, place: int, opened: list[tuple[str, int, bool]]) -> None:
        opener = next(opener for opener, closer in _CLOSING.items() if closer == mark)
        if not opened:
            raise self.error(
                NotationError,
                f"'{mark}' closes nothing",
                Span(place, place + 1),
                f"Remove it, or open with '{opener}'.",
            )
        last, start, interval = opened.pop()
        if _CLOSING[last] != mark and not (interval and mark in ")]" and last in "(["):
            raise self.error(
                NotationError,
                f"'{mark}' does not close '{last}'",
                Span(place, place + 1),
                f"The '{last}' in line {self.line_of(start)} needs '{_CLOSING[last]}' first.",
            )

    def _unclosed(self, place: int) -> SympropError:
        mark = self.plain[place]
        return self.error(
            NotationError, f"'{mark}' is never closed", Span(place, place + 1), f"Add '{_CLOSING[mark]}'."
        )
