"""Reverse mode: read the equations backwards and add up every path to each quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    add,
    bound_apart,
    compare,
    free_indices,
    fresh_index,
    iverson,
    junction,
    mul,
    names_of,
    substitute,
)
from symprop.algebra.indices import decide
from symprop.declaration.network import Equation, Network, Objective
from symprop.declaration.quantity import Quantity
from symprop.derivation.gather import gather
from symprop.derivation.local_partials import expand_functions, readings
from symprop.derivation.simplify import consistent, final_forms, simplified, templates_of
from symprop.derivation.steps import Adjoint, Derivation, Gradient, Term, adjoint_name
from symprop.derivation.templates import Renaming, Templates
from symprop.errors import DeclarationError, listed, nearest


def backpropagate(
    network: Network,
    of: Access | str | None = None,
    wrt: Iterable[str] | None = None,
    *,
    simplify: bool = True,
) -> Derivation:
    """Return the derivation of ``d of/d wrt``, every adjoint named and simplified.

    Parameters
    ----------
    network : Network
    of : Access or str, optional
        What is differentiated: a quantity (all components: the result carries its indices first), a component such as
        ``Access("y", (number(1),))``, or None for the objective.
    wrt : iterable of str, optional
        Quantities by which; None means every parameter.
    simplify : bool
        Whether to bring adjoints into textbook form; without, they are the plain sums of their terms.

    Raises
    ------
    DeclarationError
        If a name is unknown, or there is no objective.
    """
    names = tuple(wrt) if wrt is not None else network.parameters
    for name in names:
        known_quantity(network, name)
    if of is None and len({objective.name for objective in network.objectives}) > 1:
        return _each_by_its_own(network, names, simplify)
    source = source_of(network, of)
    known_quantity(network, source.name)
    return _Sweep(network, source, names, simplify).derivation(network.objective if of is None else None)


def _each_by_its_own(network: Network, names: tuple[str, ...], simplify: bool) -> Derivation:
    """Return the derivation of several objectives, each by the names it is minimised or maximised over.

    A name that no objective is said to be over belongs to the first. An adjoint of a later objective is kept under
    ``z, LG`` if the first has one of that quantity too, and called ``z_bar2``. An objective that is minimised over some
    names and maximised over others is derived by all of them at once.
    """
    first = network.objectives[0]
    over: dict[str, set[str]] = {objective.name: set() for objective in network.objectives}
    for objective in network.objectives:
        over[objective.name].update(objective.over or ())
    shares = {name: [n for n in names if n in members] for name, members in over.items()}
    claimed = {name for share in shares.values() for name in share}
    shares[first.name] = [name for name in names if name not in claimed or name in shares[first.name]]
    adjoints: dict[str, Adjoint] = {}
    gradients: dict[str, Gradient] = {}
    parts: dict[str, Derivation] = {}
    taken = set(network.quantities)
    for objective in network.objectives:
        share = tuple(shares[objective.name])
        if not share or objective.name in parts:
            continue
        part = _Sweep(network, Access(objective.name, ()), share, simplify, frozenset(taken)).derivation(objective)
        parts[objective.name] = part
        for name, adjoint in part.adjoints.items():
            adjoints[name if name not in adjoints else f"{name}, {objective.name}"] = adjoint
            taken.add(adjoint.access.name)
        gradients.update({name: replace(gradient, of=part.of) for name, gradient in part.gradients.items()})
    ordered = {name: gradients[name] for name in names}
    return Derivation(network, Access(first.name, ()), first, names, adjoints, ordered, parts=parts)


def source_of(network: Network, of: Access | str | None) -> Access:
    """Return what is differentiated as an access; None means the objective."""
    if of is None:
        if network.objective is None:
            last = network.equations[-1].target if network.equations else None
            place = network.place_of(last.name) if last is not None else {}
            hint = "Define a scalar such as L = sum(k, (y[k] - t[k])**2), or name what to differentiate: of='y'."
            if last is not None:
                over = ", ".join(axis.index.name for axis in network.quantities[last.name].axes)
                whole = network.quantities[last.name].access
                scalar = f"L = sum({over}, {whole}**2)"
                hint = f"Define one, such as {scalar}, or name what to differentiate: of='{last.name}'."
            raise DeclarationError("there is no scalar to differentiate", hint=hint, **place)
        return Access(network.objective.name, ())
    if isinstance(of, str):
        return known_quantity(network, of).access
    return of


def known_quantity(network: Network, name: str) -> Quantity:
    """Return the quantity called `name`, or raise a `DeclarationError` that offers the nearest."""
    quantity = network.quantities.get(name)
    if quantity is None:
        close = nearest(name, network.quantities)
        known = listed(name, network.quantities)
        hint = f"Did you mean '{close}'? Known: {known}." if close else f"Known: {known}."
        raise DeclarationError(f"the network has no quantity '{name}'", hint=hint)
    return quantity


def bounds_of_access(network: Network, access: Access) -> tuple[Bound, ...]:
    """Return the free indices of an access such as ``y[i]`` or ``y[1, i]``, with their ranges, in written order."""
    quantity = network.quantities[access.name]
    found: dict[Index, Bound] = {}
    for axis, index in zip(quantity.axes, access.indices, strict=True):
        if isinstance(index, Index):
            found.setdefault(index, Bound(index, axis.lower, axis.upper))
    for index in sorted(free_indices(access) - set(found), key=lambda index: index.name):
        declared = network.indices[index]
        found[index] = Bound(index, declared.lower, declared.upper)
    return tuple(found.values())


def between(network: Network, wrt: Iterable[str], source: str) -> frozenset[str]:
    """Return the names on a path from one of `wrt` to `source`, both ends included."""
    depends = set(wrt)
    reads = {
        group: frozenset().union(
            *(names_of(equation.expression) for name in group for equation in network.definitions[name])
        )
        for group in network.groups
    }
    for group in network.groups:
        if reads[group] & depends:
            depends.update(group)
    feeds = {source}
    for group in reversed(network.groups):
        if feeds.intersection(group):
            feeds.update(group, reads[group])
    return frozenset(depends & feeds) | {source}


class _Sweep:
    """One reverse sweep. Adjoints of a source with free indices carry those indices first."""

    def __init__(
        self,
        network: Network,
        source: Access,
        wrt: tuple[str, ...],
        simplify: bool,
        taken: frozenset[str] = frozenset(),
    ) -> None:
        self.network = network
        self.taken = taken or frozenset(network.quantities)  # names that adjoints must not have
        self.source = source
        self.wrt = wrt
        self.simplify = simplify
        self.seed_bounds = bounds_of_access(network, source)
        self.seeds = tuple(bound.index for bound in self.seed_bounds)
        self.terms: dict[str, list[Term]] = {}
        self.adjoints: dict[str, Adjoint] = {}
        self.by_access: dict[str, Adjoint] = {}
        self.templates = templates_of(network)
        self.gathered: Templates[Expr] = Templates(Renaming.apply)
        # Only what depends on wrt and feeds the source gets an adjoint.
        self.wanted = between(network, wrt, source.name)

    def derivation(self, objective: Objective | None) -> Derivation:
        self.seed()
        for group in self.backwards():
            if self.network.is_recurrent(group):
                # The adjoint of a recurrence is a recurrence the other way: its equations name each other's adjoints.
                for name in group:
                    self.pull_back_all(name)
                for name in group:
                    self.finish(name)
            else:
                (name,) = group
                self.finish(name)
                if self.adjoints[name].expression is not ZERO:
                    self.pull_back_all(name)
        for name in self.wrt:
            if name not in self.adjoints:
                self.finish(name)
        final: Mapping[str, Expr] = final_forms(self.adjoints, self.network) if self.simplify else {}
        if self.simplify:
            final = consistent(final, self.wrt, self.adjoints, self.network)
        gradients = {name: self.gradient(name, final) for name in self.wrt}
        return Derivation(self.network, self.source, objective, self.wrt, dict(self.adjoints), gradients)

    def backwards(self) -> tuple[tuple[str, ...], ...]:
        """The groups of quantities that get an adjoint, each after everything that reads it."""
        groups = tuple(
            tuple(name for name in reversed(group) if name in self.wanted) for group in reversed(self.network.groups)
        )
        return tuple(group for group in groups if group)

    def pull_back_all(self, name: str) -> None:
        for equation in self.network.definitions.get(name, ()):
            self.pull_back(equation)

    def seed(self) -> None:
        """The derivative of the source by itself is 1: for a component, 1 there and 0 elsewhere."""
        access, bounds = self.adjoint_access(self.source.name)
        own = access.indices[len(self.seeds) :]
        same = junction("and", *(compare("==", a, b) for a, b in zip(own, self.source.indices, strict=True)))
        expression = iverson(decide(same, bounds))
        self.keep(Adjoint(self.source.name, access, bounds, (), expression, expression))

    def keep(self, adjoint: Adjoint) -> None:
        self.adjoints[adjoint.of] = self.by_access[adjoint.access.name] = adjoint

    def adjoint_access(self, name: str) -> tuple[Access, tuple[Bound, ...]]:
        """Return ``v_bar[seeds, own indices]`` and the ranges of those indices."""
        quantity = self.network.quantities[name]
        taken = set(self.seeds)
        bounds = list(self.seed_bounds)
        indices: list[Expr] = list(self.seeds)
        for axis in quantity.axes:
            index = fresh_index(axis.index, taken)
            taken.add(index)
            bounds.append(Bound(index, axis.lower, axis.upper))
            indices.append(index)
        return Access(adjoint_name(name, self.taken), tuple(indices)), tuple(bounds)

    def pull_back(self, equation: Equation) -> None:
        """Add what each reading in `equation` contributes to the adjoint of what it reads."""
        renamed = self.apart_from_seeds(equation)
        cotangent = Access(adjoint_name(equation.name, self.taken), (*self.seeds, *renamed.target.indices))
        for reading in readings(renamed, self.network):
            name = reading.operand.name
            if name not in self.wanted or self.network.quantities[name].role == "constant":
                continue
            access, bounds = self.adjoint_access(name)
            own = access.indices[len(self.seeds) :]
            value = mul(cotangent, reading.partial)
            if self.is_unit(equation.name):
                value = reading.partial
            question = (reading.operand, value, reading.bounds, reading.guard, own, bounds)
            found = self.gathered.recall(question)
            gathered = found if found is not None else self.gathered.keep(question, {}, gather(*question))
            if gathered is ZERO:
                continue
            term = Term(renamed, reading.operand, reading.bounds, reading.guard, reading.partial, value, gathered)
            self.terms.setdefault(name, []).append(term)

    def is_unit(self, name: str) -> bool:
        """Whether the adjoint is the number 1, as that of a scalar objective: it need not be written."""
        return name in self.adjoints and self.adjoints[name].expression is ONE

    def apart_from_seeds(self, equation: Equation) -> Equation:
        """Rename indices of the equation that a seed index already uses."""
        if not self.seeds:
            return equation
        mapping: dict[Expr, Expr] = {}
        taken = set(self.seeds) | {bound.index for bound in equation.bounds} | free_indices(equation.expression)
        bounds = []
        for bound in equation.bounds:
            index = bound.index
            if index in self.seeds:
                index = fresh_index(index, taken)
                taken.add(index)
                mapping[bound.index] = index
            bounds.append(Bound(index, bound.lower, bound.upper, bound.written))
        target = substitute(equation.target, mapping)
        assert isinstance(target, Access)
        expression = substitute(expand_functions(equation.expression, self.network), mapping)
        expression = bound_apart(expression, set(self.seeds))
        return Equation(target, tuple(bounds), expression, equation.line, equation.text)

    def finish(self, name: str) -> None:
        """All readers of `name` have been seen: its adjoint is the sum of its terms."""
        terms = tuple(self.terms.get(name, ()))
        access, bounds = self.adjoint_access(name)
        seed = self.adjoints[name].expression if name in self.adjoints else ZERO
        total = add(seed, *(term.gathered for term in terms))
        if self.simplify:
            expression, textbook, steps = simplified(total, terms, bounds, self.network, self.by_access, self.templates)
        else:
            expression, textbook, steps = total, total, ()
        self.keep(Adjoint(name, access, bounds, terms, expression, textbook, steps))

    def gradient(self, name: str, final: Mapping[str, Expr]) -> Gradient:
        adjoint = self.adjoints[name]
        indices = tuple(index for index in adjoint.access.indices if isinstance(index, Index))
        return Gradient(name, indices, adjoint.bounds, final.get(name, adjoint.textbook))
