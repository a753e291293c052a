"""Slips that people make in a line of a derivation, each with the names that a teaching assistant may give it.

They are made on the line as written, not on the derivation behind it, and share nothing with the diagnosis.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hand_derivations import DERIVATIONS, Derivation
from paper import Claim, Network, Tree, at, draw, letters_of, put, read, show, walk

ONE = Tree("number", "1")
TWO = Tree("number", "2")
SQUARE = frozenset({"power", "extra-factor"})
Path = tuple[int, ...]


@dataclass(frozen=True)
class Slip:
    """One edit of a line: `made` says what, `names` are the kinds of diagnosis that name it rightly."""

    made: str
    names: frozenset[str]
    right: Tree


def times(*factors: Tree) -> Tree:
    """Return a product as written, numbers and denominators kept in their places."""
    flat = [part for factor in factors for part in (factor.parts if factor.head == "*" else (factor,))]
    kept = [factor for factor in flat if factor != ONE]
    if not kept:
        return ONE
    return kept[0] if len(kept) == 1 else Tree("*", parts=tuple(kept))


def factors(tree: Tree, path: Path = ()) -> Iterator[Path]:
    """Iterate over the ways to the factors of a line, within its sums over an index too; not to those of terms."""
    if tree.head == "*":
        for place, part in enumerate(tree.parts):
            yield from factors(part, (*path, place))
    elif tree.head in ("/", "neg"):
        yield from factors(tree.parts[0], (*path, 0))
    else:
        yield path
        if tree.head == "sum":
            yield from factors(tree.parts[-1], (*path, len(tree.parts) - 1))


def without(tree: Tree, path: Path) -> Tree | None:
    """Return the line without one factor, or None where nothing would remain of a sum or of the line."""
    if not path:
        return None
    parent = at(tree, path[:-1])
    if parent.head == "*":
        return put(tree, path[:-1], times(*(part for place, part in enumerate(parent.parts) if place != path[-1])))
    return put(tree, path, ONE) if parent.head == "/" else None


def letters_at(claim: Claim, path: Path) -> set[str]:
    """Return the index letters that are bound at a place of the right side."""
    bound = {part.name for part in claim.by.parts}
    for depth in range(len(path)):
        inner = at(claim.right, path[:depth])
        if inner.head == "sum":
            bound.add(inner.parts[0].name)
    return bound


def range_of(network: Network, letter: str) -> tuple[Tree, Tree] | None:
    return network.ranges.get(letter)


def activation_of(network: Network, name: str) -> tuple[str, str] | None:
    """Return the function and the argument's name of ``z = f(a)``."""
    for equation in network.equations:
        if equation.name == name and equation.tree.head == "call" and len(equation.tree.parts) == 1:
            argument = equation.tree.parts[0]
            if argument.head == "name" and equation.tree.name in ("sigmoid", "tanh", "sin", "softplus", "relu"):
                return equation.tree.name, argument.name
    return None


def slopes(claim: Claim, network: Network) -> Iterator[tuple[list[Path], str, Tree, str]]:
    """Iterate over the derivatives of activations in a line: their factors, the function, z as read, and a's name."""
    found = list(factors(claim.right))
    for path in found:
        factor = at(claim.right, path)
        if factor.head == "+" and len(factor.parts) == 2 and factor.parts[0] == ONE and factor.parts[1].head == "neg":
            inner = factor.parts[1].parts[0]
            if inner.head == "**":
                inner = inner.parts[0]
            known = activation_of(network, inner.name) if inner.head == "name" else None
            if known is None:
                continue
            both = [path]
            if known[0] == "sigmoid":
                both += [other for other in found if other[:-1] == path[:-1] and at(claim.right, other) == inner][:1]
            yield both, known[0], inner, known[1]
        elif factor.head == "call" and len(factor.parts) == 1 and factor.parts[0].head == "name":
            for equation in network.equations:
                known = activation_of(network, equation.name)
                slope = {"relu": "step", "sin": "cos", "softplus": "sigmoid"}.get(known[0]) if known else None
                if known and slope == factor.name and known[1] == factor.parts[0].name:
                    yield [path], known[0], replace(factor.parts[0], name=equation.name), known[1]


# -- the kinds of slips ----------------------------------------------------------------------------------------------


def sign(claim: Claim, network: Network) -> Iterator[Slip]:
    right = claim.right
    yield Slip(
        "sign of the line", frozenset({"sign"}), right.parts[0] if right.head == "neg" else Tree("neg", parts=(right,))
    )
    for path, part in walk(right):
        if part.head != "+":
            continue
        for place, term in enumerate(part.parts):
            if place == 0:
                continue
            turned = term.parts[0] if term.head == "neg" else Tree("neg", parts=(term,))
            yield Slip(
                "sign of a term", frozenset({"sign", "activation-derivative"}), put(right, (*path, place), turned)
            )


def constant(claim: Claim, network: Network) -> Iterator[Slip]:
    yield Slip("twice", frozenset({"constant-factor"}), times(TWO, claim.right))
    yield Slip("half", frozenset({"constant-factor"}), Tree("/", parts=(claim.right, TWO)))
    for path in factors(claim.right):
        if at(claim.right, path).head == "number" and (new := without(claim.right, path)) is not None:
            yield Slip("a number left out", frozenset({"constant-factor"}), new)
    for path, part in walk(claim.right):
        if part.head == "*" and part.parts[0] == TWO and path:
            yield Slip(
                "a number of a term left out",
                frozenset({"constant-factor"}),
                put(claim.right, path, times(*part.parts[1:])),
            )


def missing_factor(claim: Claim, network: Network) -> Iterator[Slip]:
    slope = {path for paths, *_ in slopes(claim, network) for path in paths}
    for path in factors(claim.right):
        factor = at(claim.right, path)
        if factor.head == "number" or path in slope:
            continue
        if (new := without(claim.right, path)) is not None:
            names = {"missing-factor", "stopped-early"}
            if factor.head == "**":
                names |= {"power"}
            yield Slip(f"{factor.head} left out", frozenset(names), new)


def extra_factor(claim: Claim, network: Network) -> Iterator[Slip]:
    bound = {part.name for part in claim.by.parts}
    names = [*network.given, *dict.fromkeys(equation.name for equation in network.equations)]
    present = {part.name for _, part in walk(claim.right)}
    for name in names:
        letters = network.letters(name)
        if set(letters) <= bound and name != network.objective and all(letter in network.ranges for letter in letters):
            quantity = Tree("name", name, tuple(Tree("name", letter) for letter in letters))
            kinds = {"extra-factor"} | ({"power"} if name in present else set())
            yield Slip("a factor too much", frozenset(kinds), times(claim.right, quantity))


def missing_sum(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head == "sum" and part.name == "sum":
            yield Slip(
                "the sum left out", frozenset({"missing-sum", "free-index"}), put(claim.right, path, part.parts[-1])
            )


def extra_sum(claim: Claim, network: Network) -> Iterator[Slip]:
    for part in claim.by.parts:
        if part.name in network.ranges and part.name in letters_of(claim.right):
            yield Slip("a sum too much", frozenset({"extra-sum"}), Tree("sum", "sum", (part, claim.right)))


def sum_misplaced(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head != "sum" or part.parts[-1].head != "*":
            continue
        letter, body = part.parts[0], part.parts[-1]
        reading = [factor for factor in body.parts if letter.name in letters_of(factor)]
        rest = [factor for factor in body.parts if factor not in reading]
        if len(reading) >= 2:
            halves = [Tree("sum", "sum", (letter, reading[0])), Tree("sum", "sum", (letter, times(*reading[1:])))]
            yield Slip(
                "sum of a product as product of sums",
                frozenset({"sum-misplaced"}),
                put(claim.right, path, times(*rest, *halves)),
            )
            outside = times(*rest, Tree("sum", "sum", (letter, times(*reading[:-1]))), reading[-1])
            yield Slip(
                "a factor out of its sum", frozenset({"sum-misplaced", "free-index"}), put(claim.right, path, outside)
            )


def transposed(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head == "name" and len(part.parts) == 2 and part.parts[0] != part.parts[1]:
            new = replace(part, parts=part.parts[::-1])
            yield Slip("indices exchanged", frozenset({"transposed", "wrong-index"}), put(claim.right, path, new))


def wrong_index(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head != "name" or not part.parts:
            continue
        for place, index in enumerate(part.parts):
            for letter in sorted(letters_at(claim, path) - {index.name}):
                if index.head == "name" and letter in network.ranges:
                    same = range_of(network, letter) == range_of(network, index.name)
                    new = put(part, (place,), Tree("name", letter))
                    made = "another index" if same else "an index of another range"
                    yield Slip(made, frozenset({"wrong-index"}), put(claim.right, path, new))


def index_shift(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head != "name" or not part.parts:
            continue
        for place, index in enumerate(part.parts):
            if index.head == "name" and index.name in network.ranges:
                for shifted in (f"{index.name} - 1", f"{index.name} + 1"):
                    yield Slip("shifted", frozenset({"index-shift"}), put(claim.right, (*path, place), read(shifted)))
            elif index.head == "+":
                bare = replace(index, parts=index.parts[:-1]) if len(index.parts) > 2 else index.parts[0]
                yield Slip("shift left out", frozenset({"index-shift"}), put(claim.right, (*path, place), bare))


def wrong_quantity(claim: Claim, network: Network) -> Iterator[Slip]:
    slope = {path for paths, *_ in slopes(claim, network) for path in paths}
    names = [*network.given, *dict.fromkeys(equation.name for equation in network.equations)]
    for path, part in walk(claim.right):
        if part.head != "name" or part.name not in names or any(path[: len(way)] == way for way in slope):
            continue
        for name in names:
            if name in (part.name, network.objective) or network.rank(name) != network.rank(part.name):
                continue
            pairs = zip(network.letters(name), network.letters(part.name), strict=True)
            if all(range_of(network, one) == range_of(network, other) for one, other in pairs):
                layer = name[:-1] == part.name[:-1] and name[-1].isdigit() and part.name[-1].isdigit()
                kinds = {"wrong-quantity"} | ({"wrong-layer"} if layer else set())
                related = activation_of(network, name) or activation_of(network, part.name)
                adjacent = related is not None and related[1] in (name, part.name)
                made = "before for after the activation" if adjacent else "another quantity"
                yield Slip(made, frozenset(kinds), put(claim.right, path, replace(part, name=name)))


def activation_derivative(claim: Claim, network: Network) -> Iterator[Slip]:
    kind, misplaced = frozenset({"activation-derivative"}), "activation's derivative at the wrong place"
    right = claim.right
    for paths, function, after, before in slopes(claim, network):
        first = paths[0]
        at_argument = replace(after, name=before)
        bare = without(right, first)
        if len(paths) == 2:
            second = paths[1]
            for path in paths:
                if (half := without(right, path)) is not None:
                    yield Slip("half of the activation's derivative", kind | {"missing-factor"}, half)
            yield Slip("activation's derivative left out", kind, tidy(put(put(right, first, ONE), second, ONE)))
            other = put(put(right, first, read(f"1 - {at_argument}")), second, at_argument)
            yield Slip(misplaced, kind | {"wrong-quantity"}, other)
            other = tidy(put(put(right, first, read(f"1 - {after}**2")), second, ONE))
            yield Slip("derivative of another activation", kind, other)
            continue
        if bare is not None:
            yield Slip("activation's derivative left out", kind, bare)
        if function == "tanh":
            other = put(right, first, read(f"{after}*(1 - {after})"))
            yield Slip("derivative of another activation", kind, other)
            yield Slip(misplaced, kind | {"wrong-quantity"}, put(right, first, read(f"1 - {at_argument}**2")))
            yield Slip(
                "power in the activation's derivative", kind | {"power"}, put(right, first, read(f"1 - {after}"))
            )
        elif function != "sigmoid":
            slope = at(right, first)
            other = put(right, first, replace(slope, name=function))
            yield Slip("the activation for its derivative", kind | {"wrong-quantity"}, other)
            yield Slip(misplaced, kind | {"wrong-quantity"}, put(right, first, replace(slope, parts=(after,))))


def tidy(tree: Tree) -> Tree:
    """Return a line without factors 1."""
    parts = tuple(tidy(part) for part in tree.parts)
    return times(*parts) if tree.head == "*" else replace(tree, parts=parts)


def power(claim: Claim, network: Network) -> Iterator[Slip]:
    slope = {path for paths, *_ in slopes(claim, network) for path in paths}
    for path, part in walk(claim.right):
        inside = any(path[: len(way)] == way for way in slope)
        kinds = frozenset(
            {"power", "extra-factor", "missing-factor"} | ({"activation-derivative"} if inside else set())
        )
        if part.head == "**" and part.parts[1].head == "number":
            exponent = int(part.parts[1].name)
            lower = (
                part.parts[0]
                if exponent == 2
                else replace(part, parts=(part.parts[0], Tree("number", str(exponent - 1))))
            )
            yield Slip("a power too low", kinds, put(claim.right, path, lower))
            higher = replace(part, parts=(part.parts[0], Tree("number", str(exponent + 1))))
            yield Slip("a power too high", kinds, put(claim.right, path, higher))
    for path in factors(claim.right):
        part = at(claim.right, path)
        if part.head in ("name", "+") and path not in slope:
            yield Slip("squared", SQUARE, put(claim.right, path, Tree("**", parts=(part, TWO))))


def dropped_term(claim: Claim, network: Network) -> Iterator[Slip]:
    slope = [path for paths, *_ in slopes(claim, network) for path in paths]
    for path, part in walk(claim.right):
        # A term of an index is a shift, and one of 1 - z the derivative of an activation.
        outer = [at(claim.right, path[:depth]) for depth in range(len(path))]
        if (
            part.head != "+"
            or any(path[: len(way)] == way for way in slope)
            or any(tree.head == "name" for tree in outer)
        ):
            continue
        for place in range(len(part.parts)):
            rest = [term for other, term in enumerate(part.parts) if other != place]
            new = rest[0] if len(rest) == 1 else replace(part, parts=tuple(rest))
            yield Slip("a term left out", frozenset({"dropped-term"}), put(claim.right, path, new))


def stopped_early(claim: Claim, network: Network, lines: tuple[Claim, ...] = ()) -> Iterator[Slip]:
    for other in lines:
        reads = [
            equation
            for equation in network.equations
            if equation.name == other.by.name and any(part.name == claim.by.name for _, part in walk(equation.tree))
        ]
        if reads and letters_of(other.right) <= letters_of(claim.by) | set(network.given) | names_of(network) | set(
            network.sizes
        ):
            kinds = {"stopped-early", "missing-factor"}
            if activation_of(network, other.by.name):
                kinds.add("activation-derivative")
            yield Slip("stopped before the last rule", frozenset(kinds), other.right)


def names_of(network: Network) -> set[str]:
    return {equation.name for equation in network.equations}


def learning_rate(claim: Claim, network: Network) -> Iterator[Slip]:
    for name in ("eta", "lr"):
        right = times(Tree("name", name), claim.right)
        yield Slip("learning rate", frozenset({"learning-rate-in-gradient"}), right)


def averaged(claim: Claim, network: Network) -> Iterator[Slip]:
    for path, part in walk(claim.right):
        if part.head == "/" and part.parts[1].name in network.sizes:
            yield Slip("mean as sum", frozenset({"averaged"}), put(claim.right, path, part.parts[0]))
    for _, part in walk(claim.right):
        if part.head == "sum" and (ends := range_of(network, part.parts[0].name)) and ends[1].name in network.sizes:
            yield Slip("sum as mean", frozenset({"averaged"}), Tree("/", parts=(claim.right, ends[1])))


KINDS: dict[str, Callable[..., Iterator[Slip]]] = {
    "sign": sign,
    "constant-factor": constant,
    "missing-factor": missing_factor,
    "extra-factor": extra_factor,
    "missing-sum": missing_sum,
    "extra-sum": extra_sum,
    "sum-misplaced": sum_misplaced,
    "transposed": transposed,
    "wrong-index": wrong_index,
    "index-shift": index_shift,
    "wrong-quantity": wrong_quantity,
    "activation-derivative": activation_derivative,
    "power": power,
    "dropped-term": dropped_term,
    "stopped-early": stopped_early,
    "learning-rate-in-gradient": learning_rate,
    "averaged": averaged,
}


@dataclass(frozen=True)
class Wrong:
    """A wrong line: the slips that were made, and the names that would be right for each."""

    derivation: Derivation
    claim: Claim
    right: Claim
    kinds: tuple[str, ...]
    slips: tuple[Slip, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(slip.names for slip in self.slips))

    def __str__(self) -> str:
        made = "; ".join(f"{kind}: {slip.made}" for kind, slip in zip(self.kinds, self.slips, strict=True))
        return f"[{self.derivation.name}] {self.claim}   ({made}; right: {show(self.right.right)})"


def cancels(tree: Tree) -> bool:
    """Whether a term and its opposite stand in a formula: what is written there, and with which indices, is nothing."""
    sums = [part.parts for _, part in walk(tree) if part.head == "+"]
    return any(Tree("neg", parts=(term,)) in terms for terms in sums for term in terms)


def is_wrong(claim: Claim, network: Network, seed: str) -> bool:
    """Whether a line is false, as the derivative of the objective and as the local one, at a random point."""
    point = draw(network, random.Random(seed))
    return not claim.is_true(point) and not claim.is_true(point, local=True)


def wrong_lines(seed: str, count: int, edits: int = 1, only: Sequence[str] = ()) -> list[Wrong]:
    """Return `count` different wrong lines with `edits` slips each; every kind in turn, lines and places at random.

    Of the derivations named in `only`, if any.
    """
    derivations = [derivation for derivation in DERIVATIONS if not only or derivation.name in only]
    made: list[Wrong] = []
    seen: set[str] = set()
    kinds = list(KINDS)
    attempt = 0
    while len(made) < count:
        dice = random.Random(f"{seed} {edits} {attempt}")
        attempt += 1
        derivation = dice.choice(derivations)
        right = dice.choice(derivation.claims)
        # A kind waits for its turn until a line has a place for it.
        chosen = [kinds[len(made) % len(kinds)]]
        chosen += dice.choices([kind for kind in kinds if kind != "stopped-early"], k=edits - 1)
        claim, slips = right, []
        for kind in chosen:
            extra = {"lines": derivation.claims} if kind == "stopped-early" else {}
            choices = list(KINDS[kind](claim, derivation.network, **extra))
            if not choices:
                break
            # Each manner of a slip is as likely as another one.
            manner = dice.choice(sorted({slip.made for slip in choices}))
            slip = dice.choice([slip for slip in choices if slip.made == manner])
            slips.append(slip)
            claim = replace(claim, right=slip.right)
        if len(slips) < edits or str(claim) in seen or claim.right == right.right or cancels(claim.right):
            continue
        if not is_wrong(claim, derivation.network, f"{seed} {attempt}"):
            continue
        seen.add(str(claim))
        made.append(Wrong(derivation, claim, right, tuple(chosen), tuple(slips)))
    return made
