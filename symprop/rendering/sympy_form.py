"""An expression as a sympy object, for those who go on computing with sympy.

Indices, sizes and scalars are plain symbols, accesses ``Indexed``, reductions ``Sum`` and ``Product``, cases
``Piecewise``, an Iverson bracket of two indices ``KroneckerDelta``.  Symbols carry no assumptions, so that they equal
the ones that ``sympy.symbols("x")`` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Bound,
    Call,
    Compare,
    Constant,
    Expr,
    Index,
    Junction,
    Mul,
    Number,
    Power,
    Reduction,
    Size,
    Where,
    number,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.expressions import compare as comparison
from symprop.algebra.functions import FUNCTIONS, Definition, derivative, expand
from symprop.declaration.network import Network
from symprop.derivation.steps import Adjoint
from symprop.errors import MissingRuleError

# A maximum over an index is written out up to so many values; sympy has none over a symbolic range.
MOST_VALUES = 1000

# A chain of definitions that is longer than this, or this large, is a recurrence or not meant to be written out.
MOST_INLININGS = 10_000


def to_sympy(expr: Expr, definitions: Mapping[str, Definition] = MappingProxyType({})) -> Any:
    """Return `expr` as a sympy expression.

    Parameters
    ----------
    expr : Expr
    definitions : mapping of str to Definition
        The functions of the network; one without a body becomes a ``sympy.Function``.

    Raises
    ------
    MissingRuleError
        If sympy has no such thing: a maximum over an index with symbolic limits.
    """
    return _Conversion(definitions).convert(expr)


class _Conversion:
    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self.definitions = definitions

    def convert(self, expr: Expr) -> Any:
        import sympy

        match expr:
            case Number(value=value):
                return sympy.Rational(value.numerator, value.denominator)
            case Constant(name=name):
                return {"pi": sympy.pi, "E": sympy.E}[name]
            case Index(name=name) | Size(name=name) | Access(name=name, indices=()):
                return sympy.Symbol(name)
            case Access(name=name, indices=indices):
                return sympy.IndexedBase(name)[tuple(map(self.convert, indices))]
            case Add(terms=terms):
                return sympy.Add(*map(self.convert, terms))
            case Mul(factors=factors):
                return sympy.Mul(*map(self.convert, factors))
            case Power(base=base, exponent=exponent):
                return sympy.Pow(self.convert(base), self.convert(exponent))
            case Call():
                return self.call(expr)
            case Reduction():
                return self.reduction(expr)
            case Where(condition=Compare(operator="==", left=left, right=right), then=then, otherwise=otherwise) if (
                then is ONE and otherwise is ZERO and not any(isinstance(n, Access) for n in walk(left + right))
            ):
                return sympy.KroneckerDelta(self.convert(left), self.convert(right))
            case Where(condition=condition, then=then, otherwise=otherwise):
                return sympy.Piecewise((self.convert(then), self.convert(condition)), (self.convert(otherwise), True))
            case Compare():
                return self.compare(expr)
            case Junction(operator=operator, conditions=conditions):
                junctions = {"and": sympy.And, "or": sympy.Or, "not": sympy.Not}
                return junctions[operator](*map(self.convert, conditions))
            case _:
                raise MissingRuleError(f"sympy has no form of {expr}")

    def call(self, expr: Call) -> Any:
        import sympy

        name = expr.function
        if name == "stop":
            return self.convert(expr.arguments[0])
        own = self.definitions.get(name)
        if own is not None and own.body is None:
            arguments = [self.convert(argument) for argument in expr.arguments]
            if not any(expr.orders):
                return sympy.Function(name)(*arguments)
            dummies = [sympy.Dummy(parameter) for parameter in own.parameters]
            slope = sympy.Function(name)(*dummies).diff(*zip(dummies, expr.orders, strict=True))
            return sympy.Subs(slope, dummies, arguments)
        if any(expr.orders):
            return self.convert(derivative(expr, self.definitions))
        row = FUNCTIONS.get(name)
        if own is not None or row is None or not row.is_primitive:
            if row is not None and row.sympy_name:
                return getattr(sympy, row.sympy_name)(*map(self.convert, expr.arguments))
            expanded = expand(expr, self.definitions)
            if expanded is expr:
                raise MissingRuleError(f"sympy has no function '{name}'")
            return self.convert(expanded)
        return _PRIMITIVES[name](sympy, *map(self.convert, expr.arguments))

    def reduction(self, expr: Reduction) -> Any:
        import sympy

        limits = [
            (self.convert(bound.index), self.convert(bound.lower), self.convert(bound.upper))
            for bound in reversed(expr.bounds)  # sympy's first limit is the innermost
        ]
        match expr.kind:
            case "sum":
                return sympy.Sum(self.convert(expr.body), *limits)
            case "prod":
                return sympy.Product(self.convert(expr.body), *limits)
            case "logsumexp":
                return sympy.log(sympy.Sum(sympy.exp(self.convert(expr.body)), *limits))
            case kind:
                choose = {"max": sympy.Max, "min": sympy.Min}[kind]
                return choose(*map(self.convert, _written_out(expr.body, expr.bounds, kind)))

    def compare(self, expr: Compare) -> Any:
        import sympy

        left, right = self.convert(expr.left), self.convert(expr.right)
        if expr.operator == "divides":
            return sympy.Eq(sympy.Mod(right, left), 0)
        relations = {
            "==": sympy.Eq,
            "!=": sympy.Ne,
            "<": sympy.Lt,
            "<=": sympy.Le,
            ">": sympy.Gt,
            ">=": sympy.Ge,
        }
        return relations[expr.operator](left, right)


# What each primitive is in sympy, from the module and the converted arguments.
_PRIMITIVES: dict[str, Any] = {
    name: lambda sympy, *arguments, own=row.sympy_name or name: getattr(sympy, own)(*arguments)
    for name, row in FUNCTIONS.items()
    if row.is_primitive
} | {
    "exp2": lambda sympy, u: 2**u,
    "expm1": lambda sympy, u: sympy.exp(u) - 1,
    "log2": lambda sympy, u: sympy.log(u, 2),
    "log10": lambda sympy, u: sympy.log(u, 10),
    "log1p": lambda sympy, u: sympy.log(1 + u),
    "cbrt": lambda sympy, u: sympy.sign(u) * sympy.Abs(u) ** sympy.Rational(1, 3),
    "abs": lambda sympy, u: sympy.Abs(u),
    "max": lambda sympy, *arguments: sympy.Max(*arguments),
    "min": lambda sympy, *arguments: sympy.Min(*arguments),
}


def _written_out(body: Expr, bounds: tuple[Bound, ...], kind: str) -> list[Expr]:
    bodies = [body]
    for place in reversed(range(len(bounds))):
        index, lower, upper, _ = bounds[place]
        if not (isinstance(lower, Number) and isinstance(upper, Number)):
            raise MissingRuleError(f"sympy has no {kind} over {index} = {lower}..{upper}")
        values = range(int(lower.value), int(upper.value) + 1)
        if len(values) * len(bodies) > MOST_VALUES:
            raise MissingRuleError(f"a {kind} of {len(values) * len(bodies)} values is too long to write out")
        bodies = [substitute(one, {index: number(value)}) for one in bodies for value in values]
    return bodies


def written_out(expr: Expr, network: Network, adjoints: Mapping[str, Adjoint]) -> Expr:
    """Return `expr` in inputs, targets and parameters alone: definitions and adjoints put in for their names.

    Parameters
    ----------
    expr : Expr
    network : Network
    adjoints : mapping of str to Adjoint
        By the quantity that they are of.

    Raises
    ------
    MissingRuleError
        If a definition reads itself (a recurrence), or the result is too large.
    """
    return _Writer(network, adjoints).expand(expr, ())


class _Writer:
    def __init__(self, network: Network, adjoints: Mapping[str, Adjoint]) -> None:
        self.network = network
        self.by_name = {adjoint.access.name: adjoint for adjoint in adjoints.values()}
        self.memo: dict[Access, Expr] = {}
        self.count = 0

    def expand(self, expr: Expr, within: tuple[str, ...]) -> Expr:
        def rule(node: Expr) -> Expr:
            if not (isinstance(node, Access) and self.is_defined(node.name)):
                return node
            if node.name in within:
                raise MissingRuleError(
                    f"'{node.name}' is a recurrence, which cannot be written out", hint="Use expand=False."
                )
            return self.definition(node, within)

        return transform(expr, rule)

    def is_defined(self, name: str) -> bool:
        if name in self.by_name and name not in self.network.quantities:
            return True
        quantity = self.network.quantities.get(name)
        return quantity is not None and quantity.role == "defined"

    def definition(self, access: Access, within: tuple[str, ...]) -> Expr:
        found = self.memo.get(access)
        if found is not None:
            return found
        self.count += 1
        if self.count > MOST_INLININGS:
            raise MissingRuleError("the expression is too large to be written out", hint="Use expand=False.")
        if access.name in self.network.quantities:
            cases = [
                (equation.target, equation.bounds, equation.expression)
                for equation in self.network.definitions[access.name]
            ]
        else:
            adjoint = self.by_name[access.name]
            cases = [(adjoint.access, adjoint.bounds, adjoint.textbook)]
        form: Expr | None = None
        for target, bounds, expression in reversed(cases):
            free = {bound.index for bound in bounds}
            mapping = {own: index for own, index in zip(target.indices, access.indices, strict=True) if own in free}
            here = substitute(expression, mapping)
            form = here if form is None else self.choose(target, access, free, here, form)
        assert form is not None
        result = self.expand(form, (*within, access.name))
        self.memo[access] = result
        return result

    @staticmethod
    def choose(target: Access, access: Access, free: set[Index], here: Expr, otherwise: Expr) -> Expr:
        """Return the component that is read: `here` if the fixed indices of `target` are those of `access`."""
        for own, index in zip(target.indices, access.indices, strict=True):
            if own not in free:
                here = where(comparison("==", index, own), here, otherwise)
        return here
