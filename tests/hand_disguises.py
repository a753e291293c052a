"""Lines of a derivation on paper, rewritten into equal ones and changed where it hardly shows.

Other ways than those of `tests/disguises.py`, on other networks, and on trees that are not symprop's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hand_derivations import DERIVATIONS, FURTHER, Derivation
from hand_slips import letters_at, times
from paper import Claim, Network, Tree, at, draw, letters_of, put, read, walk

TWO = Tree("number", "2")


@dataclass(frozen=True)
class Line:
    """A line made from a right one: in which way, and what became of it."""

    derivation: Derivation
    claim: Claim
    made: str

    def __str__(self) -> str:
        return f"[{self.derivation.name}] {self.claim}   ({self.made})"


def over(top: Tree, bottom: Tree) -> Tree:
    return Tree("/", parts=(top, bottom))


def plus(*terms: Tree) -> Tree:
    return Tree("+", parts=terms)


def minus(tree: Tree) -> Tree:
    return Tree("neg", parts=(tree,))


def power(base: Tree, exponent: int) -> Tree:
    return Tree("**", parts=(base, Tree("number", str(exponent))))


def total(letter: str, body: Tree) -> Tree:
    return Tree("sum", "sum", (Tree("name", letter), body))


def call(name: str, *arguments: Tree) -> Tree:
    return Tree("call", name, arguments)


def bracket(text: str) -> Tree:
    return read(f"[{text}]")


def is_number(tree: Tree, path: tuple[int, ...]) -> bool:
    """Whether a place holds a number to calculate with, and not an index, a limit, an exponent or an argument of D."""
    outer = [at(tree, path[:depth]) for depth in range(len(path))]
    for each, place in zip(outer, path, strict=True):
        if each.head in ("name", "[]") or each.name in ("D", "P"):
            return False
        if each.head == "**" and place == 1:
            return False
        if each.head == "sum" and place != len(each.parts) - 1:
            return False
    return True


def defined(network: Network) -> set[str]:
    return {equation.name for equation in network.equations}


def unfolded(tree: Tree, bound: set[str], network: Network) -> Tree | None:
    """Return the right side of a quantity's only equation at its indices, or None where that would not be the same."""
    found = [equation for equation in network.equations if equation.name == tree.name]
    if len(found) != 1 or found[0].limits or any(index.head != "name" for index in found[0].indices):
        return None
    inside = [part for _, part in walk(found[0].tree)]
    dummies = {part.parts[0].name for part in inside if part.head == "sum"}
    given = set().union(*map(letters_of, tree.parts)) if tree.parts else set()
    if any(part.name == "softmax" for part in inside) or dummies & (bound | given):
        return None
    result = found[0].tree
    for letter, index in zip(found[0].indices, tree.parts, strict=True):
        result = rename_letter(result, letter.name, index)
    return result


def ways(
    tree: Tree, claim: Claim, network: Network, path: tuple[int, ...], dice: random.Random
) -> Iterator[tuple[str, Tree]]:
    """Iterate over equal forms of one part of a line."""
    if tree.head == "*":
        yield from ways_of_a_product(tree)
    elif tree.head == "+":
        yield from ways_of_terms(tree)
    elif tree.head == "sum" and tree.name == "sum" and len(tree.parts) == 3:
        yield from ways_of_a_sum(tree, network)
    elif tree.head == "name" and tree.name in {*network.given, *defined(network)}:
        yield from ways_of_a_quantity(tree, letters_at(claim, path), network, dice)
    elif tree.head == "**" and tree.parts[1].name == "2":
        yield "a square as a cube over", over(power(tree.parts[0], 3), tree.parts[0])
        yield "a square as absolute value", power(call("abs", tree.parts[0]), 2)
    elif tree.head == "/":
        top, bottom = tree.parts
        yield "power -1", times(top, Tree("**", parts=(bottom, read("-1"))))
        yield "doubled above and below", over(times(TWO, top), times(TWO, bottom))
    elif tree == TWO:
        yield "a decimal", Tree("number", "2.0")
        yield "a quotient", read("4/2")


def ways_of_a_product(tree: Tree) -> Iterator[tuple[str, Tree]]:
    one, rest = tree.parts[0], times(*tree.parts[1:])
    squares = plus(power(plus(one, rest), 2), minus(power(plus(one, minus(rest)), 2)))
    yield "product by squares", over(squares, Tree("number", "4"))
    yield "divided by the reciprocal", over(rest, Tree("**", parts=(one, read("-1"))))
    yield "the other way round", times(*tree.parts[::-1])
    yield "both signs turned", times(minus(one), minus(rest))


def ways_of_terms(tree: Tree) -> Iterator[tuple[str, Tree]]:
    parts = tree.parts
    yield "minus the opposite", minus(plus(*(minus(part) for part in parts)))
    if len(parts) == 2 and not any(part.head == "number" for part in parts):
        one, other = parts
        squares = plus(power(one, 2), minus(power(other, 2)))
        yield "difference of squares", over(squares, plus(one, minus(other)))


def ways_of_a_sum(tree: Tree, network: Network) -> Iterator[tuple[str, Tree]]:
    letter, body = tree.parts[0], tree.parts[2]
    low, high = network.ranges.get(letter.name, (TWO, TWO))
    parts = [times(Tree("[]", relation, (letter, TWO)), body) for relation in ("<=", ">")]
    yield "split by a condition", plus(*(total(letter.name, part) for part in parts))
    if low.name == "1" and high.head == "name" and not any(part.name in ("D", "P") for _, part in walk(body)):
        turned = rename_letter(body, letter.name, plus(high, minus(letter), read("1")))
        yield "summed backwards", total(letter.name, turned)
    if body.head == "sum" and len(body.parts) == 3:
        yield "sums exchanged", total(body.parts[0].name, total(letter.name, body.parts[2]))


def ways_of_a_quantity(
    tree: Tree, bound: set[str], network: Network, dice: random.Random
) -> Iterator[tuple[str, Tree]]:
    if tree.parts:
        place = dice.randrange(len(tree.parts))
        index = tree.parts[place]
        ends = network.ranges.get(index.name)
        used = bound | letters_of(tree)
        fresh = [name for name, other in network.ranges.items() if ends == other and name not in used]
        if index.head == "name" and fresh:
            moved = put(tree, (place,), Tree("name", fresh[0]))
            chosen = Tree("[]", "==", (Tree("name", fresh[0]), index))
            yield "picked by a bracket", total(fresh[0], times(chosen, moved))
    zero = read("0")
    yield "positive and negative part", plus(call("max", tree, zero), minus(call("max", minus(tree), zero)))
    if (text := unfolded(tree, bound, network)) is not None:
        yield "its equation", text
    yield "logarithm of the exponential", call("log", call("exp", tree))
    yield "absolute value and sign", times(call("abs", tree), call("sign", tree))
    yield "one by sine and cosine", times(plus(power(call("sin", tree), 2), power(call("cos", tree), 2)), tree)
    yield "there and back", plus(times(read("3"), tree), minus(times(TWO, tree)))


def rename_letter(tree: Tree, letter: str, new: Tree) -> Tree:
    """Return the formula with an index put for a letter, where nothing inside binds it."""
    if tree.head == "name" and not tree.parts:
        return new if tree.name == letter else tree
    if tree.head == "sum" and tree.parts[0].name == letter:
        return tree
    return Tree(tree.head, tree.name, tuple(rename_letter(part, letter, new) for part in tree.parts))


def disguised(seed: str, count: int) -> Iterator[Line]:
    """Yield right lines in disguise: three rewritings of each, in ways of which each is as likely as another one."""
    lines = [(derivation, claim) for derivation in (*DERIVATIONS, *FURTHER) for claim in derivation.claims]
    yielded = attempt = 0
    while yielded < count:
        dice = random.Random(f"{seed} {attempt}")
        attempt += 1
        derivation, claim = dice.choice(lines)
        made = []
        for _ in range(dice.randint(1, 3)):
            found = [
                (way, path, new)
                for path, part in walk(claim.right)
                if is_number(claim.right, path)
                for way, new in ways(part, claim, derivation.network, path, dice)
            ]
            if not found:
                break
            way = dice.choice(sorted({way for way, *_ in found}))
            _, path, new = dice.choice([each for each in found if each[0] == way])
            claim = replace(claim, right=put(claim.right, path, new))
            made.append(way)
        # A quotient may be 0/0 somewhere at any point, as 1/(v[1] - y[1]) where y[1] is v[1].
        if claim.is_true(draw(derivation.network, random.Random(f"{seed} {attempt} point"))):
            yielded += 1
            yield Line(derivation, claim, ", ".join(made))
    assert yielded >= 0.9 * attempt, "a way of rewriting is wrong"


def changes(claim: Claim, network: Network, dice: random.Random) -> Iterator[tuple[str, Tree]]:
    """Iterate over changes of a line that show at few places only."""
    right = claim.right
    letters = [part.name for part in claim.by.parts if part.name in network.ranges]
    parts = list(walk(right))
    inner = [(path, part) for path, part in parts if (part.head, part.name, len(part.parts)) == ("sum", "sum", 3)]
    scalars = [name for name in network.given if not network.given[name]]
    for letter in letters:
        low, high = network.ranges[letter]
        yield "first index", times(right, plus(read("1"), Tree("[]", "==", (Tree("name", letter), low))))
        yield "last index", times(right, plus(read("1"), minus(Tree("[]", "==", (Tree("name", letter), high)))))
        yield "from three on", times(right, plus(read("1"), bracket(f"{letter} > 2")))
    for path, part in inner:
        low, high = network.ranges.get(part.parts[0].name, (read("1"), read("1")))
        if high.head == "number":
            continue
        short = Tree("sum", "sum", (part.parts[0], plus(low, read("1")), high, part.parts[2]))
        yield "sum without its first", put(right, path, short)
        short = Tree("sum", "sum", (part.parts[0], low, plus(high, minus(read("1"))), part.parts[2]))
        yield "sum without its last", put(right, path, short)
        body = times(part.parts[2], plus(read("1"), Tree("[]", "==", (part.parts[0], read("3")))))
        yield "third twice in the sum", put(right, path, Tree("sum", "sum", (part.parts[0], body)))
    for name in network.sizes:
        yield "only sizes from three", times(right, plus(read("1"), times(read(f"{name} - 1"), read(f"{name} - 2"))))
        yield "only sizes above two", times(right, plus(read("1"), bracket(f"{name} > 2")))
    for name in scalars:
        yield "one side of a kink", plus(right, Tree("call", "relu", (Tree("name", name),)))
        yield "one side of a far kink", plus(right, Tree("call", "max", (read("0"), read(f"{name} - 1/2"))))
        yield "on one side", times(right, plus(read("1"), bracket(f"{name} < 0")))
    for path, part in parts:
        if part.parts and part.name in set(network.given) - set(network.integers) and is_number(right, path):
            yield "absolute value", put(right, path, call("abs", part))
    yield "one in a million", times(right, read("1.000001"))
    yield "a millionth", plus(right, read("0.000001"))
    if len(letters) == 2 and letters[0] != letters[1]:
        yield "diagonal only", times(right, plus(read("1"), bracket(f"{letters[0]} == {letters[1]}")))
        yield "beside the diagonal", times(right, plus(read("1"), bracket(f"{letters[0]} == {letters[1]} + 1")))


def changed(seed: str, count: int) -> Iterator[Line]:
    """Yield wrong lines; that they are wrong is seen in numbers."""
    lines = [(derivation, claim) for derivation in (*DERIVATIONS, *FURTHER) for claim in derivation.claims]
    made = attempt = 0
    while made < count:
        dice = random.Random(f"{seed} changed {attempt}")
        attempt += 1
        derivation, claim = dice.choice(lines)
        found = list(changes(claim, derivation.network, dice))
        way = dice.choice(sorted({way for way, _ in found}))
        new = replace(claim, right=dice.choice([tree for other, tree in found if other == way]))
        points = [draw(derivation.network, random.Random(f"{seed} {attempt} {n}")) for n in range(3)]
        if all(new.is_true(point) for point in points) or all(new.is_true(point, local=True) for point in points):
            continue
        made += 1
        yield Line(derivation, new, way)
