"""sympy equations to text in the language, and that text to a `Network`: there is one reader, the parser.

The way of the equations: `_Names` finds out what each symbol is (index, size, quantity, function), `_Conversion` turns
right sides into our expressions, whose spelling is the text of the network.  Nothing is evaluated from strings, and
sympy is asked for nothing but the parts of its objects.

=========================================  =======================================
sympy                                      the language
=========================================  =======================================
``Symbol``, ``Dummy``                      a scalar, an index or a size
``IndexedBase("W")[j, i]``                 ``W[j,i]``
``Idx("i", (0, D))``                       ``index i = 0..D``; ``Idx("i", D)`` is ``0..D - 1``
``Sum``, ``Product``                       ``sum(i = 1..n, ...)``, ``prod``
``Max``, ``Min``, ``Abs``, ``sign``        ``max``, ``min``, ``abs``, ``sign``
``Piecewise``, ``KroneckerDelta``          ``where``, ``[i == j]``
``Heaviside``                              ``step``, 1/2 at 0; another value at 0 is a ``where``
``Function("sigmoid")(a)``                 a function of the catalogue if it has that name
``Function("g")(u)``                       ``function g(u)``, any differentiable function
``g(u).diff(u)``                           ``g'(u)``
``Derivative(e, x)``                       ``diff(e, x)``
=========================================  =======================================
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
    Number,
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
    stem_of,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.algebra.indices import normal
from symprop.algebra.losses import LOSSES
from symprop.algebra.writer import is_negative
from symprop.declaration.names import spelled
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.declaration.syntax import STATEMENT_WORDS
from symprop.errors import DeclarationError, IndexNotationError, MissingRuleError, NotationError, OptionError, nearest

Limits = tuple[Expr, Expr]

# Expressions share their parts in sympy, and are written out in a text.
LARGEST_EXPRESSION = 100_000  # nodes
LONGEST_EXCERPT = 60

_NAME = re.compile(r"[^\W\d]\w*")
_CONSTANT_NAMES = ("pi", "E", "e")
_LETTERS = "ijklmnpqrstuvw"
_REDUCTIONS = ("softmax", "log_softmax", "logsumexp", "mean", "argmax", "argmin")
# Called like functions, by their names in the language: Function("softmax")(k, a[k]).
_CALLED = {*FUNCTIONS, *ALIASES, *LOSSES, *_REDUCTIONS, "stop"}
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
_MATRICES = "Write with indices, IndexedBase('W')[j, i], or as text: symprop.parse('a = W @ x + b')."


def from_sympy(
    equations: Any,
    *,
    minimize: Any = None,
    maximize: Any = None,
    parameters: Any = (),
    inputs: Any = (),
    targets: Any = (),
    constants: Mapping[Any, Any] | None = None,
    hyperparameters: Mapping[Any, Any] | Iterable[Any] = (),
    integers: Mapping[Any, Any] | None = None,
    ranges: Mapping[Any, Any] | None = None,
    predict: Any = (),
) -> Network:
    """Return the network that sympy equations make.

    Parameters
    ----------
    equations : sequence of Eq or (left, right), or mapping of left to right
        Each defines a ``Symbol``, an ``Indexed`` or, for the catalogue of functions, ``f(u)``. Limits may follow a pair
        as in ``Sum``: ``(h[t, j], right, (t, 1, T))`` holds for t from 1 to T.
    minimize, maximize : Symbol, expression, or mapping of Symbol to parameters, optional
        The objective. An expression is called ``L`` if minimised and ``J`` if maximised. A mapping states several,
        each with the parameters that it is minimised over. Without either the last scalar is minimised.
    parameters, inputs, targets : Symbol or IndexedBase, or sequence of them
        Roles. Without `inputs`, whatever is left is an input. Without any role every undefined name is an input that
        may be differentiated by, as in a text.
    constants : mapping of Symbol to number, optional
        A ``Float`` and a float are the decimals that they are printed as.
    hyperparameters : mapping of Symbol to number, or sequence of Symbol
    integers : mapping of Symbol or IndexedBase to (least, greatest), optional
        Inputs that may stand in an index, such as ``{tok: (0, V - 1)}``.
    ranges : mapping of index to (first, last), optional
        Ranges of indices that no ``Idx``, ``Sum`` or shape tells, inclusive; ``n`` alone is (1, n). An index without a
        range starts at 1. ``IndexedBase("x", shape=(n,))`` counts from 0, as everywhere in sympy, unless the indices
        that it is read at say otherwise.
    predict : Symbol or IndexedBase, or sequence of them

    Returns
    -------
    Network
        Its ``text`` is the network in the language.

    Raises
    ------
    NotationError
        If something is no equation, or has no form in the language (matrices, integrals).
    DeclarationError
        If a name cannot stand in the language, is meant in two ways, or has no role where others have one.
    SympropError
        For all that `parse` refuses; its place is one in the text that the equations were turned to.

    Examples
    --------
    >>> from sympy import Eq, Idx, IndexedBase, Sum, symbols, tanh
    >>> n, y, L, t = symbols("n y L t")
    >>> x, w, i = IndexedBase("x"), IndexedBase("w"), Idx("i", (1, n))
    >>> net = from_sympy([Eq(y, tanh(Sum(w[i] * x[i], (i, 1, n)))), Eq(L, (y - t)**2)], parameters=w, targets=t)
    >>> print(net.text)
    index i = 1..n
    input x[i]
    target t
    parameter w[i]
    y = tanh(sum(i, w[i]*x[i]))
    L = (-t + y)**2
    """
    reader = _Reader(
        _roles(parameters, inputs, targets, constants, hyperparameters, integers),
        dict(ranges or {}),
        has_inputs=bool(_listed(inputs)),
    )
    return reader.network(_pairs(equations), {"minimize": minimize, "maximize": maximize}, _listed(predict))


@dataclass(frozen=True)
class _Role:
    """What a symbol was given as; `value` of a constant, limits of an integer."""

    word: str
    value: Any = None


def _listed(given: Any) -> tuple[Any, ...]:
    """Return one or several symbols as a tuple."""
    from sympy import Basic

    if given is None:
        return ()
    if isinstance(given, Basic | str) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


def _roles(
    parameters: Any,
    inputs: Any,
    targets: Any,
    constants: Mapping[Any, Any] | None,
    hyperparameters: Mapping[Any, Any] | Iterable[Any],
    integers: Mapping[Any, Any] | None,
) -> list[tuple[Any, _Role]]:
    for what, given in (("constants", constants), ("integers", integers)):
        if given is not None and not isinstance(given, Mapping):
            raise OptionError(f"{what} are given with their values", hint=f"Write {what}={{symbol: value}}.")
    valued = hyperparameters if isinstance(hyperparameters, Mapping) else dict.fromkeys(_listed(hyperparameters))
    return [
        *((one, _Role("constant", value)) for one, value in (constants or {}).items()),
        *((one, _Role("hyperparameter", value)) for one, value in valued.items()),
        *((one, _Role("integer", value)) for one, value in (integers or {}).items()),
        *((one, _Role("input")) for one in _listed(inputs)),
        *((one, _Role("target")) for one in _listed(targets)),
        *((one, _Role("parameter")) for one in _listed(parameters)),
    ]


@dataclass(frozen=True)
class _Pair:
    """One equation as given: both sides, and limits that it holds for."""

    left: Any
    right: Any
    limits: tuple[Any, ...] = ()

    def nodes(self) -> Iterator[Any]:
        """Yield every part of both sides."""
        yield from _parts(self.left)
        yield from _parts(self.right)


def _pairs(equations: Any) -> list[_Pair]:
    from sympy import Basic, Equality

    if isinstance(equations, Mapping):
        return [_Pair(_sympified(left), _sympified(right)) for left, right in equations.items()]
    if isinstance(equations, Equality):
        equations = [equations]
    if isinstance(equations, str | Basic) or not isinstance(equations, Iterable):
        raise NotationError(
            f"{_shown(equations)} is no list of equations",
            hint="Text is read by symprop.parse." if isinstance(equations, str) else "Write [Eq(y, ...), ...].",
        )
    found: list[_Pair] = []
    for one in equations:
        if isinstance(one, Equality):
            found.append(_Pair(one.lhs, one.rhs))
        elif isinstance(one, tuple | list) and len(one) >= 2:
            found.append(_Pair(_sympified(one[0]), _sympified(one[1]), tuple(one[2:])))
        elif one is True or (isinstance(one, Basic) and one.is_Boolean):
            raise NotationError(
                f"{_shown(one)} is no equation that defines something",
                hint="sympy decided it by itself; write the pair (left, right).",
            )
        else:
            raise NotationError(f"{_shown(one)} is no equation", hint="Write Eq(y, ...) or (y, ...).")
    if not found:
        raise NotationError("there are no equations", hint="Write [Eq(y, ...), ...].")
    return found


def _sympified(value: Any) -> Any:
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
        raise NotationError("matrices and arrays are not read from sympy", hint=_MATRICES)
    hint = "Text is read by symprop.parse." if isinstance(value, str) else None
    raise NotationError(f"{_shown(value)} is nothing of sympy's", hint=hint)


def _shown(value: Any) -> str:
    """Return how something is printed, not too long, for messages."""
    try:
        written = " ".join(str(value).split())
    except Exception:  # a printer of sympy's, or of somebody's own class
        written = f"a {type(value).__name__}"
    return written if len(written) <= LONGEST_EXCERPT else f"{written[: LONGEST_EXCERPT - 3]}..."


def _exact(value: Any) -> Fraction:
    """Return a number as the exact one that is read from its decimals."""
    found = _sympified(value)
    if found.is_Rational:
        return Fraction(int(found.p), int(found.q))
    if found.is_Float and found.is_finite:
        # The shortest decimals of a double; a longer Float shows all of its digits.
        shown = repr(float(found)) if found._prec <= 53 else str(found)
        return Fraction(Decimal(shown))
    raise NotationError(f"{_shown(value)} is no rational number", hint="Write such as 3, 0.1 or Rational(1, 3).")


def _parts(expr: Any) -> Iterator[Any]:
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
class _Names:
    """What each name is.

    Attributes
    ----------
    meant : dict of str to Symbol
        The symbol that has a name; two with one name are refused.
    dummies : dict of Dummy to str
        Their names, which are made up.
    indices : dict of str to Symbol or Idx
    sizes : set of str
        What stands in limits and shapes, indices and roles excepted.
    in_limits : set of str
        Scalars that stand in subscripts or limits, so that a constant among them is an integer.
    """

    meant: dict[str, Any] = field(default_factory=dict)
    dummies: dict[Any, str] = field(default_factory=dict)
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
            raise NotationError(f"{_shown(symbol)} is no symbol", hint=_hint_for(symbol))
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
            while name in self.meant or name in self.dummies.values():
                count += 1
                name = f"{stem}{count}"
            self.dummies[symbol] = name
        return self.dummies[symbol]


def _assumptions(symbol: Any) -> str:
    stated = symbol._assumptions_orig
    return ", ".join(f"{name}={value}" for name, value in sorted(stated.items())) or "none"


def _hint_for(symbol: Any) -> str | None:
    return _MATRICES if getattr(symbol, "is_Matrix", False) or _is_matrix(symbol) else None


def _is_matrix(expr: Any) -> bool:
    from sympy import MatrixBase, NDimArray
    from sympy.matrices.expressions.matexpr import MatrixElement, MatrixExpr

    return isinstance(expr, MatrixBase | NDimArray | MatrixExpr | MatrixElement)


class _Reader:
    """Finds out what the names are, and writes the text."""

    def __init__(self, roles: list[tuple[Any, _Role]], ranges: dict[Any, Any], has_inputs: bool) -> None:
        self.names = _Names()
        self.given_roles = roles
        self.given_ranges = ranges
        self.has_inputs = has_inputs
        self.roles: dict[str, _Role] = {}
        self.ranges: dict[str, Limits] = {}
        self.symbols: dict[str, Any] = {}  # of the quantities that have a role

    def network(self, pairs: list[_Pair], wanted: Mapping[str, Any], predictions: tuple[Any, ...]) -> Network:
        objectives = self.objectives(pairs, wanted)
        try:
            self.find_indices(pairs)
            self.find_sizes(pairs)
            conversion = _Conversion(self.names, self.ranges)
            self.find_ranges(pairs, conversion)
            functions, equations = conversion.equations(pairs)
        except RecursionError:
            raise NotationError(
                "an equation is nested too deeply", hint="Give its inner parts names by equations of their own."
            ) from None
        self.find_roles(equations, functions)
        lines = [*self.declarations(functions, equations), *map(str, functions), *map(str, equations)]
        for sense, name, over in objectives:
            parameters = ", ".join(map(self.names.name, over))
            lines.append(f"{sense} {self.names.name(name)}" + (f" over {parameters}" if over else ""))
        if predictions:
            lines.append(f"predict {', '.join(map(self.names.name, predictions))}")
        network = parse("\n".join(lines))
        _check_names(network, equations)
        return network

    def objectives(self, pairs: list[_Pair], wanted: Mapping[str, Any]) -> list[tuple[str, Any, tuple[Any, ...]]]:
        """Return sense, symbol and parameters of each objective; an expression becomes an equation."""
        from sympy import Symbol

        found: list[tuple[str, Any, tuple[Any, ...]]] = []
        for sense, what in wanted.items():
            if what is None:
                continue
            for one, over in what.items() if isinstance(what, Mapping) else [(what, ())]:
                name = one
                if not isinstance(one, Symbol | str):
                    name = Symbol("L" if sense == "minimize" else "J")
                    if any(pair.left == name for pair in pairs):
                        raise OptionError(
                            f"'{name}' is defined already", hint="Define the objective under another name."
                        )
                    pairs.append(_Pair(name, _sympified(one)))
                found.append((sense, name, _listed(over)))
        return found

    # What the names are.

    def find_indices(self, pairs: list[_Pair]) -> None:
        """Note every name that is an index for sure: given a range, bound, an ``Idx``, or free on a left side."""
        from sympy import Idx, Indexed, Product, Sum, Symbol
        from sympy.core.function import AppliedUndef

        for given in self.given_ranges:
            self.note(given)
        lengths: list[Any] = []
        for one, role in self.given_roles:
            lengths += _shape(one)
            lengths += _interval(role.value, 0) if role.word == "integer" else ()
        for interval in self.given_ranges.values():
            lengths += _interval(interval, 1)
        for pair in pairs:
            for limit in pair.limits:
                self.note(limit[0] if isinstance(limit, tuple | list) and len(limit) == 3 else limit)
            for node in pair.nodes():
                if isinstance(node, Idx):
                    self.note(node)
                    lengths += [limit for limit in (node.lower, node.upper) if limit is not None]
                elif isinstance(node, Sum | Product):
                    for limit in node.limits:
                        self.note(limit[0])
                elif isinstance(node, Indexed):
                    lengths += _shape(node.base)
                elif isinstance(node, AppliedUndef):
                    for index in _index_arguments(node):
                        self.note(index)
        certain = {self.names.name(node) for length in lengths for node in _parts(length) if isinstance(node, Symbol)}
        self.names.sizes |= certain - set(self.names.indices)
        for pair in pairs:
            for part in pair.left.indices if isinstance(pair.left, Indexed) else ():
                if isinstance(part, Symbol) and self.names.name(part) not in self.names.sizes:
                    self.note(part)
        for pair in pairs:
            for node in pair.nodes():
                if isinstance(node, Symbol):
                    self.names.name(node)  # two symbols of one name are found before anything is written

    def note(self, index: Any) -> None:
        from sympy import Idx, Symbol

        names = self.names
        label = index.label if isinstance(index, Idx) else index
        if not isinstance(label, Symbol):
            raise IndexNotationError(f"{_shown(index)} is no index", hint="An index is a Symbol or an Idx.")
        name = names.name(index)
        before = names.indices.setdefault(name, index)
        if isinstance(index, Idx):
            if isinstance(before, Idx) and before != index:
                raise DeclarationError(
                    f"two different indices are called '{name}'",
                    hint=f"Their ranges are {_range_shown(before)} and {_range_shown(index)}.",
                )
            names.indices[name] = index

    def find_sizes(self, pairs: list[_Pair]) -> None:
        """Note every other name that stands in a limit."""
        from sympy import Product, Sum, Symbol

        limits = [part for pair in pairs for limit in pair.limits for part in tuple(limit)[1:]]
        for pair in pairs:
            for node in pair.nodes():
                if isinstance(node, Sum | Product):
                    limits += [part for limit in node.limits for part in limit[1:]]
        found = {self.names.name(n) for limit in limits for n in _parts(_sympified(limit)) if isinstance(n, Symbol)}
        roles = {self.names.name(one) for one, _ in self.given_roles}
        self.names.sizes |= found - set(self.names.indices)
        self.names.sizes -= roles

    def find_ranges(self, pairs: list[_Pair], conversion: _Conversion) -> None:
        """Find the range of each index: given, its own, that of the sums over it, or the shape that it runs along."""
        from sympy import Idx, Indexed, Product, Sum

        written: dict[str, list[Limits]] = {}
        along: dict[str, list[Limits]] = {}
        for pair in pairs:
            limits = [tuple(limit) for limit in pair.limits]
            for node in pair.nodes():
                if isinstance(node, Sum | Product):
                    limits += [tuple(limit) for limit in node.limits]
                elif isinstance(node, Indexed) and node.base.shape is not None:
                    for index, length in zip(node.indices, node.base.shape, strict=False):
                        if index.is_Symbol or isinstance(index, Idx):
                            interval = (ZERO, conversion.limit(length) - ONE)
                            along.setdefault(self.names.name(index), []).append(interval)
            for index, *ends in limits:
                if len(ends) == 2:
                    lower, upper = map(conversion.limit, ends)
                    written.setdefault(self.names.name(index), []).append((lower, upper))
        for name, index in self.names.indices.items():
            given = next((v for one, v in self.given_ranges.items() if self.names.name(one) == name), None)
            if given is not None:
                lower, upper = _interval(given, 1)
                self.ranges[name] = conversion.limit(lower), conversion.limit(upper)
            elif isinstance(index, Idx) and index.lower is not None and index.upper is not None:
                self.ranges[name] = conversion.limit(index.lower), conversion.limit(index.upper)
            else:
                found = written.get(name) or along.get(name) or []
                if found and all(other == found[0] for other in found) and not any(map(free_indices, found[0])):
                    self.ranges[name] = found[0]

    # Roles and axes.

    def find_roles(self, equations: list[_Equation], functions: list[_FunctionText]) -> None:
        """Give every name its role, and refuse roles of names that are nowhere."""
        from sympy import Symbol

        read = dict.fromkeys(name for equation in equations for name in equation.reads)
        read.update(dict.fromkeys(name for function in functions for name in function.reads))
        defined = {equation.target.name for equation in equations}
        places = {*read, *defined, *self.names.sizes, *self.names.in_limits}
        for one, role in self.given_roles:
            name = self.names.name(one)
            if name not in places:
                near = nearest(name, places)
                raise DeclarationError(
                    f"the {role.word} '{name}' stands in no equation", hint=f"Did you mean '{near}'?" if near else None
                )
            if name in self.roles:
                raise DeclarationError(f"'{name}' is {self.roles[name].word} and {role.word}")
            self.roles[name] = role
            self.symbols[name] = one
        left = [name for name in read if name not in defined and name not in self.roles]
        for name in left:
            if self.roles and self.has_inputs:
                near = nearest(name, self.roles)
                raise DeclarationError(
                    f"'{name}' has no role, others have one",
                    hint=f"Did you mean '{near}'?" if near else f"Name it: inputs=[..., {name}].",
                )
            if self.roles:
                self.roles[name] = _Role("input")
                self.symbols[name] = self.names.meant.get(name)
            elif name in _CONSTANT_NAMES and isinstance(self.names.meant.get(name), Symbol):
                raise DeclarationError(
                    f"the symbol '{name}' would be read as the number", hint=f"Give it a role: inputs=[{name}]."
                )

    def declarations(self, functions: list[_FunctionText], equations: list[_Equation]) -> list[str]:
        axes = self.axes(functions, equations)
        rows: dict[str, list[str]] = {}
        for name, role in self.roles.items():
            word, shown = role.word, f"{name}[{','.join(axes[name])}]" if axes.get(name) else name
            if word in ("constant", "hyperparameter") and role.value is not None:
                value = _exact(role.value)
                shown = f"{shown} = {value}"
                if word == "constant" and value.denominator == 1 and name in self.names.in_limits:
                    word = "constant integer"
            elif word == "integer":
                lower, upper = (_Conversion(self.names, self.ranges).limit(end) for end in _interval(role.value, 0))
                shown = f"{shown} in {lower}..{upper}"
            else:
                shown += _domain(self.symbols.get(name))
            rows.setdefault(word, []).append(shown)
        words = ("constant integer", "constant", "hyperparameter", "integer", "input", "target", "parameter")
        found = [f"{word} {', '.join(rows[word])}" for word in words if word in rows]
        # Last, since axes may need more indices.
        return self.index_statements() + found

    def index_statements(self) -> list[str]:
        """Return one statement for all indices; those of one range stand together."""
        names: dict[Limits, list[str]] = {}
        for name, limits in self.ranges.items():
            names.setdefault(limits, []).append(name)
        rows = [f"{', '.join(own)} = {lower}..{upper}" for (lower, upper), own in names.items()]
        return [f"index {', '.join(rows)}"] if rows else []

    def axes(self, functions: list[_FunctionText], equations: list[_Equation]) -> dict[str, tuple[str, ...]]:
        """Return the names of the indices that each quantity with a role is declared with.

        Which ranges its axes have is told by the parser, which takes the hull of everything that is read: it is given
        the same equations without roles.
        """
        ranked = [name for name in self.roles if any(name in equation.ranked for equation in equations)]
        if not ranked:
            return {}
        trial = [self.without_roles(equation) for equation in equations]
        network = parse("\n".join([*self.index_statements(), *map(str, functions), *map(str, trial)]))
        found: dict[str, tuple[str, ...]] = {}
        for name in ranked:
            quantity = network.quantities[name]
            shape = _shape(self.symbols.get(name))
            own: list[str] = []
            for place, axis in enumerate(quantity.axes):
                limits = axis.lower, axis.upper
                if place < len(shape):
                    length = _Conversion(self.names, self.ranges).limit(shape[place])
                    if axis.extent != length:
                        limits = ZERO, length - ONE
                own.append(self.axis_index(axis.index, limits))
            found[name] = tuple(own)
        return found

    def axis_index(self, index: Index, limits: Limits) -> str:
        """Return the name of an index with these limits: the one that is read there, another, or a new one."""
        lower, upper = limits
        name = stem_of(index)
        if self.ranges.get(name) == limits:
            return name
        if name not in self.ranges and limits == (ONE, Size(f"n_{name}")):
            return name
        for name, known in self.ranges.items():
            if known == limits:
                return name
        taken = {*self.names.meant, *self.names.dummies.values(), *self.names.indices, *self.ranges}
        for name in (*_LETTERS, *(f"{letter}{count}" for count in range(2, 100) for letter in _LETTERS)):
            if name not in taken:
                self.ranges[name] = lower, upper
                return name
        raise IndexNotationError("there are too many indices")

    def without_roles(self, equation: _Equation) -> _Equation:
        """Return an equation that reads the same components when no name has a role."""
        constants: dict[Any, Expr] = {
            scalar(name): Number(_exact(role.value)) for name, role in self.roles.items() if role.word == "constant"
        }
        integers = {name for name, role in self.roles.items() if role.word == "integer"}
        bounds: list[Bound] = []

        def rule(node: Expr) -> Expr:
            if not isinstance(node, Access):
                return node
            indexing = [n for part in node.indices for n in walk(part) if isinstance(n, Access) and n.name in integers]
            mapping: dict[Any, Expr] = {}
            for one in dict.fromkeys(indexing):
                ends = _interval(self.roles[one.name].value, 0)
                lower, upper = (_Conversion(self.names, self.ranges).limit(end) for end in ends)
                index = Index(f"any{len(bounds) + 1}")
                bounds.append(Bound(index, lower, upper, True))
                mapping[one] = index
            return add(substitute(node, mapping), *indexing) if mapping else node

        expression = transform(substitute(equation.expression, constants), rule)
        if bounds:
            expression = reduce("sum", tuple(bounds), expression)
        target = substitute(equation.target, constants)
        assert isinstance(target, Access)
        return _Equation(target, expression, equation.limits)


def _check_names(network: Network, equations: list[_Equation]) -> None:
    """Refuse names that the parser took apart, as it does with ``alpha_ji`` where ``alpha`` has two indices."""
    names = {name for equation in equations for name in (equation.target.name, *equation.reads)}
    for name in sorted(names - set(network.quantities) - set(network.sizes)):
        raise DeclarationError(
            f"the symbol '{name}' would be read as another name with indices", hint="Choose another name."
        )


def _index_arguments(expr: Any) -> tuple[Any, ...]:
    """Return the indices of a reduction that is written as a function: ``softmax(k, a[k])``."""
    name = expr.func.__name__
    loss = LOSSES.get(name)
    if loss is not None:
        return expr.args[:-2] if loss.reduces else ()
    return expr.args[:-1] if name in _REDUCTIONS else ()


def _interval(given: Any, first: int) -> tuple[Any, Any]:
    """Return limits that are given as a pair, or as a number of values from `first` on."""
    if isinstance(given, tuple | list) or type(given).__name__ == "Tuple":
        if len(given) != 2:
            raise OptionError(f"{_shown(given)} are no two limits", hint="Write (first, last).")
        return _sympified(given[0]), _sympified(given[1])
    return _sympified(first), _sympified(given) + (first - 1)


def _shape(symbol: Any) -> tuple[Any, ...]:
    shape = getattr(symbol, "shape", None)
    return tuple(shape) if isinstance(shape, Iterable) else ()


def _range_shown(index: Any) -> str:
    return "not given" if index.lower is None else f"{index.lower}..{index.upper}"


def _domain(symbol: Any) -> str:
    """Return the domain that a symbol's assumptions state, as it is declared."""
    symbol = getattr(symbol, "label", symbol)
    for assumption, written in (
        ("is_positive", "(0, inf)"),
        ("is_nonnegative", "[0, inf)"),
        ("is_negative", "(-inf, 0)"),
        ("is_nonpositive", "(-inf, 0]"),
    ):
        if getattr(symbol, assumption, None):
            return f" in {written}"
    return ""


@dataclass(frozen=True)
class _Equation:
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
class _FunctionText:
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


class _Conversion:
    """Turns sympy expressions into ours; what it meets of abstract functions it notes."""

    def __init__(self, names: _Names, ranges: Mapping[str, Limits]) -> None:
        self.names = names
        self.ranges = ranges
        self.taken: frozenset[Index] = frozenset()  # indices that are free or bound around
        self.renamed: dict[str, Index] = {}
        self.parameters: frozenset[str] = frozenset()
        self.abstract: dict[str, int] = {}
        self.defined: dict[str, int] = {}
        self.memo: dict[Any, Expr] = {}
        self.within: _Pair

    def equations(self, pairs: list[_Pair]) -> tuple[list[_FunctionText], list[_Equation]]:
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
            functions.insert(0, _FunctionText(name, parameters, None))
        return functions, equations

    def function(self, pair: _Pair) -> _FunctionText:
        from sympy import Symbol

        parameters = pair.left.args
        if pair.limits or not all(isinstance(one, Symbol) for one in parameters):
            raise NotationError(
                f"{_shown(pair.left)} is no head of a function", hint="Write Eq(f(u), ...) with a symbol u."
            )
        names = tuple(self.names.name(one) for one in parameters)
        self.parameters = frozenset(names)
        body = self.right(pair, "")
        self.parameters = frozenset()
        return _FunctionText(self.names.spelled(pair.left.func.__name__), names, body)

    def equation(self, pair: _Pair) -> _Equation:
        from sympy import Indexed, Symbol

        if not isinstance(pair.left, Symbol | Indexed):
            hint = "An equation defines one quantity: Eq(y, ...) or Eq(a[j], ...)."
            raise NotationError(
                f"the left side {_shown(pair.left)} is no quantity", hint=_MATRICES if _is_matrix(pair.left) else hint
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
                raise NotationError(f"{_shown(limit)} are no limits", hint="Write (t, 1, T).")
            lower, upper = map(self.limit, ends)
            name = self.names.name(index)
            if self.ranges.get(name) != (lower, upper):
                limits.append(Bound(Index(name), lower, upper, True))
        return _Equation(target, self.right(pair, f"{target} = "), tuple(limits))

    def right(self, pair: _Pair, head: str) -> Expr:
        self.memo, self.within = {}, pair
        try:
            found = self.convert(pair.right)
        except (NotationError, MissingRuleError) as error:
            place = f"It stands in {_shown(pair.left)} = {_shown(pair.right)}."
            error.hint = f"{error.hint}\n{place}" if error.hint else place
            raise
        if _weight(found) > LARGEST_EXPRESSION:
            raise NotationError(
                f"the right side of {head or 'a function'}... is too long when written out",
                hint="Give its inner parts names by equations of their own.",
            )
        return found

    def limit(self, expr: Any) -> Expr:
        """Return a limit: an integer expression in sizes and indices."""
        found = normal(self.convert(_sympified(expr)))
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
                return number(_exact(expr))
        elif expr is sympy.pi or expr is sympy.E:
            name = str(expr)
            if name in self.names.meant:
                raise DeclarationError(
                    f"a symbol is called '{name}', and the number stands in {_shown(self.within.right)}",
                    hint="Call the symbol otherwise.",
                )
            return PI if expr is sympy.pi else EULER
        elif expr is sympy.GoldenRatio:
            return self.convert((1 + sympy.sqrt(5)) / 2)
        if not expr.is_real or not expr.is_finite:
            raise NotationError(f"{_shown(expr)} is no real number")
        raise _without_form(expr)

    def reduction(self, kind: str, expr: Any) -> Expr:
        """Return a sum or a product; sympy's first limits are the innermost ones."""
        taken, renamed, memo = self.taken, self.renamed, self.memo
        self.renamed = dict(renamed)
        bounds: list[Bound] = []
        for index, *ends in reversed(expr.limits):
            if len(ends) == 1:
                raise NotationError(f"{_shown(expr)} has one limit", hint="Write Sum(e, (i, 1, n)).")
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


def _weight(expr: Expr) -> int:
    """Return the number of nodes, shared ones as often as they occur."""
    weights: dict[int, int] = {}

    def weigh(node: Expr) -> int:
        found = weights.get(id(node))
        if found is None:
            found = weights[id(node)] = 1 + sum(map(weigh, node.children))
        return found

    return weigh(expr)


def _without_form(expr: Any) -> NotationError:
    name = type(expr).__name__
    if _is_matrix(expr) or any(_is_matrix(part) for part in getattr(expr, "args", ())):
        return NotationError(f"matrices of sympy are not read ({name} {_shown(expr)})", hint=_MATRICES)
    return NotationError(f"sympy's {name} has no form in the language: {_shown(expr)}", hint=_HINTS.get(name))
