"""Right answers in disguise are never refuted; wrong ones never accepted, and numbers confirm every witness."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from brute_force import OutsideError, UndefinedError, Witness, central_difference, close
from disguises import EXAMPLES, Disguise, Gradient, gradients, mutant

from symprop.algebra.expressions import Expr, Index
from symprop.declaration.quantity import Quantity
from symprop.verification import judge
from symprop.verification.report import Line, Session
from symprop.verification.sampling import Sampler

SEED = 20_000
RIGHT = ("proved", "agrees")


@pytest.fixture(scope="module")
def known() -> list[tuple[Gradient, Session]]:
    sessions: dict[str, Session] = {}
    return [(each, sessions.setdefault(each.example, Session(each.network))) for each in gradients()]


def rewrites(known: list[tuple[Gradient, Session]], count: int) -> Iterator[tuple[Gradient, Session, Expr]]:
    for number in range(count):
        gradient, session = known[number % len(known)]
        seed = f"{SEED} {number}"
        dice, disguise = random.Random(seed), Disguise(seed)
        expr = dice.choice(gradient.forms)
        for _ in range(dice.randint(1, 3)):
            expr = disguise.of(expr)
        yield gradient, session, expr


def mutants(known: list[tuple[Gradient, Session]], count: int) -> Iterator[tuple[Gradient, Session, str, Expr]]:
    made = number = 0
    while made < count:
        gradient, session = known[number % len(known)]
        dice = random.Random(f"{SEED} mutant {number}")
        number += 1
        found = mutant(dice.choice(gradient.forms[:2]), gradient, dice)
        if found is not None:
            made += 1
            yield gradient, session, *found


def components(witness: Witness, name: str, nested: Any) -> dict[tuple[int, ...], Fraction]:
    """Return nested lists by the indices of the components: position 0 is the first value of an axis."""
    points = list(witness.components(name))
    lows = [min(places) for places in zip(*points, strict=True)]
    result = {}
    for point in points:
        value = nested
        for place, low in zip(point, lows, strict=True):
            value = value[place - low]
        result[point] = Fraction(value)
    return result


def at_point(gradient: Gradient, line: Line) -> Witness:
    """Return the slow evaluator at the witness of a line; scalars such as eta are inputs there."""
    assert line.witness is not None
    network, given = gradient.network, line.witness.values
    extra = {name: Quantity(name, "input") for name in given if name not in network.quantities}
    network = replace(network, quantities={**network.quantities, **extra})
    slow = Witness(network, line.witness.sizes, {})
    values = {name: components(slow, name, nested) for name, nested in given.items()}
    return Witness(network, line.witness.sizes, values)


def true_value(gradient: Gradient, slow: Witness, entry: Mapping[Index, Fraction]) -> Any:
    by = tuple(int(slow.of(index, entry)) for index in gradient.left.by.indices)
    return central_difference(slow, (gradient.left.of.name, ()), (gradient.left.by.name, by))


def is_confirmed(gradient: Gradient, line: Line, claimed: Expr) -> bool:
    """Whether the claim differs from a difference quotient at the witness, and both are as the witness says."""
    assert line.witness is not None
    slow = at_point(gradient, line)
    entry = {Index(name): Fraction(value) for name, value in line.witness.entry.items()}
    true = true_value(gradient, slow, entry)
    if abs(true - _number(line.witness.true)) > 1e-9 * max(1, abs(true)):
        return False
    try:
        value = slow.of(claimed, entry)
    except OutsideError:
        return line.witness.claimed.startswith("not defined")
    if abs(value - _number(line.witness.claimed)) > 1e-9 * max(1, abs(value)):
        return False
    return not close(value, true)


def _number(text: str) -> Any:
    return Fraction(text) if "/" in text else Fraction(float(text))


def truly_equal(gradient: Gradient, claimed: Expr, in_one_equation: bool = False) -> bool:
    """Whether the claim is a difference quotient at every entry of some random points (away from kinks).

    That of the objective's own equation, all other defined quantities being held, if `in_one_equation`.
    """
    sampler = Sampler(gradient.network, 7)
    for number in range(4):
        point = sampler.draw(8, 1)[number]
        slow = Witness(gradient.network, point.sizes, point.values)  # type: ignore[arg-type]  # no layer sizes here
        if in_one_equation:
            slow.cut = {
                (name, at): slow.read(name, at)
                for name in {equation.name for equation in gradient.network.equations} - {gradient.left.of.name}
                for at in slow.components(name)
            }
        for at in slow.components(gradient.left.by.name):
            indices = dict(zip(gradient.left.by.indices, map(Fraction, at), strict=True))
            entry = {index: value for index, value in indices.items() if isinstance(index, Index)}
            try:
                if not close(slow.of(claimed, entry), true_value(gradient, slow, entry)):
                    return False
            except UndefinedError:
                continue
            except OutsideError:
                return False
    return True


def judge_rewrites(known: list[tuple[Gradient, Session]], count: int) -> None:
    found: Counter[str | None] = Counter()
    rational: Counter[str | None] = Counter()
    refuted = []
    for gradient, session, expr in rewrites(known, count):
        text = f"{gradient.left} = {expr}"
        (line,) = session.check(text).lines
        found[line.verdict] += 1
        if EXAMPLES[gradient.example].rational:
            rational[line.verdict] += 1
        if line.verdict not in (*RIGHT, "undecided"):
            refuted.append((gradient.example, text, line.verdict, line.error))
    assert not refuted
    assert found["undecided"] <= count / 100, found
    assert rational["proved"] >= 0.7 * sum(rational.values()), rational


def judge_mutants(known: list[tuple[Gradient, Session]], count: int) -> None:
    kinds = Counter[str]()
    wrong: list[tuple[object, ...]] = []
    for gradient, session, kind, expr in mutants(known, count):
        text = f"{gradient.left} = {expr}"
        (line,) = session.check(text).lines
        if line.verdict == "refuted":
            kinds[kind] += 1
            if line.witness is None or not is_confirmed(gradient, line, expr):
                wrong.append((gradient.example, kind, text, "the witness is not confirmed", line.witness))
        elif line.diagnosis is not None and truly_equal(gradient, expr, in_one_equation=True):
            assert line.diagnosis.kind == "convention"  # right as the local partial derivative, and it says so
        elif line.verdict not in RIGHT or not truly_equal(gradient, expr):
            wrong.append((gradient.example, kind, text, line.verdict, line.error or line.reason))
    assert not wrong
    assert sum(kinds.values()) >= 0.8 * count
    assert len(kinds) >= 8


def test_the_gradients_by_hand_are_difference_quotients(known: list[tuple[Gradient, Session]]) -> None:
    for gradient, _ in known:
        assert truly_equal(gradient, gradient.forms[0]), gradient.left


def test_rewrites_of_true_gradients_are_right(known: list[tuple[Gradient, Session]]) -> None:
    judge_rewrites(known, 60)


def test_mutants_of_true_gradients_are_refuted_with_a_witness(known: list[tuple[Gradient, Session]]) -> None:
    judge_mutants(known, 60)


@pytest.mark.slow
def test_a_thousand_rewrites_of_true_gradients_are_right(known: list[tuple[Gradient, Session]]) -> None:
    judge_rewrites(known, 1000)


@pytest.mark.slow
def test_a_thousand_mutants_of_true_gradients_are_refuted(known: list[tuple[Gradient, Session]]) -> None:
    judge_mutants(known, 1000)


def test_the_bound_that_is_printed_is_the_one_that_is_used() -> None:
    session = Session(gradients_of("gaussian").network)
    reason = session.check("D(L, s) = D/s - sum(i, (x[i] - m[i])**2)*s**(-3)").lines[0].reason
    assert "same normal form" in reason or f"1e-{25}" in reason
    assert Fraction(1, 10**25) == judge.AGREEMENT


def gradients_of(name: str) -> Gradient:
    return next(each for each in gradients() if each.example == name)
