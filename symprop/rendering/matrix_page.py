"""A document in matrix notation: every line that has a matrix form in it, the others with their indices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from symprop.algebra.expressions import Access, Bound, Derivative, Expr, Index, free_indices, stem_of
from symprop.algebra.indices import normal
from symprop.declaration.quantity import Axis
from symprop.derivation.steps import Derivation
from symprop.rendering.abbreviations import abbreviated
from symprop.rendering.document import Document, Formula, Line, Sentence, Simplification, different, listed
from symprop.rendering.matrix_form import is_same, matrix_form


def in_matrices(document: Document, derivation: Derivation) -> Document:
    """Return a document with every line in matrix notation that has a form in it, and the shape of each array beside.

    Local partial derivatives stay with their indices: that of one vector by another is a matrix, and that by a matrix
    has three indices.
    """
    return _Page(derivation).document(document)


class _Page:
    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        network = derivation.network
        self.arrays: dict[str, tuple[Axis, ...]] = {q.name: q.axes for q in network.quantities.values()}
        short = abbreviated(derivation, lines=True)
        for adjoint in (*derivation.adjoints.values(), *short.derivation.adjoints.values()):
            self.arrays[adjoint.access.name] = _axes(adjoint.bounds)
        for equation in short.values:
            self.arrays[equation.name] = _axes(equation.bounds)
        self.reads_index = False  # whether any line has kept its indices

    def document(self, document: Document) -> Document:
        forward = tuple(map(self.formula, document.forward))
        lines = tuple(map(self.line, document.lines))
        results = tuple(map(self.formula, document.results))
        definitions = tuple(map(self.formula, document.definitions))
        simplifications = tuple(filter(None, map(self.simplification, document.simplifications)))
        return replace(
            document,
            introduction=(*document.introduction, *self.introduction(bool(document.lines))),
            ranges=document.ranges if self.reads_index else (),
            forward=forward,
            lines=lines,
            simplifications=simplifications,
            results=results,
            definitions=definitions,
        )

    def introduction(self, partials: bool) -> Iterable[Sentence]:
        given = [q for q in self.derivation.network.quantities.values() if q.axes and q.is_given]
        if given:
            shapes: list[str | Expr | Formula] = []
            for quantity in given:
                extents = listed(self.shape(quantity.name))
                shapes.extend((", " if shapes else "", Access(quantity.name, ()), " (", *extents, ")"))
            yield ("Shapes: ", *shapes, ". Each line has its own beside it; what has none is a scalar.")
        yield ("A quantity with one index is a column; functions, powers and quotients act element by element.",)
        if partials:
            yield ("Local partial derivatives are given by their components.",)

    def shape(self, name: str) -> tuple[Expr, ...]:
        return tuple(normal(axis.extent) for axis in self.arrays[name])

    def bounds_of(self, indices: Iterable[Expr], formula: Formula) -> tuple[Bound, ...] | None:
        """Return the ranges of the indices of a left side; None if one is fixed, or does not run over all values."""
        ranges = {**self.derivation.network.indices, **{bound.index: bound for bound in formula.ranges}}
        found = []
        for index in indices:
            bound = ranges.get(index) if isinstance(index, Index) else None
            if bound is None and isinstance(index, Index):
                stem = ranges.get(Index(stem_of(index)))
                bound = None if stem is None else stem._replace(index=index)
            if bound is None:
                return None
            found.append(bound)
        return tuple(found)

    def formula(self, formula: Formula) -> Formula:
        """Return a line in matrix notation, or as it is if a part of it has no form there."""
        left = formula.left
        if formula.condition is not None:
            self.reads_index = True
            return formula
        accesses = [left.of, left.by] if isinstance(left, Derivative) else [left]
        if isinstance(left, Derivative) and not free_indices(left.of):
            accesses = accesses[1:]  # of a scalar, or of one component
        shape = tuple(
            size
            for access in accesses
            if isinstance(access, Access) and access.indices
            for size in self.shape(access.name)
        )
        bounds = self.bounds_of((index for access in accesses for index in access.children), formula)
        if bounds is None or not self.is_whole(accesses, bounds):
            self.reads_index = True
            return formula
        forms = [matrix_form(form, bounds, self.arrays) for form in formula.forms]
        found = different(form for form in forms if form is not None)
        if None in forms:
            self.reads_index = True
            return replace(formula, shape=shape)
        names = {access: Access(access.name, ()) for access in accesses if isinstance(access, Access)}
        return Formula(_with_names(left, names), formula.sign, found, shape=shape)

    def is_whole(self, accesses: Iterable[Expr], bounds: tuple[Bound, ...]) -> bool:
        """Whether a left side with these ranges is the whole array."""
        axes = [
            axis
            for access in accesses
            if isinstance(access, Access) and access.indices
            for axis in self.arrays[access.name]
        ]
        return len(axes) == len(bounds) and all(
            is_same(axis.lower, bound.lower) and is_same(axis.upper, bound.upper)
            for axis, bound in zip(axes, bounds, strict=True)
        )

    def line(self, line: Line) -> Line:
        if line.partial is not None:
            self.reads_index = True
        forward = None if line.forward is None else replace(self.formula(line.forward), shape=())
        return replace(line, forward=forward, backward=self.formula(line.backward))

    def simplification(self, simplification: Simplification) -> Simplification | None:
        """Return the forms of an adjoint in matrix notation; None if they have become one and the same."""
        before = Formula(simplification.left, "=", (simplification.first,))
        forms = [self.formula(replace(before, forms=(form,))) for _, form in simplification.steps]
        first = self.formula(before)
        if any(formula.left is simplification.left for formula in (first, *forms) if simplification.left.children):
            self.reads_index = True
            return simplification
        steps: list[tuple[Sentence, Expr]] = []
        shown = first.forms[0]
        for (rule, _), formula in zip(simplification.steps, forms, strict=True):
            if formula.forms[0] != shown:
                shown = formula.forms[0]
                steps.append((rule, shown))
        return Simplification(first.left, first.forms[0], tuple(steps)) if steps else None


def _axes(bounds: Iterable[Bound]) -> tuple[Axis, ...]:
    return tuple(Axis(bound.index, bound.lower, bound.upper) for bound in bounds)


def _with_names(left: Expr, names: Mapping[Access, Access]) -> Expr:
    """Return a left side with whole arrays for their components."""
    if isinstance(left, Derivative):
        return Derivative(left.kind, names.get(left.of, left.of), names.get(left.by, left.by))
    return names.get(left, left) if isinstance(left, Access) else left
