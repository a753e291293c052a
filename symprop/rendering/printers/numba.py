"""Scalar Python code: what stands inside loops, for numba and for plain Python alike.

`Code` prints numbers, conditions and integers; it knows the elementary functions by the names of the helpers in
``templates/code/<target>/functions.py.jinja``.  Which helpers a module needs is collected in `used`.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable
from fractions import Fraction

from symprop.algebra.expressions import (
    ONE,
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
    add,
    base_and_exponent,
    coefficient_and_rest,
    factors_of,
    mul,
    power,
    walk,
)
from symprop.algebra.indices import normal

# Functions of the language that Python's ``math`` has under the same name, in double and single precision.
MATH = frozenset(
    (
        *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh"),
        *("erf", "erfc", "expm1", "log1p", "log2", "log10", "log"),
    )
)

# Binding strength, as Python's: what stands below the wanted strength gets brackets.
CHOICE, SUM, PRODUCT, UNARY, ATOM = range(5)


# What generated modules use themselves; `identifier` keeps the network's names apart from these.
RESERVED = frozenset(
    (
        *("abs", "cgutils", "float", "importlib", "int", "intrinsic", "ir", "len", "math", "max", "min", "njit", "np"),
        *("carray", "get_host_cpu_features", "print", "range", "reversed", "round", "s", "sum", "types", "f32"),
        *("elementary", "flat", "gather", "inner", "keep_apart", "one", "outer", "plus", "pointer", "product"),
        *("shuffle", "unit", "update", "view", "all_examples", "at", "batch", "batches", "batch_size", "element"),
        *("examples", "first", "first_step", "gradients", "hyperparameters", "last_step", "loss", "losses", "number"),
        *("lr_and_more", "order", "packed", "parameters", "random", "shuffled", "sizes", "states", "step", "work"),
        *("cbrt", "cube", "exp", "exp2", "greater", "power", "rounded_down", "sigmoid", "sigmoid_slope", "sign"),
        *("smaller", "softplus", "square", "tanh", "tanh_slope", "forward_pass", "gradient_pass", "training_run"),
        *("data", "data_arrays", "forward", "gradient", "initialize", "objective", "sizes_of", "REAL", "OPTIONS"),
        *("BLAS", "LANES", "WORD", "FLOAT", "VECTOR", "MASK", "Block", "tile", "matrix", "small_product"),
        *("pi", "e", "inf", "members", "ends", "own", "share", "start", "end", "update_share", "of_batch", "call"),
    )
)


def identifier(name: str) -> str:
    """Return a name of a program as a name of the module.

    One of the network gets an underscore if Python or the module has it; one in brackets is the module's own.
    """
    if name.startswith("("):
        return name[1:-1]
    if name.startswith('s["'):  # an entry of a mapping of sizes
        return name
    if keyword.iskeyword(name) or name in RESERVED or name.startswith(("compute_", "_")) or name.endswith("_pass"):
        return f"{name}_" if not name.startswith("_") else f"q{name}"
    return name


class Code:
    """Prints expressions of a program as Python.

    Parameters
    ----------
    single : bool
        Whether numbers are float32. Literals are then marked, or numba would compute in float64.
    integers : frozenset of str
        Arrays whose elements are integers.
    own : frozenset of str
        Names that are printed as they are, because they are not the network's.
    """

    def __init__(
        self,
        single: bool = False,
        integers: frozenset[str] = frozenset(),
        own: frozenset[str] = frozenset(),
    ) -> None:
        self.single = single
        self.own = own
        self.integers = integers
        self.used: set[str] = set()

    # ---- numbers ------------------------------------------------------------------------------------------------

    def value(self, expr: Expr, strength: int = CHOICE) -> str:
        """Return `expr` as code for a floating-point number."""
        text, own = self._value(expr)
        return f"({text})" if own < strength else text

    def _value(self, expr: Expr) -> tuple[str, int]:
        method: Callable[[Expr], tuple[str, int]] = getattr(self, f"_print_{type(expr).__name__}")
        return method(expr)

    def literal(self, value: Fraction | int) -> str:
        """Return a number as a literal of the module's precision."""
        value = Fraction(value)
        number = float(value) if abs(value) < Fraction(10) ** 308 else (math.inf if value > 0 else -math.inf)
        text = repr(number).replace("inf", "math.inf")
        return f"f32({text})" if self.single else text

    def _print_Number(self, expr: Number) -> tuple[str, int]:
        text = self.literal(expr.value)
        return text, UNARY if text.startswith("-") else ATOM

    def _print_Constant(self, expr: Constant) -> tuple[str, int]:
        text = "math.pi" if expr is PI else "math.e"
        return (f"f32({text})" if self.single else text), ATOM

    def _print_integer(self, expr: Expr) -> tuple[str, int]:
        return f"{'f32' if self.single else 'float'}({self.integer(expr)})", ATOM

    _print_Index = _print_integer
    _print_Size = _print_integer

    def _print_Access(self, expr: Access) -> tuple[str, int]:
        text = self.element(expr)
        return (f"{'f32' if self.single else 'float'}({text})" if expr.name in self.integers else text), ATOM

    def element(self, expr: Access) -> str:
        """Return an array element, or a local number."""
        name = expr.name if expr.name in self.own else identifier(expr.name)
        if not expr.indices:
            return name
        return f"{name}[{', '.join(map(self.integer, expr.indices))}]"

    def _print_Add(self, expr: Add) -> tuple[str, int]:
        parts: list[str] = []
        # A positive term first saves a sign.
        terms = expr.terms
        if coefficient_and_rest(terms[0])[0] < 0 and any(coefficient_and_rest(t)[0] > 0 for t in terms):
            first = next(t for t in terms if coefficient_and_rest(t)[0] > 0)
            terms = (first, *(t for t in terms if t is not first))
        for term in terms:
            coefficient, rest = coefficient_and_rest(term)
            if coefficient < 0 and parts:
                parts.append(f" - {self._product(-coefficient, rest, SUM + 1)}")
            else:
                text = self._product(coefficient, rest, SUM)
                parts.append(f" + {text}" if parts else text)
        return "".join(parts), SUM

    def _product(self, coefficient: Fraction, rest: Expr, strength: int) -> str:
        text, own = self._factors(coefficient, rest)
        return f"({text})" if own < strength else text

    def _print_Mul(self, expr: Mul) -> tuple[str, int]:
        return self._factors(*coefficient_and_rest(expr))

    def _factors(self, coefficient: Fraction, rest: Expr) -> tuple[str, int]:
        above: list[str] = []
        below: list[str] = []
        sign = "-" if coefficient < 0 else ""
        size = abs(coefficient)
        # A rational with a short decimal is a literal; 1/3 becomes a division of integers folded by the compiler.
        if size != 1 or rest is ONE:
            above.append(self.literal(size))
        for factor in factors_of(rest) if rest is not ONE else ():
            base, exponent = base_and_exponent(factor)
            if isinstance(exponent, Number) and exponent.value < 0:
                below.append(self._power(base, Number(-exponent.value)))
            else:
                above.append(self.value(factor, UNARY if above or not sign else ATOM))
        text = "*".join(above) if above else self.literal(1)
        for factor_text in below:
            text += f"/{factor_text}"
        if not below and len(above) == 1:
            return f"{sign}{text}", UNARY if sign else PRODUCT
        return f"{sign}{text}", UNARY if sign and len(above) + len(below) == 1 else PRODUCT

    def _print_Power(self, expr: Power) -> tuple[str, int]:
        exponent = expr.exponent
        if isinstance(exponent, Number) and exponent.value < 0:
            return f"{self.literal(1)}/{self._power(expr.base, Number(-exponent.value))}", PRODUCT
        return self._power(expr.base, exponent), ATOM

    def _power(self, base: Expr, exponent: Expr) -> str:
        if exponent is ONE:
            return self.value(base, ATOM)
        if isinstance(exponent, Number):
            if exponent.value == Fraction(1, 2):
                return f"math.sqrt({self.value(base)})"
            if exponent.value in (2, 3):
                return self.helper("square" if exponent.value == 2 else "cube", self.value(base))
            if exponent.value.denominator == 2 and exponent.value.numerator == 3:
                return f"({self.value(base, UNARY)}*math.sqrt({self.value(base)}))"
        return self.helper("power", self.value(base), self.value(exponent))

    def helper(self, name: str, *arguments: str) -> str:
        """Return a call of a helper of the module, and remember that it is needed."""
        self.used.add(name)
        return f"{name}({', '.join(arguments)})"

    def _print_Call(self, expr: Call) -> tuple[str, int]:
        arguments = [self.value(argument) for argument in expr.arguments]
        name = expr.function
        if name in ("max", "min"):
            helper = {"max": "greater", "min": "smaller"}[name]
            text = arguments[0]
            for argument in arguments[1:]:
                text = self.helper(helper, text, argument)
            return text, ATOM
        if name == "abs":
            return f"abs({arguments[0]})", ATOM
        if name in MATH:
            return f"math.{name}({', '.join(arguments)})", ATOM
        return self.helper({"floor": "rounded_down", "sign": "sign"}.get(name, name), *arguments), ATOM

    def _print_Where(self, expr: Where) -> tuple[str, int]:
        then, otherwise = self.value(expr.then, SUM), self.value(expr.otherwise, CHOICE)
        return f"{then} if {self.condition(expr.condition)} else {otherwise}", CHOICE

    # ---- conditions ---------------------------------------------------------------------------------------------

    def condition(self, expr: Expr, inside: bool = False) -> str:
        """Return a condition as code."""
        if isinstance(expr, Compare):
            if expr.operator == "divides":
                return f"{self.integer(expr.right, PRODUCT)} % {self.integer(expr.left, ATOM)} == 0"
            integral = _is_integer(expr.left, self.integers) and _is_integer(expr.right, self.integers)
            side = self.integer if integral else self.value
            return f"{side(expr.left, SUM)} {expr.operator} {side(expr.right, SUM)}"
        assert isinstance(expr, Junction)
        if expr.operator == "not":
            return f"not ({self.condition(expr.conditions[0])})"
        if not expr.conditions:
            return "True" if expr.operator == "and" else "False"
        text = f" {expr.operator} ".join(self.condition(part, inside=True) for part in expr.conditions)
        return f"({text})" if inside else text

    # ---- integers -----------------------------------------------------------------------------------------------

    def integer(self, expr: Expr, strength: int = CHOICE) -> str:
        """Return an index, an extent or a limit as code; divisions in it are exact where they are evaluated."""
        text, own = self._integer(expr)
        return f"({text})" if own < strength else text

    def _integer(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Number(value=value):
                if value.denominator == 1:
                    return str(value), UNARY if value < 0 else ATOM
                return f"{value.numerator}//{value.denominator}", PRODUCT
            case Index(name=name) | Size(name=name):
                return identifier(name), ATOM
            case Access(name=name):
                element = self.element(expr)  # the place of an extremum is kept as a number among numbers
                return element if name in self.integers | self.own else f"int({element})", ATOM
            case Call(function="floor", arguments=(argument,)):
                return self._integer(argument)
            case Call(function="ceil", arguments=(argument,)):
                return f"-({self.integer(-argument)})", UNARY
            case Call(function=("min" | "max") as function, arguments=arguments):
                return f"{function}({', '.join(map(self.integer, arguments))})", ATOM
            case Call(function="abs", arguments=(argument,)):
                return f"abs({self.integer(argument)})", ATOM
            case Power(base=base, exponent=Number(value=value)) if value > 0:
                return f"{self.integer(base, ATOM)}**{value}", ATOM
            case Where():
                then, otherwise = self.integer(expr.then, SUM), self.integer(expr.otherwise)
                return f"{then} if {self.condition(expr.condition)} else {otherwise}", CHOICE
        numerator, denominator = _over_common_denominator(expr)
        if denominator is not ONE:
            return f"{self.integer(numerator, PRODUCT + 1)}//{self.integer(denominator, ATOM)}", PRODUCT
        if isinstance(expr, Add):
            parts: list[str] = []
            for term in sorted(expr.terms, key=lambda t: coefficient_and_rest(t)[0] < 0):
                coefficient, rest = coefficient_and_rest(term)
                text = self._integer_product(abs(coefficient), rest)
                sign = "-" if coefficient < 0 else "+"
                parts.append(f" {sign} {text}" if parts else ("-" if coefficient < 0 else "") + text)
            return "".join(parts), SUM
        coefficient, rest = coefficient_and_rest(expr)
        text = self._integer_product(abs(coefficient), rest)
        return (f"-{text}", UNARY) if coefficient < 0 else (text, PRODUCT)

    def _integer_product(self, coefficient: Fraction, rest: Expr) -> str:
        parts = [str(coefficient)] if coefficient != 1 or rest is ONE else []
        parts += [self.integer(factor, UNARY) for factor in factors_of(rest) if rest is not ONE]
        return "*".join(parts)


def _over_common_denominator(expr: Expr) -> tuple[Expr, Expr]:
    """Return numerator and denominator of an integer expression that holds divisions."""
    denominators: list[Expr] = []
    scale = 1
    for term in expr.terms if isinstance(expr, Add) else (expr,):
        coefficient, rest = coefficient_and_rest(term)
        scale = math.lcm(scale, coefficient.denominator)
        for factor in factors_of(rest):
            if isinstance(factor, Power) and isinstance(factor.exponent, Number) and factor.exponent.value < 0:
                inverse = power(factor.base, Number(-factor.exponent.value))
                if inverse not in denominators:
                    denominators.append(inverse)
    if scale == 1 and not denominators:
        return expr, ONE
    denominator = mul(Number(Fraction(scale)), *denominators)
    terms = expr.terms if isinstance(expr, Add) else (expr,)
    return normal(add(*(mul(term, denominator) for term in terms))), denominator


def _is_integer(expr: Expr, integers: frozenset[str]) -> bool:
    for node in walk(expr):
        if isinstance(node, Number) and node.value.denominator != 1:
            return False
        if isinstance(node, Access) and node.name not in integers and not _inside_index(node, expr):
            return False
        if isinstance(node, (Call, Constant, Where)):
            return False
    return True


def _inside_index(node: Access, expr: Expr) -> bool:
    return any(
        isinstance(outer, Access)
        and outer is not node
        and any(inner is node for index in outer.indices for inner in walk(index))
        for outer in walk(expr)
    )
