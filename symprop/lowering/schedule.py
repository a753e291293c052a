"""From assignments to a program: order, recurrences, fused loops, products of matrices, kernels.

==============  ====================================================================================
order           each name before its readers; circles through an index become a loop over that index
conditions      what only depends on such a loop's index is decided once, around whole kernels
products        a contraction of two matrices is one statement (`contraction`)
fusion          elementwise assignments over the same ranges share one loop nest
locals          what only its own nest reads is a number there, not an array
kernels         loop nests that are equal up to names are one function
==============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

from symprop.algebra.expressions import (
    MINUS_ONE,
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
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
    coefficient_and_rest,
    compare,
    free_indices,
    junction,
    mul,
    names_of,
    reduce,
    substitute,
    transform,
    walk,
    where,
)
from symprop.algebra.indices import conditions_of, decide, sign, tighten
from symprop.declaration.network import Network, Objective
from symprop.declaration.quantity import Axis
from symprop.derivation.steps import Derivation
from symprop.errors import MissingRuleError
from symprop.lowering.assignments import Assignment, Assignments, Variable, assignments, fresh_name
from symprop.lowering.contraction import extents, matrix_product, separated, split_reduction
from symprop.lowering.memo import at_least, extent, extremes, forget, minus, normal
from symprop.lowering.program import (
    ELEMENT,
    ONES,
    Accumulate,
    Assign,
    Buffer,
    Check,
    Comment,
    Given,
    If,
    Invoke,
    Kernel,
    Loop,
    Matrix,
    Parts,
    Product,
    Program,
    Routine,
    Solve,
    Statement,
    Step,
    Update,
    statements,
)

# A block is written out once for each way in which this many conditions on an outer loop can turn out.
MOST_CONDITIONS = 3

INFINITY = Number(Fraction(10) ** 400)  # printed as the largest value of the target: no finite number exceeds it


def lower(
    derivation: Derivation,
    sizes: Mapping[str, int | Sequence[int]] | None = None,
    *,
    reduction: str = "mean",
    update: Update | None = None,
) -> Program:
    """Return the program of a derivation: the forward pass, and the gradient by each name of its ``wrt``.

    Parameters
    ----------
    derivation : Derivation
        Of a scalar objective, best of a network in stable form (`stable.stabilize`).
    sizes : mapping of str to int (or sequence of int), optional
        Sizes that are the same at every call; the others are read from the arrays.
    reduction : str
        ``mean`` or ``sum`` over the examples, if the network has no batch index.
    update : Update, optional
        The optimiser that `run` uses.

    Raises
    ------
    MissingRuleError
        If the network cannot be computed: a function without a body, or a circle that no index resolves.
    """
    forget()
    made = assignments(derivation, reduction)
    return _Lowering(derivation, made, dict(sizes or {}), reduction, update).program()


@dataclass
class _Kernels:
    """Kernels found so far, by their form without names."""

    known: dict[tuple[object, ...], str] = field(default_factory=dict)
    kernels: list[Kernel] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def invoke(self, body: tuple[Statement, ...], ranks: Mapping[str, int], stem: str, flat: bool) -> Invoke:
        """Return the call of the kernel with this body, new or known."""
        arrays, integers = _names_in(body)
        form = _renamed(body, arrays, integers)
        key = (form, tuple(ranks[name] for name in arrays))
        name = self.known.get(key)
        if name is None:
            name = self.known[key] = fresh_name(stem, self.taken)
            self.kernels.append(
                Kernel(name, arrays, tuple(ranks[a] for a in arrays), tuple(i.name for i in integers), body)
            )
        return Invoke(name, arrays, tuple(integers), flat)


def _expressions(body: tuple[Statement, ...]) -> Iterable[Expr]:
    for statement in statements(body):
        match statement:
            case Assign(target=target, value=value) | Accumulate(target=target, value=value):
                yield target
                yield value
            case Loop(start=start, stop=stop):
                yield start
                yield stop
            case If(condition=condition):
                yield condition


def _names_in(body: tuple[Statement, ...]) -> tuple[tuple[str, ...], tuple[Index | Size, ...]]:
    """Return the arrays, and the sizes and indices that come from outside, in order of appearance."""
    loops = {s.index for s in statements(body) if isinstance(s, Loop)}
    arrays: dict[str, None] = {}
    integers: dict[Index | Size, None] = {}
    for expr in _expressions(body):
        for node in walk(expr):
            if isinstance(node, Access) and node.indices:
                arrays[node.name] = None
            elif isinstance(node, Size) or (isinstance(node, Index) and node not in loops):
                integers[node] = None
    return tuple(arrays), tuple(integers)


def _mapped(body: tuple[Statement, ...], f: Callable[[Any], Any]) -> tuple[Statement, ...]:
    """Apply a function of expressions to every expression of `body`."""
    result: list[Statement] = []
    for statement in body:
        match statement:
            case Assign():
                result.append(Assign(f(statement.target), f(statement.value)))
            case Accumulate():
                result.append(Accumulate(f(statement.target), f(statement.value), statement.operator))
            case Loop():
                result.append(
                    Loop(
                        f(statement.index),
                        f(statement.start),
                        f(statement.stop),
                        _mapped(statement.body, f),
                        statement.descending,
                    )
                )
            case If():
                result.append(If(f(statement.condition), _mapped(statement.then, f), _mapped(statement.otherwise, f)))
            case _:
                result.append(statement)
    return tuple(result)


def _renamed(
    body: tuple[Statement, ...], arrays: tuple[str, ...], integers: tuple[Index | Size, ...]
) -> tuple[Statement, ...]:
    names = {name: f"@{n}" for n, name in enumerate(arrays)}
    letters: dict[Expr, Expr] = {integer: Index(f"#{n}") for n, integer in enumerate(integers)}
    loops = [s.index for s in statements(body) if isinstance(s, Loop)]
    for index in loops:
        letters.setdefault(index, Index(f"%{len(letters)}"))
    for expr in _expressions(body):
        for node in walk(expr):
            if isinstance(node, Access) and not node.indices:
                names.setdefault(node.name, f"${len(names)}")

    def rule(node: Expr) -> Expr:
        if isinstance(node, Access):
            return Access(names.get(node.name, node.name), node.indices)
        return letters.get(node, node) if isinstance(node, (Index, Size)) else node

    return _mapped(tuple(s for s in _without_comments(body)), lambda expr: transform(expr, rule))


def _without_comments(body: tuple[Statement, ...]) -> Iterable[Statement]:
    for statement in body:
        if isinstance(statement, Loop):
            yield replace(statement, body=tuple(_without_comments(statement.body)))
        elif isinstance(statement, If):
            yield If(
                statement.condition,
                tuple(_without_comments(statement.then)),
                tuple(_without_comments(statement.otherwise)),
            )
        elif not isinstance(statement, Comment):
            yield statement


# ---- dependences and order ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """A place where a line reads an array, with the ranges of the indices around it where the reading happens.

    `outer` are those of loops around the line.
    """

    access: Access
    bounds: tuple[Bound, ...]
    line: Assignment
    outer: tuple[Bound, ...] = ()


def _readings(line: Assignment, outer: tuple[Bound, ...] = ()) -> tuple[_Reading, ...]:
    found: list[_Reading] = []
    count = len(outer)

    def visit(expr: Expr, scope: tuple[Bound, ...]) -> None:
        if isinstance(expr, Access):
            found.append(_Reading(expr, scope[count:], line, scope[:count]))
        if isinstance(expr, Where):
            visit(expr.condition, scope)
            visit(expr.then, _narrowed(scope, expr.condition))
            visit(expr.otherwise, _narrowed(scope, junction("not", expr.condition)))
            return
        inner = (*scope, *expr.bounds) if isinstance(expr, Reduction) else scope
        for child in expr.children:
            visit(child, inner)

    visit(line.expression, (*outer, *line.bounds))
    return tuple(found)


def _disjoint(written: Assignment, reading: _Reading) -> bool:
    """Return whether a reading can never meet what a line writes: at some axis their ranges lie apart."""
    for left, right in zip(written.target.indices, reading.access.indices, strict=True):
        try:
            low, high = extremes(left, written.bounds)
            least, greatest = extremes(right, reading.bounds)
        except ValueError:
            continue
        if low is least and high is greatest:
            continue
        if at_least(minus(least, ONE), high) or at_least(minus(low, ONE), greatest):
            return True
    return False


def _components(count: int, before: list[set[int]]) -> list[list[int]]:
    """Return the strongly connected components in an order in which each comes after what it depends on (Tarjan)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: list[int] = []
    result: list[list[int]] = []
    for root in range(count):
        if root in order:
            continue
        work = [(root, iter(sorted(before[root])))]
        order[root] = low[root] = len(order)
        on_stack.append(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in order:
                    order[other] = low[other] = len(order)
                    on_stack.append(other)
                    work.append((other, iter(sorted(before[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    component = []
                    while True:
                        member = on_stack.pop()
                        component.append(member)
                        if member == node:
                            break
                    result.append(sorted(component))
    return result


def is_flat(line: Assignment, variables: Mapping[str, Variable]) -> bool:
    """Return whether a line treats whole arrays of one shape, element by element: a single loop then does."""
    variable = variables[line.name]
    if len(variable.axes) < 2 or len(line.bounds) != len(variable.axes):
        return False
    if line.target.indices != tuple(bound.index for bound in line.bounds):
        return False
    for bound, axis in zip(line.bounds, variable.axes, strict=True):
        if normal(bound.lower) is not normal(axis.lower) or normal(bound.upper) is not normal(axis.upper):
            return False
        if free_indices(bound.lower) or free_indices(bound.upper):
            return False
    lengths = extents(variable)
    # n(L) is an element of an array too, and is not to be read at the place of the loop.
    read = (node for length in lengths for node in walk(length))
    if any(isinstance(node, Access) or (isinstance(node, Size) and node.arguments) for node in read):
        return False

    def fits(expr: Expr) -> bool:
        if isinstance(expr, Access):
            other = variables[expr.name]
            if not other.axes:
                return True
            return (
                expr.indices == line.target.indices
                and extents(other) == lengths
                and not other.integer
                and all(minus(a.lower, b.lower) is ZERO for a, b in zip(other.axes, variable.axes, strict=True))
            )
        return not isinstance(expr, (Index, Reduction)) and all(map(fits, expr.children))

    return fits(line.expression)


@dataclass
class _Op:
    """A step of a routine: a nest of elementwise lines, a nest with a reduction, or statements that are ready."""

    kind: str  # "pointwise", "flat" (pointwise over whole arrays of one shape), "reduction" or "ready"
    lines: list[Assignment] = field(default_factory=list)
    ready: tuple[Statement, ...] = ()
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


class _Scheduler:
    """Schedules the lines of one routine."""

    def __init__(
        self,
        variables: dict[str, Variable],
        kernels: _Kernels,
        outputs: frozenset[str],
    ) -> None:
        self.variables = variables
        self.kernels = kernels
        self.outputs = outputs
        self.readers: dict[str, list[Assignment]] = {}
        self.origins = 0

    def body(self, lines: list[Assignment]) -> tuple[Statement, ...]:
        # Lines are copied and changed on the way; their origin says which they are.
        lines = [replace(line, origin=number) for number, line in enumerate(lines)]
        self.origins = len(lines)
        for line in lines:
            for name in line.reads:
                self.readers.setdefault(name, []).append(line)
        return self.block(lines, ())

    # A block is what happens for fixed values of the outer loops' indices.
    def block(self, lines: list[Assignment], fixed: tuple[Bound, ...]) -> tuple[Statement, ...]:
        if fixed:
            lines = [replace(line, expression=_decided(line.expression, fixed)) for line in lines]
        lines = [line for line in lines if line.expression is not SKIP]
        condition = _first_condition(lines, fixed) if fixed else None
        if condition is not None:
            then = self.block([_assume(line, condition, True) for line in lines], _narrowed(fixed, condition))
            no = junction("not", condition)
            otherwise = self.block([_assume(line, condition, False) for line in lines], _narrowed(fixed, no))
            return (If(condition, then, otherwise),)
        ops: list[_Op] = []
        for component in self.order(lines, fixed):
            members = [lines[n] for n in component]
            if len(members) == 1 and not self.depends_on_itself(members[0], fixed):
                self.place(ops, self.op(members[0], fixed), fixed)
            else:
                try:
                    ready = self.recurrence(members, fixed)
                except MissingRuleError:
                    components = _by_component(members, {bound.index for bound in fixed})
                    if components is None:
                        raise
                    ready = self.block(self.apart(components), fixed)
                reads = frozenset().union(*(line.reads for line in members))
                self.place(ops, _Op("ready", members, ready, reads, frozenset(m.name for m in members)), fixed)
        return self.emitted(ops, fixed)

    def apart(self, components: list[Assignment]) -> list[Assignment]:
        """Let each component be a reader of its own: another one in the same nest says nothing of it."""
        result = []
        for line in components:
            self.origins += 1
            result.append(replace(line, origin=self.origins))
            for name in line.reads:
                self.readers.setdefault(name, []).append(result[-1])
        return result

    def order(self, lines: list[Assignment], fixed: tuple[Bound, ...]) -> list[list[int]]:
        writers: dict[str, list[int]] = {}
        for place, line in enumerate(lines):
            writers.setdefault(line.name, []).append(place)
        before: list[set[int]] = []
        for line in lines:
            mine: set[int] = set()
            for reading in _readings(line, fixed):
                for place in writers.get(reading.access.name, ()):
                    if place not in mine and self.meets(lines[place], reading, fixed):
                        mine.add(place)
            before.append(mine)
        return _components(len(lines), before)

    def depends_on_itself(self, line: Assignment, fixed: tuple[Bound, ...]) -> bool:
        return any(r.access.name == line.name and self.meets(line, r, fixed) for r in _readings(line, fixed))

    def meets(self, written: Assignment, reading: _Reading, fixed: tuple[Bound, ...]) -> bool:
        """Return whether a reading may need what `written` assigns in the same round of the outer loops."""
        if reading.access is written.target and reading.line is written:
            return False  # an update in place
        names = {bound.index for bound in fixed}
        for left, right in zip(written.target.indices, reading.access.indices, strict=True):
            if isinstance(left, Index) and left in names:
                try:
                    low, high = extremes(minus(right, left), (*reading.outer, *reading.bounds))
                except ValueError:
                    continue
                if sign(minus(low, ONE)) == "nonnegative" or sign(high) == "negative":
                    return False  # another round
        return not _disjoint(written, reading)

    # ---- recurrences --------------------------------------------------------------------------------------------

    def recurrence(self, lines: list[Assignment], fixed: tuple[Bound, ...]) -> tuple[Statement, ...]:
        """Return the loop over the index through which `lines` depend on each other."""
        found = None
        first = lines[0]
        names = {bound.index for bound in fixed}
        for axis, index in enumerate(first.target.indices):
            if isinstance(index, Index) and index not in names:
                found = self.direction(lines, first.name, axis)
                if found is not None:
                    break
        if found is None:
            circle = ", ".join(dict.fromkeys(line.name for line in lines))
            raise MissingRuleError(
                f"{circle} depend on each other in a way that no single index resolves",
                hint="A recurrence must read values at smaller (or at larger) values of one index only.",
            )
        axes, descending = found
        time = next(line.target.indices[axes[line.name]] for line in lines if line.name == first.name)
        assert isinstance(time, Index)
        ranges = []
        renamed = []
        for line in lines:
            own = line.target.indices[axes[line.name]]
            assert isinstance(own, Index)
            line = _with_index(line, own, time)
            bound = next(b for b in line.bounds if b.index is time)
            ranges.append(bound)
            renamed.append(line)
        lower, upper = _hull(ranges)
        inside: list[Assignment] = []
        for line, bound in zip(renamed, ranges, strict=True):
            guard = junction("and", compare("<=", bound.lower, time), compare("<=", time, bound.upper))
            guard = decide(guard, (Bound(time, lower, upper),))
            inside.append(replace(line, bounds=tuple(b for b in line.bounds if b.index is not time)))
            if guard is not TRUE:
                inside[-1] = replace(inside[-1], expression=_Guarded.mark(inside[-1].expression, guard))
        # Positions are counted from 0, so the loop's variable is too.
        loop = Bound(time, lower, upper)
        body = self.block(inside, (*fixed, loop))
        shift: dict[Expr, Expr] = {time: time + lower} if lower is not ZERO else {}
        body = _substituted(body, shift)
        return (Loop(time, ZERO, extent(lower, upper), body, descending),)

    def direction(self, lines: list[Assignment], name: str, axis: int) -> tuple[dict[str, int], bool] | None:
        """Return the axis of each quantity that runs along the recurrence, and whether it runs backwards."""
        axes = {name: axis}
        members = {line.name for line in lines}
        changed = True
        while changed:
            changed = False
            for line in lines:
                if line.name not in axes:
                    continue
                time = line.target.indices[axes[line.name]]
                if not isinstance(time, Index):
                    return None
                for reading in _readings(line):
                    other = reading.access.name
                    if other in members and other not in axes:
                        candidates = [
                            n
                            for n, e in enumerate(reading.access.indices)
                            if time in free_indices(e) or _reaches(e, time, reading.bounds)
                        ]
                        if not candidates:
                            return None
                        axes[other] = candidates[0]
                        changed = True
        if set(axes) != members:
            return None
        signs: set[int] = set()
        for line in lines:
            time = line.target.indices[axes[line.name]]
            if not isinstance(time, Index):
                return None
            for reading in _readings(line):
                if reading.access.name not in members:
                    continue
                if not any(other.name == reading.access.name and not _disjoint(other, reading) for other in lines):
                    continue
                try:
                    distance = minus(reading.access.indices[axes[reading.access.name]], time)
                    low, high = extremes(distance, (*reading.outer, *reading.bounds))
                except ValueError:
                    return None
                if low is ZERO and high is ZERO:
                    continue
                if at_least(ZERO, high):
                    signs.add(-1)
                elif at_least(low, ZERO):
                    signs.add(1)
                else:
                    return None
        return (axes, signs == {1}) if len(signs) == 1 else None

    # ---- fusion -------------------------------------------------------------------------------------------------

    def op(self, line: Assignment, fixed: tuple[Bound, ...]) -> _Op:
        names = frozenset(bound.index for bound in fixed)
        expression, guard = _Guarded.split(line.expression)
        plain = replace(line, expression=expression)
        if guard is TRUE:
            product = matrix_product(plain, names, self.variables)
            if product is not None:
                return _Op("ready", [line], (Comment(line.comment), product), line.reads, frozenset({line.name}))
        if any(isinstance(node, Reduction) for node in walk(line.expression)):
            kind = "reduction"
        else:
            kind = "flat" if not fixed and is_flat(line, self.variables) else "pointwise"
        return _Op(kind, [line], (), line.reads, frozenset({line.name}))

    def place(self, ops: list[_Op], op: _Op, fixed: tuple[Bound, ...]) -> None:
        """Put `op` after what it depends on, into an existing nest if one has the same ranges."""
        earliest = 0
        for number, other in enumerate(ops):
            if op.reads & other.writes:
                earliest = number if self.fit(other, op, fixed) else number + 1
        if op.kind in ("pointwise", "flat"):
            for number in range(earliest, len(ops)):
                if self.fit(ops[number], op, fixed):
                    ops[number].lines += op.lines
                    ops[number].reads |= op.reads
                    ops[number].writes |= op.writes
                    return
        ops.append(op)

    def fit(self, nest: _Op, op: _Op, fixed: tuple[Bound, ...]) -> bool:
        """Return whether `op` may join the loop nest: same ranges, and it reads what is there at its own indices."""
        if nest.kind != op.kind or op.kind not in ("pointwise", "flat"):
            return False
        names = {bound.index for bound in fixed}
        (new,) = op.lines
        renaming = _same_loops(nest.lines[0], new, names)
        if renaming is None:
            return False
        for old in nest.lines:
            to_old = _same_loops(nest.lines[0], old, names)
            assert to_old is not None
            common = {i: to_old.get(i, i) for i in free_indices(old.target)}
            target = substitute(old.target, common)
            for reading in _readings(new):
                if reading.access.name == old.name and substitute(reading.access, renaming) is not target:
                    return False
            if new.name == old.name:
                return False
        return True

    def emitted(self, ops: list[_Op], fixed: tuple[Bound, ...]) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for op in ops:
            if op.kind == "ready":
                result += op.ready
                continue
            own = {line.name for line in op.lines}
            inside = {name for name in own - self.outputs if self.only_read_by(name, op.lines, fixed)}
            nest = Nest(op.lines, fixed, self.variables, frozenset(inside), self.kernels, op.kind == "flat")
            result += nest.statements()
        return tuple(result)

    def only_read_by(self, name: str, lines: list[Assignment], fixed: tuple[Bound, ...]) -> bool:
        """Return whether only the lines of one nest read `name`, each at the element that was just computed."""
        origins = {line.origin for line in lines}
        if any(reader.origin not in origins for reader in self.readers.get(name, ())):
            return False
        # As written, before conditions on outer loops were decided: another round may read what this one leaves.
        if fixed and any(
            r.access.name == name and not all(isinstance(index, Index) for index in r.access.indices)
            for reader in self.readers.get(name, ())
            for r in _readings(reader)
        ):
            return False
        names = {bound.index for bound in fixed}
        targets: set[Expr] = set()
        accesses: set[Expr] = set()
        for line in lines:
            renaming = _same_loops(lines[0], line, names)
            assert renaming is not None
            if line.name == name:
                targets.add(substitute(line.target, renaming))
            else:
                accesses |= {substitute(r.access, renaming) for r in _readings(line) if r.access.name == name}
        own = {r.access for line in lines if line.name == name for r in _readings(line) if r.access.name == name}
        return accesses <= targets and own <= {line.target for line in lines if line.name == name}


def _narrowed(ranges: tuple[Bound, ...], condition: Expr) -> tuple[Bound, ...]:
    """Return ranges where a condition holds, as far as limits can say it."""
    for part in conditions_of(condition):
        result: list[Bound] = []
        for bound in ranges:
            result.append(tighten(bound, _as_limits(part, bound), tuple(result))[0])
        ranges = tuple(result)
    return ranges


def _as_limits(part: Expr, bound: Bound) -> Expr:
    """Return an equation (or what excludes an end of the range) of an index as inequalities."""
    if isinstance(part, Compare) and part.operator in ("==", "!=") and bound.index in (part.left, part.right):
        other = part.right if part.left is bound.index else part.left
        if bound.index not in free_indices(other):
            if part.operator == "==":
                return junction("and", compare("<=", other, bound.index), compare("<=", bound.index, other))
            if other is bound.upper:
                return compare("<=", bound.index, minus(other, ONE))
            if other is bound.lower:
                return compare("<=", minus(other, MINUS_ONE), bound.index)
    return part


# A quantity is taken apart into components only if it has at most this many.
MOST_COMPONENTS = 64


def _by_component(lines: list[Assignment], fixed: set[Index]) -> list[Assignment] | None:
    """Return lines with one for each value of an index whose range is known in numbers, or None if there is none."""
    result: list[Assignment] = []
    found = False
    for line in lines:
        places = [
            bound
            for bound in line.bounds
            if bound.index not in fixed
            and isinstance(bound.lower, Number)
            and isinstance(bound.upper, Number)
            and bound.upper.value - bound.lower.value < MOST_COMPONENTS
        ]
        if not places:
            result.append(line)
            continue
        found = True
        bound = places[0]
        assert isinstance(bound.lower, Number)
        assert isinstance(bound.upper, Number)
        for value in range(int(bound.lower.value), int(bound.upper.value) + 1):
            put: dict[Expr, Expr] = {bound.index: Number(Fraction(value))}
            target = substitute(line.target, put)
            assert isinstance(target, Access)
            rest = tuple(
                Bound(b.index, substitute(b.lower, put), substitute(b.upper, put), b.written)
                for b in line.bounds
                if b is not bound
            )
            expression = _decided(substitute(line.expression, put), rest)
            result.append(replace(line, target=target, bounds=rest, expression=expression))
    return result if found else None


def _reaches(index: Expr, time: Index, bounds: tuple[Bound, ...]) -> bool:
    """Return whether an index expression has a range that ends at `time`, as in ``sum(u = 0..t-1, h[u])``."""
    inner = tuple(b for b in bounds if b.index is not time)
    try:
        low, high = extremes(index, inner)
    except ValueError:
        return False
    return time in free_indices(low) | free_indices(high)


class _Guarded:
    """Marks a line that happens only for some values of an outer loop's index."""

    @staticmethod
    def mark(expr: Expr, guard: Expr) -> Expr:
        return Where(guard, expr, SKIP)

    @staticmethod
    def split(expr: Expr) -> tuple[Expr, Expr]:
        if isinstance(expr, Where) and expr.otherwise is SKIP:
            return expr.then, expr.condition
        return expr, TRUE


SKIP = Index("(skip)")  # stands for "leave the element as it is"


def _decided(expr: Expr, fixed: tuple[Bound, ...]) -> Expr:
    if not any(isinstance(node, Where) for node in walk(expr)):
        return expr

    def rule(node: Expr) -> Expr:
        return where(decide(node.condition, fixed), node.then, node.otherwise) if isinstance(node, Where) else node

    return transform(expr, rule)


def _first_condition(lines: list[Assignment], fixed: tuple[Bound, ...]) -> Expr | None:
    """Return a condition that only depends on outer loops, unless there are too many."""
    names = {bound.index for bound in fixed}
    found: dict[Expr, None] = {}
    for line in lines:
        for node in walk(line.expression):
            if isinstance(node, Where):
                for part in conditions_of(node.condition):
                    free = free_indices(part)
                    if free and free <= names and not names_of(part):
                        found[part] = None
    return next(iter(found)) if 0 < len(found) <= MOST_CONDITIONS else None


def _assume(line: Assignment, condition: Expr, holds: bool) -> Assignment:
    negation = junction("not", condition)

    def rule(node: Expr) -> Expr:
        if node == condition:
            return TRUE if holds else junction("not", TRUE)
        if node == negation:
            return junction("not", TRUE) if holds else TRUE
        if isinstance(node, Junction):
            return junction(node.operator, *node.conditions)
        if isinstance(node, Where):
            return where(node.condition, node.then, node.otherwise)
        return node

    return replace(line, expression=transform(line.expression, rule))


def _with_index(line: Assignment, old: Index, new: Index) -> Assignment:
    if old is new:
        return line
    mapping: dict[Expr, Expr] = {}
    if any(bound.index is new for bound in line.bounds):
        other = Index(f"{new.name}_other")
        mapping[new] = other
    mapping[old] = new
    bounds = tuple(
        Bound(mapping.get(b.index, b.index), substitute(b.lower, mapping), substitute(b.upper, mapping), b.written)  # type: ignore[arg-type]
        for b in line.bounds
    )
    target = substitute(line.target, mapping)
    assert isinstance(target, Access)
    return replace(line, target=target, bounds=bounds, expression=substitute(line.expression, mapping))


def _hull(ranges: list[Bound]) -> tuple[Expr, Expr]:
    lower, upper = ranges[0].lower, ranges[0].upper
    for bound in ranges[1:]:
        if at_least(lower, bound.lower):
            lower = bound.lower
        elif not at_least(bound.lower, lower):
            lower = call("min", lower, bound.lower)
        if at_least(bound.upper, upper):
            upper = bound.upper
        elif not at_least(upper, bound.upper):
            upper = call("max", upper, bound.upper)
    return lower, upper


def _substituted(body: tuple[Statement, ...], mapping: Mapping[Expr, Expr]) -> tuple[Statement, ...]:
    """Substitute in statements of a routine."""
    return _converted(body, lambda expr: normal_indices(substitute(expr, mapping))) if mapping else body


def _converted(body: tuple[Statement, ...], put: Callable[[Expr], Expr]) -> tuple[Statement, ...]:
    """Apply a function of expressions to every expression of a routine."""

    def matrix(m: Matrix) -> Matrix:
        return Matrix(m.array, normal(put(m.offset)), normal(put(m.row_stride)), normal(put(m.column_stride)))

    result: list[Statement] = []
    for statement in body:
        match statement:
            case Invoke():
                result.append(replace(statement, integers=tuple(normal(put(i)) for i in statement.integers)))
            case Product():
                result.append(
                    Product(
                        matrix(statement.out),
                        matrix(statement.left),
                        matrix(statement.right),
                        normal(put(statement.rows)),
                        normal(put(statement.columns)),
                        normal(put(statement.inner)),
                        put(statement.alpha),
                        put(statement.beta),
                    )
                )
            case Loop():
                result.append(
                    Loop(
                        statement.index,
                        normal(put(statement.start)),
                        normal(put(statement.stop)),
                        _converted(statement.body, put),
                        statement.descending,
                    )
                )
            case If():
                result.append(
                    If(
                        put(statement.condition),
                        _converted(statement.then, put),
                        _converted(statement.otherwise, put),
                    )
                )
            case _:
                result.append(statement)
    return tuple(result)


def _same_loops(first: Assignment, other: Assignment, fixed: set[Index]) -> dict[Expr, Expr] | None:
    """Return the renaming of the loops of `other` to those of `first`, if their ranges are equal in order."""
    mine = [b for b in first.bounds if b.index not in fixed]
    theirs = [b for b in other.bounds if b.index not in fixed]
    if len(mine) != len(theirs):
        return None
    renaming: dict[Expr, Expr] = {}
    for a, b in zip(mine, theirs, strict=True):
        lower, upper = substitute(b.lower, renaming), substitute(b.upper, renaming)
        if normal(a.lower) is not normal(lower) or normal(a.upper) is not normal(upper):
            return None
        renaming[b.index] = a.index
    return {old: new for old, new in renaming.items() if old is not new}


# ---- loop nests ---------------------------------------------------------------------------------------------------


def normal_indices(expr: Expr) -> Expr:
    """Return `expr` with every index of an access in expanded form."""
    return transform(
        expr, lambda node: Access(node.name, tuple(map(normal, node.indices))) if isinstance(node, Access) else node
    )


class Nest:
    """One loop nest: lines over the same ranges, as a kernel."""

    def __init__(
        self,
        lines: list[Assignment],
        fixed: tuple[Bound, ...],
        variables: Mapping[str, Variable],
        inside: frozenset[str],
        kernels: _Kernels,
        flat: bool = False,
    ) -> None:
        names = {bound.index for bound in fixed}
        self.flat = flat
        self.fixed = fixed
        self.variables = variables
        self.inside = inside
        self.kernels = kernels
        self.lines = []
        for line in lines:
            renaming = _same_loops(lines[0], line, names)
            assert renaming is not None
            self.lines.append(_renamed_line(line, renaming))
        self.loops = tuple(b for b in self.lines[0].bounds if b.index not in names)
        self.count = 0
        self.values: dict[Expr, Access] = {}
        self.locals: set[str] = set()

    def statements(self) -> tuple[Statement, ...]:
        """Return comments and the call of the kernel."""
        comments = tuple(Comment(line.comment) for line in self.lines)
        body = self.by_columns() or self.by_elements()
        integers = frozenset(name for name, variable in self.variables.items() if variable.integer)
        body = _with_local_loads(body, set(), integers)
        stem = "compute_" + "_".join(dict.fromkeys(line.name for line in self.lines[:2]))
        ranks = {name: 1 if self.flat else max(1, len(variable.axes)) for name, variable in self.variables.items()}
        return (*comments, self.kernels.invoke((*comments, *body), ranks, stem, self.flat))

    def by_columns(self) -> tuple[Statement, ...] | None:
        """Return a sum whose target is filled row by row, if its terms lie side by side along the target's index.

        ``b_bar[j] = sum(n, a_bar[n,j])`` reads rows of ``a_bar`` one after the other instead of columns.
        """
        if len(self.lines) != 1:
            return None
        (line,) = self.lines
        expression, guard = _Guarded.split(line.expression)
        split = split_reduction(expression)
        if split is None or guard is not TRUE or not self.loops:
            return None
        coefficient, reduction = split
        if reduction.kind != "sum" or any(
            free_indices(b.lower) | free_indices(b.upper) for b in (*self.loops, *reduction.bounds)
        ):
            return None
        if any(isinstance(node, Reduction) for node in walk(reduction.body)):
            return None
        last = self.loops[-1].index
        along = sum(
            bool(node.indices) and node.indices[-1] is last for node in walk(reduction.body) if isinstance(node, Access)
        )
        across = sum(
            bool(node.indices) and bool(free_indices(node.indices[-1]) & {b.index for b in reduction.bounds})
            for node in walk(reduction.body)
            if isinstance(node, Access)
        )
        if not along or across >= along:
            return None
        clear = self.nest(self.loops, (Assign(self.element(line.target), ZERO),))
        term = self.placed(mul(coefficient, reduction.body))
        inner: tuple[Statement, ...] = (Accumulate(self.element(line.target), term),)
        return (*clear, *self.nest((*reduction.bounds, *self.loops), inner))

    def by_elements(self) -> tuple[Statement, ...]:
        body: list[Statement] = self.loads()
        for line in self.lines:
            read_here = any(line.name in other.reads for other in self.lines if other is not line)
            expression, guard = _Guarded.split(line.expression)
            block: list[Statement] = []
            value = self.value(expression, block)
            if line.name in self.inside:
                # An update in place reads the array of the same name.
                own = f"{line.name}_value" if line.name in line.reads else line.name
                local = Access(self.local_name(own), ())
                block.append(Assign(local, value))
                self.values[line.target] = local
            elif read_here:
                local = Access(self.local_name(f"{line.name}_value"), ())
                block += [Assign(local, value), Assign(self.element(line.target), local)]
                self.values[line.target] = local
            else:
                block.append(Assign(self.element(line.target), value))
            body += block if guard is TRUE else [If(self.placed(guard), tuple(block))]
        if self.flat:
            count = self.placed(normal(mul(*(extent(b.lower, b.upper) for b in self.loops))))
            return (Loop(ELEMENT, ZERO, count, tuple(body)),)
        return self.nest(self.loops, tuple(body))

    def loads(self) -> list[Statement]:
        """Load once what several lines read: a compiler must load it again after each store, which might change it."""
        own = {line.name for line in self.lines}
        counts: dict[Access, int] = {}
        for line in self.lines:
            expression, guard = _Guarded.split(line.expression)
            if guard is TRUE:
                for access in dict.fromkeys(_plain_accesses(expression)):
                    counts[access] = counts.get(access, 0) + 1
        here = {bound.index for bound in self.loops}
        result: list[Statement] = []
        for access, count in counts.items():
            inside = free_indices(access) and free_indices(access) <= here | {b.index for b in self.fixed}
            integer = self.variables[access.name].integer
            if count > 1 and inside and not integer and access.name not in own and not names_of(add(*access.indices)):
                local = self.local(f"{access.name}_value")
                result.append(Assign(local, self.element(access)))
                self.values[access] = local
        return result

    def nest(self, bounds: tuple[Bound, ...], body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """Put loops over `bounds` around a body that uses their indices; variables count from 0."""
        for bound in reversed(bounds):
            lower = self.placed(bound.lower)
            stop = self.placed(extent(bound.lower, bound.upper))
            if lower is not ZERO:
                shift: dict[Expr, Expr] = {bound.index: bound.index + lower}
                body = _mapped_values(body, shift)
            body = (Loop(bound.index, ZERO, stop, body),)
        return body

    def element(self, access: Access) -> Access:
        """Return the array element of an access: positions from 0, a scalar at position 0."""
        variable = self.variables[access.name]
        if not variable.axes:
            return Access(access.name, (ZERO,))
        if self.flat:
            return Access(access.name, (ELEMENT,))
        return Access(
            access.name,
            tuple(
                minus(self.placed(index), axis.lower) for index, axis in zip(access.indices, variable.axes, strict=True)
            ),
        )

    def placed(self, expr: Expr) -> Expr:
        """Return an expression without reductions with every access as an element or a local number."""

        if isinstance(expr, Access):
            found = self.values.get(expr)
            return found if found is not None else self.element(expr)
        if isinstance(expr, Size) and expr.arguments:
            return self.element(Access(expr.name, expr.arguments))
        children = tuple(self.placed(child) for child in expr.children)
        return expr if all(a is b for a, b in zip(children, expr.children, strict=True)) else expr.rebuild(children)

    def local_name(self, stem: str) -> str:
        taken = self.locals | set(self.variables) - self.inside
        name = fresh_name(stem, set(taken))
        self.locals.add(name)
        return name

    def local(self, stem: str) -> Access:
        return Access(self.local_name(stem), ())

    def value(self, expr: Expr, block: list[Statement]) -> Expr:
        """Return `expr` without reductions, having put the loops that they need into `block`."""
        if not any(isinstance(node, Reduction) for node in walk(expr)):
            return self.placed(expr)
        if isinstance(expr, Reduction):
            return self.reduction(expr, block)
        if isinstance(expr, Where):
            condition = self.value(expr.condition, block)
            result = self.local("chosen")
            then: list[Statement] = []
            then.append(Assign(result, self.value(expr.then, then)))
            otherwise: list[Statement] = []
            otherwise.append(Assign(result, self.value(expr.otherwise, otherwise)))
            block.append(If(condition, tuple(then), tuple(otherwise)))
            return result
        return expr.rebuild(tuple(self.value(child, block) for child in expr.children))

    def reduction(self, expr: Reduction, block: list[Statement]) -> Expr:
        match expr.kind:
            case "sum" | "prod" | "max" | "min":
                first = {"sum": ZERO, "prod": ONE, "max": mul(MINUS_ONE, INFINITY), "min": INFINITY}[expr.kind]
                operator = {"sum": "add", "prod": "mul"}.get(expr.kind, expr.kind)
                total = self.local({"sum": "total", "prod": "product"}.get(expr.kind, "extreme"))
                block.append(Assign(total, first))
                inner: list[Statement] = []
                inner.append(Accumulate(total, self.value(expr.body, inner), operator))
                block += self.nest(expr.bounds, tuple(inner))
                return total
            case "logsumexp":
                greatest = self.reduction(reduce("max", expr.bounds, expr.body), block)  # type: ignore[arg-type]
                key = Access(f"({len(self.values)})", ())
                self.values[key] = greatest  # type: ignore[assignment]
                shifted = reduce("log_excess", expr.bounds, expr.body - key)
                return add(greatest, self.reduction(shifted, block))  # type: ignore[arg-type]
            case "log_excess":
                # log(sum(exp(e))) where the greatest e is 0: every 0 but one counts, so that log1p sees small sums.
                total = self.local("total")
                block.append(Assign(total, ZERO))
                ties = self.local("ties")
                block.append(Assign(ties, MINUS_ONE))
                inner = []
                term = self.local("term")
                if isinstance(expr.body, Call) and expr.body.function == "pair":
                    body, exponential = (self.value(part, inner) for part in expr.body.arguments)
                else:
                    body, exponential = self.value(expr.body, inner), call("exp", term)
                inner.append(Assign(term, body))
                inner.append(Accumulate(total, where(compare("<", term, ZERO), exponential, ZERO)))
                inner.append(Accumulate(ties, where(compare("<", term, ZERO), ZERO, ONE)))
                block += self.nest(expr.bounds, tuple(inner))
                return call("log1p", add(total, ties))
            case "argmax" | "argmin":
                (bound,) = expr.bounds
                extreme, place = self.local("extreme"), self.local("place")
                block.append(Assign(extreme, mul(MINUS_ONE, INFINITY) if expr.kind == "argmax" else INFINITY))
                block.append(Assign(place, self.placed(bound.lower)))
                inner = []
                term = self.local("term")
                inner.append(Assign(term, self.value(expr.body, inner)))
                better = compare(">" if expr.kind == "argmax" else "<", term, extreme)
                inner.append(If(better, (Assign(extreme, term), Assign(place, bound.index))))
                block += self.nest(expr.bounds, tuple(inner))
                return place
        raise AssertionError(expr.kind)


def _renamed_line(line: Assignment, renaming: Mapping[Expr, Expr]) -> Assignment:
    if not renaming:
        return line
    # First to letters that nothing has: the old names of some are the new names of others.
    apart: dict[Expr, Expr] = {old: Index(f"{new.name}~") for old, new in renaming.items()}  # type: ignore[attr-defined]
    back: dict[Expr, Expr] = {apart[old]: new for old, new in renaming.items()}

    def put(expr: Expr) -> Expr:
        return substitute(substitute(expr, apart), back)

    bounds = tuple(
        Bound(renaming.get(b.index, b.index), put(b.lower), put(b.upper), b.written)  # type: ignore[arg-type]
        for b in line.bounds
    )
    target = put(line.target)
    assert isinstance(target, Access)
    return replace(line, target=target, bounds=bounds, expression=put(line.expression))


def _mapped_values(body: tuple[Statement, ...], shift: Mapping[Expr, Expr]) -> tuple[Statement, ...]:
    def put(expr: Expr) -> Expr:
        return normal_indices(substitute(expr, shift))

    result: list[Statement] = []
    for statement in body:
        match statement:
            case Assign():
                result.append(Assign(put(statement.target), put(statement.value)))  # type: ignore[arg-type]
            case Accumulate():
                result.append(Accumulate(put(statement.target), put(statement.value), statement.operator))  # type: ignore[arg-type]
            case Loop():
                result.append(
                    Loop(
                        statement.index,
                        normal(put(statement.start)),
                        normal(put(statement.stop)),
                        _mapped_values(statement.body, shift),
                        statement.descending,
                    )
                )
            case If():
                result.append(
                    If(
                        put(statement.condition),
                        _mapped_values(statement.then, shift),
                        _mapped_values(statement.otherwise, shift),
                    )
                )
            case _:
                result.append(statement)
    return tuple(result)


def _with_local_loads(body: tuple[Statement, ...], taken: set[str], integers: frozenset[str]) -> tuple[Statement, ...]:
    """Load elements that do not change inside a loop before it: the compiler cannot know that no store changes them.

    Those of `integers` stay: what stands in an index or a limit is no floating-point number.
    """
    written = {s.target.name for s in statements(body) if isinstance(s, (Assign, Accumulate)) and s.target.indices}
    used = taken | {node.name for expr in _expressions(body) for node in walk(expr) if isinstance(node, Access)}
    result: list[Statement] = []
    for statement in body:
        if isinstance(statement, Loop):
            moving = {s.index for s in statements((statement,)) if isinstance(s, Loop)}
            loads: dict[Expr, Expr] = {}
            for expr in _unconditional(statement.body):
                for node in _plain_accesses(expr):
                    if (
                        node.indices
                        and node.name not in written
                        and node.name not in integers
                        and not (free_indices(node) & moving)
                        and not names_of(add(*node.indices))
                        and node not in loads
                    ):
                        name = fresh_name(f"{node.name}_here", used)
                        loads[node] = Access(name, ())
            inner = statement.body
            if loads:
                result += [Assign(local, node) for node, local in loads.items()]  # type: ignore[arg-type]
                inner = _mapped(inner, partial(substitute, mapping=loads))
            result.append(replace(statement, body=_with_local_loads(inner, used, integers)))
        elif isinstance(statement, If):
            result.append(
                If(
                    statement.condition,
                    _with_local_loads(statement.then, used, integers),
                    _with_local_loads(statement.otherwise, used, integers),
                )
            )
        else:
            result.append(statement)
    return tuple(result)


def _unconditional(body: tuple[Statement, ...]) -> Iterable[Expr]:
    """Yield the expressions that are evaluated whenever the loop runs."""
    for statement in body:
        match statement:
            case Assign(value=value) | Accumulate(value=value):
                yield value
            case Loop(body=inner):
                yield from _unconditional(inner)


def _plain_accesses(expr: Expr) -> Iterable[Access]:
    """Yield the accesses of an expression that no ``where`` guards."""
    if isinstance(expr, Access):
        yield expr
        return
    children = (expr.condition,) if isinstance(expr, Where) else expr.children
    if isinstance(expr, (Compare, Junction)):
        return
    for child in children:
        yield from _plain_accesses(child)


# ---- the whole program --------------------------------------------------------------------------------------------


class _Lowering:
    def __init__(
        self,
        derivation: Derivation,
        made: Assignments,
        fixed: dict[str, int | Sequence[int]],
        reduction: str,
        update: Update | None,
    ) -> None:
        self.derivation = derivation
        self.network: Network = derivation.network
        self.made = made
        assert made.boxes is not None
        self.boxes = made.boxes
        self.fixed = fixed
        self.reduction = reduction
        self.update = update
        self.kernels = _Kernels(taken=set(made.variables))
        self.circular = _circular(made.lines)
        self.lines = self.flattened(separated(made.lines, self.new_name))

    def flattened(self, lines: list[Assignment]) -> list[Assignment]:
        """Take costly functions out of lines that are not flat: they then run over whole arrays in a single loop.

        ``z[n,j] = tanh(s[n,j] + b[j])`` becomes ``t[n,j] = s[n,j] + b[j]``, ``z[n,j] = tanh(t[n,j])``.  Lines of
        recurrences stay as they are.
        """
        variables = self.made.variables
        result: list[Assignment] = []
        for line in lines:
            variable = variables[line.name]
            whole = (
                len(line.bounds) == len(variable.axes) > 1
                and line.target.indices == tuple(b.index for b in line.bounds)
                and not any(isinstance(node, Reduction) for node in walk(line.expression))
                and line.name not in line.reads
                and line.name not in self.circular
            )
            if not whole or is_flat(line, variables):
                result.append(line)
                continue
            before: list[Assignment] = []

            def rule(node: Expr, line: Assignment = line, before: list[Assignment] = before) -> Expr:
                if not (isinstance(node, Call) and node.function in EXPONENTIALS):
                    return node
                if free_indices(node) != set(line.target.indices):
                    return node
                (argument,) = node.arguments
                if not isinstance(argument, Access):
                    before.append(self.whole_array(argument, line, "argument"))
                    argument = before[-1].target
                if is_flat(replace(line, expression=argument), variables):
                    before.append(self.whole_array(call(node.function, argument), line, node.function))
                    return before[-1].target
                return node

            if any(isinstance(node, Where) for node in walk(line.expression)):
                result.append(line)  # what a guard protects stays inside it
                continue
            expression = transform(line.expression, rule)
            if isinstance(line.expression, Call) and expression is not line.expression and before:
                last = before.pop()  # the line itself is the function's value
                expression = last.expression
            result += before
            result.append(replace(line, expression=expression))
        return result

    def whole_array(self, value: Expr, line: Assignment, stem: str) -> Assignment:
        variables = self.made.variables
        name = fresh_name(f"{stem}_{line.name}", set(variables))
        variables[name] = replace(variables[line.name], name=name, role="temporary", zero_outside=False, integer=False)
        target = Access(name, line.target.indices)
        return Assignment(target, line.bounds, value, f"{target} = {value}")

    def new_name(self, value: Expr, scope: tuple[Bound, ...]) -> Assignment | None:
        needed = free_indices(value)
        # In the order in which the widest factor has them: it is then read and written row by row.
        accesses = [node for node in walk(value) if isinstance(node, Access)]
        if not accesses:
            return None  # brackets of indices: no matrix worth the memory
        widest = max(accesses, key=lambda access: len(access.indices))
        places = {index: n for n, index in enumerate(widest.indices)}
        bounds = tuple(sorted((b for b in scope if b.index in needed), key=lambda b: places.get(b.index, len(places))))
        names = {bound.index for bound in bounds}
        if any(free_indices(b.lower) | free_indices(b.upper) for b in bounds) or names != set(needed):
            return None
        stem = "_times_".join(sorted(names_of(value))[:2]) or "factor"
        name = fresh_name(stem, set(self.made.variables))
        target = Access(name, tuple(bound.index for bound in bounds))
        self.made.variables[name] = Variable(name, tuple(Axis(b.index, b.lower, b.upper) for b in bounds), "temporary")
        return Assignment(target, bounds, value, f"{target} = {value}")

    def program(self) -> Program:
        made, network, derivation = self.made, self.network, self.derivation
        ragged = ((name, self.parts(name)) for name in made.forward)
        gradient = None
        outputs = (made.objective, *made.gradients.values())
        if derivation.wrt:
            gradient = self.routine("gradient", outputs)
        forward = self.routine("forward", (*made.forward, *made.totals.values()))
        objective = derivation.objective
        objectives = (Objective(derivation.of.name, "minimize"),) if objective is None else network.objectives
        steps = tuple(self.steps(objectives, gradient))
        batch = network.batch is not None
        return Program(
            text=network.text,
            sizes=tuple((name, network.sizes.get(name)) for name in self.size_names()),
            given=tuple(self.given(name) for name, v in made.variables.items() if v.role in GIVEN),
            hyperparameters=tuple((q.name, q.value) for q in network.of_role("hyperparameter")),
            defined=tuple((name, self.extents(name), not made.variables[name].axes) for name in made.forward),
            ragged=tuple((name, parts) for name, parts in ragged if parts is not None),
            objective=derivation.of.name,
            objective_buffer=made.objective,
            sense=objective.sense if objective is not None else "minimize",
            reduction="" if batch or made.examples is None else self.reduction,
            predictions=network.predictions,
            kernels=tuple(self.kernels.kernels),
            forward=forward,
            gradient=gradient,
            wrt=derivation.wrt,
            update=self.update,
            solves=tuple(self.solves()),
            checks=tuple(self.checks()),
            fixed=tuple(
                (name, size if isinstance(size, int) else tuple(size)) for name, size in sorted(self.fixed.items())
            ),
            examples=self.examples_size(),
            depends=tuple(self.depends()),
            layered=self.boxes.layered,
            greatest=self.boxes.greatest,
            objectives=objectives,
            totals=tuple(made.totals.items()),
            steps=steps,
        )

    def steps(self, objectives: tuple[Objective, ...], whole: Routine | None) -> Iterable[Step]:
        """Yield what training does: a step for each objective, by the parameters that it is over.

        The one that is over all of them needs the gradient as a `whole`.
        """
        if self.update is None or whole is None:
            return
        for number, objective in enumerate(objectives, 1):
            share = self.made.shares.get(objective.name, {})
            over = tuple(name for name in share if objective.over is None or name in objective.over)
            if not over:
                continue
            total = self.made.totals[objective.name]
            outputs = (total, *(share[name] for name in over))
            alone = len(objectives) == 1 and outputs == whole.outputs
            routine = whole if alone else self.routine(f"gradient_{number}", outputs)
            yield Step(objective.name, objective.sense, routine, total, over)

    def extents(self, name: str) -> tuple[Expr, ...]:
        """Return the extents of an array in sizes; of a ragged one those of its box."""
        return tuple(map(self.boxes.placed, extents(self.made.variables[name])))

    def parts(self, name: str) -> Parts | None:
        """Return how an array is a list of arrays, if it is ragged."""
        return self.boxes.parts(name, self.made.variables[name].ragged)

    def examples_size(self) -> str:
        """Return the size that counts the examples, or "" if none does."""
        bound = self.made.examples
        if bound is None and self.network.batch is not None:
            bound = self.network.indices[self.network.batch]
        length = extent(bound.lower, bound.upper) if bound is not None else ZERO
        return length.name if isinstance(length, Size) else ""

    def depends(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Yield, for each quantity that the forward pass defines, the data that it needs."""
        data = {name for name, v in self.made.variables.items() if v.role in GIVEN} - set(self.network.parameters)
        needs: dict[str, set[str]] = {name: {name} if name in data else set() for name in self.made.variables}
        changed = True
        while changed:
            changed = False
            for line in self.lines:
                new = set().union(*(needs[name] for name in line.reads)) - needs[line.name]
                if new:
                    needs[line.name] |= new
                    changed = True
        for name in self.made.forward:
            yield name, tuple(sorted(needs[name]))

    def size_names(self) -> tuple[str, ...]:
        names: dict[str, None] = dict.fromkeys(self.network.sizes)
        for variable in self.made.variables.values():
            for length in extents(variable):
                names.update(dict.fromkeys(node.name for node in walk(length) if isinstance(node, Size)))
        for line in self.lines:
            for node in walk(line.expression):
                if isinstance(node, Size):
                    names[node.name] = None
        for _, last in self.boxes.layers.values():
            names.update(dict.fromkeys(node.name for node in walk(last) if isinstance(node, Size)))
        layered = self.boxes.layers
        greatest = {size.name for size in self.boxes.greatest}
        return tuple(name for name in names if name not in layered and name not in greatest)

    def routine(self, name: str, outputs: tuple[str, ...]) -> Routine:
        lines = _needed(self.lines, outputs)
        lines = _in_place(lines, self.made.variables, frozenset(outputs))
        variables = self.made.variables
        scheduler = _Scheduler(variables, self.kernels, frozenset(outputs))
        body = _converted(scheduler.body(lines), self.boxes.placed) if self.boxes.layers else scheduler.body(lines)
        used: dict[str, None] = {}
        for statement in statements(body):
            if isinstance(statement, Invoke):
                used.update(dict.fromkeys(statement.arrays))
            elif isinstance(statement, Product):
                used.update(dict.fromkeys((statement.left.array, statement.right.array, statement.out.array)))
        used.pop(ONES, None)
        buffers = tuple(self.buffer(n, name, outputs) for n in used)
        return Routine(name, buffers, body, outputs)

    def buffer(self, name: str, routine: str, outputs: tuple[str, ...]) -> Buffer:
        variable = self.made.variables[name]
        storage = "work"
        if variable.role in GIVEN:
            storage = "parameter" if name in self.network.parameters else "data"
        elif variable.role == "hyperparameter":
            storage = "hyperparameter"
        elif variable.role == "size":
            storage = "size"
        elif routine != "forward" and name in outputs and name not in self.made.totals.values():
            storage = "gradient"
        return Buffer(name, self.extents(name), storage, not variable.axes, None, variable.integer)

    def given(self, name: str) -> Given:
        made, network = self.made, self.network
        quantity = network.quantities[name]
        variable = made.variables[name]
        role = "parameter" if name in network.parameters else quantity.role
        examples = None
        if made.examples is not None and variable.axes and variable.axes[0].index is made.examples.index:
            examples = 0
        elif network.batch is not None:
            places = [n for n, axis in enumerate(variable.axes) if axis.index is network.batch]
            examples = places[0] if places else None
        limits = None
        if quantity.integer and quantity.domain is not None and quantity.domain.lower is not None:
            assert quantity.domain.upper is not None
            limits = (self.boxes.placed(quantity.domain.lower), self.boxes.placed(quantity.domain.upper))
        start, fan_in, fan_out = self.start(name)
        return Given(
            name,
            role,
            tuple(axis.index.name for axis in variable.axes),
            self.extents(name) if variable.axes else (),
            examples,
            quantity.integer,
            limits,
            start,
            self.boxes.placed(fan_in),
            self.boxes.placed(fan_out),
            self.parts(name),
        )

    def start(self, name: str) -> tuple[str, Expr, Expr]:
        """Return how a parameter is initialised, a bias at zero and weights at random, with its fan-in and fan-out."""
        variable = self.made.variables[name]
        parts = self.parts(name)
        # Of a ragged parameter each part is a parameter of its own.
        sizes = {
            n: extent(axis.lower, axis.upper)
            for n, axis in enumerate(variable.ragged or variable.axes)
            if parts is None or n != parts.axis
        }
        uses = [equation.expression for equation in self.network.equations if name in names_of(equation.expression)]
        if len(sizes) <= 1 and uses and all(_is_bias(use, name, self.network.parameters) for use in uses):
            return "zeros", ONE, ONE
        # Fan-in: what one output sums over; fan-out: how many outputs one input reaches.
        fan_in: Expr = ONE
        fan_out: Expr = ONE
        summed = self.summed_axes(name)
        for n, size in sizes.items():
            if n in summed:
                fan_in = normal(fan_in * size)
            else:
                fan_out = normal(fan_out * size)
        if not summed and len(sizes) > 1:
            *others, last = sizes.values()
            fan_in, fan_out = last, normal(mul(*others))
        return "uniform", fan_in, fan_out

    def summed_axes(self, name: str) -> set[int]:
        found: set[int] = set()
        for equation in self.network.equations:
            for node in walk(equation.expression):
                if isinstance(node, Reduction):
                    bound = {b.index for b in node.bounds}
                    for inner in walk(node.body):
                        if isinstance(inner, Access) and inner.name == name:
                            found |= {n for n, index in enumerate(inner.indices) if free_indices(index) & bound}
        return found

    def solves(self) -> Iterable[Solve]:
        for name, (first, last) in self.boxes.layers.items():
            yield from _solves(name, 0, extent(first, last))
        for name, variable in self.made.variables.items():
            if variable.role not in GIVEN or not variable.axes:
                continue
            parts = self.parts(name)
            for axis, length in enumerate(self.extents(name)):
                if parts is None or axis == parts.axis:
                    yield from _solves(name, axis, length)
            for axis, length in enumerate(parts.shape if parts is not None else ()):
                for solve in _solves(name, axis, length):
                    yield replace(solve, of_parts=True)

    def checks(self) -> Iterable[Check]:
        """Yield the readings, and the writings, that are inside their axes for some sizes only."""
        seen: set[tuple[Expr, ...]] = set()
        integers = frozenset(name for name, variable in self.made.variables.items() if variable.integer)
        for line in self.made.lines:
            for access, bounds in (*_unguarded(line.expression, line.bounds, integers), (line.target, line.bounds)):
                variable = self.made.variables[access.name]
                for index, (lower, upper) in zip(access.indices, variable.ranges(access.indices), strict=True):
                    if names_of(index):
                        continue
                    if at_least(index, lower, bounds) and at_least(upper, index, bounds):
                        continue
                    try:
                        low, high = extremes(index, bounds)
                    except ValueError:
                        continue
                    key = (access, low, high)
                    if key in seen or free_indices(add(low, high, lower, upper)):
                        continue
                    seen.add(key)
                    nonempty = []
                    for n, b in enumerate(bounds):
                        try:
                            limits = extremes(b.upper - b.lower, bounds[:n])
                        except ValueError:
                            continue
                        if not free_indices(limits[1]) and not at_least(limits[1], ZERO):
                            nonempty.append((ZERO, normal(limits[1])))
                    least, greatest, lower, upper = map(self.boxes.placed, (low, high, lower, upper))
                    written = self.as_written(access)
                    of_network = (e.line for e in self.network.equations if written in walk(e.expression))
                    number = line.line or next(of_network, 0)
                    yield Check(str(written), least, greatest, lower, upper, tuple(nonempty), number)

    def as_written(self, access: Access) -> Access:
        """Return a reading without the index of the examples that compiled code adds."""
        added = self.made.examples
        if added is None:
            return access
        return Access(access.name, tuple(index for index in access.indices if index is not added.index))


GIVEN = ("input", "target", "parameter")


def _solves(name: str, axis: int, length: Expr) -> Iterable[Solve]:
    """Yield how sizes follow from the length of an axis that is linear in them."""
    unknowns = {str(node): node for node in walk(length) if isinstance(node, (Size, Access))}
    for _, size in sorted(unknowns.items()):
        offset = normal(substitute(length, {size: ZERO}))
        coefficient = normal(substitute(length, {size: ONE}) - offset)
        if normal(coefficient * size + offset) == length and size not in set(walk(coefficient)):
            layer = size.indices[0] if isinstance(size, Access) else None
            yield Solve(size.name, name, axis, coefficient, offset, layer)


def _is_bias(expr: Expr, name: str, parameters: Collection[str]) -> bool:
    """Return whether a parameter only ever stands as a term, beside a term of the same sign that is no parameter.

    The centre c of ``(x - c)**2`` is no bias: centres that are equal at the start have equal gradients.
    """
    if isinstance(expr, Access):
        return expr.name != name
    if not isinstance(expr, Add):
        return all(_is_bias(child, name, parameters) for child in expr.children if name in names_of(child))
    split = [coefficient_and_rest(term) for term in expr.terms]
    others = {factor > 0 for factor, rest in split if not names_of(rest) <= set(parameters)}
    return all(
        abs(factor) == 1 and (factor > 0) in others
        if isinstance(rest, Access) and rest.name == name
        else name not in names_of(rest) or _is_bias(rest, name, parameters)
        for factor, rest in split
    )


def _unguarded(
    expr: Expr, scope: tuple[Bound, ...], integers: frozenset[str]
) -> Iterable[tuple[Access, tuple[Bound, ...]]]:
    """Yield the readings whose place no condition on indices limits, a condition on `integers` being one."""
    if isinstance(expr, Access):
        yield expr, scope
    if isinstance(expr, Where) and any(names_of(part) <= integers for part in conditions_of(expr.condition)):
        return
    inner = (*scope, *expr.bounds) if isinstance(expr, Reduction) else scope
    for child in expr.children:
        yield from _unguarded(child, inner, integers)


# Functions that generated code computes without branches, so that loops over them become vector instructions.
EXPONENTIALS = frozenset({"exp", "tanh", "tanh_slope", "sigmoid", "sigmoid_slope", "softplus"})


def _circular(lines: list[Assignment]) -> frozenset[str]:
    """Return the names that depend on themselves."""
    needs: dict[str, set[str]] = {}
    for line in lines:
        needs.setdefault(line.name, set()).update(line.reads)
    names = sorted(needs)
    numbers = {name: n for n, name in enumerate(names)}
    before = [{numbers[other] for other in needs[name] if other in numbers} for name in names]
    return frozenset(
        names[n]
        for component in _components(len(names), before)
        for n in component
        if len(component) > 1 or n in before[n]
    )


def _needed(lines: list[Assignment], outputs: Iterable[str]) -> list[Assignment]:
    """Return the lines that `outputs` depend on, in order."""
    wanted = set(outputs)
    changed = True
    while changed:
        before = len(wanted)
        for line in reversed(lines):
            if line.name in wanted:
                wanted |= line.reads
        changed = len(wanted) > before
    return [line for line in lines if line.name in wanted]


def _in_place(lines: list[Assignment], variables: Mapping[str, Variable], outputs: frozenset[str]) -> list[Assignment]:
    """Let a product that one elementwise line reads be computed where that line's result will stand.

    ``s[n,j] = sum(...)``, ``a[n,j] = s[n,j] + b[j]`` become ``a[n,j] = sum(...)``, ``a[n,j] = a[n,j] + b[j]``.
    """
    writers: dict[str, list[Assignment]] = {}
    readers: dict[str, list[Assignment]] = {}
    for line in lines:
        writers.setdefault(line.name, []).append(line)
        for name in line.reads:
            readers.setdefault(name, []).append(line)
    renamed: dict[str, str] = {}
    taken: set[str] = set()
    for line in lines:
        name = line.name
        if variables[name].role != "temporary" or name in outputs or split_reduction(line.expression) is None:
            continue
        if len(writers[name]) != 1 or len(readers.get(name, ())) != 1:
            continue
        (reader,) = readers[name]
        if reader.name in taken or len(writers[reader.name]) != 1 or name in reader.name:
            continue
        if matrix_product(line, frozenset(), variables) is None or reader.name in reader.reads:
            continue
        if any(isinstance(node, Reduction) for node in walk(reader.expression)):
            continue
        accesses = {r.access for r in _readings(reader) if r.access.name == name}
        if accesses != {Access(name, reader.target.indices)} or extents(variables[name]) != extents(
            variables[reader.name]
        ):
            continue
        if any(a.lower != b.lower for a, b in zip(variables[name].axes, variables[reader.name].axes, strict=True)):
            continue
        renamed[name] = reader.name
        taken.add(reader.name)

    def rule(node: Expr) -> Expr:
        return Access(renamed[node.name], node.indices) if isinstance(node, Access) and node.name in renamed else node

    return [
        replace(line, target=rule(line.target), expression=transform(line.expression, rule))  # type: ignore[arg-type]
        if line.name in renamed or line.reads & renamed.keys()
        else line
        for line in lines
    ]


__all__ = ["Nest", "lower"]
