"""Short names for what the results of a derivation repeat: the deltas of the textbooks, and inner values of equations.

``h[j] = tanh(sum(i, W[j,i]*x[i]) + b[j])`` has no name for what tanh is applied to.  Its adjoint is the delta of
the books: ``delta_h[j] = h_bar[j]*(1 - h[j]**2)``, which the derivatives by W and b and the layer before share.
A function inside an equation, ``sum(j, v[j]*sigmoid(sum(i, W[j,i]*x[i]) + b[j]))``, has no name for its value.
Only the page speaks of these names; a derivation and what is computed from it know nothing of them.

References
----------
Bishop, *Pattern Recognition and Machine Learning* (2006), section 5.3.1: equations 5.53 to 5.56.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from symprop.algebra.expressions import (
    Access,
    Bound,
    Call,
    Expr,
    Index,
    Mul,
    Reduction,
    Where,
    add,
    bound_apart,
    free_indices,
    fresh_index,
    mul,
    names_of,
    negative,
    reduce,
    substitute,
    terms_of,
    walk,
)
from symprop.declaration.network import Equation
from symprop.derivation.patterns import Names, transform_within
from symprop.derivation.simplify import (
    LARGEST_FINAL,
    Context,
    apply_rules,
    cheapest,
    cost,
    softmax_bound,
    write_out,
)
from symprop.derivation.steps import Adjoint, Derivation, spare_name

# What a function is applied to, or its value, gets a name from this length on, and with a sum from half of it.
LONG = 12.0


@dataclass(frozen=True)
class Abbreviated:
    """A derivation whose results use short names, and what these stand for.

    Attributes
    ----------
    derivation : Derivation
        Gradients and adjoints in the short names. A delta is one of its adjoints, without terms.
    deltas : mapping of str to Equation
        By name of the delta, the forward equation for whose argument it is.
    values : tuple of Equation
        Inner values of forward equations, by their new names.
    inside : mapping of str to str
        The quantity whose equation each of these values stands in.
    """

    derivation: Derivation
    deltas: Mapping[str, Equation]
    values: tuple[Equation, ...]
    inside: Mapping[str, str]

    @cached_property
    def inner(self) -> Names:
        """The inner values as rewriting rules."""
        return Names(self.values, worth=False)

    @property
    def names(self) -> frozenset[str]:
        """The short names."""
        return frozenset((*self.deltas, *(equation.name for equation in self.values)))

    def with_values(self, expr: Expr, bounds: tuple[Bound, ...]) -> Expr:
        """Return an expression with inner values by their names, where it speaks of them."""
        return self.inner.fold(expr, bounds) if self.values else expr


def abbreviated(derivation: Derivation, lines: bool = False) -> Abbreviated:
    """Return a derivation whose results have a name for every delta and inner value that they read twice or more.

    Parameters
    ----------
    derivation : Derivation
    lines : bool
        Whether the page shows the adjoint of every quantity: inner values that these read count as well.
    """
    if derivation.mode == "forward":
        return Abbreviated(derivation, {}, (), {})
    forms = _Forms.of(derivation)
    deltas = forms.with_deltas()
    values = forms.with_values(lines)
    gradients = {
        name: replace(gradient, expression=forms.gradients[name]) for name, gradient in derivation.gradients.items()
    }
    adjoints: dict[str, Adjoint] = {}
    for key, adjoint in derivation.adjoints.items():
        adjoints[key] = forms.adjoints.get(adjoint.access.name, adjoint)
        for delta in deltas:
            if delta.of == key:
                adjoints[delta.access.name] = forms.adjoints[delta.access.name]
    named = replace(derivation, gradients=gradients, adjoints=adjoints)
    by_delta = {delta.access.name: delta.equation for delta in deltas}
    return Abbreviated(named, by_delta, tuple(e for e, _ in values), {e.name: name for e, name in values})


@dataclass(frozen=True)
class _Delta:
    """A candidate: the adjoint of what the function of `equation` is applied to, in the adjoint of its value and as
    short as it gets."""

    of: str
    access: Access
    bounds: tuple[Bound, ...]
    equation: Equation
    plain: Expr
    short: Expr

    @property
    def patterns(self) -> tuple[Equation, ...]:
        """The forms by which it is recognised."""
        forms = (self.plain,) if self.plain == self.short else (self.plain, self.short)
        return tuple(Equation(self.access, self.bounds, form) for form in forms)


@dataclass
class _Forms:
    """The formulas of a page while names are put in: gradients by parameter, adjoints by the name of their access."""

    derivation: Derivation
    gradients: dict[str, Expr]
    adjoints: dict[str, Adjoint]
    by_access: Mapping[str, Adjoint]
    taken: set[str]
    known: dict[int, tuple[Expr, frozenset[str]]] = field(default_factory=dict)  # by id: what formulas read

    def names(self, expr: Expr) -> frozenset[str]:
        """Return the names that an expression reads; each is asked for many times."""
        found = self.known.get(id(expr))
        if found is None:
            found = self.known[id(expr)] = expr, names_of(expr)
        return found[1]

    def folded(self, equations: Iterable[Equation]) -> list[Expr]:
        """Return what every formula of the page becomes with the names of `equations` for their right sides."""
        names = Names(equations, worth=False)
        return [names.fold(expr, bounds) for expr, bounds in self.ranged()]

    @classmethod
    def of(cls, derivation: Derivation) -> _Forms:
        """Return the results of a derivation and the adjoints that they need."""
        by_access = {adjoint.access.name: adjoint for adjoint in derivation.adjoints.values()}
        gradients = {name: gradient.expression for name, gradient in derivation.gradients.items()}
        network = derivation.network
        taken = {*network.quantities, *(index.name for index in network.indices), *by_access}
        forms = cls(derivation, gradients, dict(by_access), by_access, taken)
        needed = forms.needed()
        forms.adjoints = {name: adjoint for name, adjoint in by_access.items() if name in needed}
        return forms

    def needed(self) -> set[str]:
        """Return the names of the adjoints that the results read, and those that these read in turn."""
        found: set[str] = set()
        waiting = list(self.gradients.values())
        while waiting:
            for name in (self.names(waiting.pop()) & self.adjoints.keys()) - found:
                found.add(name)
                waiting.append(self.adjoints[name].textbook)
        return found

    def fold(self, equations: Iterable[Equation]) -> None:
        """Put the names of `equations` into every formula."""
        names = Names(equations, worth=False)
        for name, expr in self.gradients.items():
            self.gradients[name] = names.fold(expr, self.derivation.gradients[name].bounds)
        for name, adjoint in self.adjoints.items():
            form = names.fold(adjoint.textbook, adjoint.bounds)
            if form is not adjoint.textbook:
                self.adjoints[name] = replace(adjoint, textbook=form)

    # -------------------------------------------------------------------------------------------------------- deltas

    def with_deltas(self) -> list[_Delta]:
        """Put in every delta that is read twice or more, or takes the place of an adjoint, and return them."""
        candidates = list(self.candidates())
        folded = self.folded(pattern for delta in candidates for pattern in delta.patterns)
        reads = _readings(folded)
        kept = [delta for delta in candidates if reads[delta.access.name] > 1 or self.replaces(delta, reads)]
        self.fold(pattern for delta in kept for pattern in delta.patterns)
        for delta in kept:
            access = delta.access
            self.adjoints[access.name] = Adjoint(delta.of, access, delta.bounds, (), delta.plain, delta.plain)
        readers: dict[str, set[str]] = {}
        forms = [(name, self.adjoints[name].textbook) for name in self.needed()]
        for reader, form in (*forms, *(("", form) for form in self.gradients.values())):
            for name in self.names(form):
                readers.setdefault(name, set()).add(reader)
        for delta in kept:
            self.without_adjoint_of_value(delta, readers)
        return kept

    def replaces(self, delta: _Delta, reads: Mapping[str, int]) -> bool:
        """Whether all that reads the adjoint of the value reads it in the delta, which can then do without it."""
        adjoint = self.derivation.adjoints[delta.of]
        name = adjoint.access.name
        if not reads[delta.access.name] or reads[name] or not adjoint.terms:
            return False
        if any(isinstance(node, Where) for node in walk(adjoint.textbook)):
            return False
        return cost(delta.short) <= cost(adjoint.textbook) + cost(delta.plain)

    def ranged(self) -> Iterator[tuple[Expr, tuple[Bound, ...]]]:
        for name, expr in self.gradients.items():
            yield expr, self.derivation.gradients[name].bounds
        for adjoint in self.adjoints.values():
            yield adjoint.textbook, adjoint.bounds

    def candidates(self) -> Iterator[_Delta]:
        """Yield the adjoint of the argument for each equation that applies a function to something without a name."""
        network = self.derivation.network
        seeds = tuple(index for index in self.derivation.of.indices if isinstance(index, Index))
        for key, adjoint in self.derivation.adjoints.items():
            equations = network.definitions.get(key, ())
            running = [e for e in equations if all(isinstance(index, Index) for index in e.target.indices)]
            if len(running) != 1 or adjoint.access.name not in self.adjoints or seeds:
                continue
            (equation,) = running
            value = Access(adjoint.access.name, equation.target.indices)
            context = Context(network, equation.bounds, self.by_access, (equation,))
            plain = _delta(equation, value, context)
            if plain is None:
                continue
            name = spare_name(f"delta_{key}", self.taken)
            self.taken.add(name)
            access = Access(name, equation.target.indices)
            inlined = write_out(plain, value, adjoint)
            short = bound_apart(inlined, free_indices(access))
            short = cheapest(short, context) if cost(short) <= 2 * LARGEST_FINAL else plain
            yield _Delta(key, access, equation.bounds, equation, plain, short)

    def without_adjoint_of_value(self, delta: _Delta, readers: Mapping[str, set[str]]) -> None:
        """Write the adjoint of the value out in its delta, if nothing else reads it and that is no longer."""
        own = self.adjoints[delta.access.name]
        name = self.derivation.adjoints[delta.of].access.name
        value = self.adjoints[name]
        if readers.get(name) != {own.access.name}:
            return
        if any(isinstance(node, Where) for node in walk(value.textbook)):
            return  # it is printed by cases
        context = Context(self.derivation.network, delta.bounds, self.by_access, (delta.equation,))
        written = bound_apart(write_out(own.textbook, value.access, value), free_indices(own.access))
        written = _sums_last(cheapest(written, context))
        if cost(written) <= cost(value.textbook) + cost(own.textbook):
            self.adjoints[own.access.name] = replace(own, textbook=written)

    # -------------------------------------------------------------------------------------------------------- values

    def with_values(self, lines: bool) -> list[tuple[Equation, str]]:
        """Put in a name for every inner value or argument that the formulas contain twice or more; return what defines
        each, and in whose equation it stands."""
        found: list[tuple[Equation, str]] = []
        shown = self.derivation.adjoints.values() if lines else ()
        beside = [(adjoint.textbook, adjoint.bounds) for adjoint in shown if adjoint.access.name not in self.adjoints]
        # Values before arguments: what a name covers needs no other.
        for arguments in (False, True):
            candidates: list[tuple[Equation, str]] = []
            for equation in self.derivation.network.equations:
                for inner, bounds, word in _inner(equation):
                    if (word == "argument") is arguments:
                        name = spare_name(f"{equation.name}_{word}", self.taken)
                        self.taken.add(name)
                        target = Access(name, tuple(bound.index for bound in bounds))
                        candidates.append((Equation(target, bounds, inner), equation.name))
            if candidates:
                names = Names((candidate for candidate, _ in candidates), worth=False)
                reads = _readings(names.fold(expr, bounds) for expr, bounds in (*self.ranged(), *beside))
                kept = [pair for pair in candidates if reads[pair[0].name] > 1]
                self.fold(candidate for candidate, _ in kept)
                found.extend(kept)
        return found


def _readings(formulas: Iterable[Expr]) -> Counter[str]:
    """Return how often each name is read."""
    return Counter(node.name for formula in formulas for node in walk(formula) if isinstance(node, Access))


def _delta(equation: Equation, value: Access, context: Context) -> Expr | None:
    """Return the adjoint of what the function of `equation` is applied to, given that of its value; None if the right
    side is no function of one argument, or if the argument has a name."""
    bound = softmax_bound(equation)
    if bound is not None:
        index = fresh_index(bound.index, {other.index for other in equation.bounds} | free_indices(value))
        there: dict[Expr, Expr] = {bound.index: index}
        total = mul(substitute(value, there), substitute(equation.target, there))
        rest = negative(reduce("sum", (bound._replace(index=index),), total))
        call = next(node for node in walk(equation.expression) if isinstance(node, Call) and node.function == "exp")
        others = [t for t in terms_of(call.arguments[0]) if not isinstance(negative(t), Reduction)]
        if all(isinstance(term, Access) for term in others) and len(others) == 1:
            return None
        return mul(equation.target, add(value, rest))
    match equation.expression:
        case Call(arguments=(argument, *others), orders=()) as call if not isinstance(argument, Access):
            if any(names_of(other) for other in others):
                return None
            slope = Call(call.function, call.arguments, (1, *(0 for _ in others)))
            return apply_rules(mul(value, slope), context)
    return None


def _inner(equation: Equation) -> Iterator[tuple[Expr, tuple[Bound, ...], str]]:
    """Yield long values and arguments of functions inside an equation, with the ranges of their indices and a word."""
    found: dict[Expr, tuple[tuple[Bound, ...], str]] = {}
    whole = equation.expression

    def note(node: Expr, ranges: tuple[Bound, ...]) -> Expr:
        if isinstance(node, Call) and not node.orders and len(node.arguments) == 1 and softmax_bound(equation) is None:
            used = free_indices(node)
            bounds = tuple(bound for bound in ranges if bound.index in used)
            if {bound.index for bound in bounds} == used:
                if node is not whole and _is_long(node):
                    found.setdefault(node, (bounds, node.function))
                (argument,) = node.arguments
                if _is_long(argument):
                    found.setdefault(argument, (bounds, "argument"))
        return node

    transform_within(whole, equation.bounds, note)
    for expr, (bounds, word) in reversed(tuple(found.items())):  # outer ones first
        yield expr, bounds, word


def _is_long(expr: Expr) -> bool:
    return cost(expr) >= (LONG / 2 if any(isinstance(node, Reduction) for node in walk(expr)) else LONG)


def _sums_last(expr: Expr) -> Expr:
    """Return a product with its sums over an index last: ``h[j]*(1 - h[j])*sum(...)``."""
    if not isinstance(expr, Mul):
        return expr
    sums = [f for f in expr.factors if not isinstance(f, Access) and any(isinstance(n, Reduction) for n in walk(f))]
    return Mul((*(factor for factor in expr.factors if factor not in sums), *sums))
