"""Lines of a derivation on paper, rewritten into equal ones and changed where it hardly shows.

Other ways than those of `tests/disguises.py`, on other networks, and on trees that are not symprop's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hand_derivations import DERIVATIONS, FURTHER, Derivation
from hand_slips import letters_at, times
from paper import Claim, Network, Tree, at, draw, letters_of, put, read, rename, walk

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


def bracket(text: str) -> Tree:
    return read(f"[{text}]")


def inside_name(tree: Tree, path: tuple[int, ...]) -> bool:
    """Whether a place is an index of a quantity or an argument of D, and not a number to calculate with."""
    outer = [at(tree, path[:depth]) for depth in range(len(path))]
    return any(each.head in ("name", "[]") or each.name in ("D", "P") for each in outer) or (
        bool(outer) and outer[-1].head in ("sum", "**") and path[-1] != (len(outer[-1].parts) - 1 if outer[-1].head == "sum" else 0)
    )


def ways(tree: Tree, claim: Claim, network: Network, path: tuple[int, ...], dice: random.Random) -> Iterator[tuple[str, Tree]]:
    """Iterate over equal forms of one part of a line."""
    head, parts = tree.head, tree.parts
    sized = [name for name, (low, high) in network.ranges.items() if low.name == "1" and high.head == "name"]
    if head == "*" and len(parts) >= 2:
        one, rest = parts[0], times(*parts[1:])
        yield "product by squares", over(plus(power(plus(one, rest), 2), minus(power(plus(one, minus(rest)), 2))), Tree("number", "4"))
        yield "divided by the reciprocal", over(rest, Tree("**", parts=(one, read("-1"))))
        yield "the other way round", times(*parts[::-1])
        yield "both signs turned", times(minus(one), minus(rest))
    if head == "+":
        yield "the other way round", plus(*parts[::-1]) if parts[-1].head != "neg" else plus(minus(plus(*(minus(part) for part in parts))), read("0"))
        if len(parts) == 2 and not any(part.head == "number" for part in parts):
            one, other = parts
            yield "difference of squares", over(plus(power(one, 2), minus(power(other, 2))), plus(one, minus(other)))
    if head == "**" and parts[1].name == "2":
        yield "a square as a cube over", over(power(parts[0], 3), parts[0])
        yield "a square as absolute value", power(Tree("call", "abs", (parts[0],)), 2)
    if head == "/":
        yield "power -1", times(parts[0], Tree("**", parts=(parts[1], read("-1"))))
        yield "doubled above and below", over(times(TWO, parts[0]), times(TWO, parts[1]))
    if head == "number" and tree.name == "2":
        yield "a decimal", Tree("number", "2.0")
        yield "a quotient", read("4/2")
    if head == "sum" and tree.name == "sum" and len(parts) == 3:
        letter, body = parts[0].name, parts[2]
        split = read("2")
        condition = Tree("[]", "<=", (parts[0], split)), Tree("[]", ">", (parts[0], split))
        yield "split by a condition", plus(total(letter, times(condition[0], body)), total(letter, times(condition[1], body)))
        if letter in sized and all(part.head != "call" or part.name not in ("D", "P") for _, part in walk(body)):
            last = network.ranges[letter][1]
            turned = rename_letter(body, letter, plus(last, minus(parts[0]), read("1")))
            yield "summed backwards", Tree("sum", "sum", (parts[0], turned))
        if body.head == "sum" and len(body.parts) == 3:
            yield "sums exchanged", Tree("sum", "sum", (body.parts[0], Tree("sum", "sum", (parts[0], body.parts[2]))))
    if head == "name" and parts and tree.name in (*network.given, *(equation.name for equation in network.equations)):
        place = dice.randrange(len(parts))
        index = parts[place]
        fresh = [name for name in network.ranges if index.name in network.ranges and network.ranges[name] == network.ranges[index.name] and name not in letters_at(claim, path) | letters_of(tree)]
        if index.head == "name" and fresh:
            moved = put(tree, (place,), Tree("name", fresh[0]))
            yield "picked by a bracket", total(fresh[0], times(Tree("[]", "==", (Tree("name", fresh[0]), index)), moved))
        yield "positive and negative part", plus(Tree("call", "max", (tree, read("0"))), minus(Tree("call", "max", (minus(tree), read("0")))))
    if head == "name" and (tree.name in network.given or any(equation.name == tree.name for equation in network.equations)):
        for equation in network.equations:
            if equation.name == tree.name and not equation.limits and equation.name not in {part.name for _, part in walk(equation.tree)}:
                if any(index.head != "name" for index in equation.indices) or any(part.head == "sum" for _, part in walk(equation.tree)) and equation.tree.name == "softmax":
                    continue
                if any(other is not equation and other.name == equation.name for other in network.equations):
                    continue
                inner = {part.parts[0].name for _, part in walk(equation.tree) if part.head == "sum"}
                if inner & (letters_at(claim, path) | set().union(*map(letters_of, parts)) if parts else letters_at(claim, path)):
                    continue
                text = equation.tree
                for letter, index in zip(equation.indices, parts, strict=True):
                    text = rename_letter(text, letter.name, index)
                yield "its equation", text
        yield "logarithm of the exponential", Tree("call", "log", (Tree("call", "exp", (tree,)),))
        yield "absolute value and sign", times(Tree("call", "abs", (tree,)), Tree("call", "sign", (tree,)))
        yield "one by sine and cosine", times(plus(power(Tree("call", "sin", (tree,)), 2), power(Tree("call", "cos", (tree,)), 2)), tree)
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
                if not inside_name(claim.right, path)
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
    inner = [(path, part) for path, part in walk(right) if part.head == "sum" and part.name == "sum" and len(part.parts) == 3]
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
    for path, part in walk(right):
        if part.head == "name" and part.parts and part.name in network.given and not inside_name(right, path) and part.name not in network.integers:
            yield "absolute value", put(right, path, Tree("call", "abs", (part,)))
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
