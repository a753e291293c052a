"""Arrays that a claim gives entry by entry: ``dJ/dw = [2, 4, 6]``, and as numpy prints them, ``[[1. 2.] [3. 4.]]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

from symprop.algebra.expressions import Bound, Expr, Number, Size, substitute
from symprop.algebra.indices import normal
from symprop.declaration.axes import shape_of
from symprop.declaration.network import Network
from symprop.declaration.sizes import fold, solve_sizes
from symprop.errors import NotationError, ShapeError, SympropError

MOST_ENTRIES = 200  # of one list; each is judged on its own

Nested = str | list["Nested"]

_TURNED = re.compile(r"\s*(?:\.T|\^\s*T|ᵀ|ᵗ|⊤)\s*$")
_BLANK_SEPARATED = re.compile(r"\s*[-+−]?[\d.]\S*(?:\s+[-+−]?[\d.]\S*)+\s*")
_WHOLE_PRINTED = re.compile(r"\s*[-+−]?\d+\.\s*")


def read_list(text: str) -> Nested | None:
    """Return the entries of a list as texts, nested as they are, or None if `text` is none.

    ``(2, 4, 6)`` is one too, ``[2, 4, 6].T`` is the list, and ``[1 2; 3 4]`` has two rows. ``[i == j]`` is none.

    Raises
    ------
    ShapeError
        If rows have different lengths.
    """
    text = text.strip()
    turned = _TURNED.search(text)
    body = text[: turned.start()] if turned else text
    inside = _inside(body)
    if inside is None or (body[0] == "(" and len(_split(inside, ",")) < 2):
        return None
    if body[0] == "[" and re.search(r"[=<>≠≤≥]", inside):
        return None  # a condition
    found = _rows(inside)
    shape_of_list(found)
    if turned and len(shape_of_list(found)) == 2:
        assert all(isinstance(row, list) for row in found)
        found = [list(column) for column in zip(*found, strict=True)]
    return found


def _inside(text: str) -> str | None:
    """Return what stands between brackets that enclose the whole text."""
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "()"):
        return None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and place < len(text) - 1:
            return None
    return text[1:-1] if depth == 0 else None


def _split(text: str, separator: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _rows(inside: str) -> list[Nested]:
    rows = _split(inside, ";")
    if len(rows) > 1:
        return [_rows(row) for row in rows]
    if re.fullmatch(r"\s*\[.*\]\s*", inside, re.DOTALL):  # rows, with commas between them or none
        inside = re.sub(r"\]\s*\[", "], [", inside)
    parts = _split(inside, ",")
    if len(parts) == 1 and _BLANK_SEPARATED.fullmatch(inside):
        parts = inside.split()
    return [_entry(part) for part in parts]


def _entry(text: str) -> Nested:
    text = text.strip()
    inner = _inside(text)
    if inner is not None and (text[0] == "[" or len(_split(inner, ",")) > 1):
        return _rows(inner)
    return text


def shape_of_list(found: Nested) -> tuple[int, ...]:
    """Return the lengths of a nested list along its axes.

    Raises
    ------
    ShapeError
        If rows have different lengths.
    """
    if isinstance(found, str):
        return ()
    shapes = {shape_of_list(one) for one in found}
    if len(shapes) > 1:
        raise ShapeError("the rows of the list have different lengths", hint="Give every row all its entries.")
    return (len(found), *shapes.pop())


def sizes_at(network: Network, point: Mapping[str, object]) -> dict[Expr, Expr]:
    """Return the sizes that a point, or the network's own defaults, fix."""
    given = {name: int(str(value)) for name, value in point.items() if name in network.sizes}
    shapes = {
        name: shape_of_list_given(value)
        for name, value in point.items()
        if isinstance(value, list) and network.quantities.get(name) is not None
    }
    try:
        sizes = solve_sizes(network, shapes, given, complete=False)
    except SympropError:
        return {}
    return {Size(name): Number(Fraction(value)) for name, value in sizes.items() if isinstance(value, int)}


def shape_of_list_given(value: object) -> tuple[int, ...]:
    """Return the shape of nested lists of numbers, as far as they are regular."""
    if not isinstance(value, list):
        return ()
    inner = {shape_of_list_given(one) for one in value}
    return (len(value), *inner.pop()) if len(inner) == 1 else (len(value),)


def placed(
    found: Nested, bounds: Sequence[Bound], known: Mapping[Expr, Expr], shown: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the entries of a list with the values of the indices that they stand at.

    Parameters
    ----------
    found : nested list of str
    bounds : sequence of Bound
        The axes of what the list is said to be.
    known : mapping of Size to Number
        Sizes that are fixed.
    shown : str
        What the list is said to be, for messages.

    Raises
    ------
    ShapeError
        If the list has another shape, or a size is open.
    """
    limits: list[tuple[int, int]] = []
    for bound in bounds:
        low, high = (normal(fold(substitute(limit, dict(known)), dict(known))) for limit in bound[1:3])
        if not isinstance(low, Number) or not isinstance(high, Number):
            raise ShapeError(
                f"how many entries {shown} has is not known: it depends on {high if isinstance(low, Number) else low}",
                hint="Fix the values it depends on before, as in: at w = [1, 2, 3].",
            )
        limits.append((int(low.value), int(high.value)))
    wanted = tuple(high - low + 1 for low, high in limits)
    shape = shape_of_list(found)
    if shape != wanted and tuple(n for n in shape if n != 1) == wanted and len(wanted) == 1:
        found = [entry for row in found for entry in (row if isinstance(row, list) else [row])]  # a row or a column
        shape = shape_of_list(found)
    if shape != wanted:
        if len(wanted) == 1 == len(shape):
            entries = "1 entry" if wanted[0] == 1 else f"{wanted[0]} entries"
            raise ShapeError(f"{shown} has {entries}, and the list has {shape[0]}")
        raise ShapeError(f"{shown} has shape {_shape(wanted)}, and the list has shape {_shape(shape)}")
    count = 1
    for length in wanted:
        count *= length
    if count > MOST_ENTRIES:
        raise NotationError(
            f"the list has {count} entries; {MOST_ENTRIES} are judged at most", hint="Give some of the entries alone."
        )
    for place in product(*(range(low, high + 1) for low, high in limits)):
        entry = found
        for (first, _), position in zip(limits, place, strict=True):
            assert isinstance(entry, list)
            entry = entry[position - first]
        assert isinstance(entry, str)
        yield place, entry


def _shape(lengths: Sequence[int]) -> str:
    return shape_of(Number(Fraction(length)) for length in lengths)


def units(entries: Sequence[str], unit_of: Mapping[str, Fraction | None]) -> list[Fraction | None]:
    """Return one unit of the last digit that each entry shows; of ``2.``, as numpy prints 2, the finest of the list."""
    shown = [unit for entry in entries if not _WHOLE_PRINTED.fullmatch(entry) and (unit := unit_of[entry]) is not None]
    finest = min(shown, default=None)
    return [finest if _WHOLE_PRINTED.fullmatch(entry) else unit_of[entry] for entry in entries]


__all__ = ["Nested", "placed", "read_list", "shape_of_list", "sizes_at", "units"]
