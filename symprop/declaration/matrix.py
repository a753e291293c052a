"""Matrix notation, read into index form: a shaped expression is its axes and a scalar expression in their indices.

An array is a name without brackets, ``W``, or one with its first indices alone, ``h[t]``: what is left.  One axis is a
column, its ``.T`` a row, ``u.T @ v`` a scalar; scalars combine with anything, arrays element by element with arrays of
their own shape.

=================================  =======================================================
``W @ x + b``                      ``sum(j, W[i,j]*x[j]) + b[i]``
``u @ v.T``, ``outer(u, v)``       ``u[i]*v[j]``
``X.T @ diag(p) @ X``              ``sum(n, X[n,i]*p[n]*X[n,j])``
``softmax(A)``                     ``softmax(j, A[i,j])``, over the last axis
``sum(A)``, ``sum(A, axis=0)``     ``sum(i, j, A[i,j])``, ``sum(i, A[i,j])``
``D(L, W)``                        ``D(L, W[i,j])``; of a column by a column [of, by]
``W @ x[t] + U @ h[t-1]``          ``sum(j, W[i,j]*x[t,j]) + sum(k, U[i,k]*h[t-1,k])``
=================================  =======================================================

The axes of every array that is read get indices of their own, which no text can contain; so nothing is ever captured
while expressions are put together, and equal terms meet.  At the end `AxisNames` gives each the letter of its range.
What has no array in it is read by the `Resolver` alone, which asks back where a scalar is made of arrays
(``norm(u)``); whatever acts element by element is read by it too, with the operands already in one set of indices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    ZERO,
    Bound,
    Compare,
    Expr,
    Index,
    Mul,
    Number,
    Size,
    Where,
    call,
    compare,
    divide,
    free_indices,
    fresh_index,
    iverson,
    mul,
    number,
    power,
    reduce,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.indices import normal
from symprop.algebra.losses import LOSSES, log_softmax
from symprop.declaration.axes import MARK, AxisNames, Shaped, shape_of, whole
from symprop.declaration.quantity import Axis
from symprop.declaration.ranges import Interval
from symprop.declaration.resolve import (
    BODY_FIRST,
    HALF,
    OPERATORS,
    REDUCTIONS,
    SOFTMAXES,
    Resolver,
    flat_factors,
    flat_terms,
    index_parts,
)
from symprop.declaration.scope import Scope
from symprop.declaration.source import Span
from symprop.declaration.syntax import ARRAY_CALLS, Syntax
from symprop.errors import IndexNotationError, MissingRuleError, NotationError, ShapeError, SympropError

MOST_PRODUCTS = 30  # each is a sum in a sum
MOST_JOINED = 30  # each is a case in a case
_TRANSPOSED = ("T", "top")  # as an exponent
# Signs that are products of numbers, and something else of vectors.
_INNER = "{u}.T @ {v} for the inner product"
_DOTS = {"·": _INNER, "⋅": _INNER, "×": "sums for the cross product"}


# An array whose shape is not known yet: it takes on that of what it is combined with.
PENDING = Shaped((), ZERO)


class PendingError(Exception):
    """What is made of an array whose shape is not known yet needs it."""


class ArrayReader(Resolver):
    """Reads the expressions of one statement, arrays among them.

    Parameters
    ----------
    scope : Scope
    span : Span
    axes_of : callable
        The axes of a name, or None if it is no array.
    only_shapes : bool
        Whether only shapes are wanted: names may then be unknown, and expressions mean nothing.
    functions : collection of str, optional
        Names of the functions that the text defines, if the scope does not know them yet.
    sliced : container of str, optional
        The names that are arrays with some of their indices, ``h[t]``, wherever they stand; beside another array any
        name is. None: all of them.
    """

    def __init__(
        self,
        scope: Scope,
        span: Span,
        axes_of: Callable[[str], Sequence[Axis] | None],
        *,
        only_shapes: bool = False,
        functions: Collection[str] | None = None,
        sliced: Container[str] | None = None,
    ) -> None:
        super().__init__(scope, span)
        self.sliced = sliced
        self.pending: Collection[str] = ()  # names whose shape is being looked for
        self.axes_of = axes_of
        self.functions: Collection[str] = scope.functions if functions is None else functions
        self.only_shapes = only_shapes
        self.given: dict[int, Expr] = {}
        self.ranges: dict[Index, Interval] = {}
        self.products = 0
        self._inside: Syntax | None = None  # the body of a sum over an index, which may be an array
        self._found = PENDING
        self._concerned: dict[int, bool] = {}

    # What concerns arrays.

    def concerns(self, syntax: Syntax) -> bool:
        """Return whether there is an array in a piece."""
        found = self._concerned.get(id(syntax))
        if found is None:
            found = self._concerned[id(syntax)] = self._is_array(syntax) or (
                syntax.kind != "access" and any(self.concerns(part) for part in syntax.parts)
            )
        return found

    def concerns_any(self, pieces: Iterable[Syntax]) -> bool:
        """Return whether there is an array in some piece; if so, every name with too few indices is one too."""
        if not any(self.concerns(piece) for piece in pieces):
            return False
        if self.sliced is not None:
            self.sliced = None
            self._concerned.clear()
        return True

    def leaves_axes(self, syntax: Syntax) -> bool:
        """Return whether an access leaves axes over: ``h[t]``, h having two."""
        if self.sliced is not None and syntax.value not in self.sliced:
            return False
        axes = self.axes_of(syntax.value)
        return axes is not None and len(syntax.parts) < len(axes)

    def _is_array(self, syntax: Syntax) -> bool:
        if syntax.kind in ("name", "access") and syntax.value in self.pending:
            return True
        if syntax.kind == "access":
            return self.leaves_axes(syntax)
        if syntax.kind == "name":
            return syntax.value not in self.parameters and bool(self.axes_of(syntax.value))
        return syntax.kind in ("matmul", "transpose") or self._array_call(syntax)

    def _array_call(self, syntax: Syntax) -> bool:
        return syntax.kind == "call" and syntax.value[0] in ARRAY_CALLS and not self._is_taken(syntax.value[0])

    def _is_taken(self, name: str) -> bool:
        return name in self.functions or name in self.scope.quantities

    # Where a number is wanted.

    def value(self, syntax: Syntax) -> Expr:
        """Return the scalar expression that is written.

        Raises
        ------
        IndexNotationError, ShapeError
            If it is an array; and as `Resolver.value`.
        """
        if self.place != "value":
            return super().value(syntax)
        given = self.given.get(id(syntax))
        if given is not None:
            return given
        if syntax is self._inside:
            self._inside = None
            self._found = self.shaped(syntax)
            return self._found.expression
        if not self.concerns(syntax):
            return super().value(syntax)
        shaped = self.shaped(syntax)
        if shaped.axes:
            raise self.not_a_number(syntax, shaped)
        return shaped.expression

    def not_a_number(self, syntax: Syntax, shaped: Shaped) -> SympropError:
        """Return the error of an array where a number is wanted."""
        pieces = list(syntax.walk())
        if not any(piece.kind in ("matmul", "transpose") or self._array_call(piece) for piece in pieces):
            name = next(piece for piece in pieces if piece.kind == "name" and self.axes_of(piece.value))
            known = self.scope.quantities[name.value]
            count = "1 index" if known.rank == 1 else f"{known.rank} indices"
            return self.error(
                IndexNotationError, f"'{name.value}' has {count}, not none", name, f"'{name.value}' {known}."
            )
        return self.error(
            ShapeError,
            f"{self.written(syntax)} has shape {shaped.shape}, and a number is wanted here",
            syntax,
            "Give the whole array a name, a = ..., and read its components, a[i]; or sum it, sum(a).",
        )

    # Reading.

    def shaped(self, syntax: Syntax) -> Shaped:
        """Return the shaped expression that is written."""
        if not self.concerns(syntax):
            return Shaped((), self._leaf(syntax))
        match syntax.kind:
            case "name" | "access" if syntax.value in self.pending:
                return PENDING
            case "name":
                return self._whole(syntax)
            case "access":
                return self._slice(syntax)
            case "group":
                return self.shaped(syntax.parts[0])
            case "transpose":
                return self._transposed(syntax, self.shaped(syntax.parts[0]))
            case "matmul":
                return self._matrix_chain(syntax)
            case "power":
                return self._shaped_power(syntax)
            case "call":
                return self._shaped_call(syntax)
            case "sum":
                return self._elementwise(syntax, [part for _, part in flat_terms(syntax)])
            case "product":
                self._refuse_dots(syntax)
                return self._elementwise(syntax, [part for _, part in flat_factors(syntax)])
            case "signed":
                return self._elementwise(syntax, syntax.parts)
            case "bracket":
                return self._elementwise(syntax, [side for part in syntax.parts for side in self._sides(part)])
        return Shaped((), self._leaf(syntax))

    def _leaf(self, syntax: Syntax) -> Expr:
        given = self.given.get(id(syntax))
        if given is not None:
            return given
        return ONE if self.only_shapes else super().value(syntax)

    def _own(self, intervals: Iterable[Interval]) -> tuple[Bound, ...]:
        """Return axes with indices of their own."""
        axes: list[Bound] = []
        for interval in intervals:
            index = Index(f"{MARK}{len(self.ranges)}")
            self.ranges[index] = interval
            axes.append(Bound(index, *interval))
        return tuple(axes)

    def _slice(self, syntax: Syntax) -> Shaped:
        """Return what an access with too few indices leaves over, ``h[t-1]`` as the array of its other axes."""
        axes = self.axes_of(syntax.value)
        assert axes is not None
        rest = axes[len(syntax.parts) :]
        self._refuse_ragged(syntax, rest)
        own = self._own(whole(rest))
        if self.only_shapes:
            return Shaped(own, ONE)
        written = self.subscripts(syntax)
        taken = frozenset[Index]().union(*map(free_indices, written))
        letters: list[Index] = []
        for axis in rest:
            letters.append(fresh_index(axis.index, taken.union(letters)))
        bounds = [Bound(letter, axis.lower, axis.upper) for letter, axis in zip(letters, rest, strict=True)]
        with self.binding(bounds):
            read = self._read(syntax.value, (*written, *letters), syntax)
        return Shaped(own, substitute(read, {letter: one.index for letter, one in zip(letters, own, strict=True)}))

    def _refuse_ragged(self, syntax: Syntax, axes: Sequence[Axis]) -> None:
        for axis in axes:
            if free_indices(axis.lower) | free_indices(axis.upper):
                raise self.error(
                    ShapeError,
                    f"'{syntax.value}' is no matrix: the range of {axis.index} differs along it",
                    syntax,
                    "Read its components by indices.",
                )

    def _whole(self, syntax: Syntax) -> Shaped:
        name = syntax.value
        axes = self.axes_of(name)
        assert axes is not None
        self._refuse_ragged(syntax, axes)
        own = self._own(whole(axes))
        if self.only_shapes:
            return Shaped(own, ONE)
        with self.binding(tuple(Bound(axis.index, axis.lower, axis.upper) for axis in axes)):
            read = self._read(name, tuple(axis.index for axis in axes), syntax)
        return Shaped(own, substitute(read, {axis.index: one.index for axis, one in zip(axes, own, strict=True)}))

    def _sides(self, syntax: Syntax) -> list[Syntax]:
        """Return the two sides of every comparison in a condition."""
        if syntax.kind in ("group", "not", "and", "or"):
            return [side for part in syntax.parts for side in self._sides(part)]
        return list(syntax.parts) if syntax.kind == "comparison" else []

    # Element by element.

    def _elementwise(self, syntax: Syntax, operands: Sequence[Syntax]) -> Shaped:
        """Return what the resolver makes of a piece once its operands stand in the same indices."""
        first, expressions = self.aligned(syntax, operands)
        if self.only_shapes:
            return first
        return Shaped(first.axes, self._resolved(syntax, operands, expressions), first.is_row)

    def _resolved(self, syntax: Syntax, operands: Iterable[Syntax], expressions: Iterable[Expr]) -> Expr:
        """Return what the resolver makes of a piece when its operands are these expressions."""
        before = self.given
        self.given = {**before, **{id(part): expr for part, expr in zip(operands, expressions, strict=True)}}
        try:
            return super().value(syntax)
        finally:
            self.given = before

    def _aligned(
        self, syntax: Syntax, shaped: Sequence[Shaped], operands: Sequence[Syntax]
    ) -> tuple[Shaped | None, list[Expr]]:
        """Return the first array and all expressions in its indices; scalars stay as they are."""
        first: Shaped | None = None
        where_first = syntax
        expressions: list[Expr] = []
        for one, operand in zip(shaped, operands, strict=True):
            if not one.axes:
                expressions.append(one.expression)
                continue
            if first is None:
                first, where_first = one, operand
            if len(one.axes) != len(first.axes) or one.is_row != first.is_row or not self._fit(one.axes, first.axes):
                raise self._do_not_fit(syntax, (where_first, operand), (first, one))
            expressions.append(self._moved(one.expression, one.axes, first.axes))
        return first, expressions

    def aligned(self, syntax: Syntax, operands: Sequence[Syntax]) -> tuple[Shaped, list[Expr]]:
        """Return the first array among operands (a scalar if there is none) and all of them in its indices."""
        shaped = [self.shaped(operand) for operand in operands]
        first, expressions = self._aligned(syntax, shaped, operands)
        return first or next((one for one in shaped if one is PENDING), Shaped((), ONE)), expressions

    def _moved(self, expr: Expr, axes: Sequence[Bound], onto: Sequence[Bound]) -> Expr:
        """Return a component in the indices of other axes of the same lengths."""
        mapping = {
            one.index: other.index + (one.lower - other.lower)
            for one, other in zip(axes, onto, strict=True)
            if one.index is not other.index
        }
        return substitute(expr, mapping)

    def _fit(self, axes: Sequence[Bound], others: Sequence[Bound]) -> bool:
        return all(self._is_as_long(axis, other) for axis, other in zip(axes, others, strict=True))

    def _is_as_long(self, axis: Bound, other: Bound) -> bool:
        difference = normal((axis.upper - axis.lower) - (other.upper - other.lower))
        for _ in self.scope.sizes:  # a defined size may be defined by defined ones
            defined = {
                node: value
                for node in walk(difference)
                if isinstance(node, Size) and not node.arguments and (value := self.scope.sizes.get(node.name))
            }
            if not defined:
                break
            difference = normal(substitute(difference, defined))
        if difference is ZERO:
            return True
        # The definitions of sizes are read after shapes are found: what they may decide is left to the second reading.
        named = {node.name for node in walk(difference) if isinstance(node, Size)}
        open_ones = self.scope.defined_sizes - self.scope.default_sizes
        # A number is no free size: with `size H = 3` an axis of length D is not as long as one of length H.
        return self.only_shapes and bool(named & open_ones or (named and named <= self.scope.default_sizes))

    def _do_not_fit(self, syntax: Syntax, operands: tuple[Syntax, Syntax], shaped: tuple[Shaped, Shaped]) -> ShapeError:
        left, right = (self.written(operand) for operand in operands)
        one, other = shaped
        place = Span(self.at(operands[0]).start, self.at(operands[1]).end)
        if place.end <= place.start:
            place = self.at(syntax)
        message = (
            f"{left} has shape {one.shape} and {right} has shape {other.shape}; arrays combine with their own shape"
        )
        return self._shape_error(message, place, self._how_to_combine(syntax, (left, right), shaped))

    def _shape_error(self, message: str, place: Syntax | Span, hint: str | None) -> ShapeError:
        error = self.error(ShapeError, message, place, hint)
        assert isinstance(error, ShapeError)
        return error

    def _how_to_combine(self, syntax: Syntax, written: tuple[str, str], shaped: tuple[Shaped, Shaped]) -> str:
        ranks = tuple(len(one.axes) for one in shaped)
        (left, right), (one, other) = (tuple(_bracketed(text) for text in written)), shaped
        if ranks == (1, 1) and self._fit(one.axes, other.axes):
            row = left if one.is_row else right
            return f"One is a row and the other a column: write {_flipped(row)} in place of {row}."
        if ranks == (2, 2) and self._fit(one.axes, other.axes[::-1]):
            return f"Write {_flipped(right)} in place of {right}."
        if sorted(ranks) == [1, 2]:
            (vector, name), matrix = ((one, written[0]), other) if ranks[0] == 1 else ((other, written[1]), one)
            rows, columns = shape_of(matrix.extents)[1:-1].split(", ", 1) if len(matrix.axes) == 2 else ("", "")
            choices = []
            if self._fit(vector.axes, matrix.axes[:1]):
                choices.append(f"outer({name}, ones({columns})) to repeat it in every column")
            if self._fit(vector.axes, matrix.axes[1:]):
                choices.append(f"outer(ones({rows}), {name}) to repeat it in every row")
            if ranks == (2, 1) and syntax.kind == "product" and self._fit(vector.axes, matrix.axes[1:]):
                choices.insert(0, f"{left} @ {right} for the product of matrix and column")
            if choices:
                return f"Write {', or '.join(choices)}."
        return "Change one of the two, or write with indices."

    def _refuse_dots(self, syntax: Syntax) -> None:
        """Refuse signs that mean two things between vectors."""
        text = self.scope.source.text
        for left, right in zip(syntax.parts, syntax.parts[1:], strict=False):
            between = text[self.at(left).end : self.at(right).start].strip()
            if between in _DOTS and self.concerns(left) and self.concerns(right):
                one, other = self.shaped(left), self.shaped(right)
                if one.axes and other.axes:
                    u, v = _bracketed(self.written(left)), _bracketed(self.written(right))
                    raise self.error(
                        NotationError,
                        f"'{between}' between arrays may be two things",
                        Span(self.at(left).start, self.at(right).end),
                        f"Write {u} * {v} element by element, or {_DOTS[between].format(u=u, v=v)}.",
                    )

    def _shaped_power(self, syntax: Syntax) -> Shaped:
        base, exponent = syntax.parts
        shaped = self.shaped(base)
        if shaped.axes and exponent.kind == "name" and exponent.value in _TRANSPOSED:
            if exponent.value in self.scope.names():
                raise self.error(
                    NotationError,
                    f"'{exponent.value}' is a name, and may be the sign of the transpose",
                    syntax,
                    f"Write {self.written(base)}.T for the transpose, "
                    f"{self.written(base)}**({exponent.value}) for the power of each component.",
                )
            return self._transposed(syntax, shaped)
        result = self._elementwise(syntax, syntax.parts)
        if len(shaped.axes) == 2 and not self.only_shapes and self.shaped(exponent).expression is MINUS_ONE:
            raise self.error(
                MissingRuleError,
                "the inverse of a matrix has no index form here",
                syntax,
                f"Write 1/{_bracketed(self.written(base))} for the inverse of each component.",
            )
        return result

    # Products of matrices.

    def _transposed(self, syntax: Syntax, shaped: Shaped) -> Shaped:
        if shaped is PENDING:
            return PENDING
        if len(shaped.axes) > 2:
            raise self.error(
                ShapeError, f"an array of shape {shaped.shape} has no transpose", syntax, "Write with indices."
            )
        if len(shaped.axes) == 1:
            return Shaped(shaped.axes, shaped.expression, not shaped.is_row)
        return Shaped(shaped.axes[::-1], shaped.expression)

    def _matrix_chain(self, syntax: Syntax) -> Shaped:
        self.products += len(syntax.parts) - 1
        if self.products > MOST_PRODUCTS:
            raise self.error(
                NotationError,
                f"more than {MOST_PRODUCTS} products of matrices in one statement",
                syntax.parts[-1],
                "Give inner products a name by an equation of their own.",
            )
        shaped = [self.shaped(part) for part in syntax.parts]
        texts = [self.written(part) for part in syntax.parts]
        places = [self.at(part) for part in syntax.parts]
        *middle, last = shaped
        # A product of matrices with a column is one of columns: from the right it costs least.
        is_chain = len(last.axes) == 1 and not last.is_row and all(len(one.axes) == 2 for one in middle[1:])
        if is_chain and (len(middle[0].axes) == 2 or middle[0].is_row):
            result, text, place = shaped[-1], texts[-1], places[-1]
            for one, written, where_one in zip(shaped[-2::-1], texts[-2::-1], places[-2::-1], strict=True):
                place = Span(where_one.start, place.end)
                result = self._matrix_product((one, result), (written, text), place)
                text = f"{written} @ {text}"
            return result
        result, text, place = shaped[0], texts[0], places[0]
        for one, written, where_one in zip(shaped[1:], texts[1:], places[1:], strict=True):
            place = Span(place.start, where_one.end)
            result = self._matrix_product((result, one), (text, written), place)
            text = f"{text} @ {written}"
        return result

    def _matrix_product(self, shaped: tuple[Shaped, Shaped], written: tuple[str, str], place: Span) -> Shaped:
        left, right = shaped
        if left is PENDING or right is PENDING:
            # A matrix takes a column to a column; what else it may be, another equation says.
            return Shaped(left.axes[:1], ONE) if right is PENDING and len(left.axes) == 2 else PENDING
        for one, text in zip(shaped, written, strict=True):
            if not one.axes:
                raise self._shape_error(
                    f"'@' is a product of arrays, and {text} is a scalar",
                    place,
                    f"Write * for a product with a scalar{self._how_to_declare(text)}.",
                )
            if len(one.axes) > 2:
                raise self._shape_error(
                    f"'@' is a product of matrices, and {text} has shape {one.shape}", place, "Write sums over indices."
                )
        ranks = len(left.axes), len(right.axes)
        if ranks == (1, 1) and not left.is_row and right.is_row:
            return Shaped((*left.axes, *right.axes), mul(left.expression, right.expression))
        rows_left, rows_right = left.is_row or ranks[0] == 2, not right.is_row
        inner = left.axes[-1], right.axes[0]
        if not rows_left or not rows_right or not self._is_as_long(*inner):
            raise self._no_product(shaped, written, place)
        factor = self._moved(right.expression, right.axes[:1], left.axes[-1:])
        axes = (*left.axes[:-1], *right.axes[1:])
        expression = self._contracted(left.axes[-1], mul(left.expression, factor))
        return Shaped(axes, expression, is_row=ranks == (1, 2))

    def _how_to_declare(self, text: str) -> str:
        known = self.scope.quantities.get(text)
        if known is None or known.verb == "defined":
            return ""
        return f", or declare the shape of the array: parameter {text}: (H, D)"

    def _no_product(self, shaped: tuple[Shaped, Shaped], written: tuple[str, str], place: Span) -> ShapeError:
        left, right = shaped
        one, other = (_bracketed(text) for text in written)
        sides = f"{one} @ {other}"
        ranks = len(left.axes), len(right.axes)
        same = self._fit(left.axes[:1], right.axes[:1]) if ranks == (1, 1) else False
        if ranks == (1, 1) and not left.is_row and not right.is_row:
            message = f"{sides} has no value: {left.shape} and {right.shape} are two columns"
            inner = f"{one}.T @ {other} for the inner product, a scalar, or " if same else ""
            return self._shape_error(message, place, f"Write {inner}{one} @ {other}.T for the outer product, a matrix.")
        if ranks == (1, 1) and left.is_row and right.is_row:
            message = f"{sides} has no value: {left.shape} and {right.shape} are two rows"
            return self._shape_error(message, place, f"Write {one} @ {_flipped(other)} for the inner product.")
        message = f"{sides} has no value: the shapes are {left.shape} and {right.shape}"
        fixes = []
        # A column times a matrix is meant to give a column again.
        turned = []
        if ranks == (1, 2):
            turned += [(self._turned(right), left, f"{_flipped(other)} @ {one}"), (right, left, f"{other} @ {one}")]
        turned.append((self._turned(left), right, f"{_flipped(one)} @ {other}"))
        turned.append((left, self._turned(right), f"{one} @ {_flipped(other)}"))
        turned.append((self._turned(left), self._turned(right), f"{_flipped(one)} @ {_flipped(other)}"))
        turned.append((right, left, f"{other} @ {one}"))
        turned.append((right, self._turned(left), f"{other} @ {_flipped(one)}"))
        for first, second, text in turned:
            if self._has_product(first, second):
                fixes.append(text)
        if fixes:
            return self._shape_error(message, place, f"Write {' or '.join(fixes[:2])}.")
        return self._shape_error(
            message, place, f"The inner lengths are {_inner(left, -1)} and {_inner(right, 0)}; they must be equal."
        )

    def _turned(self, shaped: Shaped) -> Shaped:
        if len(shaped.axes) == 1:
            return Shaped(shaped.axes, shaped.expression, not shaped.is_row)
        return Shaped(shaped.axes[::-1], shaped.expression)

    def _has_product(self, left: Shaped, right: Shaped) -> bool:
        is_left = left.is_row or len(left.axes) == 2
        return is_left and not right.is_row and self._is_as_long(left.axes[-1], right.axes[0])

    def _contracted(self, bound: Bound, body: Expr) -> Expr:
        """Return the sum over one index; a delta in it picks one term, and equal terms are counted."""
        if self.only_shapes:
            return ONE
        index = bound.index
        if index not in free_indices(body):
            return mul(normal(bound.upper - bound.lower + ONE), body)
        factors = body.factors if isinstance(body, Mul) else (body,)
        for place, factor in enumerate(factors):
            other = _delta(factor, index)
            if other is not None and self.ranges.get(other) == (bound.lower, bound.upper):
                rest = mul(*factors[:place], *factors[place + 1 :])
                return substitute(rest, {index: other})
        return reduce("sum", (bound,), body)

    def _total(self, bounds: Iterable[Bound], body: Expr) -> Expr:
        for bound in reversed(tuple(bounds)):
            body = self._contracted(bound, body)
        return body

    # Calls.

    def _shaped_call(self, syntax: Syntax) -> Shaped:
        (name, primes), scope = syntax.value, self.scope
        if name in self.functions or primes:
            return self._elementwise(syntax, [_operand(part) for part in syntax.parts])
        if self._array_call(syntax):
            return getattr(self, f"_call_{name}")(syntax)
        if scope.in_claims and name in OPERATORS and len(syntax.parts) == 2:
            return self._shaped_derivative(syntax)
        if name in REDUCTIONS or name in BODY_FIRST:
            found, operands = index_parts(syntax, 1, self._is_index, self._is_size)
            positional = [part for part in syntax.parts if part.kind != "keyword"]
            if not found and (len(positional) == 1 or name not in ("max", "min")):
                return self._array_reduction(syntax)
            if found:
                body = operands[-1] if operands else syntax
                is_sliced = any(piece.kind == "access" and self.leaves_axes(piece) for piece in body.walk())
                return self._reduction_of_arrays(syntax, body) if is_sliced else Shaped((), self._leaf(syntax))
        elif name in SOFTMAXES:
            found, _ = index_parts(syntax, 1, self._is_index, self._is_size)
            return Shaped((), self._leaf(syntax)) if found else self._array_softmax(syntax)
        elif name in LOSSES and LOSSES[name].reduces:
            found, _ = index_parts(syntax, 2, self._is_index, self._is_size)
            return Shaped((), self._leaf(syntax)) if found else self._array_loss(syntax)
        elif name == "where" and len(syntax.parts) == 3:
            condition, *branches = syntax.parts
            return self._elementwise(syntax, [*self._sides(condition), *branches])
        elif name in ("diff", "divides"):
            return Shaped((), self._leaf(syntax))
        return self._elementwise(syntax, [_operand(part) for part in syntax.parts])

    def _shaped_derivative(self, syntax: Syntax) -> Shaped:
        of, by = (self.shaped(part) for part in syntax.parts)
        for one, part in zip((of, by), syntax.parts, strict=True):
            if one.is_row:
                raise self.error(
                    NotationError, "a derivative is taken of a quantity by a quantity", part, "Write D(L, w).T."
                )
        expression = self._resolved(syntax, syntax.parts, (of.expression, by.expression))
        return Shaped((*of.axes, *by.axes), expression)

    def _operand_and_axes(self, syntax: Syntax) -> tuple[Shaped, tuple[Bound, ...], tuple[Bound, ...]]:
        """Return the array of ``f(A)`` or ``f(A, axis=0)``, the axes that are named (all, if none is), and the rest."""
        name = syntax.value[0]
        chosen: Syntax | None = None
        operands: list[Syntax] = []
        for part in syntax.parts:
            if part.kind == "keyword" and part.value == "axis" and chosen is None:
                chosen = part
            elif part.kind in ("keyword", "limits", "tuple"):
                raise self.error(
                    NotationError, f"'{name}' has no such argument", part, f"Write {name}(A), or {name}(A, axis=0)."
                )
            else:
                operands.append(part)
        if len(operands) != 1:
            raise self.error(
                NotationError,
                f"'{name}' takes one array, or indices first",
                syntax,
                f"Write {name}(A), {name}(A, axis=0) or {name}(i, a[i]).",
            )
        shaped = self.shaped(operands[0])
        if shaped is PENDING:
            return PENDING, (), ()
        if not shaped.axes:
            raise self.error(
                ShapeError, f"{self.written(operands[0])} is a scalar", operands[0], f"'{name}' takes an array."
            )
        if chosen is None:
            return shaped, shaped.axes, ()
        value = self.limit(chosen.parts[0])
        count = len(shaped.axes)
        if not isinstance(value, Number) or value.value.denominator != 1 or not -count <= value.value < count:
            known = ", ".join(map(str, range(count)))
            raise self.error(
                ShapeError,
                f"{self.written(operands[0])} has shape {shaped.shape} and no axis {self.written(chosen.parts[0])}",
                chosen,
                f"Its axes are {known}." if count > 1 else "Its only axis is 0.",
            )
        place = int(value.value) % count
        return shaped, (shaped.axes[place],), (*shaped.axes[:place], *shaped.axes[place + 1 :])

    def _array_reduction(self, syntax: Syntax) -> Shaped:
        name = syntax.value[0]
        kind = REDUCTIONS.get(name) or BODY_FIRST[name]
        shaped, bounds, rest = self._operand_and_axes(syntax)
        if kind in ("argmax", "argmin") and len(bounds) > 1:
            raise self.error(
                ShapeError,
                f"'{name}' takes one axis at a time",
                syntax,
                f"Write {name}(A, axis=1).",
            )
        if kind == "sum":
            return Shaped(rest, self._total(bounds, shaped.expression))
        if kind == "mean":
            count = mul(*Shaped(bounds, ONE).extents)
            return Shaped(rest, divide(self._total(bounds, shaped.expression), count))
        return Shaped(rest, reduce(kind, bounds, shaped.expression))

    def _reduction_of_arrays(self, syntax: Syntax, body: Syntax) -> Shaped:
        """Return ``sum(t, outer(s[t], h[t]))``: a sum over an index that is written, of arrays or of numbers."""
        if self.only_shapes:
            shaped = self.shaped(body)
            return Shaped(shaped.axes, ONE, shaped.is_row)
        self._inside, self._found = body, PENDING
        try:
            expression = self._leaf(syntax)
        finally:
            self._inside = None
        return Shaped(self._found.axes, expression, self._found.is_row)

    def _array_softmax(self, syntax: Syntax) -> Shaped:
        shaped, bounds, _ = self._operand_and_axes(syntax)
        if shaped is PENDING:
            return PENDING
        result: Expr = log_softmax(bounds[-1:], shaped.expression)
        if syntax.value[0] == "softmax":
            result = call("exp", result)
        self._refuse_large(result, syntax)
        return Shaped(shaped.axes, result, shaped.is_row)

    def _array_loss(self, syntax: Syntax) -> Shaped:
        name = syntax.value[0]
        operands = self.arguments(syntax, 2)
        shaped = [self.shaped(operand) for operand in operands]
        first, (target, prediction) = self._aligned(syntax, shaped, operands)
        assert first is not None
        for one, operand in zip(shaped, operands, strict=True):
            if not one.axes:
                raise self.error(
                    ShapeError,
                    f"{self.written(operand)} is a scalar; '{name}' compares arrays",
                    operand,
                    f"The other has shape {first.shape}.",
                )
        result = LOSSES[name].build(first.axes, target, prediction)
        self._refuse_large(result, syntax)
        return Shaped((), result)

    def _of_rank(self, syntax: Syntax, operand: Syntax, ranks: Collection[int], wanted: str) -> Shaped:
        shaped = self.shaped(operand)
        if shaped is PENDING:
            raise PendingError
        if len(shaped.axes) not in ranks:
            raise self.error(
                ShapeError,
                f"{self.written(operand)} has shape {shaped.shape}; '{syntax.value[0]}' takes {wanted}"
                if shaped.axes
                else f"{self.written(operand)} is a scalar; '{syntax.value[0]}' takes {wanted}",
                operand,
                "Write with indices for anything else.",
            )
        return shaped

    def _square(self, syntax: Syntax, operand: Syntax, shaped: Shaped) -> Expr:
        """Return the diagonal of a matrix, in the index of its first axis."""
        if not self._is_as_long(*shaped.axes):
            raise self.error(
                ShapeError,
                f"{self.written(operand)} has shape {shaped.shape}; '{syntax.value[0]}' takes a square matrix",
                operand,
                "Its two lengths must be equal.",
            )
        return self._moved(shaped.expression, shaped.axes[1:], shaped.axes[:1])

    def _call_transpose(self, syntax: Syntax) -> Shaped:
        (operand,) = self.arguments(syntax, 1)
        return self._transposed(syntax, self.shaped(operand))

    def _call_trace(self, syntax: Syntax) -> Shaped:
        (operand,) = self.arguments(syntax, 1)
        shaped = self._of_rank(syntax, operand, (2,), "a matrix")
        return Shaped((), self._total(shaped.axes[:1], self._square(syntax, operand, shaped)))

    def _call_norm(self, syntax: Syntax) -> Shaped:
        (operand,) = self.arguments(syntax, 1)
        shaped = self._of_rank(syntax, operand, (1, 2), "a column or a matrix")
        return Shaped((), power(self._total(shaped.axes, power(shaped.expression, number(2))), HALF))

    def _call_outer(self, syntax: Syntax) -> Shaped:
        operands = self.arguments(syntax, 2)
        left, right = (self._of_rank(syntax, operand, (1,), "two columns") for operand in operands)
        return Shaped((*left.axes, *right.axes), mul(left.expression, right.expression))

    def _call_dot(self, syntax: Syntax) -> Shaped:
        operands = self.arguments(syntax, 2)
        left, right = (self._of_rank(syntax, operand, (1, 2), "columns or matrices") for operand in operands)
        texts = self.written(operands[0]), self.written(operands[1])
        if len(left.axes) == len(right.axes) == 1:
            if not self._fit(left.axes, right.axes):
                raise self._do_not_fit(syntax, (operands[0], operands[1]), (left, right))
            left, right = Shaped(left.axes, left.expression, True), Shaped(right.axes, right.expression)
        return self._matrix_product((left, right), texts, self.at(syntax))

    def _call_diag(self, syntax: Syntax) -> Shaped:
        (operand,) = self.arguments(syntax, 1)
        shaped = self._of_rank(syntax, operand, (1, 2), "a column, or a square matrix")
        if len(shaped.axes) == 2:
            return Shaped(shaped.axes[:1], self._square(syntax, operand, shaped))
        (row,) = shaped.axes
        (column,) = self._own([(row.lower, row.upper)])
        delta = iverson(compare("==", row.index, column.index))
        return Shaped((row, column), mul(shaped.expression, delta))

    def _lengths(self, syntax: Syntax, counts: Collection[int]) -> tuple[Bound, ...]:
        """Return axes of the lengths that are the arguments of a call."""
        name = syntax.value[0]
        if len(syntax.parts) not in counts or any(part.kind in ("keyword", "limits") for part in syntax.parts):
            forms = f"{name}(N)" if len(counts) == 1 else f"{name}(N) or {name}(H, D)"
            raise self.error(NotationError, f"'{name}' takes lengths", syntax, f"Write {forms}.")
        for piece in (piece for part in syntax.parts for piece in part.walk() if piece.kind == "name"):
            if self._is_taken(piece.value) and not self._is_size(piece.value):
                raise self.error(
                    ShapeError,
                    f"'{piece.value}' is no length",
                    piece,
                    "Lengths are made of sizes and integers, as in shapes: W: (H, D).",
                )
        return self._own(interval_of(self, part) for part in syntax.parts)

    def _call_eye(self, syntax: Syntax) -> Shaped:
        (row,) = self._lengths(syntax, (1,))
        (column,) = self._own([(row.lower, row.upper)])
        return Shaped((row, column), iverson(compare("==", row.index, column.index)))

    def _call_ones(self, syntax: Syntax) -> Shaped:
        return Shaped(self._lengths(syntax, (1, 2)), ONE)

    def _call_zeros(self, syntax: Syntax) -> Shaped:
        return Shaped(self._lengths(syntax, (1, 2)), ZERO)

    def _call_concat(self, syntax: Syntax) -> Shaped:
        operands: list[Syntax] = []
        place: int | None = None
        for part in syntax.parts:
            if part.kind == "keyword" and part.value == "axis" and place is None:
                value = self.limit(part.parts[0])
                if value not in (ZERO, ONE):
                    raise self.error(ShapeError, "arrays are joined along axis 0 or axis 1", part)
                place = 0 if value is ZERO else 1
            elif part.kind in ("keyword", "limits", "tuple"):
                raise self.error(NotationError, "'concat' has no such argument", part, "Write concat(a, b, axis=1).")
            else:
                operands.append(part)
        if len(operands) < 2:
            raise self.error(NotationError, "'concat' joins two or more arrays", syntax, "Write concat(a, b).")
        if len(operands) > MOST_JOINED:
            raise self.error(
                NotationError,
                f"more than {MOST_JOINED} arrays are joined at once",
                operands[-1],
                "Give parts a name by an equation of their own.",
            )
        place = place or 0
        shaped = [self._of_rank(syntax, operand, (1, 2), "columns, or matrices") for operand in operands]
        first = shaped[0]
        for one, operand in zip(shaped[1:], operands[1:], strict=True):
            across = [
                (axis, other)
                for number_of, (axis, other) in enumerate(zip(first.axes, one.axes, strict=False))
                if number_of != place
            ]
            fits = len(one.axes) == len(first.axes) and one.is_row == first.is_row and place < len(first.axes)
            if not fits or not all(self._is_as_long(*pair) for pair in across):
                raise self._shape_error(
                    f"{self.written(operands[0])} has shape {first.shape} and {self.written(operand)} has shape "
                    f"{one.shape}; they cannot be joined along axis {place}",
                    syntax,
                    "Columns join columns; matrices need equal lengths along the other axis.",
                )
        lengths = [one.extents[place] for one in shaped]
        (joined,) = self._own([(ONE, normal(_added(lengths)))])
        # No part has this range: a sum over it says its limits, or it would read back with those of the first part.
        joined = joined._replace(written=True)
        axes = (*first.axes[:place], joined, *first.axes[place + 1 :])
        if self.only_shapes:
            return Shaped(axes, ONE, first.is_row)
        ends = [normal(_added(lengths[: count + 1])) for count in range(len(lengths))]
        pieces = []
        for one, length, end in zip(shaped, lengths, ends, strict=True):
            begun = axes[place]._replace(lower=normal(end - length + ONE))
            onto = (*axes[:place], begun, *axes[place + 1 :])
            moved = self._moved(one.expression, one.axes, onto)
            pieces.append(transform(moved, _with_normal_indices))
        result = pieces[-1]
        for piece, end in zip(pieces[-2::-1], ends[-2::-1], strict=True):
            result = where(compare("<=", joined.index, end), piece, result)
        return Shaped(axes, result, first.is_row)


def interval_of(resolver: Resolver, syntax: Syntax) -> Interval:
    """Return the range of an axis of a given length: that of a declared index of this length, else 1 to the length.

    Raises
    ------
    ShapeError
        If the length is a number below 1.
    """
    length = resolver.limit(syntax)
    if isinstance(length, Number) and length.value < 1:
        raise resolver.error(ShapeError, f"an axis has the length {length}", syntax, "A length is 1 or more.")
    if free_indices(length):
        raise resolver.error(
            ShapeError, "a length depends on an index", syntax, "Lengths are made of sizes and integers."
        )
    scope = resolver.scope
    stated = [scope.indices[name] for name in scope.indices if name in scope.stated]
    equal = [bound for bound in stated if normal(bound.upper - bound.lower + ONE) == length]
    chosen = next((bound for bound in equal if bound.lower is ONE), equal[0] if equal else None)
    return (chosen.lower, chosen.upper) if chosen is not None else (ONE, length)


def read_shaped(scope: Scope, span: Span, syntax: Syntax) -> Shaped:
    """Return what is written about a network as a shaped expression in index form.

    Parameters
    ----------
    scope : Scope
        The `axes` of its arrays are known, as `Scope.of` makes it.
    span : Span
        Where the text of `syntax` stands.
    syntax : Syntax
        An expression; arrays may stand in it by name, or components, or both.

    Returns
    -------
    Shaped
        Its axes have indices of the network, or copies of them (``i_1``). Indices that are written stay free in the
        expression and are none of the axes.

    Raises
    ------
    ShapeError
        If shapes do not fit.
    NotationError, IndexNotationError, DeclarationError
        As `Resolver.value`.
    """
    reader = ArrayReader(scope, span, scope.axes.get)
    used = {piece.value for piece in syntax.walk() if piece.kind == "name"}
    return AxisNames(scope, used, closed=True).settled(reader.shaped(syntax))


def _added(lengths: Iterable[Expr]) -> Expr:
    total: Expr = ZERO
    for length in lengths:
        total = total + length
    return total


def _with_normal_indices(node: Expr) -> Expr:
    from symprop.algebra.expressions import Access

    return Access(node.name, tuple(map(normal, node.indices))) if isinstance(node, Access) else node


def _delta(factor: Expr, index: Index) -> Index | None:
    """Return the other index of ``[i == j]``, one being `index`."""
    if not isinstance(factor, Where) or factor.then is not ONE or factor.otherwise is not ZERO:
        return None
    condition = factor.condition
    if not isinstance(condition, Compare) or condition.operator != "==":
        return None
    sides = condition.left, condition.right
    if index not in sides:
        return None
    other = sides[1] if sides[0] is index else sides[0]
    return other if isinstance(other, Index) else None


def _operand(part: Syntax) -> Syntax:
    return part.parts[0] if part.kind == "keyword" else part


def _bracketed(text: str) -> str:
    """Return a written operand with brackets if it is more than a name, a call or a component."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in " +-*/@^":
            return f"({text})"
    return text


def _flipped(text: str) -> str:
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"


def _inner(shaped: Shaped, axis: int) -> Expr:
    if len(shaped.axes) == 2:
        return shaped.extents[axis]
    return shaped.extents[0] if shaped.is_row == (axis == -1) else ONE
