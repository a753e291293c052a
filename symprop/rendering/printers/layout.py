"""Expressions as boxes: how an expression looks on paper, decided once for every language of pages.

`Typesetter` chooses fractions, brackets, Greek letters, decorated names and limits of sums; `latex` and `html` only
spell its boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction as Rational
from typing import Any

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Derivative,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    negative,
    number,
    stem_of,
)
from symprop.algebra.indices import at_least
from symprop.algebra.writer import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    as_limited_softmax,
    as_softmax,
    defaults_of,
    is_negative,
    split_fraction,
)
from symprop.declaration.network import Network
from symprop.declaration.quantity import Axis
from symprop.rendering.document import is_below
from symprop.rendering.matrix import Elementwise, ElementwisePower, MatrixProduct, Total, Transpose
from symprop.rendering.printers.boxes import (
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
    digits,
    height,
    width,
)

_GREEK_NAMES = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
)
GREEK: dict[str, str] = dict(zip(_GREEK_NAMES, "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True))
ACCENTS = ("bar", "hat", "tilde", "dot", "vec")
_SUPERSCRIPTS = {"star": Mark("*", "∗", "letter"), "prime": Mark(r"\prime", "′", "letter")}
_COMMA = Mark(",", ",", "punctuation")


@dataclass(frozen=True)
class Names:
    """The names that a page uses: what keeps ``z1`` and ``z[1]`` apart.

    Attributes
    ----------
    axes : mapping of str to tuple of Axis
        Quantities that have indices, with their ranges.
    indices : frozenset of str
        Index names.
    all : frozenset of str
        Every name.
    """

    axes: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    indices: frozenset[str] = frozenset()
    all: frozenset[str] = frozenset()

    @classmethod
    def of(cls, network: Network) -> Names:
        """Return the names of a network."""
        axes = {quantity.name: quantity.axes for quantity in network.quantities.values() if quantity.axes}
        indices = frozenset(index.name for index in network.indices)
        return cls(axes, indices, indices | frozenset(network.quantities) | frozenset(network.sizes))

    def may_split(self, stem: str, subscript: str) -> bool:
        """Whether ``z1`` may be written with its digits as a subscript: not if that would read as ``z[1]``."""
        axes = self.axes.get(stem, ())
        if not axes or not subscript.isdigit():
            return True  # letters of a name are upright where an index could be meant
        if len(axes) > 1:
            return len(subscript) != len(axes)
        value = number(int(subscript))
        return at_least(axes[0].lower - ONE, value) or at_least(value - ONE, axes[0].upper)

    def may_be_index(self, stem: str, subscript: str) -> bool:
        """Whether letters below a stem would be read as its indices."""
        return stem in self.axes and all(letter in self.indices for letter in subscript)


def letters(name: str) -> Mark:
    """Return a stem without digits or decorations: Greek by its letter, several letters upright."""
    if name in GREEK:
        return Mark(f"\\{name}", GREEK[name], "letter")
    if len(name) == 1:
        return Mark(name, name, "letter")
    return upright(name)


def upright(name: str) -> Mark:
    """Return a word in upright letters."""
    escaped = name.replace("_", r"\_")
    return Mark(f"\\mathrm{{{escaped}}}" if name.isascii() else f"\\text{{{escaped}}}", name, "upright")


def _unsplit(name: str, stem: str) -> Mark:
    """Return a name that must stay in one piece; a Greek stem is its letter all the same."""
    if stem not in GREEK or name == stem:
        return upright(name)
    rest = upright(name[len(stem) :])
    return Mark(f"{{\\{stem}{rest.latex}}}", GREEK[stem] + rest.unicode, "upright")


def words(text: str) -> Mark:
    """Return running text inside a formula."""
    return Mark(f"\\text{{{text}}}", text, "words")


_TRIGONOMETRIC = ("sin", "cos", "tan", "sec", "csc", "cot")
_HYPERBOLIC = ("sinh", "cosh", "tanh", "sech", "csch", "coth")

# Functions whose powers stand on the name.
_POWERS_ON_THE_NAME = frozenset((*_TRIGONOMETRIC, *_HYPERBOLIC))

# Functions that LaTeX has a command for, and those that print under another name.
_COMMANDS = {
    **{name: name for name in (*_TRIGONOMETRIC, "sinh", "cosh", "tanh", "coth", "log", "max", "min")},
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
}
_RENAMED = {
    "relu": "ReLU",
    "trace": "tr",
    "asec": "arcsec",
    "acsc": "arccsc",
    "acot": "arccot",
    **{f"a{name}": f"ar{name}" for name in _HYPERBOLIC},
}

_PLUS = Mark("+", "+", "binary")
_MINUS = Mark("-", "−", "binary")
_MINUS_SIGN = Mark("-", "−", "sign")
_RELATIONS = {
    "=": Mark("=", "=", "relation"),
    "+=": Mark(r"\mathrel{+}=", "+=", "relation"),
    "==": Mark("=", "=", "relation"),
    "!=": Mark(r"\ne", "≠", "relation"),
    "<": Mark("<", "<", "relation"),
    "<=": Mark(r"\le", "≤", "relation"),
    ">": Mark(">", ">", "relation"),
    ">=": Mark(r"\ge", "≥", "relation"),
    "divides": Mark(r"\mid", "∣", "relation"),
}
_JOINS = {"and": Mark(r"\land", "∧", "binary"), "or": Mark(r"\lor", "∨", "binary")}
_NOT = Mark(r"\lnot", "¬", "sign")
_ODOT = Mark(r"\odot", "⊙", "binary")
_TIMES = Mark(r"\times", "×", "binary")
_TOP = Mark(r"\top", "⊤", "letter")
_PARTIAL = Mark(r"\partial", "∂", "letter")
_EULER = Mark(r"\mathrm{e}", "e", "upright")
_SUM_SIGNS = {"sum": Mark(r"\sum", "∑", "sign"), "prod": Mark(r"\prod", "∏", "sign")}
_DOTS = Mark(r"\dots", "…", "letter")

# An exponent wider than this many em, or taller than a line, is written exp(...).
_WIDEST_EXPONENT = 5.0

# A decimal with more places is written as a power of ten or as a fraction.
_MOST_PLACES = 4


def relation(sign: str) -> Mark:
    """Return the mark of ``=``, ``+=`` or a comparison."""
    return _RELATIONS[sign]


class Typesetter:
    """Turns expressions into boxes. Binding strengths are those of the infix writer."""

    def __init__(self, names: Names | None = None) -> None:
        self.names = names or Names()

    def box(self, expr: Expr) -> Box:
        """Return an expression as it stands alone on a line."""
        return self._set(expr)[0]

    def range(self, bound: Bound) -> Box:
        """Return ``j = 0, ..., H``."""
        limits = (self.box(bound.lower), _COMMA, _DOTS, _COMMA, self.box(bound.upper))
        return Row((self.box(bound.index), relation("="), *limits))

    def shape(self, extents: tuple[Expr, ...]) -> Box:
        """Return ``(H x D)``."""
        parts: list[Box] = []
        for size in extents:
            parts.extend(([_TIMES] if parts else []) + [self.inside(size, PRODUCT if len(extents) > 1 else SUM)])
        return Fence("()", Row(tuple(parts)))

    def _set(self, expr: Expr) -> tuple[Box, int]:
        method: Callable[[Any], tuple[Box, int]] = getattr(self, f"_set_{type(expr).__name__}")
        return method(expr)

    def inside(self, expr: Expr, strength: int) -> Box:
        """Return an operand, in brackets if it binds more weakly than its place asks for."""
        if isinstance(expr, Where) and expr.otherwise is ZERO and expr.then is not ONE and strength <= PRODUCT:
            # A value or nothing, inside a sum: [condition] times the value, which is 0 whatever the value is.
            return Product((Fence("[]", self.box(expr.condition)), *_factors_of(self.inside(expr.then, PRODUCT))))
        box, own = self._set(expr)
        return box if own >= strength else Fence("()", box)

    # Leaves.

    def _set_Number(self, expr: Number) -> tuple[Box, int]:
        value = abs(expr.value)
        sign: tuple[Box, ...] = (_MINUS_SIGN,) if expr.value < 0 else ()
        box, strength = _unsigned(value)
        return (Row((*sign, box)), SUM) if sign else (box, strength)

    def _set_Constant(self, expr: Constant) -> tuple[Box, int]:
        return (_EULER if expr.name == "E" else Mark(r"\pi", "π", "letter")), ATOM

    def _set_Index(self, expr: Index) -> tuple[Box, int]:
        stem = stem_of(expr)
        if stem == expr.name:
            return self.name(expr.name, ()), ATOM
        count = int(expr.name[len(stem) + 1 :])
        base = self.name(stem, ())
        if not isinstance(base, Mark):
            return self.name(expr.name, ()), ATOM
        return Mark(base.latex + "'" * count, base.unicode + "′" * count, base.kind), ATOM

    def _set_Size(self, expr: Size) -> tuple[Box, int]:
        name = self.name(expr.name, ())
        if not expr.arguments:
            return name, ATOM
        return Row((name, Fence("()", self._arguments(expr.arguments)))), ATOM

    def _set_Access(self, expr: Access) -> tuple[Box, int]:
        box = self.name(expr.name, expr.indices)
        return box, POWER if isinstance(box, Scripts) and box.above is not None else ATOM

    def name(self, name: str, indices: tuple[Expr, ...]) -> Box:
        """Return a name with its decorations, its own subscript and its indices: ``z1_bar[j]`` is z with a bar and
        the subscript 1,j."""
        stem, *tails = name.split("_")
        if not stem or not all(tails) or (name == "pi" and not indices):
            return self._with_subscript(upright(name), [], indices, None)
        above: Box | None = next((_SUPERSCRIPTS[tail] for tail in tails if tail in _SUPERSCRIPTS), None)
        last = tails[-1].rstrip("0123456789") if tails else ""
        if last in ("bar", "dot") and last != tails[-1]:  # a second adjoint, as the first has the name
            above = Fence("()", digits(tails[-1][len(last) :]))
            tails[-1] = last
        accents = [tail for tail in tails if tail in ACCENTS]
        tails = [tail for tail in tails if tail not in ACCENTS and tail not in _SUPERSCRIPTS]
        bare = "_".join([stem, *tails])
        letters_only = stem.rstrip("0123456789")
        tail = stem[len(letters_only) :]
        subscripts = [*([tail] if tail else []), *tails]
        split = letters_only.isalpha() and all(self.names.may_split(letters_only, part) for part in subscripts)
        if tail and split and f"{letters_only}_{tail}" in self.names.all:
            split = False  # z1 and z_1 are two names
        base: Box = letters(letters_only) if split else _unsplit(bare, letters_only)
        for accent in accents:
            base = Accent(accent, base)
        below = [self._below(letters_only, part) for part in subscripts] if split else []
        return self._with_subscript(base, below, indices, above)

    def _below(self, stem: str, part: str) -> Box:
        """Return a part of a name as a subscript; upright if its letters would be read as indices."""
        if part.isdigit():
            return digits(part)
        return upright(part) if self.names.may_be_index(stem, part) else letters(part)

    def _with_subscript(self, base: Box, below: list[Box], indices: tuple[Expr, ...], above: Box | None) -> Box:
        set_indices = [self.box(index) for index in indices]
        close = all(isinstance(box, Mark) and box.kind == "letter" for box in set_indices)
        together = [Row(tuple(set_indices))] if close and len(set_indices) > 1 else set_indices
        parts: list[Box] = []
        for part in (*below, *together):
            parts.extend(([_COMMA] if parts else []) + [part])
        if not parts:
            return Scripts(base, None, above) if above else base
        return Scripts(base, parts[0] if len(parts) == 1 else Row(tuple(parts)), above)

    # Arithmetic.

    def _set_Add(self, expr: Add) -> tuple[Box, int]:
        parts: list[Box] = [self.inside(expr.terms[0], SUM)]
        for term in expr.terms[1:]:
            minus = is_negative(term)
            parts.append(_MINUS if minus else _PLUS)
            parts.append(self.inside(negative(term) if minus else term, PRODUCT))
        return Row(tuple(_flat(parts))), SUM

    def _set_Mul(self, expr: Mul | Power) -> tuple[Box, int]:
        sign, parts = split_fraction(expr)
        boxes: list[Box] = []
        first = expr.factors[0] if isinstance(expr, Mul) else expr
        position = 0
        if isinstance(first, Number) and first.value.denominator % 10 == 0 and sum(below for _, below in parts) == 1:
            # A decimal stays one: 0.1 x, not x over 10.
            decimal, strength = _unsigned(abs(first.value))
            boxes.append(decimal if strength >= POWER else Fence("()", decimal))
            parts = [(factor, False) for factor in expr.children if factor is not first]
        while position < len(parts):
            above, position = _run(parts, position, False)
            below, position = _run(parts, position, True)
            boxes.extend(self._quotient(above, below, position == len(parts)))
        box = boxes[0] if len(boxes) == 1 else Product(tuple(boxes))
        if sign < 0:
            return Row((_MINUS_SIGN, *_flat([box]))), SUM
        return box, PRODUCT if len(boxes) > 1 or isinstance(box, Big) else POWER

    def _quotient(self, above: list[Expr], below: list[Expr], at_end: bool) -> list[Box]:
        """Return ``above/below``. What is long or reaches to the right, such as a sum, stands beside the fraction."""
        if not below:
            return self._factors(above, at_end)
        numeric = all(isinstance(factor, Number) for factor in below)
        beside = [
            factor for factor in above if isinstance(factor, Reduction) or (numeric and not isinstance(factor, Number))
        ]
        upper = [factor for factor in above if factor not in beside]
        fraction = Fraction(self._joined(upper), self._joined(below))
        if not beside:
            return [fraction]
        return [fraction, *self._factors(beside, at_end)]

    def _joined(self, factors: list[Expr]) -> Box:
        """Return a product that stands alone above or below a bar: a single factor needs no brackets there."""
        if not factors:
            return _unsigned(Rational(1))[0]
        if len(factors) == 1:
            return self._factor(factors[0], 0)
        return Product(tuple(self._factors(factors, True)))

    def _factors(self, factors: list[Expr], at_end: bool) -> list[Box]:
        """Return factors; a sum sign reaches over all that follows, so only the last factor may have one bare."""
        last = len(factors) - 1
        # A scalar in front of a product of arrays needs no brackets either.
        bare = (Reduction, MatrixProduct, Elementwise, Total)
        return [
            self._factor(factor, PRODUCT if at_end and n == last and isinstance(factor, bare) else POWER)
            for n, factor in enumerate(factors)
        ]

    def _factor(self, factor: Expr, strength: int) -> Box:
        if isinstance(factor, Power) and factor.exponent is ONE:  # split_fraction leaves such
            return self.inside(factor.base, strength)
        return self.inside(factor, strength)

    def _set_Power(self, expr: Power) -> tuple[Box, int]:
        base, exponent = expr.base, expr.exponent
        if isinstance(exponent, Number):
            if exponent.value < 0:
                return self._set_Mul(expr)
            if exponent.value == Rational(1, 2):
                return Root(self.box(base)), ATOM
            if isinstance(base, Call) and not base.orders and base.function in _POWERS_ON_THE_NAME:
                name = Scripts(_function_mark(base.function, 0), None, self._exponent(exponent))
                return Row((name, Fence("()", self._arguments(base.arguments)))), POWER
        return self._raised(self.inside(base, ATOM), exponent), POWER

    def _raised(self, base: Box, exponent: Expr) -> Box:
        above = self._exponent(exponent)
        if isinstance(base, Scripts) and base.above is None:
            return Scripts(base.base, base.below, above)
        return Scripts(base, None, above)

    def _exponent(self, expr: Expr) -> Box:
        if isinstance(expr, Number) and expr.value.denominator != 1:
            numerator, denominator = (_unsigned(Rational(abs(n)))[0] for n in expr.value.as_integer_ratio())
            sign = (_MINUS_SIGN,) if expr.value < 0 else ()
            return Row((*sign, numerator, Mark("/", "/", "punctuation"), denominator))
        return self.box(expr)

    # Matrices.

    def _set_MatrixProduct(self, expr: MatrixProduct) -> tuple[Box, int]:
        return Product(tuple(self._matrix(factor) for factor in expr.factors)), PRODUCT

    def _matrix(self, expr: Expr) -> Box:
        """Return a factor of a matrix product; one that is such a product itself needs no brackets."""
        is_product = isinstance(expr, MatrixProduct) or (isinstance(expr, Total) and expr.axis is not None)
        return self.inside(expr, PRODUCT if is_product else POWER)

    def _set_Transpose(self, expr: Transpose) -> tuple[Box, int]:
        return self._transposed(expr.operand), POWER

    def _transposed(self, operand: Expr) -> Box:
        base = self.inside(operand, ATOM)
        if isinstance(base, Scripts) and base.above is None:
            return Scripts(base.base, base.below, _TOP)
        return Scripts(base, None, _TOP)

    def _set_Elementwise(self, expr: Elementwise) -> tuple[Box, int]:
        above = [factor for factor in expr.factors if not self._is_below(factor)]
        below = [
            ElementwisePower(factor.base, negative(factor.exponent))
            for factor in expr.factors
            if isinstance(factor, ElementwisePower) and self._is_below(factor)
        ]
        if below:
            upper = self._elementwise(above) if above else _unsigned(Rational(1))[0]
            return Fraction(upper, self._elementwise(below)), POWER
        return self._elementwise(above), PRODUCT

    def _is_below(self, factor: Expr) -> bool:
        return isinstance(factor, ElementwisePower) and is_below(Power(factor.base, factor.exponent))

    def _elementwise(self, factors: Sequence[Expr]) -> Box:
        if len(factors) == 1:
            return self.box(factors[0])
        parts: list[Box] = []
        for factor in factors:
            parts.extend(([_ODOT] if parts else []) + [self.inside(factor, POWER)])
        return Row(tuple(parts))

    def _set_ElementwisePower(self, expr: ElementwisePower) -> tuple[Box, int]:
        base, exponent = expr.base, expr.exponent
        if exponent is ONE:
            return self._set(base)
        if self._is_below(expr):
            return self._set_Elementwise(Elementwise((expr,)))
        if isinstance(exponent, Number) and exponent.value == Rational(1, 2):
            return Root(self.box(base)), ATOM
        inner = self.inside(base, ATOM)
        above = Row((_ODOT, self._exponent(exponent)))
        if isinstance(inner, Scripts) and inner.above is None:
            return Scripts(inner.base, inner.below, above), POWER
        return Scripts(inner, None, above), POWER

    def _set_Total(self, expr: Total) -> tuple[Box, int]:
        """Return a sum over an axis as a product with ones."""
        ones = [self._ones(size) for size in expr.extents]
        operand = self.inside(expr.operand, POWER)
        if expr.axis == 1:
            return Product((operand, ones[0])), PRODUCT
        if expr.axis == 0:
            return Product((self._transposed(expr.operand), ones[0])), PRODUCT
        left = Scripts(ones[0].base, ones[0].below, _TOP)
        return Product((left, operand, *ones[1:])), PRODUCT

    def _ones(self, size: Expr) -> Scripts:
        return Scripts(Mark(r"\mathbf{1}", "𝟏", "upright"), self.box(size))

    def _call_ones(self, *extents: Expr) -> tuple[Box, int]:
        first, *others = map(self._ones, extents)
        if not others:
            return first, ATOM
        return Product((first, *(Scripts(one.base, one.below, _TOP) for one in others))), PRODUCT

    def _call_zeros(self, *extents: Expr) -> tuple[Box, int]:
        return _unsigned(Rational(0))[0], ATOM

    def _call_eye(self, size: Expr) -> tuple[Box, int]:
        return Scripts(Mark("I", "I", "letter"), self.box(size)), ATOM

    def _call_outer(self, left: Expr, right: Expr) -> tuple[Box, int]:
        return Product((self._matrix(left), self._transposed(right))), PRODUCT

    # Functions.

    def _arguments(self, arguments: Iterable[Expr]) -> Box:
        parts: list[Box] = []
        for argument in arguments:
            parts.extend(([_COMMA] if parts else []) + [self.box(argument)])
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _set_Call(self, expr: Call) -> tuple[Box, int]:
        softmax = as_softmax(expr)
        if softmax is not None:
            index, body = softmax
            name = Scripts(_function_mark("softmax", 0), self.box(index))
            return Row((name, Fence("()", self.box(body)))), POWER
        special = None if expr.orders else getattr(self, f"_call_{expr.function}", None)
        if special is not None:
            found: tuple[Box, int] = special(*expr.arguments)
            return found
        arguments = list(expr.arguments)
        defaults = defaults_of(expr.function)
        while 1 < len(arguments) <= len(defaults) and arguments[-1] is defaults[len(arguments) - 1]:
            arguments.pop()
        return Row((self._head(expr), Fence("()", self._arguments(arguments)))), POWER

    def _head(self, expr: Call) -> Box:
        """Return the name of a function with its primes; a partial by a later argument has a numbered partial sign."""
        name = expr.function
        sigma = name == "sigmoid" and not self.names.all & {"sigma", "sigmoid"}
        later = any(expr.orders[1:])
        primes = 0 if later else sum(expr.orders)
        mark = Mark(r"\sigma" + "'" * primes, "σ" + "′" * primes, "function") if sigma else _function_mark(name, primes)
        if not later:
            return mark
        signs: list[Box] = []
        for place, order in enumerate(expr.orders, start=1):
            if order:
                above = Mark(str(order), str(order), "number") if order > 1 else None
                signs.append(Scripts(_PARTIAL, Mark(str(place), str(place), "number"), above))
        return Row((*signs, mark))

    def _call_exp(self, u: Expr) -> tuple[Box, int]:
        exponent = self._exponent(u)
        if height(exponent) or width(exponent) > _WIDEST_EXPONENT:
            return Row((Mark(r"\exp", "exp", "function"), Fence("()", self.box(u)))), POWER
        return Scripts(_EULER, None, exponent), POWER

    def _call_expm1(self, u: Expr) -> tuple[Box, int]:
        return Row((self._call_exp(u)[0], _MINUS, _unsigned(Rational(1))[0])), SUM

    def _call_exp2(self, u: Expr) -> tuple[Box, int]:
        return Scripts(_unsigned(Rational(2))[0], None, self._exponent(u)), POWER

    def _call_exp10(self, u: Expr) -> tuple[Box, int]:
        return Scripts(_unsigned(Rational(10))[0], None, self._exponent(u)), POWER

    def _call_log1p(self, u: Expr) -> tuple[Box, int]:
        return Row((_function_mark("log", 0), Fence("()", self.box(ONE + u)))), POWER

    def _call_log2(self, u: Expr) -> tuple[Box, int]:
        return self._logarithm(2, u)

    def _call_log10(self, u: Expr) -> tuple[Box, int]:
        return self._logarithm(10, u)

    def _logarithm(self, base: int, u: Expr) -> tuple[Box, int]:
        name = Scripts(_function_mark("log", 0), _unsigned(Rational(base))[0])
        return Row((name, Fence("()", self.box(u)))), POWER

    def _call_cbrt(self, u: Expr) -> tuple[Box, int]:
        return Root(self.box(u), _unsigned(Rational(3))[0]), ATOM

    def _call_abs(self, u: Expr) -> tuple[Box, int]:
        return Fence("||", self.box(u)), ATOM

    def _call_floor(self, u: Expr) -> tuple[Box, int]:
        return Fence("floor", self.box(u)), ATOM

    def _call_ceil(self, u: Expr) -> tuple[Box, int]:
        return Fence("ceil", self.box(u)), ATOM

    # Reductions.

    def _set_Reduction(self, expr: Reduction) -> tuple[Box, int]:
        if expr.kind == "logsumexp":
            signs = self._big_signs("sum", expr.bounds)
            return Row((_function_mark("log", 0), *signs, self._call_exp(expr.body)[0])), PRODUCT
        body = self.inside(expr.body, PRODUCT)
        return Row((*self._big_signs(expr.kind, expr.bounds), *_flat([body]))), PRODUCT

    def _big_signs(self, kind: str, bounds: tuple[Bound, ...]) -> list[Box]:
        signs: list[Box] = []
        for bound in bounds:
            index, lower, upper = map(self.box, (bound.index, bound.lower, bound.upper))
            if kind in _SUM_SIGNS:
                signs.append(Big(_SUM_SIGNS[kind], Row((index, relation("="), lower)), upper))
            else:
                below = Row((lower, relation("<="), index, relation("<="), upper))
                signs.append(Big(_extremum_mark(kind), below))
        return signs

    # Conditions.

    def _set_Where(self, expr: Where) -> tuple[Box, int]:
        if expr.then is ONE and expr.otherwise is ZERO:
            return Fence("[]", self.box(expr.condition)), ATOM
        softmax = as_limited_softmax(expr)
        if softmax is not None:
            bound, body = softmax
            index, lower, upper = map(self.box, (bound.index, bound.lower, bound.upper))
            below = Row((lower, relation("<="), index, relation("<="), upper))
            return Row((Scripts(_function_mark("softmax", 0), below), Fence("()", self.box(body)))), POWER
        rows: list[tuple[Box, Box | None]] = []
        rest: Expr = expr
        while isinstance(rest, Where) and not (rows and rest.then is ONE and rest.otherwise is ZERO):
            rows.append((self.box(rest.then), self.box(rest.condition)))
            rest = rest.otherwise
        rows.append((self.box(rest), None))
        return Cases(tuple(rows)), OR

    def _set_Compare(self, expr: Compare) -> tuple[Box, int]:
        left, right = self.inside(expr.left, SUM), self.inside(expr.right, SUM)
        return Row(tuple(_flat([left, relation(expr.operator), right]))), COMPARISON

    def _set_Junction(self, expr: Junction) -> tuple[Box, int]:
        if not expr.conditions:
            return words("true" if expr.operator == "and" else "false"), ATOM
        if expr.operator == "not":
            return Row((_NOT, self.inside(expr.conditions[0], ATOM))), NOT
        strength = AND if expr.operator == "and" else OR
        parts: list[Box] = []
        end: Expr | None = None  # right side of a chain that may go on: 0 <= i <= n
        for condition in expr.conditions:
            chained = isinstance(condition, Compare) and condition.operator in ("<", "<=") and expr.operator == "and"
            if chained and isinstance(condition, Compare) and condition.left is end:
                parts.extend((relation(condition.operator), self.inside(condition.right, SUM)))
            else:
                if parts:
                    parts.append(_JOINS[expr.operator])
                parts.append(self.inside(condition, strength + 1))
            end = condition.right if chained and isinstance(condition, Compare) else None
        return Row(tuple(_flat(parts))), strength

    def _set_Derivative(self, expr: Derivative) -> tuple[Box, int]:
        of, by = self.box(expr.of), self.box(expr.by)
        return Fraction(Row((_PARTIAL, of)), Row((_PARTIAL, by))), POWER


def _flat(parts: Iterable[Box]) -> Iterable[Box]:
    """Yield parts with rows inside them opened, so that lines can break in them."""
    for part in parts:
        if isinstance(part, Row):
            yield from part.parts
        else:
            yield part


def _factors_of(box: Box) -> tuple[Box, ...]:
    return box.factors if isinstance(box, Product) else (box,)


def _run(parts: list[tuple[Expr, bool]], start: int, below: bool) -> tuple[list[Expr], int]:
    stop = start
    while stop < len(parts) and parts[stop][1] == below:
        stop += 1
    return [factor for factor, _ in parts[start:stop]], stop


def _unsigned(value: Rational) -> tuple[Box, int]:
    """Return a number that is not negative: whole, decimal if it ends soon and tenths divide it, or a fraction."""
    numerator, denominator = value.numerator, value.denominator
    if denominator == 1:
        return digits(str(numerator)), ATOM
    places = next((n for n in range(1, 33) if 10**n % denominator == 0), None)
    if places is not None and denominator % 10 == 0:
        scaled = str(numerator * (10**places // denominator))
        if places <= _MOST_PLACES:
            scaled = scaled.rjust(places + 1, "0")
            return digits(f"{scaled[:-places]}.{scaled[-places:]}"), ATOM
        ten = Scripts(digits("10"), None, Row((_MINUS_SIGN, digits(str(places)))))
        if scaled == "1":
            return ten, POWER
        return Row((digits(scaled), Mark(r"\cdot", "⋅", "binary"), ten)), PRODUCT
    return Fraction(digits(str(numerator)), digits(str(denominator))), POWER


def _function_mark(name: str, primes: int) -> Mark:
    accents = ("'" * primes, "′" * primes) if primes <= 3 else (f"^{{({primes})}}", f"⁽{primes}⁾")
    if name in _COMMANDS:
        command = _COMMANDS[name]
        return Mark(f"\\{command}{accents[0]}", command + accents[1], "function")
    if len(name) == 1 or name in GREEK:
        letter = letters(name)
        return Mark(letter.latex + accents[0], letter.unicode + accents[1], "function")
    shown = _RENAMED.get(name, name)
    latex = shown.replace("_", r"\_")
    return Mark(f"\\operatorname{{{latex}}}{accents[0]}", shown + accents[1], "function")


def _extremum_mark(kind: str) -> Mark:
    if kind.startswith("arg"):
        return Mark(rf"\operatorname*{{arg\,{kind[3:]}}}", f"arg {kind[3:]}", "function")
    return Mark(f"\\{kind}", kind, "function")
