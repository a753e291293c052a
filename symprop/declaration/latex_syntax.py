"""Tokens of LaTeX to a tree of `Syntax`, by the grammar in ``latex.lark``; what names mean is not asked here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symprop.declaration.latex_tokens import Token
from symprop.declaration.syntax import Refused, Syntax

if TYPE_CHECKING:
    from lark import Lark

_MOST_SCRIPTS = 8  # on one symbol


class _Builder:
    """Makes the pieces; lark calls the method named like the rule that it has recognised."""

    def symbol(self, items: list[Any]) -> Syntax:
        (token,) = items
        return Syntax("symbol", (token.type, str(token)), [], token.start_pos, token.end_pos)

    def number(self, items: list[Any]) -> Syntax:
        (token,) = items
        return Syntax("number", str(token), [], token.start_pos, token.end_pos)

    def items(self, items: list[Any]) -> Any:
        return [item for item in items if isinstance(item, Syntax)]

    def braced(self, items: list[Any]) -> Syntax:
        opening, inner, closing = items
        return Syntax("braced", None, inner or [], opening.start_pos, closing.end_pos)

    def bracket(self, items: list[Any]) -> Syntax:
        opening, inner, closing = items
        return Syntax("bracket", str(opening), inner, opening.start_pos, closing.end_pos)

    def fraction(self, items: list[Any]) -> Syntax:
        token, above, below = items
        return Syntax("fraction", None, [above, below], token.start_pos, below.end)

    def root(self, items: list[Any]) -> Syntax:
        token, *rest = items
        parts = [item[0] if isinstance(item, list) else item for item in rest if isinstance(item, (list, Syntax))]
        return Syntax("root", None, parts, token.start_pos, parts[-1].end)

    def accent(self, items: list[Any]) -> Syntax:
        token, inner = items
        return Syntax("accent", str(token), [inner], token.start_pos, inner.end)

    def cases(self, items: list[Any]) -> Syntax:
        rows = [item for item in items if isinstance(item, Syntax)]
        return Syntax("cases", None, rows, items[0].start_pos, items[-1].end_pos)

    def row(self, items: list[Any]) -> Syntax:
        found = [item for item in items if item is not None]
        parts = [item for item in found if isinstance(item, Syntax)]
        words = tuple(item for item in found if isinstance(item, str))
        start = parts[0].start if parts else 0
        return Syntax("row", words, parts, start, parts[-1].end if parts else start)

    def divider(self, items: list[Any]) -> Any:
        return str(items[0]).lower() if items[0].type == "TEXT" else ""

    def script(self, items: list[Any]) -> Syntax:
        base, token, argument = items
        if base.kind != "scripted":
            base = Syntax("scripted", [], [base], base.start, base.end)
        if len(base.value) == _MOST_SCRIPTS:
            raise Refused("there are too many scripts on one symbol", token.start_pos, argument.end)
        base.value.append("sub" if token.type == "SUB" else "sup")
        return _extended(base, argument, argument.end)

    def primed(self, items: list[Any]) -> Syntax:
        base, token = items
        if base.kind != "scripted":
            base = Syntax("scripted", [], [base], base.start, base.end)
        base.value.append("prime")
        mark = Syntax("symbol", ("MARK", "prime" * len(token)), [], token.start_pos, token.end_pos)
        return _extended(base, mark, token.end_pos)

    def factor(self, items: list[Any]) -> Syntax:
        (item,) = items
        return Syntax("product", [""], [item], item.start, item.end)

    def times(self, items: list[Any]) -> Syntax:
        product, item = items
        product.value.append("")
        return _extended(product, item, item.end)

    def operated(self, items: list[Any]) -> Syntax:
        product, operator, *sign, item = items
        elementwise = operator in ("odot", "circ", "⊙", "∘", "*")
        product.value.append("/" if operator.type == "SLASH" else "*" if elementwise else ".")
        if sign and sign[0].type == "MINUS":
            inner = Syntax("product", [""], [item], item.start, item.end)
            item = Syntax("sum", ["-"], [inner], sign[0].start_pos, item.end)
        return _extended(product, item, item.end)

    def signed(self, items: list[Any]) -> Syntax:
        sign, product = items
        return Syntax("sum", [str(sign)], [product], sign.start_pos, product.end)

    def sum(self, items: list[Any]) -> Syntax:
        left, operator, right = items
        if left.kind != "sum":
            left = Syntax("sum", ["+"], [left], left.start, left.end)
        left.value.append(str(operator))
        return _extended(left, right, right.end)

    def relation(self, items: list[Any]) -> Syntax:
        left, operator, right = items
        if left.kind != "relation":
            left = Syntax("relation", [], [left], left.start, left.end)
        left.value.append(str(operator))
        return _extended(left, right, right.end)

    def continued(self, items: list[Any]) -> Syntax:
        operator, right = items
        return Syntax("relation", [str(operator)], [right], operator.start_pos, right.end)

    def junction(self, items: list[Any]) -> Syntax:
        left, operator, right = items
        return Syntax("junction", "and" if operator.type == "AND" else "or", [left, right], left.start, right.end)

    def range(self, items: list[Any]) -> Syntax:
        left, _, upper = items
        return Syntax("range", None, [left, upper], left.start, upper.end)


def _extended(piece: Syntax, part: Syntax, end: int) -> Syntax:
    """Return a chain with one more part; it is nobody else's yet, so it grows in place."""
    piece.parts.append(part)
    piece.end = end
    if part.depth >= piece.depth:
        return Syntax(piece.kind, piece.value, piece.parts, piece.start, end)
    return piece


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark
    from lark import Token as LarkToken
    from lark.lexer import Lexer

    class Lexed(Lexer):
        """Hands the tokens on that are made already."""

        def __init__(self, configuration: Any) -> None:
            del configuration

        def lex(self, tokens: Any) -> Iterator[LarkToken]:  # type: ignore[override]
            for token in tokens:
                yield LarkToken(token.type, token.value, start_pos=token.start, end_pos=token.end)

    grammar = Path(__file__).with_name("latex.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=Lexed, transformer=_Builder(), maybe_placeholders=True)


_OPENERS = {"OPEN": "this bracket", "LBRACE": "'{'", "CASES": "the cases"}


def parse_formula(tokens: Sequence[Token], text: str) -> Syntax:
    """Return the syntax of one formula.

    Raises
    ------
    Refused
        If it cannot be read, with offsets in the whole text.
    """
    from lark.exceptions import UnexpectedInput

    for token in tokens:
        if token.type == "ERROR":
            raise Refused(token.value, token.start, token.end, token.hint or None)
    try:
        lexed: Any = tokens  # the lexer hands them on
        result: Any = _parser().parse(lexed)
    except UnexpectedInput as error:
        raise _diagnosis(tokens, text, error) from None
    except RecursionError:
        raise Refused("the formula is nested too deeply", tokens[0].start, tokens[0].end) from None
    assert isinstance(result, Syntax)
    return result


def _diagnosis(tokens: Sequence[Token], text: str, error: Any) -> Refused:
    token = getattr(error, "token", None)
    if token is None or token.type == "$END":
        open_tokens: list[Token] = []
        for one in tokens:
            if one.type in ("OPEN", "LBRACE", "CASES"):
                open_tokens.append(one)
            elif one.type in ("CLOSE", "RBRACE", "ENDCASES") and open_tokens:
                open_tokens.pop()
        if open_tokens:
            last = open_tokens[-1]
            return Refused(f"'{text[last.start : last.end]}' is never closed", last.start, last.end)
        end = tokens[-1].end if tokens else 0
        return Refused("the formula ends too early", max(end - 1, 0), end)
    start, end = token.start_pos, token.end_pos
    written = text[start:end] or str(token)
    if token.type == "TEXT":
        return Refused("words cannot stand inside a formula", start, end, "Put the words on a line of their own.")
    if token.type in ("CLOSE", "RBRACE"):
        return Refused(f"'{written}' closes too early, or nothing", start, end)
    if token.type in ("SUB", "SUP"):
        return Refused(f"'{written}' stands on nothing", start, end)
    if token.type == "RANGE":
        return Refused("dots leave out what is meant", start, end, "Write a sum: \\sum_{i=1}^{n} x_i.")
    return Refused(f"'{written}' cannot stand here", start, end)
