r"""Formulas of LaTeX in the infix spelling: what is a product, a call, an index, a power or a derivative.

The rules are those by which people read lecture notes, as far as those agree; where a formula can be read in two
ways, it is refused and both are shown.

- A known quantity before a bracket is a product, a known function a call.
- A sum or product reaches up to the next ``+`` or ``-`` at its level, or to a relation.
- A function without brackets takes what follows it as one factor: ``\log y_k``, ``\sin 2x``.
- A superscript is a layer, a decoration, a transpose or a power, in this order of what the names allow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.algebra.losses import LOSSES
from symprop.declaration.latex_names import (
    DECORATIONS,
    SOFTMAXES,
    Item,
    Meaning,
    Names,
    both,
    count_of,
    is_known_function,
    labelled,
)
from symprop.declaration.syntax import Refused, Syntax

SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5
_CONDITION = 0

_DEEPEST = 60  # formulas within formulas; the writer calls itself once or more for each
_REDUCTIONS = ("sum", "prod", "max", "min", "argmax", "argmin", "mean", "logsumexp")
_COMPARISONS = {"=": "==", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!="}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_ACCENTED = {
    "hat": "hat",
    "tilde": "tilde",
    "bar": "bar",
    "dot": "dot",
    "ddot": "ddot",
    "check": "check",
    "breve": "breve",
}
_NUMERAL = re.compile(r"\d+(?:\.\d+)?|\.\d+")

# Letters for rates and penalties; nobody's functions, so that a bracket after one makes a product.
_RATES = ("eta", "lambda", "epsilon")

# How `relu` and its kind are written in lecture notes.
_FUNCTION_NAMES = {"ReLU": "relu", "LReLU": "leaky_relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "GELU": "gelu"}

# Stands for the one index that is not written, in a row of a matrix: x_n of x[n,j].
OPEN_INDEX = "\uffff"
OPEN_LENGTH = "\ufffe"  # of a vector of ones, which what stands beside it tells

Places = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Piece:
    """A piece of a formula in the infix spelling.

    Attributes
    ----------
    text : str
    places : tuple
        For each character, where in the LaTeX text it comes from.
    strength : int
        How strongly its outermost operation binds.
    shape : str
        ``scalar``, ``column``, ``row`` or ``matrix``: what matrix notation needs to know.
    meaning : Meaning, optional
        If it is a quantity alone.
    """

    text: str
    places: Places
    strength: int = ATOM
    shape: str = "scalar"
    meaning: Meaning | None = None


@dataclass
class Symbol:
    """A letter or word with everything that is written around it."""

    stem: str
    node: Syntax
    word: bool = False  # several letters, or a command: \log, \mathrm{net}
    items: list[Item] = field(default_factory=list)
    subscript: Syntax | None = None
    layers: list[tuple[Item, bool, Syntax]] = field(default_factory=list)  # superscripts; in brackets or not
    powers: list[Syntax] = field(default_factory=list)
    primes: int = 0
    transposed: bool = False
    star: bool = False


class Writer:
    """Writes formulas in the names of a network.

    Parameters
    ----------
    names : Names
        What is known; the writer adds nothing to it.
    text : str
        The whole text, for messages.
    """

    def __init__(self, names: Names, text: str) -> None:
        self.names = names
        self.text = text
        self.depth = 0
        self.step: str | None = None  # the superscript (t) of an update, which is no index
        self.accesses: list[Meaning] = []
        self.indices: set[str] = set()  # letters that stand as indices in this formula
        self.notes: list[str] = []
        self.defining: Meaning | None = None
        self.scalars: frozenset[str] = frozenset(_RATES)  # unknown letters that are quantities before a bracket
        self.deltas = False  # whether the text defines a delta of two indices itself

    # Small things.

    def written(self, node: Syntax) -> str:
        """Return a piece as it stands in the text."""
        return " ".join(self.text[node.start : node.end].split())

    def piece(self, text: str, node: Syntax, strength: int = ATOM, **more: Any) -> Piece:
        return Piece(text, ((node.start, node.end),) * len(text), strength, **more)

    def joined(self, parts: Sequence[Piece | str], node: Syntax, strength: int, shape: str = "scalar") -> Piece:
        """Return pieces and the signs between them as one; a sign belongs to the place of the whole."""
        text: list[str] = []
        places: list[tuple[int, int]] = []
        for part in parts:
            if isinstance(part, str):
                text.append(part)
                places.extend([(node.start, node.end)] * len(part))
            else:
                text.append(part.text)
                places.extend(part.places)
        return Piece("".join(text), tuple(places), strength, shape)

    def inside(self, piece: Piece, strength: int, node: Syntax) -> Piece:
        if piece.strength >= strength:
            return piece
        return self.joined(["(", piece, ")"], node, ATOM, piece.shape)

    def refuse(self, message: str, node: Syntax, hint: str | None = None) -> Refused:
        return Refused(message, node.start, node.end, hint)

    # Any piece.

    def write(self, node: Syntax) -> Piece:
        """Return a formula in the infix spelling."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.refuse("the formula is nested too deeply", node, "Give inner expressions a name.")
        try:
            method: Callable[[Syntax], Piece] = getattr(self, f"_{node.kind}")
            return method(node)
        finally:
            self.depth -= 1

    def _number(self, node: Syntax) -> Piece:
        return self.piece(node.value, node)

    def _symbol(self, node: Syntax) -> Piece:
        return self.product([("", node)], node)

    _scripted = _accent = _symbol

    def _product(self, node: Syntax) -> Piece:
        return self.product(list(zip(node.value, node.parts, strict=True)), node)

    def _sum(self, node: Syntax) -> Piece:
        terms: list[tuple[str, Syntax]] = []
        for sign, part in zip(node.value, node.parts, strict=True):
            last = terms[-1][1] if terms else None
            if last is not None and last.kind == "product" and _is_big(last.parts[-1]):
                # \sum_k -t_k \log y_k: a sum of nothing is not meant.
                inner = Syntax("sum", [sign], [part], part.start, part.end)
                terms[-1] = (
                    terms[-1][0],
                    Syntax("product", [*last.value, ""], [*last.parts, inner], last.start, part.end),
                )
            else:
                terms.append((sign, part))
        pieces: list[Piece | str] = []
        shapes: list[str] = []
        for place, (sign, part) in enumerate(terms):
            term = self.write(part)
            shapes.append(term.shape)
            if place == 0:
                pieces.extend(["-"] if sign == "-" else [])
            else:
                pieces.append(f" {sign} ")
            pieces.append(self.inside(term, PRODUCT, part))
        shape = next((shape for shape in shapes if shape != "scalar"), "scalar")
        return self.joined(pieces, node, SUM, shape)

    def _braced(self, node: Syntax) -> Piece:
        if len(node.parts) != 1:
            raise self.refuse("there is nothing in the braces" if not node.parts else "a list is no number", node)
        return self.write(node.parts[0])

    def _bracket(self, node: Syntax) -> Piece:
        kind = node.value
        if kind == "angle":
            return self._inner(node)
        if len(node.parts) != 1:
            raise self.refuse("several values cannot stand here", node)
        (inner,) = node.parts
        if kind in ("[]", "{}") and inner.kind in ("relation", "junction"):
            return self.joined(["[", self.condition(inner), "]"], node, ATOM)
        piece = self.write(inner)
        if kind in ("()", "[]", "{}"):
            if piece.strength == ATOM and not piece.meaning:
                return piece
            return self.joined(["(", piece, ")"], node, ATOM, piece.shape)
        if kind == "||":
            return self.joined(["abs(", piece, ")"], node, ATOM)
        if kind == "floor":
            return self.joined(["floor(", piece, ")"], node, ATOM)
        if kind == "ceil":
            return self.joined(["(-floor(-", self.inside(piece, ATOM, inner), "))"], node, ATOM)
        return self.joined(["norm(", piece, ")"], node, ATOM)

    def _inner(self, node: Syntax) -> Piece:
        r"""Return the inner product ``\langle u, v \rangle`` of two arrays of one shape."""
        if len(node.parts) != 2:
            raise self.refuse("angle brackets hold the two factors of an inner product", node, "Write a mean as a sum.")
        left, right = (self.write(part) for part in node.parts)
        if "scalar" in (left.shape, right.shape):
            raise self.refuse("an inner product is one of arrays", node, "Write \\sum_i w_i x_i.")
        if left.shape == right.shape == "column":
            turned = self._transposed(left, node.parts[0])
            product = self._inner_product(turned, right, node)
            factors = [self.inside(one, POWER, node) for one in (turned, right)]
            return product or self.joined(["(", factors[0], " @ ", factors[1], ")"], node, ATOM)
        factors = [self.inside(one, SIGN, node) for one in (left, right)]
        return self.joined(["sum(", factors[0], "*", factors[1], ")"], node, ATOM)

    def _fraction(self, node: Syntax) -> Piece:
        above, below = node.parts
        order_above, order_below = self._differential(above), self._differential(below)
        if order_above and order_below:
            numerator = self._after_differential(above)
            if not numerator:
                raise self.refuse(
                    f"'{self.written(node)}' has nothing to differentiate", node, "Write what follows it in brackets."
                )
            return self.derivative(numerator, below, node, above)
        numerator_piece = self.inside(self.write(above), PRODUCT, above)
        denominator = self.inside(self.write(below), POWER, below)
        return self.joined([numerator_piece, "/", denominator], node, PRODUCT, numerator_piece.shape)

    def _root(self, node: Syntax) -> Piece:
        *degree, body = node.parts
        inner = self.write(body)
        if not degree or self.write(degree[0]).text == "2":
            return self.joined(["sqrt(", inner, ")"], node, ATOM, inner.shape)
        order = self.inside(self.write(degree[0]), ATOM, degree[0])
        return self.joined([self.inside(inner, ATOM, body), "**(1/", order, ")"], node, POWER, inner.shape)

    def _cases(self, node: Syntax) -> Piece:
        rows: list[tuple[Piece, Piece | None, Syntax]] = []
        for row in node.parts:
            if not row.parts:
                continue
            value, *conditions = row.parts
            if len(conditions) > 1:
                raise self.refuse("a case has one condition", row, "Join conditions by \\land.")
            if conditions:
                rows.append((self.write(value), self.condition(conditions[0]), conditions[0]))
            else:
                rows.append((self.write(value), None, row))
        if len(rows) < 2:
            raise self.refuse("cases need two rows", node)
        *first, (last, condition, where) = rows
        if condition is not None:
            only = first[0][1]
            if len(first) != 1 or only is None or not _complements(only.text, condition.text):
                raise self.refuse(
                    "the last case has a condition, and something may be left over", where, "Write otherwise there."
                )
        result = last
        for then, test, place in reversed(first):
            if test is None:
                raise self.refuse("only the last case has no condition", place)
            result = self.joined(["where(", test, ", ", then, ", ", result, ")"], node, ATOM)
        return result

    def _relation(self, node: Syntax) -> Piece:
        raise self.refuse("a condition is no number", node, f"Write [{self.written(node)}] for 1 where it holds.")

    _junction = _range = _relation

    def _row(self, node: Syntax) -> Piece:
        raise self.refuse("a row of cases cannot stand here", node)

    # Conditions.

    def condition(self, node: Syntax) -> Piece:
        """Return a condition: relations, joined by and, or."""
        if node.kind in ("bracket", "braced") and len(node.parts) == 1:
            return self.joined(["(", self.condition(node.parts[0]), ")"], node, ATOM)
        if node.kind == "junction":
            left, right = (self.condition(part) for part in node.parts)
            return self.joined([left, f" {node.value} ", right], node, _CONDITION)
        if node.kind != "relation" or len(node.parts) != len(node.value) + 1:
            raise self.refuse("this is no condition", node, "Compare two things: i = j, a_j > 0.")
        pieces: list[Piece | str] = [self.write(node.parts[0])]
        for operator, part in zip(node.value, node.parts[1:], strict=True):
            if operator not in _COMPARISONS:
                raise self.refuse(f"'{operator}' is no comparison", node)
            pieces.extend([f" {_COMPARISONS[operator]} ", self.write(part)])
        return self.joined(pieces, node, _CONDITION)

    # Products: the factors of one term, read from left to right.

    def product(self, items: list[tuple[str, Syntax]], node: Syntax) -> Piece:
        """Return a term: factors side by side, with ``\\cdot`` or ``/`` between them."""
        factors: list[tuple[str, Piece, Syntax]] = []
        place = 0
        while place < len(items):
            operator, first = items[place]
            if operator == "" and factors:
                self._after_slash(factors, items, place)
            piece, following = self.unit(items, place)
            if not factors and following < len(items) and _is_guard(items, place) and piece.text.startswith("["):
                # [condition] times something is 0 where it fails, even where the other is not defined.
                rest = self.product([("", items[following][1]), *items[following + 1 :]], node)
                return self.joined(["where(", *_between_brackets(piece), ", ", rest, ", 0)"], node, ATOM, rest.shape)
            factors.append((operator, piece, first))
            place = following
        return self._multiplied(factors, node)

    def _after_slash(
        self, factors: list[tuple[str, Piece, Syntax]], items: list[tuple[str, Syntax]], place: int
    ) -> None:
        """Refuse ``a/b c``, which is read both ways; ``1/2 x`` and a sum after ``1/N`` are not."""
        operator, below, _ = factors[-1]
        if operator != "/":
            return
        above = factors[-2][1]
        if _NUMERAL.fullmatch(above.text) and (_NUMERAL.fullmatch(below.text) or _is_big(items[place][1])):
            return
        following = items[place][1]
        rest = self.written(following)
        node = Syntax("product", [], [], factors[-2][2].start, following.end)
        raise self.refuse(
            f"'{self.written(node)}' can be read in two ways",
            node,
            both((f"\\frac{{{above.text}}}{{{below.text}}} {rest}", f"\\frac{{{above.text}}}{{{below.text} {rest}}}")),
        )

    def _multiplied(self, factors: list[tuple[str, Piece, Syntax]], node: Syntax) -> Piece:
        if len(factors) == 1:
            return factors[0][1]
        # Side by side binds more closely than an elementwise sign: u \odot W x is u * (W x).
        runs: list[list[tuple[str, Piece, Syntax]]] = []
        for factor in factors:
            if not runs or factor[0] == "*":
                runs.append([])
            runs[-1].append(factor)
        written: list[tuple[Piece, Syntax]] = []
        for run in runs:
            piece = self._side_by_side(run, node)
            if len(runs) > 1 and " @ " in piece.text and piece.strength < ATOM:
                piece = self.joined(["(", piece, ")"], node, ATOM, piece.shape)
            written.append((piece, run[0][2]))
        if len(written) == 1:
            return written[0][0]
        pieces: list[Piece | str] = []
        for place, (piece, where) in enumerate(written):
            last = place == len(written) - 1
            pieces.extend(["*"] if place else [])
            pieces.append(
                self.inside(piece, PRODUCT if place == 0 or (last and "/" not in piece.text) else SIGN, where)
            )
        shape = next((piece.shape for piece, _ in written if piece.shape != "scalar"), "scalar")
        return self.joined(pieces, node, PRODUCT, shape)

    def _side_by_side(self, factors: list[tuple[str, Piece, Syntax]], node: Syntax) -> Piece:
        """Return factors without elementwise signs: products of scalars, matrix products, quotients."""
        factors = self._with_lengths(factors)
        if len(factors) == 1:
            return factors[0][1]
        for place in range(len(factors) - 1):
            left, right = factors[place][1], factors[place + 1][1]
            if factors[place + 1][0] == "" and (product := self._inner_product(left, right, node)) is not None:
                rest = [*factors[:place], (factors[place][0], product, factors[place][2]), *factors[place + 2 :]]
                return self._side_by_side(rest, node)
        pieces: list[Piece | str] = []
        shape = "scalar"
        before: Piece | None = None
        for place, (operator, piece, where) in enumerate(factors):
            last = place == len(factors) - 1
            strength = POWER if operator == "/" else PRODUCT if place == 0 or last else SIGN
            if place and operator != "/" and piece.strength == PRODUCT and ("/" in piece.text or "@" in piece.text):
                strength = SIGN
            written = self.inside(piece, strength, where)
            self._refuse_unknown_matrix(piece, before, where)
            if before is not None:
                matrix = shape != "scalar" and piece.shape != "scalar" and operator != "/"
                if matrix and operator == "." and shape == piece.shape == "column":
                    if len(factors) > 2 or before.meaning is None or piece.meaning is None:
                        raise self.refuse(
                            "this sign between two columns is their inner product to some, elementwise to others",
                            node,
                            "Write u^\\top v, or u \\odot v.",
                        )
                    pieces[-1] = self._transposed(before, factors[0][2])
                    shape = "row"
                pieces.append("/" if operator == "/" else " @ " if matrix else "*")
                shape = _product_shape(shape, piece.shape) if matrix else (shape if shape != "scalar" else piece.shape)
            else:
                shape = piece.shape
            before = piece
            pieces.append(written)
        return self.joined(pieces, node, PRODUCT, shape)

    def _refuse_unknown_matrix(self, piece: Piece, before: Piece | None, node: Syntax) -> None:
        """Refuse ``X w`` where w is an array and X unknown: capitals are matrices, and no unknown number."""
        if before is None:
            return
        for one, other in ((piece, before), (before, piece)):
            name = one.meaning.name if one.meaning is not None and not one.meaning.indices else ""
            if name[:1].isupper() and name not in self.names.ranks and other.shape != "scalar":
                raise self.refuse(
                    f"'{name}' is unknown and stands beside an array", node, "Declare or define it first."
                )

    def unit(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        """Return the factor at `place`, with everything that belongs to it, and where the next begins."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.refuse("the formula is nested too deeply", items[place][1], "Give inner expressions a name.")
        try:
            return self._unit(items, place)
        finally:
            self.depth -= 1

    def _unit(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        node = items[place][1]
        base = _base(node)
        if base.kind == "symbol":
            type_, value = base.value
            if type_ == "BIG" or (value in ("max", "min", "argmax", "argmin") and _has(node, "sub")):
                return self._reduction(items, place)
            if type_ == "INDICATOR":
                return self._indicator(items, place)
            if type_ == "PARTIAL" or (value == "d" and self._is_differential(items, place)):
                return self._inline_derivative(items, place)
            if value == "nabla":
                return self._gradient(items, place)
            if type_ in ("LETTER", "WORD"):
                return self._named(items, place)
            if type_ == "INFINITY":
                raise self.refuse("infinity is no number", node)
            raise self.refuse(f"'{self.written(node)}' cannot stand here", node)
        if node.kind == "fraction" and self._is_operator(node):
            return self._operator(items, place)
        if base.kind == "accent":
            if base.value == "brace":
                return self.write(base.parts[0]), place + 1
            return self._named(items, place)
        if node.kind == "number" and node.value == "1" and place + 1 < len(items):
            following = items[place + 1][1]
            if items[place + 1][0] == "" and _is_iverson(following):
                return self.write(following), place + 2
        if node.kind == "scripted":
            return self._powered(node), place + 1
        return self.write(node), place + 1

    # Scripts on what is no symbol.

    def _powered(self, node: Syntax) -> Piece:
        (base, *scripts), kinds = node.parts, node.value
        inner = _inside_brackets(base)
        if kinds[0] == "sub" and inner is not None:
            return self._indexed(inner, node)
        piece = self.write(base)
        for kind, script in zip(kinds, scripts, strict=True):
            if base.kind == "bracket" and base.value == "norm" and kind == "sub":
                order = _word_of(script) or self.written(script).strip("{}")
                if order not in ("2", "F"):
                    raise self.refuse("norms other than the Euclidean one are not read", script, "Write a sum.")
                continue
            if kind != "sup":
                raise self.refuse("indices stand at a name, not at a bracket", script, "Give the bracket a name.")
            if _is_transpose(script, self.names):
                piece = self._transposed(piece, node)
                continue
            piece = self._raised(piece, script, node)
        return piece

    def _indexed(self, inner: Syntax, node: Syntax) -> Piece:
        """Return ``W_hh[j,m]`` for ``(W_{hh})_{jm}``: a name in brackets, with the indices outside."""
        whole, powers = self.meaning(self.symbol(inner))
        rank = self.names.ranks.get(whole.name, -1)
        items = self.items(node.parts[1])
        splits = self.names.splits(items, rank - len(whole.indices)) if rank > 0 and not whole.indices else []
        if powers or not splits:
            raise self.refuse("indices stand at a name, not at a bracket", node.parts[1], "Give the bracket a name.")
        meanings = [Meaning(whole.name, indices) for indices in splits]
        if len(meanings) > 1:
            raise self.refuse(f"'{self.written(node)}' can be read in two ways", node, both(meanings))
        self.accesses.append(meanings[0])
        piece = self.piece(str(meanings[0]), node, ATOM, meaning=meanings[0])
        for kind, script in zip(node.value[1:], node.parts[2:], strict=True):
            if kind != "sup":
                raise self.refuse("this cannot stand here", script)
            piece = self._raised(piece, script, node)
        return piece

    def _raised(self, piece: Piece, exponent: Syntax, node: Syntax) -> Piece:
        mark = _mark_of(exponent)
        if mark:
            raise self.refuse(f"'{self.written(exponent)}' decorates a name, and this is none", exponent)
        written = self.inside(self.write(exponent), ATOM, exponent)
        if piece.text == "E":
            return self.joined(["exp(", self.write(exponent), ")"], node, ATOM)
        return self.joined([self.inside(piece, ATOM, node), "**", written], node, POWER, piece.shape)

    def _transposed(self, piece: Piece, node: Syntax) -> Piece:
        if piece.shape == "scalar":
            unknown = piece.meaning is None or piece.meaning.name not in self.names.ranks
            if unknown or not self.names.ranges:
                hint = "Write the sum with indices."
                if not self.names.ranges:
                    hint = "Say what shape it has, W \\in \\mathbb{R}^{H \\times D}, or write the sum with indices."
                raise self.refuse(f"'{self.written(node)}' transposes what is no array here", node, hint)
            return piece
        if OPEN_INDEX in piece.text:
            return Piece(piece.text, piece.places, piece.strength, "row")
        shape = {"column": "row", "row": "column"}.get(piece.shape, piece.shape)
        return self.joined([self.inside(piece, ATOM, node), ".T"], node, ATOM, shape)

    # Names.

    def _named(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        """Return a quantity, a function with its argument, or letters that make one name."""
        place, node = self._run(items, place)
        symbol = self.symbol(node)
        after = items[place + 1] if place + 1 < len(items) else None
        bracketed = after is not None and after[0] == "" and _base(after[1]).kind == "bracket"
        if symbol.stem == "d" and after is not None and after[0] == "" and "d" not in self.names.ranks:
            derivative = self._course_name(symbol, items, place)
            if derivative is not None:
                return derivative
        if bracketed and len(symbol.layers) == 1 and symbol.stem not in self.names.ranks:
            # g^{[1]} is the function g1, or g_1, of its layer.
            label = symbol.layers[0][0].label
            numbered = next((one for one in labelled(symbol.stem, label) if one in self.names.functions), "")
            if numbered:
                symbol.stem, symbol.layers = numbered, []
        name = _function_name(symbol.stem, self.names)
        if name and not self._quantity_fits(symbol):
            return self._function(name, symbol, items, place)
        if bracketed and after is not None:
            inner = _base(after[1])
            if not _is_iverson(inner) and inner.value == "()":
                as_arguments = self._dependence(symbol, inner)
                if as_arguments is not None:
                    return as_arguments, place + 2
                if not self._is_known(symbol) and symbol.stem not in self.scalars and not _is_decorated(symbol):
                    argument = ", ".join(self.written(part) for part in inner.parts)
                    stem = self.written(node)
                    raise self.refuse(
                        f"'{stem}' is neither a known quantity nor a known function, and a bracket follows",
                        node,
                        f"A product is written {stem} \\cdot ({argument}); a function is declared in the network, "
                        f"function {symbol.stem}(u), and then {stem}({argument}) calls it.",
                    )
        return self.quantity(symbol), place + 1

    def _run(self, items: list[tuple[str, Syntax]], place: int) -> tuple[int, Syntax]:
        """Join single letters without blanks between them where they make a known name: ``net_j``, ``log(y)``."""
        first = items[place][1]
        if first.kind != "symbol" or first.value[0] != "LETTER" or len(first.value[1]) != 1:
            return place, first
        letters = [first]
        stop = place + 1
        while stop < len(items) and items[stop][0] == "":
            node = items[stop][1]
            base = _base(node)
            is_letter = base.kind == "symbol" and base.value[0] == "LETTER"
            if base.start != letters[-1].end or not (is_letter or (base.kind == "number" and base.value.isdigit())):
                break
            letters.append(base)
            stop += 1
            if node.kind == "scripted":
                break
        if len(letters) == 1:
            return place, first
        for count in range(len(letters), 1, -1):
            word = "".join(_letter_of(letter) for letter in letters[:count])
            last = items[place + count - 1][1]
            known = word in self.names.ranks or word in self.names.functions or word in self.names.sizes
            if not known and len(word) > 2 and word.isalpha():
                known = is_known_function(word)
            if not known:
                known = last.kind == "scripted" and self._known_scripted(word, last)
            if not known:
                continue
            if all(_letter_of(letter) in self.names.ranks for letter in letters[:count]) and word in self.names.ranks:
                raise Refused(
                    f"'{word}' is a name, and its letters are names too",
                    letters[0].start,
                    letters[count - 1].end,
                    f"Write \\mathrm{{{word}}} for the name, or {' '.join(_letter_of(one) for one in letters[:count])} "
                    "for the product.",
                )
            return place + count - 1, _renamed(last, word, letters[0].start)
        unknown = [letter for letter in letters if _letter_of(letter) not in self.names.ranks]
        if len(letters) > 2 and len(unknown) == len(letters) and _letter_of(letters[0]) != "d":
            word = "".join(_letter_of(letter) for letter in letters)
            return stop - 1, _renamed(items[stop - 1][1], word, letters[0].start)
        return place, first

    def _known_scripted(self, word: str, node: Syntax) -> bool:
        """Whether letters with a script are a known name, ``out_{h1}``."""
        try:
            symbol = self.symbol(_renamed(node, word, node.start))
        except Refused:
            return False
        return bool(symbol.items) and bool(self.names.meanings(word, symbol.items))

    def symbol(self, node: Syntax) -> Symbol:
        """Return a letter with its decorations, subscripts and superscripts told apart."""
        base = _base(node)
        scripts = list(zip(node.value, node.parts[1:], strict=True)) if node.kind == "scripted" else []
        stem = ""
        inner = base
        accents: list[str] = []
        while inner.kind == "accent" or (inner.kind == "braced" and len(inner.parts) == 1) or _is_single(inner):
            if inner.kind == "accent":
                if inner.value == "brace":
                    raise self.refuse("a braced formula cannot carry this", inner)
                accents.append(_ACCENTED[inner.value])
            inner = inner.parts[0]
        if inner.kind == "scripted":
            # \hat{y_i} is \hat{y}_i.
            scripts = [*zip(inner.value, inner.parts[1:], strict=True), *scripts]
            inner = inner.parts[0]
            while inner.kind == "accent" or _is_single(inner):
                if inner.kind == "accent":
                    accents.append(_ACCENTED.get(inner.value, "hat"))
                inner = inner.parts[0]
        if inner.kind == "product" and all(_base(part).kind in ("symbol", "number") for part in inner.parts):
            stem = "".join(_letter_of(_base(part)) for part in inner.parts)
        elif inner.kind == "symbol" and inner.value[0] in ("LETTER", "WORD"):
            stem = inner.value[1]
        else:
            raise self.refuse("a decoration stands on a name", base)
        symbol = Symbol(stem, node, word=inner.kind == "symbol" and inner.value[0] == "WORD")
        for accent in reversed(accents):
            symbol.stem += f"_{accent}"
        for kind, script in scripts:
            if kind == "sub":
                symbol.subscript = script
                symbol.items.extend(self.items(script))
            elif kind == "prime":
                symbol.primes += len(script.value[1]) // len("prime")
            else:
                self._superscript(symbol, script)
        if symbol.star:
            symbol.stem += "_star"
        return symbol

    def _superscript(self, symbol: Symbol, script: Syntax) -> None:
        parts = _script_parts(script)
        for part in parts:
            mark = _mark_of(part)
            if mark.startswith("prime"):
                symbol.primes += len(mark) // len("prime")
            elif mark == "star":
                symbol.star = True
            elif mark == "top" or (
                len(parts) > 1 and part is not parts[0] and self.written(part) in ("T", "\\mathrm{T}")
            ):
                symbol.transposed = True
            elif mark:
                raise self.refuse(f"'{self.written(part)}' is not read here", part)
            elif part.kind == "bracket" and part.value in ("()", "[]") and len(part.parts) == 1:
                (item,) = self.items(part)
                if self.step is not None and item.text in (self.step, f"{self.step}+1", f"{self.step} + 1"):
                    continue
                symbol.layers.append((item, True, part))
            elif _word_of(part) in ("new", "old"):
                continue
            else:
                layer = self._layer_item(part)
                if layer is not None:
                    symbol.layers.append((layer, False, part))
                else:
                    symbol.powers.append(part)

    def _layer_item(self, node: Syntax) -> Item | None:
        """Return a superscript without brackets as an index, if it can be one: a letter, a number or ``l+1``."""
        text = self.written(node).strip("{}").strip()
        if re.fullmatch(r"\d+", text):
            return Item((text,), text, ((node.start, node.end),) * len(text))
        if not re.fullmatch(r"(?:\\?[A-Za-z]+|\\(?:text|mathrm|textrm|mbox)\{\w+\})\s*(?:[-+]\s*\d+)?", text):
            return None
        items = self.items(node)
        return items[0] if len(items) == 1 else None

    def items(self, node: Syntax) -> list[Item]:
        """Return the parts of a subscript."""
        if node.kind in ("braced", "bracket"):
            return [item for part in node.parts for item in self.items(part)]
        atoms = self._atoms(node)
        if atoms is not None:
            text = "".join(atoms)
            return [Item(tuple(atoms), text, ((node.start, node.end),) * len(text))]
        if node.kind in ("relation", "range", "junction"):
            raise self.refuse("a condition cannot stand in this subscript", node)
        piece = self.index(node)
        return [Item((), piece.text, piece.places)]

    def _atoms(self, node: Syntax) -> list[str] | None:
        """Return the letters and numbers that stand side by side; None if there is arithmetic."""
        if node.kind == "number":
            return [node.value] if node.value.isdigit() else None
        if node.kind == "symbol" and node.value[0] in ("LETTER", "WORD"):
            return [node.value[1]]
        if node.kind == "symbol" and node.value[0] == "PARTIAL":
            return ["d"]
        if node.kind == "scripted" and node.value and all(kind == "prime" for kind in node.value):
            inner = self._atoms(node.parts[0])
            count = sum(len(part.value[1]) // len("prime") for part in node.parts[1:])
            return [f"{inner[0]}_{count}"] if inner and len(inner) == 1 else None
        if node.kind == "scripted" and all(_mark_of(part).startswith("prime") for part in node.parts[1:]):
            inner = self._atoms(node.parts[0])
            return [f"{inner[0]}_{len(node.parts) - 1}"] if inner and len(inner) == 1 else None
        if node.kind == "product" and all(operator == "" for operator in node.value):
            found: list[str] = []
            for place, part in enumerate(node.parts):
                inner = self._atoms(part)
                if inner is None or (
                    place == 0 and part.kind == "number" and len(node.parts) > 1 and not _digits(node)
                ):
                    return None
                found.extend(inner)
            return found
        if node.kind == "braced" and len(node.parts) == 1:
            return self._atoms(node.parts[0])
        return None

    def index(self, node: Syntax) -> Piece:
        """Return an expression of indices and sizes, as it stands in a subscript or a limit."""
        if node.kind in ("braced",) and len(node.parts) == 1:
            return self.index(node.parts[0])
        atoms = self._atoms(node)
        if atoms is not None:
            word = "".join(atoms)
            several = len(atoms) > 1 and not self.names.may_index(word)
            if several and all(self.names.may_index(atom) for atom in atoms):
                return self.piece("*".join(atoms), node, PRODUCT)
            return self.piece(word, node)
        if node.kind == "sum":
            pieces: list[Piece | str] = []
            for place, (sign, part) in enumerate(zip(node.value, node.parts, strict=True)):
                pieces.append(sign if place or sign == "-" else "")
                pieces.append(self.inside(self.index(part), PRODUCT, part))
            return self.joined(pieces, node, SUM)
        if node.kind == "product":
            found: list[Piece | str] = []
            for place, (operator, part) in enumerate(zip(node.value, node.parts, strict=True)):
                found.append("" if place == 0 else "/" if operator == "/" else "*")
                found.append(self.inside(self.index(part), ATOM, part))
            return self.joined(found, node, PRODUCT)
        if node.kind == "bracket" and node.value == "()" and len(node.parts) == 1:
            return self.joined(["(", self.index(node.parts[0]), ")"], node, ATOM)
        if node.kind == "scripted" and node.parts[0].kind == "symbol":
            return self._size(node)
        if node.kind == "fraction":
            above, below = (self.inside(self.index(part), ATOM, part) for part in node.parts)
            return self.joined([above, "/", below], node, PRODUCT)
        if node.kind == "bracket" and node.value == "floor" and len(node.parts) == 1:
            return self.joined(["floor(", self.index(node.parts[0]), ")"], node, ATOM)
        raise self.refuse("this cannot stand in an index", node, "Indices are made of letters, sizes and numbers.")

    def _size(self, node: Syntax) -> Piece:
        """Return a size with a subscript or superscript: ``n_l`` is ``n(l)`` where sizes depend on the layer."""
        stem = _letter_of(node.parts[0])
        if len(node.parts) != 2 or node.value[0] == "prime":
            raise self.refuse("this cannot stand in an index", node)
        (item,) = self.items(node.parts[1])
        if stem in self.names.layered:
            return self.piece(f"{stem}({item.text})", node)
        for name in (f"{stem}_{item.text}", f"{stem}{item.text}"):
            if name in self.names.sizes or name in self.names.limits:
                return self.piece(name, node)
        word = f"{stem}_{item.text}"
        return self.piece(re.sub(r"\W+", "_", word), node)

    # What a symbol is.

    def _quantity_fits(self, symbol: Symbol) -> bool:
        """Whether a function's letter is a quantity with these scripts: ``\\sigma_B``, ``\\sigma^2``."""
        layer = symbol.layers[0][0] if symbol.layers else None
        if not symbol.items and layer is None:
            return False
        return bool(self.names.meanings(symbol.stem, symbol.items, layer))

    def _is_known(self, symbol: Symbol) -> bool:
        layers = [item for item, _, _ in symbol.layers]
        stems = [symbol.stem + "_prime" * symbol.primes, symbol.stem]
        return any(
            self.names.meanings(stem, symbol.items, layer) for stem in stems for layer in (*layers, None)
        ) or symbol.stem in ("e", "pi")

    def meaning(self, symbol: Symbol, *, defining: bool = False) -> tuple[Meaning, list[Syntax]]:
        """Return what a symbol means, and the superscripts that are powers.

        Raises
        ------
        Refused
            If it can mean two things, or has too few or too many indices.
        """
        stem = symbol.stem + "_prime" * symbol.primes
        powers = list(symbol.powers)
        layers = list(symbol.layers)
        if len(layers) > 1:
            # z^{(l)2}: the first in brackets is the layer, the others are powers.
            powers = [*powers, *(part for _, bracketed, part in layers[1:] if not bracketed)]
            if any(bracketed for _, bracketed, _ in layers[1:]):
                raise self.refuse("one superscript in brackets is read, not two", symbol.node)
        layer: Item | None = None
        bracketed, part = False, symbol.node
        if layers:
            layer, bracketed, part = layers[0]
        plain = self.names.meanings(stem, symbol.items)
        found = plain
        if layer is not None:
            found = self.names.meanings(stem, symbol.items, layer)
            exact = [one for one in plain if self._is_exact(one)]
            if not bracketed:
                fitting = [one for one in found if self._is_exact(one)]
                unlikely = layer.text.isdigit() and fitting and not self._is_layered(fitting[0], plain)
                unknown = len(layer.atoms) == 1 and not layer.text.isdigit() and not self._is_known_index(layer.text)
                if unlikely or (unknown and any(layer.text in one.indices for one in fitting)):
                    # h^2 of a row of units is its elementwise square; c in h^c is no index that anybody knows.
                    found = fitting = []
                if fitting and exact and layer.text.isdigit():
                    raise self.refuse(
                        f"'{self.written(symbol.node)}' can be read in two ways",
                        symbol.node,
                        f"It is {fitting[0]}, or {exact[0]} to the power {layer.text}. "
                        f"Write {self._root_of(symbol)}^{{({layer.text})}} for the first, "
                        f"({self._root_of(symbol)})^{layer.text} for the second.",
                    )
                if not fitting and (exact or (plain and not found) or not found):
                    # No layer: a power, of a scalar or of an array as a whole.
                    found = plain
                    powers = [part, *powers]
                    layer = None
        if len(found) > 1:
            raise self.refuse(f"'{self.written(symbol.node)}' can be read in two ways", symbol.node, both(found))
        if found:
            return found[0], powers
        if defining or stem not in self.names.ranks:
            return self._unknown(symbol, stem, layer), powers
        raise self._unfit(symbol, stem)

    def _is_exact(self, meaning: Meaning) -> bool:
        return len(meaning.indices) == self.names.ranks.get(meaning.name, -1)

    def _is_known_index(self, word: str) -> bool:
        return self.names.is_index(word) or word in self.names.sizes or word in self.indices

    def _is_layered(self, meaning: Meaning, plain: list[Meaning]) -> bool:
        """Whether the one index of a quantity may count layers or steps, so that a number above it is one."""
        if len(meaning.indices) != 1 or not plain or meaning.name != plain[0].name:
            return True
        return self.names.axes.get(meaning.name, ("l",))[0] in ("l", "t", "layer")

    def _root_of(self, symbol: Symbol) -> str:
        node = symbol.node
        if node.kind != "scripted":
            return self.written(node)
        first = [self.written(node.parts[0])]
        for kind, part in zip(node.value, node.parts[1:], strict=True):
            if kind == "sub":
                first.append("_" + self.written(part))
        return "".join(first)

    def _unknown(self, symbol: Symbol, stem: str, layer: Item | None) -> Meaning:
        meaning = self.names.defines(stem, symbol.items, layer, self.indices)
        if not re.fullmatch(r"[^\W\d]\w*", meaning.name):
            raise self.refuse(f"'{self.written(symbol.node)}' is no name", symbol.node)
        return meaning

    def _unfit(self, symbol: Symbol, stem: str) -> Refused:
        rank = self.names.ranks[stem]
        axes = self.names.axes.get(stem)
        declared = Meaning(stem, axes) if axes is not None else None
        layered = " and a layer above" if symbol.layers else ""
        given = ",".join(item.text for item in symbol.items)
        sentence = f"'{stem}' has {count_of(rank)}, and '{given}'{layered} does not fit"
        if not given:
            sentence = f"'{stem}' has {count_of(rank)}, and a layer above does not fit"
        return self.refuse(sentence, symbol.node, f"It was declared as {declared}." if declared else None)

    def quantity(self, symbol: Symbol) -> Piece:
        """Return a symbol as a quantity, with its powers and its transpose."""
        node = symbol.node
        if self._is_kronecker(symbol):
            first, second = self._pair(symbol)
            self.notes.append(f"{self.written(node)} is read as 1 where {first} = {second} and 0 elsewhere")
            return self._with_powers(self.piece(f"[{first} == {second}]", node), symbol.powers, symbol)
        constant = self._constant(symbol)
        if constant is not None:
            return constant
        letter = symbol.stem == "T" and "T" not in self.names.ranks
        if letter and not symbol.items and "T" in self.names.sizes:
            return self._with_powers(self.piece("T", node), symbol.powers, symbol)
        if symbol.layers and self._is_bare_transpose(symbol):
            symbol.layers = symbol.layers[:-1]
            symbol.transposed = True
        if self._is_size_or_index(symbol):
            piece = self.piece(symbol.stem, node)
            powers = [part for _, _, part in symbol.layers] + symbol.powers
            return self._with_powers(piece, powers, symbol)
        row = self._row_of(symbol)
        if row is not None:
            return row
        meaning, powers = self.meaning(symbol)
        self.accesses.append(meaning)
        rank = self.names.ranks.get(meaning.name, len(meaning.indices))
        shape = _shape_of_rank(rank - len(meaning.indices))
        if not meaning.indices:
            shape = self.names.shapes.get(meaning.name, shape)
        piece = self.piece(str(meaning), node, ATOM, shape=shape, meaning=meaning)
        if meaning.indices:
            piece = Piece(piece.text, self._places(meaning, symbol, piece), ATOM, shape, meaning)
        return self._with_powers(piece, powers, symbol)

    def _row_of(self, symbol: Symbol) -> Piece | None:
        """Return a matrix with one index as the vector of the others: ``x_n`` of ``x[n,j]``, in an inner product."""
        axes = self.names.axes.get(symbol.stem, ())
        given = [*symbol.items, *(item for item, _, _ in symbol.layers)]
        if len(axes) != 2 or len(given) != 1 or len(given[0].atoms) != 1 or symbol.powers or symbol.primes:
            return None
        word = given[0].text
        if self.names.meanings(symbol.stem, symbol.items, symbol.layers[0][0] if symbol.layers else None):
            return None
        if word not in self.names.limits and not any(word == axis for axis in axes):
            return None
        ranges = self.names.ranges.get(symbol.stem)
        limits = self.names.limits.get(word)
        fitting = [place for place, axis in enumerate(axes) if axis == word]
        fitting = fitting or [place for place in range(2) if ranges is not None and ranges[place] == limits]
        if len(fitting) != 1:
            return None
        indices = (word, OPEN_INDEX) if fitting[0] == 0 else (OPEN_INDEX, word)
        meaning = Meaning(symbol.stem, indices)
        self.accesses.append(
            Meaning(symbol.stem, tuple(axes[1 - fitting[0]] if one is OPEN_INDEX else one for one in indices))
        )
        piece = self.piece(str(meaning), symbol.node, ATOM, shape="column", meaning=meaning)
        return Piece(piece.text, piece.places, ATOM, "row" if symbol.transposed else "column", meaning)

    def _inner_product(self, left: Piece, right: Piece, node: Syntax) -> Piece | None:
        """Return ``sum(j, w[j]*x[n,j])`` for the inner product of two vectors, one of which is a row of a matrix."""
        if OPEN_INDEX not in left.text + right.text:
            return None
        meanings = [left.meaning or _whole_of(left), right.meaning or _whole_of(right)]
        if left.shape != "row" or right.shape != "column" or None in meanings:
            raise self.refuse(
                "a row of a matrix is read in an inner product alone", node, "Write the sum with indices."
            )
        first = next(one for one in meanings if one is not None and OPEN_INDEX in one.indices)
        index = self.names.axes[first.name][first.indices.index(OPEN_INDEX)]
        used = {word for one in meanings if one is not None for word in one.indices} | self.indices
        number = 0
        while (name := index if not number else f"{index}_{number}") in used:
            number += 1
        filled = []
        for one in meanings:
            assert one is not None
            if not one.indices and self.names.ranks.get(one.name) != 1:
                raise self.refuse("a row of a matrix is read in an inner product alone", node, "Write the sum.")
            filled.append(
                Meaning(one.name, tuple(name if part == OPEN_INDEX else part for part in one.indices) or (name,))
            )
        self.accesses.extend(filled)
        return self.piece(f"sum({name}, {filled[0]}*{filled[1]})", node, ATOM)

    def _places(self, meaning: Meaning, symbol: Symbol, piece: Piece) -> Places:
        """Return where the characters of an access come from; those of the indices come from the scripts."""
        head = len(meaning.name)
        base = _base(symbol.node)
        scripts = symbol.node.parts[1:] if symbol.node.kind == "scripted" else []
        last = scripts[-1].end if scripts else symbol.node.end
        first = scripts[0].start if scripts else symbol.node.start
        return ((base.start, base.end),) * head + ((first, last),) * (len(piece.text) - head)

    def _with_powers(self, piece: Piece, powers: list[Syntax], symbol: Symbol) -> Piece:
        for power in powers:
            piece = self._raised(piece, power, symbol.node)
        return self._transposed(piece, symbol.node) if symbol.transposed else piece

    def _is_bare_transpose(self, symbol: Symbol) -> bool:
        """Whether the last superscript is a T that can only be a transpose."""
        item, bracketed, _part = symbol.layers[-1]
        if bracketed or item.text != "T":
            return False
        stem = symbol.stem + "_prime" * symbol.primes
        layer = symbol.layers[0][0] if len(symbol.layers) > 1 else None
        found = self.names.meanings(stem, symbol.items, layer)
        if not found or any(one.indices or not self.names.ranks[one.name] for one in found):
            return not found and not symbol.items and "T" not in self.names.sizes and "T" not in self.names.ranks
        if "T" in self.names.ranks or ("T" in self.names.sizes and self.names.ranks[found[0].name] == 1):
            raise self.refuse(
                f"'{self.written(symbol.node)}' can be read in two ways",
                symbol.node,
                "Write ^\\top for the transpose, ^{(T)} for the component T.",
            )
        return True

    def _is_size_or_index(self, symbol: Symbol) -> bool:
        name = symbol.stem
        if len(symbol.items) == 1 and symbol.items[0].atoms and not self.names.meanings(name, symbol.items):
            # d_k is a size where it is one.
            for labelled in (f"{name}_{symbol.items[0].label}", f"{name}{symbol.items[0].label}"):
                if labelled in self.names.sizes:
                    symbol.stem, symbol.items = labelled, []
                    return True
        if symbol.items or name in self.names.ranks:
            return False
        if symbol.primes and name in self.names.limits and f"{name}{'_prime' * symbol.primes}" not in self.names.ranks:
            # k' is another index with the range of k, which the language calls k_1.
            symbol.stem, symbol.primes = f"{name}_{symbol.primes}", 0
            return True
        return not symbol.primes and (name in self.names.sizes or name in self.names.limits)

    def _constant(self, symbol: Symbol) -> Piece | None:
        """Return ``e^{-a}`` and pi, unless the network has such names."""
        if symbol.stem not in ("e", "pi") or symbol.stem in self.names.ranks or symbol.items or symbol.primes:
            return None
        powers = [part for _, _, part in symbol.layers] + symbol.powers
        if symbol.stem == "e":
            return self._with_powers(self.piece("E", symbol.node), powers, symbol)
        return self._with_powers(self.piece("pi", symbol.node), powers, symbol)

    def _is_kronecker(self, symbol: Symbol) -> bool:
        """Whether it is the Kronecker delta: two indices, and no quantity of this name has them."""
        if symbol.stem != "delta" or symbol.layers or symbol.primes:
            return False
        pair = self._pair(symbol)
        if (
            not pair
            or any(index.isdigit() for index in pair)
            or self.deltas
            or self.names.meanings("delta", symbol.items)
        ):
            return False
        ranges = [self.names.limits.get(index) for index in pair]
        if None not in ranges and ranges[0] != ranges[1]:
            raise self.refuse(
                f"'{self.written(symbol.node)}' is unknown, and no Kronecker delta: {pair[0]} and {pair[1]} have "
                "different ranges",
                symbol.node,
                "Define it on a line before.",
            )
        return True

    def _pair(self, symbol: Symbol) -> tuple[str, ...]:
        splits = self.names.splits(symbol.items, 2)
        return splits[0] if len(splits) == 1 else ()

    def _dependence(self, symbol: Symbol, bracket: Syntax) -> Piece | None:
        r"""Return J for ``J(\theta)`` and ``J(W, b; x, y)``: a defined quantity with what it depends on in brackets."""
        try:
            meaning, powers = self.meaning(symbol)
        except Refused:
            return None
        if powers or meaning.name not in self.names.defined:
            return None
        depends = self.names.reads.get(meaning.name, frozenset())
        ranks = []
        for part in bracket.parts:
            inner = part
            while inner.kind == "product" and len(inner.parts) == 1:
                inner = inner.parts[0]
            if _base(inner).kind not in ("symbol", "accent"):
                return None
            try:
                argument = self.symbol(inner)
                by = self.names.meanings(argument.stem, argument.items)
            except Refused:
                return None
            if len(by) != 1:
                if len(bracket.parts) == 1 and argument.stem not in ("theta", "Theta", "w", "W"):
                    return None
                continue
            if by[0].name not in depends:
                return None
            ranks.append(self.names.ranks[by[0].name] - len(by[0].indices))
        if len(bracket.parts) == 1 and not any(ranks) and ranks:
            product = f"{self.written(symbol.node)} \\cdot {self.written(bracket.parts[0])}"
            raise Refused(
                f"'{self.text[symbol.node.start : bracket.end]}' can be read in two ways",
                symbol.node.start,
                bracket.end,
                both((self.written(symbol.node), product)),
            )
        self.accesses.append(meaning)
        return self.piece(str(meaning), symbol.node, ATOM, meaning=meaning)

    def _course_name(self, symbol: Symbol, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int] | None:
        """Return ``dZ2`` for ``dZ^{[2]}``, the habit of course code, where Z2 is known and d is not."""
        node = items[place][1]
        following = items[place + 1][1]
        base = _base(following)
        if node.kind != "symbol" or base.kind != "symbol" or base.value[0] != "LETTER" or base.start != node.end:
            return None
        place, following = self._run(items, place + 1)
        inner = self.symbol(following)
        if self._is_known(inner) and not inner.powers:
            meaning, powers = self.meaning(inner)
            course = Meaning("d" + meaning.name, meaning.indices)
            rank = self.names.ranks.get(meaning.name, 0)
            shape = "scalar" if meaning.indices or not rank else "column" if rank == 1 else "matrix"
            piece = self.piece(str(course), following, ATOM, shape=shape, meaning=course)
            return self._with_powers(piece, powers, inner), place + 1
        if inner.powers or base.start != items[0][1].end or len(items) != place + 1:
            return None
        unknown = self.meaning(inner)[0]
        course = Meaning("d" + unknown.name, unknown.indices)
        return self.piece(str(course), following, ATOM, meaning=course), place + 1

    # Functions.

    def _function(self, name: str, symbol: Symbol, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        node = symbol.node
        after = items[place + 1] if place + 1 < len(items) else None
        if after is None or after[0] != "":
            raise self.refuse(f"'{self.written(node)}' is a function without an argument", node)
        powers = [part for _, bracketed, part in symbol.layers if not bracketed] + symbol.powers
        if any(bracketed for _, bracketed, _ in symbol.layers):
            raise self.refuse(f"the function '{self.written(node)}' has no layers", node)
        name = self._based(name, symbol)
        for power in powers:
            exponent = self.written(power).strip("{}")
            if exponent.startswith("-") or name in self.names.functions or symbol.stem == "sigma":
                raise self.refuse(
                    f"'{self.written(node)}' can be read in two ways", node,
                    "It is a power of the value, the function applied again, or its inverse. "
                    f"Write ({self._root_of(symbol)}(...))^{{{exponent}}} for the power.",
                )  # fmt: skip
        following = after[1]
        bracket = _base(following)
        if bracket.kind == "bracket" and bracket.value in ("()", "[]", "{}") and not _is_iverson(bracket):
            scripts = (
                list(zip(following.value, following.parts[1:], strict=True)) if following.kind == "scripted" else []
            )
            result = self._called(name, symbol, bracket, scripts)
            for kind, script in scripts:
                if kind == "sub":
                    continue
                if kind != "sup":
                    raise self.refuse("a prime stands at the name of a function", script)
                if name in ("log", "log2", "log10") and not powers:
                    raise Refused(
                        f"'{self.text[node.start : following.end]}' can be read in two ways",
                        node.start,
                        following.end,
                        f"Write (\\log(...))^{self.written(script)}, or \\log((...)^{self.written(script)}).",
                    )
                result = self._raised(result, script, following)
            stop = place + 2
        else:
            argument, stop = self._argument(items, place + 1, node)
            result = self._call(name, symbol, [argument], node)
        for power in powers:
            result = self._raised(result, power, node)
        return result, stop

    def _based(self, name: str, symbol: Symbol) -> str:
        """Return ``log2`` for ``\\log_2``; a softmax keeps its subscript as the index it is taken over."""
        if not symbol.items or name in SOFTMAXES:
            return name
        label = symbol.items[0].label
        if name == "log" and label in ("2", "10", "e"):
            return {"2": "log2", "10": "log10", "e": "log"}[label]
        raise self.refuse(f"the function '{self.written(symbol.node)}' has no subscript here", symbol.node)

    def _argument(self, items: list[tuple[str, Syntax]], place: int, function: Syntax) -> tuple[Piece, int]:
        """Return the argument of a function that is written without brackets."""
        first = place
        numeral = items[place][1].kind == "number"
        argument, place = self.unit(items, place)
        if numeral and place < len(items) and items[place][0] == "" and not _is_iverson(items[place][1]):
            factor, place = self.unit(items, place)
            argument = self._multiplied([("", argument, items[first][1]), ("", factor, items[place - 1][1])], function)
        if place < len(items) and items[place][0] == "" and not self._begins_anew(items[place][1]):
            written = self.written(function)
            one = " ".join(self.written(part) for _, part in items[first:place])
            rest = self.written(items[place][1])
            raise Refused(
                f"'{written} {one} {rest}' can be read in two ways",
                function.start,
                items[place][1].end,
                both((f"{written}({one}) {rest}", f"{written}({one} {rest})")),
            )
        if place < len(items) and items[place][0] == "/":
            one = " ".join(self.written(part) for _, part in items[first:place])
            rest = self.written(items[place][1])
            written = self.written(function)
            raise Refused(
                f"'{written} {one}/{rest}' can be read in two ways",
                function.start,
                items[place][1].end,
                both((f"{written}({one})/{rest}", f"{written}({one}/{rest})")),
            )
        return argument, place

    def _begins_anew(self, node: Syntax) -> bool:
        """Whether a factor after a function's argument starts a new one for every reader: ``\\sin x \\cos x``."""
        base = _base(node)
        if base.kind != "symbol":
            return False
        return base.value[0] == "BIG" or (base.value[0] == "WORD" and bool(_function_name(base.value[1], self.names)))

    def _called(self, name: str, symbol: Symbol, bracket: Syntax, scripts: list[tuple[str, Syntax]]) -> Piece:
        subs = [script for kind, script in scripts if kind == "sub"]
        if subs and name not in SOFTMAXES:
            raise self.refuse("indices stand at a name, not at a bracket", subs[0], "Give the value a name.")
        if len(bracket.parts) == 1 and bracket.parts[0].kind in ("relation", "junction"):
            raise self.refuse("a condition is no argument", bracket)
        arguments = [self.write(part) for part in bracket.parts]
        if name in SOFTMAXES:
            script = subs[0] if subs else symbol.subscript
            return self._softmax(name, arguments, script, symbol, bracket)
        if not arguments:
            raise self.refuse(f"'{name}' needs an argument", bracket)
        return self._call(name, symbol, arguments, Syntax("call", None, [], symbol.node.start, bracket.end))

    def _call(self, name: str, symbol: Symbol, arguments: list[Piece], node: Syntax) -> Piece:
        if name in SOFTMAXES:
            return self._softmax(name, arguments, symbol.subscript, symbol, node)
        if name in LOSSES and LOSSES[name].reduces and len(arguments) == 2:
            index = self._free_index(arguments, node)
            arguments = [self.piece(index, node), *arguments]
        pieces: list[Piece | str] = [self.piece(name + "'" * symbol.primes, symbol.node), "("]
        for place, argument in enumerate(arguments):
            pieces.extend([", ", argument] if place else [argument])
        shape = arguments[0].shape if len(arguments) == 1 else "scalar"
        return self.joined([*pieces, ")"], node, ATOM, shape)

    def _softmax(self, name: str, arguments: list[Piece], script: Syntax | None, symbol: Symbol, node: Syntax) -> Piece:
        """Return ``softmax(k, a[k])`` for ``softmax(a)_k``, ``softmax_k(a)`` and ``softmax(a_k)``."""
        if len(arguments) == 2 and self.names.is_index(arguments[0].text):
            arguments, index = arguments[1:], arguments[0].text
        elif len(arguments) != 1:
            raise self.refuse(f"'{name}' has one argument", node)
        elif script is not None:
            index = self.index(script).text
        elif arguments[0].shape != "scalar":
            return self.joined([f"{name}(", arguments[0], ")"], node, ATOM, arguments[0].shape)
        else:
            index = self._free_index(arguments, node)
        (argument,) = arguments
        if argument.shape != "scalar" and argument.meaning is not None:
            written = argument.meaning.indices
            written = written if OPEN_INDEX in written else (*written, OPEN_INDEX)
            whole = Meaning(argument.meaning.name, tuple(index if one == OPEN_INDEX else one for one in written))
            self.accesses.append(whole)
            argument = self.piece(str(whole), node)
        return self.joined([f"{name}(", self.piece(index, script or symbol.node), ", ", argument, ")"], node, ATOM)

    def _free_index(self, arguments: list[Piece], node: Syntax) -> str:
        """Return the one index that the arguments have."""
        meanings = [piece.meaning for piece in arguments]
        if any(meaning is None for meaning in meanings):
            raise self.refuse("which index it is taken over is not written", node, "Write softmax_k(...).")
        indices = dict.fromkeys(index for meaning in meanings if meaning is not None for index in meaning.indices)
        if len(indices) == 1:
            return next(iter(indices))
        raise self.refuse(
            "it can be taken over several indices" if indices else "it has no index to be taken over",
            node,
            both(f"softmax_{{{index}}}" for index in indices) if indices else None,
        )

    # Sums, products, extrema.

    def _reduction(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        """Return ``\\sum_{i=1}^{n}`` and what it reaches over."""
        node = items[place][1]
        base = _base(node)
        name = base.value[1]
        scripts = dict(zip(node.value, node.parts[1:], strict=True)) if node.kind == "scripted" else {}
        if place + 1 == len(items):
            raise self.refuse(f"'{self.written(node)}' has nothing to reach over", node)
        if items[place + 1][0] != "":
            raise self.refuse("an operator follows where something to sum is due", items[place + 1][1])
        lower, upper = scripts.get("sub"), scripts.get("sup")
        if lower is None:
            raise self.refuse(
                f"the index of '{self.written(node)}' is not written", node, f"Write {self.written(base)}_{{i}}."
            )
        indices, conditions = self._bound(lower, upper, node)
        before = len(self.accesses)
        rest = items[place + 1 :]
        body = self.product([("", rest[0][1]), *rest[1:]], Syntax("product", [], [], rest[0][1].start, rest[-1][1].end))
        if name in ("max", "min", "argmax", "argmin") and len(rest) > 1:
            # It reaches as far as its index does: \\max_i w_i x_i; whether over what follows, nobody knows.
            bound = {index for index, _, _, _ in indices}
            last = len(self.accesses)
            self.unit(rest, len(rest) - 1)
            if not any(bound.intersection(meaning.indices) for meaning in self.accesses[last:]):
                raise self.refuse(
                    f"how far '{self.written(node)}' reaches can be read in two ways", node, "Write it in brackets."
                )
        if conditions:
            neutral = {"sum": "0", "prod": "1"}.get(name)
            if neutral is None:
                raise self.refuse("a condition below an extremum is not read", lower)
            tests: list[Piece | str] = []
            for count, condition in enumerate(conditions):
                tests.extend([" and ", condition] if count else [condition])
            body = self.joined(["where(", *tests, ", ", body, f", {neutral})"], node, ATOM)
        pieces: list[Piece | str] = [f"{name}("]
        for index, low, high, where in indices:
            limits = self._limits(index, low, high, where, before)
            pieces.extend([self.piece(index, where), *limits, ", "])
        return self.joined([*pieces, body, ")"], node, ATOM, body.shape), len(items)

    def _bound(
        self, lower: Syntax, upper: Syntax | None, node: Syntax
    ) -> tuple[list[tuple[str, Piece | None, Piece | None, Syntax]], list[Piece]]:
        """Return the indices of a reduction with their limits, and the conditions below its sign."""
        found: list[tuple[str, Piece | None, Piece | None, Syntax]] = []
        conditions: list[Piece] = []
        parts = _script_list(lower)
        for part in parts:
            if part.kind == "range":
                relation, last = part.parts
                if relation.kind != "relation" or relation.value != ["="]:
                    raise self.refuse("this is no range", part)
                name = self._index_name(relation.parts[0])
                found.append((name, self.index(relation.parts[1]), self.index(last), part))
            elif part.kind == "relation" and part.value == ["="] and not found:
                name = self._index_name(part.parts[0])
                if upper is None:
                    raise self.refuse("a sum that starts needs an end", part, "Write the upper limit, or \\sum_i.")
                found.append((name, self.index(part.parts[1]), self.index(upper), part))
                upper = None
            elif part.kind == "relation" and part.value == ["<=", "<="]:
                name = self._index_name(part.parts[1])
                found.append((name, self.index(part.parts[0]), self.index(part.parts[2]), part))
            elif part.kind in ("relation", "junction"):
                if part.kind == "relation" and "in" in part.value:
                    raise self.refuse("sums over a set are not read", part, "Write the limits of the index.")
                if not found:
                    found.append((self._index_name(part.parts[0]), None, None, part))
                conditions.append(self._index_condition(part))
            else:
                for item in self.items(part):
                    atoms = _index_words(item, self.names)
                    if not atoms or any(atom.isdigit() for atom in atoms):
                        raise self.refuse("this is no index", part, "Write \\sum_{i}, or \\sum_{i=1}^{n}.")
                    found.extend((atom, None, None, part) for atom in atoms)
        if upper is not None:
            raise self.refuse("an upper limit needs a lower one", upper, "Write \\sum_{i=1}^{n}.")
        if not found:
            raise self.refuse("a sum needs an index", node)
        self.indices.update(index for index, _, _, _ in found)
        return found, conditions

    def _index_condition(self, node: Syntax) -> Piece:
        if node.kind == "junction":
            return self.condition(node)
        pieces: list[Piece | str] = [self.index(node.parts[0])]
        for operator, part in zip(node.value, node.parts[1:], strict=True):
            if operator not in _COMPARISONS:
                raise self.refuse(f"'{operator}' is no comparison", node)
            pieces.extend([f" {_COMPARISONS[operator]} ", self.index(part)])
        return self.joined(pieces, node, _CONDITION)

    def _index_name(self, node: Syntax) -> str:
        atoms = self._atoms(node)
        if atoms is None or len(atoms) != 1 or atoms[0].isdigit():
            raise self.refuse("this is no index", node, "Write \\sum_{i}, or \\sum_{i=1}^{n}.")
        name = atoms[0]
        if name in self.names.ranks:
            raise self.refuse(f"'{name}' is a quantity and not an index", node)
        return name

    def _limits(
        self, index: str, low: Piece | None, high: Piece | None, node: Syntax, before: int
    ) -> list[Piece | str]:
        """Return `` = 1..n``; an unknown n stands for the whole range where the lower limit is that of the axis."""
        if low is None or high is None:
            return []
        words = re.findall(r"[^\W\d]\w*", high.text)
        unknown = [word for word in words if not self._is_limit_name(word)]
        if not unknown:
            return [" = ", low, "..", high]
        known = [limits for limits in (self._axis_of(index, before), self.names.limits.get(index)) if limits]
        if high.text == unknown[0] and known and all(low.text == limits[0] for limits in known):
            self.notes.append(f"{high.text} is read as {known[0][1]}, the last value of {index}")
            return []
        if not self.names.ranges:
            return [" = ", low, "..", high]  # in the text of a network, a new size
        raise self.refuse(
            f"'{unknown[0]}' is no size of the network",
            node,
            f"Its sizes are {', '.join(sorted(self.names.sizes))}." if self.names.sizes else "Write \\sum_i.",
        )

    def _is_limit_name(self, word: str) -> bool:
        known = word in self.names.sizes or word in self.names.layered or word in self.names.limits
        return known or word in self.indices or word == "floor" or self.names.ranks.get(word) == 0

    def _axis_of(self, index: str, before: int) -> tuple[str, str] | None:
        for meaning in self.accesses[before:]:
            ranges = self.names.ranges.get(meaning.name)
            if ranges and index in meaning.indices and len(ranges) == len(meaning.indices):
                return ranges[meaning.indices.index(index)]
        return None

    def _indicator(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        """Return ``[condition]`` for ``\\mathbb{1}[condition]`` and ``\\mathbb{1}_{condition}``."""
        node = items[place][1]
        if node.kind == "scripted" and node.value == ["sub"]:
            parts = _script_list(node.parts[1])
            if len(parts) == 1:
                condition = parts[0]
                if condition.kind == "bracket" and len(condition.parts) == 1:
                    condition = condition.parts[0]
                return self.joined(["[", self.condition(condition), "]"], node, ATOM), place + 1
        if place + 1 < len(items) and items[place + 1][0] == "":
            following = items[place + 1][1]
            inside = following.parts[0] if following.kind == "bracket" and len(following.parts) == 1 else following
            if inside.kind in ("relation", "junction"):
                return self.joined(["[", self.condition(inside), "]"], node, ATOM), place + 2
        return self._ones(node), place + 1

    def _ones(self, node: Syntax) -> Piece:
        r"""Return ``ones(N)`` for ``\mathbf{1}_N``; without a length, it is left open."""
        length, transposed = OPEN_LENGTH, False
        scripts = zip(node.value, node.parts[1:], strict=True) if node.kind == "scripted" else ()
        for kind, script in scripts:
            if kind == "sub" and length == OPEN_LENGTH:
                length = self.index(script).text
            elif (kind == "sup" and _mark_of(script) == "top") or self.written(script).strip("{}") == "T":
                transposed = True
            else:
                raise self.refuse("the condition of this 1 is not written", node, "Write \\mathbb{1}[i = j].")
        if length in self.names.limits:
            raise self.refuse("the condition of this 1 is not written", node, "Write \\mathbb{1}[i = j].")
        text = f"ones({length})" + ".T" * transposed
        return self.piece(text, node, ATOM, shape="row" if transposed else "column")

    def _with_lengths(self, factors: list[tuple[str, Piece, Syntax]]) -> list[tuple[str, Piece, Syntax]]:
        """Return factors in which a vector of ones is as long as the array that it is multiplied by."""
        result = list(factors)
        for place, (operator, piece, where) in enumerate(factors):
            if OPEN_LENGTH not in piece.text:
                continue
            after = piece.shape == "row"
            other = place + 1 if after else place - 1
            length = self._length(factors[other][1], after) if 0 <= other < len(factors) else None
            if length is not None:
                text = piece.text.replace(OPEN_LENGTH, length)
                result[place] = (operator, self.piece(text, where, ATOM, shape=piece.shape), where)
        return result

    def _length(self, piece: Piece, first: bool) -> str | None:
        """Return how long an array is, along its first axis or its last."""
        if piece.shape == "scalar":
            return None
        for match in re.finditer(r"([^\W\d]\w*)(\.T)?(?![\w\[(])", piece.text):
            ranges = self.names.ranges.get(match[1])
            if ranges:
                low, high = ranges[0 if first != bool(match[2]) else -1]
                return high if low == "1" else f"{high} - {low} + 1"
        return None

    # Derivatives.

    def _differential(self, node: Syntax) -> int:
        r"""Return the order if a numerator or denominator begins with ``\partial`` or d, else 0."""
        inner = node
        while inner.kind == "braced" and len(inner.parts) == 1:
            inner = inner.parts[0]
        first = inner.parts[0] if inner.kind == "product" else inner
        base = _base(first)
        if base.kind != "symbol" or base.value[1] != "d" or base.value[0] not in ("PARTIAL", "LETTER"):
            return 0
        if base.value[0] == "LETTER":
            if self.names.ranks.get("d") == 0:
                return 0
            if inner.kind == "product" and len(inner.parts) > 1 and inner.value[1] != "":
                return 0
        if first.kind == "scripted":
            if first.value != ["sup"]:
                return 0
            order = self.written(first.parts[1]).strip("{}")
            return int(order) if order.isdigit() and 0 < int(order) < 10 else 0
        return 1

    def _after_differential(self, node: Syntax) -> list[tuple[str, Syntax]]:
        inner = node
        while inner.kind == "braced" and len(inner.parts) == 1:
            inner = inner.parts[0]
        if inner.kind != "product":
            return []
        return list(zip(inner.value, inner.parts, strict=True))[1:]

    def _is_operator(self, node: Syntax) -> bool:
        above, below = node.parts
        return bool(self._differential(above) and self._differential(below) and not self._after_differential(above))

    def _operator(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        r"""Return the derivative that ``\frac{\partial}{\partial x}`` takes of what follows."""
        node = items[place][1]
        rest = items[place + 1 :]
        if not rest or rest[0][0] != "":
            raise self.refuse("there is nothing to differentiate", node)
        if rest[0][1].kind == "bracket" and len(rest) > 1:
            first = self.written(rest[0][1])
            raise Refused(
                f"how far '{self.written(node)}' reaches can be read in two ways",
                node.start,
                rest[-1][1].end,
                f"It may end after {first}, or not. Put brackets around the derivative, or around all that follows it.",
            )
        numerator = [("", rest[0][1]), *rest[1:]]
        if numerator[0][1].kind == "bracket" and len(numerator[0][1].parts) == 1:
            numerator = [("", Syntax("braced", None, numerator[0][1].parts, rest[0][1].start, rest[0][1].end))]
        span = Syntax("product", [], [], node.start, rest[-1][1].end)
        return self.derivative(numerator, node.parts[1], span, node.parts[0]), len(items)

    def derivative(self, numerator: list[tuple[str, Syntax]], below: Syntax, node: Syntax, above: Syntax) -> Piece:
        """Return ``D(U, V)``, the derivative of a quantity by a quantity."""
        variables = self._variables(below)
        if self._differential(above) != len(variables):
            raise self.refuse("the orders above and below differ", node)
        if len(numerator) == 1 and len(variables) == 1:
            alone = self._function_alone(numerator[0][1])
            if alone:
                return self.joined([self.piece(f"{alone}'", numerator[0][1]), "(", variables[0], ")"], node, ATOM)
        first = Syntax("product", [], [], numerator[0][1].start, numerator[-1][1].end)
        if len(numerator) == 1 and numerator[0][1].kind == "braced":
            of = self._braced(numerator[0][1])
        else:
            of = self.product([("", numerator[0][1]), *numerator[1:]], first)
        for variable in reversed(variables):
            of = self._derived(of, variable, node)
        return of

    def _function_alone(self, node: Syntax) -> str:
        r"""Return the function that stands without argument in ``\frac{d\sigma}{dz}``, or nothing."""
        if node.kind != "symbol" or node.value[0] not in ("LETTER", "WORD"):
            return ""
        return _function_name(node.value[1], self.names)

    def _derived(self, of: Piece, by: Piece, node: Syntax) -> Piece:
        if of.meaning is not None or of.text.startswith("D("):
            return self.joined(["D(", of, ", ", by, ")"], node, ATOM, by.shape if of.shape == "scalar" else "matrix")
        assert by.meaning is not None
        read = re.findall(r"[^\W\d]\w*", of.text)
        hidden = [
            name for name in read
            if name != by.meaning.name and by.meaning.name in self.names.reads.get(name, frozenset())
        ]  # fmt: skip
        if hidden:
            raise self.refuse(
                f"the expression depends on {by.text} through {hidden[0]} too",
                node,
                "Give the expression a name on a line of its own, and differentiate that.",
            )
        return self.joined(["diff(", of, ", ", by, ")"], node, ATOM)

    def _variables(self, below: Syntax) -> list[Piece]:
        r"""Return the quantities below: ``\partial x``, ``\partial x^2``, ``\partial x \partial y``."""
        inner = below
        while inner.kind == "braced" and len(inner.parts) == 1:
            inner = inner.parts[0]
        items = list(zip(inner.value, inner.parts, strict=True)) if inner.kind == "product" else [("", inner)]
        groups: list[list[tuple[str, Syntax]]] = []
        for operator, part in items:
            base = _base(part)
            is_mark = base.kind == "symbol" and base.value[1] == "d" and base.value[0] in ("PARTIAL", "LETTER")
            if is_mark and (base.value[0] == "PARTIAL" or not groups or groups[-1]):
                groups.append([])
                continue
            groups[-1].append((operator, part))
        found: list[Piece] = []
        for group in groups:
            if not group:
                raise self.refuse("by what is differentiated is not written", below)
            order = 1
            last = group[-1][1]
            if last.kind == "scripted" and last.value[-1] == "sup" and self._differential_order(last):
                order = self._differential_order(last)
                stripped = Syntax("scripted", last.value[:-1], last.parts[:-1], last.start, last.end)
                group = [*group[:-1], (group[-1][0], stripped if last.value[:-1] else last.parts[0])]
            span = Syntax("product", [], [], group[0][1].start, group[-1][1].end)
            piece = self.product([("", group[0][1]), *group[1:]], span)
            if piece.meaning is None:
                raise self.refuse("a derivative is taken by a quantity", span, "Write \\partial w_{ij} below.")
            found.extend([piece] * order)
        return found

    def _differential_order(self, node: Syntax) -> int:
        """Return the order in ``\\partial x^2``, where x with this superscript is no name or layer."""
        text = self.written(node.parts[-1]).strip("{}")
        if not text.isdigit() or not 1 < int(text) < 5:
            return 0
        symbol = self.symbol(node)
        if any(self._is_exact(one) for item, _, _ in symbol.layers for one in
               self.names.meanings(symbol.stem, symbol.items, item)):  # fmt: skip
            return 0
        return int(text)

    def _is_differential(self, items: list[tuple[str, Syntax]], place: int) -> bool:
        """Whether a letter d begins ``dJ/dw``."""
        if self.names.ranks.get("d") == 0 or items[place][1].kind != "symbol" or place + 3 >= len(items):
            return False
        slashes = [at for at in range(place + 1, len(items)) if items[at][0] == "/"]
        return bool(slashes) and _base(items[slashes[0]][1]).value == ("LETTER", "d") and slashes[0] > place + 1

    def _inline_derivative(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        r"""Return the derivative that ``\partial J / \partial w_{ij}`` or ``dJ/dw`` writes on one line."""
        node = items[place][1]
        slash = next((at for at in range(place + 1, len(items)) if items[at][0] == "/"), None)
        marks = [
            at
            for at in range(place + 1, len(items))
            if _base(items[at][1]).kind == "symbol" and _base(items[at][1]).value[1] == "d"
        ]
        if slash is None or slash not in marks or marks[0] != slash or slash + 1 >= len(items):
            raise self.refuse(
                f"'{self.written(node)}' stands alone", node, "A derivative is \\frac{\\partial J}{\\partial w}."
            )
        numerator = items[place + 1 : slash]
        if not numerator:
            raise self.refuse("there is nothing to differentiate", node)
        by, stop = self.unit(items, slash + 1)
        if by.meaning is None:
            raise self.refuse("a derivative is taken by a quantity", items[slash + 1][1])
        span = Syntax("product", [], [], node.start, items[stop - 1][1].end)
        of = self.product([("", numerator[0][1]), *numerator[1:]], span)
        return self._derived(of, by, span), stop

    def _gradient(self, items: list[tuple[str, Syntax]], place: int) -> tuple[Piece, int]:
        r"""Return ``D(J, w)`` for ``\nabla_w J``."""
        node = items[place][1]
        if node.kind != "scripted" or node.value != ["sub"]:
            raise self.refuse("by what the gradient is taken is not written", node, "Write \\nabla_{w} J.")
        script = node.parts[1]
        while script.kind == "braced" and len(script.parts) == 1:
            script = script.parts[0]
        by = self.write(script)
        if place + 1 >= len(items) or items[place + 1][0] != "" or by.meaning is None:
            raise self.refuse("of what the gradient is taken is not written", node, "Write \\nabla_{w} J.")
        of, stop = self.unit(items, place + 1)
        if of.meaning is None:
            raise self.refuse("a gradient is taken of a quantity", items[place + 1][1], "Give the expression a name.")
        shape = "scalar" if by.shape == "scalar" else by.shape
        span = Syntax("product", [], [], node.start, items[stop - 1][1].end)
        return self.joined(["D(", of, ", ", by, ")"], span, ATOM, shape), stop


# Reading the shape of a formula.


def _whole_of(piece: Piece) -> Meaning | None:
    """Return the name of a vector that is written alone, transposed or not."""
    match = re.fullmatch(r"([^\W\d]\w*)(?:\.T)?", piece.text)
    return Meaning(match[1]) if match else None


def _base(node: Syntax) -> Syntax:
    """Return what carries the scripts, without braces that only group a single thing."""
    inner = node.parts[0] if node.kind == "scripted" else node
    while _is_single(inner):
        inner = inner.parts[0]
    return inner


def _is_single(node: Syntax) -> bool:
    """Whether braces or a product hold one letter or one accent alone, as in ``{\\bf W}``."""
    if node.kind == "braced" and len(node.parts) == 1:
        inner = node.parts[0]
        while inner.kind == "product" and len(inner.parts) == 1:
            inner = inner.parts[0]
        return inner.kind in ("symbol", "accent", "braced")
    return node.kind == "product" and len(node.parts) == 1


def _is_decorated(symbol: Symbol) -> bool:
    return symbol.stem.rpartition("_")[2] in DECORATIONS


def _inside_brackets(node: Syntax) -> Syntax | None:
    """Return the name that stands alone in brackets, or None."""
    if node.kind not in ("bracket", "braced") or len(node.parts) != 1 or node.value not in ("()", "[]", None):
        return None
    inner = node.parts[0]
    while inner.kind in ("product", "braced") and len(inner.parts) == 1:
        inner = inner.parts[0]
    base = _base(inner)
    return inner if base.kind == "symbol" and base.value[0] in ("LETTER", "WORD") else None


def _has(node: Syntax, kind: str) -> bool:
    return node.kind == "scripted" and kind in node.value


def _is_big(node: Syntax) -> bool:
    base = _base(node)
    return base.kind == "symbol" and base.value[0] == "BIG"


def _is_iverson(node: Syntax) -> bool:
    return (
        node.kind == "bracket"
        and node.value in ("[]", "{}")
        and len(node.parts) == 1
        and node.parts[0].kind in ("relation", "junction")
    )


def _is_guard(items: list[tuple[str, Syntax]], place: int) -> bool:
    """Whether a term begins with a condition in brackets, and nothing is divided by it."""
    base = _base(items[place][1])
    is_condition = items[place][1] is base and (_is_iverson(base) or base.value == ("INDICATOR", "1"))
    return is_condition and all(operator != "/" for operator, _ in items[place + 1 :])


def _between_brackets(piece: Piece) -> list[Piece | str]:
    return [Piece(piece.text[1:-1], piece.places[1:-1], _CONDITION)]


def _mark_of(node: Syntax) -> str:
    inner = node
    while inner.kind in ("braced", "product") and len(inner.parts) == 1:
        inner = inner.parts[0]
    if inner.kind == "symbol" and inner.value[0] in ("MARK", "PLUS", "MINUS"):
        return str(inner.value[1])
    if inner.kind in ("braced", "product") and inner.parts and all(_mark_of(part) == "prime" for part in inner.parts):
        return "prime" * len(inner.parts)
    return ""


def _word_of(node: Syntax) -> str:
    inner = node
    while inner.kind in ("braced", "product") and len(inner.parts) == 1:
        inner = inner.parts[0]
    if inner.kind == "product" and all(part.kind == "symbol" for part in inner.parts):
        return "".join(str(part.value[1]) for part in inner.parts)
    return str(inner.value[1]) if inner.kind == "symbol" else ""


def _letter_of(node: Syntax) -> str:
    if node.kind == "number":
        return str(node.value)
    return str(node.value[1]) if node.kind == "symbol" else ""


def _renamed(node: Syntax, word: str, start: int) -> Syntax:
    """Return a symbol whose letter is a whole word."""
    base = _base(node)
    symbol = Syntax("symbol", ("WORD", word), [], start, base.end)
    if node.kind != "scripted":
        return symbol
    return Syntax("scripted", node.value, [symbol, *node.parts[1:]], start, node.end)


def _digits(node: Syntax) -> bool:
    return all(part.kind == "number" and part.value.isdigit() for part in node.parts) or any(
        part.kind == "symbol" for part in node.parts
    )


def _is_transpose(node: Syntax, names: Names) -> bool:
    if _mark_of(node) == "top":
        return True
    return _word_of(node) == "T" and "T" not in names.ranks


def _script_parts(node: Syntax) -> list[Syntax]:
    """Return what stands side by side in a superscript: ``(l)`` and ``\\top``."""
    inner = node
    while inner.kind in ("braced", "product") and len(inner.parts) == 1:
        inner = inner.parts[0]
    if inner.kind == "product" and all(operator == "" for operator in inner.value):
        special = [part for part in inner.parts if part.kind == "bracket" or _mark_of(part)]
        if special:
            return list(inner.parts)
    if inner.kind == "scripted" and _base(inner).kind == "bracket" and all(
        _mark_of(part) for part in inner.parts[1:]
    ):  # fmt: skip
        return list(inner.parts)
    return [inner]


def _script_list(node: Syntax) -> list[Syntax]:
    """Return the parts between commas, without braces around them; rows of ``\\substack`` count as parts."""
    if node.kind == "braced":
        return [inner for part in node.parts for inner in _script_list(part)]
    if node.kind == "product" and len(node.parts) == 1 and node.parts[0].kind == "braced":
        return _script_list(node.parts[0])
    return [node]


def _index_words(item: Item, names: Names) -> list[str]:
    """Return the indices in ``ij`` below a sum."""
    if not item.atoms:
        return []
    if names.is_index(item.label) or len(item.atoms) == 1:
        return [item.label]
    return list(item.atoms) if all(names.may_index(atom) for atom in item.atoms) else []


def _function_name(stem: str, names: Names) -> str:
    """Return the name of the function that a letter or word is, or nothing."""
    if stem in names.ranks:
        return ""
    if stem in names.functions:
        return stem
    if not is_known_function(stem):
        return ""
    renamed = _FUNCTION_NAMES.get(stem, stem)
    known = renamed in FUNCTIONS or renamed in ALIASES or renamed in LOSSES
    return (
        renamed if known or (renamed != renamed.lower() and not is_known_function(renamed.lower())) else renamed.lower()
    )


def _complements(first: str, second: str) -> bool:
    """Whether one of two conditions holds wherever the other does not."""
    left, right = (re.fullmatch(r"(.+?) (==|!=|<=|>=|<|>) (.+)", text) for text in (first, second))
    if left is None or right is None:
        return False
    opposite = _OPPOSITE[left[2]]
    return (left[1], opposite, left[3]) in ((right[1], right[2], right[3]), (right[3], _TURNED[right[2]], right[1]))


def _shape_of_rank(rank: int) -> str:
    return "scalar" if rank <= 0 else "column" if rank == 1 else "matrix"


def _product_shape(left: str, right: str) -> str:
    rows = {"column": "n", "matrix": "n", "row": "1"}[left]
    columns = {"column": "1", "matrix": "n", "row": "n"}[right]
    return {"11": "scalar", "n1": "column", "1n": "row", "nn": "matrix"}[rows + columns]
