"""The optimisers: update equations in the language, for one element of the parameters.

``g`` is the gradient to descend (of the objective's negative under ``maximize``), ``theta`` the parameter, ``step``
counts from 1.  Lines run in order; a name that is no state is a number of that step alone.  ``norm(g)`` is taken over
all parameters.  An optimiser is a row here and nothing else: code is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from symprop.algebra.expressions import ONE, Expr, call, number, power, scalar
from symprop.errors import OptionError, nearest

GIVEN = ("g", "theta", "step")
WEIGHTS = ("beta", "beta1", "beta2", "rho")  # of what came before: with 1 or more, old gradients never fade


@dataclass(frozen=True)
class Optimizer:
    """An optimiser.

    Attributes
    ----------
    name : str
    hyperparameters : mapping of str to Fraction
        With their defaults, dimensionless. The step size is called ``lr``.
    state : mapping of str to Fraction
        What is kept for each element from step to step, with its first value.
    updates : tuple of (str, Expr)
        ``name <- expression`` in order; `GIVEN`, state and hyperparameters stand as scalars.
    source : str
        Where it is from, and which of several conventions it follows.
    """

    name: str
    hyperparameters: Mapping[str, Fraction]
    state: Mapping[str, Fraction]
    updates: tuple[tuple[str, Expr], ...]
    source: str = ""


def sqrt(expr: Expr) -> Expr:
    """Return the square root of an expression."""
    return power(expr, number("1/2"))


g, theta, step = map(scalar, GIVEN)
lr, beta, beta1, beta2, eps, rho, decay = map(scalar, ("lr", "beta", "beta1", "beta2", "eps", "rho", "decay"))
v, u, m, G, d, greatest = map(scalar, ("v", "u", "m", "G", "d", "greatest"))
square_of_g = power(g, number(2))

_FIRST = beta1 * m + (ONE - beta1) * g
_SECOND = beta2 * v + (ONE - beta2) * square_of_g
_FIRST_CORRECTED = m / (ONE - power(beta1, step))
_SECOND_CORRECTED = v / (ONE - power(beta2, step))
_ADAM_DEFAULTS = {"lr": "0.001", "beta1": "0.9", "beta2": "0.999", "eps": "1e-8"}
_ADAM_PAPER = "Kingma, Ba (2015), algorithm 1: bias correction, epsilon outside the root"


def _row(
    name: str,
    hyperparameters: Mapping[str, str],
    state: tuple[str, ...],
    *updates: tuple[str, Expr],
    source: str,
) -> Optimizer:
    values = {key: Fraction(value) for key, value in hyperparameters.items()}
    return Optimizer(name, values, dict.fromkeys(state, Fraction(0)), updates, source)


_ROWS = (
    _row(
        "sgd",
        {"lr": "0.01"},
        (),
        ("theta", theta - lr * g),
        source="gradient descent on the examples of the step: all, a minibatch or one",
    ),
    _row(
        "momentum",
        {"lr": "0.01", "beta": "0.9"},
        ("v",),
        ("v", beta * v - lr * g),
        ("theta", theta + v),
        source="Polyak (1964), as Goodfellow, Bengio, Courville (2016), algorithm 8.2: the rate is inside v",
    ),
    _row(
        "nesterov",
        {"lr": "0.01", "beta": "0.9"},
        ("v",),
        ("v", beta * v - lr * g),
        ("theta", theta + beta * v - lr * g),
        source="Nesterov (1983) in the shifted variable of Bengio et al. (2013), eq. 7: theta is the point looked "
        "ahead to, where the gradient is taken",
    ),
    _row(
        "adagrad",
        {"lr": "0.01", "eps": "1e-10"},
        ("G",),
        ("G", G + square_of_g),
        ("theta", theta - lr * g / (sqrt(G) + eps)),
        source="Duchi, Hazan, Singer (2011); epsilon outside the root",
    ),
    _row(
        "rmsprop",
        {"lr": "0.001", "rho": "0.9", "eps": "1e-8"},
        ("v",),
        ("v", rho * v + (ONE - rho) * square_of_g),
        ("theta", theta - lr * g / (sqrt(v) + eps)),
        source="Tieleman, Hinton (2012), lecture 6.5; epsilon outside the root",
    ),
    _row(
        "adadelta",
        {"lr": "1", "rho": "0.9", "eps": "1e-6"},
        ("v", "u"),
        ("v", rho * v + (ONE - rho) * square_of_g),
        ("d", sqrt(u + eps) / sqrt(v + eps) * g),
        ("u", rho * u + (ONE - rho) * power(d, number(2))),
        ("theta", theta - lr * d),
        source="Zeiler (2012), algorithm 1; epsilon inside both roots; lr = 1 is the method without a rate",
    ),
    _row(
        "adam",
        _ADAM_DEFAULTS,
        ("m", "v"),
        ("m", _FIRST),
        ("v", _SECOND),
        ("theta", theta - lr * _FIRST_CORRECTED / (sqrt(_SECOND_CORRECTED) + eps)),
        source=_ADAM_PAPER,
    ),
    _row(
        "adamw",
        {**_ADAM_DEFAULTS, "decay": "0.01"},
        ("m", "v"),
        ("m", _FIRST),
        ("v", _SECOND),
        ("theta", theta - lr * decay * theta - lr * _FIRST_CORRECTED / (sqrt(_SECOND_CORRECTED) + eps)),
        source="Loshchilov, Hutter (2019), algorithm 2; the decay is multiplied by the rate",
    ),
    _row(
        "amsgrad",
        _ADAM_DEFAULTS,
        ("m", "v", "greatest"),
        ("m", _FIRST),
        ("v", _SECOND),
        ("greatest", call("max", greatest, v)),
        (
            "theta",
            theta - lr * _FIRST_CORRECTED / (sqrt(greatest / (ONE - power(beta2, step))) + eps),
        ),
        source="Reddi, Kale, Kumar (2018), algorithm 2; maximum of the averages before bias correction, which follows",
    ),
)

OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType({row.name: row for row in _ROWS})
SYNONYMS: Mapping[str, str] = MappingProxyType({"gradient_descent": "sgd", "gd": "sgd", "nag": "nesterov"})


def optimizer(name: str) -> Optimizer:
    """Return the optimiser called `name`.

    Raises
    ------
    OptionError
        If there is none.
    """
    found = OPTIMIZERS.get(SYNONYMS.get(name, name))
    if found is None:
        close = nearest(name, (*OPTIMIZERS, *SYNONYMS))
        hint = f"Did you mean '{close}'? " if close else ""
        raise OptionError(f"unknown optimizer '{name}'", hint=f"{hint}Known: {', '.join(OPTIMIZERS)}.")
    return found


def check_weights(name: str, hyperparameters: Mapping[str, float]) -> None:
    """Refuse a weight of earlier gradients that is negative, or 1 or more, for an optimiser of the catalogue.

    Raises
    ------
    OptionError
        If there is one.
    """
    if SYNONYMS.get(name, name) not in OPTIMIZERS:
        return
    for key, value in hyperparameters.items():
        if key in WEIGHTS and not 0 <= value < 1:
            raise OptionError(
                f"{key} is {value}; it weighs earlier gradients and must be at least 0 and less than 1",
                hint=f"{name} has {key} = {float(optimizer(name).hyperparameters[key])} by default."
                if key in optimizer(name).hyperparameters
                else None,
            )
