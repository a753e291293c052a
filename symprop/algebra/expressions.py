"""The expression tree: scalars in index notation, immutable, interned, and in the order they were written.

Two expressions that are written alike are the same object, so memoising is cheap; ``==`` holds also when they differ in
the order of terms and factors or in the names of bound indices (`canonical`).
The constructors `add`, `mul` and `power` fold only what no reader would miss (numbers, zeros, units, equal terms):
``2*(a + b)`` stays as it is.  Nothing here evaluates a large power, so hostile text costs no time.

==============  ==========================================================================
`Number`        an exact rational
`Constant`      ``pi`` or ``E``
`Index`         an index such as ``i``; integer valued
`Size`          a positive integer such as ``H``, or ``n(l)``
`Access`        ``alpha[j, i]``; a scalar quantity is an access without indices
`Add` `Mul` `Power`  arithmetic; subtraction and division are sums and products
`Call`          a function of scalars, ``sigmoid(a)``; with `orders` its derivative, ``sigmoid'(a)``
`Reduction`     ``sum``, ``prod``, ``max``, ``min``, ``logsumexp``, ``argmax`` or ``argmin`` over bound indices
`Where`         ``where(condition, then, otherwise)``; only the chosen branch is looked at
`Compare` `Junction`  conditions over indices, sizes and scalars
`Derivative`    ``D(U, V)``, the adjoint, and ``P(U, V)``, the local partial derivative, as operators
==============  ==========================================================================

A softmax is ``exp(a[k] - logsumexp(k, a[k]))``: the stable form is the definition, and the writer knows its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple
from weakref import WeakValueDictionary

_INTERNED: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()

# Numbers whose power has more bits than this stay symbolic: 9**9**9 must cost nothing.
LARGEST_FOLDED_BITS = 2048


class Expr:
    """A node of the expression tree. Immutable; nodes written alike are identical."""

    __slots__ = ("__weakref__", "_canonical", "_free", "_hash")
    _fields: ClassVar[tuple[str, ...]] = ()
    _hash: int

    def __new__(cls, *fields: Any) -> Any:
        # By identity of the parts: ``==`` of expressions is coarser than "written alike".
        key = (cls, *map(_identity, fields))
        node = _INTERNED.get(key)
        if node is None:
            node = object.__new__(cls)
            for name, value in zip(cls._fields, fields, strict=True):
                object.__setattr__(node, name, value)
            object.__setattr__(node, "_hash", hash(key))
            object.__setattr__(node, "_canonical", None)
            object.__setattr__(node, "_free", None)
            _INTERNED[key] = node
        return node

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __hash__(self) -> int:
        return canonical(self)._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Expr) and canonical(self) is canonical(other))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, name) for name in self._fields)

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: object) -> Expr:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(getattr(self, name)) for name in self._fields)})"

    def __str__(self) -> str:
        from symprop.algebra.writer import infix

        return infix(self)

    # Arithmetic, so that rules read like formulas.
    def __add__(self, other: Expr | int) -> Expr:
        return add(self, as_expr(other))

    def __radd__(self, other: int) -> Expr:
        return add(as_expr(other), self)

    def __sub__(self, other: Expr | int) -> Expr:
        return add(self, negative(as_expr(other)))

    def __rsub__(self, other: int) -> Expr:
        return add(as_expr(other), negative(self))

    def __mul__(self, other: Expr | int) -> Expr:
        return mul(self, as_expr(other))

    def __rmul__(self, other: int) -> Expr:
        return mul(as_expr(other), self)

    def __truediv__(self, other: Expr | int) -> Expr:
        return divide(self, as_expr(other))

    def __rtruediv__(self, other: int) -> Expr:
        return divide(as_expr(other), self)

    def __pow__(self, other: Expr | int) -> Expr:
        return power(self, as_expr(other))

    def __rpow__(self, other: int) -> Expr:
        return power(as_expr(other), self)

    def __neg__(self) -> Expr:
        return negative(self)

    @property
    def children(self) -> tuple[Expr, ...]:
        """The expressions directly below this one, in written order (limits of bound indices included)."""
        return ()

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Return this node with other `children`, folded by the constructors."""
        return self


def _identity(field: Any) -> Any:
    if isinstance(field, Expr):
        return id(field)
    return tuple(map(_identity, field)) if isinstance(field, tuple) else field


class Number(Expr):
    """An exact rational number; decimals of a text are read exactly."""

    __slots__ = ("value",)
    _fields = ("value",)
    value: Fraction


class Constant(Expr):
    """``pi`` or ``E`` (Euler's number)."""

    __slots__ = ("name",)
    _fields = ("name",)
    name: str


class Index(Expr):
    """An index name; its range stands in the network, in the equation or in the `Bound` that binds it."""

    __slots__ = ("name",)
    _fields = ("name",)
    name: str


class Size(Expr):
    """A positive integer that is known when arrays are: ``H``, or ``n(l)`` where it differs from layer to layer."""

    __slots__ = ("arguments", "name")
    _fields = ("name", "arguments")
    name: str
    arguments: tuple[Expr, ...]

    def __new__(cls, name: str, arguments: tuple[Expr, ...] = ()) -> Size:
        return super().__new__(cls, name, arguments)

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Size(self.name, children)


class Access(Expr):
    """A quantity read at index expressions: ``x[2*p + k]``; a scalar has none."""

    __slots__ = ("indices", "name")
    _fields = ("name", "indices")
    name: str
    indices: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.indices

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Access(self.name, children)


class Add(Expr):
    """A sum of at least two terms, flat."""

    __slots__ = ("terms",)
    _fields = ("terms",)
    terms: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.terms

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return add(*children)


class Mul(Expr):
    """A product of at least two factors, flat; a rational coefficient stands first."""

    __slots__ = ("factors",)
    _fields = ("factors",)
    factors: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.factors

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return mul(*children)


class Power(Expr):
    """``base**exponent``."""

    __slots__ = ("base", "exponent")
    _fields = ("base", "exponent")
    base: Expr
    exponent: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.base, self.exponent)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return power(*children)


class Call(Expr):
    """A function of scalar arguments. `orders` counts the derivatives by each argument; () means none."""

    __slots__ = ("arguments", "function", "orders")
    _fields = ("function", "arguments", "orders")
    function: str
    arguments: tuple[Expr, ...]
    orders: tuple[int, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Call(self.function, children, self.orders)


class Bound(NamedTuple):
    """A bound index with its inclusive limits. `written`: the limits were given on the spot, not by a declaration."""

    index: Index  # type: ignore[assignment]
    lower: Expr
    upper: Expr
    written: bool = False


class Reduction(Expr):
    """A reduction over bound indices; `kind` is one of ``sum prod max min logsumexp argmax argmin``.

    ``argmax`` and ``argmin`` have one bound; their value is the first index that attains the extremum.

    The limits of a bound may use the indices bound before it (triangular sums).
    """

    __slots__ = ("body", "bounds", "kind")
    _fields = ("kind", "bounds", "body")
    kind: str
    bounds: tuple[Bound, ...]
    body: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        limits = [limit for bound in self.bounds for limit in (bound.lower, bound.upper)]
        return (*limits, self.body)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        bounds = tuple(
            bound._replace(lower=children[2 * n], upper=children[2 * n + 1]) for n, bound in enumerate(self.bounds)
        )
        return reduce(self.kind, bounds, children[-1])


class Where(Expr):
    """``then`` where the condition holds, else ``otherwise``; the other branch is never evaluated."""

    __slots__ = ("condition", "otherwise", "then")
    _fields = ("condition", "then", "otherwise")
    condition: Expr
    then: Expr
    otherwise: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.condition, self.then, self.otherwise)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return where(*children)


class Compare(Expr):
    """``left op right`` with op one of ``== != < <= > >=``, or ``divides`` (left divides right)."""

    __slots__ = ("left", "operator", "right")
    _fields = ("operator", "left", "right")
    operator: str
    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return compare(self.operator, *children)


class Junction(Expr):
    """``and``, ``or`` (two or more conditions) or ``not`` (one); ``and`` of none is true, ``or`` of none false."""

    __slots__ = ("conditions", "operator")
    _fields = ("operator", "conditions")
    operator: str
    conditions: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.conditions

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return junction(self.operator, *children)


class Derivative(Expr):
    """``D(of, by)``, the adjoint, or ``P(of, by)``, the local partial; `kind` is ``D`` or ``P``."""

    __slots__ = ("by", "kind", "of")
    _fields = ("kind", "of", "by")
    kind: str
    of: Access
    by: Access

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.of, self.by)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Derivative(self.kind, *children)


ZERO = Number(Fraction(0))
ONE = Number(Fraction(1))
MINUS_ONE = Number(Fraction(-1))
TRUE = Junction("and", ())
FALSE = Junction("or", ())
PI = Constant("pi")
EULER = Constant("E")


def number(value: Fraction | int | str) -> Number:
    """Return the exact rational of `value`; a string may be a decimal such as ``"1e-5"``."""
    return Number(Fraction(value))


def as_expr(value: Expr | Fraction | int) -> Expr:
    """Return `value` as an expression."""
    return value if isinstance(value, Expr) else Number(Fraction(value))


def scalar(name: str) -> Access:
    """Return the scalar quantity called `name`."""
    return Access(name, ())


def call(function: str, *arguments: Expr, orders: tuple[int, ...] = ()) -> Call:
    """Return ``function(arguments)``, or its derivative if `orders` has an entry that is not 0."""
    return Call(function, arguments, orders if any(orders) else ())


def coefficient_and_rest(term: Expr) -> tuple[Fraction, Expr]:
    """Split a term into its rational coefficient and the rest."""
    if isinstance(term, Number):
        return term.value, ONE
    if isinstance(term, Mul) and isinstance(term.factors[0], Number):
        rest = term.factors[1:]
        return term.factors[0].value, rest[0] if len(rest) == 1 else Mul(rest)
    return Fraction(1), term


def base_and_exponent(factor: Expr) -> tuple[Expr, Expr]:
    """Split a factor into base and exponent; the exponent of anything but a power is 1."""
    return (factor.base, factor.exponent) if isinstance(factor, Power) else (factor, ONE)


def factors_of(expr: Expr) -> tuple[Expr, ...]:
    """Return the factors of a product, or the expression alone."""
    return expr.factors if isinstance(expr, Mul) else (expr,)


def terms_of(expr: Expr) -> tuple[Expr, ...]:
    """Return the terms of a sum, or the expression alone."""
    return expr.terms if isinstance(expr, Add) else (expr,)


def add(*terms: Expr) -> Expr:
    """Return the sum: flat, numbers added up, equal terms collected, in the order of first appearance."""
    collected: dict[Expr, tuple[Fraction, Expr]] = {}
    stack = list(reversed(terms))
    while stack:
        term = stack.pop()
        if isinstance(term, Add):
            stack.extend(reversed(term.terms))
            continue
        coefficient, rest = coefficient_and_rest(term)
        if isinstance(rest, Add) and coefficient == -1:
            stack.extend(negative(inner) for inner in reversed(rest.terms))
            continue
        key = canonical(rest)
        before = collected.get(key)
        collected[key] = (coefficient, rest) if before is None else (before[0] + coefficient, before[1])
    result = [scale(coefficient, rest) for coefficient, rest in collected.values() if coefficient]
    if not result:
        return ZERO
    return result[0] if len(result) == 1 else Add(tuple(result))


def scale(coefficient: Fraction, rest: Expr) -> Expr:
    """Return ``coefficient*rest`` for a `rest` without a coefficient of its own."""
    if coefficient == 0:
        return ZERO
    if coefficient == 1:
        return rest
    if rest is ONE:
        return Number(coefficient)
    return Mul((Number(coefficient), *factors_of(rest)))


def mul(*factors: Expr) -> Expr:
    """Return the product: flat, numbers multiplied, equal bases collected, in the order of first appearance."""
    coefficient = Fraction(1)
    collected: dict[Expr, tuple[Expr, Expr]] = {}
    stack = list(reversed(factors))
    while stack:
        factor = stack.pop()
        if isinstance(factor, Mul):
            stack.extend(reversed(factor.factors))
        elif isinstance(factor, Number):
            coefficient *= factor.value
        else:
            base, exponent = base_and_exponent(factor)
            key = canonical(base)
            before = collected.get(key)
            collected[key] = (base, exponent) if before is None else (before[0], add(before[1], exponent))
    if not coefficient:
        return ZERO
    result: list[Expr] = []
    settled = True
    for base, exponent in collected.values():
        factor = power(base, exponent)
        if isinstance(factor, Number):
            coefficient *= factor.value
        else:
            result.append(factor)
            # Roots may add up to a whole power: sqrt(2*x)*sqrt(2*x) is 2*x, whose factors meet the others anew.
            settled = settled and not isinstance(factor, Mul) and base_and_exponent(factor)[0] is base
    if not settled:
        return mul(Number(coefficient), *result)
    if not coefficient:
        return ZERO
    if not result:
        return Number(coefficient)
    if coefficient != 1:
        result.insert(0, Number(coefficient))
    return result[0] if len(result) == 1 else Mul(tuple(result))


def power(base: Expr, exponent: Expr) -> Expr:
    """Return ``base**exponent``, with small rational powers folded and integer powers of powers joined."""
    if exponent is ONE or base is ONE:
        return base
    if exponent is ZERO:
        return ONE
    if isinstance(exponent, Number) and exponent.value.denominator == 1:
        n = exponent.value.numerator
        if isinstance(base, Number):
            if base is ZERO:
                return ZERO if n > 0 else Power(base, exponent)
            bits = max(abs(base.value.numerator), base.value.denominator).bit_length()
            if bits * abs(n) <= LARGEST_FOLDED_BITS:
                return Number(base.value**n)
        elif isinstance(base, Power) and isinstance(base.exponent, Number):
            inner = base.exponent.value
            # (x**2)**(1/2) is abs(x): only an integer outer exponent may be multiplied in, as here.
            if (inner.numerator * n).bit_length() <= LARGEST_FOLDED_BITS:
                return power(base.base, Number(inner * n))
        elif isinstance(base, Power) and not isinstance(base.exponent, Number):
            return power(base.base, mul(exponent, base.exponent))
        elif isinstance(base, Mul):
            return mul(*(power(factor, exponent) for factor in base.factors))
    return Power(base, exponent)


def negative(expr: Expr) -> Expr:
    """Return ``-expr``."""
    return mul(MINUS_ONE, expr)


def divide(numerator: Expr, denominator: Expr) -> Expr:
    """Return ``numerator/denominator``; division by the number 0 stays symbolic."""
    return mul(numerator, power(denominator, MINUS_ONE))


def reduce(kind: str, bounds: tuple[Bound, ...], body: Expr) -> Expr:
    """Return the reduction of `body`; nested reductions of one kind become one, and no bound means `body`."""
    if isinstance(body, Reduction) and body.kind == kind and not kind.startswith("arg"):
        # One list of bounds must not make two indices one, nor bind what was free in an outer limit.
        names = {bound.index for bound in bounds}
        names = names.union(*(free_indices(bound.lower) | free_indices(bound.upper) for bound in bounds))
        if not any(bound.index in names for bound in body.bounds):
            bounds, body = (*bounds, *body.bounds), body.body
    if not bounds:
        return body
    if kind == "sum" and body is ZERO:
        return ZERO
    return Reduction(kind, bounds, body)


def where(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    """Return ``then`` where `condition` holds, else ``otherwise``; decided conditions choose at once."""
    if condition is TRUE:
        return then
    if condition is FALSE:
        return otherwise
    return then if then is otherwise else Where(condition, then, otherwise)


_DECIDE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "divides": lambda a, b: a != 0 and (b / a).denominator == 1,
}


def compare(operator: str, left: Expr, right: Expr) -> Expr:
    """Return the condition ``left operator right``, decided when both are numbers or both are the same."""
    if isinstance(left, Number) and isinstance(right, Number):
        return TRUE if _DECIDE[operator](left.value, right.value) else FALSE
    if left is right and operator != "divides":
        return TRUE if operator in ("==", "<=", ">=") else FALSE
    return Compare(operator, left, right)


def junction(operator: str, *conditions: Expr) -> Expr:
    """Return ``and``, ``or`` or ``not`` of conditions, flat, with decided parts dropped."""
    if operator == "not":
        (condition,) = conditions
        if condition in (TRUE, FALSE):
            return FALSE if condition is TRUE else TRUE
        if isinstance(condition, Compare) and condition.operator in _OPPOSITE:
            return compare(_OPPOSITE[condition.operator], condition.left, condition.right)
        if isinstance(condition, Junction) and condition.operator == "not":
            return condition.conditions[0]
        return Junction("not", conditions)
    unit, absorbing = (TRUE, FALSE) if operator == "and" else (FALSE, TRUE)
    flat: list[Expr] = []
    for condition in conditions:
        parts = (
            condition.conditions if isinstance(condition, Junction) and condition.operator == operator else (condition,)
        )
        for part in parts:
            if part is absorbing:
                return absorbing
            if part is not unit and part not in flat:
                flat.append(part)
    return flat[0] if len(flat) == 1 else Junction(operator, tuple(flat))


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def iverson(condition: Expr) -> Expr:
    """Return the Iverson bracket: 1 where `condition` holds, else 0."""
    return where(condition, ONE, ZERO)


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield every node, parents before children, left to right; shared nodes as often as they occur."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def free_indices(expr: Expr) -> frozenset[Index]:
    """Return the indices of `expr` that no reduction binds."""
    known: frozenset[Index] | None = expr._free  # type: ignore[attr-defined]
    if known is not None:
        return known
    if isinstance(expr, Index):
        result = frozenset((expr,))
    elif isinstance(expr, Reduction):
        result = free_indices(expr.body)
        for bound in reversed(expr.bounds):  # a limit may use the indices bound before it
            result = (result - {bound.index}) | free_indices(bound.lower) | free_indices(bound.upper)
    else:
        result = frozenset().union(*(free_indices(child) for child in expr.children))
    object.__setattr__(expr, "_free", result)
    return result


def names_of(expr: Expr) -> frozenset[str]:
    """Return the names of all quantities that `expr` reads."""
    return frozenset(node.name for node in walk(expr) if isinstance(node, Access))


def stem_of(index: Index) -> str:
    """Return the name that `index` is a fresh copy of: ``k`` for ``k_1`` (and for ``k``)."""
    stem, _, tail = index.name.rpartition("_")
    return stem if stem and tail.isdigit() else index.name


def fresh_index(index: Index, taken: frozenset[Index] | set[Index]) -> Index:
    """Return `index`, or the first of ``k_1, k_2, ...`` that is not `taken`.

    A text may use ``k_1`` without declaring it: it has the range of ``k`` (see the language's reference).
    """
    if index not in taken:
        return index
    stem, count = stem_of(index), 1
    while Index(f"{stem}_{count}") in taken:
        count += 1
    return Index(f"{stem}_{count}")


def substitute(expr: Expr, mapping: Mapping[Any, Expr]) -> Expr:
    """Replace nodes by others; bound indices are renamed where they would capture.

    Keys are expressions (mostly indices or accesses). A key is left alone inside a reduction that binds one of its
    free indices: there it means something else.
    """
    if not mapping:
        return expr
    return _Substitution(dict(mapping)).apply(expr)


def _unchanged(left: tuple[Expr, ...], right: tuple[Expr, ...]) -> bool:
    return all(a is b for a, b in zip(left, right, strict=True))


class _Substitution:
    def __init__(self, mapping: dict[Expr, Expr]) -> None:
        self.mapping = mapping
        self.incoming = frozenset().union(*(free_indices(value) for value in mapping.values()))
        self.keys = frozenset().union(*(free_indices(key) for key in mapping))
        self.kinds = {type(key) for key in mapping}
        # By identity, which the stored node keeps alive and so unique.
        self.memo: dict[int, tuple[Expr, Expr]] = {}

    def apply(self, expr: Expr) -> Expr:
        found = self.mapping.get(expr) if type(expr) in self.kinds else None
        if found is not None:
            return found
        known = self.memo.get(id(expr))
        if known is not None:
            return known[1]
        if isinstance(expr, Reduction):
            found = self.reduction(expr)
        else:
            children = expr.children
            changed = tuple(self.apply(child) for child in children)
            found = expr if _unchanged(changed, children) else expr.rebuild(changed)
        self.memo[id(expr)] = (expr, found)
        return found

    def reduction(self, expr: Reduction) -> Expr:
        scope = self
        bounds: list[Bound] = []
        for bound in expr.bounds:  # its limits are outside its own scope and inside those before it
            lower, upper = scope.apply(bound.lower), scope.apply(bound.upper)
            scope, index = scope.under(bound.index, expr)
            bounds.append(Bound(index, lower, upper, bound.written))
        return reduce(expr.kind, tuple(bounds), scope.apply(expr.body))

    def under(self, index: Index, binder: Reduction) -> tuple[_Substitution, Index]:
        """Return the substitution that holds where `binder` binds `index`, and the name that the index takes."""
        mapping = self.mapping
        if index in self.keys:
            mapping = {key: value for key, value in mapping.items() if index not in free_indices(key)}
        if not mapping or index not in self.incoming:
            return (self if mapping is self.mapping else _Substitution(mapping)), index
        # Not a key either: it would be replaced in turn.
        taken = self.incoming | self.keys | {bound.index for bound in binder.bounds}
        fresh = fresh_index(index, taken.union(*map(free_indices, binder.children)))
        return _Substitution({**mapping, index: fresh}), fresh


def bound_apart(expr: Expr, taken: frozenset[Index] | set[Index]) -> Expr:
    """Return `expr` with bound indices renamed that are in `taken`: no letter then means two things on one line."""

    def rule(node: Expr) -> Expr:
        if not isinstance(node, Reduction) or not any(bound.index in taken for bound in node.bounds):
            return node
        # Not a name bound further inside either: making room for it would give that one any free name.
        names = set(taken).union(*map(free_indices, node.children))
        names |= {bound.index for inner in walk(node) if isinstance(inner, Reduction) for bound in inner.bounds}
        renamed: dict[Any, Expr] = {}
        bounds = []
        for bound in node.bounds:
            limits = substitute(bound.lower, renamed), substitute(bound.upper, renamed)
            index = bound.index
            if index in taken:
                index = fresh_index(index, names)
                names.add(index)
                renamed[bound.index] = index
            bounds.append(Bound(index, *limits, bound.written))
        return reduce(node.kind, tuple(bounds), substitute(node.body, renamed))

    return transform(expr, rule)


def with_first_copies(expr: Expr, taken: frozenset[Index]) -> Expr:
    """Return `expr` with every bound copy of an index, ``m_2``, as the first that is free there: ``m_1``.

    Derivations make copies as they go; a reader should meet ``m_2`` only beside ``m_1``.
    """
    if isinstance(expr, Reduction):
        renamed: dict[Any, Expr] = {}
        bounds = []
        around = set(taken) | (free_indices(expr.body) - {bound.index for bound in expr.bounds})
        for bound in expr.bounds:
            index, stem = bound.index, Index(stem_of(bound.index))
            if index is not stem and stem in around:
                index = fresh_index(stem, around)
                renamed[bound.index] = index
            around.add(index)
            bounds.append(
                Bound(index, substitute(bound.lower, renamed), substitute(bound.upper, renamed), bound.written)
            )
        body = with_first_copies(substitute(expr.body, renamed), frozenset(around))
        return reduce(expr.kind, tuple(bounds), body)
    children = expr.children
    if not children or not any(isinstance(node, Reduction) for node in walk(expr)):
        return expr
    changed = tuple(with_first_copies(child, taken) for child in children)
    return expr if _unchanged(changed, children) else expr.rebuild(changed)


def transform(expr: Expr, rule: Callable[[Expr], Expr]) -> Expr:
    """Apply `rule` to every node, children first; a node that `rule` returns is not visited again."""
    memo: dict[int, Expr] = {}

    def visit(node: Expr) -> Expr:
        found = memo.get(id(node))
        if found is None:
            children = node.children
            changed = tuple(visit(child) for child in children)
            found = memo[id(node)] = rule(node if _unchanged(changed, children) else node.rebuild(changed))
        return found

    return visit(expr)


def canonical(expr: Expr) -> Expr:
    """Return the representative of all expressions that differ only in the order of terms, factors, operands of
    ``==`` and names of bound indices.  For comparing; nobody prints it."""
    known: Any = expr._canonical  # type: ignore[attr-defined]
    if known is None:
        result = _canonical(expr)
        object.__setattr__(result, "_canonical", ...)  # itself; a reference would be a cycle
        if result is not expr:
            object.__setattr__(expr, "_canonical", result)
        return result
    return expr if known is ... else known


def _canonical(expr: Expr) -> Expr:
    match expr:
        case Add(terms=terms):
            return Add(tuple(sorted(map(canonical, terms), key=order)))
        case Mul(factors=factors):
            return Mul(tuple(sorted(map(canonical, factors), key=order)))
        case Reduction(kind=kind, bounds=bounds, body=body):
            # Bound indices are named after the height of the binder: context free, and never captured.
            height = 1 + max((_height(child) for child in expr.children), default=0)
            names: dict[Expr, Expr] = {}
            renamed: list[Bound] = []
            for n, bound in enumerate(bounds):
                lower, upper = (canonical(substitute(limit, names)) for limit in (bound.lower, bound.upper))
                index = names[bound.index] = Index(f"#{height}.{n}")
                renamed.append(Bound(index, lower, upper))
            return Reduction(kind, tuple(renamed), canonical(substitute(body, names)))
        case Compare(operator=operator, left=left, right=right):
            left, right = canonical(left), canonical(right)
            if operator in (">", ">="):
                operator, left, right = {">": "<", ">=": "<="}[operator], right, left
            elif operator in ("==", "!=") and order(right) < order(left):
                left, right = right, left
            return Compare(operator, left, right)
        case Junction(operator=operator, conditions=conditions):
            return Junction(operator, tuple(sorted(map(canonical, conditions), key=order)))
        case Access(name=name, indices=indices):
            return Access(name, tuple(map(canonical, indices)))
        case Power(base=base, exponent=exponent):
            return Power(canonical(base), canonical(exponent))
        case Call(function=function, arguments=arguments, orders=orders):
            return Call(function, tuple(map(canonical, arguments)), orders)
        case Where(condition=condition, then=then, otherwise=otherwise):
            return Where(canonical(condition), canonical(then), canonical(otherwise))
        case Derivative(kind=kind, of=of, by=by):
            return Derivative(kind, canonical(of), canonical(by))
        case _:
            return expr


def _height(expr: Expr) -> int:
    own = 1 if isinstance(expr, Reduction) else 0
    return own + max((_height(child) for child in expr.children), default=0)


def order(expr: Expr) -> str:
    """Return a text by which canonical expressions are sorted."""
    return repr(expr)


def same(left: Expr, right: Expr) -> bool:
    """Return whether two expressions differ at most in order and names of bound indices."""
    return left == right
