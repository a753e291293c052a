"""The optimiser that a text may bring: ``optimizer momentum``, what it is made of, and its updates.

```
optimizer momentum
hyperparameter lr = 0.1, beta = 0.9
state v = 0
v <- beta*v - lr*g
theta <- theta + v
```

The block ends with the first statement that is none of these. Its names are its own: a ``beta`` in it is not that of
the network. What it says is a row of `algebra.optimizers`, and nothing else.
"""

from __future__ import annotations

from fractions import Fraction

from symprop.algebra.expressions import Expr, Number, call
from symprop.algebra.optimizers import GIVEN, Optimizer
from symprop.declaration.resolve import Resolver
from symprop.declaration.scope import Known, Scope, Statement
from symprop.declaration.source import Source, Span
from symprop.declaration.syntax import Syntax
from symprop.errors import DeclarationError, NotationError, SympropError, nearest


def split_optimizer(source: Source, statements: list[Statement]) -> tuple[list[Statement], Optimizer | None]:
    """Return the statements of the network, and the optimiser that the others make up, or None.

    Raises
    ------
    NotationError, DeclarationError
        If there are two optimisers, one is not complete, or reads a name that it does not define.
    """
    network: list[Statement] = []
    block: list[Statement] = []
    is_open = False
    for statement in statements:
        kind = statement.syntax.kind
        if kind == "optimizer":
            if block:
                place = _at(statement, statement.syntax)
                raise source.error(
                    DeclarationError, "there are two optimizers", place, f"The first stands on line {block[0].line}."
                )
            is_open = True
        elif kind in ("state", "update"):
            if not is_open:
                raise source.error(
                    NotationError,
                    f"{'an update' if kind == 'update' else 'a state'} belongs to an optimizer",
                    _at(statement, statement.syntax.parts[0]),
                    "Write optimizer NAME before it, or = to define a quantity.",
                )
        elif not (is_open and kind == "role" and statement.syntax.value[0] == "hyperparameter"):
            is_open = False
        (block if is_open else network).append(statement)
    return network, _Updates(source, block).optimizer() if block else None


def _at(statement: Statement, syntax: Syntax) -> Span:
    return Span(statement.span.start + syntax.start, statement.span.start + syntax.name_end)


class _UpdateResolver(Resolver):
    """Reads the right side of an update, in which ``norm(e)`` is over all parameters."""

    def _call(self, syntax: Syntax) -> Expr:
        if syntax.value == ("norm", ()):
            (inner,) = self.arguments(syntax, 1)
            return call("norm", self.value(inner))
        return super()._call(syntax)

    def _unknown_name(self, syntax: Syntax) -> SympropError:
        name = syntax.value
        near = nearest(name, self.scope.quantities)
        hint = f"It has {', '.join(self.scope.quantities)}. What is kept from step to step: state {name} = 0."
        if near is not None:
            hint = f"Did you mean '{near}'?"
        return self.error(DeclarationError, f"the optimizer has no '{name}'", self.at_name(syntax), hint)


class _Updates:
    """Reads one optimiser."""

    def __init__(self, source: Source, block: list[Statement]) -> None:
        self.source = source
        self.first, *self.rest = block
        self.scope = Scope(source)
        for name in GIVEN:
            self.scope.quantities[name] = Known(0, name, "given", 0)
        self.hyperparameters: dict[str, Fraction] = {}
        self.state: dict[str, Fraction] = {}
        self.updates: list[tuple[str, Expr]] = []

    def optimizer(self) -> Optimizer:
        """Return the optimiser."""
        for statement in self.rest:
            match statement.syntax.kind:
                case "role":
                    for item in statement.syntax.parts:
                        self.declare(statement, item.parts[0], item.parts[1:], self.hyperparameters, "hyperparameter")
                case "state":
                    for item in statement.syntax.parts:
                        self.declare(statement, item, item.parts, self.state, "state")
        for statement in self.rest:
            if statement.syntax.kind == "update":
                self.update(statement)
        name = self.first.syntax.parts[0]
        if not any(target == "theta" for target, _ in self.updates):
            raise self.error(
                f"the optimizer '{name.value}' never changes theta",
                self.first,
                name,
                "End with an update such as theta <- theta - lr*g.",
            )
        if "lr" not in self.hyperparameters:
            raise self.error(
                f"the optimizer '{name.value}' has no lr, the size of a step",
                self.first,
                name,
                "Write hyperparameter lr = 0.01 below it.",
            )
        where = f"the network's text, line {self.first.line}"
        return Optimizer(name.value, self.hyperparameters, self.state, tuple(self.updates), where)

    def declare(
        self, statement: Statement, target: Syntax, values: list[Syntax], into: dict[str, Fraction], kind: str
    ) -> None:
        name = target.value
        if target.kind not in ("name", "declared_state"):
            raise self.error(f"a {kind} of an optimizer is a scalar", statement, target)
        if name in self.scope.quantities:
            raise self.error(
                f"'{name}' is {'given' if name in GIVEN else 'declared twice'}",
                statement,
                target,
                "g is the gradient, theta the parameter, step counts from 1." if name in GIVEN else None,
            )
        value = Resolver(self.scope, statement.span).value(values[0]) if values else None
        if not isinstance(value, Number):
            raise self.error(f"the {kind} '{name}' needs a number", statement, target, f"Write {kind} {name} = 0.")
        self.scope.quantities[name] = Known(0, name, "declared", statement.line)
        into[name] = value.value

    def update(self, statement: Statement) -> None:
        target, right = statement.syntax.parts
        name = target.value
        if name in self.hyperparameters or name == "step":
            raise self.error(f"'{name}' is the same in every step", statement, target, "Choose another name.")
        expression = _UpdateResolver(self.scope, statement.span).value(right)
        self.scope.quantities.setdefault(name, Known(0, name, "defined", statement.line))
        self.updates.append((name, expression))

    def error(self, message: str, statement: Statement, syntax: Syntax, hint: str | None = None) -> SympropError:
        return self.source.error(DeclarationError, message, _at(statement, syntax), hint)
