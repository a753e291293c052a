"""What a printed derivation says, in order, before it is text, LaTeX, Markdown or HTML.

A `Document` is the table of the lectures: forward equations, backward lines in reverse order with the local partial
beside each, ``+=`` wherever a quantity is read more than once, the results, and the conventions that were used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Derivative,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    Where,
    add,
    bound_apart,
    free_indices,
    junction,
    names_of,
    reduce,
    stem_of,
    substitute,
    transform,
    walk,
    with_first_copies,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.algebra.indices import conditions_of, normal
from symprop.algebra.primitives import HALF
from symprop.algebra.scalars import opaque_nodes, partial
from symprop.algebra.writer import as_limited_softmax, as_softmax
from symprop.declaration.network import Equation
from symprop.declaration.order import groups_in_order
from symprop.derivation.local_partials import settle, through
from symprop.derivation.parts import parts, settled
from symprop.derivation.simplify import Context, apply_rules, cost, softmax_bound, with_denominators_last
from symprop.derivation.steps import Adjoint, Derivation, Term, adjoint_name, tangent_name
from symprop.rendering.abbreviations import Abbreviated, abbreviated


@dataclass(frozen=True)
class Formula:
    """``left sign form = form = ...``, for every value of `ranges`, if `condition` holds.

    With sign ``via`` it is the partial beside one of several readings of the same quantity, `left` being the reading.
    `shape` holds the extents of what stands on the left, in matrix notation.
    """

    left: Expr
    sign: str
    forms: tuple[Expr, ...]
    ranges: tuple[Bound, ...] = ()
    condition: Expr | None = None
    shape: tuple[Expr, ...] = ()


# A partial is shown in its simplified form alone if that costs less by more than this (see `simplify.cost`).
CLEARLY_SHORTER = 2.0

# A title with more names than this says only how many there are.
MOST_IN_TITLE = 8

Sentence = tuple[str | Expr | Formula, ...]


@dataclass(frozen=True)
class Line:
    """One backward line.

    Attributes
    ----------
    forward : Formula or None
        The forward equation that the line comes from; None for the seed and for totals.
    backward : Formula
        What is added to the adjoint, or what it is.
    partial : Formula or None
        The local partial derivative of the forward equation.
    rule : str
        The rules of differentiation by name.
    """

    forward: Formula | None
    backward: Formula
    partial: Formula | None
    rule: str


@dataclass(frozen=True)
class Simplification:
    """How an adjoint got its textbook form: the expression it began with, and each rule with what it made of it."""

    left: Expr
    first: Expr
    steps: tuple[tuple[Sentence, Expr], ...]


@dataclass(frozen=True)
class Document:
    """A derivation as it is laid out on a page; see the module. In forward mode its lines are those of the tangents."""

    title: Sentence
    heading: str
    introduction: tuple[Sentence, ...]
    ranges: tuple[Bound, ...]
    forward: tuple[Formula, ...]
    lines: tuple[Line, ...]
    simplifications: tuple[Simplification, ...]
    results: tuple[Formula, ...]
    definitions: tuple[Formula, ...]
    notes: tuple[Sentence, ...]


def document(derivation: Derivation, detail: str) -> Document:
    """Return what is printed of a derivation.

    Parameters
    ----------
    derivation : Derivation
    detail : str
        ``final``: only the results; ``steps``: every backward line as well; ``full``: every simplification too.
    """
    shown = detail != "final"
    short = abbreviated(derivation, shown)
    results = _results(short.derivation)
    return Document(
        title=_title(derivation),
        heading="Tangents" if derivation.mode == "forward" else "Backward",
        introduction=tuple(_introduction(short, derivation, shown)),
        ranges=_ranges(derivation, shown),
        forward=tuple(_forward(equation, derivation) for equation in _with_values(short)) if shown else (),
        lines=tuple(_lines(short, derivation)) if shown else (),
        simplifications=tuple(_simplifications(derivation)) if detail == "full" else (),
        results=results,
        definitions=_definitions(short),
        notes=tuple(_notes(derivation)),
    )


def backwards(derivation: Derivation) -> Iterator[tuple[Adjoint, Term | None]]:
    """Yield the backward lines in the order in which one goes through the equations, from the last to the first.

    An equation adds a term to the adjoint of everything that it reads. A total, which is yielded with None, follows
    the last term. Where equations depend on each other in a recurrence, the adjoint of what an equation defines is
    completed before that equation. Forward mode goes through the equations from the first to the last, and each has the
    terms of its own tangent.
    """
    if derivation.mode == "forward":
        for adjoint in derivation.adjoints.values():
            yield from ((adjoint, term) for term in adjoint.terms)
            if len(adjoint.terms) != 1:
                yield adjoint, None
        return
    waiting = {name: {id(term): term for term in adjoint.terms} for name, adjoint in derivation.adjoints.items()}
    through: dict[tuple[str, str], list[Term]] = {}
    for name, adjoint in derivation.adjoints.items():
        for term in adjoint.terms:
            through.setdefault((name, term.equation.name), []).append(term)

    def add(name: str, terms: list[Term]) -> Iterator[tuple[Adjoint, Term | None]]:
        adjoint = derivation.adjoints[name]
        for term in terms:
            del waiting[name][id(term)]
            yield adjoint, term
        if not waiting[name]:
            del waiting[name]
            if len(adjoint.terms) != 1:
                yield adjoint, None

    for equation in reversed(derivation.network.equations):
        if equation.name in waiting:
            yield from add(equation.name, list(waiting[equation.name].values()))
        for name in dict.fromkeys(node.name for node in walk(equation.expression) if isinstance(node, Access)):
            terms = [
                term
                for term in through.get((name, equation.name), ())
                if id(term) in waiting.get(name, ()) and _is_from(term, equation)
            ]
            if terms:
                yield from add(name, terms)
    for name in tuple(waiting):
        yield from add(name, list(waiting[name].values()))


def _is_from(term: Term, equation: Equation) -> bool:
    """Whether a term comes from an equation. Its copy may have other names for indices, but the same components."""
    own, other = term.equation.target, equation.target
    return own.name == other.name and all(
        a == b for a, b in zip(own.indices, other.indices, strict=True) if not (free_indices(a) and free_indices(b))
    )


# ------------------------------------------------------------------------------------------------- introduction, notes


def _title(derivation: Derivation) -> Sentence:
    if any(gradient.of is not None for gradient in derivation.gradients.values()):
        objectives = [Access(objective.name, ()) for objective in derivation.network.objectives]
        return ("Derivatives of ", *listed(objectives, " and "), ", each by its own parameters")
    names = [Access(name, ()) for name in derivation.wrt]
    first = derivation.network.derivatives.get(derivation.of.name)
    product = _hessian_product(derivation)
    if product is not None:
        gradient, direction = product
        return ("Hessian of ", gradient.of, " by ", Access(gradient.by.name, ()), " times ", direction)
    if first is not None:
        others: Sentence = (" and ", *listed(names, " and ")) if derivation.wrt != (first.by.name,) else ()
        return ("Second derivatives of ", first.of, " by ", Access(first.by.name, ()), *others)
    if len(names) > MOST_IN_TITLE:
        if derivation.wrt == derivation.network.parameters:
            return ("Derivatives of ", derivation.of, f" by all {len(names)} parameters")
        rest = f", ... ({len(names)} in all)"
        return ("Derivatives of ", derivation.of, " by ", *listed(names[: MOST_IN_TITLE // 2], ", "), rest)
    noun = "Derivative" if len(names) == 1 else "Derivatives"
    return (f"{noun} of ", derivation.of, " by ", *listed(names, " and "))


def _introduction(short: Abbreviated, derivation: Derivation, adjoints: bool) -> Iterator[Sentence]:
    of = derivation.of
    definitions = _definitions(short)
    first = derivation.network.derivatives.get(of.name)
    if first is not None:
        second = ("its derivatives are the second derivatives of ", first.of)
        hessian = ", the Hessian" if derivation.wrt == (first.by.name,) else ""
        component = substitute(first, dict(zip(first.by.indices, of.indices[-len(first.by.indices) :], strict=False)))
        yield (of, " is ", component if first.by.indices else first, "; ", *second, f"{hessian}.")
    product = _hessian_product(derivation)
    if product is not None:
        yield from _meaning_of_product(*product, short, adjoints)
    several = derivation.network.objectives if derivation.objective is not None and product is None else ()
    for objective in several:
        sense = "maximized" if objective.sense == "maximize" else "minimized"
        over = [Access(name, ()) for name in objective.over or ()]
        reach = (" over ", *listed(over, " and ")) if over else ()
        default = "" if objective.stated else " (no objective is named, so the last scalar is it)"
        yield (Access(objective.name, ()), f" is {sense}", *reach, f"{default}.")
    if len({objective.name for objective in several}) > 1:
        yield ("Each parameter is derived by its own objective, and an adjoint belongs to what it leads to.",)
    if derivation.mode == "forward":
        yield from _meaning_of_tangents(derivation)
    elif adjoints or {name for formula in definitions for name in names_of(formula.left)} - short.names:
        v = Access(_spare_name(derivation), ())
        bar = Access(adjoint_name(v.name), _seeds(derivation))
        change = ("the change of ", of, " with ", v, " when all that is computed from ", v, " follows")
        yield (bar, " stands for ", Derivative("D", of, v), ", the adjoint of ", v, ": ", *change, ".")
        numbered = [a for a in derivation.adjoints.values() if a.access.name != adjoint_name(a.of)]
        if numbered:
            other = Access(numbered[-1].access.name, ())
            yield ("It has a number where that name is taken, as ", other, ".")
    yield from _meaning_of_deltas(short, definitions)
    if short.values:
        inner: Sentence = tuple(listed([Access(equation.name, ()) for equation in short.values], " and "))
        kind = "is the name of a value" if len(short.values) == 1 else "are names of values"
        yield (*inner, f" {kind} inside an equation.")
    if adjoints:
        yield from _recurrences(derivation, derivation.adjoints)
    elif definitions:
        yield from _recurrences(short.derivation, _adjoints_named(short))
    constants = [q for q in derivation.network.of_role("constant") if q.value is not None]
    if constants and adjoints:
        values = [Formula(quantity.access, "=", (Number(quantity.value),)) for quantity in constants]
        yield ("Constants: ", *listed(values), ".")
    padded = [quantity.access for quantity in derivation.network.quantities.values() if quantity.zero_outside]
    if padded:
        where = ("its range", "is") if len(padded) == 1 else ("their ranges", "are")
        yield (f"Outside {where[0]} ", *listed(padded, " and "), f" {where[1]} 0 (padding).")
    for fact in derivation.network.facts:
        if fact.kind == "onehot":
            summed = tuple(bound for bound in fact.bounds if bound.index is fact.right)
            total = Formula(reduce("sum", summed, fact.left), "=", (ONE,))
            yield ("It is assumed that ", fact.left, " is one-hot; in particular ", total, ".")
        else:
            yield ("It is assumed that ", Formula(fact.left, "=", (fact.right,), fact.bounds), ".")


def _hessian_product(derivation: Derivation) -> tuple[Derivative, Access] | None:
    """Return the gradient and the direction of a product with the Hessian, if that is what is derived: the source is
    the sum of a gradient times an input, made by `extended.with_direction`."""
    if derivation.objective is None or derivation.objective.stated:
        return None
    for equation in derivation.network.definitions.get(derivation.of.name, ()):
        body = equation.expression.body if isinstance(equation.expression, Reduction) else equation.expression
        match body:
            case Mul(factors=(Access() as gradient, Access() as direction)):
                known = derivation.network.derivatives.get(gradient.name)
                if known is not None and derivation.wrt == (known.by.name,):
                    return known, Access(direction.name, ())
    return None


def _meaning_of_product(gradient: Derivative, direction: Access, short: Abbreviated, shown: bool) -> Iterator[Sentence]:
    derivation = short.derivation
    network = derivation.network
    name = next(name for name, known in network.derivatives.items() if known is gradient)
    own: Sentence = (network.quantities[name].access, " is ", gradient, "; ", derivation.of, " is its product with ")
    yield (*own, direction, ", summed over all components.")
    product: Sentence = ("the product of the Hessian of ", gradient.of, " by ", Access(gradient.by.name, ()), " with ")
    yield ("So the derivatives below are ", *product, direction, ".")
    formulas = [form for formula in (*_results(derivation), *_definitions(short)) for form in formula.forms]
    read = {name for form in formulas for name in names_of(form)}
    others = [(other, known) for other, known in network.derivatives.items() if other in read and known is not gradient]
    if others:
        meanings: list[str | Expr] = []
        for other, known in others:
            meanings.extend([", and " if meanings else "", network.quantities[other].access, " is ", known])
        yield (*meanings, ".")
    for equation in network.equations:
        for node in walk(equation.expression):
            if not (isinstance(node, Call) and node.arguments and not node.orders):
                continue
            argument = node.arguments[0]
            if not (isinstance(argument, Access) and argument.name.startswith(f"{equation.name}_argument")):
                continue
            if shown or argument.name in read or any(known.by.name == argument.name for _, known in others):
                what = f" stands for what {node.function} is applied to in the equation of "
                yield (Access(argument.name, ()), what, Access(equation.name, ()), ".")


def _meaning_of_deltas(short: Abbreviated, definitions: tuple[Formula, ...]) -> Iterator[Sentence]:
    """Say what the deltas among the definitions are adjoints of."""
    defined = {name for formula in definitions for name in names_of(formula.left)}
    deltas = [(Access(name, ()), e) for name, e in short.deltas.items() if name in defined]
    verb = "is the derivative" if len(deltas) == 1 else "are the derivatives"
    derivative: Sentence = (f" {verb} of ", short.derivation.of, " by ")
    if len(deltas) == 1:
        ((delta, equation),) = deltas
        value = Access(equation.name, ())
        yield (delta, *derivative, "what the function in the equation of ", value, " is applied to.")
    elif deltas:
        values = [Access(equation.name, ()) for _, equation in deltas]
        names = listed([delta for delta, _ in deltas], " and ")
        applied: Sentence = ("what the functions in the equations of ", *listed(values, " and "), " are applied to.")
        yield (*names, *derivative, *applied)


def _recurrences(derivation: Derivation, among: Mapping[str, Adjoint]) -> Iterator[Sentence]:
    """Say of adjoints that read each other in which order they are computed, and what they start with."""
    keys = {adjoint.access.name: key for key, adjoint in among.items()}
    reads = {key: {keys[name] for name in names_of(adjoint.textbook) & keys.keys()} for key, adjoint in among.items()}
    for group in groups_in_order(reads):
        adjoints = [among[key] for key in group]
        for index, step in _steps_between(adjoints):
            yield from _recurrence(adjoints, index, step, derivation)
            break


def _steps_between(adjoints: Sequence[Adjoint]) -> Iterator[tuple[Index, int]]:
    """Yield every index whose neighbour one of a group of adjoints reads in another, and the distance: 1 for t + 1."""
    at_home = {adjoint.access.name: adjoint.access for adjoint in adjoints}
    for adjoint in adjoints:
        for node in walk(adjoint.textbook):
            if isinstance(node, Access) and node.name in at_home:
                for own, read in zip(at_home[node.name].indices, node.indices, strict=True):
                    distance = normal(read - own)
                    if isinstance(own, Index) and isinstance(distance, Number) and distance is not ZERO:
                        yield own, 1 if distance.value > 0 else -1


def _recurrence(adjoints: Sequence[Adjoint], index: Index, step: int, derivation: Derivation) -> Iterator[Sentence]:
    starts: list[Formula] = []
    ends: tuple[Expr, Expr] | None = None
    for adjoint in adjoints:
        bounds = free_part(adjoint, derivation)
        bound = next((bound for bound in bounds if bound.index is index), None)
        if bound is None:
            continue
        first, last = (bound.upper, bound.lower) if step > 0 else (bound.lower, bound.upper)
        ends = ends or (first, last)
        for formula in by_cases(adjoint.access, (adjoint.textbook,), bounds, derivation):
            fixed = substitute(adjoint.access, {index: first})
            if formula.left == fixed and not names_of(formula.forms[-1]) & {other.access.name for other in adjoints}:
                starts.append(formula)
    if ends is None:
        return
    names = tuple(listed([Access(adjoint.access.name, ()) for adjoint in adjoints], " and "))
    way = ("down" if step > 0 else "up", "after" if step > 0 else "before")
    computed = "is a recurrence: it is" if len(adjoints) == 1 else "are a recurrence: they are"
    start: Sentence = (f"; nothing comes {way[1]} ", Formula(index, "=", (ends[0],)))
    if starts:
        start = (", starting with ", *listed(starts, " and "))
    run = (Formula(index, "=", (ends[0],)), f" {way[0]} to ", ends[1])
    yield (*names, f" {computed} computed from ", *run, *start, ".")


def free_part(adjoint: Adjoint, derivation: Derivation) -> tuple[Bound, ...]:
    """Return the ranges of an adjoint without the components that a constant fixes: nobody asks for the derivative by
    ``h[0,j] = 0``."""
    bounds = list(adjoint.bounds)
    if adjoint.of in (*derivation.wrt, derivation.of.name) or derivation.mode == "forward":
        return adjoint.bounds
    if len(bounds) < len(derivation.network.quantities[adjoint.of].axes) or adjoint.access.name.startswith("delta_"):
        return adjoint.bounds
    own = bounds[len(bounds) - len(derivation.network.quantities[adjoint.of].axes) :]
    for equation in derivation.network.definitions.get(adjoint.of, ()):
        fixed = [place for place, at in enumerate(equation.target.indices) if not isinstance(at, Index)]
        if len(fixed) != 1 or names_of(equation.expression) & derivation.adjoints.keys():
            continue
        (place,) = fixed
        value, bound = equation.target.indices[place], own[place]
        at = bounds.index(bound)
        if normal(value - bound.lower) is ZERO:
            own[place] = bounds[at] = bound._replace(lower=normal(bound.lower + ONE), written=True)
        elif normal(bound.upper - value) is ZERO:
            own[place] = bounds[at] = bound._replace(upper=normal(bound.upper - ONE), written=True)
    return tuple(bounds)


def _meaning_of_tangents(derivation: Derivation) -> Iterator[Sentence]:
    v = Access(_spare_name(derivation), ())
    alone = len(derivation.wrt) == 1
    for name in derivation.wrt:
        by = derivation.network.quantities[name].access
        tangent = Access(tangent_name(v.name, None if alone else name), by.indices)
        yield (tangent, " stands for ", Derivative("D", v, by), ", the tangent of ", v, ": its change with ", by, ".")


def _spare_name(derivation: Derivation) -> str:
    taken = {*derivation.network.quantities, *(index.name for index in derivation.network.indices)}
    return next((name for name in "vqgsrzAB" if name not in taken), "quantity")


def _ranges(derivation: Derivation, shown: bool) -> tuple[Bound, ...]:
    """Return the ranges of all indices that the page shows, in the order of the network."""
    network = derivation.network
    used: set[Index] = set()
    expressions = [gradient.expression for gradient in derivation.gradients.values()]
    expressions.extend(adjoint.access for adjoint in derivation.adjoints.values())
    if shown:
        expressions.extend(equation.expression for equation in network.equations)
        expressions.extend(equation.target for equation in network.equations)
    for expression in expressions:
        used.update(node for node in walk(expression) if isinstance(node, Index))
        for node in walk(expression):
            if isinstance(node, Reduction):
                used.update(bound.index for bound in node.bounds if not bound.written)
    return tuple(bound for index, bound in network.indices.items() if index in used)


def _notes(derivation: Derivation) -> Iterator[Sentence]:
    """State the conventions that this derivation relies on, and no others."""
    network, objective = derivation.network, derivation.objective
    equations = {id(term.equation): term.equation for adjoint in derivation.adjoints.values() for term in adjoint.terms}
    nodes = [node for equation in equations.values() for node in walk(equation.expression)]
    kinks: dict[Formula, None] = {}
    for node in nodes:
        if isinstance(node, Call) and not node.orders:
            kinks.update(dict.fromkeys(_kinks(node)))
    if kinks:
        yield ("Slopes used at kinks: ", *listed(tuple(kinks)), ".")
    for kind in ("max", "min"):
        if any(isinstance(node, Call) and node.function == kind for node in nodes):
            yield (f"In a tie the first argument that attains the {kind} has the whole derivative.",)
        if any(isinstance(node, Reduction) and node.kind == kind for node in nodes):
            yield (f"In a tie the first index that attains the {kind} has the whole derivative.",)
    if any(isinstance(node, Call) and node.function == "log" for node in nodes):
        yield ("Logarithms are natural.",)
    hint = _hint(derivation)
    if hint is not None:
        yield hint
    shown = derivation.parts or (derivation.of.name,)
    optimised = [each for each in network.objectives if objective is not None and each.name in shown]
    names = tuple(Access(name, ()) for name in dict.fromkeys(each.name for each in optimised))
    for name in dict.fromkeys(each.name for each in optimised if each.sense == "maximize"):
        yield ("These are the derivatives of ", Access(name, ()), " itself: a step along them makes it larger.")
    for notice in network.notices:
        yield (f"Note: {notice}.",)
    if _hessian_product(derivation) is not None:
        return  # an example's Hessian times a direction; what is done over a batch is said where it is done
    if objective is not None and network.batch is None and network.of_role("input") and network.declares_roles:
        average = "objective is the mean" if len(names) == 1 else "objectives are the means"
        yield (f"The equations describe one example; over a batch the {average} of ", *listed(names, " and "), ".")


def _hint(derivation: Derivation) -> Sentence | None:
    """Return what a fact that the network does not state would make of a derivative: ``p[k] - t[k]``, if the targets
    beside a softmax add up to 1.  Only finished forms are looked at, so the hint costs no derivation."""
    network = derivation.network
    shown = [(adjoint.access, adjoint.textbook, adjoint.bounds) for adjoint in derivation.adjoints.values()]
    for name, gradient in derivation.gradients.items():
        by = Access(name, gradient.indices[len(_seeds(derivation)) :])
        shown.append((Derivative("D", gradient.of or derivation.of, by), gradient.expression, gradient.bounds))
    for left, form, bounds in shown:
        for total in _totals_of_targets(form, derivation):

            def stated(node: Expr, total: Expr = total) -> Expr:
                return ONE if node == total else node

            simpler = apply_rules(transform(form, stated), Context(network, bounds, {}, ()))
            if cost(simpler) < cost(form):
                return (f"With '{_assumption(total)}' in the network, ", left, " would be ", simpler, ".")
    return None


def _totals_of_targets(form: Expr, derivation: Derivation) -> Iterator[Reduction]:
    """Yield sums of a target over one index that stand beside an output of a softmax."""
    network = derivation.network
    for node in walk(form):
        if not isinstance(node, Mul):
            continue
        names = [factor.name for factor in node.factors if isinstance(factor, Access)]
        softmax = any(softmax_bound(e) is not None for name in names for e in network.definitions.get(name, ()))
        for total in node.factors if softmax else ():
            if not (isinstance(total, Reduction) and total.kind == "sum" and len(total.bounds) == 1):
                continue
            target = total.body
            quantity = network.quantities.get(target.name) if isinstance(target, Access) else None  # or an adjoint
            if isinstance(target, Access) and quantity is not None and quantity.role == "target":
                axes = quantity.axes
                own = [axis for axis, at in zip(axes, target.indices, strict=True) if at is total.bounds[0].index]
                if [(axis.lower, axis.upper) for axis in own] == [total.bounds[0][1:3]]:
                    yield total


def _assumption(total: Reduction) -> str:
    """Return the statement that a total is 1, in the letters of the network: ``assume sum(k, t[k]) = 1``."""
    own = {total.bounds[0].index: Index(stem_of(total.bounds[0].index))}
    body = substitute(total.body, own)
    used = free_indices(total)
    bounds = tuple(b._replace(index=own[b.index]) if own[b.index] not in used else b for b in total.bounds)
    return f"assume {Reduction('sum', bounds, body) if bounds != total.bounds else total} = 1"


def _kinks(node: Call) -> Iterator[Formula]:
    row = FUNCTIONS.get(node.function)
    if row is None:
        return
    for kink in row.kinks:
        arguments = (Number(kink.at), *node.arguments[1:])
        slope = Call(node.function, arguments, (1, *(0 for _ in arguments[1:])))
        used = substitute(kink.used, dict(zip(row.symbols, arguments, strict=True)))
        yield Formula(slope, "=", (used,))


def listed(parts: Sequence[Expr | Formula], last: str = ", ") -> Iterator[str | Expr | Formula]:
    """Yield parts with commas between them, and `last` before the last one."""
    for place, part in enumerate(parts):
        if place:
            yield last if place == len(parts) - 1 else ", "
        yield part


# ------------------------------------------------------------------------------------------------------- the equations


def _equations(derivation: Derivation) -> tuple[Equation, ...]:
    """Return the equations that the page shows: of a derivation derived again only what leads to its source."""
    network = derivation.network
    if derivation.of.name not in network.derivatives:
        return network.equations
    needed = {derivation.of.name}
    for group in reversed(network.groups):
        if needed.intersection(group):
            for name in group:
                needed.update(*(names_of(equation.expression) for equation in network.definitions[name]))
                needed.add(name)
    return tuple(equation for equation in network.equations if equation.name in needed)


def _with_values(short: Abbreviated) -> Iterator[Equation]:
    """Yield the equations that the page shows, those that name inner values before the one whose these are."""
    waiting = list(short.values)
    for equation in _equations(short.derivation):
        for inner in [value for value in waiting if short.inside[value.name] == equation.name]:
            waiting.remove(inner)
            yield inner
        yield equation


def _forward(equation: Equation, derivation: Derivation) -> Formula:
    ranges = tuple(bound for bound in equation.bounds if _differs(bound, derivation))
    return Formula(equation.target, "=", (equation.expression,), ranges)


def _with_plain_sums(expr: Expr, derivation: Derivation) -> Expr:
    """Return an expression without the limits of sums over ranges that the page states: ``sum(t, ...)``."""

    def rule(node: Expr) -> Expr:
        if not isinstance(node, Reduction) or not any(bound.written for bound in node.bounds):
            return node
        bounds = tuple(b._replace(written=b.written and _differs(b, derivation)) for b in node.bounds)
        return node if bounds == node.bounds else Reduction(node.kind, bounds, node.body)

    return transform(expr, rule)


def _differs(bound: Bound, derivation: Derivation) -> bool:
    """Whether a range is not the one that the index has everywhere."""
    indices = derivation.network.indices
    declared = indices.get(bound.index) or indices.get(Index(stem_of(bound.index)))
    return declared is None or bound.lower != declared.lower or bound.upper != declared.upper


def _lines(short: Abbreviated, derivation: Derivation) -> Iterator[Line]:
    readings: Counter[tuple[str, Expr, str]] = Counter(
        (adjoint.of, term.equation.target, term.operand.name)
        for adjoint in derivation.adjoints.values()
        for term in adjoint.terms
    )
    for adjoint, term in backwards(derivation):
        several = len(adjoint.terms) > 1
        if term is None:
            forward, partial = None, None
            objectives = [gradient.of.name for gradient in derivation.gradients.values() if gradient.of is not None]
            seeds = derivation.wrt if derivation.mode == "forward" else (derivation.of.name, *objectives)
            reason = "total" if several else "seed" if adjoint.of in seeds else "not read"
            forms: tuple[Expr, ...] = (adjoint.textbook,)
        else:
            several_readings = readings[adjoint.of, term.equation.target, term.operand.name] > 1
            forward, partial = _forward(term.equation, derivation), _partial(term, several_readings, short, derivation)
            reason = rule(term)
            forms = (_named(term.gathered, term, adjoint.bounds, derivation),)
            if not several:
                forms = different((*forms, adjoint.textbook))
        forms = tuple(short.with_values(form, adjoint.bounds) for form in forms)
        sign = "+=" if term is not None and several else "="
        for case in by_cases(adjoint.access, forms, free_part(adjoint, derivation), derivation, sign):
            yield Line(forward, case, partial, reason)
            partial, reason = None, ""


def by_cases(
    left: Expr, forms: tuple[Expr, ...], bounds: tuple[Bound, ...], derivation: Derivation, sign: str = "="
) -> tuple[Formula, ...]:
    """Return ``left = form = form`` as one formula, or by cases of an index where the last form has conditions on it:
    ``h_bar[T,j] = ...``, ``h_bar[t,j] = ... for t = 1..T-1``. Adding nothing is not written."""
    free = frozenset(bound.index for bound in bounds)
    forms = tuple(
        with_first_copies(settled(_with_plain_sums(form, derivation), bounds), free | free_indices(form))
        for form in forms
    )
    cases = parts(forms[-1], bounds)
    if len(cases) == 1:
        ranges = tuple(bound for bound in bounds if _differs(bound, derivation))
        last = forms[-1]
        if isinstance(last, Where) and last.otherwise is ZERO and isinstance(last.condition, Compare):
            holds = Formula(left, sign, (last.then,), ranges, last.condition)
            # Adding nothing is not written.
            fails = Formula(left, sign, (ZERO,), ranges, junction("not", last.condition))
            return (holds, fails) if sign == "=" else (holds,)
        return (Formula(left, sign, forms, ranges),)
    found = []
    for case in cases:
        if case.expression is ZERO and sign == "+=":
            continue
        access = substitute(left, dict(case.fixed))
        ranges = tuple(bound for bound in case.bounds if _differs(bound, derivation))
        found.append(Formula(access, sign, (case.expression,), ranges))
    return tuple(found)


def _named(expr: Expr, term: Term, bounds: tuple[Bound, ...], derivation: Derivation) -> Expr:
    """Return what a term says in the names of its forward equation: ``z[j]*(1 - z[j])`` for ``sigmoid'(a[j])``."""
    equations = derivation.network.definitions.get(term.equation.name, ())
    return apply_rules(expr, Context(derivation.network, bounds, {}, equations))


def _partial(term: Term, is_one_of_several: bool, short: Abbreviated, derivation: Derivation) -> Formula:
    # One index is not both free and bound: [p == argmax(p_1, c[f,p_1])].
    apart = bound_apart(term.partial, {bound.index for bound in term.bounds} | free_indices(term.partial))
    plain = with_denominators_last(apart)
    ranges = _narrowed(term.bounds, term.guard)
    named = _named(apart, term, ranges, derivation)
    plain, named = short.with_values(plain, ranges), short.with_values(named, ranges)
    forms = different((plain, named))
    if not any(isinstance(node, Call) and node.orders for node in walk(plain)):
        # No name is explained by showing both.
        forms = (named,) if cost(named) < cost(plain) - CLEARLY_SHORTER else (plain,)
    condition = None if term.guard is TRUE else term.guard
    if is_one_of_several:
        return Formula(term.operand, "via", forms, (), condition)
    return Formula(Derivative("P", term.equation.target, term.operand), "=", forms, (), condition)


def _narrowed(bounds: tuple[Bound, ...], guard: Expr) -> tuple[Bound, ...]:
    """Return ranges with the limits that a guard sets: under ``u <= s`` a causal softmax is more than 0."""
    limits = {(c.operator, c.left): c.right for c in conditions_of(guard) if isinstance(c, Compare)}
    return tuple(
        bound._replace(
            lower=limits.get((">=", bound.index), bound.lower), upper=limits.get(("<=", bound.index), bound.upper)
        )
        for bound in bounds
    )


def is_below(factor: Expr) -> bool:
    """Whether a factor is written in a denominator."""
    return isinstance(factor, Power) and _is_negative(factor.exponent)


def different(forms: Iterable[Expr]) -> tuple[Expr, ...]:
    """Return forms without those that are equal to the one before."""
    kept: list[Expr] = []
    for form in forms:
        if not kept or form != kept[-1]:
            kept.append(form)
    return tuple(kept)


_RULES = ("sum", "product", "quotient", "power", "exponential")


def rule(term: Term) -> str:
    """Return the rules of differentiation that a term needs: ``sum and product rule, chain rule through log``."""
    expression = _part_that_reads(term.equation.expression, term.operand.name)
    rules = list(_rules(expression, _way(term, expression)))
    if isinstance(term.equation.expression, Add):
        rules.insert(0, ("rule", "sum"))
    found = tuple(dict.fromkeys(rules))
    named = {name for kind, name in found if kind == "rule"}
    parts = [_conjoined([name for name in _RULES if name in named], " rule")]
    parts.extend(name for kind, name in found if kind == "other")
    parts.append(_conjoined([name for kind, name in found if kind == "function"], "", "chain rule through "))
    return ", ".join(part for part in parts if part) or "identity"


def _conjoined(names: list[str], tail: str = "", head: str = "") -> str:
    if not names:
        return ""
    listing = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{head}{listing}{tail}"


@dataclass(frozen=True)
class _Way:
    """Which way of several the reading of a term is reached on.

    Attributes
    ----------
    to : tuple of Expr
        What a scalar expression must contain for the reading to stand in it: itself, or the sums that it stands in.
    past : tuple of Expr
        What is not looked into: other readings and sums.
    operand : Access
    exact : bool
        Whether the reading stands in the equation just so, or with another name for a bound index.
    """

    to: tuple[Expr, ...]
    past: tuple[Expr, ...]
    operand: Access
    exact: bool

    def leads_to(self, expr: Expr) -> bool:
        if any(expr is node for node in self.past):
            return False
        return any(expr is node for node in self.to) or any(map(self.leads_to, expr.children))

    def into(self, expr: Expr) -> _Way:
        """Return the way from `expr` on: inside a sum every reading that looks like it is the one."""
        if not any(expr is node for node in self.to):
            return self
        same = (
            node
            for node in walk(expr)
            if isinstance(node, Access) and (node is self.operand if self.exact else node.name == self.operand.name)
        )
        return _Way(tuple(same), (), self.operand, self.exact)


def _part_that_reads(expr: Expr, name: str) -> Expr:
    """Return those terms of a sum that read a quantity: of a thousand terms the others need not be looked at."""
    return expr if not isinstance(expr, Add) else add(*_terms_by_name(expr).get(name, expr.terms))


@lru_cache(maxsize=16)
def _terms_by_name(expr: Add) -> dict[str, list[Expr]]:
    found: dict[str, list[Expr]] = {}
    for term in expr.terms:
        for name in names_of(term):
            found.setdefault(name, []).append(term)
    return found


def _way(term: Term, expression: Expr) -> _Way:
    operand = term.operand
    readers = [node for node in opaque_nodes(expression) if operand.name in names_of(node)]
    found = readers
    if len(readers) > 1:
        own = (operand, term.partial, term.bounds, term.guard)
        found = [
            node
            for node in readers
            for reading in through(node, settle(partial(expression, node)), term.equation.bounds, TRUE)
            if (reading.operand, reading.partial, reading.bounds, reading.guard) == own
        ] or readers  # a function of the network has been written out before
    others = tuple(node for node in readers if node not in found)
    return _Way(tuple(found), others, operand, any(node is operand for node in walk(expression)))


def _rules(expr: Expr, way: _Way) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of the rules on every way from `expr` down to a reading."""
    way = way.into(expr)
    reads = way.leads_to
    match expr:
        case Add():
            yield "rule", "sum"
        case Mul(factors=factors):
            others = [factor for factor in factors if not reads(factor)]
            if any(is_below(factor) and reads(factor) for factor in factors):
                yield "rule", "quotient"
            elif not all(isinstance(factor, Number) for factor in others):
                yield "rule", "product"
            elif others != [MINUS_ONE]:
                yield "other", "constant factor"
        case Power(base=base, exponent=exponent):
            if reads(base):
                yield ("function", "sqrt") if exponent == HALF else ("rule", "power")
            if reads(exponent):
                yield "rule", "exponential"
        case Call() if as_softmax(expr) is not None:
            yield "function", "softmax"
            return
        case Call(function=function):
            yield "function", function
        case Reduction(kind="sum"):
            yield "rule", "sum"
        case Reduction(kind="prod"):
            yield "rule", "product"
        case Reduction(kind=kind):
            yield "function", kind
        case Where() if as_limited_softmax(expr) is not None:
            yield "function", "softmax"
            return
        case Where():
            yield "other", "case by case"
        case Access():
            return
    for child in expr.children:
        if isinstance(expr, Mul) and isinstance(child, Power) and child.exponent is MINUS_ONE:
            child = child.base  # the quotient rule has dealt with it
        if reads(child):
            yield from _rules(child, way)


def _is_negative(expr: Expr) -> bool:
    return isinstance(expr, Number) and expr.value < 0


def _simplifications(derivation: Derivation) -> Iterator[Simplification]:
    names = {adjoint.access.name: Access(adjoint.access.name, ()) for adjoint in derivation.adjoints.values()}
    for adjoint in {id(adjoint): adjoint for adjoint, _ in backwards(derivation)}.values():
        steps: list[tuple[Sentence, Expr]] = []
        before: Expr | None = None
        for step in adjoint.steps:
            if before is not None and step.before != before:
                steps.append((("the same, written otherwise",), with_denominators_last(step.before)))
            steps.append((tuple(_with_names(step.rule, names)), with_denominators_last(step.after)))
            before = step.after
        if steps:
            yield Simplification(adjoint.access, with_denominators_last(adjoint.steps[0].before), tuple(steps))


def _with_names(rule: str, names: Mapping[str, Access]) -> Iterator[str | Expr]:
    """Yield the words of a rule with the adjoints, and what it names the definition of, as expressions."""
    before = ""
    for part in re.split(r"(definition of |\w+)", rule):
        if part:
            yield Access(part, ()) if before == "definition of " else names.get(part, part)
        before = part or before


# ------------------------------------------------------------------------------------------------------------- results


def _seeds(derivation: Derivation) -> tuple[Index, ...]:
    """Return the free indices of what is differentiated; they come first in every adjoint."""
    return tuple(index for index in derivation.of.indices if free_indices(index) and isinstance(index, Index))


def _results(derivation: Derivation) -> tuple[Formula, ...]:
    count = len(_seeds(derivation))
    return tuple(
        formula
        for name, gradient in derivation.gradients.items()
        for formula in by_cases(
            Derivative("D", gradient.of or derivation.of, Access(name, gradient.indices[count:])),
            (gradient.expression,),
            gradient.bounds,
            derivation,
        )
    )


def _adjoints_named(short: Abbreviated) -> dict[str, Adjoint]:
    """Return the adjoints that the results name, and those that these name in turn, as they can be computed."""
    adjoints = short.derivation.adjoints
    by_name = {adjoint.access.name: adjoint for adjoint in adjoints.values()}
    waiting = [gradient.expression for gradient in short.derivation.gradients.values()]
    found: set[str] = set()
    while waiting:
        for name in (names_of(waiting.pop()) & by_name.keys()) - found:
            found.add(name)
            waiting.append(by_name[name].textbook)
    named = {key: adjoint for key, adjoint in adjoints.items() if adjoint.access.name in found}
    keys = {adjoint.access.name: key for key, adjoint in named.items()}
    # Of those that read each other only what they read at their own place comes before: h_bar[t] before a_bar[t].
    reads = {
        key: {
            keys[node.name]
            for node in walk(adjoint.textbook)
            if isinstance(node, Access) and node.name in keys and not _elsewhere(node, by_name[node.name])
        }
        for key, adjoint in named.items()
    }
    return {key: named[key] for group in groups_in_order(reads) for key in group}


def _elsewhere(node: Access, adjoint: Adjoint) -> bool:
    """Whether an adjoint is read at a neighbour of an index, as in ``h_bar[t + 1,j]``."""
    for own, read in zip(adjoint.access.indices, node.indices, strict=True):
        distance = normal(read - own)
        if isinstance(distance, Number) and distance is not ZERO:
            return True
    return False


def _definitions(short: Abbreviated) -> tuple[Formula, ...]:
    """Return what the results name: inner values of equations, and adjoints."""
    derivation = short.derivation
    formulas = [gradient.expression for gradient in derivation.gradients.values()]
    formulas.extend(adjoint.textbook for adjoint in _adjoints_named(short).values())
    read = {name for form in formulas for name in names_of(form)}
    return (
        *(_forward(equation, derivation) for equation in short.values if equation.name in read),
        *(
            formula
            for adjoint in _adjoints_named(short).values()
            for formula in by_cases(adjoint.access, (adjoint.textbook,), free_part(adjoint, derivation), derivation)
        ),
    )
