"""Matrix expressions: what an expression tree needs beyond index notation to say ``W.T @ delta``.

A matrix expression is made of the same nodes as any other expression; a whole array is an access without indices, and
the functions ``outer diag eye ones zeros trace softmax`` are calls.  Only what has a sign of its own is a node of its
own.  A quantity with one index is a column; the sign ``*``, functions and powers act element by element.
"""

from __future__ import annotations

from symprop.algebra.expressions import Access, Add, Call, Expr, Mul, Number, Power, Size, Where, factors_of, walk
from symprop.algebra.writer import infix


class MatrixProduct(Expr):
    """``A @ B @ ...``, of at least two factors, flat."""

    __slots__ = ("factors",)
    _fields = ("factors",)
    factors: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.factors

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return matrix_product(*children)


class Transpose(Expr):
    """``A.T``; of a column the row."""

    __slots__ = ("operand",)
    _fields = ("operand",)
    operand: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Transpose(*children)


class Elementwise(Expr):
    """``A*B*...`` element by element, of arrays that have the same shape."""

    __slots__ = ("factors",)
    _fields = ("factors",)
    factors: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.factors

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return elementwise(*children)


class ElementwisePower(Expr):
    """``A**2`` element by element."""

    __slots__ = ("base", "exponent")
    _fields = ("base", "exponent")
    base: Expr
    exponent: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.base, self.exponent)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return ElementwisePower(*children)


class Total(Expr):
    """``sum(A)`` or ``sum(A, axis=0)``; `extents` are those of the axes that are summed away, in their order."""

    __slots__ = ("axis", "extents", "operand")
    _fields = ("operand", "axis", "extents")
    operand: Expr
    axis: int | None
    extents: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand, *self.extents)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Total(children[0], self.axis, children[1:])


_SIGNS = (MatrixProduct, Transpose, Elementwise, ElementwisePower, Total)


def matrix_product(*factors: Expr) -> Expr:
    """Return the product of matrices, flat."""
    flat = [inner for each in factors for inner in (each.factors if isinstance(each, MatrixProduct) else (each,))]
    return flat[0] if len(flat) == 1 else MatrixProduct(tuple(flat))


def elementwise(*factors: Expr) -> Expr:
    """Return the product element by element, flat."""
    flat = [inner for each in factors for inner in (each.factors if isinstance(each, Elementwise) else (each,))]
    return flat[0] if len(flat) == 1 else Elementwise(tuple(flat))


def spelled(expr: Expr) -> str:
    """Return an expression in the infix language; matrix notation may stand in it."""
    return infix(_as_text(expr) if any(isinstance(node, _SIGNS) for node in walk(expr)) else expr)


def _as_text(expr: Expr) -> Expr:
    """Return an expression that the infix writer spells like this one: what it has no signs for is a name."""
    match expr:
        case MatrixProduct(factors=factors):
            parts = [_as_text(factor) for factor in factors]
            return _name(" @ ".join(str(part) if _is_atom(part) else f"({part})" for part in parts))
        case Transpose(operand=operand):
            inner = _as_text(operand)
            return _name(f"{inner}.T" if _is_atom(inner) and not isinstance(operand, MatrixProduct) else f"({inner}).T")
        case Elementwise(factors=factors) | Mul(factors=factors):
            bare = all(_is_plain_number(factor) for factor in factors if not isinstance(factor, MatrixProduct))
            # As in Python, @ binds like *: brackets are needed unless only numbers stand beside it.
            parts = [_as_text(factor) if bare else _operand(factor) for factor in factors]
            return Mul(tuple(inner for part in parts for inner in factors_of(part)))
        case ElementwisePower(base=base, exponent=exponent) | Power(base=base, exponent=exponent):
            return Power(_operand(base), _as_text(exponent))
        case Total(operand=operand, axis=axis):
            inner = _as_text(operand)
            return _name(f"sum({inner})" if axis is None else f"sum({inner}, axis={axis})")
        case Add(terms=terms):
            return Add(tuple(map(_as_text, terms)))
    return expr.rebuild(tuple(map(_as_text, expr.children)))


def _operand(expr: Expr) -> Expr:
    inner = _as_text(expr)
    return _name(f"({inner})") if isinstance(expr, MatrixProduct) else inner


def _name(text: str) -> Access:
    return Access(text, ())


def _is_atom(expr: Expr) -> bool:
    return isinstance(expr, (Access, Call, Number, Size, Where))


def _is_plain_number(expr: Expr) -> bool:
    return all(isinstance(node, (Number, Size, Power, Add, Mul)) for node in walk(expr))


def transposed(node: Expr) -> Expr:
    """Return the transpose of a matrix expression, taken inside where that leaves fewer of them."""
    match node:
        case Transpose(operand=operand):
            return operand
        case MatrixProduct(factors=factors):
            return matrix_product(*(transposed(factor) for factor in reversed(factors)))
        case Call(function="eye" | "diag"):
            return node
        case Call(function="outer" | "ones" | "zeros", arguments=(left, right)):
            return Call(node.function, (right, left), ())
        case Elementwise(factors=factors) if any(isinstance(factor, Transpose) for factor in factors):
            return elementwise(*map(transposed, factors))
        case ElementwisePower(base=Transpose(operand=operand), exponent=exponent):
            return ElementwisePower(operand, exponent)
    return Transpose(node)
