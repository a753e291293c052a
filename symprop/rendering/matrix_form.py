"""Index notation as matrix notation, by reducing the graph of indices of each product.

The factors of a product are the edges of a graph and the indices its nodes: factors with the same indices are
multiplied element by element, a summed index that two factors share is a matrix product, one that a single factor has
a sum over an axis, and a factor with one index beside two others a diagonal in between.

==========================================  =========================================
``sum(j, W[k,j]*z[j])``                     ``W @ z``
``sum(k, W[k,j]*d[k])*z[j]``                ``(W.T @ d)*z``
``d[k]*z[j]``                               ``d @ z.T``
``sum(n, X[n,i]*p[n]*X[n,j])``              ``X.T @ diag(p) @ X``
``p[k]*[k == m] - p[k]*p[m]``               ``diag(p) - p @ p.T``
``A[i,j] - s[i]``                           ``A - outer(s, ones(M))``
==========================================  =========================================

A quantity with one index is a column.  What has no such form (three indices, shifts, triangular sums) has none here
either: the index formula is printed instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from symprop.algebra.expressions import (
    ONE,
    ZERO,
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
    add,
    factors_of,
    free_indices,
    mul,
    power,
    reduce,
    terms_of,
    transform,
)
from symprop.algebra.indices import extent, normal
from symprop.algebra.writer import as_softmax
from symprop.declaration.quantity import Axis
from symprop.rendering.document import is_below
from symprop.rendering.matrix import (
    Elementwise,
    ElementwisePower,
    MatrixProduct,
    Total,
    Transpose,
    elementwise,
    matrix_product,
    spelled,
    transposed,
)

Arrays = Mapping[str, tuple[Axis, ...]]

# A product of sums is written out as at most so many terms to see whether that is shorter.
MOST_TERMS = 8

# ... and is taken if its text has less than this part of the length.
CLEARLY_SHORTER = 0.7


# A common factor is taken out of a sum if that saves this many characters.
COST_OF_BRACKETS = 4


class _NoMatrixForm(Exception):
    """There is no matrix form of this, or none that is worth printing."""


class _Array(NamedTuple):
    """An array with the index of each of its axes (none, one or two), times a scalar."""

    node: Expr
    axes: tuple[Index, ...]
    scale: Expr = ONE

    @property
    def whole(self) -> Expr:
        return _times(self.scale, self.node)


def matrix_form(expr: Expr, bounds: Sequence[Bound], arrays: Arrays) -> Expr | None:
    """Return ``e[i, j] = expr`` as a matrix expression for ``e``, the shortest of a few, or None if there is none.

    Parameters
    ----------
    expr : Expr
        The right side in index notation.
    bounds : sequence of Bound
        The free indices in the order of the axes of the left side: none, one or two.
    arrays : mapping of str to tuple of Axis
        The axes of every name that `expr` may read, those of adjoints as well.
    """
    if len(bounds) > 2 or any(extent(bound) is ONE for bound in bounds):
        return None
    converter = _Converter(arrays, {bound.index: bound for bound in bounds})
    axes = tuple(bound.index for bound in bounds)
    found: dict[Expr, float] = {}
    # What is multiplied out has lost its factors, which a reader looks for: it must be much shorter.
    for candidate, weight in ((expr, 1.0), (written_out(expr), 1 / CLEARLY_SHORTER)):
        try:
            form = converter.for_axes(candidate, axes)
        except _NoMatrixForm:
            continue
        found.setdefault(form, weight * len(spelled(form)))
    return min(found, key=found.__getitem__, default=None)


def written_out(expr: Expr) -> Expr:
    """Return an expression with products and sums of sums multiplied out, as far as that is short."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            choices = [terms_of(factor) for factor in node.factors]
            count = 1
            for choice in choices:
                count *= len(choice)
            return add(*(mul(*factors) for factors in product(*choices))) if 1 < count <= MOST_TERMS else node
        if isinstance(node, Reduction) and node.kind == "sum" and isinstance(node.body, Add):
            return add(*(reduce("sum", node.bounds, term) for term in node.body.terms))
        return node

    return transform(expr, rule)


@dataclass(frozen=True)
class _Converter:
    arrays: Arrays
    ranges: Mapping[Index, Bound]

    def under(self, bounds: Iterable[Bound]) -> _Converter:
        return _Converter(self.arrays, {**self.ranges, **{bound.index: bound for bound in bounds}})

    def extent(self, index: Index) -> Expr:
        return extent(self.ranges[index])

    def for_axes(self, expr: Expr, axes: tuple[Index, ...]) -> Expr:
        """Return `expr` as an array that has just these axes, whether or not it depends on all of them."""
        found = self.array(expr)
        extents = tuple(map(self.extent, axes))
        if not axes:
            return _settled(found.whole)
        if not found.axes:
            if found.whole is ZERO:
                return Call("zeros", extents, ())
            return _settled(_times(found.whole, Call("ones", extents, ())))
        return _settled(self.spread(found, axes))

    def spread(self, array: _Array, axes: tuple[Index, ...]) -> Expr:
        """Return an array with one or two axes over `axes`: oriented, and repeated along an axis that it lacks."""
        if set(array.axes) == set(axes):
            node = array.node if array.axes == axes else transposed(array.node)
            return _times(array.scale, node)
        if not array.axes:
            return array.whole
        (own,) = array.axes
        first, second = axes
        ones = Call("ones", (self.extent(second if own is first else first),), ())
        pair = (array.node, ones) if own is first else (ones, array.node)
        return _times(array.scale, Call("outer", pair, ()))

    def common_axes(self, arrays: Iterable[_Array]) -> tuple[Index, ...]:
        """Return the axes of several arrays together, in the order that most of those with two have."""
        arrays = tuple(arrays)
        union = tuple(dict.fromkeys(axis for array in arrays for axis in array.axes))
        if len(union) > 2:
            raise _NoMatrixForm
        pairs = [array.axes for array in arrays if len(array.axes) == 2 and not _is_symmetric(array.node)]
        if pairs:
            return max(dict.fromkeys(pairs), key=pairs.count)
        return tuple(sorted(union, key=list(self.ranges).index))

    def array(self, expr: Expr) -> _Array:
        """Return `expr` as an array whose axes are just its free indices."""
        match expr:
            case Number():
                return _Array(ONE, (), expr)
            case Constant() | Size():
                if free_indices(expr):
                    raise _NoMatrixForm
                return _Array(ONE, (), expr)
            case Access():
                return self.access(expr)
            case Add(terms=terms):
                return self.add(terms)
            case Mul(factors=factors):
                return self.product(factors, ())
            case Power(base=base, exponent=exponent):
                return self.apply((base, exponent), lambda b, e: ElementwisePower(b, e), power)
            case Call():
                return self.call(expr)
            case Reduction(kind="sum", bounds=bounds, body=body):
                return self.sum(bounds, body)
            case Reduction(kind="logsumexp", bounds=bounds, body=body):
                total = self.sum(bounds, Call("exp", (body,), ()))
                log = Call("log", (total.whole,), ())
                return _Array(log, total.axes) if total.axes else _scalar(log)
            case Where(condition=Compare(operator="==", left=Index() as left, right=Index() as right)) if (
                expr.otherwise is ZERO
            ):
                eye = self.eye(left, right)
                return eye if expr.then is ONE else self.product((expr,), ())
            case Where(condition=condition, then=then, otherwise=otherwise):
                return self.where(condition, then, otherwise)
        raise _NoMatrixForm

    def eye(self, left: Index, right: Index) -> _Array:
        if left not in self.ranges or right not in self.ranges:
            raise _NoMatrixForm
        one, other = self.ranges[left], self.ranges[right]
        if not is_same(one.lower, other.lower) or not is_same(one.upper, other.upper):
            raise _NoMatrixForm
        return _Array(Call("eye", (self.extent(left),), ()), (left, right))

    def access(self, expr: Access) -> _Array:
        if not expr.indices:
            return _scalar(expr)
        axes = self.arrays.get(expr.name, ())
        indices = tuple(index for index in expr.indices if isinstance(index, Index))
        if len(indices) != len(expr.indices) or len(indices) != len(axes) or len(indices) > 2:
            raise _NoMatrixForm
        for index, axis in zip(indices, axes, strict=True):
            bound = self.ranges.get(index)
            if bound is None or not is_same(bound.lower, axis.lower) or not is_same(bound.upper, axis.upper):
                raise _NoMatrixForm
            if extent(bound) is ONE:  # a column of one element is no scalar, but would be taken for one
                raise _NoMatrixForm
        name = Access(expr.name, ())
        if len(indices) == 2 and indices[0] is indices[1]:
            return _Array(Call("diagonal", (name, self.extent(indices[0])), ()), indices[:1])
        return _Array(name, indices)

    def apply(
        self,
        arguments: tuple[Expr, ...],
        build: Callable[..., Expr],
        build_scalar: Callable[..., Expr],
    ) -> _Array:
        """Return a function of scalars applied element by element."""
        arrays = [self.array(argument) for argument in arguments]
        axes = self.common_axes(arrays)
        if not axes:
            return _scalar(build_scalar(*(array.whole for array in arrays)))
        return _Array(build(*(self.spread(array, axes) for array in arrays)), axes)

    def call(self, expr: Call) -> _Array:
        softmax = as_softmax(expr)
        if softmax is not None:
            return self.softmax(*softmax)

        def build(*arguments: Expr) -> Expr:
            return Call(expr.function, arguments, expr.orders)

        return self.apply(expr.arguments, build, build)

    def softmax(self, index: Index, body: Expr) -> _Array:
        inner = self.array(body)
        if index not in inner.axes:
            raise _NoMatrixForm
        axes = (*(axis for axis in inner.axes if axis is not index), index)
        return _Array(Call("softmax", (self.spread(inner, axes),), ()), axes)

    def where(self, condition: Expr, then: Expr, otherwise: Expr) -> _Array:
        compared: list[Expr] = []

        def collect(node: Expr) -> None:
            if isinstance(node, Compare) and node.operator != "divides":
                compared.extend((node.left, node.right))
            elif isinstance(node, Junction):
                for part in node.conditions:
                    collect(part)
            else:
                raise _NoMatrixForm

        collect(condition)

        def build(first: Expr, second: Expr, *values: Expr) -> Expr:
            remaining = iter(values)

            def rebuild(node: Expr) -> Expr:
                if isinstance(node, Compare):
                    return Compare(node.operator, next(remaining), next(remaining))
                return node.rebuild(tuple(map(rebuild, node.children)))

            return Where(rebuild(condition), first, second)

        return self.apply((then, otherwise, *compared), build, build)

    def add(self, terms: Iterable[Expr]) -> _Array:
        arrays = [self.array(term) for term in terms]
        axes = self.common_axes(arrays)
        if not axes:
            return _scalar(_collected(add(*(array.whole for array in arrays)), (_sign_of_total,)))
        # Columns are added before they are repeated along the other axis.
        groups: dict[frozenset[Index], list[_Array]] = {}
        for array in arrays:
            groups.setdefault(frozenset(array.axes), []).append(array)
        whole: list[Expr] = []
        for array in arrays:
            group = groups.pop(frozenset(array.axes), [])
            if len(group) > 1 and len(axes) == 2 and len(array.axes) == 1:
                whole.append(self.spread(_Array(add(*(one.whole for one in group)), array.axes), axes))
            else:
                whole.extend(self.spread(one, axes) for one in group)
        total = _collected(add(*whole), (_first_factor, _last_factor, _sign_of_total))
        return _Array(total, axes) if total is not ZERO else _scalar(ZERO)

    def sum(self, bounds: tuple[Bound, ...], body: Expr) -> _Array:
        if any(free_indices(bound.lower) or free_indices(bound.upper) for bound in bounds):
            raise _NoMatrixForm
        if any(bound.index in self.ranges for bound in bounds):
            raise _NoMatrixForm
        try:
            return self.product(factors_of(body), bounds)
        except _NoMatrixForm:
            if isinstance(body, Add):
                return self.add(reduce("sum", bounds, term) for term in body.terms)
            raise

    def product(self, factors: Iterable[Expr], bounds: tuple[Bound, ...]) -> _Array:
        inner = self.under(bounds)
        contraction = _Contraction(inner)
        for factor in factors:
            if isinstance(factor, Where) and factor.otherwise is ZERO and factor.then is not ONE:
                contraction.include(inner.array(Where(factor.condition, ONE, ZERO)))
                for part in factors_of(factor.then):
                    contraction.include(inner.array(part))
            else:
                contraction.include(inner.array(factor))
        for index in contraction.in_order(bound.index for bound in bounds):
            contraction.eliminate(index)
        return contraction.result()


class _Contraction:
    """The factors of a product as a graph: arrays by the set of their indices."""

    def __init__(self, converter: _Converter) -> None:
        self.converter = converter
        self.scalars: list[Expr] = []
        self.groups: dict[frozenset[Index], list[_Array]] = {}

    def include(self, array: _Array) -> None:
        self.scalars.append(array.scale)
        if not array.axes:
            self.scalars.append(array.node)
            return
        group = self.groups.setdefault(frozenset(array.axes), [])
        if not (_is_eye(array.node) and any(_is_eye(other.node) for other in group)):
            group.append(array._replace(scale=ONE))

    def in_order(self, indices: Iterable[Index]) -> Iterable[Index]:
        """Yield summed indices, those that the fewest matrices have first: then a product stays a chain."""
        waiting = list(indices)
        while waiting:
            index = min(waiting, key=self.degree)
            waiting.remove(index)
            yield index

    def degree(self, index: Index) -> int:
        matrices = [key for key in self.groups if index in key and len(key) == 2]
        return len(matrices) - any(_is_eye(one.node) for key in matrices for one in self.groups[key]) * 10

    def joined(self, key: frozenset[Index], axes: tuple[Index, ...]) -> Expr:
        """Return a group as one array: parallel edges are multiplied element by element."""
        group = self.groups.pop(key)
        return elementwise(*_powers(self.converter.spread(array, axes) for array in group))

    def eliminate(self, index: Index) -> None:
        """Sum over an index."""
        column = frozenset((index,))
        matrices = [key for key in self.groups if index in key and len(key) == 2]
        for key in matrices:
            (other,) = key - {index}
            if len(self.groups[key]) == 1 and _is_eye(self.groups[key][0].node):
                del self.groups[key]
                self.rename(index, other)
                return
        others = [next(iter(key - {index})) for key in matrices]
        if len(matrices) > 2:
            raise _NoMatrixForm
        extents = (self.converter.extent(index),)
        if not matrices:
            if column not in self.groups:
                self.scalars.append(extents[0])
            else:
                self.scalars.append(self.inner_product(self.groups.pop(column), extents))
            return
        between = (self.joined(column, (index,)),) if column in self.groups else ()
        if len(matrices) == 1:
            (other,) = others
            if between:
                rows = self.joined(matrices[0], (other, index))
                self.include(_Array(matrix_product(rows, *between), (other,)))
            else:
                axes = self.converter.common_axes(self.groups[matrices[0]])
                node = self.joined(matrices[0], axes)
                self.include(_Array(Total(node, axes.index(index), extents), (other,)))
            return
        left, right = (
            self.joined(key, axes) for key, axes in zip(matrices, ((others[0], index), (index, others[1])), strict=True)
        )
        middle = tuple(Call("diag", (node,), ()) for node in between)
        self.include(_Array(matrix_product(left, *middle, right), (others[0], others[1])))

    def rename(self, index: Index, other: Index) -> None:
        """Read every factor at `other` instead of `index`, as a delta says."""
        groups, self.groups = self.groups, {}
        for group in groups.values():
            for array in group:
                axes = tuple(other if axis is index else axis for axis in array.axes)
                if len(axes) == 2 and axes[0] is axes[1]:
                    raise _NoMatrixForm
                self.include(_Array(array.node, axes))

    def inner_product(self, group: list[_Array], extents: tuple[Expr, ...]) -> Expr:
        nodes = list(_powers(array.node for array in group))
        if len(nodes) == 2 and all(isinstance(node, (Access, MatrixProduct, Transpose, Add)) for node in nodes):
            left, right = nodes
            pairs = (matrix_product(transposed(left), right), matrix_product(transposed(right), left))
            return min(pairs, key=lambda pair: len(spelled(pair)))
        (node,) = nodes if len(nodes) == 1 else (elementwise(*nodes),)
        if isinstance(node, Total) and node.axis is not None:
            both = (*extents, *node.extents) if node.axis == 1 else (*node.extents, *extents)
            return Total(node.operand, None, both)
        if isinstance(node, Call) and node.function == "diagonal":
            return Call("trace", node.arguments[:1], ())
        return Total(node, None, extents)

    def result(self) -> _Array:
        """Return what is left as one array over all indices that are left."""
        scale = mul(*self.scalars)
        axes = self.converter.common_axes(array for group in self.groups.values() for array in group)
        if scale is ZERO or not axes:
            return _scalar(scale)
        columns = {axis: frozenset((axis,)) for axis in axes}
        if len(axes) == 1:
            return _Array(self.joined(columns[axes[0]], axes), axes, scale)
        first, second = axes
        matrix = self.groups.get(frozenset(axes))
        if matrix is None:
            left, right = (self.joined(columns[axis], (axis,)) for axis in axes)
            return _Array(matrix_product(left, transposed(right)), axes, scale)
        beside = [axis for axis in axes if columns[axis] in self.groups]
        if len(matrix) == 1 and _is_eye(matrix[0].node):
            if not beside:
                return _Array(matrix[0].node, axes, scale)
            diagonal = elementwise(*(self.joined(columns[axis], (axis,)) for axis in beside))
            return _Array(Call("diag", (diagonal,), ()), axes, scale)
        node = self.joined(frozenset(axes), axes)
        if len(beside) == 2:
            pair = (self.joined(columns[first], (first,)), self.joined(columns[second], (second,)))
            return _Array(elementwise(node, Call("outer", pair, ())), axes, scale)
        if beside:
            diagonal = Call("diag", (self.joined(columns[beside[0]], (beside[0],)),), ())
            node = matrix_product(diagonal, node) if beside[0] is first else matrix_product(node, diagonal)
        return _Array(node, axes, scale)


def _powers(nodes: Iterable[Expr]) -> Iterable[Expr]:
    """Yield the factors of a product element by element with equal ones collected: ``z**2`` for z and z."""
    counted: dict[Expr, list[Expr]] = {}
    for node in nodes:
        for factor in node.factors if isinstance(node, Elementwise) else (node,):
            base, exponent = (factor.base, factor.exponent) if isinstance(factor, ElementwisePower) else (factor, ONE)
            counted.setdefault(base, []).append(exponent)
    for base, exponents in counted.items():
        total = add(*exponents)
        if total is not ZERO:
            yield base if total is ONE else ElementwisePower(base, total)


def _scalar(expr: Expr) -> _Array:
    return _Array(ONE, (), expr)


def _times(scale: Expr, node: Expr) -> Expr:
    """Return a scalar times an array, the denominators of the scalar at the end: ``2*X.T @ r/N``."""
    if node is ONE or scale is ONE:
        return scale if node is ONE else node
    below = [factor for factor in factors_of(scale) if is_below(factor)]
    return Mul((*(factor for factor in factors_of(scale) if not is_below(factor)), node, *below))


_Part = tuple[Expr | None, Expr]  # what is taken out of a term, and the rest of it


def _collected(total: Expr, ways: Sequence[Callable[[Expr], _Part]]) -> Expr:
    """Return a sum with what its products begin or end with taken out: ``X.T @ (p - t)`` for ``X.T @ p - X.T @ t``.

    Of scalars ``u.T @ x`` only totals are collected: the bracket would hold rows.
    """
    terms = list(terms_of(total))
    for take_out in ways:
        groups: dict[Expr, list[Expr]] = {}
        for term in terms:
            groups.setdefault(take_out(term)[0] or term, []).append(term)
        collected = []
        for key, group in groups.items():
            if len(group) == 1:
                collected.append(group[0])
            else:
                rest = add(*(take_out(term)[1] for term in group))
                collected.append(_put_back(key, rest, take_out))
        terms = collected
    shorter = add(*terms)
    return shorter if len(spelled(shorter)) + COST_OF_BRACKETS <= len(spelled(total)) else total


def _scale_and_array(term: Expr) -> tuple[Expr, Expr]:
    """Split a term into its scalar factors and the matrix product or total among them, if there is just one."""
    found = [factor for factor in factors_of(term) if isinstance(factor, (MatrixProduct, Total))]
    if len(found) != 1:
        return ONE, term
    return mul(*(factor for factor in factors_of(term) if factor is not found[0])), found[0]


def _first_factor(term: Expr) -> _Part:
    scale, array = _scale_and_array(term)
    if not isinstance(array, MatrixProduct):
        return None, term
    return array.factors[0], _times(scale, matrix_product(*array.factors[1:]))


def _last_factor(term: Expr) -> _Part:
    scale, array = _scale_and_array(term)
    if not isinstance(array, MatrixProduct):
        return None, term
    return array.factors[-1], _times(scale, matrix_product(*array.factors[:-1]))


def _sign_of_total(term: Expr) -> _Part:
    scale, array = _scale_and_array(term)
    if not isinstance(array, Total):
        return None, term
    return Total(ONE, array.axis, array.extents), _times(scale, array.operand)


def _put_back(key: Expr, rest: Expr, take_out: Callable[[Expr], _Part]) -> Expr:
    if isinstance(key, Total):
        return Total(rest, key.axis, key.extents)
    return matrix_product(key, rest) if take_out is _first_factor else matrix_product(rest, key)


def _settled(expr: Expr) -> Expr:
    """Return an expression in which a diagonal that no trace used up is written with the identity matrix."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function == "diagonal":
            matrix, size = node.arguments
            return Total(elementwise(matrix, Call("eye", (size,), ())), 1, (size,))
        return node

    return transform(expr, rule)


def _is_eye(node: Expr) -> bool:
    return isinstance(node, Call) and node.function == "eye"


def _is_symmetric(node: Expr) -> bool:
    return isinstance(node, Call) and node.function in ("eye", "diag")


def is_same(left: Expr, right: Expr) -> bool:
    """Whether two limits are equal for all sizes."""
    return left is right or normal(left - right) is ZERO
