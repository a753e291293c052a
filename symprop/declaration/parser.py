"""Text to `Network`: statements are sorted, names get their meaning, and every mistake its place.

The way of a text: `source` cuts it into statements, `syntax` reads each by the grammar, the `Declarations` here sort
them and find out which names are indices and sizes, `resolve` turns them into expressions, and `ranges` settles axes
and order.  Nothing of a text is ever evaluated by Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Reduction,
    Size,
    free_indices,
    fresh_index,
    names_of,
    stem_of,
    substitute,
    walk,
)
from symprop.algebra.indices import affine, at_least, normal
from symprop.declaration import ranges
from symprop.declaration.axes import Shaped
from symprop.declaration.declarations import Declarations, Declared, parts_of
from symprop.declaration.matrix import ArrayReader, read_shaped
from symprop.declaration.network import Equation, Fact, Function, Network, Objective
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Axis, Domain, Quantity
from symprop.declaration.recurrences import Link, schedule
from symprop.declaration.resolve import (
    INFINITE,
    MOST_INDICES,
    Resolver,
)
from symprop.declaration.scope import Known, Reading, Scope, Statement
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import Syntax, read
from symprop.declaration.update_statements import split_optimizer
from symprop.errors import DeclarationError, IndexNotationError, NotationError, SympropError, listed, nearest

# Component equations of one quantity; beyond, an index says the same in one line.
MOST_COMPONENTS = 200
MOST_STEPS_TOLD = 10  # of a circle
# Names for axes that only constants read.
_AXIS_NAMES = "ijklmnpqrstuvw"
_COMMENT = re.compile(r"(?<!\\)#[^\n]*")
_BRACKET = re.compile(r"(?<!\w)\[([^\[\]]*(?:[=!<>]=|[<>])[^\[\]]*)\]")
_WORD = re.compile(r"[^\W\d]\w*")


def parse(text: str) -> Network:
    """Return the network that a text declares.

    Parameters
    ----------
    text : str
        Statements in the infix language, one a line or separated by ``;``, or in LaTeX.

    Returns
    -------
    Network
        Its equations in an order in which each reads only what stands before it.

    Raises
    ------
    NotationError
        If the text cannot be read.
    IndexNotationError
        If an index is free, repeated or runs outside a range.
    DeclarationError
        If a name is unknown, declared twice, of the wrong role, or equations depend on each other in a circle.

    Examples
    --------
    >>> network = parse("y = sigmoid(sum(i, w[i]*x[i]))")
    >>> print(network.equations[0].expression)
    sigmoid(sum(i, w[i]*x[i]))
    """
    # No infix statement has a backslash; the reader of LaTeX is loaded only for one.
    if isinstance(text, str) and "\\" in text:
        from symprop.declaration.latex import looks_like_latex, read_network

        if looks_like_latex(_COMMENT.sub("", text)):  # a comment may hold anything: # C:\data
            reading = read_network(text)
            try:
                return replace(_infix(reading.text), text=text)
            except SympropError as error:
                raise reading.relocate(error) from None
    return _infix(text)


def _infix(text: str) -> Network:
    source = Source(text)
    statements = [Statement(span, read(source, span), source.line_of(span.start)) for span in source.statements()]
    own, optimizer = split_optimizer(source, statements)
    network = _Reader(source, own).network()
    return network if optimizer is None else replace(network, optimizer=optimizer)


def parse_expression(text: str, network: Network) -> Expr:
    """Return one expression in the names of a network; ``D(U, V)`` and ``P(U, V)`` are operators in it.

    An index that the network does not have takes the range of the first axis that it reads. An array, ``W @ x``, is
    returned as its component, with the indices of its axes free.

    Raises
    ------
    NotationError, IndexNotationError, DeclarationError, ShapeError
        As `parse`.
    """
    return parse_shaped(text, network).expression


def parse_shaped(text: str, network: Network) -> Shaped:
    """Return one expression in the names of a network with the axes that matrix notation leaves unnamed.

    ``D(L, W)`` has the shape of ``W``, ``D(a, x)`` that of ``a`` and then that of ``x``. Indices that are written stay
    free in the expression and are none of the axes.

    Raises
    ------
    NotationError, IndexNotationError, DeclarationError, ShapeError
        As `parse`.
    """
    source = Source(text)
    span = source.whole()
    if span.start == span.end:
        raise NotationError("there is no expression", hint="Write one, such as D(L, w[i]).")
    return read_shaped(Scope.of(network, source), span, read(source, span, "expression"))


def parse_point(text: str, network: Network) -> dict[str, object]:
    """Return the values that a text such as ``x = [1, 2], w[0] = 1/2`` gives.

    Returns
    -------
    dict
        For each name a Fraction, a nested list of them, or, where single components are given, a dict from the
        tuple of indices to a Fraction. Sizes of the network may be given too. All exact, dimensionless.

    Raises
    ------
    NotationError
        If the text cannot be read or a value is not a rational number.
    DeclarationError
        If the network has no such name, or a value is given twice.
    IndexNotationError
        If the indices do not fit the quantity.
    """
    source = Source(text)
    span = source.whole()
    scope = Scope.of(network, source)
    values: dict[str, object] = {}
    for syntax in read(source, span, "point").parts:
        target, written = syntax.parts
        resolver = Resolver(scope, span)
        name = target.value
        free = not network.declares_roles and target.kind == "name"  # a scalar that only `show` reads
        if name not in scope.quantities and name not in scope.sizes and not free:
            near = nearest(name, (*scope.quantities, *scope.sizes))
            raise resolver.error(
                DeclarationError,
                f"the network has no '{name}'",
                resolver.at_name(target),
                f"Did you mean '{near}'?" if near else f"It has {listed(name, scope.quantities)}.",
            )
        before = values.get(name)
        if target.kind == "name":
            if before is not None:
                raise resolver.error(DeclarationError, f"'{name}' is given twice", target)
            values[name] = _listed(resolver, written)
            continue
        known = scope.quantities.get(name)
        if known is None or known.rank != len(target.parts):
            hint = f"'{name}' {known}." if known else f"'{name}' is a size."
            raise resolver.error(IndexNotationError, f"'{name}' has other indices", target, hint)
        component = tuple(_integer(resolver, part) for part in target.parts)
        if before is None:
            before = values[name] = {}
        if not isinstance(before, dict) or component in before:
            raise resolver.error(DeclarationError, f"'{name}' is given twice", target)
        before[component] = _rational(resolver, written)
    return values


def _listed(resolver: Resolver, syntax: Syntax) -> object:
    if syntax.kind == "bracket":
        return [_listed(resolver, part) for part in syntax.parts]
    return _rational(resolver, syntax)


def _rational(resolver: Resolver, syntax: Syntax) -> Fraction:
    value = resolver.value(syntax)
    if not isinstance(value, Number):
        raise resolver.error(
            NotationError, "this is not a rational number", syntax, "Write a number such as 3, -0.25 or 1/3."
        )
    return value.value


def _integer(resolver: Resolver, syntax: Syntax) -> int:
    value = _rational(resolver, syntax)
    if value.denominator != 1:
        raise resolver.error(IndexNotationError, f"{value} is not an integer", syntax)
    return int(value)


@dataclass
class _Defined:
    """An equation that is read, before its order is known."""

    equation: Equation
    statement: Statement
    target: Syntax
    readings: list[Reading]
    box: ranges.Box = ()
    reads: list[str] = field(default_factory=list)


class _Reader(Declarations):
    """Reads the statements of one network."""

    def __init__(self, source: Source, statements: list[Statement]) -> None:
        super().__init__(source, statements)
        self.domains: dict[str, Domain] = {}
        self.equations: list[_Defined] = []
        self.loose: list[Reading] = []  # readings outside equations
        self.reached: dict[tuple[tuple[Expr, ...], tuple[Bound, ...]], ranges.Box] = {}
        self.axes: dict[str, tuple[Axis, ...]] = {}
        self.fixed: set[str] = set()  # inputs with components that the text fixes, in a text without roles

    def network(self) -> Network:
        self.sort()
        self.find_indices()
        self.find_sizes()
        self.read_functions()
        self.read_roles()
        self.read_equations()
        facts = self.read_facts()
        self.settle_axes()
        for definitions in self.definitions.values():
            self.check_definitions(definitions)
        equations = self.in_order()
        self.check_readings()
        objectives = self.read_objectives()
        predictions = self.read_predictions()
        sizes = self.sizes_in_use()
        return Network(
            quantities=self.quantities(),
            equations=equations,
            indices=self.all_indices(),
            sizes=sizes,
            functions=dict(self.scope.functions),
            objectives=objectives,
            facts=facts,
            predictions=predictions,
            batch=self.batch,
            declares_roles=bool(self.declared),
            text=self.source.text,
        )

    # Functions and roles.

    def read_functions(self) -> None:
        for name, declared in self.declared.items():
            target = declared.target
            rank = len(target.parts) if target.kind != "name" else 0
            self.scope.quantities[name] = Known(
                rank, self.written(self.at(declared.statement, target)), "declared", declared.line
            )
            if declared.integer:
                self.scope.integers.add(name)
        for name, statements in self.defined.items():
            left = statements[0].syntax.parts[0]
            rank = len(left.parts) if left.kind == "access" else 0
            written = self.written(self.at(statements[0], left))
            if self.shapes.leaves_axes(left):
                rank, written = len(self.shapes.known[name]), self.shapes.written(name)
            self.scope.quantities.setdefault(name, Known(rank, written, "defined", statements[0].line))
        for name, (statement, target) in self.zero_outside.items():
            rank = len(target.parts) if target.kind == "access" else 0
            known = self.scope.quantities.setdefault(
                name, Known(rank, self.written(self.at(statement, target)), "used", statement.line)
            )
            # The bare name of an array is enough: its indices stand where it is declared.
            if not known.rank or (target.kind == "access" and known.rank != rank):
                raise self.error(
                    IndexNotationError,
                    f"'{name}' has other indices" if known.rank else f"'{name}' has no index to go beyond",
                    self.at(statement, target),
                    f"'{name}' {known}.",
                )
            self.first_seen.setdefault(name, self.at(statement, target).start)
        for name, statement in self.function_statements.items():
            self.read_function(name, statement)

    def read_function(self, name: str, statement: Statement) -> None:
        syntax = statement.syntax
        has_body = syntax.value[1]
        pieces = syntax.parts[:-1] if has_body else syntax.parts
        parameters = tuple(str(piece.value) for piece in pieces)
        for place, piece in enumerate(pieces):
            if piece.value in parameters[:place]:
                raise self.error(DeclarationError, f"'{piece.value}' is an argument twice", self.at(statement, piece))
        if not has_body:
            self.scope.functions[name] = Function(name, parameters, None, statement.line)
            return
        body = syntax.parts[-1]
        for piece in body.walk():
            if piece.kind == "call" and piece.value[0] in self.function_statements:
                inner = piece.value[0]
                if inner not in self.scope.functions:
                    message = f"'{name}' calls itself" if inner == name else f"'{inner}' is defined further down"
                    raise self.error(
                        DeclarationError, message, self.at(statement, piece), "A function may call those above it."
                    )
        resolver = Resolver(self.scope, statement.span, parameters)
        expr = resolver.value(body)
        if resolver.free:
            index, where = next(iter(resolver.free.items()))
            raise self.error(IndexNotationError, f"index '{index}' is free in a function", self.at(statement, where[0]))
        hidden = tuple(dict.fromkeys(reading.name for reading in resolver.readings))
        for reading in resolver.readings:
            self.first_seen.setdefault(reading.name, reading.span.start)
        self.scope.functions[name] = Function(name, (*parameters, *hidden), expr, statement.line, len(hidden))

    def read_roles(self) -> None:
        for name, declared in self.declared.items():
            if declared.domain is not None:
                self.domains[name] = self.domain(declared)
            if declared.target.kind == "access":
                self.axes[name] = self.declared_axes(declared.statement, declared.target)
            elif declared.target.kind == "shape":
                self.axes[name] = self.shapes.axes(name) or ()
        for name, (statement, target) in self.zero_outside.items():
            if name not in self.axes and name not in self.defined:
                self.axes[name] = self.declared_axes(statement, target)

    def declared_axes(self, statement: Statement, target: Syntax) -> tuple[Axis, ...]:
        if len(target.parts) > MOST_INDICES:
            raise self.error(
                IndexNotationError, f"a quantity has at most {MOST_INDICES} indices", self.at(statement, target)
            )
        taken: set[Index] = set()
        axes: list[Axis] = []
        for part in target.parts:
            if part.kind != "name" or part.value not in self.scope.indices:
                raise self.error(
                    IndexNotationError,
                    "an axis is declared by the name of its index",
                    self.at(statement, part),
                    f"Write {target.value}[i], and index i = 0..D for its range.",
                )
            bound = self.scope.indices[part.value]
            index = fresh_index(bound.index, taken)
            taken.add(index)
            axes.append(Axis(index, bound.lower, bound.upper))
        return tuple(axes)

    def domain(self, declared: Declared) -> Domain:
        syntax, statement = declared.domain, declared.statement
        assert syntax is not None
        resolver = Resolver(self.scope, statement.span)
        if syntax.kind == "range":
            lower, upper = (resolver.limit(part) for part in syntax.parts)
            return Domain(lower, upper)
        if syntax.kind == "set":
            return Domain(members=tuple(resolver.value(part) for part in syntax.parts))
        ends = [None if _is_infinite(part) else resolver.value(part) for part in syntax.parts]
        lower_end, upper_end = ends
        if isinstance(lower_end, Number) and isinstance(upper_end, Number) and lower_end.value >= upper_end.value:
            raise self.error(DeclarationError, "the domain is empty", self.at(statement, syntax))
        return Domain(lower_end, upper_end, syntax.value[0] == "(", syntax.value[1] == ")")

    # Equations and facts.

    def read_equations(self) -> None:
        for name, statements in self.defined.items():
            if len(statements) > MOST_COMPONENTS:
                raise self.error(
                    DeclarationError,
                    f"'{name}' has more than {MOST_COMPONENTS} equations",
                    self.at(statements[-1], statements[-1].syntax.parts[0]),
                    "Write one with an index.",
                )
        for statement in self.of_kind("equation"):
            self.equations.append(self.read_equation(statement))

    def read_equation(self, statement: Statement) -> _Defined:
        left, right = statement.syntax.parts
        resolver = self.shapes.reader(statement, [right], left)
        parts = self.read_parts(statement, resolver)
        if self.shapes.leaves_axes(left) and isinstance(resolver, ArrayReader):
            with resolver.binding(parts.values()):
                target, bounds = self.read_left(statement, left, resolver, parts)
                resolver.context = bounds
                target, bounds, expression = self.shapes.right_side(resolver, right, left, target, bounds)
        else:
            with resolver.binding(parts.values()):
                target, bounds = self.read_left(statement, left, resolver, parts)
                resolver.context = bounds
                expression = resolver.value(right)
            if isinstance(resolver, ArrayReader):
                expression = self.shapes.names.settled(Shaped((), expression)).expression
        self.check_free(resolver, right, target, bounds)
        target, bounds, expression, readings = _placed(target, bounds, expression, resolver.readings)
        self.check_given(statement, left, target, bounds, expression)
        for reading in readings:
            self.first_seen.setdefault(reading.name, reading.span.start)
        text = self.source.text[statement.span.start : statement.span.end]
        equation = Equation(target, bounds, expression, statement.line, text)
        box = ranges.reached(target.indices, bounds, self.domains)
        return _Defined(equation, statement, left, readings, box)

    def read_parts(self, statement: Statement, resolver: Resolver) -> dict[str, Bound]:
        """Return the ranges that ``for`` gives to indices of the left side; an index that it fixes has one value."""
        found: dict[str, Bound] = {}
        left = statement.syntax.parts[0]
        on_left = {piece.value for piece in left.walk() if piece.kind == "name"} if left.kind == "access" else set()
        waiting = {part.value for part, limits in parts_of(statement.syntax) if limits}
        for part, limits in parts_of(statement.syntax):
            name = part.value
            place = self.at_name(statement, part)
            if name in found:
                raise self.error(
                    IndexNotationError, f"'for' limits '{name}' twice", place, "Write an equation for each range."
                )
            if name not in on_left:
                raise self.error(
                    IndexNotationError,
                    f"index '{name}' does not stand on the left",
                    place,
                    f"'for' limits the indices of {self.written(self.at(statement, left))}.",
                )
            if not limits:
                continue
            for limit in limits:
                for piece in limit.walk():
                    if piece.kind == "name" and piece.value in waiting:
                        raise self.error(
                            IndexNotationError,
                            f"the limits of '{name}' use '{piece.value}'",
                            self.at(statement, piece),
                            f"Limit {piece.value} first: for {piece.value} = ..., {name} = ..."
                            if piece.value != name
                            else "Limits are made of sizes, integer constants and indices before this one.",
                        )
            waiting.discard(name)
            with resolver.binding(found.values()):
                values = [resolver.limit(limit) for limit in limits]
            lower, upper = values[0], values[-1]
            used = (free_indices(lower) | free_indices(upper)) - {Index(other) for other in on_left}
            if used:
                raise self.error(
                    IndexNotationError,
                    f"the limits of '{name}' use '{next(iter(used)).name}', which is not on the left",
                    self.at(statement, limits[0]),
                )
            self.refuse_empty(name, statement, part, lower, upper)
            found[name] = Bound(Index(name), lower, upper, True)
        return found

    def read_left(
        self, statement: Statement, left: Syntax, resolver: Resolver, given: dict[str, Bound]
    ) -> tuple[Access, tuple[Bound, ...]]:
        name = left.value
        known = self.scope.quantities[name]
        parts = left.parts if left.kind == "access" else []
        if len(parts) > MOST_INDICES:
            raise self.error(
                IndexNotationError, f"a quantity has at most {MOST_INDICES} indices", self.at(statement, left)
            )
        if known.rank != len(parts) and not self.shapes.leaves_axes(left):
            raise self.error(
                IndexNotationError,
                f"'{name}' has {_indices(known.rank)}, not {len(parts) or 'none'}",
                self.at(statement, left),
                f"'{name}' {known}.",
            )
        indices: list[Expr] = []
        bounds: list[Bound] = []
        for part in parts:
            expr = resolver.subscript(part)
            coefficients = {} if names_of(expr) else affine(expr)[0]
            if len(coefficients) > 1 or names_of(expr) or any(value is not ONE for value in coefficients.values()):
                raise self.error(
                    IndexNotationError,
                    "the left side takes plain indices and constants",
                    self.at(statement, part),
                    f"Define {name} at a plain index and shift the right side.",
                )
            for index in coefficients:
                bound = given.get(index.name) or self.scope.indices[index.name]
                if any(other.index is index for other in bounds):
                    raise self.error(
                        IndexNotationError,
                        f"index '{index.name}' stands twice on the left",
                        self.at(statement, left),
                        f"Use two indices and an Iverson bracket: [i == k]*{name}_i.",
                    )
                bounds.append(bound)
            indices.append(expr)
        resolver.free.clear()
        for bound in bounds:
            lost = (free_indices(bound.lower) | free_indices(bound.upper)) - {other.index for other in bounds}
            if lost:
                raise self.error(
                    IndexNotationError,
                    f"the range of '{bound.index.name}' depends on '{next(iter(lost)).name}', which is not on the left",
                    self.at(statement, left),
                    f"Limit it here: {self.written(self.at(statement, left))} = ... for {bound.index.name} = 1..N.",
                )
        return Access(name, tuple(indices)), _in_order(bounds)

    def check_free(self, resolver: Resolver, right: Syntax, target: Access, bounds: tuple[Bound, ...]) -> None:
        allowed = {bound.index.name for bound in bounds}
        for name, pieces in resolver.free.items():
            if name in allowed:
                continue
            product = _product_repeating(right, pieces)
            if product is not None:
                raise resolver.error(
                    IndexNotationError,
                    f"index '{name}' is repeated without a sum",
                    product,
                    f"Write sum({name}, {resolver.written(product)}).",
                )
            piece = pieces[0]
            hint = f"Sum over it, sum({name}, ...), or put it on the left: {_with_index(target, name)} = ..."
            known = self.scope.quantities.get(piece.value) if piece.kind == "access" else None
            is_indexed = known is not None and known.verb == "declared" and "[" in known.written
            stem, _, subscript = target.name.rpartition("_")
            if not target.indices and stem and name in subscript:
                hint = f"'{target.name}' on the left is a name of its own. Write {stem}[{','.join(subscript)}] = ..."
            elif known is not None and is_indexed and known.written != resolver.written(piece):
                hint = f"'{piece.value}' {known}. Write {known.written}, or sum over {name}."
            raise resolver.error(
                IndexNotationError, f"index '{name}' is free on the right but not on the left", piece, hint
            )

    def check_given(
        self, statement: Statement, left: Syntax, target: Access, bounds: tuple[Bound, ...], expression: Expr
    ) -> None:
        declared = self.declared.get(target.name)
        if declared is None:
            return
        place = self.at(statement, left)
        article = "an" if declared.role == "input" else "a"
        if declared.role not in ("input", "target"):
            raise self.error(
                DeclarationError,
                f"'{target.name}' is {article} {declared.role} and cannot be defined",
                place,
                f"It is declared on line {declared.line}. Give the new quantity another name.",
            )
        if not target.indices or bounds or not self.is_constant(expression):
            raise self.error(
                DeclarationError,
                f"'{target.name}' is {article} {declared.role} and cannot be defined",
                place,
                f"It is declared on line {declared.line}. Only a component may be fixed to a number: x[0] = 1.",
            )

    def is_constant(self, expression: Expr) -> bool:
        return not free_indices(expression) and names_of(expression) <= set(self.scope.constants)

    def read_facts(self) -> tuple[Fact, ...]:
        facts: list[Fact] = []
        for statement in self.of_kind("assume"):
            parts = statement.syntax.parts
            resolver = self.shapes.reader(statement, parts)
            if isinstance(resolver, ArrayReader):
                facts.append(self.shapes.fact(resolver, statement))
            elif len(parts) == 1:
                facts.append(self.read_onehot(statement, parts[0], resolver))
            else:
                left, right = (resolver.value(part) for part in parts)
                facts.append(Fact("equal", left, right, self.bounds_of(resolver), statement.line))
            # That W is symmetric says that its sizes agree, whatever they are called: only onehot reads with ranges.
            free = self.bounds_of(resolver) if len(parts) == 1 else ()
            self.loose.extend(reading._replace(bounds=(*free, *reading.bounds)) for reading in resolver.readings)
            for reading in resolver.readings:
                self.first_seen.setdefault(reading.name, reading.span.start)
        return tuple(facts)

    def read_onehot(self, statement: Statement, syntax: Syntax, resolver: Resolver) -> Fact:
        if syntax.kind != "call" or syntax.value[0] != "onehot" or len(syntax.parts) != 2:
            raise self.error(
                NotationError,
                "this is no fact",
                self.at(statement, syntax),
                "Write assume left = right, or assume onehot(k, t[k]).",
            )
        index, vector = (resolver.value(part) for part in syntax.parts)
        if not isinstance(index, Index) or index not in free_indices(vector) or not isinstance(vector, Access):
            raise self.error(
                IndexNotationError,
                "onehot takes an index and a vector",
                self.at(statement, syntax),
                "Write onehot(k, t[k]).",
            )
        return Fact("onehot", vector, index, self.bounds_of(resolver), statement.line)

    def bounds_of(self, resolver: Resolver) -> tuple[Bound, ...]:
        return tuple(bound for name in resolver.free if (bound := self.scope.range_of(name)) is not None)

    # Axes.

    def settle_axes(self) -> None:
        """Give every quantity its axes: as declared, else the hull of what defines it or reads it."""
        readings: dict[str, list[Reading]] = {}
        definitions: dict[str, list[_Defined]] = {}
        for defined in self.equations:
            definitions.setdefault(defined.equation.name, []).append(defined)
            for reading in defined.readings:
                readings.setdefault(reading.name, []).append(reading)
        for reading in self.loose:
            readings.setdefault(reading.name, []).append(reading)
        self.readings = readings
        self.definitions = definitions
        for name, known in self.scope.quantities.items():
            if not known.rank:
                self.axes.setdefault(name, ())
            elif name in self.axes:
                self.axes[name] = self.narrowed(name)
            else:
                self.axes[name] = self.hull_axes(name, known.rank)

    def narrowed(self, name: str) -> tuple[Axis, ...]:
        """Return declared axes; those whose index no statement gives a range have the hull of what is read."""
        axes = list(self.axes[name])
        readings = [self.boxes(reading) for reading in self.readings.get(name, ()) if not reading.guarded]
        for place, axis in enumerate(axes):
            index = axis.index.name if axis.index.name in self.scope.indices else stem_of(axis.index)
            if self.is_declared_index(index):
                continue
            is_stated = index in self.scope.stated and index not in self.part_limits
            boxes = list(readings)
            if index not in self.used:
                boxes += [defined.box for defined in self.definitions.get(name, ())]
            found = ranges.hull_along(place, boxes) if boxes and all(box[place] for box in boxes) else None
            # Where the index is read over a range of its own there is nothing to narrow.
            if found is None or isinstance(found[0], tuple) or self.is_open(Index(index), found):
                continue
            # A sum over 1..n(l-1) states no range of its own for i: there is one for each layer.
            if is_stated and not ranges.is_layered(found):
                continue
            # Two undeclared indices have sizes of their own, unless one of them stands here alone, as a mere name.
            if self.is_undeclared(found) and self.stands_elsewhere(index, name):
                continue
            axes[place] = ranges.axis_of(axis.index, found)
        return self.with_layers(name, axes)

    def is_undeclared(self, interval: ranges.Interval) -> bool:
        """Return whether an interval is the range of some undeclared index, ``1..n_j``."""
        return any(self.is_open(bound.index, interval) for bound in self.scope.indices.values())

    def stands_elsewhere(self, index: str, name: str) -> bool:
        """Return whether an index is used in an equation, or in the declaration of another quantity than `name`."""
        return index in self.used or any(
            axis.index.name == index for other, axes in self.axes.items() if other != name for axis in axes
        )

    def is_open(self, index: Index, interval: ranges.Interval) -> bool:
        """Return whether the range of an index is the one of an undeclared index, ``1..n_i``."""
        return any(node is Size(f"n_{index.name}") for limit in interval for node in walk(limit))

    def with_layers(self, name: str, axes: list[Axis]) -> tuple[Axis, ...]:
        """Return axes whose limits, where they differ from layer to layer, are in the indices of the others."""
        names: dict[Any, Expr] = {ranges.position(place): axis.index for place, axis in enumerate(axes)}
        own = {axis.index for axis in axes}
        found = []
        for axis in axes:
            limits = [normal(substitute(limit, names)) for limit in (axis.lower, axis.upper)]
            lost = (free_indices(limits[0]) | free_indices(limits[1])) - own
            if lost:
                raise self.error(
                    IndexNotationError,
                    f"the range of '{axis.index}' in '{name}' depends on '{next(iter(lost))}', "
                    f"which is no index of '{name}'",
                    self.place_of(name),
                    "Declare it with an index of another range, such as m: index m = 1..N.",
                )
            found.append(Axis(axis.index, *limits))
        return tuple(found)

    def place_of(self, name: str) -> Span:
        declared = self.declared.get(name)
        if declared is not None:
            return self.at(declared.statement, declared.target)
        if name in self.definitions:
            defined = self.definitions[name][0]
            return self.at(defined.statement, defined.target)
        return self.readings[name][0].span

    def boxes(self, reading: Reading) -> ranges.Box:
        key = (reading.indices, reading.bounds)
        found = self.reached.get(key)
        if found is None:
            found = ranges.reached(reading.indices, reading.bounds, self.domains)
            self.reached[key] = found
        return found

    def hull_axes(self, name: str, rank: int) -> tuple[Axis, ...]:
        definitions = self.definitions.get(name, [])
        readings = self.readings.get(name, [])
        if definitions and self.is_partly_fixed(name, definitions, readings):
            self.fixed.add(name)
        boxes = [defined.box for defined in definitions]
        places = [self.at(defined.statement, defined.target) for defined in definitions]
        if not definitions or name in self.fixed:
            open_readings = [reading for reading in readings if not reading.guarded] or readings
            boxes += [self.boxes(reading) for reading in open_readings]
            places += [reading.span for reading in open_readings]
        taken: set[Index] = set()
        axes: list[Axis] = []
        for axis in range(rank):
            column = [box[axis] for box in boxes]
            if None in column:
                place = places[column.index(None)]
                raise self.error(
                    IndexNotationError,
                    f"the range of '{name}' cannot be told from here",
                    place,
                    f"Declare it, input {name}[i], and the range of its index.",
                )
            found = ranges.hull_along(axis, boxes)
            if isinstance(found[0], tuple):
                names: dict[Any, Expr] = {ranges.position(place): own.index for place, own in enumerate(axes)}
                one, other = (" .. ".join(str(substitute(limit, names)) for limit in pair) for pair in found)
                verb = "defined" if name in self.definitions and name not in self.fixed else "read"
                raise self.error(
                    IndexNotationError,
                    f"'{name}' is {verb} at {one} and at {other}".replace(" .. ", ".."),
                    places[column.index(found[1])],
                    f"The range of each layer must be the one at its place in {one}."
                    if ranges.is_layered(found[0])
                    else "Declare the indices with ranges that can be compared: index i, k = 1..N.",
                )
            interval: ranges.Interval = found
            index = fresh_index(self.axis_index(name, axis, interval, definitions, readings, taken), taken)
            taken.add(index)
            axes.append(ranges.axis_of(index, interval))
        return self.with_layers(name, axes)

    def is_partly_fixed(self, name: str, definitions: list[_Defined], readings: list[Reading]) -> bool:
        """Return whether components of an input are fixed: numbers on the left side, read beyond them."""
        if self.declared or any(defined.equation.bounds for defined in definitions):
            return False
        if not all(self.is_constant(defined.equation.expression) for defined in definitions):
            return False
        columns = [[defined.box[axis] for defined in definitions] for axis in range(len(definitions[0].box))]
        for reading in readings:
            for column, box in zip(columns, self.boxes(reading), strict=True):
                known = [side for side in column if side is not None]
                if box is None or not known:
                    continue
                # Constants alone: their hull always exists.
                low, high = ranges.hull(known)
                assert not isinstance(low, tuple)
                assert not isinstance(high, tuple)
                if ranges.is_below(box[0], low) or ranges.is_below(high, box[1]):
                    return True
        return False

    def axis_index(
        self,
        name: str,
        axis: int,
        interval: ranges.Interval,
        definitions: list[_Defined],
        readings: list[Reading],
        taken: set[Index],
    ) -> Index:
        """Return the index that an axis is printed with."""
        targets = [defined.equation.target.indices for defined in definitions]
        # Of z[0,i] and z[l,j] the second tells how its axes are called.
        targets.sort(key=lambda indices: sum(not isinstance(index, Index) for index in indices))
        plain = [*targets, *(reading.indices for reading in readings)]
        for indices in plain:
            index = indices[axis]
            if isinstance(index, Index) and index not in taken:
                return index
        for indices in plain:
            if isinstance(indices[axis], Index):
                return indices[axis]  # type: ignore[return-value]
        for own in self.scope.indices.values():
            if (own.lower, own.upper) == interval and own.index not in taken:
                return own.index
        names = {*self.scope.quantities, *self.scope.sizes, *self.scope.functions, *self.scope.indices}
        for letter in _AXIS_NAMES:
            if letter not in names:
                self.scope.indices[letter] = Bound(Index(letter), *interval)
                return Index(letter)
        count = 1
        while f"i{count}" in names:
            count += 1
        self.scope.indices[f"i{count}"] = Bound(Index(f"i{count}"), *interval)
        return Index(f"i{count}")

    # Checks of the whole.

    def check_readings(self) -> None:
        """Refuse components that are read where there are none, or where sizes that are not related may have none."""
        for name, readings in self.readings.items():
            if name in self.zero_outside or not self.axes[name]:
                continue
            checked: set[tuple[tuple[Expr, ...], tuple[Bound, ...], tuple[Expr, ...]]] = set()
            for reading in readings:
                key = (reading.indices, reading.bounds, reading.conditions)
                if key not in checked:
                    checked.add(key)
                    self.check_reading(name, reading)

    def check_definitions(self, definitions: list[_Defined]) -> None:
        name = definitions[0].equation.name
        for place, later in enumerate(definitions):
            for earlier in definitions[:place]:
                if ranges.do_meet(earlier.box, later.box):
                    first = earlier.statement.line
                    target = later.equation.target
                    raise self.error(
                        DeclarationError,
                        f"'{target}' is defined twice",
                        self.at(later.statement, later.target),
                        f"It is defined on line {first} already. Give the new quantity another name."
                        if earlier.equation.target is target
                        else f"Line {first} defines {earlier.equation.target}, which overlaps."
                        + self.beside(later, earlier),
                    )
            if name in self.declared:
                for axis, box in zip(self.axes[name], later.box, strict=True):
                    if box is not None and self.is_outside(axis, box):
                        raise self.outside(name, self.at(later.statement, later.target), box, axis)

    def beside(self, later: _Defined, earlier: _Defined) -> str:
        """Return the hint to limit one of two equations to what the other leaves: ``for t = 2..T``, or nothing."""
        whole, single = later, earlier
        if not later.equation.bounds:
            whole, single = earlier, later
        for index, place in zip(whole.equation.target.indices, single.equation.target.indices, strict=True):
            own = next((bound for bound in whole.equation.bounds if bound.index is index), None)
            if own is not None and not free_indices(place):
                written = self.written(self.at(whole.statement, whole.target))
                if place is own.lower:
                    return f" Limit one: {written} = ... for {index} = {normal(place + ONE)}..{own.upper}."
                if place is own.upper:
                    return f" Limit one: {written} = ... for {index} = {own.lower}..{normal(place - ONE)}."
        return ""

    def check_reading(self, name: str, reading: Reading) -> None:
        boxes = self.boxes(reading)
        axes = self.axes[name]
        self.check_relations(name, reading)
        if reading.guarded:
            return
        layers: dict[Any, Expr] = {
            axis.index: index for axis, index in zip(axes, reading.indices, strict=True) if not names_of(index)
        }
        for place, (axis, box) in enumerate(zip(axes, boxes, strict=True)):
            if free_indices(axis.lower) | free_indices(axis.upper):
                lower, upper = (substitute(limit, layers) for limit in (axis.lower, axis.upper))
                index = reading.indices[place]
                if not (at_least(upper, index, reading.bounds) and at_least(index, lower, reading.bounds)):
                    raise self.beyond_layer(name, reading, index, upper)
            elif box is not None and self.is_outside(axis, box):
                raise self.outside(name, reading.span, box, axis)
        definitions = self.definitions.get(name, [])
        if not definitions or not self.is_defined(name):
            return
        for place, (axis, box) in enumerate(zip(axes, boxes, strict=True)):
            intervals = [defined.box[place] for defined in definitions]
            if box is None or ranges.is_layered((axis.lower, axis.upper)) or None in intervals:
                continue
            missing = ranges.gap([interval for interval in intervals if interval is not None], box)
            if missing is not None:
                component = Access(name, tuple(missing if other is axis else other.index for other in axes))
                raise self.error(
                    IndexNotationError,
                    f"{component} is read but never defined",
                    reading.span,
                    f"Add an equation: {component} = ...",
                )

    def is_outside(self, axis: Axis, box: ranges.Interval) -> bool:
        """Return whether what is reached is proved to run outside an axis."""
        return ranges.is_below(box[0], axis.lower) or ranges.is_below(axis.upper, box[1])

    def check_relations(self, name: str, reading: Reading) -> None:
        """Refuse an index whose range has nothing to do with the axis at which it stands."""
        for axis, index, box in zip(self.axes[name], reading.indices, self.boxes(reading), strict=True):
            if (
                isinstance(index, Number)
                or box == (axis.lower, axis.upper)
                or ranges.is_layered((axis.lower, axis.upper))
            ):
                continue
            if box is not None and not isinstance(index, Index) and not reading.guarded and self.is_outside(axis, box):
                raise self.outside(name, reading.span, box, axis)
            interval = (axis.lower, axis.upper)
            own = next((bound for bound in reading.bounds if bound.index is index), None)
            if box is not None and ranges.is_layered(box) and own is not None and not reading.conditions:
                # An axis that is as long in every layer is read as far as one of the layers goes.
                raise self.unrelated(name, reading, axis, index, (own.lower, own.upper))
            found = ranges.may_leave(index, reading.bounds, interval, reading.conditions, self.scope.sizes)
            if found is not None:
                raise self.unrelated(name, reading, axis, index, found)

    def unrelated(self, name: str, reading: Reading, axis: Axis, index: Expr, found: ranges.Interval) -> SympropError:
        known = self.scope.quantities[name]
        verb = "defined" if self.is_defined(name) else "declared"
        access = f"{name}[{','.join(other.index.name for other in self.axes[name])}]"
        reached = f"{index} = {found[0]}..{found[1]}"
        what = f"{index} ({reached})" if isinstance(index, Index) else f"{index}, which reaches {found[0]}..{found[1]}"
        message = f"'{name}' was {verb} as {access} ({axis.index} = {axis.lower}..{axis.upper}), read here with {what}"
        ways = [f"Write {access}"] if access != self.written(reading.span) else []
        if isinstance(index, Index):
            ways.append(f"declare sizes that agree: index {index} = {axis.lower}..{axis.upper}")
        else:
            ways.append("declare ranges that agree")
        bracket = self.bracket_of(index, reading.span)
        if bracket is not None and not reading.guarded:
            guarded = f"where({bracket}, {self.written(reading.span)}, 0)"
            ways = [f"an Iverson bracket is a factor and guards nothing: write {guarded} instead"]
        hint = ", or ".join(ways)
        return self.error(
            IndexNotationError, message, reading.span, f"{hint[0].upper()}{hint[1:]}. See line {known.line} too."
        )

    def bracket_of(self, index: Expr, span: Span) -> str | None:
        """Return the condition of an Iverson bracket on the line of a reading that speaks of the index, as written."""
        text = self.source.text
        line = text[text.rfind("\n", 0, span.start) + 1 : span.start] + " " + text[span.end :].partition("\n")[0]
        names = {str(name) for name in free_indices(index)}
        for found in _BRACKET.finditer(line):
            if names & set(_WORD.findall(found[1])):
                return found[1].strip()
        return None

    def beyond_layer(self, name: str, reading: Reading, index: Expr, upper: Expr) -> SympropError:
        """The error of an access along an axis that differs from layer to layer, which the sizes do not cover."""
        reached = index
        for bound in reading.bounds:
            if bound.index is index:
                reached = bound.upper
        return self.error(
            IndexNotationError,
            f"{self.written(reading.span)} may run outside the range: {index} reaches {reached}",
            reading.span,
            f"'{name}' ends at {upper} there. Limit it: sum({index} = 1..{upper}, ...).",
        )

    def is_defined(self, name: str) -> bool:
        return name in self.defined and name not in self.declared and name not in self.fixed

    def outside(self, name: str, place: Span, box: ranges.Interval, axis: Axis) -> SympropError:
        low = ranges.is_below(box[0], axis.lower)
        reached = box[0] if low else box[1]
        where = f"'{name}' has {axis.index} = {axis.lower}..{axis.upper}"
        access = f"{name}[{','.join(other.index.name for other in self.axes[name])}]"
        hint = f"Change the range, guard it with where(...), or write: zero outside {access}."
        if name in self.definitions and self.is_defined(name):
            first = Access(name, tuple(reached if other is axis else other.index for other in self.axes[name]))
            hint = f"Define {first} = ..., change the range, guard it with where(...), or write: zero outside {access}."
            starts = [each.equation.target.indices[self.axes[name].index(axis)] for each in self.definitions[name]]
            if not low and any(normal(start - axis.lower) is ZERO for start in starts):
                back = Access(
                    name, tuple(other.index - ONE if other is axis else other.index for other in self.axes[name])
                )
                meant = str(back).replace(" ", "")
                hint = f"Did you mean {meant}? Else define {first} = ..., or guard it with where(...)."
        return self.error(
            IndexNotationError,
            f"{self.written(place)} runs outside the range: it reaches {reached}",
            place,
            f"{where}. {hint}",
        )

    def in_order(self) -> tuple[Equation, ...]:
        """Return the equations in topological order; a circle is an error that names it."""
        definitions = ranges.Definitions((defined.equation.name, defined.box) for defined in self.equations)
        # Readings are made distinct, not links, of which a wide sum over components has hundreds of times as many.
        links = [
            Link(reader, read, name, indices, bounds)
            for reader, defined in enumerate(self.equations)
            for (name, indices, bounds), reading in {one[:3]: one for one in defined.readings}.items()
            if name in self.defined
            for read in definitions.of(name, self.boxes(reading))
        ]
        targets = [(defined.equation.name, defined.equation.target.indices) for defined in self.equations]
        found, circle = schedule(targets, links)
        if circle:
            raise self.circle([self.equations[place] for place in circle])
        return tuple(self.equations[place].equation for place in found)

    def circle(self, circle: list[_Defined]) -> SympropError:
        first = circle[0]
        following = circle[1] if len(circle) > 1 else first
        name = first.equation.name
        target = first.equation.target
        own = [reading for reading in first.readings if reading.name == following.equation.name]
        reading = next((reading for reading in own if reading.indices == target.indices), own[0])
        if len(circle) == 1:
            if reading.indices != target.indices:
                read = " and ".join(dict.fromkeys(str(Access(name, reading.indices)) for reading in own))
                return self.error(
                    DeclarationError,
                    f"'{target}' is defined by {read}, which no order computes",
                    own[-1].span,
                    "A recurrence reads only what comes before along one of its indices, or only what comes after.",
                )
            return self.error(
                DeclarationError,
                f"'{name}' is defined by itself",
                reading.span,
                "Every quantity is defined once; give the new value another name.",
            )
        steps = [f"{one.equation.target} (line {one.statement.line})" for one in [*circle, first]]
        if len(steps) > MOST_STEPS_TOLD:
            steps[MOST_STEPS_TOLD // 2 : -MOST_STEPS_TOLD // 2] = ["..."]
        chain = " -> ".join(steps)
        return self.error(
            DeclarationError,
            "equations define each other in a circle",
            reading.span,
            f"{chain}. Each needs the next; break the circle at one of them.",
        )

    # Objectives and the rest.

    def read_objectives(self) -> tuple[Objective, ...]:
        objectives: list[Objective] = []
        stated = list(self.of_kind("objective"))
        for statement in stated:
            syntax, *over = statement.syntax.parts
            while syntax.kind == "group":
                syntax = syntax.parts[0]
            place = self.at(statement, syntax)
            if syntax.kind not in ("name", "access"):
                raise self.error(
                    DeclarationError,
                    "the objective is a quantity",
                    place,
                    f"Name it first: J = {self.written(place)}; {statement.syntax.value} J.",
                )
            name = syntax.value
            known = self.scope.quantities.get(name)
            if known is None or name not in self.defined:
                near = nearest(name, self.defined)
                raise self.error(
                    DeclarationError,
                    f"the objective '{name}' is not defined by an equation",
                    place,
                    f"Did you mean '{near}'?" if near else f"Write {name} = ...",
                )
            if known.rank:
                indices = ", ".join(axis.index.name for axis in self.axes[name])
                access = f"{name}[{','.join(axis.index.name for axis in self.axes[name])}]"
                raise self.error(
                    IndexNotationError,
                    f"the objective {access} is not a scalar",
                    place,
                    f"Sum over {indices}: J = sum({indices}, {access}); {statement.syntax.value} J.",
                )
            for piece in over:
                if piece.value not in self.scope.quantities or piece.value in self.defined:
                    given = [other for other in self.scope.quantities if other not in self.defined]
                    near = nearest(piece.value, given)
                    raise self.error(
                        DeclarationError,
                        f"'{piece.value}' is not a parameter",
                        self.at(statement, piece),
                        f"Did you mean '{near}'?" if near else None,
                    )
            if len(stated) > 1 and not over:
                declared = [other for other, known in self.declared.items() if known.role == "parameter"]
                given = [other for other in self.scope.quantities if other not in self.defined]
                raise self.error(
                    DeclarationError,
                    "several objectives need 'over', the parameters that each moves",
                    place,
                    f"Write {statement.syntax.value} {name} over {', '.join((declared or given)[:2])}.",
                )
            names = tuple(str(piece.value) for piece in over)
            objectives.append(Objective(name, statement.syntax.value, names or None))
        if objectives:
            return tuple(objectives)
        scalars = [defined.equation.name for defined in self.equations if not defined.equation.target.indices]
        return (Objective(scalars[-1], "minimize", None, stated=False),) if scalars else ()

    def read_predictions(self) -> tuple[str, ...]:
        names: list[str] = []
        for statement in self.of_kind("predict"):
            for target in statement.syntax.parts:
                name = target.value
                if name not in self.scope.quantities:
                    near = nearest(name, self.scope.quantities)
                    raise self.error(
                        DeclarationError,
                        f"unknown name '{name}'",
                        Span(statement.span.start + target.start, statement.span.start + target.name_end),
                        f"Did you mean '{near}'?" if near else f"Known: {listed(name, self.scope.quantities)}.",
                    )
                names.append(name)
        return tuple(dict.fromkeys(names))

    def quantities(self) -> dict[str, Quantity]:
        found: dict[str, Quantity] = {}
        for name in sorted(self.scope.quantities, key=lambda name: self.first_seen.get(name, 0)):
            declared = self.declared.get(name)
            if declared is not None:
                role, line = declared.role, declared.line
            else:
                role = "defined" if self.is_defined(name) else "input"
                line = self.source.line_of(self.first_seen[name])
            found[name] = Quantity(
                name,
                role,
                self.axes[name],
                self.values.get(name),
                self.domains.get(name),
                name in self.scope.integers and role != "constant",
                name in self.zero_outside,
                line,
            )
        return found

    def sizes_in_use(self) -> dict[str, Expr | None]:
        """Return the sizes without those of undeclared indices that turned out to have another range everywhere."""
        own = [bound for name, bound in self.scope.indices.items() if bound.upper is Size(f"n_{name}")]
        if not own:
            return dict(self.scope.sizes)
        limits = [limit for axes in self.axes.values() for axis in axes for limit in (axis.lower, axis.upper)]
        for defined in self.equations:
            limits.append(defined.equation.expression)
            limits.extend(limit for bound in defined.equation.bounds for limit in (bound.lower, bound.upper))
        used = {node.name for limit in limits for node in _nodes(limit) if isinstance(node, Size)}
        for bound in own:
            name = bound.index.name
            if f"n_{name}" not in used:
                self.scope.sizes.pop(f"n_{name}", None)
                found = self.range_in_use(bound)
                if found is None:  # a sum of nothing, 0*w, was all that had it
                    self.scope.indices.pop(name)
                else:
                    self.scope.indices[name] = found
        return dict(self.scope.sizes)

    def range_in_use(self, bound: Bound) -> Bound | None:
        """Return the first range that an index, whose own no one uses, is given where it stands; None if nowhere."""
        for axes in self.axes.values():
            for axis in axes:
                if axis.index is bound.index:
                    return Bound(axis.index, axis.lower, axis.upper)
        for defined in self.equations:
            for node in _nodes(defined.equation.expression):
                for inner in node.bounds if isinstance(node, Reduction) else ():
                    if inner.index is bound.index:
                        return inner._replace(written=False)
        return None

    def all_indices(self) -> dict[Index, Bound]:
        found = {bound.index: bound for bound in self.scope.indices.values()}
        for axes in self.axes.values():
            for axis in axes:
                found.setdefault(axis.index, Bound(axis.index, axis.lower, axis.upper))
        return found


def _in_order(bounds: list[Bound]) -> tuple[Bound, ...]:
    """Return bounds such that each stands after those that its limits use."""
    of_index = {bound.index: bound for bound in bounds}
    reads = {bound.index: free_indices(bound.lower) | free_indices(bound.upper) for bound in bounds}
    return tuple(of_index[index] for group in groups_in_order(reads) for index in group)


def _placed(
    target: Access,
    bounds: tuple[Bound, ...],
    expression: Expr,
    readings: list[Reading],
) -> tuple[Access, tuple[Bound, ...], Expr, list[Reading]]:
    """Return an equation with its left side at plain indices: ``h[t+1] = e for t = 0..T-1`` is one of h[t].

    An index that ``for`` fixes, with a lower limit that is the upper one, is replaced by its value.
    """
    mapping: dict[Any, Expr] = {}
    moved: dict[Bound, tuple[Bound, ...]] = {}
    for bound in bounds:
        offset = next(index for index in target.indices if bound.index in free_indices(index)) - bound.index
        if bound.written and bound.lower is bound.upper:
            mapping[bound.index] = bound.lower
            moved[bound] = ()
        elif offset is not ZERO:
            mapping[bound.index] = bound.index - offset
            moved[bound] = (Bound(bound.index, normal(bound.lower + offset), normal(bound.upper + offset), True),)
    if not mapping:
        return target, bounds, expression, readings

    def replaced(bound: Bound) -> tuple[Bound, ...]:
        return tuple(
            own._replace(lower=normal(substitute(own.lower, mapping)), upper=normal(substitute(own.upper, mapping)))
            for own in moved.get(bound, (bound,))
        )

    def ranges_of(some: tuple[Bound, ...]) -> tuple[Bound, ...]:
        return tuple(own for bound in some for own in replaced(bound))

    indices = tuple(normal(substitute(index, mapping)) for index in target.indices)
    return (
        Access(target.name, indices),
        ranges_of(bounds),
        substitute(expression, mapping),
        [
            reading._replace(
                indices=tuple(substitute(index, mapping) for index in reading.indices),
                bounds=ranges_of(reading.bounds),
                conditions=tuple(substitute(condition, mapping) for condition in reading.conditions),
            )
            for reading in readings
        ],
    )


def _nodes(expr: Expr) -> Iterator[Expr]:
    """Yield every node of an expression once."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(node.children)


def _is_infinite(syntax: Syntax) -> bool:
    while syntax.kind in ("signed", "group"):
        syntax = syntax.parts[0]
    return syntax.kind == "name" and syntax.value in INFINITE


def _product_repeating(syntax: Syntax, pieces: list[Syntax]) -> Syntax | None:
    """Return the innermost product with two factors that hold one of `pieces` each, or None."""
    wanted = {id(piece) for piece in pieces}
    found: Syntax | None = None
    for piece in syntax.walk():
        if piece.kind == "product":
            holding = [part for part in piece.parts if any(id(inner) in wanted for inner in part.walk())]
            if len(holding) > 1:
                found = piece
    return found


def _with_index(target: Access, name: str) -> str:
    return f"{target.name}[{','.join([*(str(index) for index in target.indices), name])}]"


def _indices(rank: int) -> str:
    return {0: "no index", 1: "1 index"}.get(rank, f"{rank} indices")
