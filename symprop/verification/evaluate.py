"""Reference values: any expression of the language at a point, exactly where that is possible, certified otherwise.

A value is an exact rational as long as only rational operations (and the roots and special values that are rational)
lead to it; otherwise it is a ball, a midpoint with a radius that provably holds the true value (`flint.arb`).  Nothing
here shares code with the generated functions, and derivatives are found forwards, component by component, so neither
the reverse sweep nor the lowering is trusted.

How far balls decide, and what happens beyond, stands in `arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import inf, prod
from time import thread_time
from typing import Any, NoReturn

from flint import arb, fmpq

from symprop.algebra.expressions import (
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Derivative,
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
    scalar,
    stem_of,
    walk,
)
from symprop.algebra.functions import FUNCTIONS, derivative, expand
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Quantity
from symprop.declaration.sizes import SizeValue, layers_of, solve_sizes
from symprop.derivation.steps import Derivation
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    MissingRuleError,
    NotationError,
    ShapeError,
    SympropError,
    ValueOutsideDomainError,
    nearest,
)
from symprop.verification.arithmetic import (
    ONE,
    PRECISIONS,
    PRIMITIVES,
    ZERO,
    Arithmetic,
    Inner,
    Result,
    Value,
    format_number,
    inner,
    is_zero,
    outer,
    to_float,
)
from symprop.verification.given import Given, written

__all__ = ["Evaluation", "Evaluator", "Value", "evaluate", "format_number", "to_float"]

Component = tuple[str, tuple[int, ...]]

DIGITS = 20  # correct decimal digits of a result, unless asked otherwise
LARGEST_NETWORK = 10**6  # components
LARGEST_WORK = 10**7  # values of indices in all loops together: about a minute
# Components that may wait for one another on Python's own stack; deeper ones wait on ours.
DEEPEST = 8


class _Pending(Exception):
    """A component must be computed first: the chain of components is too long for Python's stack."""

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key


@dataclass(frozen=True)
class _Assignment:
    """``target[indices] = expression``: an equation, or an adjoint, which is the same kind of thing."""

    name: str
    indices: tuple[Expr, ...]
    bounds: Mapping[Index, Bound]
    expression: Expr
    line: int = 0


@dataclass
class _Frame:
    """What names mean while an expression is evaluated."""

    indices: dict[Index, int]
    arguments: dict[Expr, Inner] | None = None  # of the function whose body is evaluated
    slopes: dict[Expr, Inner] | None = None  # their derivatives by the seed
    seed: Component | None = None
    cut: bool = False  # whether every quantity stands for itself (a local partial derivative)


@dataclass(frozen=True)
class Evaluation:
    """The values of a network at one point.

    Attributes
    ----------
    sizes : mapping of str to int or tuple of int
    values : mapping of str to mapping of tuple of int to Value
        Every component that is given or defined, by name and by indices (not array positions).
    adjoints : mapping of str to mapping of tuple of int to Value
        The same for the adjoints of a derivation, by name of the quantity.
    shown : mapping of str to Value or mapping
        What was asked for; a mapping by indices if free indices stand in it, in order of appearance.
    assumed_equal : int
        How many comparisons were decided by the rule for equal-looking values.
    """

    sizes: Mapping[str, SizeValue]
    values: Mapping[str, Mapping[tuple[int, ...], Value]]
    adjoints: Mapping[str, Mapping[tuple[int, ...], Value]] = field(default_factory=dict)
    shown: Mapping[str, Value | Mapping[tuple[int, ...], Value]] = field(default_factory=dict)
    assumed_equal: int = 0


def evaluate(
    network: Network,
    values: Mapping[str, Any],
    sizes: Mapping[str, SizeValue] | None = None,
    *,
    show: Mapping[str, Expr] | None = None,
    derivation: Derivation | None = None,
    digits: int = DIGITS,
) -> Evaluation:
    """Return every component of `network`, the adjoints of `derivation` and the expressions `show` at a point.

    Parameters
    ----------
    network : Network
        Without a batch index it describes one example, and so do `values`.
    values : mapping of str to values
        See `Evaluator`.
    sizes : mapping of str to int, optional
        Sizes that the values do not tell.
    show : mapping of str to Expr, optional
        Expressions by the text they are known by; ``D`` and ``P`` may stand in them.
    derivation : Derivation, optional
        Whose adjoints are evaluated too.
    digits : int
        Correct significant digits of each value that is not exact.

    Raises
    ------
    SympropError
        As `Evaluator.value`.
    """
    evaluator = Evaluator(network, sizes, values, digits=digits)
    if derivation is not None:
        evaluator.include(derivation)
    known = {
        name: evaluator.components(name)
        for name, quantity in network.quantities.items()
        if quantity.role in ("constant", "hyperparameter") or name in values or name in network.definitions
    }
    adjoints = {}
    if derivation is not None:
        adjoints = {name: evaluator.components(each.access.name) for name, each in derivation.adjoints.items()}
    shown = {text: evaluator.table(expr) for text, expr in (show or {}).items()}
    return Evaluation(evaluator.sizes, known, adjoints, shown, evaluator.arithmetic.assumed_equal)


class Evaluator:
    """Evaluates expressions in the names of a network at one point; components are computed when they are read.

    Parameters
    ----------
    network : Network
    sizes : mapping of str to int, optional
        Sizes, dimensionless; those that the values tell may be left out.
    values : mapping of str to values, optional
        Of inputs, targets, parameters and, if wanted, hyperparameters, by name: a number (int, float, Fraction, a
        string such as ``"1/2"``), nested lists or a numpy array whose position 0 is the first value of each axis, or a
        mapping from indices to numbers, ``{(0, 1): 2}``. Floats are taken exactly.
    precisions : sequence of int
        Bits of the balls, tried in turn; what the last leaves open is decided by the rule above.
    digits : int
        Correct significant digits of a value that is not exact.

    Raises
    ------
    ShapeError
        If shapes contradict each other or the declared axes, a size is missing, or the network is too large.
    DeclarationError
        If a value is given for a name that is defined or unknown.
    """

    def __init__(
        self,
        network: Network,
        sizes: Mapping[str, SizeValue] | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        precisions: Sequence[int] = PRECISIONS,
        digits: int = DIGITS,
    ) -> None:
        self.network = network
        self.arithmetic = Arithmetic(precisions)
        self.digits = digits
        self._given = {name: Given(network, name, value) for name, value in (values or {}).items()}
        self.sizes = solve_sizes(
            network,
            {name: given.shape for name, given in self._given.items() if given.shape is not None},
            sizes,
            {name: given.greatest for name, given in self._given.items() if given.greatest is not None},
        )
        self._assignments: dict[str, list[_Assignment]] = {}
        for equation in network.equations:
            self._assign(equation.target, equation.bounds, equation.expression, equation.line)
        self._numbers: dict[Expr, fmpq] = {}
        self._forms: dict[tuple[str, int, tuple[int, ...]], tuple[tuple[Access, ...], Expr]] = {}
        self._free: dict[Expr, tuple[Index, ...]] = {}
        self._ranges: dict[str, tuple[tuple[int, int], ...] | None] = {}
        self._covered: dict[int, tuple[tuple[int, int], ...] | None] = {}
        self._first_layers: dict[str, int] = {}
        self._reach: dict[str, frozenset[str]] = {}
        self._exact: dict[Any, fmpq] = {}  # holds at every precision
        self._balls: dict[int, dict[Any, arb]] = {precision: {} for precision in self.arithmetic.precisions}
        self._depth, self._deepest, self._work = 0, DEEPEST, 0
        self.until = inf  # seconds of this thread's processor time after which values are given up
        for given in self._given.values():
            self._check(given)
        self._refuse_large()

    def include(self, derivation: Derivation) -> None:
        """Make the adjoints of a derivation readable under their names, ``z_bar[j]``."""
        for adjoint in derivation.adjoints.values():
            self._assign(adjoint.access, adjoint.bounds, adjoint.expression, 0)

    def _assign(self, target: Access, bounds: Iterable[Bound], expression: Expr, line: int) -> None:
        row = _Assignment(target.name, target.indices, {bound.index: bound for bound in bounds}, expression, line)
        self._assignments.setdefault(target.name, []).append(row)

    # What callers ask for.

    def value(self, expr: Expr, indices: Mapping[Index, int] | None = None, digits: int | None = None) -> Value:
        """Return the value of `expr` to `digits` correct significant digits.

        Parameters
        ----------
        expr : Expr
            In the names of the network; ``D(U, V)`` and ``P(U, V)`` may stand in it.
        indices : mapping of Index to int, optional
            Values of its free indices.
        digits : int, optional
            Instead of the evaluator's own.

        Returns
        -------
        Fraction or arb
            Exact where possible. A ball around 0 that no precision could tell from 0 is returned as it is.

        Raises
        ------
        ValueOutsideDomainError
            If a function is not defined at its argument, a value is missing, or one is too large to be computed.
        ShapeError
            If a quantity is read outside its range.
        MissingRuleError
            If a function has no body.
        """
        needed = int((self.digits if digits is None else digits) * 3.33) + 4
        frame = _Frame(dict(indices or {}))

        def accurate(value: Inner) -> bool:
            return isinstance(value, fmpq) or value.rel_accuracy_bits() >= needed

        return outer(self._settled(lambda: self._value(expr, frame), accurate))

    def ball(self, expr: Expr, indices: Mapping[Index, int] | None = None) -> Value:
        """Return the value of `expr` at the lowest precision that decides its comparisons, however accurate."""
        frame = _Frame(dict(indices or {}))
        return outer(self._settled(lambda: self._value(expr, frame)))

    def holds(self, condition: Expr, indices: Mapping[Index, int] | None = None) -> bool:
        """Return whether a condition holds, by the rule for equal-looking values where it must."""
        frame = _Frame(dict(indices or {}))
        return self._settled(lambda: self._condition(condition, frame))

    def table(self, expr: Expr) -> Value | dict[tuple[int, ...], Value]:
        """Return the value of `expr`, or its values by its free indices in order of appearance."""
        found = dict.fromkeys(node for node in walk(expr) if isinstance(node, Index))
        free = [index for index in found if index in free_indices(expr)]
        if not free:
            return self.value(expr)
        bounds = tuple(self._range_of(index) for index in free)
        points = self._settled(lambda: list(self._loop(bounds, _Frame({}))))
        return {point: self.value(expr, dict(zip(free, point, strict=True))) for point in points}

    def components(self, name: str) -> dict[tuple[int, ...], Value]:
        """Return every component of a quantity (or included adjoint) that is given or defined, by indices."""
        given = self._given.get(name)
        if given is not None and given.cells is not None:
            keys = list(given.cells)
        elif name in self._assignments and not (given or self._is_scalar_with_default(name)):
            keys = [key for row in self._assignments[name] for key in self._indices_of(row)]
        else:
            quantity = self.network.quantities[name]
            bounds = tuple(Bound(axis.index, axis.lower, axis.upper) for axis in quantity.axes)
            keys = self._settled(lambda: list(self._loop(bounds, _Frame({}))))
        return {key: self.value(Access(name, tuple(Number(Fraction(n)) for n in key))) for key in sorted(set(keys))}

    def _is_scalar_with_default(self, name: str) -> bool:
        quantity = self.network.quantities.get(name)
        return quantity is not None and quantity.value is not None

    def _indices_of(self, row: _Assignment) -> list[tuple[int, ...]]:
        def collect() -> list[tuple[int, ...]]:
            found = []
            frame = _Frame({})
            free = tuple(row.bounds[index] for index in row.indices if isinstance(index, Index))
            for _ in self._loop(free, frame):
                found.append(tuple(self._integer(index, frame) for index in row.indices))
            return found

        return self._settled(collect)

    def _range_of(self, index: Index) -> Bound:
        bound = self.network.indices.get(index) or self.network.indices.get(Index(stem_of(index)))
        if bound is None:
            raise IndexNotationError(f"the index '{index.name}' has no range")
        return bound._replace(index=index)

    # Precision and long chains.

    def _settled(self, compute: Callable[[], Result], accepted: Callable[[Result], bool] = lambda _: True) -> Result:
        return self.arithmetic.escalate(lambda: self._run(compute), accepted)

    def _run(self, compute: Callable[[], Result]) -> Result:
        """Compute with the components that wait for others on a list of ours, however long the chain is."""
        waiting: list[tuple[Any, ...]] = []
        self._deepest, self._work = DEEPEST, 0
        while True:
            self._depth = 0
            try:
                if not waiting:
                    return compute()
                self._component(*waiting[-1])
                waiting.pop()
            except _Pending as pending:
                if pending.key in waiting:
                    name, indices = pending.key[0]
                    raise DeclarationError(f"{written(name, indices)} depends on itself") from None
                waiting.append(pending.key)
            except RecursionError:
                if self._deepest == 1:
                    raise NotationError(
                        "an expression is nested too deeply to be evaluated",
                        hint="Name parts of it in equations of their own.",
                    ) from None
                self._deepest = 1

    # Components of quantities.

    def _component(self, component: Component, seed: Component | None = None) -> Inner:
        """Return one component, or with a seed its derivative by that other component."""
        key = (component, seed)
        known = self._recall(key)
        if known is not None:
            return known
        if self._depth >= self._deepest:
            raise _Pending(key)
        row = self._assignment(component)
        assert row is not None
        places = zip(row.indices, component[1], strict=True)
        frame = _Frame({index: n for index, n in places if isinstance(index, Index)}, seed=seed)
        self._depth += 1
        try:
            value = self._value(row.expression, frame) if seed is None else self._slope(row.expression, frame)
        except SympropError as error:
            if error.line is None and row.line:
                error.line, error.text = row.line, self.network.text or None
            raise
        finally:
            self._depth -= 1
        return self._remember(key, value)

    def _recall(self, key: Any) -> Inner | None:
        known = self._exact.get(key)
        return self._balls[self.arithmetic.precision].get(key) if known is None else known

    def _remember(self, key: Any, value: Inner) -> Inner:
        (self._exact if isinstance(value, fmpq) else self._balls[self.arithmetic.precision])[key] = value
        return value

    def _assignment(self, component: Component) -> _Assignment | None:
        """Return what defines a component, if anything does."""
        name, indices = component
        for row in self._assignments.get(name, ()):
            if self._covers(row, indices):
                return row
        return None

    def _covers(self, row: _Assignment, indices: tuple[int, ...]) -> bool:
        if len(row.indices) != len(indices):
            return False
        fixed = self._fixed_limits(row)
        limits = self._covered_at(row, indices) if fixed is None else fixed
        return all(lower <= n <= upper for n, (lower, upper) in zip(indices, limits, strict=True))

    def _fixed_limits(self, row: _Assignment) -> tuple[tuple[int, int], ...] | None:
        """Return the limits of each index of an assignment, or None if one depends on the indices before it."""
        if id(row) not in self._covered:  # rows live as long as the evaluator
            ragged = any(free_indices(limit) for bound in row.bounds.values() for limit in (bound.lower, bound.upper))
            self._covered[id(row)] = None if ragged else tuple(self._covered_at(row, ()))
        return self._covered[id(row)]

    def _covered_at(self, row: _Assignment, indices: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        """Yield the limits of each index of an assignment; those of a ragged one depend on the indices before."""
        frame = _Frame({})
        for place, index in enumerate(row.indices):
            if isinstance(index, Index):
                bound = row.bounds[index]
                yield self._integer(bound.lower, frame), self._integer(bound.upper, frame)
                if place < len(indices):
                    frame.indices[index] = indices[place]
            else:
                fixed = self._integer(index, frame)
                yield fixed, fixed

    def _read(self, component: Component) -> Inner:
        """Return the value of a component that is given or defined."""
        name, indices = component
        known = self._recall((component, None))
        if known is not None:
            return known
        quantity = self.network.quantities.get(name)
        if quantity is not None:
            if quantity.role == "constant" and quantity.value is not None:
                return inner(quantity.value)
            if not self._inside(quantity, indices):
                if quantity.zero_outside:
                    return ZERO
                raise self._outside(quantity, indices)
        if self._assignment(component) is not None:
            return self._component(component)
        if quantity is None:
            raise self._unknown(component)
        given = self._given.get(name)
        if given is None and quantity.value is not None:
            return inner(quantity.value)
        first = tuple(lower for lower, _ in self._limits(quantity, indices))
        value = None if given is None else given.at(indices, first)
        if value is None:
            raise self._missing(quantity, indices)
        return self._remember((component, None), value)

    def _limits(self, quantity: Quantity, indices: tuple[int, ...]) -> Iterable[tuple[int, int]]:
        """Return the limits of each axis, one by one: those of a ragged axis depend on the indices before it."""
        if quantity.name not in self._ranges:
            ragged = any(free_indices(axis.lower) | free_indices(axis.upper) for axis in quantity.axes)
            self._ranges[quantity.name] = None if ragged else tuple(self._limits_at(quantity, ()))
        fixed = self._ranges[quantity.name]
        return self._limits_at(quantity, indices) if fixed is None else fixed

    def _limits_at(self, quantity: Quantity, indices: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        frame = _Frame({})
        for place, axis in enumerate(quantity.axes):
            yield self._integer(axis.lower, frame), self._integer(axis.upper, frame)
            if place < len(indices):
                frame.indices[axis.index] = indices[place]

    def _inside(self, quantity: Quantity, indices: tuple[int, ...]) -> bool:
        if len(indices) != len(quantity.axes):
            raise IndexNotationError(
                f"{written(quantity.name, indices)} has {len(indices)} indices, and {quantity.access} has "
                f"{len(quantity.axes)}"
            )
        limits = self._limits(quantity, indices)
        return all(lower <= n <= upper for n, (lower, upper) in zip(indices, limits, strict=True))

    # Errors about components.

    def _outside(self, quantity: Quantity, indices: tuple[int, ...]) -> ShapeError:
        limits = zip(quantity.axes, indices, self._limits(quantity, indices), strict=True)
        # The first index outside is the one to blame; a ragged axis has no range beyond it.
        index, lower, upper = next(
            (axis.index, lower, upper) for axis, n, (lower, upper) in limits if not lower <= n <= upper
        )
        return ShapeError(
            f"{written(quantity.name, indices)} lies outside the range of {quantity.access}: "
            f"{index} = {lower}..{upper}",
            hint=f"Shift the limits, or write 'zero outside {quantity.access}'.",
        )

    def _unknown(self, component: Component) -> SympropError:
        name, indices = component
        if name in self._assignments:
            return ShapeError(f"{written(name, indices)} lies outside the range of {name}")
        guess = nearest(name, self.network.quantities)
        return DeclarationError(f"unknown name '{name}'", hint=f"Did you mean '{guess}'?" if guess else None)

    def _missing(self, quantity: Quantity, indices: tuple[int, ...]) -> SympropError:
        component = written(quantity.name, indices)
        if quantity.name in self.network.definitions and not quantity.is_given:
            return DeclarationError(f"{component} is read, and no equation defines it")
        return ValueOutsideDomainError(
            f"{component} has no value", hint=f"Give one to {quantity.access}, e.g. {component} = 1/2."
        )

    def _check(self, given: Given) -> None:
        """Refuse components that lie outside the axes."""
        for indices in given.cells or ():
            if not self._settled(lambda indices=indices: self._inside(given.quantity, indices)):  # type: ignore[misc]
                raise self._outside(given.quantity, indices)

    def _refuse_large(self) -> None:
        total = 0
        for row in (row for rows in self._assignments.values() for row in rows):
            limits = self._settled(lambda row=row: self._fixed_limits(row))  # type: ignore[misc]
            total += prod(upper - lower + 1 for lower, upper in limits or ())
        if total > LARGEST_NETWORK:
            raise _too_large("the quantities", total)

    # Values of expressions.

    def _value(self, expr: Expr, frame: _Frame) -> Inner:
        return _VALUE[type(expr)](self, expr, frame)

    def _number(self, expr: Number, frame: _Frame) -> Inner:
        known = self._numbers.get(expr)
        if known is None:
            known = self._numbers[expr] = inner(expr.value)
        return known

    def _constant(self, expr: Constant, frame: _Frame) -> Inner:
        return arb.pi() if expr.name == "pi" else arb.const_e()

    def _index(self, expr: Index, frame: _Frame) -> Inner:
        if expr not in frame.indices:
            raise IndexNotationError(f"the index '{expr.name}' has no value here")
        return fmpq(frame.indices[expr])

    def _size(self, expr: Size, frame: _Frame) -> Inner:
        value = self.sizes.get(expr.name)
        if value is None:
            raise ShapeError(f"the size {expr.name} is not known", hint=f"Give it, --size {expr.name}=16.")
        if isinstance(value, int):
            return fmpq(value)
        if expr.name not in self._first_layers:
            layers = layers_of(self.network, expr.name)
            assert layers is not None
            self._first_layers[expr.name] = self._integer(layers[0], frame)
        name, first, layer = expr.name, self._first_layers[expr.name], self._integer(expr.arguments[0], frame)
        if not 0 <= layer - first < len(value):
            raise ShapeError(f"{name}({layer}) lies outside {name}({first}) to {name}({first + len(value) - 1})")
        return fmpq(value[layer - first])

    def _access(self, expr: Access, frame: _Frame) -> Inner:
        if frame.arguments is not None and expr in frame.arguments:
            return frame.arguments[expr]
        return self._read(self._place(expr, frame))

    def _place(self, expr: Access, frame: _Frame) -> Component:
        return expr.name, tuple([self._integer(index, frame) for index in expr.indices])

    def _integer(self, expr: Expr, frame: _Frame) -> int:
        if type(expr) is Index and expr in frame.indices:
            return frame.indices[expr]
        value = self._value(expr, frame)
        if not isinstance(value, fmpq) or value.q != 1:
            raise IndexNotationError(f"'{expr}' stands as an index or limit, and its value is not an integer")
        return int(value.p)

    def _add(self, expr: Add, frame: _Frame) -> Inner:
        return self.arithmetic.add([self._value(term, frame) for term in expr.terms])

    def _mul(self, expr: Mul, frame: _Frame) -> Inner:
        return self.arithmetic.multiply([self._value(factor, frame) for factor in expr.factors])

    def _power(self, expr: Power, frame: _Frame) -> Inner:
        return self.arithmetic.raise_to(self._value(expr.base, frame), self._value(expr.exponent, frame))

    def _call(self, expr: Call, frame: _Frame) -> Inner:
        arguments = [self._value(argument, frame) for argument in expr.arguments]
        return self._apply(expr.function, arguments, expr.orders, frame)

    def _apply(self, name: str, arguments: list[Inner], orders: tuple[int, ...], frame: _Frame) -> Inner:
        if not orders:
            if name == "stop":
                return arguments[0]
            if name in PRIMITIVES and name not in self.network.functions:
                return self.arithmetic.apply(name, arguments)
        symbols, form = self._form(name, len(arguments), orders)
        return self._value(form, _Frame(frame.indices, dict(zip(symbols, arguments, strict=True))))

    def _form(self, name: str, count: int, orders: tuple[int, ...]) -> tuple[tuple[Access, ...], Expr]:
        """Return the definition of a function, or of a derivative of it, in placeholders for its arguments."""
        if name not in self.network.functions:
            return _catalogue_form(name, count, orders)
        key = (name, count, orders)
        known = self._forms.get(key)
        if known is None:
            atom = Call(name, _placeholders(count), orders)
            functions = self.network.functions
            form = derivative(atom, functions, stable=True) if orders else expand(atom, functions)
            if form is atom:
                raise MissingRuleError(
                    f"the function '{name}' has no body, so it has no value",
                    hint=f"Give it one: function {name}(u) = ...",
                )
            known = self._forms[key] = _placeholders(count), form
        return known

    def _reduction(self, expr: Reduction, frame: _Frame) -> Inner:
        key = None
        if frame.arguments is None:
            free = self._free.get(expr)
            if free is None:
                free = self._free[expr] = tuple(sorted(free_indices(expr), key=lambda index: index.name))
            if len(free) < len(frame.indices):  # asked for again at other values of the rest
                key = (expr, tuple([frame.indices.get(index) for index in free]))
                known = self._recall(key)
                if known is not None:
                    return known
        if expr.kind in ("argmax", "argmin"):
            inner = _Frame(dict(frame.indices), frame.arguments, frame.slopes, frame.seed, frame.cut)
            value: Inner = fmpq(self._owner(expr, inner)[expr.bounds[0].index])
        else:
            value = self._reduced(expr, [value for _, value in self._terms(expr, frame)])
        return value if key is None else self._remember(key, value)

    def _terms(self, expr: Reduction, frame: _Frame) -> Iterator[tuple[_Frame, Inner]]:
        inner = _Frame(dict(frame.indices), frame.arguments, frame.slopes, frame.seed, frame.cut)
        for _ in self._loop(expr.bounds, inner):
            yield inner, self._value(expr.body, inner)

    def _reduced(self, expr: Reduction, values: list[Inner]) -> Inner:
        kind = expr.kind
        if kind == "sum":
            return self.arithmetic.add(values)
        if kind == "prod":
            return self.arithmetic.multiply(values)
        if not values:
            raise _of_nothing(expr)
        return self.arithmetic.log_sum_exp(values) if kind == "logsumexp" else self.arithmetic.extremum(kind, values)

    def _loop(self, bounds: Sequence[Bound], frame: _Frame) -> Iterator[tuple[int, ...]]:
        """Set the indices of `bounds` in `frame` to each of their values in turn."""
        if not bounds:
            yield ()
            return
        bound, *rest = bounds
        lower, upper = self._integer(bound.lower, frame), self._integer(bound.upper, frame)
        if upper - lower >= LARGEST_WORK:
            raise _too_large("the sums together", LARGEST_WORK)
        for n in range(lower, upper + 1):
            self._work += 1
            if self._work > LARGEST_WORK:
                raise _too_large("the sums together", LARGEST_WORK)
            if self._work % 256 == 0 and thread_time() > self.until:
                raise MissingRuleError("the time for one claim ran out")
            frame.indices[bound.index] = n
            for others in self._loop(rest, frame):
                yield (n, *others)

    def _where(self, expr: Where, frame: _Frame) -> Inner:
        return self._value(expr.then if self._condition(expr.condition, frame) else expr.otherwise, frame)

    def _is_no_value(self, expr: Expr, frame: _Frame) -> NoReturn:
        raise NotationError(f"'{expr}' is a condition and has no value", hint=f"Write [{expr}] for 1 or 0.")

    # Conditions.

    def _condition(self, expr: Expr, frame: _Frame) -> bool:
        if isinstance(expr, Junction):
            if expr.operator == "not":
                return not self._condition(expr.conditions[0], frame)
            stops_at = expr.operator == "or"
            for condition in expr.conditions:
                if self._condition(condition, frame) is stops_at:
                    return stops_at
            return not stops_at
        if not isinstance(expr, Compare):
            raise NotationError(f"'{expr}' is no condition")
        left, right = self._value(expr.left, frame), self._value(expr.right, frame)
        if expr.operator == "divides":
            if not isinstance(left, fmpq) or not isinstance(right, fmpq):
                raise IndexNotationError(f"'{expr}' asks about divisibility of values that are not rational")
            return left != 0 and (right / left).q == 1
        return _ORDERINGS[expr.operator](self.arithmetic.compare(left, right))

    # Derivatives, forwards from one seed component.

    def _derivative(self, expr: Derivative, frame: _Frame) -> Inner:
        of, by = self._place(expr.of, frame), self._place(expr.by, frame)
        for name, indices in (of, by):
            quantity = self.network.quantities.get(name)
            if quantity is None:
                raise self._unknown((name, indices))
            if not self._inside(quantity, indices):
                raise self._outside(quantity, indices)
        if expr.kind == "D":
            return self._slope_of(of, by)
        row = self._assignment(of)
        if row is None:
            raise DeclarationError(
                f"P({expr.of}, {expr.by}) is the derivative within one equation, and none defines {expr.of}"
            )
        places = {index: n for index, n in zip(row.indices, of[1], strict=True) if isinstance(index, Index)}
        return self._slope(row.expression, _Frame(places, seed=by, cut=True))

    def _slope_of(self, component: Component, seed: Component) -> Inner:
        """Return the derivative of a component by the seed, which is cut loose from its own equation."""
        if component == seed:
            return ONE
        if component[0] not in self._followers(seed[0]):
            return ZERO
        quantity = self.network.quantities[component[0]]
        if quantity.zero_outside and not self._inside(quantity, component[1]):
            return ZERO
        if self._assignment(component) is None:
            return ZERO
        return self._component(component, seed)

    def _followers(self, name: str) -> frozenset[str]:
        """Return the quantities that depend on `name`."""
        known = self._reach.get(name)
        if known is None:
            found = {name}
            for _ in self.network.equations:
                before = len(found)
                found.update(each.name for each in self.network.equations if self._reads(each) & found)
                if len(found) == before:
                    break
            known = self._reach[name] = frozenset(found)
        return known

    def _reads(self, equation: Equation) -> frozenset[str]:
        names = names_of(equation.expression)
        bodies = [
            function.body
            for function in self.network.functions.values()
            if function.body is not None
            and any(isinstance(node, Call) and node.function == function.name for node in walk(equation.expression))
        ]
        return names.union(*(names_of(body) for body in bodies))

    def _slope(self, expr: Expr, frame: _Frame) -> Inner:
        """Return the derivative of `expr` by the seed of the frame."""
        rule = _SLOPE.get(type(expr))
        return ZERO if rule is None else rule(self, expr, frame)

    def _slope_access(self, expr: Access, frame: _Frame) -> Inner:
        if frame.arguments is not None and expr in frame.arguments:
            return (frame.slopes or {}).get(expr, ZERO)
        assert frame.seed is not None
        if frame.cut:
            return ONE if expr.name == frame.seed[0] and self._place(expr, frame) == frame.seed else ZERO
        if expr.name not in self._followers(frame.seed[0]):
            return ZERO
        return self._slope_of(self._place(expr, frame), frame.seed)

    def _slope_add(self, expr: Add, frame: _Frame) -> Inner:
        return self.arithmetic.add([self._slope(term, frame) for term in expr.terms])

    def _slope_mul(self, expr: Mul, frame: _Frame) -> Inner:
        return self._slope_product(
            [self._slope(factor, frame) for factor in expr.factors], lambda n: self._value(expr.factors[n], frame)
        )

    def _slope_product(self, slopes: list[Inner], value: Callable[[int], Inner]) -> Inner:
        return self.arithmetic.add(
            [
                self.arithmetic.multiply([slope, *(value(m) for m in range(len(slopes)) if m != n)])
                for n, slope in enumerate(slopes)
                if not is_zero(slope)
            ]
        )

    def _slope_power(self, expr: Power, frame: _Frame) -> Inner:
        below, above = self._slope(expr.base, frame), self._slope(expr.exponent, frame)
        if is_zero(below) and is_zero(above):
            return ZERO
        base, exponent = self._value(expr.base, frame), self._value(expr.exponent, frame)
        terms = []
        if not (is_zero(below) or is_zero(exponent)):  # 0**0 is 1, and so is what is near it
            terms.append([exponent, self.arithmetic.raise_to(base, exponent - ONE), below])
        if not is_zero(above):
            terms.append([self.arithmetic.raise_to(base, exponent), self.arithmetic.apply("log", [base]), above])
        return self.arithmetic.add([self.arithmetic.multiply(term) for term in terms])

    def _slope_call(self, expr: Call, frame: _Frame) -> Inner:
        name, count = expr.function, len(expr.arguments)
        if name == "stop":
            return ZERO
        if name in self.network.functions:  # its body may read quantities that follow from the seed
            symbols, form = self._form(name, count, expr.orders)
            values = [self._value(argument, frame) for argument in expr.arguments]
            slopes = [self._slope(argument, frame) for argument in expr.arguments]
            inner = _Frame(
                frame.indices,
                dict(zip(symbols, values, strict=True)),
                dict(zip(symbols, slopes, strict=True)),
                frame.seed,
                frame.cut,
            )
            return self._slope(form, inner)
        terms = []
        for n, argument in enumerate(expr.arguments):
            slope = self._slope(argument, frame)
            if not is_zero(slope):
                orders = list(expr.orders or (0,) * count)
                orders[n] += 1
                values = [self._value(each, frame) for each in expr.arguments]
                terms.append(self.arithmetic.multiply([self._apply(name, values, tuple(orders), frame), slope]))
        return self.arithmetic.add(terms)

    def _slope_where(self, expr: Where, frame: _Frame) -> Inner:
        return self._slope(expr.then if self._condition(expr.condition, frame) else expr.otherwise, frame)

    def _slope_reduction(self, expr: Reduction, frame: _Frame) -> Inner:
        inner = _Frame(dict(frame.indices), frame.arguments, frame.slopes, frame.seed, frame.cut)
        if expr.kind in ("argmax", "argmin"):
            return ZERO  # piecewise constant
        if expr.kind in ("max", "min"):
            return self._slope_extremum(expr, inner)
        slopes = [self._slope(expr.body, inner) for _ in self._loop(expr.bounds, inner)]
        if all(map(is_zero, slopes)):
            return ZERO
        if expr.kind == "sum":
            return self.arithmetic.add(slopes)
        values = [value for _, value in self._terms(expr, frame)]
        if expr.kind == "prod":
            return self._slope_product(slopes, values.__getitem__)
        total = self._reduced(expr, values)
        weights = [self.arithmetic.apply("exp", [value - total]) for value in values]
        return self.arithmetic.add([self.arithmetic.multiply(pair) for pair in zip(weights, slopes, strict=True)])

    def _slope_extremum(self, expr: Reduction, inner: _Frame) -> Inner:
        owner = self._owner(expr, inner)
        return self._slope(expr.body, _Frame(owner, inner.arguments, inner.slopes, inner.seed, inner.cut))

    def _owner(self, expr: Reduction, inner: _Frame) -> dict[Index, int]:
        """Return the indices of the first value that attains an extremum."""
        wanted = 1 if expr.kind in ("max", "argmax") else -1
        best: Inner | None = None
        owner: dict[Index, int] = {}
        for _ in self._loop(expr.bounds, inner):
            value = self._value(expr.body, inner)
            if best is None or self.arithmetic.compare(value, best) == wanted:  # the first index keeps a tie
                best, owner = value, dict(inner.indices)
        if best is None:
            raise _of_nothing(expr)
        return owner


def _placeholders(count: int) -> tuple[Access, ...]:
    return tuple(scalar(f"#{n}") for n in range(count))


@lru_cache(maxsize=1024)
def _catalogue_form(name: str, count: int, orders: tuple[int, ...]) -> tuple[tuple[Access, ...], Expr]:
    symbols = _placeholders(count)
    row = FUNCTIONS.get(name)
    if row is None:
        raise MissingRuleError(f"unknown function '{name}'")
    if orders:
        return symbols, derivative(Call(name, symbols, orders), stable=True)
    form = row.stable or row.definition
    assert form is not None  # primitives are computed elsewhere
    return symbols, row.at(form, symbols)


_VALUE: dict[type[Expr], Callable[[Evaluator, Any, _Frame], Inner]] = {
    Number: Evaluator._number,
    Constant: Evaluator._constant,
    Index: Evaluator._index,
    Size: Evaluator._size,
    Access: Evaluator._access,
    Add: Evaluator._add,
    Mul: Evaluator._mul,
    Power: Evaluator._power,
    Call: Evaluator._call,
    Reduction: Evaluator._reduction,
    Where: Evaluator._where,
    Compare: Evaluator._is_no_value,
    Junction: Evaluator._is_no_value,
    Derivative: Evaluator._derivative,
}
_SLOPE: dict[type[Expr], Callable[[Evaluator, Any, _Frame], Inner]] = {
    Access: Evaluator._slope_access,
    Add: Evaluator._slope_add,
    Mul: Evaluator._slope_mul,
    Power: Evaluator._slope_power,
    Call: Evaluator._slope_call,
    Reduction: Evaluator._slope_reduction,
    Where: Evaluator._slope_where,
}
_ORDERINGS: dict[str, Callable[[int], bool]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def _of_nothing(expr: Reduction) -> ValueOutsideDomainError:
    return ValueOutsideDomainError(f"'{expr}' is the {expr.kind} of no value at all")


def _too_large(what: str, count: int) -> ShapeError:
    return ShapeError(
        f"{what} have {count} or more values, and the exact evaluator is made for small sizes",
        hint="Give smaller sizes, or use symprop.compile.",
    )
