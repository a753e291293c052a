"""The whole composition, from text to a derivation, to values and to compiled functions; and what users hold.

::

    network    = parse(text)                  # declaration:  str        -> Network
    derivation = backpropagate(network)       # derivation:   Network    -> Derivation
    report     = to_text(derivation)          # rendering:    Derivation -> str
    functions  = compile(network)             # runtime:      Network    -> Functions
    run        = fit(network, data)           # runtime:      arrays     -> Run, in runtime.fit
    values     = evaluate(network, point)     # verification: numbers    -> numbers

Every stage is imported when it is first needed: parsing brings no sympy, deriving no numba.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symprop import arguments
from symprop.arguments import Named
from symprop.errors import DeclarationError, IndexNotationError, NotationError, OptionError, UnknownNameError, nearest

if TYPE_CHECKING:
    from symprop.algebra.expressions import Expr, Index
    from symprop.algebra.optimizers import Optimizer
    from symprop.declaration.network import Network
    from symprop.declaration.sizes import SizeValue
    from symprop.derivation import steps
    from symprop.runtime.load import Functions
    from symprop.verification import evaluate as reference
    from symprop.verification.judge import Verdict
    from symprop.verification.report import Report

MODES = ("reverse", "forward")


@arguments.verb
def parse(text: str) -> Network:
    """Return the network that `text` declares.

    Raises
    ------
    SympropError
        If it cannot be read; the message shows where and how to mend it.
    """
    from symprop.declaration.parser import parse as parse_text

    return parse_text(arguments.network_text(text) if isinstance(text, str) else text)


@arguments.verb
def read(path: str | Path) -> Network:
    """Return the network in a file (UTF-8).

    Raises
    ------
    SympropError
        If there is no such file or it cannot be read.
    """
    return parse(read_text(path))


def read_text(path: str | Path) -> str:
    """Return the text of a file (UTF-8), or say why it cannot be read."""
    if isinstance(path, str) and ("\n" in path or "=" in path) and not Path(path).exists():
        raise OptionError("the name of a file is expected, not a text", hint="A text is read with symprop.parse.")
    try:
        content = arguments.path(path).read_bytes()
    except FileNotFoundError:
        raise OptionError(f"there is no file {path}") from None
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from None
    if content.startswith((b"PK", b"\x1f\x8b")) or b"\0" in content:
        raise NotationError(
            f"{path} is not a text", hint="A network or a list of claims is a text file; a model file goes to predict."
        )
    return decode(content, str(path))


def decode(content: bytes, source: str) -> str:
    """Return UTF-8 text, or say on which line of `source` it is none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotationError(f"{source}, line {line}, is not UTF-8 text", hint="Save the file as UTF-8.") from None


_ADJOINT = re.compile(r"(?<!\w)(\w+)_bar(?!\w)")


@arguments.verb
def expression(text: str, net: Network | str) -> Expr:
    """Return one expression in the names of `net`; ``D(U, V)`` and ``P(U, V)`` may stand in it.

    So may the adjoints that a printed derivative has, ``z_bar``: of the derivation that is given, else of what the
    network optimises.
    """
    from symprop.declaration.parser import parse_expression

    text = arguments.text(text, "an expression", '"D(y, x) + 1"')
    network = _network(net)
    barred = {name for name in _ADJOINT.findall(text) if name in network.quantities}
    if barred and network.objective is not None and not any(f"{name}_bar" in network.quantities for name in barred):
        given = [quantity.name for quantity in network.quantities.values() if quantity.is_given]
        network = _network(derive(network, wrt=given))
    return parse_expression(text, network)


def _network(net: Network | Derivation | str) -> Network:
    """Return the network of a text; a derivation is the network whose equations compute its adjoints too."""
    if isinstance(net, Derivation):
        from symprop.derivation.extended import as_network

        return as_network(net.derivation)
    if isinstance(net, str):
        return parse(net)
    from symprop.declaration.network import Network

    if not isinstance(net, Network):
        raise arguments.not_a_network(net)
    return net


class Gradient:
    """The derivative of the objective by one quantity, in final form.

    Attributes
    ----------
    name : str
        The quantity.
    indices : tuple of Index
        Its indices as they stand in `expression`; free indices of a vector objective come first.
    expression : Expr
        In forward names, and in adjoints by name (``z_bar``) where writing them out would make it longer.
    """

    def __init__(self, gradient: steps.Gradient, derivation: steps.Derivation) -> None:
        self._gradient = gradient
        self._derivation = derivation
        self.name: str = gradient.name
        self.indices: tuple[Index, ...] = gradient.indices
        self.expression: Expr = gradient.expression

    def __str__(self) -> str:
        return str(self.expression)

    def __repr__(self) -> str:
        return f"Gradient({self.name}: {self})"

    @arguments.verb
    def latex(self) -> str:
        """Return the expression as LaTeX, without the left side."""
        from symprop.rendering.printers.layout import Names
        from symprop.rendering.report import latex_of

        return latex_of(self.expression, Names.of(self._derivation.network))

    @arguments.verb
    def sympy(self, expand: bool = False) -> Any:
        """Return the expression as a sympy object.

        Parameters
        ----------
        expand : bool
            Whether to write out defined quantities and adjoints, so that inputs, targets and parameters remain.

        Raises
        ------
        MissingRuleError
            If a recurrence would have to be written out, or sympy has no form of the expression.
        """
        from symprop.rendering.sympy_form import to_sympy, written_out

        network = self._derivation.network
        expr = self.expression
        if expand:
            expr = written_out(expr, network, self._derivation.adjoints)
        return to_sympy(expr, network.functions)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


class Derivation:
    """A backward pass, as users hold it.

    Attributes
    ----------
    network : Network
    gradients : mapping of str to Gradient
        One for each quantity that was differentiated by.
    adjoints : mapping of str to Adjoint
        By quantity, in the order in which they can be computed; ``.expression`` and ``.textbook`` are the same value
        with derivatives of functions as atoms and as people write them.
    steps : tuple of Step
        Every rewriting (rule, before, after), adjoint by adjoint.
    """

    def __init__(self, derivation: steps.Derivation) -> None:
        self.derivation = derivation
        self.network: Network = derivation.network
        wanted = "Name what to differentiate by: derive(net, wrt='{name}')."
        self.gradients: Mapping[str, Gradient] = Named(
            "gradient by",
            {name: Gradient(gradient, derivation) for name, gradient in derivation.gradients.items()},
            wanted,
            self.network.quantities,
        )
        self.adjoints: Mapping[str, steps.Adjoint] = Named(
            "adjoint of", derivation.adjoints, wanted, self.network.quantities
        )
        self.steps: tuple[steps.Step, ...] = tuple(
            step for adjoint in derivation.adjoints.values() for step in adjoint.steps
        )

    @arguments.verb
    def to_text(
        self, notation: str = "index", detail: str = "steps", sizes: Mapping[str, SizeValue] | None = None
    ) -> str:
        """Return the derivation as text. `notation`: index, matrix or scalar. `detail`: final, steps or full.

        Scalar notation writes every component out: `sizes` are those that the network leaves open, ``{"D": 2}``.
        """
        from symprop.rendering import report

        return report.to_text(self.derivation, notation=notation, detail=detail, sizes=arguments.sizes(sizes))

    @arguments.verb
    def to_latex(
        self,
        notation: str = "index",
        detail: str = "steps",
        fragment: bool = False,
        sizes: Mapping[str, SizeValue] | None = None,
    ) -> str:
        """Return the derivation as a LaTeX document, or as a `fragment` to be included in one."""
        from symprop.rendering import report

        return report.to_latex(
            self.derivation, notation=notation, detail=detail, fragment=fragment, sizes=arguments.sizes(sizes)
        )

    @arguments.verb
    def to_markdown(
        self, notation: str = "index", detail: str = "steps", sizes: Mapping[str, SizeValue] | None = None
    ) -> str:
        """Return the derivation as Markdown with LaTeX formulas."""
        from symprop.rendering import report

        return report.to_markdown(self.derivation, notation=notation, detail=detail, sizes=arguments.sizes(sizes))

    @arguments.verb
    def to_html(
        self,
        notation: str = "index",
        detail: str = "steps",
        fragment: bool = False,
        sizes: Mapping[str, SizeValue] | None = None,
    ) -> str:
        """Return the derivation as one HTML page, or as a `fragment` of one; formulas are MathML."""
        from symprop.rendering import report

        return report.to_html(
            self.derivation, notation=notation, detail=detail, fragment=fragment, sizes=arguments.sizes(sizes)
        )

    @arguments.verb
    def to_dict(self) -> dict[str, Any]:
        """Return gradients, adjoints and steps as plain dicts and texts."""
        from symprop.rendering import report

        return report.to_dict(self.derivation)

    @arguments.verb
    def hessian(self, by: str, and_by: str | None = None) -> Derivation:
        """Return the derivation of the second derivatives by two quantities (or twice by one).

        The gradient by `by` is derived by `and_by`; the entry [first indices, second indices] is
        d2 objective/(d by d and_by).
        """
        return derive(self, wrt=and_by or by, of=self._gradient_name(by))

    def _gradient_name(self, by: str) -> str:
        """Return the name under which the gradient by `by` is a quantity."""
        self.gradients[by]
        return self.adjoints[by].access.name

    @arguments.verb
    def hessian_vector_product(self, by: str, direction: str = "direction") -> Derivation:
        """Return the derivation of the Hessian by `by` times a vector, an input called `direction`.

        It is the gradient of the inner product of gradient and direction, so it costs about two gradients and never
        forms the Hessian (Pearlmutter, Fast exact multiplication by the Hessian, 1994).
        """
        from symprop.derivation.extended import as_network, with_arguments_named, with_direction
        from symprop.derivation.reverse_sweep import backpropagate

        gradient = self._gradient_name(by)
        network = as_network(self.derivation)
        named = with_arguments_named(self.network)
        # Several objectives, components and tangents keep the derivation they have.
        if len(named.equations) > len(self.network.equations) and _is_plain(self.derivation):
            network = as_network(backpropagate(named, None, (by,)))
        network = with_direction(network, gradient, direction, f"{gradient}_times_{direction}")
        return derive(network, wrt=by)

    def __str__(self) -> str:
        return self.to_text(detail="final")

    def __repr__(self) -> str:
        return f"Derivation of {self.derivation.of} by {', '.join(self.gradients)}; print it, or see to_text()"

    def _repr_html_(self) -> str:
        return self.to_html(fragment=True)

    def _repr_latex_(self) -> str:
        from symprop.rendering import report

        return report.to_math(self.derivation)


def _is_plain(derivation: steps.Derivation) -> bool:
    """Whether a derivation is by reverse mode of the one objective of its network."""
    one = len(derivation.network.objectives) == 1
    return one and derivation.objective is not None and derivation.mode == "reverse"


@arguments.verb
def derive(
    net: Network | Derivation | str,
    wrt: Sequence[str] | str | None = None,
    of: str | None = None,
    mode: str = "reverse",
) -> Derivation:
    """Return the derivation of a network.

    Parameters
    ----------
    net : Network or str
        The network, or its text; a Derivation is derived again, its adjoints being quantities like ``w_bar``.
    wrt : sequence of str, or str, optional
        By which quantities; None means every parameter.
    of : str, optional
        What is differentiated, such as ``"y"`` or ``"y[1]"``; None means the objective. A quantity with indices gives
        a Jacobian, its indices first.
    mode : str
        ``reverse`` or ``forward``.

    Raises
    ------
    SympropError
        If a name is unknown, there is nothing to differentiate, or something has no derivative.
    """
    from symprop.algebra.expressions import Access

    network = _network(net)
    arguments.choice("mode", mode, MODES)
    names = arguments.names(wrt, "wrt")
    if names == ():
        raise OptionError("wrt names nothing to differentiate by", hint="Leave it out for every parameter.")
    if of is not None:
        arguments.text(of, "of", 'of="y", or of="y[1]"')
    if names is None and not network.parameters:
        some = next(iter(network.of_role("input", "target")), None)
        hint = "The network reads no name at all."
        if some is not None:
            hint = f"Declare one, parameter w, or name a quantity: wrt='{some.name}' or --wrt {some.name}."
        place = network.place_of(some.name) if some is not None else {}
        raise OptionError("there is no parameter to differentiate by", hint=hint, **place)
    if of is None:
        movers = {
            name: [objective.name for objective in network.objectives if name in (objective.over or ())]
            for name in (names if names is not None else network.parameters)
        }
        shared = next((name for name, moved_by in movers.items() if len(moved_by) > 1), None)
        if shared is not None:
            first, *others = movers[shared]
            raise OptionError(
                f"'{shared}' is moved by {' and by '.join((first, *others))}, and has a derivative of each",
                hint=f"Name the one to differentiate: derive(net, of='{first}'), or --of {first}.",
            )
    source: Any = of
    if isinstance(of, str) and of not in network.quantities and "[" in of:
        source = expression(of, network)
        if not isinstance(source, Access):
            raise OptionError(f"'{of}' is not a quantity or a component of one")
    if mode == "forward":
        from symprop.derivation.forward_sweep import propagate

        return Derivation(propagate(network, of=source, wrt=names))
    from symprop.derivation.reverse_sweep import backpropagate

    return Derivation(backpropagate(network, of=source, wrt=names))


class Components(Mapping[Any, Any]):
    """The components of one quantity, by index: ``z[1]``, ``alpha[0, 2]``; indices count as in the network."""

    def __init__(self, values: Mapping[tuple[int, ...], Any]) -> None:
        self._values = {place: _public(value) for place, value in values.items()}

    def __getitem__(self, place: int | tuple[int, ...]) -> Any:
        try:
            return self._values[place if isinstance(place, tuple) else (place,)]
        except (KeyError, TypeError):
            first, last = (", ".join(map(str, end(self._values))) for end in (min, max))
            raise UnknownNameError(
                f"there is no component [{', '.join(map(str, place)) if isinstance(place, tuple) else place}]",
                hint=f"Components go from [{first}] to [{last}].",
            ) from None

    def __iter__(self) -> Iterator[Any]:
        return (place[0] if len(place) == 1 else place for place in self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Components({dict(self)!r})"

    def tolist(self) -> list[Any]:
        """Return the values as nested lists, in the order of the indices."""
        return _nested(self._values, lambda value: value)


class _Shown(Named):
    """What was asked for; blanks in the text do not matter."""

    def __missing__(self, name: object) -> Any:
        for text, value in self.items():
            if "".join(text.split()) == "".join(str(name).split()):
                return value
        return super().__missing__(name)


class Evaluation:
    """The numbers of a network at one point. Exact ones are ``Fraction``, others ``float``.

    Attributes
    ----------
    values, adjoints : mapping of str to number or Components
        By quantity: given and defined ones, and the derivatives of the objective by them.
    shown : mapping of str to number or Components
        By text of what was asked for.
    """

    def __init__(self, evaluation: reference.Evaluation) -> None:
        self._evaluation = evaluation
        self.values: Mapping[str, Any] = Named(
            "value of", {name: _plain(value) for name, value in evaluation.values.items()}
        )
        self.adjoints: Mapping[str, Any] = Named(
            "adjoint of", {name: _plain(value) for name, value in evaluation.adjoints.items()}
        )
        self.shown: Mapping[str, Any] = _Shown(
            "shown value of",
            {text: _plain(value) for text, value in evaluation.shown.items()},
            'Ask for it: show=["{name}"].',
        )

    def __getitem__(self, name: str) -> Any:
        """Return what is shown under `name`, or else the value of the quantity called so."""
        try:
            return self.shown[name]
        except KeyError:
            return self.values[name]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts and nested lists: exact numbers as texts, others as floats."""

        def number(value: Any) -> Any:
            value = _public(value)
            return value if isinstance(value, float) else str(value)

        def plain(rows: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: _nested(value, number) if isinstance(value, Mapping) else number(value)
                for name, value in rows.items()
            }

        each = self._evaluation
        return {"values": plain(each.values), "adjoints": plain(each.adjoints), "shown": plain(each.shown)}

    def to_text(self) -> str:
        """Return one line for each component."""
        from symprop.verification.evaluate import format_number

        rows: list[tuple[str, str]] = []

        def add(head: str, value: Any) -> None:
            if not isinstance(value, Mapping):
                rows.append((head, format_number(value)))
                return
            for place, component in value.items():
                indices = ", ".join(map(str, place))
                rows.append((f"{head}[{indices}]" if place else head, format_number(component)))

        each = self._evaluation
        for name, value in each.values.items():
            add(name, value)
        for name, value in each.adjoints.items():
            add(f"{name}_bar", value)
        for text, shown in each.shown.items():
            add(text, shown)
        width = max((len(head) for head, _ in rows), default=0)
        return "\n".join(f"{head:<{width}} = {number}" for head, number in rows)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()


def _public(value: Any) -> Any:
    from fractions import Fraction

    from symprop.verification.evaluate import to_float

    return Fraction(value) if isinstance(value, int | Fraction) else to_float(value)


def _plain(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _public(value)
    return _public(value[()]) if () in value else Components(value)


def _nested(values: Mapping[tuple[int, ...], Any], number: Any) -> Any:
    """Return values by index tuples as nested lists."""
    if () in values:
        return number(values[()])
    parts: dict[int, dict[tuple[int, ...], Any]] = {}
    for place, value in values.items():
        parts.setdefault(place[0], {})[place[1:]] = value
    return [_nested(parts[first], number) for first in sorted(parts)]


@arguments.verb
def evaluate(
    net: Network | str,
    values: Mapping[str, Any],
    show: Sequence[str] = (),
    sizes: Mapping[str, SizeValue] | None = None,
) -> Evaluation:
    """Return every quantity and adjoint at a point, in exact or certified arithmetic.

    Parameters
    ----------
    net : Network or str
    values : mapping of str to values
        Inputs, targets and parameters: numbers (a text such as ``"1/2"`` is exact), nested lists, arrays, or mappings
        from indices to numbers; ``"w[0]"`` as a name gives one component. In a network without roles other names are
        free scalars for `show`.
    show : sequence of str
        Further expressions in the names of the network, such as ``"D(y[1], x[1])"``.
    sizes : mapping of str to int, optional
        Sizes that the values do not tell.

    Raises
    ------
    SympropError
        If a value is missing, does not fit, or lies outside a domain.
    """
    from symprop.verification import evaluate as reference

    values = _by_component(arguments.by_name(values, "values", '{"x": [1, 2], "w": "1/2"}'))
    sizes = arguments.sizes(sizes)
    network = _with_free_scalars(_network(net), values, sizes)
    show = arguments.names(show, "show") or ()
    shown = {text: expression(text, network) for text in show}
    derivation = None
    if network.objective is not None:
        from symprop.derivation.reverse_sweep import backpropagate

        # Of everything that is given, not of parameters alone: adjoints are what `evaluate` is asked for. An integer
        # that may index has no slope: w**k by k would take the logarithm of w.
        given = [
            quantity.name for quantity in network.quantities.values() if quantity.is_given and not quantity.integer
        ]
        derivation = backpropagate(network, wrt=given, simplify=False)
    return Evaluation(reference.evaluate(network, values, sizes, show=shown, derivation=derivation))


_COMPONENT = re.compile(r"\s*([^\W\d]\w*)\s*\[([-+\d\s,]+)\]\s*")


def _by_component(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with single components such as ``"w[0]"`` put together under the name."""
    whole: dict[str, Any] = {}
    for key, value in values.items():
        match = _COMPONENT.fullmatch(key)
        if match is None:
            whole[key] = value
            continue
        before = values.get(match[1], {})
        if not isinstance(before, Mapping):
            raise DeclarationError(f"'{match[1]}' is given twice: as a whole, and as {key}")
        try:
            indices = tuple(int(part) for part in match[2].split(","))
        except ValueError:
            raise IndexNotationError(f"the indices of {key} are no integers", hint="Write x[1], or w[0,2].") from None
        whole[match[1]] = {**before, **whole.get(match[1], {}), indices: value}
    return whole


def _with_free_scalars(network: Network, values: Mapping[str, Any], sizes: Mapping[str, Any]) -> Network:
    """Return a network without roles with the other scalars that have a value, as more inputs."""
    from symprop.declaration.quantity import Quantity
    from symprop.declaration.sizes import size_names

    known = {*network.quantities, *size_names(network), *sizes}
    scalars = [name for name, value in values.items() if isinstance(value, str) or not hasattr(value, "__len__")]
    free = [name for name in scalars if name not in known]
    if network.declares_roles or not free:
        return network
    return replace(network, quantities={**network.quantities, **{name: Quantity(name, "input") for name in free}})


@arguments.verb
def compile(
    net: Network | str,
    sizes: Mapping[str, Any] | None = None,
    dtype: str = "float64",
    target: str = "numba",
    reduction: str = "mean",
    optimizer: str | Optimizer | None = None,
    wrt: Sequence[str] | str | None = None,
    of: str | None = None,
) -> Functions:
    """Return compiled functions of a network: ``forward``, ``gradient``, ``initialize``; see `runtime.load`.

    Parameters
    ----------
    net : Network or str
    sizes : mapping of str to int, optional
        Sizes may be left to the arrays.
    dtype : str
        ``float64`` or ``float32``.
    target : str
        ``numba`` or ``numpy``.
    reduction : str
        ``mean`` or ``sum`` over the examples, if the network has no batch index.
    optimizer : str or Optimizer, optional
        What `Functions.run` trains with; None means the one that the network brings, if it does.
    wrt : sequence of str, or str, optional
        By what ``gradient`` differentiates; None means every parameter.
    of : str, optional
        The scalar to differentiate; None means the objective.
    """
    from symprop.runtime import load as loading

    return loading.compile(net, arguments.sizes(sizes), dtype, target, reduction, optimizer, wrt, of)


def _no_size(name: str, network: Network) -> DeclarationError:
    from symprop.declaration.sizes import size_names

    known = size_names(network)
    close = nearest(name, known)
    hint = f"Did you mean '{close}'?" if close else f"Its sizes are {', '.join(known)}." if known else "It has none."
    return DeclarationError(f"the network has no size '{name}'", hint=hint)


@arguments.verb
def generate(
    net: Network | str,
    target: str = "numba",
    sizes: Mapping[str, Any] | None = None,
    dtype: str = "float64",
    reduction: str = "mean",
    optimizer: str | Optimizer | None = None,
    wrt: Sequence[str] | str | None = None,
    of: str | None = None,
) -> str:
    """Return a stand-alone module as text: it needs numpy (and numba), not symprop.

    Parameters
    ----------
    net, target, dtype, reduction, optimizer, wrt, of
        As for `compile`.
    sizes : mapping of str to int, optional
        Sizes to define once and for all; others follow from the arrays or are given to the module's functions.
    """
    from symprop.runtime.load import module_text

    network = _network(net)
    sizes = arguments.sizes(sizes)
    for name in sizes:
        if name not in network.sizes:
            raise _no_size(name, network)
    layered = {name: value for name, value in sizes.items() if not hasattr(value, "__index__")}
    single = [f"size {name} = {value}" for name, value in sizes.items() if name not in layered]
    if single:
        network = parse("\n".join([network.text, *single]))
    return module_text(network, dtype, target, reduction, optimizer, wrt, of, layered)


@arguments.verb
def graph(net: Network | str, form: str = "dot") -> str:
    """Return the computational graph of the equations, as text for Graphviz (``dot``) or ``mermaid``."""
    from symprop.rendering import graph as graphs

    arguments.choice("form", form, graphs.FORMS)
    return graphs.to_dot(_network(net)) if form == "dot" else graphs.to_mermaid(_network(net))


@arguments.verb
def check(net: Network | str, claims: str, seed: int = 0) -> Report:
    """Judge the lines of a hand derivation.

    Parameters
    ----------
    net : Network or str
    claims : str
        One or several lines, such as ``dJ/dw[i] = (y - t)*x[i]``.
    seed : int
        Of the random sizes and points.

    Returns
    -------
    Report
        With ``.verdict`` and ``.lines``; a line that cannot be read is an error of that line alone.
    """
    from symprop.verification.report import check as check_lines

    arguments.integer("seed", seed, 0)
    return check_lines(_network(net), arguments.claims(claims), seed)


@arguments.verb
def equal(left: str, right: str, seed: int = 0) -> Verdict:
    """Judge whether two scalar expressions in real variables are equal wherever both are defined.

    Raises
    ------
    SympropError
        If one of them cannot be read.
    """
    from symprop.verification.report import equal as equal_expressions

    for side in (left, right):
        arguments.text(side, "an expression", '"(1 + tanh(x/2))/2"')
    arguments.integer("seed", seed, 0)
    return equal_expressions(left, right, seed)
