"""The activation functions: definition, derivative, slope at each kink, and forms that are accurate in the tails.

Each row says what is used at a kink; other conventions are named in its `source`.  Formulas and kinks follow the
lectures where they have them, and the paper that introduced the function otherwise.
"""

from __future__ import annotations

from fractions import Fraction

from symprop.algebra.expressions import (
    ONE,
    PI,
    ZERO,
    Expr,
    call,
    compare,
    number,
    power,
    scalar,
    where,
)
from symprop.algebra.primitives import (
    HALF,
    OUTPUT,
    Kink,
    ScalarFunction,
    absolute,
    exp,
    log,
    sqrt,
    tanh,
    two,
    u,
)

alpha, beta, slope = scalar("alpha"), scalar("beta"), scalar("slope")


def sigmoid(expr: Expr) -> Expr:
    """Return the logistic function of an expression."""
    return call("sigmoid", expr)


def softplus(expr: Expr) -> Expr:
    """Return ``log(1 + exp(expr))``."""
    return call("softplus", expr)


def _positive(then: Expr, otherwise: Expr) -> Expr:
    return where(compare(">", u, ZERO), then, otherwise)


def _between(lower: Expr, upper: Expr, below: Expr, inside: Expr, above: Expr) -> Expr:
    """Return a piecewise expression whose end points belong to the outer branches."""
    return where(compare(">=", u, upper), above, where(compare("<=", u, lower), below, inside))


def _kink(at: int | str, value: int | str, left: Expr, right: Expr, used: Expr) -> Kink:
    return Kink(Fraction(at), Fraction(value), left, right, used)


# The density and the distribution of the standard normal, for the GELU; erfc keeps the left tail accurate.
_DENSITY = exp(-power(u, two) / two) / sqrt(two * PI)
_DISTRIBUTION = call("erfc", -u / sqrt(two)) / two

# The fixed point of mean 0 and variance 1; Klambauer et al. print 4 digits, their code these.
_SELU_SCALE = number("1.0507009873554804934193349852946")
_SELU_ALPHA = number("1.6732632423543772848170429916717")

_SILU_SLOPE = sigmoid(u) + u * sigmoid(u) * (ONE - sigmoid(u))
_MISH_INNER = tanh(softplus(u))

_ROWS: tuple[ScalarFunction, ...] = (
    ScalarFunction(
        "step",
        definition=_positive(ONE, where(compare("<", u, ZERO), ZERO, HALF)),
        derivatives=(ZERO,),
        kinks=(_kink(0, "1/2", ZERO, ZERO, ZERO),),
        source="value 1/2 and slope 0 at the jump",
    ),
    ScalarFunction("identity", definition=u, derivatives=(ONE,), in_output=ONE),
    ScalarFunction(
        "piecewise_linear",
        definition=_between(-HALF, HALF, ZERO, u + HALF, ONE),
        derivatives=(_between(-HALF, HALF, ZERO, ONE, ZERO),),
        kinks=(_kink("-1/2", 0, ZERO, ONE, ZERO), _kink("1/2", 1, ONE, ZERO, ZERO)),
        source="the constant branches own the kinks: slope 0; a clamp that counts the ends as inside has 1",
    ),
    ScalarFunction(
        "sigmoid",
        definition=ONE / (ONE + exp(-u)),
        derivatives=(sigmoid(u) * (ONE - sigmoid(u)),),
        in_output=OUTPUT * (ONE - OUTPUT),
        # exp of a positive number never occurs: it overflows above 709 in float64.
        stable=where(compare(">=", u, ZERO), ONE / (ONE + exp(-u)), exp(u) / (ONE + exp(u))),
        # 1 - sigmoid(u) is 0 in float64 from u = 37 on.
        stable_derivatives=(sigmoid(u) * sigmoid(-u),),
        source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.59, 4.88",
    ),
    ScalarFunction(
        "tanh",
        derivatives=(ONE - power(tanh(u), two),),
        in_output=ONE - power(OUTPUT, two),
        # 1 - tanh(u)**2 is 0 in float64 from u = 19 on.
        stable_derivatives=(4 * sigmoid(2 * u) * sigmoid(-2 * u),),
        source="Bishop (2006), eq. 5.59, 5.60",
    ),
    ScalarFunction(
        "relu",
        definition=_positive(u, ZERO),
        derivatives=(_positive(ONE, ZERO),),
        in_output=where(compare(">", OUTPUT, ZERO), ONE, ZERO),
        kinks=(_kink(0, 0, ZERO, ONE, ZERO),),
        source="Glorot, Bordes, Bengio (2011); slope 0 at the kink, where max(0, u) with ties to the second has 1",
    ),
    ScalarFunction(
        "leaky_relu",
        ("u", "slope"),
        (None, Fraction(1, 10)),
        definition=_positive(u, slope * u),
        derivatives=(_positive(ONE, slope), _positive(ZERO, u)),
        kinks=(_kink(0, 0, slope, ONE, slope),),
        source="Maas, Hannun, Ng (2013); the left slope at the kink",
    ),
    ScalarFunction(
        "elu",
        ("u", "alpha"),
        (None, Fraction(1)),
        definition=where(compare(">=", u, ZERO), u, alpha * (exp(u) - ONE)),
        derivatives=(
            where(compare(">=", u, ZERO), ONE, alpha * exp(u)),
            where(compare(">=", u, ZERO), ZERO, exp(u) - ONE),
        ),
        in_output=where(compare(">=", u, ZERO), ONE, OUTPUT + alpha),
        stable=where(compare(">=", u, ZERO), u, alpha * call("expm1", u)),
        stable_derivatives=(
            where(compare(">=", u, ZERO), ONE, alpha * exp(u)),
            where(compare(">=", u, ZERO), ZERO, call("expm1", u)),
        ),
        kinks=(_kink(0, 0, alpha, ONE, ONE),),
        source="Clevert, Unterthiner, Hochreiter (2016), eq. 15; 0 belongs to the branch u, slope 1, where frameworks "
        "use alpha",
    ),
    ScalarFunction(
        "softplus",
        definition=log(ONE + exp(u)),
        derivatives=(sigmoid(u),),
        stable=call("max", u, ZERO) + call("log1p", exp(-absolute(u))),
        source="Dugas et al. (2001); the derivative is the logistic function",
    ),
    ScalarFunction(
        "swish",
        ("u", "beta"),
        (None, Fraction(1)),
        definition=u * sigmoid(beta * u),
        derivatives=(
            sigmoid(beta * u) + beta * u * sigmoid(beta * u) * (ONE - sigmoid(beta * u)),
            power(u, two) * sigmoid(beta * u) * (ONE - sigmoid(beta * u)),
        ),
        stable_derivatives=(
            sigmoid(beta * u) * (ONE + beta * u * sigmoid(-beta * u)),
            power(u, two) * sigmoid(beta * u) * sigmoid(-beta * u),
        ),
        source="Ramachandran, Zoph, Le (2017)",
    ),
    ScalarFunction(
        "silu",
        definition=u * sigmoid(u),
        derivatives=(_SILU_SLOPE,),
        stable_derivatives=(sigmoid(u) * (ONE + u * sigmoid(-u)),),
        source="Elfwing, Uchibe, Doya (2018), eq. 7, 8",
    ),
    ScalarFunction(
        "gelu",
        definition=u * (ONE + call("erf", u / sqrt(two))) / two,
        derivatives=((ONE + call("erf", u / sqrt(two))) / two + u * _DENSITY,),
        # 1 + erf cancels to 0 in the left tail.
        stable=u * _DISTRIBUTION,
        stable_derivatives=(_DISTRIBUTION + u * _DENSITY,),
        source="Hendrycks, Gimpel (2016), the exact form u*Phi(u), without the tanh approximation",
    ),
    ScalarFunction(
        "selu",
        definition=_SELU_SCALE * _positive(u, _SELU_ALPHA * (exp(u) - ONE)),
        derivatives=(_SELU_SCALE * _positive(ONE, _SELU_ALPHA * exp(u)),),
        stable=_SELU_SCALE * _positive(u, _SELU_ALPHA * call("expm1", u)),
        kinks=(_kink(0, 0, _SELU_SCALE * _SELU_ALPHA, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA),),
        source="Klambauer et al. (2017), eq. 2; 0 belongs to the exponential branch, as there",
    ),
    ScalarFunction(
        "mish",
        definition=u * _MISH_INNER,
        derivatives=(_MISH_INNER + u * (ONE - power(_MISH_INNER, two)) * sigmoid(u),),
        # 1 - tanh(p)**2 = 4*s(2p)*s(-2p) with p = softplus(u).
        stable_derivatives=(_MISH_INNER + 4 * u * sigmoid(2 * softplus(u)) * sigmoid(-2 * softplus(u)) * sigmoid(u),),
        source="Misra (2019), eq. 1, 2",
    ),
    ScalarFunction(
        "hard_sigmoid",
        definition=_between(number(-3), number(3), ZERO, u / 6 + HALF, ONE),
        derivatives=(_between(number(-3), number(3), ZERO, number("1/6"), ZERO),),
        kinks=(_kink(-3, 0, ZERO, number("1/6"), ZERO), _kink(3, 1, number("1/6"), ZERO, ZERO)),
        source="Howard et al. (2019), relu6(u + 3)/6; older code uses slope 1/5 on [-5/2, 5/2]; slope 0 at the kinks",
    ),
    ScalarFunction(
        "hard_tanh",
        definition=_between(-ONE, ONE, -ONE, u, ONE),
        derivatives=(_between(-ONE, ONE, ZERO, ONE, ZERO),),
        kinks=(_kink(-1, -1, ZERO, ONE, ZERO), _kink(1, 1, ONE, ZERO, ZERO)),
        source="Collobert (2004); slope 0 at the kinks",
    ),
    ScalarFunction(
        "softsign",
        definition=u / (ONE + absolute(u)),
        derivatives=(ONE / power(ONE + absolute(u), two),),
        source="Glorot, Bengio (2010); differentiable at 0 with slope 1",
    ),
)

ACTIVATIONS: dict[str, ScalarFunction] = {row.name: row for row in _ROWS}

# Other names of the same functions. A called ``sigma`` is the sigmoid unless the network defines it.
SYNONYMS: dict[str, str] = {
    "unit_step": "step",
    "heaviside": "step",
    "Heaviside": "step",
    "linear": "identity",
    "logistic": "sigmoid",
    "sigma": "sigmoid",
    "expit": "sigmoid",
    "hardtanh": "hard_tanh",
    "hardsigmoid": "hard_sigmoid",
    "leakyrelu": "leaky_relu",
}
