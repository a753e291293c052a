"""Runs a program slowly and plainly: the oracle that generated code is tested against.

Every statement does what its docstring in `program` says, one element after the other, in Python's own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    PI,
    Access,
    Add,
    Call,
    Compare,
    Constant,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Size,
    Where,
)
from symprop.lowering.program import (
    ONES,
    Accumulate,
    Assign,
    Comment,
    If,
    Invoke,
    Kernel,
    Loop,
    Matrix,
    Product,
    Program,
    Routine,
    Statement,
)


def interpret(
    program: Program, routine: Routine, arrays: Mapping[str, Any], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """Return every buffer of a routine after it has run, as flat lists with their shapes.

    Parameters
    ----------
    program : Program
        Where the kernels stand.
    routine : Routine
        Its forward pass or its gradient.
    arrays : mapping of str to nested lists or numbers
        Inputs, targets, parameters and hyperparameters by name.
    sizes : mapping of str to int
        Every size.

    Returns
    -------
    dict of str to (tuple of int, list of float)
        Shape and elements in the order of memory.
    """
    return _Machine(program, dict(sizes)).run(routine, arrays)


class _Machine:
    def __init__(self, program: Program, sizes: dict[str, int]) -> None:
        self.kernels = {kernel.name: kernel for kernel in program.kernels}
        self.sizes = sizes
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run(self, routine: Routine, arrays: Mapping[str, Any]) -> dict[str, Any]:
        frame = _Frame(self.sizes, {}, {}, {})
        memory: dict[str, list[Any]] = {ONES: [1.0]}
        for buffer in routine.buffers:
            shape = tuple(frame.integer(extent) for extent in buffer.extents)
            self.shapes[buffer.name] = shape
            if buffer.name in arrays:
                memory[buffer.name] = _flat(arrays[buffer.name])
                assert len(memory[buffer.name]) == math.prod(shape), buffer.name
            else:
                memory[buffer.name] = [math.nan] * math.prod(shape)
        frame.memory, frame.shapes = memory, self.shapes
        self.execute(routine.body, frame)
        return {name: (shape, memory[name]) for name, shape in self.shapes.items()}

    def execute(self, body: tuple[Statement, ...], frame: _Frame) -> None:
        for statement in body:
            match statement:
                case Comment():
                    pass
                case Assign(target=target, value=value):
                    frame.store(target, frame.value(value))
                case Accumulate(target=target, value=value, operator=operator):
                    frame.store(target, _ACCUMULATE[operator](frame.value(target), frame.value(value)))
                case Loop(index=index, start=start, stop=stop, body=inner, descending=descending):
                    values = range(frame.integer(start), frame.integer(stop))
                    for at in reversed(values) if descending else values:
                        frame.indices[index.name] = at
                        self.execute(inner, frame)
                case If(condition=condition, then=then, otherwise=otherwise):
                    self.execute(then if frame.holds(condition) else otherwise, frame)
                case Invoke():
                    self.invoke(statement, frame)
                case Product():
                    self.product(statement, frame)

    def invoke(self, call: Invoke, frame: _Frame) -> None:
        kernel: Kernel = self.kernels[call.function]
        integers = {name: frame.integer(e) for name, e in zip(kernel.integers, call.integers, strict=True)}
        memory = {own: frame.memory[given] for own, given in zip(kernel.arrays, call.arrays, strict=True)}
        shapes = {own: frame.shapes[given] for own, given in zip(kernel.arrays, call.arrays, strict=True)}
        if call.flat:
            shapes = {name: (math.prod(shape),) for name, shape in shapes.items()}
        self.execute(kernel.body, _Frame(integers, dict(integers), memory, shapes))

    def product(self, p: Product, frame: _Frame) -> None:
        rows, columns, inner = (frame.integer(e) for e in (p.rows, p.columns, p.inner))
        alpha, beta = frame.value(p.alpha), frame.value(p.beta)
        left, right, out = (_Seen(frame, matrix) for matrix in (p.left, p.right, p.out))
        for r in range(rows):
            for c in range(columns):
                total = alpha * math.fsum(left[r, k] * right[k, c] for k in range(inner))
                out[r, c] = total if beta == 0 else total + beta * out[r, c]


class _Seen:
    """Elements of an array seen as a matrix."""

    def __init__(self, frame: _Frame, matrix: Matrix) -> None:
        self.values = frame.memory[matrix.array]
        self.offset, self.row, self.column = map(
            frame.integer, (matrix.offset, matrix.row_stride, matrix.column_stride)
        )

    def __getitem__(self, place: tuple[int, int]) -> Any:
        return self.values[self.offset + place[0] * self.row + place[1] * self.column]

    def __setitem__(self, place: tuple[int, int], value: Any) -> None:
        self.values[self.offset + place[0] * self.row + place[1] * self.column] = value


class _Frame:
    """The names that statements of one function see."""

    def __init__(
        self,
        sizes: Mapping[str, int],
        indices: dict[str, int],
        memory: dict[str, list[Any]],
        shapes: dict[str, tuple[int, ...]],
    ) -> None:
        self.sizes = sizes
        self.indices = indices
        self.memory = memory
        self.shapes = shapes
        self.locals: dict[str, Any] = {}

    def store(self, target: Access, value: Any) -> None:
        if target.indices:
            self.memory[target.name][self.place(target)] = value
        else:
            self.locals[target.name] = value

    def place(self, access: Access) -> int:
        at = 0
        for index, length in zip(access.indices, self.shapes[access.name], strict=True):
            position = self.integer(index)
            assert 0 <= position < length, f"{access} at {position} of {length}"
            at = at * length + position
        return at

    def integer(self, expr: Expr) -> int:
        value = self.exact(expr)
        assert value.denominator == 1, f"{expr} is {value}"
        return int(value)

    def exact(self, expr: Expr) -> Fraction:
        match expr:
            case Number(value=value):
                return value
            case Index(name=name):
                return Fraction(self.indices[name])
            case Size(name=name):
                return Fraction(self.sizes[name])
            case Access():
                return Fraction(self.memory[expr.name][self.place(expr)])
            case Add(terms=terms):
                return sum(map(self.exact, terms), Fraction(0))
            case Mul(factors=factors):
                return math.prod(map(self.exact, factors), start=Fraction(1))
            case Power(base=base, exponent=exponent):
                return self.exact(base) ** int(self.exact(exponent))
            case Call(function=function, arguments=arguments):
                return Fraction(_EXACT[function](*map(self.exact, arguments)))
            case Where(condition=condition, then=then, otherwise=otherwise):
                return self.exact(then if self.holds(condition) else otherwise)
        raise AssertionError(expr)

    def value(self, expr: Expr) -> Any:
        match expr:
            case Number(value=value):
                return float(value) if abs(value) < 10**308 else (math.inf if value > 0 else -math.inf)
            case Constant():
                return math.pi if expr is PI else math.e
            case Index() | Size():
                return float(self.exact(expr))
            case Access(name=name, indices=indices):
                return self.memory[name][self.place(expr)] if indices else self.locals[name]
            case Add(terms=terms):
                return sum(map(self.value, terms))
            case Mul(factors=factors):
                return math.prod(map(self.value, factors))
            case Power(base=base, exponent=exponent):
                return _power(self.value(base), self.value(exponent))
            case Call(function=function, arguments=arguments):
                return FUNCTIONS[function](*map(self.value, arguments))
            case Where(condition=condition, then=then, otherwise=otherwise):
                return self.value(then if self.holds(condition) else otherwise)
        raise AssertionError(expr)

    def holds(self, expr: Expr) -> bool:
        if isinstance(expr, Junction):
            if expr.operator == "not":
                return not self.holds(expr.conditions[0])
            return (all if expr.operator == "and" else any)(map(self.holds, expr.conditions))
        assert isinstance(expr, Compare)
        if expr.operator == "divides":
            return self.exact(expr.right) % self.exact(expr.left) == 0
        left, right = self.value(expr.left), self.value(expr.right)
        return bool(_COMPARE[expr.operator](left, right))


def _flat(value: Any) -> list[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [element for part in value for element in _flat(part)]
    return [value]


def _power(base: float, exponent: float) -> float:
    try:
        result = base**exponent
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf
    return result if isinstance(result, float) else math.nan


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _sigmoid(x: float) -> float:
    return 1 / (1 + _exp(-x)) if x >= 0 else _exp(x) / (1 + _exp(x))


_EXACT: dict[str, Callable[..., Any]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
    "abs": abs,
}

_ACCUMULATE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "max": lambda a, b: a if a >= b else b,
    "min": lambda a, b: a if a <= b else b,
}

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

FUNCTIONS: dict[str, Callable[..., float]] = {
    **{
        name: getattr(math, name)
        for name in (
            *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
            *("erf", "erfc", "expm1", "log1p", "log2", "log10"),
        )
    },
    "exp": _exp,
    "log": _log,
    "exp2": lambda x: 2.0**x,
    "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "floor": lambda x: float(math.floor(x)),
    "max": max,
    "min": min,
    "sigmoid": _sigmoid,
    "sigmoid_slope": lambda x: _sigmoid(x) * _sigmoid(-x),
    "tanh_slope": lambda x: 4 * _sigmoid(2 * x) * _sigmoid(-2 * x),
    "softplus": lambda x: max(x, 0.0) + math.log1p(_exp(-abs(x))),
}
