"""Is a claim right?  Cheapest argument first, each answering only what it can justify.

1. a probe in double precision looks for a difference at every entry of a few draws of sizes and points;
2. what it finds is confirmed in certified arithmetic (`refuted`, with a witness that is made small and simple);
3. where it finds none, the normal form is tried (`proved`), with adjoints by name, then written out, then everything
   in inputs and parameters;
4. what is not proved is compared in certified arithmetic at random points (`agrees`, and the bound is said).

What none of these settles is `undecided`, with the reason.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import islice, product
from types import MappingProxyType
from typing import Any, NamedTuple

from symprop.algebra.expressions import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Compare,
    Derivative,
    Expr,
    Index,
    Junction,
    Number,
    Reduction,
    Size,
    Where,
    add,
    compare,
    factors_of,
    free_indices,
    junction,
    mul,
    names_of,
    reduce,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.indices import decide, within
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Axis, Domain, Quantity
from symprop.derivation.local_partials import expand_functions, local_partial
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Adjoint, Derivation
from symprop.errors import DeclarationError, SympropError, ValueOutsideDomainError
from symprop.verification.arithmetic import to_float
from symprop.verification.corners import Corners, jumps, paths, thresholds
from symprop.verification.evaluate import Evaluator, format_number
from symprop.verification.named_parts import other_readers
from symprop.verification.normal_form import Normalizer
from symprop.verification.probe import Probe, TooLargeError
from symprop.verification.sampling import (
    GENTLE,
    RANGES,
    Components,
    Point,
    Sampler,
    default_sizes,
    is_place,
    reads_places,
    size_values,
    with_bodies,
)

# Points of each draw of sizes that a probe looks at, and how many sizes are drawn.
PROBED = 3 * len(RANGES)
DRAWS = 2

# Points at which a condition is tried.
CONDITIONED = 4

# Random points that must all agree in certified arithmetic before equality is reported, and entries at each.
POINTS = 8
ENTRIES = 4

# Two certified values closer than this, relative to their size, count as agreeing at a point; the bound is printed.
AGREEMENT = Fraction(1, 10**25)
AGREEMENT_DIGITS = 27
COMPARED_BITS = 256

# Relative differences above this are not rounding, as a rule; what is found is certified before it is believed.
SUSPICIOUS = 1e-9
SUSPECTS = 4

# Seconds of the processor (a busy machine must not change verdicts) that a single claim may take; beyond, it is
# undecided with what was found so far.
TIME_LIMIT = 2.5
LINE_LIMIT = 4.0  # for all that is asked about one line: conventions, slips, what follows
PROOF_TIME = 0.7
SIMPLER_TIME = 0.5  # for a smaller witness than the one that was found

# A value that changes by more than `JUMP` (relative, from 1 on) when all that is given moves by about `NEAR` jumps.
NEAR = Fraction(1, 10**12)
JUMP = Fraction(1, 10**4)

# How the reason of a claim about a component that does not exist begins.
NO_LEFT_SIDE = "the left side is not defined"

MOST_CORNER_POINTS = 400
MOST_CASES = 6
HEAVY = 800  # given components
MOST_SIZES = 300  # that are tried for the limits of a line
LARGEST_SIZE = 200  # that a number in a condition may ask for

SHORT = 40  # nodes; of an expression that is shown without adjoints
LARGEST_WRITTEN_OUT = 400  # nodes; a longer expression is left to the numbers


@dataclass(frozen=True)
class Witness:
    """A point at which two sides differ.

    Attributes
    ----------
    sizes : mapping of str to int or tuple of int
    values : mapping of str to value
        Nested lists of exact numbers as strings, position 0 being the first value of each axis.
    entry : mapping of str to int
        Values of the free indices.
    claimed, true : str
        Both sides there, exact or to the digits shown.
    """

    sizes: Mapping[str, Any]
    values: Mapping[str, Any]
    entry: Mapping[str, int]
    claimed: str
    true: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        sizes = {name: value if isinstance(value, int) else list(value) for name, value in self.sizes.items()}
        return {
            "sizes": sizes,
            "values": dict(self.values),
            "entry": dict(self.entry),
            "claimed": self.claimed,
            "true": self.true,
        }


@dataclass(frozen=True)
class Verdict:
    """``proved``, ``agrees``, ``refuted`` or ``undecided``, with the reason in words.

    Attributes
    ----------
    verdict : str
    reason : str
        What the verdict rests on.
    witness : Witness, optional
        Of a refuted claim.
    message : str
        What else should be known: domains that differ, a convention.
    outside : str
        The read outside a range that was met, if any.
    by_default : bool
        Whether a refuted claim is right at the sizes that the network states as defaults.
    """

    verdict: str
    reason: str = ""
    witness: Witness | None = None
    message: str = ""
    outside: str = ""
    by_default: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the claim was found right."""
        return self.verdict in ("proved", "agrees")

    @property
    def exit_status(self) -> int:
        """0 right, 1 refuted, 3 undecided."""
        return {"proved": 0, "agrees": 0, "refuted": 1}.get(self.verdict, 3)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "message": self.message,
            "witness": self.witness.to_dict() if self.witness else None,
        }

    def to_text(self) -> str:
        """Return verdict, reason and witness in words."""
        rows = [f"{self.verdict}: {self.reason}."]
        if self.witness is not None:
            at = ", ".join(f"{name} = {value}" for name, value in self.witness.values.items())
            rows.append(
                f"{f'At {at} the' if at else 'The'} left side is {self.witness.true}, the right {self.witness.claimed}."
            )
        if self.message:
            rows.append(self.message)
        return "\n".join(rows)

    def __str__(self) -> str:
        return self.verdict


@dataclass(frozen=True)
class Question:
    """``left = right`` for every value of `bounds` where `condition` holds.

    Attributes
    ----------
    left, right : Expr
        What is true, and what is claimed.
    bounds : tuple of Bound
    condition : Expr
    point : mapping of str to object
        Values that are fixed; empty if for all.
    free : tuple of str
        Scalars that stand for any real number.
    tolerance : Fraction, optional
        One unit of the last digit that a numeric side shows.
    stated_sizes : bool
        Whether sizes are those that the network states, where it states defaults.
    least_sizes : bool
        Whether sizes are 2, where they can be, since tables of larger ones have too many numbers.
    by_convention : bool
        Whether the left side may be a derivative, whose value at a kink is a convention and refutes nothing.
    """

    left: Expr
    right: Expr
    bounds: tuple[Bound, ...] = ()
    condition: Expr = TRUE
    point: Mapping[str, object] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    tolerance: Fraction | None = None
    stated_sizes: bool = False
    least_sizes: bool = False
    by_convention: bool = True

    @property
    def bounds_may_fit(self) -> bool:
        """Whether every index has its own range: limits that a line states may leave no value."""
        return not any(bound.written for bound in self.bounds)

    @property
    def needs_sizes(self) -> bool:
        """Whether components or limits beyond 1 are written as numbers: sizes must have room for them."""
        limits = [limit for bound in self.bounds for limit in bound[1:3]]
        return any(map(reads_places, (self.left, self.right, self.condition))) or any(map(is_place, limits))

    @property
    def has_limits(self) -> bool:
        """Whether a sum on the claimed side ends at a number that may be meant as a size."""
        reductions = [node for node in walk(self.right) if isinstance(node, Reduction)]
        return any(is_place(limit) for node in reductions for bound in node.bounds for limit in bound[1:3])

    @property
    def has_numbers(self) -> bool:
        """Whether a number stands on the claimed side that may be meant as a size."""
        return any(isinstance(node, Number) and abs(node.value) != 1 and node.value for node in walk(self.right))


SizesDrawn = Mapping[str, Any]

# How to make a point, the how manieth it is, meet a condition; a text is the name of a size that is 1.
Condition = Callable[[Point, int], None] | str


@dataclass
class Draw:
    """Points that share their sizes, with everything that has been computed at them."""

    points: tuple[Point, ...]
    probe: Probe
    evaluators: dict[int, Evaluator] = field(default_factory=dict)

    @property
    def is_heavy(self) -> bool:
        """Whether certified arithmetic takes long at its sizes."""
        return sum(map(len, self.points[0].values.values())) > HEAVY


# Values at which powers of negative numbers exist, and functions that round have their steps; there are 6**3 choices of
# three of them, of which every eighteenth tells (x**y)**z from x**(y*z).
WHOLE_AND_HALF = tuple(Fraction(n, 2) for n in (-4, -2, -1, 1, 2, 4))
POINTS_AT_WHOLE_NUMBERS = 64


NO_PARTS: Mapping[str, Equation] = MappingProxyType({})


class Judge:
    """Judges equalities in the names of one network. Derivations, points and their values are made once and kept.

    Parameters
    ----------
    network : Network
    seed : int
        Of sizes and points: the same seed finds the same witness.
    parts : mapping of str to Equation
        Parts of the network that a text has given names.
    """

    def __init__(self, network: Network, seed: int = 0, parts: Mapping[str, Equation] = NO_PARTS) -> None:
        self.original = network
        self.parts = parts
        # Parts with a name that nothing reads: there is no derivative by them.
        self.idle: frozenset[str] = frozenset()
        for _ in parts:  # a part that only such a part reads is one too
            readers = (equation for equation in network.equations if equation.name not in self.idle)
            read = {name for equation in readers for name in names_of(equation.expression)}
            self.idle = frozenset(parts) - read
        self.network = with_bodies(network, seed)  # and later with what the lines define
        self.seed = seed
        self.derivations: dict[str, Derivation] = {}
        self.adjoints: dict[str, Adjoint] = {}  # by their own names, which are unique here
        self.numerators: dict[str, str] = {}  # of what each of them is the derivative
        self.plain: dict[str, Adjoint] = {}  # the same without simplification
        self.inlined: dict[str, Equation] = {}  # definitions of lines that can be written out
        self.draws: dict[Any, list[Draw]] = {}
        self.defaults = default_sizes(network)
        self.slips: dict[Any, Any] = {}  # in true derivations, by what is claimed
        self.marks: dict[int, Expr] = {}  # what their words mention
        self.ticks = 0
        self.until = math.inf  # when the time for the line at hand is up

    def deadline(self, seconds: float) -> float:
        """Return when so many seconds of the processor are over, or the time for the line is."""
        return min(time.thread_time() + seconds, self.until)

    def is_over(self, deadline: float) -> bool:
        """Whether a time is up; the clock is looked at on every eighth call, since looking costs more than a slip."""
        self.ticks += 1
        return self.ticks % 8 == 0 and time.thread_time() > deadline

    # -- derivatives ---------------------------------------------------------------------------------------------

    def derivation(self, name: str) -> Derivation:
        """Return the derivation of every component of a quantity by everything; its adjoints have names of its own."""
        known = self.derivations.get(name)
        if known is None:
            every = tuple(n for n, quantity in self.original.quantities.items() if quantity.role != "constant")
            made = backpropagate(self.original, name, every)
            known = self.derivations[name] = with_seeds_picked(renamed(made, name))
            for adjoint in known.adjoints.values():
                self.adjoints[adjoint.access.name] = adjoint
                self.numerators[adjoint.access.name] = name
            for draw in self.known_draws():
                self.tell(draw, known.adjoints.values())
        return known

    def known_draws(self) -> Iterator[Draw]:
        for draws in self.draws.values():
            yield from draws

    def tell(self, draw: Draw, adjoints: Iterable[Adjoint]) -> None:
        for adjoint in adjoints:
            axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in adjoint.bounds)
            draw.probe.define(adjoint.access, adjoint.bounds, adjoint.expression, axes)
        draw.evaluators.clear()

    def without_operators(self, expr: Expr) -> Expr:
        """Replace D(U, V) and P(U, V) by what the derivation says, adjoints by name."""

        def rule(node: Expr) -> Expr:
            if not isinstance(node, Derivative):
                return node
            return self.local(node) if node.kind == "P" else self.adjoint(node)

        return transform(expr, rule)

    def local(self, node: Derivative) -> Expr:
        """The local partial derivative, from the one equation that defines its numerator."""
        if node.of.name not in self.network.definitions:
            return self.adjoint(node)
        total: Expr = ZERO
        for equation in self.network.definitions[node.of.name]:
            found = aligned_to(equation, node.of)
            if found is None:
                continue
            guard, aligned = found
            if node.by.name in names_of(expand_functions(aligned.expression, self.network)):
                total = total + where(guard, local_partial(aligned, node.by, self.network), ZERO)
        return self.decided(total, node)

    def decided(self, expr: Expr, node: Derivative) -> Expr:
        """Decide the conditions that hold for every value of the indices of a derivative."""
        bounds: dict[Index, Bound] = {}
        for access in (node.of, node.by):
            for index, axis in zip(access.indices, self.network.quantities[access.name].axes, strict=True):
                if isinstance(index, Index) and not free_indices(axis.lower) | free_indices(axis.upper):
                    bounds.setdefault(index, Bound(index, axis.lower, axis.upper))

        def rule(inner: Expr) -> Expr:
            if isinstance(inner, Where):
                return where(decide(inner.condition, bounds.values()), inner.then, inner.otherwise)
            return inner

        return transform(expr, rule)

    def note_on_part(self, part: Equation) -> str:
        """Return what is to be said of a name that a text gives to a part of the network."""
        readers = dict.fromkeys(e.name for e in self.original.equations if part.name in names_of(e.expression))
        if not readers:
            return f"{part.name} is defined here, and no equation of the network has it"
        return f"{part.name} is defined here; the network has it in the equation of {' and of '.join(readers)}"

    def adjoint(self, node: Derivative) -> Expr:
        part = self.parts.get(node.by.name)
        if part is not None and (others := other_readers(self.original, part)) and node.by.name != node.of.name:
            raise DeclarationError(
                f"'{node.by.name}' may stand in the equation of {' and of '.join(others)} in another form",
                hint=f"Write it in the network as an equation, {part.text.strip()}, and read it there by its name.",
            )
        is_part = node.by.name in self.original.quantities and node.by.name not in self.idle
        if not is_part and node.by.name != node.of.name and node.of.name not in self.idle:
            raise DeclarationError(
                f"no equation of the network has what '{node.by.name}' stands for, so nothing follows it",
                hint=f"Name a part as it stands in the network; then dL/d{node.by.name} has a meaning.",
            )
        adjoint = self.derivation(node.of.name).adjoints.get(node.by.name)
        if adjoint is None:
            return ZERO
        return Access(adjoint.access.name, (*node.of.indices, *node.by.indices))

    def raw(self, name: str) -> Expr:
        """Return an adjoint as the plain sum of its terms: nothing cancelled, every stage in sight."""
        if name not in self.plain:
            of = self.numerators[name]
            every = tuple(n for n, quantity in self.original.quantities.items() if quantity.role != "constant")
            made = renamed(backpropagate(self.original, of, every, simplify=False), of)
            self.plain.update({adjoint.access.name: adjoint for adjoint in made.adjoints.values()})
        adjoint, own = self.plain[name], self.adjoints[name]
        mapping = dict(zip(adjoint.access.indices, own.access.indices, strict=True))
        return substitute(adjoint.expression, mapping)

    # -- what is shown -------------------------------------------------------------------------------------------

    def shown(self, expr: Expr) -> str:
        """Return an expression as text, adjoints as derivatives."""

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name in self.adjoints:
                of = self.numerators[node.name]
                seeds = len(self.original.quantities[of].axes)
                by = Access(self.adjoints[node.name].of, node.indices[seeds:])
                return Derivative("D", Access(of, node.indices[:seeds]), by)
            return node

        return str(transform(expr, rule))

    def with_letters(self, text: str, primes: bool = False) -> str:
        """Return a text in which a copy of an index, ``k_1``, is another letter of the same range that it lacks.

        With `primes` a copy for which there is no such letter is ``k'``.
        """
        indices = self.original.indices
        words = re.findall(r"(?<![\w.])[^\W\d]\w*", text)
        chosen: dict[str, str] = {}
        for word in dict.fromkeys(words):
            stem, _, count = word.rpartition("_")
            own = indices.get(Index(stem)) if count.isdigit() else None
            if own is None or word in self.original.quantities or Index(word) in indices:
                continue
            taken = {*words, *chosen.values(), *self.original.quantities}
            letters = (i.name for i, b in indices.items() if (b.lower, b.upper) == (own.lower, own.upper))
            letter = next((name for name in letters if name not in taken), None)
            if letter is not None or primes:
                chosen[word] = letter or stem + "'" * int(count)
        return re.sub(r"(?<![\w.])[^\W\d]\w*", lambda match: chosen.get(match[0], match[0]), text)

    def textbook(self, expr: Expr) -> Expr:
        """Return an expression as people write it: derivatives of functions in terms of their outputs."""
        from symprop.derivation.simplify import Context, apply_rules

        names = names_of(expr)
        read = {name for equation in self.original.equations if equation.name in names for name in (equation.name,)}
        near = tuple(
            equation
            for equation in self.original.equations
            if equation.name in read or names_of(equation.expression) & names
        )
        try:
            return apply_rules(expr, Context(self.original, (), {}, near))
        except SympropError:
            return expr

    def expected(self, left: Expr, question: Question) -> str:
        """Return what is true of a left side: a number where everything is fixed, else its textbook form."""
        if question.point and not self.leaves_open(question) and not question.bounds:
            try:
                evaluator = self.evaluator(self.drawn(question)[0], 0, 0, ())
                return format_number(evaluator.value(self.without_operators(left), {}, digits=12))
            except SympropError:
                pass
        try:
            if isinstance(left, Access) and left.name in self.network.definitions:
                value = self.value_of(left, self.network.definitions[left.name])
                found = value if value is not None else left
            else:
                found = self.without_operators(left)
                if isinstance(left, Derivative) and left.kind == "D" and isinstance(found, Access):
                    found = self.final(found)
                else:
                    written = self.adjoints_written_out(found)
                    short = written is not None and size_of(written) <= SHORT
                    found = self.textbook(written if short and written is not None else found)
            return self.with_letters(self.shown(within_bounds(found, question.bounds)))
        except SympropError:
            return ""

    def final(self, access: Access) -> Expr:
        """Return an adjoint in forward names, or in the adjoints it is made of where that is shorter by far."""
        if access.name not in self.adjoints:
            return access
        adjoint = self.adjoints[access.name]
        own = dict(zip(adjoint.access.indices, access.indices, strict=True))
        one_level = substitute(adjoint.textbook, own)
        written = self.adjoints_written_out(one_level)
        if written is not None and size_of(written) <= max(40, 3 * size_of(one_level)):
            return self.textbook(written)
        return one_level

    # -- forms that are compared ---------------------------------------------------------------------------------

    def forms(self, difference: Expr, left: Expr) -> Iterator[Expr]:
        """Yield the difference in more and more elementary names: adjoints written out, then forward values.

        The derivative on the `left` side comes first, by the one line that defines it: what else the claim reads may
        go by name.
        """
        yield difference
        if isinstance(left, Access) and left.name in self.adjoints:
            adjoint = self.adjoints[left.name]
            own = dict(zip(adjoint.access.indices, left.indices, strict=True))
            for form in dict.fromkeys((adjoint.expression, adjoint.textbook)):
                yield replaced(difference, {left: substitute(form, own)})
        written = self.adjoints_written_out(difference)
        if written is not None and written is not difference:
            difference = written
            yield difference
        for equation in reversed(self.network.equations):
            if equation.name not in names_of(difference) or self.is_recurrent(equation.name):
                continue
            following = self.definition_written_out(difference, equation.name)
            if following is None or size_of(following) > LARGEST_WRITTEN_OUT:
                continue
            difference = following
            yield difference

    def is_recurrent(self, name: str) -> bool:
        return any(self.network.is_recurrent(group) for group in self.network.groups if name in group)

    def adjoints_written_out(self, expr: Expr, textbook: bool = True) -> Expr | None:
        """Return `expr` without adjoints, or None if they are recurrences or it would be too long."""
        for _ in range(200):
            waiting = {node for node in walk(expr) if isinstance(node, Access) and node.name in self.adjoints}
            if not waiting:
                return expr
            if size_of(expr) > LARGEST_WRITTEN_OUT or any(
                self.is_recurrent(self.adjoints[node.name].of) for node in waiting
            ):
                return None
            mapping: dict[Expr, Expr] = {}
            for node in waiting:
                adjoint = self.adjoints[node.name]
                own = dict(zip(adjoint.access.indices, node.indices, strict=True))
                mapping[node] = substitute(adjoint.textbook if textbook else adjoint.expression, own)
            expr = replaced(expr, mapping)
        return None

    def definition_written_out(self, expr: Expr, name: str) -> Expr | None:
        equations = self.network.definitions[name]

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name == name:
                return self.value_of(node, equations) or node
            return node

        result = transform(expr, rule)
        return None if result is expr else result

    def value_of(self, node: Access, equations: tuple[Equation, ...]) -> Expr | None:
        """The right side that defines one component; None if no single equation does."""
        if len(equations) == 1 and all(isinstance(index, Index) for index in equations[0].target.indices):
            (equation,) = equations
            mapping = dict(zip(equation.target.indices, node.indices, strict=True))
            return substitute(expand_functions(equation.expression, self.original), mapping)
        for equation in equations:
            if equation.target == node:
                return expand_functions(equation.expression, self.original)
        return None

    # -- what lines define ---------------------------------------------------------------------------------------

    def define(self, equation: Equation, axes: tuple[Axis, ...]) -> None:
        """Make ``target = expression`` part of the network from here on; operators in it are written out."""
        name = equation.name
        expression = self.without_operators(equation.expression)
        kept = replace(equation, expression=expression)
        quantity = Quantity(name, "defined", axes)
        quantities = {**self.network.quantities, name: quantity}
        self.network = replace(self.network, quantities=quantities, equations=(*self.network.equations, kept))
        self.inlined.pop(name, None)
        self.forget_slips()
        plain = all(isinstance(index, Index) for index in equation.target.indices)
        if plain and len(self.network.definitions[name]) == 1 and name not in names_of(expression):
            self.inlined[name] = kept
        own = self.network.definitions.keys() - self.original.definitions.keys()
        for draw in self.known_draws():
            draw.probe.network = self.network
            draw.probe.define(kept.target, kept.bounds, expression)
            draw.probe.axes[name] = axes
            for each in own:  # one may read another, of which there is more now
                draw.probe.forget(each)
            draw.evaluators.clear()

    def with_definitions(self, expr: Expr) -> Expr:
        """Write out what earlier lines of the person defined."""

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name in self.inlined:
                equation = self.inlined[node.name]
                mapping = dict(zip(equation.target.indices, node.indices, strict=True))
                return self.with_definitions(substitute(equation.expression, mapping))
            return node

        return transform(expr, rule) if self.inlined else expr

    # -- points --------------------------------------------------------------------------------------------------

    def drawn(self, question: Question) -> list[Draw]:
        """Return the draws of sizes and points for a question; if it fixes values, they have those."""
        point, loose = question.point, self.loose(question)
        key = (repr(sorted(point.items())) if point else "", loose, question.least_sizes)
        known = self.draws.get(key)
        if known is None:
            made = self.least_draws(loose) if question.least_sizes and not point else self.new_draws(point, loose)
            known = self.draws[key] = list(made)
        if point or (question.condition is TRUE and question.bounds_may_fit):
            return known
        return self.meeting(question, known)

    def meeting(self, question: Question, usual: list[Draw]) -> list[Draw]:
        """Return draws in which a line claims something: the usual ones, or of sizes and values that its limits ask."""
        key = ("meeting", question.condition, question.bounds, self.loose(question), question.least_sizes)
        if key not in self.draws:
            made: list[Draw] = []
            if not any(self.claims_something(question, draw) for draw in usual):
                made = list(self.made_to_meet(question))
            self.draws[key] = made
        return self.draws[key] or usual

    def claims_something(self, question: Question, draw: Draw) -> bool:
        """Whether a line claims anything at the points of a draw: an entry is in range and its condition holds."""
        import numpy as np

        try:
            return bool(np.isfinite(draw.probe.entries(ONE, question.bounds, question.condition)).any())
        except SympropError:
            return True

    def made_to_meet(self, question: Question) -> Iterator[Draw]:
        """Yield draws that meet the limits of a line, which the usual ones do not."""
        parts = parts_of(question.condition)
        fixed = junction("and", *(part for part in parts if not names_of(part)))
        wanted = [
            node for part in (*parts, *(limit for b in question.bounds for limit in b[1:3])) for node in walk(part)
        ]
        known = self.sampler(question).sizes(0)
        for number, sizes in enumerate(self.sizes_to_meet(wanted, question)):
            if not self.is_met_by_sizes(replace(question, condition=fixed), sizes):
                continue
            if fixed is question.condition:
                yield self.made_draw(self.sampler(question, self.seed + number).draw(PROBED, sizes=sizes))
            else:
                points = self.corner_points((question.condition,), question.bounds, question.free, sizes)
                if points:
                    yield self.made_draw(points)
            if number or sizes == known:
                return

    def sizes_to_meet(self, wanted: Sequence[Expr], question: Question) -> Iterator[SizesDrawn]:
        """Yield sizes near the numbers that stand in the limits of a line, the usual ones first."""
        sampler = self.sampler(question)
        usual = sampler.sizes(0)
        yield usual
        numbers = {int(node.value) for node in wanted if isinstance(node, Number) and abs(node.value) <= LARGEST_SIZE}
        named = dict.fromkeys(node.name for node in wanted if isinstance(node, Size))
        names = [name for name in sampler.free_sizes() if name in named] or sampler.free_sizes()
        near = sorted({1, 2, *(n + step for n in numbers for step in (0, 1, -1) if n + step > 0)})
        rest = _whole({name: usual[name] for name in sampler.free_sizes()})
        choices = [sorted({*near, *(rest[name] for name in names)})] * len(names[:3])
        for chosen in islice(product(*choices), MOST_SIZES):
            sizes = sampler.complete({**rest, **dict(zip(names[:3], chosen, strict=True))})
            if sizes is not None:
                yield sizes

    def is_met_by_sizes(self, question: Question, sizes: SizesDrawn) -> bool:
        """Whether the limits of a line, as far as indices and sizes go, hold somewhere at some sizes."""
        import numpy as np

        try:
            probe = Probe(self.network, sizes, [{}])
            return bool(np.isfinite(probe.entries(ONE, question.bounds, question.condition)).any())
        except (SympropError, ValueError, IndexError):
            return False

    def loose(self, question: Question) -> frozenset[str]:
        """Return the sizes with a default that are drawn all the same: 784 is slow, and no witness to be read."""
        if not self.defaults or question.point or question.stated_sizes or question.needs_sizes:
            return frozenset()
        return self.defaults

    def sampler(self, question: Question, seed: int | None = None) -> Sampler:
        return Sampler(self.network, self.seed if seed is None else seed, self.loose(question))

    def new_draws(self, point: Mapping[str, object], loose: frozenset[str]) -> Iterator[Draw]:
        sampler = Sampler(self.network, self.seed, loose)
        for number in range(1 if point else DRAWS):
            if point:
                sizes, fixed = self.fixed(point)
                points = tuple(replace(p, values={**p.values, **fixed}) for p in sampler.draw(len(RANGES), sizes=sizes))
            else:
                sizes = sampler.sizes(2 + number)
                (first,) = sampler.draw(1, sizes=sizes)
                few = sum(map(len, first.values.values())) > HEAVY  # then fewer points tell as much
                points = sampler.draw(len(RANGES) if few else PROBED, sizes=sizes)
            yield self.made_draw(points)

    def least_draws(self, loose: frozenset[str]) -> Iterator[Draw]:
        """Yield fewer points with sizes of 2 (1 hides too much), one or two of them larger where 2 does not fit."""
        sampler = Sampler(self.network, self.seed, loose)
        names = sampler.free_sizes()
        larger = (
            (one, by, other, more) for by in range(8) for more in range(by + 1) for one in names for other in names
        )
        for one, by, other, more in larger:
            sizes = sampler.complete({name: 2 + by * (name == one) + more * (name == other) for name in names})
            if sizes is not None and min(size for size in sizes.values() if isinstance(size, int)) > 1:
                yield self.made_draw(sampler.draw(len(RANGES), sizes=sizes))
                return

    def gentle(self, question: Question) -> Draw:
        """Return points at which expressions are told by their numbers; if a question fixes values, with those."""
        if question.point or question.least_sizes:
            return self.drawn(question)[0]
        if question.condition is not TRUE or not question.bounds_may_fit:
            met = self.drawn(question)  # of sizes that the limits of the line ask for
            if met is not self.drawn(replace(question, bounds=(), condition=TRUE)):
                return met[0]
        key = ("gentle", self.loose(question))
        if key not in self.draws:
            points = Sampler(self.network, self.seed, key[1]).draw(2 * len(GENTLE), ranges=GENTLE)
            self.draws[key] = [self.made_draw(points)]
        return self.draws[key][0]

    def elsewhere(self, question: Question) -> list[Draw]:
        """Return points like those of `gentle` at two other choices of sizes: what is told of all must hold there too.

        Empty if values are fixed, or there is no size to choose.
        """
        if question.point or question.least_sizes or not self.sampler(question).free_sizes():
            return []
        key = ("elsewhere", self.loose(question))
        if key not in self.draws:
            before = self.gentle(question).points[0].sizes
            made: list[Draw] = []
            for more in (1, 3):
                sampler = self.sampler(question, self.seed + more)
                names = sampler.free_sizes()
                larger: dict[str, int] = {}
                for place, name in enumerate(names):
                    size = before.get(name)
                    larger[name] = (size if isinstance(size, int) else 2) + more + place % 2
                sizes = sampler.complete(larger)
                made.append(self.made_draw(sampler.draw(2, sizes=sizes or sampler.sizes(2 + more), ranges=GENTLE)))
            self.draws[key] = made
        return self.draws[key]

    def made_draw(self, points: tuple[Point, ...]) -> Draw:
        draw = Draw(points, Probe(self.network, points[0].sizes, [each.values for each in points]))
        self.tell(draw, self.adjoints.values())
        return draw

    def fixed(self, point: Mapping[str, object]) -> tuple[Mapping[str, Any], dict[str, Components]]:
        """Return all sizes and the components that a given point fixes; open sizes are drawn."""
        sizes = {name: int(value) for name, value in point.items() if name in self.network.sizes}  # type: ignore[call-overload]
        values = {name: value for name, value in point.items() if name not in sizes}
        try:
            evaluator = Evaluator(self.network, sizes, values)
        except SympropError:
            drawn = Sampler(self.network, self.seed).sizes(2)
            evaluator = Evaluator(self.network, {**drawn, **sizes}, values)
        fixed: dict[str, Components] = {}
        for name in values:
            fixed[name] = {
                indices: value if isinstance(value, Fraction) else Fraction(str(value))
                for indices, value in evaluator.components(name).items()
            }
        return evaluator.sizes, fixed

    def free_value(self, name: str, place: int, number: int) -> Fraction:
        """The value of a free scalar such as eta at one point: positive at some, of either sign at others."""
        draw = random.Random(f"{self.seed} {name} {place} {number}")
        value = Fraction(draw.randint(3, 40), 16)
        return value if number % 4 != 3 else -value

    def with_free(self, draw: Draw, place: int, free: Iterable[str]) -> None:
        import numpy as np

        for name in free:
            if name not in draw.probe.tables or name not in self.network.quantities:
                values = [float(self.free_value(name, place, number)) for number in range(len(draw.points))]
                draw.probe.tables[name] = np.array(values), ()

    def evaluator(self, draw: Draw, place: int, number: int, free: Sequence[str]) -> Evaluator:
        """Return the certified evaluator at one point of a draw; adjoints can be read by name."""
        if not free and number in draw.evaluators:
            draw.evaluators[number].until = self.until
            return draw.evaluators[number]
        network = self.network
        point = draw.points[number]
        values: dict[str, Any] = dict(point.values)
        if free:
            extra = {name: Quantity(name, "input") for name in free}
            network = replace(network, quantities={**network.quantities, **extra})
            values.update({name: {(): self.free_value(name, place, number)} for name in free})
        made = Evaluator(network, point.sizes, values, digits=AGREEMENT_DIGITS)
        made.until = self.until
        for derivation in self.derivations.values():
            made.include(derivation)
        if not free:
            draw.evaluators[number] = made
        return made

    # -- the ladder ----------------------------------------------------------------------------------------------

    def equal(self, question: Question) -> Verdict:
        """Judge one equality."""
        try:
            prepared = self.prepared(question)
            draws = self.drawn(question)  # made once for all claims: not on this one's time
            del draws
            deadline = self.deadline(TIME_LIMIT)
            found = self.search(prepared, deadline)
            if isinstance(found, Verdict) and prepared.has_numbers and self.loose(prepared):
                # A number may be meant as a size: it is right at the sizes stated, which are defaults.
                again = self.search(replace(prepared, stated_sizes=True), self.deadline(TIME_LIMIT))
                found = found if isinstance(again, Verdict) else replace(found, by_default=True)
            if isinstance(found, Verdict):
                return found
            beyond = self.beyond_defaults(prepared, deadline)
            if beyond is not None:
                return replace(beyond, by_default=True)
            at_corner = None if question.point else self.differing_at_corner(prepared)
            if at_corner is None and not question.point:
                at_corner = self.differing_at_root(prepared)
            if at_corner is not None:
                return at_corner
            if not any(self.claims_something(prepared, draw) for draw in self.drawn(prepared)):
                return Verdict("undecided", "no sizes and values were found for which the line claims anything")
            if found.outside_left and not found.both and not question.point:
                why = found.outside_left
                witness = self.undefined(prepared, left=True)
                if witness is not None:
                    witness = replace(witness, true=f"not defined: {why}")
                return Verdict("refuted", f"{NO_LEFT_SIDE}: {why}", witness, outside=why)
            if found.outside:
                witness = None if question.point else self.undefined(prepared)
                return Verdict("refuted", found.outside, witness, outside=found.outside)
            if not question.point:
                proof = self.prove(prepared, min(deadline, time.thread_time() + PROOF_TIME))
                if proof is not None:
                    return replace(proof, message=found.message, outside=found.outside)
            for draw, place, difference in found.postponed:
                wrong = self.certified(prepared, draw, place, difference, deadline)
                if wrong is not None:
                    return wrong
            if not question.point and not question.least_sizes and any(each.is_heavy for each in self.drawn(prepared)):
                return self.certify(replace(prepared, least_sizes=True), question, found, deadline)
            return self.certify(prepared, question, found, deadline)
        except TooLargeError as error:
            if question.least_sizes or question.point:
                return Verdict("undecided", error.message)
            smaller = self.equal(replace(question, least_sizes=True))
            return smaller if smaller.verdict != "undecided" else Verdict("undecided", error.message)
        except RecursionError:
            return Verdict("undecided", "the claim is nested too deeply")
        except SympropError as error:
            return self.proved_alone(question) or Verdict("undecided", error.message)

    def beyond_defaults(self, question: Question, deadline: float) -> Verdict | None:
        """Look for a difference at sizes above their defaults, where numbers as places kept a claim from other sizes.

        ``sum(m = 1..8, ...)`` is right if H is 8, and a default is no fact.
        """
        if not self.defaults or question.point or not question.needs_sizes:
            return None
        if not question.has_limits and not question.has_numbers:
            return None
        key = ("beyond defaults",)
        if key not in self.draws:
            sampler = Sampler(self.network, self.seed, self.defaults)
            values = {name: self.network.sizes[name] for name in self.defaults}
            larger = {name: int(value.value) + 1 for name, value in values.items() if isinstance(value, Number)}
            usual = _whole(sampler.sizes(2))
            sizes = sampler.complete({**{name: usual[name] for name in sampler.free_sizes()}, **larger})
            self.draws[key] = [] if sizes is None else [self.made_draw(sampler.draw(2, sizes=sizes))]
        for draw in self.draws[key]:
            self.with_free(draw, 0, question.free)
            difference = self.probed(question, draw, _Compared())
            found = self.certified(question, draw, 0, difference, deadline)
            if found is not None:
                return found
        return None

    def default_words(self) -> str:
        """Return what the network states of its sizes as defaults, ``H = 8``."""
        return " and ".join(f"{name} = {self.network.sizes[name]}" for name in sorted(self.defaults))

    def proved_alone(self, question: Question) -> Verdict | None:
        """Try a proof where no point can be drawn: a range of a billion, or a fact that no drawn point meets."""
        try:
            deadline = time.thread_time() + PROOF_TIME
            return None if question.point else self.prove(self.prepared(question), deadline)
        except SympropError:
            return None

    def prepared(self, question: Question) -> Question:
        """Return a question without operators."""
        left, right = (self.without_operators(side) for side in (question.left, question.right))
        return replace(question, left=left, right=right)

    def search(self, question: Question, deadline: float) -> Verdict | _Compared:
        """Look for a difference with the probe, and certify what it finds."""
        compared = _Compared()
        for place, draw in enumerate(self.drawn(question)):
            self.with_free(draw, place, question.free)
            difference = self.probed(question, draw, compared)
            if difference.suspects and draw.is_heavy and not question.point:
                # Certified arithmetic is slow at such sizes: the difference is looked for at the smallest, and what
                # may be rounding is looked at once no proof was found.
                witness = self.simpler(question)
                if witness is not None:
                    return Verdict("refuted", "the two sides differ at the point given", witness)
                compared.postponed.append((draw, place, difference))
                continue
            found = self.certified(question, draw, place, difference, deadline)
            if found is not None:
                return found
        return compared

    def certified(
        self, question: Question, draw: Draw, place: int, difference: _Difference, deadline: float
    ) -> Verdict | None:
        """Return the verdict that a difference found with the probe leads to, if it is one."""
        for number, entry in difference.suspects:
            if time.thread_time() > deadline:
                break
            evaluator = self.evaluator(draw, place, number, question.free)
            values = self.values_at(question, evaluator, entry)
            if values is None or not differ(*values, question.tolerance):
                continue
            free = {name: self.free_value(name, place, number) for name in question.free}
            if (
                question.point
                or not question.by_convention
                or not self.is_at_kink(question, draw.points[number], free, entry)
            ):
                return self.refuted(question, draw, place, number, entry, values)
        return None

    def differing_at_corner(self, question: Question) -> Verdict | None:
        """Look for a difference where a condition of either side turns, and close by."""
        for draw in self.corner_draws(question):
            self.with_free(draw, 0, question.free)
            try:
                suspects = self.probed(question, draw, _Compared()).suspects
            except TooLargeError:
                continue
            for number, entry in suspects:
                values = self.values_at(question, self.evaluator(draw, 0, number, question.free), entry)
                if values is None or not differ(*values, question.tolerance):
                    continue
                here = {name: self.free_value(name, 0, number) for name in question.free}
                if not question.by_convention or not self.is_at_kink(question, draw.points[number], here, entry):
                    return self.refuted(question, draw, 0, number, entry, values)
        return None

    def differing_at_root(self, question: Question) -> Verdict | None:
        """Look for a difference where ``exp(x) == 3`` holds, in a claim that takes this case: there is such a point.

        It may be no rational number: both sides are compared next to it, the claimed one in the case.
        """
        left, right = question.left, self.with_definitions(question.right)
        read = (right,) if question.by_convention else (left, right)
        cases = [n for e in read for n in walk(e) if isinstance(n, Compare) and n.operator in ("==", "!=")]
        cases = [case for case in dict.fromkeys(cases) if names_of(case) and not names_of(case) & set(question.free)]
        for case, seed in product(cases[:MOST_CASES], range(2)):
            setting = self.corner_setting((left, right), question.bounds, seed=seed)
            if free_indices(case) - set(setting.indices):
                continue
            taken = partial(_decided, case)
            in_case = replace(question, left=transform(left, taken), right=transform(right, taken), tolerance=None)
            found = self.differing_near(case, setting, question, in_case)
            if found is not None:
                return Verdict("refuted", "the two sides differ at the point given", found)
        return None

    def differing_near(self, case: Compare, setting: _Setting, question: Question, in_case: Question) -> Witness | None:
        """Return a point next to which a case holds and both sides differ in it."""
        difference = case.left - case.right
        corners = Corners(self.network, setting.indices, self.movable(difference, setting))
        free = {each: Fraction(1, 2) for each in question.free}
        entry = {bound.index: setting.indices[bound.index] for bound in question.bounds}
        for name, at, near in islice(corners.roots(difference, setting.base), MOST_CASES):
            if not self.is_inside(near, setting.sampler, setting.known):
                continue
            values = self.values_at(in_case, self.evaluator_at(near, free), entry)
            if values is None or (question.by_convention and self.is_at_kink(question, near, free, entry)):
                continue
            claimed, true = map(as_ball, values)
            if bool(abs(claimed - true) > as_ball(JUMP) * (1 + abs(true))):
                witness = self.witness(near, free, entry, values)
                components: dict[tuple[int, ...], Any] = dict(near.values[name])
                components[at] = f"{float(components[at]):.12g}, where {self.shown(case.left)} == {case.right}"
                known = {**witness.values, name: nested(components)}
                shown = [f"{to_float(value):.12g}" for value in values]
                return replace(witness, values=known, claimed=shown[0], true=shown[1])
        return None

    def corner_draws(self, question: Question) -> Iterator[Draw]:
        """Yield points at the corners of a claim, of the network, and on both sides of limits on sizes and indices."""
        own = self.at_corners(question)
        if own is not None:
            yield own
        key = ("corners of the network", self.loose(question))
        if key not in self.draws:
            cases = [
                equation
                for equation in self.original.equations
                if any(isinstance(node, Where) and names_of(node.condition) for node in walk(equation.expression))
            ]
            bounds = [bound for equation in cases for bound in equation.bounds]
            points = self.corner_points([equation.expression for equation in cases], bounds, ())
            self.draws[key] = [self.made_draw(points)] if points else []
        yield from self.draws[key]
        if self.has_kinks(question):
            yield self.at_simple_corners(question)
        yield from self.at_ends(question)
        written = (question.left, self.with_definitions(question.right))
        if jumps((*written, *(equation.expression for equation in self.original.equations))):
            # (x**2)**c is x**(2*c) at every positive x, and floor(x) + floor(-x) is -1 between whole numbers.
            key = ("whole numbers", self.loose(question))
            if key not in self.draws:
                sampler = self.sampler(question)
                sizes = sampler.sizes(0)
                whole = tuple(sampler.simple_point(sizes, WHOLE_AND_HALF) for _ in range(POINTS_AT_WHOLE_NUMBERS))
                self.draws[key] = [self.made_draw(whole)]
            yield from self.draws[key]
        for compare_ in thresholds((question.left, self.with_definitions(question.right))):
            yield from self.beyond(compare_, question)

    def at_simple_corners(self, question: Question) -> Draw:
        """Return points of values at which most functions with kinks have them."""
        key = ("simple corners", self.loose(question))
        if key not in self.draws:
            sampler = self.sampler(question)
            sizes = sampler.sizes(0)
            numbers = tuple(Fraction(n) for n in (0, 0, 1, -1))
            points = tuple(sampler.simple_point(sizes, numbers[: 1 + n]) for n in range(4) for _ in range(2))
            self.draws[key] = [self.made_draw(points)]
        (draw,) = self.draws[key]
        self.with_free(draw, 0, question.free)
        return draw

    def at_ends(self, question: Question) -> Iterator[Draw]:
        """Yield points at the ends of the domains that the network states, where a claim compares anything."""
        if not any(
            isinstance(node, Compare) and names_of(node) for node in walk(self.with_definitions(question.right))
        ):
            return
        key = ("ends of domains", self.loose(question))
        if key not in self.draws:
            sampler = self.sampler(question)
            points = [sampler.at_end(point, upper) for point in sampler.draw(4, 0) for upper in (False, True)]
            made = tuple(point for point in points if point is not None)
            self.draws[key] = [self.made_draw(made)] if made else []
        yield from self.draws[key]

    def beyond(self, threshold: Expr, question: Question) -> Iterator[Draw]:
        """Yield points with sizes for which a comparison of sizes and indices holds, and some for which it does not."""
        bounds = [*question.bounds, *(b for n in walk(question.right) if isinstance(n, Reduction) for b in n.bounds)]
        if free_indices(threshold) - {bound.index for bound in bounds}:
            return
        bounds = [bound for bound in bounds if bound.index in free_indices(threshold)]
        for condition in (threshold, junction("not", threshold)):
            key = ("beyond", condition, tuple(bounds), self.loose(question))
            if key not in self.draws:
                asked = Question(ONE, ONE, tuple(bounds), condition)
                sizes = next(
                    (
                        sizes
                        for sizes in self.sizes_to_meet(list(walk(threshold)), question)
                        if self.is_met_by_sizes(asked, sizes)
                    ),
                    None,
                )
                self.draws[key] = [] if sizes is None else [self.made_draw(self.sampler(question).draw(2, sizes=sizes))]
            yield from self.draws[key]

    def at_corners(self, question: Question) -> Draw | None:
        """Return points at which a condition of either side turns, and close by; None if nothing does."""
        points = self.corner_points(
            (question.left, self.with_definitions(question.right), question.condition), question.bounds, question.free
        )
        if not points:
            return None
        draw = self.made_draw(points)
        self.with_free(draw, 0, question.free)
        return draw

    def corner_points(
        self, sides: Sequence[Expr], bounds: Sequence[Bound], free: Sequence[str], sizes: SizesDrawn | None = None
    ) -> tuple[Point, ...]:
        """Return points at which a condition in `sides` turns, and close by."""
        found = paths(sides)
        if not found:
            return ()
        setting = self.corner_setting(sides, bounds, sizes)
        indices, base = setting.indices, setting.base
        points: list[Point] = []
        for path in found:
            differences = [corner.difference for corner in path]
            if any(free_indices(one) - set(indices) or names_of(one) & set(free) for one in differences):
                continue
            movable = self.movable(add(*differences), setting)
            try:
                found_ = Corners(self.network, indices, movable).points(path, base)
                points += (point for point in found_ if self.is_inside(point, setting.sampler, setting.known))
            except SympropError:
                continue
            if len(points) >= MOST_CORNER_POINTS:
                break
        return tuple(points[:MOST_CORNER_POINTS])

    def corner_setting(
        self, sides: Sequence[Expr], bounds: Sequence[Bound], sizes: SizesDrawn | None = None, seed: int = 0
    ) -> _Setting:
        """Return the point from which corners of `sides` are looked for, with the least values of all indices."""
        sampler = self.sampler(Question(sides[0], ZERO), self.seed + seed)
        base = sampler.simple_point(sampler.sizes(0) if sizes is None else sizes, SIMPLE_NUMBERS[-1])
        known = size_values(base.sizes, self.network)
        bounds = [*bounds, *(b for side in sides for n in walk(side) if isinstance(n, Reduction) for b in n.bounds)]
        indices = dict(zip((b.index for b in bounds), lowest_of(bounds, known), strict=True))
        return _Setting(sampler, base, known, indices)

    def movable(self, difference: Expr, setting: _Setting) -> list[str]:
        """Return the given quantities that an expression depends on and that may have any value of an interval."""
        behind = self.names_behind(Question(difference, ZERO))
        behind -= {name for fact in self.original.facts for name in names_of(fact.left) | names_of(fact.right)}
        quantities = self.original.quantities
        return [
            name
            for name in setting.base.values
            if name in behind and not quantities[name].integer and not is_finite_domain(quantities[name].domain)
        ]

    def is_inside(self, point: Point, sampler: Sampler, known: Mapping[Expr, Expr]) -> bool:
        """Whether the values of a point lie in the domains that the network states."""
        for name, components in point.values.items():
            domain = self.original.quantities[name].domain
            if domain is not None and not all(sampler.lies_in(v, domain, known) for v in components.values()):
                return False
        return True

    def probed(self, question: Question, draw: Draw, compared: _Compared) -> _Difference:
        """Compare both sides in double precision at every entry and point of a draw."""
        import numpy as np

        probe = draw.probe
        probe.outside.clear()
        probe.memo.clear()
        left = probe.entries(question.left, question.bounds, question.condition)
        outside_left = list(probe.outside)
        right = probe.entries(question.right, question.bounds, question.condition)
        # The table of what a line defined may have components without a value that this claim does not read.
        if len(probe.outside) > len(outside_left) and bool((np.isfinite(left) & ~np.isfinite(right)).any()):
            compared.outside = read_plainly(probe.outside[-1])
        if outside_left:
            compared.outside_left = read_plainly(outside_left[-1])
        compared.add(left, right)
        with np.errstate(all="ignore"):
            both = np.isfinite(left) & np.isfinite(right)
            size = np.maximum(np.abs(left), np.abs(right))
            distance = np.where(both, np.abs(left - right), 0.0)
            if question.tolerance is not None:
                suspicious = distance > to_float(question.tolerance)
            else:
                suspicious = distance > SUSPICIOUS * size
            if question.point:
                suspicious |= ~both  # beyond the range of doubles the exact numbers decide
            if not suspicious.any():
                return _Difference(())
            typical = np.median(size[both]) if both.any() else 1.0
            rank = np.where(suspicious, distance / (size + 1e-6 * typical + 1e-300), -1.0)
        # The clearest differences first, one point after another, so that one bad point cannot use up the tries.
        order = np.argsort(rank, axis=None)[::-1][:200]
        suspects: list[tuple[int, dict[Index, int]]] = []
        seen: set[int] = set()
        for flat in order:
            *entry, number = (int(n) for n in np.unravel_index(flat, rank.shape))
            if rank.flat[flat] <= 0 or len(suspects) == SUSPECTS:
                break
            if number in seen and len(seen) < SUSPECTS - 1 and len(order) > 50:
                continue
            seen.add(number)
            suspects.append((number, self.entry_of(question.bounds, entry, draw)))
        return _Difference(tuple(suspects))

    def entry_of(self, bounds: Sequence[Bound], places: Sequence[int], draw: Draw) -> dict[Index, int]:
        """Return the values of the indices at an entry of a probed array."""
        result: dict[Index, int] = {}
        known = size_values(draw.points[0].sizes, self.network)
        for bound, place, low in zip(bounds, places, lowest_of(bounds, known), strict=True):
            result[bound.index] = low + place
        return result

    def values_at(self, question: Question, evaluator: Evaluator, entry: Mapping[Index, int]) -> tuple[Any, Any] | None:
        """Return (claimed, true) in certified arithmetic; None where one of them is not defined."""
        try:
            if question.condition is not TRUE and not evaluator.holds(question.condition, entry):
                return None
            return evaluator.ball(question.right, entry), evaluator.ball(question.left, entry)
        except ValueOutsideDomainError:
            return None
        except SympropError:
            return None

    def refuted(
        self,
        question: Question,
        draw: Draw,
        place: int,
        number: int,
        entry: Mapping[Index, int],
        values: tuple[Any, Any],
    ) -> Verdict:
        point = draw.points[number]
        free = {name: self.free_value(name, place, number) for name in question.free}
        witness = self.witness(point, free, entry, values)
        if not question.point:
            witness = self.simpler(question) or witness
        return Verdict("refuted", "the two sides differ at the point given", witness)

    def witness(
        self, point: Point, free: Mapping[str, Fraction], entry: Mapping[Index, int], values: tuple[Any, Any]
    ) -> Witness:
        shown = {name: nested(components) for name, components in point.values.items()}
        shown.update({name: str(value) for name, value in free.items()})
        claimed, true = map(shown_number, values)
        return Witness(dict(point.sizes), shown, {i.name: n for i, n in entry.items()}, claimed, true)

    def simpler(self, question: Question) -> Witness | None:
        """Return a witness with the smallest sizes and simplest numbers that show the difference, if one is found."""
        import numpy as np

        deadline = self.deadline(SIMPLER_TIME)
        for sizes in small_sizes(self.sampler(question).free_sizes()):
            for choices in SIMPLE_NUMBERS:
                if time.thread_time() > deadline:
                    return None
                try:
                    draw = self.simple_draw(question, sizes, choices)
                    if draw is None:
                        break
                    for name in question.free:
                        draw.probe.tables[name] = np.full((len(draw.points),), 0.5), ()
                    suspects = self.probed(question, draw, _Compared()).suspects
                    free = {name: Fraction(1, 2) for name in question.free}
                    for number, entry in suspects:
                        point = draw.points[number]
                        values = self.values_at(question, self.evaluator_at(point, free), entry)
                        if values is None or not differ(*values, question.tolerance):
                            break
                        if not question.by_convention or not self.is_at_kink(question, point, free, entry):
                            return self.witness(point, free, entry, values)
                except SympropError:
                    continue
        return None

    def simple_draw(self, question: Question, sizes: Mapping[str, int], choices: Sequence[Fraction]) -> Draw | None:
        """Return points for people, made once for each choice of sizes and numbers; None if the sizes do not fit."""
        loose = self.loose(question)
        key = (tuple(sizes.items()), choices, loose)
        if key not in self.draws:
            sampler = Sampler(self.network, self.seed, loose)
            complete = sampler.complete(sizes)
            several = 4 if len(choices) > 1 else 1
            points = () if complete is None else tuple(sampler.simple_point(complete, choices) for _ in range(several))
            self.draws[key] = [self.made_draw(points)] if points else []
        return next(iter(self.draws[key]), None)

    def is_at_kink(
        self, question: Question, point: Point, free: Mapping[str, Fraction], entry: Mapping[Index, int]
    ) -> bool:
        """Whether the true side jumps at a point: a derivative there is a convention, and refutes nothing."""
        if not self.has_kinks(question):
            return False
        try:
            here = as_ball(self.evaluator_at(point, free).ball(question.left, entry))
            for step in (NEAR, -NEAR):
                moved = {
                    name: components
                    if self.network.quantities[name].integer
                    else {at: value + step * _speed(name, at) for at, value in components.items()}
                    for name, components in point.values.items()
                }
                near = self.evaluator_at(replace(point, values=moved), free).ball(question.left, entry)
                if bool(abs(as_ball(near) - here) > as_ball(JUMP) * (1 + abs(here))):
                    return True
        except SympropError:
            return False
        return False

    def undefined(self, question: Question, left: bool = False) -> Witness | None:
        """Return a simple point at which one side has a value and the other reads outside a range.

        That is the claimed side; the true one, if `left`.
        """
        import numpy as np

        sampler = self.sampler(question)
        for sizes in small_sizes(sampler.free_sizes()):
            complete = sampler.complete(sizes)
            if complete is None:
                continue
            points = tuple(sampler.simple_point(complete, choices) for choices in SIMPLE_NUMBERS)
            draw = self.made_draw(points)
            self.with_free(draw, 0, question.free)
            outer, inner = (question.left, question.right) if left else (question.right, question.left)
            known = draw.probe.entries(inner, question.bounds, question.condition)
            draw.probe.outside.clear()
            unknown = draw.probe.entries(outer, question.bounds, question.condition)
            if not draw.probe.outside:
                continue
            why = f"not defined: {read_plainly(draw.probe.outside[0])}"
            for flat in np.flatnonzero(np.isnan(unknown) & np.isfinite(known)):
                *places, number = (int(n) for n in np.unravel_index(flat, known.shape))
                entry = self.entry_of(question.bounds, places, draw)
                value = self.evaluator_at(points[number], {}).ball(inner, entry)
                witness = self.witness(points[number], {}, entry, (value, value))
                return replace(witness, true=why) if left else replace(witness, claimed=why)
        return None

    def evaluator_at(self, point: Point, free: Mapping[str, Fraction]) -> Evaluator:
        network = self.network
        values: dict[str, Any] = dict(point.values)
        if free:
            extra = {name: Quantity(name, "input") for name in free}
            network = replace(network, quantities={**network.quantities, **extra})
            values.update({name: {(): value} for name, value in free.items()})
        made = Evaluator(network, point.sizes, values, digits=AGREEMENT_DIGITS)
        made.until = self.until
        for derivation in self.derivations.values():
            made.include(derivation)
        return made

    def prove(self, question: Question, deadline: float) -> Verdict | None:
        difference = question.left - question.right
        if question.condition is not TRUE:
            difference = where(question.condition, difference, ZERO)
        difference = self.with_definitions(difference)
        sizes = stated_sizes(question.condition, self.network)
        bounds = tuple(bound._replace(upper=substitute(bound.upper, sizes)) for bound in question.bounds)
        # With functions as atoms first, which is cheap; then with everything in exponentials.
        for atoms in (True, False):
            normalizer = Normalizer(bounds, deadline=deadline, atoms=atoms)
            for form in self.forms(difference, question.left):
                if time.thread_time() > deadline:
                    return None
                if normalizer.vanishes(substitute(form, sizes) if sizes else form):
                    return Verdict("proved", "both sides have the same normal form, for all sizes and values")
        return None

    def certify(self, question: Question, asked: Question, found: _Compared, deadline: float) -> Verdict:
        """Compare in certified arithmetic at random points; `asked` is the question with its operators."""
        agreed, undefined, last = 0, 0, ""
        shows = not question.least_sizes  # two sides that are 0 everywhere at such sizes may differ at others
        draws = self.drawn(question)
        random_ = random.Random(self.seed)
        for number in range(len(draws) * PROBED):
            if agreed >= POINTS or number // len(draws) >= min(len(draw.points) for draw in draws):
                break
            if time.thread_time() > deadline:
                last = "the time for one claim ran out"
                break
            place = number % len(draws)
            draw, at = draws[place], number // len(draws)
            evaluator = self.evaluator(draw, place, at, question.free)
            compared = 0
            for entry in self.some_entries(question, draw, random_):
                try:
                    if question.condition is not TRUE and not evaluator.holds(question.condition, entry):
                        continue
                    claimed, true = evaluator.value(question.right, entry), evaluator.value(question.left, entry)
                except ValueOutsideDomainError as error:
                    undefined, last = undefined + 1, error.message
                    continue
                except SympropError as error:
                    last = error.message
                    continue
                if differ(claimed, true, question.tolerance):
                    return self.refuted(question, draw, place, at, entry, (claimed, true))
                if not close(claimed, true, question.tolerance):
                    last = "the precision was not enough to tell the two sides apart"
                    continue
                compared += 1
                shows = shows or bool(as_ball(true) != 0)
            agreed += compared > 0
        everything = question.point and not self.leaves_open(question)
        if agreed and shows and (question.point or agreed >= POINTS // 2):
            bound = (
                "1e-25" if question.tolerance is None else f"{float(question.tolerance):g}, one unit of the last digit"
            )
            where_ = "at the given point" if everything else f"at {agreed} random points and sizes"
            return Verdict(
                "agrees",
                f"equal to within {bound} {where_}, in certified arithmetic",
                None,
                found.message,
                found.outside,
            )
        return Verdict("undecided", last or "no point was found at which both sides are defined", outside=found.outside)

    # -- other questions -----------------------------------------------------------------------------------------

    def forget_definitions(self) -> None:
        """Return to the network as declared: another text starts."""
        known = with_bodies(self.original, self.seed)
        if set(known.quantities) == set(self.network.quantities) and not self.inlined:
            return
        own = self.network.quantities.keys() - known.quantities.keys()
        self.network = known
        self.inlined.clear()
        # Points stay; those that were made for the limits of a line may have been made with its names.
        self.draws = {key: draws for key, draws in self.draws.items() if key[0] not in ("meeting", "beyond")}
        for draw in self.known_draws():
            draw.probe.network = known
            for name in own:
                draw.probe.undefine(name)
            draw.probe.memo.clear()
            draw.evaluators.clear()
        self.forget_slips()

    def forget_slips(self, beyond: int = -1) -> None:
        """Let slips go that were made in true derivations, if their words mention more than so many expressions."""
        if len(self.marks) > beyond:
            self.slips.clear()
            self.marks.clear()

    def fill_raw(self, *sides: Expr) -> None:
        """Make sure that every adjoint that is named has its plain form."""
        for name in list(self.adjoints):
            self.raw(name)

    def descends(self, question: Question) -> tuple[Verdict, bool, str]:
        """Judge a step, the right side, by the way downhill, the left side.

        Returns
        -------
        Verdict
            Whether it goes downhill at every probed point.
        bool
            If not, whether it goes uphill at every one.
        str
            Its direction: ``along`` the way downhill, times one number; along it with an ``other length`` at every
            point; else ``askew``.
        """
        import numpy as np

        prepared = self.prepared(question)
        inner = where(question.condition, prepared.left * prepared.right, ZERO)
        product = reduce("sum", question.bounds, inner)
        agreed = uphill = 0
        witness: Witness | None = None
        is_along, is_constant, has_rates = True, True, self.has_rates()
        small = {name: Fraction(1, 64) for name in question.free}  # rates are positive, and small
        for draw in self.drawn(question):
            draw.probe.memo.clear()
            for name in question.free:
                draw.probe.tables[name] = np.full((len(draw.points),), 1 / 64), ()
            try:
                values = draw.probe.entries(product, ())
                down, step = (
                    draw.probe.entries(side, question.bounds, question.condition).reshape(-1, len(draw.points))
                    for side in (prepared.left, prepared.right)
                )
            finally:
                for name in question.free:
                    draw.probe.tables.pop(name, None)
            with np.errstate(all="ignore"):
                dot, downs, steps = np.nansum(down * step, 0), np.nansum(down**2, 0), np.nansum(step**2, 0)
                told = np.isfinite(dot) & (downs > 0) & (steps > 0)
                is_along = is_along and bool((dot[told] ** 2 >= (1 - SUSPICIOUS) * downs[told] * steps[told]).all())
                ratio = (dot / downs)[told]  # sizes are the same within a draw
                is_constant = is_constant and bool(np.ptp(ratio) <= 1e-6 * np.abs(ratio).max() if len(ratio) else True)
            for number, value in enumerate(np.asarray(values).ravel()):
                if not np.isfinite(value) or value == 0:
                    continue
                if value > 0:
                    agreed += 1
                elif uphill < SUSPECTS:
                    evaluator = self.evaluator_at(draw.points[number], small)
                    certain = evaluator.ball(product, {})
                    if differ(certain, Fraction(0)) and bool(as_ball(certain) < 0):
                        uphill += 1
                        if witness is None:
                            along = format_number(certain)
                            values_ = {n: nested(c) for n, c in draw.points[number].values.items()}
                            values_.update(dict.fromkeys(question.free, "1/64"))
                            witness = Witness(dict(draw.points[number].sizes), values_, {}, along, "positive")
                else:
                    uphill += 1
        direction = "askew" if not is_along else "along" if is_constant or has_rates else "other length"
        if uphill:
            return Verdict("refuted", "the step goes the wrong way at the point given", witness), agreed == 0, direction
        if agreed:
            why = f"the step goes the right way at {agreed} random points, for a small rate"
            return Verdict("agrees", why), False, direction
        return Verdict("undecided", "no point was found at which the step can be told"), False, direction

    def has_rates(self) -> bool:
        """Whether the network has hyperparameters, which differ from point to point as rates do."""
        return any(quantity.role == "hyperparameter" for quantity in self.network.quantities.values())

    def looks_right(self, question: Question) -> bool:
        """Whether both sides have the same numbers at ordinary points."""
        import numpy as np

        draw = self.gentle(question)
        self.with_free(draw, 0, question.free)
        draw.probe.memo.clear()
        prepared = self.prepared(question)
        left = draw.probe.entries(prepared.left, question.bounds, question.condition)
        right = draw.probe.entries(self.with_definitions(prepared.right), question.bounds, question.condition)
        both = np.isfinite(left) & np.isfinite(right)
        size = np.maximum(np.abs(left), np.abs(right))
        return bool(both.any() and (np.abs(left - right)[both] <= 1e-8 * size[both] + 1e-12).all())

    def holds_inside(self, question: Question) -> bool:
        """Whether both sides agree wherever nothing is read outside its range."""
        import numpy as np

        prepared = self.prepared(question)
        for place, draw in enumerate(self.drawn(question)):
            self.with_free(draw, place, question.free)
            draw.probe.memo.clear()
            left = draw.probe.entries(prepared.left, question.bounds, question.condition)
            right = draw.probe.entries(prepared.right, question.bounds, question.condition)
            both = np.isfinite(left) & np.isfinite(right)
            size = np.maximum(np.abs(left), np.abs(right))
            if not both.any() or (np.abs(left - right)[both] > SUSPICIOUS * size[both] + 1e-13).any():
                return False
        return True

    def kink_convention(self, question: Question) -> Any:
        """Return a diagnosis if a right claim takes another value at a kink, where the derivative is a convention."""
        from symprop.verification.diagnose import Diagnosis

        if question.point or not self.has_kinks(question):
            return None
        prepared = self.prepared(question)
        try:
            for at in (self.at_simple_corners(prepared), self.at_corners(prepared)):
                suspects = () if at is None else self.probed(prepared, at, _Compared()).suspects
                for number, entry in suspects:
                    assert at is not None
                    evaluator = self.evaluator(at, 0, number, question.free)
                    values = self.values_at(prepared, evaluator, entry)
                    if values is not None and differ(*values):
                        return Diagnosis(
                            "convention",
                            "Right except at the kink, where there is no derivative: your line gives "
                            f"{format_number(values[0])} there, and this program uses {format_number(values[1])}.",
                        )
        except SympropError:
            return None
        return None

    def has_kinks(self, question: Question) -> bool:
        from symprop.algebra.expressions import Call, Where
        from symprop.algebra.functions import FUNCTIONS

        def kinked(node: Expr) -> bool:
            if isinstance(node, Where):
                return any(isinstance(inner, Access) for inner in walk(node.condition))
            if isinstance(node, Call):
                row = FUNCTIONS.get(node.function)
                return node.function in ("max", "min") or (row is not None and bool(row.kinks))
            return False

        names = self.names_behind(question)
        expressions = [e.expression for e in self.network.equations if e.name in names]
        return any(kinked(node) for expr in (question.right, *expressions) for node in walk(expr))

    def domains(self, question: Question) -> str:
        """Return a sentence if there are points where only one side is defined."""
        import numpy as np

        found: dict[str, str] = {}
        for draw in self.drawn(question):
            left = draw.probe.entries(question.left, ())
            right = draw.probe.entries(question.right, ())
            for name, other, one, two in (("left", "right", left, right), ("right", "left", right, left)):
                alone = np.flatnonzero(np.isfinite(one) & np.isnan(two))
                for number in alone[:3]:
                    evaluator = self.evaluator(draw, 0, int(number), ())
                    undefined, defined = (question.right, question.left), (question.left, question.right)
                    sides = defined if name == "left" else undefined
                    if is_defined(evaluator, sides[0]) and not is_defined(evaluator, sides[1]) and name not in found:
                        at = ", ".join(f"{n} = {c[()]}" for n, c in draw.points[number].values.items())
                        found[name] = f"At {at} the {name} side is defined and the {other} side is not."
        return " ".join(found.values())

    # -- conditions that a network does not state ----------------------------------------------------------------

    def conditions(self, question: Question) -> Iterator[tuple[str, str, str, Condition]]:
        """Yield conditions under which a wrong claim may be right: (kind, in words, as a fact, how to meet it).

        The kinds ``members`` and ``symmetric`` explain a claim only where no slip does.
        """
        network = self.network
        read = self.names_behind(question)
        stated = {name for fact in network.facts for name in names_of(fact.left)}
        for name, quantity in network.quantities.items():
            if name not in read or not quantity.is_given or quantity.integer:
                continue
            axes = [axis for axis in quantity.axes if axis.index is not network.batch]
            access = str(quantity.access)
            if len(axes) == 1 and quantity.role != "parameter" and name not in stated:
                index = axes[0].index.name
                place = quantity.axes.index(axes[0])
                yield (
                    "condition",
                    f"the {access} add up to 1 over {index}",
                    f"sum({index}, {access}) = 1",
                    partial(adding_up, name=name, place=place),
                )
                yield (
                    "members",
                    f"{name} is one-hot",
                    f"onehot({index}, {access})",
                    partial(one_hot, name=name, place=place),
                )
            if not axes and quantity.role != "parameter" and quantity.domain is None:
                for members in ((0, 1), (-1, 1)):
                    yield (
                        "members",
                        f"{access} is {members[0]} or {members[1]}",
                        "",
                        partial(in_members, name=name, members=members),
                    )
            if len(quantity.axes) == 2 and quantity.axes[0].extent == quantity.axes[1].extent and name not in stated:
                first, second = (axis.index.name for axis in quantity.axes)
                if first == second:
                    second = f"{second}_1"
                yield (
                    "symmetric",
                    f"{name} is symmetric",
                    f"{name}[{first},{second}] = {name}[{second},{first}]",
                    partial(symmetric, name=name),
                )
        if network.batch is not None:
            upper = network.indices[network.batch].upper
            if isinstance(upper, Size):
                yield "condition", f"there is one example, {upper.name} = 1", "", upper.name

    def names_behind(self, question: Question) -> frozenset[str]:
        """Return every name that either side depends on."""
        found = set(names_of(question.left) | names_of(question.right))
        for side in (question.left, question.right):
            found |= names_of(self.without_operators(side))
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            expressions = [equation.expression for equation in self.network.definitions.get(name, ())]
            if name in self.adjoints:
                expressions.append(self.adjoints[name].expression)
            for expression in expressions:
                for other in names_of(expression) - found:
                    found.add(other)
                    waiting.append(other)
        return frozenset(found)

    def holds_under(self, question: Question, words: str, condition: Condition) -> bool:
        """Whether both sides have the same numbers at points that meet a condition, which `words` name."""
        import numpy as np

        if question.point:
            return False
        try:
            draw = self.conditioned(question, words, condition)
            if draw is None:
                return False
            draw.probe.memo.clear()
            self.with_free(draw, 0, question.free)
            prepared = self.prepared(question)
            left = draw.probe.entries(prepared.left, question.bounds, question.condition)
            right = draw.probe.entries(self.with_definitions(prepared.right), question.bounds, question.condition)
        except SympropError:
            return False
        both = np.isfinite(left) & np.isfinite(right)
        size = np.maximum(np.abs(left), np.abs(right))
        # What is 0 at a point shows nothing there, and each member of a domain has every second point.
        telling = (both & (size > 0)).reshape(-1, both.shape[-1]).any(axis=0)
        shown = telling[::2].any() and telling[1::2].any()
        return bool(shown and (np.abs(left - right)[both] <= 1e-8 * size[both] + 1e-12).all())

    def conditioned(self, question: Question, words: str, condition: Condition) -> Draw | None:
        """Return points that meet a condition, which `words` name; None if no sizes do."""
        key = (words, self.loose(question))
        if key not in self.draws:
            sampler = self.sampler(question, self.seed + 1)
            points: tuple[Point, ...] = ()
            if isinstance(condition, str):
                names = [name for name in sampler.free_sizes() if name != condition]
                sizes = sampler.complete({condition: 1, **{name: 3 + n for n, name in enumerate(names)}})
                points = () if sizes is None else sampler.draw(CONDITIONED, sizes=sizes)
            else:
                points = sampler.draw(CONDITIONED, 0)
                for number, point in enumerate(points):
                    condition(point, number)
            self.draws[key] = [self.made_draw(points)] if points else []
        return next(iter(self.draws[key]), None)

    def leaves_open(self, question: Question) -> bool:
        """Whether values are left to chance although a point is given."""
        given = {quantity.name for quantity in self.network.quantities.values() if quantity.is_given}
        return bool(given - set(question.point)) or bool(question.free)

    def some_entries(self, question: Question, draw: Draw, random_: random.Random) -> list[dict[Index, int]]:
        """Return entries to be certified: the first, the last, and some between."""
        from symprop.verification.sampling import free_components

        known: dict[Expr, Expr] = dict(size_values(draw.points[0].sizes, self.network))
        every = list(free_components(question.bounds, known))
        if len(every) <= ENTRIES:
            return every
        return [every[0], every[-1], *random_.sample(every[1:-1], ENTRIES - 2)]


def _speed(name: str, place: tuple[int, ...]) -> int:
    """How far a component moves from a kink: each its own way, so that no tie between two of them stays."""
    return random.Random(f"{name} {place}").randint(10, 99)


class _Setting(NamedTuple):
    """Where corners are looked for."""

    sampler: Sampler
    base: Point
    known: Mapping[Expr, Expr]
    indices: dict[Index, int]


def _decided(case: Compare, node: Expr) -> Expr:
    """Return a condition as decided where a case is taken."""
    if node == case:
        return TRUE if case.operator == "==" else FALSE
    return node


class _Compared:
    """What a comparison in double precision met on the way."""

    def __init__(self) -> None:
        self.outside = ""  # a read outside a range on the right side
        self.outside_left = ""
        self.only_left = self.only_right = self.both = 0
        self.postponed: list[tuple[Draw, int, _Difference]] = []  # differences that are slow to be certified

    def add(self, left: Any, right: Any) -> None:
        import numpy as np

        one, other = np.isfinite(left), np.isfinite(right)
        self.both += int((one & other).sum())
        self.only_left += int((one & ~other).sum())
        self.only_right += int((other & ~one).sum())

    @property
    def message(self) -> str:
        return ""


@dataclass(frozen=True)
class _Difference:
    suspects: tuple[tuple[int, dict[Index, int]], ...]


# What the values of a witness are drawn from: the simplest first.
SIMPLE_NUMBERS: tuple[tuple[Fraction, ...], ...] = (
    (Fraction(1),),
    (Fraction(1), Fraction(2)),
    (Fraction(1), Fraction(1, 2)),
    (Fraction(1), Fraction(2), Fraction(0), Fraction(1, 2)),
    (Fraction(1), Fraction(2), Fraction(-1), Fraction(3), Fraction(1, 2)),
    (Fraction(1), Fraction(2), Fraction(-2), Fraction(3), Fraction(-1), Fraction(1, 4), Fraction(5), Fraction(3, 4)),
)


def small_sizes(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Yield sizes from the smallest on: all 1, then one or several of them larger, by their sum."""
    if not names:
        yield {}
        return
    if len(names) > 4:
        for size in (1, 2, 3):
            yield dict.fromkeys(names, size)
            if size < 3:
                yield from ({**dict.fromkeys(names, size), name: size + 1} for name in names)
        return
    for sizes in sorted(product((1, 2, 3), repeat=len(names)), key=lambda each: (sum(each), each)):
        yield dict(zip(names, sizes, strict=True))


def parts_of(condition: Expr) -> tuple[Expr, ...]:
    """Return what a condition joins by ``and``."""
    if condition is TRUE:
        return ()
    return condition.conditions if isinstance(condition, Junction) and condition.operator == "and" else (condition,)


def is_finite_domain(domain: Domain | None) -> bool:
    """Whether a domain has no values between others."""
    return domain is not None and bool(domain.members)


def stated_sizes(condition: Expr, network: Network) -> dict[Expr, Expr]:
    """Return the sizes that a condition gives a number, as ``N == 1`` does."""
    found: dict[Expr, Expr] = {}
    for part in parts_of(condition):
        if isinstance(part, Compare) and part.operator == "==":
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, Size) and not one.arguments and isinstance(other, Number):
                    found[one] = other
    return {} if any(network.sizes.get(size.name) is not None for size in found if isinstance(size, Size)) else found


def _whole(sizes: SizesDrawn) -> dict[str, int]:
    """Return sizes, one number for those that differ from layer to layer."""
    return {name: size if isinstance(size, int) else max(size) for name, size in sizes.items()}


def lowest_of(bounds: Sequence[Bound], known: Mapping[Expr, Expr]) -> list[int]:
    """Return the least value of each bound over the values of those before it, as a probe lays them out."""
    from symprop.verification.sampling import free_components

    if not any(free_indices(bound.lower) | free_indices(bound.upper) for bound in bounds):
        every = [next(iter(free_components((bound,), known)), {bound.index: 0}) for bound in bounds]
        return [entry[bound.index] for entry, bound in zip(every, bounds, strict=True)]
    entries = list(free_components(bounds, known))
    return [min((entry[bound.index] for entry in entries), default=0) for bound in bounds]


def renamed(derivation: Derivation, name: str) -> Derivation:
    """Return a derivation with adjoints called ``D(L)z``: no name of a text, and different for each numerator."""
    names = {adjoint.access.name: f"D({name}){of}" for of, adjoint in derivation.adjoints.items()}

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access) and node.name in names:
            return Access(names[node.name], node.indices)
        return node

    adjoints = {}
    for of, adjoint in derivation.adjoints.items():
        access = transform(adjoint.access, rule)
        assert isinstance(access, Access)
        terms = tuple(
            replace(term, value=transform(term.value, rule), gathered=transform(term.gathered, rule))
            for term in adjoint.terms
        )
        adjoints[of] = replace(
            adjoint,
            access=access,
            terms=terms,
            expression=transform(adjoint.expression, rule),
            textbook=transform(adjoint.textbook, rule),
        )
    return replace(derivation, adjoints=adjoints)


def summed_over(expr: Expr) -> int:
    """Return how many indices are summed over in an expression."""
    return sum(len(node.bounds) for node in walk(expr) if isinstance(node, Reduction))


def with_seeds_picked(derivation: Derivation) -> Derivation:
    """Return a derivation of an array in which sums over all components of it are the one term that is not 0.

    The derivative of ``y[p]`` by ``y[q]`` is ``[p == q]``: a sum over q with it as a factor has one term for each p,
    and its table is as large as the square of y.
    """
    seed = derivation.adjoints.get(derivation.of.name)
    if seed is None or not isinstance(seed.expression, Where) or seed.expression.otherwise is not ZERO:
        return derivation
    rank = len(seed.bounds) // 2

    def picked(node: Expr) -> Expr:
        if not isinstance(node, Reduction) or node.kind != "sum":
            return node
        guards, body = TRUE, node.body
        if isinstance(body, Where) and body.otherwise is ZERO:
            guards, body = body.condition, body.then
        factors = list(factors_of(body))
        place = next((n for n, f in enumerate(factors) if isinstance(f, Access) and f.name == seed.access.name), None)
        if place is None:
            return node
        access = factors.pop(place)
        assert isinstance(access, Access)
        bounds = {bound.index: bound for bound in node.bounds}
        limits = frozenset[Index]().union(*(free_indices(b.lower) | free_indices(b.upper) for b in node.bounds))
        mapping: dict[Expr, Expr] = {}
        conditions = [guards]
        for of, by in zip(access.indices[:rank], access.indices[rank:], strict=True):
            if isinstance(by, Index) and by in bounds and by not in mapping and by not in limits:
                mapping[by] = of
                conditions.append(within(of, *bounds.pop(by)[1:3]))
            else:
                conditions.append(compare("==", by, of))
        term = where(junction("and", *conditions), mul(*factors), ZERO)
        return reduce("sum", tuple(bounds.values()), substitute(term, mapping))

    adjoints = dict(derivation.adjoints)
    for of, adjoint in derivation.adjoints.items():
        if adjoint is not seed and seed.access.name in names_of(adjoint.expression):
            expression = within_bounds(transform(adjoint.expression, picked), adjoint.bounds)
            if summed_over(expression) < summed_over(adjoint.expression):
                adjoints[of] = replace(adjoint, expression=expression)
    return replace(derivation, adjoints=adjoints)


def read_plainly(text: str) -> str:
    """Return what is said of adjoints by their own names, ``D(L)a[0]``, as people write it."""
    return re.sub(r"D\(([^()]*)\)(?=\w)", r"d\1/d", text)


def is_defined(evaluator: Evaluator, expr: Expr) -> bool:
    """Whether an expression has a value at a point."""
    try:
        evaluator.ball(expr, {})
    except SympropError:
        return False
    return True


def _groups(components: Components, place: int) -> Iterator[list[tuple[int, ...]]]:
    """Yield the indices of components that differ in one place only."""
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for indices in components:
        groups.setdefault((*indices[:place], *indices[place + 1 :]), []).append(indices)
    yield from groups.values()


def adding_up(point: Point, _number: int, *, name: str, place: int) -> None:
    """Make the components of a point along one axis positive parts of 1."""
    components = point.values[name]
    for members in _groups(components, place):
        total = sum(abs(components[indices]) + Fraction(1, 16) for indices in members)
        for indices in members:
            components[indices] = (abs(components[indices]) + Fraction(1, 16)) / total


def one_hot(point: Point, number: int, *, name: str, place: int) -> None:
    """Make one component along one axis 1, and the others 0; from point to point another one."""
    components = point.values[name]
    for group, members in enumerate(_groups(components, place)):
        chosen = sorted(members)[(number + group) % len(members)]
        components.update({indices: Fraction(indices == chosen) for indices in members})


def in_members(point: Point, number: int, *, name: str, members: tuple[int, int]) -> None:
    """Make every component one of two numbers; each is either at every second point."""
    components = point.values[name]
    components.update({at: Fraction(members[(number + n) % 2]) for n, at in enumerate(components)})


def symmetric(point: Point, _number: int, *, name: str) -> None:
    """Make a square matrix symmetric."""
    components = point.values[name]
    for i, j in list(components):
        if (j, i) in components and i > j:
            components[i, j] = components[j, i]


def as_ball(value: Any) -> Any:
    """Return a certified value as a ball, of the precision at hand."""
    from flint import arb, fmpq

    return arb(fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else value


def shown_number(value: Any) -> str:
    """Return a certified value as text; one that cannot be told from 0 is shown as 0, not as its error bound."""
    text = format_number(value)
    return "0" if text.startswith("[+/-") else text


def differ(left: Any, right: Any, tolerance: Fraction | None = None) -> bool:
    """Return whether two certified values certainly differ, by more than `tolerance` if there is one."""
    from flint import ctx

    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left != right if tolerance is None else abs(left - right) > tolerance
    # A third is no ball of 53 bits.
    with ctx.workprec(COMPARED_BITS):
        difference = as_ball(left) - as_ball(right)
        if tolerance is None:
            return not difference.contains(0)
        return bool(abs(difference) > as_ball(tolerance))


def close(left: Any, right: Any, tolerance: Fraction | None = None) -> bool:
    """Return whether two certified values certainly agree within `AGREEMENT` (or `tolerance`)."""
    from flint import ctx

    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left == right if tolerance is None else abs(left - right) <= tolerance
    # A third is no ball of 53 bits.
    with ctx.workprec(COMPARED_BITS):
        one, other = as_ball(left), as_ball(right)
        if tolerance is not None:
            return bool(abs(one - other) <= as_ball(tolerance))
        size = abs(one) + abs(other) + 1
        return bool(abs(one - other) <= size * as_ball(AGREEMENT))


def nested(components: Mapping[tuple[int, ...], Any]) -> Any:
    """Return components as nested lists of exact numbers as strings; a scalar as one string."""
    if set(components) == {()}:
        return str(components[()])
    parts: dict[int, dict[tuple[int, ...], Any]] = {}
    for place, value in components.items():
        parts.setdefault(place[0], {})[place[1:]] = value
    return [nested(parts[first]) for first in sorted(parts)]


def aligned_to(equation: Equation, access: Access) -> tuple[Expr, Equation] | None:
    """Return an equation with its indices named as in `access`, and when it is the one that defines that component."""

    mapping: dict[Expr, Expr] = {}
    guards: list[Expr] = []
    own = {bound.index: bound for bound in equation.bounds}
    for index, wanted in zip(equation.target.indices, access.indices, strict=True):
        if isinstance(index, Index):
            mapping[index] = wanted
            if index in own and own[index].written:
                guards.append(within(wanted, own[index].lower, own[index].upper))
        elif index != wanted:
            guards.append(compare("==", index, wanted))
    guard = decide(junction("and", *guards), ())
    if guard is FALSE:
        return None
    bounds = tuple(
        Bound(wanted, bound.lower, bound.upper, bound.written)
        for bound in equation.bounds
        if isinstance(wanted := mapping.get(bound.index, bound.index), Index)
    )
    target = substitute(equation.target, mapping)
    assert isinstance(target, Access)
    return guard, Equation(target, bounds, substitute(equation.expression, mapping), equation.line, equation.text)


def within_bounds(expr: Expr, bounds: Sequence[Bound]) -> Expr:
    """Return an expression without the conditions that hold for all values of its free indices."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Where):
            return where(decide(node.condition, bounds), node.then, node.otherwise)
        return node

    return transform(expr, rule) if bounds else expr


def replaced(expr: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    """Replace accesses wherever they stand, also under the reductions that bind their indices."""

    def rule(node: Expr) -> Expr:
        return mapping.get(node, node) if isinstance(node, Access) else node

    return transform(expr, rule)


def size_of(expr: Expr) -> int:
    """Return the number of nodes of an expression."""
    return sum(1 for _ in walk(expr))


__all__ = ["Judge", "Question", "Verdict", "Witness"]
