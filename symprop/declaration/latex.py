r"""LaTeX as a second spelling of the language: formulas as they stand in lecture notes, to lines of the infix spelling.

The way of a text: `latex_text` finds formulas, `latex_tokens` cuts them up, `latex_syntax` reads each by the grammar
in ``latex.lark``, `latex_names` says what a symbol means among the names that are known, and `latex_writer` writes it.
Every character that is written keeps its place in the LaTeX text, so that later mistakes point there.

Nothing is expanded, executed or followed; a command that is not known is an error of its line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from symprop.declaration.latex_names import Meaning, Names, count_of, is_known_function, split_subscript
from symprop.declaration.latex_syntax import parse_formula
from symprop.declaration.latex_text import Stretch, has_letter_subscripts, is_document, looks_like_latex, stretches
from symprop.declaration.latex_tokens import LONGEST_FORMULA, Token, Tokenizer
from symprop.declaration.latex_writer import OPEN_INDEX, OPEN_LENGTH, PRODUCT, Piece, Places, Symbol, Writer
from symprop.declaration.names import is_forbidden
from symprop.declaration.network import Network
from symprop.declaration.phrases import LEADING
from symprop.declaration.syntax import STATEMENT_WORDS, Refused, Syntax
from symprop.errors import NotationError, ShapeError, SympropError

__all__ = [
    "LatexLine",
    "LatexReading",
    "looks_like_latex",
    "network_text",
    "read_latex",
    "read_network",
    "split_subscript",
]

# Limits that no text of a person meets.
LONGEST_DOCUMENT = 500_000  # characters
MOST_LINES = 5_000
MOST_PASSES = 20  # over the equations of a network, for the shapes of what they define
_WINDOW = 200  # characters around a formula in which words are looked for

_UPDATES = (":=", "+=", "-=")
_OPENING, _CLOSING = ("OPEN", "LBRACE", "CASES", "POINT"), ("CLOSE", "RBRACE", "ENDCASES", "ENDPOINT")
_BINARY = ("PLUS", "MINUS", "TIMES", "SLASH", "REL", "SUB", "SUP")
_CONDITION_WORDS = ("if", "when", "iff")
_RANGE_WORDS = ("for", "for all", "for every", "for each", "for any", "over")
_NEW_STATEMENT = (*LEADING, "or", "such that", "s.t.")
_REASON_WORDS = ("by", "from", "using")
_POINT_WORDS = ("at", "evaluated at")
_STYLE_BEFORE = re.compile(r"(?:\\[A-Za-z]+|\{)[ ]*\Z")
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class LatexLine:
    """One statement in the infix spelling.

    Attributes
    ----------
    line : int
        Line of the original text on which it begins, counted from 1.
    text : str
        The infix spelling; empty for an error or for a note that claims nothing.
    written : str
        As it stands in the original, without layout.
    places : tuple of (int, int)
        For each character of `text`, the offsets of what it comes from in the original.
    notes : tuple of str
        What was understood beyond the text: shapes (``W in R^(H x D)``), ends of ranges, words that were passed over.
    error : SympropError, optional
        Why it cannot be read, pointing into the original.
    """

    line: int
    text: str
    written: str
    places: Places = ()
    notes: tuple[str, ...] = ()
    error: SympropError | None = None


@dataclass(frozen=True)
class LatexReading:
    """What was understood of a text.

    Attributes
    ----------
    original : str
    lines : tuple of LatexLine
        In the order of the original.
    """

    original: str
    lines: tuple[LatexLine, ...]

    @property
    def text(self) -> str:
        """The infix spelling, each statement on the line of the original on which it begins."""
        return "\n".join(text for text, _ in self._rows())

    def _rows(self) -> list[tuple[str, Places]]:
        rows: list[tuple[str, Places]] = [("", ())] * (self.original.count("\n") + 1)
        for line in self.lines:
            if not line.text:
                continue
            before, places = rows[line.line - 1]
            joint = "; " if before else ""
            rows[line.line - 1] = (before + joint + line.text, (*places, *((0, 0),) * len(joint), *line.places))
        return rows

    def relocate(self, error: SympropError, line: LatexLine | None = None) -> SympropError:
        """Return an error about the infix spelling as one that points into the original.

        Parameters
        ----------
        error : SympropError
            With line and column in `text`, or, if `line` is given, with the column in the text of that line.
        line : LatexLine, optional
        """
        if error.line is None and line is None:
            return error
        if line is not None:
            places = line.places
        else:
            rows = self._rows()
            assert error.line is not None
            if not 0 < error.line <= len(rows):
                return error
            places = rows[error.line - 1][1]
        column = (error.column or 1) - 1
        covered = [place for place in places[column : column + max(error.length, 1)] if place != (0, 0)]
        if not covered and line is None:
            return error
        if error.column is None or not covered:
            covered = list(places)
        start, end = min((place[0] for place in covered), default=0), max((place[1] for place in covered), default=1)
        return _Positions(self.original).error(type(error), error.message, start, end, error.hint)


class _Positions:
    """Offsets of a text as lines and columns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line_of(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def error(
        self, kind: type[SympropError], message: str, start: int, end: int, hint: str | None = None
    ) -> SympropError:
        line = self.line_of(start)
        column = start - self.starts[line - 1] + 1
        return kind(message, text=self.text, line=line, column=column, length=max(1, end - start), hint=hint)


def read_latex(text: str, network: Network | None) -> LatexReading:
    r"""Return the formulas of a LaTeX text, one a line, in the infix spelling.

    Parameters
    ----------
    text : str
        A formula, several lines, an ``align`` environment, a LaTeX document or Markdown with formulas in it. Lines in
        the infix spelling among them stay as they are.
    network : Network, optional
        Whose names the formulas use. Without one the text is a network itself, and names are what they are used as.

    Raises
    ------
    NotationError
        If the text as a whole is refused: it is too long, or holds characters that cannot be shown. What is wrong with
        one formula is the `error` of its line.

    Examples
    --------
    >>> read_latex(r"\frac{\partial J}{\partial \alpha_{ji}} = \delta_j x_i", network).lines[0].text
    'D(J, alpha[j,i]) = delta[j]*x[i]'
    """
    text = _accepted(text)
    names = Names.of(network) if network is not None else None
    return LatexReading(text, tuple(_Reader(text, names).read()))


def read_network(text: str) -> LatexReading:
    """Return the statements of a network that is written in LaTeX, in the infix spelling.

    Raises
    ------
    NotationError, SympropError
        The first mistake, pointing into the text.
    """
    reading = read_latex(text, None)
    for line in reading.lines:
        if line.error is not None:
            raise line.error
    return reading


def network_text(text: str) -> str:
    """Return the infix spelling of a network that is written in LaTeX, statements on the lines where they began."""
    return read_network(text).text


def _accepted(text: str) -> str:
    if not isinstance(text, str):
        raise NotationError(f"LaTeX is read from text, not from {type(text).__name__}")
    if len(text) > LONGEST_DOCUMENT:
        raise NotationError(
            f"the text has {len(text)} characters; at most {LONGEST_DOCUMENT} are read",
            hint="Give the part that matters.",
        )
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    bad = {character for character in set(text) if is_forbidden(character)}
    if bad:
        place = next(place for place, character in enumerate(text) if character in bad)
        message = f"U+{ord(text[place]):04X} cannot be shown, and is not allowed"
        raise _Positions(text).error(NotationError, message, place, place + 1, "Remove it.")
    return text


class _Segment(NamedTuple):
    """What stands between two commas or words of a line, and the word before it."""

    word: str
    tokens: tuple[Token, ...]
    separator: str = ""


@dataclass
class _Statement:
    """One formula with what limits it."""

    tokens: tuple[Token, ...]
    limits: list[tuple[str, Syntax, Syntax]] = field(default_factory=list)
    conditions: list[Syntax] = field(default_factory=list)
    points: list[Syntax] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    inline: bool = False
    block: int = 0
    word: str = ""  # of a statement such as `input`
    syntax: Syntax | None = None
    failure: Refused | None = None
    plain: Stretch | None = None

    @property
    def start(self) -> int:
        return self.plain.start if self.plain is not None else self.tokens[0].start

    @property
    def end(self) -> int:
        return self.plain.end if self.plain is not None else self.tokens[-1].end


class _Reader:
    """Reads a text statement by statement; a name that one defines is known to those after it."""

    def __init__(self, text: str, names: Names | None) -> None:
        self.text = text
        self.positions = _Positions(text)
        self.is_network = names is None
        self.names = names.copy() if names is not None else Names()
        self.left: tuple[int, Piece] | None = None  # the left side that `= ...` on a line of its own continues
        self.deltas = False
        self.scalars: frozenset[str] = frozenset()
        self.index_ranges: dict[str, tuple[str, str] | None] = {}

    def read(self) -> Iterator[LatexLine]:
        statements: list[_Statement] = []
        for statement in self.statements():
            if len(statements) == MOST_LINES:
                raise NotationError(f"there are more than {MOST_LINES} formulas, and no more are read")
            self.parse(statement)
            statements.append(statement)
        self._look_ahead(statements)
        if self.is_network:
            _Collector(self.text, self.names).collect(statements)
        lines = [line for statement in statements for line in self.lines(statement)]
        if self.is_network:
            lines = self.with_index_ranges(self.with_shapes(lines))
        yield from lines

    def _look_ahead(self, statements: Sequence[_Statement]) -> None:
        """Note what a text as a whole tells: a delta of its own, and letters that stand where no function can."""
        trees = [statement.syntax for statement in statements if statement.syntax is not None]
        writer = Writer(self.names, self.text)
        for tree in trees:
            left = _alone(tree.parts[0]) if tree.kind == "relation" else tree
            if left.kind == "scripted" and left.parts[0].kind == "symbol" and left.parts[0].value[1] == "delta":
                try:
                    self.deltas |= bool(writer._pair(writer.symbol(left)))
                except Refused:
                    continue
        self.scalars = frozenset(name for tree in trees for name in _standing_alone(tree)) - {"d"}

    # From the text to statements.

    def statements(self) -> Iterator[_Statement]:
        document = is_document(self.text)
        for block, stretch in enumerate(stretches(self.text)):
            if stretch.kind == "plain" or (stretch.kind == "line" and self._statement_word(stretch) and not document):
                yield from self._plain(stretch, block)
            elif stretch.kind == "hostile":
                written = self.text[stretch.start : stretch.end]
                yield _Statement(
                    (),
                    failure=Refused(
                        f"'{written}' is not followed: nothing outside this text is read or written",
                        stretch.start,
                        stretch.end,
                    ),
                    plain=stretch,
                )
            elif stretch.end - stretch.start > LONGEST_FORMULA:
                message = (
                    f"the formula has {stretch.end - stretch.start} characters; {LONGEST_FORMULA} are read at most"
                )
                yield _Statement((), failure=Refused(message, stretch.start, stretch.start + 1), plain=stretch)
            else:
                inline = stretch.kind == "inline" and self._is_in_sentence(stretch)
                for row in self._rows(stretch):
                    yield from self._row(row, inline, block)

    def _is_in_sentence(self, stretch: Stretch) -> bool:
        """Whether words stand around a formula on its line; a number or a bullet before it is none."""
        before = self.text[max(0, stretch.start - _WINDOW) : stretch.start].rpartition("\n")[2]
        after = self.text[stretch.end : stretch.end + _WINDOW].partition("\n")[0]
        around = before + after
        return re.search(r"[^\W\d_]{2}", re.sub(r"\$[^$]*\$", "", around)) is not None

    def _statement_word(self, stretch: Stretch) -> str:
        match = _NAME.match(self.text[stretch.start : stretch.end].strip())
        return match[0] if match and match[0] in STATEMENT_WORDS else ""

    def _plain(self, stretch: Stretch, block: int) -> Iterator[_Statement]:
        word = self._statement_word(stretch)
        written = self.text[stretch.start : stretch.end]
        if not word or not (looks_like_latex(written) or has_letter_subscripts(written)):
            yield _Statement((), plain=stretch, block=block, word=word)
            return
        start = stretch.start + written.index(word) + len(word)
        rest = Stretch("line", start, stretch.end)
        for row in self._rows(rest):
            yield _Statement(tuple(row), block=block, word=word)

    def _rows(self, stretch: Stretch) -> Iterator[list[Token]]:
        """Yield the lines of a formula; an operator at a break, or an open bracket, joins them."""
        tokens = Tokenizer(self.text, stretch.start, stretch.end).read()
        row: list[Token] = []
        depth = cases = 0
        for place, token in enumerate(tokens):
            depth += (token.type in (*_OPENING, "ROOT")) - (token.type in (*_CLOSING, "RBRACKET"))
            cases += (token.type == "CASES") - (token.type == "ENDCASES")
            if token.type != "ROW":
                if token.type != "SEP" or (row and tokens[place - 1].type != "ROW"):
                    row.append(token)
            elif depth > 0:
                if cases:
                    row.append(token)
            elif row and not _continues(row, tokens, place + 1):
                yield row
                row, depth = [], 0
        if row:
            yield row

    def _row(self, row: list[Token], inline: bool, block: int) -> Iterator[_Statement]:
        words = [place for place, token in enumerate(row) if _begins_statement(row, place)]
        if words:
            for start, stop in zip(words, [*words[1:], len(row)], strict=True):
                word = row[start].value.split()[0]
                yield _Statement(tuple(row[start + 1 : stop]) or (row[start],), inline=inline, block=block, word=word)
            row = row[: words[0]]
        row = _unwrapped(row)
        current: _Statement | None = None
        in_point = False
        has_set = any(token.type == "SET" for token in row)
        pending: list[_Segment] = []
        held: _Statement | None = None  # a formula that `where` explains comes after its explanation
        for segment in _segments(row):
            if not segment.tokens:
                if segment.word and current is not None and segment.word not in (*_NEW_STATEMENT, *_RANGE_WORDS):
                    current.notes.append(f"passed over: {segment.word}")
                continue
            has_relation = any(token.type == "REL" for token in _outermost(segment.tokens))
            is_range = any(token.type == "RANGE" for token in segment.tokens) and has_relation
            in_point = has_relation and (segment.word in _POINT_WORDS or (in_point and segment.separator == "COMMA"))
            if in_point:
                current = current or _Statement(segment.tokens, inline=inline, block=block, word="at")
                self._point(segment.tokens, current)
            elif any(token.type == "SET" for token in segment.tokens):
                if current is not None and not has_relation:
                    continue
                yield from [current] if current is not None else []
                current = None
                yield _Statement((*_flat(pending), *segment.tokens), inline=inline, block=block, word="in")
                pending = []
            elif current is not None and (is_range or self._limits(segment, current)):
                for one in (*pending, segment):
                    self._limit(one, segment, current)
                pending = []
            elif not has_relation and current is not None and segment.separator == "COMMA":
                pending.append(segment)  # `i` in `i, j = 1, \dots, n`
            elif not has_relation and current is None and has_set:
                pending.append(segment)  # `b` in `b, v in R^H`
            elif not has_relation and segment.word in (*_RANGE_WORDS, *_REASON_WORDS):
                continue  # for all j: a free index says so
            elif not has_relation and all(token.type == "TEXT" for token in segment.tokens):
                continue
            elif (
                not has_relation
                and current is not None
                and len(segment.tokens) == 1
                and segment.tokens[0].type == "WORD"
            ):
                current.notes.append(f"passed over: {segment.tokens[0].value}")
            else:
                if current is not None and segment.word in ("where", "with") and held is None:
                    held = current
                elif current is not None:
                    yield current
                current = _Statement((*_flat(pending), *segment.tokens), inline=inline, block=block)
                pending = []
        if current is not None:
            if pending:
                extra = pending[0].tokens
                current.failure = Refused("this belongs to no formula", extra[0].start, extra[-1].end)
            yield current
        if held is not None:
            yield held

    def _limits(self, segment: _Segment, current: _Statement) -> bool:
        """Whether a segment says for which indices the formula before it holds."""
        outer = _outermost(segment.tokens)
        relations = [token.value for token in outer if token.type == "REL"]
        if segment.word in _CONDITION_WORDS or (relations and segment.word in _RANGE_WORDS):
            return True
        if not relations:
            return False
        if all(value in ("!=", "<", ">", "<=", ">=") for value in relations):
            return True
        first = segment.tokens[0]
        alone = len(segment.tokens) > 1 and segment.tokens[1].type == "REL"
        return bool(
            alone
            and first.type == "LETTER"
            and first.value in self.names.limits
            and first.value not in self.names.ranks
        )

    def _limit(self, held: _Segment, segment: _Segment, current: _Statement) -> None:
        try:
            syntax = parse_formula(segment.tokens, self.text)
            values = _alone(syntax.parts[1]) if syntax.kind == "relation" and syntax.value == ["in"] else syntax
            if values.kind == "bracket" and [part.kind for part in values.parts] == ["range"]:
                lower, upper = values.parts[0].parts
                current.limits.append((segment.tokens[0].value, lower, upper))  # k in {1, ..., K}
            elif syntax.kind == "range":
                relation, upper = syntax.parts
                if relation.kind != "relation" or relation.value not in (["="], ["in"]):
                    raise Refused("this is no range", syntax.start, syntax.end, "Write j = 1, \\dots, H.")
                names = held.tokens[0] if held is not segment else segment.tokens[0]
                current.limits.append((names.value, relation.parts[1], upper))
            elif held is segment:
                current.conditions.append(syntax)
        except Refused as refused:
            current.failure = current.failure or refused

    def _point(self, tokens: Sequence[Token], current: _Statement) -> None:
        """Note the values of a point, ``w = 1, x = 2``."""
        try:
            current.points += [parse_formula(part, self.text) for part in _comma_parts(tokens)]
        except Refused as refused:
            current.failure = current.failure or refused

    def _take_points(self, statement: _Statement) -> None:
        """Take what stands below the bar of ``|_{w=1}`` out of a formula: it holds at that point."""
        rest: list[Token] = []
        said: set[str] = set()
        opened = None
        for place, token in enumerate(statement.tokens):
            if token.type == "POINT":
                opened = place
            if opened is None:
                rest.append(token)
            if token.type == "ENDPOINT" and opened is not None:
                inside = statement.tokens[opened + 1 : place]
                written = "".join(one.value for one in inside)
                on_left = any(one.type == "REL" for one in statement.tokens[place + 1 :])
                if not on_left:
                    message = "this point is said of the right side alone"
                    hint = "Write it at the left side, or \\text{at } w = 1 at the end, for the line as a whole."
                    statement.failure = Refused(message, token.start - 1, token.end, hint)
                if not said:
                    self._point(inside, statement)
                elif written not in said:
                    message = "a line holds at one point"
                    statement.failure = Refused(message, inside[0].start, inside[-1].end, "Write one line for each.")
                said.add(written)
                opened = None
        statement.tokens = tuple(rest)

    # From statements to lines.

    def parse(self, statement: _Statement) -> None:
        if any(token.type == "POINT" for token in statement.tokens):
            self._take_points(statement)
        if statement.plain is not None or statement.failure is not None or statement.word:
            return
        try:
            statement.syntax = parse_formula(statement.tokens, self.text)
        except Refused as refused:
            statement.failure = refused

    def lines(self, statement: _Statement) -> Iterator[LatexLine]:
        """Yield the infix spelling of one statement, or why there is none."""
        number = self.positions.line_of(statement.start)
        written = self._written(statement)
        try:
            if statement.failure is not None:
                raise statement.failure
            if statement.plain is not None:
                yield self._verbatim(statement, number)
                return
            if statement.word == "at":
                whole = Syntax("declaration", None, [], statement.start, statement.points[-1].end)
                piece = self._assembled(self._at(statement, Writer(self.names, self.text)), whole)
                yield LatexLine(number, piece.text.strip(), written, piece.places[1:])
                return
            if statement.word == "in":
                yield LatexLine(number, "", written, notes=(self._shape(statement),))
                return
            writer = Writer(self.names, self.text)
            writer.scalars |= self.scalars
            writer.deltas = self.deltas
            if statement.word:
                piece = self._declaration(statement, writer)
            else:
                found = self._formula(statement, writer)
                if found is None:
                    return
                piece = self._limited(found, statement, writer)
            if OPEN_INDEX in piece.text:
                start, end = piece.places[piece.text.index(OPEN_INDEX)]
                message = "a row of a matrix is read in an inner product or a softmax alone"
                raise Refused(message, start, end, "Write the other index too.")
            if OPEN_LENGTH in piece.text:
                start, end = piece.places[piece.text.index(OPEN_LENGTH)]
                message = "how long this vector of ones is, is not written"
                raise Refused(message, start, end, "Write \\mathbf{1}_N; or \\mathbb{1}[i = j] for 1 where that holds.")
            if statement.inline and not self._claims(piece, writer):
                yield LatexLine(number, "", written, notes=(f"mentioned in a sentence, not judged: {piece.text}",))
                return
            notes = (*statement.notes, *writer.notes)
            yield LatexLine(number, piece.text, written, piece.places, notes)
        except Refused as refused:
            error = self.positions.error(NotationError, refused.message, refused.start, refused.end, refused.hint)
            yield LatexLine(error.line or number, "", written, error=error)
        except SympropError as error:
            yield LatexLine(number, "", written, error=error)

    def _claims(self, piece: Piece, writer: Writer) -> bool:
        """Whether a formula inside a sentence is a claim: it speaks of a derivative, or gives a new name a value."""
        return not self.is_network and ("D(" in piece.text or writer.defining is not None)

    def _written(self, statement: _Statement) -> str:
        start = statement.start
        while (before := _STYLE_BEFORE.search(self.text, max(0, start - 40), start)) is not None:
            start = before.start()
        return " ".join(self.text[start : statement.end].replace("&", " ").split())

    def _verbatim(self, statement: _Statement, number: int) -> LatexLine:
        start, end = statement.start, statement.end
        written = self.text[start:end]
        stripped = written.strip()
        start += written.index(stripped) if stripped else 0
        places = tuple((place, place + 1) for place in range(start, start + len(stripped)))
        self._note_plain(stripped)
        return LatexLine(self.positions.line_of(start), stripped, stripped, places)

    def _note_plain(self, written: str) -> None:
        """Make known what a line in the infix spelling defines."""
        match = re.match(r"([^\W\d]\w*)\s*(?:\[([^\[\]]*)\])?\s*(?:=|<-)(?!=)", written)
        if match is not None and match[1] not in self.names.ranks:
            self.names.ranks[match[1]] = len(match[2].split(",")) if match[2] else 0

    def _formula(self, statement: _Statement, writer: Writer) -> Piece | None:
        syntax = statement.syntax
        assert syntax is not None
        if syntax.kind != "relation":
            if statement.inline or self._is_mention(syntax):
                return None
            raise Refused(
                "a claim says that two things are equal",
                syntax.start,
                syntax.end,
                "Write: expression = expression.",
            )
        operators, sides = syntax.value, list(syntax.parts)
        continued = len(operators) == len(sides)
        comparison = next((one for one in operators if one not in ("=", "~=", "=:", *_UPDATES)), None)
        if comparison is not None:
            if statement.inline:
                return None
            raise Refused(
                f"'{comparison}' is no equation", syntax.start, syntax.end, "A claim says that two things are equal."
            )
        update = next((one for one in operators if one in _UPDATES), None)
        if continued:
            if self.left is None or self.left[0] != statement.block:
                raise Refused("there is no left side to continue", syntax.start, syntax.start + 1)
            left = self.left[1]
        else:
            first, *sides = sides
            if operators == ["=:"]:
                first, sides, operators = sides[0], [first], ["="]
            increment = self._increment(first, writer)
            if increment is not None:
                return self._assembled([increment, " <- ", increment, " + ", *self._right(sides, writer)], syntax)
            if self.is_network and (defined := self._function(first, sides, writer)) is not None:
                return defined
            writer.step = self._step(first, writer)
            left = self._left(first, sides, writer)
            self.left = (statement.block, left)
            if writer.step is not None or _is_new(first):
                update = update or ":="
        if update in ("+=", "-="):
            return self._assembled([left, " <- ", left, f" {update[0]} ", *self._right(sides, writer)], syntax)
        named = sides.pop() if operators[-1] == "=:" else None
        rights = [writer.write(side) for side in sides]
        if "~=" in operators and not any(re.fullmatch(r"-?[\d.]+", right.text) for right in rights):
            raise Refused(
                "'\\approx' is judged for numbers alone", syntax.start, syntax.end, "Write = for an identity."
            )
        if writer.defining is not None and rights[-1].shape != "scalar":
            # A name for an array as a whole, delta_2 = y - t, or for one at each step, delta_t = y_t - t_t.
            shape, (name, indices) = rights[-1].shape, writer.defining
            self.names.ranks[name] = len(indices) + (2 if shape == "matrix" else 1)
            self.names.axes[name] = (*indices, *("",) * (self.names.ranks[name] - len(indices)))
            if not indices:
                self.names.shapes[name] = shape
        sign = " = "
        if left.meaning is not None and not self.is_network and writer.defining is None:
            known = left.meaning.name in self.names.axes and left.meaning.name in self.names.ranges
            trained = known and left.meaning.name not in self.names.defined
            itself = any(meaning.name == left.meaning.name for meaning in writer.accesses[1:])
            if update is not None and (trained or itself):
                sign = " <- "
            elif trained and len(rights) == 1 and rights[0].text.startswith((f"{left.text} - ", f"{left.text} + ")):
                writer.notes.append("read as an update, as nothing is equal to itself and something more")
                sign = " <- "
        pieces: list[Piece | str] = [left]
        for right in rights:
            pieces.extend([sign, right])
        if named is not None:
            after = Writer(self.names, self.text)
            after.scalars, after.deltas = writer.scalars, writer.deltas
            pieces.extend([" =: ", self._left(named, sides, after)])
        return self._assembled(pieces, syntax)

    def _right(self, sides: Sequence[Syntax], writer: Writer) -> list[Piece | str]:
        if len(sides) != 1:
            raise Refused("an update has one right side", sides[0].start, sides[-1].end)
        return [writer.inside(writer.write(sides[0]), PRODUCT, sides[0])]

    def _assembled(self, pieces: Sequence[Piece | str], node: Syntax) -> Piece:
        return Writer(self.names, self.text).joined(pieces, node, 0)

    def _left(self, node: Syntax, sides: Sequence[Syntax], writer: Writer) -> Piece:
        """Return the left side; an unknown name there is defined for the lines after."""
        inner = node
        while inner.kind in ("product", "braced") and len(inner.parts) == 1:
            inner = inner.parts[0]
        symbol = self._symbol(inner, writer)
        # On a left side of its own e is a name, e_t = o_t - y_t: nobody claims what Euler's number is.
        is_constant = symbol is not None and symbol.stem in ("e", "pi") and symbol.stem not in self.names.ranks
        if symbol is None or symbol.powers or symbol.transposed or (writer._is_known(symbol) and not is_constant):
            return writer.write(node)
        if is_known_function(symbol.stem) and not symbol.items and len(symbol.stem) > 1 and symbol.word:
            return writer.write(node)
        writer.indices = {word for side in sides for word in _subscript_letters(side) if word.islower()}
        layer, bracketed, _ = symbol.layers[0] if symbol.layers else (None, False, node)
        stem = symbol.stem + "_prime" * symbol.primes
        if layer is not None and not bracketed and not layer.atoms:
            return writer.write(node)
        meaning = self.names.defines(stem, symbol.items, layer, writer.indices)
        if not _NAME.fullmatch(meaning.name):
            raise Refused(f"'{writer.written(node)}' is no name", node.start, node.end)
        self.names.ranks.setdefault(meaning.name, len(meaning.indices))
        self.names.axes.setdefault(meaning.name, meaning.indices)
        writer.defining = meaning
        writer.indices = {word for index in meaning.indices for word in _NAME.findall(index)}
        writer.accesses.append(meaning)
        return Piece(str(meaning), ((node.start, node.end),) * len(str(meaning)), meaning=meaning)

    def _symbol(self, node: Syntax, writer: Writer) -> Symbol | None:
        if node.kind not in ("symbol", "scripted", "accent", "product"):
            return None
        if node.kind == "product":
            # Letters side by side that make one name: net_j.
            place, joined = writer._run(list(zip(node.value, node.parts, strict=True)), 0)
            if place != len(node.parts) - 1:
                return None
            node = joined
        base = node.parts[0] if node.kind == "scripted" else node
        if base.kind == "symbol" and base.value[0] not in ("LETTER", "WORD"):
            return None
        if base.kind == "bracket":
            return None
        return writer.symbol(node)

    def _is_mention(self, syntax: Syntax) -> bool:
        """Whether a formula is a name alone, as prose mentions it."""
        return is_document(self.text) and syntax.kind in ("symbol", "scripted", "accent")

    def _increment(self, node: Syntax, writer: Writer) -> Piece | None:
        r"""Return w for a left side ``\Delta w``, where Delta is no name: the step that is added to w."""
        if node.kind != "product" or len(node.parts) != 2 or node.value[1] != "" or "Delta" in self.names.ranks:
            return None
        first, second = node.parts
        if first.kind != "symbol" or first.value[1] != "Delta" or self.is_network:
            return None
        piece = writer.write(second)
        return piece if piece.meaning is not None and piece.meaning.name in self.names.ranks else None

    def _step(self, node: Syntax, writer: Writer) -> str | None:
        r"""Return t for a left side ``w_{ij}^{(t+1)}`` or ``\theta_{t+1}`` that counts the steps of training."""
        inner = node
        while inner.kind == "product" and len(inner.parts) == 1:
            inner = inner.parts[0]
        if inner.kind != "scripted":
            return None
        for kind, part in zip(inner.value, inner.parts[1:], strict=True):
            text = re.sub(r"[{}()\s]", "", self.text[part.start : part.end])
            match = re.fullmatch(r"([a-z])\+1", text)
            if match is None or match[1] in self.names.limits or kind not in ("sub", "sup"):
                continue
            others = [
                (one, other) for one, other in zip(inner.value, inner.parts[1:], strict=True) if other is not part
            ]
            base = inner.parts[0]
            bare = Syntax("scripted", [one for one, _ in others], [base, *(other for _, other in others)],
                          inner.start, inner.end) if others else base  # fmt: skip
            symbol = self._symbol(bare, writer)
            if symbol is None or any(layer for layer in symbol.layers):
                continue
            rank = self.names.ranks.get(symbol.stem)
            whole = not symbol.items or any(
                len(one.indices) == rank for one in self.names.meanings(symbol.stem, symbol.items)
            )
            if rank is not None and whole and symbol.stem not in self.names.defined:
                return match[1]
        return None

    def _function(self, node: Syntax, sides: Sequence[Syntax], writer: Writer) -> Piece | None:
        """Return ``function f(u) = ...`` for a left side ``f(u)`` in the text of a network."""
        if node.kind != "product" or len(node.parts) != 2 or node.value[1] != "" or len(sides) != 1:
            return None
        name, bracket = node.parts
        if name.kind != "symbol" or bracket.kind != "bracket" or name.value[1] in self.names.ranks:
            return None
        parameters = [part.parts[0] if part.kind == "product" and len(part.parts) == 1 else part
                      for part in bracket.parts]  # fmt: skip
        if not parameters or any(part.kind != "symbol" for part in parameters):
            return None
        known = self.names.copy()
        words = [part.value[1] for part in parameters]
        known.ranks.update(dict.fromkeys(words, 0))
        for word in words:
            known.limits.pop(word, None)
        body = Writer(known, self.text).write(sides[0])
        self.names.functions.add(name.value[1])
        head = Piece(f"function {name.value[1]}({', '.join(words)})", ((node.start, node.end),) * 200)
        head = Piece(head.text, head.places[: len(head.text)])
        return self._assembled([head, " = ", body], node)

    def _limited(self, piece: Piece, statement: _Statement, writer: Writer) -> Piece:
        """Return a formula with the ranges and conditions that its line gives."""
        assert statement.syntax is not None
        node = statement.syntax
        pieces: list[Piece | str] = [piece]
        count = 0
        for name, lower, upper in statement.limits:
            low, high = writer.index(lower), writer.index(upper)
            if self.is_network:
                self._note_range(name, low.text, high.text)
                continue
            known = self.names.limits.get(name)
            unknown = [word for word in _NAME.findall(high.text) if not writer._is_limit_name(word)]
            if known and low.text == known[0] and (high.text == known[1] or unknown == [high.text]):
                if unknown:
                    writer.notes.append(f"{high.text} is read as {known[1]}, the last value of {name}")
                continue
            pieces.extend([", " if count else " for ", name, " = ", low, "..", high])
            count += 1
        for place, condition in enumerate(statement.conditions):
            pieces.append(" and " if place else " if ")
            pieces.append(writer._index_condition(condition) if condition.kind == "relation" and _of_indices(condition)
                          else writer.condition(condition))  # fmt: skip
        return self._assembled([*pieces, *self._at(statement, writer)], node)

    def _at(self, statement: _Statement, writer: Writer) -> list[Piece | str]:
        """Return the values that a statement fixes, as `` at w = 1, x = 2``."""
        pieces: list[Piece | str] = []
        for place, point in enumerate(statement.points):
            if point.kind != "relation" or point.value != ["="]:
                raise Refused("this is no point", point.start, point.end, "Write w = 1, x = 2.")
            pieces.extend(
                [", " if place else " at ", writer.write(point.parts[0]), " = ", writer.write(point.parts[1])]
            )
        return pieces

    # Networks.

    def _note_range(self, name: str, low: str, high: str) -> None:
        before = self.index_ranges.setdefault(name, (low, high))
        if before is not None and before != (low, high):
            self.index_ranges[name] = None

    def with_shapes(self, lines: list[LatexLine]) -> list[LatexLine]:
        """Declare the arrays whose shapes a text gives, and whose roles it does not: all may be differentiated by."""
        declared = {
            name
            for line in lines
            for item in re.findall(r"^(?:input|target|parameter|constant|hyperparameter|integer)\b(.*)", line.text)
            for name in _NAME.findall(re.sub(r"\[[^\]]*\]|\([^)]*\)", "", item))
        }
        defined = {match[0] for line in lines if (match := re.match(r"[^\W\d]\w*(?=[^=<]*=)", line.text))}
        waiting = [name for name in self.names.lengths if name not in declared | defined]
        first = next((place for place, line in enumerate(lines) if line.text), None)
        if not waiting or first is None:
            return lines
        if not declared:
            # As soon as one name has a role, every name needs one.
            known = {*self.names.lengths, *defined, *self.names.sizes, *self.names.limits, *self.names.functions}
            waiting += [name for name in self.names.ranks if name not in known]
        items = []
        for name in waiting:
            indices, lengths = self.names.lengths.get(name, (self.names.axes.get(name, ()), ()))
            if not indices and not lengths:
                indices = self._indices_where_read(name, lines)
            written = str(Meaning(name, indices))
            items.append(f"{written}: ({', '.join(lengths)})" if lengths else written)
        text = f"parameter {', '.join(items)}"
        statement = LatexLine(lines[first].line, text, "", ((0, 0),) * len(text), ("from the shapes in the text",))
        return [*lines[:first], statement, *lines[first:]]

    def _indices_where_read(self, name: str, lines: Sequence[LatexLine]) -> tuple[str, ...]:
        """Return the letters at which a name is read first, ``("i",)`` of ``x[i]``; none if it is a scalar."""
        for line in lines:
            for match in re.finditer(rf"(?<!\w){re.escape(name)}\[([^\[\]]*)\]", line.text):
                letters = tuple(part.strip() for part in match[1].split(","))
                if all(_NAME.fullmatch(letter) for letter in letters) and len(set(letters)) == len(letters):
                    return letters
        return ()

    def with_index_ranges(self, lines: list[LatexLine]) -> list[LatexLine]:
        """Declare the indices that have the same limits in all sums, on the line of the first statement."""
        declared: set[str] = set()
        for line in lines:
            if line.text.startswith("index "):
                declared.update(re.findall(r"([^\W\d]\w*)\s*(?:=|in\b)", line.text))
            for name, low, high in re.findall(r"\(([^\W\d]\w*) = ([^,()]+?)\.\.([^,()]+?), ", line.text):
                self._note_range(name, low, high)
        ranges = [f"{name} = {limits[0]}..{limits[1]}" for name, limits in self.index_ranges.items()
                  if limits is not None and name not in declared]  # fmt: skip
        first = next((place for place, line in enumerate(lines) if line.text), None)
        if not ranges or first is None:
            return lines
        text = f"index {', '.join(ranges)}"
        statement = LatexLine(lines[first].line, text, "", ((0, 0),) * len(text), ("from the limits of the sums",))
        return [*lines[:first], statement, *lines[first:]]

    def _declaration(self, statement: _Statement, writer: Writer) -> Piece:
        """Return ``parameter alpha[j,i], beta[j]`` for the same in LaTeX."""
        node = Syntax("declaration", None, [], statement.start, statement.end)
        pieces: list[Piece | str] = [statement.word + " "]
        for place, tokens in enumerate(_comma_parts(statement.tokens)):
            syntax = parse_formula(_before_set(tokens), self.text)
            pieces.append(", " if place else "")
            if syntax.kind == "range" and syntax.parts[0].kind == "relation":
                relation, upper = syntax.parts
                name, low, high = (writer.index(part) for part in (*relation.parts, upper))
                pieces.extend([name, " = ", low, "..", high])
            elif syntax.kind == "relation" and syntax.value == ["="]:
                left, right = syntax.parts
                pieces.extend([writer.write(left), " = ", writer.write(right)])
            elif statement.word in ("index", "size"):
                pieces.append(writer.index(syntax))
            else:
                piece = writer.write(syntax)
                pieces.append(piece)
                lengths = self.names.lengths.get(piece.meaning.name) if piece.meaning is not None else None
                if lengths is not None and piece.meaning is not None and piece.meaning.indices == lengths[0]:
                    pieces.append(f": ({', '.join(lengths[1])})")
        return writer.joined(pieces, node, 0)

    # Shapes.

    def _shape(self, statement: _Statement) -> str:
        r"""Return ``W in R^(H x D)`` for ``W \in \mathbb{R}^{H \times D}``, after looking at the number of axes."""
        tokens = statement.tokens
        at = next(place for place, token in enumerate(tokens) if token.type == "SET")
        extents = _extents(tokens[at + 1 :])
        heads = [token for token in tokens[:at] if token.type != "REL"]
        names: list[str] = []
        writer = Writer(self.names, self.text)
        for part in _comma_parts(tuple(heads)):
            symbol = self._symbol(_alone(parse_formula(part, self.text)), writer)
            if symbol is None:
                raise Refused("a shape is said of a name", part[0].start, part[-1].end)
            meanings = self.names.meanings(symbol.stem, symbol.items, symbol.layers[0][0] if symbol.layers else None)
            names.append(str(meanings[0]) if meanings else symbol.stem)
            if len(meanings) == 1 and extents is not None and not self.is_network:
                self._check_shape(meanings[0], extents, statement)
        shape = " x ".join(extents) if extents else ""
        return f"{', '.join(names)} in {tokens[at].value}" + (f"^({shape})" if shape else "")

    def _check_shape(self, meaning: Meaning, extents: list[str], statement: _Statement) -> None:
        left = self.names.ranks[meaning.name] - len(meaning.indices)
        given = [extent for extent in extents if extent != "1"] if left < len(extents) else extents
        if left != len(given):
            raise self.positions.error(
                ShapeError,
                f"{meaning} has {count_of(left)} left, and a shape of {len(extents)} is claimed",
                statement.start,
                statement.end,
                f"It was declared as {Meaning(meaning.name, self.names.axes.get(meaning.name, ()))}.",
            )
        ranges = self.names.ranges.get(meaning.name)
        if ranges is None or meaning.indices:
            return
        for (low, high), extent in zip(ranges, given, strict=True):
            known = extent.isdigit() or extent in self.names.sizes
            if low == "1" and known and high != extent and (high.isdigit() or high in self.names.sizes):
                raise self.positions.error(
                    ShapeError,
                    f"{meaning.name} has {high} where {extent} is claimed",
                    statement.start,
                    statement.end,
                    f"It was declared as {Meaning(meaning.name, self.names.axes.get(meaning.name, ()))}.",
                )


class _Collector:
    """Finds out from the text of a network what its names are: which letters are indices, which subscripts labels."""

    def __init__(self, text: str, names: Names) -> None:
        self.text = text
        self.names = names
        self.letters: set[str] = set()

    def collect(self, statements: Sequence[_Statement]) -> None:
        trees: list[Syntax] = []
        for statement in statements:
            if statement.plain is not None:
                self._plain(self.text[statement.start : statement.end])
            elif statement.syntax is not None:
                trees.append(statement.syntax)
                self.letters.update(name for name, _, _ in statement.limits)
            elif statement.word and statement.word != "in":
                for part in _comma_parts(statement.tokens):
                    try:
                        syntax = parse_formula(_before_set(part), self.text)
                    except Refused:
                        continue
                    if statement.word == "index":
                        self.letters.add(part[0].value)
                    elif statement.word == "size":
                        self.names.sizes.add(part[0].value)
                    else:
                        trees.append(syntax)
        for tree in trees:
            self._bound_letters(tree)
        for tree in trees:
            self._free_letters(tree)
        self.names.limits.update(dict.fromkeys(self.letters, ("", "")))
        for tree in trees:
            self._defined_square(tree)
        for statement in statements:
            if any(token.type == "SET" for token in statement.tokens):
                self._note_lengths(statement)
        symbols = [symbol for tree in trees for symbol in self._symbols(tree)]
        by_letters = [symbol for symbol in symbols if self._has_letters(symbol)]
        for symbol in (*by_letters, *symbols):
            self._note(symbol)
        for letter in self.letters:
            self.names.ranks.pop(letter, None)
        if self.names.lengths:
            self._spread_shapes([tree for tree in trees if tree.kind == "relation"])

    def _note_lengths(self, statement: _Statement) -> None:
        """Note the lengths of the names before each ``\\in \\mathbb{R}^{...}``."""
        writer = Writer(self.names, self.text)
        waiting: list[Symbol] = []
        for part in _comma_parts(statement.tokens):
            try:
                node = _alone(parse_formula(_before_set(part), self.text))
                waiting.append(writer.symbol(node))
            except Refused:
                continue
            at = next((place for place, token in enumerate(part) if token.type == "SET"), None)
            extents = _extents(part[at + 1 :]) if at is not None else None
            if at is None:
                continue
            for symbol in waiting:
                lengths = tuple(extent for extent in extents or () if extent != "1")
                layer = symbol.layers[0][0] if symbol.layers else None
                meaning = self.names.defines(symbol.stem, symbol.items, layer, self.letters)
                if lengths:
                    self._shape(meaning, len(lengths))
                    self.names.lengths[meaning.name] = (meaning.indices, lengths)
                    self.names.sizes.update(word for length in lengths for word in _NAME.findall(length))
            waiting = []

    def _shape(self, meaning: Meaning, rank: int) -> None:
        """Make known that what stands at a name leaves an array of some rank over."""
        self.names.ranks[meaning.name] = len(meaning.indices) + rank
        self.names.axes[meaning.name] = (*meaning.indices, *("",) * rank)

    def _spread_shapes(self, trees: Sequence[Syntax]) -> None:
        """Give the names that equations define the shapes of their right sides, as often as one tells another."""
        for _ in range(MOST_PASSES):
            before = dict(self.names.ranks)
            for tree in trees:
                writer = Writer(self.names, self.text)
                try:
                    left = writer.write(tree.parts[0]).meaning
                    shape = writer.write(tree.parts[-1]).shape
                except Refused:
                    continue
                if left is None or left.name in self.names.lengths or shape == "scalar":
                    continue
                if self.names.ranks.get(left.name) == len(left.indices):
                    self._shape(left, 2 if shape == "matrix" else 1)
            if self.names.ranks == before:
                return

    def _plain(self, written: str) -> None:
        for name, inside in re.findall(r"\b([^\W\d]\w*)\s*\[([^\[\]]*)\]", written):
            self.names.ranks.setdefault(name, len(inside.split(",")))
            self.letters.update(word for word in _NAME.findall(inside) if len(word) == 1)
        word = _NAME.match(written.strip())
        if word is None:
            return
        if word[0] in ("index", "batch"):
            self.letters.update(re.findall(r"([^\W\d]\w*)\s*(?:=|in\b|,)", written.strip()[len(word[0]) :]))
        elif word[0] == "function":
            match = re.match(r"\s*function\s+([^\W\d]\w*)", written)
            if match is not None:
                self.names.functions.add(match[1])
        elif word[0] in STATEMENT_WORDS:
            for part in re.sub(r"\[[^\[\]]*\]", "", written.strip()[len(word[0]) :]).split(","):
                name = _NAME.match(part.strip())
                if name is not None and word[0] == "size":
                    self.names.sizes.add(name[0])
                elif name is not None:
                    self.names.ranks.setdefault(name[0], 0)
        else:
            match = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)", written)
            if match is not None:
                self.names.ranks.setdefault(match[1], 0)

    def _bound_letters(self, tree: Syntax) -> None:
        for node in tree.walk():
            if node.kind != "scripted":
                continue
            base = node.parts[0]
            if base.kind == "symbol" and (
                base.value[0] == "BIG" or base.value[1] in ("max", "min", "argmax", "softmax")
            ):
                for kind, part in zip(node.value, node.parts[1:], strict=True):
                    if kind == "sub":
                        self.letters.update(_below(part))

    def _free_letters(self, tree: Syntax) -> None:
        """A letter below the left side that stands below something on the right too is an index."""
        if tree.kind != "relation" or len(tree.parts) < 2:
            return
        left, *rights = tree.parts
        right = {word for side in rights for word in _subscript_letters(side)}
        self.letters.update(word for word in _subscript_letters(left) if word in right and len(word) == 1)

    def _defined_square(self, tree: Syntax) -> None:
        """Make sigma2 a name where a left side is ``\\sigma^2``, which defines no other one."""
        left = _alone(tree.parts[0]) if tree.kind == "relation" else tree
        if tree.kind != "relation" or left.kind != "scripted" or left.parts[0].kind != "symbol":
            return
        symbol = Writer(self.names, self.text).symbol(left)
        if symbol.layers and not symbol.layers[0][1] and symbol.layers[0][0].text.isdigit():
            meaning = self.names.defines(symbol.stem, symbol.items, symbol.layers[0][0], self.letters)
            self.names.ranks[meaning.name] = len(meaning.indices)

    def _symbols(self, tree: Syntax) -> Iterator[Symbol]:
        writer = Writer(self.names, self.text)
        stack: list[tuple[Syntax, bool]] = [(tree, False)]
        while stack:
            node, called = stack.pop()
            if node.kind == "product":
                items = list(zip(node.value, node.parts, strict=True))
                for place, (_, part) in enumerate(items):
                    following = items[place + 1] if place + 1 < len(items) else None
                    before_bracket = following is not None and following[0] == "" and following[1].kind in ("bracket",)
                    stack.append((part, before_bracket))
                continue
            base = node.parts[0] if node.kind == "scripted" else node
            if base.kind in ("symbol", "accent"):
                if base.kind == "symbol" and (base.value[0] not in ("LETTER", "WORD") or base.value[1] == "nabla"):
                    continue
                try:
                    symbol = writer.symbol(node)
                except Refused:
                    continue
                function = is_known_function(symbol.stem) or symbol.stem in self.names.functions
                if (
                    not called and not (function and symbol.word) and not (function and not symbol.items and called)
                ) or (called and symbol.items and not function):
                    yield symbol
                stack.extend((part, False) for part in symbol.powers)
            else:
                stack.extend((part, False) for part in node.parts)

    def _has_letters(self, symbol: Symbol) -> bool:
        words = [word for item in symbol.items for word in (item.atoms or _NAME.findall(item.text))]
        return any(self.names.is_index(word) for word in words)

    def _note(self, symbol: Symbol) -> None:
        if not symbol.items and symbol.stem in ("e", "pi", "d"):
            return
        stem = symbol.stem + "_prime" * symbol.primes
        layers = [
            item
            for item, bracketed, _ in symbol.layers
            if bracketed or any(map(self.names.is_index, item.atoms or ("",)))
        ]
        layer = layers[0] if layers else None
        if any(self.names.meanings(stem, symbol.items, item) for item in (layer, *(one[0] for one in symbol.layers))):
            return
        meaning = self.names.defines(stem, symbol.items, layer, self.letters)
        if meaning.name not in self.names.sizes and meaning.name not in self.names.limits:
            self.names.ranks.setdefault(meaning.name, len(meaning.indices))


# Tokens and trees.


def _continues(row: Sequence[Token], tokens: Sequence[Token], place: int) -> bool:
    """Whether the row that begins at `place` goes on with the formula of `row`: an operator stands at the break."""
    if row[-1].type in _BINARY:
        return True
    following = next((token for token in tokens[place : place + 4] if token.type not in ("ROW", "SEP")), None)
    if following is None or following.type in ("TIMES", "SLASH"):
        return following is not None
    if following.type not in ("PLUS", "MINUS"):
        return False
    begun = False
    for at in range(place, len(tokens)):
        if tokens[at].type == "ROW" and at > place:
            return True
        begun = begun or tokens[at].type not in ("ROW", "SEP", "PLUS", "MINUS")
        if begun and tokens[at].type in ("COMMA", "SEP", "TEXT"):
            return True  # + b_j, \\qquad j = 1, \\dots, H
        if tokens[at].type == "REL":
            return False
    return True


def _segments(row: Sequence[Token]) -> Iterator[_Segment]:
    """Cut a line at its commas, wide spaces and words, outside of all brackets."""
    word, separator = "", ""
    current: list[Token] = []
    depth = 0
    for token in row:
        if token.type in _OPENING or token.type == "ROOT":
            depth += 1
        elif token.type in _CLOSING or token.type == "RBRACKET":
            depth -= 1
        if depth <= 0 and token.type in ("COMMA", "SEP", "TEXT"):
            if (current or token.type == "TEXT" or word) and (current or token.type == "TEXT"):
                yield _Segment(word, tuple(current), separator)
                word = ""
            current = []
            if token.type == "TEXT":
                word = token.value.lower().strip(" ,:.")
            separator = token.type
            continue
        current.append(token)
    if current or word:
        yield _Segment(word, tuple(current), separator)


def _unwrapped(row: Sequence[Token]) -> list[Token]:
    """Return a line without remarks in brackets behind its formula, and with limits in brackets set off.

    ``(3)`` after a wide space is the number of the line; ``(k \\neq m)`` and ``(k = 1, \\dots, K)`` say where it holds.
    """
    result = list(row)
    while len(result) > 2 and result[-1].type == "CLOSE":
        depth, opening = 0, len(result)
        while opening and (depth or opening == len(result)):
            opening -= 1
            depth += (result[opening].type in _CLOSING) - (result[opening].type in _OPENING)
        before, inside = result[:opening], result[opening + 1 : -1]
        outer = _outermost(inside)
        says = any(token.type == "REL" for token in _outermost(before))
        limits = any(token.type == "REL" for token in outer) and result[opening].value == "()"
        calls = bool(before) and (before[-1].type in ("INDICATOR", "WORD") or before[-1].value in ("I", "delta"))
        if not says or not inside or result[opening].type != "OPEN":
            break
        limiting = (*_CONDITION_WORDS, *_RANGE_WORDS, *_POINT_WORDS)
        if inside[0].type == "TEXT" and inside[0].value.lower() not in limiting:
            result = before
        elif before[-1].type == "SEP" and all(token.type in ("NUMBER", "TIMES", "MARK") for token in inside):
            result = before[:-1]
        elif (limits and not calls) or inside[0].type == "TEXT":
            gap = Token("SEP", "", result[opening].start, result[opening].end)
            return [*before, *([] if before[-1].type == "SEP" else [gap]), *inside]
        else:
            break
    return result


def _begins_statement(row: Sequence[Token], place: int) -> bool:
    """Whether a word such as ``\\text{input}`` begins a statement in a line."""
    token = row[place]
    if token.type not in ("WORD", "TEXT") or token.value.split()[:1] != [token.value.strip()]:
        return False
    return token.value.strip() in STATEMENT_WORDS and (place == 0 or row[place - 1].type in ("SEP", "COMMA", "TEXT"))


def _flat(segments: Sequence[_Segment]) -> list[Token]:
    """Return held segments as tokens again, with commas between and after them."""
    found: list[Token] = []
    for segment in segments:
        end = segment.tokens[-1].end
        found.extend([*segment.tokens, Token("COMMA", ",", end, end)])
    return found


def _outermost(tokens: Sequence[Token]) -> list[Token]:
    depth, found = 0, []
    for token in tokens:
        if token.type in _OPENING:
            depth += 1
        elif token.type in _CLOSING:
            depth -= 1
        elif depth == 0:
            found.append(token)
    return found


def _comma_parts(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    current: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.type in _OPENING) - (token.type in _CLOSING)
        if token.type in ("COMMA", "SEP", "TEXT") and depth == 0:
            if current:
                yield tuple(current)
            current = []
        else:
            current.append(token)
    if current:
        yield tuple(current)


def _before_set(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return what stands before ``\\in \\mathbb{R}^{...}``."""
    at = next((place for place, token in enumerate(tokens) if token.type == "SET"), len(tokens))
    return tuple(token for token in tokens[:at] if at == len(tokens) or token.type != "REL")


def _extents(tokens: Sequence[Token]) -> list[str] | None:
    """Return ``["H", "D"]`` for what stands above ``\\mathbb{R}``."""
    inside = [token for token in tokens if token.type not in ("SUP", "LBRACE", "RBRACE", "OPEN", "CLOSE")]
    if any(token.type not in ("LETTER", "WORD", "NUMBER", "TIMES", "SUB", "PLUS", "MINUS") for token in inside):
        return None
    extents = [""]
    for token in inside:
        if token.type == "TIMES":
            extents.append("")
        else:
            extents[-1] += "_" if token.type == "SUB" else token.value
    return [extent for extent in extents if extent]


def _alone(node: Syntax) -> Syntax:
    while node.kind in ("product", "braced") and len(node.parts) == 1:
        node = node.parts[0]
    return node


def _is_new(node: Syntax) -> bool:
    """Whether a left side has ``new`` above it."""
    inner = _alone(node)
    if inner.kind != "scripted":
        return False
    words = ["".join(str(one.value[1]) for one in part.walk() if one.kind == "symbol") for part in inner.parts[1:]]
    return "new" in words


def _below(node: Syntax) -> set[str]:
    """Return the letters that a sum binds, from what stands below it."""
    found: set[str] = set()
    stack = [node]
    while stack:
        part = stack.pop()
        if part.kind in ("relation", "range"):
            stack.append(part.parts[0])
        elif part.kind == "symbol" and part.value[0] == "LETTER":
            found.add(part.value[1])
        elif part.kind in ("braced", "product", "bracket", "junction"):
            stack.extend(part.parts)
        elif part.kind == "scripted":
            stack.append(part.parts[0])
    return found


def _subscript_letters(node: Syntax) -> set[str]:
    """Return the letters in subscripts and in superscripts in brackets."""
    found: set[str] = set()
    for part in node.walk():
        if part.kind != "scripted":
            continue
        base = part.parts[0]
        if base.kind == "symbol" and base.value[0] == "BIG":
            continue
        for kind, script in zip(part.value, part.parts[1:], strict=True):
            inner = _alone(script)
            if kind == "sub" or (kind == "sup" and inner.kind == "bracket") or (
                kind == "sup" and inner.kind in ("symbol", "sum")
            ):  # fmt: skip
                found.update(one.value[1] for one in script.walk() if one.kind == "symbol" and one.value[0] == "LETTER")
    return found


def _standing_alone(tree: Syntax) -> Iterator[str]:
    """Yield the letters that stand somewhere without a bracket after them, and are no function there."""
    for node in tree.walk():
        if node.kind != "product" or (node.parts[0].kind == "symbol" and node.parts[0].value[1] == "d"):
            continue
        for place, part in enumerate(node.parts):
            following = node.parts[place + 1] if place + 1 < len(node.parts) and node.value[place + 1] == "" else None
            bracketed = following is not None and (
                following.kind == "bracket" or (following.kind == "scripted" and following.parts[0].kind == "bracket")
            )
            base = part.parts[0] if part.kind == "scripted" else part
            if not bracketed and base.kind == "symbol" and base.value[0] == "LETTER":
                yield base.value[1]


def _of_indices(condition: Syntax) -> bool:
    return all(
        all(one.kind in ("symbol", "number", "sum", "product", "braced") for one in part.walk())
        for part in condition.parts
    )
