"""Every entry of an expression at several points at once, in double precision.

A probe finds where two sides differ and which slips explain a claim; it decides nothing, since rounding is not
accounted for: whatever it finds is confirmed in certified arithmetic (`evaluate`).

Arrays have the points as last axis; each index that comes into scope gets a new first axis, so that ordinary
broadcasting lines them up.  Conditions become masks: what no index or point reaches is read nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symprop.algebra.expressions import (
    TRUE,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    free_indices,
    names_of,
)
from symprop.algebra.functions import FUNCTIONS, derivative, expand
from symprop.declaration.network import Network
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Axis
from symprop.errors import IndexNotationError, MissingRuleError, SympropError
from symprop.verification.arithmetic import to_float

Array = Any  # numpy.ndarray; the package is typed without numpy's stubs

LARGEST_INDEX = 2**40
LARGEST_TABLE = 2_000_000  # numbers in one array


class TooLargeError(SympropError):
    """An expression has too many entries to be probed."""


class Probe:
    """Values of expressions at points that share their sizes.

    Parameters
    ----------
    network : Network
        Its functions have bodies (see `sampling.with_bodies`).
    sizes : mapping of str to int or sequence of int
    points : sequence of mapping of str to mapping of tuple of int to number
        The given components of each point, by quantity and indices.
    """

    def __init__(self, network: Network, sizes: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> None:
        self.network = network
        self.sizes = sizes
        self.count = len(points)
        self.rows: dict[str, list[tuple[Access, tuple[Bound, ...], Expr]]] = {}
        self.axes: dict[str, tuple[Axis, ...]] = {name: quantity.axes for name, quantity in network.quantities.items()}
        self.zero_outside = {name for name, quantity in network.quantities.items() if quantity.zero_outside}
        self.tables: dict[str, tuple[Array, tuple[int, ...]]] = {}  # values, and the least index along each axis
        self.known: dict[str, Array] = {}  # of recurrent quantities: which components are computed
        self.waiting: dict[str, Array] = {}  # and in which frame they are being computed, several at once
        self.frames = 0
        self.slices: dict[str, tuple[int | None, ...]] = {}  # along which axis they wait for one another
        self.recurrent: frozenset[str] | None = None
        self.layers: dict[str, int] = {}
        self.memo: dict[Any, tuple[Any, Array]] = {}
        self.ranges: dict[tuple[int, int, int], Array] = {}  # of indices: one array each, which the memo knows again
        self.outside: list[str] = []  # reads outside a range that were met; their values are NaN
        for equation in network.equations:
            self.define(equation.target, equation.bounds, equation.expression)
        for name, quantity in network.quantities.items():
            if name in points[0]:
                self.tables[name] = self.given(name, [point[name] for point in points])
            elif quantity.value is not None:
                self.tables[name] = np.full((self.count,), to_float(quantity.value)), ()

    def define(self, target: Access, bounds: Iterable[Bound], expression: Expr, axes: tuple[Axis, ...] = ()) -> None:
        """Make ``target = expression`` readable; further names come with their `axes`."""
        self.rows.setdefault(target.name, []).append((target, tuple(bounds), expression))
        if target.name not in self.axes:
            self.axes[target.name] = axes
        self.recurrent = None

    def forget(self, name: str) -> None:
        """Let the values of a quantity go: more of it was defined."""
        for kept in (self.tables, self.known, self.waiting, self.slices):
            kept.pop(name, None)

    def undefine(self, name: str) -> None:
        """Let a quantity go."""
        self.forget(name)
        self.rows.pop(name, None)
        self.axes.pop(name, None)
        self.recurrent = None

    def given(self, name: str, components: Sequence[Mapping[tuple[int, ...], Any]]) -> tuple[Array, tuple[int, ...]]:
        table, lowest = self.empty(name)
        told: dict[int, int] = {}  # points may share what they do not differ in
        for place, point in enumerate(components):
            first = told.setdefault(id(point), place)
            if first < place:
                table[..., place] = table[..., first]
                continue
            for indices, value in point.items():
                position = tuple(n - low for n, low in zip(indices, lowest, strict=True))
                table[(*position, place)] = to_float(value)
        return table, lowest

    # -- what callers ask for ------------------------------------------------------------------------------------

    def entries(self, expr: Expr, bounds: Sequence[Bound], condition: Expr = TRUE) -> Array:
        """Return the values of `expr` for every value of `bounds` (first axis first) at every point (last axis).

        What is read outside a range is NaN, and noted in `outside`. Where `condition` does not hold, nothing is read,
        and the value is NaN.
        """
        with np.errstate(all="ignore"):
            scope = _Scope(self, {}, None)
            named = {bound.index for bound in bounds}
            ragged = any((free_indices(bound.lower) | free_indices(bound.upper)) & named for bound in bounds)
            for bound in bounds if ragged else reversed(bounds):  # the newest index has the first axis
                scope = scope.with_index(bound)
            shape = (*scope.shape, self.count)
            if math.prod(shape) > LARGEST_TABLE:
                raise TooLargeError("the claim has too many entries")
            if condition is not TRUE:
                scope = scope.under(scope.condition(condition))
            values = np.broadcast_to(scope.value(expr), shape)
            if scope.mask is not None:
                values = np.where(np.broadcast_to(scope.mask, shape), values, np.nan)
            if ragged:
                values = values.transpose(*reversed(range(len(bounds))), len(bounds))
            return values

    def range(self, first: int, length: int, depth: int) -> Array:
        """Return the values of an index along an axis of its own, before `depth` others and that of the points."""
        key = first, length, depth
        if key not in self.ranges:
            self.ranges[key] = np.arange(first, first + length).reshape((length,) + (1,) * (depth + 1))
        return self.ranges[key]

    # -- tables --------------------------------------------------------------------------------------------------

    def empty(self, name: str) -> tuple[Array, tuple[int, ...]]:
        """A table of NaN over the hull of a quantity's axes."""
        scope = _Scope(self, {}, None)
        lows: list[int] = []
        lengths: list[int] = []
        for axis in self.axes[name]:
            low, high = scope.limit(axis.lower), scope.limit(axis.upper)
            lows.append(int(low.min()))
            lengths.append(max(int(high.max()) - int(low.min()) + 1, 0))
            scope = scope.with_index(Bound(axis.index, axis.lower, axis.upper))
        if math.prod(lengths) * self.count > LARGEST_TABLE:
            raise TooLargeError(f"'{name}' has too many components")
        return np.full((*lengths, self.count), np.nan), tuple(lows)

    def table(self, name: str) -> tuple[Array, tuple[int, ...]]:
        known = self.tables.get(name)
        if known is not None:
            return known
        if name not in self.rows:
            raise MissingRuleError(f"'{name}' has no value")
        if name in self.recurrences():
            self.tables[name] = self.empty(name)
            table = self.tables[name][0]
            self.known[name] = np.zeros(table.shape[:-1], dtype=bool)
            return self.tables[name]
        table, lowest = self.empty(name)
        for target, bounds, expression in self.rows[name]:
            scope = _Scope(self, {}, None)
            ordered = _outermost_first(bounds)
            for bound in ordered:
                scope = scope.with_index(bound)
            shape = (*scope.shape, self.count)
            values = np.broadcast_to(scope.value(expression), shape)
            places = tuple(
                np.broadcast_to(scope.integer(index) - low, (*scope.shape, 1))
                for index, low in zip(target.indices, lowest, strict=True)
            )
            if scope.mask is None:
                table[(*places, np.arange(self.count))] = values
            else:
                inside = np.broadcast_to(scope.mask, (*scope.shape, 1))[..., 0]
                chosen = tuple(place[..., 0][inside] for place in places)
                table[chosen] = values[inside]
        self.tables[name] = table, lowest
        return self.tables[name]

    def recurrences(self) -> frozenset[str]:
        if self.recurrent is None:
            reads: dict[str, set[str]] = {}
            for name, rows in self.rows.items():
                for _, _, expression in rows:
                    reads.setdefault(name, set()).update(names_of(expression))
            groups = groups_in_order(reads)
            self.recurrent = frozenset(
                name for group in groups for name in group if len(group) > 1 or name in reads.get(name, ())
            )
        return self.recurrent

    def components(self, name: str, places: Array) -> None:
        """Compute components of a recurrent quantity, as many at once as do not wait for one another.

        Parameters
        ----------
        name : str
        places : array of int, shape (components, axes)
            Positions in the table.
        """
        places = places[~self.known[name][tuple(places.T)]]
        for axis in self.slices.get(name, (None, *range(places.shape[1]))):
            groups = [places] if axis is None else [places[places[:, axis] == n] for n in np.unique(places[:, axis])]
            self.frames += 1
            frame = self.frames
            try:
                for group in groups:
                    self.together(name, group, frame)
            except _EntangledError as error:
                if error.frame != frame:
                    raise  # others, further out, wait for one another
                continue
            if len(places) > 1 and axis is not None:
                self.slices[name] = (axis,)
            return
        for place in places:  # each waits for others along several axes
            self.together(name, place[None], 0)

    def together(self, name: str, places: Array, frame: int) -> None:
        """Compute components that do not wait for one another; `frame` is 0 for one that is computed alone.

        Raises
        ------
        _EntangledError
            If they do wait; what one computed alone waits for in vain is NaN.
        """
        places = places[~self.known[name][tuple(places.T)]]
        if not len(places):
            return
        table, lowest = self.tables[name]
        waiting = self.waiting.setdefault(name, np.zeros(table.shape[:-1], dtype=int))
        before = waiting[tuple(places.T)]
        if before.any():
            raise _EntangledError(int(before.max()))
        self.known[name][tuple(places.T)] = not frame
        waiting[tuple(places.T)] = frame
        try:
            open_ = np.ones(len(places), dtype=bool)
            for target, bounds, expression in self.rows[name]:
                chosen = self.matching(target, bounds, places + np.array(lowest), open_)
                if not chosen.any():
                    continue
                rows = places[chosen]
                scope = self.at_places(target, rows + np.array(lowest))
                table[tuple(rows.T)] = np.broadcast_to(scope.value(expression), (len(rows), self.count))
                open_ = open_ & ~chosen
        except _EntangledError:
            self.known[name][tuple(places.T)] = False
            raise
        finally:
            waiting[tuple(places.T)] = 0
        self.known[name][tuple(places.T)] = True

    def at_places(self, target: Access, wanted: Array) -> _Scope:
        """Return the scope in which a row is read for many components: they lie along one axis."""
        indices = {
            index: wanted[:, axis].reshape(-1, 1)
            for axis, index in enumerate(target.indices)
            if isinstance(index, Index)
        }
        return _Scope(self, indices, None, (len(wanted),))

    def matching(self, target: Access, bounds: tuple[Bound, ...], wanted: Array, open_: Array) -> Array:
        """Return which components a row defines, of those that are `open_`."""
        scope = self.at_places(target, wanted)
        chosen = open_
        for axis, index in enumerate(target.indices):
            if not isinstance(index, Index):
                chosen = chosen & (scope.integer(index).reshape(-1) == wanted[:, axis])
        for bound in bounds:
            if bound.index in scope.indices:
                values = scope.indices[bound.index]
                inside = (values >= scope.limit(bound.lower)) & (values <= scope.limit(bound.upper))
                chosen = chosen & np.broadcast_to(inside, (len(wanted), 1))[:, 0]
        return chosen


class _EntangledError(Exception):
    """Components that were to be computed at once, in a frame, wait for one another."""

    def __init__(self, frame: int) -> None:
        self.frame = frame


def _outermost_first(bounds: tuple[Bound, ...]) -> list[Bound]:
    """Order bounds so that limits use only indices before them."""
    names = {bound.index for bound in bounds}
    done: list[Bound] = []
    waiting = list(bounds)
    while waiting:
        for bound in waiting:
            used = (free_indices(bound.lower) | free_indices(bound.upper)) & names
            if used <= {b.index for b in done}:
                done.append(bound)
                waiting.remove(bound)
                break
        else:
            return list(bounds)
    return done


class _Scope:
    """What indices mean: each an array along its own axis; `mask` says where the expression is looked at at all."""

    def __init__(
        self, probe: Probe, indices: dict[Index, Array], mask: Array | None, shape: tuple[int, ...] = ()
    ) -> None:
        self.probe = probe
        self.indices = indices
        self.mask = mask
        self.shape = shape  # lengths of the axes of indices, newest first

    def with_index(self, bound: Bound) -> _Scope:
        low, high = self.limit(bound.lower), self.limit(bound.upper)
        first, last = (int(low.min()), int(high.max())) if low.size and high.size else (0, -1)
        length = max(last - first + 1, 0)
        if length * math.prod(self.shape) * self.probe.count > LARGEST_TABLE:
            raise TooLargeError("a sum has too many terms")
        values = self.probe.range(first, length, len(self.shape))
        mask = self.mask
        if low.size > 1 or high.size > 1:
            inside = (values >= low) & (values <= high)
            mask = inside if mask is None else mask & inside
        return _Scope(self.probe, {**self.indices, bound.index: values}, mask, (length, *self.shape))

    def limit(self, expr: Expr) -> Array:
        return self.integer(expr)

    def integer(self, expr: Expr) -> Array:
        if isinstance(expr, Index) and expr in self.indices:
            return self.indices[expr]
        values = np.asarray(self.value(expr), dtype=float)
        if (np.abs(values) > LARGEST_INDEX).any():
            raise TooLargeError("an index, or the limit of a sum, is too large to be counted to")
        return np.rint(np.where(np.isfinite(values), values, 0)).astype(int)

    def key(self, expr: Expr) -> tuple[Any, ...]:
        """What a value in this scope depends on: by identities, which what is stored keeps alive and so unique."""
        read = tuple((i, id(self.indices[i])) for i in free_indices(expr) if i in self.indices)
        return id(expr), id(self.mask), read

    def value(self, expr: Expr) -> Array:
        key = self.key(expr)
        found = self.probe.memo.get(key)
        if found is None:
            # The scope is kept too: identities in the key stay unique as long as what they name lives.
            values = self.compute(expr)
            # A value met again where fewer indices are in scope must not bring their axes along.
            spare = next((n for n, length in enumerate(values.shape[:-1]) if length != 1), values.ndim - 1)
            found = self.probe.memo[key] = ((expr, self), values.reshape(values.shape[spare:]) if spare else values)
        return found[1]

    def compute(self, expr: Expr) -> Array:
        match expr:
            case Number(value=value):
                return np.array([to_float(value)])
            case Add(terms=terms):
                total = self.value(terms[0])
                for term in terms[1:]:
                    total = total + self.value(term)
                return total
            case Mul(factors=factors):
                total = self.value(factors[0])
                for factor in factors[1:]:
                    total = total * self.value(factor)
                return total
            case Power(base=base, exponent=exponent):
                below = self.value(base)
                if isinstance(exponent, Number) and exponent.value.denominator == 1 and abs(exponent.value) < 10**6:
                    return below ** to_float(exponent.value)
                return np.power(below, self.value(exponent))
            case Access():
                return self.access(expr)
            case Index():
                if expr not in self.indices:
                    raise IndexNotationError(f"the index '{expr.name}' has no value")
                return self.indices[expr].astype(float)
            case Size():
                return self.size(expr)
            case Constant(name=name):
                return np.array([math.pi if name == "pi" else math.e])
            case Call():
                return self.call(expr)
            case Reduction():
                return self.reduction(expr)
            case Where(condition=condition, then=then, otherwise=otherwise):
                chosen = self.condition(condition)
                return np.where(chosen, self.under(chosen).value(then), self.under(~chosen).value(otherwise))
            case _:
                raise MissingRuleError(f"'{expr}' is no value")

    def under(self, chosen: Array) -> _Scope:
        if chosen.all():
            return self
        mask = chosen if self.mask is None else self.mask & chosen
        return _Scope(self.probe, self.indices, mask, self.shape)

    def size(self, expr: Size) -> Array:
        value = self.probe.sizes[expr.name]
        if not expr.arguments:
            return np.array([to_float(value)])
        from symprop.declaration.sizes import layers_of

        first = self.probe.layers.get(expr.name)
        if first is None:
            layers = layers_of(self.probe.network, expr.name)
            first = int(layers[0].value) if layers and isinstance(layers[0], Number) else 0
            self.probe.layers[expr.name] = first
        place = self.integer(expr.arguments[0]) - first
        return np.asarray(value, dtype=float)[np.clip(place, 0, len(value) - 1)]

    def access(self, expr: Access) -> Array:
        probe = self.probe
        table, lowest = probe.table(expr.name)
        if not expr.indices:
            if expr.name in probe.recurrences() and expr.name not in probe.known:
                return table
            return table
        wanted = [self.integer(index) for index in expr.indices]
        shape = np.broadcast_shapes(*(index.shape for index in wanted))
        inside: Array = np.ones(shape, dtype=bool)
        for index, low, length in zip(wanted, lowest, table.shape, strict=False):
            inside = inside & (index >= low) & (index < low + length)
        if not inside.all():
            outside = ~inside if self.mask is None else ~inside & self.mask
            if expr.name not in probe.zero_outside and outside.any() and len(probe.outside) < 100:
                wide = np.broadcast_shapes(outside.shape, shape)
                probe.outside.append(self.outside(expr, wanted, np.broadcast_to(outside, wide)))
        places = [
            np.clip(index - low, 0, length - 1) for index, low, length in zip(wanted, lowest, table.shape, strict=False)
        ]
        is_empty = 0 in table.shape[: len(wanted)]  # an axis l = 2..L where L is 1
        if expr.name in probe.known and not is_empty:
            needed = inside if self.mask is None else inside & self.mask
            wide = np.broadcast_shapes(needed.shape, shape)
            missing = np.broadcast_to(needed, wide) & ~probe.known[expr.name][tuple(places)]
            if missing.any():
                columns = [np.broadcast_to(place, wide)[missing] for place in places]
                wanted_places = np.unique(np.stack(columns, axis=1), axis=0)
                waiting = probe.waiting.get(expr.name)
                if waiting is not None and waiting[tuple(wanted_places.T)].any():
                    raise _EntangledError(int(waiting[tuple(wanted_places.T)].max()))
                probe.components(expr.name, wanted_places)
        if is_empty:
            values: Array = np.full(np.broadcast_shapes(shape, (probe.count,)), np.nan)
        else:
            values = table[(*places, np.arange(probe.count))]
        if not inside.all():
            values = np.where(inside, values, 0.0 if expr.name in probe.zero_outside else np.nan)
        return values

    def outside(self, expr: Access, wanted: list[Array], outside: Array) -> str:
        place = tuple(int(n) for n in np.argwhere(outside)[0])
        shown = ",".join(str(int(np.broadcast_to(index, outside.shape)[place])) for index in wanted)
        ranges = ", ".join(f"{a.index.name} = {a.lower}..{a.upper}" for a in self.probe.axes[expr.name])
        return f"{expr.name}[{shown}] is read, and {expr.name} has only {ranges}"

    def call(self, expr: Call) -> Array:
        name = expr.function
        functions = self.probe.network.functions
        if name == "stop":
            return np.zeros(1) if any(expr.orders) else self.value(expr.arguments[0])
        if any(expr.orders):
            return self.value(derivative(expr, functions, stable=True))
        primitive = _PRIMITIVES.get(name)
        if primitive is not None:
            return primitive(*(self.value(argument) for argument in expr.arguments))
        row = FUNCTIONS.get(name)
        if name not in functions and row is not None and row.stable is not None:
            return self.value(row.at(row.stable, expr.arguments))
        written = expand(expr, functions)
        if written is expr:
            raise MissingRuleError(f"'{name}' has no value: it has no body")
        return self.value(written)

    def reduction(self, expr: Reduction) -> Array:
        scope = self
        for bound in expr.bounds:
            scope = scope.with_index(bound)
        body = scope.value(expr.body)
        depth, count = len(self.shape) + 1, len(expr.bounds)
        wide = np.broadcast_shapes(body.shape, scope.shape[:count] + (1,) * depth)
        body = np.broadcast_to(body, wide)
        if scope.mask is not None and scope.mask is not self.mask:
            wide = np.broadcast_shapes(wide, scope.mask.shape)
            body = np.where(scope.mask, body, _NEUTRAL[expr.kind])
        axes = tuple(range(count))
        match expr.kind:
            case "sum":
                return body.sum(axis=axes)
            case "prod":
                return body.prod(axis=axes)
            case "max":
                return body.max(axis=axes)
            case "min":
                return body.min(axis=axes)
            case "logsumexp":
                most = body.max(axis=axes)
                return most + np.log(np.exp(body - most).sum(axis=axes))
            case "argmax" | "argmin":
                best = body.argmax(axis=0) if expr.kind == "argmax" else body.argmin(axis=0)
                return best + float(scope.indices[expr.bounds[0].index].flat[0])
        raise MissingRuleError(f"'{expr.kind}' is no reduction")

    def condition(self, expr: Expr) -> Array:
        key = ("condition", *self.key(expr))
        found = self.probe.memo.get(key)
        if found is None:
            found = self.probe.memo[key] = ((expr, self), self.decide(expr))
        return found[1]

    def decide(self, expr: Expr) -> Array:
        if isinstance(expr, Junction):
            if expr.operator == "not":
                return ~self.condition(expr.conditions[0])
            result = np.full((1,), expr.operator == "and")
            scope = self
            for part in expr.conditions:
                held = scope.condition(part)
                result = result & held if expr.operator == "and" else result | held
                # Later parts are looked at only where the earlier ones leave the answer open.
                scope = self.under(result if expr.operator == "and" else ~result)
            return result
        assert isinstance(expr, Compare)
        left, right = self.value(expr.left), self.value(expr.right)
        match expr.operator:
            case "==":
                return np.asarray(left == right)
            case "!=":
                return np.asarray(left != right)
            case "<":
                return np.asarray(left < right)
            case "<=":
                return np.asarray(left <= right)
            case ">":
                return np.asarray(left > right)
            case ">=":
                return np.asarray(left >= right)
            case _:
                return np.asarray((left != 0) & (np.mod(right, np.where(left == 0, 1, left)) == 0))


def _each(function: Any) -> Any:
    """Apply a function of one float to every entry; what is undefined is NaN."""

    def safe(value: float) -> float:
        try:
            return float(function(value))
        except (ValueError, OverflowError):
            return math.nan

    vectorized = np.vectorize(safe, otypes=[float])
    return lambda values: vectorized(values) if np.size(values) else np.asarray(values, dtype=float)


def _extremum(function: Any) -> Any:
    def of(*values: Array) -> Array:
        result = values[0]
        for value in values[1:]:
            result = function(result, value)
        return result

    return of


_NEUTRAL = {
    "sum": 0.0,
    "prod": 1.0,
    "max": -math.inf,
    "min": math.inf,
    "logsumexp": -math.inf,
    "argmax": -math.inf,
    "argmin": math.inf,
}
_PRIMITIVES: dict[str, Any] = {
    "exp": np.exp,
    "log": np.log,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "cbrt": np.cbrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": _each(math.erf),
    "erfc": _each(math.erfc),
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "max": _extremum(np.maximum),
    "min": _extremum(np.minimum),
}

__all__ = ["Probe", "TooLargeError"]
