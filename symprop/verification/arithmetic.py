"""Arithmetic that is exact as long as it can be, and certified otherwise.

A number is an exact rational (`flint.fmpq`) as long as rational operations, and roots and special values that are
rational, lead to it; otherwise it is a ball (`flint.arb`), a midpoint with a radius that provably holds the true value.

**Precision.** Everything is computed with 128 bits first.  If the result has fewer correct digits than asked for, or
a comparison cannot be decided, it is computed again with 512, 2048 and at last 8192 bits.

**Equal-looking values.** Two different numbers may agree to any precision, and no computation with balls proves that
two numbers are equal.  A comparison that the last precision does not decide is decided as if the two were equal, and
counted in `Arithmetic.assumed_equal`; whoever states a proof must look there.  Exact values never need this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, TypeVar

from flint import arb, ctx, fmpq

from symprop.algebra.expressions import Number
from symprop.errors import ValueOutsideDomainError

Value = Fraction | arb  # what callers see
Inner = Any  # what is computed with: fmpq (exact) or arb
Result = TypeVar("Result")

PRECISIONS = (128, 512, 2048, 8192)  # bits
# Beyond this many bits exact arithmetic costs more than it is worth: squaring doubles them every time.
LARGEST_EXACT_BITS = 4096

ZERO, ONE = fmpq(0), fmpq(1)


class Imprecise(Exception):
    """The precision at hand does not decide a comparison, or gives no finite ball."""


class Arithmetic:
    """Operations on exact numbers and balls, at one precision after another.

    Attributes
    ----------
    precision : int
        Bits of the balls at the moment.
    assumed_equal : int
        How many comparisons were decided by the rule for equal-looking values.
    """

    def __init__(self, precisions: Sequence[int] = PRECISIONS) -> None:
        self.precisions = tuple(precisions)
        self.precision = self.precisions[0]
        self.assumed_equal = 0

    def escalate(self, compute: Callable[[], Result], accepted: Callable[[Result], bool] = lambda _: True) -> Result:
        """Return what `compute` returns at the lowest precision that suffices and whose result is `accepted`."""
        for precision in self.precisions:
            self.precision = precision
            try:
                with ctx.workprec(precision):
                    result = compute()
            except Imprecise:
                assert not self.is_last
                continue
            if self.is_last or accepted(result):
                return result
        raise AssertionError("no precision was tried")

    @property
    def is_last(self) -> bool:
        """Whether no higher precision will be tried."""
        return self.precision == self.precisions[-1]

    def add(self, terms: Iterable[Inner]) -> Inner:
        """Return the sum of `terms`."""
        return bounded(sum(terms, ZERO))

    def log_sum_exp(self, values: Sequence[Inner]) -> Inner:
        """Return the logarithm of the sum of the exponentials of one or more values."""
        if len(values) == 1:
            return values[0]
        # Any shift is right; one near the largest value keeps every exponential below about 1.
        shift = arb(max(values, key=lambda value: arb(value).mid())).mid()
        return shift + sum((arb(value - shift).exp() for value in values), arb(0)).log()

    def multiply(self, factors: Iterable[Inner]) -> Inner:
        """Return the product of `factors`."""
        result: Inner = ONE
        for factor in factors:
            # 0 times a ball is exactly 0: every ball here is finite.
            result = ZERO if is_zero(factor) or is_zero(result) else result * factor
        return bounded(result)

    def raise_to(self, base: Inner, exponent: Inner) -> Inner:
        """Return the real power; a negative base has integer powers only.

        Raises
        ------
        ValueOutsideDomainError
            If it is not real, not defined, or too large to be computed.
        """
        if isinstance(exponent, fmpq) and exponent.q == 1:
            return self.integer_power(base, int(exponent.p))
        if isinstance(base, fmpq) and isinstance(exponent, fmpq):
            root = exact_root(base, exponent)
            if root is not None:
                return root
        sign = self.sign(base)
        if sign < 0:
            known = "is not real" if isinstance(exponent, fmpq) else "is not known to be real"
            raise ValueOutsideDomainError(f"the power {shown(exponent)} of the negative number {shown(base)} {known}")
        if sign == 0:
            if self.sign(exponent) <= 0:
                raise ValueOutsideDomainError("division by zero")
            return ZERO
        if isinstance(exponent, fmpq) and exponent.q == 2:
            return self.finite(arb(base).sqrt() ** int(exponent.p), "the power")
        return self.finite(arb(base) ** arb(exponent), "the power")

    def integer_power(self, base: Inner, exponent: int) -> Inner:
        """Return the power of an integer exponent; that of 0 is 1."""
        if exponent == 0:
            return ONE
        if exponent < 0 and self.sign(base) == 0:
            raise ValueOutsideDomainError("division by zero")
        if isinstance(base, fmpq):
            if abs(base) == 1 or base == 0:
                return base if exponent % 2 else abs(base)
            if base.height_bits() * abs(exponent) <= LARGEST_EXACT_BITS:
                return base**exponent
            base = arb(base)
        return self.finite(base**exponent if abs(exponent) < 2**31 else base ** arb(exponent), "the power")

    def apply(self, name: str, arguments: list[Inner]) -> Inner:
        """Return the value of a primitive function.

        Raises
        ------
        ValueOutsideDomainError
            If it is not defined there, or too large to be computed.
        """
        row = PRIMITIVES[name]
        if all(isinstance(argument, fmpq) for argument in arguments):
            exact = row.exact(*arguments)
            if exact is not None:
                return exact
        if row.outside is not None:
            (argument,) = arguments
            if row.outside(argument):
                raise ValueOutsideDomainError(f"{name} is not defined at {shown(argument)}")
            for edge in row.edges if self.is_last and isinstance(argument, arb) else ():
                if argument.overlaps(arb(edge)) and not argument.is_exact():
                    self.assumed_equal += 1
                    return self.apply(name, [fmpq(edge)])
        return row.apply(self, name, arguments)

    # How primitives are computed where they are not exact; `PRIMITIVES` says which way.

    def smooth(self, name: str, arguments: list[Inner]) -> Inner:
        return self.finite(getattr(arb, PRIMITIVES[name].flint)(*map(arb, arguments)), name, arguments)

    def finite(self, result: arb, what: str, arguments: Sequence[Inner] = ()) -> arb:
        if result.is_finite():
            return result
        if not self.is_last:
            raise Imprecise
        at = f" at {', '.join(map(shown, arguments))}" if arguments else ""
        raise ValueOutsideDomainError(f"{what}{at} is not defined, or too large to be computed")

    def absolute(self, name: str, arguments: list[Inner]) -> Inner:
        return abs(arguments[0])

    def signum(self, name: str, arguments: list[Inner]) -> Inner:
        return fmpq(self.sign(arguments[0]))

    def floor(self, name: str, arguments: list[Inner]) -> Inner:
        (argument,) = arguments
        lowest, highest = argument.lower().floor().unique_fmpz(), argument.upper().floor().unique_fmpz()
        if lowest is not None and lowest == highest:
            return fmpq(lowest)
        if not self.is_last:
            raise Imprecise
        nearest_integer = argument.unique_fmpz()
        if nearest_integer is None:
            raise ValueOutsideDomainError("floor of a value that is too large to be computed")
        self.assumed_equal += 1
        return fmpq(nearest_integer)

    def extremum(self, name: str, arguments: list[Inner]) -> Inner:
        best = arguments[0]
        for other in arguments[1:]:
            best = better(name, best, other)
        return best

    def atan2(self, name: str, arguments: list[Inner]) -> Inner:
        y, x = arguments
        if self.sign(y) == 0:
            sign = self.sign(x)
            if sign == 0:
                raise ValueOutsideDomainError("atan2 is not defined at 0, 0")
            return ZERO if sign > 0 else arb.pi()
        return self.smooth(name, arguments)

    # Decisions.

    def compare(self, left: Inner, right: Inner) -> int:
        """Return -1, 0 or 1 as `left` is less than, equal to or greater than `right`."""
        if isinstance(left, fmpq) and isinstance(right, fmpq):
            return (left > right) - (left < right)
        return 0 if left is right else self.sign(left - right)

    def sign(self, value: Inner) -> int:
        """Return -1, 0 or 1; 0 for a ball that the last precision does not tell from 0."""
        if isinstance(value, fmpq) or value.is_exact():
            return int(value > 0) - int(value < 0)
        if value > 0:
            return 1
        if value < 0:
            return -1
        if not self.is_last:
            raise Imprecise
        self.assumed_equal += 1
        return 0


# The primitive functions.


@dataclass(frozen=True)
class Primitive:
    """How a primitive is computed: exactly where that is cheap, else by the function of flint named `flint`."""

    flint: str
    exact: Callable[..., fmpq | None] = lambda *_: None
    outside: Callable[[Inner], bool] | None = None  # whether a value certainly lies outside the domain
    edges: tuple[int, ...] = ()  # end points that belong to the domain
    apply: Callable[[Arithmetic, str, list[Inner]], Inner] = Arithmetic.smooth


def _special(**known: int) -> Callable[[fmpq], fmpq | None]:
    """Return a rule that knows the values at some small integers, ``at_0=1``."""
    values = {fmpq(int(at.removeprefix("at_"))): fmpq(value) for at, value in known.items()}
    return lambda argument: values.get(argument)


def _exact_log(base: int) -> Callable[[fmpq], fmpq | None]:
    def rule(argument: fmpq) -> fmpq | None:
        if argument <= 0 or (argument.p != 1 and argument.q != 1):
            return None
        whole = argument.p if argument.q == 1 else argument.q
        count = 0
        while whole % base == 0:
            whole, count = whole // base, count + 1
        return None if whole != 1 else fmpq(count if argument.q == 1 else -count)

    return rule


def _exact_cbrt(argument: fmpq) -> fmpq | None:
    root = exact_root(abs(argument), fmpq(1, 3))
    return None if root is None else (root if argument >= 0 else -root)


def _exact_exp2(argument: fmpq) -> fmpq | None:
    if argument.q != 1 or abs(argument) > LARGEST_EXACT_BITS:
        return None
    return fmpq(2) ** int(argument.p)


def _by(formula: Callable[[arb], arb]) -> Callable[[Arithmetic, str, list[Inner]], Inner]:
    def apply(arithmetic: Arithmetic, name: str, arguments: list[Inner]) -> Inner:
        return arithmetic.finite(formula(arb(arguments[0])), name, arguments)

    return apply


def _cbrt(argument: arb) -> arb:
    if argument > 0:
        return argument.root(3)
    return -((-argument).root(3))


PRIMITIVES: dict[str, Primitive] = {
    "exp": Primitive("exp", _special(at_0=1)),
    "exp2": Primitive("", _exact_exp2, apply=_by(lambda value: arb(2) ** value)),
    "expm1": Primitive("expm1", _special(at_0=0)),
    "log": Primitive("log", _special(at_1=0), lambda value: value <= 0),
    "log2": Primitive("", _exact_log(2), lambda value: value <= 0, apply=_by(lambda value: value.log() / arb(2).log())),
    "log10": Primitive(
        "", _exact_log(10), lambda value: value <= 0, apply=_by(lambda value: value.log() / arb.const_log10())
    ),
    "log1p": Primitive("log1p", _special(at_0=0), lambda value: value <= -1),
    "cbrt": Primitive("", _exact_cbrt, apply=_by(_cbrt)),
    "sin": Primitive("sin", _special(at_0=0)),
    "cos": Primitive("cos", _special(at_0=1)),
    "tan": Primitive("tan", _special(at_0=0)),
    "asin": Primitive("asin", _special(at_0=0), lambda value: abs(value) > 1, (-1, 1)),
    "acos": Primitive("acos", _special(at_1=0), lambda value: abs(value) > 1, (-1, 1)),
    "atan": Primitive("atan", _special(at_0=0)),
    "atan2": Primitive("atan2", apply=Arithmetic.atan2),
    "sinh": Primitive("sinh", _special(at_0=0)),
    "cosh": Primitive("cosh", _special(at_0=1)),
    "tanh": Primitive("tanh", _special(at_0=0)),
    "asinh": Primitive("asinh", _special(at_0=0)),
    "acosh": Primitive("acosh", _special(at_1=0), lambda value: value < 1, (1,)),
    "atanh": Primitive("atanh", _special(at_0=0), lambda value: abs(value) >= 1),
    "erf": Primitive("erf", _special(at_0=0)),
    "erfc": Primitive("erfc", _special(at_0=1)),
    "abs": Primitive("", abs, apply=Arithmetic.absolute),
    "sign": Primitive("", apply=Arithmetic.signum),
    "floor": Primitive("", lambda value: fmpq(value.floor()), apply=Arithmetic.floor),
    "max": Primitive("", apply=Arithmetic.extremum),
    "min": Primitive("", apply=Arithmetic.extremum),
}


# Numbers.


def inner(value: Fraction) -> fmpq:
    """Return a rational as it is computed with."""
    return fmpq(value.numerator, value.denominator)


def outer(value: Inner) -> Any:
    """Return a value as callers see it."""
    return Fraction(int(value.p), int(value.q)) if isinstance(value, fmpq) else value


def bounded(value: Inner) -> Inner:
    """Return an exact value as it is while it is small enough to stay exact, else as a ball."""
    if isinstance(value, fmpq) and value.height_bits() > LARGEST_EXACT_BITS:
        return arb(value)
    return value


def is_zero(value: Inner) -> bool:
    """Return whether a value is exactly 0."""
    return isinstance(value, fmpq) and value == 0


def better(kind: str, best: Inner, other: Inner) -> Inner:
    """Return the greater or smaller of two values; undecided balls give a ball that holds it."""
    if kind == "min":
        best, other = -best, -other
    if best is not other and not best >= other:
        best = other if other >= best else arb(best).max(arb(other))
    return -best if kind == "min" else best


def exact_root(base: fmpq, exponent: fmpq) -> fmpq | None:
    """Return ``base**exponent`` if it is rational and cheap, else None; `base` is not negative."""
    degree, count = int(exponent.q), int(exponent.p)
    if base <= 0 or degree > 64 or base.height_bits() * abs(count) > LARGEST_EXACT_BITS:
        return None
    numerator, denominator = base.p.root(degree), base.q.root(degree)
    if numerator**degree != base.p or denominator**degree != base.q:
        return None
    return fmpq(numerator, denominator) ** count


def shown(value: Inner) -> str:
    """Return a value as messages show it."""
    return str(value) if isinstance(value, fmpq) else value.str(6, radius=False)


def exact_number(value: Any) -> fmpq | arb:
    """Return a number that a caller gave: exactly, whatever its type.

    Raises
    ------
    ValueOutsideDomainError
        If it is no number, or not finite.
    """
    if isinstance(value, (fmpq, arb)):
        return value
    if isinstance(value, Number):
        value = value.value
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    try:
        if isinstance(value, (int, float, Fraction, Decimal)):
            return inner(Fraction(value))
        if isinstance(value, str) and len(value) <= 1000:
            _head, _, power_of_ten = value.lower().partition("e")
            if not power_of_ten or abs(int(power_of_ten)) <= 1000:  # 1e999999999 is a long number
                return inner(Fraction(value.strip()))
    except (ValueError, OverflowError, ZeroDivisionError):
        pass
    raise ValueOutsideDomainError(f"{str(value)[:40]!r} is not a finite number")


# Numbers for people.


def format_number(value: Value, digits: int = 17) -> str:
    """Return a value as text: exact ones as ``3/4``, others with at most `digits` significant digits, all certified.

    Every number in a ball rounds to the digits that are written; fewer are written if the ball decides no more. A
    ball that no precision could tell from 0 is ``0.0``.
    """
    if isinstance(value, (int, Fraction)):
        return str(value)
    # The ends of the ball must not be rounded outwards before they are written.
    with ctx.workprec(int(3.33 * digits) + 64):
        if value.contains(0):
            return "0.0" if abs(value) < arb(10) ** -50 else str(value.str(3))
        for count in range(digits, 0, -1):
            low, high = (_rounded(end, count) for end in (value.lower(), value.upper()))
            if low == high:
                return low
        return str(value.str(3))


def _rounded(end: arb, digits: int) -> str:
    """Return an exact ball rounded to significant digits, without zeros at the end."""
    mantissa, exponent = end.man_exp()
    if abs(int(exponent)) > 10**5:  # written with an exponent of its own
        return str(end.str(digits, radius=False))
    whole = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    context = Context(prec=digits)
    rounded = context.divide(Decimal(whole.numerator), Decimal(whole.denominator)).normalize(context)
    if not -6 <= rounded.adjusted() < 16:
        return f"{rounded:e}"
    plain = format(rounded, "f")
    return plain if "." in plain else plain + ".0"


def to_float(value: Value) -> float:
    """Return a value as the nearest float; beyond its range as an infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
