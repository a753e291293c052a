"""A target that is the number of a class is trained from a table, and predicts the names of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import symprop
from symprop.errors import TableError
from symprop.runtime.fit_table import TableRun, fit_table, predict_table, report, targets_of
from symprop.runtime.table import Table

pytestmark = pytest.mark.usefixtures("in_plain_python")

ROWS = np.random.default_rng(0).normal(size=(60, 2))
CLASSES = 1 * (ROWS[:, 0] > 0.3) + 1 * (ROWS[:, 1] > 0)  # 0, 1 or 2
NAMES = ("cat", "dog", "eel")

NET = """
index i = 1..D, k = {range}
input x[i]
{target}
parameter w[k,i], b[k]
p[k] = softmax(k, sum(i, w[k,i]*x[i]) + b[k])
L = {loss}
minimize L
predict p
"""
NUMBERED = "-log(p[t])"
ONE_HOT = NET.format(range="1..K", target="target t[k]", loss="cross_entropy(k, t[k], p[k])")


def table(classes: list[str]) -> Table:
    columns = {"u": ROWS[:, 0], "v": ROWS[:, 1]}
    texts = {name: tuple(map(repr, map(float, values))) for name, values in columns.items()}
    return Table("pets.csv", {**texts, "pet": tuple(classes)}, tuple(range(2, 62)))


def trained(net: str, classes: list[str], **options: object) -> TableRun:
    return fit_table(symprop.parse(net), table(classes), epochs=5, learning_rate=0.1, **options)  # type: ignore[arg-type]


def named(names: tuple[str, ...] = NAMES) -> list[str]:
    return [names[number] for number in CLASSES]


@pytest.mark.parametrize(
    ("declared", "limits", "classes", "said"),
    [
        ("integer t in 1..K", "1..K", named(), "cat is 1, dog is 2, eel is 3"),
        ("target integer t in 1..K", "1..K", named(), "cat is 1, dog is 2, eel is 3"),
        ("integer t in 0..K-1", "0..K-1", named(), "cat is 0, dog is 1, eel is 2"),
        ("integer t in 0..K", "0..K", named(), "cat is 0, dog is 1, eel is 2"),
        ("integer t in 5..7", "5..7", named(), "cat is 5, dog is 6, eel is 7"),
        ("integer t in 1..K", "1..K", named(("1", "2", "3")), "1 is 1, 2 is 2, 3 is 3"),
        ("integer t in 1..K", "1..K", named(("0", "1", "2")), "0 is 1, 1 is 2, 2 is 3"),
        ("integer t in 1..K", "1..K", named(("10", "2.0", "30")), "2 is 1, 10 is 2, 30 is 3"),
    ],
)
def test_class_numbers_train_what_one_hot_targets_train(
    declared: str, limits: str, classes: list[str], said: str
) -> None:
    result = trained(NET.format(range=limits, target=declared, loss=NUMBERED), classes)
    assert said in " ".join(report(result, "pets.net", None, 0.0).split())
    # -log p[t] is the cross entropy with a one-hot t, so every epoch is the same.
    other = trained(ONE_HOT, classes)
    np.testing.assert_allclose(result.run.history["validation"], other.run.history["validation"], rtol=1e-9)
    assert result.scores["validation"] == other.scores["validation"]


def test_numbers_in_the_range_keep_their_meaning_where_one_does_not_occur() -> None:
    net = NET.format(range="1..K", target="integer t in 1..K", loss=NUMBERED)
    result = trained(net, named(("1", "2", "4")), sizes={"K": 4})
    assert "1 is 1, 2 is 2, 3 is 3, 4 is 4" in " ".join(report(result, "pets.net", None, 0.0).split())
    assert result.run.parameters["w"].shape == (4, 2)


def test_a_saved_model_predicts_the_names(tmp_path: Path) -> None:
    net = NET.format(range="0..K-1", target="integer t in 0..K-1", loss=NUMBERED)
    result = trained(net, named())
    run = symprop.load(result.run.save(tmp_path / "pets.npz"))
    text, complaints = predict_table(run, symprop.parse(run.network), table(named()))
    assert not complaints
    rows = [line.split(",") for line in text.splitlines()]
    assert rows[0] == ["line", "pet", "p[cat]", "p[dog]", "p[eel]"]
    probabilities = np.array([row[2:] for row in rows[1:]], dtype=float)
    assert [row[1] for row in rows[1:]] == [NAMES[place] for place in probabilities.argmax(axis=1)]
    frame = {"u": ROWS[:, 0].tolist(), "v": ROWS[:, 1].tolist()}
    np.testing.assert_allclose(run.predict(frame), probabilities, rtol=1e-4)


@pytest.mark.parametrize(
    ("classes", "sizes", "words"),
    [
        (named(), {"K": 4}, r"has 3 classes \(cat, dog, eel\), and the target t goes from 1 to 4"),
        (named(), {"K": 2}, "goes from 1 to 2"),
        ([str(u) for u in ROWS[:, 0]], {}, "Declare target t if it is a measured number"),
        (["cat"] * 60, {}, "only the value cat"),
    ],
)
def test_a_column_that_does_not_fit_is_refused(classes: list[str], sizes: dict[str, int], words: str) -> None:
    with pytest.raises(TableError, match=words):
        trained(NET.format(range="1..K", target="integer t in 1..K", loss=NUMBERED), classes, sizes=sizes)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        (NET.format(range="1..K", target="integer t in 1..K", loss=NUMBERED), ["t"]),
        (NET.format(range="1..K", target="integer t in 1..K", loss=NUMBERED).replace("predict p", ""), ["t"]),
        # An integer that the prediction needs is an input: it chooses an embedding.
        ("integer s in 1..V; target t; parameter E[v]; y = E[s]; L = (y - t)**2; predict y", ["t"]),
        ("index v = 1..V; integer s in 1..V; parameter E[v]; y = E[s]; L = y**2; predict y", []),
    ],
)
def test_a_target_is_what_only_the_objective_reads(text: str, targets: list[str]) -> None:
    assert targets_of(symprop.parse(text)) == targets
