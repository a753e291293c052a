"""All functions of scalars that the language knows, in one table, and their derivatives of any order.

`FUNCTIONS` joins the elementary functions of `primitives` and the activation functions of `activations`.  Derivatives
need no sympy: every row states its first derivatives, and the rules of sum, product, power and chain do the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from symprop.algebra.activations import ACTIVATIONS, SYNONYMS
from symprop.algebra.expressions import (
    ONE,
    ZERO,
    Access,
    Add,
    Call,
    Expr,
    Mul,
    Power,
    Reduction,
    Where,
    add,
    call,
    mul,
    power,
    reduce,
    scalar,
    substitute,
    walk,
    where,
)
from symprop.algebra.primitives import OUTPUT, PRIMITIVES, SPELLINGS, Kink, ScalarFunction
from symprop.errors import MissingRuleError

__all__ = ["ALIASES", "FUNCTIONS", "OUTPUT", "Definition", "Kink", "ScalarFunction", "derivative", "expand"]

FUNCTIONS: Mapping[str, ScalarFunction] = MappingProxyType(PRIMITIVES | ACTIVATIONS)
ALIASES: Mapping[str, str] = MappingProxyType(SPELLINGS | SYNONYMS)


class Definition(Protocol):
    """A function that a network defines: ``function name(parameters) = body``; without body it is abstract."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> tuple[str, ...]: ...

    @property
    def body(self) -> Expr | None: ...


def derivative(
    atom: Call, definitions: Mapping[str, Definition] = MappingProxyType({}), *, stable: bool = False
) -> Expr:
    """Return the value of a derivative atom such as ``sigmoid'(a)``: an expression without derivatives.

    Parameters
    ----------
    atom : Call
        A call with `orders`, of any order; one without is returned as it is.
    definitions : mapping of str to Definition
        The functions of the network. Derivatives of one without a body stay atoms.
    stable : bool
        Whether to use the forms that keep their relative accuracy in the tails, ``sigmoid(a)*sigmoid(-a)``, instead
        of the textbook's ``sigmoid(a)*(1 - sigmoid(a))``.

    Raises
    ------
    MissingRuleError
        If the function is unknown, or its body holds something without a derivative.
    """
    if not any(atom.orders):
        return atom
    definition = definitions.get(atom.function)
    if definition is not None and definition.body is None:
        return atom
    rules = _Rules(dict(definitions), stable)
    return rules.at(atom)


def expand(expr: Call, definitions: Mapping[str, Definition] = MappingProxyType({})) -> Expr:
    """Return a call (without derivative orders) by the definition of its function, one level deep.

    Primitives and abstract functions are returned as they are.
    """
    own = definitions.get(expr.function)
    if own is not None:
        if own.body is None:
            return expr
        symbols = map(scalar, own.parameters)
        return substitute(own.body, dict(zip(symbols, expr.arguments, strict=True)))
    row = FUNCTIONS.get(expr.function)
    return expr if row is None or row.definition is None else row.at(row.definition, expr.arguments)


class _Rules:
    """The rules of differentiation, for one set of defined functions."""

    def __init__(self, definitions: dict[str, Definition], stable: bool) -> None:
        self.definitions = definitions
        self.stable = stable

    def at(self, atom: Call) -> Expr:
        """Return the value of a derivative atom at its own arguments."""
        name, orders = atom.function, atom.orders
        if name in self.definitions:
            symbols, form = self.defined(name, orders)
        elif (row := FUNCTIONS.get(name)) is None:
            if name == "stop":
                return ZERO
            raise MissingRuleError(f"'{name}' has no derivative that is known")
        elif row.variadic is not None:
            symbols, form = _variadic(name, orders)
        else:
            symbols, form = row.symbols, _listed(name, orders, self.stable)
        return substitute(form, dict(zip(symbols, atom.arguments, strict=True)))

    def defined(self, name: str, orders: tuple[int, ...]) -> tuple[tuple[Access, ...], Expr]:
        own = self.definitions[name]
        # Names that no text can hold keep the parameters apart from quantities of the network that the body reads.
        symbols = tuple(scalar(f"{name}.{parameter}") for parameter in own.parameters)
        if own.body is None:
            return symbols, Call(name, symbols, orders)
        form = substitute(own.body, dict(zip(map(scalar, own.parameters), symbols, strict=True)))
        return symbols, self.repeated(form, symbols, orders)

    def repeated(self, form: Expr, symbols: tuple[Access, ...], orders: tuple[int, ...]) -> Expr:
        for symbol, order in zip(symbols, orders, strict=True):
            for _ in range(order):
                form = self.differentiate(form, symbol)
        return form

    def differentiate(self, expr: Expr, by: Access) -> Expr:
        if expr is by:
            return ONE
        match expr:
            case Add(terms=terms):
                return add(*(self.differentiate(term, by) for term in terms))
            case Mul(factors=factors):
                slopes = [self.differentiate(factor, by) for factor in factors]
                return add(
                    *(
                        mul(*factors[:n], slope, *factors[n + 1 :])
                        for n, slope in enumerate(slopes)
                        if slope is not ZERO
                    )
                )
            case Power(base=base, exponent=exponent):
                parts: list[Expr] = []
                if (slope := self.differentiate(base, by)) is not ZERO:
                    parts.append(mul(exponent, power(base, exponent - ONE), slope))
                if (slope := self.differentiate(exponent, by)) is not ZERO:
                    parts.append(mul(expr, call("log", base), slope))
                return add(*parts)
            case Where(condition=condition, then=then, otherwise=otherwise):
                return where(condition, self.differentiate(then, by), self.differentiate(otherwise, by))
            case Call(function=function, arguments=arguments, orders=orders):
                parts = []
                for n, argument in enumerate(arguments):
                    if (slope := self.differentiate(argument, by)) is not ZERO:
                        raised = list(orders or (0,) * len(arguments))
                        raised[n] += 1
                        parts.append(mul(self.at(Call(function, arguments, tuple(raised))), slope))
                return add(*parts)
            case Reduction(kind="sum", bounds=bounds, body=body):
                return reduce("sum", bounds, self.differentiate(body, by))
            case Reduction(kind="logsumexp", bounds=bounds, body=body):
                slope = self.differentiate(body, by)
                return reduce("sum", bounds, mul(slope, call("exp", body))) / call("exp", expr)
            case Reduction(kind=kind):
                if by in walk(expr):
                    raise MissingRuleError(
                        f"the derivative of a {kind} over an index inside a function's body is not known",
                        hint="Write it as an equation of the network.",
                    )
                return ZERO
            case _:
                return ZERO


@lru_cache(maxsize=1024)
def _listed(name: str, orders: tuple[int, ...], stable: bool) -> Expr:
    """Return a derivative of a row of the table in the row's own symbols."""
    row = FUNCTIONS[name]
    first = next(n for n, order in enumerate(orders) if order)
    stated = row.stable_derivatives if stable and row.stable_derivatives else row.derivatives
    rest = (*orders[:first], orders[first] - 1, *orders[first + 1 :])
    return _Rules({}, stable).repeated(stated[first], row.symbols, rest)


@lru_cache(maxsize=1024)
def _variadic(name: str, orders: tuple[int, ...]) -> tuple[tuple[Access, ...], Expr]:
    rule = FUNCTIONS[name].variadic
    assert rule is not None
    symbols = tuple(scalar(f"{name}.{n}") for n in range(len(orders)))
    first = next(n for n, order in enumerate(orders) if order)
    rest = (*orders[:first], orders[first] - 1, *orders[first + 1 :])
    return symbols, _Rules({}, False).repeated(rule(symbols, first), symbols, rest)
