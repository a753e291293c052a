"""Training on a table: which columns fill which quantities, the run, and a report for people."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from symprop.algebra.expressions import ONE, Access, Add, Call, Expr, Number, Power, Size, free_indices, number, walk
from symprop.arguments import Named
from symprop.declaration.network import Network
from symprop.declaration.quantity import Quantity
from symprop.declaration.sizes import SizeValue, fold, only_unknown, solve_sizes
from symprop.errors import DeclarationError, DivergenceError, OptionError
from symprop.runtime import table as tables
from symprop.runtime.fit import Run, fit, split
from symprop.runtime.scaling import Scaling, scaling
from symprop.runtime.table import Column, Preparation, Slot, Table

if TYPE_CHECKING:
    import numpy as np

WIDTH = 80

# More columns of plain numbers in a row than this are not all listed in the report.
LONGEST_RUN = 12

# Activations whose values are probabilities.
PROBABILITIES = frozenset({"sigmoid", "hard_sigmoid"})


def prediction_of(network: Network) -> str | None:
    """Return the name of what the network predicts, or None if that is not clear.

    What ``predict`` names, if it is one quantity; else the only defined quantity with the axes of the target that an
    equation reads beside the target, or that a target which is a class number indexes.
    """
    if network.predictions:
        return network.predictions[0] if len(network.predictions) == 1 else None
    targets = [network.quantities[name] for name in targets_of(network)]
    if len(targets) != 1:
        return None
    if targets[0].integer:
        indexed = _indexed_by(network, targets[0].name)
        return indexed[0] if len(indexed) == 1 else None
    extents = _extents(targets[0])
    found: dict[str, None] = {}
    for equation in network.equations:
        names = {node.name: None for node in walk(equation.expression) if isinstance(node, Access)}
        if targets[0].name in names:
            found |= {
                name: None
                for name in names
                if network.quantities[name].role == "defined" and _extents(network.quantities[name]) == extents
            }
    return next(iter(found)) if len(found) == 1 else None


def targets_of(network: Network) -> list[str]:
    """Return the targets of `network`: those declared, else the integers that only the objective reads.

    ``integer t in 1..K`` with ``L = -log(p[t])`` is a class number, although nothing declares it a target.
    """
    declared = [quantity.name for quantity in network.of_role("target")]
    if declared:
        return declared
    found = []
    for quantity in network.of_role("input"):
        if quantity.integer and quantity.domain and not any(axis.index != network.batch for axis in quantity.axes):
            shown = network.predictions or _indexed_by(network, quantity.name)
            if shown and quantity.name not in _needed(network, shown):
                found.append(quantity.name)
    return found


def _indexed_by(network: Network, name: str) -> list[str]:
    """Return the defined quantities in whose indices the integer `name` stands."""
    found: dict[str, None] = {}
    for equation in network.equations:
        for node in walk(equation.expression):
            if isinstance(node, Access) and network.quantities[node.name].role == "defined":
                reads = (part for index in node.indices for part in walk(index))
                if any(isinstance(part, Access) and part.name == name for part in reads):
                    found[node.name] = None
    return list(found)


def _needed(network: Network, names: Iterable[str]) -> set[str]:
    """Return every quantity that `names` are computed from, themselves included."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            for equation in network.definitions.get(name, ()):
                waiting += [node.name for node in walk(equation.expression) if isinstance(node, Access)]
    return needed


def _extents(quantity: Quantity) -> list[Expr]:
    return [axis.extent for axis in quantity.axes]


def predicts_probability(network: Network) -> bool:
    """Return whether the prediction is written as a probability: a sigmoid, by name or written out."""
    name = prediction_of(network)
    equations = network.definitions.get(name, ()) if name else ()
    return len(equations) == 1 and _is_probability(equations[0].expression)


def _is_probability(expr: Expr) -> bool:
    match expr:
        case Call(function=function, orders=()):
            return function in PROBABILITIES
        case Power(base=Add(terms=terms), exponent=Number(value=-1)):  # 1/(1 + exp(-b))
            return len(terms) == 2 and ONE in terms and any(isinstance(t, Call) and t.function == "exp" for t in terms)
        case _:
            return False


def slots_of(network: Network, sizes: Mapping[str, SizeValue]) -> list[Slot]:
    """Return the inputs and targets of `network` as slots for columns; `sizes` are those that are known.

    Raises
    ------
    DeclarationError
        If the network has no parameters to train or nothing to read, or reads arrays of different lengths.
    """
    for quantity in network.of_role("input", "target"):
        lengths = [
            node
            for axis in quantity.axes
            for node in walk(axis.extent)
            if isinstance(node, Size) and free_indices(node) & {axis.index for axis in quantity.axes}
        ]
        if lengths:
            raise DeclarationError(
                f"a table cannot fill {quantity.access}: it is a list of arrays whose length {lengths[0]} differs",
                hint=f'Train from Python: symprop.fit(net, {{"{quantity.name}": [...], ...}}) takes such lists.',
                **network.place_of(quantity.name),
            )
    if not network.of_role("parameter"):
        raise DeclarationError("the network declares no parameters to train", hint="Add a line such as: parameter w[i]")
    solved = solve_sizes(network, {}, sizes, complete=False)
    known: dict[Expr, Expr] = {Size(name): number(value) for name, value in solved.items() if isinstance(value, int)}
    probability = predicts_probability(network)
    slots = [_slot(network, quantity, known, probability) for quantity in network.of_role("input", "target")]
    if not slots:
        raise DeclarationError("the network reads no data", hint="Add lines such as: input x[i]; target t")
    return slots


def _integer(expr: Expr, known: Mapping[Expr, Expr]) -> int | None:
    value = fold(expr, known)
    return int(value.value) if isinstance(value, Number) and value.value.denominator == 1 else None


def _slot(network: Network, quantity: Quantity, known: Mapping[Expr, Expr], probability: bool) -> Slot:
    axes = [axis for axis in quantity.axes if axis.index != network.batch]
    positions = [place for place, axis in enumerate(quantity.axes) if axis.index == network.batch]
    members = quantity.domain.members if quantity.domain else ()
    role = "target" if quantity.name in targets_of(network) else quantity.role
    return Slot(
        quantity.name,
        role,
        tuple(_integer(axis.extent, known) for axis in axes),
        _fixed(network, quantity, known),
        quantity.integer,
        tuple(sorted(float(member.value) for member in members if isinstance(member, Number))),
        probability and role == "target",
        positions[0] if positions else 0,
        tuple(
            dict.fromkeys(
                node.name
                for axis in axes
                if _integer(axis.extent, known) is None
                for node in walk(axis.extent)
                if isinstance(node, Size) and node not in known
            )
        ),
        _classes(quantity, known) if role == "target" and not axes else None,
    )


def _classes(quantity: Quantity, known: Mapping[Expr, Expr]) -> tuple[int, int | None] | None:
    """Return the first and the last class number of an integer target, the last being None if it is open."""
    domain = quantity.domain
    if not quantity.integer or domain is None or domain.lower is None or domain.upper is None:
        return None
    first = _integer(domain.lower, known)
    return None if first is None else (first, _integer(domain.upper, known))


def _fixed(network: Network, quantity: Quantity, known: Mapping[Expr, Expr]) -> dict[int, float]:
    """Return the components of an input that equations fix: ``x[0] = 1`` is {0: 1.0}."""
    fixed: dict[int, float] = {}
    for equation in network.definitions.get(quantity.name, ()):
        if len(quantity.axes) != 1:
            raise DeclarationError(f"a table cannot fill {quantity.name}: components of several axes are fixed")
        axis, index = quantity.axes[0], equation.target.indices[0]
        position = _integer(index - axis.lower, known)
        if position is None:
            from_end = _integer(index - axis.upper, known)
            if from_end is None:
                raise DeclarationError(f"a table cannot fill {quantity.name}: it is not clear where {equation.text} is")
            position = from_end - 1
        # What is no plain number is computed by the network; its place only has to be there.
        fixed[position] = float(equation.expression.value) if isinstance(equation.expression, Number) else 0.0
    return fixed


@dataclass(frozen=True)
class Score:
    """How good predictions are.

    Attributes
    ----------
    kind : str
        ``accuracy`` (part of the examples whose class is right) or ``RMSE`` (in the units of the target).
    value, baseline : float
        Of the network, and of always predicting the most frequent class (the mean) of the training examples.
    """

    kind: str
    value: float
    baseline: float

    @property
    def worse(self) -> bool:
        """Whether the guess that needs no network is as good."""
        return self.value < self.baseline if self.kind == "accuracy" else self.value >= self.baseline


@dataclass
class TableRun:
    """A run on a table.

    Attributes
    ----------
    run : Run
        The trained network; its `preparation` is set.
    preparation : Preparation
    prediction : str or None
        The quantity that is scored and predicted.
    table : Table
    training, held_out : list of int
        Rows of the table that were used.
    lacking : dict of str to int
        How many values each used column lacks.
    unread : dict of int to str
        Held-out rows that the preparation could not read, with the reason.
    scaling : Scaling or None
        The standard units of the target that it was trained in; parameters and scores are back in the target's own.
    values : dict of str to (dict of str to float)
        Final value of each objective by its name, by part: ``training`` and ``validation``.
    scores : dict of str to Score
        By part; empty if there is nothing to score.
    """

    run: Run
    preparation: Preparation
    prediction: str | None
    table: Table
    training: list[int]
    held_out: list[int]
    lacking: dict[str, int]
    unread: dict[int, str]
    scaling: Scaling | None = None
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)

    @property
    def objectives(self) -> dict[str, float]:
        """Final objective by part; of several the first."""
        return {part: next(iter(values.values())) for part, values in self.values.items()}


def fit_table(
    network: Network,
    table: Table,
    sizes: Mapping[str, SizeValue] | None = None,
    target: str | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    validation: float = 0.2,
    seed: int = 0,
    **options: Any,
) -> TableRun:
    """Prepare the columns of a table, train the network on them, and score it.

    Parameters
    ----------
    network : Network
    table : Table
    sizes, validation, seed : as for `fit`
    target, columns : as for `table.assign`
    options
        Further arguments of `fit`.

    Raises
    ------
    TableError, DeclarationError, OptionError, ShapeError, DivergenceError
        As the stages do.
    """
    slots = slots_of(network, sizes or {})
    assignment, left_out = tables.assign(table, slots, target, columns)
    rows, lacking = table.complete([name for names in assignment.values() for name in names])
    chosen, rest = split(len(rows), validation, seed) if rows else ((), ())
    training, held_out = [rows[place] for place in chosen], [rows[place] for place in rest]
    preparation = tables.prepare(table, slots, assignment, training, rows, left_out)
    data, training, _ = preparation.encode(table, training)
    held_out_data, held_out, unread = preparation.encode(table, held_out)
    # Without a batch index the shapes that the network declares are those of one example.
    first = 0 if network.batch is not None else 1
    shapes = {name: array.shape[first:] for name, array in data.items()}
    solved = solve_sizes(network, shapes, {**_sizes_of_classes(network, preparation), **(sizes or {})})
    scaled = _scaling(network, preparation, data, solved, options)
    standard = scaled.standard if scaled else dict
    try:
        run = fit(
            network,
            standard(data),
            solved,
            validation=standard(held_out_data) if held_out else 0.0,
            seed=seed,
            **options,
        )
    except DivergenceError as error:
        if scaled and isinstance(error.run, Run):
            _in_own_units(error.run, scaled)
        raise
    if scaled:
        _in_own_units(run, scaled)
    run.options["validation"] = validation
    run.preparation = preparation.as_dict()
    result = TableRun(run, preparation, prediction_of(network), table, training, held_out, lacking, unread, scaled)
    parts = {"training": data} | ({"validation": held_out_data} if held_out else {})
    for part, arrays in parts.items():
        result.values[part] = run.objectives(arrays)
        score = _score(result, arrays, data)
        if score is not None:
            result.scores[part] = score
    return result


def _sizes_of_classes(network: Network, preparation: Preparation) -> dict[str, int]:
    """Return the sizes that follow from how many classes a column has: K of ``target integer t in 1..K``."""
    found = target_column(preparation)
    if found is None or found[0].classes is None or found[0].classes[1] is not None:
        return {}
    slot, column = found
    domain = network.quantities[slot.name].domain
    assert domain is not None
    assert domain.upper is not None
    solution = only_unknown(domain.upper - number(int(column.codes[-1][0])))
    return {} if solution is None else {solution[0].name: int(solution[1])}


def _scaling(
    network: Network,
    preparation: Preparation,
    data: Mapping[str, np.ndarray],
    sizes: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Scaling | None:
    """Return how to train in standard units of a measured target, if that is the same problem."""
    from symprop.runtime.load import compile

    found, prediction = target_column(preparation), prediction_of(network)
    if found is None or prediction is None:
        return None
    if len(network.objectives) > 1:
        return None
    slot, column = found
    if column.levels or slot.integer or slot.members or slot.probability:
        return None
    kinds = {name: options[name] for name in ("dtype", "target", "reduction") if name in options}
    functions = compile(network, dict(sizes), optimizer=options.get("optimizer", "adam"), **kinds)
    return scaling(network, functions, prediction, slot.name, data)


def _in_own_units(run: Run, scaled: Scaling) -> None:
    run.parameters = Named("parameter", scaled.own(run.parameters))
    for values in run.history.values():
        values[:] = [scaled.slope * value + scaled.offset for value in values]


def target_column(preparation: Preparation) -> tuple[Slot, Column] | None:
    """Return the slot and column of the one target that is one column, or None."""
    targets = [slot for slot in preparation.slots.values() if slot.role == "target"]
    if len(targets) != 1 or len(preparation.columns[targets[0].name]) != 1:
        return None
    return targets[0], preparation.columns[targets[0].name][0]


def decide(column: Column, predicted: np.ndarray) -> np.ndarray:
    """Return the number of the level for each prediction.

    One-hot targets and class numbers: the largest component.  Else the level whose code is nearest: at a probability,
    1/2 decides.
    """
    import numpy as np

    codes = np.array(column.codes)
    if codes.shape[1] > 1 or predicted.size > len(predicted):
        return predicted.reshape(len(predicted), -1).argmax(axis=1)
    return np.abs(predicted.reshape(-1, 1) - codes[:, 0]).argmin(axis=1)


def _score(result: TableRun, arrays: Mapping[str, np.ndarray], training: Mapping[str, np.ndarray]) -> Score | None:
    import numpy as np

    found = target_column(result.preparation)
    if found is None or result.prediction is None:
        return None
    slot, column = found
    truth, reference = (np.moveaxis(part[slot.name], slot.example_axis, 0) for part in (arrays, training))
    predicted = predictions(result.run, result.prediction, arrays, slot.example_axis)
    of_classes = slot.classes is not None and predicted.shape in ((len(truth), len(column.levels)), truth.shape)
    if predicted.shape != truth.shape and not of_classes:
        return None
    if column.levels:
        classes = decide(column, truth)
        counts = np.bincount(decide(column, reference), minlength=len(column.levels))
        return Score(
            "accuracy",
            float(np.mean(decide(column, predicted) == classes)),
            float(np.mean(classes == counts.argmax())),
        )
    return Score(
        "RMSE",
        float(np.sqrt(np.mean((predicted - truth) ** 2))),
        float(np.sqrt(np.mean((reference.mean(axis=0) - truth) ** 2))),
    )


def predictions(run: Run, name: str, arrays: Mapping[str, np.ndarray], example_axis: int = 0) -> np.ndarray:
    """Return the values of the quantity `name`, the examples as first axis."""
    import numpy as np

    return np.moveaxis(np.asarray(run.forward(arrays)[name]), example_axis, 0)


def report(result: TableRun, network: str, saved: str | None, seconds: float) -> str:
    """Return what happened, at most 80 columns wide.

    Parameters
    ----------
    result : TableRun
    network : str
        Name of the network, for the first line.
    saved : str or None
        Where the model was saved.
    seconds : float
        How long everything took.
    """
    run, preparation = result.run, result.preparation
    lines = [f"{network} on {result.table.source}"]

    def say(head: str, text: str) -> None:
        indent = " " * 13
        lines.extend(textwrap.wrap(f"  {head:<11}{text}", WIDTH, subsequent_indent=indent, break_on_hyphens=False))

    used = len(result.training) + len(result.held_out)
    dropped = len(result.table) - used
    held = f", {len(result.held_out)} to validate" if result.held_out else ""
    say("rows", f"{used} used: {len(result.training)} to train{held}; {dropped} dropped{_why_dropped(result)}")
    for slot in preparation.slots.values():
        columns = preparation.columns[slot.name]
        why = ": in standard units the objective would be another" if _is_in_own_units(result) else ""
        say(slot.role, f"{slot.name} = {_columns(slot, columns, why)}")
    for name, reason in preparation.left_out.items():
        say("left out", f"{name}: {reason}")
    if run.sizes:
        say("sizes", ", ".join(f"{name} = {value}" for name, value in run.sizes.items()))
    say("training", _training(run, bool(result.held_out)))
    if result.scaling is not None:
        centre, spread = result.scaling.mean, result.scaling.deviation
        say(
            "",
            f"the target in standard units (mean {centre:.4g}, standard deviation {spread:.4g}); parameters and "
            "scores are given back in its own",
        )
    lines.append("")
    parts = list(result.values)
    lines.append(f"  {'':<26}" + "".join(f"{part:>14}" for part in parts))
    wishes: dict[str, list[str]] = {}
    for each in run.functions.metadata.objectives:
        wishes.setdefault(each["name"], []).append(each["sense"])
    for name, senses in wishes.items():
        lines.append(_row(f"{name} (to {' and '.join(senses)})", [result.values[part][name] for part in parts]))
    scores = [result.scores[part] for part in parts if part in result.scores]
    if scores:
        lines.append(_row(scores[0].kind, [score.value for score in scores]))
        guess = "most frequent class" if scores[0].kind == "accuracy" else "mean of the target"
        lines.append(
            _row(
                "  most frequent class" if scores[0].kind == "accuracy" else "  guessing the mean",
                [score.baseline for score in scores],
            )
        )
    lines.append("")
    for part in parts:
        if part in result.scores and result.scores[part].worse:
            say("note", f"on the {part} rows this is no better than guessing the {guess}: {_remedy(result)}")
            break
    if result.prediction is None:
        say("predict", "nothing is scored: add a line such as 'predict y' to the network")
    say("model", f"saved to {saved}" if saved else "not saved; -o model.npz keeps it")
    say("time", f"{seconds:.1f} s, {run.seconds:.2f} s of it training")
    return "\n".join(lines)


def _is_in_own_units(result: TableRun) -> bool:
    """Return whether a numeric target was trained in units of its own because standard ones are another problem."""
    found = target_column(result.preparation)
    if found is None or found[0].probability or found[1].levels:
        return False
    return result.scaling is None and result.prediction is not None


def _remedy(result: TableRun) -> str:
    """Return what to try against a poor fit."""
    run = result.run
    found = target_column(result.preparation)
    if found is not None and _is_in_own_units(result):
        return (
            f"{found[1].name} is trained in its own units; divide the column by its size, or try a larger "
            f"--learning-rate than {run.options['learning_rate']:g}"
        )
    if len(run.history["objective"]) < run.options["epochs"]:
        return f"try another --learning-rate than {run.options['learning_rate']:g} or other columns"
    return f"try a larger --learning-rate than {run.options['learning_rate']:g} or more --epochs"


def _row(head: str, values: Sequence[float]) -> str:
    return f"  {head:<26}" + "".join(f"{value:>14.4g}" for value in values)


def _why_dropped(result: TableRun) -> str:
    reasons = [f"{name} lacks {count}" for name, count in result.lacking.items()]
    if result.unread:
        reasons.append(f"{len(result.unread)} held-out rows have categories that no training row has")
    return f" ({', '.join(reasons)})" if reasons else ""


def _columns(slot: Slot, columns: Sequence[Column], why: str = "") -> str:
    """Return what is said of the columns of an input or target; `why` a number is left in its units."""
    if slot.role == "target" and len(columns) == 1:
        column = columns[0]
        if not column.levels:
            return f"{column.name}, in its own units{why}"
        if column.codes and len(column.codes[0]) > 1:
            return f"{column.name}, one-hot: {', '.join(column.levels)}"
        codes = ", ".join(f"{level} is {code[0]:g}" for level, code in zip(column.levels, column.codes, strict=True))
        return f"{column.name}: {codes}"
    width = sum(column.width for column in columns)
    plural = "" if width == 1 else "s"
    fixed = f", and {len(slot.fixed)} that the network fixes" if slot.fixed else ""
    described = ", ".join(_described(columns))
    return f"{width} component{plural} from {len(columns)} column{'' if len(columns) == 1 else 's'}{fixed}: {described}"


def _described(columns: Sequence[Column]) -> list[str]:
    """Return what to say of each column; of a long run of plain numbers, the first and the last."""
    words: list[str] = []
    for numbers, run in groupby(columns, lambda column: not column.levels):
        texts = [_column(column) for column in run]
        if numbers and len(texts) > LONGEST_RUN:
            texts = [texts[0], f"... {len(texts) - 2} more ...", texts[-1]]
        words += texts
    return words


def _column(column: Column) -> str:
    if not column.levels:
        return column.name
    if column.width == 0:
        return f"{column.name} (always {column.levels[0]})"
    if column.width == 1:
        return f"{column.name} ({column.levels[1]} is 1)"
    return f"{column.name} ({', '.join(column.levels[1:])}; else {column.levels[0]})"


def _training(run: Run, held_out: bool) -> str:
    options = run.options
    size = options["batch_size"]
    batch = "all rows at once" if size is None else f"batches of {size}"
    done = len(run.history["objective"])
    epochs = f"{done} epoch{'' if done == 1 else 's'}"
    text = f"{options['optimizer']}, learning rate {options['learning_rate']:g}, {batch}, {epochs}"
    objectives = run.functions.metadata.objectives
    if len(objectives) > 1:
        steps = (f"{each['name']} over {', '.join(each['over'])}" for each in objectives)
        return f"{text}; with each batch a step for {', then '.join(steps)}; kept is what the last epoch left"
    if done < options["epochs"]:
        text += f" of {options['epochs']}"
    if held_out and options["early_stopping"]:
        text += f"; kept is epoch {run.kept}, the best on the rows to validate"
    return text


def predict_table(run: Run, network: Network, table: Table) -> tuple[str, dict[int, str]]:
    """Return predictions for a table as CSV text, and what is wrong with which row.

    The text has a line for each row: its line in the table, the predicted class or number, and for classes what the
    network computes (of each class, if there are several).  Rows that cannot be read have empty cells.

    Raises
    ------
    OptionError
        If the model was not trained on a table, or the network does not say what it predicts.
    TableError
        If the table lacks a column.
    """
    import numpy as np

    name = prediction_of(network)
    if run.preparation is None:
        raise OptionError("the model was trained on arrays, so it does not know columns", hint="Use Run.predict.")
    if name is None:
        raise OptionError("the network does not say what it predicts", hint="Add a line such as: predict y")
    preparation = Preparation.from_dict(run.preparation)
    arrays, kept, complaints = preparation.encode(table, range(len(table)), roles=["input"])
    found = target_column(preparation)
    axis = found[0].example_axis if found else 0
    values = predictions(run, name, arrays, axis) if kept else np.empty((0,))
    values = values.reshape(len(kept), -1) if kept else values
    cells: dict[int, list[str]] = {}
    if found and found[1].levels:
        column = found[1]
        several = values.shape[1] > 1 if kept else len(column.codes[0]) > 1 or found[0].classes is not None
        header = [column.name, *(f"{name}[{level}]" for level in column.levels)] if several else [column.name, name]
        for row, level, outputs in zip(kept, decide(column, values), values, strict=True):
            cells[row] = [column.levels[level], *(f"{output:.6g}" for output in outputs)]
    else:
        width = values.shape[1] if kept else 1
        label = found[1].name if found else name
        header = [label] if width == 1 else [f"{label}[{place}]" for place in range(width)]
        for row, outputs in zip(kept, values, strict=True):
            cells[row] = [f"{output:.6g}" for output in outputs]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["line", *header])
    for row in range(len(table)):
        writer.writerow([table.lines[row], *cells.get(row, [""] * len(header))])
    return text.getvalue(), complaints
