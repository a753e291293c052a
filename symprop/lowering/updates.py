"""From an optimiser's update equations to loops over all elements of the parameters."""

from __future__ import annotations

from symprop.algebra.expressions import (
    Access,
    Call,
    Compare,
    Expr,
    Junction,
    names_of,
    scalar,
    substitute,
    transform,
    walk,
)
from symprop.algebra.optimizers import Optimizer
from symprop.errors import DeclarationError, MissingRuleError
from symprop.lowering.assignments import fresh_name, in_code
from symprop.lowering.program import ELEMENT, Assign, Phase, Statement, Update


def lower_update(optimizer: Optimizer) -> Update:
    """Return the loops of an optimiser: one, and one more for each norm that needs what was computed before.

    Raises
    ------
    DeclarationError
        If it uses a name that is neither given nor a state, a hyperparameter or an earlier line's.
    MissingRuleError
        If a number of one element would have to survive until a norm over all of them is known.
    """
    return _Lowering(optimizer).update()


class _Lowering:
    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.arrays = {"g": "gradient", "theta": "parameters"} | {name: f"state_{name}" for name in optimizer.state}
        self.scalars = {*optimizer.hyperparameters, "step"}  # the same for all elements
        self.taken = {*self.arrays, *self.scalars, *self.arrays.values(), *(name for name, _ in optimizer.updates)}
        self.phases: list[Phase] = []
        self.start_phase()

    def start_phase(self) -> None:
        self.norms: dict[Expr, tuple[str, str]] = {}
        self.constants: list[Assign] = []
        self.body: list[Statement] = []
        self.loaded: set[str] = set()
        self.changed: list[str] = []
        self.temporary: set[str] = set()

    def finish_phase(self) -> None:
        stores = [Assign(Access(self.arrays[n], (ELEMENT,)), scalar(n)) for n in dict.fromkeys(self.changed)]
        loads = [Assign(scalar(n), Access(self.arrays[n], (ELEMENT,))) for n in self.arrays if n in self.loaded]
        self.phases.append(Phase(tuple(self.norms.values()), tuple(self.constants), (*loads, *self.body, *stores)))
        self.gone = self.temporary

    def update(self) -> Update:
        gone: set[str] = set()
        for target, expression in self.optimizer.updates:
            if self.body and any(_is_norm(node) for node in walk(expression)):
                self.finish_phase()
                gone |= self.temporary
                self.start_phase()
            lost = names_of(expression) & gone
            if lost:
                raise MissingRuleError(
                    f"'{sorted(lost)[0]}' of optimizer {self.optimizer.name} is needed after a norm over all elements",
                    hint="Make it a state, so that it is kept.",
                )
            expression = in_code(transform(expression, self.named_norm))
            unknown = names_of(expression) - self.scalars - set(self.arrays) - self.temporary
            if unknown:
                raise DeclarationError(f"optimizer {self.optimizer.name} does not define '{sorted(unknown)[0]}'")
            if names_of(expression) <= self.scalars and target not in self.arrays:
                self.constants.append(Assign(scalar(target), expression))
                self.scalars.add(target)
                continue
            expression = self.outside(expression)
            self.loaded |= (names_of(expression) & set(self.arrays)) - set(self.changed)
            self.body.append(Assign(scalar(target), expression))
            if target in self.arrays:
                self.changed.append(target)
            else:
                self.temporary.add(target)
        self.finish_phase()
        o = self.optimizer
        return Update(o.name, tuple(o.hyperparameters.items()), tuple(o.state.items()), tuple(self.phases))

    def named_norm(self, node: Expr) -> Expr:
        if not _is_norm(node):
            return node
        (argument,) = node.arguments  # type: ignore[attr-defined]
        if not isinstance(argument, Access) or argument.name not in self.arrays:
            raise MissingRuleError(
                f"norm({argument}) in optimizer {self.optimizer.name} is not the norm of g, theta or a state",
                hint="Make what is in it a state.",
            )
        if node not in self.norms:
            name = fresh_name(f"norm_{argument.name}", self.taken)
            self.norms[node] = (name, self.arrays[argument.name])
            self.scalars.add(name)
        return scalar(self.norms[node][0])

    def outside(self, expr: Expr) -> Expr:
        """Take out of the loop what is costly and the same for all elements: ``1 - beta1**step``."""
        found: dict[Expr, Expr] = {}

        def visit(node: Expr) -> None:
            names = names_of(node)
            if names and names <= self.scalars and not isinstance(node, (Access, Compare, Junction)):
                if node not in found:
                    known = next((a.target for a in self.constants if a.value == node), None)
                    if known is None:
                        known = scalar(fresh_name("factor", self.taken))
                        self.constants.append(Assign(known, node))
                        self.scalars.add(known.name)
                    found[node] = known
                return
            for child in node.children:
                visit(child)

        visit(expr)
        return substitute(expr, found)


def _is_norm(node: Expr) -> bool:
    return isinstance(node, Call) and node.function == "norm"
