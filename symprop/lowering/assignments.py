"""From a derivation to assignments that a machine can follow: every name an array, every examples' axis explicit.

In order: constants and the network's own functions are put in; derivative atoms become their stable values; the axis
of the examples is added; the gradients of parameters are contracted over it; reads that padding extends get their
guard; and what several formulas share gets a name of its own, so that it is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

from symprop.algebra.expressions import (
    ONE,
    TRUE,
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
    add,
    bound_apart,
    call,
    canonical,
    divide,
    factors_of,
    free_indices,
    junction,
    mul,
    names_of,
    negative,
    reduce,
    substitute,
    terms_of,
    transform,
    walk,
    where,
)
from symprop.algebra.functions import FUNCTIONS, derivative
from symprop.algebra.indices import affine, conditions_of, tighten, within
from symprop.algebra.primitives import PRIMITIVES
from symprop.declaration.quantity import Axis
from symprop.derivation.local_partials import expand_functions
from symprop.derivation.patterns import match
from symprop.derivation.steps import Derivation
from symprop.errors import MissingRuleError
from symprop.lowering.memo import at_least, normal
from symprop.lowering.ragged import Boxes

# What generated code has functions for, besides the primitives: forms of one exponential that no formula expresses.
CODE_FUNCTIONS = frozenset(name for name, row in PRIMITIVES.items() if row.definition is None) | {
    "sigmoid",
    "sigmoid_slope",
    "tanh",
    "tanh_slope",
    "softplus",
    "pair",  # two values that one reduction looks at
}

# Functions whose value costs as much as dozens of products: worth an array of their own if they are needed twice.
COSTLY = CODE_FUNCTIONS - {"abs", "sign", "floor", "max", "min", "pair"}


@dataclass(frozen=True)
class Variable:
    """A named array.

    Attributes
    ----------
    name : str
    axes : tuple of Axis
        The examples' axis included; of a ragged one those of the box that it lies in.
    role : str
        That of the quantity; ``adjoint``, ``temporary``, or ``size`` for the values of a layered size.
    zero_outside, integer : bool
    ragged : tuple of Axis
        The axes of a ragged one as they are; else empty.
    """

    name: str
    axes: tuple[Axis, ...]
    role: str
    zero_outside: bool = False
    integer: bool = False
    ragged: tuple[Axis, ...] = ()

    def ranges(self, indices: tuple[Expr, ...]) -> Iterator[tuple[Expr, Expr]]:
        """Yield the limits of each axis where the array is read at `indices`."""
        at: dict[Expr, Expr] = {}
        for index, axis in zip(indices, self.ragged or self.axes, strict=True):
            yield (substitute(axis.lower, at), substitute(axis.upper, at)) if at else (axis.lower, axis.upper)
            if self.ragged:
                at[axis.index] = index


@dataclass(frozen=True)
class Assignment:
    """``target = expression`` for all values of `bounds`; `comment` says it as the derivation does."""

    target: Access
    bounds: tuple[Bound, ...]
    expression: Expr
    comment: str = ""
    line: int = 0
    origin: int = -1

    @property
    def name(self) -> str:
        """Name of what is assigned."""
        return self.target.name

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names of the arrays that it reads, also inside indices."""
        return names_of(self.expression) | frozenset().union(*map(names_of, self.target.indices))


@dataclass
class Assignments:
    """All assignments of a derivation, forward then backward, and the arrays that they speak of.

    Attributes
    ----------
    variables : dict of str to Variable
    lines : list of Assignment
    gradients : dict of str to str
        What is differentiated by, and the array of the derivative.
    shares : dict of str to dict of str to str
        The same for each objective, by its name: of one, `gradients`; of several, each by what it is over.
    objective : str
        The number that is differentiated: the objective over all examples.
    totals : dict of str to str
        That number for each objective, by its name.
    examples : Bound or None
        The examples' index, if the network has none of its own.
    forward : tuple of str
        The quantities that equations define.
    boxes : Boxes or None
        The sizes that differ from layer to layer.
    """

    variables: dict[str, Variable] = field(default_factory=dict)
    lines: list[Assignment] = field(default_factory=list)
    gradients: dict[str, str] = field(default_factory=dict)
    shares: dict[str, dict[str, str]] = field(default_factory=dict)
    objective: str = ""
    totals: dict[str, str] = field(default_factory=dict)
    examples: Bound | None = None
    forward: tuple[str, ...] = ()
    boxes: Boxes | None = None


def assignments(derivation: Derivation, reduction: str = "mean") -> Assignments:
    """Return the assignments of a derivation, every name defined before it is read (recurrences apart).

    Parameters
    ----------
    derivation : Derivation
        Of a scalar objective; best of a network that `stable.stabilize` has rewritten.
    reduction : str
        ``mean`` or ``sum`` over the examples, if the network has no batch index.
    """
    return _Builder(derivation, reduction).build()


class _Builder:
    def __init__(self, derivation: Derivation, reduction: str) -> None:
        self.derivation = derivation
        self.network = network = derivation.network
        self.reduction = reduction
        self.constants = network.constant_values()
        self.result = Assignments()
        self.taken = set(network.quantities) | {a.access.name for a in derivation.adjoints.values()}
        self.boxes = Boxes(network, self.taken | set(network.sizes) | {index.name for index in network.indices})
        self.result.boxes = self.boxes
        self.dependent = self.depends_on_examples()
        self.examples = self.examples_bound() if self.dependent else None
        self.result.examples = self.examples
        self.arrays: dict[str, str] = {}  # by name of an adjoint that is wanted, where it stands in the end

    # ---- the axis of the examples -------------------------------------------------------------------------------

    def depends_on_examples(self) -> frozenset[str]:
        """Return the quantities that have a value for each example."""
        network = self.network
        if network.batch is not None:
            return frozenset()
        found = {q.name for q in network.of_role("input", "target") if q.name not in network.parameters}
        changed = True
        while changed:  # a recurrence may be read before its data
            new = {e.name for e in network.equations if names_of(e.expression) & found} - found
            found |= new
            changed = bool(new)
        return frozenset(found)

    def examples_bound(self) -> Bound:
        indices = {i.name for i in self.network.indices} | {
            node.name for e in self.network.equations for node in walk(e.expression) if isinstance(node, Index)
        }
        taken = indices | set(self.network.quantities) | set(self.network.sizes)
        name = next(name for name in ("n", "s", "example", *(f"n{c}" for c in range(1, 99))) if name not in taken)
        size = next(s for s in ("N", "S", "examples", *(f"N{c}" for c in range(1, 99))) if s not in taken | {name})
        return Bound(Index(name), ONE, Size(size))

    def axes_with_examples(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        assert self.examples is not None
        return (Axis(self.examples.index, self.examples.lower, self.examples.upper), *axes)

    def batched(self, expr: Expr) -> Expr:
        """Return `expr` with the examples' index first in every access that depends on them."""
        if self.examples is None:
            return expr
        index = self.examples.index
        names = self.dependent | {a.access.name for a in self.derivation.adjoints.values() if a.of in self.dependent}

        def rule(node: Expr) -> Expr:
            if isinstance(node, Access) and node.name in names:
                return Access(node.name, (index, *node.indices))
            return node

        return transform(expr, rule)

    # ---- building -----------------------------------------------------------------------------------------------

    def build(self) -> Assignments:
        result, network = self.result, self.network
        for quantity in network.quantities.values():
            axes = quantity.axes
            if quantity.name in self.dependent:
                axes = self.axes_with_examples(axes)
            result.variables[quantity.name] = self.variable(
                quantity.name, axes, quantity.role, quantity.zero_outside, quantity.integer
            )
        for name, axis in self.boxes.axes().items():
            result.variables[name] = Variable(name, (axis,), "size", integer=True)
        lines = [
            self.line(e.target, e.bounds, e.expression, e.name in self.dependent, str(e.target), e.line)
            for e in network.equations
        ]
        result.forward = tuple(dict.fromkeys(line.name for line in lines))
        of = self.derivation.of
        objectives = network.objectives if self.derivation.objective is not None else ()
        for total in dict.fromkeys((of, *(Access(objective.name, ()) for objective in objectives))):
            lines.append(self.total_objective(total))
        result.objective = result.totals[of.name]
        lines += self.adjoints()
        arrays = self.arrays
        parts = self.derivation.parts or {of.name: self.derivation}
        result.shares = {
            objective: {name: arrays[part.adjoints[name].access.name] for name in part.wrt}
            for objective, part in parts.items()
        }
        found = {name: array for share in result.shares.values() for name, array in share.items()}
        result.gradients = {name: found[name] for name in self.derivation.wrt}
        lines = [self.padded(line) for line in lines]
        result.lines = Sharing(result.variables, self.taken, self.boxes).shared(lines)
        return result

    def variable(
        self, name: str, axes: tuple[Axis, ...], role: str, zero_outside: bool = False, integer: bool = False
    ) -> Variable:
        box = self.boxes.box(axes)
        return Variable(name, box, role, zero_outside, integer, axes if box != axes else ())

    def line(
        self, target: Access, bounds: tuple[Bound, ...], expression: Expr, examples: bool, name: str, number: int = 0
    ) -> Assignment:
        comment = f"{name} = {expression}"
        expression = contracted(self.batched(self.elementary(expression)), {bound.index for bound in bounds})
        if examples:
            assert self.examples is not None
            target = Access(target.name, (self.examples.index, *target.indices))
            bounds = (self.examples, *bounds)
        return Assignment(target, bounds, expression, comment, number)

    def total_objective(self, of: Access) -> Assignment:
        """Return the assignment of the objective over all examples."""
        name = self.fresh(f"{of.name}_total")
        self.result.totals[of.name] = name
        self.result.variables[name] = Variable(name, (), "temporary")
        target = Access(name, ())
        expression = self.batched(substitute(of, self.constants))
        word = "the objective"
        if self.examples is not None:
            expression = self.over_examples(expression)
            word = f"the {self.reduction} over the examples of {of}"
        return Assignment(target, (), expression, f"{name}: {word}")

    def over_examples(self, expr: Expr) -> Expr:
        """Return the mean (or sum) over the examples of a value for each of them.

        A mean leaves alone what does not depend on the examples, so formulas for one example hold for the mean.
        """
        assert self.examples is not None
        number = normal(self.examples.upper - self.examples.lower + ONE)
        bound = self.examples
        inner: list[Expr] = []
        outer: list[Expr] = []
        for term in terms_of(expr):
            (inner if bound.index in free_indices(term) else outer).append(term)
        total = reduce("sum", (bound,), add(*inner)) if inner else ZERO
        if self.reduction == "sum":
            return add(total, mul(number, add(*outer)))
        return add(divide(total, number) if inner else ZERO, *outer)

    def adjoints(self) -> Iterator[Assignment]:
        """Yield the adjoints in an order in which they can be computed, the gradients as wanted at the end."""
        derivation, variables = self.derivation, self.result.variables
        belongs = {a.access.name: objective for objective, p in derivation.parts.items() for a in p.adjoints.values()}
        for adjoint in derivation.adjoints.values():
            name = adjoint.access.name
            examples = adjoint.of in self.dependent
            axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in adjoint.bounds)
            if examples:
                axes = self.axes_with_examples(axes)
            variables[name] = self.variable(name, axes, "adjoint")
            of = Access(adjoint.of, adjoint.access.indices)
            words = f"d{belongs.get(name, derivation.of.name)}/d{of} = {name}{str(adjoint.access).removeprefix(name)}"
            line = self.line(adjoint.access, adjoint.bounds, adjoint.expression, examples, words)
            wanted = adjoint.of in derivation.wrt
            if wanted:
                self.arrays[name] = name
            if not examples and self.examples is not None:
                total = self.over_examples(line.expression)
                if self.reduction == "sum" and not wanted:
                    # Only what leaves is scaled: everything inside is for the mean.
                    total = divide(total, normal(self.examples.upper))
                line = replace(line, expression=self.spread(total, line.bounds))
                yield line
            elif wanted and self.examples is not None and self.reduction == "mean":
                # By data: each example has its share of the mean. Inside, adjoints are those of one example.
                inner = self.fresh(f"{name}_share")
                variables[inner] = replace(variables[name], name=inner)
                self.arrays[name] = inner
                yield line
                share = divide(line.target, normal(self.examples.upper))
                comment = f"{words}/{self.examples.upper}"
                yield Assignment(Access(inner, line.target.indices), line.bounds, share, comment)
            else:
                yield line

    def spread(self, expr: Expr, bounds: tuple[Bound, ...]) -> Expr:
        """Keep bound indices of `expr` apart from those of the assignment."""
        return bound_apart(expr, {bound.index for bound in bounds})

    def fresh(self, stem: str) -> str:
        return fresh_name(stem, self.taken)

    # ---- elementary functions -----------------------------------------------------------------------------------

    def elementary(self, expr: Expr) -> Expr:
        """Return `expr` with constants put in, and the network's own functions written out."""
        return expand_functions(substitute(expr, self.constants), self.network)

    # ---- padding ------------------------------------------------------------------------------------------------

    def padded(self, line: Assignment) -> Assignment:
        """Guard the readings of quantities that are zero outside their axes."""
        if not any(self.result.variables[name].zero_outside for name in line.reads if name in self.result.variables):
            return line
        return replace(line, expression=self._padded(line.expression, line.bounds))

    def _padded(self, expr: Expr, scope: tuple[Bound, ...]) -> Expr:
        if isinstance(expr, Access):
            variable = self.result.variables.get(expr.name)
            if variable is None or not variable.zero_outside:
                return expr
            inside = junction(
                "and",
                *(
                    within(index, lower, upper, scope)
                    for index, (lower, upper) in zip(expr.indices, variable.ranges(expr.indices), strict=True)
                ),
            )
            return where(inside, expr, ZERO)
        inner = (*scope, *expr.bounds) if isinstance(expr, Reduction) else scope
        children = tuple(self._padded(child, inner) for child in expr.children)
        return expr if all(a is b for a, b in zip(children, expr.children, strict=True)) else expr.rebuild(children)


def contracted(expr: Expr, taken: set[Index]) -> Expr:
    """Return `expr` with sums inside sums taken in another order, where that saves a loop.

    ``sum(i, u[i]*sum(k, v[k]*W[k,i]*W[k,m]))`` loops over i, k and m; ``sum(k, v[k]*W[k,m]*sum(i, u[i]*W[k,i]))``
    over two of them at a time.  Second derivatives are full of the first form.  Readings that all terms of a sum have
    as a factor are taken out of it.
    """

    def rule(node: Expr) -> Expr:
        if isinstance(node, Add):
            return _common_out(node)
        if not (isinstance(node, Reduction) and node.kind == "sum"):
            return node
        bounds, factors = list(node.bounds), list(factors_of(node.body))
        before = _loops(node)
        at = 0
        while at < len(factors):
            inner = factors[at]
            if not (isinstance(inner, Reduction) and inner.kind == "sum"):
                at += 1
                continue
            apart = bound_apart(inner, taken | free_indices(node.body) | {bound.index for bound in bounds})
            assert isinstance(apart, Reduction)
            bounds += apart.bounds
            factors[at : at + 1] = factors_of(apart.body)
        own = {bound.index for bound in bounds}
        if len(bounds) == len(node.bounds) or any(own & _deciding(bound) for bound in bounds):
            return node
        found, most = _eliminated(bounds, factors)
        return found if most < before else node

    return transform(expr, rule)


def _common_out(expr: Add) -> Expr:
    first, *others = (factors_of(term) for term in expr.terms)
    common = [f for f in dict.fromkeys(first) if isinstance(f, Access) and all(f in factors for factors in others)]
    if not common:
        return expr
    rests = (mul(*(factor for factor in factors_of(term) if factor not in common)) for term in expr.terms)
    return mul(*common, add(*rests))


def _deciding(bound: Bound) -> frozenset[Index]:
    return free_indices(bound.lower) | free_indices(bound.upper)


def _loops(expr: Expr) -> int:
    """Return over how many indices the deepest sum of products runs."""
    below = max(map(_loops, factors_of(expr.body)), default=0) if isinstance(expr, Reduction) else 0
    if not isinstance(expr, Reduction):
        return 0
    return max(below, len(free_indices(expr.body) | {bound.index for bound in expr.bounds}))


def _eliminated(bounds: list[Bound], factors: list[Expr]) -> tuple[Expr, int]:
    """Return the sum of a product, one index after the other, cheapest first; and the most loops that it takes."""
    most = 0
    bounds = list(bounds)
    while bounds:
        spans = []
        for bound in bounds:
            mine = [factor for factor in factors if bound.index in free_indices(factor)]
            spans.append(len(frozenset().union({bound.index}, *map(free_indices, mine))))
        cheapest = min(spans)
        bound = bounds.pop(spans.index(cheapest))
        most = max(most, cheapest)
        mine = [factor for factor in factors if bound.index in free_indices(factor)]
        rest = [factor for factor in factors if bound.index not in free_indices(factor)]
        factors = [*rest, reduce("sum", (bound,), mul(*mine))]
    return mul(*factors), most


def fresh_name(stem: str, taken: set[str]) -> str:
    """Return `stem`, or the first of ``stem_1, stem_2, ...`` that is not in `taken`, and put it there."""
    name = stem if stem not in taken else next(f"{stem}_{n}" for n in count(1) if f"{stem}_{n}" not in taken)
    taken.add(name)
    return name


def in_code(expr: Expr) -> Expr:
    """Return `expr` in the functions that generated code has, each in its accurate form.

    Raises
    ------
    MissingRuleError
        If it calls a function that has no body.
    """

    def rule(node: Expr) -> Expr:
        if isinstance(node, Mul):
            return _logistic_slopes(node)
        if not isinstance(node, Call):
            return node
        if node.orders == (1,) and node.function == "tanh":
            return call("tanh_slope", *node.arguments)
        if node.orders:
            return in_code(derivative(node, stable=True))
        if node.function == "stop":
            return node.arguments[0]
        if node.function in CODE_FUNCTIONS:
            return node
        row = FUNCTIONS.get(node.function)
        if row is None:
            raise MissingRuleError(
                f"'{node.function}' has no body, so it cannot be computed",
                hint=f"Give it one: function {node.function}(u) = ...",
            )
        form = row.stable if row.stable is not None else row.definition
        assert form is not None
        return in_code(row.at(form, node.arguments))

    return transform(expr, rule)


def _logistic_slopes(expr: Mul) -> Expr:
    """Replace ``sigmoid(u)*sigmoid(-u)`` by ``sigmoid_slope(u)``: one exponential instead of two."""
    for factor in expr.factors:
        if isinstance(factor, Call) and factor.function == "sigmoid" and not factor.orders:
            (argument,) = factor.arguments
            other = call("sigmoid", -argument)
            if other in expr.factors and other is not factor:
                rest = [f for f in expr.factors if f is not factor and f != other]
                if len(rest) == len(expr.factors) - 2:
                    argument = -argument if _is_negative(argument) else argument
                    return mul(*rest, call("sigmoid_slope", argument))
    return expr


def _is_negative(expr: Expr) -> bool:
    return isinstance(expr, Mul) and isinstance(expr.factors[0], Number) and expr.factors[0].value < 0


# ---- sharing ------------------------------------------------------------------------------------------------------


def signature(expr: Expr) -> Expr:
    """Return `expr` without its indices: equal for two expressions that differ in index names and offsets only."""

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access):
            return Access(node.name, ())
        if isinstance(node, Index):
            return _ANY
        return node

    if isinstance(expr, Reduction):
        return Reduction(expr.kind, tuple(Bound(_ANY, ZERO, ZERO) for _ in expr.bounds), signature(expr.body))
    if isinstance(expr, (Access, Index)):
        return rule(expr)
    children = tuple(map(signature, expr.children))
    if isinstance(expr, Add):
        return Add(children)
    if isinstance(expr, Mul):
        return Mul(children)
    if isinstance(expr, Power):
        return Power(*children)
    if isinstance(expr, Where):
        return Where(*children)
    if isinstance(expr, Compare):
        return Compare(expr.operator, *children)
    if isinstance(expr, Junction):
        return Junction(expr.operator, children)
    return expr.rebuild(children)


_ANY = Index("*")


@dataclass(frozen=True)
class _Known:
    """A name for an expression, with the indices that it has free and their ranges."""

    expression: Expr
    target: Access
    bounds: tuple[Bound, ...]


class Sharing:
    """Gives names to reductions inside formulas, and to costly values that are needed more than once."""

    def __init__(self, variables: dict[str, Variable], taken: set[str], boxes: Boxes) -> None:
        self.variables = variables
        self.taken = taken
        self.boxes = boxes
        self.known: dict[Expr, list[_Known]] = {}
        self.lines: list[Assignment] = []
        self.wanted: set[Expr] = set()

    def shared(self, lines: list[Assignment]) -> list[Assignment]:
        """Return the assignments in the functions of generated code, with shared parts named."""
        self.wanted = self.repeated(lines)
        for line in lines:
            expression = self.top(line.expression, line)
            self.lines.append(replace(line, expression=in_code(expression)))
            self.register(line)  # only now: a line must not read what is computed after it
        return self.lines

    def repeated(self, lines: list[Assignment]) -> set[Expr]:
        """Return the signatures of costly calls that several assignments evaluate."""
        seen: dict[Expr, str] = {}
        found = set()
        for line in lines:
            for node in walk(line.expression):
                if isinstance(node, Call) and _is_costly(node):
                    key = canonical(signature(node))
                    if seen.setdefault(key, line.name) != line.name:
                        found.add(key)
        return found

    def register(self, line: Assignment) -> None:
        """Let other formulas read what `line` computes instead of computing it again."""
        pattern = line.expression
        whole = all(isinstance(index, Index) for index in line.target.indices)
        if whole and isinstance(pattern, (Call, Reduction)) and line.name not in names_of(pattern):
            key = canonical(signature(pattern))
            self.known.setdefault(key, []).append(_Known(pattern, line.target, line.bounds))

    def top(self, expr: Expr, line: Assignment) -> Expr:
        """Return the right side of an assignment; a reduction that is all of it stays."""
        scope = line.bounds
        if isinstance(expr, (Call, Reduction)):
            found = self.look_up(expr, scope, TRUE)
            if found is not None:
                return found
        if isinstance(expr, Call):
            found_softmax = self.softmax(expr, scope, TRUE) if expr.function == "exp" else None
            if found_softmax is not None:
                return found_softmax
            return expr.rebuild(tuple(self.inside(argument, scope, TRUE) for argument in expr.arguments))
        if isinstance(expr, Where) and expr.otherwise is ZERO:
            condition = self.inside(expr.condition, scope, TRUE)
            return where(condition, self.scaled_reduction(expr.then, scope, expr.condition), ZERO)
        return self.scaled_reduction(expr, scope, TRUE)

    def scaled_reduction(self, expr: Expr, scope: tuple[Bound, ...], guard: Expr) -> Expr:
        if isinstance(expr, Reduction) and expr.kind != "logsumexp":
            return self.reduction(expr, scope, guard)
        if isinstance(expr, Mul):
            reductions = [factor for factor in expr.factors if isinstance(factor, Reduction)]
            if len(reductions) == 1 and reductions[0].kind != "logsumexp":
                rest = mul(*(factor for factor in expr.factors if factor is not reductions[0]))
                if not free_indices(rest) and not any(isinstance(node, Reduction) for node in walk(rest)):
                    return mul(rest, self.reduction(reductions[0], scope, guard))
        return self.inside(expr, scope, guard)

    def reduction(self, expr: Reduction, scope: tuple[Bound, ...], guard: Expr) -> Expr:
        """Return a reduction whose body holds no further one."""
        expr = bound_apart(expr, {bound.index for bound in scope})  # type: ignore[assignment]
        body = self.inside(expr.body, (*scope, *expr.bounds), guard)
        return reduce(expr.kind, expr.bounds, body)

    def inside(self, expr: Expr, scope: tuple[Bound, ...], guard: Expr) -> Expr:
        """Return `expr` with its reductions read from arrays, and its costly calls where that pays.

        It pays if several formulas need the value, or if it does not depend on all the indices that are looped over.
        """
        if isinstance(expr, Reduction):
            return self.named(expr, scope, guard)
        if isinstance(expr, Where):
            condition = self.inside(expr.condition, scope, guard)
            then = self.inside(expr.then, scope, junction("and", guard, expr.condition))
            no = junction("not", expr.condition)
            return where(condition, then, self.inside(expr.otherwise, scope, junction("and", guard, no)))
        if isinstance(expr, Call) and expr.function == "exp":
            found_softmax = self.softmax(expr, scope, guard)
            if found_softmax is not None:
                return found_softmax
        if isinstance(expr, Call) and _is_costly(expr) and free_indices(expr):
            outside = bool({bound.index for bound in scope} - free_indices(expr))
            if outside or canonical(signature(expr)) in self.wanted or self.is_slope_of_known(expr):
                found = self.named_call(expr, scope, guard)
                if found is not None:
                    return found
        if isinstance(expr, (Number, Constant, Index, Size)):
            return expr
        children = tuple(self.inside(child, scope, guard) for child in expr.children)
        return expr if all(a is b for a, b in zip(children, expr.children, strict=True)) else expr.rebuild(children)

    def is_slope_of_known(self, expr: Call) -> bool:
        """Return whether the function itself is computed at the same place: one exponential then serves both."""
        return bool(expr.orders) and canonical(signature(Call(expr.function, expr.arguments, ()))) in self.known

    def look_up(self, expr: Expr, scope: tuple[Bound, ...], guard: Expr) -> Access | None:
        for known in self.known.get(canonical(signature(expr)), ()):
            variables = frozenset(bound.index for bound in known.bounds)
            # Letters of the pattern must not be mistaken for letters of the expression.
            apart: dict[Expr, Expr] = {index: Index(f"{index.name}?") for index in variables}
            pattern = substitute(known.expression, apart)
            for binding in match(pattern, expr, {}, frozenset(apart.values())):  # type: ignore[arg-type]
                if len(binding) != len(variables):
                    continue
                values = {index: binding[fresh] for index, fresh in apart.items()}  # type: ignore[index]
                ranges = _narrowed(scope, guard)
                if all(
                    at_least(values[b.index], substitute(b.lower, values), ranges)
                    and at_least(substitute(b.upper, values), values[b.index], ranges)
                    for b in known.bounds
                ):
                    found = substitute(known.target, values)
                    assert isinstance(found, Access)
                    return found
        return None

    def named_call(self, expr: Call, scope: tuple[Bound, ...], guard: Expr) -> Access | None:
        """Return the array that holds a costly call, elementwise, or None if it has no ranges of its own."""
        expr, back = _unshifted(expr)  # type: ignore[assignment]
        ranges = _shifted(_narrowed(scope, guard), back)
        found = self.look_up(expr, ranges, TRUE)
        if found is None:
            ranges = self.whole_axes(expr, ranges)
            if not self.stays_inside(expr, ranges):
                return None  # a guard that no range expresses protects it
            inner = expr.rebuild(tuple(self.inside(argument, ranges, TRUE) for argument in expr.arguments))
            found = self.new(inner, ranges, TRUE, _stem(expr), pattern=expr)
        return None if found is None else substitute(found, back)  # type: ignore[return-value]

    def stays_inside(self, expr: Expr, scope: tuple[Bound, ...]) -> bool:
        """Return whether every reading in `expr` is inside its axes over the whole of `scope`."""
        if isinstance(expr, Access):
            variable = self.variables[expr.name]
            for index, (lower, upper) in zip(expr.indices, variable.ranges(expr.indices), strict=True):
                if names_of(index):
                    return False
                if not (at_least(index, lower, scope) and at_least(upper, index, scope)):
                    return False
                if _divides(index):
                    return False
        inner = scope
        if isinstance(expr, Reduction):
            if any(_divides(bound.lower) or _divides(bound.upper) for bound in expr.bounds):
                return False
            inner = (*scope, *expr.bounds)
        children = (expr.condition,) if isinstance(expr, Where) else expr.children
        return all(self.stays_inside(child, inner) for child in children)

    def whole_axes(self, expr: Call, ranges: tuple[Bound, ...]) -> tuple[Bound, ...]:
        """Return ranges as wide as the axes of what `expr` reads, so that readers elsewhere find the value too."""
        accesses = {node for node in walk(expr) if isinstance(node, Access)}
        if len(accesses) != 1:
            return ranges
        (access,) = accesses
        variable = self.variables[access.name]
        wide = {
            index: Bound(index, axis.lower, axis.upper)
            for index, axis in zip(access.indices, variable.axes, strict=True)
            if isinstance(index, Index)
        }
        if len(wide) != len(access.indices) or not self.is_complete(access.name):
            return ranges
        for bound in ranges:  # a guard inside may let an index run further than the axis
            axis = wide.get(bound.index, bound)
            if not (at_least(bound.lower, axis.lower) and at_least(axis.upper, bound.upper)):
                return ranges
        return tuple(wide.get(bound.index, bound) for bound in ranges)

    def is_complete(self, name: str) -> bool:
        """Whether every element of an array has been given or assigned as a whole."""
        if self.variables[name].role in ("input", "target", "parameter"):
            return True
        return any(known.target.name == name for group in self.known.values() for known in group) or any(
            line.name == name and _covers(line, self.variables[name]) for line in self.lines
        )

    def named(self, expr: Reduction, scope: tuple[Bound, ...], guard: Expr) -> Expr:
        """Return the array that holds a reduction."""
        if expr.kind == "logsumexp":
            # Two parts: the maximum, and what the sum adds to it. Their sum would round the second away.
            greatest, shifted, exponential = self.shifted_exponentials(expr, scope, guard)
            excess = Reduction("log_excess", expr.bounds, Call("pair", (shifted, exponential), ()))
            return add(greatest, self.named(excess, scope, guard))
        moved, back = _unshifted(expr)
        ranges = _shifted(scope, back)
        condition = substitute(self.relevant(guard, expr), _inverse(back))
        found = self.look_up(moved, _narrowed(ranges, condition), TRUE)
        if found is None:
            assert isinstance(moved, Reduction)
            body = self.reduction(moved, ranges, condition)
            found = self.new(body, ranges, condition, _stem(moved), pattern=moved, comment=_in_words(moved))
            if found is None:
                return expr
        return substitute(found, back)

    def shifted_exponentials(self, expr: Reduction, scope: tuple[Bound, ...], guard: Expr) -> tuple[Expr, Expr, Expr]:
        """Return the greatest value of the body of a logsumexp, the body less that, and the exponential of this.

        The exponentials are arrays where possible: the sum and the softmax both read them.
        """
        greatest = self.named(reduce("max", expr.bounds, expr.body), scope, guard)  # type: ignore[arg-type]
        inner = (*scope, *expr.bounds)
        shifted: Expr = expr.body - greatest
        exponential: Expr = call("exp", shifted)
        if guard is TRUE and self.stays_inside(shifted, inner):
            places: list[Expr] = []
            for value, stem in ((shifted, "shifted"), (exponential, "exp")):
                place = self.look_up(value, inner, TRUE)
                if place is None:
                    made = value if value is shifted else call("exp", places[0])
                    made = self.inside(made, inner, TRUE) if value is shifted else made
                    place = self.new(made, inner, TRUE, "_".join((stem, *sorted(names_of(expr.body))[:1])), value)
                if place is None:
                    return greatest, shifted, exponential
                places.append(place)
            shifted, exponential = places
        return greatest, shifted, exponential

    def softmax(self, expr: Call, scope: tuple[Bound, ...], guard: Expr) -> Expr | None:
        """Return ``exp(u - logsumexp(k, v))`` as ``exp(u - max)/sum(k, exp(v - max))``, if u is v at another k.

        One exponential for each element then serves the softmax and the logsumexp.
        """
        (argument,) = expr.arguments
        for term in terms_of(argument):
            inner: Expr = negative(term)
            if not (isinstance(inner, Reduction) and inner.kind == "logsumexp" and len(inner.bounds) == 1):
                continue
            (bound,) = inner.bounds
            place = Index(f"{bound.index.name}?")
            body = substitute(inner.body, {bound.index: place})
            for binding in match(body, argument - term, {}, frozenset((place,))):
                value = binding.get(place)
                ranges = _narrowed(scope, guard)
                if value is None or not (at_least(value, bound.lower, ranges) and at_least(bound.upper, value, ranges)):
                    continue
                apart = bound_apart(inner, {b.index for b in scope})
                assert isinstance(apart, Reduction)
                inner = apart
                (bound,) = inner.bounds
                outer = tuple(b for b in scope if b.index not in free_indices(value) or b.index in free_indices(inner))
                _, _, exponential = self.shifted_exponentials(inner, outer, guard)
                if not isinstance(exponential, Access):
                    return None
                total = self.named(reduce("sum", inner.bounds, exponential), scope, guard)  # type: ignore[arg-type]
                return divide(substitute(exponential, {bound.index: value}), total)
        return None

    def relevant(self, guard: Expr, expr: Expr) -> Expr:
        """Return the parts of a guard that protect the readings of `expr`."""
        mine = free_indices(expr)
        parts = ((part, free_indices(part)) for part in conditions_of(guard))
        return junction("and", *(part for part, free in parts if not free or free & mine))

    def new(
        self,
        expr: Expr,
        scope: tuple[Bound, ...],
        guard: Expr,
        stem: str,
        pattern: Expr | None = None,
        comment: str = "",
    ) -> Access | None:
        """Return a new array that holds `expr` over the indices that it depends on, or None if it has no ranges."""
        needed = free_indices(expr) | free_indices(guard)
        ranges = {bound.index: bound for bound in scope}
        grown = True
        while grown:  # limits may use other indices
            more = frozenset().union(
                *(free_indices(ranges[i].lower) | free_indices(ranges[i].upper) for i in needed if i in ranges), needed
            )
            grown, needed = more != needed, more
        if not needed <= set(ranges):
            return None
        bounds = tuple(bound for bound in scope if bound.index in needed)
        guard_left = guard
        tight = []
        for place, bound in enumerate(bounds):
            mine = [
                p
                for p in conditions_of(guard_left)
                if bound.index in free_indices(p) and free_indices(p) <= {b.index for b in bounds[: place + 1]}
            ]
            rest = [p for p in conditions_of(guard_left) if p not in mine]
            bound, left = tighten(bound, junction("and", *mine), bounds[:place])
            guard_left = junction("and", *rest, left)
            tight.append(bound)
        bounds = tuple(tight)
        try:
            axes = tuple(Axis(b.index, b.lower, b.upper) for b in bounds)
            box = self.boxes.box(axes)
        except ValueError:
            return None
        name = fresh_name(stem, self.taken)
        target = Access(name, tuple(bound.index for bound in bounds))
        self.variables[name] = Variable(name, box, "temporary", ragged=axes if box != axes else ())
        words = f"{target} = {comment or pattern or expr}"
        self.lines.append(Assignment(target, bounds, where(guard_left, in_code(expr), ZERO), words))
        key = canonical(signature(pattern or expr))
        if guard_left is TRUE:
            self.known.setdefault(key, []).append(_Known(pattern or expr, target, bounds))
        return target


def _divides(index: Expr) -> bool:
    """Return whether an index expression holds a division, which comes out whole only where a guard says so."""
    return any(isinstance(n, Power) or (isinstance(n, Number) and n.value.denominator > 1) for n in walk(index))


def _is_costly(expr: Call) -> bool:
    if expr.orders:
        return (
            any(isinstance(node, Call) and node.function in COSTLY for node in walk(derivative(expr, stable=True)))
            if expr.function in FUNCTIONS
            else False
        )
    return expr.function in COSTLY or (
        expr.function in FUNCTIONS
        and any(
            isinstance(node, Call) and node.function in COSTLY
            for form in (FUNCTIONS[expr.function].stable or FUNCTIONS[expr.function].definition,)
            if form is not None
            for node in walk(form)
        )
    )


def _covers(line: Assignment, variable: Variable) -> bool:
    return len(line.bounds) == len(variable.axes) and all(
        bound.lower == axis.lower and bound.upper == axis.upper
        for bound, axis in zip(line.bounds, variable.axes, strict=True)
    )


def _stem(expr: Expr) -> str:
    """Return a name for a shared value: ``tanh_prime_a`` for ``tanh'(a[j])``, ``sum_x_w`` for a sum."""
    words = [expr.kind if isinstance(expr, Reduction) else expr.function]  # type: ignore[attr-defined]
    if words == ["log_excess"]:
        return "_".join(("log_sum", *sorted(names_of(expr))[:1]))
    if isinstance(expr, Call) and expr.orders:
        words.append("prime")
    names = list(dict.fromkeys(node.name for node in walk(expr) if isinstance(node, Access)))
    return "_".join((*words, *names[:2]))


def _in_words(expr: Reduction) -> str:
    """Return what a reduction that the language does not have is; "" for all others."""
    if expr.kind != "log_excess":
        return ""
    value = expr.body.arguments[1] if isinstance(expr.body, Call) and expr.body.function == "pair" else expr.body
    return f"log(sum({expr.bounds[0].index}, {value})), what logsumexp has above the maximum"


def _narrowed(scope: tuple[Bound, ...], guard: Expr) -> tuple[Bound, ...]:
    """Return the ranges of `scope` where `guard` holds, as far as limits can say it."""
    result: list[Bound] = []
    for bound in scope:
        outer = tuple(result)
        names = {b.index for b in outer} | {bound.index}
        mine = junction(
            "and",
            *(p for p in conditions_of(guard) if bound.index in free_indices(p) and free_indices(p) <= names),
        )
        result.append(tighten(bound, mine, outer)[0])
    return tuple(result)


def _unshifted(expr: Expr) -> tuple[Expr, dict[Expr, Expr]]:
    """Return `expr` with each free index moved so that it is read plainly first, and how to move back.

    ``tanh'(a[t + 1, j])`` becomes ``tanh'(a[t, j])`` and ``{t: t + 1}``: other formulas then find the same value.
    """
    back: dict[Expr, Expr] = {}
    free = free_indices(expr)
    for node in walk(expr):
        if not isinstance(node, Access):
            continue
        for index in node.indices:
            try:
                coefficients, offset = affine(index)
            except ValueError:
                continue
            if len(coefficients) == 1 and isinstance(offset, Number):
                ((name, coefficient),) = coefficients.items()
                if coefficient is ONE and name in free and name not in back:
                    back[name] = normal(name + offset)
    back = {index: value for index, value in back.items() if value is not index}
    if not back:
        return expr, {}
    moved = transform(
        substitute(expr, _inverse(back)),
        lambda node: Access(node.name, tuple(map(normal, node.indices))) if isinstance(node, Access) else node,
    )
    return moved, back


def _inverse(back: Mapping[Expr, Expr]) -> dict[Expr, Expr]:
    return {index: normal(index + index - value) for index, value in back.items()}


def _shifted(scope: tuple[Bound, ...], back: Mapping[Expr, Expr]) -> tuple[Bound, ...]:
    """Return the ranges of moved indices."""
    inverse = _inverse(back)
    result = []
    for bound in scope:
        lower, upper = substitute(bound.lower, inverse), substitute(bound.upper, inverse)
        if bound.index in back:
            distance = normal(back[bound.index] - bound.index)
            lower, upper = normal(lower + distance), normal(upper + distance)
        result.append(Bound(bound.index, lower, upper, bound.written))
    return tuple(result)
