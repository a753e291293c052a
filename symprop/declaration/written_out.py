"""A network written out: for small sizes, every component of every quantity as a scalar of its own.

``a[j] = sum(i, alpha[j,i]*x[i])`` becomes, for ``j = 1..2`` and ``i = 0..1``, ``a_1 = alpha_10*x_0 + alpha_11*x_1`` and
``a_2 = alpha_20*x_0 + alpha_21*x_1``: a network like any other, without indices, derived and printed as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Call,
    Compare,
    Expr,
    Index,
    Junction,
    Number,
    Reduction,
    Size,
    Where,
    add,
    call,
    compare,
    divide,
    junction,
    mul,
    names_of,
    number,
    substitute,
    walk,
    where,
)
from symprop.algebra.writer import as_softmax
from symprop.declaration.network import Equation, Fact, Network
from symprop.declaration.order import groups_in_order
from symprop.declaration.quantity import Axis, Quantity
from symprop.declaration.sizes import SizeValue, fold, layers_of, size_names, solve_sizes
from symprop.errors import MissingRuleError, OptionError, ShapeError

# More scalars than this fill pages that nobody reads.
MOST_SCALARS = 60

# No sum, and no chain of cases, is written out that has more terms.
MOST_TERMS = 1000

Place = tuple[int, ...]


@dataclass(frozen=True)
class WrittenOut:
    """A network of scalars, and which scalar is which component.

    Attributes
    ----------
    network : Network
    names : mapping of str to mapping of tuple of int to str
        By name of a quantity of the network it was made from: the scalars by indices.
    """

    network: Network
    names: Mapping[str, Mapping[Place, str]]

    def component(self, access: Access) -> str | None:
        """Return the scalar that an access with constant indices is, or None."""
        if not all(isinstance(index, Number) for index in access.indices):
            return None
        place = tuple(int(index.value) for index in access.indices if isinstance(index, Number))
        return self.names[access.name].get(place)


def write_out(network: Network, sizes: Mapping[str, SizeValue] | None = None) -> WrittenOut:
    """Return a network with every component as a scalar, every sum written out.

    Parameters
    ----------
    network : Network
    sizes : mapping of str to int or sequence of int, optional
        Sizes, dimensionless; those that the network defines may be left out.

    Raises
    ------
    OptionError
        If a size is not known, or there would be too many scalars.
    MissingRuleError
        If something has no such form, as an ``argmax``.
    ShapeError, DeclarationError
        If the sizes contradict each other, or there is no size of a name.
    """
    return _Writer(network, solved(network, sizes)).write()


def solved(network: Network, sizes: Mapping[str, SizeValue] | None) -> dict[Expr, Expr]:
    """Return every size of a network and its value."""
    known = solve_sizes(network, {}, sizes, complete=False)
    missing = [name for name in size_names(network) if name not in known]
    if missing:
        names = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
        values = {name: [2, 2] if layers_of(network, name) else 2 + n for n, name in enumerate(missing)}
        options = " ".join(f"--size {name}={str(value).replace(' ', '')}" for name, value in values.items())
        inside = ", ".join(f'"{name}": {value}' for name, value in values.items())
        raise OptionError(
            f"scalar notation writes every component out, and needs to know {names}",
            hint=f"Give small numbers: {options}, or sizes={{{inside}}}.",
        )
    values_of: dict[Expr, Expr] = {}
    for name, value in known.items():
        layers = layers_of(network, name)
        if isinstance(value, int) or layers is None:
            values_of[Size(name)] = number(int(value))  # type: ignore[arg-type]
            continue
        first = _whole(fold(layers[0], values_of))
        values_of.update({Size(name, (number(first + n),)): number(each) for n, each in enumerate(value)})
    return values_of


def _whole(expr: Expr) -> int:
    if not isinstance(expr, Number) or expr.value.denominator != 1:
        raise ShapeError(f"{expr} is not an integer")
    return int(expr.value)


class _Writer:
    def __init__(self, network: Network, sizes: dict[Expr, Expr]) -> None:
        self.network = network
        self.sizes = sizes
        self.names: dict[str, dict[Place, str]] = {}
        self.normalizers: dict[Expr, Access] = {}
        self.taken = {*network.quantities, *network.functions}

    def write(self) -> WrittenOut:
        given = {quantity.name for quantity in self.network.quantities.values() if quantity.role != "defined"}
        defined = [(equation, env) for equation in self.network.equations for env in self.loops(equation.bounds, {})]
        components: dict[str, list[Place]] = {name: [] for name in self.network.quantities}
        for name in given:
            components[name] = list(self.places(self.network.quantities[name].axes, {}))
            self.refuse_many(components)
        for equation, env in defined:
            place = self.place(equation.target, env)
            if place not in components[equation.name]:
                components[equation.name].append(place)
                self.refuse_many(components)
        self.names = {name: self.named(name, places) for name, places in components.items()}
        equations = []
        for equation, env in defined:
            name = self.names[equation.name][self.place(equation.target, env)]
            equations.append(Equation(Access(name, ()), (), self.scalar(equation.expression, env), equation.line))
        sums = [Equation(name, (), total) for total, name in self.normalizers.items()]
        return WrittenOut(self.assembled([*equations, *sums]), self.names)

    def assembled(self, equations: list[Equation]) -> Network:
        network = self.network
        by_name = {equation.name: equation for equation in equations}
        order = groups_in_order({name: names_of(equation.expression) for name, equation in by_name.items()})
        quantities = {
            scalar: self.quantity(network.quantities[name], scalar, scalar in by_name)
            for name, components in self.names.items()
            for scalar in components.values()
        }
        quantities.update({name.name: Quantity(name.name, "defined") for name in self.normalizers.values()})
        objectives = tuple(
            objective
            if objective.over is None
            else replace(objective, over=tuple(s for name in objective.over for s in self.names[name].values()))
            for objective in network.objectives
        )
        return Network(
            quantities,
            tuple(by_name[name] for group in order for name in group),
            {},
            {},
            network.functions,
            objectives,
            tuple(self.facts()),
            tuple(s for name in network.predictions for s in self.names.get(name, {}).values()),
            None,
            network.declares_roles,
        )

    def quantity(self, quantity: Quantity, name: str, defined: bool) -> Quantity:
        role = "defined" if defined else quantity.role
        domain = quantity.domain
        if domain is not None:
            lower, upper = (None if limit is None else self.folded(limit, {}) for limit in (domain.lower, domain.upper))
            domain = replace(domain, lower=lower, upper=upper)
        return replace(quantity, name=name, role=role, axes=(), domain=domain, zero_outside=False)

    # Components.

    def places(self, axes: Sequence[Axis], env: Mapping[Index, int]) -> Iterator[Place]:
        """Yield the indices of all components, the last running fastest; limits may use the axes before."""
        if not axes:
            yield ()
            return
        first, *others = axes
        for value in self.range(first.lower, first.upper, env):
            for rest in self.places(others, {**env, first.index: value}):
                yield (value, *rest)

    def loops(self, bounds: Sequence[Bound], env: Mapping[Index, int]) -> Iterator[dict[Index, int]]:
        """Yield the values of indices inside `env`, the last running fastest."""
        axes = [Axis(bound.index, bound.lower, bound.upper) for bound in bounds]
        for place in self.places(axes, env):
            yield {**env, **dict(zip((bound.index for bound in bounds), place, strict=True))}

    def range(self, lower: Expr, upper: Expr, env: Mapping[Index, int]) -> range:
        first, last = (_whole(self.folded(limit, env)) for limit in (lower, upper))
        if last - first >= MOST_TERMS:
            raise OptionError(
                f"an index would take {last - first + 1} values, and scalar notation writes every one out",
                hint="Choose smaller sizes.",
            )
        return range(first, last + 1)

    def folded(self, expr: Expr, env: Mapping[Index, int]) -> Expr:
        values: dict[Expr, Expr] = {index: number(value) for index, value in env.items()}
        # Twice: n(l) is a size only when l is known.
        return fold(fold(expr, values), {**self.sizes, **self.network.constant_values()})

    def place(self, access: Access, env: Mapping[Index, int]) -> Place:
        return tuple(_whole(self.folded(index, env)) for index in access.indices)

    def refuse_many(self, components: Mapping[str, Sequence[Place]]) -> None:
        count = sum(map(len, components.values()))
        if count > MOST_SCALARS:
            sizes = ", ".join(f"{size} = {value}" for size, value in self.sizes.items())
            raise OptionError(
                f"scalar notation is for at most {MOST_SCALARS} scalars, and there would be {count} or more",
                hint=f"Choose smaller sizes than {sizes}, or another notation." if sizes else "Use another notation.",
            )

    def named(self, name: str, places: Sequence[Place]) -> dict[Place, str]:
        """Return the names of the components: alpha_10, or alpha_1_10 if an index has two digits."""
        if places == [()]:
            return {(): name}
        short = all(0 <= n <= 9 for place in places for n in place)
        separator = "" if short else "_"
        stem = f"{name}_"
        while True:
            found = {p: stem + separator.join(f"m{-n}" if n < 0 else str(n) for n in p) for p in places}
            if not self.taken.intersection(found.values()):
                self.taken.update(found.values())
                return found
            stem += "_"

    def facts(self) -> Iterator[Fact]:
        for fact in self.network.facts:
            for env in self.loops(fact.bounds, {}):
                left, right = fact.left, fact.right
                if fact.kind == "onehot" and isinstance(left, Access) and isinstance(right, Index):
                    axes = self.network.quantities[left.name].axes
                    axis = axes[left.indices.index(right)]
                    left, right = Reduction("sum", (Bound(right, axis.lower, axis.upper),), left), ONE
                sides = self.scalar(left, env), self.scalar(right, env)
                if sides[0] != sides[1]:
                    yield Fact("equal", *sides, (), fact.line)

    # Expressions.

    def scalar(self, expr: Expr, env: Mapping[Index, int]) -> Expr:
        """Return an expression at given indices in the scalars' names."""
        match expr:
            case Index() | Size():
                return number(_whole(self.folded(expr, env)))
            case Access(name=name, indices=indices):
                return self.component(name, indices, env) if indices else expr
            case Reduction():
                return self.reduction(expr, env)
            case Where(condition=condition, then=then, otherwise=otherwise):
                decided = self.scalar(condition, env)
                if not isinstance(decided, Junction) or decided.conditions:
                    return where(decided, self.scalar(then, env), self.scalar(otherwise, env))
                return self.scalar(then if decided is TRUE else otherwise, env)
            case Compare(operator=operator, left=left, right=right):
                return compare(operator, self.scalar(left, env), self.scalar(right, env))
            case Junction(operator=operator, conditions=conditions):
                return junction(operator, *(self.scalar(condition, env) for condition in conditions))
            case Call() if (softmax := as_softmax(expr)) is not None:
                return self.softmax(expr, *softmax, env)
        children = expr.children
        return expr.rebuild(tuple(self.scalar(child, env) for child in children)) if children else expr

    def component(self, name: str, indices: tuple[Expr, ...], env: Mapping[Index, int]) -> Expr:
        read = next((node for index in indices for node in walk(index) if isinstance(node, Access)), None)
        if read is not None:
            return self.chosen(name, indices, read, env)
        place = tuple(_whole(self.folded(index, env)) for index in indices)
        found = self.names[name].get(place)
        if found is not None:
            return Access(found, ())
        if self.network.quantities[name].zero_outside:
            return ZERO
        raise ShapeError(
            f"{name}[{','.join(map(str, place))}] lies outside the range of {self.network.quantities[name].access}",
            hint="Choose larger sizes.",
        )

    def chosen(self, name: str, indices: tuple[Expr, ...], read: Access, env: Mapping[Index, int]) -> Expr:
        """Return a quantity read at an integer input: one case for every value."""
        domain = self.network.quantities[read.name].domain
        if domain is None or domain.lower is None or domain.upper is None:
            raise MissingRuleError(f"the values of {read.name} are not known, so {name} cannot be written out")
        index = self.scalar(read, env)
        cases: Expr | None = None
        for value in reversed(self.range(domain.lower, domain.upper, env)):
            at = tuple(substitute(inner, {read: number(value)}) for inner in indices)
            here = self.component(name, at, env)
            cases = here if cases is None else where(compare("==", index, number(value)), here, cases)
        assert cases is not None
        return cases

    def softmax(self, expr: Call, index: Index, body: Expr, env: Mapping[Index, int]) -> Expr:
        """Return ``exp(a_1)/Z`` with ``Z = exp(a_1) + exp(a_2)``, as one writes it on paper."""
        total = next(node for node in walk(expr) if isinstance(node, Reduction) and node.kind == "logsumexp")
        return divide(call("exp", self.scalar(body, env)), self.normalizer(self.values(total, env)))

    def normalizer(self, values: Sequence[Expr]) -> Expr:
        """Return the name of a sum of exponentials."""
        total = add(*(call("exp", value) for value in values))
        if total not in self.normalizers:
            names = chain(("Z",), (f"Z{n}" for n in count(2)))
            name = next(name for name in names if name not in self.taken)
            self.taken.add(name)
            self.normalizers[total] = Access(name, ())
        return self.normalizers[total]

    def values(self, expr: Reduction, env: Mapping[Index, int]) -> list[Expr]:
        return [self.scalar(expr.body, inner) for inner in self.loops(expr.bounds, env)]

    def reduction(self, expr: Reduction, env: Mapping[Index, int]) -> Expr:
        values = self.values(expr, env)
        match expr.kind:
            case "sum":
                return add(*values)
            case "prod":
                return mul(*values)
            case "logsumexp":
                return call("log", self.normalizer(values))
            case "max" | "min" if values:
                extremum = values[0]
                for value in values[1:]:  # the first argument keeps a tie, as the first index does
                    extremum = call(expr.kind, extremum, value)
                return extremum
        raise MissingRuleError(f"'{expr}' cannot be written out in scalars")
