"""Recognising products of matrices: a sum over products of two arrays whose indices fall into rows, columns and inner.

``out[n,j] = sum(i, W[j,i]*x[n,i])`` has the row index n (in `out` and ``x``), the column index j (in `out` and ``W``)
and the inner index i (in both factors).  Several indices of one class that lie side by side in memory count as one;
others become loops around the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    Number,
    Reduction,
    add,
    compare,
    factors_of,
    free_indices,
    mul,
    names_of,
    substitute,
    where,
)
from symprop.algebra.indices import affine
from symprop.lowering.assignments import Assignment, Variable
from symprop.lowering.memo import minus, normal, room
from symprop.lowering.program import ONES, Loop, Matrix, Product, Statement


@dataclass(frozen=True)
class Factors:
    """A sum of products split as ``coefficient * sum(bounds, left*right)``.

    If it is no product of two matrices, `left` is a matrix and `right` a vector, or empty for a vector of ones.
    """

    coefficient: Expr
    left: tuple[Expr, ...]
    right: tuple[Expr, ...]
    of_matrices: bool


def split_reduction(expr: Expr) -> tuple[Expr, Reduction] | None:
    """Return coefficient and reduction of ``coefficient*reduction``, or None."""
    reductions = [factor for factor in factors_of(expr) if isinstance(factor, Reduction)]
    if len(reductions) != 1:
        return None
    rest = mul(*(factor for factor in factors_of(expr) if factor is not reductions[0]))
    return rest, reductions[0]


def matrix_factors(reduction: Reduction, free: Iterable[Index]) -> Factors | None:
    """Return the two groups of factors of a product of matrices, or None if it is none.

    `free` are the indices of the result that are looped over.
    """
    if reduction.kind != "sum":
        return None
    bound = {b.index for b in reduction.bounds}
    outside = set(free)
    loops = bound | outside
    constants: list[Expr] = []
    dependent: list[tuple[Expr, frozenset[Index]]] = []
    for factor in factors_of(reduction.body):
        mine = free_indices(factor) & loops
        if mine:
            dependent.append((factor, mine))
        else:
            constants.append(factor)
    sets = list(dict.fromkeys(mine for _, mine in dependent))
    largest = [mine for mine in sets if not any(mine < other for other in sets)]
    if len(largest) == 1:  # a matrix and a vector, or a vector of ones
        (first,) = largest
        vector = tuple(factor for factor, mine in dependent if mine <= bound)
        rest = tuple(factor for factor, mine in dependent if not mine <= bound)
        if not first & outside or not bound <= first or not rest or len(vector) > 1:
            return None
        if vector and free_indices(vector[0]) & loops != bound:
            return None
        return Factors(mul(*constants), rest, vector, False)
    if len(largest) != 2:
        return None
    first, second = largest
    if not (first & second & bound) or (first ^ second) & bound:
        return None
    left = tuple(factor for factor, mine in dependent if mine <= first)
    right = tuple(factor for factor, mine in dependent if not mine <= first)
    return Factors(mul(*constants), left, right, True)


@dataclass(frozen=True)
class _Axis:
    """Where a loop index stands in an access: axis number, and position at the loop's first value."""

    number: int
    start: Expr


@dataclass(frozen=True)
class _Operand:
    variable: Variable
    axes: Mapping[Index, _Axis]
    offset: Expr  # in elements, at the first value of every loop

    def stride(self, index: Index) -> Expr:
        return strides(self.variable)[self.axes[index].number]


def extents(variable: Variable) -> tuple[Expr, ...]:
    """Return the extent of each axis; a scalar is an array of one element."""
    return tuple(room(axis.lower, axis.upper) for axis in variable.axes) or (ONE,)


def strides(variable: Variable) -> tuple[Expr, ...]:
    """Return the distance in elements between neighbours along each axis: the last varies fastest."""
    result: list[Expr] = []
    sizes = extents(variable)
    for number in range(len(sizes)):
        result.append(_product(sizes[number + 1 :]))
    return tuple(result)


def _product(sizes: tuple[Expr, ...]) -> Expr:
    if len(sizes) < 2:
        return sizes[0] if sizes else ONE
    return normal(mul(*sizes))


def _operand(access: Expr, loops: Mapping[Index, Bound], variables: Mapping[str, Variable]) -> _Operand | None:
    if not isinstance(access, Access) or names_of(add(*access.indices)):
        return None
    variable = variables[access.name]
    if variable.integer:
        return None
    found: dict[Index, _Axis] = {}
    offset: Expr = ZERO
    steps = strides(variable)
    for number, (index, axis) in enumerate(zip(access.indices, variable.axes, strict=True)):
        position = minus(index, axis.lower)
        try:
            coefficients, _ = affine(position)
        except ValueError:
            return None
        mine = [loop for loop in coefficients if loop in loops]
        if len(mine) > 1 or any(coefficients[loop] is not ONE or loop in found for loop in mine):
            return None
        start = substitute(position, {loop: loops[loop].lower for loop in mine})
        for loop in mine:
            found[loop] = _Axis(number, normal(start))
        if start is not ZERO:
            offset = offset + start * steps[number]
    return _Operand(variable, found, normal(offset))


def matrix_product(line: Assignment, fixed: frozenset[Index], variables: Mapping[str, Variable]) -> Statement | None:
    """Return the statement that computes `line` by products of matrices, or None.

    `fixed` are indices of loops around the statement.
    """
    split = split_reduction(line.expression)
    if split is None:
        return None
    coefficient, reduction = split
    free = [bound for bound in line.bounds if bound.index not in fixed]
    loops = {bound.index: bound for bound in (*free, *reduction.bounds)}
    deciding = frozenset().union(*(_deciding(b) for b in loops.values())) & set(loops)
    if deciding:  # where limits use the index of a loop, its variable is counted from 0
        shifts: dict[Expr, Expr] = {i: i + loops[i].lower for i in deciding}
        loops = {
            i: Bound(i, substitute(b.lower, shifts), substitute(b.upper, shifts), b.written) for i, b in loops.items()
        }
    factors = matrix_factors(reduction, (bound.index for bound in free))
    if factors is None or len(factors.left) != 1 or len(factors.right) > 1:
        return None
    if free_indices(coefficient) & set(loops) or names_of(coefficient) or names_of(factors.coefficient):
        return None
    out = _operand(line.target, loops, variables)
    left = _operand(factors.left[0], loops, variables)
    right = _operand(factors.right[0], loops, variables) if factors.right else _Operand(_ONES, {}, ZERO)
    if out is None or left is None or right is None:
        return None
    inner = [bound.index for bound in reduction.bounds]
    if any(i not in left.axes or (factors.right and i not in right.axes) for i in inner):
        return None
    if out.axes.keys() - left.axes.keys() - right.axes.keys():
        return None
    if any(stride.name == out.variable.name for stride in (left.variable, right.variable)):
        return None
    only_left = [axis.number for i, axis in out.axes.items() if i in left.axes and i not in right.axes]
    only_right = [axis.number for i, axis in out.axes.items() if i in right.axes and i not in left.axes]
    if not only_left and not only_right:
        return None
    if only_right and (not only_left or max(only_left) > max(only_right)):
        left, right = right, left  # columns are what varies fastest in the result
        only_left, only_right = only_right, only_left
    if not only_right and max(only_left) == len(out.variable.axes) - 1 and _lies_in_rows(only_left, out, left):
        left, right = right, left  # a row vector: its elements and those of the matrix lie side by side
    rows = [i for i in out.axes if i in left.axes and i not in right.axes]
    columns = [i for i in out.axes if i in right.axes and i not in left.axes]
    row = _merged(rows, (out, left), loops)
    column = _merged(columns, (out, right), loops)
    middle = _merged(inner, tuple(o for o in (left, right) if o.variable is not _ONES), loops)
    if column and out.stride(column[-1]) is not ONE:
        return None
    outer = [i for i in loops if i not in (*row, *column, *middle)]
    nested = sorted(outer, key=lambda i: i in inner)  # sums innermost
    if not deciding <= set(outer) or any(_deciding(loops[i]) & set(nested[n:]) for n, i in enumerate(nested)):
        return None
    alpha = mul(coefficient, factors.coefficient)
    repeated = [i for i in outer if i in inner]
    beta: Expr = ZERO
    for index in repeated:  # after the first round, add
        beta = where(compare("==", index, ZERO), beta, ONE)
    statement: Statement = Product(
        _matrix(out, row, column, outer),
        _matrix(left, row, middle, outer),
        _matrix(right, middle, column, outer),
        _extent(row, loops),
        _extent(column, loops),
        _extent(middle, loops),
        alpha,
        beta,
    )
    for index in reversed(nested):
        statement = Loop(index, ZERO, _extent([index], loops), (statement,))
    return statement


def _deciding(bound: Bound) -> frozenset[Index]:
    return free_indices(bound.lower) | free_indices(bound.upper)


_ONES = Variable(ONES, (), "temporary")


def _lies_in_rows(numbers: list[int], out: _Operand, matrix: _Operand) -> bool:
    """Return whether the last index of a vector is also the last index of the matrix it comes from."""
    last = next(i for i, axis in out.axes.items() if axis.number == max(numbers))
    return matrix.stride(last) is ONE


def _merged(indices: list[Index], operands: tuple[_Operand, ...], loops: Mapping[Index, Bound]) -> list[Index]:
    """Return the longest run of `indices` that count as one index in all operands."""
    if not indices:
        return []
    ordered = sorted(indices, key=lambda i: operands[0].axes[i].number)
    for first in range(len(ordered)):
        run = ordered[first:]
        if all(_lie_together(run, operand, loops) for operand in operands):
            return run
    return ordered[-1:]


def _lie_together(run: list[Index], operand: _Operand, loops: Mapping[Index, Bound]) -> bool:
    numbers = [operand.axes[i].number for i in run]
    if numbers != list(range(numbers[0], numbers[0] + len(run))):
        return False
    sizes = extents(operand.variable)
    return all(operand.axes[i].start is ZERO and _extent([i], loops) == sizes[operand.axes[i].number] for i in run[1:])


def _extent(indices: list[Index], loops: Mapping[Index, Bound]) -> Expr:
    return _product(tuple(room(loops[i].lower, loops[i].upper) for i in indices))


def _matrix(operand: _Operand, rows: list[Index], columns: list[Index], outer: list[Index]) -> Matrix:
    offset = operand.offset
    for index in outer:
        if index in operand.axes:
            offset = offset + index * operand.stride(index)
    if operand.variable is _ONES:
        return Matrix(ONES, ZERO, ZERO, ZERO if columns else ONE)
    # A single row or column may lie anywhere; the distance to the next is never used.
    return Matrix(
        operand.variable.name,
        normal(offset),
        operand.stride(rows[-1]) if rows else ZERO,
        operand.stride(columns[-1]) if columns else ONE,
    )


def separated(lines: list[Assignment], new: Callable[[Expr, tuple[Bound, ...]], Assignment | None]) -> list[Assignment]:
    """Give names to groups of factors that make a product of matrices out of a longer product.

    ``sum(j, z_bar[n,j]*sigmoid'(a[n,j])*W[j,i])`` becomes ``sum(j, t[n,j]*W[j,i])``.
    """
    result: list[Assignment] = []
    made: dict[Expr, Access] = {}
    for line in lines:
        split = split_reduction(line.expression)  # under a guard, readings stay where they are
        factors = matrix_factors(split[1], [b.index for b in line.bounds]) if split is not None else None
        if split is None or factors is None:
            result.append(line)
            continue
        coefficient, reduction = split
        scope = (*line.bounds, *reduction.bounds)
        groups: list[Expr] = []
        for group in (factors.left, factors.right):
            value = mul(*group)
            if not isinstance(value, (Access, Number)) and value not in made and factors.of_matrices:
                before = new(value, scope)
                if before is not None:
                    result.append(before)
                    made[value] = before.target
            groups.append(made.get(value, value))
        body = mul(factors.coefficient, *groups)
        result.append(replace(line, expression=mul(coefficient, Reduction("sum", reduction.bounds, body))))
    return result
