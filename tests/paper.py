"""Networks and formulas as they stand on paper, read and evaluated without anything of symprop.

A witness of its own for everything that judges hand derivations: a reader of the plain part of the language into small
trees, an evaluator in mpmath with 60 digits, and difference quotients.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

from mpmath import mp, mpf

mp.dps = 60

STEP = mpf(10) ** -18


class UndefinedError(Exception):
    """A component outside its array, an index that nothing binds, or a number that does not exist."""


@dataclass(frozen=True)
class Tree:
    """A formula.

    Attributes
    ----------
    head : str
        ``number``, ``name`` (a quantity, its indices as parts; a letter), ``+``, ``*``, ``/``, ``neg``, ``**``,
        ``call``, ``sum`` (also other reductions, named by `name`: letter, limits or not, body), ``[]``.
    name : str
        Digits, name of the quantity or function, or the relation of a bracket.
    parts : tuple of Tree
    """

    head: str
    name: str = ""
    parts: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        return show(self)


REDUCTIONS = ("sum", "mean", "softmax", "logsumexp")
RELATIONS = ("==", "!=", "<=", ">=", "<", ">")
_TOKEN = re.compile(r"\s*(\d+\.\.|\d+(?:\.\d+)?(?:e-?\d+)?|\w+|\.\.|\*\*|==|!=|<=|>=|.)")


class Reader:
    """Reads one formula, by precedence."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        for token in _TOKEN.findall(text.strip()):
            self.tokens += [token[:-2], ".."] if token[0].isdigit() and token.endswith("..") else [token]
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise ValueError(f"{wanted or 'more'} expected at {self.place} of {self.tokens}")
        self.place += 1
        return token

    def sum(self) -> Tree:
        terms = [self.product()]
        while self.peek() in ("+", "-"):
            sign = self.take()
            term = self.product()
            terms.append(term if sign == "+" else Tree("neg", parts=(term,)))
        return terms[0] if len(terms) == 1 else Tree("+", parts=tuple(terms))

    def product(self) -> Tree:
        if self.peek() == "-":
            self.take()
            return Tree("neg", parts=(self.product(),))
        result = self.power()
        while self.peek() in ("*", "/"):
            sign, other = self.take(), self.power()
            if sign == "/":
                result = Tree("/", parts=(result, other))
            else:
                result = Tree("*", parts=(*(result.parts if result.head == "*" else (result,)), other))
        return result

    def power(self) -> Tree:
        base = self.atom()
        if self.peek() != "**":
            return base
        self.take()
        if self.peek() == "-":
            self.take()
            return Tree("**", parts=(base, Tree("neg", parts=(self.power(),))))
        return Tree("**", parts=(base, self.power()))

    def arguments(self, close: str) -> list[Tree]:
        found = [self.relation()]
        while self.peek() == ",":
            self.take()
            found.append(self.relation())
        self.take(close)
        return found

    def relation(self) -> Tree:
        left = self.sum()
        if self.peek() not in RELATIONS:
            return left
        return Tree("[]", self.take(), (left, self.sum()))

    def atom(self) -> Tree:
        token = self.take()
        if token == "(":
            inner = self.sum()
            self.take(")")
            return inner
        if token == "[":
            inner = self.relation()
            self.take("]")
            return inner
        if token[0].isdigit():
            return Tree("number", token)
        if self.peek() == "[":
            self.take()
            return Tree("name", token, tuple(self.arguments("]")))
        if self.peek() != "(":
            return Tree("name", token)
        self.take()
        if token not in REDUCTIONS:
            return Tree("call", token, tuple(self.arguments(")")))
        letters = []
        while True:
            letter = Tree("name", self.take())
            limits: tuple[Tree, ...] = ()
            if self.peek() == "=":
                self.take()
                low = self.sum()
                self.take("..")
                limits = (low, self.sum())
            letters.append((letter, limits))
            self.take(",")
            if self.place + 1 < len(self.tokens) and not (
                self.tokens[self.place].isidentifier() and self.tokens[self.place + 1] in (",", "=")
            ):
                break
        body = self.sum()
        self.take(")")
        for letter, limits in reversed(letters):
            body = Tree("sum", token, (letter, *limits, body))
        return body


def read(text: str) -> Tree:
    """Return the tree of a formula."""
    reader = Reader(text)
    result = reader.sum()
    if reader.peek():
        raise ValueError(f"{reader.peek()} is left over in {text}")
    return result


def show(tree: Tree, level: int = 0) -> str:
    """Return a formula as text that reads back; `level` is that of what stands around it."""
    head, parts = tree.head, tree.parts
    if head == "number":
        return tree.name
    if head == "name":
        return tree.name + (f"[{', '.join(map(show, parts))}]" if parts else "")
    if head == "call":
        return f"{tree.name}({', '.join(map(show, parts))})"
    if head == "[]":
        return f"[{show(parts[0])} {tree.name} {show(parts[1])}]"
    if head == "sum":
        letter = show(parts[0]) + (f" = {show(parts[1])}..{show(parts[2])}" if len(parts) == 4 else "")
        return f"{tree.name}({letter}, {show(parts[-1])})"
    if head == "+":
        text = show(parts[0], 1)
        for part in parts[1:]:
            text += f" - {show(part.parts[0], 2)}" if part.head == "neg" else f" + {show(part, 2)}"
        own = 1
    elif head == "neg":
        text, own = f"-{show(parts[0], 2)}", 1
    elif head == "*":
        text, own = "*".join(show(part, 2 if place == 0 else 3) for place, part in enumerate(parts)), 2
    elif head == "/":
        text, own = f"{show(parts[0], 2)}/{show(parts[1], 3)}", 2
    else:
        text, own = f"{show(parts[0], 4)}**{show(parts[1], 4)}", 3
    return f"({text})" if own < level else text


def walk(tree: Tree, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tree]]:
    """Iterate over the parts of a formula with the way to each, the formula itself first."""
    yield path, tree
    for place, part in enumerate(tree.parts):
        yield from walk(part, (*path, place))


def at(tree: Tree, path: tuple[int, ...]) -> Tree:
    """Return the part to which a way leads."""
    for place in path:
        tree = tree.parts[place]
    return tree


def put(tree: Tree, path: tuple[int, ...], new: Tree) -> Tree:
    """Return the formula with one part replaced."""
    if not path:
        return new
    parts = list(tree.parts)
    parts[path[0]] = put(parts[path[0]], path[1:], new)
    return Tree(tree.head, tree.name, tuple(parts))


def letters_of(tree: Tree) -> set[str]:
    """Return the bare names in a formula that nothing in it binds: index letters and scalars."""
    if tree.head == "name":
        return set().union(*(letters_of(part) for part in tree.parts)) if tree.parts else {tree.name}
    found = set().union(*(letters_of(part) for part in tree.parts)) if tree.parts else set()
    return found - {tree.parts[0].name} if tree.head == "sum" and tree.name != "softmax" else found


@dataclass(frozen=True)
class Equation:
    """``name[indices] = tree``, for some values of the letters."""

    name: str
    indices: tuple[Tree, ...]
    tree: Tree
    limits: Mapping[str, tuple[Tree, Tree]] = field(default_factory=dict)


@dataclass
class Network:
    """What the statements of a text declare; `text` is what symprop reads."""

    text: str
    ranges: dict[str, tuple[Tree, Tree]] = field(default_factory=dict)
    given: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> index letters
    roles: dict[str, str] = field(default_factory=dict)
    padded: set[str] = field(default_factory=set)
    integers: dict[str, tuple[Tree, Tree]] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    positive: bool = False
    whole: str = ""

    def __post_init__(self) -> None:
        for line in self.text.strip().splitlines():
            self.statement(line.split("#")[0].strip())

    def statement(self, line: str) -> None:
        if not line:
            return
        word, _, rest = line.partition(" ")
        if word in ("index", "batch"):
            for name, low, high in re.findall(r"(\w+)\s*=\s*(.+?)\.\.([^,]+)", rest):
                self.ranges[name] = (read(low), read(high))
        elif word in ("input", "target", "parameter", "hyperparameter"):
            for name, indices in re.findall(r"(\w+)(?:\[([^\]]*)\])?", rest):
                self.given[name] = tuple(re.findall(r"\w+", indices))
                self.roles[name] = word
        elif word == "integer":
            name, letter, low, high = re.fullmatch(r"(\w+)\[(\w+)\] in (.+)\.\.(.+)", rest).groups()  # type: ignore[union-attr]
            self.given[name], self.roles[name] = (letter,), "integer"
            self.integers[name] = (read(low), read(high))
        elif word == "zero":
            self.padded |= set(re.findall(r"(\w+)\[", rest))
        elif word == "assume":
            # That the components of a target are the parts of a whole.
            self.whole = re.fullmatch(r"sum\(\w+, (\w+)\[.*\]\) = 1", rest).group(1)  # type: ignore[union-attr]
        elif word not in ("minimize", "maximize", "predict"):
            left, _, right = line.partition(" = ")
            right, _, limits = right.partition(" for ")
            target = read(left)
            bounds = {
                name: (read(low), read(high)) for name, low, high in re.findall(r"(\w+) = (.+?)\.\.([^,]+)", limits)
            }
            self.equations.append(Equation(target.name, target.parts, read(right), bounds))

    @property
    def objective(self) -> str:
        return self.equations[-1].name

    @property
    def sizes(self) -> tuple[str, ...]:
        """The names of sizes that stand in the ranges."""
        names = [
            tree.name
            for pair in (*self.ranges.values(), *self.integers.values())
            for end in pair
            for _, tree in walk(end)
        ]
        return tuple(sorted({name for name in names if name and not name.isdigit() and name not in self.ranges}))

    def rank(self, name: str) -> int:
        if name in self.given:
            return len(self.given[name])
        return next(len(equation.indices) for equation in self.equations if equation.name == name)

    def letters(self, name: str) -> tuple[str, ...]:
        """The index letters with which a quantity is declared or defined (of a recurrence, of its general equation)."""
        if name in self.given:
            return self.given[name]
        indices = [equation.indices for equation in self.equations if equation.name == name][-1]
        return tuple(tree.name for tree in indices)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": mp.exp,
    "log": mp.log,
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tanh": mp.tanh,
    "cosh": mp.cosh,
    "abs": abs,
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
    "softplus": lambda u: mp.log(1 + mp.exp(u)),
    "relu": lambda u: u if u > 0 else mpf(0),
    "step": lambda u: mpf(1) if u > 0 else mpf(0),
    "sign": mp.sign,
    "max": max,
    "log2": lambda u: mp.log(u) / mp.log(2),
    "log10": mp.log10,
    "log1p": lambda u: mp.log(1 + u),
    "expm1": lambda u: mp.exp(u) - 1,
    "cbrt": lambda u: mp.sign(u) * mp.root(abs(u), 3),
    "tan": mp.tan,
    "sec": mp.sec,
    "csc": mp.csc,
    "cot": mp.cot,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "floor": mp.floor,
    "min": min,
    "gelu": lambda u: u * (1 + mp.erf(u / mp.sqrt(2))) / 2,
}
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@dataclass
class Point:
    """A network at sizes and numbers.

    Attributes
    ----------
    values : mapping of str to mapping
        Of what is given: component -> number.
    cut : mapping
        Components that hold a number instead of what their equation says.
    extra : mapping of str to number
        Scalars that only a claim knows.
    """

    network: Network
    sizes: Mapping[str, int]
    values: Mapping[str, Mapping[tuple[int, ...], Any]]
    cut: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    known: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)
    quotients: dict[Any, Any] = field(default_factory=dict)

    def range(self, letter: str) -> range:
        if letter not in self.network.ranges:
            raise UndefinedError(letter)
        low, high = self.network.ranges[letter]
        return range(int(self.of(low)), int(self.of(high)) + 1)

    def components(self, name: str) -> list[tuple[int, ...]]:
        """Return the indices of all components of a quantity."""
        return list(product(*(self.range(letter) for letter in self.network.letters(name))))

    def quantity(self, name: str, place: tuple[int, ...]) -> Any:
        key = (name, place)
        if key in self.cut:
            return self.cut[key]
        if name in self.values:
            if place not in self.values[name]:
                if name in self.network.padded:
                    return mpf(0)
                raise UndefinedError(f"{name}{place}")
            return self.values[name][place]
        if not place and name in self.sizes:
            return mpf(self.sizes[name])
        if key not in self.known:
            self.known[key] = self.defined(name, place)
        return self.known[key]

    def defined(self, name: str, place: tuple[int, ...]) -> Any:
        for equation in self.network.equations:
            if equation.name != name or len(equation.indices) != len(place):
                continue
            bound, fits = {}, True
            for tree, value in zip(equation.indices, place, strict=True):
                if tree.head == "number":
                    fits = fits and int(tree.name) == value
                else:
                    low, high = equation.limits.get(tree.name) or self.network.ranges[tree.name]
                    fits = fits and self.of(low) <= value <= self.of(high)
                    bound[tree.name] = value
            if fits:
                return self.of(equation.tree, bound)
        if name in self.network.padded:
            return mpf(0)
        raise UndefinedError(f"{name}{place}")

    def of(self, tree: Tree, bound: Mapping[str, int] | None = None) -> Any:
        """Return the value of a formula; `bound` are the values of index letters."""
        bound = bound or {}
        head, parts = tree.head, tree.parts
        if head == "number":
            return mpf(tree.name)
        if head == "name":
            if not parts:
                if tree.name in bound:
                    return mpf(bound[tree.name])
                if tree.name in self.extra:
                    return self.extra[tree.name]
                if tree.name in self.network.ranges:
                    raise UndefinedError(tree.name)
                return self.quantity(tree.name, ())
            return self.quantity(tree.name, tuple(int(self.of(part, bound)) for part in parts))
        if head == "sum":
            return self.reduced(tree, bound)
        if head == "call" and tree.name in ("D", "P"):
            of, by = parts
            place = tuple(int(self.of(part, bound)) for part in by.parts)
            of_place = tuple(int(self.of(part, bound)) for part in of.parts)
            return self.derivative((of.name, of_place), (by.name, place), local=tree.name == "P")
        if head == "[]":
            return mpf(_RELATIONS[tree.name](self.of(parts[0], bound), self.of(parts[1], bound)))
        if head == "call" and tree.name == "where":
            return self.of(parts[1] if self.of(parts[0], bound) else parts[2], bound)
        values = [self.of(part, bound) for part in parts]
        if head == "+":
            return sum(values)
        if head == "*":
            return mp.fprod(values)
        if head == "neg":
            return -values[0]
        try:
            if head == "/":
                return values[0] / values[1]
            result = values[0] ** values[1] if head == "**" else _FUNCTIONS[tree.name](*values)
        except (ZeroDivisionError, ValueError) as error:
            raise UndefinedError(str(tree)) from error
        if isinstance(result, mp.mpc):
            raise UndefinedError(str(tree))
        return result

    def reduced(self, tree: Tree, bound: Mapping[str, int]) -> Any:
        letter, body = tree.parts[0].name, tree.parts[-1]
        if len(tree.parts) == 4:
            places = range(int(self.of(tree.parts[1], bound)), int(self.of(tree.parts[2], bound)) + 1)
        else:
            places = self.range(letter)
        values = {place: self.of(body, {**bound, letter: place}) for place in places}
        if tree.name == "sum":
            return mp.fsum(values.values())
        if tree.name == "mean":
            return mp.fsum(values.values()) / len(values)
        total = mp.fsum(mp.exp(value) for value in values.values())
        if tree.name == "logsumexp":
            return mp.log(total)
        return mp.exp(values[bound[letter]]) / total if bound[letter] in values else mpf(0)

    def derivative(self, of: tuple[str, tuple[int, ...]], by: tuple[str, tuple[int, ...]], local: bool = False) -> Any:
        """Return a difference quotient; if `local`, all that is between is held."""
        key = (of, by, local)
        if key not in self.quotients:
            self.quotients[key] = self.quotient(of, by, local)
        return self.quotients[key]

    def quotient(self, of: tuple[str, tuple[int, ...]], by: tuple[str, tuple[int, ...]], local: bool) -> Any:
        middle = self.quantity(*by)
        held = dict(self.cut)
        if local:
            names = {equation.name for equation in self.network.equations} - {of[0], by[0]}
            held |= {(name, place): self.quantity(name, place) for name in names for place in self.all_of(name)}
        ends = []
        for sign in (1, -1):
            moved = Point(self.network, self.sizes, self.values, {**held, by: middle + sign * STEP}, self.extra)
            ends.append(moved.quantity(*of))
        return (ends[0] - ends[1]) / (2 * STEP)

    def all_of(self, name: str) -> Iterator[tuple[int, ...]]:
        for place in self.components(name):
            try:
                self.quantity(name, place)
            except UndefinedError:
                continue
            yield place


def draw(network: Network, dice: Any, sizes: Mapping[str, int] | None = None) -> Point:
    """Return a point at random sizes (different ones, at least 3) and numbers in (-2, 2), or (0, 2) if positive."""
    names = network.sizes
    if sizes is None:
        sizes = dict(zip(names, dice.sample(range(3, 4 + len(names)), len(names)), strict=True))
    blank = Point(network, sizes, {})
    values: dict[str, dict[tuple[int, ...], Any]] = {}
    for name in network.given:
        low = 0.2 if network.positive else -1.5
        ends = network.integers.get(name)
        values[name] = {
            place: mpf(dice.randint(int(blank.of(ends[0])), int(blank.of(ends[1]))))
            if ends
            else mpf(dice.uniform(low, 1.5))
            for place in blank.components(name)
        }
    if network.whole:
        part = values[network.whole]
        rows = {place[:-1] for place in part}
        totals = {row: sum(abs(part[place]) for place in part if place[:-1] == row) for row in rows}
        values[network.whole] = {place: abs(value) / totals[place[:-1]] for place, value in part.items()}
    return Point(network, sizes, values, extra={"eta": mpf(dice.uniform(0.1, 0.9)), "lr": mpf(dice.uniform(0.1, 0.9))})


def close(one: Any, other: Any) -> bool:
    """Whether two numbers are equal as far as a difference quotient can tell."""
    return bool(abs(one - other) <= mpf(10) ** -25 * max(1, abs(one), abs(other)))


@dataclass(frozen=True)
class Claim:
    """``D(of, by) = right`` as a person writes it; `by` with its index letters."""

    by: Tree
    right: Tree
    of: str

    @property
    def left(self) -> str:
        return f"D({self.of}, {self.by})"

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"

    def is_true(self, point: Point, local: bool = False) -> bool:
        """Whether it holds at every component of a point."""
        for bound in self.entries(point):
            place = tuple(int(point.of(part, bound)) for part in self.by.parts)
            try:
                true = point.derivative((self.of, ()), (self.by.name, place), local)
            except UndefinedError:
                continue
            try:
                if not close(point.of(self.right, bound), true):
                    return False
            except UndefinedError:
                return False
        return True

    def entries(self, point: Point) -> Iterator[dict[str, int]]:
        letters = [part.name for part in self.by.parts if part.head == "name"]
        for place in product(*(point.range(letter) for letter in letters)):
            yield dict(zip(letters, place, strict=True))


def at_witness(claim: Claim, network: Network, witness: Any) -> tuple[Any, Any]:
    """Return what claim and truth are at the point of a witness of symprop; the claim's is None if undefined."""
    blank = Point(network, witness.sizes, {})
    values: dict[str, dict[tuple[int, ...], Any]] = {}
    extra = {}
    for name, nested in witness.values.items():
        if name not in network.given:
            extra[name] = number_of(nested)
            continue
        lows = [blank.range(letter)[0] for letter in network.given[name]]
        values[name] = {}
        for place in blank.components(name):
            value = nested
            for step, low in zip(place, lows, strict=True):
                value = value[step - low]
            values[name][place] = number_of(value)
    point = Point(network, witness.sizes, values, extra=extra)
    bound = {name: int(value) for name, value in witness.entry.items()}
    place = tuple(int(point.of(part, bound)) for part in claim.by.parts)
    true = point.derivative((claim.of, ()), (claim.by.name, place))
    try:
        claimed = point.of(claim.right, bound)
    except UndefinedError:
        claimed = None
    return claimed, true


def number_of(text: Any) -> Any:
    fraction = Fraction(text)
    return mpf(fraction.numerator) / fraction.denominator
