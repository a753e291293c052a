"""sympy equations to text in the language, and that text to a `Network`: there is one reader, the parser.

The way of the equations: `Names` finds out what each symbol is (index, size, quantity, function), `Conversion` turns
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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from symprop import arguments
from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Size,
    add,
    free_indices,
    reduce,
    scalar,
    stem_of,
    substitute,
    transform,
    walk,
)
from symprop.algebra.losses import LOSSES
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.declaration.sympy_expressions import (
    LARGEST_EXPRESSION,
    REDUCTIONS,
    Conversion,
    EquationText,
    FunctionText,
    Limits,
    Names,
    Pair,
    count_nodes,
    exact,
    parts_of,
    shown,
    sympified,
)
from symprop.errors import DeclarationError, IndexNotationError, NotationError, OptionError, nearest

_CONSTANT_NAMES = ("pi", "E", "e")
_LETTERS = "ijklmnpqrstuvw"


@arguments.verb
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
    L = (y - t)**2
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


def _pairs(equations: Any) -> list[Pair]:
    from sympy import Basic, Equality

    if isinstance(equations, Mapping):
        return [Pair(sympified(left), sympified(right)) for left, right in equations.items()]
    if isinstance(equations, Equality):
        equations = [equations]
    if isinstance(equations, str | Basic) or not isinstance(equations, Iterable):
        raise NotationError(
            f"{shown(equations)} is no list of equations",
            hint="Text is read by symprop.parse." if isinstance(equations, str) else "Write [Eq(y, ...), ...].",
        )
    found: list[Pair] = []
    for one in equations:
        if isinstance(one, Equality):
            found.append(Pair(one.lhs, one.rhs))
        elif isinstance(one, tuple | list) and len(one) >= 2:
            found.append(Pair(sympified(one[0]), sympified(one[1]), tuple(one[2:])))
        elif one is True or (isinstance(one, Basic) and one.is_Boolean):
            raise NotationError(
                f"{shown(one)} is no equation that defines something",
                hint="sympy decided it by itself; write the pair (left, right).",
            )
        else:
            raise NotationError(f"{shown(one)} is no equation", hint="Write Eq(y, ...) or (y, ...).")
    if not found:
        raise NotationError("there are no equations", hint="Write [Eq(y, ...), ...].")
    return found


class _Reader:
    """Finds out what the names are, and writes the text."""

    def __init__(self, roles: list[tuple[Any, _Role]], ranges: dict[Any, Any], has_inputs: bool) -> None:
        self.names = Names()
        self.given_roles = roles
        self.given_ranges = ranges
        self.has_inputs = has_inputs
        self.roles: dict[str, _Role] = {}
        self.ranges: dict[str, Limits] = {}
        self.symbols: dict[str, Any] = {}  # of the quantities that have a role

    def network(self, pairs: list[Pair], wanted: Mapping[str, Any], predictions: tuple[Any, ...]) -> Network:
        objectives = self.objectives(pairs, wanted)
        try:
            for pair in pairs:
                if count_nodes(pair.right) > LARGEST_EXPRESSION:
                    raise NotationError(
                        f"the right side of {shown(pair.left)} is too long when written out",
                        hint="Give its inner parts names by equations of their own.",
                    )
            self.reserve(pairs)
            self.find_indices(pairs)
            self.find_sizes(pairs)
            conversion = Conversion(self.names, self.ranges)
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

    def objectives(self, pairs: list[Pair], wanted: Mapping[str, Any]) -> list[tuple[str, Any, tuple[Any, ...]]]:
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
                    pairs.append(Pair(name, sympified(one)))
                found.append((sense, name, _listed(over)))
        return found

    # What the names are.

    def reserve(self, pairs: list[Pair]) -> None:
        """Note the names of all symbols that have one, before any dummy gets its name."""
        from sympy import Dummy, Idx, Indexed, Symbol
        from sympy.core.function import AppliedUndef

        for pair in pairs:
            for node in pair.nodes():
                if isinstance(node, AppliedUndef):
                    self.names.reserved.add(node.func.__name__)
                label = node.base.label if isinstance(node, Indexed) else node.label if isinstance(node, Idx) else node
                if isinstance(label, Symbol) and not isinstance(label, Dummy):
                    self.names.reserved.add(self.names.spelled(label.name))

    def find_indices(self, pairs: list[Pair]) -> None:
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
        certain = {self.names.name(node) for length in lengths for node in parts_of(length) if isinstance(node, Symbol)}
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
            raise IndexNotationError(f"{shown(index)} is no index", hint="An index is a Symbol or an Idx.")
        name = names.name(index)
        before = names.indices.setdefault(name, index)
        if isinstance(index, Idx):
            if isinstance(before, Idx) and before != index:
                raise DeclarationError(
                    f"two different indices are called '{name}'",
                    hint=f"Their ranges are {' and '.join(sorted(map(_range_shown, (before, index))))}.",
                )
            names.indices[name] = index

    def find_sizes(self, pairs: list[Pair]) -> None:
        """Note every other name that stands in a limit."""
        from sympy import Product, Sum, Symbol

        limits = [part for pair in pairs for limit in pair.limits for part in tuple(limit)[1:]]
        for pair in pairs:
            for node in pair.nodes():
                if isinstance(node, Sum | Product):
                    limits += [part for limit in node.limits for part in limit[1:]]
        found = {self.names.name(n) for limit in limits for n in parts_of(sympified(limit)) if isinstance(n, Symbol)}
        roles = {self.names.name(one) for one, _ in self.given_roles}
        self.names.sizes |= found - set(self.names.indices)
        self.names.sizes -= roles

    def find_ranges(self, pairs: list[Pair], conversion: Conversion) -> None:
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

    def find_roles(self, equations: list[EquationText], functions: list[FunctionText]) -> None:
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

    def declarations(self, functions: list[FunctionText], equations: list[EquationText]) -> list[str]:
        axes = self.axes(functions, equations)
        rows: dict[str, list[str]] = {}
        for name, role in self.roles.items():
            word, written = role.word, f"{name}[{','.join(axes[name])}]" if axes.get(name) else name
            if word in ("constant", "hyperparameter") and role.value is not None:
                value = exact(role.value)
                written = f"{written} = {value}"
                if word == "constant" and value.denominator == 1 and name in self.names.in_limits:
                    word = "constant integer"
            elif word == "integer":
                lower, upper = (Conversion(self.names, self.ranges).limit(end) for end in _interval(role.value, 0))
                written = f"{written} in {lower}..{upper}"
            else:
                written += _domain(self.symbols.get(name))
            rows.setdefault(word, []).append(written)
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

    def axes(self, functions: list[FunctionText], equations: list[EquationText]) -> dict[str, tuple[str, ...]]:
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
                    length = Conversion(self.names, self.ranges).limit(shape[place])
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

    def without_roles(self, equation: EquationText) -> EquationText:
        """Return an equation that reads the same components when no name has a role."""
        constants: dict[Any, Expr] = {
            scalar(name): Number(exact(role.value)) for name, role in self.roles.items() if role.word == "constant"
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
                lower, upper = (Conversion(self.names, self.ranges).limit(end) for end in ends)
                index = Index(f"any{len(bounds) + 1}")
                bounds.append(Bound(index, lower, upper, True))
                mapping[one] = index
            return add(substitute(node, mapping), *indexing) if mapping else node

        expression = transform(substitute(equation.expression, constants), rule)
        if bounds:
            expression = reduce("sum", tuple(bounds), expression)
        target = substitute(equation.target, constants)
        assert isinstance(target, Access)
        return EquationText(target, expression, equation.limits)


def _check_names(network: Network, equations: list[EquationText]) -> None:
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
    return expr.args[:-1] if name in REDUCTIONS else ()


def _interval(given: Any, first: int) -> tuple[Any, Any]:
    """Return limits that are given as a pair, or as a number of values from `first` on."""
    if isinstance(given, tuple | list) or type(given).__name__ == "Tuple":
        if len(given) != 2:
            raise OptionError(f"{shown(given)} are no two limits", hint="Write (first, last).")
        return sympified(given[0]), sympified(given[1])
    return sympified(first), sympified(given) + (first - 1)


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
