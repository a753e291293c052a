"""Is a claim right?  Cheapest argument first, each answering only what it can justify.

1. index names and ranges (`refuted`, free index);
2. the normal form (`proved`), with adjoints by name, then written out, then everything in inputs and parameters;
3. certified arithmetic at exact random points (`refuted` with a witness, or `agrees`).

What none of these settles is `undecided`, with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symprop.algebra.expressions import (
    TRUE,
    ZERO,
    Access,
    Bound,
    Derivative,
    Expr,
    Index,
    Number,
    Size,
    names_of,
    substitute,
    transform,
    walk,
    where,
)
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Quantity
from symprop.derivation.local_partials import expand_functions, local_partial
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation
from symprop.errors import SympropError, ValueOutsideDomainError
from symprop.verification.claims import Claim
from symprop.verification.evaluate import Evaluator, format_number
from symprop.verification.normal_form import Normalizer
from symprop.verification.sampling import Point, Sampler, free_components

# Random points that must all agree before equality is reported.
POINTS = 8

# Two certified values closer than this, relative to their size, count as agreeing at a point; the bound is printed.
AGREEMENT = Fraction(1, 10**25)

# Seconds a single claim may take; beyond, it is undecided with what was found so far.
TIME_LIMIT = 4.0

LARGEST_WRITTEN_OUT = 400  # nodes; a longer expression is left to the numbers


@dataclass(frozen=True)
class Witness:
    """A point at which two sides differ: sizes, values, the entry, and both values there."""

    sizes: Mapping[str, Any]
    values: Mapping[str, Any]
    entry: Mapping[str, int]
    claimed: str
    true: str


@dataclass(frozen=True)
class Verdict:
    """``proved``, ``agrees``, ``refuted`` or ``undecided``, with the reason in words."""

    verdict: str
    reason: str = ""
    witness: Witness | None = None


class Judge:
    """Judges equalities in the names of one network. Derivations are made once and kept."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self.network = network
        self.seed = seed
        self.derivations: dict[Expr, Derivation] = {}
        self.definitions: dict[str, Equation] = {}  # what earlier lines defined

    # Derivatives

    def derivation(self, of: Access) -> Derivation:
        known = self.derivations.get(of)
        if known is None:
            every = tuple(name for name, quantity in self.network.quantities.items() if quantity.role != "constant")
            known = self.derivations[of] = backpropagate(self.network, of, every)
        return known

    def without_operators(self, expr: Expr) -> Expr:
        """Replace D(U, V) and P(U, V) by what the derivation says, adjoints by name."""

        def rule(node: Expr) -> Expr:
            if not isinstance(node, Derivative):
                return node
            if node.kind == "P":
                return self.local(node)
            return self.adjoint(node)

        return transform(expr, rule)

    def local(self, node: Derivative) -> Expr:
        total: Expr = ZERO
        for equation in self.network.definitions.get(node.of.name, ()):
            aligned = aligned_to(equation, node.of)
            if aligned is not None:
                total = total + local_partial(aligned, node.by, self.network)
        return total

    def adjoint(self, node: Derivative) -> Expr:
        derivation = self.derivation(node.of)
        adjoint = derivation.adjoints.get(node.by.name)
        if adjoint is None:
            return ZERO
        seeds = len(adjoint.access.indices) - len(node.by.indices)
        own = dict(zip(adjoint.access.indices[seeds:], node.by.indices, strict=True))
        return substitute(adjoint.textbook, own)

    # Forms that are compared

    def forms(self, difference: Expr) -> Iterator[Expr]:
        """Yield the difference in more and more elementary names: adjoints written out, then forward values."""
        yield difference
        written = self.adjoints_written_out(difference)
        if written is not None and written is not difference:
            difference = written
            yield difference
        for equation in reversed(self.network.equations):
            if equation.name not in names_of(difference) or self.is_recurrent(equation.name):
                continue
            following = self.definition_written_out(difference, equation.name)
            if following is None or size_of(following) > LARGEST_WRITTEN_OUT:
                return
            difference = following
            yield difference

    def is_recurrent(self, name: str) -> bool:
        return any(self.network.is_recurrent(group) for group in self.network.groups if name in group)

    def adjoints_written_out(self, expr: Expr) -> Expr | None:
        by_name = {a.access.name: a for d in self.derivations.values() for a in d.adjoints.values()}
        for _ in range(200):
            waiting = [node for node in walk(expr) if isinstance(node, Access) and node.name in by_name]
            waiting = [node for node in waiting if node.name not in self.network.quantities]
            if not waiting:
                return expr
            if size_of(expr) > LARGEST_WRITTEN_OUT or any(self.is_recurrent(by_name[w.name].of) for w in waiting):
                return None
            mapping: dict[Expr, Expr] = {}
            for node in waiting:
                adjoint = by_name[node.name]
                own = dict(zip(adjoint.access.indices, node.indices, strict=True))
                mapping[node] = substitute(adjoint.textbook, own)
            expr = replaced(expr, mapping)
        return None

    def definition_written_out(self, expr: Expr, name: str) -> Expr | None:
        equations = self.network.definitions[name]

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name == name:
                return self.value_of(node, equations) or node
            return node

        result = transform(expr, rule)
        return None if name in names_of(result) else result

    def value_of(self, node: Access, equations: tuple[Equation, ...]) -> Expr | None:
        """The right side that defines one component; None if no single equation does."""
        if len(equations) == 1 and all(isinstance(index, Index) for index in equations[0].target.indices):
            (equation,) = equations
            mapping = dict(zip(equation.target.indices, node.indices, strict=True))
            return substitute(expand_functions(equation.expression, self.network), mapping)
        for equation in equations:
            if equation.target == node:
                return expand_functions(equation.expression, self.network)
        return None

    # The ladder

    def equal(self, left: Expr, right: Expr, claim: Claim) -> Verdict:
        """Judge ``left = right`` for every value of the claim's indices."""
        deadline = time.monotonic() + TIME_LIMIT
        try:
            one, other = self.without_operators(left), self.without_operators(right)
        except SympropError as error:
            return Verdict("undecided", error.message)
        if not claim.point:
            proof = self.prove(one, other, claim, deadline)
            if proof is not None:
                return proof
        return self.compare_numbers(left, right, claim, deadline)

    def prove(self, left: Expr, right: Expr, claim: Claim, deadline: float) -> Verdict | None:
        difference = left - right
        if claim.condition is not TRUE:
            difference = where(claim.condition, difference, ZERO)
        difference = self.with_definitions(difference)
        normalizer = Normalizer(claim.bounds)
        for form in self.forms(difference):
            if time.monotonic() > deadline:
                return None
            if normalizer.vanishes(form):
                return Verdict("proved", "both sides have the same normal form, for all sizes and values")
        return None

    def with_definitions(self, expr: Expr) -> Expr:
        """Write out what earlier lines of the person defined."""

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name in self.definitions:
                equation = self.definitions[node.name]
                mapping = dict(zip(equation.target.indices, node.indices, strict=True))
                return self.with_definitions(substitute(equation.expression, mapping))
            return node

        return transform(expr, rule)

    def compare_numbers(self, left: Expr, right: Expr, claim: Claim, deadline: float) -> Verdict:
        left, right = self.with_definitions(left), self.with_definitions(right)
        agreed, last_error = 0, ""
        for number, evaluator, point in self.evaluators(claim):
            if time.monotonic() > deadline:
                break
            try:
                witness = self.differs_at(left, right, claim, evaluator, point)
            except ValueOutsideDomainError as error:
                last_error = error.message
                continue  # one side is not defined there: no evidence either way
            except SympropError as error:
                return Verdict("undecided", error.message)
            if witness is not None:
                return Verdict("refuted", "the two sides differ at the point given", witness)
            agreed += 1
            if claim.point or agreed >= POINTS:
                break
            del number
        if agreed and (claim.point or agreed >= POINTS // 2):
            where_ = "at the given point" if claim.point else f"at {agreed} random points and sizes"
            return Verdict("agrees", f"equal to within 1e-25, in certified arithmetic, {where_}")
        return Verdict("undecided", last_error or "no point was found at which both sides are defined")

    def evaluators(self, claim: Claim) -> Iterator[tuple[int, Evaluator, Point]]:
        if claim.point:
            yield 0, Evaluator(self.network, None, dict(claim.point)), Point({}, {})
            return
        sampler = Sampler(self.extended(claim), claim.free_scalars, self.seed)
        for number in range(3 * POINTS):
            point = sampler.point(spread=0 if number < POINTS // 2 else 2, positive=number % 3 == 2)
            yield number, Evaluator(self.extended(claim), point.sizes, dict(point.values)), point

    def extended(self, claim: Claim) -> Network:
        """The network with the claim's free scalars as inputs."""
        if not claim.free_scalars:
            return self.network
        extra = {name: Quantity(name, "input") for name in claim.free_scalars}
        return replace(self.network, quantities={**self.network.quantities, **extra})

    def differs_at(
        self, left: Expr, right: Expr, claim: Claim, evaluator: Evaluator, point: Point
    ) -> Witness | None:
        known: dict[Expr, Expr] = {
            Size(name): Number(Fraction(value)) for name, value in evaluator.sizes.items() if isinstance(value, int)
        }
        for indices in free_components(claim.bounds, known):
            if claim.condition is not TRUE and not evaluator.holds(claim.condition, indices):
                continue
            claimed, true = evaluator.ball(right, indices), evaluator.ball(left, indices)
            if differ(claimed, true):
                entry = {index.name: value for index, value in indices.items()}
                return Witness(
                    dict(evaluator.sizes), shown(point), entry, format_number(claimed), format_number(true)
                )
        return None


@dataclass(frozen=True)
class Tolerance:
    """How far two certified values may lie apart and still count as agreeing."""

    relative: Fraction = AGREEMENT
    absolute: Fraction = field(default=AGREEMENT)


def differ(left: Any, right: Any) -> bool:
    """Return whether two certified values certainly differ."""
    from flint import arb, fmpq

    def ball(value: Any) -> Any:
        return arb(fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else value

    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left != right
    difference = ball(left) - ball(right)
    return not difference.contains(0)


def shown(point: Point) -> dict[str, Any]:
    """Return a point's values for people and JSON: exact numbers as strings, components nested by index."""
    result: dict[str, Any] = {}
    for name, components in point.values.items():
        if set(components) == {()}:
            result[name] = str(components[()])
        else:
            result[name] = {",".join(map(str, indices)): str(value) for indices, value in components.items()}
    return result


def aligned_to(equation: Equation, access: Access) -> Equation | None:
    """Return an equation with its indices named as in `access`, or None if it does not define that component."""
    mapping: dict[Expr, Expr] = {}
    for index, wanted in zip(equation.target.indices, access.indices, strict=True):
        if isinstance(index, Index):
            mapping[index] = wanted
        elif index != wanted:
            return None
    bounds = tuple(
        Bound(wanted, bound.lower, bound.upper, bound.written)
        for bound in equation.bounds
        if isinstance(wanted := mapping.get(bound.index, bound.index), Index)
    )
    target = substitute(equation.target, mapping)
    assert isinstance(target, Access)
    return Equation(target, bounds, substitute(equation.expression, mapping), equation.line, equation.text)


def replaced(expr: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    """Replace accesses wherever they stand, also under the reductions that bind their indices."""

    def rule(node: Expr) -> Expr:
        return mapping.get(node, node) if isinstance(node, Access) else node

    return transform(expr, rule)


def size_of(expr: Expr) -> int:
    """Return the number of nodes of an expression."""
    return sum(1 for _ in walk(expr))


__all__ = ["Judge", "Verdict", "Witness"]
