"""Compiled functions of a network: from its text to callables, through a module on disk.

The interface, for whoever builds on it (`runtime.fit` does)::

    functions = compile(network_or_text, sizes={"H": 16}, dtype="float64", target="numba", reduction="mean",
                        optimizer=None, wrt=None, of=None)

    functions.metadata                       # Metadata: roles, axes, sizes, hyperparameters, objective, predictions
    functions.sizes_of(parameters, data)     # {"N": 303, "D": 13, "H": 16}, from the arrays and `sizes`
    functions.initialize(seed=0, data=None)  # {name: array}; `data` supplies the sizes that were not given
    functions.forward(parameters, data)      # {name: array}: every defined quantity
    functions.gradient(parameters, data)     # (objective, {name: array}), derivatives of the objective as written
    functions.objective(parameters, data)    # the objective alone, over all examples given
    functions.objectives(parameters, data)   # {name: value} of each, if the network has several

``data`` holds inputs and targets, the examples as first axis unless the network declares a batch index (then that
axis, wherever it stands).  A hyperparameter may be given in ``data`` too; otherwise its default holds.  What is not
needed (the target when predicting) may be missing in `forward`: then only what can be computed comes back.

Training works on flat arrays, inside one compiled function::

    training = functions.start(parameters, data, batch_size=32, seed=0, shuffle=True)
    outcome  = functions.run(training, steps, learning_rate=1e-3, **hyperparameters)
    training.parameters          # {name: array}: views of the flat buffer `training.flat`, always current
    training.step                # steps done so far; an epoch has `training.batches` steps, the last perhaps short
    training.copy()              # independent copy, e.g. the best so far
    training.restore(other)      # take over the numbers of a copy
    outcome.losses               # shape (steps done,): the objective of each minibatch before its update; with several
                                 # objectives (steps done, objectives), each before its own
    outcome.diverged             # None, or the step (from 0) whose objective was not finite; the parameters are then
                                 # the last ones whose objective was finite

``learning_rate`` is another name for the optimiser's ``lr``; the names of the rest are those of `algebra.optimizers`.
With several objectives a step goes through them in the order of the text, with the same minibatch: each changes the
parameters that it is over, by an optimiser state of its own, before the next one is computed.

Calls of `run` continue where the last one stopped, so a run of many epochs may be cut into slices anywhere without
changing its numbers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symprop import arguments
from symprop.arguments import Named
from symprop.errors import (
    DeclarationError,
    OptionError,
    ShapeError,
    SympropError,
    ValueOutsideDomainError,
    nearest,
)

if TYPE_CHECKING:
    import numpy as np

    from symprop.algebra.optimizers import Optimizer
    from symprop.declaration.network import Network
    from symprop.declaration.sizes import SizeValue

# Folders whose files decide what a generated module looks like.
MAKERS = ("algebra", "declaration", "derivation", "lowering", "rendering", "templates")

# What a generated module says of a reading beyond its axis: the array, and the line of the network.
_BEYOND = re.compile(r"^(.*\]) on line (\d+)(?= is read from)")


@dataclass(frozen=True)
class Metadata:
    """What is known of a compiled network without reading its text.

    Attributes
    ----------
    network : str
        Its text.
    dtype : str
        ``float64`` or ``float32``.
    roles : mapping of str to str
        ``input``, ``target`` or ``parameter`` of every given array.
    axes : mapping of str to list of str
        Index names of the axes of each, the examples' included.
    ragged : mapping of str to int
        Arrays, given or defined, that are lists of arrays, and the axis that the list stands for.
    examples : mapping of str to int or None
        Which axis of each counts the examples.
    sizes : list of str
        Size names.
    hyperparameters : mapping of str to float or None
        The network's own, with defaults; dimensionless.
    objective, sense, reduction : str
        Name of the first objective, ``minimize`` or ``maximize``, and ``mean``, ``sum`` or "" (the network says it
        itself).
    objectives : list of dict
        Every objective in the order of the text: its ``name``, its ``sense``, and what it is ``over`` (None: all).
    predictions, defined, wrt : list of str
        What it predicts, what it defines, what it is differentiated by.
    optimizer : str or None
        The optimiser that was compiled in.
    optimizer_hyperparameters, state : mapping of str to float
        Its hyperparameters with defaults, and its state with first values; dimensionless.
    """

    network: str
    dtype: str
    roles: Mapping[str, str]
    axes: Mapping[str, list[str]]
    ragged: Mapping[str, int]
    examples: Mapping[str, int | None]
    sizes: list[str]
    fixed: Mapping[str, int]
    hyperparameters: Mapping[str, float | None]
    objective: str
    sense: str
    objectives: list[dict[str, Any]]
    reduction: str
    predictions: list[str]
    defined: list[str]
    wrt: list[str]
    optimizer: str | None
    optimizer_hyperparameters: Mapping[str, float]
    state: Mapping[str, float]

    def example_axis(self, name: str) -> int | None:
        """Return which axis of a given array counts the examples, or None."""
        return self.examples.get(name)


@dataclass
class Training:
    """A training run between two slices: the flat arrays that the compiled function changes.

    Attributes
    ----------
    flat : array, shape (n_parameters,)
        All parameters.
    states : array, shape (n_states, n_parameters)
        The optimiser's state. With several objectives, that of the parameters of each, one after the other.
    order : array of int, shape (n_examples,)
        The order of the examples in the current epoch.
    random : array of uint64, shape (1,)
        State of the generator that shuffles.
    step : int
        Steps done so far.
    batches : int
        Steps of an epoch.
    """

    flat: np.ndarray
    states: np.ndarray
    order: np.ndarray
    random: np.ndarray
    step: int
    batches: int
    _fixed: dict[str, Any] = field(repr=False, default_factory=dict)
    _before: tuple[Any, ...] | None = field(repr=False, default=None)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters by name: views of `flat`."""
        views: dict[str, np.ndarray] = self._fixed["unflatten"](self.flat, self._fixed["sizes"])
        return views

    def copy(self) -> Training:
        """Return an independent copy; data are shared, they never change."""
        numbers = (self.flat.copy(), self.states.copy(), self.order.copy(), self.random.copy())
        return Training(*numbers, self.step, self.batches, self._fixed, self._before)

    def restore(self, other: Training) -> None:
        """Take over the numbers of a copy."""
        self._put((other.flat, other.states, other.order, other.random, other.step))
        self._before = other._before

    def _snapshot(self) -> tuple[Any, ...]:
        return self.flat.copy(), self.states.copy(), self.order.copy(), self.random.copy(), self.step

    def _put(self, numbers: tuple[Any, ...]) -> None:
        for own, other in zip((self.flat, self.states, self.order, self.random), numbers[:4], strict=True):
            own[...] = other
        self.step = numbers[4]


@dataclass(frozen=True)
class Outcome:
    """What a slice of a training run came to.

    Attributes
    ----------
    losses : array, shape (steps done,), of several objectives (steps done, n_objectives)
        The objective of each minibatch, before its update.
    diverged : int or None
        The step, counted from 0, whose objective was not finite.
    """

    losses: np.ndarray
    diverged: int | None


class Functions:
    """The compiled functions of one network; see the top of `runtime.load`."""

    def __init__(self, module: ModuleType, sizes: Mapping[str, SizeValue], path: Path | None = None) -> None:
        self.module: Any = module
        self.metadata = Metadata(**module.METADATA)
        self.path = path
        self._given = {name: _integers(value) for name, value in arguments.sizes(sizes).items()}
        for name in self._given:
            if name not in self.metadata.sizes:
                guess = nearest(name, self.metadata.sizes)
                known = ", ".join(self.metadata.sizes) or "none"
                hint = f"Did you mean '{guess}'?" if guess else f"Its sizes are {known}."
                raise DeclarationError(f"the network has no size '{name}'", hint=hint)
            if name in getattr(module, "LAYERED", ()):
                if isinstance(self._given[name], int):
                    raise ShapeError(
                        f"{name} differs from layer to layer, and {self._given[name]} is one integer",
                        hint="Give a list, from its first layer on.",
                    )
            elif not isinstance(self._given[name], int):
                raise ShapeError(f"the size {name} is one integer, not {list(self._given[name])}")  # type: ignore[arg-type]

    def __repr__(self) -> str:
        meta = self.metadata
        given = ", ".join(f"{name} {role}" for name, role in meta.roles.items())
        return f"Functions of {meta.objective or 'no objective'}: {given}; it computes {', '.join(meta.defined)}"

    def at(self, sizes: Mapping[str, Any]) -> Functions:
        """Return the same functions with other given sizes."""
        return Functions(self.module, sizes, self.path)

    @arguments.verb
    def sizes_of(
        self, parameters: Mapping[str, Any] | None, data: Mapping[str, Any] | None = None
    ) -> dict[str, SizeValue]:
        """Return the value of every size, from the arrays and from the sizes that were given to `compile`.

        Raises
        ------
        ShapeError
            If shapes contradict each other, or a size does not follow.
        """
        found = self._call(self.module.sizes_of, parameters, data)
        return {name: found[name] for name in self.metadata.sizes if name in found}

    @arguments.verb
    def initialize(self, seed: int = 0, data: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Return random parameters to start from; the same `seed` gives the same.

        Weights are uniform in ``+-sqrt(6/(fan_in + fan_out))``, where fan-in is what one output sums over (Glorot and
        Bengio 2010).  A parameter of at most one axis that is only ever added, a bias, starts at 0.
        """
        arguments.integer("seed", seed, 0)
        known = {name: value for name, value in self.arrays(data).items() if name in self.metadata.roles}
        try:
            result: dict[str, np.ndarray] = self.module.initialize(seed, self._given, known)
        except ValueError as error:
            raise self._explained(error, {}, known) from None
        return Named("parameter", result)

    @arguments.verb
    def forward(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return every defined quantity by name, the examples as first axis.

        What cannot be computed because its data are missing (a loss without targets) is left out.
        """
        result: dict[str, np.ndarray] = self._call(self.module.forward, parameters, data)
        return Named("computed quantity", result)

    @arguments.verb
    def objective(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> float:
        """Return the objective over the examples in `data`, as it is written."""
        return float(self._call(self.module.objective, parameters, data))

    @arguments.verb
    def objectives(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, float]:
        """Return every objective over the examples in `data` by name, as it is written."""
        if len({each["name"] for each in self.metadata.objectives}) == 1:
            return Named("objective", {self.metadata.objective: self.objective(parameters, data)})
        return Named("objective", self._call(self.module.objectives, parameters, data))

    @arguments.verb
    def gradient(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[float, dict[str, np.ndarray]]:
        """Return the objective and its derivatives, as written (also under ``maximize``).

        Raises
        ------
        ValueOutsideDomainError
            If the objective is not finite because a given number is not.
        """
        if not self.metadata.wrt:
            raise OptionError("nothing was named to differentiate by, and the network has no parameters")
        value, gradients = self._call(self.module.gradient, parameters, data)
        if not math.isfinite(value):  # looked for only then: a check of all arrays at each call would cost time
            finite(self.checked(parameters))
            finite(self.arrays(data))
        return value, Named("gradient by", gradients)

    # ---- training -----------------------------------------------------------------------------------------------

    @arguments.verb
    def start(
        self,
        parameters: Mapping[str, Any],
        data: Mapping[str, Any],
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
    ) -> Training:
        """Return a training run at its beginning.

        Parameters
        ----------
        parameters : mapping of str to array
            Where to start; copied.
        data : mapping of str to array
            Inputs and targets.
        batch_size : int, optional
            Examples for each step; None takes all.
        seed : int
            Of the order of the examples.
        shuffle : bool
            Whether each epoch has a new order.
        """
        import numpy as np

        meta, module = self.metadata, self.module
        if meta.optimizer is None:
            raise OptionError("the functions were compiled without an optimizer", hint="compile(..., optimizer='adam')")
        if list(meta.wrt) != [name for name, role in meta.roles.items() if role == "parameter"]:
            raise OptionError("training needs the gradient by all parameters, and wrt names others")
        for each in meta.objectives:
            other = next((name for name in each["over"] or () if meta.roles.get(name) != "parameter"), None)
            if other is not None:
                raise OptionError(
                    f"{each['name']} is to be {each['sense']}d over {other}, and training changes parameters",
                    hint=f"Declare {other} as one: parameter {other}.",
                )
        if not module.STEPS:
            raise DeclarationError("the network declares no parameters to train", hint="Declare one: parameter w")
        parameters, data = self.checked(parameters), self.arrays(data)
        sizes = self._complete(parameters, data)
        axes = {name: axis for name, axis in meta.examples.items() if axis is not None}
        name = next(iter(axes), None)
        counted = module.EXAMPLES
        if name is not None and not counted:
            if batch_size is not None and batch_size < self._examples(name, data[name]):
                raise OptionError("the examples' axis has no size of its own, so it cannot be cut into minibatches")
            name = None
        count = self._examples(name, data[name]) if name is not None else 1
        size = count if batch_size is None else min(int(batch_size), count)
        if size < 1:
            raise OptionError(f"batch_size is {batch_size}; it must be an integer of at least 1")
        of_batch = dict(sizes)
        if counted:
            of_batch[counted] = size
        try:
            arrays = module.data_arrays(data, sizes)
            flat = module.flatten(parameters, sizes)
            hyperparameters = module.hyperparameters(data)
        except ValueError as error:
            raise self._explained(error, parameters, data) from None
        shuffled = shuffle and size < count
        room = max(module.work_size(rooms, of_batch) for _, rooms, _ in module.STEPS) + module.batch_room(of_batch)
        first = np.array(list(meta.state.values()), flat.dtype).reshape(-1, 1)
        changed = flat.size
        shares: tuple[np.ndarray, ...] = ()
        if module.IN_SHARES:
            members = [self._positions(over, sizes) for _, _, over in module.STEPS]
            shares = (np.concatenate(members), np.cumsum([len(share) for share in members]))
            changed = len(shares[0])
        fixed = {
            "unflatten": module.unflatten,
            "sizes": sizes,
            "size_array": module.size_array(sizes),
            "arrays": arrays,
            "hyperparameters": hyperparameters,
            "gradient": np.zeros(changed, flat.dtype),  # beside the parts of ragged arrays it stays 0
            "work": np.empty(room, flat.dtype),
            "shuffled": shuffled,
            "batch_size": size,
            "shares": shares,
        }
        return Training(
            flat,
            np.repeat(first, changed, axis=1) if len(first) else np.empty((1, 0), flat.dtype),
            np.arange(count),
            np.array([seed], np.uint64),
            0,
            max(1, -(-count // size)),
            fixed,
        )

    def _positions(self, names: Iterable[str], sizes: Mapping[str, SizeValue]) -> np.ndarray:
        """Return where the elements of some parameters stand in the flat array of all."""
        import numpy as np

        shapes = {name: self.module.SHAPES[name](sizes) for name in self.module.PARAMETERS}
        ends = dict(zip(shapes, np.cumsum([math.prod(shape) for shape in shapes.values()]), strict=True))
        return np.concatenate([np.arange(ends[name] - math.prod(shapes[name]), ends[name]) for name in names])

    def examples(self, data: Mapping[str, Any]) -> dict[str, int]:
        """Return how many examples each array holds that counts them, by name.

        Raises
        ------
        ShapeError
            If one lacks the axis for them, or the parts of one differ.
        """
        return {name: self._examples(name, value) for name, value in data.items() if self._counts(name)}

    def chosen(self, data: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        """Return data with the examples at the positions `rows` alone."""
        return {name: self._chosen(name, value, rows) if self._counts(name) else value for name, value in data.items()}

    def _counts(self, name: str) -> bool:
        return self.metadata.example_axis(name) is not None

    def _examples(self, name: str, value: Any) -> int:
        axis, place = self.metadata.example_axis(name), self.metadata.ragged.get(name)
        assert axis is not None
        if place == axis:  # a list with an array for each example
            return len(value)
        parts = {name: value} if place is None else {f"{name}[{n}]": part for n, part in enumerate(value)}
        axis -= place is not None and axis > place  # the parts of a list lack its axis
        if place is None and value.ndim <= axis:
            raise ShapeError(
                f"{name} has shape {value.shape}, without an axis for the examples",
                hint="Inputs and targets have the examples as first axis.",
            )
        counts = {part: int(array.shape[axis]) for part, array in parts.items()}
        if len(set(counts.values())) > 1:
            numbers = ", ".join(f"{part} {count}" for part, count in counts.items())
            raise ShapeError(f"the parts of {name} have different numbers of examples: {numbers}")
        return next(iter(counts.values()), 0)

    def _chosen(self, name: str, value: Any, rows: np.ndarray) -> Any:
        axis, place = self.metadata.example_axis(name), self.metadata.ragged.get(name)
        assert axis is not None
        if place is None:
            return value.take(rows, axis)
        if place == axis:
            return [value[row] for row in rows]
        return [part.take(rows, axis - (axis > place)) for part in value]

    def run(
        self, training: Training, steps: int, learning_rate: float | None = None, **hyperparameters: float
    ) -> Outcome:
        """Do `steps` steps of the optimiser, inside one compiled function.

        A step whose objective is not finite ends the slice; the parameters are then the last whose objective was.

        Raises
        ------
        OptionError
            If the optimiser has no such hyperparameter.
        """
        import numpy as np

        values = dict(self.metadata.optimizer_hyperparameters)
        wanted = dict(hyperparameters) if learning_rate is None else {"lr": learning_rate, **hyperparameters}
        for name, value in wanted.items():
            if name not in values:
                raise OptionError(
                    f"the optimizer {self.metadata.optimizer} has no hyperparameter '{name}'",
                    hint=f"It has {', '.join(values)}.",
                )
            values[name] = float(value)
        rates = np.array(list(values.values()) or [0.0])
        before = training._snapshot()
        count_of = len(self.module.STEPS)
        losses = np.empty(steps if count_of == 1 else (steps, count_of))
        failed = self._steps(training, steps, rates, losses)
        if failed < 0:
            training._before = (before, steps, rates)
            return Outcome(losses, None)
        done = failed - before[4]
        # The parameters before the last update had a finite objective: go back and stop one update earlier.
        if done > 0:
            training._put(before)
            self._steps(training, done - 1, rates, np.empty_like(losses))
        elif training._before is not None:
            earlier, count, old_rates = training._before
            training._put(earlier)
            self._steps(training, count - 1, old_rates, np.empty((count, count_of)))
        else:
            training._put(before)
        training.step = failed
        return Outcome(losses[:done], failed)

    def _steps(self, training: Training, steps: int, rates: np.ndarray, losses: np.ndarray) -> int:
        f = training._fixed
        first = training.step
        arrays = (f["size_array"], training.flat, *f["arrays"], f["hyperparameters"], f["gradient"], f["work"])
        if "entries" not in f:  # compiled at the first run, and then known
            f["entries"] = [self.module.entry(function, arrays) for function, _, _ in self.module.STEPS]
        failed = self.module.training_run(
            *f["entries"],
            *arrays,
            training.states,
            rates,
            training.order,
            training.random,
            f["shuffled"],
            f["batch_size"],
            first,
            first + steps,
            losses.reshape(-1),
            *f["shares"],
        )
        training.step = first + steps if failed < 0 else int(failed)
        return int(failed)

    # ---- calling and explaining -----------------------------------------------------------------------------------

    def checked(self, parameters: object) -> Mapping[str, Any]:
        """Return parameters by name, as arrays of real numbers."""
        first = next((name for name, role in self.metadata.roles.items() if role == "parameter"), "w")
        example = f'{{"{first}": ...}}, as initialize() returns them'
        given = {} if parameters is None else arguments.by_name(parameters, "parameters", example)
        roles, ragged = self.metadata.roles, self.metadata.ragged
        return {
            name: self._parts(name, value)
            if name in ragged
            else (arguments.array(name, value) if roles.get(name) == "parameter" else value)
            for name, value in given.items()
        }

    def _parts(self, name: str, value: object) -> list[np.ndarray]:
        """Return a ragged array as the list of its parts."""
        import numpy as np

        if isinstance(value, np.ndarray) and value.dtype != object:
            if value.ndim != len(self.metadata.axes[name]):
                raise ShapeError(
                    f"{name} has shape {value.shape}, and the network declares arrays of different lengths",
                    hint="Give a list of arrays.",
                )
            value = list(np.moveaxis(value, self.metadata.ragged[name], 0))
        if not isinstance(value, list | tuple | np.ndarray):
            raise ShapeError(f"{name} is {arguments.kind(value)}; it must be a list of arrays")
        parts = [arguments.array(f"{name}[{number}]", part) for number, part in enumerate(value)]
        others = [index for n, index in enumerate(self.metadata.axes[name]) if n != self.metadata.ragged[name]]
        for number, part in enumerate(parts):
            if part.ndim != len(others):
                raise ShapeError(
                    f"{name}[{number}] has shape {part.shape}; an array over {', '.join(others)} is expected",
                    hint="The examples are the first axis of each." if self.metadata.example_axis(name) == 0 else None,
                )
        return parts

    def arrays(self, data: object) -> dict[str, Any]:
        """Return data as arrays of as many axes as the network declares."""
        roles = self.metadata.roles
        if data is None:
            return {}
        given = arguments.by_name(data, "arrays", self._example("input", "target"))
        return {
            name: value
            if roles.get(name, "parameter") == "parameter"
            else (self._parts(name, value) if name in self.metadata.ragged else self._arranged(name, value))
            for name, value in given.items()
        }

    def _arranged(self, name: str, value: object) -> np.ndarray:
        array = arguments.array(name, value)
        expected = len(self.metadata.axes[name])
        if array.ndim == expected + 1 and array.shape[-1] == 1 and self.metadata.example_axis(name) is not None:
            return array[..., 0]  # a table's column for one number an example
        if array.ndim == expected - 1 and array.ndim >= 1 and self.metadata.roles[name] == "target":
            declared = f"{name}[{', '.join(self.metadata.axes[name][1:])}]"
            raise ShapeError(
                f"{name} has shape {array.shape}, and the network declares {declared} for each example",
                hint=f"Class numbers from 0 become one-hot rows by numpy.eye(K)[{name}], K being how many classes.",
            )
        place = self.metadata.example_axis(name)
        if array.ndim == expected - 1 and place is not None:
            own = [*self.metadata.axes[name]]
            own[place] = "N"
            order = "the examples first" if place == 0 else "N examples"
            also = f"; one number an example is {name}[:, None]" if array.ndim == 1 and place == 0 else ""
            raise ShapeError(
                f"{name} has shape {array.shape}, expected axes ({', '.join(own)}{',' * (len(own) == 1)}): {order}",
                hint=f"One example alone is numpy.expand_dims({name}, {place}){also}.",
            )
        return array

    def _call(self, function: Any, parameters: Mapping[str, Any] | None, data: Mapping[str, Any] | None) -> Any:
        known = {**self.checked(parameters), **self.arrays(data)}
        roles = self.metadata.roles
        for name in known:
            if name not in roles and name not in self.metadata.hyperparameters:
                guess = nearest(name, roles)
                hint = f"Did you mean '{guess}'?" if guess else f"It has {', '.join(roles)}."
                raise DeclarationError(f"the network has no array '{name}'", hint=hint)
        # Who gives a parameter with the data, or an input with the parameters, is understood.
        own = {name: value for name, value in known.items() if roles.get(name) == "parameter"}
        rest = {name: value for name, value in known.items() if roles.get(name) != "parameter"}
        try:
            return function(own, rest, self._given)
        except ValueError as error:
            raise self._explained(error, own, rest) from None

    def _complete(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, SizeValue]:
        found = self._call(self.module.all_sizes, parameters, data)
        return {name: _integers(value) for name, value in found.items()}

    def _explained(self, error: ValueError, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> SympropError:
        """Return the error that says which sizes contradict each other, and why."""
        import numpy as np

        try:
            from symprop.declaration.parser import parse
            from symprop.declaration.sizes import solve_sizes

            network = parse(self.metadata.network)
            shapes, whole = {}, {}
            counts: dict[str, int] = {}
            for name, value in {**data, **parameters}.items():
                if name in network.quantities and name in self.metadata.roles:
                    if name in self.metadata.ragged:
                        continue  # what the module says of them is clear
                    try:
                        shape = list(np.shape(value))
                    except ValueError:
                        return ShapeError(f"{name} is one array, and what was given are rows of different lengths")
                    axis = self.metadata.example_axis(name)
                    if axis is not None and network.batch is None and len(shape) > axis:
                        whole[name] = tuple(shape)
                        counts[name] = shape.pop(axis)
                    shapes[name] = tuple(shape)
            if len(set(counts.values())) > 1:
                numbers = ", ".join(f"{name} {count}" for name, count in counts.items())
                return ShapeError(f"the arrays have different numbers of examples: {numbers}")
            mine = {name: value for name, value in self._given.items() if name in network.sizes}
            # What parts of ragged arrays say of sizes is left to the module.
            complete = not any(name in self.metadata.ragged for name in (*parameters, *data))
            solve_sizes(network, shapes, mine, complete=complete, whole=whole)
        except SympropError as better:
            if isinstance(better, ShapeError):
                return better
        except ImportError:
            pass
        beyond = _BEYOND.search(str(error))
        if beyond is not None:
            return ShapeError(
                str(error).replace(beyond[0], beyond[1], 1),
                text=self.metadata.network or None,
                line=int(beyond[2]),
                hint=f"Shift the limits, or write 'zero outside {beyond[1].partition('[')[0]}'.",
            )
        inputs = [name for name, role in self.metadata.roles.items() if role == "input"]
        if inputs and not any(name in data for name in inputs):
            return ShapeError(f"the data lack {' and '.join(inputs)}", hint=f"Give {self._example('input')}.")
        return ShapeError(str(error))

    def _example(self, *roles: str) -> str:
        """Return how data of these roles are written."""
        names = [name for name, role in self.metadata.roles.items() if role in roles]
        return "{" + ", ".join(f'"{name}": ...' for name in names) + "}"


def finite(arrays: Mapping[str, Any]) -> None:
    """Refuse arrays, or lists of arrays, that hold a number that is not finite, and name the first."""
    import numpy as np

    for name, value in arrays.items():
        for number, part in enumerate(value) if isinstance(value, list | tuple) else [(None, value)]:
            array = np.asarray(part)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                where = "" if number is None else f"{name}[{number}], "
                at = f" at {where}position {place}" if place or where else ""
                raise ValueOutsideDomainError(f"the array for {name} has the value {array[place]}{at}")


def _integers(value: Any) -> SizeValue:
    """Return a size as an integer, or as the tuple of one that differs from layer to layer."""
    return tuple(map(int, value)) if hasattr(value, "__iter__") else int(value)


@arguments.verb
def compile(
    network: Network | str,
    sizes: Mapping[str, SizeValue] | None = None,
    dtype: str = "float64",
    target: str = "numba",
    reduction: str = "mean",
    optimizer: str | Optimizer | None = None,
    wrt: Iterable[str] | None = None,
    of: str | None = None,
) -> Functions:
    """Return the compiled functions of a network, mostly from the cache.

    The module is written once for each text and set of options; it serves all sizes.  With a module in the cache,
    neither parsing nor derivation happens.

    Parameters
    ----------
    network : Network or str
        The network, or its text.
    sizes : mapping of str to int (or sequence of int), optional
        Sizes that arrays do not tell, dimensionless; of ``n(l)`` a list from its first layer on.
    dtype : str
        ``float64`` or ``float32``.
    target : str
        ``numba``, or ``numpy`` for plain Python.
    reduction : str
        ``mean`` or ``sum`` over the examples, if the network has no batch index.
    optimizer : str or Optimizer, optional
        What `Functions.run` trains with; None means the one that the network brings, if it does.
    wrt : iterable of str, optional
        By what `Functions.gradient` differentiates; None means every parameter.
    of : str, optional
        The scalar to differentiate; None means the objective.

    Raises
    ------
    OptionError
        If an option has no such value.
    MissingRuleError
        If the network cannot be computed or differentiated.
    """
    if isinstance(network, str):
        arguments.network_text(network)
    elif not hasattr(network, "equations"):
        raise arguments.not_a_network(network)
    text = network if isinstance(network, str) else network.text
    names = arguments.names(wrt, "wrt")
    _check_options(dtype, target, reduction, optimizer)
    if of is not None:
        arguments.text(of, "of", 'of="y"')
    key = _key(network, dtype, target, reduction, optimizer, names, of)
    name = f"symprop_generated_{key}"
    module = sys.modules.get(name)
    path = cache_folder() / f"{name}.py"
    if module is None:
        if not path.is_file():
            _write(path, module_text(network, dtype, target, reduction, optimizer, names, of))
        module = load(path)
    assert text is not None
    return Functions(module, sizes or {}, path)


def module_text(
    network: Network | str,
    dtype: str = "float64",
    target: str = "numba",
    reduction: str = "mean",
    optimizer: str | Optimizer | None = None,
    wrt: Iterable[str] | None = None,
    of: str | None = None,
    sizes: Mapping[str, SizeValue] | None = None,
) -> str:
    """Return the stand-alone module of a network as text; options as for `compile`, `sizes` once and for all."""
    from symprop.algebra.optimizers import optimizer as named
    from symprop.derivation.reverse_sweep import backpropagate
    from symprop.lowering.schedule import lower
    from symprop.lowering.stable import stabilize
    from symprop.lowering.updates import lower_update
    from symprop.rendering.source import source

    _check_options(dtype, target, reduction, optimizer)
    if isinstance(network, str):
        from symprop.declaration.parser import parse

        network = parse(network)
    names = arguments.names(wrt, "wrt")
    own = network.optimizer
    if optimizer is None or (own is not None and optimizer == own.name):
        row = own
    else:
        row = named(optimizer) if isinstance(optimizer, str) else optimizer
    stable, _ = stabilize(network, names or ())
    derivation = backpropagate(stable, of, names, simplify=False)
    update = lower_update(row) if row is not None else None
    return source(lower(derivation, sizes, reduction=reduction, update=update), target, dtype)


def _check_options(dtype: str, target: str, reduction: str, optimizer: object) -> None:
    if not (optimizer is None or isinstance(optimizer, str) or hasattr(optimizer, "state")):
        raise OptionError(f"optimizer is {arguments.kind(optimizer)}; it is named by a text, such as 'adam'")
    for name, value, known in (
        ("dtype", dtype, ("float64", "float32")),
        ("target", target, ("numba", "numpy")),
        ("reduction", reduction, ("mean", "sum")),
    ):
        arguments.choice(name, value, known)


def load(path: str | Path) -> ModuleType:
    """Return the generated module at `path`, executed under its own name.

    It is registered before it is executed: numba's cache looks functions up by their module, also in later processes.
    """
    path = Path(path)
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all: other processes may read it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".py")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def cache_folder() -> Path:
    """Return where generated modules are kept: ``SYMPROP_CACHE``, else the user's cache folder, else a temporary."""
    chosen = os.environ.get("SYMPROP_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "symprop"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    user = getattr(os, "getuid", lambda: "user")()
    return Path(tempfile.gettempdir()) / f"symprop-{user}"


def _key(
    network: Network | str,
    dtype: str,
    target: str,
    reduction: str,
    optimizer: str | Optimizer | None,
    wrt: tuple[str, ...] | None,
    of: str | None,
) -> str:
    """Return the name of what these options make: a hash of everything that it depends on."""
    text = network if isinstance(network, str) else network.text
    if not text:  # made in Python
        text = repr((network.quantities, network.equations, network.objectives, network.functions))  # type: ignore[union-attr]
    parts = [text, dtype, target, reduction, repr(optimizer), repr(wrt), repr(of), *_versions(target), _makers()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _versions(target: str) -> tuple[str, ...]:
    import numpy

    versions: tuple[str, ...] = (sys.version, numpy.__version__)
    if target == "numba":
        import numba

        versions += (numba.__version__,)
    return versions


@lru_cache(maxsize=1)
def _makers() -> str:
    """Return a hash of the state of symprop itself: a changed template or rule must not find old modules."""
    package = Path(__file__).resolve().parent.parent
    states = []
    for name in MAKERS:
        for folder in (package / name, package.parent / name):
            if folder.is_dir():
                for file in sorted(folder.rglob("*")):
                    if file.suffix in (".py", ".jinja", ".lark"):
                        status = file.stat()
                        states.append((file.name, status.st_size, status.st_mtime_ns))
                break
    return hashlib.sha256(repr(states).encode()).hexdigest()
