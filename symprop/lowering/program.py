"""A program: loops over array elements, products of matrices and kernels that are called, in no target language.

Expressions are those of `algebra.expressions`, read as code: an `Access` with indices is an element of an array at
positions counted from 0, one without indices is a local number, an `Index` is a loop variable and a `Size` an integer
that is known when arrays are.  No expression holds a `Reduction`; those have become loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from symprop.algebra.expressions import ONE, ZERO, Access, Expr, Index
from symprop.declaration.network import Objective


@dataclass(frozen=True)
class Comment:
    """What the following statements compute, for readers of the generated code."""

    text: str


@dataclass(frozen=True)
class Assign:
    """``target = value``; a target without indices is a local number."""

    target: Access
    value: Expr


@dataclass(frozen=True)
class Accumulate:
    """``target = target operator value`` with operator ``add``, ``mul``, ``max`` or ``min``."""

    target: Access
    value: Expr
    operator: str = "add"


@dataclass(frozen=True)
class Loop:
    """``body`` for every value of `index` from `start` up to, not including, `stop`; backwards if `descending`."""

    index: Index
    start: Expr
    stop: Expr
    body: tuple[Statement, ...]
    descending: bool = False


@dataclass(frozen=True)
class If:
    """``then`` where `condition` holds, else ``otherwise``."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


# Names that no network can have are in brackets.
ONES = "(one)"  # the array with the one element 1; as a matrix with strides 0 it is a matrix of ones
PACKED = "(packed)"  # room for a copy of a matrix


@dataclass(frozen=True)
class Matrix:
    """Elements of an array seen as a matrix: element (r, c) lies at ``offset + r*row_stride + c*column_stride``.

    All three are counted in elements from the start of the array.
    """

    array: str
    offset: Expr
    row_stride: Expr
    column_stride: Expr


@dataclass(frozen=True)
class Product:
    """``out = alpha*left@right + beta*out`` for matrices of (rows, inner), (inner, columns) and (rows, columns).

    Neighbours in a row of `out` are neighbours in memory.
    """

    out: Matrix
    left: Matrix
    right: Matrix
    rows: Expr
    columns: Expr
    inner: Expr
    alpha: Expr = ONE
    beta: Expr = ZERO


@dataclass(frozen=True)
class Invoke:
    """A call of the kernel `function` with arrays and integers, in the order of its arguments.

    If `flat`, the kernel sees every array as one long row of elements, in the order of memory.
    """

    function: str
    arrays: tuple[str, ...]
    integers: tuple[Expr, ...]
    flat: bool = False


Statement = Comment | Assign | Accumulate | Loop | If | Product | Invoke


@dataclass(frozen=True)
class Kernel:
    """A function of arrays and integers that writes into some of the arrays.

    Attributes
    ----------
    name : str
    arrays : tuple of str
        Names of the arrays as they stand in `body`.
    ranks : tuple of int
        Number of axes of each.
    integers : tuple of str
        Names of sizes and outer loop variables that `body` uses.
    body : tuple of Statement
    """

    name: str
    arrays: tuple[str, ...]
    ranks: tuple[int, ...]
    integers: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Buffer:
    """An array of a program.

    Attributes
    ----------
    name : str
        As in the formulas: ``W1``, ``z_bar``.
    extents : tuple of Expr
        In sizes; a scalar is an array of one element (``(ONE,)``).
    storage : str
        ``parameter`` (in the flat parameters), ``gradient`` (in the flat gradient), ``data`` (given as an array of its
        own), ``hyperparameter``, ``size`` (a size that differs from layer to layer) or ``work``.
    scalar : bool
        Whether it stands for a scalar quantity, whose array has shape ().
    shares : str or None
        The buffer whose memory this one takes over.
    integer : bool
        Whether its elements are integers.
    """

    name: str
    extents: tuple[Expr, ...]
    storage: str
    scalar: bool = False
    shares: str | None = None
    integer: bool = False


@dataclass(frozen=True)
class Routine:
    """A sequence of kernels and products over named buffers: the forward pass, or the gradient.

    Attributes
    ----------
    name : str
    buffers : tuple of Buffer
        Every array that `body` touches, work buffers in the order in which they are first written.
    body : tuple of Statement
        Whole-array statements: `Invoke`, `Product`, `Loop` and `If` around them, `Comment`.
    outputs : tuple of str
        Buffers whose contents are wanted afterwards.
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Layered:
    """A size that differs from layer to layer: an array of integers whose position 0 is layer `first`."""

    name: str
    first: Expr
    last: Expr


@dataclass(frozen=True)
class Greatest:
    """The size `name` is the greatest element of the layered size `of`, from position `first` up to `last`."""

    name: str
    of: str
    first: Expr
    last: Expr


@dataclass(frozen=True)
class Parts:
    """How a ragged array is a list of arrays.

    Attributes
    ----------
    axis : int
        The axis that the list stands for.
    index : Index
        Its index, as it stands in `shape`.
    first : Expr
        The index of the first part.
    shape : tuple of Expr
        The shape of a part: the other axes.
    """

    axis: int
    index: Index
    first: Expr
    shape: tuple[Expr, ...]


@dataclass(frozen=True)
class Solve:
    """How a size follows from an array: axis `axis` of `name` has extent ``coefficient*size + offset``.

    Attributes
    ----------
    layer : Expr or None
        Of a size that differs from layer to layer: the position of the layer.
    of_parts : bool
        Whether the axis is one of each part of a ragged array; its index may then stand in the expressions.
    """

    size: str
    name: str
    axis: int
    coefficient: Expr
    offset: Expr
    layer: Expr | None = None
    of_parts: bool = False


@dataclass(frozen=True)
class Check:
    """A reading that stays inside its axis only for some sizes: ``lower <= index <= upper`` must hold at both ends.

    The reading happens only if every range of `nonempty` (pairs of limits) holds a value.
    """

    reading: str
    least: Expr
    greatest: Expr
    lower: Expr
    upper: Expr
    nonempty: tuple[tuple[Expr, Expr], ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Given:
    """An array that comes from outside.

    Attributes
    ----------
    name, role : str
    indices : tuple of str
        Index names of its axes, for messages.
    extents : tuple of Expr
        In sizes; () for a number. Of a ragged array those of the box that it lies in.
    examples : int or None
        Which axis counts the examples.
    integer : bool
        Whether its values are integers that may index.
    limits : tuple of Expr or None
        Least and greatest value allowed, where they index.
    start : str
        How a parameter starts: ``zeros`` (a bias), ``ones`` (a scale), or ``uniform`` with `fan_in` and `fan_out`.
    parts : Parts or None
        How a ragged array is a list of arrays.
    """

    name: str
    role: str
    indices: tuple[str, ...]
    extents: tuple[Expr, ...]
    examples: int | None = None
    integer: bool = False
    limits: tuple[Expr, Expr] | None = None
    start: str = "uniform"
    fan_in: Expr = ONE
    fan_out: Expr = ONE
    parts: Parts | None = None


@dataclass(frozen=True)
class Update:
    """An optimiser's step on the flat parameters: phases that each run over all elements.

    Attributes
    ----------
    name : str
    hyperparameters : tuple of (str, Fraction)
        Names and defaults, dimensionless.
    state : tuple of (str, Fraction)
        One flat array each, with its first value.
    phases : tuple of Phase
    """

    name: str
    hyperparameters: tuple[tuple[str, Fraction], ...]
    state: tuple[tuple[str, Fraction], ...]
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class Phase:
    """Numbers that hold for all elements, then a loop over the elements.

    Attributes
    ----------
    norms : tuple of (str, str)
        Local name and array (``gradient``, ``parameters`` or ``state_...``) whose Euclidean norm it is.
    scalars : tuple of Assign
        Computed once: ``correction = 1 - beta1**step``.
    body : tuple of Statement
        For element `ELEMENT`.
    """

    norms: tuple[tuple[str, str], ...]
    scalars: tuple[Assign, ...]
    body: tuple[Statement, ...]


ELEMENT = Index("(element)")


@dataclass(frozen=True)
class Step:
    """What training does with every minibatch for one objective.

    Attributes
    ----------
    objective : str
        Its name.
    sense : str
        ``minimize`` or ``maximize``.
    gradient : Routine
        Leaves the derivatives by `over`, in this order, and the objective in the buffer `total`.
    total : str
    over : tuple of str
        The parameters that it changes.
    """

    objective: str
    sense: str
    gradient: Routine
    total: str
    over: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Everything that a module is printed from.

    Attributes
    ----------
    text : str
        The network as written.
    sizes : tuple of (str, Expr or None)
        Size names; the expression of those that follow from others.
    given : tuple of Given
        Inputs, targets and parameters.
    hyperparameters : tuple of (str, Fraction or None)
        The network's own, with defaults.
    defined : tuple of (str, tuple of Expr, bool)
        Defined quantities that the forward pass returns: name, extents, whether it is a scalar.
    ragged : tuple of (str, Parts)
        How ragged ones among the defined quantities are lists of arrays.
    layered : tuple of Layered
        Sizes that differ from layer to layer.
    greatest : tuple of Greatest
    objective : str
        Name of the objective; "" if there is none.
    sense : str
        ``minimize`` or ``maximize``.
    reduction : str
        ``mean`` or ``sum`` over the examples; "" if the network says it itself.
    predictions : tuple of str
    kernels : tuple of Kernel
    forward, gradient : Routine
        `gradient` leaves the objective in the buffer called by `objective_buffer`.
    wrt : tuple of str
        What is differentiated by, hence what the flat gradient holds.
    update : Update, optional
    solves : tuple of Solve
    checks : tuple of Check
    fixed : mapping as tuple of (str, int or tuple of int)
        Sizes that were given when compiling.
    examples : str
        The size that counts the examples; "" if there is none.
    depends : tuple of (str, tuple of str)
        For each defined quantity, the inputs and targets that it needs.
    objectives : tuple of Objective
        What is optimised, in the order of the file.
    totals : tuple of (str, str)
        For each objective by name, the buffer of the forward pass that holds it.
    steps : tuple of Step
        What training does with every minibatch: a step for each objective.
    """

    text: str
    sizes: tuple[tuple[str, Expr | None], ...]
    given: tuple[Given, ...]
    hyperparameters: tuple[tuple[str, Fraction | None], ...]
    defined: tuple[tuple[str, tuple[Expr, ...], bool], ...]
    objective: str
    objective_buffer: str
    sense: str
    reduction: str
    predictions: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    forward: Routine
    gradient: Routine | None
    wrt: tuple[str, ...] = ()
    update: Update | None = None
    solves: tuple[Solve, ...] = ()
    checks: tuple[Check, ...] = ()
    fixed: tuple[tuple[str, int | tuple[int, ...]], ...] = ()
    examples: str = ""
    depends: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ragged: tuple[tuple[str, Parts], ...] = ()
    layered: tuple[Layered, ...] = ()
    greatest: tuple[Greatest, ...] = ()
    objectives: tuple[Objective, ...] = ()
    totals: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()


def statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Yield every statement of `body`, outer before inner."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop):
            yield from statements(statement.body)
        elif isinstance(statement, If):
            yield from statements(statement.then)
            yield from statements(statement.otherwise)
