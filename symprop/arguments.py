"""What callers hand over: each kind of argument is understood, or refused in words that show what to write.

Everything here returns the argument in the one form that the rest of the package works with.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeGuard, TypeVar

from symprop.errors import (
    NotationError,
    OptionError,
    ShapeError,
    UnknownNameError,
    ValueOutsideDomainError,
    nearest,
)

if TYPE_CHECKING:
    import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

# What other libraries, and people, call an argument of ours.
OTHER_NAMES = {
    "batch_size": ("bs", "batch", "minibatch", "minibatch_size", "batchsize"),
    "claims": ("lines", "claim", "text", "derivation"),
    "data": ("arrays", "x", "X", "inputs", "table", "dataset"),
    "early_stopping": ("patience", "n_iter_no_change", "stop_after"),
    "epochs": ("n_epochs", "num_epochs", "nb_epochs", "iterations", "steps", "max_iter", "n_iter"),
    "hyperparameters": ("optimizer_options", "kwargs", "params"),
    "learning_rate": ("lr", "eta", "rate", "alpha", "step_size", "learning_rate_init"),
    "net": ("network", "model", "text", "equations"),
    "of": ("objective", "loss", "quantity", "what", "y"),
    "optimizer": ("opt", "optimiser", "solver", "method", "algorithm", "update"),
    "parameters": ("params", "initial", "init", "start", "weights", "theta", "p0"),
    "path": ("file", "filename", "name"),
    "progress": ("verbose", "bar", "silent"),
    "reduction": ("aggregate", "average"),
    "seed": ("random_state", "rng", "random_seed"),
    "show": ("expressions", "shown"),
    "sizes": ("size", "dims", "dimensions", "shapes"),
    "target": ("backend", "language", "engine"),
    "validation": ("validation_split", "validation_data", "val", "val_split", "validation_fraction", "held_out"),
    "values": ("at", "point", "data", "inputs", "subs"),
    "wrt": ("by", "variables", "with_respect_to", "parameters"),
}

# Arguments that are mappings from names, as other libraries take arrays one by one.
BY_NAME = ("data", "values")

# One word with an ending, or with folders before it: never a statement of the language.
_DERIVATIVE = re.compile(r"[d∂]\w+/[d∂]\w")  # dL/dw is no path
_PATH = re.compile(r"[^\s=()\[\]]*(\.[A-Za-z]\w*|[/\\][^\s=()\[\]]+)")


class Named(dict[str, Any]):
    """Results by name, in order; an unknown name is answered with the known ones.

    Parameters
    ----------
    what : str
        What is looked up, such as ``gradient by``.
    values : mapping
    hint : str, optional
        What to do about a name that is missing; ``{name}`` stands for it.
    possible : collection of str, optional
        The names that this remedy can help; None means all.
    """

    def __init__(
        self, what: str, values: Mapping[str, Any], hint: str | None = None, possible: Collection[str] | None = None
    ) -> None:
        super().__init__(values)
        self._what = what
        self._hint = hint
        self._possible = possible

    def __missing__(self, name: object) -> NoReturn:
        close = nearest(name, self) if isinstance(name, str) else None
        meant = f"Did you mean '{close}'? " if close else ""
        helps = self._hint is not None and isinstance(name, str) and (self._possible is None or name in self._possible)
        more = f" {self._hint.format(name=name)}" if self._hint and helps else ""
        raise UnknownNameError(
            f"there is no {self._what} {kind(name)}", hint=f"{meant}Known: {', '.join(self) or 'none'}.{more}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self._what, dict(self), self._hint, self._possible)


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """Return a public function that answers a call it cannot take with the argument that was meant.

    Raises
    ------
    OptionError
        If an argument is unknown, missing, given twice, or one too many; else whatever `function` raises.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            raise _not_a_call(function.__name__, signature, args, kwargs) from None
        try:
            return function(*args, **kwargs)
        except MemoryError as error:
            raise ShapeError(
                f"there is not enough memory: {error or 'an array is too large'}", hint="Give smaller sizes."
            ) from None

    return called


def _not_a_call(
    name: str, signature: inspect.Signature, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> OptionError:
    """Return the error that says why arguments do not fit a signature."""
    rows = [row for row in signature.parameters.values() if row.name != "self"]
    given = args[1:] if "self" in signature.parameters else args
    known = [row.name for row in rows]
    needed = [row.name for row in rows if row.default is row.empty]
    takes = textwrap.fill(f"Arguments of {name}: {', '.join(known)}." if known else f"Write {name}().", 78)
    for unknown, value in kwargs.items():
        if unknown not in known:
            close = meant(unknown, known)
            hint = f"Did you mean '{close}'?\n" if close else ""
            if not close and "hyperparameters" in known and is_number(value):
                hint = f'A hyperparameter of the optimizer: hyperparameters={{"{unknown}": {value}}}.\n'
            if close in BY_NAME and close in needed[-1:] and not isinstance(value, Mapping):
                form = ", ".join([*needed[:-1], f'{{"{unknown}": {unknown}, ...}}'])
                hint = f"Arrays go together into one argument: {name}({form}).\n"
            return OptionError(f"{name} has no argument '{unknown}'", hint=f"{hint}{takes}")
    by_position = [row.name for row in rows if row.kind is not row.KEYWORD_ONLY]
    if len(given) > len(by_position):
        more = f"the next one is {kind(given[len(by_position)])}"
        return OptionError(
            f"{name} takes {_count(len(by_position))} by position, not {len(given)}; {more}",
            hint=f"Name them.\n{takes}",
        )
    for twice in by_position[: len(given)]:
        if twice in kwargs:
            return OptionError(f"{name} has '{twice}' twice: by position and by name", hint=takes)
    missing = [each for each in needed if each not in by_position[: len(given)] and each not in kwargs]
    form = ", ".join([*needed, *(["..."] if len(known) > len(needed) else [])])
    return OptionError(f"{name} lacks {' and '.join(missing)}", hint=f"Write {name}({form}).\n{takes}")


def _count(number: int) -> str:
    return f"{number or 'no'} argument{'' if number == 1 else 's'}"


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the argument among `known` that another library would call `name`, or that is spelled most like it."""
    known = tuple(known)
    lower = name.lower()
    for own in known:
        if lower in OTHER_NAMES.get(own, ()) or name in OTHER_NAMES.get(own, ()):
            return own
    return nearest(lower, known)


def kind(value: object) -> str:
    """Return a short name of a value: a text or number itself, the type of anything else."""
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 40 else f"'{value[:40]}...'"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"an array of shape {shape}" if type(value).__name__ == "ndarray" else f"a {type(value).__name__}"
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the `known` texts, or say which there are."""
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return value
    close = nearest(value, known) if isinstance(value, str) else None
    raise OptionError(
        f"{name} is {kind(value)}; it must be one of {', '.join(known)}",
        hint=f"Did you mean '{close}'?" if close else None,
    )


def text(value: object, what: str, example: str) -> str:
    """Return `value` if it is a text; `what` names it and `example` shows one."""
    if isinstance(value, str):
        return value
    raise NotationError(f"{what} is a text, not {kind(value)}", hint=f"Write {example}.")


def path(value: object) -> Path:
    """Return the name of a file as a path."""
    if isinstance(value, str | os.PathLike):
        name = os.fspath(value)
        if isinstance(name, str) and "\0" not in name:
            return Path(name)
    raise OptionError(f"a file is named by a text or a path, not by {kind(value)}")


def claims(value: object) -> str:
    """Return the lines of a derivation as one text; they may be given one by one."""
    if isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, os.PathLike) or (
        isinstance(value, str) and _PATH.fullmatch(value.strip()) and not _DERIVATIVE.match(value.strip())
    ):
        name = os.fspath(value).strip()
        raise NotationError(
            f"'{name!s}' is the name of a file, not lines to check",
            hint=f'Read it first: pathlib.Path("{name!s}").read_text(), or use: symprop check NETWORK {name!s}',
        )
    return text(value, "what to check", '"dJ/dw[i] = (y - t)*x[i]", several lines apart by line breaks')


def network_text(value: str) -> str:
    """Return the text of a network; the name of a file given in its place is recognised."""
    if _PATH.fullmatch(value.strip()):
        raise NotationError(
            f"'{value.strip()}' is the name of a file, not the text of a network",
            hint=f'Read it first: symprop.read("{value.strip()}").',
        )
    return value


def not_a_network(value: object) -> NotationError:
    """Return the error for what is neither a network nor its text."""
    hint = "Give what symprop.parse, symprop.read or symprop.from_sympy returned, or the text itself."
    if isinstance(value, os.PathLike):
        hint = f'Read the file first: symprop.read("{os.fspath(value)!s}").'
    elif isinstance(value, Mapping):
        hint += "\nThe network comes first, what is given by name after it."
    return NotationError(f"a network is expected, not {kind(value)}", hint=hint)


def by_name(value: object, what: str, example: str) -> Mapping[str, Any]:
    """Return `value` if it is a mapping from names; `what` names it and `example` shows one."""
    if not isinstance(value, Mapping):
        raise OptionError(f"{what} are given by name, not as {kind(value)}", hint=f"Write {example}.")
    for name in value:
        if not isinstance(name, str):
            raise OptionError(f"{what} are given by name, and {kind(name)} is no name", hint=f"Write {example}.")
    return value


def sizes(value: object) -> dict[str, Any]:
    """Return sizes by name; None means none. Each is an integer, or a sequence of them."""
    if value is None:
        return {}
    given = by_name(value, "sizes", 'sizes={"H": 16}')
    for name, size in given.items():
        parts = list(size) if hasattr(size, "__iter__") and not isinstance(size, str) else [size]
        if not all(hasattr(part, "__index__") and not isinstance(part, bool) and part > 0 for part in parts):
            raise ShapeError(
                f"the size {name} is {kind(size)}; a size is a positive integer", hint=f'Write sizes={{"{name}": 16}}.'
            )
    return dict(given)


def integer(name: str, value: object, least: int) -> None:
    """Refuse what is not an integer of at least `least`, or too large for the machine."""
    if not (is_number(value) and value == int(value) and value >= least):
        raise OptionError(f"{name} is {kind(value)}; it must be an integer of at least {least}")
    if value >= 2**63:
        raise OptionError(f"{name} is {value}; it must be below 2**63")


def numbers(value: object, what: str, example: str) -> Mapping[str, float]:
    """Return `value` if it is a mapping from names to finite numbers; `what` names it and `example` shows one."""
    for name, number in by_name(value, what, example).items():
        if not is_number(number):
            raise OptionError(f"{what}: {name} is {kind(number)}; it must be a number", hint=f"Write {example}.")
    return by_name(value, what, example)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether `value` is a finite real number (of Python or numpy)."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def names(value: object, what: str) -> tuple[str, ...] | None:
    """Return names as a tuple; a text is one name, None stays None."""
    if value is None:
        return None
    given = (value,) if isinstance(value, str) else value
    if isinstance(given, Iterable):
        found = tuple(given)
        if all(isinstance(name, str) for name in found):
            return found
    raise OptionError(f"{what} names quantities, not {kind(value)}", hint=f'Write {what}="w", or {what}=["w", "b"].')


def array(name: str, value: object) -> np.ndarray:
    """Return numbers as an array: from an array, nested lists, or anything with ``to_numpy`` such as a data frame.

    Raises
    ------
    ShapeError
        If rows differ in length.
    ValueOutsideDomainError
        If it does not hold real numbers.
    """
    import numpy as np

    if value is None:
        raise ValueOutsideDomainError(f"the array for {name} is None; it must hold real numbers")
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        place = tuple(int(i) for i in np.argwhere(np.ma.getmaskarray(value))[0])
        raise ValueOutsideDomainError(
            f"the array for {name} is masked at position {place}",
            hint="Leave the examples out that lack a value, or fill it in.",
        )
    try:
        result = np.asarray(value)
    except ValueError:
        raise ShapeError(f"the rows of {name} differ in length, so they are no array") from None
    if result.dtype.kind == "O":  # a frame whose columns differ in type
        if result.ndim == 0:
            raise ValueOutsideDomainError(
                f"the array for {name} is {kind(value)}; it must be an array or a list of real numbers"
            )
        missing = [place for place, cell in np.ndenumerate(result) if cell is None]
        if missing:
            raise ValueOutsideDomainError(
                f"the array for {name} has no number at position {missing[0]}: it is None",
                hint="Leave the examples out that lack a value, or fill it in.",
            )
        try:
            result = result.astype(float)
        except (TypeError, ValueError):
            raise ValueOutsideDomainError(
                f"the array for {name} is {kind(value)}; it must hold real numbers", hint=CATEGORIES
            ) from None
    if result.dtype.kind not in "fiub":
        held = {"U": "texts", "S": "bytes", "c": "complex numbers"}.get(result.dtype.kind, str(result.dtype))
        raise ValueOutsideDomainError(
            f"the array for {name} holds {held}; it must hold real numbers",
            hint=CATEGORIES if result.dtype.kind in "US" else None,
        )
    return result


CATEGORIES = "Write categories as 0/1 columns; `symprop train` does it for a table."
