"""What the statements of a text declare, and which of its names are indices and sizes.

No expression of an equation is read here: which names are indices must be known before any can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from symprop.algebra.expressions import (
    ONE,
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Size,
    free_indices,
    stem_of,
    substitute,
    walk,
)
from symprop.algebra.losses import LOSSES
from symprop.declaration import ranges
from symprop.declaration.latex_names import Names, split_name
from symprop.declaration.order import circle_in, groups_in_order
from symprop.declaration.resolve import (
    BODY_FIRST,
    CALLABLE,
    INFINITE,
    OPERATORS,
    REDUCTIONS,
    SOFTMAXES,
    SPECIAL,
    Resolver,
    index_parts,
)
from symprop.declaration.scope import Known, Scope, Statement
from symprop.declaration.shapes import Shapes
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import LENGTHS_IN, Syntax
from symprop.errors import DeclarationError, IndexNotationError, NotationError, SympropError, nearest

# Names of functions that are the usual names of quantities, too: columns of a table, a deviation, losses.
ALSO_QUANTITIES = frozenset(
    (
        *("sigma", "product", "step", "mean", "linear", "logistic", "identity", "sign", "diff", "hinge", "stop"),
        *("divides", "floor", "ceiling", "maximum", "minimum", "sec"),
        *LOSSES,
    )
)


@dataclass
class Declared:
    """A quantity with a role, as declared."""

    name: str
    role: str
    integer: bool
    statement: Statement
    target: Syntax
    value: Syntax | None
    domain: Syntax | None
    line: int


class Declarations:
    """The statements of one text, sorted.

    Attributes
    ----------
    scope : Scope
        What is known of the names so far.
    declared : dict of str to Declared
        The quantities with a role.
    defined : dict of str to list of Statement
        The equations of every other quantity, in text order.
    bound : dict of str to Span
        Names that are indices for sure (bound by a reduction, free on a left side, naming an axis), and where first.
    used : set of str
        Indices that stand anywhere but in declarations.
    part_limits : dict of str to list
        For each index that a ``for`` limits: the equations, and the limits.
    layered : dict of str to Span
        Sizes that differ from layer to layer, called like functions in limits, ``n(l)``.
    batch : Index or None
        The index of the examples.
    """

    def __init__(self, source: Source, statements: list[Statement]) -> None:
        self.source = source
        self.statements = statements
        self.scope = Scope(source)
        self.declared: dict[str, Declared] = {}
        self.defined: dict[str, list[Statement]] = {}
        self.index_statements: dict[str, tuple[Statement, Syntax, Syntax | None]] = {}
        self.size_statements: dict[str, tuple[Statement, Syntax]] = {}
        self.function_statements: dict[str, Statement] = {}
        self.zero_outside: dict[str, tuple[Statement, Syntax]] = {}
        self.values: dict[str, Fraction] = {}
        self.first_seen: dict[str, int] = {}
        self.bound: dict[str, Span] = {}
        self.in_subscripts: dict[str, Span] = {}
        self.in_limits: dict[str, Span] = {}
        self.in_index_limits: set[str] = set()
        self.part_limits: dict[str, list[tuple[Statement, list[Syntax]]]] = {}
        self.layered: dict[str, Span] = {}
        self.batch: Index | None = None
        self.reads_plainly: dict[str, list[tuple[str, int]]] = {}
        self.used: set[str] = set()
        self.shapes = Shapes(self)

    # Errors.

    def at(self, statement: Statement, syntax: Syntax) -> Span:
        return Span(statement.span.start + syntax.start, statement.span.start + syntax.end)

    def at_name(self, statement: Statement, syntax: Syntax) -> Span:
        return Span(statement.span.start + syntax.start, statement.span.start + syntax.name_end)

    def error(self, kind: type[SympropError], message: str, place: Span, hint: str | None = None) -> SympropError:
        return self.source.error(kind, message, place, hint)

    def written(self, place: Span) -> str:
        return self.source.written(place)

    # Sorting.

    def of_kind(self, kind: str) -> Iterable[Statement]:
        return (statement for statement in self.statements if statement.syntax.kind == kind)

    def sort(self) -> None:
        """Find what each statement declares or defines, and what is declared twice."""
        self.split_names()
        for statement in self.statements:
            syntax = statement.syntax
            match syntax.kind:
                case "index" | "batch":
                    self.sort_indices(statement)
                case "size":
                    for item in syntax.parts:
                        self.declare_once(item.value, statement, item)
                        self.size_statements[item.value] = (statement, item)
                        if item.kind == "declared_layers":
                            self.layered.setdefault(item.value, self.at_name(statement, item))
                case "role":
                    self.sort_role(statement)
                case "zero":
                    for target in syntax.parts:
                        self.zero_outside[target.value] = (statement, target)
                case "function":
                    self.sort_function(statement)
                case "equation":
                    self.sort_equation(statement)
        self.scope.undefined_are_inputs = not self.declared
        for name, (statement, target) in self.zero_outside.items():
            if name not in self.declared and name not in self.defined and self.declared:
                known = (*self.declared, *self.defined)
                near = nearest(name, known)
                raise self.error(
                    DeclarationError,
                    f"unknown name '{name}'",
                    self.at(statement, target),
                    f"Did you mean '{near}'?" if near else f"Declare it: input {name}[i].",
                )

    def split_names(self) -> None:
        """Read ``alpha_ji`` as ``alpha[j,i]`` where only `alpha` is declared or defined, with two indices."""
        names = Names()
        for statement in self.statements:
            syntax = statement.syntax
            match syntax.kind:
                case "role":
                    targets = [item.parts[0] for item in syntax.parts]
                case "equation":
                    targets = [part for part in syntax.parts[:1] if part.kind in ("name", "access")]
                case _:
                    targets = []
            for part in targets:
                names.ranks[part.value] = len(part.parts) if part.kind == "access" else 0
                if part.kind == "access" and all(axis.kind == "name" for axis in part.parts):
                    names.axes.setdefault(part.value, tuple(axis.value for axis in part.parts))
            if syntax.kind in ("index", "batch"):
                names.limits.update((item.value, ("", "")) for item in syntax.parts)
            elif syntax.kind == "size":
                names.sizes.update(item.value for item in syntax.parts)
            elif syntax.kind == "function":
                names.functions.add(syntax.value[0])
        if not any(names.ranks.values()):
            return
        for statement in self.statements:
            syntax = statement.syntax
            if syntax.kind in ("equation", "assume", "objective", "function"):
                own = {part.value for part in syntax.parts[:-1]} if syntax.kind == "function" else set()
                for part in syntax.parts[1:] if syntax.kind in ("equation", "function") else syntax.parts:
                    for piece in part.walk():
                        if piece.kind == "name" and "_" in piece.value and piece.value not in own:
                            self.split_name(statement, piece, names)

    def split_name(self, statement: Statement, piece: Syntax, names: Names) -> None:
        if piece.value in names.limits or piece.value in names.sizes or piece.value in names.functions:
            return
        try:
            meaning = split_name(piece.value, names)
        except SympropError as error:
            raise self.error(type(error), error.message, self.at(statement, piece), error.hint) from None
        if meaning is not None and meaning.indices:
            piece.kind, piece.value = "access", meaning.name
            piece.parts = [
                Syntax("number" if index.isdigit() else "name", index, [], piece.start, piece.end)
                for index in meaning.indices
            ]

    def declare_once(self, name: str, statement: Statement, syntax: Syntax) -> None:
        if statement.syntax.kind != "function" and name in CALLABLE - ALSO_QUANTITIES:
            raise self.error(
                DeclarationError,
                f"'{name}' has a meaning of its own in the language",
                self.at_name(statement, syntax),
                f"Choose another name, such as {name}_1.",
            )
        before = self.known_line(name)
        if before is not None:
            what, line = before
            place = Span(statement.span.start + syntax.start, statement.span.start + syntax.name_end)
            raise self.error(
                DeclarationError, f"'{name}' is declared twice", place, f"It is {what} on line {line} already."
            )

    def known_line(self, name: str) -> tuple[str, int] | None:
        if name in self.index_statements:
            return "an index", self.index_statements[name][0].line
        if name in self.size_statements:
            return "a size", self.size_statements[name][0].line
        if name in self.declared:
            role = self.declared[name].role
            return f"{'an' if role == 'input' else 'a'} {role}", self.declared[name].line
        if name in self.function_statements:
            return "a function", self.function_statements[name].line
        return None

    def is_declared_index(self, name: str) -> bool:
        """Return whether a statement gives the range of an index, or of the one that it is a copy of (``k_1``)."""
        found = self.index_statements.get(name) or self.index_statements.get(stem_of(Index(name)))
        return found is not None and found[2] is not None

    def is_function(self, name: str) -> bool:
        return name in CALLABLE or name in self.function_statements

    def sort_indices(self, statement: Statement) -> None:
        waiting: list[str] = []
        for item in statement.syntax.parts:
            self.declare_once(item.value, statement, item)
            if item.parts:
                for name in waiting:
                    self.index_statements[name] = (statement, self.index_statements[name][1], item)
                waiting = []
            else:
                waiting.append(item.value)
            self.index_statements[item.value] = (statement, item, item if item.parts else None)
        if statement.syntax.kind == "batch" and self.batch is None:
            self.batch = Index(statement.syntax.parts[0].value)

    def sort_role(self, statement: Statement) -> None:
        role, integer = statement.syntax.value
        for item in statement.syntax.parts:
            has_value, has_domain = item.value
            target = item.parts[0]
            name = target.value
            self.declare_once(name, statement, target)
            value = item.parts[1] if has_value else None
            domain = item.parts[-1] if has_domain else None
            line = self.source.line_of(self.at(statement, target).start)
            self.declared[name] = Declared(name, role, integer, statement, target, value, domain, line)
            self.first_seen.setdefault(name, self.at(statement, target).start)
            place = self.at(statement, item)
            if value is not None and role not in ("constant", "hyperparameter"):
                raise self.error(
                    DeclarationError,
                    f"the {role} '{name}' has no value here",
                    place,
                    f"Write constant {name} = ... if it is fixed, or {name} = ... alone to define it.",
                )
            if role == "constant" and value is None:
                raise self.error(
                    DeclarationError, f"the constant '{name}' needs a value", place, f"Write constant {name} = 1e-5."
                )
            if role in ("constant", "hyperparameter") and target.kind != "name":
                raise self.error(DeclarationError, f"a {role} is a scalar", place)
            if integer and role != "constant" and domain is None:
                raise self.error(
                    DeclarationError, f"the integer '{name}' needs a range", place, f"Write {name} in 0..V-1."
                )

    def sort_function(self, statement: Statement) -> None:
        syntax = statement.syntax
        name = syntax.value[0]
        self.declare_once(name, statement, syntax)
        if name in {*REDUCTIONS, *BODY_FIRST, *SOFTMAXES, *SPECIAL, *OPERATORS} - {"Sigma", "Pi"}:
            raise self.error(
                DeclarationError,
                f"'{name}' has a meaning of its own in the language",
                Span(statement.span.start + syntax.start, statement.span.start + syntax.name_end),
                "Choose another name.",
            )
        self.function_statements[name] = statement

    def sort_equation(self, statement: Statement) -> None:
        left = statement.syntax.parts[0]
        place = self.at(statement, left)
        if left.kind == "call":
            name = left.value[0]
            raise self.error(
                NotationError, f"'{name}' is called on the left", place, f"Write function {self.written(place)} = ..."
            )
        if left.kind not in ("name", "access"):
            raise self.error(
                NotationError,
                "the left side is no name",
                place,
                "An equation defines one quantity: y = ... or a[j] = ...",
            )
        name = left.value
        self.first_seen.setdefault(name, place.start)
        declared = self.declared.get(name)
        other = self.known_line(name)
        if other is not None and declared is None:
            raise self.error(
                DeclarationError, f"'{name}' is {other[0]} and cannot be defined", place, f"See line {other[1]}."
            )
        self.defined.setdefault(name, []).append(statement)
        for part, limits in parts_of(statement.syntax):
            if limits:
                self.part_limits.setdefault(part.value, []).append((statement, limits))

    # Indices and sizes.

    def find_indices(self) -> None:
        """Find every index name, where it is used first, and its range."""
        for name, (statement, item, _) in self.index_statements.items():
            self.bound[name] = self.at(statement, item)
        known_sizes = set(self.size_statements)
        known_sizes |= {name for name, declared in self.declared.items() if declared.role == "constant"}
        for statement in self.statements:
            if statement.syntax.kind in ("index", "batch", "size"):
                for item in statement.syntax.parts:
                    self.note_limits(statement, item.parts)
                    self.in_index_limits.update(
                        piece.value for limit in item.parts for piece in limit.walk() if piece.kind == "name"
                    )
            elif statement.syntax.kind == "equation":
                for part in statement.syntax.value or ():
                    self.note_limits(statement, part.parts)
            elif statement.syntax.kind == "role":
                for item in statement.syntax.parts:
                    self.note_target(statement, item.parts[0])
                    if item.value[1] and item.parts[-1].kind == "range":
                        self.note_limits(statement, item.parts[-1].parts)
            elif statement.syntax.kind in ("zero", "predict"):
                for target in statement.syntax.parts:
                    self.note_target(statement, target)
        known_sizes |= {name for name in self.in_limits if name not in self.bound}
        for statement in self.statements:
            if statement.syntax.kind == "equation":
                left, right = statement.syntax.parts
                self.note_left(statement, left)
                for part in statement.syntax.value or ():
                    self.bound.setdefault(part.value, self.at_name(statement, part))
                self.note_uses(statement, right, known_sizes)
            elif statement.syntax.kind in ("assume", "objective"):
                for part in statement.syntax.parts:
                    self.note_uses(statement, part, known_sizes)
            elif statement.syntax.kind == "function" and statement.syntax.value[1]:
                self.note_uses(statement, statement.syntax.parts[-1], known_sizes)
        self.check_clashes()
        self.read_ranges()

    def note_limits(self, statement: Statement, limits: Iterable[Syntax]) -> None:
        for limit in limits:
            for piece in limit.walk():
                if piece.kind == "name":
                    self.in_limits.setdefault(piece.value, self.at(statement, piece))
                elif piece.kind == "call" and not self.is_function(piece.value[0]):
                    self.layered.setdefault(piece.value[0], self.at_name(statement, piece))

    def note_target(self, statement: Statement, target: Syntax) -> None:
        if target.kind == "shape":
            self.note_limits(statement, (part for part in target.parts if part.kind != "axis"))
        if target.kind in ("access", "shape"):
            named = [axis for part in target.parts if part.kind == "axis" for axis in part.parts]
            for part in target.parts if target.kind == "access" else named:
                if part.kind == "name":
                    self.bound.setdefault(part.value, self.at(statement, part))

    def note_left(self, statement: Statement, left: Syntax) -> None:
        if left.kind != "access":
            return
        for part in left.parts:
            # The last position of a backwards recurrence, h[T] = 0, is at a size: a name that limits an index.
            if part.kind == "name" and not self.is_size_of_range(part.value):
                self.used.add(part.value)
                self.bound.setdefault(part.value, self.at(statement, part))

    def is_size_of_range(self, name: str) -> bool:
        """Return whether a name is a size for sure: declared as one, or in the limits of an index statement."""
        if name in self.index_statements or name in self.part_limits:
            return False
        return name in self.size_statements or name in self.in_index_limits

    def note_uses(self, statement: Statement, syntax: Syntax, sizes: set[str]) -> None:
        for piece in syntax.walk():
            if piece.kind == "access":
                for axis, part in enumerate(piece.parts):
                    if part.kind == "name":
                        self.reads_plainly.setdefault(part.value, []).append((piece.value, axis))
                    for name in _names_in_subscript(part):
                        self.in_subscripts.setdefault(name.value, self.at(statement, name))
                        self.used.add(name.value)
            elif piece.kind == "call":
                self.note_call(statement, piece, sizes)

    def note_call(self, statement: Statement, call: Syntax, sizes: set[str]) -> None:
        name = call.value[0]
        if name in self.function_statements:
            return
        if name in LENGTHS_IN and name not in self.declared and name not in self.defined:
            self.note_limits(statement, call.parts)
        loss = LOSSES.get(name)
        takes_indices = name in {*REDUCTIONS, *BODY_FIRST, *SOFTMAXES, "onehot"}
        if not takes_indices and (loss is None or not loss.reduces):
            return
        read_inside = {
            inner.value
            for part in call.parts
            for piece in part.walk()
            if piece.kind == "access"
            for subscript in piece.parts
            for inner in _names_in_subscript(subscript)
        }
        found, _ = index_parts(
            call,
            2 if loss else 1,
            lambda index: index in self.bound or index in read_inside,
            lambda size: size in sizes,
        )
        for index, lower, upper, part in found:
            if not index:
                continue
            self.used.add(index)
            if lower is None or upper is None or index in self.bound:
                self.bound.setdefault(index, self.at(statement, part))
            else:
                self.bound[index] = self.at(statement, part)
            if lower is not None and upper is not None:
                self.note_limits(statement, (lower, upper))

    def check_clashes(self) -> None:
        for name, place in self.bound.items():
            other: tuple[str, Span] | None = None
            if name in self.declared:
                declared = self.declared[name]
                other = (f"{declared.role}", self.at(declared.statement, declared.target))
            elif name in self.defined:
                statement = self.defined[name][0]
                other = ("quantity", self.at(statement, statement.syntax.parts[0]))
            elif name in self.size_statements:
                statement, item = self.size_statements[name]
                other = ("size", self.at(statement, item))
            if other is not None:
                what, where = other
                late, early = (place, where) if place.start > where.start else (where, place)
                raise self.error(
                    DeclarationError,
                    f"'{name}' is both an index and {'an' if what == 'input' else 'a'} {what}",
                    Span(late.start, late.start + len(name)) if late is where else late,
                    f"See line {self.source.line_of(early.start)} too; give one of them another name.",
                )

        self.check_copies()

    def check_copies(self) -> None:
        """Refuse ``i_2`` beside an index ``i``, whose copies ``i_1, i_2, ...`` a derivation reads without declaring."""
        places: dict[str, tuple[Statement, Syntax]] = {
            **{name: (statements[0], statements[0].syntax.parts[0]) for name, statements in self.defined.items()},
            **{name: (declared.statement, declared.target) for name, declared in self.declared.items()},
            **self.size_statements,
        }
        for name, (statement, item) in places.items():
            stem, _, count = name.rpartition("_")
            if count.isdecimal() and stem in self.bound and name not in self.bound:
                raise self.error(
                    DeclarationError,
                    f"'{name}' is a copy of the index '{stem}', and no name of its own",
                    self.at(statement, item),
                    f"Sums over '{stem}' that stand inside one another use {stem}_1, {stem}_2, ...: "
                    "give one of them another name.",
                )

    def read_ranges(self) -> None:
        scope = self.scope
        quantities = {*self.declared, *self.defined}
        for name in self.in_limits:
            if name in INFINITE:
                raise self.error(IndexNotationError, "a range is finite", self.in_limits[name], "Name its size: 1..N.")
            # A name that is only read in a subscript, and limits something elsewhere, is a size.
            if name not in self.bound and name not in quantities and name not in self.function_statements:
                scope.sizes[name] = None
        for name, place in self.layered.items():
            if name not in quantities and name not in self.bound:
                scope.sizes[name] = None
                scope.layered.add(name)
            self.in_limits.setdefault(name, place)
        for name, (_, item) in self.size_statements.items():
            scope.sizes.setdefault(name, None)
            if item.parts:
                scope.defined_sizes.add(name)
                if item.parts[-1].kind == "number":
                    scope.default_sizes.add(name)
        scope.sizes = dict(sorted(scope.sizes.items(), key=lambda item: self.place_of_size(item[0])))
        self.read_constants()
        found = dict(self.bound)
        for name, place in self.in_subscripts.items():
            if name not in scope.sizes and name not in quantities:
                found.setdefault(name, place)
        self.read_stated_ranges()
        for name in self.part_limits:
            if name not in scope.indices:
                self.read_range_of_parts(name)
        self.shapes.find()
        for name in sorted(found, key=lambda name: found[name].start):
            if name not in scope.indices:
                scope.indices[name] = self.undeclared(name)
        scope.indices = {
            name: scope.indices[name] for name in sorted(scope.indices, key=lambda name: found[name].start)
        }

    def read_stated_ranges(self) -> None:
        """Read the ranges of ``index`` and ``batch`` statements; those that ``n(l)`` limits after that of ``l``."""
        scope = self.scope
        reads = {
            name: {piece.value for limit in limits.parts for piece in limit.walk() if piece.kind == "name"}
            for name, (_, _, limits) in self.index_statements.items()
            if limits is not None
        }
        for name in (name for group in groups_in_order(reads) for name in group):
            statement, _, limits = self.index_statements[name]
            assert limits is not None
            resolver = Resolver(scope, statement.span)
            lower, upper = (resolver.limit(part) for part in limits.parts)
            if ranges.free_outside_layers(lower) | ranges.free_outside_layers(upper):
                raise self.error(
                    IndexNotationError,
                    f"the range of '{name}' depends on an index",
                    self.at(statement, limits),
                    f"Write such limits where they are used: sum({name} = 1..t, ...).",
                )
            self.refuse_empty(name, statement, limits, lower, upper)
            scope.indices[name] = Bound(Index(name), lower, upper)
            scope.stated.add(name)

    def refuse_empty(self, name: str, statement: Statement, limits: Syntax, lower: Expr, upper: Expr) -> None:
        if ranges.is_below(upper, lower):
            raise self.error(
                IndexNotationError,
                f"the range of '{name}' is empty",
                self.at(statement, limits),
                "The limits are inclusive and start with the smaller.",
            )

    def read_range_of_parts(self, name: str) -> None:
        """Read the range of an index that no statement declares, from what the ``for`` of equations say of it."""
        scope = self.scope
        found: list[ranges.Interval] = []
        for statement, limits in self.part_limits[name]:
            if any(piece.kind == "name" and piece.value == name for limit in limits for piece in limit.walk()):
                continue  # refused where the equation is read
            resolver = Resolver(scope, statement.span)
            # What the limits of one index use is not known yet: any name in them that is an index will do.
            with resolver.binding([Bound(Index(other), ONE, ONE) for other in self.bound if other not in scope.sizes]):
                lower, *rest = (resolver.limit(part) for part in limits)
            upper = rest[0] if rest else lower
            if not ranges.free_outside_layers(lower) | ranges.free_outside_layers(upper):
                found.append((lower, upper))
        # An index that a part fixes, `for t = 0`, or that follows a layer size in several ways, tells nothing.
        several = [interval for interval in dict.fromkeys(found) if interval[0] is not interval[1]]
        if not several:
            return
        interval = several[0]
        if len(several) > 1 and not any(free_indices(limit) for pair in several for limit in pair):
            hull = ranges.hull(several)
            interval = hull if not isinstance(hull[0], tuple) else interval
        scope.indices[name] = Bound(Index(name), *interval)
        scope.stated.add(name)

    def place_of_size(self, name: str) -> int:
        places = [self.in_limits[name].start] if name in self.in_limits else []
        if name in self.size_statements:
            statement, item = self.size_statements[name]
            places.append(self.at(statement, item).start)
        return min(places)

    def undeclared(self, name: str) -> Bound:
        """Return the range of an index that no statement declares."""
        index = Index(name)
        stem = self.scope.indices.get(stem_of(index))
        if stem is not None and stem.index is not index:
            self.scope.stated.add(name)
            return stem._replace(index=index)
        for quantity, axis in dict.fromkeys(self.reads_plainly.get(name, ())):
            shape = self.shapes.known.get(quantity, ())
            if axis < len(shape):
                self.scope.stated.add(name)
                return Bound(index, *shape[axis])
            own = self.axis_name(quantity, axis)
            if own is not None and own in self.scope.stated:
                self.scope.stated.add(name)
                return self.scope.indices[own]._replace(index=index)
        size = f"n_{name}"
        other = self.known_line(size)
        if (other is not None and other[0] != "a size") or size in self.defined:
            raise self.error(
                DeclarationError,
                f"the size of index '{name}' would be called '{size}', which is taken",
                self.bound.get(name) or self.in_subscripts[name],
                f"Declare its range: index {name} = 1..N.",
            )
        self.scope.sizes.setdefault(size, None)
        return Bound(index, ONE, Size(size))

    def axis_name(self, quantity: str, axis: int) -> str | None:
        targets = [self.declared[quantity].target] if quantity in self.declared else []
        targets += [statement.syntax.parts[0] for statement in self.defined.get(quantity, ())]
        for target in targets:
            if target.kind == "access" and axis < len(target.parts) and target.parts[axis].kind == "name":
                return str(target.parts[axis].value)
        return None

    def find_sizes(self) -> None:
        """Read the sizes that others define."""
        reads: dict[str, list[str]] = {}
        for name, (statement, item) in self.size_statements.items():
            reads[name] = []
            if item.parts:
                resolver = Resolver(self.scope, statement.span)
                expr = resolver.limit(item.parts[0])
                if resolver.free:
                    raise self.error(
                        IndexNotationError, f"the size '{name}' depends on an index", self.at(statement, item)
                    )
                self.scope.sizes[name] = expr
                reads[name] = [node.name for node in walk(expr) if isinstance(node, Size)]
        for group in groups_in_order(reads):
            circle = circle_in(reads, group)
            if circle:
                statement, item = self.size_statements[circle[0]]
                raise self.error(
                    DeclarationError,
                    f"sizes define each other in a circle: {' -> '.join([*circle, circle[0]])}",
                    self.at(statement, item),
                )

    def read_constants(self) -> None:
        """Read the values of constants and hyperparameters; they may use constants above them."""
        for name, declared in self.declared.items():
            if declared.value is None:
                continue
            resolver = Resolver(self.scope, declared.statement.span)
            for constant in self.values:
                self.scope.quantities.setdefault(constant, Known(0, constant, "declared", 0))
            expr = resolver.value(declared.value)
            expr = substitute(expr, {Access(other, ()): Number(value) for other, value in self.values.items()})
            place = self.at(declared.statement, declared.value)
            if not isinstance(expr, Number):
                raise self.error(
                    DeclarationError,
                    f"the value of a {declared.role} is a rational number",
                    place,
                    f"Define it by an equation instead: {name} = {self.written(place)}.",
                )
            if declared.integer and expr.value.denominator != 1:
                raise self.error(DeclarationError, f"{expr} is not an integer", place)
            self.values[name] = expr.value
            if declared.role == "constant":
                self.scope.constants[name] = expr.value


def parts_of(equation: Syntax) -> list[tuple[Syntax, list[Syntax]]]:
    """Return the indices that ``for`` limits in an equation, each with its limits: two, one if it is fixed, or none.

    In ``for j, m = 1..H`` both have the same.
    """
    found: list[tuple[Syntax, list[Syntax]]] = []
    for part in reversed(equation.value or ()):
        after = found[-1][1] if found else []
        found.append((part, part.parts or after))
    return found[::-1]


def _names_in_subscript(syntax: Syntax) -> list[Syntax]:
    """Return the names in a subscript that are not inside an access of its own."""
    found: list[Syntax] = []
    stack = [syntax]
    while stack:
        piece = stack.pop()
        if piece.kind == "name":
            found.append(piece)
        elif piece.kind != "access":
            stack.extend(reversed(piece.parts))
    return found
