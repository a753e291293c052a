"""Known slips: every expression that is one slip away from a given one.

A slip is made at one place of an expression: a factor or term left out, a sign turned, an index exchanged, a derivative
taken of the wrong function or at the wrong place.  `slips` yields what results, with the kind of slip and what it was
made of; which of them explains a claim is found by numbers (`diagnose`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import permutations

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    Access,
    Add,
    Bound,
    Call,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    add,
    call,
    coefficient_and_rest,
    factors_of,
    free_indices,
    fresh_index,
    mul,
    negative,
    number,
    power,
    reduce,
    substitute,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.algebra.primitives import OUTPUT
from symprop.declaration.network import Network
from symprop.declaration.quantity import Axis

# Activations whose derivatives are taken for one another.
ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "silu", "identity")


@dataclass(frozen=True)
class Slip:
    """One slip at one place.

    Attributes
    ----------
    kind : str
        A kind of diagnosis.
    what : str
        What was done, as the end of "In the true derivation ...": ``the factor x[i] is left out``.
    undone : str
        How it is mended where the slip is in the claim: ``drop the factor eta``.
    result : Expr
        The expression with the slip.
    part : Expr
        What was left out or replaced.
    """

    kind: str
    what: str
    undone: str
    result: Expr
    part: Expr


class Slips:
    """Makes slips in the names of one network."""

    def __init__(
        self,
        network: Network,
        adjoints: Mapping[str, tuple[str, tuple[Axis, ...]]],
        free: tuple[str, ...] = (),
        spelled: Callable[[Expr], str] = str,
        direct: Callable[[Access, tuple[Bound, ...]], Expr] | None = None,
    ) -> None:
        self.network = network
        self.adjoints = adjoints  # name -> (what it is the adjoint of, its axes)
        self.free = free
        self.spelled = spelled
        self.direct = direct  # what an adjoint is where nothing else is computed from its quantity
        self.axes: dict[str, tuple[Axis, ...]] = {n: q.axes for n, q in network.quantities.items()}
        self.axes.update({name: axes for name, (_, axes) in adjoints.items()})
        self.alike = self.names_alike()
        self.activated = self.activations()

    # Which quantities may be taken for which.

    def names_alike(self) -> dict[str, list[str]]:
        """For each quantity those of the same rank and ranges: they can stand in its place."""
        result: dict[str, list[str]] = {}
        groups: dict[tuple[bool, tuple[Expr, ...]], list[str]] = {}
        for name, axes in self.axes.items():
            groups.setdefault((name in self.adjoints, tuple(axis.extent for axis in axes)), []).append(name)
        for members in groups.values():
            for name in members:
                result[name] = [other for other in members if other != name]
        scalars = [name for name, axes in self.axes.items() if not axes and name not in self.adjoints]
        for name in self.free:
            # An unknown name may be a known one, spelled another way.
            result[name] = sorted(scalars, key=lambda known: known.lower() != name.lower())
        return result

    def activations(self) -> dict[str, tuple[str, Access]]:
        """Quantities that are a function of one other, elementwise: ``z -> (sigmoid, a[j])``."""
        result: dict[str, tuple[str, Access]] = {}
        for name, equations in self.network.definitions.items():
            for equation in equations:
                match equation.expression:
                    case Call(function=function, arguments=(Access() as inner, *_), orders=()) if function in FUNCTIONS:
                        result.setdefault(name, (function, inner))
        return result

    # The walk.

    def left_out(self, expr: Expr, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        """Yield expressions to which something is added that may have been left out: a term, a factor, an exponent."""
        yield from self.at(expr, bounds, self.additions)

    def additions(self, expr: Expr, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        if isinstance(expr, Power) and not isinstance(expr.exponent, Number):
            for exponent in (
                changed
                for bound in bounds
                for changed in (expr.exponent + bound.index, expr.exponent - bound.index, bound.index - expr.exponent)
            ):
                spelled = self.spelled(power(expr.base, exponent))
                what = f"{self.spelled(expr)} should be {spelled}"
                yield self.slip("power", what, expr, power(expr.base, exponent), what)
        if not isinstance(expr, (Access, Add, Call, Power, Reduction)):
            return
        shown = self.spelled(expr)
        for atom in self.atoms(bounds):
            if atom == expr:
                continue
            spelled = self.spelled(atom)
            for result in (expr + atom, expr - atom):
                what = f"the term {spelled} is left out: {shown} should be {self.spelled(result)}"
                yield self.slip("dropped-term", what, atom, result, what)
            what = f"the factor {spelled} is left out, beside {shown}"
            yield self.slip("missing-factor", what, atom, mul(expr, atom), what)

    def atoms(self, bounds: tuple[Bound, ...]) -> Iterator[Access]:
        """Yield every quantity, component by component of the indices at hand."""
        indices = {bound.index for bound in bounds}
        for name, axes in self.axes.items():
            if all(axis.index in indices for axis in axes):
                yield Access(name, tuple(axis.index for axis in axes))

    def at(
        self,
        expr: Expr,
        bounds: tuple[Bound, ...],
        here: Callable[[Expr, tuple[Bound, ...]], Iterator[Slip]] | None = None,
    ) -> Iterator[Slip]:
        """Yield every expression one slip away; `bounds` are the indices that are free or bound around it."""
        yield from (here or self.here)(expr, bounds)
        if isinstance(expr, (Access, Number, Index, Size)):
            return
        if isinstance(expr, Reduction):
            inner = (*bounds, *expr.bounds)
            for slip in self.at(expr.body, inner, here):
                yield replace(slip, result=reduce(expr.kind, expr.bounds, slip.result))
            return
        children = expr.children
        for place, child in enumerate(children):
            if isinstance(expr, Power) and place == 1:
                continue
            if isinstance(expr, Where) and place == 0:
                continue
            if isinstance(expr, Mul) and isinstance(child, Number):
                continue
            for slip in self.at(child, bounds, here):
                if isinstance(expr, Add) and isinstance(child, Mul) and slip.part in child.factors:
                    slip = self.in_term(slip, child)
                changed = (*children[:place], slip.result, *children[place + 1 :])
                yield replace(slip, result=expr.rebuild(changed))

    def here(self, expr: Expr, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        match expr:
            case Add(terms=terms):
                yield from self.in_sum(expr, terms)
            case Mul():
                yield from self.in_product(expr)
            case Power(base=base, exponent=exponent):
                yield from self.in_power(expr, base, exponent)
            case Access():
                yield from self.in_access(expr, bounds)
            case Call():
                yield from self.in_call(expr)
            case Reduction(kind="sum"):
                yield from self.in_reduction(expr, bounds)
            case Where(condition=condition, then=then, otherwise=otherwise):
                yield self.slip(
                    "activation-derivative", "the cases are exchanged", expr, where(condition, otherwise, then)
                )
        if not isinstance(expr, (Number, Index, Size, Reduction)):
            yield from self.summed(expr, bounds)

    def in_term(self, slip: Slip, term: Expr) -> Slip:
        """Say in which term of a sum a factor is left out."""
        found = re.fullmatch(r"(the factor .*) (is (?:left out|too much))", slip.what)
        if found is None:
            return slip
        where_ = f" of the term {self.spelled(term)} "
        undone = re.sub(r" (?=is too much$)", lambda _: where_, slip.undone)
        return replace(slip, what=f"{found[1]}{where_}{found[2]}", undone=undone)

    def slip(self, kind: str, what: str, part: Expr, result: Expr, undone: str = "") -> Slip:
        return Slip(kind, what, undone, result, part)

    # Sums and products.

    def in_sum(self, expr: Add, terms: tuple[Expr, ...]) -> Iterator[Slip]:
        for place, term in enumerate(terms):
            rest = (*terms[:place], *terms[place + 1 :])
            shown = self.spelled(term)
            yield self.slip(
                "dropped-term", f"the term {shown} is left out", term, add(*rest), f"the term {shown} is too much"
            )
            yield self.slip(
                "sign",
                f"the term {shown} has the wrong sign",
                term,
                add(*terms[:place], negative(term), *terms[place + 1 :]),
                f"the term {shown} has the wrong sign",
            )

    def in_product(self, expr: Mul) -> Iterator[Slip]:
        _coefficient, _ = coefficient_and_rest(expr)
        factors = factors_of(expr)
        yield self.slip("sign", "the sign is turned", expr, negative(expr), "the sign is turned")
        for place, factor in enumerate(factors):
            rest = mul(*factors[:place], *factors[place + 1 :])
            if isinstance(factor, Number):
                if abs(factor.value) != 1:
                    plain = mul(Number(Fraction(1 if factor.value > 0 else -1)), rest)
                    shown = self.spelled(number(abs(factor.value)))
                    yield self.slip(
                        "constant-factor",
                        f"the factor {shown} is left out",
                        factor,
                        plain,
                        f"the factor {shown} is too much",
                    )
                continue
            kind = self.kind_of_factor(factor)
            shown = self.spelled(factor)
            yield self.slip(kind, f"the factor {shown} is left out", factor, rest, f"the factor {shown} is too much")
            if isinstance(factor, Add) and len(factor.terms) > 1:
                # As people write it the difference may stand the other way round, with the sign before the rest.
                other = self.spelled(negative(factor))
                yield self.slip(
                    kind, f"the factor {other} is left out", factor, negative(rest), f"the factor {other} is too much"
                )
            if isinstance(factor, Power) and factor.exponent == MINUS_ONE and not isinstance(factor.base, Size):
                turned = mul(*factors[:place], factor.base, *factors[place + 1 :])
                base = self.spelled(factor.base)
                yield self.slip(
                    "power",
                    f"{base} is multiplied by instead of divided by",
                    factor,
                    turned,
                    f"{base} is divided by instead of multiplied by",
                )
        # A derivative in terms of the output, z*(1 - z), is left out or applied as a whole.
        for first in range(len(factors)):
            for second in range(first + 1, len(factors)):
                pair = mul(factors[first], factors[second])
                if self.is_output_form(factors[first], factors[second]):
                    rest = mul(*(f for n, f in enumerate(factors) if n not in (first, second)))
                    shown = self.spelled(pair)
                    yield self.slip(
                        "activation-derivative",
                        f"the derivative of the activation, {shown}, is left out",
                        pair,
                        rest,
                        f"the derivative of the activation, {shown}, is too much",
                    )
                    output = factors[first] if isinstance(factors[first], Access) else factors[second]
                    assert isinstance(output, Access)
                    inner = self.inner_of(output)
                    if inner is not None:
                        wrong = mul(rest, substitute(pair, {output: inner}))
                        yield self.slip(
                            "activation-derivative",
                            "the derivative of the activation is taken at "
                            f"{self.spelled(inner)} as if it were the output: "
                            f"{self.spelled(pair)} is meant",
                            pair,
                            wrong,
                            f"the derivative of the activation is taken at {self.spelled(output)}",
                        )
                    square = mul(rest, ONE - power(output, number(2)))
                    yield self.slip(
                        "activation-derivative",
                        f"1 - {self.spelled(output)}**2 is the derivative of tanh; here it is {shown}",
                        pair,
                        square,
                    )

    def is_output_form(self, first: Expr, second: Expr) -> bool:
        """Whether two factors are z and 1 - z, z being the output of an activation."""
        for one, other in ((first, second), (second, first)):
            if isinstance(one, Access) and one.name in self.activated and other == ONE - one:
                return True
        return False

    def inner_of(self, output: Access) -> Access | None:
        found = self.activated.get(output.name)
        if found is None:
            return None
        _, inner = found
        equation = self.network.definitions[output.name][0]
        mapping = {
            index: wanted
            for index, wanted in zip(equation.target.indices, output.indices, strict=True)
            if isinstance(index, Index)
        }
        result = substitute(inner, mapping)
        assert isinstance(result, Access)
        return result

    def kind_of_factor(self, factor: Expr) -> str:
        base = factor.base if isinstance(factor, Power) else factor
        names = {node.name for node in walk(factor) if isinstance(node, Access)}
        if any(isinstance(node, Call) and node.orders for node in walk(factor)):
            return "activation-derivative"
        if names and names <= set(self.free):
            return "learning-rate-in-gradient" if isinstance(factor, Access) else "missing-factor"
        if not names and not free_indices(factor) and any(isinstance(node, Size) for node in walk(base)):
            return "averaged"
        if not names and not free_indices(factor):
            return "constant-factor"
        if isinstance(factor, (Add, Power)):
            for node in walk(factor):
                complement = factor in (ONE - node, ONE - power(node, number(2)))
                if isinstance(node, Access) and node.name in self.activated and complement:
                    return "activation-derivative"
        return "missing-factor"

    # Powers.

    def in_power(self, expr: Power, base: Expr, exponent: Expr) -> Iterator[Slip]:
        if not isinstance(exponent, Number):
            return
        shown = self.spelled(expr)
        for other in (exponent.value + 1, exponent.value - 1, -exponent.value):
            result = power(base, Number(other))
            if other == exponent.value:
                continue
            spelled = self.spelled(result)
            yield self.slip("power", f"{spelled} stands for {shown}", expr, result, f"{shown} should be {spelled}")

    # Accesses.

    def in_access(self, expr: Access, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        shown = self.spelled(expr)

        def wrong(kind: str, result: Expr) -> Slip:
            spelled = self.spelled(result)
            return self.slip(kind, f"{spelled} stands for {shown}", expr, result, f"{shown} should be {spelled}")

        square = power(expr, number(2))
        yield wrong("power", square)
        indices = expr.indices
        if 2 <= len(indices) <= 4:
            for order in permutations(range(len(indices))):
                changed = tuple(indices[place] for place in order)
                if changed != indices:
                    yield wrong("transposed", Access(expr.name, changed))
        for place, index in enumerate(indices):
            axis = self.axes.get(expr.name, ())
            layered = place < len(axis) and self.is_layer(axis, place)
            for shift in (1, -1):
                changed = (*indices[:place], index + shift, *indices[place + 1 :])
                yield wrong("wrong-layer" if layered else "index-shift", Access(expr.name, changed))
            for bound in bounds:
                if bound.index is not index and bound.index not in indices:
                    yield wrong(
                        "wrong-index", Access(expr.name, (*indices[:place], bound.index, *indices[place + 1 :]))
                    )
        for name in self.alike.get(expr.name, ()):
            yield wrong(self.kind_of_name(expr.name, name), Access(name, indices))
        if expr.name in self.adjoints:
            direct = self.direct(expr, bounds) if self.direct is not None else expr
            if direct is not expr and direct != number(0):
                yield self.slip(
                    "stopped-early",
                    f"the direct part {self.spelled(direct)} stands for {shown}, and the paths through what else is "
                    "computed from it are left out",
                    expr,
                    direct,
                )
            return
        if (
            expr.name in self.activated
            and (inner := self.inner_of(expr)) is not None
            and inner.name not in self.alike[expr.name]
        ):
            yield wrong("wrong-quantity", inner)

    def is_layer(self, axes: tuple[Axis, ...], place: int) -> bool:
        """Whether other axes have sizes that depend on this one, as layers have."""
        index = axes[place].index
        return any(index in free_indices(axis.extent) for axis in axes)

    def kind_of_name(self, name: str, other: str) -> str:
        if name in self.adjoints:
            return "stopped-early"
        if name.rstrip("0123456789_") == other.rstrip("0123456789_"):
            return "wrong-layer"
        return "wrong-quantity"

    # Functions.

    def in_call(self, expr: Call) -> Iterator[Slip]:
        shown = self.spelled(expr)
        if not expr.orders:
            row = FUNCTIONS.get(expr.function)
            if row is not None and len(row.parameters) == 1 and row.variadic is None:
                derived = Call(expr.function, expr.arguments, (1,))
                yield self.slip(
                    "activation-derivative",
                    f"the derivative {self.spelled(derived)} stands for {shown}",
                    expr,
                    derived,
                    f"{shown} should be its derivative, {self.spelled(derived)}",
                )
                if expr.function == "log":
                    for base in ("log2", "log10"):
                        yield self.slip(
                            "constant-factor",
                            f"{base} stands for the natural logarithm",
                            expr,
                            call(base, *expr.arguments),
                        )
            return
        if expr.function not in FUNCTIONS:
            plain = call(expr.function, *expr.arguments)
            yield self.slip(
                "activation-derivative", f"{self.spelled(plain)} stands for its derivative {shown}", expr, plain
            )
            return
        argument = expr.arguments[0]
        value = call(expr.function, *expr.arguments)

        def wrong(what: str, result: Expr) -> Slip:
            return self.slip("activation-derivative", what, expr, result)

        yield wrong(f"{self.spelled(value)} stands for its derivative {shown}", value)
        yield wrong(
            f"the derivative {shown} is taken at {self.spelled(value)}, the output",
            Call(expr.function, (value, *expr.arguments[1:]), expr.orders),
        )
        row = FUNCTIONS[expr.function]
        if row.in_output is not None:
            form = row.at(row.in_output, expr.arguments)
            yield wrong(
                f"the derivative of {expr.function} in terms of its output is used with {self.spelled(argument)}, "
                "which is not the output",
                substitute(form, {OUTPUT: argument}),
            )
        if expr.function == "sigmoid":
            for result in (ONE - value, value * (ONE + value), ONE - power(value, number(2)), value * (value - 1)):
                yield wrong(
                    f"{self.spelled(result)} stands for {shown} = {self.spelled(value * (ONE - value))}", result
                )
        if expr.function == "tanh":
            for result in (ONE - value, ONE + power(value, number(2)), value * (ONE - value)):
                yield wrong(
                    f"{self.spelled(result)} stands for {shown} = {self.spelled(ONE - power(value, number(2)))}", result
                )
        for other in ACTIVATIONS:
            if other != expr.function and expr.function in ACTIVATIONS:
                row = FUNCTIONS[other]
                if len(row.parameters) == 1:
                    yield wrong(
                        f"the derivative of {other} stands for that of {expr.function}", Call(other, (argument,), (1,))
                    )

    # Sums over an index.

    def in_reduction(self, expr: Reduction, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        shown = self.spelled(expr)
        for place, bound in enumerate(expr.bounds):
            others = (*expr.bounds[:place], *expr.bounds[place + 1 :])
            for outer in bounds:
                if outer.upper == bound.upper or outer.lower == bound.lower:
                    body = reduce("sum", others, substitute(expr.body, {bound.index: outer.index}))
                    yield self.slip(
                        "missing-sum",
                        f"the sum over {bound.index.name} in {shown} is left out, with {outer.index.name} for it",
                        expr,
                        body,
                        f"the sum over {bound.index.name} in {shown} is too much",
                    )
            for low, high, what in (
                (bound.lower + 1, bound.upper, "starts one too late"),
                (bound.lower, bound.upper - 1, "ends one too early"),
            ):
                changed = (*expr.bounds[:place], Bound(bound.index, low, high, True), *expr.bounds[place + 1 :])
                yield self.slip(
                    "index-shift",
                    f"the sum over {bound.index.name} {what}",
                    expr,
                    reduce("sum", changed, expr.body),
                    f"the sum over {bound.index.name} does not have all terms",
                )
            extent = bound.upper - bound.lower + ONE
            if not free_indices(extent):
                yield self.slip("averaged", f"the mean over {bound.index.name} stands for the sum", expr, expr / extent)
            if bound.index not in free_indices(expr.body):
                continue
            inside = [f for f in factors_of(expr.body) if bound.index in free_indices(f)]
            outside = [f for f in factors_of(expr.body) if bound.index not in free_indices(f)]
            if len(inside) > 1 and not others:
                for cut in range(1, 2 ** (len(inside) - 1)):
                    left = [f for n, f in enumerate(inside) if cut >> n & 1]
                    right = [f for n, f in enumerate(inside) if not cut >> n & 1]
                    product = mul(*outside, reduce("sum", (bound,), mul(*left)), reduce("sum", (bound,), mul(*right)))
                    yield self.slip(
                        "sum-misplaced",
                        f"the sum over {bound.index.name} is taken of each factor by itself, "
                        f"and not of the product in {shown}",
                        expr,
                        product,
                    )

    def summed(self, expr: Expr, bounds: tuple[Bound, ...]) -> Iterator[Slip]:
        """A sum over an index that is not summed over."""
        free = free_indices(expr)
        for bound in bounds:
            if bound.index in free and not (free_indices(bound.lower) | free_indices(bound.upper)):
                fresh = fresh_index(bound.index, free | {b.index for b in bounds})
                result = reduce(
                    "sum", (Bound(fresh, bound.lower, bound.upper),), substitute(expr, {bound.index: fresh})
                )
                yield self.slip(
                    "extra-sum",
                    f"{self.spelled(expr)} is summed over {bound.index.name}, which stays free here",
                    expr,
                    result,
                    f"the sum over {bound.index.name} of {self.spelled(expr)} is missing",
                )


__all__ = ["Slip", "Slips"]
