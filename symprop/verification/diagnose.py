"""Which slip explains a wrong claim?  The derivation is replayed with known slips, and numbers are compared.

Each stage of the true derivation (one adjoint, written in those before it) is changed by one slip after another; the
stages below are written out, those above are already computed.  A slip whose result has the claim's numbers at every
probed entry and point explains it.  The other way round, a slip that makes the claim true is one that the claim has.
Two slips are met in the middle: one made in the true derivation, one undone in the claim.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Add,
    Bound,
    Derivative,
    Expr,
    Index,
    Number,
    Reduction,
    Size,
    free_indices,
    mul,
    names_of,
    power,
    substitute,
    walk,
)
from symprop.errors import SympropError
from symprop.verification.judge import Draw, Judge, Question, replaced, size_of, within_bounds
from symprop.verification.slips import Slip, Slips

if TYPE_CHECKING:
    from symprop.verification.claims import Claim

# Two arrays whose entries agree to this relative difference are the same expression, as far as a slip goes.
SAME = 1e-8

LARGEST_STAGE = 300  # nodes
MOST_STAGES = 14
MOST_SLIPS = 1500
MOST_MARKS = 100_000  # expressions in slips that are kept from claim to claim
TIME_LIMIT = 2.0  # seconds for one slip
LEFT_OUT_TIME = 0.3
ROUNDED = 0.005  # of a number: what is farther from the truth is more than rounded
PAIR_TIME = 1.0  # seconds more for two

# Of equally short explanations the first is given: what is most specific stands first.
ORDER = (
    "learning-rate-in-gradient",
    "averaged",
    "sign",
    "constant-factor",
    "activation-derivative",
    "wrong-layer",
    "transposed",
    "index-shift",
    "power",
    "missing-factor",
    "extra-factor",
    "dropped-term",
    "sum-misplaced",
    "wrong-index",
    "wrong-quantity",
    "missing-sum",
    "extra-sum",
    "stopped-early",
    "unrecognised",
)


RANK = {kind: place for place, kind in enumerate(ORDER)}
# How many slips are tried that are less specific than one that explains the claim already.
LESS_SPECIFIC = 40

# Slips that are found by undoing them in a claim.
MENDABLE = ("sign", "transposed", "wrong-index", "index-shift", "wrong-quantity", "wrong-layer", "missing-factor",
            "extra-factor", "learning-rate-in-gradient", "constant-factor", "averaged", "power")  # fmt: skip

# Explanations that need no other beside them.
PLAIN = ("sign", "constant-factor", "averaged", "learning-rate-in-gradient")


@dataclass(frozen=True)
class Diagnosis:
    """What went wrong, as far as it is known.

    Attributes
    ----------
    kind : str
        One of the kinds of the documentation, or ``unrecognised``.
    message : str
        For the person who wrote the line.
    slips : tuple of Slip
        What was changed, in order; empty where the kind needs none.
    also : tuple of str
        Kinds of explanations that are equally good.
    """

    kind: str
    message: str
    slips: tuple[Slip, ...] = ()
    also: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, str]:
        """Return kind and message."""
        return {"kind": self.kind, "message": self.message}


@dataclass(frozen=True)
class Stage:
    """One line of the true derivation, and what the claimed quantity is in terms of it.

    Attributes
    ----------
    line : tuple of Expr
        Its two sides, as they are shown.
    outer : Expr
        The claimed quantity with the stages below written out, and this one by name.
    name : str
        Which name this stage defines; empty if `fragment` is the whole.
    indices : tuple of Expr
        Its indices in `fragment`.
    fragment : Expr
        Its right side.
    bounds : tuple of Bound
        Ranges of its indices.
    """

    line: tuple[Expr, Expr]
    outer: Expr
    name: str
    indices: tuple[Expr, ...]
    fragment: Expr
    bounds: tuple[Bound, ...]

    def with_fragment(self, fragment: Expr) -> Expr:
        """Return the claimed quantity with another right side of this stage."""
        if not self.name:
            return fragment
        mapping: dict[Expr, Expr] = {}
        for node in walk(self.outer):
            if isinstance(node, Access) and node.name == self.name:
                mapping[node] = substitute(fragment, dict(zip(self.indices, node.indices, strict=True)))
        return replaced(self.outer, mapping)


@dataclass
class _Candidate:
    slip: Slip
    stage: Stage | None  # None: the slip is in the claim
    expr: Expr
    values: Any = field(default=None, repr=False)
    draw: Draw | None = field(default=None, repr=False)  # at which it has these values


class _Pair(NamedTuple):
    """Two slips, and how they make a claim: one undone, on different factors or terms, one after the other."""

    one: _Candidate
    other: _Candidate
    how: str


class Diagnoser:
    """Finds slips in claims about the network of one judge."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def token(self, expr: Expr) -> str:
        """Return a mark that stands for an expression: of hundreds of slips only one or two are ever said."""
        self.judge.marks[id(expr)] = expr  # which keeps it alive, and its identity unique
        return f"⟦{id(expr)}⟧"

    def said(self, text: str) -> str:
        """Return a text with every mark replaced by the expression as people write it."""
        return re.sub("⟦(\\d+)⟧", lambda match: self.judge.shown(self.judge.marks[int(match[1])]), text)

    def spoken(self, slip: Slip) -> Slip:
        """Return a slip in words."""
        return replace(slip, what=self.said(slip.what), undone=self.said(slip.undone))

    # -- stages of the true derivation ---------------------------------------------------------------------------

    def stages(self, left: Expr) -> Iterator[Stage]:
        """Yield the stages of the derivation of what a claim is about, from the claimed quantity back."""
        judge = self.judge
        if isinstance(left, Derivative) and left.kind == "P":
            truth = judge.without_operators(left)
            yield Stage((left, truth), truth, "", (), truth, ())
            settled = judge.textbook(truth)
            if settled is not truth:
                yield Stage((left, settled), settled, "", (), settled, ())
            return
        expr = judge.without_operators(left)
        done: set[str] = set()
        for _ in range(MOST_STAGES):
            waiting = [
                node.name
                for node in walk(expr)
                if isinstance(node, Access) and node.name in judge.adjoints and node.name not in done
            ]
            if not waiting:
                break
            name = waiting[0]
            done.add(name)
            adjoint = judge.adjoints[name]
            line = (adjoint.access, adjoint.textbook)
            forms = [judge.raw(name), adjoint.expression, adjoint.textbook]
            for form in dict.fromkeys(forms):
                yield Stage(line, expr, name, adjoint.access.indices, form, adjoint.bounds)
            if name in names_of(adjoint.expression) or judge.is_recurrent(adjoint.of):
                continue
            stage = Stage(line, expr, name, adjoint.access.indices, adjoint.textbook, adjoint.bounds)
            # What a simplification skipped is in the plain form: all stages are met on the way.
            raw = stage.with_fragment(judge.raw(name))
            following = raw if size_of(raw) <= LARGEST_STAGE else stage.with_fragment(adjoint.textbook)
            if size_of(following) > LARGEST_STAGE:
                continue
            expr = following
        written = judge.adjoints_written_out(judge.without_operators(left))
        if written is not None and size_of(written) <= LARGEST_STAGE:
            yield Stage((left, written), written, "", (), written, ())
            if names_of(left) and isinstance(left, Access) and left.name in judge.network.definitions:
                out = judge.definition_written_out(written, left.name)
                if out is not None:
                    yield Stage((left, out), out, "", (), out, ())

    # -- numbers -------------------------------------------------------------------------------------------------

    def values(self, expr: Expr, question: Question, draw: Draw, condition: Expr = TRUE) -> Any:
        import numpy as np

        try:
            values = draw.probe.entries(expr, question.bounds, condition)
        except SympropError:
            return None
        return np.asarray(values)

    def same(self, values: Any, wanted: Any, question: Question) -> bool:
        """Whether two arrays of entries have the same numbers wherever the wanted one has any."""
        import numpy as np

        if values is None or wanted is None:
            return False
        need = np.isfinite(wanted)
        if not need.any() or not np.isfinite(values[need]).all():
            return False
        one, other = values[need], wanted[need]
        distance = np.abs(one - other)
        if question.tolerance is not None:
            return bool((distance <= float(question.tolerance)).all())
        size = np.maximum(np.abs(one), np.abs(other))
        strict = distance <= SAME * size
        # Rounding may spoil entries that are small beside the others, but not most of them.
        return bool((strict | (distance <= 1e-13 * (1 + np.median(size)))).all() and strict.mean() > 0.7)

    # -- the search ----------------------------------------------------------------------------------------------

    def diagnose(self, question: Question, claim: Claim | None = None) -> Diagnosis:
        """Return the best explanation of a claim that was found wrong."""
        found = self.explanation(question, claim)
        return replace(found, message=self.judge.with_letters(found.message, primes=True))

    def explanation(self, question: Question, claim: Claim | None = None) -> Diagnosis:
        """Return the best explanation of a wrong claim, with indices as the derivation names them."""
        deadline = self.judge.deadline(TIME_LIMIT)
        judge = self.judge
        judge.forget_slips(MOST_MARKS)
        prepared = judge.prepared(question)
        claimed_expr = judge.with_definitions(prepared.right)
        for draw in (judge.gentle(question), judge.drawn(question)[0]):
            judge.with_free(draw, 0, question.free)
            draw.probe.memo.clear()
            truth = self.values(prepared.left, question, draw, question.condition)
            claimed = self.values(claimed_expr, question, draw, question.condition)
            if not self.same(truth, claimed, question):
                break
        else:
            return Diagnosis(
                "unrecognised",
                "Right at ordinary values and sizes, and wrong at others: compare both sides at the point given.",
            )
        if truth is None or claimed is None:
            if not question.least_sizes:
                return self.explanation(replace(question, least_sizes=True), claim)
            return Diagnosis("unrecognised", "No known slip explains this line.")
        found = (
            self.by_spelling(question, claimed_expr, truth, draw)
            or self.by_ratio(question, prepared, truth, claimed, draw)
            or self.by_transposing(question, claimed_expr, truth, draw)
        )
        if found is not None:
            return found
        rounded = self.by_rounding(question, truth, claimed)
        if rounded is not None:
            return rounded
        condition = self.by_condition(question)
        if condition is not None and condition.kind == "condition":
            return condition
        true_slips = self.made_in_truth(question, draw, deadline)
        claim_slips = self.made_in_claim(question, claimed_expr, draw, deadline)
        explained = self.explaining(question, true_slips, claim_slips, truth, claimed, draw, deadline)
        explained = self.holding(explained, question, prepared, claimed_expr)
        if not explained or RANK.get(explained[0].slip.kind, 99) >= RANK["wrong-quantity"]:
            explained += self.other_quantities(question, prepared, claimed, draw)
        if explained:
            best = self.best(explained, question)
            if condition is not None and best.kind == "transposed" and self.both_orders(question):
                return replace(condition, kind="condition")
            return best
        if condition is not None:
            return replace(condition, kind="condition")
        lacking = self.left_out(question, claimed_expr, truth, draw)
        if lacking is not None:
            return lacking
        pair = self.pairs(question, prepared, truth, claimed, true_slips, claim_slips, draw)
        if pair is not None:
            return pair
        expected = judge.expected(question.left, question)
        return Diagnosis(
            "unrecognised", f"No known slip, and no two, explain this line. Compare it with {expected}, term by term."
        )

    def by_rounding(self, question: Question, truth: Any, claimed: Any) -> Diagnosis | None:
        """Explain a number that is right but for its last digits."""
        import numpy as np

        unit = question.tolerance
        if unit is None or not question.point or self.judge.leaves_open(question):
            return None
        true, said = float(np.ravel(truth)[0]), float(np.ravel(claimed)[0])
        if not 0 < abs(said - true) <= ROUNDED * abs(true) or abs(true) < 20 * unit:
            return None
        digits = max(0, -math.floor(math.log10(unit) + 1e-9))
        return Diagnosis(
            "unrecognised",
            "The first digits are right, the last are not: something was rounded on the way. "
            f"Right is {true:.{digits}f}.",
        )

    def elsewhere(self, question: Question) -> Draw | None:
        """Return points at other sizes, at which an explanation must hold too."""
        draw = next(iter(self.judge.elsewhere(question)), None)
        if draw is not None:
            self.judge.with_free(draw, 0, question.free)
            draw.probe.memo.clear()
        return draw

    def holding(
        self, explained: list[_Candidate], question: Question, prepared: Question, claimed: Expr
    ) -> list[_Candidate]:
        """Return the explanations that reproduce a claim at other sizes too."""
        draw = self.elsewhere(question) if explained else None
        if draw is None:
            return explained
        truth, wanted = self.values(prepared.left, question, draw), self.values(claimed, question, draw)
        if truth is None or wanted is None:
            return explained
        return [
            one
            for one in explained
            if self.same(self.values(one.expr, question, draw), wanted if one.stage is not None else truth, question)
        ]

    def explaining(
        self,
        question: Question,
        true_slips: list[_Candidate],
        claim_slips: list[_Candidate],
        truth: Any,
        claimed: Any,
        draw: Draw,
        deadline: float,
    ) -> list[_Candidate]:
        """Return the slips that explain a claim, the most specific first; of less specific ones only the likeliest."""
        found: list[_Candidate] = []
        best, left = 99, LESS_SPECIFIC
        for candidate in sorted((*true_slips, *claim_slips), key=lambda each: RANK.get(each.slip.kind, 99)):
            if self.judge.is_over(min(deadline + 0.5, self.judge.until)):
                break
            rank = RANK.get(candidate.slip.kind, 99)
            if rank > best:
                left -= 1
                if left < 0:
                    break
            if candidate.draw is not draw:
                candidate.values, candidate.draw = self.values(candidate.expr, question, draw), draw
            wanted = claimed if candidate.stage is not None else truth
            if self.same(candidate.values, wanted, question):
                found.append(candidate)
                best = min(best, rank)
        return found

    def by_ratio(
        self, question: Question, prepared: Question, truth: Any, claimed: Any, draw: Draw
    ) -> Diagnosis | None:
        """Explain a claim that is a constant times the truth."""
        import numpy as np

        judge = self.judge
        finite = np.isfinite(truth) & np.isfinite(claimed)
        # Entries that are tiny beside the others may be rounding.
        typical = np.median(np.abs(truth[finite])) if finite.any() else 0.0
        need = finite & (np.abs(truth) > 1e-6 * typical)
        if (
            not need.any()
            or (np.isfinite(truth) & np.isfinite(claimed) & (truth == 0) & (np.abs(claimed) > 1e-9)).any()
        ):
            return None
        with np.errstate(all="ignore"):
            ratio = np.where(need, claimed / np.where(need, truth, 1), np.nan)
        some = ratio[need]
        fixed = bool(question.point) and not judge.leaves_open(question)
        expected = judge.expected(question.left, question)
        if (some == 0).all() and not question.point:
            shown = judge.shown(question.left)
            return Diagnosis("dropped-term", f"This is 0, and {shown} is not: it is {expected}.")
        # Where a function is flat, its derivative has few digits that are right: the middle of the ratios has them all.
        middle = float(np.median(some))
        slack = 1e-7 * abs(middle)
        if question.tolerance is not None:
            slack += float(question.tolerance) / np.abs(truth[need]).min()
        if np.abs(some - middle).max() <= slack or self.same(truth * middle, claimed, question):
            varied = self.factor_in_sizes(question, prepared, middle, draw) if not fixed else None
            if varied is False:
                return None  # at other sizes it is no constant
            if isinstance(varied, Diagnosis):
                return varied
            constant = Fraction(middle).limit_denominator(64)
            if abs(float(constant) - middle) <= slack + 1e-9 and constant not in (0, 1):
                if constant == -1:
                    return Diagnosis(
                        "sign", f"The sign is the wrong way round: it is {expected}.{self.sign_hint(question)}"
                    )
                if fixed and constant not in (2, Fraction(1, 2), -2, Fraction(-1, 2)):
                    return None
                return Diagnosis("constant-factor", f"This is {constant} times what is right: it is {expected}.")
            if fixed:
                return None
        # A free scalar that the claim has too much: its ratio is another at every point.
        for name in question.free:
            values = self.values(Access(name, ()), question, draw)
            if values is None:
                continue
            values = np.broadcast_to(values, ratio.shape)
            for sign in (1, -1):
                if self.same(truth * sign * values, claimed, question):
                    extra = " The sign is turned as well." if sign < 0 else ""
                    return Diagnosis(
                        "learning-rate-in-gradient",
                        f"The factor {name} belongs to the update rule and not to the derivative, which is "
                        f"{expected}.{extra}",
                    )
        return None

    def by_spelling(self, question: Question, claimed: Expr, truth: Any, draw: Draw) -> Diagnosis | None:
        """Explain a claim that is right with a name of the network for one that it does not have."""
        for name in question.free:
            for known in self.slips(question).alike[name]:
                mended = substitute(claimed, {Access(name, ()): Access(known, ())})
                if self.same(self.values(mended, question, draw), truth, question):
                    return Diagnosis(
                        "wrong-quantity",
                        f"The network has no {name}, so that it could be any number. With {known} for {name} the line "
                        "is right.",
                    )
        return None

    def by_transposing(self, question: Question, claimed: Expr, truth: Any, draw: Draw) -> Diagnosis | None:
        """Explain the transpose of the derivative by a square matrix."""
        left = question.left
        if not isinstance(left, Derivative) or len(left.by.indices) != 2 or left.of.indices:
            return None
        one, other = left.by.indices
        ranges = {bound.index: (bound.lower, bound.upper) for bound in question.bounds}
        if one is other or not isinstance(one, Index) or not isinstance(other, Index):
            return None
        if one not in ranges or ranges[one] != ranges.get(other):
            return None
        turned = substitute(claimed, {one: other, other: one})
        if not self.same(self.values(turned, question, draw), truth, question):
            return None
        return Diagnosis(
            "transposed",
            f"This is the transpose, the derivative by {left.by.name}[{other},{one}]: it is "
            f"{self.judge.expected(left, question)}. It would stand in the layout in which a derivative by a matrix "
            "has the shape of its transpose.",
        )

    def sign_hint(self, question: Question) -> str:
        objective = self.judge.network.objective
        names = {node.of.name for node in walk(question.left) if isinstance(node, Derivative)}
        if objective is not None and objective.sense == "maximize" and objective.name in names:
            return f" ({objective.name} is maximised here; for the loss -{objective.name} your line would be right.)"
        return ""

    def bounds_in(self, prepared: Question) -> list[Bound]:
        found = list(prepared.bounds)
        for side in (prepared.left, prepared.right):
            for node in walk(side):
                if isinstance(node, Reduction):
                    found += node.bounds
        for adjoint in self.judge.adjoints.values():
            found += adjoint.bounds
        return list(dict.fromkeys(found))

    def ratio(self, question: Question, prepared: Question, draw: Draw) -> float | None:
        """Return the constant by which a claim differs from the truth at some sizes, if it is one there."""
        import numpy as np

        self.judge.with_free(draw, 0, question.free)
        truth = self.values(prepared.left, question, draw)
        claimed = self.values(self.judge.with_definitions(prepared.right), question, draw)
        if truth is None or claimed is None:
            return None
        need = np.isfinite(truth) & np.isfinite(claimed) & (np.abs(truth) > 1e-6 * np.median(np.abs(truth)))
        if not need.any():
            return None
        middle = float(np.median(claimed[need] / truth[need]))
        return middle if self.same(truth * middle, claimed, question) else None

    def factor_in_sizes(
        self, question: Question, prepared: Question, ratio: float, draw: Draw
    ) -> Diagnosis | bool | None:
        """Explain a ratio that sizes change, as powers of them; False if that is not all, None if none changes it."""
        ratios = [(draw, ratio)]
        for other in self.judge.elsewhere(question):
            found = self.ratio(question, prepared, other)
            if found is None:
                return False
            ratios.append((other, found))
        if all(abs(found - ratio) <= 1e-6 * abs(ratio) for _, found in ratios):
            return None
        lengths: dict[Expr, list[float]] = {}
        for factor in self.lengths(prepared, draw):
            values = [self.values(factor, question, one) for one, _ in ratios]
            if all(value is not None for value in values):
                lengths[factor] = [float(value.flat[0]) for value in values]
        single = [(factor, Fraction(n, 2)) for n in (2, -2, 1, -1, 4, -4) for factor in lengths]
        both = [(one, other) for one in single for other in single if str(one[0]) < str(other[0])]
        expected = self.judge.expected(question.left, question)
        for chosen in (*((one,) for one in single), *both):
            constants = [found for _, found in ratios]
            for factor, exponent in chosen:
                constants = [
                    c / length ** float(exponent) for c, length in zip(constants, lengths[factor], strict=True)
                ]
            constant = Fraction(constants[0]).limit_denominator(12)
            if constant == 0 or any(abs(c - float(constant)) > 1e-6 * abs(float(constant)) for c in constants):
                continue
            chosen = tuple(sorted(chosen, key=lambda one: -one[1]))
            factor, exponent = chosen[0]
            told = mul(Number(constant), *(power(one, Number(other)) for one, other in chosen))
            if len(chosen) > 1 or abs(exponent) != 1:
                return Diagnosis(
                    "constant-factor", f"This is {told} times what is right: it is {expected}.", also=("averaged",)
                )
            word, extra = ("divided" if exponent < 0 else "multiplied"), ""
            if constant == -1:
                extra = " The sign is turned as well."
            elif constant != 1:
                extra = " A constant is wrong as well."
            shown = f"({factor})" if isinstance(factor, Add) else str(factor)
            first = f"This is {word} by {shown}" if abs(constant) == 1 else f"This is {told} times what is right"
            why = ""
            if self.counts(factor, prepared):
                why = f": the sum over the {shown} terms and their mean are taken for one another"
            return Diagnosis("averaged", f"{first}{why}. It is {expected}.{extra}")
        return False

    def lengths(self, prepared: Question, draw: Draw) -> list[Expr]:
        """Return the sizes, and the lengths of sums, that a claim may have too much or too little."""
        found: list[Expr] = [Size(name) for name, value in draw.probe.sizes.items() if isinstance(value, int)]
        for bound in self.bounds_in(prepared):
            extent = bound.upper - bound.lower + ONE
            if not free_indices(extent) and not isinstance(extent, (Size, Number)):
                found.append(extent)
        return list(dict.fromkeys(found))

    def counts(self, length: Expr, prepared: Question) -> bool:
        """Whether the truth sums over so many terms, or divides by their number."""
        truth = self.judge.adjoints_written_out(prepared.left) or prepared.left
        return any(
            node == length
            or (isinstance(node, Reduction) and any(b.upper - b.lower + ONE == length for b in node.bounds))
            for node in walk(truth)
        )

    # Conditions.

    def by_condition(self, question: Question) -> Diagnosis | None:
        """Explain a claim that is right only under a condition that the network does not state."""
        for kind, words, facts, condition in self.judge.conditions(question):
            if self.judge.holds_under(question, words, condition):
                return Diagnosis(
                    kind,
                    f"This is right only if {words}, which the network does not say."
                    + (f" If it is so, add: assume {facts}." if facts else ""),
                )
        return None

    def both_orders(self, question: Question) -> bool:
        """Whether the truth reads one matrix in both orders of its indices, as the gradient of x'Wx does."""
        truth = self.judge.adjoints_written_out(self.judge.without_operators(question.left))
        if truth is None:
            return False
        shapes: dict[str, set[tuple[Expr, ...]]] = {}
        for node in walk(truth):
            if isinstance(node, Access) and len(node.indices) == 2:
                shapes.setdefault(node.name, set()).add(node.indices)
        patterns = [
            [tuple(i in free_indices(question.left) for i in each) for each in found] for found in shapes.values()
        ]
        return any(len(set(each)) > 1 for each in patterns)

    # Slips.

    def slips(self, question: Question) -> Slips:
        from symprop.declaration.quantity import Axis

        judge = self.judge
        key = ("maker", question.free, len(judge.adjoints))
        known: Slips | None = judge.slips.get(key)
        if known is not None:
            return known
        adjoints = {
            name: (adjoint.of, tuple(Axis(b.index, b.lower, b.upper) for b in adjoint.bounds))
            for name, adjoint in judge.adjoints.items()
        }
        made = judge.slips[key] = Slips(judge.network, adjoints, question.free, self.token, self.direct)
        return made

    def direct(self, adjoint: Access, bounds: tuple[Bound, ...]) -> Expr:
        """Return what an adjoint is along the one equation that defines the objective: where a path stops."""
        judge = self.judge
        of = judge.numerators[adjoint.name]
        if judge.original.quantities[of].axes or judge.adjoints[adjoint.name].of == of:
            return adjoint
        by = Access(judge.adjoints[adjoint.name].of, adjoint.indices)
        return within_bounds(judge.local(Derivative("P", Access(of, ()), by)), bounds)

    def made_in_truth(self, question: Question, draw: Draw, deadline: float) -> list[_Candidate]:
        key = (question.left, question.bounds, question.free)
        known = self.judge.slips.get(key)
        if known is not None:
            return known
        maker = self.slips(question)
        # Of slips with the same result the most specific is kept.
        found: dict[Expr, _Candidate] = {}
        for stage in self.stages(question.left):
            bounds = stage.bounds or question.bounds
            for slip in maker.at(stage.fragment, bounds):
                if len(found) >= MOST_SLIPS or self.judge.is_over(deadline):
                    return list(found.values())
                expr = stage.with_fragment(slip.result)
                known = found.get(expr)
                if expr is ZERO or (known and RANK.get(known.slip.kind, 99) <= RANK.get(slip.kind, 99)):
                    continue
                found[expr] = _Candidate(slip, stage, expr)
        made = self.judge.slips[key] = list(found.values())
        return made

    def made_in_claim(self, question: Question, claimed: Expr, draw: Draw, deadline: float) -> list[_Candidate]:
        maker = self.slips(question)
        seen: set[Expr] = set()
        result: list[_Candidate] = []
        for form in dict.fromkeys((claimed, self.judge.without_operators(question.right))):
            for slip in maker.at(form, question.bounds):
                if len(result) >= MOST_SLIPS:
                    return result
                if (
                    slip.result in seen
                    or slip.result is ZERO
                    or (slip.kind == "power" and isinstance(slip.part, Access))
                ):
                    continue
                seen.add(slip.result)
                slip = inverted(slip)
                result.append(_Candidate(slip, None, slip.result))
        return result

    def left_out(self, question: Question, claimed: Expr, truth: Any, draw: Draw) -> Diagnosis | None:
        """Explain a claim that is another way to write the truth, with something left out."""
        deadline = self.judge.deadline(LEFT_OUT_TIME)
        for slip in self.slips(question).left_out(claimed, question.bounds):
            if self.judge.is_over(deadline):
                return None
            if self.same(self.values(slip.result, question, draw), truth, question):
                return self.best([_Candidate(slip, None, slip.result)], question)
        return None

    def other_quantities(self, question: Question, prepared: Question, claimed: Any, draw: Draw) -> list[_Candidate]:
        """The claim may be right about something else: another derivative, or one that stops on the way."""
        judge = self.judge
        left = question.left
        if not isinstance(left, Derivative):
            return []
        found: list[_Candidate] = []
        free = set(free_indices(left))
        others: list[Derivative] = []
        network = judge.network
        for name, equations in network.definitions.items():
            for equation in equations:
                for read in sorted(names_of(equation.expression)):
                    if read in network.quantities:
                        others.append(Derivative("P", network.quantities[name].access, network.quantities[read].access))
        far = self.elsewhere(question)
        wanted = None if far is None else self.values(judge.with_definitions(prepared.right), question, far)
        others += [Derivative("D", left.of, q.access) for q in network.quantities.values()]
        others += [
            Derivative("D", q.access, left.by)
            for q in network.quantities.values()
            if q.role == "defined" and not q.axes and q.name != left.by.name
        ]
        for other in others:
            if other == left or not free_indices(other) <= free:
                continue
            try:
                expr = judge.without_operators(other)
            except SympropError:
                continue
            values = self.values(expr, question, draw)
            if not self.same(values, claimed, question):
                continue
            if far is None or wanted is None or self.same(self.values(expr, question, far), wanted, question):
                shown = judge.shown(other)
                kind = "stopped-early" if other.kind == "D" and other.of == left.of else "wrong-quantity"
                slip = Slip(
                    kind, f"this is {shown}", f"this is {shown}, and {judge.shown(left)} is asked for", expr, other
                )
                found.append(_Candidate(slip, None, expr))
        return found

    def best(self, explained: Sequence[_Candidate], question: Question) -> Diagnosis:

        def order(candidate: _Candidate) -> tuple[int, bool, bool, int]:
            whole = candidate.stage is None or not candidate.stage.name
            return (RANK.get(candidate.slip.kind, 99), candidate.stage is None, whole, len(candidate.slip.what))

        ordered = sorted(explained, key=order)
        best = ordered[0]
        also = tuple(dict.fromkeys(c.slip.kind for c in ordered if c.slip.kind != best.slip.kind))
        message = self.sentence(best)
        other = next((c for c in ordered if c.slip.kind != best.slip.kind), None)
        if best.slip.kind in PLAIN:
            other = None
        if other is not None:
            message += f" Equally well: {self.core(other)}."
        return Diagnosis(best.slip.kind, message, (self.spoken(best.slip),), also)

    def core(self, candidate: _Candidate) -> str:
        slip = candidate.slip
        return self.said(slip.what if candidate.stage is not None else slip.undone or slip.what)

    def sentence(self, candidate: _Candidate) -> str:
        core = self.core(candidate)
        # A formula keeps its first letter as it is.
        text = f"{core[0].upper()}{core[1:]}." if core.startswith(("the ", "this ")) else f"Here {core}."
        if candidate.stage is not None:
            left, right = map(self.judge.shown, candidate.stage.line)
            text += f" Compare the line {left} = {right}."
        return text

    # Two slips.

    def pairs(
        self,
        question: Question,
        prepared: Question,
        truth: Any,
        claimed: Any,
        true_slips: list[_Candidate],
        claim_slips: list[_Candidate],
        draw: Draw,
    ) -> Diagnosis | None:
        """Explain a claim by two slips."""
        import numpy as np

        deadline = self.judge.deadline(PAIR_TIME)
        need = np.isfinite(truth) & np.isfinite(claimed)
        places = np.flatnonzero(need.ravel())
        if not len(places):
            return None
        step = max(1, len(places) // 40)
        places = places[::step][:60]

        def table(candidates: list[_Candidate]) -> tuple[Any, list[_Candidate]]:
            valued = (c for c in candidates if c.draw is draw and c.values is not None)
            kept = [c for c in valued if np.isfinite(c.values.ravel()[places]).all()]
            rows = np.array([c.values.ravel()[places] for c in kept]) if kept else np.zeros((0, len(places)))
            return rows, kept

        wanted, base = claimed.ravel()[places], truth.ravel()[places]
        scale = np.median(np.abs(wanted)) + 1e-12
        # A slip that changes nothing is none.
        true_slips = [c for c in true_slips if c.values is not None and not self.same(c.values, truth, question)]
        claim_slips = [c for c in claim_slips if c.values is not None and not self.same(c.values, claimed, question)]
        rows, kept = table(true_slips)
        other_rows, others = table(claim_slips)
        found: list[_Pair] = []

        def close(left: Any, right: Any) -> Any:
            size = np.maximum(np.abs(left), np.abs(right)) + 1e-6 * scale
            return (np.abs(left - right) <= 1e-7 * size).all(axis=-1)

        for one, row in zip(kept, rows, strict=True):
            if self.judge.is_over(deadline) or len(found) > 12:
                break
            with np.errstate(all="ignore"):
                # One in the truth, one undone in the claim; two that act on different factors; on different terms.
                for place in np.flatnonzero(close(other_rows, row)) if len(others) else ():
                    found.append(_Pair(one, others[place], "undone"))
                for place in np.flatnonzero(close(rows * row, wanted * base)):
                    if kept[place] is not one:
                        found.append(_Pair(one, kept[place], "factors"))
                for place in np.flatnonzero(close(rows + row - base, wanted)):
                    if kept[place] is not one:
                        found.append(_Pair(one, kept[place], "terms"))
        found = self.reproducing(found, question, prepared)
        if not found:
            # What is mended in the claim by two slips has the truth's numbers, also where the claim has none.
            mendable = [c for c in claim_slips if c.slip.kind in MENDABLE]
            made = self.second_slips(question, truth, mendable, draw, self.judge.deadline(PAIR_TIME / 2), True)
            found = self.reproducing(made, question, prepared)
        if not found:
            made = self.second_slips(question, claimed, kept, draw, self.judge.deadline(PAIR_TIME / 2), False)
            found = self.reproducing(made, question, prepared)
        if not found:
            return None
        one, other, _ = min(
            found,
            key=lambda pair: (
                sum(RANK.get(c.slip.kind, 99) for c in pair[:2]),
                sum(len(c.slip.what) for c in pair[:2]),
            ),
        )
        message = f"Two slips explain this line. First: {self.sentence(one)} Second: {self.sentence(other)}"
        return Diagnosis(one.slip.kind, message, (self.spoken(one.slip), self.spoken(other.slip)), (other.slip.kind,))

    def reproducing(self, pairs: list[_Pair], question: Question, prepared: Question) -> list[_Pair]:
        """Return the pairs of slips that reproduce a claim at other sizes too."""
        draw = self.elsewhere(question) if pairs else None
        if draw is None:
            return pairs
        truth = self.values(prepared.left, question, draw)
        claimed = self.values(self.judge.with_definitions(prepared.right), question, draw)
        if truth is None or claimed is None:
            return pairs
        kept: list[_Pair] = []
        for pair in pairs:
            one, other = (self.values(each.expr, question, draw) for each in pair[:2])
            if one is None or other is None:
                continue
            match pair.how:
                case "undone":
                    holds = self.same(one, other, question)
                case "factors":
                    holds = self.same(one * other, claimed * truth, question)
                case "terms":
                    holds = self.same(one + other - truth, claimed, question)
                case "in claim":
                    holds = self.same(other, truth, question)
                case _:
                    holds = self.same(other, claimed, question)
            if holds:
                kept.append(pair)
        return kept

    def second_slips(
        self,
        question: Question,
        wanted: Any,
        kept: list[_Candidate],
        draw: Draw,
        deadline: float,
        in_claim: bool,
    ) -> list[_Pair]:
        """Make a second slip in expressions that have one; the likeliest first, as long as time allows."""
        maker = self.slips(question)
        for one in sorted(kept, key=lambda c: RANK.get(c.slip.kind, 99)):
            for slip in maker.at(one.expr, question.bounds):
                if self.judge.is_over(deadline):
                    return []
                if slip.kind in ("extra-sum", "stopped-early") or (in_claim and slip.kind not in MENDABLE):
                    continue
                values = self.values(slip.result, question, draw)
                if self.same(values, wanted, question) and not self.same(values, one.values, question):
                    second = inverted(slip) if in_claim else replace(slip, undone=slip.what)
                    return [_Pair(one, _Candidate(second, None, slip.result), "in claim" if in_claim else "in truth")]
        return []


# What a slip in the true derivation is called when it is found by undoing it in the claim.
_INVERSE = {
    "missing-factor": "extra-factor",
    "missing-sum": "extra-sum",
    "extra-sum": "missing-sum",
    "dropped-term": "unrecognised",
}


def inverted(slip: Slip) -> Slip:
    """Return a slip as it is named when undoing it mends a claim."""
    return replace(slip, kind=_INVERSE.get(slip.kind, slip.kind))


__all__ = ["Diagnoser", "Diagnosis", "Index", "Mapping", "Stage"]
