"""Claims as people write them, line by line, in the names of a network.

A line is a chain ``A = B = C``, an update ``theta <- theta - eta*D(L, theta)``, or ``at W = 3, X = 3``, which fixes a
point for the lines after it.  ``dJ/dw[i]`` is the operator ``D(J, w[i])`` where both names are known.  An unknown left
side is a definition for the lines that follow.  A line that cannot be read is an error of that line alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from symprop.algebra.expressions import (
    TRUE,
    Access,
    Bound,
    Derivative,
    Expr,
    Index,
    Number,
    free_indices,
)
from symprop.declaration.names import spelled
from symprop.declaration.network import Network
from symprop.declaration.parser import parse_point
from symprop.declaration.quantity import Axis
from symprop.declaration.resolve import Resolver
from symprop.declaration.scope import Known, Scope
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import Syntax, read
from symprop.errors import NotationError, SympropError

LONGEST_LINE = 20_000  # characters; a longer one is refused, so that reading takes bounded time
MOST_LINES = 5_000

_NAME = r"[^\W\d]\w*"
_FRACTION = re.compile(rf"(?<![\w.])[d∂]({_NAME}?)(\[[^\[\]]*\])?\s?/\s?[d∂]({_NAME})(\[[^\[\]]*\])?")
_UPDATE = re.compile(r"<-|←|:=")


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
        The links of the chain; two for a definition or an update.
    bounds : tuple of Bound
        Free indices and the values that the line claims for.
    condition : Expr
        What ``if`` says; `TRUE` mostly.
    point : mapping of str to object
        Values fixed by ``at`` lines before it; empty if it claims for all.
    free_scalars : tuple of str
        Unknown scalars on right sides (eta): any real number.
    error : SympropError, optional
    """

    line: int
    text: str
    kind: str
    sides: tuple[Expr, ...] = ()
    bounds: tuple[Bound, ...] = ()
    condition: Expr = TRUE
    point: Mapping[str, object] = field(default_factory=dict)
    free_scalars: tuple[str, ...] = ()
    error: SympropError | None = None


def read_claims(text: str, network: Network) -> tuple[Claim, ...]:
    """Return the claims of a text, one for each line that says something."""
    return tuple(ClaimReader(network).read(text))


class ClaimReader:
    """Reads lines one after another; definitions and points made by earlier lines hold for later ones."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.defined: dict[str, tuple[Axis, ...]] = {}
        self.point: dict[str, object] = {}

    def read(self, text: str) -> Iterator[Claim]:
        lines = text.splitlines()
        if len(lines) > MOST_LINES:
            error = NotationError(f"there are {len(lines)} lines; {MOST_LINES} are read at most")
            yield Claim(1, "", "error", error=error)
            return
        for number, raw in enumerate(lines, 1):
            written = raw.split("#", 1)[0].strip().rstrip(".,;").rstrip()
            if not written:
                continue
            try:
                if len(written) > LONGEST_LINE:
                    raise NotationError(f"the line has {len(written)} characters; {LONGEST_LINE} are read at most")
                yield from self.line(number, written)
            except SympropError as error:
                yield Claim(number, written[:200], "error", error=_on_line(error, number))

    def line(self, number: int, written: str) -> Iterator[Claim]:
        if re.match(r"at\s", written):
            self.point = {**self.point, **parse_point(written[2:].strip(), self.network)}
            return
        body, limits, condition_text = self.split_suffix(written)
        update = _UPDATE.search(body)
        if update is not None:
            left, right = body[: update.start()], body[update.end() :]
            sides, scalars, _ = self.expressions((left, right), allow_unknown=(False, True))
            yield Claim(number, written, "update", sides, (), TRUE, dict(self.point), scalars)
            return
        parts = _split_chain(body)
        if len(parts) < 2:
            raise NotationError(
                "a claim says that two things are equal", hint="Write: expression = expression."
            )
        unknown = self.unknown_left_side(parts[0])
        if unknown is not None:
            yield self.definition(number, written, unknown, parts, limits)
            return
        sides, scalars, scope = self.expressions(tuple(parts), allow_unknown=(False,) + (True,) * (len(parts) - 1))
        condition = self.condition(condition_text)
        bounds = self.bounds(sides, condition, scope, limits)
        yield Claim(number, written, "equal", sides, bounds, condition, dict(self.point), scalars)

    # Pieces of a line

    def split_suffix(self, written: str) -> tuple[str, tuple[tuple[str, str, str], ...], str]:
        """Split off ``if condition`` and ``for t = 1..T-1``."""
        condition = ""
        found = re.search(r"\s(?:if|where)\s(?![^(\[]*[)\]])", written)
        if found:
            written, condition = written[: found.start()], written[found.end() :]
        limits: list[tuple[str, str, str]] = []
        found = re.search(r"[\s,]for\s(?![^(\[]*[)\]]\s*$)", written)
        if found:
            for piece in written[found.end() :].split(","):
                match = re.fullmatch(rf"\s*({_NAME})\s*(?:=|in|∈)\s*(.+?)\.\.(.+)", piece)
                if match is None:
                    if piece.strip() in ("all", ""):
                        continue
                    raise NotationError(f"'for {piece.strip()}' is no range", hint="Write: for t = 1..T-1.")
                limits.append((match[1], match[2], match[3]))
            written = written[: found.start()]
        return written.strip().rstrip(","), tuple(limits), condition

    def scope(self, source: Source, unknown_scalars: bool) -> Scope:
        scope = Scope.of(self.network, source)
        for name, axes in self.defined.items():
            access = f"{name}[{', '.join(axis.index.name for axis in axes)}]" if axes else name
            scope.quantities[name] = Known(len(axes), access, "defined", 0)
            scope.axes[name] = axes
        scope.undefined_are_inputs = unknown_scalars
        return scope

    def expressions(
        self, texts: tuple[str, ...], allow_unknown: tuple[bool, ...]
    ) -> tuple[tuple[Expr, ...], tuple[str, ...], Scope]:
        sides: list[Expr] = []
        scalars: dict[str, None] = {}
        scope: Scope | None = None
        for text, unknown in zip(texts, allow_unknown, strict=True):
            source = Source(self.with_operators(text.strip()))
            scope = self.scope(source, unknown)
            known = set(scope.quantities)
            span = source.whole()
            if span.start == span.end:
                raise NotationError("one side of the claim is empty", hint="Write: expression = expression.")
            sides.append(self.value(read(source, span, "expression"), scope, span))
            for name in set(scope.quantities) - known:
                if scope.quantities[name].rank:
                    raise NotationError(
                        f"'{name}' is unknown and has indices", hint="Define it on a line of its own, or declare it."
                    )
                scalars[name] = None
        assert scope is not None
        return tuple(sides), tuple(scalars), scope

    def value(self, syntax: Syntax, scope: Scope, span: Span) -> Expr:
        return Resolver(scope, span).value(syntax)

    def condition(self, text: str) -> Expr:
        if not text.strip():
            return TRUE
        source = Source(text.strip())
        span = source.whole()
        return Resolver(self.scope(source, False), span).condition(read(source, span, "expression"))

    def bounds(
        self, sides: tuple[Expr, ...], condition: Expr, scope: Scope, limits: tuple[tuple[str, str, str], ...]
    ) -> tuple[Bound, ...]:
        given: dict[str, Bound] = {}
        for name, low, high in limits:
            (lower, upper), _, _ = self.expressions((low, high), (False, False))
            given[name] = Bound(Index(name), lower, upper, True)
        found: dict[Index, Bound] = {}
        for side in sides:
            for index in sorted(free_indices(side) | free_indices(condition), key=lambda index: index.name):
                bound = given.get(index.name) or self.range_of(index, sides, scope)
                found.setdefault(index, bound)
        return tuple(found.values())

    def range_of(self, index: Index, sides: tuple[Expr, ...], scope: Scope) -> Bound:
        """The range of a free index: that of the first axis it stands at on its own, else the declared one."""
        from symprop.algebra.expressions import walk

        for side in sides:
            for node in walk(side):
                if isinstance(node, Access) and index in node.indices:
                    axis = scope.axes[node.name][node.indices.index(index)]
                    lower, upper = axis.lower, axis.upper
                    if not free_indices(lower) | free_indices(upper):
                        return Bound(index, lower, upper)
        known = scope.range_of(index.name)
        if known is None:
            raise NotationError(f"the range of index '{index.name}' is not known", hint="Add: for k = 1..K.")
        return known

    def with_operators(self, text: str) -> str:
        """Write ``dJ/dw[i]`` as ``D(J, w[i])`` where J and w are known and dJ is not."""
        known = {*self.network.quantities, *self.defined}

        def operator(match: re.Match[str]) -> str:
            of, of_index, by, by_index = match[1], match[2] or "", match[3], match[4] or ""
            of_name, by_name = spelled(of) if of else self.objective(), spelled(by)
            if of_name not in known or by_name not in known or f"d{of}" in known or f"d{by}" in known:
                return match[0]
            return f"D({of_name}{of_index}, {by_name}{by_index})"

        return _FRACTION.sub(operator, text)

    def objective(self) -> str:
        return self.network.objective.name if self.network.objective else ""

    def unknown_left_side(self, left: str) -> tuple[str, tuple[str, ...]] | None:
        """Return name and index names if the left side is an unknown name, as in ``delta[j] = ...``."""
        match = re.fullmatch(rf"\s*({_NAME})\s*(?:\[([^\[\]]*)\])?\s*", left)
        if match is None:
            return None
        name = spelled(match[1])
        if name in self.network.quantities or name in self.defined or name in self.network.functions:
            return None
        indices = tuple(part.strip() for part in match[2].split(",")) if match[2] else ()
        return name, indices

    def definition(
        self,
        number: int,
        written: str,
        unknown: tuple[str, tuple[str, ...]],
        parts: list[str],
        limits: tuple[tuple[str, str, str], ...],
    ) -> Claim:
        name, indices = unknown
        if name.startswith("d") and name[1:] in self.network.quantities and self.objective():
            # The habit of course code: dZ is the derivative of the objective by Z.
            access = f"{name[1:]}[{','.join(indices)}]" if indices else name[1:]
            replaced = [f"D({self.objective()}, {access})", *parts[1:]]
            sides, scalars, scope = self.expressions(tuple(replaced), (False,) + (True,) * (len(parts) - 1))
            bounds = self.bounds(sides, TRUE, scope, limits)
            self.defined[name] = tuple(
                Axis(bound.index, bound.lower, bound.upper) for bound in bounds if bound.index.name in indices
            )
            return Claim(number, written, "equal", sides, bounds, TRUE, dict(self.point), scalars)
        sides, scalars, scope = self.expressions(tuple(parts[1:]), (True,) * (len(parts) - 1))
        ranges = {bound.index.name: bound for bound in self.bounds(sides, TRUE, scope, limits)}
        axes = []
        for index in indices:
            bound = ranges.get(index) or scope.range_of(index)
            if bound is None:
                raise NotationError(f"the range of index '{index}' is not known", hint=f"Add: for {index} = 1..K.")
            axes.append(Axis(Index(index), bound.lower, bound.upper))
        self.defined[name] = tuple(axes)
        target = Access(name, tuple(axis.index for axis in axes))
        bounds = tuple(Bound(axis.index, axis.lower, axis.upper) for axis in axes)
        return Claim(number, written, "definition", (target, *sides), bounds, TRUE, dict(self.point), scalars)


def _split_chain(text: str) -> list[str]:
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


def _on_line(error: SympropError, number: int) -> SympropError:
    if error.line is None:
        return error
    lines = (error.text or "").splitlines()
    row = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
    return type(error)(
        error.message,
        text="\n" * (number - 1) + row,
        line=number,
        column=error.column,
        length=error.length,
        hint=error.hint,
    )


def shown_digits(text: str) -> Fraction | None:
    """Return one unit of the last digit that a decimal number shows, or None if `text` is no decimal number."""
    match = re.fullmatch(r"\s*[-+−]?\d+\.(\d*)(?:[eE]([-+]?\d+))?\s*", text)
    if match is None:
        return None
    return Fraction(10) ** (int(match[2] or 0) - len(match[1]))


__all__ = ["Claim", "ClaimReader", "Derivative", "Number", "read_claims", "replace", "shown_digits"]
