"""Claims as people write them, line by line, in the names of a network.

A line is a chain ``A = B = C``, an update ``theta <- theta - eta*D(L, theta)``, or ``at W = 3, X = 3``, which fixes a
point for the lines after it.  ``dJ/dw[i]`` is the operator ``D(J, w[i])`` where both names are known.  ``v_bar``, v
being known and ``v_bar`` not, is the derivative of the objective by v, as printed derivations have it; so is an unknown
``dZ`` on a left side.  Any other unknown left side is a definition for the lines that follow.  Whole arrays, as in
``dW = outer(delta, x)``, are read into index form: the axes of the left side are the free indices.  A line that cannot
be read is an error of that line alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Derivative,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Reduction,
    Size,
    Where,
    compare,
    free_indices,
    junction,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.indices import normal
from symprop.declaration.axes import AxisNames, Shaped, shape_of
from symprop.declaration.matrix import ArrayReader
from symprop.declaration.names import DECORATIONS, GREEK, is_forbidden, spelled
from symprop.declaration.network import Equation, Network
from symprop.declaration.parser import parse_point
from symprop.declaration.phrases import ARROWS, is_prose, listed, outside, phrases
from symprop.declaration.quantity import Axis
from symprop.declaration.ranges import hull, is_at_most, is_below
from symprop.declaration.resolve import OPERATORS, Resolver
from symprop.declaration.scope import Known, Scope
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import BESIDE, Syntax, read
from symprop.errors import DeclarationError, IndexNotationError, NotationError, ShapeError, SympropError, nearest
from symprop.verification.big_operators import with_calls, without_limits
from symprop.verification.lists import Nested, placed, read_list, sizes_at, units

LONGEST_LINE = 20_000  # characters; a longer one is refused, so that reading takes bounded time
LONGEST_TEXT = 10_000_000
MOST_LINES = 5_000
LONGEST_CHAIN = 40  # sides
LONGEST_SHOWN = 200  # characters of a line that cannot be read

_NAME = r"[^\W\d](?:(?![²³¹⁰⁴-⁹])[\w\u0300-\u036f])*"  # marks over a letter included, and no exponents
_INDICES = r"\[[^\[\]]*\]"
_FRACTION = re.compile(rf"(?<![\w.])([d∂])({_NAME})?({_INDICES})?\s*/\s*([d∂])({_NAME})({_INDICES})?")
_SUBSCRIPTS = re.compile(rf"{_NAME}\[([^\[\]]*)\]")
_NAMES = re.compile(_NAME)
_PRIMED = re.compile(rf"(?<![\w.])({_NAME})['′’](?![\w'′’\[])")
_PRIMED_BRACKET = re.compile(r"\)['′’](?![\w'′’\[])")
_PIECE = re.compile(
    rf"(?P<blank>\s*)(?:(?P<number>\d+(?:\.(?!\.)\d*)?(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>{_NAME}'*)|"
    r"(?P<power>[⁺⁻]?[⁰¹²³⁴-⁹]+|\.T(?!\w)|[ᵀᵗ⊤])|(?P<other>\*\*|.))"
)
# 1/2 x is half of x, and 1/N sum(n, ...) a mean.
_FRACTION_OF = re.compile(r"(?<![\w.)\]])\d+\s*/\s*(?:\d+\s*\0|\w+\s*\0(?:sum|Sum|Σ|∑)$)")
_OPERATOR_WORDS = ("and", "or", "not", "in", "if", "for")
_VALUE = re.compile(
    rf"\s*({_NAME})(?:{_INDICES})?\s*=\s*"
    r"(?:[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?:\s*/\s*\d+)?|\[[\d\s.,;/eE+\-\[\]]*\])\s*"
)
_WHERE = re.compile(rf"(?:^|[\s,;(])\(?\s*(?:where|with|here)\s*:?\s+(?={_NAME}\s*(?:{_INDICES})?\s*=(?!=))")
_CHANGES = re.compile(rf"\s*({_NAME})\s*(?:\[[^=\]]*(?:[<>]=?|[=!]=)[^\]]*\]\s*|[-+*/@])=(?!=)")
_UPDATE = re.compile(r"<-|←|:=")
_NAMED_AFTER = re.compile(r"=:")
_INCREMENT = re.compile(r"([-+])=(?!=)")
_AT = re.compile(r"[\s,]at\s")
_SUBSCRIPTED = re.compile(rf"(?<![\w.])({_NAME})(?!(?![²³¹⁰⁴-⁹])[\w\u0300-\u036f]|\[)")
_KRONECKER = re.compile(r"(?<![\w.])(?:δ|delta)_([^\W\d_])([^\W\d_])(?![\w\[(])")
_RANGE = re.compile(rf"\s*({_NAME})\s*(?:=|in\b|∈)\s*(.+?)\s*(?:\.\.+|…)\s*(.+)")
_ARROW = re.compile(ARROWS)
_RANGE_AFTER_AND = re.compile(rf"\s+and\s+(?={_NAME}\s*(?:=|in\b|∈)[^=]+?(?:\.\.|…))")
_CLAIMS_SOMETHING = re.compile(r"=|<-|←|^at\b")
_NEW_VALUE = re.compile(rf"({_NAME})_(?:new|next|plus|updated|prime)")
_GIVEN_NAME = re.compile(rf"({_NAME})\s*(?:\[[^\[\]]*\]\s*)?:?=(?!=)")
_EVERY = re.compile(rf"\s*(?:all|every|each|any)?\s*({_NAME}(?:\s+and\s+{_NAME})?)?\s*")


@dataclass(frozen=True)
class Claim:
    """One line: what it says, or why it cannot be read.

    Attributes
    ----------
    line : int
        Counted from 1.
    text : str
        As written, without comment.
    kind : str
        ``equal``, ``definition``, ``update`` or ``error``.
    sides : tuple of Expr
        The links of the chain. An update has two: what is updated, and its new value. A definition starts with what
        is defined; what follows are links.
    bounds : tuple of Bound
        Free indices and the values that the line claims for.
    condition : Expr
        What ``if`` says; `TRUE` mostly.
    point : mapping of str to object
        Values fixed by ``at`` lines before it; empty if it claims for all.
    free_scalars : tuple of str
        Unknown scalars on right sides (eta): any real number.
    only_right : tuple of Index
        Indices that only a right side has.
    tolerances : tuple of Fraction or None
        For each side, one unit of the last digit it shows, if it is a decimal number.
    equation, axes : Equation, tuple of Axis
        Of a definition.
    note : str
        How the line was understood, where that is not plain.
    by_habit : bool
        Whether the left side is ``dZ`` or ``Z_bar`` for the derivative of the objective by Z.
    error : SympropError, optional
    shapes : tuple of Fit
        For each side of a line about whole arrays, how its shape fits that of the left side; else empty.
    entries : tuple of Entry
        Of ``dw = [2, 4, 6]``: each is a claim of its own; `sides` has what the list is said to be.
    """

    line: int
    text: str
    kind: str
    sides: tuple[Expr, ...] = ()
    bounds: tuple[Bound, ...] = ()
    condition: Expr = TRUE
    point: Mapping[str, object] = field(default_factory=dict)
    free_scalars: tuple[str, ...] = ()
    only_right: tuple[Index, ...] = ()
    tolerances: tuple[Fraction | None, ...] = ()
    equation: Equation | None = None
    axes: tuple[Axis, ...] = ()
    note: str = ""
    error: SympropError | None = None
    by_habit: bool = False
    shapes: tuple[Fit, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One entry of an array that a line gives as a list.

    Attributes
    ----------
    place : tuple of int
        The values of its indices.
    left, right : Expr
        The component, and what the list has for it.
    written : str
        What the list has, as written.
    tolerance : Fraction or None
        One unit of the last digit shown, if it is a decimal number.
    """

    place: tuple[int, ...]
    left: Expr
    right: Expr
    written: str
    tolerance: Fraction | None = None


@dataclass(frozen=True)
class Fit:
    """How the shape of a side fits that of the left side of its line.

    Attributes
    ----------
    kind : str
        ``same``; ``scalar``, one number for every component; ``turned``, the transpose of a matrix; ``row``, a row for
        a column or a column for a row; ``diagonal``, a column for a square matrix; ``none``: the two are never equal.
    extents, wanted : tuple of Expr
        The lengths of its axes, and of those of the left side, in sizes.
    error : SympropError, optional
        Why the side has no value.
    """

    kind: str
    extents: tuple[Expr, ...] = ()
    wanted: tuple[Expr, ...] = ()
    error: SympropError | None = None


def read_claims(text: str, network: Network, owned: frozenset[str] = frozenset()) -> tuple[Claim, ...]:
    """Return the claims of a text, one for each line that says something.

    Names in `owned`, such as dZ, are what their lines define and not derivatives.
    """
    return tuple(ClaimReader(network, owned).read(text))


@dataclass(frozen=True)
class _Read:
    """What reading some texts as expressions gave."""

    sides: tuple[Expr, ...]
    free_scalars: tuple[str, ...]
    scope: Scope
    axes: tuple[Bound, ...] = ()  # of whole arrays
    shapes: tuple[Fit, ...] = ()
    is_row: bool = False  # the first side is


class ClaimReader:
    """Reads lines one after another; definitions and points made by earlier lines hold for later ones."""

    def __init__(self, network: Network, owned: frozenset[str] = frozenset()) -> None:
        self.network = network
        self.owned = owned  # names such as dZ that this text uses for something of its own
        self.defined: dict[str, tuple[Axis, ...]] = {}
        # What stands for the derivative of the objective by something: Z_bar always, dZ once it stood on a left side.
        self.by_habit: dict[str, str] = {}
        if self.objective():
            of_value = [name for name, quantity in network.quantities.items() if quantity.role != "constant"]
            self.by_habit = {f"{name}_bar": name for name in of_value if not self.is_known(f"{name}_bar")}
        self.met: dict[str, None] = {}  # of these, what the line at hand uses
        self.notes: dict[str, None] = {}  # how else something in the line was read
        self.told: set[str] = set()  # and what the note on a line has told
        self.point: dict[str, object] = {}
        self.limited: dict[str, str] = {}  # what the line that is read says of its indices without writing it
        self.letters: frozenset[str] = frozenset()  # that stand in a subscript of the line that is read
        self.bodies: dict[str, Equation] = {}  # of what one line defined, for every component and without itself
        self.changed: dict[str, int] = {}  # by a line that could not be read, as dh[h <= 0] = 0, and by which
        self.rows: dict[str, list[tuple[Axis, ...]]] = {}  # which components the lines before defined, row by row

    def read(self, text: str) -> Iterator[Claim]:
        if len(text) > LONGEST_TEXT:
            error = NotationError(f"the text has {len(text)} characters; {LONGEST_TEXT} are read at most")
            yield Claim(1, "", "error", error=error)
            return
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        if len(lines) > MOST_LINES:
            yield Claim(
                1, "", "error", error=NotationError(f"there are {len(lines)} lines; {MOST_LINES} are read at most")
            )
            return
        from symprop.declaration.latex import looks_like_latex

        if looks_like_latex(without_limits(text)):
            yield from self.latex(text)
            return
        lines = [self.with_names_in_one_word(line) for line in lines]
        dashes = listed(lines)
        own = {name for line in lines for name in _GIVEN_NAME.findall(line)}

        def is_name(word: str) -> bool:
            return word in own or self.means_something(word) or (word[0] == "d" and self.means_something(word[1:]))

        headings = frozenset(n for n, line in enumerate(lines) if is_prose(line.split("#", 1)[0], is_name))
        for number, written in definitions_first(logical_lines(lines, dashes, headings)):
            yield from self.phrases(number, written, number - 1 in dashes)

    def with_names_in_one_word(self, line: str) -> str:
        """Write ``yhat`` for ``y_hat`` and y with a hat, where a network has that name and not the other."""
        for name in self.network.quantities:
            for mark, decoration in DECORATIONS.items():
                plain = name.removesuffix(decoration[1:])
                if plain in ("", name) or plain.endswith("_") or self.is_known(f"{plain}{decoration}"):
                    continue
                accented = unicodedata.normalize("NFC", plain + mark)
                spellings = "|".join(map(re.escape, (f"{plain}{decoration}", plain + mark, accented)))
                line = re.sub(rf"(?<![^\W\d])(?:{spellings})(?![^\W_])", name, line)
        return line

    def phrases(self, number: int, written: str, in_list: bool) -> Iterator[Claim]:
        """Yield the claims of one line, without what stands around them; the claim keeps it."""
        try:
            if len(written) > LONGEST_LINE:
                raise NotationError(f"the line has {len(written)} characters; {LONGEST_LINE} are read at most")
            if self.gives_values(written):
                self.fix(written)
                return
            found = list(phrases(written, self.means_something, in_list))
            if not in_list and re.match(r"-\s", written) and _FRACTION.match(written[1:].lstrip()):
                raise NotationError(
                    "the dash may begin an item of a list or be a minus",
                    hint=f"Write -{written[1:].lstrip()} for the minus, and leave it out otherwise.",
                )
        except SympropError as error:
            yield Claim(number, written[:LONGEST_SHOWN], "error", error=on_line(error, number, written))
            return
        for phrase in found:
            for claim in self.safely(number, phrase.text):
                changed = _CHANGES.match(phrase.text) if claim.error is not None else None
                if changed is not None and (changed[1] in self.defined or changed[1] in self.by_habit):
                    self.changed.setdefault(changed[1], number)
                yield claim if claim.error is not None else replace(claim, text=phrase.written)

    def means_something(self, word: str) -> bool:
        """Whether a word is a name in formulas."""
        try:
            plain = spelled(word)
        except ValueError:
            return False
        return self.is_known(plain) or plain in self.by_habit or self.split_name(word) != word

    def safely(self, number: int, written: str) -> Iterator[Claim]:
        """Yield the claim of one line; whatever is wrong with it is an error of that line."""
        try:
            if len(written) > LONGEST_LINE:
                raise NotationError(f"the line has {len(written)} characters; {LONGEST_LINE} are read at most")
            if BESIDE in written:
                raise NotationError("U+2062 cannot be seen, and is not read", hint="Write * for a product.")
            yield from self.line(number, written)
        except SympropError as error:
            error = _without_marks(error)
            yield Claim(number, written[:LONGEST_SHOWN], "error", error=on_line(error, number, written))
        except ValueError as error:  # a letter that no name can hold
            refused = NotationError(str(error))
            yield Claim(number, written[:LONGEST_SHOWN], "error", error=on_line(refused, number, written))
        except RecursionError:
            refused = NotationError("the line is nested too deeply", hint="Give its parts names on lines before.")
            yield Claim(number, written[:LONGEST_SHOWN], "error", error=on_line(refused, number, written))

    def latex(self, text: str) -> Iterator[Claim]:
        """Yield the claims of a LaTeX or Markdown text; what was understood is their note."""
        from symprop.declaration.latex import read_latex

        # A line that cannot be read whatever it says costs itself, not the text.
        lines = text.split("\n")
        hopeless = [n for n, line in enumerate(lines) if len(line) > LONGEST_LINE or any(map(is_forbidden, set(line)))]
        aside = deque((n + 1, lines[n]) for n in hopeless)
        for n in hopeless:
            lines[n] = ""
        try:
            reading = read_latex("\n".join(lines), self.network)
        except SympropError as error:
            yield Claim(error.line or 1, "", "error", error=error)
            return
        for line in reading.lines:
            while aside and aside[0][0] < line.line:
                yield from self.safely(*aside.popleft())
            if line.error is not None:
                yield Claim(line.line, line.written[:LONGEST_SHOWN], "error", error=line.error)
                continue
            if not line.text or not _CLAIMS_SOMETHING.search(line.text):
                continue  # a sentence between formulas
            for claim in self.safely(line.line, line.text):
                wrong = claim.error
                if wrong is not None:
                    wrong = reading.relocate(wrong, line)
                note = line.text + (f" ({claim.note})" if claim.note else "")
                shown = line.written[:LONGEST_LINE]
                yield replace(claim, text=shown, error=wrong, note=note)
        for number, written in aside:
            yield from self.safely(number, written)

    def line(self, number: int, written: str) -> Iterator[Claim]:
        fixed = re.match(r"at\b\s*:?\s*(.*)", written)
        if fixed is not None and not re.match(r"\s*(\[.*\])?\s*(=(?!=)|<-|:=)", written[2:]):
            self.fix(fixed[1])
            return
        if self.gives_values(written):
            self.fix(written)
            return
        for name in _NAMES.findall(written) if self.changed else ():
            if name in self.changed and not _CHANGES.match(written):
                raise DeclarationError(
                    f"line {self.changed[name]} changes '{name}', and could not be read",
                    hint="Give what it is after the change a name of its own.",
                )
        self.met, self.notes = {}, {}
        place = next((match for match in outside(written, _AT) if not self.means_something("at")), None)
        if place is not None:
            before = self.point
            try:
                self.fix(written[place.end() :])
                yield from self.line(number, written[: place.start()])
            finally:
                self.point = before
            return
        body, limits, condition_text = self.split_suffix(written)
        named = next(outside(body, _NAMED_AFTER), None)
        if named is not None:
            # A = B =: delta: the line claims what it says, and delta is a name for what stands last.
            suffix = written[len(body) :]
            head = body[: named.start()]
            yield from self.line(number, head + suffix)
            yield from self.line(number, f"{body[named.end() :]} = {split_chain(head)[-1]}{suffix}")
            return
        update = _UPDATE.search(body)
        growing = next(outside(body, _INCREMENT), None)
        if growing is not None:
            left, step = body[: growing.start()].strip(), body[growing.end() :].strip()
            claim = self.update(number, written, left, f"{left} {growing[1]} ({step})", limits, condition_text)
            if claim is None:
                raise NotationError(
                    f"'{growing[0].strip()}' changes a parameter, and {left} is none",
                    hint="Write = for what it is, with all its terms.",
                )
            yield self.noted(claim)
            return
        if update is not None:
            claim = self.update(number, written, body[: update.start()], body[update.end() :], limits, condition_text)
            if claim is not None:
                yield self.noted(claim)
                return
            body = f"{body[: update.start()]} = {body[update.end() :]}"
        parts = split_chain(body)
        if len(parts) < 2:
            raise NotationError("a claim says that two things are equal", hint="Write: expression = expression.")
        if len(parts) > LONGEST_CHAIN:
            raise NotationError(
                f"the chain has {len(parts)} sides; {LONGEST_CHAIN} are read at most", hint="Write several lines."
            )
        unknown = self.unknown_left_side(parts[0])
        if unknown is not None:
            habit = self.habit(number, written, unknown, parts, limits, condition_text)
            if habit is None:
                habit = self.new_value(self.definition(number, written, unknown, parts, limits))
            yield self.noted(habit)
            return
        further = self.further_components(number, written, parts, limits)
        if further is not None:
            yield self.noted(further)
            return
        yield self.noted(self.chain(number, written, parts, limits, condition_text))

    def gives_values(self, written: str) -> bool:
        """Whether a line gives numbers to inputs, targets and parameters, ``x = 2, w = 0.5``: no claim, but a point."""
        parts = [_VALUE.fullmatch(part) for part in pieces(written)]
        given = ("input", "target", "parameter", "hyperparameter")
        return bool(parts) and all(
            part is not None
            and (quantity := self.network.quantities.get(part[1])) is not None
            and quantity.role in given
            and part[1] not in self.network.definitions
            for part in parts
        )

    def noted(self, claim: Claim) -> Claim:
        """Return a claim whose note tells what names were read as, where that is new."""
        new = [self.meaning(name, self.by_habit[name]) for name in self.met if name not in self.told]
        new += self.notes
        for name in claim.free_scalars:
            known = next((each for each in self.network.quantities if each.lower() == name.lower()), None)
            if known is not None:
                new.append(f"{name} is any number, and not {known}")
        return replace(claim, note="; ".join(filter(None, (claim.note, *new)))) if new else claim

    def fix(self, text: str) -> None:
        """Fix values for the lines that follow; ``at`` alone frees them again."""
        if not text.strip():
            self.point = {}
            return
        found = parse_point(text.strip(), self.network)
        for name in found:
            quantity = self.network.quantities.get(name)
            if quantity is not None and quantity.role in ("defined", "constant"):
                raise DeclarationError(
                    f"'{name}' has a value already: it is {'defined' if quantity.role == 'defined' else 'a constant'}",
                    hint="Fix inputs, targets and parameters.",
                )
        point = dict(self.point)  # a new one: what an `at` within a line fixes ends with the line
        for name, value in found.items():
            before = point.get(name)
            point[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
        self.point = point

    def chain(
        self,
        number: int,
        written: str,
        parts: list[str],
        limits: tuple[tuple[str, str, str], ...],
        condition_text: str,
        note: str = "",
        by_habit: bool = False,
    ) -> Claim:
        lists = [read_list(part) for part in parts]
        if any(lists):
            return self.entries(number, written, parts, lists, limits, note)
        found = self.expressions(tuple(parts), (False,) + (True,) * (len(parts) - 1))
        condition = self.condition(condition_text)
        bounds = self.bounds(found.sides, condition, found.scope, limits, found.axes)
        condition, bounds = within(condition, bounds)
        by_habit = bool(note)
        note = "; ".join([*([note] if note else []), *self.limited.values()])
        return Claim(
            number,
            written,
            "equal",
            found.sides,
            bounds,
            condition,
            dict(self.point),
            found.free_scalars,
            self.only_right(found.sides, condition, limits, found.axes),
            tuple(shown_digits(part) for part in parts),
            note=note,
            by_habit=by_habit,
            shapes=found.shapes,
        )

    def entries(
        self,
        number: int,
        written: str,
        parts: Sequence[str],
        lists: Sequence[Nested | None],
        limits: tuple[tuple[str, str, str], ...],
        note: str,
    ) -> Claim:
        """Return the claim that an array is what a list has, entry by entry."""
        arrays = [part for part, listed_ in zip(parts, lists, strict=True) if listed_ is None]
        given = [listed_ for listed_ in lists if listed_ is not None]
        if len(arrays) != 1:
            raise NotationError("a list stands for an array", hint="Write: dJ/dw = [2, 4, 6].")
        found = self.expressions((arrays[0],), (False,))
        side = found.sides[0]
        bounds = found.axes or self.bounds(found.sides, TRUE, found.scope, limits)
        if not found.axes:
            order = list(dict.fromkeys(node for node in walk(side) if isinstance(node, Index)))
            bounds = tuple(sorted(bounds, key=lambda bound: order.index(bound.index)))
        shown = written_array(arrays[0], side)
        if not bounds:
            raise ShapeError(f"{shown} is one number, and the list has several", hint="Give the number alone.")
        known = sizes_at(self.network, self.point)
        every: list[Entry] = []
        scalars: set[str] = set()
        for one in given:
            placed_ = list(placed(one, bounds, known, shown))
            texts = [text for _, text in placed_]
            for (place, text), unit in zip(placed_, units(texts, {t: shown_digits(t) for t in texts}), strict=True):
                at = {bound.index: Number(Fraction(n)) for bound, n in zip(bounds, place, strict=True)}
                entry = self.expressions((text,), (True,))
                scalars |= set(entry.free_scalars)
                if entry.axes or free_indices(entry.sides[0]):
                    raise ShapeError(f"the entry {text} of the list is no number")
                every.append(Entry(place, substitute(side, at), entry.sides[0], text, unit))
        return Claim(
            number,
            written,
            "equal",
            (side,),
            bounds,
            point=dict(self.point),
            free_scalars=tuple(sorted(scalars)),
            note=note,
            by_habit=bool(note),
            entries=tuple(every),
        )

    def only_right(
        self,
        sides: tuple[Expr, ...],
        condition: Expr,
        limits: tuple[tuple[str, str, str], ...],
        axes: tuple[Bound, ...] = (),
    ) -> tuple[Index, ...]:
        """Return the indices that the left side lacks; what ``for`` names is claimed for on purpose."""
        named = {name for name, _, _ in limits} | {axis.index.name for axis in axes}
        extra = frozenset().union(*map(free_indices, sides[1:])) - free_indices(sides[0])
        return tuple(sorted((index for index in extra if index.name not in named), key=lambda index: index.name))

    def update(
        self,
        number: int,
        written: str,
        left: str,
        right: str,
        limits: tuple[tuple[str, str, str], ...],
        condition_text: str,
    ) -> Claim | None:
        """Return an update of a given quantity; ``delta := ...`` of anything else is a definition or an equation."""
        name = re.match(rf"\s*({_NAME})", left)
        if name is None:
            return None
        quantity = self.network.quantities.get(spelled(name[1]))
        if quantity is None or quantity.role == "defined":
            return None
        found = self.expressions((left, right), (False, True))
        if not isinstance(found.sides[0], Access):
            raise NotationError("an update says what becomes of one quantity", hint="Write: w <- w - eta*D(L, w).")
        misfit = next((fit for fit in found.shapes[1:] if fit.kind not in ("same", "scalar")), None)
        if misfit is not None:
            raise misfit.error or ShapeError(
                f"{left.strip()} has shape {shape_of(misfit.wanted)}, and what it becomes has shape "
                f"{shape_of(misfit.extents)}",
                hint="A step has the shape of what it changes.",
            )
        condition = self.condition(condition_text)
        bounds = self.bounds(found.sides, condition, found.scope, limits, found.axes)
        condition, bounds = within(condition, bounds)
        return Claim(
            number,
            written,
            "update",
            found.sides,
            bounds,
            condition,
            dict(self.point),
            found.free_scalars,
            self.only_right(found.sides, condition, limits, found.axes),
        )

    # -- pieces of a line ----------------------------------------------------------------------------------------

    def split_suffix(self, written: str) -> tuple[str, tuple[tuple[str, str, str], ...], str]:
        """Split off ``if condition`` and ``for t = 1..T-1``."""
        condition = ""
        place = outside_brackets(written, r"[\s,](?:if|where|when)\s")
        if place is not None:
            written, condition = written[: place[0]], written[place[1] :]
        limits: list[tuple[str, str, str]] = []
        place = outside_brackets(written, r"[\s,]for\s")
        if place is not None:
            for piece in pieces(_RANGE_AFTER_AND.sub(", ", written[place[1] :])):
                match = _RANGE.fullmatch(piece)
                if match is not None:
                    limits.append((spelled(match[1]), match[2], match[3]))
                elif re.search(r"!=|==|<|>|≠|≤|≥", piece):
                    condition += f" and {piece.strip()}" if condition else piece.strip()
                elif _EVERY.fullmatch(piece) is None:
                    raise NotationError(f"'for {piece.strip()}' is no range", hint="Write: for t = 1..T-1.")
            written = written[: place[0]]
        return written.strip().rstrip(","), tuple(limits), condition

    def scope(self, source: Source, unknown_scalars: bool) -> Scope:
        scope = Scope.of(self.network, source)
        habits = {name: self.network.quantities[by].axes for name, by in self.by_habit.items()}
        for name, axes in {**habits, **self.defined}.items():
            access = f"{name}[{', '.join(axis.index.name for axis in axes)}]" if axes else name
            scope.quantities[name] = Known(len(axes), access, "defined", 0)
            scope.axes[name] = axes
        scope.undefined_are_inputs = unknown_scalars
        return scope

    def expressions(self, texts: tuple[str, ...], allow_unknown: tuple[bool, ...]) -> _Read:
        """Read the sides of a line; whole arrays are written in the indices of the first of them."""
        shaped: list[Shaped | SympropError] = []
        scalars: dict[str, None] = {}
        scope: Scope | None = None
        used: set[str] = set()
        for text in texts:
            self.meet_habits(_FRACTION.sub(" ", text))
        texts = tuple(self.with_operators(with_calls(text.strip(), self.is_known)) for text in texts)
        subscripts = {name for text in texts for inside in _SUBSCRIPTS.findall(text) for name in _NAMES.findall(inside)}
        self.letters = frozenset(subscripts)
        texts = tuple(self.with_products(self.with_transposes(self.with_kronecker(text))) for text in texts)
        for text, unknown in zip(texts, allow_unknown, strict=True):
            source = Source(text)
            scope = self.scope(source, unknown)
            scope.subscripts = frozenset(subscripts - scope.quantities.keys())
            known = set(scope.quantities)
            span = source.whole()
            if span.start == span.end:
                raise NotationError("one side of the claim is empty", hint="Write: expression = expression.")
            try:
                syntax = read(source, span, "expression", beside=True)
                used |= {piece.value for piece in syntax.walk() if piece.kind == "name"}
                _settle_products(syntax, scope, span)
                shaped.append(squeezed(_SideReader(scope, span, scope.axes.get).shaped(syntax)))
            except _NoProductError as error:
                if not shaped or allow_unknown[0]:
                    raise
                shaped.append(error)
            for name in scope.quantities.keys() - known:
                if scope.quantities[name].rank:
                    raise DeclarationError(
                        f"'{name}' is unknown and has indices", hint="Define it on a line before, or declare it."
                    )
                self.refuse_lost_indices(name)
                scalars[name] = None
        assert scope is not None
        sides, axes, shapes = aligned_sides(shaped, AxisNames(scope, used, closed=True))
        is_row = isinstance(shaped[0], Shaped) and shaped[0].is_row
        return _Read(tuple(map(self.with_habits, sides)), tuple(sorted(scalars)), scope, axes, shapes, is_row)

    def refuse_lost_indices(self, name: str) -> None:
        """Refuse an unknown ``W_k`` where W has two indices: it would be any number."""
        stem, _, tail = name.rpartition("_")
        if not stem or not tail.isalpha() or not self.rank(stem):
            return
        if all(Index(letter) in self.network.indices or letter in self.letters for letter in tail):
            axes = self.defined.get(stem) or self.network.quantities[self.by_habit.get(stem, stem)].axes
            raise IndexNotationError(
                f"'{name}' is unknown, and {stem} has {len(axes)} {'index' if len(axes) == 1 else 'indices'}",
                hint=f"Write {stem}[{', '.join(axis.index.name for axis in axes)}].",
            )

    def meet_habits(self, text: str) -> None:
        """Take an unknown ``dZ`` in a text for the derivative by Z, if the network defines Z or has it as parameter."""
        for name in _NAMES.findall(text) if self.objective() else ():
            if not name.startswith("d") or name in self.by_habit or self.is_known(name) or name in self.owned:
                continue
            of = self.split_name(name[1:]).split("[")[0] if name[1:] else ""  # of dh_tj it is h
            quantity = self.network.quantities.get(of)
            if quantity is None or quantity.role not in ("parameter", "defined") or of == self.objective():
                continue
            if not self.is_known(f"d{of}") and f"d{of}" not in self.owned:
                self.by_habit[f"d{of}"] = of

    def with_habits(self, expr: Expr) -> Expr:
        """Replace a ``dZ`` that an earlier line gave by the derivative it stands for."""
        if not self.by_habit:
            return expr
        objective = Access(self.objective(), ())

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name in self.by_habit:
                self.met.setdefault(node.name)
                return Derivative("D", objective, Access(self.by_habit[node.name], node.indices))
            return node

        return transform(expr, rule)

    def condition(self, text: str) -> Expr:
        if not text.strip():
            return TRUE
        source = Source(text.strip())
        span = source.whole()
        scope = self.scope(source, False)
        scope.subscripts = self.letters - scope.quantities.keys()  # an index that the sides have needs no declaration
        return Resolver(scope, span).condition(read(source, span, "expression"))

    def bounds(
        self,
        sides: tuple[Expr, ...],
        condition: Expr,
        scope: Scope,
        limits: tuple[tuple[str, str, str], ...],
        axes: tuple[Bound, ...] = (),
    ) -> tuple[Bound, ...]:
        """Return the ranges of the free indices, those of the left side first; limits use indices before them."""
        self.limited = {}
        given: dict[str, Bound] = {axis.index.name: axis for axis in axes}
        for name, low, high in limits:
            lower, upper = self.limit(low), self.limit(high)
            given[name] = Bound(Index(name), lower, upper, True)
        found: dict[Index, Bound] = {}
        for side in (*sides, condition):
            for index in sorted(free_indices(side), key=lambda index: index.name):
                if index not in found:
                    found[index] = given.get(index.name) or self.range_of(index, sides, scope)
        ordered: dict[Index, Bound] = {}
        while len(ordered) < len(found):
            before = len(ordered)
            for index, bound in found.items():
                used = (free_indices(bound.lower) | free_indices(bound.upper)) & set(found)
                if index not in ordered and used <= set(ordered):
                    ordered[index] = bound
            if len(ordered) == before:
                raise IndexNotationError("the ranges of the indices use each other")
        return tuple(ordered.values())

    def limit(self, text: str) -> Expr:
        source = Source(text.strip())
        span = source.whole()
        return Resolver(self.scope(source, False), span).limit(read(source, span, "expression"))

    def range_of(self, index: Index, sides: tuple[Expr, ...], scope: Scope) -> Bound:
        """The range of a free index: that of the first axis it stands at on its own, else the declared one.

        A line about ``h[t]`` and ``a[t]``, where ``h[0]`` is given and no ``a[0]`` is, says nothing of ``t = 0``.
        """
        found: Bound | None = None
        runs = False  # along a recurrence that starts with a value of its own
        for side in sides:
            sure = {node for node in _unguarded(side) if isinstance(node, Access) and not self.is_extended(node.name)}
            for node in walk(side):
                if isinstance(node, Access) and index in node.indices and node.name in scope.axes:
                    axis = scope.axes[node.name][node.indices.index(index)]
                    own = {other.index: place for place, other in enumerate(scope.axes[node.name])}
                    mapping = {old: node.indices[place] for old, place in own.items()}
                    lower, upper = substitute(axis.lower, mapping), substitute(axis.upper, mapping)
                    starts = self.starts(node.name, node.indices.index(index))
                    if found is None:
                        found, runs = Bound(index, lower, upper), starts
                    elif runs and not (starts or free_indices(lower) | free_indices(upper)) and node in sure:
                        if node.name in self.defined:
                            continue  # which is told
                        later = lower if is_below(found.lower, lower) else found.lower
                        earlier = upper if is_below(upper, found.upper) else found.upper
                        found = Bound(index, later, earlier)
        if found is None:
            known = scope.range_of(index.name)
            if known is None:
                raise IndexNotationError(f"the range of index '{index.name}' is not known", hint="Add: for k = 1..K.")
            found = known._replace(index=index)
        return self.where_it_exists(found, sides, scope)

    def where_it_exists(self, bound: Bound, sides: tuple[Expr, ...], scope: Scope) -> Bound:
        """Return the values of an index for which its neighbours exist: a line about ``h[t+1]`` ends at ``T - 1``.

        What the person defined exists where it was defined for, and where what it reads exists.
        """
        index, lower, upper = bound.index, bound.lower, bound.upper
        for side in sides:
            for node in self.read_by(side):
                if not isinstance(node, Access) or node.name not in scope.axes or self.is_extended(node.name):
                    continue
                for axis, place in zip(scope.axes[node.name], node.indices, strict=True):
                    shift = normal(place - index)
                    varies = free_indices(axis.lower) | free_indices(axis.upper)
                    if not isinstance(shift, Number) or (shift is ZERO and node.name not in self.defined) or varies:
                        continue
                    low, high = normal(axis.lower - shift), normal(axis.upper - shift)
                    lower = low if is_below(lower, low) else lower
                    upper = high if is_below(high, upper) else upper
        if (lower, upper) == (bound.lower, bound.upper):
            return bound
        self.limited[index.name] = f"for {index.name} = {lower}..{upper}, where both sides exist"
        return Bound(index, lower, upper, True)

    def read_by(self, side: Expr) -> Iterator[Expr]:
        """Yield what must have a value for `side` to have one, also within what lines before defined."""
        waiting = [side]
        seen: set[Expr] = set()
        while waiting:
            for node in _unguarded(waiting.pop()):
                yield node
                equation = self.bodies.get(node.name) if isinstance(node, Access) else None
                if equation is not None and isinstance(node, Access) and node not in seen:
                    seen.add(node)
                    own = dict(zip(equation.target.indices, node.indices, strict=True))
                    waiting.append(substitute(equation.expression, own))

    def is_extended(self, name: str) -> bool:
        quantity = self.network.quantities.get(name)
        return quantity is not None and bool(quantity.zero_outside)

    def starts(self, name: str, axis: int) -> bool:
        """Whether an equation gives a quantity at one place of an axis alone, as ``h[0] = 0`` does."""
        equations = [one for one in self.network.equations if one.name == name]
        return len(equations) > 1 and any(not isinstance(one.target.indices[axis], Index) for one in equations)

    # -- spellings -----------------------------------------------------------------------------------------------

    def with_operators(self, text: str) -> str:
        """Write ``dJ/dw[i]`` as ``D(J, w[i])`` where J and w are known and dJ is not, and ``alpha_ji`` with indices."""
        known = {*self.network.quantities, *self.defined, *self.by_habit}

        def operator(match: re.Match[str]) -> str:
            mark, of, of_index, other, by, by_index = match.groups()
            of_name = self.split_name(of) if of else self.objective()
            by_name = self.split_name(by)
            if of_name.split("[")[0] not in known or by_name.split("[")[0] not in known:
                return match[0]
            written = [f"{mark}{of or ''}"] * (mark == "d") + [f"{other}{by}"] * (other == "d")
            habits = self.by_habit.keys() | self.owned
            clash = [name for name in written if spelled(name) in known and spelled(name) not in habits]
            operators = f"D({of_name}{of_index or ''}, {by_name}{by_index or ''})"
            if clash:
                quotient = f"({mark}{of or ''}{of_index or ''})/({other}{by}{by_index or ''})"
                raise NotationError(
                    f"'{match[0]}' may be a derivative or a quotient, since '{clash[0]}' is a name",
                    hint=f"Write {operators} for the derivative, {quotient} for the quotient.",
                )
            return operators

        text = _FRACTION.sub(operator, text)
        return _SUBSCRIPTED.sub(lambda match: self.split_name(match[1]), text)

    def with_transposes(self, text: str) -> str:
        """Write ``x'`` as ``x.T`` where x is a column or a matrix and x' is no name.

        Raises
        ------
        NotationError
            If x is defined by a function of one variable: x' may be its derivative too.
        """

        def transpose(match: re.Match[str]) -> str:
            name = spelled(match[1])
            if self.is_known(f"{name}_prime") or name in self.network.functions or self.rank(name) not in (1, 2):
                return match[0]
            equations = self.network.definitions.get(name, ())
            calls = [one.expression for one in equations if isinstance(one.expression, Call)]
            functions = [call.function for call in calls if not any(map(is_softmax_part, walk(call)))]
            if functions:
                raise NotationError(
                    f"{match[0]} may be the transpose of {name}, or the derivative of {functions[0]}",
                    hint=f"Write {match[1]}.T for the transpose, and the derivative as an expression.",
                )
            return f"{match[1]}.T"

        text = _PRIMED.sub(transpose, text)
        for match in reversed(list(_PRIMED_BRACKET.finditer(text))):
            called = re.search(rf"({_NAME})\s*$", text[: opening_of(text, match.start())])
            if called is None or self.is_factor(called[1]):  # no call, of which it is a derivative
                text = f"{text[: match.start()]}).T{text[match.end() :]}"
        return text

    def with_kronecker(self, text: str) -> str:
        """Write ``δ_km`` as ``[k == m]`` where delta is no name and both letters are indices."""

        def condition(match: re.Match[str]) -> str:
            one, other = match.groups()
            indices = {index.name for index in self.network.indices} | self.letters
            if self.is_known("delta") or self.is_known(spelled(match[0])) or not {one, other} <= indices:
                return match[0]
            self.notes.setdefault(f"{spelled(match[0])} is [{one} == {other}]")
            return f"[{one} == {other}]"

        return _KRONECKER.sub(condition, text)

    def with_products(self, text: str) -> str:
        """Mark factors that stand side by side, ``2 x y`` and ``(y - t) x[i]``.

        Raises
        ------
        NotationError
            If it is not plain how far a quotient or an exponent reaches.
        """
        found: list[str] = []
        divided: list[bool] = [False]  # for each open bracket, whether a quotient stands before
        before: re.Match[str] | None = None
        glued = False  # to an exponent
        for match in _PIECE.finditer(text):
            kind, blank = match.lastgroup, bool(match["blank"])
            mark = match[0].lstrip()
            begins = kind in ("name", "number") or mark == "("
            ends = before is not None and (
                before.lastgroup in ("name", "number", "power") or before[0].lstrip() in ")]"
            )
            if begins and ends and before is not None and self.are_factors(before, match, text):
                if divided[-1] and _FRACTION_OF.search(text[: match.start()] + f"\0{mark}"):
                    divided[-1] = False
                if divided[-1] or (glued and not blank):
                    raise self.two_products(text, match.start() + len(match["blank"]), divided[-1])
                found.append(match["blank"] + BESIDE + mark)
            else:
                found.append(match[0])
            if mark in ("(", "[", "{"):
                divided.append(False)
            elif mark in (")", "]", "}"):
                divided = divided[:-1] or [False]
            elif kind == "other":
                divided[-1] = mark == "/"
            glued = kind == "number" and before is not None and before[0].lstrip() in ("^", "**")
            before = match
        return "".join(found) + text[sum(map(len, found)) - "".join(found).count(BESIDE) :]

    def are_factors(self, first: re.Match[str], second: re.Match[str], text: str) -> bool:
        """Whether two neighbours are factors: no function and its argument, no words."""
        one, other = first[0].strip(), second[0].strip()
        if second.lastgroup == "number":
            return False
        if first.lastgroup == "name" and not one.endswith(("ᵀ", "ᵗ", "⊤")):
            if one in _OPERATOR_WORDS or not self.is_factor(one):
                return False
            if other == "(" and (one in OPERATORS or not self.means_something(one) or self.rank(one)):
                return False  # a call, D(L, w); and of h(t) a component may be meant
        if second.lastgroup == "name":
            called = text[second.end() :].lstrip()[:1] in ("(", "'") and not self.is_factor(other)
            return other not in _OPERATOR_WORDS and (called or self.is_factor(other))
        return True

    def is_factor(self, word: str) -> bool:
        """Whether a word is a number or an array wherever it stands: it is known and no function, or a Greek letter."""
        try:
            plain = spelled(word.rstrip("ᵀᵗ⊤"))
        except ValueError:
            return False
        if plain in self.network.functions:
            return False
        return self.means_something(plain) or (plain in GREEK.values() and plain not in ("sum", "prod", "sqrt", "inf"))

    def rank(self, word: str) -> int:
        plain = spelled(word)
        axes = self.defined.get(plain)
        if axes is None:
            quantity = self.network.quantities.get(self.by_habit.get(plain, plain))
            axes = quantity.axes if quantity is not None else ()
        return len(axes)

    def two_products(self, text: str, place: int, divided: bool) -> NotationError:
        """Return the error about factors of which it is not plain whether they stand below the line, or above."""
        what = "of what is divided by" if divided else "of the exponent"
        hint = "Write a/b*c, or a/(b*c)." if divided else "Write x^2*y, or x^(2*y)."
        message = f"this may be a factor of the whole, or a part {what}"
        error = Source(text).error(NotationError, message, Span(place, place + 1), hint)
        assert isinstance(error, NotationError)
        return error

    def split_name(self, name: str) -> str:
        """Return ``alpha[j,i]`` for ``alpha_ji`` if that is no name and alpha has that many indices."""
        try:
            plain = spelled(name)
        except ValueError:
            return name
        ranks = {n: len(quantity.axes) for n, quantity in self.network.quantities.items()}
        ranks.update({n: ranks[by] for n, by in self.by_habit.items()})
        ranks.update({n: len(axes) for n, axes in self.defined.items()})
        if plain in ranks or "_" not in plain:
            return plain if plain in ranks else name
        stem, _, subscripts = plain.rpartition("_")
        rank = 0 if _NEW_VALUE.fullmatch(plain) else ranks.get(stem, 0)
        if rank and len(subscripts) == rank and (subscripts.isalpha() or subscripts.isdigit()):
            return f"{stem}[{','.join(subscripts)}]"
        if rank == 1 and subscripts:
            return f"{stem}[{subscripts}]"
        return name

    def objective(self) -> str:
        return self.network.objective.name if self.network.objective else ""

    def unknown_left_side(self, left: str, among_defined: bool = False) -> tuple[str, tuple[str, ...]] | None:
        """Return name and subscripts if the left side is an unknown name, as in ``delta[j] = ...``.

        With `among_defined`, a name that a line before defined will do too.
        """
        match = re.fullmatch(rf"\s*({_NAME})('?)\s*(?:\[([^\[\]]*)\])?\s*", self.with_operators(left))
        if match is None:
            return None
        try:
            name = spelled(match[1]) + ("_prime" if match[2] else "")
        except ValueError as error:
            raise NotationError(str(error)) from None
        if self.is_known(name) and not (among_defined and name in self.defined and name not in self.network.quantities):
            return None
        subscripts = tuple(part.strip() for part in match[3].split(",")) if match[3] else ()
        stem, _, tail = name.rpartition("_")
        if name in self.by_habit or subscripts or not stem or not tail or _NEW_VALUE.fullmatch(name):
            return name, subscripts
        if all(Index(letter) in self.network.indices for letter in tail):
            return stem, tuple(tail)  # delta_j is delta[j]
        return name, subscripts

    def is_known(self, name: str) -> bool:
        """Whether a name means something already, apart from a derivative by habit."""
        network = self.network
        return (
            name in network.quantities
            or name in self.defined
            or name in network.functions
            or name in network.sizes
            or Index(name) in network.indices
        )

    def habit(
        self,
        number: int,
        written: str,
        unknown: tuple[str, tuple[str, ...]],
        parts: list[str],
        limits: tuple[tuple[str, str, str], ...],
        condition_text: str,
    ) -> Claim | None:
        """Return ``dZ = ...`` of course code, or ``Z_bar = ...``, as a claim about a derivative of the objective."""
        name, indices = unknown
        by = self.by_habit.get(name) or name[1:]
        if name not in self.by_habit and not (name.startswith("d") and by != self.objective()):
            return None
        if name in self.owned:
            return None
        quantity = self.network.quantities.get(by)
        if quantity is None or not self.objective():
            return None
        if name.endswith("_bar") and self.is_mean(by, indices, parts[1]):
            self.by_habit.pop(name)
            return None
        access = f"{by}[{','.join(indices)}]" if indices else by
        sides = [f"D({self.objective()}, {access})", *parts[1:]]
        self.by_habit[name] = by  # a recurrence has it on both sides
        return self.chain(number, written, sides, limits, condition_text, self.meaning(name, by), by_habit=True)

    def meaning(self, name: str, by: str) -> str:
        self.told.add(name)
        return f"{name} is the derivative of {self.objective()} by {by}"

    def is_mean(self, of: str, indices: tuple[str, ...], right: str) -> bool:
        """Whether ``x_bar``, with fewer indices than x, is made of x: a mean, as statistics write it."""
        if not re.search(rf"(?<!\w){re.escape(of)}(?!\w)", self.with_operators(right)):
            return False
        rank = len(self.network.quantities[of].axes)
        if indices or not rank:
            return len(indices) != rank
        try:
            return not self.expressions((right,), (True,)).axes
        except SympropError:
            return False

    def definition(
        self,
        number: int,
        written: str,
        unknown: tuple[str, tuple[str, ...]],
        parts: list[str],
        limits: tuple[tuple[str, str, str], ...],
    ) -> Claim:
        name, subscripts = unknown
        indices: list[Expr] = []
        for subscript in subscripts:
            inner = Source(subscript)
            span = inner.whole()
            indices.append(Resolver(self.scope(inner, False), span).subscript(read(inner, span, "expression")))
        found = self.right_sides(name, indices, parts[1:], limits)
        on_right = frozenset[Index]().union(*map(free_indices, found.sides)) - {axis.index for axis in found.axes}
        if found.axes and subscripts and not all(free_indices(index) & on_right for index in indices):
            raise ShapeError(
                f"{name}[{', '.join(subscripts)}] is one component, and {parts[1].strip()} has shape "
                f"{shape_of(found.shapes[0].extents)}",
                hint=f"Write {name} = {parts[1].strip()} for the whole array.",
            )
        if found.is_row and not subscripts:
            indices.append(ONE)
        indices += [axis.index for axis in found.axes]
        target = Access(name, tuple(indices))
        ranges = {axis.index: axis for axis in found.axes}
        ranges |= {bound.index: bound for bound in self.bounds(found.sides, TRUE, found.scope, limits, found.axes)}
        axes: list[Axis] = []
        for index in indices:
            if not isinstance(index, Index):
                axes.append(Axis(Index(f"{name}_{len(axes) + 1}"), index, index))
                continue
            bound = ranges.get(index) or found.scope.range_of(index.name)
            if bound is None:
                raise IndexNotationError(
                    f"the range of index '{index.name}' is not known", hint=f"Add: for {index.name} = 1..K."
                )
            ranges[index] = bound._replace(index=index)
            axes.append(Axis(index, bound.lower, bound.upper))
        row = tuple(axes)
        axes = self.with_earlier_rows(name, row, found.sides)
        bounds = tuple(ranges[index] for index in indices if isinstance(index, Index))
        extra = tuple(
            sorted(
                frozenset().union(*map(free_indices, found.sides)) - free_indices(target), key=lambda index: index.name
            )
        )
        if extra:
            raise IndexNotationError(
                f"the index '{extra[0].name}' stands on the right and not at '{name}', which this line defines",
                hint=f"Write {name}[{', '.join([*subscripts, *(i.name for i in extra)])}] = ..., or sum over it.",
            )
        self.defined[name] = tuple(axes)
        self.rows.setdefault(name, []).append(row)
        equation = Equation(target, bounds, found.sides[0], number, written)
        self.bodies.pop(name, None)
        is_whole = len(self.rows[name]) == 1 and all(isinstance(index, Index) for index in indices)
        if is_whole and not any(isinstance(node, Access) and node.name == name for node in walk(found.sides[0])):
            self.bodies[name] = equation
        return Claim(
            number,
            written,
            "definition",
            (target, *found.sides),
            bounds,
            TRUE,
            dict(self.point),
            found.free_scalars,
            (),
            (None, *(shown_digits(part) for part in parts[1:])),
            equation,
            tuple(axes),
            "; ".join([self.definition_note(name), *self.limited.values()]),
            shapes=(*found.shapes[:1], *found.shapes),
        )

    def right_sides(
        self, name: str, indices: Sequence[Expr], parts: Sequence[str], limits: tuple[tuple[str, str, str], ...]
    ) -> _Read:
        """Read what a name is defined by; in a recursion it stands there itself, at neighbouring components."""
        own = rf"(?<![\w.]){re.escape(name)}(?![\w\u0300-\u036f(])"
        allowed = (True,) * len(parts)
        if not any(re.search(own, self.with_operators(part)) for part in parts):
            return self.expressions(tuple(parts), allowed)
        by_itself = DeclarationError(
            f"'{name}' is defined by itself", hint="Give the name on the left side a value in other names."
        )
        if not indices:
            raise by_itself
        before = self.defined.get(name)
        try:
            # Once with its axes as far as they are known, which tells the rest of them, and once with all.
            for _ in range(2):
                known = self.defined.get(name, ())
                self.defined[name] = self.axes_of_own(name, indices, limits, known)
                found = self.expressions(tuple(parts), allowed)
                along = self.own_bounds(name, found, limits)
                self.defined[name] = self.axes_of_own(name, indices, limits, known, along)
            reads = [node for side in found.sides for node in walk(side) if isinstance(node, Access)]
            own_reads = [node for node in reads if node.name == name]
            if any(node.indices[: len(indices)] == tuple(indices) for node in own_reads) or not own_reads:
                raise by_itself
            found.scope.axes[name] = self.defined[name]
            return found
        finally:
            if before is None:
                self.defined.pop(name, None)
            else:
                self.defined[name] = before

    def own_bounds(self, name: str, found: _Read, limits: tuple[tuple[str, str, str], ...]) -> dict[Index, Bound]:
        """Return the ranges of the free indices, as other quantities than `name` have them."""
        axes = found.scope.axes.pop(name)
        try:
            bounds = self.bounds(found.sides, TRUE, found.scope, limits, found.axes)
        finally:
            found.scope.axes[name] = axes
        return {bound.index: bound for bound in bounds}

    def axes_of_own(
        self,
        name: str,
        indices: Sequence[Expr],
        limits: tuple[tuple[str, str, str], ...],
        known: tuple[Axis, ...],
        along: Mapping[Index, Bound] | None = None,
    ) -> tuple[Axis, ...]:
        """Return the axes of a name that is defined by itself, from its subscripts and what lines before defined."""
        given = {spelled(letter): (self.limit(low), self.limit(high)) for letter, low, high in limits}
        axes: list[Axis] = []
        for place, index in enumerate(indices):
            if not isinstance(index, Index):
                axes.append(known[place] if place < len(known) else Axis(Index(f"{name}_{place + 1}"), index, index))
                continue
            declared = self.network.indices.get(index)
            if index.name in given:
                lower, upper = given[index.name]
            elif along is not None and index in along and (declared is None or free_indices(along[index].upper)):
                lower, upper = along[index][1:3]
            elif declared is not None:
                lower, upper = declared[1:3]
            elif place < len(known):
                lower, upper = known[place].lower, known[place].upper
            else:
                raise IndexNotationError(
                    f"the range of index '{index.name}' is not known", hint=f"Add: for {index.name} = 1..K."
                )
            if place < len(known) and not free_indices(upper):
                lower, upper = self.joined(name, known[place], lower, upper)
            axes.append(Axis(index, lower, upper))
        return (*axes, *known[len(indices) :])

    def joined(self, name: str, axis: Axis, lower: Expr, upper: Expr) -> tuple[Expr, Expr]:
        """Return the hull of an axis and a further range along it."""
        low, high = hull([(axis.lower, axis.upper), (lower, upper)])
        if isinstance(low, tuple) or isinstance(high, tuple):
            raise IndexNotationError(
                f"which values of '{axis.index.name}' the lines define '{name}' for cannot be told",
                hint="Say it with for: g[t] = ... for t = 1..T-1.",
            )
        return low, high

    def with_earlier_rows(self, name: str, row: tuple[Axis, ...], sides: Sequence[Expr]) -> list[Axis]:
        """Return the axes of a name that reach over a row, the rows before, and the neighbours that it reads."""
        axes: list[Axis] = []
        known = self.defined.get(name, ())
        for place, axis in enumerate(row):
            lower, upper = axis.lower, axis.upper
            varies = bool(free_indices(lower) | free_indices(upper))
            if place < len(known) and not varies:
                lower, upper = self.joined(name, known[place], lower, upper)
            for node in (node for side in sides for node in _unguarded(side)):
                if isinstance(node, Access) and node.name == name and not varies:
                    shift = normal(node.indices[place] - axis.index)
                    if isinstance(shift, Number) and shift is not ZERO:
                        lower, upper = self.joined(
                            name, Axis(axis.index, lower, upper), normal(axis.lower + shift), normal(axis.upper + shift)
                        )
            axes.append(Axis(axis.index, lower, upper))
        return axes

    def further_components(
        self, number: int, written: str, parts: list[str], limits: tuple[tuple[str, str, str], ...]
    ) -> Claim | None:
        """Return a line that defines components of a name which no line before did: the step of a recursion."""
        known = self.unknown_left_side(parts[0], among_defined=True)
        if known is None or not known[1] or known[0] not in self.rows:
            return None
        name = known[0]
        axes, rows = self.defined[name], list(self.rows[name])
        try:
            claim = self.definition(number, written, known, parts, limits)
        except SympropError:
            claim = None
        if claim is not None and all(are_apart(self.rows[name][-1], row) for row in rows):
            return claim
        self.defined[name], self.rows[name] = axes, rows  # it claims something about what it was defined as
        return None

    def new_value(self, claim: Claim) -> Claim:
        """Return ``w_new = w - eta*D(L, w)``, where w is known, as an update of w that also defines ``w_new``."""
        target = claim.sides[0]
        assert isinstance(target, Access)
        match = _NEW_VALUE.fullmatch(target.name)
        quantity = self.network.quantities.get(match[1]) if match else None
        if match is None or quantity is None or quantity.role == "defined" or len(claim.sides) != 2:
            return claim
        old = Access(match[1], target.indices)
        by_old = [node for node in walk(claim.sides[1]) if isinstance(node, Derivative) and node.by.name == match[1]]
        reads_old = any(isinstance(node, Access) and node == old for node in walk(claim.sides[1]))
        scalars = {*claim.free_scalars, *(one.name for one in self.network.of_role("hyperparameter"))}
        has_rate = any(isinstance(node, Access) and node.name in scalars for node in walk(claim.sides[1]))
        if len(target.indices) != len(quantity.axes) or not (by_old or has_rate) or not reads_old:
            return claim
        note = f"{target.name} is the new value of {match[1]}: an update"
        return replace(claim, kind="update", sides=(old, claim.sides[1]), note=note)

    def definition_note(self, name: str) -> str:
        """Say that a name is defined; and what may be meant, if it looks like the derivative by something."""
        stem = name.removesuffix("_bar")
        guess = nearest(stem, self.network.quantities) if stem != name and self.objective() else None
        if guess is None or stem == guess:
            return f"{name} is defined here"
        return f"{name} is defined here; the derivative of {self.objective()} by {guess} is {guess}_bar"


def written_array(text: str, side: Expr) -> str:
    """Return the array that a side stands for, as people write it: D(J, w) for every ``D(J, w[i])``."""
    if isinstance(side, Derivative):
        return f"d{side.of.name}/d{side.by.name}"
    return side.name if isinstance(side, Access) else text.strip()


def are_apart(one: tuple[Axis, ...], other: tuple[Axis, ...]) -> bool:
    """Whether two boxes of components have none in common, for all sizes."""
    return any(
        is_below(mine.upper, theirs.lower) or is_below(theirs.upper, mine.lower)
        for mine, theirs in zip(one, other, strict=True)
    )


def is_softmax_part(node: Expr) -> bool:
    """Whether a function of it is no function of one variable: that of one component depends on others."""
    return isinstance(node, Reduction) and node.kind == "logsumexp"


class _NoProductError(ShapeError):
    """Matrices whose inner lengths differ are multiplied: what is written has no value."""


class _SideReader(ArrayReader):
    """Tells a product that has no value from a notation that has two meanings."""

    def _no_product(self, shaped: tuple[Shaped, Shaped], written: tuple[str, str], place: Span) -> ShapeError:
        error = super()._no_product(shaped, written, place)
        if all(len(one.axes) == 1 for one in shaped):
            return error  # two columns: the inner or the outer product may be meant
        return _NoProductError(
            error.message, text=error.text, line=error.line, column=error.column, length=error.length, hint=error.hint
        )


def squeezed(shaped: Shaped) -> Shaped:
    """Return a matrix of one row or one column as a row or a column: for a claim they are the same."""
    if len(shaped.axes) != 2:
        return shaped
    short = [axis for axis, extent in zip(shaped.axes, shaped.extents, strict=True) if extent is ONE]
    kept = tuple(axis for axis in shaped.axes if axis not in short)
    expression = substitute(shaped.expression, {axis.index: axis.lower for axis in short})
    return Shaped(kept, expression, len(kept) == 1 and kept[0] is shaped.axes[1])


def aligned_sides(
    sides: Sequence[Shaped | SympropError], names: AxisNames
) -> tuple[list[Expr], tuple[Bound, ...], tuple[Fit, ...]]:
    """Return the sides of a line in the indices of the first array among them, those indices, and how each side fits.

    A side that is the transpose is turned, so that its numbers can be compared. Of one that never fits, or has no
    value (an error stands for it), nothing can be compared: it is 0.

    Raises
    ------
    IndexNotationError
        If one side is a whole array and the other a component.
    """
    read_ = [side for side in sides if isinstance(side, Shaped)]
    first = next((side for side in read_ if side.axes), None)
    if first is None:
        fits = tuple(Fit("none" if isinstance(side, SympropError) else "same", error=_error(side)) for side in sides)
        expressions = [names.settled(side).expression if isinstance(side, Shaped) else ZERO for side in sides]
        return expressions, (), fits if len(read_) < len(sides) else ()
    free = {index for side in read_ for index in free_indices(side.expression)}
    model = names.settled(first, avoid=free)
    axes = tuple(Axis(axis.index, axis.lower, axis.upper) for axis in model.axes)
    wanted = read_[0].extents
    along = free_indices(first.expression) - set(first.indices)  # of an array for each t, h[t]
    expressions, found = [], []
    for side in sides:
        if isinstance(side, SympropError):
            expressions.append(ZERO)
            found.append(Fit("none", (), wanted, side))
            continue
        loose = sorted(index.name for index in free_indices(side.expression) - set(side.indices) - along)
        if loose and not side.axes:
            raise IndexNotationError(
                f"one side is a whole array of shape {model.shape}, and the other has the free index {loose[0]}",
                hint="Write indices on both sides, or on none.",
            )
        kind, turned = _fit(side, model, names.scope)
        found.append(Fit(kind, side.extents, wanted))
        if kind == "none":
            expressions.append(ZERO)
        elif kind == "diagonal":
            (index,) = side.indices
            expression = names.settled(substituted(side, index, model)).expression
            expressions.append(where(compare("==", *model.indices), expression, ZERO))
        else:
            expressions.append(names.settled(turned, axes if turned.axes else ()).expression)
    return expressions, model.axes, tuple(found)


def substituted(side: Shaped, index: Index, model: Shaped) -> Shaped:
    """Return a column as a number in the first index of a matrix."""
    row, own = model.axes[0], side.axes[0]
    return Shaped((), substitute(side.expression, {index: row.index + (own.lower - row.lower)}))


def _error(side: Shaped | SympropError) -> SympropError | None:
    return side if isinstance(side, SympropError) else None


def _fit(side: Shaped, model: Shaped, scope: Scope) -> tuple[str, Shaped]:
    """Return how a shape fits another, and the side with its axes in the order of the other."""
    known: dict[Expr, Expr] = {Size(name): value for name, value in scope.sizes.items() if value is not None}

    def lengths(one: Shaped) -> tuple[Expr, ...]:
        found = one.extents
        for _ in known:  # a defined size may be defined by defined ones
            found = tuple(normal(substitute(extent, known)) for extent in found)
        return found

    mine, wanted = lengths(side), lengths(model)
    if not side.axes:
        return "scalar", side
    if mine == wanted:
        return ("same" if side.is_row == model.is_row else "row"), side
    if len(mine) == 2 and mine == wanted[::-1]:
        return "turned", Shaped(side.axes[::-1], side.expression)
    if len(mine) == 1 and wanted == mine * 2:
        return "diagonal", side
    return "none", side


def _settle_products(syntax: Syntax, scope: Scope, span: Span) -> None:
    """Make factors that stand side by side a product: of matrices if all are arrays, else of numbers.

    Of three factors that are not all numbers, each product is one of its own: ``2 W x`` is ``(2 W) x``.
    """
    for piece in reversed(list(syntax.walk())):
        if piece.kind != "beside":
            continue
        first, *others = piece.parts
        for place, other in enumerate(others):
            both = all(_SideReader(scope, span, scope.axes.get).shaped(part).axes for part in (first, other))
            kind, operators = ("matmul", ["@"]) if both else ("product", ["*", "*"])
            if place < len(others) - 1:
                first = Syntax(kind, operators, [first, other], first.start, other.end)
            else:
                piece.kind, piece.value, piece.parts = kind, operators, [first, other]


def logical_lines(
    lines: list[str], dashes: frozenset[int] = frozenset(), headings: frozenset[int] = frozenset()
) -> Iterator[tuple[int, str]]:
    """Yield lines without comments and headings; open brackets and a chain that starts with ``=`` continue a line.

    Lines that begin with the dash of a list are at the places `dashes`, those of words alone at `headings`.
    """
    waiting: list[tuple[int, str]] = []
    depth = 0
    for number, raw in enumerate(lines, 1):
        written = raw.split("#", 1)[0].strip().rstrip(".,;").rstrip()
        if not written:
            continue
        if number - 1 in headings and depth <= 0:
            yield from waiting
            waiting = []
            continue
        # A line that starts with an operator goes on, unless it is a claim of its own.
        goes_on = re.match(r"=(?!=)", written) or (re.match(r"[-+*/]", written) and len(split_chain(written)) == 1)
        continues = waiting and (depth > 0 or (goes_on and number - 1 not in dashes and not _ARROW.match(written)))
        if continues and len(waiting[-1][1]) < LONGEST_LINE:
            waiting[-1] = (waiting[-1][0], f"{waiting[-1][1]} {written}")
        else:
            yield from waiting
            waiting = [(number, written)]
        text = waiting[-1][1]
        depth = sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")
        if depth > 0 and ("=" in _following(lines, number) and not _closes(lines, number)):
            depth = 0  # the bracket is never closed: an error of this line alone
    yield from waiting


def _following(lines: list[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""


def _closes(lines: list[str], number: int) -> bool:
    """Whether the next line closes more brackets than it opens before it makes a claim of its own."""
    following = _following(lines, number)
    head = following.split("=", 1)[0]
    return sum(map(head.count, ")]}")) > sum(map(head.count, "([{"))


def outside_brackets(text: str, pattern: str) -> tuple[int, int] | None:
    """Return where a pattern first matches outside all brackets."""
    for match in re.finditer(pattern, text):
        head = text[: match.start()]
        if sum(map(head.count, "([{")) == sum(map(head.count, ")]}")):
            return match.start(), match.end()
    return None


def opening_of(text: str, closing: int) -> int:
    """Return where the bracket opens that closes at `closing`."""
    depth = 0
    for place in range(closing, -1, -1):
        depth += (text[place] in ")]}") - (text[place] in "([{")
        if depth == 0:
            return place
    return 0


def pieces(text: str) -> list[str]:
    """Return what stands between the commas outside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def definitions_first(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return lines with what ``where delta = ...`` says, after a formula or on the next line, before that formula."""
    found: list[tuple[int, str]] = []
    for number, written in lines:
        match = next(outside(written, _WHERE), None)
        if match is None:
            found.append((number, written))
            continue
        head, tail = written[: match.start()].rstrip(" ,;("), written[match.end() :].strip()
        if head.count("(") < head.count(")") or tail.count(")") > tail.count("("):
            tail = tail.removesuffix(")")
        place = len(found) if head or not found else len(found) - 1
        found.insert(place, (number, tail))
        if head:
            found.append((number, head))
    return found


def split_chain(text: str) -> list[str]:
    """Split at ``=`` outside brackets; ``==``, ``<=``, ``>=`` and ``!=`` are not one."""
    parts: list[str] = []
    depth = start = 0
    for place, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "=" and depth == 0:
            around = text[max(0, place - 1) : place + 2]
            if "==" in around or text[place - 1 : place] in ("<", ">", "!", "≤"):
                continue
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return parts


def within(condition: Expr, bounds: tuple[Bound, ...]) -> tuple[Expr, tuple[Bound, ...]]:
    """Return what is left of a condition once ``t < T`` is said by the range of t: beyond it nothing is read at all."""
    parts = condition.conditions if isinstance(condition, Junction) and condition.operator == "and" else (condition,)
    ranges = {bound.index: bound for bound in bounds}
    left: list[Expr] = []
    for part in parts:
        turned = _as_limit(part, ranges)
        if turned is None:
            left.append(part)
            continue
        index, lower, upper = turned
        bound = ranges[index]
        fits = (lower is None or is_at_most(bound.lower, lower)) and (upper is None or is_at_most(upper, bound.upper))
        if fits:
            ranges[index] = Bound(index, lower or bound.lower, upper or bound.upper, True)
        else:
            left.append(part)
    return junction("and", *left), tuple(ranges.values())


_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}


def _as_limit(part: Expr, ranges: Mapping[Index, Bound]) -> tuple[Index, Expr | None, Expr | None] | None:
    """Return the index that a comparison limits from below or from above, and the limit."""
    if not isinstance(part, Compare) or part.operator not in _TURNED:
        return None
    for one, other, sign in ((part.left, part.right, part.operator), (part.right, part.left, _TURNED[part.operator])):
        made_of_sizes = all(isinstance(node, (Size, Number, Add, Mul)) for node in walk(other))
        if isinstance(one, Index) and one in ranges and made_of_sizes:
            if sign == "==":
                return one, other, other
            if sign in ("<", "<="):
                return one, None, normal(other - ONE) if sign == "<" else other
            return one, normal(other + ONE) if sign == ">" else other, None
    return None


def _unguarded(expr: Expr) -> Iterator[Expr]:
    """Yield the parts of an expression that have a value wherever it has one: not the branches of a case."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend((node.condition,) if isinstance(node, Where) else node.children)


def _without_marks(error: SympropError) -> SympropError:
    """Return an error in whose text no factors are marked as standing side by side."""
    if error.text is None or BESIDE not in error.text or error.line is None:
        return error
    row, start, length = error.text.split("\n")[error.line - 1], (error.column or 1) - 1, error.length
    column = start + 1 - row[:start].count(BESIDE)
    length -= row[start : start + length].count(BESIDE)
    text = error.text.replace(BESIDE, "")
    return type(error)(
        error.message.replace(BESIDE, ""), text=text, line=error.line, column=column, length=max(1, length),
        hint=error.hint,
    )  # fmt: skip


def on_line(error: SympropError, number: int, written: str) -> SympropError:
    """Return an error about a piece of a line as one that points into the whole text."""
    row, column, length = written[:LONGEST_LINE], error.column, error.length
    if error.line is not None and error.text is not None:
        rows = error.text.splitlines()
        piece = rows[error.line - 1] if 0 < error.line <= len(rows) else ""
        place = row.find(piece) if piece else -1
        if place >= 0 and column is not None:
            column += place
        elif piece and column is not None:
            row = piece  # a spelling was replaced: what was understood is shown
    elif column is None:
        column, length = 1, len(row)
    return type(error)(
        error.message,
        text="\n" * (number - 1) + row,
        line=number,
        column=column,
        length=length,
        hint=error.hint,
    )


def shown_digits(text: str) -> Fraction | None:
    """Return one unit of the last digit that a decimal number shows, or None if `text` is no decimal number."""
    match = re.fullmatch(r"\s*[-+−]?\s*\d*\.(\d*)(?:[eE]([-+]?\d{1,3}))?\s*", text)
    if match is None:
        return None
    return Fraction(10) ** (int(match[2] or 0) - len(match[1]))


__all__ = ["Claim", "ClaimReader", "Number", "Size", "read_claims", "shown_digits"]
