"""The loss functions: target first, then prediction, with the index first where they reduce.

A loss is an abbreviation: reading it gives an ordinary expression, so derivation and printing know nothing of losses.
Cross-entropies are in nats.  None treats ``0*log(0)`` as 0: a prediction of exactly 0 or 1 lies outside the domain,
and the forms with logits have no such points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symprop.algebra.activations import sigmoid, softplus
from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Bound,
    Expr,
    Index,
    call,
    compare,
    divide,
    free_indices,
    fresh_index,
    iverson,
    mul,
    number,
    power,
    reduce,
    substitute,
)
from symprop.algebra.primitives import absolute, exp, log, sign, two

Formula = Callable[[tuple[Bound, ...], Expr, Expr], Expr]


@dataclass(frozen=True)
class Loss:
    """A loss of a target and a prediction.

    Attributes
    ----------
    name : str
        Its name in the language.
    reduces : bool
        Whether it takes an index first: ``mse(k, t[k], y[k])``.
    definition : callable
        From the bounds (empty if it does not reduce), target and prediction to the loss.
    derivative : callable
        From the same to the textbook derivative by the prediction (by one component of it).
    kink : str
        The convention where the derivative does not exist; empty if it always does.
    source : str
        Where the formula is from.
    """

    name: str
    reduces: bool
    definition: Formula
    derivative: Formula
    kink: str = ""
    source: str = ""

    def build(self, bounds: tuple[Bound, ...], target: Expr, prediction: Expr) -> Expr:
        """Return the loss as an expression.

        Parameters
        ----------
        bounds : tuple of Bound
            The indices that are reduced over, with limits; empty if and only if the loss does not reduce.
        target, prediction : Expr
            Dimensionless; they carry those indices free.
        """
        assert bool(bounds) == self.reduces
        return self.definition(bounds, target, prediction)

    def slope(self, bounds: tuple[Bound, ...], target: Expr, prediction: Expr) -> Expr:
        """Return the derivative by the prediction, for a loss that reduces by the component at the free indices."""
        assert bool(bounds) == self.reduces
        return self.derivative(bounds, target, prediction)


def extent(bounds: tuple[Bound, ...]) -> Expr:
    """Return the number of terms of a reduction: the product of the extents of its indices."""
    return mul(*(bound.upper - bound.lower + ONE for bound in bounds))


def total(bounds: tuple[Bound, ...], body: Expr) -> Expr:
    """Return the sum of `body` over `bounds`."""
    return reduce("sum", bounds, body)


def mean(bounds: tuple[Bound, ...], body: Expr) -> Expr:
    """Return the mean of `body` over `bounds`."""
    return divide(total(bounds, body), extent(bounds))


def log_softmax(bounds: tuple[Bound, ...], logits: Expr) -> Expr:
    """Return ``a[k] - logsumexp(k_1, a[k_1])``; the indices of `bounds` stay free."""
    taken = set(free_indices(logits))
    renamed: dict[Index, Expr] = {}
    fresh: list[Bound] = []
    for bound in bounds:
        index = fresh_index(bound.index, taken | {bound.index})
        taken.add(index)
        lower, upper = (substitute(limit, renamed) for limit in (bound.lower, bound.upper))
        fresh.append(Bound(index, lower, upper, bound.written))
        renamed[bound.index] = index
    return logits - reduce("logsumexp", tuple(fresh), substitute(logits, renamed))


def _binary_cross_entropy(_: tuple[Bound, ...], t: Expr, p: Expr) -> Expr:
    return -(t * log(p)) - (ONE - t) * log(ONE - p)


def _cross_entropy_with_logits_slope(bounds: tuple[Bound, ...], t: Expr, a: Expr) -> Expr:
    return total(bounds, t) * exp(log_softmax(bounds, a)) - t


_BISHOP = "Bishop, Pattern Recognition and Machine Learning (2006), "
_ROWS = (
    Loss(
        "squared_error",
        reduces=False,
        definition=lambda _, t, y: power(y - t, two),
        derivative=lambda _, t, y: 2 * (y - t),
        source=_BISHOP + "eq. 1.90",
    ),
    Loss(
        "half_squared_error",
        reduces=False,
        definition=lambda _, t, y: number("1/2") * power(y - t, two),
        derivative=lambda _, t, y: y - t,
        source=_BISHOP + "eq. 5.11",
    ),
    Loss(
        "absolute_error",
        reduces=False,
        definition=lambda _, t, y: absolute(y - t),
        derivative=lambda _, t, y: sign(y - t),
        kink="slope 0 at y = t, the middle of [-1, 1]",
        source=_BISHOP + "eq. 1.91 with q = 1",
    ),
    Loss(
        "mse",
        reduces=True,
        definition=lambda k, t, y: mean(k, power(y - t, two)),
        derivative=lambda k, t, y: 2 * (y - t) / extent(k),
        source="mean of the squared error; half of it is the maximum likelihood of a Gaussian, " + _BISHOP + "eq. 5.14",
    ),
    Loss(
        "mae",
        reduces=True,
        definition=lambda k, t, y: mean(k, absolute(y - t)),
        derivative=lambda k, t, y: sign(y - t) / extent(k),
        kink="slope 0 at y[k] = t[k]",
        source="mean of the absolute error; " + _BISHOP + "eq. 1.91 with q = 1",
    ),
    Loss(
        "zero_one",
        reduces=False,
        definition=lambda _, t, y: iverson(compare("!=", t, y)),
        derivative=lambda _, t, y: ZERO,
        kink="slope 0 everywhere: it cannot be trained by its gradient",
        source=_BISHOP + "section 1.5.1",
    ),
    Loss(
        "hinge",
        reduces=False,
        definition=lambda _, t, y: call("relu", ONE - t * y),
        derivative=lambda _, t, y: mul(-t, iverson(compare(">", ONE - t * y, ZERO))),
        kink="slope 0 at t*y = 1, as relu has it; targets are -1 and 1",
        source=_BISHOP + "eq. 7.44",
    ),
    Loss(
        "binary_cross_entropy",
        reduces=False,
        definition=_binary_cross_entropy,
        derivative=lambda _, t, p: -(t / p) + (ONE - t) / (ONE - p),
        source=_BISHOP + "eq. 4.90",
    ),
    Loss(
        "binary_cross_entropy_with_logits",
        reduces=False,
        # -t*log(s(a)) - (1 - t)*log(1 - s(a)), without the logarithm of a rounded 0 or 1.
        definition=lambda _, t, a: t * softplus(-a) + (ONE - t) * softplus(a),
        derivative=lambda _, t, a: sigmoid(a) - t,
        source=_BISHOP + "eq. 4.90 and 4.91",
    ),
    Loss(
        "cross_entropy",
        reduces=True,
        definition=lambda k, t, p: -total(k, t * log(p)),
        derivative=lambda k, t, p: -(t / p),
        source=_BISHOP + "eq. 4.108",
    ),
    Loss(
        "cross_entropy_with_logits",
        reduces=True,
        definition=lambda k, t, a: -total(k, t * log_softmax(k, a)),
        derivative=_cross_entropy_with_logits_slope,
        source=_BISHOP + "eq. 4.108 and 4.109; p - t if the targets sum to 1",
    ),
)

LOSSES: dict[str, Loss] = {loss.name: loss for loss in _ROWS}
