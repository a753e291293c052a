"""From syntax to expressions: every name gets its meaning, every call its arguments.

A `Resolver` reads the expressions of one statement.  It notes what they read and which indices stand free, so that
the checks of a whole network need no second walk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    EULER,
    MINUS_ONE,
    ONE,
    PI,
    ZERO,
    Access,
    Bound,
    Call,
    Derivative,
    Expr,
    Index,
    Mul,
    Number,
    Size,
    add,
    call,
    compare,
    divide,
    free_indices,
    iverson,
    junction,
    mul,
    negative,
    number,
    power,
    reduce,
    scalar,
    substitute,
    terms_of,
    where,
)
from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.algebra.indices import affine, normal, within
from symprop.algebra.losses import LOSSES, log_softmax
from symprop.declaration.network import Function
from symprop.declaration.scope import Known, Reading, Scope
from symprop.declaration.source import Span
from symprop.declaration.syntax import ARRAY_CALLS, Syntax
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    MissingRuleError,
    NotationError,
    SympropError,
    listed,
    nearest,
)

# Names of reductions, as written, to their kind; sympy's put the body first.
REDUCTIONS = {
    "sum": "sum",
    "Sigma": "sum",
    "prod": "prod",
    "product": "prod",
    "Pi": "prod",
    "mean": "mean",
    "max": "max",
    "min": "min",
    "logsumexp": "logsumexp",
    "argmax": "argmax",
    "argmin": "argmin",
}
BODY_FIRST = {"Sum": "sum", "Product": "prod"}
SOFTMAXES = ("softmax", "log_softmax")
_FRACTION = re.compile(r"d([^\W\d]\w*)(?:\[[^\[\]]*\])?/d([^\W\d]\w*)")  # dL/dw[i], as claims are written
# Where functions of one number have a real value: in words, and as a test.
REAL_WHERE: dict[str, tuple[str, Callable[[Fraction], bool]]] = {
    **dict.fromkeys(("log", "log2", "log10"), ("its argument is positive", lambda u: u > 0)),
    "log1p": ("its argument is greater than -1", lambda u: u > -1),
    "sqrt": ("its argument is not negative", lambda u: u >= 0),
    **dict.fromkeys(("asin", "acos"), ("its argument is between -1 and 1", lambda u: abs(u) <= 1)),
    "acosh": ("its argument is at least 1", lambda u: u >= 1),
    "atanh": ("its argument is between -1 and 1", lambda u: abs(u) < 1),
}
MATRICES = "arrays cannot stand here"
INFINITE = ("inf", "oo", "infinity")
CONSTANTS: dict[str, Expr] = {"pi": PI, "E": EULER, "e": EULER}
OPERATORS = ("D", "P")  # only in claims
SPECIAL = ("where", "diff", "stop", "divides", "pow", "sqrt")
REFUSED = {
    **dict.fromkeys(("det", "inv", "eig", "eigvals", "svd", "solve"), "has no index form here"),
    **dict.fromkeys(ARRAY_CALLS, MATRICES),
    **dict.fromkeys(("eval", "exec", "open", "getattr", "__import__"), "is no function of the language"),
}

HALF = number("1/2")
MOST_INDICES = 32  # as many axes as an array of numpy 1 can have

MOST_CONDITIONS = 200  # joined in one place
MOST_SHIFTED = 1000  # subscripts that are more than a name or a number

# Expressions grow where a softmax, a loss or a derivative repeats its argument; numbers where they are folded.
LARGEST_EXPANSION = 20_000  # nodes
LARGEST_DIFFERENTIATED = 200  # nodes
LONGEST_FOLDED = 16_384  # bits


def index_parts(
    syntax: Syntax, bodies: int, is_index: Callable[[str], bool], is_size: Callable[[str], bool]
) -> tuple[list[tuple[str, Syntax | None, Syntax | None, Syntax]], list[Syntax]]:
    """Split the arguments of a reduction into indices, each with its own limits or None, and what is reduced.

    Parameters
    ----------
    syntax : Syntax
        The call.
    bodies : int
        How many arguments are reduced: 1, or 2 for a loss.
    is_index, is_size : callable
        Whether a name is known as an index, as a size or an integer constant.
    """
    name = syntax.value[0]
    arguments = syntax.parts
    if any(part.kind == "keyword" and part.value == "axis" for part in arguments):
        return [], arguments  # of a whole array
    if name in BODY_FIRST and len(arguments) > 1 and all(part.kind in ("name", "tuple") for part in arguments[1:]):
        return [_sympy_limits(part) for part in arguments[1:]], arguments[:1]
    if len(arguments) == bodies + 3 and arguments[0].kind == "name":
        first, lower, upper = arguments[:3]
        apart = (part.kind != "name" or is_size(part.value) for part in (lower, upper))
        if any(apart) and all(part.kind not in ("limits", "keyword", "tuple") for part in (lower, upper)):
            return [(first.value, lower, upper, first)], arguments[3:]
    count = len(arguments) - bodies
    found: list[tuple[str, Syntax | None, Syntax | None, Syntax]] = []
    for part in arguments[: max(count, 0)]:
        if part.kind == "limits":
            found.append((part.value, part.parts[0], part.parts[1], part))
        elif part.kind == "name" and (name not in ("max", "min") or is_index(part.value)):
            found.append((part.value, None, None, part))
        else:
            return [], arguments
    return found, arguments[count:] if count > 0 else arguments


def _sympy_limits(part: Syntax) -> tuple[str, Syntax | None, Syntax | None, Syntax]:
    if part.kind == "tuple" and len(part.parts) == 3 and part.parts[0].kind == "name":
        return part.parts[0].value, part.parts[1], part.parts[2], part
    return (part.value if part.kind == "name" else ""), None, None, part


class Resolver:
    """Reads the expressions of one statement.

    Attributes
    ----------
    readings : list of Reading
        Every access, in written order.
    free : dict of str to list of Syntax
        For each index that no reduction binds: the accesses (or the bare names) in which it stands.
    """

    def __init__(self, scope: Scope, span: Span, parameters: Sequence[str] = ()) -> None:
        self.scope = scope
        self.span = span
        self.parameters = frozenset(parameters)
        self.in_function = bool(parameters)
        self.readings: list[Reading] = []
        self.free: dict[str, list[Syntax]] = {}
        self.bound: dict[str, Bound] = {}
        self.context: tuple[Bound, ...] = ()  # ranges of all indices that may stand in an access, outermost first
        self.guards: tuple[Expr, ...] = ()  # conditions of the branches around
        self.place = "value"  # or "subscript" or "limit"
        self.accesses: list[Syntax] = []  # the accesses around, outermost first
        self.weights: dict[int, tuple[Expr, int]] = {}

    # Errors.

    def at(self, syntax: Syntax) -> Span:
        """Return the place of a piece in the whole text."""
        return Span(self.span.start + syntax.start, self.span.start + syntax.end)

    def at_name(self, syntax: Syntax) -> Span:
        """Return the place of the name of an access or call."""
        return Span(self.span.start + syntax.start, self.span.start + syntax.name_end)

    def written(self, syntax: Syntax) -> str:
        """Return a piece as it is written, on one line."""
        return self.scope.source.written(self.at(syntax))

    def error(
        self, kind: type[SympropError], message: str, syntax: Syntax | Span, hint: str | None = None
    ) -> SympropError:
        """Return an error at a piece."""
        place = self.at(syntax) if isinstance(syntax, Syntax) else syntax
        return self.scope.source.error(kind, message, place, hint)

    # Contexts.

    @contextmanager
    def binding(self, bounds: Iterable[Bound] = ()) -> Iterator[None]:
        """Bind indices for what is read inside; more may be added by `bind`."""
        bound, context = self.bound, self.context
        self.bound = dict(bound)
        try:
            for one in bounds:
                self.bind(one)
            yield
        finally:
            self.bound, self.context = bound, context

    def bind(self, bound: Bound) -> None:
        """Bind one more index in the current context."""
        self.bound[bound.index.name] = bound
        self.context = (*(other for other in self.context if other.index is not bound.index), bound)

    @contextmanager
    def reading(self, place: str) -> Iterator[None]:
        """Read what is inside as a subscript or as a limit."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    @contextmanager
    def guard(self, *conditions: Expr) -> Iterator[None]:
        """Read what is inside a branch that is evaluated only where `conditions` hold."""
        before, self.guards = self.guards, (*self.guards, *conditions)
        try:
            yield
        finally:
            self.guards = before

    # Entry points.

    def value(self, syntax: Syntax) -> Expr:
        """Return the scalar expression that is written."""
        return getattr(self, f"_{syntax.kind}")(syntax)

    def limit(self, syntax: Syntax) -> Expr:
        """Return a limit of an index, or the definition of a size: an integer expression in sizes and indices."""
        with self.reading("limit"):
            result = self.value(syntax)
        if isinstance(result, Number) and result.value.denominator != 1:
            raise self.error(IndexNotationError, f"{result} is not an integer", syntax, "Limits are integers.")
        return normal(result)

    def condition(self, syntax: Syntax) -> Expr:
        """Return the condition that is written."""
        kind = syntax.kind
        if kind == "group":
            return self.condition(syntax.parts[0])
        if kind == "not":
            return junction("not", self.condition(syntax.parts[0]))
        if kind in ("and", "or"):
            if len(syntax.parts) > MOST_CONDITIONS:
                raise self.error(NotationError, f"more than {MOST_CONDITIONS} conditions are joined", syntax.parts[-1])
            return junction(kind, *(self.condition(part) for part in syntax.parts))
        if kind == "comparison":
            if len(syntax.parts) > MOST_CONDITIONS:
                raise self.error(NotationError, f"more than {MOST_CONDITIONS} comparisons in a chain", syntax.parts[-1])
            sides = [self.side(part) for part in syntax.parts]
            links = [
                compare(operator, left, right)
                for operator, left, right in zip(syntax.value, sides, sides[1:], strict=False)
            ]
            return junction("and", *links)
        if kind == "call" and syntax.value[0] == "divides":
            left, right = self.arguments(syntax, 2)
            return compare("divides", self.side(left), self.side(right))
        raise self.error(
            NotationError, "this is no condition", syntax, f"Compare it with something: {self.written(syntax)} > 0."
        )

    def side(self, syntax: Syntax) -> Expr:
        """Return one side of a comparison; integer constants are their values there, as in an index."""
        result = self.value(syntax)
        values = {scalar(name): Number(value) for name, value in self.scope.constants.items() if value.denominator == 1}
        return substitute(result, values) if values else result

    # Pieces.

    def _number(self, syntax: Syntax) -> Expr:
        return number(syntax.value)

    def _group(self, syntax: Syntax) -> Expr:
        return self.value(syntax.parts[0])

    def _sum(self, syntax: Syntax) -> Expr:
        terms: list[Expr] = []
        for positive, part in flat_terms(syntax):
            term = self.value(part)
            terms.append(term if positive else negative(term))
        denominators = {
            value.denominator for term in terms for inner in terms_of(term) for value in _coefficients(inner)
        }
        self._refuse_long(sum(value.bit_length() for value in denominators if value != 1), syntax)
        return add(*terms)

    def _product(self, syntax: Syntax) -> Expr:
        factors: list[Expr] = []
        for inverted, part in flat_factors(syntax):
            factor = self.value(part)
            if inverted and factor is ZERO:
                raise self.error(NotationError, "division by 0", part)
            factors.append(power(factor, MINUS_ONE) if inverted else factor)
        values = [
            value for factor in factors for value in _coefficients(factor) if value.denominator != 1 or abs(value) != 1
        ]
        self._refuse_long(
            sum(value.numerator.bit_length() + value.denominator.bit_length() for value in values), syntax
        )
        return mul(*factors)

    def _refuse_long(self, bits: int, syntax: Syntax) -> None:
        if bits > LONGEST_FOLDED:
            raise self.error(
                NotationError,
                "the numbers here make one too long to be exact",
                Span(self.span.start + syntax.start, self.span.start + syntax.start + 1),
                "Give them to the network as data.",
            )

    def _signed(self, syntax: Syntax) -> Expr:
        inner = self.value(syntax.parts[0])
        return negative(inner) if syntax.value == "-" else inner

    def _power(self, syntax: Syntax) -> Expr:
        base, exponent = (self.value(part) for part in syntax.parts)
        if base is EULER:
            return call("exp", exponent)
        if base is ZERO and isinstance(exponent, Number) and exponent.value < 0:
            raise self.error(NotationError, "division by 0", syntax)
        return power(base, exponent)

    def _bracket(self, syntax: Syntax) -> Expr:
        if len(syntax.parts) != 1:
            raise self.error(NotationError, "a list is no number", syntax, "An Iverson bracket holds one condition.")
        (inner,) = syntax.parts
        return iverson(self.condition(inner))

    def _comparison(self, syntax: Syntax) -> Expr:
        raise self.error(
            NotationError,
            "a condition is no number",
            syntax,
            f"Write [{self.written(syntax)}] for 1 where it holds and 0 elsewhere.",
        )

    _and = _or = _not = _comparison

    def _keyword(self, syntax: Syntax) -> Expr:
        raise self.error(NotationError, f"'{syntax.value} = ...' cannot stand here", syntax, "Write == to compare.")

    def _limits(self, syntax: Syntax) -> Expr:
        raise self.error(
            NotationError,
            "a range cannot stand here",
            syntax,
            f"Ranges belong to reductions: sum({self.written(syntax)}, e).",
        )

    def _tuple(self, syntax: Syntax) -> Expr:
        raise self.error(NotationError, "several values cannot stand here", syntax)

    # Arrays, which `matrix.ArrayReader` reads where they may stand.

    def _matmul(self, syntax: Syntax) -> Expr:
        raise self._no_array(syntax)

    _transpose = _matmul

    def _no_array(self, syntax: Syntax) -> SympropError:
        return self.error(NotationError, MATRICES, self.at_name(syntax), "Write with indices: sum(i, W[j,i]*x[i]).")

    # Names.

    def _name(self, syntax: Syntax) -> Expr:
        name = syntax.value
        if name in self.parameters:
            return scalar(name)
        if name in self.bound:
            return Index(name)
        if self.place == "value":
            return self._valued(syntax)
        return self._integer(syntax)

    def _valued(self, syntax: Syntax) -> Expr:
        name, scope = syntax.value, self.scope
        if name in scope.indices:
            return self._free(name, syntax)
        if name in scope.quantities:
            return self._read(name, (), syntax)
        if name in scope.sizes:
            return self._size(name, syntax)
        if name in CONSTANTS:
            return CONSTANTS[name]
        if scope.range_of(name) is not None or name in scope.subscripts:
            return self._free(name, syntax)
        if name in scope.functions or (name in CALLABLE and not scope.undefined_are_inputs):
            raise self.error(DeclarationError, f"'{name}' is a function", syntax, f"Call it: {name}(...).")
        if name in INFINITE:
            raise self.error(NotationError, "infinity is no number", syntax, "It may stand in a domain: (0, inf).")
        return self._unknown(syntax, 0)

    def _integer(self, syntax: Syntax) -> Expr:
        """Return what a name means in a subscript or a limit."""
        name, scope = syntax.value, self.scope
        if name in scope.indices:
            return self._free(name, syntax)
        if name in scope.sizes:
            return self._size(name, syntax)
        if name in scope.constants:
            value = scope.constants[name]
            if value.denominator == 1:
                return Number(value)
            raise self.error(IndexNotationError, f"'{name}' is {value}, not an integer", syntax)
        if name in scope.quantities:
            if self.place == "subscript" and name in scope.integers:
                return self._read(name, (), syntax)
            raise self._not_an_index(name, syntax)
        if scope.range_of(name) is not None:
            return self._free(name, syntax)
        if scope.in_claims and self.place == "subscript":
            return self._free(name, syntax)
        raise self._unknown_name(syntax)

    def _size(self, name: str, syntax: Syntax) -> Expr:
        if name in self.scope.layered:
            raise self.error(
                IndexNotationError,
                f"the size '{name}' differs from layer to layer",
                syntax,
                f"Write {name}(l) for that of layer l.",
            )
        return Size(name)

    def _not_an_index(self, name: str, syntax: Syntax) -> SympropError:
        known = self.scope.quantities[name]
        if self.place == "limit":
            return self.error(
                IndexNotationError,
                f"a limit may not depend on '{name}', which is data",
                syntax,
                f"'{name}' {known}. Limits are made of sizes, integer constants and indices.",
            )
        return self.error(
            IndexNotationError,
            f"'{name}' is a quantity and not an index",
            syntax,
            f"'{name}' {known}. Only integers may index: integer {name} in 0..V-1.",
        )

    def _free(self, name: str, syntax: Syntax) -> Expr:
        self.free.setdefault(name, []).append(self.accesses[0] if self.accesses else syntax)
        return Index(name)

    def _unknown(self, syntax: Syntax, rank: int) -> Expr:
        name = syntax.value
        if not self.scope.undefined_are_inputs:
            raise self._unknown_name(syntax)
        line = self.scope.source.line_of(self.at(syntax).start)
        self.scope.quantities[name] = Known(rank, self.written(syntax), "used", line)
        return self._read(name, (), syntax)

    def _unknown_name(self, syntax: Syntax) -> SympropError:
        name = syntax.value
        fraction = _FRACTION.match(self.scope.source.text, self.at(syntax).start)
        if fraction is not None:
            wrong = next((part for part in (1, 2) if fraction[part] not in self.scope.quantities), None)
            if wrong is not None:
                near = nearest(fraction[wrong], self.scope.names())
                raise self.scope.source.error(
                    DeclarationError,
                    f"unknown name '{fraction[wrong]}' in a derivative",
                    Span(*fraction.span(wrong)),
                    f"Did you mean '{near}'?" if near else f"Known: {listed(fraction[wrong], self.scope.names())}.",
                )
        known = self.scope.names()
        same = next((other for other in known if other.casefold() == name.casefold()), None)
        near = nearest(name, known)
        if name in CALLABLE and syntax.kind == "access":
            hint = f"'{name}' is a function. Call it: {name}(...)."
        elif same is not None:
            hint = f"Did you mean '{same}'? Capital letters make another name."
        elif near is not None:
            hint = f"Did you mean '{near}'?"
        elif self.scope.in_claims:
            hint = f"Known: {listed(name, self.scope.names())}."
        else:
            hint = f"Declare it, input {name}, or define it, {name} = ..."
        return self.error(DeclarationError, f"unknown name '{name}'", self.at_name(syntax), hint)

    def _access(self, syntax: Syntax) -> Expr:
        return self._read(syntax.value, self.subscripts(syntax), syntax)

    def subscripts(self, syntax: Syntax) -> tuple[Expr, ...]:
        """Return the subscripts of an access, whose name must be one that may stand here."""
        name, scope = syntax.value, self.scope
        if name in self.parameters or (name in self.bound and name not in scope.quantities):
            what = "a parameter of the function" if name in self.parameters else "an index"
            raise self.error(IndexNotationError, f"'{name}' is {what} and has no indices", syntax)
        if name not in scope.quantities:
            if name in scope.indices or name in scope.sizes:
                kind = "an index" if name in scope.indices else "a size"
                raise self.error(IndexNotationError, f"'{name}' is {kind} and has no indices", syntax)
            if name in scope.functions:
                raise self.error(
                    NotationError, f"'{name}' is a function", self.at_name(syntax), f"Call it: {name}(...)."
                )
            if not scope.undefined_are_inputs:
                raise self._unknown_name(syntax)
            line = scope.source.line_of(self.at(syntax).start)
            scope.quantities[name] = Known(len(syntax.parts), self.written(syntax), "used", line)
        if self.place == "limit":
            raise self._not_an_index(name, syntax)
        if self.place == "subscript" and name not in scope.integers:
            raise self._not_an_index(name, syntax)
        if len(syntax.parts) > MOST_INDICES:
            raise self.error(IndexNotationError, f"a quantity has at most {MOST_INDICES} indices", self.at_name(syntax))
        self.accesses.append(syntax)
        indices = tuple(self.subscript(part) for part in syntax.parts)
        self.accesses.pop()
        return indices

    def subscript(self, syntax: Syntax) -> Expr:
        """Return one subscript: affine in indices, or an integer input."""
        if syntax.kind in ("comparison", "and", "or", "not"):
            raise self.error(
                NotationError,
                "a condition cannot be an index",
                syntax,
                "For a product with an Iverson bracket write * before '['.",
            )
        if syntax.kind == "call" and syntax.value[0] in ("argmax", "argmin"):
            with self.reading("value"):
                return self.value(syntax)
        with self.reading("subscript"):
            result = self.value(syntax)
        if isinstance(result, (Index, Size)):
            return result
        if isinstance(result, Number):
            if result.value.denominator != 1:
                raise self.error(IndexNotationError, f"{result} is not an integer", syntax)
            return result
        if isinstance(result, Access):
            return result
        self._check_affine(result, syntax)
        return result

    def _check_affine(self, expr: Expr, syntax: Syntax) -> None:
        self.scope.shifted += 1
        if self.scope.shifted > MOST_SHIFTED:
            raise self.error(
                NotationError,
                f"more than {MOST_SHIFTED} shifted or scaled indices",
                syntax,
                "Write repeated equations once, with an index.",
            )
        try:
            coefficients, _ = affine(flattened(expr))
        except ValueError as error:
            hint = "An index is a sum of indices times integers or sizes, such as 2*p + k."
            if "multiplied" in str(error):
                hint = "If one of the two is a size, declare it: size S."
            raise self.error(IndexNotationError, str(error), syntax, hint) from None
        fractions = [
            value for value in coefficients.values() if isinstance(value, Number) and value.value.denominator != 1
        ]
        if fractions and not self.guards and not self.scope.in_claims:
            raise self.error(
                IndexNotationError,
                "the index is not an integer everywhere",
                syntax,
                "Guard it: where(divides(2, i), x[i/2], 0).",
            )
        if not self.scope.in_claims:
            for index in sorted(coefficients, key=str):
                if "[" in index.name:  # an access, as `flattened` names it
                    raise self.error(
                        IndexNotationError,
                        f"an index that is read from data stands alone: {index}",
                        syntax,
                        f"Write {index}, and let the axis start where its values do: integer {index} in 1..V "
                        "reads an axis 1..V.",
                    )
                bound = self.bound.get(index.name)
                if index.name in self.scope.stated or (bound is not None and bound.written):
                    continue
                raise self.error(
                    IndexNotationError,
                    f"index '{index.name}' is shifted or scaled and has no declared range",
                    syntax,
                    f"Declare it: index {index.name} = 1..{_size_for(index.name)}.",
                )

    def _read(self, name: str, indices: tuple[Expr, ...], syntax: Syntax) -> Expr:
        known = self.scope.quantities[name]
        if known.rank != len(indices):
            raise self.error(
                IndexNotationError,
                f"'{name}' has {_count(known.rank)}, not {len(indices) or 'none'}",
                syntax,
                f"'{name}' {known}.",
            )
        if self.in_function and indices:
            raise self.error(
                NotationError,
                "the body of a function reads scalars",
                syntax,
                f"Give {self.written(syntax)} as an argument.",
            )
        self.readings.append(Reading(name, indices, self.context, self.guards, self.at(syntax)))
        return Access(name, indices)

    # Calls.

    def _call(self, syntax: Syntax) -> Expr:
        (name, primes), scope = syntax.value, self.scope
        if name in self.parameters:
            raise self.error(NotationError, f"'{name}' is an argument and not a function", self.at_name(syntax))
        if name in scope.functions:
            return self._defined(syntax)
        if name in scope.quantities and (name in ALIASES or name not in CALLABLE):
            raise self.error(
                NotationError,
                f"'{name}' is a quantity and not a function",
                self.at_name(syntax),
                f"'{name}' {scope.quantities[name]}. Write {name}*(...) for a product, {name}[...] for a component.",
            )
        if name in scope.layered:
            return self._layer_size(syntax)
        if scope.in_claims and name in OPERATORS:
            return self._derivative(syntax)
        if name in REFUSED:
            sentence = REFUSED[name]
            if sentence is MATRICES:
                raise self._no_array(syntax)
            raise self.error(
                MissingRuleError, f"'{name}' {sentence}", self.at_name(syntax), "Write with sums over indices."
            )
        if primes and name not in FUNCTIONS and name not in ALIASES:
            raise self._unknown_function(syntax)
        special = getattr(self, f"_call_{name}", None) if name in SPECIAL else None
        if special is not None:
            return special(syntax)
        if name in SOFTMAXES:
            return self._softmax(syntax)
        if name in LOSSES:
            return self._loss(syntax)
        if (name in REDUCTIONS or name in BODY_FIRST) and not primes:
            found, bodies = index_parts(syntax, 1, self._is_index, self._is_size)
            if found:
                return self._reduction(syntax, found, bodies)
            if name not in ("max", "min"):
                raise self._without_index(syntax)
        row = ALIASES.get(name, name)
        if row in FUNCTIONS:
            return self._listed(row, syntax)
        if name in OPERATORS and len(syntax.parts) == 2:
            raise self.error(
                NotationError,
                f"{name}(U, V) stands in claims, not in networks",
                self.at_name(syntax),
                "Write diff(e, x) for the derivative of an expression.",
            )
        raise self._unknown_function(syntax)

    def _layer_size(self, syntax: Syntax) -> Expr:
        (layer,) = self.arguments(syntax, 1)
        return Size(syntax.value[0], (self.limit(layer),))

    def _unknown_function(self, syntax: Syntax) -> SympropError:
        name = syntax.value[0]
        known = sorted({*self.scope.functions, *CALLABLE} - set(ALIASES))
        close = get_close_matches(name, known, n=5, cutoff=0.55)
        hint = f"Did you mean '{close[0]}'? " if get_close_matches(name, close, n=1, cutoff=0.6) else ""
        some = sorted(close) if close else ["exp", "log", "relu", "sigmoid", "softmax", "sum", "tanh", "where"]
        hint += f"Known: {', '.join(some)}, and others." if not close else f"Known: {', '.join(some)}."
        if not close:
            hint += f" Or define it: function {name}(u) = ..."
        return self.error(DeclarationError, f"unknown function '{name}'", self.at_name(syntax), hint)

    def _is_index(self, name: str) -> bool:
        return (
            name in self.bound
            or name in self.scope.indices
            or (self.scope.range_of(name) is not None and name not in CONSTANTS)
        )

    def _is_size(self, name: str) -> bool:
        return name in self.scope.sizes or name in self.scope.constants

    def arguments(self, syntax: Syntax, count: int) -> list[Syntax]:
        """Return the arguments of a call that takes exactly `count`, none of them by name."""
        name = syntax.value[0]
        for part in syntax.parts:
            if part.kind == "keyword":
                value = self.written(part.parts[0])
                is_condition = name == "where" and part is syntax.parts[0]
                raise self.error(
                    NotationError,
                    f"'{name}' has no argument called '{part.value}'",
                    self.at_name(part),
                    f"Write == to compare: {name}({part.value} == {value}, ...)."
                    if is_condition
                    else f"Write {name}{_pattern(name, count)}.",
                )
        if len(syntax.parts) != count:
            raise self.error(
                NotationError,
                f"'{name}' takes {_arguments(count)}, not {len(syntax.parts)}",
                syntax,
                f"Write {name}{_pattern(name, count)}.",
            )
        return syntax.parts

    def _call_where(self, syntax: Syntax) -> Expr:
        condition, then, otherwise = self.arguments(syntax, 3)
        decided = self.condition(condition)
        with self.guard(decided):
            first = self.value(then)
        with self.guard(junction("not", decided)):
            return where(decided, first, self.value(otherwise))

    def _call_stop(self, syntax: Syntax) -> Expr:
        (inner,) = self.arguments(syntax, 1)
        return call("stop", self.value(inner))

    def _call_pow(self, syntax: Syntax) -> Expr:
        base, exponent = self.arguments(syntax, 2)
        return self._power(Syntax("power", None, [base, exponent], syntax.start, syntax.end))

    def _call_sqrt(self, syntax: Syntax) -> Expr:
        (inner,) = self.arguments(syntax, 1)
        argument = self.value(inner)
        self._refuse_unreal("sqrt", [argument], syntax)
        return power(argument, HALF)

    def _call_divides(self, syntax: Syntax) -> Expr:
        return self._comparison(syntax)

    def _call_diff(self, syntax: Syntax) -> Expr:
        inner, by = self.arguments(syntax, 2)
        expr, variable = self.value(inner), self.value(by)
        if not isinstance(variable, Access):
            raise self.error(NotationError, "diff takes the derivative by a quantity", by, "Write diff(e, x).")
        if self.weight(expr) > LARGEST_DIFFERENTIATED:
            raise self.error(
                MissingRuleError,
                "the expression is too long for diff",
                self.at_name(syntax),
                "Give its parts names by equations; the backward pass derives them.",
            )
        from symprop.algebra.scalars import differentiate

        try:
            return differentiate(expr, variable)
        except ValueError as error:
            raise self.error(MissingRuleError, f"diff cannot be taken: {error}", syntax) from None

    def _derivative(self, syntax: Syntax) -> Expr:
        of, by = (self.value(part) for part in self.arguments(syntax, 2))
        for expr, part in zip((of, by), syntax.parts, strict=True):
            if not isinstance(expr, Access):
                raise self.error(
                    NotationError, "a derivative is taken of a quantity by a quantity", part, "Write D(L, w[i])."
                )
        return Derivative(syntax.value[0], of, by)

    def _orders(self, syntax: Syntax, count: int) -> tuple[int, ...]:
        """Return the derivatives that primes ask for, by each of `count` arguments; () for none."""
        name, written = syntax.value
        if len(written) > count:
            raise self.error(
                NotationError,
                f"'{name}' has {_arguments(count)}, and no derivative by argument {len(written)}",
                syntax,
                f"Write {name}'(...) for the derivative."
                if count == 1
                else f"Write {name}'(...) for the derivative by the first argument, {name}'2(...) for the second.",
            )
        return (*written, *(0 for _ in range(count - len(written)))) if written else ()

    def _defined(self, syntax: Syntax) -> Expr:
        name, scope = syntax.value[0], self.scope
        function = scope.functions[name]
        count = len(function.parameters) - function.hidden
        hidden = function.parameters[count:]
        if hidden and len(syntax.parts) == len(function.parameters):
            hidden, count = (), len(function.parameters)  # written in full, as expressions are printed
        values = [self.value(part) for part in self.arguments(syntax, count)]
        for parameter in hidden:
            values.append(self._read(parameter, (), syntax))
        result = call(name, *values, orders=self._orders(syntax, len(values)))
        self._refuse_doubling(result, syntax)
        return result

    def _listed(self, name: str, syntax: Syntax) -> Expr:
        row = FUNCTIONS[name]
        values: list[Expr | None] = []
        names = list(row.parameters)
        positional = [part for part in syntax.parts if part.kind != "keyword"]
        if row.variadic is not None:
            if len(positional) != len(syntax.parts) or len(positional) < 2:
                raise self.error(
                    NotationError,
                    f"'{name}' takes two or more arguments, or an index first",
                    syntax,
                    f"Write {name}(a, b), or {self._with_index(name, positional)}.",
                )
            orders = self._orders(syntax, len(positional))
            return call(name, *(self.value(part) for part in positional), orders=orders)
        if len(positional) > len(names) or not syntax.parts:
            raise self.error(
                NotationError,
                f"'{name}' takes {_arguments(len(names))}, not {len(positional)}",
                syntax,
                f"Write {name}({_signature(name)}).",
            )
        values = [None] * len(names)
        for place, part in enumerate(syntax.parts):
            if part.kind != "keyword":
                if part is not positional[place] if place < len(positional) else True:
                    raise self.error(NotationError, "arguments by name stand last", part)
                values[place] = self.value(part)
                continue
            if part.value not in names:
                near = nearest(part.value, names)
                hint = f"Did you mean '{near}'? " if near else ""
                raise self.error(
                    NotationError,
                    f"'{name}' has no argument called '{part.value}'",
                    self.at_name(part),
                    f"{hint}It is {name}({_signature(name)}).",
                )
            position = names.index(part.value)
            if values[position] is not None:
                raise self.error(NotationError, f"'{part.value}' is given twice", self.at_name(part))
            values[position] = self.value(part.parts[0])
        complete: list[Expr] = []
        for parameter, value, default in zip(names, values, row.defaults, strict=True):
            if value is None:
                if default is None:
                    raise self.error(
                        NotationError, f"'{name}' needs '{parameter}'", syntax, f"Write {name}({_signature(name)})."
                    )
                value = Number(default)
            complete.append(value)
        self._refuse_unreal(name, complete, syntax)
        return call(name, *complete, orders=self._orders(syntax, len(complete)))

    def _refuse_unreal(self, name: str, arguments: list[Expr], syntax: Syntax) -> None:
        """Refuse ``log(-1)``: a number that no branch keeps from being evaluated, where the function has no value."""
        if name not in REAL_WHERE or self.guards or self.scope.in_claims or not isinstance(arguments[0], Number):
            return
        condition, holds = REAL_WHERE[name]
        if not holds(arguments[0].value):
            raise self.error(
                NotationError,
                f"{self.written(syntax)} is no real number",
                syntax,
                f"'{name}' has a value where {condition}.",
            )

    # Reductions.

    def _bounds(
        self, found: list[tuple[str, Syntax | None, Syntax | None, Syntax]], bodies: list[Syntax]
    ) -> tuple[Bound, ...]:
        """Bind the indices of a reduction, in order, in the current `binding`."""
        bounds: list[Bound] = []
        if len(found) > MOST_INDICES:
            raise self.error(IndexNotationError, f"at most {MOST_INDICES} indices are reduced at once", found[-1][3])
        for name, lower, upper, part in found:
            if not name:
                raise self.error(NotationError, "this is no index", part, "Write Sum(e, (i, 0, n)).")
            if any(bound.index.name == name for bound in bounds):
                raise self.error(IndexNotationError, f"index '{name}' is bound twice", part)
            if name in self.scope.quantities and name not in self.scope.indices:
                known = self.scope.quantities[name]
                raise self.error(
                    IndexNotationError,
                    f"'{name}' is a quantity and not an index",
                    part,
                    f"'{name}' {known}. A name is never both an index and a quantity.",
                )
            if lower is not None and upper is not None:
                bound = Bound(Index(name), self.limit(lower), self.limit(upper), True)
            else:
                known_range = (
                    self._range_in_layer(name, bodies)
                    or (self._range_from(name, bodies) if name in self.scope.invented else None)
                    or self.scope.range_of(name)
                    or self._range_from(name, bodies)
                )
                if known_range is None:
                    raise self.error(
                        IndexNotationError,
                        f"the range of index '{name}' is not known",
                        part,
                        f"Write its limits, sum({name} = 1..n, ...).",
                    )
                bound = known_range._replace(index=Index(name), written=False)
            bounds.append(bound)
            self.bind(bound)
        return tuple(bounds)

    def _range_in_layer(self, name: str, bodies: list[Syntax]) -> Bound | None:
        """Return the range along the first axis that an index reads plainly and that differs from layer to layer."""
        for piece in (piece for body in bodies for piece in body.walk() if piece.kind == "access"):
            axes = self.scope.axes.get(piece.value, ())
            for axis, part in zip(axes, piece.parts, strict=False):
                is_layered = free_indices(axis.lower) or free_indices(axis.upper)
                if is_layered and len(axes) == len(piece.parts) and part.kind == "name" and part.value == name:
                    layer: dict[Any, Expr] = {
                        other.index: self.subscript(place)
                        for other, place in zip(axes, piece.parts, strict=True)
                        if other is not axis and other.index in free_indices(axis.upper) | free_indices(axis.lower)
                    }
                    lower, upper = (normal(substitute(limit, layer)) for limit in (axis.lower, axis.upper))
                    return Bound(Index(name), lower, upper)
        return None

    def _range_from(self, name: str, bodies: list[Syntax]) -> Bound | None:
        """Return the range of the first axis that an index reads plainly."""
        for body in bodies:
            for piece in body.walk():
                if piece.kind != "access":
                    continue
                for axis, part in zip(self.scope.axes.get(piece.value, ()), piece.parts, strict=False):
                    if part.kind == "name" and part.value == name:
                        return Bound(Index(name), axis.lower, axis.upper)
        return None

    def _without_index(self, syntax: Syntax) -> SympropError:
        name = syntax.value[0]
        for part in syntax.parts:
            if part.kind == "keyword" and part.value == "axis":
                return self.error(IndexNotationError, f"'{name}' has no array here", syntax, f"Write {name}(i, ...).")
            if part.kind == "keyword":
                lower = self.written(part.parts[0])
                return self.error(
                    NotationError,
                    f"'{part.value}' needs two limits",
                    part,
                    f"Write {name}({part.value} = {lower}..n, ...), n being the last.",
                )
        if len(syntax.parts) < 2:
            index = self._index_in(syntax.parts)
            hint = f"Write {name}(i, ...), or {name}(a) for a whole array a."
            if index is not None:
                hint = f"Write {name}({index}, {self.written(syntax.parts[0])})."
            return self.error(IndexNotationError, f"'{name}' needs an index", syntax, hint)
        hint = f"Write {name}(i, j, ...)."
        first = syntax.parts[0]
        if first.kind == "tuple" and all(part.kind == "name" for part in first.parts):
            rest = ", ".join(self.written(part) for part in (*first.parts, *syntax.parts[1:]))
            hint = f"Write {name}({rest})."
        return self.error(IndexNotationError, f"'{name}' takes indices first", first, hint)

    def _with_index(self, name: str, pieces: Sequence[Syntax]) -> str:
        index = self._index_in(pieces)
        return f"{name}({index}, {self.written(pieces[0])})" if index is not None else f"{name}(i, a[i])"

    def _index_in(self, pieces: Sequence[Syntax]) -> str | None:
        """Return the last index that stands plainly in an access and that nothing around binds, or None."""
        found = [
            part.value
            for body in pieces
            for piece in body.walk()
            if piece.kind == "access"
            for part in piece.parts
            if part.kind == "name" and part.value not in self.bound and self._is_index(part.value)
        ]
        reduced = {
            part.value
            for body in pieces
            for piece in body.walk()
            if piece.kind == "call" and piece.value[0] in REDUCTIONS
            for part in piece.parts
            if part.kind == "name"
        }
        found = [index for index in found if index not in reduced]
        return found[-1] if found else None

    def _reduction(
        self, syntax: Syntax, found: list[tuple[str, Syntax | None, Syntax | None, Syntax]], bodies: list[Syntax]
    ) -> Expr:
        name = syntax.value[0]
        kind = REDUCTIONS.get(name) or BODY_FIRST[name]
        with self.binding():
            bounds = self._bounds(found, bodies)
            body = self.value(bodies[0])
        if kind != "mean":
            return reduce(kind, bounds, body)
        return divide(reduce("sum", bounds, body), _count_of(bounds))

    def _softmax(self, syntax: Syntax) -> Expr:
        name = syntax.value[0]
        found, bodies = index_parts(syntax, 1, self._is_index, self._is_size)
        if not found:
            raise self._without_index(syntax)
        within_limits = any(bound[1] is not None for bound in found)
        if within_limits and name == "log_softmax":
            raise self.error(
                NotationError, "log_softmax takes no limits: it is minus infinity beyond", found[0][3], "Use softmax."
            )
        outer = self.context
        with self.binding():
            bounds = self._bounds(found, bodies)
            with self.guard(*(compare("<=", bound.index, bound.upper) for bound in bounds if bound.written)):
                body = self.value(bodies[0])
        unused = [bound.index for bound in bounds if bound.index not in free_indices(body)]
        if unused:
            used = [index for index in sorted(free_indices(body), key=str) if index.name not in self.bound]
            hint = f"It takes several numbers, one for each {unused[0]}: a[{unused[0]}]."
            if used:
                hint = f"Write {name}({used[0]}, {self.written(bodies[0])})."
            raise self.error(
                IndexNotationError,
                f"{name} is over '{unused[0]}', and {self.written(bodies[0])} does not use it",
                syntax,
                hint,
            )
        for index, _, _, part in found:
            if index not in self.bound:
                self.free.setdefault(index, []).append(part)
        result: Expr = log_softmax(bounds, body)
        if name == "softmax":
            result = call("exp", result)
        if within_limits:
            ranges = [*(r for r in (self.scope.range_of(bound.index.name) for bound in bounds) if r), *outer]
            known = tuple({bound.index: bound for bound in ranges}.values())
            inside = junction(
                "and", *(within(bound.index, bound.lower, bound.upper, known) for bound in bounds if bound.written)
            )
            result = where(inside, result, ZERO)
        self._refuse_large(result, syntax)
        return result

    def _loss(self, syntax: Syntax) -> Expr:
        name = syntax.value[0]
        loss = LOSSES[name]
        found, bodies = index_parts(syntax, 2, self._is_index, self._is_size)
        form = f"{name}(k, t[k], y[k])" if loss.reduces else f"{name}(t, y)"
        keyword = next((part for part in syntax.parts if part.kind == "keyword"), None)
        if keyword is not None:
            raise self.error(
                NotationError,
                f"'{name}' has no argument called '{keyword.value}'",
                self.at_name(keyword),
                f"Write {form}.",
            )
        if bool(found) != loss.reduces or len(bodies) != 2:
            index = self._index_in(syntax.parts)
            if loss.reduces and not found and index is not None and len(syntax.parts) == 2:
                form = f"{name}({', '.join((index, *map(self.written, syntax.parts)))})"
            hint = f"Write {form}." + ("" if loss.reduces else f" Over an index: sum(k, {name}(t[k], y[k])).")
            of_one = f"binary_{name}"
            if loss.reduces and not found and index is None and len(syntax.parts) == 2 and of_one in LOSSES:
                hint = f"Of one number each: {of_one}({', '.join(map(self.written, syntax.parts))})."
            raise self.error(
                NotationError,
                f"'{name}' takes {'an index, ' if loss.reduces else ''}the target and the prediction",
                syntax,
                hint,
            )
        with self.binding():
            bounds = self._bounds(found, bodies)
            target, prediction = (self.value(body) for body in bodies)
        result = loss.build(bounds, target, prediction)
        self._refuse_large(result, syntax)
        return result

    # Growth.

    def weight(self, expr: Expr) -> int:
        """Return the number of nodes, shared ones as often as they occur."""
        known = self.weights.get(id(expr))
        if known is None:
            known = (expr, 1 + sum(self.weight(child) for child in expr.children))
            self.weights[id(expr)] = known
        return known[1]

    def _refuse_large(self, expr: Expr, syntax: Syntax) -> None:
        if self.weight(expr) > LARGEST_EXPANSION:
            raise self.error(
                NotationError,
                "the expression becomes too long when written out",
                self.at_name(syntax),
                "Give inner expressions a name by an equation of their own.",
            )

    def _refuse_doubling(self, called: Call, syntax: Syntax) -> None:
        """Refuse a call that functions of functions make too long: doubled sixteen times a text is 65,536 texts."""
        length = _written_out(called, self.scope.functions, self.scope.occurrences).get("", 0)
        if length > LARGEST_EXPANSION:
            raise self.error(
                NotationError,
                f"'{called.function}' becomes too long when the functions that it calls are written out: "
                f"more than {LARGEST_EXPANSION:,} symbols",
                self.at_name(syntax),
                "Give inner values a name by an equation of their own, and call functions of the names.",
            )


def _written_out(expr: Expr, functions: Mapping[str, Function], known: dict[str, dict[str, int]]) -> dict[str, int]:
    """Return how many nodes an expression has when functions are written out, under the name "".

    Under the name of each scalar stands how often it occurs: so a body is looked at once, whatever is put into it.
    """
    if isinstance(expr, Access) and not expr.indices:
        return {"": 1, expr.name: 1}
    total = {"": 1}
    function = functions.get(expr.function) if isinstance(expr, Call) else None
    body = None if function is None else function.body
    inner = [_written_out(child, functions, known) for child in expr.children]
    times = [1] * len(inner)
    if function is not None and body is not None and isinstance(expr, Call):
        if function.name not in known:
            known[function.name] = {"": 1}  # while it is looked at
            known[function.name] = _written_out(body, functions, known)
        counts = known[function.name]
        times = [counts.get(parameter, 0) for parameter in function.parameters]
        total[""] = counts[""]
    for count, part in zip(times, inner, strict=True):
        for name, amount in part.items():
            total[name] = total.get(name, 0) + count * amount
    return total


CALLABLE = frozenset((*FUNCTIONS, *ALIASES, *LOSSES, *REDUCTIONS, *BODY_FIRST, *SOFTMAXES, *SPECIAL)) - {"Sigma", "Pi"}


def flattened(expr: Expr) -> Expr:
    """Return an index expression with integer inputs as indices, since both are variable."""
    from symprop.algebra.expressions import walk

    mapping: dict[Expr, Expr] = {node: Index(f"{node}") for node in walk(expr) if isinstance(node, Access)}
    return substitute(expr, mapping) if mapping else expr


def flat_terms(syntax: Syntax) -> list[tuple[bool, Syntax]]:
    """Return the terms of a sum with their signs, through brackets and signs, so that each is added once."""
    found: list[tuple[bool, Syntax]] = []
    stack = [(True, syntax)]
    while stack:
        positive, piece = stack.pop()
        if piece.kind == "sum":
            stack.extend(
                (positive == (sign == "+"), part)
                for sign, part in zip(reversed(piece.value), reversed(piece.parts), strict=True)
            )
        elif piece.kind == "group":
            stack.append((positive, piece.parts[0]))
        elif piece.kind == "signed" and _is_sum(piece.parts[0]):
            stack.append((positive == (piece.value == "+"), piece.parts[0]))
        else:
            found.append((positive, piece))
    return found


def _is_sum(syntax: Syntax) -> bool:
    while syntax.kind in ("group", "signed"):
        syntax = syntax.parts[0]
    return syntax.kind == "sum"


def flat_factors(syntax: Syntax) -> list[tuple[bool, Syntax]]:
    """Return the factors of a product, each with whether it is divided by."""
    found: list[tuple[bool, Syntax]] = []
    stack = [(False, syntax)]
    while stack:
        inverted, piece = stack.pop()
        if piece.kind == "product" and not inverted:
            stack.extend(
                (operator == "/", part)
                for operator, part in zip(reversed(piece.value), reversed(piece.parts), strict=True)
            )
        elif piece.kind == "group" and not inverted:
            stack.append((inverted, piece.parts[0]))
        else:
            found.append((inverted, piece))
    return found


def _coefficients(expr: Expr) -> list[Fraction]:
    if isinstance(expr, Number):
        return [expr.value]
    if isinstance(expr, Mul) and isinstance(expr.factors[0], Number):
        return [expr.factors[0].value]
    return []


def _count_of(bounds: tuple[Bound, ...]) -> Expr:
    """Return how often a reduction reads its body; limits that use each other are counted by a sum."""
    names = {bound.index for bound in bounds}
    if any(names & (free_indices(bound.lower) | free_indices(bound.upper)) for bound in bounds):
        return reduce("sum", bounds, ONE)
    return mul(*(normal(bound.upper - bound.lower + ONE) for bound in bounds))


def _size_for(index: str) -> str:
    return index.upper() if index.upper() != index else f"n_{index}"


def _count(rank: int) -> str:
    return {0: "no index", 1: "1 index"}.get(rank, f"{rank} indices")


def _arguments(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"


def _signature(name: str) -> str:
    row = FUNCTIONS[name]
    return ", ".join(
        parameter if default is None else f"{parameter}={default}"
        for parameter, default in zip(row.parameters, row.defaults, strict=True)
    )


def _pattern(name: str, count: int) -> str:
    forms = {
        "where": "(condition, then, otherwise)",
        "diff": "(e, x)",
        "D": "(U, V)",
        "P": "(U, V)",
        "divides": "(a, b)",
    }
    return forms.get(name, f"({', '.join('uvwxyz'[place % 6] for place in range(count))})")
