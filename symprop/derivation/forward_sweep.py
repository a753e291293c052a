"""Forward mode: read the equations forwards and carry the derivative by one quantity along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from symprop.algebra.expressions import (
    TRUE,
    ZERO,
    Access,
    Bound,
    Expr,
    Index,
    add,
    bound_apart,
    compare,
    fresh_index,
    iverson,
    junction,
    mul,
    substitute,
)
from symprop.algebra.indices import conditions_to_where, decide, within
from symprop.declaration.network import Equation, Network
from symprop.derivation.gather import gather, sum_over
from symprop.derivation.local_partials import expand_functions, readings
from symprop.derivation.reverse_sweep import between, known_quantity, source_of
from symprop.derivation.simplify import final_forms, simplified
from symprop.derivation.steps import Adjoint, Derivation, Gradient, Term, tangent_name


def propagate(
    network: Network,
    of: Access | str | None = None,
    wrt: Iterable[str] | None = None,
    *,
    simplify: bool = True,
) -> Derivation:
    """Return the derivation of ``d of/d wrt`` by forward mode: one sweep for each name in `wrt`.

    The tangent ``z_dot[j, i]`` is the derivative of z[j] by component i of the quantity named in `wrt`; own indices
    come first.  Parameters and errors are those of `reverse_sweep.backpropagate`.
    """
    source = source_of(network, of)
    names = tuple(wrt) if wrt is not None else network.parameters
    for name in (*names, source.name):
        known_quantity(network, name)
    tangents: dict[str, Adjoint] = {}
    gradients: dict[str, Gradient] = {}
    for name in names:
        sweep = _Sweep(network, source, name, alone=len(names) == 1, simplify=simplify)
        sweep.run()
        tangents.update(sweep.tangents)
        gradients[name] = sweep.gradient()
    objective = network.objective if of is None else None
    return Derivation(network, source, objective, names, tangents, gradients, mode="forward")


class _Sweep:
    """One forward sweep by one quantity. Its components are the last indices of every tangent."""

    def __init__(self, network: Network, source: Access, by: str, alone: bool, simplify: bool) -> None:
        self.network = network
        self.source = source
        self.by = by
        self.alone = alone
        self.simplify = simplify
        self.wanted = between(network, (by,), source.name)
        self.tangents: dict[str, Adjoint] = {}

    def key(self, name: str) -> str:
        """The tangent's key in `Derivation.adjoints`; several sweeps keep apart by the quantity they are by."""
        return name if self.alone else f"{name}, {self.by}"

    def tangent(self, name: str) -> str:
        return tangent_name(name, None if self.alone else self.by, self.network.quantities)

    def by_access(self) -> dict[str, Adjoint]:
        return {tangent.access.name: tangent for tangent in self.tangents.values()}

    def components(self, taken: set[Index]) -> tuple[Bound, ...]:
        """The indices of the component that everything is differentiated by, apart from those `taken`."""
        bounds = []
        renamed: dict[Expr, Expr] = {}  # an axis may be as long as n(l), l being an axis before it
        for axis in self.network.quantities[self.by].axes:
            index = fresh_index(axis.index, taken)
            taken.add(index)
            bounds.append(Bound(index, substitute(axis.lower, renamed), substitute(axis.upper, renamed)))
            renamed[axis.index] = index
        return tuple(bounds)

    def run(self) -> None:
        for group in self.network.groups:
            for name in group:
                if name in self.wanted:
                    self.finish(name)

    def finish(self, name: str) -> None:
        """The tangent of a quantity: the chain rule over what its equations read."""
        quantity = self.network.quantities[name]
        own = tuple(Bound(axis.index, axis.lower, axis.upper) for axis in quantity.axes)
        seeds = self.components({bound.index for bound in own})
        bounds = (*own, *seeds)
        access = Access(self.tangent(name), tuple(bound.index for bound in bounds))
        terms: list[Term] = []
        for equation in self.network.definitions[name]:
            terms.extend(self.terms_of(equation, own, seeds))
        total = add(*(term.gathered for term in terms))
        if name == self.by:
            total = self.unit(own, seeds)
            terms = []
        if self.simplify:
            expression, textbook, steps = simplified(total, tuple(terms), bounds, self.network, self.by_access())
        else:
            expression, textbook, steps = total, total, ()
        self.tangents[self.key(name)] = Adjoint(name, access, bounds, tuple(terms), expression, textbook, steps)

    def unit(self, own: tuple[Bound, ...], seeds: tuple[Bound, ...]) -> Expr:
        same = (compare("==", a.index, b.index) for a, b in zip(own, seeds, strict=True))
        return iverson(junction("and", *same))

    def terms_of(self, equation: Equation, own: tuple[Bound, ...], seeds: tuple[Bound, ...]) -> Iterable[Term]:
        # The equation in the indices of the quantity, so that its terms can be added up with those of other parts.
        aligned, here = aligned_with(equation, own)
        names = {bound.index for bound in (*own, *seeds)}
        expression = bound_apart(expand_functions(aligned.expression, self.network), names)
        aligned = replace(aligned, expression=expression)
        components = tuple(bound.index for bound in seeds)
        loops_of_equation = {bound.index for bound in aligned.bounds}
        for reading in readings(aligned, self.network):
            name = reading.operand.name
            loops = tuple(bound for bound in reading.bounds if bound.index not in loops_of_equation)
            if name == self.by:
                value = reading.partial
                found = gather(reading.operand, value, loops, reading.guard, components, (*aligned.bounds, *seeds))
            elif name in self.wanted:
                tangent = Access(self.tangent(name), (*reading.operand.indices, *components))
                value = mul(reading.partial, tangent)
                guard = junction("and", reading.guard, self.inside(reading.operand, (*aligned.bounds, *loops)))
                found = sum_over(loops, conditions_to_where(guard, value))
            else:
                continue
            if found is not ZERO:
                found = conditions_to_where(decide(here, own), found)
                yield Term(equation, reading.operand, reading.bounds, reading.guard, reading.partial, value, found)

    def inside(self, operand: Access, bounds: tuple[Bound, ...]) -> Expr:
        """Return where a reading is within its ranges, if it may leave them: a constant 0 beyond has no tangent."""
        quantity = self.network.quantities[operand.name]
        if not quantity.zero_outside:
            return TRUE
        pairs = zip(operand.indices, quantity.axes, strict=True)
        return junction("and", *(within(index, axis.lower, axis.upper, bounds) for index, axis in pairs))

    def gradient(self) -> Gradient:
        tangent = self.tangents.get(self.key(self.source.name))
        if tangent is None:
            bounds = self.components(set())
            return Gradient(self.by, tuple(bound.index for bound in bounds), bounds, ZERO)
        final: Mapping[str, Expr] = final_forms(self.tangents, self.network) if self.simplify else {}
        expression = final.get(self.key(self.source.name), tangent.textbook)
        own = tangent.access.indices[: len(self.source.indices)]
        at = dict(zip(own, self.source.indices, strict=True))
        bounds = tuple(bound for bound in tangent.bounds if at.get(bound.index, bound.index) is bound.index)
        indices = tuple(bound.index for bound in bounds)
        return Gradient(self.by, indices, bounds, substitute(expression, at))


def aligned_with(equation: Equation, own: tuple[Bound, ...]) -> tuple[Equation, Expr]:
    """Return an equation with its target's indices named as `own`, and the condition under which it applies.

    ``u[1] = ...`` applies where the index is 1; ``h[t, j] = ... for t = 1..T`` where ``1 <= t``.
    """
    renamed: dict[Expr, Expr] = {}
    conditions: list[Expr] = []
    ranges = {bound.index: bound for bound in equation.bounds}
    bounds: list[Bound] = []
    for bound, index in zip(own, equation.target.indices, strict=True):
        if isinstance(index, Index):
            renamed[index] = bound.index
    for bound, index in zip(own, equation.target.indices, strict=True):
        if isinstance(index, Index):
            lower, upper = (substitute(limit, renamed) for limit in (ranges[index].lower, ranges[index].upper))
            conditions += [compare("<=", lower, bound.index), compare("<=", bound.index, upper)]
            bounds.append(Bound(bound.index, lower, upper, ranges[index].written))
        else:
            conditions.append(compare("==", bound.index, index))
    target = substitute(equation.target, renamed)
    assert isinstance(target, Access)
    aligned = Equation(target, tuple(bounds), substitute(equation.expression, renamed), equation.line, equation.text)
    return aligned, junction("and", *conditions)
