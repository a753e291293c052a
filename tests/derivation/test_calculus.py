"""Eight hundred functions of one variable, of the kinds that collections of calculus exercises hold.

The texts are Python as well as symprop, so that the witness is mpmath alone: the text evaluated by Python, and its
central difference at 60 digits.  What is judged is the printed derivative, read back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from types import CodeType
from typing import Any

import mpmath
import pytest
from witness import FORMULAS

import symprop

# Functions of every family, each with an argument that a book would give it.
FUNCTIONS = """
exp log exp2 exp10 expm1 log2 log10 log1p sqrt cbrt sin cos tan sec csc cot asin acos atan asec
acsc acot sinh cosh tanh sech csch coth asinh acosh atanh asech acsch acoth erf erfc abs sign
floor sigmoid relu leaky_relu elu softplus swish silu gelu selu mish hard_sigmoid hard_tanh softsign step
identity piecewise_linear
""".split()  # noqa: SIM905

FORMS = (
    "{f}(x)",
    "{f}(3*x + 1)",
    "{f}(2 - x/3)",
    "{f}(x**2)",
    "{f}(1/x)",
    "x**2*{f}(x)",
    "{f}(x)/(1 + x**2)",
    "{f}(x)**3 - 2*{f}(x)",
    "exp(-{f}(x)**2)",
    "sin(x)*{f}(x/2)",
    "{f}(2*sin(x)) + cos(x)",
    "({f}(x) + x)/(2 - {f}(x))",
    "log(2 + {f}(x)**2)",
    "x*{f}(2*x*exp(-x/2))",
)

# Exercises as they stand in the chapters on rules of differentiation.
EXERCISES = """
3*x**4 - 5*x**2 + 7*x - 11
(x**2 + 1)*(x**3 - 2*x)
(2*x - 3)/(x**2 + 4)
x**(2/3) - 4*x**(-1/2)
(5*x**2 - 3)**7
1/(x**2 + x + 1)
sqrt(x + sqrt(x + sqrt(x)))
x**x
x**sin(x)
(1 + 1/x)**x
(x + 1)**(x**2)
2**x*3**(2*x)
pi**x + x**pi
exp(exp(x))
exp(x)*exp(-x)
log(log(2 + x))
log(x + sqrt(x**2 + 1))
log((1 + x)/(3 - x))
log(abs(sin(x)))
x*log(x) - x
x**2*exp(-x)*sin(3*x)
sin(cos(tan(x)))
sin(x)**2 + cos(x)**2
tan(x)*sec(x)
sin(x)/(1 + cos(x))
sqrt((1 - x/4)/(1 + x))
cbrt(x**2*(3 - x))
atan(2*x/(1 + x**2))
asin(x/sqrt(1 + x**2))
acos(1/(1 + x**2))
atan(x) + acot(x)
x*asin(x/3) + sqrt(9 - x**2)
sinh(x)*cosh(x)
log(cosh(x))
tanh(x/2)/(1 + tanh(x/2)**2)
atanh(sin(x)/2)
exp(-x**2/2)/sqrt(2*pi)
(exp(x) - exp(-x))/(exp(x) + exp(-x))
1/(1 + exp(-x))
x/(1 + exp(-x))
log(1 + exp(x))
abs(x - 1)*abs(x - 3)
max(x, x**2)
min(sin(x), cos(x))
max(0, 1 - x)
abs(x)**3
sign(x)*x**2
floor(x)*x
atan2(x, 1 + x)
atan2(sin(x), cos(x) + 2)
erf(x/sqrt(2))/2 + 1/2
x*erf(x) + exp(-x**2)/sqrt(pi)
(x**3 - 1)/(x - 1)
(x**4 - 16)/(x**2 - 4)
(a*x + b)/(c*x + d)
a*x**n
exp(a*x)*cos(b*x)
log(a*x)/log(b)
sqrt(a**2 - x**2/9)
a**x*x**a
1/((x - a)**2 + b**2)
a/(1 + b*exp(-c*x))
a*sin(b*x + c)**n
(x**2 + a**2)**(3/2)
x/(a**2*sqrt(x**2 + a**2))
x**10 - 10*x**9 + 45*x**8
(x - 1)*(x - 2)*(x - 3)*(x - 4)
((x + 2)**2*(x + 3)**3)/(x + 4)**4
1/x + 1/x**2 + 1/x**3
(1 + x*(1 + x*(1 + x)))/(1 + x*(2 + x))
1/(1 + 1/(1 + 1/(1 + x)))
sin(1/x)*x**2
exp(-1/x**2)
exp(sin(x)**2)*log(1 + cos(x)**2)
log(tan(x/2))
sin(2*x)*cos(3*x)*exp(-x/5)
sin(x)**5*cos(x)**4
sec(x)**3 - tan(x)**3
cot(x) + csc(x)
x**log(x)
log(x)**x
log(x)/x**2
sqrt(log(1 + x**2))
10**(-x**2)
log10(x**3 + 1) - log2(x + 1)
cosh(x)**2 - sinh(x)**2
exp(x)/(x + 1) - x/(exp(x) + 1)
(sqrt(x) + 1)/(sqrt(x) + 2)
((x + 1)/(x + 2))**(5/2)
asinh(x**2) - acosh(1 + x**2)
erf(sqrt(x))*exp(x)
exp(x*log(x)) - x**x + sin(x)
sigmoid(x)*(1 - sigmoid(x))
-log(sigmoid(x))
x*tanh(softplus(x))
(sin(x) - x*cos(x))/(cos(x) + x*sin(x))
"""

TEXTS = [form.format(f=f) for f in FUNCTIONS for form in FORMS] + EXERCISES.split("\n")[1:-1]
LETTERS = {"a": Fraction(7, 4), "b": Fraction(5, 3), "c": Fraction(2, 7), "d": Fraction(9, 5), "n": Fraction(3)}
POINTS = [Fraction(point) for point in ["7/11", "19/13", "-8/17", "23/9", "-31/12", "1/29", "14/3", "-5/18"]]


def real(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The formula without its complex branches: exp(-acosh(x)**2) is real at 1/2 for mpmath, and not defined for us."""

    def value(*arguments: Any) -> Any:
        result = formula(*arguments)
        if isinstance(result, mpmath.mpc):
            raise ValueError(f"not real at {arguments}")
        return result

    return value


# What the texts of this module (and nobody else's) mean to Python: the formulas, with the catalogue's default slopes.
NAMES = {
    **{name: real(formula) for name, formula in FORMULAS.items()},
    "sqrt": real(mpmath.sqrt),
    "pi": mpmath.pi + 0,
    "mpf": mpmath.mpf,
    "leaky_relu": lambda u: FORMULAS["leaky_relu"](u, mpmath.mpf(1) / 10),
    "elu": lambda u: FORMULAS["elu"](u, 1),
    "swish": lambda u: FORMULAS["swish"](u, 1),
    **{name: mpmath.mpf(value.numerator) / value.denominator for name, value in LETTERS.items()},
}


def by_python(code: CodeType, x: Any) -> Any:
    """The value that Python and mpmath give an exercise, None where it is not a finite real number."""
    try:
        value = eval(code, {"__builtins__": {}, **NAMES, "x": x})
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        return None
    return value if not isinstance(value, mpmath.mpc) and mpmath.isfinite(value) else None


def exactly(text: str) -> CodeType:
    """The text with 2/3 as the fraction: Python itself would round it to 16 digits."""
    return compile(re.sub(r"(?<![\w.])\d+(?![\w.])", lambda digits: f"mpf({digits[0]})", text), "exercise", "eval")


def slope(code: CodeType, x: Fraction) -> Any:
    """The central difference of an exercise at x, None where it has none."""
    at, step = mpmath.mpf(x.numerator) / x.denominator, mpmath.mpf(10) ** -20
    ends = [by_python(code, at + side * step) for side in (-2, -1, 1, 2)]
    if any(end is None for end in ends):
        return None
    return (8 * (ends[2] - ends[1]) - (ends[3] - ends[0])) / (12 * step)


def test_there_are_eight_hundred_of_them() -> None:
    assert len(set(TEXTS)) >= 800


@pytest.mark.parametrize("part", range(16))
def test_the_printed_derivative_is_the_slope(part: int) -> None:
    wrong, judged = [], 0
    for text in TEXTS[part::16]:
        network = symprop.parse(f"L = {text}")
        letters = {name: value for name, value in LETTERS.items() if name in network.quantities}
        derivation = symprop.derive(network, wrt=["x"])
        found = 0
        for point in POINTS:
            expected = slope(exactly(text), point)
            if expected is None or found == 2:
                continue
            found += 1
            printed = str(derivation.gradients["x"].expression)
            values = symprop.evaluate(network, {"x": point, **letters}, show=[printed])
            (shown,) = values.shown.values()
            if not abs(mpmath.mpf(str(float(shown))) - expected) <= mpmath.mpf(10) ** -13 * (1 + abs(expected)):
                wrong.append(f"{text} at {point}: {shown}, not {mpmath.nstr(expected, 18)}")
        judged += found
        if not found:
            wrong.append(f"{text}: defined at none of the points")
    assert not wrong, "\n".join(wrong)
    assert judged >= len(TEXTS[part::16])
