"""Which names of a text are whole arrays, and their shapes: declared, ``W: (H, D)``, or those of what defines them.

Shapes must be known before indices are: in ``a = W @ x`` with ``z[j] = tanh(a[j])``, the range of ``j`` is the first
length of ``W``.  So the right sides of such equations are read twice, here for their shapes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from symprop.algebra.expressions import ONE, Access, Bound, Expr, Index, Size, number
from symprop.declaration import ranges
from symprop.declaration.axes import AxisNames, Shaped, shape_of
from symprop.declaration.matrix import ArrayReader, interval_of
from symprop.declaration.network import Fact
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Axis
from symprop.declaration.ranges import Interval
from symprop.declaration.resolve import Resolver
from symprop.declaration.scope import Statement
from symprop.declaration.syntax import Syntax
from symprop.errors import DeclarationError, NotationError, ShapeError

if TYPE_CHECKING:
    from symprop.declaration.declarations import Declarations


class Shapes:
    """The shapes of the arrays of one text.

    Attributes
    ----------
    known : dict of str to tuple of Interval
        The limits of the axes of every array whose shape is declared, or follows from an equation without indices.
    """

    def __init__(self, declarations: Declarations) -> None:
        self.declarations = declarations
        self.known: dict[str, tuple[Interval, ...]] = {}
        self._indexed: dict[str, tuple[Interval, ...] | None] = {}
        self._axes: dict[str, tuple[Axis, ...]] = {}
        self._names: AxisNames | None = None

    # Shapes.

    def find(self) -> None:
        """Find the shapes of all arrays without indices; the sizes and the declared ranges must be known."""
        own = self.declarations
        for name, declared in own.declared.items():
            if declared.target.kind == "shape":
                resolver = Resolver(own.scope, declared.statement.span)
                self.known[name] = tuple(interval_of(resolver, part) for part in declared.target.parts)
        whole_ones = {
            name: statements
            for name, statements in own.defined.items()
            if statements[0].syntax.parts[0].kind == "name" and name not in own.declared
        }
        reads = {
            name: {piece.value for piece in statements[0].syntax.parts[1].walk() if piece.kind == "name"}
            for name, statements in whole_ones.items()
        }
        for group in groups_in_order(reads):
            for name in group:
                statement = whole_ones[name][0]
                right = statement.syntax.parts[1]
                reader = self._shape_reader(statement)
                if not reader.concerns(right):
                    continue
                if len(group) > 1 or name in reads[name]:
                    raise self._circle(name, group, statement)
                shaped = reader.shaped(right)
                if shaped.is_row:
                    raise self._row(shaped, statement)
                if shaped.axes:
                    self.known[name] = tuple((axis.lower, axis.upper) for axis in shaped.axes)

    def _shape_reader(self, statement: Statement) -> ArrayReader:
        return ArrayReader(
            self.declarations.scope,
            statement.span,
            self._nameless,
            only_shapes=True,
            functions={*self.declarations.function_statements, *self.declarations.declared, *self.declarations.defined},
        )

    def _nameless(self, name: str) -> tuple[Axis, ...] | None:
        intervals = self.intervals(name)
        return tuple(Axis(Index("i"), *interval) for interval in intervals) if intervals else None

    def _circle(self, name: str, group: tuple[str, ...], statement: Statement) -> DeclarationError:
        others = [other for other in group if other != name]
        wanted = others or [name]
        piece = next(
            piece for piece in statement.syntax.parts[1].walk() if piece.kind == "name" and piece.value in wanted
        )
        message = "equations define each other in a circle" if others else f"'{name}' is defined by itself"
        error = self.declarations.error(
            DeclarationError,
            message,
            self.declarations.at(statement, piece),
            f"{', '.join(group)} need each other; break the circle at one of them."
            if others
            else "Every quantity is defined once; give the new value another name, or write a recurrence with indices.",
        )
        assert isinstance(error, DeclarationError)
        return error

    def _row(self, shaped: Shaped, statement: Statement) -> ShapeError:
        left, right = statement.syntax.parts
        written = self.declarations.written(self.declarations.at(statement, right))
        turned = written.removesuffix(".T") if written.isidentifier() else f"({written}).T"
        error = self.declarations.error(
            ShapeError,
            f"the right side is a row of shape {shaped.shape}; a name with one axis is a column",
            self.declarations.at(statement, right),
            f"Write {left.value} = {turned}, and {left.value}.T for the row.",
        )
        assert isinstance(error, ShapeError)
        return error

    def intervals(self, name: str) -> tuple[Interval, ...] | None:
        """Return the limits of the axes of a name, or None if it is a scalar, or not known yet."""
        found = self.known.get(name)
        if found is None:
            if name not in self._indexed:
                self._indexed[name] = self._of_indexed(name)
            found = self._indexed[name]
        return found

    def _of_indexed(self, name: str) -> tuple[Interval, ...] | None:
        """Return the limits of an array that is declared, defined or (in a text without roles) used by components."""
        own = self.declarations
        if name in own.declared:
            targets = [own.declared[name].target]
        elif name in own.defined:
            targets = [statement.syntax.parts[0] for statement in own.defined[name]]
        else:
            return self._of_used(name)
        if any(target.kind != "access" or len(target.parts) != len(targets[0].parts) for target in targets):
            return None
        axes: list[Interval] = []
        for column in zip(*(target.parts for target in targets), strict=True):
            intervals = [interval for part in column if (interval := self._of_subscript(part)) is not None]
            found = ranges.hull(intervals) if intervals else None
            if found is None or isinstance(found[0], tuple):
                return None
            axes.append(found)
        return tuple(axes)

    def _of_used(self, name: str) -> tuple[Interval, ...] | None:
        own = self.declarations
        if own.declared:
            return None
        axes: dict[int, Interval] = {}
        for index, places in own.reads_plainly.items():
            for quantity, axis in places:
                if quantity == name and axis not in axes and (interval := self._of_index(index)) is not None:
                    axes[axis] = interval
        return tuple(axes[axis] for axis in range(len(axes))) if axes and set(axes) == set(range(len(axes))) else None

    def _of_subscript(self, part: Syntax) -> Interval | None:
        if part.kind == "name":
            return self._of_index(part.value)
        if part.kind == "number" and part.value.isdigit():
            value = number(part.value)
            return value, value
        return None

    def _of_index(self, name: str) -> Interval | None:
        own = self.declarations
        if name in own.scope.sizes:  # r[T] = ...
            return Size(name), Size(name)
        if name not in own.bound and name not in own.in_subscripts and name not in own.scope.indices:
            return None
        if name not in own.scope.indices:
            own.scope.indices[name] = own.undeclared(name)
        own.used.add(name)  # the whole array is read, so the axis has the range of its index
        bound = own.scope.indices[name]
        return bound.lower, bound.upper

    # Names of axes, once all indices are known.

    @property
    def names(self) -> AxisNames:
        """Gives letters to axes; none that the text uses in any way."""
        if self._names is None:
            own = self.declarations
            used = {
                piece.value if isinstance(piece.value, str) else piece.value[0]
                for statement in own.statements
                for piece in statement.syntax.walk()
                if piece.kind in ("name", "access", "call", "shape", "limits", "declared_index", "function")
            }
            self._names = AxisNames(own.scope, used)
        return self._names

    def axes(self, name: str) -> tuple[Axis, ...] | None:
        """Return the axes of an array, each with its index, or None if it is none."""
        found = self._axes.get(name)
        if found is None:
            intervals = self.intervals(name)
            if not intervals:
                return None
            indices = self._written_indices(name)
            if indices is None:
                found = self.names.axes(intervals)
            else:
                found = tuple(Axis(index, *interval) for index, interval in zip(indices, intervals, strict=True))
            self._axes[name] = found
        return found

    def _written_indices(self, name: str) -> list[Index] | None:
        own = self.declarations
        if name in self.known:
            return None
        targets = [own.declared[name].target] if name in own.declared else []
        targets += [statement.syntax.parts[0] for statement in own.defined.get(name, ())]
        for target in targets:
            names = [part.value for part in target.parts if part.kind == "name"]
            indices = [Index(name) for name in names if name not in own.scope.sizes]
            if len(indices) == len(target.parts) == len(set(indices)):
                return indices
        return None

    def written(self, name: str) -> str:
        """Return an array that equations define as it would be declared, ``a: (H)``, for messages."""
        lengths = Shaped(tuple(Bound(Index("i"), *interval) for interval in self.known[name]), ONE).extents
        return f"{name}: {shape_of(lengths)}"

    # Reading.

    def reader(self, statement: Statement, right: Sequence[Syntax]) -> Resolver:
        """Return what reads a statement: a resolver, one that reads arrays if there are any."""
        reader = ArrayReader(self.declarations.scope, statement.span, self.axes)
        if any(reader.concerns(part) for part in right):
            return reader
        return Resolver(self.declarations.scope, statement.span)

    def right_side(self, reader: ArrayReader, right: Syntax, name: str) -> tuple[Access, tuple[Bound, ...], Expr]:
        """Return target, bounds and right side of an equation that defines a whole array."""
        axes = self.axes(name)
        assert axes is not None
        shaped = self.names.settled(reader.shaped(right), axes)
        return Access(name, shaped.indices), shaped.axes, shaped.expression

    def fact(self, reader: ArrayReader, statement: Statement) -> Fact:
        """Return what a statement assumes of whole arrays: that two are equal, or ``onehot(T)`` along the last axis."""
        parts = statement.syntax.parts
        if len(parts) == 1:
            shaped = self._one_hot(reader, parts[0])
            (*others, last) = shaped.axes
            return Fact("onehot", shaped.expression, last.index, (last, *others), statement.line)
        first, (left, right) = reader.aligned(statement.syntax, parts)
        one = self.names.settled(Shaped(first.axes, left))
        axes = [Axis(*bound[:3]) for bound in one.axes]
        other = self.names.settled(Shaped(first.axes, right), axes)
        free = (self.declarations.scope.range_of(name) for name in reader.free)
        bounds = (*one.axes, *(bound for bound in free if bound is not None))
        return Fact("equal", one.expression, other.expression, bounds, statement.line)

    def _one_hot(self, reader: ArrayReader, syntax: Syntax) -> Shaped:
        if syntax.kind == "call" and syntax.value[0] == "onehot" and len(syntax.parts) == 1:
            shaped = reader.shaped(syntax.parts[0])
            if shaped.axes and isinstance(shaped.expression, Access):
                return self.names.settled(shaped)
        raise reader.error(
            NotationError, "this is no fact", syntax, "Write assume A = B, assume onehot(t), or assume onehot(k, t[k])."
        )
