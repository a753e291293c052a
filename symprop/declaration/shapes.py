"""Which names of a text are whole arrays, and their shapes: declared, ``W: (H, D)``, or those of what defines them.

Shapes must be known before indices are: in ``a = W @ x`` with ``z[j] = tanh(a[j])``, the range of ``j`` is the first
length of ``W``.  So the right sides of such equations are read twice, here for their shapes alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from symprop.algebra.expressions import ONE, Access, Bound, Expr, Index, Size, fresh_index, number
from symprop.declaration import ranges
from symprop.declaration.axes import AxisNames, Shaped, shape_of
from symprop.declaration.matrix import ArrayReader, PendingError, interval_of
from symprop.declaration.network import Fact
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Axis
from symprop.declaration.ranges import Interval
from symprop.declaration.resolve import Resolver
from symprop.declaration.scope import Statement
from symprop.declaration.syntax import Syntax
from symprop.errors import DeclarationError, NotationError, ShapeError, SympropError

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
        self._functions: set[str] = set()  # names that a text gives a meaning of its own
        self._sliceable: set[str] = set()  # names of arrays that are no arrays of written indices

    # Shapes.

    def find(self) -> None:
        """Find the shapes of all arrays without indices; the sizes and the declared ranges must be known."""
        own = self.declarations
        for name, declared in own.declared.items():
            if declared.target.kind == "shape":
                resolver = Resolver(own.scope, declared.statement.span)
                self.known[name] = tuple(
                    interval for part in declared.target.parts if (interval := self._of_length(resolver, part))
                )
        candidates = {
            name: statements
            for name, statements in own.defined.items()
            if name not in own.declared and self._count(name) is not None
        }
        self._sliceable = {name for name, declared in own.declared.items() if declared.target.kind == "shape"}
        reads = {
            name: {
                piece.value
                for statement in statements
                for piece in statement.syntax.parts[1].walk()
                if piece.kind in ("name", "access")
            }
            for name, statements in candidates.items()
        }
        self._functions = {*own.function_statements, *own.declared, *own.defined}
        for group in groups_in_order(reads):
            if any(self._count(name) for name in group):
                self._find_sliced(group, candidates, reads)
                continue
            for name in group:
                self._find_whole(name, group, candidates[name][0], reads[name])

    def _count(self, name: str) -> int | None:
        """Return how many indices stand at a name on the left of all its equations; None if they differ."""
        lefts = [statement.syntax.parts[0] for statement in self.declarations.defined[name]]
        counts = {len(left.parts) if left.kind == "access" else 0 for left in lefts}
        return counts.pop() if len(counts) == 1 else None

    def _find_whole(self, name: str, group: tuple[str, ...], statement: Statement, read: set[str]) -> None:
        right = statement.syntax.parts[1]
        reader = self._shape_reader(statement)
        if not reader.concerns_any([right]):
            return
        if len(group) > 1 or name in read:
            raise self._circle(name, group, statement)
        shaped = reader.shaped(right)
        if shaped.is_row:
            raise self._row(shaped, statement)
        if shaped.axes:
            self.known[name] = tuple((axis.lower, axis.upper) for axis in shaped.axes)
            self._sliceable.add(name)

    def _find_sliced(
        self, group: tuple[str, ...], candidates: Mapping[str, Sequence[Statement]], reads: Mapping[str, set[str]]
    ) -> None:
        """Find what is left of ``h[t]`` in ``h[t] = tanh(W @ x[t] + U @ h[t-1])``: an array, of what shape.

        The names of a recurrence need each other's shapes; those that are not known take on that of what stands
        beside them, and whatever then has no axes is a number.
        """
        recurrent = len(group) > 1 or group[0] in reads[group[0]]
        pending = set(group) if recurrent else set()
        found: dict[str, tuple[Interval, ...]] = {}
        before = -1
        while len(found) > before:
            before = len(found)
            for name in group:
                if name in found or not any(self._is_sliced(one, pending) for one in candidates[name]):
                    continue
                rest = self._rest(candidates[name], pending)
                lead = self._lead(candidates[name]) if rest else None
                if rest and lead is not None:
                    found[name] = rest
                    self.known[name] = (*lead, *rest)
                    self._sliceable.add(name)
                    pending.discard(name)

    def _is_sliced(self, statement: Statement, pending: Collection[str]) -> bool:
        """Return whether an index of the left side stands at an array on the right that has more axes.

        ``a[i] = 2*x`` defines no array of arrays: an index is missing.
        """
        left, right = statement.syntax.parts
        running = {part.value for part in left.parts if part.kind == "name"}
        reader = self._shape_reader(statement)
        reader.concerns_any([right])
        return any(
            piece.kind == "access"
            and (piece.value in pending or reader.leaves_axes(piece))
            and any(inner.kind == "name" and inner.value in running for part in piece.parts for inner in part.walk())
            for piece in right.walk()
        )

    def _rest(self, statements: Sequence[Statement], pending: Collection[str]) -> tuple[Interval, ...] | None:
        """Return the limits of the axes of the right side that is an array first, or None."""
        for statement in statements:
            right = statement.syntax.parts[1]
            reader = self._shape_reader(statement)
            reader.pending = pending
            try:
                if not reader.concerns_any([right]):
                    continue
                shaped = reader.shaped(right)
            except (SympropError, PendingError):
                continue  # said when the equation is read
            if shaped.is_row:
                raise self._row(shaped, statement)
            if shaped.axes:
                return tuple((axis.lower, axis.upper) for axis in shaped.axes)
        return None

    def _lead(self, statements: Sequence[Statement]) -> tuple[Interval, ...] | None:
        """Return the limits of the indices that stand on the left."""
        lead: list[Interval] = []
        targets = [statement.syntax.parts[0] for statement in statements]
        for column in zip(*(target.parts for target in targets if target.kind == "access"), strict=True):
            intervals = [interval for part in column if (interval := self._of_subscript(part)) is not None]
            hull = ranges.hull(intervals) if intervals else None
            if hull is None or isinstance(hull[0], tuple):
                hull = next((one for one in intervals if one[0] is not one[1]), None)
            if hull is None:
                return None
            lead.append(hull)
        return tuple(lead)

    def _shape_reader(self, statement: Statement) -> ArrayReader:
        return ArrayReader(
            self.declarations.scope,
            statement.span,
            self._nameless,
            only_shapes=True,
            functions=self._functions,
            sliced=self._sliceable,
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

    def _of_length(self, resolver: Resolver, part: Syntax) -> Interval | None:
        """Return the limits of an axis of ``x[t]: (D)``, declared by its index or by its length."""
        return self._of_index(part.parts[0].value) if part.kind == "axis" else interval_of(resolver, part)

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
                found = self.names.axes(intervals, self._leading_indices(name))
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

    def _leading_indices(self, name: str) -> list[Index]:
        """Return the indices that are written at an array whose other axes are not, ``h[t]``."""
        own = self.declarations
        if name in own.declared:
            target = own.declared[name].target
            return [Index(part.parts[0].value) for part in target.parts if part.kind == "axis"]
        for statement in own.defined.get(name, ()):
            left = statement.syntax.parts[0]
            indices = [Index(part.value) for part in left.parts if part.kind == "name"]
            if left.kind == "access" and len(indices) == len(left.parts) == len(set(indices)):
                return indices
        return []

    def leaves_axes(self, left: Syntax) -> bool:
        """Return whether the left side of an equation is an array: a name alone, or one with its first indices."""
        count = len(left.parts) if left.kind == "access" else 0
        is_defined = left.value in self.known and left.value in self.declarations.defined
        return is_defined and count < len(self.known[left.value])

    def written(self, name: str) -> str:
        """Return an array that equations define as it would be declared, ``a: (H)``, for messages."""
        lengths = Shaped(tuple(Bound(Index("i"), *interval) for interval in self.known[name]), ONE).extents
        return f"{name}: {shape_of(lengths)}"

    # Reading.

    def reader(self, statement: Statement, right: Sequence[Syntax], left: Syntax | None = None) -> Resolver:
        """Return what reads a statement: a resolver, one that reads arrays if there are any."""
        reader = ArrayReader(self.declarations.scope, statement.span, self.axes, sliced=self._sliceable)
        if reader.concerns_any(right) or (left is not None and left.kind == "access" and self.leaves_axes(left)):
            return reader
        return Resolver(self.declarations.scope, statement.span)

    def right_side(
        self, reader: ArrayReader, right: Syntax, left: Syntax, target: Access, bounds: tuple[Bound, ...]
    ) -> tuple[Access, tuple[Bound, ...], Expr]:
        """Return target, bounds and right side of an equation that defines a whole array, or that of some indices.

        `target` and `bounds` hold the indices that are written on the left.
        """
        known = self.axes(left.value)
        assert known is not None
        taken = set(target.indices)
        axes = []
        for axis in known[len(target.indices) :]:
            index = fresh_index(axis.index, {index for index in taken if isinstance(index, Index)})
            taken.add(index)
            axes.append(Axis(index, axis.lower, axis.upper))
        shaped = reader.shaped(right)
        if shaped.axes:
            if shaped.is_row:
                raise reader.error(
                    ShapeError, f"the right side is a row of shape {shaped.shape}, and a column is defined", right
                )
            wanted = Shaped(tuple(Bound(axis.index, axis.lower, axis.upper) for axis in axes), ONE)
            if shaped.extents != wanted.extents:
                raise reader.error(
                    ShapeError,
                    f"{reader.scope.source.written(reader.at(left))} has shape {wanted.shape}, "
                    f"and the right side has shape {shaped.shape}",
                    right,
                )
            settled = self.names.settled(shaped, axes)
            own, expression = settled.axes, settled.expression
        else:
            own = tuple(Bound(axis.index, axis.lower, axis.upper) for axis in axes)
            expression = self.names.settled(shaped).expression
        return Access(left.value, (*target.indices, *(bound.index for bound in own))), (*bounds, *own), expression

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
