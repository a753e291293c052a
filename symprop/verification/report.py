"""Judge the lines of a hand derivation, and say what was found: the verdict, what is right, the likely slip.

::

    claims  = read_claims(text, network)      # text    -> Claims, line by line
    verdict = Judge(network).equal(question)  # Claim   -> Verdict
    why     = Diagnoser(judge).diagnose(...)  # a wrong one -> Diagnosis
    report  = check(network, text)            # all of it -> Report

Lines are judged by the truth, and by what follows from the person's own lines before: one slip costs one line.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from symprop.algebra.expressions import (
    ONE,
    TRUE,
    ZERO,
    Access,
    Bound,
    Derivative,
    Expr,
    Index,
    Number,
    Power,
    Size,
    free_indices,
    mul,
    names_of,
    negative,
    number,
    reduce,
    substitute,
    transform,
    walk,
)
from symprop.algebra.indices import normal
from symprop.declaration.axes import shape_of
from symprop.declaration.network import Equation, Network
from symprop.declaration.quantity import Axis, Quantity
from symprop.errors import DeclarationError, SympropError
from symprop.verification.claims import Claim, Entry, Fit, read_claims
from symprop.verification.diagnose import Diagnoser, Diagnosis
from symprop.verification.judge import LINE_LIMIT, NO_LEFT_SIDE, Judge, Question, Verdict, Witness, differ
from symprop.verification.named_parts import named_parts
from symprop.verification.probe import Probe
from symprop.verification.sampling import Sampler, size_values

# Names of scalars that stand for any number where nothing defines them: rates, weights of penalties, constants.
ANY_NUMBER = frozenset(
    ("eta", "lr", "rate", "learning_rate", "alpha", "lambda", "lambda_", "lam", "gamma", "mu", "rho", "tau", "kappa",
     "beta", "eps", "c", "C", "const")
)  # fmt: skip

SEVERITY = ("refuted", "undecided", "agrees", "proved")


@dataclass(frozen=True)
class Line:
    """What was found about one line.

    Attributes
    ----------
    line : int
        Counted from 1.
    claim : str
        As written.
    verdict : str or None
        None if the line could not be read.
    expected : str
        What is right, for the left side; empty for a definition.
    diagnosis : Diagnosis or None
        Of a wrong line the slip; of a right one a convention, if it needs one.
    witness : Witness or None
    follows : bool
        Whether it is what one gets from the person's own lines before, right or wrong.
    error : str or None
        Why it could not be read.
    reason : str
        What the verdict rests on.
    note : str
        How the line was understood.
    defines : str
        The name that the line defines, if it does and claims nothing else: right by construction, and no evidence.
    """

    line: int
    claim: str
    verdict: str | None
    expected: str = ""
    diagnosis: Diagnosis | None = None
    witness: Witness | None = None
    follows: bool = False
    error: str | None = None
    reason: str = ""
    note: str = ""
    defines: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "line": self.line,
            "claim": self.claim,
            "verdict": self.verdict,
            "expected": self.expected,
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
            "witness": self.witness.to_dict() if self.witness else None,
            "follows": self.follows,
            "error": self.error,
        }


@dataclass(frozen=True)
class Report:
    """What was found about the lines of a text.

    Attributes
    ----------
    lines : tuple of Line
    missing : tuple of str
        Results that the lines lack, as ``D(J,w[i])``: gradients of parameters, and derivatives used and never given.
    """

    lines: tuple[Line, ...]
    missing: tuple[str, ...] = ()

    @property
    def claims(self) -> tuple[Line, ...]:
        """The lines that say more than what a name of their own stands for."""
        return tuple(line for line in self.lines if not line.defines)

    @property
    def verdict(self) -> str | None:
        """Any refuted, else any undecided, else any agrees, else proved; None if there was nothing to judge."""
        found = {line.verdict for line in self.claims}
        return next((verdict for verdict in SEVERITY if verdict in found), None)

    @property
    def first_wrong(self) -> Line | None:
        """The first line that is refuted."""
        return next((line for line in self.lines if line.verdict == "refuted"), None)

    @property
    def wrong_lines(self) -> int:
        """How many lines are wrong or cannot be read."""
        return sum(line.verdict == "refuted" or line.error is not None for line in self.lines)

    @property
    def score(self) -> float | None:
        """The part of the lines that are right or follow from the person's own, in [0, 1]."""
        judged = [line for line in self.claims if line.verdict is not None or line.error]
        if not judged:
            return None
        return sum(line.verdict in ("proved", "agrees") or line.follows for line in judged) / len(judged)

    @property
    def exit_status(self) -> int:
        """0 right, 1 a line is refuted, 2 a line could not be read, 3 undecided, or nothing but definitions."""
        if any(line.error for line in self.lines) or not self.lines:
            return 2
        return {"refuted": 1, "undecided": 3, None: 3}.get(self.verdict, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "verdict": self.verdict,
            "lines": [line.to_dict() for line in self.lines],
            "missing": list(self.missing),
        }

    def to_text(self, width: int = 80, colour: bool = False) -> str:
        """Return the report for a terminal, `width` columns wide."""
        from symprop.verification.report_forms import to_text

        return to_text(self, width, colour)

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        from symprop.verification.report_forms import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return the report as one HTML page."""
        from symprop.verification.report_forms import to_html

        return to_html(self)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from symprop.verification.report_forms import to_html

        return to_html(self, fragment=True)


def check(network: Network, text: str, seed: int = 0) -> Report:
    """Judge the lines of a hand derivation.

    Parameters
    ----------
    network : Network
    text : str
        One or several lines; see `symprop.verification.claims`.
    seed : int
        Of the random sizes and points.

    Returns
    -------
    Report
        One `Line` for each line that says something. A line that cannot be read is an error of that line alone.
    """
    return Session(network, seed).check(text)


class Session:
    """Judges texts about one network; derivations and points are made once."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self.network = network
        self.seed = seed
        self.judge = Judge(network, seed)

    def check(self, text: str) -> Report:
        """Return the report on one text; texts do not see each other's definitions."""
        self.judge.forget_definitions()
        claims = read_claims(text, self.network)
        network, parts = named_parts(text, claims, self.network)
        if parts:
            return _Checking(Judge(network, self.seed, parts), parts).report(text, read_claims(text, network))
        return _Checking(self.judge).report(text, claims)


def divisors_of(expr: Expr) -> Iterator[Size]:
    """Yield the sizes by which something is divided, as a mean is."""
    for node in walk(expr):
        if isinstance(node, Power) and node.exponent == Number(Fraction(-1)):
            yield from (factor for factor in walk(node.base) if isinstance(factor, Size))


@dataclass
class _Own:
    """What a person's wrong line says in place of the truth: the value of a derivative."""

    kind: str  # "D" or "P"
    of: Access
    by: Access
    value: Expr
    line: int


@dataclass
class _Checking:
    """The judging of one text, line after line."""

    judge: Judge
    parts: Mapping[str, Equation] = field(default_factory=dict)  # by their names: what this text names in the network
    own: list[_Own] = field(default_factory=list)
    forward: list[Question] = field(default_factory=list)  # wrong lines about forward values
    misplaced: dict[str, int] = field(default_factory=dict)  # index -> line in which a sum over it was misplaced
    slips: list[tuple[str, str, Expr]] = field(default_factory=list)  # that lines were found to have
    lacking: list[str] = field(default_factory=list)  # names such as dZ that are wrong by the size of a mean alone
    given: list[Derivative] = field(default_factory=list)
    used: list[Derivative] = field(default_factory=list)
    owned: frozenset[str] = frozenset()  # names such as dZ that are what their lines define

    def report(self, text: str, claims: tuple[Claim, ...], owned: frozenset[str] = frozenset()) -> Report:
        """Judge the claims of a text; names in `owned`, such as dZ, are what their lines define."""
        self.owned = owned
        lines = tuple(line for claim in claims for line in self.line(claim))
        if owned:
            own = {f"{name} is a name of this text: later lines have the factor that it lacks" for name in owned}
            lines = tuple(
                replace(line, note=next((note for note in own if note.split()[0] == line.defines), line.note))
                for line in lines
            )
        found = Report(lines, self.missing(len(claims)))
        further = {name for name in self.lacking if name not in owned}
        if not further:
            return found
        # dZ = A - Y, and the mean over the examples is taken in the lines after: then it is no slip of this line.
        self.judge.forget_definitions()
        again = read_claims(text, self.judge.original, owned | further)
        other = _Checking(self.judge, self.parts).report(text, again, owned | further)
        turned = len(found.claims) - len(other.claims)  # lines after must show that it is meant so
        return other if other.wrong_lines + turned < found.wrong_lines else found

    def line(self, claim: Claim) -> Iterator[Line]:
        if claim.kind == "error":
            yield Line(claim.line, claim.text, None, error=str(claim.error))
            return
        try:
            for side in claim.sides:
                self.judge.without_operators(side)  # derivations are made once for all lines: not on this one's time
            self.judge.until = time.thread_time() + LINE_LIMIT
            yield self.judged(claim)
        except SympropError as error:
            yield Line(claim.line, claim.text, None, error=str(error))
        except RecursionError:
            yield Line(claim.line, claim.text, "undecided", reason="the claim is nested too deeply")
        finally:
            self.judge.until = math.inf

    def judged(self, claim: Claim) -> Line:
        if claim.kind == "update":
            return self.update(claim)
        sides = claim.sides
        tolerances = claim.tolerances or (None,) * len(sides)
        self.note(claim)
        part = self.parts.get(sides[0].name) if isinstance(sides[0], Access) else None
        if part is not None and part.line == claim.line:
            sides, tolerances = sides[1:], tolerances[1:]
            if len(sides) == 1:
                return Line(
                    claim.line, claim.text, "proved", follows=True, reason="a definition",
                    note="; ".join(filter(None, (claim.note, self.judge.note_on_part(part)))), defines=part.name,
                )  # fmt: skip
        if claim.kind == "definition":
            assert claim.equation is not None
            line = self.without_mean(claim)
            if line is not None:
                return line
            self.judge.define(claim.equation, claim.axes)
            sides, tolerances = sides[1:], tolerances[1:]
            if len(sides) == 1:
                return Line(
                    claim.line, claim.text, "proved", follows=True, reason="a definition", note=claim.note,
                    defines=claim.equation.name,
                )  # fmt: skip
        if claim.entries:
            return self.entries(claim)
        verdicts: list[Verdict] = []
        shapes = claim.shapes[-len(sides) :] or (Fit("same"),) * len(sides)
        for place, (left, right) in enumerate(pairwise(sides)):
            question = Question(
                left, right, claim.bounds, claim.condition, claim.point, claim.free_scalars, tolerances[place + 1]
            )
            layout = layout_of(shapes[place], shapes[place + 1])
            if layout == "same":
                verdict, diagnosis = self.link(question, claim)
            else:
                verdict, diagnosis = self.in_other_layout(question, claim, layout, shapes[place : place + 2])
            verdicts.append(verdict)
            if not verdict.is_right or diagnosis is not None:
                break
        worst = min(verdicts, key=lambda verdict: SEVERITY.index(verdict.verdict))
        self.refuse_unknown(claim, worst)
        fits = worst.is_right or layout in ("same", "row")
        by_convention = worst.is_right and diagnosis is not None and diagnosis.kind == "convention"
        follows = by_convention or self.shares_slip(worst, diagnosis) or (fits and self.follows(question, worst))
        if worst.verdict == "refuted" and fits:
            self.remember(question, claim)
            self.note_lacking(claim, question, diagnosis)
        return Line(
            claim.line,
            claim.text,
            worst.verdict,
            self.judge.expected(question.left, question),
            diagnosis,
            worst.witness,
            follows,
            None,
            worst.reason,
            "; ".join(filter(None, (claim.note, every_component(shapes)))),
        )

    def entries(self, claim: Claim) -> Line:
        """Judge a list entry by entry; the first wrong one is told, and how many there are."""
        wrong: list[Entry] = []
        first: tuple[Question, Verdict] | None = None
        verdicts: list[Verdict] = []
        for entry in claim.entries:
            question = Question(
                entry.left, entry.right, point=claim.point, free=claim.free_scalars, tolerance=entry.tolerance
            )
            verdict = self.judge.equal(question)
            verdicts.append(verdict)
            if verdict.verdict == "refuted":
                wrong.append(entry)
                first = first or (question, verdict)
        worst = min(verdicts, key=lambda verdict: SEVERITY.index(verdict.verdict))
        diagnosis, expected = None, ""
        if first is not None:
            question, worst = first
            expected = self.judge.expected(question.left, question)
            link, diagnosis = self.link(question, claim)
            if link.is_right:  # by a convention
                wrong, worst = [], link
            elif diagnosis is not None:
                place = ", ".join(map(str, wrong[0].place))
                others = f" {len(wrong)} of {len(claim.entries)} entries are wrong." if len(wrong) > 1 else ""
                slip = f" {diagnosis.message}" if diagnosis.kind != "unrecognised" else ""
                message = f"Entry [{place}] is {expected}, not {wrong[0].written}.{others}{slip}"
                diagnosis = replace(diagnosis, message=message)
        elif len(verdicts) > 1 and worst.is_right:
            worst = replace(worst, reason=f"each of {len(verdicts)} entries: {worst.reason}")
        follows = worst.is_right or (first is not None and self.follows(*first))
        return Line(
            claim.line, claim.text, worst.verdict, expected, diagnosis, worst.witness, follows, None, worst.reason,
            claim.note,
        )  # fmt: skip

    def refuse_unknown(self, claim: Claim, verdict: Verdict) -> None:
        """Refuse a line that is wrong for some value of a name that nothing defines.

        A rate such as eta may have any value. What else is a name of the person's own, said in words or on a line that
        could not be read: the line may well be right.
        """
        meant = {name.lower() for name in self.judge.original.quantities}  # T for t is a slip of its own
        unknown = [name for name in claim.free_scalars if name not in ANY_NUMBER and name.lower() not in meant]
        if verdict.verdict == "refuted" and unknown:
            raise DeclarationError(
                f"'{unknown[0]}' is defined nowhere",
                hint=f"Write what it stands for on a line before, {unknown[0]} = ...\n"
                "For some numbers the line is wrong.",
            )

    def note(self, claim: Claim) -> None:
        """Note which derivatives a line gives and which it uses."""
        for place, side in enumerate(claim.sides):
            if place == 0 and isinstance(side, Derivative):
                self.given.append(side)
                continue
            self.used += [node for node in walk(side) if isinstance(node, Derivative) and node.kind == "D"]

    def note_lacking(self, claim: Claim, question: Question, diagnosis: Diagnosis | None) -> None:
        """Note a ``dZ`` of a quantity between inputs and results that is wrong by nothing but the size of a mean."""
        by = question.left.by if isinstance(question.left, Derivative) else None
        if by is None or not claim.by_habit or diagnosis is None:
            return
        is_between = self.judge.original.quantities[by.name].role == "defined"
        if is_between and "averaged" in (diagnosis.kind, *diagnosis.also):
            self.lacking.append(f"d{by.name}")

    def without_mean(self, claim: Claim) -> Line | None:
        """Judge a ``dZ`` of this text to which later lines give the mean: the derivative times the number of examples.

        If it is wrong, later lines have what is right in its place, since this slip costs this line.
        """
        network = self.judge.original
        equation, objective = claim.equation, network.objective
        if equation is None or objective is None or equation.name not in self.owned:
            return None
        divisors = {size for one in network.equations for size in divisors_of(one.expression)}
        count = network.indices[network.batch].upper if network.batch is not None else None
        if count is None and len(divisors) == 1:
            (count,) = divisors
        if count is None:
            return None
        by = Access(equation.name[1:], equation.target.indices)
        if by.name not in network.quantities or len(by.indices) != len(network.quantities[by.name].axes):
            return None
        true = mul(count, Derivative("D", Access(objective.name, ()), by))
        question = Question(true, equation.expression, claim.bounds, TRUE, claim.point, claim.free_scalars)
        self.judge.without_operators(true)
        verdict = self.judge.equal(question)
        if verdict.verdict != "refuted":
            return None
        diagnosis = Diagnoser(self.judge).diagnose(question, claim)
        self.judge.define(replace(equation, expression=true), claim.axes)
        expected = self.judge.expected(true, question)
        note = f"{equation.name} lacks the factor of the mean, which later lines have"
        return Line(
            claim.line, claim.text, "refuted", expected, diagnosis, verdict.witness, False, None, verdict.reason, note
        )

    # -- one equality --------------------------------------------------------------------------------------------

    def link(self, question: Question, claim: Claim) -> tuple[Verdict, Diagnosis | None]:
        """Judge one link of a chain: the verdict, and why it is wrong or by which convention it is right."""
        judge = self.judge
        if claim.only_right:
            verdict = judge.equal(question)
            if verdict.verdict == "refuted" or verdict.verdict == "undecided":
                return replace(verdict, verdict="refuted"), self.free_index(question, claim)
            return verdict, None
        verdict = judge.equal(question)
        if verdict.is_right:
            return verdict, judge.kink_convention(question)
        if verdict.verdict == "undecided":
            return verdict, None
        other = self.by_convention(question, claim)
        if other is not None:
            return other
        if verdict.by_default:
            return verdict, self.by_default(question)
        if verdict.outside:
            return verdict, self.outside(question, verdict)
        diagnosis = Diagnoser(judge).diagnose(question, claim)
        if diagnosis.kind == "unrecognised" or len(diagnosis.slips) > 1:
            diagnosis = self.slip_by_convention(question, claim) or diagnosis
        if diagnosis.kind in ("unrecognised", "averaged") or len(diagnosis.slips) > 1:
            diagnosis = self.slip_at_defaults(question, claim) or diagnosis
        return verdict, self.in_context(question, diagnosis, claim)

    def slip_by_convention(self, question: Question, claim: Claim) -> Diagnosis | None:
        """Return the one slip of a line that is meant by another convention, if it has one."""
        for other, words in self.conventions(question, claim):
            found = Diagnoser(self.judge).diagnose(other, claim)
            if found.kind not in ("unrecognised", "condition", "dropped-term") and len(found.slips) < 2:
                return replace(found, message=f"{words} {found.message}")
        return None

    def conventions(self, question: Question, claim: Claim) -> Iterator[tuple[Question, str]]:
        """Yield what a line about a derivative may mean by other conventions, and how to say so."""
        left = question.left
        if not isinstance(left, Derivative) or left.kind != "D":
            return
        objective = self.judge.network.objective
        if claim.by_habit and objective is not None and objective.sense == "maximize":
            yield (
                replace(question, left=negative(left), right=question.right),
                f"As the derivative of the loss -{objective.name}, which is minimised, it has one slip.",
            )

    def in_other_layout(
        self, question: Question, claim: Claim, layout: str, shapes: Sequence[Fit]
    ) -> tuple[Verdict, Diagnosis | None]:
        """Judge a link between arrays of different shapes; the sides are aligned as far as they can be."""
        judge, left = self.judge, claim.sides[0]
        shown = judge.shown(question.left)
        one, other = (shape_of(fit.extents) for fit in shapes)
        is_derivative = isinstance(left, Derivative)
        is_jacobian = isinstance(left, Derivative) and len(left.of.indices) == 1 == len(left.by.indices)
        if layout == "none":
            why = shapes[1].error or shapes[0].error
            if why is not None:
                message = f"{why.message}. {why.hint or ''}".rstrip()
            else:
                message = f"The shapes do not fit: {shown} has shape {one}, and this has shape {other}."
            message += f" It is {judge.expected(question.left, question)}."
            return self.of_another_shape(shapes), Diagnosis("shape", message)
        verdict = judge.equal(question)
        if layout == "diagonal":
            if verdict.is_right:
                message = f"This is the diagonal of a matrix of shape {one}: write diag(...) of it for {shown}."
            else:
                message = (
                    f"The shapes do not fit: {shown} has shape {one}, and this has shape {other}. "
                    f"It is {judge.expected(question.left, question)}."
                )
            return self.of_another_shape(shapes), Diagnosis("shape", message)
        if layout == "row":
            if not verdict.is_right:
                return self.link(question, claim)
            if is_derivative:
                message = f"Right in the layout in which {shown} is a row; here it is a column, as what it is by."
                if not is_jacobian:
                    return verdict, Diagnosis("convention", message)
            return self.of_another_shape(shapes), Diagnosis(
                "transposed",
                "This is the transpose of what is right: a row stands for a column, or a column for a row.",
            )
        if is_jacobian:
            if verdict.is_right:
                message = (
                    f"Right in the layout [by, of], of shape {other}; here derivatives of vectors are laid out as "
                    f"[of, by], of shape {one}: {shown}."
                )
                return verdict, Diagnosis("convention", message)
            return self.link(question, claim)
        where_ = (
            " It would stand in the layout in which a derivative by a matrix has the shape of its transpose."
            if is_derivative
            else ""
        )
        if verdict.is_right:
            message = f"This is the transpose: {shown} has shape {one}, and this has shape {other}.{where_}"
            return self.of_another_shape(shapes), Diagnosis("transposed", message)
        verdict, inner = self.link(question, claim)
        if inner is None:
            return verdict, None
        message = f"This has the shape {other} of the transpose, not {one}. In the other layout: {inner.message}"
        return verdict, replace(inner, message=message, also=("transposed", *inner.also))

    def of_another_shape(self, shapes: Sequence[Fit]) -> Verdict:
        """Return the verdict on two arrays of different shapes, with the least different sizes that tell them apart."""
        sampler = Sampler(self.judge.network, self.judge.seed, self.judge.defaults)
        names = sampler.free_sizes()
        sizes = sampler.complete({name: place + 2 for place, name in enumerate(names)}) or {}
        known = size_values(sizes, self.judge.network)
        true, claimed = (
            f"an array of shape {shape_of(normal(substitute(extent, known)) for extent in fit.extents)}"
            if fit.extents
            else ("not defined" if fit.error else "a number")
            for fit in shapes
        )
        return Verdict("refuted", "the two sides differ in shape", Witness(dict(sizes), {}, {}, claimed, true))

    def by_convention(self, question: Question, claim: Claim) -> tuple[Verdict, Diagnosis] | None:
        """Return the verdict of a line that is right by another convention."""
        left = question.left
        if not isinstance(left, Derivative) or left.kind != "D":
            return None
        network = self.judge.network
        shown = self.judge.shown(left)
        if left.of.name in network.definitions and any(
            left.by.name in names_of(equation.expression) for equation in network.definitions[left.of.name]
        ):
            local = self.judge.equal(replace(question, left=Derivative("P", left.of, left.by)))
            if local.is_right:
                message = (
                    f"Right as the partial derivative of the one equation that defines {left.of}, with everything "
                    f"else held fixed; as the derivative with everything recomputed, {shown} is "
                    f"{self.judge.expected(left, question)}. Write P({left.of}, {left.by}) to be clear."
                )
                return local, Diagnosis("convention", message)
        objective = network.objective
        habit = objective is not None and claim.by_habit and left.of.name == objective.name
        if objective is not None and habit and objective.sense == "maximize":
            turned = self.judge.equal(replace(question, right=negative(question.right)))
            if turned.is_right:
                message = (
                    f"Right for the loss -{objective.name}, which is minimised; the network maximises {objective.name}."
                )
                return turned, Diagnosis("convention", message)
        transposed = self.transposed(question)
        if transposed is not None:
            return transposed
        return None

    def transposed(self, question: Question) -> tuple[Verdict, Diagnosis] | None:
        """Vectors by vectors have two layouts, [of, by] and [by, of]; both are right."""
        left = question.left
        assert isinstance(left, Derivative)
        if len(left.of.indices) != 1 or len(left.by.indices) != 1 or not question.bounds:
            return None
        of, by = left.of.indices[0], left.by.indices[0]
        if not isinstance(of, Index) or not isinstance(by, Index) or of is by:
            return None
        bounds = {bound.index: bound for bound in question.bounds}
        if of not in bounds or by not in bounds or bounds[of][1:3] != bounds[by][1:3]:
            return None
        swapped = replace(question, right=substitute(question.right, {of: by, by: of}))
        verdict = self.judge.equal(swapped)
        if not verdict.is_right:
            return None
        message = f"Right in the layout [by, of]; here derivatives of vectors are laid out as [of, by]: {left}."
        return verdict, Diagnosis("convention", message)

    def free_index(self, question: Question, claim: Claim) -> Diagnosis:
        names = [index.name for index in claim.only_right]
        one = names[0]
        expected = self.judge.expected(question.left, question)
        earlier = next((self.misplaced[name] for name in names if name in self.misplaced), None)
        left = self.judge.shown(question.left)
        repair = ""
        bounds = tuple(bound for bound in question.bounds if bound.index in claim.only_right)
        summed = replace(
            question,
            right=reduce("sum", bounds, question.right),
            bounds=tuple(bound for bound in question.bounds if bound not in bounds),
        )
        if self.judge.equal(summed).is_right:
            if earlier is not None:
                return Diagnosis(
                    "sum-misplaced",
                    f"The sum over {one} belongs here, around the product; in line {earlier} it stands in a factor, "
                    f"where it does not belong. {left} is {expected}.",
                    also=("free-index",),
                )
            repair = f" Summed over {', '.join(names)} it is right: every {one} has its path."
        return Diagnosis(
            "free-index",
            f"The index {one} stands on the right and not on the left: for which {one} should it hold?{repair} "
            f"It is {left} = {expected}.",
        )

    def outside(self, question: Question, verdict: Verdict) -> Diagnosis:
        """A read outside a range: a limit on the claim is missing, or the index is wrong."""
        judge = self.judge
        if verdict.reason.startswith(NO_LEFT_SIDE):
            return Diagnosis("wrong-index", f"There is no {judge.shown(question.left)}: {verdict.outside}.")
        inside = judge.holds_inside(question)
        if inside:
            return Diagnosis(
                "condition",
                f"Here {verdict.outside}. Elsewhere the line is right: say for which "
                "values it holds, as in 'for t = 1..T-1'.",
            )
        diagnosis = Diagnoser(judge).diagnose(question, None)
        message = f"Here {verdict.outside}."
        if diagnosis.kind in ("transposed", "wrong-index", "index-shift", "wrong-quantity", "wrong-layer"):
            return replace(diagnosis, message=f"{message} {diagnosis.message}")
        return Diagnosis("wrong-index", f"{message} It is {judge.expected(question.left, question)}.")

    def slip_at_defaults(self, question: Question, claim: Claim) -> Diagnosis | None:
        """Return the one slip of a line in which a number stands for a size that has it by default."""
        judge = self.judge
        if not question.has_numbers or not judge.loose(question):
            return None
        found = Diagnoser(judge).diagnose(replace(question, stated_sizes=True), claim)
        if found.kind in ("unrecognised", "condition") or len(found.slips) > 1:
            return None
        words = judge.default_words()
        return replace(found, message=f"{found.message} Where {words}, a default, nothing else is wrong.")

    def by_default(self, question: Question) -> Diagnosis:
        """A number stands for a size, which is that number only by default."""
        words = self.judge.default_words()
        name = words.split(" = ")[0]
        return Diagnosis(
            "condition",
            f"This is right only if {words}. That is a default, which --size {name}=... replaces: write {name} for the "
            f"number. It is {self.judge.expected(question.left, question)}.",
        )

    def in_context(self, question: Question, diagnosis: Diagnosis, claim: Claim) -> Diagnosis:
        """A sum within a local partial derivative that belongs to the adjoint is misplaced."""
        left = question.left
        if not isinstance(left, Derivative) or diagnosis.kind != "extra-sum":
            return diagnosis
        own = free_indices(left.of) - free_indices(left.by)
        for index in own:
            self.misplaced.setdefault(index.name, claim.line)
        if left.kind == "P" and own:
            message = (
                f"{diagnosis.message} It belongs into the derivative by {left.by}, where the paths through every "
                f"{left.of} are added up, and not into the derivative of one {left.of}."
            )
            return replace(diagnosis, kind="sum-misplaced", message=message, also=("extra-sum",))
        return diagnosis

    # -- what follows --------------------------------------------------------------------------------------------

    def remember(self, question: Question, claim: Claim) -> None:
        """Keep what a wrong line says of a derivative: later lines may build on it."""
        left = question.left
        if claim.condition is not TRUE or claim.only_right:
            return
        if isinstance(left, Access) and left.name in self.judge.original.definitions:
            if left.name not in names_of(question.right):
                self.forward.append(question)
            return
        if not isinstance(left, Derivative) or question.point:
            return
        indices = (*left.of.indices, *left.by.indices)
        if not all(isinstance(index, Index) for index in left.by.indices) or not all(
            isinstance(index, (Index, Number)) for index in indices
        ):
            return
        self.own.append(_Own(left.kind, left.of, left.by, question.right, claim.line))

    def follows(self, question: Question, verdict: Verdict) -> bool:
        """Whether a line is what one gets from the person's own lines before."""
        if not self.own and not self.forward:
            return verdict.is_right
        if verdict.is_right and self.uses_own(question.right):
            return True  # an identity: true of the person's derivatives too
        try:
            if not verdict.is_right and self.judge.looks_right(question):
                return False  # wrong only beyond the points at which it would be told
            return self.follows_by_numbers(question)
        except (SympropError, RecursionError):
            return verdict.is_right

    def uses_own(self, expr: Expr) -> bool:
        """Whether an expression reads a derivative that a line before gave wrongly."""
        return any(
            isinstance(node, Derivative) and any(self.matched(own, node) is not None for own in self.own)
            for node in walk(expr)
        )

    def shares_slip(self, verdict: Verdict, diagnosis: Diagnosis | None) -> bool:
        """Whether a line is wrong by one slip in the true derivation that a line before has made already."""
        if verdict.verdict != "refuted" or diagnosis is None or len(diagnosis.slips) != 1:
            return False
        slip = diagnosis.slips[0]
        key = (slip.kind, slip.what, slip.result)
        if key in self.slips:
            return True
        self.slips.append(key)
        return False

    def follows_by_numbers(self, question: Question) -> bool:
        judge = self.judge
        left = self.in_own_terms(question.left, top=True)
        right = self.in_own_terms(question.right)
        draw = judge.gentle(question)
        probe = Probe(judge.network, draw.points[0].sizes, [point.values for point in draw.points])
        judge.with_free(replace(draw, probe=probe), 0, question.free)
        judge.fill_raw(left, right)
        for earlier in self.forward:
            # What is defined last holds: the person's value in place of the true one.
            if earlier.point == question.point or not earlier.point:
                assert isinstance(earlier.left, Access)
                probe.define(earlier.left, earlier.bounds, self.in_own_terms(earlier.right))
        for name, adjoint in judge.adjoints.items():
            axes = tuple(Axis(bound.index, bound.lower, bound.upper) for bound in adjoint.bounds)
            probe.define(adjoint.access, adjoint.bounds, self.own_row(name), axes)
        return Diagnoser(judge).same(
            probe.entries(right, question.bounds), probe.entries(left, question.bounds), question
        )

    def in_own_terms(self, expr: Expr, top: bool = False) -> Expr:
        """Write derivatives as the person's lines have them; the one that is claimed (`top`) by the chain rule."""
        if top and isinstance(expr, Derivative) and expr.kind == "D":
            access = self.judge.without_operators(expr)
            if isinstance(access, Access) and access.name in self.judge.adjoints:
                adjoint = self.judge.adjoints[access.name]
                own = dict(zip(adjoint.access.indices, access.indices, strict=True))
                return substitute(self.own_row(access.name, chain=True), own)
            return access
        if top and isinstance(expr, Access) and expr.name in self.judge.original.definitions:
            return self.judge.value_of(expr, self.judge.original.definitions[expr.name]) or expr

        def rule(node: Expr) -> Expr:
            if isinstance(node, Derivative):
                for own in reversed(self.own):
                    value = self.matched(own, node)
                    if value is not None:
                        return self.in_own_terms(value) if own.kind == "P" else self.judge.without_operators(node)
            return node

        return self.judge.without_operators(transform(expr, rule))

    def matched(self, own: _Own, node: Derivative) -> Expr | None:
        """Return the person's value of a derivative, in the indices of `node`."""
        if own.kind != node.kind or own.of.name != node.of.name or own.by.name != node.by.name:
            return None
        mapping: dict[Expr, Expr] = {}
        pairs = zip((*own.of.indices, *own.by.indices), (*node.of.indices, *node.by.indices), strict=True)
        for mine, theirs in pairs:
            if isinstance(mine, Index):
                if mapping.setdefault(mine, theirs) is not theirs:
                    return None
            elif mine is not theirs:
                return None
        return substitute(own.value, mapping)

    def own_row(self, name: str, chain: bool = False) -> Expr:
        """Return the right side of an adjoint as the person has it: overridden, or by their local partials."""
        judge = self.judge
        adjoint = judge.adjoints[name]
        seeds = len(judge.original.quantities[judge.numerators[name]].axes)
        of = Access(judge.numerators[name], adjoint.access.indices[:seeds])
        by = Access(adjoint.of, adjoint.access.indices[seeds:])
        if not chain:
            for own in reversed(self.own):
                value = self.matched(own, Derivative("D", of, by))
                if value is not None:
                    return self.in_own_terms(value)
        for own in reversed(self.own):
            if own.kind == "P" and own.by.name == adjoint.of:
                value = self.through_own_partial(own, of, by, name)
                if value is not None:
                    return value
        return judge.raw(name)

    def through_own_partial(self, own: _Own, of: Access, by: Access, name: str) -> Expr | None:
        """The chain rule through one quantity with the person's partial, if that quantity is the only reader."""
        judge = self.judge
        judge.raw(name)
        readers = {term.equation.name for term in judge.plain[name].terms}
        if readers != {own.of.name} or not all(isinstance(index, Index) for index in own.of.indices):
            return None
        mapping: dict[Expr, Expr] = dict(zip(own.by.indices, by.indices, strict=True))
        value = substitute(own.value, mapping)
        reader = Access(own.of.name, tuple(mapping.get(index, index) for index in own.of.indices))
        cotangent = judge.without_operators(Derivative("D", of, reader))
        quantity = judge.original.quantities[own.of.name]
        summed = tuple(
            Bound(index, axis.lower, axis.upper)
            for index, axis in zip(own.of.indices, quantity.axes, strict=True)
            if index not in mapping and isinstance(index, Index)
        )
        return reduce("sum", summed, mul(cotangent, self.in_own_terms(value)))

    # -- results that are missing --------------------------------------------------------------------------------

    def missing(self, count: int) -> tuple[str, ...]:
        """Return the derivatives that are used and never given, and the gradients never given (of several lines)."""
        network = self.judge.original
        if count < 2 or not self.given:
            return ()
        given = {(node.of.name, node.by.name) for node in self.given}
        found: dict[str, None] = {}
        for node in self.used:
            if (node.of.name, node.by.name) not in given and node.of.name != node.by.name:
                quantity, by = network.quantities.get(node.of.name), network.quantities.get(node.by.name)
                if quantity is not None and by is not None and by.role == "defined":
                    found[str(Derivative("D", quantity.access, by.access))] = None
        objective = network.objective
        # Without roles every input counts as a parameter: those by which a line differentiates are asked for.
        asked = {node.by.name for node in (*self.given, *self.used)}
        if objective is not None:
            for name in network.parameters:
                if (objective.name, name) not in given and (network.declares_roles or name in asked):
                    access = Access(objective.name, ())
                    found[str(Derivative("D", access, network.quantities[name].access))] = None
        return tuple(found)

    # -- updates -------------------------------------------------------------------------------------------------

    def update(self, claim: Claim) -> Line:
        """Judge ``theta <- theta - eta*D(L, theta)``: the step descends (ascends under maximize) for small eta > 0."""
        judge = self.judge
        target, new = claim.sides
        assert isinstance(target, Access)
        if claim.equation is not None:  # w_new = ...: lines to come may use the new value
            judge.define(claim.equation, claim.axes)
        objective = judge.network.objective
        named = [node.of for node in walk(new) if isinstance(node, Derivative) and not node.of.indices]
        sense = objective.sense if objective is not None else "minimize"
        source = Access(objective.name, ()) if objective is not None else None
        if named and (objective is None or not objective.stated):
            source, sense = named[0], "minimize"
        if source is None:
            raise SympropError("there is no objective that the step could descend")
        gradient: Expr = Derivative("D", source, target)
        downhill = negative(gradient) if sense == "minimize" else gradient
        step = new - target
        word = "descends" if sense == "minimize" else "ascends"
        sign = "-" if sense == "minimize" else "+"
        rate = next((name for name in claim.free_scalars if name in ("eta", "lr", "alpha", "lambda")), None)
        rate = rate or (claim.free_scalars[0] if claim.free_scalars else "eta")
        expected = f"{target} {sign} {rate}*{gradient}"
        if claim.only_right:
            question = Question(target, new, claim.bounds)
            return Line(
                claim.line, claim.text, "refuted", expected, self.free_index(question, claim), None, False, None, "", ""
            )
        scalars = [*claim.free_scalars, *(q.name for q in judge.network.of_role("hyperparameter"))]
        rates: list[Expr] = [ONE, *(Access(name, ()) for name in scalars)]
        rates += [mul(a, b) for n, a in enumerate(rates[1:]) for b in rates[n + 2 :]]
        steps = [
            Question(mul(rate_, downhill), step, claim.bounds, claim.condition, free=claim.free_scalars)
            for rate_ in rates
        ]
        verdict, turned, direction = judge.descends(steps[0])
        # The step is the gradient times a rate that is positive: then it is proved.
        if direction == "along":
            for question in steps:
                if judge.looks_right(question) and judge.equal(question).verdict == "proved":
                    return Line(
                        claim.line, claim.text, "proved", expected, None, None, True, None,
                        f"the step is along the gradient and {word}", claim.note,
                    )  # fmt: skip
        follows = verdict.is_right or any(self.follows(question, verdict) for question in steps)
        diagnosis, reason = None, verdict.reason
        if turned:
            diagnosis = Diagnosis(
                "update-direction",
                f"The step goes the wrong way: {target} {'+' if sign == '-' else '-'} a gradient "
                f"{'ascends' if word == 'descends' else 'descends'} {source}. Write {expected}.",
            )
        elif verdict.verdict == "refuted" or (verdict.is_right and direction == "askew"):
            # What stands for the gradient is compared with it: the step without its rate.
            rateless = substitute(step, {Access(rate, ()): ONE}) if rate in scalars else step
            claimed = negative(rateless) if sense == "minimize" else rateless
            asked = Question(gradient, claimed, claim.bounds, claim.condition, free=claim.free_scalars)
            inner = Diagnoser(judge).diagnose(asked, claim)
            if verdict.is_right:
                known = "" if inner.kind == "unrecognised" else f" {inner.message}"
                message = f"The step {word}, and is not one along the gradient.{known} Write {expected}."
            else:
                message = f"The step does not {word[:-1]} {source} everywhere. Write {expected}."
                message = message if inner.kind == "unrecognised" else inner.message
            kind = "update-direction" if inner.kind == "unrecognised" else inner.kind
            diagnosis = replace(inner, kind=kind, message=message)
        elif verdict.is_right:
            reason += "; it is along the gradient"
            if direction == "other length":
                reason += ", and its length is not that of the gradient times a rate"
        return Line(
            claim.line, claim.text, verdict.verdict, expected, diagnosis, verdict.witness, follows, None,
            reason, claim.note,
        )  # fmt: skip


def every_component(shapes: Sequence[Fit]) -> str:
    """Return the note on a line that says that a whole array equals one number."""
    if shapes[0].kind != "scalar" and any(fit.kind == "scalar" for fit in shapes[1:]):
        return "the number is taken for every component"
    return ""


def layout_of(one: Fit, other: Fit) -> str:
    """Return how the shapes of two sides fit each other, both given in relation to the left side of their line."""
    if "none" in (one.kind, other.kind) or (one.kind == "scalar" and other.kind != "scalar" and not one.wanted):
        return "none"
    if one.kind == other.kind or "scalar" in (one.kind, other.kind):
        return "same"
    return one.kind if one.kind != "same" else other.kind


def equal(left: str, right: str, seed: int = 0) -> Verdict:
    """Judge whether two scalar expressions in real variables are equal wherever both are defined.

    Parameters
    ----------
    left, right : str
        In the language of networks; unknown names are real variables.

    Returns
    -------
    Verdict
        Its `message` says where only one of the two is defined.

    Raises
    ------
    SympropError
        If one of them cannot be read.
    """
    from symprop.declaration.resolve import Resolver
    from symprop.declaration.scope import Scope
    from symprop.declaration.source import Source
    from symprop.declaration.syntax import read

    sides: list[Expr] = []
    names: dict[str, None] = {}
    for text in (left, right):
        source = Source(text.strip())
        span = source.whole()
        if span.start == span.end:
            raise SympropError("an expression is empty", hint="Write one such as 1/(1 + exp(-x)).")
        scope = Scope(source, undefined_are_inputs=True)
        sides.append(Resolver(scope, span).value(read(source, span, "expression")))
        for name, known in scope.quantities.items():
            if known.rank:
                raise SympropError(f"'{name}' has indices, and two scalar expressions are compared")
            names[name] = None
    network = Network({name: Quantity(name, "input") for name in names}, ())
    judge = Judge(network, seed)
    derived = any(mark in text for text in (left, right) for mark in ("diff", "'"))
    question = Question(sides[0], sides[1], by_convention=derived)
    return replace(judge.equal(question), message=judge.domains(question))


__all__ = [
    "ZERO",
    "Line",
    "Mapping",
    "Report",
    "Session",
    "Verdict",
    "check",
    "differ",
    "equal",
    "number",
    "size_values",
]  # fmt: skip
