"""Where sympy works: local partial derivatives, and the cheapest of cancel, factor and expand.

sympy sees scalars only.  Every access, reduction, ``where`` and catalogue function that it does not know is an opaque
symbol or function to it; indices never reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Any

from symprop.algebra.expressions import (
    EULER,
    MINUS_ONE,
    ONE,
    PI,
    ZERO,
    Access,
    Add,
    Call,
    Constant,
    Expr,
    Index,
    Mul,
    Number,
    Power,
    Size,
    add,
    call,
    coefficient_and_rest,
    compare,
    mul,
    negative,
    power,
    substitute,
    terms_of,
    transform,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS
from symprop.algebra.indices import decide

# Symbols are declared real: sympy then knows sqrt(x**2) = abs(x), as the language means it.


# sympy works out powers of numbers up to this exponent, and expands powers of sums no further.
LARGEST_EXPONENT = 24


# Of a product of more factors sympy differentiates the one that matters alone.
MOST_FACTORS = 16


# Operations up to which sympy is asked to factor.
LARGEST_TO_FACTOR = 36


class Translation:
    """The correspondence between our opaque nodes and sympy's symbols, for one or several expressions."""

    def __init__(self) -> None:
        self.symbols: dict[Expr, Any] = {}
        self.nodes: dict[Any, Expr] = {}

    def symbol(self, node: Expr) -> Any:
        """Return the sympy symbol that stands for `node`."""
        import sympy

        found = self.symbols.get(node)
        if found is None:
            # Equal names in equal order keep sympy's choices reproducible.
            found = sympy.Symbol(f"s{len(self.symbols):03d}", real=True, positive=isinstance(node, Size) or None)
            self.symbols[node] = found
            self.nodes[found] = node
        return found

    def to_sympy(self, expr: Expr) -> Any:
        """Return `expr` in sympy, opaque nodes as symbols."""
        import sympy

        if isinstance(expr, Number):
            return sympy.Rational(expr.value.numerator, expr.value.denominator)
        if isinstance(expr, Constant):
            return sympy.pi if expr is PI else sympy.E
        if isinstance(expr, Add):
            return sympy.Add(*map(self.to_sympy, expr.terms))
        if isinstance(expr, Mul):
            return sympy.Mul(*map(self.to_sympy, expr.factors))
        if isinstance(expr, Power):
            if _is_huge(expr):
                return self.symbol(expr)
            return self.real(expr, sympy.Pow(self.to_sympy(expr.base), self.to_sympy(expr.exponent)))
        if _is_transparent(expr):
            assert isinstance(expr, Call)
            arguments = map(self.to_sympy, expr.arguments)
            row = FUNCTIONS.get(expr.function)
            if row is not None and row.sympy_name and not expr.orders:
                return self.real(expr, getattr(sympy, row.sympy_name)(*arguments))
            return _function(expr.function, expr.orders or (0,) * len(expr.arguments))(*arguments)
        return self.symbol(expr)

    def real(self, expr: Expr, value: Any) -> Any:
        """Return `value`, or a symbol for `expr` if it is a number and no real one, as sqrt(-1), log(0) or 1/0."""
        return self.symbol(expr) if value.is_number and not value.is_real else value

    def from_sympy(self, expr: Any) -> Expr:
        """Return a sympy expression in our tree."""
        import sympy

        if expr.is_Symbol:
            return self.nodes[expr]
        if expr.is_Rational:
            return Number(Fraction(int(expr.p), int(expr.q)))
        if expr.is_Add:
            return add(*map(self.from_sympy, expr.as_ordered_terms()))
        if expr.is_Mul:
            return mul(*map(self.from_sympy, expr.as_ordered_factors()))
        if isinstance(expr, sympy.exp):
            return call("exp", self.from_sympy(expr.args[0]))
        if expr.is_Pow:
            return power(self.from_sympy(expr.base), self.from_sympy(expr.exp))
        if expr is sympy.pi:
            return PI
        if expr is sympy.E:
            return EULER
        if expr is sympy.I:  # from (-2)**x or the like: undefined in the reals, and written so
            return power(MINUS_ONE, Number(Fraction(1, 2)))
        if expr in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            return power(ZERO, MINUS_ONE)
        arguments = tuple(map(self.from_sympy, expr.args))
        own = getattr(type(expr), "symprop_name", None)
        if own is not None:
            return call(own, *arguments, orders=type(expr).symprop_orders)
        return call(_own_names()[type(expr).__name__], *arguments)


def _is_huge(expr: Power) -> bool:
    """Return whether sympy would work long on a power of numbers, as in ``9**9**9``; to it that is a symbol."""
    if any(isinstance(node, (Access, Index, Size, Call)) for node in walk(expr)):
        return False
    return not (isinstance(expr.exponent, Number) and abs(expr.exponent.value) <= LARGEST_EXPONENT)


@lru_cache(maxsize=1)
def _own_names() -> dict[str, str]:
    # Also those that are no sympy functions on the way in: the derivative of sech holds tanh.
    return {name: name for name in FUNCTIONS} | {"Abs": "abs"}


@lru_cache(maxsize=1024)
def _function(name: str, orders: tuple[int, ...]) -> Any:
    """Return the sympy function class that stands for a catalogue or user function, or one of its derivatives."""
    import sympy

    def fdiff(self: Any, argindex: int = 1) -> Any:
        raised = tuple(count + (place == argindex - 1) for place, count in enumerate(orders))
        return _function(name, raised)(*self.args)

    namespace = {
        "fdiff": fdiff,
        "symprop_name": name,
        "symprop_orders": orders,
        "is_real": True,
        "nargs": len(orders),
    }
    return type(f"{name}_{'_'.join(map(str, orders))}", (sympy.Function,), namespace)


def scalar_template(expr: Expr) -> tuple[Expr, tuple[Expr, ...]]:
    """Return `expr` with its opaque nodes named ``#0, #1, ...`` in order of appearance, and those nodes.

    What sympy is asked about templates is remembered, so equal layers of a network cost one.
    """
    nodes: dict[Expr, Expr] = {}

    def visit(node: Expr) -> Expr:
        if isinstance(node, (Number, Constant)):
            return node
        if isinstance(node, (Add, Mul, Power)) or _is_transparent(node):
            return node.rebuild(tuple(visit(child) for child in node.children))
        return nodes.setdefault(node, Access(f"#{len(nodes)}", ()))

    return visit(expr), tuple(nodes)


def _is_transparent(node: Expr) -> bool:
    return isinstance(node, Call) and node.function not in OPAQUE_CALLS


# Handled by the sweep: no derivative, or one that needs a tie rule.
OPAQUE_CALLS = ("stop", "max", "min")


def opaque_nodes(expr: Expr) -> tuple[Expr, ...]:
    """Return the nodes of the scalar layer that sympy sees as symbols, each once, in order of appearance."""
    return scalar_template(expr)[1]


def partial(expr: Expr, node: Expr) -> Expr:
    """Return the derivative of a scalar expression by one of its opaque nodes, as sympy finds it.

    Derivatives of catalogue functions come out as atoms, ``sigmoid'(a)``; those of functions that sympy knows
    (`ScalarFunction.sympy_name`) in sympy's form.
    """
    if expr == node:
        return ONE
    if isinstance(expr, Add):  # linear: no need to ask sympy about the other terms, nor to look at each of them
        return add(*(partial(term, node) for term in _terms_by_node(expr).get(node, ())))
    if not _occurs(expr, node):
        return ZERO
    if isinstance(expr, Mul):
        having = [factor for factor in expr.factors if _occurs(factor, node)]
        if len(having) == 1 and having[0] == node:
            return mul(*(factor for factor in expr.factors if factor != node))
        if len(having) == 1 and len(expr.factors) > MOST_FACTORS:
            return mul(*(partial(factor, node) if factor is having[0] else factor for factor in expr.factors))
    powers = tuple(_powers_at_indices(expr, node))
    if powers:
        return _through_powers(expr, node, powers)
    template, nodes = scalar_template(expr)
    derivative = _differentiate(template, Access(f"#{nodes.index(node)}", ()))
    return substitute(derivative, {Access(f"#{n}", ()): inner for n, inner in enumerate(nodes)})


def _powers_at_indices(expr: Expr, node: Expr) -> Iterator[Power]:
    """Yield the outermost powers of `node` whose exponent is made of indices and sizes, as in ``w**n``."""
    if isinstance(expr, Power) and _occurs(expr.base, node) and _is_of_indices(expr.exponent):
        yield expr
    elif isinstance(expr, (Add, Mul, Power)) or _is_transparent(expr):
        for child in expr.children:
            yield from _powers_at_indices(child, node)


def _is_of_indices(exponent: Expr) -> bool:
    parts = tuple(walk(exponent))
    return any(isinstance(part, (Index, Size)) for part in parts) and not any(
        isinstance(part, (Access, Call)) for part in parts
    )


def _through_powers(expr: Expr, node: Expr, powers: tuple[Power, ...]) -> Expr:
    """Return the derivative of an expression with powers such as ``w**n``, that of each being 0 where n is 0.

    The power rule alone, ``n*w**(n - 1)``, has no value at w = 0 and n = 0, where the function is the number 1.
    """
    stands_for: dict[Expr, Expr] = {one: Access(f"##{place}", ()) for place, one in enumerate(powers)}
    outside = substitute(expr, stands_for)
    terms = []
    for one in dict.fromkeys(powers):
        slope = mul(one.exponent, power(one.base, add(one.exponent, MINUS_ONE)), partial(one.base, node))
        slope = where(decide(_not_zero(one.exponent), ()), slope, ZERO)
        terms.append(mul(slope, partial(outside, stands_for[one])))
    terms.append(partial(outside, node))
    back = {stand_in: one for one, stand_in in stands_for.items()}
    return substitute(add(*terms), back)


def _not_zero(exponent: Expr) -> Expr:
    """Return the condition that an exponent is not 0, its number on the right: ``K != 1`` for K - 1."""
    terms = terms_of(exponent)
    numbers = [term for term in terms if isinstance(term, Number)]
    rest = add(*(term for term in terms if not isinstance(term, Number)))
    return compare("!=", rest, negative(add(*numbers)))


@lru_cache(maxsize=64)
def _terms_by_node(expr: Add) -> dict[Expr, list[Expr]]:
    """Return the terms of a sum in which each node occurs that sympy sees as a symbol."""
    found: dict[Expr, list[Expr]] = {}
    for term in expr.terms:
        for node in opaque_nodes(term):
            found.setdefault(node, []).append(term)
    return found


def _occurs(expr: Expr, node: Expr) -> bool:
    if expr == node:
        return True
    if isinstance(expr, (Add, Mul, Power)) or _is_transparent(expr):
        return any(_occurs(child, node) for child in expr.children)
    return False


@lru_cache(maxsize=4096)
def _differentiate(template: Expr, node: Expr) -> Expr:
    translation = Translation()
    symbol = translation.symbol(node)
    return as_written(translation.from_sympy(translation.to_sympy(template).diff(symbol)), template)


def as_written(expr: Expr, source: Expr) -> Expr:
    """Return `expr` with the sums and products that it shares with `source` in the order they have there.

    sympy sorts what it returns, and multiplies numbers into sums: ``tanh'(s + b)`` comes back for ``tanh'(b + s)``, and
    ``2*y - 2*t`` for ``2*(y - t)``.
    """
    written: dict[Expr, Expr] = {node: node for node in walk(source) if isinstance(node, (Add, Mul))}

    def rule(node: Expr) -> Expr:
        found = written.get(node)
        if found is not None or not isinstance(node, Add):
            return node if found is None else found
        number, rest = common_number(node)
        if rest in written:
            return mul(Number(number), written[rest])
        opposite = add(*map(negative, terms_of(rest)))
        return mul(Number(-number), written[opposite]) if opposite in written else node

    return transform(expr, rule) if written else expr


def common_number(node: Add) -> tuple[Fraction, Expr]:
    """Return the rational number that divides all coefficients of a sum, and the rest: 2 and x - 2 for 2*x - 4."""
    coefficients = [coefficient_and_rest(term)[0] for term in node.terms]
    numerator = gcd(*(abs(c.numerator) for c in coefficients))
    number = Fraction(numerator, lcm(*(c.denominator for c in coefficients)))
    return number, node if number == 1 else add(*(mul(Number(1 / number), term) for term in node.terms))


def rewritings(expr: Expr) -> tuple[tuple[str, Expr], ...]:
    """Return ``(name, expression)`` for what sympy's cancel, factor and expand make of a scalar expression."""
    if any(
        isinstance(node, Power) and isinstance(node.exponent, Number) and abs(node.exponent.value) > LARGEST_EXPONENT
        for node in walk(expr)
    ):
        return ()  # cancel and factor would multiply (a + b)**1000 out
    template, nodes = scalar_template(expr)
    back = {Access(f"#{n}", ()): inner for n, inner in enumerate(nodes)}
    return tuple((name, substitute(form, back)) for name, form in _rewrite(template))


@lru_cache(maxsize=4096)
def _rewrite(template: Expr) -> tuple[tuple[str, Expr], ...]:
    import sympy

    translation = Translation()
    # Symbols in order of appearance, so that sympy's orderings follow the text.
    for node in scalar_template(template)[1]:
        translation.symbol(node)
    before = translation.to_sympy(template)
    cancelled = sympy.cancel(before)
    if cancelled.count_ops() > LARGEST_TO_FACTOR:  # its factors would be no shorter, and take long to find
        return (("cancel", translation.from_sympy(cancelled)),)
    factored = sympy.factor(cancelled)
    return ("factor", translation.from_sympy(factored)), ("cancel", translation.from_sympy(cancelled))


def differentiate(expr: Expr, by: Expr) -> Expr:
    """Return ``diff(expr, by)`` for a scalar expression and an access in its scalar layer.

    Raises
    ------
    ValueError
        If the access stands inside a reduction, ``where``, ``max`` or ``min``.
    """
    for node in opaque_nodes(expr):
        if node is not by and any(inner is by for inner in walk(node)):
            raise ValueError("the variable stands inside a reduction or a condition")
    return partial(expr, by) if _occurs(expr, by) else ZERO
