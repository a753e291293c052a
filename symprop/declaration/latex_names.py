"""What a written symbol means: a name with decorations, subscripts and superscripts, given the names that are known.

``alpha_{ji}`` is ``alpha[j,i]`` if alpha has two indices, ``W_{hh}`` is a name if it is one, ``z_j^{(2)}`` is ``z2[j]``
or ``z[2,j]``.  Every reading that fits is found; where more than one does, none is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from symprop.algebra.expressions import Size, walk
from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.algebra.losses import LOSSES
from symprop.declaration.names import spelled
from symprop.declaration.network import Network
from symprop.errors import IndexNotationError, NotationError

SOFTMAXES = ("softmax", "log_softmax")
_PLAIN_FUNCTIONS = (
    "sqrt",
    "sum",
    "mean",
    "prod",
    "logsumexp",
    "argmax",
    "argmin",
    "max",
    "min",
    "norm",
    "trace",
    "diag",
)

# What else a name may be called in a network, if it is not called by its full name there.
_SYNONYMS = {"epsilon": ("eps",), "lambda": ("lambda_", "lam", "lamda", "lambd", "wd"), "eta": ("lr", "learning_rate")}
# What a decoration adds to a name; a decorated name is never a function that nobody declared.
DECORATIONS = frozenset(("hat", "tilde", "bar", "dot", "ddot", "check", "breve", "star"))

LAYERS = ("l", "layer")  # names of an index that counts layers, so that a number above a letter is one

_MOST_ALTERNATIVES = 64
_LONGEST_RUN = 40

_WORD = re.compile(r"[^\W\d]\w*|\d+")


class Item(NamedTuple):
    """One part of a subscript or superscript between commas.

    Attributes
    ----------
    atoms : tuple of str
        Letters and numbers that stand side by side (``ji``); empty if it is an expression.
    text : str
        As an index in the infix spelling.
    places : tuple of tuple of int
        For each character of `text`, where it comes from.
    """

    atoms: tuple[str, ...]
    text: str
    places: tuple[tuple[int, int], ...] = ()

    @property
    def label(self) -> str:
        """What it adds to a name, or nothing if it is an expression."""
        return "".join(self.atoms)


class Meaning(NamedTuple):
    """A name and its indices."""

    name: str
    indices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}[{','.join(self.indices)}]" if self.indices else self.name


@dataclass
class Names:
    """The names that symbols may have.

    Attributes
    ----------
    ranks : dict of str to int
        Number of indices of each quantity.
    axes : dict of str to tuple of str
        The index names of each quantity that has a declaration.
    limits : dict of str to tuple
        The lower and upper limit of each index, written out.
    shapes : dict of str to str
        ``row``, ``column`` or ``matrix``, of names that a text defines without indices.
    sizes : set of str
    layered : set of str
        Sizes that depend on an index: ``n(l)``.
    functions : set of str
        Functions, besides those of the language.
    lengths : dict of str to tuple
        In the text of a network: the indices that stand at a name before ``\\in \\mathbb{R}^{H \\times D}``, and the
        lengths that this gives to what is left.
    integers : set of str
        Quantities that may stand as an index: ``p_y``, y being the class.
    reads : dict of str to frozenset of str
        Everything that a defined quantity depends on.
    defined : set of str
        The quantities that an equation defines.
    guessing : bool
        In the text of a network: names are collected first, and an unknown one is a mistake of the collection.
    """

    ranks: dict[str, int] = field(default_factory=dict)
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    limits: dict[str, tuple[str, str]] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)
    layered: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    lengths: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    integers: set[str] = field(default_factory=set)
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    objective: str = ""

    @classmethod
    def of(cls, network: Network) -> Names:
        """Return the names of a network."""
        names = cls()
        for quantity in network.quantities.values():
            names.ranks[quantity.name] = len(quantity.axes)
            names.axes[quantity.name] = tuple(axis.index.name for axis in quantity.axes)
            names.ranges[quantity.name] = tuple((str(axis.lower), str(axis.upper)) for axis in quantity.axes)
            for axis in quantity.axes:
                names.limits.setdefault(axis.index.name, (str(axis.lower), str(axis.upper)))
        for index, bound in network.indices.items():
            names.limits[index.name] = (str(bound.lower), str(bound.upper))
        names.sizes.update(network.sizes)
        limits = [limit for bound in network.indices.values() for limit in (bound.lower, bound.upper)]
        for quantity in network.quantities.values():
            limits.extend(limit for axis in quantity.axes for limit in (axis.lower, axis.upper))
        for limit in limits:
            for node in walk(limit):
                if isinstance(node, Size):
                    (names.layered if node.arguments else names.sizes).add(node.name)
        names.functions.update(network.functions)
        names.integers.update(name for name, quantity in network.quantities.items() if quantity.integer)
        names.defined.update(network.definitions)
        names.reads = _dependencies(network)
        names.objective = network.objective.name if network.objective else ""
        return names

    def copy(self) -> Names:
        """Return names to which others may be added."""
        return replace(
            self,
            ranks=dict(self.ranks),
            axes=dict(self.axes),
            ranges=dict(self.ranges),
            limits=dict(self.limits),
            shapes=dict(self.shapes),
            functions=set(self.functions),
            defined=set(self.defined),
        )

    def is_function(self, name: str) -> bool:
        """Whether a name is a function and no quantity."""
        if name in self.functions:
            return True
        return name not in self.ranks and is_known_function(name)

    def may_index(self, word: str) -> bool:
        """Whether a name or number may stand as an index."""
        if word.isdigit() or word in self.limits or word in self.sizes or word in self.integers:
            return True
        return word not in self.ranks and len(word.rstrip("_0123456789")) == 1 and word.isidentifier()

    def is_index(self, word: str) -> bool:
        """Whether a name is known as an index."""
        return word in self.limits or word.rstrip("0123456789").rstrip("_") in self.limits

    # Splitting.

    def splits(self, items: Sequence[Item], rank: int) -> list[tuple[str, ...]]:
        """Return every way in which the items are `rank` indices, in written order."""
        if not items:
            return [()] if rank == 0 else []
        first, *rest = items
        found: list[tuple[str, ...]] = []
        for count in range(1, rank - len(rest) + 1):
            tails = self.splits(rest, rank - count)
            if tails:
                found.extend((*head, *tail) for head in self._parts(first, count) for tail in tails)
            if len(found) > _MOST_ALTERNATIVES:
                break
        return list(dict.fromkeys(found))

    def _parts(self, item: Item, count: int) -> list[tuple[str, ...]]:
        if not item.atoms:
            return [(item.text,)] if count == 1 else []
        atoms = tuple(character for atom in item.atoms for character in _separate(atom))
        if len(atoms) > _LONGEST_RUN:
            return []
        found: list[tuple[tuple[str, ...], int]] = [((), 0)]
        for _ in range(count):
            found = [
                ((*before, word), stop)
                for before, place in found
                for stop in range(place + 1, len(atoms) + 1)
                if self.may_index(word := "".join(atoms[place:stop]))
            ][:_MOST_ALTERNATIVES]
        return [parts for parts, place in found if place == len(atoms)]
        # `j` and `1` are two atoms of `j1`: an index of two characters must be known, which `may_index` has asked.

    # Meanings.

    def meanings(self, stem: str, items: Sequence[Item], layer: Item | None = None) -> list[Meaning]:
        """Return what a symbol may mean among the known names; the first has no right over the others.

        Parameters
        ----------
        stem : str
            The letter with its decorations.
        items : sequence of Item
            The subscript.
        layer : Item, optional
            The superscript, if it is no power.
        """
        for name in (stem, *_SYNONYMS.get(stem, ()), *_in_one_word(stem)):
            found = self._whole_names(name, items, layer) or self._accesses(name, items, layer)
            if found:
                return list(dict.fromkeys(found))
        return []

    def _whole_names(self, stem: str, items: Sequence[Item], layer: Item | None) -> list[Meaning]:
        """Names that hold the whole subscript, ``W_{hh}`` or ``x_1``, where those are declared."""
        if not items or not all(item.atoms for item in items):
            return []
        label = "".join(item.label for item in items)
        found = []
        for name in labelled(stem, label):
            if layer is None:
                if name in self.ranks and (self.ranks[name] == 0 or not self._exact(stem, items)):
                    found.append(Meaning(name))
            else:
                found.extend(self._with_layer(name, (), layer))
        return found[:1]

    def _exact(self, stem: str, items: Sequence[Item]) -> bool:
        return stem in self.ranks and bool(self.splits(items, self.ranks[stem]))

    def _accesses(self, stem: str, items: Sequence[Item], layer: Item | None) -> list[Meaning]:
        found: list[Meaning] = []
        for name, rest in ((stem, items), *self._absorbed(stem, items)):
            if layer is None:
                found.extend(self._with_indices(name, rest))
            else:
                found.extend(self._with_layer(name, rest, layer))
        exact = [meaning for meaning in found if len(meaning.indices) == self.ranks[meaning.name]]
        return exact or found or self._slices(stem, items, layer)

    def _slices(self, stem: str, items: Sequence[Item], layer: Item | None) -> list[Meaning]:
        """Return an array with its first indices alone, ``h[t-1]`` of ``h[t,j]``, where those are written."""
        numbered = layer is not None and layer.atoms and layer.text.isdigit()
        if numbered and (self.axes.get(stem) or ("",))[0] not in LAYERS:
            return []
        found: list[Meaning] = []
        for name, rest in ((stem, items), *self._absorbed(stem, items)):
            axes = self.axes.get(name, ())
            for count in range(1, len(axes)):
                for indices in self.splits(rest, count - (layer is not None)):
                    written = indices if layer is None else (layer.text, *indices)
                    if all(self._runs_along(index, name, place) for place, index in enumerate(written)):
                        found.append(Meaning(name, written))
        return found

    def _runs_along(self, index: str, name: str, place: int) -> bool:
        """Whether an index stands for an axis: it has the name or the range of that axis, and the name of no other."""
        axes, ranges = self.axes[name], self.ranges.get(name)
        letters = [word for word in _WORD.findall(index) if not word.isdigit() and word not in self.sizes]
        if axes[place] in letters:
            return True
        if any(letter in axes for letter in letters):
            return False
        return all(ranges is not None and self.limits.get(letter) == ranges[place] for letter in letters)

    def _absorbed(self, stem: str, items: Sequence[Item]) -> Iterable[tuple[str, Sequence[Item]]]:
        if items and items[0].atoms:
            for name in labelled(stem, items[0].label):
                yield name, items[1:]

    def _with_indices(self, name: str, items: Sequence[Item]) -> list[Meaning]:
        rank = self.ranks.get(name)
        if rank is None:
            return []
        if not items:
            return [Meaning(name)]  # a scalar, or the array as a whole
        return [Meaning(name, indices) for indices in self.splits(items, rank)]

    def _with_layer(self, name: str, items: Sequence[Item], layer: Item) -> list[Meaning]:
        found: list[Meaning] = []
        if layer.atoms:
            for variant in labelled(name, layer.label):
                found.extend(self._with_indices(variant, items))
        rank = self.ranks.get(name)
        complete = any(len(one.indices) == self.ranks[one.name] for one in found)
        may_index = not layer.atoms or (len(layer.atoms) == 1 and self.may_index(layer.text))
        if rank is not None and not complete and may_index:
            for indices in self.splits(items, rank - 1):
                placed = self._placed(name, indices, layer.text)
                if not layer.text.isdigit() or self._fits(name, placed, indices):
                    found.append(Meaning(name, placed))
        return found

    def _fits(self, name: str, placed: tuple[str, ...], indices: tuple[str, ...]) -> bool:
        """Whether no index stands at another axis than its own: ``h_t^2`` of ``h[t,j]`` is not ``h[2,t]``."""
        axes, ranges = self.axes.get(name, ()), self.ranges.get(name)
        if ranges is None or len(axes) != len(placed):
            return True
        for place, index in enumerate(placed):
            own = self._own_axis(index, axes, ranges) if index in indices else None
            if own is not None and own != place and ranges[own] != ranges[place]:
                return False
        return True

    @staticmethod
    def _own_axis(index: str, axes: Sequence[str], ranges: Sequence[tuple[str, str]]) -> int | None:
        """Return the axis whose letter an index has, ``t+1``, or at whose end alone it stands, ``T``; None if none."""
        letters = set(_WORD.findall(index))
        named = [place for place, axis in enumerate(axes) if axis in letters]
        ends = [place for place, limits in enumerate(ranges) if limits[1] == index]
        found = named or ends
        return found[0] if len(found) == 1 else None

    def _placed(self, name: str, indices: tuple[str, ...], layer: str) -> tuple[str, ...]:
        """Return the indices with that of the superscript at the axis of its name, else in front."""
        axes = self.axes.get(name, ())
        letters = set(_WORD.findall(layer))
        for place, axis in enumerate(axes):
            others = [*axes[:place], *axes[place + 1 :]]
            if axis in letters and not any(other in letters for other in others):
                return (*indices[:place], layer, *indices[place:])
        return (layer, *indices)

    # Definitions.

    def defines(self, stem: str, items: Sequence[Item], layer: Item | None, indices: set[str]) -> Meaning:
        """Return the name and indices of an unknown symbol on a left side.

        Parameters
        ----------
        indices : set of str
            The letters that stand as indices on the right.
        """
        plain, _, decoration = stem.rpartition("_")
        if decoration in DECORATIONS and stem not in self.ranks:
            # \bar{a}_{2,j} has the name and the indices of a_{2,j}, where that is known.
            bare = [one for one in self.meanings(plain, items, layer) if len(one.indices) == self.ranks[one.name]]
            if len(bare) == 1:
                return Meaning(f"{bare[0].name}_{decoration}", bare[0].indices)
        name = stem
        found: list[str] = []
        for item in items:
            letters = [atom for atom in item.atoms if not atom.isdigit()]
            known = letters and all(self.is_index(atom) or atom in indices for atom in letters)
            if item.atoms and not known:
                name += ("" if "_" in name else "_") + item.label
            elif item.atoms:
                found.extend(_index_atoms(item.atoms))
            else:
                found.append(item.text)
        if layer is not None:
            words = _WORD.findall(layer.text)
            if layer.atoms and not any(self.is_index(word) or word in indices for word in words):
                name += layer.label if layer.label.isdigit() and "_" not in name else f"_{layer.label}"
            else:
                found.insert(0, layer.text)
        return Meaning(name, tuple(found))


def is_known_function(name: str) -> bool:
    """Whether a name is a function of the language, read as one wherever it is no quantity."""
    lowered = name if name in FUNCTIONS or name in ALIASES else name.lower()
    return lowered in FUNCTIONS or lowered in ALIASES or lowered in LOSSES or lowered in (*SOFTMAXES, *_PLAIN_FUNCTIONS)


def _separate(atom: str) -> Iterable[str]:
    """Yield digits one by one; letters and Greek names stay whole."""
    return atom if atom.isdigit() else (atom,)


def _index_atoms(atoms: Sequence[str]) -> list[str]:
    """Return the indices in a run of letters; digits that follow one another are one number."""
    found: list[str] = []
    for atom in atoms:
        if found and atom.isdigit() and found[-1].isdigit():
            found[-1] += atom
        else:
            found.append(atom)
    return found


def labelled(stem: str, label: str) -> tuple[str, ...]:
    """Return the names that a letter with a label may have: ``z_1``, ``z1``, and ``h1_bar`` for a bar over h."""
    joints = ("_", "") if label.isdigit() or len(label) > 1 else ("_",)  # x_i is never the name xi
    plain, _, decoration = stem.rpartition("_")
    names = [f"{stem}{joint}{label}" for joint in joints]
    if decoration in DECORATIONS:
        names.extend(f"{plain}{joint}{label}_{decoration}" for joint in joints)
    return tuple(names)


def _dependencies(network: Network) -> dict[str, frozenset[str]]:
    """Return for each name everything that it depends on, itself included."""
    from symprop.algebra.expressions import names_of

    direct: dict[str, set[str]] = {}
    for equation in network.equations:
        direct.setdefault(equation.name, set()).update(names_of(equation.expression))
    found: dict[str, frozenset[str]] = {}
    for group in network.groups:
        reached: set[str] = set(group)
        for name in group:
            for read in direct.get(name, ()):
                reached |= found.get(read, frozenset((read,)))
        for name in group:
            found[name] = frozenset(reached)
    return found


def split_subscript(name: str, network: Network, ranks: Mapping[str, int] | None = None) -> str | None:
    """Return ``alpha[j,i]`` for ``alpha_ji`` if alpha has two indices; None if the name is to stay as it is.

    A name that is declared stays: ``x_1`` and ``W_hh`` are names where a network has them.

    Parameters
    ----------
    name : str
        As written, Greek letters allowed.
    network : Network
    ranks : mapping of str to int, optional
        Number of indices of names that were defined besides those of the network.

    Raises
    ------
    NotationError
        If it can be read in two ways; the hint shows both. Line and column are left to the caller.
    IndexNotationError
        If the number of indices does not fit.

    Examples
    --------
    >>> split_subscript("α_ji", network)
    'alpha[j,i]'
    """
    names = Names.of(network)
    names.ranks.update(ranks or {})
    meaning = split_name(spelled(name), names)
    return None if meaning is None else str(meaning)


def split_name(name: str, names: Names) -> Meaning | None:
    """Return what ``alpha_ji`` means among `names` if that is no name itself, as `split_subscript` does."""
    if name in names.ranks or "_" not in name.strip("_"):
        return None
    pieces = name.split("_")
    for count in range(len(pieces) - 1, 0, -1):
        stem, rest = "_".join(pieces[:count]), pieces[count:]
        if stem not in names.ranks or not all(rest):
            continue
        items = [_item(part) for part in rest]
        meanings = [Meaning(stem, indices) for indices in names.splits(items, names.ranks[stem])]
        if len(meanings) > 1:
            raise NotationError(f"'{name}' can be read in two ways", hint=both(meanings))
        if meanings:
            return meanings[0]
        if names.ranks[stem] and any(names.is_index(letter) for part in rest for letter in part):
            raise IndexNotationError(
                f"'{stem}' has {count_of(names.ranks[stem])}, and '{'_'.join(rest)}' does not split into that many",
                hint=f"It was declared as {Meaning(stem, names.axes.get(stem, ()))}.",
            )
    return None


def _item(part: str) -> Item:
    atoms: list[str] = []
    for word in re.findall(r"\d+|[^\W\d]+", part):
        atoms.extend([word] if word.isdigit() else _letters(word))
    return Item(tuple(atoms), part)


def _letters(word: str) -> list[str]:
    """Return the letters of a subscript; names of Greek letters are one letter."""
    from symprop.declaration.names import GREEK

    greek = sorted({name for name in GREEK.values() if name.isalpha()}, key=len, reverse=True)
    pattern = re.compile("|".join([*greek, "."]))
    return pattern.findall(word)


def both(meanings: Iterable[object]) -> str:
    """Return the readings between which a text does not decide, for a hint."""
    texts = list(dict.fromkeys(str(meaning) for meaning in meanings))
    return f"Write {' or '.join([', '.join(texts[:-1]), texts[-1]] if texts[:-1] else texts)}, whichever is meant."


def count_of(rank: int) -> str:
    """Return a number of indices in words."""
    return {0: "no index", 1: "1 index"}.get(rank, f"{rank} indices")


def _in_one_word(stem: str) -> tuple[str, ...]:
    """Return ``yhat`` for ``y_hat``: code has such names for letters with a decoration."""
    plain, _, decoration = stem.rpartition("_")
    return (f"{plain}{decoration}",) if plain and decoration in DECORATIONS else ()
