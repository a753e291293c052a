"""A slow and obvious evaluator of expressions and networks, and central differences: the witness of the other tests.

Written from the description of the language alone.  Rational arithmetic stays exact (`Fraction`); what leaves the
rationals is computed with 100 digits.  Every read is checked against the declared axes, so a formula that is right only
because nobody looked outside an array is wrong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath

from symprop.algebra.expressions import (
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
)
from symprop.declaration.network import Equation, Network

mp = mpmath.MPContext()
mp.dps = 100

# A central difference of a smooth function errs by h**2 times its third derivative, and by 10**-100/h times its value
# for rounding: 1e-60 and 1e-70 times what powers of powers make of values of about 1.
STEP = Fraction(1, 10**30)
TOLERANCE = mp.mpf(10) ** -24

Value = Any  # Fraction or mpf
Point = tuple[int, ...]
Indices = Mapping[Index, Value]


class OutsideError(AssertionError):
    """Something was read outside its axes, or at an index that is no integer."""


class UndefinedError(ArithmeticError):
    """A function was asked for a value outside its domain (or at a pole)."""


def real(value: Value) -> Any:
    """Return a number with 100 digits."""
    if isinstance(value, Fraction):
        return mp.mpf(value.numerator) / value.denominator
    return mp.mpf(value)


def _sigmoid(u: Any) -> Any:
    return 1 / (1 + mp.exp(-u))


def _piece(u: Any, low: Any, high: Any, below: Any, inside: Any, above: Any) -> Any:
    return above if u >= high else below if u <= low else inside


def _cbrt(u: Any) -> Any:
    return mp.sign(u) * mp.power(abs(u), mp.mpf(1) / 3)


SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")

# Each function as a textbook defines it.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": mp.exp,
    "log": mp.log,
    "exp2": lambda u: mp.power(2, u),
    "exp10": lambda u: mp.power(10, u),
    "expm1": lambda u: mp.exp(u) - 1,
    "log2": lambda u: mp.log(u) / mp.log(2),
    "log10": lambda u: mp.log(u) / mp.log(10),
    "log1p": lambda u: mp.log(1 + u),
    "cbrt": _cbrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": lambda u: mp.sin(u) / mp.cos(u),
    "csc": lambda u: 1 / mp.sin(u),
    "sec": lambda u: 1 / mp.cos(u),
    "cot": lambda u: mp.cos(u) / mp.sin(u),
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "acsc": lambda u: mp.asin(1 / u),
    "asec": lambda u: mp.acos(1 / u),
    "acot": lambda u: mp.pi / 2 - mp.atan(u),
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "csch": lambda u: 1 / mp.sinh(u),
    "sech": lambda u: 1 / mp.cosh(u),
    "coth": lambda u: mp.cosh(u) / mp.sinh(u),
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "acsch": lambda u: mp.asinh(1 / u),
    "asech": lambda u: mp.acosh(1 / u),
    "acoth": lambda u: mp.atanh(1 / u),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "abs": abs,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "max": max,
    "min": min,
    "stop": lambda u: u,
    "step": lambda u: (mp.sign(u) + 1) / 2,
    "identity": lambda u: u,
    "piecewise_linear": lambda u: _piece(u, mp.mpf(-0.5), mp.mpf(0.5), mp.zero, u + mp.mpf(0.5), mp.one),
    "sigmoid": _sigmoid,
    "relu": lambda u: max(u, mp.zero),
    "leaky_relu": lambda u, slope: u if u > 0 else slope * u,
    "elu": lambda u, alpha: u if u >= 0 else alpha * (mp.exp(u) - 1),
    "softplus": lambda u: mp.log(1 + mp.exp(u)),
    "swish": lambda u, beta: u * _sigmoid(beta * u),
    "silu": lambda u: u * _sigmoid(u),
    "gelu": lambda u: u * mp.ncdf(u),
    "selu": lambda u: SELU_SCALE * (u if u > 0 else SELU_ALPHA * (mp.exp(u) - 1)),
    "mish": lambda u: u * mp.tanh(mp.log(1 + mp.exp(u))),
    "hard_sigmoid": lambda u: _piece(u, -3, 3, mp.zero, u / 6 + mp.mpf(0.5), mp.one),
    "hard_tanh": lambda u: _piece(u, -1, 1, -mp.one, u, mp.one),
    "softsign": lambda u: u / (1 + abs(u)),
}


@dataclass
class Witness:
    """Values of a network at one point.

    Parameters
    ----------
    network : Network
    sizes : mapping of str to int, or to {layer: int} for a size such as ``n(l)``
    values : mapping of str to mapping
        Given quantities: name -> {indices: number}; a scalar has the one entry ``()``.
    adjoints : iterable of (Access, tuple of Bound, Expr)
        Equations of adjoints, which expressions may then read by name.
    cut : mapping of (name, indices) to number
        Components cut loose from their own equations.
    still : Witness, optional
        The same network before something moved: the argument of a `stop` has the value that it has there.
    """

    network: Network
    sizes: Mapping[str, int | Mapping[int, int]]
    values: Mapping[str, Mapping[Point, Value]]
    adjoints: Iterable[tuple[Access, tuple[Bound, ...], Expr]] = ()
    cut: Mapping[tuple[str, Point], Value] = field(default_factory=dict)
    still: Witness | None = None

    def __post_init__(self) -> None:
        self.known: dict[tuple[str, Point], Value] = {}
        self.inside: dict[str, frozenset[Point]] = {}
        self.defining: dict[str, dict[Point, tuple[Expr, Indices]]] = {}
        self.equations: dict[str, list[Equation]] = {}
        for equation in self.network.equations:
            self.equations.setdefault(equation.name, []).append(equation)
        for access, bounds, expression in self.adjoints:
            self.equations.setdefault(access.name, []).append(Equation(access, bounds, expression))

    def components(self, name: str) -> Iterator[Point]:
        """Yield the index values of every component of a quantity."""
        quantity = self.network.quantities[name]
        yield from (
            tuple(int(point[axis.index]) for axis in quantity.axes)
            for point in self.points(tuple(Bound(axis.index, axis.lower, axis.upper) for axis in quantity.axes))
        )

    def points(self, bounds: Sequence[Bound], outer: Indices | None = None) -> Iterator[Indices]:
        """Yield every value of the bound indices, in lexical order."""
        if not bounds:
            yield dict(outer or {})
            return
        bound, *rest = bounds
        lower, upper = self.of(bound.lower, outer), self.of(bound.upper, outer)
        for limit in (lower, upper):
            if not isinstance(limit, Fraction) or limit.denominator != 1:
                raise OutsideError(f"{limit} is no limit of {bound}")
        for value in range(int(lower), int(upper) + 1):
            yield from self.points(rest, {**(outer or {}), bound.index: Fraction(value)})

    def size(self, name: str, arguments: tuple[Value, ...]) -> Value:
        """Return a size: given, or defined by others."""
        given = self.sizes.get(name)
        if given is None:
            definition = self.network.sizes[name]
            assert definition is not None, f"size {name} is not given"
            return self.of(definition)
        if isinstance(given, Mapping):
            return Fraction(given[int(arguments[0])])
        return Fraction(given)

    def read(self, name: str, point: Point) -> Value:
        """Return the value of one component."""
        if (name, point) in self.cut:
            return self.cut[name, point]
        if (name, point) in self.known:
            return self.known[name, point]
        quantity = self.network.quantities.get(name)
        if quantity is not None:
            if name not in self.inside:
                self.inside[name] = frozenset(self.components(name))
            if point not in self.inside[name]:
                if quantity.zero_outside:
                    return Fraction(0)
                raise OutsideError(f"{name}{list(point)} is outside its axes")
        if name in self.values:
            return self.values[name][point]
        if quantity is not None and quantity.value is not None:
            return quantity.value
        if name not in self.defining:
            self.defining[name] = {}
            for equation in self.equations.get(name, ()):
                for indices in self.points(equation.bounds):
                    at = tuple(int(self.of(index, indices)) for index in equation.target.indices)
                    assert at not in self.defining[name], f"{name}{list(at)} is defined twice"
                    self.defining[name][at] = equation.expression, indices
        if point not in self.defining[name]:
            raise OutsideError(f"nothing defines {name}{list(point)}")
        found = self.known[name, point] = self.of(*self.defining[name][point])
        return found

    def of(self, expr: Expr, indices: Indices | None = None, names: Mapping[str, Value] | None = None) -> Value:
        """Return the value of an expression for given values of its free indices.

        `names` are the parameters of a function whose body is `expr`.
        """
        indices = indices or {}

        def value(child: Expr) -> Value:
            return self.of(child, indices, names)

        match expr:
            case Number(value=exact):
                return exact
            case Constant(name=name):
                return +mp.pi if name == "pi" else mp.exp(1)
            case Index():
                return indices[expr]
            case Size(name=name, arguments=arguments):
                return self.size(name, tuple(map(value, arguments)))
            case Access(name=name, indices=places):
                if names is not None and not places and name in names:
                    return names[name]
                point = tuple(value(place) for place in places)
                if any(not isinstance(place, Fraction) or place.denominator != 1 for place in point):
                    raise OutsideError(f"{name} at {point}")
                return self.read(name, tuple(map(int, point)))
            case Add(terms=terms):
                return _fold(lambda a, b: a + b, map(value, terms))
            case Mul(factors=factors):
                return _fold(lambda a, b: a * b, map(value, factors))
            case Power(base=base, exponent=exponent):
                return _power(value(base), value(exponent))
            case Call(function="stop", arguments=(stopped,)) if self.still is not None:
                assert names is None, "a stop inside a function reads arguments that have moved"
                return self.still.of(stopped, indices)
            case Call(function=function, arguments=arguments, orders=orders):
                return self.call(function, [value(argument) for argument in arguments], orders)
            case Reduction(kind=kind, bounds=bounds, body=body):
                bodies = _alike([self.of(body, inner, names) for inner in self.points(bounds, indices)])
                if kind.startswith("arg"):
                    extremum = max(bodies) if kind == "argmax" else min(bodies)
                    (bound,) = bounds
                    return value(bound.lower) + bodies.index(extremum)
                return _reduce(kind, bodies)
            case Where(condition=condition, then=then, otherwise=otherwise):
                return value(then) if self.holds(condition, indices, names) else value(otherwise)
        raise TypeError(type(expr))

    def holds(self, condition: Expr, indices: Indices | None = None, names: Mapping[str, Value] | None = None) -> bool:
        """Return whether a condition holds; parts after the deciding one are not looked at."""
        match condition:
            case Compare(operator=operator, left=left, right=right):
                a, b = self.of(left, indices, names), self.of(right, indices, names)
                if operator == "divides":
                    return bool((b / a).denominator == 1)
                if not (isinstance(a, Fraction) and isinstance(b, Fraction)):
                    a, b = real(a), real(b)
                return bool({"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator])
            case Junction(operator=operator, conditions=conditions):
                parts = (self.holds(part, indices, names) for part in conditions)
                if operator == "not":
                    return not next(parts)
                return all(parts) if operator == "and" else any(parts)
        raise TypeError(type(condition))

    def call(self, name: str, arguments: list[Value], orders: tuple[int, ...] = ()) -> Value:
        """Return the value of a function, or of its derivative by numerical differentiation."""
        own = self.network.functions.get(name)
        if own is not None:
            assert own.body is not None, f"{name} has no body"
            body, parameters = own.body, own.parameters

            def function(*values: Value) -> Value:
                return self.of(body, {}, dict(zip(parameters, values, strict=True)))
        else:
            function = FUNCTIONS[name]
        if not any(orders):
            if name in ("max", "min", "stop", "identity") or own is not None:
                return function(*_alike(arguments)) if own is None else function(*arguments)
            return _in_domain(function(*map(real, arguments)))
        return derivative(function, arguments, orders)


def derivative(function: Callable[..., Value], arguments: Sequence[Value], orders: Sequence[int]) -> Any:
    """Return a partial derivative of a function of scalars, by differences at twice the digits."""
    with mp.workdps(140):
        found = mp.diff(
            lambda *values: real(function(*values)) if len(arguments) > 1 else real(function(values[0])),
            tuple(map(real, arguments)) if len(arguments) > 1 else real(arguments[0]),
            tuple(orders) if len(arguments) > 1 else orders[0],
            h=mp.mpf(10) ** -40,
            direction=0,
        )
    return _in_domain(found)


def _in_domain(value: Any) -> Any:
    if isinstance(value, mp.mpc) or not mp.isfinite(value):
        raise UndefinedError(str(value))
    return value


def _alike(numbers: list[Value]) -> list[Value]:
    """Return numbers that can be computed with: all exact, or all with 100 digits."""
    return numbers if all(isinstance(number, Fraction) for number in numbers) else list(map(real, numbers))


def _fold(operation: Callable[[Value, Value], Value], values: Iterable[Value]) -> Value:
    numbers = _alike(list(values))
    result = numbers[0]
    for number in numbers[1:]:
        result = operation(result, number)
    return result


def _power(base: Value, exponent: Value) -> Value:
    if base == 0 and exponent < 0:
        raise UndefinedError("division by zero")
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        return base ** int(exponent) if isinstance(base, Fraction) else mp.power(base, int(exponent))
    if base < 0:
        raise UndefinedError(f"({base})**({exponent})")
    return mp.power(real(base), real(exponent))


def _reduce(kind: str, bodies: list[Value]) -> Value:
    if kind == "sum":
        return _fold(lambda a, b: a + b, bodies) if bodies else Fraction(0)
    if kind == "prod":
        return _fold(lambda a, b: a * b, bodies) if bodies else Fraction(1)
    if kind == "logsumexp":
        return mp.log(mp.fsum(mp.exp(real(body)) for body in bodies))
    return {"max": max, "min": min}[kind](bodies)


def central_difference(witness: Witness, of: tuple[str, Point], by: tuple[str, Point]) -> Any:
    """Return d of / d by when `by` is cut loose from its own equation and all that follows is computed anew."""
    return (moved(witness, of, by, STEP) - moved(witness, of, by, -STEP)) / (2 * real(STEP))


def has_kink(witness: Witness, of: tuple[str, Point], by: tuple[str, Point]) -> bool:
    """Return whether the differences to the left and to the right do not agree."""
    here = moved(witness, of, by, Fraction(0))
    right, left = moved(witness, of, by, STEP) - here, here - moved(witness, of, by, -STEP)
    # Of a smooth function they differ by h times the second derivative.
    return bool(abs(right - left) > real(STEP) * 10**-20 * max(1, abs(right / real(STEP))))


def moved(witness: Witness, of: tuple[str, Point], by: tuple[str, Point], step: Fraction) -> Any:
    """Return the value of one component after another has been moved by `step`."""
    here = witness.read(*by)
    there = here + step if isinstance(here, Fraction) else here + real(step)
    cut = {**witness.cut, by: there}
    still = witness.still or witness
    return real(Witness(witness.network, witness.sizes, witness.values, (), cut, still).read(*of))


def close(left: Value, right: Value, value: Value = 0) -> bool:
    """Return whether two numbers agree to within `TOLERANCE`, relative to the larger of them and 1.

    If one is a difference quotient, `value` is that of the function: its rounding is divided by the step.
    """
    left, right = real(left), real(right)
    rounding = abs(real(value)) / real(STEP) * mp.mpf(10) ** (3 - mp.dps)
    return bool(abs(left - right) <= TOLERANCE * max(1, abs(left), abs(right)) + rounding)


def every_value(indices: Sequence[Index], ranges: Mapping[Index, range]) -> Iterator[dict[Index, Fraction]]:
    """Yield every assignment of values to indices."""
    for values in product(*(ranges[index] for index in indices)):
        yield dict(zip(indices, map(Fraction, values), strict=True))


def no_network() -> Network:
    """Return a network without anything, for expressions that read nothing."""
    return Network({}, ())
