"""From a program to the text of a module that stands on its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pprint import pformat
from typing import Any

from symprop.algebra.expressions import ONE, Access, Expr, Number, Size, call, free_indices, mul, transform, walk
from symprop.algebra.indices import normal
from symprop.errors import OptionError
from symprop.lowering.program import (
    ONES,
    PACKED,
    Accumulate,
    Assign,
    Buffer,
    Check,
    Comment,
    Given,
    If,
    Invoke,
    Kernel,
    Layered,
    Loop,
    Matrix,
    Parts,
    Product,
    Program,
    Routine,
    Solve,
    Statement,
    Step,
    statements,
)
from symprop.rendering.environment import environment
from symprop.rendering.printers.numba import Code, identifier

TARGETS = ("numba", "numpy")
DTYPES = ("float64", "float32")

# Helpers that are made of one exponential.
EXPONENTIALS = frozenset({"exp", "tanh", "tanh_slope", "sigmoid", "sigmoid_slope", "softplus"})

INDENT = "    "
WIDEST = 116  # characters of a comment before it is broken


def source(program: Program, target: str = "numba", dtype: str = "float64") -> str:
    """Return the module of a program as text, the same from run to run.

    Parameters
    ----------
    program : Program
    target : str
        ``numba``, or ``numpy`` for plain Python over numpy arrays.
    dtype : str
        ``float64`` or ``float32``.

    Raises
    ------
    OptionError
        If there is no such target or precision.
    """
    for name, value, known in (("target", target, TARGETS), ("dtype", dtype, DTYPES)):
        if value not in known:
            raise OptionError(f"{name} is '{value}'; it must be one of {', '.join(known)}")
    return environment().get_template(f"code/{target}/module.py.jinja").render(_Module(program, dtype).context(target))


class _Module:
    """Everything that the templates are given, as text and plain values."""

    def __init__(self, program: Program, dtype: str) -> None:
        self.program = program
        self.dtype = dtype
        integers = frozenset((*(g.name for g in program.given if g.integer), *(each.name for each in program.layered)))
        self.parts: dict[str, Parts] = {g.name: g.parts for g in program.given if g.parts is not None}
        self.parts |= dict(program.ragged)
        self.code = Code(dtype == "float32", integers)
        self.exact = Code(False, integers)  # for what is computed once: sizes and factors

    def context(self, target: str) -> dict[str, Any]:
        program = self.program
        kernels = [self.kernel(kernel) for kernel in program.kernels]
        made = [r for r in (program.forward, program.gradient) if r is not None]
        made += [step.gradient for step in program.steps if step.gradient is not program.gradient]
        routines = [self.routine(r) for r in made]
        update = self.update()
        parameters = tuple(g.name for g in program.given if g.role == "parameter")
        sizes = (*(name for name, _ in program.sizes), *(each.name for each in program.greatest))
        shapes = [(g.name, self.shape(g.extents)) for g in program.given]
        shapes += [(name, self.shape(() if scalar else extents)) for name, extents, scalar in program.defined]
        batched = [self.batched(g) for g in program.given if g.examples is not None]
        # Sizes that differ from example to example: a minibatch has those of its own.
        varying = tuple(each.name for each in program.layered if _count_of_layers(each) == Size(program.examples))
        return {
            "text": program.text.replace("\\", "\\\\").replace('"""', "'''").strip(),
            "target": target,
            "single": self.dtype == "float32",
            "real": "f32" if self.dtype == "float32" else "",
            "dtype": self.dtype,
            "used": self.code.used | self.exact.used,
            "used_tanh": bool((self.code.used | self.exact.used) & {"tanh", "tanh_slope"}),
            "exponentials": bool((self.code.used | self.exact.used) & EXPONENTIALS),
            "products": any(isinstance(s, Product) for r in made for s in statements(r.body)),
            "kernels": kernels,
            "routines": routines,
            "update": update,
            "metadata": pformat(self.metadata(), width=110, sort_dicts=False),
            "sizes": repr(sizes),
            "size_names": [identifier(name) for name in sizes],
            "solves": [self.solve(s) for s in program.solves if s.layer is None and not s.of_parts],
            "derived": [(name, self.in_sizes(e)) for name, e in program.sizes if e is not None],
            "defaults": tuple(name for name, e in program.sizes if isinstance(e, Number)),
            "layered": [(each.name, self.in_sizes(_count_of_layers(each))) for each in program.layered],
            "layered_views": [
                (identifier(each.name), self.exact.integer(_count_of_layers(each)), each.name in varying)
                for each in program.layered
            ],
            "varying": repr(varying),
            "layer_solves": [self.layer_solve(s) for s in program.solves if s.layer is not None or s.of_parts],
            "greatest": [(g.name, g.of, self.in_sizes(g.first), self.in_sizes(g.last)) for g in program.greatest],
            "ragged": [self.ragged(name, parts) for name, parts in self.parts.items()],
            "shapes": shapes,
            "limits": [
                (g.name, self.in_sizes(g.limits[0]), self.in_sizes(g.limits[1]), g.parts is not None)
                for g in program.given
                if g.limits is not None
            ],
            "checks": [self.check(c) for c in program.checks],
            "starts": [
                (g.name, g.start, self.in_sizes(g.fan_in), self.in_sizes(g.fan_out), self.argument(g.parts))
                for g in program.given
                if g.role == "parameter"
            ],
            "depends": [(name, _set(needs)) for name, needs in program.depends],
            "parameters": repr(parameters),
            "gradients": repr(program.wrt),
            "data": repr(tuple(self.data_names())),
            "data_names": [identifier(name) for name in self.data_names()],
            "examples_name": program.examples,
            "examples_in_code": identifier(program.examples),
            "examples_position": sizes.index(program.examples) if program.examples in sizes else 0,
            "batched": batched,
            "batched_names": [array["name"] for array in batched],
            "integers": repr(tuple(g.name for g in program.given if g.integer)),
            "totals": [(total, name) for name, total in program.totals] if len(program.totals) > 1 else [],
            "steps": [self.step(step) for step in program.steps],
            # A step of the one objective over all parameters works on them where they stand.
            "in_shares": [step.over for step in program.steps] != [parameters],
        }

    def step(self, step: Step) -> dict[str, Any]:
        return {
            "objective": step.objective,
            "over": repr(step.over),
            "names": ", ".join(step.over),
            "routine": step.gradient.name,
            "ascends": step.sense == "maximize",
        }

    def batched(self, given: Given) -> dict[str, Any]:
        """Return how the examples of an array lie in memory."""
        assert given.examples is not None
        before = given.extents[: given.examples]
        after = given.extents[given.examples + 1 :]
        return {
            "name": identifier(given.name),
            "before": self.room(before) if before else "1",
            "after": self.room(after) if after else "1",
            "shape": self.shape_in_code(given.extents),
            "integer": given.integer,
        }

    # ---- plain values -------------------------------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        program = self.program
        update = program.update
        return {
            "network": program.text,
            "dtype": self.dtype,
            "roles": {g.name: g.role for g in program.given},
            "axes": {g.name: list(g.indices) for g in program.given},
            "ragged": {name: parts.axis for name, parts in self.parts.items()},
            "examples": {g.name: g.examples for g in program.given},
            "sizes": [*(name for name, _ in program.sizes), *(each.name for each in program.layered)],
            "fixed": dict(program.fixed),
            "hyperparameters": {n: None if v is None else float(v) for n, v in program.hyperparameters},
            "objective": program.objective,
            "sense": program.sense,
            "objectives": [
                {"name": each.name, "sense": each.sense, "over": None if each.over is None else list(each.over)}
                for each in program.objectives
            ],
            "reduction": program.reduction,
            "predictions": list(program.predictions),
            "defined": [name for name, _, _ in program.defined],
            "wrt": list(program.wrt),
            "optimizer": None if update is None else update.name,
            "optimizer_hyperparameters": {} if update is None else {n: float(v) for n, v in update.hyperparameters},
            "state": {} if update is None else {n: float(v) for n, v in update.state},
        }

    def in_sizes(self, expr: Expr) -> str:
        """Return an expression of sizes as code that reads them from a dict ``s``."""

        def rule(node: Expr) -> Expr:
            if isinstance(node, Size):
                return Size(f's["{node.name}"]')
            return Access(f's["{node.name}"]', node.indices) if isinstance(node, Access) else node

        return self.exact.integer(transform(expr, rule))

    def shape(self, extents: Iterable[Expr]) -> str:
        parts = [self.in_sizes(e) for e in extents]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def solve(self, s: Solve) -> tuple[str, str, int, str, str]:
        return s.size, s.name, s.axis, self.in_sizes(s.coefficient), self.in_sizes(s.offset)

    def layer_solve(self, s: Solve) -> tuple[str, str | None, str, int, str, str, str]:
        position = self.in_sizes(s.layer) if s.layer is not None else None
        index = self.argument(self.parts[s.name]) if s.of_parts else "_"
        return s.size, position, s.name, s.axis, self.in_sizes(s.coefficient), self.in_sizes(s.offset), index

    def ragged(self, name: str, parts: Parts) -> tuple[Any, ...]:
        return name, parts.axis, self.in_sizes(parts.first), self.argument(parts), self.shape(parts.shape)

    def argument(self, parts: Parts | None) -> str:
        """Return the name of the index of the parts of a ragged array, "" for any other array."""
        return "" if parts is None else self.exact.integer(parts.index)

    def check(self, c: Check) -> tuple[str, ...]:
        nonempty = " and ".join(f"{self.in_sizes(a)} <= {self.in_sizes(b)}" for a, b in c.nonempty) or "True"
        place = f"{c.reading} on line {c.line}" if c.line else c.reading
        return (place, *map(self.in_sizes, (c.least, c.greatest, c.lower, c.upper)), nonempty)

    def data_names(self) -> list[str]:
        """Return the arrays that are passed to the compiled functions one by one."""
        return [g.name for g in self.program.given if g.role != "parameter"]

    def result(self, routine: Routine) -> str:
        """Return the buffer of the objective that a routine computes."""
        totals = {id(step.gradient): step.total for step in self.program.steps}
        return totals.get(id(routine), self.program.objective_buffer)

    def gradient_buffers(self, routine: Routine) -> list[str]:
        """Return the buffers of the gradients that a routine computes, in the order of its flat gradient."""
        if routine is self.program.forward:
            return []
        return [name for name in routine.outputs if name != self.result(routine)]

    # ---- functions ----------------------------------------------------------------------------------------------

    def kernel(self, kernel: Kernel) -> dict[str, Any]:
        lines: list[str] = []
        body = list(kernel.body)
        comments = []
        while body and isinstance(body[0], Comment):
            comments.append(body.pop(0).text)  # type: ignore[union-attr]
        self.append(tuple(body), lines, 1)
        return {
            "name": kernel.name,
            "arguments": ", ".join(map(identifier, (*kernel.arrays, *kernel.integers))),
            "comments": [line for text in comments for line in _broken(text)],
            "body": lines,
        }

    def routine(self, routine: Routine) -> dict[str, Any]:
        lines: list[str] = []
        self.append(routine.body, lines, 1)
        by_name = {b.name: b for b in routine.buffers}
        groups: list[tuple[str, list[tuple[str, str, str]]]] = []

        def group(array: str, members: Iterable[tuple[str, tuple[Expr, ...]]]) -> None:
            views = [(identifier(n) if n in by_name else "", self.shape_in_code(e), self.room(e)) for n, e in members]
            if any(name for name, _, _ in views):
                groups.append((array, views))

        given = [g for g in self.program.given if g.role == "parameter"]
        group("parameters", ((g.name, g.extents or (ONE,)) for g in given))
        group("hyperparameters", ((name, (ONE,)) for name, _ in self.program.hyperparameters))
        gradients = self.gradient_buffers(routine)
        group("gradients", ((name, by_name[name].extents) for name in gradients))
        work = [b for b in routine.buffers if b.storage == "work"]
        copies = [
            _room_of_copy(s, by_name) for s in statements(routine.body) if isinstance(s, Product) and self.is_packed(s)
        ]
        if copies:
            most = call("max", *dict.fromkeys(copies)) if len(set(copies)) > 1 else copies[0]
            work.append(Buffer(PACKED, (most,), "work"))
            by_name[PACKED] = work[-1]
        group("work", ((b.name, b.extents) for b in work))
        return {
            "name": routine.name,
            "views": groups,
            "body": lines,
            "gradients": bool(gradients),
            "result": f"{identifier(self.result(routine))}[0]",
            "work": [(b.name, self.in_sizes(_count(b))) for b in work],
        }

    def shape_in_code(self, extents: Iterable[Expr]) -> str:
        parts = [self.exact.integer(e) for e in extents]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def room(self, extents: Iterable[Expr]) -> str:
        return "*".join(self.exact.integer(e, 3) for e in extents)

    def update(self) -> dict[str, Any] | None:
        update = self.program.update
        if update is None:
            return None
        phases = []
        real = "f32" if self.dtype == "float32" else ""
        names = {
            node.name
            for phase in update.phases
            for s in (*phase.scalars, *statements(phase.body))
            if isinstance(s, Assign)
            for node in (*walk(s.target), *walk(s.value))
            if isinstance(node, Access)
        }
        own = Code(self.dtype == "float32", own=frozenset(names))
        exact = Code(own=frozenset(names))
        for phase in update.phases:
            constants = [
                f"{a.target.name} = " + (f"{real}({value})" if real else value)
                for a, value in ((a, exact.value(a.value)) for a in phase.scalars)
            ]
            body: list[str] = []
            self.append(phase.body, body, 2, own)
            phases.append({"norms": phase.norms, "constants": constants, "body": body})
        read = {
            node.name
            for phase in update.phases
            for s in statements(phase.body)
            if isinstance(s, Assign)
            for node in walk(s.value)
            if isinstance(node, Access)
        }
        self.code.used |= own.used | exact.used
        return {
            "name": update.name,
            "hyperparameters": [name for name, _ in update.hyperparameters],
            "state": [name for name, _ in update.state],
            "phases": phases,
            "cast": [name for name, _ in update.hyperparameters if name in read] if real else [],
        }

    # ---- statements ---------------------------------------------------------------------------------------------

    def append(self, body: tuple[Statement, ...], lines: list[str], depth: int, code: Code | None = None) -> None:
        """Append the lines of `body`."""
        pad = INDENT * depth
        code = code or self.code
        if not body:
            lines.append(f"{pad}pass")
        for statement in body:
            match statement:
                case Comment(text=text):
                    lines += [f"{pad}# {line}" for line in _broken(text, WIDEST - len(pad))]
                case Assign(target=target, value=value):
                    lines.append(f"{pad}{code.element(target)} = {code.value(value)}")
                case Accumulate(target=target, value=value, operator=operator):
                    lines.append(f"{pad}{self.accumulated(code.element(target), value, operator)}")
                case Loop(index=index, start=start, stop=stop, body=inner, descending=descending):
                    first, last = code.integer(start), code.integer(stop)
                    limits = last if first == "0" else f"{first}, {last}"
                    if descending:
                        limits = f"{code.integer(normal(stop - ONE))}, {code.integer(normal(start - ONE))}, -1"
                    lines.append(f"{pad}for {code.integer(index)} in range({limits}):")
                    self.append(inner, lines, depth + 1, code)
                case If(condition=condition, then=then, otherwise=otherwise):
                    if then:
                        lines.append(f"{pad}if {code.condition(condition)}:")
                        self.append(then, lines, depth + 1, code)
                        if otherwise:
                            lines.append(f"{pad}else:")
                            self.append(otherwise, lines, depth + 1, code)
                    elif otherwise:
                        lines.append(f"{pad}if not ({code.condition(condition)}):")
                        self.append(otherwise, lines, depth + 1, code)
                case Invoke(function=function, arrays=arrays, integers=integers, flat=flat):
                    given = (f"flat({identifier(a)})" if flat else identifier(a) for a in arrays)
                    arguments = (*given, *map(code.integer, integers))
                    lines.append(f"{pad}{function}({', '.join(arguments)})")
                case Product():
                    lines += [f"{pad}{line}" for line in self.product(statement)]

    def accumulated(self, target: str, value: Expr, operator: str) -> str:
        if operator == "add":
            self.code.used.add("plus")
            return f"{target} = plus({target}, {self.code.value(value)})"
        if operator == "mul":
            return f"{target} *= {self.code.value(value)}"
        helper = self.code.helper({"max": "greater", "min": "smaller"}[operator], target, self.code.value(value))
        return f"{target} = {helper}"

    def product(self, p: Product) -> list[str]:
        code = self.code
        sizes = ", ".join(self.stride(e) for e in (p.rows, p.columns, p.inner))
        right = self.stride(p.right.row_stride)
        packed = identifier(PACKED if self.is_packed(p) else p.out.array)
        return [
            "product(",
            f"{INDENT}{sizes}, {code.value(p.alpha)},",
            f"{INDENT}{self.address(p.left)}, {self.stride(p.left.row_stride)}, {self.stride(p.left.column_stride)},",
            f"{INDENT}{self.address(p.right)}, {right}, {self.stride(p.right.column_stride)},",
            f"{INDENT}{code.value(p.beta)}, {self.address(p.out)}, {self.stride(p.out.row_stride)},",
            f"{INDENT}pointer({packed}, 0),",
            ")",
        ]

    def address(self, m: Matrix) -> str:
        return f"pointer({identifier(m.array)}, {self.code.integer(m.offset)})"

    def stride(self, expr: Expr) -> str:
        """Return an integer that is not a literal: numba would compile the product anew for each."""
        if expr is ONE:
            return "unit"
        return f"np.int64({expr.value})" if isinstance(expr, Number) else self.code.integer(expr)

    def is_packed(self, p: Product) -> bool:
        """Return whether the right factor's rows do not lie in one piece, so that a copy is made."""
        return p.right.column_stride is not ONE and p.right.array != ONES


def _room_of_copy(product: Product, buffers: Mapping[str, Buffer]) -> Expr:
    """Return how many elements a copy of the right factor needs; where loops change that, what the array has."""
    room = normal(mul(product.columns, product.inner))
    return _count(buffers[product.right.array]) if free_indices(room) else room


def _count_of_layers(each: Layered) -> Expr:
    return normal(each.last - each.first + ONE)


def _count(buffer: Buffer) -> Expr:
    return normal(mul(*buffer.extents))


def _broken(text: str, width: int = WIDEST) -> list[str]:
    """Return a comment in lines of at most `width` characters, broken at blanks."""
    from textwrap import wrap

    return wrap(text, width, subsequent_indent="    ", break_long_words=False) or [""]


def _set(names: Iterable[str]) -> str:
    return f"{{{', '.join(repr(name) for name in names)}}}" if names else "set()"
