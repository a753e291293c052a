"""What callers hand over: each kind of argument is understood, or refused in words that show what to write.

Everything here returns the argument in the one form that the rest of the package works with.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from symprop.errors import NotationError, OptionError, ShapeError, UnknownNameError, ValueOutsideDomainError, nearest

if TYPE_CHECKING:
    import numpy as np

# One word with an ending, or with folders before it: never a statement of the language.
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
    """

    def __init__(self, what: str, values: Mapping[str, Any], hint: str | None = None) -> None:
        super().__init__(values)
        self._what = what
        self._hint = hint

    def __missing__(self, name: object) -> NoReturn:
        close = nearest(name, self) if isinstance(name, str) else None
        meant = f"Did you mean '{close}'? " if close else ""
        more = f" {self._hint.format(name=name)}" if self._hint and isinstance(name, str) else ""
        raise UnknownNameError(
            f"there is no {self._what} {kind(name)}", hint=f"{meant}Known: {', '.join(self) or 'none'}.{more}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self._what, dict(self), self._hint)


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
        if not all(hasattr(part, "__index__") and not isinstance(part, bool) for part in parts):
            raise ShapeError(
                f"the size {name} is {kind(size)}; a size is a positive integer", hint=f'Write sizes={{"{name}": 16}}.'
            )
    return dict(given)


def integer(name: str, value: object, least: int) -> None:
    """Refuse what is not an integer of at least `least`."""
    if not (is_number(value) and value == int(value) and value >= least):
        raise OptionError(f"{name} is {kind(value)}; it must be an integer of at least {least}")


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

    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        result = np.asarray(value)
    except ValueError:
        raise ShapeError(f"the rows of {name} differ in length, so they are no array") from None
    if result.dtype.kind == "O":  # a frame whose columns differ in type
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
