r"""Layers as ordinary equations: each builder returns a `Piece`, statements that a user could have typed.

A layer is named by what it computes and what it reads, both with their indices, and everything else follows from these:
an index that only the source has is summed over, one that both have (time, position, example) is passed through.

>>> from symprop import layers
>>> print(layers.dense("h[j]", "x[i]", j="H", activation="tanh"))
index j = 1..H
parameter W_h[j,i], b_h[j]
a_h[j] = sum(i, W_h[j,i]*x[i]) + b_h[j]
h[j] = tanh(a_h[j])

`network` joins pieces, and statements written by hand, to a network:

>>> net = layers.network(
...     layers.input("x[i]", i="D"),
...     layers.dense("h[j]", "x[i]", j="H", activation="tanh"),
...     layers.dense("y[k]", "h[j]", k="K", activation="softmax"),
...     loss="cross_entropy", target="t",
... )
>>> print(net.text)
index i = 1..D, j = 1..H, k = 1..K
<BLANKLINE>
input x[i]
<BLANKLINE>
parameter W_h[j,i], b_h[j]
a_h[j] = sum(i, W_h[j,i]*x[i]) + b_h[j]
h[j] = tanh(a_h[j])
<BLANKLINE>
parameter W_y[k,j], b_y[k]
a_y[k] = sum(j, W_y[k,j]*h[j]) + b_y[k]
y[k] = softmax(k, a_y[k])
<BLANKLINE>
target t[k]
assume sum(k, t[k]) = 1
L = cross_entropy(k, t[k], y[k])
minimize L
predict y

**What all builders share**

- Ranges of indices are given by name, where it is convenient: ``j="H"`` is ``j = 1..H``, ``p="0..P-1"`` is as written,
  ``k=10`` is ``k = 1..10``. The same range may be given again and again; a different one is an error.
- Helpers of a layer ``h`` end in ``_h``: its parameters ``W_h``, ``b_h``, its pre-activation ``a_h``. Two layers with
  the same ``weights="s"`` share the parameters ``W_s``, ``b_s``.
- ``activation`` is a function of the catalogue, one that the network defines, or ``softmax`` or ``log_softmax`` over
  the last index of the output; None is the identity.
- Positions of convolutions and pools count from 0, everything else from 1.
- All values are dimensionless. Shapes in the docstrings are those of the arrays, in the order of the indices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symprop.algebra.losses import LOSSES
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.errors import DeclarationError, IndexNotationError, NotationError, OptionError, nearest

Extent = str | int

_QUANTITY = re.compile(r"\s*([^\W\d]\w*)\s*(?:\[([^;#\n]*)\])?\s*")
_NAME = re.compile(r"[^\W\d]\w*")
_RANGE = re.compile(r"[^;#\n=]+")
_SOFTMAXES = ("softmax", "log_softmax")
_OF_DISTRIBUTIONS = ("cross_entropy", "cross_entropy_with_logits")
_IDENTITIES = (None, "identity", "linear")


@dataclass(frozen=True)
class Piece:
    """Some statements of a network: ranges of indices, declarations and equations.

    Attributes
    ----------
    output : str
        What the equations define in the end, with its indices, such as ``h[t,j]``.
    ranges : tuple of (str, str)
        Name and limits of the indices whose ranges the piece tells: ``("j", "1..H")``.
    declarations : tuple of (str, str)
        Word and content: ``("parameter", "W_h[j,i]")``.
    equations : tuple of str
    batch : str, optional
        Name of the index of the examples, if the piece declares it.
    """

    output: str
    ranges: tuple[tuple[str, str], ...] = ()
    declarations: tuple[tuple[str, str], ...] = ()
    equations: tuple[str, ...] = ()
    batch: str | None = None

    def __str__(self) -> str:
        return text(self)


@dataclass(frozen=True)
class _Quantity:
    """A quantity as written, ``h[t,j]``."""

    name: str
    indices: tuple[str, ...]

    @classmethod
    def read(cls, written: str, what: str) -> _Quantity:
        found = _QUANTITY.fullmatch(written) if isinstance(written, str) else None
        if found is None:
            raise NotationError(f"the {what} {written!r} is no quantity", hint="Write it with its indices: 'h[t,j]'.")
        return cls(found[1], _split(found[2]) if found[2] is not None else ())

    @classmethod
    def defined(cls, written: str) -> _Quantity:
        """Return what a layer computes; its indices are names, each once."""
        quantity = cls.read(written, "output")
        for place, index in enumerate(quantity.indices):
            if not _NAME.fullmatch(index) or index in quantity.indices[:place]:
                raise IndexNotationError(
                    f"the output {written!r} needs a name of its own for each index", hint="Write such as 'h[t,j]'."
                )
        return quantity

    def __str__(self) -> str:
        return f"{self.name}[{','.join(self.indices)}]" if self.indices else self.name

    def at(self, replaced: Mapping[str, str]) -> _Quantity:
        """Return the quantity with other subscripts at the places of some indices."""
        return _Quantity(self.name, tuple(replaced.get(index, index) for index in self.indices))

    def called(self, name: str) -> _Quantity:
        return _Quantity(name, self.indices)

    @property
    def names(self) -> tuple[str, ...]:
        """The subscripts that are names."""
        return tuple(index for index in self.indices if _NAME.fullmatch(index))


def _split(subscripts: str) -> tuple[str, ...]:
    parts, depth = [""], 0
    for character in subscripts:
        depth += (character in "[(") - (character in ")]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return tuple(part.strip() for part in parts)


def _another(index: str, taken: Iterable[str]) -> str:
    """Return a second name with the range of an index: ``j_1``."""
    taken = set(taken)
    stem = re.sub(r"_\d+$", "", index)
    return next(name for count in range(1, len(taken) + 2) if (name := f"{stem}_{count}") not in taken)


def _limits(extent: Extent) -> str:
    if isinstance(extent, bool) or not isinstance(extent, str | int) or not _RANGE.fullmatch(str(extent)):
        raise OptionError(f"{extent!r} is no range", hint="Write a size, 'H' or 10, or limits, '0..P-1'.")
    return str(extent) if ".." in str(extent) else f"1..{extent}"


def _ranges(
    builder: str, given: Mapping[str, Extent], allowed: Iterable[str], own: Mapping[str, Extent] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return ranges by name of the index; a name that is no index of the layer is a slip."""
    allowed = tuple(dict.fromkeys(allowed))
    for name in given:
        if name not in allowed:
            near = nearest(name, allowed)
            raise OptionError(
                f"{builder} has no option and no index '{name}'",
                hint=f"Did you mean '{near}'?" if near else f"Its indices: {', '.join(allowed) or 'none'}.",
            )
    return tuple((name, _limits(extent)) for name, extent in {**(own or {}), **given}.items())


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _summed(builder: str, source: _Quantity, output: _Quantity, over: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the indices of the source that are summed over: all that the output does not have."""
    found = tuple(index for index in dict.fromkeys(source.names) if index not in output.indices)
    summed = found if over is None else _names(over)
    if not summed or not set(summed) <= set(found):
        raise IndexNotationError(
            f"{builder} sums over indices that {source} has and {output} has not",
            hint=f"Call an index of the source otherwise, with the same range: {source.name}["
            + ",".join("m" if index in output.indices else index for index in source.indices)
            + "].",
        )
    return summed


def _activated(activation: str | None, output: _Quantity, argument: str) -> str:
    if activation in _IDENTITIES:
        return argument
    if activation in _SOFTMAXES:
        if not output.indices:
            raise IndexNotationError(f"{activation} needs an index, which {output} has not")
        return f"{activation}({output.indices[-1]}, {argument})"
    return f"{activation}({argument})"


def _with_activation(activation: str | None, output: _Quantity, argument: str) -> tuple[str, ...]:
    """Return the equations of pre-activation and activation; without activation the output is the former."""
    if activation in _IDENTITIES:
        return (f"{output} = {argument}",)
    before = output.called(f"a_{output.name}")
    return f"{before} = {argument}", f"{output} = {_activated(activation, output, str(before))}"


class _Weights:
    """Parameters of a layer: what is declared, and the sums in which it stands."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.declarations: list[tuple[str, str]] = []

    def declare(self, letter: str, indices: Sequence[str]) -> str:
        parameter = str(_Quantity(f"{letter}_{self.suffix}", tuple(indices)))
        self.declarations.append(("parameter", parameter))
        return parameter

    def product(self, letter: str, outputs: Sequence[str], summed: Sequence[str], source: object) -> str:
        """Return ``sum(i, W[j,i]*x[i])``."""
        return f"sum({', '.join(summed)}, {self.declare(letter, (*outputs, *summed))}*{source})"


# Declarations.


def input(quantity: str, /, **ranges: Extent) -> Piece:
    """Return the declaration of an input: ``input("x[t,i]", t="T", i="D")``."""
    own = _Quantity.defined(quantity)
    return Piece(str(own), _ranges("input", ranges, own.indices), (("input", str(own)),))


def target(quantity: str, /, **ranges: Extent) -> Piece:
    """Return the declaration of a target: ``target("t[k]", k="K")``."""
    own = _Quantity.defined(quantity)
    return Piece(str(own), _ranges("target", ranges, own.indices), (("target", str(own)),))


def batch(index: str, examples: Extent = "N") -> Piece:
    """Return the declaration of the index of the examples, ``batch n = 1..N``; batch norm needs it."""
    return Piece(index, ((index, _limits(examples)),), batch=index)


# Layers.


def dense(
    output: str,
    source: str,
    *,
    activation: str | None = None,
    bias: bool = True,
    over: str | Sequence[str] | None = None,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a fully connected layer.

    .. math:: a_j = \sum_i W_{ji} x_i + b_j, \qquad h_j = f(a_j)

    Parameters
    ----------
    output : str
        ``h[j]``, shape (H,). Indices that `source` has too (``h[t,j]``) are passed through.
    source : str
        ``x[i]``, shape (D,).
    activation : str, optional
    bias : bool
    over : str or sequence of str, optional
        What is summed over; None means every index of the source that the output has not. A flattened convolution
        sums over several, ``dense("y[k]", "h[c,p,q]")``; of ``h[T,j]``, where T is a size, say ``over="j"``.
    weights : str, optional
        What the parameters are called after: ``W_s`` (outputs, inputs) and ``b_s`` (outputs,).
    ranges
        Ranges of indices by name.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning* (2006), eq. 5.2 and 5.3.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    summed = _summed("dense", read, out, over)
    outputs = [index for index in out.indices if index not in read.indices]
    own = _Weights(weights or out.name)
    argument = own.product("W", outputs, summed, read)
    if bias:
        argument += f" + {own.declare('b', outputs)}"
    return Piece(
        str(out),
        _ranges("dense", ranges, (*out.indices, *read.names)),
        tuple(own.declarations),
        _with_activation(activation, out, argument),
    )


def activation(output: str, source: str, function: str, **ranges: Extent) -> Piece:
    """Return an activation by itself: ``activation("z[j]", "a[j]", "relu")`` is ``z[j] = relu(a[j])``.

    `function` is as the ``activation`` of other layers; softmax is over the last index of the output.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    return Piece(
        str(out),
        _ranges("activation", ranges, out.indices),
        equations=(f"{out} = {_activated(function, out, str(read))}",),
    )


@dataclass(frozen=True)
class _Window:
    """Along one axis: position ``p`` of the output reads ``stride*p + offset - padding`` of the source."""

    position: str
    axis: str
    offset: str
    size: Extent
    stride: Extent
    padding: Extent

    @property
    def subscript(self) -> str:
        start = self.position if self.stride == 1 else f"{self.stride}*{self.position}"
        return f"{start} + {self.offset}" + (f" - {self.padding}" if self.padding else "")

    def extent(self, length: Extent) -> str:
        """Return how many positions the output has: floor((length + 2*padding - size)/stride) + 1."""
        if all(isinstance(value, int) for value in (length, self.size, self.stride, self.padding)):
            return str((int(length) + 2 * int(self.padding) - int(self.size)) // int(self.stride) + 1)
        padding = 2 * self.padding if isinstance(self.padding, int) else f"2*{self.padding}"
        reach = f"{length} + {padding} - {self.size}" if padding else f"{length} - {self.size}"
        return f"{reach} + 1" if self.stride == 1 else f"floor(({reach})/{self.stride}) + 1"


def _each(given: Extent | Sequence[Extent], count: int, what: str) -> tuple[Extent, ...]:
    values: tuple[Extent, ...] = (given,) * count if isinstance(given, str | int) else tuple(given)
    if len(values) != count:
        raise OptionError(f"{len(values)} values of {what} do not fit {count} positions")
    return values


class _Sliding:
    """What convolutions and pools share: windows that slide over the last indices of the source."""

    def __init__(
        self,
        builder: str,
        out: _Quantity,
        read: _Quantity,
        count: int,
        size: Extent | Sequence[Extent],
        stride: Extent | Sequence[Extent],
        padding: Extent | Sequence[Extent],
        lengths: Extent | Sequence[Extent] | None,
        given: Mapping[str, Extent],
    ) -> None:
        positions, axes = out.indices[-count:], read.indices[-count:]
        if len(positions) < count or len(axes) < count or set(positions) & set(read.indices):
            raise IndexNotationError(
                f"{builder} reads {count} position{'s'[: count > 1]} of {read} for {out}",
                hint="Its positions stand last and have other names: 'h[c,p,q]' of 'x[r,u,v]'.",
            )
        offsets = [f"{letter}_{out.name}" for letter in "klm"[:count]]
        self.windows = tuple(
            _Window(*row)
            for row in zip(
                positions,
                axes,
                offsets,
                _each(size, count, "the window"),
                _each(stride, count, "stride"),
                _each(padding, count, "padding"),
                strict=True,
            )
        )
        self.offsets = tuple(offsets)
        self.read = read.at({window.axis: window.subscript for window in self.windows})
        self.declarations: list[tuple[str, str]] = []
        own: dict[str, Extent] = {window.offset: _from_zero(window.size) for window in self.windows}
        if lengths is not None:
            for window, length in zip(self.windows, _each(lengths, count, "lengths"), strict=True):
                extent = window.extent(length)
                if not extent.isdigit():
                    name = f"{window.position.upper()}_{out.name}"
                    self.declarations.append(("size", f"{name} = {extent}"))
                    extent = name
                own[window.position] = _from_zero(int(extent) if extent.isdigit() else extent)
        if any(window.padding for window in self.windows):
            self.declarations.append(("zero outside", str(read)))
        self.ranges = _ranges(builder, given, (*out.indices, *read.names), own)


def _from_zero(size: Extent) -> str:
    return f"0..{size - 1}" if isinstance(size, int) else f"0..{size}-1"


def _convolution(
    builder: str,
    count: int,
    output: str,
    source: str,
    kernel: Extent | Sequence[Extent],
    stride: Extent | Sequence[Extent],
    padding: Extent | Sequence[Extent],
    lengths: Extent | Sequence[Extent] | None,
    activation: str | None,
    bias: bool,
    weights: str | None,
    given: Mapping[str, Extent],
) -> Piece:
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    slide = _Sliding(builder, out, read, count, kernel, stride, padding, lengths, given)
    outputs = [index for index in out.indices[:-count] if index not in read.indices]
    summed = [index for index in read.indices[:-count] if index not in out.indices]
    own = _Weights(weights or out.name)
    argument = own.product("W", outputs, (*summed, *slide.offsets), slide.read)
    if bias:
        argument += f" + {own.declare('b', outputs)}"
    return Piece(
        str(out),
        slide.ranges,
        (*slide.declarations, *own.declarations),
        _with_activation(activation, out, argument),
    )


def conv1d(
    output: str,
    source: str,
    *,
    kernel: Extent,
    stride: Extent = 1,
    padding: Extent = 0,
    lengths: Extent | None = None,
    activation: str | None = None,
    bias: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a convolution (a cross-correlation, as is the custom) along one axis.

    .. math:: a_{cp} = \sum_r \sum_{k=0}^{K-1} W_{crk}\, x_{r,\,Sp+k-P} + b_c

    Parameters
    ----------
    output : str
        ``h[c,p]``, shape (channels, positions); positions count from 0.
    source : str
        ``x[r,q]``, shape (channels, length); positions count from 0. Indices in front that the output has too are
        passed through; a source without channels is fine.
    kernel : int or str
        Size K of the kernel, a number or a name. ``W_h`` has shape (channels, source channels, K), ``b_h`` (channels,).
    stride, padding : int or str
        S and P: numbers, sizes or integer constants. Padding is by zeros, and declares ``zero outside x[r,q]``.
    lengths : int or str, optional
        The length of the source; then the number of positions follows, floor((length + 2P - K)/S) + 1. Otherwise the
        range of ``p`` is declared elsewhere or given here, ``p="0..P-1"``.
    activation, bias, weights, ranges
        As in `dense`.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), eq. 9.6 to 9.8.
    """
    return _convolution(
        "conv1d", 1, output, source, kernel, stride, padding, lengths, activation, bias, weights, ranges
    )


def conv2d(
    output: str,
    source: str,
    *,
    kernel: Extent | tuple[Extent, Extent],
    stride: Extent | tuple[Extent, Extent] = 1,
    padding: Extent | tuple[Extent, Extent] = 0,
    lengths: tuple[Extent, Extent] | None = None,
    activation: str | None = None,
    bias: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a convolution (a cross-correlation, as is the custom) along two axes.

    .. math:: a_{cpq} = \sum_r \sum_{k,l} W_{crkl}\, x_{r,\,Sp+k-P,\,Sq+l-P} + b_c

    Parameters
    ----------
    output : str
        ``h[c,p,q]``, shape (channels, rows, columns).
    source : str
        ``x[r,u,v]``, shape (channels, rows, columns).
    kernel, stride, padding : int, str, or pair of them
    lengths : pair of int or str, optional
        Rows and columns of the source.
    activation, bias, weights, ranges
        As in `conv1d`; ``W_h`` has shape (channels, source channels, kernel rows, kernel columns).

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), eq. 9.6 to 9.8.
    """
    return _convolution(
        "conv2d", 2, output, source, kernel, stride, padding, lengths, activation, bias, weights, ranges
    )


def _pool(
    builder: str,
    reduction: str,
    output: str,
    source: str,
    window: Extent | Sequence[Extent],
    stride: Extent | Sequence[Extent] | None,
    lengths: Extent | Sequence[Extent] | None,
    given: Mapping[str, Extent],
) -> Piece:
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    count = sum(index not in read.indices for index in out.indices)
    if not count or out.indices[:-count] != read.indices[:-count]:
        raise IndexNotationError(
            f"{builder} changes the last indices of {read}, which {out} does not show",
            hint="Its positions stand last and have other names: 'm[c,p,q]' of 'h[c,u,v]'.",
        )
    slide = _Sliding(builder, out, read, count, window, window if stride is None else stride, 0, lengths, given)
    equation = f"{out} = {reduction}({', '.join(slide.offsets)}, {slide.read})"
    return Piece(str(out), slide.ranges, tuple(slide.declarations), (equation,))


def max_pool(
    output: str,
    source: str,
    *,
    window: Extent | Sequence[Extent] = 2,
    stride: Extent | Sequence[Extent] | None = None,
    lengths: Extent | Sequence[Extent] | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return the maximum over windows; the first place that attains it owns a tie.

    .. math:: m_{cpq} = \max_{k,l} h_{c,\,Sp+k,\,Sq+l}

    Parameters
    ----------
    output : str
        ``m[c,p]`` or ``m[c,p,q]``; positions have names that the source has not, and count from 0.
    source : str
        ``h[c,u]`` or ``h[c,u,v]``.
    window : int or str, or one for each position
    stride : int or str, or one for each position, optional
        None means the window: they touch and do not overlap.
    lengths : int or str, or one for each position, optional
        Extents of the source's positions, as in `conv1d`.
    ranges
        Ranges of indices by name.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 9.3.
    """
    return _pool("max_pool", "max", output, source, window, stride, lengths, ranges)


def mean_pool(
    output: str,
    source: str,
    *,
    window: Extent | Sequence[Extent] = 2,
    stride: Extent | Sequence[Extent] | None = None,
    lengths: Extent | Sequence[Extent] | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return the mean over windows; arguments as for `max_pool`.

    .. math:: m_{cpq} = \frac{1}{KL} \sum_{k,l} h_{c,\,Sp+k,\,Sq+l}
    """
    return _pool("mean_pool", "mean", output, source, window, stride, lengths, ranges)


class _Recurrence:
    """What recurrent layers share: the state one step before, and sums over input and state."""

    def __init__(
        self,
        builder: str,
        output: str,
        source: str,
        steps: Extent,
        reverse: bool,
        bias: bool,
        weights: str | None,
        given: Mapping[str, Extent],
    ) -> None:
        self.out, self.read = _Quantity.defined(output), _Quantity.read(source, "source")
        if len(self.out.indices) < 2 or self.out.indices[-2] not in self.read.indices:
            raise IndexNotationError(
                f"{builder} needs time and unit as the last indices of {self.out}, and the time in {self.read}",
                hint="Write such as 'h[t,j]' of 'x[t,i]'.",
            )
        self.time, self.unit = self.out.indices[-2:]
        self.summed = _summed(builder, self.read, self.out, None)
        self.other = _another(self.unit, (*self.out.indices, *self.read.names))
        self.first = f"{steps}+1" if reverse else "0"
        self.before = f"{self.time}+1" if reverse else f"{self.time}-1"
        self.during = f"for {self.time} = 1..{steps}"
        self.bias = bias
        self.own = _Weights(weights or self.out.name)
        allowed = (*self.out.indices, *self.read.names)
        self.ranges = _ranges(builder, given, allowed, {self.time: steps})

    def earlier(self, name: str | None = None) -> _Quantity:
        """Return the state (or another quantity) at the step before."""
        return self.out.called(name or self.out.name).at({self.time: self.before})

    def state(self, name: str, initial: str | None) -> str:
        """Return the equation of the state before the first step."""
        return f"{self.out.called(name).at({self.time: self.first})} = {initial or 0}"

    def from_input(self, gate: str) -> str:
        return self.own.product(f"W{gate}", [self.unit], self.summed, self.read)

    def from_state(self, gate: str, factor: str = "") -> str:
        state = self.earlier().at({self.unit: self.other})
        return self.own.product(f"V{gate}", [self.unit], [self.other], f"{factor}{state}")

    def shift(self, gate: str, letter: str = "b") -> str:
        return f" + {self.own.declare(f'{letter}{gate}', [self.unit])}" if self.bias else ""

    def gate(self, gate: str) -> str:
        return f"{self.from_input(gate)} + {self.from_state(gate)}{self.shift(gate)}"

    def piece(self, *equations: str) -> Piece:
        return Piece(str(self.out), self.ranges, tuple(self.own.declarations), equations)


def rnn(
    output: str,
    source: str,
    *,
    steps: Extent = "T",
    activation: str = "tanh",
    initial: str | None = None,
    reverse: bool = False,
    bias: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a simple recurrent layer.

    .. math:: h_{tj} = f\Bigl(\sum_i W_{ji} x_{ti} + \sum_{m} V_{jm} h_{t-1,m} + b_j\Bigr), \qquad h_{0j} = 0

    Parameters
    ----------
    output : str
        ``h[t,j]``, shape (steps + 1, units): the state before the first step is ``h[0,j]``. Indices in front that the
        source has too are passed through.
    source : str
        ``x[t,i]``, shape (steps, inputs).
    steps : int or str
        Number T of steps; declares ``t = 1..T``.
    activation : str
    initial : str, optional
        The state before the first step, such as ``s[j]``, declared elsewhere; None means 0.
    reverse : bool
        Whether time runs from T to 1; the state "before" is then ``h[T+1,j]``. Two layers make a bidirectional one.
    bias : bool
    weights : str, optional
        ``W_h`` has shape (units, inputs), ``V_h`` (units, units), ``b_h`` (units,).
    ranges
        Ranges of indices by name.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), eq. 10.8 and 10.9.
    """
    own = _Recurrence("rnn", output, source, steps, reverse, bias, weights, ranges)
    argument = own.gate("")
    return own.piece(
        own.state(own.out.name, initial),
        f"{own.out} = {_activated(activation, own.out, argument)} {own.during}",
    )


def lstm(
    output: str,
    source: str,
    *,
    steps: Extent = "T",
    initial: str | None = None,
    initial_cell: str | None = None,
    reverse: bool = False,
    bias: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a long short-term memory with input, forget and output gate.

    .. math::
        i, f, o = \sigma(W_g x_t + V_g h_{t-1} + b_g), \quad g = \tanh(W_g x_t + V_g h_{t-1} + b_g)

        c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)

    Parameters
    ----------
    output, source, steps, reverse, bias, ranges
        As in `rnn`.
    initial, initial_cell : str, optional
        State and cell before the first step; None means 0.
    weights : str, optional
        For each gate g of i, f, o, g: ``Wg_h`` (units, inputs), ``Vg_h`` (units, units), ``bg_h`` (units,). The cell is
        ``c_h``, the gates are ``i_h``, ``f_h``, ``o_h`` and ``g_h`` after the output, whatever `weights` is.

    References
    ----------
    Hochreiter and Schmidhuber, Long short-term memory, *Neural Computation* 9 (1997) 1735; with the forget gate of
    Gers, Schmidhuber and Cummins, *Neural Computation* 12 (2000) 2451, without peepholes.
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), eq. 10.40 to 10.44.
    """
    own = _Recurrence("lstm", output, source, steps, reverse, bias, weights, ranges)
    name = own.out.name
    gates = {gate: own.out.called(f"{gate}_{name}") for gate in "ifog"}
    cell = own.out.called(f"c_{name}")
    return own.piece(
        own.state(cell.name, initial_cell),
        own.state(name, initial),
        *(
            f"{value} = {'tanh' if gate == 'g' else 'sigmoid'}({own.gate(gate)}) {own.during}"
            for gate, value in gates.items()
        ),
        f"{cell} = {gates['f']}*{own.earlier(cell.name)} + {gates['i']}*{gates['g']} {own.during}",
        f"{own.out} = {gates['o']}*tanh({cell}) {own.during}",
    )


def gru(
    output: str,
    source: str,
    *,
    steps: Extent = "T",
    initial: str | None = None,
    reset_after: bool = False,
    reverse: bool = False,
    bias: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return a gated recurrent unit.

    .. math::
        r, z = \sigma(W x_t + V h_{t-1} + b), \quad c = \tanh(W x_t + V (r \odot h_{t-1}) + b), \quad
        h_t = z \odot h_{t-1} + (1 - z) \odot c

    Parameters
    ----------
    output, source, steps, initial, reverse, bias, ranges
        As in `rnn`.
    reset_after : bool
        Whether the reset gate multiplies :math:`V h_{t-1} + d` instead of :math:`h_{t-1}`, as several libraries do;
        ``dc_h`` (units,) is the second bias.
    weights : str, optional
        For each of r, z, c: ``Wr_h`` (units, inputs), ``Vr_h`` (units, units), ``br_h`` (units,).

    References
    ----------
    Cho et al., Learning phrase representations using RNN encoder-decoder (2014), eq. 5 to 8.
    """
    own = _Recurrence("gru", output, source, steps, reverse, bias, weights, ranges)
    name = own.out.name
    reset, update, candidate = (own.out.called(f"{letter}_{name}") for letter in "rzc")
    gates = [f"{gate} = sigmoid({own.gate(gate.name[0])}) {own.during}" for gate in (reset, update)]
    given = own.from_input("c")
    if reset_after:
        recurrent = f"{reset}*({own.from_state('c')}{own.shift('c', 'd')})"
    else:
        recurrent = own.from_state("c", f"{reset.at({own.unit: own.other})}*")
    return own.piece(
        own.state(name, initial),
        *gates,
        f"{candidate} = tanh({given} + {recurrent}{own.shift('c')}) {own.during}",
        f"{own.out} = {update}*{own.earlier()} + (1 - {update})*{candidate} {own.during}",
    )


def attention(
    output: str,
    source: str,
    *,
    width: Extent,
    heads: Extent | None = None,
    memory: str | None = None,
    causal: bool = False,
    bias: bool = False,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return scaled dot-product attention with one or several heads.

    .. math::
        q_{asc} = \sum_e W^q_{ace} x_{se}, \quad r_{asu} = \frac{1}{\sqrt C} \sum_c q_{asc} k_{auc}, \quad
        p_{as\cdot} = \mathrm{softmax}(r_{as\cdot}), \quad
        o_{sd} = \sum_{a,c} W^o_{dac} \sum_u p_{asu} v_{auc}

    Parameters
    ----------
    output : str
        ``o[s,d]``, shape (positions, features).
    source : str
        ``x[s,e]``, shape (positions, features), from which the queries come; ``x[s,d]`` is fine too. Indices in front
        are passed through.
    width : int or str
        Number C of components of each query, key and value.
    heads : int or str, optional
        Number of heads; None means one, without an index for it.
    memory : str, optional
        What keys and values come from, ``y[u,e]``; None means the source (self-attention).
    causal : bool
        Whether a position sees only itself and those before it.
    bias : bool
        Whether queries, keys, values and output have one.
    weights : str, optional
        ``Wq_o``, ``Wk_o``, ``Wv_o`` have shape (heads, width, features), ``Wo_o`` (features, heads, width).
    ranges
        Ranges of indices by name.

    References
    ----------
    Vaswani et al., Attention is all you need (2017), eq. 1 and section 3.2.2.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    if len(out.indices) < 2 or len(read.indices) < 2 or out.indices[:-1] != read.indices[:-1]:
        raise IndexNotationError(
            f"attention needs position and feature as the last indices, not {out} of {read}",
            hint="Write such as 'o[s,d]' of 'x[s,e]'.",
        )
    *front, position, _ = read.indices
    if memory is None:
        # Keys and values are defined at the position's own index, and read at a second one.
        known, place, seen = read, position, _another(position, (*out.indices, *read.indices))
    else:
        known = _Quantity.read(memory, "memory")
        if len(known.indices) < 2 or known.indices[-2] in (*out.indices, *read.indices):
            raise IndexNotationError(
                f"the position of the memory {known} needs a name of its own", hint="Write such as 'y[u,e]'."
            )
        if causal:
            raise OptionError("attention to another sequence is not causal", hint="Leave memory or causal away.")
        place = seen = known.indices[-2]
    name = out.name
    head = (f"a_{name}",) if heads is not None else ()
    component = f"c_{name}"
    own = _Weights(weights or name)

    def projected(letter: str, of: _Quantity, at: str) -> tuple[_Quantity, str]:
        value = _Quantity(f"{letter}_{name}", (*front, *head, at, component))
        summed = [of.indices[-1]]
        right = own.product(f"W{letter}", (*head, component), summed, of)
        if bias:
            right += f" + {own.declare(f'b{letter}', (*head, component))}"
        return value, f"{value} = {right}"

    queries, query_equation = projected("q", read, position)
    keys, key_equation = projected("k", known, place)
    values, value_equation = projected("v", known, place)
    scores = _Quantity(f"r_{name}", (*front, *head, position, seen))
    shares = scores.called(f"p_{name}")
    mixed = _Quantity(f"z_{name}", (*front, *head, position, component))
    bound = f"{seen} = {_first(ranges, position)}..{position}" if causal else seen
    right = own.product("Wo", out.indices[-1:], (*head, component), mixed)
    if bias:
        right += f" + {own.declare('bo', out.indices[-1:])}"
    equations = (
        query_equation,
        key_equation,
        value_equation,
        f"{scores} = sum({component}, {queries}*{keys.at({place: seen})})/sqrt({width})",
        f"{shares} = softmax({bound}, {scores})",
        f"{mixed} = sum({seen}, {shares}*{values.at({place: seen})})",
        f"{out} = {right}",
    )
    inner: dict[str, Extent] = {component: width, **(dict.fromkeys(head, heads) if heads is not None else {})}
    return Piece(
        str(out),
        _ranges("attention", ranges, (*out.indices, *read.names, *known.names), inner),
        tuple(own.declarations),
        equations,
    )


def _first(ranges: Mapping[str, Extent], index: str) -> str:
    return _limits(ranges[index]).split("..")[0] if index in ranges else "1"


def _normalisation(
    builder: str,
    out: _Quantity,
    read: _Quantity,
    over: tuple[str, ...],
    scaled: Sequence[str],
    epsilon: str | float,
    affine: bool,
    weights: str | None,
    given: Mapping[str, Extent],
) -> Piece:
    if set(out.indices) != set(read.indices) or not over or not set(over) <= set(out.indices):
        raise IndexNotationError(
            f"{builder} takes {out} from {read}, over {', '.join(over) or 'nothing'}",
            hint="Output and source have the same indices: 'y[s,d]' of 'x[s,d]'.",
        )
    name = out.name
    rest = tuple(index for index in out.indices if index not in over)
    mean, variance, scale = (_Quantity(f"{letter}_{name}", rest) for letter in ("mu", "var", "r"))
    own = _Weights(weights or name)
    summed = ", ".join(over)
    # Shared parameters do not mean a shared constant: it is called after the output.
    declarations: list[tuple[str, str]] = [("constant", f"eps_{name} = {epsilon}")]
    equations = [
        f"{mean} = mean({summed}, {read})",
        f"{variance} = mean({summed}, ({read} - {mean})**2)",
        f"{scale} = 1/sqrt({variance} + eps_{name})",
    ]
    if affine:
        standard = out.called(f"n_{name}")
        equations.append(f"{standard} = ({read} - {mean})*{scale}")
        equations.append(f"{out} = {own.declare('g', scaled)}*{standard} + {own.declare('b', scaled)}")
    else:
        equations.append(f"{out} = ({read} - {mean})*{scale}")
    return Piece(
        str(out),
        _ranges(builder, given, out.indices),
        (*declarations, *own.declarations),
        tuple(equations),
    )


def layer_norm(
    output: str,
    source: str,
    *,
    over: str | Sequence[str] | None = None,
    epsilon: str | float = "1e-5",
    affine: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return layer normalisation: mean 0 and variance 1 over the features of one example.

    .. math:: y_d = g_d \frac{x_d - \mu}{\sqrt{\sigma^2 + \epsilon}} + b_d, \quad
        \mu = \frac1D \sum_d x_d, \quad \sigma^2 = \frac1D \sum_d (x_d - \mu)^2

    Parameters
    ----------
    output, source : str
        ``y[s,d]`` of ``x[s,d]``, the same shape.
    over : str or sequence of str, optional
        The features; None means the last index.
    epsilon : float or str
    affine : bool
        Whether the result is scaled by ``g_y`` and shifted by ``b_y``, each of the shape of the features.
    weights, ranges
        As in `dense`.

    References
    ----------
    Ba, Kiros and Hinton, Layer normalization (2016), eq. 3 and 4.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    features = out.indices[-1:] if over is None else _names(over)
    return _normalisation("layer_norm", out, read, features, features, epsilon, affine, weights, ranges)


def batch_norm(
    output: str,
    source: str,
    *,
    over: str | Sequence[str] | None = None,
    examples: Extent | None = None,
    epsilon: str | float = "1e-5",
    affine: bool = True,
    weights: str | None = None,
    **ranges: Extent,
) -> Piece:
    r"""Return batch normalisation, in training: mean 0 and variance 1 of each feature over the examples.

    .. math:: y_{nj} = g_j \frac{x_{nj} - \mu_j}{\sqrt{\sigma_j^2 + \epsilon}} + b_j, \quad
        \mu_j = \frac1N \sum_n x_{nj}, \quad \sigma_j^2 = \frac1N \sum_n (x_{nj} - \mu_j)^2

    Parameters
    ----------
    output, source : str
        ``y[n,j]`` of ``x[n,j]``, the same shape, the examples first.
    over : str or sequence of str, optional
        What statistics are taken over; None means the first index. Images take the positions too: ``over="npq"`` is
        written ``over=("n", "p", "q")``.
    examples : int or str, optional
        Their number; declares ``batch n = 1..N``. None: it is declared elsewhere.
    epsilon : float or str
    affine : bool
        Whether the result is scaled by ``g_y`` and shifted by ``b_y``, shape of the features.
    weights, ranges
        As in `dense`.

    References
    ----------
    Ioffe and Szegedy, Batch normalization (2015), algorithm 1.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    places = out.indices[:1] if over is None else _names(over)
    features = tuple(index for index in out.indices if index not in places)
    piece = _normalisation("batch_norm", out, read, places, features, epsilon, affine, weights, ranges)
    if examples is None:
        return piece
    first = out.indices[0]
    return Piece(piece.output, ((first, _limits(examples)), *piece.ranges), piece.declarations, piece.equations, first)


def embedding(output: str, source: str, *, vocabulary: Extent, weights: str | None = None, **ranges: Extent) -> Piece:
    r"""Return a table look-up: row ``tok[s]`` of a table.

    .. math:: e_{sd} = E_{\mathrm{tok}_s,\,d}

    Parameters
    ----------
    output : str
        ``e[s,d]``, shape (positions, features).
    source : str
        ``tok[s]``, shape (positions,): integers from 0 to `vocabulary` - 1. The layer declares it.
    vocabulary : int or str
    weights : str, optional
        The table is ``E_e``, shape (vocabulary, features).
    ranges
        Ranges of indices by name.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 12.4.2.
    """
    out, read = _Quantity.defined(output), _Quantity.defined(source)
    features = [index for index in out.indices if index not in read.indices]
    own = _Weights(weights or out.name)
    word = f"v_{own.suffix}"
    table = _Quantity(f"E_{own.suffix}", (word, *features))
    own.declare("E", table.indices)
    return Piece(
        str(out),
        _ranges("embedding", ranges, out.indices, {word: _from_zero(vocabulary)}),
        (("integer", f"{read} in {_from_zero(vocabulary)}"), *own.declarations),
        (f"{out} = {table.at({word: str(read)})}",),
    )


def dropout(output: str, source: str, *, mask: str, keep: str | float, **ranges: Extent) -> Piece:
    r"""Return inverted dropout with a given mask: what is kept is scaled up, so that prediction needs no change.

    .. math:: y_j = m_j x_j / \kappa, \qquad m_j \in \{0, 1\}

    Parameters
    ----------
    output, source : str
        ``y[j]`` of ``x[j]``, the same shape.
    mask : str
        ``m[j]`` or a name alone, which takes the indices of the output. It is an input: drawn for each example, 1
        with probability `keep` and else 0; `keep` itself everywhere when predicting.
    keep : float or str
        Probability κ that a value is kept, in (0, 1]; a number, which becomes the hyperparameter ``keep_y``, or the
        name of a quantity.
    ranges
        Ranges of indices by name.

    References
    ----------
    Srivastava et al., Dropout, *Journal of Machine Learning Research* 15 (2014) 1929, section 10.
    """
    out, read = _Quantity.defined(output), _Quantity.read(source, "source")
    cover = _Quantity.read(mask, "mask")
    if not cover.indices:
        cover = out.called(cover.name)
    declarations = [("input", str(cover))]
    share = str(keep)
    if not isinstance(keep, str):
        if not 0 < keep <= 1:
            raise OptionError(f"keep is a probability, not {keep}", hint="Give one in (0, 1].")
        share = f"keep_{out.name}"
        declarations.append(("hyperparameter", f"{share} = {keep}"))
    return Piece(
        str(out),
        _ranges("dropout", ranges, out.indices),
        tuple(declarations),
        (f"{out} = {cover}*{read}/{share}",),
    )


def residual(output: str, *sources: str, **ranges: Extent) -> Piece:
    r"""Return the sum of what several layers give: ``residual("y[s,d]", "x[s,d]", "h[s,d]")``.

    .. math:: y = x + F(x)

    All have the same shape.

    References
    ----------
    He et al., Deep residual learning for image recognition (2016), eq. 1.
    """
    out = _Quantity.defined(output)
    if not sources:
        raise OptionError("residual needs what it adds", hint="Write residual('y[j]', 'x[j]', 'h[j]').")
    terms = " + ".join(str(_Quantity.read(source, "source")) for source in sources)
    return Piece(str(out), _ranges("residual", ranges, out.indices), equations=(f"{out} = {terms}",))


# Objectives.


def loss(
    function: str,
    target: str,
    prediction: str,
    *,
    output: str = "L",
    over: str | None = None,
    reduce: str = "mean",
    distribution: bool = True,
    **ranges: Extent,
) -> Piece:
    """Return a loss, and declare its target.

    Parameters
    ----------
    function : str
        A loss of the catalogue, such as ``cross_entropy`` or ``half_squared_error``.
    target : str
        ``t[n,k]``, or a name alone, which takes the indices of the prediction.
    prediction : str
        ``y[n,k]``.
    output : str
        Name of the loss, a scalar.
    over : str, optional
        The index that a reducing loss (`cross_entropy`, `mse`) runs over; None means the last one of the prediction.
    reduce : str
        ``mean`` or ``sum``: what becomes of all other indices.
    distribution : bool
        Whether the target of a cross-entropy sums to 1, one-hot or soft, and the network states so; the gradient by the
        logits of a softmax is then ``y[k] - t[k]``.
    ranges
        Ranges of indices by name.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning* (2006), section 5.2; each loss of the catalogue names its own.
    """
    row = LOSSES.get(function)
    if row is None:
        near = nearest(function, LOSSES)
        hint = f"Did you mean '{near}'?" if near else f"Known: {', '.join(LOSSES)}."
        raise OptionError(f"there is no loss '{function}'", hint=hint)
    if reduce not in ("mean", "sum"):
        raise OptionError(f"a loss is reduced by mean or sum, not {reduce!r}")
    predicted, wanted = _Quantity.read(prediction, "prediction"), _Quantity.read(target, "target")
    if not wanted.indices:
        wanted = predicted.called(wanted.name)
    others = list(dict.fromkeys(predicted.names))
    facts: tuple[tuple[str, str], ...] = ()
    right = f"{wanted}, {predicted}"
    if row.reduces:
        own = over or (others[-1] if others else None)
        if own not in others:
            raise IndexNotationError(f"{function} runs over an index, which {predicted} has not")
        others.remove(own)
        right = f"{own}, {right}"
        if distribution and function in _OF_DISTRIBUTIONS:
            facts = (("assume", f"sum({own}, {wanted}) = 1"),)
    right = f"{function}({right})"
    if others:
        right = f"{reduce}({', '.join(others)}, {right})"
    return Piece(
        output,
        _ranges("loss", ranges, predicted.names),
        (("target", str(wanted)), *facts),
        (f"{output} = {right}",),
    )


def weight_decay(output: str, *parameters: str, rate: str = "lambda_decay", value: float | str = "1e-4") -> Piece:
    r"""Return the penalty on squares of parameters, ``weight_decay("R", "W_h[j,i]", "W_y[k,j]")``.

    .. math:: R = \frac{\lambda}{2} \sum_{W} \sum_{ji} W_{ji}^2

    Parameters
    ----------
    output : str
        Its name; add it to the loss: ``"J = L + R"``.
    parameters : str
        Each with its indices.
    rate : str
        Name of the hyperparameter λ.
    value : float or str
        Its default.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning* (2016), eq. 7.1 and 7.2.
    """
    if not parameters:
        raise OptionError("weight_decay needs parameters", hint="Write weight_decay('R', 'W_h[j,i]').")
    squares = []
    for parameter in parameters:
        own = _Quantity.defined(parameter)
        squares.append(f"sum({', '.join(own.indices)}, {own}**2)" if own.indices else f"{own}**2")
    total = squares[0] if len(squares) == 1 else f"({' + '.join(squares)})"
    return Piece(
        output,
        declarations=(("hyperparameter", f"{rate} = {value}"),),
        equations=(f"{output} = {rate}/2*{total}",),
    )


# Composition.


def network(
    *pieces: Piece | str,
    loss: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    minimize: str | None = None,
    maximize: str | None = None,
) -> Network:
    """Return the network that pieces and statements make together.

    Parameters
    ----------
    pieces : Piece or str
        In any order that reads well; a str holds statements of the language.
    loss : str, optional
        A loss of the catalogue, of `target` and `prediction`; it is called ``L`` and minimised.
    target : str, optional
        As in the function `loss`.
    prediction : str, optional
        None means the output of the last piece.
    minimize, maximize : str, optional
        Name of the objective where it is not `loss`.

    Raises
    ------
    SympropError
        If two pieces contradict each other, or the text that they make cannot be read; its place is one in that text.
    """
    return parse(text(*pieces, loss=loss, target=target, prediction=prediction, minimize=minimize, maximize=maximize))


def text(
    *pieces: Piece | str,
    loss: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    minimize: str | None = None,
    maximize: str | None = None,
) -> str:
    """Return the statements of `network` without reading them."""
    ending: list[str] = []
    if loss is not None:
        if target is None:
            raise OptionError("a loss needs a target", hint="Write network(..., loss='cross_entropy', target='t').")
        outputs = [piece.output for piece in pieces if isinstance(piece, Piece)]
        if prediction is None and not outputs:
            raise OptionError("a loss needs a prediction", hint="Write network(..., prediction='y[k]').")
        pieces = (*pieces, _loss(loss, target, prediction or outputs[-1]))
        if minimize is None and maximize is None:
            minimize = "L"
    elif target is not None:
        raise OptionError("a target needs a loss", hint="Write network(..., loss='cross_entropy', target='t').")
    if minimize is not None:
        ending.append(f"minimize {minimize}")
    if maximize is not None:
        ending.append(f"maximize {maximize}")
    if loss is not None:
        ending.append(f"predict {_Quantity.read(prediction or outputs[-1], 'prediction').name}")
    blocks = [_index_statements(pieces)]
    stated: set[tuple[str, str]] = set()
    for piece in pieces:
        blocks.append(piece.strip("\n").splitlines() if isinstance(piece, str) else _lines(piece, stated))
    blocks[-1].extend(ending)
    if len(pieces) == 1:
        return "\n".join(line for block in blocks for line in block)
    return "\n\n".join("\n".join(block) for block in blocks if block)


_loss = loss  # inside `text` and `network` the name is that of an option


def _index_statements(pieces: Sequence[Piece | str]) -> list[str]:
    """Return the statements of all indices; the same range may be told twice, not two different ones."""
    known: dict[str, str] = {}
    examples: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            continue
        if piece.batch is not None and piece.batch not in examples:
            examples.append(piece.batch)
        for name, limits in piece.ranges:
            before = known.setdefault(name, limits)
            if before.replace(" ", "") != limits.replace(" ", ""):
                raise DeclarationError(
                    f"the index '{name}' has the range {before} and, in {piece.output}, {limits}",
                    hint="Give one of them another name.",
                )
    found = []
    for word, names in (("batch", examples), ("index", [name for name in known if name not in examples])):
        rows = [f"{name} = {known[name]}" for name in names]
        if rows:
            found.append(f"{word} {', '.join(rows)}")
    return found


def _lines(piece: Piece, stated: set[tuple[str, str]]) -> list[str]:
    """Return declarations and equations of a piece; what is `stated` already is not stated again."""
    rows: dict[str, list[str]] = {}
    for declaration in piece.declarations:
        if declaration not in stated:
            stated.add(declaration)
            word, content = declaration
            rows.setdefault(word, []).append(content)
    return [*(f"{word} {', '.join(contents)}" for word, contents in rows.items()), *piece.equations]


__all__ = [
    "Piece",
    "activation",
    "attention",
    "batch",
    "batch_norm",
    "conv1d",
    "conv2d",
    "dense",
    "dropout",
    "embedding",
    "gru",
    "input",
    "layer_norm",
    "loss",
    "lstm",
    "max_pool",
    "mean_pool",
    "network",
    "residual",
    "rnn",
    "target",
    "text",
    "weight_decay",
]


def __dir__() -> list[str]:
    return sorted(__all__)
