"""What is written, before names mean anything: one statement of text to a tree of `Syntax` with places.

The tree is built while the LALR parser reduces, so nothing here recurses however deep a text nests.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symprop.declaration.names import spelled, superscript
from symprop.declaration.source import DEEPEST_NESTING, Source, Span
from symprop.errors import NotationError, nearest

if TYPE_CHECKING:
    from lark import Lark, Token

_TRANSPOSED = ("ᵀ", "ᵗ")
LONGEST_NAME = 100  # characters
BESIDE = "\u2062"  # invisible times, between factors that stand side by side
MOST_DIGITS = 400  # of a number written out, which covers the range of float64
STATEMENT_WORDS = (
    "assume",
    "batch",
    "constant",
    "function",
    "hyperparameter",
    "index",
    "input",
    "integer",
    "maximise",
    "maximize",
    "minimise",
    "minimize",
    "parameter",
    "predict",
    "size",
    "target",
    "zero",
)


# Functions that take or give whole arrays.
ARRAY_CALLS = ("concat", "diag", "dot", "eye", "norm", "ones", "outer", "trace", "transpose", "zeros")
LENGTHS_IN = ("eye", "ones", "zeros")  # those that take lengths


class Syntax:
    """A piece of a statement as written.

    Attributes
    ----------
    kind : str
        ``number name access call group sum product matmul transpose signed power comparison and or not bracket`` in
        expressions, ``keyword limits tuple`` among arguments, ``shape`` for a name declared with its lengths, and
        the kinds of statements.
    value : object
        What is not a piece itself: a name, the operators of a sum, the digits of a number.
    parts : list of Syntax
        The pieces below.
    start, end : int
        Where it stands, by offsets within its statement.
    name_end : int
        Where the name of an access or call ends.
    depth : int
        Height of the tree below.
    """

    __slots__ = ("depth", "end", "kind", "name_end", "parts", "start", "value")
    depth: int

    def __init__(
        self, kind: str, value: Any, parts: list[Syntax], start: int, end: int, name_end: int | None = None
    ) -> None:
        self.kind = kind
        self.value = value
        self.parts = parts
        self.start = start
        self.end = end
        self.name_end = end if name_end is None else name_end
        # Brackets leave no trace in the expression; `source` limits their own depth.
        self.depth = max((part.depth for part in parts), default=0) + (kind != "group")
        if self.depth > DEEPEST_NESTING:
            raise Refused(
                f"the expression is nested more than {DEEPEST_NESTING} deep",
                start,
                start + 1,
                "Give inner expressions a name by an equation of their own.",
            )

    def __repr__(self) -> str:
        return f"Syntax({self.kind!r}, {self.value!r}, {self.parts!r})"

    def walk(self) -> Iterator[Syntax]:
        """Yield this piece and all below, in written order."""
        stack = [self]
        while stack:
            piece = stack.pop()
            yield piece
            stack.extend(reversed(piece.parts))


class Refused(Exception):
    """A piece that cannot be built; `read` turns it into an error with its place in the text."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint


def _start(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _end(token: Token) -> int:
    assert token.end_pos is not None
    return token.end_pos


def _name(token: Token, primes: Token | None = None) -> str:
    try:
        name = spelled(str(token))
    except ValueError as error:
        raise Refused(str(error), _start(token), _end(token)) from None
    if len(name) > LONGEST_NAME:
        raise Refused(f"a name has at most {LONGEST_NAME} characters", _start(token), _end(token))
    return name + "_prime" * (len(primes) if primes else 0)


def _orders(token: Token) -> tuple[int, ...]:
    """Return how often each argument is differentiated by: ``''`` is (2,), ``'1'2`` is (1, 1)."""
    found: dict[int, int] = {}
    for primes, place in re.findall(r"('+)(\d*)", token):
        found[int(place or 1)] = found.get(int(place or 1), 0) + len(primes)
    return tuple(found.get(place, 0) for place in range(1, max(found) + 1))


class Builder:
    """Makes the pieces; the parser calls the method named like the rule that it has recognised."""

    def number(self, items: list[Any]) -> Syntax:
        (token,) = items
        digits, _, exponent = token.lower().partition("e")
        if len(digits) > MOST_DIGITS or len(exponent.lstrip("+-0")) > 3 or abs(int(exponent or 0)) > MOST_DIGITS:
            raise Refused(f"numbers are read exactly, up to {MOST_DIGITS} digits", _start(token), _end(token))
        return Syntax("number", str(token), [], _start(token), _end(token))

    def name(self, items: list[Any]) -> Syntax:
        token, *primes = items
        if token.endswith(_TRANSPOSED) and len(token) > 1 and not primes:
            name = token.update(value=token[:-1])  # Wᵀ is one word to the lexer
            inner = Syntax("name", _name(name), [], _start(token), _end(token) - 1)
            return Syntax("transpose", None, [inner], _start(token), _end(token))
        return Syntax("name", _name(token, *primes), [], _start(token), _end(primes[0] if primes else token))

    def transpose(self, items: list[Any]) -> Syntax:
        inner, token = items
        return Syntax("transpose", None, [inner], inner.start, _end(token))

    def access(self, items: list[Any]) -> Syntax:
        token, *primes, _, subscripts, closing = items
        name_end = _end(primes[0] if primes else token)
        return Syntax("access", _name(token, *primes), subscripts, _start(token), _end(closing), name_end)

    def call(self, items: list[Any]) -> Syntax:
        token = items[0]
        orders = _orders(items[1]) if items[1].type in ("PRIMES", "ORDERS") else ()
        arguments = [item for item in items[1:-1] if isinstance(item, Syntax)]
        return Syntax("call", (_name(token), orders), arguments, _start(token), _end(items[-1]), _end(token))

    def expressions(self, items: list[Any]) -> Any:
        return items

    def group(self, items: list[Any]) -> Syntax:
        opening, inner, closing = items
        # One piece of its own, so that `a - (b + c)` does not read as one chain; `inner` may be a group already.
        return Syntax("group", None, [inner], _start(opening), _end(closing)) if inner.kind != "group" else inner

    def bracket(self, items: list[Any]) -> Syntax:
        opening, parts, closing = items
        return Syntax("bracket", None, parts, _start(opening), _end(closing))

    def keyword(self, items: list[Any]) -> Syntax:
        token, value = items
        return Syntax("keyword", _name(token), [value], _start(token), value.end, _end(token))

    def limits(self, items: list[Any]) -> Syntax:
        token, lower, _, upper = items
        return Syntax("limits", _name(token), [lower, upper], _start(token), upper.end, _end(token))

    def several(self, items: list[Any]) -> Syntax:
        opening, first, rest, closing = items
        return Syntax("tuple", None, [first, *rest], _start(opening), _end(closing))

    def chain(self, items: list[Any]) -> Syntax:
        left, operator, right = items
        if operator == "@":
            if left.kind == "matmul":
                return _extended(left, "@", right)
            return Syntax("matmul", ["@"], [left, right], left.start, right.end)
        if operator == BESIDE:
            if left.kind == "beside":
                return _extended(left, BESIDE, right)
            return Syntax("beside", [BESIDE], [left, right], left.start, right.end)
        kind = "sum" if operator in "+-" else "product"
        operator = "*" if operator == "⊙" else str(operator)
        if left.kind == kind:
            return _extended(left, operator, right)
        return Syntax(kind, ["+" if kind == "sum" else "*", operator], [left, right], left.start, right.end)

    def comparison(self, items: list[Any]) -> Syntax:
        left, token, right = items
        operator = {"≤": "<=", "≥": ">=", "≠": "!="}.get(token, str(token))
        if left.kind == "comparison":
            return _extended(left, operator, right)
        return Syntax("comparison", [operator], [left, right], left.start, right.end)

    def junction(self, items: list[Any]) -> Syntax:
        left, operator, right = items
        if left.kind == operator:
            return _extended(left, str(operator), right)
        return Syntax(str(operator), [str(operator)], [left, right], left.start, right.end)

    def inversion(self, items: list[Any]) -> Syntax:
        token, inner = items
        return Syntax("not", None, [inner], _start(token), inner.end)

    def signed(self, items: list[Any]) -> Syntax:
        sign, inner = items
        return Syntax("signed", str(sign), [inner], _start(sign), inner.end)

    def power(self, items: list[Any]) -> Syntax:
        base, _, exponent = items
        return Syntax("power", None, [base, exponent], base.start, exponent.end)

    def superscript(self, items: list[Any]) -> Syntax:
        base, token = items
        if len(token) > 10:
            raise Refused("a superscript has at most 10 digits", _start(token), _end(token))
        exponent = Syntax("number", str(superscript(token)), [], _start(token), _end(token))
        return Syntax("power", None, [base, exponent], base.start, exponent.end)

    # Statements.

    def equation(self, items: list[Any]) -> Syntax:
        left, right, *parts = items
        return Syntax("equation", parts, [left, right], left.start, (parts[-1] if parts else right).end)

    def part(self, items: list[Any]) -> Syntax:
        token, lower, _, upper = items
        parts = [limit for limit in (lower, upper) if limit is not None]
        end = parts[-1].end if parts else _end(token)
        return Syntax("part", _name(token), parts, _start(token), end, _end(token))

    def declared_index(self, items: list[Any]) -> Syntax:
        token, lower, _, upper = items
        parts = [] if lower is None else [lower, upper]
        return Syntax(
            "declared_index", _name(token), parts, _start(token), upper.end if upper else _end(token), _end(token)
        )

    def declared_size(self, items: list[Any]) -> Syntax:
        token, _, layer, closing, value = items
        if layer is not None and value is not None:
            raise Refused(
                "the sizes of layers are given as a list, not by an equation",
                value.start,
                value.end,
                f"Write size {token}({layer}), and give {token} = [4, 16, 1] with the data.",
            )
        parts = [] if value is None else [value]
        end = value.end if value else _end(closing or token)
        kind = "declared_size" if layer is None else "declared_layers"
        return Syntax(kind, _name(token), parts, _start(token), end, _end(token))

    def role(self, items: list[Any]) -> Any:
        words = [str(token) for token in items]
        return ("input" if words[0] == "integer" else words[0], "integer" in words)

    def declared(self, items: list[Any]) -> Syntax:
        target, lengths, value, domain = items
        if lengths is not None:
            parts = [part for part in lengths if isinstance(part, Syntax)]
            closing = lengths[-1]
            leading = target.parts if target.kind == "access" else []
            if not parts or any(part.kind != "name" for part in leading):
                raise Refused(
                    "a shape is declared as W: (H, D)", target.start, _end(closing), "A scalar is declared by its name."
                )
            axes = [Syntax("axis", None, [part], part.start, part.end) for part in leading]
            target = Syntax("shape", target.value, [*axes, *parts], target.start, _end(closing), target.end)
        parts = [part for part in (target, value, domain) if part is not None]
        return Syntax("declared", (value is not None, domain is not None), parts, target.start, parts[-1].end)

    def lengths(self, items: list[Any]) -> Any:
        return items

    def closed_interval(self, items: list[Any]) -> Syntax:
        (bracket,) = items
        if bracket.kind != "bracket" or len(bracket.parts) != 2:
            raise Refused("this is no domain", bracket.start, bracket.end, "Write (0, 1), [0, 1], {-1, 1}, or 0..V-1.")
        return Syntax("interval", "[]", bracket.parts, bracket.start, bracket.end)

    def integer_range(self, items: list[Any]) -> Syntax:
        lower, _, upper = items
        return Syntax("range", None, [lower, upper], lower.start, upper.end)

    def interval(self, items: list[Any]) -> Syntax:
        opening, lower, upper, closing = items
        return Syntax("interval", f"({closing}", [lower, upper], _start(opening), _end(closing))

    def half_open_interval(self, items: list[Any]) -> Syntax:
        opening, parts, closing = items
        if len(parts) != 2:
            raise Refused("an interval has two ends", _start(opening), _end(closing))
        return Syntax("interval", "[)", parts, _start(opening), _end(closing))

    def finite_set(self, items: list[Any]) -> Syntax:
        opening, parts, closing = items
        return Syntax("set", None, parts, _start(opening), _end(closing))

    def index_statement(self, items: list[Any]) -> Syntax:
        return _statement("index", None, items)

    def batch_statement(self, items: list[Any]) -> Syntax:
        return _statement("batch", None, items)

    def size_statement(self, items: list[Any]) -> Syntax:
        return _statement("size", None, items)

    def role_statement(self, items: list[Any]) -> Syntax:
        role, *declared = items
        return _statement("role", role, declared)

    def zero_statement(self, items: list[Any]) -> Syntax:
        return _statement("zero", None, items)

    def function_statement(self, items: list[Any]) -> Syntax:
        token, _, *rest = items
        body = rest.pop()
        closing = rest.pop()
        parameters = [Syntax("name", _name(item), [], _start(item), _end(item)) for item in rest]
        parts = parameters if body is None else [*parameters, body]
        end = _end(closing) if body is None else body.end
        return Syntax("function", (_name(token), body is not None), parts, _start(token), end, _end(token))

    def assume_statement(self, items: list[Any]) -> Syntax:
        return _statement("assume", None, [item for item in items if item is not None])

    def sense(self, items: list[Any]) -> Any:
        return str(items[0]).replace("ise", "ize")

    def objective(self, items: list[Any]) -> Any:
        sense, expression, *over = items
        names = [Syntax("name", _name(token), [], _start(token), _end(token)) for token in over]
        return _statement("objective", sense, [expression, *names])

    def objective_statement(self, items: list[Any]) -> Any:
        return items[0]

    def optimizer_statement(self, items: list[Any]) -> Syntax:
        word, token = items
        name = Syntax("name", _name(token), [], _start(token), _end(token))
        return Syntax("optimizer", None, [name], _start(word), name.end)

    def declared_state(self, items: list[Any]) -> Syntax:
        token, value = items
        parts = [] if value is None else [value]
        end = value.end if value else _end(token)
        return Syntax("declared_state", _name(token), parts, _start(token), end, _end(token))

    def state_statement(self, items: list[Any]) -> Syntax:
        return _statement("state", None, items[1:])

    def update_statement(self, items: list[Any]) -> Syntax:
        token, _, expression = items
        return _statement("update", None, [Syntax("name", _name(token), [], _start(token), _end(token)), expression])

    def predict_statement(self, items: list[Any]) -> Syntax:
        return _statement("predict", None, items)

    def point(self, items: list[Any]) -> Syntax:
        return Syntax("point", None, items, 0, items[-1].end if items else 0)

    def value(self, items: list[Any]) -> Syntax:
        return self.equation(items)


def _statement(kind: str, value: Any, parts: list[Syntax]) -> Syntax:
    return Syntax(kind, value, parts, parts[0].start, parts[-1].end)


def _extended(left: Syntax, operator: str, right: Syntax) -> Syntax:
    """Return the chain `left` with one more operand; chains are read from the left, so it is nobody else's yet."""
    left.value.append(operator)
    left.parts.append(right)
    left.end = left.name_end = right.end
    if right.depth >= left.depth:
        return Syntax(left.kind, left.value, left.parts, left.start, left.end)
    return left


def _cache_file() -> str | bool:
    """Return where the tables of the grammar are kept from one process to the next; False if there is no place."""
    chosen = os.environ.get("SYMPROP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(chosen) if chosen else Path(base).expanduser() / "symprop"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return False
    return str(folder / f"grammar-{sys.version_info[0]}.{sys.version_info[1]}.lark")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        start=["statement", "expression", "point"],
        transformer=Builder(),
        maybe_placeholders=True,
        cache=_cache_file(),
    )


def read(source: Source, span: Span, start: str = "statement", beside: bool = False) -> Syntax:
    """Return the syntax of one statement (or ``expression``, or ``point``).

    With `beside`, factors may be marked by `BESIDE` to stand side by side; what their product is, shapes say.

    Raises
    ------
    NotationError
        If it cannot be read.
    """
    from lark.exceptions import UnexpectedInput

    text = source.plain[span.start : span.end]
    if BESIDE in text and not beside:
        mark = span.start + text.index(BESIDE)
        message = "U+2062 cannot be seen, and is not read"
        raise source.error(NotationError, message, Span(mark, mark + 1), "Write * for a product.")
    if start == "statement":
        _refuse_later(source, span, text)
    try:
        result = _parser().parse(text, start=start)
    except Refused as error:
        place = Span(span.start + error.start, span.start + error.end)
        raise source.error(NotationError, error.message, place, error.hint) from None
    except UnexpectedInput as error:
        raise _diagnosis(source, span, text, error, start) from None
    assert isinstance(result, Syntax)
    return result


# What the language will have, or has elsewhere, in the order in which it is looked for at the place of the error.
LATEX = ("this backslash begins no LaTeX command", "A text in LaTeX has commands such as \\sum; otherwise remove it.")
_SENTENCES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), message, hint)
    for pattern, message, hint in (
        (r":=|<-|←", "an update changes one scalar of an optimizer", "Write theta <- theta - lr*g, or = to define."),
        (r":", "':' declares the shape of a quantity with a role", "Write parameter W: (H, D)."),
        (r"for\b", "'for' limits a whole equation", "It stands last: h[t,j] = ... for t = 1..T."),
        (r"if\b", "'if' does not limit an equation", "Write where(condition, then, otherwise)."),
        (r"else\b", "there is no 'else'", "Write where(condition, then, otherwise)."),
        (r"\\", *LATEX),
        (r"[\"'`]", "there are no strings", ""),
        (r"\.[^\W\d]", "there are no attributes", "Quantities are read by name and indices: x[i]."),
        (r"//", "there is no '//'", "Write floor(a/b)."),
        (r"%", "there is no '%'", "Write a - b*floor(a/b)."),
        (r"&&?", "'&' does not join conditions", "Write and."),
        (r"\|\|?", "'|' does not join conditions", "Write or; the absolute value is abs(x)."),
        (r"!", "'!' is not read", "Write not, or != to compare."),
        (r"==", "conditions stand in brackets, as numbers 0 and 1", "Write [i == k]."),
        (r"\$", "'$' is not read", "Write the formula without it."),
        (r"\?", "'?' is not read", "Write where(condition, then, otherwise)."),
        (r"∂|∇", "derivatives stand in claims, not in networks", "Write D(L, w) there."),
    )
)

_WORDS = {
    "NUMBER": "an expression",
    "NAME": "an expression",
    "LPAR": "an expression",
    "LSQB": "an expression",
    "RPAR": "')'",
    "RSQB": "']'",
    "RBRACE": "'}'",
    "LBRACE": "'{'",
    "COMMA": "','",
    "EQUAL": "'='",
    "DOTS": "'..'",
    "_IN": "'in'",
    "OVER": "'over'",
    "OUTSIDE": "'outside'",
    "$END": "the end of the statement",
    **dict.fromkeys(("PLUS", "MINUS", "STAR", "SLASH", "POWER", "COMPARE"), "an operator"),
}


# Functions that people write without brackets, and words that people begin statements with.
_CALLED = frozenset(
    (
        "exp",
        "log",
        "ln",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sinh",
        "cosh",
        "sigmoid",
        "sigma",
        "relu",
        "softplus",
        "softmax",
        "abs",
        "sign",
        "max",
        "min",
        "sum",
        "erf",
    )
)
# What other languages begin a statement with: what to say, and what to write.
_FOREIGN = {
    "def": ("a function is defined by 'function'", "Write function f(u) = ..."),
    "import": ("nothing is imported", "Functions such as exp, tanh and softmax are known by name."),
    "from": ("nothing is imported", "Functions such as exp, tanh and softmax are known by name."),
    "return": ("there is no 'return'", "Write an equation, y = ..., and predict y."),
    "output": ("there is no role 'output'", "What an equation defines needs no role; predict y says what is shown."),
    **dict.fromkeys(("let", "var", "set"), ("a statement is an equation", "Write y = ... without a word before it.")),
}
_NEARLY_STATEMENTS = {"min": "minimize", "max": "maximize", "loss": "minimize", "cost": "minimize"}


def _refuse_later(source: Source, span: Span, text: str) -> None:
    word = re.match(r"[^\W\d]\w*", text)
    if word is None:
        if text.startswith("\\"):
            raise source.error(NotationError, LATEX[0], Span(span.start, span.start + 1), LATEX[1])
        return
    place = Span(span.start, span.start + word.end())
    follows = text[word.end() :].lstrip()[:1]
    if word[0] in STATEMENT_WORDS and follows in ("=", "["):
        raise source.error(
            NotationError,
            f"'{word[0]}' begins a statement and cannot be defined",
            place,
            f"Choose another name, such as {word[0]}_1.",
        )


def _diagnosis(source: Source, span: Span, text: str, error: Any, start: str) -> NotationError:
    place = min(error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(text), len(text))
    token = getattr(error, "token", None)
    expected: set[str] = set(error.interactive_parser.accepts())
    if token is not None and token.type == "$END":
        place = len(text)
    length = len(token) if token is not None and token.type != "$END" else 1
    spot = Span(span.start + place, span.start + place + max(1, length))

    def result(message: str, hint: str | None = None) -> NotationError:
        failure = source.error(NotationError, message, spot, hint)
        assert isinstance(failure, NotationError)
        return failure

    module = re.search(r"(?<![\w.])(np|numpy|math|torch|tf|F|jnp|sp|sympy)$", text[:place])
    member = re.match(r"\.(\w+)", text[place:])
    if module is not None and member is not None:
        spot = Span(span.start + module.start(), span.start + place + member.end())
        return result(f"there are no modules such as '{module[0]}'", f"Functions stand alone: {member[1]}(...).")
    if re.match(r"(index|batch)\b", text) and re.match(r":|\.\w*", text[place:]):
        return result("a range is written with two points", "Write index k = 1..K.")
    for pattern, message, hint in _SENTENCES:
        match = pattern.match(text, place)
        if match is None and place and pattern.pattern == "//":
            match = pattern.match(text, place - 1)  # the first of the two was read as a division
        if match is not None:
            spot = Span(span.start + match.start(), span.start + match.end())
            return result(message, hint or None)
    before = text[:place].rstrip()
    operand_before = bool(before) and (before[-1].isalnum() or before[-1] in "_)]'")
    word = re.match(r"[^\W\d]\w*", text)
    last = re.search(r"(?<!\w)(for|if|else)$", before)
    if last is not None and operand_before:
        spot = Span(span.start + last.start(), span.start + last.end())
        message, hint = next((message, hint) for pattern, message, hint in _SENTENCES if pattern.match(last[0]))
        return result(message, hint)
    if (
        start == "statement"
        and word is not None
        and word[0] in _FOREIGN
        and re.match(r"\s+[^\W\d]", text[word.end() :])
    ):
        spot = Span(span.start, span.start + word.end())
        return result(*_FOREIGN[word[0]])
    if place >= len(text):
        arrow = re.search(r"<-", text)
        if "EQUAL" in expected and start == "statement" and arrow is not None:
            spot = Span(span.start + arrow.start(), span.start + arrow.end())
            return result("an update changes one scalar of an optimizer", "Write theta <- theta - lr*g.")
        double = re.search(r"(?<![=!<>])==(?!=)", text)
        if "EQUAL" in expected and start == "statement" and double is not None:
            spot = Span(span.start + double.start(), span.start + double.end())
            return result("'==' compares; an equation has one '='", f"Write {text[: double.start()].strip()} = ...")
        spot = Span(span.start + len(before), span.start + len(before) + 1)
        if "EQUAL" in expected and start == "statement":
            return result("a statement needs '='", "Write an equation, y = ..., or begin with a word such as input.")
        return result(f"the {start} ends too early", _expectation(expected))
    found = source.text[spot.start : spot.end]
    comma = re.search(r"(?<![\w.,])(\d+),(\d+)(?![\w.,])", text)
    if start == "point" and found == "," and re.search(r"=\s*\([^()\[\]]*$", before):
        return result("several values stand in square brackets", "Write x = [1, 2].")
    if found == "," and comma is not None and comma.start() < place < comma.end():
        spot = Span(span.start + comma.start(), span.start + comma.end())
        return result("decimals have a point", f"Write {comma[1]}.{comma[2]}.")
    if not found.isprintable():
        found = f"U+{ord(found[0]):04X}"
    if found == "(" and re.match(r"(input|target|parameter)\b", text):
        return result("a shape follows a colon", "Write W: (H, D), or name the indices: W[j,i].")
    if found == "=":
        return result("there is one '=' in an equation", "Write == to compare, and each equation by itself.")
    if operand_before and (found[0].isalnum() or found[0] in "_(["):
        if start == "statement" and word is not None and word.end() == len(before):
            near = nearest(word[0], STATEMENT_WORDS)
            if near is not None:
                spot = Span(span.start, span.start + word.end())
                return result(f"unknown statement '{word[0]}'", f"Did you mean '{near}'?")
        if start == "point" and re.match(r"[^\W\d]\w*\s*[=\[]", text[place:]):
            return result(f"a comma is missing before '{found}'", "Write x = [1, 2], w = 3.")
        if found == "to" and re.search(r"[=(]", before):
            return result("a range is written with two points", "Write i = 1..D for i = 1 to D.")
        if before[-1] == "]" and found == "[":
            return result("indices stand in one pair of brackets", "Write x[i, j].")
        if start == "statement" and word is not None and word.end() == len(before) and word[0] in _NEARLY_STATEMENTS:
            spot = Span(span.start, span.start + word.end())
            return result(f"unknown statement '{word[0]}'", f"Write {_NEARLY_STATEMENTS[word[0]]} {found}.")
        called = re.search(r"(?<![\w.])([^\W\d]\w*)$", before)
        if called is not None and found[0].isalnum() and spelled(called[0]) in _CALLED:
            spot = Span(span.start + called.start(), spot.end)
            argument = re.match(r"\w+(\s*\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\])?", text[place:])
            written = argument[0] if argument is not None else found
            return result(f"'{called[0]}' is a function and needs brackets", f"Write {called[0]}({written}).")
        if "STAR" in expected:
            return result(f"an operator is missing before '{found}'", "Write * for a product; a name holds no blanks.")
    return result(f"'{found}' cannot stand here", _expectation(expected))


def _expectation(expected: set[str]) -> str | None:
    if not expected & {"STAR", "COMPARE"}:
        expected = expected - {"PLUS", "MINUS"}  # signs of an expression
    words_of = _WORDS if "NUMBER" in expected else {**_WORDS, "NAME": "a name"}
    words = sorted({words_of[name] for name in expected if name in words_of}, key=lambda word: (word[0] == "'", word))
    if not words:
        return None
    return f"Expected {' or '.join([', '.join(words[:-1]), words[-1]] if words[:-1] else words)}."
