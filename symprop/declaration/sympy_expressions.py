"""sympy expressions as ours: what their symbols are called, and what each of their parts is in the language.

sympy is asked for nothing but the parts of its objects; the order of terms and factors is the one that it prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    EULER,
    ONE,
    PI,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Size,
    add,
    call,
    compare,
    free_indices,
    fresh_index,
    iverson,
    junction,
    mul,
    number,
    power,
    reduce,
    scalar,
    walk,
    where,
)
from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.algebra.indices import normal
from symprop.algebra.losses import LOSSES
from symprop.algebra.writer import is_negative
from symprop.declaration.names import spelled
from symprop.declaration.syntax import STATEMENT_WORDS
from symprop.errors import DeclarationError, MissingRuleError, NotationError

Limits = tuple[Expr, Expr]

# Expressions share their parts in sympy, and are written out in a text.
LARGEST_EXPRESSION = 20_000  # nodes
LARGEST_SHOWN = 200
LONGEST_EXCERPT = 60

_NAME = re.compile(r"[^\W\d]\w*")
REDUCTIONS = ("softmax", "log_softmax", "logsumexp", "mean", "argmax", "argmin")
# Called like functions, by their names in the language: Function("softmax")(k, a[k]).
_CALLED = {*FUNCTIONS, *ALIASES, *LOSSES, *REDUCTIONS, "stop"}
_RELATIONS = {
    "Equality": "==",
    "Unequality": "!=",
    "StrictLessThan": "<",
    "LessThan": "<=",
    "StrictGreaterThan": ">",
    "GreaterThan": ">=",
}
# sympy's classes that have a row of another name, or whose row states no name of sympy's.
_CLASSES = {
    "Abs": "abs",
    "sign": "sign",
    "floor": "floor",
    "ceiling": "ceil",
    "tanh": "tanh",
    "acot": "acot",
    **{row.sympy_name: name for name, row in FUNCTIONS.items() if row.sympy_name},
}
_HINTS = {
    "Integral": "Write a sum, or name the integral as an input.",
    "Limit": "Write the limit itself.",
    "re": "Quantities are real: make the symbols with real=True, so that sympy does not split them.",
    "im": "Quantities are real: make the symbols with real=True, so that sympy does not split them.",
    "conjugate": "Quantities are real: make the symbols with real=True.",
    "DiracDelta": "The derivative of a step is 0 here; leave it away.",
}
MATRICES = "Write with indices, IndexedBase('W')[j, i], or as text: symprop.parse('a = W @ x + b')."


@dataclass(frozen=True)
class Pair:
    """One equation as given: both sides, and limits that it holds for."""

    left: Any
    right: Any
    limits: tuple[Any, ...] = ()

    def nodes(self) -> Iterator[Any]:
        """Yield every part of both sides."""
        yield from parts_of(self.left)
        yield from parts_of(self.right)


def sympified(value: Any) -> Any:
    """Return a number of Python as one of sympy; text is never read."""
    from sympy import Basic, Float, Integer, Rational

    if isinstance(value, Basic):
        return value
    if isinstance(value, bool):
        raise NotationError(f"{value} is no number")
    if isinstance(value, int):
        return Integer(value)
    if isinstance(value, Fraction):
        return Rational(value.numerator, value.denominator)
    if isinstance(value, float):
        return Float(value)
    if hasattr(value, "is_Matrix") or hasattr(value, "__array__"):
        raise NotationError("matrices and arrays are not read from sympy", hint=MATRICES)
    hint = "Text is read by symprop.parse." if isinstance(value, str) else None
    raise NotationError(f"{shown(value)} is nothing of sympy's", hint=hint)


def shown(value: Any) -> str:
    """Return how something is printed, not too long, for messages."""
    from sympy import Basic

    try:
        if isinstance(value, Basic) and count_nodes(value) > LARGEST_SHOWN:
            return f"a {type(value).__name__} of many parts"
        written = " ".join(str(value).split())
    except Exception:  # a printer of sympy's, or of somebody's own class
        written = f"a {type(value).__name__}"
    return written if len(written) <= LONGEST_EXCERPT else f"{written[: LONGEST_EXCERPT - 3]}..."


def exact(value: Any) -> Fraction:
    """Return a number as the exact one that is read from its decimals."""
    found = sympified(value)
    if found.is_Rational:
        return Fraction(int(found.p), int(found.q))
    if found.is_Float and found.is_finite:
        # The shortest decimals of a double; a longer Float shows all of its digits.
        decimals = repr(float(found)) if found._prec <= 53 else str(found)
        return Fraction(Decimal(decimals))
    raise NotationError(f"{shown(value)} is no rational number", hint="Write such as 3, 0.1 or Rational(1, 3).")


def count_nodes(expr: Any) -> int:
    """Return the number of nodes, shared ones as often as they occur: sympy prints and sorts them each time anew."""
    sizes: dict[Any, int] = {}
    stack = [expr]
    while stack:
        node = stack[-1]
        waiting = [part for part in node.args if part not in sizes]
        if waiting:
            stack.extend(waiting)
        else:
            sizes[stack.pop()] = 1 + sum(sizes[part] for part in node.args)
    return sizes[expr]


def parts_of(expr: Any) -> Iterator[Any]:
    """Yield every part of a sympy expression, each once; labels of arrays and of indices are no parts."""
    from sympy import Idx, Indexed

    seen: set[Any] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        if isinstance(node, Idx):
            continue
        stack.extend(node.indices if isinstance(node, Indexed) else node.args)


@dataclass
class Names:
    """What each name is.

    Attributes
    ----------
    meant : dict of str to Symbol
        The symbol that has a name; two with one name are refused.
    dummies : dict of Dummy to str
        Their names, which are made up.
    reserved : set of str
        The names of all other symbols, which no dummy may take.
    indices : dict of str to Symbol or Idx
    sizes : set of str
        What stands in limits and shapes, indices and roles excepted.
    in_limits : set of str
        Scalars that stand in subscripts or limits, so that a constant among them is an integer.
    """

    meant: dict[str, Any] = field(default_factory=dict)
    dummies: dict[Any, str] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    indices: dict[str, Any] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)
    in_limits: set[str] = field(default_factory=set)

    def name(self, symbol: Any) -> str:
        """Return the name of a symbol in the language.

        Raises
        ------
        DeclarationError
            If it has none, or another symbol has the same.
        """
        from sympy import Dummy, Idx, Indexed, IndexedBase, Symbol

        if isinstance(symbol, str):
            return self.spelled(symbol)
        if isinstance(symbol, Indexed):
            symbol = symbol.base
        if isinstance(symbol, IndexedBase | Idx):
            is_index = isinstance(symbol, Idx)
            symbol = symbol.label
        else:
            is_index = False
        if not isinstance(symbol, Symbol):
            raise NotationError(f"{shown(symbol)} is no symbol", hint=_hint_for(symbol))
        if isinstance(symbol, Dummy):
            return self.dummy(symbol)
        name = self.spelled(symbol.name)
        before = self.meant.setdefault(name, symbol)
        # Idx makes its label an integer; a plain symbol of that name is the same index.
        if before != symbol and not is_index and name not in self.indices:
            raise DeclarationError(
                f"two different symbols are called '{name}'",
                hint=f"They differ in their assumptions: {_assumptions(before)} and {_assumptions(symbol)}."
                if before.name == symbol.name
                else f"'{before.name}' and '{symbol.name}' are one name in the language.",
            )
        return name

    def spelled(self, written: str) -> str:
        try:
            name = spelled(written)
        except ValueError as error:
            raise DeclarationError(f"'{written}' is no name in the language: {error}") from None
        if not _NAME.fullmatch(name):
            raise DeclarationError(
                f"'{written}' is no name in the language", hint="Letters, digits and _ can stand in one."
            )
        if name in STATEMENT_WORDS:
            raise DeclarationError(f"'{name}' begins a statement of the language", hint="Choose another name.")
        return name

    def dummy(self, symbol: Any) -> str:
        if symbol not in self.dummies:
            stem = self.spelled(symbol.name.lstrip("_") or "u").rstrip("0123456789_") or "u"
            name, count = stem, 1
            while name in self.reserved or name in self.meant or name in self.dummies.values():
                count += 1
                name = f"{stem}{count}"
            self.dummies[symbol] = name
        return self.dummies[symbol]


def _assumptions(symbol: Any) -> str:
    stated = symbol._assumptions_orig
    return ", ".join(f"{name}={value}" for name, value in sorted(stated.items())) or "none"


def _hint_for(symbol: Any) -> str | None:
    return MATRICES if getattr(symbol, "is_Matrix", False) or is_matrix(symbol) else None


def is_matrix(expr: Any) -> bool:
    from sympy import MatrixBase, NDimArray
    from sympy.matrices.expressions.matexpr import MatrixElement, MatrixExpr

    return isinstance(expr, MatrixBase | NDimArray | MatrixExpr | MatrixElement)


@dataclass(frozen=True)
class EquationText:
    target: Access
    expression: Expr
    limits: tuple[Bound, ...] = ()

    def __str__(self) -> str:
        limits = ", ".join(f"{bound.index} = {bound.lower}..{bound.upper}" for bound in self.limits)
        return f"{self.target} = {self.expression}" + (f" for {limits}" if limits else "")

    @property
    def accesses(self) -> list[Access]:
        parts = (*self.target.indices, self.expression)
        return [node for part in parts for node in walk(part) if isinstance(node, Access)]

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(access.name for access in self.accesses))

    @property
    def ranked(self) -> frozenset[str]:
        """Names of what is read with indices."""
        return frozenset(access.name for access in self.accesses if access.indices)


@dataclass(frozen=True)
class FunctionText:
    name: str
    parameters: tuple[str, ...]
    body: Expr | None

    def __str__(self) -> str:
        head = f"function {self.name}({', '.join(self.parameters)})"
        return head if self.body is None else f"{head} = {self.body}"

    @property
    def reads(self) -> tuple[str, ...]:
        nodes = walk(self.body) if self.body is not None else ()
        names = dict.fromkeys(node.name for node in nodes if isinstance(node, Access))
        return tuple(name for name in names if name not in self.parameters)


class Conversion:
    """Turns sympy expressions into ours; what it meets of abstract functions it notes."""

    def __init__(self, names: Names, ranges: Mapping[str, Limits]) -> None:
        self.names = names
        self.ranges = ranges
        self.taken: frozenset[Index] = frozenset()  # indices that are free or bound around
        self.renamed: dict[str, Index] = {}
        self.parameters: frozenset[str] = frozenset()
        self.abstract: dict[str, int] = {}
        self.defined: dict[str, int] = {}
        self.memo: dict[Any, Expr] = {}
        self.within: Pair

    def equations(self, pairs: list[Pair]) -> tuple[list[FunctionText], list[EquationText]]:
        """Return functions and equations, in the order in which they are given."""
        from sympy.core.function import AppliedUndef

        heads = [pair for pair in pairs if isinstance(pair.left, AppliedUndef)]
        for pair in heads:
            self.defined[self.names.spelled(pair.left.func.__name__)] = len(pair.left.args)
        functions = [self.function(pair) for pair in heads]
        equations = [self.equation(pair) for pair in pairs if not isinstance(pair.left, AppliedUndef)]
        letters = ("u", "v", "w", "x", "y", "z")
        for name, count in self.abstract.items():
            parameters = letters[:count] if count <= len(letters) else tuple(f"u{n + 1}" for n in range(count))
            functions.insert(0, FunctionText(name, parameters, None))
        return functions, equations

    def function(self, pair: Pair) -> FunctionText:
        from sympy import Symbol

        parameters = pair.left.args
        if pair.limits or not all(isinstance(one, Symbol) for one in parameters):
            raise NotationError(
                f"{shown(pair.left)} is no head of a function", hint="Write Eq(f(u), ...) with a symbol u."
            )
        names = tuple(self.names.name(one) for one in parameters)
        self.parameters = frozenset(names)
        body = self.right(pair)
        self.parameters = frozenset()
        return FunctionText(self.names.spelled(pair.left.func.__name__), names, body)

    def equation(self, pair: Pair) -> EquationText:
        from sympy import Indexed, Symbol

        if not isinstance(pair.left, Symbol | Indexed):
            hint = "An equation defines one quantity: Eq(y, ...) or Eq(a[j], ...)."
            raise NotationError(
                f"the left side {shown(pair.left)} is no quantity", hint=MATRICES if is_matrix(pair.left) else hint
            )
        self.taken, self.renamed, self.memo = frozenset(), {}, {}
        target = self.convert(pair.left)
        if not isinstance(target, Access):
            raise DeclarationError(
                f"'{target}' is {'an index' if isinstance(target, Index) else 'a size'} and cannot be defined",
                hint="A name is never both an index and a quantity.",
            )
        self.taken = free_indices(target)
        self.memo = {}
        limits = []
        for limit in pair.limits:
            index, *ends = tuple(limit)
            if len(ends) != 2:
                raise NotationError(f"{shown(limit)} are no limits", hint="Write (t, 1, T).")
            lower, upper = map(self.limit, ends)
            name = self.names.name(index)
            if self.ranges.get(name) != (lower, upper):
                limits.append(Bound(Index(name), lower, upper, True))
        return EquationText(target, self.right(pair), tuple(limits))

    def right(self, pair: Pair) -> Expr:
        self.memo, self.within = {}, pair
        try:
            found = self.convert(pair.right)
        except (NotationError, MissingRuleError) as error:
            place = f"It stands in {shown(pair.left)} = {shown(pair.right)}."
            error.hint = f"{error.hint}\n{place}" if error.hint else place
            raise
        return found

    def limit(self, expr: Any) -> Expr:
        """Return a limit: an integer expression in sizes and indices."""
        found = normal(self.convert(sympified(expr)))
        self.names.in_limits |= {node.name for node in walk(found) if isinstance(node, Access)}
        return found

    def convert(self, expr: Any) -> Expr:
        found = self.memo.get(expr)
        if found is None:
            found = self.memo[expr] = self.form(expr)
        return found

    def all(self, parts: Iterable[Any]) -> list[Expr]:
        return [self.convert(part) for part in parts]

    def form(self, expr: Any) -> Expr:
        import sympy
        from sympy.core.function import AppliedUndef

        if isinstance(expr, sympy.Symbol | sympy.Idx):
            return self.symbol(expr)
        if isinstance(expr, sympy.Indexed):
            name = self.names.name(expr)
            indices = tuple(self.subscript(part) for part in expr.indices)
            return Access(name, indices)
        if isinstance(expr, sympy.Number | sympy.NumberSymbol | sympy.core.numbers.ImaginaryUnit):
            return self.number(expr)
        if isinstance(expr, sympy.Add):
            return add(*_positive_first(self.all(expr.as_ordered_terms())))
        if isinstance(expr, sympy.Mul):
            return mul(*self.all(expr.as_ordered_factors()))
        if isinstance(expr, sympy.Pow):
            base, exponent = self.all(expr.args)
            return call("exp", exponent) if expr.base is sympy.E else power(base, exponent)
        if isinstance(expr, sympy.Sum | sympy.Product):
            return self.reduction("sum" if isinstance(expr, sympy.Sum) else "prod", expr)
        if isinstance(expr, sympy.Piecewise):
            return self.cases(expr)
        if isinstance(expr, sympy.KroneckerDelta):
            return iverson(compare("==", *self.all(expr.args[:2])))
        if isinstance(expr, sympy.Heaviside):
            return self.step(expr)
        if isinstance(expr, sympy.Max | sympy.Min):
            return self.extremum("max" if isinstance(expr, sympy.Max) else "min", expr)
        if isinstance(expr, sympy.Mod):
            left, right = self.all(expr.args)
            return left - right * call("floor", left / right)
        if isinstance(expr, sympy.Derivative):
            return self.derivative(expr)
        if isinstance(expr, sympy.Subs):
            return self.substituted(expr)
        if isinstance(expr, sympy.UnevaluatedExpr):
            return self.convert(expr.args[0])
        if isinstance(expr, AppliedUndef):
            return self.applied(expr.func.__name__, self.all(expr.args))
        name = type(expr).__name__
        if name in _CLASSES and isinstance(expr, sympy.Function):
            return call(_CLASSES[name], *self.all(expr.args))
        if isinstance(expr, sympy.logic.boolalg.Boolean):
            return iverson(self.condition(expr))
        raise _without_form(expr)

    def symbol(self, symbol: Any) -> Expr:
        from sympy import Idx, Symbol

        if isinstance(symbol, Idx) and not isinstance(symbol.label, Symbol):
            return self.convert(symbol.label)
        name = self.names.name(symbol)
        if name in self.parameters:
            return scalar(name)
        if name in self.names.indices:
            return self.renamed.get(name) or Index(name)
        return Size(name) if name in self.names.sizes else scalar(name)

    def subscript(self, expr: Any) -> Expr:
        found = self.convert(expr)
        self.names.in_limits |= {node.name for node in walk(found) if isinstance(node, Access) and not node.indices}
        return found

    def number(self, expr: Any) -> Expr:
        import sympy

        if expr.is_Rational or expr.is_Float:
            if expr.is_finite:
                return number(exact(expr))
        elif expr is sympy.pi or expr is sympy.E:
            name = str(expr)
            if name in self.names.meant:
                raise DeclarationError(
                    f"a symbol is called '{name}', and the number stands in {shown(self.within.right)}",
                    hint="Call the symbol otherwise.",
                )
            return PI if expr is sympy.pi else EULER
        elif expr is sympy.GoldenRatio:
            return self.convert((1 + sympy.sqrt(5)) / 2)
        if not expr.is_real or not expr.is_finite:
            raise NotationError(f"{shown(expr)} is no real number")
        raise _without_form(expr)

    def reduction(self, kind: str, expr: Any) -> Expr:
        """Return a sum or a product; sympy's first limits are the innermost ones."""
        taken, renamed, memo = self.taken, self.renamed, self.memo
        self.renamed = dict(renamed)
        bounds: list[Bound] = []
        for index, *ends in reversed(expr.limits):
            if len(ends) == 1:
                raise NotationError(f"{shown(expr)} has one limit", hint="Write Sum(e, (i, 1, n)).")
            name = self.names.name(index)
            self.memo = {}  # what the limits mean depends on the indices that are bound before
            ends = [self.limit(end) for end in ends]
            lower, upper = ends or self.ranges.get(name) or (ONE, Size(f"n_{name}"))
            own = Index(name)
            if own in self.taken:
                own = fresh_index(own, self.taken | {Index(other) for other in self.names.indices})
            self.renamed[name] = own
            self.taken |= {own}
            bounds.append(Bound(own, lower, upper, bool(ends) and self.ranges.get(name) != (lower, upper)))
        self.memo = {}
        body = self.convert(expr.function)
        self.taken, self.renamed, self.memo = taken, renamed, memo
        return reduce(kind, tuple(bounds), body)

    def cases(self, expr: Any) -> Expr:
        *cases, (last, otherwise) = expr.args
        if otherwise != True:  # noqa: E712 - sympy's own true
            raise NotationError("a Piecewise does not say what holds otherwise", hint="End it with a case (..., True).")
        found = self.convert(last)
        for then, condition in reversed(cases):
            found = where(self.condition(condition), self.convert(then), found)
        return found

    def step(self, expr: Any) -> Expr:
        argument, at_zero = self.all(expr.args)
        if at_zero == number("1/2"):
            return call("step", argument)
        return where(compare(">", argument, ZERO), ONE, where(compare("<", argument, ZERO), ZERO, at_zero))

    def extremum(self, name: str, expr: Any) -> Expr:
        # max(i, e) reduces over an index i: an index stands last, or is compared.
        parts = sorted(self.all(expr.args), key=lambda part: isinstance(part, Index))
        if isinstance(parts[0], Index):
            operator = ">=" if name == "max" else "<="
            found: Expr = parts[0]
            for part in parts[1:]:
                found = where(compare(operator, found, part), found, part)
            return found
        return call(name, *parts)

    def condition(self, expr: Any) -> Expr:
        import sympy

        if expr in (sympy.true, sympy.false):
            return compare("==" if expr else "!=", ZERO, ZERO)
        operator = _RELATIONS.get(type(expr).__name__)
        if operator is not None:
            left, right = expr.args
            if operator == "==" and right == 0 and isinstance(left, sympy.Mod):
                value, divisor = self.all(left.args)
                return compare("divides", divisor, value)
            return compare(operator, self.convert(left), self.convert(right))
        for kind, word in ((sympy.And, "and"), (sympy.Or, "or"), (sympy.Not, "not")):
            if isinstance(expr, kind):
                return junction(word, *(self.condition(part) for part in sorted(expr.args, key=str)))
        raise _without_form(expr)

    def derivative(self, expr: Any) -> Expr:
        from sympy.core.function import AppliedUndef

        inner = expr.expr
        counts = expr.variable_count
        if isinstance(inner, AppliedUndef) and len(inner.args) == 1 and inner.args[0] == counts[0][0]:
            return self.primed(inner, inner.args[0], counts)
        found = self.convert(inner)
        for variable, count in counts:
            by = self.convert(variable)
            if not isinstance(by, Access) or not count.is_Integer:
                raise _without_form(expr)
            for _ in range(int(count)):
                found = call("diff", found, by)
        return found

    def substituted(self, expr: Any) -> Expr:
        """Return ``g'(e)``, which sympy writes as a derivative at a dummy that is then replaced."""
        from sympy import Derivative
        from sympy.core.function import AppliedUndef

        inner = expr.expr
        if isinstance(inner, Derivative) and len(expr.variables) == 1:
            own, counts = inner.expr, inner.variable_count
            if isinstance(own, AppliedUndef) and own.args == expr.variables and own.args[0] == counts[0][0]:
                return self.primed(own, expr.point[0], counts)
        raise _without_form(expr)

    def primed(self, function: Any, argument: Any, counts: Any) -> Expr:
        if len(counts) != 1 or not counts[0][1].is_Integer:
            raise _without_form(function)
        return self.applied(function.func.__name__, [self.convert(argument)], (int(counts[0][1]),))

    def applied(self, written: str, arguments: list[Expr], orders: tuple[int, ...] = ()) -> Expr:
        name = self.names.spelled(written)
        if name in self.defined or name not in _CALLED:
            known = self.defined.get(name) or self.abstract.setdefault(name, len(arguments))
            if known != len(arguments):
                raise NotationError(f"'{name}' takes {known} and {len(arguments)} arguments")
        return call(name, *arguments, orders=orders)


def _positive_first(terms: list[Expr]) -> list[Expr]:
    """Return terms with one in front that has no minus sign: ``y - t``, where sympy sorts ``-t + y``."""
    for place, term in enumerate(terms):
        if not is_negative(term):
            return [term, *terms[:place], *terms[place + 1 :]]
    return terms


def _without_form(expr: Any) -> NotationError:
    name = type(expr).__name__
    if is_matrix(expr) or any(is_matrix(part) for part in getattr(expr, "args", ())):
        return NotationError(f"matrices of sympy are not read ({name} {shown(expr)})", hint=MATRICES)
    return NotationError(f"sympy's {name} has no form in the language: {shown(expr)}", hint=_HINTS.get(name))
