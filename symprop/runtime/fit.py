"""Training: batches, epochs, held-out examples, early stopping, and what becomes of it.

=====================  =================================================================================
full batch             ``batch_size=None``: every step uses all training examples
stochastic             ``batch_size=1``
minibatches            anything between; the last batch of an epoch may be short
order                  shuffled anew each epoch, from `seed`; the same seed gives the same run
held out               `validation` of the examples, chosen by `seed`, never trained on
early stopping         after `early_stopping` epochs without a better objective on the held-out examples;
                       the parameters of the best epoch are kept
divergence             a step whose objective is not finite ends the run with `DivergenceError`, whose
                       ``run`` holds the last parameters that had a finite objective
several objectives     every minibatch is used for a step of each, in the order of the text, that changes what it
                       is ``over``; all epochs are run, since no one objective says which was the best
=====================  =================================================================================

A network that maximises ascends: objectives are reported as they are written.
"""

from __future__ import annotations

import math
import re
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symprop import arguments
from symprop.arguments import Named, is_number
from symprop.errors import (
    DeclarationError,
    DivergenceError,
    OptionError,
    ShapeError,
    TableError,
)
from symprop.runtime import model

if TYPE_CHECKING:
    import numpy as np

    from symprop.algebra.optimizers import Optimizer
    from symprop.declaration.network import Network
    from symprop.declaration.sizes import SizeValue
    from symprop.runtime.load import Functions

# Without held-out examples nothing has to be looked at after each epoch; a bar of this many slices moves smoothly.
SLICES = 100


@dataclass(repr=False)
class Run:
    """A trained network.

    Attributes
    ----------
    network : str
        The text of the network.
    parameters : dict of str to array (a list of arrays for a ragged parameter)
        Those that were kept: of the best epoch under early stopping, else of the last step; dimensionless.
    history : dict of str to list of float
        ``objective``: by epoch, the mean over its minibatches, each before its own update (with ``reduction="sum"``
        their sum); ``validation``: by epoch, the objective of the held-out examples after it (absent without them).
        Of several objectives these are of the first, and ``objective LG``, ``validation LG`` of one called LG.
    sizes : dict of str to int (or a sequence of int)
        Value of each size name.
    options : dict
        How it was trained, as `fit` was called.
    kept : int
        The epoch, counted from 1, whose parameters were kept; 0 if none was completed.
    steps : int
        Minibatches that were used: each gives one update, with several objectives one for each.
    seconds : float
        Duration of training, compilation not included.
    preparation : mapping or None
        How columns of a table become arrays (`table.Preparation.as_dict`); None if arrays were given.
    """

    network: str
    parameters: dict[str, Any]
    history: dict[str, list[float]] = field(default_factory=partial(Named, "record of", {}))
    sizes: dict[str, SizeValue] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    kept: int = 0
    steps: int = 0
    seconds: float = 0.0
    preparation: Mapping[str, Any] | None = None
    _functions: Functions | None = field(default=None, repr=False, compare=False)

    @property
    def functions(self) -> Functions:
        """The compiled functions; a run that was loaded compiles them at first use, mostly from the cache."""
        if self._functions is None:
            self._functions = _compile(self.network, self.sizes, self.options)
        return self._functions

    def __repr__(self) -> str:
        epochs = len(self.history.get("objective", ()))
        lines = [f"Run of {epochs} epoch{'s' if epochs != 1 else ''}, {self.steps} steps; kept is epoch {self.kept}"]

        width = max([11, *map(len, self.history)]) + 1

        def say(head: str, text: str) -> None:
            indent = " " * (width + 2)
            lines.extend(
                textwrap.wrap(f"  {head:<{width}}{text}", 80, subsequent_indent=indent, break_on_hyphens=False)
            )

        for kind, values in self.history.items():
            if values:
                say(kind, f"{values[0]:.6g} to {values[-1]:.6g} (last)")
        shapes = [
            f"{name} of {len(value)} arrays" if isinstance(value, list | tuple) else f"{name} {value.shape}"
            for name, value in self.parameters.items()
        ]
        say("parameters", "; ".join(shapes))
        if self.sizes:
            say("sizes", ", ".join(f"{name} = {value}" for name, value in self.sizes.items()))
        if self.preparation is not None:
            say("predicts", "from columns of a table, or a CSV file")
        return "\n".join(lines)

    @arguments.verb
    def forward(self, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return every quantity that can be computed from `data`, the examples as first axis."""
        return self.functions.forward(self.parameters, data)

    @arguments.verb
    def objective(self, data: Mapping[str, Any]) -> float:
        """Return the objective over the examples in `data`, as it is written; of several the first."""
        return float(self.functions.objective(self.parameters, data))

    @arguments.verb
    def objectives(self, data: Mapping[str, Any]) -> dict[str, float]:
        """Return every objective over the examples in `data` by name, as it is written."""
        return self.functions.objectives(self.parameters, data)

    @arguments.verb
    def predict(self, data: Mapping[str, Any]) -> Any:
        """Return what the network predicts.

        Parameters
        ----------
        data : mapping of str to array
            The inputs, the examples as first axis; targets are not needed.  Of a run that was trained on a table:
            its columns by name as they stand in the table (a mapping or a data frame), or the path of a CSV file.
            They are prepared as they were for training; arrays that are prepared already go to `forward`.

        Returns
        -------
        array, or dict of str to array if the network predicts several quantities
            The examples as first axis.

        Raises
        ------
        DeclarationError
            If the network does not say what it predicts.
        TableError
            If a column is missing, or a row cannot be read.
        """
        if self.preparation is not None:
            data = self._prepared(data)
        predictions = self.functions.metadata.predictions
        if not predictions:
            raise DeclarationError("the network does not say what it predicts", hint="Add a line such as: predict y")
        values = self.forward(data)
        found = {name: values[name] for name in predictions}
        return found if len(found) > 1 else found[predictions[0]]

    def _prepared(self, data: object) -> dict[str, np.ndarray]:
        """Return the inputs that columns of a table make."""
        from symprop.runtime import table as tables

        assert self.preparation is not None
        preparation = tables.Preparation.from_dict(self.preparation)
        wanted = preparation.names("input")
        if isinstance(data, str | Path):
            table = tables.read(data)
        elif not (isinstance(data, Mapping) or hasattr(data, "columns")) or (
            isinstance(data, Mapping) and wanted and not any(name in data for name in wanted)
        ):
            shown = ", ".join(f'"{name}": [...]' for name in wanted[:2]) + (", ..." if len(wanted) > 2 else "")
            raise TableError(
                "the model was trained on a table, so it predicts from the columns of one",
                hint=f"Give them by name as they stand there, {{{shown}}}, or the path of a CSV file.\n"
                "Arrays that are prepared already go to run.forward.",
            )
        else:
            table = tables.from_columns(data, wanted)
        arrays, _, complaints = preparation.encode(table, range(len(table)), roles=["input"])
        if complaints:
            row, complaint = min(complaints.items())
            raise TableError(
                f"{table.place(row)}: {complaint}",
                hint=f"Leave out the rows that cannot be read; there {'is' if len(complaints) == 1 else 'are'} "
                f"{len(complaints)} of {len(table)}.",
            )
        return arrays

    @arguments.verb
    def save(self, path: str | Path) -> Path:
        """Write a model file that `load` reads back; see `runtime.model` for what stands in it."""
        return model.save(
            path,
            model.Model(
                self.network,
                self.parameters,
                self.sizes,
                {**self.options, "kept": self.kept, "steps": self.steps, "seconds": self.seconds},
                self.history,
                self.preparation,
            ),
        )


@arguments.verb
def load(path: str | Path) -> Run:
    """Return the run that `Run.save` wrote.

    Raises
    ------
    OptionError
        If there is no such file, or it is not a model file.
    """
    stored = model.load(path)
    options = dict(stored.options)
    result = {key: options.pop(key) for key in ("kept", "steps", "seconds")}
    return Run(
        stored.network,
        Named("parameter", stored.parameters),
        Named("record of", stored.history),
        dict(stored.sizes),
        options,
        **result,
        preparation=stored.preparation,
    )


def split(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the examples to train with and those to hold out, each in ascending order.

    Parameters
    ----------
    count : int
        How many examples there are.
    fraction : float
        How much of them to hold out, in [0, 1); the number is rounded to the nearest integer.
    seed : int
        Chooses which.
    """
    import numpy as np

    arguments.integer("seed", seed, 0)
    if not 0 <= fraction < 1:
        raise OptionError(f"validation is {fraction:g}; it is the part of the examples to hold out, from 0 to below 1")
    if count == 0:
        raise ShapeError("there are no examples")
    held_out = round(count * fraction)
    if held_out >= count:
        raise OptionError(f"holding out {fraction:g} of {count} examples leaves none to train with")
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


@arguments.verb
def fit(
    net: Network | str,
    data: Mapping[str, Any],
    sizes: Mapping[str, SizeValue] | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    epochs: int = 100,
    batch_size: int | None = 32,
    validation: float | Mapping[str, Any] = 0.2,
    early_stopping: int | None = 10,
    seed: int = 0,
    *,
    dtype: str = "float64",
    target: str = "numba",
    reduction: str = "mean",
    parameters: Mapping[str, Any] | None = None,
    hyperparameters: Mapping[str, float] | None = None,
    progress: bool | None = None,
) -> Run:
    """Train the network's parameters, and return the run.

    Parameters
    ----------
    net : Network or str
        The network, or its text.
    data : mapping of str to array
        Inputs and targets, the examples as first axis.
    sizes : mapping of str to int, optional
        Sizes that the arrays do not tell, such as the number of hidden units.
    optimizer : str, optional
        A name of `algebra.optimizers`: ``sgd``, ``momentum``, ``adam`` and others; None means the one that the network
        brings, else adam.
    learning_rate : float, optional
        Positive; dimensionless. None means the ``lr`` of the network's own optimiser, else 0.001.
    epochs : int
        How often every training example is seen, at most.
    batch_size : int or None
        Examples for each step; None takes all.
    validation : float or mapping of str to array
        The part of the examples to hold out, or held-out examples themselves.
    early_stopping : int or None
        Epochs to wait for a better objective on the held-out examples; None or 0 runs all epochs and keeps the last
        parameters, as does a run without held-out examples or with several objectives.
    seed : int
        Of initial parameters, of what is held out and of the order of examples.
    dtype, target, reduction : str
        As for `compile`.
    parameters : mapping of str to array, optional
        Where to start from, instead of the random initial parameters.
    hyperparameters : mapping of str to float, optional
        Further hyperparameters of the optimiser, such as ``{"beta": 0.99}``.
    progress : bool, optional
        Whether to show a progress bar on standard error; None: on a terminal only.

    Returns
    -------
    Run

    Raises
    ------
    OptionError, ShapeError, TableError, ValueOutsideDomainError
        If options or arrays cannot be used.
    DivergenceError
        If the objective is no longer finite; its ``run`` holds the last parameters with a finite objective.
    """
    if not isinstance(data, Mapping):
        raise _by_name(net, data)
    sizes = arguments.sizes(sizes)
    if hyperparameters is not None:
        arguments.numbers(hyperparameters, "hyperparameters", 'hyperparameters={"beta": 0.99}')
    if parameters is not None:
        arguments.by_name(parameters, "parameters", 'parameters={"w": ...}')
    own = _own_optimizer(net)
    if optimizer is None:
        optimizer = "adam" if own is None else own.name
    if learning_rate is None:
        learning_rate = 1e-3 if own is None or optimizer != own.name else float(own.hyperparameters["lr"])
    if hyperparameters is not None and (own is None or optimizer != own.name):
        from symprop.algebra.optimizers import check_weights

        check_weights(optimizer, hyperparameters)
    _check(epochs, batch_size, learning_rate, validation, early_stopping, seed)
    options: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "validation": validation if isinstance(validation, int | float) else None,
        "early_stopping": early_stopping,
        "seed": seed,
        "dtype": dtype,
        "target": target,
        "reduction": reduction,
        "hyperparameters": dict(hyperparameters or {}),
    }
    from symprop.runtime.load import finite

    functions = _compile(net, sizes, options)
    for name in functions.module.VARYING:
        if name in sizes:
            raise OptionError(
                f"{name} differs from example to example, so it is no size of the network",
                hint="Leave it out where a list with an array for each example tells it. Where none does, fill the\n"
                "examples up to one length, and make a mask an input that is 0 beyond the end of each.",
            )
    training_data = _finite(functions, data)
    _obey(net, training_data)
    held_out: dict[str, np.ndarray] | None
    if isinstance(validation, Mapping):
        held_out = _finite(functions, validation)
    else:
        training_data, held_out = _hold_out(functions, training_data, float(validation), seed)
    start = functions.initialize(seed, training_data)
    if parameters is not None:
        unknown = sorted(set(parameters) - set(start))
        if unknown:
            raise DeclarationError(f"the network has no parameter '{unknown[0]}'", hint=f"It has {', '.join(start)}.")
        start |= parameters
        finite(functions.checked(parameters))
    run = Run(
        net if isinstance(net, str) else net.text,
        start,
        sizes=_sizes(functions, start, training_data),
        options=options,
        _functions=functions,
    )
    # From now on the sizes are the network's: data that do not fit are at fault, not the parameters.
    run._functions = functions.at(run.sizes)
    _train(run, training_data, held_out, progress)
    return run


def _own_optimizer(network: Network | str) -> Optimizer | None:
    """Return the optimiser that a network brings; only a text with that word needs to be read for it."""
    if isinstance(network, str):
        if not re.search(r"\boptimi[sz]er\b", network):
            return None
        from symprop.declaration.parser import parse

        network = parse(network)
    return getattr(network, "optimizer", None)  # what is no network is refused where it is compiled


def _check(
    epochs: int,
    batch_size: int | None,
    learning_rate: float,
    validation: object,
    early_stopping: int | None,
    seed: int,
) -> None:
    for name, value, least in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("early_stopping", early_stopping, 0),
        ("seed", seed, 0),
    ):
        if value is not None:
            arguments.integer(name, value, least)
    if not (is_number(learning_rate) and learning_rate > 0):
        raise OptionError(f"learning_rate is {arguments.kind(learning_rate)}; it must be a positive number")
    if not (isinstance(validation, Mapping) or is_number(validation)):
        raise OptionError(
            f"validation is {arguments.kind(validation)}; it must be a number, or held-out arrays by name",
            hint='Write validation=0.2, or validation={"x": ..., "t": ...}.',
        )


def _compile(network: Network | str, sizes: Mapping[str, Any], options: Mapping[str, Any]) -> Functions:
    from symprop.runtime.load import compile

    return compile(
        network,
        sizes=dict(sizes),
        dtype=options["dtype"],
        target=options["target"],
        reduction=options["reduction"],
        optimizer=options["optimizer"],
    )


def _sizes(functions: Functions, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, SizeValue]:
    """Return the sizes that belong to the network; how many examples there are, and how long each is, does not."""
    found = functions.sizes_of(parameters, data)
    of_data = (functions.module.EXAMPLES, *functions.module.VARYING)
    return {name: value for name, value in found.items() if name not in of_data}


def _obey(network: Network | str, data: Mapping[str, np.ndarray]) -> None:
    """Hold data against what the network assumes; only a network that does is read for it."""
    if isinstance(network, str):
        if "assume" not in network:
            return
        from symprop.declaration.parser import parse

        network = parse(network)
    if network.facts:
        from symprop.runtime.facts import obey

        obey(network, data)


def _by_name(network: Network | str, data: object) -> OptionError:
    """Return the error for data that are not given by name; it shows the names."""
    from symprop.declaration.parser import parse

    net = parse(network) if isinstance(network, str) else network
    if not hasattr(net, "equations"):
        raise arguments.not_a_network(net)
    wanted = ", ".join(f'"{quantity.name}": ...' for quantity in net.of_role("input", "target"))
    hint = f"Write symprop.fit(net, {{{wanted}}}), each an array with the examples as first axis."
    if isinstance(data, str | Path):
        hint += f"\nA table is trained on by: symprop train NETWORK {data}"
    return OptionError(f"fit takes arrays by name, not {arguments.kind(data)}", hint=hint)


def _finite(functions: Functions, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    from symprop.runtime.load import finite

    arrays = functions.arrays(data)
    finite(arrays)
    return arrays


def _hold_out(
    functions: Functions, data: Mapping[str, np.ndarray], fraction: float, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray] | None]:
    counts = functions.examples(data)
    if not counts:
        return dict(data), None
    if len(set(counts.values())) > 1:
        numbers = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ShapeError(f"the arrays have different numbers of examples: {numbers}")
    chosen, held_out = split(next(iter(counts.values())), fraction, seed)
    if not len(held_out):
        return dict(data), None
    return functions.chosen(data, chosen), functions.chosen(data, held_out)


def _train(
    run: Run,
    data: Mapping[str, np.ndarray],
    held_out: Mapping[str, np.ndarray] | None,
    progress: bool | None,
) -> None:
    """Train in slices, and leave in `run` what became of it."""
    functions, options = run.functions, run.options
    sign = -1.0 if functions.metadata.sense == "maximize" else 1.0  # sign*objective is to become small
    names = [each["name"] for each in functions.metadata.objectives]
    patience = options["early_stopping"] if held_out is not None and len(names) == 1 else None
    # The record of each objective by its first step: one that is minimised and maximised has two.
    records = {"" if n == 0 else f" {name}": names.index(name) for n, name in enumerate(dict.fromkeys(names))}
    epochs: int = options["epochs"]
    training = functions.start(run.parameters, data, batch_size=options["batch_size"], seed=options["seed"])
    weights = _weights(training, options["batch_size"], data, functions)
    stride = 1 if held_out is not None else -(-epochs // SLICES)
    for kind in ("objective", "validation") if held_out is not None else ("objective",):
        run.history.update({f"{kind}{name}": [] for name in records})
    # The first call compiles; that is not training time.
    functions.run(training.copy(), 0, learning_rate=options["learning_rate"], **options["hyperparameters"])
    if held_out is not None:
        functions.objectives(training.parameters, held_out)
    best, best_score = None, math.inf
    done = 0
    began = time.perf_counter()
    bar = _bar(epochs, progress)
    try:
        while done < epochs:
            count = min(stride, epochs - done)
            outcome = functions.run(
                training,
                count * training.batches,
                learning_rate=options["learning_rate"],
                **options["hyperparameters"],
            )
            done += count
            if outcome.diverged is not None:
                run.parameters = _copies(training.parameters if best is None else best.parameters)
                run.steps = outcome.diverged
                if best is None:
                    run.kept = outcome.diverged // training.batches
                raise _divergence(run, outcome.diverged, training.batches, data)
            losses = outcome.losses.reshape(count, training.batches, -1)
            for name, place in records.items():
                run.history[f"objective{name}"] += (losses[:, :, place] @ weights).tolist()
            bar.update(count)
            if held_out is None:
                run.kept = done
                continue
            scores = functions.objectives(training.parameters, held_out)
            for name, place in records.items():
                run.history[f"validation{name}"].append(scores[names[place]])
            score = scores[names[0]]
            if not patience or sign * score < best_score:
                run.kept, best_score = done, sign * score
                best = training.copy() if patience else None
            elif done - run.kept >= patience:
                break
    finally:
        bar.close()
        run.seconds = time.perf_counter() - began
    run.steps = training.step
    run.parameters = _copies(training.parameters if best is None else best.parameters)


def _weights(training: Any, batch_size: int | None, data: Mapping[str, np.ndarray], functions: Functions) -> np.ndarray:
    """Return how the objectives of an epoch's batches add up to the objective of the epoch, shape (batches,)."""
    import numpy as np

    weights = np.ones(training.batches)
    if functions.metadata.reduction == "sum":
        return weights
    counts = list(functions.examples(data).values())
    if counts and batch_size is not None:
        weights[:] = min(batch_size, counts[0])
        weights[-1] = counts[0] - weights[:-1].sum()
    return weights / weights.sum()


def _copies(parameters: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    copies = {
        name: [np.array(part) for part in value] if isinstance(value, list | tuple) else np.array(value)
        for name, value in parameters.items()
    }
    return Named("parameter", copies)


def _divergence(run: Run, step: int, batches: int, data: Mapping[str, np.ndarray]) -> DivergenceError:
    """Return the error that says where the objective stopped being finite, and why if that can be seen."""
    from symprop.declaration.parser import parse

    where = f"step {step + 1} (epoch {step // batches + 1})"
    network = parse(run.network) if run.network else None
    remedy = f"Try a smaller learning rate than {run.options['learning_rate']:g}."
    if network is not None and network.turned_losses:
        remedy = f"{network.turned_losses[0][0].upper()}{network.turned_losses[0][1:]}."
    elif step == 0:
        remedy = "No step was done yet, so the learning rate is not at fault."
    if step == 0:
        seen = _first_not_finite(run, data)
        remedy = f"{seen}{remedy}"
        message = "the objective is not finite at the initial parameters"
        error = DivergenceError(message, hint="\n".join(textwrap.wrap(remedy, 78)))
    else:
        remedy += " The last parameters with a finite objective are in the attribute 'run' of this error."
        message = f"the objective is no longer finite at {where}"
        error = DivergenceError(message, hint="\n".join(textwrap.wrap(remedy, 78)))
    error.run = run
    return error


def _first_not_finite(run: Run, data: Mapping[str, np.ndarray]) -> str:
    """Return a sentence about the first computed quantity that is not finite, or nothing."""
    import numpy as np

    with np.errstate(all="ignore"):
        values = run.functions.forward(run.parameters, data)
    for name, value in values.items():
        for part in value if isinstance(value, list | tuple) else [value]:
            wrong = np.argwhere(~np.isfinite(part))
            if len(wrong):
                place = tuple(map(int, wrong[0]))
                at = f" in example {place[0]} (counted from 0)" if place else ""
                return f"{name} is {part[place]}{at}. "
    return ""


class _Silent:
    """A progress bar that shows nothing."""

    def update(self, count: int) -> None: ...

    def close(self) -> None: ...


def _bar(epochs: int, progress: bool | None) -> Any:
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        return _Silent()
    from tqdm import tqdm

    bar: Callable[..., Any] = tqdm
    return bar(total=epochs, unit="epoch", leave=False, ncols=80)
