"""What is found for one layer is found again for its equals, and for nothing else."""

from __future__ import annotations

import pytest

from symprop.algebra.expressions import Access, Expr, Index, Size, add, mul, number
from symprop.declaration.parser import parse
from symprop.derivation import reverse_sweep
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.templates import Renaming, Templates, UnlikeError

i, j = Index("i"), Index("j")


def x(name: str, *indices: Expr) -> Access:
    return Access(name, indices)


def deep(layers: int, *odd: int) -> str:
    """Return layers of one kind; those in `odd` have another function."""
    lines = ["index i, j = 1..H", "input h0[i]", "target t[i]"]
    for n in range(1, layers + 1):
        lines.append(f"parameter W{n}[i,j], g{n}[i]")
        lines.append(f"a{n}[i] = sum(j, W{n}[i,j]*h{n - 1}[j])")
        lines.append(f"m{n} = mean(i, a{n}[i])")
        lines.append(f"s{n} = mean(i, (a{n}[i] - m{n})**2)")
        function = "sigmoid" if n in odd else "tanh"
        lines.append(f"h{n}[i] = {function}(g{n}[i]*(a{n}[i] - m{n})/sqrt(s{n} + 1))")
    return "\n".join([*lines, f"L = sum(i, (h{layers}[i] - t[i])**2)/2", "minimize L"])


@pytest.mark.parametrize("odd", [(), (2,), (1, 3), (4,)])
def test_recalled_adjoints_are_those_that_would_be_found(odd: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    network = parse(deep(4, *odd))
    recalled = backpropagate(network)
    monkeypatch.setattr(Templates, "recall", lambda *_: None)
    found = backpropagate(network)
    for name, adjoint in found.adjoints.items():
        assert str(recalled.adjoints[name].textbook) == str(adjoint.textbook)
        assert str(recalled.adjoints[name].expression) == str(adjoint.expression)
        assert [step.rule for step in recalled.adjoints[name].steps] == [step.rule for step in adjoint.steps]


def test_equal_layers_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    keep = Templates.keep

    def count(
        self: Templates[object], question: tuple[object, ...], seen: dict[tuple[str, str], object], answer: object
    ) -> object:
        kept.append(question)
        return keep(self, question, seen, answer)

    monkeypatch.setattr(reverse_sweep.Templates, "keep", count)
    backpropagate(parse(deep(3)))
    three = len(kept)
    kept.clear()
    backpropagate(parse(deep(8)))
    assert len(kept) == three


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (mul(x("a"), x("b")), mul(x("c"), x("c"))),
        (mul(x("a"), x("a"), x("b")), mul(x("c"), x("d"))),
        (add(x("a", i), x("b", i)), add(x("a", i), x("b", j))),
        (x("a", i), x("a", Size("H"))),
        (add(x("a"), number(1)), add(x("a"), number(2))),
    ],
)
def test_what_reads_otherwise_is_refused(old: Expr, new: Expr) -> None:
    with pytest.raises(UnlikeError):
        Renaming().lay(old, new)


def test_copies_of_an_index_follow_it() -> None:
    renaming = Renaming()
    renaming.lay(x("a", i), x("b", j))
    assert str(renaming.apply(x("a", Index("i_2")))) == "b[j_2]"
    with pytest.raises(UnlikeError):
        renaming.apply(x("c", i))
