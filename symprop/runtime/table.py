"""A table of data becomes arrays: which column goes where, and how its texts become numbers.

=================  =====================================================================================
numbers            standardised by mean and standard deviation (population form) of the training rows;
                   a column that is constant there stays as it is
categories         one 0/1 column for each level but the first (the reference, in sorted order), so that a
                   network with a bias has one optimum; two levels (Yes/No) become one column
integer inputs     left as they are (they index)
targets            numbers keep their units; two classes become 0 and 1 (or the declared members) in sorted
                   order; with an axis, one-hot; a class number takes the integers of its range, and classes that
                   are no such integers are numbered from its first value in sorted order
missing values     a row that lacks a value in a column that is used is left out, and counted
=================  =====================================================================================

Everything that was learned from the training rows is kept in `Preparation`, which goes into the model file.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symprop import arguments
from symprop.errors import TableError, nearest

if TYPE_CHECKING:
    import numpy as np

MISSING = frozenset({"", "?", "NA", "N/A", "na", "n/a", "NaN", "nan", "null", "NULL"})

# A text column in which more than half of the rows are different, and more than this many, names rows.
MOST_LEVELS_UNASKED = 20

# No network has this many classes by one-hot coding; a measured target given to a class axis does.
MOST_CLASSES = 1000

# A table is held in memory as texts, which take several times the size of its file.
LARGEST_FILE = 500_000_000

# Of a column of numbers, so large a part at most (or so few cells) can be slips; more texts are categories.
MOST_SLIPS, FEW_SLIPS = 0.1, 2

# A column that counts the rows is left out if it is called like this.
ROW_NAMES = frozenset({"id", "index", "row", "rownames", "no", "no.", "nr", "nr.", "number", "#"})

# Field sizes above this are no numbers or categories; the csv module's own limit would be a stranger's message.
LONGEST_FIELD = 100_000


@dataclass(frozen=True)
class Table:
    """Named columns of text, as they stand in a file.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    columns : mapping of str to tuple of str
        Texts of each column without blanks around them; every column has one entry a row.
    lines : tuple of int
        Line of the file on which each row ends, counted from 1; without a file, the number of the row.
    unit : str
        What `lines` count.
    """

    source: str
    columns: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return where a row stands, in words."""
        return f"{self.source}, {self.unit} {self.lines[row]}"

    def column(self, name: str) -> tuple[str, ...]:
        """Return the texts of the column called `name`, or raise `TableError`."""
        if name in self.columns:
            return self.columns[name]
        lower = {column.lower(): column for column in self.columns}  # capitals are what people mix up most
        close = nearest(name.lower(), lower)
        hint = f"Did you mean '{lower[close]}'? " if close else ""
        raise TableError(f"{self.source} has no column '{name}'", hint=f"{hint}Columns: {', '.join(self.columns)}.")

    def complete(self, names: Sequence[str]) -> tuple[list[int], dict[str, int]]:
        """Return the rows that have a value in every column of `names`, and how many values each column lacks."""
        lacking = {name: sum(text in MISSING for text in self.column(name)) for name in names}
        columns = [self.columns[name] for name in names]
        rows = [row for row in range(len(self)) if not any(column[row] in MISSING for column in columns)]
        return rows, {name: count for name, count in lacking.items() if count}


@dataclass(frozen=True)
class Slot:
    """What the network wants filled: an input or a target, as plain numbers.

    Attributes
    ----------
    name : str
        The quantity.
    role : str
        ``input`` or ``target``.
    shape : tuple of int or None
        Extent of each axis, without the examples; None where the table decides.
    fixed : mapping of int to float
        Components that the network fixes (``x[0] = 1``), by position, counted from the end if negative.
    integer : bool
        Whether values index something and stay as they are.
    members : tuple of float
        The finite set that was declared for the values, sorted; else empty.
    probability : bool
        Of a target: whether the network predicts a probability for it.
    example_axis : int
        Where the examples stand among the axes.
    sizes : tuple of str
        Names of the sizes that would tell the extents that are not known.
    classes : tuple of int, optional
        Of a target that is a class number: the first and the last one, which is None where the table decides.
    """

    name: str
    role: str
    shape: tuple[int | None, ...] = ()
    fixed: Mapping[int, float] = field(default_factory=dict)
    integer: bool = False
    members: tuple[float, ...] = ()
    probability: bool = False
    example_axis: int = 0
    sizes: tuple[str, ...] = ()
    classes: tuple[int, int | None] | None = None

    def arrange(self, features: np.ndarray) -> np.ndarray:
        """Return prepared columns, shape (rows, columns), as the array of this slot.

        The shape is that of the axes, with the rows at `example_axis`.

        Raises
        ------
        TableError
            If the number of columns does not fit the axes.
        """
        import numpy as np

        rows, width = features.shape
        if not self.shape:
            if width != 1:
                raise TableError(
                    f"{self.role} {self.name} is one number, but {width} columns were prepared for it",
                    hint=f"Name its column, or declare {self.name} with an index.",
                )
            return features[:, 0]
        count = width + len(self.fixed)
        known = math.prod(extent for extent in self.shape if extent is not None)
        unknown = [axis for axis, extent in enumerate(self.shape) if extent is None]
        fits = known == count if not unknown else len(unknown) == 1 and known > 0 and count % known == 0
        if not fits:
            known_extents = " x ".join("?" if extent is None else str(extent) for extent in self.shape)
            fixed = f", of which the network fixes {len(self.fixed)}" if self.fixed else ""
            raise TableError(
                f"{self.role} {self.name} has {known_extents} components{fixed}, "
                f"but {width} columns were prepared for it",
                hint=f"Choose the columns{self._size_options()}.",
            )
        full = np.empty((rows, count))
        positions = {position % count: value for position, value in self.fixed.items()}
        for position, value in positions.items():
            full[:, position] = value
        full[:, [position for position in range(count) if position not in positions]] = features
        extents = [count // known if extent is None else extent for extent in self.shape]
        return np.moveaxis(full.reshape(rows, *extents), 0, self.example_axis)

    def _size_options(self) -> str:
        return f", or give the size: {' '.join(f'--size {size}=1' for size in self.sizes)}" if self.sizes else ""


@dataclass(frozen=True)
class Column:
    """How one column becomes numbers.

    Attributes
    ----------
    name : str
        The column in the table.
    mean, scale : float
        A number x becomes ``(x - mean)/scale``; in the units of the column.
    levels : tuple of str
        Levels of a category in their order, or empty for numbers.
    codes : tuple of tuple of float
        The numbers that stand for each level.
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    levels: tuple[str, ...] = ()
    codes: tuple[tuple[float, ...], ...] = ()

    @property
    def width(self) -> int:
        """How many prepared columns it makes."""
        return len(self.codes[0]) if self.levels else 1

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
        """Return prepared columns, shape (rows, width), dimensionless, and what is wrong with which row.

        Rows with a complaint are NaN.
        """
        import numpy as np

        codes = dict(zip(self.levels, self.codes, strict=True))
        features = np.full((len(texts), self.width), np.nan)
        complaints: dict[int, str] = {}
        for row, text in enumerate(texts):
            if text in MISSING:
                complaints[row] = f"{self.name} is missing"
            elif self.levels:
                code = codes.get(text, codes.get(_plain(text)))
                if code is None:
                    complaints[row] = f"{self.name} has the unknown category {text!r}"
                else:
                    features[row] = code
            else:
                value = as_number(text)
                if value is None:
                    complaints[row] = f"{self.name} has {text!r}, which is not a number"
                else:
                    features[row, 0] = (value - self.mean) / self.scale
        return features, complaints


@dataclass(frozen=True)
class Preparation:
    """How the columns of a table fill the slots of a network; learned from the training rows.

    Attributes
    ----------
    slots : mapping of str to Slot
        Inputs and targets by name.
    columns : mapping of str to tuple of Column
        The columns of each slot, in order.
    left_out : mapping of str to str
        Columns that are not used although they were not named, with the reason.
    """

    slots: Mapping[str, Slot]
    columns: Mapping[str, tuple[Column, ...]]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def names(self, *roles: str) -> list[str]:
        """Return the columns of the table that fill slots of these roles, each once."""
        return list(
            dict.fromkeys(
                column.name
                for name, columns in self.columns.items()
                if self.slots[name].role in roles
                for column in columns
            )
        )

    def encode(
        self, table: Table, rows: Sequence[int], roles: Sequence[str] = ("input", "target")
    ) -> tuple[dict[str, np.ndarray], list[int], dict[int, str]]:
        """Return arrays by slot, the rows that stand in them, and what is wrong with the others.

        Parameters
        ----------
        table : Table
        rows : sequence of int
            Rows of the table, counted from 0.
        roles : sequence of str
            Which slots to fill; a new table for prediction has no targets.

        Returns
        -------
        arrays : dict of str to array, shape (kept rows, *axes)
        kept : list of int
            The rows of `rows` that could be read, in order.
        complaints : dict of int to str
            By row, why the others could not.
        """
        import numpy as np

        features: dict[str, np.ndarray] = {}
        complaints: dict[int, str] = {}
        for name, columns in self.columns.items():
            if self.slots[name].role not in roles:
                continue
            blocks = []
            for column in columns:
                texts = table.column(column.name)
                block, wrong = column.encode([texts[row] for row in rows])
                blocks.append(block)
                for position, complaint in wrong.items():
                    complaints.setdefault(rows[position], complaint)
            features[name] = np.hstack(blocks) if blocks else np.empty((len(rows), 0))
        good = [position for position, row in enumerate(rows) if row not in complaints]
        arrays = {name: self.slots[name].arrange(block[good]) for name, block in features.items()}
        return arrays, [rows[position] for position in good], complaints

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain lists and dicts, for a model file."""
        return {
            "slots": [
                {**asdict(slot), "fixed": [[position, value] for position, value in slot.fixed.items()]}
                for slot in self.slots.values()
            ],
            "columns": {name: [asdict(column) for column in columns] for name, columns in self.columns.items()},
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Preparation:
        """Return the preparation that `as_dict` wrote."""
        slots = {}
        for row in plain["slots"]:
            fixed = {int(position): float(value) for position, value in row["fixed"]}
            slots[row["name"]] = Slot(
                **{
                    **row,
                    "fixed": fixed,
                    "shape": tuple(row["shape"]),
                    "members": tuple(row["members"]),
                    "sizes": tuple(row.get("sizes", ())),
                    "classes": tuple(row["classes"]) if row.get("classes") else None,
                }
            )
        columns = {
            name: tuple(
                Column(**{**row, "levels": tuple(row["levels"]), "codes": tuple(map(tuple, row["codes"]))})
                for row in rows
            )
            for name, rows in plain["columns"].items()
        }
        return cls(slots, columns, dict(plain["left_out"]))


def read(path: str | Path) -> Table:
    """Return the table in a CSV file (``.csv``, or compressed with gzip) whose first line names the columns.

    The delimiter is the one of comma, semicolon and tab that the first line has most of.

    Raises
    ------
    TableError
        If the file cannot be read as a table.
    """
    path = arguments.path(path)
    text = _text(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    spelled: dict[str, str] = {}  # equal cells are kept once
    records: list[list[str]] = []
    lines: list[int] = []
    try:
        for record in reader:
            if any(cell.strip() for cell in record) or (record and len(record) > 1):
                records.append([spelled.setdefault(cell, cell) for cell in map(str.strip, record)])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise TableError(f"{path.name}, line {reader.line_num}, is not CSV: {error}") from None
    if not records:
        raise TableError(f"{path.name} is empty", hint="The first line names the columns, each further line is a row.")
    header = records[0]
    if all(as_number(name) is not None for name in header):
        raise TableError(
            f"the first line of {path.name} holds numbers, and no names of columns",
            hint="Put a line with a name for each column above it.",
        )
    for name, count in Counter(header).items():
        if count > 1 or not name:
            what = f"{count} columns called '{name}'" if name else "a column without a name"
            hint = "The first line must name the columns, each differently."
            if not name:
                hint += " (pandas: to_csv(..., index=False))"
            raise TableError(f"{path.name} has {what}", hint=hint)
    for record, line in zip(records[1:], lines[1:], strict=True):
        if len(record) != len(header):
            raise TableError(
                f"{path.name}, line {line}, has {len(record)} values; the first line names {len(header)} columns",
                hint="A text that contains the delimiter stands in double quotes.",
            )
    if len(records) == 1:
        raise TableError(f"{path.name} has no rows below the names of its columns")
    columns = dict(zip(header, zip(*records[1:], strict=True), strict=True))
    if delimiter != ",":
        columns = _with_points(columns)
    return Table(path.name, columns, tuple(lines[1:]))


_WITH_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_WITH_MARKS = re.compile(r"[+-]?\d+([,.'\u00a0 ]\d+)+")


def _with_points(columns: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return columns with points for decimal commas, where the commas of a column can be nothing else.

    They can be if no number of the column has a point, and not every comma stands before just three digits.
    """
    result = dict(columns)
    for name, texts in columns.items():
        with_comma = [text for text in texts if _WITH_COMMA.fullmatch(text)]
        others = {text for text in texts if not _WITH_COMMA.fullmatch(text) and text not in MISSING}
        if any(len(text.split(",")[1]) != 3 for text in with_comma) and all(
            as_number(text) is not None and "." not in text for text in others
        ):
            result[name] = tuple(text.replace(",", ".") if _WITH_COMMA.fullmatch(text) else text for text in texts)
    return result


def from_columns(columns: object, wanted: Sequence[str]) -> Table:
    """Return a table of columns that are given by name: a mapping, or a data frame.

    Parameters
    ----------
    columns : mapping of str to sequence, or data frame
        Numbers and texts; None and NaN are missing values.
    wanted : sequence of str
        The columns to take.

    Raises
    ------
    TableError
        If a column is missing, or columns differ in length.
    """
    given = dict(columns) if isinstance(columns, Mapping) else {name: columns[name] for name in columns.columns}  # type: ignore[attr-defined,index]
    source = "the table"
    found: dict[str, tuple[str, ...]] = {}
    for name in wanted:
        if name not in given:
            Table(source, {str(key): () for key in given}, ()).column(name)
        values = given[name]
        values = values.tolist() if hasattr(values, "tolist") else values
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise TableError(f"the column '{name}' is {arguments.kind(values)}; it must be a sequence of its values")
        found[name] = tuple(map(_spelled, values))
    counts = {name: len(values) for name, values in found.items()}
    if len(set(counts.values())) > 1:
        numbers = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise TableError(f"the columns have different numbers of rows: {numbers}")
    rows = next(iter(counts.values()), 0)
    return Table(source, found, tuple(range(1, rows + 1)), "row")


def _spelled(value: object) -> str:
    """Return a cell as a file would have it."""
    return "" if value is None or value != value else str(value).strip()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise TableError(f"there is no file {path}") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
    if content.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(LARGEST_FILE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise TableError(f"{path.name} is damaged: {error}") from None
    if len(content) > LARGEST_FILE:
        raise TableError(
            f"{path.name} is larger than {LARGEST_FILE // 10**6} megabytes",
            hint="Take part of its rows, or train on arrays with symprop.fit.",
        )
    if b"\0" in content:
        raise TableError(f"{path.name} is not a text", hint="Save the table as CSV in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(
            f"{path.name}, line {line}, is not UTF-8 text", hint="Save the table as CSV in UTF-8."
        ) from None


def as_number(text: str) -> float | None:
    """Return the finite number that `text` spells, or None."""
    if "_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(text: str) -> str:
    """Return the spelling under which equal numbers are one level: ``1.0`` is ``1``."""
    value = as_number(text)
    return text if value is None else f"{value:.17g}"


def levels_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the different texts, numbers by value and else by spelling."""
    distinct = set(texts)
    values = {text: as_number(text) for text in distinct}
    if all(value is not None for value in values.values()):
        return tuple(sorted({_plain(text) for text in distinct}, key=float))
    return tuple(sorted(distinct))


def assign(
    table: Table,
    slots: Sequence[Slot],
    target: str | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the columns that fill each slot, and the columns that were left out with the reason.

    What is named in `columns` is taken as named.  The target is then the column `target` (several for a target with
    an axis, separated by commas), else the column with the target's own name, else the last column.  An input that is
    called like a column takes it; the one input that remains takes all columns that remain.

    Raises
    ------
    TableError
        If a name is unknown, or the choice is not clear.
    """
    known = {slot.name: slot for slot in slots}
    chosen: dict[str, list[str]] = {}
    for name, names in (columns or {}).items():
        if name not in known:
            close = nearest(name, known)
            raise TableError(
                f"the network has no input or target '{name}'",
                hint=(f"Did you mean '{close}'? " if close else "") + f"It has {', '.join(known)}.",
            )
        for column in names:
            table.column(column)
        chosen[name] = list(names)
    taken = {column for names in chosen.values() for column in names}
    free = [name for name in table.columns if name not in taken]

    targets = [slot.name for slot in slots if slot.role == "target" and slot.name not in chosen]
    if target is not None:
        if len(targets) != 1:
            problem = "no target" if not targets else f"the targets {', '.join(targets)}"
            raise TableError(
                f"the network has {problem} for the column '{target}'", hint='Use --columns "t=column" for each.'
            )
        names = [target] if target in table.columns else [part.strip() for part in target.split(",")]
        for column in names:
            table.column(column)
        chosen[targets.pop()] = names
    for name in list(targets):
        if name in free:
            chosen[name] = [name]
            targets.remove(name)
    if len(targets) > 1:
        raise TableError(
            f"it is not clear which columns the targets {', '.join(targets)} are", hint='Use --columns "t=column".'
        )
    taken = {column for names in chosen.values() for column in names}
    free = [name for name in free if name not in taken]
    if targets:
        if not free:
            raise TableError(f"{table.source} has no column left for the target {targets[0]}")
        chosen[targets[0]] = [free.pop()]

    inputs = [slot.name for slot in slots if slot.role == "input" and slot.name not in chosen]
    for name in list(inputs):
        if name in free:
            chosen[name] = [name]
            free.remove(name)
            inputs.remove(name)
    left_out: dict[str, str] = {}
    if len(inputs) > 1:
        raise TableError(
            f"it is not clear which columns the inputs {', '.join(inputs)} are",
            hint=f'Use --columns "{inputs[0]}=column,column" for each.',
        )
    if inputs:
        kept = []
        for name in free:
            _refuse_slips(table, name)
            reason = _reason_against(name, table.columns[name])
            if reason:
                left_out[name] = reason
            else:
                kept.append(name)
        chosen[inputs[0]] = kept
    else:
        left_out = dict.fromkeys(free, "no input takes it")
    for names in chosen.values():
        for name in names:
            _refuse_slips(table, name)
    return {slot.name: chosen[slot.name] for slot in slots}, left_out


def _refuse_slips(table: Table, name: str) -> None:
    """Refuse a column of numbers in which some cells are none.

    Raises
    ------
    TableError
        With the first such cell.
    """
    texts = table.columns[name]
    numbers: list[int] = []
    slips: list[int] = []
    for row, text in enumerate(texts):
        if text not in MISSING:
            (slips if as_number(text) is None else numbers).append(row)
    if not slips:
        return
    marked = all(_WITH_MARKS.fullmatch(texts[row]) for row in slips) and any("," in texts[row] for row in slips)
    few = len(slips) <= FEW_SLIPS and len(numbers) >= 4 * len(slips)
    # With few different numbers beside it, a frequent text is one level more: 0, 1, 2 and 3+.
    part = len(slips) <= MOST_SLIPS * len(numbers) and len({texts[row] for row in numbers}) > 10
    if not (marked or few or part):
        return
    hint = "Write numbers with a decimal point, and without marks between thousands."
    if not marked:
        hint = (
            f"The other {len(numbers)} cells of the column are numbers. Mend this one, or leave it empty: then its "
            "row\nis left out. --columns chooses other columns."
        )
    raise TableError(f"{table.place(slips[0])}, column {name}: {texts[slips[0]]!r} is not a number", hint=hint)


def _reason_against(name: str, texts: Sequence[str]) -> str | None:
    present = [text for text in texts if text not in MISSING]
    if not present:
        return "it has no values"
    values = [as_number(text) for text in present]
    if all(value is not None for value in values):
        steps = {after - before for before, after in pairwise(values)}  # type: ignore[operator]
        if name.lower() in ROW_NAMES and steps == {1.0}:
            return "it numbers the rows"
        return None
    distinct = len(set(present))
    if distinct > MOST_LEVELS_UNASKED and 2 * distinct > len(present):
        return f"{distinct} different texts in {len(present)} rows (such as {present[0]!r}) name rows, not categories"
    return None


def prepare(
    table: Table,
    slots: Sequence[Slot],
    assignment: Mapping[str, Sequence[str]],
    training: Sequence[int],
    rows: Sequence[int],
    left_out: Mapping[str, str] | None = None,
) -> Preparation:
    """Learn how columns become numbers.

    Parameters
    ----------
    table : Table
    slots : sequence of Slot
    assignment : mapping of str to sequence of str
        Columns of each slot, as `assign` returns them.
    training : sequence of int
        The rows that means, standard deviations and levels of inputs are taken from.
    rows : sequence of int
        All complete rows; the classes of a target are those that occur here.
    left_out : mapping of str to str, optional
        Kept for the report.

    Raises
    ------
    TableError
        If a target does not fit its slot, or an input that indexes has no integers.
    """
    if not rows or not training:
        empty = [name for names in assignment.values() for name in names if set(table.columns[name]) <= MISSING]
        why = f": column '{empty[0]}' has no values" if empty else ""
        raise TableError(f"{table.source} has no complete rows to train with{why}")
    columns: dict[str, tuple[Column, ...]] = {}
    for slot in slots:
        names = assignment[slot.name]
        if slot.role == "target" and len(names) == 1:
            columns[slot.name] = (_target(slot, table, names[0], rows),)
        elif slot.role == "target" or slot.integer:
            columns[slot.name] = tuple(_as_it_is(slot, table, name, rows) for name in names)
        else:
            columns[slot.name] = tuple(
                _input(table, name, [table.columns[name][row] for row in training]) for name in names
            )
    return Preparation({slot.name: slot for slot in slots}, columns, dict(left_out or {}))


def _input(table: Table, name: str, texts: Sequence[str]) -> Column:
    import numpy as np

    values = [as_number(text) for text in texts]
    if all(value is not None for value in values):
        numbers = np.array(values, dtype=float)
        if np.all(numbers == numbers[0]):
            return Column(name)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = float(numbers.mean()), float(numbers.std())
        if not (math.isfinite(mean) and math.isfinite(scale) and scale > 0):
            raise TableError(f"the numbers of column '{name}' of {table.source} are too large or too close together")
        return Column(name, mean, scale)
    levels = levels_of(texts)
    codes = tuple(tuple(float(level == other) for other in levels[1:]) for level in levels)
    return Column(name, levels=levels, codes=codes)


def _as_it_is(slot: Slot, table: Table, name: str, rows: Sequence[int]) -> Column:
    for row in rows:
        text = table.columns[name][row]
        value = as_number(text)
        if value is None or (slot.integer and value != int(value)):
            wanted = "an integer" if slot.integer else "a number"
            raise TableError(
                f"{table.place(row)}: column '{name}' has {text!r}; the {slot.role} {slot.name} needs {wanted}"
            )
    return Column(name)


def _target(slot: Slot, table: Table, name: str, rows: Sequence[int]) -> Column:
    texts = [table.columns[name][row] for row in rows]
    levels = levels_of(texts)
    numeric = all(as_number(level) is not None for level in levels)
    if slot.classes is not None:
        return _class_numbers(slot, slot.classes, table, name, levels, numeric)
    if slot.shape and slot.shape != (1,):
        measured = numeric and any(float(level) != int(float(level)) for level in levels)
        if measured or len(levels) > MOST_CLASSES:
            raise TableError(
                f"column '{name}' of {table.source} has {len(levels)} different values; "
                f"the target {slot.name} has an index, so each would be a class",
                hint=f"Declare {slot.name} without an index if it is a number.",
            )
        if len(slot.shape) == 1 and slot.shape[0] not in (None, len(levels)):
            raise _not_as_many(slot, table, name, levels, f"has {slot.shape[0]} components")
        return Column(name, levels=levels, codes=tuple(tuple(float(a == b) for b in levels) for a in levels))
    members = slot.members if len(slot.members) == 2 else (0.0, 1.0)
    values = set(map(float, levels)) if numeric else set()
    if numeric and values <= set(members):
        return Column(name, levels=tuple(f"{member:.17g}" for member in members), codes=((members[0],), (members[1],)))
    if slot.integer and not numeric:
        return Column(name, levels=levels, codes=tuple((float(position),) for position in range(len(levels))))
    allowed = values <= set(slot.members) if slot.members else not slot.probability or all(0 <= v <= 1 for v in values)
    if numeric and allowed:
        return _as_it_is(slot, table, name, rows)
    if len(levels) == 2:
        return Column(name, levels=levels, codes=((members[0],), (members[1],)))
    if len(levels) == 1:
        raise TableError(
            f"column '{name}' of {table.source} has only the value {levels[0]}, so there is nothing to learn",
            hint="Choose another column with --target.",
        )
    few = ", ".join(f"{float(level):g}" if numeric else level for level in levels[:5])
    few += ", ..." if len(levels) > 5 else ""
    wanted = "a probability is predicted for it" if slot.probability and numeric else "it is one number"
    remedy = f"Declare {slot.name}[k] with a softmax for several classes, or choose another column with --target."
    if slot.probability and numeric and (len(levels) > MOST_LEVELS_UNASKED or not all(v == int(v) for v in values)):
        remedy = (
            "For a number predict one without a sigmoid and with a loss such as half_squared_error"
            f"({slot.name}, y), or choose\nanother column with --target."
        )
    raise TableError(
        f"column '{name}' of {table.source} has {len(levels)} different values ({few}), "
        f"which do not fit the target {slot.name}: {wanted}",
        hint=remedy,
    )


def _not_as_many(slot: Slot, table: Table, name: str, levels: Sequence[str], declared: str) -> TableError:
    """Return the error for a target that has room for more or fewer classes than a column has."""
    few = ", ".join(levels[:5]) + (", ..." if len(levels) > 5 else "")
    return TableError(
        f"column '{name}' of {table.source} has {len(levels)} classes ({few}), and the target {slot.name} {declared}",
        hint=f"Give the size for {len(levels)} classes, or leave it open: then the column tells it.",
    )


def _class_numbers(
    slot: Slot, classes: tuple[int, int | None], table: Table, name: str, levels: Sequence[str], numeric: bool
) -> Column:
    """Return how the classes of a column become the integers of a range."""
    first, last = classes
    values = [float(level) for level in levels] if numeric else []
    whole = numeric and all(value == int(value) for value in values)
    if (numeric and not whole) or len(levels) > MOST_CLASSES:
        raise TableError(
            f"column '{name}' of {table.source} has {len(levels)} different values; "
            f"the target {slot.name} is the number of a class",
            hint=f"Declare target {slot.name} if it is a measured number.",
        )
    if len(levels) == 1:
        raise TableError(
            f"column '{name}' of {table.source} has only the value {levels[0]}, so there is nothing to learn",
            hint="Choose another column with --target.",
        )
    # Integers that are numbers of classes already keep their meaning, also where one of them does not occur.
    top = first + len(levels) - 1 if last is None else last
    if whole and first <= values[0] and values[-1] <= top:
        numbers = range(first, top + 1)
        return Column(name, levels=tuple(map(str, numbers)), codes=tuple((float(number),) for number in numbers))
    if last is not None and len(levels) != last - first + 1:
        raise _not_as_many(slot, table, name, levels, f"goes from {first} to {last}")
    return Column(name, levels=tuple(levels), codes=tuple((float(first + place),) for place in range(len(levels))))
